"""A Wire for servers whose every socket is one conversation: it needs a codec, a door, and the server's ping habits."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha1
from typing import Protocol, assert_never, final

from simulator.core.actions import Accept, After, Cancel, Close, Hold, Refuse, Release, Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import CallId, Closed, Knocked, Malformed, Opened, Received, Requested
from simulator.core.message import Frame, Headers, Message, Ping, Pong, Request, Response
from simulator.core.wire import (
    Aborted,
    Answer,
    Asked,
    Attached,
    Beat,
    Detached,
    Drain,
    Drop,
    Due,
    Got,
    Hangup,
    Input,
    Link,
    Output,
    Pause,
    Present,
    Put,
    Shut,
    Turn,
    Upgrade,
    Write,
)


class Codec(Protocol):
    """Frames of one envelope, both ways."""

    def decode(self, frame: Frame) -> Message:
        """Raises WireError."""
        ...

    def encode(self, message: Message) -> Frame:
        """Raises WireError."""
        ...


class Flaw(Enum):
    """Why a request is not the opening handshake of RFC 6455, section 4.2.1."""

    CONNECTION = auto()
    UPGRADE = auto()
    METHOD = auto()
    VERSION = auto()
    KEY = auto()


@dataclass(slots=True, frozen=True)
class Policy:
    """When a server pings, and when it takes a peer for dead."""

    ping_interval: float = 30.0
    """Seconds between two pings, the first after one interval; 0 for none."""
    pong_timeout: float = 60.0
    """Seconds without a pong after which the socket is dropped without a close frame; 0 for never."""
    drain: int | None = 1000
    """The close code at shutdown."""


def flaw(request: Request) -> Flaw | None:
    """The first flaw of a handshake, looked for in gorilla/websocket's order (server.go, Upgrade), or None."""
    if "upgrade" not in request.tokens("Connection"):
        return Flaw.CONNECTION
    if "websocket" not in request.tokens("Upgrade"):
        return Flaw.UPGRADE
    if request.method != "GET":
        return Flaw.METHOD
    if "13" not in request.tokens("Sec-WebSocket-Version"):
        return Flaw.VERSION
    try:
        key = base64.b64decode(request.header("Sec-WebSocket-Key") or "", validate=True)
    except ValueError:
        return Flaw.KEY
    return None if len(key) == 16 else Flaw.KEY


def accept_key(key: str) -> str:
    """The value of Sec-WebSocket-Accept (RFC 6455, section 4.2.2)."""
    # The RFC's own constant; nothing is secured by this hash.
    digest = sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


@final
class Peer:
    """One conn: opaque to rules, from the knock at the door to its end."""

    __slots__ = ("call", "gone", "held", "late", "link", "passed", "pings", "request")

    def __init__(self, call: CallId, request: Request) -> None:
        self.call = call
        self.request: Request | None = request
        self.link: Link | None = None
        self.pings = 0
        self.gone = False
        """The client left before its knock was answered."""
        self.held = False
        self.late = False
        """The pong deadline has passed while nothing was read."""
        self.passed = 0.0
        """When the last message did, on wires that count from there."""

    def __repr__(self) -> str:
        return f"<peer {self.call}>"


class Single:
    """The server's face."""

    __slots__ = ("_decode", "_door", "_encode", "_links", "_owed", "_policy", "_refuse", "_waiting")

    def __init__(self, codec: Codec, door: str, policy: Policy, refuse: Callable[[Request, Flaw], Response]) -> None:
        """Take upgrades on the route named `door`; `refuse` gives the answer to what is no handshake."""
        self._decode = codec.decode
        self._encode = codec.encode
        self._door = door
        self._policy = policy
        self._refuse = refuse
        self._waiting: dict[CallId, Peer] = {}
        self._links: dict[Link, Peer] = {}
        self._owed: dict[Peer, int] = {}

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """Server pings that no pong has answered yet."""
        return self._owed.items()

    def clients(self) -> Iterator[Present]:
        """Everybody whose socket is open."""
        return (Present(link, link, "websocket", {"": peer}) for link, peer in self._links.items())

    def number(self, session: str) -> CallId | None:
        """None: nobody polls."""
        return None

    def take(self, given: Input) -> list[Output]:
        """Work one input wholly; what it causes, in order."""
        if type(given) is Got:
            peer, item = self._links.get(given.link), given.item
            if peer is None:
                return []
            if type(item) is not Frame:
                return self._control(peer, given.link, item)
            decode = self._decode
            try:
                return [Received(peer, decode(item))]
            except WireError as error:
                return [Malformed(peer, error)]
        if type(given) is Send:
            return self._send(given)
        match given:
            case Due():
                return self._due(given)
            case Asked():
                return self._asked(given)
            case Accept() | Refuse():
                return self._answer(given)
            case Attached():
                return self._attached(given)
            case Detached():
                peer = self._links.get(given.link)
                return [] if peer is None else self._over(peer, given.code)
            case Close():
                return self._close(given)
            case Hold() | Release():
                return self._hold(given)
            case Aborted():
                return self._aborted(self._waiting.pop(given.call, None))
            case Beat():
                return [Write(link, Ping()) for link in self._links]
            case Drain():
                return self._drain()
            case Put():
                return [Write(given.client, given.frame)] if given.client in self._links else []
            case Hangup():
                return self._close(Close(self._links.get(given.client), given.code))
            case Reply():
                # No envelope of this kind has refs: an answer is a message like any other.
                return []
            case _:  # pragma: no cover
                assert_never(given)

    def heard(self, link: Link, frame: Frame) -> Received | None:
        """See `Straight`."""
        peer = self._links.get(link)
        if peer is None:
            return None
        decode = self._decode
        try:
            return Received(peer, decode(frame))
        except WireError:
            # `take` finds it once more, and tells.
            return None

    def said(self, send: Send | Reply) -> Write | None:
        """See `Straight`."""
        if type(send) is not Send or len(send.conns) != 1:
            return None
        peer = send.conns[0]
        if type(peer) is not Peer or (link := peer.link) not in self._links:
            return None
        encode = self._encode
        try:
            return Write(link, encode(send.message))
        except WireError:
            return None

    def _control(self, peer: Peer, link: Link, item: Ping | Pong) -> list[Output]:
        if isinstance(item, Ping):
            return [Write(link, Pong(item.data))]
        self._owed.pop(peer, None)
        return [After(self._policy.pong_timeout, peer, "pong")] if self._policy.pong_timeout else []

    def _send(self, send: Send) -> list[Output]:
        outputs: list[Output] = []
        links = self._links
        frame = None
        for peer in send.conns:
            if type(peer) is Peer and (link := peer.link) in links:
                if frame is None:
                    encode = self._encode
                    try:
                        frame = encode(send.message)
                    except WireError as error:
                        return [Malformed(peer, error)]
                outputs.append(Write(link, frame))
        return outputs

    def _due(self, due: Due) -> list[Output]:
        peer = due.owner
        assert isinstance(peer, Peer)
        assert peer.link is not None
        if due.name == "ping":
            peer.pings += 1
            self._owed[peer] = peer.pings
            return [Write(peer.link, Ping()), After(self._policy.ping_interval, peer, "ping")]
        if due.name == "pong":
            # A ping of the same instant still leaves: seen so with chip, whose silent clients get one at 60 s.
            return [After(0.0, peer, "late")]
        if peer.held:
            # Whose read loop is busy notices a deadline when it reads again.
            peer.late = True
            return []
        return [Drop(peer.link), *self._over(peer, 1006)]

    def _hold(self, given: Hold | Release) -> list[Output]:
        peer = given.conn
        if not isinstance(peer, Peer) or peer.link not in self._links:
            return []
        peer.held = isinstance(given, Hold)
        if peer.late:
            return [Drop(peer.link), *self._over(peer, 1006)]
        return [Pause(peer.link, peer.held)]

    def _asked(self, asked: Asked) -> list[Output]:
        if asked.route.name != self._door:
            return [Requested(asked.call, asked.request, asked.route)]
        peer = Peer(asked.call, asked.request)
        self._waiting[asked.call] = peer
        return [Knocked(peer, asked.request)]

    def _answer(self, answer: Accept | Refuse) -> list[Output]:
        peer = answer.conn
        if not isinstance(peer, Peer) or peer.request is None:
            return []
        if self._waiting.get(peer.call) is not peer:
            # The client went before the answer; who accepted it is told.
            peer.request = None
            return [Closed(peer)] if isinstance(answer, Accept) and peer.gone else []
        if isinstance(answer, Refuse):
            del self._waiting[peer.call]
            assert isinstance(answer.response, Response)
            return [Answer(peer.call, answer.response)]
        request, peer.request = peer.request, None
        wrong = flaw(request)
        if wrong is not None:
            del self._waiting[peer.call]
            return [Answer(peer.call, self._refuse(request, wrong)), Closed(peer)]
        return [Upgrade(peer.call, (*self._handshake(request), *answer.headers))]

    def _aborted(self, peer: Peer | None) -> list[Output]:
        if peer is None:
            return []
        peer.gone = True
        return [Closed(peer)] if peer.request is None else []

    def _drain(self) -> list[Output]:
        outputs = [out for peer in [*self._links.values()] for out in self._close(Close(peer, self._policy.drain))]
        # Those between their Upgrade and Attached have no socket to close yet: it is dropped when it comes.
        for peer in [peer for peer in self._waiting.values() if peer.request is None]:
            del self._waiting[peer.call]
            outputs.append(Closed(peer))
        return outputs

    def _handshake(self, request: Request) -> Headers:
        return (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", accept_key(request.header("Sec-WebSocket-Key") or "")),
        )

    def _attached(self, attached: Attached) -> list[Output]:
        peer = self._waiting.pop(attached.call, None)
        if peer is None:
            return [Drop(attached.link)]
        peer.link = attached.link
        self._links[attached.link] = peer
        policy = self._policy
        outputs: list[Output] = []
        if policy.ping_interval:
            outputs.append(After(policy.ping_interval, peer, "ping"))
        if policy.pong_timeout:
            outputs.append(After(policy.pong_timeout, peer, "pong"))
        outputs.append(Opened(peer))
        return outputs

    def _close(self, close: Close) -> list[Output]:
        peer = close.conn
        if not isinstance(peer, Peer) or peer.link not in self._links:
            return []
        shut = Drop(peer.link) if close.code == 1006 else Shut(peer.link, close.code, close.reason)
        return [shut, *self._over(peer, 1005 if close.code is None else close.code)]

    def _over(self, peer: Peer, code: int) -> list[Output]:
        assert peer.link is not None
        del self._links[peer.link]
        self._owed.pop(peer, None)
        return [Cancel(peer), Closed(peer, code)]


class Onlooker:
    """The reader's face: every frame is one turn."""

    __slots__ = ("_client", "_server")

    def __init__(self, client: Codec, server: Codec) -> None:
        """Two codecs: a server may read more than it writes."""
        self._client = client
        self._server = server

    def read(self, sender: str, link: Link, item: Frame) -> list[Turn]:
        """One turn, with the reason where the frame could not be read."""
        try:
            codec = self._client if sender == "client" else self._server
            return [Turn(sender, codec.decode(item))]
        except WireError as error:
            return [Turn(sender, None, error.why)]

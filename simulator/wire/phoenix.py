"""A Wire for servers whose sockets are Phoenix sockets: many channels on one WebSocket or long polling session.

    Phoenix(world, doors=("websocket", "longpoll"), topics=("bot:*",), profile=PROFILES["1.3"], idle_timeout=60.0,
            check_origin=None, poll=PollPolicy())

Two routes are the wire's, by their names: "websocket" and, where the profile has it, "longpoll"; let every method pass.
All others become Requested. Its answers are bare: status and body, header lines are the backend's `dress`.

Two kinds of conn, both opaque:

- a *socket* (`Socket`): Knocked(socket, request) before the 101, or before a polling session begins; Accept(socket)
  or Refuse(socket, Response); Opened; Closed.
- a *channel* (`Channel`, with `socket` and `topic` to look at): a `phx_join` on a topic that `topics` knows gives
  Knocked(channel, request, auth=payload, topic=topic), with the socket's request; a binary join's payload is bytes.
  Accept(channel) replies ok `{}`, then comes Opened; Refuse(channel, <JSON>) replies error with that as its response.
  Until then nothing else happens on its socket, in neither direction: the real one's process is busy, too.
  Received(channel, Message(event, (payload,), ref, topic)); `ref` goes back in Reply(channel, ref, (status, response)).

Send(channels, message): without a topic it is a push on each channel's own, with one it is a broadcast, encoded once
for each serializer. Close(channel, 1000, whole=False) is its orderly end, `phx_close`; any other code with whole=False
its crash, `phx_error`. With whole=True, which is the default of Close, and with Close(socket, code, reason) the socket
is closed. Closed(channel, code) comes once after Opened, whoever ended it, and before its socket's: 1000 left, closed
or joined again, 1011 crashed, else the code of the socket's end.

A frame that is not the serializer's ends the socket with 1011, as an exception in Phoenix's socket process does;
Malformed(socket, error) says why. A message whose event is no string crashes its channel, Malformed(channel, error).
What leads to a topic that is not joined is answered, and told as Malformed(socket, Unmatched).

Sources: phoenix v1.3.0 lib/phoenix/socket/transport.ex, transports/websocket.ex, channel/server.ex; v1.8.12
lib/phoenix/socket.ex, transports/*.ex; cowboy 1.1.2 src/cowboy_websocket.erl; websock_adapter 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator
from email.utils import formatdate
from typing import TypeAlias, assert_never

from simulator.core.actions import Accept, After, Cancel, Close, Hold, Refuse, Release, Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import CallId, Closed, Knocked, Opened, Received, Requested
from simulator.core.message import Frame, Headers, Ping, Request, Response
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
    Present,
    Put,
    Shut,
    Upgrade,
    Write,
)
from simulator.core.world import World
from simulator.wire.phoenix_channels import Channel, Channels, Socket
from simulator.wire.phoenix_frames import V1, V2, Serializer
from simulator.wire.phoenix_poll import Pending, Polling, PollPolicy, Session, posted, status
from simulator.wire.phoenix_profile import PROFILES, Profile, origin_host, serializer_version, version_of
from simulator.wire.single import accept_key

Origin: TypeAlias = Callable[[str, Request], bool]
"""Whether pages of this host, spelled as in the request's Origin, may connect; Phoenix compares it byte by byte."""


class Phoenix:
    """The server's face."""

    __slots__ = (
        "_channels",
        "_check_origin",
        "_doors",
        "_idle",
        "_links",
        "_owed",
        "_pings",
        "_polling",
        "_profile",
        "_serializers",
        "_waiting",
        "_world",
    )

    def __init__(
        self,
        world: World,
        *,
        topics: Collection[str],
        profile: Profile = PROFILES["1.3"],
        doors: tuple[str, str] = ("websocket", "longpoll"),
        idle_timeout: float = 60.0,
        check_origin: Origin | None = None,
        poll: PollPolicy = PollPolicy(),  # noqa: B008  # frozen
    ) -> None:
        """Topics end in `*` where they are the beginning of a topic; an `idle_timeout` of 0 seconds waits for ever."""
        self._world = world
        self._doors = doors
        self._profile = profile
        self._idle = idle_timeout
        self._check_origin = check_origin
        self._serializers: dict[int, Serializer] = {
            1: V1(profile.library, profile.v1_struct),
            2: V2(profile.library, profile.binary),
        }
        self._polling = Polling(world, poll)
        self._channels = Channels(profile, topics, self._polling.taken, self._lose)
        self._waiting: dict[CallId, Socket] = {}
        self._links: dict[Link, Socket] = {}
        self._pings = 0
        self._owed: dict[Socket, int] = {}

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """Answered long polls that the client has not followed with its next, and the pings of a clock by hand."""
        return [*self._polling.owes(), *self._owed.items()]

    def clients(self) -> Iterator[Present]:
        """Everybody whose socket is open, or whose session polls."""
        for socket in sorted((*self._links.values(), *self._polling.sockets()), key=lambda socket: socket.call):
            transport, session = "websocket", ""
            if socket.session is not None:
                transport, session = "longpoll", socket.session.token
            yield Present(socket.call, socket.link, transport, socket.channels, session, socket.request, socket.since)

    def number(self, session: str) -> CallId | None:
        """Of a token without what is the same in all."""
        return self._polling.number(session)

    def take(self, given: Input) -> list[Output]:
        """Work one input wholly; what it causes, in order."""
        match given:
            case Got():
                socket = self._links.get(given.link)
                if socket is None:
                    return []
                socket.heard = self._world.now()
                if self._owed:
                    self._owed.pop(socket, None)
                return self._channels.got(socket, given)
            case Reply():
                return self._channels.reply(given)
            case Send():
                return self._channels.send(given)
            case Due():
                return self._due(given)
            case Asked():
                return self._asked(given)
            case Accept() | Refuse():
                return self._answer(given)
            case Attached():
                return self._attached(given)
            case Detached():
                socket = self._links.get(given.link)
                return [] if socket is None else self._over(socket, given.code)
            case Close():
                return self._close(given)
            case Put() | Hangup():
                return self._by_hand(given)
            case Aborted():
                return self._aborted(given.call)
            case Drain():
                return self._drain()
            case Hold() | Release() | Beat():
                # A socket's process reads on while its channels are busy, and it never pings.
                return []
            case _:  # pragma: no cover
                assert_never(given)

    def heard(self, link: Link, frame: Frame) -> Received | None:
        """See `Straight`."""
        socket = self._links.get(link)
        if socket is None or self._owed:
            return None
        received = self._channels.heard(socket, frame)
        if received is not None:
            socket.heard = self._world.now()
        return received

    def said(self, send: Send | Reply) -> Write | None:
        """See `Straight`."""
        return self._channels.said(send) if type(send) is Reply else None

    # ---- the doors

    def _asked(self, asked: Asked) -> list[Output]:
        request, name = asked.request, asked.route.name
        polls = name == self._doors[1] and self._profile.longpoll
        if name != self._doors[0] and not polls:
            return [Requested(asked.call, request, asked.route)]
        if not polls and request.method != "GET":
            return [Answer(asked.call, Response(400))]
        if not self._origin_passes(request):
            return [Answer(asked.call, status(403) if polls else Response(403))]
        if polls and request.method != "GET":
            return self._post(asked.call, request)
        session = self._polling.find(request) if polls else None
        if session is not None:
            return self._polling.poll(session, asked.call)
        try:
            version = serializer_version(version_of(request, self._profile))
        except ValueError:
            if self._profile.drops_malformed_vsn:
                return [Answer(asked.call, None)]
            version = None
        if version is None or (polls and self._polling.full):
            return [Answer(asked.call, status(403) if polls else Response(403))]
        socket = self._waiting[asked.call] = Socket(asked.call, request, self._serializers[version], polls)
        socket.since = self._world.now()
        return [Knocked(socket, request)]

    def _origin_passes(self, request: Request) -> bool:
        origin = request.header("Origin")
        if origin is None or self._check_origin is None:
            return True
        host = origin_host(origin)
        return self._profile.hostless_origin if host is None else self._check_origin(host, request)

    def _post(self, call: CallId, request: Request) -> list[Output]:
        if request.method != "POST":
            return [Answer(call, Response(200 if request.method == "OPTIONS" else 400))]
        session = self._polling.find(request)
        if session is None:
            return [Answer(call, status(410))]
        try:
            frames = posted(request)
        except WireError:
            return [Answer(call, Response(500))]
        pending, timer = self._polling.post(session, call)
        return [timer, *self._channels.post(session.socket, frames, pending)]

    def _answer(self, answer: Accept | Refuse) -> list[Output]:
        socket = answer.conn
        if isinstance(socket, Channel):
            return self._channels.joined(socket, answer)
        if not isinstance(socket, Socket) or not socket.waits:
            return []
        socket.waits = False
        if self._waiting.get(socket.call) is not socket:
            # The client went before the answer; who accepted it is told.
            return [Closed(socket)] if isinstance(answer, Accept) else []
        if isinstance(answer, Refuse):
            del self._waiting[socket.call]
            assert isinstance(answer.response, Response)
            return [Answer(socket.call, status(403) if socket.polls else answer.response)]
        if socket.polls:
            del self._waiting[socket.call]
            return [*self._polling.begin(socket, socket.call, socket.request), Opened(socket)]
        wrong = self._profile.flaw(socket.request)
        if wrong is not None:
            del self._waiting[socket.call]
            return [Answer(socket.call, Response(400, (), wrong.encode())), Closed(socket)]
        key = accept_key(socket.request.header("Sec-WebSocket-Key") or "")
        lines: Headers = (("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", key))
        if self._profile.full_101:
            plug = ("cache-control", "max-age=0, private, must-revalidate")
            date = formatdate(self._world.now(), usegmt=True)
            lines = tuple(sorted((*lines, plug, ("date", date), ("server", "Cowboy"))))
        return [Upgrade(socket.call, (*lines, *answer.headers))]

    def _aborted(self, call: CallId) -> list[Output]:
        socket = self._waiting.pop(call, None)
        if socket is None:
            return self._polling.aborted(call)
        return [] if socket.waits else [Closed(socket)]

    def _attached(self, attached: Attached) -> list[Output]:
        socket = self._waiting.get(attached.call)
        if socket is None or socket.waits:
            return [Drop(attached.link)]
        del self._waiting[attached.call]
        socket.link = attached.link
        socket.heard = self._world.now()
        self._links[attached.link] = socket
        timers: list[Output] = [After(self._look(), socket, "idle")] if self._idle else []
        return [*timers, Opened(socket)]

    # ---- time

    def _due(self, due: Due) -> list[Output]:
        socket = due.owner
        if isinstance(socket, Session | Pending):
            outputs = self._polling.due(socket, due.name)
            if outputs is None:
                assert isinstance(socket, Session)
                return self._lose(socket.socket, None)
            return outputs
        assert isinstance(socket, Socket)
        if due.name == "mail":
            return self._channels.work(socket)
        assert socket.link is not None
        left = socket.heard + self._idle - self._world.now()
        # One timer looks again when it has to: nothing is armed for each frame. Less than a microsecond is none.
        if left < 1e-6:
            return self._lose(socket, self._profile.idle_code)
        sooner = socket.heard + self._look() - self._world.now()
        if sooner >= 1e-6:
            return [After(sooner, socket, "idle")]
        # Clients heartbeat by a clock of their own, which nobody has moved: who is there answers this in its place.
        self._pings += 1
        self._owed[socket] = self._pings
        return [Write(socket.link, Ping()), After(left, socket, "idle")]

    def _look(self) -> float:
        """After how many silent seconds something is done: by hand half of them, as a client's heartbeat has it."""
        return self._idle / 2 if self._world.by_hand else self._idle

    # ---- ends

    def _close(self, close: Close) -> list[Output]:
        conn, code = close.conn, close.code
        if isinstance(conn, Channel):
            if conn.state != "open":
                return []
            if not close.whole:
                return self._channels.end(conn, 1005 if code is None else code)
            conn = conn.socket
        if not isinstance(conn, Socket) or (conn.link is None and conn.session is None):
            return []
        if code == 1006:
            return self._lose(conn, None)
        shut = None if conn.link is None else Shut(conn.link, code, close.reason)
        return self._end(conn, shut, 1005 if code is None else code)

    def _by_hand(self, given: Put | Hangup) -> list[Output]:
        sockets = (*self._links.values(), *self._polling.sockets())
        socket = next((socket for socket in sockets if socket.call == given.client), None)
        if socket is None:
            return []
        if isinstance(given, Put):
            return self._channels.write(socket, given.frame)
        return self._close(Close(socket, given.code))

    def _drain(self) -> list[Output]:
        outputs: list[Output] = []
        for socket in [*self._links.values(), *self._polling.sockets()]:
            outputs += self._lose(socket, self._profile.drain_code)
        outputs += self._polling.drain()
        # Those between their Upgrade and Attached have no socket to close yet: it is dropped when it comes.
        for socket in [socket for socket in self._waiting.values() if not socket.waits]:
            del self._waiting[socket.call]
            outputs.append(Closed(socket))
        return outputs

    def _lose(self, socket: Socket, code: int | None) -> list[Output]:
        """A socket's process has ended in a way of its own: the close frame is the web server's, or there is none."""
        link = socket.link
        last = None if link is None else Drop(link) if code is None else Shut(link, code)
        return self._end(socket, last, 1006 if code is None else code)

    def _end(self, socket: Socket, last: Shut | Drop | None, code: int) -> list[Output]:
        return [*([] if last is None else [last]), *self._over(socket, code)]

    def _over(self, socket: Socket, code: int) -> list[Output]:
        """The socket and all its channels are gone."""
        outputs: list[Output] = [Cancel(socket)]
        self._owed.pop(socket, None)
        if socket.link is not None:
            del self._links[socket.link]
        if socket.session is not None:
            outputs += self._polling.end(socket.session)
        socket.link = socket.session = None
        socket.held.clear()
        socket.mail.clear()
        socket.waiting = 0
        if socket.joining is not None:
            socket.joining.state = "lost"
            socket.joining = None
        for channel in socket.channels.values():
            channel.state = "over"
            outputs.append(Closed(channel, code))
        socket.channels = {}
        return [*outputs, Closed(socket, code)]

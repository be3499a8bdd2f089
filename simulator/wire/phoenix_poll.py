"""Long polling below Phoenix channels: sessions with their buffers, and the bodies of polls and posts. Pure.

Written after phoenix v1.8.12 lib/phoenix/transports/long_poll.ex (the requests) and long_poll_server.ex (the session).
Every answer is HTTP 200; the real status stands in its JSON: 200 messages or done, 204 nothing within the window,
403 refused, 408 the session did not take the message within the window, 410 no such session (a GET begins a new one).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import orjson

from simulator.core.actions import After, Cancel
from simulator.core.errors import WireError
from simulator.core.events import CallId
from simulator.core.message import Frame, Json, Request, Response
from simulator.core.wire import Answer, Output
from simulator.core.world import World
from simulator.wire.phoenix_frames import jason
from simulator.wire.phoenix_profile import params

if TYPE_CHECKING:
    from simulator.wire.phoenix_channels import Socket

TOKEN_HEADER = "x-phoenix-longpoll-token"  # noqa: S105
"""Where 1.9 has the token; before that it is the parameter `token`."""
MOST_LINES = 100
"""Of one newline-delimited body; the rest is passed over."""
_HEADER = "SFMyNTY."
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@dataclass(slots=True, frozen=True)
class PollPolicy:
    """How long a session waits for its client."""

    window: float = 10.0
    """Seconds until a poll is answered without messages, and a post with 408. One and a half of it without a poll end
    a session; that is looked after once in as long a time, so it lasts up to twice as long."""
    most: int = 10_000
    """Messages that wait for a poll; one more ends the session as if nobody polled. Phoenix knows no bound."""
    room: int = 4 << 20
    """Characters of these; more end the session, too."""
    sessions: int = 10_000
    """At once; one more is refused as the rules refuse: no socket stands for them, of which the system has a limit."""


class Pending:
    """A request that waits: a poll for messages (204 after the window), or a post for its session (408)."""

    __slots__ = ("call", "session", "status")

    def __init__(self, call: CallId, session: Session, status: int) -> None:
        self.call = call
        self.session = session
        self.status = status


class Session:
    """What a token stands for."""

    __slots__ = ("answered", "buffer", "flushing", "most", "poll", "polled", "room", "socket", "token")

    def __init__(self, token: str, socket: Socket, now: float, policy: PollPolicy) -> None:
        self.token = token
        self.socket = socket
        self.buffer: list[str | bytes] = []
        self.poll: Pending | None = None
        """The newest one: older ones run into their window."""
        self.polled = now
        self.most = policy.most
        self.room = policy.room
        self.answered = 0
        self.flushing = False

    def put(self, frame: Frame) -> list[Output]:
        """Buffer a frame. What one instant brings leaves in one answer."""
        self.room -= len(frame.data)
        if len(self.buffer) >= self.most or self.room < 0:
            return [After(0.0, self, "full")]
        self.buffer.append(frame.data)
        if self.poll is None or self.flushing:
            return []
        self.flushing = True
        return [After(0.0, self, "flush")]

    def __repr__(self) -> str:
        return f"<session {self.token[-8:]}>"


class Polling:
    """All sessions of one wire."""

    __slots__ = ("_owed", "_pending", "_policy", "_sessions", "_world")

    def __init__(self, world: World, policy: PollPolicy) -> None:
        self._world = world
        self._policy = policy
        self._sessions: dict[str, Session] = {}
        self._pending: dict[CallId, Pending] = {}
        self._owed: dict[Hashable, int] = {}

    def sockets(self) -> list[Socket]:
        """Whoever has a session."""
        return [session.socket for session in self._sessions.values()]

    def number(self, name: str) -> CallId | None:
        """Of the call with which a session began, see `ticket`."""
        session = self._sessions.get(f"{_HEADER}{name}")
        return None if session is None else session.socket.call

    def owes(self) -> Collection[tuple[Hashable, int]]:
        """Answered polls whose client has not polled again yet, as (session, number of the answer)."""
        return self._owed.items()

    @property
    def full(self) -> bool:
        """Whether there are as many sessions as there may be; the operator is told."""
        full = len(self._sessions) >= self._policy.sessions
        if full:
            self._world.log(
                "warning", f"refused: {self._policy.sessions} sessions poll already: kept_polling lets more in"
            )
        return full

    def find(self, request: Request) -> Session | None:
        """The session whose token the request brings."""
        return self._sessions.get(_named(request))

    def begin(self, socket: Socket, call: CallId, request: Request) -> list[Output]:
        """A new session; the call is answered with its token."""
        session = Session(self._token(request), socket, self._world.now(), self._policy)
        socket.session = self._sessions[session.token] = session
        first = self._answer(session, call, 410, [])
        return [first, After(self._policy.window * 1.5, session, "inactive")]

    def end(self, session: Session) -> list[Output]:
        """Forget a session. Requests that wait for it stay until their window ends."""
        del self._sessions[session.token]
        self._owed.pop(session, None)
        session.poll = None
        return [Cancel(session)]

    def drain(self) -> list[Output]:
        """Cut all requests that wait."""
        outputs: list[Output] = []
        for pending in [*self._pending.values()]:
            outputs += (Answer(pending.call, None), *self._done(pending))
        return outputs

    def poll(self, session: Session, call: CallId) -> list[Output]:
        """The client asks for messages."""
        session.polled = self._world.now()
        self._owed.pop(session, None)
        if session.buffer:
            session.poll = None
            return [self._flush(session, call)]
        session.poll = self._wait(call, session, 204)
        return [After(self._policy.window, session.poll, "window")]

    def post(self, session: Session, call: CallId) -> tuple[Pending, Output]:
        """The client brings messages: what is to be answered when they are taken, and the timer until then."""
        pending = self._wait(call, session, 408)
        return pending, After(self._policy.window, pending, "window")

    def taken(self, pending: Pending) -> list[Output]:
        """The messages of a post were taken."""
        if pending.call not in self._pending:
            return []
        return [*self._done(pending), Answer(pending.call, status(200))]

    def aborted(self, call: CallId) -> list[Output]:
        """The client of a call went away; what would have answered it stays in the buffer."""
        pending = self._pending.get(call)
        return [] if pending is None else self._done(pending)

    def due(self, owner: Session | Pending, name: Hashable) -> list[Output] | None:
        """A timer is due; None where it ends its session."""
        if isinstance(owner, Pending):
            self._done(owner)
            session = owner.session
            if owner.status == 204 and self._sessions.get(session.token) is session:
                return [self._answer(session, owner.call, 204, [])]
            return [Answer(owner.call, messages(204, session.token, []) if owner.status == 204 else status(408))]
        if name == "flush":
            owner.flushing = False
            poll = owner.poll
            return [] if poll is None else [*self._done(poll), self._flush(owner, poll.call)]
        if name == "full" or self._world.now() - owner.polled > self._policy.window * 1.5:
            return None
        return [After(self._policy.window * 1.5, owner, "inactive")]

    def _wait(self, call: CallId, session: Session, late: int) -> Pending:
        pending = self._pending[call] = Pending(call, session, late)
        return pending

    def _done(self, pending: Pending) -> list[Output]:
        del self._pending[pending.call]
        if pending.session.poll is pending:
            pending.session.poll = None
        return [Cancel(pending)]

    def _flush(self, session: Session, call: CallId) -> Output:
        buffer, session.buffer = session.buffer, []
        session.room = self._policy.room
        return self._answer(session, call, 200, buffer)

    def _answer(self, session: Session, call: CallId, code: int, buffer: list[str | bytes]) -> Output:
        if session.poll is None:
            session.answered += 1
            self._owed[session] = session.answered
        return Answer(call, messages(code, session.token, buffer))

    def _token(self, request: Request) -> str:
        """Looks like Phoenix.Token's: header, payload and signature in base64url. It says nothing to anyone."""
        known = sorted((key, value) for key, value in params(request).items() if key != "token")
        ids, mark = self._world.ids.nth("longpoll", request.path, tuple(known)), self._world.mark
        payload = mark + ids.token(172, _ALPHABET)[len(mark) :]
        return f"{_HEADER}{payload}.{ids.token(43, _ALPHABET)}"


def _named(request: Request) -> str:
    token = request.header(TOKEN_HEADER)
    return (params(request).get("token") or "") if token is None else token


def ticket(request: Request) -> str:
    """The session that a request names, without what is the same in all tokens."""
    return _named(request).removeprefix(_HEADER)


def status(code: int) -> Response:
    """The answer that only has a status."""
    return Response(200, (), f'{{"status":{code}}}'.encode())


def messages(code: int, token: str, buffer: list[str | bytes]) -> Response:
    """The answer to a poll: each message is a JSON string of the frame's text."""
    texts: list[Json] = [data if isinstance(data, str) else data.decode("utf-8", "replace") for data in buffer]
    return Response(200, (), jason({"messages": texts, "status": code, "token": token}).encode())


def posted(request: Request) -> list[Frame]:
    """The frames of a post's body. Raises WireError for a line that is neither an array nor base64."""
    kinds = [value for name, value in request.headers if name.lower() == "content-type"]
    return split(request.body, kinds == ["application/x-ndjson"])


def split(body: bytes, lines: bool) -> list[Frame]:
    """One text frame, or one for each line: arrays are text, everything else is base64 of a binary frame."""
    if not lines:
        return [_text(body)]
    frames = []
    for line in re.split(b"\r?\n", body)[:MOST_LINES]:
        if line.startswith(b"["):
            frames.append(_text(line))
            continue
        try:
            frames.append(Frame(base64.b64decode(line, validate=True), "longpoll"))
        except binascii.Error as error:
            raise WireError(f"a line that is no base64: {error}", line) from None
    return frames


def _text(data: bytes) -> Frame:
    return Frame(data.decode("utf-8", "surrogateescape"), "longpoll")


def answered(body: str | bytes) -> list[Frame]:
    """The frames inside an answer, for who looks on. Raises WireError where it is no such answer."""
    try:
        value = orjson.loads(body)
    except ValueError as error:
        raise WireError(str(error), body) from None
    if not isinstance(value, dict):
        raise WireError("not an answer to a poll", body)
    found = value.get("messages")
    # Phoenix 1.3 sends objects, later ones strings.
    return [
        Frame(item if isinstance(item, str) else json.dumps(item), "longpoll")
        for item in (cast("list[Json]", found) if isinstance(found, list) else [])
    ]

"""One client's conversation, carried on with a live server: what it said so far comes first, the rest as it is said.

What the client heard already is waited for, and not passed on; ids of the live server are bound to those which the
client was told. Everything else that the server says is passed on to the client, in the client's ids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any, Protocol, cast

from simulator.cassette import envelopes
from simulator.cassette.bindings import changed
from simulator.cassette.conversation import Said, of_turn
from simulator.cassette.entries import Beside, Entry, Exchange, TapedRequest
from simulator.cassette.longpolls import LongPolls
from simulator.core.backend import Backend
from simulator.core.message import NO_REF, Json, Message, Request, Response
from simulator.core.wire import Turn
from simulator.drive.bound import Bound
from simulator.drive.hearing import Hearing
from simulator.drive.orders import Order
from simulator.drive.outcome import Manner, Outcome
from simulator.drive.play import UNHEARD, Play
from simulator.drive.script import CLOSE, Ask, Hang, Hear, Open, Say, Script, Step, Writer, carried
from simulator.drive.target import Target
from simulator.drive.wording import Wording

_EACH = 500
"""Bytes that a step takes beside what is said."""
PATIENCE = 5.0
"""Seconds in which the server has to say what the client has heard already; then it goes on without."""


class Listener(Protocol):
    """Who speaks with the client."""

    def heard(self, conn: int, turn: Turn, args: tuple[Json | bytes, ...], topic: str) -> None:
        """The server has said something new, in the client's ids."""
        ...

    def ended(self, conn: int, code: int, reason: str) -> None:
        """The server has ended a connection."""
        ...

    def failed(self, conn: int, why: str) -> None:
        """A connection could not be made, or what the client says can't be said on it."""
        ...

    def answered(self, token: Hashable, response: Response | None, why: str) -> None:
        """A request that was passed on has its answer, or none."""
        ...

    def upload(self, body: Beside) -> Request | None:
        """The request of the client that brought this, with it; None where that is gone. `path` says which it was."""
        ...

    def tell(self, line: str) -> None:
        """For the operator."""
        ...


class Episode(Play):
    """Of one client. `feed` it the entries that a recorder makes of the live client."""

    def __init__(
        self, target: Target, servers: tuple[str, str], backend: Backend | None, listener: Listener, timeout: float
    ) -> None:
        """`servers` are the base URLs by which the client, and by which we know the server."""
        bound = Bound(frozenset() if backend is None else backend.volatile, servers=servers)
        super().__init__(Script(), target, bound, Manner(timeout=min(timeout, PATIENCE), settle=0.0), backend)
        self._bound = bound
        self._servers = servers
        self._listener = listener
        # Nobody reads a verdict, and a conversation may be long.
        nothing = cast("list[Any]", deque[Any](maxlen=0))
        self.outcome = Outcome(heard=nothing, after=nothing, reached=True)
        self._hearing: Listening = Listening(self, backend, bound, self.outcome)
        self._wording = Wording(target, bound, self._hearing, self.outcome)
        self._writer = Writer(backend)
        self._kinds = self._writer.kinds
        self._polls = LongPolls()
        self._tokens: dict[int, tuple[Step, Hashable]] = {}
        """Requests that are passed on, by the identity of their steps."""
        self._seconds = timeout
        self._told = 0
        self.live = False
        """The server has heard all that the client has said."""
        self.ending = False
        self._unsaid = 0
        """Bytes of steps that are still to come."""
        self._deaf = False

    # ---- what the client does

    def feed(self, entries: Iterable[Entry], conns: set[int], past: bool) -> None:
        """What was written of it: of these conns, and their long polls. `past` is what the client knows."""
        made: list[Step] = []
        for entry in entries:
            for one in self._polls.frames(entry):
                polled = isinstance(entry, Exchange) and one is not entry
                for frame in carried(cast("Any", one)) if polled and hasattr(one, "sender") else (one,):
                    number = getattr(frame, "conn", None) or getattr(frame, "http", 0)
                    if number in conns:
                        made += self._writer.feed(frame)
        if past:
            made.sort(key=lambda step: step.at)
        for step in made if not self._deaf else ():
            if past or isinstance(step, Open | Say | Hang):
                self._steps.append(step)
                self._hearing.expect(step)
                if isinstance(step, Say):
                    self._unsaid += len(step.data) + _EACH
                    self._objects.setdefault(step.conn, step.data[:1] in ("{", b"{"))
            elif isinstance(step, Hear) and step.ref is not NO_REF:
                self._hearing.own(step)

    def ask(self, request: Request, token: Hashable, at: float) -> None:
        """A request is passed on."""
        path = f"{request.path}?{request.query}" if request.query else request.path
        self._numbers += 1
        taped = TapedRequest(request.method, path, request.headers, request.body)
        step = Ask(at, 0, -self._numbers, taped, f"{request.method} {request.path}", self._seconds)
        self._tokens[id(step)] = (step, token)
        self._steps.append(step)

    @property
    def waiting(self) -> int:
        """Bytes that the client has said, and that are not on their way to the server."""
        return self._unsaid + sum(conn.carrier.waiting for conn in self._conns.values())

    def overrun(self, conns: Iterable[int], why: str) -> None:
        """The client says more than the server takes: nothing of it is said any more."""
        if not self._deaf:
            self._deaf = True
            # What waited for its turn waits for nothing any more.
            self._timers.pop(UNHEARD, None)
            for step in self._steps[self._at :]:
                if (found := self._tokens.pop(id(step), None)) is not None:
                    self._listener.answered(found[1], None, why)
            self._steps.clear()
            self._at = self._ahead = self._unsaid = 0
            for conn in conns:
                self._listener.failed(conn, why)

    def hang(self, conn: int, out: list[Order]) -> None:
        """The client is gone, however it went."""
        self._hang(conn, 1000, "", out)

    def begin_now(self, now: float) -> None:
        """For `Play.begin`, which needs no first step."""
        self._now = now

    # ---- what Play does otherwise

    def _finish(self, out: list[Order]) -> None:
        if self.ending and not self._tokens:
            super()._finish(out)
            return
        # Who has left a socket may still wait for an answer, and gets it, or none in time.
        self._steps.clear()
        self._at = self._ahead = 0
        self._started.clear()
        if not self.live:
            self.live = True
            self._hearing.forget()
        for line, why in self.outcome.notes[self._told :]:
            if "--bind" not in why:
                self._listener.tell(why if not line else f"{why}")
        self.outcome.notes.clear()

    def _say(self, step: Say, out: list[Order]) -> None:
        self._unsaid -= len(step.data) + _EACH
        conn = self._conns.get(step.conn)
        if conn is None or conn.state != "open":
            self._hearing.step(step)
            why = "its connection began before the recording" if conn is None else conn.why
            self._listener.failed(step.conn, why)
            return
        super()._say(step, out)

    def _hang(self, number: int, code: int | None, reason: str, out: list[Order]) -> None:
        if number in self._conns:
            super()._hang(number, code, reason, out)

    def _hear(self, kind: str, number: int, what: object, why: str) -> None:
        before = self._conns[number].state
        super()._hear(kind, number, what, why)
        conn = self._conns[number]
        if before == "opening" and conn.state in ("refused", "failed"):
            self._listener.failed(number, conn.why)

    def _give_up(self, step: Step) -> None:
        super()._give_up(step)
        if isinstance(step, Hear):
            self._listener.tell(
                f"did not say {step.said.name} within {self._manner.timeout:g} s, as the tape has it; "
                "the conversation goes on without"
            )
        elif self._conns[step.conn].state == "failed":
            self._listener.failed(step.conn, self._conns[step.conn].why)

    def _ask(self, step: Ask, out: list[Order]) -> None:
        # What the client has uploaded to the tape the server has to have before the client speaks of it.
        if isinstance(body := step.request.body, Beside):
            brought = self._listener.upload(body)
            asked = replace(step.request, body=replace(body, path=None))
            if brought is None:
                self._listener.tell(f"is not given what {step.name} brought: it is not kept any more")
            else:
                asked = replace(asked, headers=brought.headers, body=brought.body)
            step = replace(step, request=asked)
        super()._ask(step, out)

    def _asked(self, step: Ask, response: Response | None, why: str) -> None:
        found = self._tokens.pop(id(step), None)
        if found is None:
            super()._asked(step, response, why)
            return
        self._listener.answered(found[1], response, why)

    # ---- the client's ids

    def to_client(self, text: str) -> str:
        """What the server says, as the client knows it."""
        return self._bound.to_taped(text)

    def pass_on(self, conn: int, turn: Turn) -> None:
        """Something new of the server."""
        message = turn.message
        if message is None:
            self._listener.tell(f"said what can't be read, and is not passed on: {turn.why}")
            return
        args = changed(message.args, self.to_client)
        self._listener.heard(conn, turn, args, self._bound.to_taped(message.topic))

    def ended(self, conn: int, code: int, reason: str) -> None:
        """A connection of the server is over."""
        self._listener.ended(conn, code, reason)


class Listening(Hearing):
    """What is known is taken for what the client has heard; the rest is passed on."""

    def __init__(self, episode: Episode, backend: Backend | None, bound: Bound, outcome: Outcome) -> None:
        super().__init__(Script(kinds=episode._kinds), bound, outcome, 0.0, False, backend)
        self._episode = episode
        self._asking: dict[tuple[int, str], deque[str]] = {}

    def expect(self, step: Step) -> None:
        """A step more."""
        if isinstance(step, Open) and step.transports:
            self._silent.add(step.conn)
        self._comes(step)
        if isinstance(step, Hear):
            self._pending.setdefault((step.conn, step.said.name), []).append(step)
            if step.crossed:
                self._done.add(id(step))

    def forget(self) -> None:
        """What did not come by now is new when it comes."""
        self._pending.clear()

    def server(self, conn: int, data: str | bytes, until: float) -> None:
        """A frame of the server."""
        turns = self._pass(conn, "server", data)
        if envelopes.is_heartbeat(self._kinds.get(conn, ""), data, turns):
            return
        for turn in turns:
            message = turn.message
            step = None if message is None else self._expected(of_turn(turn, conn), until)
            ref: object = NO_REF
            if message is not None and turn.answers is None:
                ref = message.ref
            if step is not None:
                self._meant(step, of_turn(turn, conn), ref, turn.offset)
                continue
            if ref is not NO_REF and message is not None:
                topic = self._bound.to_taped(message.topic)
                self._asking.setdefault((conn, topic), deque(maxlen=1000)).append(str(ref))
            self._episode.pass_on(conn, turn)

    def own(self, step: Hear) -> None:
        """What was passed on asks the client for an acknowledgement under a number of our own."""
        asking = self._asking.get((step.conn, step.said.topic))
        if asking:
            self._acks[step.conn, step.said.topic, str(step.ref)] = asking.popleft()

    def said(self, said: Said, until: float, ref: object = NO_REF, offset: str = "") -> None:
        """An answer to a request, or a refusal, that the client had, too."""
        step = self._expected(said, until)
        if step is not None:
            self._meant(step, said, ref, offset)

    def closed(self, conn: int, code: int, reason: str, early: bool, until: float) -> None:
        """The server has ended a connection."""
        if self.expects(conn, CLOSE):
            self.said(Said(conn, "server", CLOSE, (code, reason), "", 0, CLOSE), until)
        else:
            self._episode.ended(conn, code, reason)


def answer_of(message: Message) -> tuple[Json | bytes, ...]:
    """A Phoenix reply as rules have it."""
    payload = message.args[0] if message.args else None
    found: dict[str, Json] = payload if isinstance(payload, dict) else {}
    return found.get("status", "ok"), found.get("response", {})

"""HTTP requests under faults: polls with their packets, handshakes, uploads, and all that is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from simulator.core.backend import Backend, Stored
from simulator.core.envelope import Data
from simulator.core.events import CallId
from simulator.core.faults import DOWN, UP, FailedUpload, Fault, Kind, RefusedHandshake
from simulator.core.faults_fate import HANDSHAKE, PACKET, REQUEST, UPLOAD, Fate, Passing, judge
from simulator.core.faults_lane import Way
from simulator.core.faults_things import MOST_MADE, bent, copies
from simulator.core.message import Headers, Request, Response
from simulator.core.wire import Answer, Asked, Upgrade
from simulator.core.world import World

Say: TypeAlias = Callable[[Fault, str], None]


class Calls:
    """Those that are not answered yet."""

    __slots__ = ("_backend", "_calls", "_faults", "_say", "_world")

    def __init__(self, backend: Backend, world: World, say: Say) -> None:
        self._backend = backend
        self._world = world
        self._say = say
        self._faults: list[Fault] = []
        self._calls: dict[CallId, Way] = {}

    def use(self, faults: Iterable[Fault], calls: Mapping[CallId, Asked]) -> None:
        """Let these strike from now on, calls that wait already included."""
        self._faults = [*faults]
        for asked in calls.values():
            if asked.call not in self._calls:
                self.begin(asked)

    def begin(self, asked: Asked) -> Way:
        """A call."""
        request = asked.request
        upgrade = "websocket" in request.tokens("Upgrade")
        transport = "websocket" if upgrade else "polling" if asked.route.via else "http"
        way = self._calls[asked.call] = Way(asked.call, transport, asked)
        return way

    def get(self, call: CallId) -> Way | None:
        """A call that waits for its answer."""
        return self._calls.get(call)

    def pop(self, call: CallId) -> Way:
        """A call that is over."""
        return self._calls.pop(call, None) or Way(call, "http")

    def all(self) -> list[Way]:
        """Every call that waits."""
        return [*self._calls.values()]

    def asked(self, way: Way, asked: Asked) -> tuple[Asked | Answer, Fate]:
        """What goes up in place of a request, or the answer that comes down at once; and what becomes of that."""
        request, route, envelope = asked.request, asked.route, self._backend.envelope
        fate = Fate()
        if envelope.opens(request, bool(route.via)):
            fault = self._struck(RefusedHandshake, HANDSHAKE, way)
            if fault is not None and isinstance(of := fault.of, RefusedHandshake):
                return self._short(way, _plain(of.status, of.body), fate)
        if isinstance(route.body, Stored):
            fault = self._struck(FailedUpload, UPLOAD, way)
            if fault is not None and isinstance(of := fault.of, FailedUpload):
                real = of.body is None
                return self._short(way, self._fails(request, of.status) if real else _plain(of.status, of.body), fate)
        thing: Asked | Answer = asked
        if route.via and request.body:
            parts = envelope.split("client", request, request.body)
            kept, changed, fate = self._packets(way, UP, parts)
            if changed:
                posted = envelope.posted(request, kept)
                if isinstance(posted, Response):
                    return self._short(way, posted, fate)
                thing = Asked(asked.call, posted, asked.route)
        fate.join(self._whole(way, UP, len(request.body)))
        return thing, fate

    def answered(self, way: Way, answer: Answer | Upgrade) -> tuple[Answer | Upgrade, Fate]:
        """What comes down in place of an answer, and what becomes of it."""
        fate = Fate()
        response = answer.response if isinstance(answer, Answer) else None
        asked = way.asked
        assert asked is not None
        if response is not None and asked.route.via and response.status == 200 and response.body:
            envelope = self._backend.envelope
            parts = envelope.split("server", asked.request, response.body)
            kept, changed, fate = self._packets(way, DOWN, parts)
            if changed:
                answer = Answer(way.number, _with(response, envelope.answered(response.body, kept)))
        fate.join(self._whole(way, DOWN, 0 if response is None else response.length))
        return answer, fate

    def farewell(self) -> Response:
        """The answer to a poll by which its session ends."""
        return self._backend.envelope.farewell()

    def polls(self, way: Way) -> bool:
        """Whether a call is a poll of a session that is there."""
        asked = way.asked
        assert asked is not None
        opens = self._backend.envelope.opens(asked.request, bool(asked.route.via))
        return way.transport == "polling" and asked.request.method == "GET" and not opens

    def _fails(self, request: Request, status: int) -> Response:
        return self._backend.failed(self._world, request, status)

    def _short(self, way: Way, response: Response, fate: Fate) -> tuple[Answer, Fate]:
        """The wire never hears of it."""
        fate.join(self._whole(way, DOWN, response.length))
        return Answer(way.number, response), fate

    def _struck(self, kind: type[Kind], what: str, way: Way) -> Fault | None:
        told = f"{UP} {way.transport}: {what}"
        for fault in self._faults:
            fits = type(fault.of) is kind and fault.transport in (None, way.transport)
            if fits and fault.strikes(told):
                self._say(fault, told)
                return fault
        return None

    def _whole(self, way: Way, stream: str, size: int) -> Fate:
        poll, chosen = self.polls(way), way.side(stream).chosen
        passing = Passing(REQUEST, stream, way.transport, size=size, chosen=chosen, poll=poll, met=way.met)
        return judge(self._faults, passing, self._say)

    def _packets(self, way: Way, stream: str, parts: Sequence[Data]) -> tuple[list[Data], bool, Fate]:
        """The packets of a body after what struck them, whether that is another body, and what becomes of it."""
        sender = "client" if stream == UP else "server"
        envelope = self._backend.envelope
        whole, changed = Fate(), False
        kept: list[Data] = []
        swap: list[Data] = []
        at, room = 0, MOST_MADE
        while at < len(parts):
            look = envelope.look(sender, parts[at])
            group = [*parts[at : at + 1 + look.more]]
            at += len(group)
            size = sum(map(len, group))
            passing = Passing(PACKET, stream, way.transport, look, size, swapping=bool(swap) or at >= len(parts))
            fate = judge(self._faults, passing, self._say)
            whole.join(fate)
            changed = changed or bool(fate.lost or fate.copies or fate.form or fate.size or fate.window is not None)
            if fate.lost:
                continue
            # What one body has no room for any more stays as short as it is.
            fate.size = min(fate.size, room)
            group[0] = bent(group[0], fate, envelope.garbage)
            size = sum(map(len, group))
            times = 1 + copies(fate, size, room)
            room = max(0, room - size * times)
            group *= times
            if fate.window is not None:
                swap = group
                continue
            kept += group
            kept += swap
            swap = []
        return kept + swap, changed, whole


def _plain(status: int, body: str | None) -> Response:
    data = (body or "").encode("utf-8", "replace")
    lines: Headers = (("Content-Type", "text/plain; charset=utf-8"),) if data else ()
    return Response(status, lines, data)


def _with(response: Response, body: bytes) -> Response:
    lines = tuple(
        (name, str(len(body)) if name.lower() == "content-length" else value) for name, value in response.headers
    )
    return replace(response, headers=lines, body=body)


def sizes(thing: Asked | Answer | Upgrade) -> tuple[int, int]:
    """Bytes that it keeps in memory, and that its body has on the wire: a stored object is kept elsewhere."""
    if isinstance(thing, Asked):
        size = len(thing.request.body)
        return size, size
    response = thing.response if isinstance(thing, Answer) else None
    return (0, 0) if response is None else (len(response.body), response.length)

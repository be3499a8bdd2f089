"""Recordings without a proxy: what passes in a `Talk` goes into a Recorder, and is played to another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator import backends
from simulator.cassette import plan as plans
from simulator.cassette.coverage import Coverage
from simulator.cassette.entries import Header, TapedRequest, TapedResponse
from simulator.cassette.recorder import Recorder
from simulator.cassette.sessions import Line
from simulator.cassette.sink import MemorySink
from simulator.cassette.stand_in import played
from simulator.cassette.strands import Plan
from simulator.cassette.tape import Tape
from simulator.cassette.walk import Manner
from simulator.core.backend import Backend
from simulator.core.engine import Given
from simulator.core.message import Frame, Headers, Response
from simulator.core.objects import Upload, UploadFlaw
from simulator.core.wire import Detached, Drop, Got, Shut, Write
from tests.talk import UPGRADE, Socket, Talk


class Taped(Talk):
    """A talk that is recorded."""

    def __init__(self, name: str = "chip", **more: Any) -> None:
        super().__init__(name, **more)
        self.sink = MemorySink()
        self.recorder = Recorder(self.sink, self.clock.now(), Header(backend=self.backend.name))
        self.lines: dict[int, Line] = {}

    def connect(
        self, name: str = "client", path: str | None = None, headers: Headers = UPGRADE, method: str = "GET"
    ) -> Socket:
        number = self._numbers + 1
        target = path or self.backend.connect(self.running.seed, "")
        target = "/" + target.split("://", 1)[1].partition("/")[2] if "://" in target else target
        if target.startswith("ws"):
            target = target[2:]
        self.pending: list[tuple[str, Any]] = []
        early = self.early = []
        self.number = number
        socket = super().connect(name, path, headers, method)
        self.number = 0
        if socket.upgrade is not None:
            self.lines[number] = self.recorder.open(self.clock.now(), target, ())
            for effect in early:
                self._note(effect)
        else:
            assert socket.refused is not None
            answer = TapedResponse(socket.refused.status, socket.refused.headers, socket.refused.body)
            self.recorder.refused(self.clock.now(), target, (), answer)
        return socket

    number = 0
    early: list[Any]

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Headers = (),
        upload: Upload | UploadFlaw | None = None,
    ) -> Response:
        call = self.recorder.asked(self.clock.now(), TapedRequest(method, path, headers, body))
        response = super().request(method, path, body, headers, upload)
        self.recorder.answered(self.clock.now(), call, TapedResponse(response.status, response.headers, response.body))
        return response

    def take(self, given: Given) -> None:
        if isinstance(given, Got) and isinstance(given.item, Frame):
            self.recorder.frame(self.clock.now(), self.lines[given.link], "client", given.item.data)
        elif isinstance(given, Detached):
            self.recorder.closed(self.clock.now(), self.lines.pop(given.link), given.code, "", "client")
        super().take(given)

    def _carry(self, effects: Any) -> None:
        for effect in effects:
            self._note(effect)
        super()._carry(effects)

    def _note(self, effect: Any) -> None:
        link = getattr(effect, "link", None)
        if link == self.number and link:
            self.early.append(effect)
        elif isinstance(effect, Write) and isinstance(effect.item, Frame):
            self.recorder.frame(self.clock.now(), self.lines[effect.link], "server", effect.item.data)
        elif isinstance(effect, Shut):
            self.recorder.closed(self.clock.now(), self.lines.pop(effect.link), effect.code, effect.reason, "server")
        elif isinstance(effect, Drop):
            self.recorder.closed(self.clock.now(), self.lines.pop(effect.link), 1006, "", "server")

    def tape(self) -> Tape:
        """What was recorded until now."""
        self.recorder.close(self.clock.now())
        return Tape(b"".join(self.sink.records).splitlines(keepends=True), "talk.yaml")


class Replay(Talk):
    """A talk in which a tape answers."""

    def __init__(self, *tapes: Tape, backend: Backend | None = None, settings: Any = None, **manner: Any) -> None:
        known = backend or backends.load(str(tapes[0].header.backend))
        self.plans: Sequence[Plan] = [plans.read(tape, known) for tape in tapes]
        self.coverage = Coverage(self.plans)
        stand_in = played(known, self.plans, Manner(**manner), self.coverage)
        seeded: Any = None if backend is None else {}
        super().__init__(known.name, backend=stand_in, seed=11, now=1_800_000_000.0, settings=settings, seeded=seeded)

    def warnings(self) -> list[str]:
        """What the operator is told."""
        return [text for level, text, _ in self.logged if level == "warning"]

    def unplayed(self) -> list[str]:
        """What never came to pass."""
        return [f"{line}: {who}: {what}" for _, line, _, who, what in self.coverage.unplayed()]

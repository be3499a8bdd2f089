"""What a test sees of a running simulator and does to it, in its own loop: one space, one backend or all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from simulator.api import conversation
from simulator.api.said import Message, NotSeen, Violation, Which, message
from simulator.api.serving import Serving, staged
from simulator.core.errors import SimulatorError
from simulator.core.space import Running
from simulator.serve import clock as clocks
from simulator.serve import selector
from simulator.serve.admin import acts, asking, messages, send
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.feed import feed_of
from simulator.serve.admin.shapes.channels import Send
from simulator.serve.admin.shapes.messages import Find, Wait
from simulator.serve.by_hand import Unfinished
from simulator.serve.clock import ManualClock
from simulator.serve.spaces import Crowded, Place

After = int | Literal["now"]


class Inside:
    """One view. Everything here is called in the loop, or when that is over."""

    def __init__(self, serving: Serving, name: str = "", backend: str | None = None) -> None:
        self.serving = serving
        self.name = name
        self.backend = backend if backend is not None or len(serving.urls) > 1 else next(iter(serving.urls))
        self._place = self._found()
        # It has to be there before the loop is over.
        feed_of(self._place)

    def _found(self) -> Place:
        try:
            return self.serving.server.spaces.named(self.name)
        except Crowded as crowded:
            raise SimulatorError(str(crowded)) from None

    @property
    def place(self) -> Place:
        """The space: one that a control call has made anew is another one."""
        if not feed_of(self._place).over:
            return self._place
        if self.serving.server.served:
            self._place = self._found()
            feed_of(self._place)
        return self._place

    # --- other views

    def of(self, backend: str) -> Inside:
        """One backend of several."""
        if backend not in self.serving.urls:
            raise SimulatorError(f"{backend} is not served, {', '.join(self.serving.urls)} is")
        return Inside(self.serving, self.name, backend)

    def space(self, name: str, seed: int | None, clock: str | None, scenario: Any) -> Inside:
        """Another space. Where anything is said of it, it begins anew."""
        if self.serving.recording:
            raise SimulatorError("a real server is recorded here, which has no spaces")
        try:
            selector.check(name)
        except selector.Unfit as unfit:
            raise SimulatorError(str(unfit)) from None
        if (seed, clock, scenario) != (None, None, None):
            time = None if clock is None else clocks.parse(clock, "clock")
            stage = None if scenario is None else staged(scenario)
            try:
                self.serving.server.spaces.make(name, seed, time, stage)
            except Crowded as crowded:
                raise SimulatorError(str(crowded)) from None
        return Inside(self.serving, name, self.backend)

    # --- addresses

    def _one(self) -> str:
        if self.backend is None:
            names = [*self.serving.urls]
            raise SimulatorError(f"{', '.join(names)} are served: say which, sim.backend({names[0]!r})")
        return self.backend

    def url(self) -> str:
        return f"{self.serving.urls[self._one()][0]}{self._prefix}"

    def told(self) -> str:
        """What is served where, for people."""
        urls = {name: url for name, (url, _) in self.serving.urls.items() if self.backend in (None, name)}
        return ", ".join(f"{name} at {url}{self._prefix}" for name, url in urls.items())

    def connect_url(self) -> str:
        name = self._one()
        if not self.name:
            return self.serving.urls[name][1]
        return self.serving.server.connect_at(name, self.url())

    def credentials(self) -> dict[str, Any]:
        name = self._one()
        # A real server has its own.
        if self.serving.recording:
            return {}
        running = self.place.driver.space.running[name]
        return running.backend.credentials(running.seed)

    @property
    def _prefix(self) -> str:
        return f"/~space/{self.name}" if self.name else ""

    def control_url(self) -> str:
        return f"{self.serving.control}{self._prefix}/__admin"

    # --- what passed

    def messages(self) -> list[Message]:
        place = self.place
        reading = feed_of(place).read()
        running = place.driver.space.running
        return [
            message(line, running[line.backend].backend, reading.lost)
            for line in reading.lines
            if self.backend in (None, line.backend)
        ]

    def violations(self) -> list[Violation]:
        return [broken for one in self.messages() for broken in one.violations]

    def total(self) -> int:
        """The number of the last frame."""
        return self.place.driver.space.journal.total

    def conversation(self, after: int = 0) -> str:
        """All that passed behind a number, as text."""
        serving, place = self.serving, self.place
        told = [one for one in self.messages() if one.number > after]
        notes = [note for note in serving.notes.kept if note.space == self.name and note.number >= after]
        broken = sum(len(one.violations) for one in told)
        title = f"{self.told()}, seed {place.driver.space.seed}, {place.driver.clock.mode} clock"
        if serving.tape is not None:
            files = ", ".join(map(str, serving.tape.files))
            title += f", {'recording' if serving.recording else 'played from'} {files}"
        if broken:
            title += f"; {broken} violation{'' if broken == 1 else 's'}"
        return conversation.text(title, told, notes)

    async def wait_for(self, name: str | None, count: int, timeout: float, after: After, which: Which) -> list[Message]:
        wanted = self._criteria(Wait, name, which, after=after, timeout=timeout)
        place = self.place
        try:
            found = await messages.waited(place, wanted, count)
        except Complaint as complaint:
            kind = NotSeen if "looked_for" in complaint.facts else SimulatorError
            raise kind(str(complaint)) from None
        return self._values(found)

    async def find(self, name: str | None, after: int, which: Which) -> list[Message]:
        wanted = self._criteria(Find, name, which, after=after)
        try:
            return self._values(await messages.passed(self.place, wanted, wanted.after))
        except Complaint as complaint:
            raise SimulatorError(str(complaint)) from None

    def _values(self, lines: Any) -> list[Message]:
        running, reading = self.place.driver.space.running, feed_of(self.place).reading
        return [message(line, running[line.backend].backend, reading.lost) for line in lines]

    def _criteria(self, model: Any, name: str | None, which: Which, **more: Any) -> Any:
        given: dict[str, Any] = {**which, **more}
        if name is not None:
            given["name"] = name
        if self.backend is not None:
            given["backend"] = self.backend
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise SimulatorError(asking.wrong(error, model)) from None

    async def check(self) -> None:
        """Judge, once what lies in the sockets was read."""
        await self.serving.settle()
        self.serving.judge(over=False)

    # --- by hand

    def _running(self) -> Running:
        return self.place.driver.space.running[self._one()]

    def act(self, name: str, talk: str | None, keys: Mapping[str, Any]) -> str:
        """The talk in which it was done."""
        self._ours("act")
        try:
            done = acts.done(self.place, self._running(), {"act": name, **keys}, talk)
        except Complaint as complaint:
            raise SimulatorError(str(complaint)) from None
        return str(done["talk"])

    def send(self, keys: Mapping[str, Any]) -> int:
        """To how many."""
        self._ours("send")
        try:
            wanted = Send.model_validate(keys)
            return len(send.said(self.place, wanted, self._running)["sent"])
        except ValidationError as error:
            raise SimulatorError(asking.wrong(error, Send)) from None
        except Complaint as complaint:
            raise SimulatorError(str(complaint)) from None

    def _ours(self, what: str) -> None:
        if feed_of(self.place).over:
            raise SimulatorError("the simulator has stopped")
        if self.serving.recording:
            raise SimulatorError(f"a real server answers while a cassette is recorded: it can't be made to {what}")

    def now(self) -> float:
        return self.place.driver.clock.now()

    async def advance(self, seconds: float) -> None:
        driver = self.place.driver
        if self.serving.recording or not isinstance(driver.clock, ManualClock):
            raise SimulatorError("the clock runs by itself: clock='manual' is one to move by hand")
        if not 0 <= seconds <= clocks.LAST - driver.clock.now():
            raise SimulatorError(f"advance({seconds!r}): expected seconds from 0 on, and no clock goes beyond 9000")
        with self.place:
            try:
                moved = await driver.advance(seconds)
            except Unfinished as unfinished:
                raise SimulatorError(f"advance({seconds!r}): {unfinished}") from None
            if not moved:
                raise SimulatorError("there was a reset meanwhile: the clock stands where it started")

    def reset(self) -> None:
        self._ours("begin anew")
        self.place.driver.reset()

"""Carries out what engines answer: on sockets, to those who asked, to other servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from simulator.core.actions import Call
from simulator.core.events import Called
from simulator.core.space import Running, Space
from simulator.core.wire import Answer, Drop, Effect, Pause, Raw, Reset, Shut, Upgrade, Write
from simulator.serve.any_link import AnyLink
from simulator.serve.by_hand import Pongs
from simulator.serve.calls import Calls
from simulator.serve.outgoing import Outgoing
from simulator.serve.selector import HEADER
from simulator.serve.sockets import Sockets
from simulator.serve.taps import Note, polled

if TYPE_CHECKING:
    # With it comes all of the cassette, for which most have no use.
    from simulator.serve.recording import Recording


class Carrier:
    """That of one space. What it calls may bring the driver new inputs, which wait there."""

    __slots__ = (
        "_calls",
        "_links",
        "_note",
        "_recording",
        "_sockets",
        "_space",
        "_take",
        "outgoing",
        "pongs",
        "resumed",
    )

    def __init__(
        self,
        space: Space,
        sockets: Sockets,
        calls: Calls,
        note: Note,
        recording: Recording | None,
        take: Callable[[Running, Called], None],
    ) -> None:
        """`note` is shown what goes out; `take` is given what other servers have answered."""
        self._space = space
        self._sockets = sockets
        self._links = sockets.links
        self._calls = calls
        self._note = note
        self._recording = recording
        self._take = take
        self.outgoing = Outgoing()
        self.pongs = Pongs()
        self.resumed: dict[int, AnyLink] = {}
        """Links to be resumed once no work is under way."""

    def carry(self, running: Running, effects: Sequence[Effect | Call], quiet: bool) -> None:
        """Carry these out in their order; `quiet` are those of a beat, of which no journal knows."""
        # A callable in a slot is cheap to read but not to call as a method.
        note = self._note
        for effect in effects:
            if type(effect) is Write:
                number, item = effect.link, effect.item
                link = self._links.get(number)
                if link is None:
                    continue
                link.send(item)
                if quiet:
                    self.pongs.beaten(number)
                    continue
                note(running.engine.world.now(), running.name, number, "server", item)
                continue
            if type(effect) is Answer:
                waiting = self._calls.take(effect.call)
                if waiting is not None:
                    waiting.told(effect)
                    response = effect.response
                    if not quiet and response is not None and response.status == 200:
                        polled(note, running, waiting.asked, "server", response.body, running.engine.world.now())
                continue
            match effect:
                case Upgrade():
                    waiting = self._calls.take(effect.call)
                    if waiting is not None:
                        self._sockets.comes(waiting.asked, running.engine.world.now())
                        waiting.told(effect)
                case Raw():
                    link = self._links.get(effect.link)
                    if link is not None:
                        link.raw(effect.data)
                        if effect.shown is not None:
                            note(running.engine.world.now(), running.name, effect.link, "server", effect.shown)
                case Reset():
                    if (link := self._links.get(effect.number)) is not None:
                        link.abort()
                    elif (waiting := self._calls.take(effect.number)) is not None:
                        waiting.told(effect)
                case Shut():
                    if self._recording is not None:
                        self._recording.shut(effect.link, 1005 if effect.code is None else effect.code, effect.reason)
                    if (link := self._links.get(effect.link)) is not None:
                        link.shut(effect.code, effect.reason)
                case Drop():
                    if self._recording is not None:
                        self._recording.shut(effect.link, 1006, "")
                    if (link := self._links.get(effect.link)) is not None:
                        link.drop()
                case Pause():
                    link = self._links.get(effect.link)
                    if link is not None and effect.on:
                        self.resumed.pop(effect.link, None)
                        link.pause()
                    elif link is not None:
                        self.resumed[effect.link] = link
                case Call():
                    self._call(running, effect)
                case _:
                    assert_never(effect)

    def go_on(self) -> None:
        """Resume links one by one, with no work under way: any item that waits in one may pause it again."""
        while self.resumed:
            self.resumed.pop(next(iter(self.resumed))).resume()

    def _call(self, running: Running, call: Call) -> None:
        engine = running.engine

        def done(called: Called) -> None:
            if running.engine is engine:
                self._take(running, called)

        if self._space.name:
            # So that whoever is told can answer there.
            call = replace(call, headers=(*call.headers, (HEADER, self._space.name)))
        self.outgoing.start(call, done)

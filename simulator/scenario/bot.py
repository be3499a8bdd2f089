"""A bot that follows a scenario, in each talk for itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from copy import deepcopy
from math import inf
from typing import TYPE_CHECKING, Protocol

from simulator.core import bot
from simulator.core.actions import After, Began, Cancel, Ended, Heard
from simulator.core.events import Fired
from simulator.core.wire import Link
from simulator.core.world import World
from simulator.scenario.doing import Steps
from simulator.scenario.moments import CONNECT, SAID, SENT, SILENT, START, Moment
from simulator.scenario.plan import Cue, Go, Op, Plan
from simulator.scenario.talk import Talk
from simulator.scenario.templates import Unfilled

if TYPE_CHECKING:
    from simulator.core.bot import Deed

MOST_TALKS = 10_000
"""Talks that are remembered; the one in which nothing happened for longest is forgotten first."""
MOST_WAITING = 100
"""Moments that wait until a talk's steps are done."""
MOST_TRACKS = 20
"""Rules of one talk that are done alongside each other."""
_SILENCE = "silence"


class Source(Protocol):
    """Where the plan is that holds now; another may take its place at any time."""

    plan: Plan


class ScenarioBot:
    """A Watcher by the plan of a source."""

    def __init__(self, source: Source, world: World, backend: str) -> None:
        self._source = source
        self._world = world
        self._backend = backend
        self.link: Link | None = None
        self._talks: OrderedDict[str, Talk | None] = OrderedDict()
        """Those that are over, and were not begun anew, are None."""
        self._deeds: list[Deed] = []
        self._steps = Steps(world, self._deeds, self._quiet)

    # --- what happens

    def hear(self, heard: Heard) -> list[Deed]:
        """A person said something."""
        talk = self._talk(heard.talk)
        talk.count += 1
        if heard.about is not None:
            talk.about = heard.about
        moment = Moment(SAID)
        moment.text, moment.heard, moment.nth = heard.text, heard, talk.count
        moment.of(heard.message)
        self._quiet(talk)
        self._meet(talk, moment)
        return self._done(talk)

    def began(self, began: Began) -> list[Deed]:
        """A person came into a talk."""
        if began.talk not in self._talks:
            return self._done(self._talk(began.talk, connects=True))
        if self._talks[began.talk] is None:
            return []
        talk = self._talk(began.talk)
        self._meet(talk, Moment(CONNECT))
        return self._done(talk)

    def ended(self, ended: Ended) -> list[Deed]:
        """The backend has ended a talk: the client did, or its time was over. What was still to be done is left out."""
        talk = self._talks.get(ended.talk)
        # After an `end` of its own the rest of the steps is the author's.
        if talk is None or talk.over:
            return []
        talk.over = True
        talk.tracks.clear()
        return self._done(talk)

    def saw(self, saw: bot.Saw) -> list[Deed]:
        """A client sent something that says nothing."""
        if saw.talk in self._talks and self._talks[saw.talk] is None:
            return []
        moment = Moment(SENT)
        moment.of(saw.message)
        talk = self._talk(saw.talk)
        self._meet(talk, moment)
        return self._done(talk)

    def fired(self, fired: Fired) -> list[Deed]:
        """A delay or a silence is over."""
        talk = self._talks.get(str(fired.owner))
        if talk is None:
            # A timer of the bot whose place this one took.
            return []
        track = talk.tracks.get(fired.name)
        if track is not None:
            self._steps.go_on(talk, track)
        elif fired.name == _SILENCE:
            self._silent(talk)
        return self._done(talk)

    def directed(self, directed: bot.Directed) -> list[Deed]:
        """A talk goes to a state, as by a `go`: steps under way are left out, those on entering are done."""
        talk = self._talks.get(directed.talk)
        if talk is None or directed.state not in talk.plan.parts:
            return []
        self._steps.interrupt(talk)
        talk.waiting.clear()
        self._steps.begin(talk, [Op(Go(directed.state), 0, 0.0, 0.0)], Moment(CONNECT))
        return self._done(talk)

    @property
    def talks(self) -> Mapping[str, Talk]:
        """Where each talk stands that is not over."""
        return {name: talk for name, talk in self._talks.items() if talk is not None}

    def _done(self, talk: Talk) -> list[Deed]:
        """Go on with what waited, and give out all that was done."""
        while not talk.over and talk.waiting and not talk.busy:
            moment = talk.waiting.pop(0)
            self._play(talk, self._cue(talk, moment), moment)
        if talk.over and not talk.tracks:
            # What is left of it is that it was: who connects to it once more does not begin it anew.
            self._talks[talk.name] = None
            self._deeds.append(Cancel(talk.name))
        deeds = [*self._deeds]
        self._deeds.clear()
        return deeds

    # --- talks

    def _talk(self, name: str, connects: bool = False) -> Talk:
        """The talk of that name, which begins if it is new."""
        talk = self._talks.get(name)
        if talk is not None:
            self._talks.move_to_end(name)
            talk.link = talk.link if self.link is None else self.link
            if talk.plan is not self._source.plan:
                self._adopt(talk)
            return talk
        self._talks.pop(name, None)
        if len(self._talks) >= MOST_TALKS:
            self._forget(next(iter(self._talks)))
        ids = self._world.ids.nth("scenario", name)
        talk = self._talks[name] = Talk(name, self._source.plan, ids, self._world, self._backend)
        talk.link = self.link
        moment = Moment(START, CONNECT) if connects else Moment(START)
        self._quiet(talk)
        cue = self._cue(talk, moment)
        if cue is not None:
            self._mark(talk, cue)
        self._steps.begin(talk, [*talk.part.enter, *(cue.ops if cue is not None else ())], moment)
        return talk

    def _adopt(self, talk: Talk) -> None:
        """Go on by the plan that has taken the place of the talk's own; steps under way are done as they were."""
        plan = talk.plan = self._source.plan
        talk.used = frozenset()
        for name, value in plan.variables.items():
            talk.variables.setdefault(name, deepcopy(value))
        if talk.state not in plan.parts:
            talk.state = plan.start

    def _forget(self, name: str) -> None:
        talk = self._talks.pop(name)
        if talk is not None and talk.tracks:
            self._world.log("warning", f"{MOST_TALKS} talks are remembered: steps of the oldest are lost", talk=name)
        self._deeds.append(Cancel(name))

    # --- rules

    def _meet(self, talk: Talk, moment: Moment) -> None:
        """Do what the scenario says about a moment, or let it wait."""
        cue = self._cue(talk, moment)
        if not talk.busy:
            self._play(talk, cue, moment)
            return
        how = talk.plan.busy if cue is None else cue.busy
        if cue is not None and how == "interrupt":
            self._steps.interrupt(talk)
            self._play(talk, cue, moment)
        elif cue is not None and how == "alongside":
            if len(talk.tracks) >= MOST_TRACKS:
                self._lost(talk, f"{MOST_TRACKS} rules are done alongside already")
            else:
                self._mark(talk, cue)
                self._steps.begin(talk, cue.ops, moment, beside=True)
        elif how != "ignore" and (cue is not None or self._may_matter(talk, moment)):
            if len(talk.waiting) >= MOST_WAITING:
                self._lost(talk, f"{MOST_WAITING} things that clients did wait already")
            else:
                talk.waiting.append(moment)

    def _lost(self, talk: Talk, why: str) -> None:
        self._world.log("warning", f"scenario: {why}: this one is not answered", talk=talk.name)

    @staticmethod
    def _may_matter(talk: Talk, moment: Moment) -> bool:
        """Whether a rule of another state could apply when the steps under way have led there."""
        parts = talk.plan.parts.values()
        if SAID in moment.kinds and any(part.otherwise for part in parts):
            return True
        return any(not moment.kinds.isdisjoint(cue.kinds) for part in parts for cue in part.cues)

    def _cue(self, talk: Talk, moment: Moment) -> Cue | None:
        for cue in talk.part.cues:
            if moment.kinds.isdisjoint(cue.kinds) or cue.number in talk.used:
                continue
            moment.match = {}
            try:
                if cue.test(moment, talk):
                    return cue
            except Unfilled as why:
                where = f"{talk.plan.path}:{cue.line}"
                self._world.log("warning", f"{where}: this rule does not apply: {why}", talk=talk.name)
        moment.match = {}
        return None

    def _play(self, talk: Talk, cue: Cue | None, moment: Moment) -> None:
        if cue is not None:
            self._mark(talk, cue)
            self._steps.begin(talk, cue.ops, moment)
        elif SAID in moment.kinds and talk.part.otherwise:
            self._world.log("info", f"{talk.plan.path}: no rule applies: else", talk=talk.name)
            self._steps.begin(talk, talk.part.otherwise, moment)

    def _mark(self, talk: Talk, cue: Cue) -> None:
        """It is this rule that applies: what an author asks first who reads along."""
        self._world.log("info", f"{talk.plan.path}:{cue.line} applies", talk=talk.name)
        if cue.once:
            talk.used |= {cue.number}

    # --- silence

    def _quiet(self, talk: Talk) -> None:
        """The client's silence begins now."""
        talk.since = self._world.now()
        self._listen(talk, 0.0)

    def _listen(self, talk: Talk, past: float) -> None:
        """Wait for the next silence that means something, longer than what is past."""
        talk.awaits = next((silence for silence in talk.part.silences if silence > past), inf)
        if talk.awaits < inf:
            self._deeds.append(After(max(0.0, talk.since + talk.awaits - self._world.now()), talk.name, _SILENCE))
        else:
            self._deeds.append(Cancel(talk.name, _SILENCE))

    def _silent(self, talk: Talk) -> None:
        # Not what the clock says: where this process was away it has gone past that silence, and longer ones as well.
        silence = talk.awaits
        self._listen(talk, silence)
        # Meanwhile another plan may have taken the place of its own.
        if silence in talk.part.silences:
            moment = Moment(SILENT)
            moment.silence = silence
            # Steps that answer the client begin its silence anew at their end.
            if all(SILENT in track.moment.kinds for track in talk.tracks.values()):
                self._meet(talk, moment)

"""A bot that follows a scenario, in each talk for itself."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from copy import deepcopy
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Protocol

from simulator.core import bot
from simulator.core.actions import After, Began, Cancel, Ended, Heard
from simulator.core.events import Acted, Fired
from simulator.core.wire import Link, Reset, Shut
from simulator.core.world import World
from simulator.scenario.moments import CONNECT, SAID, SENT, SILENT, START, Moment
from simulator.scenario.plan import Add, Assign, Choose, Cue, Do, Go, Hang, Nothing, Only, Op, Plan
from simulator.scenario.sandbox import LARGEST
from simulator.scenario.talk import Talk, Track
from simulator.scenario.templates import Unfilled, filled, fits

if TYPE_CHECKING:
    from simulator.core.bot import Deed

MOST_TALKS = 10_000
"""Talks that are remembered; the one in which nothing happened for longest is forgotten first."""
MOST_WAITING = 100
"""Moments that wait until a talk's steps are done."""
MOST_AT_ONCE = 1000
"""Steps without any time between them: more are a loop."""
DEEPEST = 100
"""Steps within steps that wait for their end: more are a loop which is not at its last step when it begins again."""
MOST_TRACKS = 20
"""Rules of one talk that are done alongside each other."""
_SILENCE = "silence"
_BEHIND = 0.001


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
            track.ripe = True
            self._run(talk, track)
        elif fired.name == _SILENCE:
            self._silent(talk)
        return self._done(talk)

    def directed(self, directed: bot.Directed) -> list[Deed]:
        """A talk goes to a state, as by a `go`: steps under way are left out, those on entering are done."""
        talk = self._talks.get(directed.talk)
        if talk is None or directed.state not in talk.plan.parts:
            return []
        self._interrupt(talk)
        talk.waiting.clear()
        self._begin(talk, [Op(Go(directed.state), 0, 0.0, 0.0)], Moment(CONNECT))
        return self._done(talk)

    @property
    def talks(self) -> Mapping[str, Talk]:
        """Where each talk stands that is not over."""
        return {name: talk for name, talk in self._talks.items() if talk is not None}

    def _done(self, talk: Talk) -> list[Deed]:
        """Go on with what waited, and give out all that was done."""
        while not talk.over and talk.waiting and not self._busy(talk):
            moment = talk.waiting.popleft()
            self._play(talk, self._cue(talk, moment), moment)
        if talk.over and not talk.tracks:
            # What is left of it is that it was: who connects to it once more does not begin it anew.
            self._talks[talk.name] = None
            self._deeds.append(Cancel(talk.name))
        deeds, self._deeds = self._deeds, []
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
        self._begin(talk, [*talk.part.enter, *(cue.ops if cue is not None else ())], moment)
        return talk

    def _adopt(self, talk: Talk) -> None:
        """Go on by the plan that has taken the place of the talk's own; steps under way are done as they were."""
        plan = talk.plan = self._source.plan
        talk.used.clear()
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
        if not self._busy(talk):
            self._play(talk, cue, moment)
            return
        how = talk.plan.busy if cue is None else cue.busy
        if cue is not None and how == "interrupt":
            self._interrupt(talk)
            self._play(talk, cue, moment)
        elif cue is not None and how == "alongside":
            if len(talk.tracks) >= MOST_TRACKS:
                self._lost(talk, f"{MOST_TRACKS} rules are done alongside already")
            else:
                self._mark(talk, cue)
                self._begin(talk, cue.ops, moment, beside=True)
        elif how != "ignore" and (cue is not None or self._may_matter(talk, moment)):
            if len(talk.waiting) >= MOST_WAITING:
                self._lost(talk, f"{MOST_WAITING} things that clients did wait already")
            else:
                talk.waiting.append(moment)

    def _lost(self, talk: Talk, why: str) -> None:
        self._world.log("warning", f"scenario: {why}: this one is not answered", talk=talk.name)

    @staticmethod
    def _busy(talk: Talk) -> bool:
        return any(not track.beside for track in talk.tracks.values())

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
            self._begin(talk, cue.ops, moment)
        elif SAID in moment.kinds and talk.part.otherwise:
            self._world.log("info", f"{talk.plan.path}: no rule applies: else", talk=talk.name)
            self._begin(talk, talk.part.otherwise, moment)

    def _mark(self, talk: Talk, cue: Cue) -> None:
        """It is this rule that applies: what an author asks first who reads along."""
        self._world.log("info", f"{talk.plan.path}:{cue.line} applies", talk=talk.name)
        if cue.once:
            talk.used.add(cue.number)

    # --- steps

    def _begin(self, talk: Talk, ops: list[Op], moment: Moment, beside: bool = False) -> None:
        talk.last += 1
        track = talk.tracks[talk.last] = Track(talk.last, ops, moment, beside)
        self._run(talk, track)

    def _interrupt(self, talk: Talk) -> None:
        for track in talk.tracks.values():
            self._deeds.append(Cancel(talk.name, track.number))
            if track.typing:
                self._deeds.append(Acted(talk.name, bot.Typing(on=False), track.moment.heard))
        talk.tracks.clear()

    def _run(self, talk: Talk, track: Track) -> None:
        """Do steps until one has to wait, or none is left."""
        left = MOST_AT_ONCE
        while track.frames:
            ops, i = track.frames.pop()
            if i == len(ops):
                continue
            op = ops[i]
            if not track.ripe:
                delay = self._delay(talk, op)
                # The end of a socket comes by a timer: behind all that was done before, which may wait for its turn.
                if delay > 0 or (type(op.what) is Hang and talk.link is not None):
                    track.frames.append((ops, i))
                    self._deeds.append(After(delay, talk.name, track.number))
                    return
            track.ripe = False
            if i + 1 < len(ops):
                # A last step leaves nothing behind: a story may go round for ever.
                track.frames.append((ops, i + 1))
            left -= 1
            if left < 0 or len(track.frames) > DEEPEST:
                why = (
                    f"{MOST_AT_ONCE} steps at one instant"
                    if left < 0
                    else f"{DEEPEST} states entered within each other"
                )
                self._world.log(
                    "warning", f"{talk.plan.path}:{op.line}: {why}: a loop, it is ended here", talk=talk.name
                )
                break
            try:
                self._step(talk, track, op)
            except Unfilled as why:
                where = f"{talk.plan.path}:{op.line}"
                self._world.log("warning", f"{where}: {why}: this step is left out", talk=talk.name)
        del talk.tracks[track.number]
        if SILENT not in track.moment.kinds and not self._busy(talk):
            self._quiet(talk)

    def _delay(self, talk: Talk, op: Op) -> float:
        if not op.jitter:
            return op.after
        # Up to a microsecond, as the engine counts.
        return max(0.0, op.after + op.jitter * (talk.ids.below(2_000_001) - 1_000_000) / 1_000_000)

    def _step(self, talk: Talk, track: Track, op: Op) -> None:
        what = op.what
        match what:
            case Do():
                self._act(talk, track, what)
            case Only():
                if filled(what.test, talk.values(track.moment)):
                    track.frames.append((what.ops, 0))
            case Go():
                self._go(talk, track, what.state)
            case Assign():
                for name, value in what.values.items():
                    made = filled(value, talk.values(track.moment))
                    if not fits(made, LARGEST):
                        raise Unfilled(f"{name} would have more than {LARGEST} characters")
                    talk.variables[name] = made
            case Add():
                before = talk.variables.get(what.name)
                if not isinstance(before, int | float):
                    raise Unfilled(f"{what.name} is {before!r}, no number to count on")
                talk.variables[what.name] = before + what.by
            case Hang():
                self._hang(talk, what)
            case Choose():
                track.frames.append((self._way(talk, what), 0))
            case _:
                pass

    def _act(self, talk: Talk, track: Track, what: Do) -> None:
        values = talk.values(track.moment)
        try:
            act = what.make(values)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise Unfilled(f"{what.act}: {error}") from None
        if isinstance(act, bot.Typing):
            track.typing = act.on
        elif isinstance(act, bot.HandOff):
            talk.agent = filled(what.agent, values)
        elif isinstance(act, bot.Leave):
            talk.agent = ""
        elif isinstance(act, bot.End):
            talk.over = True
        elif isinstance(act, bot.Stream):
            # A backend that streams ends one a pace behind the last chunk; what comes next is not to overtake it.
            lasts = len(act.chunks) * (act.pace or 0.0)
            track.frames.append(([Op(Nothing(), 0, lasts + _BEHIND, 0.0)], 0))
        # What an agent says is no answer of the bot's.
        self._deeds.append(Acted(talk.name, act, None if talk.agent else track.moment.heard))

    def _hang(self, talk: Talk, what: Hang) -> None:
        if talk.link is None:
            raise Unfilled("there is no socket that could be ended: the client polls, or is gone")
        self._deeds.append(Reset(talk.link) if what.reset else Shut(talk.link, what.code, what.reason))
        talk.link = None

    def _go(self, talk: Talk, track: Track, state: str) -> None:
        if state in talk.plan.parts:
            self._world.log("info", f"{talk.plan.path}: from {talk.state} to {state}", talk=talk.name)
            talk.state = state
            self._quiet(talk)
            track.frames.append((talk.part.enter, 0))
        else:
            # Steps of a plan that was replaced meanwhile, whose state is no longer there.
            self._world.log("warning", f"{talk.plan.path}: there is no state {state!r} any more", talk=talk.name)

    @staticmethod
    def _way(talk: Talk, choose: Choose) -> list[Op]:
        bounds = [*accumulate(choose.weights)]
        draw = talk.ids.below(1 << 53) / (1 << 53) * bounds[-1]
        # A draw just below the last bound may be rounded up to it.
        return choose.ways[bisect_right(bounds, draw, hi=len(bounds) - 1)]

    # --- silence

    def _quiet(self, talk: Talk) -> None:
        """The client's silence begins now."""
        talk.since = self._world.now()
        self._listen(talk, 0.0)

    def _listen(self, talk: Talk, past: float) -> None:
        """Wait for the next silence that means something, longer than what is past."""
        after = next((silence for silence in talk.part.silences if silence > past), inf)
        if after < inf:
            self._deeds.append(After(max(0.0, talk.since + after - self._world.now()), talk.name, _SILENCE))
        else:
            self._deeds.append(Cancel(talk.name, _SILENCE))

    def _silent(self, talk: Talk) -> None:
        passed = self._world.now() - talk.since
        for silence in talk.part.silences:
            if abs(silence - passed) < 1e-5:
                moment = Moment(SILENT)
                moment.silence = silence
                self._listen(talk, silence)
                # Steps that answer the client begin its silence anew at their end.
                if all(SILENT in track.moment.kinds for track in talk.tracks.values()):
                    self._meet(talk, moment)
                return
        self._listen(talk, passed)

"""The steps of a rule, done one after the other: each at its time, and none round and round for ever."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING

from simulator.core import bot
from simulator.core.actions import After, Cancel
from simulator.core.events import Acted
from simulator.core.wire import Reset, Shut
from simulator.core.world import World
from simulator.scenario.moments import SILENT, Moment
from simulator.scenario.plan import Add, Assign, Choose, Do, Go, Hang, Nothing, Only, Op
from simulator.scenario.sandbox import LARGEST
from simulator.scenario.talk import Talk, Track
from simulator.scenario.templates import Unfilled, filled, fits

if TYPE_CHECKING:
    from simulator.core.bot import Deed

MOST_AT_ONCE = 1000
"""Steps without any time between them: more are a loop."""
DEEPEST = 100
"""Steps within steps that wait for their end: more are a loop which is not at its last step when it begins again."""
_BEHIND = 0.001


class Steps:
    """Of all talks of a bot."""

    def __init__(self, world: World, deeds: list[Deed], quiet: Callable[[Talk], None]) -> None:
        """What is done is put behind `deeds`; `quiet` is told that a client's silence begins."""
        self._world = world
        self._deeds = deeds
        self._quiet = quiet

    def begin(self, talk: Talk, ops: list[Op], moment: Moment, beside: bool = False) -> None:
        """Do these, alongside of others or not."""
        talk.last += 1
        track = talk.tracks[talk.last] = Track(talk.last, ops, moment, beside)
        self._run(talk, track)

    def interrupt(self, talk: Talk) -> None:
        """Leave out all that is still to be done."""
        for track in talk.tracks.values():
            self._deeds.append(Cancel(talk.name, track.number))
            if track.typing:
                self._deeds.append(Acted(talk.name, bot.Typing(on=False), track.moment.heard))
        talk.tracks.clear()

    def go_on(self, talk: Talk, track: Track) -> None:
        """The delay before the next step is over."""
        track.ripe = True
        self._run(talk, track)

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
        if SILENT not in track.moment.kinds and not talk.busy:
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

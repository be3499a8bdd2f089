"""Stands where the wire stands, and lets faults strike what passes there. Pure, as the wire is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from simulator.core.actions import After, Cancel
from simulator.core.backend import Backend
from simulator.core.envelope import ACK, MESSAGE, Look, glance
from simulator.core.events import CallId
from simulator.core.faults import DOWN, UP, Close, Fault, LimitData, ResetPeer, Timeout
from simulator.core.faults_calls import Calls, sizes
from simulator.core.faults_fate import ENDING, FRAME, OPENING, Fate, Passing, judge
from simulator.core.faults_kept import LOOK
from simulator.core.faults_lane import Held, Item, Side, Way
from simulator.core.faults_things import things_down, things_up
from simulator.core.message import Frame
from simulator.core.wire import (
    Aborted,
    Answer,
    Aside,
    Asked,
    Attached,
    Detached,
    Drain,
    Drop,
    Due,
    Effect,
    Got,
    Input,
    Link,
    Output,
    Raw,
    Reset,
    Shut,
    Upgrade,
    Write,
)
from simulator.core.world import World

MOST_WAITING = 64 << 20
"""Bytes under way on all links and calls together, MOST_OF_ONE on each. More ends a connection, as unread bytes do."""
MOST_OF_ONE = 16 << 20

_WEBSOCKET = "websocket"


class Machine:
    """The faults of one engine."""

    __slots__ = ("_calls", "_ends", "_envelope", "_links", "_names", "_size", "_take", "_world", "faults")

    def __init__(self, take: Callable[[Input], list[Output]], backend: Backend, world: World) -> None:
        """Strikes what passes before and behind the wire's `take`."""
        self._take = take
        self._world = world
        self._envelope = backend.envelope
        self.faults: list[Fault] = []
        self._names: frozenset[str] = frozenset()
        self._links: dict[Link, Way] = {}
        self._calls = Calls(backend, world, self._say)
        self._size = 0
        self._ends: list[Detached | Aborted] = []
        """Of which the wire has not heard."""

    def use(self, faults: Iterable[Fault], links: Iterable[Link], calls: Mapping[CallId, Asked]) -> None:
        """Let these strike from now on; links and calls that are open. LOOK has to be taken next."""
        self.faults = [*faults]
        self._names = frozenset(fault.name for fault in self.faults)
        self._calls.use(self.faults, calls)
        for link in links:
            self._links.setdefault(link, Way(link, _WEBSOCKET))

    @property
    def held(self) -> int:
        """Bytes under way, with some more for each frame and request."""
        return self._size

    def take(self, given: Input) -> list[Output]:
        """The wire's inputs, the wire's outputs."""
        out: list[Output] = []
        if type(given) is Got:
            self._got(given, out)
        elif isinstance(given, Due) and type(given.owner) is Aside:
            self._due(given, out)
        elif isinstance(given, Asked):
            way = self._calls.begin(given)
            thing, fate = self._calls.asked(way, given)
            self._call(way, DOWN if isinstance(thing, Answer) else UP, thing, fate, out)
            if self._calls.get(given.call) is way and self._calls.polls(way):
                self._open(way, out)
        elif isinstance(given, Attached):
            way = self._links[given.link] = Way(given.link, _WEBSOCKET)
            self._down(self._take(given), out)
            self._open(way, out)
        elif isinstance(given, Detached):
            way = self._links.pop(given.link, Way(given.link, _WEBSOCKET))
            self._forget(way, out)
            if not way.over:
                self._down(self._take(given), out)
        elif isinstance(given, Aborted):
            self._forget(self._calls.pop(given.call), out)
            self._down(self._take(given), out)
        elif isinstance(given, Drain):
            self._drain(given, out)
        else:
            self._down(self._take(given), out)
        if self._ends:
            self._tell_ends(out)
        return out

    def answer(self, answer: Answer) -> list[Output]:
        """What the rules answer to a request."""
        out: list[Output] = []
        self._down([answer], out)
        if self._ends:
            self._tell_ends(out)
        return out

    def _tell_ends(self, out: list[Output]) -> None:
        """The wire hears of what was cut once all is done that it had said before: it may have armed timers there."""
        while self._ends:
            self._down(self._take(self._ends.pop(0)), out)

    def _say(self, fault: Fault, what: str) -> None:
        self._world.log("info", f"fault {fault.name} strikes {what}", struck=fault.struck)

    def _down(self, outputs: Iterable[Output], out: list[Output]) -> None:
        """What the wire wants to be carried out."""
        for output in outputs:
            if type(output) is Write:
                way = self._links.get(output.link)
                if way is None:
                    out.append(output)
                else:
                    for items, look in way.down.gather(output.item, glance(self._envelope, "server", output.item)):
                        self._frames(way, DOWN, items, look, out)
            elif isinstance(output, Shut | Drop) and (way := self._links.get(output.link)) is not None:
                self._last(way, output, out)
            elif isinstance(output, Answer | Upgrade) and (way := self._calls.get(output.call)) is not None:
                if way.down.silenced(self._names):
                    way.owed = output
                    continue
                thing, fate = self._calls.answered(way, output)
                self._call(way, DOWN, thing, fate, out)
            else:
                out.append(output)

    # ---- frames

    def _got(self, got: Got, out: list[Output]) -> None:
        way = self._links.get(got.link)
        if way is None:
            self._down(self._take(got), out)
        else:
            for items, look in way.up.gather(got.item, glance(self._envelope, "client", got.item)):
                self._frames(way, UP, items, look, out)

    def _frames(self, way: Way, stream: str, items: list[Item], look: Look, out: list[Output]) -> None:
        """A frame with all that belongs to it."""
        side = way.side(stream)
        if way.over or way.ended or side.silenced(self._names):
            return
        size = sum(len(item.data) for item in items)
        data = isinstance(items[0], Frame)
        passing = Passing(FRAME, stream, _WEBSOCKET, look, size, data, bool(side.swap), side.chosen, side.passed)
        fate = judge(self.faults, passing, self._say)
        make = things_up if stream == UP else things_down
        held = make(way.number, items, fate, self._envelope.garbage, self._world.now())
        self._line_up(way, stream, held, look, fate, out)
        if fate.end is not None:
            self._end(way, stream, fate.end, out)

    def _line_up(self, way: Way, stream: str, held: list[Held], look: Look, fate: Fate, out: list[Output]) -> None:
        side = way.side(stream)
        if fate.window is not None and held:
            side.swap, side.swapper = held, fate.swapper
            self._size += sum(one.size for one in held)
            out.append(After(fate.window, Aside(way.number), (stream, "swap")))
            return
        self._put(side, held)
        if held and look.kind in (MESSAGE, ACK):
            self._unswap(way, stream, out)
        self._flow(way, stream, out)

    def _unswap(self, way: Way, stream: str, out: list[Output]) -> None:
        """Who waited for the next one goes."""
        side = way.side(stream)
        if side.swap:
            swap, side.swap = side.swap, []
            self._size -= sum(one.size for one in swap)
            self._put(side, swap)
            out.append(Cancel(Aside(way.number), (stream, "swap")))

    def _put(self, side: Side, held: Iterable[Held]) -> None:
        for one in held:
            side.lane.put(one)
            self._size += one.size

    # ---- requests

    def _call(self, way: Way, stream: str, thing: Asked | Answer | Upgrade, fate: Fate, out: list[Output]) -> None:
        side, end = way.side(stream), fate.end
        if end is None or (stream == UP and not isinstance(end.of, Timeout) and end.of.deliver):  # type: ignore[union-attr]
            kept, length = sizes(thing)
            held = Held(thing, kept, self._world.now())
            held.waits.update(fate.waits)
            held.sends.update({name: length / rate for name, rate in fate.rates.items()})
            self._put(side, [held])
            self._flow(way, stream, out)
        if end is not None:
            if isinstance(end.of, Timeout):
                # What never came can't be answered later; what was answered can.
                way.owed = Answer(way.number, None) if isinstance(thing, Asked) else thing
            self._end(way, stream, end, out)

    # ---- what is under way

    def _flow(self, way: Way, stream: str, out: list[Output]) -> None:
        """Let out what is out by now, and come back for the rest.

        Inputs go one by one: the rules hear of one before the wire gets the next.
        """
        side, now = way.side(stream), self._world.now()
        if stream == UP:
            held = side.lane.pop(now)
            if held is not None:
                self._size -= held.size
                if isinstance(held.thing, Due):
                    self._rung(way, held.thing.name, out)
                    return
                self._down(self._take(cast("Input", held.thing)), out)
        else:
            while (held := side.lane.pop(now)) is not None:
                self._size -= held.size
                self._emit(way, cast("Effect", held.thing), out)
        due = side.lane.due()
        if due is not None:
            if side.lane.size > MOST_OF_ONE or self._size > MOST_WAITING:
                self._world.log("warning", "more waits behind faults than there is room for: dropped", link=way.number)
                self._cut(way, way.silent_end(), out)
                return
            out.append(After(max(0.0, due - now), Aside(way.number), stream))
            side.armed = True
        elif side.armed:
            side.armed = False
            out.append(Cancel(Aside(way.number), stream))

    def _emit(self, way: Way, effect: Effect, out: list[Output]) -> None:
        if isinstance(effect, Answer | Upgrade):
            self._forget(self._calls.pop(way.number), out)
        elif not isinstance(effect, Write | Raw):
            self._cut(way, effect, out)
            return
        out.append(effect)

    # ---- ends

    def _open(self, way: Way, out: list[Output]) -> None:
        """A link is there, or a poll waits: faults that end them as a whole strike, each once."""
        for stream in (UP, DOWN) if way.asked is None else (DOWN,):
            passing = Passing(OPENING, stream, way.transport, poll=way.asked is not None, met=way.met)
            fate = judge(self.faults, passing, self._say)
            if fate.end is not None and not way.over:
                self._end(way, stream, fate.end, out)
        way.met.update(self._names)

    def _end(self, way: Way, stream: str, fault: Fault, out: list[Output]) -> None:
        """A fault ends a link or a call, at once or later."""
        of, number = fault.of, way.number
        last = way.silent_end()
        if stream == UP and way.up.lane.queue and isinstance(of, Close | ResetPeer) and of.deliver:
            # Behind the message that struck it, which is still under way; nothing else gets in front of it.
            way.ends[fault.name] = Reset(number) if isinstance(of, ResetPeer) else Shut(number, of.code, of.reason)
            self._put(way.up, [Held(Due(Aside(number), ("end", fault.name)), 0, self._world.now())])
            self._flow(way, UP, out)
            return
        if isinstance(of, Close):
            if way.asked is None:
                self._last(way, Shut(number, of.code, of.reason), out)
            else:
                answer = self._calls.farewell() if self._calls.polls(way) else None
                self._cut(way, Answer(number, answer), out)
            return
        if isinstance(of, LimitData):
            self._last(way, last, out)
            return
        if isinstance(of, ResetPeer):
            last = Reset(number)
            if not of.timeout:
                self._cut(way, last, out)
                return
            way.up.silent.add(fault.name)
            way.down.silent.add(fault.name)
        else:
            way.side(stream).silent.add(fault.name)
        assert isinstance(of, ResetPeer | Timeout)
        if of.timeout:
            way.ends[fault.name] = last
            out.append(After(of.timeout / 1000, Aside(number), ("end", fault.name)))

    def _last(self, way: Way, effect: Effect, out: list[Output]) -> None:
        """The last word of a link, behind all that is under way."""
        if way.ended or way.over:
            return
        way.ended = True
        passing = Passing(ENDING, DOWN, _WEBSOCKET, Look(""))
        fate = judge(self.faults, passing, self._say)
        held = Held(effect, 0, self._world.now())
        held.waits.update(fate.waits)
        if way.down.silenced(self._names):
            way.owed = effect
            return
        self._unswap(way, DOWN, out)
        self._put(way.down, [held])
        self._flow(way, DOWN, out)

    def _cut(self, way: Way, effect: Effect, out: list[Output]) -> None:
        """The end of a link or a call: all that is under way on it is gone."""
        out.append(effect)
        way.over = True
        self._forget(way, out)
        if way.asked is not None:
            self._calls.pop(way.number)
            self._ends.append(Aborted(way.number))
            return
        code = (1005 if effect.code is None else effect.code) if isinstance(effect, Shut) else 1006
        # Where the wire itself has ended it, it knows no such link any more.
        self._ends.append(Detached(way.number, code))

    def _forget(self, way: Way, out: list[Output]) -> None:
        for side in (way.up, way.down):
            self._size -= sum(held.size for held in side.clear())
        out.append(Cancel(Aside(way.number)))

    def _drain(self, drain: Drain, out: list[Output]) -> None:
        """The server stops: what is under way comes at once, and no fault strikes its goodbye."""
        for way in [*self._links.values(), *self._calls.all()]:
            things = [cast("Effect", held.thing) for held in way.down.clear()]
            last = [] if way.owed is None else [way.owed]
            if way.asked is not None and not things and way.down.silent | way.up.silent:
                last = [Answer(way.number, None)]
            self._forget(way, out)
            out += [*things, *last]
        self._links.clear()
        for way in self._calls.all():
            self._calls.pop(way.number)
        self._size = 0
        out += self._take(drain)

    # ---- time

    def _due(self, due: Due, out: list[Output]) -> None:
        assert isinstance(due.owner, Aside)
        if due == LOOK:
            for way in [*self._links.values(), *self._calls.all()]:
                self._look_again(way, out)
            return
        number = cast("int", due.owner.owner)
        found = self._links.get(number) or self._calls.get(number)
        if found is not None and not found.over:
            self._rung(found, due.name, out)

    def _rung(self, way: Way, name: object, out: list[Output]) -> None:
        match name:
            case ("end", str(fault)):
                last = way.ends.pop(fault, None)
                if last is not None:
                    self._cut(way, last, out)
            case (str(stream), "swap"):
                self._unswap(way, stream, out)
                self._flow(way, stream, out)
            case _:
                stream = cast("str", name)
                way.side(stream).armed = False
                self._flow(way, stream, out)

    def _look_again(self, way: Way, out: list[Output]) -> None:
        """Faults have come or gone: what only those delayed that went comes now."""
        for name in [name for name in way.ends if name not in self._names]:
            del way.ends[name]
            out.append(Cancel(Aside(way.number), ("end", name)))
        if way.over:
            return
        way.met &= self._names
        for stream in (UP, DOWN):
            side = way.side(stream)
            side.spare(self._names)
            silent = side.silenced(self._names)
            if side.swap and side.swapper not in self._names:
                self._unswap(way, stream, out)
            if stream == DOWN and way.asked is None and way.owed is not None and not silent:
                owed, way.owed, way.ended = way.owed, None, False
                self._last(way, owed, out)
            self._flow(way, stream, out)
        if way.owed is not None and not way.up.silenced(self._names) and not way.down.silenced(self._names):
            self._emit(way, way.owed, out)
        if not way.over and (way.asked is None or self._calls.polls(way)):
            self._open(way, out)

"""The driver brings what happens in one space to its engines, and has carried out what they answer."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Callable, Collection
from types import MethodType
from typing import TYPE_CHECKING
from weakref import WeakSet

from simulator.core.backend import Route
from simulator.core.bot import Act
from simulator.core.engine import Given
from simulator.core.events import Acted, CallId
from simulator.core.message import Frame, Pong, Request
from simulator.core.space import Running, Space
from simulator.core.wire import Aborted, Answer, Asked, Attached, Beat, Detached, Drain, Got, Reset, Upgrade, Write
from simulator.serve.alarm import Alarm
from simulator.serve.any_link import AnyLink, Item
from simulator.serve.by_hand import Hand
from simulator.serve.calls import Calls, Gone, Told
from simulator.serve.carrier import Carrier
from simulator.serve.clock import ManualClock, WallClock
from simulator.serve.links import JUST_ENDED
from simulator.serve.onlooking import Met, Onlooker
from simulator.serve.sockets import Sockets
from simulator.serve.taps import Tap, both, polled

if TYPE_CHECKING:
    # With it comes all of the cassette, for which most have no use.
    from simulator.serve.recording import Recording

_log = logging.getLogger("simulator")


class Driver:
    """Serves one space. Everything happens in the loop's thread, and from an input to its last effect nothing waits."""

    def __init__(
        self,
        space: Space,
        clock: WallClock | ManualClock,
        tap: Tap | None = None,
        tidy: Callable[[], object] = gc.collect,
        recording: Recording | None = None,
    ) -> None:
        """`tidy` is called after a reset, see `litter`. A `recording` is told of calls and links, the tap of frames."""
        self.recording = recording
        self._tidy = tidy
        self.space = space
        self.clock = clock
        self._loop = asyncio.get_running_loop()
        self._sockets = Sockets(self._loop.time)
        self._links = self._sockets.links
        self._calls = Calls()
        self._ways: dict[str, tuple[Callable[[int, Item], None], Callable[..., None]]] = {}
        self.onlooker: Onlooker | None = None
        self._numbers = 0
        self._queue: deque[tuple[Running, Given]] = deque()
        self._busy = False
        self._now = clock.now
        self._running = space.running.values()
        self._alarm = Alarm(self._running, clock, self.run_due, lambda: self._numbers + space.journal.total)
        self._note = space.journal.add if tap is None else both(space.journal.add, tap)
        self._carrier = Carrier(space, self._sockets, self._calls, self._note, recording, self.take)
        self._carry = self._carrier.carry
        self._resumed = self._carrier.resumed
        self._pongs = self._carrier.pongs
        self._hand = Hand(self, clock) if isinstance(clock, ManualClock) else None
        self._closed = False
        self.stirred: asyncio.Event | None = None
        """Who waits for pongs while the clock moves."""

    # --- from the edge

    def start(self) -> None:
        """Begin to beat, where the clock is manual."""
        if self._hand is not None:
            self._hand.beat()

    async def ask(self, running: Running, request: Request, route: Route) -> tuple[CallId, Answer | Upgrade | Reset]:
        """Put a request to an engine; it may take its time. Raises Gone after a reset and at the end."""
        answered: asyncio.Future[Answer | Upgrade | Reset] = self._loop.create_future()

        def told(answer: Answer | Upgrade | Reset | Exception) -> None:
            if answered.done():
                return
            if isinstance(answer, Exception):
                answered.set_exception(answer)
            else:
                answered.set_result(answer)

        call = self.put(running, request, route, told)
        try:
            return call, await answered
        except BaseException as error:
            if self.recording is not None:
                self.recording.answered(call, request, None)
            if isinstance(error, asyncio.CancelledError):
                self.give_up(running, call)
            raise

    def put(self, running: Running, request: Request, route: Route, told: Told) -> CallId:
        """Put a request to an engine; who has to be told may be told before this returns. Raises Gone."""
        if self._closed:
            raise Gone
        self._numbers += 1
        call = self._numbers
        if self.recording is not None:
            self.recording.asked(call, request)
        asked = Asked(call, request, route)
        self._calls.begin(running, asked, told)
        if self._busy:
            self.take(running, asked)
            return call
        # As in `receive`.
        self._busy = True
        engine, carry = running.engine, self._carry
        try:
            time = self._now()
            if engine.due <= time:
                time = self._alarm.work(running, time, carry)
            if request.body and route.via:
                polled(self._note, running, asked, "client", request.body, time)
            carry(running, engine.take(asked, time), False)
        except Exception as error:
            self._failed(asked, error)
        finally:
            self._busy = False
        if self._queue or self._resumed or self.stirred is not None:
            self._catch_up()
        if engine.due < self._alarm.due:
            self._alarm.arm()
        return call

    def give_up(self, running: Running, call: CallId) -> None:
        """The client of a call went away before its answer."""
        self._calls.end(call)
        self._sockets.came_not(call)
        self.take(running, Aborted(call))

    def attach(
        self, running: Running, call: CallId, link: AnyLink
    ) -> tuple[Callable[[Item], None], Callable[..., None]]:
        """Tell the engine of a call's socket; what the link has to call for each item, and at its end."""
        self._sockets.begin(call, link, running)
        way = self._ways.get(running.name)
        if way is None:
            way = self._ways[running.name] = self._way(running)
        # A link has its call's number: both are drawn from the same counter.
        self.take(running, Attached(call, call))
        if self._closed:
            # The space or the server ended between its answer and this.
            link.drop()
            self._sockets.over(link)
        receive, closed = way
        # Bound as methods are: 64 bytes, where a partial takes three times as many.
        return MethodType(receive, call), MethodType(closed, call)

    def _way(self, running: Running) -> tuple[Callable[[int, Item], None], Callable[..., None]]:
        """What all links of a backend call, each with its number: two functions for each link would take 0.9 KiB."""
        now, name, note, links, alarm = self._now, running.name, self._note, self._links, self._alarm
        carry, queue, resumed = self._carry, self._queue, self._resumed

        def receive(call: int, item: Item) -> None:
            if self._busy:
                self.take(running, Got(call, item))
                return
            # Nearly all that comes are frames: this is `take` with `_step`, and what only other inputs need left out.
            self._busy = True
            engine = running.engine
            try:
                time = now()
                if engine.due <= time:
                    time = alarm.work(running, time, carry)
                if type(item) is Frame:
                    note(time, name, call, "client", item)
                    effects = engine.hear(call, item, time)
                else:
                    if type(item) is not Pong or not self._pongs.of_a_beat(call):
                        note(time, name, call, "client", item)
                    effects = engine.take(Got(call, item), time)
                for effect in effects:
                    if type(effect) is Write:
                        written = links.get(effect.link)
                        if written is not None:
                            written.send(effect.item)
                            note(time, name, effect.link, "server", effect.item)
                    else:
                        carry(running, (effect,), False)
            except Exception as error:
                self._failed(Got(call, item), error)
            finally:
                self._busy = False
            if queue or resumed or self.stirred is not None:
                self._catch_up()
            if engine.due < alarm.due:
                alarm.arm()

        def closed(call: int, code: int | None, reason: str = "") -> None:
            self._sockets.end(call)
            self._pongs.gone(call)
            if self.recording is not None:
                self.recording.closed(call, code, "" if code == JUST_ENDED else reason)
            if code == JUST_ENDED and reason:
                running.log("warning", reason, link=call)
            self.take(running, Detached(call, 1005 if code is None else code))
            if self.onlooker is not None:
                self.onlooker.closed(call, 1005 if code is None else code, reason)

        return receive, closed

    def met(self, link: int) -> Met | None:
        """How an open socket came."""
        return self._sockets.met(link)

    @property
    def left(self) -> float:
        """When the last socket ended, on the loop's clock."""
        return self._sockets.left

    @property
    def linked(self) -> int:
        """How many sockets there are."""
        return len(self._links)

    @property
    def calling(self) -> int:
        """How many calls to other servers are under way."""
        return self._carrier.outgoing.busy

    @property
    def asked(self) -> int:
        """How many requests wait for their answers."""
        return len(self._calls)

    def aborted(self, running: Running, call: CallId) -> None:
        """The client of an Upgrade was gone."""
        self._sockets.came_not(call)
        if self.recording is not None:
            self.recording.opened(call, None)
        self.take(running, Aborted(call))

    def catch_up(self) -> None:
        """Let every engine come to now, for those who look at its world outside of an input; see `Alarm.catch_up`."""
        self._alarm.catch_up()

    def fault(self) -> None:
        """The space has other faults now: let these strike, and free what others held."""
        for running in [*self._running]:
            look = running.fault(self._sockets.of(running), self._calls.of(running))
            if look is not None:
                self.take(running, look)
                running.settle()

    def act(self, running: Running, talk: str, act: Act) -> None:
        """Let the operator do something in a talk, as the bot would."""
        self.take(running, Acted(talk, act))

    def take(self, running: Running, given: Given) -> None:
        """Bring one input to its engine and carry out all that follows. What arises meanwhile waits in line."""
        self._queue.append((running, given))
        if self._busy:
            return
        self._catch_up()
        if running.engine.due < self._alarm.due:
            self._alarm.arm()

    def _catch_up(self) -> None:
        """Work what waits in line, then resume links, and tell who waits for pongs."""
        self._busy = True
        try:
            while self._queue:
                self._step(*self._queue.popleft())
        finally:
            self._busy = False
        if self._resumed:
            self._carrier.go_on()
        if self.stirred is not None:
            self.stirred.set()

    def _step(self, running: Running, given: Given) -> None:
        engine, carry = running.engine, self._carry
        try:
            time = self._alarm.work(running, self._now(), carry)
            if type(given) is Got and not (type(given.item) is Pong and self._pongs.of_a_beat(given.link)):
                self._note(time, running.name, given.link, "client", given.item)
            elif type(given) is Asked and given.route.via:
                polled(self._note, running, given, "client", given.request.body, time)
            carry(running, engine.take(given, time), type(given) is Beat)
            if type(given) is Attached and self.onlooker is not None:
                # Not before: a socket may come while its handshake is still being worked.
                self.onlooker.opened(given.link)
        except Exception as error:
            self._failed(given, error)

    def _failed(self, given: Given, error: Exception) -> None:
        """A mistake of ours: say so, and leave nobody hanging on it."""
        _log.error("a mistake of the simulator, while it worked %s", type(given).__name__, exc_info=error)
        if isinstance(given, Asked):
            self._calls.fail(given.call, error)
        if isinstance(given, Got) and (link := self._links.get(given.link)) is not None:
            link.drop()

    # --- time

    def run_due(self) -> None:
        """Let every engine come to now."""
        now, carry = self.clock.now(), self._carry
        for running in [*self.space.running.values()]:
            self._busy = True
            try:
                engine = running.engine
                carry(running, engine.run_until(now, self._alarm.away(engine.due, now)), False)
            except Exception as error:
                _log.error("a mistake of the simulator, in a timer", exc_info=error)
            finally:
                self._busy = False
        # In line: whoever comes in by a timer may have said something already.
        self._catch_up()

    async def advance(self, seconds: float) -> bool:
        """Move a manual clock on, see `Hand.advance`."""
        assert self._hand is not None, "the clock runs by itself"
        moved = await self._hand.advance(seconds)
        if self.onlooker is not None:
            self.onlooker.moved()
        return moved

    # --- what a hand asks

    @property
    def running(self) -> Collection[Running]:
        """What runs here."""
        return self._running

    @property
    def busy(self) -> bool:
        """Whether another server has been asked something and has not answered."""
        return bool(self._carrier.outgoing.busy)

    @property
    def unsent(self) -> bool:
        """Whether a socket still holds something."""
        return self._sockets.unsent

    # --- ends

    def reset(self) -> None:
        """Close all sockets as at shutdown, and begin anew: state, ids, journal, timers, a manual clock's time."""
        self.drain()
        self._calls.fail_all(Gone)
        if self._hand is not None:
            self._hand.restart()
        self.space.reset()
        self._tidy()
        self._alarm.again()
        if self.onlooker is not None:
            self.onlooker.began_anew()

    def end(self, left: WeakSet[AnyLink]) -> None:
        """Close all sockets as at shutdown, turn away who waits, and do nothing more: the space is gone.

        What of them is still open goes to `left`, now and later, so that nobody has to keep this driver for it.
        """
        self.drain()
        self._calls.fail_all(Gone)
        self._closed = True
        self._let_go()
        self._sockets.leave(left)

    def drain(self) -> None:
        """Say goodbye to every socket as the real server does at shutdown."""
        for running in [*self.space.running.values()]:
            self.take(running, Drain())

    def sockets(self) -> list[AnyLink]:
        """Whatever is still open, those among them that are over."""
        return self._sockets.there()

    async def close(self) -> None:
        """Stop for good: who comes now, over a connection that he had, is turned away."""
        self.drain()
        self._closed = True
        self._let_go()
        await self._carrier.outgoing.close()

    def _let_go(self) -> None:
        # Sockets that end later still tell their engine: no timer shall come of it.
        self._alarm.close()
        if self._hand is not None:
            self._hand.close()
        self._sockets.drop()
        if self.onlooker is not None:
            self.onlooker.ended()

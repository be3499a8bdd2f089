"""The engine joins a wire, rules and a bot, with one heap of timers: inputs in, effects out, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop
from math import inf
from typing import TYPE_CHECKING, TypeAlias, assert_never, cast

from simulator.core.actions import (
    Accept,
    Action,
    After,
    Began,
    Call,
    Cancel,
    Close,
    Ended,
    Heard,
    Hold,
    Refuse,
    Release,
    Reply,
    Respond,
    Send,
)
from simulator.core.backend import Rules
from simulator.core.bot import Bot, Directed, Saw, Watcher
from simulator.core.events import (
    Acked,
    Acted,
    Called,
    Closed,
    Event,
    Fired,
    Knocked,
    Malformed,
    Opened,
    Received,
    Requested,
)
from simulator.core.message import Frame
from simulator.core.timers import ASIDE, BOT, HAND, RULES, WATCHER, WIRE, Timers
from simulator.core.wire import (
    Answer,
    Aside,
    Asked,
    Drop,
    Due,
    Effect,
    Got,
    Hangup,
    Input,
    Later,
    Link,
    Output,
    Outside,
    Put,
    Reset,
    Shut,
    Straight,
    Wire,
    Write,
    ended,
)
from simulator.core.world import World

if TYPE_CHECKING:
    from simulator.core.bot import Deed

Given: TypeAlias = Outside | Due | Called | Acted | Directed | Send | Put | Hangup | Shut | Drop | Later | Cancel
"""What the driver brings, and what somebody at the controls does."""
_Take: TypeAlias = Callable[[Input], list[Output]]
_EVENTS = frozenset((Received, Closed, Opened, Knocked, Requested, Malformed, Acked))
_NOTHING: list[Effect | Call] = []


def _unsaid(send: Send | Reply) -> None:
    """Nothing goes straight."""


class Engine(Timers):
    """One running backend."""

    __slots__ = (
        "_answer",
        "_aside",
        "_effects",
        "_handle",
        "_hear",
        "_heard",
        "_rules",
        "_said",
        "_soon",
        "_straight",
        "_watcher",
        "_wire",
        "_wire_take",
    )

    def __init__(self, wire: Wire, rules: Rules, bot: Bot | Watcher, world: World) -> None:
        super().__init__(world)
        self._wire = wire
        self._straight = cast("Straight", wire) if hasattr(wire, "heard") else None
        self._heard: Callable[[Link, Frame], Received | None] | None = None
        self._said: Callable[[Send | Reply], Write | None] = _unsaid
        self._aside: _Take = wire.take
        self._wire_take: _Take = wire.take
        self._answer: Callable[[Answer], list[Output]] | None = None
        self._rules = rules
        self._handle = rules.handle
        self.use(bot)
        self._soon: list[Acted] = []
        """What a bot does at once: behind all that the input still causes, past the heap."""
        self._effects: list[Effect | Call] = []

    @property
    def rules(self) -> Rules:
        """The backend's rules, for who asks about its talks."""
        return self._rules

    @property
    def wire(self) -> Wire:
        """The wire, for who waits for its debts."""
        return self._wire

    @property
    def watcher(self) -> Watcher | None:
        """The bot, where it is one that watches."""
        return self._watcher

    def use(self, bot: Bot | Watcher) -> None:
        """Let this bot hear from now on; what the one before has said it will do, it does."""
        self._watcher: Watcher | None = cast("Watcher", bot) if hasattr(bot, "began") else None
        self._hear = cast("Bot", bot).hear
        self._shorten()

    def _shorten(self) -> None:
        """Let frames go straight, where nobody stands in their way."""
        straight = None if self._watcher is not None or self._wire_take != self._wire.take else self._straight
        self._heard = None if straight is None else straight.heard
        self._said = _unsaid if straight is None else straight.said

    def interpose(self, take: _Take | None, answer: Callable[[Answer], list[Output]] | None = None) -> None:
        """Let something stand where the wire stands, which asks the wire itself; None takes it out again.

        With `answer` it is shown what rules answer to requests, of which the wire is not told.
        Its own timers have an Aside as owner, and come back to it as Due, also when it was taken out meanwhile.
        """
        if take is not None:
            self._aside = take
        self._wire_take = take or self._wire.take
        self._answer = answer
        self._shorten()

    def hear(self, link: Link, frame: Frame, now: float) -> list[Effect | Call]:
        """`take` a frame; by now nothing must be due.

        Nearly all that comes is one message that is answered by one: this is `take` with all that it calls, and what
        only others need left out.
        """
        self.world._now = now
        heard = self._heard
        if heard is None or (received := heard(link, frame)) is None:
            return self.take(Got(link, frame), now)
        effects: list[Effect | Call] = []
        self._effects = effects
        handle, said = self._handle, self._said
        for action in handle(received):
            if type(action) is Reply or type(action) is Send:
                written = said(action)
                if written is None:
                    self._work(self._wire_take(action))
                else:
                    effects.append(written)
            elif type(action) is Heard:
                hear = self._hear
                for act in hear(action):
                    if act.after or self.due <= now:
                        self._later(Acted(action.talk, act, action))
                    else:
                        self._soon.append(Acted(action.talk, act, action))
            else:
                self._do([action])
        if self._soon:
            self._act_soon()
        if self.due <= now:
            self._run(now)
        return effects

    def take(self, given: Given, now: float | None = None) -> list[Effect | Call]:
        """Work one input with all that it causes, what is due at this very instant included.

        The caller has run the engine until now before, or seen that nothing is due by now, which it tells then.
        """
        now = self.world._now if now is None else now
        self.world._now = now
        effects: list[Effect | Call] = []
        self._effects = effects
        # A callable in a slot is cheap to read but not to call as a method: so it is here and below.
        take = self._wire_take
        if type(given) is Got and self._watcher is None:
            # Nearly all that comes: this is `_work` and `_do`, without their calls.
            for output in take(given):
                if type(output) is Received:
                    handle = self._handle
                    for action in handle(output):
                        if type(action) is Send:
                            for sent in take(action):
                                if type(sent) is Write:
                                    effects.append(sent)
                                else:
                                    self._work([sent])
                        else:
                            self._do([action])
                else:
                    self._work([output])
        elif type(given) is Asked:
            self._work(take(given))
        elif type(given) is Got and self._watcher is not None:
            self._watcher.link = given.link
            self._work(take(given))
            self._watcher.link = None
        elif type(given) is Acted:
            if given.act.after:
                self._later(given)
            else:
                self._tell(given)
        elif type(given) is Called:
            self._tell(given)
        elif isinstance(given, Shut | Drop):
            self._hang(given)
        elif isinstance(given, Later):
            self._arm(HAND, After(given.seconds, given.owner, given))
        elif isinstance(given, Cancel):
            self._cancel(HAND, given)
        elif isinstance(given, Directed):
            if self._watcher is not None:
                self._perform(self._watcher.directed(given))
        else:
            self._work(take(given))
        if self._soon:
            self._act_soon()
        if self.due <= now:
            self._run(now)
        return effects

    def _act_soon(self) -> None:
        soon, handle, said, effects = self._soon, self._handle, self._said, self._effects
        while soon:
            for action in handle(soon.pop(0)):
                written = said(action) if type(action) is Send or type(action) is Reply else None
                if written is None:
                    self._do([action])
                else:
                    effects.append(written)

    def run_until(self, t: float, away: bool = False) -> list[Effect | Call]:
        """Fire all that is due up to t, each at its own instant, then let it be t.

        Where we were away until then it all fires at t: who is pinged has the whole time for a pong from there.
        """
        effects = _NOTHING
        if self.due <= t:
            effects = self._effects = []
            if away:
                self.world._now = t
            self._run(t)
        if t > self.world._now:
            self.world._now = t
        return effects

    def _run(self, t: float) -> None:
        heap, world = self._heap, self.world
        while heap and heap[0][0] <= t:
            due, serial, room, owner, name = heappop(heap)
            if room == BOT:
                assert isinstance(name, Acted)
                self._waiting -= 1
                if due > world._now:
                    world._now = due
                self._tell(name)
                continue
            names = self._armed[room].get(owner)
            if names is None or names.get(name) != serial:
                self._dead -= 1
                continue
            del names[name]
            if not names:
                del self._armed[room][owner]
            if due > world._now:
                world._now = due
            if room == WIRE:
                self._work(self._wire_take(Due(owner, name)))
            elif room == RULES:
                self._tell(Fired(owner, name))
            elif room == ASIDE:
                self._work(self._aside(Due(owner, name)))
            elif room == HAND:
                later = cast("Later", name)
                if isinstance(later.given, Shut):
                    self._hang(later.given)
                else:
                    self._work(self._wire_take(later.given))
            elif self._watcher is not None:
                self._perform(self._watcher.fired(Fired(owner, name)))
        # Each pong cancels a timer: nobody has to be woken for what is cancelled.
        due_next = self.next_due() if self._dead else heap[0][0] if heap else None
        self.due = inf if due_next is None else due_next

    def _work(self, outputs: list[Output]) -> None:
        for output in outputs:
            if type(output) is Received:
                handle = self._handle
                if self._watcher is None:
                    self._do(handle(output))
                else:
                    self._watched(self._watcher, output, handle(output))
            elif type(output) is Write or type(output) is Answer:
                self._effects.append(output)
            elif isinstance(output, After):
                self._arm(ASIDE if type(output.owner) is Aside else WIRE, output)
            elif type(output) in _EVENTS:
                self._tell(cast("Event", output))
            elif isinstance(output, Cancel):
                self._cancel(ASIDE if type(output.owner) is Aside else WIRE, output)
            else:
                self._effects.append(cast("Effect", output))

    def _watched(self, watcher: Watcher, received: Received, actions: list[Action]) -> None:
        self._do(actions)
        if not any(type(action) is Heard for action in actions):
            talk = self._rules.talk_of(received.conn, received.message)
            if talk is not None:
                self._perform(watcher.saw(Saw(talk, received.conn, received.message)))

    def _perform(self, deeds: Sequence[Deed]) -> None:
        for deed in deeds:
            if isinstance(deed, Acted):
                self._act(deed)
            elif isinstance(deed, After):
                self._arm(WATCHER, deed)
            elif isinstance(deed, Cancel):
                self._cancel(WATCHER, deed)
            else:
                self._hang(deed)

    def _hang(self, deed: Shut | Reset | Drop) -> None:
        self._effects.append(deed)
        self._work(self._wire_take(ended(deed)))

    def _act(self, acted: Acted) -> None:
        # The heap keeps the order where something else is due at this instant, as it is while `_run` works.
        if acted.act.after or self.due <= self.world._now:
            self._later(acted)
        else:
            self._soon.append(acted)

    def _tell(self, event: Event) -> None:
        if isinstance(event, Closed):
            self._cancel(RULES, Cancel(event.conn))
        handle = self._handle
        self._do(handle(event))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if type(action) is Send:
                take = self._wire_take
                for output in take(action):
                    if type(output) is Write or type(output) is Answer:
                        self._effects.append(output)
                    else:
                        self._work([output])
            elif type(action) is Heard:
                if self._watcher is not None:
                    self._perform(self._watcher.hear(action))
                    continue
                hear = self._hear
                for act in hear(action):
                    self._act(Acted(action.talk, act, action))
            else:
                match action:
                    case After():
                        self._arm(RULES, action)
                    case Reply() | Close() | Accept() | Refuse() | Hold() | Release():
                        self._work(self._wire_take(action))
                    case Respond():
                        answer = Answer(action.call, action.response)
                        if self._answer is None:
                            self._effects.append(answer)
                        else:
                            self._work(self._answer(answer))
                    case Cancel():
                        self._cancel(RULES, action)
                    case Call():
                        self._effects.append(action)
                    case Began():
                        if self._watcher is not None:
                            self._perform(self._watcher.began(action))
                    case Ended():
                        if self._watcher is not None:
                            self._perform(self._watcher.ended(action))
                    case _:
                        assert_never(action)

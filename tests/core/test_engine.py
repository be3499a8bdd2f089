"""The engine: who hears what in which order, and every promise about timers."""

from __future__ import annotations

from collections.abc import Hashable
from math import inf
from typing import Any

import pytest

from simulator.core.actions import (
    Accept,
    Action,
    After,
    Call,
    Cancel,
    Close,
    Heard,
    Hold,
    Refuse,
    Release,
    Reply,
    Respond,
    Send,
)
from simulator.core.bot import Act, Say
from simulator.core.engine import Engine
from simulator.core.events import Acted, Called, Closed, Event, Fired, Opened, Received
from simulator.core.ids import Ids
from simulator.core.message import Frame, Message, Response
from simulator.core.timers import LONG
from simulator.core.wire import Answer, Drop, Due, Effect, Got, Input, Output, Pause, Write
from simulator.core.world import World
from tests.talkless import Talkless


class Stage:
    """Wire, rules and bot of a play: they do what their scripts say, and all that they hear is noted.

    A script's key is the data of a frame got, the name of a message, of a timer, of a key, or of a type.
    """

    def __init__(self, now: float = 100.0) -> None:
        self.wire_says: dict[object, list[Output]] = {}
        self.rules_say: dict[object, list[Action]] = {}
        self.bot_says: dict[str, list[Act]] = {}
        self.noted: list[str] = []
        self.times: list[float] = []
        self.engine = Engine(
            StageWire(self), StageRules(self), StageBot(self), World(now=now, ids=Ids.seeded(1), seed=0, settings=0)
        )

    def note(self, who: str, what: object) -> object:
        match what:
            case Got(_, Frame(data)):
                key: object = data
            case Send(_, Message(name)) | Received(_, Message(name)):
                key = name
            case Due(_, name) | Fired(_, name):
                key = name
            case Called(key, _) | Acted(_, Say(key)):
                pass
            case _:
                key = type(what).__name__
        self.noted.append(f"{who} {key}")
        self.times.append(self.engine.world.now())
        return key

    def get(self, data: str) -> list[Effect | Call]:
        return self.engine.take(Got(1, Frame(data)))

    def heard(self) -> list[str]:
        """What rules and wire heard since the last look."""
        noted = self.noted[:]
        self.noted.clear()
        self.times.clear()
        return noted


class StageWire:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def take(self, given: Input) -> list[Output]:
        return self.stage.wire_says.get(self.stage.note("wire", given), [])

    def owes(self) -> list[tuple[Hashable, int]]:
        return []

    def clients(self) -> Any:
        return iter(())

    def number(self, session: str) -> None:
        return None


class StageRules(Talkless):
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def handle(self, event: Event) -> list[Action]:
        return self.stage.rules_say.get(self.stage.note("rules", event), [])


class StageBot:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def hear(self, heard: Heard) -> list[Act]:
        return self.stage.bot_says.get(heard.text, [])


@pytest.fixture
def stage() -> Stage:
    return Stage()


def write(data: str) -> Write:
    return Write(1, Frame(data))


def send(name: str) -> Send:
    return Send(("conn",), Message(name))


def received(name: str) -> Received:
    return Received("conn", Message(name))


# ---- order ----


def test_depth_first(stage: Stage) -> None:
    stage.wire_says = {
        "in": [write("1"), received("a"), write("6"), received("b"), write("8")],
        "a1": [write("2"), Closed("other"), write("4")],
        "a2": [write("5")],
        "after closed": [write("3")],
        "b1": [write("7")],
    }
    stage.rules_say = {
        "a": [send("a1"), send("a2")],
        "Closed": [send("after closed")],
        "b": [send("b1")],
    }
    assert stage.get("in") == [write(str(i)) for i in range(1, 9)]
    assert stage.heard() == [
        *("wire in", "rules a", "wire a1", "rules Closed", "wire after closed", "wire a2"),
        *("rules b", "wire b1"),
    ]


def test_wire_has_finished_before_rules_hear() -> None:
    class Watching(StageWire):
        done = False

        def take(self, given: Input) -> list[Output]:
            self.done = False
            outputs = super().take(given)
            self.done = True
            return outputs

    stage = Stage()
    wire = Watching(stage)
    seen = []

    class Asking(StageRules):
        def handle(self, event: Event) -> list[Action]:
            seen.append(wire.done)
            return super().handle(event)

    stage.wire_says = {"in": [received("a"), Closed("conn")]}
    stage.rules_say = {"a": [send("x")]}
    stage.engine = Engine(wire, Asking(stage), StageBot(stage), stage.engine.world)
    stage.get("in")
    assert seen == [True, True]


@pytest.mark.parametrize(
    "action",
    [
        Accept("c"), Refuse("c", Response(400)), send("m"), Reply("c", 1), Close("c"), Hold("c"), Release("c"),
    ],
    ids=lambda action: type(action).__name__,
)  # fmt: skip
def test_what_goes_to_the_wire(stage: Stage, action: Action) -> None:
    stage.rules_say = {"key": [action]}
    key = "m" if isinstance(action, Send) else type(action).__name__
    stage.wire_says = {key: [Pause(9)]}
    assert stage.engine.take(Called("key", 200)) == [Pause(9)]
    assert stage.heard() == ["rules key", f"wire {key}"]


def test_what_the_engine_does_itself(stage: Stage) -> None:
    call = Call("k", "GET", "http://localhost/")
    stage.rules_say = {"key": [Respond(4, Response(200)), call]}
    assert stage.engine.take(Called("key", 200)) == [Answer(4, Response(200)), call]
    assert stage.heard() == ["rules key"], "the wire hears nothing of it"


def test_operator_acts_as_the_bot_does(stage: Stage) -> None:
    stage.rules_say = {"hi": [Respond(1, Response(200))]}
    assert stage.engine.take(Acted("talk", Say("hi"))) == [Answer(1, Response(200))]


def test_each_take_has_its_own_effects(stage: Stage) -> None:
    stage.wire_says = {"a": [write("a")], "b": [Drop(1)]}
    first, second, third = stage.get("a"), stage.get("b"), stage.get("nothing")
    assert (first, second, third) == ([write("a")], [Drop(1)], [])


def test_rooms_can_be_asked_for(stage: Stage) -> None:
    assert isinstance(stage.engine.rules, StageRules)
    assert isinstance(stage.engine.wire, StageWire)


# ---- timers ----


def test_rules_timer_fires_at_its_instant(stage: Stage) -> None:
    stage.wire_says = {"in": [received("a")], "m": [write("m")]}
    stage.rules_say = {"a": [After(1.5, "owner", "t")], "t": [send("m")]}
    assert stage.get("in") == []
    assert stage.engine.next_due() == 101.5
    assert stage.engine.run_until(101.4) == []
    assert stage.engine.run_until(101.5) == [write("m")]
    assert stage.engine.next_due() is None
    assert stage.engine.run_until(200.0) == []


def test_equal_instants_fire_in_order_of_arming(stage: Stage) -> None:
    stage.wire_says = {"in": [After(2.0, "o", "w1"), received("a"), After(2.0, "o", "w2")]}
    stage.rules_say = {"a": [After(2.0, "o", "r1"), Heard("talk", "hi", Message("m")), After(1.0, "o", "early")]}
    stage.bot_says = {"hi": [Say("b1", after=2.0), Say("b2", after=2.0)]}
    stage.get("in")
    stage.heard()
    stage.engine.run_until(102.0)
    assert stage.heard() == ["rules early", "wire w1", "rules r1", "rules b1", "rules b2", "wire w2"]


def test_arming_again_replaces(stage: Stage) -> None:
    stage.rules_say = {
        "k": [After(1.0, "o", "t"), After(1.0, "o", "other"), After(3.0, "o", "t")],
        "sooner": [After(0.5, "o", "t")],
    }
    stage.engine.take(Called("k", 200))
    stage.engine.run_until(102.0)
    assert stage.heard() == ["rules k", "rules other"]
    stage.engine.take(Called("sooner", 200))
    stage.engine.run_until(110.0)
    assert stage.heard() == ["rules sooner", "rules t"]


@pytest.mark.parametrize(
    ("cancel", "left"),
    [
        (Cancel("o", "a"), ["b", "p"]),
        (Cancel("o"), ["p"]),
        (Cancel("o", "unknown"), ["a", "b", "p"]),
        (Cancel("nobody"), ["a", "b", "p"]),
        (Cancel("nobody", "a"), ["a", "b", "p"]),
        (Cancel("p", "p"), ["a", "b"]),
    ],
)
@pytest.mark.parametrize("room", ["wire", "rules"])
def test_cancel(stage: Stage, room: str, cancel: Cancel, left: list[str]) -> None:
    armed = (After(1.0, "o", "a"), After(1.0, "o", "b"), After(1.0, "p", "p"), cancel)
    stage.wire_says = {"in": [*armed]}
    stage.rules_say = {"k": [*armed]}
    stage.engine.take(Got(1, Frame("in")) if room == "wire" else Called("k", 200))
    stage.heard()
    stage.engine.run_until(200.0)
    assert stage.heard() == [f"{room} {name}" for name in left]


def test_closed_cancels_the_rules_timers_of_that_conn(stage: Stage) -> None:
    stage.wire_says = {"in": [After(1.0, "conn", "wire's"), received("a")], "end": [Closed("conn")]}
    stage.rules_say = {
        "a": [
            After(1.0, "conn", "x"), After(1.0, "conn", "y"), After(1.0, "other", "z"), After(1.0, "talk", "t"),
            Heard("conn", "hi", Message("m")),
        ],
    }  # fmt: skip
    stage.bot_says = {"hi": [Say("b", after=1.0)]}
    stage.get("in")
    stage.get("end")
    stage.heard()
    stage.engine.run_until(200.0)
    assert stage.heard() == ["wire wire's", "rules z", "rules t", "rules b"]


def test_closed_cancels_before_rules_hear_it(stage: Stage) -> None:
    stage.wire_says = {"in": [Opened("conn")], "end": [Closed("conn")]}
    stage.rules_say = {"Opened": [After(1.0, "conn", "old")], "Closed": [After(2.0, "conn", "new")]}
    stage.get("in")
    stage.get("end")
    stage.heard()
    stage.engine.run_until(200.0)
    assert stage.heard() == ["rules new"], "what rules arm then is theirs"


@pytest.mark.parametrize("now", [100.0, 1767225600.0, 100.0000006, 1767225600.1234567])
def test_no_delay_is_the_same_take(now: float) -> None:
    stage = Stage(now)
    stage.wire_says = {"in": [received("a"), After(0.0, "o", "w"), write("1")], "m": [write("2")]}
    stage.rules_say = {"a": [Heard("talk", "hi", Message("m"))], "hello": [After(0.0, "o", "r")], "r": [send("m")]}
    stage.bot_says = {"hi": [Say("hello")]}
    assert stage.get("in") == [write("1"), write("2")]
    assert stage.heard() == ["wire in", "rules a", "rules hello", "wire w", "rules r", "wire m"]
    assert stage.engine.next_due() is None
    assert stage.engine.world.now() == pytest.approx(now, abs=1e-6)


def test_run_until_stops_the_clock_at_each_instant(stage: Stage) -> None:
    stage.rules_say = {
        "k": [After(3.0, "o", "c"), After(1.0, "o", "a")],
        "a": [After(1.0, "o", "b")],
        "b": [After(0.25, "o", "late")],
    }
    stage.engine.take(Called("k", 200))
    stage.noted.clear()
    stage.times.clear()
    stage.engine.run_until(110.0)
    assert [*zip(stage.noted, stage.times, strict=True)] == [
        ("rules a", 101.0),
        ("rules b", 102.0),
        ("rules late", 102.25),
        ("rules c", 103.0),
    ]
    assert stage.engine.world.now() == 110.0


def test_time_never_goes_back(stage: Stage) -> None:
    stage.engine.run_until(105.0)
    assert stage.engine.run_until(101.0) == []
    assert stage.engine.world.now() == 105.0
    stage.rules_say = {"k": [After(-3.0, "o", "t")]}
    stage.engine.take(Called("k", 200))
    assert stage.heard() == ["rules k", "rules t"], "what is overdue is due"
    assert stage.engine.world.now() == 105.0


@pytest.mark.parametrize("way", ["cancel one", "cancel owner", "arm again", "close"])
def test_heap_holds_the_living(stage: Stage, way: str) -> None:
    ends: dict[str, list[Action]] = {"cancel one": [Cancel("conn", "t")], "cancel owner": [Cancel("conn")]}
    stage.wire_says = {"end": [Closed("conn")]}
    stage.rules_say = {
        "lasting": [After(500.0 + i, "lasting", i) for i in range(50)],
        "k": [After(1000.0, "conn", "t"), *ends.get(way, [])],
    }
    stage.engine.take(Called("lasting", 200))
    for _ in range(5000):
        stage.engine.take(Called("k", 200))
        if way == "close":
            stage.get("end")
    assert len(stage.engine._heap) < 300
    stage.heard()
    stage.engine.run_until(5000.0)
    assert stage.heard() == [f"rules {i}" for i in range(50)] + (["rules t"] if way == "arm again" else [])
    assert stage.engine._heap == []
    assert not any(stage.engine._armed), "owners that have nothing left are forgotten"


def test_next_due_passes_over_the_dead(stage: Stage) -> None:
    stage.rules_say = {
        "k": [After(1.0, "a", 1), After(2.0, "b", 1), After(3.0, "c", 1), After(4.0, "c", 2)],
        "c1": [Cancel("a"), Cancel("c", 1)],
        "c2": [Cancel("b")],
        "c3": [Cancel("c")],
    }
    dues = []
    for key in ("k", "c1", "c2", "c3"):
        stage.engine.take(Called(key, 200))
        dues.append(stage.engine.next_due())
    assert dues == [101.0, 102.0, 104.0, None]


def test_nobody_is_woken_for_the_dead(stage: Stage) -> None:
    stage.rules_say = {
        "k": [After(1.0, "a", "first"), After(2.0, "b", 1), After(3.0, "c", "last")],
        "c1": [Cancel("b")],
        "last": [After(1.0, "d", 1), Cancel("d")],
    }
    stage.engine.take(Called("k", 200))
    stage.engine.take(Called("c1", 200))
    dues = []
    while stage.engine.due < inf:
        dues.append(stage.engine.due)
        stage.engine.run_until(stage.engine.due)
    assert dues == [101.0, 103.0]


@pytest.mark.parametrize("by_hand", [True, False])
def test_long_timers_of_the_wire_are_grouped_where_time_is_real(by_hand: bool) -> None:
    stage = Stage(100.001)
    stage.engine.world.by_hand = by_hand
    times = {"ping": 25.0, "pong": 25.01, "check": LONG - 0.5}
    stage.wire_says["k"] = [After(seconds, name, name) for name, seconds in times.items()]
    stage.rules_say["r"] = [After(25.0, "one", "rules")]
    stage.engine.take(Got(1, Frame("k")))
    stage.engine.take(Called("r", 200))
    stage.heard()
    stage.engine.run_until(200.0)
    told = dict(zip(stage.noted, stage.times, strict=True))
    grouped = {"wire ping": 125.015625, "wire pong": 125.015625}
    exact = {"wire check": 109.501, "rules rules": 125.001, "wire ping": 125.001, "wire pong": 125.011}
    assert told == (exact if by_hand else {**exact, **grouped})


class Straight(StageWire):
    """A wire whose frames are messages, and whose messages leave in a way of their own, but for one."""

    def heard(self, link: int, frame: Frame) -> Received | None:
        return Received("one", Message(str(frame.data)))

    def said(self, send: Send | Reply) -> Write | None:
        return Write(1, Frame("straight")) if isinstance(send, Send) and send.message.name == "short" else None


def test_the_straight_way_does_what_is_due_at_once() -> None:
    stage = Stage()
    engine = Engine(
        Straight(stage), StageRules(stage), StageBot(stage), World(now=100.0, ids=Ids.seeded(1), seed=0, settings=0)
    )
    stage.engine = engine
    stage.rules_say["hi"] = [After(0.0, "one", "now"), Send(("one",), Message("short"))]
    stage.rules_say["now"] = [Send(("one",), Message("long"))]
    stage.wire_says["long"] = [Write(1, Frame("by take"))]
    assert engine.hear(1, Frame("hi"), 100.0) == [Write(1, Frame("straight")), Write(1, Frame("by take"))]
    assert engine.due > 100.0

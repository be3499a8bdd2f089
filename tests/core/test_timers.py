"""More about timers: rooms, ends, decimals; and all of it against a plain dictionary."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.actions import Action, After, Cancel, Heard
from simulator.core.bot import Say
from simulator.core.engine import Engine
from simulator.core.events import Called, Closed, Event, Fired
from simulator.core.message import Message
from simulator.core.wire import Later, Shut
from tests.core.test_engine import Stage, StageBot, StageRules, StageWire, received, send, write


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_rooms_do_not_share_keys(stage: Stage) -> None:
    # Equal owners and names throughout: a conn, and the name that is also a talk's.
    stage.wire_says = {
        "in": [After(1.0, "talk", "t"), received("a")],
        "wire cancels": [Cancel("talk")],
    }
    stage.rules_say = {
        "a": [After(2.0, "talk", "t"), Heard("talk", "hi", Message("m"))],
        "rules cancel": [Cancel("talk")],
    }
    stage.bot_says = {"hi": [Say("b", after=3.0)]}
    stage.get("in")
    stage.heard()
    stage.engine.run_until(103.0)
    assert stage.heard() == ["wire t", "rules t", "rules b"]
    stage.get("in")
    stage.get("wire cancels")
    stage.heard()
    stage.engine.run_until(106.0)
    assert stage.heard() == ["rules t", "rules b"]
    stage.get("in")
    stage.engine.take(Called("rules cancel", 200))
    stage.heard()
    stage.engine.run_until(109.0)
    assert stage.heard() == ["wire t", "rules b"]


def test_decimal_seconds_add_up(stage: Stage) -> None:
    stage.rules_say = {"k": [After(0.1, "o", "t")], "t": [After(0.1, "o", "t")]}
    stage.engine.take(Called("k", 200))
    for tick in range(1, 11):
        assert stage.engine.next_due() == round(100 + tick / 10, 1)
        stage.engine.run_until(round(100 + tick / 10, 1))


def test_after_being_away_nothing_follows_at_once_from_what_fired(stage: Stage) -> None:
    stage.rules_say = {"k": [After(1.0, "o", "t")], "t": [After(1.0, "o", "u")]}
    stage.engine.take(Called("k", 200))
    stage.engine.run_until(109.0, away=True)
    assert stage.engine.next_due() == 110.0, "a second from where it fired, not from where it was due"


def test_talk_outlives_the_conn_with_its_answers(stage: Stage) -> None:
    stage.wire_says = {"in": [received("a"), Closed("conn")]}
    stage.rules_say = {"a": [Heard("conn", "hi", Message("m"))]}
    stage.bot_says = {"hi": [Say("b", after=1.0)]}
    stage.get("in")
    stage.heard()
    stage.engine.run_until(101.0)
    assert stage.heard() == ["rules b"]


def test_arming_again_goes_to_the_end_of_the_line(stage: Stage) -> None:
    stage.rules_say = {"k": [After(1.0, "o", "a"), After(1.0, "o", "b"), After(1.0, "o", "a")]}
    stage.engine.take(Called("k", 200))
    stage.heard()
    stage.engine.run_until(101.0)
    assert stage.heard() == ["rules b", "rules a"]


_STEP = st.tuples(
    st.sampled_from(["arm", "cancel", "owner", "wait"]), st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 5)
)


@settings(deadline=None, max_examples=50)
@given(st.lists(_STEP, max_size=300))
def test_timers_are_a_dictionary(steps: list[tuple[str, str, int, int]]) -> None:
    """Whatever is armed and cancelled: what fires is what a plain dictionary says, and when it says."""
    stage = Stage(0.0)
    fired: list[tuple[float, str, int]] = []

    class Noting(StageRules):
        def handle(self, event: Event) -> list[Action]:
            if isinstance(event, Fired):
                fired.append((stage.engine.world.now(), str(event.owner), int(str(event.name))))
            return super().handle(event)

    stage.engine = Engine(StageWire(stage), Noting(stage), StageBot(stage), stage.engine.world)
    model: dict[tuple[str, int], tuple[float, int]] = {}
    expected: list[tuple[float, str, int]] = []
    now = 0.0
    for number, (what, owner, name, seconds) in enumerate(steps):
        if what == "wait":
            now += seconds
            due = sorted((at, i, key) for key, (at, i) in model.items() if at <= now)
            expected += [(at, *key) for at, _, key in due]
            for _, _, key in due:
                del model[key]
            stage.engine.run_until(now)
            continue
        actions: dict[str, Action] = {
            "arm": After(seconds + 1.0, owner, name),
            "cancel": Cancel(owner, name),
            "owner": Cancel(owner),
        }
        stage.rules_say = {"k": [actions[what]]}
        stage.engine.take(Called("k", 200))
        if what == "arm":
            model[owner, name] = (now + seconds + 1.0, number)
        elif what == "cancel":
            model.pop((owner, name), None)
        else:
            model = {key: value for key, value in model.items() if key[0] != owner}
        assert stage.engine.timers == len(model)
        assert stage.engine.next_due() == min((at for at, _ in model.values()), default=None)
    assert fired == expected


def test_a_hand_that_waits() -> None:
    """What somebody at the controls has put off happens at its instant, and not at all when it was taken back."""
    stage = Stage(0.0)
    stage.wire_says = {"said": [write("said")]}
    for seconds, owner, what in ((2.0, "a", send("said")), (3.0, "a", Shut(1, 4001, "end")), (1.0, "b", send("said"))):
        assert stage.engine.take(Later(seconds, owner, what)) == []
    stage.engine.take(Cancel("b"))
    assert stage.engine.run_until(1.5) == []
    assert stage.engine.run_until(10.0) == [write("said"), Shut(1, 4001, "end")]
    assert stage.heard() == ["wire said", "wire Detached"]
    assert stage.engine.next_due() is None

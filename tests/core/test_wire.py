"""What goes into a wire and what comes out: the unions hang together."""

from __future__ import annotations

from typing import get_args

import pytest

from simulator.core import wire
from simulator.core.actions import Action
from simulator.core.engine import _EVENTS
from simulator.core.events import Event
from simulator.core.message import Message, Pong
from simulator.core.wire import (
    Aside,
    Detached,
    Due,
    Effect,
    Got,
    Hangup,
    Input,
    Later,
    Output,
    Outside,
    Pause,
    Present,
    Put,
    Shut,
    Turn,
)
from tests.core.records import records

HERE = records(wire)


def test_every_type_has_its_place() -> None:
    assert {*get_args(Outside), Due, Aside, *get_args(Effect), Turn, Put, Hangup, Later, Present} == set(HERE)


def test_inputs_are_the_drivers_and_the_rules() -> None:
    hands = {Put, Hangup}
    assert set(get_args(Input)) == {*get_args(Outside), Due, *hands, *(set(get_args(Action)) & set(get_args(Input)))}
    # The rest of what rules ask for the engine does itself.
    engines = {cls.__name__ for cls in set(get_args(Action)) - set(get_args(Input))}
    assert engines == {"Respond", "After", "Cancel", "Heard", "Began", "Ended", "Call"}


def test_outputs_are_effects_events_and_timers() -> None:
    timers = set(get_args(Output)) - set(get_args(Effect)) - set(get_args(Event))
    assert {cls.__name__ for cls in timers} == {"After", "Cancel"}


def test_engine_tells_rules_every_event_of_a_wire() -> None:
    assert set(_EVENTS) == set(get_args(Output)) & set(get_args(Event))


@pytest.mark.parametrize("cls", HERE)
def test_no_room_for_more(cls: type) -> None:
    assert not cls.__dictoffset__


def test_bare_values() -> None:
    assert Detached(1).code == 1006
    assert Pause(1).on
    assert Shut(1, None).reason == ""
    assert Got(1, Pong()) == Got(1, Pong(b""))
    assert Turn("client", Message("m")).why == ""

"""What rules hear: the union is whole, and what a bare event means."""

from __future__ import annotations

from typing import get_args

import pytest

from simulator.core import events
from simulator.core.events import Acked, Called, Closed, Event, Knocked
from simulator.core.message import Request
from tests.core.records import records

HERE = records(events)


def test_union_is_all_there_is() -> None:
    assert set(get_args(Event)) == set(HERE)


@pytest.mark.parametrize("cls", HERE)
def test_no_room_for_more(cls: type) -> None:
    assert not cls.__dictoffset__


def test_bare_events() -> None:
    assert Closed("c").code == 1006, "no close frame, unless one is known of"
    assert Knocked("c", Request("GET", "/")).auth is None
    assert Acked("c", "key").args == ()
    assert (Called("key", 200).body, Called("key", 200).error) == (b"", "")

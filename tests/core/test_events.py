"""What rules hear: the union is whole, and what a bare event means."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import get_args

import pytest

from simulator.core import events
from simulator.core.events import Acked, Called, Closed, Event, Knocked
from simulator.core.message import Request

HERE = [cls for cls in vars(events).values() if is_dataclass(cls) and cls.__module__ == events.__name__]


def test_union_is_all_there_is() -> None:
    assert set(get_args(Event)) == set(HERE)


@pytest.mark.parametrize("cls", HERE)
def test_no_room_for_more(cls: type) -> None:
    assert not hasattr(object.__new__(cls), "__dict__")


def test_bare_events() -> None:
    assert Closed("c").code == 1006, "no close frame, unless one is known of"
    assert Knocked("c", Request("GET", "/")).auth is None
    assert Acked("c", "key").args == ()
    assert (Called("key", 200).body, Called("key", 200).error) == (b"", "")

"""What rules ask for: the union is whole, and what a bare action means."""

from __future__ import annotations

from typing import get_args

import pytest

from simulator.core import actions
from simulator.core.actions import Accept, Action, After, Call, Cancel, Close, Heard, Send
from simulator.core.message import Message
from tests.core.records import records

HERE = records(actions)


def test_union_is_all_there_is() -> None:
    assert set(get_args(Action)) == set(HERE)


@pytest.mark.parametrize("cls", HERE)
def test_no_room_for_more(cls: type) -> None:
    assert not cls.__dictoffset__


def test_bare_actions() -> None:
    assert (Close("c").code, Close("c").reason, Close("c").whole) == (1000, "", True)
    assert Send(("c",), Message("m")).ack is None
    assert Accept("c").headers == ()
    assert Cancel("owner").name is None
    assert (Call(1, "GET", "http://localhost/").body, Call(1, "GET", "http://localhost/").timeout) == (b"", 10.0)


def test_equal_by_value() -> None:
    assert After(1.0, "owner", "name") == After(1.0, "owner", "name")
    assert After(1.0, "owner", "name") != After(1.0, "owner", "other")
    assert Heard.__struct_fields__ == ("talk", "text", "message", "conn", "about")

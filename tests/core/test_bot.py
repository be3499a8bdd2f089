"""Bots and acts: the names are whole, the two bots do what they say."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from simulator.core.actions import Heard
from simulator.core.bot import ACTS, Act, EchoBot, File, Picture, Queue, Raw, Say, SilentBot, Typing
from simulator.core.message import Message

HEARD = Heard("talk", "hello", Message("m"))


def test_every_act_has_its_name() -> None:
    assert set(ACTS.values()) == set(get_args(Act))
    for name, cls in ACTS.items():
        assert name == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


def test_acts_are_at_once_unless_they_say_when() -> None:
    assert [Say("a").after, Typing().after, Queue(1, after=2.5).after] == [0.0, 0.0, 2.5]
    with pytest.raises(TypeError):
        Say("a", None, 1.0)  # type: ignore[call-arg]  # `after` is never a position


def test_bare_acts() -> None:
    assert Say("a").agent is None
    assert Typing().on
    assert Raw("m").body is None
    assert (Picture("u").type, File("u").type) == ("image/jpeg", "application/octet-stream")


def test_echo() -> None:
    assert EchoBot().hear(HEARD) == [Say("You said: hello", after=1.0)]
    assert EchoBot(0).hear(HEARD) == [Say("You said: hello", after=0)]


def test_silence() -> None:
    assert SilentBot().hear(HEARD) == []

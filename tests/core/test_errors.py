"""The tree of errors: its docstring, its exit codes, its facts."""

from __future__ import annotations

import inspect
import re

import pytest

from simulator.core import errors
from simulator.core.errors import FixtureError, SettingError, SimulatorError, StartError, UnknownBackend, WireError

HERE = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, SimulatorError)]


def test_docstring_is_the_tree() -> None:
    lines = re.findall(r"^( *)(\w+)  +(.*)$", errors.__doc__ or "", re.MULTILINE)
    assert {name for _, name, _ in lines} == {cls.__name__ for cls in HERE}
    for indent, name, text in lines:
        cls = getattr(errors, name)
        assert len(indent) == 4 * (len(cls.__mro__) - len(SimulatorError.__mro__)), name
        code = re.search(r"exit code (\d)", text)
        assert cls.exit_code == (int(code[1]) if code else SimulatorError.exit_code), name


@pytest.mark.parametrize(
    ("error", "line", "facts", "code"),
    [
        (SimulatorError("why"), "why", {}, 2),
        (WireError("why", b"frame"), "why", {"why": "why", "frame": b"frame"}, 2),
        (WireError("why"), "why", {"frame": None}, 2),
        (
            UnknownBackend("chop", ["aida", "chip"]),
            "there is no backend 'chop'; known are: aida, chip",
            {"name": "chop", "known": ("aida", "chip")},
            2,
        ),
        (FixtureError("a.yaml", 3, "why"), "a.yaml:3: why", {"path": "a.yaml", "line": 3, "why": "why"}, 2),
        (FixtureError("a.yaml", 0, "why"), "a.yaml: why", {"line": 0}, 2),
        (SettingError("bot", "why"), "--set bot: why", {"key": "bot", "why": "why"}, 2),
        (StartError("why"), "why", {}, 3),
    ],
)
def test_one_clear_line(error: SimulatorError, line: str, facts: dict[str, object], code: int) -> None:
    assert str(error) == line
    assert {name: getattr(error, name) for name in facts} == facts
    assert error.exit_code == code
    with pytest.raises(SimulatorError):
        raise error

"""What makes something else of a cassette, watched: that what is wrong with it is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator.cassette import bindings, har_writing, trim
from simulator.cassette.entries import Closed
from simulator.core.errors import SimulatorError
from tests.fuzz import edits, verified


def edited(name: str, *lines: str) -> None:
    edits.edited(b"tape " + name.encode() + edits.BREAK + "\n".join(lines).encode())


@pytest.mark.parametrize("name", verified.names())
def test_right_ones(name: str) -> None:
    edited(
        name,
        "trim --from 0.5 --rebase",
        "trim --drop *",
        "export",
        "fresh *.id *.messageId",
        "binds 1 4 5=other 9",
        "nothing",
    )


@pytest.mark.parametrize(
    ("line", "broken", "why"),
    [
        ("trim", (trim, "cut", lambda entries, plan, rebase: 1 / 0), "ZeroDivisionError"),
        ("trim", (trim, "cut", lambda entries, plan, rebase: [*entries][::-1]), "goes back"),
        ("trim", (trim, "cut", lambda entries, plan, rebase: [*entries][:1] * 2), "in another order"),
        ("trim", (trim, "cut", lambda entries, plan, rebase: [one for one in entries if not isinstance(one, Closed)][1:]), "was not wrong before"),
        ("export", (har_writing, "write", lambda header, tape, version: {"log": {"entries": []}}), "none can be read"),
        ("export", (har_writing, "write", lambda header, tape, version: {"at": float("nan")}), "NaN is no JSON"),
        ("fresh *.id", (edits, "fresh", lambda *given: {"abcdefgh": "1"}), "abcdefgh"),
        ("fresh *.id", (edits, "fresh", lambda *given: (_ for _ in ()).throw(SimulatorError("two\nlines"))), "two"),
        ("binds 0 1 2 3 4 5", (bindings.Bindings, "to_taped", lambda self, text: text), "before, with"),
        ("binds 0 1 2 3 4 5", (bindings.Bindings, "to_live", lambda self, text: '["a",[]]'), "more than values"),
    ],
)  # fmt: skip
def test_what_is_broken_is_seen(
    line: str, broken: tuple[Any, str, Callable[..., object]], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*broken)
    with pytest.raises(edits.Wrong, match=f"(?s){why}.*\n  at: "):
        edited("hello", line)


def test_two_lines_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object) -> None:
        raise SimulatorError("two\nlines")

    monkeypatch.setattr("simulator.cli._fail", fails, raising=False)
    monkeypatch.setattr("simulator.serve.printable.printable", lambda text: text)
    monkeypatch.setattr(trim, "plan", fails)
    with pytest.raises(edits.Wrong):
        edited("hello", "trim")

"""Secrets that come again: which are looked out for, where they stand, and how many are remembered."""

from __future__ import annotations

import pytest

from simulator.cassette import echoes
from simulator.cassette.echoes import Echoes

PID = "AUwGr2lESZKPLXmZAAAA"


def known(*secrets: str) -> Echoes:
    made = Echoes()
    for secret in secrets:
        made.learn(secret)
    return made


@pytest.mark.parametrize(
    ("secret", "looked_for"),
    [
        (PID, True),
        ("AbCdEfGhIjKlMnOpQrSt", True),
        ("garden-web-token", True),
        ("secret-12345", True),
        ("secret-1234", False),
        ("123456789012", False),
        ("productionkey", False),
        ("correct horse staple", True),
        ("a-b-c-d-e-f-g-h-1-2-3", False),
        ("x1" * 3000, False),
        ("ä" * 20, False),
    ],
)
def test_which_are_looked_for(secret: str, looked_for: bool) -> None:
    made = known(secret)
    text = f'{{"a":"{secret}"}}'
    assert made.heard(text) is looked_for
    assert [*made.found(text)] == ([(6, secret)] if looked_for else [])


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (PID, [0]),
        (f"{PID} {PID}", [0, 21]),
        (f"x{PID}", []),
        (f"{PID}x", []),
        (f"é{PID}", []),
        (f"{PID}é", []),
        (f"_{PID}_\ud800", [1]),
        (f"user-{PID}.png", [5]),
        (PID[:-1], []),
        ("", []),
    ],
)
def test_only_whole(text: str, at: list[int]) -> None:
    made = known(PID)
    assert [start for start, _ in made.found(text)] == at
    assert made.heard(text) >= bool(at)


def test_a_secret_of_several_words() -> None:
    made = known("garden-web-token", "x/garden-web-token", "garden-web-token")
    assert made.heard("a garden")
    assert [*made.found("a garden, garden-web-tokens, -garden-web-token")] == [(31 - 1, "garden-web-token")]
    assert [*made.found("x/garden-web-token")] == [(2, "garden-web-token"), (0, "x/garden-web-token")]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echoes, "_KEPT", 10)
    made = known(*(f"secret{n:08}" for n in range(50)))
    assert len(made) == 10
    assert [made.heard(f"secret{n:08}") for n in (39, 40, 49)] == [False, True, True]
    made = known(*(f"a-secretsecret-{n}" for n in range(100)))
    assert len(made) == 1
    assert [len([*made.found(f"a-secretsecret-{n}")]) for n in (79, 80, 99)] == [0, 1, 1]
    assert not Echoes().heard("anything")

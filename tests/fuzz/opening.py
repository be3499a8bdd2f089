"""The first line of a conversation: `settings {...}`, or `scenario faq`; without one an echo answers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from simulator.scenario.stage import Stage, load
from tests.fuzz.spelling import read

SCENARIOS = Path(__file__).parents[2] / "fixtures" / "scenarios"


@cache
def _scenario(name: str) -> Stage:
    path = SCENARIOS / f"{name}.yaml"
    return Stage(load(path.read_bytes(), str(path)))


def settings_of(line: str) -> tuple[dict[str, Any], Stage | None]:
    """What it asks for. Raises ValueError and OSError where there is no such thing."""
    what, _, said = line.partition(" ")
    if what == "settings":
        found: dict[str, Any] = json.loads(read(said))
        return found, None
    return ({}, _scenario(said)) if what == "scenario" else ({"bot": "echo"}, None)

"""Scenarios in tests: a text is played on a backend, and what the bot does is read as lines."""

from __future__ import annotations

import textwrap

from simulator.scenario.stage import Stage, load
from tests.talk import Talk


def stage(text: str, path: str = "my.yaml") -> Stage:
    """A scenario as a test writes it."""
    return Stage(load(textwrap.dedent(text).encode(), path))


def play(text: str, backend: str = "chip", seed: int = 7) -> Talk:
    """A backend whose bot plays it."""
    return Talk(backend, seed=seed, script=stage(text), settings={"outbox_interval": 0} if backend == "chip" else None)

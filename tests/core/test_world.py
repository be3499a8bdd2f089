"""The world: what it was given, and a log that may be silent. Its time is the engine's to set (test_engine.py)."""

from __future__ import annotations

from simulator.core.ids import Ids
from simulator.core.world import World


def test_holds_what_it_was_given() -> None:
    ids = Ids.seeded(1)
    lines: list[tuple[str, str, dict[str, object]]] = []

    def log(level: str, text: str, /, **facts: object) -> None:
        lines.append((level, text, facts))

    world = World(now=0.0, ids=ids, seed="seed", settings="settings", log=log)
    assert (world.ids, world.seed, world.settings) == (ids, "seed", "settings")
    # `level` and `text` are positions, so facts may bear these names.
    world.log("info", "hello", level=1, text="t")
    assert lines == [("info", "hello", {"level": 1, "text": "t"})]


def test_log_may_be_silent() -> None:
    World(now=0.0, ids=Ids.seeded(1), seed=None, settings=None).log("warning", "nobody hears", who="me")

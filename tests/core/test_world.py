"""The world: a clock that never goes back, and a log that may be silent."""

from __future__ import annotations

from simulator.core.ids import Ids
from simulator.core.world import World


def test_time_only_goes_on() -> None:
    world = World(now=10.0, ids=Ids.seeded(1), seed="seed", settings="settings")
    seen = []
    for t in (10.0, 12.5, 11.0, -1.0, 12.5, 13.0):
        world.move(t)
        seen.append(world.now())
    assert seen == [10.0, 12.5, 12.5, 12.5, 12.5, 13.0]


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

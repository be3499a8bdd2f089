"""Stored bytes as rules see them."""

from __future__ import annotations

from simulator.core.ids import Ids
from simulator.core.objects import Nothing
from simulator.core.world import World


def test_a_world_without_uploads_stores_nothing() -> None:
    objects = World(now=0.0, ids=Ids.seeded(1), seed=None, settings=None).objects
    assert isinstance(objects, Nothing)
    objects.keep("1")
    objects.delete("1")
    assert objects.head("1") is None

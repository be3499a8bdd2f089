"""The scenarios that come along can be played on every backend."""

from __future__ import annotations

import json

import pytest

from simulator import backends
from simulator.serve import scenarios


@pytest.mark.parametrize("name", scenarios.shipped())
def test_nothing_is_wrong_with_it(name: str) -> None:
    findings = scenarios.judge(scenarios.find(name), backends.names())
    assert [finding for finding in findings if finding.level == "error"] == []
    assert [finding for finding in findings if "no active agent" in finding.why] == []


@pytest.mark.parametrize("name", scenarios.shipped())
def test_editors_are_told_its_schema(name: str) -> None:
    first = scenarios.find(name).read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema.json"


def test_the_schema_beside_them_is_the_one_of_today() -> None:
    """If not: simulator scenario schema --out fixtures/scenarios/schema.json."""
    beside = (scenarios.folder() / "schema.json").read_text(encoding="utf-8")
    assert json.loads(beside) == json.loads(scenarios.schema())
    assert beside == scenarios.schema()

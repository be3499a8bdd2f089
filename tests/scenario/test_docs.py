"""The guide: its table is the backends' own, its examples can be played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from simulator.core.errors import ScenarioError
from simulator.scenario.schema import json_schema
from simulator.scenario.stage import load
from simulator.serve import catalogue, scenarios

GUIDE = Path(__file__).parents[2] / "docs" / "scenarios.md"
SHIPPED = [scenarios.find(name).read_text(encoding="utf-8") for name in scenarios.shipped()]
EDITOR = Draft202012Validator(json_schema())
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_table_of_acts_is_what_the_backends_say() -> None:
    found = re.search(r"<!-- acts:.*?-->\n(.*?)\n<!-- /acts -->", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == catalogue.acts_by_backend()


def whole(text: str) -> str:
    """An example as a file; some are steps alone."""
    return text if re.search(r"^(rules|states|else|agents|faults):", text, re.MULTILINE) else f"else:\n{text}"


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_can_be_played(text: str) -> None:
    load(whole(text).encode(), "guide.yaml")


@pytest.mark.parametrize("text", [*EXAMPLES, *SHIPPED])
def test_editors_find_nothing_wrong_with_it(text: str) -> None:
    assert [error.message for error in EDITOR.iter_errors(YAML(typ="safe").load(whole(text)))] == []


@pytest.mark.parametrize(
    "text",
    [
        "rulez: []",
        "else: [{sya: x}]",
        "else: [{say: 7}]",
        "else: [{say: a, end: true}]",
        "else: [{wait: 3 parsecs}]",
        "else: [{after: 1}]",
        "rules: [{when: hello, then: []}]",
        "rules: [{when: {txet: a}, then: []}]",
        "rules: [{when: {}, then: []}]",
        "while_busy: wait",
    ],
)
def test_editors_find_what_we_find(text: str) -> None:
    assert not EDITOR.is_valid(YAML(typ="safe").load(text))
    with pytest.raises(ScenarioError):
        load(text.encode(), "my.yaml")

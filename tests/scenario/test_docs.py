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
EXAMPLES = [
    text
    for page in (GUIDE, GUIDE.parents[1] / "README.md")
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]


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
        "else: [{typing: {for: 4, jitter: 2}}, {say: {text: a, after: 1, if: 'nth > 1'}}, {raw: {name: a, only: chip}}]",
        "else: [{status: {status: read, after: 1}}, {queue: {position: 1, except: [mia]}}, {count: {name: a, after: 1}}]",
    ],
)
def test_editors_know_what_may_stand_in_the_long_form(text: str) -> None:
    assert EDITOR.is_valid(YAML(typ="safe").load(text))
    load(text.encode(), "my.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "rulez: []",
        "else: [{say: {text: a, later: 1}}]",
        "else: [{sya: x}]",
        "else: [{say: 7}]",
        "else: [{picture: cat.png}]",
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


def test_each_scenario_that_comes_along_is_told_of() -> None:
    text = (GUIDE.parent / "shipped-scenarios.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) == scenarios.shipped()

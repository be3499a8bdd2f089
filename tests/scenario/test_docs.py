"""The guide: its table is the backends' own, its examples can be played."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.scenario.stage import load
from simulator.serve import catalogue

GUIDE = Path(__file__).parents[2] / "docs" / "scenarios.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_table_of_acts_is_what_the_backends_say() -> None:
    found = re.search(r"<!-- acts:.*?-->\n(.*?)\n<!-- /acts -->", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert found[1] == catalogue.acts_by_backend()


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_can_be_played(text: str) -> None:
    whole = text if re.search(r"^(rules|states|else|agents):", text, re.MULTILINE) else f"else:\n{text}"
    load(whole.encode(), "guide.yaml")

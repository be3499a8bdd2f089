"""docs/control-api.md: every call of the table, and no other, each with an example that means what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from simulator.serve.admin.api import CALLS
from simulator.serve.admin.call import Call, shape
from tests.described import hold

ROOT = Path(__file__).parents[2]
SECTIONS = re.findall(
    r"^### `(\w+) /__admin/(\S+)`\n(.*?)(?=^##|\Z)", (ROOT / "docs/control-api.md").read_text(), re.M | re.S
)


def test_every_call_is_in_the_document() -> None:
    assert sorted(f"{method} {path}" for method, path, _ in SECTIONS) == sorted(f"{c.method} {c.path}" for c in CALLS)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_its_example_can_be_asked_and_answered(call: Call) -> None:
    [text] = [text for method, path, text in SECTIONS if (method, path) == (call.method, call.path)]
    asked, *answered = text.partition("```\n")[2].partition("```")[0].splitlines()
    words = shlex.split(asked)
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-d" in words else "GET"
    target = next(word for word in words if word.startswith("$ADMIN/")).removeprefix("$ADMIN/")
    assert method == call.method
    assert call.matches(target.partition("?")[0].split("/")) is not None
    if call.takes:
        shape(call.takes).model_validate_json(words[words.index("-d") + 1])
    if call.asks and "?" in target:
        pairs = dict(pair.split("=") for pair in target.partition("?")[2].split("&"))
        shape(call.asks).model_validate(pairs)
    for line in answered:
        if line.startswith("{") and "..." not in line:
            hold(method, target, 200, json.loads(line))

"""The examples of docs/pytest.md and docs/python.md are run."""

from __future__ import annotations

import re
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import websockets.asyncio.client  # noqa: F401

from tests.warm import warm

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "cassettes" / "chip" / "resume.yaml"


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    warm(tmp_path_factory.mktemp("warm"))


def blocks(name: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_page_on_pytest(pytester: pytest.Pytester) -> None:
    readme = [block for block in blocks("README.md") if "(simulator)" in block]
    pytester.makepyfile(test_chat="\n".join(blocks("docs/pytest.md")), test_readme="\n".join(readme))
    (pytester.mkdir("cassettes") / "story.yaml").write_bytes(SAMPLE.read_bytes())
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning")
    done.assert_outcomes(passed=8)


PAGE = blocks("docs/python.md")


@pytest.mark.parametrize("number", range(len(PAGE)))
def test_the_page_on_python(number: int) -> None:
    space: dict[str, Any] = {"__name__": "example"}
    exec(compile(PAGE[number], f"python.md, block {number}", "exec"), space)  # noqa: S102
    if "Chat" in space:
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(space["Chat"]).run(result)
        assert (result.testsRun, result.failures, result.errors) == (1, [], [])
    if "before_scenario" in space:
        context = SimpleNamespace()
        space["before_scenario"](context, None)
        assert context.sim.url.startswith("http://127.0.0.1:")
        space["after_scenario"](context, None)

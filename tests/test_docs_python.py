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
    if issubclass(space.get("Chat", object), unittest.TestCase):
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(space["Chat"]).run(result)
        assert (result.testsRun, result.failures, result.errors) == (1, [], [])
    if "before_scenario" in space:
        context = SimpleNamespace()
        space["before_scenario"](context, None)
        assert context.sim.url.startswith("http://127.0.0.1:")
        space["after_scenario"](context, None)


def test_the_suite_of_robot_framework() -> None:
    """Its keywords are methods of the library beside it: words with blanks between, arguments behind two of them."""
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    suite = re.findall(r"^```robot\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    rows = [re.split(r" {2,}", line.strip()) for line in suite[0].splitlines() if line.strip()]
    settings = {row[0]: row[1:] for row in rows if row[0] in ("Library", "Test Setup", "Test Teardown")}
    assert settings["Library"] == ["Chat.py"]
    steps = rows[rows.index(["The bot answers"]) + 1 :]
    assert len(steps) == 2
    space: dict[str, Any] = {}
    exec(next(block for block in PAGE if "ROBOT_LIBRARY_SCOPE" in block), space)  # noqa: S102
    chat = space["Chat"]()
    for name, *arguments in (settings["Test Setup"], *steps, settings["Test Teardown"]):
        getattr(chat, name.lower().replace(" ", "_"))(*arguments)
    assert [one.name for one in chat.sim.messages] == ["start_chat", "chat_started", "send_msg", "chat_out"]

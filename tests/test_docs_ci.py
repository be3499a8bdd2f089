"""docs/ci.md: its commands can be read by the command line, its YAML is that of the action, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.test_action import action
from tests.test_image import FINAL, parsed

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "ci.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.M | re.S)


COMMANDS = [
    found
    for found in re.findall(r"(?:^|`|chat-simulator )((?:simulator|serve) [^`\n]*)", TEXT, re.M)
    if "..." not in found and "URL" not in found and found != "simulator serve"
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_as_they_stand(line: str) -> None:
    words = shlex.split(re.split(r" [>&]| 2>", line)[0].replace("$!", "1"))
    words = words[1:] if words[0] == "simulator" else words
    assert parsed(words).command.name == words[0]


def test_there_are_commands() -> None:
    assert {line.split()[1 if line.startswith("simulator") else 0] for line in COMMANDS} >= {
        "serve",
        "wait",
        "doctor",
        "init",
        "health",
    }


def test_the_action_has_what_is_told_of_it() -> None:
    github, gitlab = (YAML(typ="safe").load(block) for block in blocks("yaml"))
    declared = action()
    step = next(step for step in github["jobs"]["test"]["steps"] if step.get("id") == "simulator")
    assert {*step["with"]} <= {*declared["inputs"]}
    table = TEXT.partition("| input |")[2].partition("\n\n")[0]
    assert {
        *re.findall(
            r"`([a-z]+)`(?=[^|]*\|)", "\n".join(row[: row.index("|", 2)] + "|" for row in table.splitlines()[2:])
        )
    } == {*declared["inputs"]}
    for name in declared["outputs"]:
        assert f"`{name}`" in TEXT
    assert parsed(gitlab["test"]["services"][0]["command"]).params["names"] == ("chip",)


def test_the_image_has_what_is_told_of_it() -> None:
    for volume in FINAL.words("VOLUME"):
        assert f"`{volume}`" in TEXT
    assert f"user {FINAL.one['USER']}" in TEXT
    assert f"`{' '.join(FINAL.words('CMD'))}`" in TEXT


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (DOCS / target).is_file(), target
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)", TEXT, re.M)
    }
    assert {*re.findall(r"\]\(#([^)]+)\)", TEXT)} <= headings


def test_python_can_be_read() -> None:
    for block in blocks("python"):
        compile(block, "ci.md", "exec")

"""The examples of docs/cassette-tools.md are run, and print what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulator.cli import main
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said, written

TEXT = (Path(__file__).parents[1] / "docs" / "cassette-tools.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(\$ .*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = written(*tapes.chip(), backend="chip")
    (tmp_path / "talk.yaml").write_bytes(talk)
    (tmp_path / "other.yaml").write_bytes(talk.replace(b"34634", b"99").replace(b"You said", b"You wrote"))
    wrong = written(opened(), said("client", '{"type":"send_msg"}'), closed(), backend="chip")
    (tmp_path / "wrong.yaml").write_bytes(wrong)
    mail = said("client", '{"type":"set_email","email":"bob.builder@example.org"}')
    (tmp_path / "secret.yaml").write_bytes(written(*tapes.chip()[:3], mail, backend="chip"))
    monkeypatch.chdir(tmp_path)


def test_there_are_examples() -> None:
    commands = [line.split()[3] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
    assert {"show", "validate", "redact", "trim", "diff"} <= set(commands)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block).partition("\n")[0])
def test_an_example_prints_what_it_says(block: str) -> None:
    for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = example.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "simulator"
        done = CliRunner().invoke(main, arguments, prog_name=program, env={"COLUMNS": ""})
        assert done.stdout + done.stderr == printed

"""The sample cassettes: what the tools say of them, and that the talks are still these."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from string import ascii_letters
from typing import Any

import pytest

from simulator import backends
from simulator.serve import seeds
from tests.record import samples
from tests.record.proxied import ROOT, free, needs_recorder
from tests.record.samples import SAMPLES
from tests.record.stories import STORIES, Story
from tests.record.verified import verified
from tests.served import COMMAND

CASSETTES = sorted(SAMPLES.glob("*/*.yaml"))
UNSHARE = ("unshare", "--net", "--map-root-user")
each = pytest.mark.parametrize("path", CASSETTES, ids=[path.parent.name for path in CASSETTES])


def tool(*arguments: str | Path) -> tuple[int, str, str]:
    done = subprocess.run([COMMAND, "cassette", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_every_backend_has_one() -> None:
    assert {path.parent.name for path in CASSETTES} == {*backends.names()}
    assert {SAMPLES / story.backend / f"{story.name}.yaml" for story in STORIES} == {*CASSETTES}
    assert [path for path in SAMPLES.rglob("*") if path.is_file() and path not in CASSETTES] == []
    assert all(path.stat().st_size < 100_000 for path in CASSETTES)


def test_all_of_them_are_valid_and_hold_no_secret() -> None:
    assert tool("validate", "--strict", *CASSETTES) == (0, "", "5 cassettes: 0 errors, 0 warnings\n")
    assert tool("redact", "--check", *CASSETTES) == (0, "", "5 cassettes: 0 secrets left\n")


@each
def test_what_the_tools_say(path: Path) -> None:
    code, out, err = tool("show", path, "--json")
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert {row["kind"] for row in rows} >= {"open", "frame", "close"}
    assert {row["from"] for row in rows if row["kind"] == "frame"} == {"client", "server"}
    code, out, err = tool("stats", path, "--json")
    assert (code, err) == (0, "")
    counted = json.loads(out)
    assert sum(way["frames"] for way in counted["ways"]) == sum(row["kind"] == "frame" for row in rows)
    assert (counted["open"], counted["closed"] > 0) == (0, True)


@each
def test_it_says_what_it_is(path: Path) -> None:
    head = path.read_text().partition("entries:")[0]
    backend = backends.load(path.parent.name)
    assert f"backend: '{backend.name}'\n" in head
    assert f"upstream: 'http://127.0.0.1:{backend.port}'\n" in head
    assert "redacted: ['default']\n" in head
    assert "mitmproxy" in head


QUICKER: dict[str, tuple[str, ...]] = {"mia": ("--set", "delivered_after=0.01", "--set", "read_after=0.03")}
"""In the order of the tape."""


@pytest.mark.live
@each
async def test_the_backend_is_what_was_recorded(path: Path) -> None:
    """Redacted as they are, without an option; the settings only make the bots quick."""
    result = await verified(path, path.parent.name, *QUICKER.get(path.parent.name, ()))
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    [line] = result.stderr.splitlines()
    assert re.fullmatch(rf"the {path.parent.name} backend: (\d+) of \1 messages as on the tape", line)


@pytest.mark.live
async def test_who_comes_back_by_an_id_without_a_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one in fifteen is: the recording's visitor is recovered all the same."""
    monkeypatch.setattr("simulator.wire.socketio_door.SID_LETTERS", ascii_letters)
    result = await verified(SAMPLES / "mia" / "recovery.yaml", "mia", *QUICKER["mia"])
    assert (result.exit_code, result.stdout) == (0, ""), result.output


# ---- where nothing leads out ----


@cache
def alone() -> str:
    """Why there can be no network of its own here, empty where there can."""
    try:
        done = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "this machine has no unshare"
    return done.stderr


@pytest.fixture(scope="session")
def jailed() -> dict[str, Any]:
    """What came of all talks in a jail; where there can be no network of its own, of those that nobody is let out of."""
    command = [sys.executable, "-m", "tests.record.jail"]
    if not alone():
        command = [*UNSHARE, *command, "--alone"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.live
@each
def test_it_replays(jailed: dict[str, Any], path: Path) -> None:
    """To its own client, every value as on the tape, to the last message."""
    assert jailed["replay"][path.parent.name] == []


@pytest.mark.live
@each
def test_the_conversation_needs_nobody_else(jailed: dict[str, Any], path: Path) -> None:
    """Against plain `serve`, uploads and downloads included."""
    assert jailed["serve"][path.parent.name] == []


@pytest.mark.live
def test_nor_do_the_commands_that_play_tapes(jailed: dict[str, Any]) -> None:
    """`replay` with AIDA's pictures, `serve --cassette` with concierge's."""
    assert jailed["commands"] == [[], []]


@pytest.mark.live
def test_nobody_else_is_called(jailed: dict[str, Any]) -> None:
    assert jailed["tried"] == []
    # Had it been tried, it would be known.
    assert [*{*jailed["told to call"]}] == ["EGRESS socket.connect (('127.0.0.1', 9),)"]
    if not alone():
        assert jailed["outside"] == "Network is unreachable"


def test_what_would_call_out_is_off() -> None:
    """Three of the documents have the server call another one; the operator has to say where that is."""
    chip, mia, aida = (seeds.load(backends.load(name), None, []) for name in ("chip", "mia", "aida"))
    assert chip.settings.courier_url is None  # type: ignore[attr-defined]
    assert mia.settings.gateway_url is None  # type: ignore[attr-defined]
    assert {bot.manifest.notifications_url for bot in aida.bots} == {""}  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.node
@pytest.mark.live
@needs_recorder
@pytest.mark.parametrize("story", STORIES, ids=[story.backend for story in STORIES])
def test_the_talks_are_still_these(tmp_path: Path, story: Story) -> None:
    """Whoever changes what a backend says records anew: make cassettes."""
    port = backends.load(story.backend).port
    if not free(port):
        pytest.skip(f"something listens on {port} already")
    new = samples.record(story, tmp_path)
    assert tool("diff", SAMPLES / story.backend / f"{story.name}.yaml", new) == (0, "", "no difference\n")

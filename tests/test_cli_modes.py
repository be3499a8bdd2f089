"""`simulator replay --mode`: options, exit codes, and that it works as a process."""

from __future__ import annotations

import json
import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result

from simulator.cassette.tape import open_tape
from simulator.cli import main
from tests.cassette import tapes
from tests.drive.taping import served
from tests.served import WEBSITE
from tests.test_cli_replay import Playing, kept, playing

UP = "http://127.0.0.1:1"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments)], prog_name="simulator")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--upstream", UP],
            "--upstream: nobody is asked in --mode none, which is the default; say --mode new_episodes",
        ),
        (["--no-redact"], "--no-redact: nobody is asked in --mode none"),
        (["--mode", "once"], "--mode once: --upstream URL is missing, it says which server is asked"),
        (["--mode", "all", "--upstream", "chat"], "--upstream chat: expected a URL, such as"),
        (["--mode", "all", "--upstream", UP, "--header", "x"], "--header x: expected NAME=VALUE"),
        (["--mode", "new_episodes", "--upstream", UP, "--match", "strict"], "goes with --match loose"),
        (["--mode", "new_episodes", "--upstream", UP, "--clock", "manual"], "goes with --clock wall"),
        (["other.yaml", "--mode", "all", "--upstream", UP], "--mode all writes one cassette, and 2 were named"),
        (["--mode", "all", "--upstream", UP, "--tls"], "--mode all and --tls: what records listens in plain HTTP"),
        (["--mode", "sometimes"], "'sometimes' is not one of 'none', 'new_episodes', 'once', 'all'"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], told: str, tmp_path: Path) -> None:
    result = run(kept(tmp_path), *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    result = run(tmp_path / "no" / "talk.yaml", "--mode", "once", "--upstream", UP)
    assert result.exit_code == 2
    assert "there is no directory" in result.stderr


@pytest.mark.parametrize("mode", ["once", "all", "new_episodes"])
def test_nobody_is_there(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.yaml"
    if mode == "all":
        path.write_text("cassette: 1\n")
    result = run(path, "--mode", mode, "--upstream", UP)
    assert result.exit_code == 3
    assert "--upstream http://127.0.0.1:1: can't connect to http://127.0.0.1:1" in result.stderr
    assert [one.read_text() for one in tmp_path.iterdir()] == (["cassette: 1\n"] if mode == "all" else [])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--mode", "once", "--upstream", UP], "--mode says how a recording is played, and none is given: --cassette"),
        (["--header", "a=b"], "--header says how a recording is played, and none is given: --cassette FILE"),
        (["--cassette", "a.yaml", "--upstream", UP], "--upstream: nobody is asked in --mode none"),
        (["--cassette", "a.yaml", "--no-redact"], "--no-redact: nobody is asked in --mode none"),
        (
            ["--cassette", "a.yaml", "--mode", "all", "--upstream", UP, "--record", "b.yaml"],
            "--record b.yaml and --mode all: the mode records into --cassette already",
        ),
        (
            ["--cassette", "a.yaml", "--mode", "all", "--upstream", UP, "-b", "mia"],
            "--cassette a.yaml is for one backend, 2 were named",
        ),
    ],
)
def test_what_serve_refuses(arguments: list[str], told: str) -> None:
    result = CliRunner().invoke(main, ["serve", "-b", "chip", *arguments], prog_name="simulator")
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_backend_that_is_not_there(tmp_path: Path) -> None:
    result = run(tmp_path / "talk.yaml", "--mode", "all", "--upstream", UP, "-b", "chop", "--port", 0)
    assert result.exit_code == 2
    assert "chop" in result.stderr


@pytest.mark.live
@pytest.mark.parametrize("command", ["replay", "serve"])
async def test_recorded_played_and_grown(command: str, tmp_path: Path) -> None:
    path, report = tmp_path / "talk.yaml", tmp_path / "report.json"
    serving = command == "serve"

    def begun(mode: str, url: str) -> AbstractAsyncContextManager[Playing]:
        if serving:
            # As in a container, where variables say it.
            options = {"SIMULATOR_MODE": mode, "SIMULATOR_UPSTREAM": url, "SIMULATOR_CASSETTE": str(path)}
            options["SIMULATOR_REPORT"] = str(report)
            return playing(tmp_path, "--backend", "chip", command="serve", **options)
        return playing(tmp_path, path, "--mode", mode, "--upstream", url, "--report", report)

    async def talk(base: str, *texts: str) -> list[str]:
        heard = []
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{base}/wc/connect/{WEBSITE}/") as ws:
            for text in ('{"type":"start_chat"}', *texts):
                await ws.send_str(text)
                heard.append(json.loads((await ws.receive()).data)["type"])
        return heard

    history = '{"type":"get_history","before":"2099-01-01T00:00:00Z"}'
    async with served("chip", 8) as real:
        url = real.url("chip")
        async with begun("once", url) as run:
            assert await talk(run.connect.replace("ws", "http", 1)) == ["chat_started"]
            code, out, errors = await run.end()
        assert (code, errors) == (0, f"--report {report}: nothing is played in this run, so none is written\n")
        assert not report.exists()
        assert f"--mode once: there is no {path} yet: recording {url} into {path}\n" in out
        assert f"{path}: 1 connection, 2 frames" in out
        async with begun("once", url) as run:
            assert await talk(run.base) == ["chat_started"]
            code, out, errors = await run.end()
        assert (code, json.loads(report.read_bytes())["walks"]) == (0, 1)
        assert f"--mode once: {path} is there, and is played; {url} is not asked\n" in errors
        async with begun("new_episodes", url) as run:
            assert await talk(run.base, history) == ["chat_started", "history"]
            code, out, errors = await run.end()
        assert code == 0
        assert f"appended to {path}: 1 connection, 4 frames, 0 HTTP exchanges" in out
    async with playing(tmp_path, path, "--mode", "none") as run:
        assert await talk(run.base, history) == ["chat_started", "history"]
        code, out, errors = await run.end()
    assert "0 messages without a match" in out
    with open_tape(path) as tape:
        assert tape.header.backend == "chip"
        assert tape.header.upstream == url


def test_an_empty_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "talk.yaml"
    path.touch()
    result = run(path, "--mode", "once", "--upstream", UP)
    assert result.exit_code == 3
    assert path.read_bytes() == b""
    path.write_bytes(tapes.written(backend="chip"))
    result = run(path, "--mode", "once", "--upstream", UP)
    assert result.exit_code == 2
    assert "has nothing that could be played" in result.stderr


def test_what_is_no_cassette_is_not_written_over(tmp_path: Path) -> None:
    notes = tmp_path / "README.md"
    notes.write_text("precious")
    result = run(notes, "--mode", "all", "--upstream", UP)
    why = "is no cassette, and mode all would write over it: name another file"
    assert (result.exit_code, result.stderr) == (2, f"simulator: {notes}: {why}\n")
    assert notes.read_text() == "precious"


@pytest.mark.parametrize("mode", ["once", "all", "new_episodes"])
def test_what_is_no_file_is_not_replaced_by_one(mode: str, tmp_path: Path) -> None:
    """It would be `/dev/null`, of the whole machine."""
    pipe = tmp_path / "talk.yaml"
    os.mkfifo(pipe)
    result = run(pipe, "--mode", mode, "--upstream", UP)
    assert (result.exit_code, result.stderr) == (2, f"simulator: {pipe}: is no file, and --mode {mode} writes one\n")

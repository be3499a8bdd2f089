"""`simulator replay` as a process: what it serves, what it tells, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from simulator.cassette.entries import Beside, Cut, Entry, Exchange, TapedRequest, TapedResponse
from simulator.cli import main
from tests.cassette import tapes
from tests.cassette.tapes import opened, said
from tests.served import GUARDED, SECONDS, Raw, appears, ask, clean_environment, process

START, STARTED = '{"type":"start_chat"}', '"chat_id":"65vbbDAQCdPdEWlEhDGy4utO"'


class Playing:
    """A replay that runs."""

    def __init__(self, started: asyncio.subprocess.Process, connect: str) -> None:
        self.process = started
        self.connect = connect
        self.base = connect.replace("ws", "http", 1).rpartition("/wc")[0]

    async def end(self) -> tuple[int | None, str, str]:
        """Exit code, and what it said."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(SECONDS):
            out, errors = await self.process.communicate()
        return self.process.returncode, out.decode(), errors.decode()


def kept(folder: Path, *entries: Entry, name: str = "talk.yaml", backend: str | None = "chip") -> Path:
    path = folder / name
    path.write_bytes(tapes.written(*(entries or tapes.chip()), backend=backend))
    return path


@asynccontextmanager
async def playing(
    folder: Path, *arguments: object, command: str = "replay", **environment: str
) -> AsyncIterator[Playing]:
    ready = folder / "ready.json"
    options = ["--port", "0", "--ready-file", str(ready), *map(str, arguments)]
    async with process(command, *options, **environment) as started:
        await appears(ready)
        found = json.loads(ready.read_bytes())
        yield Playing(started, found["backends"][0]["connect"])


async def test_a_tape_is_served_and_what_came_of_it_is_told(tmp_path: Path) -> None:
    path, report = kept(tmp_path), tmp_path / "report.json"
    async with playing(tmp_path, path, "--timing", "burst", "--strict", "--report", report, "-v") as run:
        async with Raw.upgraded(run.connect) as raw:
            raw.send(START)
            assert STARTED in await raw.text()
            raw.send('{"type":"send_msg","text":"hullo"}')
            raw.send('{"type":"send_msg","text":"hello"}')
            assert "You said: hello" in await raw.text()
        code, out, errors = await run.end()
    assert code == 1
    assert f"{path} answers: 6 lines of chip\n" in out
    assert "replay: 1 client, 5 of 6 lines played, 1 message without a match\n" in out
    assert f"matches {path}:11 exactly" in errors
    assert 'text: expected "hello", got "hullo"' in errors
    told = json.loads(report.read_text())
    assert [miss["nearest"] for miss in told["misses"]] == [f"{path}:19"]
    assert [left["what"] for left in told["unplayed"]] == ["ack_chat"]


async def test_all_is_well_and_the_exit_code_says_so(tmp_path: Path) -> None:
    path, report = kept(tmp_path, opened(), said("server", '{"type":"hi"}')), tmp_path / "report.xml"
    async with playing(tmp_path, path, "--timing", "scale=0", "--strict", "--report", report) as run:
        async with Raw.upgraded(run.connect) as raw:
            assert await raw.text() == '{"type":"hi"}'
        code, out, errors = await run.end()
    assert (code, errors) == (0, "")
    assert "2 of 2 lines played" in out
    assert ElementTree.fromstring(report.read_bytes())[0].get("failures") == "0"  # noqa: S314  # our own


async def test_serve_can_play_a_tape_as_well(tmp_path: Path) -> None:
    path = kept(tmp_path, opened(), said("server", '{"type":"hi"}', 0.0))
    async with playing(tmp_path, "--backend", "chip", "--cassette", path, "--strict", command="serve") as run:
        async with Raw.upgraded(run.connect) as raw:
            assert await raw.text() == '{"type":"hi"}'
        code, out, _ = await run.end()
    assert code == 0
    assert "2 of 2 lines played" in out


async def test_serve_plays_with_the_options_of_replay(tmp_path: Path) -> None:
    path, report = kept(tmp_path), tmp_path / "report.json"
    how = {
        "SIMULATOR_CASSETTE": str(path),
        "SIMULATOR_TIMING": "burst",
        "SIMULATOR_IGNORE": "send_msg.text '*.locale'",
        "SIMULATOR_KEEP": CHAT,
        "SIMULATOR_STRICT": "1",
        "SIMULATOR_REPORT": str(report),
    }
    async with playing(
        tmp_path, "--backend", "chip", "--timing", "scale=0.001", "--log-format", "json", command="serve", **how
    ) as run:
        async with Raw.upgraded(run.connect) as raw:
            raw.send(START)
            assert STARTED in await raw.text()
            raw.send('{"type":"send_msg","text":"hullo"}')
            assert "You said: hello" in await raw.text()
        code, out, errors = await run.end()
    assert code == 1
    assert len(out.splitlines()) == 1
    assert "replay: 1 client, 5 of 6 lines played" in errors
    assert json.loads(report.read_text())["missed"] == 0


def test_how_without_a_tape_to_play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> str:
        result = CliRunner().invoke(main, ["serve", "--backend", "chip", *arguments])
        assert result.exit_code == 2
        return result.output

    arguments = ["--on-miss", "close"]
    what = "says how a recording is played, and none is given: --cassette FILE; main serve --help says more\n"
    assert told() == f"simulator: --on-miss {what}"
    arguments = []
    monkeypatch.setenv("SIMULATOR_STRICT", "1")
    assert told() == f"simulator: --strict {what}"


async def test_a_torn_tape_and_bodies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "talk.files").mkdir()
    (tmp_path / "talk.files" / "a.bin").write_bytes(b"long")
    (tmp_path.parent / "secret.bin").write_bytes(b"secret")
    (tmp_path / "talk.files" / "link.bin").symlink_to(tmp_path.parent / "secret.bin")

    def served(path: str, beside: str | None) -> Exchange:
        body = Beside(beside, 4, "")
        return Exchange(0.0, 5, 0.0, TapedRequest("GET", path), TapedResponse(200, (), body))

    entries: list[Entry] = [
        opened("/ws"),
        said("server", "no json"),
        *(said("server", "{") for _ in range(12)),
        served("/a", "talk.files/a.bin"),
        served("/b", "talk.files/link.bin"),
        served("/c", "talk.files/none.bin"),
        served("/d", None),
        Cut(9.0, 1, "the recording ended"),
    ]
    path = kept(tmp_path, *entries)
    with path.open("ab") as file:
        file.write(b"- at: 10.000000\n  conn: 1\n  fr")
    async with playing(tmp_path, path, "--times", "now") as run:
        bodies = [(await ask(run.base, "GET", f"/{name}"))[1] for name in "abcd"]
        code, _, errors = await run.end()
    assert bodies == [b"long", b"", b"", b""]
    assert code == 0
    lines = errors.splitlines()
    assert (
        lines[0]
        == f"{path}:87: the last record is not whole: it was being written when the recorder ended; it is played up to there"
    )
    assert lines[1] == f"{path}:6: conn 1 has no end: the recording ended; it is left open there"
    assert lines[2].startswith(f"{path}:11: the server's frame can't be read")
    assert lines[-1] == f"{path}: and 6 more of that kind"


def refused(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["replay", *map(str, arguments)])
    assert result.exit_code == 2, result.output
    return result


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--backend", "mia"], "talk.yaml:2: is a tape of chip, and can't be played as mia: --backend chip\n"),
        (["--report", "x.pdf"], "--report x.pdf: expected a file that ends in .json, .xml (JUnit) or .txt\n"),
        (["--report", "nowhere/x.txt"], "--report nowhere/x.txt: there is no such directory\n"),
        (["--report", f"{'x' * 300}.txt"], ".txt: File name too long\n"),
        (["--timing", "slow"], "expected recorded, burst, or scale=0.5 (from 0 to 1000)"),
        (["--timing", "scale=-1"], "expected recorded, burst, or scale=0.5 (from 0 to 1000)"),
        (["--ignore", "text"], "--ignore text: expected MESSAGE.PATH, such as send_msg.text, or *.PATH for all\n"),
        (["--backend", "nobody"], "there is no backend 'nobody'; known are: aida, chatbot, chip, concierge, mia\n"),
    ],
)
def test_wrong_words(tmp_path: Path, arguments: list[str], told: str) -> None:
    assert told in refused(kept(tmp_path), *arguments).output


def test_a_recording_is_no_place_for_a_report(tmp_path: Path) -> None:
    path = kept(tmp_path, opened(), name="talk.json")
    before = path.read_bytes()
    (tmp_path / "link.json").symlink_to(path)
    told = "is the cassette itself, and would take its place: name another file\n"
    assert told in refused(path, "--report", tmp_path / "link.json").output
    for command in (
        ["cassette", "bindings", path, "--out", path],
        ["verify", path, "--backend=chip", "--report", path],
    ):
        result = CliRunner().invoke(main, [*map(str, command)])
        assert (result.exit_code, told in result.output) == (2, True)
    assert path.read_bytes() == before


def test_twice_the_same(tmp_path: Path) -> None:
    path = kept(tmp_path, opened())
    result = refused(path, tmp_path / "." / path.name)
    assert f"{path}: is named twice; each client walks a copy of its own anyway" in result.output


def test_names_of_files_are_harmless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file may be called anything, and its name is in all that is told of it."""
    from simulator.cassette.walk import Manner
    from simulator.cli import playing
    from simulator.serve import replay

    how = playing.How("loose", 1.0, "error", (), (), None, "recorded", False, False, None)
    path = kept(tmp_path, opened(), name="a\x1b[31m\x01.yaml")
    backend, coverage = replay.prepare([path], None, Manner(), print)
    assert "\x1b" not in replay.told([path], backend, coverage) + replay.shown(coverage)
    ElementTree.fromstring(coverage.junit())  # noqa: S314  # our own
    # And so may be what a stranger's tape says of itself.
    torn = kept(tmp_path, opened(), Cut(2.0, 1, "\x1b[2Jgone"), name="b\x1b[31m.yaml")
    playing.prepare((torn,), None, how)
    told = capsys.readouterr().err
    assert told == f"{tmp_path}/b\\x1b[31m.yaml:6: conn 1 has no end: \\x1b[2Jgone; it is left open there\n"


def test_wrong_files(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_bytes(tapes.written(backend="chip"))
    assert (
        refused(empty).output == f"simulator: {empty}: has nothing that could be played: no connection and no request\n"
    )
    assert "can't be read: No such file" in refused(tmp_path / "none.yaml").output
    other = kept(tmp_path, opened("/socket.io/?EIO=4"), name="mia.yaml", backend="mia")
    chip = kept(tmp_path)
    assert refused(chip, other).output == (
        f"simulator: {other}:2: is a tape of mia, and {chip}:2 is of chip: one replay plays tapes of one backend\n"
    )
    nobodys = kept(tmp_path, backend=None)
    why = "conn 1, /wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/, is no connection with aida, and none is"
    assert refused(nobodys, "--backend", "aida").output == (
        f"simulator: {nobodys}:6: {why}; whose tape is it? Its head says so (backend: NAME), or --backend\n"
    )


def test_a_report_that_can_not_be_written(tmp_path: Path) -> None:
    from simulator.cassette.coverage import Coverage
    from simulator.core.errors import SimulatorError
    from simulator.serve.replay import report

    (tmp_path / "x.txt").mkdir()
    with pytest.raises(SimulatorError, match="Is a directory"):
        report(tmp_path / "x.txt", Coverage([]))
    report(tmp_path / "y.txt", Coverage([]))
    assert (tmp_path / "y.txt").read_text().startswith("replay: 0 clients")


def test_a_report_is_tried_at_the_start(tmp_path: Path) -> None:
    """Nothing is left of it, and what is there stays; whoever reads a pipe may come later."""
    from simulator.cli.files import writable
    from simulator.core.errors import SimulatorError

    new, old, pipe, folder = (tmp_path / name for name in ("new.txt", "old.txt", "pipe.txt", "folder.txt"))
    old.write_text("before")
    os.mkfifo(pipe)
    folder.mkdir()
    (tmp_path / "link.txt").symlink_to(new)
    for path in (new, old, pipe, tmp_path / "link.txt"):
        for anew in (False, True):
            writable("--report", path, anew)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.txt", "link.txt", "old.txt", "pipe.txt"]
    assert old.read_text() == "before"
    with pytest.raises(SimulatorError, match="can't be written there"):
        writable("--report", folder)


@pytest.mark.parametrize("command", ["replay", "serve"])
async def test_no_outgoing_connection_is_ever_made(tmp_path: Path, command: str) -> None:
    path, ready = kept(tmp_path), tmp_path / "ready.json"
    words = [str(path)] if command == "replay" else ["--backend", "chip", "--cassette", str(path)]
    pipe = asyncio.subprocess.PIPE
    arguments = [command, *words, "--port", "0", "--ready-file", str(ready)]
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GUARDED, *arguments, stdout=pipe, stderr=pipe, env=clean_environment()
    )
    try:
        await appears(ready)
        run = Playing(started, json.loads(ready.read_bytes())["backends"][0]["connect"])
        async with Raw.upgraded(run.connect) as raw:
            raw.send(START)
            assert STARTED in await raw.text()
            raw.send('{"type":"no such thing"}')
        assert (await ask(run.base, "GET", "/nowhere"))[0][0] == "HTTP/1.1 404 Not Found"
        code, _, errors = await run.end()
    finally:
        if started.returncode is None:
            started.kill()
    assert code == 0
    assert "EGRESS" not in errors


CHAT = "65vbbDAQCdPdEWlEhDGy4utO"


def both_ways(folder: Path) -> Path:
    return kept(
        folder,
        opened(),
        said("server", f'{{"type":"chat_started","chat_id":"{CHAT}","other":"75vbbDAQCdPdEWlEhDGy4utO"}}', 0.0),
        said("client", f'{{"type":"ask","chat_id":"{CHAT}","mine":"85vbbDAQCdPdEWlEhDGy4utO"}}', 0.1),
        said("server", '{"type":"told","mine":"85vbbDAQCdPdEWlEhDGy4utO"}', 0.1),
        backend=None,
    )


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["cassette", "bindings", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_bindings_are_shown(tmp_path: Path) -> None:
    path = both_ways(tmp_path)
    assert shown(path) == (
        f"server  token       11 -> 15      {CHAT}\nclient  token       15 -> 19      85vbbDAQCdPdEWlEhDGy4utO\n"
        f"{path}: 1 value of the server's is made anew for each client; 1 of the client's is its own in what it hears\n"
    )
    nothing = kept(tmp_path, opened(), name="other.yaml")
    assert shown(nothing) == (
        f"{nothing}: no id goes both ways, so none is made anew; a --bindings file can name some (--out writes one)\n"
    )
    assert shown(nothing, "--json") == ""
    assert json.loads(shown(path, "--json").splitlines()[0]) == {
        "value": CHAT,
        "by": "server",
        "line": 11,
        "back": 15,
        "kind": "token",
    }
    result = CliRunner().invoke(main, ["cassette", "bindings", str(path), "--out", str(tmp_path / "no" / "x")])
    assert (result.exit_code, result.output) == (
        2,
        f"simulator: --out {tmp_path / 'no' / 'x'}: No such file or directory\n",
    )


async def test_bindings_are_overridden(tmp_path: Path) -> None:
    path, out = both_ways(tmp_path), tmp_path / "b.yaml"
    shown(path, "--out", out)
    assert out.read_text().splitlines()[1:] == ["mint:", f'- "{CHAT}"  # line 11, back in line 15', "keep: []"]
    other = "75vbbDAQCdPdEWlEhDGy4utO"
    out.write_text(f'keep:\n- "{CHAT}"\nmint:\n- {other}\n- never\n')
    async with playing(
        tmp_path, path, "--bindings", out, "--keep", "CHAT", "--ignore", "ask.x", "--ignore", "zork.x"
    ) as run:
        async with Raw.upgraded(run.connect) as raw:
            text = await raw.text()
        _, _, errors = await run.end()
    assert CHAT in text
    assert other not in text
    assert errors == (
        "'never' is to be made anew, but the server never says it\n"
        "--ignore zork.x: the client says no such message on the tape\n"
        "'CHAT' is to stay, but is nothing that would be made anew; `simulator cassette bindings` shows what would\n"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "can't be read: No such file or directory"),
        ("- a\n", "expected keys and values at the top"),
        ("keep: []\nlose: []\n", ":2: lose: expected mint or keep"),
        ("mint: x\n", ":1: mint: expected a list of values, each a text"),
        ("mint: [1]\n", ":1: mint: expected a list of values, each a text"),
    ],
)
def test_wrong_bindings(tmp_path: Path, text: str | None, told: str) -> None:
    path = tmp_path / "b.yaml"
    if text is not None:
        path.write_text(text)
    assert told in refused(both_ways(tmp_path), "--bindings", path).output
    nothing = kept(tmp_path, opened(), name="nothing.yaml")
    shown(nothing, "--out", path)
    assert path.read_text().endswith("\nmint: []\nkeep: []\n")


def test_a_stranger_s_tape_names_a_pipe_or_a_disk(tmp_path: Path) -> None:
    """Nothing waits for the one, and the other does not fill the memory."""
    from simulator.cassette.entries import Beside
    from simulator.serve.replay import fetch

    folder = tmp_path / "talk.files"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    with (folder / "disk").open("wb") as file:
        file.truncate(3 << 30)
    (folder / "good").write_bytes(b"x")
    found = [fetch(tmp_path, Beside(f"talk.files/{name}", 1, "")) for name in ("pipe", "disk", "none", "good")]
    assert found == [None, None, None, b"x"]


def test_a_text_report_moves_no_cursor(tmp_path: Path) -> None:
    from simulator.cassette.coverage import Coverage, Miss
    from simulator.serve.replay import report

    coverage = Coverage([])
    coverage.miss(Miss(1, "a\x1b[2J\x9b\u202e\r\nb", "", "is not on the tape"))
    report(tmp_path / "x.txt", coverage)
    assert "  client 1: a\\x1b[2J\\x9b\\u{202e}\\r\\nb is not on the tape\n" in (tmp_path / "x.txt").read_text()

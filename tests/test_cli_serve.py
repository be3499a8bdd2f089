"""The command as a process: its ready file, its signals, its logs, its environment."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from websockets.sync.client import connect as sync_connect

from simulator.serve import readyfile
from tests.served import (
    COMMAND,
    SECONDS,
    WEBSITE,
    Raw,
    admin,
    appears,
    clean_environment,
    command,
    process,
    request,
)

CHANNEL = f"channels:\n  - uuid: {WEBSITE}\n"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_ready_file(tmp_path: Path) -> None:
    stale = tmp_path / "ready.json"
    stale.write_text('{"pid": 4194305, "backends": []}')
    async with command(tmp_path, "--seed", "7") as run:
        port = int(run.url.rpartition(":")[2])
        connect = f"ws://127.0.0.1:{port}/wc/connect/{WEBSITE}/"
        assert run.ready == {
            "pid": run.process.pid,
            "backends": [{"name": "chip", "url": f"http://127.0.0.1:{port}", "connect": connect}],
            "admin": {"url": f"{run.url}/__admin", "ui": f"{run.url}/__admin/ui"},
        }
        assert stale.read_bytes().endswith(b"}\n")
        assert names_in(tmp_path) == ["ready.json"]
        assert run.first == f"chip serves at http://127.0.0.1:{port}\n".encode()
        async with Raw.upgraded(run.connect) as raw:
            raw.send('{"type":"start_chat"}')
            assert '"chat_started"' in await raw.text()
        assert await run.stop() == 0
        out, errors = await run.process.communicate()
        assert b"\x1b" not in out
        assert out.decode().splitlines()[0] == f"  connect  {connect}"
        assert out.decode().endswith("\nseed 7, wall clock. Ctrl-C stops it.\n")
        assert errors == b""
        assert names_in(tmp_path) == []


async def test_stale_ready_file_goes_even_when_the_start_fails(tmp_path: Path) -> None:
    stale = tmp_path / "ready.json"
    stale.write_text('{"pid": 4194305, "backends": []}')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = ("--port", str(taken.getsockname()[1]), "--ready-file", str(stale))
        async with process("serve", "-b", "chip", *options) as started:
            assert await asyncio.wait_for(started.wait(), SECONDS) == 3
    assert not stale.exists()


async def test_a_ready_file_that_is_not_an_earlier_runs_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    for text in ("something else", "[]", '{"pid": "x"}', '{"pid": 9999999999}', '{"pid": 1}'):
        path.write_text(text)
        async with process("serve", "-b", "chip", "--port", "0", "--ready-file", str(path)) as started:
            assert await asyncio.wait_for(started.wait(), SECONDS) == (3 if text == '{"pid": 1}' else 2)
        assert path.read_text() == text


def test_a_ready_file_with_our_own_number_is_an_earlier_runs(tmp_path: Path) -> None:
    """In a container each run has the same number."""
    path = tmp_path / "ready.json"
    path.write_text(json.dumps({"pid": os.getpid(), "backends": []}))
    readyfile.make_room(path)
    assert not path.exists()


def test_an_unread_stderr_stops_nobody(tmp_path: Path) -> None:
    # Not asyncio's subprocess: that does not see the end of a process whose pipe is full.
    arguments = [sys.executable, "-m", "simulator", "serve", "-b", "chip", "-p", "0", "--log-format", "json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        url = json.loads(run.stdout.readline())["backends"][0]["connect"]
        with sync_connect(url, proxy=None) as ws:
            for _ in range(3000):
                ws.send("x" * 100)
            ws.send('{"type":"start_chat"}')
            assert b"chat_started" in ws.recv(timeout=SECONDS, decode=False)
        run.terminate()
        assert run.wait(SECONDS) == 0


def held_up(pid: int) -> float:
    """Seconds for which a process was ready to run and the machine had something else to do; 0 where Linux is not there."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_stop_it_within_a_second(tmp_path: Path, number: signal.Signals) -> None:
    """But for the time that a busy machine keeps it from running."""
    ready_file, errors = tmp_path / "ready.json", tmp_path / "errors"
    line: list[str | Path] = [COMMAND, "serve", "--backend", "chip", "--port", "0", "--ready-file", ready_file]
    with errors.open("wb") as file:
        # Not asyncio's, which takes what the system knows of a process away from everybody else when it ends.
        started = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=file, env=clean_environment())  # noqa: ASYNC220
    try:
        await appears(ready_file)
        [served] = json.loads(ready_file.read_bytes())["backends"]
        async with (
            Raw.upgraded(served["connect"]) as raw,
            Raw.open(served["url"], request("GET", "/")) as idle,
            Raw.open(served["url"], request("POST", "/", b"", "Content-Length: 10")) as half,
        ):
            await idle.answer()
            half.write(b"five.")
            raw.send('{"type":"start_chat"}')
            await raw.text()
            before, busy = time.perf_counter(), held_up(started.pid)
            started.send_signal(number)
            async with asyncio.timeout(SECONDS):
                assert await raw.rest() == b"\x88\x02\x03\xe8"
                assert await idle.rest() == b""
                await asyncio.to_thread(os.waitid, os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)
            assert time.perf_counter() - before - (held_up(started.pid) - busy) < 1
            assert started.wait(SECONDS) == 0
        told = errors.read_bytes()
        assert (told.endswith(b"405: nothing is at POST /\n"), told.count(b"\n")) == (True, 1)
        assert not ready_file.exists()
    finally:
        started.kill()
        started.wait(SECONDS)


async def test_the_end_waits_for_no_memory(tmp_path: Path) -> None:
    """A gigabyte of small objects takes four seconds to give back: nobody does; what was printed is out all the same."""
    script = (
        "import atexit, sys\n"
        "from simulator import cli\n"
        "from simulator.serve import app\n"
        "class Heavy:\n"
        "    def __del__(self): print('given back')\n"
        "class Kept(app.Server):\n"
        "    def __init__(self, options):\n"
        "        super().__init__(options)\n"
        "        self.kept = Heavy()\n"
        "app.Server = Kept\n"
        "atexit.register(print, 'at exit')\n"
        "cli.main(['serve', '-b', 'concierge', '-p', '0', '--seed', '7'], prog_name='simulator')\n"
    )
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, env=clean_environment()
    )
    assert started.stdout is not None
    while not (await asyncio.wait_for(started.stdout.readline(), SECONDS)).startswith(b"seed 7"):
        pass
    started.terminate()
    rest = await asyncio.wait_for(started.stdout.read(), SECONDS)
    assert (await started.wait(), rest) == (0, b"at exit\n")


async def test_every_option_from_the_environment(tmp_path: Path) -> None:
    fixtures = tmp_path / "my own.yaml"
    fixtures.write_text(f"{CHANNEL}    secret: x\n")
    ready_file = tmp_path / "there.json"
    environment = {
        "SIMULATOR_BACKEND": "chip", "SIMULATOR_HOST": "localhost", "SIMULATOR_PORT": "0", "SIMULATOR_SEED": "8",
        "SIMULATOR_CLOCK": "2026-05-01T12:00:00Z", "SIMULATOR_FIXTURES": f"'{fixtures}'",
        "SIMULATOR_SET": "bot_delay=0 'chip.version=version 9'", "SIMULATOR_ADMIN_TOKEN": "sesame",
        "SIMULATOR_READY_FILE": str(ready_file), "SIMULATOR_LOG_FORMAT": "json", "SIMULATOR_VERBOSE": "1",
    }  # fmt: skip
    async with process("serve", **environment) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        state = json.loads(await asyncio.wait_for(started.stdout.readline(), SECONDS))
        assert state == json.loads(ready_file.read_bytes())
        url, connect = state["backends"][0]["url"], state["backends"][0]["connect"]
        assert url.startswith("http://localhost:")
        token = "Authorization: Bearer sesame"
        assert (await admin(url, "GET", "clock"))[0] == 401
        assert (await admin(url, "GET", "clock", None, token))[1]["time"] == "2026-05-01T12:00:00Z"
        async with Raw.open(url, request("GET", "/")) as raw:
            assert (await raw.answer())[1] == b'{"version":"version 9"}'
        async with Raw.upgraded(connect) as raw:
            raw.send('{"type":"start_chat"}')
            answer = await raw.text()
        shown = json.loads(await asyncio.wait_for(started.stderr.readline(), SECONDS))
        assert (shown["text"], shown["sender"], shown["data"]) == ("frame", "client", '{"type":"start_chat"}')
        # The command line goes before the environment.
        options = ("--seed", "7", "--log-format", "text")
        async with command(tmp_path, *options, **environment) as other, Raw.upgraded(other.connect) as raw:
            raw.send('{"type":"start_chat"}')
            assert await raw.text() != answer


async def test_every_option_of_the_address_from_the_environment(tmp_path: Path) -> None:
    """All but those that are in the test above; the ready file is nobody else's where a token is in it."""
    authority, ready_file = tmp_path / "ca.pem", tmp_path / "there.json"
    environment = {
        "SIMULATOR_BACKEND": "chip mia", "SIMULATOR_HOST": "0.0.0.0", "SIMULATOR_PORT": "0",
        "SIMULATOR_ADMIN_PORT": "0", "SIMULATOR_JOURNAL": "1", "SIMULATOR_TLS": "1",
        "SIMULATOR_TLS_CA_OUT": str(authority), "SIMULATOR_READY_FILE": str(ready_file),
    }  # fmt: skip
    async with process("serve", **environment) as started:
        assert started.stdout is not None
        lines = [await asyncio.wait_for(started.stdout.readline(), SECONDS) for _ in range(13)]
        assert lines[11:] == [
            b"\n",
            f"the certificate was made for this run; clients have to trust {authority}\n".encode(),
        ]
        state = json.loads(ready_file.read_bytes())
        assert ready_file.stat().st_mode & 0o777 == 0o600
        url, token = state["admin"]["url"], state["admin"]["token"]
        assert state["admin"]["ui"] == f"{url}/ui"
        assert lines[7:11] == [
            f"chat with it at {url}/playground#token={token}\n".encode(),
            f"  inspect  {url}/ui#token={token}\n".encode(),
            f"  control  {url}/openapi.json\n".encode(),
            f"  token    {token}\n".encode(),
        ]
        trusting = ssl.create_default_context(cafile=authority)
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(state["backends"][0]["connect"], ssl=trusting) as ws:
                await ws.send_str('{"type":"start_chat"}')
                assert (await ws.receive_json(timeout=SECONDS))["type"] == "chat_started"
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(f"{url}/messages", headers=headers, ssl=trusting) as answer:
                told = await answer.json()
            assert (told["total"], [line["name"] for line in told["messages"]]) == (2, ["chat_started"])
            for path in ("clock", "health"):
                async with session.get(f"{url}/{path}", ssl=trusting) as answer:
                    assert answer.status == 401
    given = {"SIMULATOR_NO_ADMIN": "1", "SIMULATOR_TLS_CERT": str(authority), "SIMULATOR_TLS_KEY": str(authority)}
    async with process("serve", "-b", "chip", **given, SIMULATOR_TLS_PASSPHRASE="x") as started:
        _, errors = await asyncio.wait_for(started.communicate(), SECONDS)
        assert errors == f"simulator: --tls-key {authority}: there is no private key in it: expected PEM\n".encode()
        assert started.returncode == 2


async def test_json_log_is_one_object_a_line(tmp_path: Path) -> None:
    async with command(tmp_path, "--log-format", "json", "-v") as run:
        assert json.loads(run.first) == run.ready
        async with Raw.upgraded(run.connect) as raw:
            raw.send('{"type":"start_chat"}')
            await raw.text()
            # Not UTF-8: chip takes that, and so has the log to.
            raw.write(b"\x81\x83\x00\x00\x00\x00\xff\x1b\n")
            raw.send("\x1b[2J\n")
            raw.send('{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
            assert await raw.text() == '{"type":"history","history":[]}'
        async with Raw.open(run.url, b"\x1b[2J garbage\r\n\r\n") as raw:
            await raw.rest()
        await run.stop()
        _, errors = await run.process.communicate()
    lines = [json.loads(line) for line in errors.splitlines()]
    assert {"frame", "chat started"} <= {line["text"] for line in lines}
    assert all({"time", "level", "backend", "text"} <= set(line) for line in lines)
    assert b"\x1b" not in errors


async def test_peers_reach_no_terminal_raw(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\nfake line\x9b31m\u202e"
    async with command(tmp_path, "-v") as run:
        async with Raw.upgraded(run.connect) as raw:
            raw.send(evil)
            raw.send(json.dumps({"type": evil}))
            raw.send(json.dumps({"type": "start_chat", "chat_id": evil}))
            raw.send(json.dumps({"type": evil, "x": evil}, ensure_ascii=False))
            raw.write(b"\x89\x84\x00\x00\x00\x00\x1b[2J")
            assert (await raw.frame())[0] == 0x8A
        for garbage in (b"\x1b[2J garbage\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\x1b[2J: x\r\n\r\n"):
            async with Raw.open(run.url, garbage) as raw:
                await raw.rest()
        await run.stop()
        _, errors = await run.process.communicate()
    text = errors.decode()
    assert "\\x1b[2J" in text
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    assert "Traceback" not in text
    assert not [line for line in text.splitlines() if line.startswith("fake")]


@pytest.mark.parametrize("reader_stays", [True, False])
async def test_closed_stdout(tmp_path: Path, reader_stays: bool) -> None:
    """Serving goes on when nobody reads what it prints, and it ends as ever."""
    ready_file = tmp_path / "ready.json"
    reading, writing = os.pipe()
    os.close(reading) if not reader_stays else None
    started = await asyncio.create_subprocess_exec(
        COMMAND, "serve", "-b", "chip", "--port", "0", "--ready-file", ready_file,
        stdout=writing, stderr=asyncio.subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    os.close(writing)
    try:
        await appears(ready_file)
        if reader_stays:
            os.close(reading)
        started.send_signal(signal.SIGTERM)
        _, errors = await asyncio.wait_for(started.communicate(), SECONDS)
        assert (started.returncode, errors) == (0, b"")
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()

"""The benchmark runs: generators get their answers, what fails is a note, and an end leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import servers, speed
from bench.pace import Pace
from bench.process import ROOT
from bench.rows import Failed
from bench.servers import Server, crowd, pinging, url

SECONDS = 30.0
"""Until a test gives up: other workers may have both cores."""
QUICK = Pace(1, 0.05, 10, lambda text: None, quick=True)


def test_answers_are_counted_and_both_sides_watched() -> None:
    found = speed.measure([[speed.Path("messages.raw", "raw", servers.RAW, "echo", "messages.raw", 3)]], QUICK)
    assert found.notes == []
    (row,) = found.rows
    assert [len(figures) for figures in (row.figures, row.server, row.generator, row.rate)] == [1, 1, 1, 1]
    assert row.figures[0] > 0
    assert row.rate[0] > 0


def test_polls_are_answered_too() -> None:
    path = speed.Path("k", "polls", servers.SOCKETIO, "socketio", "k", 2, polling=True)
    found = speed.measure([[path]], QUICK)
    assert (found.notes, [len(row.figures) for row in found.rows]) == ([], [1])


def test_a_server_that_fails_is_a_note_and_the_others_go_on(tmp_path: Path) -> None:
    broken = Server("broken", (sys.executable, "-c", "raise SystemExit('it has no port')"))
    nobody = Server("nobody", (tmp_path / "nobody",))
    away = Server("away", (sys.executable,), needs=((tmp_path / "no", "npm has it not"),))
    names = (broken, nobody, away, servers.RAW)
    race = [speed.Path(f"k.{server.key}", server.key, server, "echo", "k", 2) for server in names]
    found = speed.measure([race], QUICK)
    assert [row.key for row in found.rows] == ["k.raw"]
    assert [note.replace(str(tmp_path), "") for note in found.notes] == [
        "away is left out: npm has it not",
        "broken: broken ended: it has no port",
        "nobody: nobody: /nobody can't be run: No such file or directory",
    ]


def test_a_server_that_hangs_up_fails_its_row_alone() -> None:
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(f'ws://127.0.0.1:{s.getsockname()[1]}/', flush=True)\n"
        "while True: s.accept()[0].close()"
    )
    path = speed.Path("k", "rude", Server("rude", (sys.executable, "-c", code)), "echo", "k", 2)
    found = speed.measure([[path]], QUICK)
    assert found.rows == []
    (note,) = found.notes
    assert note.startswith("rude: the load generator ended: the server ")


def test_a_crowd_answers_pings() -> None:
    with pinging(servers.BARE, 0.1).start(None) as server, crowd(url(server), "idle", 5, None) as clients:
        assert clients.line().startswith("ready ")
        until, pings = time.monotonic() + SECONDS, 0
        # More than one each: who does not answer is cut off before the third.
        while pings < 20:
            assert time.monotonic() < until
            clients.say("pings")
            pings = int(clients.line().split()[1])


def test_a_crowd_tells_of_a_server_that_takes_nobody() -> None:
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(f'ws://127.0.0.1:{s.getsockname()[1]}/', flush=True)\n"
        "while True: c = s.accept()[0]; c.recv(999); c.sendall(b'HTTP/1.1 503 Full\\r\\n\\r\\n')"
    )
    full = Server("full", (sys.executable, "-c", code))
    with (
        full.start(None) as server,
        crowd(url(server), "idle", 1, None) as clients,
        pytest.raises(Failed, match="503 Full"),
    ):
        clients.line()


def children(mark: str) -> list[str]:
    """Command lines of all processes that have this in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if mark in words:
            found.append(words)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_ctrl_c_ends_it_and_all_that_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--only", "cassettes", "--rounds", "1000"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as bench:
        until = time.monotonic() + SECONDS
        while not children(str(tmp_path)):
            assert bench.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        bench.send_signal(signal.SIGINT)
        _, told = bench.communicate(timeout=SECONDS)
    assert (bench.returncode, told) == (130, "stopped, and nothing was written\n")
    assert children(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []

"""The benchmark runs: generators get their answers, what fails is a note, and an end leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import race, servers
from bench.pace import TURNS, Pace
from bench.process import ROOT, Child
from bench.race import Path as Row
from bench.rows import Failed, ratios
from bench.servers import Server, crowd, pinging, url

SECONDS = 30.0
"""Until a test gives up: other workers may have both cores."""
QUICK = Pace(1, 0.05, 10, lambda text: None, quick=True, warm_up=0.05)


def test_answers_are_counted_and_each_window_has_its_base_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    started: list[str] = []

    def serving(child: Child, patience: float) -> str:
        started.append(url(child, patience))
        return started[-1]

    monkeypatch.setattr(race, "url", serving)
    paths = [
        Row("a", "the base", servers.RAW, "echo", "a", 2),
        Row("b", "another", servers.RAW, "echo", "a", 3),
        Row("c", "alone", servers.RAW, "echo", "a", 4, alone=True),
    ]
    found = race.run("messages", paths, Pace(2, 0.05, 10, told.append, quick=True, warm_up=0.05))
    assert found.notes == []
    for row in found.rows:
        seen = (row.figures, row.beside, row.server, row.generator, row.waited, row.rate)
        assert [len(figures) for figures in seen] == [2] * 6
        assert min(row.figures + row.rate) > 0
    windows = [line.rpartition(": ")[2] for line in told if line.startswith("messages, round 2 of 2")]
    assert windows == ["the base", "another", "the base", "alone", "the base"] * TURNS
    assert len(started) == 2, "who is alone has a server of his own, and the others share one"
    base, another, alone = found.rows
    assert base.beside == base.figures
    assert another.beside != alone.beside, "the windows are the same"
    assert ratios(alone, base) == pytest.approx(
        [beside / own for own, beside in zip(alone.figures, alone.beside, strict=True)]
    )


def test_a_generator_answers_pings_while_it_rests() -> None:
    for start, talk in ((servers.load, "echo"), (servers.polls, "socketio")):
        server = pinging(servers.BARE if talk == "echo" else servers.SOCKETIO, 0.2)
        if talk == "socketio":
            server = Server(server.key, (*server.command, "--ping-timeout", "300"))
        with server.start(None) as child, start(url(child), talk, 3, None) as generator:
            generator.line()
            # Whoever does not answer is cut off long before: each round is a window and a rest.
            for _ in range(2):
                generator.say("0.01")
                assert int(generator.line()) >= 3
                time.sleep(0.7)


def test_polls_are_answered_too() -> None:
    path = Row("k", "polls", servers.SOCKETIO, "socketio", "k", 2, polling=True)
    found = race.run("messages", [path], QUICK)
    assert (found.notes, [len(row.figures) for row in found.rows]) == ([], [1])


def test_a_server_that_fails_is_a_note_and_the_others_go_on(tmp_path: Path) -> None:
    broken = Server("broken", (sys.executable, "-c", "raise SystemExit('it has no port')"))
    nobody = Server("nobody", (tmp_path / "nobody",))
    away = Server("away", (sys.executable,), needs=((tmp_path / "no", "npm has it not"),))
    names = (broken, nobody, away, servers.RAW)
    paths = [Row(f"k.{server.key}", server.key, server, "echo", "k", 2) for server in names]
    found = race.run("messages", paths, QUICK)
    assert [row.key for row in found.rows] == ["k.raw"]
    assert [note.replace(str(tmp_path), "") for note in found.notes] == [
        "broken: broken ended: it has no port",
        "nobody: nobody: /nobody can't be run: No such file or directory",
        "away is left out: npm has it not",
    ]


def test_a_server_that_hangs_up_fails_its_row_alone() -> None:
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); print(f'ws://127.0.0.1:{s.getsockname()[1]}/', flush=True)\n"
        "while True: s.accept()[0].close()"
    )
    path = Row("k", "rude", Server("rude", (sys.executable, "-c", code)), "echo", "k", 2)
    found = race.run("messages", [path], QUICK)
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
    assert bench.returncode == 130
    first, *_, last = told.splitlines()
    assert (first, last) == (" 0:00 part 1 of 1, cassettes", "stopped, and nothing was written")
    assert children(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []

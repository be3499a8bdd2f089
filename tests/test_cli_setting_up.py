"""`simulator doctor` and `simulator init`: what is found, what to do about it, and what somebody begins with."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import __version__, backends
from simulator.cli import examining
from simulator.cli.examining import Finding
from simulator.cli.starting import CUSTOMERS, FILES
from simulator.serve import trial
from tests.served import clean_environment, prompt
from tests.test_cli import invoke, shell


def one(found: Iterator[Finding]) -> Finding:
    (only,) = found
    return only


# --- doctor


def test_the_doctor_tells_all_and_ends_with_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "cassettes").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "doctor", "--json"], cwd=tmp_path, capture_output=True, text=True,
        env=clean_environment(HOME=str(tmp_path), http_proxy="http://192.0.2.1:1"), timeout=60, check=False,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"], done.stderr) == (1, False, "")
    found = {row["check"]: row for row in said["findings"]}
    assert f"simulator {__version__}, " in found["version"]["what"]
    assert {f"port {backend.port}" for backend in backends.all_backends()} <= {*found}
    assert found["links"]["state"] == "ok"
    wrong = {name for name, row in found.items() if row["state"] == "wrong" and not name.startswith("port ")}
    assert wrong == {"proxies", "cassettes"}
    assert all(row["todo"] for row in said["findings"] if row["state"] != "ok")


def test_what_the_doctor_prints() -> None:
    done = shell("doctor", "--backend", "chip")
    lines = done.stdout.splitlines()
    assert done.returncode in (0, 1)
    assert sum(" port " in line for line in lines) == 1
    assert lines[0].startswith("ok    version     simulator ")
    bad = Finding("x", "wrong", "a\x1b[2Jb", "do it")
    assert examining.shown(bad, colour=False) == ["wrong x           a\\x1b[2Jb", " " * 18 + "-> do it"]
    assert examining.shown(bad, colour=True)[0].startswith("\x1b[31;1mwrong\x1b[0m x ")
    done = shell("doctor", "--backend", "chop")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_the_doctor_s_lines_break_between_words_of_a_terminal() -> None:
    words = "aiohttp 3.14, ruamel-yaml 0.19, and /a/very/long/path/that/no/terminal/of/forty/has/room/for"
    command = "pip install what-is-to-be-copied and-stays-in-one-line-however-long"
    found = Finding("extra uvloop", "note", words, command)
    lines = examining.shown(found, colour=False, columns=40)
    first, *more, last = lines
    assert (first, len(more) > 1, last) == ("note  extra uvloop aiohttp 3.14,", True, " " * 18 + f"-> {command}")
    assert " ".join([first.removeprefix("note  extra uvloop "), *map(str.strip, more)]) == words
    assert [line for line in lines[:-1] if len(line) > 40 and "/a/very" not in line] == []
    assert {line[:18] for line in more} == {" " * 18}
    # Too narrow for any margin, or no terminal: as it is.
    for columns in (30, None):
        assert examining.shown(found, colour=False, columns=columns) == [f"note  extra uvloop {words}", last]


@pytest.mark.parametrize(
    ("missing", "code", "told"),
    [
        ("aiohttp", 1, "wrong links       not looked at: import of aiohttp halted; None in sys.modules"),
        ("pydantic", 1, "wrong ports       not looked at: import of pydantic halted; None in sys.modules"),
        (
            "msgspec",
            2,
            "simulator: import of msgspec halted; None in sys.modules, and without it there is nothing to look",
        ),
    ],
)
def test_the_doctor_needs_little_itself(missing: str, code: int, told: str) -> None:
    run = f"import sys; sys.modules[{missing!r}] = None; from simulator.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", run, "doctor", "--backend", "chip"], capture_output=True, text=True,
        env=clean_environment(), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


async def test_ports() -> None:
    async with prompt() as simulator:
        port = int(simulator.url("chip").rpartition(":")[2])
        found = await asyncio.to_thread(lambda: one(examining.port_of("chip", port)))
        assert (found.state, "a simulator serves there already" in found.what) == ("note", True)
        assert sys.platform != "linux" or f"pid {os.getpid()}" in found.what
    assert one(examining.port_of("chip", port)) == Finding(f"port {port}", "ok", "chip: free")
    with socket.create_server(("127.0.0.1", port)):
        found = await asyncio.to_thread(lambda: one(examining.port_of("chip", port)))
    assert (found.state, "chip: taken" in found.what, found.todo) == (
        "wrong", True, "end it, or simulator serve --backend chip --port 0",
    )  # fmt: skip


def test_a_port_of_the_systems_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError

    monkeypatch.setattr(socket, "socket", Refusing)
    monkeypatch.setattr(socket, "create_connection", lambda *_: (_ for _ in ()).throw(ConnectionRefusedError()))
    assert one(examining.port_of("chip", 80)).what == "chip: this user may not have it"


def test_who_holds_a_port_is_asked_of_lsof_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lsof = tmp_path / "lsof"
    lsof.write_text("#!/bin/sh\nprintf 'p42\\ncnode\\nf3\\n'\n")
    lsof.chmod(0o755)
    monkeypatch.setattr(examining, "_of_proc", lambda port: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert examining.holder(3000) == "node, pid 42"
    lsof.write_text("#!/bin/sh\nexit 1\n")
    assert examining.holder(3000) == ""
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert examining.holder(3000) == ""


@pytest.mark.parametrize(
    ("named", "state"),
    [
        ({}, "ok"),
        ({"no": "localhost"}, "ok"),
        ({"http": "http://192.0.2.1:1"}, "wrong"),
        ({"all": "socks5://192.0.2.1:1", "no": "127.0.0.1"}, "wrong"),
        ({"http": "http://192.0.2.1:1", "no": "localhost,127.0.0.1"}, "ok"),
        ({"https": "http://192.0.2.1:1", "no": "*"}, "ok"),
    ],
)
def test_proxies(named: dict[str, str], state: str) -> None:
    found = one(examining.proxies(named))
    assert (found.state, bool(found.todo)) == (state, state == "wrong")


def test_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"trustme"} == {*examining.required("tls")}
    assert "aiohttp" in examining.required()
    assert "trustme" not in examining.required()
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: (_ for _ in ()).throw(importlib.metadata.PackageNotFoundError())
    )
    assert [found.todo for found in examining.extras()] == [
        "pip install 'chat-simulator[record]'",
        "pip install 'chat-simulator[tls]'",
        "pip install 'chat-simulator[uvloop]'",
    ]
    assert next(found for found in examining.versions() if found.check == "libraries").state == "wrong"


def test_links_that_do_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> str:
        return "no socket"

    monkeypatch.setattr(trial, "check", check)
    assert one(examining.links()).state == "note"


def test_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("::1", 0, 0, 0))])
    assert one(examining.loopback()).what == "localhost is ::1"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(socket.gaierror(-2, "unknown")))
    assert one(examining.loopback()).state == "wrong"


def test_the_proxys_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.secure import authority

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(examining, "_trusted", lambda: [])
    assert one(examining.authority()).state == "ok"
    file = tmp_path / "simulator/mitmproxy/mitmproxy-ca-cert.pem"
    file.parent.mkdir(parents=True)
    file.write_text("nothing")
    assert one(examining.authority()).todo == "delete it: it is made anew"
    pem = authority().cert_pem.bytes().decode()
    file.write_text(pem)
    assert one(examining.authority()).state == "note"
    monkeypatch.undo()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert one(examining.authority()).state == "ok"


def test_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert next(examining.folders(tmp_path)).what.startswith("there is no ./cassettes here")
    folder = tmp_path / "cassettes"
    folder.mkdir()
    (folder / "a.yaml").touch()
    assert next(examining.folders(tmp_path)).what == "./cassettes can be written, 1 recording"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert next(examining.folders(tmp_path)).state == "wrong"


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_completion_is_looked_for(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", f"/bin/{name}")
    found = one(examining.completion())
    assert found.state == "note"
    # What it says to do is done, and helps.
    (tmp_path / ".config/fish/completions").mkdir(parents=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", found.todo], env=clean_environment(HOME=str(tmp_path), PATH=path), check=True)
    assert one(examining.completion()) == Finding("completion", "ok", f"{name}, in {examining._RC[name]}")
    monkeypatch.setenv("SHELL", "/bin/dash")
    assert one(examining.completion()).state == "ok"


def test_few_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    assert one(examining.files()).todo == "ulimit -n 4096"


# --- init


def test_init_makes_what_works_and_keeps_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = invoke("init", str(folder))
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()[: len(FILES)]] == [
        str(folder / name) for name in FILES
    ]
    scenario = folder / "scenarios/hello.yaml"
    checked = invoke("scenario", "check", str(scenario))
    assert (checked.exit_code, "warning" in checked.output) == (0, False), checked.output
    scenario.write_text("mine")
    (folder / "tests/test_chat.py").unlink()
    (folder / "tests/test_chat.py").symlink_to("nowhere")
    done = invoke("init", str(folder))
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [f"kept  {folder / name}, which is there already" for name in FILES]
    assert scenario.read_text() == "mine"


def test_init_where_a_file_is_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "scenarios").touch()
    done = invoke("init", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"simulator: {tmp_path / 'scenarios'}: is no folder: name another DIR\n"
    done = invoke("init", str(tmp_path / "scenarios"))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_nothing_lies_in_the_starter_that_is_not_made() -> None:
    there = {path.name for path in (Path(examining.__file__).parent / "starter").iterdir()}
    assert there == {*FILES.values(), *(file.name for file in CUSTOMERS.values())}


def test_what_init_says_about_cassettes_is_so(tmp_path: Path) -> None:
    invoke("init", str(tmp_path))
    shutil.copy(Path(__file__).parents[1] / "cassettes/chip/resume.yaml", tmp_path / "cassettes/talk.yaml")
    text = (tmp_path / "cassettes/README.md").read_text()
    assert "simulator cassette redact --check cassettes/talk.yaml" in text
    assert invoke("cassette", "redact", "--check", str(tmp_path / "cassettes/talk.yaml")).exit_code == 0
    assert invoke("cassette", "show", str(tmp_path / "cassettes/talk.yaml")).exit_code == 0


def test_the_example_of_init_is_green_for_every_backend(tmp_path: Path) -> None:
    for name in backends.names():
        done = invoke("init", "--backend", name, str(tmp_path / name))
        assert (done.exit_code, f"serve --backend {name} " in done.stdout) == (0, True), done.output
    files = [f"{name}/tests/test_chat.py" for name in backends.names()]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", *files], cwd=tmp_path, capture_output=True,
        text=True, env=clean_environment(), timeout=60, check=False,
    )  # fmt: skip
    assert (run.returncode, f"\n{len(files)} passed" in run.stdout) == (0, True), run.stdout
    for file in files:
        checked = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,W", "--line-length", "120"]
        subprocess.run([*checked, tmp_path / file], check=True, timeout=60)


def test_init_knows_which_backends_there_are(tmp_path: Path) -> None:
    done = invoke("init", "--backend", "chop", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "simulator: there is no backend 'chop'; known are: aida, chatbot, chip, concierge, mia"
    )
    assert [*tmp_path.iterdir()] == []

"""The command line: what it says, what it refuses in one line, what it writes and how it ends."""

from __future__ import annotations

import os
import pty
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from simulator import __version__, backends
from simulator.cli import main
from tests.served import (
    COMMAND,
    WEBSITE,
    clean_environment,
)


def shell(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command, to its end."""
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=30, env=clean_environment(**environment)
    )


@pytest.fixture(autouse=True)
def _no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("SIMULATOR_"):
            monkeypatch.delenv(name)


TAPE = Path(__file__).parents[1] / "cassettes/chip/resume.yaml"


def invoke(*arguments: str, **environment: str) -> Result:
    """The command inside of this process: quicker, for what ends before anything is served."""
    return CliRunner().invoke(main, arguments, prog_name="simulator", env=environment)


# --- what does not serve


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["serve", "--help"], ["health", "-h"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from simulator.cli import main\n"
        "try: main(sys.argv[1:], prog_name='simulator')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'aiohttp', 'pydantic', 'orjson', 'ruamel', 'asyncio'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"simulator, version {__version__}\n" if "--version" in arguments else "Usage: ")


def test_help_says_what_the_commands_say_and_imports_none_of_them() -> None:
    ctx = click.Context(main)
    for name in main.later:
        command = main.get_command(ctx, name)
        assert command is not None
        assert command.help is not None
        assert main.told[name] == " ".join(command.help.split("\n\n")[0].split()), name
    script = (
        "import sys; from simulator.cli import main\n"
        "before = {*sys.modules}\n"
        "try: main(['--help'], prog_name='simulator')\n"
        "except SystemExit: pass\n"
        "later = {where.partition(':')[0] for where in main.later.values()} & ({*sys.modules} - before)\n"
        "assert not later, later\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines()] == main.list_commands(ctx)


def test_python_m() -> None:
    done = subprocess.run([sys.executable, "-m", "simulator", "--version"], capture_output=True, text=True, timeout=30)
    assert done.stdout == f"simulator, version {__version__}\n"


def test_backends() -> None:
    done = invoke("backends")
    lines = done.stdout.splitlines()
    assert (done.exit_code, done.stderr) == (0, "")
    assert lines[0].split() == ["NAME", "TRANSPORT", "PORT", "CONNECT"]
    assert [line.split()[0] for line in lines[1:]] == backends.names()
    (chip,) = (line for line in lines if line.startswith("chip "))
    assert " 8070 " in chip
    assert chip.endswith(f"ws://127.0.0.1:8070/wc/connect/{WEBSITE}/")


@pytest.mark.parametrize("name", backends.names())
def test_page_of_a_backend(name: str) -> None:
    done = invoke("backends", name)
    backend = backends.load(name)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{name}: {backend.summary}, port {backend.port}\n")
    settings = backend.seed.model_fields["settings"].annotation
    assert settings is not None
    for word in (*settings.model_fields, *backend.acts):
        assert f"\n{word} " in done.stdout


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_shell_completion(shell_name: str) -> None:
    source = shell(_SIMULATOR_COMPLETE=f"{shell_name}_source")
    if shell_name == "bash" and "bash version" in source.stderr.lower():
        pytest.skip("there is no bash here, or an old one")
    assert (source.returncode, "_SIMULATOR_COMPLETE" in source.stdout) == (0, True)


def completed(*words: str) -> list[str]:
    """What zsh is offered in place of the last word: it leaves words with an equals sign whole."""
    line = " ".join(["simulator", *words])
    done = shell(_SIMULATOR_COMPLETE="zsh_complete", COMP_WORDS=line, COMP_CWORD=str(len(words)))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()[1::3]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["serve", "--backend", "c"], ["chatbot", "chip", "concierge"]),
        (["serve", "-b", "al"], ["all"]),
        (["backends", "a"], ["aida"]),
        (["doctor", "--backend", "a"], ["aida", "all"]),
        (["wa"], ["wait"]),
        (["serve", "--clock", "m"], ["manual"]),
        (["serve", "--log-format", "j"], ["json"]),
        (["serve", "-b", "chip", "--set", "kept_"], ["kept_messages=", "kept_megabytes=", "kept_contacts="]),
        (["serve", "-b", "chip", "--set", "chip.kept_m"], ["chip.kept_messages=", "chip.kept_megabytes="]),
        (["serve", "-b", "chip", "--set", "bot=e"], ["bot=echo"]),
        (["serve", "-b", "chip", "--set", "history_order="], ["history_order=newest", "history_order=oldest"]),
        (["serve", "-b", "mia", "--set", "recov"], ["recovery="]),
        (["serve", "-b", "nobody", "--set", "x"], []),
        (["serve", "--set", "history_order"], ["history_order="]),
    ],
)
def test_completion(words: list[str], offered: list[str]) -> None:
    assert completed(*words) == offered


def test_completion_of_files(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "mine.txt").touch()
    done = shell(
        _SIMULATOR_COMPLETE="zsh_complete", COMP_WORDS=f"simulator serve --fixtures {tmp_path}/m", COMP_CWORD="3"
    )
    assert done.stdout.splitlines()[0] == "file"
    start = f"chip={tmp_path}/m"
    assert completed("serve", "--fixtures", start) == [f"chip={tmp_path}/mine.yaml", f"chip={tmp_path}/more/"]


# --- what it refuses

CHANNEL = f"channels:\n  - uuid: {WEBSITE}\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--set", "bot_dealy=1"], "--set bot_dealy: there is no such setting; there are: "),
        (["--set", "chip.bot_dealy=1"], "--set bot_dealy: there is no such setting; there are: "),
        (["--set", "bot_delay=soon"], "--set bot_delay: Input should be a valid number"),
        (["--set", "bot_delay"], "--set bot_delay: expected KEY=VALUE"),
        (["--set", "=1"], "--set =1: expected KEY=VALUE"),
        (["--clock", "noon"], "--clock noon: expected wall, manual, or an instant such as 2026-01-01T00:00:00Z"),
        (["--fixtures", "/nowhere.yaml"], "/nowhere.yaml: can't be read: No such file or directory"),
        (["--fixtures", "chip=/nowhere.yaml"], "/nowhere.yaml: can't be read: No such file or directory"),
        (["--fixtures", "/"], "/: can't be read: Is a directory"),
        (["--set", "a\nb=1"], "--set a\\nb: there is no such setting; there are: "),
        (["--host", ""], "--host: expected a name or an address, such as 127.0.0.1"),
    ],
)
def test_wrong_option(arguments: list[str], why: str) -> None:
    done = invoke("serve", "-b", "chip", "--port", "0", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"simulator: {why}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("channels: [}", 1, "is not YAML: "),
        (f"{CHANNEL}colour: red\n", 3, "colour: there is no such key"),
        (f"{CHANNEL}    org: first\n", 3, "channels.0.org: Input should be a valid integer"),
        (f"{CHANNEL}  - uuid: {WEBSITE}\n", 3, "channels.1.uuid: stands there twice, in channels.0 too"),
        (f"{CHANNEL}    active: false\n", 1, "channels: no client could connect: at least one has to be active"),
    ],
)
def test_wrong_fixtures(text: str, line: int, why: str, tmp_path: Path) -> None:
    path = tmp_path / "my fixtures.yaml"
    path.write_text(text)
    done = invoke("serve", "-b", "chip", "--port", "0", "--fixtures", str(path))
    where = f"{path}:{line}" if line else str(path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"simulator: {where}: {why}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["serve", "-b", "chop"], ["backends", "chop"], ["serve", "-b", "../chip"]])
def test_unknown_backend(arguments: list[str]) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    known = ", ".join(backends.names())
    assert done.stderr == f"simulator: there is no backend {arguments[-1]!r}; known are: {known}\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["serve"], "Missing option '-b' / '--backend'"),
        (["serve", "-b", "chip", "--port", "70000"], "70000 is not in the range 0<=x<=65535; "),
        (["serve", "-b"], "Option '-b' requires an argument"),
        (["serve", "-b", "chip", "--port", "http"], "'http' is not a valid number; "),
        (["serve", "-b", "chip", "--seed", "x"], "'x' is not a valid integer; "),
        (["serve", "-b", "chip", "--seed", "x\n\x1b[2J"], "'x\\n\\x1b[2J' is not a valid integer; "),
        (["serve", "-b", "chip", "--log-format", "xml"], "'xml' is not one of 'text', 'json'; "),
        (["serve", "-b", "chip", "extra"], "Got unexpected extra argument (extra)"),
        (["dance"], "No such command 'dance'; simulator --help says more"),
        (["backends", "chip", "mia"], "Got unexpected extra argument (mia)"),
    ],
)
def test_wrong_usage(arguments: list[str], why: str) -> None:
    done = invoke(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("simulator: ")
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1
    assert why in done.stderr


def test_the_command_alone_shows_its_help() -> None:
    done = invoke()
    assert (done.exit_code, done.output.splitlines()[0]) == (2, "Usage: simulator [OPTIONS] COMMAND [ARGS]...")


def test_an_unclosed_quote_in_a_variable() -> None:
    done = invoke("serve", "-b", "chip", SIMULATOR_SET="version='a b")
    assert done.exit_code == 2
    assert "(env var: 'SIMULATOR_SET'): \"version='a b\": no closing quotation; " in done.stderr


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_colour_on_a_terminal_alone(environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [COMMAND, "dance"], stderr=theirs, stdin=theirs, timeout=30, env=clean_environment(**environment)
        )
        line = os.read(ours, 1000)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 2
    assert (b"\x1b[" in line) is not bool(environment)
    assert b" No such command 'dance'; simulator --help says more\r\n" in line


# --- what a signal does before it serves

AT_IMPORT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.Signals[sys.argv[2]])
sys.meta_path.insert(0, Finder())
from simulator.__main__ import main
sys.argv[1:] = sys.argv[3:]
main()
"""
"""The command, which gets a signal at its first import of a module."""


def signalled(module: str, name: str, *arguments: str) -> tuple[int, str, str]:
    script = AT_IMPORT.replace("sys.argv[1]", repr(module)).replace("sys.argv[2]", repr(name))
    script = script.replace("sys.argv[3:]", repr([*arguments]))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, env=clean_environment()
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("module", ["click", "pydantic", "aiohttp", "ruamel.yaml", "simulator.wire.single"])
def test_a_signal_while_it_starts_is_a_clean_stop(module: str, name: str) -> None:
    assert signalled(module, name, "serve", "-b", "chip", "-p", "0") == (0, "", "")


def test_an_interrupted_check_has_found_nothing_well() -> None:
    assert signalled("simulator.serve.health", "SIGINT", "health", "http://127.0.0.1:9") == (-signal.SIGINT, "", "")


@pytest.fixture
def two_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there is a second one: chip under another name."""
    other = backends.load("chip")
    monkeypatch.setattr(backends, "names", lambda: ["chip", "chop"])
    monkeypatch.setattr(backends, "load", lambda name: other)


@pytest.mark.usefixtures("two_backends")
def test_options_for_several_backends() -> None:
    done = invoke("serve", "-b", "all", "--port", "8123")
    assert done.exit_code == 2
    assert done.stderr == (
        "simulator: --port 8123 is for one backend, 2 were named: leave it out, each has its own, "
        "or give --port 0 for free ones\n"
    )
    done = invoke("serve", "-b", "chip", "-b", "chop", "--fixtures", "my.yaml")
    assert done.exit_code == 2
    assert done.stderr == "simulator: --fixtures my.yaml: say for which backend, such as --fixtures chip=my.yaml\n"


def refused(*arguments: str) -> str:
    """The one line of the real command that could not start."""
    done = shell("serve", "-b", "chip", *arguments)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            ("--no-admin", "--admin-port", "0"),
            "--no-admin, --admin-port 0: either there is a control API or there is none",
        ),
        (
            ("--tls", "--tls-cert", "a.pem"),
            "--tls, --tls-cert a.pem: either a certificate is made or it is there already",
        ),
        (("--cassettes", "nowhere"), "--cassettes nowhere: there is no such folder"),
        (("--tls-ca-out", "a.pem"), "--tls-ca-out a.pem: goes with --tls, which makes the authority"),
        (("--tls-key", "a.pem"), "--tls-key and --tls-passphrase: go with --tls-cert"),
        (("--tls-passphrase", "x"), "--tls-key and --tls-passphrase: go with --tls-cert"),
        (("--tls-cert", "nothing.pem"), "--tls-cert nothing.pem: No such file or directory"),
    ],
)
@pytest.mark.parametrize("command", [("serve", "-b", "chip"), ("replay", str(TAPE))])
def test_options_that_do_not_go_together(command: tuple[str, ...], options: tuple[str, ...], why: str) -> None:
    done = invoke(*command, "--port", "0", *options)
    assert (done.exit_code, done.stderr) == (2, f"simulator: {why}\n")


def test_taken_admin_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoke("serve", "-b", "chip", "-p", "0", "--admin-port", str(port))
        assert (done.exit_code, done.stderr) == (
            3,
            f"simulator: the control API: port {port} on 127.0.0.1 is taken: stop what listens there, "
            "or choose another with --admin-port N (--admin-port 0 takes a free one)\n",
        )


def test_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused("--port", str(port)) == (
            f"simulator: chip: port {port} on 127.0.0.1 is taken: stop what listens there, "
            "or choose another with --port N (--port 0 takes a free one)\n"
        )


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("192.0.2.1", ": it is no address of this machine; 127.0.0.1 is, and 0.0.0.0 is all it has"),
        ("no such host", ": there is no host of that name; --host takes a name or an address of this machine"),
        ("a..b", ": there is no host of that name; --host takes a name or an address of this machine"),
    ],
)
def test_host_that_cannot_be_bound(host: str, why: str) -> None:
    assert refused("--port", "0", "--host", host) == f"simulator: chip: can't listen on {host}{why}\n"


def test_too_few_files() -> None:
    script = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (7, 7)); sys.argv[1:] = sys.argv[2:]\n"
    arguments = ["-c", f"{script}from simulator.__main__ import main; main()", "", "serve", "-b", "chip", "-p", "0"]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=30, env=clean_environment()
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "simulator: can't serve: Too many open files\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_stdout() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [COMMAND, "backends"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, env=clean_environment()
        )
    assert (done.returncode, done.stderr) == (1, "simulator: stdout: No space left on device\n")


def test_ready_file_in_a_missing_folder(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "ready.json"
    done = shell("serve", "-b", "chip", "--port", "0", "--ready-file", str(path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"simulator: --ready-file {path}: there is no such directory\n"


def test_no_colour_where_no_terminal_is() -> None:
    for environment in ({}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}):
        done = shell("backends", "chip", **environment)
        assert (done.returncode, "\x1b" in done.stdout) == (0, False)


def test_the_command_is_there() -> None:
    assert stat.S_IMODE(COMMAND.stat().st_mode) & stat.S_IXUSR


def test_too_little_memory_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> list[str]:
        raise MemoryError

    monkeypatch.setattr(backends, "names", names)
    result = invoke("backends")
    assert (result.exit_code, result.stderr) == (1, "simulator: there is not enough memory for this\n")

"""The servers in the race, and how to start each."""

from __future__ import annotations

import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.process import ROOT, Child
from bench.rows import Failed

_BARE = ROOT / "bench" / "bare.py"
_SOCKETIO = ROOT / "bench" / "socketio.mjs"
_MOCKOON = ROOT / "bench" / "node_modules" / "@mockoon" / "cli" / "bin" / "run.js"
_FAST = ROOT / ".venv" / "bench" / "bin"
"""The venv that has uvloop."""
_PATIENCE = 30.0


@dataclass(slots=True, frozen=True)
class Server:
    """A command whose first line of output says where it serves."""

    key: str
    command: tuple[str | Path, ...]
    silent: str = ""
    """The path at which one serves that does not say where, but takes `--port`."""
    needs: tuple[tuple[Path, str], ...] = ()
    """Files without which it can't take part, each with a line about what to do."""
    node: bool = False

    def start(self, core: int | None) -> Child:
        """A process that has not yet said where it serves."""
        if not self.silent:
            return Child(self.key, self.command, core)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        child = Child(self.key, (*self.command, "--port", str(port)), core, quiet=True)
        child.where = f"ws://127.0.0.1:{port}{self.silent}"
        return child


def url(child: Child, patience: float = _PATIENCE) -> str:
    """Where a server that was just started takes WebSockets. Raises Failed."""
    if not child.where:
        line = child.line(patience)
        return str(orjson.loads(line)["backends"][0]["connect"]) if line.startswith("{") else line.split()[-1]
    until = time.monotonic() + patience
    place = (child.where.split("/")[2].split(":")[0], int(child.where.split("/")[2].split(":")[1]))
    while True:
        try:
            socket.create_connection(place, 1).close()
        except OSError:
            if child.gone() or time.monotonic() > until:
                raise child.why("does not serve") from None
            time.sleep(0.005)
        else:
            return child.where


def simulator() -> Path:
    """The command as it is installed in the venv that runs us."""
    return Path(sys.executable).with_name("simulator")


_UVLOOP = ((_FAST.parent / ".installed", "uvloop is not there, `make bench` installs it into .venv/bench"),)


def _serve(backend: str, *settings: str, fast: bool = False, more: tuple[str, ...] = ()) -> Server:
    """One of our backends as it is, but that nothing waits on purpose."""
    loop = ("--event-loop", "uvloop" if fast else "asyncio")
    arguments = ("serve", "--backend", backend, "--port", "0", "--log-format", "json", *loop, *more)
    sets = tuple(part for setting in settings for part in ("--set", setting))
    name = f"{backend}{' on uvloop' if fast else ''}"
    if not fast:
        return Server(name, (simulator(), *arguments, *sets))
    return Server(name, (_FAST / "simulator", *arguments, *sets), needs=_UVLOOP)


_CHIP = ("bot_delay=0", "outbox_interval=0")
_CONCIERGE = ("session_update_on=join", "kept_sessions=100000")
_MIA = ("bot=none", "statuses=real")
# Fifty clients say more than 200 a second each: what is no longer heard is a warning, and no message.
_CHATBOT = ("bot=none", "idle_timeout=0", "most_unanswered=100000")
SUITE = ("-m", "tests.conformance.socketio_server", "--port", "0")


def _node(key: str, package: str, *command: str | Path) -> Server:
    folder = ROOT / "tests" / "clients" / "node_modules" / package
    return Server(
        key,
        ("node", *command),
        needs=((folder, f"npm {package} is not installed, `make clients` does that"),),
        node=True,
    )


def _mockoon(path: str) -> Server:
    command = ("node", _MOCKOON, "start", "--data", ROOT / "bench" / "mockoon.json", "--hostname", "127.0.0.1")
    options = ("--disable-log-to-file", "--disable-admin-api")
    why = "npm @mockoon/cli is not installed, `make bench` does that"
    return Server(f"mockoon {path}", (*command, *options), silent=path, needs=((_MOCKOON, why),), node=True)


BARE = Server("bare", (sys.executable, _BARE))
BARE_UVLOOP = Server("bare on uvloop", (_FAST / "python", _BARE, "--uvloop"), needs=_UVLOOP)
BARE_PYDANTIC = Server("bare + pydantic", (sys.executable, _BARE, "--pydantic"))
RAW = Server("raw", (sys.executable, ROOT / "bench" / "raw.py"))
WS = _node("ws", "ws", ROOT / "bench" / "echo.mjs")
MOCKOON_STATIC, MOCKOON_TEMPLATED = _mockoon("/static"), _mockoon("/templated")
CHIP, CHIP_UVLOOP = _serve("chip", *_CHIP), _serve("chip", *_CHIP, fast=True)
CONCIERGE, CONCIERGE_UVLOOP = _serve("concierge", *_CONCIERGE), _serve("concierge", *_CONCIERGE, fast=True)
AIDA, AIDA_UVLOOP = _serve("aida"), _serve("aida", fast=True)
MIA, MIA_UVLOOP = _serve("mia", *_MIA), _serve("mia", *_MIA, fast=True)
CHATBOT, CHATBOT_UVLOOP = _serve("chatbot", *_CHATBOT), _serve("chatbot", *_CHATBOT, fast=True)
NODE_SOCKETIO = _node("node socket.io", "socket.io", _SOCKETIO, "echo")
NODE_MIA = _node("node socket.io, mia", "socket.io", _SOCKETIO, "mia")
NODE_CHATBOT = _node("node socket.io, chatbot", "socket.io", _SOCKETIO, "chatbot")
PYTHON_SOCKETIO = Server("python-socketio", (sys.executable, ROOT / "bench" / "socketio_python.py"))
SOCKETIO = Server("the conformance server", (sys.executable, *SUITE))
"""The wire of mia and chatbot behind the edge and journal that they have; its rules do what Node's side does."""
SOCKETIO_UVLOOP = Server(
    "the conformance server on uvloop", (_FAST / "python", "-m", "bench.on_uvloop", *SUITE[1:]), needs=_UVLOOP
)


def spaced(spaces: int) -> Server:
    """chip with room for so many spaces."""
    return _serve("chip", *_CHIP, more=("--spaces", str(spaces + 1), "--journal", "1000"))


def pinging(server: Server, seconds: float) -> Server:
    """The same server, pinging that often."""
    if server in (CHIP,):
        return _serve("chip", *_CHIP, f"ping_interval={seconds:g}")
    if server == MIA:
        return _serve("mia", *_MIA, f"ping_interval={seconds:g}")
    ways = {
        BARE: ("--heartbeat", f"{seconds:g}"),
        WS: (f"{seconds * 1000:g}",),
        SOCKETIO: ("--ping-interval", f"{seconds * 1000:g}"),
        NODE_SOCKETIO: (f"{seconds * 1000:g}",),
    }
    return Server(f"{server.key}, pinging", (*server.command, *ways[server]), needs=server.needs, node=server.node)


def load(url: str, talk: str, connections: int, core: int | None, *more: str) -> Child:
    """A load generator; it says `ready` when its connections stand, and works for the seconds that it is told."""
    command = (sys.executable, "-m", "bench.load", url, talk, str(connections), *more)
    return Child("the load generator", command, core)


def polls(url: str, talk: str, connections: int, core: int | None) -> Child:
    """The same over long polling."""
    command = (sys.executable, "-m", "bench.polls", url, talk, str(connections))
    return Child("the load generator", command, core)


def crowd(url: str, talk: str, count: int, core: int | None) -> Child:
    """Clients that stay; it says `ready` and the seconds it took."""
    return Child("the crowd", (sys.executable, "-m", "bench.crowd", url, talk, str(count)), core)


def missing(server: Server) -> str | None:
    """One line why a server can't take part, or None."""
    if server.node and shutil.which("node") is None:
        return f"{server.key} is left out: there is no node here"
    for path, why in server.needs:
        if not path.exists():
            return f"{server.key} is left out: {why}"
    return None


def check() -> None:
    """Raises Failed when there is nothing to measure."""
    if not Path(simulator()).exists():
        raise Failed("the command simulator is not in this venv: `make bench` installs it")

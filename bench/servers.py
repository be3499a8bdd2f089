"""The servers in the race, and how to start each."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.process import ROOT, Child, Failed

_BARE = ROOT / "bench" / "bare.py"


@dataclass(slots=True, frozen=True)
class Server:
    """A command whose first line of output says where it serves."""

    key: str
    command: tuple[str | Path, ...]

    def start(self, core: int | None) -> Child:
        """A process that has not yet said where it serves."""
        return Child(self.key, self.command, core)


def url(child: Child) -> str:
    """Where a server that was just started takes WebSockets."""
    line = child.line()
    return str(orjson.loads(line)["backends"][0]["connect"]) if line.startswith("{") else line.split()[-1]


def simulator() -> str | Path:
    """The command as it is installed in the venv that runs us."""
    return Path(sys.executable).with_name("simulator")


BARE = Server("bare", (sys.executable, _BARE))
BARE_PYDANTIC = Server("bare + pydantic", (sys.executable, _BARE, "--pydantic"))
CHIP = Server(
    "chip",
    (
        simulator(), "serve", "--backend", "chip", "--port", "0", "--log-format", "json",
        "--set", "bot_delay=0", "--set", "outbox_interval=0",
    ),
)  # fmt: skip
WS = Server("ws", ("node", ROOT / "bench" / "echo.mjs"))
NODE_SOCKETIO = Server("node socket.io", ("node", ROOT / "bench" / "socketio.mjs"))
SOCKETIO = Server("the conformance server", (sys.executable, "-m", "tests.conformance.socketio_server", "--port", "0"))
"""The wire of mia and chatbot behind the edge and the journal that they have, with rules that do what Node's side does:
mia would keep rooms, persons and statuses as well, and its echo is two events.
"""


def load(url: str, talk: str, connections: int, seconds: float, core: int | None) -> Child:
    """A load generator; it says `ready` when its connections stand."""
    command = (sys.executable, "-m", "bench.load", url, talk, str(connections), str(seconds))
    return Child("the load generator", command, core)


def missing(server: Server) -> str | None:
    """One line why a server of Node's can't take part, or None."""
    package = {WS: "ws", NODE_SOCKETIO: "socket.io"}.get(server)
    if package is None:
        return None
    if shutil.which("node") is None:
        return f"npm {package} is left out: there is no node here"
    if not (ROOT / "tests" / "clients" / "node_modules" / package).exists():
        return f"npm {package} is left out: it is not installed, `make clients` does that"
    return None


def check() -> None:
    """Raises Failed when there is nothing to measure."""
    if not Path(simulator()).exists():
        raise Failed(f"{simulator()} is not there: `make bench` installs it")

"""CPU per message, in interleaved rounds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.process import Child, Failed, cores
from bench.servers import BARE, CHIP, NODE_SOCKETIO, SOCKETIO, WS, Server, load, missing, url

CONNECTIONS = 50
_WARM_UP = 0.5


@dataclass(slots=True, frozen=True)
class Path:
    """One row of the table."""

    title: str
    server: Server
    talk: str
    messages: int
    """Frames of one round, in and out."""
    aim: float | None = None


RACES = (
    (
        Path("bare aiohttp, echo", BARE, "echo", 2),
        Path("npm ws, echo with JSON", WS, "echo", 2),
        Path("chip, send_msg > chat_out > ack_chat", CHIP, "chat", 3, 0.85),
        Path("chip, get_history of an empty chat", CHIP, "history", 2, 0.85),
    ),
    (
        Path("node socket.io 4.8, echo", NODE_SOCKETIO, "socketio", 2),
        Path("simulator Socket.IO, echo", SOCKETIO, "socketio", 2, 1.0),
    ),
)
"""In each the first is what the others are held against."""


@dataclass(slots=True)
class Row:
    """What came out for one path."""

    path: Path
    cpu: list[float] = field(default_factory=list)
    """Seconds of the server's CPU for a message, by round."""
    ratio: list[float] = field(default_factory=list)
    """The CPU of its race's first in the same round over this one's: more is better."""


def races(part: str) -> list[list[Path]]:
    """The races that have a row with this text in its title, with these rows and their first."""
    chosen = []
    for race in RACES:
        named = [path for path in race if part.lower() in path.title.lower()]
        if named:
            chosen.append([*dict.fromkeys((race[0], *named))])
    return chosen


def measure(
    chosen: list[list[Path]], rounds: int, seconds: float, tell: Callable[[str], None]
) -> tuple[list[Row], list[str]]:
    """The rows, and a line for each path that failed or is left out."""
    paths = [path for race in chosen for path in race]
    away = {server: why for server in dict.fromkeys(path.server for path in paths) if (why := missing(server))}
    notes = [*away.values()]
    rows = {path: Row(path) for path in paths if path.server not in away}
    core = cores()
    with ExitStack() as stack:
        started: dict[Server, tuple[Child, str]] = {}
        for server in dict.fromkeys(path.server for path in rows):
            child = stack.enter_context(server.start(core[0] if core else None))
            started[server] = (child, url(child))
        for number in range(rounds + 1):
            for path in [*rows]:
                tell(f"messages, {f'round {number} of {rounds}' if number else 'warming up'}: {path.title}")
                child, where = started[path.server]
                try:
                    row = rows[path]
                    spent, messages = _window(child, where, path, seconds if number else _WARM_UP)
                except Failed as error:
                    notes.append(f"{path.title}: {error}")
                    del rows[path]
                    continue
                if number:
                    row.cpu.append(spent / messages)
    for race in chosen:
        first = rows.get(race[0])
        if first is not None:
            for row in (rows[path] for path in race if path in rows):
                row.ratio = [one / own for one, own in zip(first.cpu, row.cpu, strict=True)]
    return [*rows.values()], notes


def _window(server: Child, where: str, path: Path, seconds: float) -> tuple[float, int]:
    """CPU of the server and the messages it was for. Connections come and go outside of it."""
    core = cores()
    with load(where, path.talk, CONNECTIONS, seconds, core[1] if core else None) as generator:
        generator.line()
        before = server.cpu()
        generator.say("go")
        answers = int(generator.line(seconds + 30))
        spent = server.cpu() - before
    if not answers:
        raise Failed("not one answer came")
    return spent, answers * path.messages

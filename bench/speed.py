"""CPU per message, in interleaved rounds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from bench import servers
from bench.pace import Pace
from bench.process import Child, sides
from bench.rows import Failed, Found, Row
from bench.servers import Server, load, missing, polls, url
from bench.talks import TALKS

CONNECTIONS, MANY = 50, 500
_WARM_UPS = 5
BASE = "messages.bare"
"""A bare aiohttp echo on the stock loop."""


@dataclass(slots=True, frozen=True)
class Path:
    """One row of the table."""

    key: str
    title: str
    server: Server
    talk: str
    base: str = BASE
    connections: int = CONNECTIONS
    polling: bool = False
    hurried: bool = True
    """Whether `--quick` has it."""


_ECHO = (
    Path("messages.bare", "bare aiohttp, echo", servers.BARE, "echo"),
    Path("messages.bare.uvloop", "bare aiohttp, echo, uvloop", servers.BARE_UVLOOP, "echo"),
    Path("messages.raw", "raw asyncio.Protocol, echo of bytes", servers.RAW, "echo"),
    Path("messages.ws", "npm ws, echo with JSON", servers.WS, "echo"),
    Path("messages.mockoon.static", "Mockoon CLI, static answer", servers.MOCKOON_STATIC, "echo"),
    Path("messages.mockoon.templated", "Mockoon CLI, templated answer", servers.MOCKOON_TEMPLATED, "echo"),
    Path("messages.chip", "chip, send_msg > chat_out > ack_chat", servers.CHIP, "chat"),
    Path("messages.chip.uvloop", "chip, the same, uvloop", servers.CHIP_UVLOOP, "chat"),
    Path("messages.chip.history", "chip, get_history of an empty chat", servers.CHIP, "history"),
    Path("messages.concierge", "concierge, ping route", servers.CONCIERGE, "ping route"),
    Path("messages.concierge.uvloop", "concierge, the same, uvloop", servers.CONCIERGE_UVLOOP, "ping route"),
    Path("messages.aida", "aida, put_data", servers.AIDA, "put_data"),
    Path("messages.aida.uvloop", "aida, the same, uvloop", servers.AIDA_UVLOOP, "put_data"),
)


def _events(connections: int, polling: bool) -> Iterator[tuple[Path, ...]]:
    """The same events on Node's socket.io and on ours: a race for each kind."""
    way = "polling" if polling else "websocket"
    tail, words = f"{way}.{connections}", f"{way}, {connections}"
    kinds = (
        ("echo", "Socket.IO echo", "socketio", servers.NODE_SOCKETIO, servers.SOCKETIO, servers.SOCKETIO_UVLOOP),
        ("mia", "mia, a person's message", "mia", servers.NODE_MIA, servers.MIA, servers.MIA_UVLOOP),
        ("chatbot", "chatbot, send-message", "chatbot", servers.NODE_CHATBOT, servers.CHATBOT, servers.CHATBOT_UVLOOP),
    )
    for kind, title, talk, node, ours, fast in kinds:
        base = f"socketio.{kind}.node.{tail}"

        def path(who: str, name: str, server: Server, talk: str = talk, kind: str = kind, base: str = base) -> Path:
            hurried = connections == CONNECTIONS and (kind == "echo" or not (polling or who == "uvloop"))
            key = f"socketio.{kind}.{who}.{tail}"
            return Path(key, name, server, talk, base, connections, polling, hurried)

        more: tuple[Path, ...] = ()
        if kind == "echo":
            named = f"python-socketio, echo ({words})"
            more = (path("python", named, servers.PYTHON_SOCKETIO, "socketio, no auth"),)
        yield (
            path("node", f"node socket.io 4.8: {title} ({words})", node),
            path("ours", f"simulator: {title} ({words})", ours),
            path("uvloop", f"simulator, uvloop: {title} ({words})", fast),
            *more,
        )


RACES: tuple[tuple[Path, ...], ...] = (
    _ECHO,
    *_events(CONNECTIONS, polling=False),
    *_events(MANY, polling=False),
    *_events(CONNECTIONS, polling=True),
    *_events(MANY, polling=True),
)
"""In each the first is what the others are held against."""


def races(part: str, quick: bool = False) -> list[list[Path]]:
    """The races that have a row with this text in its title, with these rows and their first."""
    chosen = []
    for race in RACES:
        named = [path for path in race if part.lower() in path.title.lower() and (path.hurried or not quick or part)]
        if named:
            chosen.append([*dict.fromkeys((race[0], *named))])
    return chosen


def measure(chosen: list[list[Path]], pace: Pace) -> Found:
    """The rows, and a line for each path that failed or is left out."""
    found = Found()
    for race in chosen:
        one = _race(race, pace)
        found.rows += one.rows
        found.notes += [note for note in one.notes if note not in found.notes]
    return found


def _race(paths: list[Path], pace: Pace) -> Found:
    found = Found()
    away = {server: why for server in dict.fromkeys(path.server for path in paths) if (why := missing(server))}
    found.notes += away.values()
    rows = {path: Row(path.key, path.title, "us", base=path.base) for path in paths if path.server not in away}
    with ExitStack() as stack:
        started: dict[Server, tuple[Child, str]] = {}
        for server in dict.fromkeys(path.server for path in rows):
            try:
                child = stack.enter_context(server.start(sides()[0]))
                started[server] = (child, url(child))
            except Failed as error:
                found.notes.append(f"{server.key}: {error}")
                rows = {path: row for path, row in rows.items() if path.server != server}
        for number in range(pace.rounds + 1):
            for path in [*rows]:
                pace.round("messages", number, path.title)
                try:
                    if number:
                        window(*started[path.server], path, pace.seconds, rows[path])
                    else:
                        warm_up(*started[path.server], path, pace)
                except Failed as error:
                    found.notes.append(f"{path.title}: {error}")
                    del rows[path]
    found.rows += rows.values()
    return found


def warm_up(server: Child, where: str, path: Path, pace: Pace, *more: str) -> None:
    """Until it has had some CPU: on a busy machine that takes several windows, and Node is slow before."""
    before = server.cpu()
    for _ in range(_WARM_UPS):
        window(server, where, path, pace.warm_up, Row("", "", ""), *more)
        if server.cpu() - before > pace.warm_up / 3:
            return


def window(server: Child, where: str, path: Path, seconds: float, row: Row, *more: str) -> None:
    """One round into the row. Connections come and go outside of it."""
    talk, mine = TALKS[path.talk], sides()[1]
    if path.polling:
        generator = polls(where, path.talk, path.connections, seconds, mine)
    else:
        generator = load(where, path.talk, path.connections, seconds, mine, *more)
    with generator:
        generator.line()
        before, busy, began = server.cpu(), generator.cpu(), time.perf_counter()
        generator.say("go")
        answers = int(generator.line(seconds + 30))
        took = time.perf_counter() - began
        spent, load_spent = server.cpu() - before, generator.cpu() - busy
    if not answers:
        raise Failed("not one answer came")
    row.figures.append(spent / (answers * talk.frames) * 1e6)
    row.server.append(spent / took)
    row.generator.append(load_spent / took)
    row.rate.append(answers / took)

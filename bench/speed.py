"""CPU per message: which rows there are, and beside what each is measured."""

from __future__ import annotations

from collections.abc import Iterator

from bench import race, servers
from bench.pace import Pace
from bench.race import Path
from bench.rows import Found
from bench.servers import Server

CONNECTIONS, MANY = 50, 500
BASE = "messages.bare"
"""A bare aiohttp echo on the stock loop."""


_ECHO = (
    Path("messages.bare", "bare aiohttp, echo", servers.BARE, "echo", BASE),
    Path("messages.bare.uvloop", "bare aiohttp, echo, uvloop", servers.BARE_UVLOOP, "echo", BASE),
    Path("messages.raw", "raw asyncio.Protocol, echo of bytes", servers.RAW, "echo", BASE),
    Path("messages.ws", "npm ws, echo with JSON", servers.WS, "echo", BASE),
    Path("messages.mockoon.static", "Mockoon CLI, static answer", servers.MOCKOON_STATIC, "echo", BASE),
    Path("messages.mockoon.templated", "Mockoon CLI, templated answer", servers.MOCKOON_TEMPLATED, "echo", BASE),
    Path("messages.chip", "chip, send_msg > chat_out > ack_chat", servers.CHIP, "chat", BASE),
    Path("messages.chip.uvloop", "chip, the same, uvloop", servers.CHIP_UVLOOP, "chat", BASE),
    Path("messages.chip.history", "chip, get_history of an empty chat", servers.CHIP, "history", BASE),
    Path("messages.concierge", "concierge, ping route", servers.CONCIERGE, "ping route", BASE),
    Path("messages.concierge.uvloop", "concierge, the same, uvloop", servers.CONCIERGE_UVLOOP, "ping route", BASE),
    Path("messages.aida", "aida, put_data", servers.AIDA, "put_data", BASE),
    Path("messages.aida.uvloop", "aida, the same, uvloop", servers.AIDA_UVLOOP, "put_data", BASE),
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
    for paths in RACES:
        named = [path for path in paths if part.lower() in path.title.lower() and (path.hurried or not quick or part)]
        if named:
            chosen.append([*dict.fromkeys((paths[0], *named))])
    return chosen


def measure(chosen: list[list[Path]], pace: Pace) -> Found:
    """The rows, and a line for each path that failed or is left out."""
    found = Found()
    for paths in chosen:
        one = race.run("messages", paths, pace)
        found.rows += one.rows
        found.notes += [note for note in one.notes if note not in found.notes]
    return found

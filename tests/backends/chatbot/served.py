"""A chatbot on a free port, and npm's client driven by lines of JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from simulator.core.message import Json
from simulator.serve.app import Options, Simulator
from simulator.serve.clock import ManualClock
from tests.backends.chatbot.chats import HARBOUR
from tests.served import Node

QUICK: dict[str, Any] = {
    "bot_delay": 0.02, "bot_typing": 0.01, "rag_delay": 0.02, "stream_interval": 0.005, "queue_delay": 0.02, "agent_after": 0.1,
}  # fmt: skip
"""A real clock, and nobody waits long."""


def chatbot(clock: ManualClock | None = None, **settings: Any) -> Simulator:
    """A Simulator of chatbot on a free port, to be entered with `async with`."""
    chosen = [(key, str(value)) for key, value in settings.items()]
    return Simulator(Options(["chatbot"], port=0, seed=7, clock=clock, settings=chosen))


def base(simulator: Simulator) -> str:
    return simulator.served[0].url


@asynccontextmanager
async def npm(
    simulator: Simulator,
    auth: Mapping[str, Json] | None = None,
    transports: tuple[str, ...] = ("websocket",),
    **options: Any,
) -> AsyncIterator[Node]:
    """npm's socket.io-client."""
    async with Node.running("socketio.mjs", "socket.io-client") as node:
        chosen = {"transports": [*transports], "auth": dict(HARBOUR if auth is None else auth), **options}
        node.write({"open": base(simulator), "options": chosen})
        yield node


async def event(node: Node, *names: str) -> Any:
    """The next event, which is one of these; its body, or with several names (name, body)."""
    got, *args = await node.event("event")
    assert got in names, (got, args)
    body = args[0] if args else None
    return body if len(names) == 1 else (got, body)


async def until(node: Node, name: str) -> tuple[list[str], Any]:
    """All that comes up to an event: the names before it, and its body."""
    before: list[str] = []
    while True:
        got, *args = await node.event("event")
        if got == name:
            return before, args[0]
        before.append(got)


async def inside(node: Node) -> Any:
    """The body of `connected`, behind whatever the transport does."""
    return (await until(node, "connected"))[1]


def emit(node: Node, name: str, *args: Any) -> None:
    node.write({"emit": [name, *args]})

"""A mia on a free port, and clients that are driven by lines of JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.backends.mia.chats import GARDEN
from tests.served import Node


def mia(clock: ManualClock | None = None, **settings: Any) -> Server:
    """A Server of mia on a free port, to be entered with `async with`."""
    chosen = [(key, str(value)) for key, value in settings.items()]
    return Server(Options(["mia"], port=0, seed=7, clock=clock, settings=chosen))


def base(simulator: Server) -> str:
    return simulator.served[0].url


@asynccontextmanager
async def npm(package: str, url: str, transports: list[str], **auth: Any) -> AsyncIterator[Node]:
    """npm's client, connected, once it is in its room; `room` then holds it."""
    async with Node.running("socketio.mjs", package) as node:
        node.write({"open": url, "options": {"transports": transports, "auth": {"instance": GARDEN, **auth}}})
        yield node


async def events(node: Node, *names: str) -> list[Any]:
    """The bodies of the next events, which have to be these, in this order."""
    bodies = []
    for name in names:
        got, *args = await node.event("event")
        assert got == name, (got, args)
        bodies.append(args[0] if args else None)
    return bodies

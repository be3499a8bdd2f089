"""A chatbot on a free port, and npm's client driven by lines of JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from simulator.core.message import Json
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.backends.chatbot.chats import HARBOUR
from tests.backends.chatbot.flows import Player
from tests.served import Node, admin

QUICK: dict[str, Any] = {
    "bot_delay": 0.02, "bot_typing": 0.01, "rag_delay": 0.02, "stream_interval": 0.005, "queue_delay": 0.02, "agent_after": 0.1,
}  # fmt: skip
"""A real clock, and nobody waits long."""


def chatbot(clock: ManualClock | None = None, **settings: Any) -> Server:
    """A Server of chatbot on a free port, to be entered with `async with`."""
    chosen = [(key, str(value)) for key, value in settings.items()]
    return Server(Options(["chatbot"], port=0, seed=7, clock=clock, settings=chosen))


def base(simulator: Server) -> str:
    return simulator.served[0].url


@asynccontextmanager
async def npm(
    simulator: Server,
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


class Live(Player):
    """Plays against a simulator whose clock stands still but for the transcript's `after`."""

    def __init__(self, simulator: Server) -> None:
        super().__init__()
        self.url = base(simulator)

    async def silent(self, who: str) -> None:
        """What was on its way has come before the answer to this."""
        await self.emit(who, ["ping"])
        event = await self.next(who)
        assert event[0] == "pong", event

    async def after(self, seconds: float) -> None:
        status, answer = await admin(self.url, "POST", "clock/advance", {"seconds": seconds})
        assert status == 200, answer


class NpmPlayer(Live):
    """Everyone is npm's socket.io-client in a Node of its own, killed at the end."""

    def __init__(self, simulator: Server, nodes: AsyncExitStack, transports: tuple[str, ...] = ("websocket",)) -> None:
        super().__init__(simulator)
        self._simulator, self._entered, self._transports = simulator, nodes, transports
        self.nodes: dict[str, Node] = {}

    async def connect(self, who: str, auth: Any) -> None:
        self.nodes[who] = await self._entered.enter_async_context(npm(self._simulator, auth, self._transports))

    async def emit(self, who: str, event: list[Any]) -> None:
        emit(self.nodes[who], *event)

    async def next(self, who: str) -> list[Any]:
        # What stands in brackets is the transport's.
        while (event := await self.nodes[who].event("event"))[0].startswith("("):
            pass
        return event

    async def leave(self, who: str) -> None:
        self.nodes[who].write({"disconnect": True})
        assert await self.nodes[who].event("disconnect") == ["io client disconnect", False]


class PagePlayer(Live):
    """Everyone is a socket of one page in Chromium (tests/clients/chatbot.html)."""

    def __init__(self, simulator: Server, page: Node) -> None:
        super().__init__(simulator)
        self.page = page
        self._read: Counter[str] = Counter()

    async def connect(self, who: str, auth: Any) -> None:
        await self.page.page(do=f"await enter({who!r}, {self.url!r}, {json.dumps(auth)})")

    async def emit(self, who: str, event: list[Any]) -> None:
        await self.page.page(do=f"people[{who!r}].socket.emit(...{json.dumps(event)})")

    async def next(self, who: str) -> list[Any]:
        number = self._read[who]
        self._read[who] += 1
        await self.page.page(wait=f"people[{who!r}].events.length > {number}")
        event = await self.page.page(do=f"return people[{who!r}].events[{number}]")
        return list(event)

    async def leave(self, who: str) -> None:
        await self.page.page(do=f"people[{who!r}].socket.disconnect()")

    async def shown(self, selector: str) -> list[str]:
        """The text of every element in the page."""
        script = f"return [...document.querySelectorAll({selector!r})].map((element) => element.textContent)"
        return list(await self.page.page(do=script))

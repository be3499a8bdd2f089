"""mia over real sockets, with other people's clients: npm's of two versions, and Python's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]

from simulator.serve.app import Server
from simulator.serve.clock import ManualClock
from tests import reading
from tests.backends.mia.chats import ANA, GARDEN
from tests.backends.mia.served import base, events, mia, npm
from tests.served import SECONDS, Node, ask

pytestmark = pytest.mark.live

OLD, NEW = "socket.io-client-4.7.5", "socket.io-client"
POLLING, WEBSOCKET, UPGRADE = ["polling"], ["websocket"], ["polling", "websocket"]
QUICK: dict[str, Any] = {"bot_delay": 0.05, "bot_typing": 0.02, "delivered_after": 0.005, "read_after": 0.005}
MESSAGE, LIST, STATUS, STATE = (
    "EVENT_SERVER_SEND_MESSAGE",
    "EVENT_SERVER_INIT_MESSAGE_LIST",
    "EVENT_SERVER_SEND_MESSAGE_STATUS",
    "EVENT_SERVER_SEND_CHAT_STATE",
)

packages = pytest.mark.parametrize("package", [OLD, NEW])
roads = pytest.mark.parametrize("transports", [POLLING, WEBSOCKET, UPGRADE], ids=["polling", "websocket", "upgrade"])


async def told(node: Node, *names: str) -> dict[str, list[Any]]:
    """What came until there was one of each name, which may come in any order."""
    found: dict[str, list[Any]] = {}
    while {*names} - {*found}:
        name, *args = await node.event("event")
        assert name in (*names, "(upgrade)"), (name, args)
        assert name not in found, f"{name} came twice"
        found[name] = args
    return found


async def opened(node: Node, transports: list[str] = WEBSOCKET) -> Any:
    """In a room, and upgraded where it wants to be: what EVENT_INIT_ROOM said."""
    upgrade = ["(upgrade)"] if transports == UPGRADE else []
    return (await told(node, "(connect)", "EVENT_INIT_ROOM", LIST, *upgrade))["EVENT_INIT_ROOM"][0]


@pytest.mark.node
@packages
@roads
async def test_a_chat(package: str, transports: list[str]) -> None:
    async with mia(**QUICK) as simulator, npm(package, base(simulator), transports) as node:
        room = await opened(node, transports)
        assert len(room["roomId"]) == 36
        node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "Hello Mia! 👍"}]})
        [echo, first, composing, second] = await events(node, MESSAGE, STATUS, STATUS, STATE)
        assert (echo["content"], echo["direction"], echo["status"]) == ("Hello Mia! 👍", "outgoing", "sent")
        assert [first["status"], composing["status"]] == ["delivered", "read"]
        assert second == {"from": "Mia", "state": "composing"}
        [_, reply] = await events(node, STATE, MESSAGE)
        assert (reply["content"], reply["from"]) == ("You said: Hello Mia! 👍", "Mia")


@pytest.mark.node
@packages
@roads
async def test_a_cut_is_mended(package: str, transports: list[str]) -> None:
    async with mia(bot="none", statuses="real") as simulator:
        url = base(simulator)
        async with npm(package, url, transports, roomId="cut") as node:
            await opened(node, transports)
            node.write({"cut": True})
            await node.event("disconnect")
            # Mia speaks while it is away, or has just come back: nothing is missed or told twice.
            assert await say(simulator, "cut", "you missed this") == 200
            upgrade = ["(upgrade)"] if transports == UPGRADE else []
            back = await told(node, MESSAGE, "(connect)", "EVENT_INIT_ROOM", *upgrade)
            assert back["(connect)"][1] is True, "recovered"
            assert back[MESSAGE][0]["content"] == "you missed this"
            node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "here again"}]})
            [echo] = await events(node, MESSAGE)
            assert echo["content"] == "here again"


async def say(simulator: Server, room: str, text: str, **more: object) -> int:
    """What Mia's side sends over HTTP."""
    body = {"id": text, "type": "text/plain", "content": text, "to": f"{room}@chat.channel.morada.ai", **more}
    lines = ("token: garden-system-token", "Content-Type: application/json")
    head, _ = await ask(base(simulator), "POST", "/receive-message/34", json.dumps(body).encode(), *lines)
    return int(head[0].split()[1])


@pytest.mark.node
@packages
@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET], ids=["polling", "websocket"])
async def test_a_thousand_messages_arrive_whole_and_in_order(package: str, transports: list[str]) -> None:
    async with mia(bot="none", statuses="real") as simulator, npm(package, base(simulator), transports) as node:
        await opened(node)
        node.write({"many": [1000, "EVENT_CLIENT_SEND_MESSAGE"]})
        echoes = await events(node, *[MESSAGE] * 1000)
        assert [echo["content"] for echo in echoes] == [str(i) for i in range(1000)]
        assert len({echo["id"] for echo in echoes}) == 1000


@pytest.mark.node
async def test_two_tabs_see_the_same() -> None:
    async with (
        mia(**QUICK) as simulator,
        npm(NEW, base(simulator), WEBSOCKET, roomId="shared") as one,
        npm(OLD, base(simulator), POLLING, roomId="shared") as two,
    ):
        await opened(one)
        await opened(two)
        one.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "from one"}]})
        seen = [MESSAGE, STATUS, STATUS, STATE, STATE, MESSAGE]
        assert await events(one, *seen) == await events(two, *seen)
        two.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "from two"}]})
        assert await events(one, *seen) == await events(two, *seen)


@pytest.mark.node
@packages
@roads
@pytest.mark.parametrize(
    ("instance", "why"),
    [
        (None, "Chat Instance Error!"),
        ({"chatId": "closed-house", "token": "closed-web-token"}, "Instance Chat Access Denied!"),
        ({"chatId": "garden-homes", "token": "wrong"}, "Instance Access Denied!"),
    ],
)
async def test_who_is_not_let_in(package: str, transports: list[str], instance: Any, why: str) -> None:
    async with mia() as simulator, npm(package, base(simulator), transports, instance=instance) as node:
        assert (await told(node, "(connect)", "EVENT_ERROR"))["EVENT_ERROR"][0] == {"message": why}
        # The client does not try again: it was the server's wish.
        assert await node.event("disconnect") == ["io server disconnect", False]


@pytest.mark.node
async def test_callbacks_never_fire() -> None:
    async with mia(bot="none", statuses="real") as simulator, npm(NEW, base(simulator), WEBSOCKET) as node:
        await opened(node)
        node.write({"ask": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "hi"}]})
        [echo] = await events(node, MESSAGE)
        assert echo["content"] == "hi"
        assert await node.event("acked") == [True]


@pytest.mark.node
@packages
@pytest.mark.parametrize(("transports", "why"), [(POLLING, "transport error"), (WEBSOCKET, "transport close")])
async def test_a_message_that_is_too_big(package: str, transports: list[str], why: str) -> None:
    """413 over polls, 1009 over a WebSocket; the client comes back, and goes on."""
    async with (
        mia(bot="none", statuses="real") as simulator,
        npm(package, base(simulator), transports, roomId="big") as node,
    ):
        await opened(node, transports)
        node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "x" * 1_000_000}]})
        assert await node.event("disconnect") == [why, True]
        back = await told(node, "(connect)", "EVENT_INIT_ROOM")
        assert back["(connect)"][1] is True
        node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "x" * 999_000}]})
        assert len((await events(node, MESSAGE))[0]["content"]) == 999_000


@pytest.mark.node
async def test_bytes_where_a_text_is_due() -> None:
    async with (
        mia(bot_delay=0.01, bot_typing=0, statuses="real") as simulator,
        npm(NEW, base(simulator), POLLING) as node,
    ):
        await opened(node, POLLING)
        node.write({"bytes": ["EVENT_CLIENT_SEND_MESSAGE", "c3a9"]})
        [echo, _, _, reply] = await events(node, MESSAGE, STATE, STATE, MESSAGE)
        assert echo["content"] == {"type": "Buffer", "data": [0xC3, 0xA9]}
        assert reply["content"] == "You said: é"


@pytest.mark.node
async def test_another_namespace() -> None:
    async with mia() as simulator, npm(NEW, f"{base(simulator)}/other", WEBSOCKET) as node:
        assert (await node.event("connect_error"))[0] == "Invalid namespace"


@pytest.mark.node
async def test_under_a_clock_that_stands_still() -> None:
    async with mia(ManualClock()) as simulator, npm(NEW, base(simulator), WEBSOCKET) as node:
        await opened(node)
        node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "hi"}]})
        [echo] = await events(node, MESSAGE)
        assert echo["createdAt"] == "2026-01-01T00:00:00.000Z"
        await simulator.driver.advance(600)
        heard = await events(node, STATUS, STATE, STATUS, STATE, MESSAGE)
        assert heard[-1]["createdAt"] == "2026-01-01T00:00:01.000Z"
        node.write({"state": True})
        assert (await node.event("state"))[0]["connected"]


@pytest.mark.node
async def test_an_upgrade_does_not_wait_for_a_clock_that_stands_still() -> None:
    async with mia(ManualClock()) as simulator, npm(NEW, base(simulator), UPGRADE) as node:
        assert len((await opened(node, UPGRADE))["roomId"]) == 36
        await simulator.driver.advance(600)
        node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "hi"}]})
        assert (await events(node, MESSAGE))[0]["content"] == "hi"


async def test_the_client_of_python() -> None:
    """python-socketio's: no offsets are asked for, they are one more argument."""
    async with mia(**QUICK) as simulator:
        for transports in (POLLING, WEBSOCKET, UPGRADE):
            await _python(simulator, transports)


async def _python(simulator: Server, transports: list[str]) -> None:
    client = socketio.AsyncClient(reconnection=False, http_session=reading.session)
    got: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()

    async def hear(*event: Any) -> None:
        await got.put(event)

    client.on("*", hear)
    await client.connect(base(simulator), auth={"instance": GARDEN, "roomId": ANA}, transports=transports)
    try:
        async with asyncio.timeout(SECONDS):
            heard = [(await got.get())[:2] for _ in range(3)]
            assert [name for name, _ in heard] == ["EVENT_INIT_ROOM", "EVENT_SERVER_SEND_USER_DATA", LIST]
            await client.emit("EVENT_CLIENT_SEND_MESSAGE", {"content": "from Python"})
            heard = [(await got.get())[:2] for _ in range(6)]
            assert heard[-1][1]["content"] == "You said: from Python"
            assert heard[0][1]["from"] == "Ana Silva"
    finally:
        await client.disconnect()


async def test_who_python_is_not_let_in() -> None:
    client = socketio.AsyncClient(http_session=reading.session)
    got: asyncio.Queue[Any] = asyncio.Queue()
    client.on("EVENT_ERROR", lambda *args: got.put_nowait(args[0]))
    gone = asyncio.Event()
    client.on("disconnect", lambda *args: gone.set())
    async with mia(error_prefix="[ChatService] ") as simulator:
        await client.connect(base(simulator), auth={})
        async with asyncio.timeout(SECONDS):
            assert await got.get() == {"message": "[ChatService] Chat Instance Error!"}
            await gone.wait()
        await client.disconnect()

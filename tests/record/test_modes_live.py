"""The modes of a replay with other people's clients and, where there is one, their server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.cassette.entries import Upgraded
from tests.backends.aida.test_live import STREET, STREET_TOKEN, Phoenix
from tests.drive.taping import served
from tests.record.proxied import Peers
from tests.record.test_episodes import is_whole, playing
from tests.record.test_relayed import entries, taking
from tests.served import Node

pytestmark = [pytest.mark.live, pytest.mark.node]


async def known(node: Node, url: str) -> None:
    """npm's socket.io-client, from polling to a WebSocket, and an acknowledgement."""
    node.write({"open": url, "options": {"auth": {"user": "ana"}}})
    wanted: list[Any] = [["auth", {"user": "ana"}], ["(upgrade)", "websocket"]]
    while wanted:
        # Behind its arguments an event has where it stands, for a client that recovers.
        event = (await node.event("event"))[:2]
        wanted = [one for one in wanted if one != event]
    node.write({"ask": ["ask", "one"]})
    assert await node.event("acked") == [False, "one"]


async def unknown(node: Node) -> None:
    """Both sides acknowledge, bytes pass, and ids of acknowledgements are each connection's own."""
    node.write({"ask": ["ask", "two", {"deep": [1, None]}]})
    assert await node.event("acked") == [False, "two", {"deep": [1, None]}]
    node.write({"emit": ["asked", "how old?"]})
    heard: list[Any] = []
    while not heard or heard[-1][0] != "answered":
        heard.append(await node.event("event"))
    assert [one[0] for one in heard] == ["question", "answered"]
    node.write({"emit": ["say", "last"]})
    assert (await node.event("event"))[:2] == ["said", "last"]


async def gone(node: Node) -> None:
    node.write({"disconnect": True})
    await node.event("disconnect")


async def test_socket_io(tmp_path: Path) -> None:
    path = tmp_path / "talk.yaml"
    with Peers() as peers:
        async with Node.running("socketio.mjs") as node:
            async with taking(path, peers.url) as (made, _):
                await known(node, made.url)
                await gone(node)
            assert any(isinstance(one, Upgraded) for one in entries(path))
            is_whole(path)
            async with playing(path, "tape", peers.url) as run:
                await known(node, run.url)
                await unknown(node)
                await gone(node)
                assert [line for line in run.told if line.startswith("upstream")] == []
                assert run.coverage.missed == 0, run.coverage.text()
            is_whole(path)
            async with playing(path, "tape") as run:
                await known(node, run.url)
                await unknown(node)
                await gone(node)
                assert run.coverage.missed == 0, run.coverage.text()


async def test_phoenix(tmp_path: Path) -> None:
    """npm's phoenix: the same refs, on topics of its own."""
    path = tmp_path / "talk.yaml"

    async def start(who: Phoenix, base: str) -> str:
        who.do(["socket", "s", f"{base.replace('http', 'ws')}/socket", {}])
        await who.join("street")
        return str((await who.ask("street", "new_session", {}))["session"])

    async def go_on(who: Phoenix, session: str) -> None:
        await who.past()
        who.push("street", "utb_msg", session, text="a lamp is out")
        await who.hears("street", session, "I am not sure what you need")

    async with served("aida", 8) as real, Phoenix.running("phoenix-1.8") as who:
        async with taking(path, real.url("aida"), backend="aida") as (made, _):
            await start(who, made.url)
        who.do(["leave", "street"])
        async with playing(path, "aida", real.url("aida")) as run:
            await go_on(who, await start(who, run.url))
            assert [line for line in run.told if line.startswith("upstream")] == []
            assert run.coverage.missed == 0, run.coverage.text()
        is_whole(path)
        async with playing(path, "aida") as run:
            await go_on(who, await start(who, run.url))
            assert run.coverage.missed == 0, run.coverage.text()
    assert STREET
    assert STREET_TOKEN not in path.read_text()

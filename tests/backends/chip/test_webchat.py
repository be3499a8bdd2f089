"""The real client of chip, temba-webchat as npm has it, unmodified in jsdom (tests/clients/temba.mjs)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.served import WEBSITE, Node, admin, chip

pytestmark = [pytest.mark.live, pytest.mark.node, pytest.mark.slow]

PATH = f"/wc/connect/{WEBSITE}/"
SECONDS = 30.0


async def shows(client: Node, words: str) -> dict[str, Any]:
    """The page, once it shows these words."""
    client.write({"shows": words})
    (page,) = await client.event("page", seconds=SECONDS)
    assert words in page["shown"]
    return dict(page)


async def out(client: Node) -> dict[str, Any]:
    """The next frame that the client sent."""
    (frame,) = await client.event("out", seconds=SECONDS)
    return dict(json.loads(frame))


async def came(client: Node) -> dict[str, Any]:
    """The next frame that it got."""
    (frame,) = await client.event("in", seconds=SECONDS)
    return dict(json.loads(frame))


@pytest.mark.parametrize("version", ["0.101.0", "0.130.1"])
async def test_temba_webchat(version: str) -> None:
    async with chip(bot_delay=0.05) as simulator:
        base = simulator.url("chip").replace("http", "ws")
        async with Node.running("temba.mjs", f"temba-components-{version}", WEBSITE, base) as client:
            await client.event("ready", seconds=SECONDS)
            client.write({"show": True})
            assert await client.event("socket") == [PATH]
            assert await out(client) == {"type": "start_chat"}
            started = await came(client)
            chat_id = started["chat_id"]
            assert started == {"type": "chat_started", "chat_id": chat_id}
            page = await shows(client, "")
            assert (page["status"], page["urn"], page["cookie"]) == (
                "connected",
                chat_id,
                f"temba-chat-urn={chat_id}",
            )

            # Typed, answered by the bot, shown and acknowledged.
            client.write({"type": "Is anybody there?"})
            assert await out(client) == {"type": "send_msg", "text": "Is anybody there?"}
            answer = (await came(client))["msg_out"]
            assert answer["text"] == "You said: Is anybody there?"
            assert await out(client) == {"type": "ack_chat", "msg_id": answer["id"]}
            page = await shows(client, "You said: Is anybody there?")
            assert page["shown"].count("Is anybody there?") == 2

            # The ack was the right one: what an agent says next comes at once.
            url = simulator.url("chip")
            await admin(url, "POST", "act", {"act": "hand_off", "agent": "Bob McTickets"})
            await admin(url, "POST", "act", {"act": "say", "text": "I am here, says Bob"})
            said = (await came(client))["msg_out"]
            assert said["user"]["name"] == "Bob McTickets"
            assert await out(client) == {"type": "ack_chat", "msg_id": said["id"]}
            await shows(client, "I am here, says Bob")

            # The server goes, the user clicks: resumed, with all that was said.
            simulator.driver.drain()
            assert await client.event("close") == [1000]
            assert (await shows(client, ""))["status"] == "disconnected"
            client.write({"reconnect": True})
            assert await client.event("socket") == [f"{PATH}?chat_id={chat_id}"]
            assert await out(client) == {"type": "start_chat", "chat_id": chat_id}
            assert await came(client) == {"type": "chat_resumed", "chat_id": chat_id, "email": ""}
            asked = await out(client)
            assert asked["type"] == "get_history"
            history = (await came(client))["history"]
            texts = [message["text"] for item in history for message in item.values()]
            assert texts == ["I am here, says Bob", "You said: Is anybody there?", "Is anybody there?"]
            page = await shows(client, "I am here, says Bob")
            assert page["status"] == "connected"
            assert not simulator.driver.space.running["chip"].engine.wire.owes()

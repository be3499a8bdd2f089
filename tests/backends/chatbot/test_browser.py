"""The widget's flow in a browser, on a page of another origin than the simulator's."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.backends.chatbot.chats import token
from tests.backends.chatbot.served import QUICK, base, chatbot
from tests.served import SECONDS, Node

pytestmark = [pytest.mark.live, pytest.mark.node, pytest.mark.browser]

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def browser() -> AsyncIterator[Node]:
    """A headless one, on a page of another origin than the simulator's."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        why = "no Chromium is installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{why}, and CI needs it")
        pytest.skip(why)
    async with Node.running("browser.mjs", path, "chatbot.html") as node:
        await node.event("ready", seconds=30)
        try:
            yield node
        finally:
            # It ends its browser itself, which a killed one leaves behind.
            assert node.process.stdin is not None
            node.process.stdin.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS):
                    await node.process.wait()


async def do(node: Node, **command: str) -> Any:
    node.write(dict(command))
    return (await node.event("value", seconds=30))[0]


async def test_the_widget_in_a_page() -> None:
    async with chatbot(**QUICK) as simulator, browser() as page:
        await do(page, do=f"await start({base(simulator)!r}, {{widgetKey: 'wk-harbour-1', chatbotId: 'bot-harbour'}})")
        await do(page, wait="window.conversationId !== undefined")
        query = "{query: 'Where is my order?', context: {conversationId, history: []}}"
        await do(page, do=f"socket.emit('request-rag-response-stream', {query})")
        await do(page, wait="seen.includes('rag-stream-complete')")
        shown = "return [...document.querySelectorAll('#messages li')].map((item) => item.textContent)"
        assert await do(page, do=shown) == [
            "ai: Hi! I am the Harbour Helper. How can I help you today?",
            "ai: We deliver within three working days. You find the tracking number of your order in the confirmation.",
        ], "the streamed answer is shown once"
        await do(page, do="socket.emit('escalate', {conversationId, reason: 'a person please'})")
        await do(page, wait="document.getElementById('status').textContent === 'agent'")
        await do(
            page,
            do="socket.emit('rate', {conversationId, rating: 'good'}); socket.emit('end-conversation', {conversationId})",
        )
        await do(page, wait="document.getElementById('status').textContent === 'user_ended'")
        order = [name for name in await do(page, do="return seen") if name != "rag-stream-chunk"]
        assert order == [
            "connected", "conversation-started", "status-change", "typing", "typing", "message", "rag-stream-complete",
            "status-change", "status-change", "queue-update", "queue-update", "agent-joined", "status-change", "message",
            "status-change", "conversation-ended",
        ]  # fmt: skip


async def test_the_dashboard_in_a_page() -> None:
    async with chatbot(**QUICK) as simulator, browser() as page:
        url = base(simulator)
        await do(page, do=f"await start({url!r}, {{token: {token('agent-bob')!r}}})")
        await do(page, wait="window.conversationId !== undefined")
        script = f"""
            const list = new Promise((resolve) => socket.once("conversation-list", resolve));
            socket.emit("join-conversation-list", {{ tenantId: "tenant-123" }});
            socket.emit("request-conversation-list", {{ agentId: "agent-bob" }});
            const [row] = (await list).data.conversations;
            const answer = await fetch(`{url}/api/v1/ai-support/conversations/${{row.conversationId}}/messages?page=1&limit=50`, {{
              headers: {{ Authorization: "Bearer {token("agent-bob")}" }},
            }});
            const {{ success, data }} = await answer.json();
            const changed = new Promise((resolve) => socket.once("conversation-update", resolve));
            socket.emit("end-conversation", {{ conversationId: row.conversationId }});
            return [row.conversationId, success, data.pagination.totalMessages, (await changed).conversation.status];
        """
        assert await do(page, do=script) == ["conv-agent", True, 2, "ended"]

"""A page in a browser that loads the client from the simulator, as the document tells its users to, and chats."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from tests.backends.mia.chats import ANA
from tests.backends.mia.served import base, mia
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
    async with Node.running("browser.mjs", path, "mia.html") as node:
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


async def test_a_page_of_somebody_else_chats() -> None:
    """The document's own lines, on a page of another origin."""
    async with mia(bot_delay=0.1) as simulator, browser() as page:
        await do(page, do=f"await start({base(simulator)!r}, {ANA!r})")
        await do(page, do="socket.emit('EVENT_CLIENT_SEND_MESSAGE', { content: 'Hello Mia!' })")
        await do(page, wait="document.querySelectorAll('#messages li').length === 2")
        items = "return [...document.querySelectorAll('#messages li')].map((item) => item.textContent)"
        assert await do(page, do=items) == ["Hello Mia!, by Ana Silva", "You said: Hello Mia!, by Mia"]
        # It began by polls, and went on to a WebSocket.
        await do(page, wait="socket.io.engine.transport.name === 'websocket'")


async def test_our_own_page_chats() -> None:
    async with mia(bot_delay=0.1, delivered_after=0.01, read_after=0.01) as simulator, browser() as page:
        await do(page, do=f"setTimeout(() => location.assign({f'{base(simulator)}/?roomId={ANA}'!r}))")
        items = "document.querySelectorAll('#messages li')"
        await do(page, wait=f"{items}.length === 4")
        told = "return ['person', 'instance'].map((id) => document.getElementById(id).textContent)"
        assert await do(page, do=told) == ["Ana Silva", "Mia"]
        await do(
            page, do="document.getElementById('text').value = 'Hi'; document.getElementById('form').requestSubmit()"
        )
        await do(page, wait=f"{items}.length === 6 && {items}[4].textContent === 'Hi Ana Silva, read'")
        assert await do(page, do=f"return {items}[5].className + ': ' + {items}[5].textContent") == (
            "incoming: You said: Hi Mia, sent"
        )
        # A link goes where the web is, and nowhere else, and what is markup is text.
        uris = ("https://example.com/a.pdf", "javascript:document.title='run'", "data:text/html,a", "<b>no URI</b>")
        for i, uri in enumerate(uris):
            content = {"type": "text/plain", "uri": uri}
            shown = {"id": f"link{i}", "type": "application/vnd.lime.media-link+json", "content": content}
            await do(page, do=f"show({json.dumps(shown)})")
        links = "[...document.querySelectorAll('[id^=message_link] a')].map((link) => link.getAttribute('href'))"
        assert await do(page, do=f"return {links}") == ["https://example.com/a.pdf"]
        assert await do(page, do=f"return [...{items}].slice(-4).map((item) => item.firstChild.textContent)") == [*uris]


async def test_the_module_works_as_well() -> None:
    """The document's other line names the file that is a module."""
    async with mia() as simulator, browser() as page:
        script = f"""
            const {{ io }} = await import("{base(simulator)}/socket.io/socket.io.esm.min.js");
            const socket = io("{base(simulator)}", {{ auth: {{ instance: {{ chatId: "garden-homes", token: "x" }} }} }});
            return await new Promise((resolve) => socket.on("EVENT_ERROR", ({{ message }}) => resolve(message)));
        """
        assert await do(page, do=script) == "Instance Access Denied!"

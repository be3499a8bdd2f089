"""The playground in one headless Chromium: a chat with each backend, as somebody sees it who has just come."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from simulator import backends
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.tls import Made
from tests.served import Node, admin

pytestmark = [
    *(pytest.mark.live, pytest.mark.node, pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")),
]

EVIL = "<img src=x onerror=\"window.pwned=1\"><b>bold</b> &amp; 'quoted'"

QUICK = [
    *((f"{name}.bot_delay", "0.05") for name in ("chip", "concierge", "mia", "chatbot")),
    *(("chip.outbox_interval", "0.01"), ("mia.bot_typing", "0.01"), ("chatbot.bot_typing", "0.01")),
    *(("mia.delivered_after", "0.01"), ("mia.read_after", "0.02"), ("chatbot.stream_interval", "0.01")),
    *(("chatbot.queue_delay", "0.05"), ("chatbot.agent_after", "0.3"), ("chatbot.rag_delay", "0.01")),
]

ANSWERS = {
    "aida": "Here is what I can do",
    "chatbot": "Open the sign-in page",
    "chip": f"You said: {EVIL}",
    "concierge": f"You said: {EVIL}",
    "mia": f"You said: {EVIL}",
}
"""What the bot of the fixtures says; chatbot and aida do not repeat what they hear."""

STARTERS = {"aida": ["english"], "chatbot": ["How do I reset my password?"]}
"""What is said before the markup, so that it is answered."""

NO_PLACE_TO_SAY = ("aida", "chip")
"""Backends whose protocol has no delivery status."""


def png(width: int = 120, height: int = 80) -> bytes:
    """A picture that a browser can show."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"".join(bytes((x * 2, y * 3, 160)) for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def simulator(*names: str, **options: Any) -> Server:
    chosen = [*(names or backends.names())]
    settings = [(key, value) for key, value in QUICK if key.partition(".")[0] in chosen]
    return Server(Options(chosen, port=0, seed=7, settings=settings, **options))


@asynccontextmanager
async def alone(chat: Chat, *names: str, **options: Any) -> AsyncIterator[Server]:
    """A simulator for one test; the page is left before it ends, or it would go on looking for it."""
    async with simulator(*names, **options) as running:
        try:
            yield running
        finally:
            await chat.node.page(goto="about:blank")


class Chat:
    """The page, as a person uses it."""

    def __init__(self, node: Node) -> None:
        self.node = node

    async def open(self, url: str, name: str) -> None:
        """The page at that address, connected to a backend."""
        await self.node.page(goto=url)
        await self.connected(name)

    async def connected(self, name: str) -> None:
        await self.until(
            f"document.querySelector('.talk h2')?.textContent === {name!r} &&"
            " document.querySelector('.phase').dataset.phase === 'open'"
        )

    async def turn_to(self, name: str) -> None:
        await self.node.page(click=f'nav a[href*="backend={name}"]')
        await self.connected(name)

    async def press(self, label: str) -> None:
        """The button with these words."""
        await self.do(
            f"[...document.querySelectorAll('button')].find((button) => button.textContent === {label!r}).click()"
        )

    async def say(self, text: str) -> None:
        await self.node.page(type=["#text", text])
        await self.node.page(press="Enter")

    async def do(self, script: str) -> Any:
        return await self.node.page(do=script)

    async def until(self, expression: str) -> None:
        await self.node.page(wait=expression)

    async def heard(self, text: str, who: str = "theirs") -> None:
        """Until somebody has said it."""
        texts = f"[...document.querySelectorAll('.log li.{who} .text')].map((text) => text.textContent)"
        await self.until(f"{texts}.some((text) => text.includes({json.dumps(text)}))")

    async def log(self) -> list[str]:
        """Whose turn it was, and what was said."""
        found = await self.do(
            "return [...document.querySelectorAll('.log li')].map((item) =>"
            " `${item.className}: ${item.querySelector('.text')?.textContent ?? item.querySelector('img')?.alt ?? item.textContent}`)"
        )
        return list(found)

    async def frames(self, way: str) -> str:
        return str(
            await self.do(
                f"return [...document.querySelectorAll('.frames .{way} code')].map((c) => c.textContent).join('\\n')"
            )
        )

    async def sound(self) -> None:
        """Nobody complained: no error, no violation of the policy."""
        assert await self.node.page(faults={}) == []

    async def easy(self) -> None:
        """axe-core finds nothing serious, in either theme."""
        for theme in ("dark", "light"):
            await self.node.page(look={"width": 1280, "height": 720, "theme": theme})
            assert await self.node.page(axe={}) == [], theme


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat() -> AsyncIterator[Chat]:
    async with Node.browser("about:blank") as node:
        await node.page(look={"width": 1280, "height": 720})
        yield Chat(node)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def five() -> AsyncIterator[Server]:
    async with simulator() as running:
        yield running


@pytest.mark.parametrize("name", backends.names())
async def test_it_chats(chat: Chat, five: Server, tmp_path: Path, name: str) -> None:
    """Own words, the bot's, a picture where the protocol has one; whatever looks like markup is text."""
    await chat.open(f"{five.url('chip')}/__admin/playground?backend={name}", name)
    for text in (*STARTERS.get(name, ()), EVIL):
        await chat.say(text)
        await chat.heard(text, "mine")
        await chat.until("document.querySelector('.log li:last-child').className === 'theirs'")
    await chat.heard(ANSWERS[name])
    if name not in NO_PLACE_TO_SAY:
        await chat.until("document.querySelector('.mine .tick')?.dataset.state.match(/delivered|read/)")
    else:
        assert await chat.do("return document.querySelectorAll('.tick').length") == 0
    assert "[object" not in "".join(await chat.log())
    # Both ways are there, as they were on the wire.
    for way, part in (("sent", json.dumps(EVIL)[1:-1]), ("received", ANSWERS[name].partition("<")[0])):
        await chat.until(
            f"[...document.querySelectorAll('.frames .{way} code')].some((c) => c.textContent.includes({json.dumps(part)}))"
        )
    if await chat.do("return document.querySelector('input[type=file]') !== null"):
        (tmp_path / "picture.png").write_bytes(png())
        await chat.node.page(choose=["input[type=file]", str(tmp_path / "picture.png")])
        await chat.until("document.querySelector('.mine img')?.naturalWidth === 120")
        assert "picture.png, image/png" in await chat.frames("sent")
    assert (name in ("aida", "concierge")) == await chat.do("return document.querySelector('.log img') !== null")
    inside = "return document.querySelectorAll('.log b, .frames b, .log img[src=x]').length + (window.pwned ?? 0)"
    assert await chat.do(inside) == 0
    # Both columns stay at their ends.
    for scrolls in (".log", ".frames"):
        it = f"document.querySelector('{scrolls}')"
        await chat.until(f"{it}.scrollHeight - {it}.clientHeight - {it}.scrollTop < 2")
    await chat.easy()
    # History comes back with the page, where the protocol has one.
    await chat.until("document.querySelector('.log li:last-child').className === 'theirs'")
    before = await chat.log()
    await chat.open(f"{five.url('chip')}/__admin/playground?backend={name}", name)
    if name == "aida":
        assert await chat.log() == []
    else:
        await chat.until(f"document.querySelectorAll('.log li').length >= {len(before)}")
        assert await chat.log() == before
    if name == "chip":
        await chat.press("Earlier messages")
        await chat.until("document.querySelector('.log .note')")
        assert await chat.log() == [*before, "note: There is nothing earlier."]
    await the_code_is_true(chat, name)
    await chat.sound()


async def the_code_is_true(chat: Chat, name: str) -> None:
    """What the page shows to be pasted is run in it, but for the place of npm's packages: it hears an answer."""
    code = str(await chat.do("return document.querySelector('.sample code').textContent"))
    assert 8 <= len(code.splitlines()) <= 16
    for npm, ours in (("phoenix", "vendor/phoenix.js"), ("socket.io-client", "socket.io/socket.io.esm.min.js")):
        for what in ("Socket", "io"):
            code = code.replace(
                f'import {{ {what} }} from "{npm}"', f'const {{ {what} }} = await import("./assets/{ours}")'
            )
    expected = {"aida": "english", "chatbot": "Open the sign-in page"}.get(name, "You said: Hello")
    heard = await chat.do(f"""
        let tell;
        const told = new Promise((done) => (tell = done));
        const console = {{ log: (...said) => said.join(" ").includes({expected!r}) && tell(said.join(" ")) }};
        {code}
        return await told;
    """)
    assert expected in heard


async def test_a_queue_an_agent_and_a_stream(chat: Chat, five: Server) -> None:
    await chat.open(f"{five.url('chip')}/__admin/playground?backend=chatbot", "chatbot")
    await chat.press("New chat")
    await chat.connected("chatbot")
    await chat.press("Stream answers")
    await chat.until("document.querySelector('[aria-pressed=true]')")
    await chat.say("How do I reset my password?")
    await chat.heard(
        'Open the sign-in page, choose "Forgot password", and follow the link that we send you. The link is good for one hour.'
    )
    assert "rag-stream-chunk" in await chat.frames("received")
    streamed = "theirs: Open the sign-in page"
    assert [line.startswith(streamed) for line in await chat.log()].count(True) == 1, (
        "the whole takes the place of its parts"
    )
    await chat.press("Ask for a person")
    await chat.until("document.querySelector('.place')?.textContent.startsWith('In the queue: number ')")
    await chat.until("document.querySelector('.place')?.textContent === 'Status: agent, with Bob Desk'")
    assert "note: Bob Desk has joined." in await chat.log()
    url = five.url("chatbot")
    assert (await admin(url, "POST", "act", {"act": "typing", "on": True}))[0] == 200
    await chat.until("document.querySelector('.typing').textContent === 'Bob Desk is typing'")
    await chat.press("End it")
    await chat.until("document.querySelector('.place').textContent === 'Ended: user_ended'")
    await chat.sound()


async def test_what_the_other_side_sends(chat: Chat, five: Server) -> None:
    """Pictures of elsewhere are links, and what is no address of the web is not even that."""
    await chat.open(f"{five.url('chip')}/__admin/playground?backend=chip", "chip")
    await chat.press("New chat")
    await chat.connected("chip")
    for url in ("https://cdn.example.com/a.jpg", "javascript:window.pwned=1", "nothing at all"):
        status, _ = await admin(five.url("chip"), "POST", "act", {"act": "picture", "url": url, "text": f"see {url}"})
        assert status == 200
        await chat.heard(f"see {url}")
    assert await chat.do("return document.querySelectorAll('.log img').length") == 0
    links = "return [...document.querySelectorAll('.log a')].map(({ href, rel }) => `${href} ${rel}`)"
    assert await chat.do(links) == ["https://cdn.example.com/a.jpg noopener noreferrer"]
    await chat.sound()


BROKEN: dict[str, dict[str, Any]] = {
    "aida": {"name": "btu_msg", "body": None},
    "chatbot": {"name": "message", "body": None},
    "chip": {"name": "chat_out", "body": {"msg_out": None}},
    "concierge": {"name": "chat-message", "body": None},
    "mia": {"name": "EVENT_INIT_ROOM", "body": {"instance": None}},
}
"""Messages that are not as the document says."""


async def test_what_nobody_understands(chat: Chat, five: Server) -> None:
    """It is told, and the chat goes on."""
    await chat.open(f"{five.url('chip')}/__admin/playground?backend=aida", "aida")
    for name, broken in BROKEN.items():
        await chat.turn_to(name)
        await chat.say("Hello")
        await chat.until("document.querySelector('.log li:last-child')?.className === 'theirs'")
        if name == "concierge":
            session = await chat.do("return /session (\\S+),/.exec(document.querySelector('.detail').textContent)[1]")
            broken = {"name": f"chat-message-{session}", "body": {"payload": None}}
        status, told = await admin(five.url(name), "POST", "act", {"act": "raw", **broken})
        assert status == 200, told
        await chat.until(
            "document.querySelector('.log li.note')?.textContent.startsWith('This page did not understand')"
        )
        await chat.say("Hello again")
        await chat.until("document.querySelector('.log li:last-child').className === 'theirs'")
    # A time that no calendar has, and a type that is no word.
    await chat.turn_to("concierge")
    session = await chat.do("return /session (\\S+),/.exec(document.querySelector('.detail').textContent)[1]")
    late = {"id": "late", "contentType": 7, "messageContent": five.url("concierge"), "sentAt": 1e300}
    late["metadata"] = {"file": {"name": "late"}}
    odd = {"name": f"chat-message-{session}", "body": {"payload": {"chatMessage": late}}}
    assert (await admin(five.url("concierge"), "POST", "act", {"act": "raw", **odd}))[0] == 200
    await chat.until("[...document.querySelectorAll('.log .file a')].some((link) => link.textContent === 'late')")
    await chat.sound()


async def test_it_comes_back_when_it_was_cut_off(chat: Chat) -> None:
    """By a simulator that begins anew, so that even ids come again: the page says that nothing is left of before."""
    async with alone(chat) as running:
        first = f"{running.url('chip')}/__admin/playground"
        for name in backends.names():
            await (chat.turn_to(name) if name != "aida" else chat.open(f"{first}?backend=aida", name))
            await chat.say("Hello")
            await chat.until("document.querySelectorAll('.log li.mine + li.theirs').length > 0")
        shown = "[...document.querySelectorAll('.log li')].map((item) => item.className).join(' ')"
        assert (await admin(running.url("chip"), "POST", "reset"))[0] == 200
        for name in backends.names():
            # All five went on while one was shown.
            await chat.turn_to(name)
            await chat.until("document.querySelector('.log .note')?.textContent.match(/a new one|a new beginning/)")
            await chat.connected(name)
            await chat.say("Hello again")
            await chat.until(f"{shown}.match(/note( theirs)* mine( mine)* theirs/)")
        await chat.press("Disconnect")
        await chat.until("document.querySelector('.phase').dataset.phase === 'closed'")
        assert await chat.do("return document.querySelector('.send').disabled") is True
        await chat.press("Connect")
        await chat.connected(name)
        await chat.sound()


async def test_a_space_of_its_own(chat: Chat, five: Server, tmp_path: Path) -> None:
    """However it is named; what is said there is there alone, uploads too."""
    blue, green = "/~space/blue/__admin/playground?backend=", "/__admin/playground?simulator_space=green&backend="
    for space, path, name in (("blue", blue, "concierge"), ("green", green, "mia")):
        await chat.open(f"{five.url('chip')}{path}{name}", name)
        assert await chat.do("return document.querySelector('.space').textContent") == f"space {space}"
        await chat.say(f"Hello from {space}")
        await chat.heard(f"You said: Hello from {space}")
        if space == "blue":
            (tmp_path / "picture.png").write_bytes(png())
            await chat.node.page(choose=["input[type=file]", str(tmp_path / "picture.png")])
            await chat.until("document.querySelector('.mine img')?.naturalWidth === 120")
            assert "/~space/blue/" in await chat.do("return document.querySelector('.mine img').src")
        await chat.sound()
        status, journal = await admin(five.url("chip"), "GET", f"messages?limit=1000&simulator_space={space}")
        assert status == 200
        assert f"Hello from {space}" in json.dumps(journal)
    _, journal = await admin(five.url("chip"), "GET", "messages?limit=1000")
    assert "Hello from" not in json.dumps(journal)


async def test_a_clock_that_stands_still(chat: Chat) -> None:
    async with alone(chat, "chip", "mia", clock=ManualClock()) as running:
        await chat.open(f"{running.url('mia')}/__admin/playground", "mia")
        await chat.say("Is it time?")
        await chat.heard("Is it time?", "mine")
        assert "stands still" in await chat.do("return document.querySelector('.clock').textContent")
        await chat.easy()
        assert not any(line.startswith("theirs") for line in await chat.log())
        await chat.press("10 s on")
        await chat.heard("You said: Is it time?")


async def test_a_port_of_the_control_apis_own(chat: Chat, tmp_path: Path) -> None:
    """Then each backend is elsewhere, and so is what was uploaded; whoever came by localhost stays there."""
    async with alone(chat, "aida", "mia", admin_port=0) as running:
        assert running.admin is not None
        await chat.open(running.admin.replace("127.0.0.1", "localhost") + "/__admin/playground", "aida")
        (tmp_path / "picture.png").write_bytes(png())
        await chat.node.page(choose=["input[type=file]", str(tmp_path / "picture.png")])
        await chat.until("document.querySelector('.mine img')?.naturalWidth === 120")
        assert "//localhost:" in await chat.do("return document.querySelector('.mine img').src")
        await chat.sound()


async def test_the_token_is_asked_for(chat: Chat) -> None:
    async with alone(chat, "chip", admin_token="open-sesame") as running:
        await chat.node.page(goto=f"{running.url('chip')}/__admin/playground")
        await chat.until("document.querySelector('#token')")
        assert await chat.node.page(axe={}) == []
        await chat.node.page(type=["#token", "open-barley"])
        await chat.node.page(press="Enter")
        await chat.until("document.querySelector('[role=alert]').textContent.includes('did not take')")
        await chat.node.page(type=["#token", "open-sesame"])
        await chat.node.page(press="Enter")
        await chat.connected("chip")
        inspector = await chat.do("return document.querySelector('.inspector').href")
        assert inspector == f"{running.url('chip')}/__admin/ui#token=open-sesame"
        await chat.do("sessionStorage.clear()")
        # The 401 that it was told stands in the console of each browser.
        assert all("401" in fault for fault in await chat.node.page(faults={}))
        await chat.open(f"{running.url('chip')}/__admin/playground?#token=open-sesame", "chip")
        assert "sesame" not in await chat.do("return location.href")
        await chat.sound()


async def test_keys_alone(chat: Chat, five: Server) -> None:
    """From the top of the page by Tab to the message, and what came is read out."""
    await chat.open(f"{five.url('chip')}/__admin/playground?backend=mia", "mia")
    names = []
    for _ in range(40):
        await chat.node.page(press="Tab")
        name = await chat.do(
            "const on = document.activeElement; return on.id || on.getAttribute('aria-label') || on.textContent"
        )
        names.append(name)
        if name == "text":
            break
    assert names == [*backends.names(), "Inspector ↗", "Disconnect", "New chat", "Messages", "text"]
    for key in "Hi":
        await chat.node.page(press=key)
    await chat.node.page(press="Enter")
    await chat.heard("You said: Hi")
    assert await chat.do("return document.querySelector('[role=log]').getAttribute('aria-live')") == "polite"


async def test_a_narrow_window(chat: Chat, five: Server) -> None:
    await chat.open(f"{five.url('chip')}/__admin/playground?backend=concierge", "concierge")
    await chat.say("A word without an end: " + "x" * 400)
    await chat.heard("x" * 400, "mine")
    await chat.node.page(look={"width": 360, "height": 700})
    assert await chat.do("return document.documentElement.scrollWidth") <= 360
    assert await chat.node.page(axe={}) == []
    await chat.node.page(look={"width": 1280, "height": 720})
    await chat.sound()


async def test_https_and_wss_for_who_trusts_the_ca(chat: Chat, tmp_path: Path) -> None:
    """All five over TLS, with an upload, in a browser whose store of authorities has the one that `--tls` wrote."""
    ca, home = tmp_path / "ca.pem", tmp_path / "home"
    async with simulator(tls=Made(ca)) as running:
        url = f"{running.url('chip')}/__admin/playground"
        assert url.startswith("https://127.0.0.1:")
        # Who does not trust it does not come in.
        await chat.node.page(goto="about:blank")
        refused = "return await fetch(url, { mode: 'no-cors' }).then(() => 'in', (error) => error.message)"
        assert await chat.do(f"const url = {url!r}; {refused}") == "Failed to fetch"
        assert "ERR_CERT_AUTHORITY_INVALID" in str(await chat.node.page(faults={}))
        await trust(ca, home)
        async with Node.browser("about:blank", HOME=str(home)) as node:
            trusting = Chat(node)
            await trusting.open(f"{url}?backend=aida", "aida")
            for name in backends.names():
                if name != "aida":
                    await trusting.turn_to(name)
                await trusting.say("english")
                await trusting.until("document.querySelectorAll('.log li.mine + li.theirs').length > 0")
                if name in ("aida", "concierge"):
                    (tmp_path / "picture.png").write_bytes(png())
                    await node.page(choose=["input[type=file]", str(tmp_path / "picture.png")])
                    await trusting.until("document.querySelector('.mine img')?.naturalWidth === 120")
                    assert (await trusting.do("return document.querySelector('.mine img').src")).startswith("https://")
                await trusting.until(
                    "[...document.querySelectorAll('.frames .told code')].some((c) => c.textContent.includes('wss://127.0.0.1'))"
                )
            await trusting.sound()


async def trust(ca: Path, home: Path) -> None:
    """Puts an authority into the store that Chromium reads under that home."""
    if shutil.which("certutil") is None:
        why = "certutil is not installed (Debian: libnss3-tools)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{why}, and CI needs it")
        pytest.skip(why)
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    for arguments in (["-N", "--empty-password"], ["-A", "-n", "simulator", "-t", "C,,", "-i", str(ca)]):
        done = await asyncio.create_subprocess_exec("certutil", "-d", f"sql:{store}", *arguments)
        assert await done.wait() == 0

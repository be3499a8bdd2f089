"""Same seed, same script, same bytes: over processes, over resets, and whoever else is there."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from simulator.serve.app import Server
from tests.served import HELP_PAGE, WEBSITE, Raw, admin, ask, command, handshake, prompt

pytestmark = pytest.mark.live

START_CHAT = '{"type":"start_chat"}'
HISTORY = '{"type":"get_history","before":"2099-01-01T00:00:00Z"}'
SEND = f"/wc/send/{WEBSITE}/"


async def script(url: str, connect: str) -> list[object]:
    """A whole afternoon: everything that came, frames and HTTP answers to their last byte."""
    seen: list[object] = []

    async def frames(raw: Raw, count: int) -> str:
        got = [await raw.frame() for _ in range(count)]
        seen.extend(got)
        return got[-1][1].decode()

    async with Raw.open(connect, handshake(connect)) as raw:
        seen.append(await raw.head())
        raw.send(START_CHAT)
        chat_id = json.loads(await frames(raw, 1))["chat_id"]
        for text in ("one", "two 👍"):
            raw.send(json.dumps({"type": "send_msg", "text": text}))
        raw.send('{"type":"set_email","email":"bob@example.com"}')
        await ask(url, "GET", "/")
        await admin(url, "POST", "clock/advance", {"seconds": 45})
        first = json.loads(await frames(raw, 2 - 1))["msg_out"]["id"]
        await frames(raw, 1)
        raw.send(json.dumps({"type": "ack_chat", "msg_id": first}))
        raw.write(b"\x8a\x80\x00\x00\x00\x00")
        raw.send(HISTORY)
        await frames(raw, 1)
    for body in (
        b"",
        b"{}",
        json.dumps({"chat_id": chat_id, "secret": "sesame", "msg": {"id": 7, "text": "x"}}).encode(),
    ):
        seen.append(await ask(url, "POST", SEND, body))
    seen.append(await ask(url, "GET", "/", b"", "Accept-Encoding: gzip"))
    seen.append(await ask(url, "GET", "/nowhere"))
    resumed = connect.replace(WEBSITE, HELP_PAGE)
    async with Raw.upgraded(connect) as one, Raw.upgraded(resumed) as two, Raw.upgraded(connect) as three:
        for raw in (one, two, three):
            raw.send(json.dumps({"type": "start_chat", "chat_id": chat_id}))
            await frames(raw, 1)
        three.send(HISTORY)
        await frames(three, 1)
        two.send(START_CHAT)
        two.send("garbage")
        two.write(b"\x88\x80\x00\x00\x00\x00")
        seen.append(await two.rest())
    async with Raw.upgraded(resumed) as raw:
        raw.send(START_CHAT)
        await frames(raw, 1)
    return seen


async def test_two_processes_and_another_seed(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        runs = []
        for number, seed in enumerate(("7", "7", "8")):
            folder = tmp_path / str(number)
            folder.mkdir()
            # Hashes of strings differ from process to process; nothing may depend on them.
            run = command(folder, "--seed", seed, "--clock", "manual", PYTHONHASHSEED=str(number))
            runs.append(await stack.enter_async_context(run))
        first, again, other = await asyncio.gather(*(script(run.url, run.connect) for run in runs))
        assert first == again
        assert first != other
        # The seed changes ids alone.
        assert [type(item) for item in first] == [type(item) for item in other]
        await admin(runs[0].url, "POST", "reset")
        assert await script(runs[0].url, runs[0].connect) == first


async def life(simulator: Server, texts: list[str]) -> list[tuple[str, list[int]]]:
    """One client, twice connected: its chat ids and the message ids of each."""
    found = []
    for _ in range(2):
        async with Raw.upgraded(simulator.connect("chip")) as raw:
            raw.send(START_CHAT)
            chat_id = json.loads(await raw.text())["chat_id"]
            ids = []
            for text in texts:
                raw.send(json.dumps({"type": "send_msg", "text": text}))
                ids.append(json.loads(await raw.text())["msg_out"]["id"])
                raw.send(json.dumps({"type": "ack_chat", "msg_id": ids[-1]}))
            found.append((chat_id, ids))
    return found


async def test_other_clients_change_nobodys_ids() -> None:
    """The messages of a chat are counted by the chat, not by the server."""
    texts = ["one", "two", "three"]
    async with prompt() as simulator:
        alone = await life(simulator, texts)
    async with prompt() as simulator, Raw.upgraded(simulator.connect("chip")) as mine:
        # First at the door, as it was alone; the ids of its second socket come after those of the others.
        mine.send(START_CHAT)
        assert json.loads(await mine.text())["chat_id"] == alone[0][0]
        others = [life(simulator, texts) for _ in range(5)]
        crowd = asyncio.gather(*others)
        for number in alone[0][1]:
            mine.send('{"type":"send_msg","text":"x"}')
            assert json.loads(await mine.text())["msg_out"]["id"] == number
            mine.send(json.dumps({"type": "ack_chat", "msg_id": number}))
        lives = [one for pair in await crowd for one in pair]
    # All that were ever given are different, and each chat counts for itself.
    assert len({chat_id for chat_id, _ in lives}) == len(lives)
    assert alone[0][0] not in {chat_id for chat_id, _ in lives}
    assert all(ids == [ids[0], ids[0] + 2, ids[0] + 4] for _, ids in lives)


async def test_clients_of_other_urls_change_nothing_at_all() -> None:
    """Ids are drawn by the path of the socket: who connects elsewhere is not even counted."""
    async with prompt() as simulator:
        alone = await life(simulator, ["one", "two"])
    async with prompt() as simulator, AsyncExitStack() as stack:
        elsewhere = simulator.connect("chip").replace(WEBSITE, HELP_PAGE)
        for _ in range(5):
            raw = await stack.enter_async_context(Raw.upgraded(elsewhere))
            raw.send(START_CHAT)
            await raw.text()
        assert await life(simulator, ["one", "two"]) == alone

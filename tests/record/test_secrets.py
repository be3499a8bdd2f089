"""With redaction on nothing that was planted is in the file, and the other side gets every byte of it all the same."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from simulator.cassette.entries import Exchange, Opened, Passed
from simulator.cassette.tape import open_tape
from tests.record.proxied import Peers, Recording, needs_recorder, wait_for
from tests.record.test_episodes import playing, strange
from tests.record.test_relayed import taking
from tests.served import CLIENTS, SECONDS, ask

pytestmark = pytest.mark.live

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbmEtbWFyaW4iLCJpYXQiOjE3NjcyMjU2MDB9.c2lnbmF0dXJlLW9mLW5vYm9keQ"
SECRETS = {
    "header": "hdr-5Qm2xW8vTz41kLpB",
    "cookie": "cke-9RtYb3Nw0sVdUq77",
    "own header": "own-1Zc8Xv5Bn2Mq0Kj6",
    "query": "qry-7Hg4Jk1Lz9Xc3Vb8",
    "subprotocol": "sub-3Fd6Gh9Jk2Lm5Np8",
    "auth of the root": "ath-2Ws5Ed8Rf1Tg4Yh7",
    "auth of a namespace": "nsp-6Uj9Ik2Ol5Pm8Qn1",
    "json": "jsn-4Rt7Yu0Io3Pa6Sd9",
    "own json": "pin-8Gh1Jk4Lz7Xc0Vb3",
    "in json in json": "dbl-5Vb8Nm1Qw4Er7Ty0",
    "form": "frm-0Op3As6Df9Gh2Jk5",
    "answer": "ans-9Zx2Cv5Bn8Ml1Kj4",
    "jwt": JWT,
    "signature": "c0ffee11c0ffee22c0ffee33c0ffee44c0ffee55c0ffee66c0ffee77c0ffee88",
    "e-mail": "ana.marin@harbour-lofts.example.com",
    "phone": "+44 20 7946 0958",
    "card": "4111 1111 1111 1111",
    "passport": "XK4471903",
    "first name": "Anastasija",
    "last name": "Marinović",
}
FRAME = {
    "type": "send_msg",
    "token": SECRETS["json"],
    "user": {"pin": SECRETS["own json"], "firstName": SECRETS["first name"], "lastName": SECRETS["last name"]},
    "raw": json.dumps({"accessToken": SECRETS["in json in json"]}),
    "text": f"Mail {SECRETS['e-mail']}, call {SECRETS['phone']}, or charge {SECRETS['card']} with {JWT}",
    "passport": SECRETS["passport"],
    "at": 1767225600000,
    "id": "7d62d551-3030-4100-a260-2d7c4e9693e7",
}
SIGNED = f"/post?X-Amz-Credential=x&X-Amz-Signature={SECRETS['signature']}&token={SECRETS['query']}"


@pytest.mark.node
@needs_recorder
@pytest.mark.parametrize(
    "redact", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["redacted", "to see that they were planted"]
)
async def test_nothing_planted_is_found(tmp_path: Path, peers: Peers, redact: bool) -> None:
    frame = json.dumps(FRAME, ensure_ascii=False)
    rules = ["--redact", "header x-session-of-ours", "--redact", "json user.pin"]
    with Recording(tmp_path, peers.url, *(rules if redact else ["--no-redact"])) as recording:
        url = f"{recording.url}/echo?token={SECRETS['query']}".replace("http", "ws")
        headers = {
            "Authorization": f"Bearer {SECRETS['header']}",
            "Cookie": f"session={SECRETS['cookie']}",
            "X-Session-Of-Ours": SECRETS["own header"],
        }
        protocols = [Subprotocol("chat"), Subprotocol(f"token.{SECRETS['subprotocol']}")]
        async with connect(url, additional_headers=headers, subprotocols=protocols) as ws:
            async with asyncio.timeout(SECONDS):
                await ws.send(frame)
                assert await ws.recv() == frame, "the other side gets what was sent"
                await ws.send(frame.encode())
                assert await ws.recv() == frame.encode()
        body = json.dumps({"password": SECRETS["answer"], "otp": SECRETS["form"]}).encode()
        await ask(recording.url, "POST", SIGNED, body, "Content-Type: application/json")
        form = f"password={SECRETS['form']}&name=x".encode()
        await ask(recording.url, "POST", "/post", form, "Content-Type: application/x-www-form-urlencoded")
        for transports in ('["polling"]', '["websocket"]', '["polling","websocket"]'):
            script = ["node", "--import", "./rawlog.mjs", "story.mjs", recording.url, transports, "secrets"]
            process = await asyncio.create_subprocess_exec(
                *script, SECRETS["auth of the root"], SECRETS["auth of a namespace"], cwd=CLIENTS,
                env={**os.environ, "RAWLOG": str(tmp_path / "raw")}, stdout=subprocess.PIPE,
            )  # fmt: skip
            out, _ = await asyncio.wait_for(process.communicate(), 3 * SECONDS)
            assert b"done" in out
        wait_for(lambda: len(recording.cassette.of(Exchange)) >= 2)
        assert recording.stop() == 0, recording.complained
    text = recording.cassette.path.read_text()
    found = [what for what, secret in SECRETS.items() if secret in text or json.dumps(secret)[1:-1] in text]
    if not redact:
        assert found == [*SECRETS]
        return
    assert found == []
    assert "replaced" in recording.said
    # Ids and times are none, and what the client has from the server still fits to what it sends back.
    header, entries = recording.cassette.read()
    assert {"header x-session-of-ours", "json user.pin"} <= set(header.redacted)
    passed = [entry for entry in entries if isinstance(entry, Passed)]
    echoed = [entry.data for entry in passed if "send_msg" in str(entry.data)]
    assert len(echoed) == 4
    assert echoed[0] == echoed[1]
    told = json.loads(echoed[0])
    assert (told["at"], told["id"], told["type"]) == (FRAME["at"], FRAME["id"], "send_msg")
    assert all(entry.redacted for entry in passed if entry.data == echoed[0])
    opened = [entry for entry in entries if isinstance(entry, Opened)]
    assert all(len(entry.path) > 5 for entry in opened)
    sids = raw_sids(tmp_path / "raw")
    assert sids
    assert not [sid for sid in sids if sid in text]


def raw_sids(log: Path) -> list[str]:
    """The engine's, whoever has which is that session."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    return [json.loads(data[1:])["sid"] for _, _, _, data in rows if data.startswith('0{"sid"')]


async def answers(request: web.Request) -> web.StreamResponse:
    """What `/echo` and `/post` of the peers do; and there is no Node in it."""
    if "websocket" not in request.headers.get("Upgrade", "").lower():
        body = await request.read()
        return web.Response(body=body, content_type=request.content_type)
    socket = web.WebSocketResponse(protocols=["chat"])
    await socket.prepare(request)
    async for message in socket:
        await (socket.send_str(message.data) if isinstance(message.data, str) else socket.send_bytes(message.data))
    return socket


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answers)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


OURS = [what for what in SECRETS if what not in ("own header", "own json", "auth of the root", "auth of a namespace")]
"""Those that no rule of an operator names, and no namespace has."""


async def plant(url: str) -> None:
    """Whatever a client brings, as `test_nothing_planted_is_found` does."""
    frame = json.dumps(FRAME, ensure_ascii=False)
    headers = {"Authorization": f"Bearer {SECRETS['header']}", "Cookie": f"session={SECRETS['cookie']}"}
    protocols = ["chat", f"token.{SECRETS['subprotocol']}"]
    json_, form = "application/json", "application/x-www-form-urlencoded"
    async with aiohttp.ClientSession() as session, asyncio.timeout(SECONDS):
        async with session.ws_connect(f"{url}/ws?token={SECRETS['query']}", headers=headers, protocols=protocols) as ws:
            await ws.send_str(frame)
            assert json.loads((await ws.receive()).data) == FRAME, "the other side gets what was sent"
            await ws.send_bytes(frame.encode())
            assert json.loads((await ws.receive()).data) == FRAME
        body = json.dumps({"password": SECRETS["answer"], "otp": SECRETS["form"]}).encode()
        for path, data, kind in ((SIGNED, body, json_), ("/post", f"password={SECRETS['form']}&name=x", form)):
            async with session.post(f"{url}{path}", data=data, headers={"Content-Type": kind}) as answer:
                assert answer.status == 200


@pytest.mark.parametrize("redact", [True, False], ids=["redacted", "to see that they were planted"])
@pytest.mark.parametrize("mode", ["all", "new_episodes"])
async def test_nothing_planted_is_found_on_tapes_of_modes(mode: str, redact: bool, tmp_path: Path) -> None:
    """The relay of our own, and what is appended to a tape."""
    path = tmp_path / "talk.yaml"
    async with answering() as url:
        if mode == "all":
            async with taking(path, url, redact=redact) as (made, _):
                await plant(made.url)
        else:
            path = strange(tmp_path)
            async with playing(path, "tape", url, redact) as run:
                await plant(run.url)
                assert [line for line in run.told if "reading" in line or "mistake" in line] == []
    with open_tape(path) as tape:
        passed = [entry.data for entry in tape if isinstance(entry, Passed)]
    # In the file bytes are in base64.
    text = path.read_text() + "".join(data.decode() for data in passed if isinstance(data, bytes))
    found = [what for what in OURS if SECRETS[what] in text or json.dumps(SECRETS[what])[1:-1] in text]
    assert found == ([] if redact else OURS)
    assert sum("send_msg" in str(data) for data in passed) == 4

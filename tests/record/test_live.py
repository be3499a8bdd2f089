"""What other people's clients and servers said to each other, and what the cassette holds of it: byte for byte."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator.cassette.entries import Beside, Closed, Exchange, Opened, Refused, Upgraded
from tests.backends.aida.test_live import WELCOME, Phoenix
from tests.backends.chatbot.chats import HARBOUR
from tests.backends.concierge.live import at, upload_body
from tests.backends.mia.chats import GARDEN
from tests.record.proxied import Conn, Peers, Proxied, Simulated, needs_recorder, raw_log, same, sorted_out, wait_for
from tests.served import SECONDS, Node, ask

pytestmark = [pytest.mark.live, needs_recorder]

POLLING, WEBSOCKET, UPGRADE = ["polling"], ["websocket"], ["polling", "websocket"]
roads = pytest.mark.parametrize("transports", [POLLING, WEBSOCKET, UPGRADE], ids=["polling", "websocket", "upgrade"])


class Logged:
    """A client of `websockets` that writes down what it sends and gets."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.log: list[tuple[str, str | bytes]] = []

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, **options: Any) -> AsyncIterator[Logged]:
        async with connect(url, **options) as ws:
            yield cls(ws)

    async def send(self, data: str | bytes) -> None:
        self.log.append(("client", data))
        await self.ws.send(data)

    async def get(self) -> Any:
        async with asyncio.timeout(SECONDS):
            data = await self.ws.recv()
        self.log.append(("server", data))
        return data

    async def until(self, text: str) -> Any:
        while text not in (data := str(await self.get())):
            pass
        return data


def through(proxied: Proxied, served: Simulated, name: str) -> str:
    """The URL that a client of this backend is given, with the proxy in place of the server."""
    return served.connect[name].replace(served.url[name][7:], proxied.url[name][7:])


# ---- the five backends ----


async def test_chip(proxied: Proxied, served: Simulated) -> None:
    async with Logged.at(through(proxied, served, "chip")) as client:
        await client.send('{"type":"start_chat"}')
        chat = json.loads(await client.get())
        await client.send('{"type":"send_msg","text":"it\'s: \\"quoted\\" — Zoë 👍\\u0007"}')
        await client.until("You said")
        await client.send("no JSON at all,\n two lines\t'")
        await client.send(f'{{"type":"get_history","before":"2099-01-01T00:00:00Z","x":"{chat["chat_id"]}"}}')
        await client.until('"history"')
        await client.ws.close(4001, "bye, Zoë")
    conn = proxied.cassette.closed("/wc/connect/")
    assert conn.frames == client.log
    assert (conn.close.code, conn.close.reason, conn.close.by) == (4001, "bye, Zoë", "client")


async def test_a_handshake_that_is_refused(proxied: Proxied) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            f"{proxied.url['chip']}/wc/connect/00000000-0000-4000-8000-000000000000/".replace("http", "ws")
        ):
            pass
    response = refused.value.response
    [taped] = [entry for entry in proxied.cassette.of(Refused) if "00000000-0000" in entry.path]
    assert (taped.response.status, taped.response.body) == (response.status_code, response.body.decode() or None)


async def test_concierge_with_its_uploads(proxied: Proxied, served: Simulated) -> None:
    url, direct = proxied.url["concierge"], served.url["concierge"]
    picture = bytes(range(256)) * 2000
    async with Logged.at(through(proxied, served, "concierge")) as client:
        await client.send('{"action":"message","data":{"route":"ping","body":{}}}')
        await client.get()
        await client.send("nonsense")
        await client.get()
    conn = proxied.cassette.closed("/uat")
    assert conn.frames == client.log
    _, token = await at(
        f"{url}/client/auth/authorize-tenant", "POST", b'{"clientSecret":"client-secret","tenantId":"34"}'
    )
    _, body = await at(f"{url}/file-new/get-upload-url", "POST", upload_body())
    signed = json.loads(body)["data"]["uploadUrlData"]["uploadURL"]
    # It leads to the server itself: mitmproxy rewrites no bodies. Its signature holds through the proxy as well.
    assert signed.startswith(direct)
    head, _ = await at(signed.replace(direct, url), "PUT", picture, "Content-Type: image/png")
    assert head[0].split()[1] == "200"
    taped = {e.request.path.partition("?")[0].rpartition("/")[2]: e for e in proxied.cassette.of(Exchange)}
    assert token.decode() in str(taped["authorize-tenant"].response)
    upload = [e for e in proxied.cassette.of(Exchange) if e.request.method == "PUT"][-1]
    kept = upload.request.body
    assert isinstance(kept, Beside)
    assert (kept.size, kept.sha256) == (len(picture), hashlib.sha256(picture).hexdigest())
    assert kept.path is not None
    assert (proxied.cassette.path.parent / kept.path).read_bytes() == picture


@pytest.mark.node
@pytest.mark.parametrize("longpoll", [False, True], ids=["websocket", "longpoll"])
async def test_aida(proxied: Proxied, tmp_path: Path, longpoll: bool) -> None:
    log = tmp_path / "raw"
    log.touch()
    async with running("phoenix.mjs", "phoenix-1.8", log=log) as node:
        client = Phoenix("phoenix-1.8", node)
        client.do(["socket", "s", f"{proxied.url['aida'].replace('http', 'ws')}/socket", {"longpoll": longpoll}])
        await client.until("open", "s")
        await client.join("street")
        session = await client.session("street")
        await client.talk("street", session, "Zoë 👍", *WELCOME)
        await client.talk("street", session, "lamp", "Lamps are mended within two days")
        before = len(proxied.cassette.of(Exchange))
    if longpoll:
        polls = [e for e in proxied.cassette.of(Exchange)[:before] if "/socket/longpoll" in e.request.path]
        said = "".join(str(e.request.body) for e in polls if e.request.method == "POST")
        told = "".join(str(e.response.body) for e in polls if e.request.method == "GET" and e.response)
        assert "phx_join" in said
        assert "Zoë 👍" in said
        assert WELCOME[-1] in told
        return
    conn = proxied.cassette.closed("/socket/websocket")
    same(conn.bodies, raw_log(log))
    assert len(conn.frames) > 3


@pytest.mark.node
@roads
async def test_mia(proxied: Proxied, tmp_path: Path, transports: list[str]) -> None:
    log, case = tmp_path / "raw", f"mia-{'-'.join(transports)}"
    async with running("socketio.mjs", log=log) as node:
        options = {"transports": transports, "query": {"case": case}, "auth": {"instance": GARDEN}}
        node.write({"open": proxied.url["mia"], "options": options})
        await heard(
            node, "EVENT_INIT_ROOM", "EVENT_SERVER_INIT_MESSAGE_LIST", *(["(upgrade)"] if len(transports) > 1 else [])
        )
        node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "Hello Mia! 👍"}]})
        await heard(node, "EVENT_SERVER_SEND_MESSAGE")
        # Heartbeats are on the tape, too.
        wait_for(lambda: log.read_text().count('"text","3"]') > 1)
        node.write({"disconnect": True})
        # It tells at once, and says goodbye to the server afterwards.
        await asyncio.to_thread(sessions, proxied, case)
    check_session(proxied, case, log, transports)


@pytest.mark.node
@roads
async def test_chatbot(proxied: Proxied, tmp_path: Path, transports: list[str]) -> None:
    log, case = tmp_path / "raw", f"chatbot-{'-'.join(transports)}"
    async with running("socketio.mjs", log=log) as node:
        options = {"transports": transports, "query": {"case": case}, "auth": dict(HARBOUR)}
        node.write({"open": proxied.url["chatbot"], "options": options})
        await heard(node, "connected", *(["(upgrade)"] if len(transports) > 1 else []))
        node.write({"emit": ["join-conversation", {"sessionId": "s-1"}]})
        await heard(node, "conversation-started")
        node.write({"emit": ["request-rag-response-stream", {"query": "When do you open?"}]})
        await heard(node, "rag-stream-complete")
        node.write({"disconnect": True})
        # It tells at once, and says goodbye to the server afterwards.
        await asyncio.to_thread(sessions, proxied, case)
    check_session(proxied, case, log, transports)


# ---- Node's own servers ----


@pytest.mark.node
@roads
@pytest.mark.parametrize("name", ["peers", "secure peers"], ids=["plain", "tls"])
async def test_socket_io_of_node(
    proxied: Proxied, peers: Peers, secure_peers: Peers, tmp_path: Path, transports: list[str], name: str
) -> None:
    """Two namespaces, binary, acknowledgements both ways, a burst, heartbeats, recovery: the client's log and the server's."""
    server = peers if name == "peers" else secure_peers
    log, case = tmp_path / "raw", f"{name.replace(' ', '-')}-{'-'.join(transports)}"
    server.log()
    async with running("story.mjs", proxied.url[name], json.dumps(transports), case, log=log) as node:
        [seen] = await node.event("done", seconds=3 * SECONDS)
        first, second = await asyncio.to_thread(sessions, proxied, case, 2)
    assert seen == {
        "binary": "second", "ack": "why", "answered": ["because", "what"], "refused": "Invalid namespace", "recovered": True,
    }  # fmt: skip
    told = server.log()
    client = raw_log(log)
    # Two engine sessions, one behind the other; recovery is the second's.
    same({key: first.bodies.get(key, []) + second.bodies.get(key, []) for key in client}, client)
    for conn, sid in zip((first, second), dict.fromkeys(entry[0] for entry in told), strict=True):
        same(conn.bodies, sorted_out(entry[1:] for entry in told if entry[0] == sid))


@pytest.mark.node
async def test_ws_of_node(proxied: Proxied, peers: Peers) -> None:
    peers.log()
    async with Logged.at(f"{proxied.url['peers']}/echo?case=ws".replace("http", "ws")) as client:
        assert client.ws.protocol.extensions, "deflate was not agreed upon"
        for data in (
            "text, long enough to be compressed " * 20,
            b"\x00\xff" * 500,
            "",
            b"",
            "\x1e\x00\u2028 'é' \U0001f600",
        ):
            await client.send(data)
            assert await client.get() == data
        async with asyncio.timeout(SECONDS):
            await (await client.ws.ping(b"seen by nobody"))
        await client.send('{"close": [4321, "as you wish"]}')
        with pytest.raises(ConnectionClosed):
            await client.get()
    conn = proxied.cassette.closed("/echo?case=ws")
    assert conn.frames == client.log
    assert (conn.close.code, conn.close.reason, conn.close.by) == (4321, "as you wish", "server")
    same(conn.bodies, sorted_out(entry[1:] for entry in peers.log()))


@pytest.mark.node
async def test_a_socket_that_is_cut_off(proxied: Proxied) -> None:
    async with Logged.at(f"{proxied.url['peers']}/echo?case=cut".replace("http", "ws")) as client:
        await client.send("hello")
        await client.get()
        client.ws.transport.abort()
    conn = proxied.cassette.closed("/echo?case=cut")
    assert (conn.close.code, conn.close.by) == (1006, "client")


# ---- HTTP ----


@pytest.mark.node
async def test_an_event_stream_is_not_held_up(proxied: Proxied) -> None:
    """The first event is here long before the last is written; the client leaves before the end, and what it got is kept."""
    from urllib.parse import urlsplit

    split = urlsplit(proxied.url["peers"])
    reader, writer = await asyncio.open_connection(split.hostname, split.port)
    writer.write(b"GET /sse?pace=400&stay HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(SECONDS):
        await reader.readuntil(b"data: 0\n\n")
    assert not [e for e in proxied.cassette.of(Exchange) if e.request.path.startswith("/sse")]
    async with asyncio.timeout(SECONDS):
        await reader.readuntil(b"data: 1\n\n")
    writer.close()
    found = await asyncio.to_thread(
        wait_for, lambda: [e for e in proxied.cassette.of(Exchange) if e.request.path.startswith("/sse")]
    )
    assert found[0].response is not None
    assert str(found[0].response.body).startswith("data: 0\n\ndata: 1\n\n")


@pytest.mark.node
@pytest.mark.parametrize("size", [100, 300_000, 9_000_000], ids=["in the cassette", "beside it", "by its hash"])
async def test_a_body_is_kept_by_its_size(proxied: Proxied, size: int) -> None:
    body = (b"0123456789" * (size // 10 + 1))[:size]
    _, answer = await ask(proxied.url["peers"], "POST", f"/post?n={size}", body, "Content-Type: text/plain")
    assert json.loads(answer) == {"size": size}
    _, got = await ask(proxied.url["peers"], "GET", f"/big?n={size}")
    assert got == body
    exchanges = [e for e in proxied.cassette.of(Exchange) if e.request.path.endswith(f"?n={size}")]
    assert [e.request.path for e in exchanges] == [f"/post?n={size}", f"/big?n={size}"]
    assert exchanges[1].response is not None
    for taped in (exchanges[0].request.body, exchanges[1].response.body):
        if size == 100:
            assert taped == body.decode()
            continue
        assert isinstance(taped, Beside)
        assert (taped.size, taped.sha256) == (size, hashlib.sha256(body).hexdigest())
        assert (taped.path is not None) == (size < 1_000_000)
        if taped.path:
            assert (proxied.cassette.path.parent / taped.path).read_bytes() == body


# ---- what they share ----


@asynccontextmanager
async def running(script: str, *arguments: str, log: Path) -> AsyncIterator[Node]:
    """A script of tests/clients whose library's frames are written down."""
    import os

    before = os.environ.get("RAWLOG")
    os.environ["RAWLOG"] = str(log)
    try:
        async with Node.running("--import", "./rawlog.mjs", script, *arguments) as node:
            yield node
    finally:
        if before is None:
            del os.environ["RAWLOG"]


def write(node: Node, commands: list[Any]) -> None:
    assert node.process.stdin is not None
    node.process.stdin.write(json.dumps(commands).encode() + b"\n")


async def heard(node: Node, *names: str) -> None:
    """Until each of these events was here."""
    left = {*names}
    while left:
        left.discard((await node.event("event"))[0])


def sessions(proxied: Proxied, case: str, count: int = 1) -> list[Conn]:
    """The conns of a case, in order, once the last has ended."""

    def look() -> list[Conn]:
        entries = proxied.cassette.entries
        numbers = [e.conn for e in entries if isinstance(e, Opened) and f"case={case}&" in f"{e.path}&"]
        conns = [Conn(n, [e for e in entries if getattr(e, "conn", None) == n]) for n in numbers]
        ended = [conn for conn in conns if any(isinstance(e, Closed) for e in conn.entries)]
        return conns if len(ended) == count else []

    return list(wait_for(look))


def check_session(proxied: Proxied, case: str, log: Path, transports: list[str]) -> None:
    [conn] = sessions(proxied, case)
    same(conn.bodies, raw_log(log))
    assert len([e for e in conn.entries if isinstance(e, Upgraded)]) == (len(transports) > 1)

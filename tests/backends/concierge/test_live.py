"""concierge over real sockets, with other people's clients: npm `ws`, `websockets`, AWS's SDKs, and a browser."""

from __future__ import annotations

import asyncio
import json
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from hashlib import md5
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator.serve.app import Options, Simulator
from simulator.serve.clock import ManualClock, WallClock
from tests.backends.concierge.speak import ACCESS, BUCKET, OPEN, REGION, SECRET, frame
from tests.served import CLIENTS, SECONDS, Node, Raw, admin, ask, chromium, request

pytestmark = pytest.mark.live

T = TypeVar("T")


def concierge(clock: ManualClock | WallClock | None = None, **settings: object) -> Simulator:
    """A concierge on a free port, whose bot answers at once."""
    given = {"bot_delay": 0, **settings}
    return Simulator(
        Options(
            ["concierge"], port=0, seed=7, clock=clock, settings=[(key, str(value)) for key, value in given.items()]
        )
    )


@pytest.fixture
async def server() -> AsyncIterator[Simulator]:
    async with concierge() as simulator:
        yield simulator


@pytest.fixture
async def still() -> AsyncIterator[Simulator]:
    """One whose clock stands still."""
    async with concierge(ManualClock()) as simulator:
        yield simulator


async def aside(work: Callable[[], T]) -> T:
    """An SDK that blocks, in a thread of its own."""
    async with asyncio.timeout(SECONDS * 2):
        return await asyncio.to_thread(work)


def png(width: int = 3, height: int = 2) -> bytes:
    """A real picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xff\x80\x00" * width for _ in range(height))
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def etag(data: bytes) -> str:
    return f'"{md5(data, usedforsecurity=False).hexdigest()}"'


async def received(ws: ClientConnection) -> Any:
    async with asyncio.timeout(SECONDS):
        return json.loads(await ws.recv())


async def until(ws: ClientConnection, channel: str) -> Any:
    """The next frame of a channel; others are passed over."""
    while not (found := await received(ws)).get("channel", "").startswith(channel):
        pass
    return found


async def ended(ws: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(SECONDS):
        # Ends in silence after 1000 and 1001.
        with suppress(ConnectionClosed):
            async for _ in ws:
                pass
        await ws.wait_closed()
    close = ws.protocol.close_rcvd
    return (1006, "") if close is None else (close.code, close.reason)


async def connection_of(ws: ClientConnection) -> str:
    await ws.send(frame("get-chat-session", {"chatSessionId": OPEN}))
    return str((await until(ws, "client/get-chat-session"))["body"]["connection"]["connectionId"])


def upload_body(name: str = "a.png", kind: str = "image/png") -> bytes:
    return json.dumps({"filename": name, "mimeType": kind, "type": "chat-images"}).encode()


async def upload_data(server: Simulator, **more: str) -> dict[str, str]:
    _, body = await at(f"{server.url('concierge')}/file-new/get-upload-url", "POST", upload_body(**more))
    data: dict[str, str] = json.loads(body)["data"]["uploadUrlData"]
    return data


async def at(url: str, method: str, body: bytes = b"", *lines: str) -> tuple[list[str], bytes]:
    """An HTTP request for a URL as it stands: lines of the answer's head, and its body."""
    split = urlsplit(url)
    target = f"{split.path}?{split.query}" if split.query else split.path
    length = ["Content-Length: 0"] if method == "PUT" and not body else []
    sent = request(method, target, body, *lines, *length, host=split.netloc)
    async with Raw.open(f"http://127.0.0.1:{split.port}", sent) as raw:
        return await raw.answer(bodiless=method == "HEAD")


# ---- npm ws, websockets ----


@pytest.mark.node
async def test_a_whole_conversation_with_ws(server: Simulator) -> None:
    async with Node.running("ws.mjs") as node:
        status, headers = await node.open(server.connect("concierge"), perMessageDeflate=True)
        assert (status, headers[::2]) == (101, ["Upgrade", "Connection", "Sec-WebSocket-Accept"])
        assert node.opened == ["", ""]

        async def said() -> Any:
            return json.loads(await node.text())

        await node.send(frame("init-chat-with-concierge", {"newSession": True}))
        session = (await said())["body"]["chatSessionId"]
        assert (await said())["channel"] == f"chat-session-update-{session}"
        body = {"chatSessionId": session, "contentType": "TEXT", "messageContent": "Häi 👍", "metadata": {"key": "1"}}
        await node.send(frame("send-message", body))
        sent = (await said())["body"]["chatMessage"]
        assert (sent["messageContent"], sent["metadata"], sent["status"]) == ("Häi 👍", {"key": "1"}, 3)
        channels = [(await said())["channel"] for _ in range(3)]
        assert channels == [f"chat-message-{session}", f"chat-session-update-{session}", f"chat-message-{session}"]
        await node.send(frame("get-chat-messages?page=1&limit=50", {"chatSessionId": session}))
        listed = await said()
        assert listed["channel"] == "client/get-chat-messages?page=1&limit=50"
        mine, theirs = listed["body"]["messages"]
        assert (mine["id"], mine["status"], theirs["messageContent"]) == (sent["id"], 4, "You said: Häi 👍")
        await node.send("garbage")
        assert (await node.text()).startswith('{"message": "Forbidden", "connectionId":"')
        await node.ping("still here")
        await node.send(frame("end-chat-with-concierge", {"chatSessionId": session}))
        assert (await said())["body"]["chatSession"]["isSessionClosed"] is True
        assert await node.close(1000, "bye") == (1000, "")


@pytest.mark.node
@pytest.mark.parametrize(("change", "status", "text"), [
    ("Auth=", 401, '{"message":"Unauthorized"}'),
    ("Auth=x.y.z", 401, '{"message":"Unauthorized"}'),
])  # fmt: skip
async def test_refused_before_the_upgrade(server: Simulator, change: str, status: int, text: str) -> None:
    url = server.connect("concierge").partition("Auth=")[0] + change + "&deviceId=a"
    async with Node.running("ws.mjs") as node:
        node.write({"open": url})
        assert await node.event("refused") == [status, text]


@pytest.mark.parametrize("status", [403, 500, 502])
async def test_refused_by_setting(status: int) -> None:
    async with concierge(connect_status=status) as simulator:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(simulator.connect("concierge"), proxy=None):
                pass
    response = caught.value.response
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["x-amzn-ErrorType"].endswith("Exception")
    assert b'"message"' in (response.body or b"")


async def test_no_upgrade(server: Simulator) -> None:
    head, _ = await ask(server.url("concierge"), "GET", "/uat")
    assert head[0] == "HTTP/1.1 426 Upgrade Required"


@pytest.mark.parametrize(("settings", "limit"), [({}, 131_072), ({"frame_limit": "per_message"}, 32_768)])
async def test_longest_message(settings: dict[str, Any], limit: int) -> None:
    bare = frame("send-message", {"chatSessionId": OPEN, "contentType": "TEXT", "messageContent": ""})
    async with (
        concierge(bot="none", **settings) as simulator,
        connect(simulator.connect("concierge"), proxy=None) as ws,
    ):
        text = bare.replace('""', f'"{"x" * (limit - len(bare))}"')
        await ws.send(text)
        assert (await received(ws))["status"] == 200
        await ws.send(text.replace("xx", "xxx", 1))
        assert await ended(ws) == (1009, "")


# ---- the management endpoint, by boto3 ----


def management(server: Simulator, secret: str = SECRET) -> Any:
    return boto3.client(
        "apigatewaymanagementapi", region_name=REGION, endpoint_url=f"{server.url('concierge')}/uat",
        aws_access_key_id=ACCESS, aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


@pytest.mark.parametrize("auth", ["optional", "required"])
async def test_boto3_posts_as_the_agent(auth: str) -> None:
    async with concierge(management_auth=auth) as simulator, connect(simulator.connect("concierge"), proxy=None) as ws:
        number, sdk = await connection_of(ws), management(simulator)
        said = json.dumps({"channel": f"chat-message-{OPEN}", "senderType": "BACKEND_USER", "payload": {"x": "é"}})
        await aside(lambda: sdk.post_to_connection(ConnectionId=number, Data=said.encode()))
        async with asyncio.timeout(SECONDS):
            assert await ws.recv() == said
        told = await aside(lambda: sdk.get_connection(ConnectionId=number))
        assert told["Identity"]["UserAgent"].startswith("Python/")
        assert told["ConnectedAt"] <= told["LastActiveAt"]
        with pytest.raises(ClientError) as forged:
            await aside(lambda: management(simulator, "forged").get_connection(ConnectionId=number))
        assert forged.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert forged.value.response["Error"]["Code"] == "InvalidSignatureException"
        await aside(lambda: sdk.delete_connection(ConnectionId=number))
        assert await ended(ws) == (1000, "Connection Closed Normally")
        with pytest.raises(sdk.exceptions.GoneException):
            await aside(lambda: sdk.post_to_connection(ConnectionId=number, Data=b"x"))


# ---- uploads ----


async def test_a_picture_goes_up_and_is_sent(server: Simulator) -> None:
    data, picture = await upload_data(server), png()
    head, _ = await at(data["uploadURL"], "PUT", picture, "Content-Type: image/png")
    assert head[0] == "HTTP/1.1 200 OK"
    assert f"ETag: {etag(picture)}" in head
    head, body = await at(data["resourceUrl"], "GET")
    assert body == picture
    assert {"Content-Type: image/png", f"Content-Length: {len(picture)}", "Accept-Ranges: bytes"} <= {*head}
    head, _ = await at(data["resourceUrl"], "HEAD")
    assert f"Content-Length: {len(picture)}" in head
    head, body = await at(data["resourceUrl"], "GET", b"", "Range: bytes=1-3")
    assert (head[0], body) == ("HTTP/1.1 206 Partial Content", b"PNG")
    assert f"Content-Range: bytes 1-3/{len(picture)}" in head
    head, body = await at(data["resourceUrl"], "GET", b"", "Range: bytes=999999-")
    assert head[0].startswith("HTTP/1.1 416 ")
    assert b"<Code>InvalidRange</Code>" in body
    async with connect(server.connect("concierge"), proxy=None) as ws:
        message = {"chatSessionId": OPEN, "contentType": "IMAGE", "messageContent": data["resourceUrl"]}
        await ws.send(frame("send-message", message))
        assert (await until(ws, "client/send"))["body"]["chatMessage"]["contentType"] == "IMAGE"
        await until(ws, "chat-message")
        assert (await until(ws, "chat-message"))["payload"]["chatMessage"]["messageContent"] == data["resourceUrl"]


async def test_a_range_of_a_large_object(server: Simulator) -> None:
    data = await upload_data(server)
    content = bytes(range(256)) * 4096
    assert (await at(data["uploadURL"], "PUT", content))[0][0] == "HTTP/1.1 200 OK"
    for start, end in ((0, 1), (65_535, 65_537), (100_000, 300_000), (len(content) - 1, len(content))):
        _, body = await at(data["resourceUrl"], "GET", b"", f"Range: bytes={start}-{end - 1}")
        assert body == content[start:end]
    assert (await at(data["resourceUrl"], "GET", b"", "Range: bytes=-5"))[1] == content[-5:]


async def test_an_upload_above_the_cap_is_refused_before_it_comes() -> None:
    async with concierge(upload_limit=1000) as simulator:
        data = await upload_data(simulator)
        split = urlsplit(data["uploadURL"])
        lines = ("Content-Length: 1000000000", "Expect: 100-continue")
        sent = request("PUT", f"{split.path}?{split.query}", b"", *lines, host=split.netloc)
        async with Raw.open(simulator.url("concierge"), sent) as raw:
            head, body = await raw.answer()
        assert head[0] == "HTTP/1.1 400 Bad Request"
        assert b"<Code>EntityTooLarge</Code>" in body
        # One that pours it in without asking is cut off in the middle.
        sent = request("PUT", f"{split.path}?{split.query}", b"", lines[0], host=split.netloc)
        async with Raw.open(simulator.url("concierge"), sent + b"x" * 100_000) as raw:
            head, body = await raw.answer()
            assert b"<Code>EntityTooLarge</Code>" in body
        chunked = request("PUT", f"{split.path}?{split.query}", b"", "Transfer-Encoding: chunked", host=split.netloc)
        async with Raw.open(simulator.url("concierge"), chunked) as raw:
            head, body = await raw.answer()
            assert head[0].startswith("HTTP/1.1 411 ")
        assert simulator.shelf.total == 0


async def test_a_body_that_ends_early_is_no_object(server: Simulator) -> None:
    data = await upload_data(server)
    split = urlsplit(data["uploadURL"])
    sent = request("PUT", f"{split.path}?{split.query}", b"", "Content-Length: 10", host=split.netloc)
    async with Raw.open(server.url("concierge"), sent + b"short") as raw:
        raw.writer.write_eof()
        await raw.rest()
    head, _ = await at(data["resourceUrl"], "GET")
    assert head[0] == "HTTP/1.1 404 Not Found"


# ---- AWS's SDKs ----


def s3(server: Simulator, secret: str = SECRET, style: str = "path") -> Any:
    endpoint = server.url("concierge").replace("127.0.0.1", "localhost" if style == "virtual" else "127.0.0.1")
    config = Config(signature_version="s3v4", s3={"addressing_style": style}, retries={"total_max_attempts": 1})
    return boto3.client(
        "s3", region_name=REGION, endpoint_url=endpoint, aws_access_key_id=ACCESS, aws_secret_access_key=secret,
        config=config,
    )  # fmt: skip


@pytest.mark.parametrize("style", ["path", "virtual"])
async def test_urls_of_boto3(server: Simulator, style: str) -> None:
    params = {"Bucket": BUCKET, "Key": "chat-images/a b+ä.txt"}
    put = s3(server, style=style).generate_presigned_url("put_object", {**params, "ContentType": "text/plain"})
    head, body = await at(put, "PUT", b"hello", "Content-Type: text/html")
    assert (head[0], b"<Code>SignatureDoesNotMatch</Code>" in body) == ("HTTP/1.1 403 Forbidden", True)
    assert (await at(put, "PUT", b"hello", "Content-Type: text/plain"))[0][0] == "HTTP/1.1 200 OK"
    get = s3(server, style=style).generate_presigned_url("get_object", params)
    head, body = await at(get, "GET")
    assert (body, "Content-Type: text/plain" in head) == (b"hello", True)
    forged = s3(server, "forged", style).generate_presigned_url("get_object", params)
    assert (await at(forged, "GET"))[0][0] == "HTTP/1.1 403 Forbidden"


async def test_put_and_get_object_of_boto3(server: Simulator) -> None:
    sdk, key = s3(server), {"Bucket": BUCKET, "Key": "any/deep/key.bin"}
    content = bytes(range(256)) * 1000
    put = await aside(lambda: sdk.put_object(**key, Body=content, ContentType="x/y", Metadata={"who": "ada"}))
    assert put["ETag"] == etag(content)

    def got(**more: str) -> tuple[Any, bytes]:
        answer = sdk.get_object(**key, **more)
        return answer, answer["Body"].read()

    answer, body = await aside(got)
    assert (body, answer["ContentType"], answer["Metadata"]) == (content, "x/y", {"who": "ada"})
    answer, body = await aside(lambda: got(Range="bytes=255-256"))
    assert (body, answer["ContentRange"]) == (b"\xff\x00", f"bytes 255-256/{len(content)}")
    head = await aside(lambda: sdk.head_object(**key))
    assert head["ContentLength"] == len(content)
    with pytest.raises(ClientError) as forged:
        await aside(lambda: s3(server, "forged").put_object(**key, Body=b"x"))
    assert forged.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    await aside(lambda: sdk.delete_object(**key))
    with pytest.raises(sdk.exceptions.NoSuchKey):
        await aside(got)


@pytest.mark.node
async def test_the_sdk_for_javascript(server: Simulator) -> None:
    """Version 3; version 2's shape is the document's, and every uploadURL has it."""
    arguments = [server.url("concierge"), REGION, ACCESS, SECRET, BUCKET, "chat-images/b c.txt"]
    async with Node.running("s3.mjs", *arguments) as node:
        assert node.process.stdout is not None
        async with asyncio.timeout(SECONDS * 2):
            line = await node.process.stdout.readline()
        if not line:
            assert node.process.stderr is not None
            raise AssertionError((await node.process.stderr.read()).decode())
    told = json.loads(line)
    assert told == {
        "url": told["url"],
        "put": [200, etag(b"by a URL")],
        "otherType": [403, "SignatureDoesNotMatch"],
        "sameType": 200,
        "get": [200, "again"],
        "sdk": [etag(b"by a header"), "a hea", "bytes 3-7/11", 11, "ada"],
        "missing": "NoSuchKey",
    }


# ---- a browser ----


@pytest.mark.browser
@pytest.mark.parametrize("style", ["path", "virtual_host"])
async def test_a_page_uploads_a_picture_and_shows_it(tmp_path: Path, style: str) -> None:
    """Native WebSocket, a file input, fetch through the presigned URL, an <img> from resourceUrl: all across origins."""
    picture = tmp_path / "512x512.png"
    picture.write_bytes(png(30, 20))
    arguments = [str(chromium()), str(CLIENTS / "concierge.html")]
    async with concierge(upload_url=style) as simulator, Node.running("browser.mjs", *arguments) as node:

        async def page(**command: object) -> Any:
            node.write(command)
            [value] = await node.event("value", seconds=40)
            return value

        await node.event("ready", seconds=40)
        url = simulator.connect("concierge")
        await page(do=f"begin({json.dumps(url)}, {json.dumps(simulator.url('concierge'))})")
        await page(wait="typeof session === 'string'")
        await page(choose=["#file", str(picture)])
        await page(wait="document.querySelector('#shown').naturalWidth === 30")
        # The bot gives the picture back.
        await page(wait="document.querySelectorAll('#messages li').length === 2")
        got = await page(do="return got")
        put = next(step for step in got if "put" in step)
        assert (put["put"], put["etag"]) == (200, etag(picture.read_bytes()))
        assert ("localhost" in put["resourceUrl"]) is (style == "virtual_host")
        items = await page(do="return [...document.querySelectorAll('#messages li')].map((item) => item.textContent)")
        assert items == [f"TENANT: {put['resourceUrl']}", f"BACKEND_USER: {put['resourceUrl']}"]
        await page(do="socket.close(1000)")
        await page(wait="got.at(-1).closed === 1000")


@pytest.mark.browser
async def test_a_page_that_is_refused(server: Simulator) -> None:
    async with Node.running("browser.mjs", str(chromium()), str(CLIENTS / "concierge.html")) as node:
        await node.event("ready", seconds=40)
        node.write({"do": f"begin({json.dumps(server.connect('concierge').replace('Auth=', 'Auth=x'))}, '')"})
        await node.event("value")
        node.write({"wait": "got.length === 2"})
        await node.event("value", seconds=40)
        node.write({"do": "return got"})
        [got] = await node.event("value")
        assert got == [{"failed": True}, {"closed": 1006, "reason": "", "wasClean": False}]


# ---- time, by hand ----


async def advance(server: Simulator, seconds: float) -> None:
    status, _ = await admin(server.url("concierge"), "POST", "clock/advance", {"seconds": seconds})
    assert status == 200


async def test_an_upload_url_expires(still: Simulator) -> None:
    data = await upload_data(still)
    await advance(still, 900)
    assert (await at(data["uploadURL"], "PUT", b"x"))[0][0] == "HTTP/1.1 200 OK"
    await advance(still, 1)
    head, body = await at(data["uploadURL"], "PUT", b"x")
    assert head[0] == "HTTP/1.1 403 Forbidden"
    assert b"<Message>Request has expired</Message><X-Amz-Expires>900</X-Amz-Expires>" in body


async def test_an_idle_connection_goes_away(still: Simulator) -> None:
    async with connect(still.connect("concierge"), proxy=None) as ws:
        await advance(still, 599)
        await connection_of(ws)
        await advance(still, 599)
        await advance(still, 1)
        assert await ended(ws) == (1001, "Going away")


async def test_two_hours_are_the_end(still: Simulator) -> None:
    async with connect(still.connect("concierge"), proxy=None) as ws:
        for _ in range(15):
            await advance(still, 450)
            await connection_of(ws)
        await advance(still, 449)
        await connection_of(ws)
        await advance(still, 1)
        assert await ended(ws) == (1001, "Going away")


async def test_shutdown() -> None:
    simulator = concierge()
    await simulator.start()
    async with connect(simulator.connect("concierge"), proxy=None) as ws:
        closing = asyncio.get_running_loop().create_task(simulator.stop())
        assert (await ended(ws))[0] == 1001
        await closing

"""Uploads over real sockets: the document's way, AWS's SDKs, and a page in a browser."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import connect

from simulator.serve.app import Server
from tests.backends.concierge.live import (
    aside,
    at,
    concierge,
    etag,
    png,
    until,
    upload_data,
)
from tests.backends.concierge.speak import ACCESS, BUCKET, OPEN, REGION, SECRET, frame
from tests.served import SECONDS, Node, Raw, request

pytestmark = pytest.mark.live

# ---- uploads ----


async def test_a_picture_goes_up_and_is_sent(server: Server) -> None:
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


async def test_a_range_of_a_large_object(server: Server) -> None:
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


async def test_a_full_store_says_so_as_s3_would(server: Server) -> None:
    server.shelf.house.most = 1000
    data = await upload_data(server)
    head, body = await at(data["uploadURL"], "PUT", b"x" * 1001, "Origin: https://app.example.com")
    assert head[0] == "HTTP/1.1 500 Internal Server Error"
    assert {"Content-Type: application/xml", "Server: AmazonS3", "Access-Control-Allow-Origin: *"} <= {*head}
    assert b"<Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message>" in body
    assert server.shelf.total == 0
    assert (await at(data["uploadURL"], "PUT", b"x" * 1000))[0][0] == "HTTP/1.1 200 OK"


async def test_a_body_that_ends_early_is_no_object(server: Server) -> None:
    data = await upload_data(server)
    split = urlsplit(data["uploadURL"])
    sent = request("PUT", f"{split.path}?{split.query}", b"", "Content-Length: 10", host=split.netloc)
    async with Raw.open(server.url("concierge"), sent + b"short") as raw:
        raw.writer.write_eof()
        await raw.rest()
    head, _ = await at(data["resourceUrl"], "GET")
    assert head[0] == "HTTP/1.1 404 Not Found"


async def test_an_s3_of_ones_own(server: Server) -> None:
    """Another S3, here a second simulator's, takes what the first one has signed with its keys."""
    keys: dict[str, Any] = {"external_access_key": ACCESS, "external_secret_key": SECRET, "external_bucket": BUCKET}
    async with concierge(external_endpoint=server.url("concierge"), **keys) as signer:
        data = await upload_data(signer)
        assert data["resourceUrl"].startswith(server.url("concierge"))
        assert (await at(data["uploadURL"], "PUT", b"far away"))[0][0] == "HTTP/1.1 200 OK"
        assert (await at(data["resourceUrl"], "GET"))[1] == b"far away"
        assert signer.shelf.total == 0
    async with concierge(external_endpoint=server.url("concierge"), **{**keys, "external_secret_key": "x"}) as forger:
        data = await upload_data(forger)
        assert b"<Code>SignatureDoesNotMatch</Code>" in (await at(data["uploadURL"], "PUT", b"x"))[1]


# ---- AWS's SDKs ----


def s3(server: Server, secret: str = SECRET, style: str = "path") -> Any:
    endpoint = server.url("concierge").replace("127.0.0.1", "localhost" if style == "virtual" else "127.0.0.1")
    config = Config(signature_version="s3v4", s3={"addressing_style": style}, retries={"total_max_attempts": 1})
    return boto3.client(
        "s3", region_name=REGION, endpoint_url=endpoint, aws_access_key_id=ACCESS, aws_secret_access_key=secret,
        config=config,
    )  # fmt: skip


@pytest.mark.parametrize("style", ["path", "virtual"])
async def test_urls_of_boto3(server: Server, style: str) -> None:
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


async def test_put_and_get_object_of_boto3(server: Server) -> None:
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
async def test_the_sdk_for_javascript(server: Server) -> None:
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
        "stream": [etag(b"a" * 8192 + b"b" * 10_000 + b"end"), 18195, None],
        "small": "InvalidChunkSizeError",
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
    async with concierge(upload_url=style) as simulator, Node.browser("concierge.html") as node:
        page = node.page
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
async def test_a_page_that_is_refused(server: Server) -> None:
    async with Node.browser("concierge.html") as node:
        url = server.connect("concierge").replace("Auth=", "Auth=x")
        await node.page(do=f"begin({json.dumps(url)}, '')")
        await node.page(wait="got.length === 2")
        assert await node.page(do="return got") == [
            {"failed": True},
            {"closed": 1006, "reason": "", "wasClean": False},
        ]

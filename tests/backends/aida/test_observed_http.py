"""What real Phoenix servers (1.3.0 and 1.8.12 with AIDA's controllers) answered over HTTP, and what ours answers."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from simulator.serve.app import Options, Server
from tests.backends.aida.test_observed import RECORDED, WORLD

BOT, SESSION = "11111111-1111-4111-8111-111111111111", "ca0cd9c0-8538-4b8b-a710-9b06ae1c49b5"
PATIENCE = 1.0
"""Seconds until an answer that does not come is none."""

VOLATILE = re.compile(rb"^(?:date|x-request-id): [^\r]*|(?<=\"id\":\")[0-9a-f-]{36}", re.MULTILINE)
PNG = b"\x89PNG".ljust(70, b".")


async def said(simulator: Server, request: bytes, size: int) -> tuple[bytes, bool]:
    """So many bytes of the answer, and whether nothing can come after them."""
    url = urlsplit(simulator.url("aida"))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        writer.write(request)
        found = b""
        try:
            async with asyncio.timeout(PATIENCE):
                while len(found) < size:
                    chunk = await reader.read(size - len(found))
                    if not chunk:
                        return found, True
                    found += chunk
        except TimeoutError:
            return found, False
        try:
            async with asyncio.timeout(0.02):
                found += await reader.read(1000)
                return found, True
        except TimeoutError:
            return found, False
    finally:
        writer.close()


async def upload(simulator: Server) -> str:
    form = aiohttp.FormData()
    form.add_field("file", PNG, filename="a.png", content_type="image/png")
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{simulator.url('aida')}/content/image/{BOT}/{SESSION}", data=form) as answer,
    ):
        found: str = (await answer.json())["id"]
        return found


def plain(text: bytes) -> bytes:
    return VOLATILE.sub(b"...", text)


@pytest.mark.parametrize("profile", ["1.3", "1.8"])
async def test_requests(profile: str, tmp_path: Path) -> None:
    path = tmp_path / "aida.yaml"
    path.write_text(json.dumps({**WORLD, "sessions": [{"id": SESSION, "bot": BOT}]}))
    rows = [row for row in json.loads(RECORDED.read_text())["requests"] if row["profile"] == profile]
    wrong = []
    options = Options(["aida"], port=0, seed=7, fixtures={"aida": path}, settings=[("profile", profile)])
    async with Server(options) as simulator:
        image = await upload(simulator)
        for row in rows:
            request = row["request"].replace("{image}", image).encode("latin-1")
            expected = row["response"].replace("{image}", image).encode("latin-1")
            if b"\x89PNG" in expected:
                expected = expected.partition(b"\x89PNG")[0] + PNG
            got, ended = await said(simulator, request, len(expected))
            if (plain(got), ended) != (plain(expected), row["ends"]):
                wrong.append(f"{row['name']}:\n  expected {expected!r} {row['ends']}\n  got      {got!r} {ended}")
    assert not wrong, f"{len(wrong)} of {len(rows)}\n" + "\n".join(wrong)

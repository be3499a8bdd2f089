"""What was uploaded shares the control API's origin: it must not act as a page of it. All backends, other sites' pages."""

from __future__ import annotations

import json

import pytest

from simulator.serve.app import Options, Server
from tests.backends.concierge.live import at, concierge, upload_data
from tests.served import Node

SANDBOX = "Content-Security-Policy: sandbox"
KITCHEN, ANA = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60", "b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718"
"""A bot and a session of fixtures/aida.yaml."""

INERT = [
    "image/png", "IMAGE/JPEG", "image/vnd.microsoft.icon", "audio/ogg", "video/mp4", "font/woff2", "application/pdf",
    "text/plain; charset=utf-8", "binary/octet-stream", "application/msword",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
]  # fmt: skip
ALIVE = [
    "text/html", "Text/HTML;charset=utf-8", "image/svg+xml", "IMAGE/SVG", "application/xhtml+xml", "application/xml",
    "text/xml", "application/vnd.x+xml", "multipart/x-mixed-replace", "image/png, text/html", "image/png;text/html",
    "*/*", "unknown/unknown", "x",
]  # fmt: skip


@pytest.mark.live
async def test_what_may_be_a_page_has_no_origin() -> None:
    async with concierge() as simulator:
        for kind in (*INERT, *ALIVE):
            data = await upload_data(simulator)
            assert (await at(data["uploadURL"], "PUT", b"x", f"Content-Type: {kind}"))[0][0] == "HTTP/1.1 200 OK"
            for method, *lines in (("GET",), ("HEAD",), ("GET", "Range: bytes=0-0")):
                head, _ = await at(data["resourceUrl"], method, b"", *lines)
                assert (SANDBOX in head) is (kind in ALIVE), (kind, method)
                assert f"Content-Type: {kind}" in head
        head, _ = await at(f"{simulator.url('concierge')}/nothing", "GET")
        assert SANDBOX not in head, "nobody has uploaded that"


SCRIPT = "parent.postMessage('runs', '*'); fetch('/__admin/messages').then((a) =&gt; parent.postMessage(a.status, '*'))"
PAGE = f"<script>{SCRIPT.replace('&gt;', '>')}</script>"
SVG = f"<svg xmlns='http://www.w3.org/2000/svg'><script>{SCRIPT}</script></svg>"

SHOW = """
    const frame = document.createElement("iframe"), told = [];
    window.onmessage = ({ data }) => told.push(data);
    const shown = new Promise((done) => { frame.onload = done; });
    frame.src = url;
    document.body.append(frame);
    await shown;
    // What the frame has posted while it was loaded comes first.
    await new Promise((done) => setTimeout(done));
    return told;
"""


def script(text: str, **values: str) -> str:
    return "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items()) + text + SHOW


@pytest.mark.live
@pytest.mark.browser
async def test_an_uploaded_page_does_not_reach_the_control_api() -> None:
    """A page of another site uploads one of its own, and shows it: its script may not read the journal."""
    put = """
        const asked = { filename: "a.html", mimeType: type, type: "x" };
        const answer = await fetch(`${api}/file-new/get-upload-url`, { method: "POST", body: JSON.stringify(asked) });
        const { uploadURL, resourceUrl: url } = (await answer.json()).data.uploadUrlData;
        await fetch(uploadURL, { method: "PUT", headers: { "Content-Type": type }, body: page });
        if ((await (await fetch(url)).text()) !== page) throw new Error("it is not there");
    """
    async with concierge() as simulator, Node.browser("concierge.html") as node:
        for kind, page in (("text/html", PAGE), ("*/*", PAGE), ("image/svg+xml", SVG)):
            assert await node.page(do=script(put, api=simulator.url("concierge"), type=kind, page=page)) == []


@pytest.mark.live
@pytest.mark.browser
async def test_an_image_of_aida_neither() -> None:
    """Its fixtures are public, its uploads have no key: any page can send an SVG to a session of theirs."""
    post = """
        const form = new FormData();
        form.append("file", new Blob([page], { type: "image/svg+xml" }), "a.svg");
        const { id } = await (await fetch(`${api}`, { method: "POST", body: form })).json();
        const url = new URL(`/content/image/${id}`, api).href;
        if ((await (await fetch(url)).text()) !== page) throw new Error("it is not there");
    """
    async with Server(Options(["aida"], port=0, seed=7)) as simulator, Node.browser("concierge.html") as node:
        where = f"{simulator.url('aida')}/content/image/{KITCHEN}/{ANA}"
        assert await node.page(do=script(post, api=where, page=SVG)) == []

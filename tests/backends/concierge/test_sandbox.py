"""Objects share the control API's origin here: what somebody uploads must not act as a page of it."""

from __future__ import annotations

import json

import pytest

from simulator.backends.concierge import presign
from tests.backends.concierge.bucket import KEY, NOW, OBJECT, TYPE, url_for
from tests.backends.concierge.live import concierge
from tests.backends.concierge.speak import http, with_store
from tests.served import Node

SANDBOX = ("Content-Security-Policy", "sandbox")


@pytest.mark.parametrize("kind", [
    "image/png", "IMAGE/JPEG", "image/vnd.microsoft.icon", "audio/ogg", "video/mp4", "font/woff2", "application/pdf",
    "text/plain; charset=utf-8", "binary/octet-stream", "application/msword",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
])  # fmt: skip
def test_what_chats_are_full_of_is_served_as_s3_does(kind: str) -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), b"x", (("Content-Type", kind),)).status == 200
    assert SANDBOX not in http(talk, "GET", OBJECT).headers


@pytest.mark.parametrize("kind", [
    "text/html", "Text/HTML;charset=utf-8", "image/svg+xml", "IMAGE/SVG", "application/xhtml+xml", "application/xml",
    "text/xml", "application/vnd.x+xml", "multipart/x-mixed-replace", "image/png, text/html", "image/png;text/html",
    "*/*", "unknown/unknown", "x", "text/plain\xa0",
])  # fmt: skip
def test_a_page_has_no_origin(kind: str) -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), b"x", (("Content-Type", kind),)).status == 200
    for lines in ((), (("Range", "bytes=0-0"),)):
        assert SANDBOX in http(talk, "GET", OBJECT, headers=lines).headers
    assert SANDBOX in http(talk, "HEAD", OBJECT).headers


def test_a_signed_url_makes_no_page_of_a_picture() -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), b"x", TYPE).status == 200
    for kind, boxed in (("text/html", True), ("image/gif", False)):
        url = presign.presigned("GET", OBJECT, [("response-content-type", kind)], KEY, NOW, 60)
        got = http(talk, "GET", url)
        assert (dict(got.headers)["Content-Type"], SANDBOX in got.headers) == (kind, boxed)


@pytest.mark.live
@pytest.mark.browser
async def test_an_uploaded_page_does_not_reach_the_control_api() -> None:
    """A page of another site uploads one of its own, and shows it: its script may not read the journal."""
    page = (
        "<script>parent.postMessage('runs', '*');"
        "fetch('/__admin/messages').then((answer) => parent.postMessage(answer.status, '*'));</script>"
    )
    show = """
        const asked = { filename: "a.html", mimeType: type, type: "x" };
        const answer = await fetch(`${api}/file-new/get-upload-url`, { method: "POST", body: JSON.stringify(asked) });
        const { uploadURL, resourceUrl } = (await answer.json()).data.uploadUrlData;
        const put = await fetch(uploadURL, { method: "PUT", headers: { "Content-Type": type }, body: html });
        const told = [put.status];
        window.onmessage = ({ data }) => told.push(data);
        const frame = document.createElement("iframe");
        const shown = new Promise((done) => { frame.onload = done; });
        frame.src = resourceUrl;
        document.body.append(frame);
        await shown;
        // What the frame has posted while it was loaded comes first.
        await new Promise((done) => setTimeout(done));
        return told;
    """
    async with concierge() as simulator, Node.browser("concierge.html") as node:
        for kind in ("text/html", "*/*"):
            values = {"api": simulator.url("concierge"), "type": kind, "html": page}
            start = "".join(f"const {name} = {json.dumps(value)};" for name, value in values.items())
            assert await node.page(do=start + show) == [200]

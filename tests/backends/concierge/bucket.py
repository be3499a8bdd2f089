"""What the tests of the object store share: its answers, and URLs that are signed by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from hashlib import md5

from simulator.backends.concierge import presign
from simulator.backends.concierge.presign import Key
from simulator.core.message import Headers, Response
from tests.backends.concierge.sign import signed
from tests.backends.concierge.speak import ACCESS, BUCKET, HOST, REGION, SECRET, http
from tests.talk import Talk

NOW = 1767225600
KEY = Key(ACCESS, SECRET, REGION)
PNG = b"\x89PNG not really"
ETAG = f'"{md5(PNG, usedforsecurity=False).hexdigest()}"'
OBJECT = f"http://{HOST}/{BUCKET}/chat-images/a.png"
TYPE: Headers = (("Content-Type", "image/png"),)


def said(response: Response) -> dict[str, str]:
    """An error's XML."""
    assert dict(response.headers)["Content-Type"] == "application/xml"
    root = ElementTree.fromstring(response.body)  # noqa: S314
    assert root.tag == "Error"
    assert response.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>')
    return {child.tag: child.text or "" for child in root}


def code(response: Response) -> tuple[int, str]:
    return response.status, said(response)["Code"]


def url_for(method: str = "PUT", now: float = NOW, expires: int = 900, key: Key = KEY, url: str = OBJECT) -> str:
    return presign.presigned(method, url, [("Content-Type", "image/png")], key, now, expires)


def put(
    talk: Talk, body: bytes = PNG, at: float = NOW, key: Key = KEY, path: str = "/chat-images/a.png", **headers: str
) -> Response:
    lines = signed("PUT", f"/{BUCKET}{path}", key, at, body, HOST, **headers)
    return http(talk, "PUT", f"http://{HOST}/{BUCKET}{path}", body, lines)

"""HARs as tools write them, small and invented."""

from __future__ import annotations

import json
from typing import Any

START = "2026-11-20T20:00:00.000Z"
EPOCH = 1795204800.0
"""The same, in Unix time."""


def har(*entries: dict[str, Any], name: str = "WebInspector", version: str = "537.36") -> bytes:
    log = {"version": "1.2", "creator": {"name": name, "version": version}, "pages": [], "entries": [*entries]}
    return json.dumps({"log": log}).encode()


def entry(
    url: str, method: str = "GET", status: int = 200, started: str = START, took: float = 5.0, asked: Any = None,
    answer: Any = None, kind: str = "text/plain", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "headers": [{"name": "Origin", "value": "https://x.example.com"}],
    }
    if asked is not None:
        request["postData"] = asked if isinstance(asked, dict) else {"mimeType": "text/plain", "text": asked}
    content = answer if isinstance(answer, dict) else {"size": 1, "mimeType": kind, "text": answer or ""}
    response = {"status": status, "headers": [{"name": "Content-Type", "value": kind}], "content": content}
    return {"startedDateTime": started, "time": took, "request": request, "response": response, **more}


def message(kind: str, time: float, data: str, opcode: int = 1) -> dict[str, Any]:
    return {"type": kind, "time": time, "opcode": opcode, "data": data}


def socket(*messages: dict[str, Any], url: str = "wss://chat.example.com/wc", **more: Any) -> dict[str, Any]:
    made = entry(url, status=101, _resourceType="websocket", **more)
    made["_webSocketMessages"] = [*messages]
    return made


CHROME = har(
    entry("https://chat.example.com/", kind="text/html", answer="<p>", _resourceType="document"),
    entry("https://chat.example.com/app.js", kind="text/javascript", answer="1", _resourceType="script"),
    entry(
        "https://files.example.com/upload?x=1",
        "POST",
        201,
        "2026-11-20T20:00:00.500Z",
        250.0,
        asked="a=1",
        kind="application/json",
        answer={"size": 2, "mimeType": "application/json", "text": "e30=", "encoding": "base64"},
        _resourceType="fetch",
    ),
    socket(
        message("send", EPOCH + 1, '{"type":"start_chat"}'),
        message("receive", EPOCH + 1.25, '{"type":"chat_started","chat_id":"x"}'),
        message("receive", EPOCH + 2, "AP8=", 2),
    ),
)
"""Chrome: seconds."""

POLLING = "https://chat.example.com/socket.io/?EIO=4&transport=polling"
PLAYWRIGHT = har(
    entry(POLLING, answer='0{"sid":"s1","upgrades":["websocket"]}', _resourceType="xhr"),
    entry(f"{POLLING}&sid=s1", "POST", 200, "2026-11-20T20:00:00.100Z", asked='40{"token":"t"}', answer="ok", _resourceType="xhr"),
    entry(f"{POLLING}&sid=s1", started="2026-11-20T20:00:00.200Z", answer='40{"sid":"x"}\x1e42["hi",{"a":"é"}]', _resourceType="xhr"),
    socket(
        message("send", (EPOCH + 0.4) * 1000, "2probe"),
        message("receive", (EPOCH + 0.5) * 1000, "3probe"),
        message("send", (EPOCH + 0.6) * 1000, "5"),
        message("send", (EPOCH + 0.7) * 1000, '42["bye"]'),
        url="wss://chat.example.com/socket.io/?EIO=4&transport=websocket&sid=s1",
        started="2026-11-20T20:00:00.300Z",
    ),
    name="Playwright",
    version="1.65.1",
)  # fmt: skip
"""Playwright: milliseconds, a session that began by polling."""

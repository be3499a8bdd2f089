"""A tenant who speaks to concierge without a network, and what comes back as values."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import md5, sha256
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

from simulator.backends.concierge.messages import EVENTS, Connection
from simulator.core.backend import NoMethod, NoRoute, Stored, find
from simulator.core.message import Frame, Headers, Request, Response
from simulator.core.objects import Upload, UploadFlaw
from simulator.core.wire import Asked
from simulator.serve import forms, objects
from simulator.wire.gateway import Onlook
from tests.talk import Socket, Talk

OPEN = "4482e256-da14-47cc-b119-9575bbb3b6d3"
CLOSED = "2d58d310-4614-4a0d-b84e-fc0a371ce647"
BOBS = "7f0c1b52-9a86-4d3e-8c11-5f2e60d9b7a4"
"""Sessions of fixtures/concierge.yaml: two of tenant 34, one of tenant 35."""

START = 1767225600000
"""Milliseconds of the clock's start."""

ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BUCKET, REGION = "chat-uat-resources", "ap-southeast-1"


def concierge(**settings: Any) -> Talk:
    """One whose bot is silent unless told otherwise."""
    return Talk("concierge", settings={"bot": "none", **settings})


def frame(route: str, body: object) -> str:
    return json.dumps({"action": "api", "data": {"route": f"client/{route}", "body": body}})


def fits(text: str) -> Any:
    """What a frame says, which has to fit its model: every answer and every push that any test looks at."""
    message = Onlook().decode(Frame(text))
    if message.name == "connect":
        Connection.model_validate(message.args[1]["connection"])  # type: ignore[index, call-overload]
    elif len(message.args) == 2 and message.args[0] != 200:
        assert set(message.args[1]) == {"message"}  # type: ignore[arg-type]
    else:
        EVENTS[message.name].model_validate(message.args[-1])
    return json.loads(text)


def texts(socket: Socket) -> list[Any]:
    """All that came, as JSON."""
    return [fits(text) for text in socket.texts()]


def ask(socket: Socket, route: str, **body: Any) -> Any:
    """The answer to a request, which comes before its pushes; all pushes are left for the next look."""
    at = len(socket.got)
    socket.send(frame(route, body))
    answer = fits(str(socket.got[at].data))  # type: ignore[union-attr]
    del socket.got[at]
    assert answer["channel"] == f"client/{route}"
    return answer


def good(socket: Socket, route: str, **body: Any) -> Any:
    """The body of an answer with status 200."""
    answer = ask(socket, route, **body)
    assert answer["status"] == 200, answer
    return answer["body"]


def say(socket: Socket, text: str = "hi", session: str = OPEN, **more: Any) -> Any:
    """The message that was sent; its pushes are thrown away."""
    body = {"chatSessionId": session, "contentType": "TEXT", "messageContent": text, **more}
    message = good(socket, "send-message", **body)["chatMessage"]
    texts(socket)
    return message


def history(socket: Socket, session: str = OPEN, query: str = "") -> list[Any]:
    messages: list[Any] = good(socket, f"get-chat-messages{query}", chatSessionId=session)["messages"]
    return messages


def connected(talk: Talk, name: str = "client", **replaced: str) -> Socket:
    """A connection at the printed URL, with another device or token where named."""
    path = talk.backend.connect(talk.running.seed, "http://127.0.0.1")
    for key, value in replaced.items():
        start, _, end = path.partition(f"{key}=")
        path = f"{start}{key}={value}{end[end.find('&') :] if '&' in end else ''}"
    return talk.connect(name, path)


HOST = "127.0.0.1:8090"


class Shelf:
    """A store that remembers what it was told; the bytes are not its concern."""

    def __init__(self) -> None:
        self.kept: dict[str, Upload] = {}
        self.coming: dict[str, Upload] = {}

    def keep(self, key: str) -> None:
        self.kept[key] = self.coming[key]

    def head(self, key: str) -> Upload | None:
        return self.kept.get(key)

    def delete(self, key: str) -> None:
        del self.kept[key]


def with_store(**settings: Any) -> tuple[Talk, Shelf]:
    talk, shelf = concierge(**settings), Shelf()
    talk.running.engine.world.objects = shelf
    return talk, shelf


def http(
    talk: Talk, method: str, url: str, body: bytes = b"", headers: Headers = (), flaw: UploadFlaw | None = None,
    prefix: str = "",
) -> Response:  # fmt: skip
    """A request as the edge would bring it: routed, judged, its body stored where the route says so, dressed.

    `prefix` is cut off the path, as that of a space is.
    """
    split = urlsplit(url)
    request = Request(
        method, split.path.removeprefix(prefix), split.query, headers, base=f"http://{split.netloc}{prefix}"
    )
    if request.header("Host") is None:
        request.headers = (("Host", split.netloc), *headers)
    if request.header("Content-Length") is None and method == "PUT":
        request.headers = (*request.headers, ("Content-Length", str(len(body))))
    route = find(talk.backend.routes, method, request.path)
    world = talk.running.engine.world
    if isinstance(route, NoRoute | NoMethod):
        answer = talk.backend.miss(request, route)
    elif (early := talk.backend.judge(world, request, route)) is not None:
        answer = early
    else:
        if isinstance(route.body, Stored):
            shelf = world.objects
            assert isinstance(shelf, Shelf)
            hashes = md5(body, usedforsecurity=False).hexdigest(), sha256(body).hexdigest()
            kind = request.header("Content-Type")
            upload: Upload | UploadFlaw = Upload("", len(body), kind, hashes[0], None, hashes[1], crc32(body))
            if route.body.framed(request) is not None:
                taker = forms.taker(request, route.body, objects.Shelf().begin)
                assert not isinstance(taker, UploadFlaw)
                taker.push(body)
                upload = taker.result()
            if isinstance(upload, Upload):
                upload = replace(upload, key=f"{len(shelf.coming)}")
                shelf.coming[upload.key] = upload
            request.upload = flaw or upload
        else:
            request.body = body
        talk._numbers += 1
        talk.take(Asked(talk._numbers, request, route))
        answer = talk.answers.pop(talk._numbers)
    return talk.backend.dress(talk.running.seed.settings, request, answer, talk.clock.now())


def upload_url(talk: Talk, filename: str = "512x512.png", mime: str = "image/png", **more: Any) -> Any:
    """`uploadUrlData`."""
    body = json.dumps({"filename": filename, "mimeType": mime, "type": "chat-images", **more}).encode()
    answer = http(talk, "POST", f"http://{HOST}/file-new/get-upload-url", body)
    assert answer.status == 200, answer
    return json.loads(answer.body)["data"]["uploadUrlData"]

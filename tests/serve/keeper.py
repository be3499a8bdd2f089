"""A backend that does nothing but take uploads and hand them out, and a Server that serves it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pydantic import BaseModel

from simulator.core.actions import Action, Respond
from simulator.core.backend import Backend, Route, Rules, Stored
from simulator.core.bot import EchoBot
from simulator.core.events import Event, Requested
from simulator.core.link import LinkPolicy
from simulator.core.message import Request, Response
from simulator.core.objects import Upload, UploadFlaw
from simulator.core.wire import Aborted, Answer, Asked, Input, Output
from simulator.core.world import World
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.objects import Shelf
from tests.served import SECONDS, Raw, request
from tests.talkless import Talkless

LIMIT = 25 << 20
"""Bytes, as AIDA has it."""
POST, PUT, OTHERS = (frozenset({name}) for name in ("POST", "PUT", "GET"))


class Settings(BaseModel):
    pass


class Seed(BaseModel):
    settings: Settings = Settings()


class Wire:
    """Every request is one for the rules; `?cut` ends the connection instead, `?crash` is a mistake of ours."""

    def __init__(self, world: World) -> None:
        self.aborted: list[int] = []

    def take(self, given: Input) -> list[Output]:
        if isinstance(given, Aborted):
            self.aborted.append(given.call)
        if not isinstance(given, Asked):
            return []
        if given.request.query == "cut":
            return [Answer(given.call, None)]
        if given.request.query == "crash":
            raise RuntimeError("crash")
        return [Requested(given.call, given.request, given.route)]

    def owes(self) -> list[Any]:
        return []

    def clients(self) -> Any:
        return iter(())

    def number(self, session: str) -> None:
        return None


@dataclass
class Keeper(Talkless):
    """Keeps what is asked with `?keep`, answers with key, size, type, MD5 and file name, or with the flaw's name.

    `?later` is answered by hand, `?mirror` with the upload itself.
    """

    world: World
    seen: list[Upload | UploadFlaw | None]
    waiting: list[Requested]

    def handle(self, event: Event) -> list[Action]:
        assert isinstance(event, Requested)
        request = event.request
        if event.route.name in ("form", "raw"):
            self.seen.append(request.upload)
            if request.query == "later":
                self.waiting.append(event)
                return []
            return [Respond(event.call, self.uploaded(request))]
        key = request.path.rpartition("/")[2]
        stored = self.world.objects.head(key)
        if stored is None:
            return [Respond(event.call, Response(404, (), b"none"))]
        if request.query == "delete":
            # Answered with what is just thrown away.
            self.world.objects.delete(key)
        return [Respond(event.call, Response(200, (("Content-Type", str(stored.type)),), stored=stored))]

    def uploaded(self, request: Request) -> Response:
        upload = request.upload
        if not isinstance(upload, Upload):
            return Response(400, (), getattr(upload, "name", "").encode())
        if request.query == "mirror":
            return Response(200, stored=upload)
        if request.query == "keep":
            self.world.objects.keep(upload.key)
        text = f"{upload.key} {upload.size} {upload.type} {upload.md5} {upload.filename}"
        return Response(200, (), text.encode("utf-8", "surrogateescape"))


def _rules(world: World) -> Rules:
    return Keeper(world, [], [])


def _judge(world: World, request: Request, route: Route) -> Response | None:
    return Response(401, (), b"no") if request.header("Authorization") == "wrong" else None


def _dress(settings: Any, request: Request, response: Response, now: float) -> Response:
    return replace(response, headers=(*response.headers, ("Content-Length", str(response.length))))


def _nothing(*_: object) -> Any:
    return ""


BACKEND = Backend(
    "keeper", "summary", "transport", 1, Seed, Wire, _rules, lambda settings: EchoBot(), _nothing,
    (
        Route("form", "/form", POST, Stored("file", LIMIT)),
        Route("raw", "/raw", PUT, Stored(None, LIMIT)),
        Route("objects", "/objects/[0-9]+"),
    ),
    lambda settings: LinkPolicy(), lambda settings: 0.0, lambda request, why: Response(404), _dress,
    {}, {}, {}, _nothing, _nothing, judge=_judge,
)  # fmt: skip


def keeper(folder: Path, memory: int = 1 << 20, most: int = 1 << 30) -> Server:
    """To be entered with `async with`; `folder` gets its fixtures."""
    fixtures = folder / "keeper.yaml"
    fixtures.write_text("settings: {}\n")
    with patch("simulator.backends.load", lambda name: BACKEND):
        simulator = Server(Options(["keeper"], port=0, seed=7, clock=ManualClock(), fixtures={"keeper": fixtures}))
    simulator.shelf.house.memory, simulator.shelf.house.most = memory, most
    return simulator


def rules(simulator: Server) -> Keeper:
    """Of the engine that runs now."""
    found = simulator.space.running["keeper"].engine.rules
    assert isinstance(found, Keeper)
    return found


def files(shelf: Shelf) -> list[str]:
    """What lies in the store's directory."""
    return [] if shelf.house.folder is None else sorted(path.name for path in shelf.house.folder.iterdir())


def form(*parts: tuple[str, bytes], mark: str = "xYz") -> bytes:
    """A multipart body of header lines and bodies."""
    pieces = [b"--%s\r\n%s\r\n\r\n%s\r\n" % (mark.encode(), head.encode(), body) for head, body in parts]
    return b"".join(pieces) + b"--%s--\r\n" % mark.encode()


MULTIPART = "Content-Type: multipart/form-data; boundary=xYz"
PICTURE = 'Content-Disposition: form-data; name="file"; filename="cat.png"\r\nContent-Type: image/png'


def told(key: int, data: bytes, type: str | None = "image/png", filename: str | None = "cat.png") -> bytes:
    """What the keeper says of an upload."""
    return f"{key} {len(data)} {type} {hashlib.md5(data).hexdigest()} {filename}".encode()  # noqa: S324


def upload(data: bytes, query: str = "keep", *more: str) -> bytes:
    return request("POST", f"/form?{query}", form((PICTURE, data)), MULTIPART, *more)


async def until(holds: Callable[[], bool]) -> None:
    """Lets the loop run until something holds."""
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)


@asynccontextmanager
async def half(simulator: Server, size: int = 3 << 20) -> AsyncIterator[Raw]:
    """In the middle of an upload, `size` bytes of its file being there."""
    whole = upload(bytes(size) + b"more")
    async with Raw.open(simulator.url("keeper"), whole[:-20]) as raw:
        await until(lambda: simulator.shelf.total >= size - 100)
        yield raw

"""Backends for tapes: one of ours with tapes in place of its rules, or one made of what a stranger's tape shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, create_model

from simulator.cassette import opaque
from simulator.cassette.coverage import Coverage
from simulator.cassette.envelopes import ENGINE, GATEWAY, PHOENIX, PLAIN, TYPED, AnyAction, Plain, reader_of
from simulator.cassette.exchanges import TAPE
from simulator.cassette.playback import Playback
from simulator.cassette.strands import Part, Plan, Strand
from simulator.cassette.walk import Manner
from simulator.core.backend import Backend, Buffered, Miss, Route
from simulator.core.bot import SilentBot
from simulator.core.link import LinkPolicy
from simulator.core.message import Headers, Request, Response
from simulator.core.wire import Asked, Output, Wire
from simulator.core.world import World
from simulator.wire import nodehttp
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.gateway import Gateway
from simulator.wire.phoenix import Phoenix
from simulator.wire.phoenix_profile import PROFILES
from simulator.wire.rawjson import RawJson
from simulator.wire.single import Flaw, Policy, Single, flaw
from simulator.wire.socketio import SocketIO
from simulator.wire.socketio_recovery import Recovery
from simulator.wire.socketio_socket import Settings as WireSettings
from simulator.wire.socketio_socket import routes as engine_routes

NAME = "tape"
"""Of a backend that nobody has named."""
PORT = 8080
_LARGEST = 8 << 20
"""Bytes of a request's body."""
_REST = Route(TAPE, ".*", body=Buffered(_LARGEST))
_DOOR = Route("door", ".*", frozenset({"GET"}))


def played(backend: Backend, plans: Sequence[Plan], manner: Manner, coverage: Coverage) -> Backend:
    """The backend with tapes in place of its rules: what it has no route for is looked for on them, too."""
    own = backend

    def dress(settings: Any, request: Request, response: Response, now: float) -> Response:
        lines = response.headers
        dressed = own.dress(settings, request, response, now)
        # The tape's own lines go before those that the backend adds to everything.
        return replace(dressed, headers=_once(lines, dressed.headers))

    return replace(
        backend,
        seed=_as_shown(backend.seed, plans),
        rules=lambda world: Playback(world, own, plans, manner, coverage),
        bot=lambda world: SilentBot(),
        routes=(*backend.routes, _REST),
        dress=dress,
    )


def _as_shown(seed: type[BaseModel], plans: Sequence[Plan]) -> type[BaseModel]:
    """The backend's fixtures, with the Phoenix that is on the tapes where nobody says which."""
    settings = seed.model_fields["settings"].annotation
    shown = {strand.profile for plan in plans for strand in plan.strands if strand.profile}
    if not (isinstance(settings, type) and issubclass(settings, BaseModel) and "profile" in settings.model_fields):
        return seed
    field = settings.model_fields["profile"]
    if len(shown) != 1 or field.default in shown:
        return seed
    [profile] = shown
    known = create_model(settings.__name__, __base__=settings, profile=(field.rebuild_annotation(), profile))
    return create_model(seed.__name__, __base__=seed, settings=(known, Field(default_factory=known)))


def _once(taped: Headers, dressed: Headers) -> Headers:
    """The lines of the one, and of the other those with other names."""
    names = {name.lower() for name, _ in taped}
    left = [*taped]
    lines = []
    for line in dressed:
        if line in left:
            left.remove(line)
            lines.append(line)
        elif line[0].lower() not in names:
            lines.append(line)
    return tuple(lines)


class Settings(BaseModel):
    """What can be set where the server is a stranger."""

    message_limit: int = Field(16 << 20, gt=0, description="bytes of one message")
    ping_interval: float = Field(25.0, ge=0, description="seconds between two pings of the server")
    ping_timeout: float = Field(20.0, gt=0, description="seconds that a client has to answer a ping")


class Seed(BaseModel):
    """A stranger's fixtures: there are none."""

    settings: Settings = Settings()


def foreign(plans: Sequence[Plan], name: str | None = None) -> Backend:
    """A backend of the kind of wire that is on the tapes, with a library's defaults where these do not show."""
    strands = [strand for plan in plans for strand in plan.strands]
    kinds = Counter(strand.kind for strand in strands if strand.kind)
    kind = kinds.most_common(1)[0][0] if kinds else PLAIN
    mine = [strand for strand in strands if strand.kind in (kind, "")]
    first = mine[0].path if mine else "/"
    seed = _seed(kind, mine)
    return Backend(
        name=name or NAME,
        summary="a server that is known from a recording alone",
        transport={ENGINE: "Socket.IO v5", PHOENIX: "Phoenix Channels"}.get(kind, "WebSocket"),
        port=PORT,
        seed=seed,
        wire=lambda world: _wire(kind, mine, world),
        # Without a tape there is nothing that it does.
        rules=lambda world: Playback(world, foreign(plans, name), plans, Manner(), Coverage(plans)),
        bot=lambda world: SilentBot(),
        reader=lambda: reader_of(kind),
        routes=_routes(kind, mine),
        link=lambda settings: LinkPolicy(limit=settings.message_limit),
        ping_interval=lambda settings: 0.0 if kind in (PHOENIX, GATEWAY) else settings.ping_interval,
        miss=_miss,
        dress=_node if kind == ENGINE else _dress,
        commands={},
        events={},
        acts={},
        connect=lambda seed, base: f"{base.replace('http', 'ws', 1)}{first}",
        example=lambda seed, url: _example(kind, url),
    )


def _seed(kind: str, strands: Sequence[Strand]) -> type[BaseModel]:
    shown = next((strand.handshake for strand in strands if strand.handshake), {}) if kind == ENGINE else {}
    known = {
        ours: shown[theirs] / 1000
        for ours, theirs in (("ping_interval", "pingInterval"), ("ping_timeout", "pingTimeout"))
        if isinstance(shown.get(theirs), int) and shown[theirs] > 0
    }

    class Shown(Seed):
        settings: Settings = Settings(**known)

    return Shown


def _wire(kind: str, strands: Sequence[Strand], world: World) -> Wire:
    settings: Settings = world.settings
    if kind == ENGINE:
        engine = EngineSettings(settings.ping_interval, settings.ping_timeout, cors=Cors())
        engine = replace(engine, max_payload=settings.message_limit)
        return SocketIO(replace(_engine(strands), engine=engine), world)
    if kind == PHOENIX:
        # Long polls, and V2's own join_refs, are of today's; V1 with all its fields is of the one before.
        old = {strand.profile for strand in strands} == {"1.3"}
        return Phoenix(world, topics=("*",), profile=PROFILES["1.3" if old else "1.8"])
    if kind == GATEWAY:
        return _OpenGateway(AnyAction(), _DOOR.name, idle=0, longest=0, world=world, plain=_refuse)
    codec = RawJson() if kind == TYPED else Plain()
    return _Open(codec, _DOOR.name, Policy(settings.ping_interval, 0), _refuse)


def _at_the_door(asked: Asked) -> Asked:
    """Nobody knows a stranger's paths: a handshake is one wherever it is said."""
    shown = asked.route is _REST and flaw(asked.request) is None
    return Asked(asked.call, asked.request, _DOOR) if shown else asked


class _Open(Single):
    __slots__ = ()

    def _asked(self, asked: Asked) -> list[Output]:
        return super()._asked(_at_the_door(asked))


class _OpenGateway(Gateway):
    __slots__ = ()

    def _asked(self, asked: Asked) -> list[Output]:
        return super()._asked(_at_the_door(asked))


def _engine(strands: Sequence[Strand]) -> WireSettings:
    path = strands[0].path.partition("?")[0]
    recovers = any(
        isinstance(arg, dict) and "pid" in arg
        for strand in strands
        for line in strand.lines
        if line.part is Part.ADMIT
        for arg in line.args
    )
    return WireSettings(path=path, recovery=Recovery() if recovers else None)


def _routes(kind: str, strands: Sequence[Strand]) -> tuple[Route, ...]:
    if kind == ENGINE:
        return engine_routes(_engine(strands))
    doors = dict.fromkeys(_pattern(strand.path) for strand in strands)
    if kind != PHOENIX:
        return tuple(replace(_DOOR, pattern=door) for door in doors)
    polls = dict.fromkeys(re.sub(r"/(websocket|longpoll)(?=/\?$)", "", door) for door in doors)
    return (
        *(Route("websocket", f"{door}/websocket/?") for door in polls),
        *(Route("longpoll", f"{door}/longpoll/?", body=Buffered(_LARGEST), via="longpoll") for door in polls),
    )


def _pattern(path: str) -> str:
    """A regular expression of a path: ids in it may be others."""
    parts = path.partition("?")[0].rstrip("/").split("/")
    return "/".join("[^/]+" if opaque.kind(part) else re.escape(part) for part in parts) + "/?"


def _refuse(request: Request, flaw: Flaw) -> Response:
    return Response(426, (("Upgrade", "websocket"), ("Connection", "Upgrade")), b"a WebSocket is served here")


def _miss(request: Request, miss: Miss) -> Response:
    return Response(404, (("Content-Type", "text/plain"),), b"not on the tape")


def _node(settings: Settings, request: Request, response: Response, now: float) -> Response:
    return nodehttp.dress(request, response, now)


def _dress(settings: Settings, request: Request, response: Response, now: float) -> Response:
    date = datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    lines = (("Date", date), *response.headers)
    if response.status in (204, 304):
        return replace(response, headers=lines, body=b"")
    return replace(response, headers=(*lines, ("Content-Length", str(response.length))))


def _example(kind: str, url: str) -> str:
    if kind == ENGINE:
        return f'socket = io("{url.partition("/socket.io")[0].replace("ws", "http", 1)}/"); socket.onAny(console.log)'
    return f'ws = new WebSocket("{url}"); ws.onmessage = (e) => console.log(e.data)'

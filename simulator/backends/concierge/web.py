"""concierge over HTTP: tokens, upload URLs, the gateway's management endpoint, and the way to the object store."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.backends.concierge import presign, store, tokens
from simulator.backends.concierge.state import Settings, State
from simulator.core.actions import Action, Close, Respond, Send
from simulator.core.backend import Miss, Route
from simulator.core.events import Requested
from simulator.core.ids import Ids
from simulator.core.message import Json, Message, Request, Response
from simulator.core.world import World
from simulator.wire.gateway import RAW, answer, refusal
from simulator.wire.single import Flaw

LARGEST = 131_072
"""Bytes that the management endpoint posts at most."""

COUNTERS = 1 << 16
"""Of upload URLs: two different requests share one once in so many times, and their order tells in their ids then."""

M = TypeVar("M", bound=BaseModel)


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class UploadUrl(_Body):
    """Section 5b; the real caller sends a `tenantId` besides."""

    filename: Annotated[str, Field(min_length=1)]
    mimeType: Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,255}$")]
    # A header line comes of it.
    type: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


class Authorize(_Body):
    """What the real caller sends (`fidelity/concierge.md`, F4)."""

    clientSecret: str
    tenantId: str | int


def _of(world: World, request: Request) -> Ids:
    """Ids of one answer. Not counted: what counts every path that ever came grows without end."""
    return world.ids.child("http", request.method, request.path, request.query, world.now())


class Web:
    """Requests that are not the door's."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._state = state
        self._store = store.Store(world)
        settings = self._settings
        if settings.external_endpoint and not (settings.external_access_key and settings.external_secret_key):
            world.log("warning", "external_endpoint is set, but external_access_key and external_secret_key are not: "
                      "it will refuse every uploadURL")  # fmt: skip

    def requested(self, asked: Requested) -> list[Action]:
        """Answer one."""
        request = asked.request
        actions: list[Action] = []
        match asked.route.name:
            case "put" | "object":
                response = self._object(request)
            case "connections":
                response, actions = self._connections(request)
                if response.status >= 400:
                    why = dict(response.headers)["x-amzn-ErrorType"]
                    self._world.log("warning", f"@connections: refused with {response.status}: {why}")
            case "upload_url":
                response = self._api(request, self._upload_url)
            case _:
                response = self._api(request, self._authorize)
        return [Respond(asked.call, response), *actions]

    def _object(self, request: Request) -> Response:
        found = store.place(request)
        if found is None:
            return missing(request, self._ids(request), self._world.now())
        return self._store.answer(request, *found)

    def _ids(self, request: Request) -> Ids:
        return _of(self._world, request)

    # --- tokens and upload URLs

    def _api(self, request: Request, work: Callable[[Request], tuple[int, Json]]) -> Response:
        if request.method == "OPTIONS":
            response = Response(204)
        else:
            status, body = work(request)
            response = answer(status, body, self._world.now(), self._ids(request))
        if self._settings.cors and request.header("Origin") is not None:
            # Frontends add lines of their own (a tenant, a trace): a preflight must not fail for these.
            asked = request.header("Access-Control-Request-Headers") or "authorization, content-type"
            response.headers = (
                *response.headers,
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Allow-Methods", "POST"),
                ("Access-Control-Allow-Headers", asked),
            )
        return response

    def _upload_url(self, request: Request) -> tuple[int, Json]:
        world, wanted = self._world, self._settings.upload_auth
        given = request.header("Authorization")
        if wanted == "required" or (wanted == "optional" and given is not None):
            kind, _, token = (given or "").partition(" ")
            if kind.lower() != "bearer":
                return self._unauthorized("there is no Authorization: Bearer <token>")
            try:
                tokens.tenant_of(world.seed.keys.jwt, token.strip(), world.now())
            except tokens.Unfit as unfit:
                return self._unauthorized(str(unfit))
        body = _read(UploadUrl, request.body)
        if not isinstance(body, UploadUrl):
            return self._wrong(body)
        asked = (body.filename, body.mimeType, body.type)
        # Equal ones are counted, so that strangers do not change each other's ids, but not each for ever: by a hash.
        which = world.ids.child("uploads", *asked).below(COUNTERS)
        ids = world.ids.child("upload", *asked, world.ids.serial(("upload", which)))
        dot = re.search(r"\.[A-Za-z0-9]{1,16}$", body.filename)
        name = f"{body.type}/{ids.uuid()}{dot[0] if dot else ''}"
        base, public = request.base, self._settings.public_url
        if public is not None:
            base = public.rstrip("/") + urlsplit(base).path
        upload, resource = store.upload_url(self._settings, store.key_of(world), base, name, body.mimeType, world.now())
        data: Json = {
            "uploadURL": upload, "fileName": body.filename, "uploadPath": f"/{name}", "resourceUrl": resource,
        }  # fmt: skip
        return 200, {"data": {"uploadUrlData": data}, "message": "Upload Url generated successfully!"}

    def _authorize(self, request: Request) -> tuple[int, Json]:
        keys, now = self._world.seed.keys, int(self._world.now())
        body = _read(Authorize, request.body)
        if not isinstance(body, Authorize):
            return self._wrong(body)
        party = self._state.parties.get(str(body.tenantId))
        if body.clientSecret != keys.client:
            return self._unauthorized("clientSecret is not the one of the fixtures (keys.client)")
        if party is None or not party.person.active:
            return self._unauthorized(f"there is no active tenant {str(body.tenantId)!r} in the fixtures")
        seconds = self._settings.token_seconds
        token = tokens.mint(keys.jwt, str(party.person.id), str(self._world.seed.org), now, now + seconds)
        return 200, {"accessToken": token, "tokenValidFor": f"{seconds}s", "tokenExpiryTime": (now + seconds) * 1000}

    def _wrong(self, why: str) -> tuple[int, Json]:
        self._world.log("warning", f"refused with 400: {why}")
        return 400, {"message": why}

    def _unauthorized(self, why: str) -> tuple[int, Json]:
        self._world.log("warning", f"refused with 401: {why}")
        return 401, {"message": "Unauthorized"}

    # --- /uat/@connections/<id>

    def _connections(self, request: Request) -> tuple[Response, list[Action]]:
        now, ids = self._world.now(), self._ids(request)
        wanted = self._settings.management_auth
        key = presign.Key(
            self._world.seed.keys.access_key, self._world.seed.keys.secret_key, store.REGION, "execute-api"
        )
        try:
            signed = wanted != "off" and presign.judge(request, key, now)
        except presign.Denied as denied:
            text = f"{denied.message} {denied.more.get('CanonicalRequest', '')}".strip()
            return refusal(403, now, ids, text, f"{_NAMES.get(denied.code, denied.code)}Exception"), []
        if wanted == "required" and not signed:
            return missing(request, ids, now), []
        socket = self._state.socket(unquote(request.path.rpartition("/")[2]))
        if socket is None:
            return refusal(410, now, ids), []
        if request.method == "GET":
            told: Json = {
                "connectedAt": _iso(socket.opened),
                "identity": {"sourceIp": "127.0.0.1", "userAgent": socket.agent},
                "lastActiveAt": _iso(socket.active),
            }
            return answer(200, told, now, ids), []
        if request.method == "DELETE":
            response = answer(204, {}, now, ids)
            response.body = b""
            return response, [Close(socket.conn, 1000, "Connection Closed Normally")]
        if len(request.body) > LARGEST:
            return refusal(413, now, ids), []
        socket.active = now
        response = answer(200, {}, now, ids)
        response.body = b""
        return response, [Send((socket.conn,), Message(RAW, (request.body,)))]


_NAMES = {
    "SignatureDoesNotMatch": "InvalidSignature",
    "AuthorizationHeaderMalformed": "IncompleteSignature",
    "InvalidArgument": "IncompleteSignature",
    "InvalidAccessKeyId": "UnrecognizedClient",
    "RequestTimeTooSkewed": "InvalidSignature",
}
"""AWS's JSON services say the same as S3 with other names."""


def missing(request: Request, ids: Ids, now: float) -> Response:
    """What API Gateway says where there is nothing, and where a signature is missing."""
    return refusal(403, now, ids, "Missing Authentication Token", "MissingAuthenticationTokenException")


def early(world: World, request: Request, route: Route) -> Response | None:
    """An upload is judged before its body is read."""
    if route.name != "put":
        return None
    found = store.place(request)
    if found is None:
        return missing(request, _of(world, request), world.now())
    return store.early(world, request, *found)


def plain(world: World) -> Callable[[Request, Flaw], Response]:
    """Makes the answer to what is no upgrade."""

    def refuse(request: Request, wrong: Flaw) -> Response:
        ids = _of(world, request)
        if wrong in (Flaw.CONNECTION, Flaw.UPGRADE):
            response = refusal(426, world.now(), ids)
            # RFC 9110, 15.5.22 asks for it.
            response.headers = (*response.headers, ("Upgrade", "websocket"))
            return response
        return refusal(400, world.now(), ids)

    return refuse


def miss(request: Request, why: Miss) -> Response:
    """The answer where no route fits: a wrong stage, or a wrong path."""
    ids = Ids.seeded(0).child(request.method, request.path)
    return missing(request, ids, 0) if "websocket" not in request.tokens("Upgrade") else refusal(403, 0, ids)


def dress(settings: Settings, request: Request, response: Response, now: float) -> Response:
    """Date first, then the lines as they are, then the length."""
    date = datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    lines = [("Date", date), *response.headers]
    if response.status not in (204, 304):
        lines.append(("Content-Length", str(response.length)))
    bare = request.method == "HEAD" or response.status in (204, 304)
    return replace(
        response,
        headers=tuple(lines),
        body=b"" if bare else response.body,
        stored=None if bare else response.stored,
    )


def _read(model: type[M], raw: bytes) -> M | str:
    """The body, or what is wrong with it."""
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where}: {first['msg']}" if where else first["msg"]


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

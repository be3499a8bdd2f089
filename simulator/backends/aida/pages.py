"""AIDA over HTTP: images come and go, operators speak (session_controller.ex, image_controller.ex, router.ex)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

import orjson

from simulator.backends.aida import plug
from simulator.backends.aida.frontdesk import Chat
from simulator.backends.aida.messages import UUID
from simulator.backends.aida.state import FORWARD, Image, Session, State
from simulator.core.backend import Route
from simulator.core.message import Json, Request, Response
from simulator.core.objects import Upload, UploadFlaw
from simulator.core.world import World

_UUID = re.compile(UUID)

API = frozenset({"attachment", "api_image", "send_message", "forward"})
"""Routes whose pipeline takes nobody who does not take JSON (router.ex:13)."""

CONTENT_LIMIT = 25 * 1024 * 1024
"""router.ex:33, bytes of an upload's body."""
API_LIMIT = 8_000_000
"""Plug.Parsers' own limit, which the API's pipeline leaves as it is."""


def is_id(text: str) -> bool:
    """Whether Ecto casts it to a UUID."""
    return _UUID.fullmatch(text) is not None


@dataclass(slots=True)
class Page:
    """An answer, and what an operator says by it."""

    response: Response
    said: tuple[Session, str] | None = None


class Pages:
    """The controllers."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state

    def answer(self, request: Request, route: Route) -> Page:
        """Answer a request on a route that is not the socket's."""
        parts = [unquote(part) for part in request.path.split("/") if part]
        if route.name == "options" or (route.name == "longpoll" and request.method == "OPTIONS"):
            return Page(Response(204))
        if route.name == "longpoll":
            return Page(plug.not_found())
        if route.name in API and not plug.accepts_json(request):
            return Page(plug.error(406))
        if route.name == "upload":
            return Page(self._upload(request, parts[2], parts[3], plug.error(self._no_form(request))))
        if route.name == "attachment":
            return Page(self._upload(request, parts[2], parts[4], plug.error(400)))
        if route.name in ("image", "api_image"):
            return Page(self._image(parts[2]))
        return self._operator(request, route.name, parts[2], parts[4])

    def _upload(self, request: Request, bot: str, session: str, no_form: Response) -> Response:
        upload = request.upload
        if not isinstance(upload, Upload):
            return {
                UploadFlaw.TOO_BIG: plug.error(413),
                UploadFlaw.NOT_A_FORM: no_form,
            }.get(upload or UploadFlaw.NO_FIELD, plug.error(400))
        if upload.filename == "":
            return plug.error(400)
        if upload.filename is None or upload.type is None:
            # A plain field has no content type to ask for, a file without one has nil.
            return plug.error(500)
        if not upload.size:
            # The row of the database needs a picture.
            return plug.error(500)
        if not upload.type.startswith("image/"):
            return plug.json(415, {"errors": "Unsupported Media Type"})
        if not is_id(bot) or not is_id(session) or self._state.session(session) is None:
            self._world.log("warning", "upload: the bot or the session is no UUID, or there is no such session")
            return plug.error(500)
        ids = self._world.ids.nth("image", bot.lower(), session.lower())
        # md5(random)::uuid in the real database: no version in it.
        digits = ids.token(32, "0123456789abcdef")
        id = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        self._state.add_image(Image(id, bot.lower(), session.lower(), upload))
        return plug.json(200, {"id": id})

    def _no_form(self, request: Request) -> int:
        """The status for a body that is no form; a type that is none at all was never asked for its parser."""
        kind = request.header("content-type")
        if kind is None or (self._world.settings.profile == "1.3" and "/" not in kind):
            return 400
        return 415

    def _image(self, id: str) -> Response:
        if not is_id(id):
            return plug.error(400)
        image = self._state.image(id)
        if image is None:
            return Response(404)
        return Response(200, (("content-type", f"{image.upload.type}; charset=utf-8"),), stored=image.upload)

    def _operator(self, request: Request, what: str, bot: str, id: str) -> Page:
        body = _params(request)
        wanted = "message" if what == "send_message" else "forward_messages_id"
        if body is None or wanted not in body or not is_id(id):
            return Page(plug.error(400))
        session = self._state.session(id)
        if session is None:
            return Page(plug.error(500))
        if session.bot != bot:
            return Page(plug.json(422, {"errors": "Unknown session"}))
        if what == "forward":
            if not self._state.merge(session, {FORWARD: body[wanted]}):
                return Page(plug.error(500))
            return Page(plug.json(200, {"forward_messages_id": body[wanted]}))
        found = self._state.bot(bot)
        message = body[wanted]
        if found is None or not self._state.runs(found, self._world.now()):
            return Page(plug.error(500))
        chat = Chat(found.manifest, session, "")
        if isinstance(message, dict):
            message = message.get(chat.language or "")
        if not isinstance(message, str):
            return Page(plug.error(500))
        chat.respond(message)
        if session.quiet or not chat.reply:
            return Page(Response(200))
        return Page(Response(200), (session, chat.reply[0]))


def _params(request: Request) -> dict[str, Json] | None:
    """The body's parameters, none where it is of another type; None where it can't be parsed."""
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        try:
            value = orjson.loads(request.body or b"{}")
        except ValueError:
            return None
        return value if isinstance(value, dict) else {}
    if kind == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(request.body.decode("utf-8"), keep_blank_values=True)
        except (UnicodeDecodeError, ValueError):
            return None
        return {name: values[-1] for name, values in fields.items()}
    return {}


def judge(world: World, request: Request, route: Route) -> Response | None:
    """What the head of an upload decides: the API's pipeline takes nobody who does not take JSON."""
    return plug.error(406) if route.name in API and not plug.accepts_json(request) else None

"""A control call as it comes in: the space it is for, its body, and what may be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from simulator.core.space import Running
from simulator.serve.admin.complaint import Complaint
from simulator.serve.connections import Slow, pieces
from simulator.serve.selector import Target
from simulator.serve.spaces import Crowded, Place, Spaces

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from simulator.serve.admin.site import Site

    Model = TypeVar("Model", bound=BaseModel)

_BODY = 1 << 20
_ROOM = 128 << 20
"""Bytes of the bodies of all calls that are under way."""


@dataclass(slots=True)
class Asking:
    """One call."""

    request: web.BaseRequest
    target: Target
    spaces: Spaces
    site: Site
    """Where it came, and what there is to know of the whole server."""
    parts: dict[str, str] = field(default_factory=dict)
    """What stands in the path for the names in braces."""
    held: int = 0
    """Bytes of its body, as far as it was read."""

    @property
    def rest(self) -> str:
        """The one part of the path that is not the call's own."""
        return next(iter(self.parts.values()), "")

    def place(self) -> Place:
        """The space that it names; the first call makes it. Raises Complaint."""
        try:
            return self.spaces.named(self.target.space or "")
        except Crowded as crowded:
            raise Complaint(503, str(crowded)) from None

    def running(self, place: Place, name: object) -> Running:
        """A backend by its name, None for the one whose port this is. Raises Complaint."""
        known = place.driver.space.running
        if name is None and self.site.backend is None and len(known) > 1:
            raise Complaint(400, f"backend: say which, this port is that of all; there are: {', '.join(known)}")
        return running(place, self.site.backend or next(iter(known)) if name is None else name)

    def query(self, model: type[Model]) -> Model:
        """The parameters behind `?`, those that name the space left out. Raises Complaint."""
        from pydantic import ValidationError

        pairs = parse_qsl(self.target.query, keep_blank_values=True, errors="replace")
        given = dict(pairs)
        if len(given) < len(pairs):
            twice = next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i]))
            raise Complaint(400, f"{twice}: is there twice")
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise Complaint(400, wrong(error, model)) from None

    async def read(self, model: type[Model], most: int = _BODY) -> Model:
        """The body as this shape, at most so many bytes of it. Raises Complaint."""
        from pydantic import ValidationError

        body = await self.body(most)
        try:
            return model.model_validate(body)
        except ValidationError as error:
            raise Complaint(400, wrong(error, model)) from None

    async def body(self, most: int = _BODY) -> dict[str, Any]:
        """The JSON object that it brings. Raises Complaint."""
        body = await self.json(most)
        if not isinstance(body, dict):
            raise Complaint(400, "expected a JSON object")
        return body

    async def json(self, most: int = _BODY) -> Any:
        """Whatever JSON it brings. Raises Complaint."""
        raw = bytearray()
        try:
            async for chunk in pieces(self.request):
                raw += chunk
                self.held += len(chunk)
                self.spaces.bodies += len(chunk)
                if len(raw) > most:
                    raise Complaint(413, f"the body is longer than {most} bytes")
                if self.spaces.bodies > _ROOM:
                    raise Complaint(503, f"the bodies of all calls are longer than {_ROOM} bytes: ask again later")
        except Slow:
            raise Complaint(408, "the body did not come: see --request-timeout") from None
        try:
            return orjson.loads(bytes(raw) or b"{}")
        except ValueError as error:
            raise Complaint(400, f"the body is not JSON: {error}") from None

    def let_go(self) -> None:
        """It is answered."""
        self.spaces.bodies -= self.held
        self.held = 0


def running(place: Place, name: object) -> Running:
    """A backend of a space by its name. Raises Complaint."""
    known = place.driver.space.running
    found = known.get(str(name))
    if found is None:
        raise Complaint(400, f"backend: there is no {name!r} here; there are: {', '.join(known)}")
    return found


def wrong(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong, in one line: its key, and what was expected."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"{place}: is missing"
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return f"{place}: there is no such key; there are: {', '.join(model.model_fields) or 'none'}"
    if first["type"] == "extra_forbidden":
        return f"{place}: there is no such key"
    text = first["msg"].removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return f"{place}: {text}" if place else text


def no_more(body: dict[str, Any]) -> None:
    """Raises Complaint for a key that nobody took."""
    if body:
        raise Complaint(400, f"{next(iter(body))}: there is no such key")

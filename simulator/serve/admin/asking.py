"""A control call as it comes in: the space it is for, its body, and what may be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from simulator.core.space import Running
from simulator.serve.admin.complaint import Complaint
from simulator.serve.selector import Target
from simulator.serve.spaces import Crowded, Place, Spaces

_BODY = 1 << 20


@dataclass(slots=True)
class Asking:
    """One call."""

    request: web.BaseRequest
    target: Target
    spaces: Spaces
    backend: str
    """The one whose port it came to."""
    rest: str = ""
    """What stands in the path behind the call's own."""

    def place(self) -> Place:
        """The space that it names; the first call makes it. Raises Complaint."""
        try:
            return self.spaces.named(self.target.space or "")
        except Crowded as crowded:
            raise Complaint(503, str(crowded)) from None

    def running(self, place: Place, name: object) -> Running:
        """A backend by its name, None for the one whose port this is. Raises Complaint."""
        known = place.driver.space.running
        found = known.get(self.backend if name is None else str(name))
        if found is None:
            raise Complaint(400, f"backend: there is no {name!r} here; there are: {', '.join(known)}")
        return found

    async def body(self) -> dict[str, Any]:
        """The JSON object that it brings. Raises Complaint."""
        body = await self.json()
        if not isinstance(body, dict):
            raise Complaint(400, "expected a JSON object")
        return body

    async def json(self) -> Any:
        """Whatever JSON it brings. Raises Complaint."""
        return await _read(self.request)


async def _read(request: web.BaseRequest) -> Any:
    raw = bytearray()
    async for chunk in request.content.iter_any():
        raw += chunk
        if len(raw) > _BODY:
            raise Complaint(413, f"the body is longer than {_BODY} bytes")
    try:
        return orjson.loads(bytes(raw) or b"{}")
    except ValueError as error:
        raise Complaint(400, f"the body is not JSON: {error}") from None


def no_more(body: dict[str, Any]) -> None:
    """Raises Complaint for a key that nobody took."""
    if body:
        raise Complaint(400, f"{next(iter(body))}: there is no such key")

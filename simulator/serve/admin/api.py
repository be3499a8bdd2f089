"""Which control call does what, and how each is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from urllib.parse import unquote

import orjson
from aiohttp import web

from simulator import __version__
from simulator.serve.admin import acts, faults, journal, spaces, time
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.guard import guard
from simulator.serve.selector import Target
from simulator.serve.spaces import Spaces

Answer: TypeAlias = Callable[[Asking], Awaitable[Any]]

_ROOT = "/__admin"
_NAMED = ("/__admin/spaces/", "/__admin/faults/")
"""Paths with a part of their own, which stands as NAME among the calls."""


async def _health(asking: Asking) -> Any:
    return {"status": "ok", "version": __version__, "backends": [*asking.spaces.default.driver.space.running]}


_CALLS: dict[str, dict[str, Answer]] = {
    f"{_ROOT}/health": {"GET": _health},
    f"{_ROOT}/clock": {"GET": time.clock},
    f"{_ROOT}/clock/advance": {"POST": time.advance},
    f"{_ROOT}/act": {"POST": acts.act},
    f"{_ROOT}/messages": {"GET": journal.messages},
    f"{_ROOT}/reset": {"POST": time.reset},
    f"{_ROOT}/spaces": {"GET": spaces.every, "POST": spaces.make, "PUT": spaces.make},
    f"{_ROOT}/spaces/NAME": {"GET": spaces.one, "DELETE": spaces.end},
    f"{_ROOT}/faults": {"GET": faults.every, "POST": faults.add, "DELETE": faults.end_all},
    f"{_ROOT}/faults/NAME": {"GET": faults.one, "DELETE": faults.end},
}


class Admin:
    """Answers one port's control requests. Everything but health needs a loopback address, or the token."""

    def __init__(self, known: Spaces, name: str, loopback: bool, token: str | None) -> None:
        self._spaces = known
        self._name = name
        self._loopback = loopback
        self._token = token

    async def __call__(self, request: web.BaseRequest, target: Target) -> web.Response:
        """Answer one request, the name of its space taken off."""
        try:
            path = unquote(target.path).rstrip("/")
            if path != f"{_ROOT}/health":
                guard(request, self._loopback, self._token)
            call, rest = path, ""
            for named in _NAMED:
                if path.startswith(named):
                    call, rest = f"{named}NAME", path.removeprefix(named)
            methods = _CALLS.get(call)
            if methods is None:
                raise Complaint(404, f"there is no {path}; there are: {', '.join(_CALLS)}")
            answer = methods.get("GET" if request.method == "HEAD" else request.method)
            if answer is None:
                allowed = ", ".join(methods).replace("GET", "GET, HEAD")
                raise Complaint(405, f"{path} takes {' or '.join(methods)}", Allow=allowed)
            return _json(200, await answer(Asking(request, target, self._spaces, self._name, rest)))
        except Complaint as complaint:
            return _json(complaint.status, {"error": str(complaint)}, complaint.headers)


def _json(status: int, value: Any, headers: dict[str, str] | None = None) -> web.Response:
    body = orjson.dumps(value, default=repr)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)

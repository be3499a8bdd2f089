"""Which control call does what, and how each is answered."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from simulator.serve.admin import (
    about,
    acts,
    cassettes,
    channels,
    events,
    faults,
    messages,
    metrics,
    pages,
    send,
    spaces,
    stories,
    time,
    violations,
)
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import ROOT, Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.guard import guard
from simulator.serve.admin.saying import dumps
from simulator.serve.admin.site import Site
from simulator.serve.selector import Target
from simulator.serve.spaces import Spaces


async def _openapi(asking: Asking) -> Any:
    """`GET /__admin/openapi.json`."""
    return {**_described(), "servers": [{"url": asking.target.prefix or "/"}]}


@cache
def _described() -> dict[str, Any]:
    from simulator.serve.admin.openapi import describe

    return describe(CALLS)


CALLS: tuple[Call, ...] = (
    *about.CALLS,
    *time.CALLS,
    *acts.CALLS,
    *channels.CALLS,
    *send.CALLS,
    *messages.CALLS,
    *violations.CALLS,
    *events.CALLS,
    *stories.CALLS,
    *spaces.CALLS,
    *faults.CALLS,
    *cassettes.CALLS,
    *metrics.CALLS,
    Call("GET", "openapi.json", _openapi, "This description.", "about:Description"),
)
"""The table. Each room has its own rows, a line each here."""


class Admin:
    """Answers one port's control requests."""

    def __init__(self, known: Spaces, site: Site) -> None:
        self._spaces = known
        self._site = site

    async def __call__(self, request: web.BaseRequest, target: Target) -> web.StreamResponse:
        """Answer one request, the name of its space taken off."""
        try:
            # Behind /__admin; a slash in a name comes as %2F.
            parts = [unquote(part) for part in target.path.rstrip("/").split("/")[2:]]
            page = pages.answer(request, parts, self._site) if parts else None
            if page is not None:
                return page
            guard(request, self._site.key)
            call, found = _find(request.method, parts)
            asking = Asking(request, target, self._spaces, self._site, found)
            try:
                answer = await call.answer(asking)
            finally:
                asking.let_go()
            return answer if isinstance(answer, web.StreamResponse) else _json(200, answer)
        except Complaint as complaint:
            return _json(complaint.status, {"error": str(complaint), **complaint.facts}, complaint.headers)


def _find(method: str, parts: list[str]) -> tuple[Call, dict[str, str]]:
    fitting = [(call, found) for call in CALLS if (found := call.matches(parts)) is not None]
    path = "/".join((ROOT, *parts))
    if not fitting:
        there = ", ".join(dict.fromkeys(f"{ROOT}/{call.path}" for call in CALLS))
        raise Complaint(404, f"there is no {path}; there are: {there}")
    # `messages/find` is no name that stands for `{number}` in `messages/{number}`.
    closest = min(fitting, key=lambda one: len(one[1]))[0].path
    methods = {call.method: (call, found) for call, found in fitting if call.path == closest}
    wanted = methods.get("GET" if method == "HEAD" else method)
    if wanted is None:
        allowed = ", ".join(methods).replace("GET", "GET, HEAD")
        raise Complaint(405, f"{path} takes {' or '.join(methods)}", Allow=allowed)
    return wanted


def _json(status: int, value: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=dumps(value), content_type="application/json", headers=headers)

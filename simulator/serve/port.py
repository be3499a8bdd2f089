"""The handler of one port: which space a request is for, and there the backend, or the control API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson
from aiohttp import web

from simulator.core.backend import Backend, Route, find
from simulator.core.message import Request
from simulator.serve import selector
from simulator.serve.http import Door, request_of
from simulator.serve.intake import Intake
from simulator.serve.spaces import Crowded, Place, Spaces

if TYPE_CHECKING:
    from simulator.serve.admin.api import Admin

_log = logging.getLogger("simulator")


class Port:
    """Serves one backend in all spaces."""

    def __init__(
        self,
        spaces: Spaces,
        backend: Backend,
        loopback: bool,
        token: str | None,
        own_links: bool,
        intake: Intake | None,
    ) -> None:
        """`loopback` says whether only this machine can come here; the token is that of the control API."""
        self._spaces = spaces
        self._backend = backend
        self._loopback = loopback
        self._token = token
        self._admin: Admin | None = None
        self._own_links = own_links
        self._intake = intake

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        request = request_of(asked)
        try:
            target = selector.read(request.path, request.query, request.headers)
        except selector.Unfit as unfit:
            return self._refuse(400, str(unfit))
        request.path, request.query, request.headers = target.path, target.query, target.headers
        if f"{unquote(request.path)}/".startswith("/__admin/"):
            return await self._control(asked, target)
        route = find(self._backend.routes, request.method, request.path)
        try:
            place = self._place(target.space, request, route)
        except Crowded as crowded:
            return self._refuse(503, str(crowded))
        # What is minted leads back here, however the space was named.
        request.base += target.prefix or place.prefix
        driver = place.driver
        running = driver.space.running[self._backend.name]
        with place:
            return await Door(driver, running, self._own_links, place.shelf, self._intake).serve(asked, request, route)

    async def _control(self, asked: web.BaseRequest, target: selector.Target) -> web.StreamResponse:
        if self._admin is None:
            # Not every server is controlled, and each is started.
            from simulator.serve.admin.api import Admin

            self._admin = Admin(self._spaces, self._backend.name, self._loopback, self._token)
        return await self._admin(asked, target)

    def _place(self, name: str | None, request: Request, route: object) -> Place:
        if name is not None:
            return self._spaces.named(name)
        if self._spaces.several and isinstance(route, Route):
            return self._spaces.of_session(route.ticket(request))
        return self._spaces.default

    def _refuse(self, status: int, why: str) -> web.Response:
        _log.warning("refused with %d: %s", status, why)
        # A page of another origin shall be able to read why.
        headers = {"Access-Control-Allow-Origin": "*"}
        body = orjson.dumps({"error": why})
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

"""The handlers of ports: which space a request is for, and there the backend, or the control API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson
from aiohttp import web

from simulator.core.backend import Backend, Route, find
from simulator.core.message import Request
from simulator.serve import selector
from simulator.serve.http import Door, Opening, request_of, swift
from simulator.serve.intake import Intake
from simulator.serve.spaces import Crowded, Place, Spaces

if TYPE_CHECKING:
    from simulator.serve.admin.api import Admin
    from simulator.serve.admin.site import Site

_log = logging.getLogger("simulator")


class Control:
    """The control API on one port, imported by the first call."""

    def __init__(self, spaces: Spaces, site: Site) -> None:
        self._spaces = spaces
        self._site = site
        self._admin: Admin | None = None

    async def answer(self, asked: web.BaseRequest, target: selector.Target) -> web.StreamResponse:
        """Serve one request, the name of its space taken off."""
        if self._admin is None:
            # Not every server is controlled, and each is started.
            from simulator.serve.admin.api import Admin

            self._admin = Admin(self._spaces, self._site)
        return await self._admin(asked, target)

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Serve one request, on a port of its own."""
        request = request_of(asked)
        try:
            target = selector.read(request.path, request.query, request.headers)
        except selector.Unfit as unfit:
            return _refuse(400, str(unfit))
        if not _controls(target.path):
            return _refuse(404, "this port has the control API alone, at /__admin, and its pages: /__admin/ui")
        return await self.answer(asked, target)


class Port:
    """Serves one backend in all spaces."""

    def __init__(
        self, spaces: Spaces, backend: Backend, control: Control | None, own_links: bool, intake: Intake | None
    ) -> None:
        """Without `control` all paths are the backend's."""
        self._spaces = spaces
        self._backend = backend
        self._control = control
        self._own_links = own_links
        self._intake = intake
        self._swift = swift(backend.routes)

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        request = request_of(asked)
        try:
            target = selector.read(request.path, request.query, request.headers)
        except selector.Unfit as unfit:
            return _refuse(400, str(unfit))
        request.path, request.query, request.headers = target.path, target.query, target.headers
        if self._control is not None and _controls(request.path):
            return await self._control.answer(asked, target)
        route = find(self._backend.routes, request.method, request.path)
        try:
            place = self._place(target.space, request, route)
            self._spaces.admit(place)
        except Crowded as crowded:
            return _refuse(503, str(crowded))
        # What is minted leads back here, however the space was named.
        request.base += target.prefix or place.prefix
        driver = place.driver
        running = driver.space.running[self._backend.name]
        with place:
            return await Door(driver, running, self._own_links, place.shelf, self._intake).serve(asked, request, route)

    def opening(self, request: Request) -> Opening | None:
        """Where a request goes that aiohttp need not read. What is refused here is refused there, too."""
        name, prefix = None, ""
        if selector.may_name(request):
            try:
                target = selector.read(request.path, request.query, request.headers)
            except selector.Unfit:
                return None
            request.path, request.query, request.headers = target.path, target.query, target.headers
            request.named = None
            name, prefix = target.space, target.prefix
        route = self._swift(request.method, request.path)
        if route is None or (self._control is not None and _controls(request.path)):
            return None
        try:
            place = self._place(name, request, route)
            self._spaces.admit(place)
        except Crowded:
            return None
        driver = place.driver
        if driver.recording is not None:
            # It is told in which order answers were written.
            return None
        request.base += prefix or place.prefix
        return driver, driver.space.running[self._backend.name], route, place

    def _place(self, name: str | None, request: Request, route: object) -> Place:
        if name is not None:
            return self._spaces.named(name)
        if self._spaces.several and isinstance(route, Route):
            return self._spaces.of_session(route.ticket(request))
        return self._spaces.default


def _controls(path: str) -> bool:
    return f"{unquote(path) if '%' in path else path}/".startswith("/__admin/")


def _refuse(status: int, why: str) -> web.Response:
    _log.warning("refused with %d: %s", status, why)
    # A page of another origin shall be able to read why.
    headers = {"Access-Control-Allow-Origin": "*"}
    body = orjson.dumps({"error": why})
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)

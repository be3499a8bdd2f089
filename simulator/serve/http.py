"""One catch-all handler: requests become Asked; Answer and Upgrade become what goes over the socket."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from simulator.core.backend import NoMethod, NoRoute, Route, find
from simulator.core.message import Request, Response
from simulator.core.space import Running
from simulator.core.wire import Upgrade
from simulator.serve import fallback, links
from simulator.serve.admin import Admin
from simulator.serve.driver import Driver, Gone

_LEFT_OVER = 256 << 10
"""Bytes of a body beyond the limit that are still read so that the connection can be used again (as Go does)."""


class Exact(web.StreamResponse):
    """Writes its status line, header lines and body as they are, and nothing else."""

    def __init__(self, response: Response, request: web.BaseRequest, keep_alive: bool) -> None:
        super().__init__(status=response.status)
        self._response = response
        self._asked = request
        self._stays = keep_alive and bool(request.keep_alive)

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can be used again."""
        return self._stays

    async def prepare(self, request: web.BaseRequest) -> None:
        """Writes everything."""
        response = self._response
        old = request.version < (1, 1)
        reason = HTTPStatus(response.status).phrase if response.reason is None else response.reason
        lines = [f"HTTP/1.{0 if old else 1} {response.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        # Each version has a way that goes without saying; Go names the other one.
        if old is self._stays:
            lines.append(f"Connection: {'keep-alive' if old else 'close'}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        if request.transport is not None:
            request.transport.write(head + response.body)

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""


class Door:
    """The handler of one port."""

    def __init__(self, driver: Driver, running: Running, admin: Admin | None, own_links: bool) -> None:
        self._driver = driver
        self._running = running
        self._admin = admin
        self._own_links = own_links

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Serve one request."""
        if self._admin is not None and f"{asked.path}/".startswith("/__admin/"):
            return await self._admin(asked)
        request = _request(asked)
        backend = self._running.backend
        route = find(backend.routes, request.method, request.path)
        if isinstance(route, NoRoute | NoMethod):
            return self._exact(asked, request, backend.miss(request, route))
        whole = await _read(asked, request, route)
        try:
            call, answer = await self._driver.ask(self._running, request, route)
        except Gone:
            return self._exact(asked, request, Response(503), keep_alive=False)
        if isinstance(answer, Upgrade):
            return await self._upgrade(asked, call, answer)
        if answer.response is None:
            if asked.transport is not None:
                asked.transport.close()
            return links.Handed()
        return self._exact(asked, request, answer.response, whole)

    def _exact(
        self, asked: web.BaseRequest, request: Request, response: Response, keep_alive: bool = True
    ) -> web.StreamResponse:
        dressed = self._running.backend.dress(request, response, self._driver.clock.now())
        return Exact(dressed, asked, keep_alive)

    async def _upgrade(self, asked: web.BaseRequest, call: int, upgrade: Upgrade) -> web.StreamResponse:
        driver, running = self._driver, self._running
        policy = running.backend.link(running.seed.settings)
        if not self._own_links:
            return await self._public(asked, call, upgrade)
        taken = links.upgrade(asked, upgrade.headers, policy)
        if taken is None:
            driver.aborted(running, call)
            return links.Handed()
        link, response = taken
        link.start(*driver.attach(running, call, link))
        return response

    async def _public(self, asked: web.BaseRequest, call: int, upgrade: Upgrade) -> web.StreamResponse:
        driver, running = self._driver, self._running

        def opened(link: fallback.PublicLink) -> None:
            link.start(*driver.attach(running, call, link))

        policy = running.backend.link(running.seed.settings)
        response = await fallback.serve(asked, upgrade.headers, policy, opened)
        if response is None:
            driver.aborted(running, call)
            return links.Handed()
        return response


def _request(asked: web.BaseRequest) -> Request:
    target = asked.raw_path
    if not target.startswith("/"):
        # RFC 9112, 3.2.2: a whole URL, as a proxy gets it.
        target = asked.rel_url.raw_path_qs
    path, _, query = target.partition("?")
    headers = tuple(
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in asked.raw_headers
    )
    version = (asked.version.major, asked.version.minor)
    base = f"{asked.scheme}://{asked.host}"
    return Request(asked.method, path or "/", query, headers, b"", version, base)


async def _read(asked: web.BaseRequest, request: Request, route: Route) -> bool:
    """Read the body up to the route's limit; whether the connection can be used again."""
    if not asked.can_read_body:
        return True
    limit = route.body.limit
    if limit and "100-continue" in request.tokens("Expect") and asked.transport is not None:
        asked.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    kept = bytearray()
    room = limit + _LEFT_OVER
    async for chunk in asked.content.iter_any():
        kept += chunk[: max(0, limit - len(kept))]
        room -= len(chunk)
        if room < 0:
            break
    request.body = bytes(kept)
    return room >= 0

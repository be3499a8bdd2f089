"""Our own pages: the inspector and the playground, with all that they are made of; nothing comes from elsewhere."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from simulator import wire
from simulator.serve.admin import guard
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.site import Site

PAGES = {"ui": "inspector", "playground": "playground"}
"""By what stands behind `/__admin/`: the folder whose index.html is the page."""

_HERE = Path(__file__).parent
_FOLDERS = {
    "inspector": _HERE / "inspector",
    "playground": _HERE / "playground",
    "vendor": _HERE / "vendor",
    "socket.io": Path(str(wire.__file__)).parent / "static",
}
"""Behind `/__admin/assets/`."""
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_TOKEN = "{page-token}"  # noqa: S105  # stands in the page where its token comes

_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?\Z", re.ASCII)

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def answer(request: web.BaseRequest, parts: list[str], site: Site) -> web.Response | None:
    """A page or a part of one, where the path's parts behind `/__admin/` name one; else None. Raises Complaint."""
    if parts[0] == "assets":
        guard.asset(request, site.key)
        return _asset(request, parts[1:])
    if len(parts) > 1 or parts[0] not in PAGES:
        return None
    guard.page(request, site.key)
    _reads_only(request)
    if request.path.endswith("/"):
        # Its assets' addresses are relative, so that a space's prefix stays before them.
        headers = {**_HEADERS, "Location": f"../{parts[0]}"}
        return web.Response(status=308, headers=headers)
    text = (_FOLDERS[PAGES[parts[0]]] / "index.html").read_text("utf-8")
    token = "" if site.key.token is not None else site.key.page
    headers = {**_HEADERS, "Content-Security-Policy": policy(request, site), "Content-Type": _TYPES[".html"]}
    return web.Response(body=text.replace(_TOKEN, html.escape(token)).encode(), headers=headers)


def policy(request: web.BaseRequest, site: Site) -> str:
    """The Content-Security-Policy of a page: its own files and the backends of this process, nothing else."""
    # By the name that the browser used as well as by the one that was printed.
    asked = _HOST.match(request.headers.get("Host", ""))
    names = () if asked is None else (asked[1],)
    sources: list[str] = []
    for served in site.served():
        split = urlsplit(served.url)
        host = f"[{split.hostname}]" if ":" in str(split.hostname) else str(split.hostname)
        for name in dict.fromkeys((host, *names)):
            for scheme in (split.scheme, split.scheme.replace("http", "ws")):
                sources.append(f"{scheme}://{name}:{split.port}")
    allowed = [*dict.fromkeys(sources)]
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            # Backends on other ports hold what was uploaded.
            f"img-src 'self' data: blob: {' '.join(where for where in allowed if where.startswith('http'))}".rstrip(),
            f"connect-src 'self' {' '.join(allowed)}".rstrip(),
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


def _asset(request: web.BaseRequest, parts: list[str]) -> web.Response:
    _reads_only(request)
    path = _files().get("/".join(parts))
    if path is None:
        raise Complaint(404, f"there is no asset {'/'.join(parts)!r}")
    kind = _TYPES.get(path.suffix, "text/plain; charset=utf-8")
    # An asset that is opened by itself is nothing that could do anything.
    headers = {**_HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox", "Content-Type": kind}
    return web.Response(body=path.read_bytes(), headers=headers)


@cache
def _files() -> dict[str, Path]:
    """Every file that there is, by its address: whatever a path says, nothing else is read."""
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path
        for name, folder in _FOLDERS.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }


def _reads_only(request: web.BaseRequest) -> None:
    if request.method not in ("GET", "HEAD"):
        raise Complaint(405, "a page takes GET", Allow="GET, HEAD")

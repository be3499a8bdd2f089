"""Who may use the control API: programs on this machine, who has the token, and our own pages. No other page ever."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from simulator.serve.admin.complaint import Complaint

if TYPE_CHECKING:
    from simulator.serve.admin.site import Pass


def guard(request: web.BaseRequest, key: Pass) -> None:
    """Whether a call may be answered. Raises Complaint."""
    origin = request.headers.get("Origin")
    # Fetch Metadata tells of pages' requests that bear no Origin; "none" is what a person typed.
    site = request.headers.get("Sec-Fetch-Site", "none")
    if key.token is not None:
        if not _bears(request, key.token):
            why = "expected the header Authorization: Bearer <the token of --admin-token, or the one that was printed>"
            raise Complaint(401, why, WWW_Authenticate="Bearer")
        # Whoever has the token may come by any name; a TLS proxy may stand before us, so the scheme says nothing.
        if origin is not None and _split(origin).netloc.lower() != request.headers.get("Host", "").lower():
            raise Complaint(403, f"the control API does not answer to pages of other sites ({origin})")
        return
    _host(request)
    if origin is None and site == "none":
        return
    # A page of this very port need not be ours: clients can put pages there, as pictures in an object store.
    # So one has to bear what only our own pages know.
    own = f"{request.scheme}://{request.headers.get('Host', '')}"
    if origin not in (None, own) or site not in ("none", "same-origin") or not _bears(request, key.page):
        raise Complaint(403, f"the control API does not answer to pages ({origin or site}), only to programs")


def page(request: web.BaseRequest, key: Pass) -> None:
    """Whether one of our pages may be opened: by a person, in a window of its own. Raises Complaint."""
    _named(request, key)
    dest = request.headers.get("Sec-Fetch-Dest", "document")
    if dest != "document":
        raise Complaint(403, f"this page stands in no other page and is read by none (Sec-Fetch-Dest: {dest})")


def asset(request: web.BaseRequest, key: Pass) -> None:
    """Whether what a page of ours is made of may be loaded: by that page. Raises Complaint."""
    _named(request, key)
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("none", "same-origin"):
        raise Complaint(403, f"the control API does not answer to pages of other sites ({site})")


def _named(request: web.BaseRequest, key: Pass) -> None:
    # Where a token is asked for, a page holds nothing before somebody brings it.
    if key.token is None:
        _host(request)


def _host(request: web.BaseRequest) -> None:
    """A page of another site must not drive a developer's simulator, not even by a name that leads here."""
    host = _split(f"//{request.headers.get('Host', '')}").hostname or ""
    if not is_loopback(host):
        raise Complaint(403, f"the control API does not answer to the Host {host!r}, only to a loopback address")


def _bears(request: web.BaseRequest, token: str) -> bool:
    given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, f"Bearer {token}".encode("utf-8", "surrogateescape"))


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def is_loopback(host: str) -> bool:
    """Whether a name or address can only be reached from this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False

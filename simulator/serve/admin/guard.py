"""Who may use the control API: programs on this machine, or who has the token; no page ever."""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from simulator.serve.admin.complaint import Complaint


def guard(request: web.BaseRequest, loopback: bool, token: str | None) -> None:
    """Raises Complaint. `loopback` says whether the port can only be reached from this machine."""
    if token is not None:
        given = request.headers.get("Authorization", "")
        expected = f"Bearer {token}"
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            why = "expected the header Authorization: Bearer <the token of --admin-token>"
            raise Complaint(401, why, WWW_Authenticate="Bearer")
        return
    if not loopback:
        raise Complaint(403, "the control API is off on this address: start with --admin-token TOKEN")
    # A page of another site must not drive a developer's simulator, not even by a name that leads here.
    host = _split(f"//{request.headers.get('Host', '')}").hostname or ""
    if not is_loopback(host):
        raise Complaint(403, f"the control API does not answer to the Host {host!r}, only to a loopback address")
    # Nor must a page of this very port: clients can put pages there, as pictures in an object store. Fetch Metadata
    # tells of requests that bear no Origin; "none" is what a person typed.
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is not None or site != "none":
        raise Complaint(403, f"the control API does not answer to pages ({origin or site}), only to programs")


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

"""Access tokens: JWTs signed with HMAC-SHA256 (RFC 7519, RFC 7515), the kind of the document's sample URL."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

_HEAD = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
"""{"alg":"HS256","typ":"JWT"}: the head of the document's sample."""


class Unfit(Exception):
    """Why a token lets nobody in: for the operator, who may look at his own tokens. Peers are told nothing."""


def mint(secret: str, tenant: str, org: str, issued: int, expires: int) -> str:
    """A token for a tenant; times in Unix seconds. The names of the claims are guessed."""
    claims = {"tenantId": tenant, "orgId": org, "iat": issued, "exp": expires}
    signed = f"{_HEAD}.{_encoded(orjson.dumps(claims))}"
    return f"{signed}.{_encoded(_mac(secret, signed))}"


def tenant_of(secret: str, token: str, now: float) -> str:
    """The tenant whose token this is. Raises Unfit for one that was forged, has expired or is no token."""
    signed, _, signature = token.rpartition(".")
    try:
        head, _, body = signed.partition(".")
        fine = hmac.compare_digest(_decoded(signature), _mac(secret, signed))
        algorithm: Any = orjson.loads(_decoded(head))
        claims: Any = orjson.loads(_decoded(body))
    except ValueError:
        raise Unfit("the token is no JWT") from None
    if not fine:
        raise Unfit("the token was not signed with the simulator's secret (keys.jwt of its fixtures)")
    # The algorithm is ours to choose, not the token's (RFC 8725, 3.1).
    if not isinstance(algorithm, dict) or algorithm.get("alg") != "HS256":
        raise Unfit("the token does not name HS256 as its algorithm")
    tenant, expires = (claims.get("tenantId"), claims.get("exp")) if isinstance(claims, dict) else (None, None)
    if not isinstance(tenant, str | int) or not isinstance(expires, int | float):
        raise Unfit("the token's claims are not tenantId and exp")
    if now >= expires:
        time = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        raise Unfit(f"the token expired {now - expires:.0f} s ago: it is {time} by the simulator's clock")
    return str(tenant)


def _mac(secret: str, signed: str) -> bytes:
    return hmac.digest(secret.encode(), signed.encode("utf-8", "surrogatepass"), sha256)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)

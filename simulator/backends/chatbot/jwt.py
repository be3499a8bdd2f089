"""JSON Web Tokens with HS256 (RFC 7515, RFC 7519), no more of them than this backend takes: pure, time is given."""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256

import orjson

from simulator.core.message import Json

HEADER = b'{"alg":"HS256","typ":"JWT"}'

LONGEST = 8_192
"""Characters of a token; Node's headers hold no more either."""


_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)")
"""Nothing else: b64decode passes over what is no base64, and many texts would be one token."""


class BadToken(Exception):
    """A token that is not taken; its text is jsonwebtoken's word for it."""


def sign(claims: Mapping[str, Json], secret: str) -> str:
    """A token with these claims, `header.payload.signature`, each in base64url without padding."""
    head = f"{_encode(HEADER)}.{_encode(orjson.dumps(dict(claims)))}"
    return f"{head}.{_encode(_signature(head, secret))}"


def verify(token: str, secret: str, now: float) -> dict[str, Json]:
    """The claims of a token, at a time in Unix seconds. Raises BadToken.

    The algorithm is fixed: what the token's own header asks for (`none`, RS256) is refused before anything is compared.
    """
    parts = _PARTS.fullmatch(token)
    if len(token) > LONGEST or parts is None:
        raise BadToken("jwt malformed")
    head, body, signature = parts.groups()
    header = _object(head)
    if header.get("alg") != "HS256":
        raise BadToken("invalid algorithm")
    if not hmac.compare_digest(_decode(signature), _signature(f"{head}.{body}", secret)):
        raise BadToken("invalid signature")
    claims = _object(body)
    # Seconds, both ends as jsonwebtoken compares them.
    if "exp" in claims and now >= _seconds(claims["exp"], "exp"):
        raise BadToken("jwt expired")
    if "nbf" in claims and now < _seconds(claims["nbf"], "nbf"):
        raise BadToken("jwt not active")
    return claims


def _seconds(value: Json, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"invalid {name} value")
    return value


def _object(part: str) -> dict[str, Json]:
    try:
        found = orjson.loads(_decode(part))
    except orjson.JSONDecodeError:
        raise BadToken("invalid token") from None
    if not isinstance(found, dict):
        raise BadToken("invalid token")
    return found


def _decode(part: str) -> bytes:
    try:
        return urlsafe_b64decode(f"{part}{'=' * (-len(part) % 4)}")
    except binascii.Error:
        raise BadToken("invalid token") from None


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _signature(text: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), text.encode("ascii", "replace"), sha256)

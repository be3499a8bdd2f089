"""AWS Signature Version 4, made and judged by the world's clock; botocore computes, and is imported by its first use.

The document's URLs are signed by query, in the shape of the AWS SDK for JavaScript v2: `Content-Type` is a parameter,
the parameters stand in alphabetical order, and only `host` is a signed header.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from simulator.core.message import Request

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
ONE_WAY = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or "
    "the Authorization header should be specified"
)
VERSION_4 = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
ALL_NEEDED = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, "
    "X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
TOO_LONG = (
    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 "
    "seconds"
)
NO_PAYLOAD = (
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 "
    "value."
)
SKEW = 900
"""Seconds that a signature may be ahead, or off."""
WEEK = 604_800
NAMES = 64
"""Signed headers that are looked at: SDKs sign a dozen, and each costs botocore a look at all others."""
PARAMETERS = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_QUERY, _HEADER = "AuthorizationQueryParametersError", "AuthorizationHeaderMalformed"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,\s*"
    r"Signature=(?P<signature>[^,\s]+)"
)

_PAYLOAD = re.compile(
    r"UNSIGNED-PAYLOAD|STREAMING-UNSIGNED-PAYLOAD-TRAILER|STREAMING-AWS4-(HMAC|ECDSA-P256)-SHA256-PAYLOAD(-TRAILER)?|"
    "[0-9a-f]{64}"
)


@dataclass(slots=True, frozen=True)
class Key:
    """Who signs, and for where."""

    access: str
    secret: str
    region: str = "ap-southeast-1"
    service: str = "s3"


class Denied(Exception):
    """Why a request is not let in: S3's code and message, and what more its XML says."""

    def __init__(self, status: int, code: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.more = {name.replace("_", "-"): value for name, value in more.items()}


@dataclass(slots=True, frozen=True)
class _Signed:
    """What was signed, and by whom, as the client says."""

    credential: str
    date: str
    headers: tuple[str, ...]
    signature: str
    query: str
    """The canonical query, without the signature."""
    payload: str


def presigned(method: str, url: str, parameters: Iterable[tuple[str, str]], key: Key, now: float, expires: int) -> str:
    """A URL that lets its bearer do this one thing for so many seconds; `url` has no query."""
    date = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    pairs = [
        *parameters,
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{key.access}/{date[:8]}/{key.region}/{key.service}/aws4_request"),
        ("X-Amz-Date", date),
        ("X-Amz-Expires", str(expires)),
        ("X-Amz-SignedHeaders", "host"),
    ]
    split = urlsplit(url)
    signed = _Signed("", date, ("host",), "", _query((name, value.encode()) for name, value in pairs), UNSIGNED)
    _, _, signature = _compute(method, split.path, signed, [("host", split.netloc)], key)
    return (
        f"{url}?{_query([*((name, value.encode()) for name, value in pairs), ('X-Amz-Signature', signature.encode())])}"
    )


def judge(request: Request, key: Key, now: float) -> bool:
    """Whether a request is signed: False for one that does not say so. Raises Denied where it says so wrongly."""
    pairs = _pairs(request.query)
    by_query = {name: value.decode("utf-8", "replace") for name, value in pairs if name in PARAMETERS}
    header = request.header("Authorization")
    if (header or "").startswith("AWS ") or {"AWSAccessKeyId", "Signature"} <= {name for name, _ in pairs}:
        # Version 2, which SDKs of old make unless told otherwise; buckets since 2020 take it no more.
        raise Denied(400, "InvalidRequest", VERSION_4)
    if header is not None and by_query:
        raise Denied(400, "InvalidArgument", ONE_WAY)
    if header is not None:
        _by_header(request, header, _query(pairs), key, now)
    elif by_query:
        _by_query(request, by_query, _query(pair for pair in pairs if pair[0] != "X-Amz-Signature"), key, now)
    return bool(by_query) or header is not None


def _by_query(request: Request, given: dict[str, str], query: str, key: Key, now: float) -> None:
    if len(given) < len(PARAMETERS):
        raise Denied(400, _QUERY, ALL_NEEDED)
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise Denied(400, _QUERY, f'X-Amz-Algorithm only supports "{ALGORITHM} and AWS4-ECDSA-P256-SHA256"')
    date = given["X-Amz-Date"]
    signed_at = _read(date)
    if signed_at is None:
        raise Denied(400, _QUERY, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    if not re.fullmatch(r"-?\d{1,18}", given["X-Amz-Expires"], re.ASCII):
        raise Denied(400, _QUERY, "X-Amz-Expires should be a number")
    expires = int(given["X-Amz-Expires"])
    if expires < 0:
        raise Denied(400, _QUERY, "X-Amz-Expires must be non-negative")
    if expires > WEEK:
        raise Denied(400, _QUERY, TOO_LONG)
    names = _names(given["X-Amz-SignedHeaders"])
    _scope(given["X-Amz-Credential"], date, key, _QUERY)
    _all_signed(request, names)
    signed = _Signed(given["X-Amz-Credential"], date, names, given["X-Amz-Signature"], query, UNSIGNED)
    _compare(request, signed, key)
    if now < signed_at - SKEW:
        raise Denied(403, "AccessDenied", "Request is not yet valid", ServerTime=_iso(now))
    if now > signed_at + expires:
        more = {"X_Amz_Expires": expires, "Expires": _iso(signed_at + expires), "ServerTime": _iso(now)}
        raise Denied(403, "AccessDenied", "Request has expired", **more)


def _by_header(request: Request, header: str, query: str, key: Key, now: float) -> None:
    if not header.startswith(ALGORITHM):
        raise Denied(400, "InvalidArgument", "Unsupported Authorization Type")
    found = _AUTHORIZATION.fullmatch(header.strip())
    if found is None:
        raise Denied(400, _HEADER, "The authorization header is malformed.")
    date = request.header("x-amz-date") or ""
    signed_at = _read(date)
    if signed_at is None:
        raise Denied(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    payload = request.header("x-amz-content-sha256") or _hash(request.body)
    names = _names(found["headers"])
    _scope(found["credential"], date, key, _HEADER)
    if key.service == "s3":
        if request.header("x-amz-content-sha256") is None:
            raise Denied(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        if not _PAYLOAD.fullmatch(payload):
            named = {"ArgumentName": "x-amz-content-sha256", "ArgumentValue": payload}
            raise Denied(400, "InvalidArgument", NO_PAYLOAD, **named)
        _all_signed(request, names)
    _compare(request, _Signed(found["credential"], date, names, found["signature"], query, payload), key)
    if abs(now - signed_at) > SKEW:
        more = {"RequestTime": date, "ServerTime": _iso(now), "MaxAllowedSkewMilliseconds": SKEW * 1000}
        text = "The difference between the request time and the current time is too large."
        raise Denied(403, "RequestTimeTooSkewed", text, **more)


def _names(text: str) -> tuple[str, ...]:
    """Signed headers; what can't be a header's name is never there, and a signature of too many is none."""
    found = [name for name in text.lower().split(";") if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII)]
    return tuple(found[:NAMES])


def _scope(credential: str, date: str, key: Key, code: str) -> None:
    parts = credential.split("/")
    where = "X-Amz-Credential parameter" if code == _QUERY else "authorization header"
    start = f"Error parsing the {where}; " if code == _QUERY else "The authorization header is malformed; "
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise Denied(400, code, f"{start}the Credential is mal-formed; expecting "
                     '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".')  # fmt: skip
    access, day, region, service, _ = parts
    if day != date[:8]:
        raise Denied(400, code, f'{start}Invalid credential date "{day}". This date is not the same as X-Amz-Date: '
                     f'"{date[:8]}".')  # fmt: skip
    if region != key.region:
        raise Denied(400, code, f"{start}the region '{region}' is wrong; expecting '{key.region}'", Region=key.region)
    if service != key.service:
        raise Denied(400, code, f'{start}incorrect service "{service}". This endpoint belongs to "{key.service}".')
    if access != key.access:
        text = "The AWS Access Key Id you provided does not exist in our records."
        raise Denied(403, "InvalidAccessKeyId", text, AWSAccessKeyId=access)


def _all_signed(request: Request, names: Sequence[str]) -> None:
    """What S3 acts upon has to be signed; the hash of the body stands in the signature anyway."""
    loose = [
        name.lower()
        for name, _ in request.headers
        if name.lower().startswith("x-amz-") and name.lower() not in (*names, "x-amz-content-sha256")
    ]
    if loose or "host" not in names:
        text = "There were headers present in the request which were not signed"
        raise Denied(403, "AccessDenied", text, HeadersNotSigned=", ".join(loose or ["host"]))


def _compare(request: Request, signed: _Signed, key: Key) -> None:
    headers = [(name, " ".join(_clean(request.header(name) or "").split())) for name in signed.headers]
    # The client signed the path that it sees, with the prefix of its space.
    path = _clean(urlsplit(request.base).path + request.path)
    if key.service == "s3":
        path = quote(unquote_to_bytes(path), safe="/-_.~")
    canonical, string, signature = _compute(request.method, path, signed, headers, key)
    if not hmac.compare_digest(signature.encode(), signed.signature.encode("utf-8", "replace")):
        raise Denied(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing "
            "method.",
            AWSAccessKeyId=key.access,
            StringToSign=string,
            SignatureProvided=signed.signature,
            StringToSignBytes=string.encode().hex(" "),
            CanonicalRequest=canonical,
            CanonicalRequestBytes=canonical.encode().hex(" "),
        )


@cache
def _auth() -> Any:
    """botocore's signer, made to sign what it is told instead of what it would choose; imported late, it is big."""
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.compat import HTTPHeaders
    from botocore.credentials import Credentials

    class Exact:
        """Signs exactly these headers and this hash of the body."""

        def headers_to_sign(self, request: Any) -> Any:
            headers = HTTPHeaders()
            for name, value in request.context["headers"]:
                headers[name] = value
            return headers

        def payload(self, request: Any) -> Any:
            return request.context["payload"]

    signers = {
        # S3 takes the path as it is, others encode it once more.
        "s3": type("S3", (Exact, S3SigV4Auth), {}),
        "execute-api": type("Api", (Exact, SigV4Auth), {}),
    }

    def sign(method: str, url: str, date: str, headers: object, payload: str, key: Key) -> tuple[str, str, str]:
        signer = signers[key.service](Credentials(key.access, key.secret), key.service, key.region)
        request = AWSRequest(method, url)
        request.context.update(timestamp=date, headers=headers, payload=payload)
        canonical = signer.canonical_request(request)
        string = signer.string_to_sign(request, canonical)
        return canonical, string, signer.signature(string, request)

    return sign


def _compute(
    method: str, path: str, signed: _Signed, headers: Sequence[tuple[str, str]], key: Key
) -> tuple[str, str, str]:
    """Canonical request, string to sign, signature."""
    url = f"http://host{path}?{signed.query}"
    result: tuple[str, str, str] = _auth()(method, url, signed.date, headers, signed.payload, key)
    return result


def _pairs(query: str) -> list[tuple[str, bytes]]:
    found = [part.partition("=") for part in _clean(query).split("&") if part]
    return [(unquote(name), unquote_to_bytes(value)) for name, _, value in found]


def _query(pairs: Iterable[tuple[str, bytes]]) -> str:
    """Encoded and sorted, as it is signed."""
    return "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs))


def _clean(text: str) -> str:
    """Without lone surrogates, which stand for bytes that are not UTF-8: nobody has signed these."""
    return text.encode("utf-8", "replace").decode()


def _hash(body: bytes) -> str:
    return sha256(body).hexdigest()


def _read(date: str) -> float | None:
    """Unix seconds."""
    if not re.fullmatch(r"\d{8}T\d{6}Z", date, re.ASCII):
        return None
    try:
        return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _iso(now: float) -> str:
    return f"{datetime.fromtimestamp(now, UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"

"""Requests signed by botocore itself, at any time: what a real SDK sends, without a network."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from simulator.backends.concierge.presign import Key
from simulator.core.message import Headers


def signed(
    method: str, path: str, key: Key, now: float, body: bytes = b"", host: str = "127.0.0.1", **headers: str
) -> Headers:
    """The header lines of a signed request; in names `_` stands for `-`."""
    signer: Any = (S3SigV4Auth if key.service == "s3" else SigV4Auth)(
        Credentials(key.access, key.secret), key.service, key.region
    )
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    lines["X-Amz-Date"] = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    if key.service == "s3":
        lines.setdefault("X-Amz-Content-SHA256", sha256(body).hexdigest())
    request = AWSRequest(method, f"http://{host}{path}", data=body, headers=lines)
    request.context["timestamp"] = lines["X-Amz-Date"]
    string = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(string, request))
    return (("Host", host), *((name, str(value)) for name, value in request.headers.items()))

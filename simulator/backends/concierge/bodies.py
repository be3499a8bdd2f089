"""The body of an upload: its length, its framing, its checksums, and what S3 says where one of them is wrong."""

from __future__ import annotations

import base64
import binascii
import re

from simulator.backends.concierge.presign import UNSIGNED, Denied
from simulator.core.message import Request
from simulator.core.objects import Upload, UploadFlaw

FRAMED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
"""x-amz-content-sha256 of a body in chunks of aws-chunked that are not signed one by one."""

CHECKSUMS = {
    "x-amz-checksum-crc32": 4,
    "x-amz-checksum-crc32c": 4,
    "x-amz-checksum-crc64nvme": 8,
    "x-amz-checksum-sha1": 20,
    "x-amz-checksum-sha256": 32,
}
"""Header lines, or lines behind a framed body, and the bytes of each."""

FEWER = "You did not provide the number of bytes specified by the Content-Length HTTP header"


def framed(request: Request) -> int | None:
    """The bytes in the chunks of a body whose framing is taken off; None where there is none.

    S3 takes off what x-amz-content-sha256 announces, and that alone (aws-chunked beside a hash is stored as it is).
    """
    if request.header("x-amz-content-sha256") != FRAMED or request.header("Authorization") is None:
        return None
    size = request.header("x-amz-decoded-content-length") or ""
    return int(size) if re.fullmatch(r"\d{1,18}", size, re.ASCII) else None


def framing(request: Request) -> None:
    """Chunks within the body must not be stored as if they were the object."""
    payload = request.header("x-amz-content-sha256") or UNSIGNED
    if payload.startswith("STREAMING-") and (payload != FRAMED or request.header("Authorization") is None):
        text = "A header you provided implies functionality that is not implemented"
        raise Denied(501, "NotImplemented", text, Header="x-amz-content-sha256")
    if payload == UNSIGNED and "aws-chunked" in request.tokens("Content-Encoding"):
        text = "aws-chunked encoding is not supported when x-amz-content-sha256 UNSIGNED-PAYLOAD is supplied"
        more = {"ArgumentName": "Content-Encoding", "ArgumentValue": request.header("Content-Encoding")}
        raise Denied(400, "InvalidArgument", text, **more)
    if any(name not in CHECKSUMS for name in request.tokens("x-amz-trailer")):
        raise Denied(400, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported")


def too_large(size: object, limit: int) -> Denied:
    text = "Your proposed upload exceeds the maximum allowed size"
    return Denied(400, "EntityTooLarge", text, ProposedSize=size, MaxSizeAllowed=limit)


def md5(text: str) -> str | None:
    """The digest in hexadecimal, None where it is none."""
    raw = _base64(text)
    return raw.hex() if raw is not None and len(raw) == 16 else None


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def incomplete(request: Request, flaw: UploadFlaw | None, limit: int) -> Denied:
    """Why there is no upload."""
    if flaw is UploadFlaw.SMALL_CHUNK:
        text = "Only the last chunk is allowed to have a size less than 8192 bytes"
        return Denied(400, "InvalidChunkSizeError", text)
    if framed(request) is not None and flaw is UploadFlaw.MALFORMED:
        return Denied(400, "IncompleteBody", "The request body terminated unexpectedly")
    if framed(request) is None and flaw is UploadFlaw.TOO_BIG:
        return too_large(request.header("Content-Length"), limit)
    return Denied(400, "IncompleteBody", FEWER)


def checked(request: Request, upload: Upload) -> None:
    """The checksums that came before the body or behind it, those at least that can be computed here."""
    promised, came = {*request.tokens("x-amz-trailer")}, dict(upload.trailers)
    if {*came} != promised:
        text = (
            "The request contained trailing data that was not well-formed or did not conform to our published schema."
        )
        raise Denied(400, "MalformedTrailerError", text)
    ours = {
        "x-amz-checksum-crc32": upload.crc32.to_bytes(4, "big"),
        "x-amz-checksum-sha256": bytes.fromhex(upload.sha256),
    }
    for name, size in CHECKSUMS.items():
        value = came.get(name) or request.header(name)
        if value is None:
            continue
        raw = _base64(value)
        if raw is None or len(raw) != size:
            kind = "trailing header" if name in came else "header"
            raise Denied(400, "InvalidRequest", f"Value for {name} {kind} is invalid.")
        if raw != ours.get(name, raw):
            algorithm = name.removeprefix("x-amz-checksum-").upper()
            raise Denied(400, "BadDigest", f"The {algorithm} you specified did not match the calculated checksum.")

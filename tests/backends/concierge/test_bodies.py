"""What the body of an upload may be: framed ones, checksums before and behind it."""

from __future__ import annotations

import base64
import zlib
from hashlib import sha1, sha256

import pytest

from simulator.backends.concierge.bodies import FRAMED
from simulator.core.message import Response
from simulator.core.objects import UploadFlaw
from tests.backends.concierge.bucket import ETAG, KEY, NOW, OBJECT, PNG, code, put, said
from tests.backends.concierge.sign import signed
from tests.backends.concierge.speak import BUCKET, HOST, http, with_store
from tests.serve.test_framed import framed
from tests.talk import Talk


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


CRC32, SHA256 = b64(zlib.crc32(PNG).to_bytes(4, "big")), b64(sha256(PNG).digest())
SIZE = str(len(PNG))


def stream(talk: Talk, body: bytes, size: str | None = SIZE, **headers: str) -> Response:
    """As SDKs send what they can't read twice: signed by header, its checksum behind it."""
    if size is not None:
        headers["x_amz_decoded_content_length"] = size
    return put(talk, body, NOW, KEY, "/chat-images/a.png", X_Amz_Content_SHA256=FRAMED, **headers)


def test_the_framing_is_taken_off() -> None:
    talk, shelf = with_store()
    body = framed(PNG, trailers=f"x-amz-checksum-crc32:{CRC32}\r\n".encode())
    answer = stream(talk, body, x_amz_trailer="x-amz-checksum-crc32", Content_Encoding="gzip, aws-chunked")
    assert (answer.status, dict(answer.headers)["ETag"]) == (200, ETAG)
    assert shelf.kept["0"].size == len(PNG)
    assert dict(http(talk, "GET", OBJECT).headers)["Content-Encoding"] == "gzip"
    assert stream(talk, framed(PNG), Content_Encoding="aws-chunked").status == 200
    assert "Content-Encoding" not in dict(http(talk, "GET", OBJECT).headers)


@pytest.mark.parametrize("size", [None, "", "x", "-1", "1" * 19, "\u0661"])
def test_no_length(size: str | None) -> None:
    talk, shelf = with_store()
    assert code(stream(talk, framed(PNG), size)) == (411, "MissingContentLength")
    assert not shelf.coming


def test_lengths_that_are_wrong() -> None:
    talk, shelf = with_store(upload_limit=100)
    assert code(stream(talk, framed(PNG), "101")) == (400, "EntityTooLarge")
    for size in ("0", str(len(PNG) - 1), str(len(PNG) + 1)):
        wrong = said(stream(talk, framed(PNG), size))
        assert (wrong["Code"], wrong["Message"]) == (
            "IncompleteBody",
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        )
    assert not shelf.kept


def test_frames_that_are_wrong() -> None:
    talk, shelf = with_store()
    broken = said(stream(talk, framed(PNG)[:-2]))
    assert (broken["Code"], broken["Message"]) == ("IncompleteBody", "The request body terminated unexpectedly")
    small = stream(talk, framed(PNG[:3], PNG[3:]))
    assert code(small) == (400, "InvalidChunkSizeError")
    assert not shelf.kept


@pytest.mark.parametrize(
    ("promised", "came", "answer"),
    [
        ("x-amz-checksum-crc32", "", "MalformedTrailerError"),
        ("", f"x-amz-checksum-crc32:{CRC32}", "MalformedTrailerError"),
        ("x-amz-checksum-crc32", f":{CRC32}", "MalformedTrailerError"),
        ("x-amz-checksum-crc32", "invalid_trailer:x", "MalformedTrailerError"),
        ("x-amz-checksum-crc32", CRC32, "MalformedTrailerError"),
        ("x-amz-checksum-md9", "x-amz-checksum-md9:x", "InvalidRequest"),
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32:x", "InvalidRequest"),
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32:AAAA", "InvalidRequest"),
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32:AAAAAA==", "BadDigest"),
        ("X-Amz-Checksum-Sha256", f"x-amz-checksum-sha256: {SHA256}", None),
        ("x-amz-checksum-crc64nvme", "x-amz-checksum-crc64nvme:AAAAAAAAAAA=", None),
    ],
)
def test_trailers(promised: str, came: str, answer: str | None) -> None:
    talk, shelf = with_store()
    body = framed(PNG, trailers=f"{came}\r\n".encode() if came else b"")
    response = stream(talk, body, **({"x_amz_trailer": promised} if promised else {}))
    assert (response.status, answer) == (200, None) if answer is None else code(response) == (400, answer)
    assert bool(shelf.kept) is (answer is None)


def test_texts_of_checksums() -> None:
    talk, _ = with_store()
    behind = framed(PNG, trailers=b"x-amz-checksum-crc32:!\r\n")
    texts = [
        said(stream(talk, behind, x_amz_trailer="x-amz-checksum-crc32"))["Message"],
        said(put(talk, x_amz_checksum_crc32="!"))["Message"],
        said(put(talk, x_amz_checksum_crc32="AAAAAA=="))["Message"],
        said(put(talk, x_amz_checksum_sha256=b64(bytes(32))))["Message"],
    ]
    assert texts == [
        "Value for x-amz-checksum-crc32 trailing header is invalid.",
        "Value for x-amz-checksum-crc32 header is invalid.",
        "The CRC32 you specified did not match the calculated checksum.",
        "The SHA256 you specified did not match the calculated checksum.",
    ]


def test_checksums_before_the_body() -> None:
    talk, _ = with_store()
    assert put(talk, x_amz_checksum_crc32=CRC32).status == put(talk, x_amz_checksum_sha256=SHA256).status == 200
    # Of the right length: what can't be computed here is believed.
    assert put(talk, x_amz_checksum_sha1=b64(sha1(b"", usedforsecurity=False).digest())).status == 200
    assert code(put(talk, x_amz_checksum_sha1="AAAA")) == (400, "InvalidRequest")


@pytest.mark.parametrize("flaw", [UploadFlaw.TOO_BIG, UploadFlaw.MALFORMED])
def test_what_the_edge_says_of_a_framed_body(flaw: UploadFlaw) -> None:
    talk, _ = with_store()
    path = f"/{BUCKET}/chat-images/a.png"
    headers = {"X_Amz_Content_SHA256": FRAMED, "x_amz_decoded_content_length": SIZE}
    lines = signed("PUT", path, KEY, NOW, PNG, HOST, **headers)
    assert code(http(talk, "PUT", OBJECT, framed(PNG), lines, flaw=flaw)) == (400, "IncompleteBody")

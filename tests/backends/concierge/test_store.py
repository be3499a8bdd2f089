"""Upload URLs and the object store, as S3 answers; URLs of the three SDKs are judged, and what was done to them."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from hashlib import md5
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
import pytest
from botocore.config import Config

from simulator.backends.concierge import presign, store
from simulator.backends.concierge.presign import Key
from simulator.core.message import Headers, Request, Response
from simulator.core.objects import UploadFlaw
from tests.backends.concierge.sign import signed
from tests.backends.concierge.speak import (
    ACCESS,
    BUCKET,
    HOST,
    REGION,
    SECRET,
    concierge,
    http,
    upload_url,
    with_store,
)
from tests.talk import Talk

NOW = 1767225600
KEY = Key(ACCESS, SECRET, REGION)
PNG = b"\x89PNG not really"
ETAG = f'"{md5(PNG, usedforsecurity=False).hexdigest()}"'
OBJECT = f"http://{HOST}/{BUCKET}/chat-images/a.png"
TYPE: Headers = (("Content-Type", "image/png"),)


def said(response: Response) -> dict[str, str]:
    """An error's XML."""
    assert dict(response.headers)["Content-Type"] == "application/xml"
    root = ElementTree.fromstring(response.body)  # noqa: S314
    assert root.tag == "Error"
    assert response.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>')
    return {child.tag: child.text or "" for child in root}


def code(response: Response) -> tuple[int, str]:
    return response.status, said(response)["Code"]


def url_for(method: str = "PUT", now: float = NOW, expires: int = 900, key: Key = KEY, url: str = OBJECT) -> str:
    return presign.presigned(method, url, [("Content-Type", "image/png")], key, now, expires)


# ---- the documented way ----


def test_a_picture_goes_up_and_can_be_seen() -> None:
    talk, shelf = with_store()
    data = upload_url(talk)
    path = data["uploadPath"]
    assert re.fullmatch(r"/chat-images/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.png", path)
    assert data == {
        "uploadURL": data["uploadURL"],
        "fileName": "512x512.png",
        "uploadPath": path,
        "resourceUrl": f"http://{HOST}/{BUCKET}{path}",
    }
    assert data["uploadURL"].startswith(
        f"{data['resourceUrl']}?Content-Type=image%2Fpng&X-Amz-Algorithm=AWS4-HMAC-SHA256&"
    )
    assert [name for name, _ in parse_qsl(urlsplit(data["uploadURL"]).query)] == [
        "Content-Type", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    ]  # fmt: skip
    assert code(http(talk, "GET", data["resourceUrl"])) == (404, "NoSuchKey")
    put = http(talk, "PUT", data["uploadURL"], PNG, TYPE)
    headers = dict(put.headers)
    assert (put.status, put.body, headers["Content-Length"]) == (200, b"", "0")
    assert headers["ETag"] == ETAG
    assert headers["Server"] == "AmazonS3"
    assert re.fullmatch("[0-9A-Z]{16}", headers["x-amz-request-id"])
    assert len(headers["x-amz-id-2"]) == 76
    got = http(talk, "GET", data["resourceUrl"])
    headers = dict(got.headers)
    assert (got.status, got.stored) == (200, shelf.kept["0"])
    assert (headers["Content-Type"], headers["Content-Length"]) == ("image/png", str(len(PNG)))
    assert (headers["ETag"], headers["Accept-Ranges"]) == (ETAG, "bytes")
    assert headers["Last-Modified"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    head = http(talk, "HEAD", data["resourceUrl"])
    assert (head.status, head.stored, dict(head.headers)["Content-Length"]) == (200, None, str(len(PNG)))
    assert http(talk, "GET", data["resourceUrl"], headers=(("If-None-Match", ETAG),)).status == 304


@pytest.mark.parametrize(("filename", "end"), [
    ("a.PDF", ".PDF"), ("no end", ""), ("a.b/../c", ""), (".png", ".png"), ("x." + "y" * 20, ""), ("ภาพ.jpeg", ".jpeg"),
])  # fmt: skip
def test_names_of_objects_are_not_made_of_what_a_client_says(filename: str, end: str) -> None:
    data = upload_url(concierge(), filename)
    assert re.fullmatch(rf"/chat-images/[0-9a-f-]{{36}}{re.escape(end)}", data["uploadPath"])
    assert data["fileName"] == filename


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"filename":"","mimeType":"a","type":"b"}',
                                  b'{"filename":"a","mimeType":"a","type":"../b"}'])  # fmt: skip
def test_bad_requests_for_a_url(body: bytes) -> None:
    answer = http(concierge(), "POST", f"http://{HOST}/file-new/get-upload-url", body)
    assert answer.status == 400
    assert json.loads(answer.body)["message"]


def test_a_url_serves_until_it_expires_and_the_last_upload_counts() -> None:
    talk, shelf = with_store()
    url = upload_url(talk)["uploadURL"]
    for _ in range(2):
        assert http(talk, "PUT", url, PNG, TYPE).status == 200
    assert [*shelf.kept] == ["1"]
    talk.after(900)
    assert http(talk, "PUT", url, b"new").status == 200
    stored = http(talk, "GET", url.partition("?")[0])
    assert dict(stored.headers)["Content-Type"] == "image/png", "of the query, where no header says another"
    talk.after(1)
    expired = http(talk, "PUT", url, PNG, TYPE)
    assert said(expired) == {
        "Code": "AccessDenied",
        "Message": "Request has expired",
        "X-Amz-Expires": "900",
        "Expires": "2026-01-01T00:15:00Z",
        "ServerTime": "2026-01-01T00:15:01Z",
        "RequestId": dict(expired.headers)["x-amz-request-id"],
        "HostId": dict(expired.headers)["x-amz-id-2"],
    }
    assert expired.status == 403


@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [
        ("bytes=0-3", 206, (0, 4)),
        ("bytes=4-", 206, (4, 15)),
        ("bytes=4-999", 206, (4, 15)),
        ("bytes=-5", 206, (10, 15)),
        ("bytes=-999", 206, (0, 15)),
        ("bytes=14-14", 206, (14, 15)),
        ("bytes=15-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-2", 200, None),
        ("bytes=-", 200, None),
        ("bytes=0-1,3-4", 200, None),
        ("lines=1-2", 200, None),
    ],
)
def test_ranges(asked: str, status: int, span: tuple[int, int] | None) -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), PNG).status == 200
    answer = http(talk, "GET", OBJECT, headers=(("Range", asked),))
    assert (answer.status, answer.span) == (status, span)
    headers = dict(answer.headers)
    if span is not None:
        assert headers["Content-Range"] == f"bytes {span[0]}-{span[1] - 1}/{len(PNG)}"
        assert headers["Content-Length"] == str(span[1] - span[0])
    elif status == 416:
        assert said(answer)["ActualObjectSize"] == str(len(PNG))
    else:
        assert headers["Content-Length"] == str(len(PNG))


# ---- what was done to a URL ----


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("image%2Fpng", "text%2Fhtml"),
        ("X-Amz-Expires=900", "X-Amz-Expires=901"),
        ("X-Amz-Date=20260101T000000Z", "X-Amz-Date=20260101T000001Z"),
        ("chat-images/", "chat-images/x"),
        ("?", "?extra=1&"),
        ("Content-Type=image%2Fpng&", ""),
    ],
)
def test_tampered(old: str, new: str) -> None:
    talk, _ = with_store()
    response = http(talk, "PUT", url_for().replace(old, new), PNG)
    told = said(response)
    assert (response.status, told["Code"]) == (403, "SignatureDoesNotMatch")
    assert told["AWSAccessKeyId"] == ACCESS
    assert told["StringToSign"].startswith("AWS4-HMAC-SHA256\n2026")
    assert bytes.fromhex(told["StringToSignBytes"]).decode() == told["StringToSign"]
    assert told["CanonicalRequest"].startswith("PUT\n/chat-uat-resources/")
    assert told["CanonicalRequest"].endswith("\nhost\nUNSIGNED-PAYLOAD")
    assert bytes.fromhex(told["CanonicalRequestBytes"]).decode() == told["CanonicalRequest"]


def test_wrong_method_and_wrong_host() -> None:
    talk, _ = with_store()
    assert code(http(talk, "PUT", url_for("GET"), PNG)) == (403, "SignatureDoesNotMatch")
    assert code(http(talk, "GET", url_for("PUT"))) == (403, "SignatureDoesNotMatch")
    assert code(http(talk, "PUT", url_for(), PNG, (("Host", "127.0.0.1:9"),))) == (403, "SignatureDoesNotMatch")
    assert code(http(talk, "POST", url_for("POST"))) == (405, "MethodNotAllowed")
    assert http(talk, "PUT", url_for(), PNG, (("Host", HOST),)).status == 200


def with_parameter(name: str, value: str | None) -> str:
    bare, _, query = url_for().partition("?")
    pairs = [(key, value if key == name else old) for key, old in parse_qsl(query)]
    return f"{bare}?" + "&".join(f"{key}={quote(found, safe='')}" for key, found in pairs if found is not None)


QUERY = "AuthorizationQueryParametersError"


@pytest.mark.parametrize(
    ("name", "value", "status", "name_of_error", "text"),
    [
        *((name, None, 400, QUERY, presign.ALL_NEEDED) for name in presign.PARAMETERS),
        ("X-Amz-Algorithm", "AWS2", 400, QUERY, 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"'),
        ("X-Amz-Date", "today", 400, QUERY, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""),
        ("X-Amz-Date", "20261301T000000Z", 400, QUERY, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""),
        ("X-Amz-Expires", "soon", 400, QUERY, "X-Amz-Expires should be a number"),
        ("X-Amz-Expires", "-1", 400, QUERY, "X-Amz-Expires must be non-negative"),
        ("X-Amz-Expires", "604801", 400, QUERY, presign.TOO_LONG),
        ("X-Amz-Credential", "x", 400, QUERY, "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
         'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'),
        ("X-Amz-Credential", f"{ACCESS}/20260102/{REGION}/s3/aws4_request", 400, QUERY, "Error parsing the X-Amz-Credential "
         'parameter; Invalid credential date "20260102". This date is not the same as X-Amz-Date: "20260101".'),
        ("X-Amz-Credential", f"{ACCESS}/20260101/us-east-1/s3/aws4_request", 400, QUERY, "Error parsing the X-Amz-Credential "
         "parameter; the region 'us-east-1' is wrong; expecting 'ap-southeast-1'"),
        ("X-Amz-Credential", f"{ACCESS}/20260101/{REGION}/sqs/aws4_request", 400, QUERY, "Error parsing the X-Amz-Credential "
         'parameter; incorrect service "sqs". This endpoint belongs to "s3".'),
        ("X-Amz-Credential", f"AKNOBODY/20260101/{REGION}/s3/aws4_request", 403, "InvalidAccessKeyId",
         "The AWS Access Key Id you provided does not exist in our records."),
        ("X-Amz-SignedHeaders", "content-type", 403, "AccessDenied",
         "There were headers present in the request which were not signed"),
        ("X-Amz-SignedHeaders", "host;\n", 403, "SignatureDoesNotMatch",
         "The request signature we calculated does not match the signature you provided. Check your key and signing method."),
    ],
)  # fmt: skip
def test_parameters(name: str, value: str | None, status: int, name_of_error: str, text: str) -> None:
    talk, _ = with_store()
    url = with_parameter(name, value)
    if value == "host;\n":
        url = url.replace("X-Amz-Signature=", "X-Amz-Signature=0")
    response = http(talk, "PUT", url, PNG)
    told = said(response)
    assert (response.status, told["Code"], told["Message"]) == (status, name_of_error, text)


def test_not_yet_valid_and_two_signatures() -> None:
    talk, _ = with_store()
    response = http(talk, "PUT", url_for(now=NOW + 901), PNG)
    assert (response.status, said(response)["Message"]) == (403, "Request is not yet valid")
    assert http(talk, "PUT", url_for(now=NOW + 900), PNG).status == 200
    both = http(talk, "PUT", url_for(), PNG, (("Authorization", "x"),))
    assert code(both) == (400, "InvalidArgument")


def test_headers_that_were_not_signed() -> None:
    talk, _ = with_store()
    response = http(talk, "PUT", url_for(), PNG, (("x-amz-acl", "public-read"), ("x-amz-content-sha256", "x")))
    assert code(response) == (403, "AccessDenied")
    assert said(response)["HeadersNotSigned"] == "x-amz-acl"


# ---- other SDKs ----


def s3(style: str = "path", **more: Any) -> Any:
    config = Config(signature_version="s3v4", s3={"addressing_style": style}, **more)
    return boto3.client(
        "s3", region_name=REGION, endpoint_url="http://localhost:8090", config=config,
        aws_access_key_id=ACCESS, aws_secret_access_key=SECRET,
    )  # fmt: skip


@pytest.fixture
def now() -> Any:
    """A concierge whose clock stands where boto3's does."""
    from simulator.serve.clock import WallClock

    talk, shelf = with_store()
    talk.after(WallClock().now() - talk.clock.now())
    return talk, shelf


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_url_of_boto3(now: Any, style: str) -> None:
    talk, _ = now
    params = {"Bucket": BUCKET, "Key": "chat-images/ä b+c~.png", "ContentType": "image/png"}
    url = s3(style).generate_presigned_url("put_object", params)
    assert (f"{BUCKET}.localhost" in url) is (style == "virtual")
    assert code(http(talk, "PUT", url, PNG, (("Content-Type", "text/html"),))) == (403, "SignatureDoesNotMatch")
    assert http(talk, "PUT", url, PNG, TYPE).status == 200
    get = s3(style).generate_presigned_url("get_object", {name: params[name] for name in ("Bucket", "Key")})
    assert http(talk, "GET", get).status == 200
    assert http(talk, "GET", get.partition("?")[0]).status == 200
    assert code(http(talk, "GET", get.replace("Signature=", "Signature=0"))) == (403, "SignatureDoesNotMatch")


# From the table of the three SDKs' shapes: JS v2 (with and without a signed x-amz-acl) and JS v3, signed by our key.


def shaped(parameters: list[tuple[str, str]]) -> str:
    return presign.presigned("PUT", OBJECT, parameters, KEY, NOW, 900)


def test_urls_of_the_javascript_sdks() -> None:
    talk, _ = with_store()
    v3 = [("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"), ("x-amz-checksum-crc32", "AAAAAA=="),
          ("x-amz-sdk-checksum-algorithm", "CRC32"), ("x-id", "PutObject")]  # fmt: skip
    for parameters in (v3, [("Content-Type", "image/png"), ("x-amz-acl", "public-read")]):
        url = shaped(parameters)
        query = urlsplit(url).query.split("&")
        assert http(talk, "PUT", f"{OBJECT}?{'&'.join(reversed(query))}", PNG).status == 200, "in any order"


# ---- header signatures ----


def put(
    talk: Talk, body: bytes = PNG, at: float = NOW, key: Key = KEY, path: str = "/chat-images/a.png", **headers: str
) -> Response:
    lines = signed("PUT", f"/{BUCKET}{path}", key, at, body, HOST, **headers)
    return http(talk, "PUT", f"http://{HOST}/{BUCKET}{path}", body, lines)


def test_header_signatures() -> None:
    talk, _ = with_store()
    assert put(talk, x_amz_meta_who="ada", Cache_Control="no-store").status == 200
    headers = dict(http(talk, "GET", OBJECT).headers)
    assert (headers["x-amz-meta-who"], headers["Cache-Control"]) == ("ada", "no-store")
    assert headers["Content-Type"] == "binary/octet-stream"
    assert code(put(talk, key=Key(ACCESS, "x", REGION))) == (403, "SignatureDoesNotMatch")
    assert code(put(talk, key=Key(ACCESS, SECRET, "us-east-1"))) == (400, "AuthorizationHeaderMalformed")
    assert code(put(talk, at=NOW - 901)) == (403, "RequestTimeTooSkewed")
    assert put(talk, at=NOW + 900).status == 200
    lines = signed("DELETE", f"/{BUCKET}/chat-images/a.png", KEY, NOW, b"", HOST)
    for _ in range(2):
        assert http(talk, "DELETE", OBJECT, headers=lines).status == 204
    assert code(http(talk, "GET", OBJECT)) == (404, "NoSuchKey")
    assert code(http(talk, "DELETE", OBJECT)) == (403, "AccessDenied")


def test_headers_that_are_wrong() -> None:
    talk, _ = with_store()
    good = dict(signed("PUT", f"/{BUCKET}/chat-images/a.png", KEY, NOW, PNG, HOST))

    def with_(**changed: str | None) -> tuple[int, str]:
        lines = {**good, **{name.replace("_", "-"): value for name, value in changed.items()}}
        return code(
            http(talk, "PUT", OBJECT, PNG, tuple((name, value) for name, value in lines.items() if value is not None))
        )

    assert with_(Authorization="Bearer x") == (400, "InvalidArgument")
    assert with_(Authorization="AWS4-HMAC-SHA256 x") == (400, "AuthorizationHeaderMalformed")
    assert with_(X_Amz_Date=None) == (403, "AccessDenied")
    assert with_(X_Amz_Content_SHA256=None) == (400, "InvalidRequest")
    assert with_(X_Amz_Content_SHA256="STREAMING-UNSIGNED-PAYLOAD-TRAILER") == (501, "NotImplemented")
    assert with_(Authorization=None) == (403, "AccessDenied")
    assert with_(x_amz_acl="private") == (403, "AccessDenied")


# ---- uploads that are not taken ----


def test_uploads_that_are_not_taken() -> None:
    talk, shelf = with_store(upload_limit=20)
    assert code(http(talk, "PUT", OBJECT, PNG)) == (403, "AccessDenied")
    big = http(talk, "PUT", url_for(), b"x" * 21)
    assert (code(big), said(big)["MaxSizeAllowed"]) == ((400, "EntityTooLarge"), "20")
    assert code(http(talk, "PUT", url_for(), PNG, (("Content-Length", "x"),))) == (400, "EntityTooLarge")
    assert code(http(talk, "PUT", url_for(), PNG, flaw=UploadFlaw.TOO_BIG)) == (400, "EntityTooLarge")
    assert code(http(talk, "PUT", url_for(), PNG, flaw=UploadFlaw.MALFORMED)) == (400, "IncompleteBody")
    for wrong in ("x", "eA=="):
        assert code(http(talk, "PUT", url_for(), PNG, (("Content-MD5", wrong),))) == (400, "InvalidDigest")
    other = base64.b64encode(md5(b"other", usedforsecurity=False).digest()).decode()
    bad = http(talk, "PUT", url_for(), PNG, (("Content-MD5", other),))
    right = base64.b64encode(md5(PNG, usedforsecurity=False).digest()).decode()
    assert (code(bad), said(bad)["CalculatedDigest"]) == ((400, "BadDigest"), right)
    assert not shelf.kept
    assert http(talk, "PUT", url_for(), PNG, (("Content-MD5", right),)).status == 200
    for url in (f"{url_for(url=OBJECT)}&acl", f"{OBJECT}?tagging"):
        assert code(http(talk, "PUT", url, PNG))[0] in (403, 501)
    assert code(put(talk, path="/x", x_amz_copy_source="/a/b")) == (501, "NotImplemented")
    assert code(put(talk, path="/chat-images/a.png?uploadId=1")) == (501, "NotImplemented")
    assert code(put(talk, path="/")) == (405, "MethodNotAllowed")
    assert code(put(talk, path="/" + "x" * 1025)) == (400, "KeyTooLongError")


def test_a_wrong_body_of_an_upload_that_is_not_there() -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), PNG, (("Content-Type", ""),)).status == 200
    assert dict(http(talk, "GET", OBJECT).headers)["Content-Type"] == "image/png"


def test_no_length() -> None:
    talk, _ = with_store()
    url = urlsplit(url_for())
    request = Request("PUT", url.path, url.query, (("Host", HOST),), base=f"http://{HOST}")
    early = store.early(talk.running.engine.world, request, BUCKET, "chat-images/a.png")
    assert early is not None
    assert code(early) == (411, "MissingContentLength")


def test_buckets_and_places() -> None:
    talk, _ = with_store()
    virtual = f"http://{BUCKET}.s3.{REGION}.localhost:8090/chat-images/a.png"
    assert http(talk, "PUT", url_for(url=virtual), PNG).status == 200
    assert http(talk, "GET", OBJECT).status == http(talk, "GET", virtual).status == 200
    other = "http://other.s3.localhost:8090/chat-images/a.png"
    assert code(http(talk, "GET", other)) == code(http(talk, "PUT", other, PNG)) == (404, "NoSuchBucket")
    for method in ("GET", "PUT", "DELETE"):
        answer = http(talk, method, f"http://{HOST}/chat-images/a.png")
        assert (answer.status, answer.body) == (403, b'{"message":"Missing Authentication Token"}'), (
            "no store by that name"
        )
    assert code(http(talk, "GET", f"http://{HOST}/{BUCKET}")) == (404, "NoSuchKey")


def test_a_prefix_is_signed_and_cut() -> None:
    """A space's prefix is in every URL, cut before routing, and part of what was signed."""
    talk, _ = with_store()
    prefixed = f"http://{HOST}/s/one/{BUCKET}/chat-images/a.png"
    url = url_for(url=prefixed)
    assert http(talk, "PUT", url, PNG, prefix="/s/one").status == 200
    assert code(http(talk, "PUT", url.replace("/s/one", ""), PNG)) == (403, "SignatureDoesNotMatch")
    assert code(http(talk, "PUT", url.replace("/s/one", "/s/two"), PNG, prefix="/s/two")) == (
        403,
        "SignatureDoesNotMatch",
    )


def test_who_may_not_list_may_not_know() -> None:
    talk, _ = with_store(anonymous_list=False)
    assert code(http(talk, "GET", OBJECT)) == (403, "AccessDenied")


def test_objects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 2)
    talk, shelf = with_store()
    for name in "abc":
        assert put(talk, path=f"/{name}").status == 200
    assert [*shelf.kept] == ["1", "2"]
    assert code(http(talk, "GET", f"http://{HOST}/{BUCKET}/a")) == (404, "NoSuchKey")


def test_an_object_that_the_store_let_go() -> None:
    talk, shelf = with_store()
    put(talk)
    shelf.kept.clear()
    assert code(http(talk, "GET", OBJECT)) == (404, "NoSuchKey")


# ---- pages of other origins ----

ORIGIN = ("Origin", "https://app.example.com")
ASKS = (ORIGIN, ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "content-type"))


def test_cors() -> None:
    talk, _ = with_store()
    allowed = http(talk, "OPTIONS", OBJECT, headers=ASKS)
    headers = dict(allowed.headers)
    assert (allowed.status, allowed.body) == (200, b"")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in headers["Access-Control-Allow-Methods"]
    assert headers["Access-Control-Allow-Headers"] == "content-type"
    assert headers["Vary"] == "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
    assert "Access-Control-Allow-Headers" not in dict(http(talk, "OPTIONS", OBJECT, headers=ASKS[:2]).headers)
    assert code(http(talk, "OPTIONS", OBJECT, headers=(ORIGIN,))) == (400, "BadRequest")
    done = http(talk, "PUT", url_for(), PNG, (ORIGIN,))
    assert "ETag" in dict(done.headers)["Access-Control-Expose-Headers"]
    refused = http(talk, "PUT", OBJECT, PNG, (ORIGIN,))
    assert dict(refused.headers)["Access-Control-Allow-Origin"] == "*", "an error can be read"
    api = http(talk, "OPTIONS", f"http://{HOST}/file-new/get-upload-url", headers=ASKS)
    assert (api.status, dict(api.headers)["Access-Control-Allow-Headers"]) == (204, "authorization, content-type")


def test_no_cors() -> None:
    talk, _ = with_store(cors=False)
    assert code(http(talk, "OPTIONS", OBJECT, headers=ASKS)) == (403, "AccessForbidden")
    assert "Access-Control-Allow-Origin" not in dict(http(talk, "PUT", url_for(), PNG, (ORIGIN,)).headers)
    api = http(talk, "POST", f"http://{HOST}/file-new/get-upload-url", b"{}", (ORIGIN,))
    assert "Access-Control-Allow-Origin" not in dict(api.headers)


# ---- where URLs lead ----


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({}, f"http://{HOST}/{BUCKET}/chat-images/"),
        ({"upload_url": "virtual_host"}, f"http://{BUCKET}.s3.{REGION}.localhost:8090/chat-images/"),
        ({"upload_url": "amazonaws"}, f"https://{BUCKET}.s3.{REGION}.amazonaws.com/chat-images/"),
        (
            {"external_endpoint": "https://s3.example.com/", "external_bucket": "mine"},
            "https://s3.example.com/mine/chat-images/",
        ),
    ],
)
def test_where_urls_lead(settings: dict[str, Any], start: str) -> None:
    data = upload_url(concierge(**settings))
    assert data["uploadURL"].startswith(start)
    assert data["resourceUrl"].startswith(start)


def test_a_virtual_host_without_a_port() -> None:
    settings = concierge(upload_url="virtual_host").running.seed.settings
    url, _ = store.upload_url(settings, KEY, "https://chat.example.com/space", "a/b.png", "image/png", NOW)
    assert url.startswith(f"https://{BUCKET}.s3.{REGION}.localhost/space/a/b.png?")


def test_an_external_s3_gets_its_own_signature() -> None:
    talk = concierge(
        external_endpoint="http://minio.example.com:9000", external_bucket="mine", external_access_key="theirs",
        external_secret_key="hidden", external_region="eu-west-1", upload_expires=60,
    )  # fmt: skip
    url = urlsplit(upload_url(talk)["uploadURL"])
    request = Request("PUT", url.path, url.query, (("Host", url.netloc),), base=f"http://{url.netloc}")
    assert presign.judge(request, Key("theirs", "hidden", "eu-west-1"), NOW + 60)
    with pytest.raises(presign.Denied, match="expired"):
        presign.judge(request, Key("theirs", "hidden", "eu-west-1"), NOW + 61)


# ---- hostile ----


@pytest.mark.parametrize(
    "query", ["X-Amz-Date=\udcff", "\udcff", "X-Amz-Signature=%ff&X-Amz-Date", "&&&=&=", "%", "X-Amz-Expires=%0a"]
)
def test_garbage_never_raises(query: str) -> None:
    talk, _ = with_store()
    for path in (f"/{BUCKET}/\udcff%00%ff", f"/{BUCKET}/%", f"/{BUCKET}/\x01"):
        for headers in ((), (("Authorization", "\udcff"), ("x-amz-date", "\udcff"))):
            for method in ("PUT", "GET", "DELETE", "OPTIONS", "PATCH"):
                request = Request(method, path, query, (("Host", "\udcff"), *headers), base="http://x")
                response = talk.backend.judge(talk.running.engine.world, request, talk.backend.routes[4])
                response = response or store.Store(talk.running.engine.world).answer(request, BUCKET, "\x00")
                assert 200 <= response.status < 600
    signed_by = (("Host", HOST), ("Content-Length", "0"))
    bad = Request("PUT", f"/{BUCKET}/a\udcff", urlsplit(url_for()).query, signed_by, base=f"http://{HOST}")
    assert store.early(talk.running.engine.world, bad, BUCKET, "a") is not None

"""Signatures of the three SDKs are judged, and what was done to them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import boto3
import pytest
from botocore.config import Config

from simulator.backends.concierge import bodies, presign, store
from simulator.backends.concierge.presign import Key
from simulator.core.message import Headers, Request
from tests.backends.concierge.bucket import KEY, NOW, OBJECT, PNG, TYPE, code, put, said, url_for
from tests.backends.concierge.sign import signed
from tests.backends.concierge.speak import (
    ACCESS,
    BUCKET,
    HOST,
    REGION,
    SECRET,
    http,
    with_store,
)

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


@pytest.mark.parametrize(("date", "text"), [("00010101T000000Z", "Request has expired"),
                                            ("99991231T235959Z", "Request is not yet valid")])  # fmt: skip
def test_the_ends_of_time(date: str, text: str) -> None:
    talk, _ = with_store()
    bare, _, query = url_for().partition("?")
    pairs = [
        (name, value.replace("20260101T000000Z", date).replace("20260101", date[:8]))
        for name, value in parse_qsl(query)
        if name != "X-Amz-Signature"
    ]
    signed_by = presign._Signed(
        "", date, ("host",), "", presign._query((n, v.encode()) for n, v in pairs), "UNSIGNED-PAYLOAD"
    )
    *_, signature = presign._compute("PUT", urlsplit(bare).path, signed_by, [("host", HOST)], KEY)
    url = f"{bare}?{presign._query((n, v.encode()) for n, v in [*pairs, ('X-Amz-Signature', signature)])}"
    assert said(http(talk, "PUT", url, PNG))["Message"] == text


@pytest.mark.parametrize(("query", "headers"), [
    ("?AWSAccessKeyId=AKIDEXAMPLE&Content-Type=image%2Fpng&Expires=1767226500&Signature=eA%3D%3D", ()),
    ("", (("Authorization", "AWS AKIDEXAMPLE:eA=="),)),
])  # fmt: skip
def test_version_2_of_the_signature(query: str, headers: Headers) -> None:
    talk, _ = with_store()
    answer = http(talk, "PUT", OBJECT + query, PNG, headers)
    assert (code(answer), said(answer)["Message"]) == ((400, "InvalidRequest"), presign.VERSION_4)


def test_headers_that_were_not_signed() -> None:
    talk, _ = with_store()
    response = http(talk, "PUT", url_for(), PNG, (("x-amz-acl", "public-read"), ("x-amz-content-sha256", "x")))
    assert code(response) == (403, "AccessDenied")
    assert said(response)["HeadersNotSigned"] == "x-amz-acl"


def test_a_signature_of_a_thousand_headers_is_none() -> None:
    """Each costs a look at all others: 45 ms for a request of a few kilobytes, if they were all looked at."""
    talk, _ = with_store()
    many = "%3B".join(["host", *(f"a{number}" for number in range(900))])
    answer = http(talk, "PUT", url_for().replace("SignedHeaders=host", f"SignedHeaders={many}"), PNG)
    assert code(answer) == (403, "SignatureDoesNotMatch")
    assert said(answer)["CanonicalRequest"].count("\na") == presign.NAMES, "and the list of them"


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


# What aws-sdk 2.1693.0 (signatureVersion v4) signed with these keys at NOW: the shape of the document's uploadURL.

SIGNED_AT = "X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Fap-southeast-1%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z"
V2 = (
    "?Content-Type=image%2Fpng&X-Amz-Algorithm=AWS4-HMAC-SHA256&{at}&X-Amz-Expires=900&X-Amz-Signature={signature}"
    "&X-Amz-SignedHeaders=host"
)
V2_ACL = (
    "?Content-Type=image%2Fpng&X-Amz-Algorithm=AWS4-HMAC-SHA256&{at}&X-Amz-Expires=60&X-Amz-Signature={signature}"
    "&X-Amz-SignedHeaders=host%3Bx-amz-acl&x-amz-acl=public-read"
)
V2_GET = (
    "?X-Amz-Algorithm=AWS4-HMAC-SHA256&{at}&X-Amz-Expires=900&X-Amz-Signature={signature}&X-Amz-SignedHeaders=host"
    "&response-content-disposition=attachment"
)
SAMPLE = "chat-images/d9bcf98b-063f-4286-ae70-8862dc7ebc1d.png"
ODD = f"http://{HOST}/{BUCKET}/chat-images/a%20b%2B%C3%A4%20%281%29.png"


@pytest.mark.parametrize(("start", "signature"), [
    (f"http://{HOST}/{BUCKET}/", "0cafb15fd9f0b381094ab35ede329f05452cf1ef912bdf5527ad3e986e28abd8"),
    (f"https://{BUCKET}.s3.{REGION}.amazonaws.com/", "67d3210552e7fbe9aec8a82f58e394f94d69e509bec870f53d6d437c785389fc"),
])  # fmt: skip
def test_our_urls_are_those_of_version_2_to_the_byte(start: str, signature: str) -> None:
    url = start + SAMPLE
    assert url_for(url=url) == url + V2.format(at=SIGNED_AT, signature=signature)
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(url=url), PNG, TYPE).status == 200


def test_other_urls_of_version_2() -> None:
    talk, _ = with_store()
    signature = "cd4b166346ccab418f4d2f4f3ca9b6296934fe045e43a148049dc81d5c5ab812"
    url = ODD + V2_ACL.format(at=SIGNED_AT, signature=signature)
    assert code(http(talk, "PUT", url, PNG)) == (403, "SignatureDoesNotMatch"), "the header was signed, too"
    assert http(talk, "PUT", url, PNG, (("x-amz-acl", "public-read"),)).status == 200
    assert code(http(talk, "PUT", url, PNG, (("x-amz-acl", "private"),))) == (403, "SignatureDoesNotMatch")
    signature = "ca64b7492774f1d48a9b5484c6cb19805da82b27ae68de1fcdaababe33933709"
    assert http(talk, "GET", ODD + V2_GET.format(at=SIGNED_AT, signature=signature)).status == 200


# ---- header signatures ----


def test_header_signatures() -> None:
    talk, _ = with_store()
    assert put(talk, x_amz_meta_who="ada", Cache_Control="no-store").status == 200
    headers = dict(http(talk, "GET", OBJECT).headers)
    assert (headers["x-amz-meta-who"], headers["Cache-Control"]) == ("ada", "no-store")
    assert headers["Content-Type"] == "binary/octet-stream"
    assert code(put(talk, key=Key(ACCESS, "x", REGION))) == (403, "SignatureDoesNotMatch")
    assert code(put(talk, key=Key(ACCESS, SECRET, "us-east-1"))) == (400, "AuthorizationHeaderMalformed")
    assert code(put(talk, at=NOW - 901)) == (403, "RequestTimeTooSkewed")
    assert code(put(talk, at=NOW + 901)) == (403, "RequestTimeTooSkewed")
    assert put(talk, at=NOW + 900).status == 200
    lines = signed("DELETE", f"/{BUCKET}/chat-images/a.png", KEY, NOW, b"", HOST)
    for _ in range(2):
        assert http(talk, "DELETE", OBJECT, headers=lines).status == 204
    assert code(http(talk, "GET", OBJECT)) == (404, "NoSuchKey")
    assert code(http(talk, "DELETE", OBJECT)) == (403, "AccessDenied")


def test_another_body_than_the_signed_one() -> None:
    talk, shelf = with_store()
    lines = signed("PUT", f"/{BUCKET}/chat-images/a.png", KEY, NOW, PNG, HOST)
    answer = http(talk, "PUT", OBJECT, PNG[::-1], lines)
    assert code(answer) == (400, "XAmzContentSHA256Mismatch")
    assert said(answer)["S3ComputedContentSHA256"] == sha256(PNG[::-1]).hexdigest()
    assert not shelf.kept
    unsigned = signed(
        "PUT", f"/{BUCKET}/chat-images/a.png", KEY, NOW, PNG, HOST, X_Amz_Content_SHA256="UNSIGNED-PAYLOAD"
    )
    assert http(talk, "PUT", OBJECT, PNG[::-1], unsigned).status == 200


CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
"""aws-chunked."""
CODED: Headers = (("Content-Encoding", "gzip, aws-chunked"),)


@pytest.mark.parametrize("hashed", [(), (("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),)])
def test_a_framed_body_at_a_signed_url(hashed: Headers) -> None:
    talk, shelf = with_store()
    answer = http(talk, "PUT", url_for(), CHUNKS, (*CODED, *hashed))
    told = said(answer)
    assert (answer.status, told["Code"], told["ArgumentName"], told["ArgumentValue"]) == (
        400, "InvalidArgument", "Content-Encoding", "gzip, aws-chunked",
    )  # fmt: skip
    assert told["Message"].startswith(
        "aws-chunked encoding is not supported when x-amz-content-sha256 UNSIGNED-PAYLOAD"
    )
    assert not shelf.coming
    assert code(http(talk, "PUT", url_for(now=NOW - 901), CHUNKS, CODED)) == (403, "AccessDenied"), "signature first"


@pytest.mark.parametrize("kind", [
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
])  # fmt: skip
def test_a_framed_body_that_says_so(kind: str) -> None:
    talk, shelf = with_store()
    streams = (*CODED, ("x-amz-content-sha256", kind))
    assert code(http(talk, "PUT", url_for(), CHUNKS, streams)) == (501, "NotImplemented")
    if kind != bodies.FRAMED:
        assert code(put(talk, CHUNKS, X_Amz_Content_SHA256=kind)) == (501, "NotImplemented")
    assert not shelf.coming


def test_a_body_whose_hash_was_signed_is_what_it_is() -> None:
    """S3 stores it with its coding: the framing is the object's own then."""
    talk, _ = with_store()
    assert put(talk, CHUNKS, Content_Encoding="aws-chunked").status == 200
    assert dict(http(talk, "GET", OBJECT).headers)["Content-Encoding"] == "aws-chunked"
    assert code(put(talk, CHUNKS, X_Amz_Content_SHA256="UNSIGNED-PAYLOAD", Content_Encoding="aws-chunked")) == (
        400,
        "InvalidArgument",
    )


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
    assert with_(X_Amz_Content_SHA256="nonsense") == (400, "InvalidArgument")
    assert with_(X_Amz_Content_SHA256="UNSIGNED-PAYLOAD") == (403, "SignatureDoesNotMatch")
    assert with_(Authorization=None) == (403, "AccessDenied")
    assert with_(x_amz_acl="private") == (403, "AccessDenied")


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

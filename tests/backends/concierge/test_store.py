"""Upload URLs and the object store, as S3 answers."""

from __future__ import annotations

import base64
import json
import re
from hashlib import md5
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from simulator.backends.concierge import presign, store, web
from simulator.backends.concierge.presign import Key
from simulator.core.message import Request, Response
from simulator.core.objects import UploadFlaw
from tests.backends.concierge.bucket import ETAG, KEY, NOW, OBJECT, PNG, TYPE, code, put, said, url_for
from tests.backends.concierge.sign import signed
from tests.backends.concierge.speak import (
    BUCKET,
    HOST,
    REGION,
    concierge,
    http,
    upload_url,
    with_store,
)

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
                                  b'{"filename":"a","mimeType":"a","type":"../b"}',
                                  b'{"filename":"a","mimeType":"a","type":"a\xc3\xa9"}',
                                  b'{"filename":"a","mimeType":"a/b\\r\\nX-Evil: 1","type":"b"}'])  # fmt: skip
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
        *((f"bytes=2-{'9' * digits}", 206, (2, 15)) for digits in (10, 11, 18, 19, 25, 5000)),
        *((f"bytes=-{'9' * digits}", 206, (0, 15)) for digits in (10, 11, 18, 19, 25, 5000)),
        *((f"bytes={'9' * digits}-", 416, None) for digits in (10, 11, 18, 19, 25, 5000)),
        (f"bytes={'0' * 30}1-{'0' * 30}2", 206, (1, 3)),
        ("bytes=\u0661-", 200, None),
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


def test_a_range_of_what_has_changed_meanwhile() -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), PNG).status == 200

    def status(if_range: str) -> int:
        return http(talk, "GET", OBJECT, headers=(("Range", "bytes=0-3"), ("If-Range", if_range))).status

    assert status(ETAG) == status("Thu, 01 Jan 2026 00:00:00 GMT") == 206
    assert status('"another"') == status("Wed, 31 Dec 2025 00:00:00 GMT") == status("") == 200


def test_a_signed_url_says_what_its_answer_says() -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), PNG, (("Cache-Control", "no-store"),)).status == 200
    wanted = [
        ("response-content-disposition", 'attachment; filename="a b.png"'), ("response-content-type", "image/gif"),
        ("response-cache-control", "no-cache"), ("response-x", "z"),
    ]  # fmt: skip
    url = presign.presigned("GET", OBJECT, wanted, KEY, NOW, 900)
    answer = http(talk, "GET", url)
    headers = [(name, value) for name, value in answer.headers if name.lower().startswith(("content-", "cache-"))]
    assert answer.status == 200
    assert sorted(headers) == [
        ("Cache-Control", "no-cache"), ("Content-Disposition", 'attachment; filename="a b.png"'),
        ("Content-Length", str(len(PNG))), ("Content-Type", "image/gif"),
    ]  # fmt: skip
    assert code(http(talk, "GET", f"{OBJECT}?response-content-type=text%2Fhtml")) == (400, "InvalidRequest")
    assert http(talk, "GET", f"{OBJECT}?response-x=1&x=2").status == 200


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


def test_what_is_said_of_an_object_is_bounded() -> None:
    """2 KiB of the user's, 2 KiB of S3's own: what is kept of ten thousand objects has a bound."""
    talk, shelf = with_store()
    assert put(talk, x_amz_meta_a="x" * 2047).status == 200
    assert put(talk, x_amz_meta_a="x" * 1023, x_amz_meta_b="y" * 1023, Cache_Control="z" * 1000).status == 200
    users = put(talk, x_amz_meta_a="x" * 1023, x_amz_meta_b="y" * 1024)
    assert (code(users), said(users)["Size"], said(users)["MaxSizeAllowed"]) == (
        (400, "MetadataTooLarge"), "2049", "2048",
    )  # fmt: skip
    for lines in ((("Content-Type", "é" * 1024),), (("Expires", "x" * 1100), ("Cache-Control", "y" * 1000))):
        assert code(http(talk, "PUT", url_for(), PNG, lines)) == (400, "MetadataTooLarge")
    assert len(shelf.coming) == 2


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
    assert http(talk, "GET", "http://myapp.localhost:8090/chat-uat-resources/chat-images/a.png").status == 200, (
        "no bucket"
    )
    for method in ("GET", "PUT", "DELETE"):
        answer = http(talk, method, f"http://{HOST}/chat-images/a.png")
        assert (answer.status, answer.body) == (403, b'{"message":"Missing Authentication Token"}'), (
            "no store by that name"
        )


@pytest.mark.parametrize("end", ["", "/", "?list-type=2"])
def test_the_bucket_itself(end: str) -> None:
    talk, _ = with_store()
    bucket = f"http://{HOST}/{BUCKET}"
    assert code(http(talk, "GET", bucket + end)) == (403, "AccessDenied"), "public are the objects alone"

    def signed_by(method: str) -> Response:
        return http(talk, method, bucket + end, headers=signed(method, f"/{BUCKET}{end}", KEY, NOW, b"", HOST))

    assert code(signed_by("GET")) == (501, "NotImplemented")
    head = signed_by("HEAD")
    assert (head.status, dict(head.headers)["x-amz-bucket-region"], head.body) == (200, REGION, b"")


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


def test_objects_are_bounded() -> None:
    talk, shelf = with_store(kept_objects=2)
    for name in "abb":
        assert put(talk, path=f"/{name}").status == 200
    assert http(talk, "GET", f"http://{HOST}/{BUCKET}/a").status == 200, "one in the place of another needs no room"
    assert put(talk, path="/c").status == 200
    assert len(shelf.kept) == 2
    assert code(http(talk, "GET", f"http://{HOST}/{BUCKET}/a")) == (404, "NoSuchKey")
    assert code(http(talk, "GET", f"http://{HOST}/{BUCKET}/a")) == (404, "NoSuchKey")


def test_an_object_that_the_store_let_go() -> None:
    talk, shelf = with_store()
    put(talk)
    shelf.kept.clear()
    assert code(http(talk, "GET", OBJECT)) == (404, "NoSuchKey")


# ---- pages of other origins ----

ORIGIN = ("Origin", "https://app.example.com")
ASKS = (ORIGIN, ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Headers", "content-type"))


ASKED_MORE = ("Access-Control-Request-Headers", "authorization,content-type,x-requested-with,x-tenant-id")


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
    assert (api.status, dict(api.headers)["Access-Control-Allow-Headers"]) == (204, "content-type")
    for asks, allowed_to in ((ASKS[:2], "authorization, content-type"), ((*ASKS[:2], ASKED_MORE), ASKED_MORE[1])):
        api = http(talk, "OPTIONS", f"http://{HOST}/client/auth/authorize-tenant", headers=asks)
        assert dict(api.headers)["Access-Control-Allow-Headers"] == allowed_to


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


@pytest.mark.parametrize(
    ("settings", "prefix", "start"),
    [
        ({}, "", f"http://localhost:9000/{BUCKET}/"),
        ({"upload_url": "virtual_host"}, "", f"http://{BUCKET}.s3.{REGION}.localhost:9000/"),
        ({}, "/s/one", f"http://localhost:9000/s/one/{BUCKET}/"),
    ],
)
def test_whoever_uploads_is_elsewhere(settings: dict[str, Any], prefix: str, start: str) -> None:
    """A server inside asks, as the real client's does, a phone outside uploads."""
    talk, _ = with_store(public_url="http://localhost:9000/", **settings)
    body = b'{"filename":"a.png","mimeType":"image/png","type":"chat-images"}'
    answer = http(talk, "POST", f"http://inside:8090{prefix}/file-new/get-upload-url", body, prefix=prefix)
    data = json.loads(answer.body)["data"]["uploadUrlData"]
    assert data["uploadURL"].startswith(f"{start}chat-images/")
    assert data["resourceUrl"].startswith(f"{start}chat-images/")
    assert http(talk, "PUT", data["uploadURL"], PNG, prefix=prefix).status == 200
    assert http(talk, "GET", data["resourceUrl"], prefix=prefix).status == 200


def test_a_virtual_host_without_a_port() -> None:
    settings = concierge(upload_url="virtual_host").running.seed.settings
    url, _ = store.upload_url(settings, KEY, "https://chat.example.com/space", "a/b.png", "image/png", NOW)
    assert url.startswith(f"https://{BUCKET}.s3.{REGION}.localhost/space/a/b.png?")


def test_an_external_s3_without_keys_is_told_of() -> None:
    talk = concierge(external_endpoint="http://minio.example.com:9000", external_access_key="theirs")
    assert [text for _, text, _ in talk.logged] == [
        "external_endpoint is set, but external_access_key and external_secret_key are not: it will refuse every uploadURL"
    ]
    assert not concierge().logged


def test_upload_urls_of_strangers_do_not_change_each_others_ids() -> None:
    def adas(strangers: int) -> list[str]:
        talk = concierge()
        paths = []
        for number in range(3):
            for stranger in range(strangers):
                upload_url(talk, f"{number}-{stranger}.png")
            paths.append(str(upload_url(talk, "ada.png")["uploadPath"]))
        assert len(talk.running.engine.world.ids._counts or ()) <= 3 * strangers + 1
        return paths

    assert adas(0) == adas(50)
    assert len({*adas(0)}) == 3


def test_counters_of_upload_urls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "COUNTERS", 4)
    talk = concierge()
    paths = {upload_url(talk, f"{number % 7}.png")["uploadPath"] for number in range(100)}
    assert len(paths) == 100, "no URL twice"
    assert len(talk.running.engine.world.ids._counts or ()) <= 4


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

"""The object store behind upload URLs, as S3 answers: PUT, GET with ranges, HEAD, DELETE, preflights, errors as XML."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from simulator.backends.concierge import bodies
from simulator.backends.concierge.presign import Denied, Key, judge, presigned
from simulator.core.message import Headers, Request, Response
from simulator.core.objects import Upload
from simulator.core.world import World

if TYPE_CHECKING:
    from simulator.backends.concierge.state import Settings

BUCKET = "chat-uat-resources"
REGION = "ap-southeast-1"
"""Both out of the document's sample URL."""

PATTERN = rf"/{BUCKET}(/.*)?|/[A-Za-z][\w-]*/[^/]+"
"""Path style, any key; virtual-host style, keys as get-upload-url makes them, where the host says so."""

METADATA = 2048
"""Bytes of an object's headers, the user's and the others apart."""

_VIRTUAL = re.compile(r"([a-z0-9][a-z0-9.-]*?)\.(s3[.-].*|localhost)")
_KEPT = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
_USERS = "x-amz-meta-"
_UNKNOWN = ("acl", "tagging", "uploads", "uploadId", "partNumber", "retention", "legal-hold", "torrent", "versionId")
"""What S3 knows more of; asked for, it is said that it is not here."""

_EXPOSED = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, PUT, POST, DELETE, HEAD"),
    ("Access-Control-Expose-Headers", "ETag, Content-Length, x-amz-request-id"),
)
_VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


_INTERNAL = "We encountered an internal error. Please try again."
_FAILURES = {
    400: (
        "RequestTimeout",
        "Your socket connection to the server was not read from or written to within the timeout period.",
    ),
    403: ("AccessDenied", "Access Denied"),
    404: ("NoSuchBucket", "The specified bucket does not exist"),
    411: ("MissingContentLength", "You must provide the Content-Length HTTP header."),
    503: ("SlowDown", "Please reduce your request rate."),
}
"""Code and message by status (S3 API reference, "Error responses")."""


@dataclass(slots=True)
class Kept:
    """One object."""

    upload: Upload
    type: str
    modified: float
    headers: Headers
    """What its PUT said of it, `x-amz-meta-*` and the like."""


def place(request: Request) -> tuple[str, str] | None:
    """Bucket and key, None where the request is not for a store at all; the key is "" for the bucket itself."""
    host = (request.header("Host") or "").rpartition(":")[0] or (request.header("Host") or "")
    virtual = _VIRTUAL.fullmatch(host.lower())
    path = unquote(request.path.encode("utf-8", "replace").decode())
    if virtual is not None and (virtual[1] == BUCKET or virtual[2] != "localhost"):
        return virtual[1], path[1:]
    bucket, _, key = path[1:].partition("/")
    return (bucket, key) if bucket == BUCKET else None


def key_of(world: World) -> Key:
    """Who may upload here."""
    return Key(world.seed.keys.access_key, world.seed.keys.secret_key, REGION)


def upload_url(settings: Settings, key: Key, base: str, name: str, mime: str, now: float) -> tuple[str, str]:
    """uploadURL and resourceUrl of an object that is to be, as the settings want them."""
    expires = settings.upload_expires
    if settings.external_endpoint is not None:
        key = Key(settings.external_access_key, settings.external_secret_key, settings.external_region)
        url = f"{settings.external_endpoint.rstrip('/')}/{settings.external_bucket}/{name}"
    elif settings.upload_url == "amazonaws":
        url = f"https://{BUCKET}.s3.{REGION}.amazonaws.com/{name}"
    elif settings.upload_url == "virtual_host":
        split = urlsplit(base)
        # Every name below localhost leads to this machine, without a resolver (RFC 6761, 6.3).
        port = "" if split.port is None else f":{split.port}"
        url = f"{split.scheme}://{BUCKET}.s3.{REGION}.localhost{port}{split.path}/{name}"
    else:
        url = f"{base}/{BUCKET}/{name}"
    return presigned("PUT", url, [("Content-Type", mime)], key, now, expires), url


def early(world: World, request: Request, bucket: str, key: str) -> Response | None:
    """The answer to a PUT that its head alone decides."""
    try:
        _may_put(world, request, bucket, key)
    except Denied as denied:
        return error(world, request, denied)
    return None


def full(world: World, request: Request) -> Response:
    """The answer to a PUT for which there is no room."""
    return error(world, request, Denied(500, "InternalError", _INTERNAL))


def failed(world: World, request: Request, status: int) -> Response:
    """The answer to a PUT that S3 fails with that status."""
    return error(world, request, Denied(status, *_FAILURES.get(status, ("InternalError", _INTERNAL))))


def _may_put(world: World, request: Request, bucket: str, key: str) -> None:
    _bucket(bucket)
    if not judge(request, key_of(world), world.now()):
        raise Denied(403, "AccessDenied", "Access Denied")
    names = [part.partition("=")[0] for part in request.query.split("&")]
    unknown = next((name for name in names if name in _UNKNOWN), None)
    if unknown is not None or request.header("x-amz-copy-source") is not None:
        text = "A header you provided implies functionality that is not implemented"
        raise Denied(501, "NotImplemented", text, Header=unknown or "x-amz-copy-source")
    bodies.framing(request)
    if not key:
        raise _not_allowed("PUT")
    if len(key.encode()) > 1024:
        raise Denied(400, "KeyTooLongError", "Your key is too long", Size=len(key.encode()), MaxSizeAllowed=1024)
    for size in _sizes(request):
        if size > METADATA:
            text = "Your metadata headers exceed the maximum allowed metadata size"
            raise Denied(400, "MetadataTooLarge", text, Size=size, MaxSizeAllowed=METADATA)
    is_framed = request.header("x-amz-content-sha256") == bodies.FRAMED
    length = request.header("x-amz-decoded-content-length" if is_framed else "Content-Length")
    if length is None or (is_framed and bodies.framed(request) is None):
        raise Denied(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    limit = world.settings.upload_limit
    if not re.fullmatch(r"\d{1,18}", length, re.ASCII) or int(length) > limit:
        raise bodies.too_large(length, limit)
    md5 = request.header("Content-MD5")
    if md5 is not None and bodies.md5(md5) is None:
        raise Denied(400, "InvalidDigest", "The Content-MD5 you specified was invalid.", Content_MD5=md5)


def _said_of(request: Request) -> Headers:
    """What a PUT says of its object beside the type: S3's own headers, and the user's."""
    said = []
    for name, value in request.headers:
        if name.lower() == "content-encoding" and bodies.framed(request) is not None:
            # The framing was the body's, not the object's.
            value = ", ".join(part.strip() for part in value.split(",") if part.strip().lower() != "aws-chunked")
        if value and (name.lower() in _KEPT or name.lower().startswith(_USERS)):
            said.append((name, value))
    return tuple(said)


def _sizes(request: Request) -> tuple[int, int]:
    """Bytes of the user's metadata, and of all others."""
    theirs = others = 0
    for name, value in (*_said_of(request), ("content-type", request.header("Content-Type") or "")):
        size = len(name) + len(value.encode("utf-8", "surrogateescape"))
        if name.lower().startswith(_USERS):
            theirs += size - len(_USERS)
        else:
            others += size
    return theirs, others


def _bucket(bucket: str) -> None:
    if bucket != BUCKET:
        raise Denied(404, "NoSuchBucket", "The specified bucket does not exist", BucketName=bucket)


def _not_allowed(method: str) -> Denied:
    text = "The specified method is not allowed against this resource."
    return Denied(405, "MethodNotAllowed", text, Method=method, ResourceType="OBJECT")


class Store:
    """What was uploaded, by key."""

    __slots__ = ("_objects", "_world")

    def __init__(self, world: World) -> None:
        self._world = world
        self._objects: dict[str, Kept] = {}

    def answer(self, request: Request, bucket: str, key: str) -> Response:
        """The answer to any request for the bucket."""
        try:
            _bucket(bucket)
            response = self._method(request, key)
        except Denied as denied:
            return error(self._world, request, denied)
        return _shared(self._world, request, response)

    def _method(self, request: Request, key: str) -> Response:
        match request.method:
            case "PUT":
                return self._put(request, key)
            case "GET" | "HEAD":
                signed = judge(request, key_of(self._world), self._world.now())
                if not key:
                    return self._of_bucket(request, signed)
                return self._get(request, key, _overrides(request, signed))
            case "OPTIONS":
                return self._preflight(request)
            case "DELETE":
                if not judge(request, key_of(self._world), self._world.now()):
                    raise Denied(403, "AccessDenied", "Access Denied")
                kept = self._objects.pop(key, None)
                if kept is not None:
                    self._world.objects.delete(kept.upload.key)
                return Response(204, _ids(self._world, request))
        raise _not_allowed(request.method)

    def _put(self, request: Request, key: str) -> Response:
        """What `early` let in, now that the body is here."""
        upload = request.upload
        if not isinstance(upload, Upload):
            raise bodies.incomplete(request, upload, self._world.settings.upload_limit)
        if bodies.framed(request) not in (None, upload.size):
            raise Denied(400, "IncompleteBody", bodies.FEWER)
        bodies.checked(request, upload)
        md5 = request.header("Content-MD5")
        if md5 is not None and bodies.md5(md5) != upload.md5:
            found = base64.b64encode(bytes.fromhex(upload.md5)).decode()
            text = "The Content-MD5 you specified did not match what we received."
            raise Denied(400, "BadDigest", text, ExpectedDigest=md5, CalculatedDigest=found)
        sha256 = request.header("x-amz-content-sha256") or ""
        # What is no hash (UNSIGNED-PAYLOAD) says that the body was not signed.
        if re.fullmatch("[0-9a-f]{64}", sha256) and sha256 != upload.sha256:
            more = {"ClientComputedContentSHA256": sha256, "S3ComputedContentSHA256": upload.sha256}
            text = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise Denied(400, "XAmzContentSHA256Mismatch", text, **more)
        self._world.objects.keep(upload.key)
        full = key not in self._objects and len(self._objects) >= self._world.settings.kept_objects
        for gone in [key, *([next(iter(self._objects))] if full else [])]:
            old = self._objects.pop(gone, None)
            if old is not None:
                self._world.objects.delete(old.upload.key)
        named = [part.partition("=") for part in request.query.split("&")]
        of_query = next((unquote(value) for name, _, value in named if name == "Content-Type"), None)
        kind = upload.type or of_query or "binary/octet-stream"
        self._objects[key] = Kept(upload, kind, self._world.now(), _said_of(request))
        self._world.log("info", "uploaded", key=key, size=upload.size)
        lines = (*_ids(self._world, request), ("x-amz-server-side-encryption", "AES256"), ("ETag", f'"{upload.md5}"'))
        return Response(200, (*lines, ("Server", "AmazonS3")))

    def _get(self, request: Request, key: str, overrides: dict[str, str]) -> Response:
        kept = self._objects.get(key)
        if kept is None or self._world.objects.head(kept.upload.key) is None:
            if not self._world.settings.anonymous_list:
                raise Denied(403, "AccessDenied", "Access Denied")
            raise Denied(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        etag = f'"{kept.upload.md5}"'
        modified = datetime.fromtimestamp(kept.modified, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        lines: Headers = (
            *_ids(self._world, request),
            ("Last-Modified", modified),
            ("ETag", etag),
            ("x-amz-server-side-encryption", "AES256"),
            ("Accept-Ranges", "bytes"),
            *kept.headers,
            ("Content-Type", kept.type),
            ("Server", "AmazonS3"),
        )
        if overrides:
            lines = (*(line for line in lines if line[0].title() not in overrides), *overrides.items())
        if request.header("If-None-Match") in (etag, "*"):
            return Response(304, lines)
        size = kept.upload.size
        span = _span(request.header("Range"), size)
        if request.header("If-Range") not in (None, etag, modified):
            # Another object stands there by now: half of it would be put behind half of the old one.
            span = None
        if span is None:
            return Response(200, lines, stored=kept.upload)
        if span[0] >= span[1]:
            more = {"RangeRequested": request.header("Range"), "ActualObjectSize": size}
            raise Denied(416, "InvalidRange", "The requested range is not satisfiable", **more)
        lines = (*lines, ("Content-Range", f"bytes {span[0]}-{span[1] - 1}/{size}"))
        return Response(206, lines, stored=kept.upload, span=span)

    def _of_bucket(self, request: Request, signed: bool) -> Response:
        """Objects are public, their list is not; whoever may have it learns that there is none here."""
        if not signed:
            raise Denied(403, "AccessDenied", "Access Denied")
        if request.method == "GET":
            text = "A header you provided implies functionality that is not implemented"
            raise Denied(501, "NotImplemented", text, ResourceType="BUCKET")
        region = (("x-amz-bucket-region", REGION), ("Content-Type", "application/xml"), ("Server", "AmazonS3"))
        return Response(200, (*_ids(self._world, request), *region))

    def _preflight(self, request: Request) -> Response:
        method = request.header("Access-Control-Request-Method")
        if request.header("Origin") is None or method is None:
            text = "Insufficient information. Origin request header needed."
            raise Denied(400, "BadRequest", text)
        if not self._world.settings.cors:
            more = {"Method": method, "ResourceType": "OBJECT"}
            raise Denied(403, "AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.", **more)
        asked = request.header("Access-Control-Request-Headers")
        allowed = (("Access-Control-Allow-Headers", asked),) if asked else ()
        lines = (*_ids(self._world, request), *allowed, ("Access-Control-Max-Age", "3000"), ("Server", "AmazonS3"))
        return Response(200, lines)


def _overrides(request: Request, signed: bool) -> dict[str, str]:
    """Header lines that a signed URL wants in its answer: `response-content-disposition` and the like."""
    found = {}
    for part in request.query.split("&"):
        name, _, value = part.partition("=")
        header = name.removeprefix("response-")
        if header != name and header in ("content-type", *_KEPT):
            found[header.title()] = unquote(value.encode("utf-8", "replace").decode())
    if found and not signed:
        text = "Request specific response headers cannot be used for anonymous GET requests."
        raise Denied(400, "InvalidRequest", text)
    return found


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes that a Range asks for, an empty span for none of them; several ranges and nonsense ask for all."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "", re.ASCII)
    if found is None or found[0] == "bytes=-":
        return None
    # However many digits there are, no object is that long.
    first, last = (int(text[:20]) if (text := digits.lstrip("0")) else 0 for digits in found.groups())
    if not found[1]:
        return max(0, size - last), size
    if found[2] and last < first:
        return None
    return first, min(size, last + 1) if found[2] else size


def _ids(world: World, request: Request) -> Headers:
    """`x-amz-id-2` and `x-amz-request-id`; their form is from memory."""
    # Not counted, as in web.py.
    ids = world.ids.child("s3", request.method, request.path, request.query, world.now())
    return (
        ("x-amz-id-2", f"{ids.token(75)}="),
        ("x-amz-request-id", ids.token(16, "0123456789ABCDEFGHJKMNPQRSTVWXYZ")),
    )


def _shared(world: World, request: Request, response: Response) -> Response:
    """With what lets a page of another origin read it."""
    if request.header("Origin") is not None and world.settings.cors:
        response.headers = (*response.headers, *_EXPOSED, _VARY)
    return response


def error(world: World, request: Request, denied: Denied) -> Response:
    """S3's XML."""
    lines = _ids(world, request)
    more = {**denied.more, "RequestId": lines[1][1], "HostId": lines[0][1]}
    inner = "".join(f"<{name}>{_xml(value)}</{name}>" for name, value in more.items())
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{denied.code}</Code>'
        f"<Message>{_xml(denied.message)}</Message>{inner}</Error>"
    )
    world.log("warning", f"the object store: {denied.status} {denied.code}: {denied.message}", path=request.path)
    lines = (*lines, ("Content-Type", "application/xml"), ("Server", "AmazonS3"))
    return _shared(world, request, Response(denied.status, lines, body.encode("utf-8", "replace")))


def _xml(value: object) -> str:
    """XML 1.0 has no word for most control characters."""
    return escape(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", str(value)))

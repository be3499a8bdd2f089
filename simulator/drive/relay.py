"""Stands between clients and one server, passes everything on, and lets a recorder see it: recording without mitmproxy.

Each request goes to the one upstream, whatever it says; nothing else is ever dialled. A frame is recorded before it is
sent on, so what a client has seen is on the tape.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import aiohttp
from aiohttp import WSMsgType, web
from yarl import URL

from simulator.cassette.bodies import INLINE, Stream
from simulator.cassette.coding import undone
from simulator.cassette.entries import Beside, TapedRequest, TapedResponse
from simulator.cassette.recorder import Call, Recorder
from simulator.cassette.sessions import Line, is_poll
from simulator.core.message import Headers
from simulator.drive.edge import LINES, Only, Turned, no_101, sever, staying, whole, why
from simulator.drive.target import Target

LARGEST: Final = 64 << 20
"""Bytes of one message, and of one body that has to be whole."""
_ECHO: Final = 2.0
"""Seconds in which a side can answer a close."""
_CONNECT: Final = 10.0
"""Seconds that the upstream has to take a connection."""
_HANDSHAKE: Final = 30.0
"""Seconds that it has to answer a handshake. A request may wait as long as its client does."""
_TOLD: Final = 1000
"""Reasons, each with its path, of which clients may have any number."""
_CHUNK: Final = 1 << 16
_PASSING: Final = frozenset(
    ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "trailer", "te")
)
"""Lines of an answer that belong to one connection."""
_OF_A_HANDSHAKE: Final = frozenset(("sec-websocket-accept", "sec-websocket-extensions", "sec-websocket-protocol"))


def session(target: Target, insecure: bool) -> aiohttp.ClientSession:
    """A client that reaches the target alone, and adds nothing of its own to what it passes on."""
    return aiohttp.ClientSession(
        connector=Only(target.base, insecure),
        cookie_jar=aiohttp.DummyCookieJar(),
        raise_for_status=no_101,
        trace_configs=[staying()],
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    )


async def probe(target: Target, insecure: bool) -> str:
    """Connect once, so that what is wrong is said before anything is written; why not, or nothing."""
    where, context = URL(target.base), None
    if where.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = not insecure
        context.verify_mode = ssl.CERT_NONE if insecure else ssl.CERT_REQUIRED
    try:
        async with asyncio.timeout(_CONNECT):
            _, writer = await asyncio.open_connection(where.host, where.port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return f"the certificate of {target.base} is not trusted ({error.verify_message}); --insecure trusts it"
    except ssl.SSLError as error:
        return f"{target.base} speaks no TLS that can be used ({error.reason})"
    except TimeoutError:
        return f"{target.base} took no connection within {_CONNECT:g} s"
    except OSError as error:
        return f"can't connect to {target.base}: {error.strerror or error}"
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return ""


class Relay:
    """A handler for aiohttp's low-level server."""

    def __init__(
        self,
        target: Target,
        recorder: Recorder,
        client: aiohttp.ClientSession,
        tell: Callable[[str], None],
        now: Callable[[], float],
    ) -> None:
        """`tell` is given lines for the operator, `now` is the clock of the recorder."""
        self._now = now
        self._target = target
        self._recorder = recorder
        self._client = client
        self._tell = tell
        self._told: set[str] = set()
        self._sockets: dict[int, web.BaseRequest] = {}
        self.heard = False
        """The upstream has answered something."""
        self.ending = False
        """What ends now was ended by us."""

    async def __call__(self, asked: web.BaseRequest) -> web.StreamResponse:
        """Pass one request on."""
        if "websocket" in asked.headers.get("Upgrade", "").lower() and asked.method == "GET":
            return await self._socket(asked)
        return await self._request(asked)

    def _failed(self, error: Exception, url: str, seconds: float | None = None) -> str:
        """Once of each reason: a client that tries again and again says nothing new."""
        text = why(error, url, seconds)
        if text not in self._told and len(self._told) < _TOLD:
            self._told.add(text)
            self._tell(f"upstream: {text}")
        return text

    # ---- HTTP

    async def _request(self, asked: web.BaseRequest) -> web.StreamResponse:
        path, headers = _path(asked), _headers(asked)
        upload: Stream | None = None
        body: bytes | AsyncIterator[bytes] | None = None
        if (
            asked.can_read_body
            and _is_long(asked.content_length, bool(asked.headers.get("Transfer-Encoding")))
            and (not is_poll(path))
        ):
            upload = self._recorder.stream()
            body = _fed(asked, upload)
            call = Call(TapedRequest(asked.method, path, headers, None), self._now())
        else:
            body = await _whole(asked) if asked.can_read_body else None
            call = self._recorder.asked(self._now(), TapedRequest(asked.method, path, headers, body or None))
        url = self._target.url(path, opens=False)
        sent = list(self._target.lines(headers))
        if upload is not None and asked.content_length is not None:
            sent.append(("Content-Length", str(asked.content_length)))
        answer: web.StreamResponse | None = None
        download: Stream | None = None
        response: aiohttp.ClientResponse | None = None
        try:
            async with self._client.request(
                asked.method, URL(url, encoded=True), headers=sent, data=body, allow_redirects=False
            ) as response:
                self.heard = True
                kept = tuple(line for line in response.headers.items() if line[0].lower() not in _PASSING)
                bare = asked.method == "HEAD" or response.status in (204, 304)
                if is_poll(path) or bare or not _is_long(response.content_length, response.content_length is None):
                    read = await whole(response)
                    self._answered(call, upload, response, read)
                    answer = web.StreamResponse(status=response.status, reason=response.reason)
                    _dress(answer, kept)
                    await answer.prepare(asked)
                    if read and not bare:
                        await answer.write(read)
                else:
                    download = self._recorder.stream()
                    answer = web.StreamResponse(status=response.status, reason=response.reason)
                    _dress(answer, kept)
                    await answer.prepare(asked)
                    async for chunk in response.content.iter_any():
                        download.feed(chunk)
                        await answer.write(chunk)
                    self._answered(call, upload, response, download.done())
                    download = None
                await answer.write_eof()
                return answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = self._failed(error, url)
            if response is None or answer is None:
                self._answered(call, upload, None, b"")
                return web.Response(status=502, text=f"{text}\n")
            self._broken(call, upload, response, download)
            if asked.transport is not None:
                asked.transport.close()
            return answer
        except asyncio.CancelledError:
            self._broken(call, upload, response, download)
            raise

    def _broken(
        self, call: Call, upload: Stream | None, response: aiohttp.ClientResponse | None, download: Stream | None
    ) -> None:
        """The client got what came by then."""
        if download is not None and response is not None:
            self._answered(call, upload, response, download.done())
        elif response is None:
            self._answered(call, upload, None, b"")

    def _answered(
        self, call: Call, upload: Stream | None, response: aiohttp.ClientResponse | None, body: bytes | Beside
    ) -> None:
        if upload is not None:
            call.request.body = upload.done()
        taped = None
        if response is not None:
            lines = tuple(response.headers.items())
            if isinstance(body, bytes):
                lines, body = undone(lines, body)
            taped = TapedResponse(response.status, lines, body or None)
        self._recorder.answered(self._now(), call, taped)

    # ---- sockets

    async def _socket(self, asked: web.BaseRequest) -> web.StreamResponse:
        path, headers = _path(asked), _headers(asked)
        url = self._target.url(path, opens=True)
        lines = self._target.lines(headers)
        wanted = [
            word.strip()
            for name, value in lines
            if name.lower() == "sec-websocket-protocol"
            for word in value.split(",")
        ]
        said: list[tuple[str, str]] = []
        LINES.set(said)
        try:
            async with asyncio.timeout(_HANDSHAKE):
                upstream = await self._client.ws_connect(
                    URL(url, encoded=True),
                    headers=[line for line in lines if line[0].lower() != "sec-websocket-protocol"],
                    protocols=wanted,
                    max_msg_size=LARGEST,
                    autoclose=False,
                    autoping=False,
                )
        except Turned as turned:
            self.heard, response = True, turned.response
            lines, body = undone(response.headers, response.body)
            taped = TapedResponse(response.status, lines, body or None)
            self._recorder.refused(self._now(), path, headers, taped)
            refusal = web.Response(status=response.status, reason=response.reason, body=response.body)
            refusal.headers.popall("Content-Type", None)
            _dress(refusal, tuple(line for line in response.headers if line[0].lower() not in _PASSING))
            return refusal
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return web.Response(status=502, text=f"{self._failed(error, url, _HANDSHAKE)}\n")
        self.heard = True
        chosen = (upstream.protocol,) if upstream.protocol else ()
        client = web.WebSocketResponse(
            protocols=chosen, autoclose=False, autoping=False, compress=False, max_msg_size=LARGEST, decode_text=True
        )
        _dress(client, tuple(line for line in said if line[0].lower() not in _PASSING | _OF_A_HANDSHAKE))
        await client.prepare(asked)
        line = self._recorder.open(self._now(), path, headers, tuple(said))
        self._sockets[id(asked)] = asked
        try:
            await _Pair(self, asked, client, upstream, line).run()
        finally:
            del self._sockets[id(asked)]
            with suppress(Exception):
                await upstream.close()
        return client

    def frame(self, line: Line, sender: str, data: str | bytes) -> None:
        """One passes."""
        self._recorder.frame(self._now(), line, sender, data)

    def closed(self, line: Line, code: int, reason: str, by: str) -> None:
        """A socket has ended."""
        if not self.ending:
            self._recorder.closed(self._now(), line, code, reason, by)

    def end(self) -> None:
        """Nothing passes any more: what is open is cut by the recorder."""
        self.ending = True
        self._recorder.close(self._now())
        for asked in self._sockets.values():
            if asked.transport is not None:
                asked.transport.close()


class _Pair:
    """Two sockets that are one for who speaks over them."""

    def __init__(
        self,
        relay: Relay,
        asked: web.BaseRequest,
        client: web.WebSocketResponse,
        upstream: aiohttp.ClientWebSocketResponse,
        line: Line,
    ) -> None:
        self._relay = relay
        self._asked = asked
        self._sides: dict[str, web.WebSocketResponse | aiohttp.ClientWebSocketResponse] = {
            "client": client,
            "server": upstream,
        }
        self._line = line
        self._over = False

    async def run(self) -> None:
        """Until it is over."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pump("client", "server"))
            both.create_task(self._pump("server", "client"))

    async def _pump(self, sender: str, taker: str) -> None:
        source, sink = self._sides[sender], self._sides[taker]
        code, reason = 1006, ""
        while True:
            message = await source.receive()
            match message.type:
                case WSMsgType.TEXT:
                    self._tape(sender, message.data)
                    data, kind = message.data.encode("utf-8", "surrogateescape"), WSMsgType.TEXT
                case WSMsgType.BINARY:
                    data, kind = bytes(message.data), WSMsgType.BINARY
                    self._tape(sender, data)
                case WSMsgType.PING | WSMsgType.PONG:
                    data, kind = bytes(message.data), message.type
                case WSMsgType.CLOSE:
                    code, reason = message.data or 1005, message.extra or ""
                    break
                case _:
                    break
            with suppress(OSError, aiohttp.ClientError, RuntimeError):
                await sink.send_frame(data, kind)
        first, self._over = not self._over, True
        if first:
            self._relay.closed(self._line, code, reason, sender)
        with suppress(OSError, aiohttp.ClientError, RuntimeError):
            if code == 1006:
                self._drop(taker)
            else:
                # Not close(), which would make a code of none.
                payload = b"" if code == 1005 else struct.pack("!H", code) + reason.encode()
                await sink.send_frame(payload, WSMsgType.CLOSE)
        if first and code != 1006:
            # Whose side is open still may answer, and may not.
            asyncio.get_running_loop().call_later(_ECHO, self._drop, taker)
        elif not first:
            self._drop("client")
            self._drop("server")

    def _tape(self, sender: str, data: str | bytes) -> None:
        # What still comes when the other one has said its last word is heard by nobody.
        if not self._over:
            self._relay.frame(self._line, sender, data)

    def _drop(self, side: str) -> None:
        if side == "client":
            if self._asked.transport is not None:
                self._asked.transport.close()
            return
        sever(self._sides[side])


def _path(asked: web.BaseRequest) -> str:
    target = asked.raw_path
    return target if target.startswith("/") else asked.rel_url.raw_path_qs


def _headers(asked: web.BaseRequest) -> Headers:
    return tuple(
        (name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in asked.raw_headers
    )


def _is_long(length: int | None, unknown: bool) -> bool:
    """Whether a body has to pass in chunks: because it is big, or may never end (as in `mitm.py`)."""
    return unknown if length is None else length > INLINE


async def _whole(asked: web.BaseRequest) -> bytes:
    parts, size = [], 0
    async for part in asked.content.iter_chunked(_CHUNK):
        size += len(part)
        if size > LARGEST:
            raise web.HTTPRequestEntityTooLarge(max_size=LARGEST, actual_size=size)
        parts.append(part)
    return b"".join(parts)


async def _fed(asked: web.BaseRequest, stream: Stream) -> AsyncIterator[bytes]:
    async for chunk in asked.content.iter_any():
        stream.feed(chunk)
        yield chunk


def _dress(answer: web.StreamResponse, lines: Headers) -> None:
    for name, value in lines:
        answer.headers.add(name, value)

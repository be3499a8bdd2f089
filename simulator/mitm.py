"""The mitmproxy addon: what flows by is told to a Recorder. For mitmproxy 11 and 12, the only place that imports it.

    mitmdump -s "$(simulator addon-path)" --set simulator_out=chat.yaml --mode reverse:https://chat.example.com

A hook that raises loses what it was called for, silently, while traffic goes on. So no hook of ours does: what goes
wrong is counted and told. A frame's hook runs before mitmproxy sends it on, so what a client has seen is in the file.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from functools import update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from mitmproxy import ctx, http, tls, version
from mitmproxy.addonmanager import Loader
from mitmproxy.net import encoding
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

try:
    from simulator import __version__
    from simulator.cassette import rules
    from simulator.cassette.bodies import INLINE, KEPT, Stream
    from simulator.cassette.entries import Beside, Header, TapedRequest, TapedResponse
    from simulator.cassette.recorder import Call, Recorder
    from simulator.cassette.redact import Redactor
    from simulator.cassette.sessions import Line, is_poll
    from simulator.cassette.sink import FileSink
    from simulator.core.errors import SimulatorError
    from simulator.core.message import Headers
    from simulator.record import plan, reports, size
    from simulator.record import upstream as upstreams
    from simulator.record.teller import Teller
    from simulator.serve.recording import check
except ImportError as error:
    # mitmproxy's own packages bring a Python that has never heard of us.
    _MISSING = (
        f"the simulator is not installed for this mitmdump ({error}, {sys.executable}): install it "
        "there as it is here, with the extra record, or use the mitmdump beside the simulator"
    )
else:
    _MISSING = ""

_CALL, _LINE, _ASKED, _ANSWERED = (f"simulator {name}" for name in ("call", "line", "asked", "answered"))
"""What we keep at a flow: the recorder's Call, a socket's Line, and the Streams of bodies that pass in chunks."""

_OPTIONS: dict[str, tuple[Any, Any, str]] = {
    "simulator_out": (str, "", "The cassette to write."),
    "simulator_upstream": (str, "", "Whose traffic is recorded, as a URL. In reverse mode it is known already."),
    "simulator_backend": (str, "", "The name of the backend, for the head of the cassette."),
    "simulator_redact": (bool, True, "Replace secrets before they are written."),
    "simulator_rules": (Sequence[str], [], "More that is secret, such as 'header x-session'."),
    "simulator_max_size": (str, "500MB", "Above that nothing more is written."),
    "simulator_force": (bool, False, "Write the cassette anew if it is there already."),
    "simulator_lean": (bool, False, "Take out addons of mitmproxy that have nothing to do, as the command does."),
    "simulator_reports_to": (int, -1, "A socket to report to, for `simulator record`."),
}

_IDLE = (
    "anticache", "anticomp", "blocklist", "comment", "cut", "export", "mapremote", "maplocal", "modifybody",
    "modifyheaders", "stickyauth", "stickycookie", "upstreamauth",
)  # fmt: skip
"""Addons that only do what a command line asks for. Each is called for each frame: that costs more than we do."""

_P = ParamSpec("_P")


def _ours(hook: Callable[Concatenate[Addon, _P], None]) -> Callable[Concatenate[Addon, _P], None]:
    """A hook that never raises, and does nothing when nothing is recorded."""

    def guarded(self: Addon, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            if self.recorder is not None:
                hook(self, *args, **kwargs)
        except Exception as error:  # what it was called for is lost, and counted
            self.teller.lost(hook.__name__, error)

    return update_wrapper(guarded, hook)


class Addon:
    """One cassette, from when mitmproxy listens until its process ends."""

    name = "simulator"

    def __init__(self) -> None:
        self.recorder: Recorder | None = None
        self.teller = Teller()
        self._upstream: upstreams.Upstream | None = None
        self._ending = False
        self._live: dict[str, http.HTTPFlow] = {}
        """Answers on their way to the client in chunks, which may last as long as we do."""

    # --- beginning

    def load(self, loader: Loader) -> None:
        for name, (kind, default, what) in _OPTIONS.items():
            loader.add_option(name, kind, default, what)

    def running(self) -> None:
        try:
            self._begin()
        except (SimulatorError, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.filename:
                self.teller.refuse(f"{error.filename}: {error.strerror}")
            self.teller.refuse(str(error))

    def _begin(self) -> None:
        options = ctx.options
        if options.simulator_reports_to >= 0:
            # When the command that started us is gone, nobody would ever end us.
            self.teller.connect(options.simulator_reports_to, ctx.master.shutdown)
        for name in options.deferred:
            if name.startswith("simulator"):
                near = get_close_matches(name, _OPTIONS, 1) or [", ".join(_OPTIONS)]
                raise SimulatorError(f"--set {name}: there is no such option; {near[0]} is meant?")
        if not options.simulator_out:
            raise SimulatorError("--set simulator_out=FILE is missing: it says where the cassette goes")
        out = Path(options.simulator_out).expanduser()
        check(out, options.simulator_force, "--set simulator_out=")
        self._upstream = _upstream(options.simulator_upstream)
        redactor = Redactor(os.urandom(32), rules.parse(options.simulator_rules)) if options.simulator_redact else None
        self.recorder = Recorder(
            FileSink(out, replace=options.simulator_force),
            time.time(),
            Header(
                backend=plan.known(options.simulator_backend or None),
                upstream=self._upstream.url,
                recorder=f"simulator {__version__}, mitmproxy {version.VERSION}",
            ),
            redactor,
            max_size=size.parse(options.simulator_max_size),
            tell=self.teller.failed,
        )
        if self.recorder.stopped:
            raise SimulatorError(f"{out}: {self.recorder.stopped}")
        if options.simulator_lean:
            _lean()
        # Frames still pass between `done` and the end of the process.
        atexit.register(self._end)
        addons: Any = ctx.master.addons
        self.teller.report(reports.Listening(addons.get("proxyserver").listen_addrs()[0][1]))
        self.teller.watch(self._counts)

    # --- HTTP

    @_ours
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._is_ours(flow) and not is_poll(flow.request.path) and _is_long(flow.request):
            flow.metadata[_ASKED] = stream = self._tape().stream()
            flow.request.stream = _tee(stream)

    @_ours
    def request(self, flow: http.HTTPFlow) -> None:
        if self._is_ours(flow) and _CALL not in flow.metadata:
            self._call(flow)

    @_ours
    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is None or response.status_code < 200 or is_poll(flow.request.path) or not self._is_ours(flow):
            return
        if _is_long(response) and flow.request.method != "HEAD" and response.status_code not in (204, 304):
            flow.metadata[_ANSWERED] = stream = self._tape().stream()
            response.stream = _tee(stream)
            self._live[flow.id] = flow

    @_ours
    def response(self, flow: http.HTTPFlow) -> None:
        self._live.pop(flow.id, None)
        response = flow.response
        if response is None or not self._is_ours(flow):
            return
        when = response.timestamp_end or time.time()
        if not _is_handshake(flow.request):
            self._answered(flow, when)
        elif response.status_code != 101:
            self._tape().refused(when, flow.request.path, _headers(flow.request), _response(flow))

    @_ours
    def error(self, flow: http.HTTPFlow) -> None:
        self._live.pop(flow.id, None)
        # A socket's end is told by websocket_end.
        if flow.websocket is None and self._is_ours(flow):
            self._answered(flow, time.time())

    def _call(self, flow: http.HTTPFlow) -> Call:
        """What the recorder knows of a request. A long one may be answered, or broken off, before it is all here."""
        call: Call | None = flow.metadata.get(_CALL)
        if call is None:
            request = flow.request
            # The packets of a poll pass now; of all else it is told how long it took.
            when = (request.timestamp_end if is_poll(request.path) else None) or request.timestamp_start
            headers, body = _taped(request, flow.metadata.get(_ASKED))
            call = self._tape().asked(when, TapedRequest(request.method, request.path, headers, body))
            flow.metadata[_CALL] = call
        return call

    def _answered(self, flow: http.HTTPFlow, when: float) -> None:
        # Whatever went wrong, of a stream the client got what came.
        got = flow.response is not None and (flow.error is None or _ANSWERED in flow.metadata)
        self._tape().answered(when, self._call(flow), _response(flow) if got else None)

    # --- sockets

    @_ours
    def websocket_start(self, flow: http.HTTPFlow) -> None:
        if self._is_ours(flow):
            answer = _headers(flow.response) if flow.response else ()
            flow.metadata[_LINE] = self._tape().open(time.time(), flow.request.path, _headers(flow.request), answer)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """The path of every frame: guarded by hand, as a wrapper would cost a tenth of it."""
        try:
            assert flow.websocket is not None
            messages = flow.websocket.messages
            message = messages[-1]
            # mitmproxy would keep them all. The last one has to stay for the addons behind us.
            if len(messages) > 1:
                del messages[:-1]
            line: Line | None = flow.metadata.get(_LINE)
            if line is not None:
                content = message.content
                self.recorder.frame(  # type: ignore[union-attr]
                    message.timestamp,
                    line,
                    "client" if message.from_client else "server",
                    content.decode("utf-8", "surrogateescape") if message.is_text else content,
                )
        except Exception as error:  # the frame is lost, and counted
            self.teller.lost("websocket_message", error)

    @_ours
    def websocket_end(self, flow: http.HTTPFlow) -> None:
        line: Line | None = flow.metadata.pop(_LINE, None)
        # While we end, mitmproxy closes what is open, and says 1006 by the client of it.
        if line is None or flow.websocket is None or self._ending:
            return
        ws = flow.websocket
        code = 1006 if ws.close_code is None else int(ws.close_code)
        by = "client" if ws.closed_by_client else "server"
        self._tape().closed(ws.timestamp_end or time.time(), line, code, ws.close_reason or "", by)

    # --- what the operator should know

    @_ours
    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        self.teller.notice(f"{self._named(data.server.address)} can't be reached: {data.server.error}")

    @_ours
    def tls_failed_server(self, data: tls.TlsData) -> None:
        hint = "" if ctx.options.ssl_insecure else "; --insecure-upstream takes any certificate"
        self.teller.notice(f"{self._named(data.context.server.address)}: no TLS: {data.conn.error}{hint}")

    @_ours
    def tls_failed_client(self, data: tls.TlsData) -> None:
        self.teller.notice(f"a client did not begin TLS, does it trust the proxy's certificate? {data.conn.error}")

    def _named(self, address: Sequence[object] | None) -> str:
        return "the upstream" if address is None else ":".join(str(part) for part in address[:2])

    # --- ending

    def done(self) -> None:
        self._ending = True

    def _end(self) -> None:
        recorder = self.recorder
        if recorder is None:
            return
        now = time.time()
        for flow in [*self._live.values()]:
            with suppress(Exception):
                self._answered(flow, now)
        # Not the end that we gave it: whether it was full before.
        counts = self._counts()
        recorder.close(now)
        counts = replace(self._counts(), stopped=counts.stopped)
        self.teller.end(counts, ctx.options.simulator_out)
        if self.teller.alone and (counts.failures or counts.stopped):
            # mitmdump has no other way to end with anything but 0.
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):
                    stream.flush()
            os._exit(1)

    def _counts(self) -> reports.Counts:
        tape = self._tape()
        counts = tape.counts
        failures = counts.failures + self.teller.failures
        return reports.Counts(
            counts.connections, counts.frames, counts.exchanges, counts.bytes, counts.redactions, failures, tape.stopped
        )

    # --- flows

    def _tape(self) -> Recorder:
        # No property: mitmproxy reads all attributes before anything has begun.
        assert self.recorder is not None
        return self.recorder

    def _is_ours(self, flow: http.HTTPFlow) -> bool:
        """Whether the client spoke to the upstream: through a proxy of `regular` mode others are reached as well."""
        if isinstance(flow.client_conn.proxy_mode, ReverseMode):
            return True
        assert self._upstream is not None
        return (flow.request.host.lower(), flow.request.port) == (self._upstream.host, self._upstream.port)


def _lean() -> None:
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    addons: Any = ctx.master.addons
    for name in _IDLE:
        if (addon := addons.get(name)) is not None:
            addons.remove(addon)


def _upstream(text: str) -> upstreams.Upstream:
    modes = [ProxyMode.parse(mode) for mode in ctx.options.mode]
    if text:
        return upstreams.parse(text)
    for mode in modes:
        if isinstance(mode, ReverseMode) and mode.scheme in ("http", "https"):
            return upstreams.Upstream(mode.scheme, mode.address[0], mode.address[1])
    raise SimulatorError(
        "--set simulator_upstream=https://chat.example.com is missing: it says whose traffic is recorded"
    )


def _is_handshake(request: http.Request) -> bool:
    return bool(request.headers.get("upgrade", "").lower() == "websocket")


def _is_long(message: http.Request | http.Response) -> bool:
    """Whether a body has to pass in chunks, because it is big, or may never end, or comes when it likes."""
    length = message.headers.get("content-length", "")
    if length.isdigit():
        return int(length) > INLINE
    return isinstance(message, http.Response) or "transfer-encoding" in message.headers or message.is_http2


def _tee(stream: Stream) -> Callable[[bytes], bytes]:
    def pass_on(chunk: bytes) -> bytes:
        # A bug in here would end the client's upload.
        with suppress(Exception):
            stream.feed(chunk)
        return chunk

    return pass_on


def _headers(message: http.Message) -> Headers:
    return tuple(
        (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
        for name, value in message.headers.fields
    )


def _response(flow: http.HTTPFlow) -> TapedResponse:
    assert flow.response is not None
    headers, body = _taped(flow.response, flow.metadata.get(_ANSWERED))
    return TapedResponse(flow.response.status_code, headers, body)


def _taped(message: http.Message, stream: Stream | None) -> tuple[Headers, bytes | Beside | None]:
    """Head and body. Where a coding was taken off the body, the head does not speak of it any more."""
    headers = _headers(message)
    body = message.raw_content if stream is None else stream.done()
    coding = message.headers.get("content-encoding", "")
    if coding and isinstance(body, bytes) and body:
        try:
            plain = encoding.decode(body, coding)
        except ValueError:
            return headers, body
        if isinstance(plain, bytes) and len(plain) <= KEPT:
            headers = tuple(line for line in headers if line[0].lower() not in ("content-encoding", "content-length"))
            return headers, plain
    return headers, body


class Stranger:
    """In place of the addon where the simulator can't be imported. mitmdump hangs if it is ended any earlier."""

    def running(self) -> None:
        sys.exit(_MISSING)


addons = [Stranger()] if _MISSING else [Addon()]

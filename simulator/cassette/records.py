"""A record as it stands in the file: one piece, keys in a fixed order, the last required one at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from simulator.cassette.entries import (
    FORMAT,
    Body,
    Closed,
    Cut,
    Entry,
    Exchange,
    Header,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.quoting import binary, quote
from simulator.core.message import Headers


def dump_header(header: Header) -> bytes:
    """The head of a file, up to where entries begin."""
    lines = [f"cassette: {FORMAT}", f"backend: {_maybe(header.backend)}"]
    if header.by_hand is not None:
        lines.append(f"by_hand: {quote(header.by_hand)}")
    lines += [
        f"{key}: {quote(value)}"
        for key, value in (
            ("recorded", header.recorded),
            ("upstream", header.upstream),
            ("recorder", header.recorder),
        )
        if value is not None
    ]
    rules = ", ".join(map(quote, header.redacted))
    return "\n".join([*lines, f"redacted: [{rules}]", "entries:", ""]).encode()


def dump(entry: Entry) -> bytes:
    """One record, newline at the end. Raises ValueError for one that nobody could read: it would spoil all others."""
    if type(entry) is Passed:
        return _passed(entry).encode()
    return "".join((f"- at: {entry.at:.6f}\n", *(f"  {line}\n" for line in _lines(entry)))).encode()


def _passed(entry: Passed) -> str:
    data = entry.data
    extra = ""
    if entry.via != "websocket":
        extra = f"  via: {entry.via}\n"
    if entry.body is not None:
        extra += f"  body: {entry.body}\n"
    if entry.link != 1:
        extra += f"  link: {entry.link}\n"
    if entry.redacted:
        extra += "  redacted: true\n"
    said = f"text: {quote(data)}" if isinstance(data, str) else f"bytes: {binary(data)}"
    return f"- at: {entry.at:.6f}\n  conn: {entry.conn}\n  from: {entry.sender}\n{extra}  {said}\n"


def _lines(entry: Entry) -> Iterator[str]:
    if not isinstance(entry, Exchange) and entry.conn is not None:
        yield f"conn: {entry.conn}"
    match entry:
        case Opened(answer=answer) | Upgraded(answer=answer):
            if isinstance(entry, Upgraded):
                yield "event: upgrade"
                yield f"link: {entry.link}"
            else:
                yield "event: open"
            yield f"path: {quote(entry.path)}"
            if answer:
                yield f"answer: {_headers(answer)}"
            yield from _flag(entry.redacted)
            yield f"headers: {_headers(entry.headers)}"
        case Refused():
            yield "event: refused"
            yield f"path: {quote(entry.path)}"
            yield from _flag(entry.redacted)
            yield f"headers: {_headers(entry.headers)}"
            yield f"response: {_response(entry.response)}"
        case Closed():
            yield "event: close"
            if entry.link != 1:
                yield f"link: {entry.link}"
            yield from _flag(entry.redacted)
            yield f"code: {'null' if entry.code is None else entry.code}"
            yield f"reason: {quote(entry.reason)}"
            yield f"by: {entry.by}"
        case Exchange(request=request):
            yield f"http: {entry.http}"
            yield f"took: {entry.took:.6f}"
            yield from _flag(entry.redacted)
            yield f"request: {_request(request)}"
            yield f"response: {'null' if entry.response is None else _response(entry.response)}"
        case Lost():
            yield "event: lost"
            yield f"count: {entry.count}"
            yield f"why: {quote(entry.why)}"
        case _:
            assert isinstance(entry, Cut)
            yield "event: cut"
            yield f"why: {quote(entry.why)}"


def _flag(redacted: bool) -> tuple[str, ...]:
    return ("redacted: true",) if redacted else ()


def _maybe(text: str | None) -> str:
    return "null" if text is None else quote(text)


_PLAIN_NAME = re.compile("[A-Za-z][A-Za-z0-9-]{2,60}")
_NOT_PLAIN: Final = frozenset({"null", "true", "false", "yes", "off"})
"""Of at least three letters, what YAML 1.1 or 1.2 takes for something else than a text."""


def _headers(headers: Headers) -> str:
    grouped: dict[str, list[str]] = {}
    for name, value in headers:
        grouped.setdefault(name, []).append(value)
    kept = tuple((name, value) for name, values in grouped.items() for value in values)
    # YAML bounds what stands before a colon, and cannot have bytes there.
    if kept != headers or not all(len(name) < 200 and name.isprintable() for name in grouped):
        return f"[{', '.join(f'[{quote(name)}, {quote(value)}]' for name, value in headers)}]"
    return f"{{{', '.join(f'{_name(name)}: {_values(values)}' for name, values in grouped.items())}}}"


def _name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) and name.lower() not in _NOT_PLAIN else quote(name)


def _values(values: list[str]) -> str:
    return quote(values[0]) if len(values) == 1 else f"[{', '.join(map(quote, values))}]"


def _request(request: TapedRequest) -> str:
    head = f"method: {quote(request.method)}, path: {quote(request.path)}, headers: {_headers(request.headers)}"
    return f"{{{head}{_body(request.body)}}}"


def _response(response: TapedResponse) -> str:
    if not 100 <= response.status <= 999:
        raise ValueError(f"an answer with the status {response.status}, and HTTP's have three digits")
    return f"{{status: {response.status}, headers: {_headers(response.headers)}{_body(response.body)}}}"


def _body(body: Body) -> str:
    match body:
        case None:
            return ""
        case str():
            return f", text: {quote(body)}"
        case bytes():
            return f", bytes: {binary(body)}"
        case _:
            return f", file: {{path: {_maybe(body.path)}, size: {body.size}, sha256: {quote(body.sha256)}}}"

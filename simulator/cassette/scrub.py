"""A cassette that is there already: redacted anew, and searched for what was left in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from simulator.cassette import meanings, places, prose
from simulator.cassette.entries import (
    Beside,
    Body,
    Closed,
    Cut,
    Entry,
    Exchange,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.pseudonyms import is_ours
from simulator.cassette.redact import Redactor
from simulator.cassette.shadow import unescaped

Half = TypeVar("Half", TapedRequest, TapedResponse)

TAIL: Final = 512
"""Characters of what came before in which a secret may have begun."""
_STREAMS: Final = 10_000
_NAMES: Final = frozenset({"type", "event", "action", "channel", "route", "topic", "name"})


# ---- anew ----


def redacted(entry: Entry, redactor: Redactor) -> Entry:
    """The entry without what the redactor takes out; the same one when there is nothing. May raise TooMany.

    A body that stands beside the cassette is not touched: `body` is for what is in its file.
    """
    if isinstance(entry, Cut | Lost):
        return entry
    redactor.trust(entry.redacted)
    before = redactor.count
    made = _made(entry, redactor)
    redactor.trust(False)
    if redactor.count == before:
        return entry
    made.redacted = True
    return made


def _made(
    entry: Passed | Opened | Refused | Upgraded | Closed | Exchange, redactor: Redactor
) -> Passed | Opened | Refused | Upgraded | Closed | Exchange:
    match entry:
        case Passed(data=str() as text):
            return replace(entry, data=redactor.text(text))
        case Passed(data=bytes() as data):
            return replace(entry, data=redactor.binary(data))
        case Opened() | Upgraded():
            return replace(
                entry,
                path=redactor.path(entry.path),
                headers=redactor.headers(entry.headers),
                answer=redactor.headers(entry.answer),
            )
        case Refused():
            return replace(
                entry,
                path=redactor.path(entry.path),
                headers=redactor.headers(entry.headers),
                response=_half(entry.response, redactor),
            )
        case Closed():
            return replace(entry, reason=redactor.text(entry.reason))
        case _:
            assert isinstance(entry, Exchange)
            request = _half(replace(entry.request, path=redactor.path(entry.request.path)), redactor)
            response = None if entry.response is None else _half(entry.response, redactor)
            return replace(entry, request=request, response=response)


def _half(half: Half, redactor: Redactor) -> Half:
    return replace(half, headers=redactor.headers(half.headers), body=body(half.body, kind_of(half), redactor))


def kind_of(half: TapedRequest | TapedResponse) -> str:
    """Its Content-Type."""
    return next((value for name, value in half.headers if name.lower() == "content-type"), "")


def body(given: Body, kind: str, redactor: Redactor) -> Body:
    """A body redacted; what stands beside stays. May raise TooMany."""
    if given is None or isinstance(given, Beside):
        return given
    if isinstance(given, str) and not kind.lower().startswith("multipart/"):
        return redactor.text(given)
    # Whatever stands in a text by hand comes through.
    raw = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    new = redactor.body(raw, kind)
    if new is raw or new is None:
        return given
    return new.decode("utf-8", "surrogatepass") if isinstance(given, str) else new


# ---- searched ----


@dataclass(slots=True)
class Left:
    """A secret that is still there."""

    line: int
    """Of the entry, for one that is split over several of the last."""
    what: str
    """The rule that finds it, and where; the secret itself is never told."""


def check(entries: Iterable[Entry], redactor: Redactor, beside: Callable[[str], bytes] | None = None) -> Iterator[Left]:
    """What a redaction would still take out, and what only shows when pieces of a stream are put together.

    `beside` reads a body's file by its path; without it those bodies are not looked into.
    """
    streams = _Streams(redactor)
    for entry in entries:
        if isinstance(entry, Cut | Lost):
            continue
        redactor.trust(entry.redacted)
        try:
            yield from (Left(entry.line, what) for what in _found(entry, redactor, beside))
            if isinstance(entry, Passed) and isinstance(entry.data, str):
                yield from (Left(entry.line, f"{what}, split over frames") for what in streams.add(entry))
        except places.TooMany as error:
            yield Left(entry.line, f"can't be looked through: {error}")
        redactor.trust(False)


def _found(entry: Entry, redactor: Redactor, beside: Callable[[str], bytes] | None) -> Iterator[str]:
    match entry:
        case Passed(data=str() as text):
            yield from (spot.what for spot in redactor.spots(text))
        case Closed():
            yield from (f"{spot.what} in a reason" for spot in redactor.spots(entry.reason))
        case Passed(data=bytes() as data):
            if redactor.binary(data) is not data:
                yield "something in a binary frame"
        case Opened() | Upgraded():
            yield from (f"{spot.what} in the path" for spot in redactor.spots(entry.path))
            yield from _headers((*entry.headers, *entry.answer), redactor)
        case Refused():
            yield from (f"{spot.what} in the path" for spot in redactor.spots(entry.path))
            yield from _headers(entry.headers, redactor)
            yield from _in(entry.response, redactor, beside)
        case _:
            assert isinstance(entry, Exchange)
            yield from (f"{spot.what} in the path" for spot in redactor.spots(entry.request.path))
            yield from _in(entry.request, redactor, beside)
            if entry.response is not None:
                yield from _in(entry.response, redactor, beside)


def _headers(headers: Iterable[tuple[str, str]], redactor: Redactor) -> Iterator[str]:
    for name, value in headers:
        if redactor.headers(((name, value),))[0][1] is not value:
            yield f"header {name}"


def _in(half: TapedRequest | TapedResponse, redactor: Redactor, beside: Callable[[str], bytes] | None) -> Iterator[str]:
    yield from _headers(half.headers, redactor)
    given = half.body
    if isinstance(given, Beside):
        given = beside(given.path) if beside is not None and given.path is not None else None
    if body(given, kind_of(half), redactor) is not given:
        if isinstance(given, str):
            found = {spot.what for spot in redactor.spots(given)}
            yield from (f"{what} in a body" for what in sorted(found or {"something"}))
        else:
            yield "something in a body"


@dataclass(slots=True)
class _Stream:
    tail: str = ""
    first: str | None = None
    flows: bool = False
    """It said different things: what is always the same is no stream."""
    told: bool = False
    """The tail ends in what was told already."""


class _Streams:
    """What comes in pieces: texts of the same conn, direction, event and place in it, put together."""

    __slots__ = ("_redactor", "_streams")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._streams: dict[object, _Stream] = {}

    def add(self, entry: Passed) -> Iterator[str]:
        assert isinstance(entry.data, str)
        found: set[str] = set()
        for key, piece in _pieces(entry.data):
            found.update(self._grown((entry.conn, entry.sender, key), piece))
        yield from sorted(found)

    def _grown(self, key: object, piece: str) -> Iterator[str]:
        stream = self._streams.pop(key, None) or _Stream()
        self._streams[key] = stream
        if len(self._streams) > _STREAMS:
            self._streams.pop(next(iter(self._streams)))
        if stream.first is None:
            stream.first = piece
        stream.flows = stream.flows or piece != stream.first
        joint = len(stream.tail)
        whole = stream.tail + piece
        stream.tail = whole[-TAIL:]
        if not stream.flows:
            return
        alone = {(spot.start + joint, spot.end + joint) for spot in self._redactor.spots(piece)}
        over = [
            spot
            for spot in self._redactor.spots(whole)
            if spot.end > joint
            and (spot.start, spot.end) not in alone
            and not _grown_together(whole, spot.start, joint)
        ]
        if over and not stream.told:
            yield over[0].what
        stream.told = bool(over)


def _grown_together(whole: str, start: int, joint: int) -> bool:
    """Whether what a secret would begin with is a whole address of ours: of a list of them two make another domain."""
    return is_ours(whole[start:joint]) and whole[:joint].endswith("@example.com")


def _pieces(text: str) -> Iterator[tuple[object, str]]:
    """Texts in a frame with what they belong to: once by event and place, once by the ids beside them as well."""
    first = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if first < 0:
        yield "", text
        return
    texts: list[tuple[tuple[str, ...], str]] = []
    for leaf in places.leaves(text, first, 0, places.Walk(), deepest=0):
        if not leaf.number:
            texts.append((leaf.path, unescaped(text[leaf.start : leaf.end]).text))
    named = [piece for path, piece in texts if not path or path[-1] in _NAMES]
    ids = [piece for path, piece in texts if path and meanings.plain(path[-1]).endswith("id")]
    for path, piece in texts:
        if path and piece and path[-1] not in _NAMES and not meanings.plain(path[-1]).endswith(prose.IDS):
            event = (path, *named[:3])
            yield event, piece
            if ids:
                yield (event, *ids), piece

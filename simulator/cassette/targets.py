"""Requests of live clients held against those of a tape: their places, queries and bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from simulator.cassette import opaque
from simulator.cassette.bindings import loads
from simulator.cassette.match import Comparison, Masks
from simulator.cassette.reading import DEEP, is_deep
from simulator.core.message import Request

if TYPE_CHECKING:
    from simulator.cassette.strands import Plan, Served
    from simulator.cassette.walk import Walk


def looked_into(body: bytes) -> object:
    """A body as far as it can be looked into: a deeper one is its bytes."""
    try:
        value = loads(body.decode()) if body else None
    except ValueError:
        return body
    return body if body.count(b"[") + body.count(b"{") > DEEP and is_deep(value) else value


def target(request: Request) -> str:
    """Path and query of a request."""
    return f"{request.path}?{request.query}" if request.query else request.path


def weight(request: Request) -> int:
    """Bytes that it takes, about."""
    lines = sum(len(name) + len(value) + 200 for name, value in request.headers)
    return len(request.path) + len(request.query) + len(request.body) + lines


def bare(request: Request) -> Request:
    """Where it led, without all that came with it."""
    return Request(request.method, request.path, request.query, base=request.base)


def fits(taped: str, live: str) -> bool:
    """Whether two paths lead to the same: ids in them may be others."""
    old, new = (_parts(path.partition("?")[0]) for path in (taped, live))
    return len(old) == len(new) and all(a == b or opaque.alike(a, b, "") for a, b in zip(old, new, strict=True))


def candidates(plan: Plan, request: Request) -> Iterator[Served]:
    """The exchanges of a request's method and place."""
    for served in plan.exchanges:
        taped = served.exchange.request
        if taped.method == request.method and fits(taped.path, request.path):
            yield served


_DRAWN: Final = frozenset(("t", "sid", "transport", "EIO", "b64"))
"""Parameters of Engine.IO that are the wire's."""


def compared(
    walk: Walk, taped: str, request: Request, masks: Masks, old: tuple[object, ...] = (), new: tuple[object, ...] = ()
) -> Comparison:
    """A request, and what it brought, held against those of the tape."""
    path, _, query = taped.partition("?")
    live = walk.bindings.to_taped(target(request))
    bare, _, asked = live.partition("?")
    before = [_parts(path), _query(query), *old]
    after = [_parts(bare), _query(asked), *new]
    return Comparison(tuple(map(_placed, masks.of(path))), True).args(before, after)


_PLACES: Final = {"query": "1", "body": "2"}
"""Among what is compared, by what misses call it."""


def _placed(mask: tuple[str, ...]) -> tuple[str, ...]:
    """A path as people write it: `query.page`, `body.file.name`, and `locale` for one in the body."""
    return (_PLACES[mask[0]], *mask[1:]) if mask[0] in _PLACES else ("2", *mask)


def _parts(path: str) -> list[str]:
    parts = path.rstrip("/").split("/")
    # Phoenix has a door for each transport.
    return [*parts[:-1], "websocket"] if parts[-1] == "longpoll" else parts


def _query(query: str) -> dict[str, str]:
    return {key: value for key, value in parse_qsl(query, keep_blank_values=True) if key not in _DRAWN}

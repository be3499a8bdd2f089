"""The secrets of a served backend's fixtures, in the places from which redaction took those of the tape."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Final, TypeAlias

import orjson

from simulator.cassette.conversation import Said
from simulator.core.message import Json, Message, Request
from simulator.drive.bound import placeholders
from simulator.drive.script import Ask, Hear, Open, Say, Script, Step

Keys: TypeAlias = Callable[[Message | Request, Sequence[Message]], Iterable[tuple[Json, str]]]
"""`Backend.secrets` of a backend that is served, for its fixtures and this moment."""

_LOOKED_AT: Final = 20
"""Messages behind a claim in which it shows who it was."""
_NOBODYS: Final = "@example.com"
"""The end of a made-up address: to a served backend it is as good as any other."""


def fitting(script: Script, keys: Keys) -> dict[str, str]:
    """What is to be said in place of which placeholder; one that the server says first finds its value live."""
    found: dict[str, str] = {}
    told: set[str] = set()
    heard: dict[int, list[tuple[int, Said]]] = {}
    for at, step in enumerate(script.steps):
        if isinstance(step, Hear):
            heard.setdefault(step.conn, []).append((at, step.said))
    for at, step in enumerate(script.steps):
        if isinstance(step, Hear):
            told.update(placeholders(_text(step.said)))
            continue
        for said in _claims(step):
            talk = heard.get(step.conn, [])
            first = bisect(talk, at, key=itemgetter(0))
            answers = [_message(other) for _, other in talk[first : first + _LOOKED_AT]]
            for taken, key in keys(said, answers):
                if isinstance(taken, str) and placeholders(taken) == [taken] and taken not in told:
                    found.setdefault(taken, key)
        for one in _everything(step):
            if one.endswith(_NOBODYS):
                found.setdefault(one, one)
    return found


def _claims(step: Step) -> Iterable[Message | Request]:
    """What a client says who wants to come in, or might."""
    match step:
        case Open():
            path, _, query = step.path.partition("?")
            yield Request("GET", path, query, step.headers)
        case Ask():
            path, _, query = step.request.path.partition("?")
            body = step.request.body
            raw = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body
            yield Request(
                step.request.method, path, query, step.request.headers, raw if isinstance(raw, bytes) else b""
            )
        case Say():
            yield from (_message(said) for said in step.said if placeholders(_text(said)))


def _everything(step: Step) -> list[str]:
    match step:
        case Say(data=str() as text):
            return placeholders(text)
        case Ask():
            body = step.request.body
            return placeholders(step.request.path) + (placeholders(body) if isinstance(body, str) else [])
        case _:
            return []


def _message(said: Said) -> Message:
    return Message(said.message or said.name, said.args, topic=said.topic)


def _text(said: Said) -> str:
    return orjson.dumps(said.args, default=lambda data: data.hex()).decode()

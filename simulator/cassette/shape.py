"""Mappings as they stand in the file become header and entries, each key looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from simulator.cassette.entries import (
    Beside,
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
from simulator.cassette.quoting import unbinary
from simulator.core.message import Headers

EVENTS: Final = ("open", "refused", "upgrade", "close", "cut", "lost")
_MOST: Final = 10**15
VIAS: Final = ("websocket", "polling", "longpoll")


class Wrong(Exception):
    """A value that the format does not allow, and the key that it stands at."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(why)
        self.key = key
        self.why = why


class Missing(Wrong):
    """A key that has to be there is not: all there is to see of a record that was torn between two lines."""


class _Keys:
    """The keys of a mapping, of which each is asked for once; those that nobody asked for are wrong."""

    __slots__ = ("_left", "_place")

    def __init__(self, value: Any, place: str = "") -> None:
        if not isinstance(value, dict):
            raise Wrong(place, f"expected keys and values{f' at {place}' if place else ''}, got {_told(value)}")
        self._left: dict[Any, Any] = dict(value)
        self._place = place

    def has(self, key: str) -> bool:
        return key in self._left

    def take(self, key: str) -> Any:
        if key not in self._left:
            raise Missing(key, f"{key!r} is missing{f' in {self._place}' if self._place else ''}")
        return self._left.pop(key)

    def number(self, key: str, least: int = 0) -> int:
        value = self.take(key)
        if type(value) is not int or not least <= value <= _MOST:
            raise Wrong(key, f"{key}: expected a whole number from {least}, got {_told(value)}")
        return value

    def seconds(self, key: str) -> float:
        value = self.take(key)
        if type(value) not in (int, float) or not 0 <= value <= _MOST:
            raise Wrong(key, f"{key}: expected seconds, got {_told(value)}")
        return float(value)

    def text(self, key: str) -> str:
        return _text(key, self.take(key))

    def choice(self, key: str, allowed: Iterable[str]) -> str:
        value = self.take(key)
        if value not in allowed:
            raise Wrong(key, f"{key}: expected one of {', '.join(allowed)}, got {_told(value)}")
        return str(value)

    def flag(self, key: str) -> bool:
        value = self._left.pop(key, False)
        if not isinstance(value, bool):
            raise Wrong(key, f"{key}: expected true or false, got {_told(value)}")
        return value

    def headers(self, key: str) -> Headers:
        return _headers(key, self.take(key))

    def body(self) -> Body:
        """What stands at `text`, `bytes` or `file`."""
        found = [key for key in ("text", "bytes", "file") if key in self._left]
        if len(found) > 1:
            raise Wrong(found[1], f"{' and '.join(found)} exclude each other")
        if not found:
            return None
        if found[0] == "text":
            return self.text("text")
        if found[0] == "file":
            keys = _Keys(self.take("file"), "file")
            path = keys.take("path")
            beside = Beside(
                None if path is None else _inside(_text("path", path)), keys.number("size"), keys.text("sha256")
            )
            keys.end()
            return beside
        value = self.take("bytes")
        if not isinstance(value, bytes):
            raise Wrong("bytes", f"bytes: expected !!binary and base64, got {_told(value)}")
        return value

    def end(self) -> None:
        """Nothing may be left."""
        if self._left:
            key = next(iter(self._left))
            raise Wrong(str(key), f"there is no key {key!r}{f' in {self._place}' if self._place else ' here'}")


def _told(value: Any) -> str:
    # Never a collection's own words: with aliases a few lines of YAML have a billion of them.
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "keys and values"
    if isinstance(value, int) and abs(value) > _MOST:
        return "a number that is too big"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return unbinary(value)
        except UnicodeDecodeError:
            raise Wrong(key, f"{key}: starts like UTF-32 and is none") from None
    raise Wrong(key, f"{key}: expected a text, got {_told(value)}; quotes make it one")


def _inside(path: str) -> str:
    """A path of a body may not lead out of the cassette's folder."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or ":" in path or "\0" in path or not {"", ".", ".."}.isdisjoint(parts):
        raise Wrong("path", f"path: {path!r} is not a plain path inside the cassette's folder")
    return path


def _headers(key: str, value: Any) -> Headers:
    if isinstance(value, dict):
        pairs: list[Any] = []
        for name, values in value.items():
            pairs += [(name, one) for one in values] if isinstance(values, list) else [(name, values)]
    elif isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        pairs = value
    else:
        raise Wrong(key, f"{key}: expected names and values, got {_told(value)}")
    return tuple((_text(key, name), _text(key, one)) for name, one in pairs)


def header(raw: Any) -> Header:
    """The head, `entries` taken off. Raises Wrong."""
    keys = _Keys(raw)
    keys.take("cassette")

    def maybe(key: str) -> str | None:
        return None if not keys.has(key) or (value := keys.take(key)) is None else _text(key, value)

    made = Header(maybe("backend"), maybe("recorded"), maybe("by_hand"), maybe("upstream"), maybe("recorder"))
    if keys.has("redacted"):
        rules = keys.take("redacted")
        if not isinstance(rules, list):
            raise Wrong("redacted", f"redacted: expected a list of rules, got {_told(rules)}")
        made.redacted = tuple(_text("redacted", rule) for rule in rules)
    keys.end()
    return made


def entry(raw: Any) -> Entry:
    """One entry. Raises Wrong."""
    keys = _Keys(raw)
    at = keys.seconds("at")
    made: Entry
    if keys.has("http"):
        made = _exchange(at, keys)
    elif keys.has("event"):
        made = _EVENTS[keys.choice("event", EVENTS)](at, keys)
    elif keys.has("from") or not (keys.has("text") or keys.has("bytes")):
        made = _passed(at, keys)
    else:
        raise Missing("from", "'from' is missing: client or server")
    keys.end()
    return made


def _passed(at: float, keys: _Keys) -> Passed:
    conn = keys.number("conn", 1)
    if not keys.has("from"):
        raise Missing("event", "'from', 'event' or 'http' is missing: which kind of entry is it?")
    made = Passed(at, conn, keys.choice("from", ("client", "server")), "")
    if keys.has("via"):
        made.via = keys.choice("via", VIAS)
    if keys.has("body"):
        made.body = keys.number("body", 1)
    made.link = _link(keys)
    made.redacted = keys.flag("redacted")
    data = keys.body()
    if data is None:
        raise Missing("text", "'text' or 'bytes' is missing: a frame has one of them")
    if isinstance(data, Beside):
        raise Wrong("file", "a frame stands in the cassette itself")
    made.data = data
    return made


def _link(keys: _Keys) -> int:
    return keys.number("link", 1) if keys.has("link") else 1


def _answer(keys: _Keys) -> Headers:
    return keys.headers("answer") if keys.has("answer") else ()


def _opened(at: float, keys: _Keys) -> Opened:
    return Opened(
        at, keys.number("conn", 1), keys.text("path"), keys.headers("headers"), _answer(keys), keys.flag("redacted")
    )


def _refused(at: float, keys: _Keys) -> Refused:
    conn, path, headers = keys.number("conn", 1), keys.text("path"), keys.headers("headers")
    return Refused(at, conn, path, headers, _response(keys.take("response")), keys.flag("redacted"))


def _upgraded(at: float, keys: _Keys) -> Upgraded:
    conn, link, path = keys.number("conn", 1), keys.number("link", 1), keys.text("path")
    return Upgraded(at, conn, link, path, keys.headers("headers"), _answer(keys), keys.flag("redacted"))


def _closed(at: float, keys: _Keys) -> Closed:
    conn = keys.number("conn", 1)
    code = keys.take("code")
    if code is not None and (type(code) is not int or not 0 <= code <= 0xFFFF):
        raise Wrong("code", f"code: expected a close code or null, got {_told(code)}")
    reason, by = keys.text("reason"), keys.choice("by", ("client", "server"))
    return Closed(at, conn, code, reason, by, _link(keys), keys.flag("redacted"))


def _conn(keys: _Keys) -> int | None:
    return keys.number("conn", 1) if keys.has("conn") else None


def _cut(at: float, keys: _Keys) -> Cut:
    return Cut(at, _conn(keys), keys.text("why"))


def _lost(at: float, keys: _Keys) -> Lost:
    return Lost(at, _conn(keys), keys.number("count", 1), keys.text("why"))


def _exchange(at: float, keys: _Keys) -> Exchange:
    number = keys.number("http", 1)
    took = keys.seconds("took") if keys.has("took") else 0.0
    asked = _Keys(keys.take("request"), "request")
    request = TapedRequest(asked.text("method"), asked.text("path"), asked.headers("headers"), asked.body())
    asked.end()
    answer = keys.take("response")
    return Exchange(at, number, took, request, None if answer is None else _response(answer), keys.flag("redacted"))


def _response(value: Any) -> TapedResponse:
    keys = _Keys(value, "response")
    status = keys.number("status")
    if not 100 <= status <= 999:
        raise Wrong("status", f"status: expected three digits, got {status}")
    made = TapedResponse(status, keys.headers("headers"), keys.body())
    keys.end()
    return made


_EVENTS: Mapping[str, Callable[[float, _Keys], Entry]] = {
    "open": _opened,
    "refused": _refused,
    "upgrade": _upgraded,
    "close": _closed,
    "cut": _cut,
    "lost": _lost,
}

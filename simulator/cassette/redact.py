"""Takes secrets out of what passes, before anything is written, and leaves every other byte as it was.

Four things give a secret away: the key that it stands at (`meanings.py`), how it looks (`prose.py`), where it passes
(a header, the auth of a Socket.IO CONNECT), and that it was taken out before (`echoes.py`). JSON is never taken apart
and put together again: the places of values are found in the raw text, in JSON inside of strings too, and only they
are cut out.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from operator import is_
from typing import Final
from urllib.parse import quote

from simulator.cassette import meanings, places, prose
from simulator.cassette.meanings import Kind
from simulator.cassette.prose import Spot, valued
from simulator.cassette.pseudonyms import WORD, Pseudonyms, is_jwt, is_ours
from simulator.cassette.rules import Rules
from simulator.cassette.shadow import Shadow, unescaped, unquoted
from simulator.core.message import Headers
from simulator.wire.engineio_payload import unbase64

__all__ = ["Redactor", "Spot"]

MOST: Final = 20_000
"""Secrets in one text; a message with more of them is not one that anybody needs."""
_HARMLESS: Final = 5_000
"""Keys that are remembered to say nothing."""
_BASE64 = re.compile(r"b[A-Za-z0-9+/]{8,}={0,2}")
_CONNECT = re.compile(r"40(?:/[^,]{0,500},)?(?=\{)")
_SID = re.compile(r'^0\{[^{}]{0,500}?"sid"\s*:\s*"([^"\\]{1,200})"')
_CODED = re.compile(r"%(?:2[0256bB]|3[adAD]|[4-7][0-9a-fA-F])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1d\x1f\x7f]")
_KEY_END = re.compile(r'\\*"\s{0,20}:')
_SCRAPS = re.compile(r'[^"\\{}\[\],:]+')
_PROTOCOL = re.compile(r"[^,\s]+")
_BORNE = re.compile(
    r"(?i:base64url\.bearer\.authorization\.k8s\.io\.|(?:access[_-]?)?token[._-]|bearer[._-]|auth[._-])(?=.{8})"
)
_ANNOUNCED: Final = frozenset({"bearer", "token", "accesstoken", "authorization", "auth", "jwt", "apikey"})
_COOKIE = re.compile(r"[^\s;=]+=(?:\"[^\"]*\"[^;]*|[^;]*)|[^\s;=][^;=]*(?=;|\Z)")
"""One with a name, in quotes a `;` belongs to it; or a value alone, which browsers send as well."""
_BOUNDARY = re.compile(r"boundary=\"?([^\";,\s]{1,200})")
_FIELD = re.compile(rb"(?<!\w)name=(?:\"([^\"\r\n]{1,200})\"|'([^'\r\n]{1,200})'|([^\s;\"']{1,200}))", re.IGNORECASE)
_OPAQUE: Final = (
    "image/",
    "audio/",
    "video/",
    "font/",
    "application/pdf",
    "application/zip",
    "application/octet-stream",
    "application/wasm",
)


class Redactor:
    """One cassette's. Methods give back the very same object when there is nothing to take out."""

    __slots__ = ("_harmless", "_keys", "_names", "_rules", "count", "rules")

    def __init__(self, key: bytes, rules: Rules | None = None) -> None:
        """`key`: 32 random bytes that nobody keeps; with the same key the same secrets get the same placeholders."""
        self._rules = rules or Rules()
        self._names = Pseudonyms(key)
        self._keys = frozenset(meanings.plain(path[-1]) for path in self._rules.paths)
        self._harmless: set[str] = set()
        self.rules: tuple[str, ...] = ("default", *self._rules.told)
        """For the header of the cassette."""
        self.count = 0
        """Secrets that were taken out so far."""

    def trust(self, marked: bool) -> None:
        """Whether what comes next says that it was redacted: numbers that look like placeholders are left then."""
        self._names.lenient = marked

    # --- what passes

    def text(self, text: str) -> str:
        """A frame, a packet, or any other text. May raise TooMany."""
        if "\x1e" in text and text.count("\x1e") <= MOST:
            # Packets that came together.
            parts = text.split("\x1e")
            new = [self.text(part) for part in parts]
            return text if all(map(is_, parts, new)) else "\x1e".join(new)
        if text.startswith("b") and _BASE64.fullmatch(text):
            # A binary packet in a poll.
            data = unbase64(text[1:])
            cut = self.binary(data)
            return text if cut is data else f"b{b64encode(cut).decode()}"
        found = self.spots(text)
        return self._cut(text, found) if found else text

    def binary(self, data: bytes) -> bytes:
        """A binary frame. In one that is no text placeholders are as long as the secrets: it may have lengths."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return self._opaque(data)
        if _CONTROLS.search(text):
            return self._opaque(data)
        new = self.text(text)
        return data if new is text else new.encode()

    def headers(self, headers: Headers) -> Headers:
        new = tuple((name, self._header(name, value)) for name, value in headers)
        return headers if all(a[1] is b[1] for a, b in zip(headers, new, strict=True)) else new

    def path(self, path: str) -> str:
        """A request's target, with its query."""
        return self.text(path)

    def body(self, body: bytes, kind: str) -> bytes | None:
        """A body with that Content-Type; None when it can't be looked into."""
        low = kind.strip().lower()
        if low.startswith("multipart/"):
            boundary = _BOUNDARY.search(kind)
            return self._multipart(body, b"--" + boundary[1].encode()) if boundary else self.binary(body)
        if low.startswith("application/octet-stream") and _is_text(body):
            # Said by clients that do not know better.
            return self.binary(body)
        return body if low.startswith(_OPAQUE) and "svg" not in low else self.binary(body)

    # --- what is found

    def spots(self, text: str) -> list[Spot]:
        """All secrets of a text, in order, none over another. May raise TooMany."""
        names = places.KEY.findall(text)
        told = not self._harmless.issuperset(names) and self._told(names)
        door = text.startswith(("40", "0{"))
        looks = prose.suspicious(text) or "\\u00" in text
        heard = self._names.echoes.heard(text)
        if not (told or door or looks or heard or self._rules.texts):
            return []
        found: list[Spot] = []
        if door:
            found += self._door(text)
        self._all(text, found, told, looks, 0, heard)
        return self._sorted(found)

    def _all(self, text: str, found: list[Spot], told: bool, looks: bool, depth: int, heard: bool = True) -> None:
        if told:
            self._moved(found, None, self._keyed(text))
            if self._rules.paths:
                self._moved(found, None, self._pathed(text))
        # What was just given away may stand there twice.
        heard = heard or bool(found)
        if not (looks or heard or self._rules.texts):
            return
        shadow = unescaped(text) if "\\" in text else None
        plain = text if shadow is None else shadow.text
        for pattern in self._rules.texts:
            self._moved(found, shadow, self._asked(plain, pattern))
        self._moved(found, shadow, prose.spots(plain, self._names))
        if self._rules.query:
            self._moved(found, shadow, prose.parameters(plain, self._names, self._queried))
        if heard or shadow is not None:
            self._moved(found, shadow, self._echoed(plain))
        if depth < 2 and _CODED.search(text):
            coded = unquoted(text)
            inner: list[Spot] = []
            self._all(coded.text, inner, self._told(places.KEY.findall(coded.text)), True, depth + 1)
            for spot in inner:
                spot.put = quote(spot.put)
            self._moved(found, coded, inner)

    @staticmethod
    def _moved(found: list[Spot], shadow: Shadow | None, spots: Iterable[Spot]) -> None:
        for spot in spots:
            if shadow is not None:
                spot.start, spot.end = shadow.place(spot.start, spot.end)
            found.append(spot)
            if len(found) > MOST:
                raise places.TooMany(f"more than {MOST} secrets in one message")

    @staticmethod
    def _sorted(found: list[Spot]) -> list[Spot]:
        """In order. What overlaps becomes one, with the placeholder of the one that was found first."""
        ranks = {id(spot): rank for rank, spot in enumerate(found)}
        kept: list[Spot] = []
        for spot in sorted(found, key=lambda spot: spot.start):
            if kept and spot.start < kept[-1].end:
                last = kept[-1]
                if ranks[id(spot)] < ranks[id(last)]:
                    last.put, last.what = spot.put, spot.what
                    ranks[id(last)] = ranks[id(spot)]
                last.end = max(last.end, spot.end)
                continue
            kept.append(spot)
        return kept

    def _told(self, names: list[str]) -> bool:
        """Whether one of these keys says that its value is a secret; those that do not are remembered."""
        told = False
        for name in names:
            if name in self._harmless:
                continue
            if meanings.of_key(name) is not None or meanings.plain(name) in self._keys:
                told = True
                continue
            if len(self._harmless) >= _HARMLESS:
                self._harmless.clear()
            self._harmless.add(name)
        return told

    # --- by what gives them away

    def _keyed(self, text: str) -> Iterator[Spot]:
        walk = places.Walk()
        for match in places.KEY.finditer(text):
            if match.start() < walk.at:
                # In something that goes as a whole.
                continue
            name = match[1].rstrip("\\")
            kind = None if match[1] in self._harmless else meanings.of_key(name)
            level = places.level_of(len(match[1]) - len(name))
            if kind is None or level is None:
                continue
            walk.step(match.start())
            value = places.value(text, match.end(), level)
            if isinstance(value, str):
                for leaf in places.leaves(text, match.end(), level, walk):
                    if not leaf.number:
                        yield from self._value(text, leaf, kind, f"json {name}")
            elif value is not None:
                yield from self._value(text, value, kind, f"json {name}")

    def _value(self, text: str, value: places.Value, kind: Kind, what: str) -> Iterator[Spot]:
        raw = text[value.start : value.end]
        if value.number:
            long = sum(map(str.isdecimal, raw)) >= (3 if kind is Kind.CODE else 6)
            if long and kind not in (Kind.NAME, Kind.EMAIL) and (put := self._names.number(raw)) != raw:
                yield Spot(value.start, value.end, put, what)
            return
        secret = unescaped(raw).text if "\\" in raw else raw
        for spot in valued(kind, secret, 0, self._names, what):
            yield Spot(value.start, value.end, spot.put, what)

    def _door(self, text: str) -> Iterator[Spot]:
        """The auth of a Socket.IO CONNECT, the private id in its answer, the sid that Engine.IO gives away."""
        sid = _SID.match(text)
        if sid:
            yield from self._value(text, places.Value(sid.start(1), sid.end(1), False), Kind.TOKEN, "engine sid")
        connect = _CONNECT.match(text)
        if connect is None:
            return
        for leaf in places.leaves(text, connect.end(), 0, places.Walk()):
            name = leaf.path[-1] if leaf.path else ""
            if not leaf.number and not meanings.is_harmless_at_the_door(name):
                kind = meanings.of_key(name) or Kind.TOKEN
                yield from self._value(text, leaf, kind, f"auth {name}")

    def _pathed(self, text: str) -> Iterator[Spot]:
        begin = re.search(r"[{\[]", text)
        if begin is None:
            return
        for leaf in places.leaves(text, begin.start(), 0, places.Walk()):
            for path in self._rules.paths:
                if _leads(leaf.path, path):
                    yield from self._value(text, leaf, Kind.TOKEN, f"json {'.'.join(path)}")
                    break

    def _queried(self, name: str, linked: bool) -> Kind | None:
        return Kind.TOKEN if meanings.plain(name) in self._rules.query else None

    def _asked(self, text: str, pattern: re.Pattern[str]) -> Iterator[Spot]:
        for match in pattern.finditer(text):
            start, end = match.span(1) if pattern.groups else match.span()
            # Where a match goes over the bounds of a JSON string, the bounds stay.
            for scrap in _SCRAPS.finditer(text, start, end):
                word = scrap[0]
                if _KEY_END.match(text, scrap.end()):
                    continue
                run = re.search(r"[\w.@-]*\Z", text[max(0, scrap.start() - 128) : scrap.start()])
                if not word.strip() or is_ours(word) or (run is not None and WORD in run[0].lower()):
                    continue
                put = self._names.number(word) if word.isdecimal() else self._names.token(word)
                if put != word:
                    yield Spot(scrap.start(), scrap.end(), put, f"text {pattern.pattern}")

    def _echoed(self, text: str) -> Iterator[Spot]:
        for start, secret in self._names.echoes.found(text):
            yield Spot(start, start + len(secret), self._names.token(secret), "a secret of before")

    # --- where it passes

    def _header(self, name: str, value: str) -> str:
        word = meanings.plain(name)
        if word == "cookie" or word == "setcookie":
            return self._cookies(value, word == "setcookie")
        if word == "secwebsocketprotocol":
            return self._protocols(value)
        if value and (meanings.is_secret_header(name) or word in self._rules.headers):
            return self._put(value, self._names.token(value))
        return self.text(value)

    def _put(self, value: str, put: str) -> str:
        if put == value:
            return value
        self.count += 1
        return put

    def _cookies(self, value: str, one: bool) -> str:
        def put(match: re.Match[str]) -> str:
            name, sign, secret = match[0].partition("=") if "=" in match[0] else ("", "", match[0])
            # A short word without a value may well be a name.
            kept = not secret or (not sign and len(secret) < 8)
            return match[0] if kept else f"{name}{sign}{self._put(secret, self._names.token(secret))}"

        new = _COOKIE.sub(put, value, count=1 if one else 0)
        return value if new == value else new

    def _protocols(self, value: str) -> str:
        before = ""

        def put(match: re.Match[str]) -> str:
            nonlocal before
            item, announced = match[0], before in _ANNOUNCED
            before = meanings.plain(item)
            borne = _BORNE.match(item)
            if borne:
                return borne[0] + self._put(item[borne.end() :], self._names.token(item[borne.end() :]))
            long = len(item) >= 24 and any(map(str.isdigit, item)) and any(map(str.isalpha, item))
            return self._put(item, self._names.token(item)) if announced or long or is_jwt(item) else item

        new = _PROTOCOL.sub(put, value)
        return value if new == value else new

    def _multipart(self, body: bytes, boundary: bytes) -> bytes:
        parts = body.split(boundary)
        new = [self._part(part) for part in parts]
        return body if all(map(is_, parts, new)) else boundary.join(new)

    def _part(self, part: bytes) -> bytes:
        newline = b"\r\n" if b"\r\n\r\n" in part else b"\n"
        head, gap, rest = part.partition(newline * 2)
        end = newline if rest.endswith(newline) else b""
        content = rest.removesuffix(newline)
        field = _FIELD.search(head)
        named = next(filter(None, field.groups()), b"") if field else b""
        kind = meanings.of_key(named.decode("utf-8", "replace"))
        low = head.lower()
        if (kind is None or b"filename=" in low) and any(b"content-type: " + one.encode() in low for one in _OPAQUE):
            return part
        if kind is None or b"filename=" in low:
            new = self.binary(content)
        else:
            text = content.decode("utf-8", "replace")
            new = next((self._put(text, spot.put).encode() for spot in valued(kind, text, 0, self._names, "")), content)
        return part if new is content else head + gap + new + end

    def _opaque(self, data: bytes) -> bytes:
        found = self.spots(data.decode("ascii", "replace"))
        if not found:
            return data
        parts: list[bytes] = []
        done = 0
        for spot in found:
            parts += (data[done : spot.start], self._names.note(_fitted(spot.put, spot.end - spot.start)).encode())
            done = spot.end
        self.count += len(found)
        return b"".join((*parts, data[done:]))

    def _cut(self, text: str, found: list[Spot]) -> str:
        parts: list[str] = []
        done = 0
        for spot in found:
            parts += (text[done : spot.start], spot.put)
            done = spot.end
        self.count += len(found)
        return "".join((*parts, text[done:]))


def _is_text(data: bytes) -> bool:
    try:
        return _CONTROLS.search(data.decode()) is None
    except UnicodeDecodeError:
        return False


def _fitted(put: str, size: int) -> str:
    """A placeholder of exactly that length, still known as such where there is room for its mark."""
    local, at, domain = put[:size].partition("@")
    return f"{local}{'0' * (size - len(put))}{at}{domain}"


def _leads(path: tuple[str, ...], rule: tuple[str, ...]) -> bool:
    """Whether the keys of a rule follow each other somewhere on the way."""
    size = len(rule)
    return any(
        all(asked in ("*", key.rstrip("\\")) for asked, key in zip(rule, path[at : at + size], strict=True))
        for at in range(len(path) - size + 1)
    )

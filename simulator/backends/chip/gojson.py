"""JSON as Go's encoding/json reads it: what it forgives, what it refuses, and the words it says then.

Source: golang/go, src/encoding/json/scanner.go (the states and their error texts) and decode.go (case-insensitive
names, null, lone surrogates, wrong bytes), and chip's use of them: web/commands/base.go, web/server.go handleSend.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson

from simulator.core.message import Json

_DEPTH = 10_000
_SPACE = b" \t\r\n"
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_ESCAPES = {b'"': '"', b"\\": "\\", b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r", b"t": "\t"}


class GoError(ValueError):
    """Go's own words about a text that it does not take."""


class Number(str):
    """A number as it stands in the text: Go judges it when it knows the field's type."""

    __slots__ = ()


class Object(list[tuple[str, "Tree"]]):
    """An object's members in their order, equal names included."""

    __slots__ = ()


Tree: TypeAlias = "bool | str | Number | list[Tree] | Object | None"


def quote(byte: int) -> str:
    """A byte as Go names it in an error (scanner.go, quoteChar): it takes the byte for a code point."""
    if byte == 0x27:
        return "'\\''"
    if byte == 0x22:
        return "'\"'"
    named = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 0x5C: "\\\\"}
    if byte in named:
        return f"'{named[byte]}'"
    if byte < 0x20 or byte == 0x7F:
        return f"'\\x{byte:02x}'"
    if 0x80 <= byte < 0xA1 or byte == 0xAD:
        return f"'\\u{byte:04x}'"
    return f"'{chr(byte)}'"


class _Scanner:
    """One pass over a text."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def document(self) -> Tree:
        value = self.value(0)
        self.space()
        if self.at < len(self.data):
            raise self.wrong("after top-level value")
        return value

    def wrong(self, context: str) -> GoError:
        if self.at >= len(self.data):
            return GoError("unexpected end of JSON input")
        return GoError(f"invalid character {quote(self.data[self.at])} {context}")

    def space(self) -> None:
        data, at = self.data, self.at
        while at < len(data) and data[at] in _SPACE:
            at += 1
        self.at = at

    def peek(self) -> bytes:
        return self.data[self.at : self.at + 1]

    def value(self, depth: int) -> Tree:
        self.space()
        head = self.peek()
        if head == b"{":
            return self.members(depth + 1)
        if head == b"[":
            return self.elements(depth + 1)
        if head == b'"':
            self.at += 1
            return self.string()
        if head in (b"t", b"f", b"n"):
            return self.literal({b"t": b"true", b"f": b"false", b"n": b"null"}[head])
        if head == b"-" or head.isdigit():
            return self.number()
        raise self.wrong("looking for beginning of value")

    def literal(self, word: bytes) -> Tree:
        for expected in word:
            if self.data[self.at : self.at + 1] != bytes((expected,)):
                raise self.wrong(f"in literal {word.decode()} (expecting {quote(expected)})")
            self.at += 1
        return {b"true": True, b"false": False, b"null": None}[word]

    def number(self) -> Number:
        found = _NUMBER.match(self.data, self.at)
        if found is None:
            self.at += 1
            raise self.wrong("in numeric literal")
        self.at = found.end()
        follows = self.peek()
        if follows == b"." and b"." not in found[0] and b"e" not in found[0].lower():
            self.at += 1
            raise self.wrong("after decimal point in numeric literal")
        if follows in (b"e", b"E") and b"e" not in found[0].lower():
            self.at += 1
            if self.peek() in (b"+", b"-"):
                self.at += 1
            raise self.wrong("in exponent of numeric literal")
        return Number(found[0].decode())

    def deeper(self, depth: int) -> None:
        if depth > _DEPTH:
            raise GoError("exceeded max depth")
        self.at += 1
        self.space()

    def elements(self, depth: int) -> Tree:
        self.deeper(depth)
        items: list[Tree] = []
        if self.peek() == b"]":
            self.at += 1
            return items
        while True:
            items.append(self.value(depth))
            self.space()
            if self.peek() == b"]":
                self.at += 1
                return items
            if self.peek() != b",":
                raise self.wrong("after array element")
            self.at += 1

    def members(self, depth: int) -> Object:
        self.deeper(depth)
        found = Object()
        if self.peek() == b"}":
            self.at += 1
            return found
        while True:
            self.space()
            if self.peek() != b'"':
                raise self.wrong("looking for beginning of object key string")
            self.at += 1
            key = self.string()
            self.space()
            if self.peek() != b":":
                raise self.wrong("after object key")
            self.at += 1
            found.append((key, self.value(depth)))
            self.space()
            if self.peek() == b"}":
                self.at += 1
                return found
            if self.peek() != b",":
                raise self.wrong("after object key:value pair")
            self.at += 1

    def string(self) -> str:
        parts: list[str] = []
        while True:
            plain = _PLAIN.match(self.data, self.at)
            assert plain is not None
            parts.append(utf8(plain[0]))
            self.at = plain.end()
            head = self.peek()
            if head == b'"':
                self.at += 1
                return "".join(parts)
            if head != b"\\":
                raise self.wrong("in string literal")
            self.at += 1
            parts.append(self.escape())

    def escape(self) -> str:
        head = self.peek()
        if head in _ESCAPES:
            self.at += 1
            return _ESCAPES[head]
        if head != b"u":
            raise self.wrong("in string escape code")
        self.at += 1
        first = self.hex()
        if not 0xD800 <= first < 0xE000:
            return chr(first)
        # A high surrogate takes a following low one with it; alone, either is U+FFFD (decode.go, unquoteBytes).
        if first < 0xDC00 and self.data[self.at : self.at + 2] == b"\\u":
            back = self.at
            self.at += 2
            second = self.hex()
            if 0xDC00 <= second < 0xE000:
                return chr(0x10000 + (first - 0xD800 << 10) + second - 0xDC00)
            self.at = back
        return "\ufffd"

    def hex(self) -> int:
        for _ in range(4):
            if self.peek() not in tuple(bytes((c,)) for c in b"0123456789abcdefABCDEF"):
                raise self.wrong("in \\u hexadecimal character escape")
            self.at += 1
        return int(self.data[self.at - 4 : self.at], 16)


def utf8(data: bytes) -> str:
    """Text in which every byte that is not UTF-8 has become U+FFFD, one for each byte."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
        return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text)


def scan(data: bytes) -> Tree:
    """The text as a tree that keeps order, equal names and the spelling of numbers. Raises GoError."""
    return _deep(data)


def _deep(data: bytes) -> Tree:
    try:
        return _Scanner(data).document()
    except RecursionError:
        raise GoError("exceeded max depth") from None


def fold(name: str, known: Collection[str]) -> str | None:
    """The field that Go takes a name for: the same, or the same but for case (with K and the long s for k and s)."""
    if name in known:
        return name
    folded = name.replace("\u212a", "k").replace("\u017f", "s").lower()
    return folded if folded in known and len(folded) == len(name) else None


def plain(tree: Tree) -> Json:
    """A tree as plain JSON values; numbers with a fraction or an exponent become floats, as do those beyond 64 bits."""
    if isinstance(tree, Number):
        return int(tree) if re.fullmatch(r"-?\d{1,18}", tree) else _number(tree)
    if isinstance(tree, Object):
        return {key: plain(value) for key, value in tree}
    if isinstance(tree, list):
        return [plain(item) for item in tree]
    return tree


def _number(text: Number) -> int | float:
    if re.fullmatch(r"-?\d+", text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    return float(text)


def commands(known: frozenset[str]) -> _Commands:
    """A reader of chip's commands, whose fields are `known`."""
    return _Commands(known)


class _Commands:
    """Reads one command as Go would: the fast way where no rule of Go's own can matter, else the exact way."""

    __slots__ = ("_known",)

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known

    def __call__(self, data: str | bytes) -> Json:
        try:
            value = orjson.loads(data)
            if type(value) is dict and self._known.issuperset(value):
                return cast("Json", value)
        except ValueError:
            pass
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        tree = scan(raw)
        if not isinstance(tree, Object):
            return plain(tree)
        found: dict[str, Json] = {}
        for name, value in tree:
            field = fold(name, self._known)
            # null leaves a field as it was (decode.go, literalStore).
            if field is not None and not (value is None and field in found):
                found[field] = plain(value)
        return found


@dataclass(slots=True, frozen=True)
class Field:
    """A field of a Go struct: `kind` is string, int, strings or struct; `type` is the name in an error."""

    kind: str
    type: str
    fields: Mapping[str, Field] | None = None


_KINDS = {Number: "number", str: "string", bool: "bool", list: "array", Object: "object"}


def unmarshal(data: bytes, struct: str, fields: Mapping[str, Field]) -> dict[str, Json]:
    """Fill a Go struct from a text, zero values where nothing stands. Raises GoError.

    A value of the wrong type does not stop Go: it reads on, and tells the first one at the end.
    """
    found: dict[str, Json] = {}
    wrong: list[str] = []
    _fill(scan(data), Field("struct", f"*{struct}", fields), struct, "", found, wrong)
    if wrong:
        raise GoError(wrong[0])
    return found


def _fill(tree: Tree, field: Field, struct: str, path: str, into: dict[str, Json], wrong: list[str]) -> None:
    assert field.fields is not None
    for name, inner in field.fields.items():
        into.setdefault(name, _zero(inner))
    if tree is None:
        return
    if not isinstance(tree, Object):
        wrong.append(_mismatch(_KINDS[type(tree)], field.type, struct, path))
        return
    for name, value in tree:
        known = fold(name, field.fields)
        if known is None or value is None:
            continue
        inner = field.fields[known]
        where = f"{path}.{known}" if path else known
        if inner.kind == "struct":
            child = into[known]
            assert isinstance(child, dict)
            _fill(value, inner, struct, where, child, wrong)
        else:
            _store(value, inner, struct, where, into, known, wrong)


def _store(
    value: Tree, field: Field, struct: str, path: str, into: dict[str, Json], name: str, wrong: list[str]
) -> None:
    if field.kind == "string" and isinstance(value, str) and not isinstance(value, Number):
        into[name] = value
    elif field.kind == "int" and isinstance(value, Number):
        if re.fullmatch(r"-?\d+", value) and -(2**63) <= int(value) < 2**63:
            into[name] = int(value)
        else:
            wrong.append(_mismatch(f"number {value}", field.type, struct, path))
    elif field.kind == "strings" and type(value) is list:
        texts: list[Json] = []
        for item in value:
            if isinstance(item, str) and not isinstance(item, Number):
                texts.append(item)
            else:
                texts.append("")
                if item is not None:
                    wrong.append(_mismatch(_KINDS[type(item)], "string", struct, path))
        into[name] = texts
    else:
        wrong.append(_mismatch(_KINDS[type(value)], field.type, struct, path))


def _mismatch(what: str, type_: str, struct: str, path: str) -> str:
    where = f"Go struct field {struct}.{path} of type {type_}" if path else f"Go value of type {type_}"
    return f"json: cannot unmarshal {what} into {where}"


def _zero(field: Field) -> Json:
    if field.kind == "struct":
        return {name: _zero(inner) for name, inner in (field.fields or {}).items()}
    zeros: dict[str, Json] = {"string": "", "int": 0, "strings": []}
    return zeros[field.kind]

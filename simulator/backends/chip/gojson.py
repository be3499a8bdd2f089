"""JSON as Go's encoding/json reads it: what it forgives, what it refuses, and the words it says then.

Source: golang/go, src/encoding/json/scanner.go (the states and their error texts) and decode.go (case-insensitive
names, null, lone surrogates, wrong bytes), and chip's use of them: web/commands/base.go, web/server.go handleSend.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import TypeAlias

import orjson

from simulator.core.message import Json

_DEPTH = 10_000
_PATIENCE = 64 << 10
"""Bytes of a wrong text that are looked through for Go's words; of a longer one it is said that it ends too soon, as it
mostly does: what is longer than the server reads is cut.
"""
_LONE = re.compile("[\ud800-\udfff]")
_SPACE = b" \t\r\n"
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(rb'["\\/bfnrt]|u[0-9a-fA-F]{0,4}')
_STRING = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')


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
        value = self.value()
        self.space()
        if self.at < len(self.data):
            raise self.wrong("after top-level value")
        return value

    def wrong(self, context: str, blank: bool = False) -> GoError:
        """With `blank` the context takes no blank: at its end Go tries one, and complains of that (scanner.go, eof)."""
        if self.at < len(self.data):
            return GoError(f"invalid character {quote(self.data[self.at])} {context}")
        return GoError(f"invalid character ' ' {context}" if blank else "unexpected end of JSON input")

    def space(self) -> None:
        data, at = self.data, self.at
        while at < len(data) and data[at] in _SPACE:
            at += 1
        self.at = at

    def peek(self) -> bytes:
        return self.data[self.at : self.at + 1]

    def value(self) -> Tree:
        """One value with all inside it; without recursion, for Go goes 10,000 deep."""
        within: list[tuple[list[Tree] | Object, str]] = []
        while True:
            found = self.begin(within)
            if found is None:
                continue
            done, value = found
            while done:
                if not within:
                    return value
                holder, key = within[-1]
                if isinstance(holder, Object):
                    holder.append((key, value))
                else:
                    holder.append(value)
                done, value = self.follow(within)

    def begin(self, within: list[tuple[list[Tree] | Object, str]]) -> tuple[bool, Tree] | None:
        """The beginning of a value: a whole scalar or an empty container, or None once inside of one."""
        self.space()
        head = self.peek()
        if head == b'"':
            self.at += 1
            return True, self.string()
        if head in (b"t", b"f", b"n"):
            return True, self.literal({b"t": b"true", b"f": b"false", b"n": b"null"}[head])
        if head == b"-" or head.isdigit():
            return True, self.number()
        if head not in (b"{", b"["):
            raise self.wrong("looking for beginning of value")
        if len(within) >= _DEPTH:
            raise self.wrong("exceeded max depth")
        self.at += 1
        self.space()
        holder: list[Tree] | Object = Object() if head == b"{" else []
        if self.peek() == (b"}" if head == b"{" else b"]"):
            self.at += 1
            return True, holder
        within.append((holder, self.key() if head == b"{" else ""))
        return None

    def follow(self, within: list[tuple[list[Tree] | Object, str]]) -> tuple[bool, Tree]:
        """What comes after a member: the end of its container, which is then a value itself, or the next member."""
        holder, _ = within[-1]
        self.space()
        head = self.peek()
        self.at += 1
        if head == (b"}" if isinstance(holder, Object) else b"]"):
            within.pop()
            return True, holder
        if head != b",":
            self.at -= 1
            after = "after object key:value pair" if isinstance(holder, Object) else "after array element"
            raise self.wrong(after)
        if isinstance(holder, Object):
            self.space()
            within[-1] = (holder, self.key())
        return False, None

    def key(self) -> str:
        if self.peek() != b'"':
            raise self.wrong("looking for beginning of object key string")
        self.at += 1
        key = self.string()
        self.space()
        if self.peek() != b":":
            raise self.wrong("after object key")
        self.at += 1
        return key

    def literal(self, word: bytes) -> Tree:
        for expected in word:
            if self.data[self.at : self.at + 1] != bytes((expected,)):
                raise self.wrong(f"in literal {word.decode()} (expecting {quote(expected)})", blank=True)
            self.at += 1
        return {b"true": True, b"false": False, b"null": None}[word]

    def number(self) -> Number:
        found = _NUMBER.match(self.data, self.at)
        if found is None:
            self.at += 1
            raise self.wrong("in numeric literal", blank=True)
        self.at = found.end()
        follows = self.peek()
        if follows == b"." and b"." not in found[0] and b"e" not in found[0].lower():
            self.at += 1
            raise self.wrong("after decimal point in numeric literal", blank=True)
        if follows in (b"e", b"E") and b"e" not in found[0].lower():
            self.at += 1
            if self.peek() in (b"+", b"-"):
                self.at += 1
            raise self.wrong("in exponent of numeric literal", blank=True)
        return Number(found[0].decode())

    def string(self) -> str:
        whole = _STRING.match(self.data, self.at - 1)
        if whole is None:
            raise self.wrong_string()
        self.at = whole.end()
        text: str = json.loads(whole[0].decode("utf-8", "surrogateescape"))
        return sound(text)

    def wrong_string(self) -> GoError:
        """What is wrong in a string that is."""
        while True:
            plain = _PLAIN.match(self.data, self.at)
            assert plain is not None
            self.at = plain.end()
            if self.peek() != b"\\":
                return self.wrong("in string literal")
            self.at += 1
            escape = _ESCAPE.match(self.data, self.at)
            if escape is None:
                return self.wrong("in string escape code", blank=True)
            self.at = escape.end()
            if escape[0].startswith(b"u") and len(escape[0]) < 5:
                return self.wrong("in \\u hexadecimal character escape", blank=True)


def scan(data: bytes) -> Tree:
    """The text as a tree that keeps order, equal names and the spelling of numbers. Raises GoError."""
    try:
        # Python's own decoder is a hundred times quicker; it only can't say what Go says of a wrong text.
        tree: Tree = json.loads(
            data.decode("utf-8", "surrogateescape"),
            object_pairs_hook=_members,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_constant,
        )
    except (ValueError, RecursionError):
        if len(data) > _PATIENCE:
            raise GoError("unexpected end of JSON input") from None
        return _Scanner(data).document()
    return sound(tree) if isinstance(tree, str) else tree


def _members(pairs: list[tuple[str, Tree]]) -> Object:
    return Object((sound(key), sound(value) if type(value) is str else value) for key, value in pairs)


def _constant(text: str) -> Tree:
    raise ValueError(text)


def sound(text: str) -> str:
    """Text in which each lone surrogate, and each that stands for a wrong byte, is U+FFFD."""
    return text if text.isascii() or not _LONE.search(text) else _LONE.sub("\ufffd", text)


def fold(name: str, known: Collection[str]) -> str | None:
    """The field that Go takes a name for: the same, or the same but for case (with K and the long s for k and s)."""
    if name in known:
        return name
    folded = name.replace("\u212a", "k").replace("\u017f", "s").lower()
    return folded if folded in known and len(folded) == len(name) else None


def plain(tree: Tree) -> Json:
    """A tree as a JSON value, containers empty; what is no integer of 64 bits is a float."""
    if isinstance(tree, Number):
        return int(tree) if re.fullmatch(r"-?\d{1,18}", tree) else _number(tree)
    # Only scalars matter to a command: no field of any has a container.
    if isinstance(tree, Object):
        return {}
    return [] if isinstance(tree, list) else tree


def _number(text: Number) -> int | float:
    if INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    return float(text)


def commands(known: frozenset[str]) -> Callable[[str | bytes], Json]:
    """A reader of chip's commands, whose fields are `known`: the fast way where no rule of Go's own can matter."""
    loads = orjson.loads

    def read(data: str | bytes) -> Json:
        try:
            value = loads(data)
        except ValueError:
            return _command(data, known)
        if type(value) is dict:
            for name, member in value.items():
                if member is None or name not in known:
                    break
            else:
                return value
        return _command(data, known)

    return read


def _command(data: str | bytes, known: frozenset[str]) -> Json:
    """One command as Go would read it."""
    tree = scan(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
    if not isinstance(tree, Object):
        return plain(tree)
    found: dict[str, Json] = {}
    for name, member in tree:
        field = fold(name, known)
        # null leaves a field as it was (decode.go, literalStore).
        if field is not None and not (member is None and field in found):
            found[field] = plain(member)
    return found

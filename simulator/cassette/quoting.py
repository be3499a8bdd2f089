"""Any text as one line of YAML that every loader reads back the same."""

from __future__ import annotations

import re
from base64 import b64encode
from codecs import BOM_UTF32_LE
from typing import Final

_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNESCAPES: Final = {"\\": "\\", '"': '"', "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r'\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\\"nrt]))')
_DOUBLE = re.compile(r'(?:[^"\\]|\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\\"nrt]))*')


def quote(text: str) -> str:
    """A scalar for YAML: single quotes when every character is printable, else double quotes with escapes.

    A text with lone surrogates is none for YAML. It becomes `!!binary`, see `unbinary`.
    """
    if text.isprintable():
        return f"'{text.replace(chr(39), chr(39) * 2)}'"
    try:
        text.encode()
    except UnicodeEncodeError:
        return binary(_surrogates(text))
    # Printable is for Python what its Unicode knows; the range that YAML allows contains all of it, whichever version.
    return '"' + "".join([c if c.isprintable() and c not in '"\\' else _escape(c) for c in text]) + '"'


def _escape(character: str) -> str:
    known = _ESCAPES.get(character)
    if known:
        return known
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def binary(data: bytes) -> str:
    """Bytes for YAML."""
    return f"!!binary {b64encode(data).decode()}" if data else "!!binary ''"


def _surrogates(text: str) -> bytes:
    try:
        raw = text.encode("utf-8", "surrogateescape")
        if not raw.startswith(BOM_UTF32_LE) and raw.decode("utf-8", "surrogateescape") == text:
            return raw
    except UnicodeEncodeError:
        pass
    # No wire brings such a text.
    return BOM_UTF32_LE + text.encode("utf-32-le", "surrogatepass")


def unbinary(raw: bytes) -> str:
    """The text that `quote` made `!!binary`: the bytes of a text that is not UTF-8, or UTF-32 behind its mark."""
    if raw.startswith(BOM_UTF32_LE):
        return raw[4:].decode("utf-32-le", "surrogatepass")
    return raw.decode("utf-8", "surrogateescape")


def unquote(scalar: str) -> str | None:
    """The text of a scalar that `quote` could have written in quotes, read without a parser; None for any other."""
    inner = scalar[1:-1]
    # What is not printable may mean something to YAML, or be nothing that it allows.
    if len(scalar) < 2 or not inner.isprintable():
        return None
    if scalar[0] == scalar[-1] == "'":
        if "'" not in inner:
            return inner
        text = inner.replace("''", "\0")
        return None if "'" in text else text.replace("\0", "'")
    if scalar[0] == scalar[-1] == '"' and _DOUBLE.fullmatch(inner):
        try:
            return _ESCAPE.sub(_unescape, inner)
        except ValueError:
            return None
    return None


def _unescape(match: re.Match[str]) -> str:
    two, four, eight, short = match.groups()
    if short:
        return _UNESCAPES[short]
    number = int(two or four or eight, 16)
    if 0xD800 <= number < 0xE000:
        # libyaml refuses it, and our parser shall say so.
        raise ValueError
    return chr(number)

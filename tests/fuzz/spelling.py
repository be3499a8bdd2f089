"""How inputs are written down: one line of text each, whatever bytes are in them, so that what broke something can be read."""

from __future__ import annotations

import re

_HARD = re.compile(r"~|[^\x20-\x7d\xa1-\u2027\u2030-\ud7ff\uf900-\ufdcf\U0001f300-\U0001f64f]")
_SPELLED = re.compile(r"~([0-9a-f]{1,6})~")

_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
LONGEST = 3600.0
"""Seconds of one step."""


def spelled(text: str | bytes) -> str:
    """In one line: what can't be seen is its number in hexadecimal, `~a~` for a line's end; a wrong byte is `~dcff~`."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    return _HARD.sub(lambda found: f"~{ord(found[0]):x}~", text)


def read(line: str) -> str:
    """What was spelled so; whatever is no such number stands for itself."""

    def char(found: re.Match[str]) -> str:
        number = int(found[1], 16)
        return chr(number) if number <= 0x10FFFF else found[0]

    return _SPELLED.sub(char, line)


def read_bytes(line: str) -> bytes:
    """The same as bytes: lone halves of surrogate pairs, which no bytes stand for, become question marks."""
    return read(line).encode("utf-8", "surrogateescape" if not _LONE.search(read(line)) else "replace")


# ---- parts of a line ----

NO_LINES = {ord(char): None for char in "\r\n\0"}


def wired(text: str) -> str:
    """As it is after it went over a wire as bytes."""
    return text.encode("utf-8", "replace" if _LONE.search(text) else "surrogateescape").decode(
        "utf-8", "surrogateescape"
    )


def visible(text: str) -> str:
    """aiohttp refuses a target with anything else, see tests/fuzz/test_sockets.py."""
    return re.sub(r"[^\x21-\x7e]", "", text)


def token(text: str) -> str:
    """What HTTP's grammar lets through at that place."""
    return re.sub(r"[^A-Za-z0-9!#$%&'*+.^_`|~-]", "", text) or "X"


def seconds_of(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found <= LONGEST else None


def index(text: str, size: int) -> int:
    return int(text[:4]) % size if text.isascii() and text.isdigit() else 0


def unhexed(text: str) -> bytes:
    return bytes.fromhex("".join(re.findall("[0-9a-f]{2}", text)))

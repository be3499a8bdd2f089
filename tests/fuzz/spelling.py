"""How inputs are written down: one line of text each, whatever bytes are in them, so that what broke something can be read."""

from __future__ import annotations

import re

_HARD = re.compile(r"~|[^\x20-\x7d\xa1-\u2027\u2030-\ud7ff\uf900-\ufdcf\U0001f300-\U0001f64f]")
_SPELLED = re.compile(r"~([0-9a-f]{1,6})~")


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


_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")

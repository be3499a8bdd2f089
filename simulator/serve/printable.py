"""Text for a terminal, of whatever somebody else sent. Apart, since commands that ask need no reporter."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text that can't move a terminal's cursor or colour it: control characters as escapes, odd bytes as `?`."""
    if text.isprintable() and text.isascii():
        return text
    whole = text.encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in whole)

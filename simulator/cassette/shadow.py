"""A text without its escapes that knows where everything stood: what is found in it is cut out of the original."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

from simulator.cassette.places import TooMany

_BACKSLASHES = re.compile(
    # What is not ASCII stands for a letter, as many as there are together.
    r'(?P<letters>(?:\\+u(?!00[0-7])[0-9a-fA-F]{4})+)|\\+(?:u([0-9a-fA-F]{4})|([bfnrt"/]))?'
)
_PERCENTS = re.compile(r"(?P<letters>(?:%[89a-fA-F][0-9a-fA-F])+)|%([0-9a-fA-F]{2})()")
_MOST: Final = 50_000
_SHORT: Final = {"b": "\n", "f": "\n", "n": "\n", "r": "\n", "t": "\n", '"': '"', "/": "/"}


class Shadow:
    """Made of one text by taking off one kind of escapes."""

    __slots__ = ("_ends", "_starts", "text")

    def __init__(self, units: re.Pattern[str], text: str) -> None:
        parts: list[str] = []
        # By character that was an escape: where it stands in the shadow, and where its escape ends in the text.
        self._starts: list[int] = []
        self._ends: list[int] = []
        done = size = 0
        for match in units.finditer(text):
            start, end = match.span()
            parts.append(text[done:start])
            size += start - done
            self._starts.append(size)
            self._ends.append(end)
            parts.append(_character(match))
            size += 1
            done = end
            if len(self._starts) > _MOST:
                raise TooMany("too many escapes in one message")
        parts.append(text[done:])
        self.text = "".join(parts)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where these characters of the shadow stand in the text, escapes whole."""
        return self._begin(start), self._begin(end - 1, True)

    def _begin(self, index: int, behind: bool = False) -> int:
        at = bisect_right(self._starts, index) - 1
        if at < 0:
            return index + behind
        if self._starts[at] == index:
            return self._ends[at] if behind else self._before(at)
        return self._ends[at] + index - self._starts[at] - 1 + behind

    def _before(self, at: int) -> int:
        """Where the escape with that number begins: behind the one before, and what stands between."""
        if at == 0:
            return self._starts[0]
        return self._ends[at - 1] + self._starts[at] - self._starts[at - 1] - 1


def _character(match: re.Match[str]) -> str:
    letters, code, short = match.groups()
    if letters:
        return "\u00aa"
    return chr(int(code, 16)) if code else _SHORT.get(short, "\\")


def unescaped(text: str) -> Shadow:
    """JSON's escapes, however many backslashes a string in a string has. Raises TooMany."""
    return Shadow(_BACKSLASHES, text)


def unquoted(text: str) -> Shadow:
    """Percent-encoding. Raises TooMany."""
    return Shadow(_PERCENTS, text)

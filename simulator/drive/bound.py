"""What the tape's server made is something else at a live one: each value is bound when it is heard, and said so after.

Long ids and tokens are changed wherever they stand (`cassette/bindings.py`). A short one, such as the number of a
message, is changed only at a key or a parameter that is an id's; and where the tape's client went to a URL that the
server had told it, the live one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from simulator.cassette import opaque
from simulator.cassette.bindings import SHORTEST, Bindings
from simulator.cassette.masks import Path, Volatile
from simulator.core.message import Json

_SHORT_PLACE = re.compile(
    r"(?P<head>\\*\"(?:\w*_)?(?:\w*[a-z])?(?:[iI]d|ID|ref|before|after)s?\\*\"\s*:\s*\[?|[?&]\w*[iI][dD]=)"
    r"(?P<quote>\\*\")?(?P<value>[\w.:-]+)"
)
_PLACEHOLDER = re.compile(
    r"eyJyZWRhY3RlZCI6MX0[\w.-]*|00000000-0000-4000-8000-[0-9a-f]{12}|redacted(?!-)[a-z0-9]{8,}|redacted-[a-z0-9]+@example\.com"
)
"""What redaction leaves in place of tokens and addresses (`cassette/pseudonyms.py`); people's names are harmless."""
_MOST_URLS: Final = 10_000


class Bound:
    """Of one run."""

    def __init__(
        self,
        volatile: Iterable[str] = (),
        given: Mapping[str, str] | None = None,
        servers: tuple[str, str] = ("", ""),
    ) -> None:
        """`given` binds from the start: what stands on the tape, and what is said in its place.

        `servers` are the base URLs of the tape's server, if it is known, and of the live one.
        """
        self._ids = Bindings()
        self._volatile = Volatile(volatile)
        self._given = dict(given or {})
        self._short: dict[str, str] = {}
        self._long_ago: dict[str, str] = {}
        self._urls: dict[tuple[str, bool], str] = {}
        self._origins = {servers[0]: servers[1]} if all(servers) else {}

    # ---- what is heard

    def pair(self, message: str, taped: Iterable[Json | bytes], live: Iterable[Json | bytes]) -> None:
        """Two messages of the server are the same one: what their values stand for is the same, too."""
        volatile = self._volatile.of(message)
        for one, other in zip(taped, live, strict=False):
            self._value(one, other, (), volatile)

    def _value(self, taped: Json | bytes, live: Json | bytes, path: Path, volatile: frozenset[Path]) -> None:
        if isinstance(taped, dict) and isinstance(live, dict):
            for key, value in taped.items():
                if key in live:
                    self._value(value, live[key], (*path, key), volatile)
        elif isinstance(taped, list) and isinstance(live, list):
            for one, other in zip(taped, live, strict=False):
                self._value(one, other, (*path, "*"), volatile)
        elif isinstance(taped, str) and isinstance(live, str):
            self._text(taped, live, path, volatile)
        elif isinstance(taped, int) and isinstance(live, int):
            self._scalar(taped, live, path, volatile)

    def _text(self, taped: str, live: str, path: Path, volatile: frozenset[Path]) -> None:
        if taped.startswith(("http://", "https://")) and live.startswith(("http://", "https://")):
            if len(self._urls) < _MOST_URLS:
                # One place may have two URLs: where to put something, signed, and where it then is.
                split, other = urlsplit(taped), urlsplit(live)
                self._urls[split.path, bool(split.query)] = live
                self._origins.setdefault(f"{split.scheme}://{split.netloc}", f"{other.scheme}://{other.netloc}")
        elif taped != live:
            self._scalar(taped, live, path, volatile)
        self._within(taped, live)

    def _scalar(self, taped: str | int, live: str | int, path: Path, volatile: frozenset[Path]) -> None:
        key = next((name for name in reversed(path) if name != "*"), "")
        if isinstance(taped, bool) or not (path in volatile or opaque.alike(taped, live, key)):
            return
        if not self._ids.bind(taped, live) and min(len(str(taped)), len(str(live))) < SHORTEST:
            self._short.setdefault(str(taped), str(live))
            self._long_ago.setdefault(str(live), str(taped))

    def _within(self, taped: str, live: str) -> None:
        """Ids inside of a text, where there are as many on both sides."""
        ours, theirs = [*opaque.found_in(taped)], [*opaque.found_in(live)]
        if len(ours) == len(theirs):
            for one, other in zip(ours, theirs, strict=True):
                if opaque.kind(one) == opaque.kind(other):
                    self._ids.bind(one, other)

    def bind(self, taped: object, live: object) -> None:
        """Two values that are known to be the same."""
        self._ids.bind(taped, live)

    # ---- what is said

    def is_given(self, text: str) -> bool:
        """Whether it is known from the start what is said in place of this."""
        return text in self._given

    def to_live(self, text: str) -> str:
        """What the tape's client said, as this one has to say it."""
        for taped, live in self._given.items():
            text = text.replace(taped, live)
        for taped, live in self._origins.items():
            if taped in text:
                text = live.join(re.split(rf"{re.escape(taped)}(?![\w.:-])", text))
        text = self._ids.to_live(text)
        return _SHORT_PLACE.sub(self._shortly, text) if self._short else text

    def _shortly(self, found: re.Match[str]) -> str:
        live = self._short.get(found["value"])
        return found[0] if live is None else f"{found['head']}{found['quote'] or ''}{live}"

    def to_taped(self, text: str) -> str:
        """What this server calls something, as the tape's did."""
        return self._long_ago.get(text) or self._ids.to_taped(text)

    def url(self, path: str) -> str | None:
        """The live URL in whose place the tape's client asked for this path; None where nobody told it one."""
        where, mark, _ = path.partition("?")
        return self._urls.get((where, bool(mark)), self._urls.get((where, not mark)))


def placeholders(text: str) -> list[str]:
    """What stands in a text in place of secrets."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))

"""What a server has named, and by which place of a line it is said again: `<id0>` is the newest id, `<sid1>`, `<url2>`."""

from __future__ import annotations

import re

_ID = re.compile(r"(?<![\w-])(?=[\w-]{0,40}\d)[\w-]{16,64}(?![\w-])|(?:conv|msg|session)-[\w-]+")
_SID = re.compile(r'"sid":"([\w-]+)","upgrades"')
_URL = re.compile(r'(?:"|\b)https?://[^/"]+(/[^"\s\\]+)')
_PLACE = re.compile(r"<(id|sid|url)(\d{1,2})>")


class Named:
    """Of one conversation."""

    def __init__(self) -> None:
        self._said: dict[str, list[str]] = {"id": [], "sid": [], "url": []}

    def remember(self, text: str) -> None:
        """The server has said this."""
        for kind, pattern in (("id", _ID), ("sid", _SID), ("url", _URL)):
            kept = self._said[kind]
            for found in pattern.finditer(text):
                name = found[1] if pattern.groups else found[0]
                if name not in kept[-20:]:
                    kept.append(name)

    def filled(self, text: str) -> str:
        """A line with the names in their places."""

        def name(found: re.Match[str]) -> str:
            kept = self._said[found[1]]
            return kept[-1 - int(found[2]) % len(kept)] if kept else "none"

        return _PLACE.sub(name, text)

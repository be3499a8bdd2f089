"""URLs of other servers, as operators write them into settings and fixtures."""

from __future__ import annotations

from urllib.parse import urlsplit


def web_url(text: str) -> str:
    """The same text, where it is the URL of a server of HTTP. Raises ValueError."""
    try:
        split = urlsplit(text)
        fine = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
    except ValueError:
        fine = False
    if not fine or any(character.isspace() for character in text):
        raise ValueError("expected a URL such as http://127.0.0.1:8080")
    return text

"""URLs of other servers."""

from __future__ import annotations

import pytest

from simulator.core.url import web_url


@pytest.mark.parametrize("text", ["http://x", "https://chat.example.com/a?b", "http://[::1]:8080/", "http://x:65535"])
def test_what_is_one(text: str) -> None:
    assert web_url(text) == text


@pytest.mark.parametrize(
    "text", ["", "x", "ftp://x", "http://", "http://:80", "http://x:0", "http://x:99999", "http://[::1", "http://x y"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a URL such as http://127\.0\.0\.1:8080"):
        web_url(text)

"""Where the live server is, and how the tape's requests are addressed to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from simulator.cassette.meanings import is_secret_header, of_parameter
from simulator.core.errors import SimulatorError
from simulator.core.message import Headers
from simulator.drive.bound import placeholders

_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_MADE_ANEW: Final = frozenset(
    {
        *("host", "connection", "upgrade", "content-length", "transfer-encoding", "accept-encoding", "te", "expect"),
        *("keep-alive", "proxy-connection", "proxy-authorization", "sec-websocket-key", "sec-websocket-version"),
        *("sec-websocket-extensions", "sec-websocket-accept"),
    }
)
"""Header lines that belong to one connection."""

_SECRET: Final = 8
"""Characters of a secret; a shorter one may be a word."""
_OF_A_HOST: Final = frozenset(("cookie", "referer"))


class Target:
    """One live server. Raises SimulatorError for a URL that is none."""

    def __init__(
        self,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        query: Sequence[tuple[str, str]] = (),
        option: str = "--target",
    ) -> None:
        """`headers` and `query` go before those of the tape; what stands behind a ? in the URL is of the query, too."""
        try:
            split = urlsplit(url)
            scheme, host, _ = _SCHEMES.get(split.scheme, ""), split.hostname, split.port
        except ValueError:
            scheme, host = "", None
        if not scheme or not host or url != url.strip():
            raise SimulatorError(
                f"{option} {url}: expected a URL, such as http://127.0.0.1:8070 or wss://chat.example.com"
            )
        self.told = url
        self.base = f"{scheme}://{split.netloc.rpartition('@')[2]}"
        self._prefix = split.path.rstrip("/")
        self._headers = tuple(headers)
        self._query = [*_pairs(split.query), *query]

    @property
    def fresh(self) -> frozenset[str]:
        """Names of headers, in lower case, that have a value of today."""
        return frozenset(name.lower() for name, _ in self._headers)

    @property
    def secrets(self) -> tuple[re.Pattern[str], ...]:
        """What the operator gave for this server under a name that secrets have, as it may be repeated: for redaction.

        A server tells whom it turns away what was wrong; headers and queries are on no tape, answers are.
        """
        said = [value for name, value in self._headers if is_secret_header(name) or name.lower() == "cookie"]
        said += [value for name, value in self._query if of_parameter(name) is not None]
        words = {word for value in said for word in (value, value.rpartition(" ")[2], value.rpartition("=")[2])}
        found = {form for word in words for form in (word, quote(word, safe="")) if len(form) >= _SECRET}
        return tuple(re.compile(re.escape(form)) for form in sorted(found, key=len, reverse=True))

    def url(self, path: str, opens: bool) -> str:
        """The live URL of a path of the tape; a connection (`opens`) gets every parameter, a request those it had."""
        where, _, query = path.partition("?")
        if not where.startswith("/"):
            # `@other.example.com/x` would make another host of it.
            where = f"/{where}"
        prefix = "" if self._prefix and where.startswith(self._prefix) else self._prefix
        pairs = [pair for pair in query.split("&") if pair]
        for name, value in self._query:
            found = [i for i, pair in enumerate(pairs) if unquote(pair.partition("=")[0]) == name]
            for i in found:
                pairs[i] = f"{pairs[i].partition('=')[0]}={quote(value, safe='')}"
            if not found and opens:
                pairs.append(f"{quote(name, safe='')}={quote(value, safe='')}")
        return f"{self.base}{prefix}{where}{'?' if pairs else ''}{'&'.join(pairs)}"

    def taped(self, url: str) -> str:
        """Path and query of a URL of it as a client brings them: without the prefix."""
        path = url.removeprefix(self.base) or "/"
        return path.removeprefix(self._prefix) if path.startswith(f"{self._prefix}/") else path

    def without(self, path: str) -> str:
        """A path without the parameters that the operator gave: they are his, and for no tape."""
        where, mark, query = path.partition("?")
        given = {name for name, _ in self._query}
        kept = [pair for pair in query.split("&") if unquote(pair.partition("=")[0]) not in given]
        return f"{where}{mark}{'&'.join(kept)}" if kept != [""] else where

    def is_here(self, url: str) -> bool:
        """Whether a URL leads to the same server."""
        return url.startswith((f"{self.base}/", f"{self.base}?")) or url == self.base

    def lines(self, taped: Headers) -> Headers:
        """The header lines of a request to it: the tape's but for those of one connection, and those given."""
        kept = [(name, value) for name, value in sent(taped) if name.lower() not in self.fresh]
        return (*kept, *self._headers)


def sent(taped: Headers) -> Headers:
    """Of a taped request, the lines that can be sent again: a placeholder of a token is good for nobody."""
    return tuple((name, value) for name, value in taped if name.lower() not in _MADE_ANEW and not placeholders(value))


def abroad(taped: Headers) -> Headers:
    """Of those, the lines that another server may see, to which a URL of this one leads: no tokens, no cookies."""
    return tuple(line for line in sent(taped) if not is_secret_header(line[0]) and line[0].lower() not in _OF_A_HOST)


def _pairs(query: str) -> list[tuple[str, str]]:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return [(unquote(name), unquote(value)) for name, _, value in pairs]

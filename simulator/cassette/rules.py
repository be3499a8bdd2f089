"""What an operator adds to the rules of redaction: `--redact RULE`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from simulator.cassette.meanings import plain

FORMS: Final = "header NAME, query NAME, json PATH or text REGEX"


@dataclass(slots=True, frozen=True)
class Rules:
    """Beside what is taken out anyway."""

    told: tuple[str, ...] = ()
    """As they were given."""
    headers: frozenset[str] = frozenset()
    """Names in one spelling, as `plain` makes it."""
    query: frozenset[str] = frozenset()
    paths: tuple[tuple[str, ...], ...] = ()
    """Keys that follow each other, as they are spelled; `*` is any."""
    texts: tuple[re.Pattern[str], ...] = field(default=())


def parse(rules: tuple[str, ...] | list[str]) -> Rules:
    """From the command line. Raises ValueError that says what a rule should be.

    `json user.nick` means a key `nick` in an object that is the value of a key `user`, wherever it stands; places in
    lists do not count, `*` is any key. Of `text` the first group is taken out, or the whole where there is none.
    """
    headers, query, paths, texts = set(), set(), [], []
    for rule in rules:
        word, _, rest = rule.strip().partition(" ")
        rest = rest.strip()
        if not rest or word not in ("header", "query", "json", "text"):
            raise ValueError(f"{rule!r} is no rule; expected {FORMS}")
        if word == "header":
            headers.add(plain(rest))
        elif word == "query":
            query.add(plain(rest))
        elif word == "json":
            path = tuple(part for part in re.split(r"\.|\[[^\]]*\]", rest.removeprefix("$")) if part)
            if not path or path[-1] == "*":
                raise ValueError(f"{rule!r} names no key; json user.nick would")
            paths.append(path)
        else:
            try:
                texts.append(re.compile(rest))
            except re.error as error:
                raise ValueError(f"{rule!r} is no regular expression: {error}") from None
            if texts[-1].search(""):
                raise ValueError(f"{rule!r} finds itself in an empty text; it has to ask for something")
    return Rules(tuple(rules), frozenset(headers), frozenset(query), tuple(paths), tuple(texts))

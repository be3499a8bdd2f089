"""What the AI knows and how it answers: a search over a tenant's articles. Deterministic, and all of it guessed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from simulator.backends.chatbot.state import Article
from simulator.core.message import Json

_WORD = re.compile(r"\w+")


def set_of(text: str) -> frozenset[str]:
    """The words of a text, which is how word lists are written here."""
    return frozenset(text.split())


_STOP = set_of(
    "a about an and any are as at be by can could do does for from get give have how i if in is it me my of on or our "
    "please that the their there this to us was we what when where which who why will with would you your"
)
TITLE, TAG, TEXT = 3, 2, 1
"""What a word counts, by the place where it is found."""

ENOUGH = 8
"""Points at which an answer is as sure as it gets."""

SNIPPET = 160
"""Characters of a result's content."""


def words(text: str) -> list[str]:
    """The words that say something, in lower case, each once, a plural's s cut off."""
    found = (stem(word) for word in _WORD.findall(text.casefold()) if word not in _STOP)
    return list(dict.fromkeys(found))


def stem(word: str) -> str:
    """A word without a plural's s."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


class Index:
    """All articles, cut into words once."""

    __slots__ = ("_articles",)

    def __init__(self, articles: Iterable[Article]) -> None:
        self._articles: dict[str, list[tuple[Article, frozenset[str], frozenset[str], frozenset[str]]]] = {}
        for article in articles:
            tags = frozenset(stem(word) for tag in article.tags for word in _WORD.findall(tag.casefold()))
            row = article, frozenset(words(article.title)), tags, frozenset(words(article.content))
            self._articles.setdefault(article.tenantId, []).append(row)

    def search(
        self, tenant: str, query: str, category: str | None = None, tags: Collection[str] | None = None
    ) -> list[tuple[int, Article]]:
        """Articles of a tenant with their points, the best first, equal ones by id.

        A category narrows the search, tags as well: an article needs one of them.
        """
        asked = words(query)
        wanted = {tag.casefold() for tag in tags or ()}
        found = []
        for article, title, tagged, text in self._articles.get(tenant, ()):
            if category and article.category.casefold() != category.casefold():
                continue
            if wanted and wanted.isdisjoint(tag.casefold() for tag in article.tags):
                continue
            points = sum(TITLE * (w in title) + TAG * (w in tagged) + TEXT * (w in text) for w in asked)
            if points:
                found.append((points, article))
        return sorted(found, key=lambda row: (-row[0], row[1].articleId))

    def answer(self, tenant: str, query: str, fallback: str) -> tuple[str, float]:
        """The best article's text and how sure that is, from 0 to 1."""
        found = self.search(tenant, query)
        if not found:
            return fallback, 0.2
        points, article = found[0]
        return article.content, confidence(points)


def confidence(points: int) -> float:
    """How sure an answer with so many points is."""
    return round(0.5 + min(points, ENOUGH) / ENOUGH * 0.45, 2)


def result(points: int, article: Article) -> Json:
    """One of knowledge-search-results' results."""
    content = article.content
    return {
        "id": article.articleId,
        "title": article.title,
        "content": content if len(content) <= SNIPPET else f"{content[:SNIPPET].rstrip()}...",
        "category": article.category,
        "tags": list(article.tags),
        "score": confidence(points),
    }


def chunks(text: str, size: int) -> list[str]:
    """A text in pieces of so many words, blanks kept: joined they are the text."""
    pieces = re.findall(r"^\s+|\S+\s*", text)
    return ["".join(pieces[i : i + size]) for i in range(0, len(pieces), size)] or [text]

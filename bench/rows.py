"""What every part of the benchmark finds: rows of figures, round by round, and the arithmetic between them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal


class Failed(Exception):
    """A child that did not do what it had to; the text is for the reader of the report."""


@dataclass(slots=True)
class Row:
    """What came out for one case."""

    key: str
    """The same in every run: `messages.chip`."""
    title: str
    unit: str
    figures: list[float] = field(default_factory=list)
    """By round, in that unit."""
    base: str = ""
    """The key of the row that it is held against, round by round; empty where there is none."""
    ratio: Literal["base/own", "own/base"] = "base/own"
    """Which way: `base/own` of costs says how many times as quick, `own/base` how many times as dear."""
    server: list[float] = field(default_factory=list)
    """The share of a core that the server was busy, by round; empty where nobody looked."""
    generator: list[float] = field(default_factory=list)
    """The same of the load generator."""
    rate: list[float] = field(default_factory=list)
    """Answers a second, by round."""
    beside: list[float] = field(default_factory=list)
    """What its base cost right before and after each figure, where windows are that close to each other."""
    waited: list[float] = field(default_factory=list)
    """The share of the time in which the server had work and no core to do it on, by round."""
    note: str = ""

    @property
    def part(self) -> str:
        """Which part of the benchmark it is of."""
        return self.key.partition(".")[0]

    @property
    def middle(self) -> float:
        """The median of the figures."""
        return median(self.figures)


@dataclass(slots=True)
class Found:
    """Everything of one run."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What failed or was left out, and why."""
    took: dict[str, float] = field(default_factory=dict)
    """Seconds of each part of the benchmark."""

    def by_key(self) -> dict[str, Row]:
        """Those that have figures."""
        return {row.key: row for row in self.rows if row.figures}


def ratios(row: Row, base: Row | None, way: Literal["base/own", "own/base"] | None = None) -> list[float]:
    """One for each round that both have; none where there is no base, or one of the two is nothing.

    Two that were measured beside the same base are held against each other by what they cost beside it.
    """
    if base is None:
        return []
    mine, theirs = row.figures, base.figures
    if row.beside and base.beside and row.base == base.base:
        mine, theirs = _beside(row), _beside(base)
    pairs = [(own, other) for own, other in zip(mine, theirs, strict=False) if own > 0 and other > 0]
    if (way or row.ratio) == "base/own":
        return [other / own for own, other in pairs]
    return [own / other for own, other in pairs]


def _beside(row: Row) -> list[float]:
    return [own / other for own, other in zip(row.figures, row.beside, strict=False) if other > 0]


def ratio(rows: Mapping[str, Row], own: str, base: str, way: Literal["base/own", "own/base"]) -> float | None:
    """The median over the rounds; None where one of the two was not measured."""
    row = rows.get(own)
    found = ratios(row, rows.get(base), way) if row is not None else []
    return median(found) if found else None


def outrun(row: Row) -> bool:
    """Whether the load generator had more to do than the server."""
    return bool(row.server and row.generator) and median(row.generator) > median(row.server)


def said(row: Row, rows: Mapping[str, Row]) -> str:
    """What there is to say behind a row: its note, who was busier, and what the faster loop alone would have gained."""
    words = [row.note] if row.note else []
    if row.key.startswith("messages.") and row.key.endswith(".uvloop"):
        beside = ratio(rows, row.key, "messages.bare.uvloop", "base/own")
        words += [f"{beside:.2f} beside bare aiohttp on uvloop"] if beside is not None else []
    if outrun(row):
        words.append("the generator was busier than the server")
    return "; ".join(words)


def percentile(figures: Iterable[float], share: float) -> float:
    """The least figure that so large a share of all does not exceed. There has to be one."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def dump(found: Found) -> list[dict[str, Any]]:
    """The rows for JSON, with medians and ratios beside the single rounds."""
    rows = found.by_key()
    out = []
    for row in found.rows:
        against = ratios(row, rows.get(row.base))
        data = asdict(row)
        data["median"] = row.middle if row.figures else None
        data["ratios"] = against
        data["median_ratio"] = median(against) if against else None
        out.append(data)
    return out


def load(data: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Back from JSON."""
    keep = set(Row.__dataclass_fields__)
    return [Row(**{key: value for key, value in row.items() if key in keep}) for row in data]

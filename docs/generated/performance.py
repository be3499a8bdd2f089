"""What the last run of the benchmark left in bench/results, as a part of the page about performance."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = "performance.md"
FOLDER = "performance"
"""In the site: charts and data."""
_LINK = re.compile(r"^\[The report of the last run\]\([^)]*report\.md\).*$", re.MULTILINE)
_NONE = (
    "There is no result here yet: `make bench` makes one, in some 25 minutes, "
    "and `make bench ARGS=--quick` a first look in four."
)


def copied(results: Path) -> list[Path]:
    """What stands beside the page: the charts, and the data. Nothing where there was no run."""
    if not (results / "report.md").exists():
        return []
    return [*sorted(results.glob("*.svg")), *sorted(results.glob("results.json"))]


def page(markdown: str, results: Path) -> str:
    """The page with the report in the place of the link to it, its headings one level down."""
    return _LINK.sub(lambda _: _report(results), markdown)


def _report(results: Path) -> str:
    try:
        text = (results / "report.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return _NONE
    body = text.partition("\n")[2].strip()
    linked = re.sub(r"\]\(([\w-]+\.svg)\)", rf"]({FOLDER}/\1)", body)
    lower = re.sub(r"^## ", "### ", linked, flags=re.MULTILINE)
    return f"## The last run\n\n{lower}\n\nAll of it [as JSON]({FOLDER}/results.json)."

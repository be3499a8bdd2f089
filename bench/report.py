"""What was found, for a person at a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

from bench import targets
from bench.parts import PARTS
from bench.rows import Found, Row, ratios, said

_WIDTH = 62


def text(found: Found) -> str:
    """The tables, and the targets of which these figures tell something."""
    by_key = found.by_key()
    blocks = []
    for part in PARTS:
        rows = part.of(found.rows)
        if rows:
            words = re.sub(r"[*`]", "", part.words)
            blocks.append("\n".join([part.title, *_wrapped(words), "", *_lines(rows, by_key)]))
    for words, chosen in (
        ("Targets", targets.TARGETS),
        ("Own aims, beyond what was promised", targets.OWN),
        ("Aims of before", targets.EARLIER),
    ):
        verdicts = targets.measured(targets.judge(by_key, chosen))
        if verdicts:
            blocks.append("\n".join([f"{words}: {targets.summary(verdicts)}", *map(_verdict, verdicts)]))
    if found.notes:
        blocks.append("\n".join(found.notes))
    return "\n\n".join(blocks)


def _wrapped(words: str) -> list[str]:
    lines, line = list[str](), ""
    for word in words.split():
        if len(line) + len(word) > 118:
            lines.append(f"  {line}")
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, f"  {line}"]


def _lines(rows: Sequence[Row], by_key: dict[str, Row]) -> list[str]:
    lines = [_line("", "median", "min..max", "ratio", "min..max", "server", "load")]
    race = ""
    for row in rows:
        if race and row.base != race:
            lines.append("")
        race = row.base
        cells = [f"{row.middle:.2f} {row.unit}", _spread(row.figures)]
        against = ratios(row, by_key.get(row.base))
        cells += [f"{median(against):.2f}", _spread(against)] if against else ["", ""]
        cells += [f"{median(share):.0%}" if share else "" for share in (row.server, row.generator)]
        lines.append(f"{_line(row.title, *cells)}  {said(row, by_key)}".rstrip())
    return lines


def _line(title: str, *cells: str) -> str:
    widths = (12, 18, 8, 13, 8, 6)
    row = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))
    return f"  {title:<{_WIDTH}}{row}".rstrip()


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f}..{max(values):.2f}"


def _verdict(verdict: targets.Verdict) -> str:
    target = verdict.target
    own = f"{verdict.measured:.2f}" if verdict.measured is not None else "-"
    fast = f" (uvloop {verdict.fast:.2f})" if verdict.fast is not None else ""
    return f"  {target.words:<86} {target.sense} {target.aim:g} {target.unit}: {own}{fast}  {verdict.reached}"

"""Bars as SVG. Pure, and small enough to be ours: no library, no fonts, no script.

A chart has a ground of its own, in two colours by the reader's preference, so that it is read on any page; each bar
bears its title and its figure in words, so that nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

_WIDTH, _LABELS, _RIGHT, _TOP, _LINE, _BOTTOM = 900, 430, 76, 58, 24, 30

_STYLE = """<style>
.ground{fill:#fff;stroke:#d0d7de}.text{fill:#1f2328;font:13px system-ui,sans-serif}
.title{font-weight:600;font-size:15px}.small{fill:#57606a;font:12px system-ui,sans-serif}
.grid{stroke:#d8dee4}.ours{fill:#2a9d8f}.other{fill:#8c959f}
.spread{stroke:#1f2328;stroke-width:1.5}.one{stroke:#b45309;stroke-width:1.5;stroke-dasharray:5 3}
@media (prefers-color-scheme:dark){
.ground{fill:#161b22;stroke:#30363d}.text{fill:#e6edf3}.small{fill:#9da7b1}.grid{stroke:#30363d}.ours{fill:#0d9488}
.other{fill:#7d8590}.spread{stroke:#e6edf3}.one{stroke:#f59e0b}}
</style>"""


@dataclass(slots=True, frozen=True)
class Bar:
    """One line of a chart."""

    title: str
    least: float
    middle: float
    most: float
    ours: bool


def svg(title: str, unit: str, bars: Sequence[Bar], line: float | None = None) -> str:
    """A picture of all bars, each with the median as its length and least to greatest as a thin line over it.

    `line` is a value to compare with, drawn through all of them.
    """
    greatest = max([bar.most for bar in bars] + ([line] if line is not None else []), default=0.0)
    step = _step(greatest)
    scale = (_WIDTH - _LABELS - _RIGHT) / max(step, ceil(greatest / step) * step)
    height = _TOP + _LINE * len(bars) + _BOTTOM
    words = escape(describe(title, unit, bars))
    bottom = height - _BOTTOM
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{words}</desc>',
        _STYLE,
        f'<rect class="ground" x=".5" y=".5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>',
        f'<text class="text title" x="16" y="24">{escape(title)}</text>',
        f'<text class="small" x="16" y="43">{escape(unit)}</text>',
    ]
    for mark in _marks(greatest, step):
        x = _LABELS + mark * scale
        out.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{bottom}"/>')
        out.append(f'<text class="small" text-anchor="middle" x="{x:.1f}" y="{bottom + 18}">{_short(mark)}</text>')
    for number, bar in enumerate(bars):
        y = _TOP + _LINE * number
        middle = y + _LINE / 2
        end = _LABELS + max(0.0, bar.middle) * scale
        kind = "ours" if bar.ours else "other"
        out.append(
            f'<text class="text" text-anchor="end" x="{_LABELS - 8}" y="{middle + 4:.1f}">{escape(bar.title)}</text>'
        )
        out.append(
            f'<rect class="{kind}" x="{_LABELS}" y="{y + 4}" width="{max(1.0, end - _LABELS):.1f}" '
            f'height="{_LINE - 8}"/>'
        )
        low, high = (_LABELS + max(0.0, value) * scale for value in (bar.least, bar.most))
        out.append(f'<line class="spread" x1="{low:.1f}" y1="{middle:.1f}" x2="{high:.1f}" y2="{middle:.1f}"/>')
        out.append(f'<text class="text" x="{max(end, high) + 6:.1f}" y="{middle + 4:.1f}">{_figure(bar.middle)}</text>')
    if line is not None:
        x = _LABELS + line * scale
        out.append(f'<line class="one" x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{bottom}"/>')
    return "\n".join([*out, "</svg>", ""])


def describe(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """The same for who does not see it."""
    told = "; ".join(
        f"{bar.title}: {_figure(bar.middle)} ({_figure(bar.least)} to {_figure(bar.most)})" for bar in bars
    )
    return f"{title} ({unit}). {told}."


def _step(greatest: float) -> float:
    """Between two marks: 1, 2 or 5 times a power of ten, so that there are three to six."""
    if greatest <= 0:
        return 1.0
    power = 10.0 ** floor(log10(greatest))
    return next(power * part for part in (0.2, 0.5, 1.0, 2.0, 5.0) if greatest / (power * part) <= 6)


def _marks(greatest: float, step: float) -> list[float]:
    return [step * number for number in range(max(1, ceil(greatest / step)) + 1)]


def _short(value: float) -> str:
    return f"{value:.6g}"


def _figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"

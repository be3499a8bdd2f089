"""The report of a run: Markdown with charts beside it, out of nothing but the data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from bench import charts, rows, targets
from bench.charts import Bar
from bench.parts import PARTS, Chart, Part, ours
from bench.rows import Row, outrun, ratios, said

OTHERS, STOLEN, WAITED = 0.15, 0.05, 0.05
"""From so much on the machine was not quiet: cores that others kept busy on the average, cores that the machine below
took away, the share of their windows in which half of all servers waited for a core."""
BUSY = 0.5
"""The load before, for each core, from which on it was not quiet where the system tells nothing better."""


def files(data: Mapping[str, Any]) -> dict[str, str]:
    """`report.md` and the charts, by file name."""
    found = rows.load(data["rows"])
    by_key = {row.key: row for row in found if row.figures}
    out: dict[str, str] = {}
    blocks = ["# What it costs, beside others", _head(data, found), _verdicts(data, by_key), _proof(found)]
    for part in PARTS:
        chosen = part.of(found)
        if chosen:
            blocks += [f"## {part.title}", part.words, *_pictures(part, chosen, by_key, out), _table(chosen, by_key)]
    if data["notes"]:
        blocks += ["## Left out, or failed", "\n".join(f"- {note}" for note in data["notes"])]
    out["report.md"] = "\n\n".join(blocks) + "\n"
    return out


def told(machine: Mapping[str, Any], found: Sequence[Row]) -> str:
    """Beside what the servers had to work, in words."""
    words = []
    if "others" in machine:
        words.append(f"others kept {machine['others']:.2f} cores busy")
        words.append(f"{machine['stolen']:.2f} were taken away by the machine below")
    waited = _waited(found)
    if waited:
        words.append(f"servers waited for their core {median(waited):.1%} of their windows, at most {max(waited):.1%}")
    words.append(f"load before {machine['load_before']:.2f}, after {machine['load_after']:.2f}")
    return "; ".join(words)


def busy(machine: Mapping[str, Any], found: Sequence[Row]) -> bool:
    """Whether the servers had to share their machine. The load before a run may be of what has ended since."""
    waited = _waited(found)
    if waited and median(waited) > WAITED:
        return True
    if "others" in machine:
        return bool(machine["others"] > OTHERS or machine["stolen"] > STOLEN)
    return not waited and bool(machine["load_before"] > BUSY * machine["cores"])


def _waited(found: Sequence[Row]) -> list[float]:
    """Of each row, its median."""
    return [median(row.waited) for row in found if row.waited]


def _head(data: Mapping[str, Any], found: Sequence[Row]) -> str:
    machine, options = data["machine"], data["options"]
    pinned = "servers on one core, the load generator on another" if machine["pinned"] else "nothing pinned to a core"
    kinds = (
        "`make bench ARGS=--quick`: a first look, fewer rows and short rounds" if options["quick"] else "`make bench`"
    )
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    took = ", ".join(f"{name} {seconds}" for name, seconds in data.get("took", {}).items())
    lines = [
        f"Written by {kinds}; do not edit. Figures are medians of {options['rounds']} rounds that take turns, with "
        "the least and the greatest behind them; trust ratios, which are between two rows of the same round."
        f"{_turns(options)}",
        "",
        f"- {data['when']}, {data['minutes']:.0f} minutes; {machine['system']}, {machine['cores']} cores, {pinned}",
        f"- {told(machine, found)}",
        f"- rounds of messages of {options['seconds']:g} s, {options['connections']:,} idle clients, "
        f"{machine['open_files']:,} files that a process may open",
        f"- {versions}",
        f"- seconds that each part took: {took}",
    ]
    if busy(machine, found):
        lines += [
            "",
            "**The machine was busy with other things when this was measured: figures are noisy, clocks above all.**",
        ]
    return "\n".join(lines)


def _turns(options: Mapping[str, Any]) -> str:
    if "turns" not in options:
        return ""
    return (
        f" A round of messages is {options['turns']} windows that take turns as well, and is held against windows of "
        "its base right before and after each."
    )


def _verdicts(data: Mapping[str, Any], by_key: Mapping[str, Row]) -> str:
    verdicts, own = targets.judge(by_key), targets.judge(by_key, targets.OWN)
    earlier = targets.judge(by_key, targets.EARLIER)
    return "\n\n".join(
        [
            "## Targets",
            f"{targets.summary(verdicts)}. x is a ratio. A target of Socket.IO may be reached by the extra `uvloop`.",
            _judged(verdicts),
            f"Own aims, beyond what was promised, {targets.summary(own)}:",
            _judged(own),
            f"Aims of before, {targets.summary(earlier)}:",
            _judged(earlier),
        ]
    )


def _judged(verdicts: Iterable[targets.Verdict]) -> str:
    lines = []
    for verdict in verdicts:
        target = verdict.target
        own = _number(verdict.measured)
        fast = _number(verdict.fast) if target.fast is not None else ""
        sign = {">=": "&ge;", "<=": "&le;"}[target.sense]
        word = f"**{verdict.reached}**" if verdict.reached == "MISSED" else verdict.reached
        lines.append([target.words, f"{sign} {target.aim:g} {target.unit}", own, fast, word])
    return table(["target", "aim", "measured", "with uvloop", ""], lines)


def _proof(found: Sequence[Row]) -> str:
    """Whether it was the servers that were measured."""
    watched = [
        row
        for row in found
        if row.server and row.generator and row.part in ("messages", "socketio", "growth", "accept")
    ]
    if not watched:
        return ""
    busier = [row for row in watched if outrun(row)]
    text = [
        "## Is the load generator the bottleneck?",
        "Figures are the CPU of the server process alone, so a slow generator would cost no server anything; it could "
        "only leave it with less to read at once. The generator has a core of its own where there are two, and the "
        "tables below say for each row how busy both were (shares of a core; a generator that rests a millisecond "
        "between two looks is never 1).",
    ]
    raw = next((row for row in watched if row.key == "messages.raw"), None)
    bare = next((row for row in watched if row.key == "messages.bare"), None)
    if raw is not None and bare is not None:
        cost = median(raw.generator) / median(raw.rate) * 1e6
        text.append(
            f"*raw asyncio.Protocol* is a server that parses nothing and costs {raw.middle:.2f} us a message, where "
            f"bare aiohttp costs {bare.middle:.2f}: the same generator had {median(raw.rate):,.0f} answers a second "
            f"of it, for {cost:.1f} us of its own CPU each (an answer of the raw server: {raw.middle * 2:.1f} us of "
            f"the server's). A whole core of the generator would draw {1e6 / cost:,.0f} answers a second."
        )
    if busier:
        names = "; ".join(row.title for row in busier)
        text.append(f"**The generator was busier than the server in: {names}.**")
    else:
        text.append(f"In none of the {len(watched)} rows was the generator busier than the server.")
    return "\n\n".join(text)


def _pictures(part: Part, chosen: list[Row], by_key: Mapping[str, Row], out: dict[str, str]) -> list[str]:
    links = []
    for chart in part.charts:
        bars = bars_of(chart, chosen, by_key)
        if bars:
            line = 1.0 if chart.shows == "ratio" else None
            out[f"{chart.name}.svg"] = charts.svg(chart.title, chart.unit, bars, line)
            alternative = charts.describe(chart.title, chart.unit, bars).replace("[", "(").replace("]", ")")
            links.append(f"![{alternative}]({chart.name}.svg)")
    return links


def bars_of(chart: Chart, chosen: Iterable[Row], by_key: Mapping[str, Row]) -> list[Bar]:
    """A bar for each row that has what the chart shows."""
    bars = []
    for row in chosen:
        if chart.chosen(row):
            values = ratios(row, by_key.get(row.base)) if chart.shows == "ratio" else row.figures
            if values:
                bars.append(Bar(row.title, min(values), median(values), max(values), ours(row)))
    return bars


def _table(chosen: Sequence[Row], by_key: Mapping[str, Row]) -> str:
    compared = any(row.base for row in chosen)
    busy = any(row.server for row in chosen)
    quick = any(row.rate for row in chosen)
    noted = any(said(row, by_key) for row in chosen)
    head = ["", "median", "least to greatest"]
    head += ["ratio", "least to greatest"] if compared else []
    head += ["server busy", "generator busy"] if busy else []
    head += ["a second"] if quick else []
    head += [""] if noted else []
    lines = []
    for row in chosen:
        line = [row.title, f"{_number(row.middle)} {row.unit}", _spread(row.figures)]
        against = ratios(row, by_key.get(row.base))
        if compared:
            line += [_number(median(against)), _spread(against)] if against else ["", ""]
        if busy:
            line += [f"{median(share):.2f}" if share else "" for share in (row.server, row.generator)]
        if quick:
            line.append(f"{median(row.rate):,.0f}" if row.rate else "")
        if noted:
            line.append(said(row, by_key))
        lines.append(line)
    return table(head, lines)


def _spread(values: Sequence[float]) -> str:
    return f"{_number(min(values))} to {_number(max(values))}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    size = abs(value)
    return (
        f"{value:,.0f}"
        if size >= 1000
        else f"{value:.1f}"
        if size >= 100
        else f"{value:.2f}"
        if size >= 0.1
        else f"{value:.3f}"
    )


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Markdown's."""
    cells = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in cells)

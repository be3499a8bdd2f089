"""What was found, for a person at a terminal and as JSON."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from bench import memory, recording, replays, speed, start, waits
from bench.load import SIZE
from bench.process import cores

_WIDTH = 38


@dataclass(slots=True)
class Found:
    """Everything of one run."""

    speed: list[speed.Row] = field(default_factory=list)
    memory: list[memory.Row] = field(default_factory=list)
    start: list[start.Row] = field(default_factory=list)
    recording: list[recording.Row] = field(default_factory=list)
    replays: list[replays.Row] = field(default_factory=list)
    waits: list[waits.Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _spread(values: Sequence[float], digits: int) -> tuple[str, str]:
    """The median, and the least and the greatest."""
    return f"{median(values):.{digits}f}", f"{min(values):.{digits}f}..{max(values):.{digits}f}"


def _line(title: str, *cells: str) -> str:
    widths = (8, 15, 9, 13)
    row = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))
    return f"  {title:<{_WIDTH}}{row}".rstrip()


def _least(value: float, aim: float | None) -> str:
    return "" if aim is None else f"  aim >= {aim:g}: {'met' if value >= aim else 'MISSED'}"


def _most(value: float, aim: float | None) -> str:
    return "" if aim is None else f"  aim <= {aim:g}: {'met' if value <= aim else 'MISSED'}"


def text(found: Found, options: dict[str, Any]) -> str:
    """The tables."""
    blocks = []
    if found.speed:
        blocks.append(_messages(found.speed, options))
    if found.memory:
        blocks.append(_connections(found.memory, options))
    if found.start:
        blocks.append(_starts(found.start))
    if found.recording:
        blocks.append(_recordings(found.recording))
    if found.replays:
        blocks.append(_replays(found.replays))
    if found.waits:
        blocks.append(_waits(found.waits))
    if found.notes:
        blocks.append("\n".join(found.notes))
    blocks.append(_machine(machine()))
    return "\n\n".join(blocks)


def _messages(rows: list[speed.Row], options: dict[str, Any]) -> str:
    lines = [
        f"CPU of the server for a message: {speed.CONNECTIONS} connections, texts of {SIZE} bytes, "
        f"{options['rounds']} rounds of {options['seconds']:g} s",
        "  A message is one WebSocket frame in or out of the server: an echo is two, get_history with its answer two,",
        "  send_msg, chat_out and ack_chat are three. chip journals and validates, as it does by default; Socket.IO is",
        "  the wire of mia and chatbot, journalling too. Each ratio is the CPU of its block's first row over the row's",
        "  in the same round: more is better.",
        "",
        _line("", "us", "min..max", "ratio", "min..max"),
    ]
    race = {path: number for number, paths in enumerate(speed.RACES) for path in paths}
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and race[before.path] != race[row.path]:
            lines.append("")
        cells = [*_spread([cpu * 1e6 for cpu in row.cpu], 2)]
        aim = ""
        if row.ratio:
            cells += _spread(row.ratio, 2)
            aim = _least(median(row.ratio), row.path.aim)
        lines.append(_line(row.path.title, *cells) + aim)
    return "\n".join(lines)


def _connections(rows: list[memory.Row], options: dict[str, Any]) -> str:
    lines = [
        f"Memory of an idle connection: growth of the server's resident memory over {options['connections']:,} of them",
        "",
        _line("", "KiB", "min..max"),
    ]
    lines += [
        _line(row.case.title, *_spread(row.kib, 1)) + _most(median(row.kib), row.case.aim) for row in rows if row.kib
    ]
    return "\n".join(lines)


def _starts(rows: list[start.Row]) -> str:
    lines = [
        "CPU from the start of the process to its first accepted connection (ratio: less is better)",
        "",
        _line("", "s", "min..max", "ratio", "min..max"),
    ]
    for row in rows:
        if row.cpu:
            ratio = _spread(row.ratio, 2) if row.ratio else ()
            aim = _most(median(row.ratio), row.case.aim) if row.ratio else ""
            lines.append(_line(row.case.title, *_spread(row.cpu, 3), *ratio) + aim)
    return "\n".join(lines)


def _recordings(rows: list[recording.Row]) -> str:
    lines = [
        f"CPU of mitmdump for a frame when it records, secrets replaced; {recording.CONNECTIONS} connections, one for",
        "  bursts. The ratio is its rate over that of a plain mitmdump in the same round: more is better.",
        "",
        _line("", "us", "min..max", "ratio", "min..max"),
    ]
    for row in rows:
        cells = [*_spread([cpu * 1e6 for cpu in row.recorded], 1), *_spread(row.ratio, 2)]
        lines.append(_line(row.case.title, *cells) + _least(median(row.ratio), row.case.aim))
    return "\n".join(lines)


def _replays(rows: list[replays.Row]) -> str:
    lines = ["Replaying recordings; lateness is told well only where nothing else runs.", ""]
    for row in rows:
        value = median(row.figures)
        aim = f"  aim >= {row.case.aim:g}" if row.case is replays.EARLY else _most(value, row.case.aim)
        lines.append(_line(row.case.title, f"{value:.2f} {row.case.unit}") + aim)
    return "\n".join(lines)


def _waits(rows: list[waits.Row]) -> str:
    lines = [
        f"How soon who waits by control call is told, with {waits.SAMPLES} samples a round and a journal that is full.",
        "",
        _line("", "", "min..max"),
    ]
    for row in rows:
        middle, spread = _spread(row.figures, 2)
        lines.append(
            _line(row.case.title, middle, spread) + f" {row.case.unit}" + _most(median(row.figures), row.case.aim)
        )
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Where this was measured."""
    try:
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        node = ""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "pinned": cores() is not None,
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "aiohttp": importlib.metadata.version("aiohttp"),
        "pydantic": importlib.metadata.version("pydantic"),
        "node": node.removeprefix("v") or None,
    }


def _machine(facts: dict[str, Any]) -> str:
    pinned = "server and load generator on a core each" if facts["pinned"] else "nothing pinned to a core"
    return (
        f"{facts['system']}, {facts['cores']} cores ({pinned}), load {facts['load']}. Python {facts['python']}, "
        f"aiohttp {facts['aiohttp']}, pydantic {facts['pydantic']}, node {facts['node'] or 'none'}"
    )


def data(found: Found, options: dict[str, Any]) -> dict[str, Any]:
    """The same for a program, with every single round."""

    def rows(kind: Sequence[speed.Row | memory.Row | start.Row | recording.Row]) -> list[dict[str, Any]]:
        named = []
        for row in kind:
            of = row.path if isinstance(row, speed.Row) else row.case
            figures = {key: value for key, value in asdict(row).items() if key not in ("path", "case")}
            medians = {key: median(values) for key, values in figures.items() if values}
            named.append({"title": of.title, "aim": of.aim, "median": medians, "rounds": figures})
        return named

    return {
        "machine": machine(),
        "options": options,
        "message_cpu": rows(found.speed),
        "idle_kib": rows(found.memory),
        "start_cpu": rows(found.start),
        "recording_cpu": rows(found.recording),
        "replays": [{"title": row.case.title, "aim": row.case.aim, "figures": row.figures} for row in found.replays],
        "waits": [{"title": row.case.title, "aim": row.case.aim, "figures": row.figures} for row in found.waits],
        "notes": found.notes,
    }

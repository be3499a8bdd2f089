"""`python -m bench`: measures, prints a table, and leaves with 0, for a measurement neither passes nor fails."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import orjson

from bench import memory, recording, replays, report, servers, speed, start, waits
from bench.process import Failed

_PARTS = ("messages", "memory", "start", "recording", "replays", "waits")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description="What the simulator costs, beside bare aiohttp.")
    parser.add_argument("--rounds", type=int, help="rounds of messages and of starts (7)")
    parser.add_argument("--seconds", type=float, help="seconds of a round of messages (1.5)")
    parser.add_argument("--connections", type=int, help="idle connections (2000)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 0.5 s, 500 idle connections: a first look")
    parser.add_argument("--only", choices=_PARTS, help="one of the six parts")
    parser.add_argument(
        "--rows", default="", metavar="TEXT", help="messages alone, and of their rows those with this in the title"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all single figures there as well")
    options = parser.parse_args()
    quick = {"rounds": 3, "seconds": 0.5, "connections": 500}
    full = {"rounds": 7, "seconds": 1.5, "connections": 2000}
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if min(options.rounds, options.seconds, options.connections) <= 0:
        parser.error("--rounds, --seconds and --connections have to be more than 0")
    if options.rows:
        if options.only not in (None, "messages"):
            parser.error(f"--rows is for messages, and --only says {options.only}")
        options.only = "messages"
    if not speed.races(options.rows):
        titles = "; ".join(path.title for race in speed.RACES for path in race)
        parser.error(f"--rows {options.rows}: no row has this in its title, there are: {titles}")
    return options


def _tell(text: str) -> None:
    """Progress, where somebody looks."""
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        print(f"\r\x1b[K{text[: width - 1]}", end="", file=sys.stderr, flush=True)


def _stopped(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _measure(options: argparse.Namespace) -> report.Found:
    found = report.Found()
    servers.check()
    if options.only in (None, "messages"):
        found.speed, notes = speed.measure(speed.races(options.rows), options.rounds, options.seconds, _tell)
        found.notes += notes
    if options.only in (None, "memory"):
        found.memory, notes = memory.measure(min(options.rounds, 3), options.connections, _tell)
        found.notes += notes
    if options.only in (None, "start"):
        found.start, notes = start.measure(options.rounds, _tell)
        found.notes += notes
    if options.only in (None, "recording"):
        found.recording, notes = recording.measure(options.rounds, options.seconds, _tell)
        found.notes += notes
    if options.only in (None, "replays"):
        found.replays, notes = replays.measure(options.rounds, _tell, hurried=options.quick)
        found.notes += notes
    if options.only in (None, "waits"):
        found.waits, notes = waits.measure(options.rounds, _tell)
        found.notes += notes
    return found


def main() -> None:
    """Measure and print."""
    options = _options()
    # Without it bare aiohttp starts from byte code, which its installation made, and we from source.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    signal.signal(signal.SIGTERM, _stopped)
    facts: dict[str, Any] = {name: getattr(options, name) for name in ("rounds", "seconds", "connections")}
    try:
        found = _measure(options)
        _tell("")
    except Failed as error:
        _tell("")
        print(error)
        return
    except KeyboardInterrupt:
        _tell("")
        print("stopped")
        return
    print(report.text(found, facts))
    if options.json is not None:
        try:
            options.json.write_bytes(orjson.dumps(report.data(found, facts), option=orjson.OPT_INDENT_2) + b"\n")
        except OSError as error:
            print(f"--json {options.json}: {error.strerror}")


if __name__ == "__main__":
    main()

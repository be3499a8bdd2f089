"""`python -m bench`: measures, prints tables, writes a report. Leaves with 0, for no figure passes or fails."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TextIO

import orjson

from bench import (
    cassettes,
    growth,
    idle,
    others,
    page,
    process,
    recording,
    replays,
    report,
    results,
    servers,
    speed,
    start,
    waits,
)
from bench.pace import TURNS, Pace
from bench.rows import Failed, Found

_PARTS = ("messages", "memory", "pings", "start", "recording", "replays", "cassettes", "growth", "waits")


_EXAMPLES = """\
  make bench                                    everything, into bench/results: 25 minutes
  make bench ARGS=--quick                       a first look
  make bench ARGS="--only replays"              one part, printed and not written
  make bench ARGS="--rows chip --rounds 9"      messages of chip, and what they are held against
  make bench ARGS="--quick --out /tmp/mine"     the report of a first look, elsewhere

Exit codes: 0 measured, whatever came out; 2 bad usage, or a file that can't be read or written; 3 nothing could be
measured; 130 stopped by Ctrl-C.
"""


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; ARGS=--help has examples\n")


def _options() -> argparse.Namespace:
    parser = Parser(
        "make bench",
        usage='make bench ARGS="[options]"',
        description="What the simulator costs, beside others.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, help="rounds of everything (5)")
    parser.add_argument("--seconds", type=float, help="seconds of a round of messages, all its windows together (0.6)")
    parser.add_argument("--connections", type=int, help="idle connections (10000)")
    parser.add_argument(
        "--quick", action="store_true", help="fewer rows, 3 rounds of 0.25 s, 1000 idle connections: a first look"
    )
    parser.add_argument("--only", choices=_PARTS, help="one of the parts; prints, and writes nothing")
    parser.add_argument(
        "--rows", default="", metavar="TEXT", help="messages alone, and of their rows those with this in the title"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all single figures there as well")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where data, report and charts go (bench/results; with --only and --rows nowhere)",
    )
    parser.add_argument("--render", action="store_true", help="measure nothing: the report anew, of the data in --out")
    options = parser.parse_args()
    quick = {"rounds": 3, "seconds": 0.25, "connections": 1_000}
    full = {"rounds": 5, "seconds": 0.6, "connections": 10_000}
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
        # Without their sizes: one line has to be enough.
        titles = "; ".join({path.title.partition(" (")[0]: None for race in speed.RACES for path in race})
        parser.error(f"--rows {options.rows}: no row has this in its title, there are: {titles}")
    if options.out is None and (options.render or options.only is None):
        options.out = results.FOLDER
    if not options.render:
        # Now, and not after the half hour whose figures would be lost.
        for name, why in (("--out", _unwritable(options.out)), ("--json", _unwritable_file(options.json))):
            if why:
                parser.error(f"{name} {getattr(options, name.strip('-'))}: {why}")
    return options


def _unwritable(folder: Path | None) -> str:
    """Why nothing can be written into a folder, which is made where it is not there; "" where it can."""
    if folder is None:
        return ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"nothing can be written there: {error.strerror}"
    return ""


def _unwritable_file(file: Path | None) -> str:
    if file is None:
        return ""
    return "it is a folder, name a file" if file.is_dir() else _unwritable(file.parent)


class Progress:
    """Where it is: a line that changes at a terminal, elsewhere one for each part, and one in a while within it."""

    EVERY = 30.0

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._began = clock()
        self._last = self._began
        self._changes = stream.isatty()

    def part(self, name: str, number: int, count: int) -> None:
        """Another one begins."""
        if not self._changes:
            self._line(f"part {number} of {count}, {name}")

    def tell(self, text: str) -> None:
        """What is measured now."""
        if self._changes:
            width = os.get_terminal_size(self._stream.fileno()).columns
            print(f"\r\x1b[K{text[: width - 1]}", end="", file=self._stream, flush=True)
        elif self._clock() - self._last >= self.EVERY:
            self._line(f"  {text}")

    def end(self) -> None:
        """Leave the line to others."""
        if self._changes:
            self.tell("")

    def _line(self, text: str) -> None:
        self._last = self._clock()
        minutes, seconds = divmod(int(self._last - self._began), 60)
        print(f"{minutes:2}:{seconds:02} {text}", file=self._stream, flush=True)


def _measure(options: argparse.Namespace, found: Found, progress: Progress) -> None:
    servers.check()
    pace = Pace(
        options.rounds,
        options.seconds,
        options.connections,
        progress.tell,
        options.quick,
        0.4 if options.quick else 1.0,
    )
    parts: dict[str, Callable[[], Found]] = {
        "messages": lambda: speed.measure(speed.races(options.rows, options.quick), pace),
        "memory": lambda: idle.measure(pace),
        "pings": lambda: idle.measure_pings(pace),
        "start": lambda: start.measure(pace),
        "recording": lambda: recording.measure(pace),
        "replays": lambda: replays.measure(pace),
        "cassettes": lambda: cassettes.measure(pace),
        "growth": lambda: growth.measure(pace),
        "waits": lambda: waits.measure(pace),
    }
    chosen = [name for name in parts if options.only in (None, name)]
    for number, name in enumerate(chosen, 1):
        progress.part(name, number, len(chosen))
        began = time.monotonic()
        try:
            one = parts[name]()
        except Failed as error:
            found.notes.append(f"{name}: {error}")
            continue
        found.took[name] = time.monotonic() - began
        found.rows += one.rows
        found.notes += [note for note in one.notes if note not in found.notes]


def _render(folder: Path) -> None:
    try:
        run = results.read(folder)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        _leave(2, f"{folder / results.DATA}: {why}: a run of the benchmark writes it")
    try:
        results.render(folder, run)
    except OSError as error:
        _leave(2, f"{error.filename}: {error.strerror}")
    except (KeyError, TypeError, AttributeError) as error:
        _leave(2, f"{folder / results.DATA}: part of it is missing or no figure, {error!r}: measure anew")


def _write(options: argparse.Namespace, found: Found, facts: dict[str, Any], minutes: float) -> None:
    told = {name: getattr(options, name) for name in ("rounds", "seconds", "connections", "quick")}
    told["turns"] = TURNS
    run = results.data(found, told, facts, minutes)
    try:
        if options.json is not None:
            options.json.write_bytes(orjson.dumps(run, option=orjson.OPT_INDENT_2) + b"\n")
        if options.out is not None:
            results.write(options.out, run)
            print(f"\n{os.path.relpath(options.out / 'report.md')}")
    except OSError as error:
        _leave(2, f"{error.filename}: {error.strerror}")


def _leave(code: int, why: str) -> NoReturn:
    print(why, file=sys.stderr)
    sys.exit(code)


def main() -> None:
    """Measure and print."""
    options = _options()
    if options.render:
        _render(options.out)
        return
    # Without it bare aiohttp starts from byte code, which its installation made, and we from source.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, process.stop)
    before, began, found = os.getloadavg()[0], time.monotonic(), Found()
    progress, watch = Progress(sys.stderr), others.Watch()
    try:
        _measure(options, found, progress)
    except Failed as error:
        progress.end()
        _leave(3, str(error))
    except KeyboardInterrupt:
        progress.end()
        _leave(130, "stopped, and nothing was written")
    finally:
        process.end_all()
    progress.end()
    if not found.rows:
        # The report of before stays: one without a figure would be none.
        _leave(3, "\n".join(["nothing could be measured:", *found.notes]))
    facts = results.machine(before, watch.facts())
    print(report.text(found))
    where = f"{facts['system']}, {facts['cores']} cores, Python {facts['versions']['Python']}"
    print(f"\n{where}; {page.told(facts, found.rows)}")
    _write(options, found, facts, (time.monotonic() - began) / 60)


if __name__ == "__main__":
    main()

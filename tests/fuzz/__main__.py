"""`make fuzz`: every target for its share of the time, and a table of what came of it.

Where atheris is installed, half of a target's time is led by what its inputs reach. Hypothesis has a third, and in the last
sixth what was found worth keeping is played over and over, to see whether memory grows. Corpus and findings stay in .fuzz/,
so that the next run goes on from there.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from tests.fuzz.targets import TARGETS

EXAMPLES = """\
  make fuzz                                      all targets, ten minutes
  make fuzz MINUTES=1 ARGS="chip sockets"        two of them
  make fuzz MINUTES=600 ARGS="--jobs 8"          a night on eight cores

Exit codes: 0 nothing was found; 1 something raised, hung or was left over, and .fuzz/ has it; 2 bad usage.
"""
FOLDER = Path(".fuzz")
_COVERED = re.compile(r"^#\d+\s+(INITED|NEW|REDUCE|DONE|pulse)\s.*?cov: (\d+)", re.MULTILINE)
GROWTH = 64 << 10
"""Bytes of Python's memory that 10,000 inputs may leave: less than 7 each, and no object is as small as that."""
_PATIENCE = 120
"""Seconds beyond its time after which a process is held to hang."""


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; ARGS=--help has examples\n")


def main() -> int:
    """0 where nothing was found."""
    parser = Parser(
        prog="make fuzz",
        usage='make fuzz MINUTES=10 ARGS="[--jobs N] [TARGET ...]"',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for all targets together (10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once (one for each core)")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"all, where none is named: {', '.join(TARGETS)}")
    told = parser.parse_args()
    names = told.targets or [*TARGETS]
    if strange := [name for name in names if name not in TARGETS]:
        parser.error(f"{strange[0]} is no target, there are: {', '.join(TARGETS)}")
    if not 0 < told.minutes < math.inf or told.jobs < 1:
        parser.error("--minutes and --jobs have to be more than 0")
    led = find_spec("atheris") is not None
    if not led:
        print("atheris is not installed here (it has wheels for CPython on Linux): hypothesis alone, led by nothing")
    share = max(2, int(told.minutes * 60 * told.jobs / len(names)))
    with ThreadPoolExecutor(told.jobs) as pool:
        rows = [*pool.map(lambda name: one(name, share, led), names)]
    print(table(rows))
    (FOLDER / "report.json").write_text(json.dumps(rows, indent=1))
    return 1 if any(row["kinds"] or row["hung"] or over(row) for row in rows) else 0


def over(row: dict[str, Any]) -> list[str]:
    """What a target left behind. Of the process's own size the corpus is a part, and it is only told."""
    left = [f"{count} {what}" for what, count in row["left"].items() if what != "KiB" and count > 0]
    return [*left, f"{_kib(row)} in 10,000 inputs"] if _grows(row) else left


def _grows(row: dict[str, Any]) -> bool:
    return bool(row["grown"]) and row["grown"]["judged"] and row["grown"]["bytes"] > GROWTH


def _kib(row: dict[str, Any]) -> str:
    return f"{row['grown']['bytes'] / 1024:,.0f} KiB" if row["grown"] and row["grown"]["judged"] else "?"


def one(name: str, seconds: int, led: bool) -> dict[str, Any]:
    """One target's row."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    row: dict[str, Any] = {
        "target": name,
        "tried": 0,
        "seconds": 0.0,
        "before": 0,
        "covered": 0,
        "kinds": {},
        "left": {},
        "grown": None,
    }
    row["hung"] = []
    again = max(1, seconds // 6)
    guided = seconds // 2 if led else 0
    shares = {"guided": guided, "unguided": max(1, seconds - guided - again), "steady": again}
    if not led:
        del shares["guided"]
    for kind, time in shares.items():
        said = _run(kind, name, folder, time, row)
        covered = [int(found[1]) for found in _COVERED.findall(said)]
        if covered:
            row["before"], row["covered"] = covered[0], max(covered)
    row["corpus"] = len([*(folder / "corpus").glob("*")]) if led else 0
    return row


def _run(kind: str, name: str, folder: Path, seconds: int, row: dict[str, Any]) -> str:
    log = folder / f"{kind}.log"
    figures = folder / f"{kind}.json"
    # Those of a run before are none of this one, which may not come to write any.
    figures.unlink(missing_ok=True)
    command = [sys.executable, "-m", f"tests.fuzz.{kind}", name, str(folder), str(seconds)]
    try:
        with log.open("wb") as out:
            done = subprocess.run(
                command, stdout=out, stderr=subprocess.STDOUT, timeout=seconds + _PATIENCE, check=False
            )
        if done.returncode:
            row["hung"].append(f"{kind} ended with {done.returncode}: {log}")
    except subprocess.TimeoutExpired:
        row["hung"].append(f"{kind} went on for ever: {log}")
    if figures.exists():
        found = json.loads(figures.read_bytes())
        if kind != "steady":
            # What comes again is no other input.
            row["tried"] += found["tried"]
            row["seconds"] += found["seconds"]
        for what, count in found["kinds"].items():
            row["kinds"][what] = row["kinds"].get(what, 0) + count
        for what, count in found["at last"].items():
            row["left"][what] = max(row["left"].get(what, 0), count - found["at first"].get(what, count))
        row["grown"] = found["grown"] or row["grown"]
    return log.read_text(errors="replace")


def table(rows: list[dict[str, Any]]) -> str:
    """For people."""
    heads = ("target", "inputs", "each s", "branches", "new", "corpus", "grows", "failures", "left over")
    lines = [heads]
    for row in rows:
        lines.append((
            row["target"], f"{row['tried']:,}", f"{row['tried'] / max(1.0, row['seconds']):,.0f}", f"{row['covered']:,}",
            f"+{row['covered'] - row['before']:,}", f"{row['corpus']:,}", _kib(row), str(len(row["kinds"]) + len(row["hung"])),
            ", ".join(over(row)) or f"nothing ({row['left'].get('KiB', 0) / 1024:+.0f} MiB)",
        ))  # fmt: skip
    total = sum(row["tried"] for row in rows)
    lines.append(
        (
            "together",
            f"{total:,}",
            "",
            "",
            "",
            "",
            "",
            str(sum(len(row["kinds"]) + len(row["hung"]) for row in rows)),
            "",
        )
    )
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    text = [
        "  ".join(
            cell.ljust(widths[i]) if i in (0, 8) else cell.rjust(widths[i]) for i, cell in enumerate(line)
        ).rstrip()
        for line in lines
    ]
    for row in rows:
        text += [
            f"\n{row['target']}: {what}, {count} times: .fuzz/{row['target']}/found-*.txt"
            for what, count in row["kinds"].items()
        ]
        text += [f"\n{row['target']}: {what}" for what in row["hung"]]
        if _grows(row):
            text.append(
                f"\n{row['target']}: keeps {_kib(row)} of 10,000 inputs, made at {', '.join(row['grown']['lines'])}"
            )
    return "\n".join(text)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.soak`: serves, lets clients come, and judges what is left of them. Leaves with 1 if anything is."""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.soak.crowd import FAULTY, STORY
from tests.soak.people import NAMES
from tests.soak.server import STORY as SCENARIO
from tests.soak.server import Soaked

EXAMPLES = """\
  make soak                                       ten minutes, 2,500 clients
  make soak MINUTES=1 ARGS="--clients 50"         a short one
  make soak MINUTES=60 ARGS="--seed 7"            an hour of other dice

Exit codes: 0 nothing was left over; 1 something was, or was amiss; 2 bad usage; 3 the server could not start.
"""
LEFT = 120.0
"""Seconds in which all has to be gone when everybody has left: the longest timer of the soak's settings is 62."""
LAST = 300.0
"""And so many for the last one to leave: a client waits for three minutes, as the machine may be busy."""
MARGIN, ALLOWANCE, SHORT = 0.15, 8 << 20, 32 << 20
"""Memory after the soak may be so much above that after the warm-up: a share, and bytes; and after a short one, whose
warm-up does not fill everything that is bounded."""
TREND = 1.5
"""MiB a minute that memory may grow while they chat; judged where there are three minutes to judge."""
FAULTS: tuple[dict[str, Any], ...] = (
    {"type": "latency", "attributes": {"latency": 200, "jitter": 100}, "toxicity": 0.5},
    {"type": "drop", "toxicity": 0.1},
    {"type": "drop", "toxicity": 0.1, "stream": "upstream"},
    {"type": "duplicate", "toxicity": 0.2, "attributes": {"copies": 1}},
    {"type": "reset_peer", "toxicity": 0.3, "attributes": {"timeout": 100}},
    {"type": "timeout", "toxicity": 0.3, "attributes": {"timeout": 500}},
    {"type": "close", "toxicity": 0.3, "attributes": {"code": 1012}},
    {"type": "refused_handshake", "toxicity": 0.3, "attributes": {"status": 503}},
    {"type": "malformed", "toxicity": 0.2, "attributes": {"form": "json"}},
    {"type": "slicer", "toxicity": 0.5, "attributes": {"average_size": 20, "size_variation": 10, "delay": 1000}},
    {"type": "bandwidth", "toxicity": 0.5, "attributes": {"rate": 2}},
    {"type": "slow_close", "attributes": {"delay": 300}},
    {"type": "starved_ping"},
    {"type": "limit_data", "toxicity": 0.3, "attributes": {"bytes": 2000}},
)


class Process:
    """One of clients."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.crowd", json.dumps(given)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.tally: dict[str, Any] = {}
        self.rested = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.tally = json.loads(line)
            if self.tally.pop("rested", False):
                self.rested.set()

    def say(self, word: str) -> None:
        assert self._process.stdin is not None
        self.rested.clear()
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def end(self) -> None:
        try:
            self.say("end")
            self._process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
        self._reader.join(5)


class Soak:
    """One run."""

    def __init__(self, server: Soaked, options: argparse.Namespace) -> None:
        self._server = server
        self._options = options
        self._dice = random.Random(options.seed)
        given = {"bases": server.bases, "urls": server.urls, "seed": options.seed, "pace": options.pace}
        share = options.clients // max(1, options.processes)
        self._crowds = [Process({**given, "number": n, "slots": share}) for n in range(options.processes)]
        self._began = time.monotonic()
        self.strikes: Counter[str] = Counter()
        self.injected = 0
        self.resets = 0
        self.most = 0.0
        self.memory: list[tuple[float, int]] = []
        self.amiss: list[str] = []
        self.before: dict[str, float] = {}
        self.cpu, self.log = 0.0, 0
        self.warm = 0
        self.after = 0

    # --- the run

    def run(self) -> None:
        server, options = self._server, self._options
        for space in (FAULTY, "wild"):
            server.admin("POST", "spaces", {"name": space})
        server.admin("POST", "spaces", {"name": STORY, "scenario": SCENARIO})
        server.metrics()
        self.before = self._left()
        # The whole weather once, so that what is loaded late is there.
        warm_up = min(60.0, options.seconds / 3)
        self._weather(warm_up, "warming up")
        self._rest("after the warm-up")
        self.warm = server.rss()
        self.memory.clear()
        self._weather(options.seconds - warm_up, "soaking")
        self._rest("at the end")
        self.after = server.rss()
        self._judge()

    def _weather(self, seconds: float, what: str) -> None:
        for crowd in self._crowds:
            crowd.say("go")
        until = time.monotonic() + seconds
        turn = 0
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 2.0))
            if not self._server.alive:
                raise SystemExit("the server has ended")
            turn += 1
            held = self._server.metrics().get("simulator_tcp_connections", 0.0)
            self.most = max(self.most, held)
            self.memory.append((time.monotonic(), self._server.rss()))
            if turn % 2 == 0:
                self._faults()
            if turn % 10 == 0:
                self._server.admin("POST", "reset?simulator_space=wild")
                self.resets += 1
            self._tell(what, held)
        self._faults(last=True)

    def _faults(self, last: bool = False) -> None:
        where = f"faults?simulator_space={FAULTY}"
        for fault in self._server.admin("GET", where)["faults"]:
            self.strikes[fault["type"]] += fault["struck"]
        self._server.admin("DELETE", where)
        if not last:
            some = self._dice.sample(FAULTS, 2)
            self._server.admin("POST", where, [{**fault, "name": f"f{n}"} for n, fault in enumerate(some)])
            self.injected += len(some)

    def _rest(self, when: str) -> None:
        for crowd in self._crowds:
            crowd.say("rest")
        for crowd in self._crowds:
            if not crowd.rested.wait(LAST):
                self.amiss.append(f"{when}: clients did not come to an end within {LAST:g} s")
        until = time.monotonic() + LEFT
        left: dict[str, float] = {}
        while time.monotonic() < until:
            left = {name: found for name, found in self._left().items() if found > self.before.get(name, 0.0)}
            if not left:
                # Garbage is none of a leak; a reset collects it, and the space of those who misbehave is to spare.
                self._server.admin("POST", "reset?simulator_space=wild")
                return
            self._tell("waiting for what is left", 0.0)
            time.sleep(1.0)
        self.amiss += [
            f"{when}: {name} is {found:g}, was {self.before.get(name, 0.0):g}" for name, found in left.items()
        ]

    def _left(self) -> dict[str, float]:
        """All that has to be gone when nobody is here."""
        metrics = self._server.metrics()
        names = ("tcp_connections", "connections", "sockets", "requests_waiting", "calls", "uploads", "timers", "tasks")
        found = dict.fromkeys(names, 0.0)
        for key, number in metrics.items():
            name = key.partition("{")[0].removeprefix("simulator_")
            if name in found:
                found[name] += number
        found["descriptors"] = float(self._server.files())
        return found

    # --- the verdict

    def tally(self) -> dict[str, Any]:
        """Of all processes."""
        total: dict[str, Any] = {}
        for crowd in self._crowds:
            for key, value in crowd.tally.items():
                if isinstance(value, dict):
                    total[key] = Counter(total.get(key, {})) + Counter(value)
                else:
                    total[key] = total[key] + value if key in total else value
        return total

    def _judge(self) -> None:
        server = self._server
        told = self.tally()
        self.amiss += told["wrong"]
        if told["wrongs"] > len(told["wrong"]):
            self.amiss.append(f"and {told['wrongs'] - len(told['wrong'])} more like these")
        if told["said"] != told["received"]:
            self.amiss.append(f"{told['said']} messages had to be answered, {told['received']} were")
        metrics = server.metrics()
        for backend in NAMES:
            for sender in ("client", "server"):
                theirs = metrics.get(f'simulator_frames_total{{backend="{backend}",sender="{sender}",space=""}}', 0.0)
                ours = told["frames"].get(f"{backend} {sender}", 0)
                if theirs != ours:
                    self.amiss.append(f"{backend}: frames of the {sender}: the server says {theirs:g}, clients {ours}")
        bound = int(self.warm * (1 + MARGIN)) + (ALLOWANCE if self._judges_trend else SHORT)
        if self.after > bound:
            self.amiss.append(f"memory: {_mib(self.after)} at the end, {_mib(self.warm)} after the warm-up")
        if self._judges_trend and self.trend > TREND:
            self.amiss.append(f"memory grows by {self.trend:.2f} MiB a minute, {TREND} are allowed")
        self.amiss += [f"the server's log: {line}" for line in server.errors()[:5]]
        never = [name for name in ("stay", "chat", "poll", "vanish", "half_open") if not told["done"].get(name)]
        self.amiss += [f"nobody came to {name}" for name in never]
        if told["done"].get("upload") and not told["uploads"].get("read back"):
            self.amiss.append("no upload could be read back")

    @property
    def _judges_trend(self) -> bool:
        return len(self.memory) > 1 and self.memory[-1][0] - self.memory[0][0] >= 180

    @property
    def trend(self) -> float:
        """MiB a minute, by least squares over the second two thirds: at first connections grow as well."""
        points = self.memory[len(self.memory) // 3 :]
        if len(points) < 3:
            return 0.0
        middle = sum(at for at, _ in points) / len(points)
        mean = sum(size for _, size in points) / len(points)
        spread = sum((at - middle) ** 2 for at, _ in points)
        return sum((at - middle) * (size - mean) for at, size in points) / spread * 60 / (1 << 20)

    @property
    def _slope(self) -> str:
        return f"{self.trend:+.2f} MiB a minute" if self._judges_trend else "too short for a trend"

    def finish(self) -> int:
        """Ends everything; the exit code."""
        for crowd in self._crowds:
            crowd.end()
        if self._server.alive:
            self.cpu, self.log = self._server.cpu(), self._server.lines()
            code = self._server.stop()
            if code:
                self.amiss.append(f"the server ended with exit code {code}")
            self.amiss += [f"the server left {name} behind" for name in self._server.litter()]
        print(f"\r\x1b[K{self.report()}" if sys.stderr.isatty() else self.report())
        return 1 if self.amiss else 0

    def report(self) -> str:
        """What came out."""
        told, seconds = self.tally(), time.monotonic() - self._began
        lines = [
            f"soak, seed {self._options.seed}, {seconds:.0f} s, {self._options.clients} clients in "
            f"{self._options.processes} processes",
            f"  connections    {sum(told['done'].values())} comings and goings, {self.most:g} held at most",
            f"  messages       {told['said']} that had to be answered, {told['received']} were; "
            f"{told['wild_said']} more of those who may not stay",
            f"  frames         {sum(told['frames'].values())} compared with what the server says",
            f"  ids            {told['ids']}, each once",
            f"  faults         {self.injected} injected, {sum(self.strikes.values())} strikes: {_counts(self.strikes)}",
            f"  resets         {self.resets}",
            f"  uploads        {_counts(told.get('uploads', Counter()))}",
            f"  ended          {_counts(told.get('ended', Counter()))}",
            f"  explained      {_counts(told.get('explained', Counter()))}",
            f"  behaviours     {_counts(told['done'])}",
            f"  memory         {_mib(self.warm)} after the warm-up, {_mib(self.after)} at the end "
            f"({_mib(max((size for _, size in self.memory), default=0))} at most); {self._slope}",
            f"  clients        {max(told.get('late', [0.0])):.1f} s late at worst",
            f"  server         {self.cpu:.0f} s of CPU, {self.log} lines of log",
            "  left over      " + ("nothing" if not self.amiss else ""),
        ]
        return "\n".join([*lines, *(f"    {one}" for one in self.amiss)])

    def _tell(self, what: str, held: float) -> None:
        if not sys.stderr.isatty():
            return
        told = self.tally()
        text = (
            f"{what}: {time.monotonic() - self._began:.0f} s, {held:g} connections, {sum(told.get('done', {}).values())} "
            f"came and went, {told.get('received', 0)} answers, {_mib(self._server.rss())}, {told.get('wrongs', 0)} amiss"
        )
        print(f"\r\x1b[K{text[:150]}", end="", file=sys.stderr, flush=True)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items(), key=lambda pair: -pair[1])) or "none"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.soak",
        usage='make soak MINUTES=10 ARGS="[options]"',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seconds", type=float, help="the same in seconds")
    parser.add_argument("--clients", type=int, help="how many come (2500, fewer for a short one)")
    parser.add_argument("--processes", type=int, default=2, help="of clients (2)")
    parser.add_argument("--pace", type=float, help="seconds between a client's comings (5, 1 for a short one)")
    parser.add_argument("--seed", type=int, default=1, help="of server and clients (1)")
    options = parser.parse_args()
    options.seconds = options.minutes * 60 if options.seconds is None else options.seconds
    short = options.seconds < 120
    options.clients = (200 if short else 2500) if options.clients is None else options.clients
    options.pace = (1.0 if short else 5.0) if options.pace is None else options.pace
    if not 0 < options.seconds < math.inf or not 0 < options.pace < math.inf:
        parser.error("--minutes, --seconds and --pace have to be more than 0")
    if options.clients < options.processes or options.processes < 1:
        parser.error("--clients and --processes have to be more than 0, and no process without a client")
    if not Path("/proc/self/statm").exists():
        print("the soak reads memory and descriptors of the server in /proc, which is not here: run it on Linux, or in the image", file=sys.stderr)  # fmt: skip
        return 3
    # What ends us ends the server, too: it would serve on for nobody.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Soaked(options.seed) as server:
        soak = Soak(server, options)
        try:
            soak.run()
        except (KeyboardInterrupt, OSError) as error:
            soak.amiss.append(f"the soak was not finished: {error!r}")
        return soak.finish()


if __name__ == "__main__":
    sys.exit(main())

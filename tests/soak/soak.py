"""One run: serve, let clients come, wait until all have left, and judge what is left of them."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections import Counter
from typing import Any

from tests.soak.crowd import FAULTY, GOOD, STORY, WILD
from tests.soak.pace import quantile
from tests.soak.people import NAMES
from tests.soak.process import Process
from tests.soak.server import STORY as SCENARIO
from tests.soak.server import Soaked, held_up
from tests.soak.waits import FULL, Waits

MARGIN, ALLOWANCE, SHORT = 0.15, 8 << 20, 32 << 20
"""Memory after the soak may be so much above that after the warm-up: a share, and bytes; and after a short one, whose
warm-up does not fill everything that is bounded."""
TREND = 1.0
"""MiB a minute by which what is held may grow while they chat; judged where there are three minutes to judge."""
WINDOW = 30.0
"""Seconds of which the least memory counts for it."""
ENOUGH = 60
"""So often as this one comes who does a thing, by chance, at any of five backends: then none may have been left out."""
MANY = 0.001
"""Clients who lost their session by their own process, of all: where there are more, the run shows nothing."""
PLAIN = 10.0
"""Seconds between two lines of progress where there is no terminal."""
PASSING = ("wild", FAULTY)
"""Spaces that begin anew now and then, with all who are there: nobody there may count on anything."""
ANYWHERE = ("chat", "stay", "vanish", "flood", "deaf", "half_open", "broken")
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


class Soak:
    """One run."""

    def __init__(self, server: Soaked, waits: Waits, options: argparse.Namespace) -> None:
        self._server = server
        self._waits = waits
        self._options = options
        self._dice = random.Random(options.seed)
        given = {"bases": server.bases, "urls": server.urls, "seed": options.seed, "think": options.think}
        given["waits"] = waits.told()
        share, more = divmod(options.clients, max(1, options.processes))
        self._crowds = [Process({**given, "number": n, "slots": share + (n < more)}) for n in range(options.processes)]
        self._began = time.monotonic()
        self.strikes: Counter[str] = Counter()
        self.injected = 0
        self.resets = 0
        self.most = 0.0
        self.healths: list[float] = []
        """Seconds that one waited for a health check, who does nothing else."""
        self.largest = 0
        """Bytes of all processes of clients."""
        self.held_up = [0.0, 0.0]
        self._said = time.monotonic()
        self.memory: list[tuple[float, int]] = []
        """Bytes that are resident, and when."""
        self.held: list[tuple[float, int]] = []
        """Bytes that are held in small pieces, and when (`within/sitecustomize.py`)."""
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
        # The whole weather once, so that what is loaded late is there,
        # and what is bounded is full: two thousand clients leave 8 MiB of chip's contacts in two minutes.
        warm_up = min(150.0, options.seconds / 3)
        self._weather(warm_up, "warming up", "fill" if options.seconds >= FULL else "go")
        # A short one has no time to wait for all deadlines twice; what is left of its warm-up is found at the end, too.
        self._rest("after the warm-up", gone=options.seconds >= FULL)
        self.warm = server.rss()
        self.memory.clear()
        self.held.clear()
        self._weather(options.seconds - warm_up, "soaking")
        self._rest("at the end")
        self.after = server.rss()
        self._judge()

    def _weather(self, seconds: float, what: str, word: str = "go") -> None:
        for crowd in self._crowds:
            crowd.say(word)
        until = time.monotonic() + seconds
        turn = 0
        while (left := until - time.monotonic()) > 0:
            for _ in range(4):
                time.sleep(min(left / 4, 0.5))
                self._look()
            turn += 1
            held = self._server.metrics().get("simulator_tcp_connections", 0.0)
            self.most = max(self.most, held)
            self.memory.append((time.monotonic(), self._server.rss()))
            self.held.append((time.monotonic(), self._server.held()))
            if turn % 10 == 0:
                self._faults(last=True)
                for space in PASSING:
                    self._server.admin("POST", f"reset?simulator_space={space}")
                    self.resets += 1
            if turn % 2 == 0:
                self._faults()
            self._tell(what, held)
        self._faults(last=True)

    def _look(self) -> None:
        if not self._server.alive:
            raise OSError("the server has ended")
        if not all(crowd.alive for crowd in self._crowds):
            raise OSError("a process of clients has ended")
        began = time.monotonic()
        self._server.admin("GET", "health")
        self.healths.append(time.monotonic() - began)
        self.largest = max(self.largest, sum(crowd.rss() for crowd in self._crowds))

    def _faults(self, last: bool = False) -> None:
        where = f"faults?simulator_space={FAULTY}"
        for fault in self._server.admin("GET", where)["faults"]:
            self.strikes[fault["type"]] += fault["struck"]
        self._server.admin("DELETE", where)
        if not last:
            some = self._dice.sample(FAULTS, 2)
            self._server.admin("POST", where, [{**fault, "name": f"f{n}"} for n, fault in enumerate(some)])
            self.injected += len(some)

    def _rest(self, when: str, gone: bool = True) -> None:
        for crowd in self._crowds:
            crowd.say("rest")
        last = time.monotonic() + self._waits.last
        for crowd in self._crowds:
            while not crowd.rested.wait(1.0):
                self._tell(f"{when}: waiting for {_counts(self.tally().get('here', Counter()))}", None)
                if time.monotonic() > last or not crowd.alive:
                    here = _counts(Counter(crowd.tally.get("here", {})))
                    self.amiss.append(f"{when}: clients are still there after {self._waits.last:g} s: {here}")
                    break
        if not gone:
            return
        until = time.monotonic() + self._waits.left
        left: dict[str, float] = {}
        while time.monotonic() < until:
            left = {name: found for name, found in self._left().items() if found > self.before.get(name, 0.0)}
            if not left:
                # Garbage is none of a leak; a reset collects it, and the space of those who misbehave is to spare.
                self._server.admin("POST", "reset?simulator_space=wild")
                return
            still = _counts(Counter({name: int(number) for name, number in left.items()}))
            self._tell(f"{when}: waiting until these are gone: {still}", None)
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
        if told["said"] != told["received"] + told["starved_said"]:
            self.amiss.append(f"{told['said']} messages had to be answered, {told['received']} were")
        if told["starved"] > MANY * sum(told["done"].values()):
            self.amiss.append(
                f"{told['starved']} clients lost their sessions because their own process was away from its loop: that is "
                "not the server's fault, but nothing is shown either; let fewer --clients come, or on a quieter machine"
            )
        self._frames(told)
        bound = int(self.warm * (1 + MARGIN)) + (ALLOWANCE if self._judges_trend else SHORT)
        if self.after > bound:
            self.amiss.append(f"memory: {_mib(self.after)} at the end, {_mib(self.warm)} after the warm-up")
        if self._judges_trend and self.trend > TREND:
            self.amiss.append(f"what is held grows by {self.trend:.2f} MiB a minute, {TREND} are allowed")
        self.amiss += [f"the server's log: {line}" for line in server.errors()[:5]]
        self._met(told)
        if told["done"].get("upload") and not told["uploads"].get("read back"):
            self.amiss.append("no upload could be read back")

    def _frames(self, told: dict[str, Any]) -> None:
        metrics = self._server.metrics()
        for backend in NAMES:
            for sender in ("client", "server"):
                key = f"{backend} {sender}"
                theirs = metrics.get(f'simulator_frames_total{{backend="{backend}",sender="{sender}",space=""}}', 0.0)
                ours, unsure = told["frames"].get(key, 0), told["unsure"].get(key, 0)
                # Not all that a starved client wrote was read, and not all that was written to it came.
                less, more = (unsure, 0) if sender == "client" else (0, unsure)
                if not ours - less <= theirs <= ours + more:
                    self.amiss.append(f"{backend}: frames of the {sender}: the server says {theirs:g}, clients {ours}")

    def _met(self, told: dict[str, Any]) -> None:
        """Whether everybody came who has to, and to every backend."""
        never: tuple[str, ...] = ("stay", "chat", "poll", "vanish", "half_open")
        if self._options.seconds >= FULL:
            never = tuple(behaviour.__name__ for behaviour in (*GOOD, *WILD))
        self.amiss += [f"nobody came to {name}" for name in never if not told["done"].get(name)]
        for name in ANYWHERE:
            if told["done"].get(name, 0) >= ENOUGH:
                places = [backend for backend in NAMES if not told["came"].get(f"{name} {backend}")]
                self.amiss += [f"{told['done'][name]} came to {name}, none of them at {place}" for place in places]

    @property
    def _judges_trend(self) -> bool:
        return len(self.held) > 1 and self.held[-1][0] - self.held[0][0] >= 180

    @property
    def trend(self) -> float:
        """MiB a minute, of the least of each half minute, as spaces begin anew now and then.

        By least squares over the second two thirds, as at first connections grow as well.
        """
        least: dict[int, tuple[float, int]] = {}
        looked = self.held[len(self.held) // 3 :]
        for at, size in looked:
            part = int((at - looked[0][0]) // WINDOW)
            least[part] = min(least.get(part, (at, size)), (at, size), key=lambda point: point[1])
        points = [*least.values()]
        if len(points) < 3:
            return 0.0
        middle = sum(at for at, _ in points) / len(points)
        mean = sum(size for _, size in points) / len(points)
        spread = sum((at - middle) ** 2 for at, _ in points)
        return sum((at - middle) * (size - mean) for at, size in points) / spread * 60 / (1 << 20)

    @property
    def _slope(self) -> str:
        now = _mib(self.held[-1][1]) if self.held else "nothing known"
        return (
            f"held {now}, {self.trend:+.2f} MiB a minute"
            if self._judges_trend
            else f"held {now}, too short for a trend"
        )

    def finish(self) -> int:
        """Ends everything; the exit code."""
        if self._server.alive:
            self.held_up = [held_up(self._server.pid), sum(crowd.held_up() for crowd in self._crowds)]
        for crowd in self._crowds:
            crowd.end(at_once=bool(self.amiss))
        if self._server.alive:
            self.cpu, self.log = self._server.cpu(), self._server.lines()
            code = self._server.stop()
            if code:
                self.amiss.append(f"the server ended with exit code {code}")
            self.amiss += [f"the server left {name} behind" for name in self._server.litter()]
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        print(self.report())
        return 1 if self.amiss else 0

    def report(self) -> str:
        """What came out."""
        told, seconds = self.tally(), time.monotonic() - self._began
        times = Counter({int(power): number for power, number in told.get("times", {}).items()})
        healths = sorted(self.healths) or [0.0]
        came = told.get("came", Counter())
        places = [
            (name, _counts(Counter({what.split()[0]: n for what, n in came.items() if what.endswith(f" {name}")})))
            for name in NAMES
        ]
        done, strikes = sum(told.get("done", {}).values()), sum(self.strikes.values())
        lines = [
            f"soak, seed {self._options.seed}, {seconds:.0f} s, {self._options.clients} clients in "
            f"{self._options.processes} processes",
            f"  connections    {done} comings and goings, {self.most:g} held at most",
            f"  messages       {told.get('said', 0)} that had to be answered, {told.get('received', 0)} were; "
            f"{told.get('wild_said', 0)} more of those who may not stay",
            f"  frames         {sum(told.get('frames', {}).values())} compared with what the server says",
            f"  ids            {told.get('ids', 0)}, each once",
            f"  faults         {self.injected} set, {strikes} strikes: {_counts(self.strikes)}",
            f"  resets         {self.resets}",
            f"  uploads        {_counts(told.get('uploads', Counter()))}",
            f"  ended          {_counts(told.get('ended', Counter()))}",
            f"  explained      {_counts(told.get('explained', Counter()))}",
            f"  behaviours     {_counts(told.get('done', Counter()))}",
            *(f"  at {name:12}{what}" for name, what in places),
            f"  memory         {_mib(self.warm)} after the warm-up, {_mib(self.after)} at the end "
            f"({_mib(max((size for _, size in self.memory), default=0))} at most); {self._slope}; "
            f"clients {_mib(self.largest)}",
            f"  answers        half within {quantile(times, 0.5):g} s, 99 % within {quantile(times, 0.99):g} s, "
            f"{max(told.get('slowest', [0.0])):.2f} s at worst",
            f"  server         {self.cpu:.0f} s of CPU, {self.log} lines of log; a health check took "
            f"{healths[len(healths) // 2] * 1000:.0f} ms by half, {healths[len(healths) * 99 // 100]:.2f} s by 99 %, "
            f"{healths[-1]:.2f} s at worst; the machine kept it waiting for {self.held_up[0]:.0f} s",
            f"  clients        loops {max(told.get('late', [0.0])):.1f} s late at worst, {told.get('lost', 0.0):.1f} s in "
            f"all; kept waiting by the machine for {self.held_up[1]:.0f} s; {told.get('at_once', 0)} at once, narrowed "
            f"{told.get('narrowed', 0)} times",
            f"  starved        {told.get('starved', 0)} clients by their own process, {told.get('starved_said', 0)} "
            "messages of theirs unanswered",
            "  left over      " + ("nothing" if not self.amiss else ""),
            *(f"    {one}" for one in self.amiss),
            f"soak {'red' if self.amiss else 'green'}: {done + told.get('said', 0) + told.get('wild_said', 0)} inputs, "
            f"{self.most:g} connections held at once, {strikes} faults injected, {len(self.amiss) or 'nothing'} left over",
        ]
        return "\n".join(lines)

    def _tell(self, what: str, held: float | None) -> None:
        """Over and over in one line on a terminal; elsewhere a line now and then."""
        terminal = sys.stderr.isatty()
        if not terminal and time.monotonic() - self._said < PLAIN:
            return
        self._said = time.monotonic()
        told = self.tally()
        text = f"{time.monotonic() - self._began:.0f} s, {what}: "
        if held is not None:
            text += f"{held:g} connections, "
        text += (
            f"{sum(told.get('done', {}).values())} came and went, {told.get('received', 0)} answers, "
            f"{_mib(self._server.rss())}, {told.get('wrongs', 0)} amiss"
        )
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items(), key=lambda pair: -pair[1])) or "none"

"""What the project wants to reach, and whether a run did. Pure: rows in, verdicts out, and missed is missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.rows import Row, ratio

Rows = Mapping[str, Row]
Figure = Callable[[Rows], float | None]

ALLOWED = 1.1
"""What does not grow may be a tenth more all the same: so much two medians of one thing differ."""


@dataclass(slots=True, frozen=True)
class Target:
    """One line of the table."""

    words: str
    sense: Literal[">=", "<="]
    aim: float
    figure: Figure
    unit: str = "x"
    fast: Figure | None = None
    """The same with the extra `uvloop`, where that is good enough, too."""


@dataclass(slots=True, frozen=True)
class Verdict:
    """How it came out."""

    target: Target
    measured: float | None
    fast: float | None

    @property
    def reached(self) -> str:
        """In words."""
        if self.measured is None and self.fast is None:
            return "not measured"
        if self.measured is not None and self._fine(self.measured):
            return "reached"
        return "reached with the extra uvloop" if self.fast is not None and self._fine(self.fast) else "MISSED"

    def _fine(self, value: float) -> bool:
        # As it is printed: nobody should read that 1.00 is less than 1.00.
        shown, aim = round(value, 2), self.target.aim
        return shown >= aim if self.target.sense == ">=" else shown <= aim


def _beside(own: str, base: str = "messages.bare") -> Figure:
    return lambda rows: ratio(rows, own, base, "base/own")


def _over(own: str, base: str) -> Figure:
    return lambda rows: ratio(rows, own, base, "own/base")


def _median(key: str) -> Figure:
    return lambda rows: rows[key].middle if key in rows else None


def _least(key: str) -> Figure:
    return lambda rows: min(rows[key].figures) if key in rows else None


def _grown(kind: str) -> Figure:
    """By how much 500 connections cost more than 50, beside by how much they do for bare aiohttp."""

    def figure(rows: Rows) -> float | None:
        own = ratio(rows, f"growth.connections.{kind}.500", f"growth.connections.{kind}.50", "own/base")
        bare = ratio(rows, "growth.connections.bare.500", "growth.connections.bare.50", "own/base")
        return own / bare if own is not None and bare is not None else None

    return figure


def _socketio(*kinds: tuple[str, str]) -> list[Target]:
    found = []
    for way, aim in (("websocket", 1.5), ("polling", 1.0)):
        for kind, title in kinds:
            for count in (50, 500):
                tail = f"{way}.{count}"
                base = f"socketio.{kind}.node.{tail}"
                found.append(
                    Target(
                        f"{title} over {way}, {count} connections, beside Node's socket.io", ">=", aim,
                        _beside(f"socketio.{kind}.ours.{tail}", base),
                        fast=_beside(f"socketio.{kind}.uvloop.{tail}", base),
                    )
                )  # fmt: skip
    return found


TARGETS: tuple[Target, ...] = (
    Target("chip's whole way beside a bare aiohttp echo, stock loop", ">=", 1.0, _beside("messages.chip")),
    Target("chip's whole way on uvloop, beside aiohttp on the stock loop", ">=", 1.2, _beside("messages.chip.uvloop")),
    Target("concierge's ping route beside a bare aiohttp echo, stock loop", ">=", 0.8, _beside("messages.concierge")),
    Target(
        "concierge's ping route on uvloop, beside aiohttp on the stock loop", ">=", 1.0,
        _beside("messages.concierge.uvloop"),
    ),
    Target("aida's put_data beside a bare aiohttp echo, stock loop", ">=", 0.8, _beside("messages.aida")),
    Target("aida's put_data on uvloop, beside aiohttp on the stock loop", ">=", 1.0, _beside("messages.aida.uvloop")),
    *(
        Target(
            f"{name} beside Mockoon's {kind} answer", ">=", aim,
            _beside(f"messages.{name}", f"messages.mockoon.{kind}"),
        )
        for kind, aim in (("static", 3.0), ("templated", 25.0))
        for name in ("chip", "concierge", "aida")
    ),
    *_socketio(("echo", "Socket.IO echo")),
    Target("memory of an idle client, chip", "<=", 6.0, _median("memory.chip"), "KiB"),
    Target("memory of an idle client with a chat, chip", "<=", 6.0, _median("memory.chip.chat"), "KiB"),
    Target("memory of an idle client, Socket.IO", "<=", 10.0, _median("memory.socketio"), "KiB"),
    Target("memory of an idle client, mia in a room", "<=", 10.0, _median("memory.mia"), "KiB"),
    Target("10,000 clients of chip with a ping each in 25 s", "<=", 2.0, _median("pings.chip"), "% of a core"),
    Target("10,000 clients of Socket.IO with a ping each in 25 s", "<=", 2.0, _median("pings.socketio"), "% of a core"),
    Target("taking in a client of chip, beside bare aiohttp", ">=", 1.5, _beside("accept.chip", "accept.bare")),
    Target("start of chip over bare click + aiohttp", "<=", 1.7, _over("start.chip", "start.bare")),
    Target("1,000 replays: frames late, p99", "<=", 2.5, _median("replays.late.1000.p99"), "ms"),
    Target("1,000 replays: the earliest frame of all rounds", ">=", 0.0, _least("replays.late.1000.least"), "ms"),
    *(
        Target(f"{kind}: 500 connections over 50, beside the same of bare aiohttp", "<=", ALLOWED, _grown(kind))
        for kind in ("chip", "concierge", "aida", "socketio")
    ),
    Target(
        "chip beside a chat of 100,000 messages, over one of 10", "<=", ALLOWED,
        _over("growth.history.chat.100000", "growth.history.chat.10"),
    ),
    Target(
        "chip's get_history in a chat of 100,000 messages, over one of 1,000", "<=", ALLOWED,
        _over("growth.history.old.history.100000", "growth.history.old.history.1000"),
    ),
)  # fmt: skip

OWN: tuple[Target, ...] = (*_socketio(("mia", "mia, a person's message"), ("chatbot", "chatbot, send-message")),)
"""What nobody was promised: whole backends, which validate and keep, beside a Node that keeps a list."""

EARLIER: tuple[Target, ...] = (
    Target("chip's get_history of an empty chat beside a bare echo", ">=", 0.85, _beside("messages.chip.history")),
    Target("recording, echo: rate beside mitmdump alone", ">=", 0.9, _beside("recording.echo", "recording.echo.plain")),
    Target(
        "recording, bursts: rate beside mitmdump alone", ">=", 0.7, _beside("recording.burst", "recording.burst.plain")
    ),
    Target(
        "recording, Socket.IO: rate beside mitmdump alone", ">=", 0.9,
        _beside("recording.socketio", "recording.socketio.plain"),
    ),
    Target("200 replays of two minutes: drift, median", "<=", 1.0, _median("replays.drift"), "ms"),
    Target("a tape of 2,000 frames is ready, CPU beside serve", "<=", 0.3, _median("replays.ready.2000"), "s"),
    Target("a tape of 100,000 frames is ready, CPU beside serve", "<=", 6.0, _median("replays.ready.100000"), "s"),
    Target("a tape of 100,000 frames, memory", "<=", 150.0, _median("replays.room.100000"), "MiB"),
    Target("messages/wait, from frame to answer, p50", "<=", 2.0, _median("waits.p50"), "ms"),
    Target("messages/wait, from frame to answer, p99", "<=", 10.0, _median("waits.p99"), "ms"),
    Target("messages/wait, p50 over that of an answer", "<=", 4.0, _over("waits.p50", "waits.answer")),
    Target("events, from frame to event, p50", "<=", 2.0, _median("waits.stream"), "ms"),
    Target(
        "memory to stream 100,000 frames of a cassette, over 1,000", "<=", ALLOWED,
        _over("cassettes.read.memory.100000", "cassettes.read.memory.1000"),
    ),
)  # fmt: skip


def judge(rows: Rows, targets: tuple[Target, ...] = TARGETS) -> list[Verdict]:
    """A verdict for each target, whatever was measured."""
    return [Verdict(target, target.figure(rows), target.fast(rows) if target.fast else None) for target in targets]


def measured(verdicts: list[Verdict]) -> list[Verdict]:
    """Those that a run of some parts can speak about."""
    return [verdict for verdict in verdicts if verdict.measured is not None or verdict.fast is not None]


def dump(verdict: Verdict) -> dict[str, Any]:
    """For JSON."""
    target = {key: getattr(verdict.target, key) for key in ("words", "sense", "aim", "unit")}
    return {**target, "measured": verdict.measured, "with_uvloop": verdict.fast, "reached": verdict.reached}


def summary(verdicts: list[Verdict]) -> str:
    """One line."""
    counts = {
        word: sum(verdict.reached.startswith(word) for verdict in verdicts) for word in ("reached", "MISSED", "not")
    }
    told = f"{counts['reached']} of {len(verdicts)} reached, {counts['MISSED']} missed"
    return f"{told}, {counts['not']} not measured" if counts["not"] else told

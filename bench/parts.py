"""The parts of a report: what each is about, in which order, and what a chart of it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from bench.recording import CONNECTIONS as RECORDED
from bench.rows import Row
from bench.speed import CONNECTIONS
from bench.talks import SIZE
from bench.waits import SAMPLES

_PEERS = {"bare", "raw", "ws", "mockoon", "node", "python", "plain", "pydantic"}


def ours(row: Row) -> bool:
    """Whether it is the simulator's, and not somebody else's."""
    return not _PEERS & set(row.key.split("."))


@dataclass(slots=True, frozen=True)
class Chart:
    """One picture of a part."""

    name: str
    """Of its file, without the end."""
    title: str
    shows: Literal["ratio", "figure"]
    unit: str
    """In words, for the axis."""
    chosen: Callable[[Row], bool] = lambda row: True


@dataclass(slots=True, frozen=True)
class Part:
    """One heading."""

    keys: tuple[str, ...]
    """The first words of its rows' keys."""
    title: str
    words: str
    charts: tuple[Chart, ...]

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """Those of the rows that are of this part, and have figures."""
        return [row for row in rows if row.part in self.keys and row.figures]


def _ends(tail: str) -> Callable[[Row], bool]:
    return lambda row: row.key.endswith(tail)


_MORE = "more is better; the line is 1.0"
_LESS = "less is better; the line is 1.0"

PARTS = (
    Part(
        ("messages",),
        "CPU per message",
        f"CPU of the server for a message, {CONNECTIONS} connections, texts of {SIZE} bytes. **A message is one frame "
        "in or out of the server**: an echo is two, a question with its answer two, and `send_msg`, `chat_out` and "
        "`ack_chat` are three. The backends journal and validate, as they do by default; chip's outbox releases at 0 "
        "seconds and its bot answers at once. Each ratio is the CPU of *bare aiohttp, echo* (no JSON, stock loop), "
        "right before and after, over the row's. Rows with uvloop are held against the stock loop, too: what uvloop "
        "does for bare aiohttp itself has a row of its own.",
        (Chart("messages", "CPU per message: times as quick as a bare aiohttp echo", "ratio", _MORE),),
    ),
    Part(
        ("socketio",),
        "Socket.IO beside Node's socket.io",
        "CPU of the server for a message, which is one event in or out, with the same events on Node's socket.io 4.8 "
        "with its defaults. The echo is the wire of mia and chatbot with rules that do what Node's handler does; mia "
        "and chatbot are the backends themselves, and Node's side of these keeps its last thousand messages of a "
        "room, and no more than that. Over polling each echo is a POST and a GET.",
        tuple(
            Chart(
                f"socketio-{way}-{count}",
                f"Socket.IO over {way}, {count} connections: times as quick as Node",
                "ratio",
                _MORE,
                _ends(f"{way}.{count}"),
            )
            for way in ("websocket", "polling")
            for count in (50, 500)
        ),
    ),
    Part(
        ("memory", "accept"),
        "Idle clients",
        "Growth of the server's resident memory for a client that says nothing, and the CPU of the server that taking "
        "it in costs, from the connection to what a client hears first (for Socket.IO its namespace). Ratios are to "
        "bare aiohttp with its defaults.",
        (
            Chart(
                "memory", "Memory of an idle client", "figure", "KiB; less is better", lambda row: row.part == "memory"
            ),
            Chart(
                "accept", "Taking a client in: times as quick as bare aiohttp", "ratio", _MORE,
                lambda row: row.part == "accept",
            ),
        ),
    ),
    Part(
        ("pings",),
        "Pings",
        "The share of a core that pinging 10,000 idle clients every 25 seconds takes: CPU for the pings that were "
        "answered in a window, brought to 400 a second. bare aiohttp has its `heartbeat`, npm ws the interval of its "
        "README.",
        (Chart("pings", "10,000 clients, a ping each in 25 s", "figure", "% of a core; less is better"),),
    ),
    Part(
        ("start",),
        "Start",
        "From the start of the process to its first accepted connection, in CPU and on the clock.",
        (
            Chart(
                "start", "CPU until the first connection, over bare click + aiohttp", "ratio", _LESS,
                lambda row: ".wall." not in row.key,
            ),
        ),
    ),
    Part(
        ("replays",),
        "Replay",
        "By how much frames leave behind their instant on the tape; what a burst costs per frame beside npm ws that "
        "sends as many; how soon a long tape is ready. Lateness tells what the machine was doing as well.",
        (
            Chart(
                "replays", "Frames of replays: how late they leave", "figure", "milliseconds; less is better",
                lambda row: row.key.startswith("replays.late.") and not row.key.endswith("least"),
            ),
        ),
    ),
    Part(
        ("recording",),
        "Recording",
        f"CPU of mitmdump for a frame, {RECORDED} connections (one for bursts), secrets replaced. The ratio is the "
        "CPU of a mitmdump without the addon over that of one with it, in the same round.",
        (Chart("recording", "mitmdump with the addon, beside mitmdump alone", "ratio", _MORE),),
    ),
    Part(
        ("cassettes",),
        "Cassettes",
        "CPU for a frame of 150 bytes that is written into a cassette or streamed out of it, secrets left as they "
        "are, and the most memory that the process had. Ratios are to 10,000 frames.",
        (
            Chart(
                "cassettes", "A cassette's frame, by the number of frames", "figure",
                "microseconds of CPU; less is better",
                lambda row: ".memory." not in row.key,
            ),
        ),
    ),
    Part(
        ("growth",),
        "Growth",
        "CPU for a message where there is more of something: connections, messages of history, spaces. A ratio of 1.0 "
        "is no growth, less than 1.0 is some. One connection alone tells how fast a machine wakes up; many at once "
        "cost any server something, and bare aiohttp shows how much.",
        (
            Chart(
                "growth", "CPU for a message: times as quick as where there is less", "ratio",
                "the line is 1.0: no growth",
            ),
        ),
    ),
    Part(
        ("waits",),
        "Waiting by control call",
        f"How soon who waits by control call is told, with {SAMPLES} samples a round and a journal that is full.",
        (Chart("waits", "From a client's frame to who waits for it", "figure", "milliseconds; less is better"),),
    ),
)  # fmt: skip

"""What is counted."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from simulator import backends
from simulator.cassette import stats
from simulator.cassette.entries import Cut, Entry, Exchange, Lost, Refused, TapedRequest, TapedResponse
from simulator.cassette.stats import OTHERS, Tally
from simulator.cassette.tape import Tape
from tests.cassette import tapes
from tests.cassette.tapes import said, tape, written


def count(entries: list[Entry], backend: str | None = None) -> stats.Stats:
    return stats.count(tape(*entries), None if backend is None else backends.load(backend))


def test_a_talk_with_chip() -> None:
    found = count(tapes.chip(), "chip")
    assert (found.entries, found.seconds, found.connections, found.closed, found.open) == (7, 9.0, 1, 1, 0)
    assert found.ways == {("client", "websocket"): Tally(3, 89, 34), ("server", "websocket"): Tally(2, 180, 120)}
    assert {key: tally.frames for key, tally in found.names.items()} == {
        ("client", "start_chat"): 1,
        ("server", "chat_started"): 1,
        ("client", "send_msg"): 1,
        ("server", "chat_out"): 1,
        ("client", "ack_chat"): 1,
    }
    assert sum(tally.bytes for tally in found.ways.values()) == sum(tally.bytes for tally in found.names.values())
    assert [(gap.seconds, gap.start) for gap in found.gaps] == [
        (6.4, 2.6),
        (1.5, 1.0),
        (0.8, 0.2),
        (0.1, 2.5),
        (0.1, 0.1),
    ]
    assert [big.name for big in found.biggest] == ["chat_out", "chat_started", "ack_chat", "send_msg", "start_chat"]
    assert found.codes == {"1000": 1}


def test_a_socketio_session() -> None:
    found = count(tapes.socketio(), "mia")
    assert (found.upgrades, found.closed, found.open) == (1, 1, 0)
    assert {key: tally.frames for key, tally in found.ways.items()} == {
        ("server", "polling"): 4,
        ("client", "polling"): 2,
        ("client", "websocket"): 5,
        ("server", "websocket"): 6,
    }
    assert found.names["server", "(ping)"].frames == 1
    assert found.names["server", "(attachment)"].frames == 1
    assert found.names["server", "ack of save"].frames == 1


def test_everything_else() -> None:
    entries: list[Entry] = [
        tapes.opened(conn=1),
        tapes.opened(conn=2),
        tapes.opened(conn=6),
        said("client", "nonsense", redacted=True),
        Refused(1.0, 3, "/", (), TapedResponse(403)),
        Exchange(1.0, 4, 0.1, TapedRequest("GET", "/"), TapedResponse(200), redacted=True),
        Exchange(1.0, 5, 0.1, TapedRequest("GET", "/"), None),
        Lost(2.0, 1, 7, "disk full"),
        tapes.closed(3.0, 1, None),
        tapes.closed(3.0, 1, 1006),
        Cut(4.0, 2, "over"),
        Cut(4.0, None, "over"),
    ]
    found = count(entries, "chip")
    assert (found.connections, found.closed, found.open, found.refused) == (3, 1, 2, 1)
    assert (found.exchanges, found.statuses) == (2, {"200": 1, "no answer": 1})
    assert (found.redacted, found.lost, found.unreadable) == (2, 7, 1)
    assert found.codes == {"without a code": 1, "1006": 1}
    assert found.names == {("client", "(unreadable)"): Tally(1, 8, 8)}


def test_a_torn_tape() -> None:
    whole = written(*tapes.chip(), backend="chip")
    found = stats.count(Tape(whole[:-10].splitlines(keepends=True), "x.yaml"), backends.load("chip"))
    assert (found.entries, found.open) == (6, 1)
    assert found.torn is not None
    assert any(line.startswith("torn         line ") for line in stats.text(found))


def test_a_long_poll_counts_once() -> None:
    body = '{"messages":[["1",null,"t","a",{}],["1",null,"t","b",{}]],"status":200,"token":"t"}'
    found = count([said("server", body, via="longpoll")], "aida")
    assert [*found.names] == [("server", "a, b")]


def test_names_are_bounded() -> None:
    found = count([said("client", f'{{"type":"n{number}"}}') for number in range(1500)])
    assert len(found.names) == 1001
    assert found.names["client", OTHERS].frames == 500


def test_text() -> None:
    lines = stats.text(count(tapes.chip(), "chip"))
    assert lines[:5] == [
        "connections  1 (1 closed, 0 open at the end; 0 upgrades, 0 refused)",
        "http         0 exchanges",
        "entries      7 in 9.000 s",
        "closes       1 1000",
        "redactions   0 entries",
    ]
    assert "  6.400 s from 2.600, to line 31" in lines
    [head] = [line for line in lines if line.startswith("NAME")]
    assert head.split() == ["NAME", "FRAMES", "BYTES", "BIGGEST"]
    assert ["<", "chat_out", "1", "120", "120"] in [line.split() for line in lines]


def test_text_of_little_and_of_much() -> None:
    assert len(stats.text(count([]))) == 7
    entries: list[Entry] = [
        Lost(0.0, None, 2, "x"),
        said("client", "nonsense", 0.0),
        Exchange(0.0, 5, 0.1, TapedRequest("GET", "/"), TapedResponse(200)),
    ]
    lines = stats.text(count(entries, "chip"))
    assert "lost         2 records, which the recorder could not write" in lines
    assert "unreadable   1 frame" in lines
    assert "http         1 exchange (1 200)" in lines


def test_json() -> None:
    told = json.loads(json.dumps(stats.as_json(count(tapes.chip(), "chip"))))
    assert told["connections"] == 1
    assert told["ways"][0] == {
        "sender": "client", "via": "websocket", "frames": 3,
        "bytes": told["ways"][0]["bytes"], "biggest": told["ways"][0]["biggest"],
    }  # fmt: skip
    assert told["gaps"][0]["seconds"] == 6.4
    assert told["torn"] is None


@pytest.mark.parametrize("backend", ["chip", "mia"])
def test_a_long_tape_takes_no_memory(backend: str) -> None:
    lines = [tapes.opened()] if backend == "chip" else [tapes.opened(tapes.POLLING)]
    text = '{"type":"send_msg","text":"hello"}' if backend == "chip" else '42["hello",{"text":"hello"}]'
    one = b"".join(written(said("client", text)).splitlines(keepends=True)[5:])
    head = written(*lines, backend=backend)

    def source(count: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield from head.splitlines(keepends=True)
        for _ in range(count):
            yield from one.splitlines(keepends=True)

    chosen = backends.load(backend)
    stats.count(Tape(source(10), "x"), chosen)
    tracemalloc.start()
    found = stats.count(Tape(source(5000), "x"), chosen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.entries == 5001
    assert peak < 300_000


def test_the_longest_silences_and_the_biggest_frames() -> None:
    waits = [9, 2, 8, 3, 7, 4, 6, 5, 1]
    entries = [said("client", "x" * wait, sum(waits[: number + 1])) for number, wait in enumerate(waits)]
    found = count([*entries])
    assert [gap.seconds for gap in found.gaps] == [9, 8, 7, 6, 5]
    assert [big.bytes for big in found.biggest] == [9, 8, 7, 6, 5]

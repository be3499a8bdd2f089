"""What clients say that is not on the tape: how it is told, and what they get."""

from __future__ import annotations

import pytest

from simulator.cassette.entries import Cut, Entry
from simulator.cassette.match import Mode
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said


@pytest.mark.parametrize("match", [*Mode])
@pytest.mark.parametrize("on_miss", ["error", "ignore", "close"])
def test_one_more_than_on_the_tape(match: Mode, on_miss: str) -> None:
    tape: list[Entry] = [opened(), said("client", '{"type":"ack_chat","msg_id":5}'), Cut(2.0, 1, "the disk was full")]
    replay = Replay(tapes.tape(*tape, backend="chip"), match=match, on_miss=on_miss)
    client = replay.connect()
    client.send('{"type":"ack_chat","msg_id":5}')
    client.send('{"type":"ack_chat","msg_id":5}')
    told = [(level, text) for level, text, _ in replay.logged if level != "debug"]
    often = "client 1: ack_chat is said more often than on the tape; nearest is talk.yaml:11"
    more = (
        "client 1: ack_chat is one more than on the tape; the client's last on the tape was talk.yaml:11, and its "
        "recording was cut off: the disk was full"
    )
    level = "info" if on_miss == "ignore" else "warning"
    assert told == [(level, often if match is Mode.LOOSE else more)]
    assert [str(item) for item in client.got] == (
        ["Shut(link=1, code=1011, reason='not on the tape')"] if on_miss == "close" else []
    )
    assert (replay.coverage.missed, replay.coverage.ignored) == ((0, 1) if on_miss == "ignore" else (1, 0))


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        ('{"type":"ack_chats"}', "ack_chats is not on the tape, perhaps ack_chat was meant"),
        ('{"type":"x"}', "x is not on the tape"),
        ("what?", 'a frame that is no message, "what?", is not on the tape'),
    ],
)
def test_what_comes_next_is_told_where_nothing_is_near(frame: str, told: str) -> None:
    tape: list[Entry] = [opened(), said("client", '{"type":"ack_chat","msg_id":5}')]
    replay = Replay(tapes.tape(*tape, backend="chip"))
    replay.connect().send(frame)
    assert replay.warnings() == [f"client 1: {told}; the client's next on the tape is talk.yaml:11, ack_chat"]

"""What clients say that is not on the tape: how it is told, and what they get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import Any, cast

import pytest

from simulator.cassette.coverage import Miss
from simulator.cassette.entries import Cut, Entry, Exchange, TapedRequest, TapedResponse
from simulator.cassette.match import TOO_DEEP, Comparison, Difference, Mode, shown
from simulator.cassette.playback import Playback
from simulator.core.message import Request
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said
from tests.cassette.test_stand_in import session, stranger


@contextmanager
def count(owner: Any, name: str) -> Iterator[list[int]]:
    """How often a method is called."""
    calls, method = [0], getattr(owner, name)

    def counted(*args: Any) -> Any:
        calls[0] += 1
        return method(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, counted)
        yield calls


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


def test_a_client_that_says_much_is_kept_and_told_in_short() -> None:
    """Names, values and lists of any length, a thousand times: what is kept and reported of them has bounds."""
    tape: list[Entry] = [opened(), said("client", '{"type":"send_msg","text":"a","more":[1]}')]
    replay = Replay(tapes.tape(*tape, backend="chip"))
    client = replay.connect()
    long = "x" * 100_000
    client.send(f'{{"type":"{long}"}}')
    client.send(f'{{"type":"send_msg","text":"{long}","more":["{long}"]}}')
    client.send(b"\x00" + long.encode())
    assert replay.coverage.missed == 3
    assert [len(miss.name) for miss in replay.coverage.misses] == [1003, 8, 0]
    assert all(len(text) < 3000 for text in replay.warnings())
    sizes = [len(made) for made in (replay.coverage.text(), str(replay.coverage.json()), replay.coverage.junit())]
    assert max(sizes) < 10_000, sizes


def test_many_connections_and_names_make_no_miss_slow() -> None:
    """What a message is held against has bounds, however many there are of each."""
    tape: list[Entry] = [opened()]
    tape += [said("client", f'{{"type":"send{i}"}}') for i in range(1000)]
    for conn in range(2, 800):
        tape += [opened(conn=conn), said("client", '{"type":"send_msg","text":"a"}', conn=conn)]
    replay = Replay(tapes.tape(*tape, backend="chip"))
    client = replay.connect()
    client.send('{"type":"send0"}')
    with count(Comparison, "args") as compared, count(SequenceMatcher, "set_seq1") as named:
        client.send('{"type":"send_msg","text":"b"}')
    assert replay.coverage.missed == 1
    assert compared[0] <= 500
    assert named[0] <= 301


def test_the_nearest_of_all_is_looked_for_no_further() -> None:
    tape: list[Entry] = []
    for conn in range(1, 100):
        tape += [opened(conn=conn), said("client", '{"type":"send_msg","text":"a"}', conn=conn)]
    replay = Replay(tapes.tape(*tape, backend="chip"))
    with count(Comparison, "args") as compared:
        replay.connect()
    assert compared[0] < 5


SOCKET = "/socket/websocket?vsn=2.0.0"
UNMATCHED = '"phx_reply",{"response":{"reason":"unmatched topic"},"status":"error"}]'


@pytest.mark.parametrize("on_miss", ["error", "ignore", "close"])
@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (
            '["1","2","bot:b","utb_msg",{"text":"hi"}]',
            "utb_msg is on a topic that nobody has joined, bot:b; nearest is",
        ),
        (
            '["1","2","room:b","phx_join",{}]',
            "phx_join is on a topic that nobody has joined, room:b; the client's next",
        ),
        (
            f'["1","2","bot:b","utb_msg",{{"text":{"[" * 1000}{"]" * 1000}}}]',
            "utb_msg has too many lists and objects in each other; the client's next",
        ),
    ],
    ids=["said", "joined", "deep"],
)
def test_what_leads_to_a_topic_that_was_not_joined(frame: str, told: str, on_miss: str) -> None:
    """The wire answers it, as the real server does; that the tape has it otherwise is told all the same."""
    replay = Replay(tapes.tape(*tapes.phoenix(), backend="aida"), on_miss=on_miss)
    client = replay.connect(path=SOCKET)
    client.send(frame)
    topic = frame.split(",")[2]
    assert [str(item) for item in client.got] == [
        f"Frame(data='[null,\"2\",{topic},{UNMATCHED}', via='websocket')",
        *(["Shut(link=1, code=1011, reason='not on the tape')"] if on_miss == "close" else []),
    ]
    level, text, _ = next(line for line in replay.logged if line[0] != "debug")
    assert level == ("info" if on_miss == "ignore" else "warning")
    assert text.startswith(f"client 1: {told} ")
    assert (replay.coverage.missed, replay.coverage.ignored) == ((0, 1) if on_miss == "ignore" else (1, 0))


@pytest.mark.parametrize("match", [*Mode])
def test_a_topic_that_was_not_joined_on_the_tape_either(match: Mode) -> None:
    tape: list[Entry] = [
        opened(SOCKET),
        said("client", '["1","1","bot:b","utb_msg",{"text":"hi"}]'),
        said("server", f'[null,"1","bot:b",{UNMATCHED}'),
        said("client", '["2","2","room:b","phx_join",{}]'),
        said("server", f'[null,"2","room:b",{UNMATCHED}'),
        said("client", '[null,"3","phoenix","x",{}]'),
        said("server", f'[null,"3","phoenix",{UNMATCHED}'),
        said("client", '["1","4","bot:b","phx_leave",{}]'),
        said("server", f'[null,"4","bot:b",{UNMATCHED}'),
    ]
    replay = Replay(tapes.tape(*tape, backend="aida"), match=match)
    client = replay.connect(path=SOCKET)
    for entry in tape[1::2]:
        client.send(entry.data)  # type: ignore[union-attr]
    assert len(client.got) == 4
    assert replay.warnings() == []
    assert replay.coverage.complete, replay.coverage.text()


def _nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("tape", "first", "frame", "more"),
    [
        (session(), "", '40{"token":%s}', 1),
        (session(said("server", '423["may I"]', 0.0), said("client", "433[1]", 0.5)), "40", "430[%s]", 0),
        (session(said("server", '423["may I"]', 0.0)), "40", "430[%s]", 0),
        (tapes.phoenix(), "", '["1","1","bot:b","phx_join",{"access_token":%s}]', 0),
    ],
    ids=["who comes in", "an answer", "an answer that is not on the tape", "who joins"],
)
def test_nothing_is_too_deep_to_be_told_of(tape: list[Entry], first: str, frame: str, more: int) -> None:
    """orjson reads a thousand levels; where the walk through them ends is a matter of who is under way in Python."""
    replay = stranger(*tape)
    for levels in range(850, 1024, 1 if more else 7):
        client = replay.connect("client", tape[0].path)  # type: ignore[union-attr]
        if first:
            client.send(first)
        client.send(frame % _nested(levels))
    assert replay.coverage.walks >= 24


def test_a_request_is_not_too_deep_to_be_told_of() -> None:
    asked = TapedRequest("POST", "/api", (("Content-Type", "application/json"),), '{"a":{"b":1}}')
    replay = stranger(*session(), Exchange(0.5, 7, 0.1, asked, TapedResponse(200, (), "{}")))
    for levels in range(850, 1024, 7):
        assert replay.request("POST", "/api", f'{{"a":{_nested(levels)}}}'.encode()).status == 404
    assert replay.coverage.missed == 25


def test_a_request_as_deep_as_the_tape_is_answered() -> None:
    deep = _nested(1000)
    asked = TapedRequest("POST", "/api", (("Content-Type", "application/json"),), deep)
    replay = stranger(*session(), Exchange(0.5, 7, 0.1, asked, TapedResponse(200, (), "found")))
    call = replay.ask("POST", "/api", deep.encode())
    replay.after(0.1)
    assert b"found" in replay.answered(call).body


def test_what_nobody_can_write_down() -> None:
    deep: Any = []
    for _ in range(200_000):
        deep = [deep]
    told = Miss(1, "x", "", "", differences=(Difference("a", 1, deep),)).short()
    assert (shown(deep), told.differences[0].got) == (TOO_DEEP, TOO_DEEP)
    replay = stranger(*session())
    rules = cast("Playback", replay.running.engine.rules)
    walk, strand = rules.walks.place(Request("GET", "/socket.io/", "EIO=4"), {"token": deep})
    assert (walk.number, strand) == (1, walk.plan.strands[0])

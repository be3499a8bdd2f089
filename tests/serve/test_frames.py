"""The parser and the encoder, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.frames import Frame as TheirFrame
from websockets.streams import StreamReader

from simulator.core.link import RFC_6455, Answer, LinkPolicy, Violation
from simulator.core.message import Frame, Ping, Pong
from simulator.serve import frames, masks
from simulator.serve.frames import Closing, Found, Item, Parser, encode, encode_close
from tests.serve.cases import BINARY, CLOSE, CUT_SHORT, HALLO, PING, PONG, ROWS, TEXT, Row, bye, client


def drain(parser: Parser) -> list[Found]:
    """All that the parser gives out now."""
    found = []
    while (item := parser.take()) is not None:
        found.append(item)
    return found


def tolerating(*violations: Violation, limit: int = 1 << 20) -> LinkPolicy:
    """The RFC's policy without some of its answers."""
    return LinkPolicy(limit=limit, answers={k: v for k, v in RFC_6455.items() if k not in violations})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_whole(row: Row) -> None:
    parser = Parser(row.policy)
    parser.push(row.sent)
    assert drain(parser) == [*row.items, *([row.end] if row.end else [])]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_taken_at_once_is_the_same(row: Row) -> None:
    found = Parser(row.policy).whole(row.sent)
    assert found is None or (found,) == row.items


@pytest.mark.parametrize("size", [0, 1, 125])
def test_a_pong_is_taken_at_once_where_it_may_come(size: int) -> None:
    pong = client(PONG, b"p" * size)
    assert Parser(LinkPolicy()).whole(pong) == Pong(b"p" * size)
    for sent in (pong[:-1], pong + b"x", client(PING, b"p" * size), b"\xca" + pong[1:], b"\x0a" + pong[1:]):
        assert Parser(LinkPolicy()).whole(sent) is None
    assert Parser(LinkPolicy(limit=size - 1)).whole(pong) is None
    waiting = Parser(LinkPolicy())
    waiting.push(client(TEXT, b"a", final=False))
    assert waiting.take() is None
    assert waiting.whole(pong) is None, "between two fragments it has its place behind the first"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_byte_by_byte(row: Row) -> None:
    parser = Parser(row.policy)
    found: list[Found] = []
    for at in range(len(row.sent)):
        parser.push(row.sent[at : at + 1])
        found += drain(parser)
    assert found == [*row.items, *([row.end] if row.end else [])]


def test_stops_between_two_frames() -> None:
    parser = Parser(LinkPolicy())
    parser.push(client(TEXT, b"a") + client(TEXT, b"b") + client(PING)[:3])
    assert parser.take() == Frame("a")
    parser.push(client(PING)[3:])
    assert drain(parser) == [Frame("b"), Ping()]


@pytest.mark.parametrize("after", [bye(1000), client(TEXT, b"\xff")], ids=["close", "failure"])
def test_nothing_after_the_end(after: bytes) -> None:
    parser = Parser(LinkPolicy())
    parser.push(after + client(TEXT, b"a"))
    assert len(drain(parser)) == 1
    parser.push(client(TEXT, b"b"))
    assert drain(parser) == []


def test_many_short_frames_are_not_copied_for_each() -> None:
    copied: list[int] = []

    class Counted(bytes):
        def __getitem__(self, key: Any) -> Any:
            found = super().__getitem__(key)
            copied.append(len(found) if isinstance(found, bytes) else 1)
            return found

    parser = Parser(LinkPolicy())
    parser.push(Counted(client(PING) * 1000))
    assert [parser.take() for _ in range(1001)] == [Ping(b"")] * 1000 + [None]
    assert max(copied) <= 4


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_break_with_nothing_behind_it_is_none(turns: int) -> None:
    """Else who asks again for what is left does so for ever."""
    parser = Parser(LinkPolicy())
    sent = client(TEXT, b"a", final=False) + client(0, b"a", final=False) * (turns * frames.FRAGMENTS - 1)
    parser.push(sent)
    breaks = 0
    while parser.take() is None and parser.more:
        breaks += 1
        assert breaks < turns
    assert breaks == turns - 1
    assert parser.more is False
    parser.push(client(0))
    assert drain(parser) == [Frame("a" * turns * frames.FRAGMENTS)]


def test_a_break_is_over_with_what_is_behind_it() -> None:
    parser = Parser(tolerating(Violation.OPCODE))
    parser.push(client(3) * frames.FRAGMENTS + client(TEXT, b"a"))
    assert parser.take() is None
    assert parser.more is True
    assert drain(parser) == [Frame("a")]
    assert parser.more is False


def test_first_two_bytes_are_enough() -> None:
    parser = Parser(LinkPolicy())
    parser.push(b"\xc1")
    assert parser.take() is None
    parser.push(b"\x85")
    assert parser.take() == Answer(1002)


@pytest.mark.parametrize(("wide", "header"), [(2, b"\x82\xfe\xff\xff"), (8, b"\x82\xff" + b"\x00\x00\x00\x01" * 2)])
def test_too_big_is_judged_before_the_payload(wide: int, header: bytes) -> None:
    parser = Parser(LinkPolicy(limit=1000))
    parser.push(header)
    assert parser.take() == Answer(1009)


def test_a_limit_for_frames_is_not_one_for_messages() -> None:
    for size, refused in ((100, False), (101, True), (150, True), (300, True)):
        whole, parser = Parser(LinkPolicy(frame_limit=100)), Parser(LinkPolicy(frame_limit=100))
        sent = client(TEXT, b"x" * size)
        assert (whole.whole(sent) is None) is refused
        parser.push(sent)
        assert (drain(parser) == [Answer(1009)]) is refused
    parser = Parser(LinkPolicy(limit=250, frame_limit=100))
    parser.push(client(TEXT, b"x" * 100, final=False) + client(0, b"x" * 100, final=False) + client(0, b"x" * 50))
    assert drain(parser) == [Frame("x" * 250)]
    parser.push(client(TEXT, b"x", final=False) + client(0, b"x" * 101))
    assert drain(parser) == [Answer(1009)]
    lax = Parser(LinkPolicy(frame_limit=1, answers={}))
    lax.push(client(TEXT, b"xx"))
    assert drain(lax) == [Frame("xx")]


@pytest.mark.parametrize(
    ("good", "bad"),
    [(b"\xce\xba", b"\xed\xa0"), (b"a", b"\xf4\x90"), (b"", b"\xc0"), (b"\xf0", b"\x80"), (b"a", b"\xff")],
)
def test_wrong_text_fails_inside_its_frame(good: bytes, bad: bytes) -> None:
    # Autobahn 6.4.3 and 6.4.4: the frame announces more than what has come.
    parser = Parser(LinkPolicy())
    frame = client(TEXT, good + bad + b"much more")
    parser.push(frame[: 6 + len(good)])
    assert parser.take() is None
    parser.push(frame[6 + len(good) : 6 + len(good) + len(bad)])
    assert parser.take() == Answer(1007)


@pytest.mark.parametrize("data", CUT_SHORT)
def test_half_a_character_may_wait(data: bytes) -> None:
    parser = Parser(LinkPolicy())
    parser.push(client(TEXT, data, final=False) + client(PING, b"\xff"))
    assert drain(parser) == [Ping(b"\xff")]


def test_without_utf8_every_byte_is_kept() -> None:
    parser = Parser(LinkPolicy(validate_utf8=False))
    data = bytes(range(256))
    parser.push(client(TEXT, data) + client(TEXT, data[:128], final=False) + client(0, data[128:]))
    first, second = drain(parser)
    assert isinstance(first, Frame)
    assert first == second
    assert encode(first) == b"\x81\x7e\x01\x00" + data


TOLERATED: list[tuple[Violation, bytes, list[Found]]] = [
    (Violation.RSV1, client(TEXT, b"a", rsv=4), [Frame("a")]),
    (Violation.RSV2, client(TEXT, b"a", rsv=2), [Frame("a")]),
    (Violation.RSV3, client(TEXT, b"a", rsv=1), [Frame("a")]),
    (Violation.LONG_CONTROL, client(PING, b"*" * 126), [Ping(b"*" * 126)]),
    (Violation.FRAGMENTED_CONTROL, client(PING, b"a", final=False), [Ping(b"a")]),
    (Violation.DATA_INSIDE_MESSAGE, client(TEXT, b"a", final=False) + client(TEXT, b"b"), [Frame("b")]),
    (Violation.LOOSE_CONTINUATION, client(0, b"a"), [Frame(b"a")]),
    (Violation.OPCODE, client(3, b"ignored") + client(TEXT, b"a"), [Frame("a")]),
    (Violation.UNMASKED, client(TEXT, b"a", mask=b"") + client(CLOSE, mask=b""), [Frame("a"), Closing(None)]),
    (Violation.LONG_LENGTH, client(TEXT, b"a", wide=8), [Frame("a")]),
    (Violation.NEGATIVE_LENGTH, b"\x81\xff\x80" + bytes(11), [Answer(1009)]),
    (Violation.TOO_BIG, client(BINARY, b"*" * 200), [Frame(b"*" * 200)]),
    (Violation.SHORT_CLOSE, client(CLOSE, b"a"), [Closing(None)]),
    (Violation.CLOSE_CODE, bye(1005), [Closing(1005)]),
    (Violation.CLOSE_UTF8, bye(1000, b"\xff"), [Closing(1000, "\udcff")]),
    (Violation.UTF8, client(TEXT, b"\xff"), [Frame("\udcff")]),
]


def test_each_violation_has_a_tolerated_row() -> None:
    assert [row[0] for row in TOLERATED] == list(Violation)


@pytest.mark.parametrize(("violation", "sent", "found"), TOLERATED, ids=lambda value: getattr(value, "name", ""))
def test_tolerated(violation: Violation, sent: bytes, found: list[Found]) -> None:
    strict, lax = Parser(LinkPolicy(limit=150)), Parser(tolerating(violation, limit=150))
    strict.push(sent)
    lax.push(sent)
    assert isinstance(drain(strict)[-1], Answer)
    assert drain(lax) == found


def test_reason_is_cut_at_a_whole_character() -> None:
    policy = LinkPolicy(answers={Violation.OPCODE: Answer(4000, "ä" * 80)})
    parser = Parser(policy)
    parser.push(client(3))
    assert parser.take() == Answer(4000, "ä" * 61)
    assert encode_close(4000, "ä" * 80) == b"\x88\x7c\x0f\xa0" + "ä".encode() * 61


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("kind", [str, bytes])
def test_encoded_frames_are_read_by_websockets(size: int, kind: type) -> None:
    data = HALLO.decode()[:1] * size if kind is str else b"\xff" * size
    assert _their_reading(Frame(data)) == (TEXT if kind is str else BINARY, data.encode() if kind is str else data)  # type: ignore[union-attr]


def test_encoded_pings_are_read_by_websockets() -> None:
    assert _their_reading(Ping(b"a")) == (9, b"a")
    assert _their_reading(Pong(b"")) == (10, b"")


def _their_reading(item: Item) -> tuple[int, bytes]:
    stream = StreamReader()
    stream.feed_data(encode(item))
    reading = TheirFrame.parse(stream.read_exact, mask=False)
    try:
        next(reading)
    except StopIteration as done:
        frame = done.value
        assert frame.fin
        assert not stream.buffer
        return int(frame.opcode), bytes(frame.data)
    raise AssertionError("the frame is not whole")


@pytest.mark.parametrize(
    "way", [masks.mask_by_integers, masks.mask_by_websockets(), masks.mask_by_aiohttp(), masks.unmask]
)
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 8, 9, 150, 4099])
def test_masks(way: masks.Masker | None, size: int) -> None:
    assert way is not None, "both libraries are there when these tests run"
    data = bytes(i % 251 for i in range(size))
    expected = bytes(byte ^ b"\x01\x80\xfe\x00"[i % 4] for i, byte in enumerate(data))
    masked = bytearray(data)
    way(b"\x01\x80\xfe\x00", masked)
    assert masked == expected

"""The parser against anything: all chunkings, all bytes, and the parser of `websockets`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from simulator.core.link import RFC_6455, Answer, LinkPolicy, Violation
from simulator.core.message import Frame, Ping, Pong
from simulator.serve.frames import Closing, Found, Item, Parser, encode
from tests.serve.cases import BINARY, PING, PONG, TEXT, bye, client
from tests.serve.test_frames import drain

LIMIT = 300
masks = st.one_of(st.just(bytes(4)), st.binary(min_size=4, max_size=4))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125))
chunkings = st.lists(st.integers(1, 40), max_size=30)


@dataclass(frozen=True)
class Sent:
    """A message as fragments, with control frames between them."""

    data: str | bytes
    cuts: list[int]
    between: list[tuple[int, bytes]]
    mask: bytes

    def frames(self) -> list[tuple[bytes, Item | None]]:
        """Each frame with the item that it completes."""
        data = self.data.encode() if isinstance(self.data, str) else self.data
        places = [0, *sorted(min(cut, len(data)) for cut in self.cuts), len(data)]
        frames: list[tuple[bytes, Item | None]] = []
        for i in range(len(places) - 1):
            opcode = (TEXT if isinstance(self.data, str) else BINARY) if i == 0 else 0
            last = i == len(places) - 2
            part = data[places[i] : places[i + 1]]
            frames.append((client(opcode, part, final=last, mask=self.mask), Frame(self.data) if last else None))
            if not last and i < len(self.between):
                control, payload = self.between[i]
                item = Ping(payload) if control == PING else Pong(payload)
                frames.append((client(control, payload, mask=self.mask), item))
        return frames


messages = st.builds(
    Sent,
    st.one_of(texts, st.binary(max_size=LIMIT)),
    st.lists(st.integers(0, LIMIT), max_size=4),
    st.lists(controls, max_size=4),
    masks,
)


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in pieces of these sizes, the rest as one."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def read(data: bytes, sizes: list[int], policy: LinkPolicy) -> list[Found]:
    """What a parser makes of it."""
    parser = Parser(policy)
    found = []
    for piece in chunks(data, sizes):
        parser.push(piece)
        found += drain(parser)
    return found


@settings(max_examples=150, deadline=None)
@given(st.lists(messages, max_size=6), chunkings, st.one_of(st.none(), st.sampled_from([1000, 3000, 4999])))
def test_valid_frames_in_any_chunks(sent: list[Sent], sizes: list[int], code: int | None) -> None:
    frames = [frame for message in sent for frame in message.frames()]
    data = b"".join(raw for raw, _ in frames) + bye(code)
    expected: list[Found] = [item for _, item in frames if item is not None]
    assert read(data, sizes, LinkPolicy(limit=LIMIT)) == [*expected, Closing(code)]


headers = st.tuples(st.sampled_from([0x01, 0x81, 0x02, 0x82, 0x00, 0x80, 0x89, 0x88]), st.integers(128, 255))
likely = st.lists(st.one_of(headers.map(bytes), st.binary(max_size=20)), max_size=20).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=400), likely),
    chunkings,
    st.booleans(),
    st.booleans(),
    st.sets(st.sampled_from(Violation)),
)
def test_any_bytes(data: bytes, sizes: list[int], strict: bool, join: bool, tolerated: set[Violation]) -> None:
    answers = {k: v for k, v in RFC_6455.items() if k not in tolerated or k is Violation.TOO_BIG}
    policy = LinkPolicy(limit=LIMIT, validate_utf8=strict, join=join, answers=answers)
    found = read(data, sizes, policy)
    assert found == read(data, [], policy)
    for item in found:
        if isinstance(item, Frame | Ping | Pong):
            raw = item.data if isinstance(item.data, bytes) else item.data.encode("utf-8", "surrogateescape")
            assert len(raw) <= LIMIT
    assert not any(isinstance(item, Closing | Answer) for item in found[:-1])


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.builds(Frame, st.one_of(texts, st.binary(max_size=400))), st.builds(Ping, st.binary(max_size=125))))
def test_encoding_is_undone_by_websockets(item: Item) -> None:
    stream = StreamReader()
    stream.feed_data(encode(item))
    reading = TheirFrame.parse(stream.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(reading)
    frame = done.value.value
    assert bytes(frame.data) == (item.data.encode() if isinstance(item.data, str) else item.data)
    assert frame.opcode == (PING if isinstance(item, Ping) else TEXT if isinstance(item.data, str) else BINARY)
    assert frame.fin
    assert not stream.buffer


# `websockets` does not look at the length's form, and leaves the text of messages to the layer above.
SHARED = LinkPolicy(
    limit=LIMIT,
    validate_utf8=False,
    answers={k: v for k, v in RFC_6455.items() if k not in (Violation.LONG_LENGTH, Violation.NEGATIVE_LENGTH)},
)
NO_CODES = replace(SHARED, answers={k: v for k, v in SHARED.answers.items() if k != Violation.CLOSE_CODE})
any_frames = st.builds(
    client,
    st.one_of(st.sampled_from([TEXT, BINARY, 0, PING, PONG, 8]), st.integers(0, 15)),
    st.one_of(st.binary(max_size=140), st.sampled_from([b"", b"a", b"\x03\xe8", b"\x03\xed", b"\x03\xe8\xff"])),
    final=st.sampled_from([True, True, False]),
    rsv=st.sampled_from([0] * 20 + [1, 2, 4]),
    mask=st.one_of(masks, masks, masks, masks, masks, masks, st.just(b"")),
)


def theirs(data: bytes, policy: LinkPolicy) -> tuple[list[Item], int | None, str | None]:
    """What `websockets` makes of it: whole items, the close code that it sends, and why it refuses, if it does."""
    protocol = ServerProtocol(state=State.OPEN, max_size=policy.limit)
    protocol.receive_data(data)
    items: list[Item] = []
    first = parts = None
    for event in protocol.events_received():
        assert isinstance(event, TheirFrame)
        payload = bytes(event.data)
        if event.opcode in (PING, PONG):
            items.append(Ping(payload) if event.opcode == PING else Pong(payload))
        elif event.opcode != 8:
            first, parts = (event.opcode, payload) if event.opcode else (first, (parts or b"") + payload)
            if event.fin:
                text = first == TEXT
                items.append(Frame(parts.decode("utf-8", "surrogateescape") if text else parts))
    sent = protocol.close_sent
    why = None if protocol.parser_exc is None else str(protocol.parser_exc)
    return items, None if sent is None or sent.code == 1005 else int(sent.code), why


def compare(data: bytes) -> None:
    """We and they agree on items, refusal and close code."""
    items, code, refusal = theirs(data, SHARED)
    found = read(data, [], SHARED)
    end = found.pop() if found and isinstance(found[-1], Closing | Answer) else None
    assert found == items
    if refusal == "incomplete fragmented message":
        # RFC 6455, 5.4 lets control frames come between fragments, so a close too (Autobahn 7.1.5); they do not.
        assert isinstance(end, Closing)
        return
    assert isinstance(end, Answer) == (refusal is not None)
    if code == 1007 and end == Answer(1002):
        # Of a close frame with a wrong code and a wrong reason they name the reason, we the code.
        end = read(data, [], NO_CODES)[-1]
        assert isinstance(end, Answer)
    assert code == (end.code if isinstance(end, Closing | Answer) else None)


@settings(max_examples=400, deadline=None)
@given(st.lists(any_frames, max_size=8).map(b"".join))
def test_websockets_agrees(data: bytes) -> None:
    compare(data)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=25_000, deadline=None)
@given(st.lists(any_frames, min_size=8, max_size=12).map(b"".join))
def test_websockets_agrees_on_200k_frames(data: bytes) -> None:
    compare(data)

"""Messages that can't be read, byte by byte."""

from __future__ import annotations

import pytest

from simulator.core.faults_bytes import whole
from simulator.core.message import Frame, Ping, Pong
from simulator.core.wire import Raw
from simulator.serve.frames import encode
from tests.faulty import HISTORY, chip, fault


@pytest.mark.parametrize(
    ("form", "came"),
    [
        ("json", '{"type":"history","history":[]'),
        ("envelope", "[]"),
        ("utf8", "8121" + b'{"type":"history","history":[]}'.hex() + "c328"),
        ("rsv", "a11f" + b'{"type":"history","history":[]}'.hex()),
        ("opcode", "831f" + b'{"type":"history","history":[]}'.hex()),
        ("mask", "819f00000000" + b'{"type":"history","history":[]}'.hex()),
        ("continuation", "801f" + b'{"type":"history","history":[]}'.hex()),
    ],
)
def test_malformed(form: str, came: str) -> None:
    _, socket = chip(fault("malformed", form=form))
    socket.send(HISTORY)
    [item] = socket.got
    if isinstance(item, Raw):
        assert item.data.hex() == came
        assert isinstance(item.shown, Frame)
    else:
        assert item == Frame(came)


def test_oversized() -> None:
    _, socket = chip(fault("oversized", size=1000))
    socket.send(HISTORY)
    [item] = socket.got
    assert item == Frame('{"type":"history","history":[]}'.ljust(1000))
    _, socket = chip(fault("oversized", size=70000), fault("malformed", form="rsv"))
    socket.send(HISTORY)
    [item] = socket.got
    assert isinstance(item, Raw)
    assert len(item.data) == 70010
    assert item.data[:2].hex() == "a17f"


def test_frames_are_written_as_links_write_them() -> None:
    for item in (
        Frame(""), Frame("a" * 125), Frame("a" * 126), Frame(b"a" * 65536), Frame("é\udcff"), Ping(b"x"), Pong(),
    ):  # fmt: skip
        assert whole(item) == encode(item)

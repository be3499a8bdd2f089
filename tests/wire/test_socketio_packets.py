"""Packets as socket.io-parser reads and writes them; each row was seen with Node."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.errors import WireError
from simulator.core.message import Json
from simulator.wire import socketio_packets as packets
from simulator.wire.socketio_packets import Packet, filled, name_of, number_of, payload, read


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(0, "/", None, None)),
        ("0{}", Packet(0, "/", None, {})),
        ('0{"token":1}', Packet(0, "/", None, {"token": 1})),
        (" {}", Packet(0, "/", None, {})),
        ("\u00a0{}", Packet(0, "/", None, {})),
        ("", Packet(0, "/", None, None)),
        ("0/custom,", Packet(0, "/custom", None, None)),
        ("0/custom", Packet(0, "/custom", None, None)),
        ('0/a?b=1,{"c":2}', Packet(0, "/a?b=1", None, {"c": 2})),
        ("1", Packet(1, "/", None, None)),
        ("1/admin,", Packet(1, "/admin", None, None)),
        ("2", Packet(2, "/", None, None)),
        ("21", Packet(2, "/", "1", None)),
        ('2["a",1]', Packet(2, "/", None, ["a", 1])),
        ("2[1]", Packet(2, "/", None, [1])),
        ('2["error"]', Packet(2, "/", None, ["error"])),
        ('2/admin,["a"]', Packet(2, "/admin", None, ["a"])),
        ('2/admin,456["a"]', Packet(2, "/admin", "456", ["a"])),
        ('2007["a"]', Packet(2, "/", "7", ["a"])),
        ('20["a"]', Packet(2, "/", "0", ["a"])),
        ('2 ["a"]', Packet(2, "/", "0", ["a"])),
        ('2 1["a"]', Packet(2, "/", "1", ["a"])),
        ('21 2["a"]', Packet(2, "/", "NaN", ["a"])),
        ('212345678901234567890["a"]', Packet(2, "/", "12345678901234567000", ["a"])),
        ('2999999999999999999999999["a"]', Packet(2, "/", "1e+24", ["a"])),
        (f'2{"9" * 400}["a"]', Packet(2, "/", "Infinity", ["a"])),
        ("3", Packet(3, "/", None, None)),
        ("312[]", Packet(3, "/", "12", [])),
        ("4", Packet(4, "/", None, None)),
        ('4"x"', Packet(4, "/", None, "x")),
        ("4{}", Packet(4, "/", None, {})),
        ('51-["a"]', Packet(5, "/", None, ["a"], 1)),
        ('52-/admin,7["a"]', Packet(5, "/admin", "7", ["a"], 2)),
        ('51.0-["a"]', Packet(5, "/", None, ["a"], 1)),
        ('5 1-["a"]', Packet(5, "/", None, ["a"], 1)),
        ('50x1-["a"]', Packet(5, "/", None, ["a"], 1)),
        ('51e0-["a"]', Packet(5, "/", None, ["a"], 1)),
        ("51-", Packet(5, "/", None, None, 1)),
        ("61-3[]", Packet(6, "/", "3", [], 1)),
    ],
)
def test_read(text: str, packet: Packet) -> None:
    assert read(text) == packet


@pytest.mark.parametrize(
    "text",
    [
        "7", "9", "x", "abc", "-",
        "0[]", "0null", '0"x"', "01x", '0{"a":1', "0,{}",
        "1{}", "1x", "1,", "1null",
        "2{}", "2[]", "2[true]", "2[null]", "2[{}]", '2"x"', "2null", "2x", '2["a"', '2["a",]', "2['a']", '2["a"]x', "2[NaN]",
        '2["connect"]', '2["connect_error"]', '2["disconnect"]', '2["disconnecting"]', '2["newListener"]', '2["removeListener"]',
        "3{}", "3[1", "3null", "4[]", "4null",
        '5["a"]', '50-["a"]', '5-["a"]', '5-1-["a"]', '5a-["a"]', '51.5-["a"]', '511-["a"]', '5Infinity-["a"]', "51", "51-{}",
        '51-["connect"]', "61-{}", "6[]",
    ],
)  # fmt: skip
def test_what_it_throws_at(text: str) -> None:
    with pytest.raises(WireError):
        read(text)


def test_json_as_javascript_reads_it() -> None:
    assert packets.loads('["\\ud800"]') == ["\ud800"]
    assert packets.loads("[1e400]") == [math.inf]
    assert packets.loads('["\\ud83d\\ude00"]') == ["\U0001f600"]
    for wrong in ("[NaN]", "[Infinity]", "[01]", "", "[1", "\ufeff[]", "[" * 5000):
        assert packets.loads(wrong) is False


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0), (" ", 0), ("\ufeff1\u2003", 1), ("007", 7), ("1.5", 1.5), (".5", 0.5), ("5.", 5), ("+1", 1), ("-1", -1),
        ("1e3", 1000), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("Infinity", math.inf), ("+Infinity", math.inf),
        (f"0x{'f' * 300}", math.inf), (f"0b{'1' * 2000}", math.inf),
        ("-Infinity", None), ("1_0", None), ("0x", None), ("1 2", None), ("nan", None), ("\u0661", None), ("e1", None),
    ],
)  # fmt: skip
def test_number(text: str, number: float | None) -> None:
    found = number_of(text)
    assert math.isnan(found) if number is None else found == number


def test_names_that_are_numbers() -> None:
    assert [name_of(n) for n in (1, 1.0, -2, 1.5, 1e3, 1e21)] == ["1", "1", "-2", "1.5", "1000", "1e+21"]


# ---- attachments


@pytest.mark.parametrize(
    ("data", "attachments", "whole"),
    [
        (["a", {"_placeholder": True, "num": 0}], [b"x"], ["a", b"x"]),
        (["a", [{"b": {"_placeholder": True, "num": 1}}], {"_placeholder": True, "num": 0}], [b"x", b"y"], ["a", [{"b": b"y"}], b"x"]),
        (["a", {"_placeholder": 1, "num": 0}], [b"x"], ["a", {"_placeholder": 1, "num": 0}]),
        (["a", 1], [b"x"], ["a", 1]),
        (["a", {"_placeholder": True, "num": 0.5}], [b"x"], ["a", None]),
        (None, [b"x"], None),
    ],
)  # fmt: skip
def test_filled(data: Json, attachments: list[bytes], whole: object) -> None:
    assert filled(data, attachments) == whole


@pytest.mark.parametrize("number", [1, -1, "0", None, True])
def test_no_such_attachment(number: Json) -> None:
    with pytest.raises(WireError):
        filled(["a", {"_placeholder": True, "num": number}], [b"x"])


@pytest.mark.parametrize(
    ("values", "text", "attachments"),
    [
        (("a",), '["a"]', []),
        (("a", {"b": [1, None, True, "\u00e9\u2028"]}), '["a",{"b":[1,null,true,"\u00e9\u2028"]}]', []),
        (("a", b"x"), '["a",{"_placeholder":true,"num":0}]', [b"x"]),
        (
            ("a", {"b": bytearray(b"x"), "c": [memoryview(b"y")]}),
            '["a",{"b":{"_placeholder":true,"num":0},"c":[{"_placeholder":true,"num":1}]}]',
            [b"x", b"y"],
        ),
        (("a", (1, b"x")), '["a",[1,{"_placeholder":true,"num":0}]]', [b"x"]),
        (("a", 1 << 70), f'["a",{1 << 70}]', []),
        (("a", "\ud800b"), '["a","\\ud800b"]', []),
        (("a", math.nan), '["a",null]', []),
        ((), "[]", []),
    ],
)
def test_payload(values: tuple[object, ...], text: str, attachments: list[bytes]) -> None:
    assert payload(values) == (text, attachments)  # type: ignore[arg-type]


def test_what_can_not_be_written() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    for wrong in (object(), deep, [1 << 70, math.nan]):
        with pytest.raises(WireError):
            payload(("a", wrong))  # type: ignore[arg-type]


def test_heads() -> None:
    assert packets.head(packets.EVENT, 0, "") == "42"
    assert packets.head(packets.EVENT, 0, packets.prefix("/admin"), "7") == "42/admin,7"
    assert packets.head(packets.EVENT, 2, packets.prefix("/")) == "452-"
    assert packets.head(packets.ACK, 1, "/admin,", "7") == "461-/admin,7"
    assert packets.head(packets.ACK, 0, "", "7") == "437"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.text(), st.lists(_JSON, max_size=3))
def test_there_and_back(name: str, args: list[object]) -> None:
    text, attachments = payload(("x" + name, *args))  # type: ignore[arg-type]
    if len(attachments) <= 10:
        head = packets.head(packets.EVENT, len(attachments), "/n,", "5")
        packet = read(head[1:] + text)
        assert (packet.nsp, packet.id, packet.attachments) == ("/n", "5", len(attachments))
        if '"_placeholder":true' not in str(args):
            assert filled(packet.data, attachments) == ["x" + name, *args]


@given(st.text(st.sampled_from('0123456789 -,/{}[]"ax.e\u00a0')))
def test_anything_is_read_or_refused(text: str) -> None:
    with suppress(WireError):
        assert isinstance(read(text), Packet)

"""`{"type": name, ...body}`: round trips, garbage, and a reader of chip's that has two ways."""

from __future__ import annotations

import json
from typing import cast
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.backends.chip import gojson
from simulator.backends.chip.messages import FIELDS
from simulator.core.errors import WireError
from simulator.core.message import Frame, Json, Message
from simulator.wire.rawjson import RawJson

CODEC = RawJson()
CHIP = RawJson(gojson.commands(FIELDS))

# Whole numbers of 64 bits, and no NaN: what JSON carries from end to end.
WHOLE = st.integers(-(2**63), 2**64 - 1)
SHORT = st.text(max_size=8)
SCALARS = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | SHORT
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SHORT, inner, max_size=4), max_leaves=8
)
BODIES = st.dictionaries(SHORT.filter(lambda key: key != "type"), VALUES, max_size=4)
ANY_TEXT = st.text(st.characters())
"""Lone surrogates too: a frame keeps bytes that are not UTF-8 as such."""

QUICK = settings(max_examples=60, deadline=None)


# ---- both ways ----


@QUICK
@given(SHORT, BODIES)
@example("m", {"a": "\u2028\u2029 <&> \\u2028 é 👍 \x7f"})
@example("m", {"\u2028": "", "b": 1, "a": [{}, [], 1.0, -0.0, 1e300, 2**64 - 1]})
def test_what_is_written_can_be_read(name: str, body: dict[str, Json]) -> None:
    message = Message(name, (body,))
    frame = CODEC.encode(message)
    assert CODEC.decode(frame) == message
    # Order, and the kinds of numbers, which == does not see.
    assert repr(CODEC.decode(frame)) == repr(message)
    assert CODEC.decode(Frame(str(frame.data).encode())) == message, "text and binary are read alike"


@QUICK
@given(SHORT, BODIES)
def test_others_read_it_too(name: str, body: dict[str, Json]) -> None:
    assert json.loads(CODEC.encode(Message(name, (body,))).data) == {"type": name, **body}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Message("m"), '{"type":"m"}'),
        (Message("m", ({},)), '{"type":"m"}'),
        (Message("m", ({"b": 1, "a": [None, True, 1.5]},)), '{"type":"m","b":1,"a":[null,true,1.5]}'),
        (Message("é", ({"<&>": '"\\/\n\x01👍'},)), '{"type":"é","<&>":"\\"\\\\/\\n\\u0001👍"}'),
        (Message("m", ({"a": "\u2028", "\u2029": "é"},)), '{"type":"m","a":"\\u2028","\\u2029":"é"}'),
        (Message("m", ({"a": "\u2029"},)), '{"type":"m","a":"\\u2029"}'),
        # What orjson does not write, as Go does.
        (Message("m", ({"a": 2**64, "b": "é"},)), '{"type":"m","a":18446744073709551616,"b":"é"}'),
        (Message("m", ({"a": "x\ud800y", "\udfff": 1},)), '{"type":"m","a":"x\\ufffdy","\\ufffd":1}'),
        (Message("m", ({"a": 1, "type": "other"},)), '{"type":"m","a":1}'),
    ],
)
def test_written_exactly(message: Message, text: str) -> None:
    assert CODEC.encode(message) == Frame(text)


@pytest.mark.parametrize(
    "args",
    [
        (None,), ([],), ("text",), (1,), (b"bytes",), ({"a": b"bytes"},), ({"a": {1, 2}},),
    ],
)  # fmt: skip
def test_what_cannot_be_written(args: tuple[Json | bytes, ...]) -> None:
    with pytest.raises(WireError):
        CODEC.encode(Message("m", args))


def test_deep_bodies_cannot_be_written() -> None:
    deep: Json = []
    # Beyond what any Python writes: 3.13 goes ten times as deep as 3.11.
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(WireError):
        CODEC.encode(Message("m", ({"a": deep},)))


# ---- what is not of the kind ----


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('"type"', "not a JSON object"),
        ("{}", 'no "type" that is a string'),
        ('{"Type":"m"}', 'no "type" that is a string'),
        ('{"type":null}', 'no "type" that is a string'),
        ('{"type":1}', 'no "type" that is a string'),
        ('{"type":["m"]}', 'no "type" that is a string'),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_json_of_another_kind(data: str, why: str, binary: bool) -> None:
    frame = Frame(data.encode() if binary else data)
    with pytest.raises(WireError, match=why) as caught:
        CODEC.decode(frame)
    assert caught.value.frame is frame


@pytest.mark.parametrize("data", ["", " ", "{", "{'type':'m'}", '{"type":"m"}x', '{"type":"m",}', '\ufeff{"type":"m"}'])
def test_not_json(data: str) -> None:
    for codec in (CODEC, CHIP):
        with pytest.raises(WireError) as caught:
            codec.decode(Frame(data))
        assert caught.value.why
        assert caught.value.__cause__ is None


def test_reader_is_the_servers_own() -> None:
    def loads(data: str | bytes) -> Json:
        if data != "good":
            raise ValueError("bad")
        return {"type": "m", "a": 1}

    codec = RawJson(loads)
    assert codec.decode(Frame("good")) == Message("m", ({"a": 1},))
    with pytest.raises(WireError, match=r"^bad$"):
        codec.decode(Frame("evil"))


def _read(codec: RawJson, data: str | bytes) -> Message | None:
    """Anything else than a message or a WireError fails the test."""
    try:
        return codec.decode(Frame(data))
    except WireError:
        return None


@QUICK
@given(ANY_TEXT | st.binary())
def test_garbage(data: str | bytes) -> None:
    for codec in (CODEC, CHIP):
        _read(codec, data)


@QUICK
@given(BODIES, ANY_TEXT | st.sampled_from(list('{}[]",:\\0-.eE+tfnu')), st.integers(0, 1000), st.integers(0, 3))
def test_spoilt_json(body: dict[str, Json], bad: str, at: int, cut: int) -> None:
    text = json.dumps({"type": "send_msg", **body}, ensure_ascii=False)
    text = text[: at % len(text)] + bad + text[at % len(text) + cut :]
    for codec in (CODEC, CHIP):
        _read(codec, text)
        _read(codec, text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("depth", [100, 480, 500, 1100, 50_000])
@pytest.mark.parametrize("outer", ["%s", '{"type":"send_msg","text":%s}', '{"type":"send_msg","else":%s}'])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_deep_json(depth: int, outer: str, begin: str, end: str) -> None:
    for codec in (CODEC, CHIP):
        _read(codec, outer % (begin * depth + "1" + end * depth))
        _read(codec, outer % (begin * depth))


# ---- chip's reader: the fast way says what the exact way says ----


class _NoFastWay:
    @staticmethod
    def loads(data: str | bytes) -> object:
        raise ValueError("not this time")


def _ways(data: str | bytes) -> tuple[Json | str, Json | str]:
    """What the reader says, and what it says where the scanner reads everything; words where it refuses.

    Lists and objects inside are emptied: no field of a command has one, and the scanner does not keep them.
    """

    def read() -> Json | str:
        try:
            value = gojson.commands(FIELDS)(data)
            if not isinstance(value, dict):
                return value
            return {name: type(inner)() if isinstance(inner, list | dict) else inner for name, inner in value.items()}
        except gojson.GoError as error:
            return f"refused: {error}"

    both = read()
    with patch("simulator.backends.chip.gojson.orjson", _NoFastWay):
        return both, read()


# Go's int64 at most: beyond it the fields' own bounds refuse a number, however it was read.
FIELD_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SHORT, inner, max_size=4), max_leaves=4,
)  # fmt: skip
NAMES = st.sampled_from([*sorted(FIELDS), "Type", "TEXT", "m\u017fg_id", "bac\u212aend"]) | SHORT


def _document(members: list[tuple[str, Json]], plain: bool, space: str) -> bytes:
    text = ",".join(
        f"{space}{json.dumps(name, ensure_ascii=not plain)}{space}:{json.dumps(value, ensure_ascii=not plain)}"
        for name, value in members
    )
    return f"{{{text}{space}}}{space}".encode("utf-8", "surrogatepass")


@QUICK
@given(
    st.lists(st.tuples(NAMES, FIELD_VALUES), unique_by=lambda member: member[0]),
    st.booleans(),
    st.sampled_from(["", " ", "\t\r\n"]),
)
def test_two_ways_agree(members: list[tuple[str, Json]], plain: bool, space: str) -> None:
    data = _document(members, plain, space)
    usual, exact = _ways(data)
    assert repr(usual) == repr(exact)
    assert repr(_ways(data.decode("utf-8", "surrogateescape"))[0]) == repr(exact)


@QUICK
@given(st.lists(st.tuples(st.sampled_from(["type", "text", "chat_id"]), st.none() | st.text("ab")), max_size=5))
@example([("type", "send_msg"), ("text", "hi"), ("text", None)])
def test_two_ways_agree_on_names_that_stand_there_twice(members: list[tuple[str, str | None]]) -> None:
    """Go fills a field again, but null leaves it as it was (decode.go, literalStore)."""
    usual, exact = _ways(_document(cast("list[tuple[str, Json]]", members), True, ""))
    assert usual == exact


@QUICK
@given(VALUES.filter(lambda value: not isinstance(value, dict)))
def test_two_ways_agree_on_what_is_no_object(value: Json) -> None:
    usual, exact = _ways(json.dumps(value))
    assert usual == exact


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"type":"send_msg","text":"hi"}', {"type": "send_msg", "text": "hi"}),
        ('{"TYPE":"send_msg","Text":"hi","else":[1]}', {"type": "send_msg", "text": "hi"}),
        ('{"text":"\\ud83d\\ude00 \\ud83d"}', {"text": "😀 \ufffd"}),
        ('{"msg_id":-0,"text":1e400}', {"msg_id": 0, "text": float("inf")}),
        ("{}", {}),
    ],
)
def test_two_ways_agree_on(text: str, read: Json) -> None:
    assert _ways(text) == (read, read)

"""Both serializers and both JSON libraries, in the bytes that the real ones wrote."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.errors import WireError
from simulator.core.message import Frame, Json
from simulator.wire import phoenix_frames
from simulator.wire.phoenix_frames import (
    JASON,
    POISON,
    V1,
    V2,
    Library,
    client_bytes,
    erlang_float,
    jason,
    poison,
    read,
    server_bytes,
    strict,
    tolerant,
)

OLD1, NEW1 = V1(POISON, struct=True), V1(JASON, struct=False)
OLD2, NEW2 = V2(POISON, binary=False), V2(JASON, binary=True)


# ---- JSON


def test_order_of_keys() -> None:
    value: Json = {"b": 1, "a": [{"d": None, "c": True}], "é": {}, "z": {"one": "x"}, "B": 2}
    assert poison(value) == '{"é":{},"z":{"one":"x"},"b":1,"a":[{"d":null,"c":true}],"B":2}'
    assert jason(value) == '{"B":2,"a":[{"c":true,"d":null}],"b":1,"z":{"one":"x"},"é":{}}'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("/<>&'", '"/<>&\'"'),
        ('"\\\n\t\r\f\b', r'"\"\\\n\t\r\f\b"'),
        ("\0\x01\x0b\x1f", r'"\u0000\u0001\u000B\u001F"'),
        ("é\u2028\u2029\ufeff\U0001f600", '"é\u2028\u2029\ufeff\U0001f600"'),
        ("a\x7f\x80\x9f", '"a\x7f\x80\x9f"'),
        ("\ud800x", '"\ufffdx"'),
    ],
)
def test_strings(text: str, written: str) -> None:
    assert jason(text) == poison(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("\x7f", r'"\u007F"'),
        ("\x80\x9fa\x80", '"\\u0080\\u009Fa\x80"'),
        ("a\n\x7f\x85b\x7f", '"a\\n\\u007F\\u0085b\x7f"'),
        ("\x1f\x7f\x1f", r'"\u001F\u007F\u001F"'),
        ("\xa0\x7f", '"\xa0\x7f"'),
    ],
)
def test_poison_looks_for_more_behind_what_it_escaped(text: str, written: str) -> None:
    """poison 3.1.0 lib/poison/encoder.ex: `escape` knows DEL and C1, `chunk_size` runs over them."""
    assert poison(text) == written
    assert poison({text: text}) == f"{{{written}:{written}}}"
    assert "u007F" not in jason(text)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (1.5, "1.5"),
        (-1.5, "-1.5"),
        (100.0, "100.0"),
        (1e3, "1.0e3"),
        (1e5, "1.0e5"),
        (12345.0, "12345.0"),
        (1e22, "1.0e22"),
        (0.1, "0.1"),
        (0.012, "0.012"),
        (0.001, "0.001"),
        (1e-7, "1.0e-7"),
        (1.25e-7, "1.25e-7"),
        (123456789.123456789, "123456789.12345679"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
    ],
)
def test_floats(number: float, written: str) -> None:
    """Seen of both servers, but for -1.5, 100.0, 12345.0 and the fractions, which are io_lib_format's rules."""
    assert erlang_float(number) == written
    assert jason([number]) == poison([number]) == f"[{written}]"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read_back(number: float) -> None:
    assert repr(float(erlang_float(number))) == repr(number)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(JSON)
def test_what_is_written_is_what_was_meant(value: Any) -> None:
    for dumps in (poison, jason):
        again = json.loads(dumps(value), strict=False)
        assert again == value
        assert dumps(again) == dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {"a": {1, 2}}, [object()]])
def test_what_is_no_json(value: Any) -> None:
    for dumps in (poison, jason):
        with pytest.raises(WireError, match="is no JSON"):
            dumps(value)


def test_keys_have_to_be_strings() -> None:
    value: Any = {1: 2, "a": 3}
    with pytest.raises(WireError):
        jason(value)


def test_great_depth() -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    assert jason(deep) == "[" * 401 + "]" * 401
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(WireError):
        jason(deep)


@pytest.mark.parametrize("text", ['"a\nb"', '["\t\x01"]', '{"\x1f":"\x1f"}'])
def test_raw_control_characters(text: str) -> None:
    """Seen: Poison reads them, Jason does not."""
    assert tolerant(text) == tolerant(text.encode()) == json.loads(text, strict=False)
    with pytest.raises(ValueError, match="control"):
        strict(text)


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "[Infinity]", "-Infinity", '"\\ud800"', '"\n\\udc00"', "1e400", "[1e400]", "01", "1.", "+1", "\udcff",
     "[" * 100_000],
)  # fmt: skip
def test_what_neither_library_reads(text: str) -> None:
    for loads in (strict, tolerant):
        with pytest.raises(ValueError, match=r"\S"):
            loads(text)


def test_bytes_that_are_not_utf_8() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        tolerant(b'"\xff"')


# ---- V1


def test_v1_reads() -> None:
    text = '{"join_ref":"1","ref":null,"topic":"t","event":"e","payload":[1],"more":2}'
    for serializer in (OLD1, NEW1):
        assert serializer.decode(Frame(text)) == ("1", None, "t", "e", [1])
        assert serializer.decode(Frame(text.encode())) == ("1", None, "t", "e", [1])


def test_v1_reads_odd_refs() -> None:
    text = '{"ref":99999999999999999999,"topic":"t","event":"e","payload":1.5}'
    assert NEW1.decode(Frame(text)) == (None, 99999999999999999999, "t", "e", 1.5)
    text = '{"join_ref":[1.0],"ref":1,"topic":2.5,"event":"e","payload":null}'
    assert NEW1.decode(Frame(text)) == ([1.0], 1, 2.5, "e", None)


@pytest.mark.parametrize("missing", ["topic", "event", "payload", "ref"])
def test_v1_needs_four_keys(missing: str) -> None:
    keys = {"topic": "t", "event": "e", "payload": {}, "ref": "1"}
    del keys[missing]
    with pytest.raises(WireError, match=f"no '{missing}'"):
        NEW1.decode(Frame(json.dumps(keys)))


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"', "", "{"])
def test_v1_reads_objects_only(text: str) -> None:
    for serializer in (OLD1, NEW1):
        with pytest.raises(WireError) as error:
            serializer.decode(Frame(text))
        assert error.value.frame == Frame(text)


def test_v1_writes() -> None:
    """1.3 writes replies and broadcasts as its whole struct, pushes by their keys."""
    assert OLD1.reply("j", "r", "t", "ok", {}).data == (
        '{"topic":"t","ref":"r","payload":{"status":"ok","response":{}},"join_ref":null,"event":"phx_reply"}'
    )
    assert OLD1.push("j", None, "t", "e", {}).data == '{"topic":"t","ref":null,"payload":{},"event":"e"}'
    assert OLD1.broadcast("t", "e", {}).data == '{"topic":"t","ref":null,"payload":{},"join_ref":null,"event":"e"}'
    assert NEW1.reply("j", "r", "t", "error", {"a": 1}).data == (
        '{"event":"phx_reply","payload":{"response":{"a":1},"status":"error"},"ref":"r","topic":"t"}'
    )
    assert NEW1.push("j", "r", "t", "e", {}).data == '{"event":"e","payload":{},"ref":"r","topic":"t"}'
    assert NEW1.broadcast("t", "e", {}).data == '{"event":"e","payload":{},"ref":null,"topic":"t"}'


def test_v1_has_no_bytes() -> None:
    with pytest.raises(WireError, match="needs the V2 serializer"):
        NEW1.reply(1, 2, "t", "ok", b"x")
    for write in (NEW1.broadcast, OLD1.broadcast):
        with pytest.raises(WireError, match="needs the V2 serializer"):
            write("t", "e", b"x")


# ---- V2


@pytest.mark.parametrize("more", ["", ",6", ",[],{}"])
def test_v2_reads(more: str) -> None:
    frame = Frame(f'[null,"r","t","e",{{"a":1}}{more}]')
    assert OLD2.decode(frame) == NEW2.decode(frame) == (None, "r", "t", "e", {"a": 1})


@pytest.mark.parametrize("ref", ["1.5", "99999999999999999999", "-9223372036854775809", '{"a":[1.0]}', "[[]]"])
def test_v2_reads_odd_refs(ref: str) -> None:
    frame = Frame(f'[{ref},{ref},{ref},"e",5]')
    expected = json.loads(ref)
    assert NEW2.decode(frame)[:3] == (expected, expected, expected)
    assert [type(field) for field in NEW2.decode(frame)[:3]] == [type(expected)] * 3


@pytest.mark.parametrize("text", ["{}", "[]", "[1,2,3,4]", "5", "null", '"x"', "", "["])
def test_v2_reads_arrays_of_five(text: str) -> None:
    for serializer in (OLD2, NEW2):
        with pytest.raises(WireError) as error:
            serializer.decode(Frame(text))
        assert error.value.frame == Frame(text)


def test_v2_refuses_what_it_could_not_write_again() -> None:
    # A thousand is where each Python stops to write; how much earlier, it decides.
    with pytest.raises(WireError):
        NEW2.decode(Frame(f'[null,{"[" * 1020}{"]" * 1020},"t","e",1]'))
    # Python 3.11 reads less deep than orjson does, later ones deeper.
    with pytest.raises(WireError):
        phoenix_frames._exactly(Frame("[" * 100_000 + "]" * 100_000), phoenix_frames.jason, (0,))


def test_v2_writes() -> None:
    assert NEW2.reply("j", None, "t", "ok", {}).data == '["j",null,"t","phx_reply",{"response":{},"status":"ok"}]'
    assert NEW2.reply(1, 2.0, ["t"], "error", "x").data == '[1,2.0,["t"],"phx_reply",{"response":"x","status":"error"}]'
    assert NEW2.reply(1, 2, "t", "ok", {"a": 1}).data == '[1,2,"t","phx_reply",{"response":{"a":1},"status":"ok"}]'
    assert NEW2.reply(1, 2, "t", "ok", []).data == '[1,2,"t","phx_reply",{"response":[],"status":"ok"}]'
    assert OLD2.reply("j", "r", "t", "ok", {}).data == '["j","r","t","phx_reply",{"status":"ok","response":{}}]'
    assert OLD2.reply("j", "\u00e9\u007f", "t", "ok", {}).data == (
        '["j","\u00e9\u007f","t","phx_reply",{"status":"ok","response":{}}]'
    )
    assert NEW2.push("j", None, "t", "e", {"a": 1}).data == '["j",null,"t","e",{"a":1}]'
    assert NEW2.broadcast("t", "e", {}).data == '[null,null,"t","e",{}]'


@pytest.mark.parametrize("topic", ["bot:a", 'a "quoted" topic', "\u00e9\u007f", "\x01", "long " * 60])
@pytest.mark.parametrize("ref", ["7", "", "a1", "\u0664", "\u00b2", '"', "\\", "\x7f", "\x1f", "\ud800", "5f0f-5b1a"])
def test_v2_says_ok_as_it_says_anything(ref: str, topic: str) -> None:
    for serializer, dumps in ((OLD2, poison), (NEW2, jason)):
        whole = dumps([ref, ref, topic, "phx_reply", {"status": "ok", "response": {}}])
        for _ in range(2):
            assert serializer.reply(ref, ref, topic, "ok", {}).data == whole


def test_v2_bytes() -> None:
    """v1.8.12 test/phoenix/socket/v2_json_serializer_test.exs and assets/test/serializer_test.js, in other words."""
    assert NEW2.decode(Frame(b"\x00\x02\x03\x05\x0412123topicpush\x65\x66")) == ("12", "123", "topic", "push", b"ef")
    assert NEW2.reply("12", "123", "topic", "ok", b"ef").data == b"\x01\x02\x03\x05\x0212123topicokef"
    assert NEW2.push("12", "ignored", "topic", "push", b"ef").data == b"\x00\x02\x05\x0412topicpushef"
    assert NEW2.broadcast("topic", "push", b"ef").data == b"\x02\x05\x04topicpushef"
    assert NEW2.reply(None, 7, "é", "ok", b"").data == b"\x01\x00\x01\x02\x027\xc3\xa9ok"


def test_v2_names_of_bytes_are_short() -> None:
    assert NEW2.broadcast("t" * 255, "e", b"").data[:1] == b"\x02"
    with pytest.raises(WireError, match="255 bytes"):
        NEW2.broadcast("t" * 256, "e", b"")


@pytest.mark.parametrize(
    "data", [b"", b"\x01\x00", b"\x00\x01\x01", b"\x00\x01\x01\xff\xffabc", b"\x00\x01\x00\x00\x00\xff", b"["]
)
def test_v2_broken_bytes(data: bytes) -> None:
    with pytest.raises(WireError):
        NEW2.decode(Frame(data))
    with pytest.raises(WireError):
        client_bytes(data)


def test_old_v2_reads_json_in_bytes() -> None:
    assert OLD2.decode(Frame(b'[1,2,"t","e",{}]')) == (1, 2, "t", "e", {})
    with pytest.raises(WireError):
        OLD2.decode(Frame(b"\x00\x02\x03\x05\x0412123topicpush\x65\x66"))


# ---- whoever looks on


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"\x00\x02\x05\x0412topicpushef", ("12", None, "topic", "push", b"ef")),
        (
            b"\x01\x02\x03\x05\x0212123topicokef",
            ("12", "123", "topic", "phx_reply", {"status": "ok", "response": "ZWY="}),
        ),
        (b"\x02\x05\x04topicpushef", (None, None, "topic", "push", b"ef")),
    ],
)
def test_bytes_of_a_server(data: bytes, fields: object) -> None:
    assert server_bytes(data) == read("server", Frame(data)) == fields


@pytest.mark.parametrize("data", [b"", b"\x03", b"\x02\x05", b"\x01\x01\x01\x01\x01a"])
def test_broken_bytes_of_a_server(data: bytes) -> None:
    with pytest.raises(WireError):
        server_bytes(data)


@pytest.mark.parametrize("sender", ["client", "server"])
@pytest.mark.parametrize("data", [' [1,2,"t","e",{}]', b'[1,2,"t","e",{}]'])
def test_read_tells_the_version_from_the_shape(sender: str, data: str | bytes) -> None:
    assert read(sender, Frame(data)) == (1, 2, "t", "e", {})
    assert read(sender, Frame('{"ref":2,"topic":"t","event":"e","payload":{}}')) == (None, 2, "t", "e", {})
    assert read("client", Frame(b"\x00\x00\x00\x01\x01te")) == ("", "", "t", "e", b"")


@given(st.sampled_from([POISON, JASON]), JSON, JSON, st.text(), st.text(), st.dictionaries(st.text(), JSON, max_size=3))
def test_what_one_end_writes_the_other_reads(
    library: Library, join_ref: Any, ref: Any, topic: str, event: str, payload: Any
) -> None:
    frame = V2(library, binary=True).push(join_ref, ref, topic, event, payload)
    found = V2(library, binary=True).decode(frame)
    assert found[:4] == (join_ref, ref, topic, event)
    assert found[4] == orjson.loads(library.dumps(payload))
    frame = V1(library, struct=True).push(join_ref, ref, topic, event, payload)
    assert V1(library, struct=True).decode(frame)[:4] == (None, ref, topic, event)


@given(st.text() | st.binary(), st.sampled_from(["client", "server"]))
def test_garbage_is_a_wire_error(data: str | bytes, sender: str) -> None:
    for serializer in (OLD1, NEW1, OLD2, NEW2):
        with pytest.raises(WireError):
            serializer.decode(Frame(data if data[:1] not in ("[", "{") else "x"))
    with suppress(WireError):
        read(sender, Frame(data))

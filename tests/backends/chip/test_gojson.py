"""Go's JSON, beyond what observed.json holds."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.backends.chip import gojson, gostruct
from simulator.backends.chip.messages import FIELDS

READ = gojson.commands(FIELDS)
TEXT = gostruct.Field("string", "string")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"type":"a","text":"b"}', {"type": "a", "text": "b"}),
        ('{"TYPE":"a","Text":"b","other":{"x":[1,{"y":null}]}}', {"type": "a", "text": "b"}),
        ('{"text":"a","TEXT":"b"}', {"text": "b"}),
        ('{"text":"a","text":null}', {"text": "a"}),
        ('{"text":null}', {"text": None}),
        ('{"m\u017fg_id":7}', {"msg_id": 7}),
        ('{"chat_\u0131d":"no"}', {}),
        ('{"text":"\\ud83d\\ude00"}', {"text": "😀"}),
        ('{"text":"\\ud83d","x":1}', {"text": "\ufffd"}),
        ('{"text":"\\ude00\\ud83dx","x":1}', {"text": "\ufffd\ufffdx"}),
        ('{"text":"\\ud83d\\u0041","x":1}', {"text": "\ufffdA"}),
        ('{"text":"\\b\\f\\n\\r\\t\\/\\\\\\"","x":1}', {"text": '\b\f\n\r\t/\\"'}),
        ('{"text":"a\udcffb","x":1}', {"text": "a\ufffdb"}),
        ('{"text":"\udce2\udc82","x":1}', {"text": "\ufffd\ufffd"}),
        ('{"msg_id":1.0,"x":1}', {"msg_id": 1.0}),
        ('{"msg_id":99999999999999999999,"x":1}', {"msg_id": 1e20}),
        ('{"msg_id":1234567890123456789,"x":1}', {"msg_id": 1234567890123456789}),
        ('{"text":[1],"email":{"a":1},"x":1}', {"text": [], "email": {}}),
        ('{"text":true,"email":false,"x":1}', {"text": True, "email": False}),
        ("[1,2]", []),
        ('"text"', "text"),
        ("12", 12),
        ("null", None),
        (b'{"type":"binary"}', {"type": "binary"}),
        (" {} ", {}),
        ("[]", []),
    ],
)
def test_read(text: str | bytes, found: object) -> None:
    assert READ(text) == found


@pytest.mark.parametrize("byte", range(256))
def test_bytes_are_named_as_go_names_them(byte: int) -> None:
    named = gojson.quote(byte)
    assert named.startswith("'")
    assert named.endswith("'")
    assert named[1:-1].isprintable()


def test_some_names() -> None:
    names = [gojson.quote(byte) for byte in b"'\"\\\x07\x08\x0b\x00\x7f\x80\xa0\xad\xefz"]
    assert names == [
        "'\\''", "'\"'", "'\\\\'", "'\\a'", "'\\b'", "'\\v'", "'\\x00'", "'\\x7f'", "'\\u0080'", "'\\u00a0'",
        "'\\u00ad'", "'ï'", "'z'",
    ]  # fmt: skip


def test_depth() -> None:
    assert READ("[" * 10_000 + "]" * 10_000) == []
    deep = "[" * 5_000 + "]" * 5_000
    assert READ(f'{{"text":"\\ud83d\\ude00\\ud83d\\n","x":{deep}}}') == {"text": "😀\ufffd\n"}
    with pytest.raises(gojson.GoError, match=r"invalid character '\[' exceeded max depth"):
        READ("[" * 10_001)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-", "invalid character ' ' in numeric literal"),
        ("1.", "invalid character ' ' after decimal point in numeric literal"),
        ("1e+", "invalid character ' ' in exponent of numeric literal"),
        ("1e5.", "invalid character '.' after top-level value"),
        ('"\\', "invalid character ' ' in string escape code"),
        ('"\\u00', "invalid character ' ' in \\\\u hexadecimal character escape"),
        ('"\\n\\u00e9\\x', "invalid character 'x' in string escape code"),
        ('"\\n\\u00e9', "unexpected end of JSON input"),
        ('{"a":1,', "unexpected end of JSON input"),
        ('{"a":true,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a":[1,', "unexpected end of JSON input"),
        ('{"a":1,"b"', "unexpected end of JSON input"),
    ],
)
def test_wrong(text: str, why: str) -> None:
    with pytest.raises(gojson.GoError, match=f"^{why}$".replace("+", r"\+").replace(".", r"\.")):
        gojson.scan(text.encode())


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(), lambda inner: st.lists(inner)
                    | st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(), inner)))  # fmt: skip
def test_the_quick_way_and_the_exact_way_agree(value: object) -> None:
    import orjson

    if not isinstance(value, dict) or not set(value) <= FIELDS:
        return
    data = orjson.dumps(value)
    tree = gojson.scan(data)
    assert isinstance(tree, gojson.Object)
    exact = {key: gojson.plain(inner) for key, inner in tree}
    quick = READ(data)
    assert isinstance(quick, dict)
    flat = {key: type(inner)() if isinstance(inner, dict | list) else inner for key, inner in quick.items()}
    assert flat == exact


@given(st.binary() | st.text().map(str.encode))
def test_anything_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        READ(data)


def test_unmarshal_keeps_what_fits_and_tells_the_first_that_does_not() -> None:
    struct = gostruct.Field("struct", "a.B", {"x": TEXT, "n": gostruct.Field("int", "int")}, "B")
    assert gostruct.unmarshal(b"null", struct) == {"x": "", "n": 0}
    assert gostruct.unmarshal(b'{"X":"y","n":5,"z":1,"n":null}', struct) == {"x": "y", "n": 5}
    with pytest.raises(gojson.GoError, match=r"cannot unmarshal bool into Go struct field B\.n of type int"):
        gostruct.unmarshal(b'{"n":true,"x":5}', struct)


def test_numbers_of_any_length() -> None:
    struct = gostruct.Field("struct", "a.B", {"n": gostruct.Field("int", "int")}, "B")
    digits = "9" * 5000
    with pytest.raises(gojson.GoError, match=f"cannot unmarshal number {digits} into"):
        gostruct.unmarshal(f'{{"n":{digits}}}'.encode(), struct)
    assert READ(f'{{"msg_id":{digits[:400]},"x":1}}') == {"msg_id": float("inf")}


def test_a_long_wrong_text_is_not_looked_through() -> None:
    long = b"[" + b"1," * 40_000
    with pytest.raises(gojson.GoError, match=r"^unexpected end of JSON input$"):
        gojson.scan(long + b"}")
    assert len(gojson.scan(long + b"1]")) == 40_001  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}'])
def test_no_words_for_numbers(text: str) -> None:
    with pytest.raises(gojson.GoError, match="invalid character"):
        gojson.scan(text.encode())


def test_unmarshal_of_lists_and_structs_inside() -> None:
    inner = gostruct.Field("struct", "struct {}", {"l": gostruct.Field("strings", "[]string")})
    struct = gostruct.Field("struct", "a.B", {"in": inner}, "B")
    assert gostruct.unmarshal(b'{"in":{"l":["a",null,"b"]}}', struct) == {"in": {"l": ["a", "", "b"]}}
    assert gostruct.unmarshal(b'{"in":null}', struct) == {"in": {"l": []}}

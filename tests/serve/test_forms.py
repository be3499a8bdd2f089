"""Multipart bodies: what Plug 1.4.3 over cowlib 1.0.2 makes of them, however they were cut into packets."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.backend import Stored
from simulator.core.message import Headers, Request
from simulator.core.objects import Upload, UploadFlaw
from simulator.serve.forms import HEAD, PARTS, Form, Whole, boundary, parameters, taker
from simulator.serve.objects import House, Shelf
from tests.serve.keeper import PICTURE, form

NOT_A_FORM, MALFORMED, NO_FIELD, TOO_BIG, _ = UploadFlaw
LIMIT = 1000
FIELD = 'Content-Disposition: form-data; name="file"'
OTHER = 'Content-Disposition: form-data; name="other"'


def read(body: bytes, *cuts: int, limit: int = LIMIT, mark: bytes = b"xYz") -> tuple[Upload | UploadFlaw, bytes]:
    """What is made of it, and the stored bytes; nothing else may be left in the store."""
    shelf = Shelf()
    taken = Form(mark, "file", limit, shelf.begin)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    for start, end in pairwise(edges):
        taken.push(body[start:end])
    result = taken.result()
    data = b""
    if isinstance(result, Upload):
        reading = shelf.open(result)
        assert reading is not None
        with reading:
            data = b"".join(reading)
        shelf.settle(result)
    taken.abandon()
    assert (shelf.total, shelf._writings) == (0, set())
    return result, data


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ("Multipart/FORM-Data;charset=utf-8 ; BOUNDARY=aBc", b"aBc"),
        ('multipart/mixed; boundary="a b:c/d"', b"a b:c/d"),
        ("multipart/form-data ;boundary=a;boundary=b", b"a"),
        ("multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk", b"----WebKitFormBoundary7MA4YWxk"),
        ("multipart/form-data; boundary=" + "a" * 4000, b"a" * 4000),
        ("multipart/form-data", MALFORMED),
        ("multipart/form-data;", MALFORMED),
        ("multipart/form-data; boundary=", MALFORMED),
        ('multipart/form-data; boundary=""', MALFORMED),
        ("multipart/form-data; boundary=a b", MALFORMED),
        ('multipart/form-data; boundary="a', MALFORMED),
        ("multipart/form-data boundary=abc", NOT_A_FORM),
        ("multipart/related; boundary=abc", NOT_A_FORM),
        ("multipart/form-data2; boundary=abc", NOT_A_FORM),
        ("application/json", NOT_A_FORM),
        ("application/x-www-form-urlencoded", NOT_A_FORM),
        ("", NOT_A_FORM),
        (None, NOT_A_FORM),
    ],
)
def test_boundary(content_type: str | None, expected: bytes | UploadFlaw) -> None:
    assert boundary(content_type) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # plug v1.4.3, the examples of Utils.params/1 and token/1
        (b"foo=bar", {b"foo": b"bar"}),
        (b"  foo=bar  ", {b"foo": b"bar"}),
        (b"FOO=bar", {b"foo": b"bar"}),
        (b"Foo=bar; baz=BOING", {b"foo": b"bar", b"baz": b"BOING"}),
        (b"foo=BAR ; wat", {b"foo": b"BAR"}),
        (b'foo="bar"; baz="boing"', {b"foo": b"bar", b"baz": b"boing"}),
        (b'foo="bar;"; baz="boing"', {b"foo": b"bar;", b"baz": b"boing"}),
        (b"=", {}),
        (b"foo=<foo>", {}),
        (b'foo="<foo>"', {b"foo": b"<foo>"}),
        (rb'foo="<f\oo>\"<b\ar>"', {b"foo": b'<foo>"<bar>'}),
        (b"foo=foo bar", {}),
        # and by its source
        (b'name="a"; name="b"', {b"name": b"a"}),
        (b'name =a; n[]="b"', {}),
        (b'name=; filename=""', {b"filename": b""}),
        (b'name="a" b; filename="c', {}),
        (rb'filename="C:\dir\cat.png"', {b"filename": b"C:dircat.png"}),
        (rb'name="\";x=y', {b"x": b"y"}),
        (b"name=\xc3\xa9", {b"name": b"\xc3\xa9"}),
        (b";;a=b;", {b"a": b"b"}),
    ],
)
def test_parameters(text: bytes, expected: dict[bytes, bytes]) -> None:
    assert parameters(text) == expected


CLOSE = b"\r\n--xYz--"
ONE = b"--xYz\r\n" + FIELD.encode()
FORMS: list[tuple[bytes, tuple[str | None, str | None, bytes] | UploadFlaw]] = [
    (form((PICTURE, b"\x89PNG")), ("image/png", "cat.png", b"\x89PNG")),
    (form((OTHER, b"1"), (PICTURE, b"2"), (OTHER, b"3")), ("image/png", "cat.png", b"2")),
    # The last one wins, whatever it is; one that is skipped is no one.
    (form((PICTURE, b"1"), (FIELD, b"2")), (None, None, b"2")),
    (form((FIELD, b"1"), (PICTURE, b"2")), ("image/png", "cat.png", b"2")),
    (form((PICTURE, b"1"), (FIELD + '; filename=""', b"2")), ("image/png", "cat.png", b"1")),
    (form((FIELD + '; filename=""', b"")), NO_FIELD),
    (form((FIELD + "; filename=", b"x")), (None, None, b"x")),
    (form((FIELD + '; filename="a"', b"x")), (None, "a", b"x")),
    (form((FIELD, b"")), (None, None, b"")),
    (form((OTHER, b"1")), NO_FIELD),
    (form(("Content-Type: image/png", b"1")), NO_FIELD),
    (form(("Content-Disposition: form-data", b"1")), NO_FIELD),
    (form(('Content-Disposition: form-data; filename="a"', b"1")), NO_FIELD),
    (form(('Content-Disposition: form-data; name="FILE"', b"1")), NO_FIELD),
    (form(('Content-Disposition: form-data; name="file[]"', b"1")), NO_FIELD),
    # The word before the semicolon is not looked at, and lines may be folded.
    (form(('cONTENT-dISPOSITION \t:\t attachment; NAME=file;\r\n filename="b"', b"x")), (None, "b", b"x")),
    (form((OTHER + "\r\n" + FIELD, b"x")), (None, None, b"x")),
    (form((FIELD + "\r\n" + OTHER, b"x")), NO_FIELD),
    (form((PICTURE + "\r\nContent-Type: text/plain ", b"x")), ("text/plain ", "cat.png", b"x")),
    (form((FIELD + '; filename="../../etc/passwd"', b"x")), (None, "../../etc/passwd", b"x")),
    (form((FIELD + '; filename="a\0b"', b"x")), (None, "a\0b", b"x")),
    (ONE + b'; filename="\xff"\r\n\r\nx' + CLOSE, (None, "\udcff", b"x")),
    # Encodings are not undone.
    (form((PICTURE + "\r\nContent-Transfer-Encoding: base64", b"eA==")), ("image/png", "cat.png", b"eA==")),
    # A form in a form is bytes.
    (
        form((PICTURE, form((PICTURE, b"in"), mark="inner"))),
        ("image/png", "cat.png", form((PICTURE, b"in"), mark="inner")),
    ),
    (b"preamble --xYz\r\n\r\n" + form((FIELD, b"x")), (None, None, b"x")),
    (b"\r\n" + form((FIELD, b"x")), (None, None, b"x")),
    (form((FIELD, b"x")) + b"--xYz\r\n\r\nepilogue" * 9, (None, None, b"x")),
    (ONE + b"\r\n\r\nx" + CLOSE, (None, None, b"x")),
    # Behind the header a boundary may follow at once.
    (ONE + b"\r\n\r\n--xYz--", (None, None, b"")),
    (ONE + b"\r\n\r\n\r\n--xYz--", (None, None, b"")),
    (ONE + b"\r\n\r\n\r\n\r\n--xYz--", (None, None, b"\r\n")),
    (ONE + b"\r\n\r\n\r\n--xY\r\n\r\r\n-\n--xYz" + CLOSE, (None, None, b"\r\n--xY\r\n\r\r\n-\n--xYz")),
    # Text has to be UTF-8, a file has not.
    (form((FIELD, b"\xe2\x82\xac")), (None, None, b"\xe2\x82\xac")),
    (form((FIELD, b"\xe2\x82")), MALFORMED),
    (form((OTHER, b"\xff"), (PICTURE, b"x")), MALFORMED),
    (form((PICTURE, b"\xff")), ("image/png", "cat.png", b"\xff")),
    (b"--xYz--", NO_FIELD),
    (b"text\r\n--xYz--", NO_FIELD),
    (b"", MALFORMED),
    (b"no boundary", MALFORMED),
    (b"--xYz", MALFORMED),
    (b"--xYz \r\n" + FIELD.encode() + b"\r\n\r\nx" + CLOSE, MALFORMED),
    (b"--xYz\n" + FIELD.encode() + b"\n\nx\n--xYz--", MALFORMED),
    (b"--xYz\r\n\r\nx" + CLOSE, MALFORMED),
    (b"--xYz\r\nno colon\r\n\r\nx" + CLOSE, MALFORMED),
    (b"--xYz\r\n name: x\r\n\r\nx" + CLOSE, MALFORMED),
    (b"--xYz\r\na: b\rc\r\n\r\nx" + CLOSE, MALFORMED),
    (ONE + b"\r\n\r\nx\r\n--xYzz--", MALFORMED),
    (ONE + b"\r\n\r\nx", MALFORMED),
    (ONE + b"\r\n\r\nx\r\n--xYz", MALFORMED),
    (ONE + b"\r\n\r\nx\r\n--xYz-", MALFORMED),
    (form((PICTURE, b"1")).removesuffix(b"--\r\n") + b"\r\n" + PICTURE.encode(), MALFORMED),
    # The limit counts what is between the lines of parts with names, and is itself too much.
    (form((PICTURE, b"x" * (LIMIT - 1))), ("image/png", "cat.png", b"x" * (LIMIT - 1))),
    (form((PICTURE, b"x" * LIMIT)), TOO_BIG),
    (form((OTHER, b"x" * (LIMIT - 1)), (PICTURE, b"x")), TOO_BIG),
    (form(("A: b", b"x" * LIMIT), (FIELD + '; filename=""', b"y" * LIMIT), (FIELD, b"x")), (None, None, b"x")),
    (b"p" * LIMIT + b"\r\n" + form((FIELD, b"x")) + b"e" * LIMIT, (None, None, b"x")),
    (form((OTHER, b"x" * (LIMIT - 1) + b"\xff" + b"x" * LIMIT)), MALFORMED),
    (form((OTHER, b"x" * LIMIT + b"\xff")), TOO_BIG),
    # Ours: heads and their number have bounds.
    (form((FIELD + "\r\nX: " + "x" * (HEAD - len(FIELD) - 7), b"x")), (None, None, b"x")),
    (form((FIELD + "\r\nX: " + "x" * (HEAD - len(FIELD) - 6), b"x")), MALFORMED),
    (b"--xYz\r\nX: " + b"x" * HEAD, MALFORMED),
]  # fmt: skip


def seen(found: tuple[Upload | UploadFlaw, bytes]) -> tuple[str | None, str | None, bytes] | UploadFlaw:
    result, data = found
    if isinstance(result, UploadFlaw):
        return result
    assert result.size == len(data)
    return result.type, result.filename, data


@pytest.mark.parametrize(("body", "expected"), FORMS)
def test_form(body: bytes, expected: tuple[str | None, str | None, bytes] | UploadFlaw) -> None:
    assert seen(read(body)) == expected
    if len(body) < 3000:
        assert seen(read(body, *range(len(body)))) == expected, "byte by byte"
        for cut in range(1, len(body)):
            assert seen(read(body, cut)) == expected


@given(st.data())
def test_any_cuts_give_the_same(data: st.DataObject) -> None:
    body, expected = data.draw(st.sampled_from(FORMS))
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=20))
    assert seen(read(body, *cuts)) == expected


PIECES = st.sampled_from(
    [b"--xYz", b"--xYz--", b"\r\n", b"\r", b"\n", b"-", b":", b" ", b"\xff", b"\xe2\x82", b"x" * 300, *(
        text.encode() for text in (FIELD, OTHER, PICTURE, "Content-Disposition: form-data; name=")
    ), b";", b'"', b"\\", b'filename="', b"Content-Type: a"]
)  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=8), max_size=60), st.lists(st.integers(0, 4000), max_size=12))
def test_whatever_comes_is_worked_the_same_way_and_never_raises(pieces: list[bytes], cuts: list[int]) -> None:
    body = b"".join(pieces)
    assert seen(read(body)) == seen(read(body, *cuts))


@given(st.binary(max_size=300))
def test_parameters_never_raise(text: bytes) -> None:
    for name, value in parameters(text).items():
        assert name == name.lower()
        assert isinstance(value, bytes)


@given(st.text(max_size=100))
def test_boundary_never_raises(text: str) -> None:
    boundary(text)
    boundary("multipart/form-data;" + text)


@given(st.lists(st.tuples(st.sampled_from([FIELD, OTHER, PICTURE]), st.binary(max_size=60)), max_size=6))
def test_what_was_sent_comes_out(parts: list[tuple[str, bytes]]) -> None:
    mark = "n0tInThere"
    result, data = read(form(*parts, mark=mark), mark=mark.encode())
    if any(head != PICTURE and body != body.decode("utf-8", "ignore").encode() for head, body in parts):
        assert result is MALFORMED
        return
    wanted = [(head, body) for head, body in parts if head != OTHER]
    if not wanted:
        assert result is NO_FIELD
        return
    assert isinstance(result, Upload)
    assert data == wanted[-1][1]
    assert result.filename == ("cat.png" if wanted[-1][0] == PICTURE else None)


def test_parts_have_a_bound() -> None:
    parts = b"--xYz\r\na: b\r\n\r\n\r\n" * (PARTS - 1)
    assert seen(read(parts + form((FIELD, b"x")))) == (None, None, b"x")
    assert seen(read(parts + form((OTHER, b""), (FIELD, b"x")))) is MALFORMED


def test_nothing_of_it_is_held_in_memory() -> None:
    shelf = Shelf(House(memory=0))
    taken = Form(b"xYz", "file", 1 << 30, shelf.begin)
    chunk = b"\r\n--xY" * 10_000
    tracemalloc.start()
    try:
        for head in (PICTURE, OTHER, FIELD + '; filename=""'):
            taken.push(b"\r\n--xYz\r\n" + head.encode() + b"\r\n\r\n")
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(200):
                taken.push(chunk)
            assert tracemalloc.get_traced_memory()[0] - before < 2 * len(chunk)
    finally:
        tracemalloc.stop()
        taken.abandon()
        shelf.clear()
        shelf.house.close()


def test_it_is_over_at_once() -> None:
    shelf = Shelf()
    taken = Form(b"xYz", "file", LIMIT, shelf.begin)
    taken.push(form((PICTURE, b"x" * LIMIT))[: 200 + LIMIT])
    assert taken.over
    assert shelf.total == 0
    taken.push(b"more")
    assert taken.result() is TOO_BIG


@pytest.mark.parametrize(
    ("headers", "field", "expected"),
    [
        ((("content-type", "multipart/form-data; boundary=a"),), "file", Form),
        ((("Content-Type", "text/plain"),), "file", NOT_A_FORM),
        ((), "file", NOT_A_FORM),
        ((), None, Whole),
        ((("Content-Length", "10"),), None, Whole),
        ((("Content-Length", "11"),), None, TOO_BIG),
    ],
)
def test_who_takes_a_body(headers: Headers, field: str | None, expected: object) -> None:
    shelf = Shelf()
    found = taker(Request("PUT", "/", headers=headers), Stored(field, 10), shelf.begin)
    if isinstance(found, UploadFlaw):
        assert found is expected
        return
    assert type(found) is expected
    found.abandon()
    assert not shelf._writings


def test_whole_body() -> None:
    shelf = Shelf()
    whole = Whole("a/b", 10, shelf.begin)
    whole.push(b"12345")
    whole.push(b"67890")
    assert not whole.over
    upload = whole.result()
    assert isinstance(upload, Upload)
    assert (upload.size, upload.type, upload.filename) == (10, "a/b", None)
    whole.abandon()
    assert shelf.head(upload.key) is upload
    more = Whole(None, 10, shelf.begin)
    more.push(b"12345678901")
    assert more.over
    assert more.result() is TOO_BIG
    assert (shelf.total, shelf._writings) == (10, set())

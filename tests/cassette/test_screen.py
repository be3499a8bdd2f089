"""Rows on a screen: as wide as it is, and harmless."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cassette.screen import Screen, as_json, cells, cut, safe
from simulator.cassette.timeline import Row, held, rows
from tests.cassette import tapes
from tests.cassette.tapes import said, tape


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 😀", "plain é 漢 😀"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\rc\td", "a\\nb\\rc\\td"),
        ("\u202eevil\u2066", "\\u{202e}evil\\u{2066}"),
        ("\u200b\u2028", "\\u{200b}\\u{2028}"),
        ("\ud800", "\\u{d800}"),
        ("\x7f", "\\x7f"),
        ("\U000e0001", "\\u{e0001}"),
    ],
)
def test_safe(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text())
def test_nothing_moves_the_cursor(text: str) -> None:
    shown = safe(text)
    assert shown.isprintable()
    shown.encode()


@pytest.mark.parametrize(("text", "wide"), [("abc", 3), ("漢字", 4), ("é", 1), ("e\u0301", 1), ("😀", 2)])
def test_cells(text: str, wide: int) -> None:
    assert cells(text) == wide


@given(st.text(st.characters(codec="utf-8")).map(safe), st.integers(2, 40))
def test_cut_fits(text: str, width: int) -> None:
    shown = cut(text, width)
    assert cells(shown) <= width
    assert shown == text or (shown[-1] == "…" and text.startswith(shown[:-1]))


def shown(row: Row, width: int | None = None, colour: bool = False, **more: bool) -> list[str]:
    return Screen(width, colour, **more).lines(row)


def test_a_row() -> None:
    [_, row, *_] = rows(tape(*tapes.chip()))
    assert shown(row) == ["   0.100000   #1 > start_chat                   {}"]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_rows_are_as_wide_as_the_screen(width: int) -> None:
    name, text = "漢" * 40, "é漢" * 500
    frames = [said("client", f'{{"type":"{kind}","x":"{text}"}}') for kind in ("a", "b" * 28)]
    for row in rows(tape(*frames)):
        [line] = shown(row, width)
        # The last character may be two columns wide, and not fit.
        assert cells(line) in (max(width, 48 + 20), max(width, 48 + 20) - 1)
        assert line.endswith("…")
    [row] = rows(tape(said("client", f'{{"type":"{name}"}}')))
    assert f"> {name[:19]}… {{}}" in shown(row, 80)[0]
    assert name in shown(row)[0]


def test_frames_cannot_colour_the_screen() -> None:
    evil = '{"type":"\\u001b[31mred","x":"\\u001b]52;c;aGk=\\u0007"}'
    for row in rows(tape(said("client", evil), said("server", "\x1b[2J\x9b"), tapes.opened("/\x1b[0m"))):
        for raw in (False, True):
            for line in shown(row, 200, raw=raw, decoded=True):
                assert line.isprintable()


def test_colour() -> None:
    found = [*rows(tape(*tapes.socketio()))]
    coloured = [line for row in found for line in shown(row, 80, True, decoded=True)]
    plain = [line for row in found for line in shown(row, 80, False, decoded=True)]
    assert [re.sub(r"\x1b\[\d+m", "", line).rstrip() for line in coloured] == plain
    assert all(line.count("\x1b[0m") * 2 == line.count("\x1b[") for line in coloured)
    assert any("\x1b[32m" in line for line in coloured)


def test_decoded() -> None:
    found = {row.name: row for row in held(rows(tape(*tapes.socketio())))}
    assert shown(found["save"], decoded=True) == [
        '   1.000000   #1 > save                         {"text":"hello"}',
        "                    Socket.IO event, namespace /admin, ack id 7",
        '                    answered after 0.250 s, line 73: {"ok":true}',
    ]
    assert shown(found["ack of save"], decoded=True) == [
        '   1.250000   #1 < ack of save                  {"ok":true}',
        "                    Socket.IO ack, namespace /admin, ack id 7",
        f"                    answers save, line {found['save'].line}, 0.250 s after it",
    ]
    assert shown(found["(ping)"], decoded=True)[1].strip() == "Engine.IO ping"


def test_raw() -> None:
    [row] = rows(tape(said("client", b"\x00\xff")))
    assert shown(row, raw=True)[0].endswith(" 00ff")
    [row] = rows(tape(said("client", '{"type":"a", "x":1}')))
    assert shown(row, raw=True)[0].endswith(' {"type":"a", "x":1}')


def test_unreadable_and_redacted() -> None:
    [row] = rows(tape(said("client", '0{"sid":"x"}', redacted=True)))
    assert shown(row)[0].endswith(" ~")
    [_, row] = rows(tape(tapes.opened(tapes.POLLING), said("client", "nonsense")))
    first, second = shown(row, 80)
    assert "(unreadable)" in first
    assert second.strip() == "not an Engine.IO packet"


def test_a_long_answer_is_told_in_short() -> None:
    frames = [said("client", '420["a"]'), said("server", f'430["{"x" * 5000}"]')]
    [_, row, _] = held(rows(tape(tapes.opened(tapes.POLLING), *frames)))
    assert shown(row, decoded=True)[2].endswith("x...")
    assert len(shown(row, decoded=True)[2]) < 1100


def test_http_and_what_is_of_no_conn() -> None:
    row = Row(1, 2.0, "http", 7, "client", "GET /", "200")
    assert shown(row) == ["   2.000000 http 7 > GET /                        200"]
    row = Row(1, 2.0, "cut", None, name="(cut)", payload="over")
    assert shown(row) == ["   2.000000      * (cut)                        over"]


def test_json() -> None:
    found = [*held(rows(tape(*tapes.socketio())))]
    told = [json.loads(json.dumps(as_json(row))) for row in found]
    by_name = {row["name"]: row for row in told}
    save, ack = by_name["save"], by_name["ack of save"]
    assert save == {
        "line": save["line"],
        "at": 1.0,
        "kind": "frame",
        "conn": 1,
        "from": "client",
        "name": "save",
        "topic": "/admin",
        "ref": "7",
        "payload": '{"text":"hello"}',
        "text": '42/admin,7["save",{"text":"hello"}]',
        "note": "Socket.IO event, namespace /admin, ack id 7",
        "via": "websocket",
        "link": 2,
        "answered": ack["line"],
        "size": 35,
    }
    assert ack["answers"] == save["line"]
    assert by_name["(attachment)"]["bytes"] == "00ff"
    assert by_name["(ping)"]["heartbeat"] is True
    assert by_name["(noop)"]["body"] == 4
    assert as_json(Row(1, 2.0, "http", 7, redacted=True)) == {
        "line": 1, "at": 2.0, "kind": "http", "http": 7, "redacted": True,
    }  # fmt: skip
    assert as_json(Row(1, 2.0, "cut", None)) == {"line": 1, "at": 2.0, "kind": "cut"}

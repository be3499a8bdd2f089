"""What stands in the file, letter by letter."""

from __future__ import annotations

import pytest

from simulator.cassette.entries import (
    Beside,
    Closed,
    Cut,
    Entry,
    Exchange,
    Header,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.records import dump, dump_header


def test_header() -> None:
    head = Header(
        "chip", "2026-11-20T20:00:00Z", None, "https://chat.example.test", "simulator 0.1.0", ("header authorization",)
    )
    assert dump_header(head).decode() == (
        "cassette: 1\nbackend: 'chip'\nrecorded: '2026-11-20T20:00:00Z'\nupstream: 'https://chat.example.test'\n"
        "recorder: 'simulator 0.1.0'\nredacted: ['header authorization']\nentries:\n"
    )
    assert dump_header(Header(by_hand="a document")).decode() == (
        "cassette: 1\nbackend: null\nby_hand: 'a document'\nredacted: []\nentries:\n"
    )


@pytest.mark.parametrize(
    ("entry", "record"),
    [
        (Passed(0.204311, 1, "client", '{"a":1}'), "- at: 0.204311\n  conn: 1\n  from: client\n  text: '{\"a\":1}'\n"),
        (
            Passed(3.25, 1, "server", b"\x00\xff\x01", redacted=True),
            "- at: 3.250000\n  conn: 1\n  from: server\n  redacted: true\n  bytes: !!binary AP8B\n",
        ),
        (
            Passed(0, 2, "server", "2", "polling", 3, 2),
            "- at: 0.000000\n  conn: 2\n  from: server\n  via: polling\n  body: 3\n  link: 2\n  text: '2'\n",
        ),
        (
            Opened(0, 1, "/ws?a=1", (("Origin", "https://app.example.test"),)),
            "- at: 0.000000\n  conn: 1\n  event: open\n  path: '/ws?a=1'\n  headers: {Origin: 'https://app.example.test'}\n",
        ),
        (
            Opened(0, 1, "/", (), (("Sec-WebSocket-Protocol", "x"),), True),
            "- at: 0.000000\n  conn: 1\n  event: open\n  path: '/'\n  answer: {Sec-WebSocket-Protocol: 'x'}\n"
            "  redacted: true\n  headers: {}\n",
        ),
        (
            Refused(1, 1, "/", (("A1b", "b"),), TapedResponse(403, (), "no")),
            "- at: 1.000000\n  conn: 1\n  event: refused\n  path: '/'\n  headers: {A1b: 'b'}\n"
            "  response: {status: 403, headers: {}, text: 'no'}\n",
        ),
        (
            Upgraded(1, 1, 2, "/"),
            "- at: 1.000000\n  conn: 1\n  event: upgrade\n  link: 2\n  path: '/'\n  headers: {}\n",
        ),
        (
            Closed(9.001, 1, 4001, "bye", "server"),
            "- at: 9.001000\n  conn: 1\n  event: close\n  code: 4001\n  reason: 'bye'\n  by: server\n",
        ),
        (
            Closed(9, 1, None, "", "client", 2),
            "- at: 9.000000\n  conn: 1\n  event: close\n  link: 2\n  code: null\n  reason: ''\n  by: client\n",
        ),
        (Cut(9, 1, "x"), "- at: 9.000000\n  conn: 1\n  event: cut\n  why: 'x'\n"),
        (Lost(9, None, 2, "x"), "- at: 9.000000\n  event: lost\n  count: 2\n  why: 'x'\n"),
        (
            Exchange(
                4.001,
                2,
                0.5,
                TapedRequest("POST", "/file", (("Set-Cookie", "a"), ("Set-Cookie", "b")), b"\xff"),
                TapedResponse(200, (), Beside("x.files/1", 9, "ab")),
            ),
            "- at: 4.001000\n  http: 2\n  took: 0.500000\n"
            "  request: {method: 'POST', path: '/file', headers: {Set-Cookie: ['a', 'b']}, bytes: !!binary /w==}\n"
            "  response: {status: 200, headers: {}, file: {path: 'x.files/1', size: 9, sha256: 'ab'}}\n",
        ),
        (
            Exchange(4, 2, 0, TapedRequest("GET", "/", (("A-b", "1"), ("no", "2"), ("A-b", "3"))), None),
            "- at: 4.000000\n  http: 2\n  took: 0.000000\n"
            "  request: {method: 'GET', path: '/', headers: [['A-b', '1'], ['no', '2'], ['A-b', '3']]}\n  response: null\n",
        ),
        (
            Opened(0, 1, "/", (("no", "1"), ("Off", "2"))),
            "- at: 0.000000\n  conn: 1\n  event: open\n  path: '/'\n  headers: {'no': '1', 'Off': '2'}\n",
        ),
    ],
)  # fmt: skip
def test_records(entry: Entry, record: str) -> None:
    assert dump(entry).decode() == record

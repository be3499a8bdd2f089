"""Rows of a timeline."""

from __future__ import annotations

import json
from typing import cast

import pytest

from simulator import backends
from simulator.cassette.entries import (
    Beside,
    Cut,
    Entry,
    Exchange,
    Lost,
    Refused,
    TapedRequest,
    TapedResponse,
)
from simulator.cassette.timeline import Filter, held, rows, told
from simulator.core.message import Json, Message
from tests.cassette import tapes
from tests.cassette.tapes import said, tape


def table(entries: list[Entry], backend: str | None = None) -> list[tuple[str, str, str, str]]:
    found = rows(tape(*entries), None if backend is None else backends.load(backend))
    return [(row.kind, row.sender, row.name, row.payload) for row in found]


def test_a_talk_with_chip() -> None:
    expected = [
        ("open", "client", "(open)", tapes.CHIP),
        ("frame", "client", "start_chat", "{}"),
        ("frame", "server", "chat_started", '{"chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}'),
        ("frame", "client", "send_msg", '{"text":"hello"}'),
        (
            "frame",
            "server",
            "chat_out",
            '{"msg_out":{"id":34634,"text":"You said: hello","origin":"flow","time":"2024-05-01T17:15:30.123456Z"}}',
        ),
        ("frame", "client", "ack_chat", '{"msg_id":34634}'),
        ("close", "client", "(close)", "1000"),
    ]
    assert table(tapes.chip()) == expected
    assert table(tapes.chip(), "chip") == expected


def test_a_socketio_session() -> None:
    names = [(sender, name, payload) for _, sender, name, payload in table(tapes.socketio())]
    assert names == [
        ("client", "(open)", tapes.POLLING),
        ("server", "(open)", ""),
        ("client", "connect", '{"token":"t"}'),
        ("client", "connect", ""),
        ("server", "connect", '{"sid":"oSO0OpakMV_3jnilAAAC"}'),
        ("server", "connect_error", '{"message":"not here"}'),
        ("client", "(upgrade)", "/socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAB"),
        ("client", "(probe)", ""),
        ("server", "(probe answered)", ""),
        ("client", "(upgrade)", ""),
        ("server", "(noop)", ""),
        ("client", "save", '{"text":"hello"}'),
        ("server", "ack of save", '{"ok":true}'),
        ("server", "(ping)", ""),
        ("client", "(pong)", ""),
        ("server", "(head of 2 attachments)", ""),
        ("server", "(attachment)", ""),
        ("server", "picture", f"<2 bytes: 00 ff> <40 bytes: {'01 ' * 32}...>"),
        ("client", "disconnect", ""),
        ("client", "(close)", "1000"),
    ]


def test_answers_know_what_they_answer_and_it_knows_them() -> None:
    found = [*held(rows(tape(*tapes.socketio())))]
    assert [row.line for row in found] == sorted(row.line for row in found)
    pairs = [(row.answers.name, row.name, round(row.at - row.answers.at, 6)) for row in found if row.answers]
    assert pairs == [("connect", "connect", 0.1), ("connect", "connect_error", 0.1), ("save", "ack of save", 0.25)]
    assert all(row.answers.answered is row for row in found if row.answers)
    [save] = [row for row in found if row.name == "save"]
    assert (save.topic, save.ref, save.via, save.link) == ("/admin", "7", "websocket", 2)


def test_phoenix_replies_are_named_after_what_they_answer() -> None:
    found = [*rows(tape(*tapes.phoenix()))]
    assert [row.name for row in found if row.answers] == ["phx_reply to phx_join", "phx_reply to heartbeat"]
    assert [row.heartbeat for row in found] == [False, False, False, True, True, False, False, False]


def test_rows_wait_for_their_answers_but_not_for_ever() -> None:
    asked = [said("client", f'42{number}["a"]', number) for number in range(6)]
    entries: list[Entry] = [tapes.opened(tapes.POLLING), *asked, said("server", "430[]", 6), said("server", "435[]", 6)]
    found = [*held(rows(tape(*entries), window=3), 3)]
    assert [row.line for row in found] == sorted(row.line for row in found)
    # The first was forgotten while it waited: its answer finds nothing.
    assert [(row.ref, row.answers.ref) for row in found if row.answers is not None] == [("5", "5")]
    assert [row.ref for row in found if row.awaits] == ["3", "4", "5"]


def test_all_kinds_of_entries() -> None:
    request = TapedRequest("POST", "/upload?x", (), "{}")
    entries: list[Entry] = [
        Refused(0.0, 1, "/x", (), TapedResponse(403, (), "no")),
        Exchange(1.0, 2, 0.25, request, TapedResponse(200, (), b"\x00\x01")),
        Exchange(1.0, 3, 0.25, TapedRequest("GET", "/"), None, redacted=True),
        Exchange(1.0, 4, 0.25, TapedRequest("PUT", "/", (), Beside("a.files/1", 7, "f")), TapedResponse(204)),
        Exchange(1.0, 5, 0.25, TapedRequest("PUT", "/", (), Beside(None, 7, "f")), TapedResponse(204)),
        Lost(2.0, None, 3, "disk full"),
        tapes.closed(3.0, 9, None),
        Cut(4.0, None, "the recording ended"),
    ]
    found = [*rows(tape(*entries))]
    assert [(row.kind, row.conn, row.name, row.payload, row.note, row.size) for row in found] == [
        ("refused", 1, "(refused)", "/x", "status 403", 0),
        ("http", 2, "POST /upload?x", "200 {} -> <2 bytes: 00 01>", "took 0.250 s", 4),
        ("http", 3, "GET /", "no answer", "took 0.250 s", 0),
        ("http", 4, "PUT /", "204 <7 bytes in a.files/1>", "took 0.250 s", 7),
        ("http", 5, "PUT /", "204 <7 bytes, not kept>", "took 0.250 s", 7),
        ("lost", None, "(lost)", "3: disk full", "", 0),
        ("close", 9, "(close)", "without a code", "", 0),
        ("cut", None, "(cut)", "the recording ended", "", 0),
    ]
    assert [row.redacted for row in found] == [False, False, True, False, False, False, False, False]
    assert found[0].raw == "no"


@pytest.mark.parametrize(
    ("data", "name", "payload", "wrong"),
    [
        ("nonsense", "(unreadable)", "nonsense", "invalid character"),
        (b"\xff", "(unreadable)", "", "invalid character"),
        ('{"x":1}', "(unreadable)", '{"x":1}', 'no "type"'),
    ],
)
def test_frames_that_cannot_be_read(data: str | bytes, name: str, payload: str, wrong: str) -> None:
    [row] = rows(tape(said("client", data)), backends.load("chip"))
    assert (row.name, row.payload) == (name, payload)
    assert wrong in row.wrong


def test_messages_without_a_name() -> None:
    assert [row.name for row in rows(tape(said("client", "hello")))] == ["(message)"]
    [_, row] = rows(tape(tapes.opened(tapes.POLLING), said("server", "4399[1]")))
    assert (row.name, row.payload) == ("(ack)", "1")


def test_a_long_poll_has_several_messages() -> None:
    body = '{"messages":[["1",null,"t","a",{"x":1}],["1",null,"t","b",{}]],"status":200,"token":"t"}'
    [row] = rows(tape(said("server", body, via="longpoll")), backends.load("aida"))
    assert (row.name, row.payload, row.topic, row.ref) == ("a, b", '{"x":1} {}', "", "")


def test_payloads_that_json_has_no_words_for() -> None:
    assert (
        told(Message("a", (2**70, "\ud800", cast("Json", {"b": b"\x00"}))))
        == f'{2**70} "\ud800" {{"b":"<1 bytes: 00>"}}'
    )
    json.loads(told(Message("a", ({"x": [1.5, None, "é"]},))))


def test_sizes_are_bytes() -> None:
    sizes = [row.size for row in rows(tape(said("client", "é😀"), said("client", b"\xff"), said("client", "\udcff")))]
    assert sizes == [6, 1, 3]


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (Filter(), 20),
        (Filter(conns=frozenset({2})), 0),
        (Filter(conns=frozenset({1})), 20),
        (Filter(sender="server"), 10),
        (Filter(names=("save",)), 2),
        (Filter(names=("conn*", "(p?ng)")), 6),
        (Filter(names=("SAVE",)), 0),
        (Filter(text="HELLO"), 1),
        (Filter(text="num"), 1),
        (Filter(text="ack of"), 1),
        (Filter(since=1.0, until=2.0), 4),
        (Filter(heartbeats=False), 17),
        (Filter(heartbeats=False, since=2.0, until=2.0), 0),
    ],
)
def test_filters(wanted: Filter, lines: int) -> None:
    assert len([row for row in rows(tape(*tapes.socketio())) if wanted.wants(row)]) == lines

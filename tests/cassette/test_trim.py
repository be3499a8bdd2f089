"""Parts of cassettes, which can be played."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import backends
from simulator.cassette.check import ERROR, check
from simulator.cassette.entries import (
    Closed,
    Cut,
    Entry,
    Exchange,
    Lost,
    Opened,
    Passed,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.timeline import rows
from simulator.cassette.trim import WHY, Wanted, cut, plan
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said, tape


def trimmed(entries: list[Entry], rebase: bool = False, backend: str | None = None, **wanted: Any) -> list[Entry]:
    chosen = None if backend is None else backends.load(backend)
    made = plan(tape(*entries), Wanted(**wanted), chosen)
    part = [*cut(tape(*entries), made, rebase)]
    # Whatever was taken out, the rest is a cassette that holds.
    findings = [finding for finding in check(tape(*part), chosen) if finding.level == ERROR]
    assert backend is None or not [finding for finding in findings if "knows no message" not in finding.why]
    assert not [row.wrong for row in rows(tape(*part), chosen) if row.wrong]
    return part


def names(entries: list[Entry]) -> list[str]:
    return [row.name for row in rows(tape(*entries))]


def test_all_of_it() -> None:
    for talk in (tapes.chip, tapes.socketio, tapes.phoenix, tapes.gateway):
        assert names(trimmed(talk())) == names(talk())


def test_by_time() -> None:
    part = trimmed(tapes.chip(), backend="chip", since=1.0, until=2.5)
    assert names(part) == ["(open)", "send_msg", "chat_out", "(cut)"]
    assert [entry.at for entry in part] == [0.0, 1.0, 2.5, 2.5]
    assert part[-1] == Cut(2.5, 1, WHY)


def test_rebased() -> None:
    part = trimmed(tapes.chip(), rebase=True, since=1.0, until=2.5)
    assert [entry.at for entry in part] == [0.0, 0.0, 1.5, 1.5]


def test_what_opened_a_session_stays() -> None:
    part = trimmed(tapes.socketio(), backend="mia", since=3.0)
    assert names(part) == [
        "(open)", "(open)", "connect", "connect", "connect", "connect_error", "(upgrade)", "(probe)", "(probe answered)",
        "(upgrade)", "(head of 2 attachments)", "(attachment)", "picture", "disconnect", "(close)",
    ]  # fmt: skip


def test_what_opened_later_than_the_part_does_not() -> None:
    part = trimmed(tapes.socketio(), backend="mia", until=0.3)
    assert names(part) == ["(open)", "(open)", "connect", "connect", "connect", "connect_error", "(cut)"]
    part = trimmed([*tapes.socketio()[:6], said("server", '42["a"]', 0.35, via="polling"), *tapes.socketio()[6:]],
                   backend="mia", until=0.4)  # fmt: skip
    assert names(part)[-2:] == ["a", "(cut)"]
    assert "(upgrade)" not in names(part)


def test_joins_of_topics_stay() -> None:
    part = trimmed(tapes.phoenix(), backend="aida", since=32.0)
    assert names(part) == ["(open)", "phx_join", "phx_reply to phx_join", "btu_msg", "(close)"]


def test_answers_go_with_what_they_answer() -> None:
    assert "ack of save" not in names(trimmed(tapes.socketio(), backend="mia", since=1.1))
    assert "ack of save" in names(trimmed(tapes.socketio(), backend="mia", since=1.0))
    part = trimmed(tapes.socketio(), backend="mia", drop=("save",))
    assert {"save", "ack of save"}.isdisjoint(names(part))
    part = trimmed(tapes.phoenix(), backend="aida", drop=("heartbeat",))
    assert names(part) == ["(open)", "phx_join", "phx_reply to phx_join", "utb_msg", "btu_msg", "(close)"]


def test_messages_keep_their_attachments() -> None:
    parts = ["(head of 2 attachments)", "(attachment)", "picture"]
    assert set(parts).isdisjoint(names(trimmed(tapes.socketio(), drop=("picture",))))
    polls: Any = {"via": "polling"}
    session: list[Entry] = [
        opened(tapes.POLLING),
        said("server", '0{"sid":"x"}', 0.0, **polls),
        said("client", '451-["a",{"_placeholder":true,"num":0}]', 1.0, **polls),
        said("client", "bAP8=", 2.0, **polls),
        said("client", '42["b"]', 3.0, **polls),
    ]
    assert names(trimmed([*session], since=1.5))[2:] == ["(head of an attachment)", "a", "b", "(cut)"]
    assert names(trimmed([*session], until=1.5)) == []


def test_packets_have_names_too() -> None:
    part = trimmed(tapes.socketio(), drop=("(p?ng)",))
    assert {"(ping)", "(pong)"}.isdisjoint(names(part))
    assert len(part) == len(tapes.socketio()) - 2


def test_by_connection() -> None:
    exchange = Exchange(1.0, 3, 0.0, TapedRequest("GET", "/"), TapedResponse(200))
    entries: list[Entry] = [opened(), opened(conn=2), said("client", "a"), said("client", "b", conn=2), exchange, Lost(1.0, None, 1, "x"),
               closed(), closed(conn=2), Cut(9.0, None, "over")]  # fmt: skip
    part = trimmed([*entries], conns=frozenset({2}))
    assert [type(entry) for entry in part] == [Opened, Passed, Closed]
    part = trimmed([*entries], conns=frozenset({1, 3}))
    assert [type(entry) for entry in part] == [Opened, Passed, Exchange, Closed]
    assert len(trimmed([*entries])) == 9


def test_around_an_event() -> None:
    entries: list[Entry] = [opened(), opened(conn=2)]
    frames = [said("client", f'{{"type":"n{at}"}}', at, at % 2 + 1) for at in range(20)]
    part = trimmed([*entries, *frames, closed(20.0), closed(20.0, 2)], around=("n10",), within=2.0)
    assert names(part) == ["(open)", "n8", "n10", "n12", "(cut)"]
    assert {entry.conn for entry in part if isinstance(entry, Passed)} == {1}
    part = trimmed([*entries, *frames], around=("n4", "n1[57]"), within=0.5)
    assert names(part) == ["(open)", "(open)", "n4", "n15", "n17", "(cut)", "(cut)"]
    assert trimmed([*entries, *frames], around=("nothing",)) == []


def test_how_conns_end() -> None:
    session = tapes.socketio()
    assert not [entry for entry in trimmed([*session]) if isinstance(entry, Cut)]
    assert [entry.conn for entry in trimmed([*session], until=4.5) if isinstance(entry, Cut)] == [1]
    ended: list[Entry] = [opened(), said("client", "a"), Cut(2.0, 1, "over")]
    assert len([entry for entry in trimmed(ended) if isinstance(entry, Cut)]) == 1
    full: list[Entry] = [opened(), said("client", "a"), Cut(2.0, None, "full")]
    assert len([entry for entry in trimmed(full) if isinstance(entry, Cut)]) == 1
    stray: list[Entry] = [opened(), said("client", "a"), closed(link=2), closed(conn=7)]
    part = cut(tape(*stray), plan(tape(*stray), Wanted()))
    assert [type(entry) for entry in part] == [Opened, Passed, Closed, Closed, Cut]


@pytest.mark.parametrize(("wanted", "messages"), [({}, 5), ({"since": 2.0}, 2), ({"since": 100.0}, 0)])
def test_how_much_there_is(wanted: Any, messages: int) -> None:
    assert plan(tape(*tapes.chip()), Wanted(**wanted)).messages == messages


def test_links_that_end_before_their_session() -> None:
    session = tapes.socketio()
    part = trimmed([*session[:-1], closed(4.5, link=1)])
    assert part[-1] == Cut(4.5, 1, WHY)


def test_frames_that_cannot_be_read_open_nothing() -> None:
    entries: list[Entry] = [opened(), said("client", "nonsense", 1.0), said("client", '{"type":"start_chat"}', 2.0)]
    made = plan(tape(*entries), Wanted(since=1.5), backends.load("chip"))
    assert [type(entry) for entry in cut(tape(*entries), made)] == [Opened, Passed, Cut]


def test_connections_that_said_nothing() -> None:
    entries: list[Entry] = [opened(), closed(1.0), opened(conn=2, at=2.0), said("client", "a", 3.0, 2), closed(4.0, 2)]
    assert len(trimmed(entries)) == 5
    assert {getattr(entry, "conn", None) for entry in trimmed(entries, since=0.5)} == {2}


def test_a_session_that_did_not_go_over_is_open_until_its_end() -> None:
    failed: list[Entry] = [
        opened(tapes.POLLING),
        Upgraded(0.5, 1, 2, "/socket.io/?EIO=4&transport=websocket&sid=x"),
        said("client", "2probe", link=2),
        closed(2.0, link=2),
        said("server", '42["x"]', 3.0, via="polling", body=1),
    ]
    assert isinstance(trimmed(failed)[-1], Cut)
    assert not isinstance(trimmed([*failed, closed(4.0, code=None)])[-1], Cut)

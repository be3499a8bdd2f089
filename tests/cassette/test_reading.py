"""Entries become turns: conn by conn, answers with what they answer."""

from __future__ import annotations

import pytest

from simulator import backends
from simulator.cassette.entries import Cut, Header, Upgraded
from simulator.cassette.envelopes import ENGINE, GATEWAY, PHOENIX, PLAIN, TYPED
from simulator.cassette.reading import Reading, backend_of
from simulator.core.errors import UnknownBackend
from simulator.core.wire import Turn
from tests.cassette import tapes
from tests.cassette.tapes import said


def test_backend_of() -> None:
    assert backend_of(Header(backend="chip")) is backends.load("chip")
    assert backend_of(Header(backend="chip"), "mia") is backends.load("mia")
    assert backend_of(Header()) is None
    assert backend_of(Header(backend="another")) is None
    with pytest.raises(UnknownBackend):
        backend_of(Header(), "another")


@pytest.mark.parametrize(
    ("entries", "kind"),
    [(tapes.chip, TYPED), (tapes.socketio, ENGINE), (tapes.phoenix, PHOENIX), (tapes.gateway, GATEWAY)],
)
def test_the_kind_is_told_from_frames(entries, kind) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    reading = Reading()
    assert reading.kind(1) == PLAIN
    for entry in entries()[:-1]:
        reading.pass_by(entry)
    assert reading.kind(1) == kind
    reading.pass_by(entries()[-1])
    assert reading.kind(1) == PLAIN


@pytest.mark.parametrize("name", ["chip", "concierge", "aida"])
def test_a_named_backend_reads_its_own(name: str) -> None:
    entries = {"chip": tapes.chip, "concierge": tapes.gateway, "aida": tapes.phoenix}[name]()
    reading = Reading(backends.load(name))
    turns = [turn for entry in entries for turn in reading.pass_by(entry)]
    assert turns
    assert all(turn.message is not None for turn in turns)


def test_phoenix_replies_answer_requests() -> None:
    reading = Reading()
    turns = [turn for entry in tapes.phoenix() for turn in reading.pass_by(entry)]
    names = [(turn.message.name, turn.answers and turn.answers.name) for turn in turns if turn.message]
    assert names == [
        ("phx_join", None),
        ("phx_reply", "phx_join"),
        ("heartbeat", None),
        ("phx_reply", "heartbeat"),
        ("utb_msg", None),
        ("btu_msg", None),
    ]


def test_the_first_that_asked_is_answered_first() -> None:
    reading = Reading()
    ask = '{"action":"api","data":{"route":"r","body":%d}}'
    for number in (1, 2):
        reading.pass_by(said("client", ask % number))
    for number in (1, 2):
        [turn] = reading.pass_by(said("server", '{"channel":"r","status":200,"body":{}}'))
        assert turn.answers is not None
        assert turn.answers.args == (number,)
    [turn] = reading.pass_by(said("server", '{"channel":"r","status":200,"body":{}}'))
    assert turn.answers is None


def test_what_is_never_answered_is_bounded() -> None:
    reading = Reading()
    for number in range(1001):
        reading.pass_by(said("client", f'["1","{number}","t","e",{{}}]'))
    [turn] = reading.pass_by(said("server", '["1","0","t","phx_reply",{}]'))
    assert turn.answers is None
    [turn] = reading.pass_by(said("server", '["1","1","t","phx_reply",{}]'))
    assert turn.answers is not None


def test_conns_are_bounded() -> None:
    reading = Reading()
    for conn in range(1, 10_002):
        reading.pass_by(tapes.opened(conn=conn, path="/?EIO=4"))
    reading.pass_by(said("client", "nonsense", conn=10_001))
    reading.pass_by(said("client", "nonsense", conn=1))
    assert (reading.kind(10_001), reading.kind(1)) == (ENGINE, PLAIN)


def test_a_session_ends_with_its_last_link() -> None:
    reading = Reading()
    for entry in tapes.socketio()[:-1]:
        reading.pass_by(entry)
    reading.pass_by(tapes.closed(link=1))
    assert reading.kind(1) == ENGINE
    reading.pass_by(tapes.closed(link=2))
    assert reading.kind(1) == PLAIN


def test_what_was_never_opened() -> None:
    reading = Reading()
    assert reading.pass_by(Upgraded(0.0, 7, 2, "/")) == []
    assert reading.pass_by(tapes.closed(conn=7)) == []
    assert reading.pass_by(Cut(0.0, 7, "")) == []
    [turn] = reading.pass_by(said("client", "hello", conn=7))
    assert turn.message is not None


def test_the_kind_is_looked_for_until_it_is_known() -> None:
    reading = Reading()
    reading.pass_by(said("client", "hello"))
    reading.pass_by(said("client", "there"))
    assert reading.kind(1) == PLAIN
    reading.pass_by(said("client", '{"type":"x"}'))
    assert reading.kind(1) == TYPED


def test_a_session_that_did_not_go_over_goes_on() -> None:
    reading = Reading()
    reading.pass_by(tapes.opened(tapes.POLLING))
    reading.pass_by(Upgraded(0.5, 1, 2, "/socket.io/?EIO=4&transport=websocket&sid=x"))
    reading.pass_by(said("client", "2probe", link=2))
    reading.pass_by(tapes.closed(link=2))
    assert reading.kind(1) == ENGINE
    reading.pass_by(tapes.closed(link=1))
    assert reading.kind(1) == PLAIN


def test_other_servers_are_read_as_what_they_are() -> None:
    reading = Reading(backends.load("mia"))
    reading.pass_by(tapes.opened())
    [turn] = reading.pass_by(said("client", '{"type":"start_chat"}'))
    assert turn.message is not None
    assert (reading.foreign(1), reading.kind(1)) == (True, TYPED)
    reading.pass_by(tapes.opened("/prefix/socket.io/?EIO=4&transport=websocket", conn=2))
    [turn] = reading.pass_by(said("client", '42["a"]', conn=2))
    assert (reading.foreign(2), reading.foreign(3)) == (False, False)
    # A path of its own says what it is, whatever passes there.
    reading = Reading(backends.load("chip"))
    reading.pass_by(tapes.opened())
    [turn] = reading.pass_by(said("client", '["1","1","t","e",{}]'))
    assert turn.message is None
    assert not reading.foreign(1)


def test_nobody_compares_a_thousand_levels() -> None:
    """What walks through them would end in the middle; 200 are more than anybody has."""

    def read(x: str) -> Turn:
        reading = Reading()
        reading.pass_by(tapes.opened("/ws"))
        [turn] = reading.pass_by(said("server", f'{{"type":"a","x":{x}}}'))
        return turn

    assert read("[" * 190 + "]" * 190).message is not None
    assert read("[" + ",".join(["[]"] * 500) + "]").message is not None
    for levels in (250, 1000):
        turn = read("[" * levels + "]" * levels)
        assert (turn.message, turn.why) == (None, "more than 200 lists and objects in each other")

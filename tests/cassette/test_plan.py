"""A tape made ready to be played."""

from __future__ import annotations

import pytest

from simulator.cassette import plan as plans
from simulator.cassette.entries import Closed, Cut, Entry, Lost
from simulator.cassette.strands import Part, Plan
from simulator.core.errors import CassetteError
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said


def read(*entries: Entry) -> Plan:
    return plans.read(tapes.tape(*entries), None)


def test_what_every_word_of_the_server_followed() -> None:
    plan = read(*tapes.socketio())
    [strand] = plan.strands
    assert [line.part for line in strand.lines] == [
        Part.OPEN, Part.JOIN, Part.JOIN, Part.ADMIT, Part.REFUSE, Part.SAID, Part.ANSWER, Part.SAID,
    ]  # fmt: skip
    assert strand.follows == {1: [3], 2: [4], 5: [6, 7]}
    assert strand.lines[7].args == (b"\x00\xff", b"\x01" * 40)
    assert strand.handshake["pingInterval"] == 25000
    assert (plan.lines(), plan.last) == (8, 5.0)


def test_what_can_not_be_played_is_told() -> None:
    plan = read(
        said("server", "x", 0.0, 7),
        opened("/a"),
        said("client", '{"type":"a"}'),
        said("server", "no json"),
        Lost(2.0, 1, 3, "the disk was full"),
        closed(),
        Closed(9.0, 99, 1000, "", "server"),
        Cut(9.0, 99, "x"),
    )
    assert [why.partition(": invalid")[0] for _, why in plan.remarks] == [
        "conn 7 says something before it begins or after its end",
        "the server's frame can't be read, and is not played",
        "3 records are missing here: the disk was full",
    ]
    assert plan.strands[0].cut == ""


def test_acknowledgements_of_nothing_and_replies_to_nothing_are_not_played() -> None:
    plan = read(
        opened("/socket.io/?EIO=4"),
        said("client", "40"),
        said("server", '40{"sid":"x"}'),
        said("server", '437["x"]'),
        said("client", '438["x"]'),
        said("server", '40/more,{"sid":"y"}'),
    )
    assert [why for _, why in plan.remarks] == ["an answer to what is not on the tape is not played"]
    assert [line.part for line in plan.strands[0].lines] == [Part.OPEN, Part.JOIN, Part.ADMIT, Part.SAID]


def test_values_that_go_both_ways() -> None:
    a, b = "65vbbDAQCdPdEWlEhDGy4utO", "75vbbDAQCdPdEWlEhDGy4utO"
    plan = read(
        opened("/a"),
        said("client", f'{{"type":"a","mine":"{b}"}}'),
        said("server", f'{{"type":"b","theirs":"{a}","yours":"{b}"}}'),
        said("client", f'{{"type":"c","x":"{a}","again":"{a}"}}'),
        said("server", f'{{"type":"d","x":"{a}","again":"{b}"}}'),
    )
    assert [(found.value, found.by, found.line, found.back) for found in plan.found] == [
        (b, "client", 11, 15),
        (a, "server", 15, 19),
    ]
    assert [line.mints for line in plan.strands[0].lines] == [(), (), (a,), (), ()]


def test_what_is_found_has_bounds(monkeypatch: object) -> None:
    values = [f"65vbbDAQCdPdEWlEhDGy{i:05}" for i in range(10_010)]
    text = '"},{"x":"'.join(values)
    plan = read(opened("/a"), said("server", f'[{{"x":"{text}"}}]'), said("client", f'[{{"x":"{text}"}}]'))
    assert len(plan.found) == 10_000


def test_of_connections_there_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "CONNS", 3)
    assert len(read(*(opened(conn=i) for i in range(1, 4))).strands) == 3
    with pytest.raises(CassetteError, match=r"^talk\.yaml:21: more than 3 connections can't be played: .*trim"):
        read(*(opened(conn=i) for i in range(1, 5)))

"""A tape as it is played."""

from __future__ import annotations

from simulator.cassette import plan as plans
from simulator.cassette.entries import Entry, Exchange, TapedRequest, TapedResponse
from simulator.cassette.strands import Plan, Strand, nearest_of, pack
from tests.cassette import tapes
from tests.cassette.tapes import opened


def read(*entries: Entry) -> Plan:
    return plans.read(tapes.tape(*entries), None)


def test_arguments_beyond_json_are_kept_as_they_are() -> None:
    assert pack((2**70,)) == (2**70,)
    assert pack((b"x",)) == (b"x",)
    assert pack(()) == ()
    assert pack((1,)) == b"[1]"


def test_an_instant_that_nobody_wrote_down() -> None:
    assert read(opened("/a")).recorded == 1_795_204_800
    assert plans.read(tapes.tape(opened("/a"), recorded=None, by_hand="a document"), None).recorded is None


def test_a_value_that_is_to_be_minted() -> None:
    plan = read(*tapes.chip())
    assert plan.mint("65vbbDAQCdPdEWlEhDGy4utO")
    assert plan.strands[0].lines[2].mints == ("65vbbDAQCdPdEWlEhDGy4utO",)
    assert not plan.mint("start_chat")
    served = Exchange(1.0, 2, 0.0, TapedRequest("GET", "/x"), TapedResponse(200, (), "the token is abcdef"))
    plan = read(served)
    assert plan.mint("abcdef")
    assert plan.exchanges[0].mints == ("abcdef",)
    assert not plan.mint("xyz")


def test_the_nearest_is_the_first_of_the_least_distance() -> None:
    strands = [Strand(conn, "/") for conn in range(5)]
    far = [3, 1, 2, 1, 0]
    assert nearest_of(strands[:4], lambda strand: far[strand.conn], 0) is strands[1]
    assert nearest_of([], lambda strand: 1, 0) is None
    looked: list[int] = []

    def look(strand: Strand) -> int:
        looked.append(strand.conn)
        return far[strand.conn]

    assert nearest_of(strands[::-1], look, 0) is strands[4]
    assert looked == [4]

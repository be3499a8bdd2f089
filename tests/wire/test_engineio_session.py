"""A session: its ids, and what it is called."""

from __future__ import annotations

from simulator.core.ids import Ids
from simulator.core.message import Request
from simulator.wire.engineio_http import ticket
from simulator.wire.engineio_session import Session, new_sid, sid_for
from tests.wire.sio import POLLING, Server


def test_a_session_that_polls_writes_when_it_is_polled() -> None:
    polling, polled, socket = (Session("abc", Request("GET", "/"), link, 1) for link in (None, None, 7))
    polled.poll = (1, Request("GET", "/"))
    assert [session.writable for session in (polling, polled, socket)] == [False, True, True]
    assert repr(polling) == "<session abc>"


def test_the_tail_of_an_id_counts() -> None:
    ids = Ids.seeded(1)
    tails = [new_sid(ids, "a")[16:] for _ in range(66)]
    assert [tails[i] for i in (0, 1, 63, 64, 65)] == ["AAAA", "AAAB", "AAA_", "AABA", "AABB"]


def test_ids_look_like_base64id() -> None:
    server = Server()
    first, second = server.open(), server.open()
    assert (len(first), first[16:], second[16:]) == (20, "AAAA", "AAAB")
    assert first[:16] != second[:16]


def test_ids_depend_on_what_the_client_brought() -> None:
    one, other = Server(), Server()
    a = one.open()
    other.request("GET", f"{POLLING}&x=1")
    other.socket()
    assert other.open() == a, "strangers change nothing"
    assert other.request("GET", f"{POLLING}&t=abc").body[9:29] != a.encode()
    assert Server().request("GET", f"{POLLING}&t=abc").body[9:29] == a.encode(), "what is only against caches"


def test_a_space_begins_its_sids_with_its_mark() -> None:
    """So that a poll which names no space is found; strangers are still told apart."""
    first, second = (sid_for(Request("GET", "/engine.io/", "EIO=4"), Ids.seeded(7)) for _ in range(2))
    ids = Ids.seeded(7)
    marked = [sid_for(Request("GET", "/engine.io/", "EIO=4"), ids, "MARKmark") for _ in range(2)]
    assert first == second
    assert [sid[:8] for sid in marked] == ["MARKmark"] * 2
    assert marked[0][8:] == first[8:]
    assert marked[0] != marked[1]
    assert ticket(Request("GET", "/engine.io/", f"EIO=4&sid={marked[0]}&t=1")) == marked[0]
    assert ticket(Request("GET", "/engine.io/", "EIO=4")) == ""

"""Requests of live clients, and those of a tape."""

from __future__ import annotations

import pytest

from simulator.cassette.entries import Header
from simulator.cassette.match import Masks
from simulator.cassette.strands import Plan
from simulator.cassette.targets import compared, fits, looked_into, target
from simulator.cassette.walk import Walk
from simulator.core.ids import Ids
from simulator.core.message import Request

ONE, TWO = "1d62d551-3030-4100-a260-2d7c4e9693e7", "2d62d551-3030-4100-a260-2d7c4e9693e7"


@pytest.mark.parametrize(
    ("taped", "live", "fit"),
    [
        ("/a/b", "/a/b/", True),
        ("/a?x=1", "/a?y=2", True),
        (f"/items/{ONE}", f"/items/{TWO}", True),
        ("/items/one", "/items/two", False),
        ("/socket/longpoll", "/socket/websocket", True),
        ("/a", "/a/b", False),
    ],
)
def test_ids_in_a_path_may_be_others(taped: str, live: str, fit: bool) -> None:
    assert fits(taped, live) is fit


def test_what_differs_in_query_and_body() -> None:
    walk = Walk(1, Plan("talk.yaml", Header()), Ids.seeded(7), 0.0)
    request = Request("POST", f"/items/{TWO}", "page=2&t=abc&EIO=4", (), b'{"a":2}')
    assert target(request) == f"/items/{TWO}?page=2&t=abc&EIO=4"
    body = (looked_into(request.body),)
    found = compared(walk, f"/items/{ONE}?page=1&sid=x", request, Masks(()), ({"a": 1},), body)
    assert [one.told() for one in found.differences] == ['1.page: expected "1", got "2"', "2.a: expected 1, got 2"]
    assert found.pairs == [(ONE, TWO)]
    assert [looked_into(body) for body in (b"", b"[1]", b"text", b"\xff")] == [None, [1], b"text", b"\xff"]


@pytest.mark.parametrize("mask", ["/x.body.a", "*.a", "*.body.a", "/x.query.a"])
def test_a_place_that_is_not_looked_at_is_named_as_misses_name_it(mask: str) -> None:
    walk = Walk(1, Plan("talk.yaml", Header()), Ids.seeded(7), 0.0)
    found = compared(walk, "/x?a=1", Request("GET", "/x", "a=2"), Masks([mask]), ({"a": 1},), ({"a": 2},))
    assert [one.told() for one in found.differences] == (
        ["2.a: expected 1, got 2"] if "query" in mask else ['1.a: expected "1", got "2"']
    )

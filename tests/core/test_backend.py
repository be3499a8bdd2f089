"""Routing: the first route that fits, or why none does."""

from __future__ import annotations

import dataclasses

import pytest

from simulator.core.backend import ActNote, Buffered, Miss, NoMethod, NoRoute, Route, find
from simulator.core.message import Request

DOOR = Route("door", "/talk/[0-9]+/?")
INDEX = Route("index", "/", frozenset({"GET"}))
PUT = Route("put", "/files/[a-z]+", frozenset({"PUT"}), Buffered(10))
READ = Route("read", "/files/[a-z]+", frozenset({"HEAD", "GET"}))
MINE = Route("mine", "/files/mine", frozenset({"DELETE"}))
ROUTES = (DOOR, INDEX, PUT, READ, MINE)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/talk/1", DOOR),
        ("BREW", "/talk/12/", DOOR),
        ("GET", "/", INDEX),
        ("PUT", "/files/a", PUT),
        ("GET", "/files/a", READ),
        ("GET", "/files/mine", READ),
        ("DELETE", "/files/mine", MINE),
        # All methods of all routes with that path, each route's sorted, in the routes' order.
        ("PATCH", "/files/mine", NoMethod(("PUT", "GET", "HEAD", "DELETE"))),
        ("get", "/", NoMethod(("GET",))),
        ("POST", "/", NoMethod(("GET",))),
        ("GET", "/talk/", NoRoute()),
        ("GET", "/talk/1/more", NoRoute()),
        ("GET", "/talk/1\n", NoRoute()),
        ("GET", "/before/talk/1", NoRoute()),
        ("GET", "//", NoRoute()),
        ("GET", "", NoRoute()),
    ],
)
def test_find(method: str, path: str, found: Route | Miss) -> None:
    assert find(ROUTES, method, path) == found


def test_no_routes() -> None:
    assert find((), "GET", "/") == NoRoute()


def test_bodies_are_not_kept_unless_the_route_says_so() -> None:
    assert DOOR.body == Buffered(0)
    assert PUT.body.limit == 10


@pytest.mark.parametrize("value", [DOOR, Buffered(1), NoRoute(), NoMethod(()), ActNote("spoken", "what")])
def test_values_stay_as_they_are(value: Route | Miss | Buffered | ActNote) -> None:
    name = next(iter([field.name for field in dataclasses.fields(value)]), "anything")
    with pytest.raises((AttributeError, TypeError)):
        setattr(value, name, None)


def test_a_route_without_sessions_has_no_tickets() -> None:
    assert DOOR.ticket(Request("GET", "/talk/1?sid=1")) == ""

"""Peers on real sockets that write what they like: see sockets.py for what is watched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from random import Random

import pytest

from simulator.core.space import Space
from tests.fuzz.conversation import Wrong
from tests.fuzz.sockets import Harbour, collected, script

pytestmark = pytest.mark.live
MANY = 60


@pytest.fixture(scope="module")
def harbour() -> Iterator[Harbour]:
    there = Harbour()
    yield there
    there.close()
    collected()


def test_whatever_peers_write(harbour: Harbour) -> None:
    assert sum(harbour.play(script(Random(number))) for number in range(MANY)) > 1000, "some of it is answered"


def test_a_frame_in_pieces_is_answered(harbour: Harbour) -> None:
    lines = ["0 opens chip", "0 asks for a socket", "after 1", '0 stutters {"type":"start_chat"}', "after 1"]
    assert harbour.play(lines) > harbour.play(lines[:3]) > 100


def test_half_a_request_holds_nobody_up(harbour: Harbour) -> None:
    whole = "0 writes POST /receive-message/34 HTTP/1.1~d~~a~Host: x~d~~a~Content-Length: 9~d~~a~~d~~a~12345"
    for end in (15, 30, 60, len(whole)):
        harbour.play(["0 opens mia", whole[:end], "1 opens mia", "1 asks for a socket", "1 says 81 40{}"])


# ---- those who watch see what they watch for ----


def test_an_error_in_a_log_is_seen(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harbour.server.driver, "catch_up", lambda: logging.getLogger("simulator").error("made up"))
    put = "PUT /chat-uat-resources/x.png HTTP/1.1~d~~a~Host: x~d~~a~Content-Length: 0~d~~a~~d~~a~"
    with pytest.raises(Wrong, match=r"(?s)made up.*after these lines:\n    0 opens concierge"):
        harbour.play(["0 opens concierge", f"0 writes {put}", "after 0", "after 0"])


def test_an_exception_of_a_task_is_seen(harbour: Harbour) -> None:
    async def fails() -> None:
        raise ValueError("nobody fetched it")

    async def begin() -> None:
        harbour.loop.create_task(fails())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    harbour.loop.run_until_complete(begin())
    collected()
    with pytest.raises(Wrong, match="nobody fetched it"):
        harbour.play(["0 opens chip"])


def test_a_task_that_stays_is_seen(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.sockets.PATIENCE", 0.2)
    staying = harbour.loop.create_task(asyncio.sleep(1000))
    with pytest.raises(Wrong, match=r"left over: .*'tasks': 1"):
        harbour.play(["0 opens chip"])
    staying.cancel()
    harbour.loop.run_until_complete(asyncio.sleep(0))


def test_a_space_that_was_made_is_gone_for_the_next(harbour: Harbour) -> None:
    made: list[Space] = []
    first = "0 writes GET /~space/a/ HTTP/1.1~d~~a~Host: x~d~~a~~d~~a~"
    harbour.play(["0 opens chip", first, "after 1"])
    made += [place.driver.space for place in harbour.server.spaces]
    assert [space.name for space in made] == [""]

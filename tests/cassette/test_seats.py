"""Places on a tape, and how many of them are remembered."""

from __future__ import annotations

import pytest

from simulator.cassette.coverage import Coverage
from simulator.cassette.entries import Entry
from simulator.cassette.playback import Playback
from simulator.cassette.walk import Manner
from simulator.core.events import Closed, Knocked, Received
from simulator.core.message import Message, Request
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said


def test_what_clients_bring_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that are on no tape, and header lines of those who have gone: there may be any number of both."""
    monkeypatch.setattr("simulator.cassette.seats.HELD", 10_000)
    entries: list[Entry] = [opened("/socket.io/?EIO=4"), said("client", "40"), said("server", '40{"sid":"x"}')]
    replay = Replay(tapes.tape(*entries, backend="mia"))
    playback = Playback(
        replay.running.engine.world, replay.backend, replay.plans, Manner(), Coverage(replay.plans), 1000
    )
    for number in range(100):
        request = Request("GET", "/socket.io/", "EIO=4", (("X", "y" * 800),))
        playback.handle(Knocked(number, request, {}, "/"))
        playback.handle(Received(number, Message(f"name{number}", ({},), topic="/")))
        if number < 99:
            playback.handle(Closed(number))
    assert len(playback.seats._numbered) == len(playback.seats._of_request) < 12
    walks = playback.walks.latest()
    places = [seat for walk in walks for seat in walk.seats.values()]
    assert len(places) == 100
    assert [place.request.path for place in places] == ["/socket.io/"] * 100
    # Who is here has his own still.
    assert places[0].request.headers
    assert sum(len(place.request.headers) for place in places) < 12
    assert not any(place._first for place in places)

"""What an entry has when nobody says more."""

from __future__ import annotations

from simulator.cassette.entries import FORMAT, Opened, Passed


def test_plain_ones() -> None:
    assert FORMAT == 1
    frame = Passed(1, 1, "client", "a")
    assert (frame.via, frame.body, frame.link, frame.redacted, frame.line) == ("websocket", None, 1, False, 0)
    assert Opened(1, 1, "/") == Opened(1, 1, "/", (), (), False)

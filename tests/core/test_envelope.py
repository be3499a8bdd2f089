"""An envelope that nobody knows."""

from __future__ import annotations

from simulator.core.envelope import Bare
from simulator.core.message import Request


def test_an_envelope_that_nobody_knows() -> None:
    bare, request = Bare(), Request("GET", "/")
    assert bare.look("client", "x").name == ""
    assert not bare.opens(request, True)
    assert bare.split("client", request, b"x") == []
    assert bare.posted(request, ()) is request
    assert bare.answered(b"x", ()) == b"x"
    assert bare.farewell().status == 410

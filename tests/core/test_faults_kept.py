"""The faults of a space: their names, how many there may be, what a reset gives back."""

from __future__ import annotations

import pytest

from simulator.core.faults import Fault, Latency
from simulator.core.faults_kept import Faults
from simulator.core.ids import Ids
from tests.faulty import HISTORY, chip, fault


def test_names_are_minted_and_not_given_twice() -> None:
    faults = Faults(Ids.seeded(1))
    one = Fault(faults.mint("latency", "downstream"), "latency", Latency())
    faults.add(one)
    assert one.name == "latency_downstream"
    assert faults.mint("latency", "downstream", {"latency_downstream_2"}) == "latency_downstream_3"
    with pytest.raises(KeyError):
        faults.add(Fault("x", "latency", Latency()), Fault("latency_downstream", "latency", Latency()))
    with pytest.raises(KeyError):
        faults.add(Fault("x", "latency", Latency()), Fault("x", "latency", Latency()))
    assert len(faults) == 1
    with pytest.raises(OverflowError):
        faults.add(*(Fault(f"{number}", "latency", Latency()) for number in range(1000)))
    assert faults.get("latency_downstream") is one
    assert faults.remove("nobody") == []
    assert faults.remove("latency_downstream") == [one]
    faults.add(one)
    assert faults.remove() == [one]
    assert faults.remove() == []
    faults.remove("latency_downstream")
    assert faults.mint("latency", "downstream") == "latency_downstream"


def test_a_reset_brings_back_what_there_was_at_the_start() -> None:
    talk, socket = chip()
    first = fault("drop", "first", toxicity=0.5)
    talk.fault(first)
    talk.space.faults.keep()
    assert [*talk.space.faults.first] == [first]
    talk.fault(fault("close", "second", message="history"))
    for _ in range(10):
        socket.send(HISTORY)
    before = first.struck
    assert before
    talk.space.faults.remove("first")
    talk.space.reset()
    assert [one.name for one in talk.space.faults] == ["first"]
    assert (first.seen, first.struck, first.last) == (0, 0, "")
    assert talk.running._machine is not None

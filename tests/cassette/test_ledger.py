"""Where records are missing; what a recorder makes of it is in test_recorder.py."""

from __future__ import annotations

import pytest

from simulator.cassette.entries import Lost
from simulator.cassette.ledger import Ledger
from simulator.cassette.records import dump
from simulator.cassette.sink import MemorySink


class Disk(MemorySink):
    full = False

    def write(self, record: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(record)


def test_a_gap_is_marked_once_there_is_room_for_it() -> None:
    disk, told = Disk(), list[str]()
    ledger = Ledger(disk, None, told.append)
    disk.full = True
    for conn in (1, 1, 2):
        with pytest.raises(OSError, match="No space"):
            ledger.put(b"x\n")
        ledger.missing("why", conn)
    assert ledger.counts.failures == 3
    disk.full = False
    ledger.put(b"y\n")
    ledger.put(b"z\n")
    assert disk.records == [dump(Lost(0, None, 3, "why")), b"y\n", b"z\n"]
    assert ledger.counts.bytes == sum(map(len, disk.records))
    assert told == ["not recorded: why", "not recorded: why (2 times)"]


def test_nothing_is_marked_behind_the_end() -> None:
    disk = Disk()
    ledger = Ledger(disk, None, lambda line: None)
    ledger.close()
    ledger.missing("why")
    assert disk.records == []
    assert ledger.counts.failures == 1
    assert ledger.stopped == "the recording ended"

"""Lines that nobody reads are dropped and counted, and stop nobody."""

from __future__ import annotations

import io
import logging
import os

from simulator.serve.reporter import Pump, Reporter, _Relay


def test_what_nobody_reads_is_dropped_and_counted() -> None:
    there, here = os.pipe()
    pump = Pump(here, most=5)
    # More than a pipe holds: the thread waits in its write, the rest in line, what is beyond that is lost.
    for _ in range(50):
        pump.put("x" * 65_535 + "\n")
    pump.close(0.01)
    read = b""
    while b"nobody read them" not in read:
        read += os.read(there, 1 << 20)
    lines = read.decode().splitlines()
    shown = [line for line in lines if line.startswith("x")]
    assert 5 <= len(shown) < 50
    assert lines[-1] == f"({50 - len(shown)} lines were not shown: nobody read them)"
    pump.put("again\n")
    assert os.read(there, 100) == b"again\n"
    os.close(there)


def test_a_reader_that_is_gone_stops_nobody() -> None:
    there, here = os.pipe()
    os.close(there)
    pump = Pump(here)
    pump.put("x\n")
    pump.close(5)
    assert pump._idle.is_set()


def test_what_is_said_again_at_once_is_said_once() -> None:
    stream = io.StringIO()
    relay = _Relay(Reporter(lambda: 0.0, stream=stream))
    for text, created in (("full", 0.0), ("full", 1.0), ("full", 6.0), ("other", 6.5), ("full", 7.0), ("full", 11.0)):
        record = logging.LogRecord("asyncio", logging.ERROR, "", 0, text, None, None)
        record.created = created
        relay.emit(record)
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()] == ["full", "full", "other", "full"]

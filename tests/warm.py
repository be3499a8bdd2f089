"""Pytest runs within pytest: what they import is dropped after each, so that all of ours has to be there before."""

from __future__ import annotations

import json
from pathlib import Path

from websockets.sync.client import connect

from simulator import Live, Simulator


def talk(sim: Live) -> None:
    with connect(sim.connect_url) as client:
        client.send('{"type": "start_chat"}')
        client.recv(timeout=5)
        client.send(json.dumps({"type": "send_msg", "text": "Hello"}))
        sim.wait_for("send_msg", body={"text": "Hello"})
    sim.conversation()


def warm(folder: Path) -> None:
    """Serve, record, and play what was recorded, once."""
    with Simulator("chip", scenario={"rules": [{"when": "start", "then": [{"say": "Hi"}]}]}) as real:
        with Simulator("chip", cassette=folder / "warm.yaml", mode="all", upstream=real.url) as sim:
            talk(sim)
        with Simulator(cassette=folder / "warm.yaml") as sim:
            talk(sim)

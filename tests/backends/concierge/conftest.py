"""Servers that end with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simulator.serve.app import Server
from simulator.serve.clock import ManualClock
from tests.backends.concierge.live import concierge


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with concierge() as simulator:
        yield simulator


@pytest.fixture
async def still() -> AsyncIterator[Server]:
    """One whose clock stands still."""
    async with concierge(ManualClock()) as simulator:
        yield simulator

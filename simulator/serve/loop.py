"""Which event loop the command serves on: asyncio's own, or uvloop where somebody has installed that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias, cast

from simulator.core.errors import SimulatorError

Maker: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

LOOPS = ("auto", "asyncio", "uvloop")


def maker(wanted: str) -> Maker | None:
    """Makes the loop of that name, one of `LOOPS`; None for asyncio's own. Raises SimulatorError."""
    if wanted == "asyncio":
        return None
    try:
        return cast("Maker", import_module("uvloop").new_event_loop)
    except ImportError:
        if wanted == "auto":
            return None
        raise SimulatorError(
            "--event-loop uvloop: it is not installed: pip install 'chat-simulator[uvloop]' (Windows has none), "
            "or --event-loop auto, which does without"
        ) from None

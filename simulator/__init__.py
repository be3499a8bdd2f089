"""A mock backend simulator and record/replay proxy for real-time chat protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.api.live import AsyncLive, Live
    from simulator.api.said import Message, NotSeen, Unmatched, Violation
    from simulator.api.start import Simulator
    from simulator.core.errors import SimulatorError

__version__ = "0.1.0"

__all__ = [
    "AsyncLive", "Live", "Message", "NotSeen", "Simulator", "SimulatorError", "Unmatched", "Violation", "__version__",
]  # fmt: skip

_WHERE = {
    "AsyncLive": "api.live",
    "Live": "api.live",
    "Message": "api.said",
    "NotSeen": "api.said",
    "Simulator": "api.start",
    "SimulatorError": "core.errors",
    "Unmatched": "api.said",
    "Violation": "api.said",
}


def __getattr__(name: str) -> object:
    """The Python API, imported by who uses it: aiohttp comes along with it."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)

"""What runs here: health and version."""

from __future__ import annotations

from typing import Any

from simulator import __version__
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call


async def health(asking: Asking) -> Any:
    """`GET /__admin/health`."""
    return {"status": "ok", "version": __version__, "backends": [*asking.spaces.default.driver.space.running]}


CALLS = (Call("GET", "health", health, "Whether it is well.", "about:Health"),)

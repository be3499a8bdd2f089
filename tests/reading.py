"""What python-socketio leaves undone: it never reads the answers to its POSTs.

Where such a body comes behind its head, as through mitmproxy on a busy machine, its connection stays taken until it is
collected, and aiohttp warns of that in whatever test runs then.
"""

from __future__ import annotations

from types import SimpleNamespace

import aiohttp


async def _read(session: aiohttp.ClientSession, context: SimpleNamespace, end: aiohttp.TraceRequestEndParams) -> None:
    # What was upgraded has no end.
    if end.response.status != 101:
        await end.response.read()


def session() -> aiohttp.ClientSession:
    """For `socketio.AsyncClient(http_session=...)`, which closes what it has made with it."""
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(_read)
    return aiohttp.ClientSession(trace_configs=[trace])

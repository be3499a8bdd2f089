"""The echo of `socketio.mjs` by python-socketio's server, on aiohttp, with its defaults.

It tells nobody what they brought: it would do so before it says that they are connected.
"""

import asyncio
from typing import Any

import socketio  # type: ignore[import-untyped]
from aiohttp import web

_sio = socketio.AsyncServer(async_mode="aiohttp")


async def _message(sid: str, *args: Any) -> None:
    await _sio.emit("message-back", args, to=sid)


async def _main() -> None:
    _sio.on("message", _message)
    app = web.Application()
    _sio.attach(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"ws://127.0.0.1:{runner.addresses[0][1]}/socket.io/?EIO=4&transport=websocket", flush=True)
    await asyncio.Event().wait()


asyncio.run(_main())

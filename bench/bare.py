"""What we are held against: a WebSocket echo of bare aiohttp, and the start of bare click + aiohttp (+ pydantic)."""

import asyncio
from importlib import import_module

import click
from aiohttp import WSMsgType, web


async def _echo(request: web.BaseRequest) -> web.StreamResponse:
    ws = web.WebSocketResponse(compress=False)
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            await ws.send_str(message.data)
    return ws


async def _serve() -> None:
    runner = web.ServerRunner(web.Server(_echo, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"ws://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()


@click.command()
@click.option("--pydantic", is_flag=True)
def main(pydantic: bool) -> None:
    """Serve until killed."""
    if pydantic:
        # pydantic imports its parts when they are asked for.
        assert import_module("pydantic").BaseModel is not None
    asyncio.run(_serve())


main()

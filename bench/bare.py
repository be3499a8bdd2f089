"""What we are held against: a WebSocket echo of bare aiohttp, and the start of bare click + aiohttp (+ pydantic)."""

import asyncio
from importlib import import_module

import click
from aiohttp import WSMsgType, web


async def _serve(heartbeat: float | None) -> None:
    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse(compress=False, heartbeat=heartbeat)
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                await ws.send_str(message.data)
        return ws

    runner = web.ServerRunner(web.Server(echo, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"ws://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()


@click.command()
@click.option("--pydantic", is_flag=True)
@click.option("--uvloop", is_flag=True)
@click.option("--heartbeat", type=float)
def main(pydantic: bool, uvloop: bool, heartbeat: float | None) -> None:
    """Serve until killed."""
    if pydantic:
        # pydantic imports its parts when they are asked for.
        assert import_module("pydantic").BaseModel is not None
    if uvloop:
        import_module("uvloop").install()
    asyncio.run(_serve(heartbeat))


main()

"""The server that the official suites of Engine.IO v4 and Socket.IO v5 expect, on this project's wire.

    python -m tests.conformance.socketio_server --port 3000 --ping-interval 300 --ping-timeout 200 \
        --connect-timeout 1000 [--engine]

Times are milliseconds. `auth` tells what a client brought, `message` comes back as `message-back`, `message-with-ack` as
its acknowledgement, in the namespaces `/` and `/custom`; `--engine` echoes every message at /engine.io/ instead.
What the suites do not need is there to be compared with a server of Node's (`ask`, `leave`, `kick`, `many`, `later`).
"""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
from collections.abc import AsyncIterator, Collection, Hashable
from contextlib import asynccontextmanager
from typing import Any, cast

import click
from aiohttp import web
from pydantic import BaseModel

from simulator.core.actions import Accept, Action, After, Close, Refuse, Reply, Send
from simulator.core.backend import Backend, Rules
from simulator.core.bot import SilentBot
from simulator.core.events import Acked, Closed, Conn, Event, Fired, Knocked, Opened, Received
from simulator.core.message import NO_REF, Json, Message
from simulator.core.space import Space
from simulator.core.wire import (
    Aborted,
    Asked,
    Attached,
    Beat,
    Detached,
    Drain,
    Due,
    Got,
    Input,
    Output,
    Reader,
    Wire,
)
from simulator.core.world import World, silent
from simulator.serve.clock import WallClock
from simulator.serve.connections import Crowd, Patience, room
from simulator.serve.driver import Driver
from simulator.serve.entrance import Entrance
from simulator.serve.gate import Listener, listen
from simulator.serve.http import Door
from simulator.serve.intake import Intake
from simulator.serve.objects import Shelf
from simulator.wire import nodehttp
from simulator.wire.engineio import EngineIO
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_payload import MESSAGE, Packet
from simulator.wire.engineio_session import Session
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio import SocketIO
from simulator.wire.socketio_recovery import Recovery
from simulator.wire.socketio_socket import INVALID_NAMESPACE, Settings, routes
from tests.talkless import Talkless


class Suite(Talkless):
    """What the suites want, and some more."""

    def __init__(self, world: World) -> None:
        self.auth: dict[Conn, Json] = {}
        self.present: dict[Conn, None] = {}
        self.late: list[Json] = []

    def handle(self, event: Event) -> list[Action]:
        if type(event) is Received:
            message = event.message
            if message.name == "message":
                return [Send((event.conn,), Message("message-back", message.args))]
            return self.received(event.conn, message)
        match event:
            case Knocked():
                return [self.knocked(event)]
            case Opened() if event.conn in self.auth:
                return [Send((event.conn,), Message("auth", (self.auth.pop(event.conn),)))]
            case Acked():
                return [Send((event.conn,), Message("answered", event.args))]
            case Fired():
                return [Send((*self.present,), Message("late", (self.late.pop(0),)))]
            case Closed():
                # It stays in the room of all: what it misses meanwhile is kept where it may come back.
                self.auth.pop(event.conn, None)
        return []

    def knocked(self, event: Knocked) -> Action:
        if event.topic == "/strict":
            auth = event.auth if isinstance(event.auth, dict) else {}
            return Refuse(event.conn, {"message": "no", **({"data": {"a": 1}} if auth.get("data") else {})})
        if event.topic not in ("/", "/custom"):
            return Refuse(event.conn, INVALID_NAMESPACE)
        if event.recovers is None:
            self.auth[event.conn] = event.auth
        else:
            self.present.pop(event.recovers, None)
        self.present[event.conn] = None
        return Accept(event.conn)

    def received(self, conn: Conn, message: Message) -> list[Action]:
        args = message.args
        match message.name:
            case "message-with-ack" if message.ref is not NO_REF:
                return [Reply(conn, message.ref, args)]
            case "ask":
                return [Send((conn,), Message("question", args), ack="asked")]
            case "leave":
                return [Close(conn, whole=False)]
            case "kick":
                return [Close(conn)]
            case "many":
                return [Send((conn,), Message("n", (i,))) for i in range(int(cast("int", args[0])))]
            case "volatile":
                return [Send((conn,), Message("v", args), volatile=True)]
            case "later":
                self.late.append(cast("Json", args[1]))
                return [After(int(cast("int", args[0])) / 1000, "late", len(self.late))]
        return []


class EngineEcho:
    """An Engine.IO server that sends every message back."""

    def __init__(self, settings: EngineSettings, world: World) -> None:
        self._engine = EngineIO(settings, world.ids, self, world.by_hand)

    def owes(self) -> Collection[tuple[Hashable, int]]:
        return self._engine.owes()

    def clients(self) -> Any:
        return iter(())

    def number(self, session: str) -> None:
        return None

    def take(self, given: Input) -> list[Output]:
        engine, out = self._engine, list[Output]()
        match given:
            case Got():
                engine.got(given, out)
            case Due():
                engine.due(given, out)
            case Asked():
                engine.asked(given, out)
            case Attached():
                engine.attached(given, out)
            case Detached():
                engine.detached(given, out)
            case Aborted():
                engine.aborted(given, out)
            case Beat():
                engine.beat(out)
            case Drain():
                engine.drain(out)
        return out

    def opened(self, session: Session, out: list[Output]) -> None:
        pass

    def refused(self, why: str) -> None:
        pass

    def message(self, session: Session, data: Packet, out: list[Output]) -> None:
        self._engine.send(session, [MESSAGE + data if isinstance(data, str) else data], out)

    def closed(self, session: Session, code: int, recoverable: bool, out: list[Output]) -> None:
        pass


class Seed(BaseModel):
    """No fixtures."""

    settings: dict[str, Any] = {}


def backend(settings: Settings, engine: bool = False) -> Backend:
    """A backend that is not in the folder."""

    def wire(world: World) -> Wire:
        return EngineEcho(settings.engine, world) if engine else SocketIO(settings, world)

    return Backend(
        name="suite",
        summary="",
        transport="Socket.IO",
        port=3000,
        seed=Seed,
        wire=wire,
        rules=cast("type[Rules]", Suite),
        bot=lambda world: SilentBot(),
        reader=cast("type[Reader]", None),
        routes=routes(settings),
        link=lambda seed: nodehttp.link(settings.engine.max_payload),
        ping_interval=lambda seed: settings.engine.ping_interval,
        miss=nodehttp.miss,
        dress=lambda seed, request, response, now: nodehttp.dress(request, response, now),
        commands={},
        events={},
        acts={},
        connect=lambda seed, base: base,
        example=lambda seed, url: "",
    )


@asynccontextmanager
async def serve(settings: Settings, port: int, engine: bool = False) -> AsyncIterator[tuple[Driver, int]]:
    """Listens on localhost, over IPv4 and IPv6, behind the edge that `simulator serve` has; the port, 0 takes a free one."""
    clock = WallClock()
    space = Space(clock, 7)
    running = space.open(backend(settings, engine), Seed(), silent)
    driver = Driver(space, clock)
    intake = Intake.here(asyncio.get_running_loop())
    door = Door(driver, running, own_links=True, shelf=Shelf(), intake=intake)
    crowd = Crowd(room(), Patience(), lambda: driver.linked, silent)
    runners: list[web.ServerRunner] = []
    listeners: list[Listener] = []
    try:
        for host in ("127.0.0.1", "::1"):
            entrance = Entrance(door, crowd, intake)
            runner = web.ServerRunner(entrance, shutdown_timeout=0.2)
            await runner.setup()
            try:
                listener = await listen(entrance, host, port, None, intake is not None)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    why = f"--port {port} is taken: stop what listens there, or name another"
                    raise click.ClickException(why) from None
                # Without one of the families localhost is the other.
                continue
            runners.append(runner)
            listeners.append(listener)
            # A free one is the same in both.
            port = port or listener.sockets[0].getsockname()[1]
        if not runners:
            raise click.ClickException("this machine has no localhost")
        yield driver, port
    finally:
        await driver.close()
        for listener in listeners:
            listener.close()
        for runner in runners:
            await runner.cleanup()
        if intake is not None:
            intake.close()


async def _main(settings: Settings, port: int, engine: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(settings, port, engine) as (_, port):
        # As `simulator serve` does it.
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        print(f"listening on ws://localhost:{port}{settings.path}?EIO=4&transport=websocket", flush=True)  # noqa: T201
        await stop.wait()


@click.command()
@click.option("--port", default=3000)
@click.option("--ping-interval", default=25000)
@click.option("--ping-timeout", default=20000)
@click.option("--connect-timeout", default=45000)
@click.option("--engine", is_flag=True)
@click.option("--cors", is_flag=True)
@click.option("--recovery", is_flag=True)
def main(
    port: int, ping_interval: int, ping_timeout: int, connect_timeout: int, engine: bool, cors: bool, recovery: bool
) -> None:
    """Serve until told to stop."""
    settings = Settings(
        EngineSettings(ping_interval / 1000, ping_timeout / 1000, cors=Cors() if cors else None),
        path="/engine.io/" if engine else "/socket.io/",
        connect_timeout=connect_timeout / 1000,
        recovery=Recovery() if recovery else None,
        serve_client=not engine,
    )
    asyncio.run(_main(settings, port, engine))


if __name__ == "__main__":
    main()

"""A Server serves one or more backends, each on its own port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from simulator import backends
from simulator.core.backend import Backend
from simulator.core.errors import SimulatorError, StartError
from simulator.core.ids import fresh_seed
from simulator.core.message import Json, Message, Request
from simulator.serve import scenarios, seeds, trial
from simulator.serve.admin.guard import is_loopback
from simulator.serve.admin.site import Pass, Site, mint
from simulator.serve.clock import ManualClock, WallClock
from simulator.serve.connections import ANSWER, PATIENCE, Crowd, Patience, files, room
from simulator.serve.connections import Server as HttpServer
from simulator.serve.driver import Driver
from simulator.serve.entrance import Entrance
from simulator.serve.gate import Listener, listen, reachable, why_not
from simulator.serve.intake import Intake
from simulator.serve.loop import Maker
from simulator.serve.objects import House, Shelf
from simulator.serve.port import Control, Port
from simulator.serve.reporter import Reporter
from simulator.serve.scenarios import Watch
from simulator.serve.selector import PREFIX, Unfit, check
from simulator.serve.spaces import IDLE, KEPT, MOST, Plan, Spaces

if TYPE_CHECKING:
    from simulator.scenario.stage import Stage
    from simulator.serve.recording import Recording
    from simulator.serve.tls import Tls

_log = logging.getLogger("simulator")


@dataclass(slots=True, eq=False)
class Options:
    """How to serve."""

    backends: Sequence[str | Backend]
    """By their names, or as they are."""
    host: str = "127.0.0.1"
    port: int | None = None
    """None: each backend's own; 0: any that is free; else that one, for a single backend."""
    seed: int | None = None
    """None draws one."""
    clock: WallClock | ManualClock | None = None
    """None is the wall's."""
    fixtures: Mapping[str, Path] = field(default_factory=dict)
    """Files by backend, for those that shall not have their own."""
    settings: Sequence[tuple[str, str]] = ()
    """Keys, bare or behind a backend's name and a dot, and values."""
    admin_token: str | None = None
    """None: on a loopback address none is asked for, on any other one is drawn, see `Server.minted`."""
    admin: bool = True
    """Whether there is a control API."""
    admin_port: int | None = None
    """One for the control API alone, 0 for any that is free; None: it is on each backend's."""
    journal: int = KEPT
    """Frames that each space keeps."""
    loop: Maker | None = None
    """Makes the loop of a command, None for asyncio's own. Whoever runs a Server in a loop has one already."""
    own_links: bool = True
    """Connections are ours where the trial of it works; False: aiohttp's in any case."""
    tls: Tls | None = None
    """Speak https and wss."""
    spaces: int = MOST
    """How many there may be, beside the default one."""
    space_idle: float = IDLE
    """Seconds of real time without a socket or a request after which a space is dropped, 0 for never."""
    connections: int | None = None
    """How many there may be at once, WebSockets included; None: what the limit of open files has room for."""
    space_connections: int | None = None
    """How many of them one space may have; None: all."""
    request_timeout: float = PATIENCE
    """Seconds for a request's head, and between two parts of its body."""
    answer_timeout: float = ANSWER
    """Seconds that an answer may lie unread."""
    reporter: Reporter | None = None
    scenario: Path | None = None
    """What the bots do, in place of their backends' own."""
    watch: bool = False
    """The scenario is read anew when its file changes."""
    stage: Stage | None = None
    """What the bots do, where it stands in no file."""
    playing: str = ""
    """What the operator is told of the tapes that answer."""
    record: Path | None = None
    """A cassette to write, of what the default space plays."""
    redact: bool = True
    """Secrets are replaced before they are written there."""
    cassettes: Path | None = None
    """A folder of them, for the inspector and the control API."""
    onlooker: Recording | None = None
    """Sees what the default space plays, where nothing is recorded."""


@dataclass(slots=True)
class Served:
    """One backend at its address."""

    name: str
    url: str
    connect: str
    """A URL that a client can use as it is, ids and tokens of the fixtures included."""
    example: str
    """A line of client code to paste."""


class Server:
    """A running simulator; `async with` starts and stops it."""

    def __init__(self, options: Options) -> None:
        """Reads fixtures and settings. Raises SimulatorError for what is wrong with them."""
        self._options = options
        self.clock = options.clock or WallClock()
        self.seed = fresh_seed() if options.seed is None else options.seed
        self.reporter = options.reporter or Reporter(self.clock.now)
        self.loop = options.loop
        self.served: list[Served] = []
        self._runners: list[web.ServerRunner] = []
        self._spaces: Spaces | None = None
        self._intake: Intake | None = None
        self._crowd: Crowd | None = None
        self._listeners: list[Listener] = []
        if not options.host:
            raise SimulatorError("--host: expected a name or an address, such as 127.0.0.1; 0.0.0.0 is every address")
        if options.spaces < 0 or not 0 <= options.space_idle < inf:
            told = f"--spaces {options.spaces} --space-idle {options.space_idle:g}"
            raise SimulatorError(f"{told}: expected how many, and seconds, both from 0 on")
        for option, most in (("connections", options.connections), ("space-connections", options.space_connections)):
            if most is not None and most < 1:
                raise SimulatorError(f"--{option} {most}: expected how many, from 1 on")
        if not (0 < options.request_timeout < inf and 0 < options.answer_timeout < inf):
            told = f"--request-timeout {options.request_timeout:g} --answer-timeout {options.answer_timeout:g}"
            raise SimulatorError(f"{told}: expected seconds, above 0")
        token = options.admin_token
        if token is not None and (not token.isprintable() or token != token.strip() or not token):
            raise SimulatorError(
                "--admin-token: expected what a header can carry, printable and without blanks around it"
            )
        loopback = is_loopback(options.host)
        minted = mint() if options.admin and token is None and not loopback else None
        self._key = Pass(loopback, minted if token is None else token)
        self.admin: str | None = None
        """The base URL of the control API's own port, where it has one."""
        if options.journal < 0:
            raise SimulatorError(f"--journal {options.journal}: expected how many frames, from 0 on")
        self._secured = None if options.tls is None else options.tls.open(options.host)
        given = {one if isinstance(one, str) else one.name: one for one in options.backends}
        chosen = [backends.load(one) if isinstance(one, str) else one for one in given.values()]
        if options.port and len(chosen) > 1:
            raise SimulatorError(
                f"--port {options.port} is for one backend, {len(chosen)} were named: leave it out, each has its own, "
                "or give --port 0 for free ones"
            )
        shares = seeds.shares(options.settings, chosen)
        self._fixtures = {
            backend.name: (backend, seeds.load(backend, options.fixtures.get(backend.name), shares[backend.name]))
            for backend in chosen
        }
        # Each space has its part for sure, the default one too.
        house = House(shares=options.spaces + 1)
        self._watch: Watch | None = None
        stage = options.stage if options.scenario is None else self._staged(options.scenario)
        self._recording: Recording | None = None
        self._plan = Plan(
            [*self._fixtures.values()], self.seed, self.clock, self.reporter, house, stage, journal=options.journal
        )
        self.space = self._plan.space()
        """The default one."""

    @property
    def shelf(self) -> Shelf:
        """The objects of the default space."""
        assert isinstance(self.space.objects, Shelf)
        return self.space.objects

    @property
    def spaces(self) -> Spaces:
        """All spaces of a started simulator."""
        assert self._spaces is not None, "not started"
        return self._spaces

    def _begun(self, out: Path, redact: bool) -> Recording:
        from simulator.serve.recording import Recording

        return Recording(out, [*self._fixtures], self.clock.now, self.reporter.log("record"), redact)

    @property
    def unrecorded(self) -> int:
        """What passed and is not in the cassette that was asked for."""
        return 0 if self._recording is None else self._recording.failures

    def _staged(self, path: Path) -> Stage:
        from simulator.scenario.stage import Stage

        log = self.reporter.log("scenario")
        stage = Stage(scenarios.load(path))
        if any(key.rpartition(".")[2] == "bot" for key, _ in self._options.settings):
            log("warning", f"--set bot=... has no effect: {path} is the bot")
        if self._options.watch:
            self._watch = Watch(path, stage, log, lambda: self.spaces.refault(stage))
        return stage

    @property
    def playing(self) -> str:
        """The tapes that answer, in words."""
        return self._options.playing

    @property
    def trust(self) -> str:
        """What clients have to trust, in words; "" where there is nothing to say."""
        return "" if self._options.tls is None else self._options.tls.remark

    @property
    def scenario(self) -> Path | None:
        """The file that the bots play."""
        return self._options.scenario

    @property
    def fixtures(self) -> Mapping[str, Path]:
        """Files in place of fixtures that come along, by backend."""
        return self._options.fixtures

    def watch(self) -> None:
        """Take over at once what was saved of a scenario that is watched, in place of waiting for the next look."""
        assert self._watch is not None, "not watching"
        self._watch.look()

    @property
    def control(self) -> str | None:
        """The base URL of the control API: that of its own port, else the first backend's; None where there is none."""
        if not self._options.admin or not self.served:
            return None
        return self.admin or self.served[0].url

    @property
    def minted(self) -> str | None:
        """The control API's token, where one was needed and none given."""
        return None if self._options.admin_token is not None else self._key.token

    @property
    def driver(self) -> Driver:
        """The driver of a started simulator's default space."""
        return self.spaces.default.driver

    def url(self, name: str, space: str = "") -> str:
        """The base URL of a backend, in a space. Raises SimulatorError for what can be no space's name."""
        url = next(served.url for served in self.served if served.name == name)
        return f"{url}{PREFIX}{_checked(space)}" if space else url

    def connect(self, name: str, space: str = "") -> str:
        """The URL under which a client connects to a backend, in a space."""
        return self.connect_at(name, self.url(name, space))

    def connect_at(self, name: str, base: str) -> str:
        """The same for another base URL, such as that of a relay."""
        backend, fixtures = self._fixtures[name]
        return backend.connect(fixtures, base)

    def keys(self, name: str) -> Callable[[Message | Request, Sequence[Message]], Iterable[tuple[Json, str]]]:
        """What a client said at a backend's door and was answered -> each secret in it, with the fixtures' own."""
        backend, fixtures = self._fixtures[name]
        return lambda said, answers: backend.secrets(fixtures, said, answers, self.clock.now())

    async def start(self) -> None:
        """Bind all ports. Raises StartError, with nothing left bound."""
        if self._options.record is not None:
            self._recording = self._begun(self._options.record, self._options.redact)
        else:
            self._recording = self._options.onlooker
        self._plan = replace(self._plan, recording=self._recording)
        options = self._options
        connections = inf if options.space_connections is None else options.space_connections
        self._spaces = Spaces(self._plan, self.space, options.spaces, options.space_idle, connections)
        self._intake = Intake.here(asyncio.get_running_loop())
        try:
            why = await trial.check(self._intake) if options.own_links else None
            own_links = options.own_links and why is None
            self._crowd = self._spaces.crowd = self._counted(own_links)
            if why is not None:
                _log.warning(
                    "links of our own do not work here (%s): aiohttp's serve, see docs/decisions.md for what they lack",
                    why,
                )
            if self._secured is not None:
                self._secured.publish()
            for backend, fixtures in self._fixtures.values():
                await self._bind(backend, fixtures, own_links)
            if self._options.admin and self._options.admin_port is not None:
                control = Control(self.spaces, Site(self._key, None, lambda: self.served, self._options.cassettes))
                port = self._options.admin_port
                self.admin = await self._open(HttpServer(control, self._crowd), port, "the control API", "--admin-port")
        except BaseException:
            await self.stop()
            if self._recording is not None:
                self._recording.discard()
            raise
        if self._crowd.most >= files():
            _log.warning(
                "--connections %d: this process may open %d files, each connection is one: raise it (ulimit -n)",
                self._crowd.most,
                files(),
            )
        self.driver.start()
        if self._watch is not None:
            self._watch.start()

    async def _bind(self, backend: Backend, fixtures: Any, own_links: bool) -> None:
        options = self._options
        site = Site(self._key, backend.name, lambda: self.served, options.cassettes)
        control = Control(self.spaces, site) if options.admin and options.admin_port is None else None
        handler = Port(self.spaces, backend, control, own_links, self._intake)
        port = backend.port if options.port is None else options.port
        # Where sockets can't be taken over, everything is aiohttp's.
        assert self._crowd is not None
        server = Entrance(handler, self._crowd, self._intake) if own_links else HttpServer(handler, self._crowd)
        url = await self._open(server, port, backend.name, "--port")
        connect = backend.connect(fixtures, url)
        self.served.append(Served(backend.name, url, connect, backend.example(fixtures, connect)))

    async def _open(self, server: HttpServer, port: int, who: str, option: str) -> str:
        host = self._options.host
        runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await runner.setup()
        self._runners.append(runner)
        context = None if self._secured is None else self._secured.context
        try:
            own = isinstance(server, Entrance) and server.intake is not None
            listener = await listen(server, host, port, context, own, server.crowd.patience.answer)
        except (OSError, UnicodeError) as error:
            raise StartError(f"{who}: {why_not(error, host, port, option)}") from None
        self._listeners.append(listener)
        bound = listener.sockets[0].getsockname()[1]
        return f"{'http' if context is None else 'https'}://{reachable(host)}:{bound}"

    def _counted(self, own_links: bool) -> Crowd:
        """Who counts connections. aiohttp's links are on a connection of its server, which counts already."""
        options, spaces, fitting = self._options, self.spaces, room(self._secured is not None)
        most = fitting if options.connections is None else options.connections
        patience = Patience(options.request_timeout, options.answer_timeout)

        def linked() -> int:
            return sum(place.driver.linked for place in spaces) if own_links else 0

        return Crowd(most, patience, linked, self.reporter.log("connections"))

    async def stop(self) -> None:
        """Say goodbye as the real servers do, and let go of everything."""
        if self._watch is not None:
            self._watch.stop()
        if self._recording is not None:
            self._recording.leave()
        # Who comes again at once, because it was told goodbye, shall come to the next server.
        for listener in self._listeners:
            listener.close()
        if self._spaces is not None:
            await self._spaces.close()
        cleanups = [runner.cleanup() for runner in self._runners]  # Each may wait for clients that do not go.
        for error in filter(None, await asyncio.gather(*cleanups, return_exceptions=True)):
            _log.error("a mistake of the simulator, at the end of a port", exc_info=error)
        if self._spaces is not None:
            await self._spaces.cut()
        if self._recording is not None:
            self._recording.close()
        if self._intake is not None:
            self._intake.close()
            self._intake = None
        # Behind the requests: one that is still under way would make its directory anew.
        self.shelf.clear()
        self._plan.house.close()
        self._runners.clear()
        self._listeners.clear()
        self.served.clear()
        self.admin = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()


def _checked(space: str) -> str:
    try:
        return check(space)
    except Unfit as unfit:
        raise SimulatorError(str(unfit)) from None

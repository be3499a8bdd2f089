"""Conversations without I/O: a transcript is played against a backend's engine, byte for byte, under a manual clock.

    client connects                     a socket is opened at the backend's connect URL (or: `client connects /path`)
    client >> {"type":"start_chat"}     this text frame is sent
    server << {"type":"chat_started","chat_id":"$chat"}
                                        the next frame that came back; `$chat` keeps a value, and means it later on
    after 1.0                           so many seconds pass
    client is silent                    nothing more came back
    client closes 1001                  the peer's close frame
    client is shut 1000                 the server's close frame, `client is shut` without a code; `client is dropped`
                                        is an end without one

Sockets may have any names: `alice >> ...` is what alice sends, `alice << ...` what she gets.
"""

from __future__ import annotations

import re
import textwrap
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from simulator import backends
from simulator.core.actions import Call
from simulator.core.backend import Backend, NoMethod, NoRoute, find
from simulator.core.bot import Act, Bot, Watcher
from simulator.core.engine import Given
from simulator.core.events import Acted, Called
from simulator.core.faults import Fault
from simulator.core.message import Frame, Headers, Ping, Pong, Request, Response
from simulator.core.objects import Upload, UploadFlaw
from simulator.core.space import Running, Space
from simulator.core.wire import (
    Aborted,
    Answer,
    Asked,
    Attached,
    Beat,
    Detached,
    Drain,
    Drop,
    Effect,
    Got,
    Pause,
    Raw,
    Reset,
    Shut,
    Upgrade,
    Write,
)
from simulator.core.world import World
from simulator.serve import seeds
from simulator.serve.clock import ManualClock

UPGRADE: Headers = (
    ("Host", "127.0.0.1"),
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


class Socket:
    """One client's end."""

    def __init__(self, talk: Talk, call: int, name: str) -> None:
        self.talk = talk
        self.call = call
        self.name = name
        self.upgrade: Upgrade | None = None
        self.refused: Response | None = None
        self.got: deque[Frame | Ping | Pong | Shut | Drop | Raw | Reset] = deque()
        self.waiting: deque[Got] = deque()
        self.paused = False
        self.open = False

    def send(self, data: str | bytes) -> None:
        """A text or a binary frame."""
        self._give(Frame(data))

    def ping(self, data: bytes = b"") -> None:
        self._give(Ping(data))

    def pong(self, data: bytes = b"") -> None:
        self._give(Pong(data))

    def close(self, code: int = 1000) -> None:
        self.open = False
        self.talk.take(Detached(self.call, code))

    def texts(self) -> list[str]:
        """All text that came and was not looked at yet."""
        texts = [item.data for item in self.got if isinstance(item, Frame)]
        self.got.clear()
        return [str(text) for text in texts]

    def _give(self, item: Frame | Ping | Pong) -> None:
        got = Got(self.call, item)
        if self.paused:
            self.waiting.append(got)
        else:
            self.talk.take(got)

    def carry(self, effect: Write | Shut | Drop | Pause | Raw | Reset) -> None:
        if isinstance(effect, Pause):
            self.paused = effect.on
            return
        self.got.append(effect.item if isinstance(effect, Write) else effect)
        if not isinstance(effect, Write | Raw):
            self.open = False


class Talk:
    """A backend in a space of its own, and everyone who speaks to it."""

    def __init__(
        self,
        name: str = "chip",
        *,
        seed: int = 7,
        now: float = 1767225600.0,
        settings: Mapping[str, object] | None = None,
        seeded: Mapping[str, Any] | None = None,
        script: Callable[[Backend, World], Bot | Watcher] | None = None,
        backend: Backend | None = None,
    ) -> None:
        """With `backend` that one is served, in place of the one of that name."""
        backend = backend or backends.load(name)
        fixtures: Any = backend.seed.model_validate(seeded) if seeded is not None else seeds.load(backend, None, [])
        fixtures.settings = type(fixtures.settings).model_validate(
            {**fixtures.settings.model_dump(), **(settings or {})}
        )
        self.clock = ManualClock(now)
        self.space = Space(self.clock, seed)
        self.space.script = script
        self.logged: list[tuple[str, str, dict[str, object]]] = []
        self.running: Running = self.space.open(backend, fixtures, self._log)
        self.backend = backend
        self.sockets: dict[str, Socket] = {}
        self.answers: dict[int, Response] = {}
        self.cut: set[int] = set()
        """Calls whose connection was ended without an answer."""
        self.reset: set[int] = set()
        """Links and calls that were reset."""
        self._waiting: dict[int, Asked] = {}
        self.upgrades: dict[int, Upgrade] = {}
        self.calls: deque[Call] = deque()
        self.kept: dict[str, str] = {}
        self._asked: dict[int, Request] = {}
        self._numbers = 0
        self._by_link: dict[int, Socket] = {}
        self._queue: deque[Given] = deque()
        self._busy = False

    def _log(self, level: str, text: str, /, **facts: object) -> None:
        self.logged.append((level, text, facts))

    # --- what a peer can do

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Headers = (),
        upload: Upload | UploadFlaw | None = None,
    ) -> Response:
        """An HTTP request that is answered at once, as it goes over the wire."""
        return self.answered(self.ask(method, path, body, headers, upload))

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Headers = (),
        upload: Upload | UploadFlaw | None = None,
        http: tuple[int, int] = (1, 1),
    ) -> int:
        """An HTTP request that may be answered later: its call."""
        request = Request(method, *_target(path), headers, body, http, upload=upload)
        route = find(self.backend.routes, method, request.path)
        self._numbers += 1
        call = self._numbers
        self._asked[call] = request
        if isinstance(route, NoRoute | NoMethod):
            self.answers[call] = self.backend.miss(request, route)
        elif (early := self.backend.judge(self.running.engine.world, request, route)) is not None:
            self.answers[call] = early
        else:
            request.body = body[: route.body.limit]
            self.take(Asked(call, request, route))
        return call

    def answered(self, call: int) -> Response:
        """The answer to a request, which has to be there, as it goes over the wire."""
        assert call in self.answers, f"call {call} is not answered yet"
        settings = self.running.seed.settings
        return self.backend.dress(settings, self._asked.pop(call), self.answers.pop(call), self.clock.now())

    def connect(
        self, name: str = "client", path: str | None = None, headers: Headers = UPGRADE, method: str = "GET"
    ) -> Socket:
        """A socket, refused or open."""
        url = self.backend.connect(self.running.seed, "http://127.0.0.1") if path is None else path
        split = urlsplit(url)
        request = Request(method, split.path, split.query, headers)
        route = find(self.backend.routes, method, request.path)
        assert not isinstance(route, NoRoute | NoMethod), f"no route to {url}"
        self._numbers += 1
        call = self._numbers
        socket = self.sockets[name] = self._by_link[call] = Socket(self, call, name)
        self.take(Asked(call, request, route))
        socket.refused = self.answers.pop(call, None)
        if socket.upgrade is not None:
            socket.open = True
            self.take(Attached(call, call))
        return socket

    def abort(self, socket: Socket) -> None:
        self.take(Aborted(socket.call))

    # --- what the world can do

    def after(self, seconds: float) -> None:
        """Let time pass."""
        target = self.clock.now() + seconds
        while (due := self.running.engine.next_due()) is not None and due <= target:
            self.clock.set(due)
            self._carry(self.running.engine.run_until(due))
        self.clock.set(target)
        self._carry(self.running.engine.run_until(self.clock.now()))

    def act(self, talk: str, act: Act) -> None:
        self.take(Acted(talk, act))

    def called(self, status: int, error: str = "") -> Call:
        """The oldest outgoing call ends."""
        call = self.calls.popleft()
        self.take(Called(call.key, status, b"", error))
        return call

    def beat(self) -> None:
        self.take(Beat())

    def drain(self) -> None:
        self.take(Drain())

    def fault(self, *faults: Fault, without: str | None = None) -> None:
        """Add faults, or take one away."""
        if without is not None:
            self.space.faults.remove(without)
        self.space.faults.add(*faults)
        links = [socket.call for socket in self._by_link.values() if socket.open]
        look = self.running.fault(links, {**self._waiting})
        if look is not None:
            self.take(look)
            self.running.settle()

    def take(self, given: Given) -> None:
        if isinstance(given, Asked):
            self._waiting[given.call] = given
        self._queue.append(given)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                engine, now = self.running.engine, self.clock.now()
                self._carry(engine.run_until(now))
                given = self._queue.popleft()
                # As the driver does it.
                if isinstance(given, Got) and isinstance(given.item, Frame):
                    self._carry(engine.hear(given.link, given.item, now))
                else:
                    self._carry(engine.take(given))
        finally:
            self._busy = False
        # Like a link, with no work under way: each frame that waits may pause its socket again.
        for socket in self._by_link.values():
            if socket.waiting and not socket.paused:
                self.take(socket.waiting.popleft())
                break

    def _carry(self, effects: list[Effect | Call]) -> None:
        for effect in effects:
            if isinstance(effect, Answer | Upgrade):
                self._waiting.pop(effect.call, None)
            if isinstance(effect, Answer):
                if effect.response is None:
                    self.cut.add(effect.call)
                else:
                    self.answers[effect.call] = effect.response
            elif isinstance(effect, Upgrade):
                self.upgrades[effect.call] = effect
                if effect.call in self._by_link:
                    self._by_link[effect.call].upgrade = effect
            elif isinstance(effect, Call):
                self.calls.append(effect)
            elif isinstance(effect, Reset):
                if effect.number in self._by_link:
                    self._by_link[effect.number].carry(effect)
                self.reset.add(effect.number)
                self._waiting.pop(effect.number, None)
            else:
                self._by_link[effect.link].carry(effect)

    # --- transcripts

    def play(self, transcript: str) -> None:
        """Play a transcript to its end; whatever came back and is not in it fails."""
        for line in textwrap.dedent(transcript).strip().splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                self._line(line.strip())
        for socket in self.sockets.values():
            assert not socket.got, f"{socket.name} got more: {list(socket.got)}"

    def _line(self, line: str) -> None:
        match line.split(" ", 2):
            case ["after", seconds]:
                self.after(float(seconds))
            case [name, ">>", data]:
                self.sockets[name].send(self._filled(data))
            case [name, "<<", expected]:
                self._expect(self.sockets["client" if name == "server" else name], expected, line)
            case [name, "connects", *path]:
                socket = self.connect(name, path[0] if path else None)
                assert socket.upgrade is not None, f"{name} was refused: {socket.refused}"
            case [name, "closes", code]:
                self.sockets[name].close(int(code))
            case [name, "pongs"]:
                self.sockets[name].pong()
            case [name, "is", what]:
                self._state(self.sockets[name], what)
            case _:
                raise AssertionError(f"not a line of a transcript: {line}")

    def _state(self, socket: Socket, what: str) -> None:
        match what.split():
            case ["silent"]:
                assert not socket.got, f"{socket.name} got {list(socket.got)}"
            case ["pinged"]:
                assert socket.got.popleft() == Ping()
            case ["dropped"]:
                assert isinstance(socket.got.popleft(), Drop)
            case ["shut", code]:
                shut = socket.got.popleft()
                assert isinstance(shut, Shut)
                assert (shut.code, shut.reason) == (int(code), "")
            case ["shut"]:
                shut = socket.got.popleft()
                assert isinstance(shut, Shut)
                assert shut.code is None
            case _:
                raise AssertionError(f"nobody is {what}")

    def _filled(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda name: self.kept.get(name[1], name[0]), text)

    def _expect(self, socket: Socket, expected: str, line: str) -> None:
        assert socket.got, f"nothing came for: {line}"
        item = socket.got.popleft()
        assert isinstance(item, Frame), f"{item} came for: {line}"
        filled = self._filled(expected)
        pattern = re.sub(r"\\\$(\w+)", r"(?P<\1>[^\"]*?)", re.escape(filled))
        found = re.fullmatch(pattern, str(item.data))
        assert found is not None, f"\n expected {filled}\n      got {item.data!r}"
        self.kept.update(found.groupdict())


def _target(path: str) -> tuple[str, str]:
    bare, _, query = path.partition("?")
    return bare, query

"""Conversations of several clients as lines of text, played against one backend's engine and overseen at each step.

    settings {"bot": "echo"}            only as the first line: settings that are not the default ones
    scenario faq                        only as the first line: a shipped scenario is the bot
    ann connects                        a socket, at the backend's connect URL
    ann connects /path?query            or elsewhere
    ann >> text                         this text frame; what can't be seen is spelled, see spelling.py
    ann >= 00ff                         this binary frame
    ann pings 00 | ann pongs
    ann closes 1001 | ann vanishes
    ask POST /path {"name": "value"} body
    give up 0                           the newest of the requests that are not answered ends without an answer
    after 1.5 | beat | drain
    act say 0                           one of SOME in the newest talk
    called 200                          the oldest request of the backend's to another server ends so
    fault {"type": "drop"} | no faults

In all data `<id0>` is the newest id that the server has named anywhere, `<id1>` the one before, `<sid0>` the newest
Engine.IO session, `<url0>` the newest URL. A line that can't be done (nobody is there, no such path) is nothing.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from simulator.core.backend import NoMethod, NoRoute, Stored, find
from simulator.core.engine import RULES
from simulator.core.faults import Fault
from simulator.core.message import Frame, Headers, Request, Response
from simulator.core.objects import Upload, UploadFlaw
from simulator.core.wire import Aborted, Asked, Attached, Detached, Drop, Effect, Got, Raw, Reset, Shut, Upgrade
from simulator.scenario.faults import FaultSpec
from simulator.serve import forms
from simulator.serve.objects import Shelf
from tests.backends.test_contract import SOME, fixtures
from tests.fuzz.codecs import CODECS, judge, judge_answer
from tests.fuzz.named import Named
from tests.fuzz.opening import settings_of
from tests.fuzz.spelling import (
    NO_LINES,
    index,
    read,
    read_bytes,
    seconds_of,
    spelled,
    token,
    unhexed,
    visible,
    wired,
)  # fmt: skip
from tests.fuzz.weight import nobody_left, nothing_left, weight
from tests.talk import Socket, Talk

PEOPLE = ("ann", "ben", "cat", "dan")
MOST_TURNS = 20_000
"""Timers of one step: the longest is an hour, the quickest regular ones are seconds apart."""
SETTLE = 400 * 86400.0
"""Seconds until all that was ever armed has come to its end: the longest that a shipped setting names is a year."""


class Wrong(AssertionError):
    """Something that must never happen. Says how to bring it about again."""


class Conversation(Talk):
    """One backend, and whoever comes."""

    def __init__(self, name: str, first: str = "") -> None:
        settings, script = settings_of(first)
        super().__init__(name, seeded=fixtures(name), settings=settings, script=script)
        self.lines: list[str] = [first] if first else []
        self.outcome: list[str] = []
        """All that anybody was told, in order."""
        self.turns = 0
        self._codec = CODECS[name]
        self._codecs: dict[int, Any] = {}
        self._poll_codecs: dict[str, Any] = {}
        self._ended: list[Detached] = []
        self._upgraded: list[int] = []
        self._connecting = 0
        """The call of a socket that is attached where its 101 comes at once."""
        self._named = Named()
        self._broken = False
        """Somebody broke frames on purpose: no codec can be asked any more."""
        self._open: list[int] = []
        self.shelf = Shelf()
        self.space.objects = self.shelf
        self.running.engine.world.objects = self.shelf
        self._fresh = weight(self.running.engine.wire)

    # --- one line

    def line(self, line: str) -> None:
        """Do what it says. Raises Wrong, with all lines up to this one."""
        self.lines.append(line)
        try:
            self._tell_of_ends()
            self._do_line(line)
            self._look()
        except Exception as error:
            raise Wrong(self.told(error)) from error

    def told(self, error: BaseException) -> str:
        lines = "\n".join(f"    {line}" for line in self.lines)
        return f"{type(error).__name__}: {error}\n  {self.backend.name}, after these lines:\n{lines}"

    def _do_line(self, line: str) -> None:
        match line.split(" ", 2):
            case ["after", seconds]:
                if (passed := seconds_of(seconds)) is not None:
                    self.after(passed)
            case ["beat"]:
                self.beat()
            case ["drain"]:
                self.drain()
            case ["ask", _, _]:
                self._asks(line)
            case ["give", "up", which] if self._open:
                call = self._open.pop(-1 - index(which, len(self._open)))
                self.take(Aborted(call))
                self._waiting.pop(call, None)
            case ["act", name, *which] if name in SOME:
                talks = [*self.running.engine.rules.talks()][-4:]
                if talks:
                    self.act(talks[-1 - index(which[0] if which else "0", len(talks))], SOME[name])
            case ["called", status] if self.calls and status.isascii() and status.isdigit():
                self.called(int(status[:3]))
            case ["fault", *_]:
                self._add_fault(line[6:])
            case ["no", "faults"]:
                self._end_faults()
            case [who, "connects", *path] if who in PEOPLE:
                self._connects(who, visible(self._named.filled(read(path[0]))) if path else None)
            case [who, *what] if who in self.sockets and self.sockets[who].open:
                self._speaks(self.sockets[who], what)

    def _speaks(self, socket: Socket, what: list[str]) -> None:
        match what:
            case [">>", text]:
                data = self._named.filled(read(text))
                # A text frame is UTF-8, or keeps each wrong byte as half a surrogate pair.
                socket.send(data.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"))
            case [">=", data]:
                socket.send(unhexed(data))
            case ["pings", *data]:
                socket.ping(unhexed("".join(data))[:125])
            case ["pongs", *data]:
                socket.pong(unhexed("".join(data))[:125])
            case ["closes", code] if code.isascii() and code.isdigit() and 1000 <= int(code[:4]) < 5000:
                socket.close(int(code[:4]))
            case ["vanishes"]:
                socket.close(1006)

    def _connects(self, who: str, path: str | None) -> None:
        if who in self.sockets and self.sockets[who].open:
            self.sockets[who].close(1006)
        if path is not None:
            route = find(self.backend.routes, "GET", path.partition("?")[0])
            if isinstance(route, NoRoute | NoMethod) or not path.startswith("/") or path.startswith("//"):
                return
        self._connecting = self._numbers + 1
        socket = self.connect(who, path)
        self._connecting = 0
        if socket.refused is not None:
            self._answer("GET", socket.refused, Request("GET", "/"))
        elif socket.upgrade is None and socket.call not in self.cut and socket.call not in self.reset:
            # The rules think about it, or a fault holds it: whoever asked waits, and may give up.
            self._open.append(socket.call)

    def _asks(self, line: str) -> None:
        _, method, target, *rest = line.split(" ", 4)
        headers: Headers = ()
        try:
            named = json.loads(read(rest[0])) if rest else {}
        except (ValueError, RecursionError):
            named = {}
        if isinstance(named, dict):
            headers = tuple(
                (token(key), wired(self._named.filled(value)).translate(NO_LINES))
                for key, value in named.items()
                if isinstance(value, str) and key
            )
        body = read_bytes(self._named.filled(rest[1])) if len(rest) > 1 else b""
        path = visible(self._named.filled(read(target)))
        if not path.startswith("/"):
            return
        bare, _, query = path.partition("?")
        request = Request(token(method), bare, query, (("Host", "127.0.0.1"), *headers), base="http://127.0.0.1")
        self._numbers += 1
        call = self._numbers
        self._asked[call] = request
        route = find(self.backend.routes, request.method, bare)
        if isinstance(route, NoRoute | NoMethod):
            self.answers[call] = self.backend.miss(request, route)
        elif (early := self.backend.judge(self.running.engine.world, request, route)) is not None:
            self.answers[call] = early
        else:
            if isinstance(route.body, Stored):
                request.upload = self._stored(request, route.body, body)
            else:
                request.body = body[: route.body.limit]
            self._open.append(call)
            self.take(Asked(call, request, route))
            if isinstance(request.upload, Upload):
                self.shelf.settle(request.upload)
        self._polls(call, request, route)

    def _polls(self, call: int, request: Request, route: Any) -> None:
        if isinstance(route, NoRoute | NoMethod) or not route.via:
            return
        self._poll_codecs.setdefault(f"{call}", (route.via, route.ticket(request)))

    def _stored(self, request: Request, body: Stored, data: bytes) -> Upload | UploadFlaw:
        taker = forms.taker(request, body, self.shelf.begin)
        if isinstance(taker, UploadFlaw):
            return taker
        try:
            # In two pieces: what a delimiter is cut in must not matter.
            for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
                if not taker.over:
                    taker.push(piece)
            return taker.result()
        finally:
            taker.abandon()

    def _add_fault(self, said: str) -> None:
        try:
            fault: Fault = FaultSpec.model_validate(json.loads(read(said))).fault(f"f{len(self.lines)}")
        except (ValidationError, ValueError, RecursionError):
            return
        self._broken = True
        if len([*self.space.faults]) < 8:
            self.fault(fault)

    def _end_faults(self) -> None:
        for one in [*self.space.faults]:
            self.fault(without=one.name)

    # --- time, in turns

    def after(self, seconds: float) -> None:
        engine = self.running.engine
        target = self.clock.now() + seconds
        turns = 0
        while (due := engine.next_due()) is not None and due <= target:
            self.clock.set(due)
            self._carry(engine.run_until(due))
            turns += 1
            assert turns < MOST_TURNS, f"{MOST_TURNS} turns, and it is still {target - due:g} seconds to go"
        self.turns += turns
        self.clock.set(target)
        self._carry(engine.run_until(self.clock.now()))

    # --- what came of it

    def _tell_of_ends(self) -> None:
        """What the driver says of sockets: that an upgrade was carried out, or could not be, and that an end is done."""
        while self._ended or self._upgraded:
            ended, self._ended = self._ended, []
            upgraded, self._upgraded = self._upgraded, []
            for call in upgraded:
                socket = self._by_link.get(call)
                if call in self._open:
                    self._open.remove(call)
                if socket is None or self.sockets[socket.name] is not socket:
                    self.take(Aborted(call))
                elif not socket.open:
                    socket.open = True
                    self.take(Attached(call, call))
            for detached in ended:
                self.take(detached)

    def _carry(self, effects: list[Effect | Any]) -> None:
        for effect in effects:
            if isinstance(effect, Shut | Drop):
                self._ended.append(Detached(effect.link, 1006))
            elif isinstance(effect, Upgrade) and effect.call != self._connecting:
                self._upgraded.append(effect.call)
            elif isinstance(effect, Reset) and effect.number in self._by_link:
                self._ended.append(Detached(effect.number, 1006))
        super()._carry(effects)

    def _look(self) -> None:
        for level, text, facts in self.logged:
            assert level != "error", f"an error in the log: {text} {facts}"
            assert "Traceback" not in text, text
        for socket in [*self._by_link.values()]:
            while socket.got:
                self._item(socket, socket.got.popleft())
        for call in [*self.answers]:
            request = self._asked.pop(call, Request("GET", "/"))
            if call in self._open:
                self._open.remove(call)
            response = self.answers.pop(call)
            self._answer(request.method, response, request)
            if (via := self._poll_codecs.pop(f"{call}", None)) and response.status == 200 and not self._broken:
                self._poll(via, request, response)
        self._open = [call for call in self._open if call not in self.cut and call not in self.reset]

    def _poll(self, via: tuple[str, str], request: Request, response: Response) -> None:
        text = response.body.decode()
        if request.method != "GET" or (via[0] == "polling" and text == "ok"):
            return
        codec = self._poll_codecs.setdefault(f"session {via[1]}", self._codec(self.backend))
        judge(codec, Frame(text, via[0]))

    def _item(self, socket: Socket, item: Any) -> None:
        self.outcome.append(f"{socket.name} {item!r}")
        if isinstance(item, Raw):
            self._broken = True
        elif isinstance(item, Frame):
            self._named.remember(item.data if isinstance(item.data, str) else "")
            if not self._broken:
                codec = self._codecs.setdefault(socket.call, self._codec(self.backend))
                judge(codec, item)
        elif isinstance(item, Shut) and item.code is not None:
            assert 1000 <= item.code < 5000, item
            assert len(item.reason.encode("utf-8", "surrogateescape")) <= 123, item

    def _answer(self, method: str, response: Response, request: Request) -> None:
        dressed = self.backend.dress(self.running.seed.settings, request, response, self.clock.now())
        self.outcome.append(f"answer {dressed!r}")
        judge_answer(method, dressed)
        if len(dressed.body) < 10_000:
            self._named.remember(dressed.body.decode("utf-8", "replace"))

    # --- the end

    def leave(self) -> None:
        """Everyone goes, and time passes: nothing of them is left. Raises Wrong."""
        try:
            self._leave()
        except Exception as error:
            raise Wrong(self.told(error)) from error

    def _leave(self) -> None:
        self._end_faults()
        self._tell_of_ends()
        for socket in self._by_link.values():
            if socket.open:
                socket.close(1006)
        for call in [*self._waiting]:
            self.take(Aborted(call))
            self._waiting.pop(call, None)
        self._look()
        while self.calls:
            self.called(200)
        self.after(600.0)
        while self.calls:
            self.called(500)
        self._look()
        self._tell_of_ends()
        nobody_left(self.running)
        self._passes()
        # A wire may hold on to what it said last, until it is asked the next time.
        self.take(Got(0, Frame("")))
        nothing_left(self.running, self._fresh)

    def _passes(self) -> None:
        """All that conversations still wait for comes to its end, unless a scenario goes round for ever."""
        engine, until = self.running.engine, self.clock.now() + SETTLE
        turns = 0
        while (due := engine.next_due()) is not None and due <= until and turns < MOST_TURNS:
            self.clock.set(due)
            self._carry(engine.run_until(due))
            turns += 1
        self._look()
        if self.space.script is None:
            assert engine.next_due() is None, f"timers without an end: {engine._armed[RULES]}"


def play(name: str, lines: list[str]) -> Conversation:
    """All of it, and then everyone leaves."""
    first, *rest = lines or [""]
    if first.partition(" ")[0] in ("settings", "scenario"):
        try:
            talk = Conversation(name, first)
        except (ValueError, OSError, RecursionError, AttributeError, TypeError):
            # No such setting, or no such scenario: that is for files.py.
            talk, rest = Conversation(name), rest
    else:
        talk, rest = Conversation(name), lines
    for line in rest:
        talk.line(line)
    talk.leave()
    return talk


def twice(name: str, lines: list[str]) -> Conversation:
    """The same again says the same. Raises Wrong."""
    first, second = play(name, lines), play(name, lines)
    if first.outcome != second.outcome:
        differ = next((one for one in zip(first.outcome, second.outcome, strict=False) if one[0] != one[1]), "lengths")
        raise Wrong(first.told(AssertionError(f"two runs of one seed differ: {spelled(repr(differ))}")))
    return first

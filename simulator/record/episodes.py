"""`replay --mode new_episodes`: what is not on the tape is asked of a real server, and appended to the tape."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulator.cassette.coverage import short
from simulator.cassette.entries import Beside
from simulator.cassette.playback import Playback
from simulator.cassette.strands import Part
from simulator.cassette.targets import weight
from simulator.cassette.walk import Seat, Walk
from simulator.core.actions import Action, Cancel
from simulator.core.events import CallId, Conn, Knocked, Requested
from simulator.core.message import NO_REF, Message, Request
from simulator.core.objects import Upload
from simulator.drive.edge import Edge
from simulator.drive.episode import Episode
from simulator.drive.taping import Taping
from simulator.record.ear import Ear
from simulator.record.onlooker import POLLS
from simulator.record.talk import Talk
from simulator.record.whole import whole
from simulator.wire.single import flaw

if TYPE_CHECKING:
    from simulator.record.behind import Upstream

WAITING: Final = 16 << 20
"""Bytes of one client that may wait for a server which does not read them, or has not answered yet."""
UPLOADS: Final = 32 << 20
"""Bytes of what all clients have uploaded that are kept, should the server need them as well."""
_PAUSE: Final = 0.03
"""Seconds in which what the tape has just said still comes to a poll that waits for it."""
_ANSWER: Final = 30.0
"""Seconds that the server has for an answer."""
_MOMENT: Final = 0.2
"""Seconds in which the end of a conversation comes to the tape."""


class Episodes:
    """`Beyond` of one playback."""

    def __init__(self, upstream: Upstream, playback: Playback) -> None:
        self._upstream = upstream
        self._playback = playback
        self._talks: dict[int, Talk] = {}
        """By the number of a walk; 0 for requests of nobody."""
        self._fresh: dict[int, tuple[Seat, Talk]] = {}
        """By the identity of their requests, connections that are about to open."""
        self._by_number: dict[int, Talk] = {}
        self._calls: dict[CallId, tuple[Request, bool]] = {}
        self._uploads: OrderedDict[CallId, tuple[Requested, bytes]] = OrderedDict()
        """The last requests that brought something, and that."""
        self._uploaded = 0
        """Bytes of these, with their header lines."""
        self._actions: list[Action] = []
        self._learning = False

    # ---- as `Beyond` wants it

    def unknown(self, seat: Seat, conn: Conn, message: Message) -> list[Action] | None:
        talk = self._hand_over(seat)
        if talk is None:
            return None
        talk.unknown.append((seat, conn, message))
        self._wait(talk, seat, message)
        self._playback.passed_on()
        return [Cancel(("seat", one.number)) for other in talk.seats.values() for one in other.kin]

    def said(self, seat: Seat, conn: Conn, message: Message) -> list[Action]:
        talk = self._talks.get(seat.walk.number)
        if talk is not None:
            self._wait(talk, seat, message)
            self._playback.passed_on()
            if not talk.heard:
                talk.unknown.append((seat, conn, message))
        return []

    def joins(self, seat: Seat, knocked: Knocked) -> list[Action] | None:
        talk = self._hand_over(seat)
        if talk is None:
            return None
        seat.knocking[knocked.topic] = knocked.conn
        talk.doors.append((seat, knocked))
        return [Cancel(("seat", one.number)) for other in talk.seats.values() for one in other.kin]

    def opened(self, seat: Seat) -> bool:
        if self._upstream.closed:
            return False
        talk = self._talks.get(seat.walk.number)
        if talk is None and (seat.strand.conn or not self._upstream.onlooker.sees(seat.request)):
            return False
        if talk is None:
            talk = self._begin(seat.walk, seat.request.base)
        self._fresh[id(seat.request)] = (seat, talk)
        number = self._upstream.onlooker.number(seat.request)
        if number is not None:
            # Of Engine.IO's sessions the door is behind the handshake.
            self.began(seat.request, number)
        return True

    def left(self, seat: Seat) -> None:
        self._fresh.pop(id(seat.request), None)
        talk = self._talks.get(seat.walk.number)
        if talk is None:
            return
        for number, known in [*talk.seats.items()]:
            if known is seat or known.kin is seat.kin:
                del talk.seats[number]
                asyncio.get_running_loop().call_soon(self._hang, talk, number)

    def asked(self, asked: Requested, walk: Walk | None, known: bool) -> list[Action] | None:
        if self._upstream.closed:
            return None
        self._brought(asked)
        talk = None if walk is None else self._talks.get(walk.number)
        route = asked.route.name
        stores = route in self._playback.backend.live
        if (talk is None and known) or (stores and route in ("put", "object")):
            return None
        if not self._upstream.onlooker.sees(asked.request):
            return None
        if flaw(asked.request) is None:
            # Asked without its upgrade, the server would answer what its client can't use.
            where = f"{short(asked.request.path)}, where {self._playback.backend.name} has none"
            self._upstream.tell(f"is not asked for a WebSocket at {where}")
            return None
        body = self._upstream.content(asked)
        if body is None:
            return None
        request = whole(asked, body)
        if talk is None:
            talk = self._talks.get(0) if walk is None else None
        if talk is None:
            if walk is None:
                talk = self._begin(None, request.base)
            else:
                found = self._taken(walk, request.base)
                if found is None:
                    return None
                talk = found
        self._calls[asked.call] = (asked.request, stores)
        self._playback.passed_on()
        asyncio.get_running_loop().call_later(_PAUSE, self._ask, talk, request, asked.call)
        return [Cancel(("seat", one.number)) for other in talk.seats.values() for one in other.kin]

    def news(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions

    # ---- from the tape to the server

    def _hand_over(self, seat: Seat) -> Talk | None:
        if self._upstream.closed:
            return None
        talk = self._talks.get(seat.walk.number)
        if talk is not None:
            return talk
        if self._upstream.onlooker.number(seat.request) is None:
            return None
        return self._taken(seat.walk, seat.request.base)

    def _taken(self, walk: Walk, base: str) -> Talk | None:
        """All of a client is the server's from now on."""
        onlooker = self._upstream.onlooker
        numbers: dict[int, Seat] = {}
        for seat in walk.seats.values():
            number = onlooker.number(seat.request)
            if number is not None:
                numbers.setdefault(number, seat.kin[0])
        if onlooker.strips.lost & numbers.keys():
            self._upstream.tell("is not asked: a client's conversation so far was too long to be kept")
            return None
        talk = self._begin(walk, base)
        for number, seat in numbers.items():
            talk.numbers.add(number)
            self._by_number[number] = talk
            if seat.conns or seat.knocking:
                talk.seats[number] = seat
                for one in seat.kin:
                    one.elsewhere = True
                    self._owed(talk, number, one)
        for call in walk.calls:
            if (exchange := onlooker.exchange(call)) is not None:
                talk.numbers.add(exchange)
        self._arm(talk, _PAUSE)
        return talk

    def _begin(self, walk: Walk | None, base: str) -> Talk:
        upstream = self._upstream
        upstream.took(self)
        backend = self._playback.backend
        ear = Ear(self, upstream, self._playback)
        episode = Episode(upstream.target, (base, upstream.target.base), backend, ear, _ANSWER)
        taping = Taping(upstream.tape.recorder(), upstream.target, upstream.tape.now)
        talk = ear.talk = Talk(episode, Edge(episode, Path(), upstream.insecure, taping), walk, base)
        self._talks[0 if walk is None else walk.number] = talk
        upstream.spawn(self._run(talk))
        return talk

    async def _run(self, talk: Talk) -> None:
        await talk.edge.run()

    def _owed(self, talk: Talk, number: int, seat: Seat) -> None:
        """What the tape would still have answered, the server answers."""
        lines = seat.strand.lines
        for index in seat.pending():
            line = lines[index]
            if line.part is Part.ANSWER and line.answers is not None:
                asked = lines[line.answers]
                key = (number, seat.walk.bindings.to_live(asked.topic), asked.name)
                talk.refs.setdefault(key, deque()).append(seat.refs.get(line.answers, NO_REF))

    def _wait(self, talk: Talk, seat: Seat, message: Message) -> None:
        number = self._upstream.onlooker.number(seat.request)
        if number is not None and message.ref is not NO_REF:
            topic = message.topic
            waiting = talk.refs.setdefault((number, topic, message.name), deque(maxlen=1000))
            waiting.append(message.ref)
            if len(talk.refs) > 1000:
                # A client may wait for an answer to ever other names.
                del talk.refs[next(iter(talk.refs))]
        self._arm(talk, _PAUSE if not talk.begun else 0.0)

    def _arm(self, talk: Talk, seconds: float) -> None:
        if not talk.armed:
            talk.armed = True
            loop = asyncio.get_running_loop()
            if seconds:
                loop.call_later(seconds, self._pump, talk)
            else:
                loop.call_soon(self._pump, talk)

    def seen(self, number: int) -> None:
        """A record was made."""
        talk = self._by_number.get(number)
        for one in [talk] if talk is not None else self._talks.values() if number < 0 else []:
            if one.begun:
                self._arm(one, 0.0)

    def began(self, request: Request, number: int) -> None:
        """A connection has a number now."""
        found = self._fresh.pop(id(request), None)
        if found is None or found[0].request is not request:
            return
        seat, talk = found
        talk.numbers.add(number)
        talk.seats[number] = seat
        self._by_number[number] = talk
        self._arm(talk, 0.0)

    def _pump(self, talk: Talk) -> None:
        talk.armed = False
        entries, count = self._upstream.onlooker.strips.entries(talk.numbers, talk.read)
        talk.read = dict.fromkeys((*talk.numbers, POLLS), count)
        talk.episode.feed(entries, talk.numbers, past=not talk.begun)
        if not talk.begun:
            talk.begun, talk.room = True, WAITING + talk.episode.waiting
        talk.edge.poke()
        if talk.edge.waiting + talk.episode.waiting > talk.room:
            # Nor is it asked about these once more: it would have to take all of it again.
            self._upstream.onlooker.strips.give_up(talk.numbers)
            talk.edge.cut()
            talk.episode.overrun([*talk.seats], f"took nothing of the last {WAITING >> 20} MiB that a client said")

    def _ask(self, talk: Talk, request: Request, call: CallId) -> None:
        self._pump(talk)
        talk.episode.ask(request, call, asyncio.get_running_loop().time())
        talk.edge.poke()

    def _hang(self, talk: Talk, number: int) -> None:
        self._pump(talk)
        out: list[Any] = []
        talk.episode.hang(number, out)
        talk.edge.carry(out)
        if not talk.seats:
            asyncio.get_running_loop().call_later(self._upstream.parting, self._learn, talk)

    def _learn(self, talk: Talk) -> None:
        """A client has gone: what it brought can be played to the next one."""
        if not talk.seats and talk.walk is not None:
            self._talks.pop(talk.walk.number, None)
            self._forget(talk)
            talk.episode.ending = True
            talk.edge.poke()
            self.learn_soon()

    def learn_soon(self) -> None:
        """When nobody is under way: what is half told is no telling yet."""
        if not self._learning:
            self._learning = True
            asyncio.get_running_loop().call_later(_MOMENT, self._learn_now)

    def _learn_now(self) -> None:
        self._learning = False
        if not any(self._talks):
            self._upstream.tape.learn(self._playback)

    def end(self) -> None:
        """Nobody is here any more."""
        for talk in self._talks.values():
            talk.seats.clear()
            talk.episode.ending = True
            talk.edge.poke()
        self._talks.clear()

    # ---- for who hears the server

    def do(self, *actions: Action) -> None:
        """Soon."""
        self._actions += actions
        self._upstream.wake()

    def gone(self, talk: Talk) -> None:
        """The server can't be had: its client is the tape's again."""
        if talk.walk is not None:
            self._talks.pop(talk.walk.number, None)
            self._forget(talk)

    def _forget(self, talk: Talk) -> None:
        """Nothing that is said over its connections is for it any more."""
        for number in talk.numbers:
            if self._by_number.get(number) is talk:
                del self._by_number[number]

    def upload(self, body: Beside) -> Request | None:
        """The very request that brought this, whole; of the last ones."""
        found = self._uploads.get(int(body.path or 0))
        return None if found is None else whole(*found)

    def _brought(self, asked: Requested) -> None:
        # The simulator itself keeps nothing of what the tape has taken.
        request = asked.request
        upload = request.upload
        if not isinstance(upload, Upload):
            return
        size = upload.size + weight(request)
        if size > UPLOADS or asked.call in self._uploads or (content := self._upstream.content(asked)) is None:
            return
        self._uploads[asked.call] = asked, content
        self._uploaded += size
        while self._uploaded > UPLOADS:
            old, content = self._uploads.popitem(last=False)[1]
            self._uploaded -= len(content) + weight(old.request)

    def call(self, call: CallId) -> tuple[Request, bool]:
        """The request that has its answer now, and whether it is of a signed upload."""
        return self._calls.pop(call)

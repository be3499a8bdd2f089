"""A backend's rules made of tapes: the wire is live, what is said comes from the tape."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import cast

from simulator.cassette.beyond import COUNTED, Beyond, stranger
from simulator.cassette.bindings import changed
from simulator.cassette.claims import claim
from simulator.cassette.coverage import Coverage
from simulator.cassette.envelopes import ENGINE
from simulator.cassette.exchanges import Exchanges
from simulator.cassette.finding import Found
from simulator.cassette.grafts import Grafts
from simulator.cassette.match import Comparison, Masks, Mode
from simulator.cassette.misses import NOT_ON_THE_TAPE, Misses
from simulator.cassette.moves import Moves
from simulator.cassette.plan import answered
from simulator.cassette.recoveries import recovery
from simulator.cassette.seats import KEPT, Seats
from simulator.cassette.speaking import ENDS, Speaking
from simulator.cassette.strands import Plan, Strand
from simulator.cassette.targets import fits, target
from simulator.cassette.walk import Manner, Seat, Walk
from simulator.cassette.walks import Walks
from simulator.core.actions import Accept, Action, Cancel, Refuse
from simulator.core.backend import Backend
from simulator.core.bot import Act
from simulator.core.errors import Unmatched
from simulator.core.events import (
    Acked,
    Called,
    Closed,
    Conn,
    Event,
    Fired,
    Knocked,
    Malformed,
    Opened,
    Received,
    Requested,
)
from simulator.core.message import NO_REF, Frame, Message, Request, Response
from simulator.core.world import World


class Playback:
    """Rules. Each client walks its own copy of the tapes."""

    def __init__(
        self,
        world: World,
        backend: Backend,
        plans: Sequence[Plan],
        manner: Manner,
        coverage: Coverage,
        most: int = KEPT,
    ) -> None:
        """`backend` is whose wire this is, with its own rules. Of what is over, `most` places are remembered."""
        self._most = most
        self.world = world
        self.backend = backend
        self.manner = manner
        self.coverage = coverage
        self.masks = Masks((*backend.volatile, *manner.ignore))
        self.walks = Walks(world, plans, self.masks, manner, coverage, most)
        self.seats = Seats(self, most)
        self._by_conn: dict[Conn, tuple[Seat, str]] = {}
        self._away: OrderedDict[Conn, Seat] = OrderedDict()
        self.misses = Misses(world, manner, coverage)
        self._speaking = Speaking(world, self.walks, manner, coverage, self._turned_away)
        self._moves = Moves(world, self.walks, self.masks, manner, coverage, self._speaking)
        self._exchanges = Exchanges(self)
        self._grafts = Grafts(self.masks, coverage, self.seats.more)
        self.beyond: Beyond | None = None if manner.beyond is None else manner.beyond(self)

    # --- as the house wants it

    def talks(self) -> Collection[str]:
        """None: the tape knows no talks."""
        return ()

    def objection(self, talk: str, act: Act) -> str | None:
        """Nobody can act here."""
        return "a tape is played here, and nobody can act in it"

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        """None."""
        return None

    def conns_of(self, talk: str) -> Collection[Conn]:
        """Nobody."""
        return ()

    def handle(self, event: Event) -> list[Action]:
        """Work one event."""
        match event:
            case Received():
                try:
                    return self._received(event.conn, event.message)
                except RecursionError:
                    return self.misses.too_deep(self._by_conn[event.conn][0], event.conn, event.message)
            case Fired():
                return self._fired(event)
            case Knocked():
                return self._knocked(event)
            case Opened():
                return self._opened(event.conn)
            case Acked():
                try:
                    return self._acked(event)
                except RecursionError:
                    said = Message("an acknowledgement", ())
                    return self.misses.too_deep(self._by_conn[event.conn][0], event.conn, said)
            case Closed():
                return self._closed(event.conn)
            case Requested():
                return self._exchanges.requested(event)
            case Malformed():
                return self._malformed(event)
            case Called() if self.beyond is not None:
                return self.beyond.news()
            case _:
                return []

    # --- places

    def _knocked(self, knocked: Knocked) -> list[Action]:
        request = knocked.request
        seat = self.seats.of(request)
        before = self._away.get(knocked.recovers)
        ended: list[Action] = []
        if seat is None and before is not None:
            ended = self._deserted(before)
            strand = recovery(before, target(request))
            seat = self.seats.back(request, before) if strand is None else self.seats.sit(request, before.walk, strand)
        if seat is None:
            walk, strand = self.walks.place(request, knocked.auth)
            astray = strand is None or not fits(strand.path, request.path)
            if astray and self.beyond is not None:
                strand = stranger(request, self.backend)
            elif astray and (refusal := self.misses.astray(walk, strand, knocked)) is not None:
                return refusal
            assert strand is not None
            if strand.refusal is not None:
                return self._refused(walk, strand, knocked)
            seat = self.seats.sit(request, walk, strand)
        if seat.over:
            # All of a session's namespaces were left, and it lives on.
            seat.over = False
            seat.walk.open += 1
        if not knocked.topic:
            seat.conns[""] = knocked.conn
            self._by_conn[knocked.conn] = (seat, "")
            return [Accept(knocked.conn)]
        return [*ended, *self._joins(seat, knocked)]

    def _deserted(self, seat: Seat) -> list[Action]:
        """A session that is recovered is over: who still waits at one of its doors is let in nowhere."""
        waiting = [*seat.knocking.values()]
        if not waiting:
            return []
        seat.knocking.clear()
        for conn in waiting:
            del self._by_conn[conn]
        return [*(Refuse(conn, {"message": NOT_ON_THE_TAPE}) for conn in waiting), *self._left(seat)]

    def _refused(self, walk: Walk, strand: Strand, knocked: Knocked) -> list[Action]:
        response = strand.refusal
        assert response is not None
        walk.turned_away[strand] = None
        self.coverage.did(strand)
        body = response.body if isinstance(response.body, str) else ""
        told = Response(
            response.status, answered(response.headers), self.walks.spoken(walk, body, knocked.request.base).encode()
        )
        return [Refuse(knocked.conn, told)]

    def _joins(self, seat: Seat, knocked: Knocked) -> list[Action]:
        """Into a namespace or topic."""
        if seat.elsewhere:
            return self._elsewhere(seat, knocked) or []
        if knocked.recovers is not None and self._away.get(knocked.recovers) is seat:
            topic = seat.join(knocked.topic)[0]
            del self._away[knocked.recovers]
            self._by_conn[knocked.conn] = (seat, topic)
            self.coverage.matched["again"] += 1
            return self._speaking.recovered(seat, knocked.conn, topic, knocked.recovers)
        moved = self._moves.by_topic(seat, knocked.topic)
        topic, index = seat.join(knocked.topic)
        if index is None and (other := self._grafts.joining(seat, knocked.topic)) is not None:
            seat = other
            topic, index = seat.join(knocked.topic)
        if index is None and (actions := self._elsewhere(seat, knocked)) is not None:
            return actions
        if index is None:
            verb = "connect" if seat.strand.kind == ENGINE else "phx_join"
            unknown = Message(f"{verb} to {knocked.topic}", (knocked.auth,))
            self.misses.of(seat, Found(None, None, why="is not on the tape"), unknown)
            reason = "message" if seat.strand.kind == ENGINE else "reason"
            return [*moved, Refuse(knocked.conn, {reason: NOT_ON_THE_TAPE})]
        if topic != knocked.topic:
            seat.walk.bindings.bind(topic, knocked.topic)
        if topic in seat.broke or index in seat.used:
            self._anew(seat, topic, index)
        line = seat.strand.lines[index]
        taped = line.args[:1] or (None,)
        comparison = Comparison(self.masks.of(line.name), True).args(
            taped, (knocked.auth or None if not taped[0] else knocked.auth,)
        )
        self.walks.bind(seat.walk, comparison)
        if (before := seat.knocking.get(topic)) is not None:
            # The tape lets one in; a second knock takes its place.
            del self._by_conn[before]
            moved = [*moved, Refuse(before, {"message": NOT_ON_THE_TAPE})]
        seat.knocking[topic] = knocked.conn
        seat.topics[topic] = knocked.topic
        self._by_conn[knocked.conn] = (seat, topic)
        if self._away.pop(knocked.recovers, None) is not None:
            seat.recovers[topic] = knocked.recovers
        return [*moved, *self._matched(seat, Found(index, comparison), NO_REF)]

    def _anew(self, seat: Seat, topic: str, index: int) -> None:
        """Not recovered: by what its join brings it would hear for the second time what is still to come, or missed."""
        seat.away.discard(topic)
        seat.broke.discard(topic)
        for one in seat.kin:
            one.anew(topic, index if one is seat else None, self.manner.factor)

    def _elsewhere(self, seat: Seat, knocked: Knocked) -> list[Action] | None:
        """Into one that the real server is asked for."""
        actions = None if self.beyond is None else self.beyond.joins(seat, knocked)
        if actions is not None:
            self._by_conn[knocked.conn] = (seat, knocked.topic)
        return actions

    def _opened(self, conn: Conn) -> list[Action]:
        place = self._by_conn.get(conn)
        return [] if place is None or place[1] or place[0].elsewhere else self._speaking.go_on(place[0], 0)

    def _closed(self, conn: Conn) -> list[Action]:
        if (place := self._by_conn.pop(conn, None)) is None:
            return []
        seat, topic = place
        seat.conns.pop(topic, None)
        if seat.strand.kind == ENGINE:
            self._away[conn] = seat
            seat.broke.add(topic)
            if len(self._away) > self._most:
                self._away.popitem(last=False)
        if seat.conns or seat.knocking:
            return []
        return self._left(seat)

    def _left(self, seat: Seat) -> list[Action]:
        seat.walk.open -= 1
        if self.beyond is not None:
            self.beyond.left(seat)
        return [action for one in [*seat.kin] for action in self._over(one)]

    def _over(self, seat: Seat) -> list[Action]:
        seat.over = True
        unsaid = [seat.strand.lines[index] for index in seat.leave()]
        for line in unsaid:
            if line.part in ENDS:
                self.coverage.did(line)
        if seat.strand.kind != ENGINE:
            # Of a session nobody tells when it is over: its client may still join again.
            self.seats.forget(seat)
        self.misses.leaving(seat, next((line for line in unsaid if line.part not in ENDS), None))
        return [Cancel(("seat", seat.number))]

    # --- what the client says

    def _received(self, conn: Conn, message: Message) -> list[Action]:
        place = self._by_conn.get(conn)
        if place is None:
            return []
        seat, topic = place
        if seat.elsewhere:
            assert self.beyond is not None
            return self.beyond.said(seat, conn, message)
        fresh = seat.fresh
        moved = self._moves.returns(seat, message, topic) if fresh else []
        args = changed(message.args, seat.walk.bindings.to_taped)
        if (further := self._grafts.further(seat, message, topic, args)) is not None:
            return [*moved, *self._matched(*further, message.ref, message.name)]
        found = seat.find(message, topic, args, self.masks, self.manner.match)
        if found.index is None and fresh and (moves := self._moves.by_words(seat, message, topic, args)):
            moved += moves
            found = seat.find(message, topic, args, self.masks, self.manner.match)
        if claim(self.walks, seat.walk, found, message.args):
            args = changed(message.args, seat.walk.bindings.to_taped)
            found = seat.find(message, topic, args, self.masks, self.manner.match)
        if found.index is None and self.manner.loop and seat.said_all:
            seat.begin_again()
            found = seat.find(message, topic, args, self.masks, self.manner.match)
        if found.index is None and self.manner.match is Mode.LOOSE:
            if (grafted := self._grafts.find(seat, message, topic, args)) is not None:
                return [*moved, *self._matched(*grafted, message.ref)]
            beyond = None if self.beyond is None else self.beyond.unknown(seat, conn, message)
            if beyond is not None:
                return [*moved, *beyond]
        if found.index is None:
            return [*moved, *self.misses.answered(seat, conn, found, message)]
        return [*moved, *self._matched(seat, found, message.ref, message.name)]

    def _turned_away(self, seat: Seat, conn: Conn) -> list[Action]:
        del self._by_conn[conn]
        return [] if seat.conns or seat.knocking else self._left(seat)

    def _malformed(self, malformed: Malformed) -> list[Action]:
        conn, error = malformed.conn, malformed.error
        if isinstance(error, Unmatched):
            seat = self._by_conn[conn][0]
            found = [] if seat.elsewhere else self.misses.unjoined(seat, conn, error, self.masks)
            return found if isinstance(found, list) else self._matched(seat, found, NO_REF)
        frame = error.frame
        if not isinstance(frame, Frame):
            self.world.log("warning", f"what the tape has can't be sent: {error}")
            return []
        return self._received(conn, Message("", (frame.data,)))

    def _fired(self, fired: Fired) -> list[Action]:
        owner, number = cast("tuple[str, int]", fired.owner)
        if owner == "call":
            return self._exchanges.due(number)
        seat = self.seats.numbered(number)
        return [] if seat is None else self._speaking.due(seat)

    def _acked(self, acked: Acked) -> list[Action]:
        number, index = cast("tuple[int, int]", acked.key)
        seat = self.seats.numbered(number)
        if seat is None or seat.elsewhere:
            return []
        at = seat.strand.acks.get(index)
        if at is None:
            found = Found(None, None, index, why=f"of {seat.strand.lines[index].name} is not on the tape")
            self.misses.of(seat, found, Message("an acknowledgement", acked.args))
            return []
        line = seat.strand.lines[at]
        args = changed(acked.args, seat.walk.bindings.to_taped)
        comparison = Comparison(self.masks.of(line.name), True).args(line.args, args)
        found = Found(at, comparison, at, why="is not as it is on the tape" if comparison.differences else "")
        if comparison.differences and self.manner.match is not Mode.POSITION:
            self.misses.of(seat, found, Message(line.name, acked.args))
        return self._matched(seat, found, NO_REF)

    def _matched(self, seat: Seat, found: Found, ref: object, said: str = "") -> list[Action]:
        index, comparison = found.index, found.comparison
        assert index is not None
        line = seat.strand.lines[index]
        loosely = comparison is not None and bool(comparison.pairs)
        how = "again" if found.again else "by position" if found.why else "by meaning" if loosely else "exactly"
        self.coverage.matched[how] += 1
        self.coverage.did(line)
        place = f"{seat.walk.plan.path}:{line.line}"
        differences = comparison.differences if comparison is not None else []
        more = "".join(f"; {difference.told()}" for difference in differences)
        told = line.told() if said in ("", line.name) else f"{said}, which is {line.told()} there,"
        self.world.log("debug", f"client {seat.walk.number}: {told} matches {place} {how}{more}")
        if comparison is not None:
            self.walks.bind(seat.walk, comparison)
            seat.short.learn(index, comparison.short)
        seat.refs[index] = ref
        if found.again:
            lines = seat.strand.lines
            follows = [at for at in seat.strand.follows[index] if lines[at].answers == index]
            return [action for at in follows for action in self._speaking.play(seat, at, index)]
        seat.used.add(index)
        seat.at = index
        for other in seat.kin:
            self._grafts.also(seat, index, other)
        return self._speaking.go_on(seat, index)

    def turned_down(self, seat: Seat, conn: Conn, message: Message) -> list[Action]:
        """What was meant for the real server, which can not be asked: it is a miss after all, and the tape goes on."""
        self.coverage.unmatched(COUNTED)
        taped, topic = seat.walk.bindings.to_taped, self._by_conn[conn][1] if conn in self._by_conn else ""
        found = seat.find(message, topic, changed(message.args, taped), self.masks, self.manner.match)
        if found.index is not None:
            return self._matched(seat, found, message.ref)
        return [*self.misses.answered(seat, conn, found, message), *self._speaking.due(seat)]

    def passed_on(self) -> None:
        """Something went to the real server."""
        self.coverage.matched[COUNTED] += 1

    def unanswered(self, request: Request, why: str) -> None:
        """A request went to the real server, and no answer came, for this reason: it is a miss after all."""
        self.coverage.unmatched(COUNTED)
        self._exchanges.missed(request, f", and the upstream did not answer ({why})")

"""A backend's rules made of tapes: the wire is live, what is said comes from the tape."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from math import inf
from typing import Final, cast

from simulator.cassette.beyond import Beyond
from simulator.cassette.bindings import changed, dumps
from simulator.cassette.coverage import Coverage, Miss
from simulator.cassette.envelopes import ENGINE, GATEWAY, PHOENIX, home_of
from simulator.cassette.exchanges import Exchanges
from simulator.cassette.grafts import Grafts
from simulator.cassette.match import Comparison, Masks, Mode, nearest, shown
from simulator.cassette.plan import answered
from simulator.cassette.strands import Line, Part, Plan, Strand
from simulator.cassette.walk import Args, Found, Manner, Seat, Walk, compared, fits, target
from simulator.cassette.walks import Walks
from simulator.core.actions import Accept, Action, After, Cancel, Close, Refuse, Reply, Send
from simulator.core.backend import Backend
from simulator.core.bot import Act
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
from simulator.core.message import NO_REF, Frame, Json, Message, Request, Response
from simulator.core.world import World

KEPT: Final = 10_000
"""Places that are remembered; those that are over go first."""
NOT_ON_THE_TAPE: Final = "not on the tape"


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
        self._seats: OrderedDict[int, Seat] = OrderedDict()
        """By number."""
        self._of_request: dict[int, Seat] = {}
        """By the identity of their requests, which they keep."""
        self._by_conn: dict[Conn, tuple[Seat, str]] = {}
        self._away: OrderedDict[Conn, Seat] = OrderedDict()
        self._numbers = 0
        self._exchanges = Exchanges(self)
        self._grafts = Grafts(self.masks, coverage, self._grafted)
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
                return self._received(event.conn, event.message)
            case Fired():
                return self._fired(event)
            case Knocked():
                return self._knocked(event)
            case Opened():
                return self._opened(event.conn)
            case Acked():
                return self._acked(event)
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
        seat = self._of_request.get(id(request))
        before = self._away.get(knocked.recovers)
        if seat is None and before is not None:
            seat = self._sit(request, before.walk, before.walk.next(target(request)) or before.strand)
        if seat is None:
            walk, strand = self.walks.place(request, knocked.auth)
            if self.beyond is not None and (strand is None or not fits(strand.path, request.path)):
                strand = _stranger(request, self.backend)
            if strand is None:
                return self._unexpected(knocked)
            if strand.refusal is not None:
                return self._refused(walk, strand, knocked)
            seat = self._sit(request, walk, strand)
        if seat.over:
            # All of a session's namespaces were left, and it lives on.
            seat.over = False
            seat.walk.open += 1
        if not knocked.topic:
            seat.conns[""] = knocked.conn
            self._by_conn[knocked.conn] = (seat, "")
            return [Accept(knocked.conn)]
        return self._joins(seat, knocked)

    def _sit(self, request: Request, walk: Walk, strand: Strand) -> Seat:
        self._numbers += 1
        known = walk.seats.get(strand)
        seat = Seat(self._numbers, walk, strand, request)
        if known is not None:
            # It broke off, and goes on from there.
            seat.used, seat.fresh = known.used - _doors(strand), False
        seat.kin.append(seat)
        walk.seats[strand] = seat
        walk.open += 1
        self._seats[seat.number] = seat
        self._of_request[id(request)] = seat
        seat.elsewhere = self.beyond is not None and self.beyond.opened(seat)
        if len(self._seats) > self._most:
            for old in [old for old in self._seats.values() if old.over][:1]:
                self._unseat(old)
        self.walks.bind(walk, compared(walk, strand.path, request, self.masks))
        self.coverage.did(strand.lines[0])
        place = f"{walk.plan.path}:{strand.lines[0].line}"
        self.world.log("debug", f"client {walk.number} is in the place of conn {strand.conn} of {place}")
        return seat

    def _grafted(self, seat: Seat, strand: Strand) -> Seat:
        """The same live connection in the place of one more on the tape."""
        self._numbers += 1
        other = Seat(self._numbers, seat.walk, strand, seat.request, seat.conns, seat.knocking, kin=seat.kin)
        other.fresh = False
        seat.kin.append(other)
        seat.walk.seats[strand] = self._seats[other.number] = other
        place = f"{seat.walk.plan.path}:{strand.lines[0].line}"
        self.world.log("debug", f"client {seat.walk.number} goes on as conn {strand.conn} of {place}")
        return other

    def _unseat(self, seat: Seat) -> None:
        self._seats.pop(seat.number, None)
        self._of_request.pop(id(seat.request), None)

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

    def _unexpected(self, knocked: Knocked) -> list[Action]:
        """There is no connection on any tape."""
        self.world.log("warning", f"{target(knocked.request)}: there is no connection on the tape")
        refusal: Response | Json = {"message": NOT_ON_THE_TAPE}
        return [Refuse(knocked.conn, refusal if knocked.topic else Response(404, (), NOT_ON_THE_TAPE.encode()))]

    def _joins(self, seat: Seat, knocked: Knocked) -> list[Action]:
        """Into a namespace or topic."""
        if seat.elsewhere:
            return self._elsewhere(seat, knocked) or []
        topic, index = seat.join(knocked.topic)
        if index is None and (other := self._grafts.joining(seat, knocked.topic)) is not None:
            seat = other
            topic, index = seat.join(knocked.topic)
        if index is None and (actions := self._elsewhere(seat, knocked)) is not None:
            return actions
        if index is None:
            why = f"joins {knocked.topic}, which is not on the tape"
            self._miss(seat, Found(None, None, None, why=why), Message("join", (knocked.auth,)))
            reason = "message" if seat.strand.kind == ENGINE else "reason"
            return [Refuse(knocked.conn, {reason: NOT_ON_THE_TAPE})]
        if topic != knocked.topic:
            seat.walk.bindings.bind(topic, knocked.topic)
        line = seat.strand.lines[index]
        taped = line.args[:1] or (None,)
        comparison = Comparison(self.masks.of(line.name), True).args(
            taped, (knocked.auth or None if not taped[0] else knocked.auth,)
        )
        self.walks.bind(seat.walk, comparison)
        seat.knocking[topic] = knocked.conn
        self._by_conn[knocked.conn] = (seat, topic)
        if knocked.recovers is not None:
            self._away.pop(knocked.recovers, None)
        return self._matched(seat, Found(index, comparison), NO_REF)

    def _elsewhere(self, seat: Seat, knocked: Knocked) -> list[Action] | None:
        """Into one that the real server is asked for."""
        actions = None if self.beyond is None else self.beyond.joins(seat, knocked)
        if actions is not None:
            self._by_conn[knocked.conn] = (seat, knocked.topic)
        return actions

    def _opened(self, conn: Conn) -> list[Action]:
        place = self._by_conn.get(conn)
        return [] if place is None or place[1] or place[0].elsewhere else self._go_on(place[0], 0)

    def _closed(self, conn: Conn) -> list[Action]:
        place = self._by_conn.pop(conn, None)
        if place is None:
            return []
        seat, topic = place
        seat.conns.pop(topic, None)
        if seat.strand.kind == ENGINE:
            self._away[conn] = seat
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
        unsaid = [seat.strand.lines[index] for index in seat.take(inf, 0.0)]
        for line in unsaid:
            if line.part in _ENDS:
                self.coverage.did(line)
        if seat.strand.kind != ENGINE:
            # Of a session nobody tells when it is over: its client may still join again.
            self._unseat(seat)
        if any(line.part not in _ENDS for line in unsaid) or not seat.said_all:
            at = seat.strand.lines[max(seat.used, default=0)].line
            self.world.log("info", f"client {seat.walk.number} left behind {seat.walk.plan.path}:{at}, before its end")
        return [Cancel(("seat", seat.number))]

    def _moved(self, seat: Seat, text: str) -> list[Action]:
        """The first that a client says may show that it was here before: then its place is the next one there."""
        seat.fresh = False
        walk = self.walks.owner(text)
        if walk is None or walk is seat.walk or len(seat.walk.seats) > 1:
            return []
        strand = walk.next(target(seat.request))
        if strand is None:
            return []
        old, known = seat.walk, walk.seats.get(strand)
        del old.seats[seat.strand]
        old.open -= 1
        self.walks.forget(old)
        self.coverage.walks -= 1
        seat.walk, seat.strand = walk, strand
        walk.seats[strand] = seat
        walk.open += 1
        self.coverage.did(strand.lines[0])
        self.world.log("debug", f"client {walk.number} is back, for {walk.plan.path}:{strand.lines[0].line}")
        seat.restart(set() if known is None else known.used - _doors(strand))
        for topic in seat.conns:
            # It is in already, and has heard what is said to who comes in.
            _, index = seat.join(topic)
            if index is not None:
                seat.used.add(index)
                for at in (index, *strand.follows.get(index, ())):
                    self.coverage.did(strand.lines[at])
        return [Cancel(("seat", seat.number)), *self._go_on(seat, 0)]

    # --- what the client says

    def _received(self, conn: Conn, message: Message) -> list[Action]:
        place = self._by_conn.get(conn)
        if place is None:
            return []
        seat, topic = place
        if seat.elsewhere:
            assert self.beyond is not None
            return self.beyond.said(seat, conn, message)
        moved = self._moved(seat, dumps(message.args, repr)) if seat.fresh else []
        args = changed(message.args, seat.walk.bindings.to_taped)
        found = seat.find(message, topic, args, self.masks, self.manner.match)
        if found.index is None and self.manner.loop and seat.said_all:
            seat.begin_again()
            found = seat.find(message, topic, args, self.masks, self.manner.match)
        if found.index is None and self.manner.match is Mode.LOOSE:
            grafted = self._grafts.find(seat, message, topic, args)
            if grafted is not None:
                return [*moved, *self._matched(*grafted, message.ref)]
            beyond = None if self.beyond is None else self.beyond.unknown(seat, conn, message)
            if beyond is not None:
                return [*moved, *beyond]
        if found.index is None:
            return [*moved, *self._missed(seat, conn, found, message)]
        return [*moved, *self._matched(seat, found, message.ref)]

    def _malformed(self, malformed: Malformed) -> list[Action]:
        frame = malformed.error.frame
        if not isinstance(frame, Frame):
            self.world.log("warning", f"what the tape has can't be sent: {malformed.error}")
            return []
        return self._received(malformed.conn, Message("", (frame.data,)))

    def _acked(self, acked: Acked) -> list[Action]:
        number, index = cast("tuple[int, int]", acked.key)
        seat = self._seats.get(number)
        if seat is None or seat.elsewhere:
            return []
        at = seat.strand.acks.get(index)
        if at is None:
            why = f"acknowledges {seat.walk.plan.path}:{seat.strand.lines[index].line}, as it did not on the tape"
            self._miss(seat, Found(None, None, None, why=why), Message("ack", acked.args))
            return []
        line = seat.strand.lines[at]
        args = changed(acked.args, seat.walk.bindings.to_taped)
        comparison = Comparison(self.masks.of(line.name), True).args(line.args, args)
        found = Found(at, comparison, at, why="is not as it is on the tape" if comparison.differences else "")
        if comparison.differences and self.manner.match is not Mode.POSITION:
            self._miss(seat, found, Message(line.name, acked.args))
        return self._matched(seat, found, NO_REF)

    def _matched(self, seat: Seat, found: Found, ref: object) -> list[Action]:
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
        self.world.log("debug", f"client {seat.walk.number}: {line.told()} matches {place} {how}{more}")
        if comparison is not None:
            self.walks.bind(seat.walk, comparison)
        seat.refs[index] = ref
        if found.again:
            lines = seat.strand.lines
            follows = [at for at in seat.strand.follows[index] if lines[at].answers == index]
            return [action for at in follows for action in self._play(seat, at)]
        seat.used.add(index)
        for other in seat.kin:
            self._grafts.also(seat, index, other)
        return self._go_on(seat, index)

    def _missed(self, seat: Seat, conn: Conn, found: Found, message: Message) -> list[Action]:
        self._miss(seat, found, message)
        kind, ref, on_miss = seat.strand.kind, message.ref, self.manner.on_miss
        if on_miss == "close":
            return [Close(conn, 1011, NOT_ON_THE_TAPE)]
        if on_miss == "ignore" or ref is NO_REF:
            return []
        if kind == PHOENIX:
            return [Reply(conn, ref, ("error", {"reason": NOT_ON_THE_TAPE}))]
        return [Reply(conn, ref, (404, {"message": NOT_ON_THE_TAPE}))] if kind == GATEWAY else []

    def turned_down(self, seat: Seat, conn: Conn, message: Message) -> list[Action]:
        """What was meant for the real server, which can not be asked: it is a miss after all, and the tape goes on."""
        args = changed(message.args, seat.walk.bindings.to_taped)
        topic = self._by_conn[conn][1] if conn in self._by_conn else ""
        found = seat.find(message, topic, args, self.masks, self.manner.match)
        if found.index is not None:
            return self._matched(seat, found, message.ref)
        return [*self._missed(seat, conn, found, message), *self._due(seat)]

    def _miss(self, seat: Seat, found: Found, message: Message) -> None:
        plan, lines = seat.walk.plan, seat.strand.lines
        at = 0 if found.nearest is None else lines[found.nearest].line
        differences = () if found.comparison is None else tuple(found.comparison.differences)
        why = found.why
        if not at and (meant := nearest(message.name, {name for _, name in seat.strand.named})) is not None:
            why = f"{why}, perhaps {meant} was meant"
        self.missed(Miss(seat.walk.number, message.name, shown(list(message.args)), why, plan.path, at, differences))

    def passed_on(self) -> None:
        """Something went to the real server."""
        self.coverage.matched["by the upstream"] += 1

    def missed(self, miss: Miss) -> None:
        """Tell of what matched nothing, and count it where it counts."""
        if self.manner.on_miss == "ignore":
            self.coverage.ignored += 1
            self.world.log("info", miss.told())
            return
        self.coverage.miss(miss)
        self.world.log("warning", miss.told())

    # --- what the server says

    def _go_on(self, seat: Seat, index: int) -> list[Action]:
        """What followed this on the tape follows it now."""
        seat.follow(index, self.world.now(), self.manner.factor)
        return self._due(seat)

    def _fired(self, fired: Fired) -> list[Action]:
        owner, number = cast("tuple[str, int]", fired.owner)
        if owner == "call":
            return self._exchanges.due(number)
        seat = self._seats.get(number)
        return [] if seat is None else self._due(seat)

    def _due(self, seat: Seat) -> list[Action]:
        now = self.world.now()
        actions = [action for index in seat.take(now, self.manner.factor) for action in self._play(seat, index)]
        due = seat.due()
        if due is not None:
            # From the instants of the tape, never from the last one: nothing adds up.
            actions.append(After(due - now, ("seat", seat.number), "play"))
        return actions

    def _play(self, seat: Seat, index: int) -> list[Action]:
        line, topic = seat.strand.lines[index], ""
        if seat.strand.kind in (ENGINE, PHOENIX) and line.part is not Part.CLOSE:
            topic = line.topic
        door = line.part in (Part.ADMIT, Part.REFUSE)
        waits = seat.knocking.get(topic)
        if waits is not None and not door:
            seat.held.append(index)
            return []
        conn = waits if door else seat.conns.get(topic)
        if line.part is Part.CLOSE and conn is None:
            conn = next(iter(seat.conns.values()), None)
        if conn is None:
            if line.part in _ENDS:
                # It is over already.
                self.coverage.did(line)
            return []
        self.coverage.did(line)
        if line.mints:
            self.walks.mint(seat.walk, line.mints)
        base = seat.request.base
        args = changed(line.args, lambda text: self.walks.spoken(seat.walk, text, base))
        if door:
            del seat.knocking[topic]
            return self._decided(seat, conn, line, topic, args)
        return [self._said(seat, conn, line, index, args)]

    def _decided(self, seat: Seat, conn: Conn, line: Line, topic: str, args: Args) -> list[Action]:
        body = args[-1] if args else {}
        assert not isinstance(body, bytes)
        if line.part is Part.REFUSE:
            del self._by_conn[conn]
            actions: list[Action] = [Refuse(conn, body)]
            return [*actions, *([] if seat.conns or seat.knocking else self._left(seat))]
        seat.conns[topic] = conn
        held = [at for at in seat.held if seat.strand.lines[at].topic == topic]
        seat.held = [at for at in seat.held if at not in held]
        accept = Accept(conn, body=body if seat.strand.kind == PHOENIX else None)
        return [accept, *(action for at in held for action in self._play(seat, at))]

    def _said(self, seat: Seat, conn: Conn, line: Line, index: int, args: Args) -> Action:
        match line.part:
            case Part.ANSWER:
                assert line.answers is not None
                return Reply(conn, seat.refs.get(line.answers, NO_REF), args)
            case Part.LEAVE:
                return Close(conn, cast("int", args[0]), whole=False)
            case Part.CLOSE:
                code, reason = cast("tuple[int | None, str]", args)
                return Close(conn, 1000 if code is None else None if code in (1005, 1006) else code, reason)
        topic = "" if seat.strand.kind == PHOENIX else seat.walk.bindings.to_live(line.topic)
        return Send((conn,), Message(line.name, args, NO_REF, topic), (seat.number, index) if line.asks else None)


_ENDS: Final = (Part.LEAVE, Part.CLOSE)


def _stranger(request: Request, backend: Backend) -> Strand:
    """In the place of a connection that is on no tape."""
    strand = Strand(0, target(request), home_of(backend.reader()))
    strand.lines.append(Line(0, 0.0, Part.OPEN, True, "open"))
    return strand


def _doors(strand: Strand) -> set[int]:
    return {index for index, line in enumerate(strand.lines) if line.part is Part.JOIN}

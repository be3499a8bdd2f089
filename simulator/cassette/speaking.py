"""What the server says on the tape, said to live clients when it is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from simulator.cassette.bindings import changed
from simulator.cassette.coverage import Coverage
from simulator.cassette.envelopes import ENGINE, PHOENIX
from simulator.cassette.strands import UNMATCHED, Line, Part, Strand
from simulator.cassette.walk import Args, Manner, Seat
from simulator.cassette.walks import Walks
from simulator.core.actions import Accept, Action, After, Close, Refuse, Reply, Send
from simulator.core.events import Conn
from simulator.core.message import NO_REF, Message
from simulator.core.world import World

ENDS: Final = (Part.LEAVE, Part.CLOSE)
"""What the server says and nobody hears who is gone already."""
_CLOSING: Final = 100
"""Lines in which a server says goodbye to all namespaces of a session."""


class Speaking:
    """Of one playback."""

    def __init__(
        self,
        world: World,
        walks: Walks,
        manner: Manner,
        coverage: Coverage,
        turned_away: Callable[[Seat, Conn], list[Action]],
    ) -> None:
        """`turned_away` is told of a conn that the tape does not let in."""
        self._world = world
        self._walks = walks
        self._manner = manner
        self._coverage = coverage
        self._turned_away = turned_away

    def go_on(self, seat: Seat, index: int) -> list[Action]:
        """What followed this on the tape follows it now."""
        seat.follow(index, self._world.now(), self._manner.factor)
        return self.due(seat)

    def due(self, seat: Seat) -> list[Action]:
        """What is due by now, and a timer for the next."""
        now = self._world.now()
        taken = seat.take(now, self._manner.factor)
        actions = [action for index, cause in taken for action in self.play(seat, index, cause)]
        due = seat.due()
        if due is not None:
            # From the instants of the tape, never from the last one: nothing adds up.
            actions.append(After(due - now, ("seat", seat.number), "play"))
        return actions

    def play(self, seat: Seat, index: int, cause: int) -> list[Action]:
        """Say one line, which follows that one of the client."""
        line, topic = seat.strand.lines[index], ""
        if seat.strand.kind in (ENGINE, PHOENIX) and line.part is not Part.CLOSE:
            topic = line.topic
        door = line.part in (Part.ADMIT, Part.REFUSE)
        waits = seat.knocking.get(topic)
        if waits is not None and not door:
            seat.held.append((index, cause))
            return []
        conn = waits if door else seat.conns.get(topic)
        if conn is None and (topic in seat.away or (line.part is Part.CLOSE and seat.away and not seat.conns)):
            seat.held.append((index, cause))
            return []
        if line.part is Part.CLOSE and conn is None:
            conn = next(iter(seat.conns.values()), None)
        if conn is None:
            if line.part in ENDS or line.packed == UNMATCHED:
                # It is over already, or the wire has said it.
                self._coverage.did(line)
            return []
        self._coverage.did(line)
        if line.mints:
            self._walks.mint(seat.walk, line.mints)
        base = seat.request.base
        args = changed(seat.short.changed(line.args, cause), lambda text: self._walks.spoken(seat.walk, text, base))
        if door:
            del seat.knocking[topic]
            return self._decided(seat, conn, index, topic, args)
        return [self._said(seat, conn, line, index, args)]

    def _decided(self, seat: Seat, conn: Conn, index: int, topic: str, args: Args) -> list[Action]:
        lines = seat.strand.lines
        line, before = lines[index], seat.recovers.pop(topic, None)
        body = args[-1] if args else {}
        assert not isinstance(body, bytes)
        if line.part is Part.REFUSE:
            return [Refuse(conn, body), *self._turned_away(seat, conn)]
        taped = line.args[-1] if line.args else None
        # By its Socket.IO id a client knows what in a message is its own; the wire has given it another one.
        seat.walk.bindings.bind(taped.get("sid") if isinstance(taped, dict) else None, getattr(conn, "sid", None))
        held = [item for item in seat.held if lines[item[0]].topic == topic]
        seat.held = [item for item in seat.held if item not in held]
        actions: list[Action] = []
        if before is not None:
            # What goes to him who broke off is what was missed: the wire sends it in front of its answer.
            seat.conns[topic] = before
            missed = [item for item in held if item[0] < index and _is_kept(lines[item[0]])]
            held = [item for item in held if item not in missed]
            actions += (action for item in missed for action in self.play(seat, *item))
        seat.conns[topic] = conn
        actions.append(Accept(conn, body=body if seat.strand.kind == PHOENIX else None))
        actions += (action for item in held for action in self.play(seat, *item))
        return actions

    def recovered(self, seat: Seat, conn: Conn, topic: str, before: Conn) -> list[Action]:
        """In again where it broke off; what fell due meanwhile is what was missed, see `_decided`."""
        actions = [action for one in seat.kin for action in self.due(one)]
        seat.away.discard(topic)
        seat.conns[topic] = before
        later: list[tuple[Seat, tuple[int, int]]] = []
        for one in seat.kin:
            lines, held, one.held = one.strand.lines, one.held, []
            for item in held:
                line = lines[item[0]]
                if line.topic != topic and line.part is not Part.CLOSE:
                    one.held.append(item)
                elif _is_kept(line):
                    actions += self.play(one, *item)
                else:
                    later.append((one, item))
        seat.conns[topic] = conn
        actions.append(Accept(conn))
        actions += (action for one, item in later for action in self.play(one, *item))
        return actions

    @staticmethod
    def _said(seat: Seat, conn: Conn, line: Line, index: int, args: Args) -> Action:
        match line.part:
            case Part.ANSWER:
                assert line.answers is not None
                return Reply(conn, seat.refs.get(line.answers, NO_REF), args)
            case Part.LEAVE:
                return Close(conn, cast("int", args[0]), whole=_is_last_word(seat.strand, index))
            case Part.CLOSE:
                code, reason = cast("tuple[int | None, str]", args)
                engine = seat.strand.kind == ENGINE
                if code is None and not engine:
                    code = 1000
                return Close(conn, None if code == 1005 else code, reason, bare=engine)
        if seat.strand.kind == PHOENIX:
            topic = seat.topics.get(line.topic, line.topic) if line.wide else ""
        else:
            topic = seat.walk.bindings.to_live(line.topic)
        return Send((conn,), Message(line.name, args, NO_REF, topic), (seat.number, index) if line.asks else None)


def _is_kept(line: Line) -> bool:
    """Whether recovery keeps it for who is away: socket.io-adapter 2.5 does so with no event that wants an answer."""
    return line.part is Part.SAID and not line.asks


def _is_last_word(strand: Strand, index: int) -> bool:
    """Whether the server hangs up behind this: `socket.disconnect(true)` leaves the namespaces and ends the session."""
    rest = [line.part for line in strand.lines[index + 1 : index + 1 + _CLOSING]]
    return strand.kind == ENGINE and Part.CLOSE in rest and all(part in ENDS for part in rest)

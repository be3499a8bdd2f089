"""What clients say that is not on the tape: told, counted, and answered where the envelope has a word for it."""

from __future__ import annotations

from simulator.cassette.bindings import changed
from simulator.cassette.coverage import Coverage, Miss, short
from simulator.cassette.envelopes import GATEWAY, PHOENIX
from simulator.cassette.finding import Found
from simulator.cassette.match import TOO_DEEP, Difference, Masks, nearest, shown
from simulator.cassette.strands import UNMATCHED, Line, Strand
from simulator.cassette.targets import target
from simulator.cassette.walk import Manner, Seat, Walk
from simulator.core.actions import Action, Close, Refuse, Reply
from simulator.core.errors import Unmatched
from simulator.core.events import Conn, Knocked
from simulator.core.message import NO_REF, Json, Message, Response
from simulator.core.world import World

NOT_ON_THE_TAPE = "not on the tape"


class Misses:
    """Of one playback."""

    def __init__(self, world: World, manner: Manner, coverage: Coverage) -> None:
        self._world = world
        self._manner = manner
        self._coverage = coverage

    def answered(self, seat: Seat, conn: Conn, found: Found, message: Message) -> list[Action]:
        """Tell of a message without a match; what its client gets."""
        self.of(seat, found, message)
        kind, ref, on_miss = seat.strand.kind, message.ref, self._manner.on_miss
        if on_miss == "close":
            return [Close(conn, 1011, NOT_ON_THE_TAPE)]
        if on_miss == "ignore" or ref is NO_REF:
            return []
        if kind == PHOENIX:
            return [Reply(conn, ref, ("error", {"reason": NOT_ON_THE_TAPE}))]
        return [Reply(conn, ref, (404, {"message": NOT_ON_THE_TAPE}))] if kind == GATEWAY else []

    def astray(self, walk: Walk, strand: Strand | None, knocked: Knocked) -> list[Action] | None:
        """Tell of a connection whose path is on no tape; None where `strand` is played all the same."""
        path = target(knocked.request)
        name, why, on_miss = f"the connection {short(path)}", "is not on the tape", self._manner.on_miss
        if strand is not None:
            differences = (Difference("path", strand.path, path),)
            then = "" if on_miss == "close" else "which is played"
            line = strand.lines[0].line
            self.miss(Miss(walk.number, name, "", why, walk.plan.path, line, differences, then))
        else:
            tapes = ", ".join(plan.path for plan in self._coverage.plans)
            self.miss(Miss(0, name, "", why, then=f"there is none on {tapes}"))
        if strand is not None and on_miss != "close":
            return None
        refusal: Response | Json = {"message": NOT_ON_THE_TAPE}
        return [Refuse(knocked.conn, refusal if knocked.topic else Response(404, (), NOT_ON_THE_TAPE.encode()))]

    def unjoined(self, seat: Seat, conn: Conn, error: Unmatched, masks: Masks) -> Found | list[Action]:
        """What leads to a Phoenix topic that nobody has joined; on a tape that has the same, its line."""
        message = error.message
        if message.name == "phx_leave" or message.topic == "phoenix":
            # As on tapes, where the wire's word is all that there is to it.
            return []
        taped = seat.walk.bindings.to_taped
        topic = taped(message.topic)
        strand = seat.strand
        try:
            if message.name == "phx_join":
                found = Found(seat.join(topic)[1], None)
            else:
                found = seat.find(message, topic, changed(message.args, taped), masks, self._manner.match)
            index = found.index
            if index is not None and any(strand.lines[at].packed == UNMATCHED for at in strand.follows.get(index, ())):
                return found
            found.index, found.why = None, f"is {error.why}, {short(message.topic)}"
            self.of(seat, found, message)
        except RecursionError:
            return self.too_deep(seat, conn, message)
        return [Close(conn, 1011, NOT_ON_THE_TAPE)] if self._manner.on_miss == "close" else []

    def of(self, seat: Seat, found: Found, message: Message) -> None:
        """Tell of what somebody said, and of the line that comes nearest."""
        plan, lines = seat.walk.plan, seat.strand.lines
        at = 0 if found.nearest is None else lines[found.nearest].line
        differences = () if found.comparison is None else tuple(found.comparison.differences)
        why, then = found.why, ""
        if not at:
            meant = nearest(message.name, (name for _, name in seat.strand.named))
            if meant not in (None, message.name):
                why = f"{why}, perhaps {meant} was meant"
            then = self._then(seat)
        what = shown(message.args[0] if len(message.args) == 1 else list(message.args))
        self.miss(Miss(seat.walk.number, message.name, what, why, plan.path, at, differences, then))

    def too_deep(self, seat: Seat, conn: Conn, message: Message) -> list[Action]:
        """One that nobody can compare: JSON may be some thousand levels deep, and what walks through it may not."""
        found = Found(None, None, why=f"has {TOO_DEEP}")
        return self.answered(seat, conn, found, Message(message.name, (), message.ref, message.topic))

    def leaving(self, seat: Seat, unheard: Line | None) -> None:
        """Tell of a client that left before the end."""
        path, last, unsaid = seat.walk.plan.path, seat.strand.lines[max(seat.used, default=0)], seat.unsaid()
        if unsaid is not None:
            then = f"the client's next on the tape is {path}:{unsaid.line}, {unsaid.told()}"
        elif unheard is not None:
            then = f"it has not heard {path}:{unheard.line}, {unheard.told()}"
        else:
            return
        self._world.log("info", f"client {seat.walk.number} left after {path}:{last.line}, {last.told()}; {then}")

    @staticmethod
    def _then(seat: Seat) -> str:
        path, lines, strand = seat.walk.plan.path, seat.strand.lines, seat.strand
        line = seat.unsaid()
        if line is not None:
            return f"the client's next on the tape is {path}:{line.line}, {line.told()}"
        last = f"the client's last on the tape was {path}:{lines[max(seat.used, default=0)].line}"
        return f"{last}, and its recording was cut off: {strand.cut}" if strand.cut else last

    def miss(self, miss: Miss) -> None:
        """Tell of what matched nothing, and count it where it counts."""
        miss = miss.short()
        if self._manner.on_miss == "ignore":
            self._coverage.ignored += 1
            self._world.log("info", miss.told())
            return
        self._coverage.miss(miss)
        self._world.log("warning", miss.told())

"""What a live server says while a tape is played: which of the tape's messages it is, as far as that shows by then."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from simulator.cassette import envelopes
from simulator.cassette.compare import shape
from simulator.cassette.conversation import Said, of_turn
from simulator.cassette.entries import Opened, Passed
from simulator.cassette.reading import Reading
from simulator.core.backend import Backend
from simulator.core.message import NO_REF
from simulator.core.wire import Turn
from simulator.drive.bound import Bound
from simulator.drive.outcome import Outcome
from simulator.drive.script import CLOSE, Hang, Hear, Open, Say, Script, Step

FLOOD: Final = 1_000
"""Messages that are not on the tape after which nobody listens any more."""
CLOSED: Final = ("closed", "")
"""In place of a close's code, where a session goes another way than on the tape: how it ends is its transport's."""


class Hearing:
    """Of one run: both sides pass by, and values of the server are bound."""

    def __init__(
        self, script: Script, bound: Bound, outcome: Outcome, settle: float, other_way: bool, backend: Backend | None
    ) -> None:
        self._kinds = script.kinds
        self._bound = bound
        self._outcome = outcome
        self._reading = Reading(backend)
        self._done: set[int] = set()
        """Messages of the tape, by their `id`, that nobody waits for any more."""
        self._pending: dict[tuple[int, str], list[Hear]] = {}
        self._left: Counter[int] = Counter()
        """Of each conn, what is still to come."""
        self._unexpected = 0
        self._acks: dict[tuple[int, str, str], str] = {}
        self._brief = _brief(script.steps, settle)
        engines = {step.conn for step in script.steps if isinstance(step, Open) and step.transports}
        self._silent = engines
        """Conns that may end without a close: an answer to a poll is none."""
        self._other = engines if other_way else set()
        for step in script.steps:
            self._comes(step)
            if isinstance(step, Hear):
                if step.said.name == CLOSE and step.conn in self._other:
                    step.said.args = CLOSED
                self._pending.setdefault((step.conn, step.said.name), []).append(step)
                if step.crossed:
                    self._done.add(id(step))

    def _comes(self, step: Step) -> None:
        # What crossed the client's leaving may never come: it is not waited for.
        if isinstance(step, Say) or (isinstance(step, Hear) and not step.crossed):
            self._left[step.conn] += 1

    def is_over(self, step: Hear) -> bool:
        """Whether it came, or is not waited for."""
        return id(step) in self._done

    def give_up(self, step: Hear) -> None:
        """Wait no longer; when it comes after all, it is still what it is."""
        self._done.add(id(step))
        self._outcome.slow.add(step.line)

    def drop(self, conn: int, name: str) -> None:
        """What will never come."""
        for step in self._pending.get((conn, name), ()):
            self.give_up(step)

    def expects(self, conn: int, name: str) -> bool:
        """Whether the tape has such a message."""
        return (conn, name) in self._pending

    # ---- frames

    def opened(self, conn: int, path: str) -> None:
        """A conn is about to be opened."""
        self._reading.pass_by(Opened(0.0, conn, path))

    def server(self, conn: int, data: str | bytes, until: float) -> None:
        """A frame of the server; `until` is when the tape's client goes on."""
        turns = self._pass(conn, "server", data)
        if envelopes.is_heartbeat(self._kinds.get(conn, ""), data, turns):
            return
        for turn in turns:
            if turn.message is None:
                self.said(Said(conn, "server", "(unreadable)", (data,)), until)
            else:
                ref = turn.message.ref if turn.answers is None else NO_REF
                self.said(of_turn(turn, conn), until, ref, turn.offset)

    def client(self, conn: int, data: str | bytes, line: int) -> None:
        """A frame of ours, before it goes out."""
        self._outcome.heard += [
            of_turn(turn, conn, line) for turn in self._pass(conn, "client", data) if turn.message is not None
        ]

    def beat(self, conn: int, data: str) -> None:
        """A heartbeat of ours, which is no message."""
        self._pass(conn, "client", data)

    def step(self, step: Say) -> None:
        """The client's turn is over, whether it spoke or not."""
        self._left[step.conn] -= 1

    def _pass(self, conn: int, sender: str, data: str | bytes) -> list[Turn]:
        return self._reading.pass_by(Passed(0.0, conn, sender, data))

    # ---- messages

    def said(self, said: Said, until: float, ref: object = NO_REF, offset: str = "") -> None:
        """One message of the server."""
        step = self._expected(said, until)
        if step is not None:
            self._meant(step, said, ref, offset)
            said.topic = step.said.topic
        else:
            said.topic = self._bound.to_taped(said.topic)
            self._unexpected += 1
            self._outcome.flooded = self._unexpected > FLOOD
            if not self._left[said.conn] and said.conn in self._brief:
                self._outcome.after.append(said)
                return
        self._outcome.heard.append(said)

    def closed(self, conn: int, code: int, reason: str, early: bool, until: float) -> None:
        """The server ended a conn; `early` when the tape goes on with it."""
        if conn not in self._silent or self.expects(conn, CLOSE) or early:
            args = CLOSED if conn in self._other else (code, reason)
            self.said(Said(conn, "server", CLOSE, args, "", 0, CLOSE), until)

    def _meant(self, step: Hear, said: Said, ref: object, offset: str) -> None:
        step.came = True
        self._done.add(id(step))
        self._left[said.conn] -= not step.crossed
        self._pending[said.conn, said.name].remove(step)
        if step.said.topic != said.topic:
            self._bound.bind(step.said.topic, said.topic)
        self._bound.pair(step.said.message or step.said.name, step.said.args, said.args)
        if step.offset:
            self._bound.bind(step.offset, offset)
        if step.ref is not NO_REF and ref is not NO_REF:
            self._acks[said.conn, step.said.topic, str(step.ref)] = str(ref)

    def _expected(self, said: Said, until: float) -> Hear | None:
        """The first one of its name that is waited for; of those that are due by now rather one of its shape."""
        topic, looks = self._bound.to_taped(said.topic), _looks(said)
        first = None
        for step in self._pending.get((said.conn, said.name), ()):
            # A topic may be an id that is told for the first time.
            if step.said.topic != topic and not (_is_id(step.said.topic) and _is_id(topic)):
                continue
            if first is not None and step.at > until:
                break
            if _looks(step.said) == looks:
                return step
            first = first or step
        return first

    def ack(self, conn: int, topic: str, taped: str) -> str:
        """The live id of a question that the server asked; it counts anew in each session."""
        return self._acks.get((conn, topic, taped), taped)


def _looks(said: Said) -> list[object]:
    return [*map(shape, said.args)]


def _is_id(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F-]{24,36}|(?=\w*\d)[\w-]{12,}", text) is not None


def _brief(steps: Sequence[Step], settle: float) -> set[int]:
    """Conns that the tape's client left at once, so that it did not hear what else was said."""
    last: dict[int, float] = {}
    ends: dict[int, float] = {}
    for step in steps:
        (ends if isinstance(step, Hang) else last)[step.conn] = step.at
    end = steps[-1].at if steps else 0.0
    return {conn for conn, at in last.items() if ends.get(conn, end) - at < settle}

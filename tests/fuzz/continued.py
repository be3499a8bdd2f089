"""What `replay --mode new_episodes` passes on: a client that says what it likes, before a server that answers so.

The input is a cassette, a line `#--server`, and lines of network.py, with these of the client between them:

    knows 7                     so much of the tape was said before the server was asked; once, at the beginning
    client 3                    the next three entries of the tape are said now
    says 1 text                 the client says this on connection 1
    asks POST /path body
    hangs 1                     the client leaves connection 1
    overruns                    it has said more than may wait
"""

from __future__ import annotations

import io
import json
from collections.abc import Hashable
from random import Random
from typing import Any

from simulator.cassette.entries import Beside, Entry, Exchange, Passed
from simulator.cassette.reading import backend_of
from simulator.cassette.tape import Tape
from simulator.core.backend import Backend
from simulator.core.errors import FileError
from simulator.core.message import Json, Request, Response
from simulator.core.wire import Turn
from simulator.drive.episode import PATIENCE, Episode
from tests.fuzz import files, verified
from tests.fuzz.conversation import Wrong
from tests.fuzz.network import HERE, Network, target
from tests.fuzz.spelling import read, read_bytes, token, visible, wired
from tests.fuzz.words import JUNK, change

HERE_BEFORE = "http://127.0.0.1:8070"
ANSWER = 30.0


class Ears:
    """Who speaks with the client: hears what makes sense, and each answer once."""

    def __init__(self) -> None:
        self.heard_of: list[tuple[Any, ...]] = []
        self.asked: set[Hashable] = set()
        self.answers = 0

    def heard(self, conn: int, turn: Turn, args: tuple[Json | bytes, ...], topic: str) -> None:
        assert turn.message is not None
        json.dumps(args, default=bytes.hex)
        self.heard_of.append(("heard", conn, turn.message.name, args, topic))

    def ended(self, conn: int, code: int, reason: str) -> None:
        assert type(code) is int
        self.heard_of.append(("ended", conn, code, reason))

    def failed(self, conn: int, why: str) -> None:
        assert why, "nobody says why"
        self.heard_of.append(("failed", conn, why))

    def answered(self, token: Hashable, response: Response | None, why: str) -> None:
        assert token in self.asked, "nobody asked, or it was answered before"
        assert (response is None) is bool(why), why
        self.asked.discard(token)
        self.answers += 1

    def upload(self, body: Beside) -> Request | None:
        # Half of them are gone by then.
        return None if body.size % 2 else Request("POST", "/", "", (("Content-Type", "text/plain"),), b"x")

    def tell(self, line: str) -> None:
        assert line
        self.heard_of.append(("tell", line))


class Continued(Network):
    """One client's conversation."""

    def __init__(self, cassette: bytes) -> None:
        """Raises FileError where it is no cassette."""
        tape = Tape(io.BytesIO(cassette), "x.yaml")
        backend: Backend | None = backend_of(tape.header)
        self.entries: list[Entry] = [*tape]
        self.ears = Ears()
        self.episode = Episode(target(), (HERE_BEFORE, HERE), backend, self.ears, ANSWER)
        self._numbers = {number for one in self.entries if (number := _number(one))}
        self._fed = self._asks = self._most = 0
        self._past = True
        super().__init__(self.episode, self.entries)

    @property
    def lasts(self) -> float:
        """Seconds of the tape."""
        return max((entry.at for entry in self.entries), default=0.0)

    def _steps(self) -> int:
        return 2 * len(self.entries) + self._most

    def _do(self, line: str) -> None:
        match line.split(" ", 2):
            case ["knows" | "client", count] if count.isascii() and count.isdigit():
                until = self._fed + int(count[:4])
                entries, self._fed = self.entries[self._fed : until], min(until, len(self.entries))
                self._feed(entries)
            case ["says", conn, text] if conn.isascii() and conn.isdigit():
                self._feed([Passed(self.now, int(conn[:4]), "client", wired(read(text)))])
            case ["asks", method, said]:
                path, _, body = said.partition(" ")
                where, _, query = visible(read(path)).partition("?")
                self._asks += 1
                self.ears.asked.add(self._asks)
                request = Request(token(method), where, query, (("Accept", "*/*"),), read_bytes(body))
                self.episode.ask(request, self._asks, self.now)
                self._poke()
            case ["hangs", conn] if conn.isascii() and conn.isdigit():
                orders: list[Any] = []
                self.episode.hang(int(conn[:4]), orders)
                self._took(orders)
            case ["overruns"]:
                self.episode.overrun(self._numbers, "it says too much")
                assert self.episode.waiting == sum(one.carrier.waiting for one in self.episode._conns.values())
            case _:
                super()._do(line)
        assert self.episode.waiting >= 0, "less than nothing waits"
        assert not any(self.episode.outcome.heard), "what nobody reads is kept"

    def _feed(self, entries: list[Entry]) -> None:
        self._most += 4 * sum(1 + (len(one.data) // 2 if isinstance(one, Passed) else 0) for one in entries)
        self.episode.feed(entries, self._numbers, past=self._past)
        self._past = False
        self._poke()

    def _poke(self) -> None:
        self._took(self.episode.pass_time(self.now))

    def end(self) -> None:
        """The client has gone, and no server says a word. Raises Wrong."""
        try:
            for conn in [*self.episode._conns]:
                orders: list[Any] = []
                self.episode.hang(conn, orders)
                self._took(orders)
            self.episode.ending = True
            self._poke()
            steps = len(self.entries) + self._most + len(self.lines)
            self._silent(2 * self.lasts + ANSWER * (self._asks + 1) + steps * (PATIENCE + ANSWER + 1))
            assert not self.ears.asked, f"requests without an answer: {self.ears.asked}"
            assert self.episode._unsaid == 0, f"{self.episode._unsaid} bytes are kept"
        except Exception as error:
            raise Wrong(self.told(error)) from error


def _number(entry: Entry) -> int:
    return entry.http if isinstance(entry, Exchange) else getattr(entry, "conn", None) or 0


def check(data: bytes) -> None:
    """All of it; every fourth twice."""
    cassette, lines = verified.parts(data)
    with files.bounded():
        first = _run(cassette, lines)
        if first is not None and sum(data) % 4 == 0:
            second = _run(cassette, lines)
            assert second is not None
            assert (second.orders, second.ears.heard_of) == (first.orders, first.ears.heard_of), "two runs differ"


def _run(cassette: bytes, lines: list[str]) -> Continued | None:
    try:
        there = Continued(cassette)
    except FileError as error:
        files.one_line(error)
        return None
    if there.lasts > verified.LONGEST:
        return None
    there.begin()
    for line in lines:
        there.line(line)
    there.end()
    return there


def phrase(name: str, dice: Random) -> str:
    """A line of either side, mostly right."""
    match dice.randrange(12):
        case 0 | 1 | 2 | 3:
            return f"client {dice.choice((1, 1, 2, 5))}"
        case 4:
            found = [one for one in verified.phrases(name) if one.startswith("0 >> ")]
            line = f"says {dice.choice((1, 1, 2, 3))} {dice.choice([*found, *(f'0 >> {one}' for one in JUNK)])[5:]}"
            return change(line, dice) if dice.random() < 0.4 else line
        case 5:
            return dice.choice(
                ("hangs 1", "hangs 2", "hangs 3", "overruns", "asks GET /x?y", "asks POST /receive-message/34 {}")
            )
        case _:
            return verified.phrase(name, dice)


def sample(dice: Random) -> bytes:
    """Some of a tape is known, the rest is said."""
    name = dice.choice(verified.names())
    lines = [f"knows {dice.randrange(30)}", *(phrase(name, dice) for _ in range(dice.randrange(30)))]
    return b"tape " + name.encode() + verified.BREAK + "\n".join(lines).encode("utf-8", "replace")


def mutate(data: bytes, dice: Random) -> bytes:
    """Either side does something else; at times the tape is another."""
    return verified.mutate(data, dice, phrase)

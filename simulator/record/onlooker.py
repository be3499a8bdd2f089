"""What live clients say, as records in memory: so that it can be said once more to somebody else."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import takewhile
from typing import Final, TypeVar

from simulator.cassette.entries import Beside, Entry, Header
from simulator.cassette.recorder import Recorder
from simulator.cassette.records import dump_header
from simulator.cassette.tape import Tape
from simulator.cassette.targets import weight
from simulator.core.events import CallId
from simulator.core.message import Headers, Request, Response
from simulator.core.world import Log
from simulator.serve.recording import Recording

MOST: Final = 64 << 20
"""Bytes of all records; of connections that are over the oldest are forgotten first."""
_KEPT: Final = 10_000
"""Requests that are remembered."""
K = TypeVar("K")
V = TypeVar("V")
_NUMBER: Final = re.compile(rb"^  (?:conn|http): (\d+)$", re.MULTILINE)
POLLS: Final = -1
"""Phoenix's long polls, whose connection only their tokens tell."""


class Strips:
    """A sink that sorts records by connection."""

    def __init__(self, told: Callable[[int], None]) -> None:
        """`told` hears of each record whose it is."""
        self._told = told
        self._strips: dict[int, deque[tuple[int, bytes]]] = {}
        self._count = 0
        self._size = 0
        self.last = 0
        self._given_up: set[int] = set()
        self.lost: set[int] = set()
        """Connections of which something was forgotten."""

    def write(self, record: bytes) -> None:
        """One more."""
        found = _NUMBER.search(record)
        if found is None:
            return
        number = self.last = int(found[1])
        if number in self._given_up:
            return
        if b"/longpoll?" in record and b"\n  http: " in record:
            number = POLLS
        self._count += 1
        self._size += len(record)
        self._strips.setdefault(number, deque()).append((self._count, record))
        while self._size > MOST and len(self._strips) > 1:
            oldest = next(key for key in self._strips if key != number)
            self._size -= sum(len(one) for _, one in self._strips.pop(oldest))
            self.lost.add(oldest)
        if self._size > MOST:
            self._shorten(number)
        self._told(number)

    def _shorten(self, number: int) -> None:
        """Of one that talks on and on the latest half is kept: what is new is read at once, and is not old yet."""
        strip = self._strips[number]
        while len(strip) > 1 and self._size > MOST // 2:
            self._size -= len(strip.popleft()[1])
        self.lost.add(number)

    def beside(self, name: str, data: bytes) -> str:
        """Never: nothing of ours is too big to stand in the tape."""
        raise OSError("no files here")

    def close(self) -> None:
        """Nothing is kept."""

    def entries(self, numbers: set[int], after: Mapping[int, int]) -> tuple[list[Entry], int]:
        """The records of these, in order, each behind the last that was read of it; and how many there are of all."""
        chosen = [
            one
            for number in (*numbers, POLLS)
            # From their ends: of a long conversation little is new each time.
            for one in takewhile(partial(_later, after.get(number, 0)), reversed(self._strips.get(number, ())))
        ]
        lines = [dump_header(Header()), *(record for _, record in sorted(chosen))]
        return [*Tape(b"".join(lines).splitlines(keepends=True), "a live client")], self._count

    def give_up(self, numbers: Collection[int]) -> None:
        """Of these nothing is kept any more."""
        for number in numbers:
            self._size -= sum(len(one) for _, one in self._strips.pop(number, ()))
        self._given_up |= {*numbers}
        self.lost |= {*numbers}


class Onlooker(Recording):
    """A recording into memory that knows which connection is whose."""

    def __init__(
        self, now: Callable[[], float], log: Log, told: Callable[[int], None], began: Callable[[Request, int], None]
    ) -> None:
        self._now = now
        self._asked = {}
        self._open = {}
        self._requests: dict[int, tuple[Request, int]] = {}
        self._weight = 0
        """Of these."""
        self._calls: dict[CallId, int] = {}
        self._by_call: dict[CallId, Request] = {}
        self._waiting: dict[int, Request] = {}
        """By their identity, those that have no answer yet."""
        self._began = began
        self.strips = Strips(told)
        self._recorder = Recorder(
            self.strips, now(), Header(), None, tell=lambda text: log("warning", text), inline=8 << 20
        )
        self.closing: Callable[[], None] = lambda: None

    def number(self, request: Request) -> int | None:
        """The connection that began with this request."""
        found = self._requests.get(id(request))
        return None if found is None else found[1]

    def sees(self, request: Request) -> bool:
        """Whether a request came where it is looked: not in another space."""
        return id(request) in self._waiting or id(request) in self._requests

    def exchange(self, call: CallId) -> int | None:
        """The number of an exchange that is over."""
        return self._calls.get(call)

    def asked(self, call: CallId, request: Request) -> None:
        self._by_call[call] = request
        self._waiting[id(request)] = request
        super().asked(call, request)
        if isinstance(body := self._asked[call].request.body, Beside):
            # What it is called in a form, and what stands around it, nothing else tells.
            body.path = str(call)

    def answered(self, call: CallId | None, request: Request, response: Response | None) -> None:
        self.strips.last = 0
        super().answered(call, request, response)
        if call is None:
            return
        self._by_call.pop(call, None)
        self._waiting.pop(id(request), None)
        if number := self.strips.last:
            _keep(self._calls, call, number)
            self._begins(request, number)

    def opened(self, call: CallId, headers: Headers | None) -> None:
        self.strips.last = 0
        super().opened(call, headers)
        request = self._by_call.pop(call, None)
        if request is not None:
            self._waiting.pop(id(request), None)
        if request is not None and (number := self.strips.last):
            self._begins(request, number)

    def _begins(self, request: Request, number: int) -> None:
        # Kept with it: an identity that is used anew would be somebody else's.
        self._requests[id(request)] = request, number
        self._weight += weight(request)
        while len(self._requests) > _KEPT or (self._weight > MOST and len(self._requests) > 1):
            self._weight -= weight(self._requests.pop(next(iter(self._requests)))[0])
        self._began(request, number)

    def leave(self) -> None:
        """Before clients answer the goodbye: of their own they do not leave the real server, the tape is cut there."""
        self.closing()

    def discard(self) -> None:
        """There is no file."""


def _later(last: int, one: tuple[int, bytes]) -> bool:
    return one[0] > last


def _keep(known: dict[K, V], key: K, value: V) -> None:
    known[key] = value
    if len(known) > _KEPT:
        del known[next(iter(known))]

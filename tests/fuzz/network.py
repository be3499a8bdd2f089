"""A server that answers a client of ours as it likes, in lines of text, between the two no network: news in, orders out.

    0 opens                     the newest handshake has its 101; 1 is the one before
    0 answers 200 body          the newest handshake or request has this answer
    0 fails reason              or none
    0 >> text | 0 >= 00ff       a frame on the newest socket
    0 ends 1001 reason          of the newest socket
    obliges 9                   so many things that the tape's server did where the client is now
    after 1.5

What can't be seen in a text is spelled, see spelling.py. A line that can't be done is nothing. What is watched: that
nothing raises, that orders can be carried out and are no more than there is cause for, that what the operator gave for
his own server goes to no other, and that it all comes to its end when the server says no word more.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from simulator.cassette.entries import Beside, Entry, Exchange, Passed, Refused, TapedResponse
from simulator.core.message import Frame, Headers, Ping, Pong, Response
from simulator.core.wire import Attached, Drop, Got, Shut, Write
from simulator.drive.carriers import Engine
from simulator.drive.orders import Answered, Dial, Failed, Fetch, Gone, News, Order, Over
from simulator.drive.play import Play
from simulator.drive.script import Ask, _unrolled
from simulator.drive.target import Target
from tests.fuzz.conversation import Wrong
from tests.fuzz.spelling import index, read, read_bytes, seconds_of, unhexed

HERE = "http://live.example.com"
SECRETS = ("operators-own-header", "operators-own-query")
_VISIBLE = re.compile(r"[!-~]+")
BEAT = 20.0
"""Seconds: no client of ours says something by itself more often than that."""


def target() -> Target:
    """The server's, with what the operator alone knows."""
    return Target(HERE, (("Authorization", f"Bearer {SECRETS[0]}"),), (("token", SECRETS[1]),))


class Network:
    """Between one play, and a server that is told what to do."""

    def __init__(self, play: Play, entries: Iterable[Entry]) -> None:
        self.play = play
        self.now = self.began = 100.0
        self.lines: list[str] = []
        self.orders: list[Order] = []
        """All there were, in their order."""
        self.turns = 0
        self._fetches: dict[int, Fetch] = {}
        self._until: dict[int, float] = {}
        self._dials: dict[int, Dial] = {}
        self._owners: dict[int, Any] = {}
        """Who made a call: a carrier, or an Ask."""
        self._links: dict[int, Any] = {}
        self._shut: set[int] = set()
        self._said: dict[int, deque[Passed]] = {}
        self._answers: dict[int, TapedResponse | None] = {}
        # What is odd on the tape itself went over the wire so.
        told = [*entries]
        self._plain = all(_VISIBLE.fullmatch(path) for path in map(_path, told) if path)
        for entry in _unrolled(told):
            if isinstance(entry, Passed) and entry.sender == "server":
                self._said.setdefault(entry.conn, deque()).append(entry)
            elif isinstance(entry, Exchange):
                self._answers[entry.http] = entry.response
            elif isinstance(entry, Refused):
                self._answers[entry.conn] = entry.response

    def told(self, error: BaseException) -> str:
        """What led to it."""
        lines = "\n".join(f"    {line}" for line in self.lines)
        return f"{type(error).__name__}: {error}\n  after these lines:\n{lines}"

    def begin(self) -> None:
        """The client begins. Raises Wrong, as all the others do."""
        try:
            self._took(self.play.begin(self.now))
        except Exception as error:
            raise Wrong(self.told(error)) from error

    def line(self, line: str) -> None:
        """The server does something."""
        self.lines.append(line)
        try:
            self._do(line)
        except Exception as error:
            raise Wrong(self.told(error)) from error

    def silence(self, most: float) -> None:
        """The server says no word more: in `most` seconds the client is done, whatever it waits for."""
        try:
            self._silent(most)
        except Exception as error:
            raise Wrong(self.told(error)) from error

    # ---- lines

    def _do(self, line: str) -> None:
        match line.split(" ", 2):
            case ["after", seconds]:
                if (passed := seconds_of(seconds)) is not None:
                    self.after(passed)
            case ["obliges", count] if count.isascii() and count.isdigit():
                for _ in range(int(count[:4])):
                    if not self._oblige():
                        break
            case [which, "opens"] if self._dials:
                self._attach(self._chosen(which, self._dials))
            case [which, "answers", said] if self._dials or self._fetches:
                status, _, body = said.partition(" ")
                number = int(status) if status.isascii() and status.isdigit() and len(status) == 3 else 200
                self._answer(self._chosen(which, self._dials | self._fetches), Response(number, (), read_bytes(body)))
            case [which, "fails", *why] if self._dials or self._fetches:
                self._fail(self._chosen(which, self._dials | self._fetches), read(" ".join(why)) or "it broke")
            case [which, ">>", said] if self._links:
                # aiohttp reads UTF-8 as it is written, so that no frame has half a pair.
                text = read(said).encode("utf-8", "replace").decode()
                self.tell(Got(self._chosen(which, self._links), Frame(text)))
            case [which, ">=", said] if self._links:
                self.tell(Got(self._chosen(which, self._links), Frame(unhexed(said))))
            case [which, "ends", *said] if self._links:
                code, _, reason = " ".join(said).partition(" ")
                number = int(code[:4]) if code.isascii() and code.isdigit() else 1006
                link = self._chosen(which, self._links)
                del self._links[link]
                self.tell(Gone(link, number, read(reason).encode("utf-8", "replace").decode()))

    @staticmethod
    def _chosen(which: str, among: dict[int, Any]) -> int:
        return [*among][-1 - index(which, len(among))]

    def _attach(self, call: int) -> None:
        del self._dials[call]
        self._links[call] = self._owners[call]
        self.tell(Attached(call, call))

    def _answer(self, call: int, response: Response) -> None:
        self._dials.pop(call, None)
        self._fetches.pop(call, None)
        self.tell(Answered(call, response))

    def _fail(self, call: int, why: str) -> None:
        self._dials.pop(call, None)
        self._fetches.pop(call, None)
        self.tell(Failed(call, why))

    # ---- as on the tape

    def _oblige(self) -> bool:
        """One thing that the tape's server did at the place where the client is; False where there is none."""
        for call in [*self._dials]:
            owner = self._owners[call]
            taped = self._answers.get(owner.conn)
            if taped is None:
                self._attach(call)
            else:
                self._answer(call, _response(taped))
            return True
        for call, order in [*self._fetches.items()]:
            owner = self._owners[call]
            if isinstance(owner, Ask):
                taped = self._answers.get(owner.conn)
                if taped is None:
                    self._fail(call, "no answer on the tape, too")
                else:
                    self._answer(call, _response(taped))
                return True
            if order.method == "POST":
                self._answer(call, Response(200, (), b"ok"))
                return True
            if due := self._due(owner.conn, 5):
                self._answer(call, Response(200, (), b"\x1e".join(_packet(one) for one in due)))
                return True
        for link, owner in [*self._links.items()]:
            if due := self._due(owner.conn, 1):
                self.tell(Got(link, Frame(due[0])))
                return True
        return False

    def _due(self, conn: int, most: int) -> list[str | bytes]:
        """What the server says before the client's next step."""
        steps, at = self.play._steps, self.play._at
        until = steps[at].line if at < len(steps) else 1 << 60
        waiting, found = self._said.get(conn, deque()), list[str | bytes]()
        engine = isinstance(self._owner(conn), Engine)
        while waiting and len(found) < most:
            data = waiting[0].data
            # The handshake of a session is no step of anybody's, nor are heartbeats, probes and ends.
            if waiting[0].line > until and not (engine and data[:1] == "0"):
                break
            waiting.popleft()
            if not engine or isinstance(data, bytes) or data[:1] in ("0", "4", "b"):
                found.append(data)
        return found

    def _owner(self, conn: int) -> object:
        return next((owner for owner in self._owners.values() if owner.conn == conn), None)

    # ---- time

    def after(self, seconds: float) -> None:
        """Time passes, and who had it to answer has it no more."""
        until = self.now + seconds
        while (due := self._next()) is not None and due <= until:
            self._turn(due)
        self.now = until

    def _next(self) -> float | None:
        return min((due for due in (self.play.next_due(), *self._until.values()) if due is not None), default=None)

    def _turn(self, due: float) -> None:
        self.now = max(self.now, due)
        self.turns += 1
        most = 100 + 10 * len(self.orders) + 4 * len(self.lines) + 6 * self._steps() + self._beats()
        assert self.turns <= most, f"{self.turns} turns in {self.now - self.began:g} s, of {most}"
        late = [call for call, until in self._until.items() if until <= self.now]
        for call in late:
            order = self._fetches[call]
            self._fail(call, f"no answer from {order.url} within {order.seconds:g} s")
        if not late:
            self._took(self.play.pass_time(self.now))

    def _steps(self) -> int:
        return len(self.play._steps)

    def _beats(self) -> int:
        """How often somebody may have said that he is still here."""
        return int((self.now - self.began) / BEAT + 2) * (len(self.play._conns) + 1)

    def _silent(self, most: float) -> None:
        until = self.now + most
        while not self.play.over:
            due = self._next()
            assert due is not None, "the client waits for something that has no end"
            assert due <= until, f"the client waits for more than {most:g} s"
            self._turn(due)
        assert isinstance(self.orders[-1], Over)
        assert sum(isinstance(order, Over) for order in self.orders) == 1
        assert self.play.next_due() is None, "a timer of what is over"
        for link in [*self._links]:
            self.tell(Got(link, Frame("42")))
            self.tell(Gone(link, 1000))
        assert isinstance(self.orders[-1], Over), "who is over orders something"

    # ---- what is ordered

    def tell(self, news: News) -> None:
        """Something comes to the client."""
        self._took(self.play.take(news, self.now))

    def _took(self, orders: Sequence[Order]) -> None:
        for order in orders:
            self._look(order)
        self.orders += orders
        self._until = {
            call: self._until.get(call, self.now + max(0.0, order.seconds))
            for call, order in self._fetches.items()
            if order.seconds is not None
        }
        # Of a step at most two, of what comes and of each timer at most three: an answer, an end, a new beginning.
        most = 20 + 3 * self._steps() + 3 * self._came() + 3 * self.turns
        assert len(self.orders) <= most, f"{len(self.orders)} orders, {most} have a cause"

    def _came(self) -> int:
        """Lines, and packets in them: each ping has its pong."""
        return sum(1 + line.count("~1e~") + (int(line[8:12]) if line[8:12].isdecimal() else 0) for line in self.lines)

    def _look(self, order: Order) -> None:
        match order:
            case Fetch() | Dial():
                assert order.call not in self._owners, "a number that was given before"
                self._owners[order.call] = self.play._calls[order.call]
                self._request(order)
            case Write():
                self._may_write(order.link)
                assert isinstance(order.item, Frame | Ping | Pong)
                data = order.item.data
                assert isinstance(data, bytes) or data.encode("utf-8", "surrogateescape") is not None
            case Shut():
                self._may_write(order.link)
                assert order.code not in (1005, 1006, 1015), f"nobody sends the code {order.code}"
                assert order.code is None or 0 <= order.code <= 0xFFFF
                assert len(order.reason.encode()) <= 123, "a reason that no frame holds"
                self._shut.add(order.link)
            case Drop():
                assert order.link in self._links
                self._shut.add(order.link)

    def _may_write(self, link: object) -> None:
        assert link in self._links, f"{link} is no socket that is open"
        assert link not in self._shut, f"{link} was shut by the client"

    def _request(self, order: Fetch | Dial) -> None:
        url = order.url
        assert url.startswith(("http://", "https://", "ws://", "wss://")), url
        if self._plain:
            assert _VISIBLE.fullmatch(url), f"no URL as it is sent: {url!r}"
        body: bytes = b""
        if isinstance(order, Fetch):
            self._fetches[order.call] = order
            body = b"" if isinstance(order.body, Beside) else order.body
        else:
            self._dials[order.call] = order
        if urlsplit(url).netloc != urlsplit(HERE).netloc:
            for secret in SECRETS:
                assert secret not in url, f"{secret} goes to {url}"
                assert not any(secret in value for _, value in order.headers), f"{secret} goes to {url}"
                assert secret.encode() not in body, f"{secret} goes to {url}"


def _path(entry: Entry) -> str:
    return entry.request.path if isinstance(entry, Exchange) else getattr(entry, "path", "")


def _response(taped: TapedResponse) -> Response:
    body = taped.body
    raw = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else body
    headers: Headers = taped.headers
    return Response(taped.status, headers, raw if isinstance(raw, bytes) else b"")


def _packet(data: str | bytes) -> bytes:
    from simulator.wire.engineio_payload import join

    return join([data])

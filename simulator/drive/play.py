"""Plays the client's half of a tape: pure. News of the network goes in, orders come out; time is what it is told.

A step of the client waits until everything that the server said before it on the tape has been heard, or was waited for
long enough: as long as on the tape, and the timeout on top of that. So nothing is said blindly, and nothing hangs.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from math import inf
from typing import Final

from simulator.cassette import envelopes
from simulator.cassette.conversation import Said
from simulator.core.backend import Backend
from simulator.core.events import CallId
from simulator.core.message import Json, Response
from simulator.core.wire import Attached, Got, Link
from simulator.drive.bound import Bound
from simulator.drive.carriers import Carrier, Engine, Socket
from simulator.drive.hearing import Hearing
from simulator.drive.orders import Answered, Failed, Fetch, Gone, News, Order, Over
from simulator.drive.outcome import Manner, Outcome
from simulator.drive.script import REFUSED, Ask, Hang, Hear, Open, Say, Script, Step, body
from simulator.drive.target import Target
from simulator.drive.wording import Wording

_BEAT: Final = 25.0
"""Seconds between two heartbeats of a Phoenix client, whose server gives up after 60."""
UNHEARD: Final = ("play", "patience")
"""The timer of what is waited for."""
_PACE: Final = ("play", "pace")


@dataclass(slots=True)
class _Conn:
    """What is known of a live connection."""

    carrier: Carrier
    kind: str
    state: str = "opening"
    """`opening`, `open`, `refused`, `failed`, `closed` by the server, `left` by the client."""
    why: str = ""


class Play:
    """One run of one tape. Begin it, give it the news with the time, and the time when it is due; until `over`."""

    def __init__(
        self, script: Script, target: Target, bound: Bound, manner: Manner, backend: Backend | None = None
    ) -> None:
        self._steps = script.steps
        self._kinds = script.kinds
        self._manner = manner
        self.outcome = Outcome(notes=[*script.notes])
        self.over = False
        other_way = manner.transports is not None
        self._hearing = Hearing(script, bound, self.outcome, manner.settle, other_way, backend)
        self._wording = Wording(target, bound, self._hearing, self.outcome)
        self._objects = _objects(script.steps)
        self._conns: dict[int, _Conn] = {}
        self._at = self._ahead = 0
        """The step that is due, and the client's next one, as far as it was looked for."""
        self._started: set[int] = set()
        """Steps, by their `id`: connections that were begun, ends that were waited with."""
        self._calls: dict[CallId, Carrier | Ask] = {}
        self._links: dict[Link, Carrier] = {}
        self._numbers = 0
        self._timers: dict[tuple[Hashable, Hashable], float] = {}
        self._news: list[tuple[str, int, object, str]] = []
        self._now = self._begun = 0.0
        self._hold = 0.0
        """When the client goes on at the earliest: whoever is left has to notice it."""
        self._mark = (0.0, 0.0)
        """The tape's time and the real one of the last step that came to its end."""

    # ---- from outside

    def begin(self, now: float) -> list[Order]:
        """Begin."""
        first = self._steps[0].at if self._steps else 0.0
        self._now, self._begun, self._mark = now, now - first, (first, now)
        out: list[Order] = []
        self._go_on(out)
        return out

    def take(self, news: News, now: float) -> list[Order]:
        """Something came."""
        self._now = now
        out: list[Order] = []
        if self.over:
            return out
        match news:
            case Got():
                if (carrier := self._links.get(news.link)) is not None:
                    carrier.got(news, out)
            case Attached():
                owner = self._calls.pop(news.call)
                assert not isinstance(owner, Ask)
                self._links[news.link] = owner
                owner.attached(news.call, news.link, out)
            case Answered():
                owner = self._calls.pop(news.call)
                if isinstance(owner, Ask):
                    self._asked(owner, news.response, "")
                else:
                    owner.answered(news.call, news.response, out)
            case Failed():
                owner = self._calls.pop(news.call)
                if isinstance(owner, Ask):
                    self._asked(owner, None, news.why)
                else:
                    owner.failed(news.call, news.why, out)
            case Gone():
                if (gone := self._links.pop(news.link, None)) is not None:
                    gone.gone(news.link, news.code, news.reason, out)
        self._work(out)
        return out

    def next_due(self) -> float | None:
        """When `pass_time` has to be called at the latest."""
        return None if self.over else min(self._timers.values(), default=None)

    def pass_time(self, now: float) -> list[Order]:
        """It is later."""
        self._now = now
        out: list[Order] = []
        for key, due in sorted(self._timers.items(), key=lambda timer: timer[1]):
            if due <= now and self._timers.get(key) == due and not self.over:
                del self._timers[key]
                self._due(*key, out)
        self._work(out)
        return out

    def _due(self, owner: Hashable, name: Hashable, out: list[Order]) -> None:
        if isinstance(owner, Engine):
            owner.due(out)
        elif isinstance(owner, int):
            self._beat(owner, out)
        elif (owner, name) == UNHEARD:
            self._give_up(self._steps[self._at])
        elif name == "settle":
            self._started.add(id(owner))
        # The pace only has to wake it.

    # ---- what carriers tell, which is worked when they are done

    def call(self, carrier: Carrier) -> CallId:
        """A number for a call."""
        self._numbers += 1
        self._calls[self._numbers] = carrier
        return self._numbers

    def after(self, seconds: float, owner: Hashable, name: Hashable) -> None:
        """A timer of a carrier."""
        self._timers[owner, name] = self._now + seconds

    def cancel(self, owner: Hashable) -> None:
        """No timer of it any more."""
        for key in [key for key in self._timers if key[0] is owner]:
            del self._timers[key]

    def tell(self, kind: str, conn: int, what: object = None, why: str = "") -> None:
        """See `Desk`."""
        self._news.append((kind, conn, what, why))

    def _work(self, out: list[Order]) -> None:
        while self._news and not self.over:
            news, self._news = self._news, []
            for kind, number, what, why in news:
                self._hear(kind, number, what, why)
        if not self.over:
            self._go_on(out)

    def _hear(self, kind: str, number: int, what: object, why: str) -> None:
        conn = self._conns[number]
        match kind:
            case "ready" if conn.state == "opening":
                self.outcome.reached = True
                conn.state = "open"
                if conn.kind == envelopes.PHOENIX:
                    self._timers[number, "beat"] = self._now + _BEAT
            # Of a flood, what came in the same body is not kept either.
            case "heard" if conn.state == "open" and not self.outcome.flooded:
                assert isinstance(what, str | bytes)
                self._hearing.server(number, what, self._until())
            case "refused":
                assert isinstance(what, Response)
                self.outcome.reached |= self._hearing.expects(number, REFUSED)
                self._lost(conn, "refused", f"the handshake was answered with HTTP {what.status}")
                args = (what.status, body(_readable(what.body)))
                self._hearing.said(Said(number, "server", REFUSED, args, "", 0, REFUSED), self._until())
            case "failed":
                self._lost(conn, "failed", why)
            case "ended" if conn.state == "open":
                code = what if isinstance(what, int) else 1005
                conn.state, conn.why = "closed", f"the server had closed the connection, code {code} {why}".rstrip()
                self._timers.pop((number, "beat"), None)
                self._hearing.closed(number, code, why, self._is_early(number), self._until())

    def _lost(self, conn: _Conn, state: str, why: str) -> None:
        conn.state, conn.why = state, why
        self._unreached(why)

    def _unreached(self, why: str) -> None:
        """Where nothing goes from the beginning, nothing more is tried."""
        if not self.outcome.reached:
            self.outcome.down = self.outcome.down or why
            self._at = len(self._steps)

    def _is_early(self, number: int) -> bool:
        """Whether the tape goes on with this conn."""
        return any(
            step.conn == number
            and (isinstance(step, Say) or (isinstance(step, Hear) and not self._hearing.is_over(step)))
            for step in self._steps[self._at :]
        )

    def _until(self) -> float:
        """When the tape's client goes on."""
        steps, at = self._steps, max(self._ahead, self._at)
        while at < len(steps) and isinstance(steps[at], Hear):
            at += 1
        self._ahead = at
        return steps[at].at if at < len(steps) else inf

    # ---- the steps

    def _go_on(self, out: list[Order]) -> None:
        while self._at < len(self._steps) and not self.outcome.flooded:
            step = self._steps[self._at]
            if not self._step(step, out):
                self._wait(step)
                return
            self._timers.pop(UNHEARD, None)
            self._at += 1
        self._finish(out)

    def _wait(self, step: Step) -> None:
        """Arm what ends the waiting for an answer; who waits for the time on the tape has a timer of his own."""
        waits = isinstance(step, Hear) or (isinstance(step, Open) and id(step) in self._started)
        if waits and UNHEARD not in self._timers:
            at, now = self._mark
            self._timers[UNHEARD] = now + max(0.0, step.at - at) + self._manner.timeout

    def _give_up(self, step: Step) -> None:
        """Nothing came in all that time."""
        if isinstance(step, Hear):
            self._hearing.give_up(step)
        elif (conn := self._conns[step.conn]).state == "opening":
            self._lost(conn, "failed", f"no answer to the handshake within {self._manner.timeout:g} s")

    def _step(self, step: Step, out: list[Order]) -> bool:
        """Whether it is over; if not, something will come."""
        match step:
            case Hear():
                return self._heard(step)
            case Open() if id(step) in self._started:
                return self._conns[step.conn].state != "opening"
        if not self._is_time(step):
            return False
        match step:
            case Open():
                self._open(step, out)
                return self._conns[step.conn].state != "opening"
            case Say():
                self._say(step, out)
            case Ask():
                self._ask(step, out)
            case Hang():
                if not self._is_settled(step):
                    return False
                self._hang(step.conn, step.code, step.reason, out)
                following = self._steps[self._at + 1].at if self._at + 1 < len(self._steps) else step.at
                self._hold = self._now + min(self._manner.settle, following - step.at)
        self._mark = (step.at, self._now)
        return True

    def _heard(self, step: Hear) -> bool:
        if not self._hearing.is_over(step):
            conn = self._conns.get(step.conn)
            # What is over says nothing any more; requests always come to an end.
            return conn is not None and conn.state != "open"
        if step.line not in self.outcome.slow:
            self._mark = (max(self._mark[0], step.at), self._now)
        return True

    def _is_time(self, step: Step) -> bool:
        due = max(self._hold, self._begun + step.at if self._manner.recorded else 0.0)
        if self._now < due:
            self._timers[_PACE] = due
            return False
        return True

    def _is_settled(self, step: Step) -> bool:
        """Whether there was time for more to come, as long as the tape's client listened."""
        if id(step) in self._started or not self._manner.settle:
            return True
        if (step, "settle") not in self._timers:
            gap = max(0.0, step.at - self._mark[0]) if isinstance(step, Hang) else self._manner.settle
            self._timers[step, "settle"] = self._now + min(self._manner.settle, gap)
        return False

    def _open(self, step: Open, out: list[Order]) -> None:
        self._started.add(id(step))
        place = self._wording.place(step)
        carrier: Carrier = Socket(self, step.conn, place)
        if step.transports:
            carrier = Engine(self, step.conn, place, self._manner.transports or step.transports)
        self._conns[step.conn] = _Conn(carrier, self._kinds.get(step.conn, envelopes.PLAIN))
        self._mark = (step.at, self._now)
        self._hearing.opened(step.conn, step.path)
        self.outcome.heard.append(_begun(step))
        carrier.begin(out)

    def _say(self, step: Say, out: list[Order]) -> None:
        self._hearing.step(step)
        conn = self._conns[step.conn]
        if conn.state != "open":
            self.outcome.unsaid[step.line] = conn.why
            return
        data = self._wording.frame(step, conn.kind)
        self._hearing.client(step.conn, data, step.line)
        conn.carrier.write(data, out)

    def _hang(self, number: int, code: int | None, reason: str, out: list[Order]) -> None:
        conn = self._conns[number]
        if conn.state == "open":
            conn.state, conn.why = "left", "the client had left"
            self._timers.pop((number, "beat"), None)
            conn.carrier.close(code, reason, out)

    def _beat(self, number: int, out: list[Order]) -> None:
        conn = self._conns[number]
        text = '[null,"beat","phoenix","heartbeat",{}]'
        if self._objects.get(number):
            text = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"beat"}'
        self._hearing.beat(number, text)
        conn.carrier.write(text, out)
        self._timers[number, "beat"] = self._now + _BEAT

    def _ask(self, step: Ask, out: list[Order]) -> None:
        wish = self._wording.wish(step)
        if isinstance(wish, str):
            self.outcome.unsaid[step.line] = wish
            self._hearing.drop(step.conn, f"answer to {step.name}")
            return
        self._numbers += 1
        self._calls[self._numbers] = step
        self.outcome.heard.append(_begun(step))
        seconds = self._manner.timeout + step.took
        out.append(Fetch(self._numbers, step.request.method, wish.url, wish.headers, wish.body, seconds))

    def _asked(self, step: Ask, response: Response | None, why: str) -> None:
        args: tuple[Json | bytes, ...] = ("no answer",)
        if response is not None:
            self.outcome.reached = True
            args = (response.status, body(_readable(response.body)))
        else:
            self.outcome.notes.append((step.line, why))
            self._unreached(why)
        name = f"answer to {step.name}"
        self._hearing.said(Said(step.conn, "server", name, args, "", 0, name), self._until())

    def _finish(self, out: list[Order]) -> None:
        listens = self.outcome.reached and not self.outcome.flooded
        if listens and self._steps and not self._is_settled(self._steps[-1]):
            return
        for number in self._conns:
            self._hang(number, 1000, "", out)
        self.over = True
        self._timers.clear()
        out.append(Over())


def _objects(steps: list[Step]) -> dict[int, bool]:
    """Whether a conn's frames are objects, as Phoenix had them first, or arrays."""
    found: dict[int, bool] = {}
    for step in steps:
        if isinstance(step, Say):
            found.setdefault(step.conn, step.data[:1] in ("{", b"{"))
    return found


def _begun(step: Open | Ask) -> Said:
    return Said(step.conn, "client", "(open)", (f"#{step.conn}",), "", step.line)


def _readable(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw

"""What the real server behind a replay says, told to the live client."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final, cast

from simulator.cassette.bindings import changed
from simulator.cassette.entries import Beside
from simulator.cassette.envelopes import ENGINE, PHOENIX
from simulator.cassette.misses import NOT_ON_THE_TAPE
from simulator.cassette.plan import answered
from simulator.cassette.playback import Playback
from simulator.cassette.walk import Seat
from simulator.core.actions import Accept, Action, Close, Refuse, Reply, Respond, Send
from simulator.core.events import CallId
from simulator.core.message import NO_REF, Json, Message, Request, Response
from simulator.core.wire import Turn
from simulator.drive.episode import answer_of
from simulator.record.talk import Talk

if TYPE_CHECKING:
    from simulator.record.behind import Upstream
    from simulator.record.episodes import Episodes

_ACK: Final = (0, 0)
"""No place of a playback has this number."""


class Ear:
    """`Listener` of one episode."""

    talk: Talk
    """Whose it is; given before anything is heard."""

    def __init__(self, episodes: Episodes, upstream: Upstream, playback: Playback) -> None:
        self._episodes = episodes
        self._upstream = upstream
        self._playback = playback

    def heard(self, number: int, turn: Turn, args: tuple[Json | bytes, ...], topic: str) -> None:
        """Something for the client."""
        seat = self.talk.seats.get(number)
        message = turn.message
        if seat is None or message is None:
            return
        self.talk.heard = True
        self.talk.unknown.clear()
        kind = seat.strand.kind
        args = _moved(args, self._upstream.target.base, self.talk.base)
        inner = topic if kind in (ENGINE, PHOENIX) else ""
        asked = turn.answers
        joined = asked is not None and asked.name in ("connect", "phx_join") and kind in (ENGINE, PHOENIX)
        door = joined or (kind == ENGINE and message.name in ("connect", "connect_error"))
        if door:
            self._door(seat, inner, message, args)
            return
        conn = seat.conns.get(seat.walk.bindings.to_taped(inner), seat.conns.get(inner))
        if conn is None:
            return
        if (kind, message.name) in ((PHOENIX, "phx_close"), (PHOENIX, "phx_error"), (ENGINE, "disconnect")):
            self._episodes.do(Close(conn, 1011 if message.name == "phx_error" else 1000, whole=False))
            return
        if asked is not None:
            asked_topic = inner if kind in (ENGINE, PHOENIX) else self.talk.episode.to_client(asked.topic)
            key = number, asked_topic, asked.name
            if waiting := self.talk.refs.get(key):
                told = answer_of(Message(message.name, args)) if kind == PHOENIX else args
                self._episodes.do(Reply(conn, waiting.popleft(), told))
                if not waiting:
                    del self.talk.refs[key]
            return
        # Nobody waits for the acknowledgement here: the client's own frame brings it to the server.
        ack = _ACK if kind == ENGINE and message.ref is not NO_REF else None
        self._episodes.do(Send((conn,), Message(message.name, args, NO_REF, "" if kind == PHOENIX else topic), ack))

    def _door(self, seat: Seat, topic: str, message: Message, args: tuple[Json | bytes, ...]) -> None:
        conn = seat.knocking.pop(topic, None) or seat.knocking.pop(seat.walk.bindings.to_taped(topic), None)
        if conn is None:
            return
        phoenix = seat.strand.kind == PHOENIX
        status, response = answer_of(Message(message.name, args)) if phoenix else ("", args[0] if args else None)
        if (status == "ok") if phoenix else message.name == "connect":
            seat.conns[topic] = conn
            self._episodes.do(Accept(conn, body=cast("Json", response) if phoenix else None))
        else:
            self._episodes.do(Refuse(conn, cast("Json", response)))

    def ended(self, number: int, code: int, reason: str) -> None:
        """The server has ended a connection: the client's ends, too."""
        seat = self.talk.seats.get(number)
        if seat is None:
            return
        if not self.talk.heard:
            self._upstream.tell(f"closed the connection, code {code} {reason}".rstrip())
        for conn in [*seat.conns.values()][:1]:
            self._episodes.do(Close(conn, None if code in (1005, 1006) else code, reason))

    def failed(self, number: int, why: str) -> None:
        """The server can't be had."""
        self._upstream.tell(why)
        seat = self.talk.seats.get(number)
        if seat is None:
            return
        if self.talk.heard or not seat.strand.conn:
            for conn in [*seat.conns.values()][:1]:
                self._episodes.do(Close(conn, 1011, "the upstream can't be reached"))
            return
        self._episodes.gone(self.talk)
        actions: list[Action] = []
        for other in self.talk.seats.values():
            for one in other.kin:
                one.elsewhere = False
        for known, live, message in self.talk.unknown:
            actions += self._playback.turned_down(known, live, message)
        for known, knocked in self.talk.doors:
            if known.knocking.pop(knocked.topic, None) is not None:
                reason = "message" if known.strand.kind == ENGINE else "reason"
                actions.append(Refuse(knocked.conn, {reason: NOT_ON_THE_TAPE}))
        self.talk.seats.clear()
        self.talk.episode.ending = True
        self._episodes.do(*actions)

    def answered(self, token: Hashable, response: Response | None, why: str) -> None:
        """A request has its answer."""
        call = cast("CallId", token)
        request, stores = self._episodes.call(call)
        base = request.base
        if response is None:
            self._upstream.tell(why)
            self._playback.unanswered(request, why)
            self._episodes.do(Respond(call, Response(502, (("Content-Type", "text/plain"),), f"{why}\n".encode())))
            return
        self.talk.heard = True
        if self.talk.walk is None:
            self._episodes.learn_soon()
        headers = answered(response.headers)
        body = response.body
        try:
            text = self.talk.episode.to_client(body.decode())
            body = (text if stores else text.replace(self._upstream.target.base, base)).encode()
        except UnicodeDecodeError:
            pass
        here = tuple(
            (name, value if stores else value.replace(self._upstream.target.base, base)) for name, value in headers
        )
        self._episodes.do(Respond(call, Response(response.status, here, body)))

    def upload(self, body: Beside) -> Request | None:
        """What the client has uploaded so far."""
        return self._episodes.upload(body)

    def tell(self, line: str) -> None:
        """For the operator."""
        self._upstream.tell(line)


def _moved(args: tuple[Json | bytes, ...], upstream: str, base: str) -> tuple[Json | bytes, ...]:
    """URLs of the server lead to us, as those of the tape do."""
    return changed(args, lambda text: text.replace(upstream, base) if base else text)

"""The floor of Phoenix's socket process: its mailbox, and what each frame means to its channels. Pure.

A join is the one thing for which a socket's process waits; whatever comes or is to go out meanwhile lies in its mailbox
(v1.3.0 lib/phoenix/channel/server.ex, join/2: `receive`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Any, cast, final

from simulator.core.actions import Accept, After, Refuse, Reply, Send
from simulator.core.errors import Unmatched, WireError
from simulator.core.events import CallId, Closed, Knocked, Malformed, Opened, Received
from simulator.core.message import NO_REF, Frame, Json, Message, Ping, Pong, Request, Response
from simulator.core.wire import Got, Link, Output, Write
from simulator.wire.phoenix_frames import Fields, Serializer
from simulator.wire.phoenix_poll import Pending, Session
from simulator.wire.phoenix_profile import Profile

NO_LINK: Link = -1
"""Where a frame came from that was posted."""

_OWN = frozenset(("heartbeat", "phx_join", "phx_leave"))
"""Events that the socket's process may keep for itself."""

MOST_MAIL = 1000
"""Frames that may wait for a join, of each direction; one more ends the socket. Phoenix knows no bound."""
MOST_WAITING = 16 << 20
"""Characters of these; one more ends it, too."""


@final
class Channel:
    """One topic of one socket, from its join to its end."""

    __slots__ = ("join_ref", "own_ref", "ref", "socket", "state", "topic")

    def __init__(self, socket: Socket, topic: str, join_ref: Json, ref: Json) -> None:
        self.socket = socket
        self.topic = topic
        self.join_ref = join_ref
        """As the socket knows it: in the answer to the join, and in the last frame."""
        self.own_ref = ref if join_ref is None or join_ref is False else join_ref
        """As the channel itself knows it: in replies and pushes (v1.8.12 lib/phoenix/channel/server.ex:27)."""
        self.ref = ref
        """Of the join."""
        self.state = "joining"
        """Then `open`, then `over`; `lost` where the socket ended before the join was answered."""

    def __repr__(self) -> str:
        return f"<channel {self.topic} of {self.socket.call}>"


class Socket:
    """One WebSocket or long polling session, from the knock at the door to its end."""

    __slots__ = (
        "call", "channels", "heard", "held", "joining", "link", "mail", "polls", "request", "serializer", "session",
        "since", "waiting", "waits",
    )  # fmt: skip

    def __init__(self, call: CallId, request: Request, serializer: Serializer, polls: bool) -> None:
        self.call = call
        self.request = request
        self.serializer = serializer
        self.link: Link | None = None
        self.session: Session | None = None
        self.channels: dict[str, Channel] = {}
        self.heard = 0.0
        self.since = 0.0
        """When it knocked."""
        self.joining: Channel | None = None
        self.held: list[Frame] = []
        """What channels have sent while a join waits."""
        self.mail: deque[Got | Pending] = deque()
        """What came meanwhile, and posts to be answered when all of theirs is worked."""
        self.waiting = 0
        """Characters of both."""
        self.polls = polls
        self.waits = True
        """Its knock is not answered yet."""

    def __repr__(self) -> str:
        return f"<socket {self.call}>"


class Channels:
    """What sockets do with frames, and rules with channels."""

    __slots__ = ("_lose", "_profile", "_taken", "_topics")

    def __init__(
        self,
        profile: Profile,
        topics: Collection[str],
        taken: Callable[[Pending], list[Output]],
        lose: Callable[[Socket, int | None], list[Output]],
    ) -> None:
        """`taken` answers a post; `lose` ends a socket with a close code, or None to cut it."""
        self._profile = profile
        self._topics = (
            frozenset(topic for topic in topics if not topic.endswith("*")),
            tuple(topic[:-1] for topic in topics if topic.endswith("*")),
        )
        self._taken = taken
        self._lose = lose

    # ---- what comes over a socket

    def got(self, socket: Socket, got: Got) -> list[Output]:
        """A frame, a ping or a pong."""
        mail = socket.mail
        if socket.joining is None and not mail:
            return self._item(socket, got.item)
        if not self._fits(socket, len(mail) + 1, len(got.item.data)):
            return self._lose(socket, None)
        mail.append(got)
        return []

    def post(self, socket: Socket, frames: list[Frame], pending: Pending) -> list[Output]:
        """Frames that came by HTTP, and what is to be answered when they are worked."""
        mail = socket.mail
        idle = socket.joining is None and not mail
        if not self._fits(socket, len(mail) + len(frames), sum(len(frame.data) for frame in frames)):
            return self._lose(socket, None)
        mail.extend([Got(NO_LINK, frame) for frame in frames])
        mail.append(pending)
        return self.work(socket) if idle else []

    def _item(self, socket: Socket, item: Frame | Ping | Pong) -> list[Output]:
        if isinstance(item, Frame):
            return self._frame(socket, item)
        if isinstance(item, Ping) and socket.link is not None:
            return [Write(socket.link, Pong(item.data))]
        return []

    def _frame(self, socket: Socket, frame: Frame) -> list[Output]:
        serializer = socket.serializer
        try:
            fields = serializer.decode(frame)
            join_ref, ref, topic, event, payload = fields
            if topic == "phoenix" and event == "heartbeat":
                return self.write(socket, serializer.reply(None, ref, topic, "ok", {}))
            if event == "phx_join":
                return self._join(socket, frame, fields)
            channel = socket.channels.get(topic) if isinstance(topic, str) else None
            if channel is None:
                if event == "phx_leave" and self._profile.leaves_unjoined:
                    return self.write(socket, serializer.reply(join_ref, ref, topic, "ok", {}))
                return self._unmatched(socket, frame, fields)
            if join_ref is not None and self._profile.ignores_stale and not self._same(join_ref, channel.join_ref):
                return []
            if event == "phx_leave":
                left = self._put(socket, serializer.reply(channel.own_ref, ref, topic, "ok", {}))
                return [*left, *self.end(channel, 1000)]
        except WireError as error:
            return [Malformed(socket, error), *self._lose(socket, 1011)]
        if isinstance(event, str):
            return [Received(channel, Message(event, (payload,), ref, channel.topic))]
        return [Malformed(channel, WireError("an event that is no string", frame)), *self.end(channel, 1011)]

    def heard(self, socket: Socket, frame: Frame) -> Received | None:
        """A message to an open channel; None, with nothing done, for all else: `got` knows what that is."""
        if socket.joining is not None or socket.mail:
            return None
        serializer = socket.serializer
        try:
            join_ref, ref, topic, event, payload = serializer.decode(frame)
        except WireError:
            return None
        channel = socket.channels.get(topic) if type(topic) is str else None
        if channel is None or type(event) is not str or event in _OWN:
            return None
        # One text that is the same twice, as nearly always: who asks for more than that looks twice.
        known = channel.join_ref
        if (
            join_ref is not known
            and join_ref is not None
            and (type(join_ref) is not str or join_ref != known)
            and self._profile.ignores_stale
            and not self._same(join_ref, known)
        ):
            return None
        return Received(channel, Message(event, (payload,), ref, channel.topic))

    def said(self, reply: Send | Reply) -> Write | None:
        """The frame of a reply that can leave at once; None, with nothing done, for any other."""
        if type(reply) is not Reply:
            return None
        channel, args = reply.conn, reply.args
        if type(channel) is not Channel or channel.state != "open" or len(args) != 2:
            return None
        socket = channel.socket
        link, word = socket.link, args[0]
        if link is None or socket.joining is not None or type(word) is not str:
            return None
        ref: Any = reply.ref
        if ref is NO_REF:
            ref = None
        serializer = socket.serializer
        try:
            return Write(link, serializer.reply(channel.own_ref, ref, channel.topic, word, args[1]))
        except WireError:
            return None

    def _same(self, one: Json, other: Json) -> bool:
        """As Elixir's ===: 1 is not 1.0."""
        if isinstance(one, str):
            return one == other
        dumps = self._profile.library.dumps
        return dumps(one) == dumps(other)

    # ---- the mailbox: while a join is not answered, everything else waits

    def write(self, socket: Socket, frame: Frame) -> list[Output]:
        """What the socket's own process writes, at once."""
        if socket.link is not None:
            return [Write(socket.link, frame)]
        return [] if socket.session is None else socket.session.put(frame)

    def _put(self, socket: Socket, frame: Frame) -> list[Output]:
        """What a channel's process has sent to the socket's."""
        if socket.joining is None:
            return self.write(socket, frame)
        if not self._fits(socket, len(socket.held) + 1, len(frame.data)):
            return self._lose(socket, None)
        socket.held.append(frame)
        return []

    @staticmethod
    def _fits(socket: Socket, count: int, size: int) -> bool:
        """Whether so many frames may wait, with what is new; that counts as waiting then."""
        socket.waiting += size
        return count <= MOST_MAIL and socket.waiting <= MOST_WAITING

    def work(self, socket: Socket) -> list[Output]:
        """Work what came until a join waits, or until rules have to hear what a frame meant before the next one."""
        if not socket.mail:
            # What rules did about the one before has ended the socket.
            return []
        got = socket.mail.popleft()
        assert isinstance(got, Got)
        socket.waiting -= len(got.item.data)
        outputs = self._item(socket, got.item)
        return outputs if socket.joining is not None else [*outputs, *self._go_on(socket)]

    def _go_on(self, socket: Socket) -> list[Output]:
        outputs: list[Output] = []
        while socket.mail and isinstance(pending := socket.mail[0], Pending):
            socket.mail.popleft()
            outputs += self._taken(pending)
        return [*outputs, After(0.0, socket, "mail")] if socket.mail else outputs

    # ---- channels

    def _join(self, socket: Socket, frame: Frame, fields: Fields) -> list[Output]:
        serializer = socket.serializer
        join_ref, ref, topic, _, payload = fields
        exact, starts = self._topics
        if not isinstance(topic, str) or not (topic in exact or topic.startswith(starts)):
            return self._unmatched(socket, frame, fields)
        if self._profile.joins_by_ref:
            join_ref = ref
        old = socket.channels.pop(topic, None)
        if len(socket.channels) >= self._profile.most_channels:
            refusal: Json = {"reason": "too many channels joined"}
            return self.write(socket, serializer.reply(join_ref, ref, topic, "error", refusal))
        outputs: list[Output] = []
        if old is not None:
            # The old channel ends before the join, but its last frame waits until the join is answered.
            old.state = "over"
            last = serializer.push(old.join_ref, old.join_ref, topic, "phx_close", {})
            socket.held.append(last)
            socket.waiting += len(last.data)
            outputs.append(Closed(old, 1000))
        channel = socket.joining = Channel(socket, topic, join_ref, ref)
        outputs.append(Knocked(channel, socket.request, cast("Json", payload), topic))
        return outputs

    def _unmatched(self, socket: Socket, frame: Frame, fields: Fields) -> list[Output]:
        _, ref, topic, event, payload = fields
        told = self.write(socket, socket.serializer.reply(None, ref, topic, "error", {"reason": "unmatched topic"}))
        name, where = event if isinstance(event, str) else "", topic if isinstance(topic, str) else ""
        message = Message(name, (payload,), NO_REF, where)
        return [*told, Malformed(socket, Unmatched("on a topic that nobody has joined", frame, message))]

    def joined(self, channel: Channel, answer: Accept | Refuse) -> list[Output]:
        socket = channel.socket
        if channel.state != "joining":
            lost, channel.state = channel.state == "lost", "over"
            return [Closed(channel)] if lost and isinstance(answer, Accept) else []
        assert socket.joining is channel
        word, response = ("ok", _body(answer)) if isinstance(answer, Accept) else ("error", answer.response)
        assert not isinstance(response, Response), "behind the handshake a refusal is JSON"
        try:
            frame = socket.serializer.reply(channel.join_ref, channel.ref, channel.topic, word, response)
        except WireError as error:
            return [Malformed(socket, error), *self._lose(socket, 1011), *self.joined(channel, answer)]
        socket.joining = None
        held, socket.held = socket.held, []
        socket.waiting -= sum(len(one.data) for one in held)
        outputs = [output for one in (frame, *held) for output in self.write(socket, one)]
        if isinstance(answer, Accept):
            channel.state = "open"
            socket.channels[channel.topic] = channel
            outputs.append(Opened(channel))
        else:
            channel.state = "over"
        return [*outputs, *self._go_on(socket)]

    def reply(self, reply: Reply) -> list[Output]:
        channel = reply.conn
        if not isinstance(channel, Channel) or channel.state != "open":
            return []
        word, response = reply.args if reply.args else ("ok", {})
        assert isinstance(word, str)
        ref = None if reply.ref is NO_REF else cast("Json", reply.ref)
        try:
            frame = channel.socket.serializer.reply(channel.own_ref, ref, channel.topic, word, response)
        except WireError as error:
            return [Malformed(channel, error), *self.end(channel, 1011)]
        return self._put(channel.socket, frame)

    def send(self, send: Send) -> list[Output]:
        message = send.message
        topic, event = message.topic, message.name
        payload = message.args[0] if message.args else {}
        frames: dict[Serializer, Frame] = {}
        outputs: list[Output] = []
        for channel in send.conns:
            if not isinstance(channel, Channel) or channel.state != "open":
                continue
            serializer = channel.socket.serializer
            try:
                if topic:
                    frame = frames.get(serializer)
                    if frame is None:
                        frame = frames[serializer] = serializer.broadcast(topic, event, payload)
                else:
                    join_ref = channel.own_ref if self._profile.push_join_ref else None
                    frame = serializer.push(join_ref, None, channel.topic, event, payload)
            except WireError as error:
                outputs.append(Malformed(channel, error))
                if not topic:
                    # The channel's process writes its pushes; what it can't write ends it.
                    outputs += self.end(channel, 1011)
                continue
            outputs += self._put(channel.socket, frame)
        return outputs

    def end(self, channel: Channel, code: int) -> list[Output]:
        socket, join_ref = channel.socket, channel.join_ref
        channel.state = "over"
        del socket.channels[channel.topic]
        event, payload = ("phx_close", {}) if code == 1000 else ("phx_error", self._profile.crash)
        frame = socket.serializer.push(join_ref, join_ref, channel.topic, event, payload)
        return [*self._put(socket, frame), Closed(channel, code)]


def _body(accept: Accept) -> Json:
    return {} if accept.body is None else accept.body

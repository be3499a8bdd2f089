"""The onlooker's face of Phoenix: what passes on WebSockets and long polls becomes turns of a conversation."""

from __future__ import annotations

from simulator.core.errors import WireError
from simulator.core.message import NO_REF, Frame, Message
from simulator.core.wire import Link, Turn
from simulator.wire.phoenix_frames import read
from simulator.wire.phoenix_poll import answered, split


class Onlooker:
    """A WebSocket frame is one turn, a long polling body as many as it has messages.

    A turn's message is the event with its payload, its topic, and its `ref` where that is not null. V1 is told from V2
    by the frame's shape.
    """

    __slots__ = ()

    def read(self, sender: str, link: Link, item: Frame) -> list[Turn]:
        """The turns of this frame, with the reason where it could not be read."""
        if item.via == "longpoll":
            if not item.data:
                return []
            body = item.data if isinstance(item.data, bytes) else item.data.encode("utf-8", "surrogateescape")
            try:
                frames = answered(body) if sender == "server" else split(body, not body.startswith(b"{"))
            except WireError as error:
                return [Turn(sender, None, error.why)]
        else:
            frames = [item]
        return [_turn(sender, frame) for frame in frames]


def _turn(sender: str, frame: Frame) -> Turn:
    try:
        join_ref, ref, topic, event, payload = read(sender, frame)
    except WireError as error:
        return Turn(sender, None, error.why)
    if not isinstance(event, str) or not isinstance(topic, str):
        return Turn(sender, None, "an event or a topic that is no string")
    wide = sender == "server" and ref is None and join_ref is None and _is_wide(frame.data)
    return Turn(sender, Message(event, (payload,), NO_REF if ref is None else ref, topic), wide=wide)


def _is_wide(data: str | bytes) -> bool:
    """Whether a frame without a join_ref may be a broadcast: in 1.3's V1 they have one that is null (`v1_struct`)."""
    start = data.lstrip()[:1]
    return start not in ("{", b"{") or '"join_ref"' in str(data)

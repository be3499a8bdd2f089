"""Frames of a single wire seen from outside."""

from __future__ import annotations

from collections.abc import Callable

from simulator.core.envelope import ACK, MESSAGE, Bare, Data, Look
from simulator.core.errors import WireError
from simulator.core.message import Frame, Message
from simulator.wire.single import Codec


class Coded(Bare):
    """Where a socket is one conversation, and a codec knows its frames."""

    __slots__ = ("_acknowledges", "_codecs", "acks", "garbage")

    def __init__(
        self, client: Codec, server: Codec, garbage: str, acks: str, acknowledges: Callable[[Message], bool]
    ) -> None:
        """Codecs of what each side sends; which of the messages of the side `acks` are acknowledgements."""
        self._codecs = {"client": client, "server": server}
        self.garbage = garbage
        self.acks = frozenset((acks,))
        self._acknowledges = acknowledges

    def look(self, sender: str, data: Data) -> Look:
        """A message, or an acknowledgement."""
        try:
            message = self._codecs[sender].decode(Frame(data))
        except (WireError, RecursionError):
            return Look()
        return Look(ACK if sender in self.acks and self._acknowledges(message) else MESSAGE, message.name)

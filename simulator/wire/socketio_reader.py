"""The onlooker's face of Socket.IO: what passes on polls and WebSockets becomes turns of a conversation."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from simulator.core.errors import WireError
from simulator.core.message import NO_REF, Frame, Json, Message, Request
from simulator.core.wire import Link, Turn
from simulator.wire import engineio_http as http
from simulator.wire import socketio_packets as packets
from simulator.wire.engineio_payload import MESSAGE, OPEN, Packet, read, split
from simulator.wire.socketio_recovery import is_offset

_NAMES: Final = {packets.CONNECT: "connect", packets.DISCONNECT: "disconnect", packets.CONNECT_ERROR: "connect_error"}
"""No event can bear these names, so that they are free for what is none."""


_ASKED: Final = 10_000
"""What waits for an acknowledgement in one session; of more, what came first is never answered."""
_LINKS: Final = 4_000
"""Links, sessions, and calls of polls, that are followed, of each so many: nobody tells an onlooker that one has ended.
Of more, what was silent longest begins anew. A link is never forgotten for calls, of which a session has ever more."""
_ROOT: Final = frozenset({"/"})


class _Session:
    """What is known of one. Each part is made when it is needed: a link that says nothing, or polls once, has none."""

    __slots__ = ("asked", "client", "offsets", "server")

    def __init__(self) -> None:
        self.client: packets.Inbox | None = None
        self.server: packets.Inbox | None = None
        self.asked: dict[tuple[str, str, str], Message] = {}
        """By who asked, namespace and id: what waits for an acknowledgement, or to be let in."""
        self.offsets: frozenset[str] = frozenset()
        """Namespaces whose events have an offset as their last argument."""

    def inbox(self, sender: str, most_attachments: int) -> packets.Inbox:
        """Of one direction."""
        if sender == "client":
            if self.client is None:
                self.client = packets.Inbox(most_attachments)
            return self.client
        if self.server is None:
            self.server = packets.Inbox(most_attachments)
        return self.server

    def answered(self, key: tuple[str, str, str]) -> Message | None:
        """What waited under it."""
        asked = self.asked.pop(key, None)
        if not self.asked:
            # An emptied one stays as large as it was.
            self.asked = {}
        return asked


class SocketIOReader:
    """Frames of both directions. A poll's body is a Frame via polling, its link the number of the call.

    Which session a link or a call belongs to, its request says (`asked`), and else the handshake that passes over it.
    Joins, refusals and leaves are messages named `connect`, `connect_error` and `disconnect`; acknowledgements have the
    name of what they answer. Heartbeats and the upgrade are no turns.
    """

    __slots__ = ("_most_attachments", "_of_call", "_of_link", "_of_sid")

    def __init__(self, most_attachments: int = 10) -> None:
        self._most_attachments = most_attachments
        self._of_sid: OrderedDict[str, _Session] = OrderedDict()
        self._of_link: OrderedDict[Link, _Session] = OrderedDict()
        self._of_call: OrderedDict[Link, _Session] = OrderedDict()
        """Calls of polls that said whose they are."""

    def asked(self, link: Link, request: Request) -> None:
        """The request that a link or a call began with."""
        said = http.parameters(request)
        sid = said.get("sid")
        if sid:
            book = self._of_link if said.get("transport") == "websocket" else self._of_call
            self._follow(book, link, self._known(sid))

    def read(self, sender: str, link: Link, item: Frame) -> list[Turn]:
        """The turns that this frame, or this body of a poll, completes."""
        data = item.data
        if item.via != "polling":
            return self._packet(sender, link, read(data))
        body = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        if not body or (sender == "server" and body == b"ok"):
            return []
        return [turn for packet in split(body) for turn in self._packet(sender, link, packet)]

    def _packet(self, sender: str, link: Link, packet: Packet | None) -> list[Turn]:
        session = self._of_link.get(link)
        if session is not None:
            self._of_link.move_to_end(link)
        elif (session := self._of_call.get(link)) is None:
            session = self._follow(self._of_link, link, _Session())
        if packet is None:
            return [Turn(sender, None, "not an Engine.IO packet")]
        if isinstance(packet, str):
            if packet[0] == OPEN and sender == "server":
                self._handshake(link, packet[1:])
            if packet[0] != MESSAGE:
                return []
        try:
            inbox = session.inbox(sender, self._most_attachments)
            whole = inbox.add(packet[1:] if isinstance(packet, str) else packet)
            return [] if whole is None else self._turn(session, sender, whole)
        except (WireError, RecursionError) as error:
            return [Turn(sender, None, str(error))]

    def _handshake(self, link: Link, text: str) -> None:
        data = packets.loads(text)
        if isinstance(data, dict) and isinstance(sid := data.get("sid"), str):
            self._follow(self._of_link, link, self._known(sid))

    @staticmethod
    def _follow(book: OrderedDict[Link, _Session], link: Link, session: _Session) -> _Session:
        book[link] = session
        book.move_to_end(link)
        if len(book) > _LINKS:
            book.popitem(last=False)
        return session

    def _known(self, sid: str) -> _Session:
        session = self._of_sid.get(sid)
        if session is None:
            session = self._of_sid[sid] = _Session()
            if len(self._of_sid) > _LINKS:
                self._of_sid.popitem(last=False)
        else:
            self._of_sid.move_to_end(sid)
        return session

    def _turn(self, session: _Session, sender: str, packet: packets.Packet) -> list[Turn]:
        nsp, data = packet.nsp, packet.data
        other = "server" if sender == "client" else "client"
        if packet.kind in (packets.ACK, packets.BINARY_ACK):
            asked = session.answered((other, nsp, packet.id or ""))
            name = "" if asked is None else asked.name
            args = tuple(data) if isinstance(data, list) else ()
            ref = NO_REF if packet.id is None else packet.id
            why = "" if asked is not None else "it acknowledges what nobody asked for"
            return [Turn(sender, Message(name, args, ref, nsp), why, asked)]
        if packet.kind in _NAMES:
            return [self._door(session, sender, packet.kind, nsp, data)]
        if not isinstance(data, list):
            return [Turn(sender, None, "an event without a payload")]
        offset = ""
        if sender == "server" and packet.id is None and nsp in session.offsets and is_offset(data[1:]):
            offset = str(data.pop())
        name = data[0] if isinstance(data[0], str) else packets.name_of(data[0])
        message = Message(name, tuple(data[1:]), NO_REF if packet.id is None else packet.id, nsp)
        if packet.id is not None:
            session.asked[(sender, nsp, packet.id)] = message
            if len(session.asked) > _ASKED:
                del session.asked[next(iter(session.asked))]
        return [Turn(sender, message, offset=offset)]

    def _door(self, session: _Session, sender: str, kind: int, nsp: str, data: Json) -> Turn:
        message = Message(_NAMES[kind], () if data is None else (data,), NO_REF, nsp)
        if kind == packets.DISCONNECT:
            return Turn(sender, message)
        if sender == "client":
            session.asked[("client", nsp, "connect")] = message
            # Who comes back gets what was missed before the answer.
            if isinstance(data, dict) and "pid" in data:
                session.offsets = session.offsets | {nsp} if session.offsets or nsp != "/" else _ROOT
            return Turn(sender, message)
        if isinstance(data, dict) and "pid" in data:
            session.offsets = session.offsets | {nsp} if session.offsets or nsp != "/" else _ROOT
        else:
            session.offsets -= {nsp}
        return Turn(sender, message, answers=session.answered(("client", nsp, "connect")))

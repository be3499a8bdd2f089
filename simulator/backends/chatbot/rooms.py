"""Who is here and who hears what: sockets, rooms, and what each caller may see."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.backends.chatbot.state import User, Widget
from simulator.backends.chatbot.talks import Conversation
from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Request

Room = tuple[str, ...]
"""What kind of room and of what: tenants and orgs are part of the name, so that equal ids of two tenants never meet."""


def conversation(talk: Conversation) -> Room:
    """Everyone who joined it."""
    return "conversation", talk.id


def knowledge(tenant: str) -> Room:
    """join-knowledge-room."""
    return "knowledge", tenant


def listing(tenant: str) -> Room:
    """join-conversation-list."""
    return "list", tenant


def org(tenant: str, org_id: str) -> Room:
    """join-org."""
    return "org", tenant, org_id


def dashboard(tenant: str, dashboard_id: str) -> Room:
    """subscribe-dashboard."""
    return "dashboard", tenant, dashboard_id


@dataclass(slots=True)
class Caller:
    """Who a socket is: somebody with a token, or an anonymous one with a widget's key."""

    user_id: str
    tenant_id: str
    name: str | None = None
    role: str = "user"
    orgs: tuple[str, ...] = ()
    user: User | None = None
    widget: Widget | None = None

    @property
    def staff(self) -> bool:
        """Whether it may see what others of its tenant say."""
        return self.role != "user"

    @property
    def org(self) -> str:
        """Whose conversations its own are."""
        return self.orgs[0] if self.orgs else ""

    @property
    def side(self) -> str | None:
        """Among whose people its conversations are (see Conversation.side)."""
        return None if self.widget is None else self.widget.chatbotId

    @property
    def chatbot_id(self) -> str | None:
        """Of the widget."""
        return None if self.widget is None else self.widget.chatbotId

    def may_see(self, talk: Conversation) -> bool:
        """Staff sees its tenant, a user what is its own, an anonymous one what began with its widget."""
        if talk.tenant_id != self.tenant_id:
            return False
        if self.staff:
            return True
        if self.widget is not None:
            return talk.anonymous and talk.chatbot_id in (None, self.widget.chatbotId)
        return talk.user_id == self.user_id and not talk.anonymous


class Client:
    """A socket that was let in."""

    __slots__ = ("asked", "caller", "conn", "here", "ids", "joined", "request", "rooms", "streams", "talk", "typing")

    def __init__(self, conn: Conn, caller: Caller, ids: Ids, request: Request) -> None:
        self.conn = conn
        self.caller = caller
        self.ids = ids
        self.request = request
        self.here = True
        """Whether its socket is open."""
        self.talk: Conversation | None = None
        """The conversation that it joined last: what has no conversationId is about this one."""
        self.joined: dict[Conversation, None] = {}
        """All conversations that it is in, the last one at the end."""
        self.rooms: dict[Room, None] = {}
        self.typing: dict[Conversation, None] = {}
        """Conversations in which it was last seen typing."""
        self.asked: deque[float] = deque()
        """When the bot heard of it lately."""
        self.streams = 0
        """Streamed answers under way."""

    def header(self, name: str, most: int = 1000) -> str:
        """A header of its handshake, without the bytes that are no text."""
        return (self.request.header(name) or "")[:most].encode("utf-8", "replace").decode()


class Rooms:
    """Rooms with who is in them, in the order in which they came."""

    __slots__ = ("_rooms",)

    def __init__(self) -> None:
        self._rooms: dict[Room, dict[Client, None]] = {}

    def join(self, client: Client, room: Room) -> None:
        """Come in; who is there already stays."""
        self._rooms.setdefault(room, {})[client] = None
        client.rooms[room] = None

    def leave(self, client: Client, room: Room) -> None:
        """Go out of a room in which one is."""
        del client.rooms[room]
        inside = self._rooms[room]
        del inside[client]
        if not inside:
            del self._rooms[room]

    def leave_all(self, client: Client) -> None:
        """Go out everywhere."""
        for room in [*client.rooms]:
            self.leave(client, room)

    def close(self, room: Room) -> None:
        """Everyone goes out."""
        for client in self._rooms.pop(room, {}):
            del client.rooms[room]

    def inside(self, room: Room) -> Iterator[Client]:
        """Who is there."""
        return iter(self._rooms.get(room, ()))

    def conns(self, room: Room, but: Client | None = None) -> Sequence[Conn]:
        """Their conns, one left out."""
        inside = self._rooms.get(room)
        return [] if inside is None else [client.conn for client in inside if client is not but]

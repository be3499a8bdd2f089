"""What goes out: events to one socket or a room, errors by setting, notifications, and what lists are told."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.backends.chatbot import rooms as of
from simulator.backends.chatbot.names import BEYOND, EVENTS
from simulator.backends.chatbot.rooms import Client, Room, Rooms
from simulator.backends.chatbot.state import Dashboard, Settings
from simulator.backends.chatbot.talks import Conversation, iso
from simulator.core.actions import Action, Close, Send
from simulator.core.events import Conn
from simulator.core.message import Json, Message
from simulator.core.world import World

Body = dict[str, Json]


class Failed(Exception):
    """A command that can't be done: the document's `error`."""

    def __init__(self, code: str, why: str, details: str | None = None, talk: str | None = None) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.details = details
        self.talk = talk

    def body(self) -> Body:
        """The event's."""
        rest: Body = {"details": self.details, "conversationId": self.talk}
        told: Body = {"message": self.why, "code": self.code}
        return told | {key: value for key, value in rest.items() if value is not None}


_ORDER = {name: (*model.model_fields,) for name, model in EVENTS.items()}


def about(talk: Conversation, name: str, body: Body) -> Body:
    """The body of an event that names its conversation, keys in the document's order."""
    named: Body = {**body, "conversationId": talk.id}
    if _ORDER[name] == (*named,):
        return named
    return {key: named[key] for key in _ORDER[name] if key in named}


class Teller:
    """Makes actions of what is to be told."""

    def __init__(self, world: World, rooms: Rooms, dashboards: Sequence[Dashboard]) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._rooms = rooms
        self._dashboards = dashboards

    def now(self) -> str:
        """The time as the wire has it."""
        return iso(self._world.now())

    def to(self, conns: Sequence[Conn], name: str, body: Body) -> list[Action]:
        """An event to some conns; one that the document does not know is only sent when the settings say so."""
        if not conns or (name in BEYOND and not self._settings.beyond_document):
            return []
        return [Send(conns, Message(name, (body,)))]

    def one(self, client: Client, name: str, body: Body) -> list[Action]:
        """An event to one socket."""
        return self.to((client.conn,), name, body)

    def room(self, room: Room, name: str, body: Body, but: Client | None = None) -> list[Action]:
        """An event to a room, one of it left out."""
        return self.to(self._rooms.conns(room, but), name, body)

    def talk(
        self, talk: Conversation, name: str, body: Body, but: Client | None = None, also: Client | None = None
    ) -> list[Action]:
        """An event to all in a conversation, which it names; one of them left out, or one more, who may be in it."""
        room = of.conversation(talk)
        conns = self._rooms.conns(room, but)
        if also is not None and also.here and room not in also.rooms:
            conns = [*conns, also.conn]
        return self.to(conns, name, about(talk, name, body)) if conns else []

    def failed(self, client: Client, failed: Failed) -> list[Action]:
        """A wrong event: what follows is a setting."""
        text = f"{failed.code}: {failed.why}{': ' if failed.details else ''}{failed.details or ''}"
        self._world.log("warning", text, conversation=failed.talk or "")
        if self._settings.bad_input == "silent":
            return []
        told = self.one(client, "error", failed.body())
        return [*told, Close(client.conn, None)] if self._settings.bad_input == "disconnect" else told

    # --- notifications

    def notification(self, kind: str, title: str, text: str, data: Json) -> Body:
        """The body of one."""
        return {"type": kind, "title": title, "message": text, "data": data, "timestamp": self.now()}

    def notify(self, client: Client, kind: str, title: str, data: Json) -> list[Action]:
        """A notification to one socket, where a command has no answer of its own."""
        return self.one(client, "notification", self.notification(kind, title, title, data))

    def org(self, talk: Conversation, kind: str, title: str, text: str, more: Body | None = None) -> list[Action]:
        """A notification about a conversation to the org that it belongs to."""
        data: Body = {"conversationId": talk.id, **(more or {})}
        return self.room(of.org(talk.tenant_id, talk.org), "notification", self.notification(kind, title, text, data))

    def dashboards(self, tenant: str, org: str, kind: str, title: str, data: Body) -> list[Action]:
        """A notification to all dashboards of an org."""
        actions: list[Action] = []
        for board in self._dashboards:
            if (board.tenantId, board.orgId) == (tenant, org):
                told = self.notification(kind, title, title, {"dashboardId": board.dashboardId, **data})
                actions += self.room(of.dashboard(tenant, board.dashboardId), "notification", told)
        return actions

    # --- the list room of a tenant

    def listed(self, talk: Conversation) -> Body:
        """A conversation as lists have it."""
        return talk.body(self._settings.beyond_document, self._settings.list_messages)

    def appeared(self, talk: Conversation) -> list[Action]:
        """A conversation began."""
        conns = self._rooms.conns(of.listing(talk.tenant_id))
        return self.to(conns, "new_conversation", {"conversation": self.listed(talk)}) if conns else []

    def changed(self, talk: Conversation) -> list[Action]:
        """Something of a conversation changed; nothing is put together where nobody looks."""
        conns = self._rooms.conns(of.listing(talk.tenant_id))
        if not conns:
            return []
        return self.to(conns, "conversation-update", {"type": "updated", "conversation": self.listed(talk)})

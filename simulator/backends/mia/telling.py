"""What is told to whom: every event of M.I.A.'s chat is made here."""

from __future__ import annotations

from simulator.backends.mia import messages as names
from simulator.backends.mia.rooms import Conversation, Msg, State
from simulator.backends.mia.state import Instance, Person, Settings, instant
from simulator.core.actions import Action, Send
from simulator.core.events import Conn
from simulator.core.message import Json, Message
from simulator.core.world import World


class Teller:
    """Makes the events; keys are in the real server's order."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._state = state
        self._settings: Settings = world.settings

    def now(self) -> str:
        """This instant as JavaScript writes it."""
        return instant(self._world.now())

    def to(self, room_id: str, name: str, body: Json) -> Send:
        """One event to everyone in a room."""
        return Send(self._state.members(room_id), Message(name, (body,)))

    def room(self, conns: tuple[Conn, ...], instance: Instance, room_id: Json) -> Send:
        """initRoom: which room it is, and who answers there."""
        color: dict[str, Json] = {} if instance.color is None else {"color": instance.color}
        told: Json = {"id": instance.id, "name": instance.name, "avatar": instance.avatar, **color}
        return Send(conns, Message(names.INIT_ROOM, ({"roomId": room_id, "instance": told},)))

    def person(self, room_id: str, person: Person) -> Send:
        """sendPersonDataToClient: who is in a room, to everyone in it."""
        return self.to(room_id, names.USER_DATA, person_data(person))

    def status(self, msg: Msg, status: str) -> Send:
        """sendMessageStatusToClient: what has become of a message; it is remembered."""
        msg.status = status
        return self.to(msg.talk.room_id, names.MESSAGE_STATUS, {"messageId": msg.id, "status": status})

    def dto(self, msg: Msg) -> Json:
        """src/utils.ts mapMessageDTO, whose `from` is the actor."""
        author: Json = msg.actor
        if self._settings.history_from == "name":
            person = self._state.persons.get(msg.talk.room_id)
            author = msg.talk.instance.name if not msg.outgoing else person.name if person is not None else None
        return {
            "id": msg.id,
            "content": msg.content,
            **({"from": author} if author is not None else {}),
            "createdAt": msg.created,
            "status": msg.status,
            "direction": "outgoing" if msg.outgoing else "incoming",
            "type": msg.type,
        }

    def reply(self, talk: Conversation, id: str, content: Json, kind: str, author: str) -> list[Action]:
        """sendSystemMessage: Mia's message to everyone in the room."""
        msg = Msg(talk, id, "assistant", content, kind, self.now())
        self._state.add(msg)
        dto: Json = {
            "id": id,
            "content": content,
            "from": author,
            "status": "sent",
            "createdAt": msg.created,
            "direction": "incoming",
            "type": kind,
        }
        return [self.to(talk.room_id, names.MESSAGE, dto)]


def person_data(person: Person) -> dict[str, Json]:
    """src/services/chat/chat-service.ts sendPersonDataToClient."""
    return {"name": person.name, "email": person.email, "phoneNumber": person.phone_number}

"""What M.I.A.'s chat does: one method for each step of src/services/chat/chat-service.ts, and what Mia answers."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import assert_never, cast

from simulator.backends.mia import fastify, js, page
from simulator.backends.mia import messages as names
from simulator.backends.mia.messages import MEDIA_LINK, STATUSES, TEXT
from simulator.backends.mia.rooms import Client, Conversation, Msg, State, room_key
from simulator.backends.mia.state import Instance, Settings
from simulator.backends.mia.system import System
from simulator.backends.mia.telling import Teller, person_data
from simulator.core import bot
from simulator.core.actions import Accept, Action, After, Began, Call, Cancel, Close, Heard, Refuse, Respond, Send
from simulator.core.events import (
    Acked,
    Acted,
    Called,
    Closed,
    Conn,
    Event,
    Fired,
    Knocked,
    Malformed,
    Opened,
    Received,
    Requested,
)
from simulator.core.message import Json, Message
from simulator.core.world import World
from simulator.wire.socketio_packets import RESERVED
from simulator.wire.socketio_socket import INVALID_NAMESPACE

CHAT = "chat"
"""Our guess at the service's name in `auth.services` (src/services/constants.ts ChatServiceName)."""

DOMAIN = "chat.channel.morada.ai"
"""README: rooms are addressed as <roomId>@<this>."""

MOST_CALLS = 1_000
"""Messages that wait for the gateway; one more fails at once (ours)."""


def _flaw(act: bot.Act) -> str | None:
    """What an act lacks to mean something, or None."""
    match act:
        case bot.Status() if act.status not in STATUSES:
            return f"status: expected one of {', '.join(STATUSES)}"
        case bot.Say() if not act.text.strip():
            return "text: expected something to say"
        case bot.Stream() if not "".join(act.chunks).strip():
            return "chunks: expected something to say"
        case bot.Say() | bot.HandOff() if act.agent is not None and not act.agent.strip():
            return "agent: expected a name"
        case bot.Picture() | bot.File() if not act.url.strip():
            return "url: expected the one where it lies"
        case bot.Picture() | bot.File() if not act.type.strip():
            return "type: expected a media type"
        case bot.Queue() if act.position < 1:
            return "position: expected a place from 1 on"
        case bot.Raw() if not act.name or act.name in RESERVED:
            return f"name: expected that of an event, none of {', '.join(sorted(RESERVED))}"
    return None


class MiaRules:
    """One running M.I.A."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._state = State(world.seed, world.ids)
        self._tell = Teller(world, self._state)
        self._system = System(world, self._state, self._tell)
        self._calls: dict[Hashable, tuple[Client, Msg]] = {}
        self._next_call = 0

    def handle(self, event: Event) -> list[Action]:
        """Work one event."""
        actions = self._handle(event)
        if self._state.dropped:
            actions += [Cancel(msg) for msg in self._state.dropped]
            self._state.dropped.clear()
        return actions

    def _handle(self, event: Event) -> list[Action]:
        match event:
            case Received():
                return self._received(event)
            case Fired():
                return self._fired(event)
            case Acted():
                return self._acted(event)
            case Requested():
                return self._requested(event)
            case Knocked():
                return self._knocked(event)
            case Opened():
                client = self._state.clients[event.conn]
                delay = self._settings.init_delay
                return [After(delay, event.conn, "init")] if delay else self._init(client)
            case Closed():
                return self._closed(event)
            case Called():
                return self._called(event)
            case Malformed():
                self._world.log("warning", f"not sent: {event.error.why}")
                return []
            case Acked():  # pragma: no cover
                raise AssertionError("M.I.A. never asks for an acknowledgement")
            case _:  # pragma: no cover
                assert_never(event)

    def talks(self) -> Collection[str]:
        """Conversations as `<instance id>/<room id>`; the room id alone is understood as well."""
        return [talk.name for talk in self._state.talks()]

    def objection(self, talk: str, act: bot.Act) -> str | None:
        """Why this act can't be done in this talk, or None."""
        found = self._state.talk(talk)
        if found is None:
            return f"there is no conversation {talk!r}"
        flaw = _flaw(act)
        if flaw is not None:
            return flaw
        if isinstance(act, bot.Status) and found.last_outgoing() is None:
            return "status: the person has said nothing yet"
        if isinstance(act, bot.Raw) and not self._state.members(found.room_id):
            return "raw: nobody is in the room"
        return None

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        """The conversation of the client's room, None before it is in one."""
        client = self._state.clients.get(conn)
        return None if client is None or client.talk is None else client.talk.name

    def conns_of(self, talk: str) -> Collection[Conn]:
        """Everyone in its room."""
        found = self._state.talk(talk)
        return () if found is None else self._state.members(found.room_id)

    # --- the connection

    def _knocked(self, knock: Knocked) -> list[Action]:
        if knock.topic != "/":
            return [Refuse(knock.conn, INVALID_NAMESPACE)]
        client = Client(knock.conn, knock.auth if isinstance(knock.auth, dict) else {})
        self._state.clients[knock.conn] = client
        before = self._state.back(knock.recovers) if knock.recovers is not None else None
        if before is None:
            return [Accept(knock.conn)]
        client.recovered = True
        client.ids = before.ids
        for room_id in before.rooms:
            self._state.join(client, room_id)
        self._state.go(before)
        return [Cancel(before.conn), Accept(knock.conn)]

    def _init(self, client: Client) -> list[Action]:
        """initSocket: the instance, the room, what was said before."""
        services = client.auth.get("services")
        if isinstance(services, list) and CHAT not in services:
            self._world.log("info", f"a client only wants other services: {services}")
            return []
        brought = client.auth.get("instance")
        access = brought if isinstance(brought, dict) else {}
        instance = self._state.channel(access.get("chatId"))
        why = _objection(instance, access)
        if instance is None or why:
            self._world.log("warning", f"disconnected: {why}", chat_id=access.get("chatId"))
            error = Message(names.ERROR, ({"message": self._settings.error_prefix + why},))
            return [Send((client.conn,), error), Close(client.conn, None)]
        return self._init_room(client, instance)

    def _init_room(self, client: Client, instance: Instance) -> list[Action]:
        """initRoom, initConversation and listenForClient."""
        given = client.auth.get("roomId")
        known = js.truthy(given)
        ids = self._world.ids.nth("minted", instance.id) if not known else None
        # A recovered client that brings no room gets a new one, next to the one that it comes back to.
        room_id = given if ids is None else ids.uuid()
        key = room_key(room_id)
        self._state.join(client, key)
        talk = client.talk = self._state.open(instance, key)
        client.ids = client.ids or ids or talk.ids.nth("client")
        actions: list[Action] = [self._tell.room((client.conn,), instance, room_id)]
        if known:
            client.person = self._state.persons.get(key)
            if client.person is not None:
                actions.append(self._tell.person(key, client.person))
        if not client.recovered:
            listed: list[Json] = [self._tell.dto(msg) for msg in talk.messages]
            actions.append(Send((client.conn,), Message(names.MESSAGE_LIST, (listed,))))
        # All that is asked for later, and what else a client has brought is its own.
        client.auth = {"referral": client.auth["referral"]} if "referral" in client.auth else {}
        self._world.log("info", "back in its room" if client.recovered else "in its room", room=key)
        return [*actions, Began(talk.name, client.conn, again=known)]

    def _closed(self, closed: Closed) -> list[Action]:
        client = self._state.clients.pop(closed.conn)
        if not client.rooms or not self._settings.recovery:
            self._state.go(client)
            return []
        gone = After(self._settings.recovery, client.conn, "gone")
        return [gone, *(Cancel(displaced.conn) for displaced in self._state.rest(client))]

    # --- messages

    def _received(self, received: Received) -> list[Action]:
        client = self._state.clients[received.conn]
        name, args = received.message.name, received.message.args
        if client.talk is None:
            # Node calls no listener, and there is none until the database has answered.
            self._world.log("warning", f"lost: {name} came before the room was there")
            return []
        if name != names.SEND_MESSAGE:
            self._world.log("warning", f"ignored: nobody listens to {name!r}")
            return []
        if not args or args[0] is None:
            self._world.log("warning", f"ignored: {name} without a payload, which ends the real server's process")
            return []
        body = args[0]
        # An object's property is looked for on whatever came.
        if not isinstance(body, dict):
            return self._send_message(client, client.talk, None, there=False)
        return self._send_message(client, client.talk, body.get("content"), "content" in body)

    def _send_message(self, client: Client, talk: Conversation, content: Json, there: bool) -> list[Action]:
        """listenForClient: the whole room sees it at once, the sender as well, and then it goes to Mia."""
        assert client.ids is not None
        text = js.text(content)
        msg = Msg(talk, client.ids.uuid(), "user", text, TEXT, self._tell.now())
        person = client.person
        dto: dict[str, Json] = {"id": msg.id}
        if there:
            dto["content"] = content
        if person is not None:
            dto["from"] = person.name
        dto["createdAt"] = msg.created
        dto["status"] = "sent"
        dto["direction"] = "outgoing"
        dto["type"] = TEXT
        actions: list[Action] = [Send(self._state.members(talk.room_id), Message(names.MESSAGE, (dto,)))]
        if content is None:
            self._world.log("warning", "a message without content fails", room=talk.room_id)
            return [*actions, self._tell.status(msg, "failed")]
        self._state.add(msg)
        about = None if person is None else person_data(person)
        heard = Heard(talk.name, text, Message(names.SEND_MESSAGE, ({"content": text},)), client.conn, about)
        actions += self._forward(client, msg, text)
        actions.append(heard)
        return actions

    def _forward(self, client: Client, msg: Msg, text: str) -> list[Action]:
        """Tell the gateway, which answers by /receive-message; without one the message is delivered."""
        base = self._settings.gateway_url
        if base is None:
            return self._taken(msg)
        if len(self._calls) >= MOST_CALLS:
            self._world.log("warning", f"{MOST_CALLS} messages wait for the gateway already")
            return [self._tell.status(msg, "failed")]
        metadata: dict[str, Json] = {"#uniqueId": msg.id}
        referral = client.auth.get("referral")
        if client.first and js.truthy(referral):
            metadata["#chat.referral"] = js.stringify(referral)
        row: Json = {
            "id": msg.id,
            "from": f"{msg.talk.room_id}@{DOMAIN}",
            "to": msg.talk.instance.chat_id,
            "content": text,
            "type": TEXT,
            "metadata": metadata,
            "actor": "user",
            "createdAt": msg.created,
        }
        self._next_call += 1
        self._calls[self._next_call] = client, msg
        headers = (("Accept", "application/json, text/plain, */*"), ("Content-Type", "application/json"))
        timeout = self._settings.gateway_timeout or None
        return [Call(self._next_call, "POST", f"{base}/receiveMessage", headers, js.stringify(row).encode(), timeout)]

    def _called(self, called: Called) -> list[Action]:
        client, msg = self._calls.pop(called.key)
        if called.status // 100 == 2:
            client.first = False
            return self._taken(msg)
        why = called.error or f"status {called.status}"
        self._world.log("warning", f"the gateway did not take a message: {why}", room=msg.talk.room_id)
        return [self._tell.status(msg, "failed")]

    def _taken(self, msg: Msg) -> list[Action]:
        """Mia has it: by the document it is delivered and read, while the real server tells neither."""
        if self._settings.statuses == "real":
            return []
        return [After(self._settings.delivered_after, msg, "delivered")]

    def _fired(self, fired: Fired) -> list[Action]:
        owner = fired.owner
        if isinstance(owner, Msg):
            told = self._tell.status(owner, cast("str", fired.name))
            return [told, After(self._settings.read_after, owner, "read")] if fired.name == "delivered" else [told]
        if fired.name == "init":
            return self._init(self._state.clients[owner])
        gone = self._state.back(owner)
        assert gone is not None
        self._state.go(gone)
        return []

    # --- requests

    def _requested(self, asked: Requested) -> list[Action]:
        match asked.route.name:
            case "index" | "chat":
                response, actions = fastify.html(page.chat(self._state.instances)), list[Action]()
            case "live":
                response, actions = fastify.html(page.LIVE), []
            case "receive" | "identify":
                response, actions = self._system.answer(asked)
            case _:
                response, actions = fastify.ok(), []
        return [Respond(asked.call, response), *actions]

    # --- the bot and the operator

    def _acted(self, acted: Acted) -> list[Action]:
        why = self.objection(acted.talk, acted.act)
        if why is not None:
            self._world.log("warning", why)
            return []
        talk = self._state.talk(acted.talk)
        assert talk is not None
        act = acted.act
        author = talk.agent or talk.instance.name
        match act:
            case bot.Say():
                return self._tell.reply(talk, talk.ids.uuid(), act.text, TEXT, act.agent or author)
            case bot.Typing():
                state = "composing" if act.on else self._settings.paused_state
                return [self._tell.to(talk.room_id, names.STATE, {"from": author, "state": state})] if state else []
            case bot.Status():
                msg = talk.last_outgoing()
                assert msg is not None
                # What the operator says is the last word of it.
                return [Cancel(msg), self._tell.status(msg, act.status)]
            case bot.Picture() | bot.File():
                link: dict[str, Json] = {"type": act.type, "uri": act.url}
                if act.text:
                    link["title"] = act.text
                return self._tell.reply(talk, talk.ids.uuid(), link, MEDIA_LINK, author)
            case bot.Stream():
                return self._tell.reply(talk, talk.ids.uuid(), "".join(act.chunks), TEXT, author)
            case bot.HandOff():
                talk.agent = act.agent
                return []
            case bot.Leave():
                talk.agent = ""
                return []
            case bot.End():
                # finished_at is set: the next list does not have it (src/db/messages.ts getRoomMessages).
                self._state.clear(talk)
                return []
            case bot.Raw():
                args = () if act.body is None else (act.body,)
                return [Send(self._state.members(talk.room_id), Message(act.name, args))]
            case bot.Queue():
                # M.I.A. has no word for it.
                return []
            case _:  # pragma: no cover
                assert_never(act)


def _objection(instance: Instance | None, access: dict[str, Json]) -> str:
    """initInstance: why a client is not let in, or nothing."""
    if instance is None:
        return "Chat Instance Error!"
    if not instance.enabled:
        return "Instance Chat Access Denied!"
    token = instance.client_token
    same = "token" not in access if token is None else access.get("token") == token
    return "" if same else "Instance Access Denied!"

"""What the Chatbot Backend does: who comes in, which events are right, and what bots and operators do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, assert_never, cast

from pydantic import TypeAdapter, ValidationError

from simulator.backends.chatbot import analysis, door, rest
from simulator.backends.chatbot import rooms as of
from simulator.backends.chatbot.answers import Answers, Speaker, Stream
from simulator.backends.chatbot.commands import Commands
from simulator.backends.chatbot.desk import Desk
from simulator.backends.chatbot.knowledge import Index
from simulator.backends.chatbot.names import COMMANDS
from simulator.backends.chatbot.rooms import Caller, Client, Rooms
from simulator.backends.chatbot.shapes import Said
from simulator.backends.chatbot.state import Seed, Settings
from simulator.backends.chatbot.talks import Conversation, Talks
from simulator.backends.chatbot.telling import Failed, Teller
from simulator.core import bot
from simulator.core.actions import Accept, Action, Close, Heard, Refuse, Reply, Respond, Send
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
from simulator.core.message import NO_REF, Json, Message, Request
from simulator.core.world import World
from simulator.wire.socketio_packets import RESERVED
from simulator.wire.socketio_socket import INVALID_NAMESPACE

WELCOME = "Connected to AI Support WebSocket"
"""Section "Connection Events", connected."""

CODES = {
    "join-knowledge-room": "JOIN_KNOWLEDGE_ERROR",
    "join-org": "JOIN_ORG_FAILED",
    "leave-org": "JOIN_ORG_FAILED",
}
"""The document's codes for events that go wrong; INVALID_PAYLOAD, for all the others, is guessed."""

BARE = frozenset(("ping", "request-conversation-summary", "join-conversation", "request-conversation-list", "error"))
"""Events that may come without a payload."""

OPERATOR = "the bot or the operator"
"""Who types where an act says so."""

STATUSES = ("sent", "delivered", "read")

SLOWEST = 3600.0
"""Seconds between two chunks of an act."""

LAST_PLACE = 1_000_000
"""Of a queue that an act tells."""


def _flaw(act: bot.Act) -> str | None:
    """What an act lacks to mean something, or None."""
    match act:
        case bot.Status() if act.status not in STATUSES:
            return f"status: expected one of {', '.join(STATUSES)}"
        case bot.Say() if not act.text.strip():
            return "text: expected something to say"
        case bot.Stream() if not "".join(act.chunks).strip():
            return "chunks: expected something to say"
        case bot.Stream() if act.pace is not None and not 0 <= act.pace <= SLOWEST:
            return f"pace: expected seconds, at most {SLOWEST:g}"
        case bot.Say() | bot.HandOff() if act.agent is not None and not act.agent.strip():
            return "agent: expected an id, a name or an email"
        case bot.Picture() | bot.File() if not act.url.strip():
            return "url: expected the one where it lies"
        case bot.Queue() if not 1 <= act.position <= LAST_PLACE:
            return f"position: expected a place from 1 to {LAST_PLACE}"
        case bot.Raw() if not act.name or act.name in RESERVED:
            return f"name: expected that of an event, none of {', '.join(sorted(RESERVED))}"
    return None


class ChatbotRules:
    """One running backend."""

    def __init__(self, world: World) -> None:
        seed: Seed = world.seed
        self._world = world
        self._settings: Settings = world.settings
        self._door = door.Door(seed, world.settings)
        self._clients: dict[Conn, Client] = {}
        self._knocking: dict[Conn, tuple[Caller | Failed, Request]] = {}
        """Who is accepted and not open yet; who may not come in hears it when it is."""
        self._rooms = Rooms()
        self._talks = Talks(seed, world.ids)
        self._tell = Teller(world, self._rooms, seed.dashboards)
        self._desk = Desk(world, self._talks, self._rooms, self._tell)
        self._staff = self._desk.staff
        self._index = Index(seed.articles)
        self._answers = Answers(world, self._index, self._tell, self._desk)
        self._commands = Commands(world, self._talks, self._rooms, self._tell, self._desk, self._answers, self._index)
        self._validators: dict[str, Callable[[Any], Any]] = {}

    def handle(self, event: Event) -> list[Action]:
        """Work one event."""
        match event:
            case Received():
                return self._received(event)
            case Fired():
                return self._fired(event)
            case Acted():
                return self._acted(event)
            case Knocked():
                return self._knocked(event)
            case Opened():
                return self._opened(event)
            case Closed():
                return self._closed(event)
            case Requested():
                now = self._world.now()
                answer = rest.answer(event.request, self._door, self._talks, self._settings, now)
                return [Respond(event.call, answer)]
            case Malformed():
                self._world.log("warning", f"not sent: {event.error.why}")
                return []
            case Acked() | Called():  # pragma: no cover
                raise AssertionError("nothing is asked of anybody")
            case _:  # pragma: no cover
                assert_never(event)

    def talks(self) -> Collection[str]:
        """The ids of all conversations: first those that are over, and where something happened last at the end."""
        return [talk.id for talk in sorted(self._talks, key=lambda talk: (not talk.over, talk.last_activity))]

    def objection(self, talk: str, act: bot.Act) -> str | None:
        """Why this act can't be done in this talk, or None."""
        found = self._talks.get(talk)
        if found is None:
            return f"there is no conversation {talk!r}"
        if found.over:
            return f"the conversation is {found.status}"
        if isinstance(act, bot.Status) and found.last("user") is None:
            return "status: the person has said nothing yet"
        if isinstance(act, bot.Raw) and not self._rooms.conns(of.conversation(found)):
            return "raw: nobody is in the conversation"
        if isinstance(act, bot.Leave) and found.status != "agent":
            return "leave: no agent has the conversation"
        if isinstance(act, bot.Say | bot.HandOff) and act.agent and self._staff.misnamed(found.tenant_id, act.agent):
            return f"agent: {act.agent!r} is somebody of the fixtures, but no agent or admin of {found.tenant_id}"
        return _flaw(act)

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        """The conversation that a visitor's message names, else the one that he joined last; staff is no visitor."""
        client, body = self._clients.get(conn), message.args[0] if message.args else None
        if client is None or client.caller.staff:
            return None
        named = body.get("conversationId") if isinstance(body, dict) else None
        talk = self._talks.get(named) if isinstance(named, str) else client.talk
        return talk.id if talk is not None and client.caller.may_see(talk) else None

    def conns_of(self, talk: str) -> Collection[Conn]:
        """Everyone who joined it."""
        found = self._talks.get(talk)
        return () if found is None else self._rooms.conns(of.conversation(found))

    # --- the door

    def _knocked(self, knock: Knocked) -> list[Action]:
        if knock.topic != "/":
            return [Refuse(knock.conn, INVALID_NAMESPACE)]
        who: Caller | Failed
        try:
            who = self._door.admit(knock.auth, knock.request, self._world.now())
        except Failed as failed:
            self._world.log("warning", f"refused: {failed.code}: {failed.details}")
            if self._settings.auth_failure == "connect_error":
                return [Refuse(knock.conn, door.refusal(failed))]
            who = failed
        self._knocking[knock.conn] = who, knock.request
        return [Accept(knock.conn)]

    def _opened(self, opened: Opened) -> list[Action]:
        who, request = self._knocking.pop(opened.conn)
        if isinstance(who, Failed):
            return [Send((opened.conn,), Message("error", (who.body(),))), Close(opened.conn, None)]
        key = who.user_id if who.widget is None else who.widget.widgetKey
        ids = self._world.ids.nth("client", who.tenant_id, key)
        if who.widget is not None:
            # What userId an anonymous one has is not known: a new one for each connection.
            who.user_id = f"anon_{ids.token(12)}"
        client = self._clients[opened.conn] = Client(opened.conn, who, ids, request)
        body: dict[str, Json] = {"message": WELCOME, "userId": who.user_id, "tenantId": who.tenant_id}
        return self._tell.one(client, "connected", {**body, "timestamp": self._tell.now()})

    def _closed(self, closed: Closed) -> list[Action]:
        self._knocking.pop(closed.conn, None)
        client = self._clients.pop(closed.conn, None)
        if client is None:
            return []
        return [*self._answers.forsaken(client), *self._desk.leave(client)]

    # --- events

    def _received(self, received: Received) -> list[Action]:
        client, message = self._clients.get(received.conn), received.message
        if client is None:
            return []
        work = self._commands.table.get(message.name)
        if work is None:
            # Node calls nobody for an event that has no listener.
            self._world.log("warning", f"ignored: nobody listens to {message.name!r}")
            return []
        try:
            actions = work(client, self._read(message))
        except Failed as failed:
            told = self._tell.failed(client, failed)
            # The acknowledgement goes first: an ended connection takes none.
            return [*self._acknowledge(client, message, {"success": False, "error": failed.body()}), *told]
        if message.ref is not NO_REF:
            actions += self._acknowledge(client, message, {"success": True})
        return actions

    def _read(self, message: Message) -> Any:
        """The event's model. Raises Failed."""
        name = message.name
        code = CODES.get(name, "INVALID_PAYLOAD")
        body = message.args[0] if message.args else None
        if body is None and name in BARE:
            body = {}
        if name == "error" and not isinstance(body, dict):
            body = {"error": body if not isinstance(body, bytes) else None}
        if not isinstance(body, dict):
            raise Failed(code, "Invalid payload", "expected an object")
        limit = self._settings.content_limit
        for key, value in body.items():
            if isinstance(value, str) and len(value) > limit:
                raise Failed(code, "Invalid payload", f"{key[:100]}: longer than {limit} characters")
        model = COMMANDS[name]
        if self._settings.extra_fields == "reject" and (
            extra := [key for key in body if key not in model.model_fields]
        ):
            raise Failed(code, "Invalid payload", f"{extra[0][:100]}: there is no such field")
        if name == "send-message":
            talk, content = body.get("conversationId"), body.get("content")
            if type(talk) is str and type(content) is str and talk and content and talk.isascii() and content.isascii():
                # Plainly right: the model is for what may not be.
                return Said(content, talk)
        validate = self._validators.get(name)
        if validate is None:
            validate = self._validators[name] = TypeAdapter(model).validator.validate_python
        try:
            return validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            talk = body.get("conversationId")
            where = ".".join(map(str, first["loc"]))
            raise Failed(
                code, "Invalid payload", f"{where}: {first['msg']}", talk if isinstance(talk, str) else None
            ) from None

    def _acknowledge(self, client: Client, message: Message, body: dict[str, Json]) -> list[Action]:
        if not self._settings.acknowledge or message.ref is NO_REF:
            return []
        return [Reply(client.conn, message.ref, (body,))]

    def _fired(self, fired: Fired) -> list[Action]:
        owner = fired.owner
        if isinstance(owner, Stream):
            return self._answers.next(owner)
        if isinstance(owner, Conversation):
            return self._desk.fired(owner, cast("str", fired.name))
        if isinstance(owner, str):
            return self._desk.serve(owner)
        return self._answers.give(self._clients[owner], fired.name)

    # --- the bot and the operator

    def _acted(self, acted: Acted) -> list[Action]:
        act = acted.act
        why = self.objection(acted.talk, act)
        if why is not None:
            self._world.log("warning", why)
            return []
        talk = self._talks.get(acted.talk)
        assert talk is not None
        match act:
            case bot.Say():
                return self._say(talk, act.text, act.agent, acted.heard)
            case bot.Picture() | bot.File():
                return self._say(talk, f"{act.text}\n{act.url}".lstrip("\n"), None, acted.heard)
            case bot.Stream():
                return self._answers.speak(talk, act.chunks, self._speaker(talk, None, acted.heard), act.pace)
            case bot.Typing():
                sender, name, _ = self._speaker(talk, None, acted.heard)
                return self._desk.types(talk, OPERATOR, act.on, sender, name)
            case bot.Queue():
                return self._desk.position(talk, act.position)
            case bot.HandOff():
                return self._desk.take(talk, *self._staff.named(talk.tenant_id, act.agent))
            case bot.Leave():
                return self._desk.give_back(talk)
            case bot.End():
                return self._desk.end(talk, "agent_ended" if talk.status == "agent" else "resolved")
            case bot.Status():
                return self._status(talk, act.status)
            case bot.Raw():
                return [Send(self._rooms.conns(of.conversation(talk)), Message(act.name, (act.body,)))]
            case _:  # pragma: no cover
                assert_never(act)

    def _speaker(self, talk: Conversation, agent: str | None, heard: Heard | None) -> Speaker:
        """Who says what the bot says, or the operator."""
        if agent is not None:
            agent_id, name = self._staff.named(talk.tenant_id, agent)
            return "agent", name, agent_id
        asked_of_ai = heard is not None and (heard.about or {}).get("status") != "agent"
        # Nobody's words are put into the mouth of a person who came in while the AI was thinking.
        if talk.status == "agent" and not (talk.in_person and asked_of_ai):
            return "agent", talk.agent_name, talk.agent_id
        return "ai", self._staff.assistant(talk), None

    def _say(self, talk: Conversation, text: str, agent: str | None, heard: Heard | None) -> list[Action]:
        sender, name, user = self._speaker(talk, agent, heard)
        msg = self._desk.keep(talk, sender, text, name, user)
        if heard is not None and sender == "ai":
            _, msg.confidence = self._index.answer(talk.tenant_id, heard.text, "")
            msg.intent = analysis.intent(heard.text)
        return self._desk.said(talk, msg)

    def _status(self, talk: Conversation, status: str) -> list[Action]:
        """No event tells it: history and lists have it."""
        msg = talk.last("user")
        assert msg is not None
        msg.delivered, msg.read = status != "sent", status == "read"
        return self._tell.changed(talk)

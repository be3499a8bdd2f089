"""What chip does: one method for each message, and tables that say which is which."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never, cast

from pydantic import TypeAdapter, ValidationError

from simulator.backends.chip import gohttp, gotime
from simulator.backends.chip.chats import ROW, Client, Contact, Msg, Outbox, pick, weight
from simulator.backends.chip.courier import Courier
from simulator.backends.chip.desk import Desk
from simulator.backends.chip.messages import COMMANDS, StartChat
from simulator.backends.chip.state import BLANKS, Agent, Settings, State, path_flaw
from simulator.core import bot
from simulator.core.actions import Accept, Action, After, Began, Heard, Refuse, Respond, Send
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
from simulator.core.expected import first_wrong
from simulator.core.message import Json, Message
from simulator.core.world import World

if TYPE_CHECKING:
    from simulator.backends.chip.messages import AckChat, GetHistory, SendMsg, SetEmail

COMMAND_TIME = 10.0
"""Seconds (web/client.go onCommand): a start_chat whose Courier took longer finds no contact any more."""

_Work: TypeAlias = Callable[[Client, Contact, Message], list[Action]]
"""What is done about a command once there is a chat. Raises ValidationError."""


class ChipRules:
    """One running chip."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._state = State(world.seed, world.ids)
        self._clients = self._state.clients
        # What every message asks for: a field of a pydantic model costs ten times one of our own.
        settings = self._settings
        self._zone = settings.zone()
        self._courier_url = settings.courier_url
        self._outbox_interval = settings.outbox_interval
        self._kept_messages = settings.kept_messages
        self._grain = 10 ** (9 - settings.time_digits)
        self._storage_url = settings.storage_url
        self._talks = self._state.talks
        self._sockets = self._state.sockets
        self._commands: dict[str, _Work] = {
            "send_msg": self._send_msg,
            "ack_chat": self._ack_chat,
            "get_history": self._get_history,
            "set_email": self._set_email,
            "start_chat": self._start_again,
        }
        self._validators: dict[str, Callable[[Any], Any]] = {}
        self._courier = Courier(world, self._state, settings, self._queue)
        self._desk = Desk(world, self._state, self._say)

    def handle(self, event: Event) -> list[Action]:
        """Work one event."""
        if type(event) is Received:
            client = self._clients[event.conn]
            message = event.message
            contact = client.contact
            work = self._commands.get(message.name)
            if work is None or contact is None:
                return self._without_chat(client, message)
            try:
                return work(client, contact, message)
            except ValidationError as error:
                return self._flawed(client, message.name, error)
        if type(event) is Acted:
            found, act = self._talks.get(event.talk), event.act
            if type(act) is bot.Say and act.agent is None and found is not None and not found[1].agent:
                # Nearly always; nothing can be wrong with it.
                return self._say(found[2], found[1], act.text, None)
            return self._desk.acted(event)
        match event:
            case Fired():
                assert isinstance(event.owner, Outbox)
                return self._look(event.owner)
            case Requested():
                return self._requested(event)
            case Knocked():
                return self._knocked(event)
            case Opened():
                # The server says nothing until it is spoken to (web/client.go NewClient).
                client = self._state.clients[event.conn]
                client.ids = self._world.ids.nth("GET", f"/wc/connect/{client.channel.uuid}")
                return []
            case Closed():
                return self._closed(event)
            case Called():
                return self._courier.called(event)
            case Malformed():
                self._ignored(self._state.clients[event.conn], event.error.why)
                return []
            case Acked():  # pragma: no cover
                raise AssertionError("chip never asks for an acknowledgement of the wire")
            case _:  # pragma: no cover
                assert_never(event)

    def talks(self) -> Collection[str]:
        """Chats as `<channel uuid>/<chat id>`; the chat id alone is understood as well."""
        return [f"{contact.channel.uuid}/{contact.chat_id}" for contact in self._state.contacts()]

    def objection(self, talk: str, act: bot.Act) -> str | None:
        """Why this act can't be done in this talk, or None."""
        found = self._state.talk(talk)
        return f"there is no chat {talk!r}" if found is None else self._state.objection(found[1], act)

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        """The chat of that socket, None before one was started."""
        client = self._state.clients.get(conn)
        return client.talk or None if client is not None else None

    def conns_of(self, talk: str) -> Collection[Conn]:
        """Everyone in that chat."""
        found = self._state.talk(talk)
        if found is None:
            return ()
        _, contact = found
        return [client.conn for client in self._state.sockets.get(contact.chat_id, ())]

    # --- the door

    def _knocked(self, knock: Knocked) -> list[Action]:
        request = knock.request
        channel = self._state.channel(request.path)
        if channel is None:
            return [Refuse(knock.conn, gohttp.json(400, {"error": "no such channel"}))]
        self._state.clients[knock.conn] = Client(knock.conn, channel, self._world.ids)
        return [Accept(knock.conn)]

    def _closed(self, closed: Closed) -> list[Action]:
        client = self._state.clients.pop(closed.conn)
        if client.outbox is not None:
            # Any socket that goes makes the chat wait, even when others are still there (web/client.go onClose).
            client.outbox.ready = False
            self._state.leave(client)
        return []

    # --- commands

    def _without_chat(self, client: Client, message: Message) -> list[Action]:
        if message.name not in COMMANDS:
            self._ignored(client, f"unknown command type {message.name!r}")
            return []
        try:
            command = self._checked(message)
        except ValidationError as error:
            return self._flawed(client, message.name, error)
        if isinstance(command, StartChat):
            return self._start_chat(client, command)
        self._ignored(client, message.name, "no chat started on this socket, send start_chat first")
        return []

    def _checked(self, message: Message) -> Any:
        """The command as its model has it: a validator is built when the first one comes. Raises ValidationError."""
        name = message.name
        validate = self._validators.get(name)
        if validate is None:
            validate = self._validators[name] = TypeAdapter(COMMANDS[name]).validator.validate_python
        return validate(message.args[0])

    def _flawed(self, client: Client, name: str, error: ValidationError) -> list[Action]:
        self._ignored(client, name, first_wrong(error))
        return []

    def _start_again(self, client: Client, contact: Contact, message: Message) -> list[Action]:
        self._checked(message)
        self._ignored(client, "start_chat", "this socket has already started a chat")
        return []

    def _start_chat(self, client: Client, command: StartChat) -> list[Action]:
        given = command.chat_id or ""
        contact = None
        if given:
            # The lookup trims, the outbox keeps what was sent (service.go StartChat, SetReady).
            path = given.strip(BLANKS)
            flaw = path_flaw(path)
            if flaw is not None:
                self._ignored(client, "start_chat", f"chat_id {given!r}: {flaw}")
                return []
            contact = self._state.contact(client.channel.org, path)
        if contact is not None:
            return self._started(client, contact, given, new=False)
        chat_id = client.ids.token(24)
        asked = self._world.now()
        return self._courier.tell(
            client, chat_id, {"type": "chat_started"}, lambda: self._new_chat(client, chat_id, asked)
        )

    def _new_chat(self, client: Client, chat_id: str, asked: float) -> list[Action]:
        if self._world.now() - asked > COMMAND_TIME:
            self._ignored(client, "start_chat", f"Courier took longer than {COMMAND_TIME:g} s")
            return []
        contact = self._state.new_contact(client, chat_id, self._settings)
        return self._started(client, contact, chat_id, new=True)

    def _started(self, client: Client, contact: Contact, key: str, *, new: bool) -> list[Action]:
        if client.conn not in self._state.clients:
            return []
        self._state.join(client, contact)
        body: dict[str, Json] = {"chat_id": contact.chat_id}
        if not new:
            body["email"] = contact.email
        self._world.log("info", "chat started" if new else "chat resumed", chat_id=contact.chat_id)
        event = Message("chat_started" if new else "chat_resumed", (body,))
        outbox = self._state.outbox(client.channel.uuid, contact.chat_id)
        if key == contact.chat_id:
            outbox.ready = True
        began = Began(client.talk, client.conn, again=not new)
        return [Send(client.conns, event), *self._look_later(outbox), began]

    def _send_msg(self, client: Client, contact: Contact, message: Message) -> list[Action]:
        body: Any = message.args[0]
        text = body.get("text")
        # The model knows what is wrong; what nearly everybody sends is plainly right.
        if type(text) is not str or not text:
            text = cast("SendMsg", self._checked(message)).text
        # Bots see no fields that the server does not know.
        said = message if len(body) == 1 else Message("send_msg", ({"text": text},))
        if self._courier_url is None:
            return self._new_msg(client, contact, text, said)
        return self._courier.tell(
            client,
            contact.chat_id,
            {"type": "msg_in", "msg": {"text": text}},
            lambda: self._new_msg(client, contact, text, said),
        )

    def _new_msg(self, client: Client, contact: Contact, text: str, said: Message) -> list[Action]:
        created = round(self._world.now() * 1_000_000)
        size = ROW + len(text)
        if contact.room.left < size:
            self._state.has_room(size, contact)
        contact.add(Msg(created, contact.new_id(), False, text, size))
        return [Heard(client.talk, text, said)]

    def _ack_chat(self, client: Client, contact: Contact, message: Message) -> list[Action]:
        body: Any = message.args[0]
        msg_id = body.get("msg_id")
        if type(msg_id) is not int or not (0 < msg_id < 1 << 63):
            msg_id = cast("AckChat", self._checked(message)).msg_id
        if self._courier_url is None:
            return self._delivered(client, msg_id)
        status: dict[str, Json] = {"msg_id": msg_id, "status": "delivered"}
        return self._courier.tell(
            client,
            contact.chat_id,
            {"type": "msg_status", "status": status},
            lambda: self._delivered(client, msg_id),
        )

    def _delivered(self, client: Client, msg_id: int) -> list[Action]:
        outbox = client.outbox
        assert outbox is not None
        if not outbox.items or outbox.items[0][0] != msg_id:
            expected = f"expected {outbox.items[0][0]}" if outbox.items else "nothing is waiting"
            self._ignored(client, "ack_chat", f"msg_id {msg_id}: {expected}")
            return []
        outbox.pop()
        outbox.ready = True
        return self._look_later(outbox) if outbox.items else []

    def _get_history(self, client: Client, contact: Contact, message: Message) -> list[Action]:
        body: Any = message.args[0]
        before = body.get("before")
        instant = gotime.usual(before) if type(before) is str else None
        if instant is None:
            instant = cast("GetHistory", self._checked(message)).before
        items: list[Json] = []
        for msg in contact.before(instant):
            agent = self._state.agent(msg.user) if msg.user else None
            if msg.user and agent is None:
                # One user who can't be loaded loses the whole event (web/client.go, GetHistory).
                self._ignored(client, "get_history", f"user {msg.user} of message {msg.id} is not active")
                return []
            items.append(msg.item(agent, gotime.nano(msg.created * 1000), self._storage_url))
        if items and self._settings.history_order == "oldest":
            items.reverse()
        return [Send(client.conns, Message("history", ({"history": items},)))]

    def _set_email(self, client: Client, contact: Contact, message: Message) -> list[Action]:
        command = cast("SetEmail", self._checked(message))
        if len(command.email) > self._settings.email_limit or "\0" in command.email:
            self._ignored(client, "set_email", f"above {self._settings.email_limit} characters, or with a NUL")
            return []
        contact.email = command.email
        return []

    # --- the outbox

    def _queue(self, outbox: Outbox, contact: Contact, msg: Msg, agent: Agent | None) -> list[Action] | None:
        """Queue a message to a contact; None when its outbox is full."""
        if len(outbox.items) >= self._kept_messages:
            return None
        # It is kept twice, in the outbox and in the history: where others go for it, for both.
        room = outbox.room
        if room.left < 2 * msg.size and not self._state.has_room(2 * msg.size, contact) and room.left < msg.size:
            return None
        # The live time is the server's clock when the send request came, not the row's created_on (web/server.go).
        nanos = msg.created * 1000 + msg.id * 7919 % 1000
        nanos -= nanos % self._grain
        outbox.put(msg, msg.item(agent, gotime.nano(nanos, self._zone), self._storage_url))
        contact.add(msg)
        return self._look_later(outbox)

    def _look_later(self, outbox: Outbox) -> list[Action]:
        if outbox.armed or not outbox.ready or not outbox.items:
            return []
        if self._outbox_interval:
            outbox.armed = True
            return [After(self._outbox_interval, outbox, "look")]
        return self._release(outbox)

    def _look(self, outbox: Outbox) -> list[Action]:
        outbox.armed = False
        return self._release(outbox) if outbox.ready and outbox.items else []

    def _release(self, outbox: Outbox) -> list[Action]:
        outbox.ready = False
        sockets = self._sockets.get(outbox.chat_id)
        # The real key is `<chat id>@<channel>`, cut at every @: a chat id with an address in it is never found again
        # (core/queue/outboxes.go decodeOutbox).
        if not sockets or "@" in outbox.chat_id:
            return []
        chosen = sockets[0] if len(sockets) == 1 else pick(sockets)
        return [Send(chosen.conns, Message("chat_out", (outbox.items[0][1],)))]

    # --- HTTP

    def _requested(self, asked: Requested) -> list[Action]:
        if asked.route.name == "index":
            return [Respond(asked.call, gohttp.json(200, {"version": self._settings.version}))]
        channel = self._state.channel(asked.request.path)
        if channel is None:
            return [Respond(asked.call, gohttp.json(400, {"error": "no such channel"}))]
        status, answer, actions = self._courier.sends(channel, asked.request.body)
        return [Respond(asked.call, gohttp.json(status, answer)), *actions]

    # --- the bot and the operator

    def _say(
        self, outbox: Outbox, contact: Contact, text: str, agent: Agent | None, attachments: tuple[str, ...] = ()
    ) -> list[Action]:
        origin, user = ("chat", agent.id) if agent is not None else ("flow", 0)
        size = weight(text, attachments) if attachments else ROW + len(text)
        created = round(self._world.now() * 1_000_000)
        msg = Msg(created, contact.new_id(), True, text, size, attachments, origin, user)
        actions = self._queue(outbox, contact, msg, agent)
        if actions is None:
            self._world.log(
                "warning", "the outbox is full (kept_messages), the answer is lost", chat_id=contact.chat_id
            )
            return []
        return actions

    def _ignored(self, client: Client, what: str, why: str = "") -> None:
        """The real server answers nothing; our operator reads why."""
        chat_id = client.contact.chat_id if client.contact is not None else ""
        self._world.log("warning", f"ignored: {what}{': ' if why else ''}{why}", chat_id=chat_id)

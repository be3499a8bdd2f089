"""What concierge does: one method for each route, tables that say which is which, and the pushes that follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, TypeAlias, assert_never, cast
from urllib.parse import parse_qs

from msgspec import Struct
from pydantic import TypeAdapter, ValidationError

from simulator.backends.concierge import tokens
from simulator.backends.concierge.chats import Msg, Session, Socket
from simulator.backends.concierge.desk import Desk
from simulator.backends.concierge.messages import COMMANDS, Init, Nothing, OfMessage, OfSession, SendMessage
from simulator.backends.concierge.state import Settings, State
from simulator.backends.concierge.views import TENANT, Views
from simulator.backends.concierge.web import Web
from simulator.core import bot
from simulator.core.actions import Accept, Action, After, Began, Cancel, Close, Heard, Refuse, Reply, Send
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
from simulator.wire.gateway import (
    BROKEN,
    CONNECTION,
    FORBIDDEN,
    OWN,
    RAW,
    REQUEST,
    IntegrationError,
    gateway_id,
    refusal,
)

MOST = 2**53 - 1
"""JavaScript's Number.MAX_SAFE_INTEGER."""

_Rarer: TypeAlias = Knocked | Opened | Malformed | Acked | Closed | Requested | Fired | Acted | Called
"""All but Received."""

Done: TypeAlias = tuple[dict[str, Json], list[Action]]
"""The body of an answer with status 200, and what follows it."""


_OF_SESSION = frozenset(name for name, model in COMMANDS.items() if model is OfSession)


class Named(Struct, gc=False):
    """An OfSession that needed no model."""

    chatSessionId: str


class Refused(Exception):
    """An answer with another status than 200; the name is that of the setting `error_<name>`."""

    def __init__(self, name: str, why: str = "") -> None:
        super().__init__(why or name)
        self.name = name
        self.why = why


class ConciergeRules:
    """One running concierge."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._state = State(world.seed, world.ids)
        self._sockets = self._state.sockets
        self._sessions = self._state.sessions
        self._desk = Desk(world, self._state)
        self._web = Web(world, self._state)
        self._told = Views(world.settings, world.seed.org, push=False)
        self._validators: dict[str, Callable[[Json | bytes], Any]] = {}
        self._routes: dict[str, Callable[[Socket, Message, Any], Done]] = {
            "client/send-message": self._send_message,
            "client/ping-on-chat-session": self._ping,
            "client/init-chat-with-concierge": self._init,
            "client/get-chat-session": self._get_session,
            "client/get-chat-messages": self._get_messages,
            "client/delete-message": self._delete,
            "client/update-message-seen-at": self._mark_seen,
            "client/get-unread-msg-count": self._unread,
            "client/end-chat-with-concierge": self._end,
        }

    def handle(self, event: Event) -> list[Action]:
        """Work one event."""
        if type(event) is Received:
            # Its knock has woken everybody.
            return self._received(event)
        if self._desk.asleep:
            return [*self._desk.wake(), *self._handle(event)]
        return self._handle(event)

    def _handle(self, event: _Rarer) -> list[Action]:
        match event:
            case Acted():
                return self._desk.acted(event.talk, event.act)
            case Knocked():
                return self._knocked(event)
            case Opened():
                return self._opened(self._state.sockets[event.conn])
            case Closed():
                socket = self._state.sockets.pop(event.conn)
                if socket.id:
                    socket.party.disconnect(socket)
                return []
            case Malformed():
                return self._malformed(event)
            case Fired():
                if event.name == "expiry":
                    return [Close(event.owner, 1000, "Connection Closed Normally")]
                assert isinstance(event.owner, Session)
                return self._desk.stale(event.owner)
            case Requested():
                return self._web.requested(event)
            case Acked() | Called():  # pragma: no cover
                raise AssertionError("concierge asks for no acknowledgement and calls nobody")
            case _:  # pragma: no cover
                assert_never(event)

    def talks(self) -> Collection[str]:
        """Sessions by their UUID."""
        return [*self._state.sessions]

    def objection(self, talk: str, act: bot.Act) -> str | None:
        """Why this act can't be done in this talk, or None."""
        self._desk.overdue()
        return self._desk.objection(talk, act)

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        """The session that the message names, if it is one of this tenant."""
        socket, body = self._state.sockets.get(conn), message.args[0] if message.args else None
        named = body.get("chatSessionId") if isinstance(body, dict) else None
        session = self._state.sessions.get(named) if isinstance(named, str) else None
        known = socket is not None and session is not None and session.party is socket.party
        return session.uuid if session is not None and known else None

    def conns_of(self, talk: str) -> Collection[Conn]:
        """The sockets of its tenant."""
        session = self._state.sessions.get(talk)
        return () if session is None else [socket.conn for socket in session.party.sockets]

    # --- the door

    def _knocked(self, knock: Knocked) -> list[Action]:
        """Identity source first, then the authorizer, then $connect (fidelity/concierge.md, section 3)."""
        world, request = self._world, knock.request
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}

        def refused(status: int, why: str, message: str = "", error: str = "") -> list[Action]:
            # A browser's WebSocket says nothing of it to its page, and the body says little to anyone.
            world.log("warning", f"refused with {status}: {why}")
            ids = world.ids.child("knock", request.method, request.path, request.query, world.now())
            return [Refuse(knock.conn, refusal(status, world.now(), ids, message, error))]

        if "Auth" not in query:
            return refused(401, "there is no Auth=<token> in the URL")
        if self._settings.connect_status != 200:
            return refused(self._settings.connect_status, "so the setting connect_status says")
        try:
            tenant = tokens.tenant_of(world.seed.keys.jwt, query["Auth"], world.now())
        except tokens.Unfit as unfit:
            return refused(401, str(unfit))
        party = self._state.parties.get(tenant)
        if party is None or not party.person.active:
            why = f"the token is good, but there is no active tenant {tenant!r} in the fixtures"
            return refused(
                403,
                why,
                "User is not authorized to access this resource with an explicit deny",
                "AccessDeniedException",
            )
        if "deviceId" not in query:
            return refused(400, "there is no deviceId=<id> in the URL")
        socket = Socket(knock.conn, party, query["deviceId"], request.header("User-Agent") or "")
        self._state.sockets[knock.conn] = socket
        return [Accept(knock.conn)]

    def _opened(self, socket: Socket) -> list[Action]:
        now = self._world.now()
        socket.ids = self._world.ids.nth("connect", socket.party.person.id)
        socket.id = gateway_id(now, socket.ids, CONNECTION)
        socket.opened = socket.active = now
        socket.party.connect(socket, self._desk.now())
        actions: list[Action] = []
        if self._settings.enforce_connection_expiry:
            actions.append(After(3600.0, socket.conn, "expiry"))
        if self._settings.connect_ack == "frame":
            body = {"connection": self._told.connection(socket.party, socket.link)}
            actions.append(Reply(socket.conn, "connect", (200, cast("Json", body))))
        return actions

    def _malformed(self, malformed: Malformed) -> list[Action]:
        socket = self._state.sockets[malformed.conn]
        socket.active = self._world.now()
        error = malformed.error
        self._world.log("warning", f"the gateway itself answers: {error.why}", tenant=socket.party.person.id)
        if isinstance(error, IntegrationError) or error.frame is None:
            return [self._word(socket, BROKEN)]
        match self._settings.default_route:
            case "none":
                return [self._word(socket, FORBIDDEN)]
            case "silent":
                return []
        data = getattr(error.frame, "data", "")
        raw = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
        return [Send((socket.conn,), Message(RAW, (raw,)))]

    def _word(self, socket: Socket, word: str) -> Action:
        request = gateway_id(self._world.now(), socket.ids, REQUEST)
        return Send((socket.conn,), Message(word, ({"connectionId": socket.id, "requestId": request},), topic=OWN))

    # --- routes

    def _received(self, received: Received) -> list[Action]:
        socket, message = self._sockets[received.conn], received.message
        socket.active = self._world._now
        try:
            body, actions = self._answered(socket, message)
        except Refused as refused:
            status, text = self._settings.error(refused.name, refused.why)
            if refused.name == "route" and self._settings.unknown_route != "404":
                text = f"{self._settings.unknown_route}: {text}"
            self._world.log("warning", f"{message.name}: {status} {text}", tenant=socket.party.person.id)
            if refused.name == "route" and self._settings.unknown_route == "silent":
                return []
            if refused.name == "route" and self._settings.unknown_route == "gateway_500":
                return [self._word(socket, BROKEN)]
            return [Reply(received.conn, message.ref, (status, {"message": text}))]
        route = message.ref
        if message.name == "client/get-chat-messages" and self._settings.sample_quirk:
            paginate = cast("dict[str, Json]", body["paginate"])
            route = f"{message.name}?page={paginate['page']}&limit={paginate['per_page']}"
        answer = Reply(received.conn, route, (200, body))
        return [answer, *actions] if actions else [answer]

    def _answered(self, socket: Socket, message: Message) -> Done:
        route = self._routes.get(message.name)
        if route is None:
            raise Refused("route")
        if message.name in _OF_SESSION and type(body := message.args[0]) is dict:
            named = body.get("chatSessionId")
            # The id of a session that is there is a good one, and all that such a message has.
            if type(named) is str and named in self._sessions:
                return route(socket, message, Named(named))
        validate = self._validators.get(message.name)
        if validate is None:
            validate = self._validators[message.name] = TypeAdapter(COMMANDS[message.name]).validator.validate_python
        try:
            command = validate(message.args[0])
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            why = first["msg"].removeprefix("Value error, ")
            raise Refused("invalid", f"{where}: {why}" if where else why) from None
        return route(socket, message, command)

    def _init(self, socket: Socket, message: Message, command: Init) -> Done:
        if command.newSession:
            session, gone = self._state.new_session(socket.party, self._desk.now())
            body = self._of_session(socket, session, new=True)
            self._world.log("info", "session begun", session=session.uuid)
            if gone is not None:
                # Its timer would keep it for as long as stale_after is.
                return body, [Cancel(gone), *self._begun(session, socket)]
        else:
            session = self._open(socket, command.chatSessionId or "")
            self._state.latest(session)
            # The sample of section 2 answers with the time of an earlier connection: bumped after it (guessed).
            body = self._of_session(socket, session)
        return body, self._begun(session, socket)

    def _begun(self, session: Session, socket: Socket) -> list[Action]:
        began = Began(session.uuid, socket.conn, again=bool(session.messages))
        return [*self._desk.pinged(session), *self._desk.update("init", session, TENANT, socket), began]

    def _get_session(self, socket: Socket, message: Message, command: OfSession | Named) -> Done:
        session = self._own(socket, command.chatSessionId)
        actions = [] if session.closed else self._desk.pinged(session)
        return self._of_session(socket, session), actions

    def _ping(self, socket: Socket, message: Message, command: OfSession | Named) -> Done:
        session = self._open(socket, command.chatSessionId)
        desk = self._desk
        actions = desk.pinged(session)
        if desk.tells_pings:
            actions += desk.update("tenant_ping", session, TENANT, socket)
        return self._of_session(socket, session), actions

    def _get_messages(self, socket: Socket, message: Message, command: OfSession | Named) -> Done:
        session = self._own(socket, command.chatSessionId)
        settings = self._settings
        query = parse_qs(message.topic)
        page = _positive(query.get("page"), 1)
        most = min(settings.max_limit, settings.default_limit) if settings.sample_quirk else settings.max_limit
        limit = min(_positive(query.get("limit"), settings.default_limit), most)
        rows = self._state.history(session, settings.history_scope)
        # Page 1 has the newest, each page the oldest first: the real client puts page n + 1 before page n.
        end = max(0, len(rows) - (page - 1) * limit)
        shown: list[Json] = [self._told.message(msg) for msg in rows[max(0, end - limit) : end]]
        return {"messages": shown, "paginate": {"per_page": limit, "offset": (page - 1) * limit, "page": page}}, []

    def _send_message(self, socket: Socket, message: Message, command: SendMessage) -> Done:
        session = self._open(socket, command.chatSessionId)
        metadata = command.metadata if command.metadata is not None else command.metdata
        msg = self._desk.add(session, None, command.messageContent, command.contentType, metadata)
        body: dict[str, Json] = {"chatSessionId": session.uuid, "chatMessage": self._told.message(msg)}
        heard = Heard(session.uuid, msg.content, message, socket.conn)
        return body, [*self._desk.pinged(session), *self._desk.told(msg, socket), heard]

    def _delete(self, socket: Socket, message: Message, command: OfMessage) -> Done:
        _, msg = self._message(socket, command)
        if msg.agent is not None:
            raise Refused("foreign")
        given = command.messageId
        if self._settings.message_id != "echo":
            given = str(msg.id) if self._settings.message_id == "string" else msg.id
        return {"messageId": given}, self._desk.unsend(msg, socket)

    def _mark_seen(self, socket: Socket, message: Message, command: OfMessage) -> Done:
        session, msg = self._message(socket, command)
        if msg.agent is None:
            raise Refused("foreign")
        self._desk.see(msg)
        return {"chatSessionId": session.uuid, "chatMessage": self._told.message(msg)}, []

    def _unread(self, socket: Socket, message: Message, command: Nothing) -> Done:
        return {"unreadMsgCount": self._told.number(self._state.unread(socket.party))}, []

    def _end(self, socket: Socket, message: Message, command: OfSession | Named) -> Done:
        session = self._own(socket, command.chatSessionId)
        actions = [] if session.closed else self._desk.close(session, TENANT, socket)
        return {"chatSessionId": session.uuid, "chatSession": self._told.session(session)}, actions

    # --- what they share

    def _own(self, socket: Socket, uuid: str) -> Session:
        session = self._sessions.get(uuid)
        if session is None:
            raise Refused("session")
        if session.party is not socket.party:
            raise Refused("foreign")
        return session

    def _open(self, socket: Socket, uuid: str) -> Session:
        session = self._sessions.get(uuid)
        if session is None or session.party is not socket.party:
            return self._own(socket, uuid)
        if session.closed:
            raise Refused("closed")
        return session

    def _message(self, socket: Socket, command: OfMessage) -> tuple[Session, Msg]:
        session = self._own(socket, command.chatSessionId)
        wanted = int(command.messageId)
        # The newest first: these are marked and unsent.
        msg = next((msg for msg in reversed(session.messages) if msg.id == wanted and not msg.deleted), None)
        if msg is None:
            raise Refused("message")
        return session, msg

    def _of_session(self, socket: Socket, session: Session, *, new: bool = False) -> dict[str, Json]:
        told, party = self._told, socket.party
        # What is a dict of Json is Json: a call to say so would be a tenth of the answer.
        body: dict[str, Any] = {
            "chatSessionId": session.uuid,
            "chatSession": told.session(session),
            "connection": told.connection(party, party.links[socket.device]),
            "tenant": told.tenant(party, new=new),
        }
        return body


def _positive(values: list[str] | None, default: int) -> int:
    """A number from 1 on out of a query, MOST where it is above; what is none gives the default."""
    digits = (values[-1] if values else "").lstrip("0")
    if not re.fullmatch(r"\d+", digits, re.ASCII):
        return default
    return min(int(digits[:17]), MOST)

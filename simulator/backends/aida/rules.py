"""What AIDA does: one method for each message, and tables that say which is which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, assert_never

import orjson
from pydantic import TypeAdapter, ValidationError

from simulator.backends.aida import pages
from simulator.backends.aida.frontdesk import Chat
from simulator.backends.aida.manifest import ScheduledMessage, ScheduledMessages
from simulator.backends.aida.messages import COMMANDS, DeleteSession, PutData, UtbImg, UtbMsg
from simulator.backends.aida.state import FORWARD, BotSeed, Client, Session, Settings, State
from simulator.core import bot
from simulator.core.actions import (
    Accept,
    Action,
    After,
    Began,
    Call,
    Cancel,
    Close,
    Ended,
    Heard,
    Refuse,
    Reply,
    Respond,
    Send,
)
from simulator.core.errors import Unmatched
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


@cache
def _validator(name: str) -> Callable[[Json | bytes], Any]:
    return TypeAdapter(COMMANDS[name]).validator.validate_python


def _scheduled(found: BotSeed, kind: str) -> list[tuple[str, int, ScheduledMessage]]:
    """A bot's messages of that kind, with their skill and place."""
    return [
        (skill.id, index, message)
        for skill in found.manifest.skills
        if isinstance(skill, ScheduledMessages) and skill.schedule_type == kind
        for index, message in enumerate(skill.messages)
    ]


_TOO_MUCH = "the session's data are above session_data_limit"
_OK: tuple[Json, ...] = ("ok", {})


class Crash(Exception):
    """A channel's process that ends on a message it has no answer to; says why."""


class AidaRules:
    """One running AIDA."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._state = State(world.seed, world.now(), world.objects)
        self._pages = pages.Pages(world, self._state)
        self._calls = 0
        self._announced: set[str] = set()
        self._commands: Mapping[str, Callable[[Client, Received, Any], list[Action]]] = {
            "utb_msg": self._utb_msg,
            "utb_img": self._utb_img,
            "put_data": self._put_data,
            "delete_session": self._delete_session,
        }

    def handle(self, event: Event) -> list[Action]:
        """Work one event."""
        if type(event) is Received:
            usual = self._usual(event) if event.message.name == "put_data" else None
            return self._received(event) if usual is None else usual
        match event:
            case Acted():
                return self._acted(event)
            case Requested():
                return self._requested(event)
            case Knocked():
                # The socket itself is open to all (lib/aida_web/channels/user_socket.ex connect).
                return self._join(event) if event.topic else [Accept(event.conn)]
            case Closed():
                self._state.clients.pop(event.conn, None)
                return []
            case Fired():
                return self._remind(event)
            case Malformed(error=Unmatched() as error):
                self._world.log("warning", f"{error.message.name} is {error.why}", topic=error.message.topic)
                return []
            case Malformed():
                self._world.log("warning", f"the socket is closed: {event.error.why}")
                return []
            case Called():
                if event.status != 200:
                    self._world.log("warning", f"a forwarded message was not taken: {event.error or event.status}")
                return []
            case Opened():
                return []
            case Acked():  # pragma: no cover
                raise AssertionError("AIDA asks for no acknowledgement of the wire")
            case _:  # pragma: no cover
                assert_never(event)

    def talks(self) -> Collection[str]:
        """Sessions by their ids."""
        return self._state.sessions.keys()

    def objection(self, talk: str, act: bot.Act) -> str | None:
        """Why this act can't be done in this talk, or None."""
        if self._state.session(talk) is None:
            return f"there is no session {talk!r}"
        return None

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        """The session that the message names."""
        payload = message.args[0] if message.args else None
        named = payload.get("session") if isinstance(payload, dict) else None
        session = self._state.session(named) if isinstance(named, str) else None
        return None if session is None else session.id

    def conns_of(self, talk: str) -> Collection[Conn]:
        """Everyone who joined the session's bot: AIDA broadcasts."""
        session = self._state.session(talk)
        return () if session is None else self._state.joined(session.bot)

    # --- the door of a channel (bot_channel.ex join)

    def _join(self, knock: Knocked) -> list[Action]:
        why = self._objects_to(knock)
        if why is not None:
            return [Refuse(knock.conn, why)]
        token = knock.auth["access_token"] if isinstance(knock.auth, dict) else None
        found = self._state.bot(knock.topic.removeprefix("bot:"))
        assert found is not None
        ids = self._world.ids.nth("join", knock.topic, token)
        self._state.clients[knock.conn] = Client(knock.conn, found, ids)
        return [Accept(knock.conn), *self._announce(found)]

    def _objects_to(self, knock: Knocked) -> Json:
        """The reason for which a join is refused, or None; in the real channel's order."""
        id = knock.topic.removeprefix("bot:")
        if not isinstance(knock.auth, dict) or "access_token" not in knock.auth:
            self._world.log("warning", 'join crashed: expected {"access_token": ...}', topic=knock.topic)
            return {"reason": "join crashed"}
        token = knock.auth["access_token"]
        found = self._state.bot(id)
        if not pages.is_id(id):
            self._world.log("warning", "join crashed: the bot's id is no UUID", topic=knock.topic)
            return {"reason": "join crashed"}
        if found is None:
            self._world.log("warning", "unauthorized: there is no such bot", topic=knock.topic)
            return {"reason": "unauthorized"}
        known = [channel.access_token for channel in found.manifest.channels]
        mine = self._settings.any_token or token == found.manifest.token()
        # A running bot is known by its id as it is written, one that starts by any spelling.
        if mine and found.id == id and self._state.runs(found, self._world.now()):
            return None
        if mine or token in known:
            self._world.log("info", "starting: the bot does not run yet", topic=knock.topic)
            return {"reason": "starting", "retry": True}
        self._world.log(
            "warning",
            "unauthorized: the bot has no channel with this token; --set any_token=true takes every one",
            topic=knock.topic,
        )
        return {"reason": "unauthorized"}

    # --- messages

    def _received(self, received: Received) -> list[Action]:
        client = self._state.clients[received.conn]
        message = received.message
        try:
            if message.name == "new_session":
                return self._new_session(client, received)
            return self._command(client, received)
        except Crash as crash:
            self._world.log("warning", f"{message.name}: the channel crashed: {crash}", topic=f"bot:{client.bot.id}")
            return [Close(client.conn, 1011, str(crash), whole=False)]

    def _command(self, client: Client, received: Received) -> list[Action]:
        name, payload = received.message.name, received.message.args[0]
        if (
            self._settings.accept_document_samples
            and name == "utb_msg"
            and isinstance(payload, dict)
            and "image" in payload
            and "text" not in payload
        ):
            name = "utb_img"
        work = self._commands.get(name)
        if work is None:
            raise Crash("the channel has no such message")
        try:
            command = _validator(name)(payload)
        except ValidationError as error:
            hint = ""
            if name == "utb_msg" and isinstance(payload, dict) and "image" in payload:
                hint = "; a picture is a utb_img: --set accept_document_samples=true takes the document's sample"
            raise Crash(f"{first_wrong(error)}{hint}") from None
        return work(client, received, command)

    def _new_session(self, client: Client, received: Received) -> list[Action]:
        payload = received.message.args[0]
        data = payload.get("data") if isinstance(payload, dict) else None
        session = Session(client.ids.uuid(), client.bot.id)
        self._merge(session, data if isinstance(data, dict) else {})
        self._state.add_session(session)
        self._world.log("info", "new session", session=session.id)
        answer = Reply(client.conn, received.message.ref, ("ok", {"session": session.id}))
        return [answer, Began(session.id, client.conn)]

    def _usual(self, received: Received) -> list[Action] | None:
        """What comes most: data for a session that is there, and that has room. None leaves it to the others."""
        message = received.message
        payload = message.args[0]
        if type(payload) is not dict:
            return None
        named, data = payload.get("session"), payload.get("data")
        if type(named) is not str or type(data) is not dict:
            return None
        state = self._state
        session = state.sessions.get(named)
        if session is None and (session := state.session(named)) is None:
            return None
        return [Reply(received.conn, message.ref, _OK)] if state.merge(session, data) else None

    def _put_data(self, client: Client, received: Received, command: PutData) -> list[Action]:
        # One that is there has needed no model, if it had room.
        self._known(command.session)
        raise Crash(_TOO_MUCH)

    def _delete_session(self, client: Client, received: Received, command: DeleteSession) -> list[Action]:
        self._state.delete_session(command.session)
        session = command.session.lower()
        return [Cancel(session), Reply(client.conn, received.message.ref, _OK), Ended(session)]

    def _utb_msg(self, client: Client, received: Received, command: UtbMsg) -> list[Action]:
        session = self._known(command.session)
        if not command.text.strip():
            raise Crash("text: the log takes no empty content")
        message = Message("utb_msg", ({"session": command.session, "text": command.text},))
        heard = Heard(session.id, command.text, message, client.conn, session)
        if FORWARD in session and command.text != "##SESSION":
            return [heard, *self._forward(client, session, command.text)]
        return [heard, *self._schedule(session)]

    def _utb_img(self, client: Client, received: Received, command: UtbImg) -> list[Action]:
        session = self._known(command.session)
        image = self._state.image(command.image)
        theirs = image is not None and (image.bot, image.session) == (client.bot.id, command.session)
        if not theirs:
            self._world.log("warning", "utb_img: not an image of this session and bot", image=command.image)
        body: Json = {"session": command.session, "image": command.image if theirs else None}
        heard = Heard(session.id, "", Message("utb_img", (body,)), client.conn, session)
        return [heard, *self._schedule(session)]

    def _known(self, id: str) -> Session:
        session = self._state.session(id)
        if session is None:
            raise Crash(f"there is no session {id}")
        return session

    def _merge(self, session: Session, data: Mapping[str, Json]) -> None:
        if not self._state.merge(session, data):
            raise Crash(_TOO_MUCH)

    def _forward(self, client: Client, session: Session, text: str) -> list[Action]:
        base = client.bot.manifest.notifications_url
        if not base:
            return []
        self._calls += 1
        body = orjson.dumps({"type": "text", "direction": "uto", "content": text})
        return [Call(self._calls, "POST", f"{base}/messages/{session[FORWARD]}", (), body)]

    # --- what nobody asked for (skills/scheduled_messages.ex)

    def _schedule(self, session: Session) -> list[Action]:
        """Whoever says something is reminded anew, so many minutes after that."""
        found = self._state.bot(session.bot)
        assert found is not None
        return [
            After(message.delay * 60, session.id, (skill, index))
            for skill, index, message in _scheduled(found, "since_last_incoming_message")
        ]

    def _announce(self, found: BotSeed) -> list[Action]:
        """Arm a bot's fixed times when its first channel is joined: before, there is nobody to hear."""
        if found.id in self._announced:
            return []
        self._announced.add(found.id)
        now = self._world.now()
        return [
            After(message.at() - now, ("bot", found.id), (skill, index))
            for skill, index, message in _scheduled(found, "fixed_time")
            if message.at() > now
        ]

    def _remind(self, fired: Fired) -> list[Action]:
        if isinstance(fired.owner, str):
            session = self._state.session(fired.owner)
            sessions = [] if session is None else [session]
            kind = "since_last_incoming_message"
        else:
            assert isinstance(fired.owner, tuple)
            sessions = [session for session in self._state.sessions.values() if session.bot == fired.owner[1]]
            kind = "fixed_time"
        actions: list[Action] = []
        for session in sessions:
            found = self._state.bot(session.bot)
            assert found is not None
            chat = Chat(found.manifest, session, "")
            for skill, index, message in _scheduled(found, kind):
                if (skill, index) == fired.name and chat.language is not None and not session.quiet:
                    chat.respond(message.message)
            actions += [action for text in chat.reply for action in self._broadcast(session, text)]
        return actions

    # --- requests

    def _requested(self, asked: Requested) -> list[Action]:
        answer = self._pages.answer(asked.request, asked.route)
        actions: list[Action] = [Respond(asked.call, answer.response)]
        if answer.said is not None:
            session, text = answer.said
            actions = [*self._broadcast(session, text), *actions]
        return actions

    # --- the bot and the operator

    def _acted(self, acted: Acted) -> list[Action]:
        why = self.objection(acted.talk, acted.act)
        if why is not None:
            self._world.log("warning", why)
            return []
        session = self._state.session(acted.talk)
        assert session is not None
        act = acted.act
        match act:
            case bot.Say():
                return self._say(session, act.text, acted.heard)
            case bot.Picture() | bot.File():
                return self._say(session, f"{act.text}\n{act.url}".strip(), acted.heard)
            case bot.Stream():
                return self._say(session, "".join(act.chunks), acted.heard)
            case bot.HandOff():
                session[FORWARD] = act.agent
                return []
            case bot.Leave():
                session.pop(FORWARD, None)
                return []
            case bot.Raw():
                return [
                    Send(self._state.joined(session.bot), Message(act.name, (act.body,), topic=f"bot:{session.bot}"))
                ]
            case bot.Typing() | bot.Status() | bot.Queue() | bot.End():
                # AIDA has no word for these.
                return []
            case _:  # pragma: no cover
                assert_never(act)

    def _say(self, session: Session, text: str, heard: Heard | None) -> list[Action]:
        if not text:
            return []
        if heard is None or heard.conn not in self._state.clients:
            return self._broadcast(session, text)
        said = heard.message.args[0]
        spelled = said["session"] if isinstance(said, dict) else session.id
        return [Send((heard.conn,), Message("btu_msg", ({"text": text, "session": spelled},)))]

    def _broadcast(self, session: Session, text: str) -> list[Action]:
        """What nobody asked for goes to everyone on the bot's topic (lib/aida/channels/web_socket.ex:47)."""
        message = Message("btu_msg", ({"text": text, "session": session.id},), topic=f"bot:{session.bot}")
        return [Send(self._state.joined(session.bot), message)]

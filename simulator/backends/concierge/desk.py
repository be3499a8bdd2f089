"""What both sides of a chat can do, the pushes that tell of it, and the concierge's side itself: the acts."""

from __future__ import annotations

from typing import assert_never
from urllib.parse import unquote, urlsplit

from simulator.backends.concierge.chats import Msg, Session, Socket
from simulator.backends.concierge.state import Agent, Settings, State
from simulator.backends.concierge.views import AGENT, TENANT, Views
from simulator.core import bot
from simulator.core.actions import Action, After, Cancel, Ended, Send
from simulator.core.message import Json, Message
from simulator.core.world import World

STATUSES = ("sent", "delivered", "read", "unsent")
"""What a Status act can say."""


class Desk:
    """Changes sessions, and says what is to be pushed for it."""

    def __init__(self, world: World, state: State) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._state = state
        self._views = Views(world.settings, world.seed.org, push=True)
        updates = self._updates = frozenset(self._settings.session_update_on.replace(",", " ").split())
        self.tells_pings = "tenant_ping" in updates
        self._started = world.now()
        after = self._stale_after = self._settings.stale_after
        self.asleep = [session for session in state.sessions.values() if after and not session.closed]
        """Sessions of the fixtures whose patience is counted from the start on, but has no timer yet."""

    def now(self) -> int:
        """Unix milliseconds."""
        return round(self._world.now() * 1000)

    # --- what happens to a session; `by` is the connection of the tenant who caused it, None the other side

    def pinged(self, session: Session) -> list[Action]:
        """The tenant is there; one who is not for too long loses the session."""
        session.pinged = round(self._world._now * 1000)
        after = self._stale_after
        return [After(after, session, "stale")] if after else []

    def stale(self, session: Session) -> list[Action]:
        """The tenant was not there for too long."""
        return self.close(session, TENANT, None)

    def overdue(self) -> None:
        """Close the sessions of the fixtures for whose tenant nobody waits any more; nobody is there to be told."""
        for session in self.asleep:
            if self._world.now() >= self._started + self._settings.stale_after:
                session.closed = True

    def wake(self) -> list[Action]:
        """What the first event of all finds: rules are not told of the start itself."""
        self.overdue()
        left = self._started + self._settings.stale_after - self._world.now()
        sessions, self.asleep = self.asleep, []
        return [After(left, session, "stale") for session in sessions if not session.closed]

    def close(self, session: Session, sender: str, by: Socket | None) -> list[Action]:
        """It stays closed."""
        session.closed = True
        return [Cancel(session), *self.update("end", session, sender, by), Ended(session.uuid)]

    def add(self, session: Session, agent: Agent | None, content: str, kind: str, metadata: Json) -> Msg:
        """A new message, of an agent or of the tenant; it is delivered at once, as in all samples."""
        number, status = session.party.new_id("message"), self._settings.status_delivered
        msg = Msg(number, session, agent, content, kind, metadata, self.now(), status)
        self._state.shelf.put(msg)
        self._state.latest(session)
        return msg

    def see(self, msg: Msg) -> None:
        """The other side has seen it; the first time counts."""
        if msg.seen is None:
            msg.seen, msg.status = self.now(), self._settings.status_seen
            msg.waiting.discard(msg)

    def unsend(self, msg: Msg, by: Socket | None) -> list[Action]:
        """Take a message back."""
        if self._settings.deleted == "remove":
            self._state.shelf.drop(msg)
        else:
            self._state.shelf.hide(msg)
            msg.status = self._settings.status_unsent
        number: Json = str(msg.id) if self._settings.message_id == "string" else msg.id
        sender = TENANT if msg.agent is None else AGENT
        return self._push("chat-message-delete", "", {"messageId": number}, msg.session, sender, by)

    # --- pushes

    def told(self, msg: Msg, by: Socket | None) -> list[Action]:
        """Push a new message."""
        session = msg.session
        payload: dict[str, Json] = {"chatSessionId": session.uuid, "chatMessage": self._views.message(msg)}
        return self._push("chat-message", session.uuid, payload, session, AGENT if by is None else TENANT, by)

    def update(self, why: str, session: Session, sender: str, by: Socket | None) -> list[Action]:
        """Push how a session stands, where the setting wants it for that reason."""
        if why not in self._updates:
            return []
        payload: dict[str, Json] = {"chatSessionId": session.uuid, "chatSession": self._views.session(session)}
        return self._push("chat-session-update", session.uuid, payload, session, sender, by)

    def _push(
        self, name: str, topic: str, payload: dict[str, Json], session: Session, sender: str, by: Socket | None
    ) -> list[Action]:
        sockets = session.party.sockets
        if by is not None and self._settings.push_to_sender != "all":
            others = self._settings.push_to_sender == "other_devices"
            sockets = [socket for socket in sockets if others and socket.device != by.device]
        if not sockets:
            return []
        for socket in sockets:
            # In reality a push is a post to the connection, as any other.
            socket.active = self._world.now()
        tenant = self._views.number(session.party.person.id)
        agent = None if session.agent is None else self._views.number(session.agent.id)
        ours = sender == TENANT
        fields: dict[str, Json] = {
            "actions": [],
            "payload": payload,
            "receiverId": agent if ours else tenant,
            "receiverType": AGENT if ours else TENANT,
            "senderId": tenant if ours else agent,
            "senderType": sender,
            "socketMessageId": session.party.ids.uuid(),
        }
        return [Send([socket.conn for socket in sockets], Message(name, (fields,), topic=topic))]

    # --- the concierge's side

    def objection(self, talk: str, act: bot.Act) -> str | None:
        """Why this act can't be done in this talk, or None."""
        session = self._state.sessions.get(talk)
        if session is None:
            return f"there is no session {talk!r}"
        agent = act.agent if isinstance(act, bot.Say | bot.HandOff) else None
        if self._answering(session, agent) is None:
            return f"there is no active agent {agent or ''!r}"
        if isinstance(act, bot.Raw):
            if not isinstance(act.body, dict | None):
                return "raw: expected an object as body"
            return None if session.party.sockets else "raw: the tenant has no connection"
        if isinstance(act, bot.Status) and act.status not in STATUSES:
            return f"status: expected one of {', '.join(STATUSES)}"
        return f"session {talk} is closed" if session.closed else None

    def acted(self, talk: str, act: bot.Act) -> list[Action]:
        """The bot, or the operator, does something as BACKEND_USER."""
        why = self.objection(talk, act)
        if why is not None:
            self._world.log("warning", why)
            return []
        session = self._state.sessions[talk]
        match act:
            case bot.Say():
                return self._say(session, act.text, "TEXT", None, act.agent)
            case bot.Picture():
                return [
                    *self._aside(session, act.text),
                    *self._say(session, act.url, "IMAGE", _file(act.url, act.type)),
                ]
            case bot.File():
                kind = "VIDEO" if act.type.startswith("video/") else "FILE"
                return [*self._aside(session, act.text), *self._say(session, act.url, kind, _file(act.url, act.type))]
            case bot.Stream():
                return self._say(session, "".join(act.chunks), "TEXT")
            case bot.HandOff():
                return self._join(session, act.agent)
            case bot.Leave():
                return self._leave(session)
            case bot.Typing():
                return self._agent_ping(session)
            case bot.Status():
                return self._status(session, act.status)
            case bot.End():
                return self.close(session, AGENT, None)
            case bot.Raw():
                body = act.body if isinstance(act.body, dict) else {}
                return [Send([socket.conn for socket in session.party.sockets], Message(act.name, (body,)))]
            case bot.Queue():
                # A waiting line is nowhere in the document.
                return []
            case _:  # pragma: no cover
                assert_never(act)

    def _answering(self, session: Session, who: str | None) -> Agent | None:
        """Who speaks: the one who is named, else who has joined, else who is on duty."""
        return self._state.find_agent(who) if who is not None else session.agent or self._state.duty()

    def _join(self, session: Session, who: str | None = None) -> list[Action]:
        """An agent is in the session, and has seen all that the tenant said."""
        agent = self._answering(session, who)
        joins = session.agent is not agent
        session.agent, session.agent_pinged = agent, self.now()
        for msg in [*session.unseen]:
            self.see(msg)
        return self.update("join", session, AGENT, None) if joins else []

    def _leave(self, session: Session) -> list[Action]:
        """Nobody has joined any more; told like a join (guessed)."""
        if session.agent is None:
            return []
        session.agent = session.agent_pinged = None
        return self.update("join", session, AGENT, None)

    def _say(
        self, session: Session, content: str, kind: str, metadata: Json = None, who: str | None = None
    ) -> list[Action]:
        actions = self._join(session, who)
        return [*actions, *self.told(self.add(session, session.agent, content, kind, metadata), None)]

    def _aside(self, session: Session, text: str) -> list[Action]:
        return self._say(session, text, "TEXT") if text else []

    def _agent_ping(self, session: Session) -> list[Action]:
        """What an agent's page does while it is open: the nearest to typing that there is."""
        joined = self._join(session)
        return joined or self.update("agent_ping", session, AGENT, None)

    def _status(self, session: Session, status: str) -> list[Action]:
        """Of the tenant's last message, which history shows; `unsent` takes the agent's own last one back."""
        mine = status != "unsent"
        rows = [msg for msg in session.messages if not msg.deleted and (msg.agent is None) is mine]
        if not rows:
            return []
        if not mine:
            return self.unsend(rows[-1], None)
        if status == "read":
            self.see(rows[-1])
        else:
            sent = status == "sent"
            rows[-1].seen = None
            rows[-1].waiting.add(rows[-1])
            rows[-1].status = self._settings.status_sent if sent else self._settings.status_delivered
        return []


def _file(url: str, kind: str) -> Json:
    """What the real client wants to know of a file: it shows `metadata.file.name`, and fails without."""
    try:
        name = unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError:
        name = ""
    return {"file": {"name": name or "file", "type": kind}}

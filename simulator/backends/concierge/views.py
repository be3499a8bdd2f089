"""How rows look on the wire, under the settings of what the document says in two ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orjson import Fragment

from simulator.backends.concierge.chats import HOUR, Link, Msg, Party, Session
from simulator.core.message import Json
from simulator.wire.gateway import written

if TYPE_CHECKING:
    from simulator.backends.concierge.state import Person, Settings

_TYPES = {"TEXT": 1, "IMAGE": 2, "FILE": 3, "VIDEO": 3}
"""`type` of the push interface; which is which is guessed."""

TENANT, AGENT = "TENANT", "BACKEND_USER"


class Views:
    """Rows as they are told, in an answer or in a push."""

    __slots__ = ("_org", "_profile", "_push", "_settings", "_short", "_spell", "_typed")

    def __init__(self, settings: Settings, org: int, *, push: bool) -> None:
        self._settings = settings
        self._push = push
        # How a bigint is spelled: int makes of a number itself.
        self._spell: Callable[[int], Json] = int if (settings.push_ids if push else settings.ids) == "number" else str
        self._typed = settings.message_type_field in (("push", "always") if push else ("always",))
        self._org = self._spell(org)
        self._profile = settings.tenant_profile
        self._short: dict[int, Fragment] = {}
        """Of tenants, who are the fixtures': what nobody changes is not made anew each time."""

    def number(self, value: int | None) -> Json:
        """A bigint column."""
        return None if value is None else self._spell(value)

    def session(self, session: Session) -> dict[str, Json]:
        """`chatSession`."""
        agent, spell = session.agent, self._spell
        first = None if self._push else session.told
        if first is None:
            row: dict[str, Json] = {
                "id": spell(session.id),
                "orgId": self._org,
                "chatSessionId": session.uuid,
                "chatInitiatedByEntityType": TENANT,
                "chatInitiatedByEntityId": spell(session.party.person.id),
                "lastPingedByChatInitiator": spell(session.pinged),
                "chatJoinedByEntityType": None,
                "chatJoinedByEntityId": None,
                "lastPingedByChatJoiner": None,
                "isSessionClosed": session.closed,
            }
            if not self._push:
                session.told = row.copy()
        else:
            row = first.copy()
            row["lastPingedByChatInitiator"] = spell(session.pinged)
            row["isSessionClosed"] = session.closed
        if agent is not None:
            row["chatJoinedByEntityType"] = AGENT
            row["chatJoinedByEntityId"] = spell(agent.id)
        if session.agent_pinged is not None:
            row["lastPingedByChatJoiner"] = spell(session.agent_pinged)
        return row

    def connection(self, party: Party, link: Link) -> Fragment:
        """`connection`, written."""
        if link.told is not None:
            return link.told
        spell = self._spell
        row = {
            "id": spell(link.id),
            "connectionId": link.connection,
            "entityType": TENANT,
            "entityId": spell(party.person.id),
            "deviceId": link.device,
            "expiredAt": spell(link.updated + HOUR),
            "createdAt": spell(link.created),
            "updatedAt": spell(link.updated),
            "orgId": self._org,
        }
        link.told = Fragment(written(row))
        return link.told

    def tenant(self, party: Party, *, new: bool) -> Fragment:
        """`tenant`, written: with the profile where a session is new, as in the samples, or as the setting says."""
        wanted = self._profile
        whole = wanted == "full" or (wanted == "sampled" and new)
        short = None if whole else self._short.get(party.person.id)
        return self._written(party.person, whole) if short is None else short

    def _written(self, person: Person, whole: bool) -> Fragment:
        row = {
            "id": self.number(person.id),
            "email": person.email,
            "countryId": self.number(person.countryId),
            "code": person.code,
            "phoneNumber": person.phoneNumber,
        }
        if whole:
            return Fragment(written({**row, **person.profile}))
        short = self._short[person.id] = Fragment(written(row))
        return short

    def message(self, msg: Msg) -> dict[str, Json]:
        """`chatMessage`."""
        session, agent = msg.session, msg.agent
        typed: dict[str, Json] = {"type": _TYPES[msg.kind]} if self._typed else {}
        keys = {"metadata": ("metadata",), "metdata": ("metdata",), "both": ("metadata", "metdata")}
        return {
            "id": self.number(msg.id),
            **typed,
            "orgId": self._org,
            "chatSessionId": session.uuid,
            "senderEntityType": TENANT if agent is None else AGENT,
            "senderEntityId": self.number(session.party.person.id if agent is None else agent.id),
            "messageContent": msg.content,
            "sentAt": self.number(msg.sent),
            "status": msg.status,
            "seenAt": self.number(msg.seen),
            "deliveredAt": self.number(msg.sent),
            "contentType": msg.kind,
            **dict.fromkeys(keys[self._settings.metadata_key], msg.metadata),
        }

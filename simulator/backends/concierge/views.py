"""How rows look on the wire, under the settings of what the document says in two ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.backends.concierge.chats import HOUR, Link, Msg, Party, Session
from simulator.core.message import Json

if TYPE_CHECKING:
    from simulator.backends.concierge.state import Settings

_TYPES = {"TEXT": 1, "IMAGE": 2, "FILE": 3, "VIDEO": 3}
"""`type` of the push interface; which is which is guessed."""

TENANT, AGENT = "TENANT", "BACKEND_USER"


class Views:
    """Rows as they are told, in an answer or in a push."""

    __slots__ = ("_numbers", "_settings", "_typed", "org")

    def __init__(self, settings: Settings, org: int, *, push: bool) -> None:
        self._settings = settings
        self._numbers = (settings.push_ids if push else settings.ids) == "number"
        self._typed = settings.message_type_field in (("push", "always") if push else ("always",))
        self.org = org

    def number(self, value: int | None) -> Json:
        """A bigint column."""
        return value if value is None or self._numbers else str(value)

    def session(self, session: Session) -> dict[str, Json]:
        """`chatSession`."""
        agent = session.agent
        return {
            "id": self.number(session.id),
            "orgId": self.number(self.org),
            "chatSessionId": session.uuid,
            "chatInitiatedByEntityType": TENANT,
            "chatInitiatedByEntityId": self.number(session.party.person.id),
            "lastPingedByChatInitiator": self.number(session.pinged),
            "chatJoinedByEntityType": None if agent is None else AGENT,
            "chatJoinedByEntityId": None if agent is None else self.number(agent.id),
            "lastPingedByChatJoiner": self.number(session.agent_pinged),
            "isSessionClosed": session.closed,
        }

    def connection(self, party: Party, link: Link) -> dict[str, Json]:
        """`connection`."""
        return {
            "id": self.number(link.id),
            "connectionId": link.connection,
            "entityType": TENANT,
            "entityId": self.number(party.person.id),
            "deviceId": link.device,
            "expiredAt": self.number(link.updated + HOUR),
            "createdAt": self.number(link.created),
            "updatedAt": self.number(link.updated),
            "orgId": self.number(self.org),
        }

    def tenant(self, party: Party, *, new: bool) -> dict[str, Json]:
        """`tenant`: with the profile where a session is new, as the samples have it, or as the setting says."""
        person = party.person
        short: dict[str, Json] = {
            "id": self.number(person.id),
            "email": person.email,
            "countryId": self.number(person.countryId),
            "code": person.code,
            "phoneNumber": person.phoneNumber,
        }
        wanted = self._settings.tenant_profile
        return {**short, **person.profile} if wanted == "full" or (wanted == "sampled" and new) else short

    def message(self, msg: Msg) -> dict[str, Json]:
        """`chatMessage`."""
        session, agent = msg.session, msg.agent
        typed: dict[str, Json] = {"type": _TYPES[msg.kind]} if self._typed else {}
        keys = {"metadata": ("metadata",), "metdata": ("metdata",), "both": ("metadata", "metdata")}
        return {
            "id": self.number(msg.id),
            **typed,
            "orgId": self.number(self.org),
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

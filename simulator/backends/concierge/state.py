"""What concierge remembers, and what of it can be set: tenants, agents, sessions, keys, and the 21 open questions."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from simulator.backends.concierge.chats import Msg, Party, Session, Shelf, Socket
from simulator.backends.concierge.messages import ContentType, OwnerProfile, Property, ResidentProfile, shallow
from simulator.core.events import Conn
from simulator.core.flaw import column, flaw, unique
from simulator.core.ids import Ids
from simulator.core.message import Json

UPDATES = ("join", "end", "init", "agent_ping", "tenant_ping")
"""When a chat-session-update can be sent."""

_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def _status(text: str) -> str:
    if not re.fullmatch(r"[1-5]\d\d \S.*", text):
        raise ValueError("expected a status and a text, such as 404 Chat session not found")
    return text


def _uuid(text: str) -> str:
    if not re.fullmatch(_UUID, text):
        raise ValueError("expected a UUID in lower case")
    return text


def _number(value: object) -> object:
    """`--set` gives texts."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value


def _endpoint(text: str | None) -> str | None:
    try:
        split = urlsplit(text or "https://s3.example.com")
        fine = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
    except ValueError:
        fine = False
    if not fine or re.search(r"[\s?#]", text or ""):
        raise ValueError("expected a URL such as https://s3.example.com or http://localhost:8090")
    return text


def _updates(text: object) -> str:
    # `--set session_update_on=` says nothing, and means it.
    text = ",".join(map(str, text)) if isinstance(text, list) else text or ""
    if not isinstance(text, str):
        raise ValueError("expected a text or a list")
    if not {*text.replace(",", " ").split()} <= {*UPDATES}:
        raise ValueError(f"expected some of {', '.join(UPDATES)}, or nothing")
    return text


Status = Annotated[str, AfterValidator(_status)]
"""Status and text of an error's answer."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)


class Settings(_Model):
    """What `settings:` in the fixtures and `--set key=value` change. A1 to A21 are the document's open questions."""

    ids: Literal["string", "number"] = Field("string", description="A1, A16: ids, times and counts in answers")
    push_ids: Literal["string", "number"] = Field("string", description="A1: ids and times in pushes")
    metadata_key: Literal["metadata", "metdata", "both"] = Field(
        "metadata", description="A2: the key that is sent; both are read"
    )
    message_id: Literal["echo", "number", "string"] = Field(
        "echo", description="A3: messageId in delete-message; echo keeps the type that came, and pushes a number"
    )
    default_limit: int = Field(20, ge=1, description="A4: messages on a page when the route names no limit")
    max_limit: int = Field(100, ge=1, description="A4: messages on a page at most")
    sample_quirk: bool = Field(
        False, description="A4: no page is longer than default_limit, and the channel says so: limit=50 is answered 20"
    )
    history_scope: Literal["session", "tenant"] = Field(
        "session", description="A5: history of the session, or of all sessions of its tenant"
    )
    message_type_field: Literal["never", "push", "always"] = Field(
        "push", description="A6: where a message has its type 1, 2 or 3"
    )
    status_unsent: int = Field(0, description="A7: status of an unsent message")
    status_sent: int = Field(2, description="A7: status of a message that is not delivered")
    status_delivered: int = Field(3, description="A7: status of a new message")
    status_seen: int = Field(4, description="A7: status of a message that was seen")
    tenant_profile: Literal["sampled", "full", "short"] = Field(
        "sampled", description="A8: the tenant with its profile: for a new session, always, never"
    )
    connect_ack: Literal["none", "frame"] = Field("none", description="A9: whether a frame follows the 101")
    push_to_sender: Literal["all", "other_devices", "none"] = Field(
        "all", description="A10: which connections of the tenant get the pushes that the tenant caused"
    )
    session_update_on: Annotated[str, BeforeValidator(_updates)] = Field(
        "join,end,init,agent_ping", description=f"A11: when chat-session-update is sent: some of {', '.join(UPDATES)}"
    )
    error_invalid: Status = Field("400 {why}", description="A12: a missing or ill-typed field; {why} says which")
    error_foreign: Status = Field("403 Forbidden", description="A12: somebody else's session or message")
    error_session: Status = Field("404 Chat session not found", description="A12: an unknown session")
    error_message: Status = Field("404 Message not found", description="A12: an unknown message")
    error_route: Status = Field("404 Route not found", description="A12: an unknown route")
    error_closed: Status = Field(
        "409 Chat session is closed", description="A12: send, ping or continue a closed session"
    )
    unknown_route: Literal["404", "silent", "gateway_500"] = Field(
        "404", description="A13: an unknown route is answered so"
    )
    deleted: Literal["remove", "status0"] = Field(
        "remove", description="A14: unsent messages leave the history, or stay there with status_unsent"
    )
    default_route: Literal["none", "silent", "echo"] = Field(
        "none", description="A18: an unknown action: Forbidden, nothing, or the frame comes back"
    )
    enforce_connection_expiry: bool = Field(False, description="A19: whether the socket ends when expiredAt is reached")
    upload_auth: Literal["off", "optional", "required"] = Field(
        "optional", description="A20: the Bearer token of get-upload-url: not looked at, looked at when there, needed"
    )
    bot: Literal["echo", "none"] = Field("echo", description="A21: echo joins and answers, none leaves it to acts")
    bot_delay: float = Field(1.0, ge=0, description="A21: seconds until the bot answers")
    stale_after: float = Field(0.0, ge=0, description="seconds without the tenant until a session closes; 0 for never")
    connect_status: Annotated[Literal[200, 400, 401, 403, 500, 502], BeforeValidator(_number)] = Field(
        200, description="what $connect or its authorizer answers to everyone: 200 opens, the others refuse"
    )
    message_limit: int = Field(131_072, ge=1, description="bytes of a message; more closes with 1009")
    frame_limit: Literal["off", "per_message", "per_frame"] = Field(
        "off",
        description="32 KiB: not looked at, of a whole message (clients mostly send one frame), of each frame as AWS",
    )
    idle_timeout: float = Field(600.0, ge=0, description="seconds without a message either way until 1001; 0 for never")
    longest_connection: float = Field(7200.0, ge=0, description="seconds of a connection until 1001; 0 for never")
    management_auth: Literal["off", "optional", "required"] = Field(
        "optional", description="the signature at /uat/@connections: not looked at, looked at when there, needed"
    )
    token_seconds: int = Field(
        3600, ge=1, le=1_000_000_000, description="seconds that a token of authorize-tenant is good for"
    )
    upload_url: Literal["path", "virtual_host", "amazonaws"] = Field(
        "path",
        description="where uploadURL leads: /<bucket>/<key>, <bucket>.s3.<region>.localhost, or the real one's name",
    )
    public_url: Annotated[str | None, AfterValidator(_endpoint)] = Field(
        None,
        description="where clients upload to, such as http://localhost:8090, when another asks for their uploadURL",
    )
    upload_expires: int = Field(900, ge=1, le=604_800, description="seconds that an uploadURL is good for")
    upload_limit: int = Field(
        83_886_080, ge=0, le=1 << 30, description="bytes of an upload; the real client stops at 80 MiB"
    )
    anonymous_list: bool = Field(True, description="whether a missing object is 404 NoSuchKey, or 403 AccessDenied")
    cors: bool = Field(True, description="whether pages of all origins may upload, read, and ask for upload URLs")
    external_endpoint: Annotated[str | None, AfterValidator(_endpoint)] = Field(
        None, description="an S3 to upload to, such as https://s3.example.com; the simulator then only signs"
    )
    external_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,62}$")] = Field(
        "chat-uat-resources", description="the bucket there"
    )
    external_region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = Field(
        "ap-southeast-1", description="the region there"
    )
    external_access_key: str = Field("", description="the access key there")
    external_secret_key: str = Field("", description="the secret key there")
    kept_objects: int = Field(10_000, ge=1, description="uploaded objects kept; the oldest go first")
    kept_messages: int = Field(
        100_000, ge=1, description="messages kept of all tenants; the oldest of whoever has most go first"
    )
    kept_megabytes: int = Field(256, ge=1, description="millions of characters kept of them")
    kept_sessions: int = Field(1_000, ge=1, description="sessions kept of a tenant; the oldest closed one goes first")

    def error(self, name: str, why: str = "") -> tuple[int, str]:
        """Status and text of an error."""
        status, _, text = str(getattr(self, f"error_{name}")).partition(" ")
        return int(status), text.replace("{why}", why)


Id = Annotated[int, Field(gt=0, lt=2**53)]

Time = Annotated[int, Field(ge=0, lt=253_402_300_800_000)]
"""Unix milliseconds, before the year 10000."""


class Person(_Model):
    """A tenant."""

    id: Id
    email: str
    countryId: Annotated[int, BeforeValidator(_number)] = 99
    code: str = "+66"
    phoneNumber: str = ""
    active: bool = True
    residentProfile: ResidentProfile
    propertyOwnerProfile: OwnerProfile
    properties: list[Property] = []

    @property
    def profile(self) -> dict[str, Json]:
        """What a full tenant has more than a short one."""
        return self.model_dump(include={"residentProfile", "propertyOwnerProfile", "properties"})


class Agent(_Model):
    """Someone of BACKEND_USER."""

    id: Id
    name: str
    email: str
    active: bool = True


class StoredMessage(_Model):
    """A message that is already there when the server starts; times in Unix milliseconds."""

    id: Id
    agent: int | None = None
    """None: the tenant said it."""
    content: str
    kind: ContentType = "TEXT"
    metadata: Annotated[JsonValue, AfterValidator(shallow)] = None
    sent: Time
    seen: Time | None = None


class StoredSession(_Model):
    """A session that is already there when the server starts."""

    id: Id
    uuid: Annotated[str, AfterValidator(_uuid)]
    tenant: int
    pinged: Time
    agent: int | None = None
    agent_pinged: Time | None = None
    closed: bool = False
    messages: list[StoredMessage] = []


Secret = Annotated[str, Field(min_length=1)]


class Keys(_Model):
    """Secrets, all invented."""

    jwt: Secret = "not-a-secret"
    """Signs access tokens."""
    client: Secret = "client-secret"
    """`clientSecret` of authorize-tenant."""
    access_key: Annotated[str, Field(pattern=r"^\w+$")] = "AKIDEXAMPLE"
    secret_key: Secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # noqa: S105
    """Sign upload URLs, and what SDKs send."""


class Seed(_Model):
    """fixtures/concierge.yaml."""

    settings: Settings = Field(default_factory=lambda: Settings.model_validate({}))
    org: Id = 367
    keys: Keys = Field(default_factory=Keys)
    tenants: Annotated[list[Person], Field(min_length=1)]
    agents: Annotated[list[Agent], Field(min_length=1)]
    sessions: list[StoredSession] = []

    @model_validator(mode="after")
    def _consistent(self) -> Seed:
        for what, key in (("tenants", "id"), ("agents", "id"), ("sessions", "id"), ("sessions", "uuid")):
            unique(column(what, key, getattr(self, what)))
        rows = [(("sessions", i), session) for i, session in enumerate(self.sessions)]
        # One table in the database, whichever session they are of.
        said = [((*loc, "messages", i), msg) for loc, session in rows for i, msg in enumerate(session.messages)]
        unique((msg.id, (*loc, "id")) for loc, msg in said)
        tenants, agents = {person.id for person in self.tenants}, {agent.id for agent in self.agents}
        for loc, session in rows:
            if session.tenant not in tenants:
                raise flaw(f"there is no tenant {session.tenant}", *loc, "tenant")
            if session.agent is None and session.agent_pinged is not None:
                raise flaw("nobody has joined who could have pinged: name the agent, too", *loc, "agent_pinged")
        named: list[tuple[tuple[int | str, ...], int | None]]
        named = [*((loc, session.agent) for loc, session in rows), *((loc, msg.agent) for loc, msg in said)]
        for place, agent in named:
            if agent is not None and agent not in agents:
                raise flaw(f"there is no agent {agent}", *place, "agent")
        return self


class State:
    """Everything of one running concierge."""

    __slots__ = ("_kept", "agents", "parties", "sessions", "shelf", "sockets")

    def __init__(self, seed: Seed, ids: Ids) -> None:
        settings = seed.settings
        self.agents = {agent.id: agent for agent in seed.agents}
        taken = {
            "session": {stored.id for stored in seed.sessions},
            "message": {row.id for stored in seed.sessions for row in stored.messages},
        }
        self.parties = {str(who.id): Party(who, ids.child("tenant", who.id), taken) for who in seed.tenants}
        self.sockets: dict[Conn, Socket] = {}
        self.sessions: dict[str, Session] = {}
        """All of them by UUID, the one that was begun or went on last at the end."""
        self.shelf = Shelf(settings.kept_messages, settings.kept_megabytes << 20)
        self._kept = settings.kept_sessions
        for stored in seed.sessions:
            party = self.parties[str(stored.tenant)]
            session = Session(stored.id, stored.uuid, party, stored.pinged, closed=stored.closed)
            session.agent, session.agent_pinged = self._known(stored.agent), stored.agent_pinged
            self._put(session)
            for row in sorted(stored.messages, key=lambda row: (row.sent, row.id)):
                msg = Msg(row.id, session, self._known(row.agent), row.content, row.kind, row.metadata, row.sent, 0)
                msg.seen = row.seen
                msg.status = settings.status_delivered if row.seen is None else settings.status_seen
                self.shelf.put(msg)

    def _known(self, number: int | None) -> Agent | None:
        return None if number is None else self.agents[number]

    def find_agent(self, who: str) -> Agent | None:
        """An active agent by id, name or email."""
        active = [agent for agent in self.agents.values() if agent.active]
        return next((agent for agent in active if who in (str(agent.id), agent.name, agent.email)), None)

    def duty(self) -> Agent | None:
        """The agent who answers when nobody is named: the first active one."""
        return next((agent for agent in self.agents.values() if agent.active), None)

    def new_session(self, party: Party, now: int) -> tuple[Session, Session | None]:
        """Begin a session; the oldest closed one makes room, else the oldest, which is told of as well."""
        old = None
        if len(party.sessions) >= self._kept:
            old = next((session for session in party.sessions if session.closed), party.sessions[0])
            party.sessions.remove(old)
            del self.sessions[old.uuid]
            for msg in [*old.messages]:
                self.shelf.drop(msg)
        uuid = party.ids.uuid()
        while uuid in self.sessions:
            # See Party.new_id.
            uuid = party.ids.uuid()
        session = Session(party.new_id("session"), uuid, party, now)
        self._put(session)
        return session, old

    def _put(self, session: Session) -> None:
        session.party.sessions.append(session)
        self.sessions[session.uuid] = session

    def latest(self, session: Session) -> None:
        """A session goes on: it is the one that was used last."""
        self.sessions[session.uuid] = self.sessions.pop(session.uuid)

    def socket(self, connection: str) -> Socket | None:
        """The open socket with that connection id."""
        return (
            next((socket for socket in self.sockets.values() if socket.id == connection), None) if connection else None
        )

    def history(self, session: Session, scope: str) -> list[Msg]:
        """Messages, the oldest first: of the session, or of all of its tenant."""
        return session.messages if scope == "session" else session.party.all_messages()

    def unread(self, party: Party) -> int:
        """How many messages to a tenant were not seen."""
        return len(party.unread)

"""concierge: a property's live chat over Amazon API Gateway's WebSocket, its files over presigned S3 URLs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import parse_qs, quote

import orjson

from simulator.backends.concierge import bodies, store, tokens, web
from simulator.backends.concierge.desk import STATUSES
from simulator.backends.concierge.messages import COMMANDS, EVENTS, GatewayWord
from simulator.backends.concierge.rules import ConciergeRules
from simulator.backends.concierge.state import Seed, Settings
from simulator.core.actions import Heard
from simulator.core.backend import ActNote, Backend, Buffered, Route, Stored
from simulator.core.bot import Act, Bot, File, Picture, Say, SilentBot
from simulator.core.link import LinkPolicy
from simulator.core.message import NO_REF, Json, Message, Request
from simulator.core.world import World
from simulator.wire.gateway import BROKEN, FORBIDDEN, OWN, Envelope, Gateway, Onlook
from simulator.wire.single import Onlooker
from simulator.wire.single_envelope import Coded

FRAME = 32_768
"""Bytes of a frame, by AWS's quotas."""

LARGEST = 1 << 30
"""Bytes of an upload that the route lets in at most; the setting `upload_limit` says how many are taken."""

FOREVER = 4_102_444_800
"""2100-01-01: until then the token in the URL that is printed is good."""


_WITH_SESSION = ("init-chat-with-concierge", "get-chat-session", "ping-on-chat-session")
_DRAWN = (
    *("chatSessionId", "chatSession.id", "chatSession.chatSessionId", "chatSession.lastPingedByChatInitiator"),
    *("connection.id", "connection.connectionId"),
    *("connection.expiredAt", "connection.createdAt", "connection.updatedAt"),
)
_WITH_MESSAGE = ("send-message", "update-message-seen-at")
_DRAWN_OF_MESSAGE = ("id", "chatSessionId", "sentAt", "seenAt", "deliveredAt")
"""What differs from run to run."""


class EchoConcierge:
    """Gives back what it hears: a text with a word before it, a picture or a file as it is."""

    def __init__(self, delay: float) -> None:
        self._delay = delay

    def hear(self, heard: Heard) -> list[Act]:
        """One act."""
        body = heard.message.args[0]
        kind = body.get("contentType") if isinstance(body, dict) else None
        if kind == "IMAGE":
            return [Picture(heard.text, after=self._delay)]
        if kind in ("FILE", "VIDEO"):
            type_ = "video/mp4" if kind == "VIDEO" else "application/octet-stream"
            return [File(heard.text, type=type_, after=self._delay)]
        return [Say(f"You said: {heard.text}", after=self._delay)]


def _wire(world: World) -> Gateway:
    settings: Settings = world.settings
    return Gateway(
        Envelope(),
        "connect",
        idle=settings.idle_timeout,
        longest=settings.longest_connection,
        world=world,
        plain=web.plain(world),
    )


def _bot(world: World) -> Bot:
    settings: Settings = world.settings
    return EchoConcierge(settings.bot_delay) if settings.bot == "echo" else SilentBot()


def _link(settings: Settings) -> LinkPolicy:
    limit = settings.message_limit
    if settings.frame_limit == "per_message":
        limit = min(limit, FRAME)
    return LinkPolicy(limit=limit, frame_limit=FRAME if settings.frame_limit == "per_frame" else None)


def _connect(seed: Seed, base: str) -> str:
    person = next((person for person in seed.tenants if person.active), seed.tenants[0])
    token = tokens.mint(seed.keys.jwt, str(person.id), str(seed.org), 1_727_938_788, FOREVER)
    return f"{base.replace('http', 'ws', 1)}/uat?Auth={quote(token)}&deviceId=123-postman-321"


def _example(seed: Seed, url: str) -> str:
    return (
        f'ws = new WebSocket("{url}"); ws.onmessage = (e) => console.log(e.data); ws.onopen = () => ws.send('
        """'{"action":"api","data":{"route":"client/init-chat-with-concierge","body":{"newSession":true}}}')"""
    )


def _secrets(seed: Seed, said: Message | Request, answers: Sequence[Message], now: float) -> Iterator[tuple[Json, str]]:
    """The tenant's word for who he is, and a token for the one whom the answers name."""
    if not isinstance(said, Request):
        return
    if said.path.endswith("/authorize-tenant"):
        try:
            body = orjson.loads(said.body)
        except orjson.JSONDecodeError:
            return
        if isinstance(body, dict):
            yield body.get("clientSecret"), seed.keys.client
    taken = parse_qs(said.query).get("Auth", [])
    scheme, _, token = (said.header("Authorization") or "").partition(" ")
    if scheme == "Bearer":
        taken.append(token)
    known = {str(person.id) for person in seed.tenants}
    named = (_initiator(arg) for answer in answers for arg in answer.args if isinstance(arg, dict))
    person = next((name for name in named if name in known), str(seed.tenants[0].id))
    for one in taken:
        yield one, tokens.mint(seed.keys.jwt, person, str(seed.org), int(now), FOREVER)


def _initiator(body: dict[str, Json]) -> str:
    session = body.get("chatSession")
    return str(session.get("chatInitiatedByEntityId")) if isinstance(session, dict) else ""


BACKEND = Backend(
    name="concierge",
    summary="concierge chat over API Gateway's WebSocket, files over presigned S3 URLs",
    transport="WebSocket of Amazon API Gateway, JSON",
    port=8090,
    seed=Seed,
    wire=_wire,
    rules=ConciergeRules,
    bot=_bot,
    reader=lambda: Onlooker(Envelope(), Onlook()),
    routes=(
        Route("connect", "/uat/?", socket=True),
        Route("connections", "/uat/@connections/[^/]+", frozenset({"DELETE", "GET", "POST"}), Buffered(1 << 18)),
        Route("upload_url", "/file-new/get-upload-url", frozenset({"OPTIONS", "POST"}), Buffered(1 << 16)),
        Route("authorize", "/client/auth/authorize-tenant", frozenset({"OPTIONS", "POST"}), Buffered(1 << 16)),
        Route("put", store.PATTERN, frozenset({"PUT"}), Stored(None, LARGEST, bodies.framed)),
        Route("object", store.PATTERN),
    ),
    link=_link,
    ping_interval=lambda settings: 0.0,
    miss=web.miss,
    dress=web.dress,
    commands=COMMANDS,
    events=EVENTS,
    answers=frozenset(COMMANDS),
    own_topics={name: OWN for name, model in EVENTS.items() if model is GatewayWord},
    acts={
        "say": ActNote("spoken", "a TEXT by BACKEND_USER, who joins first: chat-session-update, chat-message"),
        "typing": ActNote("approximated", "there is no typing; the agent's ping: chat-session-update"),
        "status": ActNote(
            "approximated", "nothing is pushed, history shows it; `unsent` takes the agent's last message back"
        ),
        "queue": ActNote("silent", "there is no queue"),
        "hand_off": ActNote("approximated", "that agent joins: chat-session-update"),
        "leave": ActNote("approximated", "nobody has joined any more: chat-session-update"),
        "picture": ActNote("spoken", "an IMAGE by BACKEND_USER, a text before it as a message of its own"),
        "file": ActNote("spoken", "a FILE (a VIDEO for video/*) by BACKEND_USER, its name in metadata.file.name"),
        "stream": ActNote("approximated", "one TEXT with all chunks joined"),
        "end": ActNote("spoken", "the session closes: chat-session-update with isSessionClosed true"),
        "raw": ActNote("spoken", "a frame with that channel and these keys to all connections of the tenant"),
    },
    envelope=Coded(Envelope(), Onlook(), "{}", "server", lambda message: message.ref is not NO_REF),
    failed=store.failed,
    connect=_connect,
    example=_example,
    secrets=_secrets,
    judge=web.early,
    full=store.full,
    agents=lambda seed: {
        who for agent in seed.agents if agent.active for who in (str(agent.id), agent.name, agent.email)
    },
    statuses=STATUSES,
    live=frozenset({"upload_url", "put", "object"}),
    volatile=frozenset(
        [
            *(f"client/{name}.{path}" for name in _WITH_SESSION for path in _DRAWN),
            *(f"client/{name}.chatMessage.{path}" for name in _WITH_MESSAGE for path in _DRAWN_OF_MESSAGE),
            *(f"chat-message.payload.chatMessage.{path}" for path in _DRAWN_OF_MESSAGE),
            *(f"{name}.socketMessageId" for name in ("chat-message", "chat-session-update", "chat-message-delete")),
            *(f"{name}.{path}" for name in (FORBIDDEN, BROKEN) for path in ("connectionId", "requestId")),
        ]
    ),
)

"""mia: the chat of M.I.A. (morada.ai), events of Socket.IO in rooms, and what Mia says over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from simulator.backends.mia import fastify
from simulator.backends.mia.messages import COMMANDS, EVENTS
from simulator.backends.mia.rules import MiaRules
from simulator.backends.mia.state import Seed, Settings
from simulator.core.actions import Heard
from simulator.core.backend import ActNote, Backend, Buffered, Route
from simulator.core.bot import Act, Bot, EchoBot, SilentBot, Typing
from simulator.core.message import Json, Message, Request
from simulator.core.world import World
from simulator.wire import nodehttp
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio import SocketIO
from simulator.wire.socketio_envelope import SocketIOEnvelope
from simulator.wire.socketio_reader import SocketIOReader
from simulator.wire.socketio_recovery import Recovery
from simulator.wire.socketio_socket import Settings as WireSettings
from simulator.wire.socketio_socket import routes


class Echo(EchoBot):
    """Answers every message with its own words, after it was seen composing."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.bot_delay)
        self._settings = settings

    def hear(self, heard: Heard) -> list[Act]:
        """Typing, its end, and one Say."""
        acts = super().hear(heard)
        typing, delay = self._settings.bot_typing, self._settings.bot_delay
        if typing is None:
            return acts
        return [Typing(after=min(typing, delay)), Typing(on=False, after=delay), *acts]


def _wire(world: World) -> SocketIO:
    settings: Settings = world.settings
    polling = settings.kept_polling
    engine = EngineSettings(settings.ping_interval, settings.ping_timeout, cors=Cors(), max_polling=polling)
    recovery = Recovery(settings.recovery, settings.kept_away) if settings.recovery else None
    chosen = WireSettings(engine, connect_timeout=settings.connect_timeout, recovery=recovery)
    return SocketIO(chosen, world)


def _bot(world: World) -> Bot:
    settings: Settings = world.settings
    chosen = settings.bot or ("none" if settings.gateway_url else "echo")
    return Echo(settings) if chosen == "echo" else SilentBot()


def _connect(seed: Seed, base: str) -> str:
    return f"{base.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"


def _credentials(seed: Seed) -> dict[str, Any]:
    first = next((instance for instance in seed.instances if instance.enabled), seed.instances[0])
    return {"instance": {"chatId": first.chat_id, "token": first.client_token}}


def _example(seed: Seed, url: str) -> str:
    instance = _credentials(seed)["instance"]
    split = urlsplit(url.replace("ws", "http", 1))
    # What stands behind the host in io's URL is a namespace: a prefix goes into the path.
    path = "" if split.path == "/socket.io/" else f'path: "{split.path}", '
    return (
        f'socket = io("{split.scheme}://{split.netloc}/", {{{path}auth: {{instance: '
        f'{{chatId: "{instance["chatId"]}", token: "{instance["token"]}"}}}}}}); '
        'socket.on("EVENT_SERVER_SEND_MESSAGE", (m) => console.log(m.direction, m.content)); '
        'socket.emit("EVENT_CLIENT_SEND_MESSAGE", {content: "Hello Mia!"})'
    )


def _secrets(seed: Seed, said: Message | Request, answers: Sequence[Message], now: float) -> Iterator[tuple[Json, str]]:
    if isinstance(said, Request):
        name = said.path.rpartition("/")[2]
        instance = next((one for one in seed.instances if str(one.id) == name), None)
        if instance is not None and instance.system_token is not None:
            yield said.header("token"), instance.system_token
    elif said.name == "connect" and said.args and isinstance(said.args[0], dict):
        given = said.args[0].get("instance")
        if isinstance(given, dict):
            instance = next((one for one in seed.instances if one.chat_id == given.get("chatId")), None)
            if instance is not None and instance.client_token is not None:
                yield given.get("token"), instance.client_token


_GET, _POST = frozenset({"GET", "HEAD"}), frozenset({"POST"})
_BODY = Buffered(fastify.BODY_LIMIT + 1)

BACKEND = Backend(
    name="mia",
    summary="M.I.A. by morada.ai: rooms of a sales assistant's chat, over Socket.IO",
    transport="Socket.IO v5",
    port=3001,
    seed=Seed,
    wire=_wire,
    rules=MiaRules,
    bot=_bot,
    reader=SocketIOReader,
    routes=(
        *routes(WireSettings()),
        Route("receive", "/receive-message/[^/]*", _POST, body=_BODY),
        Route("identify", "/identify-person/[^/]*", _POST, body=_BODY),
        Route("index", "/", _GET),
        Route("chat", "/chat", _GET),
        Route("live", "/live", _GET),
        Route("health-check", "/health-check", _GET),
        Route("favicon", "/favicon.ico", _GET),
        Route("mia-chat-api", "/mia-chat-api", _GET),
    ),
    link=lambda settings: nodehttp.link(),
    ping_interval=lambda settings: settings.ping_interval,
    miss=lambda request, why: fastify.not_found(request),
    dress=fastify.dress,
    commands=COMMANDS,
    events=EVENTS,
    topics=("/",),
    acts={
        "say": ActNote("spoken", "EVENT_SERVER_SEND_MESSAGE to the room, incoming, from the instance or the agent"),
        "typing": ActNote("spoken", "EVENT_SERVER_SEND_CHAT_STATE composing, and at its end paused_state"),
        "status": ActNote("spoken", "EVENT_SERVER_SEND_MESSAGE_STATUS for the person's last message"),
        "queue": ActNote("silent", "M.I.A. has no queue"),
        "hand_off": ActNote("approximated", "nothing is sent; later answers are from that agent"),
        "leave": ActNote("approximated", "nothing is sent; later answers are from the instance again"),
        "picture": ActNote("spoken", "EVENT_SERVER_SEND_MESSAGE with a media-link: type, uri, and the text as title"),
        "file": ActNote("spoken", "EVENT_SERVER_SEND_MESSAGE with a media-link"),
        "stream": ActNote("approximated", "one EVENT_SERVER_SEND_MESSAGE with all chunks joined"),
        "end": ActNote("approximated", "nothing is sent; who connects later gets an empty list"),
        "raw": ActNote("spoken", "the event as it is to everyone in the room"),
    },
    envelope=SocketIOEnvelope(),
    connect=_connect,
    example=_example,
    credentials=_credentials,
    secrets=_secrets,
    volatile=frozenset(
        {
            "EVENT_INIT_ROOM.roomId",
            "EVENT_SERVER_SEND_MESSAGE.id",
            "EVENT_SERVER_SEND_MESSAGE.createdAt",
            "EVENT_SERVER_INIT_MESSAGE_LIST.*.id",
            "EVENT_SERVER_INIT_MESSAGE_LIST.*.createdAt",
            "EVENT_SERVER_SEND_MESSAGE_STATUS.messageId",
        }
    ),
)

"""chatbot: the Chatbot Backend, AI support with conversations, queues, knowledge and dashboards over Socket.IO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from simulator.backends.chatbot import jwt, rest
from simulator.backends.chatbot.bots import Assistant
from simulator.backends.chatbot.door import bearer
from simulator.backends.chatbot.names import COMMANDS, EVENTS
from simulator.backends.chatbot.rules import STATUSES, ChatbotRules
from simulator.backends.chatbot.state import Seed, Settings
from simulator.core.backend import ActNote, Backend
from simulator.core.bot import Bot, EchoBot, SilentBot
from simulator.core.message import Json, Message, Request
from simulator.core.world import World
from simulator.wire import nodehttp, socketio
from simulator.wire.engineio_http import Cors
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_envelope import SocketIOEnvelope
from simulator.wire.socketio_reader import SocketIOReader
from simulator.wire.socketio_socket import Settings as WireSettings
from simulator.wire.socketio_socket import routes


def _wire(world: World) -> socketio.SocketIO:
    settings: Settings = world.settings
    polling = settings.kept_polling
    engine = EngineSettings(settings.ping_interval, settings.ping_timeout, cors=Cors(), max_polling=polling)
    return socketio.SocketIO(WireSettings(engine, connect_timeout=settings.connect_timeout), world)


def _bot(world: World) -> Bot:
    settings: Settings = world.settings
    if settings.bot == "ai":
        return Assistant(world.seed, settings)
    return EchoBot(settings.bot_delay) if settings.bot == "echo" else SilentBot()


def _connect(seed: Seed, base: str) -> str:
    return f"{base.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"


def _credentials(seed: Seed) -> dict[str, Any]:
    widget = next((widget for widget in seed.widgets if widget.active), seed.widgets[0])
    return {"widgetKey": widget.widgetKey, "chatbotId": widget.chatbotId}


def _example(seed: Seed, url: str) -> str:
    # The path of io's URL is a namespace: a prefix belongs into the option.
    split = urlsplit(url.replace("ws", "http", 1))
    widget = _credentials(seed)
    auth = f'auth: {{widgetKey: "{widget["widgetKey"]}", chatbotId: "{widget["chatbotId"]}"}}'
    return (
        f'socket = io("{split.scheme}://{split.netloc}/", {{path: "{split.path}", {auth}}}); '
        "socket.onAny((...event) => console.log(...event)); "
        'socket.on("conversation-started", ({conversationId}) => '
        'socket.emit("send-message", {conversationId, content: "How do I reset my password?"})); '
        'socket.emit("join-conversation", {sessionId: "session-123"})'
    )


_A_DAY = 86_400.0


def _secrets(seed: Seed, said: Message | Request, answers: Sequence[Message], now: float) -> Iterator[tuple[Json, str]]:
    """A widget's key by its chatbot; a token for the user whom the answers name."""
    given = said.args[0] if isinstance(said, Message) and said.name == "connect" and said.args else None
    token: Json = bearer(said) if isinstance(said, Request) else None
    if isinstance(given, dict):
        token = given.get("token")
        widget = next((one for one in seed.widgets if one.chatbotId == given.get("chatbotId")), None)
        if widget is not None:
            yield given.get("widgetKey"), widget.widgetKey
    known = {user.userId for user in seed.users}
    user = next((name for answer in answers for arg in answer.args for name in _users(arg) if name in known), None)
    if token and user is not None:
        yield token, jwt.sign({"sub": user, "exp": int(now + _A_DAY)}, seed.settings.jwt_secret)


def _users(value: Json | bytes) -> Iterator[str]:
    """Who is named as the user of something."""
    if isinstance(value, dict):
        if isinstance(name := value.get("userId"), str):
            yield name
        for inner in value.values():
            yield from _users(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _users(inner)


BACKEND = Backend(
    name="chatbot",
    summary="Chatbot Backend: AI support with a conversation machine, queues, knowledge and dashboards, over Socket.IO",
    transport="Socket.IO v5",
    port=3000,
    seed=Seed,
    wire=_wire,
    rules=ChatbotRules,
    bot=_bot,
    reader=SocketIOReader,
    routes=(*routes(WireSettings()), rest.HISTORY),
    link=lambda settings: nodehttp.link(),
    ping_interval=lambda settings: settings.ping_interval,
    miss=rest.miss,
    dress=lambda settings, request, response, now: nodehttp.dress(request, response, now),
    commands=COMMANDS,
    events=EVENTS,
    topics=("/",),
    acts={
        "say": ActNote("spoken", "message from the ai, or from the agent who has the conversation or is named"),
        "typing": ActNote("spoken", "typing"),
        "status": ActNote("approximated", "no event tells it to the client; history and lists have it"),
        "queue": ActNote("spoken", "queue-update with that position; the queue itself stays as it is"),
        "hand_off": ActNote("spoken", "agent-joined and status-change; an unknown agent is invented"),
        "leave": ActNote("approximated", "status-change back to ai or active; the document has no word for leaving"),
        "picture": ActNote("approximated", "message with the text and the URL: an IMessage has no attachments"),
        "file": ActNote("approximated", "message with the text and the URL"),
        "stream": ActNote("spoken", "rag-stream-chunk for each, message, rag-stream-complete"),
        "end": ActNote("spoken", "conversation-ended: agent_ended where an agent has it, else resolved"),
        "raw": ActNote("spoken", "the event as it is to everyone in the conversation"),
    },
    envelope=SocketIOEnvelope(),
    connect=_connect,
    example=_example,
    credentials=_credentials,
    secrets=_secrets,
    statuses=STATUSES,
    volatile=frozenset(
        {
            "connected.userId",
            "connected.timestamp",
            "pong.timestamp",
            "conversation-started.conversationId",
            "conversation-started.sessionId",
            "conversation-started.messages.*._id",
            "conversation-started.messages.*.messageId",
            "conversation-started.messages.*.conversationId",
            "conversation-started.messages.*.timestamp",
            "message.conversationId",
            "message.message._id",
            "message.message.messageId",
            "message.message.conversationId",
            "message.message.userId",
            "message.message.timestamp",
            "typing.conversationId",
            "status-change.conversationId",
            "queue-update.conversationId",
            "agent-joined.conversationId",
            "conversation-ended.conversationId",
            "conversation-list.timestamp",
            "org-joined.timestamp",
            "org-left.timestamp",
            "notification.timestamp",
            "dashboard-subscribed.timestamp",
            "join.conversationId",
            "react-message.conversationId",
            "react-message.messageId",
            "rag-stream-chunk.conversationId",
            "rag-stream-complete.conversationId",
        }
    ),
)

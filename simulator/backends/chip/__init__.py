"""chip: nyaruka's web chat server, commands and events as JSON objects over one WebSocket."""

from __future__ import annotations

from simulator.backends.chip import gohttp, gojson
from simulator.backends.chip.messages import COMMANDS, EVENTS, FIELDS
from simulator.backends.chip.rules import ChipRules
from simulator.backends.chip.state import UUID, Seed, Settings
from simulator.core.backend import ActNote, Backend, Buffered, Route
from simulator.core.bot import Bot, EchoBot, SilentBot
from simulator.core.link import LinkPolicy
from simulator.core.world import World
from simulator.wire.rawjson import RawJson
from simulator.wire.single import Onlooker, Policy, Single
from simulator.wire.single_envelope import Coded


def _wire(world: World) -> Single:
    settings: Settings = world.settings
    policy = Policy(settings.ping_interval, settings.pong_timeout, drain=1000)
    return Single(RawJson(gojson.commands(FIELDS)), "connect", policy, gohttp.refuse)


def _bot(world: World) -> Bot:
    settings: Settings = world.settings
    chosen = settings.bot or ("none" if settings.courier_url else "echo")
    return EchoBot(settings.bot_delay) if chosen == "echo" else SilentBot()


def _link(settings: Settings) -> LinkPolicy:
    return LinkPolicy(
        limit=settings.message_limit,
        validate_utf8=False,
        early=False,
        answers=gohttp.GORILLA,
        join=True,
        close_codes=gohttp.GORILLA_CLOSE_CODES,
        linger=0,
        write_timeout=15,
    )


def _connect(seed: Seed, base: str) -> str:
    channel = next(channel for channel in seed.channels if channel.open)
    return f"{base.replace('http', 'ws', 1)}/wc/connect/{channel.uuid}/"


def _example(seed: Seed, url: str) -> str:
    return (
        f'ws = new WebSocket("{url}"); ws.onmessage = (e) => console.log(e.data); '
        """ws.onopen = () => ws.send('{"type":"start_chat"}')"""
    )


BACKEND = Backend(
    name="chip",
    summary="nyaruka/chip: web chat over one raw WebSocket",
    transport="WebSocket, JSON",
    port=8070,
    seed=Seed,
    wire=_wire,
    rules=ChipRules,
    bot=_bot,
    reader=lambda: Onlooker(RawJson(gojson.commands(FIELDS)), RawJson()),
    routes=(
        Route("connect", f"/wc/connect/{UUID}/?", gohttp.METHODS, socket=True),
        Route("send", f"/wc/send/{UUID}/?", gohttp.METHODS, body=Buffered(1 << 20)),
        Route("index", "//?", frozenset({"GET"})),
    ),
    link=_link,
    ping_interval=lambda settings: settings.ping_interval,
    miss=gohttp.miss,
    dress=lambda settings, request, response, now: gohttp.dress(request, response, now),
    commands=COMMANDS,
    events=EVENTS,
    acts={
        "say": ActNote("spoken", "chat_out with origin flow; with an agent, origin chat and its user"),
        "typing": ActNote("silent", "chip has no typing"),
        "status": ActNote("silent", "chip tells the client no status"),
        "queue": ActNote("silent", "chip has no queue"),
        "hand_off": ActNote("approximated", "nothing is sent; later answers carry origin chat and that user"),
        "leave": ActNote("approximated", "nothing is sent; later answers carry origin flow again"),
        "picture": ActNote("spoken", "chat_out with an attachment image/jpeg:<url>"),
        "file": ActNote("spoken", "chat_out with an attachment <content type>:<url>"),
        "stream": ActNote("approximated", "one chat_out with all chunks joined"),
        "end": ActNote("silent", "a chat of chip has no end"),
        "raw": ActNote("spoken", "the message as it is to one socket of the chat, past the outbox"),
    },
    envelope=Coded(RawJson(), RawJson(), "[]", "client", lambda message: message.name == "ack_chat"),
    connect=_connect,
    example=_example,
    agents=lambda seed: {who for user in seed.users if user.active for who in (str(user.id), user.name, user.email)},
    volatile=frozenset(
        {
            "chat_started.chat_id",
            "chat_resumed.chat_id",
            "start_chat.chat_id",
            "chat_out.msg_out.id",
            "chat_out.msg_out.time",
            "ack_chat.msg_id",
            "get_history.before",
            "history.history.*.msg_in.id",
            "history.history.*.msg_in.time",
            "history.history.*.msg_out.id",
            "history.history.*.msg_out.time",
        }
    ),
)

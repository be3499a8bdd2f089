"""AIDA: InSTEDD's chatbot server, a Phoenix channel for each bot, and images over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.backends.aida import pages, plug
from simulator.backends.aida.frontdesk import Desk, Relieved
from simulator.backends.aida.messages import COMMANDS, EVENTS
from simulator.backends.aida.rules import AidaRules
from simulator.backends.aida.state import Seed, Settings
from simulator.core.backend import ActNote, Backend, Buffered, Route, Stored
from simulator.core.bot import Bot, EchoBot, SilentBot
from simulator.core.link import LinkPolicy
from simulator.core.message import Json, Message, Request
from simulator.core.world import World
from simulator.wire.phoenix import Phoenix
from simulator.wire.phoenix_envelope import PhoenixEnvelope
from simulator.wire.phoenix_poll import PollPolicy, ticket
from simulator.wire.phoenix_profile import PROFILES
from simulator.wire.phoenix_reader import Onlooker


def _wire(world: World) -> Phoenix:
    settings: Settings = world.settings
    wanted = settings.check_origin

    def same_host(host: str, request: Request) -> bool:
        return host == wanted

    return Phoenix(
        world,
        topics=("bot:*",),
        profile=PROFILES[settings.profile],
        idle_timeout=settings.idle_timeout,
        check_origin=same_host if wanted else None,
        poll=PollPolicy(sessions=settings.kept_polling),
    )


def _bot(world: World) -> Bot:
    settings: Settings = world.settings
    if settings.bot == "none":
        return SilentBot()
    return Relieved(Desk(world.seed) if settings.bot == "front_desk" else EchoBot(settings.bot_delay))


def _link(settings: Settings) -> LinkPolicy:
    return LinkPolicy(limit=settings.message_limit, linger=0)


def _connect(seed: Seed, base: str) -> str:
    return f"{base.replace('http', 'ws', 1)}/socket/websocket?vsn=2.0.0"


def _credentials(seed: Seed) -> dict[str, Any]:
    found = next((bot for bot in seed.bots if bot.manifest.token() is not None), seed.bots[0])
    return {"bot": str(found.id), "access_token": found.manifest.token()}


def _example(seed: Seed, url: str) -> str:
    found = _credentials(seed)
    return (
        f'socket = new Phoenix.Socket("{url.partition("/websocket?")[0]}"); socket.connect(); '
        f'channel = socket.channel("bot:{found["bot"]}", {{access_token: "{found["access_token"]}"}}); '
        'channel.on("btu_msg", (m) => console.log(m.text)); channel.join(); '
        'channel.push("new_session", {}).receive("ok", (r) => '
        'channel.push("utb_msg", {session: r.session, text: "Hi"}))'
    )


def _secrets(seed: Seed, said: Message | Request, answers: Sequence[Message], now: float) -> Iterator[tuple[Json, str]]:
    if isinstance(said, Message) and said.name == "phx_join" and said.args and isinstance(said.args[0], dict):
        found = next((bot.manifest.token() for bot in seed.bots if f"bot:{bot.id}" == said.topic), None)
        if found is not None:
            yield said.args[0].get("access_token"), found


_PART = "/+([^/]+)"
_POST, _GET = frozenset({"POST"}), frozenset({"GET", "HEAD"})

BACKEND = Backend(
    name="aida",
    summary="instedd/aida: chatbots over Phoenix Channels, with image upload",
    transport="Phoenix Channels V1 and V2",
    port=4000,
    seed=Seed,
    wire=_wire,
    rules=AidaRules,
    bot=_bot,
    reader=Onlooker,
    routes=(
        Route("websocket", "/socket/websocket/?", socket=True),
        Route("longpoll", "/socket/longpoll/?", body=Buffered(8_000_000), via="longpoll", ticket=ticket),
        Route("options", "/.*", frozenset({"OPTIONS"})),
        Route("upload", f"/+content/+image{_PART}{_PART}/*", _POST, body=Stored("file", pages.CONTENT_LIMIT)),
        Route("image", f"/+content/+image{_PART}/*", _GET),
        Route(
            "attachment",
            f"/+api/+bots{_PART}/+sessions{_PART}/+attachment/*",
            _POST,
            body=Stored("file", pages.API_LIMIT),
        ),
        Route("api_image", f"/+api/+image{_PART}/*", _GET),
        Route(
            "send_message",
            f"/+api/+bots{_PART}/+sessions{_PART}/+send_message/*",
            _POST,
            body=Buffered(pages.API_LIMIT),
        ),
        Route(
            "forward",
            f"/+api/+bots{_PART}/+sessions{_PART}/+forward_messages/*",
            frozenset({"PUT"}),
            body=Buffered(pages.API_LIMIT),
        ),
    ),
    link=_link,
    ping_interval=lambda settings: 0.0,
    miss=lambda request, why: plug.not_found(),
    dress=plug.dress,
    judge=pages.judge,
    commands=COMMANDS,
    events=EVENTS,
    topics=("bot:*", "phoenix"),
    acts={
        "say": ActNote("spoken", "btu_msg, to the asking socket; to all sockets of the bot where nobody asked"),
        "typing": ActNote("silent", "AIDA has no typing"),
        "status": ActNote("silent", "AIDA tells the client no status"),
        "queue": ActNote("silent", "AIDA has no queue"),
        "hand_off": ActNote("approximated", "nothing is sent; texts go to notifications_url, AIDA's own bot is silent"),
        "leave": ActNote("approximated", "nothing is sent; the bot answers again"),
        "picture": ActNote("approximated", "btu_msg with the text and the URL: bots send texts alone"),
        "file": ActNote("approximated", "btu_msg with the text and the URL"),
        "stream": ActNote("approximated", "one btu_msg with all chunks joined"),
        "end": ActNote("silent", "a session of AIDA has no end"),
        "raw": ActNote("spoken", "the message as it is to all sockets of the bot"),
    },
    envelope=PhoenixEnvelope(),
    failed=lambda world, request, status: plug.error(status),
    connect=_connect,
    example=_example,
    credentials=_credentials,
    secrets=_secrets,
    volatile=frozenset(
        {
            "btu_msg.session",
            "utb_msg.session",
            "utb_img.session",
            "utb_img.image",
            "put_data.session",
            "delete_session.session",
        }
    ),
)

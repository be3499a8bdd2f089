"""AIDA over real sockets, with other people's clients: npm `phoenix` of three ages, `phoenix-channels`, `phxsocket`."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any, NamedTuple, TypeVar

import phxsocket  # type: ignore[import-untyped]
import pytest

from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.served import SECONDS, Node, admin, ask

pytestmark = pytest.mark.live

KITCHEN, KITCHEN_TOKEN = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60", "harbour-web-token"
STREET, STREET_TOKEN = "8a2d6c1e-90b4-4f37-8e55-1b7f3c9d2a08", "street-web-token"
SLOW, SLOW_TOKEN = "c4e7f1a9-2b68-4d03-a7c6-e90d5b8f1372", "slow-web-token"
ANA = "b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718"
"""Bots and a session of the kitchen in fixtures/aida.yaml."""

WELCOME = [
    "Hi, this is Street Watch",
    "Tell me what is broken in your street",
    "I know about lamps",
    "Send STOP to end this",
]
NEVER = 3_600_000
"""Milliseconds that no test lasts."""

OLD, MIDDLE, NEW, V1 = "phoenix-1.3", "phoenix-1.6", "phoenix-1.8", "phoenix-channels"
T = TypeVar("T")


def aida(**settings: str) -> Server:
    """An AIDA on a free port, whose clock stands still: nothing happens but what the test does."""
    return Server(Options(["aida"], port=0, seed=7, clock=ManualClock(), settings=[*settings.items()]))


def endpoint(server: Server) -> str:
    """What a client is given: it adds the transport and the version by itself."""
    return server.connect("aida").partition("/websocket?")[0]


class Sent(NamedTuple):
    """A frame of either serializer."""

    join_ref: Any
    ref: Any
    topic: str
    event: str
    payload: Any


class Phoenix:
    """A client in Node (tests/clients/phoenix.mjs), with what it has told and nobody has asked for yet."""

    def __init__(self, package: str, node: Node) -> None:
        self.package = package
        self._node = node
        self._told: list[list[Any]] = []
        self._frames: list[tuple[str, Sent]] = []
        self._labels = 0

    @classmethod
    @asynccontextmanager
    async def running(cls, package: str) -> AsyncIterator[Phoenix]:
        async with Node.running("phoenix.mjs", package) as node:
            yield cls(package, node)

    def signal(self, number: signal.Signals) -> None:
        """To its process."""
        self._node.process.send_signal(number)

    def do(self, *commands: list[Any]) -> None:
        """Let it do these in one turn."""
        assert self._node.process.stdin is not None
        self._node.process.stdin.write(json.dumps(commands).encode() + b"\n")

    async def until(self, *wanted: object) -> list[Any]:
        """What stands behind these words in the first such event that nobody took yet; the others wait."""
        at = 0
        async with asyncio.timeout(SECONDS):
            while True:
                if at == len(self._told):
                    self._told.append(await self._next())
                event = self._told[at]
                if event[: len(wanted)] == [*wanted]:
                    del self._told[at]
                    return event[len(wanted) :]
                at += 1

    async def _next(self) -> list[Any]:
        out, err = self._node.process.stdout, self._node.process.stderr
        assert out is not None
        assert err is not None
        line = await out.readline()
        assert line, f"Node ended: {(await err.read()).decode()}"
        event: list[Any] = json.loads(line)
        assert event[0] != "error", event
        if event[0] in ("in", "out"):
            found = json.loads(event[2])
            sent = (
                Sent(*found)
                if isinstance(found, list)
                else Sent(None, found["ref"], found["topic"], found["event"], found["payload"])
            )
            self._frames.append((event[0], sent))
            return [event[0], event[1], sent]
        return event

    async def past(self) -> list[list[Any]]:
        """What it has told up to now and nobody took, which is forgotten."""
        label = self.label()
        self.do(["mark", label])
        await self.until("marked", label)
        told, self._told = self._told, []
        return told

    def told(self, *wanted: object) -> list[list[Any]]:
        """What it has told so far and nobody took, without waiting."""
        return [event for event in self._told if event[: len(wanted)] == [*wanted]]

    def frames(self, direction: str, event: str) -> list[Sent]:
        """All frames of an event up to now."""
        return [frame for way, frame in self._frames if way == direction and frame.event == event]

    def label(self) -> str:
        self._labels += 1
        return f"#{self._labels}"

    async def connect(self, server: Server, socket: str = "s", **options: object) -> None:
        self.do(["socket", socket, endpoint(server), options])
        assert await self.until("open", socket) == []

    def open(self, channel: str, bot: str, token: str, socket: str = "s") -> list[list[Any]]:
        """The commands that make a channel and join it."""
        return [["channel", channel, socket, f"bot:{bot}", {"access_token": token}], ["join", channel]]

    async def join(self, channel: str, bot: str = STREET, token: str = STREET_TOKEN, socket: str = "s") -> None:
        self.do(*self.open(channel, bot, token, socket))
        await self.joined(channel)

    async def joined(self, channel: str) -> None:
        assert await self.until("joined", channel) == ["ok", {}]

    async def ask(self, channel: str, event: str, payload: object) -> Any:
        """Push something that is answered with ok; its response."""
        label = self.label()
        self.do(["push", channel, label, event, payload])
        status, response = await self.until("reply", label)
        assert status == "ok", response
        return response

    async def session(self, channel: str, payload: object = None) -> str:
        response = await self.ask(channel, "new_session", {} if payload is None else payload)
        return str(response["session"])

    def push(self, channel: str, event: str, session: str, **more: object) -> None:
        """Push something that gets no reply."""
        self.do(["push", channel, "unanswered", event, {"session": session, **more}])

    async def arrives(self, event: str, topic: str) -> Sent:
        """The frame of an event on a topic; those before it count as taken."""
        while True:
            _, frame = await self.until("in")
            if (frame.event, frame.topic) == (event, topic):
                return Sent(*frame)

    async def hears(self, channel: str, session: str, *texts: str) -> None:
        """These come next, one message each."""
        for text in texts:
            assert await self.until("said", channel) == [{"text": text, "session": session}]

    async def talk(self, channel: str, session: str, text: str, *texts: str) -> None:
        """Say something and hear these."""
        self.push(channel, "utb_msg", session, text=text)
        await self.hears(channel, session, *texts)

    async def upload(self, url: str, type: str = "image/png", bytes: int = 1000) -> tuple[int, dict[str, str], str]:
        return await self._answer(["upload", url, type, bytes])

    async def fetch(self, method: str, url: str) -> tuple[int, dict[str, str], str]:
        return await self._answer(["fetch", method, url])

    async def _answer(self, command: list[Any]) -> tuple[int, dict[str, str], str]:
        label = self.label()
        self.do([command[0], label, *command[1:]])
        status, headers, body = await self.until("answer", label)
        return status, headers, body

    def nothing_answered(self, event: str) -> None:
        """No push of this event had a reply up to now, and its hooks were not called."""
        refs = [frame.ref for frame in self.frames("out", event)]
        assert refs
        assert not [frame for frame in self.frames("in", "phx_reply") if frame.ref in refs]
        assert not self.told("reply", "unanswered")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with aida() as simulator:
        yield simulator


@pytest.fixture(params=[pytest.param(package, marks=pytest.mark.node) for package in (OLD, MIDDLE, NEW, V1)])
async def who(request: pytest.FixtureRequest) -> AsyncIterator[Phoenix]:
    async with Phoenix.running(request.param) as client:
        yield client


def image_url(server: Server, bot: str, session: str) -> str:
    return f"{server.url('aida')}/content/image/{bot}/{session}"


async def conversation(server: Server, who: Phoenix, polls: bool = False) -> None:
    """All of AIDA on one open socket `s`: two bots, data, a survey with a picture, the ends."""
    await who.join("kitchen", KITCHEN, KITCHEN_TOKEN)
    await who.join("street")

    guest = await who.session("kitchen", {"data": {"language": "en", "first_name": "Server"}})
    await who.talk(
        "kitchen",
        guest,
        "hello",
        "Hello, this is Harbour Kitchen",
        "Here is what I can do",
        "I can tell you what is on the menu",
        "I can tell you when we are open",
        "Send STOP and I keep quiet",
    )
    assert await who.ask("kitchen", "put_data", {"session": guest, "data": {"first_name": "Zoë 👍"}}) == {}
    await who.talk("kitchen", guest, "hours", "Open from noon to ten, Zoë 👍")

    passer_by = await who.session("street")
    assert passer_by != guest
    await who.talk("street", passer_by, "report", "Send me a picture of it")
    status, headers, body = await who.upload(image_url(server, STREET, passer_by))
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert headers["access-control-allow-origin"] == "*"
    image = json.loads(body)["id"]
    who.push("street", "utb_img", passer_by, image=image)
    await who.hears("street", passer_by, "Nice! Where is that?")
    await who.talk("street", passer_by, "Elm Street", "Thank you, we look after Elm Street")
    await who.talk("kitchen", guest, "##SESSION", guest[-7:])

    for session in (guest, guest, passer_by):
        assert await who.ask("kitchen", "delete_session", {"session": session}) == {}
    assert (await who.fetch("GET", f"{server.url('aida')}/content/image/{image}"))[0] == 404
    for channel, bot in (("kitchen", KITCHEN), ("street", STREET)):
        who.do(["leave", channel])
        assert await who.until("left", channel) == ["ok"]
        assert await who.until("over", channel) == ["close"]
        if not polls:
            # Clients take the reply for the end, and do not wait for this.
            await who.arrives("phx_close", f"bot:{bot}")
    assert not who.told("said")
    assert not who.told("over")
    assert not who.told("closed")


async def test_row_55_whole_conversation(server: Server, who: Phoenix) -> None:
    await who.connect(server)
    await conversation(server, who)
    for event in ("utb_msg", "utb_img"):
        who.nothing_answered(event)
    refs = {frame.join_ref for frame in who.frames("in", "btu_msg")}
    assert refs == {None}, "1.3 pushes without a join_ref"


async def test_a_crash_and_the_client_joins_again_by_itself(server: Server, who: Phoenix) -> None:
    await who.connect(server)
    await who.join("street")
    await who.join("kitchen", KITCHEN, KITCHEN_TOKEN)
    session = await who.session("street")
    who.push("street", "utb_msg", session)
    assert await who.until("over", "street") == ["error"]
    await who.joined("street")
    [error] = who.frames("in", "phx_error")
    first, again = (frame for frame in who.frames("out", "phx_join") if frame.topic == f"bot:{STREET}")
    assert (error.ref, error.topic, error.payload) == (first.ref, first.topic, {})
    assert again.ref != first.ref
    await who.talk("street", session, "hello", *WELCOME)
    # The other channel of the socket noticed nothing, and nothing more comes.
    await who.session("kitchen")
    assert not who.told("over")
    assert not who.told("said")
    who.nothing_answered("utb_msg")


async def test_an_answer_that_nobody_gives(server: Server, who: Phoenix) -> None:
    """Who waits for a reply to `utb_msg` never gets one, crash or not; the requests around it are answered."""
    await who.connect(server)
    await who.join("street")
    session = await who.session("street")
    await who.talk("street", session, "lamp", "Lamps are mended within two days")
    await who.talk("street", session, "STOP", "Goodbye")
    assert await who.session("street") != session
    who.nothing_answered("utb_msg")


async def test_unauthorized(server: Server, who: Phoenix) -> None:
    await who.connect(server, rejoinMs=NEVER)
    who.do(*who.open("wrong", STREET, KITCHEN_TOKEN), *who.open("nobody", ANA, KITCHEN_TOKEN))
    for channel in ("wrong", "nobody"):
        assert await who.until("joined", channel) == ["error", {"reason": "unauthorized"}]
    await who.join("right")
    await who.session("right")
    assert not who.told("closed")


async def test_a_bot_that_is_starting_as_aida_ui_waits_for_it(server: Server, who: Phoenix) -> None:
    """A new channel object on the same topic after each refusal, until the bot runs."""
    await who.connect(server, rejoinMs=NEVER)
    who.do(["chat", "slow", "s", f"bot:{SLOW}", SLOW_TOKEN])
    for _ in range(2):
        assert await who.until("joined", "slow") == ["error", {"reason": "starting", "retry": True}]
    await admin(server.url("aida"), "POST", "clock/advance", {"seconds": 10})
    while (answer := await who.until("joined", "slow"))[0] == "error":
        assert answer[1]["retry"] is True
    session = await who.session("slow", {"data": {"first_name": "John", "last_name": "Doe", "gender": "male"}})
    await who.talk("slow", session, "hello", "Good morning", "I have just got up")


@pytest.mark.node
@pytest.mark.parametrize("package", [MIDDLE, NEW])
async def test_a_bot_that_is_starting_and_the_client_tries_again_by_itself(server: Server, package: str) -> None:
    async with Phoenix.running(package) as who:
        await who.connect(server)
        who.do(*who.open("slow", SLOW, SLOW_TOKEN))
        for _ in range(2):
            assert await who.until("joined", "slow") == ["error", {"reason": "starting", "retry": True}]
        await server.driver.advance(10)
        while (await who.until("joined", "slow"))[0] == "error":
            pass
        await who.talk("slow", await who.session("slow"), "hello", "Good morning", "I have just got up")


@pytest.mark.parametrize("leaves", [True, False], ids=["leaves", "only joins"])
@pytest.mark.parametrize("profile", ["1.3", "1.8"])
async def test_the_same_topic_again_in_one_burst(who: Phoenix, profile: str, leaves: bool) -> None:
    async with aida(profile=profile) as server:
        await who.connect(server)
        await who.join("first")
        session = await who.session("first")
        await who.talk("first", session, "hello", *WELCOME)
        who.do(*([["leave", "first"]] if leaves else []), *who.open("second", STREET, STREET_TOKEN))
        if (who.package, profile) == (V1, "1.8"):
            # Without a join_ref from the client 1.8 has no ref for `phx_close`, which then ends both (recorded).
            assert await who.until("over", "second") == ["close"]
            assert (await who.arrives("phx_close", f"bot:{STREET}")).ref is None
            return
        await who.joined("second")
        assert await who.until("over", "first") == ["close"]
        await who.talk("second", session, "lamp", "Lamps are mended within two days")
        # And once more, with no waiting for anything in between.
        who.do(
            ["leave", "second"],
            *who.open("third", STREET, STREET_TOKEN),
            ["push", "third", "early", "new_session", {}],
        )
        await who.joined("third")
        status, response = await who.until("reply", "early")
        assert status == "ok"
        await who.talk("third", response["session"], "lamp", "Lamps are mended within two days")
        assert not who.told("said")
        assert not who.told("over", "third")
        assert not who.told("closed")


async def test_aida_ui_after_a_crash(server: Server, who: Phoenix) -> None:
    """It leaves the channel that is gone, and opens a new one."""
    await who.connect(server)
    who.do(["chat", "street", "s", f"bot:{STREET}", STREET_TOKEN])
    await who.joined("street")
    session = await who.session("street")
    for text in (None, 5, "  "):
        who.push("street", "utb_msg", session, text=text)
        assert await who.until("over", "street") == ["error"]
        await who.joined("street")
    await who.talk("street", session, "hello", *WELCOME)
    left = [frame.ref for frame in who.frames("out", "phx_leave")]
    replies = [frame for frame in who.frames("in", "phx_reply") if frame.ref in left]
    assert len(replies) == 3
    assert {frame.payload["response"]["reason"] for frame in replies} == {"unmatched topic"}
    assert {frame.join_ref for frame in replies} == {None}


async def test_aida_ui_after_its_socket_was_cut(server: Server, who: Phoenix) -> None:
    await who.connect(server)
    who.do(["chat", "street", "s", f"bot:{STREET}", STREET_TOKEN])
    await who.joined("street")
    await who.session("street")
    await admin(server.url("aida"), "POST", "reset")
    assert await who.until("closed", "s") == [1006]
    await who.until("open", "s")
    await who.joined("street")
    await who.talk("street", await who.session("street"), "hello", *WELCOME)


async def test_after_a_reset_the_client_is_back_and_the_world_is_new(server: Server, who: Phoenix) -> None:
    await who.connect(server)
    await who.join("street")
    first, second = [await who.session("street") for _ in range(2)]
    await who.talk("street", first, "hello", *WELCOME)
    await admin(server.url("aida"), "POST", "reset")
    assert await who.until("closed", "s") == [1006]
    assert await who.until("over", "street") == ["error"]
    await who.until("open", "s")
    await who.joined("street")
    assert await who.session("street") == first, "the seed begins anew, too"
    await who.talk("street", first, "hello", *WELCOME)
    await who.past()
    who.push("street", "utb_msg", second, text="hello")
    assert await who.until("over", "street") == ["error"]
    await who.joined("street")


async def test_sessions_outlive_a_socket_that_was_idle(server: Server, who: Phoenix) -> None:
    await who.connect(server)
    await who.join("street")
    session = await who.session("street")
    await who.talk("street", session, "hello", *WELCOME)
    # Whoever answers pings is kept: this one is held up, as a page in the background may be.
    who.signal(signal.SIGSTOP)
    await server.driver.advance(60)
    who.signal(signal.SIGCONT)
    assert await who.until("closed", "s") == [1000]
    if who.package == MIDDLE:
        # To 1.6 and 1.7 a close with 1000 is final (assets/js/phoenix/socket.js): the page has to do it.
        who.do(["reconnect", "s"])
    await who.until("open", "s")
    await who.joined("street")
    await who.talk("street", session, "lamp", "Lamps are mended within two days")


async def test_heartbeats_keep_a_socket(server: Server, who: Phoenix) -> None:
    """A client closes its socket when a heartbeat is not answered before the next, and the server one that is idle."""
    await who.connect(server, heartbeatMs=NEVER)
    await who.join("street")
    for _ in range(4):
        await server.driver.advance(45)
        assert "closed" not in {event[0] for event in await who.past()}
        for _ in range(2):
            # By hand: a machine that is busy is later than any timer that a test could wait for.
            who.do(["beat", "s"])
            await who.arrives("phx_reply", "phoenix")
    beats = who.frames("out", "heartbeat")
    replies = [frame for frame in who.frames("in", "phx_reply") if frame.topic == "phoenix"]
    assert len(replies) == 8
    assert [frame.ref for frame in replies] == [frame.ref for frame in beats[: len(replies)]]
    assert {frame.join_ref for frame in replies} == {None}
    assert not who.told("closed")
    await who.talk("street", await who.session("street"), "hello", *WELCOME)


async def test_who_answers_pings_is_not_dropped(server: Server, who: Phoenix) -> None:
    """A client heartbeats by real time, of which none passes while the clock is moved."""
    await who.connect(server, heartbeatMs=NEVER)
    await who.join("street")
    session = await who.session("street")
    await server.driver.advance(600)
    await who.talk("street", session, "hello", *WELCOME)
    assert not who.told("closed")
    kinds = [message["kind"] for message in (await admin(server.url("aida"), "GET", "messages"))[1]["messages"]]
    assert (kinds.count("ping"), kinds.count("pong")) == (20, 20)


async def operator(server: Server, bot: str, session: str, message: object) -> tuple[str, bytes]:
    """Someone at AIDA's own desk speaks; the status line without its version, and the body."""
    path = f"/api/bots/{bot}/sessions/{session}/send_message"
    body = json.dumps({"message": message}).encode()
    head, answer = await ask(server.url("aida"), "POST", path, body, "Content-Type: application/json")
    return head[0][9:], answer


async def test_an_operator_is_heard_on_all_sockets(server: Server, who: Phoenix) -> None:
    """Of this client, and of a V1 client; another bot's channel hears nothing."""
    async with Phoenix.running(V1) as other:
        for client, socket in ((who, "s"), (who, "t"), (other, "s")):
            await client.connect(server, socket)
        await who.join("one", KITCHEN, KITCHEN_TOKEN)
        await who.join("two", KITCHEN, KITCHEN_TOKEN, "t")
        await who.join("street", socket="t")
        await other.join("three", KITCHEN, KITCHEN_TOKEN)
        mine = await who.session("one", {"data": {"language": "es"}})
        for session, text in ((mine, "Espera, por favor"), (ANA, "Just a moment")):
            said = {"es": "Espera, por favor", "en": "Just a moment"}
            assert await operator(server, KITCHEN, session, said) == ("200 OK", b"")
            for client, channel in ((who, "one"), (who, "two"), (other, "three")):
                await client.hears(channel, session, text)
        # The bot's answers are for the one who asked.
        await who.talk("one", mine, "horario", "Abrimos de doce a diez, ")
        for client, channel in ((who, "two"), (who, "street"), (other, "three")):
            await client.session(channel)
        assert not [*who.told("said"), *other.told("said")]
        assert await operator(server, STREET, mine, "hello") == (
            "422 Unprocessable Entity",
            b'{"errors":"Unknown session"}',
        )


@pytest.mark.node
async def test_the_line_to_paste_works(server: Server) -> None:
    async with Phoenix.running(NEW) as who:
        who.do(["paste", server.served[0].example])
        assert await who.until("logged") == ["Say 'english' for English. Di 'español' para español."]


# ---- Phoenix 1.8


@pytest.mark.node
@pytest.mark.parametrize("package", [OLD, MIDDLE, NEW, V1])
async def test_row_55_whole_conversation_in_profile_1_8(package: str) -> None:
    async with aida(profile="1.8") as server, Phoenix.running(package) as who:
        await who.connect(server)
        await conversation(server, who)
        for event in ("utb_msg", "utb_img"):
            who.nothing_answered(event)
        if package != V1:
            joins = {frame.join_ref for frame in who.frames("out", "phx_join")}
            assert {frame.join_ref for frame in who.frames("in", "btu_msg")} == joins
        await who.join("again")
        who.push("again", "utb_msg", "no session")
        assert await who.until("over", "again") == ["error"]
        await who.joined("again")
        assert [frame.payload for frame in who.frames("in", "phx_error")] == [{"reason": "channel_crash"}]


@pytest.mark.node
async def test_long_polling() -> None:
    async with aida(profile="1.8") as server, Phoenix.running(NEW) as who:
        await who.connect(server, longpoll=True)
        await conversation(server, who, polls=True)
        await who.join("street")
        session = await who.session("street")
        # Sixty polls that nobody answers but with 204.
        await server.driver.advance(600)
        await who.talk("street", session, "hello", *WELCOME)
        assert await operator(server, STREET, session, "Still there?") == ("200 OK", b"")
        await who.hears("street", session, "Still there?")
        who.push("street", "utb_msg", session)
        assert await who.until("over", "street") == ["error"]
        await who.joined("street")
        await who.talk("street", session, "lamp", "Lamps are mended within two days")
        assert not who.told("closed")
        # Its session is gone, and it begins another by itself.
        await admin(server.url("aida"), "POST", "reset")
        await who.until("closed", "s")
        await who.until("open", "s")
        await who.joined("street")
        await who.talk("street", await who.session("street"), "hello", *WELCOME)


@pytest.mark.parametrize(("profile", "code"), [("1.3", 1006), ("1.8", 1012)])
async def test_shutdown(who: Phoenix, profile: str, code: int) -> None:
    server = aida(profile=profile)
    await server.start()
    try:
        await who.connect(server, reconnectMs=NEVER)
        await who.join("street")
    finally:
        await server.stop()
    assert await who.until("closed", "s") == [code]
    assert await who.until("over", "street") == ["error"]


@pytest.mark.node
async def test_long_polling_ends_at_shutdown() -> None:
    async with Phoenix.running(NEW) as who:
        async with aida(profile="1.8") as server:
            await who.connect(server, longpoll=True, reconnectMs=NEVER)
            await who.join("street")
        await who.until("closed", "s")


# ---- pictures


@pytest.mark.node
async def test_pictures(server: Server) -> None:
    base = server.url("aida")
    async with Phoenix.running(NEW) as who:
        for type, size in (("image/png", 3), ("image/svg+xml", 3_000_000)):
            _, _, body = await who.upload(image_url(server, KITCHEN, ANA), type, size)
            url = f"{base}/content/image/{json.loads(body)['id']}"
            for method, found in (("GET", ("picture " * (size // 8 + 1))[:size]), ("HEAD", "")):
                status, headers, body = await who.fetch(method, url)
                assert (status, body) == (200, found)
                assert (headers["content-type"], headers["content-length"]) == (f"{type}; charset=utf-8", str(size))
                assert headers["access-control-allow-origin"] == "*"
        assert (await who.fetch("GET", f"{base}/content/image/{ANA}"))[::2] == (404, "")
        status, _, body = await who.fetch("GET", f"{base}/content/image/mine")
        assert (status, json.loads(body)) == (400, {"errors": {"detail": "Internal server error"}})
        status, _, body = await who.upload(image_url(server, KITCHEN, ANA), "text/plain")
        assert (status, json.loads(body)) == (415, {"errors": "Unsupported Media Type"})


@pytest.mark.node
async def test_an_upload_from_another_page(server: Server) -> None:
    async with Phoenix.running(NEW) as who:
        label = who.label()
        who.do(["page", label, image_url(server, KITCHEN, ANA), "image/png", 1000])
        status, body = await who.until("page", label)
        assert status == 200
        status, _, found = await who.fetch("GET", f"{server.url('aida')}/content/image/{json.loads(body)['id']}")
        assert (status, found) == (200, "picture " * 125)
    head, body = await ask(
        server.url("aida"),
        "OPTIONS",
        f"/content/image/{KITCHEN}/{ANA}",
        b"",
        "Origin: http://aida-ui.example.com",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: x-requested-with",
    )
    lines = dict(line.split(": ", 1) for line in head[1:])
    assert (head[0], body) == ("HTTP/1.1 204 No Content", b"")
    assert lines["access-control-allow-origin"] == "*"
    assert lines["access-control-max-age"] == "1728000"
    assert lines["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,OPTIONS"
    assert "X-Requested-With" in lines["access-control-allow-headers"].split(",")


@pytest.mark.node
async def test_a_picture_that_is_too_big(server: Server) -> None:
    """While a socket is open, which lives on."""
    async with Phoenix.running(NEW) as who:
        await who.connect(server)
        await who.join("kitchen", KITCHEN, KITCHEN_TOKEN)
        status, headers, body = await who.upload(image_url(server, KITCHEN, ANA), bytes=26 << 20)
        assert (status, json.loads(body)) == (413, {"errors": {"detail": "Internal server error"}})
        assert headers["access-control-allow-origin"] == "*"
        await who.talk("kitchen", ANA, "hours", "Open from noon to ten, Ana")
        status, _, body = await who.upload(image_url(server, KITCHEN, ANA), bytes=(25 << 20) - 1)
        assert status == 200
        status, headers, _ = await who.fetch("HEAD", f"{server.url('aida')}/content/image/{json.loads(body)['id']}")
        assert (status, headers["content-length"]) == (200, str((25 << 20) - 1))
        assert not who.told("closed")


# ---- phxsocket


async def aside(work: Callable[[], T]) -> T:
    """What a client that blocks answers, from a thread that holds up nobody, not even the end of Python."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            loop.call_soon_threadsafe(future.set_exception, error)
        else:
            loop.call_soon_threadsafe(future.set_result, result)

    Thread(target=run, daemon=True).start()
    async with asyncio.timeout(SECONDS):
        return await future


@pytest.mark.parametrize("profile", ["1.3", "1.8"])
async def test_row_55_phxsocket(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """V1 with integers as refs, of which the first is a heartbeat's and 0."""
    monkeypatch.setenv("NO_PROXY", "*")
    async with aida(profile=profile) as server:
        await phxsocket_talks(server)


async def phxsocket_talks(server: Server) -> None:
    loop = asyncio.get_running_loop()
    came: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    beats: asyncio.Queue[Any] = asyncio.Queue()

    def message(channel: Any, event: str, payload: Any) -> None:
        loop.call_soon_threadsafe(came.put_nowait, (event, payload))

    def beat(message: Any) -> None:
        if message.topic == "phoenix":
            loop.call_soon_threadsafe(beats.put_nowait, message)

    client = phxsocket.Client(f"{endpoint(server)}/websocket", {"who": "phxsocket"})
    client.on_message = beat
    assert await aside(client.connect) is True
    try:
        async with asyncio.timeout(SECONDS):
            first = await beats.get()
        assert (first.event, first.ref, type(first.ref)) == ("phx_reply", 0, int)
        assert first.payload == {"status": "ok", "response": {}}

        def pushed(channel: Any, event: str, payload: object) -> Any:
            return channel.push(event, payload, reply=True).wait_for_response()

        wrong = client.channel(f"bot:{KITCHEN}", {"access_token": STREET_TOKEN})
        with pytest.raises(phxsocket.channel.ChannelConnectError) as refused:
            await aside(wrong.join)
        assert refused.value.args == ({"reason": "unauthorized"},)
        channel = client.channel(f"bot:{KITCHEN}", {"access_token": KITCHEN_TOKEN})
        channel.on_message = message
        channel.on_close = lambda: loop.call_soon_threadsafe(came.put_nowait, ("closed", None))
        assert await aside(channel.join) == {}
        answer = await aside(lambda: pushed(channel, "new_session", {"data": {"language": "en"}}))
        assert answer["status"] == "ok"
        session = answer["response"]["session"]
        data = {"session": session, "data": {"first_name": "Zoë"}}
        assert await aside(lambda: pushed(channel, "put_data", data)) == {"status": "ok", "response": {}}
        channel.push("utb_msg", {"session": session, "text": "hours"})
        async with asyncio.timeout(SECONDS):
            said = {"text": "Open from noon to ten, Zoë", "session": session}
            assert await came.get() == ("btu_msg", said)
        assert await aside(lambda: client.push("phoenix", "heartbeat", {}, reply=True).wait_for_response()) == {
            "status": "ok",
            "response": {},
        }
        # Its own `leave` asks for a reply in a way that its own class does not have, and so never sees it.
        await aside(channel.leave)
        async with asyncio.timeout(SECONDS):
            assert await came.get() == ("closed", None)
        answer = await aside(lambda: pushed(channel, "new_session", {}))
        assert answer == {"status": "error", "response": {"reason": "unmatched topic"}}
        assert await aside(channel.join) == {}
    finally:
        await aside(client.close)

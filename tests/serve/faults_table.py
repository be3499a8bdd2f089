"""What clients of other people observe of each fault: the cases, and how they are played."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import websockets

from simulator.serve.app import Options, Server
from tests.backends.chatbot.chats import HARBOUR
from tests.backends.mia.chats import GARDEN
from tests.served import SECONDS, Node, admin

KITCHEN, KITCHEN_TOKEN = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60", "harbour-web-token"
"""A bot of fixtures/aida.yaml."""

CLIENTS = {
    "ws": "`ws` at chip",
    "websockets": "Python's `websockets` at chip",
    "io-websocket": "`socket.io-client` at mia, WebSocket",
    "io-polling": "`socket.io-client` at mia, polling",
    "phoenix": "`phoenix` at aida, WebSocket",
    "phoenix-longpoll": "`phoenix` at aida, long polling",
}
HISTORY = '{"type":"get_history","before":"2030-01-01T00:00:00Z"}'
SAY = '{"type":"send_msg","text":"two"}'
CHIP = [HISTORY, SAY]
MIA = [["EVENT_CLIENT_SEND_MESSAGE", {"content": "one"}], ["EVENT_CLIENT_SEND_MESSAGE", {"content": "two"}]]
AIDA = [["new_session", {}]]
AIDA_TWICE = [*AIDA, ["delete_session", {"session": "b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718"}]]
PROBES: dict[str, list[Any]] = {
    "ws": CHIP, "websockets": CHIP, "io-websocket": MIA, "io-polling": MIA, "phoenix": AIDA, "phoenix-longpoll": AIDA,
}  # fmt: skip
PINGS = [["ask", "ping", {}], ["ask", "ping", {}]]
CHATBOT: dict[str, dict[str, Any]] = {"io-websocket": {"at": "chatbot"}, "io-polling": {"at": "chatbot"}}
"""mia acknowledges nothing, and its pings are far between."""
NONE: dict[str, list[Any]] = {name: [] for name in PROBES}
TWICE: dict[str, list[Any]] = {**PROBES, "phoenix": AIDA_TWICE, "phoenix-longpoll": AIDA_TWICE}


@dataclass
class Case:
    """Faults, and what the client does once they are there."""

    faults: list[dict[str, Any]]
    probes: dict[str, list[Any]] = field(default_factory=lambda: PROBES)
    first: bool = False
    """The faults are there before the client comes."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    instead: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Faults for one client alone."""


def _of(type: str, attributes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": type, **({"attributes": attributes} if attributes else {}), **more}


CASES: dict[str, Case] = {
    "latency": Case([_of("latency", {"latency": 30, "jitter": 10})]),
    "bandwidth": Case([_of("bandwidth", {"rate": 20})]),
    "slow_close": Case([_of("slow_close", {"delay": 30}), _of("close", {"code": 1012}, count=1)], NONE),
    "timeout": Case([_of("timeout", {"timeout": 30}, count=1)], NONE),
    "reset_peer": Case([_of("reset_peer", count=1)], NONE),
    "slicer": Case([_of("slicer", {"average_size": 8, "size_variation": 3, "delay": 100})]),
    "limit_data": Case([_of("limit_data", {"bytes": 20}, count=1)], {**PROBES, "ws": [HISTORY], "websockets": [HISTORY], "io-websocket": MIA[:1]}),
    "close, a code": Case([_of("close", {"code": 1012, "reason": "bye"}, count=1)], NONE),
    "close, none": Case([_of("close", count=1)], NONE),
    "close, behind a message": Case(
        [_of("close", {"code": 4000, "deliver": True}, count=1, match={"nth": 1})],
        {**PROBES, "ws": [HISTORY], "websockets": [HISTORY], "io-websocket": MIA[:1], "io-polling": MIA[:1]},
    ),
    "malformed, json": Case([_of("malformed", {"form": "json"}, count=1)], {**TWICE, "io-websocket": MIA[:1], "io-polling": MIA[:1]}),
    "malformed, envelope": Case([_of("malformed", {"form": "envelope"}, count=1)], {**TWICE, "io-websocket": MIA[:1], "io-polling": MIA[:1]}),
    "malformed, utf8": Case([_of("malformed", {"form": "utf8"}, count=1)], {**TWICE, "ws": [HISTORY], "websockets": [HISTORY], "io-websocket": MIA[:1], "io-polling": MIA[:1], "phoenix": AIDA}),
    **{
        f"malformed, {form}": Case([_of("malformed", {"form": form}, count=1)], {**PROBES, "ws": [HISTORY], "websockets": [HISTORY], "io-websocket": MIA[:1]})
        for form in ("rsv", "opcode", "mask", "continuation")
    },
    "duplicate": Case([_of("duplicate", count=1)]),
    "reorder": Case([_of("reorder", {"window": 5000}, count=1)], {**TWICE, "phoenix-longpoll": AIDA}),
    "drop": Case([_of("drop", count=1)], {**TWICE, "ws": [HISTORY, SAY], "websockets": [HISTORY, SAY]}),
    "oversized": Case([_of("oversized", {"size": 1100000}, count=1)], options={"ws": {"options": {"maxPayload": 1 << 20}}}),
    "refused_handshake": Case([_of("refused_handshake", {"status": 429, "body": "later"}, count=1)], NONE, True),
    "starved_ping": Case(
        [_of("starved_ping", count=1)],
        {"ws": [None, HISTORY], "websockets": [None, HISTORY], "io-websocket": [], "io-polling": [], "phoenix": []},
        options={**CHATBOT, "phoenix": {"heartbeat": 60}},
        # Server and client give up at the same moment; these say who is to be first.
        instead={
            "io-websocket": [_of("starved_ping", count=1), _of("slow_close", {"delay": 2000})],
            "io-polling": [_of("starved_ping", count=1, stream="upstream")],
        },
    ),
    "dropped_ack": Case([_of("dropped_ack", count=1)], {"io-websocket": PINGS, "io-polling": PINGS, "phoenix": AIDA, "phoenix-longpoll": AIDA}, options=CHATBOT),
}  # fmt: skip


def play_options(name: str, sim: Server, options: dict[str, Any]) -> dict[str, Any]:
    """How a client of clients/faults.mjs is opened."""
    if name == "ws":
        return {"do": "ws", "url": sim.connect("chip"), **options}
    if name.startswith("io-"):
        at = options.get("at", "mia")
        auth = HARBOUR if at == "chatbot" else {"instance": GARDEN}
        return {"do": "io", "url": sim.url(at), "transports": [name[3:]], "auth": auth}
    url = sim.connect("aida").partition("/websocket?")[0]
    longpoll = name.endswith("longpoll")
    return {
        "do": "phoenix",
        "url": url,
        "topic": f"bot:{KITCHEN}",
        "token": KITCHEN_TOKEN,
        "longpoll": longpoll,
        **options,
    }


def label(name: str, what: str, *rest: Any) -> str | None:
    """What is told of one event, None where it is nobody's business."""
    if what in ("message", "event"):
        word = rest[0] if name in ("ws", "websockets") or what == "message" else rest[1]
        if name.startswith("io-"):
            return str(rest[1]) if rest[0] == "EVENT_SERVER_SEND_MESSAGE" else None
        return "a message without a type" if word is None else str(word)
    if what == "ping":
        return None
    return " ".join(str(part) for part in (what, *rest) if part not in ("", None))


class Python:
    """Python's `websockets`, with the same verbs."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[str] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._socket: Any = None
        self._ready = asyncio.Event()

    def open(self, url: str) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(url))

    async def _run(self, url: str) -> None:
        try:
            async with websockets.connect(url, ping_interval=None, close_timeout=1) as socket:
                self._socket = socket
                await socket.send('{"type":"start_chat"}')
                while True:
                    text = await socket.recv()
                    try:
                        message = json.loads(text)
                        if "msg_out" in message:
                            await socket.send(json.dumps({"type": "ack_chat", "msg_id": message["msg_out"]["id"]}))
                        self.events.put_nowait(str(message["type"]))
                    except (ValueError, TypeError) as error:
                        self.events.put_nowait(f"thrown {type(error).__name__}")
        except websockets.ConnectionClosed as error:
            got, sent = error.rcvd, error.sent
            said = (
                f"received {got.code} {got.reason}".strip()
                if got
                else f"sent {sent.code}"
                if sent
                else "no close frame"
            )
            self.events.put_nowait(f"{type(error).__name__}: {said}")
        except (websockets.InvalidStatus, OSError) as error:
            told = getattr(error, "response", None)
            self.events.put_nowait(f"{type(error).__name__} {told.status_code if told else ''}".strip())

    async def send(self, text: str | None) -> None:
        if text is not None:
            await self._socket.send(text)
            return
        pong = await self._socket.ping()
        pong.add_done_callback(
            lambda done: None if done.cancelled() or done.exception() else self.events.put_nowait("pong")
        )

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


FIRST = {"ws": "chat_started", "websockets": "chat_started", "phoenix": "join ok", "phoenix-longpoll": "join ok"}
"""By what a client knows that it may go on."""


QUIET = 0.5


class Player:
    """Plays cases, one after the other."""

    def __init__(self, sim: Server, node: Node) -> None:
        self.sim, self.node = sim, node
        self._serial = 0
        self._name = ""
        self._python = Python()

    async def play(self, case: Case, name: str, expected: list[str] | None) -> list[str]:
        """What the client observes: as much as is expected, and what else comes until it has gone.

        With None all that comes within half a second: to find out what is to be expected.
        """
        self._serial += 1
        self._name = name
        seen: list[str] = []
        try:
            if case.first:
                await self._fault(case)
            if name == "websockets":
                self._python = Python()
                self._python.open(self.sim.connect("chip"))
            else:
                self._write(**play_options(name, self.sim, case.options.get(name, {})))
            if not case.first:
                chatbot = "at" in case.options.get(name, {})
                await self._until("connected" if chatbot else FIRST.get(name, "EVENT_SERVER_INIT_MESSAGE_LIST"))
                await self._fault(case)
            for probe in case.probes[name]:
                if name == "websockets":
                    await self._python.send(probe)
                else:
                    asks = isinstance(probe, list) and probe[0] == "ask"
                    self._write(do="ask" if asks else "send", args=probe[1:] if asks else probe)
            if expected is None:
                while True:
                    seen += await self._next(QUIET)
            while len(seen) < len(expected):
                seen += await self._next(SECONDS)
        except TimeoutError:
            seen += [] if expected is None else ["(nothing)"]
        finally:
            await admin(self.sim.url("chip"), "DELETE", "faults")
            seen += await self._end()
            await self._gone()
        return seen

    async def _gone(self) -> None:
        """The server has seen that nobody is there any more: no fault meets who has left."""
        async with asyncio.timeout(SECONDS):
            while self.sim.driver.linked or self.sim.driver.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    async def _fault(self, case: Case) -> None:
        backend = {"ws": "chip", "websockets": "chip", "phoenix": "aida", "phoenix-longpoll": "aida"}.get(self._name)
        backend = backend or case.options.get(self._name, {}).get("at", "mia")
        faults = [{**fault, "backend": backend} for fault in case.instead.get(self._name, case.faults)]
        status, told = await admin(self.sim.url("chip"), "POST", "faults", faults)
        assert status == 200, told

    def _write(self, **command: Any) -> None:
        self.node.write({"id": self._serial, **command})

    async def _event(self, seconds: float) -> list[Any]:
        assert self.node.process.stdout is not None
        async with asyncio.timeout(seconds):
            while True:
                line = await self.node.process.stdout.readline()
                assert line, "Node ended"
                of, *event = json.loads(line)
                if of == self._serial:
                    return list(event)

    async def _next(self, seconds: float) -> list[str]:
        if self._name == "websockets":
            async with asyncio.timeout(seconds):
                return [await self._python.events.get()]
        told = label(self._name, *await self._event(seconds))
        return [] if told is None else [told]

    async def _until(self, what: str) -> None:
        while True:
            if self._name == "websockets":
                got = (await self._next(SECONDS))[0]
            else:
                event = await self._event(SECONDS)
                got = event[1] if event[0] in ("event", "message") else " ".join(map(str, event))
            if got == what:
                return

    async def _end(self) -> list[str]:
        if self._name == "websockets":
            await self._python.end()
            return [self._python.events.get_nowait() for _ in range(self._python.events.qsize())]
        self._write(do="end")
        late = []
        while (event := await self._event(SECONDS)) != ["ended"]:
            told = label(self._name, *event)
            late += [] if told is None else [told]
        return late


def simulator() -> Server:
    """Four backends that answer at once and leave bots out of it."""
    settings = [
        ("chip.bot_delay", "0"),
        ("chip.outbox_interval", "0"),
        ("mia.bot", "none"),
        ("mia.init_delay", "0"),
        ("aida.profile", "1.8"),
        ("chatbot.acknowledge", "true"),
        ("chatbot.ping_interval", "0.3"),
        ("chatbot.ping_timeout", "0.6"),
    ]
    return Server(Options(["chip", "mia", "aida", "chatbot"], port=0, seed=7, settings=settings))

"""The driver between engines and sockets: time by hand, pings, resets, and mistakes of our own."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import connect

from simulator.core.events import Received
from simulator.core.message import Ping
from simulator.serve.app import Options, Server
from simulator.serve.by_hand import PATIENCE
from simulator.serve.clock import ManualClock
from simulator.serve.driver import Driver
from simulator.serve.spaces import Spaces
from tests.serve.sleeps import sleeping
from tests.served import SECONDS, WEBSITE, Raw, admin, ask, chip, handshake, prompt, request

START_CHAT = '{"type":"start_chat"}'
PING, PONG = (0x89, b""), b"\x8a\x80\x00\x00\x00\x00"
"""The server's ping as `Raw.frame` reads it; a client's pong as it is sent."""


class Took(NamedTuple):
    """Seconds: the real ones, which a busy machine makes more, for what is waited at least; the slept ones for at most."""

    real: float
    slept: float


async def advance(url: str, seconds: float) -> None:
    """By the control API."""
    status, _ = await admin(url, "POST", "clock/advance", {"seconds": seconds})
    assert status == 200


async def timed(url: str, seconds: float) -> Took:
    """How long that takes."""
    before = time.perf_counter()
    with sleeping() as slept:
        await advance(url, seconds)
    return Took(time.perf_counter() - before, sum(slept))


async def test_ten_minutes_in_less_than_two_seconds() -> None:
    """Pings and answers in order, who answers stays, who is silent goes at 60 s.

    The seconds are of CPU, clients and all: how long others keep the machine from it is not ours. What is slept
    through is counted beside them, and that is one wait for who is silent.
    """
    async with chip(ManualClock()) as simulator:
        url, where = simulator.url("chip"), simulator.connect("chip")
        async with connect(where, proxy=None) as lively, Raw.upgraded(where) as silent, Raw.upgraded(where) as scripted:
            await lively.send(START_CHAT)
            chat_id = json.loads(await lively.recv())["chat_id"]
            silent.send(START_CHAT)
            await silent.text()
            await lively.send('{"type":"send_msg","text":"hi"}')
            silent.send('{"type":"send_msg","text":"hi"}')
            await ask(url, "GET", "/")

            async def pongs() -> list[tuple[int, bytes]]:
                got: list[tuple[int, bytes]] = []
                while len(got) < 20:
                    got.append(await scripted.frame())
                    scripted.write(PONG)
                return got

            answering = asyncio.get_running_loop().create_task(pongs())
            before = time.process_time()
            assert (await timed(url, 600)).slept < 2 * PATIENCE
            assert time.process_time() - before < 2

            # One second for the bot, a tenth for the outbox, then a ping at 30 s, and the end at 60 s.
            assert '"text":"You said: hi"' in await silent.text()
            assert [await silent.frame(), await silent.frame()] == [PING, PING]
            assert await silent.rest() == b""

            answer = json.loads(await lively.recv())["msg_out"]
            assert answer["text"] == "You said: hi"
            assert answer["time"].startswith("2026-01-01T00:00:01.000000")
            async with asyncio.timeout(SECONDS):
                assert await answering == [PING] * 20

            await lively.send(json.dumps({"type": "ack_chat", "msg_id": answer["id"]}))
            await lively.send('{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
            assert len(json.loads(await lively.recv())["history"]) == 2

            _, journal = await admin(url, "GET", "messages")
            link = next(m["link"] for m in journal["messages"] if chat_id in m["raw"])
            told = [(m["time"][14:19], m["sender"], m["kind"]) for m in journal["messages"] if m["link"] == link]
            expected: list[tuple[str, str, str]] = [("00:00", "client", "message"), ("00:00", "server", "message")]
            expected += [("00:00", "client", "message"), ("00:01", "server", "message")]
            for half in range(1, 21):
                at = f"{half // 2:02d}:{half % 2 * 30:02d}"
                expected += [(at, "server", "ping"), (at, "client", "pong")]
            assert told[: len(expected)] == expected
            times = [m["time"] for m in journal["messages"]]
            assert times == sorted(times)


@pytest.mark.parametrize("steps", [[59.999], [30, 29.999], [10] * 5])
async def test_silent_peer_stays_until_its_time(steps: list[float]) -> None:
    async with chip(ManualClock()) as simulator, Raw.upgraded(simulator.connect("chip")) as silent:
        for seconds in steps:
            await advance(simulator.url("chip"), seconds)
        silent.send(START_CHAT)
        assert await silent.frame() == PING
        assert '"chat_started"' in await silent.text()


async def test_pong_moves_the_end_and_data_does_not() -> None:
    async with (
        chip(ManualClock()) as simulator,
        Raw.upgraded(simulator.connect("chip")) as ponging,
        Raw.upgraded(simulator.connect("chip")) as talking,
    ):
        url = simulator.url("chip")
        talking.send(START_CHAT)
        assert '"chat_started"' in await talking.text()
        await advance(url, 59)
        assert [await ponging.frame(), await talking.frame()] == [PING, PING]
        # Pongs that nobody asked for count, everything else does not.
        ponging.write(PONG)
        talking.send('{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
        assert '"history"' in await talking.text()
        await ask(url, "GET", "/")
        await advance(url, 1)
        assert await talking.frame() == PING
        assert await talking.rest() == b""
        await advance(url, 57)
        assert [await ponging.frame(), await ponging.frame()] == [PING, PING]
        await advance(url, 2)
        assert await ponging.rest() == b""


async def test_many_silent_peers_cost_little() -> None:
    """Each ping is waited for once, all of an instant together."""
    async with chip(ManualClock(), pong_timeout=0) as simulator:
        where = simulator.connect("chip")
        async with Raw.upgraded(where), Raw.upgraded(where), Raw.upgraded(where), Raw.upgraded(where):
            took = await timed(simulator.url("chip"), 300)
    assert took.slept < 2 * PATIENCE <= 2 * took.real


async def test_who_is_silent_is_waited_for_once_until_he_pays() -> None:
    """A machine may be busy, so that is long; but not for each ping of a peer that never answers any."""
    async with (
        chip(ManualClock(), ping_interval=1, pong_timeout=0) as simulator,
        Raw.upgraded(simulator.connect("chip")) as silent,
    ):
        url = simulator.url("chip")
        took = await timed(url, 100)
        assert took.slept < 2 * PATIENCE <= 2 * took.real
        assert (await timed(url, 100)).slept < PATIENCE
        for _ in range(200):
            assert await silent.frame() == PING
        silent.write(PONG)
        await ask(url, "GET", "/")
        assert (await timed(url, 1)).real >= PATIENCE


async def test_advance_from_two_sides_adds_up() -> None:
    async with chip(ManualClock()) as simulator:
        url = simulator.url("chip")
        await asyncio.gather(*(advance(url, 30) for _ in range(4)))
        assert (await admin(url, "GET", "clock"))[1]["time"] == "2026-01-01T00:02:00Z"


async def test_beat_pings_in_real_time_and_leaves_no_trace() -> None:
    async with chip(ManualClock(), ping_interval=0.05) as simulator, Raw.upgraded(simulator.connect("chip")) as raw:
        for _ in range(3):
            assert await raw.frame() == PING
            raw.write(PONG)
        raw.send(START_CHAT)
        assert '"chat_started"' in await raw.text_after_pings()
        assert (await admin(simulator.url("chip"), "GET", "clock"))[1]["now"] == 1767225600.0
        _, journal = await admin(simulator.url("chip"), "GET", "messages")
        assert [message["kind"] for message in journal["messages"]] == ["message", "message"]


async def test_beat_is_no_reason_to_drop() -> None:
    """A page that never pongs lives as long as the clock stands still."""
    async with chip(ManualClock(), ping_interval=0.02, pong_timeout=0.04) as simulator:
        async with Raw.upgraded(simulator.connect("chip")) as raw:
            assert [await raw.frame() for _ in range(10)] == [PING] * 10
        assert not simulator.driver.space.journal.total


async def test_frame_comes_after_what_was_due_before_it() -> None:
    """Also when it is read before the timer rings: the answer leaves, and stands in the journal, first."""
    clock = ManualClock()
    async with chip(clock, outbox_interval=0) as simulator, Raw.upgraded(simulator.connect("chip")) as raw:
        raw.send(START_CHAT)
        raw.send('{"type":"send_msg","text":"hi"}')
        await raw.text()
        await ask(simulator.url("chip"), "GET", "/")
        clock.set(clock.now() + 1)
        raw.send('{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
        assert '"chat_out"' in await raw.text()
        assert '"history"' in await raw.text()
        lines = [(entry.sender, entry.time - 1767225600) for entry in simulator.space.journal]
        assert lines[3:] == [("server", 1), ("client", 1), ("server", 1)]


async def test_tap_sees_what_the_journal_keeps() -> None:
    simulator: Any = chip(ManualClock())
    seen: list[tuple[object, ...]] = []
    simulator.reporter.frames = True
    simulator.reporter.frame = lambda *line: seen.append(line)
    async with simulator, Raw.upgraded(simulator.connect("chip")) as raw:
        raw.send(START_CHAT)
        await raw.text()
        raw.write(b"\x89\x80\x00\x00\x00\x00")
        assert await raw.frame() == (0x8A, b"")
        kept = [(entry.backend, entry.link, entry.sender, entry.item) for entry in simulator.space.journal]
    assert len(seen) == 4
    assert seen == kept


async def test_no_beat_where_no_pings_are() -> None:
    async with chip(ManualClock(), ping_interval=0) as simulator:
        assert simulator.driver._hand is not None
        assert not simulator.driver._hand.beats


async def test_wall_clock_pings_and_drops() -> None:
    settings: dict[str, Any] = {"ping_interval": 0.05, "pong_timeout": 0.12}
    async with chip(**settings) as simulator, Raw.upgraded(simulator.connect("chip")) as silent:
        assert [await silent.frame(), await silent.frame()] == [PING, PING]
        assert await silent.rest() == b""


async def test_wall_clock_answers_after_its_delay() -> None:
    async with chip(bot_delay=0.2) as simulator, connect(simulator.connect("chip"), proxy=None) as ws:
        await ws.send(START_CHAT)
        await ws.recv()
        before = time.perf_counter()
        await ws.send('{"type":"send_msg","text":"hi"}')
        assert '"You said: hi"' in str(await ws.recv())
        # The outbox takes another tenth.
        assert time.perf_counter() - before > 0.29


async def test_reset_turns_away_who_waits() -> None:
    """A command that waits for Courier holds nobody after a reset, and its answer is nobody's."""
    held = asyncio.Event()
    asked = asyncio.Event()

    async def courier(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await held.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(courier, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with prompt(courier_url=f"http://127.0.0.1:{port}") as simulator:
            url = simulator.url("chip")
            async with Raw.upgraded(simulator.connect("chip")) as raw:
                raw.send(START_CHAT)
                async with asyncio.timeout(SECONDS):
                    await asked.wait()
                await admin(url, "POST", "reset")
                assert await raw.rest() == b"\x88\x02\x03\xe8"
                held.set()
            async with Raw.upgraded(simulator.connect("chip")) as raw:
                raw.send(START_CHAT)
                assert '"chat_started"' in await raw.text()


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.ERROR):
        yield caplog


async def test_our_own_mistake_takes_one_socket_down(quiet: pytest.LogCaptureFixture) -> None:
    async with prompt() as simulator:
        running = simulator.space.running["chip"]
        rules: Any = running.engine.rules
        right = rules.handle

        def wrong(event: object) -> Any:
            if isinstance(event, Received):
                raise ZeroDivisionError
            return right(event)

        async with Raw.upgraded(simulator.connect("chip")) as other:
            running.engine._handle = wrong
            async with Raw.upgraded(simulator.connect("chip")) as raw:
                raw.send(START_CHAT)
                assert await raw.rest() == b""
            running.engine._handle = rules.handle
            other.send(START_CHAT)
            assert '"chat_started"' in await other.text()
    assert [record.getMessage() for record in quiet.records] == ["a mistake of the simulator, while it worked Got"]


async def test_our_own_mistake_answers_with_500(quiet: pytest.LogCaptureFixture) -> None:
    async with prompt() as simulator:
        running = simulator.space.running["chip"]
        rules: Any = running.engine.rules

        def wrong(event: object) -> Any:
            raise ZeroDivisionError

        running.engine._handle = wrong
        head, _ = await ask(simulator.url("chip"), "POST", f"/wc/send/{WEBSITE}/", b"{}")
        assert head[0] == "HTTP/1.1 500 Internal Server Error"
        running.engine._handle = rules.handle
        head, _ = await ask(simulator.url("chip"), "POST", f"/wc/send/{WEBSITE}/", b"{}")
        assert head[0] == "HTTP/1.1 400 Bad Request"
        assert not simulator.driver.asked
    assert quiet.records[0].getMessage() == "a mistake of the simulator, while it worked Asked"


async def test_stop_says_goodbye_and_leaves_nothing() -> None:
    before = asyncio.all_tasks()
    simulator = prompt()
    await simulator.start()
    where, url = simulator.connect("chip"), simulator.url("chip")
    async with Raw.upgraded(where) as one, Raw.upgraded(where) as two, Raw.open(url, request("GET", "/")) as idle:
        await idle.answer()
        with sleeping() as slept:
            await simulator.stop()
        assert sum(slept) < 1
        for raw in (one, two):
            assert await raw.rest() == b"\x88\x02\x03\xe8"
        assert await idle.rest() == b""
        with pytest.raises(OSError, match="Connect call failed"):
            async with Raw.open(url):
                pass
    assert asyncio.all_tasks() == before
    assert simulator.served == []


@pytest.mark.parametrize("space", ["", "new"])
@pytest.mark.parametrize("first", [b"", request("GET", "/")], ids=["a visitor", "aiohttp's"])
async def test_who_wants_a_socket_while_it_stops_is_turned_away(
    first: bytes, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a connection that he had: its port ends later than the goodbyes. No space begins that nobody would end."""
    part = Spaces._part
    heads: list[str] = []

    async def late(spaces: Spaces) -> None:
        await part(spaces)
        raw.write(handshake(where))
        # What a visitor's own transport has to hand to aiohttp is taken by nobody any more.
        with suppress(EOFError):
            heads.append((await raw.head())[0])

    simulator = prompt()
    await simulator.start()
    where, spaces = simulator.connect("chip", space), simulator.spaces
    async with Raw.open(simulator.url("chip"), first) as raw:
        if first:
            await raw.answer()
        async with asyncio.timeout(SECONDS):
            while simulator._crowd is None or not simulator._crowd.http:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        monkeypatch.setattr(Spaces, "_part", late)
        await simulator.stop()
        assert heads == ["HTTP/1.1 503 Service Unavailable"] or (space and not first and not heads)
        assert await raw.rest() == (b'{"error":"the server stops"}' if space and heads else b"")
        assert [place.name for place in spaces] == [""]


async def test_who_was_let_in_too_late_is_cut_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """His answer was on its way when its driver was closed."""
    put = Driver.put

    def open_still(driver: Driver, *given: Any) -> Any:
        driver._closed, closed = False, driver._closed
        try:
            return put(driver, *given)
        finally:
            driver._closed = closed

    part = Spaces._part

    async def late(spaces: Spaces) -> None:
        await part(spaces)
        monkeypatch.setattr(Driver, "put", open_still)
        raw.write(handshake(where))
        assert (await raw.head())[0] == "HTTP/1.1 101 Switching Protocols"

    simulator = prompt()
    await simulator.start()
    where = simulator.connect("chip")
    async with Raw.open(simulator.url("chip"), request("GET", "/")) as raw:
        await raw.answer()
        monkeypatch.setattr(Spaces, "_part", late)
        driver = simulator.driver
        await simulator.stop()
        assert driver.sockets() == []


async def test_stop_waits_for_nobody_who_does_not_read() -> None:
    simulator = prompt()
    await simulator.start()
    async with Raw.upgraded(simulator.connect("chip")) as raw:
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        raw.send(START_CHAT)
        await ask(simulator.url("chip"), "GET", "/")
        running = simulator.space.running["chip"]
        (link,) = simulator.driver._links.values()
        while not link.unsent:
            link.send(Ping(b"x" * 125))
        with sleeping() as slept:
            await simulator.stop()
        assert sum(slept) < 1
        assert not running.engine.wire.owes()


async def test_two_simulators_do_not_know_each_other() -> None:
    async with prompt() as one, prompt() as two:
        answers = []
        for simulator in (one, two):
            async with Raw.upgraded(simulator.connect("chip")) as raw:
                raw.send(START_CHAT)
                answers.append(await raw.text())
        assert answers[0] == answers[1]


async def test_port_is_given_back_when_another_is_taken() -> None:
    async with prompt() as first:
        taken = int(first.url("chip").rpartition(":")[2])
        second = Server(Options(["chip"], port=taken))
        with pytest.raises(Exception, match=f"chip: port {taken} on 127.0.0.1 is taken: stop what listens there, or"):
            await second.start()
        assert second._runners == []
    async with second:
        assert second.url("chip") == f"http://127.0.0.1:{taken}"


async def test_goodbye_reaches_everyone_although_somebody_has_just_gone() -> None:
    """The kernel knows already that one has closed its socket, the loop not yet."""
    simulator = prompt()
    await simulator.start()
    where = simulator.connect("chip")
    async with Raw.upgraded(where) as gone, Raw.upgraded(where) as stays:
        gone.writer.transport.abort()
        closing = asyncio.get_running_loop().create_task(simulator.stop())
        assert await stays.rest() == b"\x88\x02\x03\xe8"
        await closing


@pytest.mark.parametrize("own", [True, False], ids=["our own links", "aiohttp's"])
async def test_operator_reads_why_a_link_was_closed(own: bool) -> None:
    async with prompt(own_links=own) as simulator:
        running = simulator.space.running["chip"]
        told: list[tuple[str, str, dict[str, object]]] = []
        running.log = lambda level, text, /, **facts: told.append((level, text, facts))
        async with Raw.upgraded(simulator.connect("chip")) as raw:
            raw.send("x" * 4097)
            assert await raw.rest() == b"\x88\x02\x03\xf1"
        async with Raw.upgraded(simulator.connect("chip")):
            pass
        # Whoever just goes has done nothing wrong.
        assert [(level, text) for level, text, _ in told] == [
            ("warning", "a message above the limit: closed with 1009")
        ]

"""Faults over real sockets: the control call, what the journal sees, resets of HTTP, the fallback's way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from simulator.serve import trial
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.served import Raw, admin, ask, prompt, request

HISTORY = '{"type":"get_history","before":"2030-01-01T00:00:00Z"}'
CAME = b'{"type":"history","history":[]}'


async def post(sim: Server, *faults: dict[str, Any], name: str = "chip") -> Any:
    status, told = await admin(sim.url(name), "POST", "faults", [*faults])
    assert status == 200, told
    return told["faults"]


async def started(raw: Raw) -> None:
    raw.send('{"type":"start_chat"}')
    assert "chat_started" in await raw.text()


async def test_the_control_call() -> None:
    async with prompt() as sim:
        url = sim.url("chip")
        assert await admin(url, "GET", "faults") == (200, {"faults": []})
        status, told = await admin(url, "POST", "faults", {"type": "drop", "count": 1})
        assert status == 200
        assert [one["name"] for one in told["faults"]] == ["drop_downstream"]
        await post(sim, {"type": "drop"}, {"type": "drop"}, {"type": "drop", "name": "mine"})
        async with Raw.upgraded(sim.connect("chip")) as raw:
            raw.send('{"type":"start_chat"}')
            raw.send(HISTORY)
            for _ in range(100):
                _, told = await admin(url, "GET", "faults/drop_downstream_2")
                if told["faults"][0]["struck"]:
                    break
        assert told["faults"][0]["last"] == "downstream websocket: message history"
        assert told["faults"][0]["toxicity"] == 1.0
        _, told = await admin(url, "GET", "faults/drop_downstream")
        assert told["faults"][0]["spent"] is True
        status, told = await admin(url, "DELETE", "faults/mine")
        assert (status, [one["name"] for one in told["faults"]]) == (200, ["mine"])
        status, told = await admin(url, "DELETE", "faults")
        assert len(told["faults"]) == 3
        assert await admin(url, "GET", "faults") == (200, {"faults": []})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "faults", {"type": "lag"}, 400, "type: input should be 'latency'"),
        ("POST", "faults", [{"type": "drop"}, {"type": "drop", "toxicity": 2}], 400, "1.toxicity: input should be less"),
        ("POST", "faults", {"type": "drop", "match": {"message": "x"}}, 400, "match.message: nothing downstream is called 'x'"),
        ("POST", "faults", [{"type": "drop"}, {"type": "drop", "backend": "mia"}], 400, "1.backend: there is no 'mia' here"),
        ("POST", "faults", [{"type": "drop", "name": "a"}, {"type": "drop", "name": "a"}], 409, "name: there is a fault 'a' already"),
        ("POST", "faults", [{"type": "drop"}] * 1001, 409, "1000 faults are the most"),
        ("POST", "faults", [{"type": "lag"}] * 50_000, 409, "1000 faults are the most"),
        ("POST", "faults", b"{", 400, "the body is not JSON"),
        ("POST", "faults", "drop", 400, "input should be a valid dictionary"),
        ("POST", "faults/a", {"type": "drop"}, 405, "/__admin/faults/a takes GET or DELETE"),
        ("PUT", "faults", {"type": "drop"}, 405, "/__admin/faults takes GET or POST or DELETE"),
        ("GET", "faults/a", None, 404, "there is no fault 'a'; there are: none"),
        ("DELETE", "faults/a%20b", None, 404, "there is no fault 'a b'"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_nothing_is_added(
    method: str, path: str, body: Any, status: int, told: str
) -> None:
    async with prompt() as sim:
        got, answer = await admin(sim.url("chip"), method, path, body)
        assert got == status
        assert answer["error"].startswith(told), answer
        assert await admin(sim.url("chip"), "GET", "faults") == (200, {"faults": []})


@pytest.fixture(params=["own links", "aiohttp's"])
def any_link(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of serving a socket."""

    async def check(intake: object) -> str | None:
        return "a test wants it" if request.param == "aiohttp's" else None

    monkeypatch.setattr(trial, "check", check)


@pytest.mark.usefixtures("any_link")
async def test_what_goes_over_a_socket_and_what_the_journal_sees() -> None:
    async with prompt() as sim, Raw.upgraded(sim.connect("chip")) as raw:
        await started(raw)
        await post(sim, {"type": "drop", "count": 1}, {"type": "malformed", "attributes": {"form": "rsv"}, "count": 1})
        raw.send(HISTORY)
        raw.send(HISTORY)
        assert await raw.frame() == (0xA1, CAME)
        await post(sim, {"type": "slicer", "attributes": {"average_size": 20}, "count": 1})
        raw.send(HISTORY)
        assert [await raw.frame(), await raw.frame()] == [(0x01, CAME[:20]), (0x80, CAME[20:])]
        raw.send(HISTORY)
        assert await raw.frame() == (0x81, CAME)
        journal = [entry.item.data for entry in sim.space.journal if entry.sender == "server"]
        assert journal[1:] == [CAME.decode()] * 3, "broken, sliced, whole; what was dropped never went"
        await post(sim, {"type": "reset_peer"})
        with pytest.raises(ConnectionResetError):
            await raw.rest()


@pytest.mark.usefixtures("any_link")
async def test_part_of_a_frame_and_then_the_end() -> None:
    async with prompt() as sim, Raw.upgraded(sim.connect("chip")) as raw:
        await started(raw)
        await post(sim, {"type": "limit_data", "attributes": {"bytes": 10}})
        raw.send(HISTORY)
        assert await raw.rest() == b"\x81" + bytes((len(CAME),)) + CAME[:8]


async def test_a_manual_clock_moves_delays() -> None:
    clock = ManualClock()
    async with prompt(clock) as sim, Raw.upgraded(sim.connect("chip")) as raw:
        await started(raw)
        await post(sim, {"type": "latency", "attributes": {"latency": 60_000}})
        raw.send(HISTORY)
        raw.send('{"type":"nothing"}')
        while sim.space.journal.total < 4:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert await admin(sim.url("chip"), "POST", "clock/advance", {"seconds": 59}) is not None
        reading = asyncio.ensure_future(raw.text_after_pings())
        await admin(sim.url("chip"), "POST", "clock/advance", {"seconds": 1})
        assert await reading == CAME.decode()


async def test_requests_are_reset_and_refused() -> None:
    async with prompt() as sim:
        url = sim.url("chip")
        await post(sim, {"type": "reset_peer", "transport": "http", "count": 1})
        async with Raw.open(url, request("GET", "/")) as raw:
            with pytest.raises(ConnectionResetError):
                await raw.rest()
        await post(sim, {"type": "close", "transport": "polling"}, {"type": "timeout", "transport": "websocket"})
        assert (await ask(url, "GET", "/"))[0][0] == "HTTP/1.1 200 OK"


async def test_a_reset_closes_what_was_held_and_brings_back_first_faults() -> None:
    async with prompt() as sim, Raw.upgraded(sim.connect("chip")) as raw:
        await started(raw)
        await post(sim, {"type": "latency", "attributes": {"latency": 10**9}})
        raw.send(HISTORY)
        while sim.space.journal.total < 3:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await admin(sim.url("chip"), "POST", "reset")
        assert await raw.frame() == (0x81, CAME)
        assert await raw.frame() == (0x88, b"\x03\xe8")
        assert await admin(sim.url("chip"), "GET", "faults") == (200, {"faults": []})


async def test_a_spaces_faults_are_only_its_own_backends() -> None:
    options = Options(["chip", "mia"], port=0, seed=7, clock=ManualClock())
    async with Server(options) as sim:
        await post(sim, {"type": "refused_handshake", "attributes": {"status": 500}, "backend": "mia"})
        head, _ = await ask(sim.url("mia"), "GET", "/socket.io/?EIO=4&transport=polling")
        assert head[0] == "HTTP/1.1 500 Internal Server Error"
        async with Raw.upgraded(sim.connect("chip")) as raw:
            await started(raw)


async def test_no_space_sees_anothers_faults() -> None:
    async with prompt() as sim:
        base = f"{sim.url('chip')}/~space"
        body = {"type": "refused_handshake", "attributes": {"status": 418}}
        head, _ = await ask(sim.url("chip"), "POST", "/~space/a/__admin/faults", json.dumps(body).encode())
        assert head[0] == "HTTP/1.1 200 OK"
        path = sim.connect("chip").partition("/wc/")[2]
        with pytest.raises(AssertionError, match="418"):
            async with Raw.upgraded(f"{base}/a/wc/{path}"):
                pass
        for other in (f"{base}/b/wc/{path}", sim.connect("chip")):
            async with Raw.upgraded(other) as raw:
                await started(raw)
        assert await admin(sim.url("chip"), "GET", "faults") == (200, {"faults": []})

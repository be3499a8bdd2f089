"""What a simulator tells of itself: its version, its backends with every message, and its numbers."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from simulator import __version__, backends
from simulator.core.backend import Backend
from simulator.core.bot import ACTS
from simulator.serve.admin import about
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.connections import room
from tests.served import Raw, admin, ask, prompt, request


async def test_version() -> None:
    async with prompt() as simulator:
        told = {"version": __version__, "python": sys.version.partition(" ")[0]}
        assert await admin(simulator.url("chip"), "GET", "version") == (200, told)


async def test_what_is_known_of_a_backend_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    async def said(backend: Backend) -> dict[str, Any]:
        made.append(backend.name)
        return {"acts": {}, "commands": {}, "events": {}}

    monkeypatch.setattr(about, "_said", said)
    monkeypatch.setattr(about, "_KNOWN", {})
    monkeypatch.setattr(about, "_MOST_KNOWN", 2)
    async with Server(Options(["chip", "mia"], port=0, seed=7, clock=ManualClock())) as simulator:
        for name in ("chip", "mia", "chip"):
            assert (await admin(simulator.url(name), "GET", "backends"))[0] == 200
        assert made == ["chip", "mia"], "once for both ports"
    async with Server(Options(["aida"], port=0, seed=7, clock=ManualClock())) as simulator:
        assert (await admin(simulator.url("aida"), "GET", "backends"))[0] == 200
    assert (made, len(about._KNOWN)) == (["chip", "mia", "aida"], 1)


async def test_backends() -> None:
    """Every message that there is has a schema, and a sample of the document that fits it."""
    names = backends.names()
    async with Server(Options(names, port=0, seed=7, clock=ManualClock())) as simulator:
        url = simulator.url("chip")
        host = url.partition("://")[2]
        async with Raw.open(url, request("GET", "/__admin/backends", b"", host=host)) as raw:
            told = json.loads((await raw.answer())[1])
        assert [one["name"] for one in told["backends"]] == names
        for one in told["backends"]:
            backend = backends.load(one["name"])
            assert (one["url"], one["connect"]) == (simulator.url(one["name"]), simulator.connect(one["name"]))
            assert one["example"].count(one["url"].partition("://")[2]) >= 1
            assert one["port"] == int(one["url"].rpartition(":")[2])
            assert one["summary"] == backend.summary
            assert {*one["acts"]} == {*ACTS}
            for name, act in one["acts"].items():
                assert act["schema"]["properties"]["act"]["const"] == name
                Draft202012Validator.check_schema(act["schema"])
            for key, models in (("commands", backend.commands), ("events", backend.events)):
                assert [*one[key]] == [*models]
                for name, message in one[key].items():
                    assert message["example"] == message["examples"][0]
                    assert 1 <= len(message["examples"]) <= 5
                    models[name].model_validate(message["example"])
                    if key == "commands":
                        Draft202012Validator(message["schema"]).validate(message["example"])
                    assert message["doc"]
        by_name = {one["name"]: one for one in told["backends"]}
        assert "amina@example.com" in by_name["chip"]["agents"]
        assert by_name["mia"]["agents"] is None
        assert by_name["concierge"]["statuses"] == ["sent", "delivered", "read", "unsent"]
        assert by_name["chip"]["commands"]["send_msg"]["example"] == {"text": "I need help!"}


@pytest.mark.parametrize(
    ("host", "prefix", "own", "other"),
    [
        ("localhost:9", "", "http://localhost:9", "http://localhost:{port}"),
        ("[::1]:9", "/~space/a", "http://[::1]:9/~space/a", "http://[::1]:{port}/~space/a"),
        ("127.0.0.1", "/%7Espace/a", "http://127.0.0.1/%7Espace/a", "http://127.0.0.1:{port}/%7Espace/a"),
    ],
)
async def test_backends_are_told_as_they_were_reached(host: str, prefix: str, own: str, other: str) -> None:
    """A port of a container is another one outside, and so is its name."""
    async with Server(Options(["chip", "mia"], port=0)) as simulator:
        asked = request("GET", f"{prefix}/__admin/backends", b"", host=host)
        async with Raw.open(simulator.url("chip"), asked) as raw:
            chip, mia = json.loads((await raw.answer())[1])["backends"]
        assert chip["url"] == own
        assert chip["connect"].startswith(own.replace("http", "ws"))
        assert mia["url"] == other.format(port=simulator.url("mia").rpartition(":")[2])


async def test_a_name_that_is_none() -> None:
    async with prompt(admin_token="t") as simulator:
        url = simulator.url("chip")
        asked = request("GET", "/__admin/backends", b"", "Authorization: Bearer t", host="a b")
        async with Raw.open(url, asked) as raw:
            assert json.loads((await raw.answer())[1])["backends"][0]["url"] == url


async def numbers(url: str) -> dict[tuple[str, ...], float]:
    """Samples by name and values of their labels."""
    head, body = await ask(url, "GET", "/__admin/metrics")
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in head
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(body.decode()):
        assert family.documentation
        for sample in family.samples:
            found[sample.name, *sample.labels.values()] = sample.value
    return found


async def test_metrics() -> None:
    async with Server(Options(["chip", "mia"], port=0, clock=ManualClock(), admin_port=0)) as simulator:
        url = str(simulator.admin)
        async with connect(simulator.connect("chip"), proxy=None) as ws:
            await ws.send('{"type":"start_chat"}')
            await ws.recv()
            first = await numbers(url)
            assert first["simulator_connections", "chip", ""] == 1
            assert first["simulator_connections", "mia", ""] == 0
            assert first["simulator_spaces",] == 1
            assert first["simulator_frames_total", "chip", "client", ""] == 1
            assert first["simulator_frames_total", "chip", "server", ""] == 1
            assert first["simulator_journal_frames_total", ""] == 2
            assert first["simulator_sockets", ""] == 1
            assert first["simulator_talks", "chip", ""] == len(simulator.space.running["chip"].engine.rules.talks())
            assert first["simulator_timers", "chip", ""] == 2, "a ping and a pong"
            assert (first["simulator_tcp_connections",], first["simulator_connections_most",]) == (2, room())
            assert first["simulator_tasks",] >= 2
            for name in ("calls", "objects", "object_bytes", "uploads"):
                assert first[f"simulator_{name}", ""] == 0
            assert first["simulator_clock_seconds", ""] == 1767225600
            assert first["simulator_info", __version__] == 1
            assert first["process_resident_memory_bytes",] > 1e6
            fault = {"type": "drop", "name": "lost", "stream": "upstream", "count": 2}
            assert (await admin(url, "POST", "faults", fault))[0] == 200
            for _ in range(2):
                await ws.send('{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
            await (await ws.ping())
            second = await numbers(url)
            assert second["simulator_fault_strikes_total", "lost", "", "drop"] == 2
            assert second["simulator_faults", ""] == 0
            assert second["simulator_frames_total", "chip", "client", ""] == 4
            assert (await admin(url, "POST", "reset"))[0] == 200
        await admin(url, "GET", "clock?simulator_space=a")
        third = await numbers(url)
        assert third["simulator_spaces",] == 2
        assert third["simulator_connections", "chip", ""] == third["simulator_connections", "chip", "a"] == 0
        assert third["simulator_journal_frames_total", ""] == 0
        assert third["simulator_frames_total", "chip", "client", ""] >= 4, "a counter goes on over a reset"

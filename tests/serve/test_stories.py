"""Scenarios by control call: which there are, where each talk stands, and how it is moved on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from simulator.serve import scenarios
from simulator.serve.app import Server
from tests.serve.clients import all_five, client, says
from tests.served import admin

STORY = """
states:
  start:
    rules:
      - when: {text: {contains: help}}
        then:
          - say: "One moment"
          - wait: 60
          - go: desk
  desk:
    enter:
      - say: "This is the desk"
    rules:
      - when: message
        then:
          - count: asked
          - say: "Asked {{ asked }} times"
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    path = tmp_path / "story.yaml"
    path.write_text(STORY)
    async with all_five(scenario=path, settings=[("chip.outbox_interval", "0")]) as simulator:
        yield simulator


async def call(server: Server, method: str, path: str, body: object = None, *more: str) -> tuple[int, Any]:
    return await admin(server.url("chip"), method, path, body, *more)


async def test_which_there_are(server: Server) -> None:
    status, told = await call(server, "GET", "scenarios")
    names = [line["name"] for line in told["scenarios"]]
    assert (status, names) == (200, sorted([*scenarios.shipped(), "story"]))
    playing = [line for line in told["scenarios"] if line["playing"]]
    assert playing == [{"name": "story", "file": "story.yaml", "playing": True, "states": ["start", "desk"]}]
    _, told = await call(server, "GET", "spaces")
    assert told["spaces"][0]["scenario"] == "story"
    here = "X-Simulator-Space: a"
    assert (await call(server, "POST", "spaces", {"name": "a", "scenario": "echo"}))[0] == 200
    _, told = await call(server, "GET", "scenarios", None, here)
    assert [line["name"] for line in told["scenarios"] if line["playing"]] == ["echo"]
    status, told = await call(server, "GET", "scenarios/echo/state", None, here)
    assert (status, told["states"], told["talks"]) == (200, [""], [])


async def test_a_talk_is_moved_on(server: Server) -> None:
    async with client(server, "chip") as who, client(server, "concierge") as other:
        await who.send(says("chip", who.talk, "help"))
        out = json.loads(await who.next())["msg_out"]
        assert out["text"] == "One moment"
        await who.send(json.dumps({"type": "ack_chat", "msg_id": out["id"]}))
        status, told = await call(server, "GET", "scenarios/story/state")
        [chip] = [line for line in told["talks"] if line["backend"] == "chip"]
        assert (status, told["name"], told["states"]) == (200, "story", ["start", "desk"])
        assert chip == {
            "backend": "chip", "talk": chip["talk"], "state": "start", "variables": {"asked": 0}, "agent": None,
            "over": False, "busy": True, "waiting": 0,
        }  # fmt: skip
        assert chip["talk"].endswith(who.talk)
        await who.send(says("chip", who.talk, "while busy"))
        await call(server, "POST", "messages/wait", {"body": {"text": "while busy"}})
        assert [line["waiting"] for line in (await call(server, "GET", "scenarios/story/state"))[1]["talks"]] == [1, 0]
        # The pause is cut short, what waited is forgotten, what is done on entering is done.
        status, told = await call(server, "PUT", "scenarios/story/state", {"talk": who.talk, "state": "desk"})
        states = {line["backend"]: (line["state"], line["busy"], line["waiting"]) for line in told["talks"]}
        assert (status, states) == (200, {"chip": ("desk", False, 0), "concierge": ("start", False, 0)})
        out = json.loads(await who.next())["msg_out"]
        assert out["text"] == "This is the desk"
        await who.send(json.dumps({"type": "ack_chat", "msg_id": out["id"]}))
        await call(server, "POST", "clock/advance", {"seconds": 120})
        await who.send(says("chip", who.talk, "hello"))
        assert json.loads(await who.next())["msg_out"]["text"] == "Asked 1 times"
        # Without a talk, all of them.
        status, told = await call(server, "PUT", "scenarios/story/state", {"state": "desk"})
        assert {line["state"] for line in told["talks"]} == {"desk"}
        await other.until("This is the desk")
        await call(server, "PUT", "scenarios/story/state", {"state": "start", "backend": "concierge"})
        _, told = await call(server, "GET", "scenarios/story/state")
        assert {line["backend"]: line["state"] for line in told["talks"]} == {"chip": "desk", "concierge": "start"}


WRONG: list[tuple[str, str, Any, int, str]] = [
    ("GET", "scenarios/other/state", None, 404, "'other' is not played here, 'story' is"),
    ("PUT", "scenarios/story/state", {"state": "nowhere"}, 400, "state: there is no 'nowhere'; there are: start, desk"),
    ("PUT", "scenarios/story/state", {"state": "desk"}, 404, "talk: no talk has begun; the latest are: none"),
    ("PUT", "scenarios/story/state", {"state": "desk", "talk": "x"}, 404, "talk: there is no 'x'; the latest are: "),
    ("PUT", "scenarios/story/state", {"state": "desk", "backend": "x"}, 400, "backend: there is no 'x' here"),
    ("PUT", "scenarios/story/state", {}, 400, "state: is missing"),
    ("PUT", "scenarios/story/state", {"state": "desk", "to": "x"}, 400, "to: there is no such key"),
]


async def test_asked_wrongly(server: Server) -> None:
    for method, path, body, status, why in WRONG:
        got, told = await call(server, method, path, body)
        assert (got, told["error"][: len(why)]) == (status, why)


async def test_where_no_scenario_is_played() -> None:
    async with all_five() as server:
        status, told = await call(server, "GET", "scenarios/echo/state")
        assert (status, told["error"][:30]) == (404, "no scenario is played here: se")
        _, told = await call(server, "GET", "scenarios")
        assert [line["playing"] for line in told["scenarios"]] == [False] * len(scenarios.shipped())

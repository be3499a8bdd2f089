"""The description of the control API: all of the table is in it, and the API keeps to it whatever it is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from websockets.sync.client import connect as sync_connect

from simulator.serve.admin.api import CALLS
from simulator.serve.admin.call import Call, shape
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.described import description
from tests.served import SECONDS, admin, prompt

DESCRIPTION = description()
NAMES = [f"{call.method} {call.path}" for call in CALLS]
LONG = ("messages/wait", "messages/wait-for-count")
"""They wait for as long as they are told to."""
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    negative_data_rejection,
]  # fmt: skip


class Aside:
    """A simulator in a loop of its own, so that a client that blocks can ask it."""

    def __init__(self) -> None:
        self.url = self.connect = ""
        self._ready, self._over = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        options = Options(["chip", "mia"], port=0, seed=7, clock=ManualClock(), spaces=100_000, admin_port=0)
        async with Server(options) as simulator:
            self.url, self.connect = str(simulator.admin), simulator.connect("chip")
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Aside:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)


@pytest.fixture(scope="module")
def aside() -> Iterator[Aside]:
    with Aside() as running:
        yield running


@pytest.fixture(autouse=True)
def talk(request: pytest.FixtureRequest) -> Iterator[None]:
    """Somebody is there, and has said something right and something wrong, so that there is something to tell."""
    if "aside" not in request.fixturenames or "clock" in request.node.name:
        # A clock that moves by years would ping a client all the time.
        yield
        return
    running: Aside = request.getfixturevalue("aside")
    with sync_connect(running.connect, proxy=None) as ws:
        for text in ('{"type":"start_chat"}', '{"type":"send_msg","text":7}', "nonsense"):
            ws.send(text)
        ws.recv(timeout=SECONDS)
        yield


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    found: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    return {f"{one.method.upper()} {one.path.removeprefix('/__admin/')}": one for one in found}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "GET events"])
def test_whatever_is_asked_the_answer_is_as_described(aside: Aside, operations: dict[str, Any], name: str) -> None:
    operation = operations[name]

    def ask(case: Any) -> None:
        if name.endswith(LONG) and isinstance(case.body, dict):
            case.body["timeout"] = 0
        case.call_and_validate(base_url=aside.url, checks=CHECKS, timeout=10)

    for mode in schemathesis.GenerationMode:
        if mode.is_negative and not (operation.body or operation.query):
            continue
        strategy = operation.as_strategy(generation_mode=mode)
        bounded = settings(
            max_examples=5, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )  # fmt: skip
        bounded(given(case=strategy)(ask))()


def test_every_call_is_described() -> None:
    paths = DESCRIPTION["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"}
    assert described == {(call.method, f"/__admin/{call.path}") for call in CALLS}
    assert len(described) == len(CALLS)
    numbers = [item[method]["operationId"] for item in paths.values() for method in item if method != "parameters"]
    assert len({*numbers}) == len(numbers)


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_what_a_call_takes_and_gives_is_described(call: Call) -> None:
    assert call.does[0].isupper()
    assert call.does.endswith(".")
    assert call.gives or call.media != "application/json", "an answer of JSON needs a shape"
    assert call.takes or call.method not in ("POST", "PUT") or call.path in ("reset",), "a body needs a shape"
    for name in filter(None, (call.takes, call.gives, call.asks)):
        model = shape(name)
        assert model.__doc__, name
    operation = DESCRIPTION["paths"][f"/__admin/{call.path}"][call.method.lower()]
    assert {"200", "400", "401", "403", "503"} <= {*operation["responses"]}
    for status, response in operation["responses"].items():
        assert response["description"]
        if status != "200":
            schema = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert schema == call.tells.get(int(status), "form:Wrong").partition(":")[2]


def test_every_shape_is_a_schema() -> None:
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert "__" not in name, "two shapes have one name"


async def test_it_is_served_where_the_space_is() -> None:
    async with prompt() as simulator:
        url = simulator.url("chip")
        status, told = await admin(url, "GET", "openapi.json")
        assert (status, told.pop("servers")) == (200, [{"url": "/"}])
        assert told == DESCRIPTION
        _, told = await admin(f"{url}", "GET", "openapi.json?simulator_space=a")
        assert told["servers"] == [{"url": "/"}]

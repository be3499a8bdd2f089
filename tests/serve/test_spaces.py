"""Spaces of one server: how they are found, what they do not share, when they end."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio  # type: ignore[import-untyped]
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from simulator import backends
from simulator.core.errors import SimulatorError
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock, WallClock
from simulator.serve.reporter import Reporter
from simulator.serve.spaces import REST, Crowded
from tests.serve.keeper import until
from tests.served import SECONDS, WEBSITE, Node, Raw, admin, ask, chip, clean_environment, handshake, prompt, request

NEW_YEAR = 1767225600.0
START_CHAT = '{"type":"start_chat"}'


def many(*names: str, clock: ManualClock | WallClock | None = None, **options: Any) -> Server:
    """Some backends on free ports, all of them where none is named."""
    settings = [("chip.bot_delay", "0"), ("chip.outbox_interval", "0")] if "chip" in (names or ("chip",)) else []
    given = {"settings": settings, "port": 0, "seed": 7, **options}
    return Server(Options(names or backends.names(), clock=clock or ManualClock(), **given))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with prompt() as simulator:
        yield simulator


async def says(ws: ClientConnection, text: str = START_CHAT) -> str:
    await ws.send(text)
    async with asyncio.timeout(SECONDS):
        return str(await ws.recv())


async def told(simulator: Server, name: str = "chip") -> dict[str, dict[str, Any]]:
    """All spaces by their names."""
    status, answer = await admin(simulator.url(name), "GET", "spaces")
    assert status == 200
    return {space["name"]: space for space in answer["spaces"]}


async def spaced(simulator: Server, space: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """A control call of a space, in one of the three ways."""
    way = sum(space.encode()) % 3
    url = simulator.url(next(iter(simulator.space.running)))
    if way == 0:
        return await admin(url, method, path, body, f"X-Simulator-Space: {space}")
    if way == 1:
        return await admin(url, method, f"{path}?simulator_space={space}", body)
    head, answer = await ask(
        url, method, f"/~space/{space}/__admin/{path}", b"" if body is None else json.dumps(body).encode()
    )
    return int(head[0].split()[1]), json.loads(answer)


# --- found


async def test_three_ways_lead_to_one_space(server: Server) -> None:
    """And all of them to the same bytes as in the default one, which sees nothing of it."""
    where = server.connect("chip")
    ways: list[tuple[str, dict[str, str]]] = [
        (server.connect("chip", "gw0"), {}),
        (f"{where}?simulator_space=gw0", {}),
        (where, {"X-Simulator-Space": "gw0"}),
    ]
    chats = []
    for url, headers in ways:
        async with connect(url, additional_headers=headers, proxy=None) as ws:
            chats.append(await says(ws))
    assert len({*chats}) == 3, "one after the other in one space"
    spaces = await told(server)
    assert {name: space["journal"] for name, space in spaces.items()} == {"": 0, "gw0": 6}
    for name in ("gw1", ""):
        async with connect(server.connect("chip", name), proxy=None) as ws:
            assert await says(ws) == chats[0]


async def test_an_unnamed_session_is_found_by_its_sid() -> None:
    """A browser's polls can bear a header, its WebSocket can't. Two spaces with one seed have different sids."""
    async with many("mia") as simulator, aiohttp.ClientSession() as session:
        url = f"{simulator.url('mia')}/socket.io/?EIO=4"
        first = simulator.space.running["mia"].seed.instances[0]
        auth = json.dumps({"instance": {"chatId": first.chat_id, "token": first.client_token}})
        sids = {}
        for space in ("a", "b"):
            headers = {"X-Simulator-Space": space}
            async with session.get(f"{url}&transport=polling", headers=headers) as response:
                sids[space] = json.loads((await response.text())[1:])["sid"]
        assert sids["a"] != sids["b"]
        for space, sid in sids.items():
            named = f"{url}&sid={sid}"
            async with session.post(f"{named}&transport=polling", data=f"40{auth}") as response:
                assert (response.status, await response.text()) == (200, "ok")
            async with session.get(f"{named}&transport=polling") as response:
                assert (await response.text()).startswith("40{")
            async with session.ws_connect(f"{named}&transport=websocket".replace("http", "ws", 1)) as ws:
                await ws.send_str("2probe")
                assert await ws.receive_str() == "3probe"
                await ws.send_str("5")
                await ws.send_str('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"hi"}]')
                while '"hi"' not in await ws.receive_str(timeout=SECONDS):
                    pass
                counted = await told(simulator, "mia")
                assert (counted[space]["connections"], counted[""]["connections"]) == (1, 0)
        other = f"{url}&transport=polling&sid={sids['a']}&simulator_space=b"
        async with session.get(other) as response:
            assert (response.status, (await response.json())["message"]) == (400, "Session ID unknown")
        async with session.get(f"{url}&transport=polling&sid=no-such-session-anywhere") as response:
            assert response.status == 400
        assert (await told(simulator, "mia"))[""]["journal"] == 0


async def test_an_unnamed_long_poll_is_found_by_its_token() -> None:
    profile = [("profile", "1.8")]
    async with many("aida", settings=profile) as simulator, aiohttp.ClientSession() as session:
        url = f"{simulator.url('aida')}/socket/longpoll?vsn=2.0.0"
        async with session.get(url, headers={"X-Simulator-Space": "gw0"}) as response:
            token = (await response.json(content_type=None))["token"]
        async with session.post(f"{url}&token={token}", data='[null,"1","phoenix","heartbeat",{}]') as response:
            assert (await response.json(content_type=None))["status"] == 200
        async with session.get(f"{url}&token={token}") as response:
            answer = await response.json(content_type=None)
        assert (answer["status"], answer["token"], len(answer["messages"])) == (200, token, 1)
        spaces = await told(simulator, "aida")
        assert spaces[""]["journal"] == 0
        assert spaces["gw0"]["journal"] > 0


async def test_people_s_clients_come_in_by_all_three_ways() -> None:
    """python-socketio with a prefix in its path, a query, and headers; each begins with polls and goes over."""
    async with many("chatbot") as simulator:
        url, fixtures = simulator.url("chatbot"), simulator.space.running["chatbot"].seed
        widget = next(widget for widget in fixtures.widgets if widget.active)
        auth = {"widgetKey": widget.widgetKey, "chatbotId": widget.chatbotId}
        ways: list[tuple[str, dict[str, Any]]] = [
            (url, {"socketio_path": "/~space/gw0/socket.io"}),
            (f"{url}?simulator_space=gw0", {}),
            (url, {"headers": {"X-Simulator-Space": "gw0"}}),
        ]
        for where, options in ways:
            client = socketio.AsyncSimpleClient()
            await client.connect(where, auth=auth, **options)
            try:
                async with asyncio.timeout(SECONDS):
                    await client.emit("join-conversation", {"sessionId": "s"})
                    while (await client.receive())[0] != "conversation-started":
                        pass
                assert client.transport == "websocket"
                assert {name: s["connections"] for name, s in (await told(simulator, "chatbot")).items()} == {
                    "": 0,
                    "gw0": 1,
                }
            finally:
                await client.disconnect()
        assert (await told(simulator, "chatbot"))[""]["journal"] == 0


async def test_rules_see_nothing_of_the_selectors(server: Server) -> None:
    seen: list[Any] = []
    place = server.spaces.named("gw0")
    rules: Any = place.driver.space.running["chip"].engine.rules

    def handle(event: Any) -> Any:
        seen.append(event)
        return rules.handle(event)

    place.driver.space.running["chip"].engine._handle = handle
    path = f"/~space/gw0/wc/send/{WEBSITE}/"
    query = "?a=1&simulator_space=gw0&b=2"
    head, _ = await ask(server.url("chip"), "POST", path + query, b"{}", "X-Simulator-Space: gw0", "X-Other: 1")
    assert head[0] == "HTTP/1.1 400 Bad Request"
    (asked,) = seen
    assert (asked.request.path, asked.request.query) == (f"/wc/send/{WEBSITE}/", "a=1&b=2")
    assert [name for name, _ in asked.request.headers] == ["Host", "X-Other", "Content-Length"]
    assert asked.request.base == "http://127.0.0.1/~space/gw0"


async def test_who_asks_wrongly_is_told(server: Server) -> None:
    url = server.url("chip")
    cases = [
        ("/~space/../", (), "there can be no space of the name '..'"),
        ("/~space/%2e%2e/__admin/health", (), "there can be no space of the name '..'"),
        ("/~space/a/~space/b/", (), "the path names a space twice"),
        ("/?simulator_space=a", ("X-Simulator-Space: b",), "one request is for one space, but"),
        ("/", ("X-Simulator-Space: a", "X-Simulator-Space: b"), "one request is for one space, but"),
        ("/", (f"X-Simulator-Space: {'x' * 8000}",), "there can be no space of the name 'xxx"),
        ("/", ("X-Simulator-Space: ä",), "there can be no space of the name"),
    ]
    for path, headers, why in cases:
        head, body = await ask(url, "GET", path, b"", *headers)
        assert head[0] == "HTTP/1.1 400 Bad Request", path
        assert "Access-Control-Allow-Origin: *" in head
        assert json.loads(body)["error"].startswith(why)
        assert len(body) < 400
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{server.connect('chip')}?simulator_space=a/b", proxy=None)
    assert refused.value.response.status_code == 400
    assert len(await told(server)) == 1, "none of them made one"
    head, _ = await ask(url, "GET", "/~space/a", b"", "X-Simulator-Space: a", "X-Simulator-Space: a")
    assert head[0].startswith("HTTP/1.1 200"), "they agree"


# --- isolated


async def test_seed_clock_and_reset_are_a_spaces_own(server: Server) -> None:
    async with (
        connect(server.connect("chip", "a"), proxy=None) as a,
        connect(server.connect("chip", "b"), proxy=None) as b,
        connect(server.connect("chip"), proxy=None) as default,
    ):
        first = [await says(ws) for ws in (a, b, default)]
        assert first[0] == first[1] == first[2], "one seed, one script, one answer"
        assert (await spaced(server, "a", "POST", "clock/advance", {"seconds": 5}))[1]["now"] == NEW_YEAR + 5
        assert (await spaced(server, "b", "GET", "clock"))[1]["now"] == NEW_YEAR
        assert (await admin(server.url("chip"), "GET", "clock"))[1]["now"] == NEW_YEAR
        assert (await spaced(server, "b", "POST", "reset"))[0] == 200
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(b.recv(), SECONDS)
        for ws in (a, default):
            assert '"history"' in await says(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
        spaces = await told(server)
        assert [spaces[name]["journal"] for name in ("", "a", "b")] == [4, 4, 0]
        assert [spaces[name]["connections"] for name in ("", "a", "b")] == [1, 1, 0]
    async with connect(server.connect("chip", "b"), proxy=None) as again:
        assert await says(again) == first[1], "as at its start"


async def test_a_reset_of_the_default_space_is_no_other_ones(server: Server) -> None:
    async with connect(server.connect("chip", "a"), proxy=None) as ws:
        await says(ws)
        assert (await admin(server.url("chip"), "POST", "reset"))[0] == 200
        assert '"history"' in await says(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')


async def test_acts_and_messages_are_of_the_space(server: Server) -> None:
    async with connect(server.connect("chip", "b"), proxy=None) as ws:
        await says(ws)
        assert (await spaced(server, "b", "POST", "act", {"act": "say", "text": "Hello"}))[0] == 200
        async with asyncio.timeout(SECONDS):
            assert '"Hello"' in str(await ws.recv())
        assert (await spaced(server, "a", "POST", "act", {"act": "say", "text": "Hello"}))[0] == 404
        status, answer = await spaced(server, "b", "GET", "messages")
        assert (status, answer["total"], [m["name"] for m in answer["messages"]]) == (
            200, 3, ["start_chat", "chat_started", "chat_out"],
        )  # fmt: skip
        assert (await spaced(server, "a", "GET", "messages"))[1]["messages"] == []


async def test_lines_of_the_log_say_the_space() -> None:
    log = io.StringIO()
    reporter = Reporter(lambda: NEW_YEAR, "text", True, log)
    async with chip(ManualClock(), reporter=reporter, bot_delay=0, outbox_interval=0) as simulator:
        await spaced(simulator, "gw0", "POST", "clock/advance", {"seconds": 2.5})
        async with connect(simulator.connect("chip", "gw0"), proxy=None) as ws:
            await says(ws)
        await ask(simulator.url("chip"), "GET", "/nothing", b"", "X-Simulator-Space: gw0")
        await ask(simulator.url("chip"), "GET", "/nothing")
    lines = log.getvalue().splitlines()
    assert lines.pop(0) == "00:00:00.000 spaces info gw0 begins seed=7 clock=manual"
    assert lines[0] == '00:00:02.500 chip in gw0 #1 client >> {"type":"start_chat"}'
    assert lines[-2:] == [
        "00:00:02.500 chip in gw0 warning 404: nothing is at GET /nothing",
        "00:00:00.000 chip warning 404: nothing is at GET /nothing",
    ]
    log = io.StringIO()
    reporter = Reporter(lambda: NEW_YEAR, "json", True, log)
    async with chip(ManualClock(), reporter=reporter) as simulator:
        await ask(simulator.url("chip"), "GET", "/nothing", b"", "X-Simulator-Space: gw0")
    _, line = map(json.loads, log.getvalue().splitlines())
    assert (line["backend"], line["space"]) == ("chip", "gw0")


async def test_calls_to_other_servers_name_the_space() -> None:
    """So that a test's Courier or gateway can answer where it was asked."""
    heads: asyncio.Queue[str] = asyncio.Queue()

    async def courier(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.put_nowait((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(courier, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        async with prompt(courier_url=f"http://127.0.0.1:{port}") as simulator:
            for space, line in (("gw0", "X-Simulator-Space: gw0\r\n"), ("", "")):
                async with connect(simulator.connect("chip", space), proxy=None) as ws:
                    await says(ws)
                async with asyncio.timeout(SECONDS):
                    head = await heads.get()
                assert line in head
                assert ("X-Simulator-Space" in head) is bool(line)


async def test_a_minted_url_finds_its_space_and_no_other() -> None:
    """concierge's presigned URLs, asked for in a space that a header names, bear its prefix below the signature."""
    async with many("concierge") as simulator, aiohttp.ClientSession() as session:
        url = simulator.url("concierge")
        wanted = {"filename": "cat.png", "mimeType": "image/png", "type": "chat"}
        headers = {"X-Simulator-Space": "gw0"}
        async with session.post(f"{url}/file-new/get-upload-url", json=wanted, headers=headers) as response:
            assert response.status == 200, await response.text()
            minted = (await response.json())["data"]["uploadUrlData"]
        assert minted["uploadURL"].startswith(f"{url}/~space/gw0/")
        put: dict[str, Any] = {"data": b"meow", "headers": {"Content-Type": "image/png"}}
        for other in (minted["uploadURL"].replace("gw0", "gw1"), minted["uploadURL"].replace("/~space/gw0", "")):
            async with session.put(other, **put) as response:
                assert (response.status, "SignatureDoesNotMatch" in await response.text()) == (403, True)
        async with session.put(minted["uploadURL"], **put) as response:
            assert response.status == 200, await response.text()
        async with session.get(minted["resourceUrl"]) as response:
            assert (response.status, await response.read()) == (200, b"meow")
        async with session.get(minted["resourceUrl"].replace("gw0", "gw1")) as response:
            assert response.status == 404
        assert await spaced(simulator, "gw1", "POST", "reset")
        async with session.get(minted["resourceUrl"]) as response:
            assert response.status == 200, "another's reset throws nothing away"
        await spaced(simulator, "gw0", "POST", "clock/advance", {"seconds": 7 * 86400})
        async with session.put(minted["uploadURL"], **put) as response:
            assert (response.status, "Request has expired" in await response.text()) == (403, True)


# --- by control call


async def test_a_space_with_a_seed_and_a_clock(server: Server) -> None:
    url = server.url("chip")
    status, made = await admin(url, "POST", "spaces", {"name": "a", "seed": 9, "clock": "2030-05-01T00:00:00Z"})
    assert (status, made) == (200, {
        "name": "a", "prefix": "/~space/a", "seed": 9, "connections": 0, "journal": 0, "idle": made["idle"], "faults": 0, "scenario": None,
        "clock": {"mode": "manual", "now": 1903824000.0, "time": "2030-05-01T00:00:00Z"},
    })  # fmt: skip
    assert await admin(url, "GET", "spaces/a") == (200, {**made, "idle": pytest.approx(0, abs=SECONDS)})
    async with connect(server.connect("chip", "a"), proxy=None) as ws:
        nine = await says(ws)
    async with prompt_with_seed(9) as alone, connect(alone.connect("chip"), proxy=None) as ws:
        assert await says(ws) == nine
    # Once more: it begins anew, and its sockets are closed.
    async with connect(server.connect("chip", "a"), proxy=None) as ws:
        await says(ws)
        status, made = await admin(url, "PUT", "spaces", {"name": "a", "clock": "wall"})
        assert (made["seed"], made["clock"]["mode"], made["journal"]) == (7, "wall", 0)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(ws.recv(), SECONDS)
    status, answer = await spaced(server, "a", "POST", "clock/advance", {"seconds": 1})
    assert (status, answer["error"].startswith("the clock runs by itself")) == (409, True)
    assert (await told(server))[""]["clock"]["mode"] == "manual"


def prompt_with_seed(seed: int) -> Server:
    return chip(ManualClock(), seed=seed, bot_delay=0, outbox_interval=0)


async def test_a_manual_space_of_a_wall_clocks_server_beats_and_waits() -> None:
    async with chip(ping_interval=0.05, pong_timeout=30) as simulator:
        url = simulator.url("chip")
        await admin(url, "POST", "spaces", {"name": "a", "clock": "manual"})
        async with Raw.upgraded(simulator.connect("chip", "a")) as raw:
            assert await raw.frame() == (0x89, b"")
            assert (await spaced(simulator, "a", "GET", "clock"))[1]["now"] == NEW_YEAR
            assert (await spaced(simulator, "a", "POST", "clock/advance", {"seconds": 0.1}))[0] == 200
        assert (await spaced(simulator, "b", "GET", "clock"))[1]["mode"] == "wall"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "why"),
    [
        ("POST", "spaces", {}, 400, 'expected {"name": the name of a space}'),
        ("POST", "spaces", {"name": 7}, 400, 'expected {"name": the name of a space}'),
        ("POST", "spaces", {"name": ".."}, 400, "name: there can be no space of the name '..'"),
        ("POST", "spaces", {"name": ""}, 409, "the default space has the seed and the clock of the server's start"),
        ("POST", "spaces", {"name": "a", "seed": "7"}, 400, "seed: expected a whole number"),
        ("POST", "spaces", {"name": "a", "seed": True}, 400, "seed: expected a whole number"),
        ("POST", "spaces", {"name": "a", "clock": 7}, 400, "clock: expected wall, manual, or an instant"),
        ("POST", "spaces", {"name": "a", "clock": "noon"}, 400, "clock noon: expected wall, manual, or an instant"),
        ("POST", "spaces", {"name": "a", "sed": 7}, 400, "sed: there is no such key"),
        ("DELETE", "spaces", None, 405, "/__admin/spaces takes GET or POST or PUT"),
        ("POST", "spaces/a", {}, 405, "/__admin/spaces/a takes GET or DELETE"),
        ("GET", "spaces/a", None, 404, "there is no space 'a'; there are: none beside the default one"),
        ("DELETE", "spaces/a", None, 404, "there is no space 'a'; there are: "),
        ("DELETE", "spaces/", None, 405, "/__admin/spaces takes GET or POST or PUT"),
        ("GET", "spaces/a%2Fb", None, 404, "there is no space 'a/b'"),
    ],
)
async def test_wrong_calls(server: Server, method: str, path: str, body: object, status: int, why: str) -> None:
    found, answer = await admin(server.url("chip"), method, path, body)
    assert (found, answer["error"][: len(why)]) == (status, why)
    assert len(await told(server)) == 1


SHOUT = {"rules": [{"when": {"text": {"contains": "loud"}}, "then": [{"say": "LOUD"}]}], "else": [{"say": "quiet"}]}


async def replies(ws: ClientConnection, text: str) -> str:
    return str(json.loads(await says(ws, json.dumps({"type": "send_msg", "text": text})))["msg_out"]["text"])


async def test_a_space_with_a_scenario_of_its_own(server: Server) -> None:
    url = server.url("chip")
    assert (await admin(url, "POST", "spaces", {"name": "a", "scenario": SHOUT}))[0] == 200
    assert (await admin(url, "POST", "spaces", {"name": "b", "scenario": "support-desk"}))[0] == 200
    text = "# As a file has it.\nelse:\n  - say: '{{ text }}!'\n"
    assert (await admin(url, "POST", "spaces", {"name": "d", "scenario": text}))[0] == 200
    async with (
        connect(server.connect("chip", "a"), proxy=None) as a,
        connect(server.connect("chip", "b"), proxy=None) as b,
        connect(server.connect("chip", "c"), proxy=None) as c,
        connect(server.connect("chip", "d"), proxy=None) as d,
    ):
        for ws in (a, b, c, d):
            await says(ws)
        assert await replies(d, "be loud") == "be loud!"
        assert await replies(a, "be loud") == "LOUD"
        assert await replies(c, "be loud") == "You said: be loud"
        await spaced(server, "b", "POST", "clock/advance", {"seconds": 5})
        assert '"Welcome to the support desk.' in str(await asyncio.wait_for(b.recv(), SECONDS))
        await spaced(server, "a", "POST", "reset")
    async with connect(server.connect("chip", "a"), proxy=None) as a:
        await says(a)
        assert await replies(a, "hush") == "quiet", "a reset changes nothing of it"


async def test_a_space_that_begins_with_faults(server: Server) -> None:
    lost = {"type": "drop", "match": {"message": "chat_started"}, "count": 1}
    status, made = await admin(server.url("chip"), "POST", "spaces", {"name": "a", "faults": [lost]})
    assert (status, made["faults"]) == (200, 1)
    for _ in range(2):
        async with connect(server.connect("chip", "a"), proxy=None) as a:
            await a.send(START_CHAT)
            await a.send('{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
            assert '"history"' in str(await a.recv()), "the first answer is lost"
        async with connect(server.connect("chip", "a"), proxy=None) as a:
            assert '"chat_started"' in await says(a)
        await spaced(server, "a", "POST", "reset")
    async with connect(server.connect("chip"), proxy=None) as default:
        assert '"chat_started"' in await says(default)


async def test_what_is_wrong_ends_nothing(server: Server) -> None:
    url = server.url("chip")
    async with connect(server.connect("chip", "a"), proxy=None) as ws:
        await says(ws)
        for body, why in (
            ({"scenario": {"rules": [{"then": [{"sya": "x"}]}]}}, "scenario:1: "),
            ({"scenario": "/etc/passwd"}, "scenario: expected one itself (JSON, or the text of its file), or one of "),
            ({"scenario": 7}, "scenario: expected one itself (JSON, or the text of its file), or one of "),
            ({"scenario": "rules: []\nelse:\n  - sya: x\n"}, "scenario:3: else.0.sya: "),
            ({"faults": [{"type": "lag"}]}, "faults.0.type: "),
            ({"faults": {"type": "lag"}}, "faults.type: "),
            ({"faults": ["drop"]}, "faults.0: input should be a valid dictionary"),
            ({"faults": "drop"}, "faults: input should be a valid dictionary"),
        ):
            status, answer = await admin(url, "PUT", "spaces", {"name": "a", **body})
            assert (status, answer["error"].startswith(why)) == (400, True), answer
        twice = [{"type": "drop", "name": "x"}, {"type": "drop", "name": "x"}]
        for scenario, faults in (({}, twice), ({"faults": twice[:1]}, twice[:1])):
            asked = {"name": "a", "scenario": scenario, "faults": faults}
            assert (await admin(url, "PUT", "spaces", asked))[0] == 409
        assert '"history"' in await says(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
    assert (await admin(url, "POST", "spaces", {"name": "b", "faults": twice}))[0] == 409
    assert "b" not in server.spaces


async def test_a_call_names_one_space(server: Server) -> None:
    status, answer = await admin(server.url("chip"), "POST", "spaces?simulator_space=b", {"name": "a"})
    assert (status, answer["error"]) == (400, "name: is 'a', but the request names the space 'b'")
    assert (await admin(server.url("chip"), "POST", "spaces?simulator_space=b", {}))[1]["name"] == "b"


async def test_health_and_lists_make_no_space(server: Server) -> None:
    for path in ("/~space/a/__admin/health", "/~space/a/__admin/spaces"):
        assert (await ask(server.url("chip"), "GET", path))[0][0] == "HTTP/1.1 200 OK"
    assert [*await told(server)] == [""]


async def test_no_page_and_no_stranger_gets_behind_the_guard() -> None:
    paths = [
        "/__admin/spaces",
        "/~space/a/__admin/spaces",
        "/~space/a/%5f_admin/reset",
        "/__admin/reset?simulator_space=a",
    ]
    async with prompt() as simulator:
        for path in paths:
            for line in ("Origin: http://127.0.0.1", "Sec-Fetch-Site: same-origin"):
                head, _ = await ask(simulator.url("chip"), "POST", path, b"", line)
                assert head[0] == "HTTP/1.1 403 Forbidden", path
        async with Raw.open(
            simulator.url("chip"), request("DELETE", "/__admin/spaces/a", b"", host="evil.example.com")
        ) as raw:
            assert (await raw.answer())[0][0] == "HTTP/1.1 403 Forbidden"
        assert [*await told(simulator)] == [""]
    async with chip(ManualClock(), admin_token="s3cret") as simulator:
        for path in paths:
            head, _ = await ask(simulator.url("chip"), "POST", path)
            assert head[0] == "HTTP/1.1 401 Unauthorized", path
        head, _ = await ask(
            simulator.url("chip"), "POST", "/~space/a/__admin/reset", b"", "Authorization: Bearer s3cret"
        )
        assert head[0] == "HTTP/1.1 200 OK"


# --- ends


async def test_the_end_of_a_space_with_live_sockets(server: Server) -> None:
    """It says goodbye as the real server does at shutdown; what comes later finds a new one of that name."""
    async with (
        Raw.upgraded(server.connect("chip", "a")) as a,
        connect(server.connect("chip", "b"), proxy=None) as b,
        Raw.open(server.url("chip"), handshake(server.url("chip", "a") + "/wc/connect/nothing/")) as other,
    ):
        await other.head()
        a.send(START_CHAT)
        first = await a.text()
        assert await admin(server.url("chip"), "DELETE", "spaces/a") == (200, {"name": "a", "ended": True})
        assert await a.rest() == b"\x88\x02\x03\xe8"
        assert '"chat_started"' in await says(b)
        assert [*await told(server)] == ["", "b"]
        async with Raw.upgraded(server.connect("chip", "a")) as again:
            again.send(START_CHAT)
            assert await again.text() == first


async def test_who_waits_in_a_space_that_ends_is_turned_away() -> None:
    async with many("mia") as simulator, aiohttp.ClientSession() as session:
        url = f"{simulator.url('mia', 'a')}/socket.io/?EIO=4&transport=polling"
        async with session.get(url) as response:
            sid = json.loads((await response.text())[1:])["sid"]
        waiting = asyncio.ensure_future(session.get(f"{url}&sid={sid}"))
        await until(lambda: bool(simulator.spaces.named("a").driver.asked))
        moving = asyncio.ensure_future(spaced(simulator, "a", "POST", "clock/advance", {"seconds": 3600}))
        simulator.spaces.drop("a")
        async with asyncio.timeout(SECONDS), await waiting as response:
            assert response.status in (200, 503)
        status, _ = await moving
        assert status in (200, 409)
        async with session.get(f"{url}&sid={sid}") as response:
            assert response.status == 400, "nobody knows that session any more"


async def test_a_timer_of_a_space_that_ended_rings_no_more() -> None:
    async with chip(WallClock(), bot_delay=0.05, ping_interval=0.02, pong_timeout=0) as simulator:
        driver = simulator.spaces.named("a").driver
        async with Raw.upgraded(simulator.connect("chip", "a")) as raw:
            raw.send(START_CHAT)
            await raw.text_after_pings()
            raw.send('{"type":"send_msg","text":"hi"}')
            simulator.spaces.drop("a")
            await raw.rest()
        assert driver._alarm._timer is None


async def test_idle_spaces_go_and_used_ones_stay() -> None:
    async with many("chip", space_idle=0.05) as simulator:
        async with connect(simulator.connect("chip", "used"), proxy=None) as ws:
            await says(ws)
            for name in ("a", "b"):
                await spaced(simulator, name, "POST", "reset")
            await until(lambda: len([*simulator.spaces]) == 2)
            assert [place.name for place in simulator.spaces] == ["", "used"]
            assert '"history"' in await says(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
        await until(lambda: not simulator.spaces.several)
        assert simulator.spaces._timer is None, "nobody is looked after"
        await spaced(simulator, "a", "POST", "reset")
        assert simulator.spaces._timer is not None


async def test_a_waiting_request_is_use(monkeypatch: pytest.MonkeyPatch) -> None:
    async with many("mia", space_idle=3600) as simulator, aiohttp.ClientSession() as session:
        url = f"{simulator.url('mia', 'a')}/socket.io/?EIO=4&transport=polling"
        async with session.get(url) as response:
            sid = json.loads((await response.text())[1:])["sid"]
        place = simulator.spaces.named("a")
        later = asyncio.get_running_loop().time() + 3600
        assert place.idle(later) >= 3599
        waiting = asyncio.ensure_future(session.get(f"{url}&sid={sid}"))
        await until(lambda: bool(place.driver.asked))
        assert place.idle(later) == 0
        waiting.cancel()
        await until(lambda: not place.driver.asked)
        assert place.idle(later) >= 3590


async def test_idle_zero_keeps_them() -> None:
    async with many("chip", space_idle=0) as simulator:
        await spaced(simulator, "a", "POST", "reset")
        assert simulator.spaces._timer is None


async def test_the_bound_and_who_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that makes spaces in a loop is refused; only what rests for a minute makes room, not what was asked for."""
    async with many("chip", spaces=3) as simulator:
        url, loop = simulator.url("chip"), asyncio.get_running_loop()
        await admin(url, "POST", "spaces", {"name": "mine"})
        async with connect(simulator.connect("chip", "linked"), proxy=None) as ws:
            await says(ws)
            await ask(simulator.url("chip", "resting"), "GET", "/~space/resting/")
            for number in range(20):
                head, body = await ask(url, "GET", f"/?simulator_space=loop{number}")
                assert head[0] == "HTTP/1.1 503 Service Unavailable"
                assert json.loads(body)["error"].startswith("there are 3 spaces already, and none that has been idle")
            with pytest.raises(InvalidStatus) as refused:
                await connect(simulator.connect("chip", "late"), proxy=None)
            assert refused.value.response.status_code == 503
            assert (await admin(url, "POST", "spaces", {"name": "late"}))[0] == 503
            assert (await spaced(simulator, "late", "POST", "reset"))[0] == 503
            assert (await admin(url, "PUT", "spaces", {"name": "mine", "seed": 1}))[0] == 200, "it is there already"
            assert '"history"' in await says(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
            now = loop.time()
            monkeypatch.setattr(loop, "time", lambda: now + REST + 1)
            simulator.spaces.named("late")
            assert [place.name for place in simulator.spaces] == ["", "linked", "mine", "late"]
            with pytest.raises(Crowded):
                simulator.spaces.named("later")
            monkeypatch.undo()
        assert (await admin(url, "DELETE", "spaces/mine"))[0] == 200
        assert (await spaced(simulator, "later", "POST", "reset"))[0] == 200


async def test_no_spaces_at_all() -> None:
    async with many("chip", spaces=0) as simulator:
        assert (await spaced(simulator, "a", "POST", "reset"))[0] == 503
        assert (await admin(simulator.url("chip"), "POST", "reset"))[0] == 200


@pytest.mark.parametrize("options", [{"spaces": -1}, {"space_idle": -1.0}, {"space_idle": float("nan")}])
def test_bounds_that_are_none(options: Any) -> None:
    with pytest.raises(SimulatorError, match=r"--spaces .* --space-idle .*: expected how many, and seconds"):
        many("chip", **options)


async def test_the_urls_of_a_space(server: Server) -> None:
    url = server.url("chip")
    assert server.url("chip", "gw0") == f"{url}/~space/gw0"
    assert server.connect("chip", "gw0") == server.connect("chip").replace("/wc/", "/~space/gw0/wc/")
    with pytest.raises(SimulatorError, match="there can be no space of the name"):
        server.url("chip", "a b")
    assert not server.spaces.several, "a URL alone makes none"


async def test_nothing_of_a_space_is_left(server: Server) -> None:
    """A thousand of them, one after the other: tasks, files and memory go with them."""
    import gc
    import weakref

    tasks = len(asyncio.all_tasks())
    gone = []
    for number in range(50):
        place = server.spaces.named(f"n{number}")
        upload = place.shelf.begin()
        upload.write(b"x")
        gone.append(weakref.ref(place.driver))
        del place, upload
        server.spaces.drop(f"n{number}")
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    gc.collect()
    assert [ref for ref in gone if ref() is not None] == []
    assert server.shelf.house.total == 0


@pytest.fixture
def to_paste() -> str:
    """The code in docs/parallel.md."""
    text = (Path(__file__).parents[2] / "docs" / "parallel.md").read_text()
    return text.split("```python\n")[1].split("```")[0]


async def test_the_fixture_to_paste_works(server: Server, to_paste: str, tmp_path: Path) -> None:
    """docs/parallel.md, played by pytest itself in processes of its own."""
    file = tmp_path / "test_it.py"
    await asyncio.to_thread(file.write_text, to_paste.replace("http://127.0.0.1:8070", server.url("chip")))
    arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(file))
    for environment in ({"PYTEST_XDIST_WORKER": "gw0"}, {}):
        started = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, env=clean_environment(**environment)
        )
        out, _ = await started.communicate()
        assert (started.returncode, b"1 passed" in out) == (0, True), out.decode()
    clocks = {name: space["clock"]["now"] - NEW_YEAR for name, space in (await told(server)).items()}
    assert clocks == {"": 0, "gw0": 600, "main": 600}


@pytest.mark.node
@pytest.mark.parametrize("transports", [["polling", "websocket"], ["websocket"], ["polling"]])
async def test_npm_s_client_comes_in_by_its_path(transports: list[str]) -> None:
    """As docs/parallel.md says it."""
    async with many("chatbot") as simulator, Node.running("socketio.mjs", "socket.io-client") as node:
        auth = {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"}
        options = {"path": "/~space/gw0/socket.io", "auth": auth, "transports": transports}
        node.write({"open": simulator.url("chatbot"), "options": options})
        while (await node.event("event"))[0] != "(connect)":
            pass
        node.write({"emit": ["join-conversation", {}]})
        while (await node.event("event"))[0] != "conversation-started":
            pass
        assert (await told(simulator, "chatbot"))[""]["journal"] == 0


async def test_aiohttp_s_links_are_in_spaces_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(intake: object) -> str:
        return "as if ours did not work here"

    monkeypatch.setattr("simulator.serve.trial.check", check)
    async with prompt() as simulator:
        async with connect(simulator.connect("chip", "a"), proxy=None) as ws:
            first = await says(ws)
            assert (await told(simulator))["a"]["connections"] == 1
            assert simulator.spaces.named("a").idle(1e9) == 0
            assert (await admin(simulator.url("chip"), "DELETE", "spaces/a"))[0] == 200
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(ws.recv(), SECONDS)
        async with connect(simulator.connect("chip", "b"), proxy=None) as ws:
            assert await says(ws) == first

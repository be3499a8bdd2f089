"""What a hostile peer, page or caller may bring: nothing of it is a 500, a hang, or the end of a stream."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from simulator.core.errors import SimulatorError
from simulator.core.message import Frame
from simulator.serve import readyfile
from simulator.serve.admin import asking, events, feed
from simulator.serve.admin.api import CALLS
from simulator.serve.admin.feed import feed_of
from simulator.serve.admin.pattern import search
from simulator.serve.admin.reading import Line
from simulator.serve.app import Server
from simulator.serve.tls import Made
from tests.serve.clients import all_five, client
from tests.served import SECONDS, Raw, admin, ask, chip, prompt, request


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with prompt() as simulator:
        yield simulator


@pytest.fixture
def url(server: Server) -> str:
    return server.url("chip")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("health", b"Origin: http://\xff.example.com"),
        ("health", b"Sec-Fetch-Site: \xff"),
        ("ui", b"Sec-Fetch-Dest: \xff"),
    ],
)
async def test_a_header_that_is_no_text_is_refused_in_words(url: str, path: str, line: bytes) -> None:
    raw = request("GET", f"/__admin/{path}").replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")
    async with Raw.open(url, raw) as there:
        head, body = await there.answer()
    assert head[0] == "HTTP/1.1 403 Forbidden"
    assert "error" in json.loads(body)


@pytest.mark.parametrize("deep", [250, 253, 254, 255, 500, 1000])
async def test_criteria_deeper_than_json_is_written(url: str, deep: int) -> None:
    for inner in (b"[" * deep + b"]" * deep, b'{"a":' * deep + b"1" + b"}" * deep):
        for key in (b'"body":' + inner, b'"args":[' + inner + b"]"):
            status, told = await admin(url, "POST", "messages/wait", b'{"timeout":0,' + key + b"}")
            assert (status, told["count"]) == (409, 0)


async def test_a_scenario_deeper_than_json_is_written(url: str) -> None:
    body = b'{"name":"deep","scenario":{"states":' + b"[" * 500 + b"]" * 500 + b"}}"
    status, told = await admin(url, "POST", "spaces", body)
    assert (status, told["error"].partition(":")[0]) == (400, "scenario")


async def test_a_frame_as_deep_as_can_be_is_told_by_every_call(server: Server, url: str) -> None:
    async with (
        connect(server.connect("chip")) as ws,
        Raw.open(url, request("GET", "/__admin/events?after=0")) as events,
    ):
        depths = range(245, 258)
        for deep in depths:
            await ws.send('{"type":"start_chat","chat_id":' + "[" * deep + "]" * deep + "}")
        await ws.send('{"type":"last"}')
        status, told = await admin(url, "POST", "messages/wait", {"name": "last"})
        assert status == 200
        status, told = await admin(url, "GET", "messages")
        assert (status, [n for line in told["messages"] if (n := line["raw"].count("["))]) == (200, [*depths])
        status, _ = await admin(url, "POST", "messages/wait", {"sender": "client", "name": "y", "timeout": 0})
        assert status == 409
        async with asyncio.timeout(SECONDS):
            assert (await events.reader.readuntil(b'"last"')).count(b"start_chat") >= len(depths)


EXPLODES = r'^\{"type":"send_msg","text":"(a+)+!"'
"""In Python's engine a frame of thirty letters takes it minutes, and everybody waits."""


async def test_a_pattern_that_would_blow_up(server: Server, url: str) -> None:
    async with connect(server.connect("chip")) as ws:
        await ws.send('{"type":"send_msg","text":"' + "a" * 5000 + '"}')
        async with asyncio.timeout(SECONDS):
            for call in ("find", "count", "wait"):
                more = {"timeout": 0} if call == "wait" else {}
                status, _ = await admin(url, "POST", f"messages/{call}", {"pattern": EXPLODES, **more})
                assert status == (409 if call == "wait" else 200)


@pytest.mark.parametrize(
    ("text", "fits", "fits_not"),
    [
        ('"a":{"b"', '{"a":{"b":1}}', '{"a":"b"}'),
        ("^{.*}$", "{}", "[]"),
        ("x{2}y{1,}z{,2}$", "xxyz", "xyz"),
        (r"\{2\Z", "a{2", "{2a"),
        ("(?i)ab|(?P<name>c+)", "AB", "d"),
        (r"\d+\s\w", "17 x", "x 17"),
    ],
)
def test_patterns_are_written_as_in_python(text: str, fits: str, fits_not: str) -> None:
    for told, expected in ((fits, True), (fits_not, False)):
        assert search(text)(told) is expected
        assert (re.search(text, told) is not None) is expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("(", "unclosed group"),
        ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(a)\1", "backreferences are not supported"),
        ("a{1000}{1000}", "Compiled regex exceeds size limit of 10485760 bytes"),
    ],
)
def test_patterns_that_can_not_be(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        search(text)


async def held(server: Server, size: int) -> None:
    async with asyncio.timeout(SECONDS):
        while server.spaces.bodies != size:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_bodies_have_one_room_for_all(server: Server, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_ROOM", 5000)
    late = b'{"timeout":600,"text":"' + b"x" * 3000 + b'"}'
    async with Raw.open(url, request("POST", "/__admin/messages/wait", late)):
        await held(server, len(late))
        status, told = await admin(url, "POST", "messages/count", late)
        assert (status, told["error"].partition(":")[0]) == (503, "the bodies of all calls are longer than 5000 bytes")
        assert (await admin(url, "POST", "messages/count", {}))[0] == 200
    # Who waits is gone, and what he brought with him.
    await held(server, 0)
    assert (await admin(url, "POST", "messages/count", b'{"text":"' + b"x" * 3000 + b'"}'))[0] == 200


async def test_many_look_on_and_wait_and_others_have_their_turns(server: Server) -> None:
    place = server.spaces.default
    watching = feed_of(place)
    for _ in range(2000):
        place.driver.space.journal.add(0.0, "chip", 1, "client", Frame("{}"))
    crowd = [asyncio.Event() for _ in range(feed.MOST // 2)]
    for one in crowd:
        watching.begin(one)
    streams = [events._Stream(place, watching, lambda line: True, 0) for _ in crowd]
    seen = Counter[int]()

    def never(line: Line) -> bool:
        seen[line.number] += 1
        return False

    waits = [asyncio.create_task(watching.wait(never, 0, 1, 0.0)) for _ in range(feed.MOST // 2)]
    await watching.catch_up()
    # In one turn of the loop as much is written for all together as otherwise for one.
    assert sum((text or b"").count(b"event: message") for text in (one.next() for one in streams)) <= len(crowd)
    await asyncio.gather(*waits)
    assert seen.total() == 2000 * len(waits)
    for one in crowd:
        watching.end(one)


@pytest.mark.parametrize("body", [{}, {"connectionId": []}, {"x": 1}])
async def test_a_gateways_own_message_with_less_than_it_has(
    body: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    async with all_five() as simulator, client(simulator, "concierge") as who:
        said = {"backend": "concierge", "name": "Internal server error", "body": body, "validate": False}
        assert (await admin(simulator.url("chip"), "POST", "channels/send", said))[0] == 200
        got = json.loads(await who.until("Internal server error"))
        assert got == {"message": "Internal server error", **{key: value for key, value in body.items() if key != "x"}}
    assert "a mistake" not in caplog.text


def test_what_lies_where_a_file_is_begun_is_not_written_to(tmp_path: Path) -> None:
    """Whoever may write into the folder, /tmp say, could have the token, or another file of ours written over."""
    ready, ca, theirs = tmp_path / "ready.json", tmp_path / "ca.pem", tmp_path / "theirs"
    theirs.write_bytes(b"")
    theirs.chmod(0o666)
    os.link(theirs, tmp_path / "ready.json.part")
    (tmp_path / "ca.pem.part").symlink_to(theirs)
    readyfile.write(ready, {"token": "sesame"}, secret=True)
    Made(ca).open("localhost").publish()
    assert theirs.read_bytes() == b""
    assert (ready.read_bytes(), stat.S_IMODE(ready.stat().st_mode)) == (b'{"token":"sesame"}\n', 0o600)
    assert ca.read_bytes().startswith(b"-----BEGIN CERTIFICATE")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.pem", "ready.json", "theirs"]


def test_who_is_quicker_than_the_ready_file_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies there is taken away first; who lays something down in between is not written to either."""
    theirs = tmp_path / "ready.json.part"
    theirs.write_bytes(b"")
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(SimulatorError, match="File exists"):
        readyfile.write(tmp_path / "ready.json", {"token": "sesame"}, secret=True)
    assert theirs.read_bytes() == b""


async def test_no_call_is_answered_without_the_token() -> None:
    async with chip(admin_token="sesame") as simulator:
        url = simulator.url("chip")
        page = f"Authorization: Bearer {simulator._key.page}"
        for call in CALLS:
            path = f"/__admin/{call.path.replace('{', '').replace('}', '')}"
            for method in (call.method, *(["HEAD"] if call.method == "GET" else [])):
                for more in ((), (page,), ("Authorization: Bearer sesam",), ("Authorization: bearer sesame2",)):
                    head, body = await ask(url, method, path, b"", *more)
                    assert head[0] == "HTTP/1.1 401 Unauthorized", (method, path, more)
                    assert b"sesame" not in body


async def test_what_is_removed_is_not_what_came_after_a_reset(server: Server, url: str) -> None:
    journal = server.space.journal
    for _ in range(3000):
        journal.add(0.0, "chip", 1, "client", Frame('{"type":"send_msg"}'))
    removing = asyncio.create_task(admin(url, "POST", "messages/remove", {"sender": "client"}))
    place = server.spaces.default
    async with asyncio.timeout(SECONDS):
        while place.feed is None or not place.feed.reading.last:  # noqa: ASYNC110
            await asyncio.sleep(0)
    server.driver.reset()
    for _ in range(3000):
        journal.add(0.0, "chip", 1, "server", Frame("{}"))
    status, told = await removing
    assert (status, told["error"].partition(":")[0]) == (409, "there was a reset meanwhile")
    assert len([*journal]) == 3000


async def test_names_make_no_lines_of_their_own(server: Server, url: str) -> None:
    """Neither in Prometheus' text, nor in the stream."""
    fault = {"type": "latency", "name": 'a"} 1\nevil{x="\\', "attributes": {"latency": 1}}
    status, told = await admin(url, "POST", "faults", fault)
    assert (status, told["error"].partition(":")[0]) == (400, "name"), "it is a label of Prometheus"
    frame = "x\n\nevent: reset\ndata: {}\n\r\n\r"
    server.space.journal.add(0.0, "chip", 1, "client", Frame(frame))
    async with Raw.open(url, request("GET", "/__admin/events?after=0")) as stream, asyncio.timeout(SECONDS):
        await stream.reader.readuntil(b"event: message\ndata: ")
        line = await stream.reader.readline()
        assert json.loads(line)["raw"] == frame
        assert b"\r" not in line

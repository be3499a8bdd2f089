"""`replay --mode new_episodes`: what is not on the tape is asked of a server, passed on, and on the tape from then on."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from shutil import copy
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulator import backends
from simulator.backends.concierge.bodies import FRAMED
from simulator.cassette.check import check
from simulator.cassette.compare import shape
from simulator.cassette.conversation import said
from simulator.cassette.coverage import Coverage
from simulator.cassette.entries import Closed, Entry, Exchange, Passed, TapedRequest, TapedResponse
from simulator.cassette.playback import Playback
from simulator.cassette.records import dump, dump_header
from simulator.cassette.tape import open_tape
from simulator.cassette.targets import weight
from simulator.cassette.walk import Manner
from simulator.core.backend import Route
from simulator.core.errors import CassetteError, StartError
from simulator.core.events import Requested
from simulator.core.message import Message, Request
from simulator.core.objects import Upload
from simulator.drive import edge
from simulator.drive.edge import Edge
from simulator.drive.orders import Fetch
from simulator.drive.target import Target
from simulator.record.appending import Appending
from simulator.record.behind import Upstream
from simulator.record.episodes import UPLOADS, Episodes
from simulator.record.talk import Talk
from simulator.record.whole import whole
from simulator.serve.app import Options, Server
from simulator.serve.framed import Framed
from simulator.serve.objects import Shelf as Store
from simulator.serve.replay import prepare
from tests.backends.concierge.live import png
from tests.cassette import tapes
from tests.drive.odd import odd, pages
from tests.drive.talks import ALL, BOT, BOT_TOKEN, QUICK, long_polled, polled
from tests.drive.taping import Client, served

pytestmark = pytest.mark.live

UNKNOWN = {
    "chip": "and again",
    "aida": "new_session",
    "mia": "Hello Mia!",
    "chatbot": r'42\["ping"\]',
    "concierge": '"client/send-message"',
}
"""What the tape lacks: known things come before and after it."""
PROFILE: dict[str, dict[str, str]] = {name: {} for name in [*ALL, "tape"]} | {"aida": {"profile": "1.8"}}
"""The one of Phoenix that has long polling."""


async def taped(path: Path, name: str, talk: Callable[[Client], Awaitable[None]] | None = None) -> Path:
    async with (
        served(name, 7, **QUICK[name], **PROFILE[name]) as simulator,
        Client.taping(path, simulator.url(name), name) as client,
    ):
        await (talk(client) if talk is not None else ALL[name](client, simulator.connect(name)))
    return path


def without(path: Path, part: str) -> Path:
    """Take a client's message off a tape, and what the server said behind it until the client spoke again."""
    kept: list[Entry] = []
    dropping = False
    with open_tape(path) as tape:
        for entry in tape:
            data = entry.data if isinstance(entry, Passed) else None
            asked = isinstance(entry, Exchange) and re.search(
                part, f"{entry.request.path} {entry.request.body!r} {entry.response!r}"
            )
            if isinstance(entry, Passed) and entry.sender == "client":
                dropping = re.search(part, str(data)) is not None
            elif not isinstance(entry, Passed):
                dropping = False
            if not (dropping or asked):
                kept.append(entry)
        assert len(kept) < tape.count
        path.write_bytes(b"".join([dump_header(tape.header), *map(dump, kept)]))
    return path


class Told(list[str]):
    """Lines for the operator, which can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.came = asyncio.Event()

    def append(self, line: str) -> None:
        super().append(line)
        self.came.set()


class Learning(Appending):
    """Its user can wait until what was appended can be played."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.learned = asyncio.Event()

    def learn(self, playback: Playback) -> None:
        super().learn(playback)
        self.learned.set()


class Played:
    def __init__(self, simulator: Server, coverage: Coverage, name: str, told: Told, learned: asyncio.Event) -> None:
        self.simulator, self.coverage, self.name, self.told, self.learned = simulator, coverage, name, told, learned
        self.url = simulator.served[0].url
        self.tape: Any = None
        self.onlooker: Any = None

    async def talk(self, path: Path, talk: Callable[[Client], Awaitable[None]] | None = None) -> None:
        connect = self.simulator.served[0].connect
        async with Client.taping(path, self.url, self.name) as client, asyncio.timeout(20):
            await (talk(client) if talk is not None else ALL[self.name](client, connect))


@asynccontextmanager
async def playing(path: Path, name: str, url: str = "", redact: bool = True, **more: Any) -> AsyncIterator[Played]:
    """A replay; with a URL what is not on the tape is asked there."""
    told, learned = Told(), asyncio.Event()
    manner, upstream = Manner(factor=0.0), None
    options: dict[str, Any] = {}
    if url:
        target = Target(url, **more)
        tape = Learning(path, redact, told.append, target.secrets)
        learned = tape.learned
        upstream = Upstream(target, tape, told.append, _now, parting=0.3)
        manner = Manner(factor=0.0, beyond=upstream.behind)
        options["onlooker"] = upstream.onlooker
    backend, coverage = prepare([path], None, manner, told.append)
    settings = [*PROFILE[name].items()]
    simulator = Server(Options([backend], port=0, seed=3, settings=settings, **options))
    if upstream is not None:
        upstream.attach(simulator)
    async with simulator:
        played = Played(simulator, coverage, name, told, learned)
        if upstream is not None:
            played.tape, played.onlooker = upstream.tape, upstream.onlooker
        yield played
    if upstream is not None:
        await asyncio.gather(*upstream._tasks, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()


def heard(name: str, path: Path) -> Counter[tuple[str, str, tuple[object, ...]]]:
    """What was said in a conversation, each with its shape; ids in names, such as in the path of an upload, apart."""
    with open_tape(path) as tape:
        return Counter(
            (one.sender, re.sub(r"[0-9a-f-]{36}", "*", one.name), tuple(map(shape, one.args)))
            for one in said(tape, backends.load(name))
            if one.name != "(open)"
        )


def is_whole(path: Path) -> None:
    with open_tape(path) as tape:
        assert [found for found in check(tape) if found.level == "error"] == []


@pytest.mark.parametrize("name", ALL)
async def test_the_unknown_is_asked_and_known_from_then_on(name: str, tmp_path: Path) -> None:
    whole = await taped(tmp_path / "whole.yaml", name)
    path = without(Path(copy(whole, tmp_path / "talk.yaml")), UNKNOWN[name])
    before = path.read_bytes()
    async with served(name, 8, **QUICK[name], **PROFILE[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml")
        assert run.coverage.missed == 0, run.coverage.text()
        assert run.coverage.matched["by the upstream"] > 0
        assert run.told == []
    assert path.read_bytes().startswith(before)
    assert path.stat().st_size > len(before)
    is_whole(path)
    async with playing(path, name) as run:
        await run.talk(tmp_path / "second.yaml")
        assert run.coverage.missed == 0, run.coverage.text()
    assert heard(name, tmp_path / "first.yaml") == heard(name, whole)
    second = heard(name, tmp_path / "second.yaml")
    assert not second - heard(name, whole)
    # What `without` took with it.
    assert {one[1] for one in heard(name, whole) - second} <= {"chat-session-update"}


@pytest.mark.parametrize(
    ("name", "talk", "part"),
    [("mia", polled, "Olá"), ("aida", long_polled, "menu|btu_msg")],
    ids=["Engine.IO", "Phoenix"],
)
async def test_clients_that_poll(
    name: str, talk: Callable[[Client], Awaitable[None]], part: str, tmp_path: Path
) -> None:
    path = await taped(tmp_path / "talk.yaml", name, talk)
    whole = Path(copy(path, tmp_path / "whole.yaml"))
    without(path, part)
    async with served(name, 8, **QUICK[name], **PROFILE[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml", talk)
        assert (run.coverage.missed, run.told) == (0, []), run.coverage.text()
    is_whole(path)
    async with playing(path, name) as run:
        await run.talk(tmp_path / "second.yaml", talk)
        assert run.coverage.missed == 0, run.coverage.text()
    assert heard(name, tmp_path / "first.yaml") == heard(name, whole)
    assert heard(name, tmp_path / "second.yaml") == heard(name, whole)


async def test_requests_too(tmp_path: Path) -> None:
    """concierge's upload URL, which is not on the tape: the real one is given, and the picture goes where it leads."""
    name = "concierge"
    path = without(await taped(tmp_path / "talk.yaml", name), "get-upload-url")
    async with served(name, 8, **QUICK[name], **PROFILE[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml")
        assert (run.coverage.missed, run.told) == (0, []), run.coverage.text()
    is_whole(path)
    assert "get-upload-url" in path.read_text()
    async with playing(path, name) as run:
        await run.talk(tmp_path / "second.yaml")
        assert run.coverage.missed == 0, run.coverage.text()


async def image(client: Client, speaks: bool = True, names: Sequence[str] = ("a.png",), **more: str) -> None:
    """aida: a picture, and what speaks of it."""
    talk = await client.connect("/socket/websocket?vsn=2.0.0")
    await talk.say(["1", "1", f"bot:{BOT}", "phx_join", {"access_token": BOT_TOKEN}])
    await talk.hear()
    await talk.say(["1", "2", f"bot:{BOT}", "new_session", {}])
    session = json.loads(await talk.has('"2"'))[4]["response"]["session"]
    for name in names:
        form = (
            f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
        )
        body, kind = form.encode() + png() + b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}
        status, answer = await client.ask("POST", f"/content/image/{BOT}/{session}", body, **kind, **more)
        assert status == 200, answer
    if not speaks:
        return
    await talk.say(["1", "3", f"bot:{BOT}", "utb_img", {"session": session, "image": json.loads(answer)["id"]}])
    await talk.say(["1", "4", f"bot:{BOT}", "put_data", {"session": session, "data": {}}])
    await talk.has('"4"')
    await talk.leave()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "gone"])
@pytest.mark.parametrize(("name", "talk", "part"), [("concierge", None, "send-message"), ("aida", image, "utb_img")])
async def test_what_was_uploaded_before_is_uploaded_to_the_server(
    name: str,
    talk: Callable[[Client], Awaitable[None]] | None,
    part: str,
    kept: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tape took it, and what the client says next may speak of it."""
    if not kept:
        monkeypatch.setattr("simulator.record.episodes.UPLOADS", 0)
    path = without(await taped(tmp_path / "talk.yaml", name, talk), part)
    async with served(name, 8, **QUICK[name], **PROFILE[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml", talk)
        assert run.coverage.missed == 0, run.coverage.text()
        there = [(one.upload.size, one.upload.type) for one in real.shelf._objects.values()]
    assert there == ([(len(png()), "image/png")] if kept else [])
    told = [line.partition(": ")[2] for line in run.told]
    what = "PUT /chat-uat-resources/chat-images/" if name == "concierge" else f"POST /content/image/{BOT}/"
    assert [line.startswith(f"is not given what {what}") for line in told[:1]] == ([] if kept else [True]), told
    assert all("X-Amz" not in line for line in told)
    if kept:
        is_whole(path)
        async with playing(path, name) as run:
            await run.talk(tmp_path / "second.yaml", talk)
            assert run.coverage.missed == 0, run.coverage.text()


async def test_who_uploads_what_another_one_has_uploaded_does_it_in_his_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same picture twice, and only the second client goes on with the server."""
    gone_out: list[Fetch] = []
    fetch = Edge._fetch

    async def watched(one: Edge, order: Fetch) -> None:
        gone_out.append(order)
        await fetch(one, order)

    monkeypatch.setattr(Edge, "_fetch", watched)
    path = without(await taped(tmp_path / "talk.yaml", "aida", image), "utb_img")
    async with served("aida", 8, **PROFILE["aida"]) as real, playing(path, "aida", real.url("aida")) as run:
        await run.talk(tmp_path / "first.yaml", partial(image, speaks=False, Authorization="Bearer A", Cookie="a=1"))
        await run.talk(tmp_path / "second.yaml", partial(image, Authorization="Bearer B", Cookie="b=2"))
        assert run.coverage.missed == 0, run.coverage.text()
        [stored] = real.shelf._objects.values()
    assert (stored.upload.size, stored.upload.type) == (len(png()), "image/png")
    [order] = gone_out
    lines = {name.lower(): value for name, value in order.headers}
    assert (order.method, lines["authorization"], lines["cookie"]) == ("POST", "Bearer B", "b=2")


async def test_uploads_that_differ_in_the_name_of_the_file_alone(tmp_path: Path) -> None:
    pictures = partial(image, names=("a.png", "b.png"))
    path = without(await taped(tmp_path / "talk.yaml", "aida", pictures), "utb_img")
    async with served("aida", 8, **PROFILE["aida"]) as real, playing(path, "aida", real.url("aida")) as run:
        await run.talk(tmp_path / "first.yaml", pictures)
        assert run.coverage.missed == 0, run.coverage.text()
        names = [one.upload.filename for one in real.shelf._objects.values()]
    assert names == ["a.png", "b.png"]


@pytest.mark.parametrize("data", [b"", b"PNG", png() * 100], ids=["empty", "short", "long"])
def test_what_came_in_chunks_goes_on_in_a_chunk(data: bytes) -> None:
    """Its header lines say so, and are signed; what stands behind the chunks is part of it."""
    [route] = [route for route in backends.load("concierge").routes if route.name == "put"]
    lines = {"Authorization": "x", "x-amz-content-sha256": FRAMED, "x-amz-decoded-content-length": str(len(data))}
    behind = (("x-amz-checksum-crc32", "DUoRhQ=="),)
    upload = Upload("k", len(data), "image/png", "", trailers=behind)
    asked = Requested(1, Request("PUT", "/b/k", "", tuple(lines.items()), upload=upload), route)
    store = Store()
    taken = Framed("image/png", len(data), store.begin)
    taken.push(whole(asked, data).body)
    found = taken.result()
    assert isinstance(found, Upload), found
    assert (found.sha256, found.trailers) == (sha256(data).hexdigest(), behind)
    del lines["x-amz-content-sha256"]
    asked.request.headers = tuple(lines.items())
    assert whole(asked, data).body == data


def test_header_lines_of_uploads_count_and_what_is_known_is_not_read_again() -> None:
    """A client may bring as many as the wire lets through, and next to nothing else."""
    read: list[Requested] = []

    class Shelf:
        def content(self, asked: Requested) -> bytes:
            read.append(asked)
            return b"x"

    nobody: Any = None
    shelf: Any = Shelf()
    kept = Episodes(shelf, nobody)
    lines = tuple((f"X-{number}", "y" * 8000) for number in range(100))
    for number in (*range(50), 49):
        upload = Upload(str(number), 1, None, "", sha256=str(number))
        request = Request("PUT", f"/{number}", "", lines, upload=upload)
        kept._brought(Requested(number, request, Route("put", "/.*")))
    assert len(read) == 50
    assert [asked.call for asked, _ in kept._uploads.values()] == [*range(50 - UPLOADS // weight(request), 50)]


async def test_answers_that_never_come_are_not_waited_for_for_ever() -> None:
    """Each message of a client may have a name of its own."""
    nobody: Any = None
    upstream: Any = SimpleNamespace(onlooker=SimpleNamespace(number=lambda request: 1))
    talk = Talk(nobody, nobody, None, "")
    talk.armed = True
    seat: Any = SimpleNamespace(request=nobody)
    for number in range(3000):
        Episodes(upstream, nobody)._wait(talk, seat, Message(f"say {number}", (), str(number), "/"))
    assert [*talk.refs] == [(1, "/", f"say {number}") for number in range(2000, 3000)]


# ---- strangers, and days on which nothing goes right ----

ECHO: list[Entry] = [
    tapes.opened("/ws"),
    tapes.said("client", '{"type":"hello"}', 0.1),
    tapes.said("server", '{"type":"welcome","id":"8f1f6f4e-6a1b-4b7e-9f0e-1d6a3c1b2a01"}', 0.2),
    tapes.said("client", '{"type":"bye","id":"8f1f6f4e-6a1b-4b7e-9f0e-1d6a3c1b2a01"}', 0.3),
    tapes.said("server", '{"type":"see you"}', 0.4),
]
LIVE_ID = "0a0b0c0d-1111-4222-8333-444455556666"


def strange(folder: Path, *more: Any) -> Path:
    path = folder / "talk.yaml"
    path.write_bytes(tapes.written(*ECHO, *more, tapes.closed(at=9.0)))
    return path


async def echo(socket: web.WebSocketResponse) -> None:
    """Knows who says hello, and takes nobody's id but its own."""
    async for message in socket:
        said = json.loads(message.data)
        match said["type"]:
            case "hello":
                await socket.send_json({"type": "welcome", "id": LIVE_ID})
            case "close":
                await socket.close(code=4002, message=b"as you wish")
            case "silence":
                pass
            case name:
                await socket.send_json({"type": f"{name}!", "id": said.get("id"), "mine": said.get("id") == LIVE_ID})


@asynccontextmanager
async def speaking(run: Played, path: str = "/ws") -> AsyncIterator[tuple[Callable[..., Awaitable[Any]], Any]]:
    async with aiohttp.ClientSession() as session, session.ws_connect(run.url + path) as ws, asyncio.timeout(10):

        async def ask(name: str, **more: Any) -> Any:
            await ws.send_str(json.dumps({"type": name, **more}, separators=(",", ":")))
            return json.loads((await ws.receive()).data)

        yield ask, ws


async def test_ids_of_both_servers_are_one_to_the_client(tmp_path: Path) -> None:
    path = strange(tmp_path)
    async with odd(echo) as url, playing(path, "tape", url + "/prefix", query=[("token", "s3cret")]) as run:
        async with speaking(run) as (ask, _):
            mine = (await ask("hello"))["id"]
            assert mine not in (LIVE_ID, "8f1f6f4e-6a1b-4b7e-9f0e-1d6a3c1b2a01")
            # The server knows it as the one that it gave, and tells it as the one that the client knows.
            assert await ask("strange", id=mine) == {"type": "strange!", "id": mine, "mine": True}
            assert await ask("bye", id=mine) == {"type": "bye!", "id": mine, "mine": True}
        # What one has brought is known to the next, in the same run.
        await asyncio.wait_for(run.learned.wait(), 5)
        async with speaking(run) as (ask, _):
            again = (await ask("hello"))["id"]
            assert await ask("strange", id=again) == {"type": "strange!", "id": again, "mine": True}
            # Both tell what it says to that; behind what is new alone it is the upstream's.
            assert await ask("bye", id=again) == {"type": "bye!", "id": again, "mine": True}
        assert run.coverage.matched["by the upstream"] == 2
    assert "s3cret" not in path.read_text()
    is_whole(path)
    async with playing(path, "tape") as run, speaking(run) as (ask, _):
        mine = (await ask("hello"))["id"]
        assert await ask("strange", id=mine) == {"type": "strange!", "id": mine, "mine": True}
        assert await ask("bye", id=mine) == {"type": "bye!", "id": mine, "mine": True}
        assert run.coverage.missed == 0
    async with playing(path, "tape") as run, speaking(run) as (ask, _):
        mine = (await ask("hello"))["id"]
        assert await ask("bye", id=mine) == {"type": "see you"}


@pytest.mark.parametrize("status", [0, 401], ids=["nobody is there", "refused"])
async def test_a_server_that_can_not_be_had(status: int, tmp_path: Path) -> None:
    path = strange(tmp_path)
    before = path.read_bytes()
    async with odd(echo, status or 101) as url, playing(path, "tape", url if status else "http://127.0.0.1:1") as run:  # noqa: SIM117
        async with speaking(run) as (ask, ws):
            mine = (await ask("hello"))["id"]
            await ws.send_str('{"type":"strange"}')
            async with asyncio.timeout(5):
                await run.told.came.wait()
            # The tape goes on, and what is not on it is a miss as ever.
            assert await ask("bye", id=mine) == {"type": "see you"}
            assert [miss.name for miss in run.coverage.misses] == ["strange"]
            assert run.coverage.matched["by the upstream"] == 0
            [running] = run.simulator.driver.running
            # Nor is anything kept of it, for as long as the client talks on.
            assert running.engine.rules.beyond._by_number == {}  # type: ignore[attr-defined]
    [line] = run.told
    assert ("the handshake was answered with HTTP 401" if status else "can't connect to http://127.0.0.1:1/ws") in line
    assert path.read_bytes() == before


async def test_a_server_that_hangs_up(tmp_path: Path) -> None:
    path = strange(tmp_path)
    async with odd(echo) as url, playing(path, "tape", url) as run, speaking(run) as (ask, ws):
        await ask("hello")
        assert (await ask("strange"))["type"] == "strange!"
        await ws.send_str('{"type":"close"}')
        end = await ws.receive()
        assert (end.data, end.extra) == (4002, "as you wish")
    is_whole(path)
    with open_tape(path) as tape:
        ends = [(one.conn, one.code, one.by) for one in tape if isinstance(one, Closed)]
    assert ends == [(1, 1000, "client"), (2, 4002, "server")]


async def test_a_server_that_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a client says meanwhile waits up to a limit, which is told; then the client is the tape's again."""
    monkeypatch.setattr("simulator.record.episodes.WAITING", 1 << 20)
    path, stopped = strange(tmp_path), asyncio.Event()

    async def deaf(socket: web.WebSocketResponse) -> None:
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.pause_reading()
        await stopped.wait()

    async with odd(deaf) as url, playing(path, "tape", url) as run, speaking(run) as (ask, ws):
        mine = (await ask("hello"))["id"]
        text = json.dumps({"type": "flood", "x": "y" * 100_000})
        for _ in range(100):
            await ws.send_str(text)
        async with asyncio.timeout(10):
            await run.told.came.wait()
        upstream = f"upstream {url}: "
        assert run.told[0] == f"{upstream}took nothing of the last 1 MiB that a client said"
        assert await ask("bye", id=mine) == {"type": "see you"}
        # Neither is it asked once more, nor is what it did not take kept.
        assert run.coverage.missed == 100
        assert run.told[1:] == [f"{upstream}is not asked: a client's conversation so far was too long to be kept"]
        assert run.onlooker.strips._size < 100_000
        stopped.set()


async def test_a_client_that_talks_on_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that is with the server what it has said is not kept for ever."""
    monkeypatch.setattr("simulator.record.onlooker.MOST", 1 << 18)
    path = strange(tmp_path)
    async with odd(echo) as url, playing(path, "tape", url) as run, speaking(run) as (ask, _):
        await ask("hello")
        for number in range(40):
            assert (await ask(f"strange{number}", x="y" * 20_000))["type"] == f"strange{number}!"
        assert run.onlooker.strips._size < 1 << 18
        assert run.told == []


async def test_a_server_that_says_nothing_and_a_client_that_leaves(tmp_path: Path) -> None:
    path = strange(tmp_path)
    async with odd(echo) as url, playing(path, "tape", url) as run:
        async with speaking(run) as (ask, ws):
            await ask("hello")
            await ws.send_str('{"type":"silence"}')
        await asyncio.wait_for(run.learned.wait(), 5)
    is_whole(path)


async def test_the_end_in_the_middle_of_a_word(tmp_path: Path) -> None:
    path = strange(tmp_path)
    async with odd(echo) as url, aiohttp.ClientSession() as session:
        async with playing(path, "tape", url) as run, asyncio.timeout(5):
            ws = await session.ws_connect(run.url + "/ws")
            for text in ('{"type":"hello"}', '{"type":"strange"}'):
                await ws.send_str(text)
                await ws.receive()
        await ws.close()
    is_whole(path)
    with open_tape(path) as tape:
        assert [type(one).__name__ for one in tape][-6:] == ["Opened", "Passed", "Passed", "Passed", "Passed", "Cut"]


async def test_who_asks_when_it_stops_is_answered_by_the_tape_alone(tmp_path: Path) -> None:
    """Clients have a moment to end their side: nothing is begun with the server in it, and nothing is written."""
    path, asked = strange(tmp_path), list[str]()

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response(text="a page")

    async with pages(handle) as url, aiohttp.ClientSession() as session, asyncio.timeout(10):
        async with playing(path, "tape", url) as run, speaking(run) as (ask, ws):
            await ask("hello")
            run.onlooker.leave()
            before = path.read_bytes()
            async with session.get(f"{run.url}/unknown") as answer:
                assert answer.status == 404
            await ws.send_str('{"type":"strange"}')
            async with speaking(run, "/other"), session.get(f"{run.url}/unknown") as answer:
                assert answer.status == 404
            # A number that is used anew is another file's.
            with tmp_path.joinpath("other").open("wb"), pytest.raises(OSError, match="Bad file descriptor"):
                run.tape._sink.write(b"- torn\n")
            assert not run.tape._sink.here
        assert tmp_path.joinpath("other").read_bytes() == b""
    assert (asked, path.read_bytes(), run.tape.told()) == ([], before, f"nothing was appended to {path}")


@pytest.mark.parametrize("name", ["mia", "chip"])
async def test_a_connection_that_is_on_no_tape(name: str, tmp_path: Path) -> None:
    """All of it goes to the server."""
    path, response = tmp_path / "talk.yaml", TapedResponse(200, (), "{}")
    path.write_bytes(tapes.written(Exchange(0.0, 1, 0.0, TapedRequest("GET", "/x"), response), backend=name))
    async with served(name, 8, **QUICK[name]) as real, playing(path, name, real.url(name)) as run:
        await run.talk(tmp_path / "first.yaml")
        assert (run.coverage.missed, run.told) == (0, [])
    is_whole(path)
    async with playing(path, name) as run:
        await run.talk(tmp_path / "second.yaml")
        assert run.coverage.missed == 0
    assert heard(name, tmp_path / "first.yaml") == heard(name, tmp_path / "second.yaml")


async def test_a_strangers_connection_to_another_place(tmp_path: Path) -> None:
    """Nobody knows a stranger's paths: a handshake is one wherever it is said."""
    path = strange(tmp_path)
    async with odd(echo) as url, playing(path, "tape", url) as run:
        async with speaking(run, "/other?room=1") as (ask, _):
            assert await ask("strange") == {"type": "strange!", "id": None, "mine": False}
        assert (run.coverage.missed, run.told) == (0, [])
    is_whole(path)
    async with playing(path, "tape") as run:
        async with speaking(run, "/other?room=1") as (ask, _):
            assert (await ask("strange"))["type"] == "strange!"
        assert run.coverage.missed == 0
        async with speaking(run, "/third") as (ask, _):
            assert (await ask("hello"))["type"] == "welcome"
        assert [miss.name for miss in run.coverage.misses] == ["the connection /third"]


async def test_a_socket_where_the_backend_has_none(tmp_path: Path) -> None:
    """It is not asked for as a page: the server's answer to that is of no use to who wants a socket."""
    path = tmp_path / "talk.yaml"
    path.write_bytes(tapes.written(tapes.opened(), tapes.closed(at=9.0), backend="chip"))
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response(text="a page")

    async with (
        pages(handle) as url,
        aiohttp.ClientSession() as session,
        playing(path, "chip", url) as run,
        asyncio.timeout(10),
    ):
        for _ in range(2):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
                await session.ws_connect(f"{run.url}/other")
        async with session.get(f"{run.url}/other") as answer:
            assert await answer.text() == "a page"
        assert run.told == [f"upstream {url}: is not asked for a WebSocket at /other, where chip has none"]
    assert asked == ["/other"]


async def test_a_torn_tape_is_mended_before_more_comes(tmp_path: Path) -> None:
    path = strange(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    told: list[str] = []
    Appending(path, True, told.append).close()
    assert path.read_bytes() == whole[: whole.rindex(b"- at")]
    assert told == [f"{path}:27: the record that was torn there is cut off, so that more can be appended"]
    path.write_bytes(whole[:-1])
    head, entries, rest = whole.partition(b"entries:\n")
    path.write_bytes(head + entries + b"".join(b"  " + line for line in rest.splitlines(keepends=True)))
    with pytest.raises(CassetteError, match="can't be appended to as it was edited"):
        Appending(path, True, told.append)


async def test_what_is_appended_to_a_hand_written_one_may_be_torn(tmp_path: Path) -> None:
    """Whatever was torn off: it stays what it was, can be played, and more comes behind it."""
    path = tmp_path / "talk.yaml"
    path.write_bytes(tapes.written(*ECHO, tapes.closed(at=9.0), by_hand="the document"))
    before = path.read_bytes()
    async with odd(echo) as url, playing(path, "tape", url) as run, speaking(run) as (ask, _):
        await ask("hello")
        await ask("strange")
    whole = path.read_bytes()
    is_whole(path)
    ends = [len(before) + end for end in (1, 10, 30, 60)] + [len(whole) - end for end in (1, 9, 25, 80)]
    for end in ends:
        path.write_bytes(whole[:end])
        with open_tape(path) as tape:
            assert len([*tape]) >= 6
        tape_again = Appending(path, True, lambda line: None)
        tape_again.recorder().open(tape_again.now(), "/ws", ())
        tape_again.close()
        is_whole(path)
        assert path.read_bytes().startswith(before)


async def test_secrets_are_replaced_unless_they_shall_stay(tmp_path: Path) -> None:
    for redact in (True, False):
        path = strange(tmp_path)
        async with odd(echo) as url, playing(path, "tape", url, redact) as run, speaking(run) as (ask, _):
            await ask("hello")
            await ask("strange", token="sk-verysecret-1234567890")
        assert ("sk-verysecret" in path.read_text()) is not redact


GIVEN = {
    "X-Api-Key": "hdr-5Qm2xW8vTz41kLpB",
    "Authorization": "Bearer brr-9RtYb3Nw0sVdUq77",
    "Origin": "https://a.example.com",
}


async def test_what_the_operator_gave_is_on_no_tape_though_the_server_repeats_it(tmp_path: Path) -> None:
    path = strange(tmp_path)

    async def talk(socket: web.WebSocketResponse) -> None:
        request = socket._req
        assert request is not None
        async for message in socket:
            what = json.loads(message.data)["type"]
            more = {"url": str(request.url), **{name: request.headers[name] for name in GIVEN}}
            await socket.send_json({"type": f"{what}!", "got": json.dumps(more)})

    given = {"query": [("token", "qry/7Hg4Jk1Lz9Xc3Vb8")], "headers": [*GIVEN.items()]}
    async with odd(talk) as url, playing(path, "tape", url, **given) as run, speaking(run) as (ask, _):  # type: ignore[arg-type]
        await ask("hello")
        got = (await ask("strange"))["got"]
        # The client hears all of it.
        assert all(value in got for value in GIVEN.values())
        assert "qry%2F7Hg4Jk1Lz9Xc3Vb8" in got
    text = path.read_text()
    assert [word for word in ("hdr-5Qm2", "brr-9Rt", "7Hg4Jk1Lz") if word in text] == []
    assert "https://a.example.com" in text


async def test_one_cassette_has_one_writer_and_one_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = strange(tmp_path)
    first = Appending(path, True, print)
    with pytest.raises(StartError, match="another process is writing it"):
        Appending(path, True, print)
    first.close()
    Appending(path, True, print).close()

    def refuse(*args: Any, **more: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StartError, match=r"can't be written \(Permission denied\), and --mode new_episodes appends"):
        Appending(path, True, print)


@pytest.mark.parametrize("another", [False, True], ids=["deleted", "replaced"])
async def test_a_cassette_that_goes_away_is_told(another: bool, tmp_path: Path) -> None:
    """And nothing is learned of another file that has its name now."""
    path = strange(tmp_path)
    async with odd(echo) as url, playing(path, "tape", url) as run:
        async with speaking(run) as (ask, _):
            await ask("hello")
            path.unlink()
            if another:
                path.write_bytes(tapes.written(*ECHO, tapes.opened("/ws", 10.0, 7), tapes.closed(11.0, 7)))
            assert (await ask("strange"))["type"] == "strange!"
        await asyncio.wait_for(run.learned.wait(), 5)
        [plan] = run.coverage.plans
        assert [strand.conn for strand in plan.strands] == [1]
        assert run.tape.told().startswith(f"appended to {path}: 1 connection, ")
    assert "not recorded: writing failed: [Errno 2] the cassette was deleted while it was written" in "".join(run.told)
    assert run.tape.told().endswith("; 1 of what passed could not be written")
    assert path.exists() is another


async def test_a_request_of_nobody(tmp_path: Path) -> None:
    """Once it was asked it is on the tape, and where the server can't be reached the client is told so."""
    path = strange(tmp_path)

    async def handle(request: web.BaseRequest) -> web.Response:
        return web.json_response(
            {"path": request.path_qs, "at": str(request.url.origin()), "got": await request.text()}
        )

    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        async with (
            pages(handle) as url,
            playing(path, "tape", url) as run,
            session.post(f"{run.url}/api/x?a=1", data="hi") as answer,
        ):
            # URLs of the server lead to us.
            assert await answer.json() == {"path": "/api/x?a=1", "at": run.url, "got": "hi"}
        async with playing(path, "tape") as run:
            async with session.post(f"{run.url}/api/x?a=1", data="hi") as answer:
                assert (await answer.json())["got"] == "hi"
            async with session.post(f"{run.url}/api/x?a=2", data="ho") as answer:
                assert answer.status == 404
        async with playing(path, "tape", url) as run, session.post(f"{run.url}/api/x?a=2", data="ho") as answer:
            assert answer.status == 502
            assert "can't connect" in await answer.text()
        assert ([miss.name for miss in run.coverage.misses], run.coverage.matched) == (["POST /api/x?a=2"], {})
    is_whole(path)


@pytest.mark.parametrize("said", [True, False], ids=["it says how long", "it goes on and on"])
async def test_an_answer_that_is_too_long_to_be_passed_on(
    said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told where people look: to the client, to the operator, in the report."""
    monkeypatch.setattr(edge, "_LARGEST", 1 << 20)
    path, taken = strange(tmp_path), 0

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal taken
        answer = web.StreamResponse(headers={"Content-Length": str(1 << 40)} if said else {})
        await answer.prepare(request)
        if request.method != "HEAD":
            # As much as anybody reads: it ends when nobody does.
            with suppress(ConnectionError):
                while True:
                    await answer.write(bytes(1 << 16))
                    taken += 1 << 16
        return answer

    async with (
        pages(handle) as url,
        aiohttp.ClientSession() as session,
        asyncio.timeout(10),
        playing(path, "tape", url) as run,
    ):
        async with session.get(f"{run.url}/big") as answer:
            assert (answer.status, await answer.text()) == (502, f"{url}/big: an answer of more than 1 MiB\n")
        if said:
            async with session.head(f"{run.url}/big") as answer:
                assert answer.status == 200
    why = f"is not on the tape, and the upstream did not answer ({url}/big: an answer of more than 1 MiB)"
    assert [(miss.name, miss.why) for miss in run.coverage.misses] == [("GET /big", why)]
    assert [line for line in run.told if "MiB" in line][:1] == [
        f"upstream {url}: {url}/big: an answer of more than 1 MiB"
    ]
    assert taken < 16 << 20
    with open_tape(path) as tape:
        assert [one.request.method for one in tape if isinstance(one, Exchange)] == (["HEAD"] if said else [])

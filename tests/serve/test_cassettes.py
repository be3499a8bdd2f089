"""Cassettes by control call: listed, read, compared, and said to clients of each kind of wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from simulator.cli.listening import options
from simulator.serve.admin import cassettes, playing
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.served import SECONDS, admin

SHIPPED = Path(__file__).parents[2] / "cassettes"
HEAD = "cassette: 1\nbackend: 'chip'\nby_hand: 'a test'\nentries:\n- at: 0.0\n  conn: 1\n  event: open\n  path: '/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/'\n  headers: {}\n"
SAID = "- at: {at}\n  conn: 1\n  from: server\n  text: '{text}'\n"
CLOSE = "- at: 9.0\n  conn: 1\n  event: close\n  code: 4001\n  reason: 'the end'\n  by: server\n"


def tape(*said: tuple[float, str], close: bool = False) -> str:
    """A cassette in which the server says this."""
    return HEAD + "".join(SAID.format(at=at, text=text) for at, text in said) + (CLOSE if close else "")


def out(number: int) -> str:
    return json.dumps(
        {
            "type": "chat_out",
            "msg_out": {"id": number, "text": f"no. {number}", "origin": "flow", "time": "2026-01-01T00:00:00Z"},
        }
    )


def simulator(*backends: str, folder: Path | None = None) -> Server:
    names = [*(backends or ("chip",))]
    return Server(Options(names, port=0, seed=7, clock=ManualClock(), cassettes=folder))


async def heard(client: ClientConnection) -> Any:
    async with asyncio.timeout(SECONDS):
        return await client.recv()


async def test_which_there_are(tmp_path: Path) -> None:
    """The operator's own first, then those that come along; one that can't be read says why."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "one.yaml").write_text(tape((1.0, out(1))))
    (tmp_path / "broken.yml").write_text("nothing: here\n")
    (tmp_path / "not.txt").write_text(tape())
    async with simulator(folder=tmp_path) as running:
        status, told = await admin(running.url("chip"), "GET", "cassettes")
    assert status == 200
    mine = told["cassettes"][:2]
    assert [(one["name"], one["backend"]) for one in mine] == [("broken.yml", None), ("mine/one.yaml", "chip")]
    assert "is not a cassette" in mine[0]["error"]
    others = [one["name"] for one in told["cassettes"][2:]]
    assert others == sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.rglob("*.yaml"))


def test_the_folder_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cassettes lie in ./cassettes, unless somebody says where."""
    nothing: dict[str, Any] = dict.fromkeys(("admin_port", "tls_ca_out", "tls_cert", "tls_key", "tls_passphrase"))
    bounds = {"connections": None, "space_connections": None, "request_timeout": 60.0, "answer_timeout": 15.0}
    rest = {
        **nothing,
        **bounds,
        "no_admin": False,
        "journal": 10,
        "event_loop": "asyncio",
        "links": "auto",
        "tls": False,
    }
    monkeypatch.chdir(tmp_path)
    assert options(folder=None, **rest)["cassettes"] is None
    (tmp_path / "cassettes").mkdir()
    assert options(folder=None, **rest)["cassettes"] == Path("cassettes")
    assert options(folder=tmp_path, **rest)["cassettes"] == tmp_path
    assert [options(folder=None, **{**rest, "links": links})["own_links"] for links in ("auto", "aiohttp")] == [
        True,
        False,
    ]


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=lambda path: path.parent.name)
async def test_what_is_in_one(path: Path) -> None:
    async with simulator() as running:
        url = running.url("chip")
        name = path.relative_to(SHIPPED).as_posix()
        status, told = await admin(url, "POST", "cassettes/lanes", {"cassette": name})
        assert (status, told["backend"], told["left_out"], told["torn"]) == (200, path.parent.name, 0, None)
        assert told["total"] == len(told["rows"]) > 10
        text = await asyncio.to_thread(path.read_text, "utf-8")
        assert (await admin(url, "POST", "cassettes/lanes", {"cassette": text}))[1] == {**told, "name": "the cassette"}


async def test_what_can_t_be_read() -> None:
    async with simulator() as running:
        url = running.url("chip")
        status, told = await admin(url, "POST", "cassettes/lanes", {"cassette": "../../etc/passwd"})
        assert (status, told["error"].partition(";")[0]) == (404, "cassette: there is no '../../etc/passwd'")
        status, told = await admin(url, "POST", "cassettes/lanes", {"cassette": "cassette: 1\nentries:\n- at: x\n"})
        assert status == 400
        assert told["error"].startswith("cassette: the cassette:")
        status, told = await admin(url, "POST", "cassettes/lanes", {"cassette": tape(), "backend": "nobody"})
        assert status == 400
        assert (await admin(url, "POST", "cassettes/lanes", {}))[0] == 400


async def test_what_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page shows no more than it can: the rest is counted."""
    monkeypatch.setattr(cassettes, "_ROWS", 20)
    monkeypatch.setattr(cassettes, "_SHOWN", 100)
    long = json.dumps({"type": "chat_out", "text": "x" * 500})
    async with simulator() as running:
        url = running.url("chip")
        text = tape(*((i / 10, long) for i in range(30)))
        _, told = await admin(url, "POST", "cassettes/lanes", {"cassette": text})
        assert (told["total"], told["left_out"], len(told["rows"]), told["seconds"]) == (31, 11, 20, 2.9)
        assert told["rows"][1]["text"] == f"{long[:100]}… ({len(long)} characters)"
        status, told = await admin(url, "POST", "cassettes/compare", {"a": text, "b": text})
        assert (status, "has more than 20 messages" in told["error"]) == (413, True)
        monkeypatch.setattr(cassettes, "_LARGEST", 1000)
        assert (await admin(url, "POST", "cassettes/lanes", {"cassette": text}))[0] == 413
        assert (await admin(url, "POST", "cassettes/lanes", {"cassette": "chip/resume.yaml"}))[0] == 413


async def test_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cassettes, "_SECONDS", 0.0)
    async with simulator() as running:
        for call, asked in (("lanes", {"cassette": tape()}), ("compare", {"a": "chip/resume.yaml", "b": tape()})):
            status, told = await admin(running.url("chip"), "POST", f"cassettes/{call}", asked)
            assert (status, "takes longer than 0 s: `simulator cassette show`" in told["error"]) == (413, True)


async def test_what_takes_too_long_once_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    few = cassettes._few

    def read(said: Iterator[Any], name: str) -> Iterator[Any]:
        yield from few(said, name)
        if name == "the cassette":
            monkeypatch.setattr(cassettes, "_SECONDS", -1.0)

    monkeypatch.setattr(cassettes, "_few", read)
    async with simulator() as running:
        asked = {"a": "chip/resume.yaml", "b": tape()}
        status, told = await admin(running.url("chip"), "POST", "cassettes/compare", asked)
    why = "chip/resume.yaml against the cassette takes longer than -1 s: `simulator cassette diff` takes its time"
    assert (status, told["error"]) == (413, f"cassette: {why}")


async def test_two() -> None:
    async with simulator() as running:
        url = running.url("chip")
        ours, theirs = tape((1.0, out(1)), (2.0, out(2))), tape((1.0, out(1)), close=True)
        status, told = await admin(url, "POST", "cassettes/compare", {"a": ours, "b": theirs})
        assert (status, told["summary"], told["messages"]) == (200, "2 differences: 1 new, 1 missing", [3, 3])
        assert [one["kind"] for one in told["differences"]] == ["missing", "new"]
        _, told = await admin(
            url, "POST", "cassettes/compare", {"a": "chip/resume.yaml", "b": "chip/resume.yaml", "shape": True}
        )
        assert told["differences"] == []


async def test_one_said_to_a_client() -> None:
    """At the times of the tape, on the clock of the space; it ends as on the tape."""
    async with simulator() as running:
        url = running.url("chip")
        async with connect(running.connect("chip")) as client:
            asked = {"cassette": tape((1.0, out(11)), (2.5, out(12)), (4.0, out(13)), close=True), "channel": "1"}
            status, told = await admin(url, "POST", "cassettes/play", asked)
            assert (status, told["messages"], told["said"], told["over"]) == (200, 4, 1, False)
            assert json.loads(await heard(client)) == json.loads(out(11))
            await admin(url, "POST", "clock/advance", {"seconds": 1.4})
            assert (await admin(url, "GET", "cassettes/play"))[1]["plays"][0]["said"] == 1
            await admin(url, "POST", "clock/advance", {"seconds": 1.6})
            assert [json.loads(await heard(client))["msg_out"]["id"] for _ in "ab"] == [12, 13]
            await admin(url, "POST", "clock/advance", {"seconds": 10})
            await asyncio.wait_for(client.wait_closed(), SECONDS)
            assert (client.close_code, client.close_reason) == (4001, "the end")
            assert (await admin(url, "GET", "cassettes/play"))[1]["plays"][0]["over"] is True


async def test_it_can_be_stopped_and_hurried() -> None:
    async with simulator() as running:
        url = running.url("chip")
        async with connect(running.connect("chip")) as client:
            asked = {"cassette": tape((1.0, out(1)), (3.0, out(2)), close=True), "channel": "1", "close": False}
            await admin(url, "POST", "cassettes/play", asked)
            _, told = await admin(url, "DELETE", "cassettes/play")
            assert [(one["said"], one["over"]) for one in told["plays"]] == [(1, True)]
            await admin(url, "POST", "clock/advance", {"seconds": 5})
            await admin(url, "POST", "cassettes/play", {**asked, "timing": "burst"})
            _, told = await admin(url, "POST", "cassettes/play", {**asked, "timing": 0.5})
            assert told["number"] == 3
            assert [json.loads(await heard(client))["msg_out"]["id"] for _ in "abcd"] == [1, 1, 2, 1]
            await admin(url, "POST", "clock/advance", {"seconds": 1})
            assert json.loads(await heard(client))["msg_out"]["id"] == 2
            # A reset begins anew, with nobody to say anything to.
            await admin(url, "POST", "cassettes/play", {**asked, "timing": 10})
            await admin(url, "POST", "reset")
            assert (await admin(url, "GET", "cassettes/play"))[1]["plays"] == []


async def test_who_can_t_be_played_to() -> None:
    async with simulator("chip", "aida") as running:
        url = running.url("chip")
        status, told = await admin(url, "POST", "cassettes/play", {"cassette": tape((1.0, out(1))), "channel": "9"})
        assert (status, told["error"]) == (404, "there is no channel '9'; connected are: none")
        async with connect(running.connect("chip")):
            for cassette, more, why in (
                ("aida/two-bots.yaml", {}, "is of aida, and that client is one of chip"),
                (tape(), {}, "the server says nothing by itself"),
                (tape((1.0, out(1))), {"conn": 7}, "conn: there is no 7"),
            ):
                asked = {"cassette": cassette, "channel": "1", **more}
                status, told = await admin(url, "POST", "cassettes/play", asked)
                assert (status, why in told["error"]) == (409, True), told


async def test_how_much_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "_MOST", 1)
    async with simulator() as running:
        url = running.url("chip")
        async with connect(running.connect("chip")):
            asked = {"cassette": tape((1.0, out(1)), (3.0, out(2))), "channel": "1"}
            assert (await admin(url, "POST", "cassettes/play", asked))[0] == 200
            status, told = await admin(url, "POST", "cassettes/play", asked)
            assert (status, told["error"].partition(":")[0]) == (409, "1 cassettes are being played here")
            monkeypatch.setattr(playing, "_LINES", 1)
            assert (await admin(url, "POST", "cassettes/play", asked))[0] == 413


async def test_a_client_that_goes_while_the_tape_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = cassettes._plan
    async with simulator() as running:
        loop, gone = asyncio.get_running_loop(), running.driver.reset

        def slowly(*args: Any) -> Any:
            asyncio.run_coroutine_threadsafe(asyncio.to_thread(loop.call_soon_threadsafe, gone), loop).result(SECONDS)
            return read(*args)

        monkeypatch.setattr(cassettes, "_plan", slowly)
        async with connect(running.connect("chip")):
            asked = {"cassette": tape((1.0, out(1))), "channel": "1"}
            status, told = await admin(running.url("chip"), "POST", "cassettes/play", asked)
            assert (status, told["error"]) == (404, "channel: 1 is gone meanwhile")


async def test_a_topic_of_today() -> None:
    """A Phoenix client has joined its own topic, and hears under that; ids of the tape's topic are its own."""
    async with simulator("aida") as running:
        url = running.url("aida")
        topic = "bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"
        async with connect(running.connect("aida")) as client:
            await client.send(json.dumps(["1", "1", topic, "phx_join", {"access_token": "harbour-web-token"}]))
            assert json.loads(await heard(client))[3] == "phx_reply"
            asked = {"cassette": "aida/two-bots.yaml", "channel": "1", "timing": "burst", "close": False}
            _, told = await admin(url, "POST", "cassettes/play", asked)
            assert told["answers_left_out"] > 0
            [playing] = (await admin(url, "GET", "cassettes/play"))[1]["plays"]
            assert playing["answers_left_out"] == told["answers_left_out"]
            said = [json.loads(await heard(client)) for _ in range(told["messages"])]
            assert {(one[2], one[3]) for one in said} == {(topic, "btu_msg")}


async def test_a_namespace_of_today() -> None:
    async with simulator("mia") as running:
        url = running.url("mia")
        auth = {"instance": {"chatId": "garden-homes", "token": "garden-web-token"}}
        async with connect(running.connect("mia")) as client:
            assert str(await heard(client)).startswith("0{")
            await client.send(f"40{json.dumps(auth)}")
            assert str(await heard(client)).startswith("40{")
            [channel] = (await admin(url, "GET", "channels"))[1]["channels"]
            asked = {"cassette": "mia/recovery.yaml", "channel": channel["id"], "timing": "burst", "close": False}
            status, told = await admin(url, "POST", "cassettes/play", asked)
            assert status == 200, told
            said: list[str] = []
            # It has heard already that it is in.
            while len(said) < told["messages"] + 2:
                if str(frame := await heard(client)).startswith("42"):
                    said.append(json.loads(str(frame).lstrip("0123456789"))[0])
            assert said[:2] == ["EVENT_INIT_ROOM", "EVENT_SERVER_INIT_MESSAGE_LIST"]
            assert "EVENT_SERVER_SEND_MESSAGE" in said

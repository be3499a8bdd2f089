"""`serve --record`: what the simulator itself plays, in a cassette."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from simulator.cassette.entries import Beside, Closed, Cut, Entry, Exchange, Opened, Passed, Refused
from simulator.cassette.sink import FileSink
from simulator.cassette.tape import open_tape
from simulator.core.errors import SimulatorError, StartError
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.reporter import Reporter
from tests.backends.concierge.live import at, upload_data
from tests.served import SECONDS, admin, ask, command

pytestmark = pytest.mark.live


def serving(out: Path, *backends: str, port: int = 0, **options: Any) -> Server:
    settings = [("bot_delay", "0"), *([("outbox_interval", "0")] if "chip" in backends else [])]
    return Server(Options([*backends], port=port, seed=7, record=out, settings=settings, **options))


def read(out: Path) -> list[Entry]:
    with open_tape(out) as tape:
        entries = list(tape)
        assert tape.torn is None
    return entries


async def test_a_chat(tmp_path: Path) -> None:
    out = tmp_path / "chat.yaml"
    log: list[tuple[str, str]] = []
    async with serving(out, "chip", redact=False, clock=ManualClock()) as simulator:
        async with connect(simulator.connect("chip")) as ws:
            for text in ('{"type":"start_chat"}', '{"type":"send_msg","text":"Zoë 👍"}'):
                await ws.send(text)
                log += [("client", text), ("server", str(await asyncio.wait_for(ws.recv(), SECONDS)))]
            await simulator.driver.advance(2.5)
            await ws.close(4001, "bye")
        with pytest.raises(Exception, match="rejected"):
            async with connect(f"{simulator.url('chip')}/wc/connect/nowhere/".replace("http", "ws")):
                pass
        await admin(simulator.url("chip"), "GET", "clock")
        async with connect(simulator.connect("chip", "another-space")) as ws:
            await ws.send('{"type":"start_chat"}')
            await ws.recv()
        async with connect(simulator.connect("chip")) as ws:
            await admin(simulator.url("chip"), "POST", "reset")
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(ws.recv(), SECONDS)
    with open_tape(out) as tape:
        header = tape.header
    assert (header.backend, header.redacted, header.upstream) == ("chip", (), None)
    assert (header.recorded or "").startswith("2026-01-01T00:00:00"), "the clock's time, not the machine's"
    entries = read(out)
    assert [(e.sender, e.data) for e in entries if isinstance(e, Passed)] == log, "and no space's"
    opened = [e for e in entries if isinstance(e, Opened)]
    assert len(opened) == 2
    assert dict(opened[0].answer)["Upgrade"] == "websocket"
    first, second = (e for e in entries if isinstance(e, Closed))
    assert (first.at, first.code, first.reason, first.by) == (2.5, 4001, "bye", "client")
    assert second.by == "server"
    assert "/__admin" not in out.read_text()
    [missed] = [e for e in entries if isinstance(e, Refused | Exchange)]
    assert "nowhere" in (missed.path if isinstance(missed, Refused) else missed.request.path)


async def test_polls_and_http(tmp_path: Path) -> None:
    out = tmp_path / "mia.yaml"
    async with serving(out, "mia", redact=False) as simulator:
        url = simulator.url("mia")
        _, body = await ask(url, "GET", "/socket.io/?EIO=4&transport=polling")
        sid = json.loads(body[1:])["sid"]
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        await ask(url, "POST", path, b'40{"instance":{}}', "Content-Type: text/plain;charset=UTF-8")
        _, answer = await ask(url, "GET", path)
        await ask(url, "POST", path, b"1", "Content-Type: text/plain;charset=UTF-8")
        await ask(url, "GET", "/health-check")
    entries = read(out)
    frames = [(e.sender, e.via, e.data) for e in entries if isinstance(e, Passed)]
    assert frames[0] == ("server", "polling", body.decode())
    assert frames[1] == ("client", "polling", '40{"instance":{}}')
    assert "\x1e".join(str(e[2]) for e in frames[2:] if e[0] == "server").startswith(answer.decode())
    [exchange] = [e for e in entries if isinstance(e, Exchange)]
    assert exchange.request.path == "/health-check"
    assert exchange.response is not None
    assert exchange.response.status == 200


async def test_an_upload_is_known_by_its_hash(tmp_path: Path) -> None:
    out = tmp_path / "all.yaml"
    async with serving(out, "concierge", "chip", redact=True) as simulator:
        signed = (await upload_data(simulator))["uploadURL"]
        head, _ = await at(signed, "PUT", b"picture" * 100, "Content-Type: image/png")
        assert head[0].split()[1] == "200", head
    [put] = [e for e in read(out) if isinstance(e, Exchange) and e.request.method == "PUT"]
    assert put.request.body == Beside(None, 700, hashlib.sha256(b"picture" * 100).hexdigest())
    assert "X-Amz-Signature=" in put.request.path
    assert signed.rpartition("X-Amz-Signature=")[2].partition("&")[0] not in out.read_text()
    with open_tape(out) as tape:
        assert tape.header.backend is None, "there are two"


async def test_what_is_open_at_the_end_is_closed_by_the_server(tmp_path: Path) -> None:
    out = tmp_path / "chat.yaml"
    async with serving(out, "chip") as simulator:
        ws = await connect(simulator.connect("chip"))
    await ws.close()
    ends = [e for e in read(out) if isinstance(e, Closed | Cut)]
    assert len(ends) == 1
    assert not isinstance(ends[0], Closed) or ends[0].by == "server"


async def test_a_file_that_is_there(tmp_path: Path) -> None:
    out = tmp_path / "chat.yaml"
    out.write_text("mine")
    with pytest.raises(SimulatorError, match=r"--record .*chat\.yaml: is there already; name another"):
        async with serving(out, "chip"):
            pass
    assert out.read_text() == "mine"


async def test_what_could_not_start_leaves_no_file(tmp_path: Path) -> None:
    async with serving(tmp_path / "one.yaml", "chip") as first:
        port = int(first.url("chip").rpartition(":")[2])
        with pytest.raises(StartError):
            async with serving(tmp_path / "two.yaml", "chip", port=port):
                pass
    assert not (tmp_path / "two.yaml").exists()


async def test_the_command(tmp_path: Path) -> None:
    out = tmp_path / "chat.yaml"
    async with command(tmp_path, "--record", str(out), "-v") as run:
        async with connect(run.connect) as ws:
            await ws.send('{"type":"start_chat"}')
            await ws.recv()
        assert await run.stop(signal.SIGINT) == 0
    assert len([e for e in read(out) if isinstance(e, Passed)]) == 2


class FullSink(FileSink):
    """A disk with room for three records."""

    def write(self, record: bytes) -> None:
        self.left = getattr(self, "left", 3) - 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        super().write(record)


async def test_a_disk_that_is_full_disturbs_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.serve.recording.FileSink", FullSink)
    stream = io.StringIO()
    simulator = serving(tmp_path / "chat.yaml", "chip", reporter=Reporter(lambda: 0.0, stream=stream))
    async with simulator:
        ws = await connect(simulator.connect("chip"))
        for text in ("start_chat", *["get_history"] * 5):
            await ws.send(f'{{"type":"{text}","before":"2099-01-01T00:00:00Z"}}')
            await asyncio.wait_for(ws.recv(), SECONDS)
        await ws.close()
    assert simulator.unrecorded > 5
    assert "not recorded: writing failed: [Errno 28] No space left on device" in stream.getvalue()


async def test_after_a_reset_time_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "chat.yaml"
    async with serving(out, "chip", clock=ManualClock()) as simulator:
        await simulator.driver.advance(600)
        async with connect(simulator.connect("chip")):
            pass
        await admin(simulator.url("chip"), "POST", "reset")
        async with connect(simulator.connect("chip")) as ws:
            await simulator.driver.advance(2.5)
            await ws.send('{"type":"start_chat"}')
            await asyncio.wait_for(ws.recv(), SECONDS)
    frames = [entry.at for entry in read(out) if isinstance(entry, Passed)]
    assert frames == [602.5, 602.5]

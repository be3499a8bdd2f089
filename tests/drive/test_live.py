"""Cassettes of served backends, verified against served backends: as on the tape, and not any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from simulator.cassette.redact import Redactor
from simulator.cassette.walk import Manner as Replaying
from simulator.core.errors import CassetteError, StartError
from simulator.drive.outcome import Manner
from simulator.drive.target import Target
from simulator.drive.verdict import Row, Verdict
from simulator.drive.verify import Wanted, verify
from simulator.serve.app import Options, Server
from simulator.serve.replay import prepare
from tests.cassette import tapes
from tests.drive.odd import odd, tampered
from tests.drive.talks import ALL, QUICK, long_polled, polled
from tests.drive.taping import Client, served

pytestmark = pytest.mark.live


async def taped(path: Path, name: str, redactor: Redactor | None = None) -> Path:
    async with (
        served(name, 7, **QUICK[name]) as simulator,
        Client.taping(path, simulator.url(name), name, redactor) as client,
    ):
        await ALL[name](client, simulator.connect(name))
    return path


async def verified(path: Path, url: str, patience: float = 3.0, **wanted: Any) -> Verdict:
    manner = Manner(patience, transports=wanted.pop("transports", None), recorded=wanted.pop("recorded", False))
    query = wanted.pop("query", ())
    return await verify(path, Target(url, query=query), Wanted(manner=manner, **wanted))


def off(verdict: Verdict) -> list[Row]:
    return [row for row in verdict.rows if row.outcome != "matched"]


def told(verdict: Verdict) -> list[str]:
    return [f"{row.outcome} {row.name}" for row in off(verdict)]


# ---- as on the tape ----


@pytest.mark.parametrize("exact", [False, True], ids=["shape", "exact"])
@pytest.mark.parametrize("name", ALL)
async def test_a_served_backend_says_what_was_recorded_of_it(name: str, exact: bool, tmp_path: Path) -> None:
    path = await taped(tmp_path / "talk.yaml", name)
    # Other ids than on the tape, for everything that is drawn.
    async with served(name, 8, **QUICK[name]) as simulator:
        found = await verified(path, simulator.url(name), exact=exact)
    assert off(found) == []
    assert len(found.rows) >= 3
    assert [note for _, note in found.notes if "had left already" not in note] == []


@pytest.mark.parametrize("name", ALL)
async def test_a_replay_is_its_own_tape(name: str, tmp_path: Path) -> None:
    """Both ends of a tape, played at each other: every line is said, and every value is what it was."""
    path = await taped(tmp_path / "talk.yaml", name)
    stand_in, coverage = prepare([path], None, Replaying(), print)
    async with Server(Options([stand_in], port=0, seed=8)) as simulator:
        found = await verified(path, simulator.served[0].url, exact=True)
    assert off(found) == []
    assert coverage.complete, coverage.text()


@pytest.mark.parametrize("transports", [None, ("websocket",), ("polling", "websocket")])
async def test_a_tape_of_polls_goes_any_way(transports: tuple[str, ...] | None, tmp_path: Path) -> None:
    path = tmp_path / "talk.yaml"
    async with (
        served("mia", 7, **QUICK["mia"]) as simulator,
        Client.taping(path, simulator.url("mia"), "mia") as client,
    ):
        await polled(client)
    assert path.read_text().count("via: polling") > 10
    async with served("mia", 8, **QUICK["mia"]) as simulator:
        found = await verified(path, simulator.url("mia"), transports=transports)
    assert off(found) == []
    assert len(found.rows) >= 6


async def test_a_tape_of_long_polls_goes_over_a_websocket(tmp_path: Path) -> None:
    path = tmp_path / "talk.yaml"
    async with (
        served("aida", 7, profile="1.8") as simulator,
        Client.taping(path, simulator.url("aida"), "aida") as client,
    ):
        await long_polled(client)
    async with served("aida", 8) as simulator:
        found = await verified(path, simulator.url("aida"), exact=True)
    assert off(found) == []
    assert {row.name for row in found.rows} == {"phx_reply to phx_join", "phx_reply to new_session", "btu_msg"}


async def test_the_times_of_the_tape_can_be_kept(tmp_path: Path) -> None:
    path = await taped(tmp_path / "talk.yaml", "chip")
    last = float(path.read_text().rpartition("- at: ")[2].partition("\n")[0])
    async with served("chip", 8, **QUICK["chip"]) as simulator:
        started = asyncio.get_running_loop().time()
        found = await verified(path, simulator.url("chip"), recorded=True)
        took = asyncio.get_running_loop().time() - started
    assert off(found) == []
    first = float(path.read_text().partition("- at: ")[2].partition("\n")[0])
    assert took >= last - first


async def test_redacted_tokens_are_asked_for_and_taken(tmp_path: Path) -> None:
    """concierge's token is in the URL, AIDA's in a frame."""
    path = await taped(tmp_path / "talk.yaml", "concierge", Redactor(b"k" * 32))
    async with served("concierge", 8, **QUICK["concierge"]) as simulator:
        url = simulator.url("concierge")
        with pytest.raises(StartError, match=r"answered with HTTP 401; line \d+: .*--query Auth=VALUE"):
            await verified(path, url)
        token = simulator.connect("concierge").partition("Auth=")[2].partition("&")[0]
        found = await verified(path, url, query=[("Auth", token)])
    assert off(found) == []

    path = await taped(tmp_path / "aida.yaml", "aida", Redactor(b"k" * 32))
    async with served("aida", 8) as simulator:
        found = await verified(path, simulator.url("aida"))
        [(line, note)] = [(line, note) for line, note in found.notes if "redaction" in note]
        assert off(found)
        assert path.read_text().splitlines()[line - 1].startswith("- at:")
        secret = note.partition("--bind ")[2].partition("=")[0]
        found = await verified(path, simulator.url("aida"), bind={secret: "harbour-web-token"})
    assert off(found) == []


# ---- not any more ----

CHANGES = {
    "chip": (b'"origin"', b'"oregon"', "chat_out", "msg_out.origin"),
    "aida": (b'"text"', b'"teks"', "btu_msg", "text"),
    "mia": (b'"direction"', b'"directive"', "EVENT_SERVER_SEND_MESSAGE", "direction"),
    "chatbot": (b'"tenantId"', b'"tenantNo"', "connected", "tenantId"),
    "concierge": (b'"messageContent"', b'"messageKontent"', "client/send-message", "body.chatMessage.messageContent"),
}


@pytest.mark.parametrize("name", ALL)
async def test_one_field_is_another(name: str, tmp_path: Path) -> None:
    path = await taped(tmp_path / "talk.yaml", name)
    old, new, message, where = CHANGES[name]
    async with served(name, 8, **QUICK[name]) as simulator, tampered(simulator.url(name), old, new) as url:
        found = await verified(path, url)
    changed = [row for row in found.drifted if row.outcome == "changed" and row.name == message]
    assert changed, told(found)
    for row in changed:
        assert [change.path for change in row.changes][:1] == [where]
        assert row.changes[0].what.startswith("missing, was ")
        assert path.read_text().splitlines()[row.line - 1].startswith("- at:")
    # What is ignored is no drift: both the old key and the new one.
    renamed = where.replace(old.decode().strip('"'), new.decode().strip('"'))
    async with served(name, 8, **QUICK[name]) as simulator, tampered(simulator.url(name), old, new) as url:
        found = await verified(path, url, ignored=[f"{message}.{where}", f"{message}.{renamed}"])
    assert not [row for row in found.rows if row.name == message and row.outcome != "matched"]


async def test_a_value_counts_when_asked(tmp_path: Path) -> None:
    path = await taped(tmp_path / "talk.yaml", "chip")
    async with (
        served("chip", 8, **QUICK["chip"]) as simulator,
        tampered(simulator.url("chip"), b"said", b"SAID") as url,
    ):
        assert off(await verified(path, url)) == []
        found = await verified(path, url, exact=True)
    assert [(row.name, row.changes[0].path, row.changes[0].what) for row in off(found)][:1] == [
        ("chat_out", "msg_out.text", '"You said: hello" became "You SAID: hello"')
    ]


async def test_a_setting_that_silences_the_bot(tmp_path: Path) -> None:
    path = await taped(tmp_path / "talk.yaml", "chip")
    async with served("chip", 8, bot="none") as simulator:
        found = await verified(path, simulator.url("chip"), patience=0.2)
    assert told(found)[:2] == ["missing chat_out", "missing chat_out"]
    assert found.rows[1].why == "not within the time it had"


# ---- servers that are none, or odd ----


def chip_tape(tmp_path: Path, *more: Any) -> Path:
    path = tmp_path / "chip.yaml"
    path.write_bytes(tapes.written(*tapes.chip(), *more, backend="chip"))
    return path


async def silent(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


async def test_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"can't connect to http://127.0.0.1:1/wc/connect/.*: Connect call failed"):
        await verified(chip_tape(tmp_path), "http://127.0.0.1:1")
    assert StartError.exit_code == 3


async def test_somebody_else_is_there(tmp_path: Path) -> None:
    async with odd(silent, status=404) as url:
        with pytest.raises(StartError, match="the handshake was answered with HTTP 404"):
            await verified(chip_tape(tmp_path), url)


async def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    async with odd(silent) as url, asyncio.timeout(5):
        found = await verified(chip_tape(tmp_path), url, patience=0.1)
    assert told(found) == ["missing chat_started", "missing chat_out"]


async def test_a_server_that_never_shakes_hands(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, asyncio.timeout(5):
        with pytest.raises(StartError, match=r"no answer to the handshake within 0\.1 s"):
            await verified(chip_tape(tmp_path), url, patience=0.1)


async def test_a_server_that_hangs_up_in_the_middle(tmp_path: Path) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str('{"type":"chat_started","chat_id":"itlu4O6ZE4ZZc07Y5rHxcLoQ"}')
        await socket.receive()
        await socket.close(code=4001, message=b"enough")

    async with odd(talk) as url, asyncio.timeout(5):
        found = await verified(chip_tape(tmp_path), url)
    assert told(found) == ["unexpected (close)", "missing chat_out", "not sent ack_chat"]
    assert found.rows[1].payload == (4001, "enough")
    assert found.rows[-1].why == "the server had closed the connection, code 4001 enough"


async def test_a_server_that_floods(tmp_path: Path) -> None:
    async def talk(socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            await socket.send_str('{"type":"noise"}')

    async with odd(talk) as url, asyncio.timeout(20):
        found = await verified(chip_tape(tmp_path), url, patience=30)
    assert "more than 1000 messages that are not on the tape: nobody listened any more" in dict(found.notes).values()
    assert told(found).count("unexpected noise") == 1001


async def test_a_torn_tape_is_verified_up_to_its_end(tmp_path: Path) -> None:
    path = await taped(tmp_path / "talk.yaml", "chip")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"chat_resumed")])
    async with served("chip", 8, **QUICK["chip"]) as simulator:
        found = await verified(path, simulator.url("chip"))
    assert off(found) == []
    [note] = [note for _, note in found.notes if "truncated" in note]
    assert note.startswith("truncated, verified up to here: the last record is not whole")


async def test_nothing_to_play(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_bytes(tapes.written(backend="chip"))
    with pytest.raises(CassetteError, match="has nothing to play"):
        await verified(path, "http://127.0.0.1:1")

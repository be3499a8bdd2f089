"""https and wss: other people's clients that trust the written authority, URLs that are minted, and what may be wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from websockets.asyncio.client import connect
from yarl import URL

from simulator.core.errors import SimulatorError, StartError
from simulator.serve import tls
from simulator.serve.app import Options, Server
from simulator.serve.tls import Brought, Made
from tests.backends.concierge.live import upload_body
from tests.served import SECONDS, Node, Raw, request

pytestmark = pytest.mark.live

START = '{"type":"start_chat"}'
PNG = {"Content-Type": "image/png"}


def served(*names: str, secured: tls.Tls | None = None, **options: object) -> Server:
    given = [("bot_delay", "0")]
    return Server(Options([*names], port=0, seed=7, settings=given, tls=secured or Made(), **options))  # type: ignore[arg-type]


def content(path: Path, new: bytes | None = None) -> bytes:
    """What a file holds, or shall hold."""
    if new is not None:
        path.write_bytes(new)
    return path.read_bytes()


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return tmp_path / "ca.pem"


@pytest.fixture
async def simulator(ca: Path) -> AsyncIterator[Server]:
    async with served("chip", "mia", "concierge", secured=Made(ca), admin_port=0) as running:
        yield running


async def test_clients_that_trust_the_authority(simulator: Server, ca: Path) -> None:
    trusting = ssl.create_default_context(cafile=ca)
    url = simulator.connect("chip")
    assert url.startswith("wss://127.0.0.1:")
    assert [one.url[:8] for one in simulator.served] == ["https://"] * 3
    for address in ("127.0.0.1", "localhost"):
        async with connect(url.replace("127.0.0.1", address), proxy=None, ssl=trusting) as ws:
            await ws.send(START)
            assert json.loads(await ws.recv())["type"] == "chat_started"
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, ssl=trusting) as other:
            await other.send_str(START)
            assert (await other.receive_json(timeout=SECONDS))["type"] == "chat_started"
        async with session.get(f"{simulator.admin}/__admin/health", ssl=trusting) as answer:
            assert (await answer.json())["backends"] == ["chip", "mia", "concierge"]
    strange = ssl.create_default_context(cadata=trustme.CA().cert_pem.bytes().decode())
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(url, proxy=None, ssl=strange)


async def test_who_does_not_come_in_is_told(simulator: Server, caplog: pytest.LogCaptureFixture) -> None:
    async with Raw.open(simulator.url("chip"), request("GET", "/")) as raw:
        assert await raw.rest() == b""
    assert caplog.messages == ["a client speaks no TLS, which is spoken here: it has to use wss:// and https://"]
    caplog.clear()

    def handshake() -> None:
        # asyncio's client leaves without a word, most others say why.
        port = int(simulator.url("chip").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as sock, pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")

    await asyncio.to_thread(handshake)
    # A turn of the server's later: what came after it has been read.
    async with asyncio.timeout(SECONDS):
        while not caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert [line.partition(":")[0] for line in caplog.messages] == ["a client does not trust the certificate"]


async def test_urls_that_are_minted(simulator: Server, ca: Path) -> None:
    trusting = ssl.create_default_context(cafile=ca)
    url = simulator.url("concierge")
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/file-new/get-upload-url", data=upload_body(), ssl=trusting) as answer:
            minted = (await answer.json())["data"]["uploadUrlData"]
        assert minted["uploadURL"].startswith(f"{url}/")
        put = URL(minted["uploadURL"], encoded=True)
        async with session.put(put, data=b"x" * 100_000, headers=PNG, ssl=trusting) as answer:
            assert answer.status == 200
        async with session.get(minted["resourceUrl"], ssl=trusting) as answer:
            assert await answer.read() == b"x" * 100_000


@pytest.mark.node
async def test_clients_of_npm(simulator: Server, ca: Path) -> None:
    trusted = {"ca": content(ca).decode()}
    async with Node.running("ws.mjs") as node:
        assert (await node.open(simulator.connect("chip"), **trusted))[0] == 101
        await node.send(START)
        assert json.loads(await node.text())["type"] == "chat_started"
        assert await node.close(1000, "") == (1000, "")
    auth = {"instance": {"chatId": "garden-homes", "token": "garden-web-token"}}
    for transports in (["polling"], ["polling", "websocket"]):
        async with Node.running("socketio.mjs") as node:
            node.write({"open": simulator.url("mia"), "options": {**trusted, "transports": transports, "auth": auth}})
            while (await node.event("event"))[0] != "(connect)":
                pass
            node.write({"emit": ["EVENT_CLIENT_SEND_MESSAGE", {"content": "Hello"}]})
            while (said := await node.event("event"))[0] != "EVENT_SERVER_SEND_MESSAGE":
                pass
            assert said[1]["content"]


async def test_a_certificate_of_the_operators(tmp_path: Path) -> None:
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    both, cert, key, locked = (tmp_path / name for name in ("both.pem", "cert.pem", "key.pem", "locked.pem"))
    cert.write_bytes(own.cert_chain_pems[0].bytes())
    key.write_bytes(own.private_key_pem.bytes())
    both.write_bytes(own.private_key_and_cert_chain_pem.bytes())
    secret = load_pem_private_key(key.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame")
    )
    locked.write_bytes(secret)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    for brought in (Brought(cert, key), Brought(both), Brought(cert, locked, "sesame")):
        async with (
            served("chip", secured=brought) as simulator,
            connect(simulator.connect("chip"), proxy=None, ssl=trusting) as ws,
        ):
            await ws.send(START)
            assert json.loads(await ws.recv())["type"] == "chat_started"

    other, nothing = tmp_path / "other.pem", tmp_path / "nothing.pem"
    other.write_bytes(authority.issue_cert("127.0.0.1").private_key_pem.bytes())
    nothing.write_text("nothing")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for wrong, why in (
        (Brought(cert, other), f"--tls-key {other}: is not the key of the certificate in {cert}"),
        (Brought(cert, locked), f"--tls-key {locked}: the key has a passphrase: give it with --tls-passphrase"),
        (Brought(cert, locked, "open"), f"--tls-key {locked}: the passphrase of --tls-passphrase does not open it"),
        (Brought(cert, locked, "x" * 2000), "--tls-passphrase: password cannot be longer than 1024 bytes"),
        (Brought(cert), f"--tls-cert {cert}: there is no private key in it: name its file with --tls-key"),
        (Brought(cert, nothing), f"--tls-key {nothing}: there is no private key in it: expected PEM"),
        (Brought(nothing, key), f"--tls-cert {nothing}: there is no certificate in it: expected PEM"),
        (Brought(broken, key), f"--tls-cert {broken}, --tls-key {key}: can't be used: "),
        (Brought(tmp_path / "gone", key), f"--tls-cert {tmp_path / 'gone'}: No such file or directory"),
        (Brought(cert, tmp_path), f"--tls-key {tmp_path}: Is a directory"),
    ):
        with pytest.raises(SimulatorError) as error:
            served("chip", secured=wrong)
        assert str(error.value).startswith(why)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "more"),
    [("127.0.0.1", ()), ("localhost", ()), ("10.1.2.3", ("10.1.2.3",)), ("chat.example.com", ("chat.example.com",)),
     ("a_b.example.com", ()), ("häuser.example", ()), ("fe80::1", ("fe80::1",))],
)  # fmt: skip
def test_names(host: str, more: tuple[str, ...]) -> None:
    assert tls.names(host) == ["localhost", "127.0.0.1", "::1", *more]


def test_names_of_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    assert tls.names("0.0.0.0") == tls.names("::") == ["localhost", "127.0.0.1", "::1", "box"]


async def test_the_authority_is_written_over_none_but_its_own(tmp_path: Path, ca: Path) -> None:
    for _ in range(2):
        async with served("chip", secured=Made(ca)):
            assert content(ca).startswith(b"-----BEGIN CERTIFICATE-----")
    foreign = trustme.CA().cert_pem.bytes()
    for there in (b"notes", foreign, content(ca) + foreign, b""):
        content(ca, there)
        with pytest.raises(StartError, match="is there already, and not made by --tls: name another"):
            await served("chip", secured=Made(ca)).start()
        assert content(ca) == there
    with pytest.raises(StartError, match=r"--tls-ca-out .*: No such file or directory"):
        await served("chip", secured=Made(tmp_path / "nowhere" / "ca.pem")).start()


def test_without_trustme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "trustme", None)
    with pytest.raises(SimulatorError, match=r"which is not installed: pip install 'chat-simulator\[tls\]', or bring"):
        served("chip")


def test_what_clients_have_to_trust_is_told(tmp_path: Path) -> None:
    assert "--tls-ca-out" in Made().remark
    assert str(tmp_path / "ca.pem") in Made(tmp_path / "ca.pem").remark
    assert Brought(tmp_path / "own.pem").remark == ""


def test_no_other_reads_the_key_that_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OpenSSL takes files alone: for that moment it is in one of its owner's, and then nowhere."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    load, seen = ssl.SSLContext.load_cert_chain, []

    def watched(context: ssl.SSLContext, certfile: str, *more: Any) -> None:
        seen.append((b"PRIVATE KEY" in Path(certfile).read_bytes(), stat.S_IMODE(Path(certfile).stat().st_mode)))
        load(context, certfile, *more)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", watched)
    Made(tmp_path / "ca.pem").open("127.0.0.1").publish()
    assert seen == [(True, 0o600)]
    assert [path.name for path in tmp_path.iterdir()] == ["ca.pem"]
    assert b"PRIVATE" not in (tmp_path / "ca.pem").read_bytes()

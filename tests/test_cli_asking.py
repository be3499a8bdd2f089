"""`simulator health` and `simulator wait`: is it well, when will it be, and in one line why not."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.health import address
from simulator.serve.tls import Made
from tests.served import COMMAND, SECONDS, clean_environment, prompt
from tests.test_cli import invoke, shell

pytestmark = pytest.mark.usefixtures("_no_options_from_outside")


@pytest.fixture
def _no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("SIMULATOR_"):
            monkeypatch.delenv(name)


NOBODY = "http://127.0.0.1:1"
REFUSED = f"{NOBODY}/__admin/health: Connection refused"


# --- health


async def test_health() -> None:
    async with prompt() as simulator:
        url = simulator.url("chip")
        proxies = {"http_proxy": "http://192.0.2.1:1", "HTTP_PROXY": "http://192.0.2.1:1"}
        done = await asyncio.to_thread(shell, "health", url, **proxies)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{url} is well\n", "")
        for given in (f"{url}/", f"{url}/__admin", simulator.connect("chip"), url.replace("http", "ws")):
            result = await asyncio.to_thread(invoke, "health", given)
            assert (result.exit_code, result.output) == (0, f"{given} is well\n")
        result = await asyncio.to_thread(invoke, "health", SIMULATOR_HEALTH_URL=url)
        assert (result.exit_code, result.output) == (0, f"{url} is well\n")
    done = await asyncio.to_thread(shell, "health", url)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{url}/__admin/health: Connection refused\n")


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:8070/~space/w1/", "http://127.0.0.1:8070/~space/w1/__admin/health"),
        ("ws://127.0.0.1:8070/~space/w1/wc/connect/x/", "http://127.0.0.1:8070/~space/w1/__admin/health"),
        ("wss://[::1]:8070/socket/websocket?vsn=2.0.0", "https://[::1]:8070/__admin/health"),
        ("http://127.0.0.1:8070/__admin/ui#token=x", "http://127.0.0.1:8070/__admin/health"),
        ("http://127.0.0.1:8070/behind/a/proxy", "http://127.0.0.1:8070/behind/a/proxy/__admin/health"),
    ],
)
def test_where_health_is_asked(url: str, asked: str) -> None:
    assert address(url) == asked


async def test_health_where_a_token_is_asked_for() -> None:
    async with prompt(admin_token="sesame") as simulator:
        url = simulator.url("chip")
        for given in ((), ("--admin-token", "sesame")):
            done = await asyncio.to_thread(invoke, "health", url, *given)
            assert (done.exit_code, done.stdout) == (0, f"{url} is well\n")
        why = f"{url}/__admin/health: 401: the token is another one there\n"
        done = await asyncio.to_thread(invoke, "health", url, SIMULATOR_ADMIN_TOKEN="mistaken")
        assert (done.exit_code, done.stderr) == (1, why)
        # And waiting for another one is in vain.
        done = await asyncio.to_thread(invoke, "wait", url, "--admin-token", "mistaken")
        assert (done.exit_code, done.stderr) == (1, f"simulator: {why}")


async def test_health_over_tls(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    other = tmp_path / "no.pem"
    other.write_text("nothing")
    async with Server(Options(["chip"], port=0, clock=ManualClock(), tls=Made(ca))) as simulator:
        url = simulator.url("chip")
        for given in (("--cacert", str(ca)), ("--insecure",)):
            for said in (url, simulator.connect("chip")):
                done = await asyncio.to_thread(invoke, "health", said, *given)
                assert (done.exit_code, done.output) == (0, f"{said} is well\n")
        done = await asyncio.to_thread(invoke, "wait", url, "--cacert", str(ca), "--quiet")
        assert (done.exit_code, done.output) == (0, "")
        done = await asyncio.to_thread(invoke, "health", url)
        assert done.exit_code == 1
        assert done.stderr.startswith(f"{url}/__admin/health: unable to get local issuer certificate: name its auth")
        done = await asyncio.to_thread(invoke, "wait", url, "--cacert", str(tmp_path / "late.pem"), "--timeout", "0.1")
        assert (done.exit_code, done.stderr.split(": ")[-1]) == (
            1,
            f"--cacert {tmp_path / 'late.pem'} is not there, after 0.1 s\n",
        )
        done = await asyncio.to_thread(invoke, "health", url.replace("https", "http"))
        assert done.exit_code == 1
    for path, why in (
        (other, "there is no certificate in it: expected PEM"),
        (tmp_path / "x", "there is no such file"),
    ):
        done = invoke("health", url, "--cacert", str(path))
        assert (done.exit_code, done.stderr) == (2, f"simulator: --cacert {path}: {why}\n")


async def test_no_tls_where_it_is_expected() -> None:
    async with prompt() as simulator:
        done = await asyncio.to_thread(invoke, "health", simulator.url("chip").replace("http", "https"), "--insecure")
    assert (done.exit_code, done.stderr.split(": ", 1)[1]) == (1, "speaks no TLS, or another: try http://\n")


NOT = "something else answers there: expected the health of a simulator"


async def end(writer: asyncio.StreamWriter, over: asyncio.Event) -> None:
    """Hang up; a socket that outlives its loop would be some later test's failure."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    over.set()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "answers 401: expected a simulator, one without --no-admin"),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "answers 404: expected a simulator, one without --no-admin",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", NOT),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", NOT),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 65536, NOT),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"status":"ill"}', "status 'ill'"),
        (b"\x1b[2J\r\n", "\\x1b[2J\\r\\n"),
        (b"", "Remote end closed connection without response"),
        (None, "timed out"),
    ],
)
async def test_health_of_something_else(answer: bytes | None, why: str) -> None:
    done, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await done.wait()
        else:
            writer.write(answer)
            await writer.drain()
        await end(writer, over)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        result = await asyncio.to_thread(invoke, "health", url, "--timeout", "0.3")
        done.set()
        async with asyncio.timeout(SECONDS):
            await over.wait()
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"{url}/__admin/health: {why}\n")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "], ids=["body", "head"])
async def test_an_answer_in_drops_ends_in_time(head: bytes) -> None:
    done, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not done.is_set():
            writer.write(b" ")
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 0.05)
        await end(writer, over)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        result = await asyncio.to_thread(invoke, "health", url, "--timeout", "0.3")
        done.set()
        async with asyncio.timeout(SECONDS):
            await over.wait()
    assert (result.exit_code, result.stderr) == (1, f"{url}/__admin/health: timed out\n")


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8070", "ftp://127.0.0.1:8070", "", "http://", "http://[", "http://127.0.0.1:x", "http://b\u00fccher/",
     "http://me@127.0.0.1/"],
)  # fmt: skip
@pytest.mark.parametrize("command", ["health", "wait"])
def test_no_url(command: str, url: str) -> None:
    done = invoke(command, url)
    assert (done.exit_code, done.stdout) == (2, "")

    assert done.stderr == f"simulator: {url}: expected a URL such as http://127.0.0.1:8070\n"


# --- wait


async def test_wait_until_it_is_there(tmp_path: Path) -> None:
    ready, ca = tmp_path / "ready.json", tmp_path / "ca.pem"
    waiting = await asyncio.create_subprocess_exec(
        COMMAND, "wait", "--ready-file", str(ready), "--cacert", str(ca),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment(),
    )  # fmt: skip
    serving = await asyncio.create_subprocess_exec(
        COMMAND, "serve", "-b", "chip", "-b", "mia", "-p", "0", "-H", "0.0.0.0", "--ready-file", str(ready), "--tls",
        "--tls-ca-out", str(ca), stdout=subprocess.DEVNULL, env=clean_environment(),
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(waiting.communicate(), 60)
        assert (waiting.returncode, err) == (0, b"")
        state = json.loads(ready.read_bytes())
        urls = " ".join(row["url"] for row in state["backends"])
        assert out.decode().startswith(f"{urls} are ready after ")
        # Both by name as well, and with the token that was drawn.
        named = [state["backends"][0]["url"], state["backends"][1]["connect"]]
        given = ("--admin-token", state["admin"]["token"], "--cacert", str(ca), "--pid", str(serving.pid))
        done = await asyncio.to_thread(invoke, "wait", *named, *given)
        assert (done.exit_code, done.stdout.startswith(f"{' '.join(named)} are ready")) == (0, True)
    finally:
        serving.terminate()
        await serving.wait()


async def test_wait_where_there_is_no_control_api(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    async with prompt() as simulator:
        url = simulator.url("chip")
        ready.write_text(json.dumps({"backends": [{"url": url}]}))
        done = await asyncio.to_thread(invoke, "wait", "--ready-file", str(ready))
        assert (done.exit_code, done.stdout.split(" after ")[0]) == (0, f"{url} is ready")
    done = await asyncio.to_thread(invoke, "wait", "--ready-file", str(ready), "--timeout", "0")
    assert (done.exit_code, done.stderr) == (1, f"simulator: {url}: Connection refused, after 0 s\n")


def test_wait_gives_up() -> None:
    done = invoke("wait", NOBODY, "--timeout", "0.1")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"simulator: {REFUSED}, after 0.1 s\n")


def test_wait_gives_up_when_who_should_serve_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    done = invoke("wait", NOBODY, "--pid", str(ended.pid))
    assert (done.exit_code, done.stderr) == (1, f"simulator: {REFUSED}; the process {ended.pid} has ended\n")
    # That of somebody else runs as well.
    done = invoke("wait", NOBODY, "--pid", "1", "--timeout", "0.1")
    assert (done.exit_code, done.stderr) == (1, f"simulator: {REFUSED}, after 0.1 s\n")


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        (None, 1, "{path} is not there, after 0.1 s"),
        (b"{", 2, "--ready-file {path}: expected what `simulator serve --ready-file` writes"),
        (b"[]", 2, "--ready-file {path}: expected what `simulator serve --ready-file` writes"),
        (
            b'{"backends": [], "admin": 7}',
            2,
            "--ready-file {path}: expected what `simulator serve --ready-file` writes",
        ),
        (b'{"backends": [], "admin": {"url": "http://127.0.0.1:1/__admin"}}', 1, f"{REFUSED}, after 0.1 s"),
    ],
)
def test_wait_for_a_file(text: bytes | None, code: int, why: str, tmp_path: Path) -> None:
    path = tmp_path / "ready.json"
    if text is not None:
        path.write_bytes(text)
    done = invoke("wait", "--ready-file", str(path), "--timeout", "0.1")
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", f"simulator: {why.format(path=path)}\n")


async def test_the_ready_file_of_a_variable(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    async with prompt(admin_token="sesame") as simulator:
        url = simulator.url("chip")
        admin = {"url": f"{url}/__admin", "token": "sesame"}
        ready.write_text(json.dumps({"backends": [{"url": url}, {"url": url}], "admin": admin}))
        for command, said in (("health", f"{url} {url} are well"), ("wait", f"{url} is ready")):
            done = await asyncio.to_thread(invoke, command, SIMULATOR_READY_FILE=str(ready))
            assert (done.exit_code, done.stdout.partition(" after")[0].strip()) == (0, said)
            # It is there for `serve`: who names a URL means that one alone.
            done = await asyncio.to_thread(invoke, command, url, SIMULATOR_READY_FILE=str(tmp_path / "none"))
            assert done.exit_code == 0
    done = invoke("health", "--ready-file", str(ready))
    assert (done.exit_code, done.stderr) == (1, f"{url}/__admin/health: Connection refused\n")


@pytest.mark.parametrize("command", ["health", "wait"])
def test_nothing_to_ask(command: str) -> None:
    done = invoke(command)
    assert done.exit_code == 2
    what = "ask" if command == "health" else "wait for"
    assert (
        done.stderr == f"simulator: nothing to {what}: name a URL such as http://127.0.0.1:8070, or --ready-file FILE\n"
    )


@pytest.mark.parametrize("command", ["health", "wait"])
def test_asking_imports_nothing_heavy(command: str) -> None:
    script = (
        "import sys; from simulator.cli import main\n"
        "try: main(sys.argv[1:], prog_name='simulator')\n"
        "except SystemExit as end: assert end.code == 1, end.code\n"
        "heavy = {'aiohttp', 'pydantic', 'orjson', 'ruamel', 'asyncio', 'msgspec'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    arguments = [command, NOBODY, "--timeout", "0.1"]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_they_complete() -> None:
    assert {"health", "wait"} <= {*main.later}

"""`simulator record` as a process: what it says, what it writes, how it ends, and what it refuses."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import signal
import ssl
import subprocess
import time
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import pytest
from websockets.sync.client import connect

from simulator.cassette.entries import Cut, Lost, Passed
from tests.record.proxied import (
    RECORD,
    SECONDS,
    VENV,
    Child,
    Peers,
    Recording,
    Simulated,
    certificate,
    free_port,
    needs_recorder,
    wait_for,
)
from tests.served import COMMAND, clean_environment

pytestmark = [pytest.mark.live, needs_recorder]


def chip(recording: Recording, served: Simulated) -> str:
    return served.connect["chip"].replace(served.url["chip"][7:], recording.url[7:])


def chat(url: str, *said: str) -> list[str]:
    """All that a client of chip sends and gets."""
    log = []
    with connect(url) as ws:
        for text in ('{"type":"start_chat"}', *said):
            ws.send(text)
            log += [text, str(ws.recv(timeout=10))]
    return log


def run(*arguments: str | Path, command: Path = RECORD, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [str(command), "record", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=SECONDS,
        env=clean_environment(**environment), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


# ---- from beginning to end ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_recording(tmp_path: Path, served: Simulated, number: signal.Signals) -> None:
    with Recording(tmp_path, served.url["chip"], "--no-redact") as recording:
        assert recording.ready == {"pid": recording.process.pid, "url": recording.url}
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", recording.url)
        log = chat(chip(recording, served), '{"type":"send_msg","text":"hi"}')
        with connect(chip(recording, served)) as ws:
            ws.send('{"type":"start_chat"}')
            log += ['{"type":"start_chat"}', str(ws.recv(timeout=10))]
            assert recording.stop(number) == 0, recording.complained
    header, entries = recording.cassette.read()
    assert header.upstream == served.url["chip"]
    assert header.backend == "chip", "nothing else talks like this"
    assert re.fullmatch(r"simulator \d\S+, mitmproxy \d\S+", header.recorder or "")
    assert [entry.data for entry in entries if isinstance(entry, Passed)] == log
    # What was open is not said to have been closed by anybody.
    assert [(entry.conn, entry.why) for entry in entries if isinstance(entry, Cut)] == [(2, "the recording ended")]
    assert not recording.ready_file.exists()
    said = recording.said
    assert f"recording {served.url['chip']} into {recording.cassette.path}" in said
    assert "point the client at  http://127.0.0.1:" in said
    assert "2 connections, 6 frames, 0 HTTP exchanges" in said
    assert "backend   chip" in said
    assert "start_chat 2, chat_started 2, send_msg 1, chat_out 1" in said
    assert "\x1b" not in said + recording.complained
    assert recording.complained == ""


def test_a_terminal_sees_it_live(tmp_path: Path, served: Simulated) -> None:
    ready = tmp_path / "ready"
    for colours in ({}, {"NO_COLOR": "1"}):
        ours, theirs = pty.openpty()
        command: list[str | Path] = [
            RECORD,
            "record",
            "--upstream",
            served.url["chip"],
            "--out",
            tmp_path / "chat.yaml",
            "--force",
        ]
        with subprocess.Popen(
            [*map(str, command), "--port", "0", "--ready-file", str(ready)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=clean_environment(TERM="xterm", **colours),
        ) as process:  # fmt: skip
            os.close(theirs)
            wait_for(ready.exists, alive=process)
            url = json.loads(ready.read_bytes())["url"]
            chat(served.connect["chip"].replace(served.url["chip"][7:], url[7:]))
            shown = b""
            until = time.monotonic() + SECONDS
            while b"1 connection, 2 frames" not in shown:
                assert time.monotonic() < until, shown
                shown += os.read(ours, 4096)
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0
        os.close(ours)
        text = shown.decode()
        assert "\r\x1b[K" in text, "it is redrawn"
        assert ("\x1b[1m" in text) == (not colours)


def posted(url: str, proxy: str, authority: Path | None = None) -> bytes:
    """The answer to five bytes that were sent over a proxy."""
    request = Request(url, b"hello")  # noqa: S310
    # As `ProxyHandler` does, but whatever `no_proxy` of this machine says.
    request.set_proxy(proxy.removeprefix("http://"), "http")
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    with opener.open(request, timeout=SECONDS) as answer:
        return bytes(answer.read())


def test_the_regular_mode(tmp_path: Path, folder: Path) -> None:
    """A proxy for clients by TLS: who trusts its authority is recorded, and what goes elsewhere passes untouched."""
    key, cert = certificate(tmp_path)
    home = {"XDG_DATA_HOME": str(tmp_path / "data")}
    with Peers(key, cert) as secure, Peers() as plain:
        options = ["--mode", "regular", "--insecure-upstream", "--no-redact"]
        with Recording(tmp_path, secure.url, *options, **home) as recording:
            authority = tmp_path / "data" / "simulator" / "mitmproxy" / "mitmproxy-ca-cert.pem"
            assert f"it has to trust      {authority}" in recording.said
            assert authority.parent.stat().st_mode & 0o777 == 0o700
            assert posted(f"{secure.url}/post", recording.url, authority) == b'{"size":5}'
            assert posted(f"{plain.url}/post", recording.url) == b'{"size":5}'
            with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
                posted(f"{secure.url}/post", recording.url)
            wait_for(lambda: "does it trust the proxy's certificate?" in recording.complained)
            assert recording.stop() == 0
    text = recording.cassette.path.read_text()
    assert text.count("/post") == 1


# ---- ends of other kinds ----


def test_a_killed_mitmdump_is_told(tmp_path: Path, served: Simulated) -> None:
    with Recording(tmp_path, served.url["chip"], "--no-redact") as recording:
        log = chat(chip(recording, served))
        os.kill(recording.proxy, signal.SIGKILL)
        assert recording.process.wait(SECONDS) == 1
    assert "mitmproxy was ended by signal 9" in recording.complained
    assert [entry.data for entry in recording.cassette.of(Passed)] == log
    assert not recording.ready_file.exists()


def test_a_killed_command_takes_mitmdump_along(tmp_path: Path, served: Simulated) -> None:
    with Recording(tmp_path, served.url["chip"]) as recording:
        proxy = recording.proxy
        chat(chip(recording, served))
        recording.process.kill()
        recording.process.wait()
        wait_for(lambda: not alive(proxy))
    assert recording.cassette.of(Passed)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path, served: Simulated) -> None:
    with Recording(tmp_path, served.url["chip"]) as recording:
        chat(chip(recording, served))
        # It can't hear the first one.
        os.kill(recording.proxy, signal.SIGSTOP)
        recording.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            recording.process.wait(0.3)
        began = time.monotonic()
        assert recording.stop(signal.SIGINT) == 1
        assert time.monotonic() - began < 5
    assert recording.cassette.of(Passed)


def test_ctrl_c_before_it_listens(tmp_path: Path, served: Simulated) -> None:
    ready = tmp_path / "ready"
    command: list[str | Path] = [
        RECORD,
        "record",
        "--upstream",
        served.url["chip"],
        "--out",
        tmp_path / "x.yaml",
        "--port",
        "0",
    ]
    with Child(tmp_path, *command, "--ready-file", ready) as child:
        wait_for(lambda: Path(f"/proc/{child.process.pid}/task/{child.process.pid}/children").read_text().strip())
        assert child.stop(signal.SIGINT) == 130
    assert not ready.exists()


# ---- what can't be written ----


def test_a_disk_that_is_full_disturbs_nobody(tmp_path: Path, served: Simulated) -> None:
    """All is passed on, it is told at once and counted, and the exit code says so."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        with Recording(tmp_path, served.url["chip"], "--no-redact") as recording:
            resource.setrlimit(resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)[1:] * 2)
            messages = [
                f'{{"type":"get_history","before":"2099-01-01T00:00:00Z","n":{n},"pad":"{"x" * 200}"}}'
                for n in range(40)
            ]
            assert len(chat(chip(recording, served), *messages)) == 82
            wait_for(lambda: "not recorded: " in recording.complained)
            assert recording.stop() == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)[1:] * 2)
    assert "File too large" in recording.complained
    assert re.search(r"missing   \d+ records could not be written", recording.said)
    assert 5 < len(recording.cassette.of(Passed)) < 40


def test_a_full_device(tmp_path: Path, served: Simulated) -> None:
    code, _, err = run("--upstream", served.url["chip"], "--out", "/dev/full", "--force", "--port", "0")
    assert code == 3
    assert "/dev/full: the cassette could not be begun" in err


@pytest.mark.node
def test_what_redaction_fails_at_is_not_written_and_passes_all_the_same(tmp_path: Path, peers: Peers) -> None:
    """A bug of ours, or as here a text that is too much for it."""
    many = json.dumps(["a@example.com"] * 25_000)
    with Recording(tmp_path, peers.url) as recording:
        with connect(f"{recording.url}/echo".replace("http", "ws"), max_size=None) as ws:
            for text in ("hello", many, "bye"):
                ws.send(text)
                assert ws.recv(timeout=10) == text
        wait_for(lambda: "not recorded: redacting failed: " in recording.complained)
        assert recording.stop() == 1
    assert [entry.data for entry in recording.cassette.of(Passed)] == ["hello", "hello", "bye", "bye"]
    assert sum(entry.count for entry in recording.cassette.of(Lost)) == 2
    assert "a@example.com" not in recording.cassette.path.read_text()


def test_a_cassette_that_is_full(tmp_path: Path, served: Simulated) -> None:
    with Recording(tmp_path, served.url["chip"], "--max-size", "3kB") as recording:
        messages = [f'{{"type":"get_history","before":"2099-01-01T00:00:00Z","n":{n}}}' for n in range(40)]
        assert len(chat(chip(recording, served), *messages)) == 82
        wait_for(lambda: "the cassette is full" in recording.complained)
        assert recording.stop() == 1
    assert recording.cassette.path.stat().st_size <= 3000
    assert "stopped   the cassette is full" in recording.said


# ---- what is refused ----


def test_bad_options(tmp_path: Path, served: Simulated) -> None:
    there = tmp_path / "there.yaml"
    there.write_text("something else")
    out, url = tmp_path / "x.yaml", served.url["chip"]
    cases: list[tuple[list[str | Path], int, str]] = [
        (
            ["--upstream", "wss://chat.example.com", "--out", out],
            2,
            "say https://chat.example.com, which carries WebSockets",
        ),
        (["--upstream", "ws://chat.example.com:81", "--out", out], 2, "say http://chat.example.com:81"),
        (["--upstream", "chat.example.com", "--out", out], 2, "such as https://chat.example.com"),
        (["--upstream", f"{url}/path?x=1", "--out", out], 2, f"the client brings the path: say {url}"),
        (["--upstream", url, "--out", there], 2, f"--out {there}: is there already; --force writes it anew"),
        (["--upstream", url, "--out", "-"], 2, "--out -: a cassette is a file"),
        (["--upstream", url, "--out", tmp_path], 2, "is a directory; name a file in it"),
        (["--upstream", url, "--out", tmp_path / "a" / "b.yaml"], 2, f"there is no directory {tmp_path / 'a'}"),
        (["--upstream", url, "--out", out, "--backend", "chop"], 2, "there is no backend 'chop'"),
        (["--upstream", url, "--out", out, "--redact", "cookie x"], 2, "'cookie x' is no rule; expected header NAME"),
        (["--upstream", url, "--out", out, "--redact", "json a", "--no-redact"], 2, "--redact and --no-redact exclude"),
        (["--upstream", url, "--out", out, "--max-size", "many"], 2, "'many' is no size"),
        (["--upstream", url, "--out", out, "--port", "70000"], 2, "--port"),
        (["--upstream", url, "--out", out, "--insecure-upstream"], 2, "has no certificate to take"),
        (["--out", out], 2, "--upstream"),
        (["--upstream", url, "--out", out, "--ready-file", tmp_path / "a" / "r"], 2, "there is no such directory"),
        (["--upstream", f"http://127.0.0.1:{free_port()}", "--out", out], 3, "can't be reached (connection refused)"),
        (["--upstream", "http://nowhere.invalid", "--out", out], 3, "there is no host nowhere.invalid"),
        (["--upstream", url.replace("http", "https"), "--out", out], 3, "speaks no TLS that can be used"),
    ]
    for given, code, said in cases:
        found = run(*given, "--port", "0") if "--port" not in given else run(*given)
        assert found[0] == code, (given, found)
        assert said in found[2], (given, found)
        assert found[2].count("\n") == 1, found
    assert there.read_text() == "something else"
    assert not out.exists()


def test_a_port_that_is_taken(tmp_path: Path, served: Simulated) -> None:
    port = served.url["mia"].rpartition(":")[2]
    out = tmp_path / "x.yaml"
    code, _, err = run("--upstream", served.url["chip"], "--out", out, "--port", port)
    assert (code, err) == (3, f"simulator: --port {port}: something else listens there; --port 0 takes a free one\n")
    assert not out.exists()


@pytest.mark.slow
def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    key, cert = certificate(tmp_path)
    with Peers(key, cert) as secure:
        out = tmp_path / "x.yaml"
        code, _, err = run("--upstream", secure.url, "--out", out, "--port", "0")
        assert code == 3
        assert "its certificate is not trusted (self" in err
        assert "--insecure-upstream takes any certificate" in err
        for options, environment in ((["--insecure-upstream"], {}), ([], {"SSL_CERT_FILE": str(cert)})):
            with Recording(tmp_path, secure.url, *options, "--force", **environment) as recording:
                with connect(f"{recording.url}/echo".replace("http", "ws")) as ws:
                    ws.send("hello")
                    assert ws.recv(timeout=10) == "hello"
                assert recording.stop() == 0
            assert len(recording.cassette.of(Passed)) == 2


@pytest.mark.slow
def test_an_upstream_that_goes_away(tmp_path: Path) -> None:
    with Peers() as peers, Recording(tmp_path, peers.url) as recording:
        peers.__exit__()
        with pytest.raises((OSError, HTTPException)):
            build_opener(ProxyHandler({})).open(f"{recording.url}/post", timeout=SECONDS)
        wait_for(lambda: "can't be reached" in recording.complained)
        assert recording.stop() == 0, "nothing of ours failed"


# ---- mitmproxy ----


def test_without_mitmproxy_it_says_how_to_get_it(tmp_path: Path) -> None:
    """The venv of the tests has none."""
    code, _, err = run("--upstream", "http://127.0.0.1:1", "--out", tmp_path / "x.yaml", command=COMMAND)
    assert code == 3
    assert err.strip().endswith("pip install 'chat-simulator[record]'")
    assert err.count("\n") == 1


@pytest.fixture
def addon() -> Path:
    return Path(subprocess.run([str(COMMAND), "addon-path"], capture_output=True, text=True, check=True).stdout.strip())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mode", "reverse:http://127.0.0.1:1"], "--set simulator_out=FILE is missing"),
        (
            ["--mode", "reverse:http://127.0.0.1:1", "--set", "simulator_ouut=x.yaml"],
            "--set simulator_ouut: there is no such option; simulator_out is meant?",
        ),
        (["--set", "simulator_out=x.yaml"], "--set simulator_upstream=https://chat.example.com is missing"),
        (["--set", "simulator_out=no/x.yaml"], "--set simulator_out=no/x.yaml: there is no directory no"),
        (["--set", "simulator_out=x.yaml", "--set", "simulator_max_size=big"], "'big' is no size"),
    ],
    ids=["no file", "mistyped", "no upstream", "no directory", "no size"],
)
def test_the_addon_alone_says_what_it_needs(tmp_path: Path, addon: Path, options: list[str], said: str) -> None:
    if "max_size" in said or "big" in said:
        options = ["--mode", "reverse:http://127.0.0.1:1", *options]
    command: list[str | Path] = [VENV / "bin" / "mitmdump", "-q", "--listen-port", str(free_port()), "-s", addon]
    with Child(tmp_path, *command, "--set", f"confdir={tmp_path}", *options) as child:
        assert child.process.wait(SECONDS) == 1
    assert said in child.complained
    assert "Traceback" not in child.complained + child.said


def test_a_mitmdump_without_us_says_where_to_install(tmp_path: Path, addon: Path) -> None:
    """As mitmproxy's own packages are: a Python that has never heard of us."""
    alone = tmp_path / "mitm.py"
    alone.write_bytes(addon.read_bytes())
    hide = "import sys; sys.modules['simulator'] = None; from mitmproxy.tools.main import mitmdump; mitmdump()"
    command: list[str | Path] = [
        VENV / "bin" / "python",
        "-P",
        "-c",
        hide,
        "-q",
        "--listen-port",
        str(free_port()),
        "-s",
        alone,
    ]
    with Child(tmp_path, *command, "--set", f"confdir={tmp_path}") as child:
        assert child.process.wait(SECONDS) == 1
    assert "the simulator is not installed for this mitmdump" in child.complained
    assert "Traceback" not in child.complained + child.said

"""`simulator cassette`: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from simulator.cassette.entries import Beside, Exchange, Refused, TapedRequest, TapedResponse
from simulator.cassette.tape import dump, open_tape
from simulator.cli import main
from tests.cassette import hars, tapes
from tests.cassette.tapes import said, written
from tests.served import COMMAND, clean_environment


def invoke(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="simulator", env={"COLUMNS": "", **environment})


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A talk with chip."""
    path = tmp_path / "talk.yaml"
    path.write_bytes(written(*tapes.chip(), backend="chip", upstream="https://chat.example.com"))
    return path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A Socket.IO session."""
    path = tmp_path / "session.yaml"
    path.write_bytes(written(*tapes.socketio()))
    return path


# --- show


def test_show(talk: Path) -> None:
    done = invoke("cassette", "show", talk)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == [
        f"   0.000000   #1 * (open)                       {tapes.CHIP}",
        "   0.100000   #1 > start_chat                   {}",
        '   0.200000   #1 < chat_started                 {"chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}',
    ]
    assert len(done.stdout.splitlines()) == 7


def test_show_is_as_wide_as_the_screen(talk: Path) -> None:
    lines = invoke("cassette", "show", talk, COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) == 80
    assert invoke("cassette", "show", talk, "--full", COLUMNS="80").stdout == invoke("cassette", "show", talk).stdout


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["--name", "chat_*"], ["chat_started", "chat_out"]),
        (["--name", "ack_chat", "--name", "send_msg"], ["send_msg", "ack_chat"]),
        (["--direction", "server"], ["chat_started", "chat_out"]),
        (["--text", "HELLO"], ["send_msg", "chat_out"]),
        (["--from", "1", "--to", "0:02.5"], ["send_msg", "chat_out"]),
        (["--from", "0:0:9s"], ["(close)"]),
        (["--conn", "2"], []),
        (["--conn", "1", "--conn", "2", "--text", "64"], []),
    ],
)
def test_show_some(talk: Path, wanted: list[str], names: list[str]) -> None:
    done = invoke("cassette", "show", talk, *wanted)
    assert done.exit_code == 0
    assert [line[19:].split()[0] for line in done.stdout.splitlines()] == names


def test_show_decoded_without_heartbeats(session: Path) -> None:
    done = invoke("cassette", "show", session, "--decoded", "--no-heartbeats")
    assert "Socket.IO event, namespace /admin, ack id 7" in done.stdout
    assert 'answered after 0.250 s, line 73: {"ok":true}' in done.stdout
    assert "(ping)" not in done.stdout


def test_show_raw(session: Path) -> None:
    done = invoke("cassette", "show", session, "--raw", "--name", "save")
    assert '42/admin,7["save",{"text":"hello"}]' in done.stdout


def test_show_json(session: Path) -> None:
    rows = [json.loads(line) for line in invoke("cassette", "show", session, "--json").stdout.splitlines()]
    assert len(rows) == 20
    [ack] = [row for row in rows if row["name"] == "ack of save"]
    [save] = [row for row in rows if row["line"] == ack["answers"]]
    assert save["answered"] == ack["line"]


@pytest.mark.parametrize("way", [[], ["--json"], ["--raw"], ["--decoded"], ["--color", "always"]])
def test_frames_cannot_touch_the_terminal(tmp_path: Path, way: list[str]) -> None:
    path = tmp_path / "evil.yaml"
    path.write_bytes(written(said("client", "\x1b]52;c;aGk=\x07\x9b2J\u202e"), said("client", '{"type":"\\u001b[2J"}')))
    done = invoke("cassette", "show", path, *way)
    assert done.exit_code == 0
    shown = done.stdout
    for colour in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m"):
        shown = shown.replace(colour, "")
    assert all(line.isprintable() for line in shown.splitlines())


def test_colour(talk: Path) -> None:
    assert "\x1b[" not in invoke("cassette", "show", talk).stdout
    assert "\x1b[32m" in invoke("cassette", "show", talk, "--color", "always", NO_COLOR="1").stdout


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_on_a_terminal(talk: Path, environment: dict[str, str], coloured: bool) -> None:
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run(
        [COMMAND, "cassette", "show", talk],
        stdout=theirs,
        timeout=30,
        env={**clean_environment(**environment), "COLUMNS": "72", "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    assert done.returncode == 0
    assert (b"\x1b[32m" in shown) is coloured
    assert "…" in shown.decode()


def _read(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:
        return b""


def test_whoever_reads_may_stop(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_bytes(written(*(said("client", "x" * 100) for _ in range(5000))))
    for command in ("show", "validate"):
        done = subprocess.Popen([COMMAND, "cassette", command, path, *["--full"] * (command == "show")],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        assert done.stdout is not None
        done.stdout.readline()
        done.stdout.close()
        assert done.stderr is not None
        stderr = done.stderr.read().decode()
        assert done.wait(30) == 0
        assert "Traceback" not in stderr
        assert "Broken" not in stderr
        done.stderr.close()


def test_show_a_torn_tape(tmp_path: Path) -> None:
    path = tmp_path / "torn.yaml"
    path.write_bytes(written(*tapes.chip())[:-10])
    done = invoke("cassette", "show", path)
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 6
    assert done.stderr.startswith(f"{path}:31: warning: truncated: ")


@pytest.mark.parametrize("command", ["show", "stats"])
def test_what_is_no_cassette(tmp_path: Path, command: str) -> None:
    path = tmp_path / "x.yaml"
    done = invoke("cassette", command, path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"simulator: {path}: can't be read: No such file or directory\n"
    path.write_text("hello\n")
    done = invoke("cassette", command, path)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"simulator: {path}: is not a cassette")
    assert invoke("cassette", command, path, "--backend", "nobody").exit_code == 2


@pytest.mark.parametrize("time", ["soon", "-1", "1:99", "1:2:3:4", "1e5"])
def test_what_is_no_time(talk: Path, time: str) -> None:
    done = invoke("cassette", "show", talk, f"--from={time}")
    assert done.exit_code == 2
    assert "expected seconds since the recording began, such as 12.5 or 1:02.5" in done.stderr


def test_show_a_page(tmp_path: Path, talk: Path) -> None:
    out = tmp_path / "talk.html"
    done = invoke("cassette", "show", talk, "--html", out, "--direction", "client")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    text = out.read_text()
    assert text.startswith("<!DOCTYPE html>")
    assert text.endswith("</html>\n")
    assert "chip \\u00b7 2026-11-20T20:00:00Z \\u00b7 https://chat.example.com" in text
    assert "chat_started" not in text
    assert out.stat().st_mode & 0o777 == 0o600
    out.chmod(0o644)
    done = invoke("cassette", "show", talk, "--html", out)
    assert (done.exit_code, done.stderr) == (2, f"simulator: {out}: is there already; --force replaces it\n")
    talk.write_bytes(talk.read_bytes()[:-10])
    done = invoke("cassette", "show", talk, "--html", out, "--force")
    assert done.stderr.startswith(f"{talk}:32: warning: truncated")
    assert "chat_started" in out.read_text()
    assert out.stat().st_mode & 0o777 == 0o644
    assert invoke("cassette", "show", talk, "--html", "/dev/null", "--force").exit_code == 0


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    broken, out = tmp_path / "broken.yaml", tmp_path / "talk.html"
    broken.write_bytes(written(*tapes.chip()).replace(b"from: server", b"from: mars"))
    assert invoke("cassette", "show", broken, "--html", out).exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["broken.yaml"]


def test_completion() -> None:
    command = main.get_command(click.Context(main), "cassette")
    assert isinstance(command, click.Group)
    option = next(param for param in command.commands["show"].params if param.name == "backend")
    found = option.shell_complete(click.Context(command.commands["show"]), "c")
    assert [item.value for item in found] == ["chatbot", "chip", "concierge"]


# --- stats


def test_stats(talk: Path) -> None:
    done = invoke("cassette", "stats", talk)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:4] == [
        "backend      chip",
        "recorded     2026-11-20T20:00:00Z",
        "upstream     https://chat.example.com",
        "connections  1 (1 closed, 0 open at the end; 0 upgrades, 0 refused)",
    ]


def test_stats_of_what_was_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(written(recorded=None, by_hand="the document"))
    lines = invoke("cassette", "stats", path).stdout.splitlines()
    assert lines[:2] == ["backend      unknown", "recorded     by hand, the document"]
    path.write_bytes(written(recorded=None))
    assert invoke("cassette", "stats", path).stdout.splitlines()[1] == "recorded     nobody says when"


def test_stats_json(talk: Path) -> None:
    told = json.loads(invoke("cassette", "stats", talk, "--json").stdout)
    assert (told["header"]["backend"], told["entries"]) == ("chip", 7)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["chip", "mia"])
def test_a_hundred_thousand_frames(tmp_path: Path, backend: str) -> None:
    def frame(number: int) -> str:
        if backend == "mia":
            return f'42{number}["ask",{{"n":{number}}}]' if number % 2 else f'43{number - 1}[{{"ok":true}}]'
        return f'{{"type":"send_msg","text":"it\'s number {number}"}}'

    path = tmp_path / "long.yaml"
    with path.open("wb") as file:
        file.write(written(tapes.opened(tapes.POLLING if backend == "mia" else tapes.CHIP), backend=backend))
        for number in range(100_000):
            sender = "client" if number % 2 or backend == "chip" else "server"
            file.write(dump(said(sender, frame(number), number * 0.01)))

    def cost(*command: str) -> tuple[float, float]:
        """Seconds of CPU, and MB at most."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
        assert status == 0
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024

    seconds, most = cost(str(COMMAND), "cassette", "stats", str(path))
    assert seconds < 5
    assert most - cost(sys.executable, "-c", "pass")[1] < 40


# --- validate


def test_validate(talk: Path) -> None:
    done = invoke("cassette", "validate", talk)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "1 cassette: 0 errors, 0 warnings\n")


def test_validate_finds(tmp_path: Path, talk: Path, session: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_bytes(written(tapes.opened(), said("client", '{"type":"send_msg"}'), tapes.closed(), backend="chip"))
    none = tmp_path / "none.yaml"
    none.write_text("hello\n")
    done = invoke("cassette", "validate", talk, wrong, none)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == f"{wrong}:11: error: send_msg.text: field required"
    assert done.stdout.splitlines()[1].startswith(f"{none}: error: is not a cassette")
    assert done.stderr == "3 cassettes: 2 errors, 0 warnings\n"
    found = [json.loads(line) for line in invoke("cassette", "validate", wrong, none, "--json").stdout.splitlines()]
    assert [(finding["file"], finding["line"], finding["level"]) for finding in found] == [
        (str(wrong), 11, "error"),
        (str(none), 0, "error"),
    ]


def test_warnings_count_when_they_shall(session: Path) -> None:
    done = invoke("cassette", "validate", session)
    assert (done.exit_code, done.stderr) == (0, "1 cassette: 0 errors, 1 warning\n")
    assert done.stdout.startswith(f"{session}: warning: does not say which backend it is of")
    assert invoke("cassette", "validate", session, "--strict").exit_code == 1
    assert invoke("cassette", "validate", session, "--backend", "mia").exit_code == 1
    assert invoke("cassette", "validate").exit_code == 2


# --- HAR


def test_import(tmp_path: Path) -> None:
    har, out = tmp_path / "talk.har", tmp_path / "talk.yaml"
    har.write_bytes(hars.CHROME)
    done = invoke("cassette", "import", har, "--out", out, "--backend", "chip")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith(f"{out}: 1 connection, 3 frames, 1 HTTP exchange, ")
    assert done.stderr.endswith("; 2 other requests left out\n")
    assert out.read_text().startswith("cassette: 1\nbackend: 'chip'\n")
    assert invoke("cassette", "show", out, "--name", "start_chat").stdout.count("\n") == 1
    done = invoke("cassette", "import", har, "--out", out)
    assert (done.exit_code, done.stderr) == (2, f"simulator: {out}: is there already; --force replaces it\n")
    assert invoke("cassette", "import", har, "--out", out, "--force", "--all").exit_code == 0
    assert invoke("cassette", "import", har, "--out", out, "--force", "--backend", "nobody").exit_code == 2


def test_import_with_files_beside(tmp_path: Path) -> None:
    har, out = tmp_path / "talk.har", tmp_path / "talk.yaml"
    one = hars.socket()
    del one["_webSocketMessages"]
    one["response"]["content"] = {"_file": "frames.jsonl"}
    har.write_bytes(hars.har(one))
    done = invoke("cassette", "import", har, "--out", out)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"simulator: {har}: log.entries[0]: its file frames.jsonl can't be read: ")
    assert not out.exists()
    (tmp_path / "frames.jsonl").write_text(json.dumps(hars.message("send", hars.EPOCH, "x")))
    assert invoke("cassette", "import", har, "--out", out).exit_code == 0


def test_import_big_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    har, out = tmp_path / "talk.har", tmp_path / "talk.yaml"
    with har.open("wb") as file:
        file.truncate(200 << 20)
    done = invoke("cassette", "import", har, "--out", out)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"simulator: {har}: has 200 MiB, and a HAR may have 100: save the sockets alone")
    assert done.stderr.count("\n") == 1
    one = hars.socket()
    del one["_webSocketMessages"]
    one["response"]["content"] = {"_file": "frames.jsonl"}
    har.write_bytes(hars.har(one))
    with (tmp_path / "frames.jsonl").open("wb") as file:
        file.truncate(200 << 20)
    done = invoke("cassette", "import", har, "--out", out)
    assert done.exit_code == 2
    assert "frames.jsonl can't be read: has 200 MiB" in done.stderr
    assert invoke("cassette", "import", tmp_path / "gone.har", "--out", out).exit_code == 2


def test_import_onto_a_full_disk(tmp_path: Path) -> None:
    har = tmp_path / "talk.har"
    har.write_bytes(hars.CHROME)
    done = invoke("cassette", "import", har, "--out", "/dev/full", "--force")
    assert done.exit_code == 1
    assert "No space left" in done.stderr


def test_export(tmp_path: Path, talk: Path) -> None:
    out = tmp_path / "talk.har"
    done = invoke("cassette", "export", talk, "--har", out)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    made = json.loads(out.read_text())
    assert len(made["log"]["entries"][0]["_webSocketMessages"]) == 5
    done = invoke("cassette", "export", talk, "--har", out)
    assert (done.exit_code, done.stderr) == (2, f"simulator: {out}: is there already; --force replaces it\n")
    assert invoke("cassette", "export", talk, "--har", out, "--force").exit_code == 0
    assert json.loads(invoke("cassette", "export", talk, "--har", "-").stdout) == made
    talk.write_bytes(talk.read_bytes()[:-10])
    done = invoke("cassette", "export", talk, "--har", "-")
    assert done.stderr.startswith(f"{talk}:")
    again = tmp_path / "again.yaml"
    assert invoke("cassette", "import", out, "--out", again, "--backend", "chip").exit_code == 0
    assert invoke("cassette", "validate", again).exit_code == 0


# --- redact


def secrets(path: Path) -> None:
    """A talk with secrets: in the query, in a frame, in a body beside it."""
    path.with_name(f"{path.stem}.files").mkdir()
    body = b'{"password":"hunter2hunter2"}'
    path.with_name(f"{path.stem}.files").joinpath("000002-request.bin").write_bytes(body)
    beside = Beside(f"{path.stem}.files/000002-request.bin", len(body), "0" * 64)
    lines = (("Content-Type", "application/json"),)
    path.write_bytes(
        written(
            tapes.opened("/wc?token=sesame-sesame-1", headers=(("Authorization", "Bearer abcdefgh12345678"),)),
            said("client", '{"type":"set_email","email":"bob.builder@example.org"}'),
            Refused(1.0, 3, "/x", (), TapedResponse(403, lines, '{"password":"hunter3hunter3"}')),
            Exchange(1.0, 2, 0.1, TapedRequest("POST", "/login", lines, beside), TapedResponse(200, lines, "{}")),
            Exchange(1.0, 4, 0.1, TapedRequest("GET", "/"), None),
            tapes.closed(),
            backend="chip",
        )
    )


SECRETS = ("sesame-sesame-1", "abcdefgh12345678", "bob.builder", "hunter2", "hunter3")


def test_redact_in_place(tmp_path: Path) -> None:
    path = tmp_path / "talk.yaml"
    secrets(path)
    path.chmod(0o640)
    done = invoke("cassette", "redact", "--check", path)
    assert done.exit_code == 1
    assert done.stderr == "1 cassette: 5 secrets left\n"
    found = done.stdout.splitlines()
    assert all(line.startswith(f"{path}:") for line in found)
    assert len(found) == 5
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]
    done = invoke("cassette", "redact", path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.endswith(" redactions\n")
    everything = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()).decode()
    assert not [secret for secret in SECRETS if secret in everything]
    assert path.stat().st_mode & 0o777 == 0o640
    # The old body is gone, the new one is where the cassette says, with its hash.
    [body] = (tmp_path / "talk.files").iterdir()
    assert body.stat().st_mode & 0o777 == 0o600
    with open_tape(path) as tape:
        [login] = [entry for entry in tape if isinstance(entry, Exchange) and entry.http == 2]
        assert tape.header.redacted == ("default",)
    assert login.request.body == Beside(
        f"talk.files/{body.name}", body.stat().st_size, sha256(body.read_bytes()).hexdigest()
    )
    done = invoke("cassette", "redact", "--check", path)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "1 cassette: 0 secrets left\n")
    before = path.read_bytes()
    assert invoke("cassette", "redact", path).exit_code == 0
    assert path.read_bytes() == before


def test_redact_to_another_file(tmp_path: Path) -> None:
    path, out = tmp_path / "talk.yaml", tmp_path / "public" / "talk.yaml"
    secrets(path)
    out.parent.mkdir()
    before = path.read_bytes()
    assert invoke("cassette", "redact", path, "--out", out).exit_code == 0
    assert path.read_bytes() == before
    assert invoke("cassette", "redact", "--check", out).exit_code == 0
    assert len([*(out.parent / "talk.files").iterdir()]) == 1
    assert len([*(tmp_path / "talk.files").iterdir()]) == 1
    done = invoke("cassette", "redact", path, "--out", out)
    assert (done.exit_code, done.stderr) == (2, f"simulator: {out}: is there already; --force replaces it\n")
    assert invoke("cassette", "redact", path, "--out", out, "--force").exit_code == 0


def test_rules_of_ones_own(talk: Path) -> None:
    done = invoke("cassette", "redact", "--check", talk, "--redact", "json text")
    assert done.exit_code == 1
    assert "hello" not in done.stdout
    assert invoke("cassette", "redact", talk, "--rule", "json text").exit_code == 0
    assert b"hello" not in talk.read_bytes()
    assert b"redacted: ['default', 'json text']" in talk.read_bytes()
    done = invoke("cassette", "redact", talk, "--redact", "nonsense")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "is no rule; expected header NAME" in done.stderr


def test_what_redact_cannot_do(tmp_path: Path, talk: Path, session: Path) -> None:
    assert invoke("cassette", "redact", "--check", talk, "--out", tmp_path / "x").exit_code == 2
    assert invoke("cassette", "redact", talk, session, "--out", tmp_path / "x").exit_code == 2
    assert invoke("cassette", "redact").exit_code == 2
    many = tmp_path / "many.yaml"
    many.write_bytes(written(said("client", "x@example.org " * 30_000)))
    before = many.read_bytes()
    done = invoke("cassette", "redact", many)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"simulator: {many}:6: can't be redacted: ")
    assert many.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_redact_a_torn_tape(tmp_path: Path) -> None:
    path = tmp_path / "torn.yaml"
    path.write_bytes(written(*tapes.chip(), backend="chip")[:-10])
    done = invoke("cassette", "redact", "--check", path)
    assert (done.exit_code, done.stdout.count("\n")) == (1, 1)
    done = invoke("cassette", "redact", path)
    assert done.exit_code == 0
    assert "warning: truncated, and left out: " in done.stderr
    assert invoke("cassette", "redact", "--check", path).exit_code == 0


def test_a_body_that_somebody_deleted(tmp_path: Path) -> None:
    path = tmp_path / "talk.yaml"
    secrets(path)
    (tmp_path / "talk.files" / "000002-request.bin").unlink()
    assert invoke("cassette", "redact", "--check", path).stderr == "1 cassette: 4 secrets left\n"
    assert invoke("cassette", "redact", path).exit_code == 0


def test_import_redacts(tmp_path: Path) -> None:
    har, out = tmp_path / "talk.har", tmp_path / "talk.yaml"
    har.write_bytes(hars.PLAYWRIGHT)
    done = invoke("cassette", "import", har, "--out", out)
    assert " 0 redactions" not in done.stderr
    assert b'"token":"t"' not in out.read_bytes()
    assert invoke("cassette", "redact", "--check", out).exit_code == 0
    assert invoke("cassette", "import", har, "--out", out, "--force", "--no-redact").exit_code == 0
    assert b'"token":"t"' in out.read_bytes()
    assert invoke("cassette", "import", har, "--out", out, "--force", "--redact", "json a").exit_code == 0
    assert b'"a":"\xc3\xa9"' not in out.read_bytes()


# --- trim


def test_trim(tmp_path: Path, talk: Path) -> None:
    out = tmp_path / "part.yaml"
    done = invoke("cassette", "trim", talk, "--out", out, "--from", "1", "--to", "2.5", "--rebase")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"{out}: 2 messages\n")
    assert [line[19:].split()[0] for line in invoke("cassette", "show", out).stdout.splitlines()] == [
        "(open)",
        "send_msg",
        "chat_out",
        "(cut)",
    ]
    assert invoke("cassette", "validate", out).stderr == "1 cassette: 0 errors, 0 warnings\n"
    assert out.read_bytes().startswith(talk.read_bytes().partition(b"entries:")[0])
    done = invoke("cassette", "trim", talk, "--out", out, "--around", "ack*")
    assert (done.exit_code, done.stderr) == (2, f"simulator: {out}: is there already; --force replaces it\n")
    done = invoke("cassette", "trim", talk, "--out", out, "--around", "ack*", "--within", "0.2", "--force")
    assert done.stderr == f"{out}: 2 messages\n"
    assert invoke("cassette", "trim", talk, "--out", talk, "--drop", "ack*", "--force").exit_code == 0
    assert b"ack_chat" not in talk.read_bytes()


def test_trim_nothing(tmp_path: Path, talk: Path) -> None:
    out = tmp_path / "part.yaml"
    done = invoke("cassette", "trim", talk, "--out", out, "--conn", "7")
    assert (done.exit_code, done.stderr) == (
        2,
        f"simulator: {talk}: nothing of it is wanted, so that {out} was not written\n",
    )
    assert not out.exists()
    done = invoke("cassette", "trim", talk, "--out", out, "--from", "3", "--to", "1")
    assert (done.exit_code, done.stderr) == (2, "simulator: --from 3 is after --to 1\n")
    talk.write_bytes(talk.read_bytes()[:-10])
    done = invoke("cassette", "trim", talk, "--out", out)
    assert done.exit_code == 0
    assert "truncated, and left out" in done.stderr


def test_trim_takes_bodies_along(tmp_path: Path) -> None:
    path, out = tmp_path / "talk.yaml", tmp_path / "part" / "part.yaml"
    secrets(path)
    out.parent.mkdir()
    assert invoke("cassette", "trim", path, "--out", out).exit_code == 0
    assert (out.parent / "part.files" / "000002-request.bin").read_bytes() == b'{"password":"hunter2hunter2"}'
    beside = tmp_path / "beside.yaml"
    assert invoke("cassette", "trim", path, "--out", beside).exit_code == 0
    assert b"path: 'talk.files/000002-request.bin'" in beside.read_bytes()


# --- diff


def test_diff(tmp_path: Path, talk: Path) -> None:
    other = tmp_path / "other.yaml"
    again = talk.read_bytes().replace(b"34634", b"99").replace(b"2024-05-01", b"2025-06-07")
    other.write_bytes(again)
    done = invoke("cassette", "diff", talk, other)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no difference\n")
    other.write_bytes(
        again.replace(b'{"type":"start_chat"}', b'{"type":"start_chat","chat_id":"x"}').replace(
            b"You said", b"You wrote"
        )
    )
    done = invoke("cassette", "diff", talk, other)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"~ shape   #1 > start_chat  {talk}:12 {other}:12",
        '    chat_id: new, "x"',
        f"~ value   #1 < chat_out  {talk}:24 {other}:24",
        '    msg_out.text: "You said: hello" became "You wrote: hello"',
    ]
    assert done.stderr == "2 differences: 1 of another shape, 1 of another value\n"
    assert invoke("cassette", "diff", talk, other, "--shape").stderr == "1 difference: 1 of another shape\n"
    told = [json.loads(line) for line in invoke("cassette", "diff", talk, other, "--json").stdout.splitlines()]
    assert [(one["kind"], one["a"]["line"]) for one in told] == [("shape", 12), ("value", 24)]


def test_diff_of_what_nobody_names(session: Path, talk: Path) -> None:
    assert invoke("cassette", "diff", session, session).exit_code == 0
    done = invoke("cassette", "diff", session, talk)
    assert done.exit_code == 1
    assert invoke("cassette", "diff", talk, session, "--backend", "nobody").exit_code == 2
    talk.write_bytes(talk.read_bytes()[:-10])
    assert "warning: truncated" in invoke("cassette", "diff", talk, talk).stderr


# --- what a stranger's cassette may name


def naming(path: Path, body: str) -> None:
    exchange = Exchange(
        1.0, 2, 0.1, TapedRequest("POST", "/", (("Content-Type", "text/plain"),), Beside(body, 9, "0")), None
    )
    path.write_bytes(written(exchange))


@pytest.mark.parametrize("body", ["mine.txt", "talk.files/link", "talk.files/folder/mine.txt", "talk.files"])
def test_bodies_are_files_in_the_folder_beside_it_and_nothing_else(tmp_path: Path, body: str) -> None:
    (tmp_path / "inside" / "talk.files").mkdir(parents=True)
    mine, path = tmp_path / "inside" / "mine.txt", tmp_path / "inside" / "talk.yaml"
    mine.write_text("token=hunter2hunter2")
    (path.parent / "talk.files" / "link").symlink_to(mine)
    (path.parent / "talk.files" / "folder").symlink_to(mine.parent)
    naming(path, body)
    before = path.read_bytes()
    out = tmp_path / "out" / "new.yaml"
    out.parent.mkdir()
    for arguments in (("redact", path), ("redact", "--check", path), ("trim", path, "--out", out), ("redact", path, "--out", out)):  # fmt: skip
        done = invoke("cassette", *arguments)
        assert done.exit_code == 2
        assert done.stderr.endswith(": not touched\n")
        assert done.stderr.count("\n") == 1
    assert mine.read_text() == "token=hunter2hunter2"
    assert path.read_bytes() == before
    assert [*out.parent.iterdir()] == []


def test_bodies_are_written_through_no_link(tmp_path: Path) -> None:
    path, mine = tmp_path / "talk.yaml", tmp_path / "mine.txt"
    secrets(path)
    mine.write_text("mine")
    (tmp_path / "talk.files" / "000002-request-redacted.bin").symlink_to(mine)
    assert invoke("cassette", "redact", path).exit_code == 0
    assert mine.read_text() == "mine"
    part = tmp_path / "part"
    part.mkdir()
    (part / "new.files").symlink_to(tmp_path)
    done = invoke("cassette", "trim", path, "--out", part / "new.yaml")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "is a link" in done.stderr


def test_a_har_reads_no_link_beside_it(tmp_path: Path, talk: Path) -> None:
    har = tmp_path / "talk.har"
    assert invoke("cassette", "export", talk, "--har", har).exit_code == 0
    made = json.loads(har.read_text())
    made["log"]["entries"][0]["request"]["postData"] = {"_file": "link"}
    del made["log"]["entries"][0]["_webSocketMessages"]
    made["log"]["entries"][0]["response"]["content"] = {"_file": "link"}
    har.write_text(json.dumps(made))
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine.txt")
    done = invoke("cassette", "import", har, "--out", tmp_path / "new.yaml")
    assert done.exit_code == 2
    assert "is a link, or no file" in done.stderr


def test_no_directory_is_told_in_the_name_that_was_given(tmp_path: Path, talk: Path) -> None:
    har, out = tmp_path / "talk.har", tmp_path / "no" / "new"
    assert invoke("cassette", "export", talk, "--har", har).exit_code == 0
    for arguments in (
        ("trim", talk, "--out", out), ("redact", talk, "--out", out), ("show", talk, "--html", out),
        ("export", talk, "--har", out), ("import", har, "--out", out),
    ):  # fmt: skip
        done = invoke("cassette", *arguments)
        assert (done.exit_code, done.stderr) == (2, f"simulator: {out}: there is no directory {out.parent}\n")

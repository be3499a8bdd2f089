"""`simulator verify`: options, exit codes, reports."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from simulator.cassette.entries import Entry
from simulator.cli import main
from simulator.serve.seeds import default_path
from tests.cassette import tapes
from tests.drive.talks import QUICK

STARTS: list[Entry] = [
    tapes.opened(f"/wc/connect/{tapes.UUID}/"),
    tapes.said("client", '{"type":"start_chat"}', 0.1),
    tapes.said("server", '{"type":"chat_started","chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}', 0.2),
    tapes.said("client", '{"type":"send_msg","text":"hello"}', 1.0),
]
ANSWER = (
    '{"type":"chat_out","msg_out":{"id":34634,"text":"You said: hello","origin":"flow",'
    '"time":"2024-05-01T17:15:30.123456Z"}}'
)
SET = [part for key, value in QUICK["chip"].items() for part in ("--set", f"{key}={value}")]


def run(*args: object) -> Result:
    return CliRunner().invoke(main, ["verify", *map(str, args)], prog_name="simulator")


def suite_of(path: Path) -> ElementTree.Element:
    return ElementTree.parse(path).getroot()[0]  # noqa: S314  # our own


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_bytes(tapes.written(*STARTS, tapes.said("server", ANSWER, 2.5), tapes.closed(), backend="chip"))
    return path


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    """The recorded server had said what chip does not, and something more."""
    path = tmp_path / "stale.yaml"
    other = ANSWER.replace('"origin":"flow"', '"origin":7,"mood":"good\\u0000"')
    entries = [*STARTS, tapes.said("server", other, 2.5), tapes.said("server", '{"type":"survey"}', 3.0)]
    path.write_bytes(tapes.written(*entries, tapes.closed(), backend="chip"))
    return path


def test_as_on_the_tape(good: Path) -> None:
    result = run(good, "--backend", "chip", *SET)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "the chip backend: 2 of 2 messages as on the tape\n"
    result = run(good, "--backend", "chip", *SET, "--verbose", "--exact")
    assert result.exit_code == 0
    assert result.stdout == (
        f"  matched    {good}:15 #1 chat_started\n"
        f"  matched    {good}:23 #1 chat_out\n"
    )  # fmt: skip


def test_drift(stale: Path) -> None:
    result = run(stale, "--backend", "chip", *SET, "--timeout", "0.2")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"~ changed    {stale}:23 #1 chat_out",
        '    msg_out.origin: number became text: 7, "flow"',
        '    msg_out.mood: missing, was "good\\u0000"',
        f"- missing    {stale}:27 #1 survey: not within the time it had",
        "    {}",
    ]
    assert result.stderr == "the chip backend: 1 of 3 messages as on the tape, 1 changed, 1 missing\n"
    ignored = [part for path in ("chat_out.msg_out.origin", "*.msg_out.mood", "survey") for part in ("--ignore", path)]
    result = run(stale, "--backend", "chip", *SET, "--timeout", "0.2", *ignored)
    assert result.exit_code == 0, result.stdout


def test_the_example_of_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("```\n$ ")
    command, _, printed = rest.partition("\n```")[0].partition("\n")
    other = ANSWER.replace('"origin":"flow"', '"origin":7,"mood":"good"')
    entries = [*STARTS, tapes.said("server", other, 2.5), tapes.closed()]
    (tmp_path / "talk.yaml").write_bytes(tapes.written(*entries, backend="chip"))
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command)
    assert program == "simulator"
    done = CliRunner().invoke(main, arguments, prog_name=program)
    assert (done.exit_code, done.stdout + done.stderr) == (1, f"{printed}\n")


def test_a_backend_of_the_users_own(good: Path, tmp_path: Path) -> None:
    """What is served is what they have made of it: the bot by a scenario, the channels by fixtures."""
    scenario, fixtures = tmp_path / "bot.yaml", tmp_path / "chip.yaml"
    scenario.write_text('rules: [{when: message, then: [{say: "Who is it?"}]}]\n')
    result = run(good, "--backend", "chip", *SET, "--exact", "--scenario", scenario)
    assert (result.exit_code, result.stdout.splitlines()[1:]) == (
        1, ['    msg_out.text: "You said: hello" became "Who is it?"'],
    )  # fmt: skip
    fixtures.write_text(default_path("chip").read_text().replace(tapes.UUID, "7d62d551-3030-4100-a260-000000000000"))
    result = run(good, "--backend", "chip", *SET, "--fixtures", fixtures)
    assert result.exit_code == 3
    assert "answered with HTTP 4" in result.stderr


def test_reports(stale: Path, tmp_path: Path) -> None:
    common = (stale, "--backend", "chip", *SET, "--timeout", "0.2")
    result = run(*common, "--json", "--report", tmp_path / "drift.xml")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["drifted"] is True
    assert told["counts"] == {
        "matched": 1, "changed": 1, "missing": 1, "unexpected": 0, "moved": 0, "not sent": 0,
    }  # fmt: skip
    assert told["messages"][1]["changes"][0] == {
        "path": "msg_out.origin", "what": 'number became text: 7, "flow"',
    }  # fmt: skip
    suite = suite_of(tmp_path / "drift.xml")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "2", "0")
    failures = [case.find("failure") for case in suite.iter("testcase")]
    assert failures[0] is None
    assert failures[1] is not None
    assert failures[1].get("type") == "changed"
    assert "msg_out.origin: number became text" in str(failures[1].get("message"))
    for name in ("drift.json", "drift.txt", "drift.txt"):
        assert run(*common, "--report", tmp_path / name).exit_code == 1
    assert json.loads((tmp_path / "drift.json").read_text()) == told
    assert "matched    " in (tmp_path / "drift.txt").read_text()


def test_nobody_there(good: Path, tmp_path: Path) -> None:
    report = tmp_path / "drift.xml"
    result = run(good, "--target", "http://127.0.0.1:1", "--report", report)
    assert result.exit_code == 3
    assert result.stderr.startswith(f"simulator: can't play {good} at http://127.0.0.1:1: can't connect to")
    suite = suite_of(report)
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")


@pytest.mark.parametrize(("args", "why"), [
    ([], "say where: --target URL, or --backend NAME to serve one"),
    (["--target", "127.0.0.1:80"], "--target 127.0.0.1:80: expected a URL, such as http://127.0.0.1:8070"),
    (["--target", "http://[::1"], "--target http://[::1: expected a URL"),
    (["--target", "http://h", "--set", "a=b"], "--set is for a backend that is served here: leave out --target"),
    (["--target", "http://h", "--seed", "0"], "--seed is for a backend that is served here: leave out --target"),
    (["--target", "http://h", "--scenario", "echo"], "--scenario is for a backend that is served here"),
    (["--backend", "chip", "--fixtures", "/nowhere/x.yaml"], "/nowhere/x.yaml"),
    (["--backend", "chip", "--scenario", "nothing"], "nothing"),
    (["--target", "http://h", "--query", "token"], "--query token: expected NAME=VALUE"),
    (["--backend", "nobody"], "there is no backend 'nobody'"),
    (["--backend", "mia"], "good.yaml:2: is a tape of chip, and mia is served: --backend chip"),
    (["--backend", "chip", "--set", "nothing=1"], "there is no such setting"),
    (["--backend", "chip", "--fresh", "id"], "--fresh id: expected MESSAGE.PATH, such as send_msg.text"),
    (["--backend", "chip", "--fresh", "send_msg.id"], "--fresh send_msg.id: the client says nothing there"),
    (["--backend", "chip", "--fresh", "send_msg.text"], "--fresh send_msg.text: 'hello' is too short to be found"),
    (["--backend", "chip", "--report", "/nowhere/x.xml"], "--report /nowhere/x.xml: there is no such directory"),
    (["--backend", "chip", "--report", f"{'x' * 300}.xml"], ".xml: File name too long"),
])  # fmt: skip
def test_wrong_options(good: Path, args: list[str], why: str) -> None:
    result = run(good, *args)
    assert result.exit_code == 2
    assert why in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_cassette(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text("hello\n")
    result = run(path, "--target", "http://127.0.0.1:1")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "is not a cassette" in result.stderr
    assert run(tmp_path / "gone.yaml", "--target", "http://127.0.0.1:1").exit_code == 2

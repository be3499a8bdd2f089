"""Scenarios from files: found by name, watched while they are edited, played in every space, and the command for them."""

from __future__ import annotations

import asyncio
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.core.errors import ScenarioError, SimulatorError
from simulator.serve import scenarios, terminal
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from simulator.serve.reporter import Reporter
from tests.scenario.play import Story
from tests.served import SECONDS, Raw, admin, command
from tests.test_cli import completed

HELLO = "rules: [{when: message, then: {say: '%s {{ text }}'}}]\n"


@pytest.fixture(autouse=True)
def _no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.startswith("SIMULATOR_"):
            monkeypatch.delenv(name)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, prog_name="simulator")


# ---- files and names ----


def test_a_name_is_a_scenario_that_comes_along_and_a_file_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert scenarios.find("echo") == scenarios.folder() / "echo.yaml"
    assert "echo" in scenarios.shipped()
    Path("echo").write_text(HELLO % "hi", encoding="utf-8")
    assert scenarios.find("echo") == Path("echo")
    assert scenarios.find("sub/echo") == Path("sub/echo")
    assert scenarios.find("none.yml") == Path("none.yml")
    with pytest.raises(ScenarioError) as caught:
        scenarios.find("support-dsek")
    assert str(caught.value) == (
        "support-dsek: there is no such file, and no such scenario comes along; did you mean support-desk?"
    )


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, why in (
        (tmp_path / "none.yaml", "can't be read: No such file or directory"),
        (tmp_path, "can't be read: Is a directory"),
    ):
        with pytest.raises(ScenarioError) as caught:
            scenarios.load(path)
        assert str(caught.value) == f"{path}: {why}"
    large = tmp_path / "large.yaml"
    large.write_bytes(b"# " + b"x" * 10_000_000)
    with pytest.raises(ScenarioError) as caught:
        scenarios.load(large)
    assert str(caught.value) == f"{large}: is larger than 4000000 bytes"


# ---- watching ----


class Log:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, level: str, text: str, /, **facts: object) -> None:
        self.lines.append((level, text))


def test_a_save_takes_over_and_a_bad_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(HELLO % "one", encoding="utf-8")
    story = Story(scenarios.load(path))
    log = Log()

    def refaulted() -> None:
        raise AssertionError("there are no faults")

    watch = scenarios.Watch(path, story.stage, log, refaulted)
    story.play("ann >> x\nann << say one x")
    watch.look()
    assert log.lines == []
    path.write_text(HELLO % "second", encoding="utf-8")
    watch.look()
    assert log.lines.pop() == (
        "warning",
        f"{path} was read anew: running talks keep state and variables and go by the new rules from now on",
    )
    story.play("ann >> x\nann << say second x")
    path.write_text("rules: [{when: message, then: {sya: x}}]", encoding="utf-8")
    watch.look()
    assert log.lines.pop() == (
        "warning",
        f"{path}:1: rules.0.then.sya: there is no such key; did you mean say?; the scenario goes on as it was",
    )
    story.play("ann >> x\nann << say second x")
    # An editor may put a new file in its place; in between there is none.
    path.unlink()
    watch.look()
    watch.look()
    assert log.lines == []
    os.mkfifo(path)
    watch.look()
    watch.look()
    assert log.lines == [("warning", f"{path}: can't be read: a pipe can't be watched; the scenario goes on as it was")]
    path.unlink()
    path.write_text(HELLO % "three", encoding="utf-8")
    watch.look()
    story.play("ann >> x\nann << say three x")
    watch.stop()


async def said(raw: Raw, text: str) -> str:
    raw.send(json.dumps({"type": "send_msg", "text": text}))
    event = json.loads(await raw.text())
    raw.send(json.dumps({"type": "ack_chat", "msg_id": event["msg_out"]["id"]}))
    return str(event["msg_out"]["text"])


async def test_the_command_plays_it_and_follows_its_edits(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(HELLO % "one", encoding="utf-8")
    options = ["--scenario", str(path), "--watch", "--set", "bot=none", "--set", "outbox_interval=0"]
    async with command(tmp_path, *options) as run:
        assert run.process.stderr is not None
        async with asyncio.timeout(SECONDS):
            assert f"--set bot=... has no effect: {path} is the bot" in (await run.process.stderr.readline()).decode()
            async with Raw.upgraded(run.connect) as raw:
                raw.send('{"type":"start_chat"}')
                await raw.text()
                assert await said(raw, "x") == "one x"
                path.write_text(HELLO % "second", encoding="utf-8")
                assert "was read anew" in (await run.process.stderr.readline()).decode()
                assert await said(raw, "x") == "second x"
        assert await run.stop() == 0
        out, _ = await run.process.communicate()
        assert f"\nthe bot plays {path}\n" in out.decode()


async def test_where_it_is_served_an_author_is_told_of_warnings(tmp_path: Path) -> None:
    path = tmp_path / "my own.yaml"
    path.write_text("else: [{queue: 1}, {typing: 1}, {say: a}, end]", encoding="utf-8")
    async with Server(Options(["chip", "mia"], port=0, clock=ManualClock(), scenario=path)) as simulator:
        told = f"the bot plays {path}\n  warnings  4: simulator scenario check '{path}' --backend chip --backend mia\n"
        assert told in terminal.block(simulator)
        path.write_text("else: {say: a}", encoding="utf-8")
        assert "warnings" not in terminal.block(simulator)
        path.write_text("[", encoding="utf-8")
        assert "warnings" not in terminal.block(simulator)


async def test_each_space_plays_it_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("rules: [{when: message, then: [{count: n}, {say: '{{ n }}'}]}]", encoding="utf-8")
    settings = [("outbox_interval", "0")]
    options = Options(["chip"], port=0, seed=7, clock=ManualClock(), scenario=path, settings=settings)
    async with Server(options) as simulator:
        assert simulator.scenario == path
        for space in ("", "one", "two"):
            async with Raw.upgraded(simulator.connect("chip", space)) as raw:
                raw.send('{"type":"start_chat"}')
                await raw.text()
                assert await said(raw, "x") == "1"
                assert await said(raw, "x") == "2"
        assert (await admin(simulator.url("chip"), "POST", "reset"))[0] == 200
        async with Raw.upgraded(simulator.connect("chip")) as raw:
            raw.send('{"type":"start_chat"}')
            await raw.text()
            assert await said(raw, "x") == "1"


async def opened(raw: Raw) -> None:
    raw.send('{"type":"start_chat"}')
    assert "chat_started" in await raw.text()


async def test_a_step_ends_the_socket_of_its_talk_alone(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(
        "rules:\n"
        "- {when: {text: close}, then: [{say: bye}, {close: {code: 4001, reason: enough}}]}\n"
        "- {when: {text: reset}, then: [reset]}\n"
        "else: {say: on}\n",
        encoding="utf-8",
    )
    options = Options(["chip"], port=0, clock=ManualClock(), scenario=path, settings=[("outbox_interval", "0")])
    async with Server(options) as simulator, Raw.upgraded(simulator.connect("chip")) as other:
        await opened(other)
        async with Raw.upgraded(simulator.connect("chip")) as raw:
            await opened(raw)
            raw.send('{"type":"send_msg","text":"close"}')
            assert '"text":"bye"' in await raw.text()
            assert await raw.frame() == (0x88, b"\x0f\xa1enough")
        async with Raw.upgraded(simulator.connect("chip")) as raw:
            await opened(raw)
            raw.send('{"type":"send_msg","text":"reset"}')
            with pytest.raises(ConnectionResetError):
                await raw.text()
        assert await said(other, "x") == "on"


async def control(simulator: Server, space: str, method: str, path: str, body: object = None) -> Any:
    named = [f"X-Simulator-Space: {space}"] if space else []
    status, told = await admin(simulator.url("chip"), method, path, body, *named)
    assert status == 200, told
    return told


async def faults(simulator: Server, space: str = "") -> list[tuple[str, int]]:
    told = await control(simulator, space, "GET", "faults")
    return [(fault["name"], fault["struck"]) for fault in told["faults"]]


async def test_faults_of_a_scenario_strike_in_every_space(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    drop = "- {type: drop, name: lost, match: {message: chat_out, nth: 1}}\n"
    path.write_text(f"faults:\n{drop}- type: latency\n{HELLO % 'hi'}", encoding="utf-8")
    options = Options(
        ["chip"], port=0, clock=ManualClock(), scenario=path, watch=True, settings=[("outbox_interval", "0")]
    )
    async with Server(options) as simulator:
        assert await faults(simulator) == [("lost", 0), ("latency_downstream", 0)]
        for space in ("one", "two"):
            async with Raw.upgraded(simulator.connect("chip", space)) as raw:
                await opened(raw)
                raw.send('{"type":"send_msg","text":"never answered"}')
                raw.send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
                assert "history" in await raw.text()
            assert (await faults(simulator, space))[0] == ("lost", 1)
        await control(simulator, "two", "POST", "faults", {"type": "drop", "name": "mine"})
        await control(simulator, "two", "POST", "reset")
        assert await faults(simulator, "two") == [("lost", 0), ("latency_downstream", 0)]
        # A save puts other ones in their place, and leaves an operator's where they are.
        await control(
            simulator, "two", "POST", "faults", [{"type": "drop", "name": "mine"}, {"type": "drop", "name": "slow"}]
        )
        path.write_text(f"faults:\n- {{type: latency, name: slow}}\n{HELLO % 'hello'}", encoding="utf-8")
        simulator.watch()
        assert await faults(simulator, "one") == [("slow", 0)]
        assert await faults(simulator, "two") == [("mine", 0), ("slow", 0)]
        async with Raw.upgraded(simulator.connect("chip", "one")) as raw:
            await opened(raw)
            assert await said(raw, "x") == "hello x"
        path.write_text(HELLO % "nothing", encoding="utf-8")
        simulator.watch()
        assert await faults(simulator, "one") == []
        assert await faults(simulator, "three") == []


async def test_more_faults_than_there_may_be_leave_a_space_as_it_is_and_the_file_watched(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(f"faults: [{{type: drop, name: lost}}]\n{HELLO % 'hi'}", encoding="utf-8")
    log = io.StringIO()
    reporter = Reporter(lambda: 0.0, stream=log)
    options = Options(["chip"], port=0, clock=ManualClock(), scenario=path, watch=True, reporter=reporter)
    async with Server(options) as simulator:
        await control(simulator, "full", "POST", "faults", {"type": "latency", "name": "mine"})
        many = "- {type: slow_close}\n" * 1000
        path.write_text(f"faults:\n{many}{HELLO % 'hi'}", encoding="utf-8")
        simulator.watch()
        assert await faults(simulator, "full") == [("lost", 0), ("mine", 0)]
        assert len(await faults(simulator)) == 1000
        assert "full: 1000 faults are the most, so those that the scenario had before strike on" in log.getvalue()
        path.write_text(f"faults: [{{type: drop, name: other}}]\n{HELLO % 'hi'}", encoding="utf-8")
        simulator.watch()
        assert await faults(simulator, "full") == [("mine", 0), ("other", 0)]


async def test_a_scenario_that_cannot_be_played_does_not_start(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("rules:\n- {when: start, then: {go: nowhere}}", encoding="utf-8")
    with pytest.raises(SimulatorError) as caught:
        Server(Options(["chip"], scenario=path))
    assert str(caught.value) == f"{path}:2: rules.0.then.go: there is no state 'nowhere'"
    done = invoke("serve", "--backend", "chip", "--scenario", str(path))
    assert (done.exit_code, done.stderr) == (2, f"simulator: {path}:2: rules.0.then.go: there is no state 'nowhere'\n")


def test_there_is_nothing_to_watch() -> None:
    done = invoke("serve", "--backend", "chip", "--watch")
    assert (done.exit_code, done.stderr) == (2, "simulator: --watch: there is nothing to watch without --scenario\n")


# ---- the command `scenario` ----


def test_list() -> None:
    done = invoke("scenario", "list")
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert lines[0].split() == ["NAME", "WHAT", "IT", "IS", "FOR"]
    assert [line.split()[0] for line in lines[1:-2]] == scenarios.shipped()
    assert all(len(line.split()) > 1 for line in lines[1:-2])
    assert lines[-1] == str(scenarios.folder())


def test_schema(tmp_path: Path) -> None:
    done = invoke("scenario", "schema")
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    assert schema["properties"]["rules"]["items"] == {"$ref": "#/$defs/Rule"}
    assert {"if", "not"} <= set(schema["$defs"]["When"]["anyOf"][1]["properties"])
    path = tmp_path / "schema.json"
    assert invoke("scenario", "schema", "--out", str(path)).stdout == ""
    assert path.read_text(encoding="utf-8") == done.stdout
    done = invoke("scenario", "schema", "--out", str(tmp_path / "none" / "schema.json"))
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)


def test_check(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("else:\n- typing: 1\n", encoding="utf-8")
    bad.write_text("else:\n- sya: hi\n", encoding="utf-8")
    done = invoke("scenario", "check", str(good), "--backend", "chip")
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [f"{good}:2: warning: else.0.typing: chip can't show it: chip has no typing", f"{good}: can be played on chip"],
    )
    done = invoke("scenario", "check", str(good), str(bad), "-b", "mia", "-b", "chatbot")
    assert (done.exit_code, done.stdout.splitlines()) == (
        1,
        [
            f"{good}: can be played on mia, chatbot",
            f"{bad}:2: error: else.0.sya: there is no such key; did you mean say?",
        ],
    )
    done = invoke("scenario", "check", "echo")
    assert done.exit_code == 0
    assert done.stdout.endswith("can be played on aida, chatbot, chip, concierge, mia\n")


async def test_check_and_serve_know_the_agents_of_other_fixtures(tmp_path: Path) -> None:
    mine, path = tmp_path / "chip.yaml", tmp_path / "my.yaml"
    shipped = (scenarios.folder().parent / "chip.yaml").read_text(encoding="utf-8")
    mine.write_text(shipped.replace("bob@example.com", "zoe@example.com"), encoding="utf-8")
    path.write_text("else: [{say: {text: a, agent: zoe@example.com}}]", encoding="utf-8")
    known = invoke("scenario", "check", str(path), "-b", "chip", "--fixtures", str(mine)).stdout
    assert known == f"{path}: can be played on chip\n"
    assert "no active agent 'zoe@example.com'" in invoke("scenario", "check", str(path), "-b", "chip").stdout
    for fixtures, count in (({"chip": mine}, 0), ({}, 1)):
        async with Server(Options(["chip"], port=0, scenario=path, fixtures=fixtures)) as simulator:
            assert terminal.block(simulator).count("warnings") == count


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none.yaml"], "none.yaml: can't be read: No such file or directory"),
        (["ecko"], "ecko: there is no such file, and no such scenario comes along; did you mean echo?"),
        (["echo", "--backend", "chop"], "there is no backend 'chop'; known are: aida, chatbot, chip, concierge, mia"),
        (
            ["echo", "--fixtures", "my.yaml"],
            "--fixtures my.yaml: say for which backend, such as --fixtures aida=my.yaml",
        ),
        ([], "Missing argument 'FILE...'; simulator scenario check --help says more"),
    ],
)
def test_check_of_what_is_no_file(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("scenario", "check", *arguments)
    assert (done.exit_code, done.stderr) == (2, f"simulator: {told}\n")


def test_completion(tmp_path: Path) -> None:
    assert completed("serve", "--scenario", "su") == ["support-desk"]
    assert completed("scenario", "check", "ec") == ["echo"]
    assert completed("scenario", "check", "echo", "--backend", "ch") == ["chatbot", "chip"]

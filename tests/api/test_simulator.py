"""The Python API: what a test gets, both ways of waiting, and what it is told when something is wrong."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.client import connect as aconnect
from websockets.sync.client import ClientConnection, connect

import simulator
from simulator import AsyncLive, Live, NotSeen, Simulator, SimulatorError, Unmatched
from simulator.core.errors import ScenarioError, SettingError, StartError, UnknownBackend

SAMPLE = Path(__file__).parents[2] / "cassettes" / "chip" / "resume.yaml"
HELLO = "Hello, is the bicycle shop open?"
TEA: dict[str, Any] = {"rules": [{"when": "start", "then": [{"say": "Tea?"}]}]}


def says(socket: ClientConnection, name: str, **body: Any) -> None:
    socket.send(json.dumps({"type": name, **body}))


@pytest.fixture
def sim() -> Iterator[Live]:
    with Simulator("chip", clock="manual", seed=1) as live:
        yield live


def test_a_whole_talk(sim: Live) -> None:
    with connect(sim.connect_url) as socket:
        says(socket, "start_chat")
        first = sim.wait_for("start_chat")
        assert (first.number, first.sender, first.kind, first.body, first.raw) == (
            1, "client", "message", {}, '{"type": "start_chat"}',
        )  # fmt: skip
        says(socket, "send_msg", text="hi")
        sim.wait_for("send_msg", body={"text": "hi"}, sender="client")
        before = sim.now
        sim.advance(5)
        assert sim.now == before + 5
        out = sim.wait_for("chat_out")
        assert out.time == pytest.approx(before + 1, abs=0.2)
        assert [one.name for one in sim.messages if one.kind == "message"] == [
            "start_chat", "chat_started", "send_msg", "chat_out",
        ]  # fmt: skip
        says(socket, "ack_chat", msg_id=out.body["msg_out"]["id"])
        sim.wait_for("ack_chat")
        assert sim.say("Still there?").endswith(sim.wait_for("chat_started").body["chat_id"])
        sim.advance(1)
        assert sim.wait_for("chat_out", after=out.number).body["msg_out"]["text"] == "Still there?"
        assert sim.send("chat_started", {"chat_id": "x"}) == 1
        assert len(sim.wait_for_count(2, "chat_started")) == 2
        assert [one.body["chat_id"] for one in sim.find("chat_started", pattern='"x"')] == ["x"]
        assert sim.violations == []
        says(socket, "send_msg")
        sim.wait_for("send_msg", violation=True)
        [broken] = sim.violations
        assert str(broken).startswith(f"frame {sim.last}: send_msg.text: expected a value, got nothing")
        sim.reset()
        assert (sim.messages, sim.now) == ([], before)


def test_the_same_seed_is_the_same_talk() -> None:
    def ids() -> str:
        with Simulator("chip", seed=5, clock="2026-03-01T00:00:00Z") as sim, connect(sim.connect_url) as socket:
            says(socket, "start_chat")
            assert sim.seed == 5
            return sim.wait_for("chat_started").raw

    assert ids() == ids()


async def test_in_the_loop_that_runs() -> None:
    before = threading.active_count()
    async with Simulator("chip", "mia", clock="manual") as sim:
        assert threading.active_count() == before
        with pytest.raises(SimulatorError, match=r"^chip, mia are served: say which, sim.backend\('chip'\)$"):
            _ = sim.url
        with pytest.raises(SimulatorError, match=r"^aida is not served, chip, mia is$"):
            sim.backend("aida")
        chip = sim.backend("chip")
        async with aconnect(chip.connect_url) as socket:
            await socket.send('{"type":"start_chat"}')
            await chip.wait_for("chat_started")
            assert (await sim.wait_for_count(2))[0].backend == "chip"
            assert [one.name for one in await chip.find(sender="server")] == ["chat_started"]
            assert sim.backend("mia").messages == []
            assert (chip.credentials, [*sim.backend("mia").credentials["instance"]]) == ({}, ["chatId", "token"])
            await sim.advance(60)
            chip.check()
    assert [one.name for one in sim.messages][:2] == ["start_chat", "chat_started"]


async def test_in_a_thread_for_who_awaits(sim: Live) -> None:
    for call in (lambda: sim.wait_for("x"), lambda: sim.wait_for_count(1, "x"), lambda: sim.advance(1)):
        with pytest.raises(SimulatorError, match=r"would stop the event loop that runs here: await sim\.aio\."):
            call()
    aio: AsyncLive = sim.aio
    async with aconnect(aio.connect_url) as socket:
        waiting = asyncio.gather(aio.wait_for("chat_started"), aio.wait_for("start_chat"))
        await socket.send('{"type":"start_chat"}')
        assert [one.name for one in await waiting] == ["chat_started", "start_chat"]
        await aio.advance(1)
        with pytest.raises(NotSeen, match="within 0 s"):
            await aio.wait_for("get_history", timeout=0)


def test_another_loop_than_asyncios_is_told_what_to_do(sim: Live) -> None:
    with pytest.raises(SimulatorError, match=r"anyio\.to_thread\.run_sync\(sim\.wait_for"):
        sim.aio.wait_for("x").send(None)
    with pytest.raises(SimulatorError, match=r"^only asyncio can await this: with another loop, `with Simulator"):
        Simulator("chip").__aenter__().send(None)


def test_a_fork_is_told_that_it_has_none() -> None:
    """In a process of its own, for this one has threads of others. A child that hangs is ended by its alarm."""
    code = """if True:
        import os, signal
        from simulator import Simulator
        with Simulator("chip", clock="manual") as sim:
            pid = os.fork()
            if not pid:
                signal.alarm(10)
                for call in (lambda: sim.advance(1), lambda: sim.messages):
                    try:
                        call()
                    except Exception as error:
                        print(error, flush=True)
            else:
                assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
                sim.advance(1)
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=30)
    told = "the simulator is in the process that forked this one: from here, use its control_url\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, told * 2, "")


def test_another_loop_is_not_stopped_either(sim: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """trio tells sniffio, which those have who have trio."""
    running = ["trio"]

    def library() -> str:
        if not running:
            raise LookupError
        return running[0]

    sniffio = SimpleNamespace(current_async_library=library, AsyncLibraryNotFoundError=LookupError)
    monkeypatch.setitem(sys.modules, "sniffio", sniffio)
    with pytest.raises(SimulatorError, match=r"here: await anyio\.to_thread\.run_sync\(sim\.advance, \.\.\.\)$"):
        sim.advance(1)
    running.clear()
    sim.advance(1)


def test_one_of_them_serves_once_at_a_time() -> None:
    made = Simulator("chip")
    with made as sim:
        assert repr(sim) == f"<Live chip at {sim.url}>"
        with pytest.raises(SimulatorError, match=r"^it serves already"):
            made.__enter__()
        assert sim.messages == []
    with made as sim:
        assert repr(sim.aio.space("a")) == f"<AsyncLive chip at {sim.url}/~space/a>"


def test_many_threads_at_once(sim: Live) -> None:
    seen: list[str] = []

    def one(number: int) -> None:
        with connect(sim.space(f"s{number}").connect_url) as socket:
            says(socket, "start_chat")
            seen.append(str(sim.space(f"s{number}").wait_for("chat_started").name))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (seen, sim.messages) == (["chat_started"] * 8, [])


def test_spaces(sim: Live) -> None:
    other = sim.space("other", seed=9, scenario=TEA)
    assert (other.seed, sim.seed) == (9, 1)
    assert other.url == f"{sim.url}/~space/other"
    assert other.control_url == f"{sim.url}/~space/other/__admin"
    with connect(other.connect_url) as socket:
        says(socket, "start_chat")
        other.wait_for("start_chat")
        other.advance(1)
        other.wait_for("chat_out", text="Tea?")
    assert sim.messages == []
    assert "/~space/other, seed 9, manual clock" in other.conversation()
    # Made anew by somebody else, it is still that space.
    sim.space("other", seed=10)
    assert (other.seed, other.messages) == (10, [])
    with pytest.raises(SimulatorError, match="64 letters"):
        sim.space("no space")


def test_what_does_not_come_is_told_with_what_came_nearest(sim: Live) -> None:
    with pytest.raises(NotSeen, match=r'^no message within 0 s: looked for backend "chip"; nothing passed at all$'):
        sim.wait_for(timeout=0)
    with connect(sim.connect_url) as socket:
        says(socket, "start_chat")
        sim.wait_for("start_chat")
        with pytest.raises(AssertionError, match=r'nearest is number 1: text: expected "zzz", got'):
            sim.wait_for("start_chat", text="zzz", timeout=0)
    with pytest.raises(SimulatorError, match=r"^pattern: expected a regular expression"):
        sim.wait_for(pattern="(")
    with pytest.raises(SimulatorError, match=r"^sendr: there is no such key"):
        sim.wait_for(sendr="client")  # type: ignore[call-arg]


def test_what_nobody_can_do(sim: Live) -> None:
    with pytest.raises(SimulatorError, match="nobody is connected, so say which"):
        sim.say("Hello")
    with pytest.raises(SimulatorError, match="expected one of say, typing"):
        sim.act("sing")
    with pytest.raises(SimulatorError, match="nobody is connected to chip"):
        sim.send("chat_out", {})
    with pytest.raises(SimulatorError, match="expected channels or talk, not both"):
        sim.send("chat_out", {}, channels=["1"], talk="x")
    with pytest.raises(SimulatorError, match="expected seconds from 0 on"):
        sim.advance(-1)
    with Simulator("chip") as wall, pytest.raises(SimulatorError, match="the clock runs by itself: clock='manual'"):
        wall.advance(1)


def test_after_the_end_it_can_be_looked_at() -> None:
    with Simulator("chip", clock="manual") as sim, connect(sim.connect_url) as socket:
        says(socket, "start_chat")
        sim.wait_for("chat_started")
    assert [one.name for one in sim.messages] == ["start_chat", "chat_started"]
    assert sim.url in sim.conversation()
    for call in (lambda: sim.wait_for("x"), lambda: sim.say("x"), lambda: sim.reset(), lambda: sim.advance(1)):
        with pytest.raises(SimulatorError, match=r"^the simulator has stopped$"):
            call()
    assert "simulator" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize(
    ("names", "options", "error", "why"),
    [
        (["chop"], {}, UnknownBackend, "there is no backend 'chop'"),
        ([], {}, SimulatorError, "which backend\\?"),
        (["chip"], {"clok": "manual"}, TypeError, "there is no option 'clok'; there are: scenario"),
        (["chip"], {"timing": "slow"}, SimulatorError, "timing='slow': expected 'recorded', 'burst', or a number"),
        (["chip"], {"clock": "often"}, SimulatorError, "clock often: expected wall, manual"),
        (["chip"], {"scenario": "tee"}, ScenarioError, "no such scenario comes along"),
        (["chip"], {"scenario": {"rulez": []}}, ScenarioError, "^scenario:1: rulez"),
        (["chip"], {"scenario": "rules:\n- when: nobody\n  then: []\n"}, ScenarioError, "^scenario:2: "),
        (["chip"], {"settings": {"bot": 1, "x": 2}}, SettingError, "x: there is no such setting"),
        (["chip"], {"fixtures": {"mia": "x.yaml"}}, SimulatorError, "fixtures: mia is not served, chip is"),
        (["chip", "mia"], {"fixtures": "x.yaml"}, SimulatorError, "fixtures x.yaml: say for which backend"),
        (["chip"], {"host": "192.0.2.1"}, StartError, "chip: can't listen on 192.0.2.1"),
        (["chip"], {"mode": "once"}, SimulatorError, "mode='once' says where a cassette comes from, and none is given"),
        (["chip"], {"cassette": SAMPLE, "scenario": TEA}, SimulatorError, "cassette and scenario: either"),
        (["chip"], {"cassette": []}, SimulatorError, "cassette: expected a file, or some"),
        (["chip", "mia"], {"cassette": SAMPLE}, SimulatorError, "is for one backend, and chip, mia were named"),
        (["mia"], {"cassette": SAMPLE}, SimulatorError, "is a tape of chip, and can't be played as mia"),
        ([], {"cassette": SAMPLE, "match": "exact"}, SimulatorError, "match='exact': expected one of strict, loose"),
        (
            [],
            {"cassette": SAMPLE, "timing": -1},
            SimulatorError,
            "timing=-1: expected 'recorded', 'burst', or a number",
        ),
        ([], {"cassette": SAMPLE, "ignore": ["text"]}, SimulatorError, "ignore text: expected MESSAGE.PATH"),
        ([], {"cassette": [SAMPLE, SAMPLE], "mode": "all"}, SimulatorError, "writes one cassette, and 2 were named"),
        ([], {"cassette": SAMPLE, "mode": "all"}, SimulatorError, "mode='all': upstream='https://...' says which"),
        ([], {"cassette": SAMPLE, "mode": "all", "upstream": "x"}, SimulatorError, "upstream x: expected a URL"),
        (["chip"], {"cassette": "none.yaml"}, SimulatorError, "^none.yaml: can't be read: No such file"),
    ],
)
def test_what_is_wrong_is_told(names: list[str], options: Any, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        Simulator(*names, **options).__enter__()
    assert "simulator" not in [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("more", [{"match": "strict"}, {"clock": "manual"}])
def test_new_episodes_go_with_loose_matching_and_the_wall_clock(more: Any) -> None:
    made = Simulator(cassette=SAMPLE, mode="new_episodes", upstream="http://127.0.0.1:9", **more)
    with pytest.raises(SimulatorError, match=r"^mode='new_episodes' goes with"):
        made.__enter__()


def test_what_is_not_on_the_cassette_is_raised_once_and_at_the_end() -> None:
    def goodbye(sim: Live) -> None:
        with connect(sim.connect_url) as socket:
            says(socket, "start_chat")
            says(socket, "send_msg", text="Goodbye")
            sim.wait_for("send_msg")

    why = r'^not on the cassette: client 1: send_msg is not as it is on the tape; nearest is .*resume.yaml:22; text: expected "Hello'
    with pytest.raises(Unmatched, match=why), Simulator(cassette=SAMPLE) as sim:
        goodbye(sim)
    with Simulator(cassette=SAMPLE) as sim:
        goodbye(sim)
        with pytest.raises(AssertionError, match=why):
            sim.check()
        sim.check()
        assert len(sim.misses) == 1
    # An error of the test's own goes before.
    with pytest.raises(ZeroDivisionError), Simulator(cassette=SAMPLE) as sim:  # noqa: PT012
        goodbye(sim)
        raise ZeroDivisionError
    with (
        pytest.raises(Unmatched, match=r"^never played: .*resume.yaml:8: client: open"),
        Simulator(cassette=SAMPLE, strict=True),
    ):
        pass


async def test_what_is_not_on_the_cassette_is_raised_where_the_loop_is() -> None:
    with pytest.raises(Unmatched, match="Goodbye"):  # noqa: PT012
        async with Simulator("chip", cassette=str(SAMPLE)) as sim, aconnect(sim.connect_url) as socket:
            await socket.send('{"type":"start_chat"}')
            await socket.send('{"type":"send_msg","text":"Goodbye"}')


def test_recorded_played_and_grown(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "talk.yaml"

    def talk(sim: Live, text: str) -> str:
        with connect(sim.connect_url) as socket:
            says(socket, "start_chat")
            socket.recv(timeout=5)
            at = sim.last
            says(socket, "send_msg", text=text)
            return str(sim.wait_for("chat_out", after=at).body["msg_out"]["text"])

    with Simulator("chip", settings={"bot_delay": 0}) as real:
        with Simulator("chip", cassette=path, mode="once", upstream=real.url) as sim:
            assert talk(sim, "one") == "You said: one"
            assert f"recording {path}" in sim.conversation()
            for call in (lambda: sim.say("x"), lambda: sim.reset(), lambda: sim.send("chat_out", {})):
                with pytest.raises(SimulatorError, match=r"^a real server answers while a cassette is recorded"):
                    call()
            with pytest.raises(SimulatorError, match="which has no spaces"):
                sim.space("x")
        with Simulator(cassette=path, mode="once") as sim:
            assert talk(sim, "one") == "You said: one"
            assert "send_msg matches" in sim.conversation()
        with Simulator(cassette=path, mode="new_episodes", upstream=real.url) as sim:
            assert talk(sim, "two") == "You said: two"
            assert sim.misses == []
    with Simulator(cassette=path, strict=True) as sim:
        assert [talk(sim, text) for text in ("two", "one")] == ["You said: two", "You said: one"]


def test_what_is_served_can_be_recorded(tmp_path: Path) -> None:
    with Simulator("chip", record=tmp_path / "a.yaml") as sim, connect(sim.connect_url) as socket:
        says(socket, "start_chat")
        sim.wait_for("chat_started")
    with Simulator(cassette=tmp_path / "a.yaml") as sim, connect(sim.connect_url) as socket:
        says(socket, "start_chat")
        sim.wait_for("chat_started")


def test_a_stranger_is_recorded_too(tmp_path: Path) -> None:
    with (
        Simulator("chip") as real,
        Simulator(cassette=tmp_path / "a.yaml", mode="all", upstream=real.url) as sim,
        connect(real.connect_url.replace(real.url[7:], sim.url[7:])) as socket,
    ):
        # Of our fixtures, and none of a real server's.
        assert sim.credentials == {}
        says(socket, "start_chat")
        sim.wait_for(text="chat_started")
        # No document says what its clients may say.
        assert sim.violations == []


def test_a_stranger_s_clients_break_no_document(tmp_path: Path) -> None:
    tape = tmp_path / "a.yaml"
    tape.write_text(SAMPLE.read_text(encoding="utf-8").replace("backend: 'chip'", "backend: null", 1), encoding="utf-8")
    with Simulator(cassette=tape) as sim, connect(sim.connect_url) as socket:
        says(socket, "start_chat")
        sim.wait_for("start_chat")
        assert (sim.violations, [message.violations for message in sim.find("start_chat")]) == ([], [()])


def test_the_package_imports_nothing_heavy_before_it_is_used() -> None:
    code = "import sys, simulator\nassert 'aiohttp' not in sys.modules and 'asyncio' not in sys.modules\nsimulator.Simulator\nassert 'aiohttp' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert all(getattr(simulator, name) for name in simulator.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Simulators'"):
        _ = simulator.Simulators

"""The pytest plugin, in pytest runs of their own: what a test's author gets, and what he reads when it fails."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.warm import warm

SAMPLE = Path(__file__).parents[1] / "cassettes" / "chip" / "resume.yaml"
HEAD = """
import json
import pytest
from websockets.sync.client import connect

def talk(sim, *texts, until=None):
    with connect(sim.connect_url) as client:
        client.send('{"type": "start_chat"}')
        client.recv(timeout=5)
        for text in texts:
            client.send(json.dumps({"type": "send_msg", "text": text}))
        if until:
            sim.wait_for(until)
"""


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    warm(tmp_path_factory.mktemp("warm"))


def run(pytester: pytest.Pytester, code: str, *options: str) -> tuple[pytest.RunResult, str]:
    pytester.makepyfile(test_it=HEAD + dedent(code))
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning", *options)
    return done, done.stdout.str()


def test_what_was_said_and_what_became_of_it_is_in_the_report(pytester: pytest.Pytester) -> None:
    done, told = run(
        pytester,
        """
        def test_waits(simulator):
            sim = simulator.serve("chip", clock="manual", seed=1)
            with connect(sim.connect_url) as client:
                client.send('{"type": "start_chat"}')
                client.send('{"type": "send_msg"}')
                sim.wait_for("send_msg")
                sim.wait_for("get_history", timeout=0)

        def test_shows_the_last_frames(simulator):
            sim = simulator.serve("chip", clock="manual", seed=1)
            talk(sim, *["x" * 500] * 70)
            sim.wait_for_count(70, "send_msg")
            assert 0

        def test_passes(simulator):
            simulator.serve("chip")
        """,
    )
    done.assert_outcomes(failed=2, passed=1)
    assert 'NotSeen: no message within 0 s: looked for backend "chip", name "get_history"; nearest is number 3' in told
    assert "seed 1, manual clock; 1 violation" in told
    assert "   1  00:00:00.000  #1 client >> start_chat {}\n" in told
    assert "   2  00:00:00.000  #1 server << chat_started" in told
    assert "        violation: text: expected a value, got nothing\n" in told
    assert "web/commands/send_msg.go" in told
    # As docs/pytest.md shows it, but for the port.
    page = (Path(__file__).parents[1] / "docs" / "pytest.md").read_text(encoding="utf-8")
    shown = page.partition("; 1 violation\n")[2].partition("```")[0]
    assert "send_msg {}" in shown
    assert shown in told
    # Of our own frames none is shown, and what is long is cut.
    assert "bridge.py" not in told
    assert "(the last 50 of 72 frames)" in told
    assert max(map(len, told.splitlines())) < 310
    assert told.count("chip at http://127.0.0.1:") == 2


def test_everything_is_gone_after_the_test(pytester: pytest.Pytester) -> None:
    done, _ = run(
        pytester,
        """
        import socket, threading

        PORTS = []

        def test_serves(simulator):
            for _ in range(2):
                PORTS.append(int(simulator.serve("chip").url.rpartition(":")[2]))
            assert len(set(PORTS)) == 2

        def test_is_gone():
            for port in PORTS:
                with pytest.raises(OSError):
                    socket.create_connection(("127.0.0.1", port), 1)
            assert "simulator" not in [thread.name for thread in threading.enumerate()]
        """,
    )
    done.assert_outcomes(passed=2)


def test_what_is_wrong_is_one_line(pytester: pytest.Pytester) -> None:
    done, told = run(
        pytester,
        """
        def test_backend(simulator):
            simulator.serve("chop")

        def test_nothing(simulator):
            simulator.serve()

        @pytest.mark.cassette("none.yaml")
        def test_cassette(simulator):
            simulator.serve()

        @pytest.mark.cassette("none.yaml", mode="once")
        def test_upstream(simulator):
            simulator.serve()

        @pytest.mark.cassette("none.yaml", mode="often")
        def test_mode(simulator):
            simulator.serve()

        @pytest.mark.cassette("none.yaml")
        def test_fixture():
            pass

        def test_option(simulator):
            simulator.serve("chip", timing="slow")

        @pytest.mark.cassette(7)
        def test_name(simulator):
            simulator.serve()

        @pytest.mark.cassette(".")
        def test_folder(simulator):
            simulator.serve()

        @pytest.mark.cassette("\x1b[2J.yaml")
        def test_terminal(simulator):
            simulator.serve()
        """,
    )  # fmt: skip
    done.assert_outcomes(failed=9, errors=1)
    lines = [line[1:].strip() for line in told.splitlines() if line.startswith("E  ")]
    assert [line.partition(": ")[2].replace(str(pytester.path), "") for line in lines] == [
        "there is no backend 'chop'; known are: aida, chatbot, chip, concierge, mia",
        "which backend? Simulator('chip'), or a cassette, which says whose it is",
        "there is no cassette none.yaml in /cassettes: --cassette-dir says where it is, and --cassette-mode once "
        "--cassette-upstream URL records it",
        "mode='once': upstream='https://...' says which server is asked, and there is no /cassettes/none.yaml yet",
        "cassette mode 'often': expected one of none, once, new_episodes, all",
        "timing='slow': expected 'recorded', 'burst', or a number from 0 to 1000",
        "cassette 7: expected the name of a file",
        "cassette '.': expected the name of a file",
        "there is no cassette \\x1b[2J.yaml in /cassettes: --cassette-dir says where it is, and --cassette-mode once "
        "--cassette-upstream URL records it",
    ]
    assert "is marked cassette, and has no fixture `simulator` that could play it" in told


def test_what_is_not_on_the_cassette_fails_the_test(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("tapes")
    (folder / "story.yaml").write_bytes(SAMPLE.read_bytes())
    done, told = run(
        pytester,
        """
        HELLO = "Hello, is the bicycle shop open?"
        pytestmark = pytest.mark.cassette("story.yaml")

        def test_on_it(simulator):
            sim = simulator.serve()
            talk(sim, HELLO, until="chat_out")
            assert sim.misses == [] and sim.unplayed

        def test_not_on_it(simulator):
            talk(simulator.serve(), "Goodbye")

        def test_fails_and_not_on_it(simulator):
            talk(simulator.serve("chip"), "Goodbye")
            assert 0

        def test_passed_over(simulator):
            talk(simulator.serve(on_miss="ignore"), "Goodbye")

        def test_its_own_rules(simulator):
            sim = simulator.serve("chip", cassette=None)
            talk(sim, "Goodbye")
            sim.wait_for("send_msg")

        @pytest.mark.cassette("story.yaml", strict=True)
        def test_strict(simulator):
            talk(simulator.serve(), HELLO)
        """,
        "--cassette-dir", "tapes",
    )  # fmt: skip
    done.assert_outcomes(passed=4, failed=2, errors=1)
    why = 'not on the cassette: client 1: send_msg is not as it is on the tape; nearest is .*/tapes/story.yaml:22; text: expected "Hello, .*", got "Goodbye"'
    done.stdout.re_match_lines_random(
        [f"^{why}$", r"^FAILED test_it.py::test_not_on_it - Failed: not on the cassette.*"]
    )
    assert told.count("-- not on the cassette --") == 2
    assert "matches" in told
    assert "story.yaml:14 exactly" in told
    assert "never played: " in told


def test_recorded_once_then_played(pytester: pytest.Pytester) -> None:
    code = """
        from simulator import Simulator

        @pytest.fixture
        def real():
            with Simulator("chip", settings={"bot_delay": 0}) as sim:
                yield sim

        @pytest.mark.cassette(upstream="http://127.0.0.1:9")
        def test_hello(simulator, real, request):
            # The port is known only now, and what `serve` is told goes before the marker.
            sim = simulator.serve("chip", **({"upstream": real.url} if UPSTREAM else {}))
            talk(sim, "Hello", until="chat_out")
            assert sim.wait_for("chat_out").body["msg_out"]["text"] == "You said: Hello"
            assert [one.name for one in sim.find(sender="client")] == ["start_chat", "send_msg"]
            assert bool(real.messages) is UPSTREAM
        """
    cassette = pytester.path / "cassettes" / "test_it.test_hello.yaml"
    done, _ = run(pytester, "UPSTREAM = True\n" + dedent(code), "--cassette-mode=once")
    done.assert_outcomes(passed=1)
    assert b"You said: Hello" in (recorded := cassette.read_bytes())
    for options in (["--cassette-mode=once"], []):
        done, _ = run(pytester, "UPSTREAM = False\n" + dedent(code), *options)
        done.assert_outcomes(passed=1)
    assert cassette.read_bytes() == recorded


def test_names_out_of_parameters_are_one_file_each_and_stay_in_the_folder(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("cassettes")
    done, _ = run(
        pytester,
        """
        from simulator import Simulator

        @pytest.fixture(scope="module")
        def real():
            with Simulator("chip", settings={"bot_delay": 0}) as sim:
                yield sim

        @pytest.mark.cassette
        @pytest.mark.parametrize("x", ["../../up", "a/b", "a-b", "\x1b[2J"])
        def test_hello(simulator, real, x):
            # What `serve` is told goes before the marker.
            talk(simulator.serve("chip", mode="once", upstream=real.url), "Hello", until="chat_out")

        class TestA:
            @pytest.mark.cassette
            def test_hello(self, simulator, real):
                talk(simulator.serve("chip", mode="once", upstream=real.url), "Hello", until="chat_out")
        """,
    )
    done.assert_outcomes(passed=5)
    # A checksum stands for what had to go.
    names = sorted(re.sub(r"-[0-9a-f]{8}\.yaml$", "-#.yaml", path.name) for path in folder.iterdir())
    assert names == [
        "test_it.TestA.test_hello.yaml",
        "test_it.test_hello--x1b-2J-#.yaml",
        "test_it.test_hello-..-..-up-#.yaml",
        "test_it.test_hello-a-b-#.yaml",
        "test_it.test_hello-a-b.yaml",
    ]


def test_a_file_that_is_no_cassette_is_not_written_over(pytester: pytest.Pytester) -> None:
    (pytester.path / "precious.txt").write_text("precious")
    pytester.mkdir("cassettes").joinpath("link.yaml").symlink_to("../precious.txt")
    done, told = run(
        pytester,
        """
        @pytest.mark.parametrize("serve", ["once", "all"])
        @pytest.mark.cassette("../precious.txt", "link.yaml")
        def test_it(simulator, request, serve):
            for name in request.node.get_closest_marker("cassette").args:
                simulator.serve("chip", cassette=f"cassettes/{name}", mode=serve, upstream="http://127.0.0.1:9")
        """,
    )
    done.assert_outcomes(failed=2)
    assert "cassettes/../precious.txt: is no cassette, and mode all would write over it: name another file" in told
    assert (pytester.path / "precious.txt").read_text() == "precious"
    assert (pytester.path / "cassettes/link.yaml").is_symlink()


def test_it_stands_beside_other_plugins_of_that_kind(pytester: pytest.Pytester) -> None:
    """Of vcr's and pytest-recording's names none is ours: they can be added, and would raise where they were."""
    pytester.makeconftest("""
        import pytest

        def pytest_addoption(parser):
            for name in ("--record-mode", "--block-network", "--disable-recording", "--vcr-record", "--disable-vcr"):
                parser.addoption(name, action="store")
            parser.addini("vcr_cassette_dir", "")

        @pytest.fixture
        def vcr_cassette_dir(): ...

        def pytest_configure(config):
            ours = [p for p in config.pluginmanager.get_plugins() if getattr(p, "__name__", "") == "simulator.plugin"]
            fixtures = {n for p in ours for n in vars(p) if type(vars(p)[n]).__name__ == "FixtureFunctionDefinition"}
            assert fixtures == {"simulator"}
    """)
    done, _ = run(pytester, "def test(): pass", "--record-mode=none", "--strict-markers")
    done.assert_outcomes(passed=1)


def test_who_does_not_use_it_imports_nothing() -> None:
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport simulator.plugin\n"
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['simulator', 'simulator.plugin']"

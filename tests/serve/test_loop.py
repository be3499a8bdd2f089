"""Which loop is chosen, and that the command runs on it."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from simulator.cli import main
from simulator.core.errors import SimulatorError
from simulator.serve import terminal
from simulator.serve.app import Options, Server
from simulator.serve.loop import LOOPS, maker


def _made() -> asyncio.AbstractEventLoop:
    raise RuntimeError("this loop was asked for")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=_made))


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)


def test_where_uvloop_is(installed: None) -> None:
    assert {name: maker(name) for name in LOOPS} == {"auto": _made, "asyncio": None, "uvloop": _made}


def test_where_it_is_not(missing: None) -> None:
    assert maker("auto") is maker("asyncio") is None
    with pytest.raises(SimulatorError, match=r"not installed: pip install 'chat-simulator\[uvloop\]'"):
        maker("uvloop")


def test_the_operator_is_told(missing: None) -> None:
    done = CliRunner().invoke(main, ["serve", "-b", "chip", "-p", "0", "--event-loop", "uvloop"])
    assert done.exit_code == 2, done.output
    assert "--event-loop uvloop: it is not installed" in done.output
    assert "Traceback" not in done.output


def test_the_command_runs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of the stock kind that says so, in place of uvloop's."""
    loops: list[asyncio.AbstractEventLoop] = []

    def made() -> asyncio.AbstractEventLoop:
        loops.append(asyncio.new_event_loop())
        return loops[-1]

    async def serve(simulator: Server, *rest: object) -> None:
        loops.append(asyncio.get_running_loop())

    monkeypatch.setattr(terminal, "_serve", serve)
    monkeypatch.setattr("signal.signal", lambda number, what: None)
    server = Server(Options(["chip"], port=0, loop=made))
    terminal.run(server, server.reporter, None)
    assert len(loops) == 2
    assert loops[0] is loops[1]

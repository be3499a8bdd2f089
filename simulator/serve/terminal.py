"""Serving in a terminal: the block that says where, the ready file, signals."""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import signal
import sys
from pathlib import Path

import orjson

from simulator.core.errors import ScenarioError
from simulator.serve import readyfile
from simulator.serve.app import Server
from simulator.serve.reporter import Reporter

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(simulator: Server, reporter: Reporter, ready_file: Path | None, json_lines: bool = False) -> None:
    """Serve until SIGINT or SIGTERM. Raises SimulatorError."""
    if ready_file is not None:
        readyfile.make_room(ready_file)
    reporter.attach()
    try:
        with asyncio.Runner(loop_factory=simulator.loop) as runner:
            runner.run(_serve(simulator, ready_file, json_lines))
    finally:
        # The loop has given them back to the system, and there is nothing left to stop.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        reporter.close()


async def _serve(simulator: Server, ready_file: Path | None, json_lines: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stopped.set)
    async with simulator:
        # What is here now stays; the collector of this process need not look at it again and again.
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        state = ready(simulator)
        if ready_file is not None:
            readyfile.write(ready_file, state, secret=simulator.minted is not None)
        text = orjson.dumps(state).decode() if json_lines else block(simulator, colour=_colour())
        try:
            print(text, flush=True)  # noqa: T201
        except OSError:
            # Nobody reads. What waits in the buffer would fail once more at the end, and spoil the exit code.
            with open(os.devnull, "w") as nowhere:  # noqa: ASYNC230, PTH123
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
        try:
            await stopped.wait()
        finally:
            if ready_file is not None:
                readyfile.remove(ready_file)


def ready(simulator: Server) -> dict[str, object]:
    """What the ready file says."""
    served = [{"name": s.name, "url": s.url, "connect": s.connect} for s in simulator.served]
    state: dict[str, object] = {"pid": os.getpid(), "backends": served}
    control = simulator.control
    if control is not None:
        minted = {} if simulator.minted is None else {"token": simulator.minted}
        state["admin"] = {"url": f"{control}/__admin", "ui": f"{control}/__admin/ui", **minted}
    return state


def block(simulator: Server, colour: bool = False) -> str:
    """What the terminal shows."""

    def strong(text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if colour else text

    lines = []
    for served in simulator.served:
        lines += [
            f"{strong(served.name)} serves at {served.url}",
            f"  connect  {strong(served.connect)}",
            f"  try it   {served.example}",
        ]
    lines += ["", *_control(simulator)]
    if simulator.trust:
        lines += ["", simulator.trust]
    if simulator.scenario is not None:
        lines += ["", f"the bot plays {simulator.scenario}", *_remarks(simulator, simulator.scenario)]
    if simulator.playing:
        lines += ["", simulator.playing]
    lines += ["", f"seed {simulator.seed}, {simulator.clock.mode} clock. Ctrl-C stops it."]
    return "\n".join(lines)


def _control(simulator: Server) -> list[str]:
    """Where it can be looked at and driven; the fragment of a URL never leaves the browser."""
    control, token = simulator.control, simulator.minted
    if control is None:
        return ["there is no control API (--no-admin)"]
    fragment = "" if token is None else f"#token={token}"
    lines = [f"chat with it at {control}/__admin/playground{fragment}"]
    lines += [f"  inspect  {control}/__admin/ui{fragment}", f"  control  {control}/__admin/openapi.json"]
    return lines if token is None else [*lines, f"  token    {token}"]


def _remarks(simulator: Server, scenario: Path) -> list[str]:
    """Where the author can read what never happens, and what can't be shown here."""
    from simulator.serve import scenarios

    names = [served.name for served in simulator.served]
    try:
        count = sum(finding.level != "note" for finding in scenarios.judge(scenario, names, simulator.fixtures))
    except ScenarioError:
        # It was saved anew meanwhile, which is told when that is read.
        return []
    command = [
        "simulator",
        "scenario",
        "check",
        str(scenario),
        *(part for name in names for part in ("--backend", name)),
    ]
    return [f"  warnings  {count}: {shlex.join(command)}"] if count else []


def _colour() -> bool:
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")

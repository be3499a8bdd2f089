"""`--mode` of `simulator replay`: whether, and when, a real server is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simulator.core.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.drive.target import Target
    from simulator.record.behind import Upstream

F = TypeVar("F", bound=Callable[..., Any])

MODES = ["none", "new_episodes", "once", "all"]
_OPTIONS = (
    click.option(
        "--mode",
        type=click.Choice(MODES),
        default="none",
        show_default=True,
        help="none: the tape alone, no outgoing connection. new_episodes: what is not on the tape is asked of the "
        "upstream, and appended. once: recorded where there is no FILE yet, else as none. all: recorded anew.",
    ),
    click.option(
        "--upstream", metavar="URL", help="The real server, for all modes but none: https://chat.example.com."
    ),
    click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="To the upstream; repeatable."),
    click.option(
        "--query", multiple=True, metavar="NAME=VALUE", help="In place of the client's parameter; repeatable."
    ),
    click.option("--insecure", is_flag=True, help="Trust any certificate of the upstream."),
    click.option("--no-redact", is_flag=True, help="Write secrets as they are: by default they are replaced."),
)


NAMES = ("mode", "upstream", "headers", "query", "insecure", "no_redact")
"""What a command that has them is given."""


def options(command: F) -> F:
    """The options, on a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(slots=True)
class Chosen:
    """What was asked for, and what it comes to."""

    mode: str
    file: Path
    target: Target | None
    insecure: bool = False
    redact: bool = True
    why: str = ""

    @property
    def asked(self) -> Target:
        """The server. Raises SimulatorError where none was named."""
        if self.target is None:
            raise SimulatorError("--upstream URL is missing")
        return self.target

    @property
    def records(self) -> bool:
        """Whether everything goes to the upstream."""
        return self.mode == "all"

    @property
    def asks(self) -> bool:
        """Whether what is not on the tape goes there."""
        return self.mode == "new_episodes"


def chosen(
    files: tuple[Path, ...],
    match: str,
    clock: str,
    mode: str,
    upstream: str | None,
    headers: tuple[str, ...],
    query: tuple[str, ...],
    insecure: bool,
    no_redact: bool,
) -> Chosen:
    """Hold the options against each other; `once` becomes what it is this time. Raises SimulatorError."""
    if mode == "none":
        given = [
            name
            for name, value in (
                ("--upstream", upstream),
                ("--header", headers),
                ("--query", query),
                ("--insecure", insecure),
                ("--no-redact", no_redact),
            )
            if value
        ]
        if given:
            raise SimulatorError(
                f"{given[0]}: nobody is asked in --mode none, which is the default; "
                "say --mode new_episodes, once or all"
            )
        return Chosen("none", files[0], None)
    if len(files) > 1:
        raise SimulatorError(f"--mode {mode} writes one cassette, and {len(files)} were named")
    file = files[0]
    if upstream is None:
        raise SimulatorError(f"--mode {mode}: --upstream URL is missing, it says which server is asked")
    from simulator.cli.verify import pairs
    from simulator.drive.target import Target

    target = Target(upstream, pairs("--header", headers), pairs("--query", query), option="--upstream")
    made = Chosen(mode, file, target, insecure, not no_redact, f"--mode {mode}")
    if mode == "once" or (mode == "new_episodes" and not file.exists()):
        _once(made)
    elif mode == "new_episodes":
        if match != "loose":
            raise SimulatorError(
                f"--mode new_episodes goes with --match loose: what is appended stands behind the tape's order, "
                f"and --match {match} would never come to it"
            )
        if clock != "wall":
            raise SimulatorError("--mode new_episodes goes with --clock wall: the upstream has no other")
    return made


def _once(made: Chosen) -> None:
    from simulator.record.modes import settled

    said = made.mode
    made.mode, why = settled(said, made.file)
    if made.mode == "none":
        click.echo(f"--mode once: {why}; {made.asked.told} is not asked", err=True)
    else:
        made.why = f"--mode {said}: {why}"


def record(made: Chosen, backend: str | None, host: str, port: int | None, ready_file: Path | None) -> int:
    """Record anew; the exit code. Raises SimulatorError."""
    from simulator import backends
    from simulator.record.relayed import PORT, Wanted
    from simulator.record.relayed import record as recording

    if port is None:
        port = PORT if backend is None else backends.load(backend).port
    wanted = Wanted(made.asked, made.file, host, port, backend, made.insecure, made.redact, made.why, ready_file)
    return recording(wanted)


def upstream(made: Chosen, now: Callable[[], float]) -> Upstream:
    """The server behind a tape. Raises SimulatorError."""
    from simulator.record.appending import Appending
    from simulator.record.behind import Upstream
    from simulator.serve.printable import printable

    def tell(line: str) -> None:
        click.echo(printable(line), err=True)

    return Upstream(made.asked, Appending(made.file, made.redact, tell, made.asked.secrets), tell, now, made.insecure)

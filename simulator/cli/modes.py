"""`--mode` of `replay` and of `serve --cassette`: whether, and when, a real server is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli.words import Words
from simulator.core.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.drive.target import Target
    from simulator.record.behind import Upstream

MODES = ["none", "new_episodes", "once", "all"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the options say. A field is an option of `OPTIONS`, by its name."""

    mode: str
    upstream: str | None
    headers: tuple[str, ...]
    query: tuple[str, ...]
    insecure: bool
    no_redact: bool


OPTIONS: Final = (
    click.option(
        "--mode",
        type=click.Choice(MODES),
        default="none",
        show_default=True,
        envvar="SIMULATOR_MODE",
        show_envvar=True,
        help="none: the tape alone, no outgoing connection. new_episodes: what is not on the tape is asked of the "
        "upstream, and appended. once: recorded where there is no cassette yet, else as none. all: recorded anew.",
    ),
    click.option(
        "--upstream",
        metavar="URL",
        envvar="SIMULATOR_UPSTREAM",
        show_envvar=True,
        help="The real server, for all modes but none: https://chat.example.com.",
    ),
    click.option(
        "--header",
        "headers",
        type=Words(),
        multiple=True,
        metavar="NAME=VALUE",
        envvar="SIMULATOR_HEADER",
        show_envvar=True,
        help="To the upstream; repeatable.",
    ),
    click.option(
        "--query",
        type=Words(),
        multiple=True,
        metavar="NAME=VALUE",
        envvar="SIMULATOR_QUERY",
        show_envvar=True,
        help="To the upstream, in place of the client's parameter; repeatable.",
    ),
    click.option(
        "--insecure",
        is_flag=True,
        envvar="SIMULATOR_INSECURE",
        show_envvar=True,
        help="Trust any certificate of the upstream.",
    ),
    click.option(
        "--no-redact",
        is_flag=True,
        envvar="SIMULATOR_NO_REDACT",
        show_envvar=True,
        help="Write secrets as they are into what is recorded: by default they are replaced.",
    ),
)
"""Of `replay` and `serve` alike. Whoever adds one adds a field to `Wish`, and a row to docs/replay.md."""


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options; what they say comes as its argument `wish`."""

    @wraps(command)
    def run(**given: Any) -> None:
        command(wish=Wish(**{field.name: given.pop(field.name) for field in fields(Wish)}), **given)

    for option in reversed(OPTIONS):
        run = option(run)
    return run


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


def chosen(files: tuple[Path, ...], match: str, clock: str, wish: Wish, tls: bool = False) -> Chosen:
    """Hold the options against each other; `once` becomes what it is this time. Raises SimulatorError."""
    mode, upstream = wish.mode, wish.upstream
    if mode == "none":
        _needless(wish)
        return Chosen("none", files[0], None)
    if tls and mode in ("once", "all"):
        raise SimulatorError(f"--mode {mode} and --tls: what records listens in plain HTTP; leave --tls away")
    if len(files) > 1:
        raise SimulatorError(f"--mode {mode} writes one cassette, and {len(files)} were named")
    file = files[0]
    if upstream is None:
        raise SimulatorError(f"--mode {mode}: --upstream URL is missing, it says which server is asked")
    from simulator.cli.verify import pairs
    from simulator.drive.target import Target
    from simulator.record.modes import settled

    target = Target(upstream, pairs("--header", wish.headers), pairs("--query", wish.query), option="--upstream")
    made = Chosen(mode, file, target, wish.insecure, not wish.no_redact, f"--mode {mode}")
    made.mode, why = settled(mode, file)
    if made.mode == "none":
        click.echo(f"--mode once: {why}; {made.asked.told} is not asked", err=True)
    elif why:
        made.why = f"--mode {mode}: {why}"
    elif mode == "new_episodes":
        if match != "loose":
            raise SimulatorError(
                f"--mode new_episodes goes with --match loose: what is appended stands behind the tape's order, "
                f"and --match {match} would never come to it"
            )
        if clock != "wall":
            raise SimulatorError("--mode new_episodes goes with --clock wall: the upstream has no other")
    return made


def _needless(wish: Wish) -> None:
    given = [name for name, value in (
        ("--upstream", wish.upstream),
        ("--header", wish.headers),
        ("--query", wish.query),
        ("--insecure", wish.insecure),
        ("--no-redact", wish.no_redact),
    ) if value]  # fmt: skip
    if given:
        raise SimulatorError(
            f"{given[0]}: nobody is asked in --mode none, which is the default; say --mode new_episodes, once or all"
        )


def record(
    made: Chosen, backend: str | None, host: str, port: int | None, ready_file: Path | None, err: bool = False
) -> int:
    """Record anew, all that is told on stderr if `err`; the exit code. Raises SimulatorError."""
    from simulator import backends
    from simulator.record.relayed import PORT, Wanted
    from simulator.record.relayed import record as recording

    usual = PORT if backend is None else backends.load(backend).port
    port = usual if port is None else port
    wanted = Wanted(made.asked, made.file, host, port, backend, made.insecure, made.redact, made.why, ready_file)
    if err:
        wanted.show = wanted.tell
    return recording(wanted)


def upstream(made: Chosen, now: Callable[[], float]) -> Upstream:
    """The server behind a tape. Raises SimulatorError."""
    from simulator.record.appending import Appending
    from simulator.record.behind import Upstream
    from simulator.serve.printable import printable

    def tell(line: str) -> None:
        click.echo(printable(line), err=True)

    return Upstream(made.asked, Appending(made.file, made.redact, tell, made.asked.secrets), tell, now, made.insecure)

"""How tapes are played: the options of `replay` and of `serve --cassette`, and what is said and written at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli.files import spared, writable
from simulator.cli.modes import Wish
from simulator.cli.words import Words, check_paths

if TYPE_CHECKING:
    from simulator.cassette.coverage import Coverage
    from simulator.cassette.walk import Manner
    from simulator.core.backend import Backend
    from simulator.record.behind import Upstream


class Timing(click.ParamType):  # type: ignore[type-arg]
    """`recorded`, `burst`, or `scale=0.5`: what the tape's seconds are multiplied with."""

    name = "timing"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The factor."""
        known = {"recorded": 1.0, "burst": 0.0}
        if isinstance(value, float):
            return value
        if value in known:
            return known[value]
        word, _, number = value.partition("=")
        try:
            factor = float(number)
        except ValueError:
            factor = -1.0
        if word != "scale" or not 0 <= factor <= 1000:
            self.fail(f"{value!r}: expected recorded, burst, or scale=0.5 (from 0 to 1000)", param, ctx)
        return factor


@dataclass(frozen=True, slots=True)
class How:
    """What the options say. A field is an option of `OPTIONS`, by its name."""

    match: str
    timing: float
    on_miss: str
    ignore: tuple[str, ...]
    keep: tuple[str, ...]
    bindings: Path | None
    times: str
    loop: bool
    strict: bool
    report: Path | None

    def manner(self) -> Manner:
        """The same for who plays. Raises SimulatorError."""
        from simulator.cassette.match import Mode
        from simulator.cassette.walk import Manner

        check_paths("--ignore", self.ignore)
        return Manner(
            Mode(self.match),
            self.timing,
            self.on_miss,
            self.ignore,
            self.times == "now",
            self.loop,
            frozenset(self.keep),
        )


_FILE = click.Path(path_type=Path, dir_okay=False)

OPTIONS: Final = (
    click.option(
        "--match",
        type=click.Choice(["strict", "loose", "position"]),
        default="loose",
        show_default=True,
        envvar="SIMULATOR_MATCH",
        show_envvar=True,
        help="strict: the tape's order, and every field but those that differ from run to run. loose: any order; ids, "
        "times and tokens may be others. position: the tape's order alone, whatever is said.",
    ),
    click.option(
        "--timing",
        type=Timing(),
        default="recorded",
        show_default=True,
        envvar="SIMULATOR_TIMING",
        show_envvar=True,
        metavar="recorded|burst|scale=X",
        help="When the server speaks: as on the tape, at once, or that many times as slowly.",
    ),
    click.option(
        "--on-miss",
        type=click.Choice(["error", "ignore", "close"]),
        default="error",
        show_default=True,
        envvar="SIMULATOR_ON_MISS",
        show_envvar=True,
        help="A message that is not on the tape: told and counted (and answered with an error where the envelope has "
        "one), passed over, or the connection closed with 1011.",
    ),
    click.option(
        "--ignore",
        type=Words(),
        multiple=True,
        envvar="SIMULATOR_IGNORE",
        show_envvar=True,
        metavar="PATH",
        help="Not to be looked at: 'send_msg.text', '*.locale'.",
    ),
    click.option(
        "--keep",
        type=Words(),
        multiple=True,
        envvar="SIMULATOR_KEEP",
        show_envvar=True,
        metavar="ID",
        help="An id that stays what it is on the tape.",
    ),
    click.option(
        "--bindings",
        type=_FILE,
        envvar="SIMULATOR_BINDINGS",
        show_envvar=True,
        metavar="FILE",
        help="Which ids are made anew and which stay, edited from `simulator cassette bindings --out`.",
    ),
    click.option(
        "--times",
        type=click.Choice(["recorded", "now"]),
        default="recorded",
        show_default=True,
        envvar="SIMULATOR_TIMES",
        show_envvar=True,
        help="Times in messages: as they are, or moved as if it had been recorded now.",
    ),
    click.option(
        "--loop",
        is_flag=True,
        envvar="SIMULATOR_LOOP",
        show_envvar=True,
        help="A client that has said everything can begin anew.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        envvar="SIMULATOR_STRICT",
        show_envvar=True,
        help="Exit code 1 where anything on the tape was not played, or anything that was said is not on it.",
    ),
    click.option(
        "--report",
        type=_FILE,
        envvar="SIMULATOR_REPORT",
        show_envvar=True,
        metavar="FILE",
        help="What was played and what was not, at the end: .txt, .json, or .xml for JUnit.",
    ),
)
"""Of `replay` and `serve` alike. Whoever adds one adds a field to `How`, and a row to docs/replay.md."""


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options; what they say comes as its argument `how`."""

    @wraps(command)
    def run(**given: Any) -> None:
        command(how=How(**{field.name: given.pop(field.name) for field in fields(How)}), **given)

    for option in reversed(OPTIONS):
        run = option(run)
    return run


def needless(ctx: click.Context) -> None:
    """No cassette is there to play. Raises UsageError where an option says how."""
    for field in (*fields(How), *(field for field in fields(Wish) if field.name != "no_redact")):
        if ctx.get_parameter_source(field.name) not in (None, click.core.ParameterSource.DEFAULT):
            option = f"--{field.name.removesuffix('s' * (field.name == 'headers')).replace('_', '-')}"
            raise click.UsageError(f"{option} says how a recording is played, and none is given: --cassette FILE", ctx)


@dataclass(frozen=True, slots=True)
class Tapes:
    """What is played."""

    backend: Backend
    """In place of the real one."""
    coverage: Coverage
    told: str
    """For the terminal, where it says what is served."""
    how: How
    upstream: Upstream | None = None
    """The real server behind them."""

    def end(self, err: bool = False) -> int:
        """Say and write what came of it; the exit code. Raises SimulatorError."""
        from simulator.serve import replay

        click.echo(replay.shown(self.coverage), nl=False, err=err)
        if self.how.report is not None:
            replay.report(self.how.report, self.coverage)
        failed = self.how.strict and not self.coverage.complete
        if self.upstream is not None:
            click.echo(self.upstream.tape.told(), err=err)
            failed = failed or self.upstream.tape.failures > 0
        return 1 if failed else 0


def unplayed(how: How) -> None:
    """Tell what an option comes to where all is recorded: a CI that takes the report along would look for it."""
    if how.report is not None:
        click.echo(f"--report {how.report}: nothing is played in this run, so none is written", err=True)


def prepare(files: tuple[Path, ...], backend: str | None, how: How, upstream: Upstream | None = None) -> Tapes:
    """Read what is to be played; remarks on it go to stderr. Raises SimulatorError."""
    from simulator.serve import replay

    manner = replace(how.manner(), beyond=None if upstream is None else upstream.behind)
    if how.report is not None:
        spared("--report", how.report, (*files, *([] if how.bindings is None else [how.bindings])))
        replay.check_report(how.report)
        writable("--report", how.report)
    chosen = None if how.bindings is None else replay.overrides(how.bindings)
    stand_in, coverage = replay.prepare(files, backend, manner, _complain, chosen)
    return Tapes(stand_in, coverage, replay.told(files, stand_in, coverage), how, upstream)


def _complain(line: str) -> None:
    from simulator.cassette.screen import safe

    click.echo(safe(line), err=True)

"""`simulator replay`: a recorded conversation answers live clients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli import modes
from simulator.cli.listening import listening
from simulator.cli.listening import options as more
from simulator.cli.words import Number, backend_names
from simulator.core.errors import SimulatorError, StartError

if TYPE_CHECKING:
    from simulator.cassette.walk import Manner


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


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-b", "--backend", metavar="NAME", shell_complete=backend_names, help="Whose tapes they are, where they do not say."
)
@click.option(
    "-H",
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="SIMULATOR_HOST",
    help="The address to listen on.",
)
@click.option(
    "-p",
    "--port",
    type=Number(0, 65535),
    metavar="NUMBER",
    envvar="SIMULATOR_PORT",
    help="The port; 0 takes a free one.  [default: the backend's, 8080 for a stranger's tape]",
)
@click.option(
    "--match",
    type=click.Choice(["strict", "loose", "position"]),
    default="loose",
    show_default=True,
    help="strict: the tape's order, and every field but those that differ from run to run. loose: any order; ids, "
    "times and tokens may be others. position: the tape's order alone, whatever is said.",
)
@click.option(
    "--timing",
    type=Timing(),
    default="recorded",
    show_default=True,
    metavar="recorded|burst|scale=X",
    help="When the server speaks: as on the tape, at once, or that many times as slowly.",
)
@click.option(
    "--on-miss",
    type=click.Choice(["error", "ignore", "close"]),
    default="error",
    show_default=True,
    help="A message that is not on the tape: told and counted (and answered with an error where the envelope has one), "
    "passed over, or the connection closed with 1011.",
)
@click.option("--ignore", multiple=True, metavar="PATH", help="Not to be looked at: 'send_msg.text', '*.locale'.")
@click.option("--keep", multiple=True, metavar="ID", help="An id that stays what it is on the tape.")
@click.option(
    "--bindings",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Which ids are made anew and which stay, edited from `simulator cassette bindings --out`.",
)
@click.option(
    "--times",
    type=click.Choice(["recorded", "now"]),
    default="recorded",
    show_default=True,
    help="Times in messages: as they are, or moved as if it had been recorded now.",
)
@click.option("--loop", is_flag=True, help="A client that has said everything can begin anew.")
@click.option("--strict", is_flag=True, help="Exit code 1 where anything was not played, or matched nothing.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What was played and what was not, at the end: .txt, .json, or .xml for JUnit.",
)
@modes.options
@click.option("--seed", type=int, envvar="SIMULATOR_SEED", help="Makes all live ids the same in every run.")
@click.option("--clock", default="wall", show_default=True, metavar="wall|manual|INSTANT", envvar="SIMULATOR_CLOCK")
@click.option("--admin-token", envvar="SIMULATOR_ADMIN_TOKEN", help="Asked for by the control API under /__admin.")
@listening
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="SIMULATOR_READY_FILE",
    help="Written as JSON once the port is open, removed at the end.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every frame, and how each message was matched.")
def replay(
    files: tuple[Path, ...],
    backend: str | None,
    host: str,
    port: int | None,
    match: str,
    timing: float,
    on_miss: str,
    ignore: tuple[str, ...],
    keep: tuple[str, ...],
    bindings: Path | None,
    times: str,
    loop: bool,
    strict: bool,
    report: Path | None,
    seed: int | None,
    clock: str,
    admin_token: str | None,
    ready_file: Path | None,
    verbose: bool,
    **others: Any,
) -> None:
    """Let recordings answer live clients, until Ctrl-C.

    Pings, sessions, upgrades and ids of the envelope are live, messages come from the tape. Without --mode no outgoing
    connection is ever made.

    \b
    simulator replay talk.yaml
    simulator replay talk.yaml --port 0 --timing burst --strict --report replay.xml
    simulator replay talk.yaml --match strict --ignore '*.locale'
    simulator replay talk.yaml --mode once --upstream https://chat.example.com
    simulator replay talk.yaml --mode new_episodes --upstream https://chat.example.com --query token=$TOKEN
    """
    from simulator.serve import startup

    taking = {name: others.pop(name) for name in modes.NAMES}
    chosen = modes.chosen(files, match, clock, **taking)
    if chosen.records:
        startup.leave(modes.record(chosen, backend, host, port, ready_file))
    with startup.quick():
        from simulator.cassette.match import Mode
        from simulator.cassette.walk import Manner

        manner = Manner(Mode(match), timing, on_miss, ignore, times == "now", loop, frozenset(keep))
        _check(ignore)
        play(
            files,
            backend,
            manner,
            report,
            strict,
            {"host": host, "port": port, "seed": seed, "admin_token": admin_token, **more(**others)},
            clock,
            ready_file,
            verbose,
            bindings,
            chosen,
        )


@click.command("bindings")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("-b", "--backend", metavar="NAME", shell_complete=backend_names, help="Whose frames they are.")
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write those of the server to a file that can be edited, for `simulator replay --bindings`.",
)
def bindings_(file: Path, backend: str | None, as_json: bool, out: Path | None) -> None:
    """Show which values of a tape a replay takes for the same: who makes them, and where they come back.

    \b
    simulator cassette bindings talk.yaml
    simulator cassette bindings talk.yaml --out talk.bindings.yaml
    simulator replay talk.yaml --bindings talk.bindings.yaml
    """
    from dataclasses import asdict

    import orjson

    from simulator.serve import replay as playing

    found = playing.bindings(file, backend)
    if out is not None:
        try:
            out.write_text(playing.written(found), encoding="utf-8")
        except OSError as error:
            raise SimulatorError(f"--out {out}: {error.strerror}") from None
        return
    for one in found:
        if as_json:
            click.echo(orjson.dumps(asdict(one)))
        else:
            click.echo(f"{one.by:<6}  {one.kind:<6}  {one.line:>6} -> {one.back:<6}  {one.value}")


def _complain(line: str) -> None:
    click.echo(line, err=True)


def _check(ignore: tuple[str, ...]) -> None:
    for path in ignore:
        if "." not in path or not all(path.split(".")):
            raise SimulatorError(f"--ignore {path}: expected MESSAGE.PATH, such as send_msg.text, or *.PATH for all")


def play(
    files: tuple[Path, ...],
    backend: str | None,
    manner: Manner,
    report: Path | None,
    strict: bool,
    options: dict[str, Any],
    clock: str,
    ready_file: Path | None,
    verbose: bool,
    bindings: Path | None,
    taking: modes.Chosen | None = None,
) -> None:
    """Serve the tapes, tell what came of it, and end the process."""
    from simulator.serve import clock as clocks
    from simulator.serve import replay as playing
    from simulator.serve import startup, terminal
    from simulator.serve.app import Options, Simulator
    from simulator.serve.reporter import Reporter

    if report is not None:
        playing.check_report(report)
    time = clocks.parse(clock)
    reporter = Reporter(time.now, verbose=verbose)
    chosen = None if bindings is None else playing.overrides(bindings)
    upstream = None
    if taking is not None and taking.asks:
        upstream = modes.upstream(taking, time.now)
        manner = replace(manner, beyond=upstream.behind)
    stand_in, coverage = playing.prepare(files, backend, manner, _complain, chosen)
    told = playing.told(files, stand_in, coverage)
    if upstream is not None:
        options["onlooker"] = upstream.onlooker
    simulator = Simulator(Options(backends=[stand_in], clock=time, reporter=reporter, playing=told, **options))
    if upstream is not None:
        upstream.attach(simulator)
    try:
        terminal.run(simulator, reporter, ready_file)
    except OSError as error:
        raise StartError(f"can't serve: {error.strerror or error}") from None
    click.echo(playing.shown(coverage), nl=False)
    if report is not None:
        playing.report(report, coverage)
    if upstream is not None:
        click.echo(upstream.tape.told())
    lost = upstream is not None and upstream.tape.failures > 0
    startup.leave(1 if lost or (strict and not coverage.complete) else 0)

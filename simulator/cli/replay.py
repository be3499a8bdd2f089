"""`simulator replay`: a recorded conversation answers live clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simulator.cli import modes, playing
from simulator.cli.files import spared
from simulator.cli.listening import listening
from simulator.cli.listening import options as more
from simulator.cli.words import Number, backend_names
from simulator.core.errors import SimulatorError, StartError


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
@playing.options
@modes.options
@click.option("--seed", type=int, envvar="SIMULATOR_SEED", help="Makes all live ids the same in every run.")
@click.option(
    "--clock",
    default="wall",
    show_default=True,
    metavar="wall|manual|INSTANT",
    envvar="SIMULATOR_CLOCK",
    help="manual, or an instant to start at, stands still until POST /__admin/clock/advance.",
)
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
    seed: int | None,
    clock: str,
    admin_token: str | None,
    ready_file: Path | None,
    verbose: bool,
    how: playing.How,
    wish: modes.Wish,
    **where: Any,
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

    chosen = modes.chosen(files, how.match, clock, wish, where["tls"] or where["tls_cert"] is not None)
    if chosen.records:
        playing.unplayed(how)
        startup.leave(modes.record(chosen, backend, host, port, ready_file))
    with startup.quick():
        from simulator.serve import clock as clocks
        from simulator.serve import terminal
        from simulator.serve.app import Options, Server
        from simulator.serve.reporter import Reporter

        time = clocks.parse(clock)
        reporter = Reporter(time.now, verbose=verbose)
        upstream = modes.upstream(chosen, time.now) if chosen.asks else None
        tapes = playing.prepare(files, backend, how, upstream)
        simulator = Server(
            Options(
                backends=[tapes.backend],
                playing=tapes.told,
                host=host,
                port=port,
                seed=seed,
                clock=time,
                admin_token=admin_token,
                reporter=reporter,
                **more(**where),
                onlooker=None if upstream is None else upstream.onlooker,
            )
        )
        if upstream is not None:
            upstream.attach(simulator)
    try:
        terminal.run(simulator, reporter, ready_file)
    except OSError as error:
        raise StartError(f"can't serve: {error.strerror or error}") from None
    startup.leave(tapes.end())


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

    from simulator.serve import replay as reading

    if out is not None:
        spared("--out", out, [file])
    found = reading.bindings(file, backend)
    if out is not None:
        try:
            out.write_text(reading.written(found), encoding="utf-8")
        except OSError as error:
            raise SimulatorError(f"--out {out}: {error.strerror}") from None
        return
    for one in found:
        if as_json:
            click.echo(orjson.dumps(asdict(one)))
        else:
            click.echo(f"{one.by:<6}  {one.kind:<6}  {one.line:>6} -> {one.back:<6}  {one.value}")
    if not as_json:
        click.echo(f"{file}: {reading.counted(found)}")

"""The command line: parses, builds, calls one function; what a command does not need it does not import."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator import __version__
from simulator.cli import modes, playing
from simulator.cli.group import Group
from simulator.cli.listening import listening, options
from simulator.cli.words import Fixtures, Number, Scenario, Seconds, Setting, backend_names, chosen, fixture_files
from simulator.core.errors import SimulatorError, StartError

if TYPE_CHECKING:
    from simulator.serve.app import Server


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="simulator")
def main() -> None:
    """A chat backend to develop and test against, faithful to the last byte.

    \b
    simulator serve --backend chip      a chat server on its documented port
    simulator serve --backend mia --scenario support-desk
    simulator backends                  which there are
    simulator backends chip             what can be set there
    simulator record --upstream https://chat.example.com --out chat.yaml
    simulator replay chat.yaml          the recording answers
    simulator verify chat.yaml --target wss://chat.example.com
    simulator cassette show chat.yaml
    simulator wait http://127.0.0.1:8070    until it is ready
    simulator doctor                    what this machine lacks
    simulator init                      a scenario and a test to begin with, in your project

    Shell completion: eval "$(_SIMULATOR_COMPLETE=bash_source simulator)", or zsh_source, fish_source.
    """


def _clocks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in ("wall", "manual") if word.startswith(incomplete)]


@main.command(
    epilog="Every option can come from its environment variable; the command line goes before it. Several values in "
    "one variable are separated by blanks, and quoted as in a shell where they have blanks of their own."
)
@click.option(
    "-b",
    "--backend",
    "names",
    multiple=True,
    required=True,
    envvar="SIMULATOR_BACKEND",
    show_envvar=True,
    shell_complete=backend_names,
    metavar="NAME",
    help="Which backend; several times for several, or all.",
)
@click.option(
    "-H",
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="SIMULATOR_HOST",
    show_envvar=True,
    help="The address to listen on. On any but a loopback address the control API asks for a token.",
)
@click.option(
    "-p",
    "--port",
    type=Number(0, 65535),
    metavar="NUMBER",
    envvar="SIMULATOR_PORT",
    show_envvar=True,
    help="The port; 0 takes a free one.  [default: the one in the backend's document]",
)
@click.option(
    "--seed",
    type=int,
    envvar="SIMULATOR_SEED",
    show_envvar=True,
    help="Makes all ids the same in every run.  [default: drawn, and printed]",
)
@click.option(
    "--clock",
    default="wall",
    show_default=True,
    envvar="SIMULATOR_CLOCK",
    show_envvar=True,
    metavar="wall|manual|INSTANT",
    shell_complete=_clocks,
    help="manual stands still until POST /__admin/clock/advance; an instant such as 2026-01-01T00:00:00Z "
    "is a manual clock that starts there.",
)
@click.option(
    "--fixtures",
    type=Fixtures(),
    multiple=True,
    envvar="SIMULATOR_FIXTURES",
    show_envvar=True,
    metavar="[NAME=]FILE",
    help="Channels, people, messages: a YAML file in place of the one that comes along.",
)
@click.option(
    "--set",
    "settings",
    type=Setting(),
    multiple=True,
    envvar="SIMULATOR_SET",
    show_envvar=True,
    metavar="[NAME.]KEY=VALUE",
    help="Change a setting; `simulator backends NAME` lists them.",
)
@click.option(
    "--scenario",
    type=Scenario(),
    envvar="SIMULATOR_SCENARIO",
    show_envvar=True,
    metavar="FILE|NAME",
    help="What the bot does, in place of the backend's own (and of --set bot=...); `simulator scenario list` names "
    "those that come along.",
)
@click.option(
    "--watch",
    is_flag=True,
    envvar="SIMULATOR_WATCH",
    show_envvar=True,
    help="Read the scenario anew whenever its file is saved.",
)
@click.option(
    "--cassette",
    "cassettes",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    envvar="SIMULATOR_CASSETTE",
    show_envvar=True,
    metavar="FILE",
    help="A recording answers in place of the backend's own rules; --match to --upstream say how.",
)
@playing.options
@modes.options
@click.option(
    "--admin-token",
    envvar="SIMULATOR_ADMIN_TOKEN",
    show_envvar=True,
    help="Asked for by the control API under /__admin.  [default: on a loopback address none; else drawn, and printed]",
)
@listening
@click.option(
    "--spaces",
    type=Number(0),
    default=100,
    show_default=True,
    metavar="NUMBER",
    envvar="SIMULATOR_SPACES",
    show_envvar=True,
    help="How many spaces clients can have at once, each with a state, a clock and a seed of its own.",
)
@click.option(
    "--space-idle",
    type=Seconds(0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    envvar="SIMULATOR_SPACE_IDLE",
    show_envvar=True,
    help="A space without a connection or a request for so long is dropped; 0 keeps it.",
)
@click.option(
    "--record",
    "tape",
    type=click.Path(path_type=Path),
    metavar="FILE",
    envvar="SIMULATOR_RECORD",
    show_envvar=True,
    help="Write what is said here into a cassette, secrets replaced unless --no-redact; not what is said in spaces.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="SIMULATOR_READY_FILE",
    show_envvar=True,
    help="Written as JSON once every port is open, removed at the end.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="SIMULATOR_LOG_FORMAT",
    show_envvar=True,
    help="How the log on stderr is written; json is a line each, for programs.",
)
@click.option("-v", "--verbose", is_flag=True, envvar="SIMULATOR_VERBOSE", show_envvar=True, help="Show every frame.")
def serve(
    names: tuple[str, ...],
    host: str,
    port: int | None,
    seed: int | None,
    clock: str,
    fixtures: tuple[str, ...],
    settings: tuple[str, ...],
    scenario: str | None,
    watch: bool,
    cassettes: tuple[Path, ...],
    admin_token: str | None,
    spaces: int,
    space_idle: float,
    tape: Path | None,
    ready_file: Path | None,
    log_format: str,
    verbose: bool,
    how: playing.How,
    wish: modes.Wish,
    **where: Any,
) -> None:
    """Serve backends until Ctrl-C.

    \b
    simulator serve --backend chip
    simulator serve --backend chip --port 0 --seed 7 --clock manual --ready-file ready.json
    simulator serve --backend chip --set bot_delay=0 --set courier_url=http://127.0.0.1:8080
    simulator serve --backend chatbot --scenario support-desk
    simulator serve --backend chip --scenario my.yaml --watch
    simulator serve --backend chip --cassette talk.yaml --timing burst --strict
    simulator serve --backend chip --cassette talk.yaml --mode once --upstream https://chat.example.com
    simulator serve --backend chip --record chat.yaml
    simulator serve --backend all --admin-port 8100 --tls --tls-ca-out ca.pem
    """
    from simulator.serve import startup

    every = chosen(names)
    tls = where["tls"] or where["tls_cert"] is not None
    asking = _asking(every, cassettes, scenario, tape, clock, how, wish, tls)
    if asking is not None and asking.records:
        playing.unplayed(how)
        startup.leave(modes.record(asking, every[0], host, port, ready_file, log_format == "json"))
    with startup.quick():
        from simulator.serve import clock as clocks
        from simulator.serve import scenarios, terminal
        from simulator.serve.app import Options, Server
        from simulator.serve.reporter import Reporter

        if watch and scenario is None:
            raise SimulatorError("--watch: there is nothing to watch without --scenario")
        if wish.no_redact and tape is None and wish.mode == "none":
            raise SimulatorError("--no-redact: nothing is recorded without --record or --mode")
        time = clocks.parse(clock)
        reporter = Reporter(time.now, log_format, verbose)
        upstream = modes.upstream(asking, time.now) if asking is not None and asking.asks else None
        tapes = playing.prepare(cassettes, every[0], how, upstream) if cassettes else None
        simulator: Server = Server(
            Options(
                backends=every if tapes is None else [tapes.backend],
                playing="" if tapes is None else tapes.told,
                host=host,
                port=port,
                seed=seed,
                clock=time,
                fixtures=fixture_files(fixtures, every),
                settings=[_setting(text) for text in settings],
                admin_token=admin_token,
                spaces=spaces,
                space_idle=space_idle,
                reporter=reporter,
                scenario=None if scenario is None else scenarios.find(scenario),
                watch=watch,
                record=tape,
                redact=not wish.no_redact,
                onlooker=None if upstream is None else upstream.onlooker,
                **options(**where),
            )
        )
        if upstream is not None:
            upstream.attach(simulator)
    try:
        terminal.run(simulator, reporter, ready_file, json_lines=log_format == "json")
    except OSError as error:
        # No files left to open.
        raise StartError(f"can't serve: {error.strerror or error}") from None
    code = 0 if tapes is None else tapes.end(err=log_format == "json")
    startup.leave(1 if simulator.unrecorded else code)


def _asking(
    every: list[str],
    cassettes: tuple[Path, ...],
    scenario: str | None,
    tape: Path | None,
    clock: str,
    how: playing.How,
    wish: modes.Wish,
    tls: bool,
) -> modes.Chosen | None:
    """How recordings are played; None where there are none. Raises SimulatorError, UsageError."""
    if not cassettes:
        playing.needless(click.get_current_context())
        return None
    if len(every) > 1:
        raise SimulatorError(f"--cassette {cassettes[0]} is for one backend, {len(every)} were named")
    if scenario is not None:
        raise SimulatorError("--cassette and --scenario: either a recording answers or a scenario does")
    if wish.mode == "none":
        # There --no-redact is about what is said here.
        wish = replace(wish, no_redact=wish.no_redact and tape is None)
    elif tape is not None:
        raise SimulatorError(f"--record {tape} and --mode {wish.mode}: the mode records into --cassette already")
    return modes.chosen(cassettes, how.match, clock, wish, tls)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SimulatorError(f"--set {text}: expected KEY=VALUE")
    return key, value


@main.command()
@click.argument("name", required=False, shell_complete=backend_names)
def backends(name: str | None) -> None:
    """List the backends, or show what can be set in one.

    \b
    simulator backends
    simulator backends chip
    """
    from simulator.serve import catalogue

    click.echo(catalogue.table() if name is None else catalogue.page(name))


main.later = {
    "addon-path": "simulator.cli.recording:addon_path",
    "cassette": "simulator.cli.cassettes:cassette",
    "doctor": "simulator.cli.doctor:doctor",
    "health": "simulator.cli.asking:health",
    "init": "simulator.cli.starting:init",
    "record": "simulator.cli.recording:record",
    "replay": "simulator.cli.replay:replay",
    "scenario": "simulator.cli.scenarios:scenario",
    "verify": "simulator.cli.verify:verify",
    "wait": "simulator.cli.asking:wait",
}

main.told = {
    "addon-path": "Print where the addon is, for a mitmdump of your own.",
    "cassette": "Look at recordings, check, cut, compare and convert them.",
    "doctor": "Say what this machine lacks, and what to do about it.",
    "health": "Ask a running simulator whether it is well.",
    "init": "Make a scenario and a test to begin with.",
    "record": "Record what a client and a server say to each other, through mitmproxy.",
    "replay": "Let recordings answer live clients, until Ctrl-C.",
    "scenario": "Scripts for the bots: what comes along, the schema, and a check before serving.",
    "verify": "Play the client's half of a cassette at a live server, and compare what it answers.",
    "wait": "Wait until a simulator is ready.",
}

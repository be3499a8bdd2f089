"""The command line: parses, builds, calls one function; what a command does not need it does not import."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from simulator import __version__, cli_record
from simulator.core.errors import SimulatorError, StartError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from simulator.serve.app import Simulator


class Group(click.Group):
    """Turns errors, click's too, into one line and their exit code."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run the command line."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        try:
            # What is left to hand back is the exit code of --help and --version.
            sys.exit(super().main(args, standalone_mode=False, **extra) or 0)
        except SimulatorError as error:
            _fail(str(error), error.exit_code)
        except OSError as error:
            # A full disk behind stdout, say. What waits in its buffer would fail once more at the end.
            with suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            _fail(f"{error.filename or 'stdout'}: {error.strerror or error}", 1)
        except click.Abort:
            # Ctrl-C where nothing of ours waits for it.
            sys.exit(130)
        except click.ClickException as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                # click >= 8.2, for `simulator` alone.
                error.show()
                sys.exit(error.exit_code)
            _fail(_usage(error), error.exit_code)


def _usage(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split()).rstrip(".")
    ctx = getattr(error, "ctx", None)
    return text if ctx is None else f"{text}; {ctx.command_path} --help says more"


def _fail(text: str, code: int) -> NoReturn:
    from simulator.serve.reporter import printable

    colour = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    name = click.style("simulator:", fg="red", bold=True) if colour else "simulator:"
    click.echo(f"{name} {printable(text)}", err=True)
    sys.exit(code)


class Words(click.ParamType):  # type: ignore[type-arg]
    """A text of which a variable can hold several, quoted as in a shell: `'version=a b' bot_delay=0`."""

    name = "text"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """The values of a variable."""
        try:
            return shlex.split(rv)
        except ValueError as error:
            raise click.BadParameter(f"{rv!r}: {str(error).lower()}") from None


class Setting(Words):
    """`--set`: completes the keys of the chosen backends, and what can be listed of their values."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Keys, and behind one that is whole its values."""
        from click.shell_completion import CompletionItem

        from simulator.serve import catalogue

        found = catalogue.settings(_chosen(ctx.params.get("names") or ("all",)), incomplete)
        return [CompletionItem(text, help=what) for text, what in found.items()]


class Fixtures(Words):
    """`--fixtures`: completes names of files, behind the name of a backend too."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The shell knows files best, but not behind an equals sign."""
        from click.shell_completion import CompletionItem

        name, equals, start = incomplete.partition("=")
        if not equals:
            return [CompletionItem(incomplete, type="file")]
        folder, _, first = start.rpartition("/")
        where = Path(f"{folder}/" if "/" in start else ".")
        found = sorted(path for path in where.glob(f"{first}*") if path.is_dir() or path.suffix in (".yaml", ".yml"))
        return [CompletionItem(f"{name}={path}{'/' * path.is_dir()}") for path in found]


class Port(click.IntRange):
    """A TCP port; click would call it an integer range."""

    name = "number"


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="simulator")
def main() -> None:
    """A chat backend to develop and test against, faithful to the last byte.

    \b
    simulator serve --backend chip      a chat server on its documented port
    simulator backends                  which there are
    simulator backends chip             what can be set there
    simulator record --upstream https://chat.example.com --out chat.yaml
    simulator health http://127.0.0.1:8070

    Shell completion: eval "$(_SIMULATOR_COMPLETE=bash_source simulator)", or zsh_source, fish_source.
    """


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from simulator import backends

    every = backends.names() if isinstance(param, click.Argument) else [*backends.names(), "all"]
    return [name for name in every if name.startswith(incomplete)]


def _clocks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [word for word in ("wall", "manual") if word.startswith(incomplete)]


def _chosen(names: Iterable[str]) -> list[str]:
    from simulator import backends

    return backends.names() if "all" in names else [*names]


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
    shell_complete=_complete,
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
    help="The address to listen on. On any but a loopback address the control API needs --admin-token.",
)
@click.option(
    "-p",
    "--port",
    type=Port(0, 65535),
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
    "--admin-token",
    envvar="SIMULATOR_ADMIN_TOKEN",
    show_envvar=True,
    help="Asked for by the control API under /__admin, on every address.",
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
    admin_token: str | None,
    ready_file: Path | None,
    log_format: str,
    verbose: bool,
) -> None:
    """Serve backends until Ctrl-C.

    \b
    simulator serve --backend chip
    simulator serve --backend chip --port 0 --seed 7 --clock manual --ready-file ready.json
    simulator serve --backend chip --set bot_delay=0 --set courier_url=http://127.0.0.1:8080
    """
    from simulator.serve import startup

    with startup.quick():
        from simulator.serve import clock as clocks
        from simulator.serve import terminal
        from simulator.serve.app import Options, Simulator
        from simulator.serve.reporter import Reporter

        chosen = _chosen(names)
        time = clocks.parse(clock)
        reporter = Reporter(time.now, log_format, verbose)
        simulator: Simulator = Simulator(
            Options(
                backends=chosen,
                host=host,
                port=port,
                seed=seed,
                clock=time,
                fixtures=dict(_fixtures(fixtures, chosen)),
                settings=[_setting(text) for text in settings],
                admin_token=admin_token,
                reporter=reporter,
            )
        )
    try:
        terminal.run(simulator, reporter, ready_file, json_lines=log_format == "json")
    except OSError as error:
        # No files left to open.
        raise StartError(f"can't serve: {error.strerror or error}") from None
    startup.leave()


def _fixtures(given: Iterable[str], chosen: list[str]) -> Iterable[tuple[str, Path]]:
    for text in given:
        name, equals, path = text.partition("=")
        if equals and name in chosen:
            yield name, Path(path)
        elif len(chosen) == 1:
            yield chosen[0], Path(text)
        else:
            raise SimulatorError(f"--fixtures {text}: say for which backend, such as --fixtures {chosen[0]}={text}")


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise SimulatorError(f"--set {text}: expected KEY=VALUE")
    return key, value


main.add_command(cli_record.record)
main.add_command(cli_record.addon_path)


@main.command()
@click.argument("name", required=False, shell_complete=_complete)
def backends(name: str | None) -> None:
    """List the backends, or show what can be set in one.

    \b
    simulator backends
    simulator backends chip
    """
    from simulator.serve import catalogue

    click.echo(catalogue.table() if name is None else catalogue.page(name))


@main.command()
@click.argument("url", envvar="SIMULATOR_HEALTH_URL")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=3.0, show_default=True, help="Seconds.")
def health(url: str, timeout: float) -> None:
    """Ask a running simulator whether it is well: exit code 0 if so, 1 if not.

    URL can come from SIMULATOR_HEALTH_URL, as in the Docker image.

    \b
    simulator health http://127.0.0.1:8070
    """
    from simulator.serve import health as asking

    why = asking.ask(url, timeout)
    click.echo(why or f"{url} is well", err=why is not None)
    sys.exit(0 if why is None else 1)

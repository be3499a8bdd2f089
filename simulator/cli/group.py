"""A group of commands that tells every error in one line, with its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from simulator.core.errors import SimulatorError


class Group(click.Group):
    """Turns errors, click's too, into one line and their exit code; imports a command when it is asked for."""

    later: Mapping[str, str] = {}
    """Commands by name, as `module:attribute`: what a command does not need, it does not import."""

    told: Mapping[str, str] = {}
    """What `--help` says of some of these, the first line of their own, so that it imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them."""
        return sorted({*super().list_commands(ctx), *self.later})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The one of that name, or None."""
        where = self.later.get(cmd_name)
        if where is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = where.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, which would import all."""
        names = self.list_commands(ctx)
        width = formatter.width - 6 - max(map(len, names))
        rows = []
        for name in names:
            line = self.told.get(name)
            command = self.get_command(ctx, name) if line is None else click.Command(name, help=line)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str(width)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

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
        except MemoryError:
            _fail("there is not enough memory for this", 1)
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
    from simulator.serve.printable import printable

    colour = sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    name = click.style("simulator:", fg="red", bold=True) if colour else "simulator:"
    click.echo(f"{name} {printable(text)}", err=True)
    sys.exit(code)

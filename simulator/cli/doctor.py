"""`simulator doctor`: what this machine lacks for the simulator, and what to do about each."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress

import click

from simulator.cli.words import backend_names, chosen
from simulator.core.errors import SimulatorError


@click.command()
@click.option(
    "-b",
    "--backend",
    "names",
    multiple=True,
    shell_complete=backend_names,
    metavar="NAME",
    help="Whose port to look at; several times for several.  [default: all]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in place of lines.")
def doctor(names: tuple[str, ...], as_json: bool) -> None:
    """Say what this machine lacks, and what to do about it.

    Ports, extras, certificates, proxies, links, folders, the terminal and its completion are looked at.
    Exit code 1 if something is wrong; what is only worth knowing is a note. Nothing is changed, and nothing
    but this machine is asked.

    \b
    simulator doctor
    simulator doctor --backend chip --backend mia
    simulator doctor --json | jq '.findings[] | select(.state != "ok")'
    """
    from simulator.serve import startup

    with startup.quick():
        try:
            from simulator.cli import examining
        except ImportError as error:
            raise SimulatorError(
                f"{error}, and without it there is nothing to look with: pip install {error.name}"
            ) from None
        # What is missing is what it is to find.
        with suppress(ImportError):
            from simulator.serve import trial  # noqa: F401  # brings aiohttp
    found = examining.examine(chosen(names or ("all",)))
    wrong = any(one.state == "wrong" for one in found)
    if as_json:
        from simulator.cli.told import json_line

        rows = [{"check": one.check, "state": one.state, "what": one.what, "todo": one.todo} for one in found]
        json_line({"ok": not wrong, "findings": rows})
    else:
        terminal = sys.stdout.isatty()
        columns = shutil.get_terminal_size().columns if terminal else None
        for one in found:
            for line in examining.shown(one, terminal and examining.colours(), columns):
                click.echo(line)
    sys.exit(1 if wrong else 0)

"""`simulator scenario`: what comes along, the schema, a check."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from simulator.cli.group import Group
from simulator.cli.words import Fixtures, Scenario, backend_names, chosen, fixture_files


@click.group(cls=Group)
def scenario() -> None:
    """Scripts for the bots: what comes along, the schema, and a check before serving.

    \b
    simulator scenario list
    simulator scenario check my.yaml --backend chip
    simulator scenario schema --out scenario.schema.json
    """


@scenario.command("list")
def scenario_list() -> None:
    """Name the scenarios that come along, and where they lie.

    \b
    simulator scenario list
    simulator serve --backend chip --scenario support-desk
    """
    from simulator.serve import catalogue, scenarios

    rows = [("NAME", "WHAT IT IS FOR"), *scenarios.about()]
    click.echo(f"{catalogue.columns(rows)}\n\n{scenarios.folder()}")


@scenario.command("schema")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, not to stdout.")
def scenario_schema(out: Path | None) -> None:
    """Print the JSON Schema of scenarios, for editors.

    \b
    simulator scenario schema --out scenario.schema.json

    \b
    In a scenario's first line: # yaml-language-server: $schema=scenario.schema.json
    """
    from simulator.serve import scenarios

    text = scenarios.schema()
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


@scenario.command("check")
@click.argument("files", nargs=-1, required=True, type=Scenario(), metavar="FILE...")
@click.option(
    "-b",
    "--backend",
    "names",
    multiple=True,
    shell_complete=backend_names,
    metavar="NAME",
    help="On which backend it is to be played; several times for several.  [default: all]",
)
@click.option(
    "--fixtures",
    type=Fixtures(),
    multiple=True,
    metavar="[NAME=]FILE",
    help="Whose agents may be named: a YAML file in place of the one that comes along.",
)
def scenario_check(files: tuple[str, ...], names: tuple[str, ...], fixtures: tuple[str, ...]) -> None:
    """Say by file and line what is wrong with scenarios, and what a backend can't show.

    Exit code 1 if something is wrong; warnings and notes are none of that. A FILE may be the name of one that comes
    along.

    \b
    simulator scenario check my.yaml --backend chip --backend mia
    """
    from simulator.serve import scenarios

    every = chosen(names or ("all",))
    lines, wrong = scenarios.report([scenarios.find(file) for file in files], every, fixture_files(fixtures, every))
    for line in lines:
        click.echo(line)
    sys.exit(1 if wrong else 0)

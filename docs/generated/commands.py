"""The command line: every command with its options, from click."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from docs.generated.words import cell, code, fenced, table, told
from simulator.cli import main


def commands(command: click.Command = main, name: str = "simulator") -> Iterator[tuple[str, click.Command]]:
    """Every command with its whole name, groups before what is in them."""
    yield name, command
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name=name)
        for part in command.list_commands(ctx):
            found = command.get_command(ctx, part)
            if found is not None and not found.hidden:
                yield from commands(found, f"{name} {part}")


def page() -> str:
    """`reference/cli.md`."""
    parts = [
        "# Command line\n\n`simulator COMMAND --help` says the same. Exit codes: 0 ok, 1 a check failed, "
        "2 wrong usage or an unreadable file, 3 could not start. An option goes before its variable."
    ]
    for name, command in commands():
        parts += _section(name, command)
    return "\n\n".join(parts) + "\n"


def _section(name: str, command: click.Command) -> Iterator[str]:
    ctx = click.Context(command, info_name=name)
    yield f"## {name}"
    yield fenced("text", f"{name} {' '.join(command.collect_usage_pieces(ctx))}")
    for paragraph in re.split(r"\n\s*\n", cleandoc(told(name, command.help))):
        typed = paragraph.lstrip().startswith("\b")
        yield fenced("text", paragraph.lstrip().removeprefix("\b\n")) if typed else _prose(paragraph)
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        head = ["option, variable", "default", ""]
        yield table(head, [_row(name, option, ctx) for option in options])
    if command.epilog:
        yield _prose(command.epilog)


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")


def _row(name: str, option: click.Option, ctx: click.Context) -> list[str]:
    spelled = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else option.make_metavar(ctx)
    variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
    shown = option.show_default if isinstance(option.show_default, str) else None
    if shown is None and not option.is_flag and isinstance(option.default, str | int | float):
        shown = str(option.default)
    asked = "required" if option.required else cell(shown or "")
    words = cell(told(f"{name} {spelled}", option.help))
    return ["<br>".join(map(code, [f"{spelled} {value}".strip(), *variables])), asked, words]

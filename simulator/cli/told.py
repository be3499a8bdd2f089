"""What commands about cassettes share: options, times, and how lines reach a terminal or a script."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from simulator.cassette.redact import Redactor
    from simulator.cassette.tape import Tape

FILE = click.Path(path_type=Path, dir_okay=False)

RULE: Final = "Take this out as well: 'header X-Key', 'query code', 'json user.nick' or 'text REGEX'; repeatable."


class Moment(click.ParamType):  # type: ignore[type-arg]
    """Seconds since the recording began: `12.5`, or `1:02.5`, or `1:00:02`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        if not re.fullmatch(r"(?:(?:\d+:[0-5]?\d|\d+):[0-5]?\d|\d+)(?:\.\d*)?s?", value):
            self.fail(f"{value!r}: expected seconds since the recording began, such as 12.5 or 1:02.5", param, ctx)
        seconds = 0.0
        for part in value.rstrip("s").split(":"):
            seconds = seconds * 60 + float(part)
        return seconds


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from simulator import backends

    return [name for name in backends.names() if name.startswith(incomplete)]


backend_option = click.option(
    "-b",
    "--backend",
    metavar="NAME",
    shell_complete=complete,
    help="Whose frames they are; else the cassette says it.",
)


def piped(function: Callable[..., None]) -> Callable[..., None]:
    """Whoever reads may stop reading: `simulator cassette show long.yaml | head` is no failure."""

    @wraps(function)
    def run(*args: Any, **options: Any) -> None:
        try:
            function(*args, **options)
            sys.stdout.flush()
        except BrokenPipeError:
            # What waits in the buffer would fail once more at the end.
            with suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return run


@contextmanager
def tape_of(file: Path) -> Iterator[Tape]:
    from simulator.cassette.tape import open_tape

    with open_tape(file) as tape:
        yield tape


def say(line: str) -> None:
    from simulator.cassette.screen import safe

    click.echo(safe(line))


def warn(line: str) -> None:
    from simulator.cassette.screen import safe

    click.echo(safe(line), err=True)


def json_line(value: object) -> None:
    import json

    # Escaped to ASCII: whatever a frame holds, a line stays a line, and a terminal a terminal.
    click.echo(json.dumps(value, separators=(",", ":")))


def number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def redactor_of(rules: tuple[str, ...]) -> Redactor:
    from simulator.cassette import rules as language
    from simulator.cassette.redact import Redactor
    from simulator.core.errors import SimulatorError
    from simulator.core.ids import fresh_key

    try:
        return Redactor(fresh_key(), language.parse(rules))
    except ValueError as error:
        raise SimulatorError(str(error)) from None

"""What options and arguments can be, and how a shell completes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.core.errors import SimulatorError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


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

        found = catalogue.settings(chosen(ctx.params.get("names") or ("all",)), incomplete)
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


class Scenario(click.ParamType):  # type: ignore[type-arg]
    """`--scenario`: completes the names of those that come along, and files."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names first; where none fits, the shell knows files best."""
        from click.shell_completion import CompletionItem

        from simulator.serve import scenarios

        found = [CompletionItem(name) for name in scenarios.shipped() if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="file")]


class Number(click.IntRange):
    """A TCP port, or how many; click would call it an integer range."""

    name = "number"


class Seconds(click.FloatRange):
    """A duration that has an end."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        seconds = super().convert(value, param, ctx)
        if not seconds < float("inf"):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


def backend_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from simulator import backends

    every = backends.names() if isinstance(param, click.Argument) else [*backends.names(), "all"]
    return [name for name in every if name.startswith(incomplete)]


def chosen(names: Iterable[str]) -> list[str]:
    from simulator import backends

    return backends.names() if "all" in names else [*names]


def check_paths(option: str, paths: Iterable[str]) -> None:
    """Raises SimulatorError for what is no MESSAGE.PATH."""
    for path in paths:
        if "." not in path or not all(path.split(".")):
            raise SimulatorError(f"{option} {path}: expected MESSAGE.PATH, such as send_msg.text, or *.PATH for all")


def fixture_files(given: Iterable[str], names: Sequence[str]) -> dict[str, Path]:
    """Whose fixtures lie where, of `[NAME=]FILE`. Raises SimulatorError."""
    files: dict[str, Path] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if equals and name in names:
            files[name] = Path(path)
        elif len(names) == 1:
            files[names[0]] = Path(text)
        else:
            raise SimulatorError(f"--fixtures {text}: say for which backend, such as --fixtures {names[0]}={text}")
    return files

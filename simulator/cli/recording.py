"""The commands of recording: `simulator record` and `simulator addon-path`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click


class Size(click.ParamType):  # type: ignore[type-arg]
    """Bytes as people write them."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        from simulator.record import size

        try:
            return value if isinstance(value, int) else size.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(
    epilog="Exit code 0 when all that passed is in the cassette, 1 when something is not, 2 for a wrong option, 3 when "
    "it could not start."
)
@click.option("--upstream", required=True, metavar="URL", help="The server: https://chat.example.com.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The cassette. Big bodies go into a folder beside it, FILE without its ending and with .files.",
)
@click.option(
    "-b",
    "--backend",
    metavar="NAME",
    help="Which backend it is, for the cassette's head and the summary.  [default: found out where traffic tells]",
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    metavar="NUMBER",
    help="The port for the client; 0 takes a free one.",
)
@click.option(
    "--mode",
    type=click.Choice(["reverse", "regular"]),
    default="reverse",
    show_default=True,
    help="reverse: the client takes us for the server. regular: we are the client's proxy, and only the upstream is "
    "recorded.",
)
@click.option("--insecure-upstream", is_flag=True, help="Take any certificate of the upstream.")
@click.option("--no-redact", is_flag=True, help="Keep secrets as they are: by default they are replaced.")
@click.option(
    "--redact",
    "rules",
    multiple=True,
    metavar="RULE",
    help="One more thing that is secret: 'header x-session', 'query code', 'json user.pin', 'text REGEX'.",
)
@click.option(
    "--max-size",
    type=Size(),
    default="500MB",
    show_default=True,
    metavar="SIZE",
    help="Above that nothing more is written; traffic goes on.",
)
@click.option("--force", is_flag=True, help="Write the cassette anew if it is there already.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Written as JSON, pid and url, once the port is open; removed at the end.",
)
def record(**options: Any) -> None:
    """Record what a client and a server say to each other, through mitmproxy.

    \b
    simulator record --upstream https://chat.example.com --out chat.yaml
    simulator record --upstream https://chat.example.com --out chat.yaml --mode regular --port 0
    """
    from simulator.record import plan, terminal

    sys.exit(terminal.record(plan.make(**options)))


@click.command("addon-path")
def addon_path() -> None:
    """Print where the addon is, for a mitmdump of your own.

    \b
    mitmdump -s "$(simulator addon-path)" --set simulator_out=chat.yaml --mode reverse:https://chat.example.com
    """
    from simulator.record.plan import ADDON

    click.echo(ADDON)

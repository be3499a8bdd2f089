"""`simulator health` and `simulator wait`: is it well, and when will it be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from simulator.cli.words import Seconds
from simulator.core.errors import SimulatorError

_Command = Callable[..., Any]
_FILE = click.Path(path_type=Path, dir_okay=False)


def _asking(command: _Command) -> _Command:
    """The options of who asks."""
    for option in (
        click.option("--insecure", is_flag=True, help="Believe any certificate."),
        click.option("--cacert", type=_FILE, metavar="FILE", help="The authority to believe: what --tls-ca-out wrote."),
        click.option(
            "--admin-token", envvar="SIMULATOR_ADMIN_TOKEN", show_envvar=True, help="What the simulator asks for."
        ),
    ):
        command = option(command)
    return command


_ready_file = click.option(
    "--ready-file",
    type=_FILE,
    envvar="SIMULATOR_READY_FILE",
    show_envvar=True,
    metavar="FILE",
    help="What `serve --ready-file` wrote: all that it names.",
)


def _nothing(to: str) -> SimulatorError:
    return SimulatorError(f"nothing to {to}: name a URL such as http://127.0.0.1:8070, or --ready-file FILE")


def _is(urls: Sequence[str]) -> str:
    return "is" if len(urls) == 1 else "are"


def _named(ready_file: Path | None, urls: Sequence[str]) -> Path | None:
    """A variable that stands there for `serve` says nothing where a URL is given."""
    source = click.get_current_context().get_parameter_source("ready_file")
    return None if urls and source is not None and source.name == "ENVIRONMENT" else ready_file


@click.command()
@click.argument("url", envvar="SIMULATOR_HEALTH_URL", required=False)
@_ready_file
@click.option(
    "--timeout",
    type=Seconds(0.1),
    default=3.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an answer may take.",
)
@_asking
def health(
    url: str | None,
    ready_file: Path | None,
    timeout: float,
    admin_token: str | None,
    cacert: Path | None,
    insecure: bool,
) -> None:
    """Ask a running simulator whether it is well.

    Exit code 0 if it is, 1 if not, with one line that says why.

    URL can come from SIMULATOR_HEALTH_URL; without one the ready file says where, as in the Docker image. One that asks
    for a token that is not given is well.

    \b
    simulator health http://127.0.0.1:8070
    simulator health https://127.0.0.1:8070 --cacert ca.pem
    simulator health --ready-file ready.json
    simulator health http://10.0.0.5:8070 --admin-token sesame
    """
    from simulator.serve import health as asking

    if url is None and ready_file is None:
        raise _nothing("ask")
    if cacert is not None and not cacert.is_file():
        raise SimulatorError(f"--cacert {cacert}: there is no such file")
    trust = asking.Trust(cacert, insecure)
    urls = [] if url is None else [url]
    if url is not None:
        ill = asking.ask(url, timeout, admin_token, trust)
    elif ready_file is not None:
        ill = asking.filed(ready_file, urls, timeout, admin_token, trust)
    click.echo(f"{' '.join(urls)} {_is(urls)} well" if ill is None else ill.why, err=ill is not None)
    sys.exit(0 if ill is None else 1)


@click.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@_ready_file
@click.option(
    "--timeout", type=Seconds(0), default=30.0, show_default=True, metavar="SECONDS", help="Give up after so long."
)
@click.option(
    "--pid", type=int, metavar="NUMBER", help="Give up at once when this process, which is to serve, has ended."
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when it is ready.")
@_asking
def wait(
    urls: tuple[str, ...], ready_file: Path | None, timeout: float, pid: int | None, quiet: bool, **who: Any
) -> None:
    """Wait until a simulator is ready.

    Exit code 0 then, 1 if it is not in time, with one line that says why.

    URL is its address, http, https, ws or wss, or what a client connects to.

    \b
    simulator serve --backend chip & simulator wait http://127.0.0.1:8070 --pid $!
    simulator wait ws://127.0.0.1:3000 http://127.0.0.1:4000 --timeout 10
    simulator wait --ready-file ready.json
    simulator wait wss://127.0.0.1:8070 --cacert ca.pem
    """
    from simulator.serve import health as asking

    if not urls and ready_file is None:
        raise _nothing("wait for")
    trust = asking.Trust(who["cacert"], who["insecure"])
    ready, seconds = asking.wait(urls, _named(ready_file, urls), timeout, who["admin_token"], trust, pid)
    if not quiet:
        click.echo(f"{' '.join(ready)} {_is(ready)} ready after {seconds:.1f} s")

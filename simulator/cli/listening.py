"""Options of commands that serve: TLS, and the control API's port and journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import click

from simulator.cli.words import Number, Seconds
from simulator.core.errors import SimulatorError

_Command = TypeVar("_Command")

_CASSETTES = Path("cassettes")
_FILE = click.Path(path_type=Path, dir_okay=False)


def _option(*names: str, **how: Any) -> Any:
    variable = f"SIMULATOR_{names[0].removeprefix('--').replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_envvar=True, **how)


_OPTIONS = (
    _option(
        "--admin-port",
        type=Number(0, 65535),
        metavar="NUMBER",
        help="A port for the control API and its pages alone, one for all backends; 0 takes a free one.  "
        "[default: /__admin on each backend's port]",
    ),
    _option("--no-admin", is_flag=True, help="No control API: /__admin is a path like any other."),
    _option(
        "--journal",
        type=Number(0, 1_000_000),
        default=10_000,
        show_default=True,
        metavar="NUMBER",
        help="How many frames a space's journal keeps, the last ones, within 32 MiB (a named space's: 4).",
    ),
    _option(
        "--connections",
        type=Number(1, 1_000_000),
        metavar="NUMBER",
        help="How many connections there may be at once, WebSockets included; more are told 503.  "
        "[default: 20000, with TLS 4000, fewer where the limit of open files is low]",
    ),
    _option(
        "--space-connections",
        type=Number(1, 1_000_000),
        metavar="NUMBER",
        help="How many of them one space may have, the default one too.  [default: all]",
    ),
    _option(
        "--request-timeout",
        type=Seconds(0.001),
        default=60,
        show_default=True,
        metavar="SECONDS",
        help="How long the head of a request may take, a connection rest between two, and a body be silent.",
    ),
    _option(
        "--answer-timeout",
        type=Seconds(0.001),
        default=15,
        show_default=True,
        metavar="SECONDS",
        help="How long the answer to a request may lie unread until the connection is cut.",
    ),
    _option(
        "--cassettes",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="A folder of cassettes to open in the inspector, beside those that come along.  "
        "[default: ./cassettes, where there is one]",
    ),
    _option(
        "--event-loop",
        type=click.Choice(["auto", "asyncio", "uvloop"]),
        default="auto",
        show_default=True,
        help="The event loop; auto takes uvloop where it is installed (extra `uvloop`).",
    ),
    _option(
        "--links",
        type=click.Choice(["auto", "aiohttp"]),
        default="auto",
        show_default=True,
        help="Who reads connections; auto is the simulator itself where a trial at start works, else aiohttp: slower, "
        "and it lets some broken frames pass.",
    ),
    _option("--tls", is_flag=True, help="Speak https and wss, with a certificate made on the spot (extra `tls`)."),
    _option(
        "--tls-ca-out", type=_FILE, metavar="FILE", help="Where --tls writes the authority that clients have to trust."
    ),
    _option("--tls-cert", type=_FILE, metavar="FILE", help="Speak https and wss, with this certificate (PEM)."),
    _option("--tls-key", type=_FILE, metavar="FILE", help="Its private key, where it is in a file of its own."),
    _option("--tls-passphrase", metavar="TEXT", help="What opens that key."),
)


def listening(command: _Command) -> _Command:
    """Adds them to a command, which takes them all as one `**where` for `options`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def options(
    admin_port: int | None,
    no_admin: bool,
    journal: int,
    connections: int | None,
    space_connections: int | None,
    request_timeout: float,
    answer_timeout: float,
    folder: Path | None,
    event_loop: str,
    links: str,
    tls: bool,
    tls_ca_out: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_passphrase: str | None,
) -> dict[str, Any]:
    """What they mean for `app.Options`. Raises SimulatorError for those that do not go together."""
    if no_admin and admin_port is not None:
        raise SimulatorError(f"--no-admin, --admin-port {admin_port}: either there is a control API or there is none")
    if tls and tls_cert is not None:
        raise SimulatorError(f"--tls, --tls-cert {tls_cert}: either a certificate is made or it is there already")
    if tls_ca_out is not None and not tls:
        raise SimulatorError(f"--tls-ca-out {tls_ca_out}: goes with --tls, which makes the authority")
    if tls_cert is None and (tls_key is not None or tls_passphrase is not None):
        raise SimulatorError("--tls-key and --tls-passphrase: go with --tls-cert")
    if folder is not None and not folder.is_dir():
        raise SimulatorError(f"--cassettes {folder}: there is no such folder")
    if folder is None and _CASSETTES.is_dir():
        folder = _CASSETTES
    from simulator.serve.loop import maker

    secured = None
    if tls or tls_cert is not None:
        # Most serve without it.
        from simulator.serve.tls import Brought, Made

        secured = Made(tls_ca_out) if tls_cert is None else Brought(tls_cert, tls_key, tls_passphrase)
    return {
        "admin_port": admin_port,
        "admin": not no_admin,
        "journal": journal,
        "connections": connections,
        "space_connections": space_connections,
        "request_timeout": request_timeout,
        "answer_timeout": answer_timeout,
        "cassettes": folder,
        "loop": maker(event_loop),
        "own_links": links == "auto",
        "tls": secured,
    }

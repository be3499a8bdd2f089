"""What is to be recorded, from what an operator wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator import backends
from simulator.cassette import rules as redaction
from simulator.core.errors import SimulatorError, UnknownBackend
from simulator.record import upstream as upstreams
from simulator.record.upstream import Upstream
from simulator.serve.recording import check

ADDON = Path(__file__).parents[1] / "mitm.py"
"""For `mitmdump -s`."""


@dataclass(slots=True)
class Plan:
    """What is to be recorded, and how."""

    upstream: Upstream
    out: Path
    port: int = 0
    mode: str = "reverse"
    """`reverse`: the client takes us for the server. `regular`: the client takes us for its proxy."""
    backend: str | None = None
    insecure: bool = False
    redact: bool = True
    rules: tuple[str, ...] = ()
    most: int = 500_000_000
    """Bytes, the bodies beside the cassette with them."""
    force: bool = False
    ready_file: Path | None = None


def make(
    *,
    upstream: str,
    out: Path,
    backend: str | None,
    port: int,
    mode: str,
    insecure_upstream: bool,
    no_redact: bool,
    rules: Sequence[str],
    max_size: int,
    force: bool,
    ready_file: Path | None,
) -> Plan:
    """The options of the command line, looked at. Raises SimulatorError."""
    known(backend)
    if rules and no_redact:
        raise SimulatorError("--redact and --no-redact exclude each other")
    try:
        redaction.parse([*rules])
    except ValueError as error:
        raise SimulatorError(f"--redact {error}") from None
    plan = Plan(
        upstreams.parse(upstream), out, port, mode, backend, insecure_upstream, not no_redact, tuple(rules), max_size,
        force, ready_file,
    )  # fmt: skip
    if insecure_upstream and plan.upstream.scheme == "http":
        raise SimulatorError(f"--insecure-upstream: {plan.upstream.url} has no certificate to take")
    check(out, force)
    return plan


def known(backend: str | None) -> str | None:
    """The label of a cassette. Raises UnknownBackend."""
    if backend is not None and backend not in backends.names():
        raise UnknownBackend(backend, backends.names())
    return backend

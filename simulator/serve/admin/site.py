"""One port on which there is a control API: what can be known of it, and who may come in."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.serve.app import Served


def _drawn() -> str:
    # Not from the seed: whoever knows that must not know this.
    return os.urandom(24).hex()


@dataclass(slots=True, frozen=True)
class Pass:
    """What opens the control API, the same on all ports of a process."""

    loopback: bool
    """Whether only this machine can come here."""
    token: str | None
    """Asked of everybody, where there is one."""
    page: str = field(default_factory=_drawn)
    """Asked of our own pages, where there is no other: they bear it, and no other page can read it."""


def mint() -> str:
    """A token that nobody can guess."""
    return _drawn()


@dataclass(slots=True, frozen=True)
class Site:
    """One port."""

    key: Pass
    backend: str | None
    """The one that is served there; None for a port of the control API's own."""
    served: Callable[[], Sequence[Served]]
    """Every backend of this process with its address."""
    cassettes: Path | None = None
    """The operator's own, beside those that come along."""
    known: dict[str, Any] = field(default_factory=dict)
    """What does not change and takes long to tell, by backend."""

"""One port on which there is a control API: what can be known of it, and who may come in."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.serve.app import Served


def _drawn() -> str:
    # Not from the seed: whoever knows that must not know this.
    return os.urandom(24).hex()


class Pass:
    """What opens the control API, the same on all ports of a process."""

    # No dataclass, nor is Site: each costs a start more than a half of a millisecond, and these are only read.
    __slots__ = ("loopback", "page", "token")

    def __init__(self, loopback: bool, token: str | None) -> None:
        self.loopback = loopback
        """Whether only this machine can come here."""
        self.token = token
        """Asked of everybody, where there is one."""
        self.page = _drawn()
        """Asked of our own pages, where there is no other: they bear it, and no other page can read it."""


def mint() -> str:
    """A token that nobody can guess."""
    return _drawn()


class Site:
    """One port."""

    __slots__ = ("backend", "cassettes", "key", "served")

    def __init__(
        self,
        key: Pass,
        backend: str | None,
        served: Callable[[], Sequence[Served]],
        cassettes: Path | None = None,
    ) -> None:
        self.key = key
        self.backend = backend
        """The one that is served there; None for a port of the control API's own."""
        self.served = served
        """Every backend of this process with its address."""
        self.cassettes = cassettes
        """The operator's own, beside those that come along."""

"""One folder per documented server; a folder announces itself and is imported when it is used."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from simulator.core.backend import Backend
from simulator.core.errors import UnknownBackend


def names() -> list[str]:
    """All backends, in alphabetical order, none of them imported."""
    return sorted(entry.parent.name for entry in Path(__file__).parent.glob("*/__init__.py"))


def load(name: str) -> Backend:
    """The backend of that name. Raises UnknownBackend."""
    known = names()
    if name not in known:
        raise UnknownBackend(name, known)
    backend: Backend = import_module(f"{__name__}.{name}").BACKEND
    return backend


def all_backends() -> list[Backend]:
    """Every backend, imported."""
    return [load(name) for name in names()]

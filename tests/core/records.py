"""The records of a module of the core, whichever way they are made."""

from __future__ import annotations

from dataclasses import is_dataclass
from types import ModuleType

from msgspec import Struct


def records(module: ModuleType) -> list[type]:
    """All that are defined there."""
    own = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
    return [cls for cls in own if is_dataclass(cls) or issubclass(cls, Struct)]

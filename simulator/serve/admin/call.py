"""One control call, as the table has it: how it is asked, who answers, and what both sides say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pydantic import BaseModel

    from simulator.serve.admin.asking import Asking

Answer: TypeAlias = Callable[["Asking"], Awaitable[Any]]
"""Gives what becomes JSON with status 200, or an aiohttp response that is sent as it is. Raises Complaint."""

ROOT = "/__admin"


@dataclass(slots=True, frozen=True)
class Call:
    """One row. Shapes are named as `module:Model`, of `admin/shapes/`, and imported when somebody needs them."""

    method: str
    path: str
    """Behind `/__admin/`; a part in braces, `spaces/{name}`, is in `Asking.parts` under that name."""
    answer: Answer
    does: str
    """In one line, for the description and the documents."""
    gives: str = ""
    """The shape of the answer; "" for one that is not JSON, see `media`."""
    takes: str = ""
    """The shape of the body; "" for none."""
    asks: str = ""
    """The shape of the parameters behind `?`, see `Asking.query`; "" for none."""
    fails: Mapping[int, str] = field(default_factory=dict)
    """What else it may answer, and when: those that all calls have in common are left out."""
    tells: Mapping[int, str] = field(default_factory=dict)
    """The shapes of failures that tell more than an error."""
    media: str = "application/json"
    """Of the answer."""
    needless: bool = False
    """Whether the body may be left out."""

    def matches(self, parts: list[str]) -> dict[str, str] | None:
        """What stands for the parts in braces, where the others are these; else None."""
        wanted = self.path.split("/")
        if len(wanted) != len(parts):
            return None
        found = {}
        for name, part in zip(wanted, parts, strict=True):
            if name.startswith("{"):
                found[name[1:-1]] = part
            elif name != part:
                return None
        return found


def shape(name: str) -> type[BaseModel]:
    """The model of that name."""
    module, _, model = name.partition(":")
    found: type[BaseModel] = getattr(import_module(f"simulator.serve.admin.shapes.{module}"), model)
    return found

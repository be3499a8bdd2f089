"""Acts: each of `bot.ACTS` with its own keys, and to whom it goes."""

from __future__ import annotations

from dataclasses import MISSING, fields
from inspect import cleandoc
from typing import Annotated, Any, Literal, Union, get_type_hints

from pydantic import BaseModel, Field, RootModel, create_model

from simulator.core.bot import ACTS
from simulator.serve.admin.shapes.form import Given, Told


class _Act(Given):
    backend: str | None = None
    """Left out, that of the port."""
    talk: str | None = None
    """A conversation, by its name or the last part of it; left out, the latest in which somebody is."""
    channel: str | None = None
    """In place of a talk: the latest of this channel, by its id."""


_WORDS = {
    "act": "This one.",
    "after": "Seconds until it happens.",
    "text": "What is said; beside a picture or a file, with it.",
    "agent": "Who does it, by id, name or e-mail; null is whoever has the talk.",
    "on": "Whether typing begins, or ends.",
    "status": "Which one; `statuses` of `GET backends` has those of each backend.",
    "position": "From 1.",
    "url": "Where clients find it.",
    "type": "Its MIME type.",
    "chunks": "The parts of the text, blanks included.",
    "pace": "Seconds between two chunks; null is the backend's own.",
    "name": "What the message is called: the wire's own word.",
    "body": "What it says, as it is.",
}
"""What a key of an act is. A new one has to be here."""


def _model(name: str, kind: Any) -> type[BaseModel]:
    # Json holds itself, which pydantic can't follow; anything that is JSON is Json.
    hints = get_type_hints(kind, localns={"Json": Any})
    keys: dict[str, Any] = {"act": (Literal[name], Field(..., description=_WORDS["act"]))}
    for one in fields(kind):
        default = ... if one.default is MISSING else one.default
        least = 0.0 if one.name == "after" else None
        keys[one.name] = (hints[one.name], Field(default, ge=least, description=_WORDS[one.name]))
    made: type[BaseModel] = create_model(f"{kind.__name__}Act", __base__=_Act, __doc__=cleandoc(kind.__doc__), **keys)
    return made


MODELS: dict[str, type[BaseModel]] = {name: _model(name, kind) for name, kind in ACTS.items()}
"""By the names of `ACTS`."""


_Any: Any = Union[tuple(MODELS.values())]  # noqa: UP007  # the types are known when it runs


class Act(RootModel[Annotated[_Any, Field(discriminator="act")]]):
    """One act, with the keys that belong to it."""


class Done(Told):
    """What happens now, or after the seconds that were asked for."""

    talk: str
    """In which conversation."""
    act: str
    """Which act it is."""
    how: Literal["spoken", "approximated", "silent"]
    """How faithfully this backend shows it."""
    what: str
    """What happens on the wire."""

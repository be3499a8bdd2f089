"""What the bot, or an agent, does in a conversation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from simulator.serve.admin.shapes.form import Given, Told

Name = Literal[
    "say", "typing", "status", "queue", "hand_off", "leave", "picture", "file", "stream", "end", "raw"
]  # fmt: skip


class Act(Given):
    """One act, with the keys that belong to it."""

    act: Name = Field(examples=["say"])
    backend: str | None = None
    talk: str | None = None
    """By its name or the last part of it; left out, the latest in which somebody is."""
    channel: str | None = None
    """In place of a talk: the latest of this channel, by its id."""
    after: float = Field(0.0, ge=0)
    """Seconds from now, by the clock of the space."""
    text: str | None = None
    """Of say, and beside a picture or a file."""
    agent: str | None = None
    """Of say and hand_off: an id, a name or an email."""
    on: bool = True
    """Of typing: false ends it."""
    status: str | None = None
    """Of status: what becomes of the client's last message."""
    position: int | None = None
    """Of queue, from 1."""
    url: str | None = None
    """Of picture and file: where it lies."""
    type: str | None = None
    """Its media type."""
    chunks: list[str] | None = None
    """Of stream."""
    pace: float | None = None
    """Of stream: seconds between two chunks."""
    name: str | None = None
    """Of raw: the message, past everything that the backend would do."""
    body: JsonValue = None
    """Of raw."""


class Done(Told):
    """What happens now, or after the seconds that were asked for."""

    talk: str
    act: str
    how: Literal["spoken", "approximated", "silent"]
    """How faithfully this backend shows it."""
    what: str
    """What happens on the wire."""

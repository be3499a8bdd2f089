"""What runs here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from simulator.serve.admin.shapes.form import Told


class Health(Told):
    """It is well."""

    status: Literal["ok"]
    version: str
    backends: list[str]
    """Their names."""


class Description(BaseModel):
    """Of the control API; see https://spec.openapis.org/oas/v3.1.1.html."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]
    security: list[dict[str, Any]]


class Version(Told):
    """Which simulator this is, and on what it runs."""

    version: str
    python: str


class ActKind(Told):
    """One act of a bot or an agent, at one backend."""

    how: Literal["spoken", "approximated", "silent"]
    what: str
    """What happens on the wire."""
    schema_: dict[str, Any] = Field(alias="schema")
    """JSON Schema of what `act` takes."""


class MessageKind(Told):
    """One message that a backend knows."""

    schema_: dict[str, Any] = Field(alias="schema")
    """JSON Schema of its body."""
    example: Any
    """A body, from the backend's document; null where that shows none."""
    examples: list[Any]
    """Several, where it shows several."""
    doc: str
    """What the model says of it, with its source."""


class Backend(Told):
    """One backend, as it is reached from where the question came."""

    name: str
    summary: str
    transport: str
    url: str
    """Its base URL, in the space that was asked."""
    connect: str
    """Where a client connects, ids and tokens of the fixtures included."""
    example: str
    """A line of client code to paste."""
    credentials: dict[str, Any]
    """What a client brings beside the URL."""
    port: int
    statuses: list[str]
    """What the act `status` can say."""
    agents: list[str] | None
    """Under which names agents can act; null where any will do."""
    acts: dict[str, ActKind]
    commands: dict[str, MessageKind]
    """What clients say."""
    events: dict[str, MessageKind]
    """What it says."""


class Backends(Told):
    """All that are served."""

    backends: list[Backend]

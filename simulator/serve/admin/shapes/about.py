"""What runs here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.serve.admin.shapes.form import Told


class Health(Told):
    """It is well."""

    status: Literal["ok"]
    """Always `ok`: a simulator that is not well does not answer."""
    version: str
    """Of the simulator."""
    backends: list[str]
    """Their names."""


class Description(BaseModel):
    """Of the control API; see https://spec.openapis.org/oas/v3.1.1.html."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    openapi: str
    """The version of OpenAPI."""
    info: dict[str, Any]
    """Title, version, and what all calls have in common."""
    servers: list[dict[str, Any]]
    """Where it is: this simulator, in the space that was asked."""
    paths: dict[str, Any]
    """Every call."""
    components: dict[str, Any]
    """Every shape."""
    security: list[dict[str, Any]]
    """When the token is asked for."""


class Version(Told):
    """Which simulator this is, and on what it runs."""

    version: str
    """Of the simulator."""
    python: str
    """Of the interpreter."""


class ActKind(Told):
    """One act of a bot or an agent, at one backend."""

    how: Literal["spoken", "approximated", "silent"]
    """`spoken`: the protocol has it; `approximated`: it has something near; `silent`: nothing goes over the wire."""
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
    """By which options and calls know it."""
    summary: str
    """What it is, in one line."""
    transport: str
    """What it speaks, in words."""
    url: str
    """Its base URL, in the space that was asked."""
    connect: str
    """Where a client connects, ids and tokens of the fixtures included."""
    example: str
    """A line of client code to paste."""
    credentials: dict[str, Any]
    """What a client brings beside the URL."""
    port: int
    """On which it listens."""
    statuses: list[str]
    """What the act `status` can say."""
    agents: list[str] | None
    """Under which names agents can act; null where any will do."""
    acts: dict[str, ActKind]
    """What a bot or an agent can do there."""
    commands: dict[str, MessageKind]
    """What clients say."""
    events: dict[str, MessageKind]
    """What it says."""


class Backends(Told):
    """All that are served."""

    backends: list[Backend]
    """In the order in which they are served."""

"""The shape of a scenario's file, as its author writes it and as editors are told it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from simulator.core.flaw import flaw
from simulator.scenario.conditions import When
from simulator.scenario.faults import FaultSpec
from simulator.scenario.shape import LISTED, Name, Shape, Text, Words
from simulator.scenario.steps import ACTS, SHARED, Steps

Busy = Literal["queue", "interrupt", "ignore", "alongside"]


class Rule(Shape):
    """What to do when something is so."""

    when: When
    """What has to be so."""
    then: Steps
    """What is done then, one step after the other."""
    once: bool = False
    """Only the first time in a talk."""
    while_busy: Busy | None = None
    """What happens when it applies while steps are still under way; left out, what the scenario says."""
    only: Words | None = None
    """Only in these backends."""
    except_: Annotated[Words | None, Field(alias="except")] = None
    """In all backends but these."""


class State(Shape):
    """A part of the story: rules that hold while a talk is in it."""

    enter: Steps = Field(default_factory=list)
    """Done whenever a talk comes here."""
    rules: list[Rule] = Field(default_factory=list)
    """Looked at before the scenario's own."""
    otherwise: Annotated[Steps | None, Field(alias="else")] = None
    """What to do when the client says something and no rule applies, in place of the scenario's own."""


class Agent(Shape):
    """How backends call an agent."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Text]

    default: Text | None = None
    """In all backends that are not named; left out, the key itself."""

    short: ClassVar[str] = "default"


class Scenario(Shape):
    """A bot's script: what it hears, and what it does about it."""

    model_config = ConfigDict(title="A scenario of simulator")

    about: str = ""
    """One line that says what it is for."""
    variables: dict[Name, JsonValue] = Field(default_factory=dict)
    """Variables of a talk, and what they are at its start."""
    agents: dict[Text, Agent] = Field(default_factory=dict)
    """People who answer, by the names that this file has for them."""
    while_busy: Busy = "queue"
    """What happens with what the client says while steps are under way: `queue` answers it when they are done,
    `interrupt` leaves out what they had still to do, `ignore` answers nothing, `alongside` answers it beside them."""
    start: Text | None = None
    """The state in which a talk begins; left out, the first."""
    states: dict[Text, State] = Field(default_factory=dict)
    """Parts of the story, by name; without any, all rules hold all the time."""
    faults: Annotated[list[FaultSpec], Field(max_length=1000), LISTED] = Field(default_factory=list)
    """What goes wrong on the way between the clients and the backend, from the beginning."""
    rules: list[Rule] = Field(default_factory=list)
    """Rules in every state. The first that applies is done, no other."""
    otherwise: Annotated[Steps, Field(alias="else", default_factory=list)]
    """What to do when the client says something and no rule applies."""

    @model_validator(mode="after")
    def _named_once(self) -> Scenario:
        names = [fault.name for fault in self.faults]
        for i, name in enumerate(names):
            if name is not None and name in names[:i]:
                raise flaw("stands there twice", "faults", i, "name", got=name)
        return self


def json_schema() -> dict[str, Any]:
    """The schema for editors."""
    made: dict[str, Any] = _plain(Scenario.model_json_schema(by_alias=True))
    _share(made["$defs"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _share(shapes: dict[str, Any]) -> None:
    """What stands beside an act may stand in its long form: `typing: {for: 2, jitter: 1}`."""
    at, step = _long(shapes["Step"])
    shared = {key: {"$ref": f"#/$defs/Step/anyOf/{at}/properties/{key}"} for key in SHARED}
    for act in ACTS:
        name = step[act].get("$ref", "").rpartition("/")[2]
        if name:
            _long(shapes[name])[1].update(shared)


def _long(shape: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Which of its forms is the long one, and the keys of that."""
    return next((i, one["properties"]) for i, one in enumerate(shape["anyOf"]) if "properties" in one)


def _plain(schema: Any) -> Any:
    """Without what only pydantic means: nothing in a file is null because its key was left out."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if [*schema] == ["shape"]:
        # How pydantic will call it is not known where a shape says what may stand in its place.
        return {"$ref": f"#/$defs/{schema['shape']}"}
    plain = {key: _plain(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    if plain.get("default", 0) is None:
        del plain["default"]
    choices = plain.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        choices.remove({"type": "null"})
        if len(choices) == 1:
            del plain["anyOf"]
            plain = {**choices[0], **plain}
    return plain

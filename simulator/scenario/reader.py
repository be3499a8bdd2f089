"""Reads a scenario: YAML into a checked script, with all that is wrong by line and key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

from simulator.core.errors import ScenarioError
from simulator.scenario.document import Document, Limits, parse, said, spelled
from simulator.scenario.findings import Finding, meant, nearest
from simulator.scenario.schema import Rule, Scenario
from simulator.scenario.steps import Step

Place: TypeAlias = tuple[str | int, ...]
"""Keys and indexes of a part, as the models have them."""

LIMITS = Limits(characters=1_000_000, values=100_000)


class Script:
    """A scenario as it was read, and where its parts stand."""

    __slots__ = ("_document", "path", "scenario")

    def __init__(self, document: Document, scenario: Scenario) -> None:
        self.path = document.path
        self.scenario = scenario
        self._document = document

    def finding(self, level: str, why: str, *place: str | int) -> Finding:
        """One about a place, its indexes counted where the file has a list."""
        exact = self._document.place({"loc": place, "type": ""})
        return Finding(self._document.line(exact), level, spelled(exact), why)

    def line(self, *place: str | int) -> int:
        """Where it stands."""
        return self._document.line(self._document.place({"loc": place, "type": ""}))


def read(text: bytes, path: str) -> tuple[Script | None, list[Finding]]:
    """A script whose shape is right, or why it is not. Raises ScenarioError where it is not even keys and values."""
    document = parse(text, path, ScenarioError, LIMITS)
    try:
        return Script(document, Scenario.model_validate(document.data)), []
    except ValidationError as error:
        errors: list[Any] = error.errors(include_url=False)
        misspelt = {(*one["loc"][:-1], _meant(one)) for one in errors if one["type"] == "extra_forbidden"}
        # One mistake is told once, where the key stands: what a misspelt one was to be is not missing, too.
        told = [one for one in errors if one["type"] != "missing" or one["loc"] not in misspelt]
        return None, sorted({_finding(document, one) for one in told})


def _meant(error: Any) -> str | None:
    return meant(str(error["loc"][-1]), _keys(error["loc"][:-1]))


def _finding(document: Document, error: Any) -> Finding:
    place = document.place(error)
    why = said(error)
    if error["type"] in ("extra_forbidden", "invalid_key"):
        why += nearest(str(place[-1]), _keys(error["loc"][:-1]))
    return Finding(document.line(place), "error", spelled(place), why)


def _keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys that may stand at a place, as a file has them."""
    shapes: list[type[BaseModel]] = [Scenario]
    for part in loc:
        inner = [found for shape in shapes for found in _inner(shape, part)]
        if inner:
            shapes = inner
    return [field.alias or name for shape in shapes for name, field in shape.model_fields.items()]


def _inner(shape: type[BaseModel], part: Any) -> Iterator[type[BaseModel]]:
    for name, field in shape.model_fields.items():
        if part == (field.alias or name):
            yield from _shapes(field.annotation)


def _shapes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _shapes(argument)


def rules_of(script: Script) -> Iterator[tuple[Place, Rule]]:
    """All rules, and where they stand."""
    for name, state in script.scenario.states.items():
        for i, rule in enumerate(state.rules):
            yield ("states", name, "rules", i), rule
    for i, rule in enumerate(script.scenario.rules):
        yield ("rules", i), rule


def steps_of(script: Script) -> Iterator[tuple[Place, Step]]:
    """All steps, those within others too, and where they stand."""
    scenario = script.scenario
    for place, rule in rules_of(script):
        yield from _within((*place, "then"), rule.then)
    for name, state in scenario.states.items():
        yield from _within(("states", name, "enter"), state.enter)
        yield from _within(("states", name, "else"), state.otherwise or ())
    yield from _within(("else",), scenario.otherwise)


def _within(place: Place, steps: Sequence[Step]) -> Iterator[tuple[Place, Step]]:
    for i, step in enumerate(steps):
        yield (*place, i), step
        for j, option in enumerate(step.choose or ()):
            yield from _within((*place, i, "choose", j, "then"), option.then)

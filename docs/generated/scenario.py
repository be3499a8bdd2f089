"""The scenario's file: every key, from the JSON Schema that editors get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs.generated.words import keys, kind, told
from simulator.scenario.schema import json_schema


def page() -> str:
    """`reference/scenario.md`."""
    schema = json_schema()
    parts = [
        "# Scenario schema",
        "Every key of a scenario. [The guide](../scenarios.md) says what they are for; `simulator scenario schema` "
        "prints this as JSON Schema for editors, `simulator scenario check` holds a file against it.",
        "## The file",
        told("the scenario", schema.get("description")),
        keys(schema, _linker(schema), "the scenario", schema),
    ]
    for name, part in sorted(schema["$defs"].items(), key=lambda one: _title(one[0])):
        if name != "JsonValue":
            parts += _section(name, part, schema)
    return "\n\n".join(parts) + "\n"


def _title(name: str) -> str:
    """`simulator__scenario__faults__Match` is two rooms' word: `Match of faults`."""
    *room, last = name.split("__")
    return f"{last} of {room[-1]}" if room else last


def _anchor(name: str) -> str:
    return _title(name).lower().replace(" ", "-")


def _linker(schema: Mapping[str, Any]) -> Any:
    def link(target: str) -> str:
        *way, last = target.removeprefix("#/$defs/").split("/")
        if not way:
            return "anything" if last == "JsonValue" else f"[{_title(last)}](#{_anchor(last)})"
        # A pointer into another part, such as a step's `after`.
        found: Any = schema["$defs"]
        for step in (*way, last):
            found = found[int(step)] if isinstance(found, list) else found[step]
        return kind(found, link)

    return link


def _section(name: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    link = _linker(schema)
    yield f"## {_title(name)} {{ #{_anchor(name)} }}"
    if words := part.get("description"):
        yield words
    forms = part.get("anyOf", [part])
    for form in forms:
        rows = keys(form, link, _title(name), schema)
        if not rows:
            said = form.get("description", "")
            yield f"Short: {kind(form, link)}. {said}".strip()
        elif len(forms) > 1:
            yield f"Or with keys:\n\n{rows}"
        else:
            yield rows

"""The control API: every call and every shape, from its OpenAPI description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docs.generated.words import cell, code, keys, kind, table, told
from simulator.serve.admin.api import CALLS
from simulator.serve.admin.openapi import describe

METHODS = ("get", "post", "put", "patch", "delete")


def page() -> str:
    """`reference/control-api.md`."""
    description = describe(CALLS)
    parts = [
        "# Control API: calls and shapes",
        description["info"]["description"],
        "A running simulator gives the same as `/__admin/openapi.json`. "
        "[The guide](../control-api.md) has an example of each call, with its answer.",
        "## Calls",
    ]
    for path, operations in description["paths"].items():
        for method in METHODS:
            if method in operations:
                parts += _call(method, path, operations[method])
    parts.append("## Shapes")
    for name, schema in sorted(description["components"]["schemas"].items()):
        parts += shape(name, schema, description)
    return "\n\n".join(parts) + "\n"


def link(target: str) -> str:
    """To a shape of this page."""
    name = target.rpartition("/")[2]
    return f"[{name}](#shape-{name.lower()})"


def shape(name: str, schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    """A shape of the whole description with its keys. Raises Undocumented."""
    yield f"### {name} {{ #shape-{name.lower()} }}"
    if words := schema.get("description"):
        yield words
    if rows := keys(schema, link, name, whole):
        yield rows
    elif "properties" not in schema:
        yield f"Is {kind(schema, link)}."


def _call(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    name = f"{method.upper()} {path}"
    yield f"### `{name}`"
    yield told(name, operation.get("summary"))
    if words := operation.get("description"):
        yield words
    rows = [
        [
            code(one["name"]),
            one["in"],
            kind(one["schema"], link),
            cell(told(f"{name}: {one['name']}", one.get("description"))),
        ]
        for one in operation.get("parameters", ())
        if "name" in one
    ]
    if rows:
        yield table(["parameter", "in", "what", ""], rows)
    taken = operation.get("requestBody", {}).get("content", {})
    lines = [f"Takes {kind(what['schema'], link)}." for what in taken.values()]
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            made = " or ".join(
                f"{kind(what['schema'], link) if 'schema' in what else ''} as `{media}`"
                for media, what in answer.get("content", {}).items()
            )
            lines.append(f"Answers {status}{f', {made}' if made else ''}.")
    refused = [status for status in operation["responses"] if not status.startswith("2")]
    lines.append(f"Refusals: {', '.join(refused)}.")
    yield " ".join(lines)

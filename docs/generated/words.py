"""Markdown out of JSON Schema: a table of keys, and a type in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


class Undocumented(Exception):
    """Something that a reader needs has no words in the code."""


def told(what: str, text: str | None) -> str:
    """The words that the code has for it. Raises Undocumented."""
    if not text or not text.strip():
        raise Undocumented(f"{what} has no description in the code")
    return text.strip()


def cell(text: str) -> str:
    """A text that can stand in a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("{{", "&#123;&#123;")


def code(text: str) -> str:
    """A text as it is to be typed, in a table too."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;").replace("{", "&#123;")
    return f"<code>{escaped.replace('*', '&#42;').replace('_', '&#95;')}</code>" if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells have to be escaped already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fenced(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def kind(schema: Mapping[str, Any], link: Callable[[str], str]) -> str:
    """What a value is, in words; `link` makes a reference of the target of a `$ref`."""
    if "$ref" in schema:
        return link(schema["$ref"])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(kind(part, link) for part in schema[key]))
    if "const" in schema:
        return code(json.dumps(schema["const"]).strip('"'))
    if "enum" in schema:
        return ", ".join(code(json.dumps(value).strip('"')) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {}), link)}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"object of {kind(inner, link)}" if isinstance(inner, dict) and inner else "object"
    return f"{schema.get('type', 'anything')}{_bounds(schema)}"


_BOUNDS = {
    "minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}",
    "maxLength": "at most {} characters",
}  # fmt: skip


def _bounds(schema: Mapping[str, Any]) -> str:
    found = [words.format(schema[key]) for key, words in _BOUNDS.items() if key in schema]
    return f" ({', '.join(found)})" if found else ""


def said(part: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """What a part of a schema says of itself, else what it refers to says; an empty text where neither does."""
    words = part.get("description", "")
    if words or "$ref" not in part:
        return str(words)
    found: Any = whole
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[int(step)] if isinstance(found, list) else found[step]
    return said(found, whole)


def keys(
    schema: Mapping[str, Any],
    link: Callable[[str], str],
    owner: str,
    whole: Mapping[str, Any],
    otherwise: Callable[[str], str | None] = lambda name: None,
) -> str:
    """The table of an object's keys; an empty text where it has none.

    Each key needs words, its own, those of what it refers to within `whole`, or those that `otherwise` has for its
    name: else raises Undocumented, with the owner's name.
    """
    asked = schema.get("required", ())
    rows = []
    for name, part in schema.get("properties", {}).items():
        default = part.get("default")
        unset = "required" if name in asked else "" if default is None else code(json.dumps(default))
        words = told(f"{owner}'s key {name}", part.get("description") or otherwise(name) or said(part, whole))
        rows.append([code(name), kind(part, link), unset, cell(words)])
    return table(["key", "what", "default", ""], rows) if rows else ""

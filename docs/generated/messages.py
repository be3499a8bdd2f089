"""What a backend's clients and servers can say, from its models, behind what a person wrote of the protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from docs.generated import fields
from docs.generated.words import fenced, keys, kind, told
from simulator.core.backend import Backend
from simulator.serve.admin.about import samples

ROOT = Path(__file__).parents[2]


def page(backend: Backend) -> str:
    """`protocols/<name>.md`: PROTOCOL.md as it is, and tables of all messages."""
    written = (ROOT / "simulator/backends" / backend.name / "PROTOCOL.md").read_text(encoding="utf-8")
    parts = [
        written.rstrip(),
        "## All messages",
        "Made from the models that judge and write them, which is what the simulator does; samples are the document's. "
        f"What can be set is in [settings](../reference/settings.md#{backend.name}).",
    ]
    shapes: dict[str, Any] = {}
    said = samples(backend)
    parts += _side("From the client", backend, backend.commands, said["client"], "validation", shapes)
    parts += _side("To the client", backend, backend.events, said["server"], "serialization", shapes)
    if shapes:
        parts.append("### Parts of messages")
        for name, schema in sorted(shapes.items()):
            parts += [f"#### {name} {{ #part-{name.lower()} }}", *_body(backend, name, schema, schema)]
    return "\n\n".join(parts) + "\n"


def link(target: str) -> str:
    """To a part that several messages may have."""
    name = target.rpartition("/")[2]
    return f"[{name}](#part-{name.lower()})"


def _side(
    title: str, backend: Backend, models: Mapping[str, type[BaseModel]], said: Mapping[str, Any],
    mode: Literal["validation", "serialization"], shapes: dict[str, Any],
) -> Iterator[str]:  # fmt: skip
    yield f"### {title} {{ #{title.lower().replace(' ', '-')}-all }}"
    for name, model in models.items():
        schema = model.model_json_schema(mode=mode)
        shapes.update(schema.get("$defs", {}))
        yield f"#### `{name}`"
        yield told(f"{backend.name}'s message {name}", cleandoc(model.__dict__.get("__doc__") or ""))
        yield from _body(backend, name, schema, {})
        for sample in said.get(name, [])[:1]:
            yield fenced("json", json.dumps(sample, indent=2, ensure_ascii=False))


def _body(backend: Backend, name: str, schema: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[str]:
    if described.get("description"):
        yield described["description"]
    owner = f"{backend.name}'s {name}"

    def words(key: str) -> str:
        return told(
            f"{owner}'s key {key}: docs/generated/fields.py, or its model,", fields.words(backend.name, name, key)
        )

    table = keys(schema, link, owner, {}, words)
    yield table or ("No keys." if schema.get("type") == "object" else f"Is {kind(schema, link)}.")

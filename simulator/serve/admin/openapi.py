"""The description of the control API (OpenAPI 3.1), made of the table and the shapes: nothing is written twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from simulator import __version__
from simulator.serve.admin.call import ROOT, Call, shape
from simulator.serve.selector import HEADER

_ABOUT = """Everything that can be seen and done by hand in a running simulator.

Each call is for one space: the default one, or the one named by the header `X-Simulator-Space`, by the parameter
`simulator_space`, or by a prefix of the path, `/~space/NAME/__admin/...`.

On a loopback address no token is asked for, unless one was given with `--admin-token`; elsewhere always. Pages of other
sites are refused with 403, whatever they bring."""

_SCHEMA = "#/components/schemas/{model}"
_WRONG = "form:Wrong"
_SPACE = {
    "name": HEADER,
    "in": "header",
    "description": "The space that is meant; one that nobody has named yet is made. Empty: the default one.",
    "schema": {"type": "string", "pattern": "^([A-Za-z0-9_][A-Za-z0-9._-]{0,63})?$"},
}

_PARTS = {
    "channels": "The id of a channel, as `channels` has it, or the name of its session.",
    "faults": "The name of a fault.",
    "messages": "The number of a frame.",
    "scenarios": "The name of the scenario that is played.",
    "spaces": "The name of a space.",
}
"""What stands in a path for the part in braces, by its first part."""


def describe(calls: Sequence[Call]) -> dict[str, Any]:
    """The whole description."""
    wanted: dict[tuple[str, JsonSchemaMode], type[BaseModel]] = {(_WRONG, "serialization"): shape(_WRONG)}
    for call in calls:
        if call.takes:
            wanted[call.takes, "validation"] = shape(call.takes)
        if call.gives:
            wanted[call.gives, "serialization"] = shape(call.gives)
        for name in call.tells.values():
            wanted[name, "serialization"] = shape(name)
    # One model may stand in several rows.
    inputs = [*dict.fromkeys((model, mode) for (_, mode), model in wanted.items())]
    found, definitions = models_json_schema(inputs, ref_template=_SCHEMA)
    schemas = {key: found[model, key[1]] for key, model in wanted.items()}
    paths: dict[str, dict[str, Any]] = {}
    for call in calls:
        path = paths.setdefault(f"{ROOT}/{call.path}", {"parameters": [{"$ref": "#/components/parameters/space"}]})
        path[call.method.lower()] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "simulator: control API", "version": __version__, "description": _ABOUT},
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "parameters": {"space": _SPACE},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(call: Call, schemas: dict[tuple[str, JsonSchemaMode], Any]) -> dict[str, Any]:
    words = [word for word in re.split(r"[/{}-]+", call.path) if word]
    answer = {"schema": schemas[call.gives, "serialization"]} if call.gives else {"schema": {"type": "string"}}
    fails = {
        400: "Something about the request is wrong.",
        401: "The token is asked for, and this is not it.",
        403: "A page of another site, or a name that is not this machine's.",
        503: "There is no room for one more space.",
        **({413: "The body is too long."} if call.takes else {}),
        **call.fails,
    }
    operation: dict[str, Any] = {
        "operationId": "_".join([call.method.lower(), *words]),
        "summary": call.does,
        "tags": [words[0]],
        "parameters": [*_in_path(call), *_behind(call)],
        "responses": {
            "200": {"description": call.does, "content": {call.media: answer}},
            **{
                str(status): {
                    "description": why,
                    "content": {
                        "application/json": {"schema": schemas[call.tells.get(status, _WRONG), "serialization"]}
                    },
                }
                for status, why in sorted(fails.items())
            },
        },
    }
    if call.takes:
        body = {"application/json": {"schema": schemas[call.takes, "validation"]}}
        operation["requestBody"] = {"required": not call.needless, "content": body}
    return operation


def _in_path(call: Call) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", call.path)
    kept = {"in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return [{"name": name, **kept, "description": _PARTS.get(call.path.partition("/")[0], "")} for name in names]


def _behind(call: Call) -> list[dict[str, Any]]:
    if not call.asks:
        return []
    # Parameters are flat: there is nothing in them that another could refer to.
    schema = shape(call.asks).model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": what.pop("description", ""),
            "schema": _without_null(what),
        }
        for name, what in cast("dict[str, dict[str, Any]]", schema["properties"]).items()
    ]


def _without_null(what: dict[str, Any]) -> dict[str, Any]:
    """What is left out is null: in a query there is no other way to say it."""
    kept = {key: value for key, value in what.items() if key not in ("anyOf", "default") or value is not None}
    choices = [one for one in kept.pop("anyOf", []) if one != {"type": "null"}]
    return {**kept, **choices[0]} if len(choices) == 1 else {**kept, **({"anyOf": choices} if choices else {})}

"""Go structs filled from JSON, and what Go says of values that do not fit (encoding/json, decode.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.backends.chip.gojson import INTEGER, GoError, Number, Object, Tree, fold, scan, sound
from simulator.core.message import Json


@dataclass(slots=True, frozen=True)
class Field:
    """A field of a Go struct: `kind` is string, int, strings or struct; `type` is its name in an error."""

    kind: str
    type: str
    fields: Mapping[str, Field] | None = None
    struct: str = ""
    """The struct's own name, empty for an anonymous one: it stands before its fields in an error."""


_KINDS = {Number: "number", str: "string", bool: "bool", list: "array", Object: "object"}


def unmarshal(data: bytes, struct: Field) -> dict[str, Json]:
    """Fill a Go struct from a text, zero values where nothing stands. Raises GoError.

    A value of the wrong type does not stop Go: it reads on, and tells the first one at the end.
    """
    found: dict[str, Json] = {}
    wrong: list[str] = []
    _fill(scan(data), struct, "", "", found, wrong)
    if wrong:
        raise GoError(wrong[0])
    return found


def _fill(tree: Tree, field: Field, outer: str, path: str, into: dict[str, Json], wrong: list[str]) -> None:
    assert field.fields is not None
    for name, inner in field.fields.items():
        into.setdefault(name, _zero(inner))
    if tree is None:
        return
    if not isinstance(tree, Object):
        wrong.append(_mismatch(_KINDS[type(tree)], field.type, outer, path))
        return
    for name, value in tree:
        known = fold(name, field.fields)
        if known is None or value is None:
            continue
        inner = field.fields[known]
        where = f"{path}.{known}" if path else known
        if inner.kind == "struct":
            child = into[known]
            assert isinstance(child, dict)
            _fill(value, inner, field.struct, where, child, wrong)
        else:
            _store(value, inner, field.struct, where, into, known, wrong)


def _store(
    value: Tree, field: Field, struct: str, path: str, into: dict[str, Json], name: str, wrong: list[str]
) -> None:
    if field.kind == "string" and isinstance(value, str) and not isinstance(value, Number):
        into[name] = value
    elif field.kind == "int" and isinstance(value, Number):
        if INTEGER.fullmatch(value) and -(2**63) <= int(value) < 2**63:
            into[name] = int(value)
        else:
            wrong.append(_mismatch(f"number {value}", field.type, struct, path))
    elif field.kind == "strings" and type(value) is list:
        texts: list[Json] = []
        for item in value:
            if isinstance(item, str) and not isinstance(item, Number):
                texts.append(sound(item))
            else:
                texts.append("")
                if item is not None:
                    wrong.append(_mismatch(_KINDS[type(item)], "string", struct, path))
        into[name] = texts
    else:
        wrong.append(_mismatch(_KINDS[type(value)], field.type, struct, path))


def _mismatch(what: str, type_: str, struct: str, path: str) -> str:
    where = f"Go struct field {struct}.{path} of type {type_}" if path else f"Go value of type {type_}"
    return f"json: cannot unmarshal {what} into {where}"


def _zero(field: Field) -> Json:
    if field.kind == "struct":
        return {name: _zero(inner) for name, inner in (field.fields or {}).items()}
    zeros: dict[str, Json] = {"string": "", "int": 0, "strings": []}
    return zeros[field.kind]

"""What all parts of a scenario's file have in common: known keys, short forms, durations."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simulator.core.flaw import flaw

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(value: Any) -> Any:
    """Seconds from a number, or from a text with a unit."""
    if isinstance(value, str):
        found = re.fullmatch(r"(\d+(?:\.\d+)?) *(ms|s|m|min|h)", value)
        if found is not None:
            return float(found[1]) * _UNITS[found[2]]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected seconds, or a text such as 500ms, 2s, 3m, 1h")
    return value


Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Text = Annotated[str, Field(min_length=1)]
_ADDRESS = r"^[A-Za-z][A-Za-z0-9+.-]+:|\{[{%#]"


def _address(value: str) -> str:
    if not re.search(_ADDRESS, value):
        raise ValueError(
            "expected a URL such as https://example.com/a.png, or a template: a client can't open your files"
        )
    return value


Address = Annotated[Text, AfterValidator(_address), Field(json_schema_extra={"pattern": _ADDRESS})]
"""A URL as clients open it, or a template of one."""
DURATION: dict[str, Any] = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+ *(ms|s|m|min|h)$"}],
    "description": "Seconds, or a text such as 500ms, 2s, 3m, 1h.",
    "examples": [1.5, "500ms", "3m"],
}
Duration = Annotated[float, BeforeValidator(seconds), Field(ge=0, le=86_400 * 30), WithJsonSchema(DURATION)]


class _Listed:
    """One stands for a list of one: in the file, and in what editors are told."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        several = handler(core)
        return {"anyOf": [several["items"], several]}


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


LISTED = _Listed()


class Shape(BaseModel):
    """What all have in common: no key that is not known, and a short form where one field says it all."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, defer_build=True)
    short: ClassVar[str] = ""
    """The field that a bare value stands for."""
    bare: ClassVar[tuple[dict[str, Any], ...]] = ()
    """What else may stand there in place of keys and values, as JSON Schema; the validators of the shape take it."""
    empty: ClassVar[tuple[str, ...]] = ()
    """Keys that may stand there without a value."""

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, value: Any) -> Any:
        if cls.short and not isinstance(value, dict):
            value = {cls.short: value}
        if isinstance(value, dict):
            for key, given in value.items():
                if given is None and key not in cls.empty:
                    raise flaw("there is no value: give it one, or leave the key out", key)
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        made = handler(core)
        whole = handler.resolve_ref_schema(made)
        if "anyOf" not in whole and (cls.short or cls.bare):
            long = dict(whole)
            bare = [long["properties"][cls.short]] if cls.short else [*cls.bare]
            whole.clear()
            whole["anyOf"] = [*bare, long]
            whole["description"] = long.pop("description")
        return made


Words = Annotated[list[Text], Field(min_length=1), LISTED]
"""One text or several."""

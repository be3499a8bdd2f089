"""Regular expressions of a caller, in linear time: one that blows up would stop the server with all its clients."""

from __future__ import annotations

import re
from collections.abc import Callable

_PARTS = re.compile(r"\\.|\{\d+(?:,\d*)?\}|\{,\d+\}|\{", re.DOTALL)


def search(pattern: str) -> Callable[[str], bool]:
    """Whether the expression is found in a text. Raises ValueError.

    The engine is that of pydantic, Rust's `regex`, which has no look-around and no back-references; where both know a
    thing it is written as in Python, so that a brace which repeats nothing is a brace, as frames have many.
    """
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        return SchemaValidator(core_schema.str_schema(pattern=_PARTS.sub(_rust, pattern))).isinstance_python
    except SchemaError as error:
        told = str(error).splitlines()[-1].strip()
        raise ValueError(told.removeprefix("error: ").removeprefix("SchemaError: ").rstrip(".")) from None


def _rust(found: re.Match[str]) -> str:
    match found[0]:
        case "\\Z":
            return "\\z"
        case "{":
            return "\\{"
        case part if part.startswith("{,"):
            return f"{{0{part[1:]}"
        case part:
            return part

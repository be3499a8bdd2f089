"""JSONPath, as RFC 9535 has it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from simulator.core.message import Json


@cache
def _environment() -> Any:
    from jsonpath import JSONPathEnvironment

    return JSONPathEnvironment(strict=True)


def compile_path(path: str) -> Callable[[Any], list[Json]]:
    """What finds all that a path means. Raises ValueError, with why it is none."""
    from jsonpath import JSONPathError

    if not path.startswith("$"):
        raise ValueError("a path begins with $, which is the message")
    try:
        compiled = _environment().compile(path)
    except (JSONPathError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else "is nested too deep") from None

    def find(message: Any) -> list[Json]:
        try:
            found: list[Json] = compiled.findall(message)
        except (JSONPathError, TypeError, RecursionError):
            # A client's message can't be gone through so: then nothing is there.
            return []
        return found

    return find

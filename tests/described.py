"""Every answer of the control API that any test gets is held against the description."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator

from simulator.serve.admin.api import CALLS
from simulator.serve.admin.openapi import describe


@cache
def description() -> dict[str, Any]:
    return describe(CALLS)


@cache
def _validator(method: str, path: str, status: int) -> Draft202012Validator:
    operation = description()["paths"][f"/__admin/{path}"][method.lower()]
    found = operation["responses"].get(str(status))
    assert found is not None, f"{method} {path} does not say that it answers {status}"
    schema = found["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": description()["components"]})


def _closest(parts: list[str]) -> str | None:
    fitting = [(len(found), call.path) for call in CALLS if (found := call.matches(parts)) is not None]
    return min(fitting)[1] if fitting else None


def hold(method: str, target: str, status: int, answer: Any) -> None:
    """Asserts that this answer to a call behind `/__admin/` is as described."""
    parts = [unquote(part) for part in target.partition("?")[0].rstrip("/").split("/")]
    call = next((call for call in CALLS if call.method == method and call.path == _closest(parts)), None)
    if call is None:
        assert status in (400, 401, 403, 404, 405)
        return
    _validator(call.method, call.path, status).validate(answer)

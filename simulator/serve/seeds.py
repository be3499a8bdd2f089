"""Fixtures and settings: YAML files and `--set`, checked, with errors that name file and line or key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.core.backend import Backend
from simulator.core.errors import FixtureError, SettingError

_PACKAGE = Path(__file__).parents[1]


def default_path(name: str) -> Path:
    """The fixtures that come with the package; in a checkout they lie beside it."""
    shipped = _PACKAGE / "fixtures" / f"{name}.yaml"
    return shipped if shipped.exists() else _PACKAGE.parent / "fixtures" / f"{name}.yaml"


def load(backend: Backend, path: Path | None, settings: Iterable[tuple[str, str]]) -> BaseModel:
    """The backend's seed from a file (None: its own) with settings laid over it. Raises FixtureError, SettingError."""
    where = path or default_path(backend.name)
    data = _read(where)
    try:
        seed = backend.seed.model_validate(data)
    except ValidationError as error:
        # A key that is missing may be one that is misspelt, and that one is told.
        first = min(error.errors(include_url=False), key=lambda found: found["type"] == "missing")
        place = _place(data, first)
        key = ".".join(text if (text := str(part)).isprintable() else ascii(part) for part in place)
        raise FixtureError(str(where), _line(where, place), f"{key}: {_said(first)}" if key else _said(first)) from None
    return _set(seed, settings)


def _place(data: Any, error: Any) -> list[Any]:
    """Where in the file an error is: its place without what only the models know (a union's tag, `[key]`)."""
    place: list[Any] = []
    last = len(error["loc"]) - 1
    for i, part in enumerate(error["loc"]):
        if isinstance(data, dict):
            # pydantic makes a text of a key that is none.
            keys = [part] if part in data else [key for key in data if str(key) == part]
        else:
            keys = [part] if isinstance(data, list) and isinstance(part, int) else []
        if keys:
            place.append(keys[0])
            data = data[keys[0]]
        elif error["type"] == "missing" and i == last:
            place.append(part)
    return place


def _said(error: Any) -> str:
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("extra_forbidden", "invalid_key"):
        return "there is no such key"
    given = error.get("input")
    if error["type"] in ("dict_type", "model_type"):
        text = "expected keys and values"
    elif error["type"] == "string_type":
        text = "expected a text; quotes make it one" if isinstance(given, int | float | date) else "expected a text"
    if isinstance(given, date):
        given = str(given)
    return f"{text} (got {given!r})" if isinstance(given, str | int | float) else text


def _read(path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FixtureError(str(path), 0, f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FixtureError(str(path), 0, "is not a text in UTF-8") from None
    try:
        data = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FixtureError(str(path), mark.line + 1 if mark else 0, f"is not YAML: {error.problem}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise FixtureError(str(path), 0, f"is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise FixtureError(str(path), 0, "expected keys and values at the top")
    return data


def _line(path: Path, place: Sequence[Any]) -> int:
    """The line of the deepest part of a place that the file has; read anew, slowly, only to say this."""
    from ruamel.yaml import YAML

    node: Any = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    line = 0
    for part in place:
        try:
            marks = node.lc
            line = (marks.item(part) if isinstance(node, list) else marks.key(part))[0] + 1
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line


def _set(seed: Any, settings: Iterable[tuple[str, str]]) -> BaseModel:
    changed: dict[str, Any] = {}
    model = type(seed.settings)
    for key, value in settings:
        if key not in model.model_fields:
            raise SettingError(key, f"there is no such setting; there are: {', '.join(model.model_fields)}")
        changed[key] = value or ("" if model.model_fields[key].annotation is str else None)
    if changed:
        try:
            seed.settings = model.model_validate({**seed.settings.model_dump(), **changed})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise SettingError(".".join(map(str, first["loc"][:1])), _said(first)) from None
    result: BaseModel = seed
    return result

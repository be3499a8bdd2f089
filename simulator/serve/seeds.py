"""Fixtures and settings: YAML files and `--set`, checked, with errors that name file and line or key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator import backends
from simulator.core.backend import Backend
from simulator.core.errors import FixtureError, SettingError
from simulator.scenario.document import Document, parse, said, spelled

_PACKAGE = Path(__file__).parents[1]


def default_path(name: str) -> Path:
    """The fixtures that come with the package; in a checkout they lie beside it."""
    shipped = _PACKAGE / "fixtures" / f"{name}.yaml"
    return shipped if shipped.exists() else _PACKAGE.parent / "fixtures" / f"{name}.yaml"


def load(backend: Backend, path: Path | None, settings: Iterable[tuple[str, str]]) -> BaseModel:
    """The backend's seed from a file (None: its own) with settings laid over it. Raises FixtureError, SettingError."""
    where = path or default_path(backend.name)
    if path is None and backend.name not in backends.names():
        # Made of a tape: its model has all that there is.
        return _set(backend.seed(), settings)
    document = _read(where)
    try:
        seed = backend.seed.model_validate(document.data)
    except ValidationError as error:
        # A key that is missing may be one that is misspelt, and that one is told.
        first = min(error.errors(include_url=False), key=lambda found: found["type"] == "missing")
        place = document.place(first)
        key, why = spelled(place), said(first)
        raise FixtureError(str(where), document.line(place), f"{key}: {why}" if key else why) from None
    return _set(seed, settings)


def shares(settings: Iterable[tuple[str, str]], chosen: Iterable[Backend]) -> dict[str, list[tuple[str, str]]]:
    """Which backend gets which settings: a bare key goes to all that know it. Raises SettingError if none does."""
    known = {backend.name: _keys(backend.seed) for backend in chosen}
    given: dict[str, list[tuple[str, str]]] = {name: [] for name in known}
    for key, value in settings:
        name, dot, inner = key.partition(".")
        if dot and name in known:
            given[name].append((inner, value))
            continue
        takers = [name for name, keys in known.items() if key in keys]
        if not takers:
            every = sorted({key for keys in known.values() for key in keys})
            raise SettingError(key, f"there is no such setting; there are: {', '.join(every)}")
        for name in takers:
            given[name].append((key, value))
    return given


def _keys(seed: type) -> frozenset[str]:
    settings = seed.model_fields["settings"].annotation  # type: ignore[attr-defined]
    return frozenset(settings.model_fields)


def _read(path: Path) -> Document:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise FixtureError(str(path), 0, f"can't be read: {error.strerror}") from None
    return parse(text, str(path), FixtureError)


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
            raise SettingError(".".join(map(str, first["loc"][:1])), said(first)) from None
    result: BaseModel = seed
    return result

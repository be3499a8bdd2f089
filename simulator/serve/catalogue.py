"""The backends as tables to read in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from simulator import backends
from simulator.core.bot import ACTS
from simulator.core.errors import UnknownBackend
from simulator.serve import seeds


def table() -> str:
    """All backends: name, transport, default port, connect URL."""
    rows = [("NAME", "TRANSPORT", "PORT", "CONNECT")]
    for backend in backends.all_backends():
        seed = seeds.load(backend, None, [])
        url = backend.connect(seed, f"http://127.0.0.1:{backend.port}")
        rows.append((backend.name, backend.transport, str(backend.port), url))
    return columns(rows)


def page(name: str) -> str:
    """One backend: its settings with their defaults, and what each act of a bot does there."""
    backend = backends.load(name)
    model: Any = backend.seed.model_fields["settings"].annotation
    settings = [("SETTING", "DEFAULT", "")]
    settings += [(key, _shown(info.default), info.description or "") for key, info in model.model_fields.items()]
    acts = [("ACT", "", "")]
    acts += [(act, note.how, note.what) for act, note in backend.acts.items()]
    head = f"{backend.name}: {backend.summary}, port {backend.port}"
    return "\n\n".join([head, columns(settings), columns(acts), f"fixtures: {seeds.default_path(name)}"])


def settings(names: Sequence[str], start: str) -> dict[str, str]:
    """How `--set` can go on from `start`, with what it is: `key=`, and behind a whole key its values."""
    found: dict[str, str] = {}
    for name in names:
        try:
            model: Any = backends.load(name).seed.model_fields["settings"].annotation
        except UnknownBackend:
            continue
        prefix = f"{name}." if start.startswith(f"{name}.") else ""
        for key, info in model.model_fields.items():
            values = _listed(info.annotation) if "=" in start else [""]
            for value in values:
                text = f"{prefix}{key}={value}"
                if text.startswith(start):
                    found.setdefault(text, info.description or "")
    return found


def _listed(annotation: Any) -> list[str]:
    """The values of a setting, where there are only some."""
    if annotation is bool:
        return ["true", "false"]
    if get_origin(annotation) is Literal:
        return [str(value) for value in get_args(annotation)]
    if get_origin(annotation) in (Union, UnionType):
        return [value for part in get_args(annotation) for value in _listed(part)]
    return []


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows of text, one under the other."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _shown(value: object) -> str:
    return "unset" if value is None else str(value)


def acts_by_backend() -> str:
    """A table in Markdown: what each backend sends for an act, what it approximates, what it can't show."""
    every = backends.all_backends()
    rows = [f"| act | {' | '.join(backend.name for backend in every)} |", "| --- |" + " --- |" * len(every)]
    for act in ACTS:
        notes = [backend.acts[act] for backend in every]
        cells = [note.what if note.how == "spoken" else f"*{note.how}*: {note.what}" for note in notes]
        rows.append(f"| `{act}` | {' | '.join(cells)} |")
    return "\n".join(rows)

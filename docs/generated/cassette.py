"""The cassette's entries: keys from their classes, YAML from the writer itself."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from docs.generated.words import cell, fenced, table, told
from simulator.cassette import entries, records
from simulator.cassette.entries import (
    Beside,
    Closed,
    Cut,
    Exchange,
    Header,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)  # fmt: skip

ON_DISK = {"sender": "from", "data": "text</code>, <code>bytes", "body": "text</code>, <code>bytes</code>, <code>file"}
"""Where a field's key has another name; `body` of a frame is itself."""

_YAML = {
    "str": "text", "str | bytes": "text", "str | None": "text or null", "int": "number", "int | None": "number or null",
    "float": "seconds", "bool": "true or nothing", "tuple[str, ...]": "list of texts", "Headers": "names and values",
    "Body": "body", "TapedResponse | None": "[TapedResponse](#tapedresponse) or null",
}  # fmt: skip
"""What a field is in the file."""

SAMPLES: Mapping[type, Any] = {
    Passed: Passed(0.204311, 1, "client", '42["hello",{"text":"Hi"}]', "polling", 2, 1, True),
    Opened: Opened(0.0, 1, "/socket", (("Origin", "https://app.example.com"),), (("Server", "chat"),)),
    Refused: Refused(0.1, 2, "/socket", (("Host", "chat.example.com"),), TapedResponse(403, (), "no")),
    Upgraded: Upgraded(1.5, 1, 2, "/socket.io/?transport=websocket", (("Upgrade", "websocket"),)),
    Closed: Closed(9.001, 1, 4001, "bye", "server"),
    Cut: Cut(10.0, 1, "Ctrl-C"),
    Lost: Lost(10.0, 1, 2, "the disk is full"),
    Exchange: Exchange(
        3.5, 3, 0.012,
        TapedRequest("POST", "/upload", (("Host", "chat.example.com"),), Beside("talk.files/1.png", 300000, "9f86")),
        TapedResponse(200, (("Content-Type", "application/json"),), '{"id":7}'),
    ),
}  # fmt: skip


def page() -> str:
    """`reference/cassette.md`."""
    parts = [
        "# Cassette format",
        "The head and every kind of entry: keys from the classes that hold them, YAML as the recorder writes it. "
        "[Cassettes](../cassettes.md) says what they mean, and what is taken out of them.",
        f"This is format {entries.FORMAT}.",
        "## The head",
        fenced("yaml", records.dump_header(Header(
            "chip", "2026-11-20T20:00:00Z", None, "https://chat.example.com", "simulator 0.1.0", ("default",)
        )).decode()),
        _keys(Header),
    ]  # fmt: skip
    for kind in kinds():
        parts += _section(kind, SAMPLES[kind])
    for kind in (TapedRequest, TapedResponse, Beside):
        parts += [f"## {kind.__name__}", told(kind.__name__, kind.__doc__), _keys(kind)]
    return "\n\n".join(parts) + "\n"


def kinds() -> list[type]:
    """Every kind of entry that there is."""
    return [getattr(entries, name) for name in str(entries.Entry).split(" | ")]


def loaded(sample: Any) -> dict[str, Any]:
    """A sample as a reader of YAML sees it."""
    [made] = YAML(typ="safe", pure=True).load(records.dump(sample))
    return dict(made)


def _section(kind: type, sample: Any) -> Iterator[str]:
    yield f"## {kind.__name__}"
    yield told(kind.__name__, kind.__doc__)
    yield fenced("yaml", records.dump(sample).decode())
    yield _keys(kind)


@cache
def _words() -> dict[tuple[str, str], str]:
    """What stands under each field, by class and field; under "" the first that any class says."""
    found: dict[tuple[str, str], str] = {}
    for node in ast.parse(inspect.getsource(entries)).body:
        if isinstance(node, ast.ClassDef):
            for field, below in zip(node.body, node.body[1:], strict=False):
                if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                    continue
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                    found[node.name, field.target.id] = str(below.value.value)
                    found.setdefault(("", field.target.id), str(below.value.value))
    return found


def _keys(kind: type) -> str:
    rows = []
    for field in fields(kind):
        if field.name == "line":
            continue
        words = _words().get((kind.__name__, field.name)) or _words().get(("", field.name))
        key = field.name if (kind, field.name) == (Passed, "body") else ON_DISK.get(field.name, field.name)
        asked = "required" if field.default is MISSING and field.default_factory is MISSING else ""
        what = _YAML.get(str(field.type).strip("\"'"), f"[{field.type}](#{str(field.type).lower()})")
        rows.append([f"<code>{key}</code>", what, asked, cell(told(f"{kind.__name__}.{field.name}", words))])
    return table(["key", "what", "", ""], rows)

"""What `--set` and `settings:` in fixtures change, from each backend's model."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from docs.generated.words import cell, code, kind, table, told
from simulator import backends


def page() -> str:
    """`reference/settings.md`."""
    parts = [
        "# Settings of the backends",
        "`simulator serve --backend NAME --set KEY=VALUE`, with several backends `--set NAME.KEY=VALUE`, the variable "
        "`SIMULATOR_SET`, or `settings:` in a file for `--fixtures`. `simulator backends NAME` prints the same. "
        "What the simulator itself is told are [options](cli.md#simulator-serve) of `serve`, each with its variable.",
    ]
    for backend in backends.all_backends():
        model: Any = backend.seed.model_fields["settings"].annotation
        parts += [f"## {backend.name}", table(["setting", "what", "default", ""], rows(backend.name, model))]
    return "\n\n".join(parts) + "\n"


def rows(name: str, model: type[BaseModel]) -> list[list[str]]:
    """A line for each setting. Raises Undocumented."""
    made = []
    for key, info in model.model_json_schema()["properties"].items():
        default = "unset" if info.get("default") is None else code(json.dumps(info["default"]))
        what = kind(info, lambda target: target.rpartition("/")[2]).replace(" or null", "")
        made.append([code(key), what, default, cell(told(f"{name}'s setting {key}", info.get("description")))])
    return made

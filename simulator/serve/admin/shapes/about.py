"""What runs here."""

from __future__ import annotations

from typing import Literal

from simulator.serve.admin.shapes.form import Told


class Health(Told):
    """It is well."""

    status: Literal["ok"]
    version: str
    backends: list[str]
    """Their names."""

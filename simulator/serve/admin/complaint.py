"""What may be wrong with a control call."""

from __future__ import annotations

from typing import Any, Self


class Complaint(Exception):
    """What is wrong with a request, for who made it."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.facts: dict[str, Any] = {}
        """What else a program may want to know."""
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def with_facts(self, facts: dict[str, Any]) -> Self:
        """The same, with what a program may want to know beside the words."""
        self.facts = facts
        return self

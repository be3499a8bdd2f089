"""What may be wrong with a control call."""

from __future__ import annotations


class Complaint(Exception):
    """What is wrong with a request, for who made it."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

"""How long a loop waits in vain: what a busy machine cannot make longer, as the wall's clock would be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast


@contextmanager
def sleeping() -> Iterator[list[float]]:
    """The times for which the loop sleeps until nothing has come: a busy machine adds none, a wait of ours does."""
    selector = cast(Any, asyncio.get_running_loop())._selector
    slept: list[float] = []

    def select(timeout: float | None = None) -> Any:
        found = type(selector).select(selector, timeout)
        if timeout and not found:
            slept.append(timeout)
        return found

    selector.select = select
    try:
        yield slept
    finally:
        del selector.select

"""Older formats become the one of today, one `convert_N_M` per step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from simulator.cassette.entries import FORMAT

Raw: TypeAlias = dict[str, Any]
"""A mapping as it stands in the file."""


@dataclass(slots=True, frozen=True)
class Step:
    """From one format to the next."""

    header: Callable[[Raw], Raw]
    entry: Callable[[Raw], Iterable[Raw]]
    """What becomes of one entry: none, one or several."""


STEPS: Mapping[int, Step] = {}
"""By the format that a step starts from. Format 1 is the first, so that there is none yet."""


def way(found: int, steps: Mapping[int, Step] = STEPS, today: int = FORMAT) -> list[Step]:
    """The steps from a format to that of today, none when it is that. Raises ValueError that says what to do."""
    if found > today:
        raise ValueError(
            f"has format {found}, and this simulator reads formats up to {today}: a newer one wrote it, so use that"
        )
    chain = [steps[number] for number in range(max(found, 0), today) if number in steps]
    if found < 1 or len(chain) < today - found:
        raise ValueError(f"has format {found}, which there never was; the format of today is {today}")
    return chain


def convert(raw: Raw, chain: Iterable[Step]) -> list[Raw]:
    """One entry, taken through all steps."""
    entries = [raw]
    for step in chain:
        entries = [made for entry in entries for made in step.entry(entry)]
    return entries

"""Cassettes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from simulator.serve.admin.shapes.form import Given, Told


class Listed(Told):
    """One that can be opened by its name."""

    name: str
    backend: str | None
    recorded: str | None
    """ISO 8601 in UTC."""
    bytes: int
    error: str | None
    """Why it can't be read."""


class Cassettes(Told):
    """Those of `--cassettes`, and those that come along."""

    cassettes: list[Listed]


class Lanes(Given):
    """Which one."""

    cassette: str = Field(
        min_length=1,
        description="The name of one, as `GET cassettes` tells it, or a cassette itself as text.",
        examples=["chip/resume.yaml"],
    )
    backend: str | None = Field(default=None, description="Whose it is, where it does not say.")


class Tape(Told):
    """What is in it."""

    name: str
    backend: str | None
    recorded: str | None
    by_hand: str | None
    upstream: str | None
    recorder: str | None
    seconds: float
    """From the beginning of the recording to the last entry."""
    torn: str | None
    """Why its end is missing."""
    total: int
    left_out: int
    """Rows that are not told: there are too many."""
    rows: list[dict[str, Any]]
    """As `simulator cassette show --json` has them."""


class Compare(Given):
    """Which two."""

    a: str = Field(min_length=1, examples=["chip/resume.yaml"])
    b: str = Field(min_length=1, examples=["chip/resume.yaml"])
    shape: bool = Field(default=False, description="Compare shapes alone, not values.")


class Compared(Told):
    """What differs."""

    a: str
    b: str
    messages: list[int]
    """How many each has."""
    summary: str
    total: int
    differences: list[dict[str, Any]]
    """The first 1000, as `simulator cassette diff --json` has them."""


class Play(Given):
    """What to say, and to whom."""

    cassette: str = Field(min_length=1, examples=["chip/resume.yaml"])
    channel: str = Field(examples=["1"], description="The id of a connection, as `GET channels` tells it.")
    timing: Literal["recorded", "burst"] | Annotated[float, Field(ge=0, le=1000)] = Field(
        default="recorded", description="As on the tape, at once, or what its seconds are multiplied with."
    )
    conn: int | None = Field(default=None, description="Which connection of the tape; the one with most by default.")
    close: bool = Field(default=True, description="Whether the server closes where it does on the tape.")


class Playing(Told):
    """A cassette that is being said to a client."""

    number: int
    cassette: str
    conn: int
    channel: str
    backend: str
    begun: str
    ends: str
    messages: int
    said: int
    over: bool
    answers_left_out: int
    """Answers on the tape: nobody has asked for them now."""


class Plays(Told):
    """All of a space, those that are over as well."""

    plays: list[Playing]

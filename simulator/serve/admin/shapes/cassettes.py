"""Cassettes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from simulator.serve.admin.shapes.form import Given, Told


class Listed(Told):
    """One that can be opened by its name."""

    name: str
    """By which calls open it."""
    backend: str | None
    """Of which it is; null where it does not say."""
    recorded: str | None
    """ISO 8601 in UTC."""
    bytes: int
    """How long the file is, what lies beside it left out."""
    error: str | None
    """Why it can't be read."""


class Cassettes(Told):
    """Those of `--cassettes`, and those that come along."""

    cassettes: list[Listed]
    """Each with what its head says."""


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
    """As it was asked for; of one that was sent as text, `the cassette`."""
    backend: str | None
    """By which it was read; null where nobody says."""
    recorded: str | None
    """ISO 8601 in UTC; null where it was written by hand."""
    by_hand: str | None
    """After which document somebody wrote it, in place of a time; null where it was recorded."""
    upstream: str | None
    """The server that was recorded."""
    recorder: str | None
    """What recorded it, with its version."""
    seconds: float
    """From the beginning of the recording to the last entry."""
    torn: str | None
    """Why its end is missing."""
    total: int
    """How many rows there are, those that are left out included."""
    left_out: int
    """Rows that are not told: there are too many."""
    rows: list[dict[str, Any]]
    """As `simulator cassette show --json` has them."""


class Compare(Given):
    """Which two."""

    a: str = Field(min_length=1, examples=["chip/resume.yaml"])
    """The first: a name, as `GET cassettes` tells it, or a cassette itself as text."""
    b: str = Field(min_length=1, examples=["chip/resume.yaml"])
    """The second."""
    shape: bool = Field(default=False, description="Compare shapes alone, not values.")


class Compared(Told):
    """What differs."""

    a: str
    """What the first is called."""
    b: str
    """And the second."""
    messages: list[int]
    """How many each has."""
    summary: str
    """The difference in one line."""
    total: int
    """How many differences there are, those beyond the first 1000 included."""
    differences: list[dict[str, Any]]
    """The first 1000, as `simulator cassette diff --json` has them."""


class Play(Given):
    """What to say, and to whom."""

    cassette: str = Field(min_length=1, examples=["chip/resume.yaml"])
    """A name, as `GET cassettes` tells it, or a cassette itself as text."""
    channel: str = Field(examples=["1"], description="The id of a connection, as `GET channels` tells it.")
    timing: Literal["recorded", "burst"] | Annotated[float, Field(ge=0, le=1000)] = Field(
        default="recorded", description="As on the tape, at once, or what its seconds are multiplied with."
    )
    conn: int | None = Field(default=None, description="Which connection of the tape; the one with most by default.")
    close: bool = Field(default=True, description="Whether the server closes where it does on the tape.")


class Playing(Told):
    """A cassette that is being said to a client."""

    number: int
    """Of this play, from 1 in a space."""
    cassette: str
    """What it is called."""
    conn: int
    """Which connection of the tape it is."""
    channel: str
    """To whom it is said: the id of a channel."""
    backend: str
    """Whose client that is."""
    begun: str
    """ISO 8601, of the space's clock."""
    ends: str
    """When the last message is due; the same clock."""
    messages: int
    """How many there are to say, the close included."""
    said: int
    """How many of them are said."""
    over: bool
    """Whether all are, or somebody stopped it."""
    answers_left_out: int
    """Answers on the tape: nobody has asked for them now."""


class Plays(Told):
    """All of a space, those that are over as well."""

    plays: list[Playing]
    """The oldest first; of those that are over the last hundred or so."""

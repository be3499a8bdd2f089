"""`when`: what has to be so for a rule to apply."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from simulator.scenario.shape import LISTED, Duration, Shape, Text, Words


class Match(Shape):
    """Words to look for; exactly one of equals, contains and regex."""

    equals: Annotated[list[str], Field(min_length=1), LISTED] | None = None
    """The whole text, blanks around it aside; of several any."""
    contains: Words | None = None
    """Words that stand somewhere in it; of several any."""
    regex: Text | None = None
    """A regular expression of Python that matches somewhere; its groups are `match` in templates."""
    case: bool = False
    """Whether capital letters are others than small ones."""

    short: ClassVar[str] = "equals"

    @model_validator(mode="after")
    def _one(self) -> Match:
        if sum(value is not None for value in (self.equals, self.contains, self.regex)) != 1:
            raise ValueError("expected exactly one of equals, contains, regex")
        return self


class FieldMatch(Shape):
    """A field of the client's message, found by JSONPath (RFC 9535); by itself it only has to be there."""

    path: Annotated[Text, Field(max_length=500)]
    """Such as $.metadata.order or $.items[0].id; of several that are found any."""
    equals: JsonValue = None
    """This very value."""
    contains: Words | None = None
    """Words that stand somewhere in it; of several any."""
    regex: Text | None = None
    """A regular expression that matches somewhere; its groups are `match` in templates."""
    exists: bool | None = None
    """Whether it is there."""
    case: bool = False
    """Whether capital letters are others than small ones."""

    short: ClassVar[str] = "path"
    empty: ClassVar[tuple[str, ...]] = ("equals",)

    @model_validator(mode="after")
    def _one(self) -> FieldMatch:
        if len(self.model_fields_set & {"equals", "contains", "regex", "exists"}) > 1:
            raise ValueError("expected one of equals, contains, regex, exists")
        return self


_BARE_WORDS = ["start", "connect", "message", "first"]
Yes = Literal[True]


class When(Shape):
    """When a rule applies: all of it has to be so. The words start, connect, message and first can stand alone."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})
    bare: ClassVar[tuple[dict[str, Any], ...]] = ({"enum": _BARE_WORDS},)

    start: Yes | None = None
    """The talk begins."""
    connect: Yes | None = None
    """A client connects to the talk, the first time included."""
    message: Yes | None = None
    """The client says something, whatever it is."""
    text: Match | None = None
    """The client says these words; short for `equals`."""
    event: Words | None = None
    """The client sends a message of this name (send_msg, EVENT_CLIENT_SEND_MESSAGE, ...), one without words too."""
    field: Annotated[list[FieldMatch], Field(min_length=1), LISTED] | None = None
    """What stands in the client's message."""
    first: Yes | None = None
    """It is the client's first message in the talk."""
    nth: Annotated[int, Field(ge=1)] | None = None
    """It is the client's message of that number in the talk, from 1."""
    every: Annotated[int, Field(ge=1)] | None = None
    """It is one of every so many of the client's messages."""
    silence: Annotated[Duration, Field(gt=0)] | None = None
    """The client has said nothing for so long since the bot was done."""
    state: Words | None = None
    """The talk is in this state, or in one of these."""
    if_: Annotated[Text | None, Field(alias="if")] = None
    """An expression over variables that has to be true, such as `orders > 2`."""
    all: Annotated[list[When], Field(min_length=1), LISTED] | None = None
    """All of these."""
    any: Annotated[list[When], Field(min_length=1), LISTED] | None = None
    """At least one of these."""
    not_: Annotated[When | None, Field(alias="not")] = None
    """Not this."""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in _BARE_WORDS:
                raise ValueError(
                    "expected start, connect, message, first, or keys and values; words of the client are {text: ...}"
                )
            return {value: True}
        return value

    @model_validator(mode="after")
    def _something(self) -> When:
        if not self.model_fields_set:
            raise ValueError("says nothing: message is when the client says anything")
        return self

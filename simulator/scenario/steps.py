"""`then`: what a bot can do about it, one step after the other."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema, field_validator, model_validator

from simulator.scenario.shape import DURATION, LISTED, Address, Duration, Name, Shape, Text, Words

Yes = Annotated[Literal[True] | None, WithJsonSchema({"enum": [True, None]})]


class Say(Shape):
    """Say a text."""

    text: Text
    """What is said; `{{ ... }}` is filled in."""
    agent: Text | None = None
    """Who says it: a name of `agents`, or an agent of the backend. Left out, it is whoever has the talk."""

    short: ClassVar[str] = "text"


class Typing(Shape):
    """Type for a while, or begin and end it."""

    seconds: Annotated[Duration | None, Field(alias="for")] = None
    """So long, before the next step."""
    on: bool | None = None
    """Begin to type (true) or stop it (false), and go on at once."""

    bare: ClassVar[tuple[dict[str, Any], ...]] = (*DURATION["anyOf"], {"type": "boolean"})

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return {"on": value}
        return value if isinstance(value, dict) else {"for": value}

    @model_validator(mode="after")
    def _one(self) -> Typing:
        if (self.seconds is None) == (self.on is None):
            raise ValueError("expected seconds to type for, or on: true or false")
        return self


class Status(Shape):
    """Change the status of the client's last message."""

    status: Literal["sent", "delivered", "read", "failed"]
    """What becomes of it: which of these a client is told depends on the backend."""

    short: ClassVar[str] = "status"


class Queue(Shape):
    """Tell the position in the waiting queue."""

    position: int | str
    """From 1; a text is a template, such as `{{ waiting }}`."""

    short: ClassVar[str] = "position"

    @field_validator("position", mode="before")
    @classmethod
    def _place(cls, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and value < 1):
            raise ValueError("expected a place from 1, or a template")
        return value


class HandOff(Shape):
    """An agent takes over."""

    agent: Text
    """A name of `agents`, or an agent of the backend."""

    short: ClassVar[str] = "agent"


class Picture(Shape):
    """Send a picture."""

    url: Address
    """Where clients find it; `{{ ... }}` is filled in."""
    text: str = ""
    """What is said with it."""
    type: str = "image/jpeg"
    """Its MIME type."""

    short: ClassVar[str] = "url"


class File(Shape):
    """Send a file."""

    url: Address
    """Where clients find it; `{{ ... }}` is filled in."""
    text: str = ""
    """What is said with it."""
    type: str = "application/octet-stream"
    """Its MIME type."""

    short: ClassVar[str] = "url"


class Stream(Shape):
    """Say a text in chunks."""

    text: Text | None = None
    """The whole text, which is cut behind every few words."""
    words: Annotated[int, Field(ge=1)] = 3
    """Words in a chunk of `text`."""
    chunks: Annotated[list[Text], Field(min_length=1)] | None = None
    """The chunks themselves, in place of `text`."""
    pace: Annotated[Duration, Field(le=3600)] = 0.1
    """Between two chunks, where the backend streams; the next step comes behind the last one everywhere."""

    short: ClassVar[str] = "text"

    @model_validator(mode="after")
    def _one(self) -> Stream:
        if (self.text is None) == (self.chunks is None):
            raise ValueError("expected text or chunks")
        return self


class Raw(Shape):
    """Send a message of the backend as it is."""

    name: Text
    """chip's type, a Socket.IO event, a Phoenix event, a gateway's channel such as `chat-message-{{ talk }}`."""
    body: JsonValue = None
    """Texts in it are templates."""

    short: ClassVar[str] = "name"
    empty: ClassVar[tuple[str, ...]] = ("body",)


class Count(Shape):
    """Add to a counter, which begins at 0."""

    name: Name
    """Of the counter: a variable of the talk."""
    by: int = 1
    """How much; less than 0 takes away."""

    short: ClassVar[str] = "name"


class Close(Shape):
    """End the client's socket with a close frame."""

    code: int | None = None
    """1000 to 1003, 1007 to 1014 or 3000 to 4999; without a value there is none in the frame, which clients see as
    1005."""
    reason: Annotated[str, Field(max_length=123)] = ""
    """At most 123 bytes, and none without a code."""

    short: ClassVar[str] = "code"
    empty: ClassVar[tuple[str, ...]] = ("code",)

    @model_validator(mode="after")
    def _sendable(self) -> Close:
        code = self.code
        if code is not None and not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
            raise ValueError(
                "expected a code that may be sent: 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455, 7.4)"
            )
        if len(self.reason.encode()) > 123 or (self.reason and code is None):
            raise ValueError("expected a reason of at most 123 bytes, and a code with it")
        return self


class Option(Shape):
    """One of several ways."""

    then: Steps
    """What is done if the lot falls on it."""
    weight: Annotated[float, Field(gt=0, le=1_000_000)] = 1
    """How likely it is beside the others."""

    bare: ClassVar[tuple[dict[str, Any], ...]] = (
        {"shape": "Step"},
        {"type": "array", "items": {"shape": "Step"}},
    )

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        # A step is a way, and so is a list of them.
        return value if isinstance(value, dict) and "then" in value else {"then": value}


_BARE = ("end", "leave", "reset")


class Step(Shape):
    """One thing that the bot does: exactly one act, and when."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _one_act(schema))
    bare: ClassVar[tuple[dict[str, Any], ...]] = ({"enum": [*_BARE]},)
    empty: ClassVar[tuple[str, ...]] = (*_BARE, "close")

    say: Say | None = None
    typing: Typing | None = None
    status: Status | None = None
    queue: Queue | None = None
    hand_off: HandOff | None = None
    leave: Yes = None
    """The agent leaves; the bot is back."""
    picture: Picture | None = None
    file: File | None = None
    stream: Stream | None = None
    end: Yes = None
    """End the conversation. Whatever the client says after that begins a new one."""
    raw: Raw | None = None
    go: Text | None = None
    """Go to a state: its `enter` is done first, then the steps behind this one."""
    set: Annotated[dict[Name, JsonValue], Field(min_length=1)] | None = None
    """Set variables; texts are templates, and one that is a single `{{ ... }}` keeps the kind of its value."""
    count: Count | None = None
    wait: Duration | None = None
    """Do nothing for so long."""
    close: Close | None = None
    reset: Yes = None
    """End the client's socket by a TCP reset: it sees 1006."""
    choose: Annotated[list[Option], Field(min_length=1)] | None = None
    """Do one of these, by lot: the same one in every run with the same --seed."""

    after: Duration = 0
    """How long after the step before it."""
    jitter: Duration = 0
    """The step's time (`after`, `wait`, how long it types) is longer or shorter by at most so much, by lot."""
    if_: Annotated[Text | None, Field(alias="if")] = None
    """Only if this expression is true; else the step is left out."""
    only: Words | None = None
    """Only in these backends."""
    except_: Annotated[Words | None, Field(alias="except")] = None
    """In all backends but these."""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in _BARE:
                raise ValueError(f"expected an act, such as {{say: ...}}; alone can stand {', '.join(_BARE)}")
            return {value: True}
        if not isinstance(value, dict):
            return value
        # `after` and its like may stand in the long form, too.
        step = dict(value)
        for act in ACTS:
            inner = step.get(act)
            if isinstance(inner, dict) and act != "set":
                moved = {key: inner[key] for key in SHARED if key in inner and key not in step}
                if moved:
                    step[act] = {key: inner[key] for key in inner if key not in moved}
                    step.update(moved)
        bare = {key: True for key in _BARE if key in step and step[key] is None}
        return {**step, **bare, **({"close": {"code": None}} if step.get("close", 0) is None else {})}

    @model_validator(mode="after")
    def _one(self) -> Step:
        acts = [name for name in ACTS if name in self.model_fields_set]
        if len(acts) > 1:
            raise ValueError(f"expected one act, not {' and '.join(acts)}: each step is an item of its own")
        if not acts:
            raise ValueError(f"expected one act of: {', '.join(ACTS)}")
        return self

    @property
    def act(self) -> str:
        """Which one it is."""
        return next(name for name in ACTS if name in self.model_fields_set)


SHARED = ("after", "jitter", "if", "only", "except")
"""What may stand beside each."""
ACTS = tuple(name for name in Step.model_fields if name not in ("after", "jitter", "if_", "only", "except_"))
"""What a step can be, by its key."""

Steps = Annotated[list[Step], LISTED]
"""One step or several."""


def _one_act(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [name]} for name in ACTS]

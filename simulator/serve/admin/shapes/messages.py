"""Messages that passed: which are meant, and how they are told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from simulator.serve.admin import pattern
from simulator.serve.admin.shapes.form import Asked, Given, Told

Sender = Literal["client", "server"]
Kind = Literal["message", "ack", "ping", "pong", "control"]


def _regex(value: str) -> str:
    try:
        pattern.search(value)
    except ValueError as error:
        raise ValueError(f"expected a regular expression: {error}") from None
    return value


Pattern = Annotated[str, AfterValidator(_regex), Field(max_length=1000)]
Briefly = Annotated[str, AfterValidator(_regex), Field(max_length=500)]
"""Behind `?`, where each character may be twelve of the 8190 bytes that the line of a request has."""


class Criteria(Given):
    """Which messages are meant: those that are all of this. What is left out does not matter."""

    backend: str | None = None
    """At which backend it passed."""
    sender: Sender | None = None
    """Who said it."""
    kind: Kind | None = None
    """`ack` is an answer to a message, `control` a frame that bears none."""
    name: str | None = Field(None, examples=["send_msg"])
    """What it is called: the wire's own word."""
    topic: str | None = None
    """Phoenix topic or Socket.IO namespace."""
    link: int | None = None
    """The number of a socket, or of a session that polls."""
    channel: str | None = None
    """The id of a channel, as `channels` has it: of all its sockets."""
    talk: str | None = None
    """A conversation, by its name or the last part of it."""
    body: Any = None
    """The first argument has at least this: keys of an object are looked for in it, everything else has to be equal."""
    args: list[Any] | None = None
    """Each argument has at least this."""
    text: str | None = None
    """Stands somewhere in the frame as it passed."""
    pattern: Pattern | None = None
    """A regular expression that is found in the frame as it passed; without look-around and back-references."""
    violation: bool | None = None
    """Whether it breaks the documented model."""


class Find(Criteria):
    """Those of the journal."""

    after: int = Field(0, ge=0)
    """Behind this number."""
    limit: int = Field(1000, ge=0, le=10_000)
    """The first so many."""


class Wait(Criteria):
    """The first that passes."""

    after: int | Literal["now"] = Field(0, examples=[0, "now"])
    """Behind this number; 0 also takes one that has passed already, `now` only what comes from now on."""
    timeout: float = Field(5.0, ge=0, le=600)
    """Seconds of real time."""

    @model_validator(mode="after")
    def _from_zero(self) -> Wait:
        if self.after != "now" and self.after < 0:
            raise ValueError("after: expected a number from 0 on, or now")
        return self


class WaitForCount(Wait):
    """So many that pass."""

    count: int = Field(ge=1, le=10_000)
    """How many have to pass."""


class Sifted(Asked):
    """Criteria that can stand behind `?`: a message has to be all of this."""

    backend: str | None = None
    """At which backend it passed."""
    sender: Sender | None = None
    """Who said it."""
    kind: Kind | None = None
    """`ack` is an answer to a message, `control` a frame that bears none."""
    name: str | None = None
    """What it is called: the wire's own word."""
    topic: str | None = None
    """Phoenix topic or Socket.IO namespace."""
    link: int | None = None
    """The number of a socket, or of a session that polls."""
    channel: str | None = None
    """The id of a channel, as `channels` has it: of all its sockets."""
    talk: str | None = None
    """A conversation, by its name or the last part of it."""
    text: str | None = None
    """Stands somewhere in the frame as it passed."""
    pattern: Briefly | None = None
    """A regular expression that is found in the frame as it passed; without look-around and back-references.
    `messages/find` takes a longer one."""
    violation: bool | None = None
    """Whether it breaks the documented model."""


class Page(Sifted):
    """Which of the journal's messages: the last, or those behind or before a number."""

    limit: int = Field(1000, ge=0, le=10_000)
    """So many at most."""
    after: int | None = Field(None, ge=0)
    """The first ones behind this number, in place of the last ones."""
    before: int | None = Field(None, ge=0)
    """The last ones before this number."""


class Stream(Sifted):
    """Which messages a stream has, and from where on."""

    after: int | None = Field(None, ge=0)
    """Behind this number, as far as the journal has it; left out, from now on. The header Last-Event-ID goes before."""


class Violated(Asked):
    """Which violations."""

    backend: str | None = None
    """Of its clients alone."""
    after: int = Field(0, ge=0)
    """Behind this number."""
    limit: int = Field(1000, ge=0, le=10_000)
    """The first so many."""


class Breach(Told):
    """One thing in which a client's message differs from the documented model."""

    path: str
    """Keys and indexes with dots between them; `name` and `topic` are those of the message, "" is the whole body."""
    expected: str
    """What the model has there."""
    got: str
    """As JSON, cut where it is long."""
    words: str
    """What the model says: where the document, or the real server's source, has it."""
    source: str
    """Which document that is."""
    protocol: str
    """The backend's own line on that message, where its PROTOCOL.md has one."""


class Message(Told):
    """One message, or a frame that bears none."""

    number: int
    """Of its frame, from 1 on. A poll's body may be several messages of one number."""
    time: str
    """ISO 8601, of the space's clock."""
    backend: str
    """At which it passed."""
    link: int
    """Its socket, or its session that polls."""
    sender: Sender
    """Who said it."""
    kind: Kind
    """`ack` is an answer to a message, `control` a frame that bears none."""
    name: str | None = None
    """What it is called; an answer has the name of what it answers."""
    args: list[Any] | None = None
    """What it says: its body, or all arguments of a Socket.IO event."""
    topic: str | None = None
    """Phoenix topic or Socket.IO namespace."""
    raw: str
    """The frame as it passed; bytes as characters of Latin-1."""
    binary: bool | None = None
    """It was a binary frame."""
    via: Literal["polling", "longpoll"] | None = None
    """How it came where that was no WebSocket."""
    error: str | None = None
    """Why it could not be read."""
    answers: str | None = None
    """The name of the message that it answers."""
    answers_number: int | None = None
    """And the number of its frame."""
    violations: list[Breach] | None = None
    """In what it differs from the documented model; left out where in nothing."""


class Messages(Told):
    """A page of the journal."""

    total: int
    """Frames that ever passed."""
    first: int
    """The number of the oldest frame that is kept, or of the next that comes."""
    more: bool
    """Whether there are others that would be on the next page in this direction."""
    messages: list[Message]
    """The oldest first."""


class Found(Told):
    """What was found."""

    total: int
    """How many there are, those beyond the limit included."""
    messages: list[Message]
    """The first of them, the oldest first."""


class One(Told):
    """One message."""

    message: Message
    """The first that is meant."""


class Parts(Told):
    """The messages of one frame."""

    messages: list[Message]
    """Most frames have one; a poll's body may have several."""


class Count(Told):
    """How many."""

    count: int
    """How many messages are meant."""


class Counted(Count):
    """Those that were waited for."""

    messages: list[Message]
    """The oldest first."""


class Late(Told):
    """What did not come in time."""

    error: str
    """In one line: what was looked for, and what came nearest."""
    looked_for: dict[str, Any] | None = None
    """The criteria; left out where the space ended meanwhile, as all that follows."""
    count: int | None = None
    """How many of them came."""
    passed: int | None = None
    """Messages that were looked at."""
    nearest: Message | None = None
    """What came nearest, where none came."""
    missed: list[str] | None = None
    """In which criteria that differs."""


class Removed(Told):
    """How many frames the journal let go."""

    removed: int
    """Frames, not messages."""


class Violation(Breach):
    """And whose message that was."""

    number: int
    """Of the frame."""
    time: str
    """ISO 8601, of the space's clock."""
    backend: str
    """At which it passed."""
    link: int
    """Its socket, or its session that polls."""
    name: str | None
    """What the message is called; null where it could not be read."""


class Violations(Told):
    """The oldest first."""

    total: int
    """How many there are, those beyond the limit included."""
    violations: list[Violation]
    """One message may have several."""

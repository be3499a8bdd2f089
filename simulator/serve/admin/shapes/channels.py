"""Who is connected, and what is said to them by hand."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from simulator.serve.admin.shapes.form import Asked, Given, Told


class Which(Asked):
    """Of one backend alone."""

    backend: str | None = None
    """Its name; left out, all."""


class Brief(Told):
    """A client that is connected."""

    id: str
    """By which calls name it."""
    backend: str
    """Whose client it is."""
    transport: Literal["websocket", "polling", "longpoll"]
    """How it is connected now."""
    link: int | None
    """The number of its socket; none while it polls."""
    since: str | None
    """ISO 8601, of the space's clock; null where only a poll's session knows."""
    names: list[str]
    """Phoenix topics or Socket.IO namespaces that it has joined."""
    url: str | None
    """Where it came, with what it brought."""
    session: str | None = None
    """The sid or token that its requests name."""


class Channel(Brief):
    """And what it does."""

    talks: list[str]
    """The conversations of which it gets what is said."""
    received: int
    """Frames that came from it, as far as the journal has them."""
    sent: int
    """And those that went to it."""


class Channels(Told):
    """In the order in which they came."""

    channels: list[Channel]
    """Everybody who is connected to the space."""


class Ending(Asked):
    """How to end it."""

    code: int | None = Field(None, ge=1000, le=4999)
    """Of the close frame, 1000 when left out; 1005 is a close frame without a code, 1006 none at all."""
    reason: str = Field("", max_length=123)
    """Of the close frame: at most 123 bytes of UTF-8."""


class End(Given):
    """How to end it."""

    code: int | None = Field(1000, ge=1000, le=4999)
    """Of the close frame; null and 1005 are a close frame without a code, 1006 is none at all."""
    reason: str = Field("", max_length=123)
    """Of the close frame: at most 123 bytes of UTF-8."""


class Ended(Told):
    """What was ended."""

    closed: list[str]
    """Ids of channels."""
    code: int | None
    """Which it was ended with; null is a close frame without one."""


class Send(Given):
    """What to say, and to whom: to these channels, to all that are in a talk, or else to all of the backend."""

    backend: str | None = None
    """Left out, that of the port, or of the channels."""
    channels: list[str] | None = Field(None, min_length=1)
    """Ids of those who get it; not together with a talk."""
    talk: str | None = None
    """All who are in that conversation get it, by its name or the last part of it."""
    topic: str | None = None
    """To those who joined it, where there are several; at concierge what stands behind the channel's name."""
    name: str | None = Field(None, examples=["chat_out"])
    """What the message is called; one of `name`, `raw` and `base64` has to be there."""
    body: JsonValue = None
    """What it says; judged by the model unless `validate` is false."""
    args: list[JsonValue] | None = None
    """In place of a body: all arguments of a Socket.IO event, or a status and a body of concierge's answers."""
    ack: bool = False
    """Ask for an acknowledgement, where the wire knows of such: it is in the journal as `ack`."""
    raw: str | None = None
    """In place of a message: a frame as it is, however wrong."""
    base64: str | None = None
    """The same, for a binary frame."""
    validate_: bool = Field(True, alias="validate")
    """Refuse what the documented model does not have."""

    @model_validator(mode="after")
    def _what(self) -> Send:
        given = [key for key in ("name", "raw", "base64") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError("expected one of name, raw and base64")
        message = [key for key in ("body", "args", "topic", "ack") if key in self.model_fields_set]
        if message and self.name is None:
            raise ValueError(f"{message[0]}: belongs to a message, and {given[0]} is a frame as it is")
        if "body" in self.model_fields_set and self.args is not None:
            raise ValueError("expected body or args, not both")
        if self.channels is not None and self.talk is not None:
            raise ValueError("expected channels or talk, not both")
        return self


class Sent(Told):
    """Who got it."""

    sent: list[str]
    """Ids of channels."""

"""A fault as people write it: for `faults:` of a scenario file, and for the control API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from simulator.core.backend import Backend, Stored
from simulator.core.faults import BROKEN, DOWN, FORMS, KINDS, UP, Fault, Kind
from simulator.scenario.findings import nearest

_LONGEST: Final = 10 * 366 * 86_400_000
"""Milliseconds: no clock is moved further."""
_WIDEST: Final = 64 << 20

_MS = f"milliseconds, a whole number from 0 to {_LONGEST}"
_Ms: TypeAlias = Annotated[int, Field(ge=0, le=_LONGEST, description=_MS)]
_Bytes: TypeAlias = Annotated[int, Field(ge=0, le=1 << 40, description="bytes, a whole number from 0 on")]
_Some: TypeAlias = Annotated[int, Field(ge=1, le=_WIDEST, description=f"bytes, a whole number from 1 to {_WIDEST}")]
_Status: TypeAlias = Annotated[int, Field(ge=400, le=599, description="a status of HTTP from 400 to 599")]
_Text: TypeAlias = Annotated[str, Field(max_length=1 << 16, description="a text of at most 64 KiB")]
_Yes: TypeAlias = Annotated[bool, Field(description="true or false")]


class _Attributes(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Latency(_Attributes):
    latency: _Ms = 0
    jitter: _Ms = 0


class _Bandwidth(_Attributes):
    rate: Annotated[int, Field(ge=1, le=10**9, description="kilobytes a second, a whole number from 1 on")]


class _SlowClose(_Attributes):
    delay: _Ms = 0


class _Timeout(_Attributes):
    timeout: _Ms = 0


class _ResetPeer(_Attributes):
    timeout: _Ms = 0
    deliver: _Yes = False


class _Slicer(_Attributes):
    average_size: _Some
    size_variation: _Bytes = 0
    delay: Annotated[int, Field(ge=0, le=10**9, description="microseconds, a whole number from 0 to 10**9")] = 0

    @model_validator(mode="after")
    def _narrow(self) -> _Slicer:
        if self.size_variation >= self.average_size:
            raise _flaw("bytes below average_size", "size_variation")
        return self


class _LimitData(_Attributes):
    bytes: _Bytes


_CODES = "1000 to 1003, 1007 to 1014 or 3000 to 4999, or null for a close without a code (1005)"


class _Close(_Attributes):
    code: Annotated[int | None, Field(description=_CODES)] = None
    reason: Annotated[str, Field(description="a text of at most 123 bytes")] = ""
    deliver: _Yes = False

    @model_validator(mode="after")
    def _sendable(self) -> _Close:
        code = self.code
        if code == 1006:
            raise _flaw(f"{_CODES}; 1006 is no close at all: that is `reset_peer`, or `timeout`", "code")
        if code is not None and not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
            raise _flaw(f"{_CODES}: {code} must not be sent (RFC 6455, 7.4)", "code")
        if code is None and self.reason:
            raise _flaw("no reason: a close without a code has none (RFC 6455, 5.5.1)", "reason")
        if len(self.reason.encode("utf-8", "replace")) > 123:
            raise _flaw("a text of at most 123 bytes", "reason")
        return self


class _Malformed(_Attributes):
    form: Annotated[str, Field(description=f"one of {', '.join(FORMS)}")] = "json"

    @model_validator(mode="after")
    def _known(self) -> _Malformed:
        if self.form not in FORMS:
            raise _flaw(f"one of {', '.join(FORMS)}", "form")
        return self


class _Duplicate(_Attributes):
    copies: Annotated[int, Field(ge=1, le=100, description="a whole number from 1 to 100")] = 1


class _Reorder(_Attributes):
    window: _Ms = 1000


class _Oversized(_Attributes):
    size: _Some = (1 << 20) + 1


class _RefusedHandshake(_Attributes):
    status: _Status = 503
    body: _Text = ""


class _FailedUpload(_Attributes):
    status: _Status = 500
    body: _Text | None = None


_SHAPES: Final[dict[str, type[_Attributes]]] = {
    "latency": _Latency,
    "bandwidth": _Bandwidth,
    "slow_close": _SlowClose,
    "timeout": _Timeout,
    "reset_peer": _ResetPeer,
    "slicer": _Slicer,
    "limit_data": _LimitData,
    "close": _Close,
    "malformed": _Malformed,
    "duplicate": _Duplicate,
    "reorder": _Reorder,
    "drop": _Attributes,
    "dropped_ack": _Attributes,
    "starved_ping": _Attributes,
    "oversized": _Oversized,
    "refused_handshake": _RefusedHandshake,
    "failed_upload": _FailedUpload,
}

_ONE_WAY: Final = {
    "slow_close": (DOWN, "the client's close can't be held back"),
    "slicer": (DOWN, "fragments of a client are put together before anybody sees them"),
    "oversized": (DOWN, "what a client sends is as long as it is"),
    "refused_handshake": (UP, "it strikes what a client asks for"),
    "failed_upload": (UP, "it strikes what a client brings"),
}
"""Types with one direction, and why."""
_WHOLE: Final = frozenset(("bandwidth", "limit_data", "slow_close"))
_NAMELESS: Final = _WHOLE | {"refused_handshake", "failed_upload"}
_TRANSPORTS: Final = {
    "slicer": ("websocket",),
    "limit_data": ("websocket",),
    "slow_close": ("websocket",),
    "starved_ping": ("websocket", "polling"),
    "failed_upload": ("http",),
    "refused_handshake": ("websocket", "polling"),
    **dict.fromkeys(("close", "malformed", "duplicate", "reorder", "drop"), ("websocket", "polling")),
    **dict.fromkeys(("dropped_ack", "oversized"), ("websocket", "polling")),
}
_CONTROL: Final = frozenset(("ping", "pong"))


class Match(BaseModel):
    """What a fault is about; without it, all."""

    model_config = ConfigDict(extra="forbid", strict=True)

    message: str | None = Field(default=None, min_length=1, max_length=200, description="The name of a message.")
    nth: int | None = Field(default=None, ge=1, description="Of all that fits only this one, counted from 1.")


class FaultSpec(BaseModel):
    """One fault: toxiproxy's name, type, stream, toxicity and attributes, and what only messages can be asked for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Annotated[Literal[
        "latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "close", "malformed",
        "duplicate", "reorder", "drop", "dropped_ack", "starved_ping", "oversized", "refused_handshake",
        "failed_upload",
    ], Field(description="What goes wrong: docs/faults.md has each with its attributes.")]  # fmt: skip
    name: str | None = Field(default=None, pattern=r"^[\w.-]{1,100}$", description="Minted where it is left out.")
    stream: Literal["upstream", "downstream"] | None = Field(default=None, description="From the client, or to it.")
    toxicity: float = Field(default=1.0, ge=0, le=1, description="How probable a strike is.")
    attributes: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="What belongs to the type: how long, how much, how."
    )
    match: Match = Field(default_factory=Match, description="What it is about; left out, all.")
    count: int | None = Field(default=None, ge=1, description="After so many strikes it is spent.")
    backend: str | None = Field(default=None, description="Only at this one.")
    transport: Literal["websocket", "polling", "http"] | None = Field(default=None, description="Only over this one.")

    @field_validator("attributes", mode="after")
    @classmethod
    def _shaped(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        shape = _SHAPES.get(info.data.get("type", ""))
        if shape is None:
            return value
        try:
            return shape.model_validate(value).model_dump()
        except ValidationError as error:
            raise ValidationError.from_exception_data(
                "attributes", [_worded(shape, one) for one in error.errors()]
            ) from None

    @model_validator(mode="after")
    def _possible(self) -> FaultSpec:
        way, why = _ONE_WAY.get(self.type, (self.stream, ""))
        if self.stream is not None and self.stream != way:
            raise _flaw(f"{way} or nothing: {why}", "stream")
        if self.stream == UP and self.attributes.get("form") in BROKEN:
            raise _flaw("json or envelope: a broken frame of a client is the client's to send", "attributes", "form")
        if self.type in _WHOLE and (self.match.message is not None or self.match.nth is not None):
            raise _flaw(f"nothing: {self.type} strikes whole connections", "match")
        if self.type in _NAMELESS and self.match.message is not None:
            raise _flaw(f"nothing: {self.type} strikes requests, which have no message name", "match", "message")
        able = _TRANSPORTS.get(self.type)
        if self.transport is not None and able is not None and self.transport not in able:
            raise _flaw(f"{' or '.join(able)} for {self.type}", "transport")
        if self.transport == "polling" and self.attributes.get("form") in BROKEN and self.attributes["form"] != "utf8":
            raise _flaw("json, envelope or utf8: no poll has frames", "attributes", "form")
        return self

    @property
    def way(self) -> str:
        """Its direction, given or not."""
        return self.stream or (UP if self.type in ("refused_handshake", "failed_upload") else DOWN)

    def fault(self, name: str) -> Fault:
        """The fault itself, under that name where it has none of its own."""
        of: Kind = KINDS[self.type](**self.attributes)
        return Fault(
            name=self.name or name,
            type=self.type,
            of=of,
            stream=self.way,
            toxicity=self.toxicity,
            message=self.match.message,
            nth=self.match.nth,
            count=self.count,
            backend=self.backend,
            transport=self.transport,
        )

    def objection(self, backends: Sequence[Backend]) -> tuple[tuple[str, ...], str] | None:
        """Why it can never strike at any of these backends: key and reason; None where it can."""
        meant = [one for one in backends if self.backend in (None, one.name)]
        if not meant:
            return ("backend",), f"there is no {self.backend!r} here; there are: {', '.join(b.name for b in backends)}"
        known = {name for one in meant for name in names(one, self.way)}
        message = self.match.message
        if message is not None and message not in known | _CONTROL:
            there = ", ".join(sorted(known))
            return ("match", "message"), f"nothing {self.way} is called {message!r}; there are: {there}"
        sender = "client" if self.way == UP else "server"
        if self.type == "dropped_ack" and not any(sender in one.envelope.acks for one in meant):
            return ("stream",), f"no {sender} acknowledges anything there"
        if self.type == "failed_upload" and not any(isinstance(r.body, Stored) for one in meant for r in one.routes):
            return ("type",), f"nobody uploads anything to {', '.join(one.name for one in meant)}"
        return None


def names(backend: Backend, stream: str) -> frozenset[str]:
    """Names that a message in that direction may have."""
    return frozenset(backend.commands if stream == UP else backend.events) | backend.envelope.names


def listed(fault: Fault) -> dict[str, Any]:
    """A fault as it would be written, and its fate."""
    return {
        "name": fault.name,
        "type": fault.type,
        "stream": fault.stream,
        "toxicity": fault.toxicity,
        "attributes": {field.name: getattr(fault.of, field.name) for field in fields(fault.of)},
        "match": {"message": fault.message, "nth": fault.nth},
        "count": fault.count,
        "backend": fault.backend,
        "transport": fault.transport,
        "seen": fault.seen,
        "struck": fault.struck,
        "last": fault.last,
        "spent": fault.spent,
    }


def _flaw(expected: str, *place: str) -> ValidationError:
    return ValidationError.from_exception_data("fault", [_details(expected, place, None)])


def _details(expected: str, place: tuple[int | str, ...], got: Any) -> InitErrorDetails:
    text = PydanticCustomError("fault", "expected {expected}", {"expected": expected})
    return InitErrorDetails(type=text, loc=place, input=got)


def _worded(shape: type[_Attributes], error: Any) -> InitErrorDetails:
    """An error of pydantic's with the unit that was expected."""
    place, known = error["loc"], shape.model_fields
    if error["type"] == "fault":
        expected = error["ctx"]["expected"]
    elif place[0] in known:
        expected = known[place[0]].description
    else:
        expected = f"one of {', '.join(known)}" if known else "no attributes"
    return _details(str(expected), place, error["input"])


def complaint(error: ValidationError, *at: str | int) -> str:
    """The first thing that is wrong, in one line: its key, behind those of the fault itself, and what was expected."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, (*at, *first["loc"])))
    if first["type"] == "extra_forbidden":
        known = Match.model_fields if first["loc"][0] == "match" else FaultSpec.model_fields
        return f"{place}: there is no such key{nearest(str(first['loc'][-1]), known)}"
    text = first["msg"][:1].lower() + first["msg"][1:]
    return f"{place}: {text}" if place else text

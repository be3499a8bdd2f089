"""What passed, as values to assert on, and what is raised when it is not what was expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from simulator.core.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.core.backend import Backend
    from simulator.serve.admin.reading import Line

Sender: TypeAlias = Literal["client", "server"]
Kind: TypeAlias = Literal["message", "ack", "ping", "pong", "control"]


class Which(TypedDict, total=False):
    """Which messages are meant: those that are all of this. What is left out does not matter."""

    sender: Sender
    kind: Kind
    """`ack` is an answer to a message, `control` a frame that bears none."""
    topic: str
    """Phoenix topic or Socket.IO namespace."""
    body: Any
    """The first argument has at least this: keys of an object are looked for in it, all else has to be equal."""
    args: list[Any]
    """Each argument has at least this."""
    text: str
    """Stands somewhere in the frame as it passed."""
    pattern: str
    """A regular expression that is found there."""
    talk: str
    """A conversation, by its name or the last part of it."""
    link: int
    """The number of a socket, or of a session that polls."""
    violation: bool
    """Whether it breaks the documented model."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing in which a client's message differs from the documented model."""

    number: int
    """Of the frame."""
    backend: str
    name: str | None
    """Of the message."""
    path: str
    """Keys and indexes with dots between them; "" is the whole body."""
    expected: str
    got: str
    """As JSON, cut where it is long."""
    words: str
    """What the model says, and where it has it from."""
    source: str
    protocol: str

    def __str__(self) -> str:
        """One line for people."""
        where = f"{self.name or 'a frame'}{f'.{self.path}' if self.path else ''}"
        return f"frame {self.number}: {where}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that passed, or a frame that bears none."""

    number: int
    """Of its frame, from 1 on. A poll's body may be several messages of one number."""
    time: float
    """Unix seconds of the space's clock."""
    backend: str
    link: int
    sender: Sender
    kind: Kind
    name: str | None
    args: tuple[Any, ...]
    topic: str
    raw: str
    """The frame as it passed; bytes as characters of Latin-1."""
    via: str
    """`websocket`, `polling` or `longpoll`."""
    error: str
    """Why it could not be read."""
    answers: str | None
    """The name of the message that it answers."""
    answers_number: int | None
    violations: tuple[Violation, ...]

    @property
    def body(self) -> Any:
        """The first argument, which is all of it for most; None where there is none."""
        return self.args[0] if self.args else None


class NotSeen(SimulatorError, AssertionError):
    """What was waited for did not come: the text says what came nearest."""


class Unmatched(SimulatorError, AssertionError):
    """A client said what is not on the cassette, or with `strict` something on it was never played."""


def message(line: Line, backend: Backend, lost: bool) -> Message:
    """A line of the journal as a value. `lost` says that frames before it were let go."""
    from simulator.serve.admin import violations

    broken = tuple(
        Violation(line.number, line.backend, line.name, one.path, one.expected, one.got, one.words, one.source,
                  one.protocol)
        for one in violations.of(line, backend, lost)
    )  # fmt: skip
    return Message(
        line.number, line.time, line.backend, line.link, _SENDERS[line.sender], _KINDS[line.kind], line.name,
        line.args or (), line.topic, line.raw, line.via, line.error, line.answers, line.answers_number, broken,
    )  # fmt: skip


_SENDERS: dict[str, Sender] = {"client": "client", "server": "server"}
_KINDS: dict[str, Kind] = {
    "message": "message", "ack": "ack", "ping": "ping", "pong": "pong", "control": "control",
}  # fmt: skip

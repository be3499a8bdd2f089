"""Bots and what they do: neutral acts, which each backend speaks, approximates or leaves silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from simulator.core.message import Json, Message

if TYPE_CHECKING:
    from simulator.core.actions import After, Began, Cancel, Ended, Heard
    from simulator.core.events import Acted, Conn, Fired
    from simulator.core.wire import Link, Reset, Shut

    Deed: TypeAlias = Acted | After | Cancel | Shut | Reset


@dataclass(slots=True, kw_only=True)
class _Timed:
    after: float = 0.0
    """Seconds after what was heard."""


@dataclass(slots=True)
class Say(_Timed):
    """Say a text, as the bot or as an agent (by id, name or email)."""

    text: str
    agent: str | None = None


@dataclass(slots=True)
class Typing(_Timed):
    """Begin to type, or with `on` False end it."""

    on: bool = True


@dataclass(slots=True)
class Status(_Timed):
    """Change the status of the client's last message: sent, delivered, read, failed."""

    status: str


@dataclass(slots=True)
class Queue(_Timed):
    """Tell the position in the waiting queue, from 1."""

    position: int


@dataclass(slots=True)
class HandOff(_Timed):
    """An agent (by id, name or email) takes over."""

    agent: str


@dataclass(slots=True)
class Leave(_Timed):
    """The agent leaves; the bot is back."""


@dataclass(slots=True)
class Picture(_Timed):
    """Send a picture that lies at a URL."""

    url: str
    text: str = ""
    type: str = "image/jpeg"


@dataclass(slots=True)
class File(_Timed):
    """Send a file that lies at a URL."""

    url: str
    text: str = ""
    type: str = "application/octet-stream"


@dataclass(slots=True)
class Stream(_Timed):
    """Say a text in chunks."""

    chunks: list[str]
    pace: float | None = None
    """Seconds between two chunks; None is the backend's own."""


@dataclass(slots=True)
class End(_Timed):
    """End the conversation."""


@dataclass(slots=True)
class Raw(_Timed):
    """Send a message as it is, past everything that the backend would do."""

    name: str
    body: Json = None


Act: TypeAlias = Say | Typing | Status | Queue | HandOff | Leave | Picture | File | Stream | End | Raw

ACTS: dict[str, type[Act]] = {
    "say": Say,
    "typing": Typing,
    "status": Status,
    "queue": Queue,
    "hand_off": HandOff,
    "leave": Leave,
    "picture": Picture,
    "file": File,
    "stream": Stream,
    "end": End,
    "raw": Raw,
}
"""The acts by the names under which the control API and scenarios know them."""


@dataclass(slots=True)
class Saw:
    """A client's message that is nothing to answer: the rules gave no Heard for it."""

    talk: str
    conn: Conn
    message: Message


@dataclass(slots=True)
class Directed:
    """Somebody at the controls wants the story of a talk to go on from there."""

    talk: str
    state: str


class Bot(Protocol):
    """The other side of a conversation."""

    def hear(self, heard: Heard) -> list[Act]:
        """What to do about it; each act's `after` counts from now."""
        ...


class Watcher(Protocol):
    """A bot that sees more than what it is to answer, and has timers.

    What it does is in whichever talk it names; an Acted that names what was heard goes to who said it, where the
    backend knows the difference. The timers are its own, whatever others bear the same owner and name. A Shut or a
    Reset ends a socket past all that the backend would do.
    """

    link: Link | None
    """The socket over which came what it is told; None where it came by a request, or later than it was sent."""

    def hear(self, heard: Heard) -> Sequence[Deed]:
        """What to do about what a person said."""
        ...

    def began(self, began: Began) -> Sequence[Deed]:
        """What to do when a person comes into a talk."""
        ...

    def ended(self, ended: Ended) -> Sequence[Deed]:
        """What to do when a talk is over, by an act of its own, too."""
        ...

    def saw(self, saw: Saw) -> Sequence[Deed]:
        """What to do about any other message."""
        ...

    def fired(self, fired: Fired) -> Sequence[Deed]:
        """What to do when a timer of its own is due."""
        ...

    def directed(self, directed: Directed) -> Sequence[Deed]:
        """What to do when somebody at the controls moves a talk's story on."""
        ...


class EchoBot:
    """Answers every message with its own words after a delay."""

    def __init__(self, delay: float = 1.0) -> None:
        self._delay = delay

    def hear(self, heard: Heard) -> list[Act]:
        """One Say."""
        return [Say(f"You said: {heard.text}", after=self._delay)]


class SilentBot:
    """Answers nothing."""

    def hear(self, heard: Heard) -> list[Act]:
        """No act."""
        return []

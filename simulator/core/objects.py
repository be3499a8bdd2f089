"""Stored bytes as rules see them: an upload comes in at the edge, rules learn what it is and say whether it stays."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from simulator.core.message import Headers


@dataclass(slots=True, frozen=True)
class Upload:
    """One stored object."""

    key: str
    """Its place in the store, never made of what a client said."""
    size: int
    """Bytes."""
    type: str | None
    """The Content-Type that came with it, as it was sent."""
    md5: str
    """Hexadecimal."""
    filename: str | None = None
    """As the client sent it: for telling, never for a path. None for a form's plain field, or a body without a form."""
    sha256: str = field(default="", compare=False)
    """Hexadecimal."""
    crc32: int = field(default=0, compare=False)
    trailers: Headers = field(default=(), compare=False)
    """Lines that came behind the chunks of a framed body, names in lower case, "" where a line has none."""


class UploadFlaw(Enum):
    """Why there is no upload."""

    NOT_A_FORM = auto()
    """The request's Content-Type is neither multipart/form-data nor multipart/mixed."""
    MALFORMED = auto()
    """No boundary, or the form does not keep to it, or it ended early."""
    NO_FIELD = auto()
    """The form has no such field."""
    TOO_BIG = auto()
    """The body is above the route's limit, or above what its frame announced."""
    SMALL_CHUNK = auto()
    """A framed body has a chunk below 8 KiB that is not its last."""


class Objects(Protocol):
    """What rules may do with what is stored."""

    def keep(self, key: str) -> None:
        """Let an upload stay: one that nobody keeps while its request is answered is thrown away."""
        ...

    def head(self, key: str) -> Upload | None:
        """What is stored there."""
        ...

    def delete(self, key: str) -> None:
        """Throw it away; nothing happens where there is none."""
        ...


class Nothing:
    """A store for backends that take no uploads."""

    def keep(self, key: str) -> None:
        """There is nothing to keep."""

    def head(self, key: str) -> Upload | None:
        """None."""
        return None

    def delete(self, key: str) -> None:
        """There is nothing to throw away."""

"""Errors carry facts, and the exit code that the command line gives for them.

SimulatorError                  exit code 2
    WireError                   a frame is not of this wire's kind; never leaves the wire and the rules
        Unmatched               it is, and leads to nobody
    UnknownBackend              no such folder in backends/
    FileError                   a file of the operator's, with the line that is wrong
        FixtureError            a fixtures file can't be read, or says what the backend doesn't know
        ScenarioError           a scenario can't be read, or says what no bot could do
        CassetteError           a cassette can't be read, or is none
    SettingError                `--set key=value` names no setting, or a value it can't take
    StartError                  exit code 3: the server could not start
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.core.message import Message


class SimulatorError(Exception):
    """The root: one clear line for the operator."""

    exit_code = 2


class WireError(SimulatorError):
    """What a peer sent is not of the wire's kind."""

    def __init__(self, why: str, frame: object = None) -> None:
        super().__init__(why)
        self.why = why
        self.frame = frame


class Unmatched(WireError):
    """A good message that leads to nobody: the wire itself has answered it, and its socket lives on."""

    def __init__(self, why: str, frame: object, message: Message) -> None:
        super().__init__(why, frame)
        self.message = message


class UnknownBackend(SimulatorError):
    """A name that no folder in backends/ bears."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no backend {name!r}; known are: {', '.join(known)}")
        self.name = name
        self.known = tuple(known)


class FileError(SimulatorError):
    """A file of the operator's that can't be used; line counts from 1, 0 where the file as a whole is meant."""

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}" if line else f"{path}: {why}")
        self.path = path
        self.line = line
        self.why = why


class FixtureError(FileError):
    """A fixtures file that can't be used."""


class ScenarioError(FileError):
    """A scenario that can't be used."""


class CassetteError(FileError):
    """A cassette that can't be used."""


class SettingError(SimulatorError):
    """A `--set` that names no setting or gives it a value of the wrong kind."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"--set {key}: {why}")
        self.key = key
        self.why = why


class StartError(SimulatorError):
    """The server could not start, for example because a port is taken."""

    exit_code = 3

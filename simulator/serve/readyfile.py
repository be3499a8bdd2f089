"""The ready file: written once every port is open, removed at the end, so that a script can wait for it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import orjson

from simulator.core.errors import SimulatorError, StartError


def make_room(path: Path) -> None:
    """Remove the ready file of an earlier run, which would say ready too soon; not that of one which still runs."""
    try:
        owner = orjson.loads(path.read_bytes())["pid"] if path.is_file() and not path.is_symlink() else None
        if owner is None:
            if path.exists():
                raise SimulatorError(f"--ready-file {path}: is there already, and no file of ours: name another")
            return
        # One of ours that was killed in a container had the number that we have now.
        if owner == os.getpid():
            raise ProcessLookupError
        os.kill(owner, 0)
    except (ValueError, KeyError, TypeError, OverflowError):
        raise SimulatorError(f"--ready-file {path}: is there already, and no file of ours: name another") from None
    except PermissionError:
        # Of another user, or unreadable.
        raise StartError(f"--ready-file {path}: belongs to somebody else: name another") from None
    except OSError:
        _guarded(path, lambda: path.unlink(missing_ok=True))
    else:
        raise StartError(f"--ready-file {path}: belongs to the simulator with pid {owner}, which still runs")


def write(path: Path, state: object, secret: bool = False) -> None:
    """Whole or not at all: who waits for the file must not read the half of it. What is secret only its owner reads."""
    data = orjson.dumps(state) + b"\n"
    part = path.with_name(f"{path.name}.part")

    def put() -> None:
        # A token may be in it, which is nobody else's: where others may write, one may lie there already, or a link.
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o666), "wb") as file:
            file.write(data)
        part.replace(path)

    _guarded(path, put)


def remove(path: Path) -> None:
    """The end; a file that is gone already is as good."""
    with contextlib.suppress(OSError):
        path.unlink()


def _guarded(path: Path, act: object) -> None:
    try:
        act()  # type: ignore[operator]
    except FileNotFoundError:
        raise SimulatorError(f"--ready-file {path}: there is no such directory") from None
    except OSError as error:
        raise SimulatorError(f"--ready-file {path}: {error.strerror}") from None

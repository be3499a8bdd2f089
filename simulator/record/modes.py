"""What a mode of replay comes to this time: it depends on whether there is a cassette yet."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG

from simulator.core.errors import SimulatorError


def settled(mode: str, file: Path) -> tuple[str, str]:
    """`none`, `new_episodes` or `all`, and why where that is another one than was said.

    A file of no bytes is nothing yet for `once`; what is in any other one stays. Raises SimulatorError.
    """
    try:
        there = file.stat()
    except OSError:
        size: int | None = None
    else:
        # A pipe, a device: what takes its place would be in nobody's way at first, and in everybody's later.
        if mode != "none" and not S_ISREG(there.st_mode):
            raise SimulatorError(f"{file}: is no file, and --mode {mode} writes one")
        size = there.st_size
    if mode in ("once", "new_episodes") and size is None:
        return "all", f"there is no {file} yet"
    if mode != "once":
        return mode, ""
    return ("none", f"{file} is there, and is played") if size else ("all", f"{file} is empty")

"""What a mode of replay comes to this time: it depends on whether there is a cassette yet."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG

from simulator.core.errors import CassetteError, SimulatorError


def settled(mode: str, file: Path) -> tuple[str, str]:
    """`none`, `new_episodes` or `all`, and why where that is another one than was said.

    A file of no bytes is nothing yet for `once`; what is in any other one stays. Raises CassetteError where `all`
    would take the place of a file that is something else, SimulatorError where there is no file that can be written.
    """
    size: int | None = None
    try:
        there = file.stat()
    except OSError:
        pass
    else:
        # A pipe, a device: what takes its place would be in nobody's way at first, and in everybody's later.
        if mode != "none" and not S_ISREG(there.st_mode):
            raise SimulatorError(f"{file}: is no file, and --mode {mode} writes one")
        size = there.st_size
    if mode == "all" and size and not _cassette(file):
        raise CassetteError(str(file), 0, "is no cassette, and mode all would write over it: name another file")
    if mode in ("once", "new_episodes") and size is None:
        return "all", f"there is no {file} yet"
    if mode != "once":
        return mode, ""
    return ("none", f"{file} is there, and is played") if size else ("all", f"{file} is empty")


_HEAD = 4096


def _cassette(file: Path) -> bool:
    """Whether it is one, or was: comments may stand before, and its end may be lost."""
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD)
    except OSError:
        # Why it can't be written is told where it is written.
        return True
    return b"\ncassette:" in b"\n" + head.removeprefix(b"\xef\xbb\xbf")

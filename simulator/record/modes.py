"""What a mode of replay comes to this time: it depends on whether there is a cassette yet."""

from __future__ import annotations

from pathlib import Path


def settled(mode: str, file: Path) -> tuple[str, str]:
    """`none`, `new_episodes` or `all`, and why where that is another one than was said.

    A file of no bytes is nothing yet for `once`; what is in any other one stays.
    """
    try:
        size: int | None = file.stat().st_size
    except OSError:
        size = None
    if mode in ("once", "new_episodes") and size is None:
        return "all", f"there is no {file} yet"
    if mode != "once":
        return mode, ""
    return ("none", f"{file} is there, and is played") if size else ("all", f"{file} is empty")

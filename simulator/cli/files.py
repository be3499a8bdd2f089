"""Files that commands write: there when all of it is written and not before, with the bodies that belong to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.cassette.entries import Entry
    from simulator.cassette.redact import Redactor


@contextmanager
def new_file(out: Path, force: bool) -> Iterator[Callable[[str], object]]:
    """A text file that is there when all of it was written, not before; a new one is readable for its owner alone."""
    import tempfile

    from simulator.core.errors import SimulatorError

    if out.exists() and not force:
        raise SimulatorError(f"{out}: is there already; --force replaces it")
    if out.exists() and not out.is_file():
        # A pipe or a device: nothing can take its place.
        with out.open("w", encoding="utf-8") as file:
            yield file.write
        return
    mode = out.stat().st_mode & 0o7777 if out.exists() else 0o600
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.resolve().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file.write
            file.flush()
            os.fsync(handle)
        Path(name).chmod(mode)
        Path(name).replace(out.resolve())
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def whole(file: Path, most: int) -> bytes | int:
    """A file's content, or its size where that is too much. Raises OSError."""
    size = file.stat().st_size
    return size if size > most else file.read_bytes()


def beside(file: Path, path: str) -> bytes:
    """A body beside a cassette; none when somebody deleted it."""
    try:
        return (file.parent / path).read_bytes()
    except OSError:
        return b""


def bodies(entry: Entry, file: Path, out: Path, redactor: Redactor | None, gone: list[Path]) -> Entry:
    """The entry, its bodies that stand beside the cassette redacted as well, or copied to where the new one is."""
    from dataclasses import replace

    from simulator.cassette.entries import Exchange, Refused

    if isinstance(entry, Refused):
        return replace(entry, response=_half(entry.response, file, out, redactor, gone))
    if not isinstance(entry, Exchange):
        return entry
    request = _half(entry.request, file, out, redactor, gone)
    response = None if entry.response is None else _half(entry.response, file, out, redactor, gone)
    return replace(entry, request=request, response=response)


def _half(half: Any, file: Path, out: Path, redactor: Redactor | None, gone: list[Path]) -> Any:
    from dataclasses import replace
    from hashlib import sha256

    from simulator.cassette import scrub
    from simulator.cassette.entries import Beside

    beside = half.body
    if not isinstance(beside, Beside) or beside.path is None:
        return half
    source = file.parent / beside.path
    try:
        raw = source.read_bytes()
    except FileNotFoundError:
        return half
    new = raw if redactor is None else scrub.body(raw, scrub.kind_of(half), redactor)
    if not isinstance(new, bytes) or (new == raw and source.resolve() == (out.parent / beside.path).resolve()):
        return half
    # Never over the old one: while this one is written the old cassette may be what stays.
    name = f"{Path(beside.path).stem}-redacted.bin" if new != raw else Path(beside.path).name
    folder = out.with_name(f"{out.stem}.files")
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / name
    target.write_bytes(new)
    target.chmod(0o600)
    if file.resolve() == out.resolve():
        gone.append(source)
    return replace(half, body=Beside(f"{folder.name}/{name}", len(new), sha256(new).hexdigest()))

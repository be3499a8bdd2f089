"""Files that commands write: there when all of it is written and not before, with the bodies that belong to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from simulator.cassette.entries import Entry
    from simulator.cassette.redact import Redactor


BODY: Final = 64 << 20
"""Bytes of a body beside a cassette; a recorder keeps no more than 8 MiB."""


def place(out: Path, force: bool) -> None:
    """Raises SimulatorError where a file can't be written, or is there already."""
    from simulator.core.errors import SimulatorError

    if not out.parent.is_dir():
        raise SimulatorError(f"{out}: there is no directory {out.parent}")
    if out.exists() and not force:
        raise SimulatorError(f"{out}: is there already; --force replaces it")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise SimulatorError(f"{out}: this user may not write there")


def spared(option: str, out: Path, files: Iterable[Path]) -> None:
    """Raises SimulatorError where what is to be written would take the place of a recording that is read."""
    from simulator.core.errors import SimulatorError

    if any(out.resolve() == file.resolve() for file in files):
        raise SimulatorError(f"{option} {out}: is the cassette itself, and would take its place: name another file")


def writable(option: str, out: Path, anew: bool = False) -> None:
    """What is written at the end can be written, as far as one sees at the start. Raises SimulatorError.

    With `anew` another file takes its place, so its folder has to take one.
    """
    import tempfile

    from simulator.core.errors import SimulatorError

    if not out.resolve().parent.is_dir():
        raise SimulatorError(f"{option} {out}: there is no such directory")
    try:
        there = out.exists()
        if there and not out.is_file():
            # A pipe has no reader yet, perhaps: nothing is opened.
            if out.is_dir() or not os.access(out, os.W_OK):
                raise OSError(0, "can't be written there")
            return
        if anew:
            tempfile.TemporaryFile(dir=out.resolve().parent).close()
        out.open("ab").close()
        if not there:
            out.resolve().unlink(missing_ok=True)
    except OSError as error:
        raise SimulatorError(f"{option} {out}: {error.strerror}") from None


@contextmanager
def new_file(out: Path, force: bool) -> Iterator[Callable[[str], object]]:
    """A text file that is there when all of it was written, not before; a new one is readable for its owner alone."""
    import tempfile

    place(out, force)
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


def beside(file: Path, path: str) -> bytes | None:
    """A body beside a cassette; None when somebody deleted it. Raises CassetteError for what is none.

    A cassette may be a stranger's, and so may the folder beside it: what is read here is copied, and deleted when it
    was redacted. So it has to be a file in a folder `*.files`, and none that a link leads to.
    """
    from simulator.core.errors import CassetteError

    source = file.parent / path
    folder = path.partition("/")[0]
    if "/" not in path or not folder.endswith(".files"):
        raise CassetteError(str(file), 0, f"names the body {path}, which is not in {file.stem}.files: not touched")
    try:
        # As far as the cassette's own folder, links are the operator's.
        if source.resolve(strict=True) != file.parent.resolve() / path or not source.is_file():
            raise CassetteError(str(file), 0, f"names the body {path}, which is a link or no file: not touched")
        found = whole(source, BODY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CassetteError(str(file), 0, f"its body {path} can't be read: {error.strerror}") from None
    if isinstance(found, int):
        raise CassetteError(str(file), 0, f"its body {path} has {found >> 20} MiB, and may have {BODY >> 20}")
    return found


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
    from simulator.core.errors import SimulatorError

    body = half.body
    if not isinstance(body, Beside) or body.path is None:
        return half
    raw = beside(file, body.path)
    if raw is None:
        return half
    source = file.parent / body.path
    new = raw if redactor is None else scrub.body(raw, scrub.kind_of(half), redactor)
    if not isinstance(new, bytes) or (new == raw and source.resolve() == (out.parent / body.path).resolve()):
        return half
    # Never over the old one: while this one is written the old cassette may be what stays.
    name = f"{Path(body.path).stem}-redacted.bin" if new != raw else Path(body.path).name
    folder = out.with_name(f"{out.stem}.files")
    if folder.is_symlink():
        raise SimulatorError(f"{folder}: is a link, and bodies are to be written there: not followed")
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / name
    # What stands there may be a link to somewhere else.
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new_body:
        new_body.write(new)
    if file.resolve() == out.resolve():
        gone.append(source)
    return replace(half, body=Beside(f"{folder.name}/{name}", len(new), sha256(new).hexdigest()))

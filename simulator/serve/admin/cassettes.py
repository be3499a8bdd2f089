"""Cassettes by control call: which there are, what is in one, what differs between two, and one said to a client."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulator import backends
from simulator.core.errors import CassetteError, SimulatorError
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.channels import named
from simulator.serve.admin.complaint import Complaint

if TYPE_CHECKING:
    from simulator.cassette.tape import Tape
    from simulator.serve.admin.shapes.cassettes import Compare, Lanes, Play

_PACKAGE: Final = Path(__file__).parents[2]
_LISTED: Final = 500
"""Files of a folder."""
_LARGEST: Final = 16 << 20
"""Bytes of a cassette that is looked at here; the command line takes any."""
_ROWS: Final = 20_000
"""What is told of one: a page shows no more."""
_SHOWN: Final = 8 << 10
"""Characters of one text in a row."""
_ROOM: Final = 24 << 20
"""Characters of all rows together."""
_DIFFERENCES: Final = 1000
_SECONDS: Final = 10.0
"""Of CPU for one that is looked at: what is written otherwise than recorders write takes twenty times as long."""
_THREAD: Final = ThreadPoolExecutor(1, "cassettes")
"""One at a time: each takes a core, and clients want to be served as well."""


def shipped() -> Path:
    """Where the cassettes lie that come with the package; in a checkout beside it."""
    inside = _PACKAGE / "cassettes"
    return inside if inside.exists() else _PACKAGE.parent / "cassettes"


def files(own: Path | None) -> dict[str, Path]:
    """What there is, by name: the operator's own first."""
    found: dict[str, Path] = {}
    folders = [folder.resolve() for folder in (own, shipped()) if folder is not None]
    for folder in dict.fromkeys(folders):
        paths = (path for path in folder.rglob("*.y*ml") if path.suffix in (".yaml", ".yml") and path.is_file())
        for path in sorted(islice(paths, _LISTED)):
            found.setdefault(path.relative_to(folder).as_posix(), path)
    return found


async def every(asking: Asking) -> Any:
    """`GET /__admin/cassettes`."""
    return {"cassettes": await _apart(_listed, asking.site.cassettes)}


def _listed(own: Path | None) -> list[dict[str, Any]]:
    from simulator.cassette.tape import open_tape

    told = []
    for name, path in files(own).items():
        one: dict[str, Any] = {"name": name, "backend": None, "recorded": None, "error": None}
        try:
            one["bytes"] = path.stat().st_size
            with open_tape(path) as tape:
                one |= {"backend": tape.header.backend, "recorded": tape.header.recorded}
        except CassetteError as error:
            one["error"] = error.why
        except OSError:
            # It went away between two looks.
            continue
        told.append(one)
    return told


class _Watched(io.BytesIO):
    """A text of which no more is read once that has taken too long."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._look = _within(name, "show")

    def readline(self, size: int | None = -1, /) -> bytes:
        self._look()
        return super().readline(size)


def _within(name: str, command: str) -> Callable[[], None]:
    """What is called ever again raises Complaint once it has taken too long since this."""
    until = time.thread_time() + _SECONDS

    def look() -> None:
        if time.thread_time() > until:
            why = f"cassette: {name} takes longer than {_SECONDS:g} s: `simulator cassette {command}` takes its time"
            raise Complaint(413, why)

    return look


def opened(text: str, own: Path | None) -> Tape:
    """One by its name, or itself as text. Raises Complaint, CassetteError."""
    from simulator.cassette.tape import Tape

    if "\n" in text:
        name = "the cassette"
        return Tape(_Watched(text.encode("utf-8", "replace"), name), name)
    path = files(own).get(text)
    if path is None:
        known = ", ".join(files(own)) or "none; --cassettes names a folder of them"
        raise Complaint(404, f"cassette: there is no {text!r}; there are: {known}")
    try:
        data = path.read_bytes() if path.stat().st_size <= _LARGEST else None
    except OSError as error:
        raise Complaint(404, f"cassette: {text} can't be read: {error.strerror}") from None
    if data is None:
        raise Complaint(413, f"cassette: {text} is longer than {_LARGEST} bytes: `simulator cassette show` takes it")
    return Tape(_Watched(data, text), text)


async def _apart(work: Any, *args: Any) -> Any:
    """Let a thread do what takes long. Raises Complaint."""
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREAD, work, *args)
    except CassetteError as error:
        raise Complaint(400, f"cassette: {error}") from None
    except SimulatorError as error:
        raise Complaint(400, str(error)) from None


# ---- what is in one ----


async def lanes(asking: Asking) -> Any:
    """`POST /__admin/cassettes/lanes {"cassette": its name, or itself as text}`: all that passed."""
    from simulator.serve.admin.shapes.cassettes import Lanes

    return await _apart(_lanes, await asking.read(Lanes, _LARGEST), asking.site.cassettes)


def _lanes(asked: Lanes, own: Path | None) -> dict[str, Any]:
    from simulator.cassette.reading import backend_of
    from simulator.cassette.timeline import rows

    tape = opened(asked.cassette, own)
    backend = backend_of(tape.header, asked.backend)
    told: list[dict[str, object]] = []
    kept: list[Any] = []
    total, room, last = 0, _ROOM, 0.0
    for row in rows(tape, backend):
        total += 1
        last = max(last, row.at)
        room -= min(len(row.raw), _SHOWN) + min(len(row.payload), _SHOWN)
        if total <= _ROWS and room > 0:
            kept.append(row)
    # Only now does each know its answer.
    told = [_row(row) for row in kept]
    header = tape.header
    return {
        "name": tape.path,
        "backend": None if backend is None else backend.name,
        "recorded": header.recorded,
        "by_hand": header.by_hand,
        "upstream": header.upstream,
        "recorder": header.recorder,
        "seconds": last,
        "torn": None if tape.torn is None else f"line {tape.torn.line}: {tape.torn.why}",
        "total": total,
        "left_out": total - len(told),
        "rows": told,
    }


def _row(row: Any) -> dict[str, object]:
    from simulator.cassette.screen import as_json

    told = as_json(row)
    for key in ("name", "payload", "text", "bytes"):
        value = told.get(key)
        if isinstance(value, str) and len(value) > _SHOWN:
            told[key] = f"{value[:_SHOWN]}… ({len(value)} characters)"
        if isinstance(value, str) and not value.isascii():
            # Bytes that are not UTF-8 stand as lone surrogates, which JSON can't say.
            told[key] = str(told[key]).encode("utf-8", "replace").decode()
    return told


# ---- two ----


async def compare(asking: Asking) -> Any:
    """`POST /__admin/cassettes/compare {"a", "b", "shape"}`: what differs in meaning, as `simulator cassette diff`."""
    from simulator.serve.admin.shapes.cassettes import Compare

    return await _apart(_compare, await asking.read(Compare, 2 * _LARGEST), asking.site.cassettes)


def _compare(asked: Compare, own: Path | None) -> dict[str, Any]:
    from simulator.cassette import compare as comparing
    from simulator.cassette import difference
    from simulator.cassette.conversation import said
    from simulator.cassette.reading import backend_of

    talks, names, chosen = [], [], None
    for text in (asked.a, asked.b):
        tape = opened(text, own)
        backend = backend_of(tape.header)
        chosen = backend or chosen
        names.append(tape.path)
        talks.append([*_few(said(tape, backend), tape.path)])
    volatile = frozenset[str]() if chosen is None else chosen.volatile
    look = _within(f"{names[0]} against {names[1]}", "diff")
    found = comparing.compare(talks[0], talks[1], volatile, values=not asked.shape, look=look)
    return {
        "a": names[0],
        "b": names[1],
        "messages": [len(talk) for talk in talks],
        "summary": difference.summary(found),
        "total": len(found),
        "differences": [difference.as_json(one) for one in found[:_DIFFERENCES]],
    }


def _few(said: Iterator[Any], name: str) -> Iterator[Any]:
    for number, one in enumerate(said):
        if number >= _ROWS:
            raise Complaint(413, f"{name} has more than {_ROWS} messages: `simulator cassette diff` takes it")
        yield one


# ---- one said to a client ----


async def play(asking: Asking) -> Any:
    """`POST /__admin/cassettes/play {"cassette", "channel", ...}`: the server's half is said to that client."""
    from simulator.serve.admin import playing
    from simulator.serve.admin.shapes.cassettes import Play

    asked = await asking.read(Play, _LARGEST)
    place = asking.place()
    running, present = named(place, asked.channel)
    plan = await _apart(_plan, asked, running.backend.name, asking.site.cassettes)
    return playing.begin(place.driver, running, present, plan, asked)


def _plan(asked: Play, name: str, own: Path | None) -> Any:
    from simulator.cassette import plan as plans

    tape = opened(asked.cassette, own)
    theirs = tape.header.backend
    if theirs not in (None, name):
        raise Complaint(409, f"cassette: {tape.path} is of {theirs}, and that client is one of {name}")
    return plans.read(tape, backends.load(name))


async def plays(asking: Asking) -> Any:
    """`GET /__admin/cassettes/play`: what is being said, and how far it is."""
    from simulator.serve.admin import playing

    return {"plays": playing.told(asking.place().driver)}


async def stop(asking: Asking) -> Any:
    """`DELETE /__admin/cassettes/play`: what was not said yet is not said."""
    from simulator.serve.admin import playing

    return {"plays": playing.stop(asking.place().driver)}


_NO_CASSETTE: Final = {404: "There is no such cassette.", 413: "It is too long for this call."}
CALLS = (
    Call("GET", "cassettes", every, "The cassettes that can be opened by name.", "cassettes:Cassettes"),
    Call(
        "POST",
        "cassettes/lanes",
        lanes,
        "What is in a cassette: every connection, exchange and frame with its time.",
        "cassettes:Tape",
        "cassettes:Lanes",
        fails=_NO_CASSETTE,
    ),
    Call(
        "POST",
        "cassettes/compare",
        compare,
        "What differs in meaning between two cassettes.",
        "cassettes:Compared",
        "cassettes:Compare",
        fails=_NO_CASSETTE,
    ),
    Call("GET", "cassettes/play", plays, "What is being said from cassettes.", "cassettes:Plays"),
    Call(
        "POST",
        "cassettes/play",
        play,
        "Say the server's half of a cassette to a connected client, in its own time.",
        "cassettes:Playing",
        "cassettes:Play",
        fails={
            404: "There is no such cassette, or no such client.",
            409: "The cassette is of another backend, or has nothing that could be said.",
            413: "It is too long for this call.",
        },
    ),
    Call("DELETE", "cassettes/play", stop, "Stop saying what is left of cassettes.", "cassettes:Plays"),
)

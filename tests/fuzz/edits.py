"""What makes something else of a cassette: `cassette trim` and `export`, `verify --fresh`, and values put in the place of others.

The input is a cassette, a line `#--edit`, and lines of what is done with it:

    trim --from 1 --to 0:05 --conn 1 --around err* --within 2 --drop (ping) --rebase
    export
    fresh send.id *.messageId
    binds 3 7=other             the third text of its messages is a new one, the seventh is this one

In place of the cassette `tape chip` is the one that is shipped, or one of tests/cassette/tapes.py. Of a command there is one
line and an exit code, or a file that can be read again and holds as well as the one that it was made of; what was put in the
place of something is taken out again.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from click.testing import CliRunner

from simulator.cassette import bindings, check, har, opaque
from simulator.cassette.entries import Closed, Cut, Entry, Opened, Passed, Upgraded
from simulator.cassette.reading import Reading, backend_of
from simulator.cassette.recorder import Recorder
from simulator.cassette.records import dump
from simulator.cassette.sessions import is_poll
from simulator.cassette.sink import MemorySink
from simulator.cassette.tape import Tape
from simulator.cli import main
from simulator.core.backend import Backend
from simulator.core.errors import FileError, SimulatorError
from simulator.core.ids import Ids
from simulator.core.wire import Turn
from simulator.drive.fresh import fresh
from tests.fuzz import files, verified
from tests.fuzz.spelling import read
from tests.fuzz.words import JUNK, change

BREAK = b"\n#--edit\n"
MOST = 6
"""Lines that are done."""


class Wrong(AssertionError):
    """With the line that showed it."""


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    # What is written is brought to the disk each time, which takes longer than all else; not where there is none.
    memory = Path("/dev/shm")  # noqa: S108
    return tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory if os.access(memory, os.W_OK) else None)


def parts(data: bytes) -> tuple[bytes, list[str]]:
    """The cassette, and the lines."""
    head, _, said = data.partition(BREAK)
    if head.startswith(b"tape "):
        head = verified.taped(head[5:].decode("utf-8", "replace"))
    return head, said.decode("utf-8", "replace").split("\n")[:MOST]


def edited(data: bytes) -> None:
    """Each of the lines, with the same cassette."""
    cassette, lines = parts(data)
    with files.bounded():
        Path(_folder().name, "talk.yaml").write_bytes(cassette)
        for line in lines:
            what, _, rest = line.partition(" ")
            try:
                _EDITS.get(what, _nothing)(cassette, [read(word) for word in rest.split(" ") if word])
            except Exception as error:
                raise Wrong(f"{type(error).__name__}: {error}\n  at: {line}") from error


def _nothing(cassette: bytes, words: list[str]) -> None:
    pass


# ---- commands ----


def _run(*words: str) -> bool:
    """Whether there is something now. Raises AssertionError where it says anything but one line."""
    done = CliRunner().invoke(main, [*words], prog_name="simulator")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    told = done.stderr.splitlines()
    assert "Traceback" not in done.output
    # One line for what is torn, before the last one.
    assert all(": warning: " in line for line in told[:-1]), told
    assert done.exit_code in (0, 2), (done.exit_code, told)
    if done.exit_code:
        assert len(told) >= 1
        assert told[-1].startswith("simulator: "), told
        assert "\n" not in told[-1]
    return done.exit_code == 0 and not done.stdout


def _trim(cassette: bytes, words: list[str]) -> None:
    # It writes what it is told to: nothing but what is meant here.
    words = [word for word in words if not word.startswith(("--out", "--h", "-h"))]
    path, out = Path(_folder().name, "talk.yaml"), Path(_folder().name, "part.yaml")
    out.unlink(missing_ok=True)
    if not _run("cassette", "trim", str(path), "--out", str(out), *words):
        assert not out.exists(), "it failed, and has written something"
        return
    part = out.read_bytes()
    whole, rest = _read(cassette), _read(part)
    before = [dump(entry) for entry in whole]
    after = [dump(entry) for entry in rest]
    if "--rebase" in words:
        before, after = ([one.partition(b"\n")[2] for one in found] for found in (before, after))
    at = 0
    for entry, record in zip(rest, after, strict=True):
        if isinstance(entry, Cut) and entry.why == "trimmed":
            continue
        assert record in before[at:], f"not on the tape, or in another order: {record[:200]!r}"
        at = before.index(record, at) + 1
    times = [entry.at for entry in rest]
    assert times == sorted(times) or [entry.at for entry in whole] != sorted(entry.at for entry in whole)
    # Who drops what opens a namespace or a topic gets what he wants.
    new = set[str]() if "--drop" in words else _errors(part) - _errors(cassette)
    assert not new, f"{new} was not wrong before"


def _errors(cassette: bytes) -> set[str]:
    tape = Tape(io.BytesIO(cassette), "x.yaml")
    return {one.why for one in check.check(tape, backend_of(tape.header)) if one.level == check.ERROR}


def _export(cassette: bytes, words: list[str]) -> None:
    path, out = Path(_folder().name, "talk.yaml"), Path(_folder().name, "talk.har")
    out.unlink(missing_ok=True)
    if not _run("cassette", "export", str(path), "--har", str(out)):
        assert not out.exists(), "it failed, and has written something"
        return
    made = out.read_bytes()
    json.loads(made, parse_constant=_no_json)
    whole = _read(cassette)
    try:
        found = har.read("talk.har", made, _none_beside, everything=True)
    except FileError as refused:
        files.one_line(refused)
        if _frames(whole):
            raise AssertionError(f"{len(_frames(whole))} frames, and none can be read: {refused}") from refused
        return
    sink = MemorySink()
    recorder = Recorder(sink, found.started, tell=_no_line)
    found.play(recorder)
    recorder.close(found.steps[-1][0])
    again = _read(b"".join(sink.records))
    assert recorder.counts.failures == 0
    kept, there = (sorted(_frames(entries), key=repr) for entries in (again, whole))
    assert kept == there, f"{len(kept)} frames of {len(there)}: {kept} of {there}"[:2000]


def _frames(entries: list[Entry]) -> list[tuple[str, str | bytes]]:
    """Of sockets that were opened and not over, as a HAR can have them."""
    found: list[tuple[str, str | bytes]] = []
    there: set[tuple[int, int]] = set()
    for entry in entries:
        match entry:
            case Opened() if not is_poll(entry.path):
                there.add((entry.conn, 1))
            case Upgraded():
                there.add((entry.conn, entry.link))
            case Closed():
                there.discard((entry.conn, entry.link))
            case Passed() if (entry.conn, entry.link) in there and entry.via == "websocket":
                found.append((entry.sender, entry.data))
    return found


def _none_beside(name: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory")


def _no_json(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def _no_line(line: str) -> None:
    raise AssertionError(line)


def _read(cassette: bytes) -> list[Entry]:
    tape = Tape(io.BytesIO(cassette), "x.yaml")
    return [*tape]


# ---- values ----


def _turns(cassette: bytes) -> Iterator[tuple[Turn, Backend | None]]:
    tape = Tape(io.BytesIO(cassette), "x.yaml")
    backend = backend_of(tape.header)
    reading = Reading(backend)
    for entry in tape:
        for turn in reading.pass_by(entry):
            if turn.message is not None:
                yield turn, backend


def _fresh(cassette: bytes, words: list[str]) -> None:
    try:
        tape = Tape(io.BytesIO(cassette), "x.yaml")
        made = fresh(tape, backend_of(tape.header), words, Ids.seeded(7))
    except SimulatorError as error:
        files.one_line(error)
        return
    for old, new in made.items():
        assert len(old) == len(new), (old, new)
        assert old.isdecimal() is new.isdecimal()
    _put(cassette, made)


def _binds(cassette: bytes, words: list[str]) -> None:
    try:
        values = [*dict.fromkeys(value for turn, _ in _turns(cassette) for value in _texts(turn.message.args))]  # type: ignore[union-attr]
    except FileError as error:
        files.one_line(error)
        return
    ids, made = Ids.seeded(7), dict[str, str]()
    for word in words:
        number, sep, new = word.partition("=")
        if values and number.isascii() and number.isdigit():
            old = values[int(number[:6]) % len(values)]
            made[old] = new if sep else opaque.mint(old, ids)
    _put(cassette, made)


def _put(cassette: bytes, made: dict[str, str]) -> None:
    """Each message with others in their place, and with these again."""
    live: list[str] = []
    both = bindings.Bindings(live.append)
    for old, new in made.items():
        both.bind(old, new)
    assert len(both) <= len(live)
    text = cassette.decode("utf-8", "replace")
    distinct = len({*live}) == len(live) and not any(new in text for new in live)
    for turn, _ in _turns(cassette):
        args = turn.message.args  # type: ignore[union-attr]
        other = bindings.changed(args, both.to_live)
        assert [*map(_shape, other)] == [*map(_shape, args)], "values have changed more than values"
        again = bindings.changed(other, both.to_taped)
        assert [*map(_shape, again)] == [*map(_shape, args)]
        if distinct and all(opaque.TOKENS.fullmatch(value) for pair in made.items() for value in pair):
            assert again == args, f"{again} was {args} before, with {other} between"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _shape(value: Any) -> Any:
    """What it is made of, whatever its texts and numbers say."""
    if isinstance(value, dict):
        return [_shape(inner) for inner in value.values()]
    if isinstance(value, list | tuple):
        return [*map(_shape, value)]
    return "scalar" if isinstance(value, str | int | float) and not isinstance(value, bool) else value


_EDITS: dict[str, Callable[[bytes, list[str]], None]] = {
    "trim": _trim, "export": _export, "fresh": _fresh, "binds": _binds,
}  # fmt: skip


# ---- words ----

TIMES = ["0", "0.5", "1", "2.5", "1:00", "0:02.5", "1:00:00", "9999", "1e3", "-1", "x", "0:60", ""]
PATTERNS = ["*", "err*", "(ping)", "(*", "connect", "phx_join", "phx_*", "send_msg", "chat_out", "ack of *", "[", "[!a]*", "?", "~d800~", "phx_reply to *"]  # fmt: skip
PLACES = ["*.id", "*.messageId", "*.session", "*.*", "*", "send_msg.text", "*.text", "*.1", "*.**", "x.y.z", ".", "", "*.list.*.id", "ack_chat.msg_id", "*.data.*"]  # fmt: skip


def _options(dice: Random) -> str:
    said = []
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        match dice.randrange(8):
            case 0:
                said.append(f"--from {dice.choice(TIMES)}")
            case 1:
                said.append(f"--to {dice.choice(TIMES)}")
            case 2:
                said.append(f"--conn {dice.choice((1, 1, 2, 3, 0, -1, 99))}")
            case 3:
                said.append(f"--around {dice.choice(PATTERNS).replace(' ', '?')}")
            case 4:
                said.append(f"--within {dice.choice(TIMES)}")
            case 5:
                said.append("--rebase")
            case _:
                said.append(f"--drop {dice.choice(PATTERNS).replace(' ', '?')}")
    return " ".join(said)


def _line(dice: Random) -> str:
    match dice.randrange(8):
        case 0 | 1 | 2:
            line = f"trim {_options(dice)}"
        case 3:
            line = "export"
        case 4:
            line = f"fresh {' '.join(dice.choice(PLACES) for _ in range(dice.choice((1, 1, 2))))}"
        case _:
            numbers = (
                f"{dice.randrange(200)}{'' if dice.random() < 0.7 else '=' + dice.choice(JUNK).replace(' ', '')}"
                for _ in range(dice.choice((1, 2, 5)))
            )
            line = f"binds {' '.join(numbers)}"
    return change(line, dice) if dice.random() < 0.1 else line


def sample(dice: Random) -> bytes:
    """A tape that is there, and what may be done with it."""
    name = dice.choice(verified.names())
    lines = [_line(dice) for _ in range(dice.choice((1, 1, 2, 3)))]
    return b"tape " + name.encode() + BREAK + "\n".join(lines).encode("utf-8", "replace")


def mutate(data: bytes, dice: Random) -> bytes:
    """The tape is another, or something else is done with it."""
    head, _, said = data.partition(BREAK)
    if dice.random() < 0.5:
        whole = verified.taped(head[5:].decode("utf-8", "replace")) if head.startswith(b"tape ") else head
        # Of a long one a part, so that it goes quickly.
        head = files.mutated(whole[: dice.choice((2000, 6000, 20000))].rpartition(b"\n- at:")[0] + b"\n", dice)
    lines = said.decode("utf-8", "replace").split("\n")[:MOST]
    for _ in range(dice.choice((0, 1, 1, 2))):
        at = dice.randrange(len(lines) + 1)
        match dice.randrange(4):
            case 0 | 1:
                lines[at : at + 1] = [_line(dice)]
            case 2:
                del lines[at : at + 1]
            case _ if at < len(lines):
                lines[at] = change(lines[at], dice)
    return head + BREAK + "\n".join(lines).encode("utf-8", "replace")

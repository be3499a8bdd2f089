"""What operators feed: cassettes, scenarios, HARs, fixtures and settings. Read, or refused in one line; nothing else."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

from simulator import backends
from simulator.cassette import check, compare, conversation, har, scrub, stats, timeline
from simulator.cassette.entries import Entry, Header, Opened, Passed
from simulator.cassette.places import TooMany
from simulator.cassette.playback import Playback
from simulator.cassette.reading import backend_of
from simulator.cassette.recorder import Recorder
from simulator.cassette.records import dump
from simulator.cassette.redact import Redactor
from simulator.cassette.sink import MemorySink
from simulator.cassette.tape import Tape
from simulator.cassette.walk import Manner
from simulator.core.backend import NoMethod, NoRoute, find
from simulator.core.errors import FileError, SimulatorError
from simulator.scenario import check as judged
from simulator.scenario.stage import Stage, load
from simulator.serve import replay, seeds
from tests.cassette import hars
from tests.talk import Talk

ROOT = Path(__file__).parents[2]
LONGEST = 64 << 10
SLOWEST = 20.0
"""Seconds of CPU for one of that length, on an instrumented interpreter."""


class Hung(AssertionError):
    """It took longer than anybody waits."""


@contextmanager
def bounded() -> Iterator[None]:
    """Nothing takes long: seconds of this process's CPU, so that a busy machine changes nothing."""
    before = process_time()
    yield
    took = process_time() - before
    if took > SLOWEST:
        raise Hung(f"it took {took:.1f} seconds of CPU")


def one_line(error: SimulatorError) -> None:
    """What the operator is told, which is nothing but that."""
    said = str(error)
    assert said
    assert "\n" not in said, said
    assert "Traceback" not in said, said
    assert error.exit_code == 2


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fuzz-")


def cassette(data: bytes) -> None:
    """As `cassette check`, `show`, `stats`, `diff` and `redact` read it, and as a replay plays it."""
    with bounded():
        try:
            tape = Tape(io.BytesIO(data), "x.yaml")
            backend = backend_of(tape.header)
            entries = [*tape]
        except FileError as error:
            one_line(error)
            return
        for finding in check.check(Tape(io.BytesIO(data), "x.yaml"), backend):
            assert "\n" not in finding.told("x.yaml")
        [*timeline.rows(entries, backend)]
        stats.text(stats.count(Tape(io.BytesIO(data), "x.yaml"), backend))
        said = [*conversation.said(entries, backend)]
        assert compare.compare(said, said) == [], "a tape that differs from itself"
        redactor = Redactor(b"k" * 32)
        for entry in entries:
            with suppress(TooMany):
                # What is written is read again.
                again = scrub.redacted(entry, redactor)
                [*Tape(io.BytesIO(HEAD + dump(again)), "y.yaml")]
        _replayed(data, entries)


HEAD = b"cassette: 1\nby_hand: 'x'\nentries:\n"


def _replayed(data: bytes, entries: Sequence[Entry]) -> None:
    path = Path(_folder().name) / "x.yaml"
    path.write_bytes(data)
    try:
        backend, _ = replay.prepare([path], None, Manner(), lambda line: None)
    except SimulatorError as error:
        one_line(error)
        return
    talk = Talk(backend.name, backend=backend, seeded=None if backend.name in backends.names() else {})
    assert isinstance(talk.running.engine.rules, Playback)
    said = [entry for entry in entries if isinstance(entry, Passed) and entry.sender == "client"]
    for opened in [entry for entry in entries if isinstance(entry, Opened)][:3]:
        if isinstance(find(talk.backend.routes, "GET", opened.path.partition("?")[0]), NoRoute | NoMethod):
            continue
        client = talk.connect(path=opened.path)
        for passed in [one for one in said if one.conn == opened.conn][:30]:
            if client.open:
                client.send(passed.data)
        talk.after(10.0)
        client.close(1006)
    talk.after(600.0)
    assert not [text for level, text, _ in talk.logged if level == "error" and "Traceback" in text]


def scenario(data: bytes) -> None:
    """Read, judged for all backends, and played to somebody who says hello."""
    with bounded():
        try:
            script = load(data, "x.yaml")
        except FileError as error:
            one_line(error)
            return
        stands = [judged.Stand(backend, None) for backend in backends.all_backends()]
        for finding in judged.check(script, stands, backends.names()):
            assert "\n" not in str(finding.why)
        talk = Talk("chip", script=Stage(script))
        client = talk.connect()
        for text in ('{"type":"start_chat"}', '{"type":"send_msg","text":"hello"}', '{"type":"send_msg","text":"7"}'):
            if client.open:
                client.send(text)
        for _ in range(200):
            due = talk.running.engine.next_due()
            if due is None:
                break
            talk.after(max(0.0, due - talk.clock.now()))
        assert not [text for level, text, _ in talk.logged if level == "error" and "Traceback" in text]


def imported(data: bytes) -> None:
    """A HAR becomes a cassette that can be read."""
    with bounded():
        try:
            found = har.read("x.har", data, _nothing_beside)
        except FileError as error:
            one_line(error)
            return
        sink = MemorySink()
        recorder = Recorder(sink, found.started, Header(recorder=found.creator), Redactor(b"k" * 32))
        found.play(recorder)
        recorder.close(found.steps[-1][0])
        [*Tape(io.BytesIO(b"".join(sink.records)), "har.yaml")]


def _nothing_beside(name: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory")


def fixtures(data: bytes) -> None:
    """A file of fixtures for each backend, and what stands behind its end as `--set` would have it."""
    text, _, settings = data.partition(b"\n#--set ")
    pairs = [one.partition("=") for one in settings.decode("utf-8", "replace").split(" ") if "=" in one]
    said = [(key, value) for key, _, value in pairs]
    path = Path(_folder().name) / "fixtures.yaml"
    path.write_bytes(text)
    with bounded():
        for backend in backends.all_backends():
            try:
                seed: Any = seeds.load(backend, path, said)
            except SimulatorError as error:
                one_line(error)
                continue
            talk = Talk(backend.name, seeded=seed.model_dump())
            try:
                talk.connect()
            except AssertionError as error:
                assert "no route" in str(error), error  # noqa: PT017
            talk.after(1.0)


# ---- to begin with ----


def _samples(pattern: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(ROOT.glob(pattern))]


@cache
def seeds_of(name: str) -> list[bytes]:
    """Right ones, which mutations make wrong."""
    match name:
        case "cassette":
            whole = _samples("cassettes/*/*.yaml")
            return [HEAD + b"- at: 1.000000\n  conn: 1\n  from: client\n  text: 'a'\n", *(one[:6000] for one in whole)]
        case "scenario":
            return _samples("fixtures/scenarios/*.yaml")
        case "har":
            return [value for value in vars(hars).values() if isinstance(value, bytes)]
        case _:
            return [
                b"settings: {}\n#--set bot=echo",
                *(one + b"\n#--set bot=echo bot_delay=0" for one in _samples("fixtures/*.yaml")),
            ]


PIECES = [
    b"null", b"true", b"0", b"-1", b"1e999", b"9" * 400, b"''", b'"', b"'", b"[", b"]", b"{", b"}", b":", b"- ", b"&a ", b"*a", b"!!binary ",
    b"!!python/object:os.system ", b"!!bool x", b"!!float nan", b"<<: *a", b"? ", b"| ", b"|\n", b"> ", b"%YAML 1.1\n", b"---\n", b"...\n", b"\t",
    b"\r\n", b"\xef\xbb\xbf", b"\xff", b"\x00", b"\xed\xa0\x80", b"\\ud800", b"\\x", b"2026-01-01", b"0o7", b"0x_", b"1:30", b".inf", b"~", b"=", b"<<",
    b"[" * 200, b"{a: " * 120, b"x" * 3000, b"{{ x }}", b"{{ 'a' * 999999999 }}", b"{% for i in range(9) %}", b"conn: 0", b"at: -1", b"event: open",
    b"from: server", b"via: polling", b"body: 9999999999", b"link: 2", b"text: !!binary AA==", b"status: 99", b"12", b"-0.0", b"'2026-13-45T99:00:00Z'",
]  # fmt: skip


def mutated(data: bytes, dice: Random) -> bytes:
    """A line or a part of one is another, is missing, is there twice, or two are mixed."""
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        lines = data.split(b"\n")
        at = dice.randrange(len(lines))
        match dice.randrange(8):
            case 0:
                lines.insert(at, lines[dice.randrange(len(lines))])
            case 1:
                del lines[at]
            case 2:
                lines[at] = b"  " * dice.randrange(4) + lines[at].lstrip()
            case 3:
                lines[at], lines[at - 1] = lines[at - 1], lines[at]
            case 4:
                line = lines[at]
                key, sep, _ = line.partition(b": ")
                lines[at] = key + (sep or b": ") + dice.choice(PIECES)
            case 5:
                data = b"\n".join(lines)
                cut = dice.randrange(len(data) + 1)
                lines = [data[:cut], data[cut + dice.randrange(8) :]] if dice.random() < 0.5 else [data[:cut]]
            case _:
                data = b"\n".join(lines)
                cut = dice.randrange(len(data) + 1)
                lines = (data[:cut] + dice.choice(PIECES) + data[cut + dice.randrange(3) :]).split(b"\n")
        data = b"\n".join(lines)
    return data[:LONGEST]


FILES: dict[str, Callable[[bytes], None]] = {
    "cassette": cassette, "scenario": scenario, "har": imported, "fixtures": fixtures,
}  # fmt: skip

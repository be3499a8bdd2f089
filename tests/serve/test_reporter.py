"""What the operator reads: a line for each thing, and nothing that a peer could do to a terminal."""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from simulator.core.message import Frame, Ping, Pong
from simulator.serve.printable import printable
from simulator.serve.reporter import Reporter

NOON = 1767268800.25
EVIL = "a\x1b[2Jb\x07c\nd\re\x9bf\u202eg\x00h\x7fi"
TAME = "a\\x1b[2Jb\\x07c\\nd\\re\\x9bf\\u202eg\\x00h\\x7fi"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def reporter(
    form: str = "text", verbose: bool = True, stream: io.StringIO | None = None
) -> tuple[Reporter, io.StringIO]:
    stream = stream or io.StringIO()
    return Reporter(lambda: NOON, form, verbose, stream), stream


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("häi 👍 日本", "häi 👍 日本"),
        (EVIL, TAME),
        ("\udcff\ud800", "??"),
        ("\ufeff\u2028\xad", "\\ufeff\\u2028\\xad"),
        ("it's \\", "it's \\\\"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    if "\\\\" in shown:
        # A backslash stays one: only what moves a cursor is changed.
        shown = text
    assert printable(text) == shown


def test_frames_as_text() -> None:
    report, stream = reporter()
    assert report.frames
    report.frame("chip", 3, "client", Frame('{"type":"start_chat"}'))
    report.frame("chip", 3, "server", Frame(b"\x00\xff"))
    report.frame("chip", 4, "server", Ping(b"x"))
    report.frame("chip", 4, "client", Pong())
    report.frame("chip", 4, "client", Frame(EVIL))
    assert stream.getvalue().splitlines() == [
        '12:00:00.250 chip #3 client >> {"type":"start_chat"}',
        "12:00:00.250 chip #3 server << '\\x00\\xff'",
        "12:00:00.250 chip #4 server << (ping 'x')",
        "12:00:00.250 chip #4 client >> (pong '')",
        f"12:00:00.250 chip #4 client >> {TAME}",
    ]


def test_time_has_three_digits_at_every_instant() -> None:
    for now in (1767268800.0, 1767268800.25, 1767268800.000001):
        stream = io.StringIO()
        Reporter(lambda now=now: now, "text", True, stream).frame("chip", 1, "client", Frame("x"))  # type: ignore[misc]
        assert len(stream.getvalue().split()[0]) == len("12:00:00.250"), stream.getvalue()


def test_long_frame_is_cut() -> None:
    report, stream = reporter()
    report.frame("chip", 1, "client", Frame("x" * 3000))
    assert stream.getvalue().endswith(f" {'x' * 2000}... (3000 characters)\n")


def test_what_a_peer_wrote_does_not_fill_the_disk() -> None:
    for form in ("text", "json"):
        report, stream = reporter(form)
        report.log("aida")("warning", "y" * 3000, topic="x" * 100_000, count=7)
        assert "... (3000 characters)" in stream.getvalue()
        assert "... (100000 characters)" in stream.getvalue()
        assert len(stream.getvalue()) < 5000


def test_frames_as_json() -> None:
    report, stream = reporter("json")
    report.frame("chip", 3, "client", Frame(EVIL))
    report.frame("chip", 3, "client", Frame("\udcff"))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    base = {"time": "2026-01-01T12:00:00.250000Z", "level": "debug", "backend": "chip", "text": "frame"}
    assert lines[0] == {**base, "link": 3, "sender": "client", "data": EVIL}
    assert lines[1] == {**base, "link": 3, "sender": "client", "data": "?"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_facts(form: str) -> None:
    report, stream = reporter(form)
    report.log("chip")("warning", EVIL, chat_id="\x1b\udcff", empty="", count=3)
    raw = stream.getvalue()
    assert raw.count("\n") == 1
    assert "\x1b" not in raw
    if form == "text":
        assert raw == f"12:00:00.250 chip warning {TAME} chat_id=\\x1b? count=3\n"
    else:
        line = json.loads(raw)
        assert (line["level"], line["text"], line["chat_id"], line["count"]) == ("warning", EVIL, "\x1b?", 3)


@pytest.mark.parametrize(
    ("verbose", "seen"), [(False, ["warning", "error"]), (True, ["debug", "info", "warning", "error"])]
)
def test_levels(verbose: bool, seen: list[str]) -> None:
    report, stream = reporter(verbose=verbose)
    for level in ("debug", "info", "warning", "error"):
        report.log("chip")(level, "x")
    assert [line.split()[2] for line in stream.getvalue().splitlines()] == seen
    assert report.frames is verbose


def test_colour_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for form, coloured in (("text", True), ("json", False)):
        report, stream = reporter(form, stream=Terminal())
        report.log("chip")("warning", "x")
        report.frame("chip", 1, "client", Frame("\x1b[31m"))
        assert ("\x1b[33mwarning\x1b[0m" in stream.getvalue()) is coloured
        assert "\x1b[31m" not in stream.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    report, stream = reporter(stream=Terminal())
    report.log("chip")("warning", "x")
    assert stream.getvalue() == "12:00:00.250 chip warning x\n"


def test_serving_goes_on_when_nobody_reads() -> None:
    report, _ = reporter(stream=Gone())
    report.log("chip")("warning", "x")
    report.frame("chip", 1, "client", Frame("x"))
    report, stream = reporter()
    stream.close()
    report.log("chip")("warning", "x")


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = [*logger.handlers], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)
    logging.getLogger("aiohttp.server").setLevel(logging.NOTSET)


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_libraries_say(root: logging.Logger, form: str) -> None:
    report, stream = reporter(form)
    report.attach()
    log = logging.getLogger("some.library")
    log.info("not of interest")
    log.warning("%s of a peer", "\x1b[2J\nline")
    try:
        raise ValueError("first\nsecond \x1b")
    except ValueError:
        log.exception("it failed")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "\x1b" not in stream.getvalue()
    if form == "text":
        assert lines[0] == "12:00:00.250 some.library warning \\x1b[2J\\nline of a peer"
        assert lines[1].startswith("12:00:00.250 some.library error it failed: ValueError(")
    else:
        assert json.loads(lines[0])["text"] == "\x1b[2J\nline of a peer"
        assert json.loads(lines[1])["level"] == "error"


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("Invalid header token:\n\n  b'\x1b'\n    ^", "and was told so with 400: Invalid header token"),
        ("Received HTTPS traffic on an HTTP port", "a client speaks TLS, and there is none here: it has to use ws:// "),
    ],
)
def test_what_is_no_http(root: logging.Logger, why: str, told: str) -> None:
    report, stream = reporter()
    report.attach()
    log = logging.getLogger("aiohttp.server")
    log.debug("not of interest")
    log.debug("nor this", exc_info=ValueError("x"))
    for level in (logging.DEBUG, logging.ERROR):
        log.log(level, "Error handling request from %s", "127.0.0.1", exc_info=BadHttpMessage(why))
    log.error("Error handling request from %s", "127.0.0.1", exc_info=ValueError("of ours"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("12:00:00.250 simulator warning a client ")
    assert told in lines[0]
    assert lines[1] == (
        "12:00:00.250 aiohttp.server error Error handling request from 127.0.0.1: ValueError('of ours')"
    )


def test_so_many_lines_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("simulator.serve.reporter.time", SimpleNamespace(monotonic=lambda: now[0]))
    report, stream = reporter(verbose=False)
    log = report.log("chip")
    for i in range(1003):
        log("warning", f"404: /{i}")
    assert len(stream.getvalue().splitlines()) == 1000
    now[0] += 10.5
    log("warning", "after that")
    assert [line.partition(" ")[2] for line in stream.getvalue().splitlines()[1000:]] == [
        "simulator warning 3 lines were left out: more than 1000 in 10 s",
        "chip warning after that",
    ]
    for i in range(1001):
        log("warning", f"404: /{i}")
    report.close()
    report.close()
    told = stream.getvalue().splitlines()
    assert (len(told), told[-1].partition(" ")[2]) == (
        2002,
        "simulator warning 2 lines were left out: more than 1000 in 10 s",
    )
    # Who asked for frames reads everything that passes, and what was wrong with it a thousand times.
    report, stream = reporter(verbose=True)
    for _ in range(1500):
        report.log("chip")("info", "x")
        report.frame("chip", 1, "client", Frame("y"))
        report.log("chip")("warning", "z")
    report.close()
    ends = Counter(line[-1] for line in stream.getvalue().splitlines())
    assert ends == {"x": 1500, "y": 1500, "z": 1000, "s": 1}
    assert stream.getvalue().endswith("500 lines were left out: more than 1000 in 10 s\n")


@pytest.mark.parametrize(
    ("text", "seconds", "told"),
    [
        (
            "socket.accept() out of system resource\nsocket: fd=7",
            60,
            "warning no more files can be opened (ulimit -n): ",
        ),
        ("a client speaks no TLS, which is spoken here", 60, "warning a client speaks no TLS"),
        ("refused with 503: crowded", 5, "warning refused with 503"),
    ],
)
def test_what_is_said_again_and_again(root: logging.Logger, text: str, seconds: float, told: str) -> None:
    report, stream = reporter()
    report.attach()
    log = logging.getLogger("simulator")
    record = log.makeRecord("simulator", logging.WARNING, "", 0, text, (), None)
    for after, lines in ((0.0, 1), (seconds - 1, 1), (seconds + 1, 2), (seconds + 2, 2)):
        again = log.makeRecord("simulator", logging.WARNING, "", 0, text, (), None)
        again.created = record.created + after
        log.handle(again)
        # What is said between them changes nothing.
        log.warning("%s", after)
        found = [line for line in stream.getvalue().splitlines() if told in line]
        assert len(found) == lines, after
    for i in range(200):
        log.warning("number %d", i)
    assert len(stream.getvalue().splitlines()) == 206

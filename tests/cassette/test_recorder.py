"""What passes, and what becomes of it in the cassette."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum
from typing import Any

import pytest

from simulator.cassette.entries import (
    Beside,
    Closed,
    Cut,
    Entry,
    Exchange,
    Header,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.recorder import Counts, Recorder
from simulator.cassette.sink import MemorySink
from simulator.cassette.tape import Tape
from simulator.core.message import Headers

START = 1_763_668_800.0
ENGINE = "/socket.io/?EIO=4&transport="


class Censor:
    """Takes out the word `secret`, chokes on `bomb`."""

    rules = ("the word",)

    def __init__(self) -> None:
        self.count = 0

    def text(self, text: str) -> str:
        if "bomb" in text:
            raise KeyError(text)
        if "secret" not in text:
            return text
        self.count += 1
        return text.replace("secret", "******")

    def binary(self, data: bytes) -> bytes:
        return self.text(data.decode("latin-1")).encode("latin-1")

    def headers(self, headers: Headers) -> Headers:
        return tuple((name, self.text(value)) for name, value in headers)

    path = text

    def body(self, body: bytes, kind: str) -> bytes | None:
        return None if kind == "opaque" else self.binary(body)


class Disk(MemorySink):
    """Fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None

    def write(self, record: bytes) -> None:
        if self.error is not None:
            raise self.error
        super().write(record)

    def close(self) -> None:
        super().close()
        if self.error is not None:
            raise self.error


class Recording:
    def __init__(self, **options: Any) -> None:
        self.sink = options.pop("sink", None) or Disk()
        self.told: list[str] = []
        self.recorder = Recorder(self.sink, START, Header("chip"), tell=self.told.append, **options)

    def tape(self) -> Tape:
        return Tape(self.sink.lines, "x.yaml")

    @property
    def entries(self) -> list[Entry]:
        return [replace(entry, line=0) for entry in self.tape()]

    def poll(
        self, time: float, method: str, sid: str, body: bytes, answer: bytes = b"ok", status: int = 200
    ) -> int | None:
        path = f"{ENGINE}polling{f'&sid={sid}' if sid else ''}"
        call = self.recorder.asked(START + time, TapedRequest(method, path, (("A-b", "c"),), body or None))
        return self.recorder.answered(START + time + 0.5, call, TapedResponse(status, (), answer))


# ---- sockets ----


def test_who_listens_hears_frames_as_they_passed() -> None:
    heard: list[tuple[object, ...]] = []
    on = Recording(redactor=Censor(), heard=lambda *frame: heard.append(frame))
    line = on.recorder.open(START, "/ws", (), ())
    on.recorder.frame(START + 1, line, "client", "a secret")
    on.recorder.close(START + 2)
    on.recorder.frame(START + 3, line, "server", b"late")
    assert heard == [(START + 1, 1, "client", "a secret", "websocket"), (START + 3, 1, "server", b"late", "websocket")]
    assert [entry.data for entry in on.entries if isinstance(entry, Passed)] == ["a ******"]


def test_a_conversation() -> None:
    on = Recording()
    line = on.recorder.open(
        START + 0.25, "/ws?a=1", (("Origin", "https://app.example.test"),), (("Upgrade", "websocket"),)
    )
    on.recorder.frame(START + 0.5, line, "client", '{"type":"start_chat"}')
    on.recorder.frame(START + 0.75, line, "server", b"\x00\xff")
    on.recorder.closed(START + 1, line, 4001, "bye", "server")
    on.recorder.close(START + 2)
    assert on.tape().header == Header("chip", "2025-11-20T20:00:00Z")
    assert on.entries == [
        Opened(0.25, 1, "/ws?a=1", (("Origin", "https://app.example.test"),), (("Upgrade", "websocket"),)),
        Passed(0.5, 1, "client", '{"type":"start_chat"}'),
        Passed(0.75, 1, "server", b"\x00\xff"),
        Closed(1, 1, 4001, "bye", "server"),
    ]
    assert on.recorder.counts == Counts(1, 0, 2, sum(map(len, on.sink.records)), 0, 0)
    assert on.sink.closed
    assert on.told == []
    assert on.recorder.stopped == "the recording ended"


def test_each_record_is_one_write() -> None:
    on = Recording()
    line = on.recorder.open(START, "/", ())
    on.recorder.frame(START, line, "client", "a\nb")
    assert [record.count(b"- at:") for record in on.sink.records] == [0, 1, 1]
    assert all(record.endswith(b"\n") for record in on.sink.records)


def test_time_never_goes_back() -> None:
    on = Recording()
    line = on.recorder.open(START + 5, "/", ())
    on.recorder.frame(START - 100, line, "client", "a")
    on.recorder.frame(START + 6, line, "client", "a")
    assert [entry.at for entry in on.entries] == [5, 5, 6]


def test_a_refused_handshake() -> None:
    on = Recording()
    number = on.recorder.refused(START + 1, "/", (), TapedResponse(403, (("A-b", "c"),), b"no"))
    assert number == 1
    assert on.recorder.open(START + 1, "/", ()).conn == 2
    assert on.entries[0] == Refused(1, 1, "/", (), TapedResponse(403, (("A-b", "c"),), "no"))
    assert on.recorder.counts.connections == 2


def test_what_is_open_at_the_end_is_cut() -> None:
    on = Recording()
    lines = [on.recorder.open(START, "/", ()) for _ in range(3)]
    on.recorder.closed(START, lines[1], 1006, "", "client")
    on.recorder.close(START + 9)
    assert on.entries[-2:] == [Cut(9, 1, "the recording ended"), Cut(9, 3, "the recording ended")]
    size = len(on.sink.records)
    on.recorder.frame(START + 10, lines[0], "client", "a")
    on.recorder.closed(START + 10, lines[0], 1000, "", "client")
    on.recorder.close(START + 10)
    assert len(on.sink.records) == size, "nothing comes after the end"


# ---- Engine.IO ----


def test_a_session_is_one_conn_whatever_carries_it() -> None:
    on = Recording()
    rec = on.recorder
    assert on.poll(0, "GET", "", b"", b'0{"sid":"abc","upgrades":["websocket"]}') is None
    assert on.poll(1, "POST", "abc", b"40") is None
    get = rec.asked(START + 2, TapedRequest("GET", f"{ENGINE}polling&sid=abc"))
    assert on.poll(3, "POST", "abc", '42["é"]\x1e42["b"]'.encode()) is None
    rec.answered(START + 4, get, TapedResponse(200, (), b'40{"sid":"x"}\x1ebAQID'))
    line = rec.open(START + 5, f"{ENGINE}websocket&sid=abc", (), (("Upgrade", "websocket"),))
    assert (line.conn, line.link) == (1, 2)
    rec.frame(START + 6, line, "client", "2probe")
    rec.frame(START + 7, line, "server", "3probe")
    rec.frame(START + 8, line, "client", "5")
    rec.frame(START + 9, line, "client", b"\x01")
    rec.closed(START + 10, line, 1005, "", "client")
    rec.close(START + 11)
    assert on.entries == [
        Opened(0.5, 1, f"{ENGINE}polling", (("A-b", "c"),)),
        Passed(0.5, 1, "server", '0{"sid":"abc","upgrades":["websocket"]}', "polling", 1),
        Passed(1, 1, "client", "40", "polling", 2),
        Passed(3, 1, "client", '42["é"]', "polling", 3),
        Passed(3, 1, "client", '42["b"]', "polling", 3),
        Passed(4, 1, "server", '40{"sid":"x"}', "polling", 4),
        Passed(4, 1, "server", "bAQID", "polling", 4),
        Upgraded(5, 1, 2, f"{ENGINE}websocket&sid=abc", (), (("Upgrade", "websocket"),)),
        Passed(6, 1, "client", "2probe", link=2),
        Passed(7, 1, "server", "3probe", link=2),
        Passed(8, 1, "client", "5", link=2),
        Passed(9, 1, "client", b"\x01", link=2),
        Closed(10, 1, 1005, "", "client", 2),
    ]
    assert rec.counts.connections == 1
    assert rec.counts.exchanges == 0


def test_an_upgrade_that_fails_leaves_the_polls() -> None:
    on = Recording()
    on.poll(0, "GET", "", b"", b'0{"sid":"abc"}')
    line = on.recorder.open(START + 1, f"{ENGINE}websocket&sid=abc", ())
    on.recorder.closed(START + 2, line, 1006, "", "client")
    on.poll(3, "POST", "abc", b"40")
    on.recorder.close(START + 4)
    assert [type(entry) for entry in on.entries] == [Opened, Passed, Upgraded, Closed, Passed, Cut]
    assert {entry.conn for entry in on.entries if not isinstance(entry, Exchange)} == {1}


def test_a_session_that_begins_on_a_websocket() -> None:
    on = Recording()
    line = on.recorder.open(START, f"{ENGINE}websocket", ())
    on.recorder.frame(START, line, "server", '0{"sid":"abc","upgrades":[]}')
    assert on.recorder.open(START, f"{ENGINE}websocket&sid=abc", ()).conn == line.conn
    for data in ("2", b"\x00"):
        on.recorder.frame(START, line, "server", data)
    for _ in range(3):
        on.recorder.closed(START, line, 1000, "", "client")
    on.recorder.frame(START, line, "client", "5")


def test_a_polling_session_ends_when_its_last_poll_is_answered() -> None:
    on = Recording()
    on.poll(0, "GET", "", b"", b'0{"sid":"abc"}')
    get = on.recorder.asked(START + 2, TapedRequest("GET", f"{ENGINE}polling&sid=abc"))
    on.poll(3, "POST", "abc", b"41\x1e1")
    on.recorder.answered(START + 4, get, TapedResponse(200, (), b"6"))
    on.recorder.close(START + 5)
    assert on.entries[2:] == [
        Passed(3, 1, "client", "41", "polling", 2),
        Passed(3, 1, "client", "1", "polling", 2),
        Passed(4, 1, "server", "6", "polling", 3),
        Closed(4, 1, None, "", "client"),
    ]


def test_a_poll_that_is_called_off() -> None:
    on = Recording()
    on.poll(0, "GET", "", b"", b'0{"sid":"abc"}')
    get = on.recorder.asked(START + 2, TapedRequest("GET", f"{ENGINE}polling&sid=abc"))
    assert on.recorder.answered(START + 3, get, None) == 2
    assert on.entries[2:] == [Exchange(3, 2, 1, TapedRequest("GET", f"{ENGINE}polling&sid=abc"), None)]


def test_a_session_that_the_server_forgot() -> None:
    on = Recording()
    on.poll(0, "GET", "", b"", b'0{"sid":"abc"}')
    body = b'{"code":1,"message":"Session ID unknown"}'
    assert on.poll(1, "GET", "abc", b"", body, 400) == 2
    assert [type(entry) for entry in on.entries[2:]] == [Exchange, Closed]
    assert on.poll(2, "GET", "abc", b"", body, 400) == 3
    assert on.poll(2, "GET", "abc", b"", b'{"code":3,"message":"Bad request"}', 400) == 4
    assert [type(entry) for entry in on.entries[4:]] == [Exchange, Exchange]


def test_a_session_older_than_the_recording() -> None:
    on = Recording()
    on.poll(0, "POST", "abc", b'42["a"]')
    on.poll(1, "GET", "abc", b"", b'42["b"]')
    assert on.entries == [
        Opened(0.5, 1, f"{ENGINE}polling&sid=abc", (("A-b", "c"),)),
        Passed(0.5, 1, "client", '42["a"]', "polling", 1),
        Passed(1.5, 1, "server", '42["b"]', "polling", 2),
    ]


def test_polls_whose_bodies_nobody_has_are_exchanges() -> None:
    on = Recording()
    call = on.recorder.asked(START, TapedRequest("POST", f"{ENGINE}polling", (), Beside(None, 9, "a")))
    assert on.recorder.answered(START, call, TapedResponse(200, (), b"ok")) == 1
    call = on.recorder.asked(START, TapedRequest("GET", f"{ENGINE}polling"))
    assert on.recorder.answered(START, call, TapedResponse(200, (), Beside(None, 9, "a"))) == 2
    call = on.recorder.asked(START, TapedRequest("OPTIONS", f"{ENGINE}polling"))
    assert on.recorder.answered(START, call, TapedResponse(200, (), b"x")) == 3
    assert on.poll(0, "GET", "", b"", b"hello") == 4


def test_a_payload_that_is_an_attack() -> None:
    on = Recording()
    on.poll(0, "GET", "", b"", b'0{"sid":"abc"}')
    on.poll(1, "POST", "abc", b"\x1e" * 100_000)
    assert on.entries[2:] == [Lost(1, 1, 1, "a payload of more than 10000 packets")]
    assert on.told == ["not recorded: a payload of more than 10000 packets"]
    assert on.recorder.counts.failures == 1


def test_sessions_that_are_left_behind_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    on = Recording()
    on.recorder._sessions._most = 2
    line = on.recorder.open(START, f"{ENGINE}websocket", ())
    on.recorder.frame(START, line, "server", '0{"sid":"ws"}')
    for n in range(4):
        on.poll(n, "GET", "", b"", f'0{{"sid":"s{n}"}}'.encode())
    cut = [entry.conn for entry in on.entries if isinstance(entry, Cut)]
    assert cut == [2, 3], "the oldest one that polls, never a socket"
    on.recorder._sessions._most = 0
    on.recorder.closed(START, on.recorder.open(START, f"{ENGINE}websocket", ()), 1000, "", "client")
    on.recorder.open(START, f"{ENGINE}websocket", ())
    on.recorder.open(START, f"{ENGINE}websocket", ())
    assert on.recorder._sessions.named("ws") is not None


# ---- HTTP ----


def test_an_exchange() -> None:
    on = Recording()
    call = on.recorder.asked(START + 1, TapedRequest("POST", "/file?x=1", (("A-b", "c"),), b'{"a":1}'))
    assert on.recorder.answered(START + 1.5, call, TapedResponse(200, (), b"\xff\x00")) == 1
    call = on.recorder.asked(START + 2, TapedRequest("GET", "/", (), b""))
    assert on.recorder.answered(START + 2, call, None) == 2
    assert on.entries == [
        Exchange(
            1.5,
            1,
            0.5,
            TapedRequest("POST", "/file?x=1", (("A-b", "c"),), '{"a":1}'),
            TapedResponse(200, (), b"\xff\x00"),
        ),
        Exchange(2, 2, 0, TapedRequest("GET", "/"), None),
    ]
    assert on.recorder.counts.exchanges == 2


# ---- redaction ----


def test_redacted_before_anything_is_written() -> None:
    on = Recording(redactor=Censor())
    line = on.recorder.open(START, "/?secret", (("A-b", "secret"),), (("C-d", "secret"),))
    on.recorder.frame(START, line, "client", "secret")
    on.recorder.frame(START, line, "client", "plain")
    on.recorder.frame(START, line, "client", b"secret\xff")
    on.recorder.closed(START, line, 1000, "secret", "client")
    on.recorder.refused(START, "/secret", (), TapedResponse(403, (), b"secret"))
    call = on.recorder.asked(START, TapedRequest("GET", "/secret", (), b"secret"))
    on.recorder.answered(START, call, TapedResponse(200, (("A-b", "secret"),), b"secret"))
    on.poll(0, "GET", "", b"", b'0{"sid":"secret"}')
    assert b"secret" not in b"".join(on.sink.records)
    assert on.tape().header.redacted == ("the word",)
    flags = [entry.redacted for entry in on.entries if not isinstance(entry, Cut | Lost)]
    assert flags == [True, True, False, True, True, True, True, False, True]
    assert on.recorder.counts.redactions == 13


def test_what_cannot_be_redacted_is_lost_and_said() -> None:
    on = Recording(redactor=Censor())
    line = on.recorder.open(START, "/", ())
    on.recorder.frame(START + 1, line, "client", "bomb 1")
    on.recorder.closed(START + 2, line, 1000, "bomb 2", "client")
    on.recorder.open(START + 3, "/bomb", ())
    assert on.entries[1:] == [
        Lost(1, 1, 1, "redacting failed: KeyError"),
        Lost(2, 1, 1, "redacting failed: KeyError"),
        Lost(3, 2, 1, "redacting failed: KeyError"),
    ]
    assert b"bomb" not in b"".join(on.sink.records)
    assert on.told == ["not recorded: redacting failed: KeyError", "not recorded: redacting failed: KeyError (2 times)"]
    assert on.recorder.counts.failures == 3


# ---- when it goes wrong ----


def test_a_status_that_no_reader_takes_spoils_nothing_else() -> None:
    """Some proxies let `HTTP/1.1 099` through; the whole cassette could not be read for it."""
    on = Recording()
    on.recorder.refused(START + 1, "/a", (), TapedResponse(99, (), b"no"))
    on.recorder.answered(START + 2, on.recorder.asked(START + 2, TapedRequest("GET", "/b")), TapedResponse(1000))
    on.recorder.answered(START + 3, on.recorder.asked(START + 3, TapedRequest("GET", "/c")), TapedResponse(999))
    why = "writing failed: an answer with the status {}, and HTTP's have three digits"
    lost, other, kept = on.entries
    assert (lost, other) == (Lost(1, 1, 1, why.format(99)), Lost(2, None, 1, why.format(1000)))
    assert isinstance(kept, Exchange)
    assert on.recorder.counts.failures == 2


def test_a_full_disk_disturbs_nobody_and_leaves_its_mark() -> None:
    on = Recording()
    line = on.recorder.open(START, "/", ())
    other = on.recorder.open(START, "/", ())
    on.sink.error = OSError(28, "No space left on device")
    for n in range(5):
        on.recorder.frame(START + n, line if n < 4 else other, "client", "a")
    on.sink.error = None
    on.recorder.frame(START + 6, line, "client", "b")
    assert on.entries[2:] == [
        Lost(6, None, 5, "writing failed: [Errno 28] No space left on device"),
        Passed(6, 1, "client", "b"),
    ]
    assert on.told == [
        "not recorded: writing failed: [Errno 28] No space left on device",
        "not recorded: writing failed: [Errno 28] No space left on device (2 times)",
        "not recorded: writing failed: [Errno 28] No space left on device (4 times)",
    ]
    assert (on.recorder.counts.failures, on.recorder.counts.frames) == (5, 1)


def test_a_disk_that_is_full_from_the_start() -> None:
    disk = Disk()
    disk.error = OSError(28, "No space left on device")
    on = Recording(sink=disk)
    on.recorder.frame(START, on.recorder.open(START, "/", ()), "client", "a")
    on.recorder.close(START)
    assert on.recorder.stopped == "the cassette could not be begun"
    assert on.recorder.counts.failures == 2


def test_who_is_told_may_fail_too() -> None:
    def deaf(line: str) -> None:
        raise RuntimeError(line)

    disk = Disk()
    recorder = Recorder(disk, START, tell=deaf)
    line = recorder.open(START, "/", ())
    disk.error = OSError(28, "No space left on device")
    recorder.frame(START, line, "client", "a")
    assert recorder.counts.failures == 1


def test_kinds_of_failures_are_counted_up_to_a_bound() -> None:
    on = Recording()
    line = on.recorder.open(START, "/", ())
    for n in range(200):
        on.sink.error = OSError(n, "x")
        on.recorder.frame(START, line, "client", "a")
    assert len(on.recorder._ledger.kinds) == 100
    assert on.recorder.counts.failures == 200


def test_a_frame_that_no_record_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.cassette.ledger.LINE_LIMIT", 200)
    on = Recording()
    line = on.recorder.open(START, "/", ())
    on.recorder.frame(START, line, "client", "a" * 200)
    on.recorder.frame(START, line, "client", "a")
    assert on.entries[1:] == [
        Lost(0, 1, 1, "writing failed: 251 bytes are more than a record can have"),
        Passed(0, 1, "client", "a"),
    ]


def test_a_close_code_that_is_an_enum() -> None:
    class Code(IntEnum):
        AWAY = 1001

    on = Recording()
    on.recorder.closed(START, on.recorder.open(START, "/", ()), Code.AWAY, "", "client")
    assert on.entries[1] == Closed(0, 1, 1001, "", "client")


def test_a_cassette_that_is_full() -> None:
    on = Recording(max_size=1000)
    line = on.recorder.open(START, "/", ())
    for n in range(100):
        on.recorder.frame(START + n, line, "client", "0123456789")
    on.recorder.close(START + 100)
    assert sum(map(len, on.sink.records)) == on.recorder.counts.bytes <= 1000
    assert on.entries[-1] == Cut(9, None, "the cassette is full (1000 bytes)")
    assert on.told == ["the cassette is full (1000 bytes): what passes from now on is not recorded"]
    assert on.recorder.counts.failures == 0
    assert on.recorder.counts.frames == sum(isinstance(entry, Passed) for entry in on.entries) == 9


def test_what_goes_on_behind_an_old_tape() -> None:
    sink = MemorySink()
    recorder = Recorder(sink, 100.0, after=7)
    recorder.open(101.0, "/ws", ())
    recorder.close(102.0)
    assert b"".join(sink.records).startswith(b"- at: 1.000000\n  conn: 8\n  event: open\n")

"""Cassettes read: whole ones, torn ones, edited ones, and what is none."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from simulator.cassette import loader, shape
from simulator.cassette.entries import Closed, Entry, Header, Opened, Passed
from simulator.cassette.migrate import Step
from simulator.cassette.records import dump, dump_header
from simulator.cassette.tape import MARK, Tape, fast, open_tape
from simulator.core.errors import CassetteError
from tests.cassette.kinds import entries, frames, heads

HEAD = dump_header(Header("chip", "2026-11-20T20:00:00Z"))
ONE = b"- at: 1.000000\n  conn: 1\n  from: client\n  text: 'a'\n"
BY_HAND = "cassette: 1\nby_hand: 'the document'\nentries:\n"


def tape(data: bytes | str, **options: Any) -> Tape:
    return Tape(io.BytesIO(data.encode() if isinstance(data, str) else data), "x.yaml", **options)


def read(data: bytes | str, **options: Any) -> list[Entry]:
    return list(tape(data, **options))


def error(data: bytes | str, **options: Any) -> str:
    with pytest.raises(CassetteError) as caught:
        read(data, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


def plain(entry: Entry) -> Entry:
    return replace(entry, line=0, at=round(entry.at, 6))


# ---- out and in again ----


@given(heads, st.lists(entries, max_size=6))
def test_what_is_written_is_read(head: Header, told: list[Entry]) -> None:
    told.sort(key=lambda entry: entry.at)
    got = tape(dump_header(head) + b"".join(map(dump, told)))
    assert got.header == head
    assert [plain(entry) for entry in got] == [plain(entry) for entry in told]
    assert got.torn is None
    assert got.count == len(told)


@given(entries)
def test_two_parsers_of_strangers_agree(entry: Entry) -> None:
    record = dump(entry).decode()
    assert [shape.entry(raw) for raw in YAML(typ="safe", pure=True).load(record)] == [
        shape.entry(loader.load(record)[0])
    ]


@given(frames)
def test_the_fast_way_is_the_parsers(frame: Passed) -> None:
    record = dump(frame).decode()
    quick = fast(record)
    if isinstance(frame.data, bytes) or "!!binary" in record:
        assert quick is None
    else:
        assert quick == shape.entry(loader.load(record)[0])
        assert quick is not None


@given(frames, st.data())
def test_the_fast_way_takes_nothing_that_the_parser_reads_otherwise(frame: Passed, data: st.DataObject) -> None:
    record = dump(frame).decode()
    where = data.draw(st.integers(0, len(record)))
    put = data.draw(st.one_of(st.text(max_size=3), st.sampled_from(["'", '"', "\\", "\t", "\r", "\n", "\x85", " #", "\\u", "\ufeff", "0"])))  # fmt: skip
    edited = record[:where] + put + record[where + data.draw(st.integers(0, 2)) :]
    quick = fast(edited)
    if quick is not None:
        assert quick == shape.entry(loader.load(edited)[0])


def test_what_only_looks_like_the_recorders() -> None:
    assert fast("- at: 1.000000\n  conn: 1\n  from: client\n  text: 'a\tb'\n") is None


def test_the_parser_is_the_one_in_c() -> None:
    assert loader._yaml().Parser.__module__ == "ruamel.yaml.clib._ruamel_yaml"


def test_lines_are_told() -> None:
    got = read(HEAD + ONE + b"# a comment\n\n" + ONE)
    assert [entry.line for entry in got] == [6, 12]


# ---- edited by hand ----


@pytest.mark.parametrize(
    "data",
    [
        BY_HAND + "- at: 1\n  conn: 1\n  from: client\n  text: a\n- {at: 2, conn: 1, from: client, text: b}\n",
        BY_HAND + "- {at: 1, conn: 1, from: client, text: a}\n- {at: 2, conn: 1, from: client, text: b}",
        BY_HAND + "\n# why\n  - at: 1\n    conn: 1\n    from: client\n    text: |-\n      a\n  # between\n  - text: b\n    at: 2\n    conn: 1\n    from: client\n",
        BY_HAND + "-\n  at: 1\n  conn: 1\n  from: client\n  text: a\n- at: 2\n  conn: 1\n  from: client\n  text: b\n",
        BY_HAND.replace("entries:", "entries: # here they are") + "- at: 1\n  conn: 1\n  from: client\n  text: >-\n   a\n- at: 2.\n  conn: 1\n  from: client\n  text: b\n",
    ],
)  # fmt: skip
def test_edited_by_hand(data: str) -> None:
    for way in (data, data.replace("\n", "\r\n"), "\ufeff" + data):
        got = read(way)
        assert [(entry.at, entry.data) for entry in got if isinstance(entry, Passed)] == [(1.0, "a"), (2.0, "b")]


@pytest.mark.parametrize("data", [b"cassette: 1\nentries: []\n", b"cassette: 1\nentries:\n", b"cassette: 1\nentries:", b"cassette: 1\nentries:\n# none\n"])  # fmt: skip
def test_nothing_recorded(data: bytes) -> None:
    assert read(data) == []


def test_any_iterable_of_lines() -> None:
    lines: Iterator[bytes] = iter((HEAD + ONE).splitlines(keepends=True))
    assert len(list(Tape(lines, "x.yaml"))) == 1


# ---- torn ----


@given(st.lists(entries, min_size=1, max_size=3), st.data())
def test_whatever_is_torn_loads_up_to_the_last_whole_record(told: list[Entry], data: st.DataObject) -> None:
    told.sort(key=lambda entry: entry.at)
    records = [dump(entry) for entry in told]
    whole = b"".join(records)
    size = data.draw(st.integers(0, len(whole)))
    ends = [sum(map(len, records[: n + 1])) for n in range(len(records))]
    got = tape(HEAD + whole[:size] + data.draw(st.sampled_from([b"", b"\0" * 100])))
    assert [plain(entry) for entry in got] == [plain(told[n]) for n, end in enumerate(ends) if end <= size]
    assert (got.torn is None) == (size in (0, *ends))


def test_a_torn_record_is_told() -> None:
    got = tape(HEAD + ONE + ONE[:-5])
    assert len(list(got)) == 1
    assert got.torn is not None
    assert (got.torn.line, got.torn.why) == (
        10,
        "the last record is not whole: it was being written when the recorder ended",
    )
    got = tape(HEAD + ONE + b"- at: 1.000000\n  conn: 1\n")
    assert len(list(got)) == 1
    assert got.torn is not None
    assert "which kind of entry" in got.torn.why


# ---- none ----


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "x.yaml: is empty"),
        (b"\n \n", "x.yaml: is empty"),
        (b"entries:\n", "x.yaml: is not a cassette, which begins with 'cassette: 1' and the like"),
        (b"hello\n", "x.yaml: is not a cassette, which begins with 'cassette: 1' and the like"),
        (b"[1, 2]\n", "x.yaml: is not a cassette, which begins with 'cassette: 1' and the like"),
        (b"version: 1\ninteractions: []\n", "x.yaml: is not a cassette, which begins with 'cassette: 1' and the like"),
        (b'{"log": {"entries": []}}', "x.yaml: is not a cassette, which begins with 'cassette: 1' and the like"),
        (b"a: [\n", "x.yaml:2: is not a cassette: is not YAML: did not find expected node content"),
        (b"\x89PNG\r\n\x1a\n\0\0", "x.yaml: is not a cassette: it is not a text"),
        (b"\xff\xfec\0a\0", "x.yaml: is not a cassette: it is not a text"),
        (b"cassette: 1\nbackend: '\xff'\n", "x.yaml:2: is not a text in UTF-8"),
        (b"cassette: 1\nbackend: chip\n", "x.yaml:2: has no 'entries:', as a block list at the end of the file"),
        (b"cassette: 1\nentries: [{at: 1}]\n", "x.yaml:2: has no 'entries:', as a block list at the end of the file"),
        (b"cassette: 'one'\nentries:\n", "x.yaml:1: cassette: expected the number of a format, got 'one'"),
        (b"\ncassette: 0\nentries:\n", "x.yaml:2: has format 0, which there never was; the format of today is 1"),
        (b"cassette: 2\nentries:\n", "x.yaml:1: has format 2, and this simulator reads formats up to 1: a newer one wrote it, so use that"),
        (b"cassette: 1\ncassette: 1\nentries:\n", 'x.yaml:2: is not YAML: found duplicate key "cassette" with value "1" (original value: "1")'),
        (b"cassette: 1\nbackend: 3\nentries:\n", "x.yaml:2: backend: expected a text, got 3; quotes make it one"),
        (b"cassette: 1\nwhen: 3\nentries:\n", "x.yaml:2: there is no key 'when' here"),
        (b"cassette: 1\nredacted: yes\nentries:\n", "x.yaml:2: redacted: expected a list of rules, got 'yes'"),
        (b"cassette: 1\nbackend: !!python/object/apply:os.system ['x']\nentries:\n", "x.yaml:2: the tag !!python/object/apply:os.system would build an object, which a cassette never does"),
        (b"cassette: 1\nentries: []\n- at: 1\n", "x.yaml:3: entries: [] says that there are none"),
        (b"cassette: 1\nentries:\nat: 1\n", "x.yaml:3: expected an entry, which begins with '- at:'"),
        (b"x" * (2 << 20), "x.yaml: is not a cassette, which begins with 'cassette: 1' and the like"),
    ],
)  # fmt: skip
def test_what_is_none(data: bytes, why: str) -> None:
    assert error(data) == why


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("- !!python/name:os.system\n", "x.yaml:4: the tag !!python/name:os.system would build an object, which a cassette never does"),
        ("- at: 1\n  conn: 1\n  from: client\n  text: !mine x\n", "x.yaml:7: the tag !mine would build an object, which a cassette never does"),
        ("- at: 1\n  at: 2\n", 'x.yaml:5: is not YAML: found duplicate key "at" with value "2" (original value: "1")'),
        ("- at: 1\n  conn: *one\n", "x.yaml:5: is not YAML: found undefined alias"),
        ("- at: 1\n bad\n", "x.yaml:5: is not YAML: did not find expected '-' indicator"),
        ("- 3\n", "x.yaml:4: expected keys and values, got 3"),
        ("- at: 1\n  conn: 1\n  from: client\n  text: 3\n", "x.yaml:7: text: expected a text, got 3; quotes make it one"),
        ("- at: 1\n  conn: 1\n  from: client\n  text: !!binary //4AAA==\n  x: 1\n", "x.yaml:8: there is no key 'x' here"),
        ("- at: 1\n  conn: 1\n  from: client\n  text: !!binary //4AAAA=\n", "x.yaml:7: text: starts like UTF-32 and is none"),
        ("- at: soon\n", "x.yaml:4: at: expected seconds, got 'soon'"),
        ("- at: .nan\n", "x.yaml:4: at: expected seconds, got nan"),
        ("- at: -1\n", "x.yaml:4: at: expected seconds, got -1"),
        ("- at: 0x" + "f" * 5000 + "\n", "x.yaml:4: at: expected seconds, got a number that is too big"),
        ("- at: {}\n", "x.yaml:4: at: expected seconds, got keys and values"),
        ("- at: true\n", "x.yaml:4: at: expected seconds, got True"),
        ("- at: 1\n  conn: 0\n  from: client\n", "x.yaml:5: conn: expected a whole number from 1, got 0"),
        ("- at: 1\n  conn: 1\n", "x.yaml:4: 'from', 'event' or 'http' is missing: which kind of entry is it?"),
        ("- at: 1\n  conn: 1\n  text: a\n", "x.yaml:4: 'from' is missing: client or server"),
        ("- at: 1\n  conn: 1\n  from: me\n  text: a\n", "x.yaml:6: from: expected one of client, server, got 'me'"),
        ("- at: 1\n  conn: 1\n  from: client\n", "x.yaml:4: 'text' or 'bytes' is missing: a frame has one of them"),
        ("- at: 1\n  conn: 1\n  from: client\n  text: a\n  bytes: !!binary AA==\n", "x.yaml:8: text and bytes exclude each other"),
        ("- at: 1\n  conn: 1\n  from: client\n  bytes: a\n", "x.yaml:7: bytes: expected !!binary and base64, got 'a'"),
        ("- at: 1\n  conn: 1\n  from: client\n  file: {path: a, size: 1, sha256: 'a'}\n", "x.yaml:7: a frame stands in the cassette itself"),
        ("- at: 1\n  conn: 1\n  from: client\n  via: pigeon\n  text: a\n", "x.yaml:7: via: expected one of websocket, polling, longpoll, got 'pigeon'"),
        ("- at: 1\n  conn: 1\n  from: client\n  redacted: 1\n  text: a\n", "x.yaml:7: redacted: expected true or false, got 1"),
        ("- at: 1\n  conn: 1\n  event: opened\n", "x.yaml:6: event: expected one of open, refused, upgrade, close, cut, lost, got 'opened'"),
        ("- at: 1\n  conn: 1\n  event: [open]\n", "x.yaml:6: event: expected one of open, refused, upgrade, close, cut, lost, got a list"),
        ("- at: 1\n  conn: 1\n  event: close\n  code: 70000\n  reason: ''\n  by: client\n", "x.yaml:7: code: expected a close code or null, got 70000"),
        ("- at: 1\n  conn: 1\n  event: open\n  path: /\n  headers: 3\n", "x.yaml:8: headers: expected names and values, got 3"),
        ("- at: 1\n  http: 1\n  request: 3\n  response: null\n", "x.yaml:6: expected keys and values at request, got 3"),
        ("- at: 1\n  http: 1\n  request: {}\n  response: null\n", "x.yaml:4: 'method' is missing in request"),
        ("- at: 1\n  http: 1\n  request: {method: GET, path: /, headers: {}, body: a}\n  response: null\n", "x.yaml:4: there is no key 'body' in request"),
        ("- at: 1\n  http: 1\n  request: {method: GET, path: /, headers: {}}\n  response: {status: 20, headers: {}}\n", "x.yaml:4: status: expected three digits, got 20"),
        ("- at: 1\n  http: 1\n  request: {method: GET, path: /, headers: {}, file: {path: ../../etc/passwd, size: 1, sha256: 'a'}}\n  response: null\n", "x.yaml:4: path: '../../etc/passwd' is not a plain path inside the cassette's folder"),
        ("- {at: 2, conn: 1, from: client, text: a}\n- {at: 1, conn: 1, from: client, text: a}\n", "x.yaml:5: at goes back from 2.000000 to 1.000000; entries stand in order of time"),
        ("- at: 1\n  conn: 1\n  from: client\n  text: " + "x" * 100 + "]\n  y: 1\n", "x.yaml:8: there is no key 'y' here"),
        ("- at: " + "x" * 100 + "\n", f"x.yaml:4: at: expected seconds, got {repr('x' * 100)[:60]}..."),
    ],
)  # fmt: skip
def test_what_an_entry_cannot_be(record: str, why: str) -> None:
    assert error(BY_HAND + record) == why


def test_two_entries_in_one() -> None:
    assert error(BY_HAND + "- at: 1\r- at: 2\n") == "x.yaml:4: expected one entry, got 2"


@pytest.mark.parametrize("nest", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, "? " * 100_000])
def test_what_would_take_the_interpreter_down(nest: str) -> None:
    assert error(BY_HAND + f"- at: 1\n  text: a\n- {nest}\n") == "x.yaml:4: 'from' is missing: client or server"
    assert "more than 20 collections in each other" in error(BY_HAND + f"- {nest}\n")
    assert (
        "more than 20 collections in each other" in error(f"cassette: 1\nbackend: {nest}\nentries:\n")
        or nest[0] in "-?"
    )


def test_many_brackets_are_no_depth() -> None:
    text = "[]" * 1000
    got = read(BY_HAND + f"- {{at: 1, conn: 1, from: client, text: '{text}'}}\n")
    assert isinstance(got[0], Passed)
    assert got[0].data == text


def test_laughs_by_the_billion() -> None:
    lines = "".join(f", &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]" for a, b in zip("abcdefghij", "bcdefghijk", strict=True))  # fmt: skip
    assert "expected seconds" in error(BY_HAND + f"- at: [&a [1]{lines}]\n")


def test_a_line_without_an_end() -> None:
    class Endless(io.RawIOBase):
        """Has 200 MB and counts what is read of it."""

        def __init__(self) -> None:
            self.left = 200 << 20
            self.head = HEAD + b"- at: 1.000000\n  text: '"

        def readable(self) -> bool:
            return True

        def readline(self, size: int | None = -1, /) -> bytes:
            if self.head:
                line, _, self.head = self.head.partition(b"\n")
                return line + b"\n" if self.head else line
            assert size is not None
            assert 0 < size <= (1 << 20) + 1
            self.left -= size
            return b"x" * size

    file = Endless()
    with pytest.raises(CassetteError, match=r"x\.yaml:8: a line of more than 1 MiB"):
        list(Tape(file, "x.yaml", limit=1 << 20))
    assert file.left > 190 << 20


def test_an_entry_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.cassette.tape.LINE_LIMIT", 1 << 20)
    assert error(HEAD + ONE + b"  x\n" * (1 << 20)) == "x.yaml:6: an entry of more than 1 MiB"


def test_garbage_in_the_middle() -> None:
    assert error(HEAD + ONE + b"- at: 1\n  text: '\xff'\n" + ONE) == "x.yaml:11: is not a text in UTF-8"


# ---- files ----


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(HEAD + ONE)
    with open_tape(path) as got:
        assert [entry.at for entry in got] == [1.0]
    for wrong, why in ((tmp_path, "Is a directory"), (tmp_path / "none.yaml", "No such file or directory")):
        with pytest.raises(CassetteError, match=f"can't be read: {why}"), open_tape(wrong):
            pass


def test_a_disk_that_fails() -> None:
    class Broken(io.RawIOBase):
        def readline(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(CassetteError, match=r"x\.yaml: can't be read: Input/output error"):
        Tape(Broken(), "x.yaml")


# ---- older formats ----


def test_an_older_format_is_converted() -> None:
    def header(raw: dict[str, Any]) -> dict[str, Any]:
        return {("backend" if key == "server" else key): value for key, value in raw.items()}

    def entry(raw: dict[str, Any]) -> list[dict[str, Any]]:
        if raw.get("event") == "ping":
            return []
        if "both" in raw:
            both = raw.pop("both")
            return [{**raw, "from": "client", "text": both}, {**raw, "from": "server", "text": both}]
        return [raw]

    data = b"cassette: 1\nserver: 'chip'\nentries:\n" + ONE + b"- {at: 2, event: ping}\n- {at: 3, conn: 1, both: 'b'}\n"
    got = tape(data, steps={1: Step(header, entry)}, today=2)
    assert got.header.backend == "chip"
    assert [(entry.at, entry.sender, entry.data, entry.line) for entry in got if isinstance(entry, Passed)] == [
        (1.0, "client", "a", 4),
        (3.0, "client", "b", 9),
        (3.0, "server", "b", 9),
    ]
    assert "expected keys and values, got 3" in error(b"cassette: 1\nentries:\n- 3\n", steps={1: Step(header, entry)}, today=2)  # fmt: skip


def test_kinds_by_hand() -> None:
    got = read(
        BY_HAND + "- {at: 0, conn: 1, event: open, path: /, headers: {A: [b, c]}}\n"
        "- {at: 1, conn: 1, event: close, code: null, reason: '', by: client}\n"
    )
    assert got == [Opened(0, 1, "/", (("A", "b"), ("A", "c")), line=4), Closed(1, 1, None, "", "client", line=5)]


def test_what_was_appended_to_a_hand_written_one_may_be_torn() -> None:
    """By hand nobody tears a record: a mistake in the last one is told as one. A recorder that is killed does."""
    for before in (BY_HAND.encode(), BY_HAND.encode() + ONE):
        for torn in (b"- at: 5.0\n  conn: 1\n", b"- at: 5.0\n  conn: 1\n  from: cl", b"- a"):
            with pytest.raises(CassetteError):
                [*tape(before + torn)]
            got = tape(before + MARK + torn)
            assert len([*got]) == before.count(b"- at")
            assert got.torn is not None
        assert [entry.at for entry in tape(before + MARK + ONE)][-1:] == [1.0]
        # The mark itself may be torn, too.
        assert len([*tape(before + MARK[:-5])]) == before.count(b"- at")

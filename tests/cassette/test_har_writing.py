"""Cassettes as HARs, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.cassette import har, har_writing
from simulator.cassette.entries import (
    Beside,
    Closed,
    Cut,
    Entry,
    Exchange,
    Header,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
)
from simulator.cassette.recorder import Recorder
from simulator.cassette.sink import MemorySink
from simulator.cassette.tape import Tape
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said, tape


def write(*entries: Entry, **header: Any) -> har_writing.Made:
    found = tape(*entries, **header)
    made = har_writing.write(found.header, found, "0.1.0")
    assert json.loads(json.dumps(made)) == made
    return made


def back(made: har_writing.Made) -> list[Entry]:
    def attached(name: str) -> bytes:
        raise AssertionError(name)

    found = har.read("talk.har", json.dumps(made).encode(), attached, everything=True)
    sink = MemorySink()
    recorder = Recorder(sink, found.started, Header(upstream=found.upstream))
    found.play(recorder)
    recorder.close(found.steps[-1][0])
    return [*Tape(sink.lines, "talk.yaml")]


def frames(entries: list[Entry]) -> list[tuple[float, str, str | bytes, str, int]]:
    return [
        (round(entry.at, 3), entry.sender, entry.data, entry.via, entry.link)
        for entry in entries
        if isinstance(entry, Passed)
    ]


@pytest.mark.parametrize("talk", [tapes.chip, tapes.phoenix, tapes.gateway])
def test_there_and_back(talk) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    again = back(write(*talk(), upstream="https://chat.example.com"))
    assert frames(again) == frames(talk())
    [end] = [entry for entry in again if isinstance(entry, Closed)]
    assert (end.code, end.by) == (1000, "client")


def _moment(frame: tuple[Any, ...]) -> tuple[Any, ...]:
    return frame[0], frame[-1]


def test_a_session_that_began_by_polling() -> None:
    made = write(*tapes.socketio(), upstream="https://chat.example.com")
    again = back(made)
    # Its first request is what a HAR knows of the beginning.
    # Of what passed at the same moment over two links nobody knows the order.
    assert sorted(frames(again), key=_moment) == sorted(
        [(round(at - 0.1, 3), *rest) for at, *rest in frames(tapes.socketio())], key=_moment
    )
    urls = [one["request"]["url"] for one in made["log"]["entries"]]
    assert urls[0] == "https://chat.example.com/socket.io/?EIO=4&transport=polling"
    assert urls[1] == f"{urls[0]}&sid=lv_VI97HAXpY6yYWAAAB"
    assert any(url.startswith("wss://chat.example.com/") for url in urls)


def test_a_chrome_message() -> None:
    made = write(opened(), said("client", "é", 0.5), said("server", b"\x00\xff", 1.0), closed(2.0))
    [one] = made["log"]["entries"]
    assert one["startedDateTime"] == "2026-11-20T20:00:00.000000Z"
    assert one["request"]["url"] == f"ws://localhost{tapes.CHIP}"
    assert (one["response"]["status"], one["response"]["statusText"]) == (101, "Switching Protocols")
    assert one["_webSocketMessages"] == [
        {"type": "send", "time": 1795204800.5, "opcode": 1, "data": "é"},
        {"type": "receive", "time": 1795204801.0, "opcode": 2, "data": "AP8="},
    ]
    assert one["time"] == 2000.0
    assert one["_webSocketClose"] == {"code": 1000, "reason": "", "by": "client"}


def test_everything_else() -> None:
    lines = (("Content-Type", "application/json"),)
    made = write(
        Refused(0.0, 1, "/x", (("A", "b"),), TapedResponse(403, (), "no")),
        Exchange(2.0, 2, 0.5, TapedRequest("POST", "/y?a=b&c", lines, "{}"), TapedResponse(200, lines, b"\xff")),
        Exchange(2.0, 3, 5.0, TapedRequest("GET", "/z"), None),
        Exchange(
            3.0, 4, 0.0, TapedRequest("PUT", "/w", (), Beside("t.files/1", 7, "f")), TapedResponse(204, (), Beside(None, 9, "e"))
        ),
        said("client", "x", 4.0, conn=9),
        closed(5.0, conn=8),
        Cut(6.0, None, "over"),
    )  # fmt: skip
    refused, dead, post, put, lost = made["log"]["entries"]
    assert (refused["response"]["status"], refused["_resourceType"]) == (403, "websocket")
    assert refused["request"]["headers"] == [{"name": "A", "value": "b"}]
    assert post["startedDateTime"] == "2026-11-20T20:00:01.500000Z"
    assert (post["time"], post["request"]["queryString"]) == (
        500.0,
        [{"name": "a", "value": "b"}, {"name": "c", "value": ""}],
    )
    assert post["request"]["postData"] == {"mimeType": "application/json", "text": "{}"}
    assert post["response"]["content"] == {
        "size": 1,
        "mimeType": "application/json",
        "text": "/w==",
        "encoding": "base64",
    }
    assert (dead["response"]["status"], dead["startedDateTime"]) == (0, "2026-11-20T20:00:00.000000Z")
    assert put["request"]["postData"]["comment"] == "7 bytes, SHA-256 f, in t.files/1"
    assert put["response"]["content"] == {"size": 9, "mimeType": "", "comment": "9 bytes, SHA-256 e"}
    assert (lost["request"]["url"], len(lost["_webSocketMessages"])) == ("ws://localhost/", 1)


@pytest.mark.parametrize("when", ["once upon a time", "2000-01-01T00:00:00", None])
def test_when_a_tape_was_recorded(when: str | None) -> None:
    made = write(opened(), recorded=when, by_hand=None if when else "a document")
    assert made["log"]["entries"][0]["startedDateTime"] == "2000-01-01T00:00:00.000000Z"


def test_polls_of_unknown_sessions() -> None:
    made = write(said("client", '42["é"]', via="polling", body=1), said("client", "42[]", via="polling", body=1))
    [one] = made["log"]["entries"]
    assert one["request"]["url"] == "http://localhost/socket.io/?EIO=4&transport=polling"
    assert one["request"]["postData"]["text"] == '42["é"]\x1e42[]'
    path = f"{tapes.POLLING}&sid=s2"
    made = write(opened(path), said("server", '0{"sid":"s1"}', via="polling", body=1),
                 said("server", "2", via="polling", body=2))  # fmt: skip
    assert [one["request"]["url"] for one in made["log"]["entries"]] == [f"http://localhost{path}"] * 2


def test_a_poll_that_crosses_the_end() -> None:
    """It was under way when the client said goodbye, and belongs to the same session."""
    poll: Any = {"via": "polling"}
    entries: list[Entry] = [opened(tapes.POLLING), said("server", '0{"sid":"s1"}', 0.1, body=1, **poll), said("client", "40", 0.2, body=2, **poll),
               said("server", '40{"sid":"x"}', 0.3, body=3, **poll), said("client", "1", 0.4, body=4, **poll),
               said("server", "6", 0.5, body=5, **poll), closed(0.5)]  # fmt: skip
    made = write(*entries)
    assert [one["time"] for one in made["log"]["entries"]] == [0, 200, 0, 200, 0]
    again = back(made)
    assert [entry.conn for entry in again if isinstance(entry, Opened)] == [1]
    assert sorted(data for _, _, data, *_ in frames(again)) == sorted(data for _, _, data, *_ in frames(entries))


def test_sizes_of_polls() -> None:
    poll: Any = {"via": "polling", "body": 1}
    made = write(opened(tapes.POLLING), said("server", "4é", **poll), said("server", "2", **poll))
    content = made["log"]["entries"][0]["response"]["content"]
    assert (content["text"], content["size"]) == ("4é\x1e2", 5)


def test_text_that_is_no_utf_8() -> None:
    made = write(opened(), said("client", "\udcff"))
    assert made["log"]["entries"][0]["_webSocketMessages"][0]["data"] == "?"

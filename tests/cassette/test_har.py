"""HARs become recordings."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from simulator.cassette import har
from simulator.cassette.entries import Closed, Cut, Entry, Exchange, Header, Opened, Passed, Refused, Upgraded
from simulator.cassette.recorder import Recorder
from simulator.cassette.sink import MemorySink
from simulator.cassette.tape import Tape
from simulator.core.errors import CassetteError
from tests.cassette import hars
from tests.cassette.hars import EPOCH, START, entry, message, socket


def nothing(name: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", name)


def imported(
    data: bytes, attached: Callable[[str], bytes] = nothing, everything: bool = False, hosts: tuple[str, ...] = ()
) -> tuple[har.Har, list[Entry]]:
    found = har.read("talk.har", data, attached, everything, frozenset(hosts))
    sink = MemorySink()
    recorder = Recorder(sink, found.started, Header(upstream=found.upstream))
    found.play(recorder)
    recorder.close(found.steps[-1][0])
    assert recorder.counts.failures == 0
    return found, [*Tape(sink.lines, "talk.yaml")]


def frames(entries: list[Entry]) -> list[tuple[float, str, str | bytes]]:
    return [(entry.at, entry.sender, entry.data) for entry in entries if isinstance(entry, Passed)]


def refused(data: bytes, attached: Callable[[str], bytes] = nothing) -> str:
    with pytest.raises(CassetteError) as raised:
        imported(data, attached)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith("talk.har: ")
    return raised.value.why


# --- the tools


def test_chrome() -> None:
    found, entries = imported(hars.CHROME)
    assert (found.creator, found.started, found.upstream) == ("WebInspector 537.36", EPOCH, "https://chat.example.com")
    assert (found.told.sockets, found.told.frames, found.told.exchanges, found.told.left_out) == (1, 3, 1, 2)
    opened, exchange, *_ = entries
    assert isinstance(opened, Opened)
    assert (opened.path, opened.headers) == ("/wc", (("Host", "chat.example.com"), ("Origin", "https://x.example.com")))
    assert isinstance(exchange, Exchange)
    assert (exchange.at, exchange.took) == (0.75, 0.25)
    assert (exchange.request.method, exchange.request.path, exchange.request.body) == ("POST", "/upload?x=1", "a=1")
    assert exchange.response is not None
    assert (exchange.response.status, exchange.response.body) == (201, "{}")
    assert dict(exchange.request.headers)["Host"] == "files.example.com"
    assert frames(entries) == [
        (1.0, "client", '{"type":"start_chat"}'),
        (1.25, "server", '{"type":"chat_started","chat_id":"x"}'),
        (2.0, "server", b"\x00\xff"),
    ]
    assert isinstance(entries[-1], Cut)


def test_playwright() -> None:
    found, entries = imported(hars.PLAYWRIGHT)
    assert (found.told.polls, found.told.sockets, found.told.exchanges) == (3, 1, 0)
    assert [type(entry) for entry in entries].count(Opened) == 1
    assert [entry.link for entry in entries if isinstance(entry, Upgraded)] == [2]
    assert {entry.conn for entry in entries if isinstance(entry, Passed)} == {1}
    assert frames(entries) == [
        (0.005, "server", '0{"sid":"s1","upgrades":["websocket"]}'),
        (0.1, "client", '40{"token":"t"}'),
        (0.205, "server", '40{"sid":"x"}'),
        (0.205, "server", '42["hi",{"a":"é"}]'),
        (0.4, "client", "2probe"),
        (0.5, "server", "3probe"),
        (0.6, "client", "5"),
        (0.7, "client", '42["bye"]'),
    ]
    assert [entry.body for entry in entries if isinstance(entry, Passed)][:4] == [1, 2, 3, 3]


def test_playwright_with_attached_frames_and_bodies() -> None:
    log = json.loads(hars.PLAYWRIGHT)
    files: dict[str, bytes] = {}
    for number, one in enumerate(log["log"]["entries"]):
        content = one["response"]["content"]
        name = f"{number}.bin"
        if "_webSocketMessages" in one:
            lines = [json.dumps(said) for said in one.pop("_webSocketMessages")]
            files[name], content["_file"] = "\n".join(lines).encode() + b"\n", name
            continue
        files[name], content["_file"] = content.pop("text").encode(), name
        if "postData" in one["request"]:
            files["asked.txt"] = one["request"]["postData"]["text"].encode()
            one["request"]["postData"] = {"mimeType": "text/plain", "text": "", "params": [], "_file": "asked.txt"}
    attached = imported(json.dumps(log).encode(), files.__getitem__)[1]
    assert attached == imported(hars.PLAYWRIGHT)[1]


def test_playwright_without_times() -> None:
    talk = [message("send", -1, str(number)) for number in range(5)]
    assert frames(imported(hars.har(socket(*talk)))[1]) == [(0.0, "client", str(number)) for number in range(5)]


@pytest.mark.parametrize("time", ["1e999", "NaN", "9" * 400, "1e15"])
def test_times_that_are_none(time: str) -> None:
    """Of a request: it took none; of a message: a line says so."""
    slow = entry("https://chat.example.com/api", answer="{}", took=54321)
    data = hars.har(socket(message("send", -1, "x")), slow).replace(b"54321", time.encode())
    assert time.encode() in data
    exchanges = [one for one in imported(data, everything=True)[1] if isinstance(one, Exchange)]
    assert [one.took for one in exchanges] == [0.0]
    talk = hars.har(socket(message("send", 12345, "x"))).replace(b"12345", time.encode())
    assert "time: expected seconds, or milliseconds, since 1970" in refused(talk)


def test_mitmproxy() -> None:
    # It names no type of a resource, and speaks of sockets as of https.
    started = "2026-11-20T20:00:00.000000+00:00"
    one = entry("https://chat.example.com/wc?a=b", status=101, started=started)
    one["_webSocketMessages"] = [message("send", EPOCH + 0.5, "é😀"), message("receive", EPOCH + 0.75, "AP8=", 2)]
    page = entry("https://chat.example.com/", kind="text/html", answer="<p>")
    style = entry("https://chat.example.com/x.css", kind="text/css", answer="p{}")
    form = entry("https://chat.example.com/x", "POST", kind="text/html", answer="<p>")
    found, entries = imported(hars.har(one, page, style, form, name="mitmproxy", version="11.0.2"))
    assert (found.creator, found.upstream, found.told.left_out) == ("mitmproxy 11.0.2", "https://chat.example.com", 2)
    assert frames(entries) == [(0.5, "client", "é😀"), (0.75, "server", b"\x00\xff")]
    assert [entry.request.method for entry in entries if isinstance(entry, Exchange)] == ["POST"]


def test_how_a_socket_ended() -> None:
    closed = socket(message("send", EPOCH + 1, "x"), took=3000.0, _webSocketClose={"code": 4001, "reason": "bye"})
    assert imported(hars.har(closed))[1][-1] == Closed(3.0, 1, 4001, "bye", "server", line=17)
    closed = socket(message("send", EPOCH + 1, "x"), took=-1, _webSocketClose={"code": "?", "by": "client"})
    assert imported(hars.har(closed))[1][-1] == Closed(1.0, 1, 1005, "", "client", line=17)
    closed = socket(
        message("send", EPOCH + 1, "x"), {**message("receive", EPOCH + 2, "", 8), "code": 1000}, message("send", 0, "")
    )
    assert imported(hars.har(closed))[1][-1] == Closed(2.0, 1, 1000, "", "server", line=17)
    closed = socket(message("send", EPOCH + 1, "x"), message("receive", EPOCH + 2, "", 8))
    assert imported(hars.har(closed))[1][-1] == Closed(2.0, 1, 1005, "", "server", line=17)


def test_http_toolkit() -> None:
    talk = socket(message("send", EPOCH + 1, "x"), took=2000.0, _webSocketClose="aborted")
    assert imported(hars.har(talk))[1][-1] == Closed(2.0, 1, 1006, "", "server", line=17)
    picture = entry("https://chat.example.com/x", "POST")
    picture["request"]["_content"] = {"text": "AP8=", "size": 2, "encoding": "base64"}
    picture["request"]["_requestBodyStatus"] = "discarded:not-representable"
    entries = imported(hars.har(talk, picture))[1]
    assert [entry.request.body for entry in entries if isinstance(entry, Exchange)] == [b"\x00\xff"]


def test_pings_and_errors_are_no_messages() -> None:
    talk = socket(
        message("receive", EPOCH, "", 9), {"type": "error", "data": "Failed"}, message("send", EPOCH + 1, "x")
    )
    assert frames(imported(hars.har(talk))[1]) == [(1.0, "client", "x")]


def test_clocks_that_go_back_or_count_from_elsewhere() -> None:
    talk = socket(*(message("send", EPOCH + at, "x") for at in (2, 1, 3)))
    assert [at for at, *_ in frames(imported(hars.har(talk))[1])] == [2.0, 2.0, 3.0]
    talk = socket(*(message("send", at, "x") for at in (100.5, 101, 103)))
    assert [at for at, *_ in frames(imported(hars.har(talk))[1])] == [0.0, 0.5, 2.5]
    talk = socket({"type": "send", "data": "x"}, {"type": "receive", "opcode": 2, "time": None})
    assert frames(imported(hars.har(talk))[1]) == [(0.0, "client", "x"), (0.0, "server", b"")]


def test_refused_and_dead_sockets() -> None:
    url = "wss://chat.example.com/wc"
    talk = socket(message("send", EPOCH, "x"))
    entries = imported(hars.har(talk, entry(url, status=403, answer="no"), entry(url, status=0)))[1]
    [no] = [entry for entry in entries if isinstance(entry, Refused)]
    assert (no.path, no.response.status, no.response.body) == ("/wc", 403, "no")
    [dead] = [entry for entry in entries if isinstance(entry, Exchange)]
    assert dead.response is None


def test_sockets_over_http_2() -> None:
    one = entry("https://chat.example.com/wc", "CONNECT", 200)
    one["request"]["headers"] = [{"name": ":authority", "value": "chat.example.com"}, {"name": ":path", "value": "/wc"}]
    one["_webSocketMessages"] = [message("send", EPOCH, "x")]
    first = imported(hars.har(one))[1][0]
    assert isinstance(first, Opened)
    assert first.headers == (("Host", "chat.example.com"),)


def test_what_tools_leave_empty() -> None:
    one = socket(message("send", EPOCH, "x"), url="wss://chat.example.com")
    one["request"] = {"method": "", "url": one["request"]["url"], "headers": None}
    one["response"] = {"status": 101, "headers": [{"name": "A"}, 7, {"name": "B", "value": "b"}]}
    first = imported(hars.har(one))[1][0]
    assert isinstance(first, Opened)
    assert (first.path, first.answer) == ("/", (("B", "b"),))
    data = json.loads(hars.har(socket(message("send", EPOCH, "x"))))
    for creator, told in ((None, "an unnamed tool"), ({}, "an unnamed tool"), ({"name": "x"}, "x")):
        data["log"]["creator"] = creator
        assert imported(json.dumps(data).encode())[0].creator == told


def test_a_socket_without_an_answer_but_with_frames() -> None:
    one = socket(message("send", EPOCH, "x"))
    del one["response"]
    assert frames(imported(hars.har(one))[1]) == [(0.0, "client", "x")]


def test_which_requests_are_kept() -> None:
    talk = socket(message("send", EPOCH, "x"))
    other = entry("https://ads.example.com/x", kind="application/json", answer="{}")
    picture = entry("https://chat.example.com/x.png", kind="image/png", answer="")
    odd = entry("https://chat.example.com/y", kind="", answer="", _resourceType="other")

    def paths(**wanted: Any) -> list[str]:
        entries = imported(hars.har(talk, other, picture, odd), **wanted)[1]
        return [entry.request.path for entry in entries if isinstance(entry, Exchange)]

    assert paths() == ["/x", "/y"]
    assert paths(everything=True) == ["/x", "/x.png", "/y"]
    assert paths(hosts=("chat.example.com",)) == ["/y"]
    assert paths(hosts=("chat.example.com:443", "chat.example.com")) == ["/y"]


def test_ports_of_hosts() -> None:
    talk = socket(message("send", EPOCH, "x"), url="ws://127.0.0.1:8070/wc")
    assert imported(hars.har(talk), hosts=("127.0.0.1:8070",))[0].told.sockets == 1


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ({"mimeType": "text/plain", "text": "é"}, "é"),
        ({"text": "AP8=", "encoding": "base64"}, b"\x00\xff"),
        ({"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "b c"}, 7]}, "a=b+c"),
        ({"mimeType": "multipart/form-data", "params": [{"name": "a"}]}, None),
        ({"params": []}, None),
        ({"text": ""}, None),
    ],
)
def test_bodies_of_requests(asked: dict[str, Any], body: str | bytes | None) -> None:
    form = entry("https://chat.example.com/x", "POST", asked=asked, answer={"mimeType": "text/plain"})
    entries = imported(hars.har(socket(message("send", EPOCH, "x")), form))[1]
    [exchange] = [entry for entry in entries if isinstance(entry, Exchange)]
    assert exchange.request.body == body
    assert exchange.response is not None
    assert exchange.response.body is None


def test_encodings_are_undone_already() -> None:
    one = entry("https://chat.example.com/x", answer="{}", kind="application/json")
    one["response"]["headers"] += [{"name": "Content-Encoding", "value": "br"}]
    entries = imported(hars.har(socket(message("send", EPOCH, "x")), one))[1]
    [exchange] = [entry for entry in entries if isinstance(entry, Exchange)]
    assert exchange.response is not None
    assert exchange.response.headers == (("Content-Type", "application/json"),)


def test_half_an_emoji() -> None:
    data = hars.har(socket(message("send", EPOCH, "HALF"))).replace(b"HALF", b"\\ud83d")
    assert frames(imported(data)[1]) == [(0.0, "client", "\ud83d")]


def test_a_mark_at_the_beginning() -> None:
    assert imported(b"\xef\xbb\xbf" + hars.CHROME)[0].told.frames == 3


# --- what is no HAR, or not one for us


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not a HAR: not JSON"),
        (b"cassette: 1\n", "is not a HAR: not JSON"),
        (b"\xff\xfe", "is not a HAR: not JSON"),
        (b"[" * 100_000, "is not a HAR: not JSON"),
        (b"[]", 'is not a HAR: JSON, but without a "log"'),
        (b'{"log":7}', 'is not a HAR: JSON, but without a "log"'),
        (b'{"log":{}}', "log.entries: expected a list"),
        (b"PK\x03\x04....", "is a zip archive"),
        (hars.har(), "has no WebSocket frames and no Socket.IO polls among its 0 requests"),
        (hars.har(entry("https://chat.example.com/x")), "has no WebSocket frames and no Socket.IO polls among its 1"),
        (hars.har(socket()), "has 1 WebSockets without frames"),
    ],
)
def test_no_har(data: bytes, why: str) -> None:
    assert refused(data).startswith(why)


def test_a_big_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(har, "LIMIT", 2 << 20)
    assert refused(b"x" * (3 << 20)).startswith("has 3 MiB, and a HAR may have 2: save the sockets alone")


def broken(change: Callable[[dict[str, Any]], object]) -> bytes:
    data = json.loads(hars.har(entry("https://chat.example.com/x"), socket(message("send", EPOCH, "x"))))
    change(data["log"]["entries"][1])
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: one.pop("request"), "log.entries[1].request: expected an object"),
        (lambda one: one.update(response=7), "log.entries[1].response: expected an object"),
        (lambda one: one["request"].update(url=7), "log.entries[1].request.url: expected a text"),
        (lambda one: one["request"].update(url="ws://[x/"), "log.entries[1].request.url: 'ws://[x/' is no URL"),
        (lambda one: one["request"].update(url="ws://x:y/"), "log.entries[1].request.url: 'ws://x:y/' is no URL"),
        (lambda one: one["request"].update(headers=7), "log.entries[1].request.headers: expected a list"),
        (lambda one: one.update(startedDateTime="soon"), "log.entries[1].startedDateTime: expected a time such as"),
        (lambda one: one.update(startedDateTime=7), "log.entries[1].startedDateTime: expected a time such as"),
        (lambda one: one.update(_webSocketMessages={}), "log.entries[1]._webSocketMessages: expected a list"),
        (lambda one: one.update(_webSocketMessages=[7]), "log.entries[1]._webSocketMessages[0]: expected an object"),
        (
            lambda one: one["_webSocketMessages"][0].update(type="said"),
            'log.entries[1]._webSocketMessages[0].type: expected "send" or "receive", got \'said\'',
        ),
        (
            lambda one: one["_webSocketMessages"][0].update(time="soon"),
            "log.entries[1]._webSocketMessages[0].time: expected a number, got 'soon'",
        ),
        (
            lambda one: one["_webSocketMessages"][0].update(time=True),
            "log.entries[1]._webSocketMessages[0].time: expected a number, got True",
        ),
        (
            lambda one: one["_webSocketMessages"][0].update(data=7),
            "log.entries[1]._webSocketMessages[0].data: expected a text",
        ),
        (
            lambda one: one["_webSocketMessages"][0].update(opcode=2, data="?"),
            "log.entries[1]._webSocketMessages[0].data: is not base64",
        ),
    ],
)
def test_wrong_places(change: Callable[[dict[str, Any]], object], why: str) -> None:
    assert refused(broken(change)).startswith(why)


def test_an_entry_that_is_none() -> None:
    assert refused(json.dumps({"log": {"entries": [7]}}).encode()) == "log.entries[0]: expected an object"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone.jsonl", ": its file gone.jsonl can't be read: No such file or directory"),
        ("../x", ": _file '../x' is not a plain name"),
        ("a\\b", ": _file 'a\\\\b' is not a plain name"),
        ("..", ": _file '..' is not a plain name"),
        ("", ": _file '' is not a plain name"),
    ],
)
def test_attached_files(name: str, why: str) -> None:
    one = socket()
    del one["_webSocketMessages"]
    one["response"]["content"] = {"_file": name}
    assert refused(hars.har(one)).startswith(f"log.entries[0]{why}")


def test_an_attached_file_that_is_none_of_ours() -> None:
    one = socket()
    del one["_webSocketMessages"]
    one["response"]["content"] = {"_file": "x.jsonl"}
    why = refused(hars.har(one), lambda name: b'{"type":"send"}\nnonsense\n')
    assert why == "log.entries[0].response.content._file: line 2 of x.jsonl is not JSON"


def test_a_socket_that_says_nothing_of_frames() -> None:
    one = socket()
    del one["_webSocketMessages"]
    assert refused(hars.har(one)).startswith("has 1 WebSockets without frames")


def test_times_have_zones() -> None:
    for started in (START, "2026-11-20T21:00:00.000+01:00", "2026-11-20T20:00:00"):
        assert imported(hars.har(socket(message("send", EPOCH, "x"), started=started)))[0].started == EPOCH

"""HTTP beside the conversation: answered from the tape, live where it has to be, and bound to the conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.cassette import plan as plans
from simulator.cassette.entries import Beside, Entry, Exchange, TapedRequest, TapedResponse
from simulator.cassette.match import Comparison
from simulator.cassette.stand_in import foreign
from simulator.core.message import Headers
from simulator.core.objects import Upload
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said
from tests.talk import UPGRADE

TOKEN = "65vbbDAQCdPdEWlEhDGy4utO"


def asked(
    method: str, path: str, status: int | None = 200, body: Any = "", sent: Any = None, at: float = 1.0, took: float = 0.0,
    headers: Headers = (),
) -> Exchange:  # fmt: skip
    response = None if status is None else TapedResponse(status, headers, body)
    return Exchange(at, 9, took, TapedRequest(method, path, (), sent), response)


def stranger(*entries: Entry, header: Any = None, **manner: Any) -> Replay:
    header = header or {}
    read = plans.read(tapes.tape(*entries, **header), None)
    return Replay(tapes.tape(*entries, **header), backend=foreign([read]), **manner)


def test_an_answer_from_the_tape() -> None:
    lines = (("Content-Type", "text/plain"), ("Content-Length", "9"), ("Date", "then"), ("Set-Cookie", "a=b"))
    replay = stranger(asked("GET", "/things/1?page=2", body="the thing", headers=lines))
    answer = replay.request("GET", "/things/1?page=2")
    assert (answer.status, answer.body) == (200, b"the thing")
    assert [name for name, _ in answer.headers] == ["Date", "Content-Type", "Set-Cookie", "Content-Length"]
    assert replay.coverage.complete
    # Who asks again gets it again.
    assert replay.request("GET", "/things/1?page=2").body == b"the thing"
    assert replay.coverage.walks == 1
    assert replay.request("GET", "/things/1?page=3").status == 404
    assert replay.request("DELETE", "/things/1").status == 404
    assert replay.warnings() == [
        'a request: GET /things/1?page=3 is not as it is on the tape; nearest is talk.yaml:6; query.page: expected "2", got "3"',
        "a request: DELETE /things/1 is not on the tape; all requests on the tape were played",
    ]


def test_many_requests_of_many_clients_are_not_held_against_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred clients and a hundred requests alike, not each with each; the first that is the same ends it."""
    replay = stranger(*(asked("POST", "/x", body=f"{n}", sent=f'{{"a":{n}}}') for n in range(100)))
    for _ in range(100):
        assert replay.request("POST", "/x", b'{"a":0}').body == b"0"
    assert replay.coverage.walks == 100
    calls = [0]
    before = Comparison.args

    def counted(*args: Any) -> Comparison:
        calls[0] += 1
        return before(*args)

    monkeypatch.setattr(Comparison, "args", counted)
    assert replay.request("POST", "/x", b'{"a":7}').body == b"7"
    assert calls[0] < 50
    assert replay.request("POST", "/x", b'{"a":1000}').status == 404
    assert calls[0] < 2500


def test_an_answer_takes_its_time_and_a_body_is_looked_into() -> None:
    replay = stranger(
        asked("POST", "/x", 201, '{"ok":1}', '{"a":1,"id":"q"}', took=0.5), asked("POST", "/y", 204, None, b"\xff")
    )
    assert replay.request("POST", "/x", b'{"a":2}').status == 404
    assert replay.request("DELETE", "/z").status == 404
    assert replay.warnings()[1] == (
        "a request: DELETE /z is not on the tape; the next request on the tape is talk.yaml:6, POST /x"
    )
    call = replay.ask("POST", "/x", b'{"id":"z","a":1}')
    replay.after(0.4)
    assert call not in replay.answers
    replay.after(0.2)
    assert replay.answered(call).body == b'{"ok":1}'
    assert replay.request("POST", "/y", b"\xff").status == 204
    assert replay.request("POST", "/y", b"\xfe").status == 404


def test_who_had_no_answer_and_bodies_that_no_text_can_hold() -> None:
    replay = stranger(
        asked("GET", "/a", None), asked("GET", "/b", body=b"\xff\xfe"), asked("GET", "/c", body=Beside(None, 9, ""))
    )
    assert replay.request("GET", "/a").status == 502
    assert replay.request("GET", "/b").body == b"\xff\xfe"
    assert replay.request("GET", "/c").body == b""
    assert replay.plans[0].remarks == [(16, "the body of the answer was not kept: it is played empty")]


def test_polls_of_a_session_that_was_over_are_the_wires() -> None:
    poll = "/socket.io/?EIO=4&transport=polling&sid=gone"
    assert plans.read(tapes.tape(asked("POST", poll, 400, "{}"), opened("/x")), None).exchanges == []


def test_of_a_stored_upload_the_bytes_are_not_compared() -> None:
    replay = Replay(tapes.tape(asked("POST", "/content/image/a/b", 201, '{"id":"x"}', b"\xff"), backend="aida"))
    upload = Upload("key", 3, "image/png", "md5")
    call = replay.ask("POST", "/content/image/a/b", b"", (), upload)
    assert replay.answered(call).body == b'{"id":"x"}'


def test_bodies_beside_the_cassette_are_fetched() -> None:
    read = plans.read(tapes.tape(asked("GET", "/c", body=Beside("x", 9, ""))), None, lambda body: b"there")
    assert read.exchanges[0].body == b"there"


def test_a_token_of_an_answer_opens_the_same_walk() -> None:
    entries: list[Entry] = [
        asked("POST", "/login", body=f'{{"token":"{TOKEN}","url":"https://chat.example.test/ws"}}', at=0.0),
        opened(f"/ws?token={TOKEN}", 1.0),
        said("server", f'{{"hello":"{TOKEN}"}}', 1.0),
        asked("GET", f"/me/{TOKEN}", body="it is you", at=2.0),
    ]
    replay = stranger(*entries, header={"upstream": "https://chat.example.test"})
    tokens = []
    for name in ("a", "b"):
        answer = json.loads(replay.request("POST", "/login").body)
        tokens.append(answer["token"])
        replay.play(f'{name} connects /ws?token={answer["token"]}\n{name} << {{"hello":"{answer["token"]}"}}')
    assert len({TOKEN, *tokens}) == 3
    assert replay.request("GET", f"/me/{tokens[0]}").body == b"it is you"
    assert replay.request("GET", f"/me/{tokens[1]}").body == b"it is you"
    assert replay.request("GET", f"/me/{tokens[1]}").body == b"it is you"
    assert replay.coverage.walks == 2
    assert replay.coverage.complete
    assert [(found.value, found.by, found.line, found.back) for found in replay.plans[0].found] == [
        (TOKEN, "server", 7, 12)
    ]


def test_ids_that_are_to_stay() -> None:
    entries: list[Entry] = [asked("POST", "/login", body=TOKEN, at=0.0), opened(f"/ws?token={TOKEN}", 1.0)]
    assert stranger(*entries, keep=frozenset([TOKEN])).request("POST", "/login").body == TOKEN.encode()


def test_urls_of_the_real_server_become_ours() -> None:
    body = '{"next":"https://chat.example.test/page/2","other":"https://elsewhere.example.test/"}'
    replay = stranger(asked("GET", "/x", body=body), header={"upstream": "https://chat.example.test/"})
    call = replay.ask("GET", "/x")
    assert call
    walk = replay.running.engine.rules.walks.latest()[0]  # type: ignore[attr-defined]
    spoken = replay.running.engine.rules.walks.spoken(walk, body, "http://127.0.0.1:1")  # type: ignore[attr-defined]
    assert spoken == body.replace("https://chat.example.test", "http://127.0.0.1:1")


def test_times_are_now_if_wanted() -> None:
    text = '{"at":"2026-11-20T20:00:05Z"}'
    assert stranger(asked("GET", "/x", body=text)).request("GET", "/x").body.decode() == text
    late = stranger(asked("GET", "/x", body=text), now=True)
    assert late.request("GET", "/x").body == b'{"at":"2027-01-15T08:00:05Z"}'
    by_hand = stranger(asked("GET", "/x", body=text), now=True, header={"recorded": None, "by_hand": "a document"})
    assert by_hand.request("GET", "/x").body.decode() == text


def test_what_the_backend_has_no_route_for_is_its_miss_unless_it_is_on_the_tape() -> None:
    replay = Replay(tapes.tape(asked("GET", "/own", body="of the tape"), backend="chip"))
    assert replay.request("GET", "/own").body == b"of the tape"
    assert replay.request("GET", "/nowhere").body == b"404 page not found\n"
    assert replay.request("POST", f"/wc/send/{tapes.UUID}/", b"{}").body == b"not on the tape"


def test_a_live_answer_where_the_tape_has_none() -> None:
    replay = Replay(tapes.tape(opened("/uat"), backend="concierge"))
    body = b'{"filename":"a.png","mimeType":"image/png","type":"chat-images"}'
    assert (
        replay.request("POST", "/file-new/get-upload-url", body, (("Authorization", "Bearer stranger"),)).status == 200
    )
    # It works, and is told all the same; who only looks is not.
    assert replay.warnings() == [
        "a request: POST /file-new/get-upload-url is not on the tape; there is no request on the tape"
    ]
    assert replay.request("GET", "/chat-uat-resources/chat-images/none.png").status == 404
    assert replay.coverage.missed == 1
    taped = Replay(
        tapes.tape(asked("POST", "/file-new/get-upload-url", 500, "no json", body.decode()), backend="concierge")
    )
    assert taped.request("POST", "/file-new/get-upload-url", body).status == 200
    assert taped.coverage.complete


def test_headers_of_the_tape_go_before_those_of_the_backend() -> None:
    exchange = asked("GET", "/own", body="x", headers=(("Content-Type", "text/html"), ("Vary", "a"), ("Vary", "b")))
    answer = Replay(tapes.tape(exchange, backend="mia")).request("GET", "/own")
    assert [line for line in answer.headers if line[0].lower() in ("content-type", "vary")] == [
        ("Content-Type", "text/html"),
        ("Vary", "a"),
        ("Vary", "b"),
    ]
    exchange = asked("GET", "/own", body="x", headers=(("server", "nginx"),))
    answer = Replay(tapes.tape(exchange, backend="aida")).request("GET", "/own")
    assert [value for name, value in answer.headers if name == "server"] == ["nginx"]


def test_two_tapes_take_turns() -> None:
    one = tapes.tape(opened("/ws"), said("server", "one"), backend=None)
    two = tapes.tape(opened("/ws"), said("server", "two"), backend=None)
    read = [plans.read(tape, None) for tape in (one, two)]
    one, two = (tapes.tape(opened("/ws"), said("server", text, 0.0)) for text in ("one", "two"))
    replay = Replay(one, two, backend=foreign(read))
    texts = [replay.connect(str(i), "/ws", UPGRADE).texts() for i in range(4)]
    assert texts == [["one"], ["two"], ["one"], ["two"]]


def test_beside_a_session_of_a_stranger() -> None:
    entries: list[Entry] = [
        opened("/socket.io/?EIO=4&transport=websocket"),
        said("client", "40"),
        asked("GET", "/x", body="y", at=2.0),
    ]
    answer = stranger(*entries).request("GET", "/x")
    assert b"y" in answer.body
    assert ("Connection", "keep-alive") in answer.headers

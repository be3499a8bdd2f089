"""Long polling on a tape is a connection like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from simulator.cassette import plan as plans
from simulator.cassette.conversation import said
from simulator.cassette.entries import Entry, Exchange, TapedRequest, TapedResponse
from simulator.cassette.stand_in import foreign
from simulator.cassette.timeline import rows
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened
from tests.cassette.tapes import said as heard

PATH = "/socket/longpoll?vsn=2.0.0"
JOIN = '["1","1","room:a","phx_join",{}]'
JOINED = '["1","1","room:a","phx_reply",{"response":{},"status":"ok"}]'
SAID = '["1","2","room:a","hello",{"n":1}]'
TOLD = '["1",null,"room:a","news",{"n":2}]'


def polled(method: str, path: str, answer: Any, body: str | None = None, at: float = 1.0) -> Exchange:
    text = answer if isinstance(answer, str) else orjson.dumps(answer).decode()
    return Exchange(at, 7, 0.0, TapedRequest(method, path, (), body), TapedResponse(200, (), text))


def test_polls_become_frames() -> None:
    mine = f"{PATH}&token=TTT"
    entries: list[Entry] = [
        polled("OPTIONS", PATH, "no json", at=0.0),
        polled("GET", f"{PATH}&token=lost", {"status": 204, "token": "lost"}, at=0.0),
        polled("GET", PATH, {"status": 410, "token": "TTT"}, at=0.0),
        polled("POST", mine, {"status": 200}, JOIN, at=0.1),
        polled("GET", mine, {"status": 200, "token": "TTT", "messages": [JOINED]}, at=0.2),
        polled("POST", mine, {"status": 200}, SAID, at=1.0),
        polled("GET", mine, {"status": 204, "token": "TTT", "messages": []}, at=1.5),
        polled("GET", mine, {"status": 200, "token": "TTT", "messages": [TOLD]}, at=2.0),
        Exchange(3.0, 9, 0.0, TapedRequest("GET", mine), None),
        polled("GET", "/other", "x"),
    ]
    plan = plans.read(tapes.tape(*entries), None)
    [strand] = plan.strands
    assert (strand.path, strand.kind) == ("/socket/websocket?vsn=2.0.0", "phoenix")
    assert [line.told() for line in strand.lines] == [
        "open",
        "phx_join (join)",
        "phx_join (admit)",
        "hello",
        "news",
    ]
    assert [served.exchange.request.path for served in plan.exchanges] == ["/other"]
    replay = Replay(tapes.tape(*entries), backend=foreign([plan]), factor=0.0)
    replay.connect("client", "/socket/websocket?vsn=2.0.0")
    replay.play(f"client >> {JOIN}\nserver << {JOINED}\nclient >> {SAID}\nserver << {TOLD}")
    assert replay.unplayed() == ["51: client: GET /other"]
    # And by polls of its own.
    token = orjson.loads(replay.request("GET", PATH).body)["token"]
    assert replay.request("POST", f"{PATH}&token={token}", JOIN.encode()).status == 200
    assert orjson.loads(replay.request("GET", f"{PATH}&token={token}").body)["messages"] == [JOINED]
    assert replay.coverage.walks == 2


def aida(*entries: Entry) -> Replay:
    return Replay(tapes.tape(*entries, backend="aida"))


def test_a_session_whose_token_is_in_a_header() -> None:
    mine = (("X-Phoenix-LongPoll-Token", "TTT"),)
    joined = polled("POST", PATH, {"status": 200}, JOIN, at=0.1)
    joined.request.headers = mine
    plan = plans.read(tapes.tape(polled("GET", PATH, {"status": 410, "token": "TTT"}, at=0.0), joined), None)
    assert [line.told() for strand in plan.strands for line in strand.lines] == ["open", "phx_join (join)"]


def test_shown_and_compared_they_are_messages() -> None:
    mine = f"{PATH}&token=TTT"
    entries: list[Entry] = [
        polled("OPTIONS", PATH, "", at=0.0),
        polled("GET", f"{PATH}&token=lost", {"status": 403}, at=0.0),
        polled("GET", PATH, "bad gateway", at=0.0),
        polled("GET", PATH, {"status": 410, "token": "TTT"}, at=0.0),
        polled("POST", mine, {"status": 200}, f"{JOIN}\n{SAID}", at=0.1),
        polled("GET", mine, {"status": 200, "token": "TTT", "messages": [JOINED, TOLD]}, at=0.2),
        polled("GET", mine, {"status": 204, "token": "TTT", "messages": []}, at=0.3),
    ]
    assert [row.name for row in rows(entries)] == [
        f"GET {PATH}&token=lost",
        f"GET {PATH}",
        "(open)",
        "phx_join, hello",
        "phx_reply to phx_join, news",
    ]
    names = [one.name for one in said(entries)]
    assert names[-5:] == ["(open)", "phx_join", "hello", "phx_reply to phx_join", "news"]


def test_the_phoenix_that_is_on_the_tape_answers() -> None:
    kitchen = "bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"
    mine = f"{PATH}&token=TTT"
    join = f'["1","1","{kitchen}","phx_join",{{"access_token":"t"}}]'
    joined = f'["1","1","{kitchen}","phx_reply",{{"response":{{}},"status":"ok"}}]'
    push, broadcast = f'["1",null,"{kitchen}","btu_msg",{{"n":1}}]', f'[null,null,"{kitchen}","btu_msg",{{"n":2}}]'
    replay = aida(
        polled("GET", PATH, {"status": 410, "token": "TTT"}, at=0.0),
        polled("POST", mine, {"status": 200}, join, at=0.1),
        polled("GET", mine, {"status": 200, "token": "TTT", "messages": [joined, push, broadcast]}, at=0.1),
    )
    assert replay.running.seed.settings.profile == "1.8"
    token = orjson.loads(replay.request("GET", PATH).body)["token"]
    replay.request("POST", f"{PATH}&token={token}", join.encode())
    answer = orjson.loads(replay.request("GET", f"{PATH}&token={token}").body)
    assert answer["messages"] == [joined, push, broadcast]
    # And to a WebSocket: under its own join_ref, where it has one.
    replay.connect("client", "/socket/websocket?vsn=2.0.0")
    replay.play(
        "\n".join([f"client >> {join}", *(f"server << {frame}" for frame in (joined, push, broadcast))]).replace(
            '"1"', '"7"'
        )
    )
    assert replay.coverage.complete


def test_the_one_before_is_told_by_its_fields() -> None:
    def v1(event: str, ref: str, payload: str, more: str = "") -> str:
        return f'{{"topic":"room:lobby","ref":{ref},"payload":{payload},{more}"event":"{event}"}}'

    ok = '{"status":"ok","response":{}}'
    tape: list[Entry] = [
        opened("/socket/websocket?vsn=1.0.0"),
        heard("client", v1("phx_join", '"1"', "{}")),
        heard("server", v1("phx_reply", '"1"', ok, '"join_ref":null,')),
        heard("server", v1("pushed", "null", "{}")),
        heard("server", v1("broadcast", "null", "{}", '"join_ref":null,')),
    ]
    plan = plans.read(tapes.tape(*tape), None)
    replay = Replay(tapes.tape(*tape), backend=foreign([plan]))
    client = replay.connect("client", "/socket/websocket?vsn=1.0.0")
    client.send(v1("phx_join", '"4"', "{}"))
    assert [orjson.loads(text) for text in client.texts()] == [
        {
            "topic": "room:lobby",
            "ref": "4",
            "payload": {"status": "ok", "response": {}},
            "join_ref": None,
            "event": "phx_reply",
        },
        {"topic": "room:lobby", "ref": None, "payload": {}, "event": "pushed"},
        {"topic": "room:lobby", "ref": None, "payload": {}, "join_ref": None, "event": "broadcast"},
    ]
    # aida is of that age by itself, and a tape that shows both leaves it as it is.
    assert aida(*tape).running.seed.settings.profile == "1.3"
    modern = heard("server", '["1",null,"room:lobby","x",{}]')
    both = [*tape, opened("/socket/websocket?vsn=2.0.0", 3.0, 2), replace(modern, conn=2, at=3.0)]
    assert aida(*both).running.seed.settings.profile == "1.3"

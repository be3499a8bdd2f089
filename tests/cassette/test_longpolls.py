"""Long polling on a tape is a connection like any other."""

from __future__ import annotations

from typing import Any

import orjson

from simulator.cassette import plan as plans
from simulator.cassette.entries import Entry, Exchange, TapedRequest, TapedResponse
from simulator.cassette.stand_in import foreign
from tests.cassette import tapes
from tests.cassette.recordings import Replay

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

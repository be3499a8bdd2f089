"""Numbers of requests, and other ids that are too short to be looked for in a text."""

from __future__ import annotations

from typing import Any

from simulator.cassette import plan as plans
from simulator.cassette import short_ids
from simulator.cassette.entries import Entry
from simulator.cassette.short_ids import Requests, ShortIds, request_ids
from simulator.cassette.stand_in import foreign
from simulator.core.message import Message
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said

RPC: list[Entry] = [
    opened("/rpc"),
    said("server", '{"method":"welcome","params":{"id":1}}', 0.0),
    said("client", '{"jsonrpc":"2.0","id":1,"method":"get","params":{"itemId":"a"}}', 1.0),
    said("client", '{"jsonrpc":"2.0","id":2,"method":"get","params":{"itemId":"b"}}', 1.1),
    said("server", '{"jsonrpc":"2.0","id":2,"result":"B"}', 1.2),
    said("server", '{"jsonrpc":"2.0","id":1,"result":{"owner":{"id":1},"is":"A"}}', 1.5),
    said("client", '{"jsonrpc":"2.0","id":3,"method":"join","params":{"roomId":"r1"}}', 2.0),
    said("server", '{"jsonrpc":"2.0","id":3,"result":"in"}', 2.0),
    said("server", '{"method":"said","params":{"roomId":"r1","text":"r1"}}', 2.5),
]


def stranger(*entries: Entry, **manner: Any) -> Replay:
    read = plans.read(tapes.tape(*entries), None)
    return Replay(tapes.tape(*entries), backend=foreign([read]), **manner)


def test_another_library_counts_otherwise_and_asks_in_another_order() -> None:
    replay = stranger(*RPC)
    replay.play(
        """
        client connects /rpc
        server << {"method":"welcome","params":{"id":1}}
        client >> {"jsonrpc":"2.0","id":"q0","method":"get","params":{"itemId":"b"}}
        after 0.1
        server << {"jsonrpc":"2.0","id":"q0","result":"B"}
        client >> {"jsonrpc":"2.0","id":"q1","method":"get","params":{"itemId":"a"}}
        after 0.4
        client is silent
        after 0.1
        server << {"jsonrpc":"2.0","id":"q1","result":{"owner":{"id":1},"is":"A"}}
        client >> {"jsonrpc":"2.0","id":"q2","method":"join","params":{"roomId":"r7"}}
        server << {"jsonrpc":"2.0","id":"q2","result":"in"}
        after 0.5
        server << {"method":"said","params":{"roomId":"r7","text":"r1"}}
    """
    )
    assert replay.coverage.complete, replay.coverage.text()
    assert replay.warnings() == []


def test_a_subscription_goes_on_under_its_id() -> None:
    tape: list[Entry] = [
        opened("/graphql"),
        said("client", '{"type":"subscribe","id":"1","payload":"news"}', 0.0),
        said("client", '{"type":"subscribe","id":"2","payload":"mail"}', 0.0),
        said("server", '{"type":"next","id":"1","payload":"n1"}', 1.0),
        said("server", '{"type":"next","id":"2","payload":"m1"}', 2.0),
        said("server", '{"type":"next","id":"1","payload":"n2"}', 3.0),
    ]
    replay = stranger(*tape)
    replay.play("""
        client connects /graphql
        client >> {"type":"subscribe","id":"b","payload":"mail"}
        after 2
        server << {"type":"next","id":"b","payload":"m1"}
        client >> {"type":"subscribe","id":"a","payload":"news"}
        after 1
        server << {"type":"next","id":"a","payload":"n1"}
        after 2
        server << {"type":"next","id":"a","payload":"n2"}
    """)
    assert replay.coverage.complete


def test_what_the_server_counts_is_no_request() -> None:
    tape: list[Entry] = [
        opened("/x"),
        said("server", '{"type":"news","id":5}', 0.0),
        said("client", '{"type":"read","id":5}', 0.1),
        said("client", '{"type":"more"}', 0.2),
        said("server", '{"type":"gone","id":5}', 0.3),
    ]
    replay = stranger(*tape)
    replay.play("""
        client connects /x
        server << {"type":"news","id":5}
        client >> {"type":"read","id":5}
        after 5
        client is silent
        client >> {"type":"more"}
        after 0.1
        server << {"type":"gone","id":5}
    """)


def test_what_is_remembered_has_an_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(short_ids, "_MOST", 1)
    requests = Requests()
    requests.asks(Message("a", ({"id": 1, "ref": True, "who": 2},)), 1)
    requests.asks(Message("a", ({"id": 2},)), 2)
    assert [requests.answers(Message("b", ({"id": i},))) for i in (1, 2, 3)] == [1, None, None]
    requests.asks(Message("a", ({"id": 3},)), 3)
    assert requests.answers(Message("b", ({"id": 3},))) is None
    assert request_ids(Message("a")) == request_ids(Message("a", ("text",))) == []


def test_changed_at_their_own_key_alone() -> None:
    ids = ShortIds()
    args: Any = ({"id": 1, "n": 1, "roomId": "r1", "list": [{"roomId": "r1"}, "r1", 1]}, b"1")
    assert ids.changed(args, 3) is args
    ids.learn(3, [(("id",), 1, 7), (("data", "roomId"), "r1", "r7")])
    assert ids.changed(args, 3) == ({"id": 7, "n": 1, "roomId": "r7", "list": [{"roomId": "r7"}, "r1", 1]}, b"1")
    assert ids.changed(args, 4) == ({"id": 1, "n": 1, "roomId": "r7", "list": [{"roomId": "r7"}, "r1", 1]}, b"1")

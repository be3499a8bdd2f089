"""Doors, acknowledgements, ends and refs of every wire, and servers that are not ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.cassette import plan as plans
from simulator.cassette.entries import Entry, Upgraded
from simulator.cassette.stand_in import foreign
from simulator.core.bot import Bot
from simulator.core.message import Ping
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import POLLING, closed, opened, said

SOCKET = "/socket.io/?EIO=4&transport=websocket"
OPEN = (
    'server << 0{"sid":"$engine","upgrades":[],"pingInterval":$i,"pingTimeout":$o,"maxPayload":$p}\n'.replace(
        "$i", "25000"
    )
    .replace("$o", "20000")
    .replace("$p", "16777216")
)
PHOENIX = "/socket/websocket?vsn=2.0.0"


def stranger(*entries: Entry, **manner: Any) -> Replay:
    """A tape of nobody's."""
    read = plans.read(tapes.tape(*entries), None)
    return Replay(tapes.tape(*entries), backend=foreign([read]), **manner)


def session(*more: Entry, path: str = SOCKET, **handshake: Any) -> list[Entry]:
    """A Socket.IO session that is in its namespace."""
    return [
        opened(path),
        said("server", '0{"sid":"abcdefghijklmnopqrst","upgrades":[],"pingInterval":25000,"pingTimeout":20000}', 0.0),
        said("client", "40", 0.0),
        said("server", '40{"sid":"ABCDEFGHIJKLMNOPQRST"}', 0.0),
        *more,
    ]


def entered(replay: Replay, first: str = "") -> None:
    replay.connect("client", SOCKET)
    replay.play(OPEN + 'client >> 40\nserver << 40{"sid":"$sid"}\n' + first)


def test_acknowledgements_both_ways_have_live_ids() -> None:
    tape = session(
        said("client", '427["ask",{"a":1}]', 1.0),
        said("server", '437[{"ok":true},"x"]', 1.5),
        said("server", '423["may I",{"b":2}]', 2.0),
        said("client", '433[{"yes":1}]', 2.5),
        said("server", '42["thanks"]', 2.5),
    )
    replay = stranger(*tape)
    entered(replay)
    replay.play("""
        client >> 420["ask",{"a":1}]
        after 0.5
        server << 430[{"ok":true},"x"]
        after 0.5
        server << 420["may I",{"b":2}]
        client >> 430[{"yes":1}]
        server << 42["thanks"]
    """)
    assert replay.coverage.complete, replay.coverage.text()


def test_an_acknowledgement_that_says_something_else_or_that_nobody_gave_then() -> None:
    tape = session(
        said("server", '421["first"]', 0.0),
        said("client", "431[1]", 0.0),
        said("server", '422["second"]', 0.0),
        said("server", '42["after both"]', 0.0),
    )
    replay = stranger(*tape)
    entered(replay, 'server << 420["first"]')
    replay.play("""
        client >> 430[2]
        server << 421["second"]
        server << 42["after both"]
        client >> 431[]
    """)
    assert replay.warnings() == [
        "client 1: first is not as it is on the tape; nearest is talk.yaml:27; it: expected 1, got 2",
        "client 1: an acknowledgement of second is not on the tape; nearest is talk.yaml:31",
    ]
    assert stranger(*tape, match="position").coverage.missed == 0


def test_binary_and_attachments() -> None:
    head = '451-["picture",{"name":"x","data":{"_placeholder":true,"num":0}}]'
    tape = session(
        said("client", head, 1.0),
        said("client", b"\0\1", 1.0),
        said("server", head, 1.0),
        said("server", b"\2\3", 1.0),
    )
    replay = stranger(*tape)
    entered(replay)
    client = replay.sockets["client"]
    client.send(head)
    client.send(b"\0\1")
    assert [item.data for item in client.got] == [head, b"\2\3"]  # type: ignore[union-attr]
    assert replay.coverage.complete
    client.send(head)
    client.send(b"\0\2")
    assert replay.warnings() == [
        "client 1: picture is not on the tape like this; nearest is talk.yaml:27; data: expected 2 bytes 00 01, got 2 bytes 00 02"
    ]


def test_namespaces_are_entered_refused_and_left() -> None:
    tape = session(
        said("client", '40/admin,{"token":"one"}', 0.0),
        said("server", '44/admin,{"message":"no","data":{"code":7}}', 0.0),
        said("client", '40/news,{"token":"one"}', 0.0),
        said("server", '42/news,["early"]', 0.0),
        said("server", '40/news,{"sid":"xxxxxxxxxxxxxxxxxxxx"}', 0.5),
        said("server", "41/news,", 1.0),
        said("client", "40/more,", 1.0),
        said("server", '40/more,{"sid":"yyyyyyyyyyyyyyyyyyyy"}', 1.0),
        said("client", "41/more,", 1.0),
        said("server", "41/more,", 1.0),
    )
    replay = stranger(*tape)
    entered(replay)
    replay.play("""
        client >> 40/admin,{"token":"another"}
        server << 44/admin,{"message":"no","data":{"code":7}}
        client >> 40/news,{"token":"another"}
        client is silent
        after 0.5
        server << 40/news,{"sid":"$news"}
        server << 42/news,["early"]
        after 0.5
        server << 41/news,
        client >> 40/nowhere,
        server << 44/nowhere,{"message":"not on the tape"}
        client >> 40/more,
        server << 40/more,{"sid":"$more"}
        client >> 41/more,
    """)
    assert replay.unplayed() == []
    assert replay.warnings() == [
        "client 1: connect to /nowhere is not on the tape; the client's next on the tape is talk.yaml:47, connect (join)"
    ]


def test_who_shows_in_a_namespace_that_it_was_here_before() -> None:
    chat = "65vbbDAQCdPdEWlEhDGy4utO"
    first = session(
        said("server", '42["welcome"]', 0.0),
        said("client", '42["start"]', 1.0),
        said("server", f'42["started",{{"id":"{chat}"}}]', 1.0),
        closed(2.0),
    )
    second: list[Any] = session(
        said("server", '42["welcome"]', 0.0),
        said("client", f'42["resume",{{"id":"{chat}"}}]', 1.0),
        said("server", f'42["resumed",{{"id":"{chat}"}}]', 1.0),
    )
    second = [replace(entry, conn=2, at=entry.at + 5) for entry in second]
    replay = stranger(*first, *second)
    entered(replay, 'server << 42["welcome"]')
    replay.play('client >> 42["start"]\nserver << 42["started",{"id":"$id"}]\nclient closes 1000')
    replay.connect("again", SOCKET)
    replay.play(
        OPEN.replace("server", "again").replace("$engine", "$other")
        + """
        again >> 40
        again << 40{"sid":"$sid2"}
        again << 42["welcome"]
        again >> 42["resume",{"id":"$id"}]
        again << 42["resumed",{"id":"$id"}]
    """.replace("\n        ", "\n")
    )
    assert replay.coverage.walks == 1
    assert replay.coverage.complete, replay.coverage.text()
    assert replay.kept["id"] != chat


def test_a_session_that_is_all_left_may_be_joined_again() -> None:
    tape = session(said("client", '42["a"]', 0.0), said("server", '42["b"]', 0.0))
    replay = stranger(*tape)
    entered(replay)
    replay.play("""
        client >> 41
        client >> 40
        server << 40{"sid":"$again"}
        client >> 42["a"]
        server << 42["b"]
    """)
    assert replay.coverage.walks == 1


def test_a_refused_namespace_alone() -> None:
    tape: list[Entry] = [
        opened(SOCKET),
        said("server", '0{"sid":"abcdefghijklmnopqrst","upgrades":[],"pingInterval":"x","pingTimeout":0}', 0.0),
        said("client", "40", 0.0),
        said("server", '44{"message":"no"}', 0.0),
        said("client", "no packet", 0.0),
        closed(1.0, by="server"),
    ]
    replay = stranger(*tape)
    replay.connect("client", SOCKET)
    replay.play(OPEN + 'client >> 40\nserver << 44{"message":"no"}')
    assert replay.unplayed() == ["23: client: a frame that is no message", "27: server: close"]


def test_recovery_goes_on_in_the_next_place() -> None:
    pid = "pppppppppppppppppppp"
    tape: list[Entry] = [
        opened(SOCKET),
        said("server", '0{"sid":"abcdefghijklmnopqrst","upgrades":[]}', 0.0),
        said("client", "40", 0.0),
        said("server", f'40{{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"{pid}"}}', 0.0),
        said("server", '42["one","MLkzrCu"]', 0.0),
        closed(1.0),
        opened(SOCKET, 2.0, 2),
        said("server", '0{"sid":"bbcdefghijklmnopqrst","upgrades":[]}', 2.0, 2),
        said("client", f'40{{"pid":"{pid}","offset":"MLkzrCu"}}', 2.0, 2),
        said("server", '42["missed","MLkzrCv"]', 2.0, 2),
        said("server", f'40{{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"{pid}"}}', 2.0, 2),
        said("server", '42["two","MLkzrCw"]', 2.0, 2),
    ]
    replay = stranger(*tape)
    replay.connect("client", SOCKET)
    replay.play(
        OPEN
        + 'client >> 40\nserver << 40{"sid":"$sid","pid":"$pid"}\nserver << 42["one","$offset"]\nclient closes 1006'
    )
    replay.connect("again", SOCKET)
    replay.play(
        OPEN.replace("server", "again").replace("$engine", "$other")
        + 'again >> 40{"pid":"$pid","offset":"$offset"}\nagain << 42["missed","$x"]\n'
        + 'again << 40{"sid":"$sid","pid":"$pid"}\nagain << 42["two","$y"]'
    )
    assert replay.coverage.walks == 1
    assert replay.unplayed() == []


def phoenix(*more: Entry) -> list[Entry]:
    return [
        opened(PHOENIX),
        said("client", '["1","1","room:65vbbDAQCdPdEWlEhDGy4utO","phx_join",{"token":"t"}]', 0.0),
        said(
            "server", '["1","1","room:65vbbDAQCdPdEWlEhDGy4utO","phx_reply",{"status":"ok","response":{"me":7}}]', 0.0
        ),
        *more,
    ]


def test_phoenix_joins_replies_pushes_and_ends() -> None:
    room = "room:65vbbDAQCdPdEWlEhDGy4utO"
    tape = phoenix(
        said("client", '["2","2","room:private","phx_join",{}]', 0.0),
        said("server", '["2","2","room:private","phx_reply",{"status":"error","response":{"reason":"no"}}]', 0.0),
        said("client", f'["1","3","{room}","ask",{{"n":1}}]', 1.0),
        said("server", f'["1",null,"{room}","news",{{"x":1}}]', 1.0),
        said("server", f'["1","3","{room}","phx_reply",{{"status":"ok","response":{{"n":2}}}}]', 1.0),
        said("client", '[null,"4","phoenix","heartbeat",{}]', 2.0),
        said("server", '[null,"4","phoenix","phx_reply",{"status":"ok","response":{}}]', 2.0),
        said("client", f'["1","5","{room}","end",{{}}]', 3.0),
        said("server", f'["1","1","{room}","phx_error",{{}}]', 3.0),
        said("client", '["6","6","room:b","phx_join",{}]', 4.0),
        said("server", '["6","6","room:b","phx_reply",{"status":"ok","response":{}}]', 4.0),
        said("client", '["6","7","room:b","phx_leave",{}]', 4.0),
        said("server", '["6","7","room:b","phx_reply",{"status":"ok","response":{}}]', 4.0),
        said("server", '["6","6","room:b","phx_close",{}]', 4.0),
        said("server", '["9","9","room:c","phx_reply",{"status":"ok","response":{}}]', 4.0),
    )
    replay = stranger(*tape)
    replay.connect("client", PHOENIX)
    mine = "room:88888AQCdPdEWlEhDGy4utO1"
    replay.kept.update(R=mine)
    replay.play("""
        client >> ["a","a","$R","phx_join",{"token":"mine"}]
        server << ["a","a","$R","phx_reply",{"response":{"me":7},"status":"ok"}]
        client >> ["b","b","room:private","phx_join",{}]
        server << ["b","b","room:private","phx_reply",{"response":{"reason":"no"},"status":"error"}]
        client >> ["a","c","$R","ask",{"n":1}]
        server << ["a",null,"$R","news",{"x":1}]
        server << ["a","c","$R","phx_reply",{"response":{"n":2},"status":"ok"}]
        client >> ["a","d","$R","ask",{"n":9}]
        server << ["a","d","$R","phx_reply",{"response":{"reason":"not on the tape"},"status":"error"}]
        client >> ["a","e","$R","end",{}]
        server << ["a","a","$R","phx_error",{"reason":"channel_crash"}]
        client >> ["f","f","room:b","phx_join",{}]
        server << ["f","f","room:b","phx_reply",{"response":{},"status":"ok"}]
        client >> ["f","g","room:b","phx_leave",{}]
        server << ["f","g","room:b","phx_reply",{"response":{},"status":"ok"}]
        server << ["f","f","room:b","phx_close",{}]
        client >> ["h","h","lobby","phx_join",{}]
        server << ["h","h","lobby","phx_reply",{"response":{"reason":"not on the tape"},"status":"error"}]
        client closes 1000
    """)
    assert replay.unplayed() == []
    assert [line for line, _ in replay.plans[0].remarks] == [75]


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        (("hello", "world"), "plain text"),
        (('{"op":"hi","n":1}', '["a",1]'), "json"),
        (('{"type":"hi","n":1}', '{"type":"ho"}'), "typed"),
        (('{"action":"go","data":{"route":"a/b","body":{}}}', '{"channel":"a/b","status":200,"body":{}}'), "gateway"),
    ],
)
def test_strangers_on_a_raw_socket(frames: tuple[str, str], kind: str) -> None:
    client, server = frames
    replay = stranger(opened("/ws/65vbbDAQCdPdEWlEhDGy4utO"), said("client", client, 1.0), said("server", server, 1.0))
    replay.connect("client", "/ws/88888AQCdPdEWlEhDGy4utO1")
    replay.play(f"client >> {client}\nserver << {server}")
    assert replay.coverage.complete
    refused = replay.connect("plain", "/ws/88888AQCdPdEWlEhDGy4utO1", headers=(("Host", "x"),)).refused
    assert refused is not None
    assert refused.status == 426


@pytest.mark.parametrize(
    ("client", "server"),
    [
        ('{"type":"hi"}', '{"type":"ho"}'),
        ('{"action":"go","data":{"route":"a/b","body":{}}}', '{"channel":"a/b","status":200,"body":{}}'),
    ],
    ids=["typed", "gateway"],
)
def test_a_strangers_socket_elsewhere(client: str, server: str) -> None:
    """Its paths are known from the tape alone: another one is a miss, and no page."""
    replay = stranger(opened("/ws"), said("client", client, 1.0), said("server", server, 1.0))
    replay.connect("client", "/other")
    replay.play(f"client >> {client}\nserver << {server}")
    [miss] = replay.coverage.misses
    assert (miss.name, miss.differences[0].told()) == ("the connection /other", 'path: expected "/ws", got "/other"')
    page = replay.connect("page", "/other", headers=(("Host", "x"),)).refused
    assert page is not None
    assert page.status == 404
    closing = stranger(opened("/ws"), on_miss="close")
    refused = closing.connect("client", "/other").refused
    assert refused is not None
    assert (refused.status, refused.body) == (404, b"not on the tape")


def test_strangers_bytes_and_pings() -> None:
    replay = stranger(opened("/x"), said("client", b"\0", 1.0), said("server", b"\1", 1.0))
    client = replay.connect("client", "/x")
    client.send(b"\0")
    assert client.got.popleft().data == b"\1"  # type: ignore[union-attr]
    replay.after(25)
    assert client.got.popleft() == Ping()


def test_a_session_over_another_transport() -> None:
    polled: dict[str, Any] = {"via": "polling", "body": 1}
    tape: list[Entry] = [
        opened(POLLING),
        said(
            "server",
            '0{"sid":"abcdefghijklmnopqrst","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}',
            0.0,
            **polled,
        ),
        said("client", "40", 0.1, **polled),
        said("server", '40{"sid":"ABCDEFGHIJKLMNOPQRST"}', 0.1, **polled),
        said("client", '42["a"]', 0.2, **polled),
        said("server", '42["b"]', 0.2, **polled),
        said("server", "2", 0.2, **polled),
        said("client", "3", 0.2, **polled),
    ]
    replay = stranger(*tape)
    entered(replay)
    replay.play('client >> 42["a"]\nserver << 42["b"]')
    assert replay.coverage.complete


def test_a_strangers_backend_tells_of_itself() -> None:
    read = plans.read(tapes.tape(*session()), None)
    backend = foreign([read], "elsewhere")
    seed = backend.seed()
    assert (backend.name, backend.transport) == ("elsewhere", "Socket.IO v5")
    assert backend.connect(seed, "http://h:1") == f"ws://h:1{SOCKET}"
    assert backend.example(seed, f"ws://h:1{SOCKET}").startswith('socket = io("http://h:1/")')
    assert backend.ping_interval(backend.seed().settings) == 25  # type: ignore[attr-defined]
    raw = foreign([plans.read(tapes.tape(opened("/a")), None)])
    assert raw.example(raw.seed(), "ws://h/a").startswith('ws = new WebSocket("ws://h/a")')
    assert (raw.name, raw.transport) == ("tape", "WebSocket")
    nothing = foreign([plans.read(tapes.tape(), None)])
    assert nothing.connect(nothing.seed(), "http://h") == "ws://h/"
    bot: Bot = nothing.bot(None)  # type: ignore[arg-type]
    assert bot.hear(None) == []  # type: ignore[arg-type]
    assert nothing.rules(Replay(tapes.tape(), backend=nothing).running.engine.world).talks() == ()
    phoenix_ = foreign([plans.read(tapes.tape(*phoenix()), None)])
    assert phoenix_.ping_interval(phoenix_.seed().settings) == 0  # type: ignore[attr-defined]
    reader = phoenix_.reader()
    assert reader is not None


def test_who_is_gone_already_is_not_sent_away() -> None:
    tape = session(
        said("client", "40/news,", 0.0),
        said("server", '40/news,{"sid":"xxxxxxxxxxxxxxxxxxxx"}', 0.0),
        said("server", "41/news,", 1.0),
        said("server", "41", 2.0),
        closed(2.0, by="server"),
    )
    replay = stranger(*tape)
    entered(replay)
    replay.play("""
        client >> 40/news,
        server << 40/news,{"sid":"$news"}
        client >> 41/news,
        after 1.5
        client closes 1000
    """)
    assert replay.coverage.complete, replay.coverage.text()
    assert "left behind" not in str(replay.logged)


def test_a_probe_that_failed_is_no_end() -> None:
    tape: list[Entry] = [
        opened(POLLING),
        *(
            replace(entry, via="polling", body=i)
            for i, entry in enumerate(
                (said("server", '0{"sid":"a"}', 0.0), said("client", "40", 0.0), said("server", '40{"sid":"b"}', 0.0)),
                1,
            )
        ),
        Upgraded(0.1, 1, 2, f"{SOCKET}&sid=a", ()),
        said("client", "2probe", 0.1, link=2),
        closed(0.2, link=2, by="server"),
        replace(said("server", '42["hello"]', 1.0), via="polling", body=4),
    ]
    replay = stranger(*tape)
    entered(replay)
    replay.play('after 1\nserver << 42["hello"]\nclient is silent')
    assert replay.coverage.complete, replay.coverage.text()


def test_phoenix_clients_are_told_apart_by_the_topic_that_they_join() -> None:
    tape: list[Entry] = []
    for conn, room in enumerate(("lobby", "garden"), 1):
        tape += [
            opened(PHOENIX, float(conn), conn),
            said("client", f'["1","1","room:{room}","phx_join",{{}}]', float(conn), conn),
            said("server", f'["1","1","room:{room}","phx_reply",{{"status":"ok","response":{{}}}}]', float(conn), conn),
        ]
    replay = stranger(*tape)
    replay.play(f"""
        one connects {PHOENIX}
        one >> ["1","1","room:garden","phx_join",{{}}]
        one << ["1","1","room:garden","phx_reply",{{"response":{{}},"status":"ok"}}]
        two connects {PHOENIX}
        two >> ["1","1","room:lobby","phx_join",{{}}]
        two << ["1","1","room:lobby","phx_reply",{{"response":{{}},"status":"ok"}}]
        two >> ["2","2","room:attic","phx_join",{{}}]
        two << ["2","2","room:attic","phx_reply",{{"response":{{"reason":"not on the tape"}},"status":"error"}}]
    """)
    assert replay.unplayed() == []
    assert replay.warnings() == [
        "client 2: phx_join to room:attic is not on the tape; the client's last on the tape was talk.yaml:11"
    ]

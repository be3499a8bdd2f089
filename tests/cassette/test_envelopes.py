"""Envelopes nobody names: told from frames, read, and put into words."""

from __future__ import annotations

import pytest

from simulator import backends
from simulator.cassette import envelopes
from simulator.cassette.envelopes import ENGINE, GATEWAY, PHOENIX, PLAIN, TYPED
from simulator.core.message import Frame, Message
from simulator.core.wire import Turn


@pytest.mark.parametrize(
    ("path", "data", "kind"),
    [
        ("/socket.io/?EIO=4&transport=websocket", "nonsense", ENGINE),
        ("/", '0{"sid":"x"}', ENGINE),
        ("/socket/websocket?vsn=2.0.0", b"\x00\x01", PHOENIX),
        ("/socket/websocket", b"\x00\x01", PLAIN),
        ("/", '["1","2","a","b",{}]', PHOENIX),
        ("/", '["1","2",3,"b",{}]', PLAIN),
        ("/", "[1]", PLAIN),
        ("/", '{"topic":"a","event":"b","payload":{},"ref":null}', PHOENIX),
        ("/", '{"action":"api","data":{"route":"x"}}', GATEWAY),
        ("/", '{"channel":"x","status":200,"body":{}}', GATEWAY),
        ("/", '{"channel":"x","payload":{}}', GATEWAY),
        ("/", '{"channel":"x"}', PLAIN),
        ("/", '{"type":"x"}', TYPED),
        ("/", '{"type":1}', PLAIN),
        ("/", "7", PLAIN),
        ("/", "hello", PLAIN),
        ("/", '{"type":"x","y":"' + "z" * (64 << 10) + '"}', PLAIN),
    ],
)
def test_kind(path: str, data: str | bytes, kind: str) -> None:
    assert envelopes.kind_of(path, data) == kind


@pytest.mark.parametrize(
    ("kind", "sender", "data", "message"),
    [
        (ENGINE, "client", '42["a",1]', Message("a", (1,), topic="/")),
        (PHOENIX, "client", '[null,"1","t","a",{}]', Message("a", ({},), "1", "t")),
        (GATEWAY, "client", '{"action":"any","data":{"route":"r","body":1}}', Message("r", (1,), "r")),
        (TYPED, "server", '{"type":"a","b":1}', Message("a", ({"b": 1},))),
        (PLAIN, "client", '{"op":"sub","b":1}', Message("sub", ({"op": "sub", "b": 1},))),
        (PLAIN, "client", '{"event":7,"kind":"x"}', Message("x", ({"event": 7, "kind": "x"},))),
        (PLAIN, "client", '{"b":1}', Message("", ({"b": 1},))),
        (PLAIN, "client", "[1]", Message("", ([1],))),
        (PLAIN, "client", "hello", Message("", ("hello",))),
        (PLAIN, "client", b"\xff", Message("", (b"\xff",))),
    ],
)
def test_reader(kind: str, sender: str, data: str | bytes, message: Message) -> None:
    [turn] = envelopes.reader_of(kind).read(sender, 1, Frame(data))
    assert turn.message == message


@pytest.mark.parametrize(
    ("name", "kind"),
    [("aida", PHOENIX), ("chatbot", ENGINE), ("chip", TYPED), ("concierge", GATEWAY), ("mia", ENGINE)],
)
def test_what_a_backend_speaks(name: str, kind: str) -> None:
    assert envelopes.home_of(backends.load(name).reader()) == kind


def test_what_speaks_nothing_that_we_know() -> None:
    class Deaf:
        def read(self, sender: str, link: int, item: Frame) -> list[Turn]:
            return [Turn(sender, None, "what?")]

    assert envelopes.home_of(Deaf()) == PLAIN


@pytest.mark.parametrize("data", ["[1]", '{"action":1}', "hello", b"\xff"])
def test_what_is_no_gateways(data: str | bytes) -> None:
    [turn] = envelopes.reader_of(GATEWAY).read("client", 1, Frame(data))
    assert turn.message is None
    assert turn.why


@pytest.mark.parametrize(
    ("data", "via", "told"),
    [
        (b"\x00", "websocket", "attachment"),
        ("bAP8=", "polling", "attachment"),
        ("bAP8=", "websocket", "head of an attachment"),
        ("2", "websocket", "ping"),
        ("3", "polling", "pong"),
        ("2probe", "websocket", "probe"),
        ("3probe", "websocket", "probe answered"),
        ('0{"sid":"x"}', "websocket", "open"),
        ("1", "polling", "close"),
        ("5", "websocket", "upgrade"),
        ("6", "polling", "noop"),
        ('451-["a",{"_placeholder":true,"num":0}]', "websocket", "head of an attachment"),
        ('453-["a"]', "websocket", "head of 3 attachments"),
    ],
)
def test_packets_without_a_message(data: str | bytes, via: str, told: str) -> None:
    assert envelopes.packet(data, via) == told


def note(kind: str, data: str | bytes, sender: str = "client", via: str = "websocket") -> str:
    turns = envelopes.reader_of(kind).read(sender, 1, Frame(data, via))
    return envelopes.note(kind, sender, data, via, turns)


@pytest.mark.parametrize(
    ("kind", "sender", "data", "told"),
    [
        (ENGINE, "server", "2", "Engine.IO ping"),
        (ENGINE, "server", "9", "Engine.IO packet that there is not"),
        (ENGINE, "server", "0{", "Engine.IO open"),
        (
            ENGINE,
            "server",
            '0{"sid":"x","upgrades":["websocket"],"pingInterval":25000}',
            'Engine.IO open, sid x, upgrades ["websocket"], pingInterval 25000',
        ),
        (ENGINE, "client", "40/a,", "Socket.IO connect, namespace /a"),
        (ENGINE, "client", '42/a,12["x"]', "Socket.IO event, namespace /a, ack id 12"),
        (ENGINE, "server", "43/a,12[]", "Socket.IO ack, namespace /a, ack id 12"),
        (ENGINE, "client", "48", "Socket.IO packet that there is not"),
        (ENGINE, "client", "4", "Socket.IO packet that there is not"),
        (ENGINE, "client", '451-["x",{"_placeholder":true,"num":0}]', "Socket.IO binary event, 1 attachments"),
        (ENGINE, "client", b"\x00\x01", "attachment of 2 bytes"),
        (ENGINE, "client", "bAAE=", "attachment in base64"),
        (PHOENIX, "client", '["1","2","t","e",{}]', "Phoenix V2, topic t, ref 2, join_ref 1"),
        (PHOENIX, "client", '{"topic":"t","event":"e","payload":{},"ref":null}', "Phoenix V1, topic t"),
        (
            PHOENIX,
            "server",
            '[null,"2","t","phx_reply",{"status":"ok","response":{}}]',
            "Phoenix V2, topic t, ref 2, reply ok",
        ),
        (PHOENIX, "client", "nonsense", ""),
        (GATEWAY, "client", '{"action":"api","data":{"route":"r?a"}}', "API Gateway action api, route r?a"),
        (GATEWAY, "client", "nonsense", ""),
        (GATEWAY, "server", '{"channel":"r?a","status":200,"body":{}}', "API Gateway answer 200 on channel r?a"),
        (GATEWAY, "server", '{"channel":"news","payload":{}}', "API Gateway push"),
        (
            GATEWAY,
            "server",
            '{"channel":"news-7d62d551-3030-4100-a260-2d7c4e9693e7","payload":{}}',
            "API Gateway push to 7d62d551-3030-4100-a260-2d7c4e9693e7",
        ),
        (GATEWAY, "server", '{"message":"Forbidden","connectionId":"c"}', "API Gateway's own word"),
        (TYPED, "client", '{"type":"x"}', ""),
    ],
)
def test_note(kind: str, sender: str, data: str | bytes, told: str) -> None:
    assert note(kind, data, sender) == told


def test_a_long_action_is_not_looked_at() -> None:
    turns = envelopes.reader_of(GATEWAY).read("client", 1, Frame('{"action":"api","data":{"route":"r"}}'))
    long = '{"action":"api","data":{"route":"r","body":"' + "z" * (64 << 10) + '"}}'
    assert envelopes.note(GATEWAY, "client", long, "websocket", turns) == "API Gateway action null, route r"


def test_note_of_a_long_poll() -> None:
    assert note(PHOENIX, "[]", via="longpoll") == "Phoenix long poll"


def test_what_an_attachment_completes() -> None:
    reader = envelopes.reader_of(ENGINE)
    assert reader.read("client", 1, Frame('451-/a,["x",{"_placeholder":true,"num":0}]')) == []
    turns = reader.read("client", 1, Frame(b"\x00"))
    told = envelopes.note(ENGINE, "client", b"\x00", "websocket", turns)
    assert told == "attachment of 1 bytes, completes x of namespace /a"


def test_offsets_are_told() -> None:
    reader = envelopes.reader_of(ENGINE)
    reader.read("server", 1, Frame('40{"sid":"s","pid":"p"}'))
    data = '42["news","AAAAAAAA"]'
    turns = reader.read("server", 1, Frame(data))
    assert envelopes.note(ENGINE, "server", data, "websocket", turns) == (
        "Socket.IO event, namespace /" + (f", offset {turns[0].offset}" if turns[0].offset else "")
    )


@pytest.mark.parametrize(
    ("kind", "data", "beats"),
    [
        (ENGINE, "2", True),
        (ENGINE, "3", True),
        (ENGINE, "6", True),
        (ENGINE, "2probe", False),
        (PHOENIX, '[null,"1","phoenix","heartbeat",{}]', True),
        (PHOENIX, '[null,"1","t","heartbeat",{}]', False),
        (PHOENIX, "nonsense", False),
        (TYPED, '{"type":"ping"}', False),
    ],
)
def test_heartbeats(kind: str, data: str, beats: bool) -> None:
    turns = envelopes.reader_of(kind).read("client", 1, Frame(data))
    assert envelopes.is_heartbeat(kind, data, turns) is beats


def test_a_long_poll_with_several_messages_is_no_heartbeat() -> None:
    assert not envelopes.is_heartbeat(PHOENIX, "[]", [])

"""The gateway's envelope, ids, words and patience, without rules."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from simulator.core.actions import Accept, After, Cancel, Close, Reply, Send
from simulator.core.backend import Route
from simulator.core.errors import WireError
from simulator.core.events import Closed, Malformed, Opened, Received
from simulator.core.ids import Ids
from simulator.core.message import NO_REF, Frame, Message, Ping, Pong, Request, Response
from simulator.core.wire import Answer, Asked, Attached, Beat, Detached, Drop, Due, Got, Input, Output, Put, Shut, Write
from simulator.core.world import World
from simulator.wire.gateway import (
    CONNECTION,
    HTTP,
    OWN,
    RAW,
    REQUEST,
    Envelope,
    Gateway,
    IntegrationError,
    Onlook,
    answer,
    gateway_id,
    refusal,
)
from simulator.wire.single import Peer
from tests.talk import UPGRADE

UUID = "4482e256-da14-47cc-b119-9575bbb3b6d3"
DOOR = Route("connect", "/uat/?")
CLIENT, SERVER = Envelope(), Onlook()


def ids() -> Ids:
    return Ids.seeded(7)


# ---- ids ----


@pytest.mark.parametrize(
    ("sample", "seconds"),
    [
        ("fD9QxcHGSQ0CF1w=", 1727939179.137),
        ("fD_nMeRhyQ0CEqg=", 1727940141.791),
        ("fEBAifRtyQ0CEMg=", 1727940713.567),
        ("fEDwdfYYSQ0AbsQ=", 1727941839.544),
    ],
)
def test_an_id_of_the_document_has_our_clock(sample: str, seconds: float) -> None:
    """The four ids of the document, and when their rows say that they were made."""
    theirs = base64.urlsafe_b64decode(sample)
    ours = base64.urlsafe_b64decode(gateway_id(seconds, ids(), theirs[8]))
    ticks = int.from_bytes(theirs[:5], "big") - int.from_bytes(ours[:5], "big")
    assert abs(ticks / 10.24) < 75, "milliseconds"
    assert (ours[6] & 0x7F, ours[7], ours[8]) == (theirs[6] & 0x7F, theirs[7], theirs[8])
    assert ours[10] & 3 == theirs[10] & 3 == 0
    assert len(gateway_id(seconds, ids(), CONNECTION)) == len(sample)


def test_ids_are_drawn() -> None:
    one = ids()
    assert len({gateway_id(1e9, one, CONNECTION) for _ in range(50)}) == 50
    assert gateway_id(1e9, ids(), CONNECTION) == gateway_id(1e9, ids(), CONNECTION)
    sixth = {base64.urlsafe_b64decode(gateway_id(1e9, one, REQUEST))[6] for _ in range(50)}
    assert sixth == {0x49, 0xC9}


# ---- the envelope ----


def test_a_request() -> None:
    frame = Frame('{"action":"api","data":{"route":"client/get-chat-messages?page=1&limit=50","body":{"a":1}}}')
    assert CLIENT.decode(frame) == Message(
        "client/get-chat-messages", ({"a": 1},), "client/get-chat-messages?page=1&limit=50", "page=1&limit=50"
    )
    assert CLIENT.decode(Frame('{"data":{"route":"x"},"action":"api","more":1}')) == Message("x", ({},), "x")


@pytest.mark.parametrize(
    "data",
    [
        "", "{", "[]", "null", '"api"', "{}", '{"action":1}', '{"action":["api"]}', '{"action":"dance","data":{"route":"x"}}',
        b'{"action":"api","data":{"route":"x"}}', '{"action":"\\ud800"}', "[" * 5000, "[" * 100_000 + r'"\ud800',
        r'{"action":"api","a":"\ud800","b":1e999}', "\udcff",
    ],
)  # fmt: skip
def test_no_route_key(data: str | bytes) -> None:
    with pytest.raises(WireError) as caught:
        CLIENT.decode(Frame(data))
    assert not isinstance(caught.value, IntegrationError)
    assert caught.value.frame == Frame(data)


@pytest.mark.parametrize(
    "data", ['{"action":"api"}', '{"action":"api","data":[]}', '{"action":"api","data":{"route":7}}']
)
def test_the_application_stumbles(data: str) -> None:
    with pytest.raises(IntegrationError):
        CLIENT.decode(Frame(data))


def test_half_an_emoji() -> None:
    text = r'{"action":"api","data":{"route":"x","body":{"a":"\uD83D!","b":"\ud83d\ude00"}}}'
    assert CLIENT.decode(Frame(text)).args == ({"a": "\ufffd!", "b": "😀"},)


ANSWER = Message("client/x", (200, {"a": "é"}), "client/x?page=1", "page=1")
PUSH = Message("chat-message", ({"actions": [], "payload": {"a": 1}, "senderId": None},), NO_REF, UUID)
WORD = Message("Forbidden", ({"connectionId": "XDmENcnwIE0CFEQ=", "requestId": "XDmGEE2RoE0FRdQ="},), topic=OWN)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ANSWER, '{"channel":"client/x?page=1","status":200,"body":{"a":"é"}}'),
        (PUSH, f'{{"actions":[],"channel":"chat-message-{UUID}","payload":{{"a":1}},"senderId":null}}'),
        (Message("chat-message-delete", ({"a": "\ud800"},)), '{"channel":"chat-message-delete","a":"\\ud800"}'),
        # The transcript of the public source that the tables name, to the byte.
        (WORD, '{"message": "Forbidden", "connectionId":"XDmENcnwIE0CFEQ=", "requestId":"XDmGEE2RoE0FRdQ="}'),
    ],
)
def test_written_and_read_again(message: Message, text: str) -> None:
    assert CLIENT.encode(message) == Frame(text)
    if "ud800" not in text:
        assert SERVER.decode(Frame(text)) == message


def test_the_other_ways_to_write() -> None:
    assert CLIENT.encode(Message("connect", (200, {}))) == Frame('{"channel":"connect","status":200,"body":{}}')
    assert CLIENT.encode(Message("bare")) == Frame('{"channel":"bare"}')
    assert CLIENT.encode(Message("x", ({"channel": "y", "b": 1},))) == Frame('{"channel":"x","b":1}')
    assert CLIENT.encode(Message(RAW, ("any é".encode(),))) == Frame("any é")
    assert CLIENT.encode(Message(RAW, (b"\xff",))) == Frame(b"\xff")
    assert CLIENT.encode(Message("x", (200, 2**70))) == Frame(f'{{"channel":"x","status":200,"body":{2**70}}}')


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else 1


@pytest.mark.parametrize("args", [(1,), ([],), (200, b""), (200, {"a": float("nan")}, 1), (200, nested(900))])
def test_what_cannot_be_written(args: Any) -> None:
    if args == (200, nested(900)):
        # Deeper than orjson writes; the other way does.
        assert str(CLIENT.encode(Message("x", args)).data).count('"a"') == 900
        return
    with pytest.raises(WireError):
        CLIENT.encode(Message("x", args))


@pytest.mark.parametrize(
    "data", ["{", "[]", "{}", '{"channel":1}', '{"message":1,"connectionId":""}', '{"message":""}']
)
def test_no_frame_of_the_server(data: str) -> None:
    with pytest.raises(WireError):
        SERVER.decode(Frame(data))


# ---- the wire ----


def plain(request: Request, wrong: object) -> Response:
    return Response(426)


class Hand(World):
    """A clock."""

    def __init__(self) -> None:
        super().__init__(now=0.0, ids=Ids.seeded(1), seed=None, settings=None)


def gateway(idle: float = 600, longest: float = 7200, hand: Hand | None = None) -> Gateway:
    return Gateway(Envelope(), "connect", idle=idle, longest=longest, world=hand or Hand(), plain=plain)


def opened(wire: Gateway, link: int = 1) -> Peer:
    [knock] = wire.take(Asked(link, Request("GET", "/uat", headers=UPGRADE), DOOR))
    peer: Peer = knock.conn  # type: ignore[union-attr, assignment]
    wire.take(Accept(peer))
    wire.take(Attached(link, link))
    return peer


def test_a_life() -> None:
    hand = Hand()
    wire = gateway(hand=hand)
    [knock] = wire.take(Asked(1, Request("GET", "/uat", headers=UPGRADE), DOOR))
    peer = knock.conn  # type: ignore[union-attr]
    wire.take(Accept(peer))
    hand._now = 1000.0
    assert wire.take(Attached(1, 1)) == [After(7200, peer, "longest"), After(600, peer, "idle"), Opened(peer)]
    got = Received(peer, Message("x", ({},), "x"))
    answer = Write(1, Frame('{"channel":"x?a=1","status":200,"body":{}}'))
    lives: list[tuple[Input, list[Output]]] = [
        (Got(1, Frame('{"action":"api","data":{"route":"x"}}')), [got]),
        (Reply(peer, "x?a=1", (200, {})), [answer]),
        (Send((peer,), Message("x")), [Write(1, Frame('{"channel":"x"}'))]),
        (Put(1, Frame("by hand")), [Write(1, Frame("by hand"))]),
    ]
    for given, expected in lives:
        hand._now += 400
        assert wire.take(given) == expected
        hand._now += 300
        assert wire.take(Due(peer, "idle")) == [After(300, peer, "idle")], f"{given} is a sign of life"
    hand._now += 300
    [malformed] = wire.take(Got(1, Frame("x")))
    assert isinstance(malformed, Malformed)
    hand._now += 599
    assert wire.take(Due(peer, "idle")) == [After(1, peer, "idle")], "garbage is a sign of life, too"
    assert wire.take(Got(1, Ping(b"x"))) == [Write(1, Pong(b"x"))], "no sign of life"
    assert wire.take(Got(1, Pong())) == []
    assert wire.take(Beat()) == []
    hand._now += 1
    assert wire.take(Due(peer, "idle")) == [Shut(1, 1001, "Going away"), Cancel(peer), Closed(peer, 1001)]
    assert wire.take(Due(peer, "longest")) == []
    assert wire.take(Send((peer,), Message("x"))) == []
    assert wire.take(Got(1, Frame("x"))) == []


def test_the_straight_way_counts_as_well() -> None:
    hand = Hand()
    wire = gateway(hand=hand)
    peer = opened(wire)
    hand._now = 100.0
    assert wire.heard(1, Frame('{"action":"api","data":{"route":"x"}}')) == Received(peer, Message("x", ({},), "x"))
    hand._now = 600.0
    assert wire.take(Due(peer, "idle")) == [After(100, peer, "idle")]
    hand._now = 650.0
    assert wire.said(Reply(peer, "x", (200, {}))) == Write(1, Frame('{"channel":"x","status":200,"body":{}}'))
    hand._now = 700.0
    assert wire.take(Due(peer, "idle")) == [After(550, peer, "idle")]
    assert wire.said(Send((peer,), Message("x", ({"a": 1},)))) == Write(1, Frame('{"channel":"x","a":1}'))
    hand._now = 750.0
    assert wire.take(Due(peer, "idle")) == [After(550, peer, "idle")], "it was a push that was last"
    another = opened(gateway(), 2)
    for nothing in (
        wire.heard(1, Frame("x")), wire.said(Send((peer,), Message("x", (1,)))), wire.heard(2, Frame("x")),
        wire.said(Reply(peer, "x", (1,))), wire.said(Reply(peer, "x", (200, b"1"))), wire.said(Reply(another, "x", (200, {}))),
    ):  # fmt: skip
        assert nothing is None
    hand._now = 1300.0
    assert wire.take(Due(peer, "idle"))[0] == Shut(1, 1001, "Going away")


def test_time_altogether_ends_whoever_is_busy() -> None:
    hand = Hand()
    wire = gateway(hand=hand)
    peer = opened(wire)
    hand._now = 7200.0
    wire.take(Send((peer,), Message("x")))
    assert wire.take(Due(peer, "longest")) == [Shut(1, 1001, "Going away"), Cancel(peer), Closed(peer, 1001)]


def test_no_ends() -> None:
    wire = gateway(0, 0)
    peer = opened(wire)
    assert wire.take(Reply(peer, "x", (200, {}))) == [Write(1, Frame('{"channel":"x","status":200,"body":{}}'))]
    assert [type(out) for out in wire.take(Got(1, Frame("x")))] == [Malformed]
    assert wire.take(Close(peer)) == [Shut(1, 1000), Cancel(peer), Closed(peer, 1000)]
    peer = opened(wire)
    assert wire.take(Close(peer, 1006)) == [Drop(1), Cancel(peer), Closed(peer, 1006)]
    assert wire.take(Attached(9, 9)) != [], "a socket that nobody waits for is dropped"


def test_what_cannot_be_written_is_no_sign_of_life() -> None:
    hand = Hand()
    wire = gateway(hand=hand)
    peer = opened(wire)
    hand._now = 600.0
    [malformed] = wire.take(Send((peer,), Message("x", (1,))))
    assert isinstance(malformed, Malformed)
    assert wire.take(Due(peer, "idle"))[0] == Shut(1, 1001, "Going away")


def test_detached() -> None:
    wire = gateway()
    peer = opened(wire)
    assert wire.take(Detached(1, 1005)) == [Cancel(peer), Closed(peer, 1005)]


def test_no_upgrade() -> None:
    wire = gateway()
    assert wire.take(Asked(1, Request("GET", "/uat"), DOOR)) == [Answer(1, Response(426))]
    [other] = wire.take(Asked(2, Request("GET", "/x"), Route("other", "/x")))
    assert type(other).__name__ == "Requested"


# ---- HTTP ----


def test_answers() -> None:
    response = refusal(401, 1e9, ids())
    assert response.body == b'{"message":"Unauthorized"}'
    assert [name for name, _ in response.headers] == [
        "Content-Type", "x-amzn-RequestId", "x-amzn-ErrorType", "x-amz-apigw-id",
    ]  # fmt: skip
    assert dict(response.headers)["x-amzn-ErrorType"] == "UnauthorizedException"
    assert base64.urlsafe_b64decode(dict(response.headers)["x-amz-apigw-id"])[8] == HTTP
    denied = refusal(403, 1e9, ids(), "User is not authorized", "AccessDeniedException")
    assert denied.body == b'{"Message":"User is not authorized"}', "a capital letter, as in the public recordings"
    said = refusal(403, 1e9, ids(), "Missing Authentication Token", "MissingAuthenticationTokenException")
    assert said.body == b'{"message":"Missing Authentication Token"}'
    assert dict(refusal(418, 1e9, ids()).headers)["x-amzn-ErrorType"] == "InternalServerErrorException"
    assert "x-amzn-ErrorType" not in dict(answer(200, {}, 1e9, ids()).headers)

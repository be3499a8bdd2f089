"""What frames mean to a Phoenix socket, row by row of the fidelity file's section 4; literal, as real servers sent them."""

from __future__ import annotations

import pytest

from simulator.core.actions import Send
from simulator.core.errors import Unmatched
from simulator.core.events import Closed, Knocked, Malformed, Opened
from simulator.core.message import Frame, Message, Ping, Pong
from simulator.core.wire import (
    Got,
    Shut,
    Write,
)
from tests.wire.phoenix_host import (
    JOIN,
    OK13,
    OK18,
    Host,
    both,
    error,
    host,
    ok,
)

# ---- frames that the socket answers


@both
def test_row_11_heartbeat_before_any_join(profile: str) -> None:
    it = host(profile)
    assert it.says('["5","2","phoenix","heartbeat",{"a":1}]') == [f'[null,"2","phoenix","phx_reply",{ok(profile)}]']
    assert it.says('[null,null,"phoenix","heartbeat",null]') == [f'[null,null,"phoenix","phx_reply",{ok(profile)}]']


def test_row_12_heartbeat_v1_with_an_integer() -> None:
    frame = '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":0}'
    told = {
        "1.3": f'{{"topic":"phoenix","ref":0,"payload":{OK13},"join_ref":null,"event":"phx_reply"}}',
        "1.8": f'{{"event":"phx_reply","payload":{OK18},"ref":0,"topic":"phoenix"}}',
    }
    for profile, expected in told.items():
        it = Host(profile)
        it.connect(query="")
        assert it.says(frame) == [expected]


@both
def test_row_13_join(profile: str) -> None:
    it = host(profile)
    assert it.says('["1","1","bot:a","phx_join",{"access_token":"t"}]') == [
        f'["1","1","bot:a","phx_reply",{ok(profile)}]'
    ]
    knocked = it.events[2]
    assert isinstance(knocked, Knocked)
    assert (knocked.auth, knocked.topic, knocked.request.query) == ({"access_token": "t"}, "bot:a", "vsn=2.0.0")
    assert it.events[3] == Opened(knocked.conn)
    assert repr(knocked.conn) == "<channel bot:a of 1>"


@pytest.mark.parametrize(("profile", "join_ref"), [("1.3", "1"), ("1.8", "11")])
def test_row_14_join_ref_of_the_reply(profile: str, join_ref: str) -> None:
    it = host(profile)
    told = f'["{join_ref}","1","bot:a","phx_reply",{ok(profile)}]'
    assert it.says('["11","1","bot:a","phx_join",{}]') == [told]


def test_join_without_join_ref() -> None:
    """The channel of 1.8 goes by its ref then, the socket by null; stale is what is not null."""
    frames = ('[null,"1","bot:a","phx_join",{}]', '[null,"2","bot:a","ok",{}]', '["9","3","bot:a","phx_leave",{}]')
    assert host("1.3").says(*frames) == [
        f'["1","1","bot:a","phx_reply",{OK13}]',
        f'["1","2","bot:a","phx_reply",{OK13}]',
        f'["1","3","bot:a","phx_reply",{OK13}]',
        '["1","1","bot:a","phx_close",{}]',
    ]
    it = host("1.8")
    assert it.says(*frames) == [f'[null,"1","bot:a","phx_reply",{OK18}]', f'["1","2","bot:a","phx_reply",{OK18}]']
    assert it.says('[null,"4","bot:a","phx_leave",{}]') == [
        f'["1","4","bot:a","phx_reply",{OK18}]',
        '[null,null,"bot:a","phx_close",{}]',
    ]


def test_row_15_join_v1() -> None:
    frame = '{"topic":"bot:a","event":"phx_join","payload":{},"ref":"1"}'
    it = Host("1.3")
    it.connect(query="vsn=1.0.0")
    assert it.says(frame) == [f'{{"topic":"bot:a","ref":"1","payload":{OK13},"join_ref":null,"event":"phx_reply"}}']
    leave = '{"topic":"bot:a","event":"phx_leave","payload":{},"ref":"2"}'
    assert it.says(leave)[1:] == ['{"topic":"bot:a","ref":"1","payload":{},"event":"phx_close"}']
    it = Host("1.8")
    it.connect(query="vsn=1.0.0")
    assert it.says(frame) == [f'{{"event":"phx_reply","payload":{OK18},"ref":"1","topic":"bot:a"}}']
    assert it.says(leave)[1:] == ['{"event":"phx_close","payload":{},"ref":null,"topic":"bot:a"}']


@both
def test_row_16_refused_join(profile: str) -> None:
    it = host(profile)
    assert it.says('["1","1","bot:a","phx_join",{"refuse":"unauthorized"}]') == [
        f'["1","1","bot:a","phx_reply",{error(profile, "unauthorized")}]'
    ]
    assert it.says('["1","2","bot:a","ok",{}]') == [
        f'[null,"2","bot:a","phx_reply",{error(profile, "unmatched topic")}]'
    ]
    assert it.closed() == []


@both
@pytest.mark.parametrize("topic", ['"room:x"', '"unmatched-topic"', '"bot"', '""', '"Bot:a"', '"phoenix"', '"exact2"'])
def test_row_20_unmatched_topic(profile: str, topic: str) -> None:
    it = host(profile)
    told = f'[null,"1",{topic},"phx_reply",{error(profile, "unmatched topic")}]'
    assert it.says(f'["1","1",{topic},"phx_join",{{}}]') == [told]


@both
@pytest.mark.parametrize("topic", ["5", "null", '{"a":[1.0]}', "[]", "123456789012345678901234567890"])
def test_topic_that_is_no_string(profile: str, topic: str) -> None:
    it = host(profile)
    told = f'[null,"1",{topic},"phx_reply",{error(profile, "unmatched topic")}]'
    for event in ('"phx_join"', '"x"', "5"):
        assert it.says(f'["1","1",{topic},{event},{{}}]') == [told]
    messages = [event.error.message for event in it.events[2:]]  # type: ignore[union-attr]
    assert [(message.name, message.topic) for message in messages] == [("phx_join", ""), ("x", ""), ("", "")]


def test_exact_topic() -> None:
    assert host().says('["1","1","exact","phx_join",{}]') == [f'["1","1","exact","phx_reply",{OK13}]']


@both
def test_row_21_event_on_unjoined_topic(profile: str) -> None:
    it = host(profile)
    told = [f'[null,"2","bot:a","phx_reply",{error(profile, "unmatched topic")}]']
    frame = '["7","2","bot:a","utb_msg",{}]'
    assert it.says(frame) == told
    *_, event = it.events
    assert len(it.events) == 3
    assert isinstance(event, Malformed)
    assert isinstance(event.error, Unmatched)
    assert (event.error.frame, event.error.message) == (Frame(frame), Message("utb_msg", ({},), topic="bot:a"))


@both
def test_row_22_join_twice(profile: str) -> None:
    it = host(profile, JOIN)
    assert it.says('["5","5","bot:a","phx_join",{}]') == [
        f'["5","5","bot:a","phx_reply",{ok(profile)}]',
        '["1","1","bot:a","phx_close",{}]',
    ]
    one, two = it.conns(Knocked)[1:]
    assert it.events[4:6] == [Closed(one, 1000), it.events[5]]
    assert it.events[6:] == [Opened(two)]
    assert it.says('["5","6","bot:a","ok",{}]') == [f'["5","6","bot:a","phx_reply",{ok(profile)}]']
    stale = it.says('["1","7","bot:a","ok",{}]')
    assert stale == ([f'["5","7","bot:a","phx_reply",{OK13}]'] if profile == "1.3" else [])


@both
def test_row_22_second_join_refused(profile: str) -> None:
    it = host(profile, JOIN)
    assert it.says('["2","2","bot:a","phx_join",{"refuse":"no"}]') == [
        f'["2","2","bot:a","phx_reply",{error(profile, "no")}]',
        '["1","1","bot:a","phx_close",{}]',
    ]
    assert it.closed() == [("<channel bot:a of 1>", 1000)]
    assert "unmatched" in str(it.says('["1","3","bot:a","ok",{}]'))


@both
def test_row_23_two_bots_on_one_socket(profile: str) -> None:
    it = host(profile, JOIN, '["2","2","bot:b","phx_join",{}]')
    crash = "{}" if profile == "1.3" else '{"reason":"channel_crash"}'
    assert it.says('["1","3","bot:a","crash",{}]') == [f'["1","1","bot:a","phx_error",{crash}]']
    assert it.says('["2","4","bot:b","ok",{}]') == [f'["2","4","bot:b","phx_reply",{ok(profile)}]']
    assert "unmatched" in str(it.says('["1","5","bot:a","ok",{}]'))
    assert it.closed() == [("<channel bot:a of 1>", 1011)]


@both
def test_row_24_leave(profile: str) -> None:
    it = host(profile, JOIN)
    assert it.says('["1","2","bot:a","phx_leave",null]') == [
        f'["1","2","bot:a","phx_reply",{ok(profile)}]',
        '["1","1","bot:a","phx_close",{}]',
    ]
    assert it.closed() == [("<channel bot:a of 1>", 1000)]
    assert it.says('["1","3","bot:a","ok",{}]') == [
        f'[null,"3","bot:a","phx_reply",{error(profile, "unmatched topic")}]'
    ]


@pytest.mark.parametrize("topic", ["bot:a", "nope", "phoenix"])
def test_row_25_leave_unjoined(topic: str) -> None:
    frame = f'["1","2","{topic}","phx_leave",{{}}]'
    assert host("1.3").says(frame) == [f'[null,"2","{topic}","phx_reply",{error("1.3", "unmatched topic")}]']
    assert host("1.8").says(frame) == [f'["1","2","{topic}","phx_reply",{OK18}]']


def test_row_26_stale_join_ref() -> None:
    frames = ('["0","2","bot:a","ok",{}]', '[1,"3","bot:a","ok",{}]', '["0","4","bot:a","phx_leave",{}]')
    assert len(host("1.3", JOIN).says(*frames)) == 4
    it = host("1.8", JOIN)
    assert it.says(*frames) == []
    assert it.says('["1","5","bot:a","ok",{}]') == [f'["1","5","bot:a","phx_reply",{OK18}]']


def test_join_refs_are_the_same_as_erlang_has_it() -> None:
    it = host("1.8", '[1,1,"bot:a","phx_join",{}]')
    assert it.says('[1.0,2,"bot:a","ok",{}]', '["1",2,"bot:a","ok",{}]', '[true,2,"bot:a","ok",{}]') == []
    assert it.says('[1,3,"bot:a","ok",{}]') == [f'[1,3,"bot:a","phx_reply",{OK18}]']
    it = host("1.8", '[{"a":1},{"b":2},"bot:a","phx_join",{}]')
    assert it.says('[{"a":1},{"c":2},"bot:a","phx_leave",{}]') == [
        f'[{{"a":1}},{{"c":2}},"bot:a","phx_reply",{OK18}]',
        '[{"a":1},{"a":1},"bot:a","phx_close",{}]',
    ]


@both
def test_row_27_null_join_ref_on_a_joined_topic(profile: str) -> None:
    it = host(profile, JOIN)
    assert it.says('[null,"2","bot:a","ok",{}]') == [f'["1","2","bot:a","phx_reply",{ok(profile)}]']


@both
@pytest.mark.parametrize(
    "frame", ["{", "", "{}", '["1","1","bot:a","ok"]', "5", "null", '"\\ud800"', "[1e400,1,1,1,1]"]
)
def test_row_43_serializer_errors_v2(profile: str, frame: str) -> None:
    it = host(profile, JOIN)
    assert it.says(frame) == [Shut(1, 1011, "")]
    socket, channel = it.conns(Knocked)
    malformed = it.events[-3]
    assert isinstance(malformed, Malformed)
    assert (malformed.conn, malformed.error.frame) == (socket, Frame(frame))
    assert it.events[-2:] == [Closed(channel, 1011), Closed(socket, 1011)]
    assert it.says(JOIN) == []


@both
@pytest.mark.parametrize("frame", ["[]", "{}", '{"topic":"a","event":"b","payload":{}}', '{"topic":"a","ref":null}'])
def test_row_43_serializer_errors_v1(profile: str, frame: str) -> None:
    it = Host(profile)
    it.connect(query="")
    assert it.says(frame) == [Shut(1, 1011, "")]


@both
def test_row_44_six_elements(profile: str) -> None:
    assert host(profile).says('["1","1","bot:a","phx_join",{},7]') == [f'["1","1","bot:a","phx_reply",{ok(profile)}]']


def test_row_47_json_in_a_binary_frame() -> None:
    frame = JOIN.encode()
    assert host("1.3").says(frame) == [f'["1","1","bot:a","phx_reply",{OK13}]']
    assert host("1.8").says(frame) == [Shut(1, 1011, "")]
    for profile in ("1.3", "1.8"):
        it = Host(profile)
        it.connect(query="")
        assert len(it.says(b'{"topic":"phoenix","event":"heartbeat","payload":{},"ref":0}')) == 1
    assert host("1.3").says(b"\x00\x01\x01\x05\x0311bot:aokk") == [Shut(1, 1011, "")]


def test_row_48_binary() -> None:
    """v1.8.12 test/phoenix/socket/v2_json_serializer_test.exs."""
    it = host("1.8", JOIN)
    assert it.says(b"\x00\x01\x01\x05\x0312bot:asay\x01\x02\x03") == [b"\x01\x01\x01\x05\x0212bot:aok\x01\x02\x03"]
    assert it.says(b"\x00\x01\x01\x05\x0413bot:apush\x01") == [b"\x00\x01\x05\x041bot:anews\x01"]
    [_, channel] = it.conns(Knocked)
    [write] = it.act(Send((channel,), Message("news", (b"\x01\x02",), topic="bot:a")))
    assert write == Write(1, Frame(b"\x02\x05\x04bot:anews\x01\x02"))
    assert it.says(b"\x00\x00\x01\x07\x091phoenixheartbeat") == [f'[null,"1","phoenix","phx_reply",{OK18}]']
    assert it.says(b"\x00\x00\x01\x05\x024bot:aok") == [], "an empty join_ref is not null, so it is stale"
    assert it.says(b"\x00\x01\x01\x05\x0855bot:bphx_joinx") == [f'["5","5","bot:b","phx_reply",{OK18}]']
    knocked = it.events[-2]
    assert isinstance(knocked, Knocked)
    assert repr(knocked.auth) == "b'x'"


def test_row_49_too_many_channels() -> None:
    it = host("1.8", *(f'["{n}","{n}","bot:{n}","phx_join",{{}}]' for n in range(100)))
    assert it.says('["x","y","bot:x","phx_join",{}]') == [
        f'["x","y","bot:x","phx_reply",{error("1.8", "too many channels joined")}]'
    ]
    assert it.says('["x","z","bot:7","phx_join",{}]') == [
        f'["x","z","bot:7","phx_reply",{OK18}]',
        '["7","7","bot:7","phx_close",{}]',
    ], "who joins again makes room first"
    assert "unmatched" in str(it.says('["x","y","nope","phx_join",{}]'))


@both
def test_row_50_ping(profile: str) -> None:
    it = host(profile)
    assert it.take(Got(1, Ping(b"hey"))) == [Write(1, Pong(b"hey"))]
    assert it.take(Got(1, Pong())) == []
    assert len(it.events) == 2


@both
def test_row_54_leave_and_join(profile: str) -> None:
    it = host(profile, JOIN)
    assert it.says('["1","2","bot:a","phx_leave",{}]', '["3","3","bot:a","phx_join",{}]') == [
        f'["1","2","bot:a","phx_reply",{ok(profile)}]',
        '["1","1","bot:a","phx_close",{}]',
        f'["3","3","bot:a","phx_reply",{ok(profile)}]',
    ]
    assert it.says('["3","4","bot:a","ok",{}]') == [f'["3","4","bot:a","phx_reply",{ok(profile)}]']


@both
@pytest.mark.parametrize("event", ["null", "5"])
def test_event_that_is_no_string_crashes_the_channel(profile: str, event: str) -> None:
    it = host(profile, JOIN)
    [told] = it.says(f'["1","2","bot:a",{event},{{}}]')
    assert '"phx_error"' in str(told)
    malformed, closed = it.events[-2:]
    assert isinstance(malformed, Malformed)
    assert closed == Closed(malformed.conn, 1011)

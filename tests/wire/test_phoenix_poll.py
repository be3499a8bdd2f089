"""Long polling sessions: tokens, polls and posts, windows and ends (v1.8.12 test/phoenix/integration/long_poll_*)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from simulator.core.actions import Accept, Refuse, Send
from simulator.core.errors import WireError
from simulator.core.events import Knocked, Malformed, Opened
from simulator.core.ids import Ids
from simulator.core.message import Frame, Headers, Message, Request, Response
from simulator.core.wire import Aborted, Answer, Asked
from simulator.core.world import World
from simulator.wire.phoenix import Phoenix
from simulator.wire.phoenix_poll import PollPolicy, answered, split, ticket
from simulator.wire.phoenix_profile import PROFILES
from tests.wire.phoenix_host import JOIN, LONGPOLL, OK18, Host

PATH = "/socket/longpoll"
NDJSON: Headers = (("Content-Type", "application/x-ndjson"),)
LATER = '["7","7","bot:b","phx_join",{"later":1}]'


def body(answer: object) -> dict[str, Any]:
    assert isinstance(answer, Answer)
    assert answer.response is not None
    assert (answer.response.status, answer.response.headers) == (200, ())
    found: dict[str, Any] = json.loads(answer.response.body)
    return found


class Poller:
    """A client; its calls are numbered from 1."""

    def __init__(self, query: str = "vsn=2.0.0", **options: Any) -> None:
        self.host = Host("1.8", **options)
        self.calls = 0
        self.token = ""
        [answer] = self.ask("GET", query)
        self.first = body(answer)
        self.token = self.first["token"]

    def ask(self, method: str, query: str = "", data: str = "", headers: Headers = ()) -> list[object]:
        self.calls += 1
        query = query or f"vsn=2.0.0&token={self.token}"
        request = Request(method, PATH, query, headers, data.encode("utf-8", "surrogateescape"))
        return self.host.take(Asked(self.calls, request, LONGPOLL))

    def poll(self) -> list[object]:
        return self.ask("GET")

    def post(self, *frames: str) -> list[dict[str, Any]]:
        """The answers that come at once, the post's own first."""
        headers = NDJSON if len(frames) > 1 else ()
        return [body(answer) for answer in self.ask("POST", data="\n".join(frames), headers=headers)]

    def messages(self) -> list[str]:
        [answer] = self.poll()
        found = body(answer)
        assert (found["status"], found["token"]) == (200, self.token)
        return [str(text) for text in found["messages"]]


# ---- the session


def test_a_session_begins_with_410_and_a_token() -> None:
    it = Poller()
    assert list(it.first) == ["messages", "status", "token"]
    assert (it.first["status"], it.first["messages"]) == (410, [])
    head, payload, signature = it.token.split(".")
    assert head == "SFMyNTY"
    assert len(base64.urlsafe_b64decode(payload + "==")) > 100
    assert len(base64.urlsafe_b64decode(signature + "=")) == 32
    assert [type(event) for event in it.host.events] == [Knocked, Opened]
    assert repr(it.host.events[1]) == "Opened(conn=<socket 1>)"


def test_tokens_are_of_what_the_client_brought() -> None:
    assert Poller().token == Poller().token == Poller("vsn=2.0.0&token=old").token
    assert Poller("vsn=2.0.0&user=a").token != Poller().token
    it = Poller()
    [answer] = it.ask("GET", "vsn=2.0.0")
    assert body(answer)["token"] != it.token


def test_a_space_begins_its_tokens_with_its_mark() -> None:
    """Behind what is the same in all: so a poll that names no space is found."""
    token = Poller(mark="MARKmark").token
    assert token.startswith("SFMyNTY.MARKmark")
    assert (len(token), token[16:]) == (len(Poller().token), Poller().token[16:])
    for request in (
        Request("GET", "/l", f"vsn=2.0.0&token={token}"),
        Request("POST", "/l", "", (("X-Phoenix-LongPoll-Token", token),)),
    ):
        assert ticket(request).startswith("MARKmark")
    assert ticket(Request("GET", "/l", "vsn=2.0.0")) == ""


@pytest.mark.parametrize("query", ["vsn=2.0.0&token=bad", "token=", "", "vsn=1.0.0&token"])
def test_get_without_a_good_token_begins_anew(query: str) -> None:
    it = Poller()
    [answer] = it.ask("GET", query or "x")
    assert body(answer)["status"] == 410


def test_the_token_may_stand_in_a_header() -> None:
    it = Poller()
    it.post(JOIN)
    [answer] = it.ask("GET", "token=bad", headers=(("X-Phoenix-LongPoll-Token", it.token),))
    assert body(answer)["status"] == 200


@pytest.mark.parametrize("query", ["vsn=3.0.0", "vsn=abc"])
def test_refused_by_version(query: str) -> None:
    it = Host("1.8")
    [answer] = it.take(Asked(1, Request("GET", PATH, query), LONGPOLL))
    assert body(answer) == {"status": 403}


def test_refused_by_origin() -> None:
    it = Host("1.8", check_origin=lambda host, request: False)
    for method in ("GET", "POST", "OPTIONS", "PUT"):
        request = Request(method, PATH, "", (("Origin", "http://example.com"),))
        [answer] = it.take(Asked(1, request, LONGPOLL))
        assert body(answer) == {"status": 403}


def test_refused_by_rules_and_gone_before_they_answer() -> None:
    it = Host("1.8")
    it.take(Asked(1, Request("GET", PATH, "later"), LONGPOLL))
    [answer] = it.act(Refuse(it.conns(Knocked)[0], Response(401)))
    assert body(answer) == {"status": 403}
    it.take(Asked(2, Request("GET", PATH, "later"), LONGPOLL))
    it.take(Aborted(2))
    assert it.act(Accept(it.conns(Knocked)[1])) == []
    assert it.closed() == [("<socket 2>", 1006)]


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("PUT", 400), ("DELETE", 400), ("HEAD", 400)])
def test_other_methods(method: str, status: int) -> None:
    assert Poller().ask(method) == [Answer(2, Response(status))]


# ---- messages


def test_post_and_poll() -> None:
    it = Poller()
    assert it.post(JOIN) == [{"status": 200}]
    assert it.messages() == [f'["1","1","bot:a","phx_reply",{OK18}]']
    assert it.post('["1","2","bot:a","push",{"a":1}]') == [{"status": 200}]
    assert it.post('["1","3","bot:a","ok",{}]') == [{"status": 200}]
    assert it.messages() == ['["1",null,"bot:a","news",{"a":1}]', f'["1","3","bot:a","phx_reply",{OK18}]']


def test_a_waiting_poll_is_answered() -> None:
    it = Poller()
    assert it.poll() == []
    post, poll = it.post(JOIN)
    assert post == {"status": 200}
    assert (poll["status"], poll["messages"]) == (200, [f'["1","1","bot:a","phx_reply",{OK18}]'])
    it.poll()
    [channel] = it.host.conns(Opened)[1:]
    [answer] = it.host.act(Send((channel,), Message("m", ({},))), Send((channel,), Message("n", ({},), topic="bot:a")))
    assert body(answer)["messages"] == ['["1",null,"bot:a","m",{}]', '[null,null,"bot:a","n",{}]']


def test_v1_over_long_polling() -> None:
    it = Poller("x")
    it.post('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":0}')
    assert it.messages() == [f'{{"event":"phx_reply","payload":{OK18},"ref":0,"topic":"phoenix"}}']


def test_lines() -> None:
    it = Poller()
    push = base64.b64encode(b"\x00\x01\x01\x05\x0412bot:apushab").decode()
    assert it.post(JOIN, push, '["1","3","bot:a","phx_leave",{}]', '["1","4","bot:a","ok",{}]') == [{"status": 200}]
    reply, news, left, closed, unmatched = it.messages()
    assert (reply[:9], news.encode()) == ('["1","1",', b"\x00\x01\x05\x041bot:anewsab")
    assert (left[:9], closed) == ('["1","3",', '["1","1","bot:a","phx_close",{}]')
    assert "unmatched topic" in unmatched


def test_more_than_a_hundred_lines_are_passed_over() -> None:
    it = Poller()
    it.post(*(f'[null,{n},"phoenix","heartbeat",{{}}]' for n in range(150)))
    assert len(it.messages()) == 100


def test_a_line_that_is_no_base64() -> None:
    assert Poller().ask("POST", data="{}\n", headers=NDJSON) == [Answer(2, Response(500))]


def test_post_without_session() -> None:
    it = Poller()
    [answer] = it.ask("POST", "token=bad", JOIN)
    assert body(answer) == {"status": 410}


@pytest.mark.parametrize("frame", ["garbage", "{}", "\udcff", ""])
def test_a_crash_answers_nothing_until_the_window_ends(frame: str) -> None:
    """The session's process is gone: the post waits in vain and is 408, the poll 204; then the token is no good."""
    it = Poller()
    it.post(JOIN)
    it.messages()
    assert it.poll() == []
    assert it.post(frame) == []
    assert isinstance(it.host.events[-3], Malformed)
    assert it.host.closed() == [("<channel bot:a of 1>", 1011), ("<socket 1>", 1011)]
    assert [*it.host.wire.owes()] == []
    assert [body(answer)["status"] for answer in it.host.at(10.0)] == [204, 408]
    assert it.post(JOIN) == [{"status": 410}]
    [answer] = it.poll()
    assert body(answer)["status"] == 410


# ---- time


def test_a_poll_without_messages() -> None:
    it = Poller()
    it.poll()
    assert it.host.at(9.9) == []
    [answer] = it.host.at(10.0)
    assert body(answer) == {"messages": [], "status": 204, "token": it.token}
    assert it.post(JOIN) == [{"status": 200}]
    assert len(it.messages()) == 1


def test_only_the_newest_poll_gets_messages() -> None:
    it = Poller()
    it.poll()
    it.host.at(5.0)
    it.poll()
    assert len(it.post(JOIN)) == 2
    [late] = it.host.at(10.0)
    assert body(late)["status"] == 204
    assert isinstance(late, Answer)
    assert late.call == 2


def test_an_aborted_poll_loses_nothing() -> None:
    it = Poller()
    it.poll()
    for _ in range(2):
        assert it.host.take(Aborted(2)) == []
    assert it.post(JOIN) == [{"status": 200}]
    assert len(it.messages()) == 1
    assert it.host.at(14.0) == []


def test_an_aborted_poll_whose_message_is_there() -> None:
    """Within one instant: the message came, the client went, nothing is lost."""
    it = Poller()
    wire = Phoenix(World(now=0.0, ids=Ids.seeded(1), seed=0, settings=0), topics=("*",), profile=PROFILES["1.8"])
    [knocked] = wire.take(Asked(1, Request("GET", PATH, "vsn=2.0.0"), LONGPOLL))
    assert isinstance(knocked, Knocked)
    token = body(wire.take(Accept(knocked.conn))[0])["token"]
    wire.take(Asked(2, Request("GET", PATH, f"token={token}"), LONGPOLL))
    heartbeat = b'[null,1,"phoenix","heartbeat",{}]'
    outputs = wire.take(Asked(3, Request("POST", PATH, f"token={token}", (), heartbeat), LONGPOLL))
    wire.take(Aborted(2))
    session = wire._polling.find(Request("GET", PATH, f"token={token}"))
    assert session is not None
    assert wire._polling.due(session, "flush") == []
    assert repr(session) == f"<session {token[-8:]}>"
    assert len(outputs) == 4
    assert len(body(wire.take(Asked(4, Request("GET", PATH, f"token={token}"), LONGPOLL))[0])["messages"]) == 1
    assert it.token == token


def test_who_does_not_poll_is_forgotten() -> None:
    """Looked after every 15 s; 15 s are not yet too long."""
    it = Poller()
    it.post(JOIN)
    assert it.host.at(29.9) == []
    assert it.host.closed() == []
    it.host.at(30.0)
    assert it.host.closed() == [("<channel bot:a of 1>", 1006), ("<socket 1>", 1006)]
    assert it.host.engine.next_due() is None
    [answer] = it.poll()
    assert body(answer)["status"] == 410


def test_who_polls_stays() -> None:
    it = Poller()
    for n in range(20):
        it.host.at(n * 10.0)
        it.poll()
    assert it.host.closed() == []


def test_policy() -> None:
    it = Poller(poll=PollPolicy(window=2.0, most=2))
    it.poll()
    assert [body(answer)["status"] for answer in it.host.at(2.0)] == [204]
    it.post(JOIN)
    it.post('["1","2","bot:a","ok",{}]')
    assert it.host.closed() == []
    it.post('["1","3","bot:a","ok",{}]')
    assert it.host.closed() == [("<channel bot:a of 1>", 1006), ("<socket 1>", 1006)], "the buffer's bound"


def test_what_waits_for_a_poll_is_bounded_in_characters() -> None:
    it = Poller(poll=PollPolicy(room=300))
    it.post(JOIN)
    for n in range(2, 20):
        it.post(f'["1","{n}","bot:a","ok",{{}}]')
        it.poll()
    assert it.host.closed() == [], "what was taken makes room"
    for n in range(20, 30):
        it.post(f'["1","{n}","bot:a","ok",{{}}]')
    assert it.host.closed() != []


def test_so_many_sessions_poll_and_one_more_is_refused() -> None:
    it = Poller(poll=PollPolicy(sessions=2))
    assert [body(it.ask("GET", "vsn=2.0.0")[0])["status"] for _ in range(2)] == [410, 403]
    # Whoever has one polls on, and who goes makes room.
    assert it.poll() == []
    it.host.at(40.0)
    assert body(it.ask("GET", "vsn=2.0.0")[0])["status"] == 410


# ---- bodies


def test_bodies_of_answers() -> None:
    assert answered('{"status":200}') == answered(b'{"messages":null}') == []
    assert answered('{"messages":["a",{"b":1}]}') == [Frame("a", "longpoll"), Frame('{"b": 1}', "longpoll")]
    for wrong in ("[]", "x", ""):
        with pytest.raises(WireError):
            answered(wrong)


def test_bodies_of_posts() -> None:
    assert split(b"[1]\r\n[2]\nAAE=", True) == [
        Frame("[1]", "longpoll"),
        Frame("[2]", "longpoll"),
        Frame(b"\0\1", "longpoll"),
    ]
    assert split(b"[1]\n[2]", False) == [Frame("[1]\n[2]", "longpoll")]
    assert split(b"[\xff]", True) == [Frame("[\udcff]", "longpoll")]
    assert split(b"", True) == [Frame(b"", "longpoll")]

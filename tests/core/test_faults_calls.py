"""Faults on polls, uploads and plain requests, without I/O."""

from __future__ import annotations

import json

import pytest

from simulator.core.faults_things import MOST_MADE
from simulator.core.wire import Aborted
from tests.backends.concierge.bucket import put
from tests.backends.concierge.speak import with_store
from tests.faulty import fault
from tests.pollers import JOIN, NEW, OK, ONE, TWO, LongPoller, Poller, body, inside, mia
from tests.talk import Talk


@pytest.fixture
def room() -> tuple[Talk, Poller]:
    return mia()


def test_latency_of_answers_and_requests(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("latency", latency=500, message="EVENT_SERVER_SEND_MESSAGE"))
    assert poller.post(ONE).body == b"ok"
    call = poller.ask()
    talk.after(0.499)
    assert call not in talk.answers
    talk.after(0.001)
    assert body(talk.answered(call)) == ["one"]
    talk.fault(fault("latency", "all", latency=200, jitter=0, stream="upstream"), without="latency")
    call = talk.ask("POST", poller.path, TWO.encode())
    talk.after(0.199)
    assert call not in talk.answers
    talk.after(0.001)
    assert talk.answered(call).body == b"ok"


def test_packets_are_lost_doubled_moved(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("drop", count=1))
    poller.post(ONE)
    assert poller.poll() == ["6"], "nothing is left: the client polls again"
    talk.fault(fault("duplicate", count=1))
    poller.post(ONE, TWO)
    assert poller.poll() == ["one", "one", "two"]
    talk.fault(fault("reorder", count=1))
    poller.post(ONE, TWO)
    assert poller.poll() == ["two", "one"]
    talk.fault(fault("reorder", "lonely", count=1))
    poller.post(ONE)
    assert poller.poll() == ["one"], "nothing to change places with"
    found = talk.space.faults.get("lonely")
    assert found is not None
    assert found.struck == 0


def test_what_is_made_of_one_body_has_a_bound(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("duplicate", copies=100), fault("oversized", size=60 << 20))
    poller.post(ONE, TWO)
    answer = talk.answered(poller.ask())
    assert body(answer) == ["one", "one", "two"]
    assert len(answer.body) <= MOST_MADE + 1000


def test_packets_of_a_post(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("drop", stream="upstream", count=1))
    assert poller.post(ONE).body == b"ok"
    talk.fault(fault("duplicate", stream="upstream", count=1))
    poller.post(TWO)
    assert poller.poll() == ["two", "two"]
    talk.fault(fault("malformed", stream="upstream", form="envelope", count=1))
    assert poller.post(ONE).status == 200
    assert talk.request("GET", poller.path).status == 400, "Engine.IO ends the session"


@pytest.mark.parametrize(
    ("form", "came"), [("json", ["broken"]), ("envelope", ["9"]), ("utf8", ["broken"]), ("rsv", ["one"])]
)
def test_malformed_bodies(room: tuple[Talk, Poller], form: str, came: list[str]) -> None:
    talk, poller = room
    talk.fault(fault("malformed", form=form))
    poller.post(ONE)
    assert poller.poll() == came


def test_oversized_bodies_say_how_long_they_are(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("oversized", size=5000))
    poller.post(ONE)
    response = talk.answered(poller.ask())
    assert len(response.body) == 5000
    assert ("Content-Length", "5000") in response.headers
    assert body(response) == ["one"]


def test_a_poll_that_waits_is_ended_at_once(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    call = poller.ask()
    talk.fault(fault("close", count=1))
    assert talk.answered(call).body == b"1"
    assert talk.request("GET", poller.path).status == 400, "the session is over"
    call = inside(talk).ask()
    talk.fault(fault("reset_peer", count=1))
    assert call in talk.reset
    poller = inside(talk)
    call = poller.ask()
    talk.fault(fault("timeout", timeout=300, count=1))
    poller.post(ONE)
    talk.after(0.3)
    assert call in talk.cut
    assert call not in talk.answers


def test_polls_that_come_later_are_struck_too(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("close", count=1))
    assert talk.answered(poller.ask()).body == b"1"
    poller = inside(talk)
    talk.fault(fault("reset_peer", count=1, stream="upstream"))
    call = talk.ask("POST", poller.path, ONE.encode())
    assert call in talk.reset
    talk.fault(fault("reset_peer", "deliver", count=1, stream="upstream", deliver=True))
    call = talk.ask("POST", poller.path, TWO.encode())
    assert call in talk.answers
    assert poller.poll() == ["two"]


def test_silence_takes_posts_and_their_answers(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("timeout", "up", stream="upstream"))
    call = talk.ask("POST", poller.path, ONE.encode())
    talk.after(5)
    assert call not in talk.answers
    talk.fault(fault("timeout", "down"), without="up")
    call = talk.ask("POST", poller.path, TWO.encode())
    talk.after(5)
    assert call not in talk.answers
    talk.drain()
    assert call in talk.cut


def test_an_end_in_place_of_a_packet(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("close", message="EVENT_SERVER_SEND_MESSAGE", count=1))
    poller.post(ONE)
    assert poller.poll() == ["1"]
    poller = inside(talk)
    talk.fault(fault("reset_peer", message="EVENT_CLIENT_SEND_MESSAGE", stream="upstream", count=1))
    assert talk.ask("POST", poller.path, ONE.encode()) in talk.reset
    talk.fault(fault("close", "up", message="EVENT_CLIENT_SEND_MESSAGE", stream="upstream", count=1))
    assert talk.ask("POST", poller.path, ONE.encode()) in talk.cut


def test_who_gives_up_a_late_poll_is_forgotten(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    poller.post(ONE)
    talk.fault(fault("latency", latency=10_000))
    call = poller.ask()
    machine = talk.running._machine
    assert machine is not None
    assert machine.held
    talk.take(Aborted(call))
    assert machine.held == 0
    talk.after(10)
    assert call not in talk.answers


def test_late_answers_that_wait_come_when_the_server_stops(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    poller.post(ONE)
    talk.fault(fault("latency", latency=10_000))
    call = poller.ask()
    talk.drain()
    assert body(talk.answered(call)) == ["one"]


def test_refused_session_and_upgrade(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    talk.fault(fault("refused_handshake", "p", transport="polling", status=502, count=1))
    assert talk.request("GET", "/socket.io/?EIO=4&transport=polling").status == 502
    Poller(talk)
    talk.fault(fault("refused_handshake", "w", transport="websocket", status=403))
    sid = poller.path.partition("&sid=")[2]
    refused = talk.connect("probe", f"/socket.io/?EIO=4&transport=websocket&sid={sid}").refused
    assert refused is not None
    assert refused.status == 403
    poller.post(ONE)
    assert poller.poll() == ["one"]


def test_starved_polls() -> None:
    talk, poller = mia(ping_interval=10, ping_timeout=5)
    talk.fault(fault("starved_ping"))
    call = poller.ask()
    talk.after(10)
    assert body(talk.answered(call)) == ["6"]
    call = poller.ask()
    talk.after(5)
    assert body(talk.answered(call)) == ["1"]


def test_a_narrow_link_for_answers(room: tuple[Talk, Poller]) -> None:
    talk, poller = room
    poller.post(ONE)
    talk.fault(fault("bandwidth", rate=1))
    call = poller.ask()
    assert call not in talk.answers
    talk.after(2)
    assert body(talk.answered(call)) == ["one"]


# ---- long polling


@pytest.fixture
def aida() -> tuple[Talk, LongPoller]:
    talk = Talk("aida", settings={"profile": "1.8"})
    poller = LongPoller(talk)
    assert poller.post(JOIN) == {"status": 200}
    assert poller.poll() == (200, [OK])
    return talk, poller


def test_long_polls_lose_messages(aida: tuple[Talk, LongPoller]) -> None:
    talk, poller = aida
    talk.fault(fault("drop", stream="upstream", count=1))
    assert poller.post(NEW) == {"status": 200}
    talk.fault(fault("dropped_ack", count=1))
    poller.post(NEW)
    assert poller.poll() == (204, [])
    talk.fault(fault("malformed", stream="upstream", form="envelope", count=1))
    talk.ask("POST", poller.path, json.dumps(NEW).encode())
    assert poller.poll()[0] == 410, "what is no frame ends the socket: a new session"


def test_long_polls_double_messages(aida: tuple[Talk, LongPoller]) -> None:
    talk, poller = aida
    talk.fault(fault("duplicate", stream="upstream", count=1))
    poller.post(NEW)
    status, came = poller.poll()
    assert (status, len(came)) == (200, 2)
    talk.fault(fault("duplicate", "two", stream="upstream", count=1))
    poller.post(NEW, NEW)
    assert len(poller.poll()[1]) == 3
    talk.fault(fault("duplicate", "down", message="phx_reply", count=1))
    poller.post(NEW)
    assert len(poller.poll()[1]) == 2


def test_long_polls_end(aida: tuple[Talk, LongPoller]) -> None:
    talk, poller = aida
    call = talk.ask("GET", poller.path)
    talk.fault(fault("close", count=1))
    assert json.loads(talk.answered(call).body) == {"status": 410}
    talk.fault(fault("refused_handshake", status=500, count=1))
    assert talk.request("GET", "/socket/longpoll?vsn=2.0.0").status == 500


# ---- uploads


@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalError"), (503, "SlowDown"), (403, "AccessDenied"), (502, "InternalError")]
)
def test_failed_upload_in_s3s_words(status: int, code: str) -> None:
    talk, _ = with_store()
    talk.fault(fault("failed_upload", status=status, count=1))
    response = put(talk, b"hello")
    assert response.status == status
    assert f"<Code>{code}</Code>".encode() in response.body
    assert put(talk, b"hello").status == 200


def test_failed_upload_in_words_of_ones_own() -> None:
    talk, _ = with_store()
    talk.fault(fault("failed_upload", status=507, body="full"))
    response = put(talk, b"hello")
    assert (response.status, response.body) == (507, b"full")


def test_failed_upload_of_aida() -> None:
    talk = Talk("aida")
    talk.fault(fault("failed_upload"))
    response = talk.request(
        "POST", "/content/image/3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60/b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718"
    )
    assert response.status == 500
    assert json.loads(response.body) == {"errors": {"detail": "Internal server error"}}


def test_plain_requests(room: tuple[Talk, Poller]) -> None:
    talk, _ = room
    talk.fault(fault("latency", latency=300, transport="http"))
    call = talk.ask("GET", "/health-check")
    assert call not in talk.answers
    talk.after(0.3)
    assert talk.answered(call).status == 200
    talk.fault(fault("reset_peer", count=1, transport="http"), without="latency")
    assert talk.ask("GET", "/health-check") in talk.reset
    talk.fault(fault("timeout", transport="http", timeout=100))
    call = talk.ask("GET", "/health-check")
    talk.after(0.1)
    assert call in talk.cut
    call = talk.ask("GET", "/health-check")
    talk.fault(without="timeout")
    assert talk.answered(call).status == 200, "who hears again gets his answer"
    talk.fault(fault("timeout", "up", transport="http", stream="upstream"))
    call = talk.ask("GET", "/health-check")
    talk.fault(without="up")
    assert call in talk.cut, "what never came has none"


def test_a_stored_picture_weighs_nothing_while_it_waits() -> None:
    talk, _ = with_store()
    assert put(talk, b"x" * 2000).status == 200
    talk.fault(fault("latency", latency=100), fault("bandwidth", rate=1))
    machine = talk.running._machine
    assert machine is not None
    before = machine.held
    call = talk.ask("GET", "/chat-uat-resources/chat-images/a.png")
    assert machine.held - before < 2000
    talk.after(60)
    assert talk.answered(call).status in (200, 403)

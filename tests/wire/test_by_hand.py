"""What somebody at the controls does on each wire: who is there, a frame put in, an end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.core.actions import BY_HAND, Send
from simulator.core.events import Acked
from simulator.core.message import Frame, Message
from simulator.core.wire import Got, Hangup, Present, Put, Shut
from tests.backends.aida.test_rules import H, aida
from tests.backends.mia.chats import GARDEN
from tests.pollers import LongPoller, Poller
from tests.talk import Talk

CONNECTED = ("chip", "concierge", "aida", "mia", "chatbot")


def there(talk: Talk) -> list[Present]:
    return [*talk.running.engine.wire.clients()]


def number(talk: Talk, session: str) -> int | None:
    return talk.running.engine.wire.number(session)


@pytest.mark.parametrize("backend", CONNECTED)
def test_a_socket(backend: str) -> None:
    talk = Talk(backend)
    assert there(talk) == []
    socket = talk.connect()
    [found] = there(talk)
    assert (found.number, found.link, found.transport) == (socket.call, socket.call, "websocket")
    # Before it has joined anything, too.
    assert list(found.conns) == ([""] if backend in ("chip", "concierge") else [])
    socket.got.clear()
    talk.take(Put(found.number, Frame("as it is")))
    assert socket.got.popleft() == Frame("as it is")
    talk.take(Put(99, Frame("nobody")))
    talk.take(Hangup(99))
    assert (number(talk, "nobody"), list(socket.got)) == (None, [])
    talk.take(Hangup(found.number))
    # Engine.IO's server ends a socket without a code.
    assert socket.got.pop() == Shut(found.number, None if backend in ("mia", "chatbot") else 1000)
    assert there(talk) == []


def test_a_session_that_polls_engineio() -> None:
    talk = Talk("mia", settings={"bot": "none", "init_delay": 0})
    poller = Poller(talk)
    [found] = there(talk)
    assert (found.transport, found.link, found.since) == ("polling", None, talk.clock.now())
    assert number(talk, found.session) == found.number == 1
    poller.post(f"40{json.dumps({'instance': GARDEN})}")
    poller.poll()
    talk.take(Put(1, Frame("4nonsense")))
    assert poller.poll() == ["4nonsense"]
    talk.take(Hangup(1))
    assert poller.poll() == ["41"]
    # It lingers until its end is fetched, and is nobody any more.
    assert there(talk) == []
    talk = Talk("mia")
    Poller(talk)
    talk.take(Hangup(1))
    assert there(talk) == []


def test_a_session_that_polls_phoenix() -> None:
    talk = Talk("aida", settings={"profile": "1.8"})
    poller = LongPoller(talk)
    poller.post(["1", "1", f"bot:{H}", "phx_join", {"access_token": "harbour-web-token"}])
    poller.poll()
    [found] = there(talk)
    assert (found.transport, found.link, [*found.conns], found.since) == (
        "longpoll",
        None,
        [f"bot:{H}"],
        talk.clock.now(),
    )
    assert number(talk, found.session.removeprefix("SFMyNTY.")) == found.number == 1
    talk.take(Put(1, Frame('[9,9,"any","odd",0]')))
    assert poller.poll() == (200, [["odd", 0]])
    talk.take(Hangup(1, 1011))
    assert there(talk) == []
    assert json.loads(talk.request("GET", poller.path).body)["status"] == 410


def test_whose_a_talk_is() -> None:
    talk = aida()
    talk.connect()
    talk.sockets["client"].send(f'["1","1","bot:{H}","phx_join",{{"access_token":"harbour-web-token"}}]')
    [found] = there(talk)
    rules: Any = talk.running.engine.rules
    [session] = [name for name in rules.talks() if rules.conns_of(name)][:1]
    assert [*rules.conns_of(session)] == [*found.conns.values()]


@pytest.mark.parametrize("backend", CONNECTED)
def test_a_talk_that_there_is_not_is_nobodys(backend: str) -> None:
    assert [*Talk(backend).running.engine.rules.conns_of("nobody")] == []


def test_an_acknowledgement_by_hand_is_nothing_to_the_rules() -> None:
    talk = Talk("mia", settings={"bot": "none", "init_delay": 0})
    socket = talk.connect()
    socket.send(f"40{json.dumps({'instance': GARDEN})}")
    [conn] = there(talk)[0].conns.values()
    talk.take(Send((conn,), Message("first", ({},)), BY_HAND))
    talk.take(Send((conn,), Message("second", ({},)), "theirs"))
    acks = [str(frame.data).partition("[")[0] for frame in socket.got if isinstance(frame, Frame)][-2:]
    wire = talk.running.engine.wire
    found = [wire.take(Got(socket.call, Frame(f"43{ack.removeprefix('42')}[]"))) for ack in acks]
    assert found == [[], [Acked(conn, "theirs")]]


def test_by_hand_is_called_so() -> None:
    assert repr(BY_HAND) == "BY_HAND"

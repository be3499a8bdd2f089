"""When the server speaks, how much is remembered, and events that belong to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.cassette import plan as plans
from simulator.cassette.coverage import Coverage
from simulator.cassette.entries import Entry
from simulator.cassette.playback import Playback
from simulator.cassette.stand_in import foreign
from simulator.cassette.walk import Manner
from simulator.core.actions import Send
from simulator.core.errors import WireError
from simulator.core.events import Acked, Called, Closed, Fired, Knocked, Malformed, Opened, Received
from simulator.core.message import Message, Request
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import CHIP, opened, said

TALK: list[Entry] = [
    opened(),
    said("server", '{"type":"a"}', 0.5),
    said("client", '{"type":"go"}', 1.0),
    said("server", '{"type":"b"}', 1.25),
    said("server", '{"type":"c"}', 61.0),
    said("client", '{"type":"on"}', 62.0),
    said("server", '{"type":"d"}', 62.0),
]


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.0])
def test_the_tape_sets_the_pace(factor: float) -> None:
    replay = Replay(tapes.tape(*TALK, backend="chip"), factor=factor, settings={"ping_interval": 0, "pong_timeout": 0})
    client = replay.connect()
    began = replay.clock.now()
    came: list[tuple[str, float]] = []

    def until(count: int) -> None:
        while len(came) < count:
            for text in client.texts():
                came.append((text, replay.clock.now() - began))
            if len(came) < count:
                due = replay.running.engine.next_due()
                assert due is not None
                replay.after(due - replay.clock.now())

    until(1)
    client.send('{"type":"go"}')
    until(2)
    if factor:
        # Quicker than it was: what was said later stays later.
        client.send('{"type":"on"}')
    until(3)
    if not factor:
        client.send('{"type":"on"}')
    until(4)
    start = 0.5 * factor
    wanted = [("a", start), ("b", start + 0.25 * factor), ("c", start + 60 * factor), ("d", start + 60 * factor)]
    assert [text[9] for text, _ in came] == [name for name, _ in wanted]
    for (_, at), (_, due) in zip(came, wanted, strict=True):
        assert due <= at + 1e-6
        assert at == pytest.approx(due, abs=1e-5)


def test_nothing_adds_up_over_a_long_tape() -> None:
    tape: list[Entry] = [opened(), *(said("server", f'{{"type":"n{i}"}}', i * 0.1) for i in range(1200))]
    replay = Replay(tapes.tape(*tape, backend="chip"), settings={"ping_interval": 0, "pong_timeout": 0})
    client = replay.connect()
    began = replay.clock.now()
    replay.after(119.8)
    assert len(client.texts()) == 1199
    due = replay.running.engine.next_due()
    assert due == pytest.approx(began + 119.9, abs=2e-6)


def rules(most: int = 3, *entries: Any) -> tuple[Playback, Replay]:
    replay = Replay(tapes.tape(*(entries or TALK), backend="chip"))
    world = replay.running.engine.world
    return Playback(world, replay.backend, replay.plans, Manner(), Coverage(replay.plans), most), replay


def test_what_is_over_is_forgotten() -> None:
    playback, _ = rules(3)
    for number in range(20):
        path = CHIP.replace("7d62d551", f"7d62d55{number % 3 + 2}")
        playback.handle(Knocked(number, Request("GET", path)))
        playback.handle(Opened(number))
        if number % 2:
            playback.handle(Closed(number))
    # Ten are open still, and stay; the last one that is over makes room for the next.
    assert len(playback.walks.latest()) == 11
    assert playback.coverage.walks == 20


def test_who_left_much_is_forgotten_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk has as many values as its client has said: what all keep together has bounds, too."""
    monkeypatch.setattr("simulator.cassette.walks.VALUES", 50)
    monkeypatch.setattr("simulator.cassette.walks._COUNTED", 5)
    playback, _ = rules(1000)
    kept = []
    for number in range(30):
        playback.handle(Knocked(number, Request("GET", CHIP)))
        walk = playback.walks.latest()[0]
        walk.values += [f"{number}-{n}" for n in range(10)]
        playback.handle(Closed(number))
        kept.append(len(playback.walks.latest()))
    assert max(kept) <= 10
    assert kept[:4] == [1, 2, 3, 4]


def test_sessions_that_are_over_are_forgotten() -> None:
    entries: list[Entry] = [opened("/socket.io/?EIO=4"), said("client", "40"), said("server", '40{"sid":"x"}')]
    replay = Replay(tapes.tape(*entries, backend="mia"))
    playback = Playback(replay.running.engine.world, replay.backend, replay.plans, Manner(), Coverage(replay.plans), 3)
    for number in range(10):
        playback.handle(Knocked(number, Request("GET", "/socket.io/"), {}, "/"))
        playback.handle(Closed(number))
    assert len(playback.walks.latest()) == 3


def test_events_that_belong_to_nobody() -> None:
    playback, replay = rules()
    message = Message("x", ({},))
    for event in (
        Closed(1),
        Opened(1),
        Received(1, message),
        Acked(1, (5, 5)),
        Fired(("seat", 5), "play"),
        Called(1, 200),
    ):
        assert playback.handle(event) == []
    assert playback.handle(Malformed(1, WireError("too deep"))) == []
    assert replay.warnings() == ["what the tape has can't be sent: too deep"]


def test_who_is_gone_is_told_nothing() -> None:
    playback, _ = rules(9)
    playback.handle(Knocked(1, Request("GET", CHIP)))
    playback.handle(Opened(1))
    [seat] = playback.seats._numbered.values()
    seat.conns.clear()
    playback.world._now += 1
    assert [
        action for action in playback.handle(Fired(("seat", seat.number), "play")) if isinstance(action, Send)
    ] == []


def test_an_id_of_a_walk_that_has_no_place_left_begins_another() -> None:
    chat = "65vbbDAQCdPdEWlEhDGy4utO"
    entries: list[Entry] = [
        opened(),
        said("server", f'{{"type":"chat_started","chat_id":"{chat}"}}', 0.0),
        said("client", f'{{"type":"ask","chat_id":"{chat}"}}', 0.1),
    ]
    replay = Replay(tapes.tape(*entries, backend="chip"))
    replay.play(
        'one connects\none << {"type":"chat_started","chat_id":"$chat"}\ntwo connects\ntwo << {"type":"chat_started","chat_id":"$other"}'
    )
    replay.play('two >> {"type":"ask","chat_id":"$chat"}\none >> {"type":"ask","chat_id":"$chat"}')
    assert replay.coverage.walks == 2
    replay.play("one closes 1000")
    assert replay.connect("three", f"{CHIP}?chat=$chat".replace("$chat", replay.kept["chat"])).open
    assert replay.coverage.walks == 2


def test_of_several_candidates_the_nearest_is_told() -> None:
    words = ["one", "two", "three"]
    frames = [f'{{"type":"say","text":"{text}","n":{i},"m":{i % 2}}}' for i, text in enumerate(words)]
    entries: list[Entry] = [opened("/x"), *(said("client", frame) for frame in frames)]
    replay = Replay(tapes.tape(*entries), backend=foreign([plans.read(tapes.tape(*entries), None)]))
    client = replay.connect("client", "/x")
    client.send(frames[1])
    client.send('{"type":"say","text":"three","n":9,"m":0}')
    client.send('{"type":"say","text":"one","n":0,"m":7}')
    assert replay.warnings() == [
        "client 1: say is not as it is on the tape; nearest is talk.yaml:19; n: expected 2, got 9",
        "client 1: say is not as it is on the tape; nearest is talk.yaml:11; m: expected 0, got 7",
    ]


def test_what_was_said_before_may_come_late() -> None:
    tape: list[Entry] = [
        opened(),
        said("client", '{"type":"one"}', 0.0),
        said("server", '{"type":"a"}', 1.0),
        said("client", '{"type":"two"}', 2.0),
        said("server", '{"type":"b"}', 2.5),
    ]
    replay = Replay(tapes.tape(*tape, backend="chip"))
    replay.play("""
        client connects
        client >> {"type":"two"}
        client >> {"type":"one"}
        after 0.5
        server << {"type":"b"}
        after 0.5
        server << {"type":"a"}
    """)


def test_a_secret_that_many_have_is_nobodys_return() -> None:
    """Redaction took it from the tape, so that it is another one for whoever comes; all of them have the same."""
    door = "/socket.io/?EIO=4&transport=websocket"
    talk: list[Entry] = [
        opened(door),
        said("client", '40{"instance":{"chatId":"garden-homes","token":"redactedwxa1zswa"}}', 0.1),
        said("server", '40{"sid":"jsxPENsrCrQ-TeL8AAAA"}', 0.2),
        said("client", '42["EVENT_CLIENT_SEND_MESSAGE",{"content":"Hello"}]', 0.3),
        said("server", '42["EVENT_SERVER_SEND_MESSAGE",{"content":"Hello","direction":"outgoing"}]', 0.3),
        tapes.closed(0.4),
    ]
    replay = Replay(tapes.tape(*talk, backend="mia"))
    for name in ("one", "two"):
        client = replay.connect(name, door)
        client.send('40{"instance":{"chatId":"garden-homes","token":"garden-web-token"}}')
        replay.after(0.5)
        client.send('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"Hello"}]')
        replay.after(1.0)
        assert any("EVENT_SERVER_SEND_MESSAGE" in str(text) for text in client.texts())
        client.close()
    assert replay.warnings() == []
    assert replay.coverage.walks == 2


def test_a_new_client_is_whom_he_resembles_most() -> None:
    door = "/socket.io/?EIO=4&transport=websocket"
    talk: list[Entry] = []
    for conn, room in ((1, "room-of-the-first"), (2, "room-of-the-second")):
        auth = f'{{"instance":{{"chatId":"garden-homes","token":"t"}},"roomId":"{room}"}}'
        talk += [
            opened(door, float(conn), conn),
            said("client", f"40{auth}", conn + 0.1, conn),
            said("server", '40{"sid":"jsxPENsrCrQ-TeL8AAAA"}', conn + 0.2, conn),
            said("server", f'42["EVENT_HELLO",{{"number":{conn}}}]', conn + 0.2, conn),
            tapes.closed(conn + 0.4, conn),
        ]
    replay = Replay(tapes.tape(*talk, backend="mia"))
    client = replay.connect("client", door)
    client.send('40{"instance":{"chatId":"garden-homes","token":"t"},"roomId":"room-of-the-second"}')
    replay.after(1.0)
    assert any('"number":2' in str(text) for text in client.texts())

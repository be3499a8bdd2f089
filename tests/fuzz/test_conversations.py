"""Several clients of every backend, in any order, right and wrong: see conversation.py for what is watched."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, initialize, rule

from simulator import backends
from simulator.core.actions import After
from simulator.core.message import Frame
from simulator.core.timers import WIRE
from simulator.core.wire import Write
from tests.backends.test_contract import FIRST_WORDS
from tests.fuzz.conversation import PEOPLE, Conversation, Wrong, play, twice
from tests.fuzz.spelling import read, read_bytes, spelled
from tests.fuzz.words import happenings, lines, openings

SHORT = settings(
    max_examples=15, stateful_step_count=20, derandomize=True, database=None, deadline=None,
    phases=[Phase.generate, Phase.shrink], suppress_health_check=[*HealthCheck],
)  # fmt: skip


def machine(name: str) -> type[RuleBasedStateMachine]:
    """Clients of one backend."""

    class Clients(RuleBasedStateMachine):
        talk: Conversation | None = None

        @initialize(opening=openings(name))
        def begin(self, opening: str) -> None:
            self.talk = Conversation(name, opening)

        @rule(who=st.sampled_from(PEOPLE[:3]))
        def come(self, who: str) -> None:
            self._say(f"{who} connects", *(f"{who} >> {spelled(text)}" for text in FIRST_WORDS[name]))

        @rule(line=lines(name))
        def speak(self, line: str) -> None:
            self._say(line)

        @rule(line=lines(name), pause=st.sampled_from([0, 1, 30]))
        def speak_and_wait(self, line: str, pause: int) -> None:
            self._say(line, f"after {pause}")

        @rule(line=happenings())
        def happen(self, line: str) -> None:
            self._say(line)

        def _say(self, *said: str) -> None:
            assert self.talk is not None
            for line in said:
                self.talk.line(line)

        def teardown(self) -> None:
            if self.talk is not None:
                self.talk.leave()
                assert twice(name, self.talk.lines).outcome == self.talk.outcome

    Clients.__name__ = Clients.__qualname__ = f"ClientsOf{name.capitalize()}"
    return Clients


@pytest.mark.parametrize("name", backends.names())
def test_whatever_clients_do(name: str) -> None:
    get_state_machine_test(machine(name), settings=SHORT)()


# ---- those who watch see what they watch for ----


def begun(*said: str) -> Conversation:
    talk = Conversation("chip")
    for line in ("ann connects", *said):
        talk.line(line)
    return talk


def test_what_is_wrong_is_told_with_all_that_led_to_it() -> None:
    talk = begun()
    talk.logged.append(("error", "made up", {}))
    said = "an error in the log: made up {}\n  chip, after these lines:\n    ann connects\n    beat$"
    with pytest.raises(Wrong, match=said):
        talk.line("beat")


def test_what_raises_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = begun()
    monkeypatch.setattr(talk.running.engine, "_handle", lambda event: 1 / 0)
    with pytest.raises(Wrong, match="ZeroDivisionError"):
        talk.line('ann >> {"type":"start_chat"}')


def test_a_timer_that_outlives_its_client_is_seen() -> None:
    talk = begun()
    talk.running.engine._arm(WIRE, After(1e9, "nobody", "x"))
    with pytest.raises(Wrong, match="the wire's timers"):
        talk.leave()


def test_timers_without_an_end_are_seen() -> None:
    talk = begun()
    arm = talk.running.engine._arm
    talk.running.engine._handle = lambda event: [After(1e-6, "x", "y")]
    arm(1, After(0.5, "x", "y"))
    with pytest.raises(Wrong, match="turns, and it is still"):
        talk.line("after 1")


def test_what_a_wire_keeps_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = begun()
    wire: Any = talk.running.engine.wire
    kept = next(found for slot in wire.__slots__ if isinstance(found := getattr(wire, slot), dict))
    kept.update({1 << 40 | number: None for number in range(3)})
    monkeypatch.setattr(type(wire), "clients", lambda self: iter(()))
    with pytest.raises(Wrong, match="the wire keeps"):
        talk.leave()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("chip", "no JSON"),
        ("chip", '{"type":"chat_out"}'),
        ("chip", b"{}"),
        ("concierge", "[]"),
        ("aida", '["1","2"]'),
        ("aida", b"\x07"),
        ("mia", "9"),
        ("mia", '42["x"'),
        ("mia", b"nobody announced it"),
        ("chatbot", '451-["x",{"_placeholder":true,"num":0}]42'),
    ],
)
def test_what_no_codec_reads_is_seen(name: str, data: str | bytes) -> None:
    talk = Conversation(name)
    talk.line("ann connects")
    talk._carry([Write(talk.sockets["ann"].call, Frame(data))])
    with pytest.raises(Wrong, match="no codec reads"):
        talk.line("beat")


def test_two_runs_that_differ_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(10))
    real = Conversation._item

    def item(self: Any, socket: Any, item: Any) -> None:
        real(self, socket, item)
        self.outcome.append(str(next(count)))

    monkeypatch.setattr(Conversation, "_item", item)
    with pytest.raises(Wrong, match="two runs of one seed differ"):
        twice("chip", ["ann connects", 'ann >> {"type":"start_chat"}'])


def test_names_that_the_server_has_said_can_be_said_again() -> None:
    talk = play(
        "mia",
        [
            "ask GET /socket.io/?EIO=4&transport=polling {}",
            'ask POST /socket.io/?EIO=4&transport=polling&sid=<sid0> {} 40{"instance":{"chatId":"garden-homes","token":"garden-web-token"}}',
            "ask GET /socket.io/?EIO=4&transport=polling&sid=<sid0> {}",
        ],
    )
    assert "EVENT_INIT_ROOM" in talk.outcome[-1]


@pytest.mark.parametrize("text", ["plain", "a\nb\r\0", "~", "~a~", "\ud800", "é👍 \u2028", "x" * 3 + "\udcff"])
def test_what_is_spelled_is_read_again(text: str) -> None:
    line = spelled(text)
    assert "\n" not in line
    assert line.splitlines() == [line]
    assert read(line) == text


def test_bytes_are_spelled_too() -> None:
    assert spelled(b"\xffa\r\n") == "~dcff~a~d~~a~"
    assert read_bytes("~dcff~a~d~~a~") == b"\xffa\r\n"
    assert read_bytes("~d800~") == b"?"

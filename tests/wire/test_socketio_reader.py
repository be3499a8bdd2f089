"""The onlooker: both directions of a session, on polls and WebSockets, become turns."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.message import NO_REF, Frame, Message, Request
from simulator.core.wire import Turn
from simulator.wire.socketio_reader import SocketIOReader

HOLE = '{"_placeholder":true,"num":0}'


def root(name: str, args: tuple[Any, ...] = (), ref: object = NO_REF, topic: str = "/") -> Message:
    return Message(name, args, ref, topic)


class Onlooker:
    """Reads a transcript: who, what, and over what."""

    def __init__(self) -> None:
        self.reader = SocketIOReader()

    def ws(self, sender: str, *frames: str | bytes, link: int = 1) -> list[Turn]:
        return [turn for frame in frames for turn in self.reader.read(sender, link, Frame(frame))]

    def poll(self, sender: str, body: str | bytes, call: int, sid: str = "") -> list[Turn]:
        query = f"EIO=4&transport=polling&sid={sid}" if sid else "EIO=4&transport=polling"
        self.reader.asked(call, Request("GET", "/socket.io/", query))
        return self.reader.read(sender, call, Frame(body, "polling"))


def said(turns: list[Turn]) -> list[Message | None]:
    return [turn.message for turn in turns]


def test_a_conversation() -> None:
    look = Onlooker()
    assert look.ws("server", '0{"sid":"abc","upgrades":[]}') == []
    join = root("connect", ({"token": 1},))
    assert look.ws("client", '40{"token":1}') == [Turn("client", join)]
    assert look.ws("server", '40{"sid":"x"}') == [Turn("server", root("connect", ({"sid": "x"},)), answers=join)]
    assert look.ws("client", '42["hi",1,"PjssgW0"]') == [Turn("client", root("hi", (1, "PjssgW0")))]
    assert look.ws("server", '42["hi",1,"PjssgW0"]') == [Turn("server", root("hi", (1, "PjssgW0")))]
    assert look.ws("client", "42[7]", "41") == [Turn("client", root("7")), Turn("client", root("disconnect"))]


def test_what_is_no_turn() -> None:
    look = Onlooker()
    assert look.ws("server", "2", "3probe", "6", "1", "0", "0[]", '0{"sid":1}') == []
    assert look.ws("client", "3", "2probe", "5", '0{"sid":"x"}') == []
    assert look.poll("server", "ok", 1, "abc") == []
    assert look.poll("client", "", 2, "abc") == []


def test_namespaces_that_let_nobody_in() -> None:
    look = Onlooker()
    [join] = said(look.ws("client", "40/admin,"))
    [turn] = look.ws("server", '44/admin,{"message":"no"}')
    assert turn == Turn("server", root("connect_error", ({"message": "no"},), NO_REF, "/admin"), answers=join)
    assert said(look.ws("server", "41/admin,")) == [root("disconnect", (), NO_REF, "/admin")]


def test_acknowledgements_find_their_messages() -> None:
    look = Onlooker()
    asked = said(look.ws("client", '421["a",1]', '42/n,1["b"]')) + said(look.ws("server", '421["c"]'))
    answers = look.ws("server", "43/n,1[2]", "431[3]") + look.ws("client", "431")
    assert [(turn.sender, turn.message, turn.answers) for turn in answers] == [
        ("server", root("b", (2,), "1", "/n"), asked[1]),
        ("server", root("a", (3,), "1"), asked[0]),
        ("client", root("c", (), "1"), asked[2]),
    ]
    [stray] = look.ws("server", "431[3]")
    assert (stray.message, stray.answers) == (root("", (3,), "1"), None)
    assert stray.why
    assert look.ws("client", "43[]")[0].message == root("", ())


def test_attachments_are_joined() -> None:
    look = Onlooker()
    head = '452-["a",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]'
    assert look.ws("client", head, b"x") == []
    assert look.ws("server", f'451-["b",{HOLE}]') == [], "the other side is a story of its own"
    assert said(look.ws("client", b"y")) == [root("a", (b"y", [b"x"]))]
    assert said(look.ws("server", "bAQI=")) == [root("b", (b"\1\2",))]


def test_polls_and_the_websocket_are_one_session() -> None:
    look = Onlooker()
    assert look.poll("server", '0{"sid":"abc"}', 1) == []
    [join] = said(look.poll("client", "40", 2, "abc"))
    turns = look.poll("server", '40{"sid":"x"}\x1e42["hi"]', 3, "abc")
    assert [turn.message and turn.message.name for turn in turns] == ["connect", "hi"]
    assert turns[0].answers is join
    assert look.poll("client", f'451-7["a",{HOLE}]'.encode(), 4, "abc") == []
    look.reader.asked(9, Request("GET", "/socket.io/", "EIO=4&transport=websocket&sid=abc"))
    [message] = said(look.ws("client", "2probe", "5", b"x", link=9))
    assert message == root("a", (b"x",), "7")
    assert look.ws("server", "437[]", link=9)[0].answers is message


def test_offsets_are_no_arguments() -> None:
    look = Onlooker()
    look.ws("client", "40")
    look.ws("server", '40{"sid":"x","pid":"y"}')
    turns = look.ws(
        "server", '42["a",1,"PjssgW0"]', '42["a","PjssgW0.1"]', '42["v",1]', '42["v"]', '421["ack","PjssgW0"]'
    )
    assert [(turn.message and turn.message.args, turn.offset) for turn in turns] == [
        ((1,), "PjssgW0"), ((), "PjssgW0.1"), ((1,), ""), ((), ""), (("PjssgW0",), ""),
    ]  # fmt: skip
    assert look.ws("server", f'451-["a",{HOLE},"PjssgW1"]', b"x")[0].offset == "PjssgW1"
    assert said(look.ws("client", '42["a","PjssgW0"]')) == [root("a", ("PjssgW0",))]


def test_what_was_missed_has_offsets_before_the_answer() -> None:
    look = Onlooker()
    look.ws("client", '40{"pid":"y","offset":"PjssgW0"}')
    assert look.ws("server", '42["late","PjssgW1"]') == [Turn("server", root("late"), offset="PjssgW1")]
    look.ws("server", '40{"sid":"x"}')
    assert look.ws("server", '42["late","PjssgW1"]') == [Turn("server", root("late", ("PjssgW1",)))]


@pytest.mark.parametrize("frames", [["abc"], [""], ["4x"], ["42{}"], [b"x"], ['451-["a"]', '42["b"]'], ["42"], ["45"]])
def test_what_is_not_of_this_kind(frames: list[str | bytes]) -> None:
    look = Onlooker()
    [turn] = look.ws("client", *frames)
    assert turn.message is None
    assert turn.why
    assert said(look.ws("client", '42["a"]')) == [root("a")], "and it goes on"


@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), st.text() | st.binary(), st.booleans()), max_size=8))
def test_anything(frames: list[tuple[str, str | bytes, bool]]) -> None:
    reader = SocketIOReader()
    for sender, data, polling in frames:
        for turn in reader.read(sender, 1, Frame(data, "polling" if polling else "websocket")):
            assert turn.sender == sender
            assert turn.message is not None or turn.why


def test_events_that_nobody_acknowledges_are_forgotten_in_the_end() -> None:
    reader = SocketIOReader()
    for number in range(10_001):
        reader.read("client", 1, Frame(f'42{number}["a"]'))
    [first] = reader.read("server", 1, Frame("430[]"))
    [second] = reader.read("server", 1, Frame("431[]"))
    assert (first.answers, first.why) == (None, "it acknowledges what nobody asked for")
    assert second.answers is not None


def test_of_four_thousand_links_the_one_that_was_silent_for_longest_is_forgotten() -> None:
    look = Onlooker()
    for link in (1, 2):
        look.ws("client", '421["a"]', link=link)
    for link in range(3, 4_002):
        look.ws("client", "3", link=link)
        look.ws("client", "3", link=1)
    [heard] = look.ws("server", "431[]", link=1)
    assert heard.answers is not None, "it says something again and again"
    [unheard] = look.ws("server", "431[]", link=2)
    assert unheard.answers is None, "it was the first to go"


def test_of_four_thousand_sessions_the_one_that_polled_longest_ago_is_forgotten() -> None:
    look = Onlooker()
    look.poll("client", '421["a"]', 1, "kept")
    look.poll("client", '421["a"]', 2, "gone")
    for call in range(3, 8_003, 2):
        look.poll("client", "3", call, f"sid-{call}")
        look.poll("client", "3", call + 1, "kept")
    [heard] = look.poll("server", "431[]", 30_000, "kept")
    assert heard.answers is not None
    [unheard] = look.poll("server", "431[]", 30_001, "gone")
    assert unheard.answers is None


def test_no_link_is_forgotten_for_calls() -> None:
    """Of a session that polls there are ever more."""
    look = Onlooker()
    look.reader.asked(1, Request("GET", "/socket.io/", "EIO=4&transport=websocket&sid=silent"))
    look.ws("client", '421["a"]', link=1)
    look.ws("client", '421["b"]', link=2)
    for call in range(3, 4_004):
        look.poll("client", "3", call, "busy")
    answers = [turn.answers and turn.answers.name for link in (1, 2) for turn in look.ws("server", "431[]", link=link)]
    assert answers == ["a", "b"]
    sizes = [len(book) for book in (look.reader._of_call, look.reader._of_link, look.reader._of_sid)]
    assert sizes == [4_000, 2, 2]


def test_what_the_onlooker_keeps_of_links_is_bounded() -> None:
    look = Onlooker()
    tracemalloc.start()
    for link in range(4_000):
        look.ws("server", f'0{{"sid":"s{link}"}}', "40", link=link)
    full, _ = tracemalloc.get_traced_memory()
    for link in range(4_000, 8_000):
        look.ws("server", f'0{{"sid":"s{link}"}}', "40", link=link)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after < full * 1.3

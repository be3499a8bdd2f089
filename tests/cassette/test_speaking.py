"""When the server says what it says on the tape, and how it ends."""

from __future__ import annotations

import json

import pytest

from simulator.cassette.entries import Entry
from tests.cassette.tapes import POLLING, closed, opened, said
from tests.cassette.test_stand_in import PHOENIX, SOCKET, entered, phoenix, session, stranger


def test_the_server_closes_at_its_time() -> None:
    for code, shut in (
        (4001, "client is shut 4001"),
        (1005, "client is shut"),
        (1006, "client is dropped"),
        (None, "client is shut 1000"),
    ):
        tape: list[Entry] = [opened("/x/"), said("server", "hello", 0.0), closed(2.0, code=code, by="server")]
        replay = stranger(*tape)
        replay.connect("client", "/x/")
        replay.play(f"server << hello\nafter 1.9\nclient is silent\nafter 0.2\n{shut}")
        assert replay.coverage.complete


def test_phoenix_is_closed_with_a_frame_and_without() -> None:
    for code, shut in ((1001, "client is shut 1001"), (1006, "client is dropped")):
        replay = stranger(*phoenix(closed(1.0, by="server", code=code)))
        replay.connect("client", PHOENIX)
        replay.play(
            'client >> ["1","1","room:65vbbDAQCdPdEWlEhDGy4utO","phx_join",{"token":"t"}]\n'
            'server << ["1","1","room:65vbbDAQCdPdEWlEhDGy4utO","phx_reply",{"response":{"me":7},"status":"ok"}]\n'
            f"after 1\n{shut}"
        )
        assert replay.coverage.complete


@pytest.mark.parametrize(
    ("code", "shut"), [(1005, "client is shut"), (1001, "client is shut 1001"), (1006, "client is dropped")]
)
def test_a_session_ends_as_it_did(code: int, shut: str) -> None:
    # No 41: to the client that is a break of the transport, after which it comes back by itself.
    replay = stranger(*session(closed(1.0, by="server", code=code)))
    entered(replay)
    replay.play(f"after 1\n{shut}")
    assert replay.coverage.complete
    # And this is `socket.disconnect(true)`, after which it does not.
    replay = stranger(*session(said("server", "41", 1.0), closed(1.0, by="server", code=code)))
    entered(replay)
    replay.play("after 1\nserver << 41\nclient is shut")
    assert replay.coverage.complete


def test_all_namespaces_are_left_when_one_of_them_is_the_reason() -> None:
    tape = session(
        said("client", "40/admin,", 0.1),
        said("server", '40/admin,{"sid":"ABCDEFGHIJKLMNOPQRSU"}', 0.1),
        said("client", '42["leave"]', 0.2),
        said("server", "41", 0.2),
        said("server", "41/admin,", 0.2),
        closed(0.3, by="server", code=None),
    )
    replay = stranger(*tape)
    entered(replay)
    replay.play("""
        client >> 40/admin,
        server << 40/admin,{"sid":"$admin"}
        after 5
        client is silent
        client >> 42["leave"]
        server << 41
        server << 41/admin,
        client is shut
    """)
    assert replay.coverage.complete


@pytest.mark.parametrize(("code", "answer"), [(1005, b"1"), (1006, None)])
def test_a_session_that_polls_ends_with_its_poll(code: int, answer: bytes | None) -> None:
    replay = stranger(*session(closed(1.0, by="server", code=code)))
    sid = json.loads(replay.request("GET", POLLING).body[1:])["sid"]
    replay.request("POST", f"{POLLING}&sid={sid}", b"40")
    replay.request("GET", f"{POLLING}&sid={sid}")
    poll = replay.ask("GET", f"{POLLING}&sid={sid}")
    replay.after(1)
    said = replay.answers.get(poll)
    assert (said and said.body) == answer
    assert (poll in replay.cut) is (answer is None)
    assert replay.coverage.complete
    assert replay.request("GET", f"{POLLING}&sid={sid}").status == 400


def test_a_client_that_is_quicker_hears_all_before_the_end() -> None:
    tape: list[Entry] = [
        opened("/x/"),
        said("client", "a", 0.0),
        said("server", "first", 1.0),
        said("client", "b", 8.0),
        said("server", "second", 9.0),
        closed(9.5, by="server", code=1000),
    ]
    tape[2:2] = [said("server", "at once", 0.0)]
    tape[4:4] = [said("server", "late", 7.0)]
    replay = stranger(*tape)
    replay.connect("client", "/x/")
    replay.play("""
        client >> a
        server << at once
        client >> b
        after 1
        server << first
        after 5.9
        client is silent
        after 0.1
        server << late
        server << second
        client is shut 1000
    """)
    assert replay.coverage.complete


def recovered(*missed: str | bytes) -> list[Entry]:
    """A session of `/admin` that broke off and went on in another: what it had missed came in front of its `40`."""
    pid = "pppppppppppppppppppp"
    return [
        opened(SOCKET),
        said("server", '0{"sid":"abcdefghijklmnopqrst","upgrades":[],"pingInterval":25000,"pingTimeout":20000}', 0.0),
        said("client", "40/admin,", 0.0),
        said("server", f'40/admin,{{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"{pid}"}}', 0.0),
        said("server", '42/admin,["one","MLkzrCu"]', 0.0),
        closed(1.0, code=1006),
        opened(SOCKET, 2.0, 2),
        said("server", '0{"sid":"bbcdefghijklmnopqrst","upgrades":[],"pingInterval":25000}', 2.0, 2),
        said("client", f'40/admin,{{"pid":"{pid}","offset":"MLkzrCu"}}', 2.0, 2),
        *(said("server", data, 2.0, 2) for data in missed),
        said("server", f'40/admin,{{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"{pid}"}}', 2.1, 2),
        said("server", '42/admin,["two","MLkzrCz"]', 2.2, 2),
    ]


OPENED = 'server << 0{"sid":"$engine","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16777216}\n'
FIRST = 'client >> 40/admin,\nserver << 40/admin,{"sid":"$sid","pid":"$pid"}\nserver << 42/admin,["one","$offset"]\n'
AGAIN = OPENED.replace("server", "again").replace("$engine", "$other")


def test_what_was_missed_comes_in_front_of_the_answer_that_recovers() -> None:
    tape = recovered(
        '42/admin,["missed",1,"MLkzrCv"]',
        '451-/admin,["picture",{"_placeholder":true,"num":0},"MLkzrCw"]',
        b"\x01\x02",
        '42/admin,["missed",2,"MLkzrCx"]',
        '42/admin,7["may I?"]',
    )
    replay = stranger(*tape)
    replay.connect("client", SOCKET)
    replay.play(f"{OPENED}{FIRST}client closes 1006\nafter 1")
    replay.connect("again", SOCKET)
    # Recovery keeps nothing that wants an answer: that has its place behind.
    replay.play(
        AGAIN
        + """
        again >> 40/admin,{"pid":"$pid","offset":"$offset"}
        after 0.05
        again is silent
        after 0.05
        again << 42/admin,["missed",1,"$a"]
        again << 451-/admin,["picture",{"_placeholder":true,"num":0},"$b"]
        again << b'\\x01\\x02'
        again << 42/admin,["missed",2,"$c"]
        again << 40/admin,{"sid":"$sid","pid":"$pid"}
        again << 42/admin,0["may I?"]
        after 0.1
        again << 42/admin,["two","$d"]
    """
    )
    assert (replay.unplayed(), replay.coverage.missed) == ([], 0)


def test_who_is_not_recovered_hears_what_was_missed_behind_its_answer() -> None:
    # A tape that begins with the session that goes on: its client is a new one to this server.
    tape = recovered('42/admin,["missed",1,"MLkzrCv"]')
    replay = stranger(*tape[6:], factor=0.0)
    replay.connect("client", SOCKET)
    replay.play(f"""
        {OPENED}
        client >> 40/admin,{{"pid":"pppppppppppppppppppp","offset":"MLkzrCu"}}
        server << 40/admin,{{"sid":"$sid","pid":"$pid"}}
        server << 42/admin,["missed",1,"$a"]
        server << 42/admin,["two","$b"]
    """)
    assert replay.unplayed() == []

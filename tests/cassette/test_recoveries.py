"""Socket.IO sessions that are recovered more often than on their tape: what was heard is not said again."""

from __future__ import annotations

from typing import Any, cast

import pytest

from simulator.cassette.entries import Entry
from simulator.cassette.playback import Playback
from tests.cassette.recordings import Replay
from tests.cassette.tapes import closed, opened, said
from tests.cassette.test_speaking import AGAIN, FIRST, OPENED, recovered
from tests.cassette.test_stand_in import SOCKET, session, stranger

THIRD = AGAIN.replace("again", "third").replace("$other", "$another")
BACK = '>> 40/admin,{"pid":"$pid","offset":"$b"}\n'
IN = 'third << 40/admin,{"sid":"$sid","pid":"$pid"}\n'


def twice(**manner: Any) -> Replay:
    """A client in the last place that its tape has for it: it was recovered there, too."""
    replay = stranger(*recovered('42/admin,["missed",1,"MLkzrCv"]'), **manner)
    replay.connect("client", SOCKET)
    replay.play(f"{OPENED}{FIRST}client closes 1006")
    replay.connect("again", SOCKET)
    replay.play(
        AGAIN
        + """
        again >> 40/admin,{"pid":"$pid","offset":"$offset"}
        after 0.1
        again << 42/admin,["missed",1,"$b"]
        again << 40/admin,{"sid":"$sid","pid":"$pid"}
        """
    )
    return replay


def test_what_was_heard_is_not_said_again() -> None:
    replay = twice()
    replay.play('after 0.1\nagain << 42/admin,["two","$c"]\nagain closes 1006\nafter 1')
    for _ in range(2):
        replay.connect("third", SOCKET)
        replay.play(f"{THIRD}third {BACK.replace('$b', '$c')}{IN}after 5\nthird is silent\nthird closes 1006")
        replay.kept.pop("another")
    assert (replay.unplayed(), replay.coverage.missed, replay.coverage.walks) == ([], 0, 1)
    assert replay.coverage.matched["again"] == 2


def test_what_was_to_come_comes_once() -> None:
    """In front of the `40` where its time passed meanwhile, else at its time."""
    replay = twice()
    replay.play("again closes 1006\nafter 0.04")
    replay.connect("third", SOCKET)
    replay.play(f"{THIRD}third {BACK}{IN}after 0.05\nthird is silent\nthird closes 1006\nafter 1")
    replay.connect("fourth", SOCKET)
    replay.kept.pop("another")
    fourth = f'{THIRD}third {BACK}third << 42/admin,["two","$c"]\n{IN}after 5\nthird is silent'
    replay.play(fourth.replace("third", "fourth"))
    assert replay.unplayed() == []


def test_what_was_lost_on_the_way_comes_by_the_log_of_the_wire() -> None:
    replay = twice()
    replay.play('after 0.1\nagain << 42/admin,["two","$c"]\nagain closes 1006')
    replay.connect("third", SOCKET)
    replay.play(f'{THIRD}third {BACK}third << 42/admin,["two","$c"]\n{IN}third is silent')
    assert replay.unplayed() == []


HELLO = '0{"sid":"abcdefghijklmnopqrst","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'


def test_two_namespaces_and_what_recovery_does_not_keep() -> None:
    """Each hears what was its own; what wants an answer, and the end, come behind."""
    pid = "pppppppppppppppppppp"
    tape: list[Entry] = [
        opened(SOCKET),
        said("server", HELLO, 0.0),
        said("client", "40/admin,", 0.0),
        said("server", f'40/admin,{{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"{pid}"}}', 0.0),
        said("client", "40/shop,", 0.0),
        said("server", f'40/shop,{{"sid":"BBCDEFGHIJKLMNOPQRST","pid":"{pid}q"}}', 0.0),
        said("server", '42/shop,["zero","MLkzrCt"]', 0.0),
        said("client", '42/admin,1["go"]', 1.0),
        said("server", '42/admin,["one","MLkzrCu"]', 1.0),
        said("server", '42/shop,["one","MLkzrCv"]', 2.0),
        said("server", '42/admin,["two","MLkzrCw"]', 2.0),
        said("server", '42/admin,7["may I?"]', 2.0),
        said("server", "43/admin,1[]", 2.0),
        closed(3.0, code=1005, by="server"),
    ]
    replay = stranger(*tape)
    replay.connect("client", SOCKET)
    replay.play(
        OPENED
        + """
        client >> 40/admin,
        server << 40/admin,{"sid":"$sid","pid":"$pid"}
        client >> 40/shop,
        server << 40/shop,{"sid":"$shop","pid":"$key"}
        server << 42/shop,["zero","$x"]
        client >> 42/admin,1["go"]
        server << 42/admin,["one","$offset"]
        client closes 1006
        after 5
        """
    )
    replay.connect("again", SOCKET)
    replay.play(
        AGAIN
        + """
        again >> 40/admin,{"pid":"$pid","offset":"$offset"}
        again << 42/admin,["two","$a"]
        again << 40/admin,{"sid":"$sid","pid":"$pid"}
        again << 42/admin,0["may I?"]
        again is shut
        """
    )
    assert replay.unplayed() == ["43: server: one"]


def test_the_other_namespace_is_waited_for() -> None:
    names = ("admin", "shop")
    tape: list[Entry] = [opened(SOCKET), said("server", HELLO, 0.0)]
    for name in names:
        tape += [
            said("client", f"40/{name},", 0.0),
            said("server", f'40/{name},{{"sid":"ABCDEFGHIJKL-{name}","pid":"pppppppppppp-{name}"}}', 0.0),
            said("server", f'42/{name},["one","MLkzrCt"]', 0.0),
        ]
    tape += [said("server", f'42/{name},["two","MLkzrCu"]', 1.0) for name in names]
    replay = stranger(*tape)
    replay.connect("client", SOCKET)
    replay.play(OPENED)
    for name in names:
        replay.play(f"""
        client >> 40/{name},
        server << 40/{name},{{"sid":"${name}","pid":"$key{name}"}}
        server << 42/{name},["one","$offset{name}"]
        """)
    replay.play("client closes 1006\nafter 5")
    replay.connect("again", SOCKET)
    replay.play(AGAIN)
    for name in names:
        replay.play(f"""
        again >> 40/{name},{{"pid":"$key{name}","offset":"$offset{name}"}}
        again << 42/{name},["two","$two{name}"]
        again << 40/{name},{{"sid":"${name}","pid":"$key{name}"}}
        again is silent
        """)
    assert replay.unplayed() == []


def two_namespaces(then: str = "", *more: Entry) -> Replay:
    """`shop` hears nothing before the break, so nothing of it is to be recovered; each has something to come."""
    tape: list[Entry] = [opened(SOCKET), said("server", HELLO, 0.0)]
    for name in ("admin", "shop"):
        tape += [
            said("client", f"40/{name},", 0.0),
            said("server", f'40/{name},{{"sid":"ABCDEFGHIJKL-{name}","pid":"pppppppppppp-{name}"}}', 0.0),
        ]
    tape += [
        said("server", '42/admin,["one","MLkzrCt"]', 0.0),
        said("server", '42/admin,["two","MLkzrCu"]', 1.0),
        said("server", '42/shop,["two","MLkzrCu"]', 1.0),
        said("server", '42/shop,["three","MLkzrCv"]', 3.0),
    ]
    replay = stranger(*tape, *more)
    replay.connect("client", SOCKET)
    replay.play(f"""
    {OPENED}
    client >> 40/admin,
    server << 40/admin,{{"sid":"$admin","pid":"$keyadmin"}}
    server << 42/admin,["one","$offset"]
    client >> 40/shop,
    server << 40/shop,{{"sid":"$shop","pid":"$keyshop"}}
    {then}
    """)
    return replay


@pytest.mark.parametrize("leaves", ["", "client >> 41/shop,"], ids=["broke off", "left"])
@pytest.mark.parametrize("away", [0.5, 2, 5])
def test_who_joins_anew_hears_each_once(away: float, leaves: str) -> None:
    """What was to come in the namespace before is not to come beside what its join brings."""
    replay = two_namespaces(leaves)
    replay.play(f"client closes 1006\nafter {away}")
    replay.connect("again", SOCKET)
    missed = '42/admin,["two","$two"]'
    replay.play(f"""
    {AGAIN}
    again >> 40/admin,{{"pid":"$keyadmin","offset":"$offset"}}
    {f"again << {missed}" if away >= 1 else ""}
    again << 40/admin,{{"sid":"$admin","pid":"$keyadmin"}}
    again >> 40/shop,
    again << 40/shop,{{"sid":"$another","pid":"$anotherkey"}}
    again is silent
    """)
    if away < 1:
        replay.play(f"after {1 - away}\nagain << {missed}")
        replay.play(f'after {away}\nagain << 42/shop,["two","$shoptwo"]\nafter 2\nagain << 42/shop,["three","$three"]')
    else:
        replay.play('after 1\nagain << 42/shop,["two","$shoptwo"]\nafter 2\nagain << 42/shop,["three","$three"]')
    replay.play("after 9\nagain is silent")
    assert replay.unplayed() == []


def test_the_end_comes_behind_what_a_join_brings_once_more() -> None:
    replay = two_namespaces("client closes 1006\nafter 0.5", closed(4.0, code=1005, by="server"))
    replay.connect("again", SOCKET)
    replay.play(f"""
    {AGAIN}
    again >> 40/shop,
    again << 40/shop,{{"sid":"$another","pid":"$anotherkey"}}
    after 1
    again << 42/shop,["two","$shoptwo"]
    after 2
    again << 42/shop,["three","$three"]
    after 0.9
    again is silent
    after 0.1
    again is shut
    """)


@pytest.mark.parametrize("away", [0.5, 1.5])
def test_an_answer_to_who_was_in_before_is_heard_by_nobody(away: float) -> None:
    """And what comes behind it comes all the same."""
    go = said("client", '42/shop,["go"]', 3.0), said("server", '42/shop,["went","MLkzrCw"]', 4.0)
    replay = two_namespaces(
        f'after 3\nclient << 42/admin,["two","$two"]\nclient << 42/shop,["two","$a"]\nclient << 42/shop,["three","$b"]\n'
        f'client >> 42/shop,["go"]\nclient closes 1006\nafter {away}',
        *go,
        closed(6.0, code=1005, by="server"),
    )
    replay.connect("again", SOCKET)
    replay.play(f"""
    {AGAIN}
    again >> 40/admin,{{"pid":"$keyadmin","offset":"$two"}}
    again << 40/admin,{{"sid":"$admin","pid":"$keyadmin"}}
    again >> 40/shop,
    again << 40/shop,{{"sid":"$another","pid":"$anotherkey"}}
    after 0.9
    again is silent
    after 0.1
    again << 42/shop,["two","$c"]
    after {2 - away}
    again is shut
    """)
    assert replay.unplayed() == ["51: server: went"]


def test_who_leaves_and_joins_in_one_session() -> None:
    replay = two_namespaces()
    replay.play("""
    client >> 41/shop,
    after 0.5
    client >> 40/shop,
    client << 40/shop,{"sid":"$another","pid":"$anotherkey"}
    after 0.5
    client << 42/admin,["two","$two"]
    after 0.5
    client << 42/shop,["two","$shoptwo"]
    after 2
    client << 42/shop,["three","$three"]
    after 9
    client is silent
    """)


@pytest.mark.parametrize("pid", ['"pid":"pppppppppppppppppppp"', '"pid":5'])
def test_another_one_s_connection_is_no_place_to_go_on(pid: str) -> None:
    """On the tape are two clients, of which none came back; without a private id the next one is taken for it."""
    tape: list[Entry] = [
        entry
        for conn in (1, 2)
        for entry in (
            opened(SOCKET, conn, conn),
            said("server", HELLO, conn, conn),
            said("client", "40/admin,", conn, conn),
            said("server", f'40/admin,{{"sid":"{conn}BCDEFGHIJKLMNOPQRST",{pid}}}', conn, conn),
            said("server", f'42/admin,["one",{conn},"MLkzrCu"]', conn, conn),
        )
    ]
    replay = stranger(*tape)
    replay.connect("client", SOCKET)
    first = FIRST.replace('"one"', '"one",1')
    replay.play(f"{OPENED}{first}client closes 1006")
    replay.connect("again", SOCKET)
    more = "" if "ppp" in pid else 'again << 42/admin,["one",2,"$a"]\n'
    replay.play(
        f'{AGAIN}again >> 40/admin,{{"pid":"$pid","offset":"$offset"}}\n'
        f'again << 40/admin,{{"sid":"$sid","pid":"$pid"}}\n{more}again is silent'
    )
    assert replay.coverage.walks == 1


@pytest.mark.parametrize("again", [False, True], ids=["never again", "again"])
@pytest.mark.parametrize("away", [0.5, 3], ids=["waits", "was let in"])
def test_a_session_that_broke_off_while_it_joined_a_namespace(away: float, again: bool) -> None:
    """Who waited at that door waits for nothing any more; all the others hear what was to come."""
    tape: list[Entry] = [
        opened(SOCKET),
        said("server", HELLO, 0.0),
        said("client", "40/admin,", 0.0),
        said("server", '40/admin,{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"pppppppppppppppppppp"}', 0.0),
        said("server", '42/admin,["one","MLkzrCt"]', 0.0),
        said("client", "40/shop,", 0.0),
        said("server", '40/shop,{"sid":"BBCDEFGHIJKLMNOPQRST","pid":"qqqqqqqqqqqqqqqqqqqq"}', 2.0),
        said("server", '42/admin,["two","MLkzrCu"]', 2.4),
        said("server", '42/shop,["two","MLkzrCu"]', 4.0),
    ]
    replay = stranger(*tape)
    replay.connect("client", SOCKET)
    replay.play(f"""
    {OPENED}
    client >> 40/admin,
    server << 40/admin,{{"sid":"$sid","pid":"$pid"}}
    server << 42/admin,["one","$offset"]
    client >> 40/shop,
    client closes 1006
    after {away}
    """)
    replay.connect("again", SOCKET)
    two = '42/admin,["two","$two"]'
    replay.play(f"""
    {AGAIN}
    again >> 40/admin,{{"pid":"$pid","offset":"$offset"}}
    {f"again << {two}" if away > 2.4 else ""}
    again << 40/admin,{{"sid":"$sid","pid":"$pid"}}
    again is silent
    """)
    if again:
        late = f"after {2.4 - away}\nagain << {two}\nagain is silent" if away < 2.4 else ""
        replay.play(f"""
        again >> 40/shop,
        {late}
        after {0.1 if late else 2}
        again << 40/shop,{{"sid":"$shop","pid":"$key"}}
        after 2
        again << 42/shop,["two","$shoptwo"]
        """)
    elif away < 2.4:
        replay.play(f"after {2.4 - away}\nagain << {two}")
    replay.play("after 9\nagain is silent\nagain closes 1006\nafter 200")
    rules = cast("Playback", replay.running.engine.rules)
    assert [(seat.walk.open, seat.knocking) for seat in rules.seats._numbered.values()] == [(0, {})]
    assert rules._by_conn == {}


def test_of_two_who_knock_at_one_door_the_tape_lets_one_in() -> None:
    """Both knocks in one body of a poll: the second takes the first one's place, and nobody is left behind."""
    let_in = said("server", '40/shop,{"sid":"oSO0OpakMV_3jnilAAAE"}', 2.0)
    replay = stranger(*session(), said("client", "40/shop,", 1.0), let_in)
    client = replay.connect("client", SOCKET)
    client.send("40")
    client.send("40/shop,")
    client.send("40/shop,")
    rules = cast("Playback", replay.running.engine.rules)
    assert any("44/shop," in str(item) for item in client.got)
    assert len(rules._by_conn) == 2

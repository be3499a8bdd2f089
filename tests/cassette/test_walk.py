"""Clients that do not keep to the tape, and what they and the operator are told."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from simulator.cassette import plan as plans
from simulator.cassette.entries import Cut, Entry, Refused, TapedResponse
from simulator.cassette.match import Mode
from simulator.cassette.stand_in import foreign
from simulator.cassette.tape import Tape
from simulator.core.bot import Say
from simulator.core.message import Response
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said

START = (
    'client connects\nclient >> {"type":"start_chat"}\nafter 0.1\nserver << {"type":"chat_started","chat_id":"$chat"}\n'
)


def chip(*more: Any, **manner: Any) -> Replay:
    """chip's small tape, which is played on one's own."""
    return Replay(tapes.tape(*(more or tapes.chip()), backend="chip"), **manner)


def test_something_else() -> None:
    replay = chip()
    replay.play(START + 'client >> {"type":"send_msg","text":"hullo"}\nclient is silent')
    assert replay.warnings() == [
        'client 1: send_msg is not as it is on the tape; nearest is talk.yaml:19; text: expected "hello", got "hullo"'
    ]
    assert replay.unplayed() == ["19: client: send_msg", "23: server: chat_out", "27: client: ack_chat"]
    assert not replay.coverage.complete


def test_a_name_that_was_misspelt_and_one_that_nobody_knows() -> None:
    replay = chip()
    replay.play(START + 'client >> {"type":"send_mesg","text":"hello"}\nclient >> {"type":"x"}')
    assert replay.warnings() == [
        "client 1: send_mesg is not on the tape, perhaps send_msg was meant; the client's next on the tape is talk.yaml:19, send_msg",
        "client 1: x is not on the tape; the client's next on the tape is talk.yaml:19, send_msg",
    ]


def test_another_order_is_as_good_and_strictly_is_not() -> None:
    early = 'client connects\nclient >> {"type":"send_msg","text":"hello"}\nafter 2\n'
    chip().play(
        early
        + 'server << {"type":"chat_out","msg_out":{"id":34634,"text":"You said: hello","origin":"flow","time":"$t"}}'
    )
    strict = chip(match=Mode.STRICT)
    strict.play(early)
    assert strict.warnings() == [
        "client 1: send_msg is not what comes next on the tape, which is start_chat; nearest is talk.yaml:11"
    ]


def test_twice() -> None:
    replay = chip()
    replay.play(START + 'client >> {"type":"start_chat"}\nclient is silent')
    assert replay.warnings() == ["client 1: start_chat is said more often than on the tape; nearest is talk.yaml:11"]
    replay.play('client >> {"type":"start_chat","email":"a"}\nclient is silent')
    assert replay.warnings()[1:] == [
        'client 1: start_chat is not on the tape like this; nearest is talk.yaml:11; email: expected nothing, got "a"'
    ]


def test_where_the_envelope_has_answers_one_is_given_again() -> None:
    replay = Replay(tapes.tape(*tapes.gateway(), backend="concierge"))
    replay.connect("client", "/uat?token=t")
    ask = '{"action":"api","data":{"route":"client/get-unread-msg-count?page=1","body":{}}}'
    answer = '{"channel":"client/get-unread-msg-count?page=1","status":403,"body":{"error":"no"}}'
    replay.play(f"client >> {ask}\nafter 0.2\nserver << {answer}\nclient >> {ask}\nserver << {answer}")
    assert replay.warnings() == []
    assert replay.coverage.matched["again"] == 1
    replay.play(
        'client >> {"action":"api","data":{"route":"client/x","body":{}}}\n'
        'server << {"channel":"client/x","status":404,"body":{"message":"not on the tape"}}'
    )


def test_never_is_told_at_the_end() -> None:
    replay = chip()
    replay.play(START)
    text = replay.coverage.text()
    assert text.startswith("replay: 1 client, 3 of 6 lines played, 0 messages without a match\nmatched: exactly 1\n")
    assert "  talk.yaml:19: client: send_msg\n" in text


def test_position_takes_whatever_comes() -> None:
    replay = chip(match=Mode.POSITION, factor=0.0)
    replay.play("""
        client connects
        client >> {"type":"anything"}
        server << {"type":"chat_started","chat_id":"$chat"}
        client >> {"type":"send_msg","text":"other"}
        server << {"type":"chat_out","msg_out":{"id":34634,"text":"You said: hello","origin":"flow","time":"$t"}}
        client >> {"type":"ack_chat","msg_id":34634}
        client >> {"type":"more"}
    """)
    assert replay.coverage.matched == {"by position": 2, "exactly": 1}
    told = [text for level, text, _ in replay.logged if level == "debug" and " by position" in text]
    assert told == [
        "client 1: anything, which is start_chat there, matches talk.yaml:11 by position",
        'client 1: send_msg matches talk.yaml:19 by position; text: expected "hello", got "other"',
    ]
    assert replay.warnings() == [
        "client 1: more is one more than on the tape; the client's last on the tape was talk.yaml:27"
    ]


def test_strictly_ids_may_differ_where_the_backend_says_so_and_where_the_operator_does() -> None:
    def late(**more: Any) -> list[str]:
        replay = chip(match=Mode.STRICT, factor=0.0, **more)
        replay.connect().send('{"type":"start_chat"}')
        replay.sockets["client"].send('{"type":"send_msg","text":"hullo"}')
        replay.sockets["client"].send('{"type":"ack_chat","msg_id":5}')
        return replay.warnings()

    assert len(late()) == 2
    assert late(ignore=("send_msg.text",)) == []


@pytest.mark.parametrize(("on_miss", "ends"), [("error", "client is silent"), ("close", "client is closed")])
def test_what_a_miss_does(on_miss: str, ends: str) -> None:
    replay = chip(on_miss=on_miss)
    replay.connect().send('{"type":"x"}')
    if ends == "client is silent":
        replay.play(ends)
    else:
        [shut] = replay.sockets["client"].got
        assert str(shut) == "Shut(link=1, code=1011, reason='not on the tape')"


def test_a_miss_that_is_ignored_does_not_count() -> None:
    replay = chip(on_miss="ignore")
    replay.connect().send('{"type":"x"}')
    assert replay.warnings() == []
    assert (replay.coverage.missed, replay.coverage.ignored) == (0, 1)
    assert "passed over in silence: 1\n" in replay.coverage.text()


def test_what_is_no_message_matches_what_was_none() -> None:
    broken = chip(opened(), said("client", "hm", 0.1), said("server", '{"type":"error","error":"no"}', 0.1))
    broken.play('client connects\nclient >> hm\nserver << {"type":"error","error":"no"}\nclient >> ha')
    assert broken.warnings() == [
        'client 1: a frame that is no message, "ha", is not on the tape like this; nearest is talk.yaml:11; it: expected "hm", got "ha"'
    ]


def test_refusals_are_played_first() -> None:
    refused = Refused(0.0, 1, tapes.CHIP, (), TapedResponse(401, (("Content-Length", "3"), ("X", "y")), "no\n"))
    replay = chip(refused, opened(conn=2), said("server", '{"type":"hi"}', 0.0, 2))
    first = replay.connect()
    assert first.refused == Response(401, (("X", "y"),), b"no\n")
    assert first.upgrade is None
    replay.play('again connects\nagain << {"type":"hi"}')
    assert replay.coverage.complete
    assert replay.coverage.walks == 1
    only = chip(refused)
    assert [only.connect(str(i)).refused.status for i in range(3)] == [401, 401, 401]  # type: ignore[union-attr]


def test_a_tape_that_was_cut_is_played_up_to_there() -> None:
    replay = chip(opened(), said("server", '{"type":"hi"}'), Cut(2.0, None, "the recording ended"))
    replay.play('client connects\nafter 1.0\nserver << {"type":"hi"}\nafter 10\n')
    assert replay.plans[0].strands[0].cut == "the recording ended"


def test_a_tape_without_a_connection() -> None:
    replay = chip(Cut(2.0, 7, "x"), Cut(2.0, None, "x"))
    assert replay.connect().refused == Response(404, (), b"not on the tape")
    assert replay.warnings() == [
        f"a request: the connection {tapes.CHIP} is not on the tape; there is none on talk.yaml"
    ]
    assert replay.coverage.missed == 1


ASTRAY = (
    f"client 1: the connection {tapes.CHIP} is not on the tape; nearest is talk.yaml:6; "
    f'path: expected "/somewhere?else=1", got "{tapes.CHIP}"'
)


def test_another_place_than_on_the_tape_is_a_miss_and_played() -> None:
    replay = chip(opened("/somewhere?else=1"), said("server", '{"type":"hi"}', 0.0))
    replay.play('client connects\nserver << {"type":"hi"}')
    assert replay.warnings() == [f"{ASTRAY}; which is played"]
    assert (replay.coverage.missed, replay.coverage.complete) == (1, False)


def test_another_place_that_is_passed_over() -> None:
    replay = chip(opened("/somewhere?else=1"), said("server", '{"type":"hi"}', 0.0), on_miss="ignore")
    replay.play('client connects\nserver << {"type":"hi"}')
    assert replay.warnings() == []
    assert (replay.coverage.ignored, replay.coverage.complete) == (1, True)


def test_another_place_that_is_closed() -> None:
    replay = chip(opened("/somewhere?else=1"), said("server", '{"type":"hi"}', 0.0), on_miss="close")
    assert replay.connect().refused == Response(404, (), b"not on the tape")
    assert replay.warnings() == [ASTRAY]
    assert replay.coverage.missed == 1


def test_nobody_can_act_on_a_tape() -> None:
    replay = chip()
    rules = replay.running.engine.rules
    assert rules.talks() == ()
    assert rules.objection("x", Say("y")) == "a tape is played here, and nobody can act in it"
    assert rules.talk_of(1, None) is None  # type: ignore[arg-type]
    assert [*rules.conns_of("talk")] == []
    replay.act("x", Say("y"))


def test_a_loop_begins_anew() -> None:
    replay = chip(loop=True, factor=0.0)
    round_ = """
        client >> {"type":"start_chat"}
        server << {"type":"chat_started","chat_id":"$chat"}
        client >> {"type":"send_msg","text":"hello"}
        server << {"type":"chat_out","msg_out":{"id":34634,"text":"You said: hello","origin":"flow","time":"$t"}}
        client >> {"type":"ack_chat","msg_id":34634}
    """
    replay.play("client connects\n" + "".join(line.strip() + "\n" for line in round_.splitlines() * 3))
    assert replay.coverage.complete
    assert replay.coverage.matched == {"exactly": 9}


def test_what_was_said_before_is_told_before_what_comes_near() -> None:
    replay = chip(
        opened(),
        said("client", '{"type":"send_msg","text":"hello"}', 0.1),
        said("client", '{"type":"send_msg","text":"bye"}', 0.2),
    )
    replay.connect()
    replay.play("""
        client >> {"type":"send_msg","text":"hello"}
        client >> {"type":"send_msg","text":"hello"}
        client >> {"type":"send_msg","text":"hey"}
        client >> {"type":"send_msg","text":"bye"}
        client >> {"type":"set_email","email":"a@example.com"}
    """)
    assert replay.warnings() == [
        "client 1: send_msg is said more often than on the tape; nearest is talk.yaml:11",
        'client 1: send_msg is not as it is on the tape; nearest is talk.yaml:15; text: expected "bye", got "hey"',
        "client 1: set_email is not on the tape; the client's last on the tape was talk.yaml:15",
    ]


def test_what_leaves_is_told_with_what_it_left() -> None:
    def left(transcript: str, *more: Entry) -> list[str]:
        replay = chip(*(more or tapes.chip()))
        replay.play("client connects" + transcript + "\nclient closes 1001")
        return [text for level, text, _ in replay.logged if level == "info"]

    start = '\nclient >> {"type":"start_chat"}'
    assert left("") == [
        "client 1 left after talk.yaml:6, open; the client's next on the tape is talk.yaml:11, start_chat"
    ]
    assert left(start) == [
        "client 1 left after talk.yaml:11, start_chat; the client's next on the tape is talk.yaml:19, send_msg"
    ]
    silent: list[Entry] = [
        opened(),
        said("client", '{"type":"start_chat"}'),
        said("server", '{"type":"chat_started"}', 2.0),
    ]
    assert left(start, *silent) == [
        "client 1 left after talk.yaml:11, start_chat; it has not heard talk.yaml:15, chat_started"
    ]
    assert left(start + '\nafter 2\nserver << {"type":"chat_started"}', *silent) == []


def test_a_torn_tape_is_told_where_it_ends() -> None:
    whole = tapes.written(*tapes.chip()[:3], backend="chip")
    torn = Tape((whole + b"- at: 1.000000\n  conn: 1\n  fr").splitlines(keepends=True), "talk.yaml")
    replay = Replay(torn, factor=0.0)
    replay.play("""
        client connects
        client >> {"type":"start_chat"}
        server << {"type":"chat_started","chat_id":"$chat"}
        client >> {"type":"send_msg","text":"hello"}
        client is silent
    """)
    assert replay.warnings() == [
        "client 1: send_msg is not on the tape; the client's last on the tape was talk.yaml:11, and its recording was "
        "cut off: the recorder was stopped in the middle of a record"
    ]


def test_differences_beyond_the_third_are_counted() -> None:
    tape: list[Entry] = [opened("/x/"), said("client", '{"type":"x","a":1,"b":1,"c":1,"d":1,"e":1}')]
    replay = chip(*tape, backend=foreign([plans.read(tapes.tape(*tape), None)]))
    replay.connect("client", "/x/").send('{"type":"x","a":2,"b":2,"c":2,"d":2,"e":2}')
    assert replay.warnings() == [
        "client 1: x is not as it is on the tape; nearest is talk.yaml:11; a: expected 1, got 2; b: expected 1, got 2; "
        "c: expected 1, got 2; and 2 more"
    ]


def test_what_was_closed_before_the_tape_was_torn_is_whole() -> None:
    whole = tapes.written(*tapes.chip(), opened(conn=2, at=10.0), backend="chip")
    torn = Tape((whole + b"- at: 11.000000\n  conn: 2\n  fr").splitlines(keepends=True), "talk.yaml")
    cut = [strand.cut for strand in Replay(torn).plans[0].strands]
    assert cut == ["", "the recorder was stopped in the middle of a record"]


def test_by_position_who_speaks_is_in_the_place_of_who_spoke() -> None:
    replay = chip(
        opened(), opened(conn=2, at=0.1), said("client", '{"type":"start_chat"}', 0.2, 2), match=Mode.POSITION
    )
    replay.connect().send('{"type":"anything"}')
    assert replay.warnings() == []
    assert replay.coverage.complete


def test_who_shows_an_id_while_its_only_place_is_taken_begins_anew() -> None:
    token = "65vbbDAQCdPdEWlEhDGy4utO"
    tape: list[Entry] = [
        opened("/x/?token=a"),
        said("server", f'{{"type":"hi","token":"{token}"}}', 0.0),
        said("client", f'{{"type":"hello","token":"{token}"}}', 0.1),
    ]
    replay = chip(*tape, backend=foreign([plans.read(tapes.tape(*tape), None)]))
    first = replay.connect("client", "/x/?token=b")
    [text] = first.texts()
    live = text.split('"')[-2]
    assert live != token
    replay.connect("other", f"/x/?token={live}")
    assert replay.coverage.walks == 2


def test_too_deep_to_be_compared() -> None:
    """The connection stays, and the client is told what others are. Python 3.12 counts C's levels apart: it compares these."""
    replay = chip()
    deep = "[" * 1000 + "]" * 1000
    replay.play(f'client connects\nclient >> {{"type":"send_msg","text":{deep}}}\n')
    replay.play(START.partition("\n")[2])
    [warning] = replay.warnings()
    if sys.version_info < (3, 12):
        assert warning == (
            "client 1: send_msg has too many lists and objects in each other; the client's next on the tape is "
            "talk.yaml:11, start_chat"
        )
    else:
        assert re.fullmatch(
            r"client 1: send_msg is not as it is on the tape; nearest is talk\.yaml:\d+; "
            r'text: expected "hello", got "\[{75,90}\.\.\.',
            warning,
        )

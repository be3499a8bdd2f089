"""Connections that begin alike: who leaves one goes on in the other, with the ids that he knows."""

from __future__ import annotations

import pytest

from simulator.cassette.entries import Entry
from simulator.cassette.match import Mode
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import closed, opened, said
from tests.cassette.test_stand_in import stranger

OTHER = '"chat_id":"aB3dE5fG7hI9jK1lM3nO5pQ7"'


def again(*more: Entry) -> list[Entry]:
    """The talk of `tapes.chip`, told once more, and something new in it."""
    return [
        opened(at=10.0, conn=2),
        said("client", '{"type":"start_chat"}', 10.1, 2),
        said("server", f'{{"type":"chat_started",{OTHER}}}', 10.2, 2),
        said("server", '{"type":"hint"}', 10.2, 2),
        said("client", '{"type":"send_msg","text":"hello"}', 10.3, 2),
        said("server", '{"type":"chat_out","msg_out":{"id":99634,"text":"You said: hello"}}', 10.4, 2),
        said("client", f'{{"type":"send_msg","text":"more",{OTHER}}}', 11.0, 2),
        said("server", f'{{"type":"chat_out","msg_out":{{"id":99635,"text":"You said: more"}},{OTHER}}}', 11.5, 2),
        *more,
        closed(19.0, 2),
    ]


START = """
    client connects
    client >> {"type":"start_chat"}
    after 0.1
    server << {"type":"chat_started","chat_id":"$chat"}
    client >> {"type":"send_msg","text":"hello"}
    after 1.5
    server << {"type":"chat_out","msg_out":{"id":$id,"text":"You said: hello","origin":"flow","time":"$time"}}
    """
MORE = """
    client >> {"type":"send_msg","text":"more","chat_id":"$chat"}
    after 0.5
    server << {"type":"chat_out","msg_out":{"id":$next,"text":"You said: more"},"chat_id":"$chat"}
    """


def test_the_new_is_found_in_the_other_telling_and_the_old_still_in_the_first() -> None:
    replay = Replay(tapes.tape(*tapes.chip(), *again(), backend="chip"))
    replay.play(START + MORE + 'client >> {"type":"ack_chat","msg_id":$id}\n')
    assert replay.warnings() == []
    assert replay.coverage.walks == 1
    # What both tell was played where one of them was; the hint is of the second alone, and its time was over.
    assert replay.unplayed() == ["50: server: hint"]
    assert "client 1 goes on as conn 2 of talk.yaml:37" in [text for _, text, _ in replay.logged]
    # Once there it stays there, and what was said is used up, in the one and in the other.
    replay.play('client >> {"type":"send_msg","text":"more"}\n')
    assert len(replay.warnings()) == 1


def test_two_new_things_and_what_is_said_in_both_counts_in_both() -> None:
    more = said("client", '{"type":"get_history"}', 12.0, 2), said("client", '{"type":"ack_chat","msg_id":1}', 13.0, 2)
    replay = Replay(tapes.tape(*tapes.chip(), *again(*more), backend="chip"))
    replay.play(START + MORE + 'client >> {"type":"get_history"}\nclient >> {"type":"ack_chat","msg_id":$id}\n')
    assert replay.warnings() == []
    assert replay.unplayed() == ["50: server: hint"]


def test_behind_the_new_the_other_telling_goes_on_with_what_both_ask() -> None:
    """A history of one telling has not what is new: whoever said that has it in the other's alone."""
    ask, old = '{"type":"get_history"}', '{"type":"history","history":["hello"]}'
    *first, ack, end = tapes.chip()
    entries = [
        *first, said("client", ask, 2.5), said("server", old, 2.55), ack, end,
        *again(said("client", ask, 12.0, 2), said("server", old.replace("hello", "more"), 12.0, 2)),
    ]  # fmt: skip
    replay = Replay(tapes.tape(*entries, backend="chip"), factor=0.0)
    start, more = (
        text.replace("after 0.1", "").replace("after 1.5", "").replace("after 0.5", "") for text in (START, MORE)
    )
    asked = f"client >> {ask}\nserver << {old.replace('hello', 'more')}\n"
    replay.play(start + more + asked + 'client >> {"type":"ack_chat","msg_id":$id}\n')
    assert (replay.warnings(), replay.unplayed()) == ([], ["58: server: hint"])
    # Who says nothing new has the first telling's.
    replay = Replay(tapes.tape(*entries, backend="chip"), factor=0.0)
    replay.play(start + f"client >> {ask}\nserver << {old}\n")
    assert replay.warnings() == []


def test_a_third_telling_and_back_in_the_second() -> None:
    """Who went over twice still has what only the place between tells."""
    later = said("client", '{"type":"get_history"}', 12.0, 2)
    third: list[Entry] = [
        opened(at=20.0, conn=3),
        said("client", '{"type":"start_chat"}', 20.1, 3),
        said("client", '{"type":"send_msg","text":"third"}', 20.2, 3),
        said("server", '{"type":"hint","of":"third"}', 20.2, 3),
        closed(29.0, 3),
    ]
    replay = Replay(tapes.tape(*tapes.chip(), *again(later), *third, backend="chip"))
    third_said = 'client >> {"type":"send_msg","text":"third"}\nserver << {"type":"hint","of":"third"}\n'
    replay.play(START + MORE + third_said + 'client >> {"type":"get_history"}\n')
    assert replay.warnings() == []
    assert [text.partition(" of ")[0] for _, text, _ in replay.logged if "goes on as" in text] == [
        "client 1 goes on as conn 2",
        "client 1 goes on as conn 3",
    ]


def test_what_both_tell_once_can_not_be_said_twice() -> None:
    idle: list[Entry] = [opened(at=9.1, conn=3), said("client", '{"type":"start_chat"}', 9.2, 3), closed(9.3, 3)]
    replay = Replay(tapes.tape(*tapes.chip(), *idle, *again(), backend="chip"))
    replay.play(START + 'client >> {"type":"send_msg","text":"hello"}\n')
    assert [line.partition(";")[0] for line in replay.warnings()] == [
        "client 1: send_msg is said more often than on the tape"
    ]
    # And with both in its place, the third is still found.
    replay.play(MORE)
    assert len(replay.warnings()) == 1


def test_in_strict_order_there_is_one_telling() -> None:
    replay = Replay(tapes.tape(*tapes.chip(), *again(), backend="chip"), match=Mode.STRICT)
    replay.play(START + 'client >> {"type":"send_msg","text":"more","chat_id":"$chat"}\n')
    assert len(replay.warnings()) == 1


def test_connections_to_elsewhere_are_no_tellings() -> None:
    other: list[Entry] = [
        opened("/wc/manage/other/", 10.0, 2),
        said("client", '{"type":"odd"}', 11.0, 2),
        closed(12.0, 2),
    ]
    replay = Replay(tapes.tape(*tapes.chip(), *other, backend="chip"))
    replay.play(START + 'client >> {"type":"odd"}\n')
    assert len(replay.warnings()) == 1


def joined(conn: int, at: float, topic: str, event: str) -> list[Entry]:
    return [
        opened("/socket/websocket?vsn=2.0.0", at, conn),
        said("client", f'["1","1","{topic}","phx_join",{{}}]', at + 0.1, conn),
        said("server", f'["1","1","{topic}","phx_reply",{{"status":"ok","response":{{}}}}]', at + 0.1, conn),
        said("client", f'["1","2","{topic}","{event}",{{}}]', at + 0.2, conn),
        said("server", f'["1","2","{topic}","phx_reply",{{"status":"ok","response":{{}}}}]', at + 0.2, conn),
        closed(at + 0.3, conn),
    ]


def test_a_topic_of_another_telling() -> None:
    tape = tapes.tape(
        *joined(1, 0.0, "bot:a", "one"),
        *joined(3, 0.5, "bot:a", "one"),
        *joined(2, 1.0, "bot:b", "two"),
        backend="aida",
    )
    replay = Replay(tape, factor=0.0)
    replay.play(
        """
        client connects
        client >> ["1","1","bot:a","phx_join",{}]
        server << ["1","1","bot:a","phx_reply",{"status":"ok","response":{}}]
        client >> ["2","2","bot:b","phx_join",{}]
        server << ["2","2","bot:b","phx_reply",{"status":"ok","response":{}}]
        client >> ["2","3","bot:b","two",{}]
        server << ["2","3","bot:b","phx_reply",{"status":"ok","response":{}}]
        client >> ["1","4","bot:a","one",{}]
        server << ["1","4","bot:a","phx_reply",{"status":"ok","response":{}}]
        client >> ["5","5","bot:c","phx_join",{}]
        server << ["5","5","bot:c","phx_reply",{"status":"error","response":{"reason":"not on the tape"}}]
        client >> ["2","6","bot:b","phx_leave",{}]
        server << ["2","6","bot:b","phx_reply",{"status":"ok","response":{}}]
        server << ["2","2","bot:b","phx_close",{}]
        client >> ["7","7","bot:b","phx_join",{}]
        server << ["7","7","bot:b","phx_reply",{"status":"ok","response":{}}]
        client closes 1000
        """
    )
    assert replay.coverage.walks == 1
    # The third connection is another client's.
    assert {line.partition(":")[0] for line in replay.unplayed()} == {"33", "38", "42", "46", "50"}


def broken_off(*burst: str) -> list[Entry]:
    """A session that broke in the midst of a burst: the rest came in the next one, in which the client said more."""
    socket, pid = tapes.POLLING.replace("polling", "websocket"), "pppppppppppppppppppp"
    ticks = [f'42["tick",{{"n":{n},"text":"number {"abcdefgh"[n]}"}},"MLkzrC{n}"]' for n in range(6)]
    return [
        opened(socket),
        said("server", '0{"sid":"abcdefghijklmnopqrst","upgrades":[],"pingInterval":25000,"pingTimeout":20000}', 0.0),
        said("client", "40", 0.0),
        said("server", f'40{{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"{pid}"}}', 0.0),
        *(said("client", asked, 0.1) for asked in burst),
        *(said("server", tick, 0.1) for tick in ticks[:3]),
        closed(0.2, code=1006),
        opened(socket, 1.0, 2),
        said("server", '0{"sid":"bbcdefghijklmnopqrst","upgrades":[],"pingInterval":25000}', 1.0, 2),
        said("client", f'40{{"pid":"{pid}","offset":"MLkzrC2"}}', 1.0, 2),
        *(said("server", tick, 1.0, 2) for tick in ticks[3:]),
        said("server", f'40{{"sid":"ABCDEFGHIJKLMNOPQRST","pid":"{pid}"}}', 1.0, 2),
        said("client", '42["thanks"]', 1.1, 2),
        said("server", '42["welcome","MLkzrC9"]', 1.1, 2),
        closed(2.0, 2),
    ]


@pytest.mark.parametrize("asked", [True, False])
def test_what_came_after_a_break_that_did_not_happen_is_told_as_never_played(asked: bool) -> None:
    burst = ['42["burst"]'] if asked else []
    tape = broken_off(*burst)
    replay = stranger(*tape, factor=0.0)
    replay.connect("client", tapes.POLLING.replace("polling", "websocket"))
    replay.play(
        'server << 0{"sid":"$e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":16777216}\n'
        'client >> 40\nserver << 40{"sid":"$sid","pid":"$pid"}\n'
        + "".join(f"client >> {said}\n" for said in burst)
        + "".join(
            f'server << 42["tick",{{"n":{n},"text":"number {"abc"[n]}"}},"${n}x"]\n'.replace(f"${n}x", f"$o{n}")
            for n in range(3)
        )
    )
    connect = 50 + 4 * asked
    ticks = [f"{connect + 4 * n}: server: tick" for n in (1, 2, 3)]
    door = [f"{connect}: client: connect (join)", *ticks, f"{connect + 16}: server: connect (admit)"]
    assert replay.unplayed() == [
        f"{connect - 9}: client: open",
        *door,
        f"{connect + 20}: client: thanks",
        f"{connect + 24}: server: welcome",
    ]
    # Its client waits for them: it is in no place that the tape has.
    replay.play("after 20\nclient is silent")
    assert all(f"talk.yaml:{tick}" in replay.coverage.text() for tick in ticks)
    # And when it goes on with what was said in the next session, that had the rest of the burst all the same.
    replay.play('client >> 42["thanks"]\nserver << 42["welcome","$o9"]')
    assert replay.unplayed() == (door if asked else ticks)


def test_a_burst_that_went_on_after_the_same_question_was_not_heard_as_a_whole() -> None:
    def ticks(first: int, conn: int) -> list[Entry]:
        return [said("server", f'{{"type":"tick","n":{n}}}', conn, conn) for n in range(first, first + 3)]

    tape: list[Entry] = [
        opened("/x/"),
        said("client", '{"type":"start"}', 1.0),
        said("server", '{"type":"hello"}', 1.0),
        *ticks(0, 1),
        closed(1.5, code=1006),
        opened("/x/", 2.0, 2),
        said("client", '{"type":"start"}', 2.0, 2),
        *ticks(2, 2),
        said("client", '{"type":"thanks"}', 3.0, 2),
        said("server", '{"type":"welcome"}', 3.0, 2),
    ]
    replay = stranger(*tape, factor=0.0)
    replay.connect("client", "/x/")
    replay.play(
        'client >> {"type":"start"}\nserver << {"type":"hello"}\n'
        + "".join(f'server << {{"type":"tick","n":{n}}}\n' for n in range(3))
        + 'client >> {"type":"thanks"}\nserver << {"type":"welcome"}'
    )
    # Of the second telling it has heard the first, which is the last of the first one.
    assert [line.partition(": ")[2] for line in replay.unplayed()] == ["server: tick"] * 2
    assert replay.coverage.missed == 0

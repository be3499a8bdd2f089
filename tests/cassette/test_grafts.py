"""Connections that begin alike: who leaves one goes on in the other, with the ids that he knows."""

from __future__ import annotations

from simulator.cassette.entries import Entry
from simulator.cassette.match import Mode
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import closed, opened, said

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

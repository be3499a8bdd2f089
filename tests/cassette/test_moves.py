"""Who a client is shows by what it says: it moves to that place."""

from __future__ import annotations

import pytest

from simulator.cassette.entries import Entry
from simulator.cassette.match import Mode
from tests.cassette.tapes import opened, said
from tests.cassette.test_walk import chip


def test_who_leaves_in_the_middle_and_comes_back_goes_on_there() -> None:
    tape: list[Entry] = [
        opened(),
        said("client", '{"type":"start_chat"}', 0.1),
        said("server", '{"type":"chat_started","chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}', 0.1),
        said("client", '{"type":"get_history","chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}', 1.0),
        said("server", '{"type":"history","history":[]}', 1.5),
        said("client", '{"type":"send_msg","text":"bye"}', 3.0),
    ]
    replay = chip(*tape)
    replay.play("""
        client connects
        client >> {"type":"start_chat"}
        server << {"type":"chat_started","chat_id":"$chat"}
        client >> {"type":"get_history","chat_id":"$chat"}
        client closes 1001
        again connects
        again >> {"type":"send_msg","text":"bye","chat_id":"$chat"}
        after 5
        again is silent
    """)
    assert (
        "info",
        "client 1 left after talk.yaml:19, get_history; the client's next on the tape is talk.yaml:27, send_msg",
        {},
    ) in replay.logged
    assert [text for _, text, _ in replay.logged if "back" in text] == ["client 1 is back, for talk.yaml:6"]
    assert replay.coverage.walks == 1
    assert replay.warnings() == [
        'client 1: send_msg is not as it is on the tape; nearest is talk.yaml:27; chat_id: expected nothing, got "65vbbDAQCdPdEWlEhDGy4utO"'
    ]


def test_who_comes_back_to_a_place_is_not_taken_for_another_one_at_that_door() -> None:
    me = "1d62d551-3030-4100-a260-2d7c4e9693e7"
    tape: list[Entry] = [
        opened(),
        said("client", f'{{"type":"start_chat","chat_id":"{me}"}}', 0.1),
        said("server", '{"type":"joined"}', 0.1),
        said("client", '{"type":"get_history"}', 1.0),
        said("server", '{"type":"told"}', 1.0),
        opened(conn=2),
        said("client", '{"type":"start_chat","text":"hello"}', 2.0, conn=2),
    ]
    replay = chip(*tape)
    replay.play("""
        client connects
        client >> {"type":"start_chat","chat_id":"3d62d551-3030-4100-a260-2d7c4e9693e7"}
        server << {"type":"joined"}
        client closes 1001
        again connects
        again >> {"type":"start_chat","chat_id":"3d62d551-3030-4100-a260-2d7c4e9693e7"}
        again >> {"type":"get_history"}
        again << {"type":"told"}
    """)
    assert [text for _, text, _ in replay.logged if "back" in text] == ["client 1 is back, for talk.yaml:6"]
    assert replay.warnings() == ["client 1: start_chat is said more often than on the tape; nearest is talk.yaml:11"]


def two() -> list[Entry]:
    """Alice and Bob."""
    return [
        opened(),
        said("client", '{"type":"login","text":"alice"}', 0.1),
        said("server", '{"type":"hi","name":"alice"}', 0.1),
        opened(conn=2, at=0.2),
        said("server", '{"type":"banner"}', 0.2, 2),
        said("client", '{"type":"login","text":"bob"}', 0.3, 2),
        said("server", '{"type":"hi","name":"bob"}', 0.3, 2),
    ]


@pytest.mark.parametrize("match", [Mode.LOOSE, Mode.STRICT])
def test_whose_place_it_is_the_first_message_shows(match: Mode) -> None:
    replay = chip(*two(), match=match)
    replay.play("""
        bob connects
        alice connects
        bob >> {"type":"login","text":"bob"}
        bob << {"type":"banner"}
        alice >> {"type":"login","text":"alice"}
        bob << {"type":"hi","name":"bob"}
        alice << {"type":"hi","name":"alice"}
        carol connects
        carol >> {"type":"login","text":"carol"}
        carol is silent
    """)
    assert replay.coverage.complete is False
    assert replay.unplayed() == []
    assert replay.warnings() == [
        'client 3: login is not as it is on the tape; nearest is talk.yaml:11; text: expected "alice", got "carol"'
    ]
    place = "client 1 is in the place of conn 2, talk.yaml:19, by what it says"
    assert ("debug", place, {}) in replay.logged


def test_by_position_the_first_is_the_first() -> None:
    replay = chip(*two(), match=Mode.POSITION)
    replay.play("""
        bob connects
        bob >> {"type":"login","text":"bob"}
        bob << {"type":"hi","name":"alice"}
    """)
    assert replay.warnings() == []

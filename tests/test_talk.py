"""The player of transcripts fails where it should: a test that can't fail proves nothing."""

from __future__ import annotations

import pytest

from tests.talk import Talk

START = """
    client connects
    client >> {"type":"start_chat"}
    server << {"type":"chat_started","chat_id":"$chat"}
"""


def test_a_good_transcript_passes() -> None:
    talk = Talk()
    talk.play(
        START
        + """
        # a comment, and $values that mean what they were
        client >> {"type":"send_msg","text":"$chat"}
        client is silent
        after 1.1
        server << {"type":"chat_out","msg_out":{"id":$id,"text":"You said: $chat","origin":"flow","time":"$time"}}
        after 28.9
        client is pinged
        client pongs
        client closes 1001
        """
    )
    assert len(talk.kept["chat"]) == 24
    assert not talk.sockets["client"].open


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('server << {"type":"chat_started"}', "nothing came"),
        ('client >> {"type":"send_msg","text":"hi"}\n after 2', "client got more"),
        ("after 30\n client is silent", "client got"),
        ('after 30\n server << {"type":"chat_out"}', "Ping"),
        ("client is pinged", None),
        ("after 30\n client is dropped", None),
        ("after 30\n client is shut 1000", None),
        ("client is happy", "nobody is happy"),
        ("client says hello", "not a line"),
        ("client", "not a line"),
        ("carol connects /", "was refused"),
        ("carol connects /no/such/path", "no route"),
        ("carol connects /wc/connect/00000000-0000-0000-0000-000000000000/", "carol was refused"),
    ],
)
def test_a_bad_line_fails(lines: str, why: str | None) -> None:
    talk = Talk()
    talk.play(START)
    with pytest.raises((AssertionError, IndexError), match=why):
        talk.play(lines)


@pytest.mark.parametrize(
    "expected",
    [
        '{"type":"chat_started","chat_id":"other"}',
        '{"type":"chat_started"}',
        '{"type":"chat_started","chat_id":"$chat"',
        '{"type":"chat_started", "chat_id":"$chat"}',
        '{"type":"chat.started","chat_id":"$chat"}',
        '{"type":"chat_started","chat_id":$chat}',
        "$chat",
    ],
)
def test_another_frame_fails(expected: str) -> None:
    with pytest.raises(AssertionError):
        Talk().play(f'client connects\n client >> {{"type":"start_chat"}}\n server << {expected}')


def test_a_kept_value_is_held_against_what_comes() -> None:
    talk = Talk()
    talk.play(START)
    with pytest.raises(AssertionError, match="expected"):
        talk.play('bob connects\n bob >> {"type":"start_chat"}\n bob << {"type":"chat_started","chat_id":"$chat"}')


def test_a_shut_socket_has_its_code() -> None:
    talk = Talk()
    talk.play("client connects")
    talk.drain()
    with pytest.raises(AssertionError):
        talk.play("client is shut 1001")
    talk = Talk()
    talk.play("client connects")
    talk.drain()
    talk.play("client is shut 1000")
    assert not talk.sockets["client"].open


def test_unknown_names_fail() -> None:
    with pytest.raises(KeyError):
        Talk().play('client >> {"type":"start_chat"}')

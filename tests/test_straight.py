"""The straight way of a frame through engine and wire says what the long way says, to the last byte."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.wire import Input, Output
from tests.talk import Talk

Line = str | bytes | Callable[[list[str]], str]
"""What a client says, made of what was said to it where it has to be."""

BOT = "bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"
EVE = "65vbbDAQCdPdEWlEhDGy4utO"


def last(said: list[str], key: str, default: str = "1") -> str:
    """The value that stands behind that key in the latest text that has it."""
    found = [value for text in said for value in re.findall(rf'"{key}":"?([^",}}\]]+)', text)]
    return found[-1] if found else default


CHIP: Sequence[Line] = (
    '{"type":"start_chat"}',
    f'{{"type":"start_chat","chat_id":"{EVE}"}}',
    '{"type":"send_msg","text":"hi"}',
    '{"type":"send_msg","text":"\\u00e9 \\ud83d\\ude00","else":{"a":1}}',
    '{"TYPE":"send_msg","Text":"in capitals"}',
    '{"type":"send_msg","text":""}',
    '{"type":"send_msg","text":7}',
    '{"type":"send_msg"}',
    b'{"type":"send_msg","text":"in bytes"}',
    lambda said: f'{{"type":"ack_chat","msg_id":{last(said, "id")}}}',
    '{"type":"ack_chat","msg_id":0}',
    '{"type":"ack_chat","msg_id":-1}',
    '{"type":"ack_chat","msg_id":9223372036854775808}',
    '{"type":"ack_chat","msg_id":true}',
    '{"type":"get_history","before":"2099-01-01T00:00:00Z"}',
    '{"type":"get_history","before":"2099-01-01T00:00:00.5+02:00"}',
    '{"type":"get_history","before":"now"}',
    '{"type":"get_history","before":1}',
    '{"type":"set_email","email":"ada@example.com"}',
    '{"type":"dance"}',
    "[]",
    "{",
    "",
)


def _route(route: str, body: str) -> Line:
    def line(said: list[str]) -> str:
        filled = body.replace("SESSION", last(said, "chatSessionId", "none")).replace("MESSAGE", last(said, "id"))
        return f'{{"action":"api","data":{{"route":"client/{route}","body":{filled}}}}}'

    return line


CONCIERGE: Sequence[Line] = (
    _route("init-chat-with-concierge", '{"newSession":true}'),
    _route("init-chat-with-concierge", '{"newSession":false,"chatSessionId":"SESSION"}'),
    _route("init-chat-with-concierge", '{"newSession":false}'),
    _route("ping-on-chat-session", '{"chatSessionId":"SESSION"}'),
    _route("ping-on-chat-session", '{"chatSessionId":"SESSION","more":[1]}'),
    _route("ping-on-chat-session", '{"chatSessionId":"nobody"}'),
    _route("ping-on-chat-session", '{"chatSessionId":1}'),
    _route("ping-on-chat-session", "{}"),
    _route("ping-on-chat-session", "[]"),
    _route("get-chat-session", '{"chatSessionId":"SESSION"}'),
    _route("get-chat-messages?page=1&limit=5", '{"chatSessionId":"SESSION"}'),
    _route("send-message", '{"chatSessionId":"SESSION","contentType":"TEXT","messageContent":"hi"}'),
    _route("delete-message", '{"chatSessionId":"SESSION","messageId":"MESSAGE"}'),
    _route("end-chat-with-concierge", '{"chatSessionId":"SESSION"}'),
    _route("dance", "{}"),
    '{"action":"api","data":{}}',
    '{"action":"other"}',
    b"bytes",
    "{",
)


def _event(event: str, payload: str, ref: str = '"9"', topic: str = BOT, join: str = '"1"') -> Line:
    def line(said: list[str]) -> str:
        filled = payload.replace("SESSION", last(said, "session", "none"))
        return f'[{join},{ref},"{topic}","{event}",{filled}]'

    return line


JOIN = _event("phx_join", '{"access_token":"harbour-web-token"}')
AIDA: Sequence[Line] = (
    JOIN,
    _event("new_session", "{}"),
    _event("new_session", '{"data":{"a":1}}', ref="null"),
    _event("phx_join", '{"access_token":"wrong"}'),
    _event("put_data", '{"session":"SESSION","data":{"name":"Ada"}}'),
    _event("put_data", '{"session":"SESSION","data":{"name":"Ada"}}', ref='"\\u007f\\u00e9"'),
    _event("put_data", '{"session":"SESSION","data":{"name":"Ada"}}', join="null"),
    _event("put_data", '{"session":"SESSION","data":{"name":"Ada"}}', join='"7"'),
    _event("put_data", '{"session":"SESSION","data":{"name":"Ada"}}', ref="1.5"),
    _event("put_data", '{"session":"SESSION","data":7}'),
    _event("put_data", '{"session":"nobody","data":{}}'),
    _event("put_data", "[]"),
    _event("utb_msg", '{"session":"SESSION","text":"hello"}'),
    _event("utb_msg", '{"session":"SESSION","text":" "}'),
    _event("delete_session", '{"session":"SESSION"}'),
    _event("heartbeat", "{}", topic="phoenix"),
    _event("heartbeat", "{}"),
    _event("phx_leave", "{}"),
    _event("put_data", "{}", topic="bot:other"),
    '["1","9",["x"],"put_data",{}]',
    f'["1","9","{BOT}",7,{{}}]',
    b'["1","9","phoenix","heartbeat",{}]',
    "{}",
)

PLAYS: dict[str, tuple[Sequence[Line], int, dict[str, object], str]] = {
    "chip": (CHIP, 1, {"bot_delay": 0, "outbox_interval": 0}, ""),
    "concierge": (CONCIERGE, 1, {}, ""),
    "aida": (AIDA, 2, {}, "/socket/websocket?vsn=2.0.0"),
}


def play(name: str, script: Sequence[Line], long: bool) -> tuple[list[str], list[object], list[str]]:
    """All that two clients were told in texts, how it ended, and what the operator reads."""
    lines, opening, changed, path = PLAYS[name]
    talk = Talk(name, settings=changed)
    engine = talk.running.engine
    if long:
        take = engine.wire.take

        def around(given: Input) -> list[Output]:
            return take(given)

        engine.interpose(around)
    one, other = (talk.connect(who, path) if path else talk.connect(who) for who in ("one", "other"))
    said: list[str] = []
    ends: list[object] = []
    for at, line in enumerate((*lines[:opening], *script)):
        for client in (one, other) if at < opening or at % 5 == 4 else (one,):
            if not client.open:
                continue
            client.send(line(said) if callable(line) else line)
            for receiver in (one, other):
                ends += [item for item in receiver.got if type(item).__name__ != "Frame"]
                said += receiver.texts()
        talk.after(0.25)
    talk.after(700)
    ends += [(client.open, list(client.got)) for client in (one, other)]
    told = [text for _, text, _ in talk.logged]
    return said, ends, told


@pytest.mark.parametrize("name", PLAYS)
def test_both_ways_say_the_same(name: str) -> None:
    lines = PLAYS[name][0]

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.sampled_from(range(len(lines))), max_size=14))
    def both(chosen: list[int]) -> None:
        script = [lines[index] for index in chosen]
        assert play(name, script, long=False) == play(name, script, long=True)

    both()


@pytest.mark.parametrize("name", PLAYS)
def test_each_line_says_the_same(name: str) -> None:
    lines, opening, *_ = PLAYS[name]
    whole: list[str] = []
    for line in lines:
        script = [*lines[:opening], lines[2], line, line]
        straight = play(name, script, long=False)
        assert straight == play(name, script, long=True)
        whole += straight[0]
    assert len({json.dumps(text) for text in whole}) > 8, "something was said"

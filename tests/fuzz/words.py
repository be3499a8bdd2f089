"""What people say to each backend, right and wrong: whole lines of a conversation, and what a mutation makes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from simulator.cassette.entries import Exchange, Opened, Passed
from simulator.cassette.tape import open_tape
from simulator.core.faults import FORMS
from tests.backends.test_contract import FIRST_WORDS, SOME
from tests.fuzz.conversation import PEOPLE
from tests.fuzz.opening import SCENARIOS
from tests.fuzz.spelling import spelled

CASSETTES = Path(__file__).parents[2] / "cassettes"
HARBOUR, KITCHEN = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60", "8a2d6c1e-90b4-4f37-8e55-1b7f3c9d2a08"
_FORM = '{"content-type":"multipart/form-data; boundary=b"}'
_PICTURE = '--b~d~~a~Content-Disposition: form-data; name="file"; filename="a.png"~d~~a~Content-Type: image/png~d~~a~~d~~a~PNG~d~~a~--b--~d~~a~'
_POLLING = "/socket.io/?EIO=4&transport=polling"

MORE: dict[str, list[str]] = {
    "chip": [
        "connects /wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/",
        "connects /wc/connect/16955bac-23fd-4b5f-8981-530679ae0ac4",
        'connects /wc/connect/2f6a1c9e-5b7d-4e38-9c10-aa4b8d3f7e21/?x=1',
        '>> {"type":"start_chat","chat_id":"<id0>"}',
        '>> {"type":"get_history","before":"2030-01-01T00:00:00Z"}',
        '>> {"type":"ack_chat","msg_id":"<id0>"}',
        '>> {"type":"set_email","email":"ann@example.com"}',
        '>> {"type":"send_msg","text":"hi","attachments":["image/jpeg:https://example.com/a.jpg"]}',
        "ask GET / {}",
        'ask POST /wc/send/7d62d551-3030-4100-a260-2d7c4e9693e7/ {"Authorization":"Token x"} {"type":"chat_out","chat_id":"<id0>"}',
        'ask GET /wc/send/<id0>/ {"Accept-Encoding":"gzip"}',
    ],
    "concierge": [
        '>> {"action":"api","data":{"route":"client/init-chat-with-concierge","body":{"newSession":true}}}',
        '>> {"action":"api","data":{"route":"client/get-chat-session","body":{"chatSessionId":"<id0>"}}}',
        '>> {"action":"api","data":{"route":"client/get-chat-messages?page=1&limit=20","body":{"chatSessionId":"<id0>"}}}',
        '>> {"action":"api","data":{"route":"client/ping-on-chat-session","body":{"chatSessionId":"<id0>"}}}',
        '>> {"action":"api","data":{"route":"client/send-message","body":{"chatSessionId":"<id0>","contentType":"IMAGE","messageContent":"<url0>"}}}',
        '>> {"action":"api","data":{"route":"client/delete-message","body":{"chatSessionId":"<id0>","messageId":1}}}',
        '>> {"action":"api","data":{"route":"client/update-message-seen-at","body":{"chatSessionId":"<id0>","messageId":2}}}',
        '>> {"action":"api","data":{"route":"client/get-unread-msg-count","body":{"chatSessionId":"<id0>"}}}',
        '>> {"action":"api","data":{"route":"client/end-chat-with-concierge","body":{"chatSessionId":"<id0>"}}}',
        '>> {"action":"nothing","data":{}}',
        "connects /uat?tenantId=1",
        'ask POST /file-new/get-upload-url {"content-type":"application/json"} {"filename":"a.png","mimeType":"image/png","type":"chat-images"}',
        'ask PUT <url0> {"content-type":"image/png","content-length":"3"} PNG',
        'ask PUT <url0> {"content-type":"image/png","x-amz-content-sha256":"STREAMING-UNSIGNED-PAYLOAD-TRAILER","content-encoding":"aws-chunked","x-amz-decoded-content-length":"3","content-length":"14"} 3~d~~a~PNG~d~~a~0~d~~a~~d~~a~',
        'ask GET <url0> {"Range":"bytes=1-"}',
        "ask HEAD <url1> {}",
        'ask POST /client/auth/authorize-tenant {"content-type":"application/json"} {"tenantId":"1"}',
        "ask POST /uat/@connections/<id0> {} hello",
        "ask DELETE /uat/@connections/<id0> {}",
        "ask GET /uat/@connections/<id1> {}",
    ],
    "aida": [
        "connects /socket/websocket?vsn=1.0.0",
        "connects /socket/websocket?vsn=2.0.0",
        f'>> {{"topic":"bot:{HARBOUR}","event":"phx_join","payload":{{"access_token":"harbour-web-token"}},"ref":"1"}}',
        f'>> {{"topic":"bot:{HARBOUR}","event":"utb_msg","payload":{{"session":"<id0>","text":"hi"}},"ref":"2"}}',
        f'>> ["1","4","bot:{HARBOUR}","put_data",{{"session":"<id0>","data":{{"first_name":"Ann"}}}}]',
        f'>> ["1","5","bot:{HARBOUR}","utb_msg",{{"session":"<id0>","text":"hello"}}]',
        f'>> ["1","6","bot:{HARBOUR}","utb_img",{{"session":"<id0>","image":"<id1>"}}]',
        f'>> ["1","7","bot:{HARBOUR}","delete_session",{{"session":"<id0>"}}]',
        f'>> ["1","8","bot:{HARBOUR}","phx_leave",{{}}]',
        f'>> ["9","9","bot:{KITCHEN}","phx_join",{{"access_token":"street-web-token"}}]',
        '>> [null,"3","phoenix","heartbeat",{}]',
        ">= 000101030531317265667466c3b6",
        "ask GET /socket/longpoll?vsn=2.0.0 {}",
        "ask GET /socket/longpoll?vsn=2.0.0&token=<id0> {}",
        "ask GET /socket/longpoll?vsn=1.0.0&token=<id1> {}",
        f'ask POST /socket/longpoll?vsn=2.0.0&token=<id0> {{"content-type":"application/json"}} ["1","1","bot:{HARBOUR}","phx_join",{{"access_token":"harbour-web-token"}}]',
        f'ask POST /socket/longpoll?vsn=2.0.0&token=<id0> {{"content-type":"application/x-ndjson"}} ["1","2","bot:{HARBOUR}","new_session",{{}}]~a~[null,"3","phoenix","heartbeat",{{}}]',
        f"ask POST /content/image/{HARBOUR}/<id0> {_FORM} {_PICTURE}",
        f"ask POST /api/bots/{HARBOUR}/sessions/<id0>/attachment {_FORM} {_PICTURE}",
        "ask GET /content/image/<id0> {}",
        "ask HEAD /api/image/<id1> {}",
        f'ask POST /api/bots/{HARBOUR}/sessions/<id0>/send_message {{"content-type":"application/json"}} {{"message":"hi"}}',
        f'ask PUT /api/bots/{HARBOUR}/sessions/<id0>/forward_messages {{"content-type":"application/json"}} {{"forward_messages_id":"x"}}',
        'ask OPTIONS /api/x {"Origin":"https://example.com"}',
    ],
    "mia": [
        "connects /socket.io/?EIO=4&transport=websocket&sid=<sid0>",
        "connects /socket.io/?EIO=4&transport=websocket&sid=<sid1>",
        '>> 40{"instance":{"chatId":"garden-homes","token":"garden-web-token"},"pid":"<id0>","offset":"<id1>"}',
        '>> 451-["EVENT_CLIENT_SEND_MESSAGE",{"content":{"_placeholder":true,"num":0}}]',
        ">= 0102",
        f"ask GET {_POLLING} {{}}",
        f"ask GET {_POLLING}&sid=<sid0> {{}}",
        f'ask POST {_POLLING}&sid=<sid0> {{"content-type":"text/plain"}} 40{{"instance":{{"chatId":"garden-homes","token":"garden-web-token"}}}}',
        f'ask POST {_POLLING}&sid=<sid0> {{}} 42["EVENT_CLIENT_SEND_MESSAGE",{{"content":"hi"}}]~1e~451-["EVENT_CLIENT_SEND_MESSAGE",{{"_placeholder":true,"num":0}}]~1e~bAQI=',
        'ask POST /receive-message/34 {"content-type":"application/json"} {"id":"1","type":"text/plain","content":"x","to":"contract"}',
        'ask POST /identify-person/34 {"content-type":"application/json"} {"id":"1","name":"Ann","to":"contract"}',
        "ask GET /health-check {}",
    ],
    "chatbot": [
        "connects /socket.io/?EIO=4&transport=websocket&sid=<sid0>",
        f"ask GET {_POLLING} {{}}",
        f"ask GET {_POLLING}&sid=<sid0> {{}}",
        f'ask POST {_POLLING}&sid=<sid0> {{}} 40{{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour"}}',
        '>> 42["join-conversation",{"conversationId":"<id0>","sessionId":"session-ada"}]',
        '>> 42["send-message",{"conversationId":"<id0>","content":"refunds"}]',
        '>> 42["escalate",{"conversationId":"<id0>","reason":"why not"}]',
        '>> 42["end-conversation",{"conversationId":"<id0>"}]',
        '>> 42["rate",{"conversationId":"<id0>","rating":"good"}]',
        '>> 42["request-rag-response-stream",{"query":"password","context":{"conversationId":"<id0>"}}]',
        '>> 42["request-conversation-list",{"page":1,"limit":5}]',
        '>> 42["subscribe-dashboard",{"dashboardId":"dash-harbour"}]',
        '>> 42["join-org",{"orgId":"org-harbour","userId":"agent-bob"}]',
        '>> 427["track-activity",{"activity":"click","data":[1]}]',
        '>> 451-["track-activity",{"activity":"photo","data":{"_placeholder":true,"num":0}}]',
        ">= 0102",
    ],
}  # fmt: skip

EITHER = [
    "pings 00", "pongs", "closes 1001", "closes 1000", "vanishes", ">> ", ">> null", ">= 00ff", ">> 2", ">> 3", ">> 2probe",
    ">> 5", ">> 1", ">> 41", ">> 40", ">> 40/admin,{}", ">> 42[]", '>> 420["x",{}]', ">> 430[]", ">> 44{}", '>> 46["x"]', ">> 6",
    ">> {}", ">> []", ">> ~dcff~", '>> "~d800~"', ">> [[[[", ">> 1e999", '>> {"type":1}', ">> ~1e~",
]  # fmt: skip

FAULTS = [
    '{"type":"latency","attributes":{"latency":300,"jitter":200}}', '{"type":"drop","toxicity":0.5}',
    '{"type":"latency","stream":"upstream","attributes":{"latency":900}}', '{"type":"close","attributes":{"code":1011}}',
    '{"type":"reset_peer","attributes":{"timeout":100}}', '{"type":"slicer","attributes":{"average_size":5,"size_variation":2,"delay":100}}',
    '{"type":"bandwidth","attributes":{"rate":1}}', '{"type":"reorder","attributes":{"window":500}}', '{"type":"dropped_ack"}',
    '{"type":"duplicate","attributes":{"copies":2}}', '{"type":"starved_ping"}', '{"type":"timeout","attributes":{"timeout":50}}',
    '{"type":"limit_data","attributes":{"bytes":100}}', '{"type":"oversized","attributes":{"size":300}}', '{"type":"failed_upload"}',
    '{"type":"refused_handshake","stream":"upstream","attributes":{"status":503},"count":1}', '{"type":"slow_close","attributes":{"delay":100}}',
    *(f'{{"type":"malformed","attributes":{{"form":"{form}"}}}}' for form in FORMS),
]  # fmt: skip

SETTINGS: dict[str, list[str]] = {
    "chip": ['{"bot":"echo"}', '{"bot":"none","outbox_interval":0}', '{"bot":"echo","ping_interval":0,"pong_timeout":0}'],
    "concierge": ['{"bot":"echo"}', '{"kept_messages":2,"kept_sessions":2}', '{"enforce_connection_expiry":true}'],
    "aida": ['{"bot":"echo"}', '{"profile":"1.3"}', '{}'],
    "mia": ['{"bot":"echo"}', '{"recovery":120}', '{"gateway_url":"http://127.0.0.1:9","bot":"echo"}', '{"init_delay":0}'],
    "chatbot": [
        '{"bot":"echo"}', '{}', '{"bad_input":"disconnect"}', '{"unknown_conversation":"create","acknowledge":true}',
        '{"auth_failure":"connect_error","most_unanswered":2}',
    ],
}  # fmt: skip

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|[{}\[\],:]|[\w-]+|.')
JUNK = [
    "null", "true", "0", "-1", "1e308", "1e999", "9" * 400, "0.1", '""', '"x"', '"<id0>"', '"<id3>"', '"\\ud800"', '"\\u0000"', "[]", "{}",
    "[" * 300 + "]" * 300, '{"a":' * 60 + "1" + "}" * 60, '"' + "x" * 2000 + '"', '{"__proto__":{"x":1}}', '{"_placeholder":true,"num":0}',
    '{"_placeholder":true,"num":-1}', '"2026-01-01T00:00:00Z"', '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999Z"', "~d800~", "~0~",
    '"~dcff~"', "~1e~", '"../../etc/passwd"', '"%00"', '"constructor"', ",", "]", "}", '"<url0>"', "", "-0", "0x10", '"é👍"',
]  # fmt: skip
WAITS = ["0", "0.001", "0.5", "1", "2.5", "10", "20.5", "30", "61", "601", "3600"]


@cache
def phrases(name: str) -> list[str]:
    """Lines without a person before them, and whole ones: first words, what the shipped cassette has, and more."""
    found = [f">> {spelled(text)}" for text in FIRST_WORDS[name]] * 3
    for path in sorted(CASSETTES.glob(f"{name}/*.yaml")):
        with open_tape(path) as tape:
            for entry in tape:
                if isinstance(entry, Passed) and entry.sender == "client" and entry.via == "websocket":
                    data = entry.data
                    found.append(f">> {spelled(data)}" if isinstance(data, str) else f">= {data.hex()}")
                elif isinstance(entry, Opened):
                    found.append(f"connects {spelled(entry.path)}")
                elif isinstance(entry, Exchange) and isinstance(entry.request.body, str | bytes | None):
                    heads = json.dumps(dict(entry.request.headers)).replace(" ", "") if entry.request.headers else "{}"
                    found.append(
                        f"ask {entry.request.method} {spelled(entry.request.path)} {spelled(heads)} {spelled(entry.request.body or '')}"
                    )
    return list(dict.fromkeys([*found, *MORE[name], "connects", "connects"]))


def change(line: str, dice: Random) -> str:
    """One part of it is another one, is missing, is there twice, or it ends early."""
    start, sep, rest = line.partition(" ")
    parts = _TOKEN.findall(rest)
    if not parts:
        return line
    at = dice.randrange(len(parts))
    match dice.randrange(6):
        case 0 | 1 | 2:
            parts[at] = dice.choice(JUNK)
        case 3:
            del parts[at : at + dice.randint(1, 3)]
        case 4:
            parts[at:at] = parts[at : at + dice.randint(1, 4)]
        case _:
            del parts[at:]
    return start + sep + "".join(parts)


def phrase(name: str, dice: Random) -> str:
    """A line that somebody may say, mostly right."""
    line = dice.choice(phrases(name)) if dice.random() < 0.8 else dice.choice(EITHER)
    for _ in range(dice.choice((0, 0, 0, 1, 1, 3))):
        line = change(line, dice)
    return line if line.startswith("ask ") else f"{dice.choice(PEOPLE[:3])} {line}"


def event(dice: Random) -> str:
    """A line that nobody says: time, faults, acts, the other server."""
    match dice.randrange(10):
        case 0 | 1 | 2 | 3:
            return f"after {dice.choice(WAITS)}"
        case 4:
            return f"fault {dice.choice(FAULTS)}" if dice.random() < 0.8 else "no faults"
        case 5 | 6:
            return f"act {dice.choice([*SOME])} {dice.randrange(3)}"
        case 7:
            return f"give up {dice.randrange(3)}"
        case 8:
            return f"called {dice.choice((200, 204, 400, 500, 0))}"
        case _:
            return dice.choice(("beat", "beat", "drain"))


def first_line(name: str, dice: Random) -> str:
    """Settings, or the scenario of the bot."""
    if dice.random() < 0.3:
        return f"scenario {dice.choice(sorted(path.stem for path in SCENARIOS.glob('*.yaml')))}"
    return f"settings {dice.choice(SETTINGS[name])}"


def person(name: str, dice: Random) -> list[str]:
    """Somebody comes and says the first words."""
    who = dice.choice(PEOPLE[:3])
    return [f"{who} connects", *(f"{who} >> {spelled(text)}" for text in FIRST_WORDS[name])]


def script(name: str, dice: Random, most: int = 30) -> list[str]:
    """A whole conversation, for a corpus to begin with."""
    lines = [first_line(name, dice), *person(name, dice)]
    for _ in range(dice.randrange(most)):
        lines += (
            person(name, dice) if dice.random() < 0.1 else [phrase(name, dice) if dice.random() < 0.7 else event(dice)]
        )
    return lines


def lines(name: str) -> st.SearchStrategy[str]:
    """The same for hypothesis, which shrinks the choice and keeps the changes."""
    said = st.builds(_spoken, st.sampled_from(PEOPLE[:3]), st.sampled_from([*phrases(name), *EITHER]), st.none())
    changed = st.builds(_spoken, st.sampled_from(PEOPLE[:3]), st.sampled_from(phrases(name)), st.integers(0, 1 << 16))
    return said | changed


def _spoken(who: str, line: str, seed: int | None) -> str:
    if seed is not None:
        line = change(line, Random(seed))
    return line if line.startswith("ask ") else f"{who} {line}"


def happenings() -> st.SearchStrategy[str]:
    """What nobody says."""
    return (
        st.sampled_from(WAITS).map("after {}".format)
        | st.sampled_from(FAULTS).map("fault {}".format)
        | st.sampled_from(["no faults", "beat", "drain"])
        | st.builds("act {} {}".format, st.sampled_from([*SOME]), st.integers(0, 2))
        | st.integers(0, 2).map("give up {}".format)
        | st.sampled_from([200, 500, 0]).map("called {}".format)
    )


def openings(name: str) -> st.SearchStrategy[str]:
    """Settings or scenario."""
    names: Sequence[str] = sorted(path.stem for path in SCENARIOS.glob("*.yaml"))
    return st.sampled_from([*(f"settings {said}" for said in SETTINGS[name]), *(f"scenario {one}" for one in names)])

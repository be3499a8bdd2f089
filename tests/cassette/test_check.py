"""What is wrong with a cassette: file:line, and how bad it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator import backends
from simulator.cassette.check import ERROR, WARNING, Finding, check
from simulator.cassette.entries import (
    Beside,
    Cut,
    Entry,
    Exchange,
    Lost,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)
from simulator.cassette.tape import Tape
from simulator.core.errors import CassetteError
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said, tape, written
from tests.test_vectors import ENVELOPES, VECTORS

PATHS = {
    "aida": "/socket/websocket?vsn=2.0.0",
    "chatbot": "/socket.io/?EIO=4&transport=websocket",
    "chip": tapes.CHIP,
    "concierge": "/uat?token=t",
    "mia": "/socket.io/?EIO=4&transport=websocket",
}


def found(*entries: Entry, backend: str | None = "chip") -> list[tuple[str, str]]:
    chosen = None if backend is None else backends.load(backend)
    return [(finding.level, finding.why) for finding in check(tape(*entries, backend=backend), chosen)]


def of(*frames: Entry, backend: str = "chip") -> list[tuple[str, str]]:
    return found(opened(PATHS[backend]), *frames, closed(), backend=backend)


@pytest.mark.parametrize("name", backends.names())
def test_what_the_document_says_is_right(name: str) -> None:
    vectors = json.loads((VECTORS / name / "document.json").read_text())
    frames = [
        said(sender, ENVELOPES[name].frame(vector.get("ours", vector["sample"])))
        for side, sender in (("commands", "client"), ("events", "server"))
        for vector in vectors[side]
    ]
    assert of(*frames, backend=name) == []


def test_a_finding_names_file_and_line() -> None:
    [finding] = check(tape(opened(), said("client", '{"type":"send_msg"}'), closed()), backends.load("chip"))
    assert finding == Finding(11, ERROR, "send_msg.text: field required")
    assert finding.told("talk.yaml") == "talk.yaml:11: error: send_msg.text: field required"
    assert Finding(0, WARNING, "why").told("talk.yaml") == "talk.yaml: warning: why"


@pytest.mark.parametrize(
    ("sender", "data", "level", "why"),
    [
        ("client", "nonsense", ERROR, "the client's frame can't be read: invalid character"),
        ("server", "[]", ERROR, "the server's frame can't be read: not a JSON object"),
        ("client", '{"type":"dance"}', ERROR, "chip knows no message 'dance' from a client"),
        ("server", '{"type":"dance"}', WARNING, "chip's document has no message 'dance' from the server"),
        ("client", '{"type":"chat_out"}', ERROR, "'chat_out' is what the server says, here the client does"),
        ("server", '{"type":"send_msg"}', ERROR, "'send_msg' is what the client says, here the server does"),
        ("server", '{"type":"chat_started","chat_id":7}', ERROR, "chat_started.chat_id: "),
        ("server", '{"type":"chat_out","msg_out":{}}', ERROR, "chat_out.msg_out."),
    ],
)
def test_frames(sender: str, data: str, level: str, why: str) -> None:
    first, *_ = of(said(sender, data))
    assert first[0] == level
    assert first[1].startswith(why)


def test_no_more_than_three_places_of_a_frame() -> None:
    assert len(of(said("server", '{"type":"chat_out","msg_out":{}}'))) == 3


def test_after_redaction_a_wrong_frame_is_a_warning() -> None:
    assert of(said("client", '{"type":"send_msg"}', redacted=True)) == [
        (WARNING, "send_msg.text: field required (redaction changed this frame)")
    ]


def test_envelopes_own_words_are_right() -> None:
    assert of(*tapes.phoenix()[1:-1], backend="aida") == []
    assert of(*tapes.gateway()[3:-1], backend="concierge")[0][1].startswith("chat-message.")
    assert found(*tapes.socketio(), backend="mia") == [
        (ERROR, "mia knows no message 'save' from a client"),
        (WARNING, "mia's document has no message 'picture' from the server"),
    ]


def test_an_ack_is_of_no_model() -> None:
    event = '421["EVENT_CLIENT_SEND_MESSAGE",{"content":"hi"}]'
    assert of(said("client", event), said("server", '431["whatever"]'), backend="mia") == []
    assert of(said("server", '431["whatever"]'), backend="mia") == [
        (ERROR, "the server's ack: it acknowledges what nobody asked for")
    ]


def test_an_answer_that_tells_of_a_failure_is_of_no_model() -> None:
    ask = said("client", '{"action":"api","data":{"route":"client/get-unread-msg-count","body":{}}}')
    answer = '{"channel":"client/get-unread-msg-count","status":%d,"body":{}}'
    assert of(ask, said("server", answer % 403), backend="concierge") == []
    [wrong] = of(ask, said("server", answer % 200), backend="concierge")
    assert wrong[0] == ERROR


def test_an_event_without_arguments() -> None:
    [wrong] = of(said("client", '42["EVENT_CLIENT_SEND_MESSAGE"]'), backend="mia")
    assert wrong == (ERROR, "EVENT_CLIENT_SEND_MESSAGE.content: field required")


def test_another_path_may_be_another_stage() -> None:
    frames: list[Entry] = [opened("/prefix/wc"), said("client", '{"type":"send_msg"}'), closed()]
    assert found(*frames) == [(WARNING, "chip has no path /prefix/wc"), (ERROR, "send_msg.text: field required")]


def test_sockets_of_another_server_are_not_looked_at() -> None:
    frames: list[Entry] = [
        opened("/elsewhere"),
        said("client", '["1","1","t","e",{}]'),
        said("client", "nonsense"),
        closed(),
    ]
    assert found(*frames) == [
        (WARNING, "chip has no path /elsewhere"),
        (WARNING, "conn 1 speaks to another server: its frames were not looked at"),
    ]


def test_without_a_backend() -> None:
    frames: list[Entry] = [opened(), said("client", "nonsense"), closed()]
    assert next(iter(check(tape(*frames)))).why.startswith("does not say which backend it is of")
    assert next(iter(check(tape(*frames, backend="mine")))).why.startswith("is of 'mine', which is no backend of ours")


def test_conns() -> None:
    assert found(said("client", '{"type":"start_chat"}'), backend="chip") == [
        (ERROR, "conn 1 speaks before it was opened")
    ]
    assert found(opened(), closed(), said("client", '{"type":"start_chat"}')) == [
        (ERROR, "conn 1 speaks after its end")
    ]
    assert found(opened(), said("client", '{"type":"start_chat"}', link=2), closed()) == [
        (ERROR, "link 2 of conn 1 speaks before it was opened")
    ]
    assert found(opened(), opened(), closed()) == [(ERROR, "conn 1 begins a second time")]
    assert found(opened(), closed(), opened(), closed()) == [(ERROR, "conn 1 begins a second time")]
    assert found(closed()) == [(ERROR, "conn 1 ends before it was opened")]
    assert found(opened(), closed(), closed()) == [(ERROR, "conn 1 ends after its end")]
    assert found(Upgraded(0.0, 1, 2, "/")) == [(ERROR, "link 2 of conn 1 is upgraded before it was opened")]
    assert found(opened(), Refused(0.0, 1, "/", (), TapedResponse(403)), closed())[0] == (
        ERROR,
        "conn 1 begins a second time",
    )
    assert found(opened()) == [(WARNING, "has no end for conn 1: it was not closed, and no recorder cut it")]


def test_links_of_a_session() -> None:
    session: list[Entry] = [opened(tapes.POLLING), Upgraded(0.5, 1, 2, "/socket.io/?EIO=4&transport=websocket&sid=x")]
    # The end of a WebSocket that the session did not go over to ends nothing.
    polled = said("server", "6", 2.0, via="polling", body=1)
    assert found(*session, said("client", "2probe", link=2), closed(link=2), polled, closed(), backend="mia") == []
    session.append(said("client", "5", link=2))
    assert found(*session, closed(link=2), polled, backend="mia") == [(ERROR, "conn 1 speaks after its end")]
    assert found(*session, closed(link=2), backend="mia") == []
    assert found(*session, closed(link=1), closed(link=2), backend="mia") == []
    assert found(*session, closed(link=1), backend="mia")[0][0] == WARNING


def test_what_recorders_say() -> None:
    beside = Beside("talk.files/1", 7, "f")
    entries: list[Entry] = [
        opened(),
        opened(conn=2),
        Lost(0.0, None, 3, "disk full"),
        Exchange(0.0, 3, 0.0, TapedRequest("PUT", "/", (), Beside(None, 7, "f")), TapedResponse(200, (), beside)),
        Exchange(0.0, 4, 0.0, TapedRequest("PUT", "/"), None),
        Cut(1.0, 1, "the recording ended"),
        Cut(1.0, None, "full"),
    ]
    assert found(*entries) == [
        (WARNING, "3 records are missing here: disk full"),
        (WARNING, "the body of the request (7 bytes) was not kept"),
        (WARNING, "not all of it: full"),
    ]


def test_a_torn_tape() -> None:
    whole = written(*tapes.chip(), backend="chip")
    findings = [*check(Tape(whole[:-10].splitlines(keepends=True), "x.yaml"), backends.load("chip"))]
    assert [finding.level for finding in findings] == [WARNING, WARNING]
    assert findings[0].line == 31
    assert findings[0].why.startswith("truncated: the last record is not whole")


def test_a_broken_tape() -> None:
    whole = written(*tapes.chip(), backend="chip").replace(b"from: server", b"from: mars", 1)
    with pytest.raises(CassetteError, match=r"x\.yaml:17: from: expected one of client, server"):
        [*check(Tape(whole.splitlines(keepends=True), "x.yaml"), backends.load("chip"))]


def test_vectors_are_there() -> None:
    assert {path.name for path in Path(VECTORS).iterdir()} == set(PATHS)

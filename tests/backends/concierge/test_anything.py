"""Whatever a client sends, under whatever settings: nothing raises, and every answer and every push fits its model."""

from __future__ import annotations

import json
from typing import Any, Literal, get_args, get_origin

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.backends.concierge.state import Settings
from simulator.core.bot import Act, End, File, HandOff, Leave, Picture, Say, Status, Stream, Typing
from simulator.core.message import Frame
from tests.backends.concierge.bucket import url_for
from tests.backends.concierge.speak import BOBS, BUCKET, CLOSED, HOST, OPEN, connected, fits, http, with_store
from tests.talk import Socket, Talk

CHOICES: dict[str, Any] = {
    name: st.sampled_from(get_args(field.annotation))
    for name, field in Settings.model_fields.items()
    if get_origin(field.annotation) is Literal and name != "connect_status"
} | {
    "stale_after": st.sampled_from([0, 1, 100]),
    "bot_delay": st.sampled_from([0, 1]),
    "kept_messages": st.integers(1, 5),
    "kept_sessions": st.integers(1, 3),
    "enforce_connection_expiry": st.booleans(),
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def mostly(*good: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(good) | st.sampled_from(good) | json_values


bodies = st.fixed_dictionaries(
    {},
    optional={
        "chatSessionId": mostly(OPEN, OPEN, CLOSED, BOBS),
        "newSession": mostly(True, False),
        "contentType": mostly("TEXT", "IMAGE", "FILE", "VIDEO"),
        "messageContent": mostly("hi", "x" * 300),
        "messageId": mostly(1, 2, "1", "2"),
        "metadata": json_values,
        "metdata": json_values,
    },
)
routes = st.sampled_from([
    "init-chat-with-concierge", "get-chat-session", "get-chat-messages", "ping-on-chat-session", "send-message",
    "send-message", "delete-message", "update-message-seen-at", "get-unread-msg-count", "end-chat-with-concierge", "x",
])  # fmt: skip
queries = st.just("") | st.builds(lambda page, limit: f"?page={page}&limit={limit}", st.integers(), st.text(max_size=3))
frames = st.builds(
    lambda route, query, body: json.dumps({"action": "api", "data": {"route": f"client/{route}{query}", "body": body}}),
    routes, queries, bodies | bodies | json_values,
)  # fmt: skip
garbage = st.text(max_size=20) | st.binary(max_size=20) | json_values.map(json.dumps)
acts = st.sampled_from([
    Say("x"), Say("x", agent="Tom Night"), Say("x", agent="nobody"), Typing(), HandOff("Tom Night"), Leave(),
    Picture("http://[x"), File("u", "t", "video/x"), Stream(["a", "b"]), End(),
    *(Status(status) for status in ("sent", "read", "delivered", "unsent", "lost")),
])  # fmt: skip
headers = st.lists(
    st.tuples(
        st.sampled_from([
            "Range", "If-Range", "If-None-Match", "Content-MD5", "Content-Length", "Content-Type", "Content-Encoding",
            "Authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-meta-a", "x-amz-acl", "Origin", "Host",
            "Access-Control-Request-Method",
        ]),
        st.text(max_size=8) | st.sampled_from([
            "bytes=0-1", "bytes=5-", "bytes=-1", "20260101T000000Z", "\udcff", "²",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/ap-southeast-1/s3/aws4_request, SignedHeaders=host, Signature=x",
        ]),
    ),
    max_size=4,
)  # fmt: skip
steps = st.one_of(
    frames, frames, frames, garbage, acts, st.sampled_from([0.5, 100.0, 601.0, 3600.0]), st.sampled_from(["open", "close"])
)  # fmt: skip


def look(socket: Socket) -> None:
    while socket.got:
        item = socket.got.popleft()
        if isinstance(item, Frame):
            fits(str(item.data))


def counted(talk: Talk) -> None:
    """Who waits for whom to see what, which nobody counts anew."""
    state: Any = talk.running.engine.rules._state  # type: ignore[attr-defined]
    for party in state.parties.values():
        rows = [msg for session in party.sessions for msg in session.messages if msg.seen is None and not msg.deleted]
        assert party.unread == {msg for msg in rows if msg.agent is not None}
        for session in party.sessions:
            assert session.unseen == {msg for msg in rows if msg.agent is None and msg.session is session}


def step(talk: Talk, sockets: list[Socket], what: object) -> None:
    if isinstance(what, float):
        talk.after(what)
    elif isinstance(what, Act):
        rules = talk.running.engine.rules
        for number in [*rules.talks()][-2:]:
            rules.objection(number, what)
            talk.act(number, what)
    elif what == "open" or not sockets[-1].open:
        sockets.append(connected(talk, f"socket {len(sockets)}", deviceId=f"{len(sockets) % 2}"))
    elif what == "close":
        sockets[-1].close()
    else:
        assert isinstance(what, str | bytes)
        sockets[-1].send(what)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({}, optional=CHOICES), st.lists(steps, max_size=25))
def test_anything_over_a_socket(chosen: dict[str, Any], script: list[object]) -> None:
    # What comes back under `echo` is the client's own.
    talk, _ = with_store(**{**chosen, "default_route": "silent"})
    sockets = [connected(talk, "first", deviceId="0")]
    for what in script:
        step(talk, sockets, what)
        for socket in sockets:
            look(socket)
        counted(talk)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH"]),
    st.sampled_from([
        f"http://{HOST}/{BUCKET}/chat-images/a.png", f"http://{HOST}/{BUCKET}", f"http://{BUCKET}.s3.localhost/a/b",
        f"http://{HOST}/uat/@connections/%ff", f"http://{HOST}/file-new/get-upload-url", f"http://{HOST}/",
        f"http://{HOST}/client/auth/authorize-tenant", "signed", "signed more",
    ]),
    headers,
    st.binary(max_size=9) | json_values.map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_anything_over_http(method: str, url: str, lines: list[tuple[str, str]], body: bytes) -> None:
    talk, _ = with_store()
    assert http(talk, "PUT", url_for(), b"there").status == 200
    if url.startswith("signed"):
        url = url_for(method) + ("&a=%ff" if url.endswith("more") else "")
    answer = http(talk, method, url, body, tuple(lines))
    assert answer.status in (200, 204, 206, 304, 400, 401, 403, 404, 405, 410, 411, 413, 416, 426, 501)
    assert not any("\n" in value for name, value in answer.headers if name != "Content-Type")

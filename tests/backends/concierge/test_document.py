"""The document's conversations, played: each of its samples comes back as printed, ids of the database included.

Only what is drawn is compared by shape: the UUID of a new session, connection ids, request ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.backends.concierge.state import Seed
from simulator.core.bot import Say, Status, Typing
from simulator.serve import seeds
from tests.backends.concierge.speak import HOST, connected, http, texts
from tests.talk import Socket, Talk

DOCUMENT = json.loads((Path(__file__).parents[3] / "fixtures/vectors/concierge/document.json").read_text())
SID = "4482e256-da14-47cc-b119-9575bbb3b6d3"

FIRST, AGAIN, *_ = [
    v["sample"] for v in DOCUMENT["events"] if v["sample"].get("channel", "").endswith("init-chat-with-concierge")
]


def of(channel: str) -> Any:
    return next(v["sample"] for v in DOCUMENT["events"] if v["sample"].get("channel", "").startswith(channel))


def request(route: str, number: int = 0) -> Any:
    found = [v["sample"] for v in DOCUMENT["commands"] if v["sample"]["data"]["route"].startswith(f"client/{route}")]
    return found[number]


def fixtures(session: Any = None, messages: list[Any] | None = None, closed: bool = False) -> dict[str, Any]:
    """The world as it is before a sample."""
    from simulator import backends

    seed: Any = seeds.load(backends.load("concierge"), None, [])
    dumped: dict[str, Any] = {**seed.model_dump(), "sessions": []}
    dumped["tenants"] = [{**FIRST["body"]["tenant"], "id": 34}]
    rows = [
        {
            "id": int(row["id"]),
            "agent": int(row["senderEntityId"]) if row["senderEntityType"] == "BACKEND_USER" else None,
            "content": row["messageContent"],
            "sent": int(row["sentAt"]),
        }
        for row in messages or []
    ]
    if session is not None:
        agent, pinged = session["chatJoinedByEntityId"], session["lastPingedByChatJoiner"]
        dumped["sessions"].append(
            {
                "id": int(session["id"]),
                "uuid": session["chatSessionId"],
                "tenant": 34,
                "pinged": int(session["lastPingedByChatInitiator"]),
                "agent": agent and int(agent),
                "agent_pinged": pinged and int(pinged),
                "closed": closed,
                "messages": rows,
            }
        )
    return dumped


def begun(settings: dict[str, Any], at: int, **world: Any) -> Talk:
    talk = Talk("concierge", now=at / 1000, settings={"bot": "none", **settings}, seeded=fixtures(**world))
    assert isinstance(talk.running.seed, Seed)
    return talk


def until(talk: Talk, at: str | int) -> None:
    talk.after(round(int(at) / 1000 - talk.clock.now(), 6))


def ids(talk: Talk, **tables: str | int) -> None:
    """The next id of a table is the sample's."""
    party: Any = talk.running.engine.rules._state.parties["34"]  # type: ignore[attr-defined]
    party._next.update({table: int(number) for table, number in tables.items()})


def arrived(talk: Talk, connection: Any) -> Socket:
    """Connected when the sample says, and once more when it says that."""
    ids(talk, link=connection["id"])
    client = connected(talk, "first", deviceId=connection["deviceId"])
    if connection["updatedAt"] != connection["createdAt"]:
        until(talk, connection["updatedAt"])
        client = connected(talk, "second", deviceId=connection["deviceId"])
    return client


def answered(client: Socket, asked: Any) -> Any:
    client.send(json.dumps(asked))
    return texts(client)[0]


def shaped(sample: Any, got: Any, **drawn: str) -> Any:
    """What was drawn has the sample's shape, and is then the sample's."""
    text = json.dumps(got)
    for path, pattern in drawn.items():
        theirs, ours = sample, got
        for step in path.split("__"):
            theirs, ours = theirs[step], ours[step]
        assert re.fullmatch(pattern, ours)
        assert re.fullmatch(pattern, theirs)
        text = text.replace(ours, theirs)
    return json.loads(text)


UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
CONNECTION = r"[\w-]{15}="


def of_a_session(asked: Any, sample: Any, **settings: Any) -> Any:
    """Sections 2 and 4: the request came when the session was pinged, but where it goes on."""
    body = sample["body"]
    talk = begun(settings, int(body["connection"]["createdAt"]), session=body["chatSession"])
    client = arrived(talk, body["connection"])
    if body["chatSession"]["lastPingedByChatInitiator"] > body["connection"]["updatedAt"]:
        until(talk, body["chatSession"]["lastPingedByChatInitiator"])
    return shaped(sample, answered(client, asked), body__connection__connectionId=CONNECTION)


def init(sample: Any, **settings: Any) -> Any:
    body = sample["body"]
    talk = begun(settings, int(body["connection"]["createdAt"]))
    client = arrived(talk, body["connection"])
    until(talk, body["chatSession"]["lastPingedByChatInitiator"])
    ids(talk, session=body["chatSession"]["id"])
    got = answered(client, request("init-chat-with-concierge"))
    return shaped(sample, got, body__chatSessionId=UUID, body__connection__connectionId=CONNECTION)


def messages(sample: Any, **settings: Any) -> Any:
    rows = sample["body"]["messages"]
    old = {**of("client/ping")["body"]["chatSession"], "chatSessionId": rows[0]["chatSessionId"]}
    talk = begun(settings, int(rows[-1]["sentAt"]), session=old, messages=rows)
    state: Any = talk.running.engine.rules._state  # type: ignore[attr-defined]
    new, _ = state.new_session(state.parties["34"], 0)
    asked = json.loads(json.dumps(request("get-chat-messages")).replace(SID, new.uuid))
    return answered(connected(talk), asked)


def send(sample: Any, **settings: Any) -> Any:
    message = sample["body"]["chatMessage"]
    session = {**of("client/end")["body"]["chatSession"], "isSessionClosed": False}
    talk = begun(settings, int(message["sentAt"]), session=session)
    ids(talk, message=message["id"])
    return answered(connected(talk), request("send-message"))


def delete(sample: Any, **settings: Any) -> Any:
    talk = begun(settings, 0, session=of("client/end")["body"]["chatSession"])
    ids(talk, message=133)
    client = connected(talk)
    answered(client, request("send-message"))
    return answered(client, request("delete-message"))


def seen(sample: Any, **settings: Any) -> Any:
    message = sample["body"]["chatMessage"]
    session = {**of("client/ping")["body"]["chatSession"], "chatSessionId": message["chatSessionId"]}
    talk = begun(settings, int(message["seenAt"]), session=session, messages=[message])
    asked = request("update-message-seen-at")
    asked = {**asked, "data": {**asked["data"], "body": {"messageId": 268, "chatSessionId": message["chatSessionId"]}}}
    return answered(connected(talk), asked)


def unread(sample: Any, **settings: Any) -> Any:
    return answered(connected(begun(settings, 0)), request("get-unread-msg-count"))


def end(sample: Any, **settings: Any) -> Any:
    session = sample["body"]["chatSession"]
    return answered(connected(begun(settings, 5_000_000, session=session)), request("end-chat-with-concierge"))


def update(sample: Any, **settings: Any) -> Any:
    row = of("chat-session-update")["payload"]["chatSession"]
    talk = begun(settings, int(row["lastPingedByChatJoiner"]), session=row)
    client = connected(talk)
    talk.act(SID, Typing())
    return shaped(sample, texts(client)[0], socketMessageId=UUID)


def new_message(sample: Any, **settings: Any) -> Any:
    message = sample["payload"]["chatMessage"]
    row = {**of("client/ping")["body"]["chatSession"], "chatSessionId": message["chatSessionId"]}
    talk = begun(settings, int(message["sentAt"]), session=row)
    ids(talk, message=message["id"])
    client = connected(talk)
    talk.act(message["chatSessionId"], Say(message["messageContent"]))
    return shaped(sample, texts(client)[0], socketMessageId=UUID)


def deleted(sample: Any, **settings: Any) -> Any:
    talk = begun(settings, 0, session=of("client/ping")["body"]["chatSession"])
    ids(talk, message=sample["payload"]["messageId"])
    client = connected(talk)
    talk.act(SID, Say("x"))
    client.got.clear()
    talk.act(SID, Status("unsent"))
    return shaped(sample, texts(client)[0], socketMessageId=UUID)


def word(sample: Any, **settings: Any) -> Any:
    client = connected(begun(settings, 0))
    client.send("x" if sample["message"] == "Forbidden" else '{"action":"api"}')
    return shaped(sample, texts(client)[0], connectionId=CONNECTION, requestId=CONNECTION)


PLAYED: list[tuple[str, Callable[..., Any]]] = [
    ("client/init", lambda sample, **settings: init(sample, **settings)),
    (
        "client/get-chat-session",
        lambda sample, **settings: of_a_session(request("get-chat-session"), sample, **settings),
    ),
    ("client/get-chat-messages", messages),
    ("client/ping", lambda sample, **settings: of_a_session(request("ping-on-chat-session"), sample, **settings)),
    ("client/send", send),
    ("client/delete", delete),
    ("client/update-message-seen-at", seen),
    ("client/get-unread", unread),
    ("client/end", end),
    ("chat-session-update", update),
    ("chat-message-delete", deleted),
    ("chat-message", new_message),
]


def play(sample: Any, settings: dict[str, Any]) -> Any:
    if "channel" not in sample:
        return word(sample, **settings)
    if sample is AGAIN:
        return of_a_session(request("init-chat-with-concierge", 1), sample, **settings)
    return next(play for start, play in PLAYED if sample["channel"].startswith(start))(sample, **settings)


@pytest.mark.parametrize(
    "vector", DOCUMENT["events"], ids=lambda v: v["sample"].get("channel") or v["sample"]["message"]
)
def test_as_printed(vector: Any) -> None:
    """Under the settings that reproduce its quirks, to the order of the keys."""
    sample = vector["sample"]
    assert json.dumps(play(sample, vector.get("settings", {}))) == json.dumps(sample)


def test_corrected_under_the_defaults() -> None:
    sent = of("client/send-message")
    message = {name.replace("metdata", "metadata"): value for name, value in sent["body"]["chatMessage"].items()}
    assert play(sent, {}) == {**sent, "body": {**sent["body"], "chatMessage": message}}
    listed = of("client/get-chat-messages")
    assert play(listed, {}) == {
        "channel": "client/get-chat-messages?page=1&limit=50",
        "status": 200,
        "body": {"messages": [], "paginate": {"per_page": 50, "offset": 0, "page": 1}},
    }


def test_the_upload_url() -> None:
    asked, sample = DOCUMENT["http"]["request"], DOCUMENT["http"]["response"]
    talk = begun({"upload_url": "amazonaws"}, 0)
    answer = http(talk, "POST", f"http://{HOST}/file-new/get-upload-url", json.dumps(asked).encode())
    got = json.loads(answer.body)
    path = "data__uploadUrlData__uploadPath"
    shape = rf"/chat-images/{UUID}\.png"
    data = shaped(sample, got, **{path: shape})["data"]["uploadUrlData"]
    theirs = sample["data"]["uploadUrlData"]
    start = theirs["uploadURL"].removesuffix("...")
    assert data["uploadURL"].startswith(start)
    assert {**data, "uploadURL": theirs["uploadURL"]} == theirs
    assert {**got, "data": sample["data"]} == sample
    assert list(data) == list(theirs)

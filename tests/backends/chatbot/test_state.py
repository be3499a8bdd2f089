"""What is set: fixtures that fit together, and the same bytes for the same seed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from simulator.backends import load
from simulator.backends.chatbot.state import Seed
from simulator.backends.chatbot.talks import iso
from simulator.core.errors import FixtureError
from simulator.serve import seeds
from tests.backends.chatbot.chats import STATES, Person, person, user
from tests.talk import Talk


def dumped() -> Any:
    return seeds.load(load("chatbot"), None, []).model_dump()


def test_the_fixtures_have_every_state() -> None:
    assert {begun["status"] for begun in dumped()["conversations"]} == {*STATES}


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("tenants.1.tenantId", "tenant-123", "is there twice"),
        ("widgets.1.widgetKey", "wk-harbour-1", "is there twice"),
        ("users.1.userId", "user-ada", "is there twice"),
        ("articles.1.articleId", "kb-password", "is there twice"),
        ("dashboards.1.dashboardId", "dash-harbour", "is there twice"),
        ("conversations.1.conversationId", "conv-456", "is there twice"),
        ("conversations.0.messages.1.messageId", "msg-ada-1", "is there twice"),
        ("conversations.2.messages.0.messageId", "msg-ada-1", "is there twice"),
        ("articles.0.tenantId", "nobody", "there is no such tenant, expected one of tenant-123, tenant-456"),
        ("dashboards.0.orgId", "org-hill", "tenant-123 has no such org, expected one of org-harbour, org-workshop"),
        ("users.0.orgs.0", "nowhere", "tenant-123 has no such org, expected one of org-harbour, org-workshop"),
        ("conversations.1.orgId", "org-hill", "tenant-123 has no such org, expected one of org-harbour, org-workshop"),
        (
            "conversations.1.chatbotId", "bot-hill",
            "tenant-123 has no widget of this chatbot, expected one of bot-harbour, bot-off, bot-workshop",
        ),
        ("conversations.1.chatbotId", "nobody", "tenant-123 has no widget of this chatbot, expected one of bot-harbour"),
        ("conversations.0.userId", "user-zoe", "tenant-123 has no such user, expected one of user-ada, user-otto"),
        ("conversations.0.userId", "nobody", "tenant-123 has no such user, expected one of user-ada, user-otto"),
        ("conversations.0.messages.0.userId", "nobody", "tenant-123 has no such user, expected one of user-ada"),
        (
            "conversations.0.assignedAgentId", "user-ada",
            "tenant-123 has no such agent or admin, expected one of agent-bob, agent-mia, admin-eve",
        ),
        ("conversations.0.status", "agent", "an agent has it: expected assignedAgentId, which says who"),
        ("conversations.0.created", "2026-01-01T00:00:00", "expected a time zone"),
        ("conversations.0.created", "soon", "expected a date and time such as"),
        ("conversations.0.created", "0001-01-01T00:00:00+01:00", "expected a year from 1 to 9998 in UTC"),
        ("conversations.0.created", "9999-12-31T23:59:59.9999Z", "expected a year from 1 to 9998 in UTC"),
        ("conversations.0.messages.0.timestamp", "0001-01-01T00:00:00+14:00", "expected a year from 1 to 9998 in UTC"),
        ("conversations.5.queuedAt", "2025-12-31T18:00:00Z", "is before created, expected 2025-12-31T19:00:00Z or"),
        ("conversations.5.agentAssignedAt", "2025-12-31T19:01:00Z", "is before queuedAt, expected 2025-12-31T19:02:00Z"),
        ("conversations.6.endedAt", "2025-12-29T10:01:30Z", "is before agentAssignedAt, expected"),
        ("settings.bot", "clever", "Input should be"),
    ],
)  # fmt: skip
def test_fixtures_that_do_not_fit(path: str, value: Any, why: str, tmp_path: Path) -> None:
    """One line, which names the file, the line, the key, and what was expected."""
    seed = dumped()
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node = seed
    for step in steps:
        node = node[step]
    node[last] = value
    file = tmp_path / "mine.yaml"
    with file.open("w") as out:
        YAML(typ="safe").dump(seed, out)
    with pytest.raises(FixtureError) as error:
        seeds.load(load("chatbot"), file, [])
    text = str(error.value)
    assert f"{path}: {why}" in text
    assert text.endswith(f"(got {value!r})")
    assert "\n" not in text
    line = int(re.fullmatch(rf"{re.escape(str(file))}:(\d+): .*", text)[1])  # type: ignore[index]
    assert str(value) in file.read_text().splitlines()[line - 1]


def test_long_lists_of_what_there_is_are_cut() -> None:
    seed = dumped()
    seed["tenants"] += [{"tenantId": f"tenant-{n}", "name": "T"} for n in range(20)]
    seed["articles"][0]["tenantId"] = "nobody"
    with pytest.raises(ValidationError, match=r"tenant-7 \.\.\."):
        Seed.model_validate(seed)
    seed["articles"] = []
    seed["tenants"][1]["orgs"], seed["dashboards"] = [], []
    seed["widgets"][2]["orgId"] = "nowhere"
    with pytest.raises(ValidationError, match=r"tenant-456 has no such org, expected one of none"):
        Seed.model_validate(seed)


def test_seeded_messages_are_read_in_the_order_of_time() -> None:
    seed = dumped()
    seed["conversations"][0]["messages"].reverse()
    started = user(Talk("chatbot", seeded=seed), "user-ada").join(conversationId="conv-456")
    assert [message["messageId"] for message in started["messages"]] == ["msg-ada-1", "msg-ada-2"]


def test_a_seed_needs_little() -> None:
    widget = {"widgetKey": "k", "chatbotId": "b", "tenantId": "t"}
    talk = Talk("chatbot", seeded={"tenants": [{"tenantId": "t", "name": "T"}], "widgets": [widget]})
    visitor = person(talk, auth={"widgetKey": "k", "chatbotId": "b"})
    assert visitor.join()["displayName"] == "AI Assistant"
    off = {**widget, "active": False}
    only: Any = Seed.model_validate({"tenants": [{"tenantId": "t", "name": "T"}], "widgets": [off]})
    assert 'widgetKey: "k"' in load("chatbot").example(only, "ws://127.0.0.1:3000/socket.io/?EIO=4")


def test_times() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(1767225600.0006) == "2026-01-01T00:00:00.001Z"


def script(seed: int, strangers: int = 0) -> list[str]:
    talk = Talk("chatbot", seed=seed)
    for number in range(strangers):
        user(talk, "user-otto").emit("join-conversation", {"sessionId": f"s-{number}"})
    visitor = Person(talk, "client", {"widgetKey": "wk-harbour-1", "chatbotId": "bot-harbour"})
    visitor.socket.send('42["join-conversation",{"sessionId":"session-123"}]')
    id = next(text for text in (str(getattr(item, "data", "")) for item in visitor.socket.got) if "conv_" in text)
    id = id.partition('"conversationId":"')[2].partition('"')[0]
    for event in ("send-message", "request-rag-response-stream", "escalate"):
        visitor.socket.send(f'42["{event}",{{"conversationId":"{id}","content":"order","query":"order"}}]')
        talk.after(20)
        visitor.socket.send("3")
    return visitor.socket.texts()


def test_a_seed_is_a_run() -> None:
    assert script(7) == script(7)
    assert script(7) != script(8)


def test_strangers_do_not_change_anybodys_ids() -> None:
    # The handshake's own sid is the wire's; what is said afterwards is the same.
    assert script(7)[2:] == script(7, strangers=3)[2:]

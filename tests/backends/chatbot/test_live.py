"""chatbot over real sockets, with socket.io-client from npm in Node: the widget's and the dashboard's flows."""

from __future__ import annotations

import json
import re
from contextlib import AsyncExitStack
from itertools import product
from typing import Any

import pytest

from simulator.backends.chatbot import jwt
from simulator.backends.chatbot.names import COMMANDS, EVENTS
from simulator.serve.clock import ManualClock
from tests.backends.chatbot import flows
from tests.backends.chatbot.chats import STATES, as_user, chat, one, token, user
from tests.backends.chatbot.served import QUICK, NpmPlayer, base, chatbot, emit, event, inside, npm, until
from tests.backends.chatbot.test_isolation import ROOMS
from tests.served import Node, admin, ask

pytestmark = [pytest.mark.live, pytest.mark.node]

roads = pytest.mark.parametrize(
    "transports", [("polling",), ("websocket",), ("polling", "websocket")], ids=["polling", "websocket", "upgrade"]
)


@roads
async def test_the_widget(transports: tuple[str, ...]) -> None:
    """Anonymous; a streamed answer in its order; escalation, a queue that falls, an agent, a rating, the end."""
    async with AsyncExitStack() as nodes, chatbot(ManualClock(), **flows.WIDGET_SETTINGS) as simulator:
        player = NpmPlayer(simulator, nodes, transports)
        for part in (flows.WIDGET_ASKS, flows.WIDGET_ESCALATES, flows.WIDGET_ENDS):
            await player.play(part)


async def test_the_dashboard() -> None:
    """A conversation appears, changes, is taken, answered, ended and closed; its history comes by REST."""
    async with AsyncExitStack() as nodes, chatbot(ManualClock(), **flows.DASHBOARD_SETTINGS) as simulator:
        player = NpmPlayer(simulator, nodes)
        for part in (flows.DASHBOARD_OPENS, flows.DASHBOARD_APPEARS, flows.DASHBOARD_CHANGES, flows.DASHBOARD_CLOSES):
            await player.play(part)
        path = f"/api/v1/ai-support/conversations/{player.kept['conv']}/messages?page=1&limit=50"
        head, raw = await ask(player.url, "GET", path, b"", f"Authorization: Bearer {token('agent-bob')}")
        assert head[0] == "HTTP/1.1 200 OK"
        assert [message["sender"] for message in json.loads(raw)["data"]["messages"]] == ["user", "agent"]


@roads
async def test_who_may_not_come_in(transports: tuple[str, ...]) -> None:
    async with chatbot() as simulator:
        for auth, code in (
            ({}, "NO_AUTH"),
            ({"token": "x.y.z"}, "AUTH_ERROR"),
            ({"token": token("user-ada", exp=1)}, "AUTH_ERROR"),
            ({"token": jwt.sign({"sub": "user-ada"}, "forged")}, "AUTH_ERROR"),
            ({"token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyLWFkYSJ9."}, "AUTH_ERROR"),
            ({"widgetKey": "x"}, "WIDGET_VALIDATION_ERROR"),
        ):
            async with npm(simulator, auth, transports) as node:
                assert (await until(node, "error"))[1]["code"] == code
                # The client does not try again: it was the server's wish.
                assert await node.event("disconnect") == ["io server disconnect", False]
    async with chatbot(auth_failure="connect_error") as simulator, npm(simulator, {}, transports) as node:
        message, data = await node.event("connect_error")
        assert (message, data["code"]) == ("401: No authentication provided", "NO_AUTH")


@roads
async def test_a_token_in_a_header_of_node(transports: tuple[str, ...]) -> None:
    headers = {"Authorization": f"Bearer {token('user-ada')}"}
    async with chatbot() as simulator, npm(simulator, {}, transports, extraHeaders=headers) as node:
        assert (await inside(node))["userId"] == "user-ada"


async def test_disconnect_is_reserved_and_callbacks_are_a_setting() -> None:
    async with chatbot(acknowledge=True) as simulator, npm(simulator) as node:
        await inside(node)
        emit(node, "disconnect")
        assert await node.event("failed") == ['"disconnect" is a reserved event name']
        node.write({"ask": ["ping"]})
        assert "timestamp" in await event(node, "pong")
        assert await node.event("acked") == [False, {"success": True}]
    async with chatbot() as simulator, npm(simulator) as node:
        await inside(node)
        node.write({"ask": ["ping"]})
        assert await node.event("acked") == [True]


SEEN: list[tuple[str, dict[str, Any], list[str]]] = [
    ("join-knowledge-room", {"tenantId": "tenant-123"}, ["knowledge-room-joined"]),
    ("join-org", {"orgId": "org-harbour"}, ["org-joined"]),
    ("subscribe-dashboard", {"dashboardId": "dash-harbour"}, ["dashboard-subscribed"]),
    ("join-conversation-list", {"tenantId": "tenant-123"}, ["joined-conversation-list"]),
    ("request-conversation-list", {}, ["conversation-list"]),
    ("search-knowledge", {"query": "password"}, ["knowledge-search-results"]),
    ("request-rag-response", {"query": "password"}, ["rag-response"]),
    ("request-ai-analysis", {"message": "hello", "analysisType": "intent"}, ["ai-analysis-result"]),
    ("ping", {}, ["pong"]),
    ("send-message", {}, ["error"]),
    ("track-activity", {"activity": "click"}, ["notification"]),
    ("join-conversation", {"conversationId": "conv-456"}, ["conversation-started", "join"]),
    ("request-conversation-summary", {}, ["conversation-summary"]),
    (
        "react-message", {"conversationId": "conv-456", "messageId": "msg-ada-2", "reaction": "like"},
        ["react-message"],
    ),
    ("escalate", {"conversationId": "conv-456"}, [
        "status-change", "conversation-update", "notification", "status-change", "conversation-update", "queue-update",
    ]),
    ("send-message", {"conversationId": "conv-456", "content": "mine"}, [
        "agent-joined", "status-change", "conversation-update", "message", "conversation-update",
    ]),
    ("end-conversation", {"conversationId": "conv-456"}, [
        "status-change", "conversation-update", "conversation-ended", "notification",
    ]),
    ("leave-org", {"orgId": "org-harbour"}, ["org-left"]),
]  # fmt: skip


def told_in_flows() -> set[str]:
    """The events that the transcripts above hold."""
    parts = {name: text for name, text in vars(flows).items() if name.startswith(("WIDGET_", "DASHBOARD_"))}
    return {name for text in parts.values() if isinstance(text, str) for name in re.findall(r'<< \["([\w-]+)"', text)}


async def test_all_server_events_are_seen_by_npms_client() -> None:
    """Each one has its trigger in a flow above or here; what is not in the transcripts is only here."""
    here = {answer for _, _, answers in SEEN for answer in answers}
    assert here | told_in_flows() == set(EVENTS)
    settings = {**QUICK, "agent_after": 60}
    async with chatbot(**settings) as simulator, npm(simulator, as_user("agent-bob")) as node:
        await inside(node)
        for name, body, answers in SEEN:
            emit(node, name, body)
            for answer in answers:
                await event(node, answer)


async def states(node: Node, *expected: str) -> None:
    """The next status-changes, whatever comes between."""
    for status in expected:
        assert (await until(node, "status-change"))[1]["status"] == status


async def started(node: Node) -> str:
    emit(node, "join-conversation", {})
    _, body = await until(node, "conversation-started")
    assert body["status"] == "new"
    return str(body["conversationId"])


async def test_all_states_and_reasons_are_seen_by_npms_client() -> None:
    async with AsyncExitStack() as nodes, chatbot(ManualClock()) as simulator:
        url = base(simulator)
        visitor, agent = [
            await nodes.enter_async_context(npm(simulator, auth)) for auth in (None, as_user("agent-bob"))
        ]

        async def after(seconds: float) -> None:
            assert (await admin(url, "POST", "clock/advance", {"seconds": seconds}))[0] == 200

        id = await started(visitor)
        emit(visitor, "send-message", {"content": "hello", "conversationId": id})
        await states(visitor, "ai")
        emit(visitor, "escalate", {"conversationId": id})
        await states(visitor, "escalated")
        await after(1)
        await states(visitor, "queued")
        await after(20)
        await states(visitor, "agent")
        emit(visitor, "end-conversation", {"conversationId": id})
        await states(visitor, "ended")
        assert (await until(visitor, "conversation-ended"))[1]["reason"] == "user_ended"
        await after(240)
        await states(visitor, "closed")

        id = await started(visitor)
        emit(agent, "end-conversation", {"conversationId": id})
        assert (await until(visitor, "conversation-ended"))[1]["reason"] == "agent_ended"
        id = await started(visitor)
        assert (await admin(url, "POST", "act", {"act": "end", "talk": id}))[0] == 200
        assert (await until(visitor, "conversation-ended"))[1]["reason"] == "resolved"
        await started(visitor)
        await after(300)
        assert (await until(visitor, "conversation-ended"))[1]["reason"] == "timeout"
    async with chatbot(bot="none") as simulator, npm(simulator) as visitor:
        emit(visitor, "send-message", {"content": "hello", "conversationId": await started(visitor)})
        await states(visitor, "active")


async def test_every_filter_is_seen_by_npms_client() -> None:
    """Alone and combined; what each one leaves is in test_lists.py, and here that it leaves the same over the wire."""
    filters: dict[str, list[Any]] = {
        "status": [None, *STATES],
        "agentId": [None, "agent-bob"],
        "startDate": [None, "2025-12-29"],
        "endDate": [None, "2025-12-31T20:00:00Z"],
    }
    bob = user(chat(), "agent-bob")
    async with chatbot(ManualClock()) as simulator, npm(simulator, as_user("agent-bob")) as node:
        for values in product(*filters.values()):
            asked = {name: value for name, value in zip(filters, values, strict=True) if value is not None}
            emit(node, "request-conversation-list", asked)
            _, listed = await until(node, "conversation-list")
            expected = one(bob.emit("request-conversation-list", asked), "conversation-list")
            # Messages of the fixtures have ids by the seed, which is the same.
            assert listed == expected


async def test_codes_are_seen_by_npms_client() -> None:
    """Each event of ROOMS, and what an agent's socket may not."""
    async with chatbot() as simulator, npm(simulator, as_user("agent-bob")) as node:
        for name, body, code in (*ROOMS, ("request-conversation-summary", {}, "NO_CONVERSATION")):
            emit(node, name, body)
            assert (await until(node, "error"))[1]["code"] == code
    for setting, after in (("silent", "pong"), ("disconnect", None)):
        async with chatbot(bad_input=setting) as simulator, npm(simulator, as_user("agent-bob")) as node:
            await inside(node)
            emit(node, "join-org", {"orgId": "org-hill"})
            if after is None:
                assert (await event(node, "error"))["code"] == "JOIN_ORG_FAILED"
                assert await node.event("disconnect") == ["io server disconnect", False]
            else:
                emit(node, "ping")
                assert "timestamp" in await event(node, after)


async def test_nonsense_leaves_everything_standing() -> None:
    """Each event with nothing, a text, a list and a stranger's object; a task that failed unseen would fail the test."""
    async with chatbot() as simulator, npm(simulator) as node, npm(simulator, as_user("agent-bob")) as other:
        await inside(node)
        await inside(other)
        for name in COMMANDS:
            if name == "disconnect":
                continue
            for args in (
                [],
                ["text"],
                [[1, [2]]],
                [{"conversationId": "conv-hill", "tenantId": "tenant-456", "x": None}],
            ):
                emit(node, name, *args)
        emit(node, "no such event", {})
        emit(node, "ping")
        emit(other, "ping")
        assert "timestamp" in await event(other, "pong")
        emit(node, "request-ai-analysis", {"message": "still here", "analysisType": "language"})
        before, _ = await until(node, "ai-analysis-result")
        assert before.count("error") > 60


async def test_idle_conversations_under_a_manual_clock() -> None:
    """Five minutes pass in no time, and nobody's connection is lost."""
    clock = ManualClock()
    async with chatbot(clock) as simulator, npm(simulator) as widget:
        await inside(widget)
        emit(widget, "join-conversation", {"sessionId": "session-123"})
        id = (await event(widget, "conversation-started"))["conversationId"]
        status, _ = await admin(base(simulator), "POST", "clock/advance", {"seconds": 300})
        assert status == 200
        assert (await event(widget, "status-change"))["status"] == "ended"
        assert await event(widget, "conversation-ended") == {"conversationId": id, "reason": "timeout"}
        await admin(base(simulator), "POST", "act", {"act": "say", "text": "hello", "talk": "conv-456"})
        emit(widget, "ping")
        assert "timestamp" in await event(widget, "pong")

"""chatbot over real sockets, with socket.io-client from npm in Node: the widget's and the dashboard's flows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.backends.chatbot.names import COMMANDS, EVENTS
from simulator.serve.clock import ManualClock
from tests.backends.chatbot.chats import as_user, token
from tests.backends.chatbot.served import QUICK, base, chatbot, emit, event, inside, npm, until
from tests.served import admin, ask

pytestmark = [pytest.mark.live, pytest.mark.node]

roads = pytest.mark.parametrize(
    "transports", [("polling",), ("websocket",), ("polling", "websocket")], ids=["polling", "websocket", "upgrade"]
)


@roads
async def test_the_widget(transports: tuple[str, ...]) -> None:
    """Anonymous; a streamed answer in its order; escalation, a queue that falls, an agent, a rating, the end."""
    async with chatbot(**QUICK) as simulator, npm(simulator, transports=transports) as widget:
        assert (await inside(widget))["message"] == "Connected to AI Support WebSocket"
        emit(widget, "join-conversation", {})
        _, started = await until(widget, "conversation-started")
        id = started["conversationId"]
        assert started["messages"][0]["content"].startswith("Hi!")

        emit(widget, "request-rag-response-stream", {"query": "Where is my order?", "context": {"conversationId": id}})
        assert (await event(widget, "status-change"))["status"] == "ai"
        assert [(await event(widget, "typing"))["isTyping"] for _ in range(2)] == [True, False]
        chunks = ""
        while True:
            name, body = await event(widget, "rag-stream-chunk", "message")
            if name == "message":
                break
            chunks += body["chunk"]
        assert body["message"]["content"] == chunks != ""
        assert await event(widget, "rag-stream-complete") == {"conversationId": id}

        emit(widget, "send-message", {"content": "refunds?", "conversationId": id})
        assert (await event(widget, "message"))["message"]["sender"] == "user"
        before, answer = await until(widget, "message")
        assert (before, answer["message"]["sender"]) == (["typing", "typing"], "ai")

        emit(widget, "escalate", {"conversationId": id})
        assert [(await event(widget, "status-change"))["status"] for _ in range(2)] == ["escalated", "queued"]
        assert [(await event(widget, "queue-update"))["position"] for _ in range(2)] == [2, 1]
        assert (await event(widget, "agent-joined"))["agentName"] == "Bob Desk"
        assert (await event(widget, "status-change"))["agentId"] == "agent-bob"
        assert (await event(widget, "message"))["message"]["sender"] == "agent"
        emit(widget, "rate", {"conversationId": id, "rating": "good"})
        emit(widget, "end-conversation", {"conversationId": id})
        assert (await event(widget, "status-change"))["status"] == "ended"
        assert await event(widget, "conversation-ended") == {"conversationId": id, "reason": "user_ended"}
        emit(widget, "disconnect-me-not")
        widget.write({"disconnect": True})
        assert await widget.event("disconnect") == ["io client disconnect", False]


async def test_the_dashboard() -> None:
    """A conversation appears, changes, is taken, answered, ended and closed; its history comes by REST."""
    settings = {**QUICK, "close_after": 0.05, "agent_after": 0}
    async with (
        chatbot(**settings) as simulator,
        npm(simulator, as_user("agent-bob")) as desk,
        npm(simulator) as widget,
    ):
        await inside(desk)
        await inside(widget)
        emit(desk, "join-conversation-list", {"tenantId": "tenant-123"})
        assert await event(desk, "joined-conversation-list") == {"tenantId": "tenant-123"}
        emit(desk, "request-conversation-list", {"status": "queued"})
        assert (await event(desk, "conversation-list"))["data"]["pagination"]["total"] == 1

        emit(widget, "join-conversation", {})
        id = (await event(widget, "conversation-started"))["conversationId"]
        assert (await event(desk, "new_conversation"))["conversation"]["conversationId"] == id
        emit(widget, "escalate", {"conversationId": id})
        states: list[str] = []
        while states[-1:] != ["queued"]:
            states.append((await event(desk, "conversation-update"))["conversation"]["status"])
        assert states == ["escalated", "queued"]
        emit(desk, "join-conversation", {"conversationId": id})
        assert (await until(desk, "conversation-started"))[1]["status"] == "queued"
        assert (await until(widget, "agent-joined"))[1]["agentId"] == "agent-bob"
        emit(desk, "send-message", {"content": "Hello, Bob here", "conversationId": id})
        assert (await until(widget, "message"))[1]["message"]["content"] == "Hello, Bob here"
        emit(desk, "end-conversation", {"conversationId": id})
        assert (await until(widget, "conversation-ended"))[1]["reason"] == "agent_ended"
        while (await until(desk, "conversation-update"))[1]["conversation"]["status"] != "closed":
            pass

        path = f"/api/v1/ai-support/conversations/{id}/messages?page=1&limit=50"
        head, raw = await ask(base(simulator), "GET", path, b"", f"Authorization: Bearer {token('agent-bob')}")
        assert head[0] == "HTTP/1.1 200 OK"
        assert [message["sender"] for message in json.loads(raw)["data"]["messages"]] == ["ai", "agent"]


@roads
async def test_who_may_not_come_in(transports: tuple[str, ...]) -> None:
    async with chatbot() as simulator:
        for auth, code in (
            ({}, "NO_AUTH"),
            ({"token": "x.y.z"}, "AUTH_ERROR"),
            ({"widgetKey": "x"}, "WIDGET_VALIDATION_ERROR"),
        ):
            async with npm(simulator, auth, transports) as node:
                assert (await until(node, "error"))[1]["code"] == code
                # The client does not try again: it was the server's wish.
                assert await node.event("disconnect") == ["io server disconnect", False]
    async with chatbot(auth_failure="connect_error") as simulator, npm(simulator, {}, transports) as node:
        message, data = await node.event("connect_error")
        assert (message, data["code"]) == ("401: No authentication provided", "NO_AUTH")


async def test_a_token_in_a_header_of_node() -> None:
    headers = {"Authorization": f"Bearer {token('user-ada')}"}
    async with chatbot() as simulator, npm(simulator, {}, extraHeaders=headers) as node:
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


async def test_all_server_events_are_seen_by_npms_client() -> None:
    """With the flows above, which have these five."""
    flows = {"connected", "typing", "new_conversation", "rag-stream-chunk", "rag-stream-complete"}
    assert {answer for _, _, answers in SEEN for answer in answers} | flows == set(EVENTS)
    settings = {**QUICK, "agent_after": 60}
    async with chatbot(**settings) as simulator, npm(simulator, as_user("agent-bob")) as node:
        await inside(node)
        for name, body, answers in SEEN:
            emit(node, name, body)
            for answer in answers:
                await event(node, answer)


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

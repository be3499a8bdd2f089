"""The real widget's and dashboard's flows as transcripts of events, played by whoever can be a client.

    widget connects {"widgetKey":...}   a socket with this `auth`
    widget >> ["typing",{...}]          this event is sent
    widget << ["typing",{...}]          the next event that came; `$conv` keeps a text, and means it later on
    widget is silent                    nothing more came
    after 1.0                           so many seconds pass; everybody is silent before
    widget leaves                       it disconnects

The engine alone, npm's socket.io-client in Node and a page in Chromium play the same lines: key order and all, what came
has to be what is written here. Where the order comes from: section 3.2 of fidelity/socketio.md.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from typing import Any

from tests.backends.chatbot.chats import as_user
from tests.talk import Talk

_START = "2026-01-01T00:00:00.000Z"
_FLAGS = '"status":{"sent":true,"delivered":true,"read":%s},"reactions":{"liked":false,"disliked":false}'
_UNREAD = _FLAGS % "false"


def _connected(user: str) -> str:
    return f'["connected",{{"message":"Connected to AI Support WebSocket","userId":"{user}","tenantId":"tenant-123","timestamp":"{_START}"}}]'


def _message(n: str, rest: str) -> str:
    return f'{{"_id":"$oid{n}","messageId":"$m{n}","conversationId":"$conv",{rest}}}'


def _said(n: str, rest: str) -> str:
    return f'["message",{{"message":{_message(n, rest)},"conversationId":"$conv"}}]'


_WELCOME = "Hi! I am the Harbour Helper. How can I help you today?"
DELIVERY = "We deliver within three working days. You find the tracking number of your order in the confirmation."
GREETING = "Hello, this is Bob Desk. How can I help you?"
_HELLO = _message(
    "0", f'"sender":"ai","senderName":"Harbour Helper","content":"{_WELCOME}","timestamp":"{_START}","color":"#7c3aed",{_UNREAD}'
)  # fmt: skip
_STREAMED = (
    f'"sender":"ai","senderName":"Harbour Helper","content":"{DELIVERY}","timestamp":"2026-01-01T00:00:00.650Z",'
    f'"color":"#7c3aed","metadata":{{"aiConfidence":0.67,"intent":"shipping"}},{_UNREAD}'
)
_GREETED = (
    f'"userId":"agent-bob","sender":"agent","senderName":"Bob Desk","content":"{GREETING}",'
    f'"timestamp":"2026-01-01T00:00:21.800Z","color":"#059669",{_UNREAD}'
)

WIDGET_SETTINGS: dict[str, Any] = {"stream_words": 6}

WIDGET_ASKS = f"""
    widget connects {{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour","keyPermissions":["chat"],"allowAnonymous":true}}
    widget << {_connected("$anon")}
    widget >> ["join-conversation",{{}}]
    widget << ["conversation-started",{{"conversationId":"$conv","messages":[{_HELLO.replace("$conv", "$same")}],"status":"new","sessionId":"$session","displayName":"Harbour Helper","welcomeMessage":"{_WELCOME}","reactions":{{"liked":false,"disliked":false}}}}]
    widget >> ["typing",{{"conversationId":"$conv","isTyping":true}}]
    widget >> ["typing",{{"conversationId":"$conv","isTyping":false}}]
    widget >> ["request-rag-response-stream",{{"query":"Where is my order?","context":{{"chatbotId":"bot-harbour","widgetKey":"wk-harbour-1","conversationId":"$conv","history":[]}}}}]
    widget << ["status-change",{{"status":"ai","conversationId":"$conv"}}]
    widget << ["typing",{{"sender":"ai","senderName":"Harbour Helper","isTyping":true,"conversationId":"$conv"}}]
    after 0.5
    widget << ["typing",{{"sender":"ai","senderName":"Harbour Helper","isTyping":false,"conversationId":"$conv"}}]
    widget << ["rag-stream-chunk",{{"conversationId":"$conv","chunk":"We deliver within three working days. "}}]
    after 0.3
    widget << ["rag-stream-chunk",{{"conversationId":"$conv","chunk":"You find the tracking number of "}}]
    widget << ["rag-stream-chunk",{{"conversationId":"$conv","chunk":"your order in the confirmation."}}]
    widget << {_said("1", _STREAMED)}
    widget << ["rag-stream-complete",{{"conversationId":"$conv"}}]
    widget >> ["react-message",{{"conversationId":"$conv","messageId":"$m1","reaction":"like"}}]
    widget << ["react-message",{{"messageId":"$m1","conversationId":"$conv","liked":true,"disliked":false}}]
"""
"""Anonymous, joins without a sessionId, asks by stream."""

WIDGET_ESCALATES = f"""
    widget >> ["escalate",{{"conversationId":"$conv","reason":"a person please"}}]
    widget << ["status-change",{{"status":"escalated","conversationId":"$conv"}}]
    after 1.0
    widget << ["status-change",{{"status":"queued","conversationId":"$conv"}}]
    widget << ["queue-update",{{"position":2,"estimatedWait":20,"conversationId":"$conv"}}]
    after 10.0
    widget << ["queue-update",{{"position":1,"estimatedWait":10,"conversationId":"$conv"}}]
    after 10.0
    widget << ["agent-joined",{{"agentName":"Bob Desk","agentId":"agent-bob","conversationId":"$conv"}}]
    widget << ["status-change",{{"status":"agent","conversationId":"$conv","agentName":"Bob Desk","agentId":"agent-bob"}}]
    widget << {_said("2", _GREETED)}
"""
"""A queue that falls, and an agent who comes and greets."""

WIDGET_ENDS = """
    widget >> ["rate",{"conversationId":"$conv","rating":"good"}]
    widget is silent
    widget >> ["end-conversation",{"conversationId":"$conv"}]
    widget << ["status-change",{"status":"ended","conversationId":"$conv"}]
    widget << ["conversation-ended",{"conversationId":"$conv","reason":"user_ended"}]
    widget leaves
"""


def _row(
    status: str, messages: str, counts: tuple[int, int, int], times: str = "", more: str = "", rating: str = ""
) -> str:
    """A conversation as lists have it."""
    total, ai, agent = counts
    return (
        f'{{"conversationId":"$conv","tenantId":"tenant-123","sessionId":"session-9","userId":"user-ada","status":"{status}"{more},'
        f'"messages":[{messages}],"metadata":{{"userAgent":"$agent","ipAddress":"127.0.0.1"}},"timestamps":{{{times}}},'
        f'"metrics":{{"messageCount":{total},"aiMessageCount":{ai},"agentMessageCount":{agent}{rating}}}}}'
    )


def _times(last: str, *more: str) -> str:
    names = ("queuedAt", "agentAssignedAt", "endedAt")
    rest = "".join(f',"{name}":"2026-01-01T00:00:{at}Z"' for name, at in zip(names, more, strict=False) if at)
    return f'"created":"{_START}","lastActivity":"2026-01-01T00:00:{last}Z"{rest}'


def _update(row: str) -> str:
    return f'desk << ["conversation-update",{{"type":"updated","conversation":{row}}}]'


def _note(kind: str, title: str, text: str, at: str, more: str = "") -> str:
    return f'desk << ["notification",{{"type":"{kind}","title":"{title}","message":"{text}","data":{{"conversationId":"$conv"{more}}},"timestamp":"2026-01-01T00:00:{at}Z"}}]'


def _ada(n: str, content: str, at: str, delivered: str = "false", read: str = "false") -> str:
    return _message(
        n,
        f'"userId":"user-ada","sender":"user","senderName":"Ada Example","content":"{content}","timestamp":"2026-01-01T00:00:{at}Z",'
        f'"color":"#2563eb","status":{{"sent":true,"delivered":{delivered},"read":{read}}},"reactions":{{"liked":false,"disliked":false}}',
    )


def _bob(n: str, content: str, at: str, read: str = "false") -> str:
    return _message(
        n,
        f'"userId":"agent-bob","sender":"agent","senderName":"Bob Desk","content":"{content}","timestamp":"2026-01-01T00:00:{at}Z",'
        f'"color":"#059669",{_FLAGS % read}',
    )


_HAS = ',"assignedAgentId":"agent-bob"'
_HELP, _YES = _ada("1", "Help!", "00.000"), _bob("2", "Hello, Bob here", "02.000")
_NEW = '{"conversationId":"conv-new","tenantId":"tenant-123","chatbotId":"bot-harbour","sessionId":"session-new","status":"new","messages":[],"metadata":{"userAgent":"Mozilla/5.0","ipAddress":"127.0.0.1"},"timestamps":{"created":"2025-12-31T23:30:00.000Z","lastActivity":"2025-12-31T23:30:00.000Z"},"metrics":{"messageCount":0,"aiMessageCount":0,"agentMessageCount":0}}'

DASHBOARD_SETTINGS: dict[str, Any] = {"bot": "none", "close_after": 5, "agent_after": 0}

DASHBOARD_OPENS = f"""
    desk connects {json.dumps(as_user("agent-bob"))}
    desk << {_connected("agent-bob")}
    desk >> ["join-conversation-list",{{"tenantId":"tenant-123"}}]
    desk << ["joined-conversation-list",{{"tenantId":"tenant-123"}}]
    desk >> ["join-org",{{"orgId":"org-harbour"}}]
    desk << ["org-joined",{{"orgId":"org-harbour","roomName":"org:org-harbour","timestamp":"{_START}"}}]
    desk >> ["subscribe-dashboard",{{"dashboardId":"dash-harbour"}}]
    desk << ["dashboard-subscribed",{{"dashboardId":"dash-harbour","timestamp":"{_START}"}}]
    desk >> ["request-conversation-list",{{"page":1,"limit":1,"status":"new"}}]
    desk << ["conversation-list",{{"success":true,"data":{{"conversations":[{_NEW}],"pagination":{{"page":1,"limit":1,"total":1,"totalPages":1}}}},"timestamp":"{_START}"}}]
"""

DASHBOARD_APPEARS = f"""
    visitor connects {json.dumps(as_user("user-ada"))}
    visitor << {_connected("user-ada")}
    visitor >> ["join-conversation",{{"sessionId":"session-9"}}]
    visitor << ["conversation-started",{{"conversationId":"$conv","messages":[],"status":"new","sessionId":"session-9","displayName":"AI Assistant","reactions":{{"liked":false,"disliked":false}}}}]
    desk << ["new_conversation",{{"conversation":{_row("new", "", (0, 0, 0), _times("00.000"))}}}]
    {_note("new-conversation", "New conversation", "Ada Example started a conversation", "00.000")}
"""

DASHBOARD_CHANGES = f"""
    visitor >> ["send-message",{{"content":"Help!","conversationId":"$conv"}}]
    visitor << ["message",{{"message":{_HELP},"conversationId":"$conv"}}]
    visitor << ["status-change",{{"status":"active","conversationId":"$conv"}}]
    {_update(_row("new", _HELP, (1, 0, 0), _times("00.000")))}
    {_update(_row("active", _HELP, (1, 0, 0), _times("00.000")))}
    after 1.0
    visitor >> ["escalate",{{"conversationId":"$conv"}}]
    visitor << ["status-change",{{"status":"escalated","conversationId":"$conv"}}]
    {_update(_row("escalated", _HELP, (1, 0, 0), _times("01.000")))}
    {_note("escalation", "Conversation escalated", "Ada Example asks for help", "01.000")}
    after 1.0
    visitor << ["status-change",{{"status":"queued","conversationId":"$conv"}}]
    visitor << ["queue-update",{{"position":2,"estimatedWait":0,"conversationId":"$conv"}}]
    {_update(_row("queued", _HELP, (1, 0, 0), _times("02.000", "02.000")))}
    desk >> ["join-conversation",{{"conversationId":"$conv"}}]
    desk << ["conversation-started",{{"conversationId":"$conv","messages":[{_HELP}],"status":"queued","sessionId":"session-9","displayName":"AI Assistant","reactions":{{"liked":false,"disliked":false}}}}]
    desk << ["join",{{"message":"Welcome back!","conversationId":"$conv","displayName":"AI Assistant","reactions":{{"liked":false,"disliked":false}}}}]
    desk << ["agent-joined",{{"agentName":"Bob Desk","agentId":"agent-bob","conversationId":"$conv"}}]
    desk << ["status-change",{{"status":"agent","conversationId":"$conv","agentName":"Bob Desk","agentId":"agent-bob"}}]
    {_update(_row("agent", _HELP, (1, 0, 0), _times("02.000", "02.000", "02.000"), _HAS, ',"queueTimeSeconds":0'))}
    visitor << ["agent-joined",{{"agentName":"Bob Desk","agentId":"agent-bob","conversationId":"$conv"}}]
    visitor << ["status-change",{{"status":"agent","conversationId":"$conv","agentName":"Bob Desk","agentId":"agent-bob"}}]
    desk >> ["typing",{{"conversationId":"$conv","isTyping":true}}]
    visitor << ["typing",{{"sender":"agent","senderName":"Bob Desk","isTyping":true,"conversationId":"$conv"}}]
    desk >> ["send-message",{{"content":"Hello, Bob here","conversationId":"$conv"}}]
    desk << ["message",{{"message":{_YES},"conversationId":"$conv"}}]
    {_update(_row("agent", _YES, (2, 0, 1), _times("02.000", "02.000", "02.000"), _HAS, ',"queueTimeSeconds":0'))}
    visitor << ["message",{{"message":{_YES},"conversationId":"$conv"}}]
"""

DASHBOARD_CLOSES = f"""
    after 1.0
    desk >> ["end-conversation",{{"conversationId":"$conv"}}]
    desk << ["status-change",{{"status":"ended","conversationId":"$conv"}}]
    {_update(_row("ended", _YES, (2, 0, 1), _times("03.000", "02.000", "02.000", "03.000"), _HAS, ',"queueTimeSeconds":0,"handleTimeSeconds":1'))}
    desk << ["conversation-ended",{{"conversationId":"$conv","reason":"agent_ended"}}]
    {_note("conversation-ended", "Conversation ended", "agent_ended", "03.000")}
    visitor << ["status-change",{{"status":"ended","conversationId":"$conv"}}]
    visitor << ["conversation-ended",{{"conversationId":"$conv","reason":"agent_ended"}}]
    after 5
    desk << ["status-change",{{"status":"closed","conversationId":"$conv"}}]
    {_update(_row("closed", _YES, (2, 0, 1), _times("03.000", "02.000", "02.000", "03.000"), _HAS, ',"queueTimeSeconds":0,"handleTimeSeconds":1'))}
    visitor << ["status-change",{{"status":"closed","conversationId":"$conv"}}]
    visitor leaves
    desk leaves
"""


class Player(ABC):
    """Plays transcripts; what `$names` have kept stays from one to the next."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.people: list[str] = []

    @abstractmethod
    async def connect(self, who: str, auth: Any) -> None:
        """A socket with this auth."""

    @abstractmethod
    async def emit(self, who: str, event: list[Any]) -> None:
        """Name and arguments of an event to the server."""

    @abstractmethod
    async def next(self, who: str) -> list[Any]:
        """Name and arguments of the next event from it."""

    @abstractmethod
    async def silent(self, who: str) -> None:
        """Fails where something came that nobody has looked at."""

    @abstractmethod
    async def after(self, seconds: float) -> None:
        """Time passes."""

    @abstractmethod
    async def leave(self, who: str) -> None:
        """Disconnects."""

    async def play(self, transcript: str) -> None:
        """Line for line; at the end everybody is silent."""
        for line in filter(None, map(str.strip, transcript.splitlines())):
            await self._line(line)
        await self._all_silent()

    async def _all_silent(self) -> None:
        for who in self.people:
            await self.silent(who)

    async def _line(self, line: str) -> None:
        match line.split(" ", 2):
            case ["after", seconds]:
                await self._all_silent()
                await self.after(float(seconds))
            case [who, "connects", auth]:
                self.people.append(who)
                await self.connect(who, json.loads(auth))
            case [who, ">>", event]:
                await self.emit(who, json.loads(self._filled(event)))
            case [who, "<<", event]:
                self._expect(await self.next(who), event)
            case [who, "is", "silent"]:
                await self.silent(who)
            case [who, "leaves"]:
                self.people.remove(who)
                await self.leave(who)
            case _:
                raise AssertionError(f"not a line of a transcript: {line}")

    def _filled(self, text: str) -> str:
        return re.sub(r"\$(\w+)", lambda name: self.kept.get(name[1], name[0]), text)

    def _expect(self, event: list[Any], expected: str) -> None:
        got = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        filled = self._filled(expected)
        seen: set[str] = set()

        def kept(found: re.Match[str]) -> str:
            first = found[1] not in seen
            seen.add(found[1])
            return f'(?P<{found[1]}>[^"]*?)' if first else f"(?P={found[1]})"

        pattern = re.sub(r"\\\$(\w+)", kept, re.escape(filled))
        match = re.fullmatch(pattern, got)
        assert match is not None, f"\n expected {filled}\n      got {got}"
        self.kept.update(match.groupdict())


class Alone(Player):
    """Plays against the engine, without a network: frames, byte for byte."""

    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self.talk = talk

    async def connect(self, who: str, auth: Any) -> None:
        socket = self.talk.connect(who)
        socket.send(f"40{json.dumps(auth)}")
        opened, connect = (str(getattr(socket.got.popleft(), "data", "")) for _ in range(2))
        assert opened.startswith('0{"sid":'), opened
        assert re.fullmatch(r'40\{"sid":"[^"]+"\}', connect), connect

    async def emit(self, who: str, event: list[Any]) -> None:
        self.talk.sockets[who].send(f"42{json.dumps(event)}")

    async def next(self, who: str) -> list[Any]:
        got = self.talk.sockets[who].got
        assert got, "nothing came"
        text = str(getattr(got.popleft(), "data", ""))
        event = json.loads(text.removeprefix("42"))
        assert text == f"42{json.dumps(event, separators=(',', ':'), ensure_ascii=False)}"
        return list(event)

    async def silent(self, who: str) -> None:
        assert not self.talk.sockets[who].got, (who, self.talk.sockets[who].got)

    async def after(self, seconds: float) -> None:
        self.talk.after(seconds)

    async def leave(self, who: str) -> None:
        self.talk.sockets[who].send("41")

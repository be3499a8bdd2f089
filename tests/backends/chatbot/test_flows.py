"""The real widget's and dashboard's flows as transcripts: the order of their events, byte for byte where ids allow it."""

from __future__ import annotations

from tests.backends.chatbot.chats import chat, token

OPEN = '0{"sid":"$eio","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'


def message(n: str, rest: str) -> str:
    return f'42["message",{{"message":{{"_id":"$oid{n}","messageId":"$m{n}","conversationId":"$conv",{rest}}},"conversationId":"$conv"}}]'


def test_the_widget() -> None:
    """Anonymous, joins without a sessionId, asks by stream; escalates, waits, is served, rates, ends."""
    flags = '"status":{"sent":true,"delivered":true,"read":false},"reactions":{"liked":false,"disliked":false}'
    streamed = (
        '"sender":"ai","senderName":"Harbour Helper","content":"We deliver within three working days. You find the tracking number of '
        'your order in the confirmation.","timestamp":"2026-01-01T00:00:00.800Z","color":"#7c3aed","metadata":{"aiConfidence":0.67,'
        f'"intent":"shipping"}},{flags}'
    )
    greeting = (
        '"userId":"agent-bob","sender":"agent","senderName":"Bob Desk","content":"Hello, this is Bob Desk. How can I help you?",'
        f'"timestamp":"2026-01-01T00:00:21.800Z","color":"#059669",{flags}'
    )
    chat(agent_after=10, stream_words=6).play(f"""
        client connects
        client >> 40{{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour","keyPermissions":["chat"],"allowAnonymous":true}}
        server << {OPEN}
        server << 40{{"sid":"$sid"}}
        server << 42["connected",{{"message":"Connected to AI Support WebSocket","userId":"$anon","tenantId":"tenant-123","timestamp":"2026-01-01T00:00:00.000Z"}}]
        client >> 42["join-conversation",{{}}]
        server << 42["conversation-started",{{"conversationId":"$conv","messages":[{{"_id":"$oid0","messageId":"$m0","conversationId":"$conv0","sender":"ai","senderName":"Harbour Helper","content":"Hi! I am the Harbour Helper. How can I help you today?","timestamp":"2026-01-01T00:00:00.000Z","color":"#7c3aed",{flags}}}],"status":"new","sessionId":"$session","displayName":"Harbour Helper","welcomeMessage":"Hi! I am the Harbour Helper. How can I help you today?","reactions":{{"liked":false,"disliked":false}}}}]
        client >> 42["typing",{{"conversationId":"$conv","isTyping":true}}]
        client >> 42["typing",{{"conversationId":"$conv","isTyping":false}}]
        client >> 42["request-rag-response-stream",{{"query":"Where is my order?","context":{{"chatbotId":"bot-harbour","widgetKey":"wk-harbour-1","conversationId":"$conv","history":[]}}}}]
        server << 42["status-change",{{"status":"ai","conversationId":"$conv"}}]
        server << 42["typing",{{"sender":"ai","senderName":"Harbour Helper","isTyping":true,"conversationId":"$conv"}}]
        client is silent
        after 0.5
        server << 42["typing",{{"sender":"ai","senderName":"Harbour Helper","isTyping":false,"conversationId":"$conv"}}]
        server << 42["rag-stream-chunk",{{"conversationId":"$conv","chunk":"We deliver within three working days. "}}]
        after 0.3
        server << 42["rag-stream-chunk",{{"conversationId":"$conv","chunk":"You find the tracking number of "}}]
        server << 42["rag-stream-chunk",{{"conversationId":"$conv","chunk":"your order in the confirmation."}}]
        server << {message("1", streamed.replace("00.800Z", "00.650Z"))}
        server << 42["rag-stream-complete",{{"conversationId":"$conv"}}]
        client >> 42["react-message",{{"conversationId":"$conv","messageId":"$m1","reaction":"like"}}]
        server << 42["react-message",{{"messageId":"$m1","conversationId":"$conv","liked":true,"disliked":false}}]
        client >> 42["escalate",{{"conversationId":"$conv"}}]
        server << 42["status-change",{{"status":"escalated","conversationId":"$conv"}}]
        after 1.0
        server << 42["status-change",{{"status":"queued","conversationId":"$conv"}}]
        server << 42["queue-update",{{"position":2,"estimatedWait":20,"conversationId":"$conv"}}]
        after 10.0
        server << 42["queue-update",{{"position":1,"estimatedWait":10,"conversationId":"$conv"}}]
        after 10.0
        server << 42["agent-joined",{{"agentName":"Bob Desk","agentId":"agent-bob","conversationId":"$conv"}}]
        server << 42["status-change",{{"status":"agent","conversationId":"$conv","agentName":"Bob Desk","agentId":"agent-bob"}}]
        server << {message("2", greeting)}
        client >> 42["rate",{{"conversationId":"$conv","rating":"good"}}]
        client is silent
        client >> 42["end-conversation",{{"conversationId":"$conv"}}]
        server << 42["status-change",{{"status":"ended","conversationId":"$conv"}}]
        server << 42["conversation-ended",{{"conversationId":"$conv","reason":"user_ended"}}]
        client >> 41
    """)


def test_the_dashboard() -> None:
    """An agent's list: a conversation appears, changes and closes."""
    talk = chat(bot="none", close_after=5, agent_after=0)
    talk.play(f"""
        desk connects
        desk >> 40{{"token":"{token("agent-bob")}"}}
        desk << {OPEN}
        desk << 40{{"sid":"$sid"}}
        desk << 42["connected",{{"message":"Connected to AI Support WebSocket","userId":"agent-bob","tenantId":"tenant-123","timestamp":"2026-01-01T00:00:00.000Z"}}]
        desk >> 42["join-conversation-list",{{"tenantId":"tenant-123"}}]
        desk << 42["joined-conversation-list",{{"tenantId":"tenant-123"}}]
        desk >> 42["join-org",{{"orgId":"org-harbour"}}]
        desk << 42["org-joined",{{"orgId":"org-harbour","roomName":"org:org-harbour","timestamp":"2026-01-01T00:00:00.000Z"}}]
        desk >> 42["subscribe-dashboard",{{"dashboardId":"dash-harbour"}}]
        desk << 42["dashboard-subscribed",{{"dashboardId":"dash-harbour","timestamp":"2026-01-01T00:00:00.000Z"}}]
        desk >> 42["request-conversation-list",{{"page":1,"limit":1,"status":"new"}}]
        desk << 42["conversation-list",{{"success":true,"data":{{"conversations":[{{"conversationId":"conv-new","tenantId":"tenant-123","chatbotId":"bot-harbour","sessionId":"session-new","status":"new","messages":[],"metadata":{{"userAgent":"Mozilla/5.0","ipAddress":"127.0.0.1"}},"timestamps":{{"created":"2025-12-31T23:30:00.000Z","lastActivity":"2025-12-31T23:30:00.000Z"}},"metrics":{{"messageCount":0,"aiMessageCount":0,"agentMessageCount":0}}}}],"pagination":{{"page":1,"limit":1,"total":1,"totalPages":1}}}},"timestamp":"2026-01-01T00:00:00.000Z"}}]
        visitor connects
        visitor >> 40{{"token":"{token("user-ada")}"}}
        visitor << {OPEN.replace("$eio", "$eio2")}
        visitor << 40{{"sid":"$sid2"}}
        visitor << 42["connected",{{"message":"Connected to AI Support WebSocket","userId":"user-ada","tenantId":"tenant-123","timestamp":"2026-01-01T00:00:00.000Z"}}]
        visitor >> 42["join-conversation",{{"sessionId":"session-9"}}]
        visitor << 42["conversation-started",{{"conversationId":"$conv","messages":[],"status":"new","sessionId":"session-9","displayName":"AI Assistant","reactions":{{"liked":false,"disliked":false}}}}]
        desk << 42["new_conversation",{{"conversation":{{"conversationId":"$conv","tenantId":"tenant-123","sessionId":"session-9","userId":"user-ada","status":"new","messages":[],"metadata":{{"userAgent":"","ipAddress":"127.0.0.1"}},"timestamps":{{"created":"2026-01-01T00:00:00.000Z","lastActivity":"2026-01-01T00:00:00.000Z"}},"metrics":{{"messageCount":0,"aiMessageCount":0,"agentMessageCount":0}}}}}}]
        desk << 42["notification",{{"type":"new-conversation","title":"New conversation","message":"Ada Example started a conversation","data":{{"conversationId":"$conv"}},"timestamp":"2026-01-01T00:00:00.000Z"}}]
        visitor >> 42["end-conversation",{{"conversationId":"$conv"}}]
        visitor << 42["status-change",{{"status":"ended","conversationId":"$conv"}}]
        visitor << 42["conversation-ended",{{"conversationId":"$conv","reason":"user_ended"}}]
        desk << 42["conversation-update",{{"type":"updated","conversation":{{"conversationId":"$conv","tenantId":"tenant-123","sessionId":"session-9","userId":"user-ada","status":"ended","messages":[],"metadata":{{"userAgent":"","ipAddress":"127.0.0.1"}},"timestamps":{{"created":"2026-01-01T00:00:00.000Z","lastActivity":"2026-01-01T00:00:00.000Z","endedAt":"2026-01-01T00:00:00.000Z"}},"metrics":{{"messageCount":0,"aiMessageCount":0,"agentMessageCount":0}}}}}}]
        desk << 42["notification",{{"type":"conversation-ended","title":"Conversation ended","message":"user_ended","data":{{"conversationId":"$conv"}},"timestamp":"2026-01-01T00:00:00.000Z"}}]
        after 5
        visitor << 42["status-change",{{"status":"closed","conversationId":"$conv"}}]
        desk << 42["conversation-update",{{"type":"updated","conversation":{{"conversationId":"$conv","tenantId":"tenant-123","sessionId":"session-9","userId":"user-ada","status":"closed","messages":[],"metadata":{{"userAgent":"","ipAddress":"127.0.0.1"}},"timestamps":{{"created":"2026-01-01T00:00:00.000Z","lastActivity":"2026-01-01T00:00:00.000Z","endedAt":"2026-01-01T00:00:00.000Z"}},"metrics":{{"messageCount":0,"aiMessageCount":0,"agentMessageCount":0}}}}}}]
    """)

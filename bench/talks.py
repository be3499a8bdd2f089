"""What the load generators say: texts alone, whatever carries them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SIZE = 150
"""Bytes of a text message."""


def _filled(before: str, after: str) -> bytes:
    return (before + "lorem ipsum " * 20)[: SIZE - len(after)].encode() + after.encode()


def between(text: bytes, before: bytes, after: bytes) -> bytes:
    """The first piece of a text that stands between these two. Raises ValueError."""
    start = text.index(before) + len(before)
    return text[start : text.index(after, start)]


@dataclass(slots=True, frozen=True)
class Step:
    """What is said once before the clock starts."""

    say: Callable[[bytes], bytes] | bytes
    """Can be made of the message that the step before had waited for."""
    until: bytes
    """It is over when a message that has this in it has come."""


@dataclass(slots=True, frozen=True)
class Talk:
    """What each connection says again and again."""

    ask: Callable[[bytes], bytes] | bytes
    """Answered by one message. Made of what the last step had waited for."""
    steps: tuple[Step, ...] = ()
    ack: Callable[[bytes], bytes] | None = None
    """What follows an answer and is not answered itself."""
    frames: int = 2
    """Messages of a round, in and out of the server: the question, its answer, and what follows it."""


def _acknowledged(answer: bytes) -> bytes:
    return b'{"type":"ack_chat","msg_id":' + between(answer, b'"id":', b",") + b"}"


# ---- chip ----

_SEND = _filled('{"type":"send_msg","text":"', '"}')
_START = (Step(b'{"type":"start_chat"}', b"chat_started"),)
_OLD = "65vbbDAQCdPdEWlEhDGy4utO"
"""A chat of `fixtures/chip.yaml` that anybody can resume."""
_RESUME = (Step(b'{"type":"start_chat","chat_id":"%b"}' % _OLD.encode(), b"chat_resumed"),)
_HISTORY = b'{"type":"get_history","before":"2099-06-01T12:00:00Z"}'

# ---- aida ----

_BOT = b"bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"
_AIDA = (
    Step(b'["1","1","%b","phx_join",{"access_token":"harbour-web-token"}]' % _BOT, b"phx_reply"),
    Step(b'["1","2","%b","new_session",{}]' % _BOT, b'"session"'),
)


def _put_data(reply: bytes) -> bytes:
    session = between(reply, b'"session":"', b'"').decode()
    head = f'["1","3","{_BOT.decode()}","put_data",{{"session":"{session}","data":{{"a":"'
    return _filled(head, '"}}]')


# ---- concierge ----

_CONCIERGE = (
    Step(b'{"action":"api","data":{"route":"client/init-chat-with-concierge","body":{"newSession":true}}}', b"status"),
)


def _ping_on(answer: bytes) -> bytes:
    session = between(answer, b'"chatSessionId":"', b'"')
    return (
        b'{"action":"api","data":{"route":"client/ping-on-chat-session","body":{"chatSessionId":"' + session + b'"}}}'
    )


# ---- Socket.IO ----

_CONNECT = (Step(b"40", b'40{"sid"'),)
_ECHO_SIO = (Step(b"40", b'42["auth"'),)
_MIA = (
    Step(b'40{"instance":{"chatId":"garden-homes","token":"garden-web-token"}}', b"EVENT_SERVER_INIT_MESSAGE_LIST"),
)
_CHATBOT = (
    Step(b'40{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour"}', b'"connected"'),
    Step(b'42["join-conversation",{}]', b'"conversation-started"'),
)


def _send_message(started: bytes) -> bytes:
    conversation = between(started, b'"conversationId":"', b'"').decode()
    return _filled(f'42["send-message",{{"conversationId":"{conversation}","content":"', '"}]')


TALKS = {
    "echo": Talk(_SEND),
    "chat": Talk(_SEND, _START, _acknowledged, frames=3),
    "history": Talk(_HISTORY, _START),
    "old history": Talk(_HISTORY, _RESUME),
    "put_data": Talk(_put_data, _AIDA),
    "ping route": Talk(_ping_on, _CONCIERGE),
    "socketio": Talk(_filled('42["message","', '"]'), _ECHO_SIO),
    # Of a server that says no more than 40 when somebody comes.
    "socketio, no auth": Talk(_filled('42["message","', '"]'), _CONNECT),
    "mia": Talk(_filled('42["EVENT_CLIENT_SEND_MESSAGE",{"content":"', '"}]'), _MIA),
    # The first message makes the conversation active, which is told.
    "chatbot": Talk(_send_message, (*_CHATBOT, Step(_send_message, b'"status-change"'))),
    # For those who stay and are silent: as far as a client goes before somebody types.
    "idle": Talk(b""),
    "idle chat": Talk(b"", _START),
    "idle socketio": Talk(b"", _CONNECT),
    "idle mia": Talk(b"", _MIA),
}

"""One client of each backend over a raw socket, in a talk, for tests of what an operator sees of it and does to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from simulator import backends
from simulator.serve.app import Options, Server
from simulator.serve.clock import ManualClock
from tests.backends.aida.test_rules import H
from tests.backends.chatbot.chats import HARBOUR
from tests.backends.mia.chats import GARDEN
from tests.served import SECONDS

TOPIC, TOKEN = f"bot:{H}", "harbour-web-token"
NAMES = ("chip", "concierge", "aida", "mia", "chatbot")


def all_five(**options: Any) -> Server:
    """A Server of all backends, whose clock stands still and whose bots are silent."""
    return Server(Options(backends.names(), port=0, seed=7, clock=ManualClock(), **options))


class Client:
    """One client, and the talk it is in."""

    def __init__(self, backend: str, socket: ClientConnection) -> None:
        self.backend = backend
        self.socket = socket
        self.talk = ""

    async def send(self, text: str) -> None:
        await self.socket.send(text)

    async def next(self) -> str:
        async with asyncio.timeout(SECONDS):
            return str(await self.socket.recv())

    async def until(self, part: str) -> str:
        """The next frame that has this in it."""
        while part not in (text := await self.next()):
            pass
        return text


def says(backend: str, talk: str, text: Any) -> str:
    """A client's frame that says something there, of whatever type the text is."""
    body: dict[str, Any]
    match backend:
        case "chip":
            return json.dumps({"type": "send_msg", "text": text})
        case "concierge":
            body = {"chatSessionId": talk, "contentType": "TEXT", "messageContent": text}
            return json.dumps({"action": "api", "data": {"route": "client/send-message", "body": body}})
        case "aida":
            return json.dumps(["1", "9", TOPIC, "utb_msg", {"session": talk, "text": text}])
        case "mia":
            return f"42{json.dumps(['EVENT_CLIENT_SEND_MESSAGE', {'content': text}])}"
    return f"42{json.dumps(['send-message', {'conversationId': talk, 'content': text}])}"


@asynccontextmanager
async def client(simulator: Server, backend: str, space: str = "") -> AsyncIterator[Client]:
    """One that is in a talk of its own."""
    async with connect(simulator.connect(backend, space), proxy=None) as socket:
        who = Client(backend, socket)
        match backend:
            case "chip":
                await who.send('{"type":"start_chat"}')
                who.talk = json.loads(await who.next())["chat_id"]
            case "concierge":
                body = {"newSession": True}
                data = {"route": "client/init-chat-with-concierge", "body": body}
                await who.send(json.dumps({"action": "api", "data": data}))
                who.talk = json.loads(await who.next())["body"]["chatSessionId"]
                await who.until("chat-session-update")
            case "aida":
                await who.send(json.dumps(["1", "1", TOPIC, "phx_join", {"access_token": TOKEN}]))
                await who.until("phx_reply")
                await who.send(json.dumps(["1", "2", TOPIC, "new_session", {}]))
                who.talk = json.loads(await who.until("phx_reply"))[4]["response"]["session"]
            case "mia":
                await who.send(f"40{json.dumps({'instance': GARDEN})}")
                await who.until("40{")
                who.talk = json.loads((await who.until("EVENT_INIT_ROOM"))[2:])[1]["roomId"]
                await who.until("EVENT_SERVER_INIT_MESSAGE_LIST")
            case _:
                await who.send(f"40{json.dumps(HARBOUR)}")
                await who.until("40{")
                await who.send('42["join-conversation",{}]')
                who.talk = json.loads((await who.until("conversation-started"))[2:])[1]["conversationId"]
        yield who

"""Those who chat as they should: what each says has to be answered exactly once, in order, under ids of its own."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.backends.chatbot.chats import HARBOUR
from tests.backends.mia.chats import GARDEN
from tests.serve.clients import TOKEN, TOPIC, says
from tests.soak.client import Client
from tests.soak.http import Http

NAMES = ("aida", "chatbot", "chip", "concierge", "mia")

_IDS = {
    "chip": re.compile(r'"msg_out":\{"id":(\d+)'),
    "mia": re.compile(r'"EVENT_SERVER_SEND_MESSAGE",\{"id":"([^"]+)"'),
    "chatbot": re.compile(r'"messageId":"([^"]+)"'),
    "concierge": re.compile(r'"chatMessage":\{"id":"(\d+)"'),
    "aida": re.compile(r"(?!)"),
}
"""Of a message in a frame of the server; aida's have none."""


class Wrong(Exception):
    """The server said what it should not, or did not what it should."""


def url_in(url: str, space: str) -> str:
    """The same in a space."""
    if not space:
        return url
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}/~space/{space}/{path}"


class Lost(Wrong):
    """The server does not know the session of one who polls any more."""


class Person:
    """One in a talk of its own, whatever carries it."""

    def __init__(
        self, backend: str, carrier: Client | Poller, who: str, waited: Callable[[float], None] | None = None
    ) -> None:
        self.backend = backend
        self.carrier = carrier
        self.who = who
        self.talk = ""
        self.said = 0
        self.answered = 0
        self.ids: set[str] = set()
        self.left = False
        """Whether it has come to an orderly end."""
        self.bounded = False
        """Whether answers may be missing, by a bound of the backend; none may come twice or late."""
        self.missed = 0
        self._waited = waited
        self._asked: list[float] = []

    async def enter(self) -> None:
        """Come in."""
        send, until = self.carrier.send, self.carrier.until
        match self.backend:
            case "chip":
                send('{"type":"start_chat"}')
                self.talk = json.loads(await until("chat_id"))["chat_id"]
            case "concierge":
                data = {"route": "client/init-chat-with-concierge", "body": {"newSession": True}}
                send(json.dumps({"action": "api", "data": data}))
                answer = json.loads(await until('"channel":"client/init-chat-with-concierge"'))
                self.talk = answer["body"]["chatSessionId"]
            case "aida":
                send(json.dumps(["1", "1", TOPIC, "phx_join", {"access_token": TOKEN}]))
                await until("phx_reply")
                send(json.dumps(["1", "2", TOPIC, "new_session", {}]))
                self.talk = json.loads(await until('"response":{"session"'))[4]["response"]["session"]
            case "mia":
                send(f"40{json.dumps({'instance': GARDEN})}")
                self.talk = json.loads((await until("EVENT_INIT_ROOM"))[2:])[1]["roomId"]
                await until("EVENT_SERVER_INIT_MESSAGE_LIST")
            case _:
                send(f"40{json.dumps(HARBOUR)}")
                await until("40{")
                send('42["join-conversation",{}]')
                self.talk = json.loads((await until("conversation-started"))[2:])[1]["conversationId"]

    def say(self, length: int = 0) -> None:
        """Something that nobody has said before, of at least so many characters."""
        self.said += 1
        if self._waited is not None:
            self._asked.append(time.monotonic())
        self.carrier.send(says(self.backend, self.talk, self._text(self.said, length)))

    async def hear(self, word: str = "You said: ", loose: bool = False) -> None:
        """The next answer. Raises Wrong, where not `loose`."""
        while True:
            text = await self.carrier.next()
            if self.look(text, word, loose):
                return

    def look(self, text: str, word: str = "You said: ", loose: bool = False) -> bool:
        """Whether this frame is the next answer. Raises Wrong for one that is another's, a second one, or too early."""
        found = text.find(f"{word}{self.who}-")
        if found < 0:
            return False
        number = int(re.match(r"\d+", text[found + len(word) + len(self.who) + 1 :])[0])  # type: ignore[index]
        if self.bounded and number > self.answered + 1:
            self.missed += number - self.answered - 1
        elif number != self.answered + 1 and not loose:
            raise Wrong(
                f"{self.backend}: expected the answer to {self.answered + 1}, got that to {number}: {text[:300]}"
            )
        self.answered = max(self.answered, number)
        if self._waited is not None:
            self._waited(time.monotonic() - self._asked.pop(0))
        id = _IDS[self.backend].search(text)
        if id is not None:
            if id[1] in self.ids and not loose:
                raise Wrong(f"{self.backend}: the id {id[1]} came twice")
            self.ids.add(id[1])
            if self.backend == "chip":
                self.carrier.send(f'{{"type":"ack_chat","msg_id":{id[1]}}}')
        return True

    def settled(self, left: list[str]) -> None:
        """At the end: nothing is missing, and nothing came behind the last answer. Raises Wrong."""
        for text in left:
            self.look(text)
        if self.answered != self.said:
            raise Wrong(f"{self.backend}: {self.said - self.answered} of {self.said} messages were not answered")

    def _text(self, number: int, length: int) -> str:
        # No digit behind the number.
        return f"{self.who}-{number} {'.' * max(length, number % 50)}"


class Poller:
    """Engine.IO's or Phoenix's polls, with the face of a WebSocket."""

    def __init__(self, http: Http, backend: str) -> None:
        self.http = http
        self._phoenix = backend == "aida"
        self._path = "/socket/longpoll?vsn=2.0.0" if self._phoenix else "/socket.io/?EIO=4&transport=polling"
        self._texts: list[str] = []
        self._out: list[str] = []
        self.sid = ""
        self.sent = self.got = 0
        """Bodies, as the server's journal has them."""

    async def open(self) -> None:
        """Begin a session."""
        body = await self._get()
        told = json.loads(body if self._phoenix else body[1:])
        self.sid = told["token" if self._phoenix else "sid"]
        self._path += f"&{'token' if self._phoenix else 'sid'}={self.sid}"

    def send(self, text: str) -> None:
        """It leaves before the next poll."""
        self._out.append(text)

    async def flush(self) -> None:
        """Post what is to be sent."""
        if not self._out:
            return
        out, self._out = self._out, []
        kind = "text/plain;charset=UTF-8"
        body = "\x1e".join(out)
        if self._phoenix:
            kind = "application/x-ndjson" if len(out) > 1 else "application/json"
            body = "\n".join(out)
        self.sent += 1
        status, answer = await self.http.ask("POST", self._path, body.encode(), f"Content-Type: {kind}")
        self.got += bool(answer)
        if status != 200 or (self._phoenix and b'"status":200' not in answer):
            gone = status == 400 or b'"status":410' in answer
            raise (Lost if gone else Wrong)(f"a post was answered {status} {answer[:100]!r}")

    async def next(self) -> str:
        """The next message. Raises TimeoutError."""
        origin = self.http.origin
        until = origin.lag.attended() + origin.patience
        while not self._texts:
            if origin.lag.attended() > until:
                raise TimeoutError
            await self.flush()
            body = (await self._get()).decode()
            if self._phoenix:
                told = json.loads(body)
                if told["status"] == 410:
                    raise Lost("its session was forgotten")
                self._texts += told["messages"]
                continue
            for packet in body.split("\x1e"):
                if packet == "2":
                    self._out.append("3")
                elif packet == "1":
                    raise Lost("the session was ended while it polled")
                elif packet != "6":
                    self._texts.append(packet)
        return self._texts.pop(0)

    async def until(self, part: str) -> str:
        """The next message that has this in it."""
        while part not in (text := await self.next()):
            pass
        return text

    async def close(self) -> list[str]:
        """What came and was not read; at Engine.IO a close packet ends the session, at Phoenix one just polls no more."""
        await self.flush()
        if not self._phoenix:
            self._out = ["1"]
            await self.flush()
        await self.http.close()
        left, self._texts = self._texts, []
        return left

    async def _get(self) -> bytes:
        status, body = await self.http.ask("GET", self._path)
        self.got += bool(body)
        if status != 200:
            raise (Lost if status == 400 else Wrong)(f"a poll was answered {status} {body[:100]!r}")
        return body


Behaviour = Callable[..., Awaitable[Any]]

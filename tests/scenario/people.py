"""People with a client of each backend, who play the client's half of a scenario without I/O, under a manual clock.

A story is said in the same words for all backends, one line each:

    >> hello                       the person says this
    sends https://... a picture    a picture in the way of the backend: an upload, or a link in the text
    after 20                       so much time passes; pings and messages are acknowledged at the instant they come
    << Hello!                      the next that the other side has said; all of it has to be in the story
    <~ (Hi|Hello)!                 the same as a regular expression, where lots are drawn
    << 126 messages                so many, whatever they are
    is refused                     the backend has answered the last that the person did with an error
    is cut off                     the socket has ended without a close frame
    comes back                     connects again, and goes on in the same talk
    aida, chip: after 20           a line for these alone; `but mia: ...` is one for all but these

`lines` keeps all frames as a transcript of tests/talk.py.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from simulator.core.message import Frame, Ping
from simulator.core.objects import Upload
from simulator.core.wire import Reset
from simulator.scenario.stage import Stage
from simulator.serve import scenarios
from tests.talk import Socket, Talk


class Person:
    """Somebody who has come into a talk."""

    backend: ClassVar[str]

    def __init__(self, scenario: str, seed: int = 7) -> None:
        stage = Stage(scenarios.load(scenarios.find(scenario)))
        self.talk = Talk(self.backend, seed=seed, script=stage)
        stage.arm(self.talk.space)
        self.talk.fault()
        self.lines = ["client connects"]
        self.told: list[str] = []
        """What the other side said and no line of the story has spoken of yet."""
        self.refused: list[str] = []
        self.over = False
        """The talk was ended, as far as the backend tells."""
        self._since = self.talk.clock.now()
        self.socket: Socket = self.talk.connect("client")
        self.enter()

    # --- what a client of this backend sends, and how it reads what comes

    def enter(self) -> None:
        """Come into the talk; once more into the same one."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        raise NotImplementedError

    def picture(self, url: str) -> None:
        """Where clients send text alone: the link."""
        self.say(url)

    def read(self, frame: str) -> None:
        raise NotImplementedError

    # --- the same for all

    def play(self, story: str) -> Person:
        """Play a story to its end; whatever was said and is not in it fails."""
        for line in story.strip().splitlines():
            if line.strip() and not line.startswith("#") and (told := self._for_me(line.strip())):
                self._line(told)
        self._pass()
        assert not self.told, f"{self.backend} said more: {self.told}"
        assert not self.refused, f"{self.backend} refused more: {self.refused}"
        return self

    def _for_me(self, line: str) -> str:
        found = re.fullmatch(r"(but )?([a-z]+(?:, [a-z]+)*): (.*)", line)
        if found is None:
            return line
        mine = (self.backend in found[2].split(", ")) is (found[1] is None)
        return found[3] if mine else ""

    def _line(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word in ("<<", "<~"):
            self._told(word, rest)
            return
        match word:
            case ">>":
                self.say(rest)
            case "sends":
                self.picture(rest.partition(" ")[0])
            case "after":
                self.after(float(rest))
            case "comes":
                self._pass()
                self.lines.append("client connects")
                self.socket = self.talk.connect("client")
                self.enter()
            case "is" if rest == "cut off":
                assert not self.socket.open
            case "is":
                assert rest == "refused"
                assert len(self.refused) == 1, f"{self.backend} has refused {self.refused}"
                self.refused.clear()
            case _:
                raise AssertionError(f"not a line of a story: {line}")

    def _told(self, word: str, expected: str) -> None:
        """A text and its picture are one message here and two there."""
        many = re.fullmatch(r"(\d+) messages", expected)
        if many is not None:
            assert (self.backend, len(self.told)) == (self.backend, int(many[1])), self.told
            self.told.clear()
            return
        pattern = re.escape(expected) if word == "<<" else expected
        for size in (1, 2):
            if re.fullmatch(pattern, " ".join(self.told[:size]).replace("\n", " ")):
                del self.told[:size]
                return
        raise AssertionError(f"{self.backend}\n expected {expected}\n      got {self.told}")

    def after(self, seconds: float) -> None:
        """Let time pass, and do at each instant what a client does then."""
        end = round(self.talk.clock.now() + seconds, 6)
        while (due := self.talk.running.engine.next_due()) is not None and due <= end:
            self.talk.after(due - self.talk.clock.now())
            self.hear()
        self.talk.after(end - self.talk.clock.now())

    def send(self, frame: str) -> None:
        self._pass()
        self.lines.append(f"client >> {frame}")
        self.socket.send(frame)
        self.hear()

    def hear(self) -> None:
        """Read what has come, and answer it."""
        got = self.socket.got
        while got:
            self._pass()
            item = got.popleft()
            if isinstance(item, Ping):
                self.lines += ["client is pinged", "client pongs"]
                self.socket.pong()
            elif isinstance(item, Reset):
                self.lines.append("client is reset")
            else:
                assert isinstance(item, Frame), (self.backend, item)
                text = str(item.data)
                self.lines.append(f"server << {text}")
                self.read(text)

    def _pass(self) -> None:
        now = self.talk.clock.now()
        if now > self._since:
            self.lines.append(f"after {f'{now - self._since:.6f}'.rstrip('0').rstrip('.')}")
            self._since = now


class Chip(Person):
    backend = "chip"

    chat = ""

    def __init__(self, scenario: str, seed: int = 7) -> None:
        self._acked: set[int] = set()
        super().__init__(scenario, seed)

    def enter(self) -> None:
        self.send(json.dumps({"type": "start_chat", **({"chat_id": self.chat} if self.chat else {})}))

    def say(self, text: str) -> None:
        self.send(json.dumps({"type": "send_msg", "text": text}, ensure_ascii=False))

    def read(self, frame: str) -> None:
        event = json.loads(frame)
        if event["type"] == "chat_started":
            self.chat = event["chat_id"]
        elif event["type"] == "chat_out":
            said = event["msg_out"]
            urls = [attachment.partition(":")[2] for attachment in said.get("attachments", [])]
            self.told.append(" ".join([said["text"], *urls]).strip())
            if said["id"] not in self._acked:
                self._acked.add(said["id"])
                self.send(f'{{"type":"ack_chat","msg_id":{said["id"]}}}')


class Concierge(Person):
    backend = "concierge"
    session = ""

    def enter(self) -> None:
        old = {"chatSessionId": self.session} if self.session else {}
        self.ask("init-chat-with-concierge", newSession=not old, **old)

    def say(self, text: str) -> None:
        self.ask("send-message", chatSessionId=self.session, contentType="TEXT", messageContent=text)

    def picture(self, url: str) -> None:
        """What its client does once the PUT to the presigned URL is done."""
        data = {"file": {"name": url.rpartition("/")[2], "type": "image/png"}}
        self.ask("send-message", chatSessionId=self.session, contentType="IMAGE", messageContent=url, metadata=data)

    def ask(self, route: str, **body: object) -> None:
        order = {"action": "api", "data": {"route": f"client/{route}", "body": body}}
        self.send(json.dumps(order, ensure_ascii=False, separators=(",", ":")))

    def read(self, frame: str) -> None:
        push = json.loads(frame)
        if push.get("status", 200) != 200:
            self.refused.append(frame)
        elif push["channel"] == "client/init-chat-with-concierge":
            self.session = push["body"]["chatSessionId"]
        elif push["channel"].startswith("chat-session-update"):
            self.over = push["payload"]["chatSession"]["isSessionClosed"]
        elif push["channel"].startswith("chat-message-") and push["senderType"] == "BACKEND_USER":
            self.told.append(push["payload"]["chatMessage"]["messageContent"])


KITCHEN = "3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"


class Aida(Person):
    backend = "aida"
    session = ""
    _refs = 0

    def enter(self) -> None:
        self.push("phx_join", access_token="harbour-web-token")
        if not self.session:
            self.push("new_session")

    def say(self, text: str) -> None:
        self.push("utb_msg", session=self.session, text=text)

    def picture(self, url: str) -> None:
        path = f"/content/image/{KITCHEN}/{self.session}"
        upload = Upload(f"{len(self.lines)}", 3, "image/png", "0", url.rpartition("/")[2])
        answer = self.talk.request("POST", path, upload=upload)
        assert answer.status == 200
        self.push("utb_img", session=self.session, image=json.loads(answer.body)["id"])

    def push(self, event: str, **payload: str) -> None:
        self._refs += 1
        frame = ["1", str(self._refs), f"bot:{KITCHEN}", event, payload]
        self.send(json.dumps(frame, ensure_ascii=False, separators=(",", ":")))

    def read(self, frame: str) -> None:
        *_, event, payload = json.loads(frame)
        if event == "phx_reply":
            assert payload["status"] == "ok"
            self.session = payload["response"].get("session", self.session)
        else:
            assert event == "btu_msg", frame
            self.told.append(payload["text"])


class _SocketIO(Person):
    def read(self, frame: str) -> None:
        if frame == "2":
            self.send("3")
        elif frame.startswith("42"):
            event, body, *_ = json.loads(frame[2:])
            self.event(event, body)

    def event(self, name: str, body: Any) -> None:
        raise NotImplementedError

    def emit(self, name: str, **body: str) -> None:
        self.send(f"42{json.dumps([name, body], ensure_ascii=False, separators=(',', ':'))}")


class Mia(_SocketIO):
    backend = "mia"

    def enter(self) -> None:
        instance = '{"chatId":"garden-homes","token":"garden-web-token"}'
        self.send(f'40{{"instance":{instance},"roomId":"somebody"}}')

    def say(self, text: str) -> None:
        self.emit("EVENT_CLIENT_SEND_MESSAGE", content=text)

    def event(self, name: str, body: Any) -> None:
        if name == "EVENT_SERVER_SEND_MESSAGE" and body["direction"] == "incoming":
            said = body["content"]
            self.told.append(said if isinstance(said, str) else " ".join([said.get("title", ""), said["uri"]]).strip())


class Chatbot(_SocketIO):
    backend = "chatbot"
    conversation = ""

    def enter(self) -> None:
        self.send('40{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour"}')
        old = {"conversationId": self.conversation} if self.conversation else {}
        self.emit("join-conversation", **old)

    def say(self, text: str) -> None:
        self.emit("send-message", conversationId=self.conversation, content=text)

    def event(self, name: str, body: Any) -> None:
        if name == "error":
            self.refused.append(body["code"])
        elif name == "conversation-started":
            self.conversation = body["conversationId"]
        elif name == "conversation-ended":
            self.over = True
        elif name == "message" and body["message"]["sender"] in ("ai", "agent"):
            self.told.append(body["message"]["content"])


PEOPLE: dict[str, type[Person]] = {kind.backend: kind for kind in (Aida, Chatbot, Chip, Concierge, Mia)}

"""What a bot that watches is shown: visitors, not the staff."""

from __future__ import annotations

from simulator.core.actions import Began, Ended, Heard
from simulator.core.bot import Directed, Saw
from simulator.core.events import Fired
from tests.backends.chatbot.chats import fixtures, person, user
from tests.talk import Talk


class Watching:
    def __init__(self) -> None:
        self.noted: list[str] = []

    def hear(self, heard: Heard) -> list[object]:
        self.noted.append(f"heard in {heard.talk}")
        return []

    def began(self, began: Began) -> list[object]:
        self.noted.append(f"began {began.talk}{' again' * began.again}")
        return []

    def ended(self, ended: Ended) -> list[object]:
        self.noted.append(f"ended {ended.talk}")
        return []

    def saw(self, saw: Saw) -> list[object]:
        self.noted.append(f"{saw.message.name} in {saw.talk}")
        return []

    def fired(self, fired: Fired) -> list[object]:
        return []

    def directed(self, directed: Directed) -> list[object]:
        return []


def test_staff_is_not_a_visitor() -> None:
    bot = Watching()
    talk = Talk("chatbot", seeded=fixtures(), script=lambda backend, world: bot)  # type: ignore[arg-type,return-value]
    visitor = person(talk)
    of = visitor.join(conversationId="conv-new")["conversationId"]
    visitor.join(conversationId=of)
    agent = user(talk, "agent-bob")
    agent.join(conversationId=of)
    agent.emit("typing", {"conversationId": of, "isTyping": True})
    visitor.emit("typing", {"conversationId": of, "isTyping": True})
    visitor.emit("typing", {"isTyping": True})
    assert bot.noted == [
        f"began {of} again",
        f"join-conversation in {of}",
        f"began {of} again",
        f"join-conversation in {of}",
        f"typing in {of}",
        f"typing in {of}",
    ]

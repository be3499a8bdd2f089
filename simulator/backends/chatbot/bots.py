"""The default bot: answers from the articles, and stands in for an agent where no real one is there."""

from __future__ import annotations

from simulator.backends.chatbot import analysis
from simulator.backends.chatbot.knowledge import Index
from simulator.backends.chatbot.state import Seed, Settings
from simulator.core.actions import Heard
from simulator.core.bot import Act, Say, Typing

GREETING = "Hello! How can I help you today?"
THANKS = "You are welcome! Is there anything else?"
FAREWELL = "Goodbye, and have a nice day!"
TO_A_PERSON = "I can connect you with a person: just ask for an agent."
FROM_AN_AGENT = "Thank you, I am looking into that for you."

FIXED = {"greeting": GREETING, "gratitude": THANKS, "farewell": FAREWELL, "human_agent": TO_A_PERSON}
"""Answers to what no article is about."""


class Assistant:
    """Types, then says one thing. While somebody waits for an agent it is still."""

    def __init__(self, seed: Seed, settings: Settings) -> None:
        self._settings = settings
        self._index = Index(seed.articles)

    def hear(self, heard: Heard) -> list[Act]:
        """Typing, its end, and one Say."""
        about = heard.about or {}
        if about.get("status") in ("escalated", "queued"):
            return []
        text = FROM_AN_AGENT if about.get("status") == "agent" else self._answer(str(about.get("tenantId")), heard.text)
        delay, typing = self._settings.bot_delay, self._settings.bot_typing
        return [Typing(after=min(typing, delay)), Typing(on=False, after=delay), Say(text, after=delay)]

    def _answer(self, tenant: str, text: str) -> str:
        answer, _ = self._index.answer(tenant, text, "")
        return answer or FIXED.get(analysis.intent(text), self._settings.rag_fallback)

"""What the bot and the operator do in chip, act by act; the rules do themselves what bots nearly always do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, assert_never

from simulator.backends.chip.chats import Contact, Outbox, pick
from simulator.backends.chip.state import Agent, State
from simulator.core import bot
from simulator.core.actions import Action, Send
from simulator.core.events import Acted
from simulator.core.message import Message
from simulator.core.world import World

Say: TypeAlias = "Callable[[Outbox, Contact, str, Agent | None, tuple[str, ...]], list[Action]]"
"""Puts words and attachments of the bot, or of an agent, into an outbox."""


class Desk:
    """Of one running chip."""

    def __init__(self, world: World, state: State, say: Say) -> None:
        self._world = world
        self._state = state
        self._say = say

    def acted(self, acted: Acted) -> list[Action]:
        """Work one act."""
        act = acted.act
        found = self._state.talk(acted.talk)
        if found is None:
            self._world.log("warning", f"there is no chat {acted.talk!r}")
            return []
        channel, contact = found
        why = self._state.objection(contact, act)
        if why is not None:
            self._world.log("warning", why)
            return []
        outbox = self._state.outbox(channel, contact.chat_id)
        match act:
            case bot.Say():
                agent = self._agent(contact) if act.agent is None else self._state.find_agent(act.agent)
                return self._say(outbox, contact, act.text, agent, ())
            case bot.Picture() | bot.File():
                return self._say(outbox, contact, act.text, self._agent(contact), (f"{act.type}:{act.url}",))
            case bot.Stream():
                return self._say(outbox, contact, "".join(act.chunks), self._agent(contact), ())
            case bot.HandOff():
                contact.agent = getattr(self._state.find_agent(act.agent), "id", 0)
                return []
            case bot.Leave():
                contact.agent = 0
                return []
            case bot.Raw():
                body = act.body if isinstance(act.body, dict) else {}
                sockets = self._state.sockets[contact.chat_id]
                chosen = sockets[0] if len(sockets) == 1 else pick(sockets)
                return [Send(chosen.conns, Message(act.name, (body,)))]
            case bot.Typing() | bot.Status() | bot.Queue() | bot.End():
                # chip has no word for these.
                return []
            case _:  # pragma: no cover
                assert_never(act)

    def _agent(self, contact: Contact) -> Agent | None:
        """To whom the bot has handed over, if anybody."""
        return self._state.agent(contact.agent) if contact.agent else None

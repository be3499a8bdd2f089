"""Conversations in motion: what each trigger of the machine does, queues, and agents who take people off them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from itertools import islice
from math import ceil

from simulator.backends.chatbot import machine
from simulator.backends.chatbot import rooms as of
from simulator.backends.chatbot.machine import Reason, Trigger
from simulator.backends.chatbot.rooms import Client, Rooms
from simulator.backends.chatbot.staff import Staff
from simulator.backends.chatbot.state import Seed, Settings, User
from simulator.backends.chatbot.talks import SHORT_ID, Conversation, Msg, Talks
from simulator.backends.chatbot.telling import Body, Failed, Teller
from simulator.core.actions import Action, After, Cancel, Ended
from simulator.core.world import World

SERVE = "serve"
"""The timer of a queue, whose owner is the tenant."""


class Desk:
    """Moves conversations, and tells everyone who is concerned."""

    def __init__(self, world: World, talks: Talks, rooms: Rooms, tell: Teller) -> None:
        seed: Seed = world.seed
        self._world = world
        self._settings: Settings = world.settings
        self._talks = talks
        self._rooms = rooms
        self._tell = tell
        self._hearing = Trigger.NOBODY_HEARS if self._settings.bot == "none" else Trigger.BOT_HEARS
        self.staff = Staff(world)
        self.cut: Callable[[Conversation], list[Action]] = lambda talk: []
        """Ends what is being answered in a conversation: set by who answers."""
        self._online = [user for user in seed.users if user.role == "agent" and user.online]
        self._loads: dict[Hashable, int] = {}
        """How many conversations each agent has: tenant and userId."""
        self._waiting: dict[Hashable, int] = {}
        """How many of a visitor's conversations wait for an agent."""
        self._queues: dict[str, OrderedDict[Conversation, None]] = {}
        self._served: dict[str, float] = {}
        """By tenant: when the next one is taken off its queue."""
        for talk in sorted(talks, key=lambda talk: talk.queued_at or 0.0):
            self._count(talk, 1)
            if talk.status == "queued":
                self._queues.setdefault(talk.tenant_id, OrderedDict())[talk] = None

    # --- a conversation begins, moves, ends

    def begin(self, client: Client, session_id: str | None, id: str | None = None) -> tuple[Conversation, list[Action]]:
        """A new conversation of a client, and who is told."""
        now, caller = self._world.now(), client.caller
        # By number, not by what the client names it: names of a client who makes up ever new ones would be kept.
        ids = client.ids.nth("conversation")
        talk = Conversation(
            id or f"conv_{round(now * 1000)}_{ids.token(9, SHORT_ID)}",
            caller.tenant_id,
            session_id or f"session_{round(now * 1000)}_{ids.token(9, SHORT_ID)}",
            ids,
            now,
        )
        talk.org, talk.chatbot_id, talk.user_id = caller.org, caller.chatbot_id, caller.user_id
        talk.anonymous = caller.user is None
        address = client.header("X-Forwarded-For", 100).partition(",")[0].strip()
        talk.metadata = {
            "userAgent": client.header("User-Agent"),
            "ipAddress": address or self._settings.ip_address,
        }
        if referrer := client.header("Referer"):
            talk.metadata["referrer"] = referrer
        actions = self._make_room(caller.tenant_id)
        self._talks.add(talk)
        self._world.log("info", "conversation started", conversation=talk.id)
        if (welcome := self.staff.welcome(talk)) and self._settings.welcome == "message":
            self.keep(talk, "ai", welcome, self.staff.assistant(talk))
        text = f"{caller.name or 'A visitor'} started a conversation"
        actions += self._tell.appeared(talk)
        actions += self._tell.org(talk, "new-conversation", "New conversation", text)
        return talk, [*actions, *self._wait(talk)]

    def _make_room(self, tenant: str) -> list[Action]:
        """Conversations of who has the most go until one more fits."""
        actions: list[Action] = []
        while (gone := self._talks.crowding(tenant)) is not None:
            for client in self._rooms.inside(of.conversation(gone)):
                del client.joined[gone]
                if client.talk is gone:
                    client.talk = None
            actions += [Cancel(gone), *self._still(gone), *self.cut(gone), *self._leave_queue(gone)]
            self._count(gone, -1)
            self._rooms.close(of.conversation(gone))
            self._talks.drop(gone)
        return actions

    def enter(self, client: Client, talk: Conversation) -> None:
        """A socket comes into a conversation, which is then the one that it joined last."""
        client.joined.pop(talk, None)
        if len(client.joined) >= self._settings.most_joined:
            self._leave(client, next(iter(client.joined)))
        client.joined[talk] = None
        self._rooms.join(client, of.conversation(talk))
        self._talks.watch(talk, True)
        client.talk = talk

    def _leave(self, client: Client, talk: Conversation) -> None:
        del client.joined[talk]
        room = of.conversation(talk)
        self._rooms.leave(client, room)
        if not self._rooms.conns(room):
            self._talks.watch(talk, False)

    def leave(self, client: Client) -> list[Action]:
        """A socket is gone (`disconnect`): who was typing is not any more."""
        client.here = False
        for talk in [*client.joined]:
            self._leave(client, talk)
        self._rooms.leave_all(client)
        return [action for talk in [*client.typing] for action in self.client_types(client, talk, False)]

    # --- who types

    def client_types(self, client: Client, talk: Conversation, on: bool) -> list[Action]:
        """All others see it."""
        if on:
            client.typing[talk] = None
        else:
            client.typing.pop(talk, None)
        caller = client.caller
        return self.types(talk, client, on, "agent" if caller.staff else "user", caller.name)

    def types(
        self, talk: Conversation, who: Hashable, on: bool, sender: str, name: str | None, also: Client | None = None
    ) -> list[Action]:
        """Somebody types, or does not any more: a client, or whatever else ends it. One more may be told."""
        if on:
            talk.typing[who] = sender, name, also
        else:
            # Whoever speaks meanwhile, it is the one who began that stops.
            sender, name, also = talk.typing.pop(who, (sender, name, also))
        body: Body = {"sender": sender, "isTyping": on}
        if name is not None:
            body["senderName"] = name
        return self._tell.talk(talk, "typing", body, who if isinstance(who, Client) else None, also)

    def _still(self, talk: Conversation) -> list[Action]:
        """A conversation is over: nobody types any more."""
        actions: list[Action] = []
        for who, (sender, name, _) in [*talk.typing.items()]:
            if isinstance(who, Client):
                del who.typing[talk]
            actions += self.types(talk, who, False, sender, name)
        return actions

    # --- what is said

    def keep(self, talk: Conversation, sender: str, text: str, name: str | None, user: str | None = None) -> Msg:
        """A message is there; nobody is told yet."""
        msg = Msg(talk, sender, text, self._world.now(), name)
        msg.user_id = user
        if sender == "user":
            msg.delivered = self._settings.bot != "none" or self.attended(talk)
        else:
            msg.delivered = self._present(talk, staff=False)
        self._talks.say(talk, msg)
        # Who answers has read what was said.
        self.seen(talk, by=sender)
        return msg

    def seen(self, talk: Conversation, by: str) -> None:
        """One side has read what the other said."""
        for msg in reversed(talk.of[by != "user"].values()):
            if msg.read:
                break
            msg.delivered = msg.read = True

    def said(self, talk: Conversation, msg: Msg, but: Client | None = None, also: Client | None = None) -> list[Action]:
        """A message is told, to one more who is not in the conversation, and not to one who is."""
        body = msg.body(self._settings.beyond_document)
        actions = self._tell.talk(talk, "message", {"message": body}, but, also)
        actions += self.said_to_lists(talk)
        return actions

    def said_to_lists(self, talk: Conversation) -> list[Action]:
        """A message is told to nobody in the conversation."""
        actions = self._tell.changed(talk)
        actions += self._wait(talk)
        return actions

    def attended(self, talk: Conversation) -> bool:
        """Whether one of the staff is in it with a socket."""
        return self._present(talk, staff=True)

    def _present(self, talk: Conversation, staff: bool) -> bool:
        """Whether somebody is in it with a socket: one of the staff, or one who is not."""
        for client in self._rooms.inside(of.conversation(talk)):  # noqa: SIM110 - each message asks, of one or two
            if client.caller.staff is staff:
                return True
        return False

    def move(
        self,
        talk: Conversation,
        trigger: Trigger,
        told: bool = True,
        agent: tuple[str | None, str | None] | None = None,
    ) -> list[Action] | None:
        """One step of the machine with its status-change, and who has it then; None where the table has none."""
        status = machine.after(talk.status, trigger)
        if status is None:
            return None
        self._count(talk, -1)
        talk.status = status
        if agent is not None:
            talk.agent_id, talk.agent_name = agent
        self._count(talk, 1)
        if trigger is not Trigger.CLOSE:
            talk.last_activity = self._world.now()
        body: Body = {"status": status}
        if status == "agent":
            body |= {"agentName": talk.agent_name, "agentId": talk.agent_id}
        actions = self._tell.talk(talk, "status-change", body) if told else []
        return [*actions, *self._tell.changed(talk)]

    def hear(self, talk: Conversation) -> list[Action]:
        """A person said something: who answers?"""
        return self.move(talk, self._hearing) or []

    def end(self, talk: Conversation, reason: Reason, told: bool = True) -> list[Action]:
        """It ends: `ended` now, `closed` after a while. Those in it may be told nothing of it."""
        talk.ended_at = self._world.now()
        moved = self.move(talk, Trigger.END, told)
        assert moved is not None, "an ended conversation is refused before"
        actions: list[Action] = [Cancel(talk), *self._still(talk), *self.cut(talk), *moved]
        if told:
            actions += self._tell.talk(talk, "conversation-ended", {"reason": reason})
        actions += self._tell.org(talk, "conversation-ended", "Conversation ended", reason)
        actions += self._leave_queue(talk)
        if self._settings.close_after:
            actions.append(After(self._settings.close_after, talk, "close"))
        return [*actions, Ended(talk.id)]

    def fired(self, talk: Conversation, name: str) -> list[Action]:
        """A timer of a conversation."""
        if name == "idle":
            return self.end(talk, "timeout")
        if name == "enqueue":
            return self._enqueue(talk)
        return self.move(talk, Trigger.CLOSE) or []

    def _wait(self, talk: Conversation) -> list[Action]:
        """From now on it may be idle for so long."""
        return [After(self._settings.idle_timeout, talk, "idle")] if self._settings.idle_timeout else []

    # --- queues

    def escalate(self, talk: Conversation, who: str, reason: str | None) -> list[Action] | None:
        """Somebody wants a person; None where the machine does not let it. Raises Failed."""
        waiting = self._waiting.get((talk.tenant_id, talk.side, talk.visitor), 0)
        if machine.after(talk.status, Trigger.ESCALATE) and waiting >= self._settings.most_waiting:
            raise Failed("ESCALATION_FAILED", f"{waiting} of their conversations wait already", talk=talk.id)
        moved = self.move(talk, Trigger.ESCALATE, self._settings.reply_escalate)
        if moved is None:
            return None
        more: Body = {} if reason is None else {"reason": reason}
        actions = [*moved, *self._tell.org(talk, "escalation", "Conversation escalated", f"{who} asks for help", more)]
        if self._settings.queue_delay:
            return [*actions, After(self._settings.queue_delay, talk, "enqueue")]
        return [*actions, *self._enqueue(talk)]

    def _enqueue(self, talk: Conversation) -> list[Action]:
        tenant = talk.tenant_id
        talk.queued_at, talk.assigned_at = self._world.now(), None
        actions = self.move(talk, Trigger.ENQUEUE, self._settings.reply_escalate) or []
        queue = self._queues.setdefault(tenant, OrderedDict())
        queue[talk] = None
        if tenant not in self._served:
            actions += self._serve_later(tenant)
        return [*actions, *self._position(talk, len(queue))]

    def _serve_later(self, tenant: str) -> list[Action]:
        """An agent will be free, where one is online."""
        seconds = self._settings.agent_after
        if not seconds or self._free(tenant) is None:
            return []
        self._served[tenant] = self._world.now() + seconds
        return [After(seconds, tenant, SERVE)]

    def serve(self, tenant: str) -> list[Action]:
        """The first of a queue goes to an agent, all others are one place further."""
        del self._served[tenant]
        agent = self._free(tenant)
        # Its clock only goes while somebody waits and an agent is online, which fixtures say once for all.
        assert agent is not None
        talk = next(iter(self._queues[tenant]))
        actions = self.take(talk, agent.userId, agent.name)
        if self._settings.agent_greeting:
            text = self._settings.agent_greeting.replace("{agent}", agent.name)
            actions += self.said(talk, self.keep(talk, "agent", text, agent.name, agent.userId))
        return actions

    def _free(self, tenant: str) -> User | None:
        """The online agent with the fewest conversations, of equal ones the first in the fixtures."""
        online = [user for user in self._online if user.tenantId == tenant]
        return min(online, key=lambda user: self._loads.get((tenant, user.userId), 0), default=None)

    def _count(self, talk: Conversation, by: int) -> None:
        """Its agent has one conversation more or less, or one more or less of its visitor's waits for one."""
        who: Hashable
        if talk.status == "agent":
            counts, who = self._loads, (talk.tenant_id, talk.agent_id)
        elif talk.status in machine.WAITING:
            counts, who = self._waiting, (talk.tenant_id, talk.side, talk.visitor)
        else:
            return
        if count := counts.pop(who, 0) + by:
            counts[who] = count

    def _leave_queue(self, talk: Conversation) -> list[Action]:
        """All behind it are one place further."""
        if (place := self._place(talk)) is None:
            return []
        queue = self._queues[talk.tenant_id]
        del queue[talk]
        actions: list[Action] = []
        if not queue:
            del self._queues[talk.tenant_id]
            if self._served.pop(talk.tenant_id, None) is not None:
                actions.append(Cancel(talk.tenant_id, SERVE))
        elif talk.tenant_id not in self._served:
            actions += self._serve_later(talk.tenant_id)
        for number, other in enumerate(islice(queue, place - 1, None), place):
            # It may be long, and mostly nobody is there any more.
            if other.watched:
                actions += self._position(other, number)
        return actions

    def _position(self, talk: Conversation, number: int, only: Client | None = None) -> list[Action]:
        return self.position(talk, number, only) if self._settings.reply_escalate else []

    def _place(self, talk: Conversation) -> int | None:
        """From 1; None where it is in no queue."""
        if talk not in (queue := self._queues.get(talk.tenant_id, ())):
            return None
        return next(number for number, other in enumerate(queue, 1) if other is talk)

    def waits(self, client: Client, talk: Conversation) -> list[Action]:
        """Who joins a conversation that waits is told its place: a page that is loaded again has forgotten it."""
        return [] if (place := self._place(talk)) is None else self._position(talk, place, client)

    def position(self, talk: Conversation, number: int, only: Client | None = None) -> list[Action]:
        """Tell a place, from 1, and the seconds until its turn, to all or to one who is there."""
        step = self._settings.agent_after
        first = self._served.get(talk.tenant_id, self._world.now() + step) - self._world.now()
        wait = ceil(round(first + (number - 1) * step, 6))
        body: Body = {"position": number, "estimatedWait": wait, "conversationId": talk.id}
        return self._tell.one(only, "queue-update", body) if only else self._tell.talk(talk, "queue-update", body)

    # --- agents

    def take(self, talk: Conversation, agent_id: str, name: str, in_person: bool = False) -> list[Action]:
        """An agent joins, or takes over from another one."""
        talk.in_person = in_person
        if talk.assigned_at is None:
            talk.assigned_at = self._world.now()
        moved = self.move(talk, Trigger.AGENT_JOINS, agent=(agent_id, name))
        if moved is None:
            self._count(talk, -1)
            talk.agent_id, talk.agent_name = agent_id, name
            self._count(talk, 1)
            moved = self._tell.changed(talk)
        who: Body = {"agentName": name, "agentId": agent_id}
        actions: list[Action] = [Cancel(talk, "enqueue"), *self._tell.talk(talk, "agent-joined", who), *moved]
        actions += self._leave_queue(talk)
        return [*actions, *self._wait(talk)]

    def give_back(self, talk: Conversation) -> list[Action]:
        """The agent leaves."""
        trigger = Trigger.BACK_TO_NOBODY if self._settings.bot == "none" else Trigger.BACK_TO_BOT
        return self.move(talk, trigger, agent=(None, None)) or []

"""RAG answers: at once, or in chunks with the whole message at their end."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from simulator.backends.chatbot import analysis, knowledge
from simulator.backends.chatbot.desk import Desk
from simulator.backends.chatbot.knowledge import Index
from simulator.backends.chatbot.rooms import Client
from simulator.backends.chatbot.state import Settings
from simulator.backends.chatbot.talks import Conversation
from simulator.backends.chatbot.telling import Body, Failed, Teller
from simulator.core.actions import Action, After, Cancel
from simulator.core.world import World

Speaker = tuple[str, str | None, str | None]
"""Who says something: sender, name and id."""


class Stream:
    """An answer under way: in a conversation to all who are there and to who asked, else to who asked."""

    __slots__ = ("begun", "client", "confidence", "intent", "pace", "pieces", "query", "speaker", "text", "where")

    def __init__(self, where: Conversation | Client, client: Client | None, query: str, pieces: list[str]) -> None:
        self.where = where
        self.client = client
        """Who asked; nobody did for what an operator or a scenario streams."""
        self.query = query
        self.pieces = deque(pieces)
        self.text = "".join(pieces)
        self.begun = False
        self.pace: float | None = None
        """Seconds between two chunks, where somebody else than the settings says so."""
        self.speaker: Speaker | None = None
        """Whose it is, else the AI's: that of its beginning, whoever has come in meanwhile."""
        self.confidence: float | None = None
        self.intent: str | None = None

    @property
    def talk(self) -> Conversation | None:
        """The conversation that it is in."""
        return self.where if isinstance(self.where, Conversation) else None


class Answers:
    """Gives RAG answers after a while."""

    def __init__(self, world: World, index: Index, tell: Teller, desk: Desk) -> None:
        self._settings: Settings = world.settings
        self._index = index
        self._tell = tell
        self._desk = desk
        desk.cut = self.cut
        self._streams: dict[Conversation | Client, list[Stream]] = {}
        """Under way, by where they are told."""
        self._number = 0

    def whole(self, client: Client, query: str) -> list[Action]:
        """One rag-response, to who asked. Raises Failed."""
        self._begin(client)
        self._number += 1
        return [After(self._settings.rag_delay, client.conn, ("rag", self._number, query))]

    def give(self, client: Client, name: Hashable) -> list[Action]:
        """The time of a rag-response has come."""
        assert isinstance(name, tuple)
        client.streams -= 1
        text, _ = self._index.answer(client.caller.tenant_id, name[2], self._settings.rag_fallback)
        return self._tell.one(client, "rag-response", {"query": name[2], "response": text})

    def stream(self, client: Client, talk: Conversation | None, query: str) -> list[Action]:
        """A streamed answer. Raises Failed."""
        self._begin(client)
        text, sure = self._index.answer(client.caller.tenant_id, query, self._settings.rag_fallback)
        stream = Stream(talk or client, client, query, knowledge.chunks(text, self._settings.stream_words))
        stream.confidence, stream.intent = sure, analysis.intent(query)
        typing = [] if talk is None else self._typing(stream, talk, True)
        self._keep(stream)
        return [*typing, After(self._settings.rag_delay, stream, "next")]

    def speak(self, talk: Conversation, pieces: list[str], speaker: Speaker, pace: float | None = None) -> list[Action]:
        """Chunks that somebody else thought of."""
        stream = Stream(talk, None, "", pieces)
        stream.speaker, stream.pace = speaker, pace
        self._keep(stream)
        return [After(0.0, stream, "next")]

    def _begin(self, client: Client) -> None:
        if client.streams >= self._settings.most_streams:
            raise Failed("RAG_BUSY", f"{client.streams} answers are under way already")
        client.streams += 1

    def _keep(self, stream: Stream) -> None:
        self._streams.setdefault(stream.where, []).append(stream)

    def next(self, stream: Stream) -> list[Action]:
        """The next chunk, or what comes after the last one."""
        actions: list[Action] = []
        if not stream.begun and stream.talk is not None and stream.client is not None:
            actions += self._typing(stream, stream.talk, False)
        stream.begun = True
        if stream.pieces:
            actions += self._to(stream, "rag-stream-chunk", {"chunk": stream.pieces.popleft()})
            pace = self._settings.stream_interval if stream.pace is None else stream.pace
            return [*actions, After(pace, stream, "next")]
        return [*actions, *self._finish(stream)]

    def _finish(self, stream: Stream) -> list[Action]:
        self._end(stream)
        complete = self._to(stream, "rag-stream-complete", {})
        where, talk = self._settings.stream_message, stream.talk
        if talk is None:
            # There is no conversation that the message could belong to.
            whole = self._to(stream, "rag-response", {"query": stream.query, "response": stream.text})
        else:
            sender, name, user = stream.speaker or ("ai", self._desk.staff.assistant(talk), None)
            msg = self._desk.keep(talk, sender, stream.text, name, user)
            msg.confidence, msg.intent = stream.confidence, stream.intent
            # The dashboard's list hears of it also where the conversation does not.
            whole = self._desk.said(talk, msg, also=stream.client) if where != "none" else self._tell.changed(talk)
        return [*complete, *whole] if where == "after" else [*whole, *complete]

    def cut(self, talk: Conversation) -> list[Action]:
        """A conversation is over: what is under way ends, so that no client waits for ever."""
        actions: list[Action] = []
        for stream in self._streams.get(talk, [])[:]:
            self._end(stream)
            actions += [Cancel(stream), *self._to(stream, "rag-stream-complete", {})]
        return actions

    def forsaken(self, client: Client) -> list[Action]:
        """Who asked is gone: what is told in a conversation goes on there, the rest is told to nobody."""
        streams = self._streams.get(client, [])[:]
        for stream in streams:
            self._end(stream)
        return [Cancel(stream) for stream in streams]

    def _end(self, stream: Stream) -> None:
        if stream.client is not None:
            stream.client.streams -= 1
        streams = self._streams[stream.where]
        streams.remove(stream)
        if not streams:
            del self._streams[stream.where]

    def no_answer(self, client: Client, talk: Conversation) -> list[Action]:
        """A person has the conversation: the stream that was asked for is over before it began."""
        return self._tell.one(client, "rag-stream-complete", {"conversationId": talk.id})

    def _typing(self, stream: Stream, talk: Conversation, on: bool) -> list[Action]:
        return self._desk.types(talk, stream, on, "ai", self._desk.staff.assistant(talk), also=stream.client)

    def _to(self, stream: Stream, name: str, body: Body) -> list[Action]:
        if isinstance(stream.where, Client):
            return self._tell.one(stream.where, name, body)
        return self._tell.talk(stream.where, name, body, also=stream.client)

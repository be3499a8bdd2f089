"""A backend is a value: everything the house needs to know about one documented server."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from simulator.core.envelope import Bare, Envelope
from simulator.core.link import LinkPolicy
from simulator.core.message import Json, Message, Request, Response

if TYPE_CHECKING:
    from pydantic import BaseModel

    from simulator.core.actions import Action
    from simulator.core.bot import Act, Bot
    from simulator.core.events import Conn, Event
    from simulator.core.wire import Reader, Wire
    from simulator.core.world import World


class Rules(Protocol):
    """What a backend does."""

    def handle(self, event: Event) -> list[Action]:
        """Work one event; what is to be done about it, in order."""
        ...

    def talks(self) -> Collection[str]:
        """The conversations in which the bot can act, the one that was started last at the end."""
        ...

    def objection(self, talk: str, act: Act) -> str | None:
        """Why this act can't be done in this talk, or None."""
        ...

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        """The conversation to which a client's message belongs, once it is worked; None where it is of none."""
        ...

    def conns_of(self, talk: str) -> Collection[Conn]:
        """Who gets what is said in that conversation; nobody where there is no such talk."""
        ...


@dataclass(slots=True, frozen=True)
class Buffered:
    """Read the body into memory, at most `limit` bytes; the rest is read and thrown away."""

    limit: int = 0
    spare: int = 256 << 10
    """Bytes beyond the limit that are still read, so that the connection can be used again; more ends it."""


@dataclass(slots=True, frozen=True)
class Stored:
    """Stream the body into the object store, at most `limit` bytes of it: `Request.upload` says what came."""

    field: str | None
    """The field of a multipart form that holds the file; None stores the whole body."""
    limit: int
    framed: Callable[[Request], int | None] = lambda request: None
    """How many bytes there are in the chunks of a body that is framed as aws-chunked, which is taken off; else None."""


@dataclass(slots=True, frozen=True)
class Route:
    """Where a request may go."""

    name: str
    pattern: str
    """A regular expression that matches the whole path."""
    methods: frozenset[str] | None = None
    """None takes every method."""
    body: Buffered | Stored = Buffered()
    via: str = ""
    """Bodies that come and go here are frames, via `polling` or `longpoll`: journal and taps see them as such."""
    socket: bool = False
    """WebSockets begin here: no request brings a body that matters, and no stored object is an answer."""
    ticket: Callable[[Request], str] = lambda request: ""
    """The name of the session with which a request goes on, `World.mark` at its start; "" where it begins one."""


@dataclass(slots=True, frozen=True)
class NoRoute:
    """No route has this path."""


@dataclass(slots=True, frozen=True)
class NoMethod:
    """The path is known, but not with this method."""

    allowed: tuple[str, ...]


Miss: TypeAlias = NoRoute | NoMethod


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def find(routes: Collection[Route], method: str, path: str) -> Route | Miss:
    """The first route that fits, or why none does."""
    allowed: list[str] = []
    for route in routes:
        if _compiled(route.pattern).fullmatch(path):
            if route.methods is None or method in route.methods:
                return route
            allowed.extend(sorted(route.methods))
    return NoMethod(tuple(allowed)) if allowed else NoRoute()


@dataclass(slots=True, frozen=True)
class ActNote:
    """How faithfully a backend does an act."""

    how: str
    """`spoken`, `approximated` or `silent`."""
    what: str
    """What happens on the wire."""


@dataclass(slots=True, frozen=True)
class Backend:
    """One documented server."""

    name: str
    summary: str
    transport: str
    port: int
    """The port that its document names."""
    seed: type[BaseModel]
    """The shape of fixtures/<name>.yaml; its field `settings` holds what `--set` changes."""
    wire: Callable[[World], Wire]
    rules: Callable[[World], Rules]
    bot: Callable[[World], Bot]
    """Makes the default bot from the seed and its settings."""
    reader: Callable[[], Reader]
    routes: tuple[Route, ...]
    link: Callable[[Any], LinkPolicy]
    """Makes the socket's manners from the settings."""
    ping_interval: Callable[[Any], float]
    """Seconds between two of the server's pings."""
    miss: Callable[[Request, Miss], Response]
    """The real server's answer where no route fits."""
    dress: Callable[[Any, Request, Response, float], Response]
    """Adds the header lines that the real server's HTTP library adds; from the settings, and the time at the end."""
    commands: Mapping[str, type[BaseModel]]
    """Messages from the client, by name."""
    events: Mapping[str, type[BaseModel]]
    """Messages to the client, by name."""
    acts: Mapping[str, ActNote]
    """By the names of `bot.ACTS`."""
    connect: Callable[[Any, str], str]
    """From the seed and a base URL: a URL that a client can use as it is, ids and tokens included."""
    example: Callable[[Any, str], str]
    """From the seed and that URL: a line of client code to paste."""
    judge: Callable[[World, Request, Route], Response | None] = lambda world, request, route: None
    """The answer to an upload that its head alone decides, before any of its body is read; None reads on."""
    full: Callable[[World, Request], Response] = lambda world, request: Response(500)
    """The answer to an upload for which there is no room: the store's bound is reached, or the disk says no."""
    agents: Callable[[Any], Collection[str]] | None = None
    """From the seed: the names (ids, emails) under which agents can act, where only those can who are known."""
    statuses: tuple[str, ...] = ("sent", "delivered", "read", "failed")
    """What an act Status can say."""
    envelope: Envelope = Bare()  # noqa: RUF009  # has no state
    """What faults have to know of the wire's frames."""
    failed: Callable[[World, Request, int], Response] = lambda world, request, status: Response(status)
    """What the real server says where an upload fails with that status."""
    volatile: frozenset[str] = field(default_factory=frozenset)
    """Paths into messages whose values differ from run to run (ids, times), such as `chat_out.msg_out.time`."""
    topics: tuple[str, ...] = ()
    """Topics or namespaces that there are, `*` at the end for what begins so; none where nobody speaks of any."""
    answers: frozenset[str] = frozenset()
    """Events that bear a status before their body, as HTTP's answers do."""
    own_topics: Mapping[str, str] = field(default_factory=dict)
    """Of events that always have the same topic, where others have one that tells whose they are."""
    live: frozenset[str] = frozenset()
    """Routes that this backend answers itself while a tape is played: what they sign has to be good here."""
    credentials: Callable[[Any], dict[str, Any]] = lambda seed: {}
    """From the seed: what a client brings besides the URL of `connect`, by the names that the wire has for it."""
    secrets: Callable[[Any, Message | Request, Sequence[Message], float], Iterable[tuple[Json, str]]] = (
        lambda seed, said, answers, now: ()
    )
    """From the seed, what a client said at a door, what it was answered, and the time: each secret that stands there,
    with the one that opens that door here. For tapes from which secrets were taken."""

"""A running simulator in the hands of a test: blocking, or to be awaited. Both say the same, of the same server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from simulator.api.bridge import OURS, Bridge, There, blocking
from simulator.api.inside import After, Inside
from simulator.api.said import Message, Violation, Which

SECONDS = 5.0
"""Of real time, that a message has to come unless somebody says otherwise."""


class View:
    """What takes no time, and so is the same for both."""

    def __init__(self, inside: Inside, bridge: Bridge) -> None:
        self._inside = inside
        self._bridge = bridge

    def __repr__(self) -> str:
        """What is served, for who reads a failed assertion."""
        return f"<{type(self).__name__} {self._inside.told()}>"

    @property
    def url(self) -> str:
        """The base URL, `http://127.0.0.1:41234`. Raises SimulatorError where several backends are served."""
        return self._inside.url()

    @property
    def connect_url(self) -> str:
        """Where a client connects as it is, ids and tokens of the fixtures included."""
        return self._inside.connect_url()

    @property
    def credentials(self) -> dict[str, Any]:
        """What a client shows to come in, of the fixtures: Socket.IO's `auth`, aida's bot with its token.

        Empty where the URL is all, as for chip and concierge, and where a real server is recorded.
        """
        __tracebackhide__ = OURS
        return self._bridge.now(self._inside.credentials)

    @property
    def control_url(self) -> str:
        """The base of the control API; the inspector is at `/ui` below it."""
        return self._inside.control_url()

    @property
    def seed(self) -> int:
        """Of the ids: say it again, and they come again."""
        __tracebackhide__ = OURS
        return self._bridge.now(lambda: self._inside.place.driver.space.seed)

    @property
    def now(self) -> float:
        """Unix seconds of its clock."""
        __tracebackhide__ = OURS
        return self._bridge.now(self._inside.now)

    @property
    def messages(self) -> list[Message]:
        """All that passed, both ways, the oldest first: as far back as the journal goes."""
        __tracebackhide__ = OURS
        return self._bridge.now(self._inside.messages)

    @property
    def violations(self) -> list[Violation]:
        """What clients said that the documented model does not."""
        __tracebackhide__ = OURS
        return self._bridge.now(self._inside.violations)

    @property
    def last(self) -> int:
        """The number of the last frame that passed, for `after`."""
        __tracebackhide__ = OURS
        return self._bridge.now(self._inside.total)

    @property
    def misses(self) -> list[str]:
        """What clients said that is not on the cassette, each explained."""
        __tracebackhide__ = OURS
        return self._bridge.now(lambda: self._inside.serving.misses)

    @property
    def unplayed(self) -> list[str]:
        """What is on the cassette and was not played."""
        __tracebackhide__ = OURS
        return self._bridge.now(lambda: self._inside.serving.unplayed)

    def conversation(self, after: int = 0) -> str:
        """What passed behind that number as text, at most the last 50 frames: what a failing test shows."""
        __tracebackhide__ = OURS
        return self._bridge.now(lambda: self._inside.conversation(after))

    def act(self, name: str, *, talk: str | None = None, **keys: Any) -> str:
        """What the bot or an agent does: `act("typing")`, `act("hand_off", agent="Bob McTickets")`; gives the talk.

        In a talk by its name, else in the latest in which there is somebody. Keys are those of `POST /__admin/act`.
        Raises SimulatorError.
        """
        __tracebackhide__ = OURS
        return self._bridge.now(lambda: self._inside.act(name, talk, keys))

    def say(self, text: str, *, talk: str | None = None, agent: str | None = None, after: float = 0.0) -> str:
        """The bot, or an agent, says a text to the client; gives the talk. Raises SimulatorError."""
        __tracebackhide__ = OURS
        keys = {"text": text, "after": after} | ({} if agent is None else {"agent": agent})
        return self._bridge.now(lambda: self._inside.act("say", talk, keys))

    def send(self, name: str, body: Any = None, **keys: Any) -> int:
        """Push a message of the server's, to all who are connected or to those that `talk` or `channels` names.

        Its model judges it unless `validate=False`; other keys are those of `POST /__admin/channels/send`. Gives to how
        many it went. Raises SimulatorError.
        """
        __tracebackhide__ = OURS
        given = {"name": name, **({} if body is None else {"body": body}), **keys}
        return self._bridge.now(lambda: self._inside.send(given))

    def reset(self) -> None:
        """Close all sockets, and begin anew: state, ids, journal, a manual clock's time. Of this space alone."""
        __tracebackhide__ = OURS
        self._bridge.now(self._inside.reset)

    def check(self) -> None:
        """Raises Unmatched where a client said what is not on the cassette, and that was not raised yet."""
        __tracebackhide__ = OURS
        self._bridge.now(lambda: self._inside.serving.judge(over=False))


class AsyncLive(View):
    """To be awaited, from asyncio."""

    async def wait_for(
        self, name: str | None = None, *, timeout: float = SECONDS, after: After = 0, **which: Unpack[Which]
    ) -> Message:
        """The first message of that kind, also one that has passed already: `after="now"` or a number says otherwise.

        Raises NotSeen, which tells what came nearest, after `timeout` seconds of real time.
        """
        __tracebackhide__ = OURS
        return (await self.wait_for_count(1, name, timeout=timeout, after=after, **which))[0]

    async def wait_for_count(
        self, count: int, name: str | None = None, *, timeout: float = SECONDS, after: After = 0, **which: Unpack[Which]
    ) -> list[Message]:
        """The first so many. Raises NotSeen."""
        __tracebackhide__ = OURS
        return await self._bridge.soon(lambda: self._inside.wait_for(name, count, timeout, after, which))

    async def find(self, name: str | None = None, *, after: int = 0, **which: Unpack[Which]) -> list[Message]:
        """Those that have passed."""
        __tracebackhide__ = OURS
        return await self._bridge.soon(lambda: self._inside.find(name, after, which))

    async def advance(self, seconds: float) -> None:
        """Move a manual clock on: all that falls due is written when it returns. Raises SimulatorError."""
        __tracebackhide__ = OURS
        await self._bridge.soon(lambda: self._inside.advance(seconds))

    def backend(self, name: str) -> AsyncLive:
        """One of several that are served: its addresses, and its messages alone."""
        __tracebackhide__ = OURS
        return AsyncLive(self._inside.of(name), self._bridge)

    def space(
        self,
        name: str,
        *,
        seed: int | None = None,
        clock: str | None = None,
        scenario: str | Path | Mapping[str, Any] | None = None,
    ) -> AsyncLive:
        """A space of that name, made where there is none; it begins anew where anything else is said of it."""
        __tracebackhide__ = OURS
        return AsyncLive(self._bridge.now(lambda: self._inside.space(name, seed, clock, scenario)), self._bridge)


class Live(View):
    """Blocking, for any thread; `aio` is the same to be awaited."""

    def __init__(self, inside: Inside, bridge: There) -> None:
        super().__init__(inside, bridge)
        self._there = bridge
        self.aio = AsyncLive(inside, bridge)
        """For async tests."""

    def wait_for(
        self, name: str | None = None, *, timeout: float = SECONDS, after: After = 0, **which: Unpack[Which]
    ) -> Message:
        """The first message of that kind, also one that has passed already: `after="now"` or a number says otherwise.

        Raises NotSeen, which tells what came nearest, after `timeout` seconds of real time.
        """
        __tracebackhide__ = OURS
        blocking("wait_for")
        return self._there.block(lambda: self._inside.wait_for(name, 1, timeout, after, which))[0]

    def wait_for_count(
        self, count: int, name: str | None = None, *, timeout: float = SECONDS, after: After = 0, **which: Unpack[Which]
    ) -> list[Message]:
        """The first so many. Raises NotSeen."""
        __tracebackhide__ = OURS
        blocking("wait_for_count")
        return self._there.block(lambda: self._inside.wait_for(name, count, timeout, after, which))

    def check(self) -> None:
        """Raises Unmatched where a client said what is not on the cassette, and that was not raised yet."""
        __tracebackhide__ = OURS
        self._there.block(self._inside.check)

    def find(self, name: str | None = None, *, after: int = 0, **which: Unpack[Which]) -> list[Message]:
        """Those that have passed."""
        __tracebackhide__ = OURS
        return self._there.block(lambda: self._inside.find(name, after, which))

    def advance(self, seconds: float) -> None:
        """Move a manual clock on: all that falls due is written when it returns. Raises SimulatorError."""
        __tracebackhide__ = OURS
        blocking("advance")
        self._there.block(lambda: self._inside.advance(seconds))

    def backend(self, name: str) -> Live:
        """One of several that are served: its addresses, and its messages alone."""
        __tracebackhide__ = OURS
        return Live(self._bridge.now(lambda: self._inside.of(name)), self._there)

    def space(
        self,
        name: str,
        *,
        seed: int | None = None,
        clock: str | None = None,
        scenario: str | Path | Mapping[str, Any] | None = None,
    ) -> Live:
        """A space of that name, made where there is none; it begins anew where anything else is said of it."""
        __tracebackhide__ = OURS
        return Live(self._bridge.now(lambda: self._inside.space(name, seed, clock, scenario)), self._there)

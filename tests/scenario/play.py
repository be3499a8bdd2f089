"""Scenarios in tests: a story is played to its end, line by line, on an engine with a backend that only has talks.

    ann comes                  somebody comes into the talk `ann`, for the first time or again
    ann >> hello               the client says this
    ann sends ack {"id": 1}    a message that says nothing
    ann << say Hello           the next thing that the bot did
    after 1.5                  so many seconds pass
    ann is silent              the bot did nothing more
    log my.yaml:3: ...         the next line of the log

Acts are read as `say Hello`, `say Hello as Sam`, `typing on`, `status read`, `queue 3`, `hand_off Sam`, `leave`, `picture URL TYPE TEXT`,
`file URL TYPE TEXT`, `stream a|b 0.1`, `end`, `raw NAME BODY`; and of nobody (`-`) `ended 4001`: a socket was ended.
"""

from __future__ import annotations

import json
import textwrap
from collections import deque
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any, cast

from simulator.core import bot
from simulator.core.actions import Action, Began, Call, Ended, Heard
from simulator.core.backend import Backend
from simulator.core.engine import Engine
from simulator.core.events import Acted, Conn, Event, Received
from simulator.core.ids import Ids
from simulator.core.message import Frame, Json, Message
from simulator.core.wire import Detached, Effect, Got, Input, Output, Reset, Shut
from simulator.core.world import World
from simulator.scenario.bot import ScenarioBot
from simulator.scenario.reader import Script
from simulator.scenario.stage import Stage, load
from tests.talk import Talk

START = 1767225600.0


def script(text: str, path: str = "my.yaml") -> Script:
    """A scenario as a test writes it."""
    return load(textwrap.dedent(text).encode(), path)


def play(text: str, backend: str = "chip", seed: int = 7) -> Talk:
    """A real backend whose bot plays it."""
    return Talk(backend, seed=seed, script=Stage(script(text)))


class _Wire:
    """Frames are `talk event body`."""

    def __init__(self, rules: _Rules) -> None:
        self.rules = rules

    def take(self, given: Input) -> list[Output]:
        if isinstance(given, Detached):
            self.rules.did.append(("-", given, None))
            return []
        assert isinstance(given, Got)
        talk, event, body = str(cast("Frame", given.item).data).split(" ", 2)
        return [Received(talk, Message(event, (json.loads(body),)))]

    def owes(self) -> list[tuple[Any, int]]:
        return []

    def clients(self) -> Any:
        return iter(())

    def number(self, session: str) -> None:
        return None


class _Rules:
    """`come` begins a talk, `gone` ends it, `say` says something, everything else is nothing to answer."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.did: deque[tuple[str, bot.Act | Detached, Heard | None]] = deque()
        self.about: dict[str, Json] | None = {"name": "Ann"}

    def handle(self, event: Event) -> list[Action]:
        if isinstance(event, Acted):
            self.did.append((event.talk, event.act, event.heard))
            return []
        assert isinstance(event, Received)
        talk, message = str(event.conn), event.message
        if message.name == "come":
            again = talk in self.known
            self.known.add(talk)
            return [Began(talk, talk, again)]
        if message.name == "gone":
            self.known.discard(talk)
            return [Ended(talk)]
        if message.name == "say":
            body = cast("dict[str, Json]", message.args[0])
            return [Heard(talk, str(body["text"]), message, talk, self.about)]
        return []

    def talks(self) -> Collection[str]:
        return self.known

    def objection(self, talk: str, act: bot.Act) -> str | None:
        return None

    def talk_of(self, conn: Conn, message: Message) -> str | None:
        return str(conn) if message.name not in ("come", "gone") else None

    def conns_of(self, talk: str) -> tuple[()]:
        return ()


class Story:
    """One run."""

    def __init__(self, text: str | Script, seed: int = 7, backend: str = "none") -> None:
        self.logged: deque[str] = deque()
        self.noted: list[str] = []
        """What the operator reads with -v."""
        self.stage = Stage(text if isinstance(text, Script) else script(text))
        self.ends: list[Shut | Reset] = []
        self.rules = _Rules()
        self.backend = cast("Backend", SimpleNamespace(name=backend))
        self.world = World(now=START, ids=Ids.seeded(seed), seed=None, settings=None, log=self._log)
        self.bot: ScenarioBot = self.stage(self.backend, self.world)
        self.engine = Engine(_Wire(self.rules), self.rules, self.bot, self.world)

    def _log(self, level: str, text: str, /, **facts: object) -> None:
        (self.noted if level == "info" else self.logged).append(text)

    def give(self, talk: str, event: str, body: Json = None) -> None:
        self._carry(self.engine.take(Got(len(talk), Frame(f"{talk} {event} {json.dumps(body)}"))))

    def _carry(self, effects: Sequence[Effect | Call]) -> None:
        """All that can leave is the end of a socket."""
        for effect in effects:
            assert isinstance(effect, Shut | Reset)
            self.ends.append(effect)

    def say(self, text: str, talk: str = "ann") -> None:
        self.give(talk, "say", {"text": text})

    def after(self, seconds: float) -> None:
        self._carry(self.engine.run_until(round(self.world.now() + seconds, 6)))

    def did(self) -> list[str]:
        """All that the bot did since this was asked last, each with its talk before it."""
        lines = [f"{talk} {shown(act)}" for talk, act, _ in self.rules.did]
        self.rules.did.clear()
        return lines

    def play(self, transcript: str) -> Story:
        """Play a transcript to its end; whatever the bot did and is not in it fails, and so does what was logged."""
        for line in textwrap.dedent(transcript).strip().splitlines():
            if line.strip() and not line.startswith("#"):
                self._line(line.strip())
        assert not self.rules.did, f"the bot did more: {self.did()}"
        assert not self.logged, self.logged
        return self

    def _line(self, line: str) -> None:
        match line.split(" ", 2):
            case ["after", seconds]:
                self.after(float(seconds))
            case ["log", *_]:
                assert self.logged, f"nothing was logged for: {line}"
                assert self.logged.popleft() == line.removeprefix("log ")
            case [talk, "comes"]:
                self.give(talk, "come")
            case [talk, ">>", text]:
                self.say(text, talk)
            case [talk, "<<", expected]:
                assert self.rules.did, f"nothing was done for: {line}; {list(self.logged)}"
                found, act, _ = self.rules.did.popleft()
                assert (found, shown(act)) == (talk, expected)
            case [_, "is", "silent"]:
                assert not self.rules.did, f"the bot did {self.did()} before: {line}"
            case [talk, "sends", what]:
                event, _, body = what.partition(" ")
                self.give(talk, event, json.loads(body or "null"))
            case _:
                raise AssertionError(f"not a line of a story: {line}")


def shown(act: bot.Act | Detached) -> str:
    """What was done as a transcript has it."""
    match act:
        case Detached():
            return f"ended {act.code}"
        case bot.Say():
            return f"say {act.text}" + (f" as {act.agent}" if act.agent is not None else "")
        case bot.Typing():
            return f"typing {'on' if act.on else 'off'}"
        case bot.Status():
            return f"status {act.status}"
        case bot.Queue():
            return f"queue {act.position}"
        case bot.HandOff():
            return f"hand_off {act.agent}"
        case bot.Leave():
            return "leave"
        case bot.Picture() | bot.File():
            kind = "picture" if isinstance(act, bot.Picture) else "file"
            return f"{kind} {act.url} {act.type} {act.text}".rstrip()
        case bot.Stream():
            return f"stream {'|'.join(act.chunks)} {act.pace:g}"
        case bot.End():
            return "end"
        case _:
            return f"raw {act.name} {json.dumps(act.body)}"

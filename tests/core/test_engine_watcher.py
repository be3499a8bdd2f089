"""A bot that watches, and what stands where the wire stands: both have timers of their own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from simulator.core.actions import Action, After, Began, Cancel, Ended, Heard, Send
from simulator.core.bot import Act, Directed, EchoBot, Saw, Say
from simulator.core.engine import Engine
from simulator.core.events import Acted, Event, Fired, Received
from simulator.core.ids import Ids
from simulator.core.message import Frame, Message
from simulator.core.wire import Aside, Detached, Drop, Due, Got, Input, Link, Output, Reset, Shut, Write
from simulator.core.world import World

if TYPE_CHECKING:
    from simulator.core.bot import Deed


class Stage:
    """A wire that reads a frame as a message's name, rules that know some of them, and a bot that notes and obeys."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.says: dict[str, list[Deed]] = {}
        self.world = World(now=100.0, ids=Ids.seeded(1), seed=0, settings=0)
        self.bot = StageBot(self)
        self.engine = Engine(self, StageRules(), self.bot, self.world)

    def take(self, given: Input) -> list[Output]:
        if isinstance(given, Send):
            return [Write(conn, Frame(given.message.name)) for conn in given.conns if isinstance(conn, int)]
        if isinstance(given, Due):
            return [Write(1, Frame(f"wire's {given.name}"))]
        if isinstance(given, Detached):
            self.noted.append(f"detached {given.link} {given.code}")
            return []
        assert isinstance(given, Got)
        assert isinstance(given.item, Frame)
        return [Received(given.link, Message(str(given.item.data)))]

    def owes(self) -> list[tuple[Hashable, int]]:
        return []

    def clients(self) -> Any:
        return iter(())

    def number(self, session: str) -> None:
        return None

    def get(self, name: str) -> list[str]:
        return texts(self.engine.take(Got(1, Frame(name))))

    def until(self, t: float) -> list[str]:
        return texts(self.engine.run_until(t))


def texts(effects: Sequence[object]) -> list[str]:
    return [str(effect.item.data) for effect in effects if isinstance(effect, Write)]


class StageRules:
    def handle(self, event: Event) -> list[Action]:
        match event:
            case Received(conn, Message("hello") as message):
                return [Heard("talk", "hello", message, conn)]
            case Received(conn, Message("begin")):
                return [Began("talk", conn)]
            case Received(_, Message("end")):
                return [Ended("talk")]
            case Acted(_, Say(text)):
                return [Send((1,), Message(text))]
        return []

    def talks(self) -> list[str]:
        return ["talk"]

    def objection(self, talk: str, act: Act) -> str | None:
        return None

    def talk_of(self, conn: Hashable, message: Message) -> str | None:
        return None if message.name == "stray" else "talk"

    def conns_of(self, talk: str) -> tuple[()]:
        return ()


class StageBot:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.link: Link | None = None
        self.links: list[Link | None] = []

    def _note(self, what: str, key: object) -> list[Deed]:
        self.links.append(self.link)
        self.stage.noted.append(f"{what} {key} at {self.stage.world.now():g}")
        return self.stage.says.get(str(key), [])

    def hear(self, heard: Heard) -> list[Deed]:
        return self._note("hears", heard.text)

    def began(self, began: Began) -> list[Deed]:
        return self._note("began", began.talk)

    def ended(self, ended: Ended) -> list[Deed]:
        return self._note("ended", ended.talk)

    def saw(self, saw: Saw) -> list[Deed]:
        return self._note("saw", saw.message.name)

    def fired(self, fired: Fired) -> list[Deed]:
        return self._note("fired", fired.name)

    def directed(self, directed: Directed) -> list[Deed]:
        return [Acted(directed.talk, Say(directed.state))]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def say(text: str, after: float = 0.0) -> Acted:
    return Acted("talk", Say(text, after=after))


def test_a_watcher_hears_sees_and_is_told_of_beginnings(stage: Stage) -> None:
    for name in ("begin", "hello", "nod", "stray", "end"):
        stage.get(name)
    assert stage.noted == [
        *["began talk at 100", "saw begin at 100", "hears hello at 100", "saw nod at 100"],
        *["ended talk at 100", "saw end at 100"],
    ]


def test_what_it_does_comes_in_order_of_its_time(stage: Stage) -> None:
    stage.says["hello"] = [say("later", after=2.0), say("now"), After(1.0, "talk", "tick")]
    stage.says["tick"] = [say("tick"), say("tock", after=0.5)]
    assert stage.get("hello") == ["now"]
    assert stage.until(200.0) == ["tick", "tock", "later"]
    assert stage.noted == ["hears hello at 100", "fired tick at 101"]


def test_its_timers_are_its_own(stage: Stage) -> None:
    stage.says["hello"] = [After(1.0, "talk", "a"), After(2.0, "talk", "b"), After(3.0, "talk", "a")]
    stage.says["nod"] = [Cancel("talk", "b")]
    stage.get("hello")
    stage.get("nod")
    stage.until(200.0)
    assert stage.noted == ["hears hello at 100", "saw nod at 100", "fired a at 103"]


def test_it_knows_over_which_socket_it_is_told_and_can_end_it(stage: Stage) -> None:
    stage.says["hello"] = [say("bye"), After(0.0, "talk", "end")]
    stage.says["end"] = [Shut(1, 4001, "gone"), Shut(2, None), Reset(3)]
    effects = stage.engine.take(Got(1, Frame("hello")))
    assert texts(effects) == ["bye"]
    assert effects[1:] == [Shut(1, 4001, "gone"), Shut(2, None), Reset(3)]
    assert stage.noted == [
        "hears hello at 100",
        "fired end at 100",
        "detached 1 4001",
        "detached 2 1005",
        "detached 3 1006",
    ]
    # A timer is no socket.
    assert stage.bot.links == [1, None]


def test_another_bot_takes_over(stage: Stage) -> None:
    stage.says["hello"] = [After(1.0, "talk", "a"), say("promised", after=1.0)]
    stage.get("hello")
    stage.engine.use(EchoBot(0.0))
    assert stage.until(102.0) == ["promised"]
    assert stage.get("begin") == []
    assert stage.get("hello") == ["You said: hello"]
    assert stage.noted == ["hears hello at 100"]


def test_what_stands_where_the_wire_stands(stage: Stage) -> None:
    def late(given: Input) -> list[Output]:
        match given:
            case Due(Aside(owner), name):
                return [Write(1, Frame(f"{owner} {name}"))]
            case Got():
                return [
                    *(After(seconds, Aside("held"), seconds) for seconds in (1.0, 2.0, 3.0)),
                    After(1.5, "held", 1.0),
                    Cancel(Aside("held"), 2.0),
                ]
        return stage.take(given)

    stage.engine.interpose(late)
    assert stage.get("hello") == []
    assert stage.noted == [], "nothing reached the rules"
    assert stage.until(101.0) == ["held 1.0"]
    stage.engine.interpose(None)
    stage.get("hello")
    assert stage.noted == ["hears hello at 101"]
    assert stage.until(200.0) == ["wire's 1.0", "held 3.0"], "what was held comes although nothing stands there"


# --- by hand


def test_a_talk_is_directed(stage: Stage) -> None:
    assert texts(stage.engine.take(Directed("talk", "there"))) == ["there"]
    stage.engine.use(EchoBot())
    assert stage.engine.watcher is None
    assert stage.engine.take(Directed("talk", "there")) == []


def test_a_socket_is_ended_past_the_wire(stage: Stage) -> None:
    assert stage.engine.take(Shut(1, 4001, "off")) == [Shut(1, 4001, "off")]
    assert stage.engine.take(Drop(2)) == [Drop(2)]
    assert stage.noted == ["detached 1 4001", "detached 2 1006"]

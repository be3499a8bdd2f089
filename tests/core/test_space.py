"""Spaces: what a journal keeps, what an engine is built from, what a reset gives back."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from simulator.core.actions import Action
from simulator.core.backend import Backend
from simulator.core.bot import EchoBot
from simulator.core.events import Event
from simulator.core.link import LinkPolicy
from simulator.core.message import Frame, Ping, Pong, Response
from simulator.core.objects import Nothing
from simulator.core.space import Entry, Journal, Space, mark
from simulator.core.wire import Input, Output
from simulator.core.world import World
from tests.talkless import Talkless


class Clock:
    mode = "manual"

    def __init__(self) -> None:
        self.t = 100.0

    def now(self) -> float:
        return self.t


class Settings(BaseModel):
    pass


class Seed(BaseModel):
    settings: Settings = Settings()


class Wire:
    def __init__(self, world: World) -> None:
        self.world = world

    def take(self, given: Input) -> list[Output]:
        return []

    def owes(self) -> list[Any]:
        return []

    def clients(self) -> Any:
        return iter(())

    def number(self, session: str) -> None:
        return None


class Rules(Talkless):
    def __init__(self, world: World) -> None:
        self.world = world
        self.token = world.ids.token(8)

    def handle(self, event: Event) -> list[Action]:
        return []

    def talks(self) -> list[str]:
        return [self.token]


def backend(name: str) -> Backend:
    def unused(*_: object) -> Any:
        raise AssertionError("a space has no use for this")

    return Backend(
        name, "summary", "transport", 1, Seed, Wire, Rules, lambda settings: EchoBot(), unused, (),
        lambda settings: LinkPolicy(), lambda settings: 0.0, lambda request, why: Response(404), unused,
        {}, {}, {}, unused, unused,
    )  # fmt: skip


def log(level: str, text: str, /, **facts: object) -> None:
    """Says nothing."""


def test_journal_keeps_the_last() -> None:
    journal = Journal(most=2)
    assert [*journal] == []
    items: list[Frame | Ping | Pong] = [Frame("a"), Ping(b"b"), Pong(b"c")]
    for i, item in enumerate(items):
        journal.add(float(i), "chip", 5, "client", item)
    assert [*journal] == [
        Entry(2, 1.0, "chip", 5, "client", Ping(b"b")),
        Entry(3, 2.0, "chip", 5, "client", Pong(b"c")),
    ]
    assert journal.total == 3


def test_journal_gives_back_what_it_was_given() -> None:
    journal = Journal()
    items: list[Frame | Ping | Pong] = [
        Frame("a"),
        Frame(b"a"),
        Frame("a", "polling"),
        Frame(b"a", "longpoll"),
        Ping(b"a"),
        Pong(b"a"),
    ]
    for item in items:
        journal.add(0.0, "chip", 1, "server", item)
    assert [entry.item for entry in journal] == items


def test_whose_lines_they_are() -> None:
    journal = Journal(most=3)
    for link, sender in enumerate(("client", "server", "client", "server"), 1):
        journal.add(0.0, "chip", link, sender, Ping())
    assert journal.whose(0) == [(4, "server"), (3, "client"), (2, "server")]
    assert journal.whose(3) == [(4, "server")]
    assert journal.whose(4) == journal.whose(9) == []
    journal.remove({3})
    assert (journal.whose(2), journal.revised) == ([(4, "server"), (3, "")], 1)
    journal.clear()
    assert (journal.whose(0), journal.revised) == ([], 2)


def test_journal_keeps_no_more_than_its_room() -> None:
    journal = Journal(room=10)
    for data in ("aaaa", b"bbbb", "cc"):
        journal.add(0.0, "chip", 1, "server", Frame(data))
    assert [entry.number for entry in journal] == [1, 2, 3], "ten is not above ten"
    journal.add(0.0, "chip", 1, "server", Frame("d"))
    assert [entry.number for entry in journal] == [2, 3, 4]
    journal.add(0.0, "chip", 1, "server", Frame("e" * 11))
    assert ([*journal], journal.total) == ([], 5)
    journal.add(0.0, "chip", 1, "server", Frame("f" * 10))
    assert [entry.number for entry in journal] == [6], "what was let go takes no room"


def test_journal_has_room_for_what_went_by_its_number() -> None:
    journal = Journal(most=1, room=10)
    for data in ("aaaaaa", "bbbbbb"):
        journal.add(0.0, "chip", 1, "server", Frame(data))
    assert [entry.number for entry in journal] == [2], "the first has gone: the second is alone, and has room"


def test_journal_may_grow_while_it_is_read() -> None:
    journal = Journal(most=3)
    for _ in range(3):
        journal.add(0.0, "chip", 1, "client", Frame("a"))
    numbers = []
    for entry in journal:
        journal.add(0.0, "chip", 1, "client", Frame("b"))
        numbers.append(entry.number)
    assert numbers == [1, 2, 3]
    assert [entry.number for entry in journal] == [4, 5, 6]


def test_who_listens_to_a_journal_need_not_count_it() -> None:
    journal, heard = Journal(most=4), []
    assert journal.most == 4
    journal.listen(lambda: heard.append(journal.total))
    journal.add(0.0, "chip", 1, "client", Frame("a"))
    assert heard == [1]
    assert dict(journal.tally()) == {("chip", "client"): 1}
    journal.listen(None)
    journal.add(0.0, "chip", 1, "client", Frame("b"))
    assert (heard, dict(journal.tally())) == ([1], {("chip", "client"): 2})


def test_empty_journal_is_one() -> None:
    journal = Journal(most=1)
    assert Space(Clock(), 7, journal=journal).journal is journal


def test_engine_has_the_spaces_time_and_ids() -> None:
    space, seed = Space(Clock(), 7, "mine"), Seed()
    running = space.open(backend("one"), seed, log)
    world = running.engine.world
    assert space.running == {"one": running}
    assert (space.name, world.now(), world.seed, world.settings, world.log) == ("mine", 100.0, seed, seed.settings, log)
    assert [*running.engine.rules.talks()] == [space.ids.child("backend", "one").token(8)]
    assert [*running.engine.wire.owes()] == []


@pytest.mark.parametrize(("seed", "name", "same"), [(7, "one", True), (8, "one", False), (7, "two", False)])
def test_ids_hang_on_seed_and_backend_alone(seed: int, name: str, same: bool) -> None:
    first = Space(Clock(), 7).open(backend("one"), Seed(), log)
    crowded = Space(Clock(), seed, "another name")
    crowded.open(backend("three"), Seed(), log)
    second = crowded.open(backend(name), Seed(), log)
    assert ([*first.engine.rules.talks()] == [*second.engine.rules.talks()]) is same


class Store(Nothing):
    def __init__(self) -> None:
        self.cleared = 0

    def clear(self) -> None:
        self.cleared += 1


def test_objects_are_the_spaces_and_a_reset_clears_them() -> None:
    store = Store()
    space = Space(Clock(), 7, objects=store)
    running = space.open(backend("one"), Seed(), log)
    assert running.engine.world.objects is store
    space.reset()
    assert store.cleared == 1
    assert running.engine.world.objects is store


def test_reset_begins_anew() -> None:
    clock = Clock()
    space = Space(clock, 7, journal=Journal(most=1, room=5))
    one, two = (space.open(backend(name), Seed(), log) for name in ("one", "two"))
    before = [[*running.engine.rules.talks()] for running in (one, two)]
    engine = one.engine
    drawn = space.ids.token(8)
    space.journal.add(0.0, "one", 1, "client", Frame("a"))
    clock.t = 200.0
    space.reset()
    assert space.running == {"one": one, "two": two}, "who holds a Running holds the new engine"
    assert one.engine is not engine
    assert one.engine.world.now() == 200.0
    assert [[*running.engine.rules.talks()] for running in (one, two)] == before
    assert space.ids.token(8) == drawn
    assert ([*space.journal], space.journal.total) == ([], 0)
    for data in ("a", "b", "c" * 6):
        space.journal.add(0.0, "one", 1, "client", Frame(data))
        assert len([*space.journal]) == (len(data) == 1), "the bounds stay"


def test_a_space_bears_a_mark_that_its_name_alone_decides() -> None:
    marks = {name: Space(Clock(), seed, name).mark for name, seed in (("gw0", 7), ("gw1", 7), ("gw2", 8))}
    assert len({*marks.values()}) == 3
    assert marks["gw0"] == Space(Clock(), 8, "gw0").mark == mark("gw0")
    assert all(len(found) == 8 and found.isalnum() for found in marks.values())
    assert Space(Clock(), 7).mark == ""
    named = Space(Clock(), 7, "gw0").open(backend("one"), Seed(), log)
    other = Space(Clock(), 7).open(backend("one"), Seed(), log)
    assert (named.engine.world.mark, other.engine.world.mark) == (marks["gw0"], "")
    assert [*named.engine.rules.talks()] == [*other.engine.rules.talks()], "all else is of the seed"


def test_a_journal_counts_once_somebody_asks() -> None:
    journal, heard = Journal(most=3), []
    for _ in range(5):
        journal.add(0.0, "chip", 1, "client", Frame("{}"))
    journal.remove({4})
    journal.listen(lambda: heard.append(journal.total))
    assert journal.tally() == {("chip", "client"): 2}
    journal.add(0.0, "chip", 1, "server", Frame("{}"))
    journal.listen(None)
    journal.add(0.0, "mia", 1, "client", Ping(b""))
    journal.clear()
    journal.add(0.0, "mia", 1, "client", Frame("{}"))
    assert journal.tally() == {("chip", "client"): 2, ("chip", "server"): 1, ("mia", "client"): 2}
    assert len(heard) == 1
    journal.listen(lambda: heard.append(0))
    journal.add(0.0, "mia", 1, "client", Frame("{}"))
    assert len(heard) == 2


def test_a_space_keeps_an_empty_journal() -> None:
    journal = Journal(most=1)
    assert Space(Clock(), 7, journal=journal).journal is journal

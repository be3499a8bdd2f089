"""A process full of clients: `python -m tests.soak.crowd '{"bases", "urls", "number", "slots", "seed", "think", "waits"}'`.

It reads `go`, `fill` (the same, with many to whom a scenario answers), `rest` (all leave, then it says so) and `end`, a
line each, and tells its tally every second.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

from tests.soak import rascals
from tests.soak.client import Client, Ended
from tests.soak.http import Http
from tests.soak.lag import Lag
from tests.soak.pace import Pace
from tests.soak.people import Behaviour, Lost, Person, Poller, Wrong, url_in
from tests.soak.told import Told
from tests.soak.waits import Waits

FAULTY = "faulty"
STORY = "story"


async def chat(told: Told, dice: random.Random, space: str = "", word: str = "You said: ", stay: float = 0.0) -> None:
    """A talk with answers, and an orderly end."""
    backend = told.one_of(dice)
    with told.at(backend, "stay" if stay else space or "chat"):
        client = await Client.open(url_in(told.urls[backend], space), told.origin)
        person = told.person(backend, client)
        try:
            await person.enter()
            for _ in range(dice.randrange(1, 4)):
                count = dice.randrange(1, 4)
                for _ in range(count):
                    person.say()
                for _ in range(count):
                    await person.hear(word)
                # At concierge others wait for the room.
                if stay and backend != "concierge":
                    await told.pause(dice.random() * stay)
            await told.leave(person, space)
        finally:
            told.gone(person, space)
            client.reset()


async def stay(told: Told, dice: random.Random) -> None:
    """One who is there for long and says little."""
    await chat(told, dice, stay=told.waits.stay)


async def story(told: Told, dice: random.Random) -> None:
    """A scenario answers."""
    await chat(told, dice, STORY, "heard ")


async def poll(told: Told, dice: random.Random) -> None:
    """The same without a WebSocket."""
    backend = told.one_of(dice, "mia", "chatbot", "aida")
    with told.at(backend, "poll"):
        http = await Http.open(told.bases[backend], told.origin)
        poller = Poller(http, backend)
        person = told.person(backend, poller)
        try:
            await poller.open()
            await person.enter()
            for _ in range(dice.randrange(1, 4)):
                person.say()
                await person.hear()
            await told.leave(person, "")
        finally:
            told.gone(person, "")
            http.reset()


async def upload(told: Told, dice: random.Random) -> None:
    """An image, whole."""
    await rascals.upload(told, dice)


async def faulty(told: Told, dice: random.Random) -> None:
    """A talk over a line on which things go wrong: what is lost is a fault's, and nothing comes that was not said."""
    backend = dice.choice(("aida", "chatbot", "chip", "mia"))
    client, person = None, None
    try:
        client = await Client.open(url_in(told.urls[backend], FAULTY), told.origin)
        person = Person(backend, client, told.name())
        async with asyncio.timeout(4.0):
            await person.enter()
            for _ in range(3):
                person.say()
                await person.hear(loose=True)
            await client.close()
    except (Ended, OSError, EOFError, TimeoutError):
        told.explained["lines with faults that broke or fell silent"] += 1
    except ValueError:
        told.explained["answers that a fault made unreadable"] += 1
    finally:
        if client is not None:
            client.reset()
        if person is not None:
            told.wild_said += person.said
            told.explained["messages that a fault took"] += person.said - person.answered
            if person.answered > person.said:
                raise Wrong(f"{backend}: answered {person.answered} of {person.said}")


GOOD: dict[Behaviour, float] = {stay: 40, chat: 25, story: 6, poll: 6, upload: 3}
WILD: dict[Behaviour, float] = {
    faulty: 8,
    rascals.vanish: 6,
    rascals.flood: 1,
    rascals.deaf: 0.15,
    rascals.half_open: 3,
    rascals.half_body: 1,
    rascals.unread: 0.4,
    rascals.broken: 2,
    rascals.poll_and_leave: 3,
    rascals.upgrade_and_abort: 2,
    rascals.give_up_upload: 2,
    rascals.put_object: 2,
    rascals.onlooker: 2,
    rascals.passing: 2,
}
FILLING: dict[Behaviour, float] = {story: 30}
"""Until what is bounded is full: few have a scenario, and theirs is a space with bounds of its own."""


class Crowd:
    """All of them."""

    def __init__(self, told: Told, seed: str, slots: int, think: float) -> None:
        self.told = told
        self._seed = seed
        self._slots = slots
        self._think = think
        self._going = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._behaviours: dict[Behaviour, float] = {}

    def start(self) -> None:
        """Nobody comes yet."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._slot(random.Random(f"{self._seed}/{n}"))) for n in range(self._slots)]

    def go(self, fill: bool) -> None:
        """Let them come."""
        self._behaviours = {**GOOD, **WILD, **(FILLING if fill else {})}
        self.told.leaving.clear()
        self._going.set()

    async def rest(self) -> None:
        """Nobody comes any more; until the last one has left."""
        self._going.clear()
        self.told.leaving.set()
        while any(self.told.here.values()):
            await asyncio.sleep(0.1)

    async def _slot(self, dice: random.Random) -> None:
        pace = self.told.pace
        first = True
        while True:
            await self._going.wait()
            await asyncio.sleep(dice.random() * 4 * self._think if first else dice.expovariate(1 / self._think))
            await pace.come()
            try:
                if self._going.is_set():
                    first = False
                    behaviour = dice.choices([*self._behaviours], [*self._behaviours.values()])[0]
                    await self._one(behaviour, dice)
            finally:
                pace.go()

    async def _one(self, behaviour: Behaviour, dice: random.Random) -> None:
        told, name = self.told, behaviour.__name__
        told.here[name] += 1
        try:
            await behaviour(told, dice)
            told.done[name] += 1
        except (Ended, ConnectionError, EOFError, Lost) as error:
            if behaviour not in GOOD:
                told.explained["a reset of the space"] += 1
            elif told.lag.starved:
                told.starved += 1
            else:
                told.amiss(f"{name}: {error!r}")
        except Exception as error:
            told.amiss(f"{name}: {error!r}")
        finally:
            told.here[name] -= 1


async def main(given: dict[str, Any]) -> None:
    """Until `end`."""
    loop = asyncio.get_running_loop()
    lag, pace = Lag(), Pace(given["slots"])
    told = Told(given["bases"], given["urls"], given["number"], Waits(**given["waits"]), lag, pace)
    crowd = Crowd(told, f"{given['seed']}/{given['number']}", given["slots"], given["think"])
    crowd.start()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    async def telling() -> None:
        while True:
            await asyncio.sleep(1.0)
            pace.tick(lag.take_recent())
            tell()

    def tell(**more: Any) -> None:
        print(json.dumps({**told.tally(), **more}), flush=True)

    beside = [loop.create_task(telling()), loop.create_task(lag.watch())]
    while line := (await lines.readline()).decode().strip():
        if line in ("go", "fill"):
            crowd.go(fill=line == "fill")
        elif line == "rest":
            await crowd.rest()
            tell(rested=True)
        else:
            break
    for task in beside:
        task.cancel()
    tell()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))

"""Who is connected now, over whichever transport, and how that is ended by hand."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from simulator.core.events import Conn
from simulator.core.space import Journal, Running
from simulator.core.wire import Drop, Hangup, Link, Present, Shut
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.clock import written
from simulator.serve.driver import Driver
from simulator.serve.links import JUST_ENDED, NO_CODE
from simulator.serve.spaces import Place

_Whose = tuple[Link, str]


class _Passed:
    """How many frames of each socket a journal has, both ways: of what came and went since it was last asked alone."""

    def __init__(self) -> None:
        self._counts: dict[_Whose, int] = defaultdict(int)
        self._kept: deque[_Whose] = deque()
        self._revised = 0
        self._total = 0

    def look(self, journal: Journal) -> Mapping[_Whose, int]:
        """By link and sender."""
        if journal.revised != self._revised:
            self._revised, self._total = journal.revised, 0
            self._counts.clear()
            self._kept.clear()
        # One object for all lines of a socket: what is remembered of a line is no more than where it points.
        own = {whose: whose for whose in self._counts}
        for whose in reversed(journal.whose(self._total)):
            self._counts[whose] += 1
            self._kept.append(own.setdefault(whose, whose))
        self._total = journal.total
        while len(self._kept) > len(journal):
            gone = self._kept.popleft()
            self._counts[gone] -= 1
            if not self._counts[gone]:
                del self._counts[gone]
        return self._counts


_PASSED: WeakKeyDictionary[Driver, _Passed] = WeakKeyDictionary()


def present(driver: Driver) -> Iterator[tuple[Running, Present]]:
    """Everybody who is connected to a space."""
    for running in driver.running:
        for client in running.engine.wire.clients():
            yield running, client


def brief(driver: Driver, running: Running, client: Present) -> dict[str, Any]:
    """What there is to say of a channel without looking anywhere else."""
    met = driver.met(client.number if client.link is None else client.link)
    request = client.request
    url = None if met is None else met.url
    if request is not None:
        url = f"{request.base}{request.path}{'?' if request.query else ''}{request.query}"
    since = client.since if client.since is not None else None if met is None else met.time
    told = {
        "id": str(client.number),
        "backend": running.name,
        "transport": client.transport,
        "link": client.link,
        "since": None if since is None else written(since),
        "names": [name for name in client.conns if name],
        "url": url,
    }
    return {**told, "session": client.session} if client.session else told


def _told(driver: Driver, found: list[tuple[Running, Present]]) -> list[dict[str, Any]]:
    passed = _PASSED.setdefault(driver, _Passed()).look(driver.space.journal)
    talks = {name: _talks(driver.space.running[name]) for name in {running.name for running, _ in found}}
    lines = []
    for running, client in found:
        links = {client.number, client.link}
        of = {talk: None for conn in client.conns.values() for talk in talks[running.name].get(conn, ())}
        line = brief(driver, running, client)
        line["talks"] = [*of]
        line["received"] = sum(passed.get((link, "client"), 0) for link in links if link is not None)
        line["sent"] = sum(passed.get((link, "server"), 0) for link in links if link is not None)
        lines.append(line)
    return lines


def _talks(running: Running) -> dict[Conn, list[str]]:
    """The talks of each conn."""
    found: dict[Conn, list[str]] = {}
    rules = running.engine.rules
    for talk in rules.talks():
        for conn in rules.conns_of(talk):
            found.setdefault(conn, []).append(talk)
    return found


def named(place: Place, name: str) -> tuple[Running, Present]:
    """A channel by its id, or the name of its session. Raises Complaint."""
    ids = []
    for running, client in present(place.driver):
        if name in (str(client.number), client.session):
            return running, client
        ids.append(str(client.number))
    shown = ", ".join(ids[-20:]) or "none"
    raise Complaint(404, f"there is no channel {name!r}; connected are: {shown}")


async def every(asking: Asking) -> Any:
    """`GET /__admin/channels`."""
    from simulator.serve.admin.shapes.channels import Which

    wanted = asking.query(Which).backend
    place = asking.place()
    if wanted is not None:
        asking.running(place, wanted)
    found = [one for one in present(place.driver) if wanted in (None, one[0].name)]
    return {"channels": _told(place.driver, sorted(found, key=lambda one: one[1].number))}


async def one(asking: Asking) -> Any:
    """`GET /__admin/channels/ID`."""
    place = asking.place()
    return _told(place.driver, [named(place, asking.rest)])[0]


async def end(asking: Asking) -> Any:
    """`DELETE /__admin/channels/ID?code=&reason=`."""
    from simulator.serve.admin.shapes.channels import Ending

    how = asking.query(Ending)
    return _ended(asking, 1000 if how.code is None else how.code, how.reason)


async def close(asking: Asking) -> Any:
    """`POST /__admin/channels/ID/close {"code", "reason"}`."""
    from simulator.serve.admin.shapes.channels import End

    how = await asking.read(End)
    return _ended(asking, how.code, how.reason)


def _ended(asking: Asking, code: int | None, reason: str) -> Any:
    place = asking.place()
    running, client = named(place, asking.rest)
    if len(reason.encode()) > 123:
        raise Complaint(400, "reason: expected at most 123 bytes of UTF-8, as a close frame has room for")
    if client.link is None:
        # A session that polls has no close frame: it ends as its own server would end it.
        place.driver.take(running, Hangup(client.number, code))
    elif code == JUST_ENDED:
        place.driver.take(running, Drop(client.link))
    else:
        place.driver.take(running, Shut(client.link, None if code == NO_CODE else code, reason))
    return {"closed": [str(client.number)], "code": code}


_NONE = {404: "There is no such channel."}

CALLS = (
    Call("GET", "channels", every, "Who is connected.", "channels:Channels", asks="channels:Which"),
    Call("GET", "channels/{id}", one, "One of them.", "channels:Channel", fails=_NONE),
    Call("DELETE", "channels/{id}", end, "Ends a connection, with a close code.", "channels:Ended",
         asks="channels:Ending", fails=_NONE),
    Call("POST", "channels/{id}/close", close, "Ends a connection, with a close code.", "channels:Ended",
         takes="channels:End", fails=_NONE, needless=True),
)  # fmt: skip

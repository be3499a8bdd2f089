"""The journal by control call: what passed, what of it is meant, and who waits for what is to come."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

from simulator.serve.admin import matching, violations
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.feed import feed_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.serve.admin.matching import Criterion
    from simulator.serve.admin.reading import Line
    from simulator.serve.admin.shapes.messages import Criteria, Wait
    from simulator.serve.spaces import Place

_TURN = 250
"""Lines after which others have their turn."""
_NEAR = 2000
"""Of the last lines, so many are looked at for what came nearest."""


async def messages(asking: Asking) -> Any:
    """`GET /__admin/messages`: the last ones, or those behind or before a number."""
    from simulator.serve.admin.shapes.messages import Page

    page = asking.query(Page)
    place = asking.place()
    test = matching.test(matching.criteria(place, page))
    feed = feed_of(place)
    await feed.catch_up()
    forward = page.after is not None
    lines = [*feed.reading.lines]
    if page.after is not None:
        after = page.after
        lines = [line for line in lines if line.number > after]
    if page.before is not None:
        before = page.before
        lines = [line for line in lines if line.number < before]
    found: list[Line] = []
    more = False
    for i, line in enumerate(lines if forward else reversed(lines)):
        if i % _TURN == _TURN - 1:
            await asyncio.sleep(0)
        if test(line):
            if len(found) >= page.limit:
                more = True
                break
            found.append(line)
    if not forward:
        found.reverse()
    journal = place.driver.space.journal
    return {"total": journal.total, "first": journal.first, "more": more, "messages": await _told(place, found)}


async def one(asking: Asking) -> Any:
    """`GET /__admin/messages/NUMBER`: what one frame says."""
    place = asking.place()
    feed = feed_of(place)
    await feed.catch_up()
    try:
        number = int(asking.rest)
    except ValueError:
        raise Complaint(400, f"expected the number of a frame, got {asking.rest!r}") from None
    found = feed.reading.after(number - 1, 1)
    if not found or found[0].number != number:
        journal = place.driver.space.journal
        raise Complaint(404, f"there is no frame {number}; there are {journal.first} to {journal.total}")
    return {"messages": await _told(place, found)}


async def empty(asking: Asking) -> Any:
    """`DELETE /__admin/messages`: the journal lets go of all, and counts on."""
    place = asking.place()
    feed = feed_of(place)
    kept = len(place.driver.space.journal.since(0))
    feed.reading.forget()
    return {"removed": kept}


async def find(asking: Asking) -> Any:
    """`POST /__admin/messages/find`."""
    from simulator.serve.admin.shapes.messages import Find

    wanted = await asking.read(Find)
    place = asking.place()
    found = await passed(place, wanted, wanted.after)
    return {"total": len(found), "messages": await _told(place, found[: wanted.limit])}


async def count(asking: Asking) -> Any:
    """`POST /__admin/messages/count`."""
    from simulator.serve.admin.shapes.messages import Find

    wanted = await asking.read(Find)
    return {"count": len(await passed(asking.place(), wanted, wanted.after))}


async def remove(asking: Asking) -> Any:
    """`POST /__admin/messages/remove`: the journal lets go of them, frame by frame."""
    from simulator.serve.admin.shapes.messages import Find

    wanted = await asking.read(Find)
    place = asking.place()
    journal = place.driver.space.journal
    begun = journal.begun
    numbers = {line.number for line in await passed(place, wanted, wanted.after)}
    if journal.begun != begun:
        # Other frames have these numbers by now.
        raise Complaint(409, "there was a reset meanwhile: nothing is removed")
    feed_of(place).reading.remove(numbers)
    return {"removed": len(numbers)}


async def wait(asking: Asking) -> Any:
    """`POST /__admin/messages/wait`: the answer comes when the message does."""
    from simulator.serve.admin.shapes.messages import Wait

    wanted = await asking.read(Wait)
    place = asking.place()
    found = await waited(place, wanted, 1)
    return {"message": (await _told(place, found))[0]}


async def wait_for_count(asking: Asking) -> Any:
    """`POST /__admin/messages/wait-for-count`: the answer comes with the last of them."""
    from simulator.serve.admin.shapes.messages import WaitForCount

    wanted = await asking.read(WaitForCount)
    place = asking.place()
    found = await waited(place, wanted, wanted.count)
    return {"count": len(found), "messages": await _told(place, found)}


async def waited(place: Place, wanted: Wait, count: int) -> list[Line]:
    """The first so many that pass, or have passed. Raises Complaint for what did not come in time."""
    criteria = matching.criteria(place, wanted)
    feed = feed_of(place)
    begun = place.driver.space.journal.total
    after = None if wanted.after == "now" else wanted.after
    with place:
        found = await feed.wait(matching.test(criteria), after, count, wanted.timeout)
    if len(found) >= count:
        return found
    lines = [line for line in feed.reading.lines if line.number > (begun if after is None else after)]
    raise await _missed(place, criteria, found, count, wanted.timeout, lines)


async def _missed(
    place: Place, criteria: list[Criterion], found: list[Line], count: int, seconds: float, lines: list[Line]
) -> Complaint:
    """What did not come, and what came nearest to it."""
    sought = {one.key: one.wanted for one in criteria}
    told = ", ".join(f"{key} {matching.shown(value)}" for key, value in sought.items()) or "any message"
    many = f"{len(found)} of {count} messages" if count > 1 else "no message"
    why = f"{many} within {seconds:g} s: looked for {told}"
    near = matching.nearest(lines[-_NEAR:], criteria) if not found else None
    facts: dict[str, Any] = {"looked_for": sought, "count": len(found), "passed": len(lines)}
    if near is not None:
        line, missed = near
        facts["nearest"] = (await _told(place, [line]))[0]
        facts["missed"] = missed
        why += f"; nearest is number {line.number}: {'; '.join(missed)}"
    elif not lines:
        why += "; nothing passed at all"
    return Complaint(409, why).with_facts(facts)


async def passed(place: Place, wanted: Criteria, after: int) -> list[Line]:
    """Those that have passed, behind a number. Raises Complaint."""
    test = matching.test(matching.criteria(place, wanted))
    feed = feed_of(place)
    await feed.catch_up()
    found = []
    for i, line in enumerate([*feed.reading.lines]):
        if i % _TURN == _TURN - 1:
            await asyncio.sleep(0)
        if line.number > after and test(line):
            found.append(line)
    return found


async def _told(place: Place, lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Lines for the caller, with their violations."""
    reading = feed_of(place).reading
    running = place.driver.space.running
    told: list[dict[str, Any]] = []
    rest = iter(lines)
    while part := [*islice(rest, _TURN)]:
        if told:
            await asyncio.sleep(0)
        told += [violations.told(line, reading, running[line.backend].backend) for line in part]
    return told


_LATE = {409: "Nothing of the kind came in time: what was looked for, and what came nearest.", 503: "Too many wait."}
_LESS = {409: "messages:Late"}

CALLS = (
    Call("GET", "messages", messages, "What passed, the last of it or page by page.", "messages:Messages",
         asks="messages:Page"),
    Call("DELETE", "messages", empty, "Empties the journal, which counts on.", "messages:Removed"),
    Call("GET", "messages/{number}", one, "What one frame says.", "messages:Parts",
         fails={404: "The journal does not have it (any more)."}),
    Call("POST", "messages/find", find, "The messages that are meant.", "messages:Found", takes="messages:Find"),
    Call("POST", "messages/count", count, "How many they are.", "messages:Count", takes="messages:Find"),
    Call("POST", "messages/remove", remove, "Takes them out of the journal.", "messages:Removed",
         takes="messages:Find", fails={409: "There was a reset meanwhile."}),
    Call("POST", "messages/wait", wait, "Answers when such a message passes, or has passed.", "messages:One",
         takes="messages:Wait", fails=_LATE, tells=_LESS),
    Call("POST", "messages/wait-for-count", wait_for_count, "Answers when so many have passed.", "messages:Counted",
         takes="messages:WaitForCount", fails=_LATE, tells=_LESS),
)  # fmt: skip

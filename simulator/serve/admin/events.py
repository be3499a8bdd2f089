"""The journal as it happens: server-sent events, one for each message, and for what else happens in a space.

A stream has no queue: it has a place in the journal. So whoever reads slowly costs nothing, and is told what is missing
once the journal has let go of it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web

from simulator.serve.admin import matching, violations
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.admin.feed import feed_of
from simulator.serve.admin.saying import dumps

if TYPE_CHECKING:
    from simulator.serve.admin.feed import Feed, News, Test
    from simulator.serve.spaces import Place

QUIET = 15.0
"""Seconds without an event after which a comment says that the stream is alive."""
PATIENCE = 60.0
"""Seconds that a write may wait for who does not read; then the stream ends, and can be resumed."""
_TURN = 200
"""Messages that are written at once, by all streams of a space together."""


async def events(asking: Asking) -> Any:
    """`GET /__admin/events`: a stream that lasts until one of both ends goes."""
    from simulator.serve.admin.shapes.messages import Stream

    wanted = asking.query(Stream)
    place = asking.place()
    test = matching.test(matching.criteria(place, wanted))
    after = _resumed(asking, wanted.after)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    if asking.request.method == "HEAD":
        return web.Response(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    stirred = asyncio.Event()
    feed = feed_of(place)
    feed.begin(stirred)
    try:
        with place:
            # Read before there is anything to say: what a stream sees must not depend on how long it took.
            begun = place.driver.space.journal.total
            await feed.catch_up()
            # From the first word on: who looks on may be gone by then.
            with suppress(ConnectionError, TimeoutError):
                await response.prepare(asking.request)
                stream = _Stream(place, feed, test, begun if after is None or after > begun else after)
                await response.write(b": events\n\n")
                await _run(stream, response, stirred)
    finally:
        feed.end(stirred)
    if response.prepared:
        with suppress(ConnectionError):
            await response.write_eof()
    return response


def _resumed(asking: Asking, after: int | None) -> int | None:
    """From where on: what an EventSource names that comes back goes before what its URL says."""
    last = asking.request.headers.get("Last-Event-ID")
    if not last:
        return after
    if not (last.isascii() and last.isdigit() and len(last) < 18):
        raise Complaint(400, f"Last-Event-ID: expected the number of a message, got {last!r}")
    return int(last)


async def _run(stream: _Stream, response: web.StreamResponse, stirred: asyncio.Event) -> None:
    feed = stream.feed
    while True:
        stirred.clear()
        while (text := stream.next()) is not None:
            if text:
                async with asyncio.timeout(PATIENCE):
                    await response.write(text)
            # A client that reads fast never makes us wait, and others want their turn.
            await asyncio.sleep(0)
        if feed.over:
            return
        try:
            async with asyncio.timeout(QUIET):
                await stirred.wait()
        except TimeoutError:
            async with asyncio.timeout(PATIENCE):
                await response.write(b":\n\n")


class _Stream:
    """A place in the journal, and in the news."""

    def __init__(self, place: Place, feed: Feed, test: Test, after: int) -> None:
        self.feed = feed
        self._place = place
        self._test = test
        self._at = after
        self._begun = feed.reading.begun
        self._news = feed.told

    def next(self) -> bytes | None:
        """What is to be written next, perhaps nothing; None where all is."""
        feed = self.feed
        if feed.reading.begun != self._begun:
            self._begun, self._at = feed.reading.begun, 0
        out: list[bytes] = []
        self._gap(out)
        turn = max(1, _TURN // feed.onlookers)
        lines = feed.reading.after(self._at, turn)
        news = [one for one in feed.news if one.serial > self._news]
        running = self._place.driver.space.running
        for i, line in enumerate(lines):
            while news and news[0].at < line.number:
                out.append(self._say(news.pop(0)))
            if self._test(line):
                told = violations.told(line, feed.reading, running[line.backend].backend)
                # Several messages of one frame have one number: who resumes shall miss none of them.
                last = i + 1 == len(lines) or lines[i + 1].number != line.number
                out.append(_event("message", told, line.number if last else None))
        if lines:
            self._at = lines[-1].number
        if len(lines) < turn:
            out += [self._say(one) for one in news]
        # Lines that nobody wants are passed, too.
        return b"".join(out) if out or lines else None

    def _gap(self, out: list[bytes]) -> None:
        first = self._place.driver.space.journal.first
        lost = first - 1 - self._at
        if lost > 0:
            self._at = first - 1
            told = {"lost": lost, "first": first}
            out.append(_event("gap", told, self._at))

    def _say(self, news: News) -> bytes:
        self._news = news.serial
        return _event(news.kind, news.data, 0 if news.kind == "reset" else None)


def _event(kind: str, data: dict[str, Any], number: int | None) -> bytes:
    head = f"event: {kind}\n" if number is None else f"id: {number}\nevent: {kind}\n"
    return b"".join((head.encode(), b"data: ", dumps(data), b"\n\n"))


CALLS = (
    Call("GET", "events", events, "A stream of what passes and happens, by server-sent events.",
         asks="messages:Stream", media="text/event-stream",
         fails={409: "The journal keeps nothing, or the space has ended.", 503: "Too many look on."}),
)  # fmt: skip

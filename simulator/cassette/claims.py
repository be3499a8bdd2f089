"""What a request of nobody was answered is whose client says it later."""

from __future__ import annotations

from contextlib import suppress

from simulator.cassette.bindings import dumps, loads
from simulator.cassette.finding import Found
from simulator.cassette.strands import Served
from simulator.cassette.walk import Args, Walk
from simulator.cassette.walks import Walks


def claim(walks: Walks, walk: Walk, found: Found, args: Args) -> bool:
    """Of several clients at once nothing may say whose a request is: where to put a picture, say.

    Any walk was taken for it then. Who says now what it was answered is whose request it was: what both walks have of
    that exchange changes sides. Whether anything did; `found` is what the message was taken for.
    """
    if found.index is not None and found.comparison is not None and not found.comparison.pairs:
        return False
    text = dumps(args, repr)
    lender = walks.lender(walk, text)
    if lender is None:
        return False
    said = lender.bindings.to_taped(text)
    mine = [served for served in lender.asked if any(value in said for value in _ids(lender, served))]
    for served in mine:
        theirs, ours = lender.bindings.release(_said(served)), walk.bindings.release(_said(served))
        had = served in walk.asked
        walk.asked.add(served)
        if not had:
            lender.asked.discard(served)
        walks.given(walk, theirs)
        walks.given(lender, ours)
    return bool(mine)


def _said(served: Served) -> str:
    """An answer, spelled as values are bound."""
    text = served.body.decode(errors="replace")
    with suppress(ValueError):
        text = dumps(loads(text))
    return text


def _ids(walk: Walk, served: Served) -> list[str]:
    return walk.bindings.taped_in(_said(served))

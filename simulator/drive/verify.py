"""`simulator verify`: one tape, one live server, one verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from simulator.cassette.reading import backend_of
from simulator.cassette.tape import open_tape
from simulator.core.errors import CassetteError, StartError
from simulator.core.ids import Ids, fresh_key
from simulator.drive.bound import Bound
from simulator.drive.edge import Edge
from simulator.drive.fresh import fresh
from simulator.drive.hearing import FLOOD
from simulator.drive.keys import Keys, fitting
from simulator.drive.outcome import Manner
from simulator.drive.play import Play
from simulator.drive.script import script
from simulator.drive.target import Target
from simulator.drive.verdict import Verdict, verdict


@dataclass(slots=True)
class Wanted:
    """How to verify."""

    backend: str | None = None
    """Whose messages they are; None where the tape says it."""
    manner: Manner = field(default_factory=Manner)
    exact: bool = False
    ignored: Sequence[str] = ()
    bind: Mapping[str, str] = field(default_factory=dict)
    insecure: bool = False
    fresh: Sequence[str] = ()
    """Paths at which the client's ids are made anew."""
    keys: Keys | None = None
    """Of the backend that is served, what opens its doors where redaction took that from the tape."""


async def verify(path: Path, target: Target, wanted: Wanted) -> Verdict:
    """Play the client's half of a tape at a live server, and compare what that says.

    Raises CassetteError where it is no cassette or has nothing to play, StartError where the server can't be reached,
    SimulatorError where there is nothing to be made anew.
    """
    with open_tape(path) as tape:
        backend = backend_of(tape.header, wanted.backend)
        made = script(tape, backend)
        torn = tape.torn
    if torn is not None:
        made.notes.append((torn.line, f"truncated, verified up to here: {torn.why}"))
    if not made.steps:
        raise CassetteError(str(path), 0, "has nothing to play: no connection and no request whose beginning is on it")
    servers = ((tape.header.upstream or "").rstrip("/"), target.base)
    anew: dict[str, str] = {}
    if wanted.fresh:
        with open_tape(path) as tape:
            anew = fresh(tape, backend, wanted.fresh, Ids(fresh_key()))
    given = {**({} if wanted.keys is None else fitting(made, wanted.keys)), **anew, **wanted.bind}
    bound = Bound(frozenset() if backend is None else backend.volatile, given, servers)
    play = Play(made, target, bound, wanted.manner, backend)
    await Edge(play, path.parent, wanted.insecure).run()
    outcome = play.outcome
    if not outcome.reached:
        hints = "".join(f"; line {line}: {note}" for line, note in outcome.notes if "redaction took" in note)
        down = outcome.down or f"no answer within {wanted.manner.timeout:g} s"
        raise StartError(f"can't play {path} at {target.told}: {down}{hints}")
    if outcome.flooded:
        outcome.notes.append((0, f"more than {FLOOD} messages that are not on the tape: nobody listened any more"))
    for conn, many in groupby(sorted(outcome.after, key=lambda said: said.conn), key=lambda said: said.conn):
        names = ", ".join(dict.fromkeys(said.name for said in many))
        outcome.notes.append((0, f"more came on #{conn} when the tape's client had left already: {names}"))
    return verdict(made, outcome, backend, wanted.exact, wanted.ignored, servers)

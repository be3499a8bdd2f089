"""Holds what a live server said against the tape: per message whether it is as it was, and if not, where it differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from simulator.cassette import envelopes
from simulator.cassette.compare import MISSING, MOVED, NEW, Change, Difference, compare
from simulator.cassette.conversation import Said
from simulator.cassette.match import nearest
from simulator.core.backend import Backend
from simulator.core.message import Json
from simulator.drive.outcome import Outcome
from simulator.drive.script import CLOSE, REFUSED, Ask, Hear, Open, Say, Script

MATCHED, CHANGED, ABSENT, UNEXPECTED, ELSEWHERE, UNSAID = (
    "matched", "changed", "missing", "unexpected", "moved", "not sent"
)  # fmt: skip
_OUTCOMES: Final = ("status", "success", "ok")
"""Of an answer, fields that say whether it went well; two of them of one shape are not the same."""


_SIGNED = re.compile(r"([?&](?:X-Amz-(?:Signature|Date|Credential|Security-Token)|Signature|Expires|sig|token)=)[^&]*")
"""What differs in each signed URL."""


_REDACTED = re.compile(
    r'"(?:\w+ )?(?:redacted|Redacted[a-z]{6}|eyJyZWRhY3RlZCI6MX0|00000000-0000-4000-8000-)[^"]*" became "'
)
"""What is no difference: nobody knows what stood there on the tape (`cassette/pseudonyms.py`)."""


@dataclass(slots=True)
class Row:
    """What became of one message of the tape, or one that is not on it."""

    outcome: str
    line: int
    """On the tape; of an unexpected message that of what was said before it, 0 for none."""
    conn: int
    """Or the number of an HTTP exchange."""
    sender: str
    name: str
    changes: list[Change] = field(default_factory=list)
    why: str = ""
    payload: tuple[Json | bytes, ...] = ()


@dataclass(slots=True)
class Verdict:
    """Of one run."""

    rows: list[Row]
    notes: list[tuple[int, str]] = field(default_factory=list)
    """For people, with a line of the tape, or 0."""
    exact: bool = False

    @property
    def counts(self) -> Counter[str]:
        """Rows by outcome."""
        return Counter(row.outcome for row in self.rows)

    @property
    def drifted(self) -> list[Row]:
        """What is not as on the tape; the place of a message among those of its connection counts when asked for."""
        fine = {MATCHED} if self.exact else {MATCHED, ELSEWHERE}
        return [row for row in self.rows if row.outcome not in fine]


def verdict(
    script: Script,
    outcome: Outcome,
    backend: Backend | None = None,
    exact: bool = False,
    ignored: Sequence[str] = (),
    servers: tuple[str, str] = ("", ""),
) -> Verdict:
    """Compare shapes, and values where that is asked for. `ignored` are names, or `name.path.*.to`, or `*.path`.

    `servers` are the base URLs of the tape's server and of the live one: what leads to the one leads to the other.
    """
    ignore = _Ignored(ignored)
    hears = {id(step.said): step for step in script.steps if isinstance(step, Hear)}
    taped = [said for said in _taped(script) if not ignore.wholly(said)]
    live = [said for said in outcome.heard if not ignore.wholly(said)]
    ours, theirs = (
        [replace(said, args=tuple(_at_home(arg, server) for arg in ignore.without(said).args)) for said in talk]
        for talk, server in zip((taped, live), servers, strict=True)
    )
    origin = {id(after): before for before, after in [*zip(taped, ours, strict=True), *zip(live, theirs, strict=True)]}
    volatile = frozenset[str]() if backend is None else backend.volatile
    found = [one for one in compare(ours, theirs, volatile, values=exact) if _sender(one) == "server"]
    rows: list[tuple[int, Row]] = []
    apart = {id(one.ours) for one in found if one.kind in (MISSING, MOVED)}
    strange = {id(one.theirs) for one in found if one.kind in (NEW, MOVED)}
    changes = {id(one.ours): [c for c in one.changes if not _REDACTED.match(c.what)] for one in found if one.changes}
    places = {id(said): place for place, said in enumerate(taped)}
    went_on = _going_on(ours) | _going_on(theirs)
    for one, other in _couples(ours, theirs, apart, strange):
        mine = origin[id(one)]
        pair = _is_pair(mine, script.kinds.get(mine.conn, ""))
        seen = [Change(_spelled(change.path), change.what) if pair else change for change in changes.get(id(one), ())]
        seen += _outcome(hears[id(mine)], pair, one, other, {change.path for change in seen})
        if (id(one) in went_on) is not (id(other) in went_on) and not seen:
            was, became = ("a session that went on", "a new one")[:: 1 if id(one) in went_on else -1]
            seen.append(Change("sid", f"{was} became {became}"))
        rows.append((places[id(mine)], _row(CHANGED if seen else MATCHED, mine, seen)))
    for difference in found:
        if difference.kind == MISSING:
            assert difference.ours is not None
            mine = origin[id(difference.ours)]
            rows.append((places[id(mine)], _row(ABSENT, mine, why=_why(mine, outcome))))
        elif difference.kind == MOVED:
            assert difference.ours is not None
            mine = origin[id(difference.ours)]
            rows.append((places[id(mine)], _row(ELSEWHERE, mine)))
        elif difference.kind == NEW:
            assert difference.theirs is not None
            strangers = origin[id(difference.theirs)]
            line = _before(strangers, outcome.heard)
            row = _row(UNEXPECTED, strangers)
            row.line = line
            place = max((at for at, said in enumerate(taped) if said.line <= line), default=-1)
            rows.append((place, row))
    rows += [(places.get(id(said), len(taped)), row) for said, row in _unsaid(script, outcome)]
    rows.sort(key=lambda pair: pair[0])
    unused = [(0, why) for why in ignore.idle()]
    return Verdict([row for _, row in rows], [*outcome.notes, *unused], exact)


def _at_home(value: Any, server: str) -> Any:
    """URLs of the server itself without its address, and without what signs them."""
    if isinstance(value, dict):
        return {key: _at_home(inner, server) for key, inner in value.items()}
    if isinstance(value, list):
        return [_at_home(inner, server) for inner in value]
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return value
    here = f"(server){value[len(server) :]}" if server and value.startswith(f"{server}/") else value
    return _SIGNED.sub(r"\1*", here)


def _row(outcome: str, said: Said, changes: Iterable[Change] = (), why: str = "") -> Row:
    payload = said.args if outcome in (ABSENT, UNEXPECTED) else ()
    return Row(outcome, said.line, said.conn, said.sender, said.name, [*changes], why, payload)


def _taped(script: Script) -> Iterable[Said]:
    for step in script.steps:
        match step:
            case Open() | Ask():
                # Connections go together by their number, whatever they were opened with.
                yield Said(step.conn, "client", "(open)", (f"#{step.conn}",), "", step.line)
            case Say():
                yield from step.said
            case Hear() if step.came or not step.crossed:
                yield step.said


def _sender(one: Difference) -> str:
    said = one.ours or one.theirs
    return "" if said is None else said.sender


def _couples(ours: list[Said], theirs: list[Said], apart: set[int], strange: set[int]) -> list[tuple[Said, Said]]:
    """Who was taken for whom: what `compare` leaves over is in the same order on both sides of a connection."""
    left: dict[int, list[Said]] = {}
    for said in theirs:
        if said.sender == "server" and id(said) not in strange:
            left.setdefault(said.conn, []).append(said)
    rest = {conn: iter(talk) for conn, talk in left.items()}
    return [(said, next(rest[said.conn])) for said in ours if said.sender == "server" and id(said) not in apart]


def _is_pair(said: Said, kind: str) -> bool:
    """Whether it is a status and a body: HTTP's answers, and the gateway's."""
    own = said.name == REFUSED or said.name.startswith("answer to ")
    return own or (kind == envelopes.GATEWAY and len(said.args) == 2)


def _spelled(path: str) -> str:
    place, dot, rest = path.partition(".")
    return f"{('status', 'body')[int(place)]}{dot}{rest}" if place in ("0", "1") else path


def _outcome(step: Hear, pair: bool, mine: Said, yours: Said, told: set[str]) -> list[Change]:
    """Whether an answer says the same about how it went, which its shape does not tell."""
    if pair or mine.name == CLOSE:
        found = [("status" if pair else "code", mine.args[:1], yours.args[:1])]
    elif step.answers:
        one, other = _first(mine), _first(yours)
        found = [(key, (one[key],), (other[key],)) for key in _OUTCOMES if key in one and key in other]
    else:
        found = []
    return [
        Change(path, f"{_told(x)} became {_told(y)}")
        for path, x, y in found
        if x != y and path not in told and "0" not in told and all(type(one) in (str, int, bool) for one in (*x, *y))
    ]


def _going_on(talk: Iterable[Said]) -> set[int]:
    """Of Socket.IO's answers to a CONNECT those, by `id`, that give back a session: its sid was there before."""
    known: set[tuple[str, object]] = set()
    found = set()
    for said in talk:
        if said.sender == "server" and said.name == "connect" and isinstance(sid := _first(said).get("sid"), str):
            if (said.topic, sid) in known:
                found.add(id(said))
            known.add((said.topic, sid))
    return found


def _first(said: Said) -> dict[str, Any]:
    first = said.args[0] if said.args else None
    return first if isinstance(first, dict) else {}


def _told(args: Sequence[Any]) -> str:
    return orjson.dumps(args[0]).decode() if args else "nothing"


def _why(said: Said, outcome: Outcome) -> str:
    return "not within the time it had" if said.line in outcome.slow else ""


def _before(said: Said, heard: list[Said]) -> int:
    """The line of the tape that the client had come to."""
    line = 0
    for one in heard:
        if one is said:
            break
        line = max(line, one.line)
    return line


def _unsaid(script: Script, outcome: Outcome) -> Iterable[tuple[Said | None, Row]]:
    for step in script.steps:
        if isinstance(step, Say | Ask) and step.line in outcome.unsaid:
            said = step.said[0] if isinstance(step, Say) and step.said else None
            name = said.name if said is not None else step.name if isinstance(step, Ask) else "(frame)"
            yield said, Row(UNSAID, step.line, step.conn, "client", name, why=outcome.unsaid[step.line])


class _Ignored:
    """What the operator does not want to be told."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._idle = dict.fromkeys(paths)
        """Those that nothing was said for."""
        self._names: dict[str, None] = {}

    def wholly(self, said: Said) -> bool:
        """Whether it is a server's message that does not count."""
        if said.sender != "server":
            return False
        self._names |= {said.message or said.name: None, said.name: None}
        found = [path for path in self._paths if path in (said.name, said.message)]
        self._used(found)
        return bool(found)

    def idle(self) -> Iterator[str]:
        """Of those that did nothing, in words, since a mistyped one would be missed by nobody."""
        names = self._names
        for path in self._idle:
            if path.startswith(("*.", *(f"{name}." for name in names))):
                yield f"--ignore {path}: no message of the server's has such a value, neither on the tape nor now"
            else:
                meant = nearest(path, names) or nearest(path.partition(".")[0], names)
                hint = "" if meant is None else f"; the nearest is {meant}"
                yield f"--ignore {path}: the server says no such message, neither on the tape nor now{hint}"

    def _used(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._idle.pop(path, None)

    def without(self, said: Said) -> Said:
        """A copy without the values that do not count."""
        kept = said.args
        for path in self._paths:
            start = next(
                (one for one in (f"{said.message}.", f"{said.name}.", "*.") if one != "." and path.startswith(one)),
                None,
            )
            if start is not None:
                left = _cut(kept, tuple(path[len(start) :].split(".")))
                if said.sender == "server" and left != kept:
                    self._used([path])
                kept = left
        return replace(said, args=kept)


def _cut(args: tuple[Json | bytes, ...], path: tuple[str, ...]) -> tuple[Json | bytes, ...]:
    """Paths lead into the first argument, or begin with an argument's number where there are several."""
    first = {"status": "0", "body": "1"}.get(path[0], path[0])
    if len(args) > 1 and first.isdecimal() and int(first) < len(args):
        at = int(first)
        return (*args[:at], _pruned(args[at], path[1:]), *args[at + 1 :])
    return tuple(_pruned(arg, path) for arg in args)


def _pruned(value: Any, path: tuple[str, ...]) -> Any:
    if not path:
        return None
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {
            key: _pruned(inner, rest) if rest and head in ("*", key) else inner
            for key, inner in value.items()
            if rest or head not in ("*", key)
        }
    if isinstance(value, list):
        # Places in lists may be told, or left out.
        deeper = rest if head == "*" or head.isdecimal() else path
        return [
            _pruned(inner, deeper) if not head.isdecimal() or int(head) == at else inner
            for at, inner in enumerate(value)
        ]
    return value

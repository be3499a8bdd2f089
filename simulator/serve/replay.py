"""Tapes from files, made ready to be served, and what is said at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulator import backends
from simulator.cassette import plan as plans
from simulator.cassette.bindings import dumps
from simulator.cassette.bodies import beside
from simulator.cassette.coverage import Coverage
from simulator.cassette.reading import backend_of
from simulator.cassette.screen import safe
from simulator.cassette.stand_in import foreign, played
from simulator.cassette.tape import open_tape
from simulator.core.backend import Backend
from simulator.core.errors import CassetteError, SimulatorError
from simulator.scenario.document import parse

if TYPE_CHECKING:
    from simulator.cassette.bindings import Found
    from simulator.cassette.entries import Beside
    from simulator.cassette.strands import Plan
    from simulator.cassette.walk import Manner

_TOLD: Final = 10
"""Remarks on one tape."""


def prepare(
    paths: Sequence[Path],
    named: str | None,
    manner: Manner,
    tell: Callable[[str], None],
    chosen: dict[str, str] | None = None,
) -> tuple[Backend, Coverage]:
    """What plays these tapes, and where it will be counted; `tell` is given lines for the operator.

    `chosen` says by value whether it is made anew (`mint`) or stays (`keep`), in place of what the tape shows.

    Raises CassetteError, UnknownBackend.
    """
    made: list[Plan] = []
    known: Backend | None = None
    name = None if named is None else backends.load(named).name
    said = ""
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise CassetteError(str(path), 0, "is named twice; each client walks a copy of its own anyway")
        seen.add(path.resolve())
        with open_tape(path) as tape:
            theirs = tape.header.backend
            if name is not None and theirs not in (None, name):
                other = f"{said} is of {name}: one replay" if said else f"can't be played as {name}: --backend {theirs}"
                also = " plays tapes of one backend" if said else ""
                raise CassetteError(str(path), tape.named, f"is a tape of {theirs}, and {other}{also}")
            if name is None and theirs is not None:
                name, said = theirs, f"{path}:{tape.named}"
            known = backend_of(tape.header, named)
            plan = plans.read(tape, known, partial(fetch, path.parent))
        if known is not None:
            _check_kind(plan, known)
        if not plan.strands and not plan.exchanges:
            raise CassetteError(str(path), 0, "has nothing that could be played: no connection and no request")
        made.append(plan)
        _remark(plan, tell)
    if chosen:
        _override(made, chosen, tell)
        kept = {value for value, do in chosen.items() if do == "keep"}
        manner = replace(manner, keep=manner.keep | kept)
    _ignored(made, manner.ignore, tell)
    _keep(made, manner.keep, {*(chosen or ())}, tell)
    coverage = Coverage(made)
    backend = foreign(made, name) if known is None else known
    return played(backend, made, manner, coverage), coverage


def _check_kind(plan: Plan, backend: Backend) -> None:
    """Raises CassetteError where nobody on the tape spoke with that backend, whatever its head says."""
    spoken = [strand for strand in plan.strands if strand.kind]
    if spoken and all(strand.foreign for strand in spoken):
        first = spoken[0].lines[0].line
        why = f"conn {spoken[0].conn}, {spoken[0].path}, is no connection with {backend.name}, and none is"
        raise CassetteError(
            plan.path, first, f"{why}; whose tape is it? Its head says so (backend: NAME), or --backend"
        )


def fetch(folder: Path, body: Beside) -> bytes | None:
    """A body that lies beside its cassette, and nowhere else."""
    if body.path is None:
        return None
    with suppress(OSError):
        return beside(folder, body.path)
    return None


def _remark(plan: Plan, tell: Callable[[str], None]) -> None:
    if plan.torn is not None:
        tell(f"{plan.path}:{plan.torn.line}: {plan.torn.why}; it is played up to there")
    for strand in plan.strands:
        if strand.cut:
            place = f"{plan.path}:{strand.lines[-1].line}"
            tell(f"{place}: conn {strand.conn} has no end: {strand.cut}; it is left open there")
    for line, why in plan.remarks[:_TOLD]:
        tell(f"{plan.path}:{line}: {why}")
    if len(plan.remarks) > _TOLD:
        tell(f"{plan.path}: and {len(plan.remarks) - _TOLD} more of that kind")


def told(paths: Sequence[Path], backend: Backend, coverage: Coverage) -> str:
    """One line for the terminal."""
    lines = sum(plan.lines() + len(plan.exchanges) for plan in coverage.plans)
    names = safe(", ".join(map(str, paths)))
    return f"{names} {'answers' if len(paths) == 1 else 'answer'}: {lines} lines of {backend.name}"


def shown(coverage: Coverage) -> str:
    """The report for people."""
    return coverage.text()


def bindings(path: Path, named: str | None) -> list[Found]:
    """The values of a tape that go both ways. Raises CassetteError, UnknownBackend."""
    with open_tape(path) as tape:
        return plans.read(tape, backend_of(tape.header, named), partial(fetch, path.parent)).found


def counted(found: Sequence[Found]) -> str:
    """What comes of them, in one line."""
    if not found:
        return "no id goes both ways, so none is made anew; a --bindings file can name some (--out writes one)"
    server = sum(one.by == "server" for one in found)
    client = len(found) - server
    theirs = f"{server} value of the server's is" if server == 1 else f"{server} values of the server's are"
    own = f"{client} of the client's {'is' if client == 1 else 'are'} its own in what it hears"
    return f"{theirs} made anew for each client; {own}"


def written(found: Sequence[Found]) -> str:
    """The same as a file that can be edited, for `overrides`."""
    lines = [
        "# For `simulator replay --bindings`: mint is made anew for each client, keep stays what it is on the tape."
    ]
    theirs = [one for one in found if one.by == "server"]
    lines.append("mint:" if theirs else "mint: []")
    lines += [f"- {dumps(one.value)}  # line {one.line}, back in line {one.back}" for one in theirs]
    return "\n".join([*lines, "keep: []", ""])


def overrides(path: Path) -> dict[str, str]:
    """By value `mint` or `keep`. Raises FileError."""
    try:
        document = parse(path.read_bytes(), str(path), CassetteError)
    except OSError as error:
        raise CassetteError(str(path), 0, f"can't be read: {error.strerror}") from None
    chosen: dict[str, str] = {}
    for key, values in document.data.items():
        if key not in ("mint", "keep"):
            raise CassetteError(str(path), document.line((key,)), f"{key}: expected mint or keep")
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise CassetteError(str(path), document.line((key,)), f"{key}: expected a list of values, each a text")
        chosen.update(dict.fromkeys(values, key))
    return chosen


def _override(made: Sequence[Plan], chosen: dict[str, str], tell: Callable[[str], None]) -> None:
    known = {found.value for plan in made for found in plan.found if found.by == "server"}
    for value, do in chosen.items():
        if do == "mint" and value not in known and _mint(made, value) == 0:
            tell(f"{value!r} is to be made anew, but the server never says it")


def _ignored(made: Sequence[Plan], paths: Sequence[str], tell: Callable[[str], None]) -> None:
    """Names have dots of their own, so a path is whoever's it begins with."""
    names = {name for plan in made for strand in plan.strands for _, name in strand.named}
    names |= {served.exchange.request.path.partition("?")[0] for plan in made for served in plan.exchanges}
    for path in paths:
        if not path.startswith(("*.", *(f"{name}." for name in names))):
            tell(f"--ignore {path}: the client says no such message on the tape")


def _keep(made: Sequence[Plan], keep: frozenset[str], chosen: set[str], tell: Callable[[str], None]) -> None:
    """A word that was mistyped would change nothing, and nobody would know."""
    minted = {value for plan in made for strand in plan.strands for line in strand.lines for value in line.mints}
    minted |= {value for plan in made for served in plan.exchanges for value in served.mints}
    for value in sorted(keep - minted - chosen):
        why = "is nothing that would be made anew; `simulator cassette bindings` shows what would"
        tell(f"{value!r} is to stay, but {why}")


def _mint(made: Sequence[Plan], value: str) -> int:
    """In how many tapes the server makes it now: one is not enough."""
    return sum(plan.mint(value) for plan in made)


def report(path: Path, coverage: Coverage) -> None:
    """Write the report in the form that the name of its file says. Raises SimulatorError."""
    text = _form(path)(coverage)
    try:
        path.write_bytes(text)
    except OSError as error:
        raise SimulatorError(f"--report {path}: {error.strerror}") from None


def _form(path: Path) -> Callable[[Coverage], bytes]:
    forms: dict[str, Callable[[Coverage], bytes]] = {
        ".json": lambda coverage: json.dumps(coverage.json(), indent=2).encode() + b"\n",
        ".xml": lambda coverage: coverage.junit(),
        ".txt": lambda coverage: shown(coverage).encode("utf-8", "replace"),
    }
    if path.suffix not in forms:
        raise SimulatorError(f"--report {path}: expected a file that ends in .json, .xml (JUnit) or .txt")
    return forms[path.suffix]


def check_report(path: Path) -> None:
    """Before anything is served. Raises SimulatorError where the name says no form."""
    _form(path)

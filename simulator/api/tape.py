"""A cassette in place of a backend's rules: played, played with a real server behind it, or recorded anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from simulator import backends
from simulator.api.options import Options
from simulator.core.backend import Backend
from simulator.core.errors import SimulatorError
from simulator.core.message import Frame

if TYPE_CHECKING:
    from simulator.api.notes import Notes
    from simulator.cassette.coverage import Coverage
    from simulator.cassette.walk import Manner
    from simulator.drive.target import Target
    from simulator.record.behind import Upstream
    from simulator.record.relayed import Taking
    from simulator.serve.app import Server


@dataclass(slots=True)
class Tape:
    """What is done with a cassette this time."""

    files: tuple[Path, ...]
    backend: Backend
    """In place of the real one; while it is recorded the one whose frames they are."""
    coverage: Coverage | None = None
    """What was played of it; None while it is recorded."""
    upstream: Upstream | None = None
    """The real server behind it, which is asked for what is not on it."""
    target: Target | None = None
    """The one that is recorded."""
    why: str = ""

    def recording(self, options: Options, server: Server, host: str, port: int, notes: Notes) -> Taking:
        """The relay that records; what passes it is in the journal of the server, to which nobody connects."""
        from simulator.record.relayed import Taking, Wanted

        assert self.target is not None
        journal, name = server.space.journal, self.backend.name

        def heard(at: float, conn: int, sender: str, data: str | bytes, via: str) -> None:
            journal.add(at, name, conn, sender, Frame(data, via))

        # A stranger's tape has no label.
        known = name if name in backends.names() else None
        return Taking(
            Wanted(
                self.target, self.files[0], host, port, known, options.get("insecure", False),
                options.get("redact", True), self.why, heard=heard, tell=notes.tell, show=notes.tell,
            )
        )  # fmt: skip


def prepare(options: Options, named: Sequence[str | Backend], now: Callable[[], float], notes: Notes) -> Tape | None:
    """What is to be done; None without a cassette. Raises SimulatorError."""
    given = options.get("cassette")
    if given is None:
        return None
    files = (Path(given),) if isinstance(given, str | Path) else tuple(map(Path, given))
    if not files:
        raise SimulatorError("cassette: expected a file, or some")
    if len(named) > 1:
        told = ", ".join(one if isinstance(one, str) else one.name for one in named)
        raise SimulatorError(f"cassette {files[0]} is for one backend, and {told} were named")
    name = next((one if isinstance(one, str) else one.name for one in named), None)
    wanted = options.get("mode", "none")
    if wanted == "none":
        return _played(options, files, name, notes, None)
    if len(files) > 1:
        raise SimulatorError(f"mode={wanted!r} writes one cassette, and {len(files)} were named")

    from simulator.record.modes import settled

    mode, why = settled(wanted, files[0])
    if mode == "none":
        return _played(options, files, name, notes, None)
    url = options.get("upstream")
    if url is None:
        reason = f", and {why}" if why else ""
        raise SimulatorError(f"mode={wanted!r}: upstream='https://...' says which server is asked{reason}")

    from simulator.drive.target import Target

    target = Target(url, [*options.get("headers", {}).items()], [*options.get("query", {}).items()], option="upstream")
    if mode == "all":
        files[0].parent.mkdir(parents=True, exist_ok=True)
        return Tape(files, _whose(name), target=target, why=f"mode {wanted}{why and f': {why}'}")
    if options.get("match", "loose") != "loose":
        raise SimulatorError("mode='new_episodes' goes with match='loose': what is appended has no place in its order")
    if options.get("clock", "wall") != "wall":
        raise SimulatorError("mode='new_episodes' goes with clock='wall': the upstream has no other")

    from simulator.record.appending import Appending
    from simulator.record.behind import Upstream

    appending = Appending(files[0], options.get("redact", True), notes.tell, target.secrets)
    upstream = Upstream(target, appending, notes.tell, now, options.get("insecure", False))
    return _played(options, files, name, notes, upstream)


def _whose(name: str | None) -> Backend:
    from simulator.cassette.stand_in import foreign

    return foreign(()) if name is None else backends.load(name)


def _played(
    options: Options, files: tuple[Path, ...], name: str | None, notes: Notes, upstream: Upstream | None
) -> Tape:
    from simulator.serve import replay

    manner = replace(_manner(options), beyond=None if upstream is None else upstream.behind)
    backend, coverage = replay.prepare(files, name, manner, notes.tell)
    return Tape(files, backend, coverage, upstream)


def _manner(options: Options) -> Manner:
    from simulator.cassette.match import Mode
    from simulator.cassette.walk import Manner

    timing = options.get("timing", "burst")
    for path in options.get("ignore", ()):
        if "." not in path or not all(path.split(".")):
            raise SimulatorError(f"ignore {path}: expected MESSAGE.PATH, such as send_msg.text, or *.PATH for all")
    return Manner(
        Mode(options.get("match", "loose")),
        timing if isinstance(timing, float | int) else {"recorded": 1.0, "burst": 0.0}[timing],
        options.get("on_miss", "error"),
        tuple(options.get("ignore", ())),
        options.get("times", "recorded") == "now",
        options.get("loop", False),
        frozenset(options.get("keep", ())),
    )

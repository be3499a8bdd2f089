"""Scenarios from files: those that come along, those of the operator, and one that is watched while it is edited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator import backends
from simulator.core.errors import ScenarioError
from simulator.serve import seeds

if TYPE_CHECKING:
    from simulator.core.world import Log
    from simulator.scenario.findings import Finding
    from simulator.scenario.reader import Script
    from simulator.scenario.stage import Stage

_PACKAGE = Path(__file__).parents[1]
_LOOK = 0.5
"""Seconds between two looks at a file that is watched."""
_LARGEST = 4_000_000
"""Bytes that are read of a file; the reader itself takes fewer characters."""
_SHIPPED: Mapping[str, Path] = {}
"""No fixtures but those that come along."""


def folder() -> Path:
    """Where the scenarios lie that come with the package; in a checkout beside it."""
    shipped = _PACKAGE / "fixtures" / "scenarios"
    return shipped if shipped.exists() else _PACKAGE.parent / "fixtures" / "scenarios"


def shipped() -> list[str]:
    """The names of those that come along."""
    return sorted(path.stem for path in folder().glob("*.yaml"))


def find(text: str) -> Path:
    """A file, or one that comes along, by its name. Raises ScenarioError."""
    path = Path(text)
    if path.exists() or path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return path
    from simulator.scenario.findings import nearest

    named = folder() / f"{text}.yaml"
    if text not in shipped():
        hint = nearest(text, shipped())
        raise ScenarioError(text, 0, f"there is no such file, and no such scenario comes along{hint}")
    return named


def read(path: Path) -> bytes:
    """What is in a file. Raises ScenarioError."""
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as error:
        raise ScenarioError(str(path), 0, f"can't be read: {error.strerror}") from None
    if len(text) > _LARGEST:
        raise ScenarioError(str(path), 0, f"is larger than {_LARGEST} bytes")
    return text


def load(path: Path) -> Script:
    """A script that can be played. Raises ScenarioError with the first that is wrong."""
    from simulator.scenario import stage

    return stage.load(read(path), str(path))


def judge(path: Path, names: Sequence[str], fixtures: Mapping[str, Path] = _SHIPPED) -> list[Finding]:
    """All that is to be said about a scenario on these backends. Raises ScenarioError where it can't be read at all."""
    from simulator.scenario import stage

    script, findings = stage.judged(read(path), str(path))
    return findings if script is None or findings else remarks(script, names, fixtures)


def remarks(script: Script, names: Sequence[str], fixtures: Mapping[str, Path] = _SHIPPED) -> list[Finding]:
    """What is to be said about a script that can be played, on these backends and these fixtures."""
    from simulator.scenario.check import Stand, check

    stands = []
    for name in names:
        backend = backends.load(name)
        agents = None if backend.agents is None else backend.agents(seeds.load(backend, fixtures.get(name), []))
        stands.append(Stand(backend, agents))
    return check(script, stands, backends.names())


def report(
    paths: Sequence[Path], names: Sequence[str], fixtures: Mapping[str, Path] = _SHIPPED
) -> tuple[list[str], bool]:
    """Lines for the author, and whether something is wrong. Raises ScenarioError where a file can't be read at all."""
    lines: list[str] = []
    wrong = False
    for path in paths:
        findings = judge(path, names, fixtures)
        lines += [finding.shown(str(path)) for finding in findings]
        errors = sum(finding.level == "error" for finding in findings)
        wrong = wrong or errors > 0
        if not errors:
            lines.append(f"{path}: can be played on {', '.join(names)}")
    return lines, wrong


def schema() -> str:
    """The JSON Schema of scenarios."""
    from simulator.scenario.schema import json_schema

    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def about() -> list[tuple[str, str]]:
    """The scenarios that come along, and what each is for."""
    return [(name, load(find(name)).scenario.about) for name in shipped()]


class Watch:
    """Looks at a scenario's file now and then; a new one that can be played takes the old one's place."""

    def __init__(self, path: Path, stage: Stage, log: Log, refault: Callable[[], None]) -> None:
        """With what lets other faults strike."""
        self._refault = refault
        self._path = path
        self._stage = stage
        self._log = log
        self._seen = self._look()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look."""
        self._timer = asyncio.get_running_loop().call_later(_LOOK, self._turn)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        # Whatever comes of this look, there is a next one.
        self.start()
        self.look()

    def look(self) -> None:
        """Take over what was saved since the last look."""
        seen = self._look()
        # Between an editor's removal and its new file there is none.
        if seen is None or seen == self._seen:
            return
        self._seen = seen
        try:
            if self._path.is_fifo():
                # Nobody may ever write into it, and the server would wait.
                raise ScenarioError(str(self._path), 0, "can't be read: a pipe can't be watched")
            script = load(self._path)
        except ScenarioError as error:
            self._log("warning", f"{error}; the scenario goes on as it was")
            return
        faults = self._stage.faults
        self._stage.use(script)
        if self._stage.faults != faults:
            self._refault()
        self._log(
            "warning",
            f"{self._path} was read anew: running talks keep state and variables and go by the new rules from now on",
        )

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

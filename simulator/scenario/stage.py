"""A scenario that is played: its plans by backend, and the bots that follow them."""

from __future__ import annotations

from simulator.core.backend import Backend
from simulator.core.errors import ScenarioError
from simulator.core.space import Space
from simulator.core.world import World
from simulator.scenario.bot import ScenarioBot
from simulator.scenario.faults import FaultSpec
from simulator.scenario.findings import Finding
from simulator.scenario.plan import Plan
from simulator.scenario.planner import Planner
from simulator.scenario.reader import Script, read


class Role:
    """What one backend's bot plays: the plan that holds now."""

    __slots__ = ("plan",)

    def __init__(self, plan: Plan) -> None:
        self.plan = plan


class Stage:
    """Plays one script; another may take its place."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._roles: dict[str, Role] = {}

    def __call__(self, backend: Backend, world: World) -> ScenarioBot:
        """The bot of a backend, as a space asks for it."""
        role = self._roles.get(backend.name)
        if role is None:
            role = self._roles[backend.name] = Role(Planner(self._script, backend.name).plan())
        return ScenarioBot(role, world, backend.name)

    def use(self, script: Script) -> None:
        """Go on by another one: what is under way is done as it was, whatever comes is met by the new rules."""
        self._script = script
        for name, role in self._roles.items():
            role.plan = Planner(script, name).plan()

    @property
    def path(self) -> str:
        """The file, or what stands for it."""
        return self._script.path

    @property
    def states(self) -> list[str]:
        """Of a talk, the first one first unless the scenario says otherwise; one without a name where it has none."""
        return [*self._script.scenario.states] or [""]

    @property
    def faults(self) -> list[FaultSpec]:
        """What goes wrong on the way."""
        return self._script.scenario.faults

    def arm(self, space: Space) -> None:
        """Put its faults among those of a space, in place of the ones that it began with: a reset brings them back.

        Raises OverflowError, with nothing changed, where there are too many beside the operator's own.
        """
        faults = space.faults
        taken = {spec.name for spec in self.faults}
        gone = {fault.name for fault in faults.first} | taken
        faults.fit(sum(fault.name not in gone for fault in faults) + len(self.faults))
        for fault in faults.first:
            faults.remove(fault.name)
        made = []
        for spec in self.faults:
            if spec.name is not None:
                # The file that was just saved goes before what an operator called the same.
                faults.remove(spec.name)
            fault = spec.fault(faults.mint(spec.type, spec.way, taken))
            taken.add(fault.name)
            made.append(fault)
        faults.add(*made)
        faults.keep(made)


def load(text: bytes, path: str) -> Script:
    """A script that can be played. Raises ScenarioError with the first that is wrong."""
    script, findings = judged(text, path)
    wrong = [finding for finding in findings if finding.level == "error"]
    if script is None or wrong:
        raise ScenarioError(path, wrong[0].line, wrong[0].told)
    return script


def judged(text: bytes, path: str) -> tuple[Script | None, list[Finding]]:
    """A script, if its shape is right, and what is wrong with it for any backend. Raises ScenarioError: no YAML."""
    script, findings = read(text, path)
    if script is not None:
        planner = Planner(script, None)
        planner.plan()
        findings = sorted({*planner.findings})
    return script, findings

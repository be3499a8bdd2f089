"""One target in a process of its own, by hypothesis alone: `python -m tests.fuzz.unguided TARGET FOLDER SECONDS`."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from time import monotonic

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from simulator import backends
from tests.fuzz.found import Found
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.test_conversations import machine

FUZZ = settings(
    max_examples=20, stateful_step_count=40, deadline=None, database=None, phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)  # fmt: skip
settings.register_profile("fuzz", FUZZ)


def main() -> None:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    settings.load_profile("fuzz")
    target = TARGETS[name]
    if name in backends.names():
        # Machines choose by what is there; what they did is one input each.
        target = Target(name, lambda data: None, target.sample, target.mutate)
    found = Found(folder, target, "unguided")
    until, number = monotonic() + seconds, int.from_bytes(Random().randbytes(4), "big")
    while monotonic() < until:
        number += 1
        if name in backends.names():
            _machines(name, number, found)
        else:
            _samples(TARGETS[name], number, found, until)
        found.write()


def _machines(name: str, number: int, found: Found) -> None:
    from hypothesis.stateful import get_state_machine_test

    class Counted(machine(name)):  # type: ignore[misc]
        def teardown(self) -> None:
            lines = "\n".join(self.talk.lines).encode("utf-8", "replace") if getattr(self, "talk", None) else b""
            found.check(lines)
            super().teardown()

    try:
        seed(number)(get_state_machine_test(Counted, settings=FUZZ))()
    except Exception as error:
        found._keep(str(error).encode("utf-8", "replace"), error)


def _samples(target: Target, number: int, found: Found, until: float) -> None:
    @seed(number)
    @settings(FUZZ)
    @given(st.randoms(use_true_random=False))
    def check(dice: Random) -> None:
        # What is drawn must not depend on the clock.
        data = target.sample(dice)
        if monotonic() < until:
            found.check(data)

    check()


if __name__ == "__main__":
    main()

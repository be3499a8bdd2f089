"""Who else worked on this machine while we measured, as far as the system tells."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")


@dataclass(slots=True, frozen=True)
class Ticks:
    """From the first line of `/proc/stat`, in seconds of all cores together."""

    worked: float
    stolen: float
    """What the machine below gave to somebody else while we could have worked."""


def ticks(text: str, hertz: float) -> Ticks:
    """Of the whole file. What interrupts take is nobody's, and left out. Raises ValueError."""
    name, *numbers = text.partition("\n")[0].split()
    if name != "cpu" or len(numbers) < 8:
        raise ValueError("it does not begin with the sum of all cores")
    user, nice, system, _idle, _iowait, _irq, _softirq, steal = (int(number) / hertz for number in numbers[:8])
    return Ticks(user + nice + system, steal)


class Watch:
    """From its making on."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before, self._own = _look(), _own()

    def facts(self) -> dict[str, float]:
        """Cores that others kept busy and that were stolen, on the average; nothing where that can't be read.

        All children have to have ended: only then the system adds them to what is ours.
        """
        took = time.monotonic() - self._began
        after = _look()
        if self._before is None or after is None or took <= 0:
            return {}
        others = after.worked - self._before.worked - (_own() - self._own)
        return {
            "others": round(max(0.0, others) / took, 3),
            "stolen": round(max(0.0, after.stolen - self._before.stolen) / took, 3),
        }


def _look() -> Ticks | None:
    try:
        return ticks(_STAT.read_text(), os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError):
        return None


def _own() -> float:
    """Seconds of CPU of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)

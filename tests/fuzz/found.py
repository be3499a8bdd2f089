"""What a run found: each kind of failure once, with the input that shows it, and figures for the report."""

from __future__ import annotations

import gc
import json
import os
import threading
import traceback
from collections import Counter
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

from tests.fuzz.steady import Growth
from tests.fuzz.targets import Target

EVERY = 5.0
"""Seconds between two writings of the figures: the process may be ended any time."""


class Found:
    """Checks inputs of one target, and counts."""

    def __init__(self, folder: Path, target: Target, kind: str = "guided") -> None:
        self._folder = folder
        self._target = target
        self._kind = kind
        self._kinds: Counter[str] = Counter()
        self._tried = 0
        self._began = self._written = monotonic()
        self._first: dict[str, int] = {}
        self.grown: Growth | None = None
        """What was kept of inputs that came again and again, where that was looked at."""

    def check(self, data: bytes) -> None:
        """Never raises, but for an end from outside."""
        self._tried += 1
        try:
            self._target.check(data)
        except Exception as error:
            self._keep(data, error)
        if monotonic() - self._written > EVERY:
            self.write()

    def _keep(self, data: bytes, error: Exception) -> None:
        root: BaseException = error
        while root.__cause__ is not None:
            root = root.__cause__
        frames = traceback.extract_tb(root.__traceback__)
        last = [f"{Path(frame.filename).name}:{frame.name}" for frame in frames[-2:]]
        kind = f"{type(root).__name__} in {' '.join(last)}"
        self._kinds[kind] += 1
        if self._kinds[kind] == 1:
            name = sha256(kind.encode()).hexdigest()[:12]
            (self._folder / f"found-{name}").write_bytes(data)
            told = "".join(traceback.format_exception(error))
            (self._folder / f"found-{name}.txt").write_text(told, errors="replace")

    def write(self) -> None:
        """Figures up to now."""
        self._written = monotonic()
        if len(self._first) == 0:
            # Once all is imported and warm.
            self._first = _holds()
        figures: dict[str, Any] = {
            "tried": self._tried, "seconds": round(monotonic() - self._began, 1), "kinds": dict(self._kinds),
            "at first": self._first, "at last": _holds(), "grown": None if self.grown is None else asdict(self.grown),
        }  # fmt: skip
        path = self._folder / f"{self._kind}.json"
        path.with_suffix(".part").write_text(json.dumps(figures))
        path.with_suffix(".part").replace(path)


def _holds() -> dict[str, int]:
    """What a process has that could be left over."""
    gc.collect()
    files = len([*Path("/proc/self/fd").iterdir()]) if Path("/proc/self/fd").is_dir() else 0
    kib = 0
    if Path("/proc/self/statm").exists():
        kib = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
    return {"descriptors": files, "threads": threading.active_count(), "KiB": kib}

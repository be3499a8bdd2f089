"""A process of clients, as the soak sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.soak.server import held_up, resident


class Process:
    """One of clients."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.crowd", json.dumps(given)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is the soak's: without it they end by themselves, at the end of their stdin.
            start_new_session=True,
        )
        self.tally: dict[str, Any] = {}
        self.rested = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            tally = json.loads(line)
            rested = tally.pop("rested", False)
            self.tally = tally
            if rested:
                self.rested.set()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def rss(self) -> int:
        """Bytes of memory."""
        return resident(self._process.pid) if self.alive else 0

    def held_up(self) -> float:
        """Seconds for which the machine had something else to do."""
        return held_up(self._process.pid)

    def say(self, word: str) -> None:
        """`go`, `rest` or `end`."""
        assert self._process.stdin is not None
        self.rested.clear()
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()

    def end(self, at_once: bool = False) -> None:
        """It ends; at once also where clients are still there."""
        try:
            if at_once:
                self._process.kill()
            else:
                self.say("end")
            self._process.wait(20)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._reader.join(5)

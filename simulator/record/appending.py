"""A cassette that grows while it is played: what a real server said in place of it is written behind its end."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulator.cassette import plan as plans
from simulator.cassette.entries import Entry
from simulator.cassette.recorder import Recorder
from simulator.cassette.redact import Redactor
from simulator.cassette.rules import Rules
from simulator.cassette.sink import FileSink
from simulator.cassette.tape import MARK, open_tape
from simulator.core.errors import CassetteError, StartError
from simulator.serve.replay import fetch

if TYPE_CHECKING:
    from simulator.cassette.playback import Playback

_QUICK: Final = 8 << 20
"""Bytes of a cassette that can be read again while clients wait."""
_HEAD: Final = 100
"""Lines of a head."""
_GAP: Final = 1.0
"""Seconds between the end of a tape and what is appended to it."""


class Appending:
    """One cassette. Nothing is written before there is something to write."""

    def __init__(
        self, path: Path, redact: bool, tell: Callable[[str], None], secrets: tuple[re.Pattern[str], ...] = ()
    ) -> None:
        """Look through it, and mend its end. Raises CassetteError, StartError.

        `secrets` are the operator's own, which nobody shall read there, whoever repeats them.
        """
        self._secrets = secrets
        self.path = path
        self._redact = redact
        self._tell = tell
        self._recorder: Recorder | None = None
        self._numbers: set[int] = set()
        self._at = 0.0
        with open_tape(path):
            # What is no cassette is told as that.
            pass
        try:
            # From the beginning: who comes second is told so before he mends, or reads numbers that are taken then.
            self._sink = FileSink(path, append=True)
        except OSError as error:
            why = f"{path}: can't be written ({error.strerror}), and --mode new_episodes appends to it"
            raise StartError(why) from None
        try:
            with open_tape(path) as tape:
                self._by_hand = tape.header.by_hand is not None
                for entry in tape:
                    self._numbers.add(_number(entry))
                    self._at = entry.at
                torn = tape.torn
            self._mend(None if torn is None else torn.line)
        except BaseException:
            self.close()
            raise

    def _mend(self, torn: int | None) -> None:
        """A record that was being written when its recorder was killed would spoil what comes behind it."""
        first = last = b""
        edited, whole = False, 0
        with self.path.open("rb") as file:
            # A recording of a day is not held in memory for that.
            for number, last in enumerate(file, 1):
                if torn is None or number < torn:
                    whole += len(last)
                if not first and number > 1 and last.lstrip().startswith(b"- "):
                    first = last
                edited |= number <= _HEAD and last.startswith(b"entries: [")
        if edited or first[:1] == b" ":
            raise CassetteError(
                str(self.path), 0,
                "can't be appended to as it was edited: `simulator cassette trim` writes it as recorders do",
            )  # fmt: skip
        if torn is not None:
            os.truncate(self.path, whole)
            self._tell(f"{self.path}:{torn}: the record that was torn there is cut off, so that more can be appended")
        elif not last.endswith(b"\n"):
            with self.path.open("ab") as file:
                file.write(b"\n")

    @staticmethod
    def now() -> float:
        """The recorder's clock."""
        return time.time()

    def recorder(self) -> Recorder:
        """What writes, from now on."""
        if self._recorder is None:
            if self._by_hand:
                # Of a full disk the first record tells.
                with suppress(OSError):
                    self._sink.write(MARK)
            started = time.time() - self._at - _GAP
            rules = Rules(texts=self._secrets)
            redactor = Redactor(os.urandom(32), rules) if self._redact else None
            self._recorder = Recorder(
                self._sink, started, None, redactor, tell=self._tell, after=max(self._numbers, default=0)
            )
        return self._recorder

    @property
    def failures(self) -> int:
        """What passed and is not in the cassette."""
        return 0 if self._recorder is None else self._recorder.counts.failures

    def told(self) -> str:
        """What was appended, for people."""
        if self._recorder is None or not (self._recorder.counts.connections or self._recorder.counts.exchanges):
            return f"nothing was appended to {self.path}"
        lost = f"; {self.failures} of what passed could not be written" if self.failures else ""
        counts = self._recorder.counts
        parts = [(counts.connections, "connection"), (counts.frames, "frame"), (counts.exchanges, "HTTP exchange")]
        told = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in parts)
        return f"appended to {self.path}: {told}{lost}"

    def learn(self, playback: Playback) -> None:
        """What was appended can be played at once, where the cassette is short enough to be read again."""
        plan = next((plan for plan in playback.coverage.plans if plan.path == str(self.path)), None)
        if plan is None or not self._sink.here or self.path.stat().st_size > _QUICK:
            return
        try:
            with open_tape(self.path) as tape:
                fresh = plans.read(tape, playback.backend, partial(fetch, self.path.parent))
        except CassetteError as error:
            self._tell(str(error))
            return
        coverage = playback.coverage
        for strand in fresh.strands:
            if strand.conn not in self._numbers and strand.refusal is None:
                plan.strands.append(strand)
                for line in strand.lines:
                    coverage.did(line)
        for served in fresh.exchanges:
            if served.exchange.http not in self._numbers:
                plan.exchanges.append(served)
                coverage.did(served)
        self._numbers |= {strand.conn for strand in fresh.strands}
        self._numbers |= {served.exchange.http for served in fresh.exchanges}

    def close(self) -> None:
        """The end."""
        if self._recorder is not None:
            self._recorder.close(time.time())
            return
        with suppress(OSError):
            self._sink.close()


def _number(entry: Entry) -> int:
    return getattr(entry, "conn", None) or getattr(entry, "http", None) or 0

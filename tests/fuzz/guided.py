"""One target in a process of its own, led by what its inputs reach: `python -m tests.fuzz.guided TARGET FOLDER SECONDS`.

libFuzzer chooses, atheris shows it the bytecode of `simulator`; changes are the target's own, so that most inputs mean
something. What raises is written down, each kind once, and it goes on.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["simulator"], enable_loader_override=False):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.found import Found

LONGEST = 32 << 10


def main() -> None:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    target = TARGETS[name]
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for number in range(60):
            (corpus / f"sample-{number}").write_bytes(target.sample(Random(number)))
    found = Found(folder, target)
    gc.freeze()

    def mutate(data: bytes, size: int, seed: int) -> bytes:
        dice = Random(seed)
        if dice.random() < 0.15:
            return bytes(atheris.Mutate(data, size))
        return target.mutate(data, dice)[:size]

    arguments = [
        sys.argv[0], str(corpus), f"-max_total_time={seconds}", "-timeout=60", "-rss_limit_mb=3000", f"-max_len={LONGEST}",
        "-len_control=0", "-print_final_stats=1", f"-artifact_prefix={folder}/", "-verbosity=1", "-report_slow_units=30",
    ]  # fmt: skip
    atheris.Setup(arguments, found.check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""How much memory a long recording takes, written and read, and how long it takes to read one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECORD = """
import json, resource, sys
from pathlib import Path
from simulator.cassette.recorder import Recorder
from simulator.cassette.redact import Redactor
from simulator.cassette.sink import FileSink

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

recorder = Recorder(FileSink(Path(sys.argv[1])), 0.0, redactor=Redactor(b"k" * 32))
line = recorder.open(0.0, "/", ())
for n in range(int(sys.argv[2])):
    if n == 10_000:
        before = resident()
    text = f'{{"type":"msg","id":"m{n}","text":"hello {n}","time":"2025-12-30T14:03:10.120456Z"}}'
    if n % 10 == 0:
        # Secrets and keys that never come again.
        text = f'{{"text":"from ada{n}@corp.example","k{n}":{n},"token":"t{n}"}}'
    recorder.frame(n / 100, line, "client" if n % 2 else "server", text)
grown = resident() - before
recorder.close(n / 100)
print(json.dumps({"grown": grown, "frames": recorder.counts.frames, "failures": recorder.counts.failures}))
"""

READ = """
import json, resource, sys, time
from pathlib import Path

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

start = resident()
began = time.process_time()
from simulator.cassette.tape import open_tape
most = 0
with open_tape(Path(sys.argv[1])) as tape:
    for frames, entry in enumerate(tape):
        if frames % 1000 == 0:
            most = max(most, resident())
print(json.dumps({"seconds": time.process_time() - began, "grown": most - start, "entries": tape.count}))
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is resident now")


def run(script: str, *arguments: object) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, capture_output=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


@linux
def test_two_hundred_thousand_frames_take_no_memory(tmp_path: Path) -> None:
    told = run(RECORD, tmp_path / "x.yaml", 200_000)
    assert told["frames"] == 200_000
    assert told["failures"] == 0
    assert told["grown"] < 15 << 20


@linux
def test_a_long_cassette_is_streamed(tmp_path: Path) -> None:
    run(RECORD, tmp_path / "x.yaml", 100_000)
    told = run(READ, tmp_path / "x.yaml")
    assert told["entries"] == 100_002, "with what opens and cuts"
    assert told["grown"] < 40 << 20


@linux
@pytest.mark.slow
def test_a_long_cassette_is_read_in_five_seconds(tmp_path: Path) -> None:
    run(RECORD, tmp_path / "x.yaml", 100_000)
    assert run(READ, tmp_path / "x.yaml")["seconds"] < 5

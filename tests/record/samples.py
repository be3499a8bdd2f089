"""`make cassettes`: records the talks of `stories.py` through the real proxy, from the served backends, into cassettes/.

    python -m tests.record.samples [--force] [NAME...]

A cassette whose talk is the same (`simulator cassette diff`) stays as it is, so that git shows what changed and no times;
`--force` takes the new one all the same. The seed and the port are always the same, the clock is the real one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.record.proxied import ROOT, Child, Recording, recorder_is_missing, wait_for
from tests.record.stories import STORIES, Places, Story
from tests.served import COMMAND

SAMPLES = ROOT / "cassettes"


def record(story: Story, folder: Path) -> Path:
    """The new cassette in this folder."""
    ready = folder / "serve.ready"
    settings = [part for setting in story.settings for part in ("--set", setting)]
    serve: list[str | Path] = [COMMAND, "serve", "-b", story.backend, "--seed", "7", "--ready-file", ready, *settings]
    with Child(folder, *serve, name="serve") as served:
        try:
            wait_for(ready.exists, alive=served.process)
        except AssertionError:
            raise SystemExit(f"{story.backend} is not served: {served.complained.strip()}") from None
        url = json.loads(ready.read_bytes())["backends"][0]["url"]
        with Recording(folder, url, "--mode", story.mode, "--backend", story.backend, name=story.name) as recording:
            asyncio.run(story.play(Places(url, recording.url, lambda: wait_for(lambda: recording.cassette.whole))))
            wait_for(lambda: recording.cassette.whole)
            code = recording.stop(signal.SIGINT)
        if code:
            raise SystemExit(f"recording {story.backend} ended with {code}: {recording.complained.strip()}")
    return recording.cassette.path


def keep(new: Path, old: Path, force: bool) -> str:
    """Puts the new cassette where the old one is, unless they say the same; what was done."""
    if old.exists() and not force:
        diff = subprocess.run([COMMAND, "cassette", "diff", old, new], capture_output=True, text=True, check=False)
        if diff.returncode == 0:
            return "says what it said, and stays"
        print(diff.stdout + diff.stderr, end="")
    old.parent.mkdir(parents=True, exist_ok=True)
    for path in (old, old.with_suffix(".files")):
        if path.is_dir():
            shutil.rmtree(path)
        beside = new.parent / path.name
        if beside.exists():
            shutil.move(beside, path)
    old.chmod(0o644)
    return "recorded"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make cassettes", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="of backends; all unless told otherwise", metavar="NAME")
    parser.add_argument("--force", action="store_true", help="take the new cassette, whatever the old one says")
    given = parser.parse_args()
    known = {story.backend for story in STORIES}
    if unknown := {*given.names} - known:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    if missing := recorder_is_missing():
        sys.exit(missing)
    for story in STORIES:
        if given.names and story.backend not in given.names:
            continue
        old = SAMPLES / story.backend / f"{story.name}.yaml"
        with tempfile.TemporaryDirectory() as folder:
            print(f"{old.relative_to(ROOT)}: {keep(record(story, Path(folder)), old, given.force)}", flush=True)


if __name__ == "__main__":
    main()

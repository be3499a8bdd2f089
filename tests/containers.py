"""What Dockerfile and compose.yaml say, and the Dockerfile's steps in a plain folder, where there is no engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass
class Stage:
    """One stage of a Dockerfile."""

    name: str
    env: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    one: dict[str, str] = field(default_factory=dict)
    """Other instructions, the last of each."""

    def words(self, instruction: str) -> list[str]:
        """The JSON form of ENTRYPOINT, CMD, VOLUME, and of CMD in HEALTHCHECK."""
        text = self.one[instruction]
        found: list[str] = json.loads(text[text.index("[") :])
        return found


def stages(path: Path = ROOT / "Dockerfile") -> list[Stage]:
    """By the instructions that ours has; an unknown one fails."""
    found: list[Stage] = []
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            found.append(Stage(rest))
        elif instruction == "RUN":
            found[-1].runs.append(rest)
        elif instruction == "ENV":
            found[-1].env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif found:
            known = [
                "ARG",
                "LABEL",
                "COPY",
                "WORKDIR",
                "USER",
                "VOLUME",
                "EXPOSE",
                "STOPSIGNAL",
                "HEALTHCHECK",
                "ENTRYPOINT",
                "CMD",
            ]
            assert instruction in known, line
            found[-1].one[instruction] = rest
    return found


def context(to: Path) -> None:
    """What `docker build` sends: all that .dockerignore lets through, of what git tracks."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    allowed = [line[1:] for line in lines if line.startswith("!")]
    refused = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in tracked.split("\0"):
        parts = Path(name).parts
        if not parts or parts[0] not in allowed or any(fnmatch(part, one) for part in parts for one in refused):
            continue
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)


def open_python() -> str | None:
    """A Python with venv that another user may run, too: none in somebody's home."""
    for name in (sys.executable, "/usr/bin/python3"):
        real = Path(name).resolve()
        if real.is_file() and all(folder.stat().st_mode & 0o001 for folder in real.parents):
            done = subprocess.run([real, "-c", "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"])
            if done.returncode == 0:
                return str(real)
    return None


def build(folder: Path, base: str) -> Path:
    """Runs the first stage's steps with other paths, by that Python; the folder that the second stage copies."""
    first, _ = stages()
    prefix, source, wheel, python = (folder / name for name in ("opt", "src", "wheel", "python"))
    source.mkdir()
    context(source)
    # Stands for the image's own Python: what is installed there stays there.
    subprocess.run([base, "-m", "venv", python], check=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "SIMULATOR_", "VIRTUAL_"))}
    env |= first.env | {"PATH": f"{python}/bin:{env['PATH']}"}
    for run in first.runs:
        script = run.replace("/opt/simulator", str(prefix)).replace("/tmp/wheel", str(wheel))
        subprocess.run(["sh", "-ec", script], cwd=source, env=env, check=True)
    return prefix

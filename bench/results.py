"""What a run leaves behind: its data as JSON, and the report made of it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench import page, rows, targets
from bench.process import ROOT, cores
from bench.rows import Found

FOLDER = ROOT / "bench" / "results"
DATA = "results.json"


def machine(load_before: float, watched: dict[str, float]) -> dict[str, Any]:
    """Where this was measured, beside what, and with what; nothing that says whose machine it is."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
        "pinned": cores() is not None,
        "load_before": round(load_before, 2),
        "load_after": round(os.getloadavg()[0], 2),
        **watched,
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "versions": {
            "simulator": importlib.metadata.version("chat-simulator"),
            "Python": platform.python_version(),
            "aiohttp": importlib.metadata.version("aiohttp"),
            "pydantic": importlib.metadata.version("pydantic"),
            "uvloop": _of_uvloop(),
            "python-socketio": importlib.metadata.version("python-socketio"),
            "node": _said("node", "--version").removeprefix("v"),
            "ws": _of_npm("tests/clients", "ws"),
            "socket.io": _of_npm("tests/clients", "socket.io"),
            "Mockoon CLI": _of_npm("bench", "@mockoon/cli"),
            "mitmproxy": _of_mitmproxy(),
        },
    }


def _said(*command: str | Path) -> str:
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _of_npm(folder: str, package: str) -> str:
    path = ROOT / folder / "node_modules" / package / "package.json"
    return str(json.loads(path.read_text())["version"]) if path.exists() else ""


def _of(venv: str, package: str) -> str:
    code = f"import importlib.metadata; print(importlib.metadata.version('{package}'))"
    return _said(ROOT / ".venv" / venv / "bin" / "python", "-c", code)


def _of_uvloop() -> str:
    return _of("bench", "uvloop")


def _of_mitmproxy() -> str:
    return _of("record", "mitmproxy")


def clean(text: str) -> str:
    """A note without places of this machine, and without its name."""
    for place, word in (
        (str(ROOT), "."),
        (sys.prefix, "the venv"),
        (tempfile.gettempdir(), "(tmp)"),
        (str(Path.home()), "~"),
    ):
        text = text.replace(place, word)
    name = platform.node()
    return re.sub(rf"\b{re.escape(name)}\b", "this machine", text) if name else text


def data(found: Found, options: dict[str, Any], facts: dict[str, Any], minutes: float) -> dict[str, Any]:
    """Everything of a run."""
    by_key = found.by_key()
    return {
        "format": 1,
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "minutes": round(minutes, 1),
        "took": {name: round(seconds) for name, seconds in found.took.items()},
        "machine": facts,
        "options": options,
        "targets": [targets.dump(verdict) for verdict in targets.judge(by_key)],
        "own_targets": [targets.dump(verdict) for verdict in targets.judge(by_key, targets.OWN)],
        "earlier_targets": [targets.dump(verdict) for verdict in targets.judge(by_key, targets.EARLIER)],
        "rows": rows.dump(found),
        "notes": [clean(note) for note in found.notes],
    }


def write(folder: Path, run: dict[str, Any]) -> None:
    """The data, the report and its charts, under the same names each time. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DATA).write_bytes(orjson.dumps(run, option=orjson.OPT_INDENT_2) + b"\n")
    render(folder, run)


def render(folder: Path, run: dict[str, Any]) -> None:
    """The report and its charts anew; a chart of before that is none now goes. Raises OSError."""
    files = page.files(run)
    for old in folder.glob("*.svg"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The data of the last run. Raises OSError, and ValueError where it is none."""
    found = orjson.loads((folder / DATA).read_bytes())
    if not isinstance(found, dict) or found.get("format") != 1:
        raise ValueError("it is not the data of a run of this benchmark")
    return found

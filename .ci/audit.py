"""`make audit`: known vulnerabilities of what the locks name, as a report: it ends with 0 in any case.

One line for each lock, and one for each advisory. Python's locks are judged by pip-audit, npm's by `npm audit`; both
ask services in the network, and where one doesn't answer a line says so: that nothing is known is then no news.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
UNASKED = "the advisory service can't be asked from here"
SECONDS = 60
"""For one lock."""
_MOST = 20
"""Advisories told of one lock: the report shall stay short."""


def main() -> int:
    """Always 0: an advisory of today must not break a build of yesterday."""
    _all("pip-audit", sorted(ROOT.glob("requirements*.lock")), python)
    _all("npm audit", packages(), lambda lock: npm(lock.parent))
    return 0


def _all(tool: str, locks: Sequence[Path], look: Callable[[Path], list[str]]) -> None:
    """Who could not ask once is not made to wait for it again: all that is left is one line."""
    names = [str(lock.relative_to(ROOT)) for lock in locks]
    for number, lock in enumerate(locks):
        lines = look(lock)
        if lines == [UNASKED]:
            print(f"{tool}: {UNASKED}; not looked at: {', '.join(names[number:])}")
            return
        _tell(names[number], lines)


def packages() -> list[Path]:
    """All locks of npm that are in the repository."""
    listed = _run(["git", "ls-files", "*package-lock.json"], ROOT)
    return [ROOT / line for line in (listed.stdout if listed else "").splitlines()]


def _tell(name: str, lines: Sequence[str]) -> None:
    print(f"{name}: {lines[0]}")
    for line in lines[1 : _MOST + 1]:
        print(f"  {line}")
    if len(lines) > _MOST + 1:
        print(f"  and {len(lines) - _MOST - 1} more")


def python(lock: Path) -> list[str]:
    """What pip-audit says of a lock, in lines."""
    tool = Path(sys.executable).with_name("pip-audit")
    if not tool.exists():
        return ["not looked at: pip-audit is not installed (make audit installs it)"]
    command = [str(tool), "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    done = _run([*command, "--timeout", "10", "--requirement", str(lock)], ROOT)
    return read_pip(done.stdout if done else "")


def read_pip(text: str) -> list[str]:
    """From pip-audit's JSON."""
    try:
        found: list[dict[str, Any]] = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [UNASKED]
    asked = [one for one in found if "skip_reason" not in one]
    if not asked:
        return [UNASKED]
    told = [*_advisories_of_pip(asked)]
    unknown = f", {len(found) - len(asked)} of them unknown to it" if len(asked) < len(found) else ""
    return [f"{_count(len(told))} for {len(found)} packages{unknown}", *told]


def _advisories_of_pip(found: list[dict[str, Any]]) -> Iterator[str]:
    for one in found:
        for known in one.get("vulns", ()):
            mended = ", ".join(known.get("fix_versions") or ()) or "no version"
            yield f"{one['name']} {one['version']}: {known['id']}, mended in {mended}"


def npm(folder: Path) -> list[str]:
    """What `npm audit` says of a folder's lock, in lines."""
    if shutil.which("npm") is None:
        return ["not looked at: npm is not installed"]
    done = _run(["npm", "audit", "--package-lock-only", "--json"], folder)
    return read_npm(done.stdout if done else "")


def read_npm(text: str) -> list[str]:
    """From npm's JSON."""
    try:
        found: dict[str, Any] = json.loads(text)
        known, total = found["vulnerabilities"], found["metadata"]["dependencies"]["total"]
    except (ValueError, KeyError, TypeError):
        return [UNASKED]
    told = [
        f"{name} {one['range']}: {one['severity']}, "
        f"{'can be mended' if one.get('fixAvailable') else 'no version mends it'}"
        for name, one in known.items()
    ]
    return [f"{_count(len(told))} for {total} packages", *told]


def _count(advisories: int) -> str:
    return (
        "no known vulnerability"
        if not advisories
        else f"{advisories} known vulnerabilit{'y' if advisories == 1 else 'ies'}"
    )


def _run(command: list[str], where: Path) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (subprocess.TimeoutExpired, OSError):
        return None


if __name__ == "__main__":
    sys.exit(main())

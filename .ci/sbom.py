"""`make sbom`: what a lock installs, as a CycloneDX 1.6 document: `sbom.py LOCK PYTHON OUT`.

cyclonedx-py reads licenses and the graph from an environment in which the lock is installed; the lock knows what is
of it, and the hashes of its files. Addresses are left out: where a file comes from is the installer's affair, what it
is the hash's. The same lock gives the same bytes; SOURCE_DATE_EPOCH gives the time, without it there is none.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VERSION = "1.6"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)((?: *;[^\\\n]*)?)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def main() -> int:
    """0, or with a line that says what is wrong 1, or 2 where it was not asked well."""
    if len(sys.argv) != 4:
        return _bad("usage: sbom.py LOCK PYTHON OUT; `make sbom` does it")
    lock, python, out = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    try:
        pinned = pins(lock.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return _bad(f"{lock}: {error.strerror if isinstance(error, OSError) else 'it is no text'}")
    except ImportError as error:
        return _bad(f"{error.name} is not in this venv: `make sbom` has one that has it")
    if not pinned:
        return _bad(f"{lock}: nothing is pinned there, name a lock as requirements.lock is one")
    if shutil.which(python) is None:
        return _bad(f"{python}: no Python that could be run, name the one of the venv in which the lock is installed")
    if out.is_dir():
        return _bad(f"{out}: it is a folder, name a file")
    tool = Path(sys.executable).with_name("cyclonedx-py")
    if not tool.exists():
        return _bad("cyclonedx-py is not in this venv: `make sbom` has one that has it")
    told = subprocess.run(
        [tool, "environment", "--output-reproducible", "--spec-version", VERSION, python],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    if told.returncode:
        print(f"sbom: cyclonedx-py could not read {python}: {told.stderr.strip()[-300:]}", file=sys.stderr)
        return 1
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = re.search(r'__version__ = "(.+)"', (ROOT / "simulator/__init__.py").read_text())
    assert version is not None
    document = made(json.loads(told.stdout), pinned, project, version[1])
    text = f"{json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)}\n"
    flaw = invalid(text)
    if flaw:
        print(f"sbom: not a CycloneDX {VERSION} document: {flaw}", file=sys.stderr)
        return 1
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    except OSError as error:
        return _bad(f"{out}: {error.strerror}")
    licensed = sum("licenses" in one for one in document["components"])
    print(f"{out}: {len(document['components'])} components, {licensed} with their license")
    return 0


def _bad(why: str) -> int:
    print(f"sbom: {why}", file=sys.stderr)
    return 2


def pins(lock: str) -> dict[str, tuple[str, list[str]]]:
    """Name -> version and hashes of all its files, of what a lock pins for this interpreter."""
    from packaging.markers import Marker

    found: dict[str, tuple[str, list[str]]] = {}
    starts = [*_PIN.finditer(lock)]
    ends = [*(one.start() for one in starts), len(lock)][1:]
    for match, after in zip(starts, ends, strict=True):
        marker = match[3].strip(" ;")
        if not marker or Marker(marker).evaluate():
            found[_plain(match[1])] = match[2], sorted(_HASH.findall(lock[match.start() : after]))
    return found


def made(
    environment: Mapping[str, Any],
    pinned: Mapping[str, tuple[str, list[str]]],
    project: Mapping[str, Any],
    version: str,
) -> dict[str, Any]:
    """The document: components of the lock alone, with licenses and the graph as the environment has them."""
    seen = {_plain(one["name"]): one for one in environment["components"]}
    refs = {one["bom-ref"]: f"pkg:pypi/{name}@{one.get('version', '')}" for name, one in seen.items()}
    graph = {one["ref"]: one.get("dependsOn", []) for one in environment["dependencies"]}
    components, dependencies = [], []
    root = f"pkg:pypi/{project['name']}@{version}"
    known = {f"pkg:pypi/{name}@{pin}" for name, (pin, _) in pinned.items()}
    for name, (pin, hashes) in sorted(pinned.items()):
        purl = f"pkg:pypi/{name}@{pin}"
        found = seen.get(name, {})
        if found and found.get("version") != pin:
            found = {}
        one: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": pin, "purl": purl}
        one["externalReferences"] = [{
            "type": "distribution", "url": purl, "comment": "each file that the lock lets in",
            "hashes": [{"alg": "SHA-256", "content": content} for content in hashes],
        }]  # fmt: skip
        for key in ("description", "licenses"):
            if key in found:
                one[key] = found[key]
        components.append(one)
        depends = sorted({refs[ref] for ref in graph.get(found.get("bom-ref", ""), ()) if refs.get(ref) in known})
        dependencies.append({"ref": purl, **({"dependsOn": depends} if depends else {})})
    direct = sorted(
        f"pkg:pypi/{name}@{pinned[name][0]}" for name in map(_direct, project["dependencies"]) if name in pinned
    )
    dependencies.append({"ref": root, "dependsOn": direct})
    about: dict[str, Any] = {
        "component": {
            "type": "application", "bom-ref": root, "name": project["name"], "version": version, "purl": root,
            "description": project["description"],
        },
        "tools": {"components": [
            {key: one[key] for key in ("type", "name", "version") if key in one}
            for one in environment["metadata"]["tools"]["components"]
        ]},
        "properties": [{"name": "cdx:reproducible", "value": "true"}],
    }  # fmt: skip
    if "timestamp" in environment["metadata"]:
        about["timestamp"] = environment["metadata"]["timestamp"]
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{VERSION}.schema.json", "bomFormat": "CycloneDX",
        "specVersion": VERSION, "version": 1, "metadata": about, "components": components, "dependencies": dependencies,
    }  # fmt: skip


def invalid(text: str) -> str:
    """What the schema has against it; "" for nothing."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return "" if error is None else str(error)[:300]


def _plain(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _direct(requirement: str) -> str:
    return _plain(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


if __name__ == "__main__":
    sys.exit(main())

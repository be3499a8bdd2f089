"""What SECURITY.md promises is held by tests that exist; locks, SBOM and audit are what they are said to be."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from packaging.requirements import Requirement

from simulator.cli import main
from simulator.serve.app import Options

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def script(name: str) -> ModuleType:
    """One of .ci/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- SECURITY.md ----

_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_promise_names_a_test_that_is_there() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(rows) > 12
    for row in rows:
        named = _NAMED.findall(row)
        assert named, f"no test holds: {row}"
        for file, test in named:
            tree = ast.parse((ROOT / file).read_text())
            assert any(getattr(node, "name", "") == test for node in tree.body), f"{file} has no {test}"


def test_loopback_is_where_it_listens() -> None:
    assert Options([]).host == "127.0.0.1"
    serve = main.get_command(click.Context(main), "serve")
    assert serve is not None
    [host] = [option for option in serve.params if option.name == "host"]
    assert host.default == "127.0.0.1"


def test_yaml_is_read_safely() -> None:
    """Every loader in the package says so; PyYAML is banned by ruff."""
    calls = 0
    for path in (ROOT / "simulator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "YAML":
                calls += 1
                kinds = [
                    word.value.value
                    for word in node.keywords
                    if word.arg == "typ" and isinstance(word.value, ast.Constant)
                ]
                assert kinds in (["safe"], ["rt"]), f"{path}:{node.lineno}"
                assert kinds == ["safe"] or "dump" in path.read_text(), f"{path}:{node.lineno} reads by it"
    assert calls >= 2


# ---- locks and bounds ----


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_are_names_versions_and_hashes(lock: Path) -> None:
    entry = re.compile(
        r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[0-9][\w.!+]*( ; [^\\]+)? \\"
        r"|    --hash=sha256:[0-9a-f]{64}( \\)?|    #.*|#.*|"
    )
    for number, line in enumerate(lock.read_text().splitlines(), 1):
        assert entry.fullmatch(line), f"{lock.name}:{number}: {line}"
        assert "://" not in line, f"{lock.name}:{number}: {line}"


def test_npm_s_locks_name_no_address() -> None:
    for lock in script("audit").packages():
        for number, line in enumerate(lock.read_text().splitlines(), 1):
            assert '"resolved"' not in line, f"{lock}:{number}: npm config omit-lockfile-registry-resolved"


def wanted() -> list[tuple[str, str]]:
    named = [("dependencies", one) for one in PROJECT["project"]["dependencies"]]
    for extra, listed in PROJECT["project"]["optional-dependencies"].items():
        named += [(extra, one) for one in listed]
    for group, listed in PROJECT["dependency-groups"].items():
        named += [(group, one) for one in listed if isinstance(one, str)]
    return named


@pytest.mark.parametrize(("where", "told"), wanted())
def test_bounds_on_both_sides(where: str, told: str) -> None:
    operators = {bound.operator for bound in Requirement(told).specifier}
    assert operators == {"=="} or operators == {">=", "<"}, f"{where}: {told}"


def test_nothing_is_asked_for_twice() -> None:
    for where in {where for where, _ in wanted()}:
        names = [Requirement(told).name for place, told in wanted() if place == where]
        assert len(names) == len({*names}), where


def test_every_dependency_is_used_and_every_import_is_one() -> None:
    """Of the package itself, by the names of its modules."""
    modules = {"ruamel.yaml": "ruamel", "ruamel.yaml.clib": "_ruamel_yaml", "prometheus-client": "prometheus_client", "python-jsonpath": "jsonpath"}  # fmt: skip
    imported = set()
    for path in (ROOT / "simulator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
    # The C parser of ruamel.yaml, which imports it by itself where it is there.
    needed = {
        name for told in PROJECT["project"]["dependencies"] if (name := Requirement(told).name) != "ruamel.yaml.clib"
    }
    assert {modules.get(name, name) for name in needed} - imported == set()


# ---- the SBOM ----

LOCK = """\
# made by
aiohttp==3.1 \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
    # via x
colorama==0.4 ; sys_platform == 'win32' \\
    --hash=sha256:{a}
ruamel-yaml[x]==0.9 ; python_full_version >= '3.11' \\
    --hash=sha256:{b}
""".format(a="a" * 64, b="b" * 64)


def test_the_sbom_is_of_the_lock_alone() -> None:
    sbom = script("sbom")
    pinned = sbom.pins(LOCK)
    assert pinned == {"aiohttp": ("3.1", ["a" * 64, "b" * 64]), "ruamel-yaml": ("0.9", ["b" * 64])}
    environment = {
        "components": [
            {"bom-ref": "x", "name": "aiohttp", "version": "3.1", "licenses": [{"license": {"id": "MIT"}}],
             "externalReferences": [{"type": "website", "url": "https://example.com"}]},
            {"bom-ref": "y", "name": "ruamel.yaml", "version": "0.8", "licenses": [{"license": {"id": "BSD"}}]},
            {"bom-ref": "z", "name": "pytest", "version": "9"},
        ],
        "dependencies": [{"ref": "x", "dependsOn": ["z", "y"]}, {"ref": "y"}],
        "metadata": {"tools": {"components": [{"type": "application", "name": "t", "version": "1", "externalReferences": []}]}},
    }  # fmt: skip
    project = {"name": "p", "description": "d", "dependencies": ["aiohttp>=3,<4", "colorama"]}
    made = sbom.made(environment, pinned, project, "1.0")
    assert [one["purl"] for one in made["components"]] == ["pkg:pypi/aiohttp@3.1", "pkg:pypi/ruamel-yaml@0.9"]
    first, second = made["components"]
    assert first["licenses"] == [{"license": {"id": "MIT"}}]
    assert "licenses" not in second, "another version is installed than the lock says"
    assert [one["content"] for one in first["externalReferences"][0]["hashes"]] == ["a" * 64, "b" * 64]
    assert made["dependencies"][-1] == {"ref": "pkg:pypi/p@1.0", "dependsOn": ["pkg:pypi/aiohttp@3.1"]}
    assert "timestamp" not in made["metadata"]
    assert "https://example.com" not in repr(made)


def test_the_lock_is_read_whole() -> None:
    pinned = script("sbom").pins((ROOT / "requirements.lock").read_text())
    assert {"aiohttp", "ruamel-yaml", "pydantic-core"} <= pinned.keys()
    assert all(hashes for _, hashes in pinned.values())


def test_a_bad_word_for_the_sbom_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lock, text = ROOT / "requirements.lock", tmp_path / "text"
    text.write_text("nothing pinned")
    for words, why in (
        ((), "usage: sbom.py LOCK PYTHON OUT"),
        ((lock, sys.executable, "out", "more"), "usage: sbom.py LOCK PYTHON OUT"),
        ((tmp_path / "none", sys.executable, "out"), "No such file or directory"),
        ((tmp_path, sys.executable, "out"), "Is a directory"),
        ((text, sys.executable, "out"), "nothing is pinned there"),
        ((lock, tmp_path / "none", "out"), "no Python that could be run"),
        ((lock, sys.executable, tmp_path), "it is a folder"),
    ):
        monkeypatch.setattr(sys, "argv", ["sbom.py", *map(str, words)])
        assert script("sbom").main() == 2
        out, told = capsys.readouterr()
        [line] = told.splitlines()
        assert (out, line[:6], why in line) == ("", "sbom: ", True), line


# ---- the audit ----


def test_advisories_are_told_in_lines() -> None:
    audit = script("audit")
    vulns = '[{"id":"PYSEC-1","fix_versions":["1.1","1.2"]},{"id":"PYSEC-2"}]'
    text = f'{{"dependencies":[{{"name":"a","version":"1","vulns":{vulns}}},{{"name":"b","version":"2","vulns":[]}},{{"name":"c","skip_reason":"?"}}]}}'
    assert audit.read_pip(text) == [
        "2 known vulnerabilities for 3 packages, 1 of them unknown to it",
        "a 1: PYSEC-1, mended in 1.1, 1.2",
        "a 1: PYSEC-2, mended in no version",
    ]
    found = '{"ws":{"range":"<8","severity":"high","fixAvailable":true}}'
    assert audit.read_npm(f'{{"vulnerabilities":{found},"metadata":{{"dependencies":{{"total":9}}}}}}') == [
        "1 known vulnerability for 9 packages",
        "ws <8: high, can be mended",
    ]
    assert audit.read_npm('{"vulnerabilities":{},"metadata":{"dependencies":{"total":9}}}') == [
        "no known vulnerability for 9 packages"
    ]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"error":{}}', '{"dependencies":[{"name":"a","skip_reason":"not found"}]}']
)
def test_a_service_that_can_not_be_asked_is_said(text: str) -> None:
    audit = script("audit")
    assert audit.read_pip(text) == ["the advisory service can't be asked from here"]
    assert audit.read_npm(text) == ["the advisory service can't be asked from here"]


def test_a_report_stays_short_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = script("audit")
    monkeypatch.setattr(audit, "python", lambda lock: ["many", *map(str, range(99))])
    monkeypatch.setattr(audit, "packages", lambda: [])
    assert audit.main() == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == len(LOCKS) * 22
    assert told[21] == "  and 79 more"


def test_services_that_can_not_be_asked_are_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = script("audit")
    asked = []

    def unasked(where: Path) -> list[str]:
        asked.append(where)
        return [str(audit.UNASKED)]

    monkeypatch.setattr(audit, "python", unasked)
    monkeypatch.setattr(audit, "npm", unasked)
    monkeypatch.setattr(audit, "packages", lambda: [ROOT / "a/package-lock.json", ROOT / "b/package-lock.json"])
    assert audit.main() == 0
    [pip, npm] = capsys.readouterr().out.splitlines()
    assert pip.startswith("pip-audit: the advisory service can't be asked from here; not looked at: requirements-")
    assert all(lock.name in pip for lock in LOCKS)
    assert npm.endswith("; not looked at: a/package-lock.json, b/package-lock.json")
    assert asked == [LOCKS[0], ROOT / "a"]


def test_ci_ends_with_the_report() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines[-1].startswith("timeout 300 make audit || ")
    assert "make sbom" in lines

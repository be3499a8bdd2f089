"""The house rules: folders alike, documents true to the code, no I/O below serve."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

import simulator
from simulator import backends
from simulator.cli import main
from simulator.core.backend import Backend
from simulator.core.bot import ACTS
from simulator.serve import seeds

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "simulator"
FOLDERS = PACKAGE / "backends"

FILES = {"__init__.py", "messages.py", "state.py", "rules.py", "PROTOCOL.md"}
ALLOWED: dict[str, set[str]] = {
    "aida": {"frontdesk.py", "manifest.py", "pages.py", "plug.py"},
    "chatbot": {
        "analysis.py",
        "answers.py",
        "bots.py",
        "commands.py",
        "desk.py",
        "door.py",
        "jwt.py",
        "knowledge.py",
        "lists.py",
        "machine.py",
        "names.py",
        "rest.py",
        "rooms.py",
        "shapes.py",
        "shares.py",
        "staff.py",
        "talks.py",
        "telling.py",
    },
    "chip": {"chats.py", "courier.py", "desk.py", "gohttp.py", "gojson.py", "gostruct.py", "gotime.py"},
    "concierge": {"bodies.py", "chats.py", "desk.py", "presign.py", "store.py", "tokens.py", "views.py", "web.py"},
    "mia": {"fastify.py", "js.py", "page.py", "rooms.py", "system.py", "telling.py"},
}
"""More files, each with its reason in docs/decisions.md."""

IO = {
    "aiohttp",
    "asyncio",
    "click",
    "mitmproxy",
    "select",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
ALSO = {"cassette/sink.py": {"threading"}}
"""What writes, and waits for the disk."""
ABOVE = {"cli", "api", "plugin.py", "mitm.py", "record", "serve", "drive", "__main__.py"}

every = pytest.mark.parametrize("backend", backends.all_backends(), ids=lambda backend: backend.name)


def read(*path: str) -> str:
    """A document that has to be there."""
    file = ROOT.joinpath(*path)
    assert file.is_file(), f"{file.relative_to(ROOT)} is not there"
    return file.read_text(encoding="utf-8")


def protocol(backend: Backend) -> str:
    return read("simulator", "backends", backend.name, "PROTOCOL.md")


# ---- the tree ----


@pytest.mark.parametrize("folder", [path.parent for path in FOLDERS.glob("*/__init__.py")], ids=lambda path: path.name)
def test_a_folder_is_like_the_others(folder: Path) -> None:
    found = {path.name for path in folder.iterdir() if path.name != "__pycache__"}
    assert found == FILES | ALLOWED.get(folder.name, set())


def test_every_folder_is_a_backend() -> None:
    folders = {path.name for path in FOLDERS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(backends.names())
    assert set(ALLOWED) <= folders


@pytest.mark.parametrize("file", sorted(f"{name}/{file}" for name, files in ALLOWED.items() for file in files))
def test_an_exception_has_its_reason(file: str) -> None:
    assert file.partition("/")[2].removesuffix(".py") in read("docs", "decisions.md")


@pytest.mark.parametrize(
    "source", [path for room in ("core", "wire", "cassette") for path in sorted((PACKAGE / room).glob("[!_]*.py"))],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)  # fmt: skip
def test_a_source_has_its_test(source: Path) -> None:
    assert (ROOT / "tests" / source.parent.name / f"test_{source.name}").is_file()


@pytest.mark.parametrize("room", ["core", "wire", "backends", "cassette", "scenario"])
def test_no_drawers(room: str) -> None:
    drawers = {"utils", "util", "helpers", "common", "manager", "base", "misc"}
    assert not [path for path in (PACKAGE / room).rglob("*.py") if path.stem in drawers]


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from ((node.lineno, str(arg.value)) for arg in node.args if isinstance(arg, ast.Constant))


BELOW = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] not in ABOVE]


def test_below_serve_is_most_of_it() -> None:
    assert {"core", "wire", "backends"} <= {path.relative_to(PACKAGE).parts[0] for path in BELOW}
    assert "asyncio" in {name for _, name in _imports(PACKAGE / "serve" / "driver.py")}, "the walk finds imports"


@pytest.mark.parametrize("path", BELOW, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_io_below_serve(path: Path) -> None:
    banned = IO - ALSO.get(path.relative_to(PACKAGE).as_posix(), set())
    found = [f"{path.name}:{line}: {name}" for line, name in _imports(path) if name.partition(".")[0] in banned]
    assert not found


# ---- backends and their documents ----


@every
def test_protocol_tells_every_act(backend: Backend) -> None:
    lines = protocol(backend).splitlines()
    untold = [
        f"{act}: {note.how}"
        for act, note in backend.acts.items()
        if not any(re.search(rf"`{act}`.*\b{note.how}\b", line) for line in lines)
    ]
    assert set(backend.acts) == set(ACTS)
    assert not untold, "a line with `act` and its how-word each"


@every
def test_protocol_names_every_message(backend: Backend) -> None:
    text = protocol(backend)
    assert not [name for name in (*backend.commands, *backend.events) if not re.search(rf"\b{re.escape(name)}\b", text)]


@every
def test_protocol_says_where_it_knows_it_from(backend: Backend) -> None:
    text = protocol(backend)
    assert [word for word in ("documented", "seen in code", "guessed") if word in text] != []


def _models(backend: Backend) -> list[type[BaseModel]]:
    module = f"simulator.backends.{backend.name}.messages"
    found: dict[str, Any] = vars(__import__(module, fromlist=["_"]))
    return [
        cls
        for cls in found.values()
        if isinstance(cls, type) and issubclass(cls, BaseModel) and cls.__module__ == module
        # Those that only say what is common to the others tell nothing of the wire.
        # Pydantic puts what it makes of a generic model beside it.
        if "[" not in cls.__name__
        and (cls.model_fields or cls in {*backend.commands.values(), *backend.events.values()})
    ]


SOURCE = re.compile(r"\b[\w.-]+/[\w./-]+\.\w+\b|\bsection \S+|§ ?\S+|\bguessed\b", re.IGNORECASE)


@every
def test_models_cite_their_source(backend: Backend) -> None:
    models = _models(backend)
    assert {*backend.commands.values(), *backend.events.values()} <= set(models)
    assert not [cls.__name__ for cls in models if not SOURCE.search(vars(cls).get("__doc__") or "")]


@every
def test_settings_are_described(backend: Backend) -> None:
    model: Any = backend.seed.model_fields["settings"].annotation
    assert model.model_fields
    assert not [name for name, field in model.model_fields.items() if not field.description]


@every
def test_fixtures_are_invented(backend: Backend) -> None:
    seeds.load(backend, None, [])
    text = read("fixtures", f"{backend.name}.yaml")
    hosts = re.findall(r"\w+://([^\s/:\"'<]+)", text) + re.findall(r"[\w.+-]+@([\w.-]+\w)", text)
    ours = re.compile(r"(.+\.)?example\.com|localhost|127\.0\.0\.1")
    assert not [host for host in hosts if not ours.fullmatch(host)]


# ---- README, CHANGELOG, docs ----


def _table(text: str, *columns: str) -> list[dict[str, str]]:
    """The rows of the first Markdown table that has these columns; cells without their markup."""
    rows = [
        [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).strip("`* ") for cell in line.strip().strip("|").split("|")]
        if line.lstrip().startswith("|")
        else []
        for line in text.splitlines()
    ]
    for i, head in enumerate(rows):
        names = [cell.lower() for cell in head]
        if set(columns) <= set(names):
            body = []
            for row in rows[i + 2 :]:
                if not row:
                    break
                body.append(dict(zip(names, row, strict=True)))
            return body
    raise AssertionError(f"no table has the columns {columns}")


def test_readme_lists_the_backends() -> None:
    rows = _table(read("README.md"), "name", "port")
    assert {row["name"]: row["port"] for row in rows} == {b.name: str(b.port) for b in backends.all_backends()}
    assert len(rows) == len(backends.names())


def test_changelog_has_this_version() -> None:
    heads = re.findall(r"^## \[([^\]]+)\](.*)$", read("CHANGELOG.md"), re.MULTILINE)
    assert [name for name, _ in heads][:2] == ["Unreleased", simulator.__version__]
    for name, rest in heads[1:]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", name)
        assert re.fullmatch(r"( - \d{4}-\d\d-\d\d)?", rest), f"{name}: a date or nothing"


def _options(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    for param in command.params:
        if isinstance(param, click.Option):
            yield from ((path, name) for name in param.opts if name.startswith("--"))
    for name, inner in getattr(command, "commands", {}).items():
        yield path, name
        yield from _options(inner, f"{path} {name}")


@pytest.mark.parametrize(("command", "word"), [*_options(main, "simulator")])
def test_command_line_is_documented(command: str, word: str) -> None:
    texts = [read("README.md"), *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))]
    assert any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for text in texts), f"{command}: {word}"

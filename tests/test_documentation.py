"""The documentation's site: it builds without a warning, nothing in it comes from elsewhere, and all that there is stands in it."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

from docs.generated import cassette, commands, control, fields, messages, scenario, settings
from docs.generated.words import Undocumented
from simulator import backends
from simulator.cassette import entries
from simulator.core.backend import Backend
from simulator.scenario.schema import json_schema
from tests.described import description

ROOT = Path(__file__).parents[1]

every = pytest.mark.parametrize("backend", backends.all_backends(), ids=lambda backend: backend.name)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` builds it, elsewhere."""
    out = tmp_path_factory.mktemp("documentation")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", out],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return out


def read(site: Path, place: str) -> str:
    return (site / place).read_text(encoding="utf-8")


def codes(text: str) -> set[str]:
    """What a page shows as code."""
    return {html.unescape(re.sub(r"<[^>]+>", "", one)) for one in re.findall(r"<code>(.*?)</code>", text, re.DOTALL)}


# ---- the site ----


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    loads = re.compile(r"<(?:script|img|iframe|link|source)\b[^>]*?(?:src|href)=\"?([^\s\">]+)")
    found = {
        (page.relative_to(site).as_posix(), url)
        for page in site.rglob("*.html")
        for url in loads.findall(page.read_text(encoding="utf-8"))
        if re.match(r"(?:https?:)?//", url)
    }
    assert found == set()
    assert not [path for path in site.rglob("*.css") if re.search(r"url\(\s*[\"']?(?:https?:)?//", path.read_text())]


def test_every_page_is_in_the_navigation(site: Path) -> None:
    start = read(site, "index.html")
    every = {path.relative_to(site).as_posix() for path in site.rglob("*.html")} - {"404.html", "index.html"}
    pages = {page for page in every if not page.startswith("examples/")}
    assert len(pages) > 25
    assert {page for page in pages if f'href="{page}"' not in start} == set()


def test_lists_and_tables_of_every_page_are_read_as_such(site: Path) -> None:
    """Markdown on GitHub needs no empty line before a list, this one does."""
    odd = re.compile(r"<p>[^<]*(?:<(?!/p>)[^<]*)*\n(?:- |\d\. |\| )")
    assert [path.name for path in site.rglob("*.html") if odd.search(path.read_text(encoding="utf-8"))] == []


def test_bars_in_tables_are_bars(site: Path) -> None:
    rows = re.compile(r"<td>.*?</td>", re.DOTALL)
    assert [
        path.name for path in site.rglob("*.html") if any("\\|" in row for row in rows.findall(path.read_text()))
    ] == []


def unfenced(path: Path) -> str:
    """A page of Markdown without what it shows as code."""
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    fenceless = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    plain = [
        re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line) for line in re.findall(r"^#+ (.*)$", fenceless, re.MULTILINE)
    ]
    return {re.sub(r"[^\w\- ]", "", line.strip().lower()).replace(" ", "-") for line in plain}


def test_links_lead_somewhere_in_the_repository_too() -> None:
    """Pages are read there before anybody has built the site, which mkdocs looks at."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("simulator/**/*.md"), *ROOT.glob("bench/*.md")]
    links, dead = 0, []
    for page in (page for page in pages if "node_modules" not in page.parts):
        for link in re.findall(r"\]\(([^)\s]+)\)", unfenced(page)):
            place, _, anchor = link.partition("#")
            if re.match(r"\w+:", link):
                continue
            links += 1
            target = page.parent / place if place else page
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
                dead.append((page.relative_to(ROOT).as_posix(), link))
    assert dead == []
    assert links > 150


def test_the_readme_says_the_two_commands() -> None:
    assert re.search(r"```\ngit clone [^\n]+\nmake serve\n```", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_nothing_says_that_a_package_index_has_this() -> None:
    """Who does not have it yet would get somebody else's. What runs is installed, and pip adds an extra to that."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("simulator/backends/*/PROTOCOL.md")]
    tools = [ROOT / "Dockerfile", *ROOT.glob("action/*"), *ROOT.glob("docs/examples/**/*.y*ml")]
    code = [path for path in ROOT.glob("simulator/**/*") if path.suffix in (".py", ".txt", ".md")]
    assert min(map(len, (pages, tools, code))) > 3
    index = re.compile(r"(?:install\b[^\n`]*|\bproject/)\bchat-simulator\b(?!\[\w+\]')|chat-simulator\S*[=~<>]=")
    anywhere = re.compile(rf"{index.pattern}|install\b[^\n`]*'chat-simulator")
    found = [
        (path.name, one[0]) for path in pages + tools for one in anywhere.finditer(path.read_text(encoding="utf-8"))
    ]
    found += [(path.name, one[0]) for path in code for one in index.finditer(path.read_text(encoding="utf-8"))]
    assert found == []
    for claim in (
        "pip install chat-simulator",
        "pip install -U 'chat-simulator'",
        "pip install chat-simulator==0.1",
        "/project/chat-simulator/",
    ):
        assert index.search(claim), claim


# ---- what is typed ----


def typed() -> Iterator[tuple[str, list[str]]]:
    """Each command line of `simulator` in a block of code, with its page."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S):
            if language not in ("", "sh", "shell", "bash", "console"):
                continue
            for line in re.findall(r"^(?:\$ )?(simulator .*)", block, re.MULTILINE):
                words = shlex.split(line, comments=True)
                ends = [i for i, word in enumerate(words) if re.fullmatch(r"[&|<>;].*|2>.*", word)]
                # A shell puts the number of a process there.
                numbers = ["1" if word in ("$!", "$pid") else word for word in words]
                yield path.name, numbers[1 : ends[0] if ends else None]


def objection(words: list[str]) -> str | None:
    """What the command line says of these words behind `simulator`, where it would not run them."""
    from simulator.cli import main

    command: click.Command = main
    ctx = click.Context(main, info_name="simulator")
    while isinstance(command, click.Group) and words and words[0] in command.list_commands(ctx):
        command = command.get_command(ctx, words[0]) or command
        words = words[1:]
    try:
        command.make_context(command.name, list(words))
    except click.exceptions.Exit:
        pass
    except click.UsageError as error:
        # Files of the reader's, and tokens out of a variable.
        return None if "does not exist" in error.message else error.message
    return None


def test_every_command_line_of_a_page_can_be_typed() -> None:
    lines = list(typed())
    assert len(lines) > 30
    asked = [(page, words, objection(words)) for page, words in lines if "..." not in words]
    assert [one for one in asked if one[2] is not None] == []


def test_every_help_has_an_example_that_can_be_typed() -> None:
    from simulator.cli import main

    wrong = []
    for name, command in walk(main, "simulator"):
        found = re.findall(r"^ *(simulator .*?)(?:   .*)?$", command.help or "", re.MULTILINE)
        own = [line for line in found if line.startswith(name)]
        # What a shell of another's runs: it is not ours to judge.
        if not own and f"$({name})" not in (command.help or ""):
            wrong.append((name, "no example"))
        for line in found:
            words = shlex.split(line.replace("$!", "1"), comments=True)
            for part in " ".join(words).split(" & "):
                alone = re.split(r" (?:[|]|&&) ", part)[0]
                told = objection(shlex.split(alone)[1:])
                if told is not None:
                    wrong.append((line, told))
    assert wrong == []


# ---- what there is, counted without the generator ----


def walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for part in command.list_commands(ctx):
            found = command.get_command(ctx, part)
            assert found is not None
            yield from walk(found, f"{name} {part}")


def test_every_command_and_option(site: Path) -> None:
    from simulator.cli import main

    page = read(site, "reference/cli.html")
    parts = dict(re.findall(r'<h2 id="[^"]*">(.*?)<a.*?</h2>(.*?)(?=<h2|</article>)', page, re.DOTALL))
    expected = dict(walk(main, "simulator"))
    assert parts.keys() == expected.keys()
    for name, command in expected.items():
        words = " ".join(codes(parts[name]))
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert [one for one in option.opts if one not in words] == [], name


def test_every_call_and_shape(site: Path) -> None:
    page = read(site, "reference/control-api.html")
    calls = {
        f"{method.upper()} {path}"
        for path, operations in description()["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert len(calls) > 30
    assert calls <= codes(page)
    for name in description()["components"]["schemas"]:
        assert f'id="shape-{name.lower()}"' in page


def properties(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {key for part in schema for key in properties(part)}
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties", {})
    return {*own, *(key for part in schema.values() for key in properties(part))}


def mute(site: Path, place: str) -> tuple[int, list[str]]:
    """How many keys and parameters the tables of a page have, and those without a word."""
    rows = re.findall(r"<tr>\s*<td><code>(.*?)</code></td>(.*?)</tr>", read(site, place), re.DOTALL)
    return len(rows), [row[0] for row in rows if re.search(r"<td>\s*</td>\s*$", row[1])]


def test_every_key_has_words(site: Path) -> None:
    """A key with its type alone leaves the reader where they were."""
    for place, least in (("reference/scenario.html", 150), ("reference/control-api.html", 350)):
        there_are, wordless = mute(site, place)
        assert there_are > least
        assert wordless == [], place


def test_every_key_of_a_scenario(site: Path) -> None:
    keys = properties({"properties": json_schema()["properties"], "defs": [*json_schema()["$defs"].values()]})
    assert len(keys) > 60
    assert keys <= codes(read(site, "reference/scenario.html"))


def test_every_entry_of_a_cassette(site: Path) -> None:
    kinds = {
        kind.__name__ for kind in vars(entries).values() if isinstance(kind, type) and "at" in kind.__annotations__
    }
    assert {kind.__name__ for kind in cassette.kinds()} == kinds
    assert kinds == {kind.__name__ for kind in cassette.SAMPLES}
    page = read(site, "reference/cassette.html")
    assert [kind for kind in kinds if f'<h2 id="{kind.lower()}">' not in page] == []
    keys = {key for sample in cassette.SAMPLES.values() for key in json.loads(json.dumps(cassette.loaded(sample)))}
    assert keys - {"event"} <= codes(page)


@every
def test_every_setting(site: Path, backend: Backend) -> None:
    page = read(site, "reference/settings.html")
    part = re.search(rf'<h2 id="{backend.name}">(.*?)(?=<h2|</article>)', page, re.DOTALL)
    assert part is not None
    model: Any = backend.seed.model_fields["settings"].annotation
    assert {*model.model_fields} <= codes(part[1])


@every
def test_every_message(site: Path, backend: Backend) -> None:
    page = read(site, f"protocols/{backend.name}.html")
    _, _, generated = page.partition('<h2 id="all-messages">')
    client, _, server = generated.partition('<h3 id="to-the-client-all">')
    for part, models in ((client, backend.commands), (server, backend.events)):
        assert {*models} <= codes(part)
        for model in models.values():
            assert {*model.model_json_schema().get("properties", {})} <= codes(generated)
    there_are, wordless = mute(site, f"protocols/{backend.name}.html")
    assert there_are > 8
    assert wordless == []


@every
def test_words_for_keys_are_those_of_keys_that_there_are(backend: Backend) -> None:
    """Left-over ones would be found by nobody."""
    keys: set[str] = set()
    for models, mode in ((backend.commands, "validation"), (backend.events, "serialization")):
        for name, model in models.items():
            schema: Any = model.model_json_schema(mode=mode)  # type: ignore[arg-type]
            for owner, part in ((name, schema), *schema.get("$defs", {}).items()):
                keys |= {known for key in part.get("properties", {}) for known in (key, f"{owner}.{key}")}
    assert {*fields.FIELDS[backend.name]} - keys == set()


# ---- what has no words fails ----


class Mute(BaseModel):
    """Has a key without words."""

    key: int = 1


class Nameless(BaseModel):
    key: int = 1


def option() -> None:
    commands._row("simulator serve", click.Option(["--mute"]), click.Context(click.Command("serve")))


def command() -> None:
    [*commands._section("simulator mute", click.Command("mute"))]


def call() -> None:
    [*control._call("get", "/__admin/mute", {"responses": {}})]


def setting() -> None:
    settings.rows("chip", Mute)


def message() -> None:
    [*messages._side("From the client", backends.load("chip"), {"mute": Nameless}, {}, "validation", {})]


def key_of_a_message() -> None:
    [*messages._side("From the client", backends.load("chip"), {"mute": Mute}, {}, "validation", {})]


def key_of_a_part() -> None:
    [*messages._body(backends.load("chip"), "Part", {"properties": {"key": {"$ref": "#/$defs/Mute"}}}, {})]


def parameter() -> None:
    [
        *control._call(
            "get",
            "/__admin/mute",
            {"summary": "It.", "parameters": [{"name": "key", "in": "query", "schema": {}}], "responses": {}},
        )
    ]


def shape() -> None:
    [*control.shape("Mute", Mute.model_json_schema(), {})]


def part_of_a_scenario() -> None:
    [*scenario._section("Mute", {"anyOf": [{"type": "string"}, Mute.model_json_schema()]}, {"$defs": {}})]


@pytest.mark.parametrize(
    "made",
    [option, command, call, parameter, shape, part_of_a_scenario, setting, message, key_of_a_message, key_of_a_part],
    ids=lambda made: made.__name__,
)
def test_what_has_no_words_fails_the_build(made: Callable[[], None]) -> None:
    with pytest.raises(Undocumented, match=r"mute|key"):
        made()

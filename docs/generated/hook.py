"""What mkdocs calls: adds the generated pages, and files of the repository that pages link to."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.generated import cassette, commands, control, messages, performance, scenario, settings
from docs.generated.words import Undocumented, code
from simulator import backends

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results"


def generated() -> dict[str, str]:
    """Pages by their place in the site. Raises Undocumented."""
    return {
        "reference/cli.md": commands.page(),
        "reference/control-api.md": control.page(),
        "reference/scenario.md": scenario.page(),
        "reference/cassette.md": cassette.page(),
        "reference/settings.md": settings.page(),
        **{f"protocols/{backend.name}.md": messages.page(backend) for backend in backends.all_backends()},
        "changes.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        "security.md": (ROOT / "SECURITY.md").read_text(encoding="utf-8"),
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Also the recordings that come along, and what the benchmark has left."""
    try:
        pages = generated()
    except Undocumented as error:
        raise PluginError(str(error)) from None
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    for path in sorted((ROOT / "cassettes").rglob("*.yaml")):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    for path in performance.copied(RESULTS):
        files.append(File.generated(config, f"{performance.FOLDER}/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links that lead out of docs/ in the repository lead to the same thing in the site; bars in tables are bars."""
    here = "../" * page.file.src_uri.count("/")
    if page.file.src_uri == performance.PAGE:
        markdown = performance.page(markdown, RESULTS)
    out = re.sub(r"\]\((?:\.\./)*(cassettes/[^)\s]+\.yaml)\)", rf"]({here}\1)", markdown)
    out = re.sub(r"\[([^\]]+)\]\((?:\.\./)*cassettes/?\)", rf"[\1]({here}cassettes.md)", out)
    out = re.sub(r"\]\((?:\.\./)*simulator/backends/(\w+)/PROTOCOL\.md(#[^)]*)?\)", rf"]({here}protocols/\1.md\2)", out)
    out = re.sub(r"\]\((?:\.\./)*CHANGELOG\.md\)", f"]({here}changes.md)", out)
    out = re.sub(r"\]\((?:\.\./)*SECURITY\.md\)", f"]({here}security.md)", out)
    out = re.sub(r"\]\(docs/([^)\s]+)\)", rf"]({here}\1)", out)
    return re.sub(r"^\|.*\|$", lambda row: re.sub(r"`([^`]*\\\|[^`]*)`", _code, row[0]), out, flags=re.MULTILINE)


def _code(span: re.Match[str]) -> str:
    r"""A bar in code in a table: written `a\|b`, which this Markdown would show as it is."""
    return code(span[1].replace("\\|", "|"))

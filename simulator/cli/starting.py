"""`simulator init`: what somebody begins with, in a project of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from simulator.cli.words import backend_names
from simulator.core.errors import SimulatorError, UnknownBackend

_STARTER = Path(__file__).parent / "starter"

FILES: Final = {
    "scenarios/hello.yaml": "hello.yaml",
    "cassettes/README.md": "cassettes.md",
    "cassettes/.gitattributes": "cassettes.gitattributes",
    "tests/test_chat.py": "test_chat.py.txt",
}
"""In the project, and in our folder `starter`."""

CUSTOMERS: Final = {
    file.name.removeprefix("customer.").removesuffix(".py.txt"): file for file in sorted(_STARTER.glob("customer.*"))
}
"""By backend, how its clients speak: a class that goes into the test."""


@click.command()
@click.argument(
    "folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False), required=False
)
@click.option(
    "-b",
    "--backend",
    default="chip",
    show_default=True,
    metavar="NAME",
    shell_complete=backend_names,
    help="The one that the test chats with.",
)
def init(folder: Path, backend: str) -> None:
    """Make a scenario and a test to begin with.

    With a folder for cassettes, in your project: DIR, or where you are.
    What is there already is kept as it is.

    \b
    simulator init
    simulator init my-project --backend mia && cd my-project && pytest tests/test_chat.py
    """
    if backend not in CUSTOMERS:
        raise UnknownBackend(backend, sorted(CUSTOMERS))
    made = []
    for name, source in FILES.items():
        path = folder / name
        text = _text(source, backend)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A link that leads nowhere is something, too.
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            if not path.parent.is_dir():
                raise SimulatorError(f"{error.filename}: is no folder: name another DIR") from None
            click.echo(f"kept  {path}, which is there already")
        except OSError as error:
            raise SimulatorError(f"{error.filename or path}: {error.strerror or error}") from None
        else:
            made.append(path)
            click.echo(f"made  {path}")
    if made:
        scenario = folder / "scenarios/hello.yaml"
        click.echo(
            f"\nsimulator serve --backend {backend} --scenario {scenario} --watch     a chat that it plays\n"
            f"pip install pytest && pytest {folder / 'tests/test_chat.py'}     the same in a test"
        )


def _text(source: str, backend: str) -> str:
    text = (_STARTER / source).read_text(encoding="utf-8")
    if source != FILES["tests/test_chat.py"]:
        return text
    customer = CUSTOMERS[backend].read_text(encoding="utf-8")
    text = text.replace("BACKEND", backend).replace("CUSTOMER\n", customer)
    return text if "json." in customer else text.replace("import json\n", "")

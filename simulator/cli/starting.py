"""`simulator init`: what somebody begins with, in a project of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from simulator.core.errors import SimulatorError

_STARTER = Path(__file__).parent / "starter"

FILES: Final = {
    "scenarios/hello.yaml": "hello.yaml",
    "cassettes/README.md": "cassettes.md",
    "cassettes/.gitattributes": "cassettes.gitattributes",
    "tests/test_chat.py": "test_chat.py.txt",
}
"""In the project, and in our folder `starter`."""


@click.command()
@click.argument(
    "folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False), required=False
)
def init(folder: Path) -> None:
    """Make a scenario and a test to begin with.

    With a folder for cassettes, in your project: DIR, or where you are.
    What is there already is kept as it is.

    \b
    simulator init
    simulator init my-project && cd my-project && pytest tests/test_chat.py
    """
    made = []
    for name, source in FILES.items():
        path = folder / name
        text = (_STARTER / source).read_text(encoding="utf-8")
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
            f"\nsimulator serve --backend chip --scenario {scenario} --watch     a chat that it plays\n"
            f"pip install pytest && pytest {folder / 'tests/test_chat.py'}     the same in a test"
        )

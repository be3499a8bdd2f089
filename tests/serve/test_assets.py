"""What our pages are made of: whole in a wheel, and libraries as they were published."""

from __future__ import annotations

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

import simulator
from tests.served import CLIENTS

PACKAGE = Path(simulator.__file__).parent
ADMIN = PACKAGE / "serve" / "admin"
POINTER = re.compile(rb"//# sourceMappingURL=.*\n?")


def test_a_wheel_has_all_of_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PACKAGE.parent, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    there = {name for name in ZipFile(wheel).namelist() if name.startswith("simulator/serve/admin/")}
    parts = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in ADMIN.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert parts == there
    assert {path.partition(".")[2] for path in there} >= {"html", "css", "js", "svg"}


def test_libraries_are_what_their_table_says() -> None:
    rows = re.findall(
        r"^\| (\S+\.js) \|.* ([0-9a-f]{60,64}) \| \w", (ADMIN / "vendor" / "README.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in rows} == {path.name for path in (ADMIN / "vendor").glob("*.js")}
    for name, told in rows:
        assert sha256((ADMIN / "vendor" / name).read_bytes()).hexdigest() == told, name


@pytest.mark.node
def test_phoenix_is_the_one_of_npm() -> None:
    published = (CLIENTS / "node_modules" / "phoenix-1.8" / "priv" / "static" / "phoenix.mjs").read_bytes()
    assert (ADMIN / "vendor" / "phoenix.js").read_bytes() == POINTER.sub(b"", published)

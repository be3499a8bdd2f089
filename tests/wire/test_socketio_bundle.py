"""The client's own files, as Node serves them."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from simulator.core.message import Headers
from simulator.wire.engineio_http import Cors
from simulator.wire.socketio_bundle import VERSION
from simulator.wire.socketio_socket import Settings
from tests.wire.sio import UPGRADE, Server

ETAG = f'"{VERSION}"'
NAMES = [
    f"{name}{end}" for name in ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js") for end in ("", ".map")
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file(name: str) -> None:
    response = Server().request("GET", "v=1", path=f"/socket.io/{name}")
    kind = "json" if name.endswith(".map") else "javascript"
    assert response.headers == (
        ("Cache-Control", "public, max-age=0"),
        ("Content-Type", f"application/{kind}; charset=utf-8"),
        ("ETag", ETAG),
    )
    assert response.body == files("simulator.wire").joinpath("static", name).read_bytes()
    if kind == "javascript":
        assert f"Socket.IO v{VERSION}".encode() in response.body[:200]


@pytest.mark.parametrize("tag", [ETAG, f"W/{ETAG}"])
def test_not_modified(tag: str) -> None:
    response = Server().request("GET", "", headers=(("If-None-Match", tag),), path="/socket.io/socket.io.js")
    assert (response.status, response.headers, response.body) == (304, (), b"")


def test_another_version_is_modified() -> None:
    headers: Headers = (("If-None-Match", '"4.0.0"'),)
    assert Server().request("POST", "", headers=headers, path="/socket.io/socket.io.js").status == 200


def test_cors_goes_first() -> None:
    response = Server(cors=Cors()).request("GET", "", path="/socket.io/socket.io.js")
    assert response.headers[0] == ("Access-Control-Allow-Origin", "*")


@pytest.mark.parametrize("name", ["socket.io.nope.js", "VERSION", "../socketio.py", ""])
def test_no_other_file(name: str) -> None:
    assert b"Transport unknown" in Server().request("GET", "", path=f"/socket.io/{name}").body


def test_an_upgrade_is_the_engines() -> None:
    response = Server().request("GET", "", headers=UPGRADE, path="/socket.io/socket.io.js")
    assert response.body == b"Transport unknown"


def test_it_can_be_switched_off() -> None:
    assert Server(Settings(serve_client=False)).request("GET", "", path="/socket.io/socket.io.js").status == 400


def test_the_version_is_noted() -> None:
    static = files("simulator.wire").joinpath("static")
    assert f"socket.io-client {VERSION}" in static.joinpath("VERSION").read_text(encoding="utf-8")
    assert "MIT" in static.joinpath("LICENSE").read_text(encoding="utf-8")


def test_the_files_are_in_the_wheel() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "simulator" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]

"""The options of a server, and what stands for a client in a namespace."""

from __future__ import annotations

import re

from simulator.core.message import Request
from simulator.wire.engineio_session import Session
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_socket import Settings, Socket, State, routes


def test_routes() -> None:
    files, engine = routes(Settings(EngineSettings(max_payload=10), path="/a.b/"), "x")
    assert (engine.name, engine.pattern, engine.methods, engine.body.limit) == ("x", r"/a\.b/.*", None, 11)
    assert (files.name, engine.via, files.via) == ("x files", "polling", "")
    found = {
        path: next((route.name for route in (files, engine) if re.fullmatch(route.pattern, path)), None)
        for path in ("/a.b/", "/a.b/x", "/a.b/socket.io.js", "/a.b/socket.io.esm.min.js.map", "/a.b", "/axb/")
    }
    assert [*found.values()] == ["x", "x", "x files", "x files", None, None]
    assert [route.name for route in routes(Settings(serve_client=False))] == ["socketio"]


def test_nodes_defaults() -> None:
    settings = Settings()
    engine = settings.engine
    assert (engine.ping_interval, engine.ping_timeout, engine.upgrade_timeout, engine.max_payload) == (
        25,
        20,
        10,
        1_000_000,
    )
    assert (settings.connect_timeout, settings.recovery, settings.max_attachments) == (45, None, 10)


def test_socket() -> None:
    socket = Socket(Session("s", Request("GET", "/"), None, 1), "/admin", "abc", "")
    assert (socket.state, socket.prefix, repr(socket)) == (State.PENDING, "/admin,", "<socket /admin,abc>")
    assert len({socket, Socket(socket.session, "/admin", "abc", "")}) == 2, "a conn is itself"

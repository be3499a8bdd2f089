"""The options of a server, and what stands for a client in a namespace."""

from __future__ import annotations

import re

from simulator.core.message import Request
from simulator.wire.engineio_session import Session
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_socket import Settings, Socket, State, route


def test_route() -> None:
    found = route(Settings(EngineSettings(max_payload=10), path="/a.b/"))
    assert (found.name, found.pattern, found.methods, found.body.limit) == ("socketio", r"/a\.b/.*", None, 11)
    for path, fits in (("/a.b/", True), ("/a.b/socket.io.js", True), ("/a.b", False), ("/axb/", False)):
        assert bool(re.fullmatch(found.pattern, path)) is fits


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
    socket = Socket(Session("s", Request("GET", "/"), None), "/admin", "abc", "")
    assert (socket.state, socket.prefix, repr(socket)) == (State.PENDING, "/admin,", "<socket /admin,abc>")
    assert len({socket, Socket(socket.session, "/admin", "abc", "")}) == 2, "a conn is itself"

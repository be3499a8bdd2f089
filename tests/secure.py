"""TLS for tests: an authority, a server's certificate for this machine, and a client that trusts them."""

from __future__ import annotations

import ssl
from functools import cache

import trustme


@cache
def authority() -> trustme.CA:
    return trustme.CA()


@cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's side, and the client's."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("localhost", "127.0.0.1", "::1").configure_cert(server)
    client = ssl.create_default_context()
    authority().configure_trust(client)
    return server, client

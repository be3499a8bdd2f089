"""The Python API: where it listens."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.served import admin, chip


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="there is no IPv6 here")


@ipv6
async def test_a_name_with_two_addresses_has_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """As localhost has them on most machines; a free port is drawn for each address."""
    resolve = socket.getaddrinfo

    def two(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        if host != "two.example.com":
            return resolve(host, port, *args, **named)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    async with chip(host="two.example.com") as simulator:
        url = simulator.url("chip")
        assert url.startswith("http://two.example.com:")
        for address in ("127.0.0.1", "[::1]"):
            token = f"Authorization: Bearer {simulator.minted}"
            assert (await admin(url.replace("two.example.com", address), "GET", "health", None, token))[0] == 200


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "http://127.0.0.1:"),
        ("127.0.0.1", "http://127.0.0.1:"),
        pytest.param("::1", "http://[::1]:", marks=ipv6),
        pytest.param("::", "http://[::1]:", marks=ipv6),
    ],
)
async def test_the_url_is_one_that_a_client_here_can_use(host: str, shown: str) -> None:
    async with chip(host=host) as simulator:
        assert simulator.url("chip").startswith(shown)
        token = f"Authorization: Bearer {simulator.minted}"
        assert (await admin(simulator.url("chip"), "GET", "health", None, token))[0] == 200

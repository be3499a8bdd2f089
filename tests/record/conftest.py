"""One mitmdump for all tests that can share one: it takes as long to start as all of them together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import node_is_missing
from tests.record.proxied import Peers, Proxied, Simulated, certificate, mitmdump, simulated


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record")


@pytest.fixture(scope="session")
def served(folder: Path) -> Iterator[Simulated]:
    """All five backends, served by the real command."""
    with simulated(folder) as found:
        yield found


@pytest.fixture(scope="session")
def peers() -> Iterator[Peers]:
    """Node's servers."""
    with Peers() as found:
        yield found


@pytest.fixture(scope="session")
def secure_peers(folder: Path) -> Iterator[Peers]:
    """The same by TLS, with a certificate that nobody trusts."""
    with Peers(*certificate(folder)) as found:
        yield found


@pytest.fixture(scope="session")
def redacting(folder: Path, served: Simulated, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """The addon as it is by default, in front of the five and of Node's."""
    upstreams = dict(served.url)
    if not node_is_missing():
        upstreams["peers"] = request.getfixturevalue("peers").url
    with mitmdump(folder, upstreams, name="redacted") as found:
        yield found
        assert found.child.stop() == 0, found.child.complained


@pytest.fixture(scope="session")
def proxied(folder: Path, served: Simulated, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """The addon in front of all of them, redaction off."""
    upstreams = dict(served.url)
    if not node_is_missing():
        upstreams["peers"] = request.getfixturevalue("peers").url
        upstreams["secure peers"] = request.getfixturevalue("secure_peers").url
    with mitmdump(folder, upstreams, "--set", "simulator_redact=false", "--set", "ssl_insecure=true") as found:
        yield found
        # Nothing that the tests did may have been a failure.
        assert found.child.stop() == 0, found.child.complained

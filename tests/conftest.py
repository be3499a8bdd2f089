"""What holds for every test: nobody outside of this machine is reached, and Node is there or its tests say why not."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.served import chromium

CLIENTS = Path(__file__).parent / "clients"


def _loopback_alone(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: sees every connect of this process, whichever library makes it."""
    if event != "socket.connect" or not isinstance(arguments[1], tuple):
        return
    host = str(arguments[1][0])
    try:
        inside = ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise RuntimeError(f"a test reached for {host}, which is not on this machine")


sys.addaudithook(_loopback_alone)


@cache
def node_is_missing() -> str:
    """Why tests marked `node` can't run, empty when they can."""
    if shutil.which("node") is None:
        return "Node.js is not installed"
    if not (CLIENTS / "node_modules" / ".installed").is_file():
        return "tests/clients/node_modules is not there: make clients"
    return ""


@cache
def browser_is_missing() -> str:
    """Why tests marked `browser` can't run, empty when they can."""
    return node_is_missing() or ("" if chromium() else "Chromium is not installed")


def pytest_collection_finish() -> None:
    """The ten thousand tests themselves are no litter: each reset of a server in this process collects, and would look at them."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in (("node", node_is_missing), ("browser", browser_is_missing)):
        if item.get_closest_marker(marker) and (why := missing()):
            if os.environ.get("CI") == "true":
                pytest.fail(f"{why}, and CI needs it")
            pytest.skip(why)


SHARING = {
    "tests/record/test_live.py": "mitmdump",
    "tests/record/test_long.py": "mitmdump",
    "tests/record/test_record.py": "mitmdump",
    "tests/record/test_secrets.py": "mitmdump",
    "tests/record/test_replay.py": "mitmdump that redacts",
    "tests/record/test_samples.py": "jail",
    "tests/serve/test_inspector.py": "inspector",
    "tests/serve/test_playground.py": "playground",
    "tests/test_documentation.py": "documentation",
}
"""Files whose tests share what takes long to start: one worker runs them, so that it is started once.

By file and not by `xdist_group`: xdist 3.8 writes the group where pytest 9.2 does not look for it any more.
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of `--dist loadgroup`: a test goes to whoever is free, but for those that share something."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

    class Sharing(LoadGroupScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return SHARING.get(nodeid.partition("::")[0]) or str(super()._split_scope(nodeid))

    return Sharing(config, log)

"""The example with Playwright, as its readers would run it, but for Debian's Chromium and free ports."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.served import CLIENTS, COMMAND, chromium, clean_environment
from tests.test_cli import invoke

EXAMPLE = Path(__file__).parents[1] / "docs/examples/playwright"

WRONG = """
import { expect, test } from "./simulator.mjs";

test("a page that says what no document knows", async ({ chat }) => {
  await chat.page.evaluate(() => socket.send(JSON.stringify({ type: "send_msg", txt: "oops" })));
  await chat.call("POST", "messages/wait", { sender: "client", name: "send_msg" });
});
"""


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


@pytest.mark.browser
@pytest.mark.timeout(120)
def test_the_example_passes_and_finds_what_is_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "playwright"
    shutil.copytree(EXAMPLE, folder)
    (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
    (folder / "wrong.spec.mjs").write_text(WRONG)
    simulator, page = free_ports(2)
    environment = {
        "CI": "true",
        "CHROMIUM": str(chromium()),
        "SIMULATOR_PORT": str(simulator),
        "PAGE_PORT": str(page),
        "PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
        "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
        "PLAYWRIGHT_JSON_OUTPUT_NAME": str(folder / "report.json"),
    }
    command = ["node", "node_modules/@playwright/test/cli.js", "test", "--workers=1", "--reporter=json"]
    done = subprocess.run(
        command, cwd=folder, env=clean_environment(**environment), capture_output=True, text=True, timeout=100
    )
    report = json.loads((folder / "report.json").read_bytes())
    assert report["errors"] == [], (report["errors"], done.stderr)
    told = {
        spec["title"]: (
            spec["ok"],
            [error["message"] for one in spec["tests"] for got in one["results"] for error in got["errors"]],
        )
        for suite in report["suites"]
        for spec in suite["specs"]
    }
    ok, errors = told.pop("a page that says what no document knows")
    assert (ok, "text" in errors[0], len(errors)) == (False, True, 1)
    assert len(told) == 3
    assert all(row == (True, []) for row in told.values()), told


def test_its_scenario_can_be_played() -> None:
    done = invoke("scenario", "check", str(EXAMPLE / "tea.yaml"), "--backend", "chip")
    assert (done.exit_code, "warning" in done.output) == (0, False)

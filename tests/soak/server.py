"""The server that is soaked: the real command in a process of its own, asked by its own control API and by /proc."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.soak.waits import Waits

COMMAND = Path(sys.executable).with_name("simulator")
SETTINGS: dict[str, Any] = {
    "bot_delay": 0.05, "outbox_interval": 0,
    # Small, so that what is kept has reached its bound when the soak begins to measure.
    "chip.kept_messages": 100, "chip.kept_megabytes": 8,
    "concierge.kept_sessions": 300, "concierge.kept_messages": 1000, "concierge.kept_megabytes": 2,
    "concierge.kept_objects": 20,
    "aida.profile": "1.8", "aida.bot": "echo", "aida.kept_sessions": 3000, "aida.kept_session_megabytes": 2,
    "aida.kept_images": 20, "aida.kept_image_megabytes": 2,
    "mia.kept_messages": 100, "mia.kept_megabytes": 2, "mia.kept_persons": 100,
    "mia.kept_away": 100,
    "chatbot.bot": "echo", "chatbot.kept_messages": 100, "chatbot.kept_megabytes": 2,
    "chatbot.close_after": 2, "chatbot.most_unanswered": 200,
}  # fmt: skip
KEPT = ("chip.kept_contacts", "mia.kept_conversations", "chatbot.kept_conversations")


class NotStarted(Exception):
    """There is no server to soak."""


def settings(waits: Waits, clients: int) -> dict[str, Any]:
    """All that differs from the defaults."""
    # Who is there is never pushed out, with whom a fifth of all are; who has left soon is, so that the warm-up fills it.
    kept = dict.fromkeys(KEPT, max(300, 3 * clients // 10))
    pings = {"ping_interval": waits.ping, "ping_timeout": waits.pong, "connect_timeout": waits.pong}
    both = {f"{backend}.{key}": value for backend in ("mia", "chatbot") for key, value in pings.items()}
    return {**SETTINGS, **both, **kept, "mia.recovery": waits.recovery, "chatbot.idle_timeout": waits.idle}


MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 17)}
"""glibc learns to keep the megabytes that a reader who does not read leaves behind, twenty to thirty of them; with its own
first bound, and no learning, these are returned and are no part of its heap."""
WITHIN = Path(__file__).parent / "within"
SPACES = 20
STORY = {"rules": [{"when": "message", "then": [{"say": "heard {{ text }}"}]}]}


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def held_up(pid: int) -> float:
    """Seconds for which a process was ready to run and the machine had something else to do; 0 where Linux does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class Soaked:
    """A running server; `with` ends it."""

    def __init__(self, seed: int, waits: Waits, clients: int) -> None:
        if not COMMAND.exists():
            raise NotStarted("the command simulator is not in this venv: `make soak` installs it")
        if not Path("/proc/self/statm").exists():
            raise NotStarted(
                "memory and descriptors of the server are read in /proc, which is not here: run it on Linux"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="soak-")
        ready = Path(self._folder.name) / "ready.json"
        self.log = Path(self._folder.name) / "log"
        self._held = Path(self._folder.name) / "held"
        sets = [part for key, value in settings(waits, clients).items() for part in ("--set", f"{key}={value}")]
        options = ["--seed", seed, "--journal", 2000, "--spaces", SPACES, "--request-timeout", waits.request]
        options += ["--answer-timeout", waits.answer, "--ready-file", ready, "--log-format", "json"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [COMMAND, "serve", "--backend", "all", "--port", "0", *map(str, options), *sets],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=self._environment(),
                # Ctrl-C is the soak's: who ends first is its choice.
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                said = self.log.read_text().strip().splitlines()[-1:]
                self._folder.cleanup()
                raise NotStarted(f"the server did not start: {' '.join(said) or 'nothing for a minute'}")
            time.sleep(0.05)
        told = json.loads(ready.read_text())
        self.bases = {one["name"]: one["url"] for one in told["backends"]}
        self.urls = {one["name"]: one["connect"] for one in told["backends"]}
        self._admin = urlsplit(told["admin"]["url"])
        self._http: HTTPConnection | None = None

    def _environment(self) -> dict[str, str]:
        before = os.environ.get("PYTHONPATH")
        path = os.pathsep.join([str(WITHIN), *([before] if before else [])])
        more = {"TMPDIR": self._folder.name, "PYTHONPATH": path, "SOAK_HELD": str(self._held)}
        return {**os.environ, **MALLOC, **more}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._http is not None:
            self._http.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def stop(self) -> int:
        """Ends it as Ctrl-C does; its exit code."""
        self._process.terminate()
        return self._process.wait(30)

    def litter(self) -> list[str]:
        """What it has left in the directory of temporary files."""
        ours = ("ready.json", "log", "held", "held.new")
        return [path.name for path in Path(self._folder.name).iterdir() if path.name not in ours]

    def _asked(self, method: str, path: str, body: object) -> HTTPResponse:
        for again in (False, True):
            # The server ends a connection on which nothing was asked for some seconds.
            if self._http is None or again:
                assert self._admin.hostname is not None
                self._http = HTTPConnection(self._admin.hostname, self._admin.port, timeout=60)
            try:
                raw = None if body is None else json.dumps(body).encode()
                self._http.request(method, f"{self._admin.path}/{path}", raw)
                return self._http.getresponse()
            except (OSError, EOFError, ConnectionError):
                self._http.close()
                if again:
                    raise
            except Exception as error:
                # http.client's own, of a connection that has just ended.
                self._http.close()
                if again:
                    raise OSError(str(error)) from error
        raise AssertionError

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """A control call that works."""
        response = self._asked(method, path, body)
        text = response.read()
        if response.status != 200:
            raise OSError(f"{method} {path}: {response.status} {text[:300]!r}")
        return json.loads(text)

    def metrics(self) -> dict[str, float]:
        """As the text has them: `name{labels}`."""
        lines = self._asked("GET", "metrics", None).read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def rss(self) -> int:
        """Bytes of memory that are resident now."""
        return resident(self.pid)

    def held(self) -> int:
        """Bytes that are held in small pieces, as of the last second."""
        return int(self._held.read_text())

    def cpu(self) -> float:
        """Seconds so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self) -> int:
        """Open descriptors."""
        return len([*Path(f"/proc/{self._process.pid}/fd").iterdir()])

    def errors(self) -> list[str]:
        """What the operator was told of mistakes of the simulator, and what is no line of its log at all."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                level = json.loads(line)["level"]
            except ValueError:
                level = "error"
            if level == "error":
                found.append(line[:500])
        return found

    def lines(self) -> int:
        """Of its log."""
        return self.log.read_bytes().count(b"\n")

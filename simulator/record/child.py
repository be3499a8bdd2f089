"""mitmdump as a child: a process group of its own, so that Ctrl-C reaches us alone; when we are gone, it goes too."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Self

from simulator.core.errors import SimulatorError, StartError
from simulator.record import reports, upstream
from simulator.record.plan import Plan

_MITMDUMP = "import sys; sys.argv[0] = 'mitmdump'; from mitmproxy.tools.main import mitmdump; mitmdump()"


def installed() -> None:
    """Raises StartError when mitmproxy is not there."""
    if find_spec("mitmproxy") is None:
        raise StartError("recording needs mitmproxy, which is not there: pip install 'chat-simulator[record]'")


def authority(folder: Path) -> Path:
    """The certificate of the authority by which mitmproxy signs, for clients to trust."""
    return folder / "mitmproxy-ca-cert.pem"


def kept_folder() -> Path:
    """Where the authority of `regular` mode stays, so that a client has to be told to trust it only once."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")  # noqa: PTH111
    folder = Path(data) / "simulator" / "mitmproxy"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"{folder}: the proxy's certificate authority can't be kept there: {error.strerror}") from None
    return folder


def arguments(plan: Plan, folder: Path, reports_to: int) -> list[str]:
    """The whole command line."""
    options = {
        "confdir": str(folder),
        "flow_detail": "0",
        "termlog_verbosity": "warn",
        "ssl_insecure": str(plan.insecure).lower(),
        "simulator_out": str(plan.out.absolute()),
        "simulator_upstream": plan.upstream.url,
        "simulator_backend": plan.backend or "",
        "simulator_redact": str(plan.redact).lower(),
        "simulator_max_size": str(plan.most),
        "simulator_force": str(plan.force).lower(),
        "simulator_lean": "true",
        "simulator_reports_to": str(reports_to),
    }
    if (file := upstream.trusted()) is not None:
        options["ssl_verify_upstream_trusted_ca"] = file
    if plan.mode == "regular":
        # What goes elsewhere passes as it is, its TLS untouched.
        options["allow_hosts"] = f"^{re.escape(f'{plan.upstream.host}:{plan.upstream.port}')}$"
    # mitmproxy loads a script anew when its file changes: an upgrade of ours may not cut a session.
    script = folder / "simulator_addon.py"
    script.write_text("from simulator.mitm import addons\n\n__all__ = ['addons']\n")
    mode = "regular" if plan.mode == "regular" else f"reverse:{plan.upstream.url}"
    # -P: a click.py or mitmproxy.py where the operator happens to stand is not what we mean.
    command = [sys.executable, "-P", "-c", _MITMDUMP, "--mode", mode]
    command += ["--listen-host", "127.0.0.1", "--listen-port", str(plan.port), "--scripts", str(script)]
    for key, value in options.items():
        command += ["--set", f"{key}={value}"]
    for rule in plan.rules:
        command += ["--set", f"simulator_rules={rule}"]
    return command


class Child:
    """The running mitmdump."""

    def __init__(self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, folder: Path) -> None:
        self.process = process
        self.folder = folder
        """With its certificates."""
        self.said: deque[str] = deque(maxlen=200)
        """The last lines that it wrote."""
        self._reader = reader

    @classmethod
    @asynccontextmanager
    async def running(cls, plan: Plan) -> AsyncIterator[Self]:
        """Killed at the end if it still runs, whatever happens."""
        with contextlib.ExitStack() as stack:
            if plan.mode == "regular":
                folder = kept_folder()
            else:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simulator-record-")))
            ours, theirs = socket.socketpair()
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *arguments(plan, folder, theirs.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                )
            reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
            child = cls(process, reader, folder)
            try:
                yield child
            finally:
                child.kill()
                await process.wait()
                writer.close()

    async def reports(self) -> AsyncIterator[reports.Report]:
        """What the recorder tells, until it is gone."""
        while line := await self._reader.readline():
            if line.endswith(b"\n"):
                yield reports.parse(line)

    async def lines(self) -> AsyncIterator[str]:
        """What mitmproxy itself has to say: warnings and errors."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self.said.append(text)
                yield text

    def stop(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    def why(self, plan: Plan) -> SimulatorError:
        """Why it ended before it listened."""
        text = "\n".join(self.said)
        if "address already in use" in text.lower():
            return StartError(f"--port {plan.port}: something else listens there; --port 0 takes a free one")
        if "permission denied" in text.lower() or "errno 13" in text.lower():
            return StartError(f"--port {plan.port}: this user may not open it; --port 0 takes a free one")
        told = [line for line in self.said if not line.startswith(("Error logged", "Errors logged", " "))]
        return StartError(f"mitmproxy did not start: {told[-1] if told else 'it said nothing'}")

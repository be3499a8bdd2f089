"""Asks a running simulator for its health, once or until it is well: http.client alone, so that it starts at once."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from simulator.core.errors import SimulatorError
from simulator.serve.printable import printable

if TYPE_CHECKING:
    import ssl

_SCHEMES = {"http": False, "ws": False, "https": True, "wss": True}
"""Whether it is spoken through TLS."""

_EACH = 0.05
"""Seconds between two looks: a start takes some 300 ms."""


@dataclass(slots=True, frozen=True)
class Trust:
    """Whom to believe over https and wss."""

    cacert: Path | None = None
    """The authority, PEM, such as `--tls-ca-out` wrote; None for those that this machine trusts."""
    insecure: bool = False
    """Anybody: what answers need not be who it says."""

    def context(self) -> ssl.SSLContext:
        """For one connection. Raises OSError while the file is not there, SimulatorError when it is no certificate."""
        import ssl

        try:
            context = ssl.create_default_context(cafile=self.cacert)
        except ssl.SSLError:
            raise SimulatorError(f"--cacert {self.cacert}: there is no certificate in it: expected PEM") from None
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(slots=True, frozen=True)
class Ill:
    """Why it is not well."""

    why: str
    for_ever: bool = False
    """Whether waiting is in vain."""


def ask(url: str, timeout: float, token: str | None = None, trust: Trust | None = None) -> Ill | None:
    """None when it is well. `timeout` is of the whole question, in seconds. Raises SimulatorError for what is no URL.

    One that asks for a token which we don't have is well: it lives, and knows who we are not.
    """
    split, tls = _split(url)
    target = address(url)
    end = time.monotonic() + timeout
    try:
        # A health check asks the address that it was given, whatever proxy the environment names.
        if tls:
            context = (trust or Trust()).context()
            link: http.client.HTTPConnection = http.client.HTTPSConnection(
                split.netloc, timeout=timeout, context=context
            )
        else:
            link = http.client.HTTPConnection(split.netloc, timeout=timeout)
        try:
            status, headers, body = _get(link, urlsplit(target).path, token, end)
        finally:
            link.close()
    except OSError as error:
        return Ill(f"{target}: {_told(error, trust)}")
    except (http.client.HTTPException, ValueError) as error:
        return Ill(f"{target}: {printable(str(error)) or type(error).__name__}")
    if status == 401 and headers.get("WWW-Authenticate") == "Bearer":
        return None if token is None else Ill(f"{target}: 401: the token is another one there", for_ever=True)
    if status != 200:
        return Ill(f"{target}: answers {status}: expected a simulator, one without --no-admin")
    try:
        well = json.loads(body)["status"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Ill(f"{target}: something else answers there: expected the health of a simulator")
    return None if well == "ok" else Ill(f"{target}: status {well!r}")


def _get(
    link: http.client.HTTPConnection, path: str, token: str | None, end: float
) -> tuple[int, http.client.HTTPMessage, bytes]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    link.connect()
    # Byte by byte a slow server could hold us for ever, in its head, too: http.client's time is that of each read.
    cut = threading.Timer(max(end - time.monotonic(), 0), _cut, [link.sock])
    cut.daemon = True
    cut.start()
    try:
        link.request("GET", path, headers=headers)
        with link.getresponse() as answer:
            body = b""
            while len(body) < 65536 and (part := answer.read1(65536 - len(body))):
                body += part
            if time.monotonic() < end:
                return answer.status, answer.headers, body
    except (OSError, http.client.HTTPException):
        if time.monotonic() < end:
            raise
    finally:
        cut.cancel()
    raise TimeoutError("timed out")


def _cut(link: socket.socket) -> None:
    with suppress(OSError):
        # Not an SSLSocket's own, which would lose its state under the reader's hands.
        socket.socket.shutdown(link, socket.SHUT_RDWR)


def _told(error: OSError, trust: Trust | None) -> str:
    name = type(error).__name__
    if name == "SSLCertVerificationError":
        why = getattr(error, "verify_message", "") or "its certificate is not trusted"
        return f"{why}: name its authority with --cacert (serve writes it to --tls-ca-out)"
    if name.startswith("SSL"):
        return "speaks no TLS, or another: try http://"
    if isinstance(error, FileNotFoundError) and trust is not None and trust.cacert is not None:
        return f"--cacert {trust.cacert} is not there"
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    return printable(error.strerror or str(error)) or name


def address(url: str) -> str:
    """Where the health of what serves at a base URL, a ws URL to connect to, or a URL of the control API is asked.

    The space is kept, `/~space/NAME`; what else a ws URL has for a path is the backend's. Raises SimulatorError.
    """
    split, tls = _split(url)
    path = split.path.partition("/__admin")[0].rstrip("/")
    if split.scheme in ("ws", "wss"):
        space = re.match(r"/~space/[^/]+", path)
        path = "" if space is None else space[0]
    return f"http{'s' * tls}://{split.netloc}{path}/__admin/health"


def _split(url: str) -> tuple[SplitResult, bool]:
    try:
        split = urlsplit(url)
        if split.scheme in _SCHEMES and split.hostname and split.port != 0 and "@" not in split.netloc:
            split.netloc.encode("ascii")
            split.path.encode("ascii")
            return split, _SCHEMES[split.scheme]
    except ValueError:
        pass
    raise SimulatorError(f"{url}: expected a URL such as http://127.0.0.1:8070")


# ---- until it is well ----


class Late(SimulatorError):
    """It was not ready in time, or never will be."""

    exit_code = 1


def wait(
    urls: Sequence[str],
    ready_file: Path | None,
    timeout: float,
    token: str | None = None,
    trust: Trust | None = None,
    pid: int | None = None,
) -> tuple[list[str], float]:
    """All URLs that were named or stand in the ready file, once they are ready, and the seconds it took. Raises Late.

    pid: of the process that is to serve; when it is gone nothing comes any more.
    """
    start = time.monotonic()
    end = start + timeout
    for url in urls:
        _split(url)
    for url in urls:
        _until(lambda left, url=url: ask(url, left, token, trust), end, timeout, pid)  # type: ignore[misc]
    ready = [*urls]
    if ready_file is not None:
        _until(lambda left: filed(ready_file, ready, left, token, trust), end, timeout, pid)
    return [*dict.fromkeys(ready)], time.monotonic() - start


def _until(look: Callable[[float], Ill | None], end: float, timeout: float, pid: int | None) -> None:
    while True:
        # Looked at before: what ended between the two looks may have been ready.
        gone = pid is not None and not _runs(pid)
        left = end - time.monotonic()
        ill = look(max(min(left, 5), 0.2))
        if ill is None:
            return
        if ill.for_ever:
            raise Late(ill.why)
        if gone:
            raise Late(f"{ill.why}; the process {pid} has ended")
        if end - time.monotonic() < _EACH:
            raise Late(f"{ill.why}, after {timeout:g} s")
        time.sleep(_EACH)


def filed(path: Path, ready: list[str], left: float, token: str | None, trust: Trust | None) -> Ill | None:
    """As `ask`, of who wrote a ready file; its URLs go into `ready`. Raises SimulatorError for another file."""
    # Read each time: one that was killed may have left it there.
    try:
        state: Any = json.loads(path.read_bytes())
        urls = [str(row["url"]) for row in state["backends"]]
        admin = state.get("admin")
        asked = None if admin is None else str(admin["url"])
        token = token or (admin or {}).get("token")
    except FileNotFoundError:
        return Ill(f"{path} is not there")
    except OSError as error:
        raise SimulatorError(f"--ready-file {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SimulatorError(f"--ready-file {path}: expected what `simulator serve --ready-file` writes") from None
    if asked is not None:
        ill = ask(asked, left, token, trust)
    else:
        # --no-admin: nobody tells more than a port that is open.
        ill = next((found for url in urls if (found := _open(url, left)) is not None), None)
    if ill is None:
        ready += urls
    return ill


def _open(url: str, left: float) -> Ill | None:
    split, _ = _split(url)
    try:
        socket.create_connection((split.hostname or "", split.port or 80), left).close()
    except OSError as error:
        return Ill(f"{url}: {_told(error, None)}")
    return None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        # Somebody else's.
        return True
    return True

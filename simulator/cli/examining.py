"""What `simulator doctor` looks at, one function for each thing."""

from __future__ import annotations

import asyncio
import importlib.metadata as metadata
import os
import platform
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import textwrap
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simulator import __version__, backends
from simulator.serve.printable import printable

_DISTRIBUTION = "chat-simulator"
_COLOURS = {"ok": "32", "note": "33", "wrong": "31;1"}
_MARGIN = 18
"""Where what is found begins: behind the state and the check."""
_NARROWEST = 20
"""Below that the terminal may wrap it."""


@dataclass(slots=True, frozen=True)
class Finding:
    """One line of the doctor's."""

    check: str
    state: Literal["ok", "note", "wrong"]
    """wrong: something will not work; note: something is less than it could be."""
    what: str
    todo: str = ""
    """What to do about it, where there is something."""


def examine(names: Sequence[str]) -> list[Finding]:
    """All that there is to find. Raises UnknownBackend."""
    return [
        *versions(),
        *extras(),
        *on_the_path(),
        *links(),
        *loopback(),
        *ports(names),
        *proxies(urllib.request.getproxies_environment()),
        *authority(),
        *folders(Path.cwd()),
        *terminal(),
        *completion(),
        *files(),
    ]


def shown(one: Finding, colour: bool, columns: int | None = None) -> list[str]:
    """Its lines for a terminal of so many columns, between words; what is to be typed stays whole, for it is copied."""
    state = f"{one.state:5}"
    state = f"\x1b[{_COLOURS[one.state]}m{state}\x1b[0m" if colour else state
    told = [printable(one.what)]
    # A check with a long name pushes its own line.
    room = (columns or 0) - max(_MARGIN, len(f"{one.state:5} {one.check} "))
    if room >= _NARROWEST:
        told = textwrap.wrap(told[0], room, break_long_words=False, break_on_hyphens=False)
    lines = [f"{state} {one.check:11} {told[0]}", *(" " * _MARGIN + line for line in told[1:])]
    return [*lines, f"{' ' * _MARGIN}-> {printable(one.todo)}"] if one.todo else lines


def colours() -> bool:
    """Whether somebody has asked for none."""
    return not os.environ.get("NO_COLOR")


# ---- what is installed ----


def versions() -> Iterator[Finding]:
    where = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    what = f"simulator {__version__}, {where}, {sys.executable}"
    yield Finding("version", "ok", what)
    found, missing = [], []
    for name in required():
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        todo = f"pip install {' '.join(missing)}"
        yield Finding("libraries", "wrong", f"not installed: {', '.join(missing)}", todo)
    else:
        yield Finding("libraries", "ok", ", ".join(found))
    node = shutil.which("node")
    told = "there is none here" if node is None else f"{node} is here"
    yield Finding("node", "ok", f"Node.js is not needed ({told}); only the project's own tests use it")


def required(extra: str = "") -> list[str]:
    """The distributions that we need, or that an extra adds; empty where we were not installed."""
    try:
        lines = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    rows = [
        line for line in lines if (f"extra == '{extra}'" in line.replace('"', "'") if extra else "extra ==" not in line)
    ]
    return [found[0] for line in rows if (found := re.match(r"[\w.-]+", line))]


def extras() -> Iterator[Finding]:
    uses = {
        "record": "`simulator record`",
        "tls": "`serve --tls`, a certificate made on the spot",
        "uvloop": "a faster event loop, see `serve --event-loop`",
    }
    for extra, use in uses.items():
        here = []
        for name in required(extra):
            with suppress(metadata.PackageNotFoundError):
                here.append(f"{name} {metadata.version(name)}")
        if here:
            yield Finding(f"extra {extra}", "ok", ", ".join(here))
        else:
            yield Finding(f"extra {extra}", "note", f"not installed: {use}", f"pip install '{_DISTRIBUTION}[{extra}]'")


def on_the_path() -> Iterator[Finding]:
    here = Path(sys.executable).parent / "simulator"
    found = shutil.which("simulator")
    if found is None:
        yield Finding("command", "note", "there is no `simulator` on the PATH", f"export PATH={here.parent}:$PATH")
    elif here.exists() and Path(found).resolve() != here.resolve():
        why = f"`simulator` on the PATH is another one: {found}"
        yield Finding("command", "note", why, f"export PATH={here.parent}:$PATH, or remove it")
    else:
        yield Finding("command", "ok", found)


# ---- what serving needs ----


def links() -> Iterator[Finding]:
    try:
        from simulator.serve import trial
    except ImportError as error:
        yield Finding("links", "wrong", f"not looked at: {error}", "install the libraries that are missing")
        return
    why = asyncio.run(trial.check())
    if why is None:
        yield Finding("links", "ok", "WebSocket links of our own work on this aiohttp")
    else:
        todo = "pip install --upgrade aiohttp, or live with aiohttp's own links, which let some broken frames pass"
        yield Finding("links", "note", f"WebSocket links of our own do not work here: {why}", todo)


def loopback() -> Iterator[Finding]:
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}
    except OSError as error:
        found = set()
        why = f"localhost means nothing here: {error.strerror or error}"
    else:
        why = f"localhost is {', '.join(sorted(found))}"
    if "127.0.0.1" in found:
        yield Finding("localhost", "ok", why)
    else:
        yield Finding("localhost", "wrong", why, "use 127.0.0.1 in URLs, or put `127.0.0.1 localhost` into /etc/hosts")


def ports(names: Sequence[str]) -> Iterator[Finding]:
    """Of backends. Raises UnknownBackend."""
    for name in names:
        try:
            port = backends.load(name).port
        except ImportError as error:
            yield Finding("ports", "wrong", f"not looked at: {error}", "install the libraries that are missing")
            return
        yield from port_of(name, port)


def port_of(name: str, port: int) -> Iterator[Finding]:
    """Whether the documented port of a backend can be had."""
    check = f"port {port}"
    # Asked first: macOS lets one bind an address whose port somebody has on all addresses.
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        yield _taken(check, name, port)
        return
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        # As the server does: a port whose last connection is not quite gone can be had.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            trial.listen()
        except PermissionError:
            todo = f"simulator serve --backend {name} --port 0"
            yield Finding(check, "wrong", f"{name}: this user may not have it", todo)
        except OSError:
            yield _taken(check, name, port)
        else:
            yield Finding(check, "ok", f"{name}: free")


def _taken(check: str, name: str, port: int) -> Finding:
    who = holder(port)
    by = f" ({who})" if who else ""
    try:
        from simulator.serve.health import ask
    except ImportError:
        return Finding(check, "wrong", f"{name}: taken{by}", "end it, if it is none of ours")
    if ask(f"http://127.0.0.1:{port}", 2) is None:
        return Finding(
            check, "note", f"{name}: a simulator serves there already{by}", "use it, or --port 0 for another"
        )
    todo = f"end it, or simulator serve --backend {name} --port 0"
    return Finding(check, "wrong", f"{name}: taken{by or ' by somebody else, whom this user may not see'}", todo)


def holder(port: int) -> str:
    """Who listens on a port: its name and process id, empty when that can't be seen."""
    if (found := _of_proc(port)) is not None:
        return found
    if (lsof := shutil.which("lsof")) is None:
        return ""
    done = subprocess.run(  # noqa: S603  # a number of ours
        [lsof, "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"], capture_output=True, text=True, timeout=5, check=False
    )
    pid, name = (re.search(rf"^{key}(.+)$", done.stdout, re.M) for key in "pc")
    return f"{name[1]}, pid {pid[1]}" if pid and name else ""


def _of_proc(port: int) -> str | None:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                columns = line.split()
                # proc(5): local address, state (0A is LISTEN), inode.
                if columns[3] == "0A" and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{columns[9]}]")
    for link in Path("/proc").glob("[0-9]*/fd/*") if inodes else ():
        with suppress(OSError):
            if str(link.readlink()) in inodes:
                process = link.parents[1]
                words = process.joinpath("cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                # The whole line could hold a token.
                known = 3 if words[1:2] == [b"-m"] else 2
                name = " ".join(Path(os.fsdecode(word)).name for word in words[:known])
                return f"{name}, pid {process.name}"
    return None


def proxies(named: dict[str, str]) -> Iterator[Finding]:
    """Of variables, as urllib reads them: scheme to proxy, `no` to what goes without."""
    through = sorted(name for name in named if name != "no")
    if not through:
        yield Finding("proxies", "ok", "no proxy in the environment")
        return
    direct = [host for host in ("127.0.0.1", "localhost") if urllib.request.proxy_bypass_environment(host, named)]  # type: ignore[attr-defined]
    variables = ", ".join(f"{name}_proxy" for name in through)
    if len(direct) == 2:
        yield Finding("proxies", "ok", f"{variables}: not for 127.0.0.1 and localhost")
    else:
        why = f"{variables}: clients would look for the simulator on the proxy's machine"
        yield Finding("proxies", "wrong", why, "export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost")


def authority() -> Iterator[Finding]:
    """By which `simulator record` as a proxy signs."""
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    file = Path(data).expanduser() / "simulator" / "mitmproxy" / "mitmproxy-ca-cert.pem"
    try:
        pem = file.read_text(encoding="ascii")
        ours = ssl.PEM_cert_to_DER_cert(pem[pem.find("-----BEGIN") :])
    except FileNotFoundError:
        yield Finding("proxy's CA", "ok", "there is none yet: `simulator record --mode regular` makes it")
        return
    except (OSError, ValueError) as error:
        yield Finding("proxy's CA", "wrong", f"{file}: can't be read: {error}", "delete it: it is made anew")
        return
    if ours in _trusted():
        yield Finding("proxy's CA", "ok", f"this machine trusts {file}")
    else:
        todo = f"only to record as a proxy: NODE_EXTRA_CA_CERTS or SSL_CERT_FILE={file}, or add it to the browser's own"
        yield Finding("proxy's CA", "note", f"this machine does not trust {file}", todo)


def _trusted() -> Iterable[bytes]:
    context = ssl.create_default_context()
    # A folder of them is read only when one is looked for; what the systems bundle is one file.
    paths = ssl.get_default_verify_paths()
    for path in (paths.cafile, paths.openssl_cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"):
        with suppress(OSError):
            if path and path != os.devnull:
                context.load_verify_locations(cafile=path)
    return context.get_ca_certs(binary_form=True)


# ---- what is around ----


def folders(where: Path) -> Iterator[Finding]:
    """Whether recordings can be written here, and a temporary folder for uploads."""
    cassettes = where / "cassettes"
    if not cassettes.exists():
        yield Finding("cassettes", "ok", "there is no ./cassettes here; `simulator init` makes one")
    elif not cassettes.is_dir():
        yield Finding("cassettes", "wrong", "./cassettes is no folder", "rename it, or name another with --cassettes")
    elif not os.access(cassettes, os.W_OK | os.X_OK):
        owner = cassettes.stat().st_uid
        todo = f"sudo chown -R {os.getuid()} cassettes; in Docker run with --user $(id -u):$(id -g)"
        yield Finding("cassettes", "wrong", f"./cassettes can't be written: it is user {owner}'s", todo)
    else:
        count = len([*cassettes.glob("**/*.yaml")])
        yield Finding("cassettes", "ok", f"./cassettes can be written, {count} recording{'' if count == 1 else 's'}")
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError as error:
        todo = "set TMPDIR to a folder that can be written"
        yield Finding("temporary", "wrong", f"no temporary folder for uploads: {error.strerror or error}", todo)
    else:
        few = free < 100 << 20
        todo = "uploads of more than a few megabytes go there: set TMPDIR to another" if few else ""
        yield Finding("temporary", "note" if few else "ok", f"{tempfile.gettempdir()}, {free >> 20} MiB free", todo)


def terminal() -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        yield Finding("terminal", "note", f"its encoding is {sys.stdout.encoding}", "export LC_ALL=C.UTF-8")
    elif not sys.stdout.isatty():
        yield Finding("terminal", "ok", "none: what is printed goes to a file or a pipe")
    else:
        columns = shutil.get_terminal_size().columns
        colour = "with colours" if colours() else "without colours (NO_COLOR)"
        yield Finding("terminal", "ok", f"{os.environ.get('TERM', 'unknown')}, {columns} columns, {colour}")


_RC = {"bash": "~/.bashrc", "zsh": "~/.zshrc", "fish": "~/.config/fish/completions/simulator.fish"}


def completion() -> Iterator[Finding]:
    shell = Path(os.environ.get("SHELL", "")).name
    if shell not in _RC:
        yield Finding("completion", "ok", "there is completion for bash, zsh and fish")
        return
    file = Path(_RC[shell]).expanduser()
    try:
        there = "_SIMULATOR_COMPLETE" in file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        there = False
    source = f"_SIMULATOR_COMPLETE={shell}_source simulator"
    todo = f"{source} > {_RC[shell]}" if shell == "fish" else f"""echo 'eval "$({source})"' >> {_RC[shell]}"""
    if there:
        yield Finding("completion", "ok", f"{shell}, in {_RC[shell]}")
    else:
        yield Finding("completion", "note", f"{shell} does not complete names and options", todo)


def files() -> Iterator[Finding]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < 1024:
        wanted = 4096 if hard < 0 else min(hard, 4096)
        yield Finding("open files", "note", f"at most {soft}: one for each connection", f"ulimit -n {wanted}")
    else:
        yield Finding("open files", "ok", f"at most {soft if soft >= 0 else 'any number'}, one for each connection")

"""The recorder as its users run it, in a venv of its own, and what its cassettes then hold."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

import pytest

from simulator.cassette.entries import Closed, Entry, Header, Opened, Passed
from simulator.cassette.tape import open_tape
from tests.served import CLIENTS, COMMAND, clean_environment

ROOT = Path(__file__).parents[2]
NAME = os.environ.get("SIMULATOR_TEST_RECORD", ".venv/record")
VENV = ROOT / NAME
RECORD = VENV / "bin" / "simulator"
MITMDUMP = VENV / "bin" / "mitmdump"
SECONDS = 30.0
"""mitmproxy takes up to two seconds to start, more on a busy machine."""

T = TypeVar("T", bound=Entry)


@cache
def recorder_is_missing() -> str:
    """Why nothing can be recorded here, empty when it can."""
    return "" if RECORD.is_file() else f"{NAME} is not there: make RECORD={NAME} {NAME}/.installed"


needs_recorder = pytest.mark.skipif(
    bool(recorder_is_missing()) and os.environ.get("CI") != "true", reason=recorder_is_missing() or "it is there"
)


# Below those that systems give out by themselves, so that no server and no connection of another test takes one meanwhile.
_ports = iter(random.sample(range(20_000, 32_000), 1000))


def free_port() -> int:
    """For a command that has to be told one, each once."""
    return next(port for port in _ports if free(port))


def free(port: int) -> bool:
    """Whether a server could have this port."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for(what: Callable[[], Any], seconds: float = SECONDS, alive: subprocess.Popen[Any] | None = None) -> Any:
    """Until it is so, where nothing else tells."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert alive is None or alive.poll() is None, f"it ended with {alive.returncode}"
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.01)
    return found


class Child:
    """A command whose output goes into files; killed at the end, whatever happens."""

    def __init__(self, folder: Path, *command: str | Path, name: str = "child", **environment: str) -> None:
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder,
                env=clean_environment(**environment),
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    @property
    def said(self) -> str:
        return self.out.read_text()

    @property
    def complained(self) -> str:
        return self.err.read_text()


class Cassette:
    """A file that may still be written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Header, list[Entry]]:
        """All of it; nothing may be torn."""
        with open_tape(self.path) as tape:
            entries = list(tape)
            assert tape.torn is None, tape.torn
            return tape.header, entries

    @property
    def entries(self) -> list[Entry]:
        return self.read()[1]

    def of(self, kind: type[T]) -> list[T]:
        return [entry for entry in self.entries if isinstance(entry, kind)]

    @property
    def whole(self) -> bool:
        """Whether every conn has ended."""
        return len(self.of(Opened)) == len(self.of(Closed))

    def conn(self, path: str) -> Conn:
        """The newest conn whose path contains this."""
        opened = [entry for entry in self.of(Opened) if path in entry.path]
        assert opened, f"no conn with {path} in its path: {[entry.path for entry in self.of(Opened)]}"
        number = opened[-1].conn
        return Conn(number, [entry for entry in self.entries if getattr(entry, "conn", None) == number])

    def closed(self, path: str) -> Conn:
        """The same, once it has ended."""

        def look() -> Conn | None:
            conn = self.conn(path)
            return conn if any(isinstance(entry, Closed) for entry in conn.entries) else None

        return wait_for(look)  # type: ignore[no-any-return]


@dataclass
class Conn:
    """What the tape holds of one."""

    number: int
    entries: list[Entry]

    @property
    def frames(self) -> list[tuple[str, str | bytes]]:
        """Who said what."""
        return [(entry.sender, entry.data) for entry in self.entries if isinstance(entry, Passed)]

    def by(self, sender: str) -> list[str | bytes]:
        return [data for who, data in self.frames if who == sender]

    @property
    def bodies(self) -> Bodies:
        """What the wire carried, as rawlog.mjs and peers.mjs write it: packets of a poll are joined again."""
        rows: list[list[str]] = []
        groups: dict[int, list[str]] = {}
        for entry in self.entries:
            if not isinstance(entry, Passed):
                continue
            if entry.body in groups:
                groups[entry.body][3] += f"\x1e{entry.data!s}"
                continue
            data = ["text", entry.data] if isinstance(entry.data, str) else ["hex", entry.data.hex()]
            rows.append([entry.sender, entry.via, *data])
            if entry.body is not None:
                groups[entry.body] = rows[-1]
        return sorted_out(rows)

    @property
    def close(self) -> Closed:
        return next(entry for entry in self.entries if isinstance(entry, Closed))


Bodies: TypeAlias = dict[tuple[str, str], list[tuple[str, str]]]
"""By sender and `polling` or `websocket`, for between these nobody but the network knows an order: kind and data."""


def sorted_out(log: Iterable[Sequence[str]]) -> Bodies:
    """Rows of [sender, via, kind, data]."""
    told: Bodies = {}
    for sender, via, kind, data in log:
        told.setdefault((sender, via), []).append((kind, data))
    return told


_PARTING = ("6", "1", "6\x1e1")


def same(taped: Bodies, logged: Bodies) -> None:
    """Asserts that these are equal, and shows where they part.

    When a polling session ends, its last two requests cross: a client that has been told goodbye breaks its own off, and does
    not look at the answer to its poll any more. So the three bodies that this can be are looked at over WebSockets only.
    """
    assert taped.keys() == logged.keys()
    for key in taped:
        row, other = taped[key], logged[key]
        if key[1] == "polling":
            row, other = ([body for body in bodies if body[1] not in _PARTING] for bodies in (row, other))
        at = next((i for i, (a, b) in enumerate(zip(row, other, strict=False)) if a != b), min(len(row), len(other)))
        assert row == other, f"{key} part at {at}: taped {row[at : at + 3]}, logged {other[at : at + 3]}"


def raw_log(path: Path) -> Bodies:
    """What rawlog.mjs wrote."""
    return sorted_out(json.loads(line) for line in path.read_text().splitlines())


class Recording(Child):
    """`simulator record`, once it is ready."""

    def __init__(self, folder: Path, upstream: str, *options: str, name: str = "chat", **environment: str) -> None:
        self.cassette = Cassette(folder / f"{name}.yaml")
        self.ready_file = folder / f"{name}.ready"
        super().__init__(
            folder, RECORD, "record", "--upstream", upstream, "--out", self.cassette.path, "--port", "0",
            "--ready-file", self.ready_file, *options, name=name, **environment,
        )  # fmt: skip

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            wait_for(self.ready_file.exists, alive=self.process)
        except AssertionError:
            raise AssertionError(self.said + self.complained) from None
        return self

    @property
    def ready(self) -> dict[str, Any]:
        return dict(json.loads(self.ready_file.read_bytes()))

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def proxy(self) -> int:
        """The pid of its mitmdump."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


@dataclass
class Proxied:
    """One mitmdump with the addon alone, in front of several servers: where each is to be found now."""

    url: dict[str, str]
    cassette: Cassette
    child: Child


@contextmanager
def mitmdump(folder: Path, upstreams: dict[str, str], *options: str, name: str = "all") -> Iterator[Proxied]:
    """Started by hand, as an engineer would who already runs mitmproxy."""
    addon = subprocess.run([str(COMMAND), "addon-path"], check=True, capture_output=True, text=True).stdout.strip()
    ports = {name: free_port() for name in upstreams}
    modes = [part for name, url in upstreams.items() for part in ("--mode", f"reverse:{url}@127.0.0.1:{ports[name]}")]
    out = folder / f"{name}.yaml"
    command: list[str | Path] = [
        MITMDUMP,
        "-q",
        *modes,
        "-s",
        addon,
        "--set",
        f"simulator_out={out}",
        "--set",
        f"confdir={folder}",
    ]
    with Child(folder, *command, *options, name=f"mitmdump-{name}") as child:
        for port in ports.values():
            wait_for(lambda port=port: _open(port), alive=child.process)  # type: ignore[misc]
        wait_for(out.exists, alive=child.process)
        yield Proxied({name: f"http://127.0.0.1:{port}" for name, port in ports.items()}, Cassette(out), child)


def _open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Simulated:
    """`simulator serve` with all backends."""

    url: dict[str, str]
    connect: dict[str, str]
    child: Child = field(repr=False)


QUICK: Final = {
    "bot_delay": "0.05", "chatbot.bot_typing": "0.01", "mia.bot_typing": "0.02", "mia.ping_interval": "0.4",
    "chatbot.stream_interval": "0.005", "aida.profile": "1.8",
}  # fmt: skip
"""How they are set."""


@contextmanager
def simulated(folder: Path) -> Iterator[Simulated]:
    ready = folder / "serve.ready"
    ready.unlink(missing_ok=True)
    settings = [part for key, value in QUICK.items() for part in ("--set", f"{key}={value}")]
    command: list[str | Path] = [
        COMMAND,
        "serve",
        "-b",
        "all",
        "-p",
        "0",
        "--seed",
        "7",
        "--ready-file",
        ready,
        *settings,
    ]
    with Child(folder, *command, name="serve") as child:
        wait_for(ready.exists, alive=child.process)
        backends = json.loads(ready.read_bytes())["backends"]
        yield Simulated({b["name"]: b["url"] for b in backends}, {b["name"]: b["connect"] for b in backends}, child)


class Peers:
    """peers.mjs: servers from npm that log what passes them."""

    def __init__(self, *key_and_certificate: Path) -> None:
        self._process = subprocess.Popen(
            ["node", "peers.mjs", *map(str, key_and_certificate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=CLIENTS,
        )
        self.url = f"{'https' if key_and_certificate else 'http'}://127.0.0.1:{self._next('listens')}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _next(self, kind: str) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"Node ended with {self._process.wait()}"
        said, value = json.loads(line)
        assert said == kind
        return value

    def log(self) -> list[list[str]]:
        """All that passed since the last time: [session or path, sender, via, kind, data]."""
        return list(self._asked("log"))

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """Meanwhile they say two things otherwise: `who` in what the auth was, and codes of ends."""
        assert self._asked("otherwise") is True
        yield
        assert self._asked("otherwise") is False

    def _asked(self, word: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        return self._next(word)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Key and self-signed certificate for 127.0.0.1, made by the library that comes with mitmproxy."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run([str(VENV / "bin" / "python"), "-c", _CERTIFICATE, str(key), str(cert)], check=True)
    return key, cert


_CERTIFICATE = """
import datetime, ipaddress, pathlib, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chat.example.com")])
now = datetime.datetime.now(datetime.timezone.utc)
names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    .not_valid_after(now + datetime.timedelta(days=1)).add_extension(names, False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
plain = serialization.NoEncryption()
pem = serialization.Encoding.PEM
pathlib.Path(sys.argv[1]).write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
pathlib.Path(sys.argv[2]).write_bytes(cert.public_bytes(pem))
"""

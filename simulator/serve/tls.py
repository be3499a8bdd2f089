"""TLS: a certificate that the operator brings, or one that is made on the spot for this machine's names."""

from __future__ import annotations

import logging
import os
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from simulator.core.errors import SimulatorError, StartError

if TYPE_CHECKING:
    import trustme

_log = logging.getLogger("simulator")

_OWNER = "chat-simulator"
"""Stands in the authorities that we make, so that we never write over one of somebody else."""


class Secured(Protocol):
    """What a server needs to speak TLS."""

    @property
    def context(self) -> ssl.SSLContext: ...

    def publish(self) -> None:
        """Let clients know whom to trust, before the first of them comes. Raises StartError."""
        ...


@dataclass(slots=True, frozen=True)
class Brought:
    """The operator's own."""

    cert: Path
    """PEM: the certificate, then those that lead to its authority."""
    key: Path | None = None
    """PEM; None where it stands in the same file."""
    passphrase: str | None = None

    def open(self, host: str) -> Secured:
        """Reads them; the names are what they are. Raises SimulatorError, in one line."""
        where = f"--tls-cert {self.cert}" if self.key is None else f"--tls-key {self.key}"
        if "-----BEGIN CERTIFICATE-----" not in _text(self.cert, f"--tls-cert {self.cert}"):
            raise SimulatorError(f"--tls-cert {self.cert}: there is no certificate in it: expected PEM")
        key = _text(self.key or self.cert, where)
        if "PRIVATE KEY-----" not in key:
            hint = ": name its file with --tls-key" if self.key is None else ": expected PEM"
            raise SimulatorError(f"{where}: there is no private key in it{hint}")
        locked = "BEGIN ENCRYPTED" in key or ",ENCRYPTED" in key
        if locked and self.passphrase is None:
            raise SimulatorError(f"{where}: the key has a passphrase: give it with --tls-passphrase")
        context = _context()
        try:
            context.load_cert_chain(self.cert, self.key, lambda: self.passphrase or "")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise SimulatorError(f"{where}: is not the key of the certificate in {self.cert}") from None
            if locked:
                raise SimulatorError(f"{where}: the passphrase of --tls-passphrase does not open it") from None
            told = (error.reason or "no certificate and key").lower().replace("_", " ")
            raise SimulatorError(f"--tls-cert {self.cert}, {where}: can't be used: {told}") from None
        except ValueError as error:
            raise SimulatorError(f"--tls-passphrase: {error}") from None
        return _Ready(context)


@dataclass(slots=True, frozen=True)
class Made:
    """One that is made for this run, with an authority of its own; its key is in memory alone and ends with us."""

    ca: Path | None = None
    """Where the authority's certificate is written, for clients to trust."""

    def open(self, host: str) -> Secured:
        """Makes it for localhost, 127.0.0.1, ::1 and `host`. Raises SimulatorError where trustme is missing."""
        try:
            # Most serve without TLS, and what it stands on is large.
            import trustme
        except ImportError:
            raise SimulatorError(
                "--tls makes certificates with trustme, which is not installed: pip install 'chat-simulator[tls]', "
                "or bring your own with --tls-cert and --tls-key"
            ) from None
        authority = trustme.CA(organization_name=_OWNER, organization_unit_name="made for one run")
        context = _context()
        authority.issue_cert(*names(host), organization_name=_OWNER).configure_cert(context)
        return _Ready(context, authority, self.ca)


Tls: TypeAlias = Brought | Made


@dataclass(slots=True, frozen=True)
class _Ready:
    context: ssl.SSLContext
    authority: trustme.CA | None = None
    out: Path | None = None

    def publish(self) -> None:
        if self.authority is None or self.out is None:
            return
        if self.out.exists() and not _is_ours(self.out):
            raise StartError(f"--tls-ca-out {self.out}: is there already, and not made by --tls: name another")
        part = self.out.with_name(f"{self.out.name}.part")
        try:
            # Where others may write, a link may lie there.
            part.unlink(missing_ok=True)
            with part.open("xb") as file:
                file.write(self.authority.cert_pem.bytes())
            part.replace(self.out)
        except OSError as error:
            raise StartError(f"--tls-ca-out {self.out}: {error.strerror}") from None


def names(host: str) -> list[str]:
    """For whom a certificate is made: a server on all addresses is known by the machine's name, too."""
    wild = host in ("0.0.0.0", "::")  # noqa: S104
    more = socket.gethostname() if wild else host
    return [*dict.fromkeys(name for name in ("localhost", "127.0.0.1", "::1", more) if _fits(name))]


def _fits(name: str) -> bool:
    """Whether it can stand in a certificate, which is stricter than a machine's name."""
    try:
        ip_address(name)
    except ValueError:
        return name.isascii() and all(
            part and len(part) < 64 and part.replace("-", "a").isalnum() for part in name.split(".")
        )
    return True


class _Telling(ssl.SSLObject):
    """Tells the operator of what asyncio passes over in silence: who does not trust us, and who speaks no TLS."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLError as error:
            _tell(error)
            raise

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        # With TLS 1.3 a client says only after the handshake that it does not trust us.
        try:
            return super().read(len, buffer) if buffer is not None else super().read(len)
        except ssl.SSLError as error:
            _tell(error)
            raise


def _tell(error: ssl.SSLError) -> None:
    reason = error.reason or ""
    if "UNKNOWN_CA" in reason or "CERTIFICATE_UNKNOWN" in reason or "BAD_CERTIFICATE" in reason:
        _log.warning("a client does not trust the certificate: let it trust what --tls-ca-out writes, or your own CA")
    elif reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER"):
        _log.warning("a client speaks no TLS, which is spoken here: it has to use wss:// and https://")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = _Telling
    context.set_alpn_protocols(["http/1.1"])
    return context


def _text(path: Path, where: str) -> str:
    try:
        return path.read_text("latin-1")
    except OSError as error:
        raise SimulatorError(f"{where}: {error.strerror or os.strerror(error.errno or 0)}") from None


def _is_ours(path: Path) -> bool:
    from cryptography import x509

    try:
        found: Any = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return False
    owners = found[0].issuer.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    return len(found) == 1 and [owner.value for owner in owners] == [_OWNER]

"""The server that is recorded: its URL as an operator writes it, and whether it can be reached as it is written."""

from __future__ import annotations

import os
import re
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from simulator.core.errors import SimulatorError, StartError

SECONDS = 10.0
"""How long the server has to take a connection, and for TLS as well."""

_HOST = re.compile(r"[A-Za-z0-9._~-]+|[0-9A-Fa-f:.]+")


@dataclass(slots=True, frozen=True)
class Upstream:
    """Scheme, host and port."""

    scheme: str
    """`http` or `https`; either carries WebSockets as well."""
    host: str
    """An IPv6 address without its brackets."""
    port: int

    @property
    def url(self) -> str:
        """Without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def authority(self) -> str:
        """Host and port, always both."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_PORTS = {"http": 80, "https": 443}


def parse(text: str) -> Upstream:
    """An `--upstream`. Raises SimulatorError that says how it is to be written."""

    def wrong(why: str) -> SimulatorError:
        return SimulatorError(f"--upstream {text}: {why}")

    try:
        split = urlsplit(text)
        port = split.port
    except ValueError as error:
        raise wrong(f"is no URL: {str(error).lower()}") from None
    scheme = {"ws": "http", "wss": "https"}.get(split.scheme, split.scheme)
    if scheme != split.scheme:
        raise wrong(f"say {scheme}://{split.netloc}, which carries WebSockets as well")
    if scheme not in _PORTS or not split.netloc:
        host = split.netloc if "://" in text else text.strip("/")
        raise wrong(f"expected http:// or https:// and a host, such as https://{host or 'chat.example.com'}")
    if "@" in split.netloc:
        raise wrong("names and passwords are the client's to send: leave them out")
    if split.hostname is None or not _HOST.fullmatch(split.hostname):
        raise wrong("has no host")
    if split.path not in ("", "/") or split.query or split.fragment:
        raise wrong(f"the client brings the path: say {scheme}://{split.netloc}")
    if port == 0:
        raise wrong("nobody listens on port 0")
    return Upstream(scheme, split.hostname, port or _PORTS[scheme])


def trusted() -> str | None:
    """The file of CAs that the operator named in SSL_CERT_FILE, or None for those that come with mitmproxy."""
    return os.environ.get("SSL_CERT_FILE") or None


def probe(upstream: Upstream, insecure: bool) -> None:
    """Connect once, so that what is wrong is said now and not to the first client. Raises StartError."""
    try:
        with socket.create_connection((upstream.host, upstream.port), SECONDS) as plain:
            if upstream.scheme == "https":
                with _context(insecure).wrap_socket(plain, server_hostname=upstream.host):
                    pass
    except ssl.SSLCertVerificationError as error:
        raise StartError(
            f"{upstream.url}: its certificate is not trusted ({error.verify_message.rstrip('.')}); SSL_CERT_FILE can "
            "name its CA, and --insecure-upstream takes any certificate"
        ) from None
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        hint = f": is it http://{upstream.authority}?" if "wrong version" in reason or "record layer" in reason else ""
        raise StartError(f"{upstream.url}: speaks no TLS that can be used ({reason}){hint}") from None
    except socket.gaierror as error:
        raise StartError(
            f"{upstream.url}: there is no host {upstream.host} ({(error.strerror or str(error)).lower()})"
        ) from None
    except TimeoutError:
        raise StartError(f"{upstream.url}: took no connection within {SECONDS:g} s") from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise StartError(f"{upstream.url}: can't be reached ({why})") from None


def _context(insecure: bool) -> ssl.SSLContext:
    if insecure:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    # Those that mitmproxy trusts, so that both judge alike; it comes with it.
    import certifi

    return ssl.create_default_context(cafile=trusted() or certifi.where())

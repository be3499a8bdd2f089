"""Asks a running simulator for its health."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from simulator.core.errors import SimulatorError
from simulator.serve.reporter import printable


def ask(url: str, timeout: float, token: str | None = None) -> str | None:
    """None when it is well, else why not. Raises SimulatorError for what is no URL.

    One that asks for a token which we don't have is well: it lives, and knows who we are not.
    """
    if not _is_url(url):
        raise SimulatorError(f"{url}: expected a URL such as http://127.0.0.1:8070")
    target = f"{url.rstrip('/')}/__admin/health"
    # A health check asks the address that it was given, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        request = urllib.request.Request(target, headers=headers)  # noqa: S310  # http or https, see above
        with opener.open(request, timeout=timeout) as response:
            status = json.loads(response.read(65536))["status"]
    except urllib.error.HTTPError as error:
        if token is None and error.code == 401 and error.headers.get("WWW-Authenticate") == "Bearer":
            return None
        return f"{target}: {printable(str(error))}"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        if isinstance(error, urllib.error.URLError):
            # What it wraps says more.
            return f"{target}: {printable(str(error.reason))}"
        return f"{target}: {printable(str(error))}"
    return None if status == "ok" else f"{target}: status {status!r}"


def _is_url(url: str) -> bool:
    try:
        split = urlsplit(url)
        return split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
    except ValueError:
        return False

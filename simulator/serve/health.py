"""Asks a running simulator for its health."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request

from simulator.core.errors import SimulatorError


def ask(url: str, timeout: float) -> str | None:
    """None when it is well, else why not. Raises SimulatorError for what is no URL."""
    if not url.startswith(("http://", "https://")):
        raise SimulatorError(f"{url}: expected a URL such as http://127.0.0.1:8070")
    target = f"{url.rstrip('/')}/__admin/health"
    # A health check asks the address that it was given, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(target, timeout=timeout) as response:
            status = json.loads(response.read(65536))["status"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return f"{target}: {reason}"
    return None if status == "ok" else f"{target}: status {status!r}"

"""A quick start for the command line: the imports of a process that is ours alone."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick() -> Iterator[None]:
    """To be held around imports and building, the first import of aiohttp among them, in our own process only.

    aiohttp.connector makes its default TLS contexts at import, and reading the machine's CAs into them is a fifth of
    the CPU time of a start. Here they get none: they would refuse every server, so whoever calls out by TLS brings a
    context of its own (`outgoing.py`). The collector rests meanwhile: hardly anything of this is garbage.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    before = {name: os.environ.get(name) for name in names}
    collecting = gc.isenabled()
    gc.disable()
    os.environ.update(dict.fromkeys(names, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if collecting:
            gc.enable()

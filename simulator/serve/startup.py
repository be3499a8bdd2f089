"""A quick start and a quick end for the command line, a process that is ours alone."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn


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


def leave(code: int = 0) -> NoReturn:
    """End the process, at once: what others asked for at exit is done, and all that was printed is out.

    The interpreter would give back all memory piece by piece before that: four seconds for a gigabyte of small objects,
    where Ctrl-C has to be obeyed within one. The system takes it back as a whole.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)

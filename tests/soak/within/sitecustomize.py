"""Python runs this in the server that is soaked: each second a file is told how many bytes are held in small pieces.

What is resident is more, and comes and goes: what readers who do not read leave behind is held in large pieces for some
seconds, and allocators keep room between what is held. A leak of anything is seen here first.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

BLOCK = 80
"""Bytes of one of Python's blocks, of which only the number is told: so many on the average in this server (512 at most)."""
_HEAP = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _HEAP]


def _heap() -> Callable[[], int]:
    """Bytes that are in use of glibc's heap, without those from its threshold on; 0 where it does not say (below 2.33)."""
    try:
        ask = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return lambda: 0
    ask.restype = _Mallinfo2
    return lambda: int(ask().uordblks)


def _tell(path: Path) -> None:
    heap = _heap()
    new = path.with_suffix(".new")
    while True:
        new.write_text(str(heap() + BLOCK * sys.getallocatedblocks()))
        new.replace(path)
        time.sleep(1.0)


if "SOAK_HELD" in os.environ:
    threading.Thread(target=_tell, args=(Path(os.environ.pop("SOAK_HELD")),), daemon=True).start()

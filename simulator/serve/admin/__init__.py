"""The control API of a running simulator, at `/__admin`."""

from simulator.serve.admin.api import Admin
from simulator.serve.admin.guard import is_loopback

__all__ = ["Admin", "is_loopback"]

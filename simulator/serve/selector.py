"""Which space a request is for: three ways to say so, each taken off before anybody else looks at the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from simulator.core.message import Headers, Request

HEADER = "X-Simulator-Space"
PARAMETER = "simulator_space"
PREFIX = "/~space/"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
NAMES = "1 to 64 letters, digits, dots, hyphens and underscores, no dot or hyphen first"

_BEFORE = re.compile(r"/(?:~|%7E)space(?:/([^/]*))?(/.*)?", re.ASCII | re.IGNORECASE | re.DOTALL)
_AMONG = re.compile(r"simulator(?:_|%5F)space(?:=(.*))?", re.ASCII | re.IGNORECASE | re.DOTALL)
_HEADER = HEADER.lower()
_PREFIXES = ("/~", "/%7")


class Unfit(Exception):
    """What is wrong with how a space is named, for who named it."""


@dataclass(slots=True)
class Target:
    """A request's target and headers, without what names the space."""

    space: str | None
    """None where nothing names one: the default one, or the one of the session with which the request goes on."""
    prefix: str
    """As it came, with no slash at its end; "" where the path has none."""
    path: str
    query: str
    headers: Headers


def check(name: str) -> str:
    """The name, if it is one. Raises Unfit."""
    if not _NAME.fullmatch(name):
        shown = repr(name if len(name) <= 80 else f"{name[:80]}...")
        raise Unfit(f"there can be no space of the name {shown}: expected {NAMES}")
    return name


def may_name(request: Request) -> bool:
    """Whether it is worth to `read` a request: nearly none names a space."""
    if request.named is None or _HEADER in request.named or request.path.startswith(_PREFIXES):
        return True
    return "simulator" in request.query.lower()


def read(path: str, query: str, headers: Headers) -> Target:
    """Reads and takes off prefix, parameter and header; path and query are not decoded. Raises Unfit.

    An empty header or parameter names the default space, as a variable that is not set makes one.
    """
    named: dict[str, str] = {}
    prefix = ""
    # Nearly every request has none of the three.
    if path.startswith(_PREFIXES) and (before := _BEFORE.fullmatch(path)) is not None:
        raw, rest = before.groups()
        if not raw:
            raise Unfit(f"expected the name of a space behind {PREFIX}, such as {PREFIX}gw0/")
        if rest is not None and _BEFORE.fullmatch(rest):
            raise Unfit(f"the path names a space twice: {PREFIX}... stands once, at its start")
        named[check(unquote(raw))] = "the path"
        path, prefix = rest or "/", path[: len(path) - len(rest or "")]
    if "simulator" in query.lower():
        parts = []
        for part in query.split("&"):
            found = _AMONG.fullmatch(part)
            if found is None:
                parts.append(part)
            else:
                named.setdefault(_given(unquote(found[1] or "")), f"the parameter {PARAMETER}")
        query = "&".join(parts)
    lines = [value for name, value in headers if len(name) == len(HEADER) and name.lower() == _HEADER]
    if lines:
        headers = tuple(line for line in headers if line[0].lower() != _HEADER)
        for value in lines:
            named.setdefault(_given(value.strip(" \t")), f"the header {HEADER}")
    if len(named) > 1:
        told = " and ".join(f"{how} names {name!r}" for name, how in named.items())
        raise Unfit(f"one request is for one space, but {told}")
    return Target(next(iter(named), None), prefix, path, query, headers)


def _given(name: str) -> str:
    return check(name) if name else ""

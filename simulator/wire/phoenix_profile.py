"""What versions of Phoenix do differently, as a table, and what they ask of a request at their door. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl

from simulator.core.message import Json, Request
from simulator.wire.phoenix_frames import JASON, POISON, Library, jason

Flaw: TypeAlias = Callable[[Request], "str | None"]
"""Why a request is no handshake, as the body of the 400 has it; None where it is one."""


def cowboy_flaw(request: Request) -> str | None:
    """Cowboy 1 takes versions 7, 8 and 13 and any key, and answers without words."""
    version = request.header("Sec-WebSocket-Version")
    good = (
        request.header("Host") is not None
        and "upgrade" in request.tokens("Connection")
        and request.tokens("Upgrade") == ["websocket"]
        and re.fullmatch(r"[+]?0*(7|8|13)", version or "", re.ASCII)
        and request.header("Sec-WebSocket-Key") is not None
    )
    return None if good else ""


def websock_flaw(request: Request) -> str | None:
    """The first flaw, in the words of websock_adapter (lib/websock_adapter/upgrade_validation.ex)."""
    if request.http != (1, 1):
        return f"HTTP version HTTP/{request.http[0]}.{request.http[1]} unsupported"
    if request.header("Host") is None:
        return ""  # The web server has refused it before.
    for name, needle in (("connection", "upgrade"), ("upgrade", "websocket")):
        if needle not in request.tokens(name):
            found = [
                token for value in _values(request, name) for token in re.split(r"\s*,\s*", value.strip()) if token
            ]
            return f"'{name}' header must contain '{needle}', got {_inspect(found)}"
    if request.header("Sec-WebSocket-Key") is None:
        return "'sec-websocket-key' header is absent"
    versions = [value.lower() for value in _values(request, "sec-websocket-version")]
    return None if versions == ["13"] else f"'sec-websocket-version' header must equal '13', got {_inspect(versions)}"


def _inspect(values: list[str]) -> str:
    """As Elixir shows a list of strings."""
    return f"[{', '.join([jason(value) for value in values])}]"


def _values(request: Request, name: str) -> list[str]:
    return [value for key, value in request.headers if key.lower() == name]


@dataclass(slots=True, frozen=True)
class Profile:
    """What one version of Phoenix, with its web server and JSON library, does differently from another."""

    library: Library
    """For JSON: what it lets pass, order of keys, escapes, floats."""
    v1_struct: bool
    """V1 replies and broadcasts have a null `join_ref` in them."""
    joins_by_ref: bool
    """A channel's join_ref is the `ref` of its join; else the `join_ref`."""
    push_join_ref: bool
    """Pushes carry the channel's join_ref; else null."""
    ignores_stale: bool
    """What carries another join_ref than its channel's is passed over in silence."""
    leaves_unjoined: bool
    """Leaving a topic that was not joined is ok; else the topic is unmatched."""
    crash: dict[str, Json]
    """The payload of `phx_error`."""
    binary: bool
    """V2 binary frames have a layout of their own; else they are read like text."""
    longpoll: bool
    """The route "longpoll" is a door."""
    drops_malformed_vsn: bool
    """A `vsn` that is no version ends the connection without an answer; else it is refused with 403."""
    bare_is_null: bool
    """A parameter without an equals sign is null; else it is empty."""
    hostless_origin: bool
    """An Origin without a host passes the check."""
    full_101: bool
    """The 101 carries the lines of Plug and cowboy 2 too, sorted; else only its own three."""
    flaw: Flaw
    most_channels: int
    """Of one socket; the next join is refused."""
    idle_code: int
    """The close code after `idle_timeout` seconds without anything received."""
    drain_code: int | None
    """The close code when the server stops; None cuts the connection."""


PROFILES: dict[str, Profile] = {
    "1.3": Profile(
        library=POISON,
        v1_struct=True,
        joins_by_ref=True,
        push_join_ref=False,
        ignores_stale=False,
        leaves_unjoined=False,
        crash={},
        binary=False,
        longpoll=False,
        drops_malformed_vsn=True,
        bare_is_null=True,
        hostless_origin=True,
        full_101=False,
        flaw=cowboy_flaw,
        most_channels=10_000,  # Ours: 1.3 knows no limit.
        idle_code=1000,
        drain_code=None,
    ),
    "1.8": Profile(
        library=JASON,
        v1_struct=False,
        joins_by_ref=False,
        push_join_ref=True,
        ignores_stale=True,
        leaves_unjoined=True,
        crash={"reason": "channel_crash"},
        binary=True,
        longpoll=True,
        drops_malformed_vsn=False,
        bare_is_null=False,
        hostless_origin=False,
        full_101=True,
        flaw=websock_flaw,
        most_channels=100,
        idle_code=1000,
        drain_code=1012,
    ),
}
"""AIDA's Phoenix 1.3.0 on cowboy 1 with Poison 3.1, and 1.8.12 with Jason."""

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)


def params(request: Request) -> dict[str, str]:
    """The query, of equal names the last, as Plug reads it."""
    return dict(parse_qsl(request.query, keep_blank_values=True))


def version_of(request: Request, profile: Profile) -> str:
    """The `vsn` that a request asks for; 1.0.0 where it does not say."""
    found = params(request)
    if any(name.startswith("vsn[") for name in found):
        return ""  # A list or a map, which is no version either.
    bare = profile.bare_is_null and "vsn" in request.query.split("&")
    return "1.0.0" if bare else found.get("vsn", "1.0.0")


_HOST = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:[^/?#@]*@)?(\[[^]]*\]|[^/?#:]*)")


def origin_host(origin: str) -> str | None:
    """The host of an Origin, spelled as it is there; it may be empty, and None where there is no `//`."""
    found = _HOST.match(origin)
    return found and found[1]


def serializer_version(vsn: str) -> int | None:
    """1 for `~> 1.0.0`, 2 for `~> 2.0.0`, None for any other. Raises ValueError where it is no version for Elixir."""
    found = _VERSION.fullmatch(vsn)
    if found is None:
        raise ValueError(f"{vsn!r} is no version")
    major, minor, patch, early = found[1], found[2], found[3], found[4]
    # A version comes after its pre-releases.
    if major not in ("1", "2") or minor != "0" or (patch == "0" and early is not None):
        return None
    return int(major)

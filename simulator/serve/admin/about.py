"""What runs here: health, version, and all that there is to know of the backends before one says anything to them."""

from __future__ import annotations

import asyncio
import platform
import re
from collections.abc import Mapping
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from simulator import __version__
from simulator.core.message import Frame
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.app import Served
from simulator.serve.seeds import default_path

if TYPE_CHECKING:
    from pydantic import BaseModel

    from simulator.core.backend import Backend

_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?=(?::\d+)?\Z)", re.ASCII)
_MOST = 5
"""Examples of one message."""


async def health(asking: Asking) -> Any:
    """`GET /__admin/health`."""
    return {"status": "ok", "version": __version__, "backends": [*asking.spaces.default.driver.space.running]}


async def version(asking: Asking) -> Any:
    """`GET /__admin/version`."""
    return {"version": __version__, "python": platform.python_version()}


async def backends(asking: Asking) -> Any:
    """`GET /__admin/backends`: what each is, where it is in this space, and every message that it knows."""
    place = asking.place()
    prefix = asking.target.prefix or place.prefix
    told = []
    for served in asking.site.served():
        running = place.driver.space.running[served.name]
        backend, seed = running.backend, running.seed
        url = f"{_seen(asking, served)}{prefix}"
        connect = backend.connect(seed, url)
        told.append(
            {
                "name": backend.name,
                "summary": backend.summary,
                "transport": backend.transport,
                "url": url,
                "connect": connect,
                "example": backend.example(seed, connect),
                "credentials": backend.credentials(seed),
                "port": int(served.url.rpartition(":")[2]),
                "statuses": [*backend.statuses],
                "agents": None if backend.agents is None else [*backend.agents(seed)],
                **await _known(backend),
            }
        )
    return {"backends": told}


_KNOWN: dict[int, tuple[Backend, dict[str, Any]]] = {}
"""What has been said of each, by its identity; it is kept with it, or another could come to be in its place."""
_MOST_KNOWN = 20


async def _known(backend: Backend) -> dict[str, Any]:
    """Acts and messages: the same on each port, and schemas of fifty models take half a second."""
    found = _KNOWN.get(id(backend))
    if found is None:
        found = backend, await _said(backend)
        if len(_KNOWN) >= _MOST_KNOWN:
            # Each tape that is replayed is a backend of its own.
            _KNOWN.clear()
        _KNOWN[id(backend)] = found
    return found[1]


def _seen(asking: Asking, served: Served) -> str:
    """A backend's address as who asks can reach it: by the name that led here, which a container does not know."""
    host = asking.request.headers.get("Host", "")
    named = _HOST.match(host)
    if named is None:
        return served.url
    scheme, _, rest = served.url.partition("://")
    if served.name == asking.site.backend:
        return f"{scheme}://{host}"
    return f"{scheme}://{named[0]}:{rest.rpartition(':')[2]}"


async def _said(backend: Backend) -> dict[str, Any]:
    found = samples(backend)
    return {
        "acts": _acts(backend),
        "commands": await _messages(backend.commands, found["client"], "validation"),
        "events": await _messages(backend.events, found["server"], "serialization"),
    }


def _acts(backend: Backend) -> dict[str, Any]:
    from simulator.serve.admin.shapes.acts import MODELS

    return {
        name: {"how": note.how, "what": note.what, "schema": MODELS[name].model_json_schema()}
        for name, note in backend.acts.items()
    }


async def _messages(
    models: Mapping[str, type[BaseModel]], samples: Mapping[str, list[Any]], mode: Any
) -> dict[str, Any]:
    told = {}
    for name, model in models.items():
        # Some milliseconds each, and frames pass meanwhile.
        await asyncio.sleep(0)
        found = samples.get(name, [])
        words = model.__dict__.get("__doc__")
        told[name] = {
            "schema": model.model_json_schema(mode=mode),
            "example": found[0] if found else None,
            "examples": found[:_MOST],
            "doc": cleandoc(words) if words else "",
        }
    return told


def samples(backend: Backend) -> dict[str, dict[str, list[Any]]]:
    """Bodies of the document's samples, by sender and name; none of a backend that is made of a tape."""
    found: dict[str, dict[str, list[Any]]] = {"client": {}, "server": {}}
    path = default_path(backend.name).parent / "vectors" / backend.name / "document.json"
    if not path.exists():
        return found
    vectors = orjson.loads(_read(path))
    for sender, key in (("client", "commands"), ("server", "events")):
        for vector in vectors[key]:
            name, body = _parts(backend, sender, vector.get("ours", vector["sample"]))
            bodies = found[sender].setdefault(name, [])
            if body not in bodies:
                bodies.append(body)
    return found


def _read(path: Path) -> bytes:
    # A call is answered without waiting, and these are some kilobytes.
    return path.read_bytes()


def _parts(backend: Backend, sender: str, sample: dict[str, Any]) -> tuple[str, Any]:
    """Name and body of a sample, which is an event with its payload, or a whole frame."""
    if "event" in sample:
        return sample["event"], sample["payload"]
    for turn in backend.reader().read(sender, 1, Frame(orjson.dumps(sample).decode())):
        if turn.message is not None:
            return turn.message.name, turn.message.args[-1] if turn.message.args else {}
    return "", None


CALLS = (
    Call("GET", "health", health, "Whether it is well.", "about:Health"),
    Call("GET", "version", version, "Which simulator this is.", "about:Version"),
    Call(
        "GET", "backends", backends, "The backends, where they are, and every message and act that they know.",
        "about:Backends",
    ),
)  # fmt: skip

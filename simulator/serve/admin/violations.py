"""What clients say that the documented model does not: found when somebody asks, never while frames pass."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from simulator.core.backend import Backend
from simulator.core.envelope import ACK
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.saying import dumps
from simulator.serve.clock import written

if TYPE_CHECKING:
    from pydantic import BaseModel

    from simulator.serve.admin.reading import Line, Reading

_SHOWN = 200
"""Characters of a value that is shown."""


@dataclass(slots=True, frozen=True)
class Violation:
    """One thing that is wrong with a message."""

    path: str
    """Keys and indexes with dots between them; "" for the whole body."""
    expected: str
    got: str
    """As JSON, cut where it is long; `nothing` where the key is missing."""
    words: str
    """What the model says of itself: where its document, or the real server's source, has it."""
    source: str
    """Which document, or which source, that is."""
    protocol: str = ""
    """The backend's own line on that message, of its PROTOCOL.md."""

    def told(self) -> dict[str, Any]:
        """As calls give it."""
        return {
            "path": self.path,
            "expected": self.expected,
            "got": self.got,
            "words": self.words,
            "source": self.source,
            "protocol": self.protocol,
        }


def of(line: Line, backend: Backend, lost: bool = False) -> list[Violation]:
    """What is wrong with a client's message. `lost` says that frames before it were let go: then it may be a rest."""
    if line.violations is None:
        line.violations = [*_found(line, backend, lost)] if line.sender == "client" else []
    return line.violations


def _found(line: Line, backend: Backend, lost: bool) -> Iterator[Violation]:
    source = _source(backend.commands)
    if line.error:
        # Attachments and acknowledgements belong to frames that may be gone; everything else stands for itself.
        if not (lost and (line.binary or line.kind == ACK)):
            expected = f"a message of {backend.transport}"
            yield Violation("", expected, _shown(line.raw), line.error, source)
        return
    if line.kind == ACK or line.kind != "message" or line.name is None:
        return
    if not backend.commands:
        # A recording of any other server is played: there is no document that a client could break.
        return
    if backend.topics and not _known(line.topic, backend.topics):
        expected = f"one of {', '.join(backend.topics)}"
        yield Violation("topic", expected, _shown(line.topic), "the document names no other", source)
        return
    if line.name in backend.envelope.names:
        return
    model = backend.commands.get(line.name)
    if model is None:
        expected = f"one of {', '.join(backend.commands)}"
        words = "the document has no such message of a client"
        if line.name in backend.events:
            words += ": it is one of the server's"
        yield Violation("name", expected, _shown(line.name), words, source)
        return
    yield from _wrong(line, backend, model, source)


def _wrong(line: Line, backend: Backend, model: type[BaseModel], source: str) -> Iterator[Violation]:
    from pydantic import ValidationError

    from simulator.core.expected import MISSING, expected
    from simulator.scenario.document import spelled

    try:
        model.model_validate(line.args[0] if line.args else {})
    except ValidationError as error:
        words = " ".join((model.__doc__ or "").split())
        row = protocol(backend, line.name or "")
        for one in error.errors(include_url=False):
            got = MISSING if one["type"] == "missing" else _shown(one["input"])
            yield Violation(spelled(one["loc"]), expected(one), got, words, source, row)


def _known(topic: str, topics: tuple[str, ...]) -> bool:
    return any(topic.startswith(one[:-1]) if one.endswith("*") else topic == one for one in topics)


def _shown(value: object) -> str:
    text = dumps(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _source(models: Any) -> str:
    """What stands over the models: which document it is."""
    for model in models.values():
        doc = sys.modules[model.__module__].__doc__ or ""
        return " ".join(doc.split())
    return ""


@lru_cache(maxsize=1024)
def _row(backend: str, name: str) -> str:
    try:
        text = (files("simulator.backends") / backend / "PROTOCOL.md").read_text("utf-8")
    except OSError:
        return ""
    # The name, or a route's with its query, at the beginning of a table's line.
    begins = re.compile(rf"\| `{re.escape(name)}(\?[^`]*)?`")
    row = next((line for line in text.splitlines() if begins.match(line)), "")
    return "; ".join(cell.strip() for cell in row.strip("|").split(" | ") if cell.strip())


def protocol(backend: Backend, name: str) -> str:
    """What PROTOCOL.md says of a message, the cells of its line with semicolons between them; "" where it has none."""
    return _row(backend.name, name)


def told(line: Line, reading: Reading, backend: Backend) -> dict[str, Any]:
    """A line with its violations, where it has any."""
    found = of(line, backend, reading.lost)
    return {**line.told(), "violations": [one.told() for one in found]} if found else line.told()


async def violations(asking: Asking) -> Any:
    """`GET /__admin/violations`: what clients said that no documented client says."""
    from simulator.serve.admin.feed import feed_of
    from simulator.serve.admin.shapes.messages import Violated

    wanted = asking.query(Violated)
    place = asking.place()
    if wanted.backend is not None:
        asking.running(place, wanted.backend)
    reading = feed_of(place).reading
    await feed_of(place).catch_up()
    found: list[dict[str, Any]] = []
    total = 0
    for i, line in enumerate([*reading.lines]):
        if i % 500 == 499:
            await asyncio.sleep(0)
        if line.number <= wanted.after or wanted.backend not in (None, line.backend):
            continue
        for one in of(line, place.driver.space.running[line.backend].backend, reading.lost):
            total += 1
            if total <= wanted.limit:
                base = {"number": line.number, "time": written(line.time), "backend": line.backend, "link": line.link}
                found.append({**base, "name": line.name, **one.told()})
    return {"total": total, "violations": found}


CALLS = (
    Call(
        "GET",
        "violations",
        violations,
        "What clients said that the documented model does not, the oldest first.",
        "messages:Violations",
        asks="messages:Violated",
    ),
)

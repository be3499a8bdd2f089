"""What passed, for who asks: the journal's frames, and what they mean."""

from __future__ import annotations

from typing import Any

import orjson

from simulator.core.message import Frame, Message
from simulator.core.space import Entry
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.complaint import Complaint
from simulator.serve.clock import written

_PAGE = 1000


async def messages(asking: Asking) -> Any:
    """`GET /__admin/messages?limit=N`: the last N frames."""
    try:
        limit = int(asking.request.query.get("limit", _PAGE))
    except ValueError:
        raise Complaint(400, "limit: expected a number") from None
    space = asking.place().driver.space
    journal = space.journal
    readers = {name: running.backend.reader() for name, running in space.running.items()}
    shown = [*journal][-limit:] if limit > 0 else []
    lines = [line for entry in shown for line in _lines(entry, readers[entry.backend])]
    return {"total": journal.total, "messages": lines}


def _lines(entry: Entry, reader: Any) -> list[dict[str, Any]]:
    base = {
        "number": entry.number,
        "time": written(entry.time),
        "backend": entry.backend,
        "link": entry.link,
        "sender": entry.sender,
    }
    item = entry.item
    raw = item.data if isinstance(item.data, str) else item.data.decode("latin-1")
    raw = raw.encode("utf-8", "replace").decode()
    if not isinstance(item, Frame):
        return [{**base, "kind": type(item).__name__.lower(), "raw": raw}]
    lines = []
    for turn in reader.read(entry.sender, entry.link, item):
        message = turn.message if _shallow(turn.message) else None
        line = {**base, "kind": "message", "name": None, "args": None} if message is None else {
            **base, "kind": "message", "name": message.name, "args": message.args,
        }  # fmt: skip
        lines.append({**line, "raw": raw, **({"error": turn.why} if turn.why else {})})
    return lines


def _shallow(message: Message | None) -> bool:
    """Whether a message can be written again: JSON is read deeper than it is written."""
    try:
        orjson.dumps(message.args if message is not None else None, default=repr)
    except TypeError:
        return False
    return True


CALLS = (Call("GET", "messages", messages, "The last frames that passed.", "journal:Messages", asks="journal:Page"),)

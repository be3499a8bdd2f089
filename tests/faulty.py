"""Faults in few words, for tests: of each type what a scenario file would say."""

from __future__ import annotations

from typing import Any

from simulator.core.faults import Fault
from simulator.core.message import Frame
from simulator.core.wire import Drop, Raw, Reset, Shut
from simulator.scenario.faults import FaultSpec
from tests.talk import Socket, Talk

SAY = '{"type":"send_msg","text":"hi"}'
HISTORY = '{"type":"get_history","before":"2030-01-01T00:00:00Z"}'


def fault(type: str, name: str | None = None, /, **said: Any) -> Fault:
    """Keys of a fault, or of its attributes."""
    keys = {key: said.pop(key) for key in [*said] if key in FaultSpec.model_fields}
    match = {key: said.pop(key) for key in ("message", "nth") if key in said}
    spec = FaultSpec.model_validate({"type": type, **keys, "attributes": said, **({"match": match} if match else {})})
    return spec.fault(name or type)


def chip(*faults: Fault, **settings: Any) -> tuple[Talk, Socket]:
    """A chat that is started, its bot silent; then these faults."""
    talk = Talk("chip", settings={"bot": "none", "outbox_interval": 0, **settings})
    socket = talk.connect()
    socket.send('{"type":"start_chat"}')
    socket.got.clear()
    talk.fault(*faults)
    return talk, socket


def seen(socket: Socket) -> list[str]:
    """What came, in few words: names of messages, ends."""
    words = []
    for item in socket.got:
        if isinstance(item, Frame):
            words.append(str(item.data).partition('"type":"')[2].partition('"')[0] or str(item.data))
        elif isinstance(item, Shut):
            words.append(f"shut {item.code} {item.reason}".strip())
        elif isinstance(item, Raw):
            words.append(f"raw {item.data.hex()}" if item.shown is None else f"raw {item.data.hex()} shown")
        else:
            ends: dict[type[object], str] = {Drop: "dropped", Reset: "reset"}
            words.append(ends.get(type(item), type(item).__name__.lower()))
    socket.got.clear()
    return words

"""The journal read: its frames as messages, each read once, in their order, as far back as the journal goes."""

from __future__ import annotations

import base64
from collections import OrderedDict, deque
from collections.abc import Hashable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from simulator.core.envelope import ACK, HEARTBEAT, MESSAGE
from simulator.core.message import NO_REF, Frame, Message
from simulator.core.space import Entry, Running, Space
from simulator.core.wire import Reader, Turn
from simulator.serve.clock import written

if TYPE_CHECKING:
    from simulator.serve.admin.violations import Violation

AT_ONCE = 250
"""Frames that are read without giving others a turn: some milliseconds."""
_MOST_ASKED = 10_000
"""Messages that wait to be answered, at most as many as the journal has lines; of more, the first is found no more."""
_DEEP = 200
"""Brackets from which on it is asked whether a message can be written again: JSON is read deeper than it is written."""


class Line:
    """One message that passed, or a frame that bears none. A poll's body may be several, of the same number."""

    __slots__ = (
        "answers",
        "answers_number",
        "args",
        "asks",
        "backend",
        "binary",
        "error",
        "kind",
        "link",
        "name",
        "number",
        "raw",
        "sender",
        "time",
        "topic",
        "via",
        "violations",
    )

    def __init__(self, entry: Entry, kind: str, raw: str) -> None:
        self.number = entry.number
        self.time = entry.time
        self.backend = entry.backend
        self.link = entry.link
        self.sender = entry.sender
        self.kind = kind
        """`message`, `ack` for an answer to one, `ping`, `pong`, or `control` for the envelope's own business."""
        self.raw = raw
        self.binary = isinstance(entry.item, Frame) and isinstance(entry.item.data, bytes)
        self.via = entry.item.via if isinstance(entry.item, Frame) else "websocket"
        self.name: str | None = None
        self.args: tuple[Any, ...] | None = None
        self.topic = ""
        self.error = ""
        self.answers: str | None = None
        """The name of the message that it answers."""
        self.answers_number: int | None = None
        """And the number of that one's frame, where it was read."""
        self.asks = False
        """Whether its sender wants an answer."""
        self.violations: list[Violation] | None = None
        """Of the documented model; None as long as nobody has asked."""

    def told(self) -> dict[str, Any]:
        """As calls give it, without its violations."""
        line: dict[str, Any] = {
            "number": self.number,
            "time": written(self.time),
            "backend": self.backend,
            "link": self.link,
            "sender": self.sender,
            "kind": self.kind,
        }
        if self.kind not in ("ping", "pong"):
            line |= {"name": self.name, "args": self.args}
            if self.topic:
                line["topic"] = self.topic
        line["raw"] = self.raw
        if self.binary:
            line["binary"] = True
        if self.via != "websocket":
            line["via"] = self.via
        if self.error:
            line["error"] = self.error
        if self.answers is not None:
            line["answers"] = self.answers
        if self.answers_number is not None:
            line["answers_number"] = self.answers_number
        return line


class Reading:
    """What the journal of a space says. It follows when somebody asks, and keeps what the journal keeps."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._journal = space.journal
        self.lines: deque[Line] = deque()
        self.begun = -1
        """Of the journal, when this was read."""
        self.last = 0
        """The number of the last frame that was read."""
        self._readers: dict[str, Reader] = {}
        self._running: Mapping[str, Running] = space.running
        self._asked = _Asked(min(_MOST_ASKED, self._journal.most))
        self.lost = False
        """Whether frames were let go before they were read: what belongs to them is not understood."""
        self._restart()

    def _restart(self) -> None:
        self.lines.clear()
        self._asked = _Asked(min(_MOST_ASKED, self._journal.most))
        self.last = 0
        self.lost = False
        self.begun = self._journal.begun
        self._readers = {name: running.backend.reader() for name, running in self._space.running.items()}

    def step(self, most: int = AT_ONCE) -> list[Line]:
        """Read some of what is new; none where there is nothing."""
        journal = self._journal
        if journal.begun != self.begun:
            self._restart()
        first, lines = journal.first, self.lines
        while lines and lines[0].number < first:
            lines.popleft()
        if self.last == journal.total:
            return []
        if self.last + 1 < first:
            self.lost = True
        entries = journal.since(self.last, most)
        read = [line for entry in entries for line in self._read(entry)]
        # Some of them may have been taken out.
        self.last = min(journal.total, max(self.last, first - 1) + most)
        lines.extend(read)
        return read

    @property
    def behind(self) -> bool:
        """Whether there is something to read."""
        return self._journal.begun != self.begun or self.last < self._journal.total

    def after(self, number: int, most: int) -> list[Line]:
        """The next lines behind that number: so many, and what belongs to the last one's frame."""
        lines = self.lines
        start = self._place(number)
        found = [*islice(lines, start, start + most)]
        while start + len(found) < len(lines) and lines[start + len(found)].number == found[-1].number:
            found.append(lines[start + len(found)])
        return found

    def _place(self, number: int) -> int:
        """Where the lines behind that number begin."""
        lines = self.lines
        low, high = 0, len(lines)
        while low < high:
            middle = (low + high) // 2
            if lines[middle].number <= number:
                low = middle + 1
            else:
                high = middle
        return low

    def remove(self, numbers: set[int]) -> None:
        """Let go of these, here and in the journal."""
        self._journal.remove(numbers)
        kept = [line for line in self.lines if line.number not in numbers]
        self.lines.clear()
        self.lines.extend(kept)

    def forget(self) -> None:
        """Let go of all."""
        self._journal.forget()
        self.lines.clear()

    # --- one frame

    def _read(self, entry: Entry) -> list[Line]:
        item = entry.item
        raw = item.data if isinstance(item.data, str) else item.data.decode("latin-1")
        if not raw.isascii():
            raw = raw.encode("utf-8", "replace").decode()
        if not isinstance(item, Frame):
            return [Line(entry, type(item).__name__.lower(), raw)]
        turns = self._readers[entry.backend].read(entry.sender, entry.link, item)
        if not turns:
            return [self._bare(entry, item, raw)]
        lines = [_line(entry, turn, raw) for turn in turns]
        for line, turn in zip(lines, turns, strict=True):
            self._asked.pair(line, turn)
        return lines

    def _bare(self, entry: Entry, item: Frame, raw: str) -> Line:
        """A frame that is no message: a heartbeat, an upgrade, or a part of a message that is not whole yet."""
        if item.via != "websocket":
            return Line(entry, "control", raw)
        look = self._running[entry.backend].backend.envelope.look(entry.sender, item.data)
        line = Line(entry, look.name if look.kind == HEARTBEAT and look.name in ("ping", "pong") else "control", raw)
        # The beginning of a message whose attachments are still to come has its name, and is not it.
        line.name = look.name if look.name and look.kind != MESSAGE else None
        return line


class _Asked:
    """Messages that are to be answered, so that an answer can be shown beside what it answers."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: OrderedDict[Hashable, tuple[Message, int]] = OrderedDict()

    def pair(self, line: Line, turn: Turn) -> None:
        """Find what a message answers, or remember it where it may be answered itself."""
        message, answered = turn.message, turn.answers
        if message is None:
            return
        if answered is not None:
            # A Socket.IO reader tells which: it is the same object.
            found = self._waiting.pop(id(answered), None)
        elif turn.sender == "server" and message.topic[:1] != "/":
            # A Phoenix reply has the ref of what it answers, one of concierge's its route.
            found = self._waiting.pop(_ref(line, message), None)
            if found is not None:
                line.answers = found[0].name
        else:
            found = None
        if found is not None:
            line.answers_number = found[1]
        elif message.ref is not NO_REF or message.name == "connect":
            key = id(message) if message.topic[:1] == "/" else _ref(line, message)
            self._waiting[key] = (message, line.number)
            self._waiting.move_to_end(key)
            if len(self._waiting) > self._most:
                self._waiting.popitem(last=False)


def _ref(line: Line, message: Message) -> Hashable:
    ref = message.ref
    return line.link, message.topic, ref if isinstance(ref, str | int) else repr(ref)


def _line(entry: Entry, turn: Turn, raw: str) -> Line:
    message = turn.message
    line = Line(entry, "message", raw)
    line.error = turn.why
    if message is None:
        return line
    if turn.answers is not None or (not message.name and turn.why):
        line.kind = ACK
        line.answers = None if turn.answers is None else turn.answers.name
    if _shallow(message, raw):
        line.name, line.args = message.name, _plain(message.args)
    line.topic = message.topic
    return line


def _shallow(message: Message, raw: str) -> bool:
    """Whether a message can be written again: JSON is read deeper than it is written."""
    if raw.count("[") + raw.count("{") < _DEEP:
        return True
    try:
        # An answer has them in a list of lines.
        orjson.dumps([[[message.args]]], default=repr)
    except TypeError:
        return False
    return True


def _plain(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same as JSON can say it: bytes as `{"base64": ...}`."""
    return args if not any(_bears(arg) for arg in args) else tuple(_told(arg) for arg in args)


def _bears(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_bears(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_bears(inner) for inner in value)
    return isinstance(value, bytes)


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _told(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_told(inner) for inner in value]
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value

"""A conversation as text, for the report of a test that failed: frames both ways, what is wrong, how each matched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from simulator.api.notes import Note
from simulator.api.said import Message
from simulator.core.message import Message as Said
from simulator.serve.clock import written
from simulator.serve.printable import printable

FRAMES: Final = 50
"""The last ones that are shown."""
_WIDTH: Final = 300
"""Characters of one message."""
_NOTES: Final = 100


def text(title: str, messages: Sequence[Message], notes: Iterable[Note], most: int = FRAMES) -> str:
    """The last frames, one a line, with what there is to say of each below it; pings are counted alone."""
    said = [one for one in messages if one.kind not in ("ping", "pong")]
    pings = len(messages) - len(said)
    shown = said[-most:]
    first = shown[0].number if len(said) > len(shown) else 0
    lines = [title]
    if len(said) > len(shown):
        lines.append(f"(the last {len(shown)} of {len(said)} frames)")
    # A note's number is that of the last frame before it: a match is told while its frame is worked.
    waiting = [note for note in notes if note.number >= first][-_NOTES:]
    several = len({one.backend for one in shown}) > 1
    for i, one in enumerate(shown):
        lines += _told(one, several)
        following = shown[i + 1].number if i + 1 < len(shown) else None
        below = [note for note in waiting if following is None or note.number < following]
        waiting = waiting[len(below) :]
        lines += [_cut(f"        {note.level}: {note.text}") for note in below]
    lines += [_cut(f"        {note.level}: {note.text}") for note in waiting]
    if not said:
        lines.append("(nothing was said)")
    if pings:
        lines.append(f"(pings and pongs that are not shown: {pings})")
    return "\n".join(lines)


def _told(one: Message, several: bool) -> list[str]:
    arrow = ">>" if one.sender == "client" else "<<"
    where = f"{one.backend} " if several else ""
    name = f"ack of {one.answers}" if one.kind == "ack" and one.answers else one.name or f"({one.kind})"
    # A frame that is no message is shown as it passed.
    said = one.raw if one.error or one.kind == "control" else _json(one.args)
    topic = f" [{one.topic}]" if one.topic not in ("", "/") else ""
    time = f"{written(one.time)[11:].rstrip('Z')}.000"[:12]
    lines = [_cut(f"{one.number:>4}  {time}  {where}#{one.link} {one.sender} {arrow} {name}{topic} {said}")]
    if one.error:
        lines.append(_cut(f"        can't be read: {one.error}"))
    for broken in one.violations:
        lines.append(_cut(f"        violation: {broken.path or 'body'}: expected {broken.expected}, got {broken.got}"))
        if broken.words:
            lines.append(_cut(f"          {broken.words}"))
    return lines


def _json(args: tuple[Any, ...]) -> str:
    # As `simulator cassette show` writes it; who shows no report does not import it.
    from simulator.cassette.timeline import told

    return told(Said("", args))


def _cut(line: str) -> str:
    shown = printable(line[: _WIDTH + 1])
    return shown if len(shown) <= _WIDTH else f"{shown[:_WIDTH]}..."

"""Whether a message costs more where there is more: connections, history, spaces."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path as File

import orjson
from ruamel.yaml import YAML

from bench import race, servers
from bench.pace import Pace
from bench.process import ROOT
from bench.race import Path
from bench.rows import Found
from bench.servers import Server
from bench.speed import MANY
from bench.talks import TALKS, between

CONNECTIONS = (1, 50, 500)
HISTORY = (10, 1_000, 10_000, 100_000)
SPACES = (1, 50, 500)
_PATIENCE = 180.0
"""Seconds for a server to start: fixtures of 100,000 messages are much to read."""
_OLD = between(TALKS["old history"].steps[0].say, b'"chat_id":"', b'"').decode()  # type: ignore[arg-type]


@dataclass(slots=True, frozen=True)
class Case:
    """One row: a server, what is said, and how much there is.

    Where it is one of connections or spaces it has a server of its own: those of another row would be there as well.
    """

    path: Path
    history: int = 0


def _connections() -> list[list[Case]]:
    kinds = (
        ("bare", "bare aiohttp, echo", servers.BARE, "echo"),
        ("chip", "chip, whole way", servers.CHIP, "chat"),
        ("concierge", "concierge, ping route", servers.CONCIERGE, "ping route"),
        ("aida", "aida, put_data", servers.AIDA, "put_data"),
        ("node", "node socket.io, echo", servers.NODE_SOCKETIO, "socketio"),
        ("socketio", "simulator Socket.IO, echo", servers.SOCKETIO, "socketio"),
    )
    return [
        [
            Case(
                Path(
                    f"growth.connections.{kind}.{count}", f"{title}: {count} connection{'s' if count > 1 else ''}",
                    server, talk, f"growth.connections.{kind}.50", count, alone=True,
                )
            )
            for count in CONNECTIONS
        ]
        for kind, title, server, talk in kinds
    ]  # fmt: skip


def _spaces() -> list[list[Case]]:
    return [
        [
            Case(
                Path(
                    f"growth.spaces.{count}",
                    f"chip, whole way, {MANY} connections in {count} space{'s' if count > 1 else ''}",
                    servers.spaced(max(SPACES)), "chat", "growth.spaces.1", MANY,
                    spaces=count, alone=True,
                ),
            )
            for count in SPACES
        ]
    ]  # fmt: skip


def _history(folder: File) -> list[list[Case]]:
    """A chat that everybody resumes, of so many messages; and the whole way in a server that has them. One race."""
    # An answer has 25 messages at most: a chat of fewer has less to tell.
    said = (("chat", "whole way beside", HISTORY[0]), ("old history", "get_history in", HISTORY[1]))
    return [
        [
            Case(
                Path(
                    f"growth.history.{talk.replace(' ', '.')}.{count}", f"chip, {words} a chat of {count:,} messages",
                    _with_history(folder, count), talk, f"growth.history.{talk.replace(' ', '.')}.{least}",
                ),
                history=count,
            )
            for talk, words, least in said
            for count in HISTORY
            if count >= least
        ]
    ]  # fmt: skip


def _with_history(folder: File, count: int) -> Server:
    command = (
        *servers.CHIP.command,
        "--fixtures",
        folder / f"{count}.yaml",
        "--set",
        f"kept_messages={max(HISTORY) + 10_000}",
    )
    return Server(f"chip with {count:,} messages", command)


def _write(folder: File, count: int) -> None:
    """The fixtures that come along, with a long chat. JSON is YAML, and quicker written."""
    seed = YAML(typ="safe").load(ROOT / "fixtures" / "chip.yaml")
    for contact in seed["contacts"]:
        if contact["chat_id"] == _OLD:
            contact["messages"] = [
                {
                    "direction": "in", "id": 50_000 + i, "text": f"message {i}",
                    "time": f"2024-04-01T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}.{i // 86400:06}Z",
                }
                for i in range(count)
            ]  # fmt: skip
    (folder / f"{count}.yaml").write_bytes(orjson.dumps(seed))


def races(folder: File = ROOT, quick: bool = False) -> list[list[Case]]:
    """All of them; `folder` has the fixtures with long chats."""
    found = [*_connections(), *_spaces(), *_history(folder)]
    slow = {"concierge", "aida", "node"}
    return [_hurried(cases) for cases in found if not slow & set(cases[0].path.key.split("."))] if quick else found


def _hurried(cases: list[Case]) -> list[Case]:
    """The ends of a race; of connections 50 and 500, which are the ones to quote."""
    if cases[0].path.spaces:
        return [cases[0], cases[-1]]
    return [case for case in cases if case.history != HISTORY[-2]] if cases[0].history else cases[1:]


def measure(pace: Pace) -> Found:
    """Each race has its base in it."""
    found = Found()
    with tempfile.TemporaryDirectory() as name:
        folder = File(name)
        chosen = races(folder, pace.quick)
        for count in sorted({case.history for cases in chosen for case in cases if case.history}):
            _write(folder, count)
        for cases in chosen:
            one = race.run("growth", [case.path for case in cases], pace, _PATIENCE)
            found.rows += one.rows
            found.notes += [note for note in one.notes if note not in found.notes]
    return found

"""`simulator verify` of a cassette against a served backend: as it is, and with one field of what it says changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson
import pytest
from click.testing import CliRunner, Result

from simulator.cli import main
from simulator.core.actions import Action, Reply, Respond, Send
from simulator.core.backend import Backend, Rules
from simulator.core.events import Event
from simulator.core.world import World
from tests.record.proxied import QUICK, Peers


class Change(NamedTuple):
    """One field of one message, and what it is from now on."""

    message: str
    """As `verify` names it."""
    path: str
    value: Any

    def applied(self, body: Any) -> Any:
        """A body with it; the same one where it has no such field."""
        *way, last = self.path.removeprefix("body.").split(".")
        made = inner = orjson.loads(orjson.dumps(body))
        for key in way:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            return body
        inner[last] = self.value
        return made


class _Changed:
    """The rules of a backend that says one thing otherwise."""

    def __init__(self, rules: Rules, change: Change) -> None:
        self._rules = rules
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rules, name)

    def handle(self, event: Event) -> list[Action]:
        return [self._made(action) for action in self._rules.handle(event)]

    def _made(self, action: Action) -> Action:
        change = self._change
        match action:
            case Send(message=message) if message.name == change.message:
                args = tuple(change.applied(arg) for arg in message.args)
                return Send(action.conns, type(message)(message.name, args, message.ref, message.topic), action.ack)
            case Reply():
                return Reply(action.conn, action.ref, tuple(change.applied(arg) for arg in action.args))
            case Respond(response=response) if response.body[:1] == b"{":
                return Respond(
                    action.call, replace(response, body=orjson.dumps(change.applied(orjson.loads(response.body))))
                )
        return action  # fmt: skip


def changed(backend: Backend, change: Change) -> Backend:
    """The same server after a deployment that nobody was told of."""

    def rules(world: World) -> Rules:
        return cast("Rules", _Changed(backend.rules(world), change))

    return replace(backend, rules=rules)


async def verified(path: Path, backend: str, *more: str) -> Result:
    """As from the command line, with the settings under which it was recorded."""
    settings = [f"{key.removeprefix(f'{backend}.')}={value}" for key, value in QUICK.items() if _is_of(backend, key)]
    options = ["--backend", backend, "--timeout", "5", *_each("--set", settings), *more]
    # It has a loop of its own.
    return await asyncio.to_thread(CliRunner().invoke, main, ["verify", str(path), *options])


async def against(path: Path, target: str, *more: str) -> Result:
    """The same of a server that is not ours."""
    options = ["--target", target, "--timeout", "5", *more]
    return await asyncio.to_thread(CliRunner().invoke, main, ["verify", str(path), *options])


def _is_of(backend: str, key: str) -> bool:
    name, dot, _ = key.rpartition(".")
    return name == backend if dot else backend != "aida"


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [part for value in values for part in (option, value)]


async def proven(path: Path, backend: str, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a backend is what was recorded of it, as long as it says the same."""
    result = await verified(path, backend)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    # Redacted as it is, nothing has to be given to it.
    assert "--bind" not in result.stderr
    assert " as on the tape\n" in result.stderr
    module = import_module(f"simulator.backends.{backend}")
    with monkeypatch.context() as patch:
        patch.setattr(module, "BACKEND", changed(module.BACKEND, change))
        result = await verified(path, backend)
    assert result.exit_code == 1, result.output
    lines = result.stdout.splitlines()
    found = [
        at for at, line in enumerate(lines) if line.startswith("~ changed") and line.endswith(f" {change.message}")
    ]
    assert found, result.output
    for at in found:
        assert lines[at + 1].strip().startswith(f"{change.path}: "), result.output
    # Nothing else is told.
    assert len(found) == sum(not line.startswith(" ") for line in lines), result.output


async def stands(peers: Peers, path: Path) -> None:
    """Verified against the server that was recorded."""
    result = await against(path, peers.url)
    assert (result.exit_code, result.stdout) == (0, ""), result.output


async def held_against(peers: Peers, path: Path, message: str, change: str) -> None:
    """Verified against the server that was recorded, and against the same when it has changed."""
    await stands(peers, path)
    with peers.otherwise():
        result = await against(path, peers.url)
    assert result.exit_code == 1, result.output
    lines = result.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("~ changed") and line.endswith(f" {message}"))
    assert lines[at + 1].strip().startswith(change), result.output
    assert {line.rpartition(" ")[2] for line in lines if not line.startswith(" ")} == {message}, result.output

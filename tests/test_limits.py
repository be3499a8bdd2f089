"""docs/limits.md says the bounds that the code has, by the same numbers and the same names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from simulator import backends
from simulator.cli import main
from simulator.core.backend import Backend
from simulator.core.faults_kept import MOST_FAULTS
from simulator.core.faults_machine import MOST_OF_ONE, MOST_WAITING
from simulator.core.ids import NAMES
from simulator.core.link import LinkPolicy
from simulator.core.timers import MOST_ACTS
from simulator.scenario import bot
from simulator.serve import by_hand, connections, forms, http, links, objects, outgoing, spaces
from simulator.serve.admin import asking, feed
from simulator.wire.phoenix_channels import MOST_MAIL

TEXT = (Path(__file__).parents[1] / "docs/limits.md").read_text()


def _defaults(backend: Backend) -> dict[str, Any]:
    model: Any = backend.seed.model_fields["settings"].annotation
    return {name: field.default for name, field in model.model_fields.items()}


ROWS = {
    cells[0]: " | ".join(cells[1:])
    for line in TEXT.splitlines()
    if line.startswith("| ") and (cells := [cell.strip() for cell in line.strip("|").split(" | ")])
}
DEFAULTS = {backend.name: _defaults(backend) for backend in backends.all_backends()}


def row(begins: str) -> str:
    [found] = [rest for first, rest in ROWS.items() if first.startswith(begins)]
    return found


@pytest.mark.parametrize(
    ("begins", "says"),
    [
        ("connections of the process", (f"{connections.LARGEST:,}", f"TLS {connections.SECURED:,}", f"less {connections.SPARE} ", f"more than {connections._REFUSED} such")),
        ("a TLS handshake", (f"| {connections.HANDSHAKE:g} s |",)),
        ("the head of a request", (f"| {connections.PATIENCE:g} s,",)),
        ("a body that falls silent", (f"| {connections.PATIENCE:g} s |",)),
        ("a body as a whole", ({5: "five times"}[connections.WHOLE],)),
        ("bytes that wait for a client", (f"| {LinkPolicy().write_bound >> 20} MiB |",)),
        ("time that they wait", (f"| {LinkPolicy().write_timeout:g} s |",)),
        ("a close frame that is not answered", (f"then {links.GRACE:g} s |",)),
        ("what waits while a fault holds", (f"{MOST_OF_ONE >> 20} MiB", f"{MOST_WAITING >> 20} MiB")),
        ("Phoenix: frames that wait for a join", (f"| {MOST_MAIL:,}, together",)),
        ("all objects and uploads under way", (f"{objects.MOST >> 30} GiB", f"{objects.MEMORY >> 20} MiB in memory")),
        ("parts of a form", (f"{forms.PARTS:,}, {http._LEFT_OVER >> 10} KiB",)),
        ("spaces", (f"| {spaces.MOST}, {spaces.IDLE:,.0f} s |",)),
        ("the journal of a space", (f"{spaces.KEPT:,} frames", f"a named space's: {spaces.ROOM >> 20} Mi")),
        ("acts of bots", (f"| {MOST_ACTS:,} |",)),
        ("talks of a scenario", (f"{bot.MOST_TALKS:,}; {bot.MOST_WAITING} moments and {bot.MOST_TRACKS} rules",)),
        ("calls to other servers", (f"{outgoing.CALLS:,} of a space",)),
        ("who waits or looks on", (f"{feed.MOST:,} of a space",)),
        ("bodies of control calls", (f"{asking._BODY >> 20} MiB each", f"{asking._ROOM >> 20} MiB together")),
        ("faults of a space", (f"| {MOST_FAULTS:,} |",)),
        ("steps of a clock that is moved by hand", (f"| {by_hand.LONGEST:g} s of real time",)),
    ],
)  # fmt: skip
def test_what_is_fixed(begins: str, says: tuple[str, ...]) -> None:
    for part in says:
        assert part in f"| {row(begins)}", part


def test_names_that_are_counted() -> None:
    assert f"the {NAMES:,} that were used last" in TEXT


@pytest.mark.parametrize("name", backends.names())
def test_what_a_backend_remembers(name: str) -> None:
    told, _, numbers = ROWS[name].rpartition(" | ")
    wanted = [f"{DEFAULTS[name][setting]:,}" for setting in re.findall(r"`(\w+)`", told)]
    assert numbers.removesuffix(" |").split("; ") == wanted


def test_every_setting_and_option_that_is_named_is_one() -> None:
    known = {setting for one in DEFAULTS.values() for setting in one}
    serve = main.get_command(click.Context(main), "serve")
    assert serve is not None
    options = {name for option in serve.params for name in option.opts}
    for first, rest in ROWS.items():
        # `version` and `title` are of what is answered, `sandbox` no setting either: those have an underscore.
        for setting in re.findall(r"`(\w+_\w+)`", f"{first} {rest}"):
            assert setting in known, setting
        for option in re.findall(r"`(--[a-z-]+)`", rest):
            assert option in options, option


def test_settings_with_a_number_beside_them() -> None:
    for begins, name, setting in (
        ("sessions of Engine.IO, or", "mia", "kept_polling"),
        ("sessions of Engine.IO, or", "chatbot", "kept_polling"),
        ("sessions of Engine.IO, or", "aida", "kept_polling"),
        ("clients that are away", "mia", "kept_away"),
    ):
        assert f" | {DEFAULTS[name][setting]:,} | " in row(begins)
    for name in ("mia", "chatbot"):
        assert f"| {DEFAULTS[name]['connect_timeout']:g} s |" in row("a session without a namespace")
    joined = row("chatbot: conversations")
    for setting in ("most_joined", "most_streams", "most_waiting", "most_unanswered"):
        assert f"`{setting}` {DEFAULTS['chatbot'][setting]}" in joined

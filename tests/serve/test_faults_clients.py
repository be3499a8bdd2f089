"""What other people's clients observe of each fault: the table of docs/faults.md, played."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.core.faults import FORMS, KINDS
from tests.serve.faults_observed import OBSERVED
from tests.serve.faults_table import CASES, CLIENTS, Player, simulator
from tests.served import Node

DOCS = Path(__file__).parents[2] / "docs" / "faults.md"


def rendered() -> str:
    """The table as the document has it: one for each client."""
    parts = []
    for name, title in CLIENTS.items():
        rows = [f"| {case} | {' · '.join(seen[name])} |" for case, seen in OBSERVED.items() if name in seen]
        parts.append("\n".join([f"### {title}", "", "| fault | what it observes |", "| --- | --- |", *rows]))
    return "\n\n".join(parts)


def test_the_document_has_the_table() -> None:
    assert rendered() in DOCS.read_text()


def test_the_document_names_every_type_and_form() -> None:
    text = DOCS.read_text()
    assert [name for name in (*KINDS, *FORMS) if f"`{name}`" not in text] == []


def test_every_type_is_played() -> None:
    played = {fault["type"] for case in CASES.values() for fault in case.faults}
    assert {*KINDS} - played == {"failed_upload"}, "which is played in test_faults_uploads"
    assert [*CASES] == [*OBSERVED]
    assert {name: {*case.probes} for name, case in CASES.items()} == {name: {*seen} for name, seen in OBSERVED.items()}


@pytest.mark.live
@pytest.mark.node
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", CLIENTS)
async def test_what_clients_observe(name: str) -> None:
    async with simulator() as sim, Node.running("faults.mjs") as node:
        player = Player(sim, node)
        for title, case in CASES.items():
            if name in case.probes:
                expected = OBSERVED[title][name]
                assert (title, await player.play(case, name, expected)) == (title, expected)

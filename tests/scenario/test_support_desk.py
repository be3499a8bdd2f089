"""support-desk on each backend: typing, statuses, queue, hand-off, a picture and the end, as the table of acts says."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import backends
from simulator.scenario.stage import Stage
from simulator.serve import scenarios
from tests.talk import Talk

FOLDER = Path(__file__).parent / "support_desk"


def desk(backend: str) -> Talk:
    return Talk(backend, script=Stage(scenarios.load(scenarios.find("support-desk"))))


@pytest.mark.parametrize("backend", backends.names())
def test_transcript(backend: str) -> None:
    talk = desk(backend)
    talk.play((FOLDER / f"{backend}.txt").read_text(encoding="utf-8"))
    assert [text for level, text, _ in talk.logged if level == "warning"] == []


@pytest.mark.parametrize(
    ("backend", "shown"),
    [
        ("aida", ["Sam here", "page-4.jpg", "Thank you"]),
        ("chatbot", ['"typing"', '"queue-update",{"position":3', '"agent-joined"', "Sam here", "page-4.jpg", '"conversation-ended"']),
        ("chip", ["Sam here", '"origin":"chat"', "image/jpeg:https://example.com/manual/page-4.jpg", "Thank you"]),
        ("concierge", ['"chatJoinedByEntityId":"32315"', "Sam here", '"contentType":"IMAGE"', '"isSessionClosed":true']),
        ("mia", ['"composing"', '"status":"read"', '"from":"Sam Desk"', '"uri":"https://example.com/manual/page-4.jpg"']),
    ],
)  # fmt: skip
def test_the_transcripts_show_what_the_table_promises(backend: str, shown: list[str]) -> None:
    text = (FOLDER / f"{backend}.txt").read_text(encoding="utf-8")
    places = [text.find(part) for part in shown]
    assert -1 not in places
    assert places == sorted(places)


def test_the_same_twice() -> None:
    """A space that is reset plays it again, to the byte."""
    talk = desk("chatbot")
    transcript = (FOLDER / "chatbot.txt").read_text(encoding="utf-8")
    talk.play(transcript)
    talk.clock.restart()
    talk.space.reset()
    talk.play(transcript)

"""The scenarios that come along are played to their end on every backend, and to the byte on some.

`shipped/<scenario>.story` is what a person does and hears, the same on all backends (people.py); beside it stand transcripts of whole
frames, `shipped/<scenario>.<backend>.txt`. To write these anew, and read what has changed: python -m tests.scenario.test_stories
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from simulator import backends
from simulator.serve import scenarios
from tests.scenario.people import PEOPLE, Aida, Chatbot, Chip, Concierge, Mia, Person

FOLDER = Path(__file__).parent / "shipped"
TRANSCRIPTS = sorted(path.name.removesuffix(".txt") for path in FOLDER.glob("*.txt"))
EVERY = pytest.mark.parametrize("backend", backends.names())


def story(scenario: str) -> str:
    return (FOLDER / f"{scenario}.story").read_text(encoding="utf-8")


def played(scenario: str, backend: str, seed: int = 7) -> Person:
    return PEOPLE[backend](scenario, seed).play(story(scenario))


def complaints(person: Person) -> list[str]:
    return [text for level, text, _ in person.talk.logged if level != "info"]


TOO_LATE = {
    ("support-desk", "chatbot"): ["CONVERSATION_ENDED: The conversation is ended"],
    ("support-desk", "concierge"): ["client/send-message: 409 Chat session is closed"],
}
"""Where the client speaks although it is over."""


@EVERY
@pytest.mark.parametrize("scenario", scenarios.shipped())
def test_it_is_played_to_its_end(scenario: str, backend: str) -> None:
    person = played(scenario, backend)
    assert complaints(person) == TOO_LATE.get((scenario, backend), [])
    ends = scenario not in ("echo", "long-history", "slow-typist") and backend in ("chatbot", "concierge")
    assert person.over is ends
    again = played(scenario, backend)
    assert again.lines == person.lines


def test_lots_are_drawn_by_the_seed() -> None:
    paces = {tuple(line for line in played("slow-typist", "mia", seed).lines if "after" in line) for seed in range(3)}
    assert len(paces) == 3


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript(name: str) -> None:
    scenario, _, backend = name.partition(".")
    person = played(scenario, backend)
    assert person.lines == (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def test_each_scenario_has_transcripts() -> None:
    of = {
        scenario: {name for name in TRANSCRIPTS if name.startswith(f"{scenario}.")} for scenario in scenarios.shipped()
    }
    assert {scenario for scenario, names in of.items() if len(names) < 2} == {"long-history"}, "too long to be read"
    assert len(of["support-desk"]) == len(backends.names())


# ---- the client, or its silence, ends a talk in the middle of the story ----


def waiting(backend: str) -> Person:
    """In the support desk's queue, with a good minute of steps still to come."""
    person = PEOPLE[backend]("support-desk")
    person.after(3)
    person.say("agent")
    person.after(5)
    person.told.clear()
    return person


def end(person: Person) -> None:
    match person:
        case Chatbot():
            person.emit("end-conversation", conversationId=person.conversation)
        case Concierge():
            person.ask("end-chat-with-concierge", chatSessionId=person.session)
        case Aida():
            person.push("delete_session", session=person.session)


@pytest.mark.parametrize("backend", ["aida", "chatbot", "concierge"])
def test_the_client_ends_it(backend: str) -> None:
    """The rest of the steps could only be refused, one warning each."""
    person = waiting(backend)
    end(person)
    person.after(200)
    assert (person.told, complaints(person)) == ([], [])


def test_nobody_says_anything_until_the_backend_ends_it() -> None:
    person = PEOPLE["chatbot"]("nobody-answers")
    person.after(4000)
    assert person.over
    assert complaints(person) == []


# ---- what the transcripts show of the table of acts ----


def frames(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("server << ") for line in lines if line.startswith("server << ")]


def test_mia_is_told_each_status() -> None:
    found = [frame for name in ("flaky-agent.mia", "slow-typist.mia") for frame in frames(name)]
    told = [json.loads(frame[2:])[1] for frame in found if frame.startswith('42["EVENT_SERVER_SEND_MESSAGE_STATUS"')]
    assert {body["status"] for body in told} == {"delivered", "read", "failed"}


# ---- a long history has pages ----


def numbers(texts: list[Any]) -> list[int]:
    """Of the messages that have one; pictures have none."""
    return [int(text.partition(".")[0]) for text in texts if isinstance(text, str) and text[:1].isdigit()]


def long(backend: str) -> Person:
    person = PEOPLE[backend]("long-history")
    person.after(30)
    assert len(person.told) == 126
    person.told.clear()
    return person


def test_chip_gives_25_a_page() -> None:
    person = cast("Chip", long("chip"))
    found: list[int] = []
    before = "2027-01-01T00:00:00Z"
    pages = 0
    while True:
        person.send(json.dumps({"type": "get_history", "before": before}))
        rows = json.loads(person.lines[-1].removeprefix("server << "))["history"]
        if not rows:
            break
        assert len(rows) == 25 or pages == 5
        pages += 1
        found += numbers([row["msg_out"]["text"] for row in rows])
        before = rows[-1]["msg_out"]["time"]
    assert (pages, found) == (6, [*range(120, 0, -1)])


def test_concierge_gives_as_many_as_are_asked_for() -> None:
    person = cast("Concierge", long("concierge"))
    found: list[int] = []
    for page in (1, 2, 3, 4):
        person.ask(f"get-chat-messages?page={page}&limit=50", chatSessionId=person.session)
        rows = json.loads(person.lines[-1].removeprefix("server << "))["body"]["messages"]
        found = [*numbers([row["messageContent"] for row in rows]), *found]
    assert found == [*range(1, 121)]


def test_mia_lists_all_to_who_comes_back() -> None:
    person = cast("Mia", long("mia"))
    person.socket = person.talk.connect("again")
    person.enter()
    [line] = [line for line in person.lines if "EVENT_SERVER_INIT_MESSAGE_LIST" in line][1:]
    rows = json.loads(line.removeprefix("server << 42"))[1]
    assert numbers([row["content"] for row in rows]) == [*range(1, 121)]


def test_chatbot_lists_the_last_to_who_comes_back() -> None:
    person = cast("Chatbot", long("chatbot"))
    person.emit("join-conversation", conversationId=person.conversation)
    line = next(line for line in reversed(person.lines) if "conversation-started" in line and "<<" in line)
    rows = json.loads(line.removeprefix("server << 42"))[1]["messages"]
    last = numbers([row["content"] for row in rows])
    assert last == [*range(120 - len(last) + 1, 121)]
    assert len(last) >= 20


if __name__ == "__main__":
    for name in TRANSCRIPTS:
        scenario, _, backend = name.partition(".")
        (FOLDER / f"{name}.txt").write_text("\n".join([*played(scenario, backend).lines, ""]), encoding="utf-8")

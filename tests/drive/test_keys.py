"""Which of a served backend's secrets are said where redaction took those of the tape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.cassette.entries import Entry, Exchange, TapedRequest, TapedResponse
from simulator.core.message import Json, Message, Request
from simulator.drive.keys import fitting
from simulator.drive.script import script
from tests.cassette import tapes
from tests.cassette.tapes import opened, said

A, B, C, MAIL = "redactedaaaaaaaa", "redactedbbbbbbbb", "redactedcccccccc", "redacted-a1b2c3d4e5@example.com"


class Doors:
    """Has a key for whatever stands at `token`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def __call__(self, said: Message | Request, answers: Sequence[Message]) -> Iterator[tuple[Json, str]]:
        name = said.path if isinstance(said, Request) else said.name
        self.asked.append((name, [answer.name for answer in answers]))
        token: Any = said.header("token") if isinstance(said, Request) else None
        if isinstance(said, Message) and isinstance(said.args[0], dict):
            token = said.args[0].get("token")
        yield token, f"key of {name}"


def test_the_first_door_that_a_placeholder_stands_at_says_what_it_is() -> None:
    doors = Doors()
    entries: list[Entry] = [
        opened(headers=(("token", A),)),
        said("client", f'{{"type":"hello","token":"{A}"}}', 0.1),
        said("server", f'{{"type":"welcome","pass":"{C}"}}', 0.2),
        said("client", f'{{"type":"enter","token":"{B}","mail":"{MAIL}"}}', 0.3),
        said("client", f'{{"type":"pass","token":"{C}"}}', 0.4),
        said("client", '{"type":"plain","token":"open to all"}', 0.5),
        Exchange(
            0.7,
            2,
            0.1,
            TapedRequest("POST", "/in", (("token", "real"),), f"to {MAIL} from b{MAIL}"),
            TapedResponse(200),
        ),
    ]
    found = fitting(script(tapes.tape(*entries)), doors)
    # What the server said first is bound when it says it live; what is no placeholder stays.
    assert found.pop(f"b{MAIL}", None) is None
    assert found == {A: f"key of {opened().path}", B: "key of enter", MAIL: MAIL}
    # Who has taken nothing is not asked, and each is told what the server answered to it.
    assert doors.asked == [
        (opened().path, ["welcome"]), ("hello", ["welcome"]), ("enter", []), ("pass", []), ("/in", ["answer to POST /in"]),
    ]  # fmt: skip

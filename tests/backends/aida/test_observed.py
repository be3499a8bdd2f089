"""What real Phoenix servers (1.3.0 and 1.8.12 with AIDA's channel) were seen to answer, and what ours answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simulator.core.actions import Heard
from simulator.core.bot import Act, Say
from simulator.core.message import Frame
from simulator.core.wire import Shut
from tests.talk import Talk

RECORDED = Path(__file__).parents[3] / "fixtures" / "vectors" / "aida" / "observed.json"
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def manifest(*channels: dict[str, str]) -> dict[str, Any]:
    speech = {"message": {"en": "x"}}
    names = ("greeting", "introduction", "not_understood", "clarification")
    return {"languages": ["en"], "front_desk": dict.fromkeys(names, speech), "channels": [*channels]}


def web(token: str) -> dict[str, str]:
    return {"type": "websocket", "access_token": token}


WORLD = {
    "bots": [
        {"id": "11111111-1111-4111-8111-111111111111", "manifest": manifest(web("tok1"))},
        {"id": "22222222-2222-4222-8222-222222222222", "manifest": manifest(web("tok2"))},
        {"id": "33333333-3333-4333-8333-333333333333", "starts_after": 1e9, "manifest": manifest(web("tok3"))},
        {
            "id": "44444444-4444-4444-8444-444444444444",
            "manifest": manifest({"type": "facebook", "access_token": "fbtok"}),
        },
        {"id": "55555555-5555-4555-8555-555555555555", "manifest": manifest()},
    ]
}


class Restaurant:
    """The bot that the recorded servers had."""

    def __init__(self) -> None:
        self.greeted: set[str] = set()

    def hear(self, heard: Heard) -> list[Act]:
        text = heard.text
        if heard.message.name == "utb_img":
            return [Say("Can you send me a picture?")]
        if text == "##SESSION":
            return [Say(heard.talk[-7:])]
        if text.startswith("echo:"):
            return [Say(text[5:])]
        if text == "menu":
            return [Say("We have a menu")]
        if heard.talk in self.greeted:
            return [Say("Sorry, I didn't understand that")]
        self.greeted.add(heard.talk)
        return [
            Say("Hello, I'm a Restaurant bot"),
            Say("I can do a number of things"),
            Say("I can give you information about our menu"),
            Say("I can give you information about our opening hours"),
            Say("Send UNSUBSCRIBE to stop receiving messages"),
        ]


def conversations() -> list[Any]:
    rows = json.loads(RECORDED.read_text())["conversations"]
    return [pytest.param(row, id=f"{row['profile']}: {row['name']}") for row in rows]


@pytest.mark.parametrize("row", conversations())
def test_conversation(row: dict[str, Any]) -> None:
    talk = Talk("aida", seeded=WORLD, settings={"profile": row["profile"]})
    talk.running.engine._hear = Restaurant().hear
    client = talk.connect(path=row["path"])
    ids: dict[str, str] = {}

    def ours(text: str) -> str:
        return UUID.sub(
            lambda id: ids.get(id[0], id[0]), UUID_UP.sub(lambda id: ids.get(id[0].lower(), id[0]).upper(), text)
        )

    for who, said in row["steps"]:
        if who == "client":
            client.send(ours(said))
        elif who == "binary":
            client.send(bytes.fromhex(said))
        elif who == "close":
            assert client.got.popleft() == Shut(client.call, said)
        else:
            item = client.got.popleft()
            assert isinstance(item, Frame)
            data = item.data
            if isinstance(data, bytes):
                assert data.hex() == said
                continue
            for theirs, mine in zip(UUID.findall(said), UUID.findall(data), strict=False):
                ids.setdefault(theirs, mine)
            assert data == ours(said)
    assert not client.got


UUID_UP = re.compile(UUID.pattern.replace("a-f", "A-F"))

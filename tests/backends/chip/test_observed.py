"""What the real chip was seen to answer (fixtures/vectors/chip/observed.json), held against ours to the byte."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from simulator import backends
from simulator.core.link import Answer
from simulator.serve.frames import Closing, Parser, encode_close
from tests.talk import Talk

pytestmark = pytest.mark.recorded

VECTORS = Path(__file__).parents[3] / "fixtures" / "vectors" / "chip" / "observed.json"

# Ours differs, and PROTOCOL.md says why.
ESCAPED = {'"2024-06-01T12:00:02\\u005a"', '"2024-06-01T12:00:02\\u002b00:00"'}


@cache
def observed() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(VECTORS.read_text())
    return found


def names(rows: str) -> list[str]:
    return [row["name"] for row in observed()[rows]]


def row(rows: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in observed()[rows] if row["name"] == name)
    return found


def talk(**settings: object) -> Talk:
    return Talk(seeded=observed()["seed"], settings={"bot": "none", **settings}, now=1795219200.5)


@pytest.mark.parametrize("name", names("send"))
def test_what_courier_is_told(name: str) -> None:
    vector = row("send", name)
    body = vector["body"].encode(vector.get("encoding", "utf-8"))
    answer = talk().request("POST", f"/wc/send/{vector['channel']}/", body)
    assert (answer.status, answer.body.decode()) == (vector["status"], vector["answer"])


@pytest.mark.parametrize(("before", "expected"), observed()["before"])
def test_which_instants_get_history(before: str, expected: list[int] | None) -> None:
    chip = talk().connect()
    chip.send('{"type":"start_chat","chat_id":"FRACaaaaaaaaaaaaaaaaaaaa"}')
    chip.texts()
    chip.send(f'{{"type":"get_history","before":{before}}}')
    texts = chip.texts()
    got = [next(iter(item.values()))["id"] for item in json.loads(texts[0])["history"]] if texts else None
    assert (got == expected) is (before not in ESCAPED)


@pytest.mark.parametrize("name", names("frames"))
def test_how_it_ends_a_link(name: str) -> None:
    vector = row("frames", name)
    backend = backends.load("chip")
    seed: Any = backend.seed.model_validate(observed()["seed"])
    parser = Parser(backend.link(seed.settings))
    parser.push(bytes.fromhex(vector["sent"]))
    found = parser.take()
    while found is not None and not isinstance(found, Answer | Closing):
        found = parser.take()
    assert found is not None
    if isinstance(found, Closing):
        close: bytes | None = encode_close(found.code)
    else:
        close = None if found.code is None else encode_close(found.code, found.reason)
    assert close == (None if vector["close"] is None else bytes.fromhex(vector["close"]))


class Player:
    """Plays one recorded conversation, Courier included."""

    def __init__(self, channel: str) -> None:
        self.talk = talk(courier_url="http://courier.example.com")
        self.channel = channel
        self.told: list[str] = []
        self.expected: list[str] = []
        self.answer: tuple[int, str] = (0, "")

    def step(self, what: str, who: str, text: str) -> None:
        match what:
            case "send":
                self.socket(who).send(self.talk._filled(text))
                self.courier()
            case "binary":
                self.socket(who).send(text.encode())
                self.courier()
            case "got":
                self.got(who, text)
            case "post":
                answer = self.talk.request(
                    "POST", f"/wc/send/{who}/", self.talk._filled(text).encode("utf-8", "surrogateescape")
                )
                self.answer = (answer.status, answer.body.decode())
            case "answer":
                assert self.answer == (int(who), text)
            case "silence":
                self.talk.after(float(text))
                assert not self.socket(who).got, f"{who} got {list(self.socket(who).got)}"
            case "close":
                self.talk.sockets.pop(who).close()
            case "courier":
                self.expected.append(text)
            case _:
                raise AssertionError(what)

    def socket(self, who: str) -> Any:
        if who not in self.talk.sockets:
            other = {"A": "8291264a-4581-4d12-96e5-e9fcfa6e68d9", "B": "7d62d551-3030-4100-a260-2d7c4e9693e7"}
            self.talk.connect(who, f"/wc/connect/{other.get(who, self.channel)}/")
        return self.talk.sockets[who]

    def courier(self) -> None:
        while self.talk.calls:
            call = self.talk.called(200)
            self.told.append(f"{call.url.removeprefix('http://courier.example.com')} {call.body.decode()}")

    def got(self, who: str, text: str) -> None:
        socket = self.socket(who)
        if not socket.got:
            self.talk.after(0.11)
        self.talk._expect(socket, masked(text), text)


def masked(text: str) -> str:
    """The masks of the recording as names that a transcript keeps; times and live ids differ each time."""
    text = re.sub(r"<CHAT(\d+)>", r"$chat\1", text)
    for i, mask in enumerate(re.findall(r"<(?:NOW Z|ID)>", text)):
        text = text.replace(mask, f"$any{i}_{abs(hash(text)) % 10**9}", 1)
    return text


@pytest.mark.parametrize("name", names("conversations"))
def test_conversations(name: str) -> None:
    vector = row("conversations", name)
    player = Player(vector["channel"])
    first = next((text for what, _, text in vector["steps"] if what == "send"), "")
    if name.startswith("cmd/") and "start_chat" not in first and name != "cmd/prestart_ignored":
        # These began in a chat that was already there.
        chat = "AAAAbbbbCCCCddddEEEE1111" if "history" not in name else "FRACaaaaaaaaaaaaaaaaaaaa"
        player.socket("1").send(f'{{"type":"start_chat","chat_id":"{chat}"}}')
        player.socket("1").texts()
    for what, who, text in vector["steps"]:
        player.step(what, who, masked(text) if what in ("send", "post") else text)
    told = [player.talk._filled(masked(text)) for text in player.expected]
    assert [line for line in player.told if line in told] == told

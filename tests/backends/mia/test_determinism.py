"""One script, the same bytes; and other people do not change what I get."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.core.bot import HandOff, Picture, Say, Status
from tests.backends.mia.chats import ANA, HARBOUR, SYSTEM, enter, inside, push, say
from tests.talk import Talk

ROOT = Path(__file__).parents[3]


def script(seed: int) -> str:
    """A busy day: all that was seen, in order."""
    talk = Talk("mia", seed=seed)
    seen: list[object] = []
    for name, room in (("ana", ANA), ("her phone", ANA), ("stranger", None), ("another", None), ("odd", 5)):
        enter(talk, name, room)
    enter(talk, "lofts", ANA, HARBOUR)
    enter(talk, "nobody", instance={"chatId": "closed-house"})
    for name in ("stranger", "ana", "another", "her phone", "lofts", "odd"):
        say(talk.sockets[name], f"hi from {name}")
    seen.append(push(talk, {"id": "1", "type": "text/plain", "content": "Hi!", "to": f"{ANA}@x"}))
    seen.append(push(talk, {"to": "5", "email": "ana@example.com"}, path="identify-person"))
    talk.sockets["her phone"].close(1006)
    talk.after(2.0)
    for chat in [*talk.running.engine.rules.talks()]:
        seen.append(chat)
        for act in (HandOff("Rui"), Say("let me see"), Picture("https://example.com/a.jpg"), Status("read")):
            talk.act(chat, act)
    for path in ("/", "/no/such", "/health-check", "/socket.io/?EIO=4&transport=polling", "/socket.io/socket.io.js"):
        seen.append(talk.request("GET", path, b"", SYSTEM))
    talk.after(70.0)
    talk.drain()
    seen += [(socket.name, socket.upgrade, [*socket.got]) for socket in talk.sockets.values()]
    return "\n".join(map(repr, [*seen, *talk.logged]))


def test_two_engines_say_the_same() -> None:
    assert script(7) == script(7) != script(8)
    for expected in ("You said: hi from ana", "let me see", "EVENT_ERROR", "image/jpeg", '"read"', "Ana Silva", "Shut"):
        assert expected in script(7)


@pytest.mark.parametrize("hashes", ["0", "1"])
def test_another_process_says_the_same(hashes: str) -> None:
    code = "from tests.backends.mia.test_determinism import script; print(script(7))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONUTF8": "1"}, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.decode().replace(os.linesep, "\n").removesuffix("\n") == script(7)


def test_a_reset_begins_the_same_day_anew() -> None:
    def day(talk: Talk) -> list[str]:
        client = enter(talk)
        say(client, "hi")
        talk.after(2.0)
        return client.texts()

    talk = Talk("mia")
    first = day(talk)
    second = day(talk)
    talk.clock.restart()
    talk.space.reset()
    assert day(talk) == first != second


@pytest.mark.parametrize("room", [None, "mine"])
def test_others_do_not_change_what_i_get(room: str | None) -> None:
    """Ids come from what a client brings, and how many brought the same before."""

    def me(talk: Talk) -> list[str]:
        client = enter(talk, "me", room)
        say(client, "hi")
        talk.after(2.0)
        return client.texts()[1:]

    alone, crowded = Talk("mia"), Talk("mia")
    for i in range(3):
        other = inside(crowded, f"other{i}", f"room{i}")
        say(other, "noise")
        inside(crowded, f"loft{i}", None, HARBOUR)
    assert me(alone) == me(crowded)


def test_who_brings_the_same_may_be_taken_for_each_other() -> None:
    talk = Talk("mia")
    rooms = {json.loads(enter(talk, f"tab{i}").texts()[2][2:])[1]["roomId"] for i in range(5)}
    assert len(rooms) == 5

"""One script, the same bytes: on two engines, in two processes, whoever else is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.core.bot import HandOff, Picture, Say
from simulator.core.message import Frame
from tests.talk import Socket, Talk

ROOT = Path(__file__).parents[1]
WEBSITE = "/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/"
HELP_PAGE = "/wc/connect/8291264a-4581-4d12-96e5-e9fcfa6e68d9/"
OTHER = "/wc/connect/16955bac-23fd-4b5f-8981-530679ae0ac4/"


def script(seed: int) -> str:
    """A busy day of chip's: all that was seen, in order. The contract tests hold the others to it, in few words."""
    talk = Talk("chip", seed=seed)
    seen: list[object] = []
    talk.connect("alice", WEBSITE)
    talk.connect("bob", WEBSITE)
    talk.connect("carol", OTHER)
    for name in ("alice", "bob", "carol"):
        talk.sockets[name].send('{"type":"start_chat"}')
    for name in ("bob", "alice", "carol", "alice"):
        talk.sockets[name].send(f'{{"type":"send_msg","text":"hi from {name}"}}')
    talk.connect("eve", HELP_PAGE).send('{"type":"start_chat","chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}')
    talk.connect("eve's phone", HELP_PAGE).send('{"type":"start_chat","chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}')
    talk.after(2.0)
    for chat in [*talk.running.engine.rules.talks()]:
        seen.append(chat)
        talk.act(chat, HandOff("Amina Desk"))
        talk.act(chat, Say("let me see"))
        talk.act(chat, Picture("https://example.com/a.jpg"))
    for name in ("alice", "eve", "eve's phone"):
        talk.sockets[name].send("not JSON")
        talk.sockets[name].send('{"type":"get_history","before":"2030-01-01T00:00:00Z"}')
        talk.sockets[name].send('{"type":"start_chat"}')
    for method, path in (
        ("GET", "/"),
        ("GET", "/no/such"),
        ("DELETE", "/"),
        ("POST", WEBSITE.replace("connect", "send")),
    ):
        seen.append(talk.request(method, path, b"{}", (("Accept-Encoding", "gzip"),)))
    talk.beat()
    talk.after(70.0)
    talk.connect("dave", OTHER)
    talk.drain()
    seen += [(socket.name, socket.upgrade, [*socket.got]) for socket in talk.sockets.values()]
    return "\n".join(map(repr, [*seen, *talk.logged]))


def elsewhere(seed: int, hashes: str) -> str:
    """The script in a process of its own, whose hashes of text are others."""
    code = f"from tests.test_determinism import script; print(script({seed}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONUTF8": "1"}, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode().replace(os.linesep, "\n").removesuffix("\n")


def test_script_sees_what_it_should() -> None:
    seen = script(7)
    for expected in (
        "You said: hi from alice",
        "let me see",
        "image/jpeg:",
        "chat_resumed",
        '"history"',
        "ignored: ",
        "Shut",
    ):
        assert expected in seen


def test_two_engines_say_the_same() -> None:
    assert script(7) == script(7)


def test_another_seed_says_something_else() -> None:
    assert script(7) != script(8)


@pytest.mark.parametrize("hashes", ["0", "1"])
def test_another_process_says_the_same(hashes: str) -> None:
    assert elsewhere(7, hashes) == script(7)


def test_a_reset_begins_the_same_day_anew() -> None:
    def day(talk: Talk) -> list[str]:
        client = talk.connect("client", WEBSITE)
        client.send('{"type":"start_chat"}')
        client.send('{"type":"send_msg","text":"hi"}')
        talk.after(2.0)
        return client.texts()

    talk = Talk("chip")
    first = day(talk)
    second = day(talk)
    talk.clock.restart()
    talk.space.reset()
    assert day(talk) == first != second


# ---- others do not change my ids ----


def chat(talk: Talk, name: str, path: str) -> Socket:
    """A socket that has started a chat and said hi."""
    client = talk.connect(name, path)
    client.send('{"type":"start_chat"}')
    client.send('{"type":"send_msg","text":"hi"}')
    return client


def test_clients_elsewhere_change_nothing() -> None:
    alone = Talk("chip")
    alice = chat(alone, "alice", WEBSITE)
    alone.after(2.0)
    crowded = Talk("chip")
    for i in range(3):
        chat(crowded, f"before {i}", OTHER if i % 2 else HELP_PAGE)
    crowded.connect("alice", WEBSITE)
    chat(crowded, "between", OTHER)
    crowded.sockets["alice"].send('{"type":"start_chat"}')
    chat(crowded, "within", HELP_PAGE)
    crowded.sockets["alice"].send('{"type":"send_msg","text":"hi"}')
    crowded.request("GET", "/")
    crowded.after(2.0)
    assert crowded.sockets["alice"].texts() == alice.texts()


def test_later_clients_of_the_same_door_change_nothing() -> None:
    alone = Talk("chip")
    alice = chat(alone, "alice", WEBSITE)
    alone.after(2.0)
    crowded = Talk("chip")
    crowded.connect("alice", WEBSITE)
    chat(crowded, "bob", WEBSITE)
    crowded.sockets["alice"].send('{"type":"start_chat"}')
    crowded.sockets["alice"].send('{"type":"send_msg","text":"hi"}')
    crowded.after(2.0)
    assert crowded.sockets["alice"].texts() == alice.texts()


def test_equal_clients_are_interchangeable() -> None:
    """Who speaks first does not matter: the n-th at the door has the n-th ids."""
    orders = []
    for order in ("alice", "bob"), ("bob", "alice"):
        talk = Talk("chip")
        for name in ("alice", "bob"):
            talk.connect(name, WEBSITE)
        for name in order:
            talk.sockets[name].send('{"type":"start_chat"}')
            talk.sockets[name].send('{"type":"send_msg","text":"hi"}')
        talk.after(2.0)
        orders.append([talk.sockets[name].texts() for name in ("alice", "bob")])
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[0][1]


def test_pings_and_beats_change_nothing() -> None:
    quiet, noisy = Talk("chip"), Talk("chip")
    alice = chat(quiet, "alice", WEBSITE)
    quiet.after(2.0)
    other = noisy.connect("alice", WEBSITE)
    for data in ("garbage", '{"type":"unknown"}', b"\xff"):
        other.send(data)
        noisy.beat()
        other.pong()
        other.ping(b"x")
    other.send('{"type":"start_chat"}')
    other.send('{"type":"send_msg","text":"hi"}')
    noisy.after(2.0)
    assert [item.data for item in other.got if isinstance(item, Frame)] == alice.texts()

"""Random faults on random conversations: nothing raises, order is kept, and all is well when they are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.core.faults import FORMS
from simulator.core.message import Frame, Pong
from simulator.core.wire import Aborted, Raw
from tests.faulty import HISTORY, chip, fault, seen
from tests.pollers import ONE, TWO, inside, mia
from tests.talk import Socket, Talk

PICTURE = '451-["EVENT_CLIENT_SEND_MESSAGE",{"content":{"_placeholder":true,"num":0}}]'
ROOT = Path(__file__).parents[2]

_KINDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "latency": st.fixed_dictionaries({"latency": st.integers(0, 3000), "jitter": st.integers(0, 3000)}),
    "bandwidth": st.fixed_dictionaries({"rate": st.integers(1, 100)}),
    "slow_close": st.fixed_dictionaries({"delay": st.integers(0, 3000)}),
    "timeout": st.fixed_dictionaries({"timeout": st.integers(0, 3000)}),
    "reset_peer": st.fixed_dictionaries({"timeout": st.integers(0, 3000), "deliver": st.booleans()}),
    "slicer": st.fixed_dictionaries({"average_size": st.integers(5, 50), "size_variation": st.integers(0, 4), "delay": st.integers(0, 10**6)}),
    "limit_data": st.fixed_dictionaries({"bytes": st.integers(0, 500)}),
    "close": st.fixed_dictionaries({"code": st.sampled_from([None, 1000, 1011, 4000]), "deliver": st.booleans()}),
    "malformed": st.fixed_dictionaries({"form": st.sampled_from(FORMS)}),
    "duplicate": st.fixed_dictionaries({"copies": st.integers(1, 3)}),
    "reorder": st.fixed_dictionaries({"window": st.integers(0, 3000)}),
    "drop": st.just({}),
    "dropped_ack": st.just({}),
    "starved_ping": st.just({}),
    "oversized": st.fixed_dictionaries({"size": st.integers(1, 500)}),
    "refused_handshake": st.fixed_dictionaries({"status": st.integers(400, 599)}),
    "failed_upload": st.just({}),
}  # fmt: skip
_ONE_WAY = {"slow_close": "downstream", "slicer": "downstream", "oversized": "downstream", "refused_handshake": "upstream", "failed_upload": "upstream"}  # fmt: skip
_LINKS = ("bandwidth", "limit_data", "slow_close", "refused_handshake", "failed_upload")


@st.composite
def _fault(draw: st.DrawFn) -> dict[str, Any]:
    type = draw(st.sampled_from([*_KINDS]))
    said = {"type": type, **draw(_KINDS[type])}
    said["stream"] = _ONE_WAY.get(type) or draw(st.sampled_from(["upstream", "downstream"]))
    if said["stream"] == "upstream" and said.get("form") not in (None, "json", "envelope"):
        said["form"] = "json"
    said["toxicity"] = draw(st.sampled_from([0.0, 0.3, 1.0]))
    said["count"] = draw(st.sampled_from([None, 1, 3]))
    if type not in _LINKS:
        said["nth"] = draw(st.sampled_from([None, None, 1, 4]))
        said["message"] = draw(
            st.sampled_from([None, None, "history" if said["stream"] == "downstream" else "get_history"])
        )
    return {key: value for key, value in said.items() if value is not None}


_STEP = st.one_of(
    st.tuples(st.just("add"), _fault()),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.just("send"), st.sampled_from([HISTORY, '{"type":"send_msg","text":"x"}', "no JSON", '{"type":"start_chat"}'])),
    st.tuples(st.just("ping"), st.binary(max_size=5)),
    st.tuples(st.just("after"), st.floats(0, 40)),
    st.tuples(st.just("connect"), st.none()),
    st.tuples(st.just("close"), st.none()),
    st.tuples(st.just("beat"), st.none()),
)  # fmt: skip


def _play(talk: Talk, steps: list[tuple[str, Any]]) -> None:
    socket = talk.sockets["client"]
    for number, (what, how) in enumerate(steps):
        match what:
            case "add":
                said = dict(how)
                talk.fault(fault(said.pop("type"), f"f{number}", **said))
            case "remove":
                names = [one.name for one in talk.space.faults]
                if names:
                    talk.fault(without=names[how % len(names)])
            case "send":
                socket.send(how)
            case "ping":
                socket.ping(how)
            case "after":
                talk.after(how)
            case "connect":
                socket = talk.connect(f"c{number}")
            case "close":
                socket.close(1001)
            case _:
                talk.beat()


def _healthy(talk: Talk) -> None:
    for one in [*talk.space.faults]:
        talk.fault(without=one.name)
    assert talk.running._machine is None
    talk.after(0.0)
    fresh = talk.connect("fresh")
    assert fresh.upgrade is not None
    fresh.send('{"type":"start_chat"}')
    fresh.send(HISTORY)
    assert seen(fresh) == ["chat_started", "history"]


@settings(max_examples=150, deadline=None)
@given(st.lists(_STEP, max_size=25))
def test_nothing_raises_and_all_is_well_afterwards(steps: list[tuple[str, Any]]) -> None:
    talk, _ = chip()
    _play(talk, steps)
    _healthy(talk)


def _delay(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return _KINDS[name].map(lambda said: {"type": name, **said})


_DELAYS = st.one_of(*map(_delay, ("latency", "bandwidth", "slicer")))


def _numbers(socket: Socket) -> list[str]:
    texts = []
    for item in socket.got:
        shown = item.shown if isinstance(item, Raw) else item
        if isinstance(shown, Frame | Pong):
            texts.append(str(shown.data))
    return texts


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(_DELAYS, st.sampled_from(["upstream", "downstream"]), st.sampled_from([0.3, 1.0])), max_size=4),
    st.lists(st.floats(0, 2), min_size=1, max_size=8),
)
def test_without_reorder_the_order_of_a_link_is_kept(delays: list[Any], pauses: list[float]) -> None:
    def numbers(faulty: bool) -> list[str]:
        talk, socket = chip(ping_interval=0, pong_timeout=0)
        if faulty:
            for number, (said, stream, toxicity) in enumerate(delays):
                way = "downstream" if said["type"] == "slicer" else stream
                more = {key: value for key, value in said.items() if key != "type"}
                talk.fault(fault(said["type"], f"f{number}", stream=way, toxicity=toxicity, **more))
        for number, pause in enumerate(pauses):
            socket.ping(b"%d" % number)
            socket.send(HISTORY)
            if faulty:
                talk.after(pause)
        talk.after(3600)
        return _numbers(socket)

    assert numbers(True) == numbers(False)


_POLLS = st.one_of(
    st.tuples(st.just("add"), _fault()),
    st.tuples(st.just("remove"), st.integers(0, 5)),
    st.tuples(st.just("post"), st.lists(st.sampled_from([ONE, TWO, "3", "42[", "9", PICTURE, "bAAAA"]), min_size=1, max_size=4)),
    st.tuples(st.just("poll"), st.none()),
    st.tuples(st.just("give up"), st.none()),
    st.tuples(st.just("after"), st.floats(0, 40)),
    st.tuples(st.just("begin"), st.none()),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(_POLLS, max_size=25))
def test_polls_raise_nothing_and_all_is_well_afterwards(steps: list[tuple[str, Any]]) -> None:
    talk, poller = mia()
    call = None
    for number, (what, how) in enumerate(steps):
        match what:
            case "add":
                said = {key: value for key, value in how.items() if key != "message"}
                talk.fault(fault(said.pop("type"), f"f{number}", **said))
            case "remove":
                names = [one.name for one in talk.space.faults]
                if names:
                    talk.fault(without=names[how % len(names)])
            case "post":
                talk.ask("POST", poller.path, "\x1e".join(how).encode())
            case "poll":
                call = talk.ask("GET", poller.path)
            case "give up":
                if call is not None and call not in talk.answers:
                    talk.take(Aborted(call))
            case "after":
                talk.after(how)
            case _:
                talk.ask("GET", "/socket.io/?EIO=4&transport=polling")
    for one in [*talk.space.faults]:
        talk.fault(without=one.name)
    assert talk.running._machine is None
    fresh = inside(talk)
    fresh.post(ONE)
    assert fresh.poll() == ["one"]


def test_faults_that_never_strike_change_no_byte() -> None:
    def day(*faults: Any) -> list[object]:
        talk, socket = chip(*faults, bot="echo")
        for text in ("one", "two"):
            socket.send(f'{{"type":"send_msg","text":"{text}"}}')
            talk.after(1)
        socket.send(HISTORY)
        talk.after(70)
        return [*socket.got]

    never = [
        fault(type, toxicity=0.0, **more) for type, more in (("drop", {}), ("latency", {"latency": 5}), ("close", {}))
    ]
    assert day() == day(*never)


SCRIPT = """
from tests.core.test_faults_fuzz import script
print(script())
"""


def script() -> str:
    """A day with dice: which strikes, when, with what sizes."""
    talk, socket = chip(
        fault("latency", latency=100, jitter=90, toxicity=0.7),
        fault("slicer", average_size=10, size_variation=9, toxicity=0.5),
        fault("drop", toxicity=0.3, stream="upstream"),
    )
    came = []
    for _ in range(30):
        socket.send(HISTORY)
        talk.after(0.05)
        came.append(repr([*socket.got]))
        socket.got.clear()
    talk.after(10)
    came.append(repr([*socket.got]))
    return "\n".join([*came, *(f"{one.name} {one.seen} {one.struck}" for one in talk.space.faults)])


def test_one_seed_strikes_alike_in_two_processes() -> None:
    here = script()
    for hashes in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=ROOT, check=True, timeout=50,
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert there.stdout == f"{here}\n"

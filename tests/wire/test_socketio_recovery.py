"""Connection state recovery: offsets, what was missed, and how long it is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simulator.core.actions import Accept, Refuse, Send
from simulator.core.events import Closed, Knocked, Opened
from simulator.core.message import Message
from simulator.core.wire import Drain
from simulator.wire.engineio_session import Settings as EngineSettings
from simulator.wire.socketio_recovery import Kept, Log, Recovery, yeast
from simulator.wire.socketio_socket import Settings
from tests.wire.sio import NOON, Server, Socket, conn, do, later
from tests.wire.test_socketio import HOLE


def recovering(**limits: Any) -> Server:
    return Server(Settings(recovery=Recovery(**limits)))


def joined(server: Server, auth: str = "") -> tuple[Socket, dict[str, str]]:
    """A socket and what it may come back with."""
    socket = server.socket()
    socket.got()
    frames = socket.send(f"40{auth}")
    answer = next(str(frame) for frame in frames if str(frame).startswith("40"))
    known = json.loads(answer[2:])
    offset = str(frames[-1])
    return socket, {
        "pid": known["pid"],
        "sid": known["sid"],
        "offset": json.loads(offset[2:])[-1] if offset[:2] == "42" else "",
    }


def back(server: Server, known: dict[str, str], prefix: str = "40") -> list[str | bytes]:
    """What a client gets that comes back."""
    socket = server.socket()
    socket.got()
    return socket.send(prefix + json.dumps({"pid": known["pid"], "offset": known["offset"]}))


def is_recovered(frames: list[str | bytes], known: dict[str, str]) -> bool:
    return f'40{{"sid":"{known["sid"]}","pid":"{known["pid"]}"}}' in frames


def test_offsets() -> None:
    server = recovering()
    socket, known = joined(server)
    assert (len(known["sid"]), len(known["pid"]), known["offset"]) == (20, 20, yeast(int(NOON * 1000)))
    assert socket.send('42["message",1]') == [f'42["message-back",1,"{known["offset"]}.0"]']
    assert socket.send('42["message",1]') == [f'42["message-back",1,"{known["offset"]}.1"]']
    server.after(0.001)
    assert socket.send('42["message",1]') == [f'42["message-back",1,"{yeast(int(NOON * 1000) + 1)}"]']


def test_no_offset_where_nothing_is_kept() -> None:
    socket, _ = joined(recovering())
    assert socket.send('42["ask",1]') == ['420["question",1]']
    assert socket.send('42["volatile",1]') == ['42["v",1]']
    assert socket.send('421["message-with-ack",1]') == ["431[1]"]


def test_yeast() -> None:
    assert [yeast(n) for n in (0, 63, 64, 1767225600000)] == ["0", "_", "10", "PjssgW0"]


def test_what_was_missed_comes_before_the_join() -> None:
    server = recovering()
    socket, known = joined(server)
    old = conn(server)
    socket.close(1006)
    do(server, Send((old,), Message("late", (1,))))
    do(server, Send((old,), Message("late", (b"x",))))
    do(server, Send((old,), Message("asked"), ack="a"))
    do(server, Send((old,), Message("volatile"), volatile=True))
    frames = back(server, known)
    now = yeast(int(NOON * 1000))
    assert frames[:3] == [f'42["late",1,"{now}.0"]', f'451-["late",{HOLE},"{now}.1"]', b"x"]
    assert frames[3:] == [f'40{{"sid":"{known["sid"]}","pid":"{known["pid"]}"}}']
    assert server.rules.all(Knocked)[-1].recovers is old
    assert server.rules.all(Closed) == [Closed(old, 1006)]
    do(server, Send((old,), Message("nobody")))
    assert conn(server) is not old


def test_it_can_be_done_again_and_again() -> None:
    server = recovering()
    socket, known = joined(server)
    for _ in range(3):
        socket.close()
        server.after(90)
        socket = server.socket()
        socket.got()
        assert is_recovered(socket.send(f'40{{"pid":"{known["pid"]}","offset":"{known["offset"]}"}}'), known)
        do(server, Send((conn(server),), Message("n")))
        known["offset"] = json.loads(str(socket.got()[-1])[2:])[-1]


@pytest.mark.parametrize(("seconds", "recovered"), [(119.9, True), (120.1, False)])
def test_two_minutes(seconds: float, recovered: bool) -> None:
    server = recovering()
    socket, known = joined(server)
    socket.close()
    server.after(seconds)
    assert is_recovered(back(server, known), known) is recovered


def test_an_event_is_known_until_a_sweep() -> None:
    """A quiet connection: its last event is forgotten by the first sweep that finds it older than two minutes."""
    for seconds, recovered in ((179.0, True), (181.0, False)):
        server = Server(Settings(EngineSettings(ping_interval=1000), recovery=Recovery()))
        server.after(0.5)
        socket, known = joined(server)
        server.after(seconds)
        socket.close()
        assert is_recovered(back(server, known), known) is recovered, seconds


@pytest.mark.parametrize(
    "auth",
    [
        {"pid": "x", "offset": "y"}, {"pid": 1}, {"offset": "y"}, {"pid": "$", "offset": "y"}, {"pid": "$"},
        {"pid": "$", "offset": 1}, {"pid": ["$"], "offset": "y"},
    ],
)  # fmt: skip
def test_not_recovered(auth: dict[str, Any]) -> None:
    server = recovering()
    socket, known = joined(server)
    socket.close()
    auth = {key: known["pid"] if value == "$" else value for key, value in auth.items()}
    socket = server.socket()
    socket.got()
    frames = socket.send(f"40{json.dumps(auth)}")
    assert not is_recovered(frames, known)
    assert server.rules.all(Knocked)[-1].recovers is None
    assert str(frames[-1]).startswith('42["auth"')


def test_a_private_id_is_good_for_its_own_namespace() -> None:
    server = recovering()
    socket, known = joined(server)
    socket.close(1006)
    frames = "".join(map(str, back(server, known, "40/custom,")))
    assert "40/custom," in frames
    assert known["sid"] not in frames
    assert is_recovered(back(server, known), known)


def test_another_namespace_is_not_recovered() -> None:
    server = recovering()
    socket, known = joined(server)
    socket.close()
    assert not is_recovered(back(server, known, "40/custom,"), known)


@pytest.mark.parametrize("last", ["41", "abc", '42["leave"]', '42["kick"]'])
def test_who_left_in_order_does_not_come_back(last: str) -> None:
    server = recovering()
    socket, known = joined(server)
    socket.send(last)
    assert not is_recovered(back(server, known), known)


@pytest.mark.parametrize("last", ["4x", "2", "1"])
def test_who_broke_the_protocol_may(last: str) -> None:
    server = recovering()
    socket, known = joined(server)
    assert socket.send(last) == ["shut"]
    assert is_recovered(back(server, known), known)


def test_after_a_shutdown() -> None:
    server = recovering()
    _, known = joined(server)
    server.take(Drain())
    assert is_recovered(back(server, known), known)


def test_only_so_many_are_remembered() -> None:
    server = recovering(most_away=2)
    known = []
    for i in range(3):
        socket, who = joined(server, f'{{"i":{i}}}')
        known.append(who)
        socket.close()
    assert [is_recovered(back(server, who), who) for who in known] == [False, True, True]


def test_the_door_decides_about_who_comes_back() -> None:
    server = recovering()
    socket, known = joined(server)
    socket.close()
    later(server)
    socket = server.socket()
    socket.got()
    auth = f'40{{"pid":"{known["pid"]}","offset":"{known["offset"]}"}}'
    assert socket.send(auth) == []
    do(server, Refuse(server.rules.all(Knocked)[-1].conn, {"message": "no"}))
    assert socket.got() == ['44{"message":"no"}']
    other = server.socket()
    other.got()
    other.send(auth)
    socket.send(auth)
    one, two = (knocked.conn for knocked in server.rules.all(Knocked)[-2:])
    do(server, Accept(one))
    do(server, Accept(two))
    assert is_recovered(other.got(), known)
    [frame] = socket.got()
    assert str(frame).startswith("40")
    assert len(server.rules.all(Opened)) == 3
    server.take(Drain())
    server.after(200)
    assert server.engine.next_due() is None


# ---- the log


def test_a_log_has_an_end() -> None:
    log = Log(Recovery(most_events=2), 0.0, Kept())
    for i in range(3):
        log.add(1.0, str(i), (f"f{i}",))
    assert [log.missed(1.0, str(i)) for i in range(3)] == [None, ["f2"], []]
    log = Log(Recovery(most_characters=10), 0.0, Kept())
    for i in range(3):
        log.add(1.0, str(i), ("12345",))
    assert [log.missed(1.0, str(i)) for i in range(3)] == [None, ["12345"], []]
    log.add(1.0, "big", ("x" * 11,))
    assert log.missed(1.0, "big") is None


def test_all_logs_together_have_an_end() -> None:
    every, limits = Kept(), Recovery(most_in_all=100)
    logs = [Log(limits, 0.0, every) for _ in range(5)]
    for log in logs:
        log.add(1.0, "a", ("x" * 20,))
    assert [log.missed(1.0, "a") is None for log in logs] == [False] * 5
    logs[4].add(1.0, "b", ("y",))
    assert [log.missed(1.0, "a") is None for log in logs] == [True, True, True, False, False], "the first go first"
    assert every.size == 41
    logs[0].add(1.0, "c", ("z" * 60,))
    assert [log.missed(1.0, "c") for log in logs[:1]] == [None], "it came last, and is too long all the same"
    assert every.size == 0


def test_what_is_kept_for_nobody_is_kept_no_longer() -> None:
    server = recovering()
    kept = server.wire._door._kept
    gone, known = joined(server)
    goodbye, _ = joined(server)
    assert kept.size > 0
    goodbye.send("41")
    gone.close()
    size = kept.size
    assert is_recovered(back(server, known), known)
    assert kept.size == size, "it goes over to who comes back"
    server.sockets[server.calls].close()
    server.after(121)
    assert (kept.size, kept._logs) == (0, {})


def test_a_room_of_many_is_not_kept_for_each_without_end() -> None:
    server = recovering(most_in_all=10_000)
    sockets = [joined(server)[0] for _ in range(10)]
    for number in range(50):
        do(server, Send((*server.rules.present,), Message("news", ("x" * 500, number))))
        assert server.wire._door._kept.size <= 10_000
    assert all(len(socket.got()) == 50 for socket in sockets)


def test_a_log_forgets_at_sweeps() -> None:
    log = Log(Recovery(), 0.0, Kept())
    log.add(30.0, "a", ("a",))
    assert log.missed(179.0, "a") == []
    assert log.missed(180.0, "a") is None
    log.add(180.0, "b", ("b",))
    assert len(log._events) == 1

"""The client's half of a tape, played without a network: what goes out when, and with which ids."""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time
from typing import Any

import pytest

from simulator import backends
from simulator.cassette.entries import Beside, Closed, Entry, Exchange, Lost, Refused, TapedRequest, TapedResponse
from simulator.core.message import Frame, Response
from simulator.core.wire import Attached, Drop, Got, Shut, Write
from simulator.drive.bound import Bound
from simulator.drive.orders import Answered, Dial, Failed, Fetch, Gone, Order, Over
from simulator.drive.outcome import Manner
from simulator.drive.play import Play
from simulator.drive.script import script
from simulator.drive.target import Target
from simulator.drive.verdict import verdict
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said

LIVE = "itlu4O6ZE4ZZc07Y5rHxcLoQ"
TAPED = "65vbbDAQCdPdEWlEhDGy4utO"


class Server:
    """Stands in for the network, at an instant that the test chooses."""

    def __init__(self, entries: Sequence[Entry], backend: str | None = "chip", **manner: Any) -> None:
        self.backend = None if backend is None else backends.load(backend)
        # Lines are what messages are known by.
        self.script = script(tapes.tape(*entries, backend=backend), self.backend)
        volatile = frozenset[str]() if self.backend is None else self.backend.volatile
        target = Target("http://h", manner.pop("headers", ()), manner.pop("query", ()))
        bound = Bound(volatile, manner.pop("bind", {}))
        self.play = Play(self.script, target, bound, Manner(**{"settle": 0.0, **manner}), self.backend)
        self.now = 100.0
        self.orders: list[Order] = self.play.begin(self.now)

    def took(self) -> list[Order]:
        """What was ordered since the last look."""
        taken, self.orders = self.orders, []
        return taken

    def texts(self) -> list[Any]:
        orders = self.took()
        assert all(isinstance(order, Write) for order in orders), orders
        return [order.item.data for order in orders if isinstance(order, Write) and isinstance(order.item, Frame)]

    def tell(self, news: Any) -> None:
        self.orders += self.play.take(news, self.now)

    def opened(self) -> int:
        [dial] = self.took()
        assert isinstance(dial, Dial)
        self.tell(Attached(dial.call, dial.call))
        return dial.call

    def said(self, data: str | bytes, link: int = 1) -> None:
        self.tell(Got(link, Frame(data)))

    def later(self, seconds: float) -> None:
        """Time passes, as far as somebody waits for it."""
        until = self.now + seconds
        while (due := self.play.next_due()) is not None and due <= until:
            self.now = due
            self.orders += self.play.pass_time(due)
        self.now = until

    def rows(self, **more: Any) -> list[str]:
        made = verdict(self.script, self.play.outcome, self.backend, **more)
        return [f"{row.outcome} {row.name}" for row in made.rows]


def started(chat: str = LIVE) -> str:
    return f'{{"type":"chat_started","chat_id":"{chat}"}}'


def out(number: int, text: str = "You said: hello") -> str:
    return (
        f'{{"type":"chat_out","msg_out":{{"id":{number},"text":"{text}","origin":"flow",'
        '"time":"2026-05-01T17:15:30.123456Z"}}'
    )


def test_a_message_follows_what_it_followed() -> None:
    server = Server(tapes.chip())
    [dial] = server.took()
    assert dial == Dial(1, f"http://h{tapes.CHIP}", ())
    server.tell(Attached(1, 1))
    assert server.texts() == ['{"type":"start_chat"}']
    server.later(5)
    assert server.took() == []
    server.said(started())
    assert server.texts() == ['{"type":"send_msg","text":"hello"}']
    server.said(out(77))
    # The number that this server gave the message.
    write, *rest = server.took()
    assert isinstance(write, Write)
    assert write.item == Frame('{"type":"ack_chat","msg_id":77}')
    assert rest == [Shut(1, 1000, ""), Over()]
    assert server.play.over
    assert server.rows() == ["matched chat_started", "matched chat_out"]
    assert server.rows(exact=True) == ["matched chat_started", "matched chat_out"]


def test_what_does_not_come_is_waited_for_as_long_as_on_the_tape_and_the_timeout() -> None:
    server = Server(tapes.chip(), timeout=10.0)
    server.opened()
    server.texts()
    server.said(started())
    server.texts()
    # On the tape the answer took 1.5 s.
    server.later(11.4)
    assert server.took() == []
    server.later(0.2)
    write, *_ = server.took()
    assert isinstance(write, Write)
    assert write.item == Frame('{"type":"ack_chat","msg_id":34634}')
    server.later(1)
    assert server.rows() == ["matched chat_started", "missing chat_out"]


def test_many_that_do_not_come_are_waited_for_once() -> None:
    many = [said("server", out(number), 1.0 + number / 100) for number in range(20)]
    server = Server([opened(), *many, said("client", '{"type":"start_chat"}', 2.0), closed()], timeout=10.0)
    server.opened()
    server.later(11.3)
    assert [type(order) for order in server.took()][:1] == [Write]


def test_late_is_better_than_never() -> None:
    server = Server(tapes.chip(), timeout=1.0)
    server.opened()
    server.later(1.2)
    assert server.texts() == ['{"type":"start_chat"}', '{"type":"send_msg","text":"hello"}']
    server.said(started())
    server.said(out(77))
    server.later(2)
    assert server.rows() == ["matched chat_started", "matched chat_out"]


def test_the_times_of_the_tape() -> None:
    server = Server(tapes.chip(), recorded=True)
    server.opened()
    assert server.took() == []
    server.later(0.1)
    assert server.texts() == ['{"type":"start_chat"}']
    server.said(started())
    assert server.took() == []
    server.later(0.8)
    assert server.took() == []
    server.later(0.11)
    assert server.texts() == ['{"type":"send_msg","text":"hello"}']


def test_what_is_not_on_the_tape() -> None:
    server = Server(tapes.chip())
    server.opened()
    server.said('{"type":"survey"}')
    server.said("no JSON")
    server.said(started())
    server.said(out(77))
    server.later(1)
    assert server.rows() == [
        "unexpected survey", "unexpected (unreadable)", "matched chat_started", "matched chat_out",
    ]  # fmt: skip


def test_who_left_at_once_does_not_know_what_came_then() -> None:
    server = Server([*tapes.chip()[:-1], closed(2.61)], settle=0.1)
    server.opened()
    server.said(started())
    server.said(out(77))
    server.said('{"type":"survey"}')
    server.later(1)
    assert server.rows() == ["matched chat_started", "matched chat_out"]
    assert [one.name for one in server.play.outcome.after] == ["survey"]


def test_a_place_among_the_others_counts_when_asked() -> None:
    two: list[Entry] = [said("server", started(TAPED), 1.0), said("server", out(34634), 1.1), closed()]
    server = Server([opened(), *two])
    server.opened()
    server.said(out(77))
    server.said(started())
    server.later(1)
    assert sorted(server.rows()) == ["matched chat_out", "moved chat_started"]
    made = verdict(server.script, server.play.outcome, server.backend)
    assert made.drifted == []
    assert len(verdict(server.script, server.play.outcome, server.backend, exact=True).drifted) == 1


# ---- ends ----


def test_the_server_ends_it_as_on_the_tape() -> None:
    entries: list[Entry] = [opened(), said("client", '{"type":"start_chat"}'), Closed(2.0, 1, 4001, "bye", "server")]
    server = Server(entries)
    server.opened()
    server.texts()
    server.tell(Gone(1, 4001, "bye"))
    server.later(1)
    assert server.rows(exact=True) == ["matched (close)"]
    server = Server(entries)
    server.opened()
    server.tell(Gone(1, 1001, "bye"))
    server.later(1)
    assert server.rows() == ["changed (close)"]


def test_an_end_in_the_middle_is_waited_for_no_longer() -> None:
    server = Server(tapes.chip())
    server.opened()
    server.texts()
    server.tell(Gone(1, 1006))
    server.later(1)
    assert server.play.over
    assert sorted(server.rows()) == [
        "missing chat_out", "missing chat_started", "not sent ack_chat", "not sent send_msg", "unexpected (close)",
    ]  # fmt: skip
    assert {*server.play.outcome.unsaid.values()} == {"the server had closed the connection, code 1006"}


@pytest.mark.parametrize(("code", "order"), [(1005, Shut(1, None, "")), (1006, Drop(1)), (4000, Shut(1, 4000, ""))])
def test_the_client_ends_as_on_the_tape(code: int, order: Order) -> None:
    server = Server([opened(), closed(code=code)])
    server.opened()
    server.later(1)
    assert server.took()[0] == order


def test_a_refusal_that_was_on_the_tape() -> None:
    response = TapedResponse(400, (), '{"error":"no such channel"}')
    server = Server([Refused(0.0, 1, "/wc/connect/x/", (), response)])
    server.took()
    server.tell(Answered(1, Response(400, (), b'{"error":"inactive"}')))
    server.later(1)
    assert (server.rows(), server.play.outcome.reached) == (["matched (refused)"], True)
    server = Server([Refused(0.0, 1, "/wc/connect/x/", (), response)])
    server.tell(Answered(1, Response(403, (), b'{"error":"no such channel"}')))
    server.later(1)
    assert server.rows() == ["changed (refused)"]
    server = Server([Refused(0.0, 1, "/wc/connect/x/", (), response)])
    server.tell(Attached(1, 1))
    server.later(30)
    assert server.rows() == ["missing (refused)"]


def test_where_nothing_goes_nothing_more_is_tried() -> None:
    server = Server([*tapes.chip(), opened(conn=2, at=10.0)])
    server.took()
    server.tell(Failed(1, "nobody there"))
    assert server.play.over
    assert (server.play.outcome.reached, server.play.outcome.down) == (False, "nobody there")
    assert [type(order) for order in server.took()] == [Over]


def test_a_second_connection_that_fails_is_drift() -> None:
    second: list[Entry] = [opened(conn=2, at=10.0), said("client", '{"type":"start_chat"}', 11.0, conn=2)]
    server = Server([opened(), closed(), *second])
    server.opened()
    server.later(1)
    server.took()
    server.tell(Failed(2, "nobody there"))
    server.later(1)
    assert server.rows() == ["not sent start_chat"]
    assert [*server.play.outcome.unsaid.values()] == ["nobody there"]


# ---- HTTP ----


def exchange(path: str = "/upload", at: float = 2.0, number: int = 5, body: Any = '{"a":1}', **more: Any) -> Exchange:
    request = TapedRequest(
        "POST", path, (("Content-Type", "application/json"), ("Host", "old")), more.get("sent", "{}")
    )
    return Exchange(at, number, 0.5, request, TapedResponse(more.get("status", 200), (), body))


def test_requests_are_made_at_their_place() -> None:
    server = Server([opened(), exchange(), closed()])
    server.opened()
    [fetch] = server.took()
    assert fetch == Fetch(2, "POST", "http://h/upload", (("Content-Type", "application/json"),), b"{}", 10.5)
    server.tell(Answered(2, Response(201, (), b'{"a":"x","b":2}')))
    server.later(1)
    made = verdict(server.script, server.play.outcome)
    [row] = made.rows
    assert (row.name, row.outcome) == ("answer to POST /upload", "changed")
    assert [(change.path, change.what) for change in row.changes] == [
        ("body.a", 'number became text: 1, "x"'), ("body.b", "new, 2"), ("status", "200 became 201"),
    ]  # fmt: skip
    name = "answer to POST /upload"
    assert server.rows(ignored=[f"{name}.body", f"{name}.status"]) == [f"matched {name}"]


def test_a_url_that_the_server_told_is_gone_to() -> None:
    first = exchange(
        "/get-url", 1.0, 5, '{"url":"https://cdn.old/put/a1b2?X-Sig=redacted","at":"https://cdn.old/put/a1b2"}'
    )
    put = TapedRequest("PUT", "/put/a1b2?X-Sig=redacted", (("X-Key", "k"),), b"\x89png")
    server = Server([first, Exchange(2.0, 6, 0.1, put, TapedResponse(200))], headers=[("X-Token", "mine")])
    [fetch] = server.took()
    assert isinstance(fetch, Fetch)
    assert ("X-Token", "mine") in fetch.headers
    server.tell(Answered(1, Response(200, (), b'{"url":"https://cdn.new/b/c3?sig=1","at":"https://cdn.new/b/c3"}')))
    [fetch] = server.took()
    assert isinstance(fetch, Fetch)
    assert (fetch.url, fetch.body) == ("https://cdn.new/b/c3?sig=1", b"\x89png")
    # The operator's secrets are for his own server.
    assert fetch.headers == (("X-Key", "k"),)


def test_polls_of_a_session_that_was_are_not_asked_again() -> None:
    server = Server([opened(), exchange("/socket.io/?EIO=4&transport=polling&sid=old", status=400), closed()])
    server.opened()
    assert [type(order) for order in server.took()] == [Shut, Over]


def test_a_body_that_was_not_kept() -> None:
    server = Server([opened(), exchange(sent=Beside(None, 10**9, "0" * 64)), closed()])
    server.opened()
    server.later(1)
    assert server.rows() == ["missing answer to POST /upload", "not sent POST /upload"]


@pytest.mark.parametrize("levels", [150, 300, 600, 1000])
def test_a_body_that_is_too_deep_to_be_compared_is_a_text(levels: int) -> None:
    """As messages are that are so: nobody means them, and the same is the same all the same."""
    deep = "[" * levels + "]" * levels
    for live, told in ((deep, "matched"), (deep.replace("[]", "[1]"), "changed" if levels < 200 else "matched")):
        server = Server([exchange(body=deep)], backend=None)
        [fetch] = server.took()
        assert isinstance(fetch, Fetch)
        server.tell(Answered(fetch.call, Response(200, (), live.encode())))
        server.later(30)
        assert server.rows() == [f"{told} answer to POST /upload"]


def test_a_request_without_an_answer() -> None:
    server = Server([opened(), exchange(), closed()])
    server.opened()
    server.took()
    server.tell(Failed(2, "no answer from http://h/upload within 10.5 s"))
    server.later(1)
    assert server.rows() == ["changed answer to POST /upload"]
    assert server.play.outcome.notes[0][1].startswith("no answer")


# ---- Socket.IO ----


def polls(server: Server) -> list[Order]:
    return [order for order in server.took() if not isinstance(order, Over)]


def session(*entries: Entry, pid: str = "pIdPidPid1234567") -> list[Entry]:
    return [
        opened("/socket.io/?EIO=4&transport=websocket&app=7&t=Nx1"),
        said("server", '0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":[],"pingInterval":25000,"pingTimeout":20000}', 0.1),
        said("client", '40{"token":"t"}', 0.2),
        said("server", f'40{{"sid":"oSO0OpakMV_3jnilAAAC","pid":"{pid}"}}', 0.3),
        *entries,
    ]


OPEN = '0{"sid":"live-sid","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'


def test_a_session_of_socket_io() -> None:
    question = said("server", '425["how?",{"x":1}]', 1.0)
    answer = said("client", '435["well"]', 2.0)
    server = Server(
        session(question, answer, said("server", "2", 2.5), said("client", "3", 2.5), closed()), backend=None
    )
    [dial] = server.took()
    assert isinstance(dial, Dial)
    assert dial.url == "http://h/socket.io/?EIO=4&transport=websocket&app=7"
    server.tell(Attached(dial.call, 1))
    assert server.took() == []
    server.said(OPEN)
    assert server.texts() == ['40{"token":"t"}']
    server.said("2")
    assert server.texts() == ["3"]
    server.said('40{"sid":"other","pid":"another-pid-12345"}')
    # The server counts its questions anew.
    server.said('420["how?",{"x":2}]')
    assert isinstance(write := server.took()[0], Write)
    assert write.item == Frame('430["well"]')
    server.later(1)
    assert server.rows() == ["matched connect", "matched how?"]


@pytest.mark.parametrize("leave", ["41", "1"], ids=["the namespace", "the session"])
@pytest.mark.parametrize("comes", [False, True], ids=["too late", "in time"])
def test_what_was_on_its_way_when_the_client_left(leave: str, comes: bool) -> None:
    """An answer to a poll stands on the tape when it came, what the client posted when it went: these may cross."""
    tape = session(
        said("client", '42["hello"]', 1.0),
        said("server", '42["hello"]', 1.1),
        said("client", leave, 1.2),
        said("server", '42["delivered"]', 1.201),
        said("client", "40/other,", 1.3),
        said("server", '40/other,{"sid":"oSO0OpakMV_3jnilAAAD"}', 1.4),
        closed(),
    )
    server = Server(tape if leave == "41" else [*tape[:-3], tape[-1]], backend=None, settle=0.1)
    server.opened()
    for text in (OPEN, '40{"sid":"other","pid":"another-pid-12345"}'):
        server.said(text)
    server.said('42["hello"]')
    if comes:
        server.said('42["delivered"]')
    if leave == "41":
        assert server.texts()[-2:] == ["41", "40/other,"]
        server.said('40/other,{"sid":"another"}')
    server.later(1)
    assert server.play.over
    expected = ["connect", "hello", *(["delivered"] if comes else []), *(["connect"] if leave == "41" else [])]
    assert server.rows() == [f"matched {name}" for name in expected]


def test_what_crossed_and_does_not_come_is_not_waited_for() -> None:
    """Behind the last answer that has to come, what comes besides stands apart."""
    tape = session(
        said("client", "40/a,", 1.0),
        said("server", '40/a,{"sid":"oSO0OpakMV_3jnilAAAD"}', 1.1),
        said("client", "41/a,", 1.2),
        said("server", '42/a,["crossed"]', 1.201),
        said("client", '42["x"]', 1.3),
        said("server", '42["answer"]', 1.35),
        closed(1.4),
    )
    server = Server(tape, backend=None, settle=0.1)
    server.opened()
    for text in (OPEN, '40{"sid":"other","pid":"another-pid-12345"}', '40/a,{"sid":"another"}'):
        server.said(text)
    server.said('42["answer"]')
    server.said('42["besides"]')
    server.later(1)
    assert server.play.over
    assert server.rows() == ["matched connect", "matched connect", "matched answer"]


def test_who_comes_back_hears_what_is_said_to_him() -> None:
    back = said("server", '40{"sid":"oSO0OpakMV_3jnilAAAD"}', 1.3), said("server", '42["welcome"]', 1.4)
    server = Server(session(said("client", "41", 1.0), said("client", "40", 1.2), *back, closed()), backend=None)
    server.opened()
    for text in (OPEN, '40{"sid":"other","pid":"another-pid-12345"}', '40{"sid":"third"}'):
        server.said(text)
    server.later(30)
    assert server.rows() == ["matched connect", "matched connect", "missing welcome"]


@pytest.mark.parametrize(
    ("taped", "live"),
    [
        ("pIdPidPid1234567", "another-pid-12345"),
        # Of Node's ids one in twelve has no digit, of what redaction puts there one in fifty.
        ("redactedo3rkzmen6vmw", "pP-NgitSPCdyueYhAAAA"),
        ("GGCVDqCbaCTDCrvdAAAB", "k04JYROSRHKE0IZAAAAA"),
        ("redactedqwertyuiopas", "not-to-be-told-from-a-word"),
    ],
)
def test_a_session_goes_on_by_what_it_was_told(taped: str, live: str) -> None:
    back: list[Entry] = [
        said("server", '42["news",1,"offset-taped-01"]', 0.5),
        closed(1.0, code=1006),
        opened("/socket.io/?EIO=4&transport=websocket", 2.0, 2),
        said("server", OPEN, 2.1, 2),
        said("client", f'40{{"pid":"{taped}","offset":"offset-taped-01"}}', 2.2, 2),
    ]
    server = Server(session(*back, pid=taped), backend=None)
    server.tell(Attached(1, 1))
    server.said(OPEN)
    server.said(f'40{{"sid":"other","pid":"{live}"}}')
    server.took()
    server.said('42["news",1,"offset-live-0001"]')
    server.later(1)
    [*_, dial] = server.took()
    assert isinstance(dial, Dial)
    server.tell(Attached(dial.call, 2))
    server.said(OPEN, 2)
    write, *_ = server.took()
    assert isinstance(write, Write)
    assert write.item == Frame(f'40{{"pid":"{live}","offset":"offset-live-0001"}}')


def test_what_is_ignored_and_was_never_said_is_told() -> None:
    server = Server(tapes.chip())
    server.opened()
    server.said(started())
    server.said(out(77))
    paths = ["chat_started", "chat_out.msg_out.text", "*.origin", "chat_outt", "chat_out.msg_out.mood", "send_msg.text"]
    made = verdict(server.script, server.play.outcome, server.backend, ignored=paths)
    assert [row.outcome for row in made.rows] == ["matched"]
    assert made.notes == [
        (0, "--ignore *.origin: no message of the server's has such a value, neither on the tape nor now"),
        (
            0,
            "--ignore chat_outt: the server says no such message, neither on the tape nor now; the nearest is chat_out",
        ),
        (0, "--ignore chat_out.msg_out.mood: no message of the server's has such a value, neither on the tape nor now"),
        (0, "--ignore send_msg.text: the server says no such message, neither on the tape nor now"),
    ]


def test_a_burst_is_heard_in_no_time() -> None:
    """Node's server hangs up on who does not answer its ping meanwhile."""
    count = 2_000
    burst = [said("server", f'42["tick",{i},"Q8VovVm.{i:03d}"]', 0.5) for i in range(count)]
    server = Server(session(*burst, closed()), backend=None)
    server.opened()
    server.said(OPEN)
    server.said('40{"sid":"other","pid":"another-pid-12345"}')
    began = process_time()
    for i in range(count):
        server.said(f'42["tick",{i},"Q8WXyZm.{i:03d}"]')
    # 0.15 s; with a pattern of all that is bound, made anew with each, it was 20.
    assert process_time() - began < 2.0
    server.later(1)
    assert {*server.rows()} == {"matched connect", "matched tick"}


@pytest.mark.parametrize(
    ("again", "sids", "told"),
    [
        ("oSO0OpakMV_3jnilAAAC", ("one", "one"), []),
        ("oSO0OpakMV_3jnilAAAC", ("one", "two"), ["sid: a session that went on became a new one"]),
        ("bX1_OpakMV_3jnilAAAE", ("one", "two"), []),
        ("bX1_OpakMV_3jnilAAAE", ("one", "one"), ["sid: a new one became a session that went on"]),
    ],
)
def test_whether_a_session_went_on_is_told(again: str, sids: tuple[str, str], told: list[str]) -> None:
    back: list[Entry] = [
        closed(1.0, code=1006),
        opened("/socket.io/?EIO=4&transport=websocket", 2.0, 2),
        said("server", OPEN, 2.1, 2),
        said("client", '40{"pid":"pIdPidPid1234567","offset":"Q8VovVm"}', 2.2, 2),
        said("server", f'40{{"sid":"{again}","pid":"pIdPidPid1234567"}}', 2.3, 2),
    ]
    server = Server(session(*back), backend=None)
    for link, sid in enumerate(sids, 1):
        server.later(1)
        server.opened()
        server.said(OPEN, link)
        server.said(f'40{{"sid":"{sid}","pid":"another-pid-12345"}}', link)
        server.orders = [order for order in server.orders if isinstance(order, Dial)]
    server.later(1)
    changes = [
        f"{change.path}: {change.what}"
        for row in verdict(server.script, server.play.outcome).rows
        for change in row.changes
    ]
    assert changes == told
    assert server.rows(ignored=["connect.sid"]) == ["matched connect", "matched connect"]


def test_a_session_is_cut_as_on_the_tape() -> None:
    server = Server(session(closed(1.0, code=1006), opened(conn=2, at=1.05)), backend=None, settle=0.1)
    server.tell(Attached(1, 1))
    server.said(OPEN)
    server.said('40{"sid":"other","pid":"another-pid-12345"}')
    server.took()
    server.later(0.101)
    assert server.took() == [Drop(1)]
    # Whoever was left has to notice it first.
    server.later(0.048)
    assert server.took() == []
    server.later(0.003)
    assert [type(order) for order in server.took()] == [Dial]


def test_urls_of_the_server_have_todays_address() -> None:
    bound = Bound(servers=("http://old:8090", "https://new"))
    assert (
        bound.to_live('{"url":"http://old:8090/a","b":"http://old:80901/"}')
        == '{"url":"https://new/a","b":"http://old:80901/"}'
    )
    bound.pair("x", ["https://cdn.old/p?sig=1"], ["https://cdn.new/q?sig=2"])
    assert bound.to_live('"https://cdn.old/r"') == '"https://cdn.new/r"'


def test_polls_and_the_upgrade_are_the_sessions_own() -> None:
    server = Server(tapes.socketio(), backend=None, transports=("polling",))
    [fetch] = server.took()
    assert isinstance(fetch, Fetch)
    assert (fetch.method, fetch.url, fetch.seconds) == ("GET", "http://h/socket.io/?EIO=4&transport=polling", None)
    server.tell(Answered(1, Response(200, (), OPEN.encode())))
    get, post = server.took()
    assert isinstance(get, Fetch)
    assert isinstance(post, Fetch)
    assert (get.method, post.method, post.body) == ("GET", "POST", b'40/admin,{"token":"t"}')
    server.tell(Answered(post.call, Response(200, (), b"ok")))
    [post] = server.took()
    assert isinstance(post, Fetch)
    assert post.body == b"40"


def test_a_server_of_another_kind_at_the_first_poll() -> None:
    server = Server(tapes.socketio(), backend=None)
    server.took()
    server.tell(Answered(1, Response(404, (), b"not found")))
    assert server.play.over
    assert server.play.outcome.down == "the handshake was answered with HTTP 404"


def test_a_server_that_breaks_the_protocol_at_the_first_poll() -> None:
    server = Server(tapes.socketio(), backend=None)
    server.took()
    server.tell(Answered(1, Response(200, (), b"<html>")))
    assert server.play.over
    assert server.play.outcome.down == "not an Engine.IO packet"


# ---- Phoenix ----


@pytest.mark.parametrize(("join", "beat"), [
    ('["1","1","bot:b","phx_join",{}]', '[null,"beat","phoenix","heartbeat",{}]'),
    (
        '{"topic":"bot:b","event":"phx_join","payload":{},"ref":"1"}',
        '{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"beat"}',
    ),
])  # fmt: skip
def test_a_phoenix_client_has_a_heart(join: str, beat: str) -> None:
    entries: list[Entry] = [
        opened("/socket/websocket?vsn=2.0.0"),
        said("client", join, 0.1),
        said("client", '[null,"2","phoenix","heartbeat",{}]', 30.0),
        said("server", '[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]', 30.1),
        said("server", '["1","1","bot:b","phx_reply",{"status":"ok","response":{}}]', 100.0),
        closed(101.0),
    ]
    server = Server(entries, backend=None)
    server.opened()
    assert server.texts() == [join]
    server.later(60)
    assert server.texts() == [beat, beat]
    server.said('[null,"beat","phoenix","phx_reply",{"status":"ok","response":{}}]')
    server.said('["1","1","bot:b","phx_reply",{"status":"error","response":{}}]')
    server.later(1)
    assert server.rows() == ["changed phx_reply to phx_join"]


# ---- what the tape lacks ----


def test_what_cant_be_played_is_told() -> None:
    server = Server([said("server", "late", 0.5, 3), Lost(1.0, None, 2, "the disk was full"), opened(at=2.0)])
    notes = [what for _, what in server.play.outcome.notes]
    assert notes == [
        "connection 3 began before the recording, so nobody knows how: it is not played",
        "2 records are missing here: the disk was full",
    ]


def test_an_older_engine_io_is_told() -> None:
    server = Server([opened("/socket.io/?EIO=3&transport=websocket")], backend=None)
    assert [what for _, what in server.play.outcome.notes] == ["Engine.IO before version 4 is played as version 4"]
    [dial] = server.took()
    assert isinstance(dial, Dial)
    assert dial.url == "http://h/socket.io/?EIO=4&transport=websocket"


def test_placeholders_are_told_once_with_what_helps() -> None:
    secret = "redacted8f2k1m3n5p7q"
    headers = (("Authorization", f"Bearer {secret}"), ("Origin", "https://app.example.com"), ("Host", "old"))
    entries: list[Entry] = [
        opened(f"{tapes.CHIP}?token=redactedzzzzzzzzzz&x=1", headers=headers),
        said("client", '{"type":"start_chat","key":"redactedkkkkkkkkkk"}'),
        closed(),
    ]
    server = Server(entries)
    [dial] = server.took()
    assert isinstance(dial, Dial)
    assert dial.headers == (("Origin", "https://app.example.com"),)
    server.tell(Attached(1, 1))
    assert [what.partition(": ")[2] for _, what in server.play.outcome.notes] == [
        "--header Authorization=VALUE gives one",
        "--query token=VALUE gives one",
        "--bind redactedkkkkkkkkkk=VALUE gives it",
    ]
    given: dict[str, Any] = {
        "headers": [("authorization", "Bearer x")],
        "query": [("token", "a b")],
        "bind": {"redactedkkkkkkkkkk": "k"},
    }
    server = Server(entries, **given)
    [dial] = server.took()
    assert dial == Dial(
        1, f"http://h{tapes.CHIP}?token=a%20b&x=1",
        (("Origin", "https://app.example.com"), ("authorization", "Bearer x")),
    )  # fmt: skip
    server.tell(Attached(1, 1))
    assert isinstance(order := server.took()[0], Write)
    assert order.item == Frame('{"type":"start_chat","key":"k"}')
    assert server.play.outcome.notes == []

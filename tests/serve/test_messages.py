"""The journal by control call: pages, criteria, who waits, what is taken out, and what it costs; on all five backends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection
from typing import Any
from urllib.parse import quote

import pytest

from simulator.core.message import Frame, Ping
from simulator.core.space import Journal
from simulator.serve.admin import feed
from simulator.serve.app import Server
from tests.serve.clients import NAMES, TOPIC, all_five, client, says
from tests.served import SECONDS, admin

NAMED = {
    "chip": "send_msg",
    "concierge": "client/send-message",
    "aida": "utb_msg",
    "mia": "EVENT_CLIENT_SEND_MESSAGE",
    "chatbot": "send-message",
}
"""The name of what `says` says."""
BODY = {"chip": "text", "concierge": "messageContent", "aida": "text", "mia": "content", "chatbot": "content"}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with all_five() as simulator:
        yield simulator


async def call(server: Server, method: str, path: str, body: object = None) -> tuple[int, Any]:
    return await admin(server.url("chip"), method, path, body)


async def found(server: Server, **criteria: object) -> list[Any]:
    status, told = await call(server, "POST", "messages/find", criteria)
    assert status == 200, told
    return list(told["messages"])


@pytest.mark.parametrize("backend", NAMES)
async def test_a_message_is_waited_for(server: Server, backend: str) -> None:
    async with client(server, backend) as who:
        name = NAMED[backend]
        criteria = {"backend": backend, "sender": "client", "name": name, "body": {BODY[backend]: "It's me"}}
        waits = asyncio.create_task(call(server, "POST", "messages/wait", criteria))
        await waiting(server, 1)
        await who.send(says(backend, who.talk, "not me"))
        await who.send(says(backend, who.talk, "It's me"))
        status, told = await waits
        message = told["message"]
        assert (status, message["name"], message["args"][0][BODY[backend]]) == (200, name, "It's me")
        # One that has passed counts, unless only later ones are meant.
        assert await call(server, "POST", "messages/wait", criteria) == (200, told)
        for after in (message["number"], "now"):
            status, late = await call(server, "POST", "messages/wait", {**criteria, "after": after, "timeout": 0})
            assert (status, late["count"]) == (409, 0)
        assert await found(server, **criteria) == [message]
        assert message in await found(server, talk=who.talk, sender="client")
        both = {"name": name, "sender": "client"}
        status, counted = await call(server, "POST", "messages/wait-for-count", {**both, "count": 2})
        assert (status, counted["count"], counted["messages"][1]) == (200, 2, message)
        assert await call(server, "POST", "messages/count", both) == (200, {"count": 2})
        status, late = await call(server, "POST", "messages/wait-for-count", {**both, "count": 3, "timeout": 0})
        assert (status, late["count"]) == (409, 2)
        assert late["error"].startswith('2 of 3 messages within 0 s: looked for sender "client", name ')


def unread(server: Server) -> None:
    """Let whoever asks read the journal anew."""
    server.spaces.default.feed = None


def lines(server: Server) -> Collection[object]:
    """What was read of it."""
    at = server.spaces.default.feed
    assert at is not None
    return at.reading.lines


async def waiting(server: Server, many: int, space: str = "") -> None:
    """Until so many wait."""
    async with asyncio.timeout(SECONDS):
        while (at := server.spaces.named(space).feed) is None or at.busy != many:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_what_came_nearest(server: Server) -> None:
    async with client(server, "chip") as who:
        await who.send(says("chip", who.talk, "one"))
        await who.send('{"type":"set_email","email":"ann@example.com"}')
        sought = {"sender": "client", "name": "send_msg", "body": {"text": "two"}}
        status, told = await call(server, "POST", "messages/wait", {**sought, "timeout": 0.01})
    assert status == 409
    assert told["looked_for"] == sought
    assert told["nearest"]["raw"] == '{"type": "send_msg", "text": "one"}'
    assert told["missed"] == ['body: expected {"text":"two"}, got {"text":"one"}']
    assert told["error"] == (
        'no message within 0.01 s: looked for sender "client", name "send_msg", body {"text":"two"}; '
        'nearest is number 3: body: expected {"text":"two"}, got {"text":"one"}'
    )
    await call(server, "DELETE", "messages")
    status, told = await call(server, "POST", "messages/wait", {"timeout": 0})
    assert told["error"] == "no message within 0 s: looked for any message; nothing passed at all"


HELD: list[tuple[object, object, bool]] = [
    ({"a": 1, "b": 2}, {"a": 1}, True),
    ({"a": 1}, {"a": 1, "b": None}, False),
    ({"a": {"b": [1, {"c": 2, "d": 3}]}}, {"a": {"b": [1, {"c": 2}]}}, True),
    ([1, 2], [1], False),
    (1, True, False),
    (True, True, True),
    (1, 1.0, True),
    (None, None, True),
    ({}, {"a": 1}, False),
    ("x", {"a": 1}, False),
    ({"a": 1}, "x", False),
    ("x", ["x"], False),
]


async def test_a_body_has_at_least_this(server: Server) -> None:
    async with client(server, "mia") as who:
        for i, (got, wanted, holds) in enumerate(HELD):
            name = f"odd{i}"
            await who.send(f"42{json.dumps([name, got, 'second'])}")
            await call(server, "POST", "messages/wait", {"name": name})
            assert bool(await found(server, name=name, body=wanted)) is holds, wanted
            assert bool(await found(server, name=name, args=[wanted, "second"])) is holds, wanted
            assert await found(server, name=name, args=[wanted]) == []


async def test_criteria(server: Server) -> None:
    async with client(server, "chip") as one, client(server, "aida") as two:
        await one.send(says("chip", one.talk, "hello"))
        await one.send("nonsense")
        await two.send(says("aida", two.talk, "hello"))
        await call(server, "POST", "messages/wait-for-count", {"text": "hello", "sender": "client", "count": 2})
        first = (await found(server, backend="chip"))[0]["link"]
        for criteria, many in (
            ({}, 10),
            ({"text": "hello"}, 2),
            ({"pattern": 'h.llo"}$'}, 1),
            ({"link": first}, 4),
            ({"channel": str(first)}, 4),
            ({"channel": "999"}, 0),
            ({"talk": one.talk}, 4),
            ({"talk": two.talk, "text": "hello"}, 1),
            ({"talk": "nobody"}, 0),
            ({"violation": True}, 1),
            ({"violation": False, "sender": "client"}, 5),
            ({"kind": "ack"}, 0),
            ({"body": None}, 0),
            ({"topic": "bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60", "name": "utb_msg"}, 1),
            ({"after": 3, "backend": "chip"}, 2),
            ({"limit": 1}, 1),
        ):
            got = await found(server, **criteria)
            assert len(got) == many, criteria
            asked = "&".join(f"{key}={value}" for key, value in criteria.items() if key != "body")
            if "after" not in criteria and "body" not in criteria and "pattern" not in criteria:
                _, page = await call(server, "GET", f"messages?{asked}")
                assert len(page["messages"]) == many, asked


async def test_pages(server: Server) -> None:
    async with client(server, "chip") as who:
        for i in range(8):
            await who.send(says("chip", who.talk, str(i)))
        await call(server, "POST", "messages/wait", {"body": {"text": "7"}})
        for asked, numbers, more in (
            ("limit=3", [8, 9, 10], True),
            ("limit=3&before=8", [5, 6, 7], True),
            ("limit=3&before=3", [1, 2], False),
            ("limit=3&after=0", [1, 2, 3], True),
            ("limit=3&after=8", [9, 10], False),
            ("limit=2&after=2&name=send_msg", [3, 4], True),
            ("after=2&before=5", [3, 4], False),
            ("limit=0", [], True),
        ):
            status, page = await call(server, "GET", f"messages?{asked}")
            assert (status, [line["number"] for line in page["messages"]], page["more"]) == (200, numbers, more), asked
            assert (page["total"], page["first"]) == (10, 1)
        assert [line["number"] for line in (await call(server, "GET", "messages/4"))[1]["messages"]] == [4]
        assert await call(server, "GET", "messages/11") == (404, {"error": "there is no frame 11; there are 1 to 10"})
        assert (await call(server, "GET", "messages/x"))[0] == 400


async def test_taken_out(server: Server) -> None:
    async with client(server, "chip") as who:
        for i in range(4):
            await who.send(says("chip", who.talk, str(i)))
        await call(server, "POST", "messages/wait", {"body": {"text": "3"}})
        assert await call(server, "POST", "messages/remove", {"name": "send_msg", "after": 3}) == (200, {"removed": 3})
        _, page = await call(server, "GET", "messages")
        assert [line["number"] for line in page["messages"]] == [1, 2, 3]
        # Who reads anew sees the same: what is gone is gone from the journal.
        unread(server)
        assert (await call(server, "GET", "messages"))[1] == page
        await who.send(says("chip", who.talk, "4"))
        status, told = await call(server, "POST", "messages/wait", {"after": 6})
        assert (status, told["message"]["number"]) == (200, 7)
        assert await call(server, "DELETE", "messages") == (200, {"removed": 4})
        assert await call(server, "GET", "messages") == (200, {"total": 7, "first": 8, "more": False, "messages": []})
        await who.send(says("chip", who.talk, "5"))
        status, told = await call(server, "POST", "messages/wait", {})
        assert (status, told["message"]["number"]) == (200, 8)


async def test_who_waits_through_a_reset(server: Server) -> None:
    async with client(server, "chip"):
        waits = asyncio.create_task(call(server, "POST", "messages/wait-for-count", {"name": "start_chat", "count": 2}))
        await waiting(server, 1)
        await call(server, "POST", "reset")
    async with client(server, "chip"), client(server, "chip"):
        status, told = await waits
        assert (status, [message["number"] for message in told["messages"]]) == (200, [1, 3])


async def test_who_waits_when_the_space_ends(server: Server) -> None:
    here = "X-Simulator-Space: a"
    url = server.url("chip")
    waits = asyncio.create_task(admin(url, "POST", "messages/wait", {}, here))
    await waiting(server, 1, "a")
    assert (await call(server, "DELETE", "spaces/a"))[0] == 200
    assert await waits == (409, {"error": "the space has ended meanwhile"})


async def test_who_waits_when_the_server_stops() -> None:
    async with all_five() as server:
        waits = asyncio.create_task(admin(server.url("chip"), "POST", "messages/wait", {"timeout": 600}))
        await waiting(server, 1)
    assert (await waits)[0] == 409


@pytest.mark.parametrize("journal", [1, 3])
async def test_a_small_journal_hides_nothing_from_who_waits(journal: int) -> None:
    async with all_five(journal=journal) as server:
        waits = asyncio.create_task(call(server, "POST", "messages/wait", {"name": "start_chat"}))
        await waiting(server, 1)
        async with client(server, "chip"):
            status, told = await waits
            assert (status, told["message"]["number"]) == (200, 1)
            _, page = await call(server, "GET", "messages")
            assert [line["number"] for line in page["messages"]] == [1, 2][-journal:]


async def test_a_journal_of_nothing() -> None:
    async with all_five(journal=0) as server, client(server, "chip"):
        assert await call(server, "GET", "messages") == (200, {"total": 2, "first": 3, "more": False, "messages": []})
        for method, path in (("POST", "messages/wait"), ("GET", "events")):
            status, told = await call(server, method, path, {} if method == "POST" else None)
            assert (status, told["error"]) == (
                409, "the journal keeps no frames here: serve with --journal N to wait for messages",
            )  # fmt: skip


async def test_there_is_room_for_so_many(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST", 3)
    waits = [asyncio.create_task(call(server, "POST", "messages/wait", {})) for _ in range(3)]
    await waiting(server, 3)
    status, told = await call(server, "POST", "messages/wait", {})
    assert (status, told["error"]) == (503, "3 wait for messages of this space already: let some of them go first")
    async with client(server, "chip"):
        assert {(status, told["message"]["number"]) for status, told in await asyncio.gather(*waits)} == {(200, 1)}
    await waiting(server, 0)


async def test_a_caller_who_goes_away_waits_no_longer(server: Server) -> None:
    waits = asyncio.create_task(call(server, "POST", "messages/wait", {"timeout": 600}))
    await waiting(server, 1)
    waits.cancel()
    await waiting(server, 0)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("find", {"title": "x"}, "title: there is no such key"),
    ("find", {"sender": "both"}, "sender: "),
    ("find", {"pattern": "("}, "pattern: expected a regular expression: "),
    ("find", {"limit": -1}, "limit: "),
    ("find", {"backend": "nobody"}, "backend: there is no 'nobody' here"),
    ("find", {"channel": "x"}, "channel: expected an id of GET /__admin/channels, got 'x'"),
    ("wait", {"after": -1}, "after: expected a number from 0 on, or now"),
    ("wait", {"timeout": 601}, "timeout: "),
    ("wait", {"count": 2}, "count: there is no such key"),
    ("wait-for-count", {}, "count: is missing"),
    ("wait-for-count", {"count": 0}, "count: "),
]


async def test_asked_wrongly(server: Server) -> None:
    for path, body, why in WRONG:
        status, told = await call(server, "POST", f"messages/{path}", body)
        assert (status, told["error"][: len(why)]) == (400, why)


# --- what it costs


async def test_the_longest_pattern_behind_the_question_mark_has_room_in_a_request_s_line(server: Server) -> None:
    """Four bytes of UTF-8, each three of a URL: what is longer than a line is refused by aiohttp, in its own words."""
    longest = quote("\U0001f600" * 500)
    assert (await call(server, "GET", f"messages?pattern={longest}"))[0] == 200
    status, told = await call(server, "GET", f"messages?pattern={'x' * 501}")
    assert (status, "pattern: " in told["error"]) == (400, True)
    assert (await call(server, "POST", "messages/find", {"pattern": "x" * 1000}))[0] == 200


async def test_fifty_thousand_frames_stay_within_the_bound(server: Server) -> None:
    """In number and in characters; reading them keeps nobody waiting for long."""
    journal = server.space.journal
    for i in range(50_000):
        journal.add(1767225600.0, "chip", 1, "client", Frame(f'{{"type":"send_msg","text":"{i} {"x" * 40}"}}'))
    assert (len(journal), journal.total, journal.first) == (10_000, 50_000, 40_001)
    longest, turns = 0.0, 0

    async def others() -> None:
        nonlocal longest, turns
        last = time.process_time()
        while True:
            await asyncio.sleep(0)
            now = time.process_time()
            longest, last, turns = max(longest, now - last), now, turns + 1

    beside = asyncio.create_task(others())
    _, told = await call(server, "POST", "messages/count", {"violation": False, "pattern": "^{.*x}?"})
    assert told == {"count": 10_000}
    _, page = await call(server, "GET", "messages?limit=100")
    assert [page["messages"][i]["number"] for i in (0, -1)] == [49_901, 50_000]
    beside.cancel()
    assert turns > 40
    # Some milliseconds of CPU, where all of it takes a hundred.
    assert longest < 0.1
    assert len(lines(server)) == 10_000
    # Nobody has to wait to be told what has passed, however much there is to look through.
    unread(server)
    status, told = await call(server, "POST", "messages/wait", {"text": "49999 x", "timeout": 0})
    assert (status, told["message"]["number"]) == (200, 50_000)
    for _ in range(200):
        journal.add(1767225600.0, "chip", 1, "client", Frame("y" * 1_000_000))
    assert len(journal) <= 34
    _, page = await call(server, "GET", "messages?limit=1")
    assert page["total"] == 50_200
    assert len(lines(server)) == len(journal)


async def test_frames_pay_nothing_when_nobody_waits(server: Server) -> None:
    journal = server.space.journal
    bare = journal._append
    waits = asyncio.create_task(call(server, "POST", "messages/wait", {}))
    await waiting(server, 1)
    assert journal._append is not bare
    async with client(server, "chip"):
        await waits
    await waiting(server, 0)
    assert journal._append == bare


async def test_what_was_read_is_let_go(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with client(server, "chip"):
        assert len(await found(server)) == 2
        at = server.spaces.default.feed
        assert at is not None
        before = at.reading
        at._used = -1e9
        at._rest()
        assert at.reading is not before
        assert len(at.reading.lines) == 0
        assert len(await found(server)) == 2


def test_a_journal_in_parts() -> None:
    journal = Journal(most=5)
    for i in range(7):
        journal.add(float(i), "chip", 1, "client", Frame(str(i)))
    journal.add(7.0, "chip", 1, "client", Ping(b"p"))
    assert [entry.number for entry in journal] == [4, 5, 6, 7, 8]
    assert [entry.number for entry in journal.since(5, 2)] == [6, 7]
    assert journal.since(8) == []
    journal.remove({5, 6})
    assert [entry.number for entry in journal] == [4, 7, 8]
    assert [entry.number for entry in journal.since(4, 2)] == []
    heard: list[int] = []
    journal.listen(lambda: heard.append(journal.total))
    journal.add(8.0, "chip", 1, "client", Frame("8"))
    journal.listen(None)
    journal.add(9.0, "chip", 1, "client", Frame("9"))
    assert heard == [9], "it is counted when it is told"
    assert [entry.number for entry in journal] == [7, 8, 9, 10]
    journal.forget()
    assert (journal.total, journal.first, journal.begun) == (10, 11, 0)
    journal.clear()
    assert (journal.total, journal.first, journal.begun) == (0, 1, 1)


async def test_what_can_be_read_and_not_be_written_again(server: Server) -> None:
    """JSON is read deeper than it is written: the frame is there, its meaning is not."""
    async with client(server, "mia") as who:
        await who.send(f'42["odd",{"[" * 500}{"]" * 500}]')
        await who.send(f'42["odd",{json.dumps([[] for _ in range(300)])}]')
        status, told = await call(server, "POST", "messages/wait-for-count", {"text": '42["odd",', "count": 2})
        assert (status, [line["name"] for line in told["messages"]]) == (200, [None, "odd"])


async def test_a_body_that_polls_bring_and_mean_nothing(server: Server) -> None:
    journal = server.space.journal
    journal.add(0.0, "mia", 1, "client", Frame("3", "polling"))
    journal.add(0.0, "mia", 2, "server", Frame("2"))
    [poll, ping] = await found(server)
    assert (poll["kind"], poll["via"], poll["name"]) == ("control", "polling", None)
    assert (ping["kind"], "via" in ping) == ("ping", False)


ASKS = {
    "concierge": (
        '{"action":"api","data":{"route":"client/get-unread-msg-count","body":{}}}',
        "client/get-unread-msg-count",
    ),
    "aida": (f'["1","77","{TOPIC}","new_session",{{}}]', "new_session"),
}


@pytest.mark.parametrize("backend", ["concierge", "aida"])
async def test_an_answer_is_shown_beside_what_it_answers(server: Server, backend: str) -> None:
    frame, name = ASKS[backend]
    async with client(server, backend) as who:
        for _ in range(2):
            await who.send(frame)
            await who.until("unread" if backend == "concierge" else '"77"')
        told = await found(server)
        asked = [line["number"] for line in told if line["name"] == name and line["sender"] == "client"][-2:]
        answers = [line for line in told if line.get("answers") == name][-2:]
        assert [line["answers_number"] for line in answers] == asked
        assert {line["sender"] for line in answers} == {"server"}

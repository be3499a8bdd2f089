"""The concierge's side: the bot and acts; what is bounded, what goes stale, what fixtures may say."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from simulator.backends.concierge import tokens
from simulator.backends.concierge.chats import _weight
from simulator.backends.concierge.state import Seed
from simulator.core.bot import End, File, HandOff, Leave, Picture, Queue, Raw, Say, Status, Stream, Typing
from simulator.core.message import Message, Request
from simulator.core.wire import Shut
from tests.backends.concierge.speak import (
    BOBS,
    CLOSED,
    OPEN,
    START,
    ask,
    concierge,
    connected,
    frame,
    good,
    history,
    say,
    texts,
)
from tests.talk import UPGRADE, Socket, Talk


@pytest.fixture
def talk() -> Talk:
    return concierge()


# ---- the concierge's side ----


def test_the_bot_joins_answers_and_has_seen() -> None:
    talk = concierge(bot="echo")
    client = connected(talk)
    say(client, "hello")
    talk.after(1)
    update, message = texts(client)
    joined = update["payload"]["chatSession"]
    assert (joined["chatJoinedByEntityType"], joined["chatJoinedByEntityId"]) == ("BACKEND_USER", "32314")
    assert joined["lastPingedByChatJoiner"] == str(START + 1000)
    assert (message["senderType"], message["senderId"], message["receiverId"]) == ("BACKEND_USER", "32314", "34")
    assert message["payload"]["chatMessage"]["messageContent"] == "You said: hello"
    asked, answered = history(client)
    assert (asked["status"], asked["seenAt"]) == (4, str(START + 1000))
    assert (answered["status"], answered["senderEntityId"]) == (3, "32314")
    say(client, "again")
    talk.after(1)
    assert [push["channel"] for push in texts(client)] == [f"chat-message-{OPEN}"], "joined once"


def test_the_bot_gives_pictures_and_files_back() -> None:
    talk = concierge(bot="echo", bot_delay=0)
    client = connected(talk)
    for kind, name in (("IMAGE", "a.png"), ("FILE", "b%20c.pdf"), ("VIDEO", "d.mp4")):
        url = f"https://example.com/x/{name}"
        client.send(frame("send-message", {"chatSessionId": OPEN, "contentType": kind, "messageContent": url}))
        message = texts(client)[-1]["payload"]["chatMessage"]
        assert (message["contentType"], message["messageContent"]) == (kind, url)
        assert message["metadata"]["file"]["name"] == name.replace("%20", " ")


def test_whose_session_is_meant(talk: Talk) -> None:
    client = connected(talk)
    connected(talk, "bob", Auth=tokens.mint("not-a-secret", "35", "367", 0, 2_000_000_000))
    session = good(client, "init-chat-with-concierge", newSession=True)["chatSessionId"]
    rules = talk.running.engine.rules
    mine, theirs = (present.conns[""] for present in talk.running.engine.wire.clients())

    def named(conn: Any, *args: Any) -> str | None:
        return rules.talk_of(conn, Message("ping", args))

    assert named(mine, {"chatSessionId": session}) == session
    assert named(theirs, {"chatSessionId": session}) is None, "it is another tenant's"
    assert named(object(), {"chatSessionId": session}) is None
    assert [named(mine), named(mine, []), named(mine, {"chatSessionId": 1})] == [None] * 3


def test_acts(talk: Talk) -> None:
    client = connected(talk)
    session = good(client, "init-chat-with-concierge", newSession=True)["chatSessionId"]
    texts(client)

    def channels() -> list[str]:
        return [push["channel"].removesuffix(f"-{session}") for push in texts(client)]

    talk.act(session, Leave())
    assert channels() == [], "nobody is there"
    talk.act(session, HandOff("Tom Night"))
    [push] = texts(client)
    assert push["payload"]["chatSession"]["chatJoinedByEntityId"] == "32315"
    talk.act(session, Say("as tom"))
    talk.act(session, Say("as mary", agent="mary@example.com"))
    pushes = texts(client)
    assert [push["senderId"] for push in pushes] == ["32315", "32314", "32314"]
    talk.act(session, Picture("https://example.com/a.jpg", "look"))
    talk.act(session, File("http://[", "", "video/mp4"))
    talk.act(session, Stream(["a", "b"]))
    last = history(client, session)[-4:]
    texts(client)
    assert [(msg["contentType"], msg["messageContent"]) for msg in last] == [
        ("TEXT", "look"), ("IMAGE", "https://example.com/a.jpg"), ("VIDEO", "http://["), ("TEXT", "ab"),
    ]  # fmt: skip
    assert last[2]["metadata"] == {"file": {"name": "file", "type": "video/mp4"}}
    talk.act(session, Typing())
    assert channels() == ["chat-session-update"]
    talk.act(session, Queue(1))
    assert channels() == []
    talk.act(session, Raw("made-up", {"a": 1}))
    talk.act(session, Raw("bare"))
    assert client.texts() == ['{"channel":"made-up","a":1}', '{"channel":"bare"}']
    talk.act(session, Leave())
    [push] = texts(client)
    assert push["payload"]["chatSession"]["chatJoinedByEntityId"] is None
    assert push["payload"]["chatSession"]["lastPingedByChatJoiner"] is None
    talk.act(session, End())
    [push] = texts(client)
    assert (push["payload"]["chatSession"]["isSessionClosed"], push["senderType"]) == (True, "BACKEND_USER")
    assert channels() == []


def test_statuses(talk: Talk) -> None:
    client = connected(talk)
    talk.act(OPEN, Status("read"))
    assert texts(client) == []
    say(client, "first")
    talk.after(3)
    for status, number, seen in (("read", 4, str(START + 3000)), ("sent", 2, None), ("delivered", 3, None)):
        talk.act(OPEN, Status(status))
        [message] = history(client)
        assert (message["status"], message["seenAt"]) == (number, seen)
    talk.act(OPEN, Status("unsent"))
    assert texts(client) == [], "nothing of the agent's is there"
    talk.act(OPEN, Say("oops"))
    number = texts(client)[-1]["payload"]["chatMessage"]["id"]
    talk.act(OPEN, Status("unsent"))
    [push] = texts(client)
    assert (push["channel"], push["payload"]) == ("chat-message-delete", {"messageId": int(number)})
    assert push["senderType"] == "BACKEND_USER"
    assert [message["messageContent"] for message in history(client)] == ["first"]
    talk.act(OPEN, Say("seen again"))
    assert (history(client)[0]["status"], history(client)[0]["seenAt"]) == (4, str(START + 3000))
    assert "expected one of" in str(talk.running.engine.rules.objection(OPEN, Status("lost")))


def test_objections(talk: Talk) -> None:
    rules = talk.running.engine.rules
    assert rules.objection("nobody", Say("x")) == "there is no session 'nobody'"
    assert rules.objection(OPEN, Say("x", agent="Left Long")) == "there is no active agent 'Left Long'"
    assert rules.objection(OPEN, Raw("x", 1)) == "raw: expected an object as body"
    assert rules.objection(OPEN, Raw("x")) == "raw: the tenant has no connection"
    connected(talk)
    assert rules.objection(OPEN, Raw("x")) is None
    talk.act("nobody", Say("x"))
    assert talk.logged[-1][1] == "there is no session 'nobody'"


def test_nobody_is_on_duty() -> None:
    talk = concierge()
    for agent in talk.running.seed.agents:
        agent.active = False
    assert talk.running.engine.rules.objection(OPEN, Say("x")) == "there is no active agent ''"


def test_talks(talk: Talk) -> None:
    client = connected(talk)
    assert [*talk.running.engine.rules.talks()][-1] == OPEN
    new = good(client, "init-chat-with-concierge", newSession=True)["chatSessionId"]
    assert [*talk.running.engine.rules.talks()][-1] == new
    say(client)
    assert [*talk.running.engine.rules.talks()][-1] == OPEN


# ---- bounds ----


def test_messages_are_bounded() -> None:
    talk = concierge(kept_messages=4)
    client = connected(talk)
    for number in range(5):
        say(client, str(number))
    assert [msg["messageContent"] for msg in history(client)] == ["1", "2", "3", "4"]
    assert history(client, CLOSED) == []
    good(client, "delete-message", chatSessionId=OPEN, messageId=history(client)[0]["id"])
    texts(client)
    for number in range(3):
        say(client, f"more {number}")
    assert [msg["messageContent"] for msg in history(client)] == ["4", "more 0", "more 1", "more 2"]


def test_characters_are_bounded() -> None:
    talk = concierge(kept_megabytes=1)
    client = connected(talk)
    for number in range(12):
        say(client, f"{number}" + "x" * 99_000, metadata={"a": "b"})
    assert 8 < len(history(client)) < 12


@pytest.mark.parametrize(("settings", "text"), [({"kept_messages": 20}, "x"), ({"kept_megabytes": 1}, "x" * 90_000)])
def test_who_floods_loses_his_own(settings: dict[str, int], text: str) -> None:
    talk = concierge(**settings)
    bob = connected(talk, "bob", Auth=tokens.mint("not-a-secret", "35", "367", 0, 2_000_000_000))
    body = {"chatSessionId": BOBS, "contentType": "TEXT", "messageContent": "keep me"}
    good(bob, "send-message", **body)
    flooder = connected(talk)
    for _ in range(100):
        say(flooder, text)
    assert [msg["messageContent"] for msg in history(bob, BOBS)] == ["keep me"]
    assert 5 < len(history(flooder, OPEN, "?limit=100")) < 20


def test_sessions_are_bounded() -> None:
    talk = concierge(kept_sessions=2, stale_after=50)
    client = connected(talk)
    one = good(client, "init-chat-with-concierge", newSession=True)["chatSessionId"]
    assert ask(client, "get-chat-messages", chatSessionId=CLOSED)["status"] == 404, "a closed one goes first"
    two = good(client, "init-chat-with-concierge", newSession=True)["chatSessionId"]
    assert ask(client, "get-chat-session", chatSessionId=OPEN)["status"] == 404
    good(client, "init-chat-with-concierge", newSession=True)
    texts(client)
    assert ask(client, "get-chat-session", chatSessionId=one)["status"] == 404
    talk.after(60)
    assert next(push["channel"][-36:] for push in texts(client)) == two, "of the forgotten one nothing is told"


def test_a_stale_session_closes() -> None:
    talk = concierge(stale_after=70)
    client = connected(talk)
    good(client, "ping-on-chat-session", chatSessionId=OPEN)
    talk.after(60)
    good(client, "ping-on-chat-session", chatSessionId=OPEN)
    talk.after(69.9)
    assert texts(client) == []
    talk.after(0.1)
    [push] = texts(client)
    assert push["channel"] == f"chat-session-update-{OPEN}"
    assert push["payload"]["chatSession"]["isSessionClosed"] is True
    talk.after(500)
    assert texts(client) == [], "once"
    assert ask(client, "ping-on-chat-session", chatSessionId=OPEN)["status"] == 409


def test_what_was_ended_does_not_go_stale_as_well() -> None:
    talk = concierge(stale_after=70)
    client = connected(talk)
    good(client, "end-chat-with-concierge", chatSessionId=OPEN)
    assert len(texts(client)) == 1
    talk.after(100)
    assert texts(client) == [], "told once that it is closed"


def test_who_leaves_the_page_loses_the_session_all_the_same() -> None:
    talk = concierge(stale_after=70)
    client = connected(talk)
    good(client, "get-chat-session", chatSessionId=OPEN)
    client.close()
    talk.after(100)
    again = connected(talk, "again")
    assert good(again, "get-chat-session", chatSessionId=OPEN)["chatSession"]["isSessionClosed"] is True


def test_a_session_of_the_fixtures_goes_stale() -> None:
    """Whoever pings it, or does not: its time is counted from the start on, however old its last ping is."""
    talk = concierge(stale_after=70)
    talk.after(20)
    client = connected(talk)
    talk.after(49.9)
    assert texts(client) == []
    talk.after(0.1)
    assert [push["channel"] for push in texts(client)] == [f"chat-session-update-{OPEN}"]
    assert ask(client, "ping-on-chat-session", chatSessionId=OPEN)["status"] == 409
    assert ask(client, "get-chat-session", chatSessionId=CLOSED)["status"] == 200
    assert talk.running.engine.next_due() is not None, "the connection's own"
    client.close()
    assert talk.running.engine.next_due() is None


def test_a_session_of_the_fixtures_goes_stale_although_nobody_came() -> None:
    talk = concierge(stale_after=70)
    rules = talk.running.engine.rules
    talk.after(69)
    assert rules.objection(OPEN, Say("x")) is None
    talk.after(1)
    assert rules.objection(OPEN, Say("x")) == f"session {OPEN} is closed"
    client = connected(talk)
    assert ask(client, "ping-on-chat-session", chatSessionId=OPEN)["status"] == 409


def test_a_session_of_the_fixtures_that_is_pinged_stays() -> None:
    talk = concierge(stale_after=70)
    client = connected(talk)
    for _ in range(3):
        talk.after(50)
        good(client, "ping-on-chat-session", chatSessionId=OPEN)
    assert texts(client) == []


def test_sessions_that_made_room_wait_for_nothing() -> None:
    talk = concierge(kept_sessions=2, stale_after=10**6, idle_timeout=0)
    client = connected(talk)
    for _ in range(500):
        good(client, "init-chat-with-concierge", newSession=True)
        client.got.clear()
    assert len(talk.running.engine._heap) < 200


def stored(**changed: Any) -> dict[str, Any]:
    return {"id": 1, "uuid": OPEN, "tenant": 34, "pinged": 1, **changed}


def said(**changed: Any) -> dict[str, Any]:
    return {"id": 7, "content": "x", "sent": 5, **changed}


def fixtures(**changed: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = concierge().running.seed.model_dump()
    return {**dumped, **changed}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"settings": {"connect_status": None}}, "connect_status"),
        ({"settings": {"session_update_on": 5}}, "expected a text or a list"),
        ({"settings": {"session_update_on": ["join", "never"]}}, "expected some of join"),
        ({"settings": {"external_endpoint": "http://["}}, "expected a URL"),
        ({"settings": {"external_endpoint": "nonsense"}}, "expected a URL"),
        ({"settings": {"public_url": "localhost:8090"}}, "public_url"),
        ({"settings": {"external_bucket": "a b?c"}}, "external_bucket"),
        ({"settings": {"token_seconds": 10**23}}, "token_seconds"),
        ({"agents": [{"id": 1, "name": "a", "email": "a@example.com"}] * 2}, r"agents\.1\.id\n  stands there twice"),
        ({"sessions": [stored(), stored(uuid=BOBS)]}, r"sessions\.1\.id\n  stands there twice"),
        ({"sessions": [stored(), stored(id=2)]}, r"sessions\.1\.uuid\n  stands there twice"),
        ({"sessions": [stored(messages=[said(), said()])]}, r"sessions\.0\.messages\.1\.id\n  stands there twice"),
        (
            {"sessions": [stored(messages=[said()]), stored(id=2, uuid=BOBS, messages=[said()])]},
            r"sessions\.1\.messages\.0\.id\n  stands there twice",
        ),
        ({"sessions": [stored(tenant=9)]}, r"sessions\.0\.tenant\n  there is no tenant 9"),
        ({"sessions": [stored(agent=9)]}, r"sessions\.0\.agent\n  there is no agent 9"),
        ({"sessions": [stored(messages=[said(agent=9)])]}, r"sessions\.0\.messages\.0\.agent\n  there is no agent 9"),
        ({"sessions": [stored(agent_pinged=5)]}, r"sessions\.0\.agent_pinged\n  nobody has joined"),
        ({"sessions": [stored(uuid=OPEN.upper())]}, r"sessions\.0\.uuid\n  Value error, expected a UUID in lower case"),
        ({"sessions": [stored(pinged=-1)]}, r"sessions\.0\.pinged"),
        ({"sessions": [stored(messages=[said(sent=10**30)])]}, r"sessions\.0\.messages\.0\.sent"),
        ({"sessions": [stored(messages=[said(metadata={"when": date(2026, 1, 1)})])]}, r"metadata"),
        ({"sessions": [stored(messages=[said(metadata={1: "x"})])]}, r"metadata"),
        ({"keys": {"access_key": "a/b"}}, "access_key"),
        ({"keys": {"jwt": ""}}, "jwt"),
    ],
)
def test_fixtures_are_consistent(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Seed.model_validate(fixtures(**changed))


def test_messages_of_the_fixtures_are_in_the_order_of_their_times() -> None:
    rows = [said(id=9, sent=30), said(id=8, sent=10), said(id=7, sent=10)]
    talk = Talk("concierge", seeded=fixtures(sessions=[stored(messages=rows)]))
    assert [msg["id"] for msg in history(connected(talk))] == ["7", "8", "9"]


def test_ids_of_the_fixtures_are_taken() -> None:
    """Somebody makes fixtures of what an earlier run with the same seed has said."""
    first = concierge()
    client = connected(first)
    session = good(client, "init-chat-with-concierge", newSession=True)["chatSession"]
    numbers = [int(say(client, str(n))["id"]) for n in range(3)]
    rows = [said(id=numbers[0]), said(id=numbers[1])]
    uuid = session["chatSessionId"]
    world = fixtures(sessions=[stored(id=int(session["id"]), uuid=uuid, messages=rows)])
    again = connected(Talk("concierge", settings={"bot": "none"}, seeded=world))
    new = good(again, "init-chat-with-concierge", newSession=True)["chatSession"]
    assert new["id"] != session["id"]
    assert new["chatSessionId"] != uuid
    texts(again)
    assert int(say(again, session=uuid)["id"]) == numbers[2]


def test_a_seen_message_of_the_fixtures() -> None:
    rows = [{"id": 7, "agent": 32314, "content": "x", "sent": 5, "seen": 6}]
    session = {"id": 1, "uuid": OPEN, "tenant": 34, "pinged": 1, "messages": rows}
    talk = Talk("concierge", seeded=fixtures(sessions=[session]))
    [message] = history(connected(talk))
    assert (message["id"], message["status"], message["seenAt"]) == ("7", 4, "6")


def test_the_example_is_of_someone_who_may_come_in() -> None:
    nobody = [{**person, "active": False} for person in fixtures()["tenants"]]
    talk = Talk("concierge", seeded=fixtures(tenants=nobody))
    assert connected(talk).refused is not None
    assert "init-chat-with-concierge" in talk.backend.example(talk.running.seed, "ws://x")


def test_an_upgrade_that_is_aborted_leaves_nobody(talk: Talk) -> None:
    from simulator.core.wire import Aborted, Asked

    url = urlsplit(talk.backend.connect(talk.running.seed, "http://x"))
    talk._by_link[77] = Socket(talk, 77, "x")
    talk.take(Asked(77, Request("GET", url.path, url.query, UPGRADE), talk.backend.routes[0]))
    talk.take(Aborted(77))
    talk.after(10_000)
    assert talk.running.engine.next_due() is None


def test_shutdown(talk: Talk) -> None:
    client = connected(talk)
    talk.drain()
    shut = client.got.popleft()
    assert isinstance(shut, Shut)
    assert shut.code == 1001


def test_settings_as_people_write_them() -> None:
    settings = {"session_update_on": ["join", "end"], "connect_status": "401", "external_endpoint": None}
    seed = Seed.model_validate(fixtures(settings=settings))
    assert (seed.settings.session_update_on, seed.settings.connect_status) == ("join,end", 401)


def test_metadata_are_weighed_by_their_parts() -> None:
    assert _weight({}) == _weight(None) == 0
    assert _weight({"a": [[], [], "xy", 1, True]}) > 5 * 60

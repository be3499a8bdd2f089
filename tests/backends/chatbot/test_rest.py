"""The REST sibling: pages of history."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from simulator.core.bot import Say
from tests.backends.chatbot.chats import chat, fixtures, person, token
from tests.talk import Talk

PATH = "/api/v1/ai-support/conversations/conv-456/messages"


def asked(talk: Talk, path: str = PATH, user: str | None = "agent-bob", method: str = "GET") -> tuple[int, Any]:
    headers = (("Host", "127.0.0.1"), *((("Authorization", f"Bearer {token(user)}"),) if user else ()))
    answer = talk.request(method, path, headers=headers)
    assert ("Access-Control-Allow-Origin", "*") in answer.headers
    return answer.status, json.loads(answer.body) if answer.body else None


def test_a_page() -> None:
    status, body = asked(chat())
    assert (status, body["success"]) == (200, True)
    assert [message["messageId"] for message in body["data"]["messages"]] == ["msg-ada-1", "msg-ada-2"]
    assert body["data"]["pagination"] == {
        "currentPage": 1, "totalPages": 1, "totalMessages": 2, "limit": 50, "hasNextPage": False, "hasPrevPage": False,
    }  # fmt: skip


def test_pages_put_together_as_the_dashboard_does_are_the_history() -> None:
    talk = chat()
    for number in range(23):
        talk.act("conv-456", Say(f"{number}"))
    found: list[str] = []
    for page in (1, 2, 3):
        _, body = asked(talk, f"{PATH}?page={page}&limit=10")
        found = [message["content"] for message in body["data"]["messages"]] + found
        paging = body["data"]["pagination"]
        assert (paging["totalMessages"], paging["totalPages"]) == (25, 3)
        assert (paging["hasPrevPage"], paging["hasNextPage"]) == (page > 1, page < 3)
    assert found[2:] == [str(number) for number in range(23)]
    assert asked(talk, f"{PATH}?page=9")[1]["data"]["messages"] == []


@pytest.mark.parametrize(
    ("path", "user", "status", "code"),
    [
        (PATH, None, 401, "NO_AUTH"),
        (PATH, "nobody", 401, "AUTH_ERROR"),
        (PATH, "agent-tim", 404, "CONVERSATION_NOT_FOUND"),
        (PATH, "user-otto", 404, "CONVERSATION_NOT_FOUND"),
        (PATH.replace("456", "0"), "agent-bob", 404, "CONVERSATION_NOT_FOUND"),
        (f"{PATH}?page=0", "agent-bob", 400, "INVALID_PAYLOAD"),
        (f"{PATH}?page=x", "agent-bob", 400, "INVALID_PAYLOAD"),
        (f"{PATH}?limit=101", "agent-bob", 400, "INVALID_PAYLOAD"),
        (f"{PATH}?limit=", "agent-bob", 400, "INVALID_PAYLOAD"),
        (f"{PATH}?limit=9999999999", "agent-bob", 400, "INVALID_PAYLOAD"),
        ("/api/v1/nothing", "agent-bob", 404, "NOT_FOUND"),
    ],
)
def test_what_it_does_not_give(path: str, user: str | None, status: int, code: str) -> None:
    found, body = asked(chat(), path, user)
    assert (found, body["error"]["code"], body["success"]) == (status, code, False)


def test_people_read_their_own_in_any_version() -> None:
    assert asked(chat(), PATH.replace("v1", "v12"), "user-ada")[0] == 200
    assert asked(chat(), PATH, "user-ada", "HEAD") == (200, None)


def test_an_id_is_written_as_encodeuricomponent_does() -> None:
    seed = copy.deepcopy(fixtures())
    seed["conversations"][0]["conversationId"] = "Jürgen / 50%"
    talk = Talk("chatbot", seeded=seed)
    path = PATH.replace("conv-456", "J%C3%BCrgen%20%2F%2050%25")
    assert asked(talk, path)[1]["data"]["pagination"]["totalMessages"] == 2
    assert asked(chat(), PATH.replace("conv-", "conv%2D"))[0] == 200
    assert asked(chat(), PATH.replace("conv-", "conv%ff%"))[1]["error"]["code"] == "CONVERSATION_NOT_FOUND"


def test_a_browser_asks_first() -> None:
    answer = chat().request("OPTIONS", PATH, headers=(("Access-Control-Request-Headers", "authorization"),))
    assert answer.status == 204
    assert ("Access-Control-Allow-Headers", "authorization") in answer.headers


def test_what_is_no_unicode_can_be_read() -> None:
    talk = chat()
    talk.act("conv-456", Say("\ud800"))
    assert asked(talk)[1]["data"]["messages"][-1]["content"] == "\ud800"
    assert person(talk).socket.open

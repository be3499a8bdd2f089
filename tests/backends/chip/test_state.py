"""chip's fixtures and settings."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from simulator.backends.chip.state import Seed, Settings, path_flaw

MAIN = "7d62d551-3030-4100-a260-2d7c4e9693e7"
CHAT = "65vbbDAQCdPdEWlEhDGy4utO"


def seed(**changes: Any) -> Seed:
    return Seed.model_validate({"channels": [{"uuid": MAIN}], **changes})


def test_a_channel_is_enough() -> None:
    assert seed().settings == Settings.model_validate({})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"channels": []}, "at least 1 item"),
        ({"channels": [{"uuid": MAIN.upper()}]}, "should match pattern"),
        ({"channels": [{"uuid": MAIN}, {"uuid": MAIN}]}, "stands there twice, in channels.0 too"),
        ({"channels": [{"uuid": MAIN, "active": False}]}, "no client could connect"),
        ({"channels": [{"uuid": MAIN, "type": "EX"}]}, "no client could connect"),
        ({"users": [{"id": 1, "email": ""}, {"id": 1, "email": ""}]}, "stands there twice, in users.0 too"),
        ({"contacts": [{"chat_id": CHAT}, {"chat_id": CHAT}]}, "stands there twice, in contacts.0 too"),
        ({"contacts": [{"chat_id": "short"}]}, "expected 24 letters and digits"),
        (
            {
                "contacts": [
                    {
                        "chat_id": CHAT,
                        "messages": [{"direction": "in", "id": 1, "user": 9, "time": "2024-01-01T00:00:00Z"}],
                    }
                ]
            },
            "there is no user 9 in users",
        ),
        ({"settings": {"utc_offset": "+15:00"}}, "expected Z or an offset"),
        ({"settings": {"courier_url": "example.com"}}, "expected a URL such as"),
        ({"settings": {"courier_url": "http://127.0.0.1:99999"}}, "expected a URL such as"),
        ({"settings": {"courier_url": "http://[::1"}}, "expected a URL such as"),
        ({"settings": {"courier_url": "http://a b"}}, "expected a URL such as"),
        ({"settings": {"ping_interval": 1e-9}}, "expected 0 for none, or at least"),
        ({"settings": {"bot_delay": float("inf")}}, "finite number"),
        ({"settings": {"nope": 1}}, "Extra inputs"),
    ],
)
def test_what_can_not_be(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        seed(**changes)


def test_one_chat_id_in_two_orgs_is_two_contacts() -> None:
    assert len(seed(contacts=[{"chat_id": CHAT}, {"chat_id": CHAT, "org": 2}]).contacts) == 2


@pytest.mark.parametrize(
    ("path", "flaw"),
    [
        (CHAT, None),
        (f"{CHAT}:ada@example.com", None),
        ("", "scheme or path cannot be empty"),
        ("x" * 256, "path component too long"),
        ("é" * 128, "path component too long"),
        ("x" * 255, "invalid path component"),
        (f"{CHAT}:ada", "invalid path component"),
    ],
)
def test_chat_ids(path: str, flaw: str | None) -> None:
    assert path_flaw(path) == flaw

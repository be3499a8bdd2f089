"""Acts that wait for their time are bounded."""

from __future__ import annotations

import json

from simulator.core.bot import Say
from simulator.core.timers import MOST_ACTS
from tests.talk import Talk


def test_acts_that_wait_are_bounded() -> None:
    talk = Talk()
    chat = "65vbbDAQCdPdEWlEhDGy4utO"
    for _ in range(MOST_ACTS + 5):
        talk.act(chat, Say("x", after=1.0))
    assert [text for _, text, _ in talk.logged] == [
        f"{MOST_ACTS} acts of the bot wait for their time already, this one is lost"
    ] * 5
    client = talk.connect()
    client.send(json.dumps({"type": "start_chat", "chat_id": chat}))
    client.texts()
    talk.after(2.0)
    talk.act(chat, Say("x", after=1.0))
    assert len(talk.logged) == 6  # the start of the chat, and no loss

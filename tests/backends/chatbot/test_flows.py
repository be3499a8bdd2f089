"""The real widget's and dashboard's flows, byte for byte, without a network; test_live.py and test_browser.py play them too."""

from __future__ import annotations

import pytest

from tests.backends.chatbot import flows
from tests.backends.chatbot.chats import chat
from tests.backends.chatbot.flows import Alone


async def test_the_widget() -> None:
    """Anonymous, joins without a sessionId, asks by stream; escalates, waits, is served, rates, ends."""
    player = Alone(chat(**flows.WIDGET_SETTINGS))
    for part in (flows.WIDGET_ASKS, flows.WIDGET_ESCALATES, flows.WIDGET_ENDS):
        await player.play(part)


async def test_the_dashboard() -> None:
    """An agent's list: a conversation appears, changes and closes."""
    player = Alone(chat(**flows.DASHBOARD_SETTINGS))
    for part in (flows.DASHBOARD_OPENS, flows.DASHBOARD_APPEARS, flows.DASHBOARD_CHANGES, flows.DASHBOARD_CLOSES):
        await player.play(part)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('desk << ["pong",{"timestamp":"$at"}]', "expected"),
        ("desk does something", "not a line"),
        ("desk is silent", "desk"),
    ],
)
async def test_a_player_looks_closely(line: str, why: str) -> None:
    player = Alone(chat())
    with pytest.raises(AssertionError, match=why):
        await player.play(f'desk connects {{"token":"x"}}\n{line}')

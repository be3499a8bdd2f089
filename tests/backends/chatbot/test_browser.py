"""The widget's and the dashboard's flows in a browser, on a page of another origin than the simulator's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from simulator.serve.clock import ManualClock
from tests.backends.chatbot import flows
from tests.backends.chatbot.chats import token
from tests.backends.chatbot.served import QUICK, PagePlayer, base, chatbot
from tests.served import Node

pytestmark = [pytest.mark.live, pytest.mark.node, pytest.mark.browser]

PAGE = "chatbot.html"
PROTOCOL = Path(__file__).parents[3] / "simulator" / "backends" / "chatbot" / "PROTOCOL.md"


async def test_the_widget_in_a_page() -> None:
    async with chatbot(ManualClock(), **flows.WIDGET_SETTINGS) as simulator, Node.browser(PAGE) as page:
        player = PagePlayer(simulator, page)
        await player.play(flows.WIDGET_ASKS)
        shown = ["ai: Hi! I am the Harbour Helper. How can I help you today?", f"ai: {flows.DELIVERY}"]
        assert await player.shown("#messages li") == shown, "the streamed answer is shown once"
        await player.play(flows.WIDGET_ESCALATES)
        assert await player.shown("#messages li") == [*shown, f"agent: {flows.GREETING}"]
        assert await player.shown("#status") == ["agent"]
        await player.play(flows.WIDGET_ENDS)
        assert await player.shown("#status") == ["user_ended"]


async def test_the_dashboard_in_a_page() -> None:
    async with chatbot(ManualClock(), **flows.DASHBOARD_SETTINGS) as simulator, Node.browser(PAGE) as page:
        player = PagePlayer(simulator, page)
        await player.play(flows.DASHBOARD_OPENS)
        assert await player.shown("#conversations li") == ["a visitor: new, 0"]
        await player.play(flows.DASHBOARD_APPEARS)
        assert await player.shown("#conversations li") == ["user-ada: new, 0", "a visitor: new, 0"]
        await player.play(flows.DASHBOARD_CHANGES)
        assert await player.shown("#conversations li") == ["user-ada: agent, 2", "a visitor: new, 0"]
        assert await history(player) == [True, 2, ["user", "agent"]]
        await player.play(flows.DASHBOARD_CLOSES)
        assert await player.shown("#conversations li") == ["user-ada: closed, 2", "a visitor: new, 0"]


async def test_the_first_steps_of_the_protocol() -> None:
    """As they are printed, but for the port: answered, queued, served, rated, ended."""
    [steps] = re.findall(r"```js\n(.*?)```", PROTOCOL.read_text(), re.DOTALL)
    async with chatbot(**QUICK) as simulator, Node.browser(PAGE) as page:
        printed = steps.replace("http://127.0.0.1:3000", base(simulator))
        assert printed != steps
        heard = await page.page(
            do=f"""
                {printed}
                const heard = [];
                return await new Promise((done) => socket.onAny((name) => {{
                    heard.push(name);
                    if (name === "conversation-ended") done(heard);
                }}));
            """
        )
    assert heard[:2] == ["connected", "conversation-started"]
    assert [*dict.fromkeys(heard[2:])] == [
        "status-change", "typing", "rag-stream-chunk", "message", "rag-stream-complete", "queue-update", "agent-joined", "conversation-ended",
    ]  # fmt: skip


async def history(player: PagePlayer) -> Any:
    """The REST sibling, as the real dashboard asks for it."""
    url = f"{player.url}/api/v1/ai-support/conversations/{player.kept['conv']}/messages?page=1&limit=50"
    return await player.page.page(
        do=f"""
            const answer = await fetch({url!r}, {{ headers: {{ Authorization: "Bearer {token("agent-bob")}" }} }});
            const {{ success, data }} = await answer.json();
            return [success, data.pagination.totalMessages, data.messages.map(({{ sender }}) => sender)];
        """
    )

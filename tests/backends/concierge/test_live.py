"""concierge over real sockets, with other people's clients: npm `ws`, `websockets`, AWS's SDKs, and a browser."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from simulator.serve.app import Server
from tests.backends.concierge.live import (
    aside,
    at,
    concierge,
    connection_of,
    ended,
    received,
    upload_data,
)
from tests.backends.concierge.speak import ACCESS, OPEN, REGION, SECRET, frame
from tests.served import SECONDS, Node, admin, ask

pytestmark = pytest.mark.live

# ---- npm ws, websockets ----


@pytest.mark.node
async def test_a_whole_conversation_with_ws(server: Server) -> None:
    async with Node.running("ws.mjs") as node:
        status, headers = await node.open(server.connect("concierge"), perMessageDeflate=True)
        assert (status, headers[::2]) == (101, ["Upgrade", "Connection", "Sec-WebSocket-Accept"])
        assert node.opened == ["", ""]

        async def said() -> Any:
            return json.loads(await node.text())

        await node.send(frame("init-chat-with-concierge", {"newSession": True}))
        session = (await said())["body"]["chatSessionId"]
        assert (await said())["channel"] == f"chat-session-update-{session}"
        body = {"chatSessionId": session, "contentType": "TEXT", "messageContent": "Häi 👍", "metadata": {"key": "1"}}
        await node.send(frame("send-message", body))
        sent = (await said())["body"]["chatMessage"]
        assert (sent["messageContent"], sent["metadata"], sent["status"]) == ("Häi 👍", {"key": "1"}, 3)
        channels = [(await said())["channel"] for _ in range(3)]
        assert channels == [f"chat-message-{session}", f"chat-session-update-{session}", f"chat-message-{session}"]
        await node.send(frame("get-chat-messages?page=1&limit=50", {"chatSessionId": session}))
        listed = await said()
        assert listed["channel"] == "client/get-chat-messages?page=1&limit=50"
        mine, theirs = listed["body"]["messages"]
        assert (mine["id"], mine["status"], theirs["messageContent"]) == (sent["id"], 4, "You said: Häi 👍")
        await node.send("garbage")
        assert (await node.text()).startswith('{"message": "Forbidden", "connectionId":"')
        await node.ping("still here")
        await node.send(frame("end-chat-with-concierge", {"chatSessionId": session}))
        assert (await said())["body"]["chatSession"]["isSessionClosed"] is True
        assert await node.close(1000, "bye") == (1000, "")


@pytest.mark.node
@pytest.mark.parametrize(("change", "status", "text"), [
    ("Auth=", 401, '{"message":"Unauthorized"}'),
    ("Auth=x.y.z", 401, '{"message":"Unauthorized"}'),
])  # fmt: skip
async def test_refused_before_the_upgrade(server: Server, change: str, status: int, text: str) -> None:
    url = server.connect("concierge").partition("Auth=")[0] + change + "&deviceId=a"
    async with Node.running("ws.mjs") as node:
        node.write({"open": url})
        assert await node.event("refused") == [status, text]


@pytest.mark.parametrize("status", [403, 500, 502])
async def test_refused_by_setting(status: int) -> None:
    async with concierge(connect_status=status) as simulator:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(simulator.connect("concierge"), proxy=None):
                pass
    response = caught.value.response
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["x-amzn-ErrorType"].endswith("Exception")
    assert b'"message"' in (response.body or b"")


async def test_offers_are_declined(server: Server) -> None:
    url = server.connect("concierge")
    async with connect(url, proxy=None, subprotocols=[Subprotocol("chat")], compression="deflate") as ws:
        assert ws.response is not None
        assert {*map(str.lower, ws.response.headers)} == {"upgrade", "connection", "sec-websocket-accept"}
        assert ws.subprotocol is None
        await connection_of(ws)


async def test_no_upgrade(server: Server) -> None:
    head, _ = await ask(server.url("concierge"), "GET", "/uat")
    assert head[0] == "HTTP/1.1 426 Upgrade Required"


@pytest.mark.parametrize(("settings", "limit"), [({}, 131_072), ({"frame_limit": "per_message"}, 32_768)])
async def test_longest_message(settings: dict[str, Any], limit: int) -> None:
    bare = frame("send-message", {"chatSessionId": OPEN, "contentType": "TEXT", "messageContent": ""})
    async with (
        concierge(bot="none", **settings) as simulator,
        connect(simulator.connect("concierge"), proxy=None) as ws,
    ):
        text = bare.replace('""', f'"{"x" * (limit - len(bare))}"')
        await ws.send(text)
        assert (await received(ws))["status"] == 200
        await ws.send(text.replace("xx", "xxx", 1))
        assert await ended(ws) == (1009, "")


async def test_longest_frame() -> None:
    """AWS's own rule: 128 KiB in frames of at most 32."""
    bare = frame("send-message", {"chatSessionId": OPEN, "contentType": "TEXT", "messageContent": ""})
    text = bare.replace('""', f'"{"x" * (131_072 - len(bare))}"')
    async with concierge(bot="none", frame_limit="per_frame") as simulator:
        async with connect(simulator.connect("concierge"), proxy=None) as ws:
            await ws.send([text[start : start + 32_768] for start in range(0, len(text), 32_768)])
            assert (await received(ws))["status"] == 200
            await ws.send(["x" * 32_768, "x" * 32_769])
            assert await ended(ws) == (1009, "")
        async with connect(simulator.connect("concierge"), proxy=None) as ws:
            await ws.send("x" * 32_769)
            assert await ended(ws) == (1009, "")


# ---- the management endpoint, by boto3 ----


def management(server: Server, secret: str = SECRET) -> Any:
    return boto3.client(
        "apigatewaymanagementapi", region_name=REGION, endpoint_url=f"{server.url('concierge')}/uat",
        aws_access_key_id=ACCESS, aws_secret_access_key=secret, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


@pytest.mark.parametrize("auth", ["optional", "required"])
async def test_boto3_posts_as_the_agent(auth: str) -> None:
    async with concierge(management_auth=auth) as simulator, connect(simulator.connect("concierge"), proxy=None) as ws:
        number, sdk = await connection_of(ws), management(simulator)
        said = json.dumps({"channel": f"chat-message-{OPEN}", "senderType": "BACKEND_USER", "payload": {"x": "é"}})
        await aside(lambda: sdk.post_to_connection(ConnectionId=number, Data=said.encode()))
        async with asyncio.timeout(SECONDS):
            assert await ws.recv() == said
        told = await aside(lambda: sdk.get_connection(ConnectionId=number))
        assert told["Identity"]["UserAgent"].startswith("Python/")
        assert told["ConnectedAt"] <= told["LastActiveAt"]
        with pytest.raises(ClientError) as forged:
            await aside(lambda: management(simulator, "forged").get_connection(ConnectionId=number))
        assert forged.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert forged.value.response["Error"]["Code"] == "InvalidSignatureException"
        await aside(lambda: sdk.delete_connection(ConnectionId=number))
        assert await ended(ws) == (1000, "Connection Closed Normally")
        with pytest.raises(sdk.exceptions.GoneException):
            await aside(lambda: sdk.post_to_connection(ConnectionId=number, Data=b"x"))


# ---- time, by hand ----


async def advance(server: Server, seconds: float) -> None:
    status, _ = await admin(server.url("concierge"), "POST", "clock/advance", {"seconds": seconds})
    assert status == 200


async def test_an_upload_url_expires(still: Server) -> None:
    data = await upload_data(still)
    await advance(still, 900)
    assert (await at(data["uploadURL"], "PUT", b"x"))[0][0] == "HTTP/1.1 200 OK"
    await advance(still, 1)
    head, body = await at(data["uploadURL"], "PUT", b"x")
    assert head[0] == "HTTP/1.1 403 Forbidden"
    assert b"<Message>Request has expired</Message><X-Amz-Expires>900</X-Amz-Expires>" in body


async def test_an_idle_connection_goes_away(still: Server) -> None:
    async with connect(still.connect("concierge"), proxy=None) as ws:
        await advance(still, 599)
        await connection_of(ws)
        await advance(still, 599)
        await advance(still, 1)
        assert await ended(ws) == (1001, "Going away")


async def test_two_hours_are_the_end(still: Server) -> None:
    async with connect(still.connect("concierge"), proxy=None) as ws:
        for _ in range(15):
            await advance(still, 450)
            await connection_of(ws)
        await advance(still, 449)
        await connection_of(ws)
        await advance(still, 1)
        assert await ended(ws) == (1001, "Going away")


async def test_shutdown() -> None:
    simulator = concierge()
    await simulator.start()
    async with connect(simulator.connect("concierge"), proxy=None) as ws:
        closing = asyncio.get_running_loop().create_task(simulator.stop())
        assert (await ended(ws))[0] == 1001
        await closing


# ---- hostile ----


async def test_garbage_over_a_socket(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """The documented default for each, and the connection stays; nothing is a mistake of ours."""
    good = {"chatSessionId": OPEN, "contentType": "TEXT", "messageContent": "x"}
    texts: list[tuple[str | bytes, str | int]] = [
        ("", "Forbidden"),
        ("\x00", "Forbidden"),
        ("[" * 100_000, "Forbidden"),
        (b"\xff\xfe", "Forbidden"),
        ('{"action":"subscribe"}', "Forbidden"),
        ('{"action":"api","data":{"route":null}}', "Internal server error"),
        (frame("nowhere", {}), 404),
        (frame("send-message?" + "&" * 1000, good), 200),
        (frame("send-message", {**good, "messageContent": "\ud800"}), 200),
        (frame("send-message", {**good, "messageContent": ["x"]}), 400),
        (frame("send-message", {**good, "metadata": 10**400}), "Forbidden"),
        (frame("get-chat-messages?page=%ff&limit=\x00", {"chatSessionId": OPEN}), 200),
        (frame("delete-message", {"chatSessionId": OPEN, "messageId": "1" * 4000}), 400),
        (frame("ping-on-chat-session", {"chatSessionId": "../" * 100}), 404),
    ]
    async with connect(server.connect("concierge"), proxy=None) as ws:
        for sent, expected in texts:
            await ws.send(sent)
            # The bot's answers and the pushes are not what is looked for.
            while "payload" in (answer := await received(ws)):
                pass
            assert answer.get("status", answer.get("message")) == expected, sent
        await (await ws.ping())
    assert "mistake" not in caplog.text


async def test_signatures_are_not_imported_at_the_start() -> None:
    """botocore costs a tenth of a second: whoever uploads nothing does not pay for it."""
    script = (
        "import asyncio, sys\n"
        "from simulator.serve.app import Options, Server\n"
        "async def main():\n"
        "    async with Server(Options(['concierge'], port=0)) as simulator:\n"
        "        print(simulator.connect('concierge'), 'botocore' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(SECONDS * 2):
        told, _ = await started.communicate()
    assert told.split()[1] == b"False"

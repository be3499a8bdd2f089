"""Small tapes, for the tests of what reads them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator.cassette.entries import Closed, Entry, Header, Opened, Passed, Upgraded
from simulator.cassette.tape import Tape, dump, dump_header
from simulator.core.message import Headers

UUID = "7d62d551-3030-4100-a260-2d7c4e9693e7"
CHIP = f"/wc/connect/{UUID}/"
POLLING = "/socket.io/?EIO=4&transport=polling"


def written(*entries: Entry, backend: str | None = None, **header: Any) -> bytes:
    """The file of these entries."""
    head = Header(backend=backend, **{"recorded": "2026-11-20T20:00:00Z", **header})
    records, at = [dump_header(head)], 0.0
    for entry in entries:
        # No tape goes back in time, whatever a test wrote.
        at = max(at, entry.at)
        records.append(dump(replace(entry, at=at)))
    return b"".join(records)


def tape(*entries: Entry, backend: str | None = None, **header: Any) -> Tape:
    """A tape of these entries, as read from a file."""
    return Tape(written(*entries, backend=backend, **header).splitlines(keepends=True), "talk.yaml")


def opened(path: str = CHIP, at: float = 0.0, conn: int = 1, headers: Headers = ()) -> Opened:
    return Opened(at, conn, path, headers)


def said(sender: str, data: str | bytes, at: float = 1.0, conn: int = 1, **more: Any) -> Passed:
    return Passed(at, conn, sender, data, **more)


def closed(at: float = 9.0, conn: int = 1, code: int | None = 1000, by: str = "client", link: int = 1) -> Closed:
    return Closed(at, conn, code, "", by, link)


def chip() -> list[Entry]:
    """A talk with chip."""
    return [
        opened(),
        said("client", '{"type":"start_chat"}', 0.1),
        said("server", '{"type":"chat_started","chat_id":"65vbbDAQCdPdEWlEhDGy4utO"}', 0.2),
        said("client", '{"type":"send_msg","text":"hello"}', 1.0),
        said(
            "server",
            '{"type":"chat_out","msg_out":{"id":34634,"text":"You said: hello","origin":"flow",'
            '"time":"2024-05-01T17:15:30.123456Z"}}',
            2.5,
        ),
        said("client", '{"type":"ack_chat","msg_id":34634}', 2.6),
        closed(),
    ]


def socketio() -> list[Entry]:
    """A session that began by polling and went over to a WebSocket: a namespace, acks, attachments, heartbeats."""
    poll: Any = {"via": "polling"}
    ws: Any = {"link": 2}
    return [
        opened(POLLING),
        said(
            "server",
            '0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000}',
            0.1,
            body=1,
            **poll,
        ),
        said("client", '40/admin,{"token":"t"}', 0.2, body=2, **poll),
        said("client", "40", 0.2, body=2, **poll),
        said("server", '40/admin,{"sid":"oSO0OpakMV_3jnilAAAC"}', 0.3, body=3, **poll),
        said("server", '44{"message":"not here"}', 0.3, body=3, **poll),
        Upgraded(0.4, 1, 2, "/socket.io/?EIO=4&transport=websocket&sid=lv_VI97HAXpY6yYWAAAB"),
        said("client", "2probe", 0.5, **ws),
        said("server", "3probe", 0.5, **ws),
        said("client", "5", 0.5, **ws),
        said("server", "6", 0.5, body=4, **poll),
        said("client", '42/admin,7["save",{"text":"hello"}]', 1.0, **ws),
        said("server", '43/admin,7[{"ok":true}]', 1.25, **ws),
        said("server", "2", 2.0, **ws),
        said("client", "3", 2.0, **ws),
        said("server", '452-/admin,["picture",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', 3.0, **ws),
        said("server", b"\x00\xff", 3.0, **ws),
        said("server", b"\x01" * 40, 3.0, **ws),
        said("client", "41/admin,", 4.0, **ws),
        closed(5.0, link=2),
    ]


def phoenix() -> list[Entry]:
    """AIDA's envelope: a join, a heartbeat, a message."""
    return [
        opened("/socket/websocket?vsn=2.0.0"),
        said("client", '["1","1","bot:b","phx_join",{"access_token":"t"}]', 0.1),
        said("server", '["1","1","bot:b","phx_reply",{"status":"ok","response":{}}]', 0.2),
        said("client", '[null,"2","phoenix","heartbeat",{}]', 30.0),
        said("server", '[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]', 30.1),
        said(
            "client", '["1","3","bot:b","utb_msg",{"session":"7d62d551-3030-4100-a260-2d7c4e9693e7","text":"hi"}]', 31.0
        ),
        said(
            "server",
            '["1",null,"bot:b","btu_msg",{"session":"7d62d551-3030-4100-a260-2d7c4e9693e7","text":"hi you"}]',
            32.0,
        ),
        closed(33.0),
    ]


def gateway() -> list[Entry]:
    """concierge's envelope: a request, its answer, a push, the gateway's own word."""
    return [
        opened("/uat?token=t"),
        said("client", '{"action":"api","data":{"route":"client/get-unread-msg-count?page=1","body":{}}}', 0.1),
        said("server", '{"channel":"client/get-unread-msg-count?page=1","status":403,"body":{"error":"no"}}', 0.2),
        said("server", f'{{"actions":[],"channel":"chat-message-{UUID}","payload":{{"x":1}}}}', 1.0),
        said("server", '{"message": "Forbidden", "connectionId":"c", "requestId":"r"}', 2.0),
        closed(),
    ]

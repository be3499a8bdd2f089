"""Courier's side of chip: what it posts, judged as the real server judges it, and what it is told."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, cast

from simulator.backends.chip import gohttp, gojson, gostruct
from simulator.backends.chip.chats import Contact
from simulator.backends.chip.state import BLANKS, Agent, Channel, State, path_flaw
from simulator.core.actions import Call
from simulator.core.message import Json

_SEND_MSG = gostruct.Field(
    "struct",
    'struct { ID models.MsgID "json:\\"id\\"       validate:\\"required\\""; Text string "json:\\"text\\""; '
    'Attachments []string "json:\\"attachments\\""; Origin models.MsgOrigin "json:\\"origin\\"   '
    'validate:\\"required\\""; UserID models.UserID "json:\\"user_id\\"" }',
    {
        "id": gostruct.Field("int", "models.MsgID"),
        "text": gostruct.Field("string", "string"),
        "attachments": gostruct.Field("strings", "[]string"),
        "origin": gostruct.Field("string", "models.MsgOrigin"),
        "user_id": gostruct.Field("int", "models.UserID"),
    },
)
_SEND_REQUEST = gostruct.Field(
    "struct",
    "web.sendRequest",
    {
        "chat_id": gostruct.Field("string", "models.ChatID"),
        "secret": gostruct.Field("string", "string"),
        "msg": _SEND_MSG,
    },
    struct="sendRequest",
)
"""web/server.go sendRequest; the anonymous struct inside tells its whole type in an error. No `required` tag is ever
looked at.
"""


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


@dataclass(slots=True)
class Order:
    """A message to a contact that passed all checks; the fields are the request's own."""

    contact: Contact
    agent: Agent | None
    id: int
    text: str
    attachments: tuple[str, ...]
    origin: str
    user: int


def read(raw: bytes, channel: Channel, state: State) -> Order:
    """The body of POST /wc/send/<uuid>/ (web/server.go handleSend, its checks in their order). Raises Refused."""
    try:
        body = gostruct.unmarshal(raw, _SEND_REQUEST)
    except gojson.GoError as error:
        raise Refused(400, f"error reading request: {error}") from None
    if body["secret"] != channel.secret:
        raise Refused(400, "channel secret incorrect")
    chat_id = cast("str", body["chat_id"])
    path = chat_id.strip(BLANKS)
    why = path_flaw(path)
    contact = state.contact(channel.org, path) if why is None else None
    if contact is None:
        raise Refused(400, f"error loading contact with chat id {chat_id}: {why or 'sql: no rows in result set'}")
    msg = cast("dict[str, Any]", body["msg"])
    agent = state.agent(msg["user_id"])
    if msg["user_id"] and agent is None:
        raise Refused(404, "user not found")
    return Order(contact, agent, msg["id"], msg["text"], tuple(msg["attachments"]), msg["origin"], msg["user_id"])


def call(
    key: Hashable, base: str, channel: Channel, chat_id: str, event: dict[str, Json], timeout: float | None
) -> Call:
    """The request that tells Courier of one event (core/courier/courier.go), its header lines as Go sends them."""
    body = gohttp.encode({"chat_id": chat_id, "secret": channel.secret, "events": [event]})
    headers = (
        ("User-Agent", "Go-http-client/1.1"),
        ("Content-Length", str(len(body))),
        ("Content-Type", "application/json"),
        ("Accept-Encoding", "gzip"),
    )
    return Call(key, "POST", f"{base.rstrip('/')}/c/chp/{channel.uuid}/receive", headers, body, timeout)

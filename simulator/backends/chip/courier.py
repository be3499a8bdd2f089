"""Courier's side of chip: what it posts, judged as the real server judges it, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from simulator.backends.chip import gohttp, gojson, gostruct
from simulator.backends.chip.chats import Client, Contact, Msg, Outbox, weight
from simulator.backends.chip.state import BLANKS, Agent, Channel, Settings, State, path_flaw
from simulator.core.actions import Action, Call, Hold, Release
from simulator.core.events import Called
from simulator.core.message import Json
from simulator.core.world import World

Then: TypeAlias = Callable[[], list[Action]]
"""What is done once Courier has taken something."""
Queue: TypeAlias = Callable[[Outbox, Contact, Msg, "Agent | None"], "list[Action] | None"]
"""Puts a message into an outbox; None where that is full."""

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


class Courier:
    """Both ways between one running chip and its Courier."""

    def __init__(self, world: World, state: State, settings: Settings, queue: Queue) -> None:
        self._world = world
        self._state = state
        self._url = settings.courier_url
        self._timeout = settings.courier_timeout or None
        self._queue = queue
        self._calls: dict[Hashable, tuple[Client, Then]] = {}
        """Commands that wait for its answer."""
        self._next_call = 0

    def tell(self, client: Client, chat_id: str, event: dict[str, Json], then: Then) -> list[Action]:
        """Tell it, and go on when it has taken it; until then nothing more is read from this socket."""
        if self._url is None:
            return then()
        self._next_call += 1
        self._calls[self._next_call] = client, then
        return [
            Hold(client.conn),
            call(self._next_call, self._url, client.channel, chat_id, event, self._timeout),
        ]

    def called(self, called: Called) -> list[Action]:
        """It has taken something, or not."""
        client, then = self._calls.pop(called.key)
        actions: list[Action] = [Release(client.conn)]
        if called.status // 100 == 2:
            return [*then(), *actions]
        why = called.error or f"status {called.status}"
        self._world.log("warning", f"Courier did not take it: {why}", channel=client.channel.uuid)
        return actions

    def sends(self, channel: Channel, raw: bytes) -> tuple[int, Json, list[Action]]:
        """The body of its request: the status and JSON that it is answered, and what comes of it."""
        try:
            order = read(raw, channel, self._state)
        except Refused as refused:
            return refused.status, {"error": refused.why}, []
        size = weight(order.text, order.attachments)
        created = round(self._world.now() * 1_000_000)
        row = Msg(created, order.id, True, order.text, size, order.attachments, order.origin, order.user)
        outbox = self._state.outbox(channel.uuid, order.contact.chat_id)
        actions = self._queue(outbox, order.contact, row, order.agent)
        if actions is None:
            return 500, {"error": "unable to queue message"}, []
        # History knows four origins, told by what made the message; a live one passes through what Courier said.
        if row.origin not in ("flow", "broadcast", "ticket", "chat"):
            row.origin = "chat"
        return 200, {"status": "queued"}, actions

"""Clients that poll, without I/O: Engine.IO's at mia, Phoenix's at aida."""

from __future__ import annotations

import json
from typing import Any

from simulator.core.message import Response
from tests.backends.mia.chats import GARDEN
from tests.talk import Talk

ONE = '42["EVENT_CLIENT_SEND_MESSAGE",{"content":"one"}]'
TWO = '42["EVENT_CLIENT_SEND_MESSAGE",{"content":"two"}]'


class Poller:
    """An Engine.IO client that polls, one request at a time."""

    def __init__(self, talk: Talk, sid: str | None = None) -> None:
        self.talk = talk
        path = "/socket.io/?EIO=4&transport=polling"
        if sid is None:
            opened = json.loads(talk.request("GET", path).body[1:])
            sid = opened["sid"]
        self.path = f"{path}&sid={sid}"

    def post(self, *packets: str) -> Response:
        return self.talk.request("POST", self.path, "\x1e".join(packets).encode())

    def ask(self) -> int:
        return self.talk.ask("GET", self.path)

    def poll(self) -> list[str]:
        return body(self.talk.answered(self.ask()))


def body(response: Response) -> list[str]:
    """Names of events, and what else is in a poll's body."""
    names = []
    for packet in response.body.decode("utf-8", "surrogateescape").split("\x1e"):
        if packet.startswith("42"):
            try:
                name, *args = json.loads(packet[2:])
                names.append(args[0]["content"] if name == "EVENT_SERVER_SEND_MESSAGE" else name)
            except ValueError:
                names.append("broken")
        else:
            names.append(packet)
    return names


def mia(**settings: Any) -> tuple[Talk, Poller]:
    """In its room, all of that fetched."""
    talk = Talk("mia", settings={"bot": "none", "init_delay": 0, **settings})
    return talk, inside(talk)


def inside(talk: Talk) -> Poller:
    """One who is in a room, all of that fetched."""
    poller = Poller(talk)
    poller.post(f"40{json.dumps({'instance': GARDEN})}")
    talk.after(0.1)
    poller.poll()
    return poller


class LongPoller:
    """A Phoenix client that polls."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        token = json.loads(talk.request("GET", "/socket/longpoll?vsn=2.0.0").body)["token"]
        self.path = f"/socket/longpoll?vsn=2.0.0&token={token}"

    def post(self, *frames: list[Any]) -> Any:
        lines = "\n".join(json.dumps(one) for one in frames).encode()
        kind = "application/x-ndjson" if len(frames) > 1 else "application/json"
        return json.loads(self.talk.request("POST", self.path, lines, (("content-type", kind),)).body)

    def poll(self) -> Any:
        call = self.talk.ask("GET", self.path)
        self.talk.after(0.0)
        answer = json.loads(self.talk.answered(call).body)
        return answer["status"], [json.loads(text)[3:] for text in answer["messages"]]


KITCHEN = "bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"
JOIN = ["1", "1", KITCHEN, "phx_join", {"access_token": "harbour-web-token"}]
NEW = ["1", "2", KITCHEN, "new_session", {}]
OK = ["phx_reply", {"status": "ok", "response": {}}]

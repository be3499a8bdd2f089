"""Requests of which nothing says whose they are, of several clients at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cassette.recordings import Replay, Taped
from tests.cassette.test_playback import complete
from tests.talk import Socket, Talk


def api(socket: Socket, route: str, body: Any) -> Any:
    """Say it, and what the answer says."""
    socket.send(json.dumps({"action": "api", "data": {"route": f"client/{route}", "body": body}}))
    [text] = [text for text in socket.texts() if f'"client/{route}"' in text]
    return json.loads(text)["body"]


class Client:
    """Who sends a picture. Its requests bear no token."""

    def __init__(self, talk: Talk, name: str) -> None:
        self._talk = talk
        self._socket = talk.connect(name)
        self._session = api(self._socket, "init-chat-with-concierge", {"newSession": True})["chatSessionId"]
        self.resource = ""

    def asks(self) -> None:
        asked = {"filename": "cat.png", "mimeType": "image/png", "type": "chat-images"}
        answer = self._talk.request("POST", "/file-new/get-upload-url", json.dumps(asked).encode())
        self.resource = json.loads(answer.body)["data"]["uploadUrlData"]["resourceUrl"]

    def says(self) -> None:
        body = {"chatSessionId": self._session, "contentType": "IMAGE", "messageContent": self.resource}
        said = api(self._socket, "send-message", body)["chatMessage"]
        assert (said["chatSessionId"], said["messageContent"]) == (self._session, self.resource)


@pytest.fixture
def replay() -> Replay:
    taped = Taped("concierge", settings={"bot": "none"})
    client = Client(taped, "client")
    client.asks()
    client.says()
    return Replay(taped.tape(), settings={"bot": "none"})


@pytest.mark.parametrize("order", ["Aa Bb", "ABab", "ABba", "BAab", "BAba", "AaBb", "BbAa"])
def test_each_has_its_own_picture(replay: Replay, order: str) -> None:
    """A capital asks where to put it, the small letter says where it is."""
    clients: dict[str, Client] = {}
    for letter in order.replace(" ", ""):
        if " " not in order and not clients:
            clients = {name: Client(replay, name) for name in "ab"}
        one = clients.get(letter.lower()) or clients.setdefault(letter.lower(), Client(replay, letter.lower()))
        if letter.isupper():
            one.asks()
        else:
            one.says()
    assert clients["a"].resource != clients["b"].resource
    complete(replay)
    assert replay.coverage.walks == 2


def test_who_quotes_what_the_server_told_another_in_its_talk_gets_nothing(replay: Replay) -> None:
    one, other = Client(replay, "one"), Client(replay, "other")
    other.resource = one._session
    with pytest.raises(KeyError):
        other.says()
    assert replay.coverage.missed == 1
    for client in (one, other):
        client.asks()
    for client in (one, other):
        client.says()

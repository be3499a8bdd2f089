"""One contract for all backends: a new folder is held to it from its first line.

What a backend has to add here: a line in FIRST_WORDS.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import backends
from simulator.core.actions import After, Began, Cancel, Ended, Heard
from simulator.core.backend import Backend, NoMethod, NoRoute, find
from simulator.core.bot import (
    ACTS,
    Act,
    Directed,
    End,
    File,
    HandOff,
    Leave,
    Picture,
    Queue,
    Raw,
    Saw,
    Say,
    Status,
    Stream,
    Typing,
)
from simulator.core.errors import UnknownBackend
from simulator.core.events import Acted, Fired
from simulator.core.ids import Ids
from simulator.core.message import Frame, Headers, Ping, Pong
from simulator.core.wire import Drop, Link, Shut
from simulator.core.world import World
from simulator.serve import seeds
from tests.talk import Socket, Talk

FIRST_WORDS: dict[str, list[str]] = {
    "aida": [
        '["1","1","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","phx_join",{"access_token":"harbour-web-token"}]',
        '["1","2","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","new_session",{}]',
        '["1","3","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","utb_msg",'
        '{"session":"b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718","text":"hello there"}]',
    ],
    "chatbot": [
        '40{"widgetKey":"wk-harbour-1","chatbotId":"bot-harbour"}',
        '42["join-conversation",{"conversationId":"conv-new"}]',
        '42["send-message",{"conversationId":"conv-new","content":"hello there"}]',
    ],
    "mia": [
        '40{"instance":{"chatId":"garden-homes","token":"garden-web-token"},"roomId":"contract"}',
        '42["EVENT_CLIENT_SEND_MESSAGE",{"content":"hello there"}]',
    ],
    "chip": ['{"type":"start_chat"}', '{"type":"send_msg","text":"hello there"}'],
    "concierge": [
        '{"action":"api","data":{"route":"client/init-chat-with-concierge","body":{"newSession":false,'
        '"chatSessionId":"4482e256-da14-47cc-b119-9575bbb3b6d3"}}}',
        '{"action":"api","data":{"route":"client/send-message","body":{"chatSessionId":'
        '"4482e256-da14-47cc-b119-9575bbb3b6d3","contentType":"TEXT","messageContent":"hello there"}}}',
    ],
}
"""What a person's client sends until the bot has heard `hello there`."""

SOME: dict[str, Act] = {
    "say": Say("good morning"),
    "typing": Typing(),
    "status": Status("read"),
    "queue": Queue(3),
    "hand_off": HandOff("nobody@example.com"),
    "leave": Leave(),
    "picture": Picture("https://example.com/a.jpg", "look"),
    "file": File("https://example.com/a.pdf", "read", "application/pdf"),
    "stream": Stream(["good ", "morning"]),
    "end": End(),
    "raw": Raw("made_up", {"a": [1, None]}),
}
PLAIN: Headers = (("Host", "127.0.0.1"), ("User-Agent", "curl/8"))

every = pytest.mark.parametrize("name", backends.names())
loaded = pytest.mark.parametrize("backend", backends.all_backends(), ids=lambda backend: backend.name)
bounded = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@cache
def fixtures(name: str) -> dict[str, Any]:
    """Read once: YAML is slow."""
    dumped: dict[str, Any] = seeds.load(backends.load(name), None, []).model_dump()
    return dumped


def named(headers: Headers) -> dict[str, str]:
    """Header lines by their names in lower case: each server spells them in its own way."""
    return {name.lower(): value for name, value in headers}


def talk_to(name: str, seed: int = 7) -> Talk:
    return Talk(name, seed=seed, seeded=fixtures(name), settings={"bot": "echo"})


def first_words(talk: Talk) -> Socket:
    client = talk.connect()
    for data in FIRST_WORDS[talk.backend.name]:
        client.send(data)
    return client


def memory(thing: object, seen: dict[int, int] | None = None) -> object:
    """All that is reachable, each once and by value; ids are left to a test of their own."""
    seen = {} if seen is None else seen
    if thing is None or isinstance(thing, bool | int | float | str | bytes):
        return thing
    if isinstance(thing, Ids | type) or callable(thing):
        return type(thing).__name__
    if id(thing) in seen:
        return f"{type(thing).__name__} {seen[id(thing)]}"
    seen[id(thing)] = len(seen)
    if isinstance(thing, dict):
        return [(memory(key, seen), memory(value, seen)) for key, value in thing.items()]
    if isinstance(thing, list | tuple | deque):
        return [memory(item, seen) for item in thing]
    if isinstance(thing, set | frozenset):
        return sorted(repr(memory(item, seen)) for item in thing)
    names = [name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ())]
    names += getattr(thing, "__dict__", {})
    return [type(thing).__name__, *((name, memory(getattr(thing, name, None), seen)) for name in names)]


# ---- what a backend says of itself ----


def test_each_has_a_name_and_a_port_of_its_own() -> None:
    found = backends.all_backends()
    assert [backend.name for backend in found] == backends.names() == sorted(backends.names())
    assert len({backend.port for backend in found}) == len(found)
    assert backends.names() == sorted(FIRST_WORDS), "each has its first words above"


def test_an_unknown_name() -> None:
    with pytest.raises(UnknownBackend) as caught:
        backends.load("nobody")
    assert (caught.value.name, caught.value.known) == ("nobody", tuple(backends.names()))


@loaded
def test_summary(backend: Backend) -> None:
    assert 1024 <= backend.port < 65536
    assert backend.summary
    assert backend.transport
    assert "\n" not in backend.summary + backend.transport
    names = [route.name for route in backend.routes]
    assert len(set(names)) == len(names)


@loaded
def test_acts_are_told(backend: Backend) -> None:
    assert set(backend.acts) == set(ACTS) == set(SOME)
    for note in backend.acts.values():
        assert note.how in {"spoken", "approximated", "silent"}
        assert note.what


@loaded
def test_messages_have_schemas(backend: Backend) -> None:
    assert backend.commands
    assert backend.events
    for model in (*backend.commands.values(), *backend.events.values()):
        assert model.model_json_schema()["type"] in ("object", "array")


@loaded
def test_volatile_paths_lead_somewhere(backend: Backend) -> None:
    for path in backend.volatile:
        name, *steps = path.split(".")
        model = backend.events.get(name) or backend.commands[name]
        schema = model.model_json_schema()
        nodes = [schema]
        for step in steps:
            nodes = [found for node in nodes for found in _step(schema, node, step)]
        assert nodes, path


def _step(schema: dict[str, Any], node: dict[str, Any], step: str) -> list[dict[str, Any]]:
    """The places one step further in a JSON Schema, `*` for the items of a list."""
    if "$ref" in node:
        return _step(schema, schema["$defs"][node["$ref"].rpartition("/")[2]], step)
    found = [place for option in node.get("anyOf", ()) for place in _step(schema, option, step)]
    if step == "*":
        return [*found, node["items"]] if "items" in node else found
    return [*found, node["properties"][step]] if step in node.get("properties", {}) else found


# ---- fixtures, URL, example ----


@loaded
def test_seed_and_url(backend: Backend) -> None:
    seed: Any = seeds.load(backend, None, [])
    assert backend.seed in type(seed).__mro__
    assert seed.settings == type(seed.settings).model_validate({}), "the file that comes along keeps to the defaults"
    base = f"http://127.0.0.1:{backend.port}"
    url = backend.connect(seed, base)
    assert url.partition("://")[2].startswith(f"127.0.0.1:{backend.port}/")
    assert (
        backend.connect(seed, "https://chat.example.com/space")
        .partition("://")[2]
        .startswith("chat.example.com/space/")
    )
    example = backend.example(seed, url)
    assert f"//127.0.0.1:{backend.port}/" in example
    assert "\n" not in example
    assert backend.ping_interval(seed.settings) >= 0
    assert backend.link(seed.settings).limit > 0
    backend.bot(World(now=0, ids=Ids.seeded(1), seed=seed, settings=seed.settings))


@every
def test_url_opens_the_door(name: str) -> None:
    talk = talk_to(name)
    client = talk.connect()
    assert client.refused is None
    assert client.upgrade is not None
    assert named(client.upgrade.headers)["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


# ---- what is refused leaves nothing ----


@every
def test_plain_request_at_the_door_leaves_nothing(name: str) -> None:
    talk = talk_to(name)
    engine = talk.running.engine
    untouched = memory((engine.rules, engine.wire))
    client = first_words(talk)
    assert memory((engine.rules, engine.wire)) != untouched, "memory sees what is there"
    before = memory((engine.rules, engine.wire)), [*engine.rules.talks()], engine.next_due()
    for method in ("GET", "POST", "HEAD"):
        refused = talk.connect("curl", headers=PLAIN, method=method).refused
        assert refused is not None
        assert 400 <= refused.status < 500
        assert (memory((engine.rules, engine.wire)), [*engine.rules.talks()], engine.next_due()) == before
    assert client.open


@every
def test_plain_request_at_the_door_changes_nobodys_ids(name: str) -> None:
    alone, watched = talk_to(name), talk_to(name)
    watched.connect("curl", headers=PLAIN)
    said = []
    for talk in (alone, watched):
        client = first_words(talk)
        talk.after(5.0)
        said.append([*client.got])
    assert said[0] == said[1]


@every
@pytest.mark.parametrize("path", ["/no/such/path", "//no", "/%00", "/wc", "/../etc/passwd", "/" + "x" * 5000])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "BREW"])
def test_unknown_paths_are_answered(name: str, path: str, method: str) -> None:
    talk = talk_to(name)
    assert isinstance(find(talk.backend.routes, method, path), NoRoute | NoMethod)
    answer = talk.request(method, path)
    assert answer.status in (400, 403, 404, 405)
    length = int(named(answer.headers)["content-length"])
    assert answer.body == b"" if method == "HEAD" else len(answer.body) == length


@every
@bounded
@given(data=st.data())
def test_every_route_answers_any_body(name: str, data: st.DataObject) -> None:
    talk = talk_to(name)
    for route in talk.backend.routes:
        path = data.draw(st.from_regex(route.pattern, fullmatch=True))
        method = data.draw(st.sampled_from(sorted(route.methods or {"GET", "POST"})))
        body = data.draw(st.binary(max_size=50) | st.sampled_from([b"{}", b"[]", b"null", b'{"a":', b"1e999"]))
        answer = talk.request(method, path, body, PLAIN)
        assert 200 <= answer.status < 600


# ---- whatever comes over a socket ----

_PIECES = st.sampled_from(
    [
        "", "{}", "[]", "null", "0", '"', '{"type":', '{"type":"', "}", "2", "3", "40", "41", '42["a"]', "451-", "2probe",
        '{"type":"start_chat"}', '{"type":"send_msg"}', '[null,"1","phoenix","heartbeat",{}]', '{"action":"x","data":1}',
        "[[[[", "\\ud800", "1e999", "-", "\x00", "\udcff", "\u2028", "é👍",
    ]
)  # fmt: skip
_TEXT = st.lists(_PIECES | st.text(st.characters(), max_size=8), max_size=4).map("".join)
_ITEMS: st.SearchStrategy[Frame | Ping | Pong] = (
    _TEXT.map(Frame)
    | st.binary(max_size=20).map(Frame)
    | st.binary(max_size=5).map(Ping)
    | st.binary(max_size=5).map(Pong)
)


@every
@pytest.mark.parametrize("begun", [False, True])
@bounded
@given(items=st.lists(_ITEMS, max_size=8))
def test_garbage_never_raises(name: str, begun: bool, items: list[Frame | Ping | Pong]) -> None:
    talk = talk_to(name)
    client = first_words(talk) if begun else talk.connect()
    other = talk.connect("other")
    for item in items:
        client._give(item)
    talk.after(1.0)
    assert not any(isinstance(item, Shut | Drop) for item in other.got), "others do not feel it"
    assert other.open


@every
def test_late_and_early_frames_never_raise(name: str) -> None:
    talk = talk_to(name)
    client = first_words(talk)
    client.close(1001)
    client.got.clear()
    for data in FIRST_WORDS[name]:
        client.send(data)
    client.pong()
    client.close(1001)
    talk.after(600.0)
    assert not client.got
    assert talk.running.engine.next_due() is None


# ---- bots ----


@every
def test_bot_answers_a_person(name: str) -> None:
    talk = talk_to(name)
    client = first_words(talk)
    heard = [*talk.running.engine.rules.talks()]
    talk.after(5.0)
    assert any("You said: hello there" in text for text in client.texts())
    assert [*talk.running.engine.rules.talks()] == heard != []


def after_act(name: str, act: Act | None) -> list[object]:
    """All that came within some seconds after the first words, with or without an act."""
    talk = talk_to(name)
    client = first_words(talk)
    talk.after(0.0)
    if act is not None:
        talk.act([*talk.running.engine.rules.talks()][-1], dataclasses.replace(act))
    talk.after(5.0)
    return [*client.got]


@every
@pytest.mark.parametrize("act", sorted(ACTS))
def test_acts_do_what_is_told(name: str, act: str) -> None:
    how = backends.load(name).acts[act].how
    changed = after_act(name, SOME[act]) != after_act(name, None)
    if how == "spoken":
        assert changed, "it is seen on the wire"
    if how == "silent":
        assert not changed, "nothing is seen on the wire"


@every
@pytest.mark.parametrize("act", sorted(ACTS))
@pytest.mark.parametrize("talk_name", ["nobody", "", "a/b/c", "\ud800"])
def test_acts_in_no_talk_say_nothing(name: str, act: str, talk_name: str) -> None:
    talk = talk_to(name)
    client = first_words(talk)
    talk.after(5.0)
    client.got.clear()
    talk.act(talk_name, SOME[act])
    talk.after(5.0)
    assert not client.got
    assert talk.logged, "the operator reads why"


@every
@pytest.mark.parametrize(
    "act",
    [
        Say("\ud800"),
        Stream(["\ud83d", "\ude00"]),
        Raw("m", {"a": "\ud800"}),
        Raw("\ud800"),
        Raw("m", 1),
        Raw("m", {"a": 2**70}),
    ],
)
def test_what_cannot_be_written_never_raises(name: str, act: Act) -> None:
    """WireError "never leaves the wire and the rules": what else was due at that moment would be lost with it."""
    talk = talk_to(name)
    first_words(talk)
    talk.act([*talk.running.engine.rules.talks()][-1], act)
    talk.after(5.0)


# ---- the same script, the same bytes ----


@every
def test_a_seed_is_a_run(name: str) -> None:
    said = []
    for seed in (7, 7, 8):
        talk = talk_to(name, seed)
        client = first_words(talk)
        talk.after(40.0)
        said.append((client.upgrade, [*client.got]))
    assert said[0] == said[1] != said[2]


# ---- what a bot can see ----


NOTHING_TO_ANSWER: dict[str, tuple[str, str]] = {
    "aida": (
        "put_data",
        '["1","4","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","put_data",'
        '{"session":"b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718","data":{}}]',
    ),
    "chatbot": ("typing", '42["typing",{"conversationId":"conv-new","isTyping":true}]'),
    "mia": ("EVENT_OF_NOBODY", '42["EVENT_OF_NOBODY",{}]'),
    "chip": ("get_history", '{"type":"get_history","before":"2026-01-01T00:00:00Z"}'),
    "concierge": (
        "client/ping-on-chat-session",
        '{"action":"api","data":{"route":"client/ping-on-chat-session","body":{"chatSessionId":'
        '"4482e256-da14-47cc-b119-9575bbb3b6d3"}}}',
    ),
}
"""A message that belongs to the same talk, and its name."""

STRAYS: dict[str, list[str]] = {
    "aida": [FIRST_WORDS["aida"][0], '["1","2","bot:3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60","put_data",{"session":"?"}]'],
    "chatbot": [FIRST_WORDS["chatbot"][0], '42["ping"]', '42["ping",{"conversationId":"conv-of-nobody"}]'],
    "mia": [FIRST_WORDS["mia"][0], '42["EVENT_OF_NOBODY"]'],
    "chip": ['{"type":"get_history"}'],
    "concierge": [
        '{"action":"api","data":{"route":"client/ping-on-chat-session","body":{"chatSessionId":"of nobody"}}}',
        '{"action":"api","data":{"route":"client/ping-on-chat-session","body":[]}}',
    ],
}
"""From a socket of its own: messages that belong to no talk."""


class Watching:
    """Notes what it is told, and answers what it hears."""

    def __init__(self) -> None:
        self.link: Link | None = None
        self.noted: list[tuple[str, str]] = []
        self.conns: set[object] = set()

    def hear(self, heard: Heard) -> list[Acted | After | Cancel]:
        self.noted.append(("heard", heard.talk))
        self.conns.add(heard.conn)
        return [Acted(heard.talk, Say("good morning"), heard)]

    def began(self, began: Began) -> list[Acted | After | Cancel]:
        self.noted.append(("began again" if began.again else "began", began.talk))
        self.conns.add(began.conn)
        return []

    def ended(self, ended: Ended) -> list[Acted | After | Cancel]:
        raise AssertionError("nobody ends anything")

    def saw(self, saw: Saw) -> list[Acted | After | Cancel]:
        self.noted.append((f"saw {saw.message.name}", saw.talk))
        self.conns.add(saw.conn)
        return []

    def fired(self, fired: Fired) -> list[Acted | After | Cancel]:
        raise AssertionError("it has no timers")

    def directed(self, directed: Directed) -> list[Acted | After | Cancel]:
        return []


@every
def test_a_watching_bot_knows_the_talk_of_all_that_comes(name: str) -> None:
    bot = Watching()
    talk = Talk(name, seed=7, seeded=fixtures(name), script=lambda backend, world: bot)
    client = first_words(talk)
    talk.after(0.5)
    known = bot.noted[-1][1]
    assert known in talk.running.engine.rules.talks()
    what = [text for text, of in bot.noted if of == known]
    assert what[-1] == "heard"
    assert name == "aida" or any(text.startswith("began") for text in what), "aida's first words name an older session"
    before = len(bot.noted)
    seen, data = NOTHING_TO_ANSWER[name]
    client.send(data)
    assert bot.noted[before:] == [(f"saw {seen}", known)]
    assert len(bot.conns - {None}) == 1


@every
def test_what_belongs_to_no_talk_is_not_shown_to_it(name: str) -> None:
    bot = Watching()
    # mia's clients are in a room once that much time has passed.
    settings = {"init_delay": 5.0} if name == "mia" else {}
    talk = Talk(name, seed=7, seeded=fixtures(name), script=lambda backend, world: bot, settings=settings)
    client = talk.connect()
    for data in STRAYS[name]:
        client.send(data)
    assert bot.noted == []

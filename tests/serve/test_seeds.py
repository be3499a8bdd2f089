"""Fixtures and settings: what is wrong is told by file and line, or by key."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from simulator import backends
from simulator.core.errors import FixtureError, SettingError
from simulator.serve import seeds
from tests.served import WEBSITE

CHANNEL = f"channels:\n  - uuid: {WEBSITE}\n"


def load(text: str | bytes, folder: Path, *settings: tuple[str, str]) -> Any:
    path = folder / "my.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return seeds.load(backends.load("chip"), path, settings)


def test_default() -> None:
    seed: Any = seeds.load(backends.load("chip"), None, [])
    assert seed.channels[0].uuid == WEBSITE
    assert seeds.default_path("chip").is_file()


@pytest.mark.parametrize("name", backends.names())
def test_every_backend_has_fixtures_that_it_takes(name: str) -> None:
    seeds.load(backends.load(name), None, [])


def test_own_file(tmp_path: Path) -> None:
    seed = load(f"settings: {{bot_delay: 0.5, utc_offset: '+02:00'}}\n{CHANNEL}    secret: häi\n", tmp_path)
    assert (seed.settings.bot_delay, seed.settings.utc_offset, seed.channels[0].secret) == (0.5, "+02:00", "häi")


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("channels: [\n", ":2", "is not YAML: "),
        (f"{CHANNEL}  secret: a: b\n", ":3", "is not YAML: "),
        (f"{CHANNEL}\tsecret: a\n", ":3", "is not YAML: "),
        (f"{CHANNEL}channels: []\n", ":3", "is not YAML: found duplicate key"),
        (f"{CHANNEL}x: *nobody\n", ":3", "is not YAML: found undefined alias"),
        (
            f"{CHANNEL}x: !!python/object:os.system\n",
            ":3",
            "is not YAML: could not determine a constructor for the tag",
        ),
        ("", "", "expected keys and values at the top"),
        ("just words", "", "expected keys and values at the top"),
        ("- a\n- b\n", "", "expected keys and values at the top"),
        (b"\xff\xfe\x00", "", "is not a text in UTF-8"),
        (b"a: \x00\n", "", "is not YAML: "),
        ("settings: {}\n", "", "channels: is missing"),
        ("channels: []\n", ":1", "channels: List should have at least 1 item"),
        ("channels: 7\n", ":1", "channels: Input should be a valid list"),
        (f"# one\n{CHANNEL}    colour: red\n", ":4", "channels.0.colour: there is no such key"),
        (f"{CHANNEL}colour: red\n", ":3", "colour: there is no such key"),
        (f"{CHANNEL}    org: first\n", ":3", "channels.0.org: Input should be a valid integer"),
        ("channels:\n  - org: 1\n    uuid: 7D62D551\n", ":3", "channels.0.uuid: String should match pattern"),
        ("channels:\n  - name: a\n", ":2", "channels.0.uuid: is missing"),
        (
            f"{CHANNEL}settings:\n  bot_delay: -1\n",
            ":4",
            "settings.bot_delay: Input should be greater than or equal to 0",
        ),
        (f"{CHANNEL}settings: {{\n  bot_dealy: 1}}\n", ":4", "settings.bot_dealy: there is no such key"),
        (
            f"{CHANNEL}settings:\n  utc_offset: CET\n",
            ":4",
            "settings.utc_offset: expected Z or an offset such as +02:00",
        ),
        (
            f"{CHANNEL}\n  - name: a\n    uuid: {WEBSITE}\n",
            ":5",
            "channels.1.uuid: stands there twice, in channels.0 too",
        ),
        (f"{CHANNEL}    active: false\n", ":1", "channels: no client could connect: at least one has to be active"),
        (
            f"{CHANNEL}contacts:\n- chat_id: {'x' * 24}\n  messages:\n  - id: 1\n    direction: in\n    user: 9\n"
            "    time: '2026-01-01T00:00:00Z'\n",
            ":8",
            "contacts.0.messages.0.user: there is no user 9 in users",
        ),
        (f"{CHANNEL}contacts:\n  - chat_id: short\n", ":4", "contacts.0.chat_id: expected 24 letters and digits"),
        (
            f"{CHANNEL}users:\n- id: 1\n  email: a@b\n- id: 0\n  email: a@b\n",
            ":6",
            "users.1.id: Input should be greater",
        ),
        (f"{CHANNEL}    7: a\n", ":3", "channels.0.7: there is no such key"),
        (f"# one\nchannelz:\n  - uuid: {WEBSITE}\n", ":2", "channelz: there is no such key"),
        ("channels:\n  - org: 1\n    uid: a\n", ":3", "channels.0.uid: there is no such key"),
        ("channels:\n  - {}\n  - uid: a\n", ":3", "channels.1.uid: there is no such key"),
        ("channels:\n  - {}\n  - org: a\n", ":3", "channels.1.org: Input should be a valid integer"),
        (f'{CHANNEL}"a\\nb": 1\n', ":3", "'a\\nb': there is no such key"),
        (f"{CHANNEL}    name: 7\n", ":3", "channels.0.name: expected a text; quotes make it one (got 7)"),
        (
            f"{CHANNEL}    name: 2026-03-01\n",
            ":3",
            "channels.0.name: expected a text; quotes make it one (got '2026-03-01')",
        ),
        (f"{CHANNEL}    name:\n", ":3", "channels.0.name: expected a text"),
        (f"{CHANNEL}    name: [a]\n", ":3", "channels.0.name: expected a text"),
        (f"{CHANNEL}  - web\n", ":3", "channels.1: expected keys and values (got 'web')"),
        (f"{CHANNEL}settings: fast\n", ":3", "settings: expected keys and values (got 'fast')"),
    ],
)
def test_what_is_wrong(text: str | bytes, where: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(FixtureError) as caught:
        load(text, tmp_path)
    told = str(caught.value)
    assert told.startswith(f"{tmp_path / 'my.yaml'}{where}: {why}"), told
    assert "\n" not in told
    assert "pydantic" not in told


@pytest.mark.parametrize(
    ("skills", "where", "why"),
    [
        ("- type: survey\n  id: s", ":7", "questions: is missing"),
        ("- type: survey\n  id: s\n  question: []", ":9", "question: there is no such key"),
        ("- type: survey\n  id: s\n  survey: []", ":9", "survey: there is no such key"),
        ("- type: keyword_responder\n  id: 7\n  response: {}", ":8", "id: expected a text"),
        ("- type: keyword_responder\n  id: k\n  response:\n    7: a", ":10", "response.7: expected a text"),
        ("- type: keyword_responder\n  id: k\n  response:\n    ~: a", ":10", "response.None: expected a text"),
        ("- type: keyword_responder\n  id: k\n  response:\n    1.5: a", ":10", "response.1.5: expected a text"),
    ],
)
def test_a_place_is_told_as_the_file_has_it(skills: str, where: str, why: str, tmp_path: Path) -> None:
    """The names of a union's models, and `[key]`, are not in it."""
    says = "{message: {}}"
    desk = f"{{greeting: {says}, introduction: {says}, not_understood: {says}, clarification: {says}}}"
    bot = f"bots:\n- id: {WEBSITE}\n  manifest:\n    languages: [en]\n    front_desk: {desk}\n    skills:\n"
    path = tmp_path / "my.yaml"
    path.write_text(bot + indent(skills, "    "), encoding="utf-8")
    with pytest.raises(FixtureError) as caught:
        seeds.load(backends.load("aida"), path, [])
    assert str(caught.value).startswith(f"{path}{where}: bots.0.manifest.skills.0.{why}"), caught.value


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    chip = backends.load("chip")
    for path, why in (
        (tmp_path / "nothing.yaml", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(FixtureError) as caught:
            seeds.load(chip, path, [])
        assert str(caught.value) == f"{path}: can't be read: {why}"


def test_very_deep_yaml(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="is not YAML"):
        load("a: " + "[" * 3_000, tmp_path)


def test_settings(tmp_path: Path) -> None:
    seed = load(
        f"settings: {{bot_delay: 3, courier_url: 'http://a', version: v1}}\n{CHANNEL}",
        tmp_path,
        ("bot_delay", "0"),
        ("bot_delay", "0.25"),
        ("courier_url", ""),
        ("message_limit", "100"),
        ("bot", "none"),
    )
    settings = seed.settings
    assert (settings.bot_delay, settings.courier_url, settings.version) == (0.25, None, "v1")
    assert (settings.message_limit, settings.bot) == (100, "none")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("bot_dealy", "1", "there is no such setting; there are: bot, bot_delay, "),
        ("bot_delay", "soon", "Input should be a valid number, unable to parse string as a number (got 'soon')"),
        ("bot_delay", "-1", "Input should be greater than or equal to 0 (got '-1')"),
        ("bot_delay", "", "Input should be a valid number"),
        ("bot_delay", "nan", "Input should be "),
        ("message_limit", "4.5", "Input should be a valid integer"),
        ("bot", "parrot", "Input should be 'echo' or 'none' (got 'parrot')"),
        ("courier_url", "localhost:8080", "expected a URL such as http://127.0.0.1:8080 (got 'localhost:8080')"),
        ("utc_offset", "CET", "expected Z or an offset such as +02:00 (got 'CET')"),
    ],
)
def test_wrong_setting(key: str, value: str, why: str) -> None:
    with pytest.raises(SettingError) as caught:
        seeds.load(backends.load("chip"), None, [(key, value)])
    assert str(caught.value).startswith(f"--set {key}: {why}"), caught.value
    assert "\n" not in str(caught.value)


def test_an_empty_setting_is_an_empty_text_or_nothing() -> None:
    backend = backends.load("aida")
    seed: Any = seeds.load(backend, None, [("check_origin", "")])
    assert seed.settings.check_origin == ""
    chip: Any = seeds.load(backends.load("chip"), None, [("courier_url", "")])
    assert chip.settings.courier_url is None

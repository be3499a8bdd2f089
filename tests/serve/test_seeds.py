"""Fixtures and settings: what is wrong is told by file and line, or by key."""

from __future__ import annotations

from pathlib import Path
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
        ("settings: {}\n", "", "channels: Field required"),
        ("channels: []\n", ":1", "channels: List should have at least 1 item"),
        ("channels: 7\n", ":1", "channels: Input should be a valid list"),
        (f"# one\n{CHANNEL}    colour: red\n", ":4", "channels.0.colour: there is no such key"),
        (f"{CHANNEL}colour: red\n", ":3", "colour: there is no such key"),
        (f"{CHANNEL}    org: first\n", ":3", "channels.0.org: Input should be a valid integer"),
        ("channels:\n  - org: 1\n    uuid: 7D62D551\n", ":3", "channels.0.uuid: String should match pattern"),
        ("channels:\n  - name: a\n", ":2", "channels.0.uuid: Field required"),
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
        (f"{CHANNEL}  - uuid: {WEBSITE}\n", "", f"channels: uuid {WEBSITE} stands there twice"),
        (f"{CHANNEL}contacts:\n  - chat_id: short\n", ":4", "contacts.0.chat_id: expected 24 letters and digits"),
        (
            f"{CHANNEL}users:\n- id: 1\n  email: a@b\n- id: 0\n  email: a@b\n",
            ":6",
            "users.1.id: Input should be greater",
        ),
    ],
)
def test_what_is_wrong(text: str | bytes, where: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(FixtureError) as caught:
        load(text, tmp_path)
    told = str(caught.value)
    assert told.startswith(f"{tmp_path / 'my.yaml'}{where}: {why}"), told
    assert "\n" not in told
    assert "pydantic" not in told


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

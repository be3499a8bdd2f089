"""Wrong fixtures: one line that names the file, the line and the key, what was expected and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator import backends
from simulator.backends.aida.manifest import Manifest, ScheduledMessages
from simulator.core.errors import FixtureError, SettingError
from simulator.serve import seeds

BOT, OTHER, ANA = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")
DESK = "{greeting: &s {message: {en: x}}, introduction: *s, not_understood: *s, clarification: *s}"
TYPES = "language_detector, keyword_responder, survey, scheduled_messages, decision_tree, human_override"
WORLD = f"""\
settings: {{}}
bots:
  - id: {BOT}
    manifest:
      languages: [en]
      front_desk: {DESK}
"""
MENU = "{type: keyword_responder, id: menu, response: {en: soup}}"


def load(text: str, folder: Path, *settings: tuple[str, str]) -> Any:
    path = folder / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return seeds.load(backends.load("aida"), path, settings)


def told(text: str, folder: Path) -> str:
    """What is said of these fixtures, behind the file's name."""
    with pytest.raises(FixtureError) as caught:
        load(text, folder)
    line = str(caught.value)
    assert "\n" not in line
    return line.removeprefix(str(folder / "my.yaml"))


def skill(*lines: str) -> str:
    """WORLD with one skill, of which each line is one of the file from the eighth on."""
    return WORLD + "      skills:\n        - " + "\n          ".join(lines) + "\n"


def scheduled(kind: str, *messages: str) -> str:
    """WORLD with messages that stand in the file from the twelfth line on."""
    said = [
        "  - " + message.replace("; ", "\n              ") + "\n              message: {en: Hi}" for message in messages
    ]
    return skill("type: scheduled_messages", "id: news", f"schedule_type: {kind}", "messages:", *said)


def test_every_key_of_aidas_own_manifests_is_taken(tmp_path: Path) -> None:
    seed = load(
        f"""{WORLD}\
      version: "1"
      public_keys: [aGVsbG8=]
      data_tables: [{{name: t, columns: [a], data: [[1]]}}]
      natural_language_interface: {{provider: wit_ai, auth_token: x}}
      notifications_url: https://example.com:8443/aida
      skills:
        - {{type: language_detector, explanation: x, languages: {{en: [en]}}, reply_to_unsupported_language: true}}
        - {{type: keyword_responder, id: k, name: K, training_sentences: {{en: [a b]}}, relevant: "${{a}}", response: {{}}}}
        - type: survey
          id: s
          name: S
          schedule: 2026-03-01T09:00:00Z
          relevant: x
          training_sentences: {{}}
          questions:
            - {{type: text, name: q, encrypt: true, relevant: x, constraint: x, choice_filter: x, message: {{}}}}
            - {{type: select_one, name: q, choices: c, message: {{}}}}
          choice_lists: [{{name: c, choices: [{{name: a, labels: {{}}, attributes: {{age: 5}}}}]}}]
        - {{type: scheduled_messages, id: m, name: M, relevant: x, schedule_type: recurrent,
           messages: [{{recurrence: {{type: daily, start: "2026-03-01T09:00:00Z", every: 2}}, message: {{en: Hi}}}}]}}
        - {{type: decision_tree, id: d, tree: {{question: {{en: a}}, responses: []}}}}
        - {{type: human_override, id: h, in_hours: {{hours: [{{day: mon}}], timezone: UTC}}}}
      variables: [{{name: v, values: {{}}, overrides: [{{relevant: x, values: {{}}}}]}}]
      channels: [{{type: facebook, page_id: "1", verify_token: x, access_token: y}}]
""",
        tmp_path,
    )
    assert len(seed.bots[0].manifest.skills) == 6
    again = Manifest.model_validate(seed.bots[0].manifest.model_dump())
    assert again == seed.bots[0].manifest


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{WORLD}      frontdesk: {{}}\n", ":7: bots.0.manifest.frontdesk: there is no such key"),
        (
            f"{WORLD}      channels:\n        - type: websocket\n          acces_token: a\n",
            ":9: bots.0.manifest.channels.0.acces_token: there is no such key",
        ),
        (
            WORLD.replace("&s {message", "&s {messages"),
            ":6: bots.0.manifest.front_desk.greeting.messages: there is no such key",
        ),
        (
            WORLD.replace("{greeting", "{\n        unsubscrib: {}, greeting"),
            ":7: bots.0.manifest.front_desk.unsubscrib: there is no such key",
        ),
        (
            WORLD.replace("{greeting", "{\n        unsubscribe: {\n        keyword: {}}, greeting"),
            ":8: bots.0.manifest.front_desk.unsubscribe.keyword: there is no such key",
        ),
        (skill(MENU.replace("response", "answer")), ":8: bots.0.manifest.skills.0.answer: there is no such key"),
        (
            skill("type: survey", "id: s", "questions:", "- type: text", "  massage: {}"),
            ":12: bots.0.manifest.skills.0.questions.0.massage: there is no such key",
        ),
        (
            skill(
                "type: survey", "id: s", "questions: []", "choice_lists:", "- name: a", "  choices:", "  - label: {}"
            ),
            ":14: bots.0.manifest.skills.0.choice_lists.0.choices.0.label: there is no such key",
        ),
        (
            skill("type: language_detector", "explanation: x", "language: {en: [en]}"),
            ":10: bots.0.manifest.skills.0.language: there is no such key",
        ),
        (
            f"{WORLD}      variables:\n        - {{name: a, value: {{en: b}}}}\n",
            ":8: bots.0.manifest.variables.0.value: there is no such key",
        ),
    ],
)
def test_a_key_that_is_misspelt(text: str, line: str, tmp_path: Path) -> None:
    assert told(text, tmp_path) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            skill("id: menu", "type: keyword_respnder"),
            f":9: bots.0.manifest.skills.0.type: there is no such skill; there are: {TYPES} (got 'keyword_respnder')",
        ),
        (skill("id: menu"), ":8: bots.0.manifest.skills.0.type: is missing"),
        (skill("type: [survey]"), ":8: bots.0.manifest.skills.0.type: expected a text"),
        (skill("type: 7"), ":8: bots.0.manifest.skills.0.type: expected a text; quotes make it one (got 7)"),
        (skill("menu"), ":8: bots.0.manifest.skills.0: expected keys and values (got 'menu')"),
        (skill("type: survey", "id: s"), ":8: bots.0.manifest.skills.0.questions: is missing"),
        (
            skill("type: keyword_responder", "id: k", "response: {en: Hi}", "keywords:", "  1: [a]"),
            ":12: bots.0.manifest.skills.0.keywords.1: expected a text; quotes make it one (got 1)",
        ),
        (
            skill("type: keyword_responder", "id: k", "response: Hi"),
            ":10: bots.0.manifest.skills.0.response: expected keys and values (got 'Hi')",
        ),
        (
            skill("type: survey", "id: s", "questions:", "- {type: select_one, choices: b, message: {}}"),
            ":11: bots.0.manifest.skills.0.questions.0.choices: there is no choice list 'b'; there are: none (got 'b')",
        ),
        (
            skill("type: survey", "id: s", "choice_lists: [{name: a, choices: []}]", "questions:", "- {type: select_many, message: {}}"),
            ":12: bots.0.manifest.skills.0.questions.0.choices: there is no choice list ''; there are: a",
        ),
        (
            skill(MENU).rstrip() + "\n        - type: decision_tree\n          id: menu\n",
            ":10: bots.0.manifest.skills.1.id: skills.0 has this id already; each skill needs its own (got 'menu')",
        ),
    ],
)  # fmt: skip
def test_skills(text: str, line: str, tmp_path: Path) -> None:
    assert told(text, tmp_path) == line


def test_skills_without_an_id_are_not_the_same(tmp_path: Path) -> None:
    load(skill("type: decision_tree").rstrip() + "\n        - type: human_override\n", tmp_path)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            scheduled("since_last_incoming_message", "delay: 0", "schedule: 2026-03-01T09:00:00Z"),
            ":14: bots.0.manifest.skills.0.messages.1.delay: each message of schedule_type since_last_incoming_message needs this key",
        ),
        (
            scheduled("fixed_time", "delay: 1"),
            ":12: bots.0.manifest.skills.0.messages.0.schedule: each message of schedule_type fixed_time needs this key",
        ),
        (
            scheduled("recurrent", "delay: 1"),
            ":12: bots.0.manifest.skills.0.messages.0.recurrence: each message of schedule_type recurrent needs this key",
        ),
        (
            scheduled("fixed_time", "schedule: 2026-03-01T09:00:00Z; delay: 5"),
            ":13: bots.0.manifest.skills.0.messages.0.delay: does not go with schedule_type fixed_time, which has schedule (got 5.0)",
        ),
        (
            scheduled("since_last_incoming_message", "delay: -1"),
            ":12: bots.0.manifest.skills.0.messages.0.delay: Input should be greater than or equal to 0 (got -1)",
        ),
        (
            scheduled("since_last_incoming_message", "delay: .inf"),
            ":12: bots.0.manifest.skills.0.messages.0.delay: Input should be a finite number (got inf)",
        ),
        *(
            (
                scheduled("fixed_time", f"schedule: {written}"),
                ":12: bots.0.manifest.skills.0.messages.0.schedule: expected an instant with its offset, "
                f"such as 2026-03-01T09:00:00Z (got {got})",
            )
            for written, got in (
                ("tomorrow", "'tomorrow'"),
                ("'2026-03-01T09:00:00'", "'2026-03-01T09:00:00'"),
                ("2026-03-01T09:00:00", "'2026-03-01 09:00:00'"),
                ("2026-03-01", "'2026-03-01'"),
            )
        ),
        (
            scheduled("sometimes", "delay: 1"),
            ":10: bots.0.manifest.skills.0.schedule_type: Input should be 'since_last_incoming_message', "
            "'fixed_time' or 'recurrent' (got 'sometimes')",
        ),
        (
            skill("type: scheduled_messages", "id: news", "schedule_type: fixed_time", "messages: []"),
            ":11: bots.0.manifest.skills.0.messages: List should have at least 1 item after validation, not 0",
        ),
    ],
)
def test_scheduled_messages(text: str, line: str, tmp_path: Path) -> None:
    assert told(text, tmp_path) == line


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-03-01T09:00:00Z", 1772355600.0),
        ("'2026-03-01T09:00:00Z'", 1772355600.0),
        ("2026-03-01T09:00:00.500+02:00", 1772348400.5),
        ("'2026-03-01T09:00:00.500+02:00'", 1772348400.5),
    ],
)
def test_fixed_times(written: str, at: float, tmp_path: Path) -> None:
    news = load(scheduled("fixed_time", f"schedule: {written}"), tmp_path).bots[0].manifest.skills[0]
    assert isinstance(news, ScheduledMessages)
    assert isinstance(news.messages[0].schedule, str)
    assert news.messages[0].at() == at
    assert ScheduledMessages.model_validate(news.model_dump()) == news


def test_delays(tmp_path: Path) -> None:
    text = scheduled("since_last_incoming_message", "delay: 0", "delay: 1.5", "delay: 20")
    assert [message.delay for message in load(text, tmp_path).bots[0].manifest.skills[0].messages] == [0.0, 1.5, 20.0]


@pytest.mark.parametrize(
    ("channel", "line"),
    [
        (
            "type: websocket",
            ":8: {}.access_token: a websocket channel needs a token that is not empty: clients join with it",
        ),
        (
            "type: websocket\n          access_token: ''",
            ":9: {}.access_token: a websocket channel needs a token that is not empty: clients join with it (got '')",
        ),
        (
            "type: websocket\n          access_token: 7",
            ":9: {}.access_token: expected a text; quotes make it one (got 7)",
        ),
        ("type: websocket\n          access_token:", ":9: {}.access_token: expected a text"),
        ("type: websockt", ":8: {}.type: Input should be 'websocket' or 'facebook' (got 'websockt')"),
    ],
)
def test_channels(channel: str, line: str, tmp_path: Path) -> None:
    text = f"{WORLD}      channels:\n        - {channel}\n"
    assert told(text, tmp_path) == line.format("bots.0.manifest.channels.0")


@pytest.mark.parametrize(
    "url",
    ["example.com", "ftp://example.com", "http://", "http:///x", "http://a:0", "http://a:99999", "http://a:x",
     "http://[::1", "http://a b"],
)  # fmt: skip
def test_notifications_url(url: str, tmp_path: Path) -> None:
    line = ":7: bots.0.manifest.notifications_url: expected a URL such as http://127.0.0.1:8080 (got '{}')"
    assert told(f"{WORLD}      notifications_url: '{url}'\n", tmp_path) == line.format(url)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8080", "https://example.com/a/b"])
def test_notifications_urls_that_are_fine(url: str, tmp_path: Path) -> None:
    assert load(f"{WORLD}      notifications_url: '{url}'\n", tmp_path).bots[0].manifest.notifications_url == url


SAME = WORLD.partition("bots:\n")[2].replace("&s", "&t").replace("*s", "*t")
UUID = "expected a UUID in lower case, such as 3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (WORLD.replace(BOT, BOT.upper()), f":3: bots.0.id: {UUID} (got '{BOT.upper()}')"),
        (WORLD.replace(BOT, f'"{BOT}\\n"'), f":3: bots.0.id: {UUID} (got '{BOT}\\n')"),
        (f"{WORLD}sessions:\n- bot: {BOT}\n  id: ana\n", f":9: sessions.0.id: {UUID} (got 'ana')"),
        (WORLD + SAME, f":7: bots.1.id: bots.0 has this id already; each bot needs its own (got '{BOT}')"),
        (
            f"{WORLD}sessions:\n- &a {{id: {ANA}, bot: {BOT}}}\n- id: {OTHER}\n  bot: {BOT}\n- *a\n",
            f":8: sessions.2.id: sessions.0 has this id already; each session needs its own (got '{ANA}')",
        ),
        (
            f"{WORLD}sessions:\n- id: {ANA}\n  bot: {OTHER}\n",
            f":9: sessions.0.bot: there is no such bot; there are: {BOT} (got '{OTHER}')",
        ),
    ],
)
def test_ids(text: str, line: str, tmp_path: Path) -> None:
    assert told(text, tmp_path) == line


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("a: .nan", ":11: sessions.0.data.a: JSON has no such number (got nan)"),
        ("a: 1\n    b: [1, {c: -.inf}]", ":12: sessions.0.data.b.1.c: JSON has no such number (got -inf)"),
        ("a: 1\n    7: x", ":12: sessions.0.data.7: expected a text as key; quotes make it one (got 7)"),
        ("a: {~: x}", ":11: sessions.0.data.a.None: expected a text as key; quotes make it one"),
        ("a: {1.5: x}", ":11: sessions.0.data.a.1.5: expected a text as key; quotes make it one (got 1.5)"),
        ("a: 2026-03-01", ":11: sessions.0.data.a: JSON has no such value; quotes make it a text (got '2026-03-01')"),
        ("a: !!binary aGk=", ":11: sessions.0.data.a: JSON has no such value; quotes make it a text"),
        (
            "a: 18446744073709551616",
            ":11: sessions.0.data.a: expected a number of at most 64 bits; quotes make it a text (got 18446744073709551616)",
        ),
        ("a: &a [1, *a]", ":11: sessions.0.data.a.1: it contains itself (got 1)"),
    ],
)
def test_data_that_json_does_not_have(data: str, line: str, tmp_path: Path) -> None:
    text = f"{WORLD}sessions:\n- id: {ANA}\n  bot: {BOT}\n  data:\n    {data}\n"
    assert told(text, tmp_path) == line


@pytest.mark.parametrize("data", ["[]", "7", "ana"])
def test_data_that_are_no_object(data: str, tmp_path: Path) -> None:
    text = f"{WORLD}sessions:\n- id: {ANA}\n  bot: {BOT}\n  data: {data}\n"
    assert told(text, tmp_path).startswith(":10: sessions.0.data: expected keys and values")


def test_data(tmp_path: Path) -> None:
    text = f"{WORLD}sessions: [{{id: {ANA}, bot: {BOT}, data: {{a: [&x [1], *x, 2.5, true, ~], b: {{c: ä}}}}}}]\n"
    assert load(text, tmp_path).sessions[0].data == {"a": [[1], [1], 2.5, True, None], "b": {"c": "ä"}}


@pytest.mark.parametrize(("written", "profile"), [("1.8", "1.8"), ("1.3", "1.3"), ("'1.8'", "1.8")])
def test_profile(written: str, profile: str, tmp_path: Path) -> None:
    assert load(WORLD.replace("{}", f"{{profile: {written}}}"), tmp_path).settings.profile == profile
    assert load(WORLD, tmp_path, ("profile", profile)).settings.profile == profile


@pytest.mark.parametrize("host", ["", "chat.example.com", "localhost", "127.0.0.1", "[::1]"])
def test_hosts(host: str, tmp_path: Path) -> None:
    assert load(WORLD.replace("{}", f"{{check_origin: '{host}'}}"), tmp_path).settings.check_origin == host


HOST = "expected a host alone, such as chat.example.com"


@pytest.mark.parametrize(
    "host", ["https://a.example", "//a.example", "a.example/", "a.example:443", "a b", " a", "*.example", "a,b"]
)
def test_what_is_no_host(host: str, tmp_path: Path) -> None:
    assert (
        told(WORLD.replace("{}", f"\n  check_origin: '{host}'"), tmp_path)
        == f":2: settings.check_origin: {HOST} (got '{host}')"
    )
    with pytest.raises(SettingError) as caught:
        load(WORLD, tmp_path, ("check_origin", host))
    assert str(caught.value) == f"--set check_origin: {HOST} (got '{host}')"


def test_a_profile_that_there_is_not(tmp_path: Path) -> None:
    line = ":2: settings.profile: Input should be '1.3' or '1.8' (got '1.4')"
    assert told(WORLD.replace("{}", "\n  profile: 1.4"), tmp_path) == line

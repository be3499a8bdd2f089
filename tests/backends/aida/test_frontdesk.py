"""The front desk: what a bot says by its manifest, case by case as AIDA's own tests have them (test/aida/bot_test.exs)."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import backends
from simulator.backends.aida.frontdesk import Chat, Desk, answer
from simulator.backends.aida.manifest import Manifest
from simulator.backends.aida.state import Session
from simulator.core.actions import Heard
from simulator.core.bot import Say
from simulator.core.message import Json, Message
from simulator.serve import seeds

SEED: Any = seeds.load(backends.load("aida"), None, [])
HARBOUR, STREET = SEED.bots[0].manifest, SEED.bots[1].manifest

ASKS = "Say 'english' for English. Di 'español' para español."
DOES = [
    "Here is what I can do",
    "I can tell you what is on the menu",
    "I can tell you when we are open",
    "Send STOP and I keep quiet",
]
EN_ESPANOL = [
    "Esto es lo que puedo hacer",
    "Te digo qué hay en el menú",
    "Te digo cuándo abrimos",
    "Envía ALTO y me callo",
]
LAMPS = ["Tell me what is broken in your street", "I know about lamps", "Send STOP to end this"]


def session(**data: Json) -> Session:
    return Session("b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718", "bot", data.items())


def say(manifest: Manifest, who: Session, *texts: str | None, image: str | None = None) -> list[str]:
    """What the last of these is answered with; None is a picture."""
    chat = Chat(manifest, who, None)
    for text in texts:
        chat = Chat(manifest, who, text, image if text is None else None)
        answer(chat)
    return chat.reply


def test_a_bot_of_one_language_greets() -> None:
    assert say(STREET, session(), "Hi!") == ["Hi, this is Street Watch", *LAMPS]


def test_the_second_time_it_does_not_understand() -> None:
    assert say(STREET, session(), "Hi!", "foobar") == ["I do not know that word", *LAMPS]


def test_a_picture_that_nobody_asked_for_is_not_understood() -> None:
    assert say(STREET, session(), "Hi!", None) == ["I do not know that word", *LAMPS]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("lamp", ["Lamps are mended within two days"]),
        ("LAMP!", ["Lamps are mended within two days"]),
        ("my lamp is dark", ["I am not sure what you need", "Write 'lamp' for lamps"]),
        ("lamp stop", ["I am not sure what you need", "Send STOP to end this", "Write 'lamp' for lamps"]),
        ("stop", ["Goodbye"]),
        ("...", ["I do not know that word", *LAMPS]),
    ],
)
def test_keywords(text: str, reply: list[str]) -> None:
    assert say(STREET, session(), "Hi!", text) == reply


def test_who_unsubscribes_is_left_in_peace_until_he_writes_again() -> None:
    who = session()
    say(STREET, who, "Hi!", "stop")
    assert who.quiet
    say(STREET, who, "lamp")
    assert not who.quiet


def test_a_bot_of_several_languages_asks_first() -> None:
    assert say(HARBOUR, session(), "Hi!") == [ASKS]


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("english", ["Hello, this is Harbour Kitchen", *DOES]),
        ("I want to speak english please", ["Hello, this is Harbour Kitchen", *DOES]),
        ("english o español", ["Hello, this is Harbour Kitchen", *DOES]),
        ("¿Hablas español?", ["Hola, somos Harbour Kitchen", *EN_ESPANOL]),
        ("português", [ASKS]),
    ],
)
def test_the_language_is_heard(text: str, reply: list[str]) -> None:
    assert say(HARBOUR, session(), "Hi!", text) == reply


def test_a_bare_name_switches_without_a_word() -> None:
    who = session()
    say(HARBOUR, who, "Hi!", "español")
    assert say(HARBOUR, who, "no hablo english") == ["No entendí eso", *EN_ESPANOL]
    assert say(HARBOUR, who, "english") == []
    assert say(HARBOUR, who, "hello") == ["I did not get that", *DOES]


def test_a_language_that_came_along_is_not_asked_for() -> None:
    assert say(HARBOUR, session(language="en"), "Hi!") == ["Hello, this is Harbour Kitchen", *DOES]
    who = session(language="jp")
    assert say(HARBOUR, who, "Hi!") == [ASKS]
    assert "language" not in who


def test_a_picture_waits_for_the_language() -> None:
    who = session()
    assert say(HARBOUR, who, None) == []
    assert not who.is_new, "as in reality: it was answered with nothing"


def test_variables() -> None:
    who = session(language="en", first_name="Ana")
    assert say(HARBOUR, who, "menu") == ["Today we cook fish soup"]
    assert say(HARBOUR, who, "hours") == ["Open from noon to ten, Ana"]
    who["first_name"] = ["Ana", True, None, {"a": 1}, 2]
    assert say(HARBOUR, who, "hours") == ["Open from noon to ten, Ana, true, , , 2"]


def test_a_variable_inside_of_itself() -> None:
    manifest = STREET.model_copy(deep=True)
    manifest.front_desk.greeting.message["en"] = "${a}"
    assert say(manifest, session(a="<${b}>", b="[${a}]"), "Hi!")[0] == "<[...]>"


def test_the_end_of_the_session_id() -> None:
    who = session()
    assert say(HARBOUR, who, "##SESSION") == ["5f60718"]
    assert who.is_new
    assert say(HARBOUR, who, "##session") == [ASKS]


# ---- surveys


def test_a_survey_asks_for_a_picture() -> None:
    who = session()
    assert say(STREET, who, "Hi!", "report") == ["Send me a picture of it"]
    assert say(STREET, who, None) == ["Send me a picture of it"], "not one of this session's"
    assert say(STREET, who, None, image="0a") == ["Nice! Where is that?"]
    assert who["survey/report/picture"] == {"type": "image", "id": "0a"}
    assert say(STREET, who, " Elm Road ") == ["Thank you, we look after Elm Road"]
    assert ".survey/report" not in who
    assert say(STREET, who, "report") == ["Send me a picture of it"]
    assert "survey/report/place" not in who, "it begins anew"


def test_a_text_in_place_of_a_picture_is_no_answer() -> None:
    assert say(STREET, session(), "Hi!", "report", "here") == ["Send me a picture of it"]


def test_another_skill_ends_a_survey() -> None:
    who = session()
    assert say(STREET, who, "Hi!", "report", "lamp") == ["Lamps are mended within two days"]
    assert ".survey/report" not in who


def test_numbers_and_choices() -> None:
    who = session(language="en")
    assert say(HARBOUR, who, "table") == ["For how many?"]
    for text in ("many", "-2", "2.5", ""):
        assert say(HARBOUR, who, text) == ["A number, please", "For how many?"], text
    assert say(HARBOUR, who, "4") == ["Inside or outside?"]
    assert say(HARBOUR, who, "on the roof") == ["Inside or outside?"]
    assert say(HARBOUR, who, "OUT") == ["A table for 4 is yours"]
    assert (who["survey/table/guests"], who["survey/table/place"]) == (4, "outside")


def manifest(*questions: dict[str, Any]) -> Manifest:
    data = STREET.model_dump()
    choices = [{"name": "colours", "choices": [
        {"name": "r", "labels": {"en": ["Red"]}}, {"name": "g", "labels": {"en": ["green"]}},
    ]}]  # fmt: skip
    data["skills"] = [
        {"type": "survey", "id": "s", "keywords": {"en": ["go"]}, "questions": [*questions], "choice_lists": choices},
        {"type": "decision_tree", "id": "t"},
    ]
    return Manifest.model_validate(data)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("decimal", "2.5", 2.5),
        ("decimal", "two", None),
        ("integer", "0", 0),
        ("text", " x ", "x"),
        ("select_many", "green, RED", ["g", "r"]),
        ("select_many", "green, blue", None),
        ("select_one", "red", "r"),
    ],
)
def test_kinds_of_questions(kind: str, text: str, value: Json) -> None:
    who = session()
    question = {"type": kind, "name": "q", "message": {"en": "?"}, "choices": "colours"}
    last = {"type": "note", "message": {"en": "done"}}
    bot = manifest(question, last)
    assert say(bot, who, "Hi!", "go") == ["?"]
    assert say(bot, who, text) == (["done"] if value is not None else ["?"])
    assert who.get("survey/s/q") == value


def test_a_note_in_the_middle_is_said_and_passed() -> None:
    bot = manifest({"type": "note", "message": {"en": "first"}}, {"type": "text", "name": "q", "message": {"en": "?"}})
    assert say(bot, session(), "Hi!", "go") == ["first", "?"]


def test_a_state_that_a_client_wrote_is_no_state() -> None:
    bot = manifest({"type": "text", "name": "q", "message": {"en": "?"}})
    states: list[Json] = [{"step": "x"}, {"step": 7}, {"step": -1}, [], "x"]
    for state in states:
        assert say(bot, session(**{".survey/s": state}), "go") == ["?"]


def test_a_survey_needs_its_lists() -> None:
    with pytest.raises(ValueError, match="there is no choice list 'nothing'"):
        manifest({"type": "select_one", "name": "q", "message": {}, "choices": "nothing"})


# ---- as a bot


def test_each_line_is_an_act() -> None:
    desk = Desk(SEED)
    who = Session("id", SEED.bots[1].id)
    message = Message("utb_msg", ({"session": "id", "text": "Hi!"},))
    acts = desk.hear(Heard("id", "Hi!", message, None, who))
    assert acts == [Say("Hi, this is Street Watch"), *map(Say, LAMPS)]
    assert desk.hear(Heard("id", "", Message("utb_img"), None, who)) == [
        Say("I do not know that word"),
        *map(Say, LAMPS),
    ]


def test_it_knows_its_own_sessions_alone() -> None:
    desk = Desk(SEED)
    message = Message("utb_msg")
    assert desk.hear(Heard("id", "Hi!", message)) == []
    assert desk.hear(Heard("id", "Hi!", message, None, Session("id", "another"))) == []


def test_two_that_are_near() -> None:
    bot = HARBOUR.model_copy(deep=True)
    bot.skills[1].keywords["en"] += ["english", "table"]
    who = session(language="en")
    assert say(bot, who, "english") == ["Which of these do you mean?", ASKS, "Write 'menu' for the menu"]
    assert say(bot, who, "table") == ["Which of these do you mean?", "Write 'menu' for the menu"], "surveys say nothing"


def test_a_note_that_is_asked_for_has_no_answer() -> None:
    state: Json = {"step": 2}
    assert say(STREET, session(**{".survey/report": state}), "hm") == ["Thank you, we look after "]

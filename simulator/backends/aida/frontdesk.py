"""AIDA's own bot: the front desk and the skills of a manifest (lib/aida/bot.ex, front_desk.ex, skills/)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from simulator.backends.aida.manifest import (
    FrontDesk,
    KeywordResponder,
    Keywords,
    LanguageDetector,
    Manifest,
    Question,
    Survey,
    Words,
)
from simulator.backends.aida.state import FORWARD, Seed, Session, Settings, words
from simulator.core.actions import Heard
from simulator.core.bot import Act, Bot, Say
from simulator.core.message import Json

_Skill: TypeAlias = FrontDesk | LanguageDetector | KeywordResponder | Survey

_VARIABLE = re.compile(r"\$\{\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*\}")
_DEEPEST = 16
"""Variables inside of variables; a name inside of itself gives `...` (message.ex interpolate_vars)."""
_MOST_VARIABLES = 1_000
_LONGEST_TEXT = 100_000
"""Variables filled into one answer, and its characters: a client writes its own, and may nest them as it likes."""
_LONGEST_ANSWER = 10_000
"""Characters of a survey's answer that are kept."""


@dataclass(slots=True)
class Chat:
    """One message being answered."""

    manifest: Manifest
    session: Session
    text: str | None
    """None for a picture."""
    image: str | None = None
    """Of a picture that the session has: its id."""
    reply: list[str] = field(default_factory=list)
    filled: int = 0
    """Variables that were filled in so far."""

    @property
    def language(self) -> str | None:
        value = self.session.get("language")
        return value if isinstance(value, str) else None

    @property
    def words(self) -> list[str]:
        return words(self.text) if self.text is not None else []

    def respond(self, response: Words | str) -> None:
        """Say a text in the session's language; one that there is not is left out."""
        text = response if isinstance(response, str) else response.get(self.language or "", "")
        text = self._fill(text, ())[:_LONGEST_TEXT]
        if text:
            self.reply.append(text)

    def _fill(self, text: str, inside: tuple[str, ...]) -> str:
        parts: list[str] = []
        place = size = 0
        for match in _VARIABLE.finditer(text):
            name = match[1]
            self.filled += 1
            if name in inside or len(inside) >= _DEEPEST or self.filled > _MOST_VARIABLES:
                value = "..."
            else:
                value = self._fill(self._lookup(name), (*inside, name))
            parts += (text[place : match.start()], value)
            place = match.end()
            size += len(parts[-2]) + len(value)
            if size > _LONGEST_TEXT:
                break
        return "".join([*parts, text[place:]])[:_LONGEST_TEXT]

    def _lookup(self, name: str) -> str:
        for variable in self.manifest.variables:
            if variable.name == name:
                return variable.values.get(self.language or "", "")
        value = self.session.get(name)
        if value is None:
            value = next((v for key, v in self.session.items() if key.endswith(f"/{name}")), None)
        return _shown(value)

    def put(self, key: str, value: Json) -> None:
        """Set a value of the session; null and the empty text take it away (session.ex put)."""
        if value is None or value == "":
            self.session.pop(key, None)
        else:
            self.session[key] = value


class Relieved:
    """A Bot that is still while an operator has the session (bot.ex); a scenario, which plays the operator, is not."""

    def __init__(self, bot: Bot) -> None:
        self._hear = bot.hear

    def hear(self, heard: Heard) -> list[Act]:
        """What the bot does about it."""
        forwarded = heard.message.name == "utb_msg" and heard.text != "##SESSION"
        return [] if forwarded and FORWARD in (heard.about or ()) else self._hear(heard)


class Desk:
    """A Bot that follows the manifests."""

    def __init__(self, seed: Seed) -> None:
        settings: Settings = seed.settings
        self._delay = settings.bot_delay
        self._manifests = {bot.id: bot.manifest for bot in seed.bots}

    def hear(self, heard: Heard) -> list[Act]:
        """One Say for each line."""
        session = heard.about
        if not isinstance(session, Session) or session.bot not in self._manifests:
            return []
        payload = heard.message.args[0] if heard.message.args else None
        image = payload.get("image") if isinstance(payload, dict) else None
        picture = heard.message.name == "utb_img"
        chat = Chat(
            self._manifests[session.bot],
            session,
            None if picture else heard.text,
            image if isinstance(image, str) else None,
        )
        answer(chat)
        return [Say(text, after=self._delay) for text in chat.reply]


def answer(chat: Chat) -> None:
    """Work one message as bot.ex chat does, in its order."""
    if chat.text == "##SESSION":
        chat.reply.append(chat.session.id[-7:])
        return
    chat.session.quiet = False
    if chat.language not in chat.manifest.languages:
        chat.put("language", None)
    if chat.language is None and len(chat.manifest.languages) == 1:
        chat.put("language", chat.manifest.languages[0])
    before = chat.language
    _handle(chat)
    if before is None and chat.language is not None and not chat.reply:
        _greet(chat)
    chat.session.is_new = False


def _handle(chat: Chat) -> None:
    desk = chat.manifest.front_desk
    rated = [(rating, skill) for skill in (desk, *_relevant(chat)) if (rating := _confidence(skill, chat)) > 0]
    # Erlang's sort by >= is stable: of equals the first in the manifest stays in front.
    rated.sort(key=lambda pair: -pair[0])
    if not rated:
        if chat.session.is_new:
            _greet(chat)
        else:
            chat.respond(desk.not_understood.message)
            _introduce(chat)
        return
    lead = rated[0][0] - (rated[1][0] if len(rated) > 1 else 0)
    if desk.threshold > lead:
        chat.respond(desk.clarification.message)
        for _, skill in rated:
            _clarify(skill, chat)
        return
    best = rated[0][1]
    for other in chat.manifest.skills:
        if isinstance(other, Survey) and other is not best:
            chat.put(_state_key(other), None)
    _respond(best, chat)


def _relevant(chat: Chat) -> Iterable[_Skill]:
    for skill in chat.manifest.skills:
        if isinstance(skill, LanguageDetector) or (
            chat.language is not None and isinstance(skill, KeywordResponder | Survey)
        ):
            yield skill


def _greet(chat: Chat) -> None:
    chat.respond(chat.manifest.front_desk.greeting.message)
    _introduce(chat)


def _introduce(chat: Chat) -> None:
    desk = chat.manifest.front_desk
    chat.respond(desk.introduction.message)
    for skill in _relevant(chat):
        if isinstance(skill, KeywordResponder):
            chat.respond(skill.explanation)
    chat.respond(desk.unsubscribe.introduction_message.message)


def _share(keywords: Keywords, chat: Chat) -> float:
    """Which part of the words are keywords (skill.ex confidence_for_keywords)."""
    wanted = _plain(keywords.get(chat.language or "", ()))
    said = chat.words
    return sum(word in wanted for word in said) / len(said) if said else 0


def _plain(keywords: Iterable[str]) -> set[str]:
    return {keyword.strip().lower() for keyword in keywords}


def _confidence(skill: _Skill, chat: Chat) -> float:
    if isinstance(skill, Survey):
        question = _question(skill, chat)
        if question is None:
            return _share(skill.keywords, chat)
        return 1 if _accepted(skill, question, chat) is not None else chat.manifest.front_desk.threshold
    if chat.text is None:
        return 0
    if isinstance(skill, FrontDesk):
        return _share(skill.unsubscribe.keywords, chat)
    if isinstance(skill, KeywordResponder):
        return _share(skill.keywords, chat)
    if chat.language is None:
        return 1
    return len(_languages(skill, chat)) if len(chat.text.split()) == 1 else 0


def _clarify(skill: _Skill, chat: Chat) -> None:
    if isinstance(skill, FrontDesk):
        chat.respond(skill.unsubscribe.introduction_message.message)
    elif isinstance(skill, KeywordResponder):
        chat.respond(skill.clarification)
    elif isinstance(skill, LanguageDetector):
        chat.respond(skill.explanation)


def _respond(skill: _Skill, chat: Chat) -> None:
    if isinstance(skill, FrontDesk):
        chat.session.quiet = True
        chat.respond(skill.unsubscribe.acknowledge_message.message)
    elif isinstance(skill, KeywordResponder):
        chat.respond(skill.response)
    elif isinstance(skill, LanguageDetector):
        languages = _languages(skill, chat)
        if languages:
            chat.put("language", languages[0])
        else:
            # There is no language yet, or this skill would not have been sure of itself. The real one asks Amazon
            # first which language that was, and the person only where it gets no answer.
            chat.respond(skill.explanation)
    else:
        _go_on(skill, chat)


def _languages(skill: LanguageDetector, chat: Chat) -> list[str]:
    found = []
    for word in chat.words:
        # A map's keys come in alphabetical order.
        match = next((name for name in sorted(skill.languages) if word in _plain(skill.languages[name])), None)
        if match is not None:
            found.append(match)
    return found


# --- surveys (skills/survey.ex): the step is kept in the session's data


def _state_key(survey: Survey) -> str:
    return f".survey/{survey.id}"


def _question(survey: Survey, chat: Chat) -> Question | None:
    state = chat.session.get(_state_key(survey))
    step = state.get("step") if isinstance(state, dict) else None
    return survey.questions[step] if isinstance(step, int) and 0 <= step < len(survey.questions) else None


def _go_on(survey: Survey, chat: Chat) -> None:
    question = _question(survey, chat)
    if question is None:
        for key in [key for key in chat.session if key.startswith(f"survey/{survey.id}")]:
            del chat.session[key]
        chat.put(_state_key(survey), {"step": 0})
    else:
        value = _accepted(survey, question, chat)
        if value is None:
            if question.constraint_message is not None:
                chat.respond(question.constraint_message)
        else:
            chat.put(f"survey/{survey.id}/{question.name}", value)
            _next(survey, chat)
    while (question := _question(survey, chat)) is not None:
        chat.respond(question.message)
        if question.type != "note":
            return
        _next(survey, chat)


def _next(survey: Survey, chat: Chat) -> None:
    state = chat.session.get(_state_key(survey))
    step = state.get("step") if isinstance(state, dict) else None
    following = step + 1 if isinstance(step, int) else 0
    chat.put(_state_key(survey), {"step": following} if following < len(survey.questions) else None)


def _accepted(survey: Survey, question: Question, chat: Chat) -> Json:
    """The answer's value, None where it is not one to this question (input_question.ex, select_question.ex)."""
    if question.type == "image":
        return None if chat.image is None else {"type": "image", "id": chat.image}
    text = chat.text or ""
    if question.type == "text":
        return text.strip()[:_LONGEST_ANSWER] or None
    if question.type == "integer":
        return int(text) if re.fullmatch(r"\+?[0-9]{1,100}|-0+", text, re.ASCII) else None
    if question.type == "decimal":
        return float(text) if re.fullmatch(r"[+-]?[0-9]{1,100}(\.[0-9]+)?(e[+-]?[0-9]{1,2})?", text, re.ASCII) else None
    if question.type == "note":
        return None
    choices = next(choices for choices in survey.choice_lists if choices.name == question.choices).choices
    many = question.type == "select_many"
    names = []
    for said in [part.strip() for part in text.lower().split(",")] if many else [text.lower()]:
        name = next((c.name for c in choices if said in _plain(c.labels.get(chat.language or "", ()))), None)
        if name is None:
            return None
        names.append(name)
    return list(names) if many else names[0]


def _shown(value: Json) -> str:
    """A value of the session's data as a text (message.ex display_var)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return "" if isinstance(value, dict) else str(value)

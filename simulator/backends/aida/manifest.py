"""A bot's manifest, in the shape that AIDA's own API takes (priv/schema.json), as far as the front desk reads it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Words = dict[str, str]
"""A text by language, such as `{en: Hello, es: Hola}`."""
Keywords = dict[str, list[str]]
"""Words by language; case and blanks around them do not count (bot_parser.ex parse_string_list)."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class _Loose(BaseModel):
    """Part of a manifest of which only these fields matter here."""

    model_config = ConfigDict(extra="ignore", defer_build=True)


class Speech(_Loose):
    """A text with its translations."""

    message: Words


class Unsubscribe(_Loose):
    """How to be left in peace."""

    introduction_message: Speech = Speech(message={})
    keywords: Keywords = {}
    acknowledge_message: Speech = Speech(message={})


class FrontDesk(_Loose):
    """What the bot says when no skill speaks."""

    greeting: Speech
    introduction: Speech
    not_understood: Speech
    clarification: Speech
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.3
    """The lead that the best skill needs over the next one."""
    unsubscribe: Unsubscribe = Unsubscribe()


class LanguageDetector(_Loose):
    """Asks for the language, and hears when it changes."""

    type: Literal["language_detector"]
    explanation: str
    languages: Keywords


class KeywordResponder(_Loose):
    """One answer to one kind of question."""

    type: Literal["keyword_responder"]
    id: str
    explanation: Words = {}
    clarification: Words = {}
    keywords: Keywords = {}
    response: Words


class Choice(_Loose):
    """One answer of a question that is a choice."""

    name: str
    labels: Keywords


class ChoiceList(_Loose):
    """Choices that several questions may share."""

    name: str
    choices: list[Choice]


class Question(_Loose):
    """One step of a survey."""

    type: Literal["text", "integer", "decimal", "image", "select_one", "select_many", "note"]
    name: str = ""
    message: Words
    choices: str = ""
    """The name of a list, for select_one and select_many."""
    constraint_message: Words | None = None


class Survey(_Loose):
    """Questions one after the other."""

    type: Literal["survey"]
    id: str
    keywords: Keywords = {}
    questions: list[Question]
    choice_lists: list[ChoiceList] = []

    @model_validator(mode="after")
    def _known_lists(self) -> Survey:
        known = {choices.name for choices in self.choice_lists}
        for question in self.questions:
            if question.type.startswith("select_") and question.choices not in known:
                raise ValueError(f"question {question.name!r}: there is no choice list {question.choices!r}")
        return self


class Other(_Loose):
    """A skill that the front desk here does not know: it never speaks."""

    type: str


_KNOWN = frozenset({"language_detector", "keyword_responder", "survey"})


def _kind(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if kind in _KNOWN else "other"


Skill = Annotated[
    Annotated[LanguageDetector, Tag("language_detector")]
    | Annotated[KeywordResponder, Tag("keyword_responder")]
    | Annotated[Survey, Tag("survey")]
    | Annotated[Other, Tag("other")],
    Discriminator(_kind),
]


class Variable(_Loose):
    """`${name}` in any text."""

    name: str
    values: Words


class Channel(_Loose):
    """A way in: of type websocket here, of any other type elsewhere. Both kinds' tokens count while a bot starts."""

    type: str
    access_token: str = ""


class Manifest(_Loose):
    """What a bot is made of."""

    languages: Annotated[list[str], Field(min_length=1)]
    front_desk: FrontDesk
    skills: list[Skill] = []
    variables: list[Variable] = []
    channels: list[Channel] = []
    notifications_url: str = ""
    """Where texts go while a human has taken over: POST <url>/messages/<id>; nowhere when empty."""

    def token(self) -> str | None:
        """The websocket channel's token; the last one counts (channel_registry.ex keeps one for each bot)."""
        tokens = [channel.access_token for channel in self.channels if channel.type == "websocket"]
        return tokens[-1] if tokens else None

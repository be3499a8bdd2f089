"""A bot's manifest, in the shape that AIDA's own API takes (priv/schema.json), as far as the front desk reads it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from simulator.core.url import web_url

Words = dict[str, str]
"""A text by language, such as `{en: Hello, es: Hola}`."""
Keywords = dict[str, list[str]]
"""Words by language; case and blanks around them do not count (bot_parser.ex parse_string_list)."""


def wrong(why: str, *loc: str | int, got: object = None) -> ValidationError:
    """For a validator to raise: what is wrong at a place below its own; without `got`, that there is nothing there."""
    text = PydanticCustomError("missing" if got is None else "value_error", "{why}", {"why": why})
    return ValidationError.from_exception_data("fixtures", [InitErrorDetails(type=text, loc=loc, input=got)])


def once(what: str, place: str, ids: list[str]) -> None:
    """Raise ValidationError for an id that stands there twice; the empty one is none."""
    seen: dict[str, int] = {}
    for i, id in enumerate(ids):
        first = seen.setdefault(id, i)
        if id and first != i:
            raise wrong(f"{place}.{first} has this id already; each {what} needs its own", place, i, "id", got=id)


class _Model(BaseModel):
    """A key that AIDA's manifests don't have is an error; one that does nothing here is of type Any."""

    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)


class Speech(_Model):
    """A text with its translations."""

    message: Words


class Unsubscribe(_Model):
    """How to be left in peace."""

    introduction_message: Speech = Speech(message={})
    keywords: Keywords = {}
    acknowledge_message: Speech = Speech(message={})


class FrontDesk(_Model):
    """What the bot says when no skill speaks."""

    greeting: Speech
    introduction: Speech
    not_understood: Speech
    clarification: Speech
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.3
    """The lead that the best skill needs over the next one."""
    unsubscribe: Unsubscribe = Unsubscribe()


class LanguageDetector(_Model):
    """Asks for the language, and hears when it changes."""

    type: Literal["language_detector"]
    explanation: str
    languages: Keywords
    reply_to_unsupported_language: Any = None
    """Passed over."""


class KeywordResponder(_Model):
    """One answer to one kind of question."""

    type: Literal["keyword_responder"]
    id: str
    explanation: Words = {}
    clarification: Words = {}
    keywords: Keywords = {}
    response: Words
    name: Any = None
    training_sentences: Any = None
    relevant: Any = None
    """These are passed over."""


class Choice(_Model):
    """One answer of a question that is a choice."""

    name: str
    labels: Keywords
    attributes: Any = None
    """Passed over."""


class ChoiceList(_Model):
    """Choices that several questions may share."""

    name: str
    choices: list[Choice]


class Question(_Model):
    """One step of a survey."""

    type: Literal["text", "integer", "decimal", "image", "select_one", "select_many", "note"]
    name: str = ""
    message: Words
    choices: str = ""
    """The name of a list, for select_one and select_many."""
    constraint_message: Words | None = None
    encrypt: Any = None
    relevant: Any = None
    constraint: Any = None
    choice_filter: Any = None
    """These are passed over."""


class Survey(_Model):
    """Questions one after the other."""

    type: Literal["survey"]
    id: str
    keywords: Keywords = {}
    questions: list[Question]
    choice_lists: list[ChoiceList] = []
    name: Any = None
    schedule: Any = None
    relevant: Any = None
    training_sentences: Any = None
    """These are passed over."""

    @model_validator(mode="after")
    def _known_lists(self) -> Survey:
        known = [choices.name for choices in self.choice_lists]
        for i, question in enumerate(self.questions):
            name = question.choices
            if question.type.startswith("select_") and name not in known:
                why = f"there is no choice list {name!r}; there are: {', '.join(known) or 'none'}"
                raise wrong(why, "questions", i, "choices", got=name or None)
        return self


def _written(value: Any) -> Any:
    """YAML makes an instant of a text without quotes."""
    return value.isoformat() if isinstance(value, date) else value


def _instant(text: str) -> str:
    try:
        fine = not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        fine = False
    if not fine:
        raise ValueError("expected an instant with its offset, such as 2026-03-01T09:00:00Z")
    return text


class ScheduledMessage(_Model):
    """One message of a skill that speaks unasked."""

    delay: Annotated[float, Field(ge=0)] = 0.0
    """Minutes since the last incoming message, for since_last_incoming_message."""
    schedule: Annotated[str, BeforeValidator(_written), AfterValidator(_instant)] = ""
    """An instant in ISO 8601 with its offset, for fixed_time."""
    recurrence: Any = None
    """For recurrent; passed over."""
    message: Words

    def at(self) -> float:
        """`schedule` in Unix seconds."""
        return datetime.fromisoformat(self.schedule).timestamp()

    def times(self) -> set[str]:
        """The keys that say when."""
        found = {"delay"} if "delay" in self.model_fields_set else set()
        return found | {key for key in ("schedule", "recurrence") if getattr(self, key)}


_TIMES = {"since_last_incoming_message": "delay", "fixed_time": "schedule", "recurrent": "recurrence"}


class ScheduledMessages(_Model):
    """Speaks when the time has come."""

    type: Literal["scheduled_messages"]
    id: str
    schedule_type: Literal["since_last_incoming_message", "fixed_time", "recurrent"]
    messages: Annotated[list[ScheduledMessage], Field(min_length=1)]
    name: Any = None
    relevant: Any = None
    """These are passed over."""

    @model_validator(mode="after")
    def _know_their_time(self) -> ScheduledMessages:
        needed = _TIMES[self.schedule_type]
        for i, message in enumerate(self.messages):
            if needed not in message.times():
                raise wrong(f"each message of schedule_type {self.schedule_type} needs this key", "messages", i, needed)
            for key in sorted(message.times() - {needed}):
                # A delay of 0 is also what a dumped model has where nothing was said.
                if got := getattr(message, key):
                    why = f"does not go with schedule_type {self.schedule_type}, which has {needed}"
                    raise wrong(why, "messages", i, key, got=got)
        return self


_DONE = ("language_detector", "keyword_responder", "survey", "scheduled_messages")
_TYPES = (*_DONE, "decision_tree", "human_override")


def _type(text: str) -> str:
    if text not in _TYPES:
        raise ValueError(f"there is no such skill; there are: {', '.join(_TYPES)}")
    return text


class Other(_Model):
    """A skill of AIDA's that is not done here: it never speaks, and its keys are passed over."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[str, AfterValidator(_type)]
    id: str = ""


def _kind(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if isinstance(kind, str) and kind in _DONE else "other"


Skill = Annotated[
    Annotated[LanguageDetector, Tag("language_detector")]
    | Annotated[KeywordResponder, Tag("keyword_responder")]
    | Annotated[Survey, Tag("survey")]
    | Annotated[ScheduledMessages, Tag("scheduled_messages")]
    | Annotated[Other, Tag("other")],
    Discriminator(_kind),
]


class Variable(_Model):
    """`${name}` in any text."""

    name: str
    values: Words
    overrides: Any = None
    """Passed over."""


class Channel(_Model):
    """A way in: of type websocket here, of the other type elsewhere. Both kinds' tokens count while a bot starts."""

    type: Literal["websocket", "facebook"]
    access_token: str = ""
    page_id: Any = None
    verify_token: Any = None
    """These are passed over."""

    @model_validator(mode="after")
    def _has_a_token(self) -> Channel:
        if self.type == "websocket" and not self.access_token:
            # An empty text is there, and still none.
            got = "" if "access_token" in self.model_fields_set else None
            raise wrong(
                "a websocket channel needs a token that is not empty: clients join with it", "access_token", got=got
            )
        return self


def _url(text: str) -> str:
    return web_url(text) if text else ""


class Manifest(_Model):
    """What a bot is made of."""

    languages: Annotated[list[str], Field(min_length=1)]
    front_desk: FrontDesk
    skills: list[Skill] = []
    variables: list[Variable] = []
    channels: list[Channel] = []
    notifications_url: Annotated[str, AfterValidator(_url)] = ""
    """Where texts go while a human has taken over: POST <url>/messages/<id>; nowhere when empty."""
    version: Any = None
    public_keys: Any = None
    data_tables: Any = None
    natural_language_interface: Any = None
    """These are passed over."""

    @model_validator(mode="after")
    def _skills_differ(self) -> Manifest:
        once("skill", "skills", ["" if isinstance(skill, LanguageDetector) else skill.id for skill in self.skills])
        return self

    def token(self) -> str | None:
        """The websocket channel's token; the last one counts (channel_registry.ex keeps one for each bot)."""
        tokens = [channel.access_token for channel in self.channels if channel.type == "websocket"]
        return tokens[-1] if tokens else None

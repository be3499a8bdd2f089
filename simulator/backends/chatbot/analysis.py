"""The four analyses and the summary: word lists and patterns, the same result for the same text. Guessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from simulator.backends.chatbot.knowledge import set_of, stem
from simulator.backends.chatbot.shapes import number
from simulator.core.message import Json

_WORD = re.compile(r"[^\W\d_]+")

INTENTS: dict[str, frozenset[str]] = {
    "human_agent": frozenset(("human", "agent", "person", "representative", "someone", "operator")),
    "complaint": frozenset(("frustrated", "angry", "terrible", "broken", "complaint", "unacceptable", "worst")),
    "billing": frozenset(("bill", "billing", "invoice", "price", "pay", "payment", "charge", "charged", "refund")),
    "account": frozenset(("password", "login", "account", "reset", "sign", "email", "username")),
    "shipping": frozenset(("order", "delivery", "ship", "shipping", "parcel", "tracking", "package")),
    "gratitude": frozenset(("thanks", "thank", "great", "perfect", "awesome")),
    "farewell": frozenset(("bye", "goodbye", "ciao", "later")),
    "greeting": frozenset(("hello", "hi", "hey", "morning", "evening")),
}
"""The first that has most of its words in a text wins; with none it is a question or a statement."""

NO = set_of("not no never t")
"""What turns the next word round; of "isn't" the t is left."""

POSITIVE = set_of("good great thanks thank perfect awesome love happy excellent helpful nice glad resolved")
NEGATIVE = set_of(
    "bad frustrated angry terrible broken worst hate slow annoyed unacceptable problem wrong useless disappointed"
)

LANGUAGES: dict[str, frozenset[str]] = {
    "en": set_of("the is and you i to my how what this with can am of it not hello please thanks"),
    "de": set_of("der die das und ich nicht wie wo mein meine mit bitte hallo danke kann auch wir bin"),
    "es": set_of("el la los que es y no mi como con por hola gracias puedo una de"),
    "fr": set_of("le la les est et je ne pas comment mon avec bonjour merci une des vous"),
    "it": set_of("il lo gli che sono non come mio con ciao grazie per una di posso"),
}

PII: dict[str, re.Pattern[str]] = {
    "email": re.compile(r"[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"),
    "card": re.compile(r"(?<!\d)(?:\d{4}[ -]?){3}\d{4}(?!\d)"),
    "ip": re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"),
    "phone": re.compile(r"(?<![\w+-])(?!\d{4}-\d\d-\d\d(?!\d))\+?\d[\d ()-]{6,18}\d(?!\w)"),
}
"""In this order: what one has found the next ones leave alone. A date is no phone."""


def analyse(kind: str, text: str) -> tuple[dict[str, Json], float]:
    """The result of one analysis and how sure it is, from 0 to 1."""
    match kind:
        case "intent":
            return _intent(text)
        case "sentiment":
            return _sentiment(text)
        case "pii":
            return _pii(text)
        case _:
            return _language(text)


def intent(text: str) -> str:
    """What a text is after, as metadata.intent has it."""
    return str(_intent(text)[0]["intent"])


def _said(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _intent(text: str) -> tuple[dict[str, Json], float]:
    said = _said(text)
    best, most = "question" if "?" in text else "statement", 0
    for name, signs in INTENTS.items():
        count = sum(word in signs or stem(word) in signs for word in said)
        if count > most:
            best, most = name, count
    return {"intent": best}, round(min(0.6 + 0.1 * most, 0.95), 2)


def _sentiment(text: str) -> tuple[dict[str, Json], float]:
    said = _said(text)
    good, bad = sum(word in POSITIVE for word in said), sum(word in NEGATIVE for word in said)
    for no, word in pairwise(said) if NO & {*said} else ():
        # "not good" and "isn't bad" are the other way round.
        turned = no in NO and (word in POSITIVE) - (word in NEGATIVE)
        good, bad = good - turned, bad + turned
    score = (good - bad) / (good + bad) if good + bad else 0.0
    name = "positive" if score > 0 else "negative" if score < 0 else "neutral"
    return {"sentiment": name, "score": number(round(score, 2))}, round(min(0.6 + 0.15 * abs(good - bad), 0.95), 2)


def _pii(text: str) -> tuple[dict[str, Json], float]:
    """What could say who somebody is; start and end are places in the text, in characters."""
    found: list[tuple[int, int, str]] = []
    taken = bytearray(len(text))
    for kind, pattern in PII.items():
        for hit in pattern.finditer(text):
            start, end = hit.span()
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\1" * (end - start)
                found.append((start, end, kind))
    found.sort()
    redacted, at = [], 0
    for start, end, kind in found:
        redacted += [text[at:start], f"[{kind}]"]
        at = end
    entities: list[Json] = [{"type": kind, "value": text[a:b], "start": a, "end": b} for a, b, kind in found]
    result: dict[str, Json] = {
        "hasPII": bool(found),
        "entities": entities,
        "redacted": "".join([*redacted, text[at:]]),
    }
    return result, 0.95 if found else 0.9


def _language(text: str) -> tuple[dict[str, Json], float]:
    said = _said(text)
    counts = {name: sum(word in signs for word in said) for name, signs in LANGUAGES.items()}
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        return {"language": "en"}, 0.3
    return {"language": best}, round(min(0.5 + 0.1 * counts[best], 0.95), 2)


MOST_READ, LONGEST_READ = 100, 20_000
"""Messages, and their characters, that a summary's feeling is made of: it is asked for as often as one likes."""
MOST_POINTS = 5
"""Key points of a summary."""

LONG = 120
"""Characters of a key point."""


def summary(lines: Sequence[tuple[str, str]], status: str) -> dict[str, Json]:
    """What conversation-summary says of a conversation: lines are (sender, text), the oldest first."""
    asked = [text for sender, text in lines if sender == "user"]
    told = f"{len(lines)} message{'' if len(lines) == 1 else 's'}, the conversation is {status}."
    about = f' The customer asked: "{asked[0][:LONG]}".' if asked else " The customer has said nothing yet."
    points: list[Json] = [text[:LONG] for text in asked[-MOST_POINTS:]]
    feeling = str(_sentiment(" ".join(asked[-MOST_READ:])[-LONGEST_READ:])[0]["sentiment"])
    return {"summary": told + about, "keyPoints": points, "sentiment": feeling}

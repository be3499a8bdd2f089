"""Conditions made into functions: whether a rule applies at a moment."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from simulator.core.message import Json
from simulator.scenario.conditions import FieldMatch, Match, When
from simulator.scenario.moments import CONNECT, SAID, SENT, SILENT, START, Moment
from simulator.scenario.paths import compile_path
from simulator.scenario.templates import Values

Sought: TypeAlias = Callable[[str, Moment], bool]


class Situation(Protocol):
    """What conditions may ask of a talk."""

    state: str

    def values(self, moment: Moment) -> Values:
        """What templates find."""
        ...


Test: TypeAlias = Callable[[Moment, Situation], bool]
_KINDS = {
    "start": (START,),
    "connect": (CONNECT,),
    "message": (SAID,),
    "text": (SAID,),
    "first": (SAID,),
    "nth": (SAID,),
    "every": (SAID,),
    "event": (SAID, SENT),
    "field": (SAID, SENT),
    "silence": (SILENT,),
}


def leaves(when: When) -> Iterator[When]:
    """A condition and all within it."""
    yield when
    for inner in (*(when.all or ()), *(when.any or ()), *([when.not_] if when.not_ is not None else [])):
        yield from leaves(inner)


def kinds(when: When) -> frozenset[str]:
    """The moments at which it is asked: what it names; where it names none, whenever the client says something."""
    named = {kind for part in leaves(when) for key in part.model_fields_set for kind in _KINDS.get(key, ())}
    return frozenset(named or {SAID})


def words(texts: Sequence[str], case: bool, whole: bool) -> Sought:
    """Whether one of these stands there: as the whole, blanks around it aside, or somewhere in it."""
    sought = [text.strip() if whole else text for text in texts]
    if not case:
        sought = [text.casefold() for text in sought]

    def find(text: str, moment: Moment) -> bool:
        text = text if case else text.casefold()
        return text.strip() in sought if whole else any(word in text for word in sought)

    return find


def regex(pattern: str, case: bool) -> Sought:
    """Whether it matches somewhere; the moment keeps what its groups found. Raises re.error."""
    compiled = compile_regex(pattern, case)

    def find(text: str, moment: Moment) -> bool:
        found = compiled.search(text)
        if found is None:
            return False
        groups: dict[int | str, str] = {i: group or "" for i, group in enumerate((found[0], *found.groups()))}
        moment.match = {**groups, **{name: group or "" for name, group in found.groupdict().items()}}
        return True

    return find


def compile_regex(pattern: str, case: bool = True) -> re.Pattern[str]:
    """A regular expression. Raises re.error for whatever is wrong with it."""
    try:
        with warnings.catch_warnings():
            # What may mean something else in a Python to come, means here what it means now.
            warnings.simplefilter("ignore")
            return re.compile(pattern, 0 if case else re.IGNORECASE)
    except (OverflowError, RecursionError) as error:
        raise re.error(str(error)) from None


def sought(match: Match) -> Sought:
    """What looks for it in a text. Raises re.error."""
    if match.regex is not None:
        return regex(match.regex, match.case)
    if match.contains is not None:
        return words(match.contains, match.case, whole=False)
    return words(match.equals or (), match.case, whole=True)


def field(match: FieldMatch) -> Test:
    """What looks for it in a message. Raises ValueError for the path, re.error for the regular expression."""
    find = compile_path(match.path)
    if "equals" in match.model_fields_set:
        wanted = match.equals
        return lambda moment, talk: any(_same(value, wanted) for value in find(moment.body))
    look: Sought | None = None
    if match.regex is not None:
        look = regex(match.regex, match.case)
    elif match.contains is not None:
        look = words(match.contains, match.case, whole=False)
    if look is not None:
        seek = look
        return lambda moment, talk: any(seek(text, moment) for value in find(moment.body) for text in _texts(value))
    there = match.exists is not False
    return lambda moment, talk: bool(find(moment.body)) is there


def _same(value: Json, wanted: Any) -> bool:
    """As JSON means it: true is not 1."""
    return value == wanted and isinstance(value, bool) is isinstance(wanted, bool)


def _texts(value: Json) -> list[str]:
    """The text in which words are looked for: that of a text, a number, true or false."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)] if isinstance(value, str | int | float) else []

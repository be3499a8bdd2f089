"""Templates and expressions of scenarios: compiled once, filled in with the values of a talk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables

from simulator.core.message import Json
from simulator.scenario.sandbox import sandbox

Values: TypeAlias = Mapping[str, Any]
Filled: TypeAlias = Callable[[Values], Any]
"""Made once, called with the values of a talk. Raises Unfilled."""

GIVEN = {
    "text": "what the client said",
    "event": "the name of the client's message",
    "message": "the client's message: its body, `message.text` for a field of it",
    "match": "what the regular expression found: `match[1]`, `match.name`",
    "client": "what the backend keeps of the person",
    "nth": "the number of the client's message in the talk",
    "state": "the state of the talk",
    "talk": "the talk's id",
    "backend": "the name of the backend",
    "agent": "who has the talk since the last hand_off, as the scenario calls them",
    "now": "the time, as in 2026-01-01T00:00:00Z",
    "uuid": "a new id: `uuid()`",
    "number": "a number by lot, both ends included: `number(1, 6)`",
}
"""What every template finds, beside the scenario's own variables."""


Made = TypeVar("Made")


class Unfilled(Exception):
    """A template can't be filled in: a value is not there, or not of a kind that allows what is done with it."""


class Wrong(Exception):
    """A template that no values could fill in."""

    def __init__(self, why: str, name: str = "", known: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.name = name
        """What was not found, of all that is known."""
        self.known = known


class Templates:
    """Compiles the templates of one scenario, and knows which names they may use."""

    def __init__(self, variables: set[str], groups: set[str]) -> None:
        self._known = {*GIVEN, *variables}
        self._groups = groups

    def text(self, source: str) -> Filled | str:
        """A text to fill in, or the text itself where there is nothing to fill in. Raises Wrong."""
        if not is_template(source):
            return source
        template = self._made(source, lambda: sandbox().from_string(source), "}}")
        return _caught(lambda values: template.render(values))

    def value(self, source: Json) -> Filled | Json:
        """As `text`, for all texts in it; one that is a single `{{ ... }}` gives the value itself. Raises Wrong."""
        made = self._value(source)
        return made if callable(made) else source

    def _value(self, source: Json) -> Any:
        if isinstance(source, str):
            inner = re.fullmatch(r"\s*\{\{((?:(?!\}\}|\{\{).)*)\}\}\s*", source, re.DOTALL)
            return self.expression(inner[1]) if inner is not None else self.text(source)
        if isinstance(source, dict):
            made = {key: self._value(value) for key, value in source.items()}
            if any(map(callable, made.values())):
                return lambda values: {key: filled(value, values) for key, value in made.items()}
        if isinstance(source, list):
            items = [self._value(value) for value in source]
            if any(map(callable, items)):
                return lambda values: [filled(value, values) for value in items]
        return source

    def expression(self, source: str) -> Filled:
        """An expression, with or without `{{ }}` around it; gives its value. Raises Wrong."""
        bare = source.strip().removeprefix("{{").removesuffix("}}")
        compiled = self._made(
            "{{ " + bare + " }}",
            lambda: sandbox().compile_expression(bare, undefined_to_none=False),
            "end of the expression",
        )
        return _caught(lambda values: plain(compiled(values)))

    def _made(self, source: str, make: Callable[[], Made], end: str) -> Made:
        """Made of a source in double braces; `end` is what their closing is for the author."""
        try:
            tree = sandbox().parse(source)
            made = make()
        except TemplateSyntaxError as error:
            raise Wrong((error.message or "is no template").replace("end of print statement", end)) from None
        except RecursionError:
            raise Wrong("is nested too deep") from None
        except Exception as error:
            # Python compiles what jinja2 makes of it, and has bounds of its own.
            raise Wrong(f"can't be compiled: {error}") from None
        for name in sorted(find_undeclared_variables(tree) - self._known):
            raise Wrong(f"{name}: there is no such variable", name, sorted(self._known))
        for group in _groups(tree):
            if group not in self._groups:
                raise Wrong(f"match.{group}: no regex here has a group of that name", group, sorted(self._groups))
        return made


def _groups(tree: nodes.Template) -> Iterator[str]:
    """Names of groups that are looked for in `match`."""
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == "match":
            yield node.attr
    for item in tree.find_all(nodes.Getitem):
        of_match = isinstance(item.node, nodes.Name) and item.node.name == "match"
        if of_match and isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
            yield item.arg.value


def _caught(fill: Filled) -> Filled:
    def caught(values: Values) -> Any:
        try:
            return fill(values)
        except TemplateError as error:
            raise Unfilled(error.message or "can't be filled in") from None
        except RecursionError:
            raise Unfilled("is nested too deep") from None
        except Exception as error:
            # The author's own expression, over whatever a client sent: it may raise anything.
            raise Unfilled(str(error)) from None

    return caught


def filled(made: Any, values: Values) -> Any:
    """What a compiled template gives for these values; anything else is itself. Raises Unfilled."""
    return made(values) if callable(made) else made


def plain(value: Any) -> Json:
    """A value as messages can have it. Raises TypeError for what is none, and says what a missing one misses."""
    if isinstance(value, StrictUndefined):
        # To look at it is what makes it say what is missing.
        str(value)
    if value is None or isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise ValueError("a whole number of more than 64 bits")
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} is nothing that a message can have")


def fits(value: Json, most: int) -> bool:
    """Whether a value has at most so many characters and values."""
    waiting: list[Json] = [value]
    while waiting and most >= 0:
        inner = waiting.pop()
        most -= 1
        if isinstance(inner, str):
            most -= len(inner)
        elif isinstance(inner, list):
            waiting += inner[: most + 1]
        elif isinstance(inner, dict):
            most -= sum(map(len, inner))
            waiting += inner.values()
    return most >= 0


def is_template(text: str) -> bool:
    """Whether there is something to fill in."""
    return any(mark in text for mark in ("{{", "{%", "{#"))

"""YAML from a stranger: nothing that builds objects, nothing that takes the interpreter down."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

DEEP: Final = 20
"""How many collections may stand in each other; the format needs five."""

_SUSPECT: Final = 1000


class Flaw(Exception):
    """What is wrong with a piece of YAML; lines count from 0."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


@cache
def _yaml() -> Any:
    # A tenth of a second that who only writes cassettes does not need.
    from ruamel.yaml import YAML

    return YAML(typ="safe")


_LONGEST = 200
"""Characters of what the library says."""


def load(text: str) -> Any:
    """The value that a text in YAML has. Raises Flaw."""
    from ruamel.yaml.constructor import ConstructorError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = _yaml()
    try:
        # The C parser's composer recurses without a limit, its events do not.
        if sum(map(text.count, "[{-?")) > _SUSPECT:
            _measure(yaml, text)
        return yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Of a key that is there twice it tells both values, however many lines they have.
        problem = " ".join(str(error.problem).split())[:_LONGEST]
        if isinstance(error, ConstructorError) and "constructor for the tag" in problem:
            tag = problem.rpartition("tag ")[2].strip("'").replace("tag:yaml.org,2002:", "!!")
            problem = f"the tag {tag} would build an object, which a cassette never does"
        else:
            problem = f"is not YAML: {problem}"
        raise Flaw(mark.line if mark else 0, problem) from None
    except (YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError, RecursionError) as error:
        # Those in the middle are what the library's own constructors say of a tagged scalar such as `!!bool x`.
        raise Flaw(0, f"is not YAML: {(str(error) or repr(error)).splitlines()[0]}") from None
    finally:
        # It notes something of each document, and never forgets it.
        yaml.doc_infos.clear()


def _measure(yaml: Any, text: str) -> None:
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    depth = 0
    for event in yaml.parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > DEEP:
                raise Flaw(event.start_mark.line, f"more than {DEEP} collections in each other")
        elif isinstance(event, CollectionEndEvent):
            depth -= 1

"""A YAML file: its values, in which line each of them stands, and what a model has against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from simulator.core.errors import FileError

DEEPEST = 100
"""Levels of nesting. The parser's C part goes down by recursion and would end the process where its stack ends."""

_SHOWN = 100
"""Characters of a wrong value."""


@dataclass(slots=True, frozen=True)
class Limits:
    """How much one file may be."""

    characters: int
    values: int
    """Keys and values, those behind an alias counted where they are used."""


class Document:
    """The values of a file, and their lines."""

    __slots__ = ("_root", "data", "path")

    def __init__(self, path: str, data: Any, root: Any) -> None:
        self.path = path
        """As the operator spelled it."""
        self.data = data
        self._root = root

    def line(self, place: Sequence[Any]) -> int:
        """The line, from 1, of the deepest part of a place that the file has; 0 where it has none of it."""
        node, data, line = self._root, self.data, 0
        for part in place:
            if isinstance(data, dict) and part in data:
                # By position, since a key may be spelled in many ways (~, 0x10); from its end, since what `<<` brings
                # along, which may be there twice, stands before the mapping's own keys.
                key, node = node.value[[*data].index(part) - len(data)]
                line = key.start_mark.line + 1
            elif isinstance(data, list) and isinstance(part, int) and part < len(data):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                break
            data = data[part]
        return line

    def place(self, error: Any) -> list[Any]:
        """Where an error of pydantic is: its place without what only the models know (a union's tag, `[key]`)."""
        place: list[Any] = []
        data = self.data
        last = len(error["loc"]) - 1
        for i, part in enumerate(error["loc"]):
            if isinstance(data, dict):
                # pydantic makes a text of a key that is none.
                keys = [part] if part in data else [key for key in data if str(key) == part]
            else:
                # One that stands for a list of one has an index before its keys, which may be numbers by mistake.
                keys = [part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else []
            if keys:
                place.append(keys[0])
                data = data[keys[0]]
            elif error["type"] == "missing" and i == last:
                place.append(part)
        return place


_LONGEST = 200
"""Characters of what the library says."""


def parse(text: bytes, path: str, kind: type[FileError], limits: Limits | None = None) -> Document:
    """Read a file that has keys and values at its top. Raises an error of that kind."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise kind(path, 0, "is not a text in UTF-8") from None
    if limits is not None and len(decoded) > limits.characters:
        raise kind(path, 0, f"has {len(decoded)} characters; {limits.characters} are the most")
    yaml = YAML(typ="safe")
    try:
        _measure(yaml, decoded, path, kind)
        loader, parser = yaml.get_constructor_parser(decoded)
        try:
            root = loader.composer.get_single_node()
            if root is not None and limits is not None:
                _count(root, path, kind, limits.values)
            data = None if root is None else loader.construct_document(root)
        finally:
            parser.dispose()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = _hint(error.problem or "", decoded, mark.line, mark.column) if mark else ""
        # Of a key that is there twice the library tells both values, however many lines they have.
        problem = " ".join(str(error.problem).split())[:_LONGEST]
        raise kind(path, mark.line + 1 if mark else 0, f"is not YAML: {problem}{hint}") from None
    except (YAMLError, ValueError, LookupError, ArithmeticError, AttributeError, TypeError) as error:
        # The last five are what the library's own constructors say of a tagged scalar such as `!!bool x`.
        raise kind(path, 0, f"is not YAML: {(str(error) or repr(error)).splitlines()[0]}") from None
    if not isinstance(data, dict):
        raise kind(path, 0, "expected keys and values at the top")
    return Document(path, data, root)


def _hint(problem: str, text: str, number: int, column: int) -> str:
    """What an author most often meant, behind the parser's own words."""
    lines = text.split("\n")
    line = lines[number] if number < len(lines) else ""
    if "tab character" in problem or line[column : column + 1] == "\t":
        return ": it is a tab, and YAML indents by blanks"
    if problem == "found character that cannot start any token":
        return f": a text that begins with {line[column : column + 1]!r} goes in quotes"
    if problem.startswith("did not find expected ','") and line[column : column + 1] == "?":
        # YAML 1.2 allows it, libyaml does not.
        return ": a text with a question mark goes in quotes where it stands in braces or brackets"
    if problem == "found unhashable key":
        return ": a text that begins with {{ goes in quotes"
    if problem == "found unknown escape character":
        return ": in double quotes a backslash is written twice; single quotes take it as it is"
    if problem.startswith(("mapping values", "did not find expected key", "did not find expected '-'")):
        if ":" in line[:column]:
            return ": a text with a colon in it, or with more behind its quotes or braces, goes in quotes as a whole"
        return ": it does not fit the lines above, so compare indentation and colons"
    return ""


def _measure(yaml: Any, text: str, path: str, kind: type[FileError]) -> None:
    from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

    depth = 0
    for event in yaml.parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                line = event.start_mark.line + 1
                raise kind(path, line, f"is not YAML that we read: nested more than {DEEPEST} levels deep")
        elif isinstance(event, CollectionEndEvent):
            depth -= 1


def _count(root: Any, path: str, kind: type[FileError], most: int) -> None:
    """Refuse few lines that are many values: what an alias stands for counts at each use, but is gone through once."""
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        known = sizes.get(id(node))
        if known is not None:
            if known < 0:
                raise kind(path, node.start_mark.line + 1, "an alias stands within what it stands for")
            return known
        sizes[id(node)] = -1
        total = 1
        if isinstance(node.value, list):
            for item in node.value:
                total += sum(map(size, item)) if isinstance(item, tuple) else size(item)
        if total > most:
            raise kind(path, node.start_mark.line + 1, f"more than {most} values, aliases spelled out, are too many")
        sizes[id(node)] = total
        return total

    size(root)


def said(error: Any) -> str:
    """What pydantic has against a value, in words for the operator."""
    text = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("extra_forbidden", "invalid_key"):
        return "there is no such key"
    if text == "Field required":
        return "is missing"
    given = error.get("input")
    if error["type"] in ("dict_type", "model_type"):
        text = "expected keys and values"
    elif error["type"] == "invalid-json-value":
        text = "expected a text, a number, true, false, null, a list, or keys and values"
    elif error["type"] == "string_type":
        text = "expected a text; quotes make it one" if isinstance(given, int | float | date) else "expected a text"
    if isinstance(given, date):
        given = str(given)
    shown = repr(given)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    return f"{text} (got {shown})" if isinstance(given, str | int | float) else text


def spelled(place: Sequence[Any]) -> str:
    """A place as the operator reads it: keys and indexes with dots between them."""
    return ".".join(text if (text := str(part)).isprintable() else ascii(part) for part in place)

"""What came of a replay: which lines of the tapes were played, and what clients said that stands on none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from xml.etree import ElementTree

from simulator.cassette.bindings import dumps
from simulator.cassette.match import ABSENT, TOO_DEEP, Difference, shown
from simulator.cassette.screen import safe
from simulator.cassette.strands import Line, Plan, Served, Strand

MOST: Final = 1_000
"""Messages without a match that are told one by one."""
_DIFFERENCES: Final = 3
"""That are told of one message in a line; reports have them all."""
_PATH: Final = 100
_KEPT: Final = 1_000
"""Characters of a name, and of each value that differs."""
_DEEP: Final = 100
"""Collections in a value; who writes reports as JSON, and who reads them, goes no deeper than a few hundred."""
_SHOWN: Final = 200
"""Lines that were never played, of which the text tells."""


@dataclass(slots=True)
class Miss:
    """A client's message that matched nothing."""

    walk: int
    """Which client, counted from 1; 0 for a request of nobody who is known."""
    name: str
    what: str
    """What the client said, short."""
    why: str
    path: str = ""
    """The tape."""
    line: int = 0
    """Of the nearest candidate; 0 where nothing came near."""
    differences: tuple[Difference, ...] = ()
    then: str = ""
    """With what the tape goes on, where nothing came near."""

    def short(self) -> Miss:
        """What is kept of it: a client may say 64 MiB, and say so a thousand times."""
        differences = tuple(
            replace(one, path=_cut(one.path), expected=_brief(one.expected), got=_brief(one.got))
            for one in self.differences
        )
        return replace(self, name=_cut(self.name), why=_cut(self.why), differences=differences)

    def told(self) -> str:
        """One line for people."""
        near = f"; nearest is {self.path}:{self.line}" if self.line else ""
        more = "".join(f"; {found.told()}" for found in self.differences[:_DIFFERENCES])
        if len(self.differences) > _DIFFERENCES:
            more += f"; and {len(self.differences) - _DIFFERENCES} more"
        who = f"client {self.walk}" if self.walk else "a request"
        what = self.name or f"a frame that is no message, {self.what},"
        return f"{who}: {what} {self.why}{near}{more}{self.then and f'; {self.then}'}"


@dataclass(slots=True)
class Coverage:
    """Counted over all clients, spaces and resets."""

    plans: Sequence[Plan]
    walks: int = 0
    """How many clients there were."""
    matched: Counter[str] = field(default_factory=Counter)
    """How messages matched."""
    misses: list[Miss] = field(default_factory=list)
    missed: int = 0
    ignored: int = 0
    _done: dict[Line | Served | Strand, int] = field(default_factory=dict)

    def did(self, what: Line | Served | Strand) -> None:
        """A line was played or matched, an exchange answered, a refusal given."""
        self._done[what] = self._done.get(what, 0) + 1

    def unmatched(self, how: str) -> None:
        """One that was counted so came to nothing."""
        self.matched[how] -= 1
        if not self.matched[how]:
            del self.matched[how]

    def miss(self, miss: Miss) -> None:
        """A message matched nothing."""
        self.missed += 1
        if len(self.misses) < MOST:
            self.misses.append(miss)

    def times(self, what: Line | Served | Strand) -> int:
        """How often."""
        return self._done.get(what, 0)

    def unplayed(self) -> Iterator[tuple[Plan, int, int, str, str]]:
        """Plan, file line, number of the connection or exchange, who, and what never came to pass."""
        for plan, number, what in self._all():
            if self.times(what):
                continue
            if isinstance(what, Served):
                request = what.exchange.request
                yield plan, what.exchange.line, number, "client", f"{request.method} {short(request.path)}"
            elif isinstance(what, Strand):
                yield plan, what.lines[0].line, number, "server", f"refuses {what.path}"
            else:
                yield plan, what.line, number, "client" if what.client else "server", what.told()

    def _all(self) -> Iterator[tuple[Plan, int, Line | Served | Strand]]:
        for plan in self.plans:
            for strand in plan.strands:
                if strand.refusal is not None:
                    yield plan, strand.conn, strand
                    continue
                for line in strand.lines:
                    yield plan, strand.conn, line
            for served in plan.exchanges:
                yield plan, served.exchange.http, served

    @property
    def complete(self) -> bool:
        """Whether everything on the tapes was played, and everything that was said is on them."""
        return not self.missed and next(self.unplayed(), None) is None

    # --- reports

    def text(self) -> str:
        """For people: nothing that clients said moves a terminal's cursor, or looks like a line of ours."""
        total = sum(1 for _ in self._all())
        left = [*self.unplayed()]
        clients = f"{self.walks} client{'' if self.walks == 1 else 's'}"
        lines = [
            f"replay: {clients}, {total - len(left)} of {total} lines played, "
            f"{self.missed} message{'' if self.missed == 1 else 's'} without a match"
        ]
        if self.matched:
            lines.append("matched: " + ", ".join(f"{how} {count}" for how, count in self.matched.most_common()))
        if self.ignored:
            lines.append(f"passed over in silence: {self.ignored}")
        lines += [f"  {miss.told()}" for miss in self.misses]
        if self.missed > len(self.misses):
            lines.append(f"  and {self.missed - len(self.misses)} more that matched nothing")
        if left:
            lines.append("never played:")
            lines += [f"  {plan.path}:{line}: {who}: {what}" for plan, line, _, who, what in left[:_SHOWN]]
            if len(left) > _SHOWN:
                lines.append(f"  and {len(left) - _SHOWN} more")
        return "".join(f"{safe(line)}\n" for line in lines)

    def json(self) -> dict[str, Any]:
        """For programs."""
        left = [*self.unplayed()]
        return {
            "walks": self.walks,
            "lines": sum(1 for _ in self._all()),
            "matched": dict(self.matched),
            "missed": self.missed,
            "ignored": self.ignored,
            "misses": [
                {
                    "walk": miss.walk,
                    "name": miss.name,
                    "said": miss.what,
                    "why": miss.why,
                    "nearest": f"{miss.path}:{miss.line}" if miss.line else None,
                    "then": miss.then or None,
                    "differences": [
                        {"path": found.path, "expected": _plain(found.expected), "got": _plain(found.got)}
                        for found in miss.differences
                    ],
                }
                for miss in self.misses
            ],
            "unplayed": [
                {"file": plan.path, "line": line, "conn": number, "from": who, "what": what}
                for plan, line, number, who, what in left
            ],
        }

    def junit(self) -> bytes:
        """JUnit XML: a test for each line of the tapes, and one for each message that matched nothing."""
        suite = ElementTree.Element("testsuite", name="simulator replay")
        left = {(plan.path, line, number): (who, what) for plan, line, number, who, what in self.unplayed()}
        for plan, number, what in self._all():
            at, name = _named(what)
            path = _xml(plan.path)
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{path}#{number}", name=f"line {at}: {name}", file=path
            )
            case.set("line", str(at))
            found = left.get((plan.path, at, number))
            if found is not None:
                _fails(case, "unplayed", f"{plan.path}:{at}: never played: {found[0]}: {found[1]}")
        for count, miss in enumerate(self.misses, 1):
            who = f"client {miss.walk}" if miss.walk else "a request"
            # Numbered: of two with one name many readers show the last one alone.
            case = ElementTree.SubElement(
                suite, "testcase", classname=who, name=_xml(f"unmatched {count}: {miss.name or 'a frame'}")
            )
            text = "\n".join([miss.what, *(found.told() for found in miss.differences)])
            _fails(case, "unmatched", miss.told()).text = _xml(text)
        if self.missed > len(self.misses):
            case = ElementTree.SubElement(suite, "testcase", classname="clients", name="further unmatched messages")
            _fails(case, "unmatched", f"and {self.missed - len(self.misses)} more that matched nothing")
        suite.attrib |= {
            "tests": str(len(suite)),
            "failures": str(len(suite.findall("./testcase/failure"))),
            "errors": "0",
            "skipped": "0",
        }
        root = ElementTree.Element("testsuites")
        root.append(suite)
        ElementTree.indent(root, " ")
        told: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        return told + b"\n"


def _fails(case: ElementTree.Element, how: str, message: str) -> ElementTree.Element:
    return ElementTree.SubElement(case, "failure", type=how, message=_xml(message))


def _named(what: Line | Served | Strand) -> tuple[int, str]:
    if isinstance(what, Served):
        return what.exchange.line, _xml(f"{what.exchange.request.method} {what.exchange.request.path}")
    if isinstance(what, Strand):
        return what.lines[0].line, _xml(f"refuses {what.path}")
    return what.line, _xml(f"{'client' if what.client else 'server'}: {what.told()}")


def short(path: str) -> str:
    """Signed URLs are longer than a line."""
    return path if len(path) <= _PATH else f"{path[:_PATH]}..."


def _cut(text: str) -> str:
    return text if len(text) <= _KEPT else f"{text[:_KEPT]}..."


def _brief(value: object) -> object:
    """A value as it is, or the beginning of a long one, as a text."""
    if isinstance(value, bytes):
        return value if len(value) <= _KEPT else shown(value)
    if isinstance(value, str):
        return _cut(value)
    if not isinstance(value, dict | list):
        return value
    try:
        told = dumps(value, repr)
    except RecursionError:
        return TOO_DEEP
    return value if len(told) <= _KEPT and told.count("[") + told.count("{") <= _DEEP else _cut(told)


def _xml(text: str) -> str:
    """Without what XML can't hold."""
    return "".join(
        c if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" else "�" for c in text
    )


def _plain(value: object) -> object:
    return None if value is ABSENT else f"<{len(value)} bytes>" if isinstance(value, bytes) else value

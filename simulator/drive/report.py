"""What a verdict looks like: text for people, JSON for programs, JUnit XML for CI."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr  # writes, and reads nothing

from simulator.cassette.screen import safe
from simulator.cassette.timeline import told
from simulator.core.message import Message
from simulator.drive.verdict import ABSENT, CHANGED, ELSEWHERE, MATCHED, UNEXPECTED, UNSAID, Row, Verdict

_SIGNS: Final = {MATCHED: " ", CHANGED: "~", ABSENT: "-", UNEXPECTED: "+", ELSEWHERE: ">", UNSAID: "x"}
_SHOWN: Final = 300
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def lines(verdict: Verdict, path: str, everything: bool = False) -> Iterator[str]:
    """For people: what is not as on the tape, or all. Whatever a server says, it ends no line and moves no cursor."""
    for row in verdict.rows:
        if everything or row.outcome != MATCHED:
            place = f"{_place(row, path)} #{row.conn}"
            yield safe(f"{_SIGNS[row.outcome]} {row.outcome:<10} {place} {row.name}{_because(row)}")
            yield from (safe(f"    {detail}") for detail in _details(row))


def notes(verdict: Verdict, path: str) -> Iterator[str]:
    """What else there is to say, in a line each."""
    yield from (safe(f"{path}:{line}: {what}" if line else f"{path}: {what}") for line, what in verdict.notes)


def summary(verdict: Verdict) -> str:
    """One line."""
    counts = verdict.counts
    said = sum(count for outcome, count in counts.items() if outcome not in (UNEXPECTED, UNSAID))
    parts = [f"{counts[MATCHED]} of {said} messages as on the tape"]
    parts += [f"{counts[kind]} {kind}" for kind in (CHANGED, ABSENT, UNEXPECTED, ELSEWHERE, UNSAID) if counts[kind]]
    return ", ".join(parts)


def as_json(verdict: Verdict, path: str, target: str) -> dict[str, object]:
    """For programs."""
    counts = verdict.counts
    return {
        "cassette": path,
        "target": target,
        "drifted": bool(verdict.drifted),
        "exact": verdict.exact,
        "counts": {kind: counts[kind] for kind in _SIGNS},
        "notes": [{"line": line, "what": what} for line, what in verdict.notes],
        "messages": [_message(row) for row in verdict.rows],
    }


def as_text(verdict: Verdict, path: str, target: str) -> str:
    """The whole of it, as a file."""
    made = [f"{path} against {target}", *notes(verdict, path)]
    return "".join(f"{line}\n" for line in (*made, *lines(verdict, path, everything=True), summary(verdict)))


def as_junit(verdict: Verdict, path: str, target: str) -> str:
    """A suite of one tape, a case for each message."""
    drifted = {id(row) for row in verdict.drifted}
    skipped = sum(row.outcome == UNSAID for row in verdict.rows)
    failures = len(drifted) - skipped
    head = f"name={_attribute(path)} tests={_attribute(len(verdict.rows))} failures={_attribute(failures)}"
    made = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<testsuites><testsuite {head} errors="0" skipped={_attribute(skipped)}>',
        f'<properties><property name="target" value={_attribute(target)}/></properties>',
    ]
    for row in verdict.rows:
        case = (
            f"<testcase classname={_attribute(f'{path}#{row.conn}')} name={_attribute(f'line {row.line}: {row.name}')}"
        )
        if id(row) not in drifted:
            made.append(f"{case}/>")
            continue
        details = [*_details(row)]
        message = _attribute(f"{row.outcome}{_because(row)}{''.join(f'; {detail}' for detail in details[:3])}")
        if row.outcome == UNSAID:
            made.append(f"{case}><skipped message={message}/></testcase>")
        else:
            text = escape(_plain("\n".join((_place(row, path), *details))))
            made.append(f"{case}><failure type={_attribute(row.outcome)} message={message}>{text}</failure></testcase>")
    if verdict.notes:
        made.append(f"<system-out>{escape(_plain(chr(10).join(notes(verdict, path))))}</system-out>")
    made.append("</testsuite></testsuites>")
    return "".join(f"{line}\n" for line in made)


def broken(path: str, target: str, why: str) -> str:
    """JUnit's word for a run that did not come about."""
    case = f'<testcase classname={_attribute(path)} name="connect"><error message={_attribute(why)}/></testcase>'
    suite = f'<testsuite name={_attribute(path)} tests="1" failures="0" errors="1">'
    properties = f'<properties><property name="target" value={_attribute(target)}/></properties>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>{suite}{properties}{case}</testsuite></testsuites>\n'


def written(verdict: Verdict, path: str, target: str, suffix: str) -> str:
    """A report in the form of that file name's suffix: .json, .xml, or text."""
    if suffix == ".json":
        return json.dumps(as_json(verdict, path, target), indent=1) + "\n"
    return (as_junit if suffix == ".xml" else as_text)(verdict, path, target)


def _place(row: Row, path: str) -> str:
    return f"after {path}:{row.line}" if row.outcome == UNEXPECTED else f"{path}:{row.line}"


def _because(row: Row) -> str:
    return f": {row.why}" if row.why else ""


def _details(row: Row) -> Iterator[str]:
    for change in row.changes:
        yield f"{change.path or 'all of it'}: {change.what}"
    if row.payload:
        text = told(Message(row.name, row.payload))
        yield text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _message(row: Row) -> dict[str, object]:
    made: dict[str, object] = {
        "outcome": row.outcome,
        "line": row.line,
        "conn": row.conn,
        "from": row.sender,
        "name": row.name,
    }
    if row.why:
        made["why"] = row.why
    if row.changes:
        made["changes"] = [{"path": change.path, "what": change.what} for change in row.changes]
    if row.payload:
        made["payload"] = told(Message(row.name, row.payload))
    return made


def _plain(text: str) -> str:
    return _NO_XML.sub("�", text)


def _attribute(value: object) -> str:
    return quoteattr(_plain(str(value)))

"""What is told at the end of a replay."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from simulator.cassette import coverage
from simulator.cassette import plan as plans
from simulator.cassette.coverage import Coverage, Miss
from simulator.cassette.entries import Entry, Exchange, Refused, TapedRequest, TapedResponse
from simulator.cassette.match import ABSENT, Difference
from tests.cassette import tapes
from tests.cassette.tapes import opened, said


def covered() -> Coverage:
    entries: list[Entry] = [
        Refused(0.0, 1, "/x", (), TapedResponse(401)),
        opened(conn=2),
        said("client", '{"type":"\\u0001hm"}', conn=2),
        said("server", '{"type":"ho"}', conn=2),
        Exchange(2.0, 3, 0.0, TapedRequest("GET", "/a"), TapedResponse(200)),
    ]
    made = Coverage([plans.read(tapes.tape(*entries), None)])
    made.walks = 2
    strand = made.plans[0].strands[1]
    made.did(strand.lines[0])
    made.did(strand.lines[0])
    found = (Difference("text", "a", ABSENT), Difference("data", b"\0", 1))
    made.miss(Miss(1, "hm", '[{"a":1}]', "is not as it is on the tape", "talk.yaml", 16, found))
    made.miss(Miss(2, "", "x", "is not on the tape"))
    return made


def test_what_came_to_nothing_is_not_counted() -> None:
    made = covered()
    made.matched["by the upstream"] += 2
    made.unmatched("by the upstream")
    assert "matched: by the upstream 1\n" in made.text()
    made.unmatched("by the upstream")
    assert "by the upstream" not in made.text()


def test_as_text() -> None:
    assert covered().text() == (
        "replay: 2 clients, 1 of 5 lines played, 2 messages without a match\n"
        '  client 1: hm is not as it is on the tape; nearest is talk.yaml:16; text: expected "a", got nothing; '
        "data: expected 1 byte 00, got 1\n"
        "  client 2: a frame that is no message, x, is not on the tape\n"
        "never played:\n"
        "  talk.yaml:6: server: refuses /x\n"
        "  talk.yaml:17: client: \\x01hm\n"
        "  talk.yaml:21: server: ho\n"
        "  talk.yaml:25: client: GET /a\n"
    )
    assert not covered().complete


def test_as_json() -> None:
    told = json.loads(json.dumps(covered().json()))
    assert (told["walks"], told["lines"], told["missed"], told["ignored"], told["matched"]) == (2, 5, 2, 0, {})
    assert told["misses"][0]["nearest"] == "talk.yaml:16"
    assert told["misses"][0]["differences"] == [
        {"path": "text", "expected": "a", "got": None},
        {"path": "data", "expected": "<1 bytes>", "got": 1},
    ]
    assert told["misses"][1]["nearest"] is None
    assert told["unplayed"][0] == {"file": "talk.yaml", "line": 6, "conn": 1, "from": "server", "what": "refuses /x"}


def test_as_junit() -> None:
    made = covered()
    made.missed += 3
    [suite] = ElementTree.fromstring(made.junit())  # noqa: S314  # our own
    assert suite.attrib == {"name": "simulator replay", "tests": "8", "failures": "7", "errors": "0", "skipped": "0"}
    names = [case.get("name") for case in suite]
    assert names == [
        "line 6: refuses /x",
        "line 12: client: open",
        "line 17: client: �hm",
        "line 21: server: ho",
        "line 25: GET /a",
        "unmatched 1: hm",
        "unmatched 2: a frame",
        "further unmatched messages",
    ]
    assert len({(case.get("classname"), case.get("name")) for case in suite}) == len(suite)
    assert [case.get("classname") for case in suite][:6:5] == ["talk.yaml#1", "client 1"]
    assert suite[0][0].attrib == {"type": "unplayed", "message": "talk.yaml:6: never played: server: refuses /x"}
    assert suite[7][0].get("message") == "and 3 more that matched nothing"
    failure = suite[5][0]
    assert failure.text == '[{"a":1}]\ntext: expected "a", got nothing\ndata: expected 1 byte 00, got 1'


def test_a_long_report_has_bounds() -> None:
    entries: list[Entry] = [opened(), *(said("client", f'{{"type":"n{i}"}}') for i in range(coverage._SHOWN + 50))]
    made = Coverage([plans.read(tapes.tape(*entries), None)])
    for _ in range(coverage.MOST + 5):
        made.miss(Miss(1, "x", "", "is not on the tape"))
    assert len(made.misses) == coverage.MOST
    assert made.missed == coverage.MOST + 5
    assert made.text().endswith("  and 51 more\n")
    assert "  client 1: x is not on the tape\n  and 5 more that matched nothing\nnever played:\n" in made.text()


def test_all_is_well() -> None:
    made = Coverage([plans.read(tapes.tape(opened()), None)])
    made.did(made.plans[0].strands[0].lines[0])
    assert made.complete
    [suite] = ElementTree.fromstring(made.junit())  # noqa: S314  # our own
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("1", "0", 1)
    assert made.text() == "replay: 0 clients, 1 of 1 lines played, 0 messages without a match\n"


def test_long_objects_are_kept_in_short_and_short_ones_as_they_are() -> None:
    differs = [Difference("a", {"k": "x" * 2000}, [1]), Difference("b", b"y" * 2000, 7)]
    kept = Miss(1, "x", "", "is not on the tape", differences=tuple(differs)).short().differences
    assert [one.got for one in kept] == [[1], 7]
    assert str(kept[0].expected).startswith('{"k":"xxx')
    assert len(str(kept[0].expected)) == 1003
    assert str(kept[1].expected).startswith("2000 bytes 79 79")


def test_what_a_client_makes_long_or_deep_is_cut() -> None:
    """Each of the many that are kept, so that all together are some megabytes; a report can be written, and read."""
    deep: list[Any] = []
    for _ in range(450):
        deep = [deep]
    differs = (Difference("k" * 1_000_000, ABSENT, 1), Difference("x", [], deep))
    kept = Miss(1, "n" * 1_000_000, "", "w" * 1_000_000, differences=differs).short()
    assert [len(kept.name), len(kept.why), len(kept.differences[0].path)] == [1003] * 3
    assert kept.differences[1].got == "[" * 451 + "]" * 451
    assert Miss(1, "x", "", "", differences=(Difference("x", [], [[1]]),)).short().differences[0].got == [[1]]

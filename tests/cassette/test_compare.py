"""Two conversations compared in meaning."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from simulator import backends
from simulator.cassette import compare as room
from simulator.cassette.compare import MISSING, MOVED, NEW, SHAPE, VALUE, Change, Difference, compare, shape
from simulator.cassette.conversation import Said
from simulator.cassette.entries import Entry, Exchange, Passed, TapedRequest, TapedResponse
from simulator.cassette.redact import Redactor
from simulator.cassette.scrub import redacted
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said
from tests.cassette.test_conversation import conversation

UUIDS = [f"{n:08x}-1111-4222-8333-444455556666" for n in range(9)]


def one(name: str, *args: Any, sender: str = "server", conn: int = 1) -> Said:
    return Said(conn, sender, name, args, message=name)


def told(found: list[Difference]) -> list[tuple[str, str, list[str]]]:
    return [
        (d.kind, (d.ours or d.theirs).name, [f"{change.path}: {change.what}" for change in d.changes])  # type: ignore[union-attr]
        for d in found
    ]


def differ(
    ours: list[Said], theirs: list[Said], *volatile: str, values: bool = True
) -> list[tuple[str, str, list[str]]]:
    return told(compare(ours, theirs, volatile, values))


# --- nothing differs


@pytest.mark.parametrize("talk", [tapes.chip, tapes.socketio, tapes.phoenix, tapes.gateway])
def test_a_talk_is_like_itself(talk: Any) -> None:
    assert compare(conversation(*talk()), conversation(*talk())) == []


def test_another_run_of_the_same() -> None:
    chip = backends.load("chip")
    again: list[Entry] = []
    for entry in tapes.chip():
        if isinstance(entry, Passed) and isinstance(entry.data, str):
            data = entry.data.replace("34634", "99").replace("65vbbDAQCdPdEWlEhDGy4utO", "BKbbJtqUVVRS1znHKe1ovg4Q")
            entry.data = data.replace("2024-05-01T17:15:30.123456Z", "2025-05-01T17:15:30Z")
        again.append(entry)
    ours, theirs = conversation(*tapes.chip(), backend="chip"), conversation(*again, backend="chip")
    assert compare(ours, theirs, chip.volatile) == []
    # Nobody said that numbers are ids.
    assert [kind for kind, *_ in told(compare(ours, theirs))] == [VALUE, VALUE]


def test_both_directions_may_overtake_each_other() -> None:
    ours = [one("a"), one("b", sender="client"), one("c")]
    assert differ(ours, [ours[1], ours[0], ours[2]]) == []


# --- something does


def test_new_and_missing() -> None:
    a, b, c = (one("say", {"text": text}) for text in ("a", "b", "c"))
    assert differ([a, b, c], [a, c]) == [(MISSING, "say", [])]
    assert differ([a, c], [a, b, c]) == [(NEW, "say", [])]
    assert compare([a, b, c], [a, c])[0].ours is b
    assert compare([a, c], [a, b, c])[0].theirs is b


def test_moved() -> None:
    a, b, c, d = (one(name, {"text": name}) for name in "abcd")
    assert differ([a, b, c, d], [b, c, d, a]) == [(MOVED, "a", [])]


def test_another_value() -> None:
    ours = [one("say", {"text": "hello", "n": [1, 2], "deep": {"x": True}})]
    theirs = [one("say", {"text": "bye", "n": [1, 3, 4], "deep": {"x": False}})]
    assert differ(ours, theirs) == [
        (
            VALUE,
            "say",
            ['text: "hello" became "bye"', "n: 2 items became 3", "n.*: 2 became 3", "deep.x: true became false"],
        )
    ]
    assert differ(ours, theirs, values=False) == []


def test_another_shape() -> None:
    ours = [one("say", {"id": 1, "user": {"name": "x"}, "tags": ["a"], "at": None})]
    theirs = [one("say", {"id": "1", "user": {"nick": "x"}, "tags": [1], "at": None, "more": []})]
    assert differ(ours, theirs) == [
        (
            SHAPE,
            "say",
            [
                'id: number became text: 1, "1"',
                'user.name: missing, was "x"',
                'user.nick: new, "x"',
                'tags.*: text became number: "a", 1',
                "more: new, []",
            ],
        )
    ]
    assert [kind for kind, *_ in differ(ours, theirs, values=False)] == [SHAPE]


def test_kinds_have_names() -> None:
    assert differ([one("a", {"x": {}})], [one("a", {"x": []})]) == [(SHAPE, "a", ["x: object became list: {}, []"])]
    assert differ([one("a", {"x": b""})], [one("a", {"x": None})]) == [
        (SHAPE, "a", ["x: bytes became null: <0 bytes>, null"])
    ]


def test_lists_of_other_kinds() -> None:
    assert differ([one("a", [])], [one("a", [1])]) == [(SHAPE, "a", [": [] became [1]"])]
    assert differ([one("a", [1, "x"])], [one("a", ["x", 1])]) == [(VALUE, "a", ['*: 1 became "x"', '*: "x" became 1'])]
    ours, theirs = [one("a", [{"x": 1}, {"y": 2}])], [one("a", [{"y": 2}, {"x": 1}])]
    assert differ(ours, theirs) == [
        (VALUE, "a", ["*.x: missing, was 1", "*.y: new, 2", "*.y: missing, was 2", "*.x: new, 1"])
    ]
    assert differ(ours, theirs, values=False) == []


def test_several_arguments() -> None:
    assert differ([one("a", 1, {"x": 2})], [one("a", 1, {"x": 3})]) == [(VALUE, "a", ["1.x: 2 became 3"])]
    assert differ([one("a", 1, "x")], [one("a", "1", "x")]) == [(SHAPE, "a", ['0: number became text: 1, "1"'])]
    assert differ([one("a", 1)], [one("a", 1, 2)]) == [(SHAPE, "a", [": 1 arguments became 2"])]
    assert differ([one("a", b"\x00")], [one("a", b"\x01")]) == [(VALUE, "a", [": <1 bytes> became <1 bytes>"])]


def test_what_says_the_same_goes_together_before_what_only_looks_alike() -> None:
    ours = [one("say", {"text": text}) for text in "abcde"]
    theirs = [one("say", {"text": text}) for text in "acXe"]
    assert differ(ours, theirs) == [(MISSING, "say", []), (VALUE, "say", ['text: "d" became "X"'])]


def test_ids_have_to_refer_to_the_same() -> None:
    def talk(*ids: str) -> list[Said]:
        return [one("began", {"id": ids[0]}), one("say", {"id": ids[1], "of": ids[2]})]

    x, y, a, b, c = UUIDS[:5]
    assert differ(talk(x, y, x), talk(a, b, a)) == []
    assert differ(talk(x, y, x), talk(a, b, c)) == [(VALUE, "say", [f'of: "{x}" became "{c}"'])]
    assert differ(talk(x, y, x), talk(a, b, b)) == [(VALUE, "say", [f'of: "{x}" became "{b}"'])]


def test_ids_of_one_direction_are_known_in_the_other() -> None:
    def talk(told: str, named: str) -> list[Said]:
        return [one("began", {"id": told}), one("ack", {"id": named}, sender="client")]

    assert differ(talk("1", "1"), talk("2", "2"), "began.id", "ack.id") == []
    assert [kind for kind, *_ in differ(talk("1", "1"), talk("2", "3"), "began.id", "ack.id")] == [VALUE]


def test_volatile_paths_go_through_lists() -> None:
    ours, theirs = [one("h", {"all": [{"id": 1}, {"id": 2}]})], [one("h", {"all": [{"id": 7}, {"id": 8}]})]
    assert differ(ours, theirs, "h.all.*.id") == []
    assert len(differ(ours, theirs)[0][2]) == 2


def test_connections_go_together_by_what_opened_them() -> None:
    def talk(conn: int, path: str) -> list[Said]:
        return [Said(conn, "client", "(open)", (path,)), one("hello", {"from": path}, conn=conn)]

    ours = [*talk(1, "/a"), *talk(2, "/b")]
    assert differ(ours, [*talk(5, "/a"), *talk(9, "/b")]) == []
    assert differ(ours, [*talk(5, "/new"), *talk(6, "/a"), *talk(9, "/b")]) == [(NEW, "(open)", []), (NEW, "hello", [])]
    assert differ(ours, talk(5, "/a")) == [(MISSING, "(open)", []), (MISSING, "hello", [])]
    # One that opened differently is still the same connection.
    assert differ(ours, [*talk(1, "/a"), *talk(2, "/c")]) == [
        (VALUE, "(open)", [': "/b" became "/c"']),
        (VALUE, "hello", ['from: "/b" became "/c"']),
    ]


def test_http_is_compared_too() -> None:
    def talk(status: int) -> list[Said]:
        exchange = Exchange(2.0, 3, 0.0, TapedRequest("GET", "/z"), TapedResponse(status, (), "{}"))
        return conversation(opened(), exchange, closed())

    assert differ(talk(200), talk(200)) == []
    assert differ(talk(200), talk(500)) == [(VALUE, "answer to GET /z", ["0: 200 became 500"])]


def test_forms_whose_boundaries_were_drawn_anew() -> None:
    def talk(
        boundary: str, picture: str, binary: bool = False, kind: str = "multipart/form-data; boundary="
    ) -> list[Said]:
        text = f"--{boundary}\r\n\r\n{picture}\r\n--{boundary}--\r\n"
        request = TapedRequest("POST", "/z", (("content-type", kind + boundary),), text.encode() if binary else text)
        return conversation(opened(), Exchange(2.0, 3, 0.0, request, None), closed())

    for binary in (False, True):
        assert differ(talk("----form-1", "a", binary), talk("----form-27", "a", binary)) == []
        assert [kind for kind, *_ in differ(talk("x", "a", binary), talk("y", "b", binary))] == [VALUE]
    assert [kind for kind, *_ in differ(talk("x", "a", kind="text/"), talk("y", "a", kind="text/"))] == [VALUE]


def test_what_was_taken_out_of_two_recordings_of_the_same() -> None:
    """Each has placeholders of its own; they have to stand for the same all through."""
    person = '{"type":"x","phoneNumber":"0900000000","passport":"PP-000001","cardNumber":"%s","idcard":4929385017,"email":"%s"}'

    def talk(key: bytes, *people: tuple[str, str]) -> list[Said]:
        redactor = Redactor(key * 32)
        return conversation(
            opened(), *(redacted(said("server", person % one), redactor) for one in people), closed(), backend="chip"
        )

    ada, bob = ("4111111111111111", "ada@corp.example"), ("5555555555554444", "bob@corp.example")
    assert differ(talk(b"a", ada, bob), talk(b"b", ada, bob)) == []
    assert [kind for kind, *_ in differ(talk(b"a", ada, bob, ada), talk(b"b", ada, bob, bob))] == [VALUE]
    yes, no = (
        conversation(opened(), redacted(said("server", f'{{"a":"ada@corp.example","ok":{ok}}}'), Redactor(b"k")))
        for ok in ("true", "false")
    )
    assert differ(yes, no) == [(VALUE, "(message)", ["ok: true became false"])]
    # Where nothing was taken out a number is a number.
    assert [kind for kind, *_ in differ([one("x", "000123")], [one("x", "000124")])] == [VALUE]


def test_where_a_client_of_socket_io_goes_on_is_the_time() -> None:
    ours, theirs = ([one("connect", {"offset": offset})] for offset in ("Q8VWlOY.0", "Q8VXRk5.0"))
    assert differ(ours, theirs) == []


def test_the_order_is_that_of_the_tapes() -> None:
    ours = [one("a"), one("b", {"x": 1}), one("c")]
    theirs = [one("b", {"x": 2}), one("c"), one("d")]
    assert [(kind, name) for kind, name, _ in differ(ours, theirs)] == [(MISSING, "a"), (VALUE, "b"), (NEW, "d")]


def test_shape() -> None:
    assert shape({"a": [1, 2]}) == shape({"a": [3]})
    assert shape({"a": [1]}) != shape({"a": ["1"]})
    assert shape(True) != shape(1)
    assert shape(1) == shape(1.5)
    assert shape(None) != shape("")
    assert shape(b"") != shape("")


def test_long_values_are_told_in_short() -> None:
    [(_, _, [what])] = differ([one("a", "x" * 500)], [one("a", "y")])
    assert what == f': "{"x" * 199}... became "y"'
    [(_, _, [what])] = differ([one("a", 2**70)], [one("a", 1)])
    assert what == f": {2**70} became 1"


def test_ten_thousand_messages_in_a_moment() -> None:
    ours = [one("say", {"text": f"hello {n}", "id": UUIDS[n % 9]}) for n in range(10_000)]
    theirs = [*ours]
    del theirs[77]
    theirs.insert(5000, one("say", {"text": "new", "id": UUIDS[0]}))
    started = time.process_time()
    assert [kind for kind, *_ in differ(ours, theirs)] == [MISSING, NEW]
    random.Random(7).shuffle(theirs)
    assert differ(ours, theirs)
    assert time.process_time() - started < 15


def test_long_messages_are_not_compared_with_each_other_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred of 24 KB took thirteen seconds, and a control call may bring sixteen megabytes."""
    compared: list[object] = []

    class Key:
        def __init__(self, said: Said) -> None:
            self.said = said

        def __hash__(self) -> int:
            return hash(self.said.args)

        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return isinstance(other, Key) and self.said.args == other.said.args

    monkeypatch.setattr(room._Comparison, "_meaning", lambda self, one: Key(one))
    ours, theirs = ([one("say", n) for n in numbers] for numbers in (range(300), range(250, 550)))
    assert len(differ(ours, theirs)) == 500
    assert len(compared) == 50


class TooLongError(Exception):
    pass


@pytest.mark.parametrize(
    ("ours", "theirs", "after"),
    [
        ([one("say", n) for n in range(100)], [one("say", n) for n in range(100)], 150),
        ([one(f"say {n}") for n in range(10)], [one(f"{n}") for n in range(10)], 75),
        (
            [one("say", [[[[[[[[[[[[[[[[[[2]]]]]]]]]]]]]]]]]])],
            [one("say", [[[[[[[[[[[[[[[[[["2"]]]]]]]]]]]]]]]]]])],
            20,
        ),
    ],
    ids=["many", "all others", "deep"],
)
def test_it_can_be_ended_wherever_it_takes_long(ours: list[Said], theirs: list[Said], after: int) -> None:
    left = [*range(after)]

    def look() -> None:
        if not left:
            raise TooLongError
        left.pop()

    with pytest.raises(TooLongError):
        compare(ours, theirs, look=look)


def test_a_change_is_a_value() -> None:
    assert Change("a", "b") == Change("a", "b")

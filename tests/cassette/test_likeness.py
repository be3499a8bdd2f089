"""Messages that look alike: which of them is meant, and whose answer it gets."""

from __future__ import annotations

from simulator.cassette.entries import Entry, Exchange, TapedRequest, TapedResponse
from tests.cassette import tapes
from tests.cassette.recordings import Replay
from tests.cassette.tapes import opened, said
from tests.cassette.test_short_ids import stranger

ONE, TWO, NEW = (f"{i}d62d551-3030-4100-a260-2d7c4e9693e7" for i in (1, 2, 3))


def asks(item: str, n: int, answer: str, at: float) -> list[Entry]:
    return [
        said("client", f'{{"type":"open","itemId":"{item}","n":{n}}}', at),
        said("server", f'{{"type":"opened","what":"{answer}"}}', at),
    ]


def test_the_one_with_the_same_id_is_meant_before_one_that_only_looks_so() -> None:
    replay = stranger(opened("/x"), *asks(ONE, 1, "lamp", 1.0), *asks(TWO, 1, "chair", 2.0))
    replay.play(f"""
        client connects /x
        client >> {{"type":"open","itemId":"{TWO}","n":1}}
        server << {{"type":"opened","what":"chair"}}
        client >> {{"type":"open","itemId":"{NEW}","n":1}}
        server << {{"type":"opened","what":"lamp"}}
    """)
    assert replay.coverage.matched == {"exactly": 1, "by meaning": 1}
    assert replay.coverage.complete


def test_the_same_message_twice_has_its_answers_in_their_order() -> None:
    replay = stranger(opened("/x"), *asks(ONE, 1, "lamp", 1.0), *asks(ONE, 1, "broken lamp", 2.0))
    ask = f'client >> {{"type":"open","itemId":"{ONE}","n":1}}\n'
    replay.play(
        "client connects /x\n"
        + ask
        + 'server << {"type":"opened","what":"lamp"}\n'
        + ask
        + 'server << {"type":"opened","what":"broken lamp"}\n'
        + ask
        + "client is silent"
    )
    assert replay.warnings() == ["client 1: open is said more often than on the tape; nearest is talk.yaml:19"]


def test_of_many_that_look_alike_not_all_are_looked_at() -> None:
    # Each is held against the next fifty; the sixtieth has to wait for its turn.
    ids = [f"{i:08d}-3030-4100-a260-2d7c4e9693e7" for i in range(60)]
    replay = stranger(opened("/x"), *(entry for i, one in enumerate(ids) for entry in asks(one, 1, f"{i}", 1.0)))
    client = replay.connect("client", "/x")
    client.send(f'{{"type":"open","itemId":"{ids[40]}","n":1}}')
    client.send(f'{{"type":"open","itemId":"{ids[59]}","n":1}}')
    assert client.texts() == ['{"type":"opened","what":"40"}', '{"type":"opened","what":"0"}']


def test_requests_that_look_alike() -> None:
    def got(what: str, answer: str, at: float) -> Exchange:
        return Exchange(at, 1, 0.0, TapedRequest("GET", f"/items/{what}"), TapedResponse(200, (), answer))

    tape = [got(ONE, "lamp", 1.0), got(TWO, "chair", 2.0), got(TWO, "broken chair", 3.0)]
    replay = stranger(*tape)
    for what, answers in ((TWO, ["chair", "broken chair", "broken chair"]), (NEW, ["lamp", "lamp"])):
        for answer in answers:
            assert replay.request("GET", f"/items/{what}").body.decode() == answer
    assert replay.warnings() == []
    # Of two clients that may have asked it is the last one, where neither has a better claim.
    replay = stranger(opened("/x"), *tape)
    replay.connect("one", "/x")
    replay.connect("two", "/x")
    for answer in ("lamp", "lamp"):
        assert replay.request("GET", f"/items/{NEW}").body.decode() == answer


def test_a_request_that_is_asked_for_once_more_than_on_the_tape() -> None:
    posted = Exchange(1.0, 1, 0.0, TapedRequest("POST", "/items", (), '{"a":1}'), TapedResponse(200, (), "x"))
    replay = stranger(posted)
    replay.request("POST", "/items", b'{"a":2}')
    assert replay.warnings() == [
        "a request: POST /items is not as it is on the tape; nearest is talk.yaml:6; body.a: expected 1, got 2"
    ]


def test_empty_and_binary_messages() -> None:
    tape: list[Entry] = [
        opened("/x"),
        said("client", "", 0.0),
        said("server", "", 0.0),
        said("client", b"", 0.1),
        said("server", b"\0", 0.1),
        said("client", "{}", 0.2),
        said("server", "[]", 0.2),
        said("client", "[]", 0.3),
        said("server", "{}", 0.3),
        said("client", "null", 0.4),
        said("server", "0", 0.4),
    ]
    replay = stranger(*tape)
    client = replay.connect("client", "/x")
    for data, answer in ((b"", b"\0"), ("[]", "{}"), ("", ""), ("null", "0"), ("{}", "[]")):
        client.send(data)
        [frame] = client.got
        assert frame.data == answer  # type: ignore[union-attr]
        client.got.clear()
    assert replay.coverage.complete


def test_clients_of_one_tape_at_once_have_ids_of_their_own() -> None:
    chat = "65vbbDAQCdPdEWlEhDGy4utO"
    tape: list[Entry] = []
    for conn, name in ((1, "ann"), (2, "bob")):
        tape += [
            opened(conn=conn, at=float(conn)),
            said("client", f'{{"type":"send_msg","text":"{name}"}}', conn + 0.1, conn),
            said(
                "server", f'{{"type":"chat_started","chat_id":"{chat[::-1] if conn == 2 else chat}"}}', conn + 0.1, conn
            ),
            said(
                "client", f'{{"type":"get_history","chat_id":"{chat[::-1] if conn == 2 else chat}"}}', conn + 0.2, conn
            ),
            said("server", f'{{"type":"history","of":"{name}"}}', conn + 0.2, conn),
        ]
    replay = Replay(tapes.tape(*tape, backend="chip"), factor=0.0)
    replay.play("""
        bob connects
        ann connects
        ann >> {"type":"send_msg","text":"ann"}
        bob >> {"type":"send_msg","text":"bob"}
        bob << {"type":"chat_started","chat_id":"$b"}
        ann << {"type":"chat_started","chat_id":"$a"}
        bob >> {"type":"get_history","chat_id":"$b"}
        ann >> {"type":"get_history","chat_id":"$a"}
        ann << {"type":"history","of":"ann"}
        bob << {"type":"history","of":"bob"}
    """)
    assert replay.coverage.complete
    assert len({replay.kept["a"], replay.kept["b"], chat, chat[::-1]}) == 4


def test_who_asks_the_very_same_again_gets_the_very_same_answer() -> None:
    def ask(session: str) -> str:
        return f'{{"action":"api","data":{{"route":"client/get-chat","body":{{"chatSessionId":"{session}"}}}}}}'

    def answer(text: str) -> str:
        return f'{{"channel":"client/get-chat","status":200,"body":{{"text":"{text}"}}}}'

    tape: list[Entry] = [opened("/uat?token=t")]
    for at, session, text in ((1.0, ONE, "first"), (2.0, TWO, "second")):
        tape += [said("client", ask(session), at), said("server", answer(text), at)]
    replay = Replay(tapes.tape(*tape, backend="concierge"))
    replay.connect("client", "/uat?token=t")
    replay.play("\n".join(f"client >> {ask(ONE)}\nserver << {answer('first')}" for _ in range(3)))
    replay.play(f"client >> {ask(NEW)}\nserver << {answer('second')}")
    assert replay.coverage.matched == {"exactly": 1, "again": 2, "by meaning": 1}

"""What a cassette keeps of bodies, and what only redaction sees."""

from __future__ import annotations

import pytest

from simulator.cassette.entries import Beside, Exchange, Lost, TapedRequest, TapedResponse
from simulator.core.message import Headers
from tests.cassette.test_recorder import START, Censor, Recording


def test_big_bodies_stand_beside_and_the_biggest_only_in_their_hash() -> None:
    on = Recording(inline=10, keep=20)
    for n in (10, 11, 21):
        stream = on.recorder.stream()
        for _ in range(n):
            stream.feed(b"a")
        call = on.recorder.asked(START, TapedRequest("PUT", "/", (), stream.done()))
        on.recorder.answered(START, call, TapedResponse(200, (), b"b" * n))
    got = [(entry.request.body, entry.response.body) for entry in on.entries if isinstance(entry, Exchange) and entry.response]  # fmt: skip
    assert got[0] == ("a" * 10, "b" * 10)
    asked, said = got[1]
    assert isinstance(asked, Beside)
    assert isinstance(said, Beside)
    assert (asked.path, asked.size) == ("cassette.files/000002-request.bin", 11)
    assert on.sink.files == {
        "cassette.files/000002-request.bin": b"a" * 11,
        "cassette.files/000002-response.bin": b"b" * 11,
    }
    asked, said = got[2]
    assert isinstance(asked, Beside)
    assert isinstance(said, Beside)
    assert (asked.path, said.path, asked.size, said.size) == (None, None, 21, 21)


@pytest.mark.parametrize("headers", [(("Content-Type", "opaque"),), (("Content-Encoding", "br"),)])
def test_of_what_nobody_can_look_into_the_length_is_kept(headers: Headers) -> None:
    on = Recording(redactor=Censor())
    call = on.recorder.asked(START, TapedRequest("GET", "/", headers, b"secret"))
    on.recorder.answered(START, call, None)
    assert on.entries == [
        Exchange(0, 1, 0, TapedRequest("GET", "/", headers, Beside(None, 6, "")), None, True),
    ]  # fmt: skip


def test_a_body_that_cannot_be_kept_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    on = Recording(inline=10, redactor=Censor())

    def full(name: str, data: bytes) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(on.sink, "beside", full)
    call = on.recorder.asked(START, TapedRequest("PUT", "/", (), b"a" * 11))
    on.recorder.answered(START, call, None)
    assert on.entries == [Lost(0, None, 1, "writing failed: [Errno 28] No space left on device")]


def test_a_body_for_which_there_is_no_room() -> None:
    on = Recording(inline=10, max_size=2000)
    for size in (500, 1500):
        call = on.recorder.asked(START, TapedRequest("PUT", "/", (), b"a" * size))
        on.recorder.answered(START, call, None)
    bodies = [entry.request.body for entry in on.entries if isinstance(entry, Exchange)]
    assert [body.path for body in bodies if isinstance(body, Beside)] == ["cassette.files/000001-request.bin", None]
    assert on.recorder.counts.bytes == sum(map(len, on.sink.records)) + 500

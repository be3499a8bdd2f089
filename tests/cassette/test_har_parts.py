"""The parts of a HAR's entries."""

from __future__ import annotations

import pytest

from simulator.cassette.har_parts import Close, Shape, headers_of, instant, mapping, message, method, unpacked


def test_units_of_time_are_told_by_their_size() -> None:
    for time, seconds in ((1795204800, 1795204800.0), (1795204800123, 1795204800.123), (12.5, 12.5), (-1, None)):
        assert message({"type": "send", "time": time, "data": ""})[1] == seconds


@pytest.mark.parametrize(("code", "told"), [(4000, 4000), (-1, 1005), (70000, 1005), ("x", 1005), (None, 1005)])
def test_closes(code: object, told: int) -> None:
    assert message({"type": "receive", "opcode": 8, "code": code})[2] == Close(told, "")


def test_the_rest() -> None:
    assert method({"method": "PUT"}) == "PUT"
    assert method({"method": None}) == "GET"
    assert mapping({"a": {}}, "a") == {}
    assert mapping({"a": None}, "a", lacking={"x": 1}) == {"x": 1}
    with pytest.raises(Shape, match=r"\.a: expected an object"):
        mapping({"a": None}, "a")
    assert unpacked("é", None, "") == "é".encode()
    assert headers_of({}, "") == ()
    assert instant("1970-01-01T00:00:01Z") == 1.0

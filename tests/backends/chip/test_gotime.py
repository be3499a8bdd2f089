"""Go's times, beyond what observed.json holds."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulator.backends.chip import gotime


@pytest.mark.parametrize(
    ("nanos", "offset", "text"),
    [
        (0, 0, "1970-01-01T00:00:00Z"),
        (1, 0, "1970-01-01T00:00:00.000000001Z"),
        (1_500_000_000, 0, "1970-01-01T00:00:01.5Z"),
        (-1, 0, "1969-12-31T23:59:59.999999999Z"),
        (1714583730123456000, 0, "2024-05-01T17:15:30.123456Z"),
        (1714583730120000000, -300, "2024-05-01T12:15:30.12-05:00"),
        (1714583730000000000, 330, "2024-05-01T22:45:30+05:30"),
        (gotime.ZERO_TIME, 0, "0001-01-01T00:00:00Z"),
    ],
)
def test_written(nanos: int, offset: int, text: str) -> None:
    assert gotime.nano(nanos, offset) == text


@given(st.integers(-62_000_000_000 * 10**9, 250_000_000_000 * 10**9), st.integers(-840, 840))
def test_what_is_written_is_read_again(nanos: int, offset: int) -> None:
    text = gotime.nano(nanos, offset)
    assert gotime.parse(text) == nanos
    assert gotime.offset(text) == offset * 60


_LIKELY = st.from_regex(
    r"[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{3})?Z", fullmatch=True
)
_SPOILT = st.builds(
    lambda text, at, other: text[:at] + other + text[at + 1 :],
    _LIKELY,
    st.integers(0, 23),
    st.sampled_from("0123456789-+:.,TtZz W\u0662"),
)


@given(_LIKELY | _SPOILT)
@example("2026-06-01T12:00:00Z")
@example("2026-06-01T12:00:00.125Z")
@example("0001-01-01T00:00:00Z")
@example("2026-06-31T12:00:00Z")
@example("2026-06-01T12:00:00.1Z")
def test_the_quick_way_is_the_long_way_or_none(text: str) -> None:
    quick = gotime.usual(text)
    if quick is not None:
        assert quick == gotime.micros(gotime.parse(text))


@pytest.mark.parametrize("text", ["2026-06-01T12:00:00Z", "2026-06-01T12:00:00.125Z", "1969-12-31T23:59:59.999Z"])
def test_what_clients_write_goes_the_quick_way(text: str) -> None:
    assert gotime.usual(text) == gotime.micros(gotime.parse(text))


@pytest.mark.parametrize(
    "text", ["", "2024-02-30T00:00:00Z", "2024-01-01T00:00:00", "2024-01-01t00:00:00Z", "٢024-01-01T00:00:00Z"]
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        gotime.parse(text)


def test_year_0_is_read() -> None:
    assert gotime.parse("0000-12-31T23:59:59Z") == gotime.ZERO_TIME - 10**9


@pytest.mark.parametrize(
    ("nanos", "micros"), [(499, 0), (500, 0), (501, 1), (1500, 2), (2500, 2), (-500, 0), (1000, 1)]
)
def test_postgres_rounds_half_to_even(nanos: int, micros: int) -> None:
    assert gotime.micros(nanos) == micros

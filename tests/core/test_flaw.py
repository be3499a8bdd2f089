"""Errors between rows of fixtures: the place is that of the row that is meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from simulator.core.flaw import column, flaw, unique


class Inner(BaseModel):
    """Two rows."""

    rows: list[int]

    @model_validator(mode="after")
    def _once(self) -> Inner:
        if self.rows[0] == self.rows[1]:
            raise flaw("stands there twice", "rows", 1, got=self.rows[1])
        return self


class Outer(BaseModel):
    """Holds others."""

    inner: dict[str, Inner]


def test_the_place_is_below_the_validators_own() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"a": {"rows": [1, 2]}, "b": {"rows": [3, 3]}}})
    found: list[Any] = caught.value.errors(include_url=False)
    assert [(error["loc"], error["msg"], error["input"]) for error in found] == [
        (("inner", "b", "rows", 1), "stands there twice", 3)
    ]


class Row(BaseModel):
    """One of a list."""

    name: str


def test_what_stands_in_two_places_is_told_with_both() -> None:
    rows = [Row(name=name) for name in ("a", "b", "b")]
    unique([])
    unique(column("rows", "name", rows[:2]))
    with pytest.raises(ValidationError) as caught:
        unique(column("rows", "name", rows))
    [found] = caught.value.errors(include_url=False)
    assert (found["loc"], found["msg"]) == (("rows", 2, "name"), "stands there twice, in rows.1 too")

"""Errors between rows of fixtures: the place is that of the row that is meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError, model_validator

from simulator.core.flaw import flaw


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

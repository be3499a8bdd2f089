"""What a model expected, in words that are not about Python."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from simulator.core.expected import first_wrong


def even(value: int) -> int:
    if value % 2:
        raise ValueError("expected an even number" if value > 2 else "1 is odd")
    return value


class Inner(BaseModel):
    key: int = 0


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    need: str
    text: Annotated[str, Field(min_length=2, max_length=3)] = "ab"
    yes: bool = True
    whole: Annotated[int, Field(gt=0, le=9)] = 1
    part: Annotated[float, Field(ge=0.5, lt=2)] = 1.0
    null: None = None
    rows: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    named: dict[str, int] = {}
    inner: Inner = Inner()
    one: Literal["a", "b"] = "a"
    pair: Annotated[int, AfterValidator(even)] = 2
    time: Annotated[float, Field(allow_inf_nan=False)] = 0.0


def told(given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(given)
    return first_wrong(caught.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "need: expected a value"),
        ([], "expected an object"),
        ({"need": "", "x": 1}, "x: expected no such key"),
        ({"need": 5}, "need: expected a text"),
        ({"need": "", "text": "a"}, "text: expected a text of 2 or more characters"),
        ({"need": "", "text": "abcd"}, "text: expected a text of 3 or fewer characters"),
        ({"need": "", "yes": 1}, "yes: expected true or false"),
        ({"need": "", "whole": "1"}, "whole: expected a whole number"),
        ({"need": "", "whole": 0}, "whole: expected more than 0"),
        ({"need": "", "whole": 10}, "whole: expected 9 or less"),
        ({"need": "", "part": "1"}, "part: expected a number"),
        ({"need": "", "part": 0.25}, "part: expected 0.5 or more"),
        ({"need": "", "part": 2.0}, "part: expected less than 2.0"),
        ({"need": "", "null": 1}, "null: expected null"),
        ({"need": "", "rows": 1}, "rows: expected a list"),
        ({"need": "", "rows": []}, "rows: expected 1 or more of them"),
        ({"need": "", "rows": [1, 2, 3]}, "rows: expected 2 or fewer of them"),
        ({"need": "", "rows": ["1"]}, "rows.0: expected a whole number"),
        ({"need": "", "named": 1}, "named: expected an object"),
        ({"need": "", "inner": 1}, "inner: expected an object"),
        ({"need": "", "one": "c"}, "one: expected 'a' or 'b'"),
        ({"need": "", "pair": 3}, "pair: expected an even number"),
        ({"need": "", "pair": 1}, "pair: expected another value: 1 is odd"),
        ({"need": "", "time": float("inf")}, "time: expected a finite number"),
    ],
)
def test_what_is_expected(given: Any, why: str) -> None:
    assert told(given) == why

"""What an operator adds."""

from __future__ import annotations

import pytest

from simulator.cassette.rules import parse


def test_rules() -> None:
    rules = parse(["header X-Internal", "query tenant_id", "json $.user[0].*.nick", " text  KD-(\\d+) "])
    assert rules.headers == {"xinternal"}
    assert rules.query == {"tenantid"}
    assert rules.paths == (("user", "*", "nick"),)
    assert [pattern.pattern for pattern in rules.texts] == ["KD-(\\d+)"]
    assert rules.told == ("header X-Internal", "query tenant_id", "json $.user[0].*.nick", " text  KD-(\\d+) ")


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("", "'' is no rule; expected header NAME, query NAME, json PATH or text REGEX"),
        ("cookie a", "'cookie a' is no rule; expected header NAME, query NAME, json PATH or text REGEX"),
        ("header", "'header' is no rule; expected header NAME, query NAME, json PATH or text REGEX"),
        ("json .", "'json .' names no key; json user.nick would"),
        ("json a.*", "'json a.*' names no key; json user.nick would"),
        ("text (", "'text (' is no regular expression: missing ), unterminated subpattern at position 0"),
        ("text a*", "'text a*' finds itself in an empty text; it has to ask for something"),
    ],
)
def test_what_is_none(rule: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse([rule])
    assert str(caught.value) == why

"""Manners on a WebSocket: what the RFC's table and the bare policy say."""

from __future__ import annotations

import pytest

from simulator.core.link import RFC_6455, Answer, LinkPolicy, Violation


def test_rfc_answers_every_violation() -> None:
    assert list(RFC_6455) == list(Violation)


@pytest.mark.parametrize("violation", Violation, ids=lambda violation: violation.name)
def test_rfc_codes(violation: Violation) -> None:
    # RFC 6455, 7.4.1: 1007 for data that is not what its type says, 1009 for too much of it, 1002 for the rest.
    codes = {Violation.TOO_BIG: 1009, Violation.CLOSE_UTF8: 1007, Violation.UTF8: 1007}
    assert RFC_6455[violation] == Answer(codes.get(violation, 1002), "")


def test_bare_policy_is_the_rfc() -> None:
    policy = LinkPolicy()
    assert policy.answers is RFC_6455
    assert policy.validate_utf8
    assert not policy.join
    # 7.4.1 and the IANA registry: 1004 is reserved; 1005, 1006 and 1015 are never sent.
    assert policy.close_codes == {*range(1000, 1015)} - {1004, 1005, 1006}


def test_policies_share_nothing_that_changes() -> None:
    policy = LinkPolicy()
    policy.limit = 1
    assert LinkPolicy().limit == 1 << 20
    assert LinkPolicy(answers={}).answers == {}, "what is not named is tolerated"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(1002), "a frame against the protocol: closed with 1002"),
        (Answer(1002, "RSV1 set"), "a frame against the protocol: closed with 1002 (RSV1 set)"),
        (Answer(1007), "a text that is not UTF-8: closed with 1007"),
        (Answer(1009), "a message above the limit: closed with 1009"),
        (Answer(None), "a frame against the protocol: dropped"),
    ],
)
def test_the_operator_is_told_more_than_the_peer(answer: Answer, told: str) -> None:
    assert answer.told() == told

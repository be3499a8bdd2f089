"""The conversation's machine as a table. The document names the eight states and no way between them: guessed."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["new", "active", "ai", "queued", "agent", "escalated", "ended", "closed"]
"""Conversation Status Types, in the document's order."""

Reason: TypeAlias = Literal["user_ended", "agent_ended", "timeout", "resolved"]
"""Why a conversation ended (Conversation Events, conversation-ended)."""


class Trigger(StrEnum):
    """What moves a conversation."""

    BOT_HEARS = "a message, and a bot answers"
    NOBODY_HEARS = "a message, and no bot answers"
    ESCALATE = "escalate"
    ENQUEUE = "queue_delay after escalate"
    AGENT_JOINS = "an agent joins"
    BACK_TO_BOT = "the agent leaves, and a bot answers"
    BACK_TO_NOBODY = "the agent leaves, and no bot answers"
    END = "end by user or agent, timeout, resolved"
    CLOSE = "close_after"


_T = Trigger

TABLE: dict[Status, dict[Trigger, Status]] = {
    "new": {
        _T.BOT_HEARS: "ai",
        _T.NOBODY_HEARS: "active",
        _T.ESCALATE: "escalated",
        _T.AGENT_JOINS: "agent",
        _T.END: "ended",
    },
    "active": {_T.ESCALATE: "escalated", _T.AGENT_JOINS: "agent", _T.END: "ended"},
    "ai": {_T.ESCALATE: "escalated", _T.AGENT_JOINS: "agent", _T.END: "ended"},
    "escalated": {_T.ENQUEUE: "queued", _T.AGENT_JOINS: "agent", _T.END: "ended"},
    "queued": {_T.AGENT_JOINS: "agent", _T.END: "ended"},
    "agent": {_T.BACK_TO_BOT: "ai", _T.BACK_TO_NOBODY: "active", _T.END: "ended"},
    "ended": {_T.CLOSE: "closed"},
    "closed": {},
}
"""What is not here does not move: a message in `ai` stays there, a message to `ended` or `closed` is an error."""

OVER: frozenset[Status] = frozenset(("ended", "closed"))
WAITING: frozenset[Status] = frozenset(("escalated", "queued"))


def after(status: Status, trigger: Trigger) -> Status | None:
    """The next state, or None where this moves nothing."""
    return TABLE[status].get(trigger)

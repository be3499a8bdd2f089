"""The part of `Rules` that hosts of tests have no use for: they know no bot, and nobody talks."""

from __future__ import annotations

from collections.abc import Collection

from simulator.core.bot import Act


class Talkless:
    """To be a base of rules."""

    def talks(self) -> Collection[str]:
        return ()

    def objection(self, talk: str, act: Act) -> str | None:
        return None

    def talk_of(self, conn: object, message: object) -> str | None:
        return None

    def conns_of(self, talk: str) -> tuple[()]:
        return ()

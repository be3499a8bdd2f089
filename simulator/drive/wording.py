"""The client's words as they have to be today: live ids in place of the tape's, live URLs, and no dead secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from simulator.cassette import envelopes
from simulator.cassette.entries import Beside
from simulator.core.message import Headers
from simulator.drive.bound import Bound, placeholders
from simulator.drive.carriers import Place, others
from simulator.drive.hearing import Hearing
from simulator.drive.outcome import Outcome
from simulator.drive.script import Ask, Open, Say
from simulator.drive.target import Target, abroad

_ACK = re.compile(r"(4[36](?:\d+-)?(?:/[^,]*,)?)(\d+)")
"""What stands before an acknowledgement's id."""
_HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Of a pair, which no bytes stand for: a HAR may have one, and a browser sends U+FFFD for it."""


@dataclass(slots=True)
class Wish:
    """A request, ready to be made."""

    url: str
    headers: Headers
    body: bytes | Beside


class Wording:
    """Of one run."""

    def __init__(self, target: Target, bound: Bound, hearing: Hearing, outcome: Outcome) -> None:
        self._target = target
        self._bound = bound
        self._hearing = hearing
        self._outcome = outcome
        self._told: set[str] = set()

    def place(self, step: Open) -> Place:
        """Where a connection is to be made, and with which header lines."""
        path, headers = self._bound.to_live(step.path), self._headers(step.headers)
        self._missing(step.line, path, headers)
        lines = self._target.lines(headers)
        if not step.transports:
            return Place(self._target.url(path, opens=True), lines, ())
        where, _, query = path.partition("?")
        polls = tuple(line for line in lines if line[0].lower() not in ("content-type", "accept"))
        return Place(self._target.url(f"{where}?{others(query)}", opens=True), lines, polls)

    def frame(self, step: Say, kind: str) -> str | bytes:
        """A frame; bytes are said as they are."""
        data = step.data
        if not isinstance(data, str):
            return data
        text = _HALF.sub("\ufffd", self._bound.to_live(data))
        if kind == envelopes.ENGINE and text[:2] in ("43", "46"):
            topic = step.said[0].topic if step.said else "/"
            text = _ACK.sub(lambda found: found[1] + self._hearing.ack(step.conn, topic, found[2]), text, count=1)
        self._placeholders(step.line, text)
        return text

    def wish(self, step: Ask) -> Wish | str:
        """An HTTP request, or why it can't be made."""
        request = step.request
        body: bytes | Beside
        if isinstance(request.body, Beside):
            if request.body.path is None:
                return "its body was too big to be kept on the tape"
            body = request.body
        elif isinstance(request.body, str):
            text = self._bound.to_live(request.body)
            self._placeholders(step.line, text)
            body = text.encode("utf-8", "surrogateescape")
        else:
            body = request.body or b""
        headers = self._headers(request.headers)
        told = self._bound.url(request.path)
        if told is None:
            path = self._bound.to_live(request.path)
            self._missing(step.line, path, headers)
            return Wish(self._target.url(path, opens=False), self._target.lines(headers), body)
        # Its query is signed, as a rule; what the operator gave is for his own server alone.
        _, mark, query = request.path.partition("?")
        url = told if urlsplit(told).query or not mark else f"{told}?{self._bound.to_live(query)}"
        return Wish(url, self._target.lines(headers) if self._target.is_here(url) else abroad(headers), body)

    def _headers(self, taped: Headers) -> Headers:
        return tuple((name, self._bound.to_live(value)) for name, value in taped)

    # ---- what redaction took

    def _missing(self, line: int, path: str, headers: Headers) -> None:
        for name, value in headers:
            if name.lower() in self._target.fresh:
                continue
            for found in placeholders(value):
                self._note(found, line, f"the tape has no {name}, redaction took it: --header {name}=VALUE gives one")
        _, _, query = self._target.url(path, opens=False).partition("?")
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            for found in placeholders(value):
                how = f"--query {unquote(name)}=VALUE"
                self._note(found, line, f"the tape has no {unquote(name)}, redaction took it: {how} gives one")
        self._placeholders(line, path.partition("?")[0])

    def _placeholders(self, line: int, text: str) -> None:
        for found in placeholders(text):
            how = f"--bind {found}=VALUE"
            self._note(found, line, f"the client says {found} here, in place of what redaction took: {how} gives it")

    def _note(self, found: str, line: int, text: str) -> None:
        """Once of each secret."""
        if found not in self._told and not self._bound.is_given(found):
            self._told.add(found)
            self._outcome.notes.append((line, text))

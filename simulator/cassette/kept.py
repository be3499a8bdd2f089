"""What is kept of that which passes: nothing that redaction takes out, and of large bodies what they were."""

from __future__ import annotations

from typing import Protocol

from simulator.cassette.bodies import hashed
from simulator.cassette.entries import Beside, Body, Exchange, TapedRequest, TapedResponse
from simulator.cassette.ledger import Ledger
from simulator.core.message import Headers


class Redactor(Protocol):
    """Takes secrets out. Every method gives back the very same object when there was nothing to take out."""

    rules: tuple[str, ...]
    """For the header."""
    count: int
    """Values that were replaced so far."""

    def text(self, text: str) -> str:
        """A frame, or any other text."""
        ...

    def binary(self, data: bytes) -> bytes:
        """A binary frame."""
        ...

    def headers(self, headers: Headers) -> Headers: ...

    def path(self, path: str) -> str:
        """A request's target, with its query."""
        ...

    def body(self, body: bytes, kind: str) -> bytes | None:
        """A body of that content type; None when nobody can see what is in it, and it must not be kept."""
        ...


class Kept:
    """Of one cassette. Methods raise what the redactor raises, and OSError where a body can't be put beside."""

    def __init__(self, ledger: Ledger, redactor: Redactor | None, inline: int, keep: int) -> None:
        """`redactor` None keeps everything as it is; `inline` and `keep` are bytes.

        A body above `inline` stands beside, of one above `keep` there is the hash.
        """
        self._ledger = ledger
        self._redactor = redactor
        self._inline = inline
        self._keep = keep
        self._withheld = 0
        """Bodies that nobody could look into."""

    @property
    def replaced(self) -> int:
        """How much was taken out so far."""
        return self._withheld + (0 if self._redactor is None else self._redactor.count)

    def text(self, text: str) -> str:
        """Words."""
        return text if self._redactor is None else self._redactor.text(text)

    def path(self, path: str) -> str:
        """A request's target, with its query."""
        return path if self._redactor is None else self._redactor.path(path)

    def headers(self, headers: Headers) -> Headers:
        """Header lines."""
        return headers if self._redactor is None else self._redactor.headers(headers)

    def exchange(
        self, at: float, number: int, took: float, request: TapedRequest, response: TapedResponse | None
    ) -> Exchange:
        """A request with its answer. A clock that was set back makes nothing quicker than at once."""
        body = self._body(f"{number:06d}-request", request.headers, request.body)
        asked = TapedRequest(request.method, self.path(request.path), self.headers(request.headers), body)
        said = None if response is None else self.response(number, response)
        return Exchange(at, number, max(0.0, took), asked, said)

    def response(self, number: int, response: TapedResponse) -> TapedResponse:
        """The answer to what has this number."""
        body = self._body(f"{number:06d}-response", response.headers, response.body)
        return TapedResponse(response.status, self.headers(response.headers), body)

    def _body(self, name: str, headers: Headers, body: Body) -> Body:
        if not isinstance(body, bytes):
            return self.text(body) if isinstance(body, str) else body
        if not body:
            return None
        if len(body) > self._keep:
            return hashed(body)
        if self._redactor is not None:
            lines = {key.lower(): value for key, value in headers}
            coded = lines.get("content-encoding", "identity").lower() != "identity"
            safe = None if coded else self._redactor.body(body, lines.get("content-type", ""))
            if safe is None:
                # Not even as a hash: of something short it would tell what it is.
                self._withheld += 1
                return Beside(None, len(body), "")
            body = safe
        if len(body) > self._inline:
            beside = hashed(body)
            beside.path = self._ledger.beside(f"{name}.bin", body)
            return beside
        try:
            return body.decode()
        except UnicodeDecodeError:
            return body

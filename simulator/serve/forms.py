"""Multipart bodies, read in a stream: the one field that a route wants goes into the store, the rest is passed over.

How strict it is was taken from Plug 1.4.3 (lib/plug/parsers/multipart.ex, lib/plug/conn/utils.ex) over cowlib 1.0.2
(src/cow_multipart.erl), the server of AIDA. Where these depend on how the bytes were cut into packets, this does not.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from enum import Enum, auto

from simulator.core.backend import Stored
from simulator.core.message import Request
from simulator.core.objects import Upload, UploadFlaw
from simulator.serve.framed import Framed
from simulator.serve.objects import Writing

HEAD = 64 << 10
"""Bytes that the header lines of one part may have."""
PARTS = 10_000
"""Parts that a form may have: their heads are beyond any route's limit."""

_FORM = re.compile(r"(?i)[ \t]*multipart/(?:form-data|mixed)[ \t]*(?:;(.*))?", re.DOTALL)
_LINE = re.compile(rb"([^: \t]*)[ \t]*:[ \t]*(.*)", re.DOTALL)
_PIECE = re.compile(rb'(?:[^;"]|"[^"]*(?:"|\Z))+')
# Utils.params/1: specials, spaces and control characters end a key or an unquoted value.
_PAIR = re.compile(rb'(?:\r\n|[ \t])*([^()<>@,;:\\"/\[\]?={} \x00-\x1f\x7f]+)=(.*)', re.DOTALL)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"(?:\r\n|[ \t])*', re.DOTALL)
_TOKEN = re.compile(rb'([^()<>@,;:\\"/\[\]?={} \x00-\x1f\x7f]+)(?:\r\n|[ \t])*')


def parameters(text: bytes) -> dict[bytes, bytes]:
    r"""What stands behind the semicolon of a header: names in lower case, the first of equal ones, no flawed ones.

    Utils.params/1 and token/1: a backslash in quotes makes the next byte literal (`"C:\dir"` is `C:dir`), but a quote
    behind one still opens or closes where the text is cut at its semicolons.
    """
    found: dict[bytes, bytes] = {}
    for piece in _PIECE.findall(text):
        pair = _PAIR.fullmatch(piece)
        if pair is None:
            continue
        name, value = pair[1].lower(), pair[2]
        if quoted := _QUOTED.fullmatch(value):
            found.setdefault(name, re.sub(rb"(?s)\\(.)", rb"\1", quoted[1]))
        elif token := _TOKEN.fullmatch(value):
            found.setdefault(name, token[1])
    return found


def boundary(content_type: str | None) -> bytes | UploadFlaw:
    """What parts the body of a form with this Content-Type."""
    form = _FORM.fullmatch(content_type or "")
    if form is None:
        return UploadFlaw.NOT_A_FORM
    return parameters((form[1] or "").encode("utf-8", "surrogateescape")).get(b"boundary") or UploadFlaw.MALFORMED


def taker(request: Request, body: Stored, begin: Callable[[], Writing]) -> Whole | Framed | Form | UploadFlaw:
    """What takes the body of this request, or why its head alone says that there will be no upload."""
    content_type = request.header("Content-Type")
    if body.field is not None:
        mark = boundary(content_type)
        return mark if isinstance(mark, UploadFlaw) else Form(mark, body.field, body.limit, begin)
    framed = body.framed(request)
    if framed is not None:
        return UploadFlaw.TOO_BIG if framed > body.limit else Framed(content_type, framed, begin)
    size = request.header("Content-Length") or ""
    if size.isdecimal() and int(size) > body.limit:
        return UploadFlaw.TOO_BIG
    return Whole(content_type, body.limit, begin)


class Whole:
    """A body that is the object itself, at most `limit` bytes; it is used as a Form is."""

    def __init__(self, type: str | None, limit: int, begin: Callable[[], Writing]) -> None:
        self._type = type
        self._room = limit
        self._writing = begin()

    @property
    def over(self) -> bool:
        """Whether it is too big: nothing more needs to be read."""
        return self._room < 0

    def push(self, data: bytes) -> None:
        """Takes what came. Raises what the Writing raises."""
        self._room -= len(data)
        if not self.over:
            self._writing.write(data)

    def result(self) -> Upload | UploadFlaw:
        """What came, or that it is too big. Raises Cleared."""
        if self.over:
            self.abandon()
            return UploadFlaw.TOO_BIG
        return self._writing.done(self._type)

    def abandon(self) -> None:
        """Throws away what was written; nothing happens after `result`."""
        self._writing.abandon()


class _At(Enum):
    PREAMBLE = auto()
    DELIMITER = auto()
    """Behind a boundary: two dashes end the form, a line break begins a part."""
    HEAD = auto()
    BODY = auto()
    OVER = auto()
    """The form is whole, or flawed; what comes is not looked at."""


class Form:
    """One form: `push` what comes, then `result`, or `abandon`.

    Holds no more than what was pushed last, a boundary, and the head of a part. `begin` makes a Writing for each part
    that may be the wanted one; of several the last one is. `limit` counts bytes of all parts with a name, and a form
    that reaches it is too big, as with Plug.
    """

    def __init__(self, boundary: bytes, field: str, limit: int, begin: Callable[[], Writing]) -> None:
        self._mark = b"\r\n--" + boundary
        self._field = field.encode()
        self._room = limit
        self._begin = begin
        self._at = _At.PREAMBLE
        # A boundary has a line break before it, but not at the very beginning.
        self._buffer = bytearray(b"\r\n")
        self._lent = 2
        self._seen = 0
        self._parts = 0
        self._flaw: UploadFlaw | None = None
        # Of the part that is being read:
        self._counts = False
        self._text: codecs.IncrementalDecoder | None = None
        self._writing: Writing | None = None
        # Of the wanted one:
        self._found: Writing | None = None
        self._type: str | None = None
        self._filename: str | None = None

    @property
    def over(self) -> bool:
        """Whether `result` is known: nothing more needs to be read."""
        return self._at is _At.OVER

    def push(self, data: bytes) -> None:
        """Takes what came, at least one byte. Raises what the Writings raise."""
        if self.over:
            return
        self._buffer += data
        while self._step():
            pass

    def result(self) -> Upload | UploadFlaw:
        """The wanted part, or what is wrong; before it is over, the form is truncated. Raises Cleared."""
        if self._flaw is None and self._found is not None and self.over:
            found, self._found = self._found, None
            return found.done(self._type, self._filename)
        self.abandon()
        return self._flaw or (UploadFlaw.NO_FIELD if self.over else UploadFlaw.MALFORMED)

    def abandon(self) -> None:
        """Throws away what was written; nothing happens after `result`."""
        for writing in (self._writing, self._found):
            if writing is not None:
                writing.abandon()
        self._writing = self._found = None

    def _fail(self, flaw: UploadFlaw) -> bool:
        self._flaw = flaw
        self._end()
        self.abandon()
        return False

    def _end(self) -> None:
        self._at = _At.OVER
        self._buffer.clear()

    def _step(self) -> bool:
        """Works on what is there; whether it can go on without more."""
        match self._at:
            case _At.PREAMBLE:
                return self._pass_over(keep=False)
            case _At.DELIMITER:
                return self._delimiter()
            case _At.HEAD:
                return self._head()
            case _At.BODY:
                return self._pass_over(keep=True)
            case _At.OVER:
                return False

    def _pass_over(self, keep: bool) -> bool:
        """All up to the next boundary, the line break before it excluded."""
        buffer, mark = self._buffer, self._mark
        found = buffer.find(mark)
        # Without a boundary its beginning may stand at the end.
        end = found if found >= 0 else len(buffer) - len(mark) + 1
        if keep and end > self._lent:
            flaw = self._take(bytes(buffer[self._lent : end]))
            if flaw is not None:
                return self._fail(flaw)
        if end > 0:
            self._lent = max(0, self._lent - end)
            del buffer[:end]
        if found < 0:
            return False
        del buffer[: len(mark)]
        self._lent = 0
        if keep and not self._finish():
            return self._fail(UploadFlaw.MALFORMED)
        self._at = _At.DELIMITER
        return True

    def _take(self, data: bytes) -> UploadFlaw | None:
        if not self._counts:
            return None
        if self._text is not None:
            try:
                # Not beyond the limit: which flaw comes first shall not depend on how the bytes came.
                self._text.decode(data[: self._room])
            except UnicodeDecodeError:
                return UploadFlaw.MALFORMED
        self._room -= len(data)
        if self._room <= 0:
            return UploadFlaw.TOO_BIG
        if self._writing is not None:
            self._writing.write(data)
        return None

    def _finish(self) -> bool:
        """The part is whole; whether its text is."""
        if self._writing is not None:
            self._found, self._writing = self._writing, None
        if self._text is not None:
            try:
                self._text.decode(b"", True)
            except UnicodeDecodeError:
                return False
        return True

    def _delimiter(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        if buffer.startswith(b"--"):
            self._end()
            return False
        # Nothing may stand behind a boundary: cowlib knows no padding, nor longer boundaries that begin alike.
        self._parts += 1
        if not buffer.startswith(b"\r\n") or self._parts > PARTS:
            return self._fail(UploadFlaw.MALFORMED)
        self._at, self._seen = _At.HEAD, 0
        return True

    def _head(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n", self._seen)
        if end > HEAD or (end < 0 and len(buffer) > HEAD + 3):
            return self._fail(UploadFlaw.MALFORMED)
        if end < 0:
            self._seen = max(0, len(buffer) - 3)
            return False
        # cowlib takes a part without header lines for a malformed one.
        headers = _headers(bytes(buffer[2:end])) if end else None
        if headers is None:
            return self._fail(UploadFlaw.MALFORMED)
        # The line break stays: a boundary may follow at once.
        del buffer[: end + 2]
        self._lent = 2
        self._at = _At.BODY
        self._start(headers)
        return True

    def _start(self, headers: dict[bytes, bytes]) -> None:
        _, semicolon, rest = headers.get(b"content-disposition", b"").partition(b";")
        found = parameters(rest) if semicolon else {}
        name, filename = found.get(b"name"), found.get(b"filename")
        # The body of one that is skipped is not even counted.
        self._counts = name is not None and filename != b""
        self._text = None
        if not self._counts:
            return
        if filename is None:
            self._text = codecs.getincrementaldecoder("utf-8")()
        if name == self._field:
            if self._found is not None:
                self._found.abandon()
                self._found = None
            self._writing = self._begin()
            self._type = _str(headers.get(b"content-type"))
            self._filename = _str(filename)


def _headers(block: bytes) -> dict[bytes, bytes] | None:
    """The header lines of a part as cowlib finds them: in lower case, the last of equal ones; None if malformed."""
    headers: dict[bytes, bytes] = {}
    for line in _lines(block):
        found = _LINE.fullmatch(line)
        if found is None or b"\r" in found[2]:
            return None
        headers[found[1].lower()] = found[2]
    return headers


def _lines(block: bytes) -> Iterator[bytes]:
    # A line that begins with a space goes on with the one before; the line break and that space vanish.
    return iter(re.sub(rb"\r\n[ \t]", b"", block).split(b"\r\n"))


def _str(value: bytes | None) -> str | None:
    """As header values are everywhere in the house: a byte that is not UTF-8 becomes a lone surrogate."""
    return None if value is None else value.decode("utf-8", "surrogateescape")

"""WebSocket frames on the server's side, pure: bytes in, judged frames out, and back."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from struct import Struct
from typing import TypeAlias

from simulator.core.link import Answer, LinkPolicy, Violation
from simulator.core.message import Frame, Ping, Pong
from simulator.serve.masks import unmask

Item: TypeAlias = Frame | Ping | Pong


@dataclass(slots=True)
class Closing:
    """The peer's close frame; the code is None when it had none."""

    code: int | None
    reason: str = ""


Found: TypeAlias = Item | Closing | Answer

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_CONTROL = frozenset({_CLOSE, _PING, _PONG})
_KNOWN = _CONTROL | {0, _TEXT, _BINARY}
FRAGMENTS = 256
"""That are taken at once: a read may have ten thousand."""
_LONGEST_REASON = 123
"""Bytes: a control frame holds 125, the code takes two (RFC 6455, 5.5)."""

_pack_short = Struct("!BB").pack
_pack_medium = Struct("!BBH").pack
_pack_long = Struct("!BBQ").pack


def encode(item: Item) -> bytes:
    """One whole unfragmented server frame; a text's lone surrogates become the bytes they stand for."""
    data = item.data
    if isinstance(data, str):
        first, text = 0x81, data
        try:
            data = text.encode()
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogateescape")
    elif type(item) is Frame:
        first = 0x82
    else:
        first = 0x89 if isinstance(item, Ping) else 0x8A
    size = len(data)
    if size < 126:
        return _pack_short(first, size) + data
    if size < 65536:
        return _pack_medium(first, 126, size) + data
    return _pack_long(first, 127, size) + data


def encode_close(code: int | None, reason: str = "") -> bytes:
    """A close frame; without a code it has no payload at all, and a long reason is cut."""
    if code is None:
        return b"\x88\x00"
    data = cut(reason).encode("utf-8", "surrogateescape")
    return _pack_medium(0x88, 2 + len(data), code) + data


def cut(reason: str) -> str:
    """The reason as far as it fits into a close frame, no character halved."""
    data = reason.encode("utf-8", "surrogateescape")
    return reason if len(data) <= _LONGEST_REASON else data[:_LONGEST_REASON].decode("utf-8", "ignore")


@dataclass(slots=True)
class _Part:
    """A frame whose header is read and whose payload is still coming in."""

    opcode: int
    final: bool
    mask: bytes
    """Turned so that it fits the next byte; empty for an unmasked frame."""
    missing: int
    payload: bytearray = field(default_factory=bytearray)
    """Of a control frame; a data frame's goes to its message."""


@dataclass(slots=True)
class _Message:
    """A text or binary message that is not whole yet."""

    text: bool
    payload: bytearray = field(default_factory=bytearray)
    checked: int = 0
    """So many bytes of it are known to be whole UTF-8 characters."""


class Parser:
    """Judges a client's bytes by a policy: push them in, take what they say one at a time.

    Whoever stops taking keeps the rest inside, as the bytes that came. Only bytes of frames whose header is
    accepted are kept, so that never more than the limit waits for its end.
    """

    __slots__ = (
        "_at",
        "_calm",
        "_data",
        "_errors",
        "_frame",
        "_limit",
        "_longest",
        "_message",
        "_over",
        "_part",
        "_policy",
        "more",
    )

    def __init__(self, policy: LinkPolicy) -> None:
        self._policy = policy
        answers = policy.answers
        # What is tolerated costs nothing later: no limit, no strictness.
        self._limit: float = policy.limit if Violation.TOO_BIG in answers else float("inf")
        # Of one frame; the sum of all fragments is another thing.
        self._frame = self._limit
        if policy.frame_limit is not None and Violation.TOO_BIG in answers:
            self._frame = min(policy.frame_limit, self._limit)
        # Of a frame with its header, as `whole` sees it: a header of 8 bytes announces more than 125.
        self._longest = self._frame + (8 if self._frame > 125 else 6)
        strict = policy.validate_utf8 and Violation.UTF8 in answers
        self._errors = "strict" if strict else "surrogateescape"
        self._data = b""
        self._at = 0
        self._part: _Part | None = None
        self._message: _Message | None = None
        self._over = False
        self._calm = True
        self.more = False
        """Whether `take` stopped in the midst of many fragments, and shall be called again with no more bytes."""

    def push(self, data: bytes) -> None:
        """Bytes from the peer; they are forgotten once it is over."""
        if self._data:
            data = self._data[self._at :] + data
        if not self._over:
            self._data = data
            self._at = 0

    def stop(self) -> None:
        """Forgets all that waits; nothing is given out any more."""
        self._over = True
        self._calm = self.more = False
        self._data = b""
        self._at = 0
        self._part = self._message = None

    def whole(self, data: bytes) -> Frame | Pong | None:
        """The text or pong, where new bytes are one short frame that no check can fail for; else None, to `push`."""
        size = len(data)
        if size < 6 or size > self._longest or not self._calm or self._data:
            return None
        length = data[1]
        if data[0] != 0x81:
            # All clients are pinged, and most say nothing else.
            if data[0] == 0x8A and length == size + 122 and size < 132:
                payload = bytearray(data[6:])
                unmask(data[2:6], payload)
                return Pong(bytes(payload))
            return None
        if length == size + 122 and size < 132:
            payload = bytearray(data[6:])
            unmask(data[2:6], payload)
        elif length == 254 and size > 133 and data[2] << 8 | data[3] == size - 8:
            payload = bytearray(data[8:])
            unmask(data[4:8], payload)
        else:
            return None
        try:
            return Frame(payload.decode())
        except UnicodeDecodeError:
            return None

    def take(self) -> Found | None:
        """What comes next, None until more bytes come, or for a break: see `more`.

        Nothing follows a Closing or an Answer.
        """
        data = self._data
        at = self._at
        size = len(data)
        # Nearly every frame is a whole, final, masked one below 64 KiB between two messages; no check can fail for it.
        if self._calm and size > at + 5:
            first = data[at]
            length = data[at + 1] - 128
            start = at + 6
            if length == 126:
                length = data[at + 2] << 8 | data[at + 3]
                start = at + 8
                if length < 126:
                    return self._slow()
            end = start + length
            if (first == 0x81 or first == 0x82) and start <= end <= size and length != 127 and length <= self._frame:
                payload = bytearray(data[start:end])
                unmask(data[start - 4 : start], payload)
                if end == size:
                    self._data = b""
                    self._at = 0
                else:
                    self._at = end
                return self._data_frame(payload, first == 0x81)
        if size:
            return self._slow()
        self.more = False
        return None

    def _data_frame(self, payload: bytearray, text: bool) -> Frame | Answer:
        if not text:
            return Frame(bytes(payload))
        try:
            return Frame(payload.decode("utf-8", self._errors))
        except UnicodeDecodeError:
            return self._fail(Violation.UTF8)

    def _slow(self) -> Found | None:
        self.more = False
        for _ in range(FRAGMENTS):
            if self._over:
                return None
            if self._part is None:
                answer = self._head()
                if answer is not None or self._part is None:
                    return answer
            found = self._body(self._part)
            if found is not None or self._part is not None:
                return found
        # With nothing left only new bytes lead on: asking again would find out nothing, for ever.
        self.more = bool(self._data)
        return None

    def _head(self) -> Answer | None:
        """Reads and judges one header; it is read once `_part` is set, else bytes are missing."""
        # What is behind it stays where it is: copied for each of many short frames it would cost their square.
        data, at = self._data, self._at
        size = len(data) - at
        if size < 2:
            return None
        first, second = data[at], data[at + 1]
        wrong = self._wrong(first, second)
        if wrong:
            return self._fail(*wrong, number=first & 0x0F)
        wide = {126: 2, 127: 8}.get(second & 0x7F, 0)
        masked = second >= 0x80
        if size < 2 + wide:
            return None
        length = int.from_bytes(data[at + 2 : at + 2 + wide], "big") if wide else second & 0x7F
        answer = self._judge_length(first & 0x0F, length, wide)
        if answer is not None:
            return answer
        head = 2 + wide + 4 * masked
        if size < head:
            return None
        self._at = at + head
        self._begin(first, data[self._at - 4 : self._at] if masked else b"", length)
        return None

    def _wrong(self, first: int, second: int) -> list[Violation]:
        """The violations that the first two bytes show and that are not tolerated; only one of them unless joined."""
        opcode = first & 0x0F
        control = opcode in _CONTROL
        looks = (
            (Violation.RSV1, first & 0x40),
            (Violation.RSV2, first & 0x20),
            (Violation.RSV3, first & 0x10),
            (Violation.LONG_CONTROL, control and second & 0x7F > 125),
            (Violation.FRAGMENTED_CONTROL, control and first < 0x80),
            (Violation.DATA_INSIDE_MESSAGE, opcode in (_TEXT, _BINARY) and self._message is not None),
            (Violation.LOOSE_CONTINUATION, opcode == 0 and self._message is None),
            (Violation.OPCODE, opcode not in _KNOWN),
            (Violation.UNMASKED, second < 0x80),
        )
        wrong = [violation for violation, seen in looks if seen and violation in self._policy.answers]
        return wrong if self._policy.join else wrong[:1]

    def _judge_length(self, opcode: int, length: int, wide: int) -> Answer | None:
        answers = self._policy.answers
        # RFC 6455, 5.2: the minimal number of bytes must be used, and the top bit of eight must be 0.
        if wide and length < (126 if wide == 2 else 65536) and Violation.LONG_LENGTH in answers:
            return self._fail(Violation.LONG_LENGTH)
        # Control frames between the fragments do not count (gorilla/websocket v1.5.3, conn.go, advanceFrame, 5).
        before = len(self._message.payload) if opcode == 0 and self._message else 0
        # A sum beyond 63 bits is negative for who adds in 64.
        if before + length >> 63 and Violation.NEGATIVE_LENGTH in answers:
            return self._fail(Violation.NEGATIVE_LENGTH)
        if (before + length > self._limit or length > self._frame) and opcode in _KNOWN:
            return self._fail(Violation.TOO_BIG)
        return None

    def _begin(self, first: int, mask: bytes, length: int) -> None:
        opcode = first & 0x0F
        self._part = _Part(opcode, first >= 0x80, mask, length)
        self._calm = False
        # Where they are tolerated: a new message replaces one that never ended, a loose continuation is a binary one.
        if opcode in (_TEXT, _BINARY) or (opcode == 0 and self._message is None):
            self._message = _Message(opcode == _TEXT)

    def _body(self, part: _Part) -> Found | None:
        """Takes what there is of the payload; `_part` is None again once that is all."""
        chunk = bytearray(self._data[self._at : self._at + part.missing])
        self._at += len(chunk)
        if self._at == len(self._data):
            self._data = b""
            self._at = 0
        part.missing -= len(chunk)
        if part.mask and chunk:
            unmask(part.mask, chunk)
            turn = len(chunk) % 4
            part.mask = part.mask[turn:] + part.mask[:turn]
        whole = not part.missing
        if whole:
            self._part = None
        found: Found | None = None
        if part.opcode in _CONTROL:
            part.payload += chunk
            found = self._control(part.opcode, bytes(part.payload)) if whole else None
        elif part.opcode in _KNOWN and self._message is not None:
            self._message.payload += chunk
            found = self._grown(self._message, whole and part.final)
        self._calm = not self._over and self._part is None and self._message is None
        return found

    def _grown(self, message: _Message, whole: bool) -> Found | None:
        if whole:
            self._message = None
            return self._data_frame(message.payload, message.text)
        if message.text and self._errors == "strict":
            # Half a character may wait for its end, but wrong bytes fail at once (Autobahn 6.4).
            new = message.payload[message.checked :]
            try:
                _, used = codecs.utf_8_decode(new, "strict", False)
            except UnicodeDecodeError:
                return self._fail(Violation.UTF8)
            # CPython waits for the third byte of a surrogate half, as its surrogatepass needs it.
            if new[used : used + 1] == b"\xed" and new[used + 1 : used + 2] >= b"\xa0":
                return self._fail(Violation.UTF8)
            message.checked += used
        return None

    def _control(self, opcode: int, payload: bytes) -> Found:
        if opcode == _PING:
            return Ping(payload)
        if opcode == _PONG:
            return Pong(payload)
        answers = self._policy.answers
        if len(payload) < 2:
            if payload and Violation.SHORT_CLOSE in answers:
                return self._fail(Violation.SHORT_CLOSE)
            self.stop()
            return Closing(None)
        code = int.from_bytes(payload[:2], "big")
        # RFC 6455, 7.4.2: 3000 to 4999 belong to libraries and applications, the rest must be registered.
        allowed = 3000 <= code < 5000 or code in self._policy.close_codes
        if not allowed and Violation.CLOSE_CODE in answers:
            return self._fail(Violation.CLOSE_CODE, number=code)
        try:
            reason = payload[2:].decode("utf-8")
        except UnicodeDecodeError:
            if Violation.CLOSE_UTF8 in answers:
                return self._fail(Violation.CLOSE_UTF8)
            reason = payload[2:].decode("utf-8", "surrogateescape")
        self.stop()
        return Closing(code, reason)

    def _fail(self, *wrong: Violation, number: int = 0) -> Answer:
        self.stop()
        answers = [self._policy.answers[violation] for violation in wrong]
        reason = ", ".join(answer.reason.replace("{n}", str(number)) for answer in answers if answer.reason)
        return Answer(answers[0].code, cut(reason))

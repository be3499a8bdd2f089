"""What a client may send and what must come of it: one table for the parser, the own link and the fallback."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.core.link import RFC_6455, Answer, LinkPolicy, Violation
from simulator.core.message import Frame, Ping, Pong
from simulator.serve.frames import Closing, Item, encode, encode_close
from simulator.serve.masks import mask_plain

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
HALLO = "Hällo-µ@ßöäüàá-UTF-8!!".encode()


def client(
    opcode: int, data: bytes = b"", final: bool = True, rsv: int = 0, mask: bytes = MASK, wide: int | None = None
) -> bytes:
    """A client's frame; an empty mask leaves it unmasked, `wide` is the number of extra length bytes."""
    size = len(data)
    if wide is None:
        wide = 0 if size < 126 else 2 if size < 65536 else 8
    short = {0: size, 2: 126, 8: 127}[wide]
    head = bytes((final << 7 | rsv << 4 | opcode, (0x80 if mask else 0) | short))
    return head + (size.to_bytes(wide, "big") if wide else b"") + mask + (mask_plain(data, mask) if mask else data)


def bye(code: int | None, reason: bytes = b"") -> bytes:
    """A client's close frame."""
    return client(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


@dataclass(frozen=True)
class Row:
    """Bytes of a client, the items they are, and how it ends (None: it does not)."""

    name: str
    sent: bytes
    items: tuple[Item, ...] = ()
    end: Closing | Answer | None = None
    policy: LinkPolicy = field(default_factory=LinkPolicy)

    def answer(self) -> bytes:
        """What a server that echoes frames and pongs pings writes, up to and with its close frame."""
        echoed = (Pong(item.data) if isinstance(item, Ping) else item for item in self.items)
        out = b"".join(encode(item) for item in echoed if not (isinstance(item, Pong) and item in self.items))
        if isinstance(self.end, Closing):
            return out + encode_close(self.end.code)
        if self.end is not None:
            return out if self.end.code is None else out + encode_close(self.end.code, self.end.reason)
        return out + encode_close(1000)


PROTOCOL, BAD_DATA, TOO_BIG = Answer(1002), Answer(1007), Answer(1009)
SMALL = LinkPolicy(limit=100)
GORILLA = LinkPolicy(
    limit=4096,
    validate_utf8=False,
    join=True,
    answers={
        Violation.RSV1: Answer(1002, "RSV1 set"),
        Violation.RSV2: Answer(1002, "RSV2 set"),
        Violation.RSV3: Answer(1002, "RSV3 set"),
        Violation.LONG_CONTROL: Answer(1002, "len > 125 for control"),
        Violation.FRAGMENTED_CONTROL: Answer(1002, "FIN not set on control"),
        Violation.DATA_INSIDE_MESSAGE: Answer(1002, "data before FIN"),
        Violation.LOOSE_CONTINUATION: Answer(1002, "continuation after FIN"),
        Violation.OPCODE: Answer(1002, "bad opcode {n}"),
        Violation.UNMASKED: Answer(1002, "bad MASK"),
        Violation.NEGATIVE_LENGTH: Answer(None),
        Violation.TOO_BIG: Answer(1009),
        Violation.CLOSE_CODE: Answer(1002, "bad close code {n}"),
        Violation.CLOSE_UTF8: Answer(1002, "invalid utf8 payload in close frame"),
    },
)
"""gorilla/websocket v1.5.3, conn.go, advanceFrame: no look at UTF-8, at short forms or at a close of one byte."""


def _framing() -> list[Row]:
    sizes = (0, 125, 126, 127, 128, 65535, 65536)
    texts = [Row(f"1.1 text of {n}", client(TEXT, b"*" * n), (Frame("*" * n),)) for n in sizes]
    return texts + [Row(f"1.2 binary of {n}", client(BINARY, b"\xfe" * n), (Frame(b"\xfe" * n),)) for n in sizes]


def _pings() -> list[Row]:
    odd = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
    return [
        Row("2.1 empty ping", client(PING), (Ping(),)),
        Row("2.2 ping with text", client(PING, b"Hello, world!"), (Ping(b"Hello, world!"),)),
        Row("2.3 ping with binary", client(PING, odd), (Ping(odd),)),
        Row("2.4 ping of 125", client(PING, b"\xfe" * 125), (Ping(b"\xfe" * 125),)),
        Row("2.5 ping of 126", client(PING, b"\xfe" * 126), (), PROTOCOL),
        Row("2.7 empty pong", client(PONG), (Pong(),)),
        Row("2.8 pong with text", client(PONG, b"unasked"), (Pong(b"unasked"),)),
        Row("2.9 pong, then ping", client(PONG, b"unasked") + client(PING, b"p"), (Pong(b"unasked"), Ping(b"p"))),
        Row("2.10 ten pings", b"".join(client(PING, b"%d" % i) for i in range(10)),
            tuple(Ping(b"%d" % i) for i in range(10))),
    ]  # fmt: skip


def _reserved() -> list[Row]:
    bits = [Row(f"3 reserved bits {n}", client(TEXT, b"x", rsv=n), (), PROTOCOL) for n in range(1, 8)]
    opcodes = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    return [
        *bits,
        Row("3.2 text, then reserved", client(TEXT, b"a") + client(TEXT, b"b", rsv=2), (Frame("a"),), PROTOCOL),
        Row("3.6 reserved on a ping", client(PING, b"p", rsv=6), (), PROTOCOL),
        Row("3.7 reserved on a close", client(CLOSE, b"\x03\xe8", rsv=7), (), PROTOCOL),
        *(Row(f"4 opcode {n}", client(n), (), PROTOCOL) for n in opcodes),
        *(Row(f"4 opcode {n} after text", client(TEXT, b"a") + client(n, b"x"), (Frame("a"),), PROTOCOL)
          for n in opcodes),
    ]  # fmt: skip


def _fragments() -> list[Row]:
    one, two = client(TEXT, b"frag", final=False), client(0, b"ment")
    both = (Frame("fragment"),)
    ping = client(PING, b"p")
    many = one + client(0, b"1", final=False) + ping + client(0, b"2", final=False) + ping + two
    return [
        Row("5.1 ping in fragments", client(PING, b"a", final=False) + client(0, b"b"), (), PROTOCOL),
        Row("5.2 pong in fragments", client(PONG, b"a", final=False) + client(0, b"b"), (), PROTOCOL),
        Row("5.3 text in two", one + two, both),
        Row("5.3 binary in two", client(BINARY, b"\xff", final=False) + client(0, b"\x00"), (Frame(b"\xff\x00"),)),
        Row("5.6 ping between", one + ping + two, (Ping(b"p"), *both)),
        Row("5.7 pong between", one + client(PONG, b"p") + two, (Pong(b"p"), *both)),
        Row("5.9 loose last fragment", client(0, b"x") + client(TEXT, b"a"), (), PROTOCOL),
        Row("5.12 loose fragment", client(0, b"x", final=False) + client(TEXT, b"a"), (), PROTOCOL),
        Row("5.15 text, then a loose fragment", one + two + client(0, b"x", final=False), both, PROTOCOL),
        Row("5.18 text inside text", one + client(TEXT, b"x"), (), PROTOCOL),
        Row("5.18 binary inside text", one + client(BINARY, b"x"), (), PROTOCOL),
        Row("5.18 text after an empty fragment", client(TEXT, final=False) + client(TEXT, b"x"), (), PROTOCOL),
        Row("5.19 five with pings", many, (Ping(b"p"), Ping(b"p"), Frame("frag12ment"))),
        Row("6.1 empty fragments", client(TEXT, final=False) + client(0, final=False) + client(0), (Frame(""),)),
    ]


VALID = (
    "κόσμε", "\x00", "\x7f", "\x80", "߿", "ࠀ", "퟿", "", "�", "\uffff", "𐀀", "\U0010ffff", "\ufeff",
)  # fmt: skip
INVALID = (
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xf4\x90\x80\x80", b"\x80", b"\xbf",
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x88\x80\x80\x80", b"\xc1\xbf", b"\xe0\x9f\xbf",
    b"\xed\xad\xbf\xed\xb0\x80", b"\xfe", b"\xff", b"\xf5", b"a\xc3(", b"\xe2(\xa1", b"\xf0(\x8c\xbc",
)  # fmt: skip
CUT_SHORT = (b"\xce", b"\xe1\xbd", b"\xf0\x90\x80", b"abc\xe2\x82")


def _texts() -> list[Row]:
    octets = [HALLO[i : i + 1] for i in range(len(HALLO))]
    slow = b"".join(client(TEXT if not i else 0, octet, final=False) for i, octet in enumerate(octets)) + client(0)
    hallo = (Frame(HALLO.decode()),)
    half = client(TEXT, HALLO[:2], final=False)
    rows = [
        Row("6.2 whole", client(TEXT, HALLO), hallo),
        Row("6.2 fragment ends inside a character", half + client(0, HALLO[2:]), hallo),
        Row(
            "6.2 ping inside a character", half + client(PING, b"\xff") + client(0, HALLO[2:]), (Ping(b"\xff"), *hallo)
        ),
        Row("6.2 octets", slow, hallo),
        Row("6.3 wrong over two fragments", client(TEXT, b"\xed", final=False) + client(0, b"\xa0\x80"), (), BAD_DATA),
    ]
    rows += [Row(f"6.5 valid {text!r}", client(TEXT, text.encode()), (Frame(text),)) for text in VALID]
    rows += [Row(f"6.6 invalid {data!r}", client(TEXT, data), (), BAD_DATA) for data in INVALID]
    rows += [Row(f"6.8 cut short {data!r}", client(TEXT, data), (), BAD_DATA) for data in CUT_SHORT]
    rows += [Row(f"6.4 at once {data!r}", client(TEXT, data, final=False), (), BAD_DATA) for data in INVALID]
    lenient = LinkPolicy(validate_utf8=False)
    kept = client(TEXT, b"a\xffb")
    return [*rows, Row("6.9 not looked at", kept, (Frame("a\udcffb"),), policy=lenient)]


def _closes() -> list[Row]:
    good = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
    bad = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    normal = Closing(1000)
    return [
        Row("7.1.1 text, then close", client(TEXT, b"a") + bye(1000), (Frame("a"),), normal),
        Row("7.1.2 two closes", bye(1000) * 2, (), normal),
        Row("7.1.3 ping after close", bye(1000) + client(PING), (), normal),
        Row("7.1.4 text after close", bye(1000) + client(TEXT, b"a"), (), normal),
        Row("7.1.5 close inside a message", client(TEXT, b"a", final=False) + bye(1000), (), normal),
        Row("7.3.1 close without code", bye(None), (), Closing(None)),
        Row("7.3.2 close of one byte", client(CLOSE, b"a"), (), PROTOCOL),
        Row("7.3.4 with reason", bye(1000, HALLO), (), Closing(1000, HALLO.decode())),
        Row("7.3.5 longest reason", bye(1000, b"*" * 123), (), Closing(1000, "*" * 123)),
        Row("7.3.6 reason too long", bye(1000, b"*" * 124), (), PROTOCOL),
        Row("7.5.1 reason not UTF-8", bye(1000, INVALID[0]), (), BAD_DATA),
        *(Row(f"7.7 code {code}", bye(code), (), Closing(code)) for code in good),
        *(Row(f"7.9 code {code}", bye(code), (), PROTOCOL) for code in bad),
    ]


def _limits() -> list[Row]:
    full, half = client(TEXT, b"*" * 100), client(TEXT, b"*" * 60, final=False)
    forty = half + client(PING, b"+" * 90) + client(0, b"*" * 40)
    return [
        Row("9 at the limit", full, (Frame("*" * 100),), policy=SMALL),
        Row("9 one above", client(TEXT, b"*" * 101), (), TOO_BIG, SMALL),
        Row("9 at the limit in fragments", forty, (Ping(b"+" * 90), Frame("*" * 100)), policy=SMALL),
        Row("9 one above in fragments", half + client(0, b"*" * 41), (), TOO_BIG, SMALL),
        Row("9 header alone", client(BINARY, b"*" * 70000)[:14], (), TOO_BIG, SMALL),
        Row("9 after a good one", full + client(TEXT, b"*" * 101), (Frame("*" * 100),), TOO_BIG, SMALL),
    ]


def _headers() -> list[Row]:
    loose = LinkPolicy(answers={k: v for k, v in RFC_6455.items() if k is not Violation.LONG_LENGTH})
    return [
        Row("5.1 unmasked", client(TEXT, b"a", mask=b""), (), PROTOCOL),
        Row("5.1 unmasked close", client(CLOSE, b"\x03\xe8", mask=b""), (), PROTOCOL),
        Row("5.3 mask of zeros", client(TEXT, b"a", mask=bytes(4)), (Frame("a"),)),
        Row("5.2 long form of 125", client(TEXT, b"*" * 125, wide=2), (), PROTOCOL),
        Row("5.2 long form of 65535", client(TEXT, b"*" * 65535, wide=8), (), PROTOCOL),
        Row("5.2 long form tolerated", client(TEXT, b"*" * 125, wide=2), (Frame("*" * 125),), policy=loose),
        Row("5.2 top bit of the length", b"\x81\xff\x80" + bytes(7) + MASK, (), PROTOCOL),
        Row("gorilla: bits, opcode, mask", client(11, rsv=7, mask=b""), (),
            Answer(1002, "RSV1 set, RSV2 set, RSV3 set, bad opcode 11, bad MASK"), GORILLA),
        Row("gorilla: control", client(PING, b"*" * 126, final=False), (),
            Answer(1002, "len > 125 for control, FIN not set on control"), GORILLA),
        Row("gorilla: data inside", client(TEXT, final=False) + client(TEXT, mask=b""), (),
            Answer(1002, "data before FIN, bad MASK"), GORILLA),
        Row("gorilla: loose", client(0, b"x"), (), Answer(1002, "continuation after FIN"), GORILLA),
        Row("gorilla: close code", bye(1005), (), Answer(1002, "bad close code 1005"), GORILLA),
        Row("gorilla: close of one byte", client(CLOSE, b"a"), (), Closing(None), GORILLA),
        Row("gorilla: negative length", b"\x81\xff\x80" + bytes(7) + MASK, (), Answer(None), GORILLA),
        Row("gorilla: 4096", client(TEXT, b"*" * 4096), (Frame("*" * 4096),), policy=GORILLA),
        Row("gorilla: 4097", client(TEXT, b"*" * 4097), (), TOO_BIG, GORILLA),
    ]  # fmt: skip


ROWS = [*_framing(), *_pings(), *_reserved(), *_fragments(), *_texts(), *_closes(), *_limits(), *_headers()]

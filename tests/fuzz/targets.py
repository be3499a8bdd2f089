"""All that is fuzzed: what to begin with, how to change it, and what must hold whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from random import Random

from simulator import backends
from simulator.core.link import LinkPolicy
from simulator.serve.frames import Found
from tests.fuzz import continued, edits, files, passing, passing_words, sockets, verified
from tests.fuzz.conversation import play, twice
from tests.fuzz.words import change, event, first_line, person, phrase, script
from tests.serve.cases import client
from tests.serve.test_frames_fuzz import LIMIT, compare, read


@dataclass(frozen=True)
class Target:
    """One kind of input. What it is made of is bytes, whatever they mean."""

    name: str
    check: Callable[[bytes], object]
    """Raises where something is wrong."""
    sample: Callable[[Random], bytes]
    mutate: Callable[[bytes, Random], bytes]


# ---- conversations ----


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").split("\n")[:200]


def _converse(name: str, data: bytes) -> None:
    # Every fourth runs twice: what it tells is worth its time, but not for all.
    (twice if sum(data) % 4 == 0 else play)(name, _lines(data))


def _talk(name: str, dice: Random) -> bytes:
    return "\n".join(script(name, dice)).encode("utf-8", "replace")


def _other_talk(name: str, data: bytes, dice: Random) -> bytes:
    lines = _lines(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(lines) + 1)
        match dice.randrange(8):
            case 0 | 1:
                lines.insert(at, phrase(name, dice))
            case 2:
                lines.insert(at, event(dice))
            case 3:
                lines[at:at] = person(name, dice)
            case 4:
                del lines[at : at + dice.choice((1, 1, 3))]
            case 5:
                lines[0:1] = [first_line(name, dice)]
            case 6 if lines:
                lines.insert(at, dice.choice(lines))
            case _ if at < len(lines):
                lines[at] = change(lines[at], dice)
    return "\n".join(lines).encode("utf-8", "replace")


# ---- frames at byte level ----


def frames(data: bytes) -> None:
    """The parser says the same however the bytes are cut, by every server's manners, and as `websockets` does."""
    for policy in _manners():
        whole: list[Found] = read(data, [], policy)
        assert read(data, [1] * len(data), policy) == whole
        assert read(data, [1 + data[0] % 7] * 40 if data else [], policy) == whole
    compare(_whole(data))


def _whole(data: bytes) -> bytes:
    """Without a frame that is not all there: some refuse it by its header, others wait for the rest."""
    at = 0
    while len(data) - at >= 2:
        length, start = data[at + 1] & 0x7F, at + 2
        wide = {126: 2, 127: 8}.get(length, 0)
        if wide:
            length = int.from_bytes(data[start : start + wide], "big")
        end = start + wide + 4 * (data[at + 1] >> 7) + length
        if end > len(data):
            break
        at = end
    return data[:at]


@cache
def _manners() -> list[LinkPolicy]:
    own = [backend.link(_settings(backend.name)) for backend in backends.all_backends()]
    return [LinkPolicy(limit=LIMIT), *own]


def _settings(name: str) -> object:
    from simulator.serve import seeds

    seed: object = seeds.load(backends.load(name), None, [])
    return seed.settings  # type: ignore[attr-defined]


def _frame(dice: Random) -> bytes:
    opcode = dice.choice((1, 1, 1, 2, 0, 8, 9, 10, dice.randrange(16)))
    data = dice.choice(
        (
            b"",
            b"a",
            "é👍".encode(),
            b"\xff",
            b"\xed\xa0\x80",
            b"\xf0\x9f\x91",
            b"\x03\xe8",
            b"\x03\xed",
            b"\x03\xe8\xff",
            b"x" * 125,
            b"x" * 126,
        )
    )
    rsv = dice.choice((0, 0, 0, 0, 0, 0, 1, 2, 4))
    mask = dice.choice((b"\x37\xfa\x21\x3d", b"\0\0\0\0", b"\x37\xfa\x21\x3d", b""))
    return client(opcode, data, final=dice.random() < 0.7, rsv=rsv, mask=mask)


def _frames(dice: Random) -> bytes:
    return b"".join(_frame(dice) for _ in range(dice.randrange(1, 8)))


def _other_frames(data: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    match dice.randrange(4):
        case 0:
            return data[:at] + _frame(dice) + data[at:]
        case 1:
            return data[:at] + data[at + dice.randrange(1, 9) :]
        case 2:
            return data + _frame(dice)
        case _:
            return data[:at] + dice.randbytes(dice.randrange(1, 4)) + data[at + dice.randrange(4) :]


# ---- sockets ----


@cache
def _harbour() -> sockets.Harbour:
    return sockets.Harbour()


def _served(data: bytes) -> int:
    return _harbour().play(_lines(data))


def _peers(dice: Random) -> bytes:
    return "\n".join(sockets.script(dice)).encode("utf-8", "replace")


def _other_peers(data: bytes, dice: Random) -> bytes:
    lines = _lines(data)
    for _ in range(dice.choice((1, 1, 2))):
        at = dice.randrange(len(lines) + 1)
        match dice.randrange(4):
            case 0 | 1:
                lines.insert(at, sockets.line(dice))
            case 2:
                del lines[at : at + 1]
            case _ if at < len(lines):
                lines[at] = change(lines[at], dice)
    return "\n".join(lines).encode("utf-8", "replace")


# ---- the relay ----


@cache
def _strait() -> passing.Strait:
    return passing.Strait()


def _passed(data: bytes) -> None:
    _strait().play(_lines(data))


def _file(name: str, dice: Random) -> bytes:
    return files.mutated(dice.choice(files.seeds_of(name)), dice)


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(Target(one, partial(_converse, one), partial(_talk, one), partial(_other_talk, one)) for one in backends.names()),
        Target("sockets", _served, _peers, _other_peers),
        Target("relay", _passed, passing_words.sample, passing_words.mutate),
        Target("frames", frames, _frames, _other_frames),
        Target("verify", verified.check, verified.sample, verified.mutate),
        Target("episodes", continued.check, continued.sample, continued.mutate),
        Target("edits", edits.edited, edits.sample, edits.mutate),
        *(Target(one, check, partial(_file, one), files.mutated) for one, check in files.FILES.items()),
    )
}  # fmt: skip

"""Secrets that are known by how they look, in any text: tokens, addresses, numbers, parameters of URLs.

Every pattern is linear: what it may repeat is bounded, or is looked for once per run of its characters.
"""

from __future__ import annotations

import re
from base64 import b64decode
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from simulator.cassette import meanings
from simulator.cassette.meanings import Kind
from simulator.cassette.pseudonyms import WORD, Pseudonyms, is_ours


@dataclass(slots=True)
class Spot:
    """A secret in a text."""

    start: int
    end: int
    put: str
    """What comes in its place."""
    what: str
    """Which rule found it."""


_USERINFO = re.compile(r"://([^/\s@\"'\\?#<>]{1,256})@")
_DOMAIN = re.compile(r"@((?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,30})")
_LOCAL = re.compile(r"[\w.+'-]+\Z")
_RUN = re.compile(r"[\w-]*", re.ASCII)
_JWT = re.compile(r"eyJ[\w-]{5,}+\.[\w-]*+\.[\w-]*+(?:\.[\w-]++){0,2}", re.ASCII)
_BEARER = re.compile(r"[Bb]earer +([\w.~+/-]{8,4096}=*)", re.ASCII)
_BASIC = re.compile(r"[Bb]asic +([\w+/-]{8,4096}={0,2})", re.ASCII)
_PARAMETER = re.compile(r"(?<![\w.\-])([A-Za-z][\w.\-]{0,60})(?:\[(\w{0,20})\]){0,3}=")
_ARGUMENT = re.compile(r"[^&\s\"'\\<>;,{}]*")
_QUOTED = re.compile(r"([\"'])(\w[\w.~+/=-]{0,4096})\1")
"""As HTML and WWW-Authenticate write it. Behind a quote that ends a string of JSON stands no letter."""
_AMPERSANDS: Final = ("?", "&", "&amp;", "&#38;", "&#x26;")
_KNOWN = re.compile(
    r"\b(?:A[KS]IA[0-9A-Z]{16}|[sr]k_(?:live|test)_\w{16,200}|gh[pousr]_\w{30,200}|xox[abprs]-[\w-]{10,200}"
    r"|github_pat_\w{30,200}|glpat-[\w-]{16,200}|AIza[\w-]{30,60}|sk-(?:proj|ant|svcacct)-[\w-]{16,200}"
    r"|sk-[A-Za-z0-9]{32,64})"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----[^-]{1,20000}-----END [A-Z ]{0,20}PRIVATE KEY-----",
    re.ASCII,
)
_KNOWN_SIGNS: Final = (
    "AKIA", "ASIA", "_live_", "_test_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "_pat_", "xox", "glpat-", "AIza", "sk-",
    "PRIVATE KEY",
)  # fmt: skip
_THIN: Final = "\u00a0\u2007\u2009\u2010-\u2013\u202f"
"""Blanks and hyphens that word processors and phones put between digits."""
_INTERNATIONAL = re.compile(rf"\+[1-9](?:[ ().\-/{_THIN}]{{0,2}}\d){{6,14}}(?![\w+=/])")
_SCHEMED = re.compile(r"(?<!\w)(?:tel:|whatsapp:|sms:|wa\.me/)\+?(\d{7,15})(?!\w)")
_NATIONAL = re.compile(
    rf"\d(?<![\w.\-/].)\d{{1,4}}\)?[ .\-/{_THIN}]{{1,2}}\(?\d{{2,5}}\)?(?:[ .\-/{_THIN}]\d{{2,5}}){{1,3}}"
    r"(?![\w\-/:]|[.,]\d)",
    re.ASCII,
)
_CARD = re.compile(
    rf"[2-6](?<![\w.\-/].)\d{{3}}(?:[ \-{_THIN}]?\d{{4}}[ \-{_THIN}]?\d{{4}}[ \-{_THIN}]?\d{{1,7}}"
    rf"|[ \-{_THIN}]?\d{{6}}[ \-{_THIN}]?\d{{4,5}})(?![\w\-/]|[.,]\d)",
    re.ASCII,
)
_ROOMS: Final = "chat.channel.morada.ai"
"""Behind it is a room of M.I.A. and nobody's mailbox: its id stands without it elsewhere on the tape."""
_SCALED = re.compile(r"@\d+(?:\.\d+)?x\.")
"""`logo@2x.png` is no address."""
_DATE = re.compile(r"(?:19|20)\d\d[ .\-/][01]?\d[ .\-/]|[0-3]?\d[ .\-/][01]?\d[ .\-/](?:19|20)\d\d")
_DIGITS = re.compile(r"\d+")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_KEYED = re.compile(r"\"([\w\-. ]{1,60})\\*\"\s*:\s*(\\*\")?[\w ]*\Z")
IDS: Final = ("id", "ids", "time", "at", "ts", "timestamp", "date", "ref", "seq", "offset", "cursor", "uri", "url")
_BEFORE: Final = re.compile(r"[\w.\-/+=@#]\Z")

_LONG = re.compile(rf"\d[\d .\-/(){_THIN}]{{10}}")
"""Eleven characters have a card, and a phone number of nine digits in three groups; an ISO date has ten."""


def suspicious(text: str) -> bool:
    """Whether `spots` could find something; far quicker, and never wrong when it says no."""
    # One by one: a loop, or one pattern of them all, takes several times as long.
    return (
        "@" in text
        or "=" in text
        or "+" in text
        or "%" in text
        or "eyJ" in text
        or "earer " in text
        or "asic " in text
        or "tel:" in text
        or "sms:" in text
        or "app:" in text
        or "wa.me/" in text
        or "AKIA" in text
        or "ASIA" in text
        or "_live_" in text
        or "_test_" in text
        or "ghp_" in text
        or "gho_" in text
        or "ghu_" in text
        or "ghs_" in text
        or "ghr_" in text
        or "xox" in text
        or "_pat_" in text
        or "glpat-" in text
        or "AIza" in text
        or "sk-" in text
        or "PRIVATE KEY" in text
        or _LONG.search(text) is not None
    )


def spots(text: str, names: Pseudonyms) -> Iterator[Spot]:
    """All of a text, in no order; they may overlap, and then the first one counts."""
    if "@" in text:
        users: set[int] = set()
        for match in _USERINFO.finditer(text) if "://" in text else ():
            users.add(match.end() - 1)
            yield from _spot(match, 1, names.token, "user of a URL")
        yield from _addresses(text, names, users)
    if "eyJ" in text:
        yield from _jwts(text, names)
    if "earer " in text:
        for match in _BEARER.finditer(text):
            yield from _spot(match, 1, names.token, "bearer token")
    if "asic " in text:
        for match in _BASIC.finditer(text):
            if _is_login(match[1]):
                yield from _spot(match, 1, names.token, "basic authorization")
    if "=" in text:
        yield from parameters(text, names)
    if any(sign in text for sign in _KNOWN_SIGNS):
        for match in _KNOWN.finditer(text):
            yield from _spot(match, 0, names.token, "token of a known make")
    yield from _numbers(text, names)


def _spot(match: re.Match[str], group: int, name: Callable[[str], str], what: str) -> Iterator[Spot]:
    if not is_ours(match[group]):
        yield Spot(match.start(group), match.end(group), name(match[group]), what)


def _is_login(coded: str) -> bool:
    """Whether it is a name and a password, and not the word behind one that is basic."""
    try:
        return b":" in b64decode(
            coded + "=" * (-len(coded) % 4), altchars=b"-_" if "-" in coded or "_" in coded else None
        )
    except ValueError:
        return False


def _addresses(text: str, names: Pseudonyms, users: set[int]) -> Iterator[Spot]:
    for match in _DOMAIN.finditer(text):
        at, domain = match.start(), match[1]
        if at in users or _SCALED.match(text, at):
            continue
        if domain.lower() == _ROOMS:
            continue
        local = _LOCAL.search(text[max(0, at - 64) : at])
        if local is None or (domain.lower() == "example.com" and f"{WORD}-" in local[0]):
            continue
        start = at - len(local[0])
        put = f"{names.local(f'{local[0]}@{domain}')}@example.com"
        yield Spot(start, match.end(), put, "e-mail address")


def _jwts(text: str, names: Pseudonyms) -> Iterator[Spot]:
    at = text.find("eyJ")
    while at >= 0:
        match = _JWT.match(text, at)
        if match:
            if not is_ours(match[0]):
                yield Spot(at, match.end(), names.jwt(match[0]), "JWT")
            end = match.end()
        else:
            # Another beginning in the same run would fail where this one did.
            end = _RUN.match(text, at).end()  # type: ignore[union-attr]
        at = text.find("eyJ", end)


def parameters(
    text: str, names: Pseudonyms, meaning: Callable[[str, bool], Kind | None] | None = None
) -> Iterator[Spot]:
    """Values of parameters: `meaning` says what a name means, and is told whether `?` or `&` stands before it."""
    done = 0
    for match in _PARAMETER.finditer(text):
        start = match.start()
        if start < done:
            # In a value that goes as a whole, or is too long to be one: looked at once, not once for each `=` in it.
            continue
        linked = text[max(0, start - 6) : start].endswith(_AMPERSANDS)
        kind = None
        # Of `user[password]` either word may tell.
        for name in (match[1], match[2] or ""):
            if meaning is not None:
                kind = kind or meaning(name, linked)
            else:
                kind = kind or (meanings.of_parameter(name) if linked else meanings.of_key(name))
        if kind is not None:
            # Of what is harmless the value is gone through as well: a URL in a URL has parameters of its own.
            value = _ARGUMENT.match(text, match.end())
            assert value is not None
            quoted = None if value[0] else _QUOTED.match(text, match.end())
            given, at = (quoted[2], quoted.start(2)) if quoted else (value[0], value.start())
            spots = [*_argument(kind, given, at, names, f"parameter {match[1]}")]
            if spots or len(given) > 1000:
                done = at + len(given)
            yield from spots


def _argument(kind: Kind, value: str, start: int, names: Pseudonyms, what: str) -> Iterator[Spot]:
    """A value of a URL: clients write the same one with other percents than the server did from whom they have it."""
    if "%" not in value:
        yield from valued(kind, value, start, names, what)
        return
    for spot in valued(kind, unquote(value, errors="surrogateescape"), start, names, what):
        yield Spot(start, start + len(value), quote(spot.put), what)


def valued(kind: Kind, value: str, start: int, names: Pseudonyms, what: str) -> Iterator[Spot]:
    """What comes in place of a value of which is known what it is."""
    if not value or is_ours(value):
        return
    put = None
    if kind is Kind.TOKEN:
        put = names.token(value)
    elif kind is Kind.NAME:
        put = names.name(value) if any(map(str.isalpha, value)) else None
    elif kind is Kind.NUMBER:
        # One without a digit is none: `pan` may be a direction.
        put = names.shaped(value) if any(map(str.isdecimal, value)) else None
    elif kind is Kind.CODE:
        put = names.shaped(value) if any(map(str.isalnum, value)) else None
    elif kind is Kind.PHONE:
        put = names.phone(value) if sum(map(str.isdecimal, value)) >= 6 else None
    elif "@" in value:
        put = f"{names.local(value)}@example.com"
    if put is not None and put != value:
        yield Spot(start, start + len(value), put, what)


# ---- numbers ----


def _numbers(text: str, names: Pseudonyms) -> Iterator[Spot]:
    ours: list[int] = []
    if "+" in text:
        for match in _INTERNATIONAL.finditer(text):
            start, number = match.start(), match[0]
            if _ours(number):
                # Nor is a part of it a number of its own.
                ours += (start, match.end())
            elif not _BEFORE.search(text[max(0, start - 1) : start]):
                yield Spot(start, match.end(), names.phone(number), "phone number")
    for match in _SCHEMED.finditer(text) if ":" in text or "wa.me/" in text else ():
        if not _ours(match[1]):
            yield Spot(match.start(1), match.end(1), names.phone(match[1]), "phone number")
    if _LONG.search(text) is None:
        return
    for match in _CARD.finditer(text):
        if _is_card(match[0]) and _stands_alone(text, match.start(), match.end()):
            yield Spot(match.start(), match.end(), names.shaped(match[0]), "card number")
    for match in _NATIONAL.finditer(text):
        number = match[0]
        inside = bisect(ours, match.start()) % 2
        if not inside and _is_national(number) and _stands_alone(text, match.start(), match.end()):
            yield Spot(match.start(), match.end(), names.phone(number), "phone number")


def _ours(number: str) -> bool:
    """Whether it is a placeholder: its separators may stand anywhere."""
    return "".join(_DIGITS.findall(number)).startswith("999")


def _is_card(number: str) -> bool:
    """Whether an issuer could have given it: its beginning (ISO/IEC 7812), its length and its check digit."""
    digits = [int(c) for c in number if c.isdecimal()]
    size, first, two, four = len(digits), digits[0], digits[0] * 10 + digits[1], int("".join(map(str, digits[:4])))
    issued = (
        (first == 4 and size in (16, 19))
        or (size == 16 and (51 <= two <= 55 or 2221 <= four <= 2720 or two in (35, 65) or four == 6011))
        or (size == 15 and two in (34, 37))
        or (size == 14 and two in (36, 38, 39))
        or (size == 16 and two in (50, 60, 62, 63))
    )
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return issued and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_national(number: str) -> bool:
    groups = _DIGITS.findall(number)
    return (
        9 <= sum(map(len, groups)) <= 13
        and not _ours(number)
        and not _DATE.match(number)
        and not _ADDRESS.fullmatch(number)
        # Prices and coordinates have points, and blanks between them; years are four digits each.
        and not ("." in number and any(c in number for c in " -/"))
        and not all(len(group) == 4 and group[:2] in ("19", "20") for group in groups)
    )


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a number is not a part of something else, nor by its key an id or a time, nor a number of JSON."""
    before = text[max(0, start - 100) : start].rstrip("(")
    if _BEFORE.search(before) or (before.endswith(":") and before[-2:-1].isdigit()):
        return False
    keyed = _KEYED.search(before)
    if keyed:
        key = meanings.plain(keyed[1])
        return (keyed[2] is not None or key.endswith("card")) and not key.endswith(IDS)
    bare = text[start:end].isdecimal() and text[end : end + 1] in ("", ",", "]", "}")
    return not (bare and before.rstrip().endswith(("[", ",")))

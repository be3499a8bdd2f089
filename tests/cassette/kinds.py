"""Entries of every kind, for all tests of the room."""

from __future__ import annotations

from hypothesis import strategies as st

from simulator.cassette.entries import (
    Beside,
    Body,
    Closed,
    Cut,
    Entry,
    Exchange,
    Header,
    Lost,
    Opened,
    Passed,
    Refused,
    TapedRequest,
    TapedResponse,
    Upgraded,
)

HARD = [
    "",
    " ",
    "'",
    "''",
    '"',
    "\\",
    "\\n",
    "a\x1eb",
    "\x00",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\ufffe",
    "\u00a0",
    "😀",
    "👨‍👩‍👧",
    "\t",
    " \t x \t ",
    "\r\n",
    "\n\n a\n",
    "- a",
    "# no comment",
    "a: b",
    "null",
    "~",
    "0x10",
    "<<",
    "%TAG",
    "---",
    "...",
    "\ud800",
    "\udc80\udcff",
    "é\udce9",
    "\udcc3\udca9",
    "\ud83d\ude00",
    "\udcff\udcfe\x00\x00\udc80",
    "\u202e",
    "\U000e0001",
    "{}[],&*!|>%@`",
]
"""What one YAML or another has read back as something else."""

# Of all characters, those come more often that a reader could take wrongly.
characters = st.one_of(
    st.characters(),
    st.sampled_from("'\"\\\x1e\x85\u2028\u2029\ufeff\n\r\t :#-{}[],&*!|>%@`~\x00\x7f\x9f\U0010ffff"),
    st.characters(categories=["Cs"]),
)
texts = st.one_of(st.sampled_from(HARD), st.text(characters, max_size=30), st.text(max_size=30))
seconds = st.integers(0, 10**12).map(lambda n: n / 1e6)
numbers = st.integers(1, 10**6)
headers = st.lists(st.tuples(st.one_of(st.sampled_from(["Origin", "Set-Cookie", "on", "Null", "y"]), texts), texts), max_size=4).map(tuple)  # fmt: skip
besides = st.builds(Beside, st.sampled_from([None, "chip.files/000001-request.bin"]), st.integers(0, 10**12), texts)
bodies: st.SearchStrategy[Body] = st.one_of(st.none(), texts, st.binary(max_size=20), besides)
requests = st.builds(TapedRequest, texts, texts, headers, bodies)
responses = st.builds(TapedResponse, st.integers(100, 999), headers, bodies)
senders = st.sampled_from(["client", "server"])
flags = st.booleans()
frames = st.builds(
    Passed,
    seconds,
    numbers,
    senders,
    st.one_of(texts, st.binary(max_size=30)),
    st.sampled_from(["websocket", "polling", "longpoll"]),
    st.one_of(st.none(), numbers),
    numbers,
    flags,
)
entries: st.SearchStrategy[Entry] = st.one_of(
    frames,
    st.builds(Opened, seconds, numbers, texts, headers, headers, flags),
    st.builds(Refused, seconds, numbers, texts, headers, responses, flags),
    st.builds(Upgraded, seconds, numbers, numbers, texts, headers, headers, flags),
    st.builds(Closed, seconds, numbers, st.one_of(st.none(), st.integers(0, 65535)), texts, senders, numbers, flags),
    st.builds(Cut, seconds, st.one_of(st.none(), numbers), texts),
    st.builds(Lost, seconds, st.one_of(st.none(), numbers), numbers, texts),
    st.builds(Exchange, seconds, numbers, seconds, requests, st.one_of(st.none(), responses), flags),
)
maybe = st.one_of(st.none(), texts)
heads = st.builds(Header, maybe, maybe, maybe, maybe, maybe, st.lists(texts, max_size=3).map(tuple))

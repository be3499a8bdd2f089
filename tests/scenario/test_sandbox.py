"""What one operation of a template makes is bounded: a client may have brought one side of it."""

from __future__ import annotations

import pytest

from simulator.scenario.sandbox import LARGEST
from tests.scenario.play import Story


def told(template: str, text: str) -> str:
    """What is said about a text, or why nothing is."""
    story = Story(f"rules:\n  - when: message\n    then:\n      - say: >-\n          {template}")
    story.say(text)
    did = story.did()
    return did[0].removeprefix("ann say ") if did else next(iter(story.logged))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ 'ha' * text|int }}", "hahaha"),
        ("{{ text|int * 'ha' }}", "hahaha"),
        ("{{ [1] * text|int }}", "[1, 1, 1]"),
        ("{{ 2 * 0.5 * text|int }}", "3.0"),
        ("{{ 2 ** text|int }} {{ 2 ** -1 }} {{ 2.0 ** 2 }}", "8 0.5 4.0"),
        ("{{ 7 % text|int }}", "1"),
        ("{{ '%s of %s' % (text, 5) }} {{ '%03d' % 7 }} {{ '%*d|' % (3, 7) }}", "3 of 5 007   7|"),
        ("{{ '{:>{w}}|'.format(1, w=3) }} {{ '{a}'.format_map({'a': text}) }}", "  1| 3"),
        ("{{ '%s' | format(text) }} {{ 'a' | center(3) }}|{{ 'a\\nb' | indent(2) }}{{ 'a' | indent('> ', true) }}", "3  a |a\n  b> a"),
        ("{{ 'aba'|replace('a', text) }} {{ 'aba'.replace('a', text) }} {{ 'aba'.replace('a', text, 1) }}", "3b3 3b3 3ba"),
        ("{{ 'aba'|replace('a', text, 1) }} {{ text.rjust(2) }} {{ text.zfill(3) }} {{ [text]|map('center', 3)|join }}|", "3ba  3 003  3 |"),
        ("{{ '{:,}: {}, {:.2f} {}'.format(12345678, text, 2.5, 9999999) }}", "12,345,678: 3, 2.50 9999999"),
        ("{{ 'No. 20260101: %d %%' % 12345678 }} {{ '%(a)d' % {'a': 9999999} }}", "No. 20260101: 12345678 % 9999999"),
        ("{{ text.find('3', 0, 10000000) }}", "0"),
        ("{{ 'a,b'.split(',')[text|int - 2] }}", "b"),
    ],
)  # fmt: skip
def test_what_has_room_is_done(template: str, said: str) -> None:
    assert told(template, "3") == said


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'ha' * text|int }}",
        "{{ text|int * 'ha' }}",
        "{{ [1] * text|int }}",
        "{{ 2 ** text|int }}",
        "{{ (2 ** 2000) * (2 ** 2000) * (2 ** 2000) }}",
        "{{ '%*d' % (text|int, 1) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '{:>{w}}'.format(1, w=text|int) }}",
        "{{ '{:>{w}}'.format_map({'w': text|int}) }}",
        "{{ 'a' | center(text|int) }}",
        "{{ ['a'] | map('center', text|int) | join }}",
        "{{ 'a' | indent(text|int) }}",
        "{{ 'a'.ljust(text|int) }}",
        "{{ '\\t\\t'.expandtabs(60000) }}",
        "{{ '%.1000000000f' % 1.0 }}",
        "{{ '%(a)1000000000d' % {'a': 1} }}",
        "{{ '{0:.1000000000f}'.format(1.0) }}",
        "{{ '{a:1000000000}'.format(a=1) }}",
        "{{ ('a' * 10000).replace('a', 'b' * 10000) }}",
        "{{ ('a' * 10000) | replace('a', 'b' * 10000) }}",
        # Known beforehand: nobody works it out while the file is read, either.
        "{{ 'a' * 10 ** 9 }}",
        "{{ 10 ** (10 ** 8) }}",
    ],
)
def test_what_has_no_room_is_not(template: str) -> None:
    assert told(template, str(10**9)).endswith(
        ("are the most: this step is left out", "too large a number: this step is left out")
    )


def test_what_is_no_text_is_told_as_ever() -> None:
    assert "must be str, not int" in told("{{ 'a'.replace(1, 2) }}", "x")


def test_the_bound_itself() -> None:
    assert len(told("{{ 'a' * text|int }}", str(LARGEST))) == LARGEST
    assert f"{LARGEST} are the most" in told("{{ 'a' * text|int }}", str(LARGEST + 1))

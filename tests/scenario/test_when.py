"""Each kind of `when`, played."""

from __future__ import annotations

import pytest

from tests.scenario.play import START, Story


def test_the_first_rule_that_applies_is_done_and_no_other() -> None:
    Story(
        """
        rules:
          - when: {text: {contains: tea}}
            then: {say: one}
          - when: {text: tea}
            then: {say: two}
        else: {say: three}
        """
    ).play(
        """
        ann >> tea
        ann << say one
        ann >> coffee
        ann << say three
        """
    )


@pytest.mark.parametrize(
    ("match", "yes", "no"),
    [
        ("hello", ["hello", "HELLO", "  Hello "], ["hello you", "hell"]),
        ("[hi, hello]", ["hi", "Hello"], ["hi hello"]),
        ("{equals: Hello, case: true}", ["Hello", " Hello"], ["hello"]),
        ("{equals: STRASSE}", ["straße"], ["strase"]),
        ("{equals: ''}", [" "], ["a"]),
        ("{contains: tea}", ["Tea!", "green teas"], ["coffee"]),
        ("{contains: [tea, coffee]}", ["coffee please"], ["water"]),
        ("{contains: Tea, case: true}", ["Tea"], ["tea"]),
        (r"{regex: 'order \d+'}", ["my ORDER 7", "order 12"], ["order x"]),
        (r"{regex: '^order \d+$', case: true}", ["order 7"], ["Order 7", "my order 7"]),
        ("{regex: '[[a]x'}", ["[x", "ax"], ["x"]),
    ],
)
def test_text(match: str, yes: list[str], no: list[str]) -> None:
    story = Story(
        f"""
        rules:
          - when: {{text: {match}}}
            then: {{say: "yes"}}
        else: {{say: "no"}}
        """
    )
    for text in yes:
        story.say(text)
        assert story.did() == ["ann say yes"], text
    for text in no:
        story.say(text)
        assert story.did() == ["ann say no"], text


def test_start_is_once_and_connect_each_time() -> None:
    Story(
        """
        rules:
          - when: start
            then: {say: welcome}
          - when: connect
            then: {say: back again}
        """
    ).play(
        """
        ann comes
        ann << say welcome
        ann comes
        ann << say back again
        ann >> hello
        ann is silent
        ann comes
        ann << say back again
        """
    )


def test_connect_is_the_first_time_too() -> None:
    Story("rules: [{when: connect, then: {say: here}}]").play("ann comes\nann << say here\nann comes\nann << say here")


def test_a_talk_that_is_first_heard_of_by_its_words_begins_then() -> None:
    Story(
        """
        rules:
          - {when: connect, then: {say: connected}}
          - {when: start, then: {say: started}}
          - {when: message, then: {say: heard}}
        """
    ).play("ann >> hello\nann << say started\nann << say heard\nbob sends ack\nbob << say started")


def test_message_is_anything_that_is_said() -> None:
    Story("rules: [{when: message, then: {say: yes}}]").play(
        "ann >> hello\nann << say yes\nann sends ack {}\nann is silent"
    )


def test_event_is_the_name_of_a_message_whether_it_says_something_or_not() -> None:
    Story(
        """
        rules:
          - when: {event: ack}
            then: {say: acked}
          - when: {event: [say, typing]}
            then: {say: "{{ event }}"}
        else: {say: never}
        """
    ).play(
        """
        ann sends ack {"id": 1}
        ann << say acked
        ann sends typing
        ann << say typing
        ann >> hello
        ann << say say
        ann sends other
        ann is silent
        """
    )


@pytest.mark.parametrize(
    ("field", "yes", "no"),
    [
        ("$.a", [{"a": 1}, {"a": None}], [{"b": 1}, None, []]),
        ("{path: $.a, exists: true}", [{"a": 0}], [{}]),
        ("{path: $.a, exists: false}", [{}, "text"], [{"a": 0}]),
        ("{path: $.a, equals: 7}", [{"a": 7}], [{"a": 8}, {"a": "7"}, {}]),
        ("{path: $.a, equals: true}", [{"a": True}], [{"a": 1}, {"a": "true"}]),
        ("{path: $.a, equals: null}", [{"a": None}], [{}, {"a": 0}]),
        ("{path: $.a, equals: {b: [1]}}", [{"a": {"b": [1]}}], [{"a": {"b": []}}]),
        ("{path: '$.a[*].b', equals: x}", [{"a": [{"b": "y"}, {"b": "x"}]}], [{"a": [{"b": "y"}]}]),
        ("{path: $.a, contains: tea}", [{"a": "Green Tea"}], [{"a": "x"}, {"a": ["tea"]}, {}]),
        ("{path: $.a, contains: Tea, case: true}", [{"a": "Tea"}], [{"a": "tea"}]),
        (r"{path: $.a, regex: '^\d+$'}", [{"a": "12"}, {"a": 12}], [{"a": "x"}]),
        ("{path: $.a, regex: 'true'}", [{"a": True}], [{"a": False}]),
        ("['$.a', {path: $.b, equals: 1}]", [{"a": 1, "b": 1}], [{"a": 1}, {"b": 1}]),
        ("'$[?@.a > 1]'", [[{"a": 2}]], [[{"a": 1}]]),
    ],
)
def test_field(field: str, yes: list[object], no: list[object]) -> None:
    story = Story(f"rules: [{{when: {{field: {field}}}, then: {{say: there}}}}]")
    for body in yes:
        story.give("ann", "sent", body)  # type: ignore[arg-type]
        assert story.did() == ["ann say there"], body
    for body in no:
        story.give("ann", "sent", body)  # type: ignore[arg-type]
        assert story.did() == [], body


def test_a_message_that_is_too_deep_for_a_path_has_nothing_there() -> None:
    story = Story("rules: [{when: {field: $..a}, then: {say: there}}]")
    body: dict[str, object] = {"a": 1}
    story.give("ann", "sent", body)  # type: ignore[arg-type]
    for _ in range(500):
        body = {"a": body}
    story.give("ann", "sent", body)  # type: ignore[arg-type]
    assert story.did() == ["ann say there"]


def test_a_field_of_what_is_said() -> None:
    Story("rules: [{when: {field: {path: $.text, equals: hi}}, then: {say: there}}]").play(
        "ann >> hi\nann << say there"
    )


@pytest.mark.parametrize("first", ["first", "{first: true}"])
def test_first_nth_every(first: str) -> None:
    Story(
        f"""
        rules:
          - {{when: {first}, then: {{say: first}}}}
          - {{when: {{nth: 4}}, then: {{say: fourth}}}}
          - {{when: {{every: 2}}, then: {{say: "even {{{{ nth }}}}"}}}}
        else: {{say: odd}}
        """
    ).play(
        """
        ann >> a
        ann << say first
        ann >> b
        ann << say even 2
        ann sends ack
        ann >> c
        ann << say odd
        bob >> a
        bob << say first
        ann >> d
        ann << say fourth
        ann >> e
        ann >> f
        ann << say odd
        ann << say even 6
        """
    )


def test_silence_begins_when_the_bot_is_done_and_what_it_says_does_not_end_it() -> None:
    Story(
        """
        rules:
          - {when: message, then: {say: heard, after: 5}}
          - {when: {silence: 10}, then: [{say: 'hello?', after: 3}]}
          - {when: {silence: 20s}, then: {say: goodbye}}
        """
    ).play(
        """
        ann >> a
        after 5
        ann << say heard
        after 9
        ann is silent
        ann >> b
        after 5
        ann << say heard
        after 10
        ann is silent
        after 3
        ann << say hello?
        after 6.9
        ann is silent
        after 0.1
        ann << say goodbye
        after 1000
        ann is silent
        """
    )


def test_silence_is_counted_from_the_beginning_too() -> None:
    Story("rules: [{when: {silence: 1m}, then: {say: 'anybody?'}}]").play(
        "ann comes\nafter 59\nann sends ack\nafter 1\nann << say anybody?\nann >> yes\nafter 60\nann << say anybody?"
    )


def test_a_silence_that_is_over_while_its_own_rule_speaks_is_not_lost() -> None:
    Story(
        """
        rules:
          - {when: {silence: 10}, then: [{wait: 15}, {say: one}]}
          - {when: {silence: 20}, then: {say: two}}
        """
    ).play("ann comes\nafter 24.9\nann is silent\nafter 0.1\nann << say one\nann << say two")


def test_a_silence_that_ended_while_the_process_was_away_is_not_lost() -> None:
    story = Story(
        """
        rules:
          - {when: {silence: 10}, then: {say: 'hello?'}}
          - {when: {silence: 20}, then: {say: 'still there?'}}
          - {when: {silence: 30}, then: {say: goodbye}}
        """
    )
    story.play("ann comes")
    story.engine.run_until(START + 15, away=True)
    story.play("ann << say hello?\nann is silent\nafter 5\nann << say still there?")
    story.engine.run_until(START + 3600, away=True)
    story.play("ann << say goodbye\nann is silent")


def test_a_silence_is_that_of_the_state() -> None:
    Story(
        """
        states:
          a: {rules: [{when: {silence: 10}, then: {go: b}}]}
          b: {enter: {say: in b}, rules: [{when: {silence: 5}, then: {say: still in b}}]}
        """
    ).play("ann comes\nafter 10\nann << say in b\nafter 4.9\nann is silent\nafter 0.1\nann << say still in b")


def test_state() -> None:
    Story(
        """
        states:
          a: {}
          b: {}
          c: {}
        rules:
          - {when: {text: next, state: a}, then: [{say: to b}, {go: b}]}
          - {when: {text: next, state: [b]}, then: [{say: to c}, {go: c}]}
          - {when: {state: c}, then: {say: all is said}}
        """
    ).play(
        """
        ann >> next
        ann << say to b
        ann >> other
        ann >> next
        ann << say to c
        ann >> anything
        ann << say all is said
        ann sends ack
        ann is silent
        """
    )


def test_if() -> None:
    Story(
        """
        variables: {cups: 2}
        rules:
          - {when: {text: more, if: "{{ cups > 2 }}"}, then: {say: enough}}
          - {when: {text: more}, then: [{count: cups}, {say: "{{ cups }}"}]}
          - {when: {if: text|length > 5}, then: {say: long}}
        """
    ).play(
        """
        ann >> more
        ann << say 3
        ann >> more
        ann << say enough
        ann >> longer words
        ann << say long
        ann >> short
        ann is silent
        """
    )


def test_an_author_can_read_along() -> None:
    story = Story(
        """
        states:
          door:
            rules:
              - {when: start, then: {say: hello}}
              - {when: {text: in}, then: {go: room}}
          room: {}
        rules:
          - {when: {text: slow}, then: {wait: 5}}
          - {when: {text: beside}, while_busy: alongside, then: {say: beside}}
        else: {say: what}
        """
    )
    story.say("in")
    story.say("x")
    story.say("slow")
    story.say("beside")
    assert story.noted == [
        "my.yaml:5 applies",
        "my.yaml:6 applies",
        "my.yaml: from door to room",
        "my.yaml: no rule applies: else",
        "my.yaml:9 applies",
        "my.yaml:10 applies",
    ]


def test_a_condition_that_cannot_be_looked_at_is_told_and_does_not_apply() -> None:
    Story("rules:\n- {when: {if: message.a > 2}, then: {say: never}}\nelse: {say: no}").play(
        """
        ann >> hello
        ann << say no
        log my.yaml:2: this rule does not apply: 'dict object' has no attribute 'a'
        """
    )


def test_all_any_not() -> None:
    Story(
        """
        rules:
          - {when: {all: [{text: {contains: a}}, {text: {contains: b}}], not: {text: {contains: c}}}, then: {say: a and b}}
          - {when: {any: [{text: x}, {text: z}, start]}, then: {say: x or z or start}}
        """
    ).play(
        """
        ann comes
        ann << say x or z or start
        ann >> ab
        ann << say a and b
        ann >> abc
        ann is silent
        ann >> z
        ann << say x or z or start
        ann sends ack
        """
    )


def test_not_silence_is_no_silence() -> None:
    """A `not` is asked at the moments that it names."""
    Story("rules: [{when: {not: {text: a}}, then: {say: no a}}]").play(
        "ann comes\nann sends ack\nann is silent\nann >> a\nann is silent\nann >> b\nann << say no a"
    )


def test_groups_are_those_of_the_rule_that_applies() -> None:
    Story(
        r"""
        rules:
          - when: {text: {regex: '(?P<what>\w+) (\d+)'}, if: "false"}
            then: {say: never}
          - when: {text: {regex: '(\w+) (?P<many>\d+)(?P<more>x)?'}}
            then: {say: "{{ match[0] }}, {{ match[1] }}, {{ match.many }}, {{ match['more'] }}."}
        else: {say: "{{ match[0] | default('nothing') }}"}
        """
    ).play(
        """
        ann >> so tea 3 please
        ann << say tea 3, tea, 3, .
        ann >> tea
        ann << say nothing
        """
    )


def test_once_is_once_in_each_talk() -> None:
    Story(
        """
        rules:
          - {when: message, once: true, then: {say: only now}}
        else: {say: again}
        """
    ).play("ann >> a\nann << say only now\nann >> a\nann << say again\nbob >> a\nbob << say only now")


def test_only_and_except_leave_out_rules_and_steps() -> None:
    text = """
        rules:
          - {when: {text: a}, only: chip, then: {say: chip alone}}
          - {when: {text: b}, except: [chip, mia], then: {say: not chip}}
        else:
          - {say: chip, only: [chip]}
          - {say: others, except: chip}
          - {say: all}
        """
    Story(text, backend="chip").play("ann >> a\nann << say chip alone\nann >> b\nann << say chip\nann << say all")
    Story(text, backend="aida").play("ann >> b\nann << say not chip\nann >> a\nann << say others\nann << say all")

"""Each kind of step, played."""

from __future__ import annotations

import pytest

from simulator.core.bot import End, Say
from simulator.core.wire import Reset, Shut
from tests.scenario.play import Story

ONE = "rules: [{when: message, then: %s}]"


def told(steps: str, text: str = "hello") -> list[str]:
    """What the bot does about one message, all of it, without the talk's name."""
    story = Story(ONE % steps)
    story.say(text)
    story.after(100)
    assert not story.logged
    return [line.removeprefix("ann ") for line in story.did()]


@pytest.mark.parametrize(
    ("steps", "done"),
    [
        ("{say: hi}", ["say hi"]),
        ("[{say: hi}, {say: ho}]", ["say hi", "say ho"]),
        ("[{say: {text: '{{ text }}!', agent: Sam}}]", ["say hello! as Sam"]),
        ("{typing: 2}", ["typing on", "typing off"]),
        ("{typing: {for: 500ms}}", ["typing on", "typing off"]),
        ("[{typing: true}, {typing: {on: false}}]", ["typing on", "typing off"]),
        ("[{status: sent}, {status: delivered}, {status: read}, {status: {status: failed}}]",
         ["status sent", "status delivered", "status read", "status failed"]),
        ("[{queue: 3}, {queue: '{{ nth + 1 }}'}, {queue: {position: '2'}}]", ["queue 3", "queue 2", "queue 2"]),
        ("[{hand_off: Sam}, {say: '{{ agent }}'}, leave, {say: '{{ agent }}.'}]",
         ["hand_off Sam", "say Sam", "leave", "say ."]),
        ("{picture: 'https://example.com/a.jpg'}", ["picture https://example.com/a.jpg image/jpeg"]),
        ("{picture: {url: 'https://example.com/{{ nth }}.png', text: Look, type: image/png}}",
         ["picture https://example.com/1.png image/png Look"]),
        ("{file: {url: 'https://example.com/a.pdf', text: Read, type: application/pdf}}",
         ["file https://example.com/a.pdf application/pdf Read"]),
        ("{stream: one two three four five}", ["stream one two three |four five 0.1"]),
        ("{stream: {text: '{{ text }} there you', words: 1, pace: 0.5}}", ["stream hello |there |you 0.5"]),
        ("{stream: {chunks: ['{{ text }}', ' there'], pace: 0}}", ["stream hello| there 0"]),
        ("{stream: ' '}", ["stream   0.1"]),
        ("end", ["end"]),
        ("[{end: }]", ["end"]),
        ("[{end: true}, {leave: }]", ["end", "leave"]),
        ("{raw: ping}", ["raw ping null"]),
        ("{raw: {name: x, body: {a: '{{ nth }}', b: ['{{ text }}', '{{ nth }}.'], c: 1, d: null}}}",
         ['raw x {"a": 1, "b": ["hello", "1."], "c": 1, "d": null}']),
        ("{raw: 'chat-{{ talk }}'}", ["raw chat-ann null"]),
        ("{raw: {name: x, body: '{{ message }}'}}", ['raw x {"text": "hello"}']),
        ("{raw: {name: 'x-{{ talk }}'}}", ["raw x-ann null"]),
        ("[{set: {a: 1, b: '{{ a + 1 }}', c: '{{ a }}{{ b }}', d: [x]}}, {say: '{{ a + b }} {{ c }} {{ d[0] }}'}]",
         ["say 3 12 x"]),
        ("[{count: n}, {count: {name: n, by: 5}}, {count: {name: n, by: -2}}, {say: '{{ n }}'}]", ["say 4"]),
        ("[{wait: 10}, {say: late}]", ["say late"]),
        ("[{say: a, if: 'nth > 1'}, {say: b, if: nth == 1}]", ["say b"]),
        ("{choose: [{say: a}]}", ["say a"]),
        ("[{choose: [[{say: a}, {say: b}]]}, {say: c}]", ["say a", "say b", "say c"]),
        ("{choose: [{weight: 0.5, then: [{choose: [{then: {say: in}}]}]}]}", ["say in"]),
        ("{choose: [{then: []}]}", []),
        ("[]", []),
    ],
)  # fmt: skip
def test_step(steps: str, done: list[str]) -> None:
    assert told(steps) == done


def test_steps_take_their_time_one_after_the_other() -> None:
    Story(
        """
        rules:
          - when: message
            then:
              - say: at once
              - say: {text: after one, after: 1}
              - typing: 2
                after: 500ms
              - say: behind the typing
              - wait: 1m
              - say: a minute later
        """
    ).play(
        """
        ann >> hello
        ann << say at once
        after 0.9
        ann is silent
        after 0.1
        ann << say after one
        after 0.5
        ann << typing on
        after 1.9
        ann is silent
        after 0.1
        ann << typing off
        ann << say behind the typing
        after 59.9
        ann is silent
        after 0.1
        ann << say a minute later
        """
    )


def test_what_comes_behind_a_stream_comes_when_it_is_over() -> None:
    Story(ONE % "[{stream: {text: a b c, words: 1, pace: 2}}, {say: done}]").play(
        "ann >> x\nann << stream a |b |c 2\nafter 6\nann is silent\nafter 0.001\nann << say done"
    )


def test_a_step_that_is_left_out_takes_no_time() -> None:
    Story(ONE % "[{say: a, after: 5, if: nth > 1}, {typing: 3, if: nth > 1}, {say: b}]").play(
        "ann >> x\nann << say b\nann >> x\nafter 5\nann << say a\nann << typing on\nafter 3\nann << typing off\nann << say b"
    )


def test_jitter_is_drawn_around_the_delay() -> None:
    story = Story(ONE % "[{say: a, after: 2, jitter: 1}]")
    times = set()
    for _ in range(50):
        begun = story.world.now()
        story.say("x")
        while not story.did():
            due = story.engine.next_due()
            assert due is not None
            story.engine.run_until(due)
        times.add(round(story.world.now() - begun, 6))
    assert len(times) == 50
    assert min(times) >= 1
    assert max(times) <= 3
    assert min(times) < 1.3
    assert max(times) > 2.7


@pytest.mark.parametrize(
    ("step", "least", "most"), [("{typing: 4, after: 2, jitter: 1}", 5, 7), ("{wait: 4, jitter: 1}", 3, 5)]
)
def test_jitter_is_of_what_takes_time(step: str, least: float, most: float) -> None:
    """Nobody means the moment before it, which is none, by a jitter of four seconds of typing."""
    story = Story(ONE % f"[{step}, {{say: b}}]")
    times = set()
    for _ in range(20):
        story.say("x")
        begun = story.world.now()
        while "ann say b" not in story.did():
            due = story.engine.next_due()
            assert due is not None
            story.engine.run_until(due)
        times.add(round(story.world.now() - begun, 6))
    assert len(times) == 20
    assert least <= min(times) < least + 0.5
    assert most - 0.5 < max(times) <= most


def test_jitter_above_the_delay_is_never_before_now() -> None:
    story = Story(ONE % "[{say: a, jitter: 5}, {say: b}]")
    for _ in range(20):
        story.say("x")
        story.after(6)
        assert story.did() == ["ann say a", "ann say b"]


def test_choose_follows_the_weights() -> None:
    story = Story(ONE % "[{choose: [{weight: 3, then: {say: often}}, {say: seldom}]}]")
    for _ in range(400):
        story.say("x")
    did = story.did()
    assert 60 < did.count("ann say seldom") < 140
    assert did.count("ann say seldom") + did.count("ann say often") == 400


def test_go_enters_a_state_before_the_steps_behind_it() -> None:
    Story(
        """
        start: b
        states:
          a:
            enter: [{say: "in {{ state }}"}]
            rules: [{when: {text: hi}, then: {say: rule of a}}]
            else: {say: else of a}
          b:
            enter: {say: begun in b}
        rules:
          - {when: {text: go}, then: [{say: leaving}, {go: a}, {say: behind}]}
          - {when: {text: hi}, then: {say: rule of all}}
        else: {say: else of all}
        """
    ).play(
        """
        ann comes
        ann << say begun in b
        ann >> hi
        ann << say rule of all
        ann >> what
        ann << say else of all
        ann >> go
        ann << say leaving
        ann << say in a
        ann << say behind
        ann >> hi
        ann << say rule of a
        ann >> what
        ann << say else of a
        """
    )


def test_the_first_state_is_the_start_and_an_empty_else_is_one() -> None:
    Story(
        "states: {a: {enter: {say: in a}, else: []}, b: {}}\nrules: [{when: {text: b}, then: {go: b}}]\nelse: {say: what}"
    ).play("ann >> x\nann << say in a\nann >> b\nann >> x\nann << say what")


def test_enter_and_the_rule_for_the_start_are_both_done() -> None:
    Story(
        "while_busy: ignore\nstates: {a: {enter: [{say: in a, after: 1}]}}\nrules: [{when: start, then: {say: started}}]"
    ).play("ann comes\nafter 1\nann << say in a\nann << say started")


def test_after_the_end_the_next_words_begin_a_new_talk() -> None:
    Story(
        """
        variables: {seen: 0}
        rules:
          - {when: start, then: {say: welcome}}
          - {when: {text: bye}, then: [{count: seen}, end, {wait: 1}, {say: "seen {{ seen }}"}]}
          - {when: connect, then: {say: back}}
          - {when: {event: ack}, then: {say: acked}}
          - {when: {silence: 5}, then: {say: silence}}
        """
    ).play(
        """
        ann comes
        ann << say welcome
        ann >> bye
        ann << end
        # What comes while the last steps are done is of the talk that is over.
        ann >> one more
        after 1
        ann << say seen 1
        after 10
        ann comes
        ann sends ack
        ann is silent
        ann >> hello
        ann << say welcome
        ann sends ack
        ann << say acked
        ann >> bye
        ann << end
        after 1
        ann << say seen 1
        """
    )


def test_agents_are_called_as_the_backend_calls_them() -> None:
    text = """
        agents:
          Sam: {default: Sam Desk, chip: sam@example.com}
          Kim: Kim Night
          Max: {chip: max@example.com}
        rules:
          - when: message
            then: [{hand_off: Sam}, {say: {text: a, agent: Kim}}, {hand_off: Max}, {say: {text: b, agent: "{{ text }}"}}]
        """
    Story(text, backend="chip").play(
        "ann >> x\nann << hand_off sam@example.com\nann << say a as Kim Night\nann << hand_off max@example.com\nann << say b as x"
    )
    Story(text, backend="mia").play(
        "ann >> x\nann << hand_off Sam Desk\nann << say a as Kim Night\nann << hand_off Max\nann << say b as x"
    )


@pytest.mark.parametrize("given", ["Sam", "{{ text }}"])
def test_a_scenario_calls_agents_by_its_own_names(given: str) -> None:
    """Two of them may be one to a backend; and a template may name one, who has the talk for example."""
    text = f"""
        agents:
          Sam: {{chip: desk@example.com}}
          Kim: {{chip: desk@example.com}}
        rules:
          - when: message
            then:
              - hand_off: "{given}"
              - say: {{text: "{{{{ agent }}}}", agent: "{{{{ agent }}}}"}}
              - leave
              - say: "{{{{ agent or 'nobody' }}}}"
        """
    Story(text, backend="chip").play(
        "ann >> Sam\nann << hand_off desk@example.com\nann << say Sam as desk@example.com\nann << leave\nann << say nobody"
    )


def test_what_an_agent_says_answers_nobody() -> None:
    """A backend may send an answer to who asked, and what an agent says to all (AIDA does)."""
    story = Story(ONE % "[{say: a}, {hand_off: Sam}, {say: b}, leave, {say: c}]")
    story.say("x")
    assert [heard is not None for _, _, heard in story.rules.did] == [True, False, False, True, True]


# ---- the end of a socket ----


def test_a_socket_ends_behind_what_was_said() -> None:
    story = Story(
        """
        rules:
          - {when: {text: a}, then: [{say: one}, {close: 4001}, {say: two}]}
          - {when: {text: b}, then: [{wait: 1}, {say: one}, {close: {code: 1011, reason: restart}}, {say: two}]}
          - {when: {text: c}, then: [{say: one}, reset]}
          - {when: {text: d}, then: [{close: }]}
          - {when: {text: e}, then: [{reset: , after: 1}]}
        """
    ).play(
        """
        ann >> a
        ann << say one
        - << ended 4001
        ann << say two
        ann >> b
        after 1
        ann << say one
        - << ended 1011
        ann << say two
        ann >> c
        ann << say one
        - << ended 1006
        ann >> d
        - << ended 1005
        ann >> e
        after 1
        - << ended 1006
        """
    )
    assert story.ends == [Shut(3, 4001), Shut(3, 1011, "restart"), Reset(3), Shut(3, None), Reset(3)]


def test_where_no_socket_is_the_story_goes_on() -> None:
    story = Story("rules: [{when: message, then: [reset, reset, {say: on}]}]")
    story.say("x")
    assert story.did() == ["- ended 1006", "ann say on"]
    assert [*story.logged] == [
        "my.yaml:1: there is no socket that could be ended: the client polls, or is gone: this step is left out"
    ]


def test_a_loop_around_the_end_of_a_socket_is_ended() -> None:
    story = Story("states: {a: {enter: [reset, {go: a}]}}")
    story.give("ann", "come")
    assert story.logged.pop() == "my.yaml:1: 1000 steps at one instant: a loop, it is ended here"


# ---- templates ----


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ text }} {{ event }} {{ message.text }} {{ nth }}", "hello say hello 1"),
        ("{{ client.name }} in {{ state or 'no state' }} on {{ backend }} in {{ talk }}", "Ann in no state on none in ann"),
        ("{{ client.age | default('young') }}", "young"),
        ("{{ now }}", "2026-01-01T00:00:00Z"),
        ("{{ uuid()|length }} {{ number(3, 3) }}", "36 3"),
        ("{% for word in text.split('l') %}{{ word }}.{% endfor %}", "he..o."),
        ("{% if nth == 1 %}one{% else %}more{% endif %}{# never #}", "one"),
        ("{{ text.upper() }} {{ text|title }}", "HELLO Hello"),
        ("{{ 'a' ~ 1 }}", "a1"),
        ("{{ 'ha' * 2 }}{{ 3 * 4 }}{{ 2 ** 3 }}{{ 0.5 ** 1 }}", "haha1280.5"),
        ("a { b } 100 %", "a { b } 100 %"),
    ],
)  # fmt: skip
def test_template(template: str, told: str) -> None:
    story = Story(f'rules:\n  - when: message\n    then:\n      - say: "{template}"')
    story.say("hello")
    assert story.did() == [f"ann say {told}"]


def test_a_message_may_have_fields_called_as_methods_are() -> None:
    story = Story(
        "rules: [{when: {event: order}, then: {say: '{{ message.items[0] }} {{ message.keys }} {{ message.get(\"items\") }}'}}]"
    )
    story.give("ann", "order", {"items": ["tea"], "keys": 2})
    assert story.did() == ["ann say tea 2 ['tea']"]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("{say: '{{ client.age }}'}", "'dict object' has no attribute 'age'"),
        ("{say: '{{ message.a.b }}'}", "'dict object' has no attribute 'a'"),
        ("{say: '{{ match[3] }}'}", "dict object has no element 3"),
        ("{say: '{{ 1 / 0 }}'}", "division by zero"),
        ("{say: '{{ text + 1 }}'}", 'can only concatenate str (not "int") to str'),
        ("{say: '{{ text.nothing() }}'}", "'str object' has no attribute 'nothing'"),
        ("{say: '{{ number(2, 1) }}'}", "number(2, 1): the second is below the first"),
        ("{say: \"{{ ''.__class__.__mro__ }}\"}", "access to attribute '__class__' of 'str' object is unsafe."),
        ("{say: '{{ client.update({}) }}'}", "access to attribute 'update' of 'dict' object is unsafe."),
        ("{say: '{{ range(1000000)|length }}'}", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."),
        ("{say: '{{ text * 1000000000 }}'}", "1000000000 times 5 characters or values; 100000 are the most"),
        ("{say: '{{ 9999999 * [text] }}'}", "9999999 times 1 characters or values; 100000 are the most"),
        ("{set: {later: '{{ 9 ** 387420489 }}'}}", "9 ** 387420489 is too large a number"),
        ("{say: '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}'}", "is nested too deep"),
        ("{queue: '{{ text }}'}", "queue: invalid literal for int() with base 10: 'hello'"),
        ("{queue: '{{ nth * 1e300 * 1e300 }}'}", "queue: cannot convert float infinity to integer"),
        ("{queue: '{{ message }}'}", "queue: int() argument must be a string, a bytes-like object or a real number, not 'dict'"),
        ("{set: {later: '{{ uuid }}'}}", "method is nothing that a message can have"),
        ("{raw: {name: x, body: {a: '{{ 10 ** 30 }}'}}}", "a whole number of more than 64 bits"),
        ("{set: {later: '{{ client.age }}'}}", "'dict object' has no attribute 'age'"),
        ("{count: name}", "name is 'Bob', no number to count on"),
        ("{say: a, if: client.age > 3}", "'dict object' has no attribute 'age'"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_done_is_left_out_and_told(step: str, why: str) -> None:
    story = Story(f"variables: {{name: Bob}}\nrules:\n  - when: message\n    then:\n      - {step}\n      - say: on")
    story.say("hello")
    assert story.did() == ["ann say on"]
    assert list(story.logged) == [f"my.yaml:5: {why}: this step is left out"]


def test_a_value_keeps_its_kind() -> None:
    story = Story(
        ONE
        % "[{set: {a: '{{ [1, (2, 3)] }}', b: '{{ text|map(\"upper\") }}', c: ' {{ nth }} '}}, {raw: {name: x, body: ['{{ a }}', '{{ b }}', '{{ c }}']}}]"
    )
    story.say("ab")
    assert story.did() == ['ann raw x [[1, [2, 3]], ["A", "B"], 1]']


def test_what_is_not_known_of_a_client_is_missing() -> None:
    story = Story(ONE % "{say: '{{ client.name | default(\"friend\") }}'}")
    story.rules.about = None
    story.say("x")
    story.rules.about = {"name": "Kim"}
    story.say("x")
    # It is kept from then on, also where the backend says nothing of it.
    story.rules.about = None
    story.say("x")
    assert story.did() == ["ann say friend", "ann say Kim", "ann say Kim"]


def test_variables_are_each_talk_s_own() -> None:
    story = Story("variables: {list: [1]}\nelse: [{set: {list: '{{ list + [nth] }}'}}, {say: '{{ list }}'}]")
    for talk in ("ann", "ann", "bob"):
        story.say("x", talk)
    assert story.did() == ["ann say [1, 1]", "ann say [1, 1, 2]", "bob say [1, 1]"]


@pytest.mark.parametrize(
    "value",
    [
        "'{{ v }}{{ v }}'",
        "'{{ v + v }}'",
        "'{{ [v, v, v] }}'",
        "'{{ {v|string ~ v|string: 1} }}'",
        "'{{ {\"a\": [v, v]} }}'",
    ],
)
def test_a_variable_does_not_grow_without_end(value: str) -> None:
    story = Story(f"variables: {{v: abc}}\nelse: [{{set: {{v: {value}}}}}]")
    for _ in range(30):
        if not story.logged:
            story.say("x")
    assert [*story.logged] == ["my.yaml:2: v would have more than 100000 characters: this step is left out"]


def test_acts_are_the_core_s_own() -> None:
    story = Story(ONE % "[{say: a}, end]")
    story.say("x")
    assert [act for _, act, _ in story.rules.did] == [Say("a"), End()]

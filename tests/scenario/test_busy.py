"""What happens with what a client does while steps are under way; loops; bounds; another plan in mid-story."""

from __future__ import annotations

import pytest

from simulator.core.bot import Directed, EchoBot
from simulator.scenario import bot
from tests.scenario.play import Story, script

SLOW = """
    while_busy: {busy}
    rules:
      - {{when: {{text: {{contains: slow}}}}, then: [{{typing: 10}}, {{say: "slow {{{{ text }}}}"}}]}}
      - {{when: {{text: now}}, while_busy: interrupt, then: {{say: now}}}}
      - {{when: {{text: beside}}, while_busy: alongside, then: [{{say: beside, after: 1}}]}}
      - {{when: {{text: never}}, while_busy: ignore, then: {{say: answered}}}}
      - {{when: {{event: ack}}, then: {{say: acked}}}}
    else: {{say: "else {{{{ text }}}}"}}
    """


def test_queue_answers_in_order_when_all_is_done() -> None:
    Story(SLOW.format(busy="queue")).play(
        """
        ann >> slow 1
        ann << typing on
        after 1
        ann >> slow 2
        ann sends ack
        ann >> what
        bob >> what
        bob << say else what
        after 9
        ann << typing off
        ann << say slow slow 1
        ann << typing on
        after 10
        ann << typing off
        ann << say slow slow 2
        ann << say acked
        ann << say else what
        """
    )


def test_a_queued_message_meets_the_rules_of_the_state_that_it_finds() -> None:
    Story(
        """
        states:
          a: {rules: [{when: {text: go}, then: [{wait: 1}, {go: b}]}]}
          b: {rules: [{when: {text: hi}, then: {say: in b}}]}
        """
    ).play("ann >> go\nann >> hi\nann sends other\nafter 1\nann << say in b")


def test_interrupt_ends_the_typing_and_what_was_still_to_come() -> None:
    Story(SLOW.format(busy="queue")).play(
        """
        ann >> slow 1
        ann << typing on
        after 1
        ann >> now
        ann << typing off
        ann << say now
        after 100
        ann is silent
        """
    )


def test_interrupt_for_all_rules() -> None:
    Story(SLOW.format(busy="interrupt")).play(
        """
        ann >> slow 1
        ann << typing on
        after 1
        ann >> slow 2
        ann << typing off
        ann << typing on
        after 10
        ann << typing off
        ann << say slow slow 2
        """
    )


def test_what_no_rule_means_interrupts_nothing() -> None:
    """`else` waits for its turn: it is for what nobody thought of."""
    Story(SLOW.format(busy="interrupt")).play(
        "ann >> slow 1\nann << typing on\nann >> what\nafter 10\nann << typing off\nann << say slow slow 1\nann << say else what"
    )


def test_alongside() -> None:
    Story(SLOW.format(busy="alongside")).play(
        """
        ann >> slow 1
        ann << typing on
        ann >> beside
        after 1
        ann << say beside
        ann >> slow 2
        ann << typing on
        after 9
        ann << typing off
        ann << say slow slow 1
        after 1
        ann << typing off
        ann << say slow slow 2
        """
    )


def test_alongside_of_nothing_is_as_ever_and_busy() -> None:
    Story(SLOW.format(busy="queue")).play(
        "ann >> beside\nann >> what\nafter 1\nann << say beside\nann << say else what"
    )


def test_ignore() -> None:
    Story(SLOW.format(busy="ignore")).play(
        """
        ann >> slow 1
        ann << typing on
        ann >> slow 2
        ann >> what
        ann sends ack
        after 10
        ann << typing off
        ann << say slow slow 1
        ann >> what
        ann << say else what
        """
    )
    Story(SLOW.format(busy="queue")).play(
        "ann >> slow 1\nann << typing on\nann >> never\nafter 10\nann << typing off\nann << say slow slow 1\nann >> never\nann << say answered"
    )


def test_once_is_used_up_alongside_too() -> None:
    Story(
        """
        rules:
          - {when: {text: a}, once: true, while_busy: alongside, then: {say: a}}
          - {when: message, then: {wait: 5}}
        """
    ).play("ann >> x\nann >> a\nann << say a\nann >> a\nafter 20\nann >> a\nafter 5\nann is silent")


def test_silence_waits_for_nobody_who_is_busy() -> None:
    """While the bot answers nobody is silent; its time begins when it is done."""
    Story("rules: [{when: message, then: {wait: 60}}, {when: {silence: 10}, then: {say: silence}}]").play(
        "ann >> x\nafter 69\nann is silent\nafter 1\nann << say silence"
    )


# ---- loops ----


def test_a_loop_without_time_is_ended() -> None:
    Story(
        """
        states:
          a: {enter: {go: b}}
          b: {enter: [{say: x, if: "false"}, {go: a, after: 0}]}
        """
    ).play("ann comes\nlog my.yaml:4: 1000 steps at one instant: a loop, it is ended here\nann >> x")


def test_a_loop_that_is_not_at_its_last_step_is_ended() -> None:
    story = Story("states: {a: {enter: [{wait: 1}, {go: a}, {say: never}]}}")
    story.give("ann", "come")
    story.after(1000)
    assert list(story.logged) == ["my.yaml:1: 100 states entered within each other: a loop, it is ended here"]
    assert story.did() == []
    assert story.engine.next_due() is None


def test_a_story_may_go_round_for_ever_where_time_passes() -> None:
    story = Story("states: {a: {enter: [{say: tick, after: 1}, {go: a}]}}")
    story.give("ann", "come")
    story.after(5000)
    assert story.did() == ["ann say tick"] * 5000
    assert not story.logged


# ---- bounds ----


def test_what_waits_is_bounded() -> None:
    story = Story("rules: [{when: message, then: [{wait: 1}, {say: '{{ nth }}'}]}]")
    for _ in range(bot.MOST_WAITING + 3):
        story.say("x")
    assert (
        list(story.logged)
        == [
            "scenario: 100 things that clients did wait already: this one is not answered",
        ]
        * 2
    )
    story.after(1000)
    assert story.did() == [f"ann say {i}" for i in range(1, bot.MOST_WAITING + 2)]


def test_what_is_done_alongside_is_bounded() -> None:
    story = Story("while_busy: alongside\nrules: [{when: message, then: [{wait: 1}, {say: x}]}]")
    for _ in range(bot.MOST_TRACKS + 1):
        story.say("x")
    assert list(story.logged) == ["scenario: 20 rules are done alongside already: this one is not answered"]
    story.after(1)
    assert len(story.did()) == bot.MOST_TRACKS


def test_many_that_wait_for_no_time_are_answered_without_going_deep() -> None:
    story = Story("rules: [{when: {text: slow}, then: {wait: 1}}, {when: message, then: {say: x}}]")
    story.say("slow")
    for _ in range(100):
        story.say("y")
    story.after(1)
    assert len(story.did()) == 100


def test_interrupt_of_what_does_not_type() -> None:
    Story("while_busy: interrupt\nrules: [{when: message, then: [{typing: 1}, {wait: 5}, {say: x}]}]").play(
        "ann >> a\nann << typing on\nafter 2\nann << typing off\nann >> b\nann << typing on\nafter 6\nann << typing off\nann << say x"
    )


def test_talks_are_bounded_and_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot, "MOST_TALKS", 3)
    story = Story(
        "rules: [{when: start, then: [{say: hi}, {wait: 5}, {say: ho}]}, {when: {silence: 9}, then: {say: silence}}]"
    )
    for talk in ("a", "b", "c"):
        story.give(talk, "come")
    story.after(5)
    assert story.did() == ["a say hi", "b say hi", "c say hi", "a say ho", "b say ho", "c say ho"]
    # Something happens in a; d and e take the places of b and c, whose silence is forgotten, too.
    for talk, event in (("a", "ack"), ("d", "come"), ("e", "come")):
        story.give(talk, event)
    assert story.did() == ["d say hi", "e say hi"]
    story.after(100)
    assert story.did() == ["d say ho", "e say ho", "a say silence", "d say silence", "e say silence"]
    assert not story.logged
    for talk in ("f", "g", "h", "i"):
        story.give(talk, "come")
    assert [*story.logged] == ["3 talks are remembered: steps of the oldest are lost"]
    assert [*story.bot._talks] == ["g", "h", "i"]


def test_a_thousand_talks_in_bounded_memory() -> None:
    story = Story(
        """
        rules:
          - {when: start, then: [{typing: 1}, {say: welcome}]}
          - {when: {text: bye}, then: [{say: bye}, end]}
          - {when: message, then: [{say: "{{ number(1, 9) }}", after: 1, jitter: 0.5}]}
          - {when: {silence: 30}, then: {say: still there?}}
        """.replace("still there?", "still")
    )
    talks = [f"talk{i}" for i in range(1000)]
    for talk in talks:
        story.give(talk, "come")
        story.say("hello", talk)
    story.after(10)
    for talk in talks:
        story.say("bye", talk)
    story.after(100)
    did = story.did()
    assert len(did) == 1000 * 6
    # Nothing is kept but that they were.
    assert set(story.bot._talks.values()) == {None}
    assert story.engine.next_due() is None
    assert not story.logged


def test_what_is_drawn_in_a_talk_is_its_own() -> None:
    text = "rules: [{when: message, then: [{say: '{{ number(1, 1000000) }} {{ uuid() }}', after: 1, jitter: 1}]}]"
    alone, beside, other = Story(text), Story(text), Story(text, seed=8)
    for talk in ("ann", "bob", "bob", "ann"):
        beside.say("x", talk)
    for story in (alone, other):
        story.say("x")
        story.say("x")
    for story in (alone, beside, other):
        story.after(10)
    drawn = alone.did()
    assert [line for line in beside.did() if line.startswith("ann")] == drawn
    assert other.did() != drawn
    again = Story(text)
    again.say("x")
    again.say("x")
    again.after(10)
    assert again.did() == drawn


# ---- another plan, another bot ----


def test_a_new_plan_keeps_state_and_variables_and_steps_under_way() -> None:
    story = Story(
        """
        variables: {a: 1}
        states:
          one: {rules: [{when: {text: slow}, then: [{wait: 5}, {say: "old {{ a }}"}]}]}
          two: {}
        rules: [{when: {text: next}, then: [{set: {a: 2}}, {go: two}]}, {when: message, once: true, then: {say: once}}]
        """
    )
    story.play("ann >> next\nann >> x\nann << say once\nbob >> slow")
    story.stage.use(
        script(
            """
            variables: {a: 7, b: 8}
            states: {one: {}, two: {}, three: {}}
            rules: [{when: message, once: true, then: [{say: "{{ state }} {{ a }} {{ b }}"}]}]
            """
        )
    )
    story.play(
        "ann >> x\nann << say two 2 8\nafter 5\nbob << say old 1\nbob >> x\nbob << say one 1 8\nkim >> x\nkim << say one 7 8"
    )


def test_a_state_that_is_gone_is_the_start() -> None:
    story = Story("states: {a: {rules: [{when: message, then: [{go: b}, {wait: 1}, {go: a}, {say: a}]}]}, b: {}}")
    story.say("x")
    story.stage.use(script("states: {c: {rules: [{when: {text: y}, then: {say: in c}}]}}"))
    story.play(
        "ann sends ack\nafter 1\nann << say a\nlog my.yaml: there is no state 'a' any more\nann >> y\nann << say in c"
    )


def test_silences_follow_the_new_plan() -> None:
    story = Story("rules: [{when: {silence: 10}, then: {say: ten}}]")
    story.give("ann", "come")
    story.stage.use(script("rules: [{when: {silence: 15}, then: {say: fifteen}}]"))
    story.play("after 5\nann sends ack\nafter 10\nann << say fifteen")


def test_timers_of_another_bot_are_nothing_to_this_one() -> None:
    story = Story("rules: [{when: message, then: [{wait: 1}, {say: x}]}, {when: {silence: 5}, then: {say: silence}}]")
    story.say("x")
    story.engine.use(story.stage(story.backend, story.world))
    story.play("after 100\nann is silent")
    # The second track of the one before; the one that took its place is at its first.
    story.engine.use(story.stage(story.backend, story.world))
    story.play("ann >> a")
    story.after(0.5)
    story.say("b")
    story.after(0.6)
    assert story.did() == ["ann say x"]
    story.engine.use(story.stage(story.backend, story.world))
    story.play("ann sends ack\nafter 0.4\nann is silent\nafter 4.6\nann << say silence")
    story.engine.use(EchoBot(0))
    story.play("ann >> hi\nann << say You said: hi")


def test_what_was_to_be_done_in_a_talk_that_somebody_else_ended_is_left_out() -> None:
    """And what waited, and silences; what is said later begins it anew."""
    Story("""
        rules:
          - {when: start, then: [{say: hello}]}
          - {when: {silence: 9}, then: [{say: "there?"}]}
          - {when: message, then: [{say: a}, {say: b, after: 1}]}
    """).play("""
        ann sends gone
        ann comes
        ann << say hello
        ann >> x
        ann << say a
        ann >> y
        ann sends gone
        after 20
        ann comes
        ann sends ack
        ann is silent
        ann >> z
        ann << say hello
        ann << say a
        after 1
        ann << say b
        after 9
        ann << say there?
    """)


def test_steps_behind_an_end_of_its_own_are_done() -> None:
    Story("rules: [{when: message, then: [end, {say: bye, after: 1}]}]").play("""
        ann >> x
        ann << end
        ann sends gone
        after 1
        ann << say bye
    """)


MOVED = """
    states:
      start:
        rules:
          - {when: {text: wait}, then: [{typing: 10}, {say: never}]}
      desk:
        enter: {say: at the desk}
        rules: [{when: message, then: {say: desk}}]
      still: {rules: [{when: message, then: {say: still}}]}
    """


def test_a_talk_is_moved_on_by_hand() -> None:
    """Steps under way are left out, what waited is forgotten, what is done on entering is done; others stay."""
    story = Story(MOVED).play(
        """
        ann >> wait
        ann << typing on
        ann >> what waits
        bob >> hello
        """
    )
    assert {name: talk.state for name, talk in story.bot.talks.items()} == {"ann": "start", "bob": "start"}
    story._carry(story.engine.take(Directed("ann", "desk")))
    story.play(
        """
        ann << typing off
        ann << say at the desk
        after 20
        ann >> hello
        ann << say desk
        bob >> hello
        bob is silent
        """
    )
    story._carry(story.engine.take(Directed("ann", "still")))
    for talk, state in (("nobody", "desk"), ("ann", "nowhere")):
        assert story.engine.take(Directed(talk, state)) == []
    story.play(
        """
        ann >> hello
        ann << say still
        """
    )
    assert (story.stage.path, story.stage.states) == (story.stage._script.path, ["start", "desk", "still"])
    assert Story("rules: [{when: message, then: {say: hi}}]").stage.states == [""]

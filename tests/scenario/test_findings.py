"""What is wrong with a scenario is told by file, line and key, with what was expected; each line is compared as a whole."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator import backends
from simulator.core.errors import ScenarioError
from simulator.scenario.faults import names
from simulator.scenario.findings import Finding, gravest, nearest
from simulator.scenario.reader import LIMITS, Script
from simulator.scenario.stage import Stage, judged, load
from simulator.serve import scenarios

STEPS = "say, typing, status, queue, hand_off, leave, picture, file, stream, end, raw, go, set, count, wait, close, reset, choose"
NAMES = "agent, backend, client, event, match, message, now, nth, number, state, talk, text, uuid"
TOP = "about, variables, agents, while_busy, start, states, faults, rules, else"


def lines(text: str, *names: str) -> list[str]:
    """What `check` says."""
    folder = Path("my.yaml")
    data = textwrap.dedent(text).lstrip("\n").encode()
    script, findings = judged(data, str(folder))
    if script is not None and not findings:
        findings = scenarios.remarks(script, names or backends.names())
    return [finding.shown("my.yaml") for finding in findings]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # keys
        ("faults:\n- {type: drop, probability: 0.5, direction: upstream}", [
            "2: error: faults.0.direction: there is no such key; did you mean stream?",
            "2: error: faults.0.probability: there is no such key; did you mean toxicity?"]),
        ("rulez: []", ["1: error: rulez: there is no such key; did you mean rules?"]),
        ("x: 1", [f"1: error: x: there is no such key; there are: {TOP}"]),
        ("7: a", [f"1: error: 7: there is no such key; there are: {TOP}"]),
        ('"a\\nb": 1', [f"1: error: 'a\\nb': there is no such key; there are: {TOP}"]),
        ("vars: {a: 1}", ["1: error: vars: there is no such key; did you mean variables?"]),
        ("rules:\n- when: start\n  them: []", [
            "3: error: rules.0.them: there is no such key; did you mean then?"]),
        ("rules:\n- when: start\n  thenx: []\n- then: []\n- when: start\n  zzz: 1", [
            "3: error: rules.0.thenx: there is no such key; did you mean then?",
            "4: error: rules.1.when: is missing",
            "5: error: rules.2.then: is missing",
            "6: error: rules.2.zzz: there is no such key; there are: when, then, once, while_busy, only, except"]),
        ("rules:\n- when: start\n  then:\n  - say: a\n  - image: b", [
            "5: error: rules.0.then.1.image: there is no such key; did you mean picture?"]),
        ("else:\n- say: {txt: a}", [
            "2: error: else.0.say.txt: there is no such key; did you mean text?"]),
        ("rules:\n- when: {txet: a}\n  then: []", ["2: error: rules.0.when.txet: there is no such key; did you mean text?"]),
        ("rules:\n- when:\n    any:\n    - {text: a}\n    - {txet: b}\n  then: []", [
            "5: error: rules.0.when.any.1.txet: there is no such key; did you mean text?"]),
        ("rules:\n- when: {text: {begins: a}}\n  then: []", [
            "2: error: rules.0.when.text.begins: there is no such key; there are: equals, contains, regex, case"]),
        # kinds
        ("rules: 7", ["1: error: rules: Input should be a valid list (got 7)"]),
        ("states:\n  a: b", ["2: error: states.a: expected keys and values (got 'b')"]),
        ("else:\n- say: 7", ["2: error: else.0.say: expected a text; quotes make it one (got 7)"]),
        ("else:\n- say: [a]", ["2: error: else.0.say: expected a text"]),
        ("else:\n- say:", ["2: error: else.0.say: there is no value: give it one, or leave the key out"]),
        ("else:\n- say: ''", ["2: error: else.0.say: String should have at least 1 character (got '')"]),
        ("else:\n- say: {text: a,\n    agent: 2026-01-01}", [
            "3: error: else.0.say.agent: expected a text; quotes make it one (got '2026-01-01')"]),
        ("else:\n- say: a\n  end:", ["2: error: else.0: expected one act, not say and end: each step is an item of its own"]),
        ("else:\n- after: 1", [f"2: error: else.0: expected one act of: {STEPS}"]),
        ("else: [ends]", ["1: error: else.0: expected an act, such as {say: ...}; alone can stand end, leave, reset (got 'ends')"]),
        ("else:\n- typing: soon", ["2: error: else.0.typing: expected seconds, or a text such as 500ms, 2s, 3m, 1h (got 'soon')"]),
        ("else:\n- typing: {}", ["2: error: else.0.typing: expected seconds to type for, or on: true or false"]),
        ("else:\n- wait: -1", ["2: error: else.0.wait: Input should be greater than or equal to 0 (got -1)"]),
        ("else:\n- wait: true", ["2: error: else.0.wait: expected seconds, or a text such as 500ms, 2s, 3m, 1h (got True)"]),
        ("else:\n- wait: .nan", ["2: error: else.0.wait: Input should be greater than or equal to 0 (got nan)"]),
        ("else:\n- wait: 31d", ["2: error: else.0.wait: expected seconds, or a text such as 500ms, 2s, 3m, 1h (got '31d')"]),
        ("else:\n- wait: 800h", ["2: error: else.0.wait: Input should be less than or equal to 2592000 (got '800h')"]),
        ("else:\n- {say: a, after: {min: 1}}", ["2: error: else.0.after: expected seconds, or a text such as 500ms, 2s, 3m, 1h"]),
        ("else:\n- status: seen", ["2: error: else.0.status: Input should be 'sent', 'delivered', 'read' or 'failed' (got 'seen')"]),
        ("else:\n- queue: 0", ["2: error: else.0.queue: expected a place from 1, or a template (got 0)"]),
        ("else:\n- stream: {words: 2}", ["2: error: else.0.stream: expected text or chunks"]),
        ("else:\n- close: 1006", [
            "2: error: else.0.close: expected a code that may be sent: 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455, 7.4) (got 1006)"]),
        ("else:\n- close: {reason: bye}", ["2: error: else.0.close: expected a reason of at most 123 bytes, and a code with it"]),
        ("else:\n- close: {code: 4000, reason: " + "ü" * 62 + "}", [
            "2: error: else.0.close: expected a reason of at most 123 bytes, and a code with it"]),
        ("else: [{reset: false}]", ["1: error: else.0.reset: Input should be True (got False)"]),
        ("else:\n- choose: []", ["2: error: else.0.choose: List should have at least 1 item after validation, not 0"]),
        ("else:\n- choose: [{weight: 0, then: []}]", ["2: error: else.0.choose.0.weight: Input should be greater than 0 (got 0)"]),
        ("else:\n- set: {}", ["2: error: else.0.set: Dictionary should have at least 1 item after validation, not 0"]),
        ("else:\n- set: {a-b: 1}", ["2: error: else.0.set.a-b: String should match pattern '^[A-Za-z_][A-Za-z0-9_]*$' (got 'a-b')"]),
        ("else:\n- set: {a: 2026-01-01}", ["2: error: else.0.set.a: expected a text, a number, true, false, null, a list, or keys and values (got '2026-01-01')"]),
        ("else:\n- {say: a, if: ''}", ["2: error: else.0.if: String should have at least 1 character (got '')"]),
        ("rules:\n- {when: hello, then: []}", [
            "2: error: rules.0.when: expected start, connect, message, first, or keys and values; words of the client are {text: ...} (got 'hello')"]),
        ("rules:\n- {when: {}, then: []}", ["2: error: rules.0.when: says nothing: message is when the client says anything"]),
        ("rules:\n- {when: {start: false}, then: []}", ["2: error: rules.0.when.start: Input should be True (got False)"]),
        ("rules:\n- {when: {nth: 0}, then: []}", ["2: error: rules.0.when.nth: Input should be greater than or equal to 1 (got 0)"]),
        ("rules:\n- {when: {silence: 0}, then: []}", ["2: error: rules.0.when.silence: Input should be greater than 0 (got 0)"]),
        ("rules:\n- {when: {text: {contains: a, regex: b}}, then: []}", [
            "2: error: rules.0.when.text: expected exactly one of equals, contains, regex"]),
        ("rules:\n- {when: {field: {path: $.a, equals: 1, exists: true}}, then: []}", [
            "2: error: rules.0.when.field: expected one of equals, contains, regex, exists"]),
        ("rules:\n- {when: start, then: [], while_busy: wait}", [
            "2: error: rules.0.while_busy: Input should be 'queue', 'interrupt', 'ignore' or 'alongside' (got 'wait')"]),
        ("agents:\n  Sam: {chip: 7}", ["2: error: agents.Sam.chip: expected a text; quotes make it one (got 7)"]),
        ("variables: {2a: 1}", ["1: error: variables.2a: String should match pattern '^[A-Za-z_][A-Za-z0-9_]*$' (got '2a')"]),
        # states
        ("start: b\nstates: {a: {}}", ["1: error: start: there is no state 'b'; there are: a"]),
        ("start: a", ["1: error: start: there is no state 'a'"]),
        ("states:\n  first: {}\n  other:\n    enter: {go: firsst}", ["4: error: states.other.enter.go: there is no state 'firsst'; did you mean first?"]),
        ("else: {go: a}", ["1: error: else.go: there is no state 'a'"]),
        ("states:\n  a: {}\n  b: {}\n  c:\n    enter: {go: b}", [
            "3: error: states.b: no step goes to this state, and no talk begins in it",
            "4: error: states.c: no step goes to this state, and no talk begins in it"]),
        ("states:\n  a: {enter: [{go: b}, {go: b}]}\n  b: {enter: {go: a}}\n  c: {}", [
            "4: error: states.c: no step goes to this state, and no talk begins in it"]),
        ("states:\n  a: {}\nrules:\n- {when: {text: x, state: b}, then: []}", ["4: error: rules.0.when.state: there is no state 'b'; there are: a"]),
        # rules
        ("rules:\n- {when: {text: a}, then: []}\n- {when: message, then: []}\n- {when: {text: b}, then: []}\n- {when: {event: ack_chat}, then: []}", [
            "4: warning: rules.2: never applies: the rule of line 3 always does before"]),
        ("states:\n  a:\n    rules:\n    - {when: message, once: true, then: []}\n    - {when: message, then: []}\n"
         "    - {when: {state: a}, then: []}\nrules:\n- {when: message, only: chip, then: []}\n- {when: message, then: []}", [
            "6: warning: states.a.rules.2: never applies: the rule of line 5 always does before"]),
        # templates
        ("else:\n- say: '{{ txet }}'", ["2: error: else.0.say: txet: there is no such variable; did you mean text?"]),
        ("variables: {dish: a}\nelse:\n- say: '{{ dihs }}'", ["3: error: else.0.say: dihs: there is no such variable; did you mean dish?"]),
        (f"else:\n- say: '{{{{ {'not ' * 3000}text }}}}'", [
            "2: error: else.0.say: is nested too deep"]),
        (f"else:\n- say: '{'{% for a in text %}' * 30}{'{% endfor %}' * 30}'", [
            "2: error: else.0.say: can't be compiled: too many statically nested blocks (<template>, line 72)"]),
        (f"else:\n- status: {'x' * 1000}", [
            f"2: error: else.0.status: Input should be 'sent', 'delivered', 'read' or 'failed' (got '{'x' * 99}...)"]),
        ("else:\n- say: '{{ text '", ["2: error: else.0.say: unexpected end of template, expected '}}'."]),
        ("else:\n- picture: cat.png\n- file: {url: 'C:/a.pdf'}", [
            "2: error: else.0.picture: expected a URL such as https://example.com/a.png, or a template: a client can't open your files (got 'cat.png')",
            "3: error: else.1.file.url: expected a URL such as https://example.com/a.png, or a template: a client can't open your files (got 'C:/a.pdf')"]),
        ("else:\n- say: '{{ a }'", ["2: error: else.0.say: unexpected '}'"]),
        ("else:\n- say: '{% if %}'", ["2: error: else.0.say: Expected an expression, got 'end of statement block'"]),
        ("else:\n- say: '{{ text|shouted }}'", ["2: error: else.0.say: No filter named 'shouted'."]),
        ("else:\n- say: '{{ [1]|random }}'", ["2: error: else.0.say: No filter named 'random'."]),
        ("else:\n- say: '{{ lipsum() }}'", [f"2: error: else.0.say: lipsum: there is no such variable; there are: {NAMES}"]),
        ("else:\n- say: '{{ match.table }}'", ["2: error: else.0.say: match.table: no regex here has a group of that name"]),
        ("rules:\n- {when: {text: {regex: '(?P<table>x)'}}, then: {say: \"{{ match['tabble'] }}\"}}", [
            "2: error: rules.0.then.say: match.tabble: no regex here has a group of that name; did you mean table?"]),
        ("else:\n- say: a\n  if: 1 +", ["3: error: else.0.if: unexpected 'end of the expression'"]),
        ("rules:\n- when: {if: cups > 1}\n  then: []", [f"2: error: rules.0.when.if: cups: there is no such variable; there are: {NAMES}"]),
        ("else:\n- raw: {name: btu_msg, body: {text: ['{{ a }}']}}", [
            f"2: error: else.0.raw.body: a: there is no such variable; there are: {NAMES}"]),
        ("else:\n- set: {text: a}", ["2: error: else.0.set.text: text is what the client said already: take another name"]),
        ("else:\n- count: nth", ["2: error: else.0.count: nth is the number of the client's message in the talk already: take another name"]),
        ("variables: {now: a}", ["1: error: variables.now: now is the time, as in 2026-01-01T00:00:00Z already: take another name"]),
        ("variables:\n  a:\n    b: ['{{ text }}']", ["3: error: variables.a.b.0: is a value, not filled in at the start: a step set does that"]),
        # regular expressions and paths
        ("rules:\n- {when: {text: {regex: '(a'}}, then: []}", [
            "2: error: rules.0.when.text.regex: is no regular expression: missing ), unterminated subpattern at position 0"]),
        ("rules:\n- {when: {text: {regex: 'a{99999999999999999999}'}}, then: []}", [
            "2: error: rules.0.when.text.regex: is no regular expression: the repetition number is too large"]),
        ("rules:\n- {when: {field: {path: $.a, regex: '['}}, then: []}", [
            "2: error: rules.0.when.field.regex: is no regular expression: unterminated character set at position 0"]),
        ("rules:\n- {when: {field: '$.a['}, then: []}", ["2: error: rules.0.when.field: is no JSONPath: unexpected end of query"]),
        ("rules:\n- {when: {field: [$.a, a.b]}, then: []}", ["2: error: rules.0.when.field.1: is no JSONPath: a path begins with $, which is the message"]),
        # faults
        ("faults:\n- type: latancy", ["2: error: faults.0.type: Input should be 'latency', 'bandwidth', 'slow_close', 'timeout', 'reset_peer', "
         "'slicer', 'limit_data', 'close', 'malformed', 'duplicate', 'reorder', 'drop', 'dropped_ack', 'starved_ping', 'oversized', "
         "'refused_handshake' or 'failed_upload' (got 'latancy')"]),
        ("faults:\n- type: latency\n  attributes:\n    latency: soon", [
            "4: error: faults.0.attributes.latency: expected milliseconds, a whole number from 0 to 316224000000 (got 'soon')"]),
        ("faults: {type: drop, toxicty: 0.5}", ["1: error: faults.toxicty: there is no such key; did you mean toxicity?"]),
        ("faults:\n- {type: drop, name: a}\n- {type: drop, name: b}\n- {type: drop, name: a}", ["4: error: faults.2.name: stands there twice (got 'a')"]),
        ("faults:\n- {type: drop, backend: mai}", ["2: error: faults.0.backend: there is no backend 'mai'; did you mean mia?"]),
        # backends
        ("else:\n- {say: a, only: [chop]}", ["2: error: else.0.only: there is no backend 'chop'; did you mean chip?"]),
        ("rules:\n- {when: start, then: [], except: x}", [
            "2: error: rules.0.except: there is no backend 'x'; there are: aida, chatbot, chip, concierge, mia"]),
        ("agents:\n  Sam:\n    mai: Sam", ["3: error: agents.Sam.mai: there is no backend 'mai'; did you mean mia?"]),
    ],
)  # fmt: skip
def test_what_is_wrong(text: str, told: list[str]) -> None:
    assert lines(text) == [f"my.yaml:{line}" for line in told]


def test_what_a_backend_cannot_show() -> None:
    text = """
        else:
          - typing: 2
          - say: hi
          - typing: 1
          - queue: 2
          - {typing: 1, except: chip}
          - {picture: "https://example.com/a.jpg", only: aida}
        """
    assert lines(text, "chip") == [
        "my.yaml:2: warning: else.0.typing: chip can't show it: chip has no typing (lines 4, too)",
        "my.yaml:5: warning: else.3.queue: chip can't show it: chip has no queue",
    ]
    assert lines(text, "chatbot") == []
    assert lines(text, "aida", "mia") == [
        "my.yaml:2: warning: else.0.typing: aida can't show it: AIDA has no typing (lines 4, 6, too)",
        "my.yaml:5: warning: else.3.queue: aida can't show it: AIDA has no queue",
        "my.yaml:5: warning: else.3.queue: mia can't show it: M.I.A. has no queue",
        "my.yaml:7: note: else.5.picture: aida approximates it: btu_msg with the text and the URL: bots send texts alone",
    ]


def test_messages_that_no_client_sends() -> None:
    text = """
        rules:
          - {when: {event: ack_chta}, then: []}
          - {when: {any: [{event: [ack_chat, utb_img]}, {not: {event: utbimg}}]}, then: []}
          - {when: {event: my_own}, then: []}
          - {when: {event: utbimg}, only: mia, then: []}
          - {when: {event: utbimg}, only: aida, then: []}
        """
    # What another backend's clients send may be meant, and is like nothing of this one's.
    assert lines(text, "chip") == [
        "my.yaml:2: warning: rules.0.when.event: no client sends 'ack_chta'; did you mean ack_chat?"
    ]
    told = lines(text)
    assert told[3].startswith("my.yaml:5: warning: rules.3.when.event: no client sends 'utbimg'; there are: ")
    assert told.pop() == "my.yaml:6: warning: rules.4.when.event: no client sends 'utbimg'; did you mean utb_img?"
    assert told[:2] == [
        "my.yaml:2: warning: rules.0.when.event: no client sends 'ack_chta'; did you mean ack_chat?",
        "my.yaml:3: warning: rules.1.when: no client sends 'utbimg'; did you mean utb_img?",
    ]
    assert told[2].startswith("my.yaml:4: warning: rules.2.when.event: no client sends 'my_own'; there are: ")
    assert len(told) == 4


def test_a_status_that_a_backend_does_not_know() -> None:
    assert lines("else:\n- {status: failed}", "mia", "concierge")[-1] == (
        "my.yaml:2: warning: else.0.status: concierge has no failed, only sent, delivered, read, unsent: nothing happens there"
    )


def test_raw_messages_are_held_against_the_backend() -> None:
    text = """
        rules:
          - when: start
            only: [chip]
            then:
              - raw: {name: chat_out, body: {msg_out: {id: x, text: "{{ text }}", origin: flow, time: "{{ now }}"}}}
              - raw: {name: chat_started, body: {chat_id: "{{ talk }}"}}
              - raw: {name: chat_started, body: {}}
              - raw: chat_ended
              - raw: {name: history, body: {history: "{{ message.all }}"}}
        """
    assert lines(text, "chip", "aida") == [
        "my.yaml:5: error: rules.0.then.0.raw.body.msg_out.id: chip's chat_out is not so: msg_out.id: Input should be a valid integer (got 'x')",
        "my.yaml:7: error: rules.0.then.2.raw.body: chip's chat_started is not so: chat_id: is missing",
        "my.yaml:8: error: rules.0.then.3.raw: chip has no message 'chat_ended' (`only` says for which backends a step is); did you mean chat_resumed?",
    ]
    assert lines("else: {raw: btu_msg}", "aida") == [
        "my.yaml:1: error: else.raw: aida's btu_msg is not so: session: is missing",
        "my.yaml:1: error: else.raw: aida's btu_msg is not so: text: is missing",
    ]


def test_channels_of_a_gateway_have_a_session_behind_their_names() -> None:
    told = "{receiverId: 1, receiverType: TENANT, senderId: 2, senderType: BACKEND_USER, socketMessageId: x, payload: '{{ message }}', actions: %s}"
    text = f"""
        else:
          - raw: {{name: "chat-message-delete-{{{{ talk }}}}", body: {told % "[]"}}}
          - raw: {{name: chat-message-4482e256-da14-47cc-b119-9575bbb3b6d3, body: {told % "7"}}}
          - raw: "chatmessage-{{{{ talk }}}}"
        """
    found = [line for line in lines(text, "concierge") if "actions" in line or "no message" in line]
    assert found == [
        "my.yaml:3: error: else.1.raw.body.actions: concierge's chat-message is not so: actions: Input should be a valid list (got 7)",
        "my.yaml:4: error: else.2.raw: concierge has no message 'chatmessage-{{ talk }}' (`only` says for which backends a step is);"
        " did you mean chat-message?",
    ]


def test_agents_whom_a_backend_does_not_know() -> None:
    text = """
        agents:
          Sam: {chip: bob@example.com, default: mary@example.com}
          Kim: {chip: kim@example.com}
          Pat: {mia: Pat Desk}
        else:
          - hand_off: Sam
          - say: {text: a, agent: Kim}
          - say: {text: a, agent: "{{ text }}"}
          - hand_off: Pat
          - say: a
        """
    notes = [line for line in lines(text, "chip", "concierge", "mia") if "fixtures" in line]
    chip = "234, 235, Amina Desk, Bob McTickets, amina@example.com, bob@example.com"
    concierge = "32314, 32315, Mary Desk, Tom Night, mary@example.com, tom@example.com"
    assert notes == [
        "my.yaml:7: warning: else.1.say.agent: chip's fixtures have no active agent 'kim@example.com'; did you mean amina@example.com?",
        f"my.yaml:7: warning: else.1.say.agent: concierge's fixtures have no active agent 'Kim'; there are: {concierge}",
        f"my.yaml:9: warning: else.3.hand_off: chip's fixtures have no active agent 'Pat'; there are: {chip}",
        f"my.yaml:9: warning: else.3.hand_off: concierge's fixtures have no active agent 'Pat'; there are: {concierge}",
    ]


def test_faults_that_never_strike() -> None:
    text = """
        faults:
          - {type: drop, match: {message: chat_out}}
          - {type: drop, match: {message: chat_oot}, backend: chip}
          - {type: failed_upload}
        """
    assert lines(text, "mia") == [
        "my.yaml:2: warning: faults.0.match.message: never strikes: nothing downstream is called 'chat_out'; there are: "
        + names_of("mia"),
        "my.yaml:4: warning: faults.2.type: never strikes: nobody uploads anything to mia",
    ]
    assert lines(text, "chip", "aida") == [
        "my.yaml:3: warning: faults.1.match.message: never strikes: nothing downstream is called 'chat_oot'; there are: "
        + names_of("chip"),
    ]


def names_of(backend: str) -> str:
    return ", ".join(sorted(names(backends.load(backend), "downstream")))


def test_a_scenario_with_nothing_wrong() -> None:
    assert lines("about: Says nothing.") == []


# ---- no scenario at all ----


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"rules: [\n", ":2: is not YAML: did not find expected node content"),
        (b"rules:\n\t- a\n", ":2: is not YAML: found character that cannot start any token"),
        (b"a: 1\na: 2\n", ":2: is not YAML: found duplicate key"),
        (b"a: *b\n", ":1: is not YAML: found undefined alias"),
        (b"", ": expected keys and values at the top"),
        (b"- a", ": expected keys and values at the top"),
        (b"\xff\xfe", ": is not a text in UTF-8"),
        (b"a: 1\n---\nb: 2\n", ":2: is not YAML: but found another document"),
        (b"a: !!python/object/apply:os.system [ls]", ":1: is not YAML: could not determine a constructor for the tag"),
        (b"a: !!python/name:os.system", ":1: is not YAML: could not determine a constructor for the tag"),
        (b"a: !mine b", ":1: is not YAML: could not determine a constructor for the tag"),
        (b"a: !!bool x", ": is not YAML: 'x'"),
        (b"a: !!int ''", ": is not YAML: string index out of range"),
        (b"? {a: 1}\n: b", ":1: is not YAML: found unhashable key"),
        (b"a: " + b"x" * 1_000_000, ": has 1000003 characters; 1000000 are the most"),
        (b"a: " + b"[" * 101, ":1: is not YAML that we read: nested more than 100 levels deep"),
        (b"a:\n" + b"- " * 200_000, ":2: is not YAML that we read: nested more than 100 levels deep"),
        (b"a: &a [*a]", ":1: an alias stands within what it stands for"),
        (b'a: "\\ud800"', ":1: is not YAML: found invalid Unicode character escape code"),
        # What authors do most often, with what they meant.
        (
            b"a:\n\t- b\n",
            ":2: is not YAML: found character that cannot start any token: it is a tab, and YAML indents by blanks",
        ),
        (
            b"a:\n  - say: b\n\t- say: c\n",
            ":3: is not YAML: found a tab character that violates indentation: it is a tab",
        ),
        (
            b"rules:\n- then: [{say: Tea?}]",
            ":2: is not YAML: did not find expected ',' or '}': a text with a question mark goes in quotes",
        ),
        (b"a: {b: c", ":2: is not YAML: did not find expected ',' or '}'"),
        (b"say: {{ text }}", ":1: is not YAML: found unhashable key: a text that begins with {{ goes in quotes"),
        (
            b"say: {{ text }} again",
            ":1: is not YAML: did not find expected key: a text with a colon in it, or with more behind its quotes",
        ),
        (
            b"say: @you",
            ":1: is not YAML: found character that cannot start any token: a text that begins with '@' goes in quotes",
        ),
        (
            b"say: You said: it",
            ":1: is not YAML: mapping values are not allowed in this context: a text with a colon in it",
        ),
        (
            b'regex: "\\d"',
            ":1: is not YAML: found unknown escape character: in double quotes a backslash is written twice",
        ),
        (
            b"a: b\n  c: d",
            ":2: is not YAML: mapping values are not allowed in this context: it does not fit the lines above",
        ),
        (b"a:\n  b: c\n d: e", ":3: is not YAML: did not find expected key: it does not fit the lines above"),
        (
            b"a: &a [" + b"7," * 999 + b"]\nrules: [" + b"*a," * 100 + b"]",
            ":2: more than 100000 values, aliases spelled out, are too many",
        ),
    ],
)
def test_no_scenario_at_all(text: bytes, why: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        judged(text, "my.yaml")
    assert str(caught.value).startswith(f"my.yaml{why}")
    assert "\n" not in str(caught.value)


def test_a_billion_laughs() -> None:
    laughs = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(ScenarioError, match=r"^my.yaml:5: more than 100000 values, aliases spelled out, are too many$"):
        judged("\n".join(laughs).encode(), "my.yaml")


def test_aliases_and_merges_are_fine_and_keep_their_lines() -> None:
    text = """
        rules:
          - when: {text: a}
            then: &steps
              - say: a
              - <<: {say: b}
                after: 1
          - when: {text: b}
            then: *steps
          - <<: {when: start}
            then:
              - sya: c
        """
    assert lines(text) == ["my.yaml:11: error: rules.2.then.0.sya: there is no such key; did you mean say?"]


def test_an_error_that_serving_tells_is_the_first_one() -> None:
    with pytest.raises(ScenarioError) as caught:
        load(b"rules:\n- {when: start, then: {sya: a}}\n- {when: x, then: []}", "my.yaml")
    assert str(caught.value) == "my.yaml:2: rules.0.then.sya: there is no such key; did you mean say?"
    assert (caught.value.path, caught.value.line, caught.value.exit_code) == ("my.yaml", 2, 2)


def test_findings() -> None:
    assert gravest([]) is None
    assert gravest([Finding(1, "note", "", "a"), Finding(2, "error", "", "b")]) == "error"
    assert Finding(0, "error", "", "why").shown("a.yaml") == "a.yaml: error: why"
    assert nearest("x", []) == ""


# ---- anything at all ----

YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(
        ["{{ text }}", "{{", "start", "end", "$.a", "(", "2s", "read", "a", "b"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(
            [*STEPS.split(", "), *TOP.split(", "), *["when", "then", "if", "only", "except", "any", "all", "not", "text", "event", "field", "first", "nth", "every", "silence", "state", "start", "connect", "message", "path", "equals", "contains", "regex", "exists", "case", "once", "enter", "after", "jitter", "weight", "name", "body", "by", "for", "on", "url", "type", "words", "pace", "chunks", "a", "b"]]
        ) | st.text(max_size=4) | st.integers(),
        inner, max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@example({"faults": {0: []}})
@given(value=st.dictionaries(st.sampled_from(TOP.split(", ")), YAML, max_size=6))
def test_any_yaml_is_a_scenario_or_told_in_lines(value: object) -> None:
    from io import StringIO

    from ruamel.yaml import YAML as Writer

    stream = StringIO()
    Writer(typ="safe", pure=True).dump(value, stream)
    script, told = said_of(stream.getvalue())
    assert script is not None or told
    if script is not None and not told:
        scenarios.remarks(script, backends.names())
        Stage(script)


@settings(deadline=None, max_examples=300)
@given(text=st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_scenario_or_told_in_one_line(text: str) -> None:
    said_of(text)


def said_of(text: str) -> tuple[Script | None, list[str]]:
    try:
        script, findings = judged(text.encode("utf-8", "replace"), "my.yaml")
        told = [finding.shown("my.yaml") for finding in findings]
    except ScenarioError as error:
        script, told = None, [str(error)]
    assert not any("\n" in line for line in told)
    return script, told


def test_limits_are_above_every_scenario_that_comes_along() -> None:
    for name in scenarios.shipped():
        assert len(scenarios.find(name).read_text(encoding="utf-8")) < LIMITS.characters // 20

"""Makes a plan of a script, and finds what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from simulator.core import bot
from simulator.scenario import matching
from simulator.scenario.conditions import When
from simulator.scenario.findings import Finding, nearest
from simulator.scenario.plan import Add, Assign, Choose, Cue, Do, Go, Hang, Make, Nothing, Only, Op, Part, Plan
from simulator.scenario.reader import Place, Script, rules_of, steps_of
from simulator.scenario.schema import Rule
from simulator.scenario.steps import Step
from simulator.scenario.templates import GIVEN, Templates, Wrong, filled, is_template


class Planner:
    """Compiles one script, for one backend or, with None, all that it says for any."""

    def __init__(self, script: Script, backend: str | None) -> None:
        self.findings: list[Finding] = []
        self._script = script
        self._scenario = script.scenario
        self._backend = backend
        self._rules = 0
        self._states = [*self._scenario.states] or [""]
        variables = dict(self._scenario.variables)
        groups: set[str] = set()
        for place, step in steps_of(script):
            for name in step.set or ():
                self._reserved(name, *place, "set", name)
                variables.setdefault(name, None)
            if step.count is not None:
                self._reserved(step.count.name, *place, "count")
                variables.setdefault(step.count.name, None)
        for name in self._scenario.variables:
            self._reserved(name, "variables", name)
            self._literal(self._scenario.variables[name], "variables", name)
        for _, rule in rules_of(script):
            for when in matching.leaves(rule.when):
                for match in (when.text, *(when.field or ())):
                    if match is not None and match.regex is not None:
                        groups.update(_groups(match.regex))
        self._templates = Templates(set(variables), groups)

    def plan(self) -> Plan:
        """The plan; `findings` says whether it can be used."""
        scenario = self._scenario
        everywhere = [self._cue(place, rule) for place, rule in self._own(("rules",), scenario.rules)]
        otherwise = self._ops(("else",), scenario.otherwise)
        parts: dict[str, Part] = {}
        for name in self._states:
            state = scenario.states.get(name)
            if state is None:
                part = Part([], everywhere, otherwise)
            else:
                at: Place = ("states", name)
                own = [self._cue(place, rule) for place, rule in self._own((*at, "rules"), state.rules)]
                part = Part(
                    self._ops((*at, "enter"), state.enter),
                    [*own, *everywhere],
                    otherwise if state.otherwise is None else self._ops((*at, "else"), state.otherwise),
                )
            part.silences = sorted({silence for cue in part.cues for silence in cue.silences})
            parts[name] = part
        start = scenario.start
        if start is None:
            start = self._states[0]
        elif start not in parts:
            self._error(f"there is no state {start!r}{nearest(start, scenario.states)}", "start")
        variables: dict[str, Any] = {}
        for _, step in steps_of(self._script):
            if step.count is not None:
                variables[step.count.name] = 0
        variables.update(scenario.variables)
        return Plan(self._script.path, parts, start, variables, scenario.while_busy)

    # --- rules

    def _own(self, place: Place, rules: Sequence[Rule]) -> Iterator[tuple[Place, Rule]]:
        for i, rule in enumerate(rules):
            if self._concerns(rule.only, rule.except_):
                yield (*place, i), rule

    def _concerns(self, only: Sequence[str] | None, but: Sequence[str] | None) -> bool:
        backend = self._backend
        return backend is None or ((only is None or backend in only) and (but is None or backend not in but))

    def _cue(self, place: Place, rule: Rule) -> Cue:
        self._rules += 1
        silences = frozenset(when.silence for when in matching.leaves(rule.when) if when.silence is not None)
        return Cue(
            self._rules,
            self._script.line(*place),
            matching.kinds(rule.when),
            self._test((*place, "when"), rule.when),
            self._ops((*place, "then"), rule.then),
            rule.once,
            rule.while_busy or self._scenario.while_busy,
            silences,
        )

    def _test(self, place: Place, when: When) -> matching.Test:
        keys = [key for key in When.model_fields if key in when.model_fields_set]
        tests = [test for key in keys for test in self._tests(place, when, key)]
        if len(tests) == 1:
            return tests[0]
        return lambda moment, talk: all(test(moment, talk) for test in tests)

    def _tests(self, place: Place, when: When, key: str) -> Iterator[matching.Test]:
        value = getattr(when, key)
        match key:
            case "start" | "connect":
                yield lambda moment, talk: key in moment.kinds
            case "message":
                yield lambda moment, talk: moment.nth > 0
            case "text":
                look = self._sought(partial(matching.sought, value), *place, "text")
                yield lambda moment, talk: moment.nth > 0 and look(moment.text, moment)
            case "event":
                yield lambda moment, talk: moment.event in value
            case "field":
                for i, one in enumerate(value):
                    yield self._sought(partial(matching.field, one), *place, "field", i)
            case "first":
                yield lambda moment, talk: moment.nth == 1
            case "nth":
                yield lambda moment, talk: moment.nth == value
            case "every":
                yield lambda moment, talk: moment.nth > 0 and moment.nth % value == 0
            case "silence":
                yield lambda moment, talk: moment.silence == value
            case "state":
                for name in value:
                    if name not in self._states:
                        self._error(
                            f"there is no state {name!r}{nearest(name, self._scenario.states)}", *place, "state"
                        )
                yield lambda moment, talk: talk.state in value
            case "if_":
                condition = self._expression(value, *place, "if")
                yield lambda moment, talk: bool(filled(condition, talk.values(moment)))
            case "all":
                tests = [self._test((*place, "all", i), one) for i, one in enumerate(value)]
                yield lambda moment, talk: all(test(moment, talk) for test in tests)
            case "any":
                tests = [self._test((*place, "any", i), one) for i, one in enumerate(value)]
                yield lambda moment, talk: any(test(moment, talk) for test in tests)
            case _:
                inner = self._test((*place, "not"), value)
                yield lambda moment, talk: not inner(moment, talk)

    def _sought(self, make: Callable[[], Any], *place: str | int) -> Any:
        try:
            return make()
        except re.error as error:
            self._error(f"is no regular expression: {error}", *place, "regex")
        except ValueError as error:
            self._error(f"is no JSONPath: {error}", *place, "path")
        return None

    # --- steps

    def _ops(self, place: Place, steps: Sequence[Step]) -> list[Op]:
        return [
            op
            for i, step in enumerate(steps)
            if self._concerns(step.only, step.except_)
            for op in self._op((*place, i), step)
        ]

    def _op(self, place: Place, step: Step) -> Iterator[Op]:
        at = (*place, step.act)
        line = self._script.line(*at)
        (first, later), *more = self._whats(at, step)
        # Of an act that takes time, the end is what comes sooner or later.
        ops = [Op(first, line, step.after + later, 0 if more else step.jitter)]
        ops += [Op(what, line, later, step.jitter) for what, later in more]
        if step.if_ is None:
            yield from ops
        else:
            yield Op(Only(self._expression(step.if_, *place, "if"), ops), self._script.line(*place, "if"), 0, 0)

    def _whats(self, at: Place, step: Step) -> Iterator[tuple[Any, float]]:
        match step.act:
            case "typing":
                assert step.typing is not None
                if step.typing.seconds is None:
                    yield Do(_constant(bot.Typing(on=bool(step.typing.on))), "typing"), 0.0
                else:
                    yield Do(_constant(bot.Typing()), "typing"), 0.0
                    yield Do(_constant(bot.Typing(on=False)), "typing"), step.typing.seconds
            case "go":
                assert step.go is not None
                if step.go not in self._states:
                    self._error(f"there is no state {step.go!r}{nearest(step.go, self._scenario.states)}", *at)
                yield Go(step.go), 0.0
            case "set":
                values = {name: self._value(value, *at, name) for name, value in (step.set or {}).items()}
                yield Assign(values), 0.0
            case "count":
                assert step.count is not None
                yield Add(step.count.name, step.count.by), 0.0
            case "wait":
                assert step.wait is not None
                yield Nothing(), step.wait
            case "close":
                assert step.close is not None
                yield Hang(step.close.code, step.close.reason, reset=False), 0.0
            case "reset":
                yield Hang(None, "", reset=True), 0.0
            case "choose":
                options = step.choose or []
                ways = [self._ops((*at, i, "then"), option.then) for i, option in enumerate(options)]
                yield Choose(ways, [option.weight for option in options]), 0.0
            case act:
                agent = "" if step.hand_off is None else self._text(step.hand_off.agent, *at, "agent")
                yield Do(self._act(at, step), act, agent), 0.0

    def _act(self, at: Place, step: Step) -> Make:
        if step.say is not None:
            text, agent = self._text(step.say.text, *at, "text"), self._agent(step.say.agent, *at, "agent")
            return lambda values: bot.Say(filled(text, values), filled(agent, values))
        if step.status is not None:
            status = step.status.status
            return lambda values: bot.Status(status)
        if step.queue is not None:
            position = self._value(step.queue.position, *at, "position")
            return lambda values: bot.Queue(int(filled(position, values)))
        if step.hand_off is not None:
            agent = self._agent(step.hand_off.agent, *at, "agent")
            return lambda values: bot.HandOff(filled(agent, values))
        if step.picture is not None or step.file is not None:
            kind = bot.Picture if step.picture is not None else bot.File
            sent = step.picture or step.file
            assert sent is not None
            url, text, type = self._text(sent.url, *at, "url"), self._text(sent.text, *at, "text"), sent.type
            return lambda values: kind(filled(url, values), filled(text, values), type)
        if step.stream is not None:
            return self._stream(at, step)
        if step.raw is not None:
            name, body = self._text(step.raw.name, *at, "name"), self._value(step.raw.body, *at, "body")
            return lambda values: bot.Raw(filled(name, values), filled(body, values))
        return _constant(bot.End() if step.end else bot.Leave())

    def _stream(self, at: Place, step: Step) -> Make:
        stream = step.stream
        assert stream is not None
        pace = stream.pace
        if stream.text is None:
            chunks = self._value(list(stream.chunks or ()), *at, "chunks")
            return lambda values: bot.Stream([str(chunk) for chunk in filled(chunks, values)], pace)
        text, size = self._text(stream.text, *at, "text"), stream.words
        return lambda values: bot.Stream(_cut(filled(text, values), size), pace)

    def _agent(self, name: str | None, *place: str | int) -> Any:
        """As the backend calls them, whom a template may only name while it is played."""
        given = None if name is None else self._text(name, *place)
        return (lambda values: self._called(given(values))) if callable(given) else self._called(given)

    def _called(self, name: str | None) -> str | None:
        known = self._scenario.agents.get(name or "")
        if known is None:
            return name
        own = (known.__pydantic_extra__ or {}).get(self._backend or "")
        return own or known.default or name

    # --- templates

    def _text(self, source: str, *place: str | int) -> Any:
        return self._made(self._templates.text, source, *place)

    def _value(self, source: Any, *place: str | int) -> Any:
        return self._made(self._templates.value, source, *place)

    def _expression(self, source: str, *place: str | int) -> Any:
        return self._made(self._templates.expression, source, *place)

    def _made(self, make: Callable[[Any], Any], source: Any, *place: str | int) -> Any:
        try:
            return make(source)
        except Wrong as wrong:
            hint = nearest(wrong.name, wrong.known) if wrong.name else ""
            self._error(f"{wrong}{hint}", *place)
            return source

    def _reserved(self, name: str, *place: str | int) -> None:
        if name in GIVEN:
            self._error(f"{name} is {GIVEN[name]} already: take another name", *place)

    def _literal(self, value: Any, *place: str | int) -> None:
        if isinstance(value, str) and is_template(value):
            self._error("is a value, not filled in at the start: a step set does that", *place)
        for key, inner in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            self._literal(inner, *place, key)

    def _error(self, why: str, *place: str | int) -> None:
        self.findings.append(self._script.finding("error", why, *place))


def _constant(act: bot.Act) -> Make:
    return lambda values: act


def _cut(text: str, size: int) -> list[str]:
    """The text in chunks of so many words, each with the blanks behind it."""
    words = re.findall(r"\s*\S+\s*", text) or [text]
    return ["".join(words[i : i + size]) for i in range(0, len(words), size)]


def _groups(pattern: str) -> list[str]:
    try:
        return [*matching.compile_regex(pattern).groupindex]
    except re.error:
        # Told where it stands.
        return []

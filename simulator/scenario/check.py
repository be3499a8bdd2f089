"""What a scenario's author should know before it is played: what never happens, and what a backend can't show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from simulator.core.backend import Backend
from simulator.core.bot import ACTS
from simulator.core.faults import UP
from simulator.scenario.document import said
from simulator.scenario.faults import names
from simulator.scenario.findings import Finding, nearest
from simulator.scenario.matching import kinds, leaves
from simulator.scenario.moments import SAID
from simulator.scenario.reader import Place, Script, rules_of, steps_of
from simulator.scenario.schema import Rule
from simulator.scenario.steps import Raw, Step
from simulator.scenario.templates import is_template


@dataclass(slots=True, frozen=True)
class Stand:
    """A backend on which a scenario is to be played."""

    backend: Backend
    agents: Collection[str] | None
    """Who can act there, None for anybody."""


def check(script: Script, stands: Sequence[Stand], known: Collection[str]) -> list[Finding]:
    """All findings about a script that can be played; `known` are the names of all backends."""
    return sorted(
        {
            *_unreachable(script),
            *_shadowed(script),
            *_misnamed(script, known),
            *_unheard(script, stands, known),
            *_unshown(script, stands),
            *_messages(script, stands),
            *_people(script, stands),
            *_faults(script, stands, known),
        }
    )


def _unreachable(script: Script) -> Iterator[Finding]:
    scenario = script.scenario
    states = [*scenario.states]
    ways: dict[str | None, set[str]] = {name: set() for name in states}
    ways[None] = set()
    for place, step in steps_of(script):
        if step.go is not None:
            ways[str(place[1]) if place[0] == "states" else None].add(step.go)
    reached: set[str] = set()
    ahead = [*([scenario.start or states[0]] if states else []), *ways[None]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead.extend(ways[name])
    for name in states:
        if name not in reached:
            yield script.finding("error", "no step goes to this state, and no talk begins in it", "states", name)


def _shadowed(script: Script) -> Iterator[Finding]:
    """Rules behind one in their list that always applies when the client says something."""
    lists: list[tuple[Place, Sequence[Rule]]] = [(("rules",), script.scenario.rules)]
    lists += [(("states", name, "rules"), state.rules) for name, state in script.scenario.states.items()]
    for place, rules in lists:
        first = next((i for i, rule in enumerate(rules) if _always(rule)), len(rules))
        for i, rule in enumerate(rules[first + 1 :], first + 1):
            if kinds(rule.when) == {SAID}:
                line = script.line(*place, first)
                yield script.finding("warning", f"never applies: the rule of line {line} always does before", *place, i)


def _always(rule: Rule) -> bool:
    return rule.when.model_fields_set == {"message"} and not rule.once and rule.only is rule.except_ is None


def _misnamed(script: Script, known: Collection[str]) -> Iterator[Finding]:
    """Backends that there are not."""
    parts: list[tuple[Place, Rule | Step]] = [*rules_of(script), *steps_of(script)]
    named: list[tuple[Place, str]] = [
        ((*place, key), name)
        for place, part in parts
        for key, meant in (("only", part.only), ("except", part.except_))
        for name in meant or ()
    ]
    for agent, own in script.scenario.agents.items():
        named += [(("agents", agent, name), name) for name in own.__pydantic_extra__ or {}]
    for place, name in named:
        if name not in known:
            yield script.finding("error", f"there is no backend {name!r}{nearest(name, sorted(known))}", *place)


def _unheard(script: Script, stands: Sequence[Stand], known: Collection[str]) -> Iterator[Finding]:
    """Messages that no client sends. A name that is far from all may be one of a backend that is not looked at."""
    for place, rule in rules_of(script):
        meant = [stand.backend for stand in stands if _for(rule, stand.backend.name)]
        sent = sorted({name for backend in meant for name in names(backend, UP)})
        every = len(stands) == len(known)
        for when in leaves(rule.when) if meant else ():
            for name in when.event or ():
                if name not in sent and (every or get_close_matches(name, sent, 1)):
                    at = ("when", "event") if when is rule.when else ("when",)
                    yield script.finding("warning", f"no client sends {name!r}{nearest(name, sent)}", *place, *at)


def concerned(script: Script, name: str) -> Iterator[tuple[Place, Step]]:
    """The steps that a backend's bot may come to."""
    hidden = [place for place, rule in rules_of(script) if not _for(rule, name)]
    hidden += [place for place, step in steps_of(script) if not _for(step, name)]
    for place, step in steps_of(script):
        if not any(place[: len(start)] == start for start in hidden):
            yield place, step


def _for(part: Rule | Step, name: str) -> bool:
    return (part.only is None or name in part.only) and (part.except_ is None or name not in part.except_)


def _unshown(script: Script, stands: Sequence[Stand]) -> Iterator[Finding]:
    """Acts that a backend only approximates, or leaves silent: one line for each act and backend."""
    for stand in stands:
        backend = stand.backend
        where: dict[str, list[Place]] = {}
        for place, step in concerned(script, backend.name):
            if step.act in ACTS:
                where.setdefault(step.act, []).append((*place, step.act))
        for act, places in where.items():
            note = backend.acts[act]
            if note.how == "spoken":
                continue
            lines = sorted({script.line(*place) for place in places})[1:]
            also = f" (lines {', '.join(map(str, lines))}, too)" if lines else ""
            first = min(places, key=lambda place: script.line(*place))
            if note.how == "silent":
                yield script.finding("warning", f"{backend.name} can't show it: {note.what}{also}", *first)
            else:
                yield script.finding("note", f"{backend.name} approximates it: {note.what}{also}", *first)
        for place, step in concerned(script, backend.name):
            status = step.status
            if status is not None and backend.acts["status"].how != "silent" and status.status not in backend.statuses:
                why = (
                    f"{backend.name} has no {status.status}, only {', '.join(backend.statuses)}: nothing happens there"
                )
                yield script.finding("warning", why, *place, "status")


def _messages(script: Script, stands: Sequence[Stand]) -> Iterator[Finding]:
    """Raw messages that a backend does not have, or not so."""
    for stand in stands:
        for place, step in concerned(script, stand.backend.name):
            if step.raw is not None:
                yield from _message(script, stand.backend, step.raw, (*place, "raw"))


def _message(script: Script, backend: Backend, raw: Raw, place: Place) -> Iterator[Finding]:
    name = event_of(backend, raw.name)
    if name is None:
        hint = nearest(raw.name, backend.events)
        why = f"{backend.name} has no message {raw.name!r} (`only` says for which backends a step is)"
        yield script.finding("error", f"{why}{hint}", *place)
        return
    try:
        backend.events[name].model_validate({} if raw.body is None else raw.body)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            if not _open(raw.body, one["loc"]):
                inner = ".".join(map(str, one["loc"]))
                why = f"{backend.name}'s {name} is not so: {inner + ': ' if inner else ''}{said(one)}"
                yield script.finding("error", why, *place, "body", *one["loc"])


def event_of(backend: Backend, name: str) -> str | None:
    """Which message it is: a channel of a gateway has the session behind its name, as it is or by a template."""
    if name in backend.events:
        return name
    return max((event for event in backend.events if name.startswith(f"{event}-")), key=len, default=None)


def _open(body: Any, loc: Sequence[Any]) -> bool:
    """Whether a template decides what stands there."""
    for part in loc:
        keys: Collection[Any] = body if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
        if part in keys:
            body = body[part]
    return isinstance(body, str) and is_template(body)


def _people(script: Script, stands: Sequence[Stand]) -> Iterator[Finding]:
    """Agents whom a backend does not know."""
    agents = script.scenario.agents
    for stand in stands:
        for place, step in concerned(script, stand.backend.name):
            for act, given in (("say", step.say), ("hand_off", step.hand_off)):
                name = None if given is None else given.agent
                if name is None or is_template(name) or stand.agents is None:
                    continue
                known = agents.get(name)
                own = name if known is None else (known.__pydantic_extra__ or {}).get(stand.backend.name)
                own = own or (known.default if known is not None else None) or name
                if own not in stand.agents:
                    hint = nearest(own, sorted(stand.agents))
                    why = f"{stand.backend.name}'s fixtures have no active agent {own!r}{hint}"
                    yield script.finding("warning", why, *place, act, "agent")


def _faults(script: Script, stands: Sequence[Stand], known: Collection[str]) -> Iterator[Finding]:
    """Faults that can never strike."""
    for i, fault in enumerate(script.scenario.faults):
        meant = [stand.backend for stand in stands if fault.backend in (None, stand.backend.name)]
        if fault.backend is not None and fault.backend not in known:
            why = f"there is no backend {fault.backend!r}{nearest(fault.backend, sorted(known))}"
            yield script.finding("error", why, "faults", i, "backend")
        elif meant and (objection := fault.objection(meant)) is not None:
            yield script.finding("warning", f"never strikes: {objection[1]}", "faults", i, *objection[0])

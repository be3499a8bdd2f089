"""What an operator does in a conversation, as the bot would."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from simulator.core.bot import ACTS
from simulator.core.space import Running
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.channels import named
from simulator.serve.admin.complaint import Complaint
from simulator.serve.spaces import Place


async def act(asking: Asking) -> Any:
    """`POST /__admin/act {"act", "backend", "talk" or "channel", ...}`: one of `bot.ACTS` with its own keys."""
    body = await asking.body()
    place = asking.place()
    backend, channel, wanted = (body.pop(key, None) for key in ("backend", "channel", "talk"))
    if channel is not None and backend is None:
        backend = named(place, str(channel))[0].name
    return done(place, asking.running(place, backend), body, wanted, channel)


def done(place: Place, running: Running, body: dict[str, Any], wanted: object, channel: object = None) -> Any:
    """Do it: in a talk by its name, the latest of a channel's, or with neither the latest in which there is somebody.

    Raises Complaint.
    """
    name = body.pop("act", None)
    kind = ACTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Complaint(400, f"act: expected one of {', '.join(ACTS)}")
    made = _made(kind, body)
    talk = _talk(running, wanted) if channel is None else _of_channel(place, running, channel, wanted)
    why = running.engine.rules.objection(talk, made)
    if why is not None:
        raise Complaint(400, why)
    place.driver.act(running, talk, made)
    note = running.backend.acts[name]
    return {"talk": talk, "act": name, "how": note.how, "what": note.what}


def _talk(running: Running, talk: object) -> str:
    """A talk by its name or the last part of it; None is the latest in which there is somebody."""
    rules = running.engine.rules
    talks = [*rules.talks()]
    if talk is None and any(running.engine.wire.clients()):
        here = next((known for known in reversed(talks) if rules.conns_of(known)), None)
        if here is not None or talks:
            return here or talks[-1]
    if isinstance(talk, str):
        found = [known for known in talks if talk in (known, known.rpartition("/")[2])]
        if len(found) == 1 or talk in found:
            return talk if talk in found else found[0]
    why = "nobody is connected, so say which" if talk is None else f"there is no {talk!r}"
    raise Complaint(404, f"talk: {why}; the latest are: {', '.join(talks[-10:]) or 'none'}")


def _of_channel(place: Place, running: Running, channel: object, talk: object) -> str:
    """The latest talk of a channel."""
    if talk is not None:
        raise Complaint(400, "channel: expected it or talk, not both")
    owner, client = named(place, str(channel))
    if owner is not running:
        raise Complaint(400, f"channel: {channel} is one of {owner.name}, not of {running.name}: name that as backend")
    rules = running.engine.rules
    conns = {*client.conns.values()}
    found = next((talk for talk in reversed([*rules.talks()]) if not conns.isdisjoint(rules.conns_of(talk))), None)
    if found is None:
        raise Complaint(404, f"channel: {channel} is in no talk yet: its client has to say or join something first")
    return found


def _made(kind: Any, body: dict[str, Any]) -> Any:
    from pydantic import TypeAdapter, ValidationError

    names = [field.name for field in fields(kind)]
    unknown = next((key for key in body if key not in names), None)
    if unknown is not None:
        raise Complaint(400, f"{unknown}: there is no such key; there are: {', '.join(names)}")
    missing = next(
        (f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING and f.name not in body),
        None,
    )
    if missing is not None:
        raise Complaint(400, f"{missing}: is missing")
    # Json holds itself, which pydantic can't follow; anything that was JSON is Json.
    hints = get_type_hints(kind, localns={"Json": Any})
    values = {}
    for key, value in body.items():
        try:
            values[key] = TypeAdapter(hints[key]).validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise Complaint(400, f"{'.'.join(map(str, (key, *first['loc'])))}: {first['msg']}") from None
    made = kind(**values)
    if not math.isfinite(made.after) or made.after < 0:
        raise Complaint(400, "after: expected seconds from 0 on")
    return made


CALLS = (
    Call(
        "POST",
        "act",
        act,
        "The bot's, or an agent's, act in a conversation.",
        "acts:Done",
        takes="acts:Act",
        fails={404: "There is no such talk."},
    ),
)

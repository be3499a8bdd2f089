"""What the server says by hand: any message, to one or to many, spoken through the wire of each."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from simulator.core import actions
from simulator.core.actions import BY_HAND
from simulator.core.backend import Backend
from simulator.core.events import Conn
from simulator.core.message import Frame, Message
from simulator.core.space import Running
from simulator.core.wire import Present, Put
from simulator.serve.admin.asking import Asking
from simulator.serve.admin.call import Call
from simulator.serve.admin.channels import named
from simulator.serve.admin.complaint import Complaint
from simulator.serve.spaces import Place

if TYPE_CHECKING:
    from simulator.serve.admin.shapes.channels import Send

_OK = 200


async def send(asking: Asking) -> Any:
    """`POST /__admin/channels/send`."""
    from simulator.serve.admin.shapes.channels import Send

    wanted = await asking.read(Send)
    place = asking.place()
    return said(place, wanted, lambda: asking.running(place, wanted.backend))


def said(place: Place, wanted: Send, whose: Callable[[], Running]) -> Any:
    """Say it; `whose` gives the backend where no channel tells it. Raises Complaint."""
    groups = _whom(whose, place, wanted)
    if wanted.name is None:
        frame = _frame(wanted)
        for running, clients in groups:
            for client in clients:
                place.driver.take(running, Put(client.number, frame))
        return {"sent": [str(client.number) for _, clients in groups for client in clients]}
    # All or nobody: what is wrong for one backend is said before the other's clients have it.
    ready = [
        (running, _message(running.backend, wanted), _conns(running, clients, wanted)) for running, clients in groups
    ]
    ack = BY_HAND if wanted.ack else None
    for running, message, conns in ready:
        place.driver.take(running, actions.Send([conn for _, of in conns for conn in of], message, ack))
    return {"sent": [str(client.number) for _, _, conns in ready for client, _ in conns]}


def _whom(whose: Callable[[], Running], place: Place, wanted: Send) -> list[tuple[Running, list[Present]]]:
    """Who is meant, by backend. Raises Complaint where that is nobody."""
    if wanted.channels is not None:
        groups: dict[str, tuple[Running, list[Present]]] = {}
        for name in dict.fromkeys(wanted.channels):
            running, client = named(place, name)
            if wanted.backend not in (None, running.name):
                raise Complaint(400, f"channels: {name} is one of {running.name}, not of {wanted.backend}")
            groups.setdefault(running.name, (running, []))[1].append(client)
        return [*groups.values()]
    running = whose()
    clients = [*running.engine.wire.clients()]
    if wanted.talk is not None:
        members = {*_members(running, wanted.talk)}
        clients = [client for client in clients if not members.isdisjoint(client.conns.values())]
    if not clients:
        where = f"in {wanted.talk}" if wanted.talk is not None else f"connected to {running.name}"
        raise Complaint(409, f"nobody is {where}: connect a client first, GET /__admin/channels lists them")
    return [(running, clients)]


def _members(running: Running, talk: str) -> list[Conn]:
    rules = running.engine.rules
    talks = [*rules.talks()]
    known = [name for name in talks if talk in (name, name.rpartition("/")[2])]
    if not known:
        raise Complaint(404, f"talk: there is no {talk!r}; the latest are: {', '.join(talks[-10:]) or 'none'}")
    return [*rules.conns_of(talk if talk in known else known[0])]


def _frame(wanted: Send) -> Frame:
    if wanted.raw is not None:
        return Frame(wanted.raw)
    try:
        return Frame(base64.b64decode(wanted.base64 or "", validate=True))
    except binascii.Error as error:
        raise Complaint(400, f"base64: {error}") from None


def _conns(running: Running, clients: list[Present], wanted: Send) -> list[tuple[Present, list[Conn]]]:
    """The conns of each that the message goes to."""
    topics = running.backend.topics
    found = []
    for client in clients:
        conns = [conn for name, conn in client.conns.items() if not topics or wanted.topic in (None, name)]
        if conns:
            found.append((client, conns))
        elif wanted.channels is not None:
            joined = ", ".join(client.conns) or "none yet"
            raise Complaint(
                409, f"channels: {client.number} has not joined {wanted.topic or 'anything'}; joined: {joined}"
            )
    if not found:
        raise Complaint(409, f"topic: nobody has joined {wanted.topic or 'any'}")
    return found


def _message(backend: Backend, wanted: Send) -> Message:
    """The message for a backend's wire, judged by its model. Raises Complaint."""
    from simulator.scenario.check import event_of
    from simulator.scenario.findings import nearest

    name = wanted.name or ""
    event = event_of(backend, name)
    if event is None and wanted.validate_:
        why = f"name: {backend.name} says no {name!r}{nearest(name, backend.events)}"
        raise Complaint(400, f'{why}; "validate": false sends it all the same')
    answers = event in backend.answers
    args: list[Any] = [wanted.body] if "body" in wanted.model_fields_set else []
    if wanted.args is not None:
        args = wanted.args
    elif answers:
        args = [_OK, wanted.body]
    elif not args and not backend.topics:
        args = [{}]
    if wanted.validate_ and event is not None:
        _judge(backend, event, args, "args" if wanted.args is not None else "body")
    _can_be_said(backend, name, args)
    topic = "" if backend.topics else wanted.topic or backend.own_topics.get(name, "")
    if topic and not backend.own_topics:
        raise Complaint(400, f"topic: {backend.name} has none: leave it out")
    return Message(name, tuple(args), topic=topic)


def _judge(backend: Backend, event: str, args: list[Any], key: str) -> None:
    from pydantic import ValidationError

    from simulator.core.expected import expected
    from simulator.scenario.document import spelled

    at = 0
    if event in backend.answers:
        if len(args) != 2 or not isinstance(args[0], int) or isinstance(args[0], bool):
            raise Complaint(400, f"args: expected a status and a body, as {event} is answered with")
        if args[0] != _OK:
            # What an error's body is, nobody documents.
            return
        at = 1
    model = backend.events[event]
    try:
        model.model_validate(args[at] if len(args) > at else {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        loc = (key, at, *first["loc"]) if key == "args" else (key, *first["loc"])
        words = " ".join((model.__doc__ or "").split())
        more = f", and {error.error_count() - 1} more" if error.error_count() > 1 else ""
        wrong = "is missing" if first["type"] == "missing" else f"expected {expected(first)}"
        why = f'{spelled(loc)}: {wrong}{more}; {event} is: {words} "validate": false sends it all the same'
        raise Complaint(400, why) from None


def _can_be_said(backend: Backend, name: str, args: list[Any]) -> None:
    """Raises Complaint for what no wire could write, whatever the model says."""
    if "/" in backend.topics:
        from simulator.wire.socketio_packets import RESERVED

        if not name or name in RESERVED:
            raise Complaint(
                400, f"name: Socket.IO keeps {', '.join(sorted(RESERVED))} for itself: raw sends any packet"
            )
    elif backend.topics:
        if len(args) > 1:
            raise Complaint(400, "args: a Phoenix message has one payload")
    elif backend.answers and len(args) == 2:
        pass
    elif len(args) != 1 or not isinstance(args[0], dict):
        raise Complaint(400, "body: expected an object: raw sends any text")
    try:
        orjson.dumps(args)
    except TypeError as error:
        raise Complaint(400, f"body: can't be written: {error}") from None


CALLS = (
    Call("POST", "channels/send", send, "Says a message, or a frame as it is, to one or to many.", "channels:Sent",
         takes="channels:Send", fails={404: "There is no such channel or talk.", 409: "Nobody is there."}),
)  # fmt: skip

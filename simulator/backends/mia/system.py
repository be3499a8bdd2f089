"""Mia's own side, over HTTP: what she says (`POST /receive-message/:instanceId`), and whom she knows (ours)."""

from __future__ import annotations

from typing import cast

from simulator.backends.mia import fastify, js
from simulator.backends.mia import messages as names
from simulator.backends.mia.messages import MEDIA_LINK, TEXT
from simulator.backends.mia.rooms import State
from simulator.backends.mia.state import Instance, Person, Settings
from simulator.backends.mia.telling import Teller
from simulator.core.actions import Action
from simulator.core.events import Requested
from simulator.core.message import Json, Response
from simulator.core.world import World


class System:
    """Takes what Mia sends, after the checks of src/schema.ts and getInstanceForSystemMessage, in their order."""

    def __init__(self, world: World, state: State, tell: Teller) -> None:
        self._world = world
        self._settings: Settings = world.settings
        self._state = state
        self._tell = tell

    def answer(self, asked: Requested) -> tuple[Response, list[Action]]:
        """The answer to a request on the routes `receive` and `identify`, and what comes of it."""
        request = asked.request
        try:
            number = fastify.instance_id(request)
            if asked.route.name == "identify":
                body = fastify.body(request, ("to",), ("to", "name", "email", "phoneNumber"), nullable=True)
            else:
                body = fastify.body(request, ("id", "content", "to"), ("id", "type", "from", "to"))
            token = fastify.token(request)
            instance = self._state.instance(number)
            why = _objection_to_system(instance, token)
            if instance is None or why:
                raise fastify.Failed(500, self._settings.error_prefix + why)
            # Before its first @: a room id may not have one.
            room_id = js.text(body["to"]).partition("@")[0]
            if asked.route.name == "identify":
                return fastify.ok(), self._identify(room_id, body)
            return fastify.ok(), self._pushed(instance, room_id, body)
        except fastify.Failed as failed:
            self._world.log("warning", f"refused: {request.method} {request.path}: {failed.why}")
            return failed.response(), []

    def _pushed(self, instance: Instance, room_id: str, body: dict[str, Json]) -> list[Action]:
        """What Mia says, in the three types that the real server knows."""
        id, content, kind = js.text(body["id"]), body["content"], body.get("type")
        if kind == TEXT:
            if content is None:
                raise fastify.Failed(500, "Cannot read properties of null (reading 'toString')")
            return self._tell.reply(self._state.open(instance, room_id), id, js.text(content), TEXT, instance.name)
        if kind == MEDIA_LINK:
            return self._tell.reply(self._state.open(instance, room_id), id, content, MEDIA_LINK, instance.name)
        if kind != names.CHAT_STATE:
            raise fastify.Failed(500, f"{self._settings.error_prefix}Unsupported message type!")
        if content is None:
            raise fastify.Failed(500, "Cannot read properties of null (reading 'state')")
        state = {"state": content["state"]} if isinstance(content, dict) and "state" in content else {}
        return [self._tell.to(room_id, names.STATE, {"from": instance.name, **state})]

    def _identify(self, room_id: str, body: dict[str, Json]) -> list[Action]:
        """Ours: somebody in a room is known now, or has changed; who has a room already is brought back to it."""
        told = {key: cast("str | None", body[key]) for key in ("name", "email", "phoneNumber") if key in body}
        found = self._state.find(told.get("email"), told.get("phoneNumber")) or self._state.persons.get(room_id)
        old = found or Person(room_id=room_id or "?")
        person = Person(
            room_id=old.room_id,
            name=told.get("name", old.name),
            email=told.get("email", old.email),
            phone_number=told.get("phoneNumber", old.phone_number),
        )
        self._state.know(person)
        actions: list[Action] = []
        for conn in self._state.members(room_id):
            client = self._state.clients.get(conn) or self._state.away[conn]
            client.person = person
            if person.room_id != room_id and client.talk is not None and client.talk.room_id == room_id:
                instance = client.talk.instance
                self._state.leave(client, room_id)
                self._state.join(client, person.room_id)
                client.talk = self._state.open(instance, person.room_id)
                actions.append(self._tell.room((conn,), instance, person.room_id))
        return [*actions, self._tell.person(person.room_id, person)]


def _objection_to_system(instance: Instance | None, token: str) -> str:
    """getInstanceForSystemMessage: why Mia is not let in, or nothing."""
    if instance is None:
        return "Instance Error!"
    if not instance.enabled:
        return "Instance Chat Access Denied!"
    return "" if token == instance.system_token else "Instance Access Denied!"

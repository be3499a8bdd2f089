"""HTTP requests beside the conversation: answered as on the tape, or by the backend where URLs have to live."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from simulator.cassette.bindings import loads
from simulator.cassette.coverage import Miss, short
from simulator.cassette.match import Comparison, Difference, shown
from simulator.cassette.plan import answered
from simulator.cassette.strands import Served
from simulator.cassette.targets import candidates, target
from simulator.cassette.walk import Walk
from simulator.core.actions import Action, After, Respond
from simulator.core.backend import Route, find
from simulator.core.events import CallId, Requested
from simulator.core.message import Request, Response

if TYPE_CHECKING:
    from simulator.cassette.playback import Playback

_ASKS: Final = ("GET", "HEAD", "OPTIONS")
_COMPARED: Final = 2_000
"""Exchanges that a request is held against, in the walks of all who may have made it; of one walk's all."""
TAPE = "tape"
"""The route of what a backend has no route for."""


class Exchanges:
    """Of one playback."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback
        self._later: dict[CallId, Respond] = {}
        backend = playback.backend
        self._own = backend.rules(playback.world) if backend.live else None

    def due(self, call: CallId) -> list[Action]:
        """The answer that took its time."""
        return [self._later.pop(call)]

    def requested(self, asked: Requested) -> list[Action]:
        """Answer one."""
        playback, request = self._playback, asked.request
        walk, served, comparison = self._found(request)
        if playback.beyond is not None:
            owner = walk or self._owner(request)
            if owner is not None:
                owner.calls.append(asked.call)
            beyond = playback.beyond.asked(asked, owner, served is not None)
            if beyond is not None:
                return beyond
        live = self._live(asked) if asked.route.name in playback.backend.live else None
        if walk is None or served is None:
            # A browser looks at more pictures than were recorded, and asks before it posts.
            if live is None or request.method not in _ASKS:
                self.missed(request)
            return live or [Respond(asked.call, self._unknown(asked))]
        walk.asked.add(served)
        playback.coverage.did(served)
        playback.coverage.matched["by meaning" if comparison.pairs else "exactly"] += 1
        place = f"{walk.plan.path}:{served.exchange.line}"
        playback.world.log("debug", f"client {walk.number}: {request.method} {target(request)} matches {place}")
        playback.walks.bind(walk, comparison)
        if live is not None:
            self._learn(walk, served, live)
            return live
        respond = Respond(asked.call, self._answer(walk, served, request))
        seconds = served.exchange.took * playback.manner.factor
        if not seconds:
            return [respond]
        self._later[asked.call] = respond
        return [After(seconds, ("call", asked.call), "answer")]

    def _found(self, request: Request) -> tuple[Walk | None, Served | None, Comparison]:
        """Whose it is, and what it is on the tape."""
        playback = self._playback
        owner = self._owner(request)
        walks = playback.walks.latest() if owner is None else [owner]
        asks = request.method in _ASKS
        # Who asks once more gets the same; who posts once more, and does not say who he is, is somebody else.
        again = asks or owner is not None
        best: tuple[Walk, Served, Comparison] | None = None
        least = (0, False)
        left = _COMPARED
        for walk in walks:
            left -= sum(1 for _ in candidates(walk.plan, request))
            if (found := walk.served(request, playback.masks, again)) is not None:
                distance = len(found[1].pairs), found[0] in walk.asked
                if best is None or distance < least:
                    best, least = (walk, *found), distance
                if least == (0, False):
                    break
            if left < 0:
                break
        if best is not None:
            return best
        for plan in playback.coverage.plans if owner is None else ():
            probe = Walk(0, plan, playback.world.ids, 0.0)
            if probe.served(request, playback.masks, False) is not None:
                walk = playback.walks.begin(plan, request.method, request.path, request.query)
                found = walk.served(request, playback.masks, False)
                assert found is not None
                return walk, *found
        return None, None, Comparison((), True)

    def _owner(self, request: Request) -> Walk | None:
        body = request.body.decode(errors="replace")
        return self._playback.walks.owner(f"{target(request)} {request.header('Authorization') or ''} {body}")

    def _live(self, asked: Requested) -> list[Action]:
        """What the backend itself answers; who asks is not judged, for his token is of another server."""
        assert self._own is not None
        request = asked.request
        headers = tuple((name, value) for name, value in request.headers if name.lower() != "authorization")
        return self._own.handle(replace(asked, request=replace(request, headers=headers)))

    def _learn(self, walk: Walk, served: Served, live: list[Action]) -> None:
        """What the live answer says in place of the taped one is what the client will say."""
        response = next(action.response for action in live if isinstance(action, Respond))
        before = len(walk.values)
        for taped, now in _pairs(_json(served.body), _json(response.body)):
            walk.bindings.bind(taped, now)
        self._playback.walks.own(walk, before, server=True)

    def _answer(self, walk: Walk, served: Served, request: Request) -> Response:
        playback, response = self._playback, served.exchange.response
        if response is None:
            place = f"{walk.plan.path}:{served.exchange.line}"
            playback.world.log("info", f"client {walk.number}: {place} got no answer on the tape, and gets 502 here")
            return Response(502, (), b"the client got no answer on the tape")
        playback.walks.mint(walk, served.mints)
        headers = tuple(
            (name, playback.walks.spoken(walk, value, request.base)) for name, value in answered(response.headers)
        )
        body = served.body
        with suppress(UnicodeDecodeError):
            body = playback.walks.spoken(walk, body.decode(), request.base).encode()
        return Response(response.status, headers, body)

    def _unknown(self, asked: Requested) -> Response:
        playback, request = self._playback, asked.request
        if asked.route.name == TAPE:
            missed = find(playback.backend.routes, request.method, request.path)
            assert not isinstance(missed, Route)
            return playback.backend.miss(request, missed)
        return Response(404, (("Content-Type", "text/plain"),), b"not on the tape")

    def missed(self, request: Request, more: str = "") -> None:
        """Tell of one that matches nothing, and what `more` there is to it."""
        why, then = "is not on the tape", ""
        said = shown(request.body.decode(errors="replace"))
        path, line, differences = self._near(request)
        if line:
            why = "is not as it is on the tape" if differences else "is asked for more often than on the tape"
        else:
            then = self._then()
        asked_for = f"{request.method} {target(request)}"
        self._playback.misses.miss(Miss(0, asked_for, said, why + more, path, line, differences, then))

    def _then(self) -> str:
        """With what the tape goes on."""
        coverage = self._playback.coverage
        requests = [(plan, served) for plan in coverage.plans for served in plan.exchanges]
        plan, served = next((one for one in requests if not coverage.times(one[1])), (None, None))
        if plan is None or served is None:
            return "all requests on the tape were played" if requests else "there is no request on the tape"
        asks = served.exchange.request
        return f"the next request on the tape is {plan.path}:{served.exchange.line}, {asks.method} {short(asks.path)}"

    def _near(self, request: Request) -> tuple[str, int, tuple[Difference, ...]]:
        """File, line and differences of the exchange that comes nearest."""
        playback = self._playback
        found = [
            (len(comparison.differences), plan.path, served.exchange.line, _named(comparison.differences))
            for plan in playback.coverage.plans
            for served, comparison in Walk(0, plan, playback.world.ids, 0.0).held_against(request, playback.masks)
        ]
        return min(found, key=lambda one: one[0])[1:] if found else ("", 0, ())


def _named(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Their paths as people call them: places that are compared differ in nothing but query and body."""
    places = {"1": "query", "2": "body"}
    return tuple(
        replace(one, path=".".join((places.get(head, head), *rest)))
        for one in differences
        for head, *rest in (one.path.split("."),)
    )


def _json(body: bytes) -> Any:
    try:
        return loads(body.decode())
    except ValueError:
        return None


def _pairs(taped: Any, live: Any) -> list[tuple[str, str]]:
    if isinstance(taped, dict) and isinstance(live, dict):
        return [pair for key in taped if key in live for pair in _pairs(taped[key], live[key])]
    if isinstance(taped, str) and isinstance(live, str) and taped != live:
        return [(taped, live)]
    return []

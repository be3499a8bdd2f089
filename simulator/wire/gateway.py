"""Amazon API Gateway's WebSocket: its envelope, its own words, its ids, and how long it lets a connection live.

client   {"action": "api", "data": {"route": "client/x?page=1", "body": {...}}}
server   {"channel": "client/x?page=1", "status": 200, "body": {...}}                  an answer, by channel alone
         {"actions": [], "channel": "chat-message-<uuid>", "payload": {...}, ...}      a push
         {"message": "Forbidden", "connectionId":"...", "requestId":"..."}             the gateway itself
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Collection
from typing import Any

import orjson

from simulator.core.actions import After, Close, Reply, Send
from simulator.core.errors import WireError
from simulator.core.events import Opened, Received
from simulator.core.ids import Ids
from simulator.core.message import NO_REF, Frame, Json, Message, Request, Response
from simulator.core.wire import Answer, Asked, Attached, Beat, Due, Got, Input, Link, Output, Put, Write
from simulator.core.world import World
from simulator.wire.single import Flaw, Peer, Policy, Single, flaw

_loads, _dumps = orjson.loads, orjson.dumps

OWN = "gateway"
"""The topic of what the gateway itself says: Message("Forbidden", ({"connectionId": "...", "requestId": "..."},))."""
RAW = "@connections"
"""The name of what the management endpoint posts: one argument, the bytes as they are."""

FORBIDDEN, BROKEN = "Forbidden", "Internal server error"

CONNECTION, HTTP, REQUEST = 2, 4, 5
"""The kinds of ids, which their ninth byte tells."""
_TICKS = 10.24
"""Per millisecond."""
_ZERO = 1_675_826_073_360
"""Unix milliseconds at which the 40 bits of the clock began anew; computed from four dated ids, to 75 ms."""

_UUID = re.compile(r"(.+)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.DOTALL)


def gateway_id(now: float, ids: Ids, kind: int) -> str:
    """An id as API Gateway makes them, at that Unix time: 11 bytes in base64url, 16 characters with the `=` at the end.

    Five bytes of clock, then dice, but for the region (ap-southeast-1: x1001001 00001101), the kind, and two zero bits.
    """
    ticks = int((now * 1000 - _ZERO) * _TICKS) % 2**40
    dice = ids.below(2**23)
    tail = bytes((dice & 0xFF, 0x49 | dice >> 1 & 0x80, 0x0D, kind, dice >> 9 & 0xFF, dice >> 15 & 0xFC))
    return base64.urlsafe_b64encode(ticks.to_bytes(5, "big") + tail).decode()


class IntegrationError(WireError):
    """A frame that found its route, behind which the application stumbles over it."""


def written(value: Json) -> str:
    """Compact JSON as Node's JSON.stringify has it: non-ASCII as it is, lone surrogates escaped."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        pass
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(str(error)) from None
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _halved(text: str, refused: ValueError) -> Any:
    """JSON as a JavaScript client writes it: half of an emoji, cut off by it, is an escaped lone surrogate.

    A database of UTF-8 makes U+FFFD of that. Raises ValueError, for what was refused for other reasons that one.
    """
    if "\\ud" not in text.lower():
        raise refused
    try:
        whole = json.dumps(json.loads(text), ensure_ascii=False, allow_nan=False)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    return orjson.loads(re.sub("[\ud800-\udfff]", "\ufffd", whole))


class Envelope:
    """The server's codec: requests are read, answers, pushes and the gateway's own words are written."""

    __slots__ = ("_actions",)

    def __init__(self, actions: Collection[str] = ("api",)) -> None:
        """With the route keys that the API has: `$request.body.action` selects by them."""
        self._actions = frozenset(actions)

    def decode(self, frame: Frame) -> Message:
        """The request: its route's path is the name, its query the topic, the whole route the ref, one body.

        Raises WireError where no route key fits, IntegrationError where one does but there is no route behind it.
        """
        text = frame.data
        if type(text) is not str:
            raise WireError("a binary frame has no action", frame)
        try:
            value = _loads(text)
        except ValueError as refused:
            try:
                value = _halved(text, refused)
            except ValueError as error:
                raise WireError(f"not JSON: {error}", frame) from None
        action = value.get("action") if type(value) is dict else None
        if type(action) is not str or action not in self._actions:
            raise WireError(f"no route key {action!r}", frame)
        data = value.get("data")
        route = data.get("route") if type(data) is dict else None
        if type(route) is not str:
            raise IntegrationError('no "data" with a "route" that is a string', frame)
        if "?" not in route:
            return Message(route, (data.get("body", {}),), route)
        path, _, query = route.partition("?")
        return Message(path, (data.get("body", {}),), route, query)

    def answer(self, ref: object, args: tuple[Any, ...], name: str = "") -> Frame:
        """The frame of an answer with these two: status and body. Raises WireError for what can't be written."""
        answer = {"channel": ref if type(ref) is str else name, "status": args[0], "body": args[1]}
        try:
            return Frame(_dumps(answer).decode())
        except TypeError:
            return Frame(written(answer))

    def encode(self, message: Message) -> Frame:
        """The frame of an answer (status and body as arguments), of a push (its fields), or of one of the others.

        Raises WireError for what can't be written.
        """
        args: tuple[Any, ...] = message.args
        if len(args) == 2:
            return self.answer(message.ref, args, message.name)
        fields = args[0] if args else {}
        if isinstance(fields, bytes):
            # A text frame where it is a text: the kind that the client of a text protocol expects (guessed).
            try:
                return Frame(fields.decode())
            except UnicodeDecodeError:
                return Frame(fields)
        if not isinstance(fields, dict):
            raise WireError(f"the fields of {message.name!r} have to be an object")
        if message.topic == OWN:
            # Blanks are where the real one has them. By hand it may be said with less than it has.
            known = [name for name in ("connectionId", "requestId") if name in fields]
            parts = [f'"message": {written(message.name)}', *(f'"{name}":{written(fields[name])}' for name in known)]
            return Frame(f"{{{', '.join(parts)}}}")
        channel = f"{message.name}-{message.topic}" if message.topic else message.name
        first: dict[str, Json] = {"actions": fields["actions"]} if "actions" in fields else {}
        others = {name: value for name, value in fields.items() if name not in ("actions", "channel")}
        return Frame(written({**first, "channel": channel, **others}))


def _request(route: str, *args: Json) -> Message:
    path, _, query = route.partition("?")
    return Message(path, args, route, query)


class Onlook(Envelope):
    """The codec of the server's frames, read from outside."""

    __slots__ = ()

    def decode(self, frame: Frame) -> Message:
        """What `encode` wrote. Raises WireError."""
        try:
            value = orjson.loads(frame.data)
        except ValueError as error:
            raise WireError(f"not JSON: {error}", frame) from None
        if not isinstance(value, dict):
            raise WireError("not a JSON object", frame)
        channel = value.pop("channel", None)
        if isinstance(channel, str):
            if "status" in value:
                return _request(channel, value["status"], value.get("body"))
            found = _UUID.fullmatch(channel)
            name, topic = found.groups() if found else (channel, "")
            return Message(name, (value,), NO_REF, topic)
        if isinstance(value.get("message"), str) and "connectionId" in value:
            return Message(value.pop("message"), (value,), topic=OWN)
        raise WireError('no "channel" that is a string', frame)


class Gateway(Single):
    """The server's face: a socket is let go when it was idle for too long, and when its time is over."""

    __slots__ = ("_answer_frame", "_idle", "_longest", "_plain", "_world")

    def __init__(
        self,
        codec: Envelope,
        door: str,
        *,
        idle: float,
        longest: float,
        world: World,
        plain: Callable[[Request, Flaw], Response],
    ) -> None:
        """Seconds without a message in either direction, and seconds altogether, each 0 for no end.

        The gateway never pings, and only messages count as a sign of life. `plain` answers what is no upgrade.
        """
        super().__init__(codec, door, Policy(0, 0, drain=1001), plain)
        self._answer_frame = codec.answer
        self._idle = idle
        self._longest = longest
        self._world = world
        self._plain = plain

    def take(self, given: Input) -> list[Output]:
        """Work one input wholly; what it causes, in order."""
        match given:
            case Due():
                return self._ended(given)
            case Beat():
                # Another backend's clients count on pings; here nobody ever got one.
                return []
            case Reply():
                return self.take(Send((given.conn,), Message("", given.args, given.ref)))
            case Asked() if given.route.name == self._door and (wrong := flaw(given.request)) is not None:
                # What is no upgrade never reaches an authorizer.
                return [Answer(given.call, self._plain(given.request, wrong))]
        outputs = super().take(given)
        # A timer stands before the event it belongs to: rules may end the connection in it, and all its timers.
        if isinstance(given, Attached) and isinstance(outputs[-1], Opened):
            self._links[given.link].passed = self._world._now
            timers = ((self._longest, "longest"), (self._idle, "idle"))
            outputs[-1:-1] = [After(seconds, outputs[-1].conn, name) for seconds, name in timers if seconds]
        elif isinstance(given, Got):
            if isinstance(given.item, Frame) and given.link in self._links:
                self._links[given.link].passed = self._world._now
        elif isinstance(given, Send | Put):
            for output in outputs:
                if isinstance(output, Write):
                    self._links[output.link].passed = self._world._now
        return outputs

    def _ended(self, due: Due) -> list[Output]:
        peer = due.owner
        assert isinstance(peer, Peer)
        # One timer looks again when it has to: nothing is armed for each message. Less than a microsecond is none.
        left = peer.passed + self._idle - self._world._now
        if due.name == "idle" and left >= 1e-6:
            return [After(left, peer, "idle")]
        return super().take(Close(peer, 1001, "Going away"))

    def heard(self, link: Link, frame: Frame) -> Received | None:
        """See `Straight`."""
        peer = self._links.get(link)
        if peer is None:
            return None
        decode = self._decode
        try:
            received = Received(peer, decode(frame))
        except WireError:
            return None
        peer.passed = self._world._now
        return received

    def said(self, send: Send | Reply) -> Write | None:
        """See `Straight`."""
        if type(send) is Reply:
            peer = send.conn
            if type(peer) is not Peer or (link := peer.link) not in self._links:
                return None
            encode, args = self._answer_frame, send.args
            if len(args) != 2:
                return None
            try:
                sent = Write(link, encode(send.ref, args))
            except WireError:
                return None
            peer.passed = self._world._now
            return sent
        found = super().said(send)
        if found is not None:
            self._links[found.link].passed = self._world._now
        return found


def answer(status: int, value: Json, now: float, ids: Ids, error: str = "") -> Response:
    """An HTTP answer of the gateway with its own lines; `error` is the name in x-amzn-ErrorType."""
    lines = [("Content-Type", "application/json"), ("x-amzn-RequestId", ids.uuid())]
    if error:
        lines.append(("x-amzn-ErrorType", error))
    lines.append(("x-amz-apigw-id", gateway_id(now, ids, HTTP)))
    return Response(status, tuple(lines), written(value).encode())


_REFUSALS = {
    400: ("BadRequestException", "Bad Request"),
    401: ("UnauthorizedException", "Unauthorized"),
    403: ("ForbiddenException", FORBIDDEN),
    410: ("GoneException", "Gone"),
    413: ("PayloadTooLargeException", "Payload Too Large"),
    426: ("UpgradeRequiredException", "Upgrade Required"),
    500: ("InternalServerErrorException", BROKEN),
    502: ("BadGatewayException", BROKEN),
}
"""401 to 500 and 410 as AWS documents the names; 400, 413, 426 and 502 are guessed."""


def refusal(status: int, now: float, ids: Ids, message: str = "", error: str = "") -> Response:
    """Why there is no connection, as HTTP before any upgrade; another message or error name where it says more."""
    known, text = _REFUSALS.get(status, ("InternalServerErrorException", BROKEN))
    # Recorded from a REST API: {"message":"Unauthorized"}, but {"Message":"User is not authorized to ..."}.
    key = "Message" if error == "AccessDeniedException" else "message"
    return answer(status, {key: message or text}, now, ids, error or known)

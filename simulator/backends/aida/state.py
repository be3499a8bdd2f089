"""What AIDA remembers: bots, sessions with their data, images, who has joined; and what of it can be set."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from simulator.backends.aida.manifest import Manifest, once, wrong
from simulator.backends.aida.messages import UUID
from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Json
from simulator.core.objects import Objects, Upload

FORWARD = ".forward_messages_id"
"""The key of a session's data under which a human has taken over (lib/aida/bot.ex:85)."""


_HOST = re.compile(r"[A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]")
_UUID = re.compile(UUID.replace("A-F", ""))


def _number_as_text(value: Any) -> Any:
    """YAML makes a number of 1.8 without quotes."""
    return str(value) if isinstance(value, float) else value


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError("expected a host alone, such as chat.example.com")
    return text


def _uuid(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise ValueError("expected a UUID in lower case, such as 3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60")
    return text


def _json(value: Any, *loc: str | int, inside: tuple[int, ...] = ()) -> Any:
    """A value that JSON has as well; the recursive alias Json can't be a field's type."""
    if isinstance(value, dict | list):
        if id(value) in inside:
            raise wrong("it contains itself", *loc, got=loc[-1])
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(value, dict) and not isinstance(key, str):
                raise wrong("expected a text as key; quotes make it one", *loc, str(key), got=key)
            _json(item, *loc, key, inside=(*inside, id(value)))
    elif isinstance(value, float) and not math.isfinite(value):
        raise wrong("JSON has no such number", *loc, got=value)
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise wrong("expected a number of at most 64 bits; quotes make it a text", *loc, got=value)
    elif not isinstance(value, str | int | float | None):
        raise wrong("JSON has no such value; quotes make it a text", *loc, got=value)
    return value


_Id = Annotated[str, AfterValidator(_uuid)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)


class Settings(_Model):
    """What `settings:` in the fixtures and `--set key=value` change."""

    profile: Annotated[Literal["1.3", "1.8"], BeforeValidator(_number_as_text)] = Field(
        "1.3", description="the Phoenix that answers: 1.3 is what AIDA ran, 1.8 is today's, with long polling"
    )
    bot: Literal["front_desk", "echo", "none"] = Field(
        "front_desk", description="front_desk follows each bot's manifest; echo answers with the words; none is silent"
    )
    bot_delay: float = Field(0.0, ge=0, description="seconds until the bot answers; the real one adds none")
    accept_document_samples: bool = Field(
        False, description="take the document's utb_msg with `image`, which crashes the real channel, as a utb_img"
    )
    any_token: bool = Field(
        False, description="let everyone join with `an access token of your choosing`, as the document has it"
    )
    idle_timeout: float = Field(
        60.0, ge=0, description="seconds without a frame from the client until the socket is closed; 0 for never"
    )
    check_origin: Annotated[str, AfterValidator(_host)] = Field(
        "", description="the host that an Origin header has to name, as in production; empty: any (development)"
    )
    message_limit: int = Field(
        8_000_000, ge=1, description="bytes of a client's message; the real cowboy 1 takes any number"
    )
    kept_sessions: int = Field(50_000, ge=1, description="sessions kept; the oldest goes first")
    kept_session_megabytes: int = Field(
        256, ge=1, description="millions of characters kept of all sessions' data; the oldest session goes first"
    )
    kept_polling: int = Field(
        10_000, ge=1, description="sessions that poll at once (profile 1.8); one more is refused with 403"
    )
    kept_images: int = Field(1_000, ge=1, description="images kept; the oldest goes first")
    kept_image_megabytes: int = Field(512, ge=1, description="millions of bytes kept of all images")
    session_data_limit: int = Field(1_000_000, ge=1, description="characters of a session's data, roughly")


class BotSeed(_Model):
    """A bot: its id, its manifest, and whether it runs."""

    id: _Id
    name: str = ""
    starts_after: float = Field(0.0, ge=0)
    """Seconds from the simulator's start until it runs; until then a join is told to retry."""
    manifest: Manifest


class SessionSeed(_Model):
    """A session that is already there."""

    id: _Id
    bot: str
    data: Annotated[dict[str, Any], BeforeValidator(_json)] = {}


class Seed(_Model):
    """fixtures/aida.yaml."""

    settings: Settings = Settings()
    bots: Annotated[list[BotSeed], Field(min_length=1)]
    sessions: list[SessionSeed] = []

    @model_validator(mode="after")
    def _consistent(self) -> Seed:
        once("bot", "bots", [bot.id for bot in self.bots])
        once("session", "sessions", [session.id for session in self.sessions])
        known = [bot.id for bot in self.bots]
        for i, session in enumerate(self.sessions):
            if session.bot not in known:
                raise wrong(
                    f"there is no such bot; there are: {', '.join(known)}", "sessions", i, "bot", got=session.bot
                )
        return self


def weigh(value: Json) -> int:
    """Characters of a value as JSON, roughly: whatever its depth and its numbers."""
    total, item = 0, value
    left: list[Json] = []
    while True:
        total += 8
        if isinstance(item, dict):
            total += 8 * len(item)
            for key, inner in item.items():
                total += len(key)
                # What nearly all data are need not wait for its turn.
                if type(inner) is str:
                    total += 8 + len(inner)
                else:
                    left.append(inner)
        elif type(item) is str:
            total += len(item)
        elif isinstance(item, list):
            left += item
        elif isinstance(item, int):
            total += item.bit_length() // 3
        if not left:
            return total
        item = left.pop()


class Session(dict[str, Json]):
    """A person's talk with a bot. It is its own data, of which keys with a dot in front are internal (session.ex)."""

    __slots__ = ("bot", "id", "is_new", "quiet", "weighed", "weight")

    def __init__(self, id: str, bot: str, data: Iterable[tuple[str, Json]] = ()) -> None:
        super().__init__(data)
        self.id = id
        self.bot = bot
        self.weight = weigh(dict(self))
        """Characters of its data, roughly; what the front desk adds is bounded by itself."""
        self.weighed = True
        """Whether it weighs that: what is put in one by one is weighed with the next that a client brings."""
        self.is_new = True
        self.quiet = False
        """Unsubscribed (`do_not_disturb`): what nobody asked for is not sent; the next message ends it."""

    def __setitem__(self, key: str, value: Json) -> None:
        super().__setitem__(key, value)
        self.weighed = False

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.weighed = False

    def pop(self, key: str, default: Json = None) -> Json:  # type: ignore[override]
        """What stood there; nothing is wrong where nothing did."""
        if key in self:
            self.weighed = False
        return super().pop(key, default)

    def with_more(self, data: Mapping[str, Json]) -> int:
        """What it will weigh with these in it."""
        if not self.weighed:
            return weigh({**self, **data})
        # However much there is already, only what comes and what goes is looked at.
        weight = self.weight
        for key, new in data.items():
            weight += 8 + len(new) if type(new) is str else weigh(new)
            if key in self:
                old = self[key]
                weight -= 8 + len(old) if type(old) is str else weigh(old)
            else:
                weight += 8 + len(key)
        return weight


@dataclass(slots=True)
class Image:
    """An upload, and whose it is; ids in lower case, as Postgres gives them back."""

    id: str
    bot: str
    session: str
    upload: Upload


class Client:
    """A joined channel."""

    __slots__ = ("bot", "conn", "ids")

    def __init__(self, conn: Conn, bot: BotSeed, ids: Ids) -> None:
        self.conn = conn
        self.bot = bot
        self.ids = ids


class State:
    """One running AIDA."""

    def __init__(self, seed: Seed, now: float, objects: Objects) -> None:
        settings = self._settings = seed.settings
        self._data_limit = settings.session_data_limit
        self._kept_sessions = settings.kept_sessions
        self._kept_weight = settings.kept_session_megabytes * 1_000_000
        self._objects = objects
        self._began = now
        self._bots = {bot.id: bot for bot in seed.bots}
        self.clients: dict[Conn, Client] = {}
        self.sessions: dict[str, Session] = {s.id: Session(s.id, s.bot, s.data.items()) for s in seed.sessions}
        self._weight = sum(session.weight for session in self.sessions.values())
        self._images: dict[str, Image] = {}
        self._image_bytes = 0

    def bot(self, id: str) -> BotSeed | None:
        """A bot by its id in any case."""
        return self._bots.get(id.lower())

    def runs(self, bot: BotSeed, now: float) -> bool:
        """Whether its process is up."""
        return now >= self._began + bot.starts_after

    def joined(self, bot: str) -> list[Conn]:
        """Everyone on the topic of a bot, in the order of joining."""
        return [client.conn for client in self.clients.values() if client.bot.id == bot]

    def session(self, id: str) -> Session | None:
        """A session by its id in any case."""
        return self.sessions.get(id.lower())

    def add_session(self, session: Session) -> None:
        """Keep one; the oldest makes room."""
        self.sessions[session.id] = session
        self._weight += session.weight
        self._make_room(session)

    def merge(self, session: Session, data: Mapping[str, Json]) -> bool:
        """Put data into a session, key by key; whether they fitted."""
        weight = session.with_more(data)
        if weight > self._data_limit:
            return False
        session.update(data)
        session.weighed = True
        if session.id in self.sessions:
            self._weight += weight - session.weight
        session.weight = weight
        if self._weight > self._kept_weight or len(self.sessions) > self._kept_sessions:
            self._make_room(session)
        return True

    def _make_room(self, newest: Session) -> None:
        while len(self.sessions) > self._kept_sessions or self._weight > self._kept_weight:
            oldest = next(iter(self.sessions))
            if oldest == newest.id:
                # What was used just now is not the oldest any more.
                self.sessions[oldest] = self.sessions.pop(oldest)
                if len(self.sessions) == 1:
                    return
                continue
            self.delete_session(oldest)

    def delete_session(self, id: str) -> None:
        """Forget one with its images; nothing happens where there is none."""
        session = self.sessions.pop(id.lower(), None)
        if session is not None:
            self._weight -= session.weight
            for image in [image for image in self._images.values() if image.session == session.id]:
                self._drop(image)

    def image(self, id: str) -> Image | None:
        """An image by its id in any case."""
        return self._images.get(id.lower())

    def add_image(self, image: Image) -> None:
        """Keep one; the oldest make room."""
        self._objects.keep(image.upload.key)
        self._images[image.id] = image
        self._image_bytes += image.upload.size
        most = self._settings.kept_image_megabytes * 1_000_000
        while len(self._images) > 1 and (len(self._images) > self._settings.kept_images or self._image_bytes > most):
            self._drop(next(iter(self._images.values())))

    def _drop(self, image: Image) -> None:
        del self._images[image.id]
        self._image_bytes -= image.upload.size
        self._objects.delete(image.upload.key)


_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """A text's words in lower case (message.ex words)."""
    return _WORD.findall(text.lower())

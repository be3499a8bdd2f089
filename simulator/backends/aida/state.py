"""What AIDA remembers: bots, sessions with their data, images, who has joined; and what of it can be set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.backends.aida.manifest import Manifest
from simulator.backends.aida.messages import UUID
from simulator.core.events import Conn
from simulator.core.ids import Ids
from simulator.core.message import Json
from simulator.core.objects import Objects, Upload

FORWARD = ".forward_messages_id"
"""The key of a session's data under which a human has taken over (lib/aida/bot.ex:85)."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True, allow_inf_nan=False)


class Settings(_Model):
    """What `settings:` in the fixtures and `--set key=value` change."""

    profile: Literal["1.3", "1.8"] = Field(
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
    check_origin: str = Field(
        "", description="the host that an Origin header has to name, as in production; empty: any (development)"
    )
    message_limit: int = Field(
        8_000_000, ge=1, description="bytes of a client's message; the real cowboy 1 takes any number"
    )
    kept_sessions: int = Field(50_000, ge=1, description="sessions kept; the oldest goes first")
    kept_images: int = Field(1_000, ge=1, description="images kept; the oldest goes first")
    kept_image_megabytes: int = Field(512, ge=1, description="millions of bytes kept of all images")
    session_data_limit: int = Field(1_000_000, ge=1, description="characters of a session's data, roughly")


class BotSeed(_Model):
    """A bot: its id, its manifest, and whether it runs."""

    id: Annotated[str, Field(pattern=f"^{UUID.replace('A-F', '')}$")]
    name: str = ""
    starts_after: float = Field(0.0, ge=0)
    """Seconds from the simulator's start until it runs; until then a join is told to retry."""
    manifest: Manifest


class SessionSeed(_Model):
    """A session that is already there."""

    id: Annotated[str, Field(pattern=f"^{UUID.replace('A-F', '')}$")]
    bot: str
    data: dict[str, Any] = {}


class Seed(_Model):
    """fixtures/aida.yaml."""

    settings: Settings = Settings()
    bots: Annotated[list[BotSeed], Field(min_length=1)]
    sessions: list[SessionSeed] = []


class Session(dict[str, Json]):
    """A person's talk with a bot. It is its own data, of which keys with a dot in front are internal (session.ex)."""

    __slots__ = ("bot", "id", "is_new", "quiet")

    def __init__(self, id: str, bot: str, data: Iterable[tuple[str, Json]] = ()) -> None:
        super().__init__(data)
        self.id = id
        self.bot = bot
        self.is_new = True
        self.quiet = False
        """Unsubscribed (`do_not_disturb`): what nobody asked for is not sent; the next message ends it."""


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
        self._settings = seed.settings
        self._objects = objects
        self._began = now
        self._bots = {bot.id: bot for bot in seed.bots}
        self.clients: dict[Conn, Client] = {}
        self.sessions: dict[str, Session] = {s.id: Session(s.id, s.bot, s.data.items()) for s in seed.sessions}
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
        if len(self.sessions) > self._settings.kept_sessions:
            self.delete_session(next(iter(self.sessions)))

    def delete_session(self, id: str) -> None:
        """Forget one with its images; nothing happens where there is none."""
        session = self.sessions.pop(id.lower(), None)
        if session is not None:
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

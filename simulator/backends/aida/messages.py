"""Every message of AIDA's channel, both ways, with the place in its source (instedd/aida 71621e5) that says so."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_UUID = re.compile(UUID)


def _id(value: str) -> str:
    """Raises ValueError for what Ecto can't cast to a UUID; the value stays as the client wrote it."""
    if not _UUID.fullmatch(value):
        raise ValueError("expected a UUID")
    return value


Id = Annotated[str, AfterValidator(_id)]
"""A UUID in any case, as Ecto.UUID.cast takes it (ecto 2.2.6)."""


class Command(BaseModel):
    """From the client; keys that the channel does not look at are passed over (they are matched by pattern)."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class NewSession(Command):
    """channels/bot_channel.ex:39: `data` counts only when it is an object, and the payload may be anything."""

    data: Any = None


class PutData(Command):
    """channels/bot_channel.ex:54: merged into the session's data, key by key (session.ex:71)."""

    session: Id
    data: dict[str, Any]


class DeleteSession(Command):
    """channels/bot_channel.ex:62: any well-formed id will do."""

    session: Id


class UtbMsg(Command):
    """channels/bot_channel.ex:67: user to bot; a text of blanks alone crashes the channel (message/text_content.ex)."""

    session: Id
    text: str


class UtbImg(Command):
    """channels/bot_channel.ex:93: user to bot; the id that the upload was answered with."""

    session: Id
    image: Id


class Event(BaseModel):
    """To the client. Key order on the wire is the JSON library's matter, which sorts."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)


class BtuMsg(Event):
    """channels/bot_channel.ex:84: a message for each line; `session` is spelled as the client did."""

    text: Annotated[str, Field(min_length=1)]
    session: Id


COMMANDS: dict[str, type[Command]] = {
    "utb_msg": UtbMsg,
    "new_session": NewSession,
    "put_data": PutData,
    "utb_img": UtbImg,
    "delete_session": DeleteSession,
}

EVENTS: dict[str, type[Event]] = {"btu_msg": BtuMsg}

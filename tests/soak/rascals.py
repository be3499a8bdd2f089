"""Those who do not behave: each does one thing that a server has to get over, and knows how it has to end."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

from tests.serve.clients import TOPIC
from tests.soak.client import Client, Ended, handshake
from tests.soak.http import Http
from tests.soak.people import NAMES, Person, Poller, Wrong, url_in
from tests.soak.server import SETTINGS
from tests.soak.told import Told
from tests.soak.waits import WRITE

FLOOD = 300
BOUNDS = {"chip": SETTINGS["chip.kept_messages"], "chatbot": SETTINGS["chatbot.most_unanswered"]}
"""Messages that a backend takes at once: chip's outbox, `most_unanswered` of chatbot."""
MEGABYTES, KILOBYTES = 2500, 3500
"""Messages of one who does not read, and the length of each."""


async def vanish(told: Told, dice: random.Random) -> None:
    """In the middle of a chat: an RST, the end of TCP without a close frame, or silence and then an RST."""
    backend = told.one_of(dice)
    with told.at(backend, "vanish"):
        client = await Client.open(url_in(told.urls[backend], "wild"), told.origin)
        person = Person(backend, client, told.name())
        try:
            await person.enter()
            for _ in range(dice.randrange(4)):
                person.say()
                told.wild_said += 1
            if dice.random() < 0.5:
                await asyncio.sleep(dice.random())
            if dice.random() < 0.3:
                client.cut()
        except Ended:
            told.explained["a reset of the space"] += 1
        finally:
            client.reset()


async def _hear_last(person: Person) -> None:
    while person.answered < person.said:
        await person.hear()


async def _hear_all(told: Told, person: Person) -> None:
    """Each answer in its turn; above a backend's own bound some are missing, and the next one is answered again."""
    bound = BOUNDS.get(person.backend, 0)
    while person.answered < (bound or person.said):
        await person.hear()
    until = told.lag.attended() + told.waits.patience
    person.bounded = True
    while person.answered < person.said:
        # What comes within chatbot's second is above its bound, too; and the flood may still be read there.
        person.say()
        try:
            await told.origin.within(lambda: _hear_last(person), 2.0)
        except TimeoutError:
            if told.lag.attended() > until:
                raise
    told.explained["messages above a bound of the backend, as its log tells"] += person.missed


async def flood(told: Told, dice: random.Random) -> None:
    """Hundreds of messages at once, the answers read late: each is answered in its turn, or the connection was ended."""
    backend = told.one_of(dice)
    with told.at(backend, "flood"):
        client = await Client.open(url_in(told.urls[backend], "wild"), told.origin, 1 << 14)
        person = Person(backend, client, told.name())
        try:
            await person.enter()
            client.deaf()
            for _ in range(FLOOD):
                person.say()
            await told.pause(dice.random())
            client.hear()
            await _hear_all(told, person)
            told.ended["floods that were answered"] += 1
            await client.close()
        except Ended:
            told.explained["messages of a flood that was ended"] += person.said - person.answered
        finally:
            told.wild_said += person.said
            client.reset()


async def deaf(told: Told, dice: random.Random) -> None:
    """Asks for megabytes and reads nothing for long: ended at the bound, or by the deadline; or it was answered slowly."""
    # As often at concierge, too: in this space nobody is disturbed by who hears a tenant's messages.
    backend = dice.choice(NAMES)
    with told.at(backend, "deaf"):
        client = await Client.open(url_in(told.urls[backend], "wild"), told.origin, 1 << 14)
        person = Person(backend, client, told.name())
        try:
            await person.enter()
            client.deaf()
            for _ in range(MEGABYTES):
                person.say(KILOBYTES)
            # Below the bound of 4 MiB the deadline ends it; the kernel's own buffers take three to five.
            await told.pause(WRITE + 3.0)
            client.hear()
            await _hear_all(told, person)
            told.ended["readers who read after all"] += 1
        except Ended:
            told.ended["readers who did not read"] += 1
        finally:
            told.wild_said += person.said
            client.reset()


async def half_open(told: Told, dice: random.Random) -> None:
    """A head that never ends, or none at all: the server has to end it."""
    backend = told.one_of(dice)
    url = url_in(told.urls[backend], "wild")
    with told.at(backend, "half_open"):
        http = await Http.open(url, told.origin)
        try:
            head = handshake(url)
            http.write(head[: dice.randrange(len(head) - 1)])
            await http.ended(told.waits.request)
            told.ended["half heads"] += 1
        finally:
            http.reset()


async def half_body(told: Told, dice: random.Random) -> None:
    """A body that never ends: 408."""
    http = await Http.open(url_in(told.bases["mia"], "wild"), told.origin)
    try:
        http.write(
            http.head("POST", "/receive-message/7", "Content-Type: application/json", "Content-Length: 500") + b"{"
        )
        status, _ = await http.answer()
        if status != 408:
            raise Wrong(f"mia: a body that did not come was answered {status}")
        told.ended["half bodies"] += 1
    finally:
        http.reset()


async def unread(told: Told, dice: random.Random) -> None:
    """Asks for the same file again and again and reads nothing of it."""
    http = await Http.open(url_in(told.bases["mia"], "wild"), told.origin, 1 << 14)
    try:
        http.writer.transport.pause_reading()  # type: ignore[attr-defined]
        http.write(http.head("GET", "/socket.io/socket.io.js") * 60)
        await asyncio.sleep(told.waits.answer + 2.0)
        http.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await http.ended()
        told.ended["answers unread"] += 1
    finally:
        http.reset()


async def broken(told: Told, dice: random.Random) -> None:
    """A frame against the protocol: the connection ends."""
    backend = told.one_of(dice)
    with told.at(backend, "broken"):
        client = await Client.open(url_in(told.urls[backend], "wild"), told.origin)
        try:
            client.raw(
                dice.choice((b"\x81\x03abc", b"\xf1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x81\xff" + b"\xff" * 12))
            )
            with suppress(Ended):
                while True:
                    await client.next()
            await client.gone()
            told.ended["broken frames"] += 1
        finally:
            client.reset()


async def poll_and_leave(told: Told, dice: random.Random) -> None:
    """Polls, says something, and goes in the middle of the next poll."""
    backend = dice.choice(("mia", "chatbot", "aida"))
    http = await Http.open(url_in(told.bases[backend], "wild"), told.origin)
    try:
        poller = Poller(http, backend)
        await poller.open()
        person = Person(backend, poller, told.name())
        await person.enter()
        person.say()
        told.wild_said += 1
        await poller.flush()
        http.write(http.head("GET", poller._path))
        await asyncio.sleep(dice.random())
    except Wrong:
        told.explained["a reset of the space"] += 1
    finally:
        http.reset()


async def upgrade_and_abort(told: Told, dice: random.Random) -> None:
    """A session that polls, a probe for its upgrade, and then nobody."""
    backend = dice.choice(("mia", "chatbot"))
    base = url_in(told.bases[backend], "wild")
    http = await Http.open(base, told.origin)
    client = None
    try:
        poller = Poller(http, backend)
        await poller.open()
        url = f"{base.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket&sid={poller.sid}"
        client = await Client.open(url, told.origin)
        client.send("2probe")
        if dice.random() < 0.7:
            await client.until("3probe")
        if dice.random() < 0.5:
            client.send("5")
    except (Wrong, Ended):
        told.explained["a reset of the space"] += 1
    finally:
        http.reset()
        if client is not None:
            client.reset()


_IMAGE = random.Random(1).randbytes(200_000)


async def upload(told: Told, dice: random.Random, abort: bool = False, space: str = "") -> None:
    """An image into aida, read back, or given up in the middle."""
    client = person = None
    http = await Http.open(url_in(told.bases["aida"], space), told.origin)
    try:
        client = await Client.open(url_in(told.urls["aida"], space), told.origin)
        person = Person("aida", client, told.name()) if space else told.person("aida", client)
        await person.enter()
        image = _IMAGE[: dice.randrange(1, len(_IMAGE))]
        form = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
            + image
            + b"\r\n--b--\r\n"
        )
        path = f"/content/image/{TOPIC[4:]}/{person.talk}"
        head = http.head("POST", path, "Content-Type: multipart/form-data; boundary=b", f"Content-Length: {len(form)}")
        if abort:
            http.write(head + form[: dice.randrange(len(form))])
            await asyncio.sleep(dice.random() * 0.3)
            told.uploads["given up"] += 1
            return
        http.write(head + form)
        status, body = await http.answer()
        if status != 200:
            raise Wrong(f"aida: an upload was answered {status} {body[:200]!r}")
        status, back = await http.ask("GET", f"/content/image/{json.loads(body)['id']}")
        # Another upload may have pushed it out already: the bound is low here.
        if status == 200 and back != image:
            raise Wrong("aida: an image came back as another")
        told.uploads["read back"] += status == 200
        told.uploads["whole"] += 1
        await told.leave(person, space)
    except Ended:
        if not space:
            raise
        told.explained["a reset of the space"] += 1
    finally:
        if person is not None and not space:
            told.gone(person, space)
        if abort or space:
            http.reset()
        else:
            await http.close()
        if client is not None:
            client.reset()


async def give_up_upload(told: Told, dice: random.Random) -> None:
    """Half an image."""
    await upload(told, dice, abort=True, space="wild")


async def put_object(told: Told, dice: random.Random) -> None:
    """A presigned URL of concierge: minted, used, half used, or never used."""
    http = await Http.open(url_in(told.bases["concierge"], "wild"), told.origin)
    try:
        asked = json.dumps({"filename": "a.png", "mimeType": "image/png", "type": "chat-images"}).encode()
        status, body = await http.ask("POST", "/file-new/get-upload-url", asked, "Content-Type: application/json")
        if status != 200:
            raise Wrong(f"concierge: no upload URL: {status} {body[:200]!r}")
        told.uploads["minted"] += 1
        kind = dice.random()
        if kind < 0.2:
            return
        url = json.loads(body)["data"]["uploadUrlData"]["uploadURL"]
        path = "/" + url.partition("://")[2].partition("/")[2].removeprefix("~space/wild/")
        image = _IMAGE[: dice.randrange(1, 50_000)]
        head = http.head("PUT", path, "Content-Type: image/png", f"Content-Length: {len(image)}")
        if kind < 0.5:
            http.write(head + image[: len(image) // 2])
            await asyncio.sleep(dice.random() * 0.3)
            told.uploads["given up"] += 1
            return
        http.write(head + image)
        status, body = await http.answer()
        if status not in (200, 503):
            raise Wrong(f"concierge: an object was answered {status} {body[:200]!r}")
        told.uploads["whole"] += 1
    finally:
        http.reset()


async def onlooker(told: Told, dice: random.Random) -> None:
    """Waits for a message that never comes, or looks on; and goes."""
    http = await Http.open(told.bases["chip"], told.origin, 4096)
    try:
        if dice.random() < 0.5:
            body = b'{"name":"never","timeout":60}'
            http.write(http.head("POST", "/__admin/messages/wait", f"Content-Length: {len(body)}") + body)
        else:
            http.write(http.head("GET", "/__admin/events"))
            http.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(dice.random() * 3)
        told.ended["onlookers"] += 1
    finally:
        http.reset()


async def passing(told: Told, dice: random.Random) -> None:
    """A space of one's own that is left without a word; where there are too many it is refused."""
    space = f"own{dice.randrange(40)}"
    try:
        client = await Client.open(url_in(told.urls["chip"], space), told.origin)
    except Ended as end:
        if end.code != 503:
            raise Wrong(f"a space was refused with {end.code}") from None
        told.explained["spaces that were refused"] += 1
        return
    with suppress(Ended):
        client.send('{"type":"start_chat"}')
        await client.next()
    client.reset()
    if dice.random() < 0.5:
        http = await Http.open(told.bases["chip"], told.origin)
        status, _ = await http.ask("DELETE", f"/__admin/spaces/{space}")
        if status not in (200, 404):
            raise Wrong(f"a space was ended with {status}")
        told.ended["spaces"] += status == 200
        await http.close()

"""Those who do not behave: each does one thing that a server has to get over, and knows how it has to end."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress

from tests.serve.clients import TOPIC
from tests.soak.client import Client, Ended, frame, handshake
from tests.soak.http import Http
from tests.soak.people import NAMES, Person, Poller, Wrong, url_in
from tests.soak.told import Told

REQUEST, ANSWER, WRITE = 30.0, 15.0, 15.0
"""Seconds after which the server cuts a half request, an unread answer, an unread frame: as the soak starts it."""
SLACK = 120.0
"""And so much later on a busy machine."""


async def vanish(told: Told, dice: random.Random) -> None:
    """In the middle of a chat: an RST, the end of TCP without a close frame, or silence and then an RST."""
    backend = dice.choice(NAMES)
    async with told.one_of(backend):
        client = await Client.open(url_in(told.urls[backend], "wild"), told.source)
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


async def flood(told: Told, dice: random.Random) -> None:
    """A thousand frames at once, read slowly afterwards: each is answered, or the connection was ended."""
    client = await Client.open(url_in(told.urls["aida"], "wild"), told.source, 1 << 14)
    sent = got = 0
    try:
        client.deaf()
        many = b"".join(frame(json.dumps([None, str(i), "phoenix", "heartbeat", {}]).encode()) for i in range(1000))
        client.raw(many)
        sent = 1000
        told.wild_said += sent
        await asyncio.sleep(dice.random())
        client.hear()
        while got < sent:
            ref = json.loads(await client.next())[1]
            if ref != str(got):
                raise Wrong(f"aida: of a flood {ref} came behind {got - 1}")
            got += 1
        told.ended["floods, answered whole"] += 1
        await client.close()
    except Ended:
        told.explained["a flood that was ended"] += sent - got
    finally:
        client.reset()


async def deaf(told: Told, dice: random.Random) -> None:
    """Asks for megabytes and reads nothing for long: ended at the bound, or by the deadline; or it was answered slowly."""
    client = await Client.open(url_in(told.urls["aida"], "wild"), told.source, 1 << 14)
    try:
        client.deaf()
        more = dice.random() < 0.5
        ref = "x" * (8000 if more else 5500)
        client.raw(frame(json.dumps([None, ref, "phoenix", "heartbeat", {}]).encode()) * 1200)
        told.wild_said += 1200
        # Below the bound of 4 MiB the deadline ends it; the kernel's own buffers take three to five.
        await asyncio.sleep(5.0 if more else WRITE + 3.0)
        client.hear()
        got = 0
        with suppress(Ended):
            while got < 1200:
                await client.next(SLACK)
                got += 1
        told.ended["readers who did not read" if got < 1200 else "readers who read after all"] += 1
    finally:
        client.reset()


async def half_open(told: Told, dice: random.Random) -> None:
    """A head that never ends, or none at all: the server has to end it."""
    backend = dice.choice(NAMES)
    url = url_in(told.urls[backend], "wild")
    http = await Http.open(url, told.source)
    try:
        head = handshake(url)
        http.write(head[: dice.randrange(len(head) - 1)])
        await http.ended(REQUEST + SLACK)
        told.ended["half heads"] += 1
    finally:
        http.reset()


async def half_body(told: Told, dice: random.Random) -> None:
    """A body that never ends: 408."""
    http = await Http.open(url_in(told.bases["mia"], "wild"), told.source)
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
    http = await Http.open(url_in(told.bases["mia"], "wild"), told.source, 1 << 14)
    try:
        http.writer.transport.pause_reading()  # type: ignore[attr-defined]
        http.write(http.head("GET", "/socket.io/socket.io.js") * 60)
        await asyncio.sleep(ANSWER + 2.0)
        http.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await http.ended(SLACK)
        told.ended["answers unread"] += 1
    finally:
        http.reset()


async def broken(told: Told, dice: random.Random) -> None:
    """A frame against the protocol: the connection ends."""
    backend = dice.choice(NAMES)
    async with told.one_of(backend):
        client = await Client.open(url_in(told.urls[backend], "wild"), told.source)
        try:
            client.raw(
                dice.choice((b"\x81\x03abc", b"\xf1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x81\xff" + b"\xff" * 12))
            )
            with suppress(Ended):
                while True:
                    await client.next(SLACK)
            await client.gone(SLACK)
            told.ended["broken frames"] += 1
        finally:
            client.reset()


async def poll_and_leave(told: Told, dice: random.Random) -> None:
    """Polls, says something, and goes in the middle of the next poll."""
    backend = dice.choice(("mia", "chatbot", "aida"))
    http = await Http.open(url_in(told.bases[backend], "wild"), told.source)
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
    http = await Http.open(base, told.source)
    client = None
    try:
        poller = Poller(http, backend)
        await poller.open()
        url = f"{base.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket&sid={poller.sid}"
        client = await Client.open(url, told.source)
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
    client = None
    http = await Http.open(url_in(told.bases["aida"], space), told.source)
    try:
        client = await Client.open(url_in(told.urls["aida"], space), told.source)
        person = Person("aida", client, told.name())
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
        await told.leave(person, client, space)
    except Ended:
        if not space:
            raise
        told.explained["a reset of the space"] += 1
    finally:
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
    http = await Http.open(url_in(told.bases["concierge"], "wild"), told.source)
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
    http = await Http.open(told.bases["chip"], told.source, 4096)
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
        client = await Client.open(url_in(told.urls["chip"], space), told.source)
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
        http = await Http.open(told.bases["chip"], told.source)
        status, _ = await http.ask("DELETE", f"/__admin/spaces/{space}")
        if status not in (200, 404):
            raise Wrong(f"a space was ended with {status}")
        told.ended["spaces"] += status == 200
        await http.close()

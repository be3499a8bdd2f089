"""A server that remembers which ids it has seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web

from simulator.cassette.entries import Entry
from simulator.core.errors import SimulatorError
from simulator.core.ids import Ids
from simulator.drive.fresh import fresh
from simulator.drive.outcome import Manner
from simulator.drive.target import Target
from simulator.drive.verify import Wanted, verify
from tests.cassette import tapes
from tests.cassette.tapes import opened, said
from tests.drive.odd import odd

UUID, TOKEN = "7d62d551-3030-4100-a260-2d7c4e9693e7", "65vbbDAQCdPdEWlEhDGy4utO"
TAPE: list[Entry] = [
    opened("/x"),
    said("server", f'{{"type":"hi","you":"{TOKEN}","n":1417319002}}', 0.0),
    said("client", f'{{"type":"send","id":"{UUID}","list":[{{"id":1417319004,"ok":true}}],"of":"{TOKEN}"}}', 1.0),
    said("client", "no message", 1.5),
    said("client", f'{{"type":"send","id":"{UUID}","short":"a1"}}', 2.0),
]


def made(*paths: str) -> dict[str, str]:
    return fresh(tapes.tape(*TAPE), None, paths, Ids.seeded(7))


def test_what_the_client_says_there_is_made_anew() -> None:
    found = made("send.id", "*.list.*.id")
    assert [*found] == [UUID, "1417319004"]
    assert len({*found, *found.values()}) == 4
    assert [len(value) for value in found.values()] == [36, 10]
    assert found["1417319004"].isdecimal()
    assert made("send.id") == made("send.id")


@pytest.mark.parametrize(("path", "why"), [
    ("send.nothing", "the client says nothing there"),
    ("hi.you", "the client says nothing there"),
    ("send.of", f"'{TOKEN}' is the server's"),
    ("send.short", "'a1' is too short to be found wherever it stands"),
])  # fmt: skip
def test_what_can_not_be(path: str, why: str) -> None:
    with pytest.raises(SimulatorError) as caught:
        made(path)
    assert str(caught.value) == f"--fresh {path}: {why}"


@pytest.mark.parametrize("paths", [(), ("*.id",)])
async def test_a_server_that_refuses_an_id_that_it_has_seen(tmp_path: Path, paths: tuple[str, ...]) -> None:
    seen = {UUID}

    async def once(socket: web.WebSocketResponse) -> None:
        asked = json.loads(await socket.receive_str())
        known = asked["id"] in seen
        seen.add(asked["id"])
        await socket.send_str(json.dumps({"type": "refused" if known else "taken", "id": asked["id"]}))
        await socket.receive()

    path = tmp_path / "talk.yaml"
    asks, told = f'{{"type":"send","id":"{UUID}"}}', f'{{"type":"taken","id":"{UUID}"}}'
    path.write_bytes(
        tapes.written(opened("/x"), said("client", asks, 0.0), said("server", told, 0.0), tapes.closed(0.1))
    )
    async with odd(once) as url:
        verdict = await verify(path, Target(url), Wanted(manner=Manner(timeout=0.1), exact=True, fresh=paths))
    assert bool(verdict.drifted) is (not paths)
    assert len(seen) == 1 + len(paths)

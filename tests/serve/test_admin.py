"""The control API: every endpoint, asked rightly and wrongly, and who may ask at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedOK

from simulator import __version__
from simulator.core.bot import ACTS
from simulator.core.errors import SimulatorError
from simulator.serve.admin.api import CALLS
from simulator.serve.admin.guard import is_loopback
from simulator.serve.app import Server
from simulator.serve.clock import LAST, ManualClock
from tests.served import WEBSITE, Raw, admin, ask, chip, prompt, request

JSON = "Content-Type: application/json"
NEW_YEAR = {"mode": "manual", "now": 1767225600.0, "time": "2026-01-01T00:00:00Z"}
WANTED = "expected the header Authorization: Bearer <the token of --admin-token, or the one that was printed>"
KNOWN = "65vbbDAQCdPdEWlEhDGy4utO"
"""A chat of fixtures/chip.yaml."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with prompt() as simulator:
        yield simulator


@pytest.fixture
def url(server: Server) -> str:
    return server.url("chip")


async def said(ws: ClientConnection, text: str) -> str:
    """What comes back for a frame."""
    await ws.send(text)
    return str(await ws.recv())


async def started(ws: ClientConnection, chat_id: str = "") -> str:
    """Starts a chat; its id."""
    given = f',"chat_id":"{chat_id}"' if chat_id else ""
    return str(json.loads(await said(ws, f'{{"type":"start_chat"{given}}}'))["chat_id"])


async def test_health(url: str) -> None:
    for method, path in (("GET", "health"), ("GET", "health/")):
        assert await admin(url, method, path) == (200, {"status": "ok", "version": __version__, "backends": ["chip"]})
    head, body = await ask(url, "HEAD", "/__admin/health")
    assert head[0] == "HTTP/1.1 200 OK"
    assert JSON in head
    assert body == b""


async def test_clock(url: str) -> None:
    assert await admin(url, "GET", "clock") == (200, NEW_YEAR)
    moved = {**NEW_YEAR, "now": 1767225601.5, "time": "2026-01-01T00:00:01.500000Z"}
    assert await admin(url, "POST", "clock/advance", {"seconds": 1.5}) == (200, moved)
    assert await admin(url, "POST", "clock/advance", {"seconds": 0}) == (200, moved)
    assert await admin(url, "GET", "clock") == (200, moved)


async def test_clock_goes_to_an_instant(url: str) -> None:
    moved = {**NEW_YEAR, "now": 1767225661.5, "time": "2026-01-01T00:01:01.500000Z"}
    for given in ("2026-01-01T01:01:01.5+01:00", 1767225661.5, "2026-01-01T00:01:01.5Z"):
        assert await admin(url, "PUT", "clock", {"time": given}) == (200, moved)
    said, answer = await admin(url, "PUT", "clock", {"time": "2026-01-01T00:00:00Z"})
    assert (said, answer["error"]) == (
        409, "time: it is 2026-01-01T00:01:01.500000Z already, and a clock goes only forward; reset begins anew",
    )  # fmt: skip
    assert await admin(url, "GET", "clock") == (200, moved)


async def test_clock_at_an_instant_fires_what_falls_due(server: Server, url: str) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws)
        await admin(url, "POST", "act", {"act": "say", "text": "later", "after": 2})
        await admin(url, "PUT", "clock", {"time": "2026-01-01T00:00:02Z"})
        assert '"text":"later"' in str(await ws.recv())


async def test_clock_of_the_wall_is_nobodys() -> None:
    async with chip() as simulator:
        status, answer = await admin(simulator.url("chip"), "GET", "clock")
        assert (status, answer["mode"]) == (200, "wall")
        status, answer = await admin(simulator.url("chip"), "POST", "clock/advance", {"seconds": 1})
        assert (status, answer) == (
            409,
            {"error": "the clock runs by itself: start with --clock manual to move it by hand"},
        )
        assert (await admin(simulator.url("chip"), "PUT", "clock", {"time": "2099-01-01T00:00:00Z"}))[0] == 409


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "why"),
    [
        ("GET", "", None, 404, "there is no /__admin; there are: /__admin/health, "),
        ("GET", "nothing", None, 404, "there is no /__admin/nothing; there are: "),
        ("POST", "health", None, 405, "/__admin/health takes GET"),
        ("POST", "clock", None, 405, "/__admin/clock takes GET"),
        ("GET", "clock/advance", None, 405, "/__admin/clock/advance takes POST"),
        ("HEAD", "clock/advance", None, 405, ""),
        ("GET", "act", None, 405, "/__admin/act takes POST"),
        ("PUT", "messages", None, 405, "/__admin/messages takes GET or DELETE"),
        ("GET", "reset", None, 405, "/__admin/reset takes POST"),
        ("POST", "clock/advance", None, 400, 'expected {"seconds": a number}'),
        ("POST", "clock/advance", b"{", 400, "the body is not JSON: "),
        ("POST", "clock/advance", b"\xff", 400, "the body is not JSON: "),
        ("POST", "clock/advance", [1], 400, "expected a JSON object"),
        ("POST", "clock/advance", {"seconds": "1"}, 400, 'expected {"seconds": a number}'),
        ("POST", "clock/advance", {"seconds": True}, 400, 'expected {"seconds": a number}'),
        ("POST", "clock/advance", {"seconds": -1}, 400, "seconds: expected 0 to ten years"),
        ("POST", "clock/advance", {"seconds": 1e10}, 400, "seconds: expected 0 to ten years"),
        ("POST", "clock/advance", b'{"seconds": 1e999}', 400, ""),
        ("POST", "clock/advance", {"seconds": 1, "minutes": 2}, 400, "minutes: there is no such key"),
        ("POST", "clock/advance", b'{"seconds": 1, "x": "' + b"x" * (1 << 20) + b'"}', 413, "the body is longer than "),
        *(
            (
                "PUT",
                "clock",
                {"time": wrong},
                400,
                "time: expected an instant such as 2026-01-01T00:00:00Z, or Unix sec",
            )
            for wrong in ("noon", "manual", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "", True, None, -1, 1e12)
        ),
        ("PUT", "clock", {"time": "2036-12-31T00:00:00Z"}, 400, "time: expected at most ten years from now"),
        ("PUT", "clock", {"seconds": 1}, 400, "seconds: there is no such key"),
        ("POST", "act", {"act": "dance"}, 400, "act: expected one of say, typing, status, "),
        ("POST", "act", {}, 400, "act: expected one of "),
        ("POST", "act", {"act": ["say"]}, 400, "act: expected one of "),
        ("POST", "act", {"act": "say"}, 400, "text: is missing"),
        ("POST", "act", {"act": "say", "text": 1}, 400, "text: Input should be a valid string"),
        ("POST", "act", {"act": "say", "text": "x", "voice": "low"}, 400, "voice: there is no such key; there are: "),
        ("POST", "act", {"act": "say", "text": "x", "after": -1}, 400, "after: expected seconds from 0 on"),
        ("POST", "act", {"act": "stream", "chunks": "x"}, 400, "chunks: Input should be a valid list"),
        (
            "POST",
            "act",
            {"act": "say", "text": "x", "talk": "nobody"},
            404,
            "talk: there is no 'nobody'; the latest are",
        ),
        ("POST", "act", {"act": "say", "text": "x", "talk": 7}, 404, "talk: there is no 7; the latest are"),
        ("POST", "act", {"act": "say", "text": "x"}, 404, "talk: nobody is connected, so say which; the latest are"),
        (
            "POST",
            "act",
            {"act": "say", "text": "x", "backend": "mia"},
            400,
            "backend: there is no 'mia' here; there are",
        ),
        ("POST", "act", {"act": "say", "text": "x", "backend": 7}, 400, "backend: there is no 7 here; there are: chip"),
        ("GET", "messages?limit=many", None, 400, "limit: input should be a valid integer"),
    ],
)
async def test_asked_wrongly(url: str, method: str, path: str, body: object, status: int, why: str) -> None:
    got, answer = await admin(url, method, path, body)
    assert got == status
    assert answer is None or answer["error"].startswith(why), answer
    assert await admin(url, "GET", "clock") == (200, NEW_YEAR)


async def test_token_is_needed_when_there_is_one() -> None:
    async with prompt(admin_token="sésame 7") as simulator:
        url = simulator.url("chip")
        for wrong in (
            (),
            ("Authorization: sésame 7",),
            ("Authorization: Bearer sésame",),
            ("Authorization: Bearer \xff",),
        ):
            for path in ("clock", "health", "nothing"):
                status, answer = await admin(url, "GET", path, None, *wrong)
                assert (status, answer["error"]) == (401, WANTED)
        # Whoever has the token may come by any name, but not from a page of another site.
        right = "Authorization: Bearer sésame 7"
        for host, origin, expected in (
            ("simulator.example.com", (), 200),
            ("simulator.example.com", ("Origin: https://simulator.example.com",), 200),
            ("simulator.example.com", ("Origin: https://example.com",), 403),
            ("simulator.example.com", ("Origin: null",), 403),
        ):
            async with Raw.open(url, request("GET", "/__admin/clock", b"", right, *origin, host=host)) as raw:
                assert (await raw.answer())[0][0].split()[1] == str(expected)


async def test_other_addresses_need_a_token() -> None:
    async with prompt(host="0.0.0.0") as simulator:
        url = simulator.url("chip")
        assert url.startswith("http://127.0.0.1:")
        for call in CALLS:
            status, answer = await admin(url, call.method, call.path.replace("{", "").replace("}", ""))
            assert (status, answer["error"]) == (401, WANTED), call.path
        assert (await admin(url, "GET", "nothing"))[0] == 401
        minted = simulator.minted
        assert minted is not None
        assert len(minted) >= 32
        assert (await admin(url, "GET", "clock", None, f"Authorization: Bearer {minted}"))[0] == 200
        async with prompt(host="0.0.0.0") as other:
            assert other.minted != minted
    async with prompt(host="0.0.0.0", admin_token="t") as simulator:
        assert simulator.minted is None
        assert (await admin(simulator.url("chip"), "GET", "clock", None, "Authorization: Bearer t"))[0] == 200
    async with prompt() as simulator:
        assert simulator.minted is None


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1", "", 200),
        ("localhost", "", 200),
        ("[::1]:8070", "", 200),
        ("127.0.0.1:8070", "http://127.0.0.1:8070", 403),
        ("localhost:8070", "http://localhost:8070", 403),
        ("localhost:8070", "http://localhost:3000", 403),
        ("127.0.0.1:8070", "null", 403),
        ("127.0.0.1:8070", "https://evil.example.com", 403),
        ("evil.example.com", "", 403),
        ("localhost.evil.example.com:8070", "", 403),
        ("192.0.2.1", "", 403),
        ("", "", 403),
        ("[", "", 403),
    ],
)
async def test_pages_are_refused(url: str, host: str, origin: str, status: int) -> None:
    more = (f"Origin: {origin}",) if origin else ()
    async with Raw.open(url, request("GET", "/__admin/clock", b"", *more, host=host)) as raw:
        head, body = await raw.answer()
    assert int(head[0].split()[1]) == status
    assert status == 200 or json.loads(body)["error"].startswith("the control API does not answer to ")


@pytest.mark.parametrize(
    ("host", "inside"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("", False)],
)
def test_is_loopback(host: str, inside: bool) -> None:
    assert is_loopback(host) is inside


async def test_say_to_a_live_client(server: Server, url: str) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        chat_id = await started(ws)
        talk = f"{WEBSITE}/{chat_id}"
        for given in ({}, {"talk": chat_id}, {"talk": talk, "backend": "chip"}):
            answer = await admin(url, "POST", "act", {"act": "say", "text": "häi 👍", **given})
            what = "chat_out with origin flow; with an agent, origin chat and its user"
            assert answer == (200, {"talk": talk, "act": "say", "how": "spoken", "what": what})
            out = json.loads(await ws.recv())["msg_out"]
            assert (out["text"], out["origin"], "user" in out) == ("häi 👍", "flow", False)
            await ws.send(json.dumps({"type": "ack_chat", "msg_id": out["id"]}))


async def test_hand_off_picture_and_leave(server: Server, url: str) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws, KNOWN)

        async def act(name: str, **more: object) -> None:
            assert (await admin(url, "POST", "act", {"act": name, "talk": KNOWN, **more}))[0] == 200

        async def heard() -> str:
            text = str(await ws.recv())
            number = json.loads(text)["msg_out"]["id"]
            await ws.send(json.dumps({"type": "ack_chat", "msg_id": number}))
            return text.replace(str(number), "ID").partition(',"time":')[0]

        await act("hand_off", agent="Amina Desk")
        await act("say", text="Amina here")
        user = '{"id":235,"email":"amina@example.com","name":"Amina Desk"}'
        chat_out = '{"type":"chat_out","msg_out":{"id":ID,"text":'
        assert await heard() == f'{chat_out}"Amina here","origin":"chat","user":{user}'
        await act("picture", url="https://example.com/a.png", type="image/png", text="look")
        attachments = '["image/png:https://example.com/a.png"]'
        assert await heard() == f'{chat_out}"look","attachments":{attachments},"origin":"chat","user":{user}'
        await act("leave")
        await act("say", text="the bot again")
        assert await heard() == f'{chat_out}"the bot again","origin":"flow"'


async def test_raw_goes_past_the_outbox(server: Server, url: str) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws)
        await admin(url, "POST", "act", {"act": "say", "text": "never acked"})
        assert "never acked" in str(await ws.recv())
        await admin(url, "POST", "act", {"act": "raw", "name": "novelty", "body": {"b": [1, "ä"], "a": None}})
        assert await ws.recv() == '{"type":"novelty","b":[1,"ä"],"a":null}'


async def test_act_waits_for_its_time(server: Server, url: str) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws)
        await admin(url, "POST", "act", {"act": "say", "text": "later", "after": 2})
        await admin(url, "POST", "clock/advance", {"seconds": 1.999})
        assert (
            await said(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
            == '{"type":"history","history":[]}'
        )
        await admin(url, "POST", "clock/advance", {"seconds": 0.001})
        assert '"text":"later"' in str(await ws.recv())


async def test_every_act_has_an_answer(server: Server, url: str) -> None:
    needed: dict[str, dict[str, object]] = {
        "say": {"text": "x"}, "status": {"status": "read"}, "queue": {"position": 1}, "hand_off": {"agent": "235"},
        "picture": {"url": "u"}, "file": {"url": "u"}, "stream": {"chunks": ["a", "b"]}, "raw": {"name": "n"},
    }  # fmt: skip
    async with connect(server.connect("chip"), proxy=None) as ws:
        await ws.send(json.dumps({"type": "start_chat", "chat_id": KNOWN}))
        await ws.recv()
        for name in ACTS:
            status, answer = await admin(url, "POST", "act", {"act": name, **needed.get(name, {})})
            assert (status, answer["act"], answer["talk"].rpartition("/")[2]) == (200, name, KNOWN)
            assert answer["how"] in ("spoken", "approximated", "silent")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"act": "say", "text": "x", "agent": "Nobody"}, "there is no active user 'Nobody'"),
        ({"act": "hand_off", "agent": "Nobody"}, "there is no active user 'Nobody'"),
        ({"act": "raw", "name": "n", "body": [1]}, "raw: expected an object as body"),
        ({"act": "raw", "name": "n"}, "raw: the chat has no socket"),
    ],
)
async def test_acts_that_can_not_be_done(server: Server, url: str, body: dict[str, object], why: str) -> None:
    assert await admin(url, "POST", "act", {**body, "talk": KNOWN}) == (400, {"error": why})


async def test_an_act_without_a_talk_needs_somebody_there(server: Server, url: str) -> None:
    status, answer = await admin(url, "POST", "act", {"act": "say", "text": "x"})
    assert (status, answer["error"][:44]) == (404, "talk: nobody is connected, so say which; the")


async def test_refusals_say_what_would_do(url: str) -> None:
    """RFC 9110, 15.5.2 and 15.5.6."""
    assert "Allow: POST" in (await ask(url, "GET", "/__admin/reset"))[0]
    assert "Allow: GET, HEAD, PUT" in (await ask(url, "POST", "/__admin/clock"))[0]
    async with prompt(admin_token="t") as simulator:
        assert "WWW-Authenticate: Bearer" in (await ask(simulator.url("chip"), "GET", "/__admin/clock"))[0]


@pytest.mark.parametrize("token", ["", " ", "a ", "a\nb", "\udcff"])
def test_a_token_that_no_header_can_carry(token: str) -> None:
    with pytest.raises(SimulatorError, match="--admin-token: expected what a header can carry"):
        prompt(admin_token=token)


@pytest.mark.parametrize(
    ("site", "status"), [("none", 200), ("same-origin", 403), ("same-site", 403), ("cross-site", 403)]
)
async def test_requests_of_pages_without_an_origin(url: str, site: str, status: int) -> None:
    """An image, a script or a frame; browsers say so (Fetch Metadata)."""
    head, _ = await ask(url, "GET", "/__admin/messages", b"", f"Sec-Fetch-Site: {site}")
    assert int(head[0].split()[1]) == status


async def test_a_frame_deeper_than_json_is_written_is_shown_raw(server: Server, url: str) -> None:
    deep = '{"type":"start_chat","chat_id":' + "[" * 300 + "]" * 300 + "}"
    async with connect(server.connect("chip"), proxy=None) as ws:
        await ws.send(deep)
        await started(ws)
    _, answer = await admin(url, "GET", "messages")
    assert answer["messages"][0]["raw"] == deep


async def test_a_clock_has_an_end(server: Server, url: str) -> None:
    assert isinstance(server.clock, ManualClock)
    server.clock.set(LAST - 10)
    status, answer = await admin(url, "POST", "clock/advance", {"seconds": 11})
    assert (status, answer) == (400, {"error": "seconds: no clock goes beyond 9000-01-01T00:00:00Z"})
    status, answer = await admin(url, "POST", "clock/advance", {"seconds": 10})
    assert (status, answer["time"]) == (200, "9000-01-01T00:00:00Z")


async def test_a_reset_ends_an_advance(server: Server, url: str) -> None:
    async with connect(server.connect("chip"), proxy=None):
        long = asyncio.create_task(admin(url, "POST", "clock/advance", {"seconds": 3e8}))
        async with asyncio.timeout(5):
            while server.clock.now() == NEW_YEAR["now"]:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert await admin(url, "POST", "reset", {}) == (200, NEW_YEAR)
        assert (await long)[0] == 409
    assert await admin(url, "GET", "clock") == (200, NEW_YEAR)


async def test_journal(server: Server, url: str) -> None:
    assert await admin(url, "GET", "messages") == (200, {"total": 0, "first": 1, "more": False, "messages": []})
    async with connect(server.connect("chip"), proxy=None) as ws:
        chat_id = await started(ws)
        await ws.send("garbage \udcff".encode("utf-8", "surrogateescape"), text=True)
        await ws.send(b'{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
        await ws.recv()
        await (await ws.ping(b"pi\xff"))
    _, answer = await admin(url, "GET", "messages")
    assert answer["total"] == 7
    messages = answer["messages"]
    assert [message.pop("number") for message in messages] == [1, 2, 3, 4, 5, 6, 7]
    link = messages[0]["link"]
    common = {"time": "2026-01-01T00:00:00Z", "backend": "chip", "link": link}
    assert messages[0] == {
        **common, "sender": "client", "kind": "message", "name": "start_chat", "args": [{}],
        "raw": '{"type":"start_chat"}',
    }  # fmt: skip
    assert messages[1] == {
        **common, "sender": "server", "kind": "message", "name": "chat_started", "args": [{"chat_id": chat_id}],
        "raw": f'{{"type":"chat_started","chat_id":"{chat_id}"}}',
    }  # fmt: skip
    assert (messages[2]["name"], messages[2]["args"]) == (None, None)
    assert messages[2]["raw"] == "garbage ?"
    assert messages[2]["error"].startswith("invalid character 'g' looking for")
    assert (messages[3]["name"], messages[3]["raw"]) == (
        "get_history",
        '{"type":"get_history","before":"2099-01-01T00:00:00Z"}',
    )
    assert messages[4]["name"] == "history"
    assert messages[5] == {**common, "sender": "client", "kind": "ping", "raw": "pi\xff"}
    assert messages[6] == {**common, "sender": "server", "kind": "pong", "raw": "pi\xff"}


async def test_journal_has_events_whole(server: Server, url: str) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws)
        out = await said(ws, '{"type":"send_msg","text":"hi"}')
        history = await said(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
    _, answer = await admin(url, "GET", "messages")
    told = [{"type": line["name"], **line["args"][0]} for line in answer["messages"] if line["sender"] == "server"]
    assert told[1:] == [json.loads(out), json.loads(history)]


@pytest.mark.parametrize(("limit", "numbers"), [("2", [5, 6]), ("0", []), ("1000", [1, 2, 3, 4, 5, 6])])
async def test_journal_in_part(server: Server, url: str, limit: str, numbers: list[int]) -> None:
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws)
        for _ in range(2):
            await said(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')
    _, answer = await admin(url, "GET", f"messages?limit={limit}")
    assert answer["total"] == 6
    assert [message["number"] for message in answer["messages"]] == numbers


async def run(server: Server) -> list[str]:
    """One client's whole life, under a clock that stands still."""
    seen = []
    async with connect(server.connect("chip"), proxy=None) as ws:
        seen.append(await said(ws, '{"type":"start_chat"}'))
        seen.append(await said(ws, '{"type":"send_msg","text":"one"}'))
        number = json.loads(seen[-1])["msg_out"]["id"]
        await ws.send(json.dumps({"type": "ack_chat", "msg_id": number}))
        seen.append(await said(ws, '{"type":"send_msg","text":"two"}'))
        seen.append(await said(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}'))
    return seen


async def test_reset_begins_anew(server: Server, url: str) -> None:
    first = await run(server)
    await admin(url, "POST", "clock/advance", {"seconds": 100})
    assert await run(server) != first
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws)
        assert await admin(url, "POST", "reset") == (200, NEW_YEAR)
        with pytest.raises(ConnectionClosedOK):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1000, "")
    assert await admin(url, "GET", "messages") == (200, {"total": 0, "first": 1, "more": False, "messages": []})
    assert await run(server) == first
    async with prompt(ManualClock()) as fresh:
        assert await run(fresh) == first


async def test_reset_forgets_what_was_to_come(server: Server, url: str) -> None:
    await admin(url, "POST", "act", {"act": "say", "text": "never", "after": 5, "talk": KNOWN})
    await admin(url, "POST", "reset")
    await admin(url, "POST", "clock/advance", {"seconds": 10})
    async with connect(server.connect("chip"), proxy=None) as ws:
        await started(ws, KNOWN)
        assert "never" not in await said(ws, '{"type":"get_history","before":"2099-01-01T00:00:00Z"}')

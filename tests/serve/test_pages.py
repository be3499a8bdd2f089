"""Our own pages and the port of their own: who may open them, what they may do, and that nobody else's page can."""

from __future__ import annotations

import json
import re

import pytest

from simulator.core.errors import SimulatorError
from simulator.core.message import Frame
from simulator.serve.app import Options, Server
from tests.served import Raw, admin, ask, prompt, request

SEEN = ("Sec-Fetch-Site: none", "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate")
FRAME = Frame("{}")
OWN = "Sec-Fetch-Site: same-origin"


def every(**options: object) -> Server:
    return Server(Options(["chip", "mia"], port=0, seed=7, **options))  # type: ignore[arg-type]


def status(head: list[str]) -> int:
    return int(head[0].split()[1])


async def token(url: str, *more: str) -> str:
    head, body = await ask(url, "GET", "/__admin/ui", b"", *SEEN, *more)
    assert status(head) == 200
    found = re.search(rb'<meta name="simulator-page-token" content="(\w*)">', body)
    assert found is not None
    return found[1].decode()


@pytest.mark.parametrize("page", ["ui", "playground"])
async def test_a_page_and_what_it_may_do(page: str) -> None:
    async with prompt() as simulator:
        url = simulator.url("chip")
        head, body = await ask(url, "GET", f"/__admin/{page}", b"", *SEEN)
        assert head[0] == "HTTP/1.1 200 OK"
        assert body.startswith(b"<!doctype html>")
        address = url.partition("://")[2]
        port = address.rpartition(":")[2]
        lines = dict(line.split(": ", 1) for line in head[1:])
        policy = lines["Content-Security-Policy"].split("; ")
        assert policy[:3] == ["default-src 'none'", "script-src 'self'", "style-src 'self'"]
        assert f"connect-src 'self' http://{address} ws://{address}" in policy, port
        for rule in (
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ):
            assert rule in policy
        assert "unsafe" not in lines["Content-Security-Policy"]
        assert lines["Cache-Control"] == "no-store"
        assert lines["Cross-Origin-Opener-Policy"] == "same-origin"
        assert lines["Referrer-Policy"] == "no-referrer"
        assert lines["X-Content-Type-Options"] == "nosniff"
        assert lines["Content-Type"] == "text/html; charset=utf-8"
        # By another name of this machine, in a space, and with a slash too much.
        async with Raw.open(url, request("GET", f"/__admin/{page}", b"", *SEEN, host=f"localhost:{port}")) as raw:
            assert f"http://localhost:{port} ws://localhost:{port}" in "\n".join((await raw.answer())[0])
        assert status((await ask(url, "GET", f"/~space/a/__admin/{page}", b"", *SEEN))[0]) == 200
        head, _ = await ask(url, "GET", f"/~space/a/__admin/{page}/", b"", *SEEN)
        assert (status(head), f"Location: ../{page}" in head) == (308, True)
        head, body = await ask(url, "HEAD", f"/__admin/{page}", b"", *SEEN)
        assert (status(head), body) == (200, b"")
        head, _ = await ask(url, "POST", f"/__admin/{page}", b"")
        assert (status(head), "Allow: GET, HEAD" in head) == (405, True)


async def test_our_page_may_call_and_no_other() -> None:
    async with prompt() as simulator, prompt() as other:
        url = simulator.url("chip")
        host = url.partition("://")[2]
        key = await token(url)
        assert len(key) >= 32
        assert await token(url) == key
        assert await token(other.url("chip")) != key
        bearer, wrong = f"Authorization: Bearer {key}", f"Authorization: Bearer {key[:-1]}"
        for method, lines, expected in (
            ("GET", (OWN, bearer), 200),
            ("POST", (OWN, f"Origin: http://{host}", bearer), 200),
            ("POST", (f"Origin: http://{host}", bearer), 200),
            ("GET", (OWN,), 403),
            ("GET", (OWN, wrong), 403),
            ("POST", (OWN, f"Origin: http://{host}"), 403),
            ("POST", (OWN, f"Origin: https://{host}", bearer), 403),
            ("POST", (OWN, "Origin: null", bearer), 403),
            ("POST", ("Sec-Fetch-Site: same-site", f"Origin: http://{host}", bearer), 403),
            ("POST", ("Sec-Fetch-Site: cross-site", "Origin: https://example.com", bearer), 403),
            ("OPTIONS", ("Sec-Fetch-Site: cross-site", "Origin: https://example.com"), 403),
        ):
            path = "/__admin/reset" if method == "POST" else "/__admin/health"
            async with Raw.open(url, request(method, path, b"", *lines, host=host)) as raw:
                head, _ = await raw.answer()
            assert status(head) == expected, (method, lines)
            assert not any(line.lower().startswith("access-control") for line in head)
        async with Raw.open(url, request("GET", "/__admin/health", b"", OWN, bearer, host="evil.example.com")) as raw:
            assert status((await raw.answer())[0]) == 403


@pytest.mark.parametrize(
    ("path", "lines", "host", "expected"),
    [
        ("ui", ("Sec-Fetch-Dest: document", "Sec-Fetch-Site: cross-site"), "127.0.0.1", 200),
        ("ui", (), "127.0.0.1", 200),
        ("ui", ("Sec-Fetch-Dest: iframe", OWN), "127.0.0.1", 403),
        ("ui", ("Sec-Fetch-Dest: empty", OWN), "127.0.0.1", 403),
        ("ui", SEEN, "evil.example.com", 403),
        ("ui", SEEN, "", 403),
        ("assets/inspector/index.html", (OWN,), "127.0.0.1", 200),
        ("assets/inspector/index.html", ("Sec-Fetch-Site: cross-site",), "127.0.0.1", 403),
        ("assets/inspector/index.html", ("Sec-Fetch-Site: same-site",), "127.0.0.1", 403),
        ("assets/inspector/index.html", (OWN,), "evil.example.com", 403),
        ("assets/inspector/../api.py", (), "127.0.0.1", 404),
        ("assets/inspector/%2e%2e/api.py", (), "127.0.0.1", 404),
        ("assets/inspector%2F..%2Fapi.py", (), "127.0.0.1", 404),
        ("assets//etc/passwd", (), "127.0.0.1", 404),
        ("assets/inspector", (), "127.0.0.1", 404),
        ("assets", (), "127.0.0.1", 404),
        ("ui/more", (), "127.0.0.1", 404),
    ],
)
async def test_who_may_open_what(path: str, lines: tuple[str, ...], host: str, expected: int) -> None:
    async with prompt() as simulator:
        url = simulator.url("chip")
        async with Raw.open(url, request("GET", f"/__admin/{path}", b"", *lines, host=host)) as raw:
            head, body = await raw.answer()
        assert status(head) == expected
        if expected == 200 and path.startswith("assets/"):
            assert "Content-Security-Policy: default-src 'none'; sandbox" in head
            assert "X-Content-Type-Options: nosniff" in head
        if expected != 200:
            assert json.loads(body)["error"]


async def test_assets_have_their_types() -> None:
    async with prompt() as simulator:
        url = simulator.url("chip")
        for name, kind in (
            ("socket.io.esm.min.js", "text/javascript; charset=utf-8"),
            ("LICENSE", "text/plain; charset=utf-8"),
        ):
            head, body = await ask(url, "GET", f"/__admin/assets/socket.io/{name}")
            assert f"Content-Type: {kind}" in head
            assert len(body) > 100
        head, _ = await ask(url, "DELETE", "/__admin/assets/socket.io/LICENSE")
        assert status(head) == 405


async def test_where_a_token_is_asked_for_a_page_holds_none() -> None:
    """It is a shell without data: whoever opened it brings the token."""
    async with prompt(host="0.0.0.0") as simulator:
        url = simulator.url("chip")
        assert await token(url) == ""
        async with Raw.open(url, request("GET", "/__admin/ui", b"", *SEEN, host="box.example.com:8070")) as raw:
            head, body = await raw.answer()
        assert status(head) == 200
        port = url.rpartition(":")[2]
        assert f"http://box.example.com:{port} ws://box.example.com:{port}" in "\n".join(head)
        assert str(simulator.minted).encode() not in body
        # A Host that no browser sends does not write our header.
        async with Raw.open(url, request("GET", "/__admin/ui", b"", host="x; script-src *")) as raw:
            assert "script-src *" not in "\n".join((await raw.answer())[0])


async def test_a_port_of_its_own() -> None:
    async with every(admin_port=0) as simulator:
        control = simulator.admin
        assert control is not None
        assert simulator.control == control
        assert (await admin(control, "GET", "health"))[1]["backends"] == ["chip", "mia"]
        for name in ("chip", "mia"):
            head, body = await ask(simulator.url(name), "GET", "/__admin/health")
            assert status(head) == 404
            assert b"control" not in body
        said, answer = await admin(control, "POST", "act", {"act": "say", "text": "x"})
        assert (said, answer["error"]) == (
            400, "backend: say which, this port is that of all; there are: chip, mia",
        )  # fmt: skip
        said, answer = await admin(control, "POST", "act", {"act": "say", "text": "x", "backend": "chip"})
        assert (said, answer["error"][:5]) == (404, "talk:")
        assert (await ask(control, "GET", "/~space/a/__admin/clock"))[0][0] == "HTTP/1.1 200 OK"
        assert [space["name"] for space in (await admin(control, "GET", "spaces"))[1]["spaces"]] == ["", "a"]
        for path, expected in (("/", 404), ("/wc/connect/x/", 404), ("/~space//__admin/clock", 400)):
            head, body = await ask(control, "GET", path)
            assert (status(head), "error" in json.loads(body)) == (expected, True)
        head, _ = await ask(control, "GET", "/__admin/ui", b"", *SEEN)
        for served in simulator.served:
            assert served.url.replace("http", "ws") in "\n".join(head)
        assert await token(control)
    assert simulator.admin is None


async def test_one_backend_needs_no_name_on_that_port() -> None:
    async with prompt(admin_port=0) as simulator:
        assert simulator.admin is not None
        said, answer = await admin(simulator.admin, "POST", "act", {"act": "say", "text": "x"})
        assert (said, answer["error"][:5]) == (404, "talk:")


async def test_none_at_all() -> None:
    async with every(admin=False, host="0.0.0.0") as simulator:
        assert (simulator.control, simulator.minted) == (None, None)
        for name in ("chip", "mia"):
            for path in ("health", "ui", "assets/inspector/index.html"):
                _, unknown = await ask(simulator.url(name), "GET", "/nothing")
                head, body = await ask(simulator.url(name), "GET", f"/__admin/{path}")
                assert status(head) == 404
                assert body == unknown.replace(b"/nothing", f"/__admin/{path}".encode())


async def test_the_journal_has_a_bound_in_every_space() -> None:
    async with prompt(journal=3) as simulator:
        url = simulator.url("chip")
        await admin(url, "POST", "spaces", {"name": "a"})
        for place in simulator.spaces:
            for _ in range(5):
                place.driver.space.journal.add(0.0, "chip", 1, "client", FRAME)
            assert [entry.number for entry in place.driver.space.journal] == [3, 4, 5]
        assert (await admin(url, "GET", "messages"))[1]["total"] == 5
        # Characters are bounded, too: a named space has less room for them than the default one.
        for place, kept in zip(simulator.spaces, (3, 1), strict=True):
            for _ in range(3):
                place.driver.space.journal.add(0.0, "chip", 1, "client", Frame("x" * (3 << 20)))
            assert len([*place.driver.space.journal]) == kept, place.name
    with pytest.raises(SimulatorError, match="--journal -1: expected how many frames, from 0 on"):
        prompt(journal=-1)

"""Who gets a connection, how long it lives, and what the gateway itself says; tokens and the management endpoint."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from simulator.backends.concierge import tokens
from simulator.backends.concierge.presign import Key
from simulator.core.bot import Say
from simulator.core.message import Headers, Response
from simulator.core.wire import Shut
from tests.backends.concierge.sign import signed
from tests.backends.concierge.speak import (
    ACCESS,
    OPEN,
    REGION,
    SECRET,
    ask,
    concierge,
    connected,
    frame,
    good,
    say,
    texts,
)
from tests.talk import UPGRADE, Socket, Talk

NOW = 1767225600


@pytest.fixture
def talk() -> Talk:
    return concierge()


def token(tenant: str = "34", secret: str = "not-a-secret", expires: int = NOW + 60) -> str:
    return tokens.mint(secret, tenant, "367", NOW, expires)


def refused(talk: Talk, query: str, headers: Headers = UPGRADE, method: str = "GET") -> Response:
    socket = talk.connect("x", f"/uat{query}", headers, method)
    assert socket.refused is not None
    assert socket.upgrade is None
    return talk.backend.dress(talk.running.seed.settings, talk_request(method), socket.refused, talk.clock.now())


def talk_request(method: str) -> Any:
    from simulator.core.message import Request

    return Request(method, "/uat")


UNAUTHORIZED = ("UnauthorizedException", "Unauthorized")
DENIED = ("AccessDeniedException", "User is not authorized to access this resource with an explicit deny")


def signed_as(head: object) -> str:
    """A token with the right signature under another head."""
    text = f"{tokens._encoded(json.dumps(head).encode())}.{token().split('.')[1]}"
    return f"{text}.{tokens._encoded(tokens._mac('not-a-secret', text))}"


UNSIGNED = ".".join([base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("="), *token().split(".")[1:]])


@pytest.mark.parametrize(
    ("query", "status", "kind", "text", "why"),
    [
        ("", 401, *UNAUTHORIZED, "no Auth=<token>"),
        ("?Auth=&deviceId=a", 401, *UNAUTHORIZED, "no Auth=<token>"),
        ("?Auth=garbage&deviceId=a", 401, *UNAUTHORIZED, "no JWT"),
        ("?Auth=a.b.c&deviceId=a", 401, *UNAUTHORIZED, "no JWT"),
        (f"?Auth={token(secret='forged')}&deviceId=a", 401, *UNAUTHORIZED, "keys.jwt"),
        (f"?Auth={token(expires=NOW)}&deviceId=a", 401, *UNAUTHORIZED, "expired 0 s ago: it is 2026-01-01T00:00:00Z"),
        (f"?Auth={UNSIGNED}&deviceId=a", 401, *UNAUTHORIZED, "keys.jwt"),
        (f"?Auth={signed_as({'alg': 'none'})}&deviceId=a", 401, *UNAUTHORIZED, "HS256"),
        (f"?Auth={signed_as([])}&deviceId=a", 401, *UNAUTHORIZED, "HS256"),
        (f"?Auth={token('36')}&deviceId=a", 403, *DENIED, "no active tenant '36'"),
        (f"?Auth={token('99')}&deviceId=a", 403, *DENIED, "no active tenant '99'"),
        (f"?Auth={token()}", 400, "BadRequestException", "Bad Request", "no deviceId=<id>"),
    ],
)
def test_refused_before_any_upgrade(talk: Talk, query: str, status: int, kind: str, text: str, why: str) -> None:
    response = refused(talk, query)
    level, told, _ = talk.logged[-1]
    assert (level, told.startswith(f"refused with {status}: "), why in told) == ("warning", True, True), told
    assert not any(part in told for part in query.partition("Auth=")[2].split("&")[0].split(".") if len(part) > 3)
    headers = dict(response.headers)
    assert response.status == status
    assert response.body == f'{{"{"Message" if kind == "AccessDeniedException" else "message"}":"{text}"}}'.encode()
    assert headers["Content-Type"] == "application/json"
    assert headers["x-amzn-ErrorType"] == kind
    assert len(headers["x-amzn-RequestId"]) == 36
    assert len(headers["x-amz-apigw-id"]) == 16
    assert headers["Content-Length"] == str(len(response.body))


@pytest.mark.parametrize("status", [400, 401, 403, 500, 502])
def test_what_connect_answers_is_the_status(status: int) -> None:
    talk = concierge(connect_status=status)
    assert refused(talk, f"?Auth={token()}&deviceId=a").status == status
    assert "connect_status" in talk.logged[-1][1]
    assert refused(talk, "?deviceId=a").status == 401, "the identity source comes first"


def test_no_upgrade(talk: Talk) -> None:
    plain = (("Host", "127.0.0.1"),)
    response = refused(talk, f"?Auth={token()}&deviceId=a", plain)
    assert (response.status, dict(response.headers)["Upgrade"]) == (426, "websocket")
    assert refused(talk, "", plain).status == 426, "no authorizer is asked"
    assert refused(talk, "", plain, "HEAD").body == b""
    wrong = tuple((name, "8" if name.endswith("Version") else value) for name, value in UPGRADE)
    assert refused(talk, f"?Auth={token()}&deviceId=a", wrong).status == 400


def test_another_stage(talk: Talk) -> None:
    answer = talk.request("GET", "/prod", headers=UPGRADE)
    assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')
    answer = talk.request("GET", "/prod")
    assert (answer.status, answer.body) == (403, b'{"message":"Missing Authentication Token"}')


def test_a_token_with_other_claims() -> None:
    def made(**claims: object) -> str:
        text = token()
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        head = f"{text.partition('.')[0]}.{body}"
        return f"{head}.{tokens._encoded(tokens._mac('s', head))}"

    assert tokens.tenant_of("s", made(tenantId=34, exp=5.5), 5) == "34"
    wrong = (made(tenantId=34, exp="x"), made(tenantId=None, exp=9), made(exp=9), "é.é.é", "\udcff.x.y")
    for given, why in zip(wrong, ["claims", "claims", "claims", "no JWT", "no JWT"], strict=True):
        with pytest.raises(tokens.Unfit, match=why):
            tokens.tenant_of("s", given, 5)


# ---- the gateway's own words ----


@pytest.mark.parametrize(
    "data", ["", "x", "[]", "{}", '{"action":"dance"}', '{"action":1}', b'{"action":"api"}', "[" * 3000]
)
def test_no_route_key(talk: Talk, data: str | bytes) -> None:
    client = connected(talk)
    connection = good(client, "get-chat-session", chatSessionId=OPEN)["connection"]["connectionId"]
    client.send(data)
    [text] = client.texts()
    request = json.loads(text)["requestId"]
    assert text == f'{{"message": "Forbidden", "connectionId":"{connection}", "requestId":"{request}"}}'
    assert base64.urlsafe_b64decode(request)[8] == 5
    assert client.open
    say(client)


@pytest.mark.parametrize(
    "data", ['{"action":"api"}', '{"action":"api","data":1}', '{"action":"api","data":{"body":{}}}']
)
def test_the_application_stumbles(talk: Talk, data: str) -> None:
    client = connected(talk)
    client.send(data)
    [text] = client.texts()
    assert text.startswith('{"message": "Internal server error", "connectionId":"')
    assert client.open


# ---- how long it lives ----


def test_idle_and_longest_are_settings() -> None:
    talk = concierge(idle_timeout=6, longest_connection=72)
    client = connected(talk)
    talk.after(5.9)
    assert client.open
    talk.after(0.1)
    assert [*client.got] == [Shut(1, 1001, "Going away")]
    busy = connected(talk, "busy")
    for _ in range(14):
        talk.after(5)
        good(busy, "get-chat-session", chatSessionId=OPEN)
    talk.after(2)
    assert [*busy.got] == [Shut(2, 1001, "Going away")]


def test_ten_minutes_and_two_hours(talk: Talk) -> None:
    client, busy = connected(talk), connected(talk, "busy", deviceId="tablet")
    for _ in range(12):
        talk.after(599)
        say(busy)
        client.texts()
    assert client.open, "pushes count"
    assert not busy.got
    talk.after(7200 - 12 * 599)
    assert [*client.got] == [Shut(1, 1001, "Going away")]
    assert [*busy.got] == [Shut(2, 1001, "Going away")]


def test_pings_are_no_sign_of_life(talk: Talk) -> None:
    client = connected(talk)
    talk.after(599)
    client.ping(b"x")
    client.got.clear()
    talk.after(1)
    assert not client.open


def test_limits() -> None:
    backend = concierge().backend

    def limit(**settings: Any) -> int:
        return backend.link(type(concierge().running.seed.settings).model_validate(settings)).limit

    assert limit() == 131_072
    assert limit(frame_limit="per_message") == 32_768
    assert limit(frame_limit="per_frame") == 131_072
    assert limit(message_limit=5, frame_limit="per_message") == limit(message_limit=5) == 5


# ---- tokens ----


def test_authorize_tenant(talk: Talk) -> None:
    def asked(body: object) -> Response:
        return talk.request("POST", "/client/auth/authorize-tenant", json.dumps(body).encode())

    body = json.loads(asked({"clientSecret": "client-secret", "tenantId": "34"}).body)
    assert body == {
        "accessToken": body["accessToken"], "tokenValidFor": "3600s", "tokenExpiryTime": (NOW + 3600) * 1000,
    }  # fmt: skip
    assert connected(talk, Auth=body["accessToken"]).open
    talk.after(3600)
    assert refused(talk, f"?Auth={body['accessToken']}&deviceId=a").status == 401
    for wrong in ({"clientSecret": "x", "tenantId": "34"}, {"clientSecret": "client-secret", "tenantId": "99"},
                  {"clientSecret": "client-secret", "tenantId": 36}):  # fmt: skip
        assert asked(wrong).status == 401
        why = "keys.client" if wrong["clientSecret"] == "x" else "no active tenant"
        assert talk.logged[-1][1].startswith("refused with 401: ")
        assert why in talk.logged[-1][1]
    bodies: tuple[object, ...] = ({}, [], {"clientSecret": 1, "tenantId": "34"})
    for bad in bodies:
        assert asked(bad).status == 400
    assert b"clientSecret: Field required" in asked({}).body
    assert talk.logged[-1][1] == "refused with 400: clientSecret: Field required"
    assert talk.request("POST", "/client/auth/authorize-tenant", b"{").status == 400
    assert talk.request("GET", "/client/auth/authorize-tenant").status == 403


# ---- @connections ----


def manage(talk: Talk, method: str, connection: str, body: bytes = b"", headers: Headers = ()) -> Response:
    return talk.request(method, f"/uat/@connections/{quote(connection, safe='')}", body, headers)


@pytest.fixture
def client(talk: Talk) -> Socket:
    return connected(talk)


def id_of(client: Socket) -> str:
    return str(good(client, "get-chat-session", chatSessionId=OPEN)["connection"]["connectionId"])


def test_management(talk: Talk, client: Socket) -> None:
    number = id_of(client)
    talk.after(5)
    posted = manage(talk, "POST", number, "any thing é".encode())
    assert (posted.status, posted.body) == (200, b"")
    assert client.texts() == ["any thing é"]
    told = json.loads(manage(talk, "GET", number).body)
    assert told == {
        "connectedAt": "2026-01-01T00:00:00Z",
        "identity": {"sourceIp": "127.0.0.1", "userAgent": ""},
        "lastActiveAt": "2026-01-01T00:00:05Z",
    }
    for data in (frame("get-unread-msg-count", {}), "no request at all"):
        talk.after(5)
        client.send(data)
        last = json.loads(manage(talk, "GET", number).body)["lastActiveAt"]
        assert last == f"2026-01-01T00:00:{talk.clock.now() - NOW:02.0f}Z", "what comes counts"
    client.got.clear()
    talk.after(5)
    talk.act(OPEN, Say("hi"))
    assert json.loads(manage(talk, "GET", number).body)["lastActiveAt"] == "2026-01-01T00:00:20Z", "a push counts"
    assert manage(talk, "POST", number, b"x" * 131_072).status == 200
    client.got.clear()
    large = manage(talk, "POST", number, b"x" * 131_073)
    assert (large.status, dict(large.headers)["x-amzn-ErrorType"]) == (413, "PayloadTooLargeException")
    gone = manage(talk, "DELETE", number)
    assert (gone.status, gone.body) == (204, b"")
    assert [*client.got] == [Shut(1, 1000, "Connection Closed Normally")]
    for method in ("GET", "POST", "DELETE"):
        answer = manage(talk, method, number)
        assert (answer.status, dict(answer.headers)["x-amzn-ErrorType"]) == (410, "GoneException")
        assert talk.logged[-1][1] == "@connections: refused with 410: GoneException"
    assert manage(talk, "GET", "").status == 403, "not a connection's path"


@pytest.mark.parametrize("wanted", ["off", "optional", "required"])
def test_management_auth(wanted: str) -> None:
    talk = concierge(management_auth=wanted)
    number = id_of(connected(talk))
    path = f"/uat/@connections/{quote(number, safe='')}"

    def status(**changed: str) -> tuple[int, str]:
        key = Key(changed.get("access", ACCESS), changed.get("secret", SECRET), REGION, "execute-api")
        headers = signed("GET", path, key, NOW, host="127.0.0.1:8090") if changed != {"none": ""} else ()
        answer = talk.request("GET", path, b"", headers)
        return answer.status, dict(answer.headers).get("x-amzn-ErrorType", "")

    assert status() == (200, "")
    refusal = (403, "MissingAuthenticationTokenException")
    assert status(none="") == (refusal if wanted == "required" else (200, ""))
    assert status(secret="x") == ((200, "") if wanted == "off" else (403, "InvalidSignatureException"))
    assert status(access="x") == ((200, "") if wanted == "off" else (403, "UnrecognizedClientException"))


def test_texts_are_left_alone(talk: Talk, client: Socket) -> None:
    assert ask(client, "get-unread-msg-count")["status"] == 200
    assert texts(client) == []

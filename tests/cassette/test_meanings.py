"""What names say about values."""

from __future__ import annotations

import pytest

from simulator.cassette.meanings import Kind, is_harmless_at_the_door, is_secret_header, of_key, of_parameter, plain


@pytest.mark.parametrize("name", ["accessToken", "access_token", "Access-Token", "ACCESS TOKEN", "\\u0061ccessToken", "\\\\u0061ccessToken"])  # fmt: skip
def test_one_spelling(name: str) -> None:
    assert plain(name) == "accesstoken"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, Kind.TOKEN) for name in ("token", "clientToken", "accessToken", "password", "secret", "refresh_token", "widgetKey", "X-Amz-Signature")),
        *((name, Kind.CODE) for name in ("otp", "pin")),
        *((name, Kind.NAME) for name in ("firstName", "last_name")),
        *((name, Kind.NUMBER) for name in ("idcard", "passport", "cardNumber")),
        ("phoneNumber", Kind.PHONE),
        ("email", Kind.EMAIL),
        *((name, None) for name in ("id", "chat_id", "key", "auth", "sid", "pid", "name", "time", "max_tokens", "tokenCount", "")),
    ],
)  # fmt: skip
def test_keys(name: str, kind: Kind | None) -> None:
    assert of_key(name) is kind


def test_parameters_have_more() -> None:
    for name in (
        "auth",
        "token",
        "access_token",
        "api_key",
        "key",
        "sig",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "sid",
    ):
        assert of_parameter(name) is Kind.TOKEN
    assert of_parameter("email") is Kind.EMAIL
    assert of_parameter("X-Amz-Date") is None


def test_headers() -> None:
    for name in ("Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "x-api-key", "X-CSRF-Token", "token"):
        assert is_secret_header(name)
    for name in ("Host", "Origin", "Sec-WebSocket-Key", "ETag"):
        assert not is_secret_header(name)


def test_at_the_door() -> None:
    for name in ("roomId", "chatId", "sid", "offset"):
        assert is_harmless_at_the_door(name)
    for name in ("pid", "token", "user", ""):
        assert not is_harmless_at_the_door(name)

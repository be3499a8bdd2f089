"""What the names of keys, headers and parameters say about their values."""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Final


class Kind(Enum):
    """What kind of secret a value is, and so what may stand in its place."""

    TOKEN = auto()
    CODE = auto()
    """Short, also as a number: a one-time password, a PIN."""
    NAME = auto()
    NUMBER = auto()
    """Of a card, of papers, of a person."""
    PHONE = auto()
    EMAIL = auto()


TOKENS: Final = frozenset(
    {
        "token",
        "secret",
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "authorization",
        "proxyauthorization",
        "cookie",
        "setcookie",
        "apikey",
        "xapikey",
        "widgetkey",
        "accesskey",
        "secretkey",
        "privatekey",
        "sessionkey",
        "secretaccesskey",
        "signingkey",
        "encryptionkey",
        "jwt",
        "bearer",
        "credential",
        "credentials",
        "xamzsignature",
        "xamzcredential",
        "xamzsecuritytoken",
        "csrf",
        "xsrf",
        "authkey",
    }
)
TOKEN_ENDS: Final = ("token", "secret", "password", "apikey", "passphrase")
"""clientToken, accessToken, refresh_token, client_secret, csrf-token and their like."""
CODES: Final = frozenset(
    {"otp", "otpcode", "onetimepassword", "onetimecode", "pin", "pincode", "cvv", "cvc", "cvv2", "totp"}
)
NAMES: Final = frozenset(
    {
        "firstname",
        "lastname",
        "surname",
        "familyname",
        "givenname",
        "middlename",
        "fullname",
        "maidenname",
        "mothername",
        "fathername",
    }
)
NUMBERS: Final = frozenset(
    {
        "idcard",
        "idcardnumber",
        "idcardno",
        "passport",
        "passportnumber",
        "passportno",
        "cardnumber",
        "cardno",
        "creditcard",
        "creditcardnumber",
        "pan",
        "ssn",
        "socialsecuritynumber",
        "nationalid",
        "nationalidnumber",
        "iban",
        "cpf",
        "taxpayerid",
        "documentnumber",
        "driverslicense",
    }
)
PHONES: Final = frozenset(
    {
        "phone",
        "phonenumber",
        "phoneno",
        "mobile",
        "mobilephone",
        "mobilenumber",
        "cellphone",
        "cell",
        "telephone",
        "tel",
        "whatsapp",
        "msisdn",
        "fax",
    }
)
EMAILS: Final = frozenset({"email", "emailaddress", "mail", "useremail"})

QUERY: Final = TOKENS | frozenset({"auth", "accesstoken", "key", "sig", "signature", "sid", "ticket"})
"""Parameters behind `?` and `&`; `key` and `sid` mean something else in JSON."""

HEADERS: Final = frozenset(
    {
        "authorization",
        "proxyauthorization",
        "cookie",
        "setcookie",
        "xapikey",
        "apikey",
        "xcsrftoken",
        "xxsrftoken",
        "csrftoken",
        "xauthtoken",
        "xamzsecuritytoken",
        "xaccesstoken",
        "xsessiontoken",
        "xauthorization",
        "token",
    }
)

_ESCAPE = re.compile(r"\\+u00([0-9a-fA-F]{2})")
_FILL = str.maketrans("", "", "_- .")


def plain(name: str) -> str:
    """One spelling for `accessToken`, `access_token`, `Access-Token` and how JSON may escape them."""
    if "\\" in name:
        name = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), name).strip("\\")
    return name.translate(_FILL).lower()


@lru_cache(maxsize=4096)
def of_key(name: str) -> Kind | None:
    """What a key in JSON, a field of a form or a cookie says about its value; None for nothing."""
    word = plain(name)
    if word in TOKENS or word.endswith(TOKEN_ENDS):
        return Kind.TOKEN
    for words, kind in _BY_KIND:
        if word in words:
            return kind
    return None


_BY_KIND: Final = (
    (CODES, Kind.CODE),
    (NAMES, Kind.NAME),
    (NUMBERS, Kind.NUMBER),
    (PHONES, Kind.PHONE),
    (EMAILS, Kind.EMAIL),
)


def of_parameter(name: str) -> Kind | None:
    """What a parameter of a URL says about its value."""
    return Kind.TOKEN if plain(name) in QUERY else of_key(name)


def is_secret_header(name: str) -> bool:
    word = plain(name)
    return word in HEADERS or word.endswith((*TOKEN_ENDS, "subscriptionkey")) or word.removeprefix("x") in TOKENS


def is_harmless_at_the_door(name: str) -> bool:
    """Whether a value in a Socket.IO CONNECT's auth is kept: ids, but not the private one that lets one back in."""
    word = plain(name)
    return word != "pid" and (word.endswith("id") or word in {"offset", "locale", "lang", "language", "version"})

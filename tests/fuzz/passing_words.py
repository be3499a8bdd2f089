"""What a client and a server say to each other through the relay: lines of passing.py."""

from __future__ import annotations

from random import Random

from tests.fuzz import sockets
from tests.fuzz.spelling import read_bytes, spelled
from tests.fuzz.words import JUNK, change

PATHS = ["/ws", "/ws?a=1", "/socket.io/?EIO=4&transport=websocket", "/wc/connect/7d62d551-3030-4100-a260-2d7c4e9693e7/", "/a?token=x&b=%20", "//x", "/%zz#f"]  # fmt: skip
STATUSES = [
    "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 101 Switching Protocols", "HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 302 Found", "HTTP/1.1 100 Continue", "HTTP/1.1 401 No", "HTTP/1.1 500 ~dcff~", "HTTP/1.1 999 x", "HTTP/1.1 600 x", "HTTP/1.1 099 x",
    "HTTP/2 200", "ICY 200 OK", "HTTP/1.1 200", "HTTP/1.1 20 OK", "", "HTTP/1.1 200 \tO\tK", "HTTP/1.1 200 " + "x" * 9000,
]  # fmt: skip
LINES = [
    "Content-Length: 5", "Content-Length: 0", "Content-Length: -1", "Content-Length: 70000", "Content-Length: 99999999999999999999", "Content-Length: 3~d~~a~Content-Length: 4",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: deflate", "Connection: close", "Connection: keep-alive",
    "Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-WebSocket-Accept: x", "Sec-WebSocket-Protocol: a",
    "Sec-WebSocket-Extensions: permessage-deflate", "Location: http://evil.example.com/", "Location: /v2/other", "Set-Cookie: a=b; Path=/", "Set-Cookie: c", "Content-Type: text/html",
    "Content-Type: ~dcff~", "X: ~dcff~", "X: ~0~", "X: a~d~b", "X: a~a~ b", "X~20~: y", ": z", "X", " folded", "X: é👍", "Date: never", "X: " + "y" * 9000, "Keep-Alive: timeout=x", "Trailer: X",
]  # fmt: skip
SAID = [
    "81 hello", "1 half", "80 of it", "0 more", "82 ~0~~dcff~", "81 ~dcff~", "88 ~3~~dce8~", "88 ~3~~dce8~bye", "88 ", "88 ~3~", "88 ~3~~dced~", "88 ~3~~dcee~", "88 ~f~~dca0~~dcff~", "88 ~f~~dca0~", "89 ping", "8a pong",
    "89 " + "x" * 130, "c1 x", "91 x", "83 x", "8b x", "9 x", "81 " + "y" * 3000, "81 ", '81 {"type":"hi","token":"65vbbDAQCdPdEWlEhDGy4utO"}', '81 42["a",{"token":"operators-own-query"}]',
    '81 0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}', "81 40", "81 2probe", "81 5", "88 ~0~~0~", "88 ~13~~dc88~x",
]  # fmt: skip


def answer(dice: Random) -> str:
    """What a server writes, mostly a whole answer."""
    lines = [STATUSES[0] if dice.random() < 0.5 else dice.choice(STATUSES)]
    lines += [dice.choice(LINES) for _ in range(dice.choice((0, 1, 1, 2, 4)))]
    body = dice.choice([*sockets.BODIES, *JUNK])
    if dice.random() < 0.5:
        lines.append(f"Content-Length: {len(read_bytes(body))}")
    whole = "~d~~a~".join([*lines, "", body])
    return whole if dice.random() < 0.8 else whole[: dice.randrange(len(whole))]


def line(dice: Random) -> str:
    """Something that one of them does."""
    side, number = dice.choice(("client", "server")), dice.choice((0, 0, 0, 1, 2))
    said = dice.choice(SAID) if dice.random() < 0.8 else f"81 {dice.choice(JUNK)}"
    if dice.random() < 0.2:
        said = change(said, dice)
    match dice.randrange(12):
        case 0:
            return f"client {number} opens"
        case 1:
            return f"client {number} asks {dice.choice(PATHS)}"
        case 2:
            more = "" if dice.random() < 0.6 else f" {dice.choice(LINES)}"
            return f"server {dice.choice((0, 0, 1))} accepts{more}"
        case 3 | 4 | 5 | 6:
            return f"{side} {number} says {said}"
        case 7:
            raw = spelled(dice.randbytes(dice.randrange(20)))
            return f"{side} {number} writes {raw}"
        case 8:
            body = dice.choice([*sockets.BODIES, *JUNK])
            return f"server {number} answers {dice.choice((200, 200, 204, 304, 404, 101, 302, 999))} {body}"
        case 9:
            return f"{side} {number} {dice.choice(('ends', 'resets', 'no more'))}"
        case 10:
            return f"server {number} writes {answer(dice)}"
        case _:
            return f"client {number} writes {sockets.request(dice)}"


def sample(dice: Random) -> bytes:
    """A client that asks for something, and what comes of it."""
    lines = ["plain"] if dice.random() < 0.5 else []
    lines.append("client 0 opens")
    match dice.randrange(3):
        case 0 | 1:
            lines += [f"client 0 asks {dice.choice(PATHS)}", "server 0 accepts"]
        case _:
            lines += [f"client 0 writes {sockets.request(dice)}", f"server 0 writes {answer(dice)}"]
    lines += [line(dice) for _ in range(dice.randrange(1, 25))]
    return "\n".join(lines).encode("utf-8", "replace")


def mutate(data: bytes, dice: Random) -> bytes:
    """One of them does something else."""
    lines = data.decode("utf-8", "replace").split("\n")[:200]
    for _ in range(dice.choice((1, 1, 2))):
        at = dice.randrange(len(lines) + 1)
        match dice.randrange(4):
            case 0 | 1:
                lines.insert(at, line(dice))
            case 2:
                del lines[at : at + 1]
            case _ if at < len(lines):
                lines[at] = change(lines[at], dice)
    return "\n".join(lines).encode("utf-8", "replace")

"""The quickest echo that Python can do: no library, frames of one read given back with the mask taken off.

It shows what the load generator is good for, and serves for nothing else: no fragments, pings or closing handshakes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Echo(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport
    _open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._open:
            self._open = True
            _, _, rest = data.partition(b"Sec-WebSocket-Key: ")
            digest = hashlib.sha1(rest.partition(b"\r\n")[0] + _GUID, usedforsecurity=False).digest()
            self._transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
            )
            return
        size, start = data[1] & 127, 6
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 8
        key = int.from_bytes((data[start - 4 : start] * (size // 4 + 1))[:size], "big")
        payload = (int.from_bytes(data[start:], "big") ^ key).to_bytes(size, "big")
        head = bytes((0x81, size)) if size < 126 else bytes((0x81, 126)) + data[2:4]
        self._transport.write(head + payload)


async def _main() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=1024)
    print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


asyncio.run(_main())

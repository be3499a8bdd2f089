"""Failed uploads, as `fetch` of Node sees them, at the two backends that take files."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.serve.app import Options, Server
from tests.backends.concierge.live import concierge, upload_data
from tests.served import Node, admin

pytestmark = [pytest.mark.live, pytest.mark.node]


async def fetched(node: Node, **command: Any) -> list[Any]:
    node.write({"id": "upload", "do": "put", **command})
    assert node.process.stdout is not None
    return list(await node.event("upload"))


async def post(sim: Server, name: str, **fault: Any) -> None:
    status, told = await admin(sim.url(name), "POST", "faults", fault)
    assert status == 200, told


async def test_a_put_to_a_presigned_url() -> None:
    async with concierge() as sim, Node.running("faults.mjs") as node:
        url = (await upload_data(sim))["uploadURL"]
        headers = {"Content-Type": "image/png"}
        await post(sim, "concierge", type="failed_upload", attributes={"status": 503}, count=1)
        assert await fetched(node, url=url, headers=headers, body="x") == ["answer", 503, "SlowDown"]
        await post(sim, "concierge", type="reset_peer", transport="http", count=1)
        assert await fetched(node, url=url, headers=headers, body="x") == ["failed", "ECONNRESET"]
        assert await fetched(node, url=url, headers=headers, body="x") == ["answer", 200, None]


async def test_a_form_to_aida() -> None:
    form = "--b\r\nContent-Disposition: form-data; name=file; filename=a.png\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n"
    options = Options(["aida"], port=0, seed=7)
    async with Server(options) as sim, Node.running("faults.mjs") as node:
        path = "/content/image/3f0c8b52-7d14-4a6e-9b1f-5c2e8d7a4f60/b7d1c2a4-5e6f-4890-a1b2-c3d4e5f60718"
        command = {
            "url": f"{sim.url('aida')}{path}", "method": "POST", "body": form,
            "headers": {"Content-Type": "multipart/form-data; boundary=b"},
        }  # fmt: skip
        await post(sim, "aida", type="failed_upload", count=1)
        assert await fetched(node, **command) == ["answer", 500, None]
        assert await fetched(node, **command) == ["answer", 200, None]

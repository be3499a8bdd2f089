"""For mitmdump -s: says where it listens, as the servers of the benchmark do."""

from mitmproxy import ctx  # type: ignore[import-not-found]


def running() -> None:
    """It listens."""
    proxy = ctx.master.addons.get("proxyserver")
    print(f"ws://127.0.0.1:{proxy.listen_addrs()[0][1]}/", flush=True)

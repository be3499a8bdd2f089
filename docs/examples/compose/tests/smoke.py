"""Stands for your tests: the control API of the simulator in the other container. Python's own library alone."""

import json
import os
import urllib.request

URL = os.environ["SIMULATOR_URL"]
TOKEN = os.environ["SIMULATOR_ADMIN_TOKEN"]


def call(method: str, path: str, body: object = None) -> dict:
    request = urllib.request.Request(
        f"{URL}/__admin/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


(chip,) = call("GET", "backends")["backends"]
assert chip["name"] == "chip", chip
before = call("GET", "clock")["now"]
call("POST", "clock/advance", {"seconds": 600})
assert call("GET", "clock")["now"] != before
assert call("GET", "violations")["total"] == 0
print("a client connects to", chip["connect"])
print("1 passed")

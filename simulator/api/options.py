"""How a simulator is asked for from Python: the keywords of `Simulator` and of the fixture's `serve`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from simulator.core.errors import SimulatorError

Mode: TypeAlias = Literal["none", "once", "new_episodes", "all"]


class Options(TypedDict, total=False):
    """What may be said; what is left out is as with `simulator serve`, but for the port and a cassette's timing."""

    scenario: str | Path | Mapping[str, Any] | None
    """What the bots do: a file, the name of one that comes along, or the scenario itself as it would stand in YAML."""
    clock: str
    """`wall` (left out), `manual`, or an instant such as 2026-01-01T00:00:00Z at which a manual clock starts."""
    seed: int | None
    """Makes ids and times the same in every run; None (left out) draws one."""
    settings: Mapping[str, object]
    """As `--set`: keys bare or behind a backend's name and a dot."""
    fixtures: str | Path | Mapping[str, str | Path]
    """A file in place of the backend's own, or files by backend."""
    host: str
    port: int
    """0 (left out) is any that is free."""
    journal: int
    """Frames that are kept, 10000 unless said otherwise."""
    admin_token: str | None
    """Asked for by the control API."""
    record: str | Path | None
    """A cassette to write of what is served here."""
    cassette: str | Path | Sequence[str | Path] | None
    """A recording answers in place of the backend's own rules."""
    mode: Mode
    """Whether a real server is asked: `none` (left out), `once`, `new_episodes`, `all`; see docs/replay.md."""
    upstream: str | None
    """That server: https://chat.example.com. Not looked at where nobody is asked."""
    headers: Mapping[str, str]
    """To the upstream."""
    query: Mapping[str, str]
    """To the upstream, in place of the client's parameters."""
    insecure: bool
    """Trust any certificate of the upstream."""
    redact: bool
    """Secrets are replaced in what is recorded; True unless said otherwise."""
    match: Literal["strict", "loose", "position"]
    timing: Literal["recorded", "burst"] | float
    """When a cassette speaks: `burst` (left out) is at once, a number what the tape's seconds are multiplied with."""
    on_miss: Literal["error", "ignore", "close"]
    ignore: Sequence[str]
    """Paths of messages that are not looked at: `send_msg.text`, `*.locale`."""
    keep: Sequence[str]
    """Ids that stay what they are on the tape."""
    times: Literal["recorded", "now"]
    loop: bool
    """A client that has said everything can begin anew."""
    strict: bool
    """What was never played is wrong, too."""


def check(options: Options) -> Options:
    """Raises TypeError for a keyword that there is not, as Python does, and SimulatorError for one of too many."""
    for name in options:
        if name not in Options.__annotations__:
            raise TypeError(f"there is no option {name!r}; there are: {', '.join(Options.__annotations__)}")
    if options.get("cassette") is None:
        for name in ("upstream", "mode"):
            if options.get(name) not in (None, "none"):
                raise SimulatorError(
                    f"{name}={options.get(name)!r} says where a cassette comes from, and none is given"
                )
    elif options.get("scenario") is not None:
        raise SimulatorError("cassette and scenario: either a recording answers or a scenario does")
    for name, known in _WORDS.items():
        given = options.get(name)
        if given is not None and given not in known:
            raise SimulatorError(f"{name}={given!r}: expected one of {', '.join(known)}")
    timing = options.get("timing")
    if isinstance(timing, str):
        wrong = timing not in ("recorded", "burst")
    else:
        wrong = timing is not None and not 0 <= timing <= _SLOWEST
    if wrong:
        raise SimulatorError(f"timing={timing!r}: expected 'recorded', 'burst', or a number from 0 to {_SLOWEST}")
    return options


_SLOWEST = 1000
_WORDS = {
    "mode": ("none", "once", "new_episodes", "all"),
    "match": ("strict", "loose", "position"),
    "on_miss": ("error", "ignore", "close"),
    "times": ("recorded", "now"),
}

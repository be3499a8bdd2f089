"""The command line of `python -m tests.soak`: leaves with 1 if anything is left of the clients, or was lost."""

from __future__ import annotations

import argparse
import math
import resource
import signal
import sys
from typing import NoReturn

from tests.soak.server import NotStarted, Soaked
from tests.soak.soak import Soak
from tests.soak.waits import FULL, Waits

EXAMPLES = """\
examples:
  python -m tests.soak                                    ten minutes, 2500 clients
  python -m tests.soak --minutes 3 --clients 500          a shorter one
  python -m tests.soak --seconds 20 --seed 3              a very short one, with shorter deadlines of the server
  nice -n 5 make soak MINUTES=60 ARGS="--clients 4000"    longer, beside other work
  SIMULATOR_LINKS=aiohttp make soak                       over aiohttp's links; so with each setting of `serve`

exit codes: 0 all was answered and nothing is left, 1 something is amiss, 2 usage, 3 the server did not start,
130 interrupted by Ctrl-C
"""
LEAST = 5.0
"""Seconds: in fewer nobody has come and gone."""
OTHERS = 300
"""Descriptors of the server that are no client's."""


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; --help has examples\n")


def _seconds(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number <= 0:
        raise ValueError
    return number


_seconds.__name__ = "number above 0"


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


_count.__name__ = "count above 0"


def options(arguments: list[str]) -> argparse.Namespace:
    """What is asked for. Leaves with 2 where that makes no sense."""
    parser = Parser(
        "python -m tests.soak",
        description="Thousands of clients that behave badly, at the real command, and what is left of them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=_seconds, default=10.0, help="how long (10)")
    parser.add_argument("--seconds", type=_seconds, help="the same in seconds, 5 at least")
    parser.add_argument("--clients", type=_count, help="how many there are (2500; 200 below two minutes)")
    parser.add_argument("--processes", type=_count, default=2, help="of clients (2)")
    parser.add_argument("--think", type=_seconds, help="seconds between a client's comings (5; 1 below two minutes)")
    parser.add_argument("--seed", type=int, default=1, help="of server and clients (1)")
    given = parser.parse_args(arguments)
    given.seconds = given.minutes * 60 if given.seconds is None else given.seconds
    if given.seconds < LEAST:
        parser.error(f"argument --seconds: expected {LEAST:g} at least, got {given.seconds:g}")
    given.clients = given.clients or (200 if given.seconds < FULL else 2500)
    given.think = given.think or (1.0 if given.seconds < FULL else 5.0)
    if given.processes > given.clients:
        parser.error(f"argument --processes: expected one client for each at least, {given.clients} are there")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = given.clients + OTHERS
    if hard != resource.RLIM_INFINITY and hard < files:
        parser.error(f"argument --clients: {given.clients} take {files} open files, {hard} are allowed (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, files) if soft != resource.RLIM_INFINITY else soft, hard))
    return given


def main() -> int:
    """The command line."""
    given = options(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    waits = Waits.of(given.seconds)
    try:
        with Soaked(given.seed, waits, given.clients) as server:
            soak = Soak(server, waits, given)
            interrupted = False
            try:
                soak.run()
            except KeyboardInterrupt:
                interrupted = True
                soak.amiss.append("the soak was interrupted")
            except OSError as error:
                soak.amiss.append(f"the soak was not finished: {error!r}")
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            code = soak.finish()
            return 130 if interrupted else code
    except NotStarted as error:
        print(f"python -m tests.soak: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("python -m tests.soak: interrupted before it began", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

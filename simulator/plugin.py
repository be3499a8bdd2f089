"""The pytest plugin: the fixture `simulator`, the marker `cassette`, and the conversation in the report of a failure.

Every pytest run of an environment that has us imports this file, so it imports nothing else of ours before it is used.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

if TYPE_CHECKING:
    from typing import Unpack

    from simulator.api.live import Live
    from simulator.api.options import Options
    from simulator.core.backend import Backend

_MODES = ("none", "once", "new_episodes", "all")
_MISSES = 20
_LONGEST = 100
"""Characters of a test's name in a file's: systems take 255 bytes, and this one may have four for each."""
_MARK = (
    "cassette(*files, mode=None, upstream=None, ...): the simulator that the test serves is played from these "
    "recordings; files lie in --cassette-dir, and other keywords are those of simulator.serve (chat-simulator)"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Beside vcr's and pytest-recording's: none of their names."""
    group = parser.getgroup("simulator", "chat-simulator")
    group.addoption(
        "--cassette-mode",
        choices=_MODES,
        help="For tests marked cassette: none plays them, once records where there is no file yet, new_episodes asks "
        "the upstream for what is not in it, all records anew. In place of what the marker says.",
    )
    group.addoption("--cassette-dir", metavar="DIR", help="Where files of the marker cassette lie.")
    group.addoption("--cassette-upstream", metavar="URL", help="The real server to record, in place of the marker's.")
    parser.addini("cassette_mode", "as --cassette-mode, where neither that nor a marker says one", default="")
    parser.addini("cassette_dir", "as --cassette-dir, relative to the root", default="")
    parser.addini("cassette_upstream", "as --cassette-upstream, where neither that nor a marker says one", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARK)


class Simulators:
    """What the fixture gives: serves simulators for one test, and stops them after it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._stack = ExitStack()
        self._shown: list[tuple[Live, int]] = []
        self._played: list[Live] = []
        self.failed = False
        """The test has: then what is on no cassette is in its report, and no error of its own."""

    def serve(self, *backends: str | Backend, **options: Unpack[Options]) -> Live:
        """Serve backends on free ports until the test is over; in a test marked `cassette` that answers.

        `cassette=None` says that it does not. Raises SimulatorError.
        """
        from simulator.api.bridge import OURS
        from simulator.api.start import Simulator
        from simulator.core.errors import SimulatorError

        __tracebackhide__ = OURS
        if "cassette" not in options:
            try:
                options = {**_marked(self._item, options.get("mode")), **options}
            except SimulatorError as error:
                raise error.with_traceback(None) from None
        made = Simulator(*backends, **options)
        live = made.__enter__()
        self._stack.push(made)
        if options.get("cassette") is not None:
            self._played.append(live)
        self.show(live)
        return live

    def show(self, live: Live) -> None:
        """Show in the report of a failure what passes from now on, of a simulator that lives longer than the test."""
        self._shown.append((live, live.last))

    def check(self) -> None:
        """Raises Unmatched for what a client said that is not on a cassette."""
        for live in self._played:
            live.check()

    def sections(self) -> list[tuple[str, str]]:
        """For a report: what is on no cassette, and all that passed in this test, of each simulator."""
        misses = [miss for live in self._played for miss in live.misses]
        told = [("not on the cassette", "\n".join(misses[:_MISSES]))] if misses else []
        return told + [("simulator", live.conversation(after)) for live, after in self._shown]

    def close(self) -> None:
        """Stop all. Raises Unmatched."""
        error = AssertionError() if self.failed else None
        self._stack.__exit__(type(error) if error else None, error, None)


_KEY = pytest.StashKey[Simulators]()


@pytest.fixture
def simulator(request: pytest.FixtureRequest) -> Iterator[Simulators]:
    """Chat backends to test against: `sim = simulator.serve("chip")`, then `sim.url`, `sim.wait_for("send_msg")` ..."""
    made = Simulators(request.node)
    request.node.stash[_KEY] = made
    yield made
    _clearly(made.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """A marked test that serves nothing would prove nothing."""
    mine = any(mark.name == "cassette" for mark in item.own_markers)
    if mine and "simulator" not in getattr(item, "fixturenames", ()):
        pytest.fail("is marked cassette, and has no fixture `simulator` that could play it", pytrace=False)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """What was said and is on no cassette fails the test itself, not its teardown."""
    result = yield
    made = item.stash.get(_KEY, None)
    if made is not None:
        _clearly(made.check)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the conversation of a test that failed."""
    report = yield
    made = item.stash.get(_KEY, None)
    if made is not None and report.failed:
        made.failed = True
        report.sections += made.sections()
    return report


def _clearly(do: Any) -> None:
    """What is wrong with a cassette is told as it is, without our own frames."""
    from simulator.core.errors import SimulatorError

    try:
        do()
        return
    except SimulatorError as error:
        why = str(error)
    pytest.fail(why, pytrace=False)


# --- the marker


def _marked(item: pytest.Item, told: str | None) -> Options:
    """The options that the marker stands for; none where there is no marker. The mode that `serve` was told decides."""
    mark = item.get_closest_marker("cassette")
    if mark is None:
        return {}
    from simulator.core.errors import SimulatorError

    config = item.config
    options: Any = dict(mark.kwargs)
    for name, what in (("mode", "cassette_mode"), ("upstream", "cassette_upstream")):
        chosen = config.getoption(f"--{what.replace('_', '-')}") or options.get(name) or config.getini(what)
        if chosen:
            options[name] = chosen
        else:
            options.pop(name, None)
    mode = told or options.get("mode", "none")
    if mode not in _MODES:
        raise SimulatorError(f"cassette mode {mode!r}: expected one of {', '.join(_MODES)}")
    names = mark.args or (_own_name(item),)
    options["cassette"] = [_found(item, name, mode) for name in names]
    marked: Options = options
    return marked


def _own_name(item: pytest.Item) -> str:
    """Of a marker without a file: the module's, the class's and the test's.

    Values of parameters stand in it, so it never leads out of the folder; what can't stay gets a checksum in its
    place, or two tests would have one file.
    """
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    told = item.name.removesuffix("]").replace("[", "-", 1)
    kept = "".join(c if c.isalnum() or c in "-_." else "-" for c in told)[:_LONGEST]
    if kept != told:
        kept += f"-{crc32(item.name.encode(errors='replace')):08x}"
    return ".".join([item.path.stem, *classes, kept, "yaml"])


def _found(item: pytest.Item, name: object, mode: str) -> Path:
    """Where the file is, or is to be. Raises SimulatorError where it is not, and nobody records it."""
    from simulator.core.errors import SimulatorError
    from simulator.serve.printable import printable

    if not isinstance(name, str | Path) or not Path(name).name:
        raise SimulatorError(f"cassette {name!r}: expected the name of a file")
    folders = _folders(item)
    try:
        found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    except OSError as error:
        raise SimulatorError(f"cassette {printable(str(name))}: {error.strerror}") from None
    if found is not None:
        return found
    if mode != "none":
        return next((folder for folder in folders if folder.is_dir()), folders[0]) / name
    looked = " or ".join(dict.fromkeys(map(str, folders)))
    raise SimulatorError(
        f"there is no cassette {printable(str(name))} in {looked}: --cassette-dir says where it is, and "
        "--cassette-mode once --cassette-upstream URL records it"
    )


def _folders(item: pytest.Item) -> list[Path]:
    config = item.config
    chosen = config.getoption("--cassette-dir")
    if chosen:
        return [config.invocation_params.dir / chosen]
    named = config.getini("cassette_dir")
    if named:
        return [config.rootpath / named]
    return [item.path.parent / "cassettes", config.rootpath / "cassettes"]

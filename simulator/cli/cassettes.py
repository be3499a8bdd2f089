"""`simulator cassette`: look at recordings, check, cut, compare and convert them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from simulator.cassette.tape import Tape
    from simulator.cassette.timeline import Filter, Row

_FILE = click.Path(path_type=Path, dir_okay=False)


class Moment(click.ParamType):  # type: ignore[type-arg]
    """Seconds since the recording began: `12.5`, or `1:02.5`, or `1:00:02`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        if not re.fullmatch(r"(?:(?:\d+:[0-5]?\d|\d+):[0-5]?\d|\d+)(?:\.\d*)?s?", value):
            self.fail(f"{value!r}: expected seconds since the recording began, such as 12.5 or 1:02.5", param, ctx)
        seconds = 0.0
        for part in value.rstrip("s").split(":"):
            seconds = seconds * 60 + float(part)
        return seconds


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from simulator import backends

    return [name for name in backends.names() if name.startswith(incomplete)]


_backend = click.option(
    "-b",
    "--backend",
    metavar="NAME",
    shell_complete=_complete,
    help="Whose frames they are; else the cassette says it.",
)


def _piped(function: Callable[..., None]) -> Callable[..., None]:
    """Whoever reads may stop reading: `simulator cassette show long.yaml | head` is no failure."""

    @wraps(function)
    def run(*args: Any, **options: Any) -> None:
        try:
            function(*args, **options)
            sys.stdout.flush()
        except BrokenPipeError:
            # What waits in the buffer would fail once more at the end.
            with suppress(OSError, ValueError, AttributeError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return run


@contextmanager
def _tape(file: Path) -> Iterator[Tape]:
    from simulator.cassette.tape import open_tape

    with open_tape(file) as tape:
        yield tape


def _say(line: str) -> None:
    from simulator.cassette.screen import safe

    click.echo(safe(line))


def _warn(line: str) -> None:
    from simulator.cassette.screen import safe

    click.echo(safe(line), err=True)


def _json(value: object) -> None:
    import json

    # Escaped to ASCII: whatever a frame holds, a line stays a line, and a terminal a terminal.
    click.echo(json.dumps(value, separators=(",", ":")))


@click.group()
def cassette() -> None:
    """Look at recordings, check, cut, compare and convert them.

    \b
    simulator cassette show talk.yaml           who said what, and when
    simulator cassette stats talk.yaml
    simulator cassette validate talk.yaml       against the backend's document
    simulator cassette import talk.har --out talk.yaml
    """


def _looking(function: Callable[..., None]) -> Callable[..., None]:
    """The options that choose rows."""
    options = (
        click.option("--conn", "conns", type=int, multiple=True, metavar="N", help="Only this connection; repeatable."),
        click.option(
            "--name", "names", multiple=True, metavar="PATTERN", help="Only such events: 'chat_*'; repeatable."
        ),
        click.option("--direction", type=click.Choice(["client", "server"]), help="Only what that side said."),
        click.option("--text", default="", help="Only what contains this, in upper or lower case."),
        click.option("--from", "since", type=Moment(), default=0.0, help="Not before: 12.5, 1:02.5."),
        click.option("--to", "until", type=Moment(), default=float("inf"), help="Not after."),
        click.option("--no-heartbeats", is_flag=True, help="Without pings, pongs and their like."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def _filter(
    conns: tuple[int, ...], names: tuple[str, ...], direction: str | None, text: str, since: float, until: float,
    no_heartbeats: bool,
) -> Filter:  # fmt: skip
    from simulator.cassette.timeline import Filter

    return Filter(frozenset(conns), direction or "", names, text, since, until, not no_heartbeats)


@cassette.command()
@click.argument("file", type=_FILE)
@_looking
@_backend
@click.option("--decoded", is_flag=True, help="Explain the envelopes of Socket.IO, Phoenix and API Gateway.")
@click.option("--raw", is_flag=True, help="What was on the wire in place of the payload.")
@click.option("--full", is_flag=True, help="Cut nothing.")
@click.option("--json", "as_lines", is_flag=True, help="A line of JSON for each row.")
@click.option("--html", type=_FILE, metavar="OUT", help="Write one page with lanes, search and every frame.")
@click.option("--force", is_flag=True, help="With --html: replace a file that is there.")
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True, help="For less -R."
)
@_piped
def show(
    file: Path,
    backend: str | None,
    decoded: bool,
    raw: bool,
    full: bool,
    as_lines: bool,
    html: Path | None,
    force: bool,
    color: str,
    **wanted: Any,
) -> None:
    """Who said what, and when.

    Time in seconds, connection, direction (> by the client, < by the server), event, payload. A ~ marks what redaction
    changed.

    \b
    simulator cassette show talk.yaml --no-heartbeats
    simulator cassette show talk.yaml --conn 1 --name 'chat_*' --decoded
    simulator cassette show talk.yaml --text invoice --json | jq .payload
    simulator cassette show talk.yaml --html talk.html
    """
    import shutil

    from simulator.cassette import screen, timeline
    from simulator.cassette.reading import backend_of

    chosen = _filter(**wanted)
    terminal = sys.stdout.isatty()
    colour = color == "always" or (color == "auto" and terminal and not os.environ.get("NO_COLOR"))
    columns = os.environ.get("COLUMNS", "")
    width = shutil.get_terminal_size().columns if terminal or columns.isdecimal() else None
    layout = screen.Screen(None if full else width, colour, decoded, raw)
    with _tape(file) as tape:
        rows = timeline.rows(tape, backend_of(tape.header, backend))
        if html is not None:
            _page(html, force, file, tape, (row for row in rows if chosen.wants(row)))
            return
        for row in timeline.held(rows) if decoded or as_lines else rows:
            if not chosen.wants(row):
                continue
            if as_lines:
                _json(screen.as_json(row))
            else:
                click.echo("\n".join(layout.lines(row)), color=colour)
        if tape.torn is not None:
            sys.stdout.flush()
            _warn(f"{file}:{tape.torn.line}: warning: truncated: {tape.torn.why}")


def _page(out: Path, force: bool, file: Path, tape: Tape, rows: Iterator[Row]) -> None:
    from simulator import __version__
    from simulator.cassette import page

    header = tape.header
    facts = (header.backend, header.recorded, header.by_hand, header.upstream, header.recorder)
    about = " · ".join(fact for fact in facts if fact)
    with _new(out, force) as write:
        for piece in page.page(file.name, f"{about} · simulator {__version__}", rows):
            write(piece)
    if tape.torn is not None:
        _warn(f"{file}:{tape.torn.line}: warning: truncated: {tape.torn.why}")


@contextmanager
def _new(out: Path, force: bool) -> Iterator[Callable[[str], object]]:
    """A text file that is there when all of it was written, not before; a new one is readable for its owner alone."""
    import tempfile

    from simulator.core.errors import SimulatorError

    if out.exists() and not force:
        raise SimulatorError(f"{out}: is there already; --force replaces it")
    if out.exists() and not out.is_file():
        # A pipe or a device: nothing can take its place.
        with out.open("w", encoding="utf-8") as file:
            yield file.write
        return
    mode = out.stat().st_mode & 0o7777 if out.exists() else 0o600
    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.resolve().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file.write
            file.flush()
            os.fsync(handle)
        Path(name).chmod(mode)
        Path(name).replace(out.resolve())
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


@cassette.command()
@click.argument("file", type=_FILE)
@_backend
@click.option("--json", "as_object", is_flag=True, help="As one object of JSON.")
@_piped
def stats(file: Path, backend: str | None, as_object: bool) -> None:
    """What is in it: connections, frames, bytes, names, silences, redactions."""
    from simulator.cassette import stats as counting
    from simulator.cassette.reading import backend_of

    with _tape(file) as tape:
        found = counting.count(tape, backend_of(tape.header, backend))
        header = tape.header
    if as_object:
        from dataclasses import asdict

        _json({"header": asdict(header), **counting.as_json(found)})
        return
    when = header.recorded or (f"by hand, {header.by_hand}" if header.by_hand is not None else "nobody says when")
    _say(f"backend      {header.backend or 'unknown'}")
    _say(f"recorded     {when}")
    for key, value in (("upstream", header.upstream), ("recorder", header.recorder)):
        if value is not None:
            _say(f"{key:<12} {value}")
    for line in counting.text(found):
        _say(line)


@cassette.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@_backend
@click.option("--strict", is_flag=True, help="Warnings count, too.")
@click.option("--json", "as_lines", is_flag=True, help="A line of JSON for each finding.")
@_piped
def validate(files: tuple[Path, ...], backend: str | None, strict: bool, as_lines: bool) -> None:
    """Whether it is a whole cassette, and every frame what the backend's document says; exit code 1 if not.

    Errors: what breaks the format, can't be read, breaks its model, or is a client's message that the backend does not
    know. Warnings: a torn end, records that are missing, messages from the server that the document does not have,
    frames that break their model after redaction.
    """
    from simulator.cassette import check
    from simulator.cassette.reading import backend_of
    from simulator.core.errors import CassetteError

    errors = warnings = 0
    for file in files:
        try:
            with _tape(file) as tape:
                for finding in check.check(tape, backend_of(tape.header, backend)):
                    errors += finding.level == check.ERROR
                    warnings += finding.level == check.WARNING
                    if as_lines:
                        _json({"file": str(file), "line": finding.line, "level": finding.level, "why": finding.why})
                    else:
                        _say(finding.told(str(file)))
        except CassetteError as error:
            errors += 1
            if as_lines:
                _json({"file": str(file), "line": error.line, "level": check.ERROR, "why": error.why})
            else:
                _say(check.Finding(error.line, check.ERROR, error.why).told(str(file)))
    if not as_lines:
        _warn(f"{_number(len(files), 'cassette')}: {_number(errors, 'error')}, {_number(warnings, 'warning')}")
    if errors or (strict and warnings):
        sys.stdout.flush()
        sys.exit(1)


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


@cassette.command("import")
@click.argument("file", type=_FILE)
@click.option("--out", type=_FILE, required=True, help="The cassette to write.")
@click.option("-b", "--backend", metavar="NAME", shell_complete=_complete, help="Whose frames they are.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only what went to this host; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Pages, scripts, styles and pictures, too.")
@click.option("--force", is_flag=True, help="Replace a cassette that is there.")
def import_har(
    file: Path, out: Path, backend: str | None, hosts: tuple[str, ...], everything: bool, force: bool
) -> None:
    """Make a cassette of a HAR with WebSocket frames: any browser is a recorder.

    Chrome (developer tools, Network, Save all as HAR with content), Playwright from 1.61 (recordHar, its content
    embedded or attached), mitmproxy (hardump) and HTTP Toolkit write such files. Socket.IO's polls become frames of the
    session that they belong to, and other requests of the page's scripts are kept.

    \b
    simulator cassette import talk.har --out talk.yaml --backend chip
    """
    from simulator import __version__, backends
    from simulator.cassette import har
    from simulator.cassette.entries import Header
    from simulator.cassette.recorder import Recorder
    from simulator.cassette.sink import FileSink
    from simulator.core.errors import CassetteError, SimulatorError

    if backend is not None:
        backends.load(backend)
    try:
        content = _whole(file, har.LIMIT)
    except OSError as error:
        raise CassetteError(str(file), 0, f"can't be read: {error.strerror}") from None
    if isinstance(content, int):
        raise CassetteError(str(file), 0, har.too_big(content))

    def attached(name: str) -> bytes:
        found = _whole(file.with_name(name), har.LIMIT)
        if isinstance(found, int):
            raise OSError(har.too_big(found))
        return found

    found = har.read(str(file), content, attached, everything, frozenset(hosts))
    del content
    header = Header(backend=backend, upstream=found.upstream, recorder=f"simulator {__version__}, from {found.creator}")
    try:
        sink = FileSink(out, replace=force)
    except FileExistsError:
        raise SimulatorError(f"{out}: is there already; --force replaces it") from None
    recorder = Recorder(sink, found.started, header, tell=_warn)
    found.play(recorder)
    recorder.close(found.steps[-1][0])
    counts, told = recorder.counts, found.told
    left = f"; {_number(told.left_out, 'other request')} left out" if told.left_out else ""
    _warn(
        f"{out}: {_number(counts.connections, 'connection')}, {_number(counts.frames, 'frame')}, "
        f"{_number(counts.exchanges, 'HTTP exchange')}, {_number(counts.redactions, 'redaction')}{left}"
    )
    if counts.failures:
        sys.exit(1)


def _whole(file: Path, most: int) -> bytes | int:
    """A file's content, or its size where that is too much. Raises OSError."""
    size = file.stat().st_size
    return size if size > most else file.read_bytes()


@cassette.command()
@click.argument("file", type=_FILE)
@click.option("--har", "out", type=_FILE, required=True, help="The HAR to write; - writes to stdout.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@_piped
def export(file: Path, out: Path, force: bool) -> None:
    """Make a HAR of a cassette, for the developer tools of Chrome and whatever else opens HARs.

    \b
    simulator cassette export talk.yaml --har talk.har
    """
    import json

    from simulator import __version__
    from simulator.cassette import har_writing
    from simulator.core.errors import SimulatorError

    with _tape(file) as tape:
        made = har_writing.write(tape.header, tape, __version__)
        if tape.torn is not None:
            _warn(f"{file}:{tape.torn.line}: warning: truncated: {tape.torn.why}")
    text = json.dumps(made, indent=1)
    if str(out) == "-":
        click.echo(text)
        return
    if out.exists() and not force:
        raise SimulatorError(f"{out}: is there already; --force replaces it")
    out.write_text(f"{text}\n", encoding="utf-8")

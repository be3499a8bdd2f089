"""`simulator cassette`: look at recordings, check, cut, compare and convert them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.cassettes_change import export, import_har, redact, trim
from simulator.cli.files import new_file
from simulator.cli.replay import bindings_
from simulator.cli.told import FILE, Moment, backend_option, json_line, number, piped, say, tape_of, warn

if TYPE_CHECKING:
    from simulator.cassette.tape import Tape
    from simulator.cassette.timeline import Filter, Row


@click.group()
def cassette() -> None:
    """Look at recordings, check, cut, compare and convert them.

    \b
    simulator cassette show talk.yaml           who said what, and when
    simulator cassette stats talk.yaml
    simulator cassette validate talk.yaml       against the backend's document
    simulator cassette import talk.har --out talk.yaml
    """


for command in (bindings_, import_har, export, redact, trim):
    cassette.add_command(command)


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
@click.argument("file", type=FILE)
@_looking
@backend_option
@click.option("--decoded", is_flag=True, help="Explain the envelopes of Socket.IO, Phoenix and API Gateway.")
@click.option("--raw", is_flag=True, help="What was on the wire in place of the payload.")
@click.option("--full", is_flag=True, help="Cut nothing.")
@click.option("--json", "as_lines", is_flag=True, help="A line of JSON for each row.")
@click.option("--html", type=FILE, metavar="OUT", help="Write one page with lanes, search and every frame.")
@click.option("--force", is_flag=True, help="With --html: replace a file that is there.")
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True, help="For less -R."
)
@piped
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
    with tape_of(file) as tape:
        rows = timeline.rows(tape, backend_of(tape.header, backend))
        if html is not None:
            _page(html, force, file, tape, (row for row in rows if chosen.wants(row)))
            return
        for row in timeline.held(rows) if decoded or as_lines else rows:
            if not chosen.wants(row):
                continue
            if as_lines:
                json_line(screen.as_json(row))
            else:
                click.echo("\n".join(layout.lines(row)), color=colour)
        if tape.torn is not None:
            sys.stdout.flush()
            warn(f"{file}:{tape.torn.line}: warning: truncated: {tape.torn.why}")


def _page(out: Path, force: bool, file: Path, tape: Tape, rows: Iterator[Row]) -> None:
    from simulator import __version__
    from simulator.cassette import page

    header = tape.header
    facts = (header.backend, header.recorded, header.by_hand, header.upstream, header.recorder)
    about = " · ".join(fact for fact in facts if fact)
    with new_file(out, force) as write:
        for piece in page.page(file.name, f"{about} · simulator {__version__}", rows):
            write(piece)
    if tape.torn is not None:
        warn(f"{file}:{tape.torn.line}: warning: truncated: {tape.torn.why}")


@cassette.command()
@click.argument("file", type=FILE)
@backend_option
@click.option("--json", "as_object", is_flag=True, help="As one object of JSON.")
@piped
def stats(file: Path, backend: str | None, as_object: bool) -> None:
    """What is in it: connections, frames, bytes, names, silences, redactions.

    \b
    simulator cassette stats talk.yaml
    simulator cassette stats talk.yaml --json | jq .header
    """
    from simulator.cassette import stats as counting
    from simulator.cassette.reading import backend_of

    with tape_of(file) as tape:
        found = counting.count(tape, backend_of(tape.header, backend))
        header = tape.header
    if as_object:
        from dataclasses import asdict

        json_line({"header": asdict(header), **counting.as_json(found)})
        return
    when = header.recorded or (f"by hand, {header.by_hand}" if header.by_hand is not None else "nobody says when")
    say(f"backend      {header.backend or 'unknown'}")
    say(f"recorded     {when}")
    for key, value in (("upstream", header.upstream), ("recorder", header.recorder)):
        if value is not None:
            say(f"{key:<12} {value}")
    for line in counting.text(found):
        say(line)


@cassette.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@backend_option
@click.option("--strict", is_flag=True, help="Warnings count, too.")
@click.option("--json", "as_lines", is_flag=True, help="A line of JSON for each finding.")
@piped
def validate(files: tuple[Path, ...], backend: str | None, strict: bool, as_lines: bool) -> None:
    """Whether it is a whole cassette, and every frame what the backend's document says; exit code 1 if not.

    Errors: what breaks the format, can't be read, breaks its model, or is a client's message that the backend does not
    know. Warnings: a torn end, records that are missing, messages from the server that the document does not have,
    frames that break their model after redaction.

    \b
    simulator cassette validate talk.yaml
    simulator cassette validate cassettes/*.yaml --strict
    """
    from simulator.cassette import check
    from simulator.cassette.reading import backend_of
    from simulator.core.errors import CassetteError

    errors = warnings = 0
    for file in files:
        try:
            with tape_of(file) as tape:
                for finding in check.check(tape, backend_of(tape.header, backend)):
                    errors += finding.level == check.ERROR
                    warnings += finding.level == check.WARNING
                    if as_lines:
                        json_line({"file": str(file), "line": finding.line, "level": finding.level, "why": finding.why})
                    else:
                        say(finding.told(str(file)))
        except CassetteError as error:
            errors += 1
            if as_lines:
                json_line({"file": str(file), "line": error.line, "level": check.ERROR, "why": error.why})
            else:
                say(check.Finding(error.line, check.ERROR, error.why).told(str(file)))
    if not as_lines:
        warn(f"{number(len(files), 'cassette')}: {number(errors, 'error')}, {number(warnings, 'warning')}")
    if errors or (strict and warnings):
        sys.stdout.flush()
        sys.exit(1)


@cassette.command()
@click.argument("ours", type=FILE, metavar="A")
@click.argument("theirs", type=FILE, metavar="B")
@click.option("--shape", is_flag=True, help="Compare shapes alone, not values.")
@click.option("--json", "as_lines", is_flag=True, help="A line of JSON for each difference.")
@backend_option
@piped
def diff(ours: Path, theirs: Path, shape: bool, as_lines: bool, backend: str | None) -> None:
    """What differs between two cassettes in meaning; exit code 1 if something does.

    Messages are compared by connection and direction: which are new, missing, moved, of another shape, of another
    value. Ids and times that differ from run to run are equal where they refer to the same.

    \b
    simulator cassette diff monday.yaml tuesday.yaml
    simulator cassette diff old.yaml new.yaml --shape --json
    """
    from simulator.cassette import compare, conversation, difference
    from simulator.cassette.reading import backend_of

    talks, chosen = [], None
    for file in (ours, theirs):
        with tape_of(file) as tape:
            chosen = backend_of(tape.header, backend) or chosen
            talks.append([*conversation.said(tape, backend_of(tape.header, backend))])
            if tape.torn is not None:
                warn(f"{file}:{tape.torn.line}: warning: truncated: {tape.torn.why}")
    volatile = frozenset[str]() if chosen is None else chosen.volatile
    found = compare.compare(talks[0], talks[1], volatile, values=not shape)
    for one in found:
        if as_lines:
            json_line(difference.as_json(one))
        else:
            for line in difference.lines(one, str(ours), str(theirs)):
                say(line)
    if not as_lines:
        warn(difference.summary(found))
    if found:
        sys.stdout.flush()
        sys.exit(1)

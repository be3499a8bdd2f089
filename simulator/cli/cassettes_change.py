"""`simulator cassette import|export|redact|trim`: what makes another file of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.cli.files import beside, bodies, new_file, place, whole
from simulator.cli.told import (
    FILE,
    RULE,
    Moment,
    backend_option,
    complete,
    number,
    piped,
    redactor_of,
    say,
    tape_of,
    warn,
)

if TYPE_CHECKING:
    from simulator.cassette.redact import Redactor


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--out", type=FILE, required=True, help="The cassette to write.")
@click.option("-b", "--backend", metavar="NAME", shell_complete=complete, help="Whose frames they are.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only what went to this host; repeatable.")
@click.option("--no-redact", is_flag=True, help="Leave secrets in it.")
@click.option("--redact", "rules", multiple=True, metavar="RULE", help=RULE)
@click.option("--all", "everything", is_flag=True, help="Pages, scripts, styles and pictures, too.")
@click.option("--force", is_flag=True, help="Replace a cassette that is there.")
def import_har(
    file: Path,
    out: Path,
    backend: str | None,
    hosts: tuple[str, ...],
    no_redact: bool,
    rules: tuple[str, ...],
    everything: bool,
    force: bool,
) -> None:
    """Make a cassette of a HAR with WebSocket frames: any browser is a recorder.

    Chrome (developer tools, Network, Save all as HAR with content), Playwright from 1.61 (recordHar, its content
    embedded or attached), mitmproxy (hardump) and HTTP Toolkit write such files. Socket.IO's polls become frames of the
    session that they belong to, and other requests of the page's scripts are kept. Secrets are taken out, as in
    `simulator record`.

    \b
    simulator cassette import talk.har --out talk.yaml --backend chip
    """
    from simulator import __version__, backends
    from simulator.cassette import har
    from simulator.cassette.entries import Header
    from simulator.cassette.recorder import Recorder
    from simulator.cassette.sink import FileSink
    from simulator.core.errors import CassetteError

    place(out, force)
    if backend is not None:
        backends.load(backend)
    redactor = None if no_redact else redactor_of(rules)
    try:
        content = whole(file, har.LIMIT)
    except OSError as error:
        raise CassetteError(str(file), 0, f"can't be read: {error.strerror}") from None
    if isinstance(content, int):
        raise CassetteError(str(file), 0, har.too_big(content))

    def attached(name: str) -> bytes:
        path = file.with_name(name)
        # The HAR may be a stranger's, and the folder it came in, too.
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise OSError("is a link, or no file")
        found = whole(path, har.LIMIT)
        if isinstance(found, int):
            raise OSError(har.too_big(found))
        return found

    found = har.read(str(file), content, attached, everything, frozenset(hosts))
    del content
    header = Header(backend=backend, upstream=found.upstream, recorder=f"simulator {__version__}, from {found.creator}")
    sink = FileSink(out, replace=force)
    recorder = Recorder(sink, found.started, header, redactor, tell=warn)
    found.play(recorder)
    recorder.close(found.steps[-1][0])
    counts, told = recorder.counts, found.told
    left = f"; {number(told.left_out, 'other request')} left out" if told.left_out else ""
    warn(
        f"{out}: {number(counts.connections, 'connection')}, {number(counts.frames, 'frame')}, "
        f"{number(counts.exchanges, 'HTTP exchange')}, {number(counts.redactions, 'redaction')}{left}"
    )
    if counts.failures:
        sys.exit(1)


@click.command()
@click.argument("file", type=FILE)
@click.option("--har", "out", type=FILE, required=True, help="The HAR to write; - writes to stdout.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@piped
def export(file: Path, out: Path, force: bool) -> None:
    """Make a HAR of a cassette, for the developer tools of Chrome and whatever else opens HARs.

    \b
    simulator cassette export talk.yaml --har talk.har
    """
    import json

    from simulator import __version__
    from simulator.cassette import har_writing

    with tape_of(file) as tape:
        made = har_writing.write(tape.header, tape, __version__)
        if tape.torn is not None:
            warn(f"{file}:{tape.torn.line}: warning: truncated: {tape.torn.why}")
    text = json.dumps(made, indent=1)
    if str(out) == "-":
        click.echo(text)
        return
    place(out, force)
    out.write_text(f"{text}\n", encoding="utf-8")


@click.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--out", type=FILE, help="Write to another file; else this one is replaced, at once or not at all.")
@click.option("--redact", "--rule", "rules", multiple=True, metavar="RULE", help=RULE)
@click.option("--check", is_flag=True, help="Change nothing; tell what is left in it, and exit with 1 if something is.")
@click.option("--force", is_flag=True, help="With --out: replace a cassette that is there.")
@piped
def redact(files: tuple[Path, ...], out: Path | None, rules: tuple[str, ...], check: bool, force: bool) -> None:
    """Take secrets out of a cassette that is there already.

    \b
    simulator cassette redact talk.yaml
    simulator cassette redact talk.yaml --redact 'json user.nick' --out public.yaml
    simulator cassette redact --check cassettes/*/*.yaml      for CI
    """
    from simulator.core.errors import SimulatorError

    if check and out is not None:
        raise SimulatorError("--check changes nothing, so that there is nothing for --out")
    if out is not None and len(files) > 1:
        raise SimulatorError("--out is for one cassette")
    redactor = redactor_of(rules)
    if check:
        left = sum(_left(file, redactor) for file in files)
        warn(f"{number(len(files), 'cassette')}: {number(left, 'secret')} left")
        if left:
            sys.stdout.flush()
            sys.exit(1)
        return
    for file in files:
        before = redactor.count
        _redact(file, out or file, redactor, force or out is None)
        warn(f"{out or file}: {number(redactor.count - before, 'redaction')}")


def _left(file: Path, redactor: Redactor) -> int:
    """Tell what a check finds, one line each; how many there were."""
    from simulator.cassette import scrub

    count = 0
    with tape_of(file) as tape:
        for found in scrub.check(tape, redactor, lambda path: beside(file, path) or b""):
            count += 1
            say(f"{file}:{found.line}: {found.what}")
        if tape.torn is not None:
            count += 1
            say(f"{file}:{tape.torn.line}: can't be looked through: {tape.torn.why}")
    return count


def _redact(file: Path, out: Path, redactor: Redactor, force: bool) -> None:
    from dataclasses import replace

    from simulator.cassette import scrub
    from simulator.cassette.places import TooMany
    from simulator.cassette.tape import dump, dump_header
    from simulator.core.errors import CassetteError

    gone: list[Path] = []
    with tape_of(file) as tape, new_file(out, force) as write:
        told = (*tape.header.redacted, *(rule for rule in redactor.rules if rule not in tape.header.redacted))
        write(dump_header(replace(tape.header, redacted=told)).decode())
        for entry in tape:
            try:
                made = bodies(scrub.redacted(entry, redactor), file, out, redactor, gone)
            except TooMany as error:
                raise CassetteError(str(file), entry.line, f"can't be redacted: {error}") from None
            write(dump(made).decode())
        if tape.torn is not None:
            warn(f"{file}:{tape.torn.line}: warning: truncated, and left out: {tape.torn.why}")
    # Only now nothing names them any more.
    for path in gone:
        path.unlink(missing_ok=True)


@click.command()
@click.argument("file", type=FILE)
@click.option("--out", type=FILE, required=True, help="The cassette to write.")
@click.option("--from", "since", type=Moment(), default=0.0, help="Not before: 12.5, 1:02.5.")
@click.option("--to", "until", type=Moment(), default=float("inf"), help="Not after.")
@click.option("--conn", "conns", type=int, multiple=True, metavar="N", help="Only this connection; repeatable.")
@click.option("--around", multiple=True, metavar="EVENT", help="Only what is near such events; repeatable.")
@click.option("--within", type=click.FloatRange(min=0), default=5.0, show_default=True, help="How near, in seconds.")
@click.option("--drop", multiple=True, metavar="NAME", help="Without such events and their answers; repeatable.")
@click.option("--rebase", is_flag=True, help="Let time begin anew with the part.")
@click.option("--force", is_flag=True, help="Replace a cassette that is there.")
@backend_option
def trim(
    file: Path,
    out: Path,
    since: float,
    until: float,
    conns: tuple[int, ...],
    around: tuple[str, ...],
    within: float,
    drop: tuple[str, ...],
    rebase: bool,
    force: bool,
    backend: str | None,
) -> None:
    """Cut a part out of a cassette, which can be played like the whole.

    What opened the connections stays with them: handshakes, joins of namespaces and topics, upgrades. Answers go with
    what they answer. Times stay as they are without --rebase.

    \b
    simulator cassette trim talk.yaml --out part.yaml --from 1:00 --to 2:30
    simulator cassette trim talk.yaml --out bug.yaml --around 'error*' --within 10 --rebase
    simulator cassette trim talk.yaml --out quiet.yaml --drop '(ping)' --drop '(pong)' --drop typing
    """
    from simulator.cassette import trim as cutting
    from simulator.cassette.reading import backend_of
    from simulator.cassette.tape import dump, dump_header
    from simulator.core.errors import SimulatorError

    if since > until:
        raise SimulatorError(f"--from {since:g} is after --to {until:g}")
    wanted = cutting.Wanted(since, until, frozenset(conns), around, within, drop)
    with tape_of(file) as tape:
        plan = cutting.plan(tape, wanted, backend_of(tape.header, backend))
        if tape.torn is not None:
            warn(f"{file}:{tape.torn.line}: warning: truncated, and left out: {tape.torn.why}")
    if not plan.messages:
        raise SimulatorError(f"{file}: nothing of it is wanted, so that {out} was not written")
    with tape_of(file) as tape, new_file(out, force) as write:
        write(dump_header(tape.header).decode())
        for entry in cutting.cut(tape, plan, rebase):
            write(dump(bodies(entry, file, out, None, [])).decode())
    warn(f"{out}: {number(plan.messages, 'message')}")

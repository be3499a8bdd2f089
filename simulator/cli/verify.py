"""`simulator verify`: whether a live server still says what a recording has."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.files import new_file, spared, writable
from simulator.cli.told import FILE, complete, json_line, piped, say, warn
from simulator.cli.words import Fixtures, Scenario, Seconds, Setting, check_paths, fixture_files
from simulator.core.errors import SimulatorError, StartError

if TYPE_CHECKING:
    from simulator.drive.verdict import Verdict
    from simulator.drive.verify import Wanted

_ROADS = {"websocket": ("websocket",), "polling": ("polling",), "upgrade": ("polling", "websocket")}


@click.command()
@click.argument("file", type=FILE)
@click.option("--target", metavar="URL", help="The live server: http://127.0.0.1:8070, wss://chat.example.com/prefix.")
@click.option(
    "-b",
    "--backend",
    metavar="NAME",
    shell_complete=complete,
    help="Without --target: serve this backend and verify it. With it: whose messages they are, where the cassette "
    "does not say.",
)
@click.option("--exact", is_flag=True, help="Compare values, too; ids and times are equal where they mean the same.")
@click.option(
    "--ignore",
    multiple=True,
    metavar="PATH",
    help="Not this: a message's NAME, or NAME.path.to.value, *.path for all messages; * is any key. Repeatable.",
)
@click.option(
    "--timing",
    type=click.Choice(["burst", "recorded"]),
    default="burst",
    show_default=True,
    help="When the client speaks: as soon as what came before was answered, or not before its time on the tape.",
)
@click.option(
    "--timeout", type=Seconds(0.1), default=10.0, show_default=True, metavar="SECONDS",
    help="How much longer than on the tape an answer may take.",
)  # fmt: skip
@click.option(
    "--settle", type=Seconds(0), default=0.1, show_default=True, metavar="SECONDS",
    help="How long to listen for more before the client hangs up.",
)  # fmt: skip
@click.option("--transport", type=click.Choice([*_ROADS]), help="Of Socket.IO, in place of the one on the tape.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="In every request; repeatable.")
@click.option("--query", multiple=True, metavar="NAME=VALUE", help="In place of the tape's parameter; repeatable.")
@click.option(
    "--bind", multiple=True, metavar="TAPED=VALUE", help="Say this wherever the tape's client said that; repeatable."
)
@click.option(
    "--fresh", multiple=True, metavar="PATH",
    help="Make the client's ids there anew, for a server that refuses those it has seen: 'send.messageId', "
    "'*.messageId'; repeatable.",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Trust any certificate.")
@click.option("--seed", type=int, help="With a served backend: makes all its ids the same in every run.")
@click.option(
    "--set", "settings", type=Setting(), multiple=True, metavar="KEY=VALUE", help="With a served backend: a setting."
)
@click.option("--fixtures", type=Fixtures(), metavar="FILE", help="With a served backend: in place of its own.")
@click.option(
    "--scenario", type=Scenario(), metavar="FILE|NAME", help="With a served backend: what its bot does."
)  # fmt: skip
@click.option("--report", type=FILE, metavar="OUT", help="Write it all: .json, .xml for JUnit, else text.")
@click.option("--json", "as_object", is_flag=True, help="As one object of JSON.")
@click.option("-v", "--verbose", is_flag=True, help="Tell of what is as it was, too.")
@piped
def verify(
    file: Path,
    target: str | None,
    backend: str | None,
    report: Path | None,
    as_object: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Play the client's half of a cassette at a live server, and compare what it answers.

    Shapes are compared, and of an answer whether it went well. Exit code 0: as on the tape; 1: it drifted;
    2: no cassette, or a wrong option; 3: the server can't be reached.

    \b
    simulator verify talk.yaml --target wss://chat.example.com --query token=$TOKEN
    simulator verify talk.yaml --backend chip --exact
    simulator verify talk.yaml --target http://127.0.0.1:3001 --report drift.xml
    """
    if target is None and backend is None:
        raise SimulatorError("say where: --target URL, or --backend NAME to serve one")
    if target is not None:
        for name, given in (("set", "settings"), ("seed", "seed"), ("fixtures", "fixtures"), ("scenario", "scenario")):
            if options[given] not in (None, ()):
                raise SimulatorError(f"--{name} is for a backend that is served here: leave out --target")
    if report is not None:
        spared("--report", report, [file])
        writable("--report", report, anew=True)
    from simulator.drive import report as writing

    where = target or f"the {backend} backend"
    try:
        verdict = _run(file, target, backend, options)
    except StartError as error:
        if report is not None:
            text = writing.broken(str(file), where, str(error))
            _write(report, text if report.suffix == ".xml" else f"{error}\n")
        raise
    if report is not None:
        _write(report, writing.written(verdict, str(file), where, report.suffix))
    if as_object:
        json_line(writing.as_json(verdict, str(file), where))
    else:
        for note in writing.notes(verdict, str(file)):
            warn(note)
        for line in writing.lines(verdict, str(file), verbose):
            say(line)
        warn(f"{where}: {writing.summary(verdict)}")
    if verdict.drifted:
        sys.stdout.flush()
        sys.exit(1)


def _run(file: Path, target: str | None, backend: str | None, options: dict[str, Any]) -> Verdict:
    import asyncio

    from simulator.drive.outcome import Manner
    from simulator.drive.target import Target
    from simulator.drive.verify import Wanted, verify

    transport = options["transport"]
    manner = Manner(
        options["timeout"],
        options["timing"] == "recorded",
        options["settle"],
        None if transport is None else _ROADS[transport],
    )
    check_paths("--fresh", options["fresh"])
    bind = dict(pairs("--bind", options["bind"]))
    wanted = Wanted(backend, manner, options["exact"], options["ignore"], bind, options["insecure"], options["fresh"])
    headers, query = pairs("--header", options["headers"]), pairs("--query", options["query"])
    if target is not None:
        chosen = Target(target, headers, query)
        return asyncio.run(verify(file, chosen, wanted))
    _theirs(file, backend or "")
    return asyncio.run(_served(file, backend or "", options, headers, query, wanted))


def _theirs(file: Path, backend: str) -> None:
    """Raises CassetteError for a tape of another backend: that one would answer every handshake with 404."""
    from simulator import backends
    from simulator.cassette.tape import open_tape
    from simulator.core.errors import CassetteError

    name = backends.load(backend).name
    with open_tape(file) as tape:
        theirs = tape.header.backend
        if theirs in backends.names() and theirs != name:
            raise CassetteError(
                str(file), tape.named, f"is a tape of {theirs}, and {name} is served: --backend {theirs}"
            )


async def _served(
    file: Path, backend: str, options: dict[str, Any], headers: list[tuple[str, str]], query: list[tuple[str, str]],
    wanted: Wanted,
) -> Verdict:  # fmt: skip
    from simulator.drive.target import Target
    from simulator.drive.verify import verify
    from simulator.serve import scenarios
    from simulator.serve.app import Options, Server

    fixtures, scenario = options["fixtures"], options["scenario"]
    settings = pairs("--set", options["settings"])
    seed = options["seed"] if options["seed"] is not None else 0
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            Server(
                Options(
                    backends=[backend],
                    port=0,
                    seed=seed,
                    settings=settings,
                    fixtures=fixture_files([] if fixtures is None else [fixtures], [backend]),
                    scenario=None if scenario is None else scenarios.find(scenario),
                )
            )
        )
        target = Target(simulator.url(backend), headers, query)
        return await verify(file, target, replace(wanted, keys=simulator.keys(backend)))


def pairs(option: str, given: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names and values of a repeatable option. Raises SimulatorError."""
    found = []
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise SimulatorError(f"{option} {text}: expected NAME=VALUE")
        found.append((name, value))
    return found


def _write(report: Path, text: str) -> None:
    with new_file(report, force=True) as write:
        write(text)

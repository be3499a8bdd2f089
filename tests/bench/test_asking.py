"""What `make bench` is asked has to make sense before anything is measured, and nothing measured is no success."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import idle, servers
from bench.rows import Failed, Found


def asked(monkeypatch: pytest.MonkeyPatch, *words: object) -> object:
    """The exit code; whoever measures has not been asked well."""
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        bench.main()
    return left.value.code


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(*_: object) -> None:
        raise AssertionError("it measures")

    monkeypatch.setattr(bench, "_measure", measure)


@pytest.mark.usefixtures("nothing_runs")
def test_where_nothing_can_be_written_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    for words, why in (
        (("--out", file / "below"), "nothing can be written there: Not a directory"),
        (("--out", file), "nothing can be written there: File exists"),
        (("--only", "start", "--json", tmp_path), "it is a folder, name a file"),
        (("--only", "start", "--json", file / "a.json"), "nothing can be written there: File exists"),
        (("--rows", "nobody"), "no row has this in its title"),
        (("--rounds", 0), "have to be more than 0"),
        (("--rows", "chip", "--only", "start"), "--rows is for messages"),
    ):
        assert asked(monkeypatch, *words) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert why in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("text", ["", "[]", '{"format":1}', json.dumps({"format": 1, "rows": 7, "machine": {}})])
def test_what_is_no_run_is_not_rendered(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text:
        (tmp_path / "results.json").write_text(text)
    assert asked(monkeypatch, "--render", "--out", tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(str(tmp_path / "results.json"))
    assert not (tmp_path / "report.md").exists()


def test_a_run_without_a_figure_fails_and_leaves_the_report_of_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.md").write_text("before")

    def fails(*_: object) -> Found:
        raise Failed("bare ended: no")

    for part in ("speed", "idle", "start", "recording", "replays", "cassettes", "growth", "waits"):
        monkeypatch.setattr(getattr(bench, part), "measure", fails)
    monkeypatch.setattr(idle, "measure_pings", fails)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert asked(monkeypatch, "--out", tmp_path) == 3
    told = capsys.readouterr().err.splitlines()
    assert "messages: bare ended: no" in told
    assert [line.partition(" part ")[2] for line in told[:2]] == ["1 of 9, messages", "2 of 9, memory"]
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
    monkeypatch.setattr(servers, "simulator", lambda: tmp_path / "nobody")
    assert asked(monkeypatch, "--only", "start") == 3
    assert capsys.readouterr().err == "the command simulator is not in this venv: `make bench` installs it\n"


def test_progress_is_lines_where_nobody_looks() -> None:
    stream, now = io.StringIO(), [0.0]
    progress = bench.Progress(stream, lambda: now[0])
    progress.part("messages", 1, 2)
    for now[0] in (1.0, 29.0, 30.0, 31.0, 61.5):
        progress.tell(f"at {now[0]}")
    now[0] = 75.0
    progress.part("start", 2, 2)
    progress.end()
    assert stream.getvalue().splitlines() == [
        " 0:00 part 1 of 2, messages", " 0:30   at 30.0", " 1:01   at 61.5", " 1:15 part 2 of 2, start",
    ]  # fmt: skip

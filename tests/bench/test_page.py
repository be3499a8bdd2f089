"""The report: all of it out of the data, the same each time, whole without pictures, and nothing hidden."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from bench import charts, others, page, report, results
from bench.charts import Bar
from bench.process import ROOT
from bench.rows import Found, Row
from docs.generated import performance

FACTS: dict[str, Any] = {
    "system": "Linux x86_64", "cores": 2, "pinned": True, "load_before": 0.1, "load_after": 2.0, "open_files": 20_000,
    "versions": {"Python": "3.11.7", "Mockoon CLI": ""},
}  # fmt: skip
OPTIONS = {"rounds": 3, "seconds": 0.5, "connections": 100, "quick": False}


def found() -> Found:
    bare = Row("messages.bare", "bare aiohttp, echo", "us", [10.0, 12.0, 11.0], base="messages.bare")
    bare.server, bare.generator, bare.rate = [0.9, 0.9, 0.9], [0.4, 0.4, 0.4], [100.0, 100.0, 100.0]
    raw = Row("messages.raw", "raw", "us", [4.0, 4.0, 4.0], base="messages.bare")
    raw.server, raw.generator, raw.rate = [0.3, 0.3, 0.3], [0.5, 0.5, 0.5], [200.0, 200.0, 200.0]
    chip = Row("messages.chip", "chip, a > b", "us", [20.0, 12.0, 44.0], base="messages.bare")
    idle = Row("memory.chip", "chip, connected", "KiB", [5.5])
    return Found([bare, raw, chip, idle], ["npm @mockoon/cli is left out"])


def run(facts: dict[str, Any] = FACTS, options: dict[str, Any] = OPTIONS) -> dict[str, Any]:
    return results.data(found(), options, facts, 12.0)


def test_every_picture_of_the_report_is_there_and_no_other() -> None:
    files = page.files(run())
    linked = re.findall(r"!\[[^]]+\]\(([\w-]+\.svg)\)", files["report.md"])
    assert sorted(linked) == sorted(name for name in files if name.endswith(".svg")) == ["memory.svg", "messages.svg"]


def test_the_same_data_make_the_same_files() -> None:
    data = run()
    assert page.files(data) == page.files(data)


def test_tables_have_all_that_was_measured() -> None:
    text = page.files(run())["report.md"]
    assert "| chip, a > b | 20.00 us | 12.00 to 44.00 | 0.50 | 0.25 to 1.00 |" in text
    assert "| bare aiohttp, echo | 11.00 us | 10.00 to 12.00 | 1.00 | 1.00 to 1.00 | 0.90 | 0.40 | 100 |" in text
    assert "| chip, connected | 5.50 KiB | 5.50 to 5.50 |" in text
    assert "- npm @mockoon/cli is left out" in text


def test_a_missed_target_is_shown_as_missed_and_an_unmeasured_one_as_such() -> None:
    text = page.files(run())["report.md"]
    assert "| chip's whole way beside a bare aiohttp echo, stock loop | &ge; 1 x | 0.50 |  | **MISSED** |" in text
    assert "| memory of an idle client, chip | &le; 6 KiB | 5.50 |  | reached |" in text
    assert "Own aims, beyond what was promised, 0 of 8 reached, 0 missed, 8 not measured:" in text
    assert "| concierge's ping route beside a bare aiohttp echo, stock loop | &ge; 0.8 x |  |  | not measured |" in text


def test_a_generator_that_was_busier_is_told_at_the_row_and_above() -> None:
    text = page.files(run())["report.md"]
    assert "**The generator was busier than the server in: raw.**" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| raw |")]
    assert "the generator was busier than the server" in row
    data = run()
    data["rows"][1]["generator"] = [0.1]
    assert "In none of the 2 rows was the generator busier" in page.files(data)["report.md"]


def test_the_head_says_what_one_has_to_know() -> None:
    text = page.files(run())["report.md"]
    assert "2 cores, servers on one core, the load generator on another" in text
    assert "- load before 0.10, after 2.00" in text
    assert "Python 3.11.7" in text
    assert "Mockoon CLI ," not in text
    assert "The machine was busy" not in text
    assert "a first look" in page.files(run(options={**OPTIONS, "quick": True}))["report.md"]


@pytest.mark.parametrize(
    ("facts", "waited", "busy"),
    [
        ({"load_before": 1.5}, None, True),
        ({"load_before": 0.5}, None, False),
        # What was there before may have ended since.
        ({"load_before": 9.0}, 0.01, False),
        ({"load_before": 0.0}, 0.2, True),
        ({"others": 0.02, "stolen": 0.0, "load_before": 9.0}, None, False),
        ({"others": 0.9, "stolen": 0.0, "load_before": 0.0}, None, True),
        ({"others": 0.9, "stolen": 0.0, "load_before": 0.0}, 0.0, True),
        ({"others": 0.0, "stolen": 0.2, "load_before": 0.0}, 0.0, True),
        ({"others": 0.0, "stolen": 0.0, "load_before": 0.0}, 0.2, True),
    ],
)
def test_busy_is_what_others_did_meanwhile(facts: dict[str, float], waited: float | None, busy: bool) -> None:
    data = run({**FACTS, **facts})
    for row in data["rows"][:3]:
        row["waited"] = [] if waited is None else [0.0, waited, waited]
    text = page.files(data)["report.md"]
    assert ("The machine was busy" in text) is busy
    assert (f"others kept {facts.get('others', 0):.2f} cores busy" in text) is ("others" in facts)
    assert ("servers waited for their core" in text) is (waited is not None)


STAT = "cpu  600 100 300 9000 50 7 13 40 0 0\ncpu0 300 50 150 4500 25 3 6 20 0 0\n"


def test_ticks_are_seconds_of_all_cores() -> None:
    assert others.ticks(STAT, 100.0) == others.Ticks(worked=10.0, stolen=0.4)
    for text in ("", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2", "cpu a b c d e f g h"):
        with pytest.raises(ValueError, match=r"cores|literal|values"):
            others.ticks(text, 100.0)


def test_others_are_what_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, own, clock = [others.Ticks(10.0, 1.0), others.Ticks(40.0, 2.0)], [5.0, 30.0], [100.0, 110.0]
    monkeypatch.setattr(others, "_look", lambda: ticks.pop(0))
    monkeypatch.setattr(others, "_own", lambda: own.pop(0))
    monkeypatch.setattr("time.monotonic", lambda: clock.pop(0))
    assert others.Watch().facts() == {"others": 0.5, "stolen": 0.1}


def test_nothing_tells_whose_machine_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "box-17")
    note = f"cannot run {ROOT}/bench/x.py as {Path.home()} on box-17, not on box-170"
    assert results.clean(note) == "cannot run ./bench/x.py as ~ on this machine, not on box-170"


def test_files_are_written_and_old_charts_go(tmp_path: Path) -> None:
    (tmp_path / "gone.svg").write_text("")
    (tmp_path / "mine.txt").write_text("")
    results.write(tmp_path, run())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "memory.svg", "messages.svg", "mine.txt", "report.md", "results.json",
    ]  # fmt: skip
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    results.render(tmp_path, results.read(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_other_json_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(ValueError, match="no"):
        results.read(tmp_path)


def test_the_terminal_has_the_same_figures() -> None:
    text = report.text(found())
    assert re.search(r"chip, a > b +20\.00 us +12\.00\.\.44\.00 +0\.50 +0\.25\.\.1\.00", text)
    assert re.search(r"whole way beside a bare aiohttp echo, stock loop +>= 1 x: 0\.50 +MISSED", text)
    assert "the generator was busier than the server" in text
    assert "not measured" not in text


# ---- charts ----

NS = "{http://www.w3.org/2000/svg}"


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314


def test_a_chart_is_told_in_words_as_well() -> None:
    root = parsed(charts.svg("A & B", "KiB", [Bar("x < y", 1.0, 2.0, 3.0, True), Bar("z", 4.0, 4.0, 4.0, False)]))
    assert root.get("role") == "img"
    ids = (root.get("aria-labelledby") or "").split()
    told = {element.get("id"): element.text for element in root if element.get("id")}
    assert [told[name] for name in ids] == ["A & B", "A & B (KiB). x < y: 2.00 (1.00 to 3.00); z: 4.00 (4.00 to 4.00)."]
    assert [text.text for text in root.iter(f"{NS}text") if text.text in ("2.00", "4.00")] == ["2.00", "4.00"]


def test_bars_are_as_long_as_their_medians_and_the_line_stands_at_its_value() -> None:
    root = parsed(charts.svg("", "", [Bar("a", 0.5, 1.0, 2.0, True), Bar("b", 0.2, 0.5, 0.5, False)], 1.0))
    bars = [rect for rect in root.iter(f"{NS}rect") if rect.get("class") in ("ours", "other")]
    left, full, half = float(bars[0].get("x", 0)), float(bars[0].get("width", 0)), float(bars[1].get("width", 0))
    assert full == pytest.approx(2 * half, abs=0.1)
    (one,) = [line for line in root.iter(f"{NS}line") if line.get("class") == "one"]
    assert float(one.get("x1", 0)) == pytest.approx(left + full, abs=0.1)
    spread = next(line for line in root.iter(f"{NS}line") if line.get("class") == "spread")
    assert float(spread.get("x2", 0)) - left == pytest.approx(2 * full, abs=0.2)


def test_nothing_leaves_the_picture() -> None:
    for bars in ([], [Bar("a", 0.0, 0.0, 0.0, True)], [Bar("a", -1.0, 123_456.0, 200_000.0, True)]):
        root = parsed(charts.svg("t", "u", bars))
        width = float(root.get("width", 0))
        places = [float(element.get(name, 0)) for element in root.iter() for name in ("x", "x1", "x2")]
        assert all(0 <= place <= width for place in places)


def test_a_chart_has_a_ground_for_light_and_for_dark() -> None:
    text = charts.svg("t", "u", [])
    light, dark = text.split("@media (prefers-color-scheme:dark)")
    for kind in (".ground{", ".text{", ".ours{", ".other{", ".spread{", ".one{"):
        assert kind in light
        assert kind in dark
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


# ---- the page of the documentation ----

LINKED = "Before.\n\n[The report of the last run](../bench/results/report.md) has it.\n"


def test_the_documentation_has_the_report_in_the_place_of_its_link(tmp_path: Path) -> None:
    results.write(tmp_path, run())
    text = performance.page(LINKED, tmp_path)
    assert text.startswith("Before.\n\n## The last run\n")
    assert "\n### Targets\n" in text
    assert "](performance/messages.svg)" in text
    assert "](../bench" not in text
    assert [path.name for path in performance.copied(tmp_path)] == ["memory.svg", "messages.svg", "results.json"]


def test_without_a_run_the_documentation_says_how_to_make_one(tmp_path: Path) -> None:
    assert "`make bench` makes one" in performance.page(LINKED, tmp_path)
    assert performance.copied(tmp_path) == []


def test_the_page_in_docs_has_that_link() -> None:
    text = (ROOT / "docs" / performance.PAGE).read_text(encoding="utf-8")
    assert performance.page(text, Path("/nowhere")) != text

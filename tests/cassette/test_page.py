"""The page: what stands in it, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from simulator.cassette.entries import Entry, Exchange, TapedRequest, TapedResponse
from simulator.cassette.page import FOLD, SHOWN, page
from simulator.cassette.timeline import Filter, rows
from tests.cassette import tapes
from tests.cassette.tapes import closed, opened, said, tape
from tests.served import Node

EVIL = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"


def made(*entries: Entry, title: str = "talk.yaml", wanted: Filter | None = None) -> str:
    told = rows(tape(*entries))
    return "".join(page(title, "about", told if wanted is None else (row for row in told if wanted.wants(row))))


def data(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    told: dict[str, Any] = json.loads(found[1])
    return told


def table(text: str) -> list[dict[str, Any]]:
    told = data(text)
    return [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]


def test_rows_are_data() -> None:
    told = data(made(*tapes.chip()))
    assert (told["title"], told["about"], told["fold"]) == ("talk.yaml", "about", FOLD)
    found = table(made(*tapes.socketio()))
    assert len(found) == 20
    [save] = [row for row in found if row["name"] == "save"]
    ack = found[save["answered"]]
    assert (ack["name"], found[ack["answers"]]) == ("ack of save", save)
    assert data(made())["rows"] == []


def test_an_answer_that_is_left_out() -> None:
    found = table(made(*tapes.socketio(), wanted=Filter(sender="client")))
    [save] = [row for row in found if row["name"] == "save"]
    assert (save["answered"], save["answers"]) == (None, None)


def test_nothing_in_a_frame_ends_the_data() -> None:
    text = made(opened(EVIL), said("client", EVIL), said("client", "<!--<script>&amp;]]>"), title=EVIL)
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert table(text)[1]["raw"] == EVIL
    assert data(text)["title"] == EVIL


def test_what_is_no_utf_8() -> None:
    text = made(said("client", "\udcff\u2028\x00"))
    text.encode()
    assert table(text)[0]["raw"] == "\udcff\u2028\x00"


def test_long_frames_are_cut() -> None:
    [row] = table(made(said("client", "x" * (SHOWN + 1))))
    assert row["raw"] == f"{'x' * SHOWN}... ({SHOWN + 1} characters, of which the page has {SHOWN})"
    assert row["size"] == SHOWN + 1


def test_the_policy_lets_run_what_is_hashed_alone() -> None:
    text = made()
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for kind in ("style", "script"):
        [inline] = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        assert f"{kind}-src 'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'" in policy
    assert "http://" not in text
    assert "https://" not in text
    assert " style=" not in text
    assert not re.search(r"<[a-z]+[^>]* on[a-z]+=", text)


# --- in Chromium


def long_talk() -> list[Entry]:
    entries: list[Entry] = [opened(tapes.POLLING, conn=1), opened(tapes.POLLING, conn=2)]
    at = 0.0
    for number in range(10_000):
        at += 60.0 if number % 2500 == 2499 else 0.01
        conn = number % 2 + 1
        if number % 4 < 2:
            entries.append(said("client", f'42{number}["ask",{{"number":{number},"text":"漢 {EVIL}"}}]', at, conn))
        else:
            entries.append(said("server", f'43{number - 2}[{{"ok":{number}}}]', at, conn))
    request = TapedRequest("POST", "/upload", (), "{}")
    return [*entries, said("server", "2", at), Exchange(at, 9, 0.1, request, TapedResponse(200)), closed(at + 1)]


@pytest.mark.live
@pytest.mark.browser
async def test_ten_thousand_frames_in_a_browser(tmp_path: Path) -> None:
    path = tmp_path / "talk.html"
    path.write_text(made(*long_talk(), title=f"talk {EVIL}"), encoding="utf-8")
    async with Node.browser(str(path)) as node:

        async def do(script: str) -> Any:
            return await node.page(do=script)

        press = "const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));"
        frame = "document.getElementById('frame').textContent"
        chosen = "document.querySelector('#frame h2')?.textContent"
        count = "document.getElementById('count').textContent"
        # Whatever frames hold is text, and nothing that was not hashed runs.
        assert await do("return document.title") == f"talk {EVIL}"
        assert await do("return [document.images.length, document.scripts.length, window.pwned ?? null]") == [
            0,
            2,
            None,
        ]
        assert (
            await do(
                "const s = document.createElement('script'); s.textContent = 'window.pwned = 2'; document.body.append(s);"
                "const d = document.createElement('div'); d.innerHTML = '<img src=x onerror=\"window.pwned=3\">';"
                "document.body.append(d); await new Promise((done) => setTimeout(done, 100)); return window.pwned ?? null"
            )
            is None
        )
        # A list of any length has as many elements as fit.
        assert await do(f"return {count}") == "10005 rows"
        assert 10 < await do("return document.querySelectorAll('[role=option]').length") < 100
        # Keys.
        await do(f"{press} press('ArrowDown'); press('j'); press('j')")
        assert await do(f"return {chosen}") == "ask"
        assert EVIL in await do("return document.querySelector('#frame .decoded').textContent")
        assert EVIL in await do("return document.querySelector('#frame .raw').textContent")
        assert await do("return document.querySelectorAll('[aria-selected=true]').length") == 1
        await do(f"{press} press('a')")
        assert await do(f"return {chosen}") == "ack of ask"
        assert "answers" in await do(f"return {frame}")
        await do(f"{press} press('a')")
        assert await do(f"return {chosen}") == "ask"
        await do(f"{press} press('n')")
        assert '"number": 1' in await do(f"return {frame}")
        await do(f"{press} press('N')")
        assert '"number": 0' in await do(f"return {frame}")
        await do(f"{press} press('End')")
        assert await do(f"return {chosen}") == "(close)"
        await do(f"{press} press('k')")
        assert await do(f"return {chosen}") == "POST /upload"
        await do(f"{press} press('Home')")
        assert await do(f"return {chosen}") == "(open)"
        # Search, filters.
        await do(f"{press} press('/')")
        assert await do("return document.activeElement.id") == "find"
        await do(
            "const find = document.getElementById('find'); find.value = '\"NUMBER\":77'; find.dispatchEvent(new Event('input'))"
        )
        shown = await do(f"return {count}")
        assert (
            shown
            == f"{sum('number' in f'number {n}' and str(n).startswith('77') and n % 4 < 2 for n in range(10_000))} of 10005 rows"
        )
        await do(f"{press} press('Enter')")
        assert await do("return document.activeElement.id") == "rows"
        await do("const find = document.getElementById('find'); find.value = ''; find.dispatchEvent(new Event('input'));"
                 "for (const id of ['client', 'server', 'others']) document.getElementById(id).click()")  # fmt: skip
        assert await do(f"return {count}") == "0 of 10005 rows"
        await do("document.getElementById('others').click()")
        assert await do(f"return {count}") == "4 of 10005 rows"
        await do("document.getElementById('conn').value = 'http';"
                 "document.getElementById('conn').dispatchEvent(new Event('change'))")  # fmt: skip
        assert await do(f"return {count}") == "1 of 10005 rows"
        # Time is to scale, and a long silence as wide as any other.
        assert await do("return pieces.map((piece) => Math.round(piece.silence))") == [60, 60, 60, 60, 0]
        wide = await do(
            "const at = (t) => place(t); return [at(0.02) - at(0.01), at(10) - at(9.99), at(pieces[1].start) - at(pieces[0].end)]"
        )
        assert wide[0] == pytest.approx(wide[1], abs=1e-6)
        assert wide[2] == 46
        before = await do("return spread.offsetWidth")
        await do(f"{press} document.getElementById('rows').focus(); press('+'); press('+')")
        assert await do("return spread.offsetWidth") > before * 1.5
        # Something is drawn.
        assert await do("const c = document.querySelector('canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                        "return d.some((v) => v)")  # fmt: skip


@pytest.mark.live
@pytest.mark.browser
async def test_what_hides_is_shown_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "talk.html"
    path.write_text(made(said("client", "\u202eevil\x1b[2J\u200b\ud800\x00é😀")), encoding="utf-8")
    async with Node.browser(str(path)) as node:
        await node.page(do="step(1)")
        said_there = await node.page(do="return document.querySelector('#frame .decoded').textContent")
        assert said_there == '"\\u{202e}evil\\u001b[2J\\u{200b}\\ud800\\u0000é😀"'
        row = await node.page(do="return document.querySelector('.row .said').textContent")
        assert "\u202e" not in row
        assert "\x1b" not in row
        assert "é😀" in row

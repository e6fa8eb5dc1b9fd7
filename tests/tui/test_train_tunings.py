"""The searches of `rnntui tune` in the Train tab."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import DataTable
from train_host import NARROW, WIDE, Host
from waiting import wait_until

from rnntui.config import Budget
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_status import RunStatus
from rnntui.runs.tuning_ledger import TuningDescription, TuningFolder, TuningLedger
from rnntui.sessions import run_watcher
from rnntui.sessions.tuning_watcher import TuningWatcher
from rnntui.tui.train import tab as tab_module
from rnntui.tui.train import tuning_screen
from rnntui.tui.train.tuning_screen import TuningScreen

DEFAULTS = {"cell": "lstm", "learning_rate": 0.004, "hidden": 512}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test makes; polled often."""
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    for module in (tab_module, tuning_screen):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.05)


def make_tuning(folder: Path) -> TuningLedger:
    """Return the ledger of a search with a finished trial, and one under way that began with a broken name."""
    paths = TuningFolder(folder)
    paths.path.mkdir(parents=True)
    description = TuningDescription(("book\x1b[31m.txt",), {"layers": 1}, {"cell": ("lstm",)}, Budget(minutes=2), 1)
    ledger = TuningLedger.create(paths, description)
    ledger.append(1, settings=DEFAULTS, search_seconds=1.0)
    ledger.append(1, state="finished", loss=1.5, bits_per_character=2.164, fraction=1.0, seconds=120.0,
                  curve=[[1.0, 1.5]], search_seconds=125.0)  # fmt: skip
    ledger.append(2, settings=DEFAULTS | {"cell": "gru", "hidden": 256}, search_seconds=126.0)
    return ledger


def rows_of(app: Host) -> list[list[str]]:
    table = app.screen.query_one(DataTable)
    return [[str(cell) for cell in table.get_row_at(index)] for index in range(table.row_count)]


async def test_the_trials_of_a_search_are_shown_as_they_come(tmp_path: Path) -> None:
    ledger = make_tuning(tmp_path / "book.tuning")
    run = ledger.folder.trial_run(2)
    run.path.mkdir()
    app = Host(tmp_path)
    with RunFolder(ledger.folder.path).lock():
        async with app.run_test(size=WIDE) as pilot:
            await wait_until(pilot, lambda: any("tuning book, searching after 2 min" in row for row in app.rows))
            await pilot.press("t")
            await wait_until(pilot, lambda: isinstance(app.screen, TuningScreen) and len(rows_of(app)) == 2)
            assert rows_of(app)[0] == ["1 ★", "1.5000", "2.1640", "finished", "2 min", "none"]
            assert rows_of(app)[1][3:] == ["running 0%", "0 s", "gru, hidden 256"]
            shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert "Tuning book · searching after 2 min · 2 trials · best 1.5000" in shown
            assert "trials of 2 minutes · --layers 1" in shown and "\x1b" not in shown and "Esc closes" in shown
            run.write_status(RunStatus("running", step=30, steps=100, seconds=40.0, validation_loss=1.6))
            await wait_until(
                pilot, lambda: rows_of(app)[1][1:] == ["1.6000", "", "running 30%", "40 s", "gru, hidden 256"]
            )
            ledger.append(2, state="finished", loss=1.4, fraction=1.0, seconds=119.0, search_seconds=250.0)
            ledger.append(3, settings=DEFAULTS | {"learning_rate": 0.002}, search_seconds=251.0)
            await wait_until(pilot, lambda: [row[0] for row in rows_of(app)] == ["1", "2 ★", "3"])
            assert app.screen.query_one(DataTable).cursor_row == 2, "it was at the last trial, and follows"
            await pilot.press("up", "o")
            await wait_until(pilot, lambda: [row[0] for row in rows_of(app)] == ["2 ★", "1", "3"])
            assert app.screen.query_one(DataTable).cursor_row == 0, "it stays on its trial"
            ledger.append(3, state="failed", reason="out of memory", search_seconds=260.0)
            await wait_until(
                pilot, lambda: rows_of(app)[2][3:] == ["failed", "0 s", "learning rate 0.002 (out of memory)"]
            )
            await pilot.resize_terminal(*NARROW)
            await wait_until(pilot, lambda: len(rows_of(app)[0]) == 5)
            await wait_until(pilot, lambda: not app.screen.query_one(DataTable).show_horizontal_scrollbar)
            await pilot.press("escape")
            assert app.focused is app.tab.run_list


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"settings": {"hidden": "wide", "bptt": [1]}}, "hidden wide, bptt [1]"),
        ({"state": "finished", "loss": 10**400}, "is broken"),
    ],
)
def test_a_ledger_with_values_of_other_types_is_no_end_of_the_list(
    tmp_path: Path, row: dict[str, object], expected: str
) -> None:
    ledger = make_tuning(tmp_path / "book.tuning")
    with ledger.folder.ledger_file.open("a") as file:
        file.write(json.dumps({"trial": 3, "settings": {}}) + "\n" + json.dumps({"trial": 3, **row}) + "\n")
        file.write(json.dumps({"trial": 4, **row}) + "\n")
    [tuning] = TuningWatcher(tmp_path).poll()
    assert expected in (tuning.rows[-1].texts[-1] if tuning.rows else tuning.summary)


async def test_several_searches_are_shown_one_at_a_time_and_none_says_how_to_start_one(tmp_path: Path) -> None:
    app = Host(tmp_path)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: any("no runs yet" in row for row in app.rows))
        await pilot.press("t")
        await wait_until(pilot, lambda: "rnntui tune corpus.txt" in app.text("#tuning-about"))
        for key in ("up", "down", "home", "end", "ctrl+home", "ctrl+end", "pagedown", "left", "right"):
            await pilot.press(key, "o")
        await pilot.press("escape")
        make_tuning(tmp_path / "book.tuning")
        (tmp_path / "broken.tuning").mkdir()
        (tmp_path / "broken.tuning" / "tuning.jsonl").write_text('{"tuning": 99}\n')
        await wait_until(pilot, lambda: any("t shows the search of book, broken" in row for row in app.rows))
        await pilot.press("t")
        await wait_until(pilot, lambda: "Tuning 1 of 2: book · stopped after 2 min" in app.text(".title"))
        assert rows_of(app)[1][2] == "interrupted 0%", "no process goes on with it"
        await pilot.press("right_square_bracket")
        await wait_until(pilot, lambda: "tuning.jsonl is broken" in app.text(".title").replace("\n", " "))
        assert rows_of(app) == [] and "other searches" in app.text("#tuning-keys")
        await pilot.press("left_square_bracket", "q")
        assert app.focused is app.tab.run_list

"""Renaming, deleting, noting and comparing runs by keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_training import make_two_runs
from textual.widgets import DataTable, Input, Label, OptionList
from train_host import NARROW, Host
from waiting import wait_until

from rnntui.runs import lookup
from rnntui.runs.comparison import Comparison, ComparisonRow
from rnntui.runs.folder import RunFolder
from rnntui.sessions import run_watcher
from rnntui.tui.screens.dialogs import AskScreen, PickScreen
from rnntui.tui.train import tab as tab_module
from rnntui.tui.train.comparison_screen import ComparisonScreen
from rnntui.tui.train.filter_bar import FilterBar


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the runs that a test makes; polled often."""
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    monkeypatch.setattr(tab_module, "POLL_SECONDS", 0.05)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, `first` and `second`; the newer one is above."""
    return make_two_runs(tmp_path / "runs")


async def test_a_run_is_renamed_noted_and_deleted(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names == ["second", "first"])
        await pilot.press("space", "R")
        await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
        app.screen.query_one(Input).value = "first"
        await pilot.press("enter")
        assert isinstance(app.screen, AskScreen), "the name is taken"
        app.screen.query_one(Input).value = ""
        await pilot.press("escape", "R")
        await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"renamed", "enter")  # typing replaces the name that is there
        await wait_until(pilot, lambda: app.names == ["renamed", "first"])
        await wait_until(pilot, lambda: app.rows[0].startswith("● renamed"))
        assert app.tab.run_list.current_path == str(runs / "renamed")
        await wait_until(pilot, lambda: app.tab.dashboard.chart._curves)
        # A note is in the line below the list, and found by the filter.
        await pilot.press("N")
        await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*"twice", "enter")
        await wait_until(pilot, lambda: app.text("#run-line").startswith(" renamed · twice · step 10 of 10"))
        await pilot.press("N")
        await wait_until(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press(*" more", "enter")  # typing goes on with the note
        await wait_until(pilot, lambda: RunFolder(runs / "renamed").read_note() == "twice more")
        await pilot.press("slash", "down")
        assert not app.query_one(FilterBar).display  # it holds no words
        await pilot.press("slash", *"twice", "enter")
        assert app.names == ["renamed"]
        await pilot.press("escape")
        # Deleting asks first, and proposes to keep the run.
        for keys, names in (("enter",), ["renamed", "first"]), (("down", "enter"), ["first"]):
            await pilot.press("delete")
            await wait_until(pilot, lambda: isinstance(app.screen, PickScreen))
            await pilot.press(*keys)
            await wait_until(pilot, lambda: not isinstance(app.screen, PickScreen))
            await wait_until(pilot, lambda names=names: app.names == names)
        assert not (runs / "renamed").exists() and "●" not in "".join(app.rows)


async def test_deleting_names_what_does_not_belong_to_the_run(runs: Path) -> None:
    app = Host(runs)
    (runs / "second" / "mine.txt").touch()
    (runs / "second" / "[red]notes").mkdir()
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names == ["second", "first"])
        for extra in (
            ", including files that do not belong to a run: [red]notes, mine.txt? It cannot be restored.",
            ")? It",
        ):
            await pilot.press("d")
            await wait_until(pilot, lambda: isinstance(app.screen, PickScreen))
            question = str(app.screen.query_one(Label).content)
            assert question.startswith("Delete run ") and extra in question
            await pilot.press("escape", "down")  # the other run holds nothing else
            await wait_until(pilot, lambda: not isinstance(app.screen, PickScreen))
        assert (runs / "second" / "mine.txt").exists()


async def test_a_shipped_model_takes_no_note(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = make_two_runs(runs.parent / "shipped") / "first"
    for module in (run_watcher, lookup):
        monkeypatch.setattr(module, "shipped_runs", lambda: [RunFolder(shipped)])
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.names == ["second", "first", "first"])
        await pilot.press("end", "N")
        await wait_until(pilot, lambda: len(app.notices) == 1)
        assert app.notices == ["No note: first is a shipped model and takes no note."]
        assert not isinstance(app.screen, AskScreen)


async def test_a_run_in_training_is_neither_renamed_nor_deleted(runs: Path) -> None:
    run = RunFolder(runs / "second")
    app = Host(runs)
    with run.lock():
        run.status_file.write_text('{"state": "running", "step": 1, "steps": 1000}')
        async with app.run_test(size=NARROW) as pilot:
            await wait_until(pilot, lambda: any("running" in row for row in app.rows))
            await pilot.press("R", "d")
            await wait_until(pilot, lambda: len(app.notices) == 2)
            assert [notice.split(":")[0] for notice in app.notices] == ["Not renamed", "Not deleted"]
            assert all("in training" in notice for notice in app.notices)


async def test_the_menu_leads_to_the_comparison(runs: Path) -> None:
    app = Host(runs)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: len(app.names) == 2)
        await pilot.press("v")
        await wait_until(pilot, lambda: any("Nothing to compare" in notice for notice in app.notices))
        await pilot.press("space", "down", "m")
        await wait_until(pilot, lambda: isinstance(app.screen, PickScreen))
        menu = app.screen.query_one(OptionList)
        rows = [str(menu.get_option_at_index(index).prompt) for index in range(menu.option_count)]
        starts = [row[:12].split() for row in rows[:4]]
        assert starts == [["Rename", "R"], ["Note", "N"], ["Delete", "d"], ["Compare", "v"]]
        assert max(map(len, rows)) <= menu.scrollable_content_region.width - 2, "a row is wrapped"
        await pilot.press("down", "down", "down", "enter")
        await wait_until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        await pilot.press("escape", "m")
        await wait_until(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.press("v")  # the keys of the list work in the menu too
        await wait_until(pilot, lambda: isinstance(app.screen, ComparisonScreen))
        table = app.screen.query_one(DataTable)
        await wait_until(pilot, lambda: table.row_count > 5 and table.has_focus)
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "bits per character" in shown and "corpus" in shown and "Esc closes" in shown
        await pilot.press("escape")
        assert app.focused is app.tab.run_list
        app.push_screen(ComparisonScreen(Comparison(("a", "b"), (), (ComparisonRow("step", ("1", "2")),))))
        await wait_until(pilot, lambda: app.screen.query(DataTable))
        labels = [str(app.screen.query_one(DataTable).get_row_at(row)[0]) for row in range(3)]
        assert labels == ["step", "", "no option differs"]

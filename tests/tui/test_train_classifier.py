"""Classifiers in the Train tab: accuracy and F1 among the charts, the confusion matrix alone and beside a chart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_training import make_logged, row
from test_contrast import illegible
from train_host import NARROW, WIDE, Host, classifier_row, make_classifier_logged, make_pairs_logged
from waiting import wait_until

from rnntui.runs.folder import RunFolder
from rnntui.sessions import run_watcher
from rnntui.tui.themes import readable_themes
from rnntui.tui.train import tab as tab_module
from rnntui.tui.train.confusion_view import ConfusionView

LANGUAGES = [f"{first}{last}" for first in ("east", "west", "north") for last in "abcdef"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the runs that a test makes; looked at often."""
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    monkeypatch.setattr(tab_module, "POLL_SECONDS", 0.05)


@pytest.fixture
def reviews(tmp_path: Path) -> RunFolder:
    """A classifier `reviews` of two labels above a language model `notes`."""
    make_logged(tmp_path / "runs", "notes")
    run = make_classifier_logged(tmp_path / "runs", "reviews", ["positive", "neg\x1b"])
    run.write_config(replace(run.read_config(), created=1000.0))
    return run


async def test_the_matrix_is_beside_the_charts_and_follows_the_training(reviews: RunFolder) -> None:
    app = Host(reviews.path.parent)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: "step 100 ★" in app.text("#confusion"))
        assert app.tab.dashboard.titles[:5] == ["Loss", "Accuracy", "Macro F1", "Confusion matrix", "Learning rate"]
        assert "Loss, nats a text" in app.text("#chart")
        lines = app.text("#confusion").splitlines()
        assert lines[0].strip() == "Confusion · step 100 ★ · 100.0%" and lines[2].split() == [
            "positive", "neg\\x1b", "texts",
        ]  # fmt: skip
        with reviews.metrics_file.open("a") as file:
            file.write(classifier_row(120, 2).replace("[10, 0], [0, 10]", "[9, 1], [4, 6]"))
        await wait_until(pilot, lambda: "step 120 · 75.0%" in app.text("#confusion"))
        assert app.text("#confusion").splitlines()[4].split() == ["neg\\x1b", "40", "60", "10"]
        final = row(120, held_out_loss=0.3, accuracy=95.0, macro_f1=95.0, best_step=100, confusion=[[10, 0], [1, 9]])
        with reviews.metrics_file.open("a") as file:
            file.write(final)
        await wait_until(pilot, lambda: "best weights · 95.0%" in app.text("#confusion"))
        await pilot.press("down")
        await wait_until(pilot, lambda: not app.query_one(ConfusionView).display)
        assert "Confusion matrix" not in app.tab.dashboard.titles, "a language model has none"


async def test_the_key_that_uses_a_run_names_the_tab_that_it_opens(reviews: RunFolder) -> None:
    make_pairs_logged(reviews.path.parent, "pairs")
    app = Host(reviews.path.parent)
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: len(app.names) == 3)
        labels = {"reviews": "c Classify", "notes": "c Chat", "pairs": "c Translate"}
        for _ in range(3):
            run = app.tab.run_list.current
            assert run is not None
            await wait_until(pilot, lambda: labels[run.name] in app.text("KeyFooter"))  # noqa: B023
            del labels[run.name]
            await pilot.press("down")
        assert not labels
        app.tab.session.filter = "no such run"
        app.tab._update_list()
        await pilot.pause()
        footer = app.text("KeyFooter")
        assert " c " not in footer and "Manage" not in footer and "n New" in footer


async def test_keys_of_the_matrix_choose_the_evaluation_of_all_charts(reviews: RunFolder) -> None:
    app = Host(reviews.path.parent)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: "step 100 ★" in app.text("#confusion"))
        app.query_one(ConfusionView).focus()
        await pilot.pause()
        assert "←→ evaluation" in app.text("#confusion") and "p percent or counts" in app.text("#confusion")
        await pilot.press("left")
        await pilot.pause()
        assert "step 80 · 90.0%" in app.text("#confusion")
        assert app.tab.dashboard.chart.view.cursor == 80
        assert "text 80" in app.text("#samples") and "text 100" not in app.text("#samples")
        await pilot.press(*["left"] * 4)
        await pilot.pause()
        assert "step 20 · 60.0%" in app.text("#confusion"), "the first one"
        await pilot.press("x", "right")  # no key of the matrix; the next evaluation
        await pilot.pause()
        assert "step 40 · 70.0%" in app.text("#confusion")
        app.tab.dashboard.chart.focus()
        await pilot.press("x", "left")  # over time
        app.query_one(ConfusionView).focus()
        await pilot.press("right")
        await pilot.pause()
        assert "step 60" in app.text("#confusion") and app.tab.dashboard.chart.view.cursor == 6.0
        await pilot.press("0")
        await pilot.pause()
        assert "step 100 ★" in app.text("#confusion") and app.tab.dashboard.chart.view.cursor is None
        await pilot.press("escape")
        assert app.focused is app.tab.run_list


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_eighteen_labels_are_readable_in_80_columns(tmp_path: Path, theme: str) -> None:
    make_classifier_logged(tmp_path / "runs", "languages", LANGUAGES)
    app = Host(tmp_path / "runs")
    async with app.run_test(size=NARROW) as pilot:
        for readable in readable_themes():
            app.register_theme(readable)
        app.theme = theme
        await wait_until(pilot, lambda: "Confusion matrix" in app.tab.dashboard.titles)
        assert not app.query_one(ConfusionView).display, "no room beside the chart"
        await pilot.press(*["right_square_bracket"] * 3, "enter")
        await pilot.pause()
        assert app.focused is app.query_one(ConfusionView)
        lines = app.text("#confusion").splitlines()
        assert lines[0].startswith(" Confusion matrix · step 100 ★ · accuracy 100.0%")
        keys = [line.split()[0] for line in lines[3:20]]
        assert lines[2].split() == [*keys, lines[2].split()[17], "texts"] and len(keys) == 17
        assert not illegible(app)
        await pilot.press("down", "down", "p")
        await pilot.pause()
        scrolled = app.text("#confusion").splitlines()
        assert scrolled[0][:30] == lines[0][:30] and "northf" in "\n".join(scrolled), "headings stay, rows scroll"
        await pilot.press("left")
        await pilot.pause()
        assert not illegible(app) and "90.0%" in app.text("#confusion")
        await pilot.press("e")
        await wait_until(pilot, lambda: len(app.screen_stack) == 2)
        assert app.focused is not None and getattr(app.focused, "value", "") == "languages-confusion-matrix.svg"
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: app.focused is app.tab.run_list)


async def test_marked_runs_of_other_kinds_share_a_neutral_unit(reviews: RunFolder) -> None:
    app = Host(reviews.path.parent)
    async with app.run_test(size=WIDE) as pilot:
        await wait_until(pilot, lambda: "nats a text" in app.text("#chart"))
        assert "validation loss 0.5000 nats a text" in app.text("#about-side")
        assert "accuracy 90.00, macro F1 89.50" in " ".join(app.text("#about-side").split())
        assert "bits" not in app.text("#about-side")
        await pilot.press("space", "down")
        await wait_until(pilot, lambda: "notes" in app.text("#chart"))
        assert app.text("#chart").splitlines()[0] == " Loss, nats"
        await wait_until(pilot, lambda: "losses of different kinds of model do not" in app.text("#chart-note"))

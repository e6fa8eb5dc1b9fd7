"""The Classify tab, as a person uses it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fake_classifier import FakeClassifier
from line_tabs import using_classify
from textual.events import Paste
from textual.widgets import Input
from waiting import wait_until

from rnntui.tui.app import RnntuiApp
from rnntui.tui.classify.explanation_column import ExplanationColumn
from rnntui.tui.classify.label_list import LabelList
from rnntui.tui.classify.tab import ClassifyTab
from rnntui.tui.preferences import classified_folder, tab_of_last_text
from rnntui.tui.screens.dialogs import AskScreen
from rnntui.tui.screens.text_browser import TextBrowser

LONG = "never seen such a house in her whole life and neither have the others , good as they are"


async def test_typed_lines_get_their_labels_beside_them(tmp_path: Path) -> None:
    classifier = FakeClassifier()
    async with using_classify(tmp_path, classifier) as user:
        await user.type(f"warmth\n\nbad\nfine {LONG}\nlast")
        await user.work()
        assert user.shown == ["0.88 positive", "", "0.88 negative", "0.78 positive", "0.50 positive ?"]
        assert user.row("warmth") == user.row("0.88 positive") and user.row("last") == user.row("0.50 positive ?")
        assert user.status == "one · 4 lines: positive ×3, negative ×1 · 1 doubtful (?)"
        await user.pilot.press("ctrl+home", "x")
        await user.work()
        assert user.shown[0] == "0.50 positive ?" and len(classifier.explained) == 2  # only lines at the cursor


async def test_a_line_that_scrolls_can_be_added_while_others_wait_to_be_classified(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.fill("\n".join(f"bad {number}" for number in range(40)))
        user.tab.editor.move_cursor(user.tab.editor.document.end)
        await wait_until(user.pilot, lambda: user.tab.editor.scroll_offset.y > 0)
        user.worker._running = (user.session._request.cache_key, {"bad 0"})
        user.tab.editor.insert("\nwarmth")
        user.tab._scrolled()  # before the session knows of the line, as when the cursor's move scrolls
        await wait_until(user.pilot, lambda: len(user.session.lines) == 41)
        await user.work()
        assert user.shown[-1] == "0.88 positive"


async def test_a_new_text_can_be_begun_far_down_while_lines_wait_to_be_classified(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.fill("\n".join(f"bad {number}" for number in range(40)))
        user.tab.editor.move_cursor((39, 0))
        await wait_until(user.pilot, lambda: user.tab.editor.scroll_offset.y > 0)
        assert user.session.is_computing
        await user.pilot.press("f12")
        await wait_until(user.pilot, lambda: user.session.lines == [""])
        await user.type("warmth")
        await user.work()
        assert user.shown == ["0.88 positive"]


async def test_typing_does_not_wait_for_the_classifier(tmp_path: Path) -> None:
    classifier = FakeClassifier(gate=threading.Event())
    async with using_classify(tmp_path, classifier, threaded=True) as user:
        await user.type("warm")
        assert user.tab.editor.text == "warm" and user.shown == [""]
        await user.type("th")
        classifier.gate.set()  # type: ignore[union-attr]
        await wait_until(user.pilot, lambda: user.shown == ["0.88 positive"])
        assert ["wa"] not in classifier.asked and ["war"] not in classifier.asked


async def test_the_line_at_the_cursor_is_shaded_and_explained(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.fill("  warmth and bit dull\nbad and dull bad")
        await user.work()
        assert user.shaded == [("warmth", 1.0), ("dull", -0.5)]
        assert "● 0.73" in user.column("#labels") and "0.27" in user.column("#labels")
        assert "Share: positive" in user.column("#shares")
        assert "+2.00 ██████ warmth" in user.column("#shares") and "−1.00 ███    dull" in user.column("#shares")
        assert "≠ warmth: negative 0.73" in user.column("#removals")
        assert "dull: positive 0.88" in user.column("#removals")
        styles = {user.tab.editor._highlight_style(weight).bgcolor for weight in (1.0, -1.0)}
        assert len(styles) == 2  # two colours, and of each side a mark that is not a colour
        assert user.tab.editor._highlight_style(0.3).underline and user.tab.editor._highlight_style(-0.3).italic
        await user.pilot.press("down")
        await user.work()
        assert user.shaded == [("bad", 1.0), ("dull", 0.5), ("bad", 1.0)]
        assert "Share: negative" in user.column("#shares") and "No word changes it" not in user.column("#removals")
        await user.pilot.press("ctrl+end", "enter")
        await user.work()
        assert user.shaded == [] and "negative" not in user.column("#lower")


async def test_f9_shades_by_each_measure_that_the_model_has(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier(ngrams=False)) as user:
        await user.fill("warmth and dull")
        await user.work()
        titles = []
        for _ in range(4):
            await user.pilot.press("f9")
            titles.append((str(user.tab.query_one("#shares", ExplanationColumn).border_title), len(user.shaded)))
        assert titles == [
            ("Gradient × input: positive", 2), ("Attention", 3), ("Share: positive (not shaded)", 0),
            ("Share: positive", 2),
        ]  # fmt: skip


async def test_a_chosen_label_is_explained_by_key_and_by_mouse(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.fill("warmth\nbad\nplain bad")
        await user.work()
        labels = user.tab.query_one(LabelList)
        labels.focus()
        await user.pilot.press("down", "enter")
        await user.work()
        assert user.shaded == [("warmth", -1.0)] and "Share: negative" in user.column("#shares")
        await user.pilot.press("n")  # to the next line with the highlighted label
        assert user.tab.editor.cursor_location[0] == 1 and user.app.focused is labels
        await user.work()
        assert user.shaded == [("bad", 1.0)]
        await user.pilot.click(LabelList, offset=(10, 2))
        await user.work()
        assert user.shaded == [("bad", -1.0)] and user.session.explained_label(1) == "positive"


async def test_ctrl_n_goes_to_the_next_doubtful_line(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.fill("\n".join(["warmth"] * 30 + ["fine"] + ["bad"] * 3))
        await user.work()
        await user.pilot.press("ctrl+n")
        assert user.tab.editor.cursor_location == (30, 0) and "fine" in user.screen
        await user.pilot.press("ctrl+n")
        assert "No other line is doubtful" in user.notices


async def test_many_labels_and_hostile_ones_are_shown_safely(tmp_path: Path) -> None:
    labels = ("positive", "negative", "\x1b[31m[red]", *(f"label {number}" for number in range(300)))
    async with using_classify(tmp_path, FakeClassifier(labels=labels)) as user:
        user.app.post_message(Paste("warmth [bold]\x1b[31m\u202e and\r\ndull"))
        await wait_until(user.pilot, lambda: len(user.session.lines) == 2)
        await user.pilot.press("up")
        await user.work()
        assert user.tab.query_one(LabelList).option_count == 100
        assert "\\x1b[31m" in user.column("#labels") and "\x1b" not in user.screen
        assert user.session.lines[0] == "warmth [bold]\x1b[31m\u202e and"


async def test_a_line_that_fails_is_named_and_one_that_cannot_be_explained_has_its_label(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier(fails="broken", unexplainable="warmth")) as user:
        await user.fill("warmth\nbroken")
        await user.work()
        assert user.shown == ["0.88 positive", "not classified"]
        assert "too long to explain" in user.column("#shares") and user.shaded == []
        assert "A line could not be classified: broken" in user.notices


# Without a classifier.


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_without_a_classifier_the_tab_says_how_to_get_one(tmp_path: Path, size: tuple[int, int]) -> None:
    async with using_classify(tmp_path, size=size) as user:
        assert user.screen.count("rnntui train-classifier reviews.tsv") == 2
        assert "F3 (Train), then n" in user.screen and "F3 and n" in user.status and not user.notices
        await user.type("warmth")
        assert user.screen.count("rnntui train-classifier reviews.tsv") == 1
        await user.pilot.press("f5")
        await wait_until(user.pilot, lambda: "rnntui train-classifier" in user.notices)
        await user.open_model("one", FakeClassifier())
        await user.work()
        assert user.shown == ["0.88 positive"] and "no classifier" not in user.status


async def test_a_run_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    app = RnntuiApp(tmp_path / "runs", "nosuch", first="classify")
    async with app.run_test() as pilot:
        tab = app.tabs["classify"]
        assert isinstance(tab, ClassifyTab)
        await wait_until(pilot, lambda: tab.session.problem and app._notifications)
        assert "F5" in tab.session.status(0) and any("nosuch" in notice.message for notice in app._notifications)


# The tab among the others.


async def test_alt_c_shows_the_tab_and_the_bar_has_room_for_it(tmp_path: Path) -> None:
    app = RnntuiApp(tmp_path / "runs", first="translate")
    async with app.run_test() as pilot:
        bar = str(app.query_one("#bar").render())
        assert bar.index("Translate") < bar.index("Alt+C Classify") and len(bar) < 80
        await pilot.press("alt+c")
        await wait_until(pilot, lambda: "classify" in app.tabs)
        assert app.focused is app.query_one("#text")


# The text as a whole.


async def test_results_are_copied_and_saved_under_a_name(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.pilot.press("ctrl+s")
        assert "nothing to save" in user.notices
        await user.fill("warmth\nbad")
        await user.work()
        await user.pilot.press("ctrl+g")
        assert user.app.clipboard == "warmth\tpositive\t0.8808\nbad\tnegative\t0.8808\n"
        await user.pilot.press("shift+end", "ctrl+g")
        assert user.app.clipboard == "warmth"
        await user.pilot.press("ctrl+s")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, AskScreen))
        assert user.app.screen.query_one(Input).value == "one-1.tsv"
        await user.pilot.press(*"labels", "enter")
        await wait_until(user.pilot, lambda: "Saved" in user.notices)
        assert Path("labels.tsv").read_text() == "warmth\tpositive\t0.8808\nbad\tnegative\t0.8808\n"


async def test_texts_are_saved_automatically_and_opened_again(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.fill("warmth")
        await user.work()
        await user.pilot.press("f12")
        assert user.session.text == "" and user.app.focused is user.tab.editor
        await user.fill("bad")
    assert {file.read_text() for file in classified_folder().glob("*.txt")} == {"warmth", "bad"}
    assert tab_of_last_text() == "classify"
    Path("lines.txt").write_text("good\nfine\n")
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await wait_until(user.pilot, lambda: user.session.text == "bad")
        for keys, text in (((*"warmth", "enter"), "warmth"), (("ctrl+o", *"lines.txt", "enter"), "good\nfine\n")):
            await user.pilot.press("ctrl+o")
            await wait_until(user.pilot, lambda: isinstance(user.app.screen, TextBrowser))
            await wait_until(user.pilot, lambda: user.app.screen._is_read)  # type: ignore[attr-defined]
            await user.pilot.press(*keys)
            await wait_until(user.pilot, lambda text=text: user.session.text == text)
        await user.work()
        assert user.shown[0] == "0.73 positive"


async def test_thousands_of_lines_are_classified_in_batches_the_visible_ones_first(tmp_path: Path) -> None:
    classifier = FakeClassifier()
    async with using_classify(tmp_path, classifier) as user:
        lines = [f"good {number}" for number in range(3000)]
        await user.fill("\n".join(lines))
        user.tab.editor.move_cursor((2000, 0))
        await user.pilot.pause()
        await user.work()
        assert classifier.asked[0] == ["good 2000"]
        assert set(lines[1995:2000]) < set(classifier.asked[1])
        assert sum(map(len, classifier.asked)) == 3000 and len(classifier.asked) < 40
        assert user.shown == ["0.73 positive"] * 3000 and "3,000 lines: positive ×3,000" in user.status

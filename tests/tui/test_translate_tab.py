"""The Translate tab, as a person uses it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from fake_translator import FakeTranslator
from line_tabs import LineTabUser, using_translate
from pair_runs import copy_rows, make_pair_run, write_weights
from textual.events import Paste
from textual.widgets import Input, TextArea
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.app import RnntuiApp
from rnntui.tui.lines import aligned_text_area
from rnntui.tui.preferences import sources_folder
from rnntui.tui.screens.dialogs import AskScreen, PickScreen
from rnntui.tui.screens.text_browser import TextBrowser
from rnntui.tui.translate.hypothesis_list import HypothesisList
from rnntui.tui.translate.tab import TranslateTab

LONG = "never seen such a house in her whole life and neither have the others"


# Typing.


async def test_typed_lines_are_translated_beside_them(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.type("go on\n\nnow")
        await user.work()
        assert user.shown == ["og no", "", "won"]
        assert user.row("go on") == user.row("og no") and user.row("now") == user.row("won")
        assert "one" in user.status and "translated 2 lines" in user.status


async def test_only_the_last_version_of_a_line_is_translated(tmp_path: Path) -> None:
    translator = FakeTranslator()
    async with using_translate(tmp_path, translator) as user:
        await user.type("home")
        await user.work()
        assert translator.asked == [["home"]]
        assert user.shown == ["emoh"]


async def test_typing_does_not_wait_for_a_search_and_cancels_an_outdated_one(tmp_path: Path) -> None:
    translator = FakeTranslator(gate=threading.Event())
    async with using_translate(tmp_path, translator, threaded=True) as user:
        await user.type("h")
        await wait_until(user.pilot, lambda: translator.asked == [["h"]])  # and it waits for the gate
        await user.type("ome")
        assert user.tab.editor.text == "home"
        await wait_until(user.pilot, lambda: translator.asked[-1] == ["home"])
        assert user.shown == [""]
        translator.gate.set()  # type: ignore[union-attr]
        await wait_until(user.pilot, lambda: user.shown == ["emoh"])


async def test_a_translation_stays_until_there_is_a_newer_one(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.type("home")
        await user.work()
        await user.type("s")
        assert user.shown == ["emoh"]
        await user.work()
        assert user.shown == ["semoh"]


async def test_translations_stay_beside_their_lines_when_lines_are_added_and_removed(tmp_path: Path) -> None:
    translator = FakeTranslator()
    async with using_translate(tmp_path, translator) as user:
        await user.fill("one\ntwo\nthree")
        await user.work()
        translator.asked.clear()
        user.tab.editor.move_cursor((0, 3))
        await user.type("\n")
        assert user.shown == ["eno", "", "owt", "eerht"]
        await user.pilot.press("ctrl+z")
        assert user.shown == ["eno", "owt", "eerht"]
        await user.work()
        assert translator.asked == []


async def test_lines_typed_before_the_model_is_open_are_translated_then(tmp_path: Path) -> None:
    async with using_translate(tmp_path) as user:
        await user.type("home")
        await user.open_model("one", FakeTranslator())
        await user.work()
        assert user.shown == ["emoh"]


# Rows.


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_a_line_begins_on_the_same_row_on_both_sides(tmp_path: Path, size: tuple[int, int]) -> None:
    async with using_translate(tmp_path, FakeTranslator(sign="?" * 100), size=size) as user:
        await user.fill(f"first\n{LONG}\n\nlast")
        await user.work()
        assert user.row("first") == user.row("tsrif") and user.row("last") == user.row("tsal")
        assert user.row("last") > user.row("first") + 3  # the translation of the first takes some rows
        user.tab.editor.move_cursor((0, 0))
        await user.pilot.press("down")
        assert user.tab.editor.cursor_location[0] == 1
        await user.pilot.press("end", "x", "up")
        assert user.row("last") == user.row("tsal")


async def test_both_sides_scroll_together(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("\n".join(f"line {number}" for number in range(40)))
        await user.work()
        user.tab.editor.move_cursor((39, 0))
        await wait_until(user.pilot, lambda: "enil 93" in user.screen)
        assert user.row("line 39") == user.row("enil 93")
        user.tab.results.focus()
        await user.pilot.press("ctrl+home")
        await wait_until(user.pilot, lambda: "line 0 " in user.screen)
        assert user.row("line 1 ") == user.row("enil 1 ")
        assert user.tab.editor.cursor_location[0] == user.tab.results.cursor_location[0]


async def test_a_line_that_scrolls_can_be_added_while_others_wait_to_be_translated(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("\n".join(f"line {number}" for number in range(40)))
        user.tab.editor.move_cursor(user.tab.editor.document.end)
        await wait_until(user.pilot, lambda: user.tab.editor.scroll_offset.y > 0)
        user.worker._running = (user.session._request.cache_key, {"line 0"})
        user.tab.editor.insert("\nwarm")
        user.tab._scrolled()  # before the session knows of the line, as when the cursor's move scrolls
        await wait_until(user.pilot, lambda: len(user.session.lines) == 41)
        await user.work()
        assert user.shown[-1] == "mraw"


async def test_a_new_text_can_be_begun_far_down_while_lines_wait_to_be_translated(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("\n".join(f"line {number}" for number in range(40)))
        user.tab.editor.move_cursor((39, 0))
        await wait_until(user.pilot, lambda: user.tab.editor.scroll_offset.y > 0)
        assert user.session.is_computing
        await user.pilot.press("f12")
        await wait_until(user.pilot, lambda: user.session.lines == [""])
        await user.type("warm")
        await user.work()
        assert user.shown == ["mraw"] and user.row("warm") == user.row("mraw")


async def test_rows_that_are_painted_while_a_line_is_typed_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aligned_text_area, "_CACHED_ROWS", 8)
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.type("a line that is typed")
        assert 0 < len(user.tab.editor._line_cache) <= 8
        assert "a line that is typed" in user.screen


async def test_a_resize_keeps_the_rows_together(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator(), size=(140, 40)) as user:
        await user.fill(f"{LONG}\nlast")
        await user.work()
        before = user.row("last")
        await user.pilot.resize_terminal(80, 24)
        await wait_until(user.pilot, lambda: user.row("last") > before)
        await user.pilot.pause()
        assert user.row("last") == user.row("tsal")


# Hypotheses and settings.


async def test_another_hypothesis_can_be_chosen_by_key_and_by_mouse(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("one\ntwo")
        await user.work()
        hypotheses = user.tab.query_one(HypothesisList)
        assert [str(option.prompt).split() for option in hypotheses.options][1] == ["-1.50", "eno!"]
        await user.pilot.press("ctrl+n")
        assert user.shown == ["eno!", "owt"]
        hypotheses.focus()
        await user.pilot.press("down", "enter")
        assert user.shown == ["eno!!", "owt"]
        await user.pilot.click(HypothesisList, offset=(12, 3))
        await wait_until(user.pilot, lambda: user.shown == ["eno!!!", "owt"])
        user.tab.editor.focus()
        await user.pilot.press("down", "x", "backspace", "up")
        await user.work()
        assert user.shown == ["eno!!!", "owt"]


async def test_the_settings_act_at_once(tmp_path: Path) -> None:
    translator = FakeTranslator()
    async with using_translate(tmp_path, translator) as user:
        await user.fill("one")
        await user.work()
        assert (translator.settings[-1].beam, translator.settings[-1].n_best) == (5, 5)
        user.tab.query_one("#beam").focus()
        await user.pilot.press("6", "4", "enter")
        await user.work()
        assert translator.settings[-1].beam == 64
        await user.pilot.press("home")
        await user.work()
        assert (translator.settings[-1].beam, translator.settings[-1].n_best) == (1, 1)
        assert user.tab.query_one(HypothesisList).option_count == 1
        user.tab.query_one("#length_penalty").focus()
        await user.pilot.press("right")
        await user.work()
        assert translator.settings[-1].length_penalty == pytest.approx(1.1)


# Attention.


def highlighted(user: LineTabUser, side: str) -> list[str]:
    area: Any = user.tab.query_one(f"#{side}")
    line = area.encoded_lines[area._highlighted_line]
    return [line[start:end] for start, end, _ in area._word_highlights]


async def test_the_matrix_opens_closes_and_follows_the_cursor(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator(), size=(140, 40)) as user:
        await user.fill("go home")
        await user.work()
        assert not user.tab.matrix.display
        await user.pilot.press("f9")
        await wait_until(user.pilot, lambda: "g o ␣ h o m e </s>" in user.screen)
        assert "█" in user.screen.split("\n")[user.row("g o ␣") + 1]
        assert list(user.tab.matrix._highlighted_columns) == [0, 1]
        user.tab.results.focus()
        user.tab.results.move_cursor((0, 4))
        await user.pilot.pause()
        assert list(user.tab.matrix._highlighted_rows) == [3, 4, 5, 6]
        await user.pilot.press("f9")
        assert not user.tab.matrix.display


async def test_the_words_that_belong_to_the_word_at_the_cursor_are_highlighted(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("first\n  go home now")
        await user.work()
        user.tab.editor.move_cursor((1, 6))
        await user.pilot.pause()
        assert highlighted(user, "translation") == ["emoh"] and highlighted(user, "source") == []
        user.tab.results.focus()
        user.tab.results.move_cursor((1, 1))
        await user.pilot.pause()
        assert highlighted(user, "source") == ["go"] and highlighted(user, "translation") == []
        await user.pilot.press("ctrl+right", "ctrl+right", "ctrl+right")
        assert highlighted(user, "source") == ["now"]
        await user.pilot.press("up")
        assert highlighted(user, "source") == ["first"]


async def test_the_attention_of_a_line_is_that_of_the_sentence_at_the_cursor(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("  go on; 42; now then")
        await user.work()
        assert user.shown == ["og no; 42; won neht"]
        await user.pilot.press("f9")
        source, target, matrix = user.tab.editor, user.tab.results, user.tab.matrix
        source.move_cursor((0, 14))
        await wait_until(user.pilot, lambda: list(matrix._highlighted_columns) == [0, 1, 2])
        assert matrix._grid.column_labels == [*"now", "␣", *"then", "</s>"]
        assert highlighted(user, "translation") == ["won"]
        source.move_cursor((0, 5))
        await wait_until(user.pilot, lambda: matrix._grid.column_labels == [*"go", "␣", *"on", "</s>"])
        assert highlighted(user, "translation") == ["no"]
        source.move_cursor((0, 9))
        await wait_until(user.pilot, lambda: "Copied unchanged" in user.screen)
        assert highlighted(user, "translation") == []
        target.focus()
        target.move_cursor((0, 16))
        await wait_until(user.pilot, lambda: list(matrix._highlighted_rows) == [4, 5, 6, 7])
        assert highlighted(user, "source") == ["then"]


async def test_a_line_that_passes_unchanged_is_shown_as_such(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("42\nnow")
        await user.work()
        assert user.shown == ["42", "won"] and "line 1: unchanged" in user.status
        await user.pilot.press("down")
        assert "unchanged" not in user.status


async def test_hypotheses_of_a_line_are_combined_from_those_of_its_sentences(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("one; two")
        await user.work()
        await user.pilot.press("ctrl+n")
        assert user.shown == ["eno; owt!"]
        await user.pilot.press("ctrl+n")
        assert user.shown == ["eno!; owt"]


async def test_a_model_without_attention_says_so(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator(attention=False)) as user:
        await user.fill("one")
        await user.work()
        await user.pilot.press("f9")
        await wait_until(user.pilot, lambda: "trained without attention" in user.screen)
        assert highlighted(user, "translation") == []


async def test_a_large_matrix_scrolls_and_keeps_its_labels_in_place(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill(LONG)
        await user.work()
        await user.pilot.press("f9")
        user.tab.results.focus()
        user.tab.results.move_cursor((0, 0))
        await user.pilot.press("ctrl+end")
        await wait_until(user.pilot, lambda: user.tab.matrix.scroll_offset.y > 40)
        assert user.screen.count("█") == 1  # in the scale
        user.tab.editor.focus()
        user.tab.editor.move_cursor((0, len(LONG)))
        await wait_until(user.pilot, lambda: user.tab.matrix.scroll_offset.x > 60 and user.screen.count("█") > 1)


# Models.


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two Seq2Seq runs with weights, and a language model."""
    for name in ("copies", "letters"):
        write_weights(make_pair_run(tmp_path, copy_rows(60), name))
    make_run(tmp_path / "checkpoints", "prose")
    return tmp_path / "checkpoints"


async def test_choosing_a_model_offers_seq2seq_runs_and_translates_anew(tmp_path: Path, runs: Path) -> None:
    app = RnntuiApp(runs, "copies", first="translate")
    async with app.run_test() as pilot:
        user = LineTabUser(app, pilot, "translate")
        await wait_until(pilot, lambda: user.session.model is not None)
        await user.type("abc")
        await wait_until(pilot, lambda: user.session.total_count == user.session.done_count == 1)
        await pilot.press("f5")
        await wait_until(pilot, lambda: isinstance(app.screen, PickScreen))
        assert "copies" in user.screen and "letters" in user.screen and "prose" not in user.screen
        await pilot.press("up", "down", *(["down"] if app.screen._choices[0].startswith("copies") else ["up"]), "enter")  # type: ignore[attr-defined]
        await wait_until(pilot, lambda: user.session.run_name == "letters")
        assert user.session.text == "abc"
        await wait_until(pilot, lambda: user.session.total_count == user.session.done_count == 1)


async def test_the_chat_tab_does_not_offer_seq2seq_runs(runs: Path) -> None:
    app = RnntuiApp(runs, "prose")
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.tabs["chat"].session.conversations)  # type: ignore[attr-defined]
        await pilot.press("f5")
        await wait_until(pilot, lambda: isinstance(app.screen, PickScreen))
        assert [choice.split()[0] for choice in app.screen._choices if "copies" in choice or "letters" in choice] == []  # type: ignore[attr-defined]


async def test_the_train_tab_opens_a_seq2seq_run_in_the_translate_tab(runs: Path) -> None:
    app = RnntuiApp(runs, "prose")
    async with app.run_test() as pilot:
        user = LineTabUser(app, pilot, "translate")
        await pilot.press("f3")
        for name in ("copies", "letters"):
            await wait_until(pilot, lambda: app.query("#runs") and app.query_one("#runs").option_count > 2)  # type: ignore[attr-defined]
            app.query_one("#runs").go_to(str(runs / name))  # type: ignore[attr-defined]
            await pilot.press("c")
            await wait_until(pilot, lambda: "translate" in app.tabs)
            await wait_until(pilot, lambda name=name: user.session.run_name == name and user.session.model)
            assert app.query_one("#tabs").current == "translate"  # type: ignore[attr-defined]
            await pilot.press("f3")


async def test_the_chat_command_opens_a_seq2seq_run_in_the_translate_tab(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnntui.cli.main import run

    opened: list[RnntuiApp] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    def open_app(app: RnntuiApp) -> None:
        opened.append(app)

    monkeypatch.setattr(RnntuiApp, "run", open_app)
    assert run(["chat", "copies", "--checkpoints", str(runs)]) == 0
    assert run(["chat", "prose", "--checkpoints", str(runs)]) == 0
    assert [app._first for app in opened] == ["translate", "chat"]


async def test_without_a_model_the_status_line_says_how_to_get_one(tmp_path: Path) -> None:
    async with using_translate(tmp_path) as user:
        await user.type("on")
        assert "rnntui train-seq2seq" in user.status and not user.notices
        await user.pilot.press("f9", "ctrl+n", "escape", "ctrl+g", "f9")
        assert user.app.is_running and user.session.text == "on"


async def test_a_broken_model_is_reported(tmp_path: Path, runs: Path) -> None:
    (runs / "letters" / "model.safetensors").write_bytes(b"nonsense")
    async with using_translate(tmp_path, FakeTranslator()) as user:
        user.tab.open_run(str(runs / "letters"))
        await wait_until(user.pilot, lambda: "Cannot open the model" in user.notices)
        await user.type("home")
        await user.work()
        assert user.shown == ["emoh"] and user.session.run_name == "one"


async def test_the_tab_is_created_and_its_model_read_when_it_is_first_opened(runs: Path) -> None:
    app = RnntuiApp(runs, "prose")
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: app.tabs["chat"].session.conversations)  # type: ignore[attr-defined]
        assert "translate" not in app.tabs
        await pilot.press("f4")
        translate = app.tabs["translate"]
        assert isinstance(translate, TranslateTab)
        await wait_until(pilot, lambda: translate.session.model is not None)
        assert app.focused is translate.editor
        await pilot.press("f2")
        assert app.query_one("#tabs").current == "chat"  # type: ignore[attr-defined]


# Errors and warnings.


async def test_a_failed_search_is_reported(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator(fails="bad")) as user:
        await user.fill("good\nbad")
        user.tab.editor.move_cursor((1, 0))
        await user.work()
        assert user.shown == ["doog", ""]
        assert "bad: FloatingPointError: overflow" in user.notices
        assert "line 2: FloatingPointError: overflow" in user.status


async def test_the_status_line_names_unknown_characters_of_the_line_at_the_cursor(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator(letters="ab ")) as user:
        await user.fill("ab\naж")
        await user.work()
        assert "unknown" not in user.status
        user.tab.editor.move_cursor((1, 0))
        await user.pilot.pause()
        assert "line 2: ['ж'] unknown" in user.status


async def test_a_long_text_is_translated_in_batches_and_can_be_stopped(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        text = "\n".join(f"line {number}" for number in range(200))
        user.app.post_message(Paste(text))
        await wait_until(user.pilot, lambda: len(user.session.lines) == 200)
        user.worker.work()
        user.worker.work()
        await user.pilot.pause()
        assert "translated 9 of 200 lines" in user.status
        # The cursor is at the end of what was pasted, and what is in view there comes first.
        await wait_until(user.pilot, lambda: "line 199" in user.screen and "enil 991" in user.screen)
        await user.pilot.press("escape")
        assert "stopped; translated 9 of 200 lines" in user.status
        assert not user.worker.work()
        await user.type("x")
        await user.work()
        assert "translated 200 lines" in user.status and user.shown[17] == "enil 71"


# The text as a whole.


async def test_the_translation_is_copied(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("one\n\ntwo")
        await user.work()
        await user.pilot.press("ctrl+g")
        assert user.app.clipboard == "eno\n\nowt"
        await user.pilot.press("tab", "ctrl+home", "shift+right", "shift+right", "ctrl+g")
        assert user.app.clipboard == "en"


async def test_source_and_translation_are_saved_and_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.pilot.press("ctrl+s")
        assert "nothing to save" in user.notices
        await user.fill("one\ttwo\n\nthree")
        await user.work()
        await user.pilot.press("ctrl+s")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, AskScreen))
        user.app.screen.query_one(Input).value = "taken.tsv"
        Path("taken.tsv").write_text("mine")
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: "taken.tsv exists already; Enter again overwrites it" in user.screen)
        assert Path("taken.tsv").read_text() == "mine"
        await user.pilot.press("end", "x")  # another name has to be confirmed again
        assert "exists already" not in user.screen
        await user.pilot.press("backspace", "enter", "enter")
        await wait_until(user.pilot, lambda: "Saved: taken.tsv" in user.notices)
        assert Path("taken.tsv").read_text() == "one two\towt eno\n\t\nthree\teerht\n"
        await user.pilot.press("ctrl+s")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, AskScreen))
        assert user.app.screen.query_one(Input).value == "one-1.tsv"


async def test_the_source_is_restored_the_next_time(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.type("go")
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.work()
        assert user.session.text == "go" and user.shown == ["og"]
        user.tab.drafts.save()
        assert user.session.drafts.pending() is None  # it is saved already
        await user.pilot.press("f12")
        await user.type("new")
        user.tab.drafts.save()
        await wait_until(user.pilot, lambda: len(list(sources_folder().glob("*.txt"))) == 2)
        await user.pilot.press("ctrl+o", "ctrl+o")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, TextBrowser))
        Path("other.tsv").write_text("drei\tthree\nvier\tfour\n")
        user.app.screen.query_one("#line", Input).value = "other.tsv"
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.session.lines == ["drei", "vier", ""])
    texts = {path.read_text() for path in sources_folder().glob("*.txt")}
    assert texts == {"go", "new", "drei\nvier\n"}


async def test_subtitles_open_as_lines_and_say_where_their_times_are_kept(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.pilot.press("ctrl+o", "ctrl+o")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, TextBrowser))
        Path("film.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\n<i>go\non</i>\n\n")
        user.app.screen.query_one("#line", Input).value = "film.srt"
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.session.lines == ["go on"])
        await wait_until(user.pilot, lambda: "rnntui translate film.srt" in user.notices)


async def test_a_failed_autosave_is_reported(tmp_path: Path, own_settings: Path) -> None:
    own_settings.parent.touch()  # a file where the folder should be
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.type("home")
        user.tab.drafts.save()
        await wait_until(user.pilot, lambda: "Autosave failed" in user.notices)
        assert user.app.is_running


async def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.type("home")
        await user.pilot.press("ctrl+o", "ctrl+o")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, TextBrowser))
        user.app.screen.query_one("#line", Input).value = "none.txt"
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: "none.txt: no such file" in user.screen)
        assert user.session.text == "home" and user.app.screen.query_one("#line", Input).value == "none.txt"


# Untrusted text.


async def test_control_characters_in_source_translation_and_name_do_not_reach_the_terminal(tmp_path: Path) -> None:
    hostile = "a\x1b[31mb\u202ec [red]d \x85e\u2028f"
    translator = FakeTranslator(sign="\x1b]0;x\x07\u202e[b]", letters="ab")
    async with using_translate(tmp_path, translator, size=(140, 40)) as user:
        user.session.run_name = "[red]x\x1b[2J"
        user.app.post_message(Paste(hostile + "\r\nsecond"))
        await wait_until(user.pilot, lambda: len(user.session.lines) == 2)
        user.tab.editor.move_cursor((0, 0))
        await user.work()
        assert user.session.text == hostile + "\nsecond" and [hostile] in translator.asked
        await user.pilot.press("f9")
        await user.pilot.pause()
        for character in "\x1b\x07\u202e\u2028\x85\r":
            assert character not in user.screen.replace("\n", "")
        await user.pilot.press("ctrl+g")
        assert "\x1b]0;x\x07" in user.app.clipboard
        assert user.app.is_running


def test_textual_has_the_private_methods_that_the_panes_override_or_call() -> None:
    for name in ("_rewrap_and_refresh_virtual_size", "_refresh_size", "_render_line",
                 "_recompute_cursor_offset"):  # fmt: skip
        assert hasattr(TextArea, name)

"""The Chat tab, as a person uses it."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from chatting import chatting
from textual import events
from textual.geometry import Region
from textual.widgets import Input, OptionList, TextArea
from tiny_runs import make_run
from waiting import wait_until

from rnntui.cli.sample import command as sample_command
from rnntui.config_generation import NEW_SEED, PRESETS, UNLIMITED_LENGTH, GenerationConfig, SamplingConfig
from rnntui.sessions.saved_transcript import turn_lines
from rnntui.sessions.transcript import Transcript, Turn
from rnntui.tui.app import RnntuiApp
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.settings_panel import SettingsPanel
from rnntui.tui.chat.sliders import make_sliders
from rnntui.tui.chat.tab import ChatTab
from rnntui.tui.screens.dialogs import AskScreen, EditScreen, PickScreen
from rnntui.tui.widgets.stream_view import StreamView


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A checkpoints folder with three runs; `tiny` is the newest."""
    folder = tmp_path / "runs"
    make_run(folder, "other", seed=2)
    make_run(folder, "turns", speakers=("A", "B"))
    make_run(folder, "tiny")
    return folder


def screen_text(app: RnntuiApp) -> str:
    """The lines on the screen."""
    width, height = app.size
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip)[:width] for strip in lines[:height])


async def test_enter_lets_the_model_go_on_from_what_is_typed(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press(*"Hello", "enter")
        assert user.app.query_one(Prompt).text == ""
        await user.write()
        assert user.text.startswith("Hello") and len(user.text) == 45
        assert "Hello" in screen_text(user.app)


async def test_an_empty_line_lets_the_model_go_on(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.press("enter")
        await user.write()
        assert len(user.text) == 85
        await user.pilot.press("ctrl+n")
        await user.write()
        assert len(user.text) == 125


async def test_a_line_break_in_the_prompt_is_typed_by_its_own_key(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("o", "n", "e", "ctrl+j")
        await user.say("two")
        assert user.text == "one\ntwo"


async def test_escape_stops_reading_too_and_what_follows_reads_first(runs: Path) -> None:
    async with chatting(runs) as user:
        user.chat.say("word " * 100)
        user.work(2)
        assert user.conversation.unread > 300
        await user.pilot.press("escape")
        user.work(10)
        assert user.conversation.unread == 0 and user.text == "word " * 100
        await user.pilot.press("ctrl+n")
        await user.write()
        assert len(user.text) == 540


async def test_escape_stops_at_once_and_keeps_the_text(runs: Path) -> None:
    async with chatting(runs, length=UNLIMITED_LENGTH) as user:
        await user.say("Hello")
        user.work(20)
        shown = user.text
        await user.pilot.press("escape")
        user.work(50)
        assert user.text == shown and len(shown) > 10
        assert "ready" in screen_text(user.app)


async def test_the_status_line_says_that_a_turn_has_ended_however_short_it_was(runs: Path) -> None:
    async with chatting(runs) as user:
        user.chat.say("word " * 30)
        user.work(200)  # the whole turn, before the screen looks for the first time
        await user.pilot.pause()
        assert len(user.text) == 190 and "tiny · ready" in screen_text(user.app)
        assert user.chat.session.take_back_last_prompt()
        user.chat.action_undo()
        user.work(200)  # it is read again
        await user.pilot.pause()
        assert len(user.text) == 190 and "tiny · ready" in screen_text(user.app)


async def test_again_writes_the_last_turn_with_another_seed(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("ctrl+r")
        await user.told("nothing yet")
        await user.say("Hello")
        await user.write()
        first = user.text
        user.conversation.seed = None
        await user.pilot.press("ctrl+r")
        await user.write()
        assert user.text != first and user.text.startswith("Hello") and len(user.text) == 45


async def test_the_last_line_comes_back_to_be_edited(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("one")
        await user.write()
        before = user.text
        await user.say("two")
        await user.write()
        await user.pilot.press("ctrl+l")
        assert user.app.query_one(Prompt).text == "two"
        assert user.text == before
        await user.say("!")
        assert user.text == before + "\ntwo!"


async def test_the_text_itself_can_be_edited(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.press("f10")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, EditScreen))
        user.app.screen.query_one(TextArea).text = "Quite another text"
        await user.pilot.press("ctrl+s")
        await wait_until(user.pilot, lambda: not isinstance(user.app.screen, EditScreen))
        assert user.text == "Quite another text"
        await user.pilot.press("ctrl+n")
        await user.write()
        assert user.text.startswith("Quite another text") and len(user.text) == 58


async def test_the_keyboard_rewinds_to_a_place_in_the_text(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        user.pane.text.focus()
        await user.pilot.press("ctrl+home", *["right"] * 12, "enter")
        assert user.text == before[:12]
        assert user.app.focused is user.app.query_one(Prompt)
        assert user.conversation.unread <= 64


async def test_what_cut_the_text_can_be_taken_back(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        user.pane.text.focus()
        await user.pilot.press("ctrl+home", "right", "enter")
        assert user.text == "H"
        user.pane.text.focus()
        await user.pilot.press("ctrl+z")
        assert user.text == before
        await user.pilot.press("ctrl+y")
        assert user.text == "H"
        await user.pilot.press("escape", "ctrl+z")
        assert user.text == before
        await user.pilot.press("a", "ctrl+z", "ctrl+y")  # the prompt redoes its own typing first
        assert user.chat.prompt.text == "a" and user.text == before
        await user.pilot.press("ctrl+z", "ctrl+z")
        await user.told("nothing to undo")


async def test_a_click_puts_the_cursor_and_shows_what_else_could_stand_there(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.click(user.pane.text, offset=(3, 0))
        await wait_until(user.pilot, lambda: "%" in str(user.app.query_one("#alternatives").render()))
        assert user.pane.text.cursor == 2
        assert str(user.app.query_one("#alternatives").render()).startswith("l  ")


async def test_a_digit_branches_into_an_alternative(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        alternatives = user.conversation.alternatives(20)
        number = next(n for n, a in enumerate(alternatives, start=1) if a.text != before[20])
        user.pane.text.focus()
        user.pane.text.cursor = 20
        # They are found in a thread; a digit does nothing before they are shown.
        await wait_until(user.pilot, lambda: "%" in str(user.app.query_one("#alternatives").render()))
        await user.pilot.press(str(number))
        assert user.text == before[:20] + alternatives[number - 1].text
        await user.write()
        assert len(user.text) == 61


async def test_a_slider_acts_on_the_very_next_token(runs: Path) -> None:
    async with chatting(runs, length=UNLIMITED_LENGTH) as user:
        await user.say("Hello")
        user.work(11)
        temperature = user.app.query_one("#temperature")
        temperature.focus()
        await user.pilot.press("home")
        user.work(10)
        changes = user.conversation.transcript.turns[-1].settings
        assert [(at, s.temperature) for at, s in changes] == [(5, 0.8), (15, 0.0)]


async def test_up_and_down_move_between_sliders_and_stay_the_prompts_own(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.press("up")  # the line sent before
        assert user.chat.prompt.text == "Hello" and user.app.focused is user.chat.prompt
        user.app.query_one("#temperature").focus()
        await user.pilot.press("down", "down", "up")
        assert user.app.focused is user.app.query_one("#top_k")
        await user.pilot.press("x")
        assert user.app.focused is user.chat.prompt and user.chat.prompt.text == "Hellox"


async def test_presets_set_all_sliders(runs: Path) -> None:
    async with chatting(runs) as user:
        assert user.conversation.sampling == PRESETS["balanced"]
        await user.pilot.press("f8")
        assert user.conversation.sampling == PRESETS["wild"]
        await user.pilot.press("f8")
        assert user.conversation.sampling == PRESETS["careful"]
        assert user.app.query_one("#temperature").value == 0.5  # type: ignore[attr-defined]


SETTINGS = {
    "temperature": 1.5, "top_k": 20, "top_p": 0.9, "min_p": 0.1, "repetition_penalty": 1.3, "repetition_window": 32,
    "length": 200, "chars_per_second": 100,
}  # fmt: skip


async def test_every_setting_has_a_slider_that_sets_it(runs: Path) -> None:
    assert set(SETTINGS) == {field.name for config in (SamplingConfig, GenerationConfig) for field in fields(config)}
    async with chatting(runs) as user:
        for name, value in {**SETTINGS, "seed": 3}.items():
            user.app.query_one(f"#{name}").value = value  # type: ignore[attr-defined]
        await user.pilot.pause()
        settings = user.app.query_one(SettingsPanel).settings
        assert settings == user.chat.session.settings and settings.seed == 3
        for name, value in SETTINGS.items():
            config = settings.generation if hasattr(settings.generation, name) else settings.sampling
            assert getattr(config, name) == value
        user.app.query_one("#seed").value = NEW_SEED  # type: ignore[attr-defined]
        await user.pilot.pause()
        assert user.chat.session.settings.seed is None


def test_every_sampling_setting_has_a_slider_a_flag_and_a_json_key() -> None:
    settings = {field.name for field in fields(SamplingConfig)}
    assert settings <= {slider.name for slider in make_sliders()}
    assert settings <= {parameter.name for parameter in sample_command.params}
    transcript = Transcript()
    transcript.begin_turn(Turn("model", 0, "run", 1, [(0, SamplingConfig())]))
    transcript.append([1], ["x"])
    (saved,) = json.loads(turn_lines(transcript))["settings"]
    assert settings | {"token"} == set(saved)


async def test_another_model_reads_the_text_and_goes_on(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        await user.pilot.press("f5")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, PickScreen))
        options = user.app.screen.query_one(OptionList)
        names = [str(options.get_option_at_index(i).prompt) for i in range(options.option_count)]
        assert len(names) == options.option_count >= 3
        # Typing leaves the choices with these words.
        await user.pilot.press(*"oxx")
        assert not options.get_option_at_index(0).id
        await user.pilot.press("backspace", "backspace", *"ther")
        assert options.option_count == 1 and str(options.get_option_at_index(0).prompt).startswith("other")
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.conversation.name == "other")
        assert user.text == before
        await user.write()
        await user.pilot.press("ctrl+n")
        await user.write()
        assert user.text.startswith(before) and len(user.text) == len(before) + 40


async def test_a_model_that_vanishes_or_breaks_is_told_and_nothing_is_lost(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        (runs / "other" / "model.safetensors").write_bytes(b"broken")
        user.chat.open_run("other")
        await user.told("Cannot open the model")
        (runs / "turns" / "model.safetensors").unlink()
        user.chat.open_run("turns")
        await user.told("turns has no weights yet")
        shutil.rmtree(runs / "turns")
        user.chat.open_run("turns")
        await user.told("no run 'turns'")
        assert user.text == before
        await user.pilot.press("ctrl+n")
        await user.write()
        assert len(user.text) == len(before) + 40


async def test_without_any_model_the_app_stands_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnntui.runs.lookup.shipped_runs", lambda: [])
    app = RnntuiApp(tmp_path)
    async with app.run_test() as pilot:
        await wait_until(pilot, lambda: "no trained run" in "".join(n.message for n in app._notifications))
        assert "no model" in screen_text(app)
        for key in ("escape", "ctrl+n", "ctrl+r", "ctrl+l", "ctrl+o", "ctrl+g", "ctrl+s", "f12", "f6", "f7", "f9"):
            await pilot.press(key)
        assert app.is_running


# Comparing.


async def test_the_settings_are_those_of_the_active_pane(runs: Path) -> None:
    async with chatting(runs, size=(140, 40)) as user:
        await user.pilot.press("f6")
        user.app.query_one("#temperature").value = 1.7  # type: ignore[attr-defined]
        await user.pilot.pause()
        first, second = user.conversations
        assert first and second
        assert (first.sampling.temperature, second.sampling.temperature) == (0.8, 1.7)
        await user.pilot.click(user.panes[0].text)
        assert user.app.query_one("#temperature").value == 0.8  # type: ignore[attr-defined]


async def test_there_are_one_to_four_panes(runs: Path) -> None:
    async with chatting(runs, size=(140, 40)) as user:
        await user.pilot.press("f7")
        await user.told("only pane")
        await user.pilot.press("f6", "f6", "f6", "f6")
        await user.told("Four panes at most.")
        assert len(user.panes) == 4
        await user.pilot.press("f7", "f7", "f7")
        assert len(user.panes) == 1 and user.pane.has_class("-active")


async def test_the_settings_make_room_where_it_is_narrow(runs: Path) -> None:
    async with chatting(runs, size=(80, 24)) as user:
        panel = user.app.query_one(SettingsPanel)
        assert panel.display and panel.region.width == 30
        await user.pilot.press("f6")
        assert panel.region.width == 0
        assert [pane.region.width for pane in user.panes] == [40, 40]
        await user.pilot.press("f7")
        assert panel.region.width == 30
        await user.pilot.press("ctrl+b")
        assert panel.region.width == 0
        await user.pilot.press("ctrl+b")
        assert panel.region.width == 30
        await user.pilot.press("f6", "ctrl+b", "ctrl+b")
        await user.told("No room for the settings")


# Keeping.


async def test_saving_writes_the_text_and_its_turns(runs: Path, tmp_path: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("ctrl+s")
        await user.told("nothing to save")
        await user.say("Hello")
        await user.write()
        await user.pilot.press("ctrl+s")
        await wait_until(user.pilot, lambda: isinstance(user.app.screen, AskScreen))
        assert user.app.screen.query_one(Input).value == "tiny-1.txt"
        await user.pilot.press("enter")
        await user.told("Saved")
        assert (tmp_path / "tiny-1.txt").read_text() == user.text
        turns = [json.loads(line) for line in (tmp_path / "tiny-1.jsonl").read_text().splitlines()]
        assert [(turn["role"], turn.get("seed"), turn.get("run")) for turn in turns] == [
            ("prompt", None, None),
            ("model", 7, "tiny"),
        ]


def kept(settings: Path) -> list[str]:
    """The texts that are kept."""
    return sorted(path.read_text() for path in settings.with_name("texts").glob("*.txt"))


async def test_leaving_keeps_the_text_and_reopening_goes_on_with_it(runs: Path, own_settings: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        await user.pilot.press("ctrl+q")
    assert kept(own_settings) == [before]
    assert "rnntui chat --reopen" in user.chat.exit_message
    async with chatting(runs) as user:
        await user.pilot.press("ctrl+o")
        await wait_until(user.pilot, lambda: "Hello" in screen_text(user.app))
        await user.pilot.press("enter")
        await wait_until(user.pilot, lambda: user.text == before)
        assert [turn.role for turn in user.conversation.transcript.turns] == ["prompt", "model"]


async def test_the_app_can_begin_with_the_last_text(runs: Path, own_settings: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
    app = RnntuiApp(runs, reopen=True)
    async with app.run_test() as pilot:
        await wait_until(
            pilot,
            lambda: (
                app.query_one(ChatTab).session.conversations
                and app.query_one(ChatTab).session.conversations[0].transcript.text == before
            ),
        )


async def test_copying_takes_the_whole_text(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        await user.pilot.press("ctrl+g")
        assert user.app.clipboard == user.text


async def test_finding_goes_through_the_places(runs: Path) -> None:
    async with chatting(runs) as user:
        user.conversation.replace("one two one three one")
        user.pane.update()
        for key in ("ctrl+f", "o", "n", "e"):  # typed faster than they are handled
            user.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await user.pilot.pause()
        assert "3 found" in screen_text(user.app)
        first = user.pane.text.current_match
        await user.pilot.press("down")
        second = user.pane.text.current_match
        await user.pilot.press("up")
        assert first == user.pane.text.current_match != second
        await user.pilot.press("enter")
        assert user.pane.text.current_match == second
        await user.pilot.press("escape")
        assert user.pane.text.matches == 0
        assert user.app.focused is user.app.query_one(Prompt)


# What is seen.


async def test_control_characters_are_shown_escaped(runs: Path) -> None:
    async with chatting(runs) as user:
        user.conversation.replace("safe \x1b[31m \u202e text")
        user.pane.update()
        await user.pilot.pause()
        shown = screen_text(user.app)
        assert r"\x1b[31m \u202e" in shown and "\x1b" not in shown


async def test_a_resize_loses_nothing(runs: Path) -> None:
    async with chatting(runs, length=300) as user:
        await user.say("Hello")
        await user.write()
        before = user.text
        for size in ((20, 8), (140, 40), (5, 3), (80, 24)):
            await user.pilot.resize_terminal(*size)
            await user.pilot.pause()
        assert user.text == before
        assert before[-8:].split("\n")[-1] in screen_text(user.app)


async def test_a_list_survives_a_terminal_of_no_width(runs: Path) -> None:
    async with chatting(runs) as user:
        for key in ("f5", "ctrl+p"):
            await user.pilot.press(key)
            await wait_until(user.pilot, lambda: len(user.app.screen_stack) == 2)
            for size in ((4, 20), (1, 1), (80, 24)):
                await user.pilot.resize_terminal(*size)
                await user.pilot.pause()
            await user.pilot.press("escape")
            await wait_until(user.pilot, lambda: len(user.app.screen_stack) == 1)


async def test_a_notice_is_not_shown_twice_at_once(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.pilot.press("ctrl+r", "ctrl+r", "ctrl+r")
        assert user.notices.count("nothing yet") == 1


async def test_surprisal_colours_the_text_and_is_switched_off_again(runs: Path) -> None:
    async with chatting(runs) as user:
        await user.say("Hello")
        await user.write()
        plain = backgrounds(user.pane.text)
        await user.pilot.press("f9")
        assert len(backgrounds(user.pane.text)) > len(plain) + 2
        await user.pilot.press("f9")
        assert backgrounds(user.pane.text) == plain


def backgrounds(view: StreamView) -> set[str]:
    """The background colours in the first line of a view."""
    (strip,) = view.render_lines(Region(0, 0, view.size.width, 1))
    return {str(segment.style.bgcolor) for segment in strip if segment.style is not None}


async def test_a_failing_model_gives_a_notice(runs: Path) -> None:
    app = RnntuiApp(runs)
    async with app.run_test() as pilot:
        chat = app.query_one(ChatTab)
        await wait_until(pilot, lambda: chat.session.conversations)

        def fail(*_: object) -> None:
            raise ValueError("out of order")

        chat.session.conversations[0]._cursor.generation.step = fail  # type: ignore[method-assign, assignment]
        chat.say("x")
        await wait_until(pilot, lambda: any("out of order" in n.message for n in app._notifications))
        assert app.is_running
